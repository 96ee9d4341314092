"""Columns of all patients, rows of unknown value, and cells that say what their numbers are."""

import pytest

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
