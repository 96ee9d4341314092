"""Heads of a regression table above estimates that are no ratio of its model."""

import pytest

from crlm import ledger
from crlm.transcription import claims_of
from crlm.transcription.summaries import said_in


@pytest.fixture(scope="module")
def design():
    return ledger.load_design("mskcc_hai")


def read(design, head):
    rows = [["", head, "P"], ["KRAS mutant", "1.4 (1.1-1.9)", ".01"]]
    made = claims_of(rows, design, "model", place="t", endpoint="OS")
    return made, [c["printed"] for c in made.claims if c["statistic"] == "hazard_ratio"]


@pytest.mark.parametrize(
    "head",
    ["Risk difference (95% CI)", "Mean difference (95% CI)", "Time ratio (95% CI)", "NNT (95% CI)"]
    + ["Estimate (95% CI)", "C-index (95% CI)", "AUC (95% CI)", "Cumulative incidence (95% CI)"]
    + ["1/HR (95% CI)", "Inverse HR (95% CI)", "HR−1 (95% CI)", "Weighted HR (95% CI)"]
    + ["IPTW HR (95% CI)", "Standardized HR (95% CI)", "HR (95% CI) per SD", "HR per 10 years"],
)
def test_what_is_no_ratio_of_the_model_is_asked(design, head):
    """Numbers with two limits went in as hazard ratios whatever stood above them."""
    made, found = read(design, head)
    assert made.questions and not found


@pytest.mark.parametrize(
    "head",
    ["HR (95% CI)", "95% CI", "Overall survival", "Effect of HAI, hazard ratio", "HR (time-fixed)"],
)
def test_ratios_are_read_as_before(design, head):
    made, found = read(design, head)
    assert not made.questions and found == ["1.4", "1.1", "1.9"]


def test_ratios_of_risks_of_a_timed_end_are_told(design):
    made, found = read(design, "RR (95% CI)")
    assert len(found) == 3 and "'RR (95% CI)' as hazard ratios" in made.taken


@pytest.mark.parametrize(
    "label", ["Age, median (10th-90th percentile)", "Age, median (P5-P95)", "Age, tertiles"]
)
def test_other_percentiles_are_no_quartiles(design, label):
    """They went in as quartiles where these are usual."""
    rows = [["", "No HAI", "HAI"], [label, "60 (50-70)", "61 (51-71)"]]
    made = claims_of(rows, design, "two-groups", place="t", spread="iqr")
    assert "other" in said_in(label) and made.questions and not made.claims


@pytest.mark.parametrize("label", ["Extrahepatic disease –", "Two-stage hepatectomy -"])
def test_a_minus_behind_a_blank_is_that_of_the_label(design, label):
    """Where a blank stood before it, the row was of the patients with what it denies."""
    rows = [["", "HR (95% CI)", "P"], [label, "1.4 (1.1-1.9)", ".01"]]
    made = claims_of(rows, design, "model", place="t", endpoint="OS")
    assert {(c["level"], c["reference"]) for c in made.claims} == {("no", "yes")}


def test_shares_in_brackets_below_a_group_stand_beside_their_counts(design):
    rows = [["", "No HAI", "", "HAI", ""], ["", "N", "(%)", "N", "(%)"]]
    rows += [["Male", "40", "(41.0)", "50", "(52.0)"]]
    made = claims_of(rows, design, "two-groups", place="t")
    assert not made.questions
    found = [(c["statistic"], c["printed"]) for c in made.claims]
    assert found == [("n", "40"), ("percent", "41.0"), ("n", "50"), ("percent", "52.0")]


@pytest.mark.parametrize(
    "head",
    ["RMST at 5 years (95% CI)", "5-year conditional survival", "Relative 5-year survival"]
    + ["Adjusted 5-year OS", "Weighted 5-year OS", "No. alive at 5 years", "Median age"],
)
def test_what_is_no_number_of_a_curve_is_asked(design, head):
    """They went in as 5-year survival, and a median age as a median survival."""
    rows = [["", "n", head], ["No HAI", "40", "50 (45-55)"], ["HAI", "41", "55 (50-60)"]]
    made = claims_of(rows, design, "curves", place="t", endpoint="OS")
    assert made.questions and {c["statistic"] for c in made.claims} == {"n"}
