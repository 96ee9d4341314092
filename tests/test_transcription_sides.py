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
