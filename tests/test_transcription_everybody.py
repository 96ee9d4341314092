"""Columns of all patients, rows of unknown value, and cells that say what their numbers are."""

import pandas as pd
import pytest

from crlm import ledger
from crlm.transcription import claims_of
from tests.test_transcription_surgical import DESIGN, loaded


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    return loaded(tmp_path_factory.mktemp("data"), DESIGN)


def read(design, heads, *rows):
    made = claims_of([["", *heads], *rows], design, "two-groups", place="t")
    return made, [(c["group"], c["statistic"], c["printed"]) for c in made.claims]


@pytest.mark.parametrize(
    "head",
    ["n = 115 n (%)", "Study population (n = 115)", "Total trial cohort (n = 115), n (%)"]
    + ["All participants (n = 115)", "Full cohort (n = 115)", "Cohort (n = 115)"],
)
def test_a_single_column_is_of_all(design, head):
    """PMC4457092: "n = 115" above "n (%)" was no head."""
    made, found = read(design, [head], ["Male sex, n (%)", "77 (67.0)"])
    assert not made.questions
    assert found == [("all", "n", "115"), ("all", "n", "77"), ("all", "percent", "67.0")]


@pytest.mark.parametrize("head", ["Total no. of patients", "Overall cohort", "All cases"])
def test_a_column_of_all_beside_groups(design, head):
    made, found = read(design, [head, "Control", "Treatment"], ["Male sex, n", "77", "40", "37"])
    assert not made.questions and found[0] == ("all", "n", "77") and len(found) == 3


@pytest.mark.parametrize("head", ["Study group", "Combined", "Complete cases", "Overall survival"])
def test_a_group_may_be_called_so(design, head):
    assert read(design, [head, "Control", "Treatment"], ["Male sex, n", "7", "4", "3"])[0].questions


@pytest.mark.parametrize("label", ["Not known*", "Missing information", "Data not available"])
def test_rows_of_unknown_value(design, label):
    rows = [["Sex", "", ""], ["Male", "20", "11"], [label, "3", "2"]]
    made, found = read(design, ["Control", "Treatment"], *rows)
    assert not made.questions and found[-1] == ("arm=yes", "missing", "2")


@pytest.mark.parametrize(
    ("cell", "statistics"),
    [
        ("62 (range 34-80)", ["median", "min", "max"]),  # Went in as quartiles, as usual.
        ("62 (IQR 34-80)", ["median", "q1", "q3"]),
        ("62 (34-80)", ["median", "q1", "q3"]),
        ("mean 62 (range 34-80)", ["mean", "min", "max"]),  # The mean went in as a median.
        ("65.6 (SD = 9.5)", ["mean", "sd"]),
    ],
)
def test_a_cell_says_what_its_numbers_are(design, cell, statistics):
    made, found = read(design, ["Control", "Treatment"], ["Age (years)", cell, ""])
    assert not made.questions and [what for _, what, _ in found] == statistics


def test_a_cell_that_says_another_spread_than_its_row_is_asked(design):
    row = ["Age, median (IQR)", "62 (range 34-80)", ""]
    made, found = read(design, ["Control", "Treatment"], row)
    assert not found and "correct one of them" in made.questions[0]


def test_a_ratio_has_its_p_in_its_cell(design):
    rows = [["", "HR"], ["Age", "1.34 (P=.02)"]]
    made = claims_of(rows, design, "model", place="t", endpoint="RFS")
    assert not made.questions
    assert [(c["statistic"], c["value"]) for c in made.claims] == [
        ("p", "0.02"),
        ("hazard_ratio", "1.34"),
    ]


SEX = [["Sex", "", ""], ["Male", "40 (40)", "50 (56)"], ["Female", "60 (60)", "39 (44)"]]


@pytest.mark.parametrize(
    ("heads", "first"),
    [
        (["Control", "Treatment"], ["", "100", "89"]),
        (["Control", "Treatment"], ["", "100 (52.9%)", "89 (47.1%)"]),
        (["Control", "Treatment"], ["", "No. = 100", "n (89)"]),
        (["Control (100)", "Treatment [89 patients], n (%)"], None),  # Lost without a word.
    ],
)
def test_sizes_without_a_word(design, heads, first):
    made, found = read(design, heads, *([first] if first else []), *SEX)
    assert not made.questions and len(made.claims) == 10
    assert found[:2] == [("arm=no", "n", "100"), ("arm=yes", "n", "89")]


def test_plain_numbers_below_counts_are_no_sizes(design):
    for heads, rows in (
        (["Control", "Treatment"], [["", "59", "89"], *SEX]),
        (["Control (60)", "Treatment (89)"], [["Age, mean", "61", "62"]]),
    ):
        made, found = read(design, heads, *rows)
        assert ("arm=yes", "n", "89") not in found
        assert len(made.questions) == (rows[0][0] == "")


def test_a_row_of_sums_is_no_level(design):
    total = ["Total", "100 (100)", "89 (100)"]
    made, found = read(design, ["Control", "Treatment"], *SEX, total)
    assert not made.questions and len(found) == 8
    assert "'Total' below 'Sex' as the sum of its levels" in made.taken
    made, _ = read(design, ["Control", "Treatment"], *SEX, ["Total", "100", "98"])
    assert "'98' in 'Treatment', and the rows above it add up to 89" in made.questions[0]
    # Patients of unknown value may be among them.
    for many in ("43", "40"):
        rows = [*SEX[:2], ["Unknown", "3", "0"], ["All", many, "50"]]
        made, _ = read(design, ["Control", "Treatment"], *rows[:2], ["Female", "0", "0"], *rows[2:])
        assert not made.questions


def test_sums_at_the_foot_are_the_sizes_of_the_groups_where_none_is_known(design):
    """As table 2 of PMC5954168: no size was read, and no cohort could be searched."""
    total = ["Total", "100", "89"]
    made, found = read(design, ["Control", "Treatment"], *SEX, total)
    assert found[:2] == [("arm=no", "n", "100"), ("arm=yes", "n", "89")]
    assert "'Total' as the sizes of the groups" in made.taken
    # Not where they are said above, a count above is larger, or percentages are of others.
    for heads, rows in (
        (["Control (n = 100)", "Treatment (n = 89)"], [*SEX, total]),
        (["Control", "Treatment"], [["Stage I", "120 (60)", "90 (50)"], *SEX, total]),
    ):
        made, _ = read(design, heads, *rows)
        assert not any("sizes of the groups" in text for text in made.taken)


def test_a_corner_heads_the_rows_that_are_its_levels(design):
    """Two readers against each other, as table 1 of PMC5954168: the rows were levels of both."""
    for name in ("local", "central"):
        label = f"{name.title()} reader"
        design.columns[name] = {"type": "category", "levels": ["neg", "pos"], "label": label}
        design.columns[name]["labels"] = {"neg": "Negative", "pos": "Positive"}
    over = ["", "Central reader", "", ""]
    rows = [over, ["Local reader", "Negative", "Positive", "Total"]]
    rows += [
        ["Negative", "15", "2", "17"],
        ["Positive", "3", "9", "12"],
        ["Total", "18", "11", "29"],
    ]
    made = claims_of(rows, design, "two-groups", place="table1", by="central")
    assert not made.questions
    told = {(c["group"], c["covariate"], c["level"]): c["printed"] for c in made.claims}
    assert told["central=neg", "local", "pos"] == "3" and told["central=neg", "", ""] == "18"
    assert told["all", "", ""] == "29" and len(told) == 9
    # And no locator of them says another group than its row.
    claims = pd.DataFrame(made.claims).assign(time=float("nan"))
    assert not dict(ledger.misplaced(claims, design))


def test_follow_up_of_each_group_stands_in_table_one(design):
    """As tables 1a and 1b of PMC4090726: it was no characteristic."""
    heads = ["Control", "Treatment", "P value"]
    row = ["Median follow-up", "126 Months", "13.7 years (range 1-20)", "NS"]
    made, found = read(design, heads, row, ["Male sex, n", "7", "4", "NSb"])
    assert not made.questions
    assert found[:4] == [
        ("arm=no", "median_follow_up", "126"),
        ("arm=yes", "median_follow_up", "13.7"),
        ("arm=yes", "min_follow_up", "1"),
        ("arm=yes", "max_follow_up", "20"),
    ]
    assert [c["unit"] for c in made.claims[:2]] == ["months", "years"]
    assert ("arm", "p", "NS") in found  # With the letter of its footnote.
    assert any("'NS' is of no group" in text for text in made.left_out)
    asked, _ = read(design, heads[:2], ["Median follow-up, months", "12 (3-40)", "14 (2-41)"])
    assert "says not what its numbers are" in asked.questions[0]


def test_a_number_of_patients_with_something_is_that_level(design):
    rows = [["Number of postmenopausal", "30 (30)", "20 (22)"]]
    made, _ = read(design, ["Control (n = 100)", "Treatment (n = 89)"], *rows)
    assert {(c["covariate"], c["level"]) for c in made.claims[2:]} == {("meno", "post")}
    # A number of its own, and a category, are none.
    made, _ = read(design, ["Control", "Treatment"], ["Number of positive nodes, median", "3", "2"])
    assert {c["covariate"] for c in made.claims} == {"nodes"}
    assert read(design, ["Control"], ["Number of menopausal status", "3 (5)"])[0].questions
