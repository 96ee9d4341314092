"""Criteria are flags, the flags are the flow chart, and factors follow their cut."""

from __future__ import annotations

import dataclasses
import math

import pandas as pd

from crlm import cohort, ledger
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


def test_attrition_counts_those_left_and_those_who_left():
    rows = cohort.attrition(cohort.eligibility(screened(), NCCH), NCCH)
    assert list(rows.columns) == list(ledger.ROW_COLUMNS)
    assert numbers(rows) == {
        "start": 7, "curative": 6, "curative_excluded": 1, "genetic_data": 4,
        "genetic_data_excluded": 2, "included": 2, "included_excluded": 2,
    }  # fmt: skip


def test_a_criterion_without_its_column_cannot_be_checked_and_says_so():
    patients = screened().drop(columns="genetic_data")
    flags = cohort.eligibility(patients, NCCH)
    assert flags["genetic_data"].all()
    rows = cohort.attrition(flags, NCCH)
    found = rows.set_index("level")
    assert found.loc["genetic_data", "method"] == "cannot be checked: no column genetic_data"
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


def test_a_stand_in_is_used_only_where_the_source_is_absent_or_empty():
    multiple = category(["no", "yes", None], ["no", "yes"])
    for absent in ({}, {"n_tumours": [float("nan")] * 3}):
        patients = pd.DataFrame({"multiple": multiple, **absent})
        solitary = cohort.add_factors(patients, MSKCC)["solitary"]
        assert list(solitary.astype(object))[:2] == ["yes", "no"] and solitary.isna()[2]
    counted = pd.DataFrame({"multiple": multiple, "n_tumours": [1.0, 2.0, 1.0]})
    assert list(cohort.add_factors(counted, MSKCC)["solitary"]) == ["yes", "no", "yes"]
    empty = pd.DataFrame({"dfi_months": [float("nan")] * 2})
    assert cohort.add_factors(empty, MSKCC)["dfi_short"].isna().all()


def test_a_rule_that_does_not_exist_is_refused():
    factors = {"x": {"source": "age", "rule": "!=", "cut": 1, "levels": ["a", "b"]}}
    design = dataclasses.replace(NCCH, factors=factors)
    with refused("rule '!='; use one of >"):
        cohort.add_factors(pd.DataFrame({"age": [1.0]}), design)
