"""A heading that is left out takes the rows below it along."""

import pytest

from crlm import ledger
from crlm.transcription import claims_of

DEAD = {"Necrosis": "-"}


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


def covariates(made):
    assert not made.questions, made.questions
    return {(c["covariate"], c["level"]) for c in made.claims if c["statistic"] != "p"}


def test_rows_below_a_heading_that_is_left_out_are_none_of_the_heading_before(design):
    """A level of both "Yes" came twice, or went in wrong."""
    rows = [["", "No HAI", "HAI", "P"], ["KRAS status", "", "", ".5"], ["Mutant", "4", "5", ""]]
    rows += [["Necrosis", "", "", ".2"], ["Node-positive", "7", "8", ""], ["Other", "3", "2", ""]]
    rows += [["Age, median (range)", "50 (40-60)", "51 (41-61)", ".3"]]
    asked = claims_of(rows, design, "two-groups", place="t", named=DEAD)
    (question,) = asked.questions
    told = "'Node-positive' stands below 'Necrosis', which is left out, and names nodal_status"
    assert question.startswith(f"row 5: {told}")
    made = claims_of(rows, design, "two-groups", place="t", named={**DEAD, "Node-positive": "-"})
    assert covariates(made) == {("kras", "mutant"), ("age", "")}
    assert made.left_out[0] == (
        "'Necrosis' is left out, as was said, with the row below it ('Other')."
    )


@pytest.mark.parametrize(
    ("layout", "head", "cells"),
    [
        ("model", ["HR (95% CI)", "P"], ["1.4 (1.1-1.9)", ".01"]),
        ("curves", ["n", "5-year OS"], ["40", "30"]),
        ("subgroups", ["HR (95% CI)", "P for interaction"], ["1.4 (1.1-1.9)", ""]),
    ],
)
def test_a_level_that_many_columns_have_goes_with_the_heading_in_each_layout(
    design, layout, head, cells
):
    beside = ["", ".5" if layout == "subgroups" else ""]
    rows = [["", *head], ["Extrahepatic disease", *beside], ["Yes", *cells]]
    rows += [["Necrosis", *beside], ["No", *cells]]
    made = claims_of(rows, design, layout, place="t", endpoint="OS", named=DEAD)
    assert not made.questions and not any("=no" in c["population"] for c in made.claims)
    assert made.claims == claims_of(rows[:3], design, layout, place="t", endpoint="OS").claims


def test_all_below_an_endpoint_that_is_left_out_goes_with_it(design):
    """A covariate that the first endpoint has no row of went to the first endpoint."""
    ratio = ["1.4 (1.1-1.9)", ".01"]
    rows = [["", "HR (95% CI)", "P"], ["Overall survival", "", ""], ["Age", *ratio]]
    rows += [["Local control", "", ""], ["KRAS mutant", *ratio], ["R1", *ratio]]
    said = {"Local control": "-"}
    made = claims_of(rows, design, "model", place="t", endpoint="OS", named=said)
    assert covariates(made) == {("age", "")}
    assert "with the 2 rows below it" in made.left_out[0]
    heads = ["", "n", "5-year"]
    groups = [["No HAI", "40", "30"], ["HAI", "41", "31"]]
    rows = [heads, ["Overall survival", "", ""], *groups, ["Local control", "", ""], *groups[:1]]
    made = claims_of(rows, design, "curves", place="t", endpoint="OS", named=said)
    assert not made.questions and len(made.claims) == 4
