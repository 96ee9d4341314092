"""Merged levels said as one side of another, and columns of patients and of deaths in a forest."""

import pytest

from crlm import ledger
from crlm.transcription import claims_of


@pytest.fixture(scope="module")
def design():
    made = ledger.load_design("mskcc_hai")
    levels = ["0", "1", "2", "3"]
    made.columns["stage"] = {"type": "category", "levels": levels, "label": "Stage"}
    merged = {"0": ["0"], "1": ["1"], "2-3": ["2", "3"]}
    made.factors["stage3"] = {"source": "stage", "groups": merged, "levels": [*merged]}
    cut = {"source": "size_cm", "rule": ">=", "cut": 5.0, "levels": ["low", "high"]}
    made.factors["size_cat"] = {**cut, "label": "Size", "labels": {"low": "< 5", "high": "≥ 5"}}
    return made


@pytest.mark.parametrize("side", ["≥2", ">= 2", ">1", "2+", "2 or more"])
def test_a_merged_level_is_found_by_its_side(design, side):
    rows = [["", "Median OS, months"], ["Stage", ""], ["0", "12.9"], ["1", "10.1"], [side, "6.0"]]
    made = claims_of(rows, design, "curves", place="table2", endpoint="OS")
    assert not made.questions, made.questions
    assert [c["group"] for c in made.claims] == ["stage3=0", "stage3=1", "stage3=2-3"]


@pytest.mark.parametrize("side", ["≥1", "<2", "1+"])
def test_a_side_that_no_merged_level_is_is_asked(design, side):
    rows = [["", "Median OS, months"], ["Stage", ""], ["0", "12.9"], [side, "6.0"]]
    assert claims_of(rows, design, "curves", place="table2", endpoint="OS").questions


@pytest.mark.parametrize("heads", [["No. of patients", "No. of deaths"], ["n", "Events"]])
def test_deaths_of_a_forest_are_no_patients(design, heads):
    rows = [["", *heads, "HR (95% CI)"], ["KRAS status", *[""] * 3]]
    rows += [["Wild type", "418", "182", "0.64 (0.41-1.01)"]]
    made = claims_of(rows, design, "subgroups", place="figure2", endpoint="OS")
    assert not made.questions, made.questions
    assert [(c["statistic"], c["printed"]) for c in made.claims][:2] == [
        ("n", "418"),
        ("events", "182"),
    ]
    alone = [[row[0], *row[2:]] for row in rows]
    made = claims_of(alone, design, "subgroups", place="figure2", endpoint="OS")
    assert (made.claims[0]["statistic"], made.claims[0]["printed"]) == ("events", "182")


FIRST = ["", "No HAI (n = 308)", "HAI (n = 366)", "P"]


@pytest.mark.parametrize(
    ("above", "label", "cells", "found"),
    [
        ("Bilobar disease", "YES/NO", ("100/208", "166/200"), "bilobar yes no"),
        ("Size (cm)", "<5/≥5", ("100/208", "166/200"), "size_cat low high"),
        ("Size (cm)", "(<5/≥5)", ("100/208", "166/200"), "size_cat low high"),
    ],
)
def test_levels_of_the_heading_above_may_stand_in_one_row(design, above, label, cells, found):
    """PMC5797014, Table 1: of "YES/NO", "221/562" went in as 221 of 562 patients of known value."""
    rows = [FIRST, [above, "", "", "0.572"], [label, *cells, ""]]
    made = claims_of(rows, design, "two-groups", place="table1")
    assert not made.questions, made.questions
    column, *levels = found.split()
    counts = [c for c in made.claims if c["statistic"] == "n" and c["covariate"]]
    assert {c["covariate"] for c in counts} == {column}
    assert [(c["level"], c["printed"]) for c in counts] == [
        (levels[0], "100"),
        (levels[0], "166"),
        (levels[1], "208"),
        (levels[1], "200"),
    ]


def test_a_count_and_the_rest_of_its_group_are_no_count_of_so_many(design):
    rows = [FIRST, ["Bilobar liver disease", "100/208", "166/200", ""]]
    (told, _) = claims_of(rows, design, "two-groups", place="table1").questions
    assert "'100/208' adds up to the 308 patients of the group, as two levels do" in told


def test_bands_in_one_row_that_no_factor_has_are_asked_as_bands(design):
    rows = [FIRST, ["Size (cm)", "", "", ""], ["<3/≥3", "100/208", "166/200", ""]]
    (told,) = claims_of(rows, design, "two-groups", place="table1").questions
    assert "'<3/≥3' is no band of size_cm as the design cuts it" in told


def test_a_side_that_the_design_lacks_is_asked_by_its_word(design):
    """The whole label was asked, which no answer names (PMC3571894: "poor risk" of poor)."""
    rows = [FIRST, ["Timing synchronous/late/unknown", "100/200/8", "166/190/10", "0.5"]]
    rows += [["Sex, male/female", "179/129", "205/161", ""]]
    made = claims_of(rows, design, "two-groups", place="table1")
    (told,) = made.questions
    assert told.startswith("row 2: 'late' is no level of timing (") and "'unknown'" not in told
    assert {c["covariate"] for c in made.claims if c["covariate"]} == {"sex"}


def test_a_unit_behind_in_is_the_unit(design):
    rows = [FIRST, ["Median age in years (range)", "60 (34-80)", "59 (30-82)", ""]]
    made = claims_of(rows, design, "two-groups", place="table1")
    assert not made.questions, made.questions
    assert [c["statistic"] for c in made.claims[2:5]] == ["median", "min", "max"]


def test_a_first_row_of_all_patients_has_the_sizes_of_the_groups(design):
    rows = [["", "No HAI", "HAI", "P"], ["Total study", "308", "366", ""]]
    made = claims_of(rows, design, "two-groups", place="table1")
    assert [(c["group"], c["printed"]) for c in made.claims] == [
        ("hai=no", "308"),
        ("hai=yes", "366"),
    ]
