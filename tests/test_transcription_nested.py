"""Rows of Table 1 that are of the patients of a row above them, as their percentages say."""

import pytest

from crlm.transcription import claims_of
from tests.test_transcription_surgical import DESIGN, loaded

COLUMNS = """
[columns.surgery]
type = "category"
levels = ["none", "explored", "resected"]
labels = { none = "No operation", explored = "Exploration", resected = "Resection" }
label = "Surgery"
[columns.extent]
type = "category"
levels = ["wedge", "major", "several"]
label = "Extent"
[columns.reason]
type = "category"
levels = ["disease", "refusal"]
labels = { disease = "More disease", refusal = "Refusal" }
label = "Reason"
[columns.liver]
type = "category"
levels = ["no", "yes"]
label = "Liver"
[columns.lung]
type = "category"
levels = ["no", "yes"]
label = "Lung"
[columns.skin]
type = "category"
levels = ["no", "yes"]
label = "Skin"
"""
HEAD = ["", "Control (n = 182)", "Treatment (n = 182)"]
# Table 4 of EORTC 40983 (Lancet 2008).
SURGERY = [
    HEAD,
    ["Resection", "152 (84%)", "151 (83%)"],
    ["Extent", "", ""],
    ["Wedge", "33 (22%)", "31 (20%)"],
    ["Major", "81 (53%)", "86 (57%)"],
    ["Several", "36 (24%)", "33 (22%)"],
    ["Unknown", "2 (1%)", "1 (1%)"],
    ["Exploration", "18 (10%)", "8 (4%)"],
    ["No operation", "8 (4%)", "22 (12%)"],
    ["More disease", "8 (100%)", "12 (55%)"],
    ["Refusal", "0", "10 (45%)"],
]
LAST = ["Unknown", "4 (2%)", "1 (1%)"]
# Table 3 of Breast Cancer Res 2015;17:150; 301.
SITES = [
    ["", "Control (n = 548)", "Treatment (n = 554)"],
    ["Resection", "204 (37.2)", "216 (39.0)"],
    ["Liver", "80 (39.2)", "72 (33.3)"],
    ["Lung", "33 (16.2)", "30 (13.9)"],
    ["Skin", "62 (30.4)", "66 (30.6)"],
]


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    text = DESIGN.replace("[factors.size_band]", f"{COLUMNS}[factors.size_band]", 1)
    text = text.replace("[table_one]", '[table_one]\npercent_of_all = ["extent", "surgery"]')
    return loaded(tmp_path_factory.mktemp("data"), text)


def read(rows, design, **said):
    made = claims_of(rows, design, "two-groups", place="table4", **said)
    assert not made.questions
    return made


def among(made):
    return {(claim["covariate"], claim["population"]) for claim in made.claims}


def test_levels_that_make_up_a_row_above_are_of_its_patients(design):
    made = read([*SURGERY, LAST], design)
    own = {("", "all"), ("surgery", "all")}
    own |= {("extent", "surgery=resected"), ("reason", "surgery=none")}
    assert among(made) == own
    found = {claim["id"]: claim["printed"] for claim in made.claims}
    # The ids are those of an import with --population, which is then no second one.
    assert found["table4-arm-yes-extent-wedge-surgery-resected-percent"] == "20"
    assert found["table4-arm-no-extent-surgery-resected-missing"] == "2"
    # 4 are no share of the 8 not operated on, and all that the levels of surgery lack.
    assert found["table4-arm-no-surgery-missing"] == "4"
    assert any("Extent, by their percentages, as those of" in told for told in made.taken)


def test_an_unknown_that_is_of_neither_is_asked(design):
    rows = [*SURGERY, ["Unknown", "40 (22%)", "31 (17%)"]]
    (question,) = claims_of(rows, design, "two-groups", place="table4").questions
    assert "Unknown" in question and "no share of these" in question


def test_several_rows_of_yes_are_of_the_row_above_alone_where_all_fit_it(design):
    sites = {"liver", "lung", "skin"}
    made = among(read(SITES, design))
    assert {(name, "surgery=resected") for name in sites} <= made
    made = among(read(SITES, design, percent="column"))
    assert {(name, "all") for name in sites} <= made
    # Two rows say too little, and so do those that fit their groups.
    assert ("liver", "all") in among(read(SITES[:4], design))
    whole = [*SITES[:2], *([name, "80 (14.6)", "72 (13.0)"] for name in ("Liver", "Lung", "Skin"))]
    assert {(name, "all") for name in sites} <= among(read(whole, design))


def test_a_row_of_one_group_is_as_the_rows_around_it(design):
    rows = [*SITES, ["Extent", "", ""], ["Wedge", "0", "7 (3.2)"]]
    assert ("extent", "surgery=resected") in among(read(rows, design))
