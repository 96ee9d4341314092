"""Criteria are flags, the flags are the flow chart, and factors follow their cut."""

from __future__ import annotations

import dataclasses
import math

import pandas as pd
import pytest

from crlm import cohort, intake, ledger, scores
from tests.hostile import refused

NCCH = ledger.load_design("ncch_scp")
MSKCC = ledger.load_design("mskcc_hai")


def category(values, levels):
    return pd.Categorical(values, categories=levels)


def screened():
    """Seven patients: one with disease left behind, two untested, one BRAF mutant, one unknown."""
    return pd.DataFrame(
        {
            "patient_id": list("abcdefg"),
            "unresected_extrahepatic": category(
                ["yes", "no", "no", "no", "no", "no", "no"], ["no", "yes"]
            ),
            "genetic_data": category([None, "no", None, "yes", "yes", "yes", "yes"], ["yes", "no"]),
            "braf": category(
                [None, None, None, "mutant", None, "wild", "wild"], ["wild", "mutant"]
            ),
        }
    )


def numbers(rows):
    assert (rows["covariate"] == "flow").all() and (rows["statistic"] == "n").all()
    return dict(zip(rows["level"], rows["estimate"], strict=True))


def test_flags_in_order_and_unknown_does_not_meet_a_criterion():
    flags = cohort.eligibility(screened(), NCCH)
    assert list(flags) == ["curative", "genetic_data", "included"]
    assert set(flags.dtypes.astype(str)) == {"bool"}
    assert list(flags.all(axis=1)) == [False] * 5 + [True] * 2


def test_a_table_of_which_nobody_passes_is_refused_with_the_step_and_its_values():
    patients = screened().drop(index=[5, 6])
    with pytest.raises(ledger.CohortError) as caught:
        cohort.refuse_nobody(patients, NCCH)
    told = caught.value.told
    assert "Step included (“No BRAF mutation”) asks for 'wild' in BRAF status (column braf)" in told
    assert "mutant in 1, empty in 1 of the 2 patients who came so far. Correct" in told
    # What the table holds stays on the reader's terminal.
    assert "mutant" not in str(caught.value) and "… of the 2 patients" in str(caught.value)
    cohort.refuse_nobody(screened(), NCCH)
    # Another criterion asks for a value, whichever.
    with pytest.raises(ledger.CohortError) as caught:
        cohort.refuse_nobody(pd.DataFrame({"kras": [None, None]}), MSKCC)
    assert "which is empty in 2 of the 2 patients" in caught.value.told


def test_a_run_of_a_table_of_which_nobody_passes_does_not_start(tmp_path):
    """It wrote a report of no patient."""
    path = tmp_path / "own.csv"
    path.write_text("patient_id,kras,os_months,os_event\nA,,12,1\nB,,30,0\n", encoding="utf-8")
    with pytest.raises(ledger.CohortError, match="No patient of the table passes the flow chart"):
        intake.look([("mskcc_hai", {"cohort_path": str(path)})])


def test_attrition_counts_those_left_and_those_who_left():
    rows = cohort.attrition(cohort.eligibility(screened(), NCCH), NCCH)
    assert list(rows.columns) == list(ledger.ROW_COLUMNS)
    assert numbers(rows) == {
        "start": 7,
        "curative": 6,
        "curative_excluded": 1,
        "genetic_data": 4,
        "genetic_data_excluded": 2,
        "included": 2,
        "included_excluded": 2,
    }


def test_a_criterion_without_its_column_cannot_be_checked_and_says_so():
    patients = screened().drop(columns="genetic_data")
    flags = cohort.eligibility(patients, NCCH)
    assert flags["genetic_data"].all()
    rows = cohort.attrition(flags, NCCH)
    found = rows.set_index("level")
    assert found.loc["genetic_data", "method"] == (
        "“Genetic data available” cannot be checked: the table has no RAS and BRAF "
        "status known (column genetic_data)"
    )
    assert found.loc["genetic_data", "estimate"] == 6
    assert math.isnan(found.loc["genetic_data_excluded", "estimate"])
    assert found.loc["included", "estimate"] == 2


def test_known_means_not_missing():
    patients = pd.DataFrame({"kras": category(["wild", None, "mutant"], ["wild", "mutant"])})
    assert list(cohort.eligibility(patients, MSKCC)["kras_known"]) == [True, False, True]


def test_an_empty_table_flows_too():
    rows = cohort.attrition(cohort.eligibility(screened().head(0), NCCH), NCCH)
    assert set(numbers(rows).values()) == {0.0}


def test_factors_split_at_their_cut_and_missing_stays_missing():
    patients = pd.DataFrame(
        {"age": [60.0, 60.1, None], "n_tumours": [4.0, 5.0, 6.0], "size_cm": [5.0, 5.1, 0.3]}
    )
    before = patients.copy()
    added = cohort.add_factors(patients, NCCH)
    pd.testing.assert_frame_equal(patients, before)
    assert (
        list(added["age_cat"].astype(object))[:2] == ["low", "high"] and added["age_cat"].isna()[2]
    )
    assert list(added["number_cat"]) == ["low", "high", "high"]
    assert list(added["size_cat"]) == ["low", "high", "low"]
    assert list(added["age_cat"].cat.categories) == ["low", "high"]
    assert "cea_cat" not in added
    assert (
        list(cohort.add_factors(patients, NCCH.with_cuts(age_cat=61))["age_cat"])[:2] == ["low"] * 2
    )


def test_a_stand_in_answers_patient_by_patient():
    nan = float("nan")
    patients = pd.DataFrame(
        {
            "n_tumours": [1.0, 2.0, nan, nan, nan, 4.0],
            "multiple": category(["yes", "no", "no", "yes", None, None], ["no", "yes"]),
            "dfi_months": [20.0, nan, nan, nan, 3.0, nan],
            "timing": category(
                ["synchronous", "synchronous", "metachronous", None, "metachronous", "synchronous"],
                ["metachronous", "synchronous"],
            ),
        }
    )
    added = cohort.add_factors(patients, MSKCC)
    # The number, where it is there, has the word; then the category; else it is not known.
    assert added["solitary"].astype(object).fillna("?").tolist() == [
        "yes",
        "no",
        "yes",
        "no",
        "?",
        "no",
    ]
    # Many or few nobody can tell from solitary or multiple.
    assert added["more_than_3"].isna().tolist() == [False, False, True, True, True, False]
    # Synchronous is an interval of 0; metachronous tells nothing.
    assert added["dfi_short"].astype(object).fillna("?").tolist() == [
        "no",
        "yes",
        "?",
        "?",
        "yes",
        "yes",
    ]
    said = cohort.stand_ins(patients, MSKCC)
    assert said == (
        "Where the number is empty, a category that answers the same question stands in: "
        f"{MSKCC.label('multiple')} for {MSKCC.label('n_tumours')} in 2 patients; "
        f"{MSKCC.label('timing')} for {MSKCC.label('dfi_months')} in 2 patients."
    )
    assert cohort.stand_ins(added, MSKCC) == said
    assert cohort.stand_ins(patients.iloc[[0, 4]], MSKCC) == ""
    assert cohort.stand_ins(patients, NCCH) == ""


def test_scores_and_factors_know_the_same_stand_ins():
    """`scores.crs` follows the pairs that the design declares, one patient each."""
    declared = {
        (s["source"], s["otherwise"]["column"]) for s in MSKCC.factors.values() if "otherwise" in s
    }
    assert declared == {("n_tumours", "multiple"), ("dfi_months", "timing")}
    full = {
        "nodal_status": "negative",
        "dfi_months": 36.0,
        "timing": "metachronous",
        "n_tumours": 1.0,
        "multiple": "no",
        "size_cm": 1.0,
        "cea": 2.0,
    }
    for source, column in declared:
        word = {"multiple": "yes", "timing": "synchronous"}[column]
        rows = [full, {**full, source: None, column: word}, {**full, column: word}]
        frame = pd.DataFrame(rows).astype({source: float})
        assert scores.crs(frame).tolist() == [0, 1, 0], column
        name = next(
            n for n, s in MSKCC.factors.items() if "otherwise" in s and s["source"] == source
        )
        values = cohort.add_factors(frame, MSKCC)[name].tolist()
        assert values[1] != values[0] == values[2]


def test_a_factor_of_a_score_needs_the_score_first():
    """Factors once before the scores and once behind: the order that loses nothing."""
    full = {
        "nodal_status": "positive",
        "dfi_months": 3.0,
        "timing": "metachronous",
        "n_tumours": 2.0,
        "size_cm": 1.0,
        "cea": 2.0,
    }
    frame = pd.DataFrame([full])
    assert "crs_high" not in scores.add(cohort.add_factors(frame, MSKCC))
    whole = cohort.add_factors(scores.add(cohort.add_factors(frame, MSKCC)), MSKCC)
    assert whole["crs_high"].tolist() == ["high"]


def test_a_stand_in_is_used_where_the_source_is_absent_or_empty():
    multiple = category(["no", "yes", None], ["no", "yes"])
    for absent in ({}, {"n_tumours": [float("nan")] * 3}):
        patients = pd.DataFrame({"multiple": multiple, **absent})
        solitary = cohort.add_factors(patients, MSKCC)["solitary"]
        assert list(solitary.astype(object))[:2] == ["yes", "no"] and solitary.isna()[2]
    counted = pd.DataFrame({"multiple": multiple, "n_tumours": [1.0, 2.0, 1.0]})
    assert list(cohort.add_factors(counted, MSKCC)["solitary"]) == ["yes", "no", "yes"]
    empty = pd.DataFrame({"dfi_months": [float("nan")] * 2})
    assert cohort.add_factors(empty, MSKCC)["dfi_short"].isna().all()
    # Synchronous alone would give short intervals and nobody to compare them with.
    sync = category(["synchronous", "metachronous"], ["metachronous", "synchronous"])
    assert cohort.add_factors(empty.assign(timing=sync), MSKCC)["dfi_short"].isna().all()
    assert "dfi_short" not in cohort.add_factors(pd.DataFrame({"timing": sync}), MSKCC)
    assert cohort.stand_ins(empty.assign(timing=sync), MSKCC) == ""


def test_a_rule_that_does_not_exist_is_refused():
    factors = {"x": {"source": "age", "rule": "!=", "cut": 1, "levels": ["a", "b"]}}
    design = dataclasses.replace(NCCH, factors=factors)
    with refused("rule '!='; use one of >"):
        cohort.add_factors(pd.DataFrame({"age": [1.0]}), design)
