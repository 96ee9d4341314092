"""Verdicts, each from its definition on one printed number."""

import functools
import math

import pandas as pd
import pytest

from crlm import comparison, ledger, naming

CLAIM = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | {
    "kind": "number",
    "operator": "=",
    "field": "estimate",
    "population": "all",
    "group": "all",
    "endpoint": "OS",
    "covariate": "ras",
    "level": "mutant",
    "model": "multivariable",
    "statistic": "hazard_ratio",
    "time": math.nan,
    "decimals": 2,
    "value": 3.37,
    "printed": "3.37",
}
ROW = {
    "endpoint": "OS",
    "covariate": "ras",
    "level": "mutant",
    "model": "multivariable",
    "statistic": "hazard_ratio",
}


def verdict(row, rounded_before=None, days_per_month=30.4375, **claim):
    rows = ledger.rows([ROW | r for r in (row if isinstance(row, list) else [row])])
    claims = pd.DataFrame([CLAIM | claim])
    rules = {"rounded_before": rounded_before, "days_per_month": days_per_month}
    return comparison.compare(rows, claims, **rules).iloc[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3.365, "matches"),
        (3.37499, "matches"),
        (3.375, "near"),
        (3.355, "near"),
        (3.3549, "differs"),
        (3.385, "differs"),
    ],
)
def test_a_number_matches_when_it_rounds_half_up_to_the_print(value, expected):
    assert verdict({"estimate": value}).verdict == expected


def test_rounding_twice_is_allowed_only_where_the_paper_did_it():
    # 0.4446 -> 0.445 -> 0.45, but 0.4446 -> 0.44 at once
    claim = {"value": 0.45, "printed": "0.45"}
    assert verdict({"estimate": 0.4446}, **claim).verdict == "near"
    assert verdict({"estimate": 0.4446}, rounded_before=3, **claim).verdict == "matches"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.00099, "matches"), (0.001, "near"), (0.0019, "near"), (0.01, "differs")],
)
def test_below_a_bound(value, expected):
    claim = {"value": 0.001, "printed": "<0.001", "operator": "<", "decimals": 3}
    assert verdict({"estimate": value}, **claim).verdict == expected


def test_months_are_compared_as_years_when_the_paper_prints_years():
    claim = {"value": 6.6, "decimals": 1, "unit": "years"}
    assert verdict({"estimate": 79.2, "unit": "months"}, **claim).verdict == "matches"


@pytest.mark.parametrize(
    ("unit", "months"), [("days", 609 / 30.4375), ("weeks", 609 * 7 / 30.4375)]
)
def test_months_are_compared_as_days_and_weeks_where_the_paper_has_these(unit, months):
    claim = {"value": 609.0, "printed": "609", "decimals": 0, "unit": unit}
    assert verdict({"estimate": months, "unit": "months"}, **claim).verdict == "matches"
    assert verdict({"estimate": 609.0, "unit": "months"}, **claim).verdict == "differs"


@pytest.mark.parametrize(("unit", "printed"), [("days", 600.0), ("weeks", 86.0)])
def test_days_and_weeks_are_those_of_the_papers_months(unit, printed):
    claim = {"value": printed, "printed": f"{printed:g}", "decimals": 0, "unit": unit}
    row = {"estimate": 20.0, "unit": "months"}
    assert verdict(row, days_per_month=30.0, **claim).verdict == "matches"
    assert verdict(row, **claim).verdict != "matches"


def test_units_that_do_not_convert_give_no_result():
    got = verdict({"estimate": 3.37, "unit": "cm"}, unit="years")
    assert (got.verdict, got.reason) == ("no result", "computed in cm, printed in years")


def test_a_claim_without_a_row_is_kept_and_says_why():
    got = verdict({"estimate": 1, "covariate": "age"})
    assert (got.verdict, got.reason) == ("no result", "this cohort has no ras")


def test_a_median_not_reached_is_no_result():
    claim = {"statistic": "median_survival"}
    got = verdict({"statistic": "median_survival", "estimate": math.nan}, **claim)
    assert (got.verdict, got.reason) == ("no result", "the median is not reached in this cohort")


@pytest.mark.parametrize(
    ("operator", "estimate", "p", "expected"),
    [
        (">", 1.5, 0.01, "matches"),
        (">", 1.5, 0.2, "near"),
        (">", 0.7, 0.01, "differs"),
        ("<", 0.7, 0.01, "matches"),
        ("~", 1.5, 0.2, "matches"),
        ("~", 1.5, 0.01, "differs"),
    ],
)
def test_directions_need_the_side_and_the_significance(operator, estimate, p, expected):
    rows = [{"estimate": estimate}, {"statistic": "p", "estimate": p}]
    claim = {"kind": "direction", "operator": operator, "value": 1.0, "decimals": math.nan}
    assert verdict(rows, **claim).verdict == expected


def test_medians_that_are_equal_are_not_the_other_way_round():
    claim = {"kind": "direction", "operator": ">", "value": 1.0, "decimals": math.nan}
    for estimate, reason in ((1.0, "neither way here"), (0.9, "the other way round here")):
        got = verdict([{"estimate": estimate}, {"statistic": "p", "estimate": 0.5}], **claim)
        assert (got.verdict, got.reason) == ("differs", reason)


@pytest.mark.parametrize(
    ("operator", "p", "expected"),
    [
        ("~", 0.2, "matches"),
        ("~", 0.01, "differs"),
        ("<", 0.01, "matches"),
        ("<", 0.2, "differs"),
        ("~", math.nan, "no result"),
    ],
)
def test_a_sentence_on_several_groups_is_judged_by_their_p(operator, p, expected):
    """ "Age did not differ" among three groups: no single number has a direction."""
    claim = {"kind": "direction", "operator": operator, "value": 0.05, "decimals": math.nan}
    assert verdict({"statistic": "p", "estimate": p}, **claim, statistic="p").verdict == expected


def test_a_direction_without_p_reads_the_interval():
    claim = {"kind": "direction", "operator": ">", "value": 1.0, "decimals": math.nan}
    row = {"estimate": 1.5, "conf_low": 1.1, "conf_high": 2.0}
    assert verdict(row, **claim).verdict == "matches"


def test_the_tally_counts_every_claim_once():
    rows = ledger.rows([ROW | {"estimate": 3.37}])
    claims = pd.DataFrame(
        [CLAIM | {"place": "abstract"}, CLAIM | {"place": "table2", "value": 9.0}]
    )
    table = comparison.tally(comparison.compare(rows, claims))
    assert table.loc["total"].to_dict() == {
        "claims": 2,
        "matches": 1,
        "near": 0,
        "differs": 1,
        "no result": 0,
    }


def test_a_finding_stands_beside_every_claim_it_touches():
    claims = pd.DataFrame([CLAIM | {"id": "a"}, CLAIM | {"id": "b", "value": 9.0}])
    verdicts = comparison.compare(ledger.rows([ROW | {"estimate": 3.37}]), claims)
    findings = pd.DataFrame({"finding_id": ["F01"], "title": ["off centre"], "claims": [("b",)]})
    told = comparison.with_findings(verdicts, findings)
    assert told["findings"].tolist() == ["", "F01: off centre"]
    assert told["verdict"].tolist() == ["matches", "differs"]


def test_what_a_cohort_lacks_has_the_words_of_its_design():
    claims = pd.DataFrame([CLAIM | {"covariate": "cea_cat", "group": "kras=mutant"}])
    words = functools.partial(naming.word_for, design=ledger.load_design("ncch_scp"))
    found = comparison.compare(ledger.rows([ROW]), claims, words=words)
    assert found["reason"][0] == "this cohort has no CEA, kras"


def test_a_sentence_on_an_exposure_that_no_model_holds_says_so():
    asked = {"kind": "direction", "statistic": "hazard_ratio", "endpoint": "OS", "operator": ">"}
    model = {"endpoint": "OS", "model": "multivariable", "statistic": "hazard_ratio"}
    told = {name: "" for name in ("group", "population")} | {"level": "yes", "value": 1.0}
    rows = ledger.rows(
        [
            {**model, "covariate": "age", "model": "univariable", "estimate": 1.2},
            {**model, "covariate": "crs", "estimate": 1.2},
            {"covariate": "hai", "level": "yes", "statistic": "n", "estimate": 60},
            {"covariate": "kras", "level": "mutant", "statistic": "n", "estimate": 60},
        ]
    )
    claims = pd.DataFrame(
        [
            CLAIM | asked | told | {"covariate": name, "model": model}
            for name, model in (
                ("hai", "multivariable"),
                ("hai", ""),
                ("hai:kras", "multivariable"),
                ("age", "multivariable"),
            )
        ]
    )
    words = functools.partial(naming.word_for, design=ledger.load_design("mskcc_hai"))
    found = comparison.compare(rows, claims, words=words)
    assert found["verdict"].tolist() == ["no result"] * 4
    assert found["reason"].tolist() == [
        "no model of OS holds adjuvant HAI",
        "no model of OS holds adjuvant HAI",
        "no model of OS holds adjuvant HAI × KRAS",
        "not in the model that the rule selects here",
    ]


# ---- what a ratio is against ----------------------------------------------------------------

AGAINST_WILD = {"level": "wild", "statistic": "reference", "estimate": 1.0}
HALF = {"estimate": 0.5, "conf_low": 0.25, "conf_high": 0.8}


def test_a_ratio_against_the_other_of_two_levels_is_turned_over():
    # 1/0.5 = 2; the upper limit of the inverse is 1/0.25 = 4.
    claim = {"level": "wild", "reference": "mutant", "value": 2.0, "printed": "2.00"}
    found = verdict([HALF, AGAINST_WILD], **claim)
    assert (found.verdict, found.computed) == ("matches", 2.0)
    limit = claim | {"field": "conf_high", "value": 4.0, "printed": "4.00"}
    assert verdict([HALF, AGAINST_WILD], **limit).verdict == "matches"


def test_a_ratio_against_a_third_level_has_no_result():
    claim = {"reference": "codon12", "value": 0.5, "printed": "0.50"}
    found = verdict([HALF, AGAINST_WILD], **claim)
    assert found.verdict == "no result"
    assert found.reason == "the ratio here is against wild, the printed one against codon12"


def test_a_number_of_the_reference_level_asks_what_it_is_against():
    found = verdict([HALF, AGAINST_WILD], level="wild", value=2.0, printed="2.00")
    assert found.verdict == "no result"
    assert found.reason.startswith("wild is the level that ratios are against here, and has none")


def test_a_reference_level_that_is_the_one_here_changes_nothing():
    claim = {"reference": "wild", "value": 0.5, "printed": "0.50"}
    assert verdict([HALF, AGAINST_WILD], **claim).verdict == "matches"


def test_a_sentence_on_two_levels_the_other_way_round_takes_the_p_of_their_row():
    p = {"statistic": "p", "estimate": 0.01}
    claim = {"kind": "direction", "level": "wild", "reference": "mutant", "value": 1.0}
    assert verdict([HALF, AGAINST_WILD, p], operator=">", **claim).verdict == "matches"
    assert verdict([HALF, AGAINST_WILD, p], operator="<", **claim).verdict == "differs"


# ---- a reason is true -----------------------------------------------------------------------

ODDS = {"endpoint": "early", "covariate": "age", "level": "", "statistic": "odds_ratio"}
OF_AGE = {"endpoint": "early", "covariate": "age", "level": ""}


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        # Once "not in the model that the rule selects here", of a covariate that is in it.
        ({**OF_AGE, "statistic": "e_value"}, "the report gives no E-value of this model"),
        (
            {**OF_AGE, "covariate": "", "statistic": "concordance"},
            "the report gives no Harrell's concordance of this model",
        ),
        (
            {**OF_AGE, "covariate": "ras", "level": "codon13", "statistic": "odds_ratio"},
            "the model here has no level codon13 of ras",
        ),
        ({**OF_AGE, "covariate": "sex", "level": "male"}, "not in the model that the rule"),
        # Once blamed on the selection: no model of these patients was fitted.
        ({**OF_AGE, "population": "sex=male"}, "no section of the notebook computes it"),
        # Once "this cohort has no from month 6".
        (
            {**OF_AGE, "population": "from month 6", "model": "landmark"},
            "no section of the notebook computes it",
        ),
        (
            {"endpoint": "early", "covariate": "GLOBAL", "level": "", "statistic": "p"}
            | {"model": "ph_test"},
            "no section of the notebook computes it",
        ),
    ],
)
def test_the_reason_of_no_result_is_what_is_wanting(claim, reason):
    rows = [ODDS, {**ODDS, "covariate": "ras", "level": "mutant"}]
    rows += [{**ODDS, "covariate": "sex", "level": "male", "model": "univariable"}]
    got = verdict([{**row, "estimate": 2.0} for row in rows], **claim)
    assert got.verdict == "no result" and got.reason.startswith(reason)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"group": "ras=mutant", "population": "sex=male"}, {}),
        ({"group": "all", "population": "ras=mutant,sex=male"}, {}),
        ({"group": "sex=male"}, {"covariate": "ras", "level": "mutant"}),
    ],
)
def test_a_count_is_of_its_patients_wherever_their_conditions_stand(keys, told):
    """Once no result: a subgroup's size printed by arm, and counted by sex in the report."""
    none = {"endpoint": "", "covariate": "", "level": "", "model": "", "statistic": "n"}
    row = none | {"group": "sex=male,ras=mutant", "estimate": 40.0}
    whole = none | {"group": "ras=mutant", "estimate": 63.0}
    claim = none | keys | told | {"decimals": 0, "value": 40.0, "printed": "40"}
    assert verdict([whole, row], **claim).verdict == "matches"


def test_a_rate_is_of_its_patients_wherever_their_conditions_stand():
    rate = {"endpoint": "OS", "covariate": "", "level": "", "model": "", "time": 36.0}
    rate |= {"statistic": "survival_rate"}
    row = rate | {"group": "ras=mutant", "population": "sex=male", "estimate": 40.0}
    claim = rate | {"group": "sex=male", "population": "ras=mutant", "value": 40.0, "decimals": 0}
    assert verdict(row, **claim).verdict == "matches"
    # A test between groups is of these alone.
    p = rate | {"statistic": "p", "model": "logrank", "time": math.nan}
    row = p | {"group": "ras", "population": "sex=male", "estimate": 0.4}
    claim = p | {"group": "ras", "population": "all", "value": 0.4, "decimals": 1}
    assert verdict(row, **claim).verdict == "no result"


# ---- ties and p values ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statistic", "value", "printed", "decimals", "expected"),
    [
        ("percent", 100 * 5 / 16, 31.2, 1, "matches"),  # 31.25, to the even digit
        ("percent", 100 * 5 / 16, 31.3, 1, "matches"),  # and half up
        ("percent", 100 * 3 / 16, 18.7, 1, "near"),  # 18.75: its even digit is 8
        ("percent", 100 * 50001 / 160000, 31.2, 1, "near"),  # 31.250625 is no tie
        ("median", 0.125, 0.12, 2, "matches"),
        ("q1", 3.35, 3.3, 1, "matches"),  # R's quantile of 3.3 and 3.4 is 3.3499999999999996
        ("survival_rate", 43.75, 43.7, 1, "matches"),  # and survfit's 21 of 48 43.74999999999999
        ("percent", 100 * 7 / 80, 8.7, 1, "near"),  # 8.75 is a number of the machine
        ("percent", 100 * 231 / 2000, 11.5, 1, "matches"),  # and 11.55 is none
        ("hazard_ratio", 0.125, 0.12, 2, "near"),
    ],
)
def test_a_tie_may_be_rounded_to_the_even_digit(statistic, value, printed, decimals, expected):
    claim = {"statistic": statistic, "value": printed, "decimals": decimals}
    got = verdict({"statistic": statistic, "estimate": value}, **claim)
    assert got.verdict == expected
    told = "31.25 lies halfway; print has the even digit"
    assert (got.reason == told) == (printed == 31.2 and value == 31.25)


@pytest.mark.parametrize(
    ("printed", "decimals", "operator", "value", "expected"),
    [
        (0.01, 2, "=", 0.0013, "differs"),  # once near: one unit of the last digit
        (0.01, 2, "=", 0.0025, "near"),
        (0.01, 2, "=", 0.02, "near"),
        (0.04, 2, "=", 0.05, "near"),
        (0.52, 2, "=", 0.51, "near"),
        (0.0, 2, "=", 0.014, "differs"),
        (0.001, 3, "<", 0.0015, "near"),
        (0.05, 2, ">", 0.041, "near"),
    ],
)
def test_a_near_p_value_is_within_a_factor_of_two(printed, decimals, operator, value, expected):
    claim = {"value": printed, "decimals": decimals, "operator": operator, "statistic": "p"}
    got = verdict({"statistic": "p", "estimate": value}, **claim)
    assert got.verdict == expected


@pytest.mark.parametrize(
    ("statistic", "shown", "printed", "expected"),
    [
        ("p", 0.22, "0.217", "can agree"),
        ("p", 0.22, "0.231", "differs"),
        ("p", 0.22, "0.22", "matches"),
        ("p", 0.0012, "0.00118", "can agree"),
        ("hazard_ratio", 12.3, "12.34", "can agree"),
        ("hazard_ratio", 1.23, "1.26", "differs"),
        ("hazard_ratio", 12.3, "12.41", "differs"),
    ],
)
def test_a_safe_report_does_not_differ_by_the_digits_it_leaves_out(
    statistic, shown, printed, expected
):
    """A printed 0.217 beside the shown 0.22 "differed"."""
    row = ledger.rows([ROW | {"statistic": statistic, "estimate": shown}])
    claim = {"statistic": statistic, "printed": printed, "value": float(printed)}
    claim["decimals"] = len(printed.partition(".")[2])
    made = comparison.compare(row, pd.DataFrame([CLAIM | claim]))
    assert comparison.within_bands(made, row, 5)["verdict"].iloc[0] == expected


def test_a_limit_of_a_mean_says_that_nothing_computes_it():
    """A mean of 61 (59-63): the limits "cannot be estimated in this cohort"."""
    own = {"statistic": "mean", "model": "", "endpoint": ""}
    found = verdict({**own, "estimate": 61.0}, **own, value=59, printed="59", field="conf_low")
    assert found.verdict == "no result"
    assert found.reason == "no section computes limits of a mean"
