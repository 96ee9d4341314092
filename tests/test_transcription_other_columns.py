"""Columns that hold what no row has: p of other tests of curves, toxicity by grade below arms."""

import pytest

from crlm import ledger
from crlm.transcription import claims_of


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


ROWS = [["No HAI", "40", "60", ".04"], ["HAI", "41", "62", ""]]


@pytest.mark.parametrize(
    ("head", "note", "said"),
    [
        ("P (Breslow)", "", "p of Breslow's test"),  # Went in as the log-rank test.
        ("Gehan-Wilcoxon P", "", "p of Gehan's test"),
        ("Stratified log-rank P", "", "p of a stratified test"),
        ("P", "P by the Tarone-Ware test", "names Tarone"),
        ("P (log-rank)", "Ages by the Wilcoxon test", ""),
        ("P", "", ""),
    ],
)
def test_p_of_another_test_of_curves_is_no_log_rank_p(design, head, note, said):
    rows = [["", "n", "5-year OS", head], *ROWS, *([[note, "", "", ""]] if note else [])]
    made = claims_of(rows, design, "curves", place="t", endpoint="OS")
    assert len(made.questions) == bool(said) and said in "".join(made.questions)


def test_a_regression_table_has_no_such_p_either(design):
    rows = [["", "Univariable HR", "P (Breslow)"], ["KRAS mutant", "1.4", ".01"]]
    made = claims_of(rows, design, "model", place="t", endpoint="OS")
    assert "--is 'P (Breslow)=-'" in made.questions[0]


@pytest.mark.parametrize(
    "heads",
    [
        [["", "No HAI", "", "HAI", ""], ["", "All grades", "Grade 3-4", "All grades", "Grade 3-4"]],
        [["", "No HAI (n = 9), any", "No HAI (n = 9), 3", "HAI (n = 9), any", "HAI (n = 9), 3"]],
    ],
)
def test_two_counts_of_one_group_are_asked(design, heads):
    """Where both were alike, as 0 and 0, one went in as the other; else a row came twice."""
    rows = [*heads, ["Extrahepatic disease", "0 (0)", "0 (0)", "1 (11)", "1 (11)"]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert made.questions and not [c for c in made.claims if c["covariate"]]
    if len(heads) == 1:
        assert "are both of hai=no" in made.questions[0]


def test_a_count_beside_its_percentage_is_of_its_group(design):
    heads = ["", "No HAI, n", "No HAI %", "HAI, n", "HAI %"]
    made = claims_of([heads, ["Male", "4", "40", "5", "50"]], design, "two-groups", place="t")
    assert not made.questions and len(made.claims) == 4


def test_two_p_values_of_a_characteristic_are_left_out_by_their_heads(design):
    rows = [["", "No HAI", "HAI", "P (t)", "P (rank)"], ["Age, median", "50", "51", ".1", ".2"]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert "--is 'P (t)=-', or --is 'P (rank)=-'" in made.questions[0]
