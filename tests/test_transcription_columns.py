"""Labels, levels and limits in columns of their own, as PMC2817867 has them."""

from dataclasses import replace

import pytest

from crlm import ledger
from crlm.transcription import claims_of


@pytest.fixture(scope="module")
def design():
    """HAI of three groups, and the number of metastases by its short name."""
    plan = ledger.load_design("mskcc_hai")
    labels = {"no": "Observation", "yes": "Infusion", "both": "Both"}
    hai = {**plan.columns["hai"], "levels": list(labels), "labels": labels}
    number = {**plan.columns["n_tumours"], "label": "No. lesions"}
    many = {**plan.factors["more_than_3"], "label": "More than one lesion", "cut": 1.0}
    many |= {"labels": {"no": "Solitary", "yes": "Multiple"}}
    return replace(
        plan,
        columns=plan.columns | {"hai": hai, "n_tumours": number},
        factors=plan.factors | {"more_than_3": many},
    )


GROUPS = ["", "", "Observation", "Infusion", "Both", "P-value (Obs versus Infusion)*"]


def first(design, *rows, heads=GROUPS, **named):
    answers = {label.replace("_", " "): target for label, target in named.items()}
    made = claims_of([heads, *rows], design, "two-groups", place="table1", named=answers)
    assert not made.questions, made.questions
    return made


def keys(made, *names):
    return [tuple(claim[name] for name in names) for claim in made.claims]


def test_a_statistic_stands_beside_a_label_with_a_point(design):
    """ "No. lesions, Median" was of nothing, ", Range" stood in its questions."""
    rows = [["No. lesions", "Median", "1", "2", "3.5", ""]]
    rows.append(["", "Range", "1 to 7", "1 to 6", "1 to 5", ""])
    made = first(design, *rows)
    assert {claim["covariate"] for claim in made.claims} == {"n_tumours"}
    assert keys(made, "statistic", "printed")[:4] == [
        *(("median", text) for text in ("1", "2", "3.5")),
        ("min", "1"),
    ]
    assert made.claims[3]["locator"] == "table1, No. lesions, Range, hai=no"


@pytest.mark.parametrize("order", [("Yes", "No"), ("No", "Yes")])
def test_no_beside_a_label_is_a_level(design, order):
    """It was dropped as "number": of a number below a factor, of yes where it came first."""
    counts = {"Yes": "37", "No": "20"}
    rows = [["Bilobar liver disease", order[0], counts[order[0]], "1", "1", "NS"]]
    rows.append(["", order[1], counts[order[1]], "1", "1", ""])
    told = dict(keys(first(design, *rows), "level", "printed")[:1])
    assert told == {order[0].casefold(): counts[order[0]]}


@pytest.mark.parametrize("column", ["multiple", "more_than_3"])
@pytest.mark.parametrize("answer", ["{}", "{}:no"])
def test_yes_below_a_heading_that_names_the_level_no_is_that_level(design, column, answer):
    """Solitary lesions were counted as multiple ones."""
    rows = [["Solitary lesion", "Yes", "37", "19", "0", "<.001"]]
    rows.append(["", "No", "20", "24", "12", ""])
    made = first(design, *rows, Solitary_lesion=answer.format(column))
    counted = [c for c in made.claims if c["statistic"] == "n"]
    assert [(c["covariate"], c["level"], c["printed"]) for c in counted] == [
        *((column, "no", text) for text in ("37", "19", "0")),
        *((column, "yes", text) for text in ("20", "24", "12")),
    ]
    assert f"'Solitary lesion, Yes' as {column}:no" in made.taken


def test_a_row_of_its_own_that_names_the_level_no_is_of_it(design):
    """In a model too: its ratio is against the others."""
    rows = [["Solitary lesion", "37 (64)", "19 (44)", "1 (8)", ""]]
    made = first(design, *rows, heads=["", *GROUPS[2:]], Solitary_lesion="multiple")
    assert {claim["level"] for claim in made.claims} == {"no"}
    table = [["", "HR (95% CI)"], ["Solitary lesion", "0.5 (0.3-0.9)"]]
    named = {"Solitary lesion": "multiple"}
    made = claims_of(table, design, "model", place="table2", endpoint="OS", named=named)
    assert set(keys(made, "level", "reference")) == {("no", "yes")}


@pytest.mark.parametrize(
    ("head", "pair"),
    [
        (GROUPS[-1], "no/yes"),
        ("P, Infusion vs. Both", "yes/both"),
        ("P (Both vs Observation)", "no/both"),
        ("P", ""),
    ],
)
def test_p_of_two_of_several_groups_is_among_these(design, head, pair):
    """It was taken for a test of all three groups."""
    row = ["Sex", "Male", "5", "6", "7", ".012"], ["", "Female", "5", "6", "7", ""]
    (p,) = (c for c in first(design, *row, heads=[*GROUPS[:-1], head]).claims[3:4])
    assert (p["statistic"], p["group"]) == ("p", "hai")
    assert p["population"] == (f"hai={pair}" if pair else "all")


def test_several_columns_of_p_are_each_of_two_groups_and_a_strange_pair_is_asked(design):
    heads = [*GROUPS[:-1], "P (Observation vs Infusion)", "P (Observation vs Both)"]
    rows = [["Sex", "Male", "5", "6", "7", ".012", "NS"], ["", "Female", "5", "6", "7", "", ""]]
    made = first(design, *rows, heads=heads)
    tested = [c for c in made.claims if c["statistic"] == "p"]
    assert [c["population"] for c in tested] == ["hai=no/yes", "hai=no/both"]
    assert [c["kind"] for c in tested] == ["number", "direction"]
    heads = [*GROUPS[:-1], "P (1 vs 2)"]
    rows = [row[:-1] for row in rows]
    asked = claims_of([heads, *rows], design, "two-groups", place="table1")
    assert "compares two groups of hai" in asked.questions[0]


LIMITS = [["Male", "1.00", "", "", ""], ["Female", "0.54", "0.32", ".91", ".021"]]
STOREYS = [
    [["", "Hazard ratio", "95% confidence interval", "", "P-value"]],
    [["", "Hazard ratio", "95% CI", "95% CI", "P-value"]],
    [["", "Hazard ratio", "95% confidence", "", "P-value"], ["", "", "interval", "", ""]],
    [["", "HR (95% CI)", "", "", "P-value"]],
    [["", "Hazard ratio", "95% confidence interval", "P-value", ""]],
]


@pytest.mark.parametrize("heads", STOREYS, ids=["merged", "twice", "lines", "all", "shifted"])
def test_limits_stand_in_two_columns_below_one_head(design, heads):
    """They were refused as "not two limits", and the upper ones as no p."""
    table = [["Table 3. Overall survival", *[""] * 4], *heads, *LIMITS]
    made = claims_of(table, design, "model", place="table3", endpoint="OS")
    assert not made.questions, made.questions
    assert keys(made, "statistic", "field", "printed") == [
        ("hazard_ratio", "estimate", "0.54"),
        ("hazard_ratio", "conf_low", "0.32"),
        ("hazard_ratio", "conf_high", ".91"),
        ("p", "estimate", ".021"),
    ]


def test_columns_that_are_no_limits_are_not_taken_for_them(design):
    """The second is below the first, or a p of its own."""
    for cells in (["0.54", "0.91", "0.32", ".021"], ["0.54", "0.32", ".021", "101"]):
        table = [STOREYS[-1][0], ["Female", *cells]]
        made = claims_of(table, design, "model", place="table3", endpoint="OS")
        assert made.questions


def test_curves_take_limits_in_two_columns_and_headings_that_name_a_level(design):
    """ "Node positive primary" above No and Yes was some patients, other words were asked."""
    rows = [["", "", "Med OS (Yr)", "95% CI", ""]]
    rows += [["Node positive primary", "No", "3.1", "2.0", "4.0"], ["", "Yes", "3.3", "2", "5.1"]]
    rows += [["When found", "Synchronous", "3.8", "", ""], ["", "Metachronous", "2.4", "", ""]]
    made = claims_of(rows, design, "curves", place="table2", endpoint="OS")
    assert not made.questions, made.questions
    assert [(c["group"], c["field"]) for c in made.claims] == [
        *(("nodal_status=negative", f) for f in ("estimate", "conf_low", "conf_high")),
        *(("nodal_status=positive", f) for f in ("estimate", "conf_low", "conf_high")),
        ("timing=synchronous", "estimate"),
        ("timing=metachronous", "estimate"),
    ]
    assert {c["unit"] for c in made.claims} == {"years"} and "'When found' as timing" in made.taken


@pytest.mark.parametrize(
    "heads", [["N", "%"], ["No. of patients", "Percentage"], ["N = 210", "%"], ["n (%)"]]
)
def test_a_table_of_one_cohort_is_of_all_patients(design, heads):
    """ "N" was no group; the share of those of unknown value, 4.5, a number of patients."""
    rows = [["Age", "", ""], ["Mean 64.15 years", "", ""], ["Sex", "", ""]]
    rows += [["Female", "78", "38.8"], ["Male", "123", "61.2"], ["n.k.", "9", "4.5"]]
    if len(heads) == 1:
        rows = [[label, f"{n} ({p})" if n else ""] for label, n, p in rows]
    made = claims_of([["Characteristic", *heads], *rows], design, "two-groups", place="table1")
    assert not made.questions, made.questions
    assert {claim["group"] for claim in made.claims} == {"all"}
    told = keys(made, "level", "statistic", "printed")
    assert [one for one in told if one[:2] != ("", "n")] == [
        *(("female", "n", "78"), ("female", "percent", "38.8")),
        *(("male", "n", "123"), ("male", "percent", "61.2")),
        *(("", "missing", "9"), ("", "percent_missing", "4.5")),
    ]
    assert made.left_out == [
        "table1: 'Mean 64.15 years' has its number in the label; put it in by hand."
    ]


UNSAID = "ratios of which the table does not say the model"


@pytest.mark.parametrize(
    ("title", "head", "note", "endpoint", "told"),
    [
        ("", "HR", "", "OS", True),
        ("Cox proportional hazards of survival", "HR", "HR, hazard ratio", "OS", True),
        ("Multivariate analysis", "HR", "", "OS", False),
        ("", "aHR", "", "OS", False),
        ("", "HR", "Adjusted for age and sex.", "OS", False),
        ("", "Univariable HR", "", "OS", False),
        ("", "HR", "", "chosen", False),
    ],
)
def test_a_model_that_no_word_of_the_table_names_is_told(title, head, note, endpoint, told):
    """Such ratios went in as multivariable ones without a word."""
    design = ledger.load_design("mskcc_hai")
    models = {**design.models, "chosen": {**design.models["OS"], "endpoint": "OS"}}
    design = replace(design, models=models) if endpoint == "chosen" else design
    rows = [[title, ""], ["", head], ["Age", "1.2"], [note, ""]]
    made = claims_of(list(filter(any, rows)), design, "model", place="t", endpoint=endpoint)
    assert made.claims and not made.questions
    assert any(UNSAID in text and "multivariable" in text for text in made.taken) == told


@pytest.mark.parametrize("head", ["Reference category", "Reference", "Ref."])
def test_a_column_of_reference_levels_is_read(head):
    """It was asked about, and its only remedy lost the level that the ratios are against."""
    design = ledger.load_design("mskcc_hai")
    rows = [
        ["", head, "Multivariable HR", "P"],
        ["Sex", "Male", "", ""],
        ["Female", "", "0.8", "0.1"],
        ["HAI", "No HAI", "0.7", "0.01"],
        ["Age", "–", "1.02", "0.2"],
    ]
    made = claims_of(rows, design, "model", place="t", endpoint="OS")
    told = {(c["covariate"], c["level"], c.get("reference", "")) for c in made.claims}
    sex = ("sex", "female", "" if design.levels("sex")[0] == "male" else "male")
    assert not made.questions and told == {sex, ("hai", "yes", ""), ("age", "", "")}
    strange = [rows[0], ["Sex", "Others", "", ""], ["HAI", "Men", "0.7", "0.01"]]
    asked = claims_of(strange, design, "model", place="t", endpoint="OS")
    assert not asked.claims and len(asked.questions) == 2


def test_counts_and_per_cent_stand_in_columns_of_their_own_below_a_group(design):
    """Its heads "N" and "(%)" were no header, "All" no sizes, and "P a" no p (PMC5668343)."""
    heads = ["Characteristic", "Observation", "", "Infusion", "", "P a"]
    rows = [["All", "60", "(100.0)", "40", "(100.0)", ""], ["Sex", *[""] * 5]]
    rows += [["Male", "30", "(50.0)", "10", "(25.0)", "0.02"]]
    rows += [["Female", "30", "(50.0)", "30", "(75.0)", ""]]
    table = [heads, ["", "N", "(%)", "N", "(%)", ""], *rows]
    made = claims_of(table, design, "two-groups", place="table1")
    assert not made.questions, made.questions
    got = keys(made, "group", "level", "statistic", "printed")
    assert got[:5] == [
        ("hai=no", "", "n", "60"),
        ("hai=yes", "", "n", "40"),
        ("hai=no", "male", "n", "30"),
        ("hai=no", "male", "percent", "50.0"),
        ("hai=yes", "male", "n", "10"),
    ]
    assert ("hai", "", "p", "0.02") in got and len(got) == 11
    named = {"P a": "-"}  # As the page has it; it was no label of the table.
    assert len(claims_of(table, design, "two-groups", place="table1", named=named).claims) == 10


def test_sizes_between_the_groups_and_their_columns_are_a_storey(design):
    """The groups were lost: both sizes were of all patients."""
    heads = [["", "Observation", "", "Infusion", "", "P"], ["", "(N = 60)", "", "(N = 40)", "", ""]]
    heads += [["", "N", "(%)", "N", "(%)", ""]]
    rows = [["Sex", "", "", "", "", ""], ["Male", "30", "(50.0)", "10", "(25.0)", "0.02"]]
    made = claims_of([*heads, *rows], design, "two-groups", place="table1")
    assert not made.questions, made.questions
    assert keys(made, "group", "statistic", "printed") == [
        ("hai=no", "n", "60"),
        ("hai=yes", "n", "40"),
        ("hai=no", "n", "30"),
        ("hai=no", "percent", "50.0"),
        ("hai=yes", "n", "10"),
        ("hai=yes", "percent", "25.0"),
        ("hai", "p", "0.02"),
    ]
