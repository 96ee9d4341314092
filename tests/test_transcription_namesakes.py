"""Columns of like labels: a status and its percentage, levels of one name in several columns."""

import pytest

from crlm import ledger
from crlm.transcription import claims_of


def category(label, levels, role="baseline"):
    return {"type": "category", "levels": levels, "label": label, "role": role}


@pytest.fixture(scope="module")
def design():
    """A marker of four levels, receptors as a status and in per cent (PMC2949642)."""
    made = ledger.load_design("ncch_scp")
    two = ["negative", "positive"]
    made.columns["marker"] = category("Marker", [two[0], "weak", "moderate", "strong"])
    made.columns["er"] = category("Estrogen receptor status", two)
    made.columns["pr"] = category("Progesterone receptor status", two)
    made.columns["er_percent"] = category("Estrogen receptor, % of nuclei", ["0", "1-100"])
    made.table_one.update(by="marker", variables=["er_percent"])
    return made


TABLE = [
    ["", "Patients in present study (n = 100)", "Weak (n = 40)"],
    ["Estrogen receptor status", "", ""],
    ["Positive", "60 (67)", "20 (57)"],
    ["Negative", "30 (33)", "15 (43)"],
    ["Unavailable", "10", "5"],
    ["Progesterone receptor status", "", ""],
    ["Positive", "50 (50)", "20 (50)"],
    ["Negative", "50 (50)", "20 (50)"],
]
ALL = {"Patients in present study": "all"}


def test_a_whole_label_goes_before_a_shorter_one_with_words_behind_it(design):
    """It was read as the receptor in per cent, since Table 1 has that and status says nothing."""
    made = claims_of(TABLE, design, "two-groups", place="table1", named=ALL)
    assert not made.questions, made.questions
    found = {(c["covariate"], c["level"], c["statistic"]): c["printed"] for c in made.claims}
    assert found["er", "positive", "n"] == "20" and found["pr", "negative", "n"] == "20"
    assert found["er", "", "missing"] == "5"
    assert not any(covariate == "er_percent" for covariate, _, _ in found)


def test_rows_that_name_one_group_twice_do_not_turn_a_table(design):
    """ "Negative" of two receptors is a level of the marker too: every row was asked as a head."""
    heads = [TABLE[0][0], TABLE[0][1], "Others (n = 60)"]
    made = claims_of([heads, *TABLE[1:]], design, "two-groups", place="table1", named=ALL)
    assert len(made.questions) == 1 and "'Others'" in made.questions[0]
    assert not made.taken
