"""Counts whose thousands stand apart: by a blank, an apostrophe, a point."""

import pytest

from crlm import ledger
from crlm.transcription import claims_of, grid


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


def counted(design, head, cell, **options):
    rows = [["", head, "HAI (n = 366)"], ["Male", cell, "205 (56)"]]
    made = claims_of(rows, design, "two-groups", place="t", **options)
    return [c["value"] for c in made.claims if c["group"] == "hai=no"], made.questions


@pytest.mark.parametrize("sign", [" ", "\u2009", "\u202f", "\u00a0", "\u2007", "'", "’", ".", ","])
def test_a_size_has_all_its_digits(design, sign, tmp_path):
    """ "n = 10 503" and "n = 10.503" went in as 10 patients."""
    found, asked = counted(design, f"No HAI (n = 10{sign}503)", "4753 (45.3)")
    assert not asked and found == ["10503", "4753", "45.3"]
    path = tmp_path / "t.txt"
    path.write_text(f"\tNo HAI (n = 10{sign}503)\nMale\t4753 (45.3)\n", encoding="utf-8")
    made = claims_of(grid(path), design, "two-groups", place="t")
    assert [c["value"] for c in made.claims] == found


@pytest.mark.parametrize("cell", ["10 503 (45.2)", "10 503/23 237 (45.2)", "10'503 (45.2%)"])
def test_a_count_has_all_its_digits(design, cell):
    found, asked = counted(design, "No HAI (23 237 patients)", cell)
    assert not asked and list(dict.fromkeys(found)) == ["23237", "10503", "45.2"]


def test_two_numbers_side_by_side_stay_two(design):
    """Nothing beside "10 503" says that it is one number."""
    found, asked = counted(design, "No HAI (n = 213, 98 events)", "10 503")
    assert found == ["213"] and "'10 503'" in asked[0]


@pytest.mark.parametrize(
    ("note", "sizes"),
    [
        ("10 503 patients (1 230 events) were in the multivariable model.", ["10503", "1230"]),
        ("Model 1 213 patients, multivariable.", ["213"]),  # Of model 1.
    ],
)
def test_the_patients_of_a_model_have_all_their_digits(design, note, sizes):
    """It had 503 patients and 230 events."""
    rows = [["", "Multivariable HR"], ["Age", "1.02"], [note, ""]]
    made = claims_of(rows, design, "model", place="t", endpoint="OS")
    assert [c["value"] for c in made.claims if c["statistic"] in ("n", "events")] == sizes


def test_points_between_thousands_beside_decimal_commas(design):
    """A median of 10.503 went in as ten and a half."""
    found, asked = counted(design, "No HAI (n = 23.237)", "10.503 (45,2)", decimal="comma")
    assert not asked and list(dict.fromkeys(found)) == ["23237", "10503", "45.2"]
    rows = [["", "No HAI", "HAI"], ["Age, median", "1.503", "61.5"], ["Male", "5 (45,2)", ""]]
    made = claims_of(rows, design, "two-groups", place="t", decimal="comma")
    assert any("'1.503' has a point" in question for question in made.questions)
    rows = [["", "No HAI", "HAI"], ["Age, median", "1.503", ""], ["Male", "5 (45,2)", ""]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert "say --decimal comma" in made.questions[0]


@pytest.mark.parametrize("head", ["No HAI (n = 10, 503)", "No HAI (n = 10, 503 patients)"])
def test_a_blank_behind_the_comma_is_none_of_the_number(design, head):
    """It went in as 10 patients."""
    found, asked = counted(design, head, "4, 753 (45.3)")
    assert not asked and found == ["10503", "4753", "45.3"]


def test_a_comma_and_a_blank_that_may_part_two_numbers_are_asked(design):
    asked = counted(design, "No HAI (n = 10, 503)", "4 (45.3)")[1]
    assert "'10, 503' may be one number or two" in asked[0]
    found, asked = counted(design, "No HAI (n = 213, 980 events)", "400 (45.3)")
    assert not asked and found[0] == "213"
    rows = [["", "Multivariable HR (n = 10, 503)"], ["Age", "1.02"]]
    made = claims_of(rows, design, "model", place="t", endpoint="OS")
    assert "'10, 503' may be" in made.questions[0]
