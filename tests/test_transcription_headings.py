"""Headings of tables: the p beside them, the bands and levels below them, what splits rows."""

from dataclasses import replace

import pytest

from crlm import ledger
from crlm.ledger import ParameterError
from crlm.ledger.factors import Cut
from crlm.transcription import claims_of
from tests.hand_written import copied

NODES = """
[columns.lymph]
type = "integer"
min = 0
label = "Lymph nodes found"
role = "baseline"
[columns.width]
type = "category"
levels = ["le20", "gt20"]
labels = { le20 = "<=20", gt20 = ">20" }
label = "Width, mm"
role = "baseline"
[factors.lymph_band]
source = "lymph"
rule = ">="
cuts = [4, 10]
levels = ["1-3", "4-9", "10_up"]
label = "Lymph nodes in bands"
[factors.lymph_group]
source = "lymph"
rule = ">"
cut = 4
levels = ["few", "many"]
label = "Lymph node group"
labels = { few = "≤{cut}", many = ">{cut}" }
[columns.spread]
type = "category"
levels = ["mucosa", "muscle", "serosa", "beyond"]
labels = { mucosa = "Mucosa", muscle = "Muscle", serosa = "Serosa", beyond = "Beyond" }
label = "Spread"
role = "baseline"
[factors.spread_3]
source = "spread"
label = "Spread (three groups)"
labels = { early = "Mucosa or muscle", serosa = "Serosa", beyond = "Beyond" }
[factors.spread_3.groups]
early = ["mucosa", "muscle"]
serosa = ["serosa"]
beyond = ["beyond"]
"""
HEADS = ["", "No.", "Events", "5-year", "Log-rank p"]
GROUPS = [["No HAI", "461", "281", "62.4", ""], ["HAI", "139", "64", "65.4", ""]]
BANDS = [["1-3", "294", "171", "57.1", ""], ["4-9", "198", "156", "33.5", ""]]


@pytest.fixture
def design(tmp_path, monkeypatch):
    path = copied("mskcc_hai", tmp_path) / "design.toml"
    monkeypatch.setenv("CRLM_DATA", str(tmp_path))
    path.write_text(path.read_text(encoding="utf-8") + NODES, encoding="utf-8")
    return ledger.load_design("mskcc_hai")


def curves(design, rows, **keys):
    return claims_of([HEADS, *rows], design, "curves", place="t", endpoint="OS", **keys)


def logrank(made):
    return [(c["group"], c["printed"]) for c in made.claims if c["model"] == "logrank"]


def test_the_p_beside_the_heading_of_the_groups_is_their_log_rank_test(design):
    """It was lost without a word."""
    label = design.label("hai")
    made = curves(design, [[label, "", "", "", "0.191"], *GROUPS])
    assert (logrank(made), made.questions) == ([("hai", "0.191")], [])
    assert len(made.claims) == 7
    # Another number beside it is of no group, and a p beside any other words is asked about.
    asked = curves(design, [[label, "600", "", "", "0.191"], *GROUPS])
    assert "names hai and no group of it" in asked.questions[0] and not logrank(asked)
    for rows in ([["Arm", "", "", "", "0.2"], *GROUPS], [*GROUPS, ["Test", "", "", "", "0.2"]]):
        (question,) = curves(design, rows).questions
        assert f"--is '{'Arm' if rows[0][0] == 'Arm' else 'Test'}=hai'" in question
    said = curves(design, [["Arm", "", "", "", "0.2"], *GROUPS], named={"Arm": "hai"})
    assert (logrank(said), said.questions) == ([("hai", "0.2")], [])


def test_a_row_of_p_values_is_no_group_of_curves(design):
    made = curves(design, [*GROUPS, ["P", "", "0.3", "", "0.2"]])
    assert logrank(made) == [("hai", "0.2")] and len(made.claims) == 7
    assert "'0.3' below 'Events' and no group" in made.questions[0]


def test_curves_are_split_by_another_column_than_the_exposure(design):
    """Once a heading of another column was asked about, and the remedy, --by, was refused."""
    rows = [["Lymph nodes found", "", "", "", "<0.001"], *BANDS]
    made = curves(design, rows)
    assert made.claims == curves(design, rows, by="lymph_band").claims
    assert (logrank(made), made.questions) == ([("lymph_band", "<0.001")], [])
    assert {c["group"] for c in made.claims[1:]} == {"lymph_band=1-3", "lymph_band=4-9"}
    with pytest.raises(ParameterError, match="of two-groups, curves and subgroups"):
        claims_of([HEADS, *rows], design, "model", place="t", endpoint="OS", by="lymph_band")


def test_the_p_of_a_heading_is_that_of_its_bands_in_a_regression_table(design):
    """It went to the number, whose ratio the table does not have."""
    rows = [["", "HR (95% CI)", "P"], ["Lymph nodes found", "", "0.2"], ["1-3", "1.00", ""]]
    rows += [["4-9", "1.81 (1.45-2.25)", "0.01"], ["≥10", "3.06 (2.38-3.95)", "0.02"]]
    made = claims_of(rows, design, "model", place="t", endpoint="OS")
    found = [(c["covariate"], c["level"]) for c in made.claims if c["statistic"] == "p"]
    assert found == [("lymph_band", ""), ("lymph_band", "4-9"), ("lymph_band", "10_up")]
    assert not made.questions


@pytest.mark.parametrize(
    ("label", "level"),
    [
        ("1-3", "1-3"),
        ("1 to 3", "1-3"),
        ("0–3", "1-3"),
        ("< 4", "1-3"),
        ("4-9", "4-9"),
        ("2-3", ""),
    ],
)
def test_a_lowest_band_may_be_printed_with_its_least_value(design, label, level):
    heads = ["", "No HAI (n = 308)", "HAI (n = 366)"]
    rows = [heads, ["Lymph nodes found", "", ""], [label, "20", "30"]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert {c["level"] for c in made.claims if c["covariate"]} == ({level} if level else set())
    # What the design has is not asked to be declared.
    told = " ".join(made.questions)
    assert ("lymph_band:LEVEL" in told) == (not level) and "Declare" not in told


def test_the_least_value_of_a_column_opens_its_lowest_band():
    bands = Cut("age", ("low", "middle", "high"), (50.0, 60.0), ">=", whole=True, lowest=18.0)
    assert [bands.said(text) for text in ("18-49", "17-49", "18 to < 50")] == ["low", "", "low"]
    assert bands.said("18-59") == ""


@pytest.mark.parametrize("label", ["<=20", "≤20", "≤ 20", "<= 20", "⩽20", "=<20"])
def test_signs_of_a_cut_off_are_one_however_they_are_typed(design, label):
    heads = ["", "No HAI (n = 308)", "HAI (n = 366)"]
    rows = [heads, ["Width", "", ""], [label, "20", "30"], ["> 20", "20", "30"]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert [c["level"] for c in made.claims if c["covariate"]] == ["le20"] * 2 + ["gt20"] * 2
    assert not made.questions


def test_p_and_unknown_below_the_heading_of_bands_are_the_bands(design):
    """Its p was that of the number, a row without a word, and so were its unknown values."""
    head = ["", "No HAI (n = 100)", "HAI (n = 80)", "P"]
    rows = [["Lymph node group, n (%)", "", "", "0.606"], ["≤4", "60 (61)", "50 (64)", ""]]
    rows += [[">4", "38 (39)", "28 (36)", ""], ["Missing", "2", "2", ""]]
    made = claims_of([head, *rows], design, "two-groups", place="table1")
    assert made.questions == []
    assert {c["covariate"] for c in made.claims if c["statistic"] != "n" or c["level"]} == {
        "lymph_group"
    }
    number = [["Lymph nodes found, n", "", "", "0.5"], ["Median (IQR)", "2 (1-5)", "2 (1-4)", ""]]
    both = claims_of(
        [head, *number, ["Missing", "3", "4", ""], *rows], design, "two-groups", place="t"
    )
    unknown = [(c["covariate"], c["printed"]) for c in both.claims if c["statistic"] == "missing"]
    assert unknown == [("lymph", "3"), ("lymph", "4"), ("lymph_group", "2"), ("lymph_group", "2")]


@pytest.mark.parametrize(
    ("first", "column"),
    [(["Mucosa", "Muscle"], "spread"), (["Mucosa or muscle"], "spread_3")],
)
def test_a_label_of_two_columns_is_that_whose_levels_stand_below_it(design, first, column):
    """The log-rank p of four levels was put down as that of three."""
    design.models["OS"]["covariates"].append("spread_3")
    labels = [*first, "Serosa", "Beyond"]
    below = [[label, "50", "20", f"6{at}.4", ""] for at, label in enumerate(labels)]
    for _ in range(2):
        made = curves(design, [["Spread", "", "", "", "0.02"], *below])
        assert (logrank(made), made.questions) == ([(column, "0.02")], [])
        groups = {c["group"].partition("=")[0] for c in made.claims}
        assert groups == {column}
    head = ["", "No HAI (n = 100)", "HAI (n = 80)", "P"]
    counted = [[label, f"2{at} (20)", "15 (19)", ""] for at, label in enumerate(labels)]
    rows = [head, ["Spread", "", "", "0.03"], *counted]
    table = claims_of(rows, design, "two-groups", place="table1")
    found = {c["covariate"] for c in table.claims if c["covariate"]}
    assert (found, table.questions) == ({column}, [])


def test_a_forest_of_two_of_three_arms_says_which(design):
    """Each of its numbers had to be put in by hand."""
    three = replace(design, exposure="spread")
    rows = [
        ["", "n", "HR (95% CI)", "P for interaction"],
        ["All patients", "90", "0.7 (0.5-0.9)", ""],
    ]
    rows += [["Sex", "", "", "0.04"], ["Male", "50", "0.8 (0.6-1.1)", ""]]

    def read(**keys):
        return claims_of(rows, three, "subgroups", place="figure3", endpoint="OS", **keys)

    for among in ({}, {"population": "spread=muscle/beyond"}):
        (question,) = read(**among).questions
        assert "--population spread=mucosa/" in question
    two = "spread=mucosa/beyond"
    made = read(population=two)
    assert made.questions == []
    ratios = [c for c in made.claims if c["statistic"] == "hazard_ratio"]
    assert {(c["level"], c["population"]) for c in ratios} == {
        ("beyond", two),
        ("beyond", f"{two},sex=male"),
    }
    (between,) = [c for c in made.claims if c["model"] == "interaction"]
    assert between["level"].startswith("beyond:") and between["population"] == two


def test_rows_below_two_endpoints_say_in_which_they_stand(design):
    """The audit pointed at "arm=new, 5-year" of a table that has two of them."""
    rows = [["Overall survival", "", "", "", "0.2"], *GROUPS]
    rows += [["RFS", "", "", "", "0.01"], *GROUPS]
    found = {c["locator"] for c in curves(design, rows).claims if c["endpoint"]}
    assert {"t, OS, hai=yes, 5-year", "t, RFS, hai=yes, 5-year", "t, RFS, hai, Log-rank p"} <= found
    assert "t, hai=yes, 5-year" in {c["locator"] for c in curves(design, GROUPS).claims}


@pytest.mark.parametrize(
    ("above", "corner", "endpoint"),
    [
        ("Table 3. Overall survival", "", "OS"),
        ("", "Overall survival", "OS"),
        ("Table 4. Recurrence-free survival (RFS) by HAI", "Treatment", "RFS"),
        ("Table 5. Overall and recurrence-free survival", "Overall survival", ""),
        ("Table 6. Outcomes", "", ""),
    ],
)
def test_a_title_or_a_corner_names_the_endpoint(design, above, corner, endpoint):
    """It was asked for although print says it."""
    rows = [[above, "", ""]] * bool(above) + [
        [corner, "No.", "5-year, %"],
        *(r[:1] + r[1:4:2] for r in GROUPS),
    ]
    if not endpoint:
        with pytest.raises(ParameterError, match="needs --endpoint"):
            claims_of(rows, design, "curves", place="table3")
        return
    made = claims_of(rows, design, "curves", place="table3")
    assert {one["endpoint"] for one in made.claims if one["endpoint"]} == {endpoint}
    assert f"{above or corner!r} as {endpoint}" in made.taken


def test_a_title_does_not_choose_between_models_of_all_and_of_some_patients(design):
    rows = [["Table 2. Overall survival", ""], ["", "HR (95% CI)"], ["HAI", "0.66 (0.54-0.80)"]]
    some = {**design.models["OS"], "endpoint": "OS", "population": "sex=female"}
    both = replace(design, models={**design.models, "OS_women": some})
    assert {one["endpoint"] for one in claims_of(rows, design, "model", place="table2").claims} == {
        "OS"
    }
    with pytest.raises(ParameterError, match="needs --endpoint"):
        claims_of(rows, both, "model", place="table2")


def test_a_band_alone_below_another_number_is_no_level_that_is_printed_so(design):
    """ "≥ 3" is the label of a high clinical risk score: "≥3" below a size went in as one."""
    rows = [["", "No HAI (n = 308)", "HAI (n = 366)"], ["Size (cm)", "", ""], ["≥3", "208", "200"]]
    made = claims_of(rows, design, "two-groups", place="table1")
    assert not [claim for claim in made.claims if claim["covariate"]]
    assert "below 'Size (cm)' print counts bands of size_cm" in made.questions[0]


@pytest.mark.parametrize(
    ("heading", "one"), [("Tumor number", "Single"), ("Number of tumors", "Solitary")]
)
def test_single_and_multiple_are_bands_of_a_number_of_tumours(heading, one):
    """Single was asked, and p went in as that of the number itself."""
    design = ledger.load_design("mskcc_hai")
    table = [["", "No HAI (n = 308)", "HAI (n = 366)", "P"], [heading, "", "", "0.3"]]
    table += [[one, "144 (47%)", "180 (49%)", ""], ["Multiple", "164 (53%)", "186 (51%)", ""]]
    made = claims_of(table, design, "two-groups", place="table1")
    assert not made.questions
    named = {(c["covariate"], c["level"]) for c in made.claims if c["covariate"]}
    assert named == {("solitary", "yes"), ("solitary", "no"), ("solitary", "")}
    bare = ledger.load_design("ncch_scp")
    asked = claims_of(table, bare, "two-groups", place="table1", by="sex").questions
    assert "Declare [factors.solitary]" in " ".join(asked)
