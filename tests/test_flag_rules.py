"""Flags of the reviewer's chapter: one rule each, raised beyond its threshold alone."""

import numpy as np
import pandas as pd
import pytest

from crlm import endpoints, ledger, multistate, regression
from crlm.causal import flags as causal_flags
from crlm.ledger import FLAGS
from crlm.ledger.chapter import Thresholds
from crlm.report.readings.flags import diagnosis

USUAL = Thresholds()


def one(rows):
    assert len(rows) == 1 and rows["statistic"].item() == "flag"
    assert rows["covariate"].item() in FLAGS
    return rows["estimate"].item(), rows["method"].item()


def medians(left, middle, right, **groups):
    found = {"a": (left, middle, right), **groups}
    names = ("left bound", "midpoint", "right bound")
    return pd.DataFrame(
        {"statistic": "median_survival", "group": group, "model": model, "estimate": value}
        for group, values in found.items()
        for model, value in zip(names, values, strict=True)
    )


@pytest.mark.parametrize(
    ("rows", "every", "raised"),
    [
        (medians(19, 20, 20.9), 0, 0.0),
        (medians(19, 20, 21.1), 0, 1.0),
        (medians(39.5, 40, 42, b=(44, 45, 45.9)), 4, 1.0),
        (medians(39.5, 40, 42, b=(44, 45, 46.1)), 4, 0.0),
        (medians(39.5, 40, 42, b=(44, 45, 45.9)), 0, 0.0),
        (medians(39.5, 40, 42, b=(np.nan, np.nan, np.nan)), 4, 0.0),
    ],
)
def test_the_visit_grid(rows, every, raised):
    assert one(regression.visit_grid(rows, every, endpoint="RFS"))[0] == raised


def test_medians_of_one_bound_tell_nothing():
    rows = medians(10, 20, 30)
    alone = rows[rows["model"] == "right bound"]
    assert one(regression.visit_grid(alone, 4))[0] == 0
    assert one(regression.visit_grid(alone.iloc[:0], 4))[0] == 0


def p_values(whole, own):
    values = {"GLOBAL": whole, "hai": own, "age": 0.0001}
    return pd.DataFrame(
        {"statistic": "p", "covariate": name, "estimate": p} for name, p in values.items()
    )


@pytest.mark.parametrize(
    ("whole", "own", "raised"), [(0.0049, 0.5, 1), (0.5, 0.0049, 1), (0.0051, 0.0051, 0)]
)
def test_drifting_hazards_of_all_or_of_the_exposure(whole, own, raised):
    assert one(regression.drifts(p_values(whole, own), "hai"))[0] == raised
    assert one(regression.drifts(p_values(whole, own), "hai", p=0.004))[0] == 0


def test_hazards_without_a_test():
    value, text = one(regression.drifts(p_values(np.nan, np.nan), "hai"))
    assert value == 0 and text.startswith("not tested")


def risks(record, back):
    at = {"statistic": "cumulative_incidence", "group": "all", "population": "all", "time": 6.0}
    models = {"record": record, "recurrence bound": back}
    return pd.DataFrame({**at, "model": model, "estimate": r} for model, r in models.items())


@pytest.mark.parametrize(
    ("treated", "record", "back", "raised"),
    [(10, 14, 16, 0), (11, 14, 14, 1), (0, 14, 16.1, 1), (0, 14, np.nan, 0)],
)
def test_guaranteed_time(treated, record, back, raised):
    had = np.where(np.arange(100) < treated, "yes", "no")
    frame = pd.DataFrame({endpoints.EARLY_PNAC: had})
    value, text = one(multistate.guaranteed_time(risks(record, back), frame, 6))
    assert value == raised
    assert text.startswith(f"{treated} of 100 patients had p-NAC")
    loose = {"share": 1.0, "points": 100.0}
    assert one(multistate.guaranteed_time(risks(record, back), frame, 6, **loose))[0] == 0


def test_thresholds_are_those_of_the_ledger():
    wide = medians(100 - 100 * USUAL.visit_share - 0.1, 100, 100)
    assert one(regression.visit_grid(wide, 0))[0] == 1
    assert one(regression.visit_grid(medians(100 - 99 * USUAL.visit_share, 100, 100), 0))[0] == 0
    assert one(regression.drifts(p_values(0.999 * USUAL.hazards_p, 1), "hai"))[0] == 1
    assert one(regression.drifts(p_values(1.001 * USUAL.hazards_p, 1), "hai"))[0] == 0


def test_bounds_of_visits_by_hand():
    frame = pd.DataFrame(
        {"time": [10.0, 3.0, 8.0, 5.0], "event": [True, True, False, True], "entry": [0, 0, 0, 2.0]}
    )
    found = endpoints.visit_bounds(frame, 4.0, days_per_month=30.0)
    assert tuple(found) == tuple(endpoints.VISIT_BOUNDS)
    # Half a day stands for an event at the operation; one before late entry is not there.
    assert found["left bound"]["time"].tolist() == [6, 0.5 / 30, 8]
    assert found["midpoint"]["time"].tolist() == [8, 1.5, 8, 3]
    assert found["right bound"]["time"].tolist() == [10, 3, 8, 5]


UNKNOWN = [
    causal_flags.indication(np.nan, 0.5, "age", causal_flags.THRESHOLDS),
    causal_flags.overlap(np.nan, np.nan, causal_flags.THRESHOLDS),
    causal_flags.era(np.nan, 0.001, causal_flags.THRESHOLDS),
    causal_flags.missing(0.5, np.nan, causal_flags.THRESHOLDS),
]


@pytest.mark.parametrize("row", UNKNOWN, ids=lambda row: row["covariate"])
def test_a_flag_without_its_numbers_is_no_verdict(row):
    assert row["estimate"] == 0 and row["method"].startswith("not judged")
    told = diagnosis(ledger.rows([row]), ledger.load_design("mskcc_hai"))
    assert told == [f"Not judged: {row['covariate']}."]


def test_a_flag_is_raised_by_the_number_that_is_known():
    row = causal_flags.overlap(0.01, np.nan, causal_flags.THRESHOLDS)
    assert row["estimate"] == 1 and "AUC of the propensity not estimable" in row["method"]


def test_a_flag_that_one_of_its_rules_raises_is_not_told_as_not_raised():
    rows = ledger.rows(
        [
            {"endpoint": "RFS", "covariate": "immortal", "statistic": "flag", "estimate": 1.0},
            {
                "endpoint": "RFS",
                "population": "from month 3",
                "covariate": "immortal",
                "statistic": "flag",
                "estimate": 0.0,
            },
            {"endpoint": "OS", "covariate": "immortal", "statistic": "flag", "estimate": 0.0},
        ]
    )
    told = diagnosis(rows, ledger.load_design("mskcc_hai"))
    assert told[0].startswith("Raised: immortal (warning), RFS")
    assert told[1:] == ["Not raised: immortal, OS."]
