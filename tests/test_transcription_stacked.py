"""Tables of ratios and curves in blocks, each of other patients, and references said in a label."""

import pytest

from crlm import ledger
from crlm.transcription import claims_of

#: As PMC5797014 prints its Table 3.
HEADS = ["", "Patients", "Deaths", "MST (months)", "P Valuea", "95%CI"]
BLOCKS = [
    ["Women", "", "", "", "", ""],
    ["No. of patients", "783", "316", "", "", ""],
    ["RAS wild type", "546", "170", "28.45", "", ""],
    ["RAS mutant", "237", "146", "15.17", "<0.001", "2.792(2.234,3.491)"],
    ["Men", "", "", "", "", ""],
    ["No. of patients", "783", "327", "", "", ""],
    ["RAS wild type", "512", "183", "24.72", "", ""],
    ["RAS mutant", "271", "144", "16.13", "<0.001", "1.765(1.418, 2.197)"],
    ["Primary cohort", "", "", "", "", ""],
    ["RAS wild type", "1021", "328", "26.23", "", ""],
    ["RAS mutant", "545", "315", "16.27", "<0.001", "2.244(1.921, 2.621)"],
]


@pytest.fixture(scope="module")
def design():
    made = ledger.load_design("ncch_scp")
    women = {**made.models["OS"], "endpoint": "OS", "population": "sex=female"}
    made.models["OS_women"] = women
    made.columns["place"] = {"type": "category", "levels": ["a", "b", "c"], "label": "Location"}
    return made


def read(design, rows, layout="model", **more):
    return claims_of(rows, design, layout, place="table3", endpoint="OS", **more)


def test_blocks_of_ratios_are_each_of_the_patients_that_their_heading_names(design):
    made = read(design, [HEADS, *BLOCKS], named={"Primary cohort": "all"})
    assert not made.questions, made.questions
    ratios = [
        (c["population"], c["level"], c["printed"])
        for c in made.claims
        if c["statistic"] == "hazard_ratio" and c["field"] == "estimate"
    ]
    assert ratios == [
        ("sex=female", "mutant", "2.792"),
        ("sex=male", "mutant", "1.765"),
        ("all", "mutant", "2.244"),
    ]
    whole = [c for c in made.claims if "No. of patients" in c["locator"]]
    assert [(c["population"], c["statistic"], c["printed"]) for c in whole] == [
        ("sex=female", "n", "783"),
        ("sex=female", "events", "316"),
        ("sex=male", "n", "783"),
        ("sex=male", "events", "327"),
    ]


def test_a_heading_that_names_patients_in_no_word_of_the_design_is_asked_or_left_out(design):
    (told,) = read(design, [HEADS, *BLOCKS]).questions
    assert "the numbers below 'Primary cohort' are of other patients" in told
    assert "--is 'Primary cohort=all'" in told
    made = read(design, [HEADS, *BLOCKS], named={"Primary cohort": "-"})
    assert {c["population"] for c in made.claims} == {"sex=female", "sex=male"}


def test_blocks_of_curves_are_each_of_the_patients_that_their_heading_names(design):
    rows = [[*row[:1], *row[1:4]] for row in [HEADS, *BLOCKS[:8]] if row[0] != "No. of patients"]
    made = read(design, rows, "curves")
    assert not made.questions, made.questions
    medians = [
        (c["population"], c["group"], c["printed"])
        for c in made.claims
        if c["statistic"] == "median_survival"
    ]
    assert medians[::2] == [("sex=female", "ras=wild", "28.45"), ("sex=male", "ras=wild", "24.72")]


def test_references_without_a_cell_are_no_headings_of_patients(design):
    rows = [["", "HR (95% CI)"], ["Women", ""], ["Men", "1.20 (1.00-1.40)"]]
    rows += [["RAS wild type", ""], ["RAS mutant", "1.80 (1.20-2.70)"]]
    made = read(design, rows)
    assert not made.questions, made.questions
    assert {c["population"] for c in made.claims} == {"all"}


@pytest.mark.parametrize("said", ["(ref: male)", "[ref. male]", "(reference male)"])
def test_a_reference_that_a_label_says_is_what_its_ratio_is_against(design, said):
    rows = [["", "P", "HR (95% CI)"], [f"Sex {said}", "0.01", "1.30 (1.10-1.54)"]]
    made = read(design, rows)
    assert not made.questions, made.questions
    (ratio,) = [c for c in made.claims if c["field"] == "estimate" and c["statistic"] != "p"]
    assert (ratio["covariate"], ratio["level"]) == ("sex", "female")
    assert ratio.get("reference", "") == ""


def test_a_heading_that_says_its_reference_has_the_counts_of_it(design):
    """As PMC5797014 prints its Table 2: "No. of high risk tumor marker(ref:0)"."""
    rows = [
        ["", "Patients", "P", "HR (95% CI)"],
        ["Location(ref:a)", "525", "<0.001", ""],
        ["b", "610", "0.003", "1.352(1.110, 1.648)"],
        ["c", "339", "<0.001", "2.033(1.647, 2.510)"],
    ]
    made = read(design, rows)
    assert not made.questions and not made.left_out
    counts = {c["level"]: c["printed"] for c in made.claims if c["statistic"] == "n"}
    assert counts == {"a": "525", "b": "610", "c": "339"}
    joint = [c["printed"] for c in made.claims if c["statistic"] == "p" and not c["level"]]
    assert joint == ["<0.001"]


def test_a_label_against_one_of_several_levels_names_none_of_the_others(design):
    for label in ("Location (ref: a)", "Location vs a"):
        rows = [["", "HR (95% CI)"], [label, "2.535 (2.203, 2.917)"]]
        (told,) = read(design, rows).questions
        assert f"{label!r} names no level of place (a, b, c)" in told


def test_a_letter_behind_the_p_of_a_head_is_a_footnote(design):
    rows = [["", "Univariate Pa value", "Univariate HR (95% CI)"]]
    rows += [["RAS mutant", "0.012", "1.80 (1.20-2.70)"]]
    made = read(design, rows)
    assert not made.questions, made.questions
    assert [c["printed"] for c in made.claims if c["statistic"] == "p"] == ["0.012"]


def test_an_endpoint_in_the_place_of_a_covariate_is_asked(design):
    """PMC3778304, Table 3: a row "Overall survival" went in as a ratio of months."""
    rows = [["", "HR (95% CI)", "P"], ["Overall survival", "1.3 (1.1-1.6)", "0.010"]]
    made = read(design, rows)
    assert not made.claims
    assert "names os_months, which is no covariate of a model" in made.questions[0]


@pytest.fixture(scope="module")
def receptors(design):
    """Subgroups below headings of receptors, two end points beside each other (PMC2949642)."""
    made = ledger.load_design("ncch_scp")
    for name in ("er", "pr"):
        levels = ["negative", "positive"]
        label = f"{name} status"
        made.columns[name] = {"type": "category", "levels": levels, "label": label}
    return made


FOREST = [
    ["Tumour status", "RAS mutant versus wild type", "", "", "", "", ""],
    ["", "Distant recurrence", "", "", "Death", "", ""],
    ["", *["Hazard ratio (95% CI)", "P", "Pinteraction"] * 2],
    ["All patients", "0.50 (0.30 to 0.80)", "0.01", "", "0.60 (0.40 to 0.90)", "0.02", ""],
    ["ER-positive", "", "", "", "", "", ""],
    ["Male", "0.38 (0.23 to 0.60)", "0.001", "", "0.35 (0.20 to 0.60)", "0.002", ""],
    ["Female", "0.88 (0.47 to 1.65)", "0.69", "0.035", "0.84 (0.37 to 1.90)", "0.67", "0.060"],
    ["ER-positive, PR-negative", "", "", "", "", "", ""],
    ["Male", "0.69 (0.31 to 1.56)", "0.37", "", "0.64 (0.26 to 1.56)", "0.33", ""],
    ["Female", "0.89 (0.31 to 2.54)", "0.83", "0.51", "0.60 (0.17 to 2.13)", "0.43", "0.98"],
]
HEADED = {"Distant recurrence": "RFS", "Death": "OS"}


def forest(design, rows, named=HEADED):
    return claims_of(rows, design, "subgroups", place="table2", named=named)


def test_headings_of_a_forest_are_the_patients_of_the_rows_below_them(receptors):
    """Below one such heading the ratios went in as those of all patients, and nothing was told."""
    made = forest(receptors, FOREST)
    assert not made.questions, made.questions
    ratios = {
        (c["endpoint"], c["population"]): c["printed"]
        for c in made.claims
        if c["statistic"] == "hazard_ratio" and c["field"] == "estimate"
    }
    assert ratios == {
        ("RFS", "all"): "0.50",
        ("OS", "all"): "0.60",
        ("RFS", "er=positive,sex=male"): "0.38",
        ("OS", "er=positive,sex=male"): "0.35",
        ("RFS", "er=positive,sex=female"): "0.88",
        ("OS", "er=positive,sex=female"): "0.84",
        ("RFS", "er=positive,pr=negative,sex=male"): "0.69",
        ("OS", "er=positive,pr=negative,sex=male"): "0.64",
        ("RFS", "er=positive,pr=negative,sex=female"): "0.89",
        ("OS", "er=positive,pr=negative,sex=female"): "0.60",
    }
    between = {
        (c["endpoint"], c["population"]): (c["printed"], c["locator"])
        for c in made.claims
        if c["model"] == "interaction"
    }
    told = "table2, ER-positive, PR-negative, Female, OS interaction"
    assert between["OS", "er=positive,pr=negative"] == ("0.98", told)
    assert between["RFS", "er=positive"][0] == "0.035" and len(between) == 4
    single = forest(receptors, [*FOREST[:3], *FOREST[4:7]])
    assert {c["population"] for c in single.claims if c["model"] == "univariable"} == {
        "er=positive,sex=male",
        "er=positive,sex=female",
    }


def test_a_forest_of_the_first_level_against_the_other_is_asked(receptors):
    """Its ratios went in as those of the other side."""
    beside = [["", "RFS HR (RAS wild type vs mutant)", "P"], *(row[:3] for row in FOREST[5:7])]
    above = [["Status", "RAS wild type versus RAS mutant", *FOREST[0][2:]], *FOREST[1:]]
    for rows, named in ((beside, {}), (above, HEADED)):
        made = forest(receptors, rows, named)
        assert "and rows have RAS mutant against RAS wild type" in made.questions[0]
    titled = [["RAS wild type versus RAS mutant", *[""] * 6], ["", *FOREST[0][2:], ""], *FOREST[1:]]
    told = forest(receptors, titled).taken[0]
    assert told.endswith("though the title has RAS wild type against RAS mutant")


def test_an_answer_that_names_an_endpoint_names_no_model_of_it(receptors):
    """Univariable ratios below such a head went in as multivariable."""
    heads = ["", *["Univariate HR (95% CI)", "P"] * 2]
    rows = [["", "Death", "", "Progression", ""], heads, [*FOREST[6][:3], *FOREST[5][1:3]]]
    named = {"Death": "OS", "Progression": "RFS"}
    made = claims_of(rows, receptors, "model", place="table3", named=named)
    assert {(c["endpoint"], c["model"]) for c in made.claims} == {
        ("OS", "univariable"),
        ("RFS", "univariable"),
    }


COLUMNS = [
    ["", "n", "Women", "", "Men", ""],
    ["", "", "HR (95% CI)", "P", "HR (95% CI)", "P"],
    ["RAS mutant", "237", "1.79 (1.41-2.28)", ".01", "1.65 (1.18-2.30)", ".02"],
]


@pytest.mark.parametrize(
    "first",
    [
        COLUMNS[:2],
        [["", "n", "Women, HR (95% CI)", "P", "Men, HR (95% CI)", "P"]],
    ],
)
def test_columns_of_ratios_are_of_the_patients_that_their_heads_name(design, first):
    """The first went in as of all patients, and the second was asked as another endpoint."""
    made = read(design, [*first, COLUMNS[2]])
    ratios = [c for c in made.claims if c["statistic"] in ("hazard_ratio", "p")]
    assert not made.questions and len(ratios) == 8
    found = {(c["population"], c["printed"]) for c in ratios if c["statistic"] == "p"}
    assert found == {("sex=female", ".01"), ("sex=male", ".02")}
    (told,) = [text for text in made.taken if "add [models.NAME]" in text]
    assert 'population = "sex=male"' in told


def test_a_column_of_other_patients_is_asked_or_left_out(design):
    rows = [[text.replace("Men", "Primary cohort") for text in row] for row in COLUMNS]
    assert "--is 'Primary cohort=COLUMN:LEVEL'" in read(design, rows).questions[0]
    for target, among in ((":all", "all"), (":-", "")):
        made = read(design, rows, named={"Primary cohort": target[1:]})
        found = {c["population"] for c in made.claims if c["statistic"] == "hazard_ratio"}
        assert not made.questions and found == {"sex=female", *filter(None, [among])}
    whole = {"Women HR (95% CI)": "-", "Women P": "-"}
    made = read(design, COLUMNS, named=whole)
    assert {c["population"] for c in made.claims if c["statistic"] == "p"} == {"sex=male"}


def test_the_ends_of_limits_are_no_patients(design):
    design.columns["place"]["levels"] = ["lower", "upper"]
    rows = [["", "HR", "Lower 95% CI", "Upper 95% CI"], ["RAS mutant", "1.8", "1.4", "2.3"]]
    made = read(design, rows)
    assert {c["population"] for c in made.claims} == {"all"} and len(made.claims) == 3
