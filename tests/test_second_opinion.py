"""Other programs give the numbers of this house, and a wrong number is seen."""

import numpy as np
import pandas as pd
import pytest

from crlm import regression, second_opinion, survival


@pytest.fixture(params=["plain", "late", "missing"])
def frame(request):
    rng = np.random.default_rng(4)
    n = 120
    arm = rng.integers(2, size=n)
    time = np.ceil(rng.exponential(30, n) / (1 + arm))
    made = pd.DataFrame(
        {
            "time": time,
            "event": rng.random(n) < 0.7,
            "arm": pd.Categorical.from_codes(arm, ["no", "yes"]),
            "age": rng.normal(60, 10, n),
            "endpoint": "OS",
        }
    )
    if request.param == "late":
        made["entry"] = np.where(rng.random(n) < 0.3, made["time"] / 3, 0.0)
    if request.param == "missing":
        made.loc[:9, "age"] = np.nan
        made.loc[5:14, "arm"] = np.nan
    return made


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_models_agree(frame, ties):
    rows = regression.cox(frame, ["arm", "age"], ties=ties)
    found = second_opinion.models(frame, ["arm", "age"], rows, ties=ties)
    programs = {"efron": {"statsmodels", "lifelines"}, "breslow": {"statsmodels"}}
    assert set(found["program"]) == programs[ties]
    assert len(found) == 2 * len(programs[ties]) and (found["difference"] < 1e-5).all()


def test_curves_agree(frame):
    rows = survival.summary(frame, "arm", times=[6, 12])
    found = second_opinion.curves(frame, "arm", rows)
    tests = 0 if "entry" in frame else 1
    assert len(found) == 6 + tests and (found["difference"] < 1e-9).all()


def test_a_wrong_number_is_seen(frame):
    rows = survival.summary(frame, "arm", times=[12])
    wrong = rows["statistic"] == "survival_rate"
    rows.loc[wrong, "estimate"] *= 1.001
    found = second_opinion.curves(frame, "arm", rows)
    assert found["difference"].max() == pytest.approx(0.001, rel=0.01)
