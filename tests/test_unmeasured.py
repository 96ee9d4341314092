"""What nobody measured, by hand and against R, and patients who were lost before a month."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival import datasets

from crlm import causal, unmeasured
from crlm.causal import flags
from crlm.causal.engine import gram
from crlm.ledger import rows

REFERENCE = pd.read_csv(Path(__file__).parent / "reference" / "censoring.csv").set_index(
    ["case", "quantity"]
)["value"]


# ---- arithmetic ------------------------------------------------------------------------


def test_medians_of_a_cohort_and_of_its_parent():
    # 6.6 years (6.0 to 8.3) against 67 and 44 months, and against the mixture 56.5.
    z = [unmeasured.medians_apart(79.2, 72.0, 99.6, other) for other in (67.0, 56.5)]
    assert z == pytest.approx([2.02, 4.08], abs=0.005)
    assert math.isnan(unmeasured.medians_apart(79.2, 99.6, 72.0, 67.0))


def test_shares_by_hand():
    # 30 of 100 against 50 %: the error is 0.05, so four errors.
    assert unmeasured.shares_apart(0.3, 100, 0.5) == pytest.approx(-4)
    assert math.isnan(unmeasured.shares_apart(0.3, 100, 1.0))
    # 1/2 of 5 patients and 0 of 5: variances 5/16 and 0.
    assert unmeasured.difference_of_shares(0.5, 5, 0.0, 5) == pytest.approx(-0.5 / (5 / 32) ** 0.5)
    assert unmeasured.difference_of_shares(1.0, 5, 1.0, 5) == 0
    assert math.isnan(unmeasured.difference_of_shares(1.0, 5, 0.0, 5))


def test_the_factor_of_testing_is_the_estimate():
    keys = {"endpoint": "OS", "covariate": "ras", "level": "mutant", "model": "multivariable"}
    effect = rows(
        [
            {**keys, "statistic": "hazard_ratio", "estimate": 3.37, "n": 150},
            {**keys, "statistic": "p", "estimate": 0.01},
        ]
    )
    (found,) = causal.needed_selection(effect).to_dict("records")
    assert found["estimate"] == 3.37 and found["model"] == "diagnostic"
    # Shares tested by marker and event that give the factor: (0.674 x 0.5) / (0.5 x 0.2).
    assert 0.674 * 0.5 / (0.5 * 0.2) == pytest.approx(found["estimate"])


# ---- flags -----------------------------------------------------------------------------

RULES = [
    (flags.indication, ((0.001, 0.3, "age"), (0.001, 0.1, "age"), (0.02, 0.3, "age"))),
    (flags.overlap, ((0.4, 0.7), (0.6, 0.7))),
    (flags.overlap, ((0.6, 0.9), (0.5, 0.85))),
    (flags.immortal, ((0.5, 0.6, "late"), (0.55, 0.6, "late"), (math.nan, 0.6, "late"))),
    (flags.early, ((0.05, "k of n"), (0.049, "k of n"))),
    (flags.tested_by_outcome, ((3.0, 6.0, 60), (3.0, 4.0, 60), (2.0, 6.0, 60), (math.nan, 6, 60))),
    (flags.late_tests, ((0.11, 50), (0.10, 50))),
    (flags.era, ((0.001, 0.001), (0.001, 0.2), (0.2, 0.001), (math.nan, 0.001))),
    (flags.missing, ((0.5, 0.2), (0.95, 0.2), (0.5, 0.05), (0.5, math.nan))),
    (flags.underpowered, ((0.5, "so"), (0.9, "so"))),
    (flags.underpowered, ((math.nan, "so"), (0.8, "so"))),
    (flags.print_coherence, ((-2.6, "so"), (2.5, "so"))),
]


@pytest.mark.parametrize(("rule", "measured"), RULES)
def test_a_flag_is_raised_beyond_its_thresholds_alone(rule, measured):
    raised = [rule(*values, flags.THRESHOLDS, endpoint="OS") for values in measured]
    assert [one["estimate"] for one in raised] == [1.0] + [0.0] * (len(measured) - 1)
    assert all(one["statistic"] == "flag" and one["method"] for one in raised)
    # The words say where it would be raised, so that a reader can judge a near miss.
    assert "raised" in raised[0]["method"]


def test_thresholds_are_arguments():
    strict = {**flags.THRESHOLDS, "overlap_auc": 0.6}
    assert flags.overlap(0.9, 0.7, strict)["estimate"] == 1
    assert flags.overlap(0.9, 0.7, flags.THRESHOLDS)["estimate"] == 0


# ---- lost before the month ---------------------------------------------------------------


def veteran():
    d = pd.DataFrame(datasets.load_veteran())
    return d.assign(time=d["time"].astype(float), event=d["status"] == 1, endpoint="OS")


def lung():
    d = pd.DataFrame(datasets.load_lung())
    ecog = d["ph.ecog"].astype(float)
    limited = (ecog >= 1).astype(float).where(ecog.notna())
    dead = d["status"] == d["status"].max()
    return d.assign(time=d["time"].astype(float), event=dead, endpoint="OS", limited=limited)


def tied():
    time = [2, 2, 3, 3, 5, 5, 6, 8, 8, 10, 12, 12, 14]
    event = [1, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    x = [1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0]
    return pd.DataFrame(
        {"time": np.array(time, float), "event": np.array(event) == 1, "endpoint": "OS", "x": x}
    )


CASES = [
    ("lung", lung, ["limited"], 365.25),
    ("lung, three terms", lung, ["limited", "age", "sex"], 365.25),
    ("veteran", veteran, ["karno", "prior"], 90),
    *[(f"tied {month:g}", tied, ["x"], month) for month in (8.5, 9, 11)],
]


@pytest.mark.parametrize(("case", "load", "names", "month"), CASES)
def test_odds_by_a_month_equal_r(case, load, names, month):
    terms = [(name, "linear") for name in names]
    found = causal.odds_by_month(load(), terms, month, samples=0)
    for k, value in enumerate(np.log(found["estimate"]), start=2):
        assert value == pytest.approx(REFERENCE[case, f"log_odds_{k}"], rel=1e-8)
    assert found["conf_low"].isna().all()


def test_a_rival_event_is_known_not_to_be_the_event():
    frame = tied().assign(died=[False] * 5 + [True] + [False] * 7)
    # Patient six is no longer lost at 5 but known to be free of the event.
    one = causal.odds_by_month(frame, [("x", "linear")], 9, samples=0).iloc[0]
    two = causal.odds_by_month(frame, [("x", "linear")], 9, rival="died", samples=0).iloc[0]
    assert two["n"] == one["n"] + 1 and two["estimate"] != one["estimate"]


def test_limits_come_from_resamples_and_reproduce():
    rows_ = [
        causal.odds_by_month(lung(), [("limited", "linear")], 365.25, samples=100, seed=3)
        for _ in range(2)
    ]
    pd.testing.assert_frame_equal(*rows_)
    row = rows_[0].iloc[0]
    error = math.log(row["conf_high"] / row["conf_low"]) / (2 * 1.959963984540054)
    assert error == pytest.approx(0.36, abs=0.08)


@pytest.mark.parametrize(
    "frame",
    [
        tied().assign(event=False),
        tied().assign(x=1),
        tied().assign(entry=[0.5] * 13),
        tied().assign(event=True, time=1.0),
    ],
)
def test_what_has_no_odds_is_a_row_with_a_reason(frame):
    (row,) = causal.odds_by_month(frame, [("x", "linear")], 9, samples=5).to_dict("records")
    assert math.isnan(row["estimate"]) and "not estimable" in row["method"]


def test_a_product_in_blocks_is_the_product():
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(1500, 25)), rng.random(1500)
    assert np.allclose(gram(x, w), (x * w[:, None]).T @ x, rtol=1e-12)
