"""A covariate that changes: six patients in exact fractions, R's tmerge, and when it fails."""

from fractions import Fraction as F
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from survival import datasets

from crlm import ledger, regression
from crlm.ledger import CohortError, ParameterError
from crlm.regression import counting, engine
from crlm.regression.terms import follow_up

REFERENCE = Path(__file__).parent / "reference"
NEVER = np.nan

# A dies at 1, never had it. B has it from 1 and dies at 3. C has it from the beginning and dies
# at 2. D has it from 3 and is censored at 5. E comes under observation at 2 and dies at 4, never.
# F dies at 5, the month in which it would have begun: never.
#
#   t   dies     at risk with it   without        share with it at r = 1
#   1   A no     C                 A B D F        1/5     (B turns after the event at 1)
#   2   C yes    B C               D F            1/2     (E is not at risk at its entry)
#   3   B yes    B                 D E F          1/4
#   4   E no     D                 E F            1/3
#   5   F no     D                 F              1/2     (D, censored then, is at risk)
SHARES = [F(1, 5), F(1, 2), F(1, 4), F(1, 3), F(1, 2)]


def six():
    return pd.DataFrame(
        {
            "time": [1.0, 3, 2, 5, 4, 5],
            "event": [True, True, True, False, True, True],
            "entry": [0.0, 0, 0, 0, 2, 0],
            "since": [NEVER, 1.0, 0, 3, NEVER, 5],
            "endpoint": "OS",
        }
    )


def pick(rows, statistic, field="estimate"):
    at = rows[rows["statistic"] == statistic]
    assert len(at) == 1
    return at[field].iloc[0]


def test_six_patients_by_hand():
    assert 2 - sum(SHARES) == F(13, 60)
    information = sum(share * (1 - share) for share in SHARES)
    data = follow_up(six())
    intervals = counting.split_at(data, six()["since"].to_numpy())
    fit = engine.cox_fit(intervals.data, intervals.yes[:, None].astype(float), "efron")
    assert fit.score == pytest.approx(float(F(13, 60) ** 2 / information), rel=1e-12)
    # log L(r) = 2 log r - log (r + 4)(2 r + 2)(r + 3)(r + 2)(r + 1); its slope in log r is
    # 2 - r/(r+4) - 2r/(r+1) - r/(r+3) - r/(r+2).
    best = brentq(lambda r: 2 - r / (r + 4) - 2 * r / (r + 1) - r / (r + 3) - r / (r + 2), 0.1, 9)
    for ties in ("efron", "breslow"):
        rows = regression.time_dependent(six(), "failure", "since", ties=ties)
        assert pick(rows, "hazard_ratio") == pytest.approx(best, rel=1e-9)
    assert list(rows.columns) == list(ledger.ROW_COLUMNS)
    assert rows["statistic"].tolist() == ["n", "hazard_ratio", "p"]
    assert set(rows["covariate"]) == {"failure"} and set(rows["model"]) == {"time dependent"}
    assert (rows["n"] == 6).all() and (rows["events"] == 5).all()
    assert pick(rows, "hazard_ratio", "level") == "yes"
    for method in rows["method"]:
        assert method.startswith(
            "Cox, Breslow ties, time-dependent covariate (3 of 6 patients ever had it), late entry"
        )
    assert "complete cases: 6 of 6 patients" in pick(rows, "n", "method")


def test_rows_are_under_observation_once_at_any_time():
    data = follow_up(six())
    intervals = counting.split_at(data, six()["since"].to_numpy())
    held = sorted(
        zip(
            intervals.patient,
            intervals.data.entry,
            intervals.data.time,
            intervals.data.event,
            intervals.yes,
            strict=True,
        )
    )
    assert [tuple(float(v) for v in row) for row in held] == [
        (0, -1, 1, 1, 0),
        (1, -1, 1, 0, 0),
        (1, 1, 3, 1, 1),
        (2, -1, 2, 1, 1),
        (3, -1, 3, 0, 0),
        (3, 3, 5, 0, 1),
        (4, 2, 4, 1, 0),
        (5, -1, 5, 1, 0),
    ]
    assert intervals.last.sum() == 6 and intervals.data.event[~intervals.last].sum() == 0


@pytest.mark.parametrize(
    ("since", "time", "ever"),
    [
        (0.0, 4.0, True),
        (-2.0, 4.0, True),
        (3.999, 4.0, True),
        (4.0, 4.0, False),
        (4.0 - 1e-9, 4.0, False),
        (4.0 + 1e-9, 4.0, False),
        (1e-9, 4.0, True),
        (9.0, 4.0, False),
        (np.inf, 4.0, False),
        (np.nan, 4.0, False),
        (0.0, 0.0, False),
        (2.0, 4.0, True),
        (1.0, 4.0, True),
    ],
)
def test_from_when_it_counts(since, time, ever):
    """Before or at entry (here 2): from the beginning; at or after the end: never."""
    entry = 2.0 if since in (1.0, 2.0) else 0.0
    data = engine.FollowUp(np.array([time, 9.0]), np.array([1, 0]), np.array([entry or -1.0, -1.0]))
    intervals = counting.split_at(data, np.array([since, np.nan]))
    assert intervals.yes[intervals.patient == 0].any() == ever
    whole = since <= entry + 1e-6 and ever
    assert (intervals.patient == 0).sum() == (1 if whole or not ever else 2)


def mgus(late):
    raw = pd.DataFrame(datasets.load_mgus2()).convert_dtypes(
        convert_integer=False, convert_boolean=False, convert_string=False
    )
    futime = raw["futime"].to_numpy(dtype=float)
    frame = pd.DataFrame(
        {
            "time": futime,
            "event": (raw["death"] == 1).to_numpy(dtype=bool),
            "endpoint": "OS",
            "sex": pd.Categorical(raw["sex"], ["F", "M"]),
            "age": raw["age"].to_numpy(dtype=float),
            "hgb": raw["hgb"].to_numpy(float, na_value=np.nan),
            "since": np.where(raw["pstat"] == 1, raw["ptime"].to_numpy(dtype=float), np.nan),
        }
    )
    come_late = raw["id"].to_numpy(dtype=int) % 4 == 0
    return frame.assign(entry=np.where(come_late, futime / 3, 0.0)) if late else frame


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("kind", ["plain", "adjusted", "late", "late_adjusted"])
def test_it_is_the_model_of_r(kind, ties):
    expected = pd.read_csv(REFERENCE / "regression_changing.csv")
    expected = expected[(expected["model"] == kind) & (expected["ties"] == ties)]
    expected = expected.set_index("quantity")["value"]
    adjust = ["sex", "age", "hgb"] if "adjusted" in kind else []
    frame = mgus("late" in kind)
    rows = regression.time_dependent(frame, "progression", "since", adjust=adjust, ties=ties)
    ratio = np.log([pick(rows, "hazard_ratio", f) for f in ("estimate", "conf_low", "conf_high")])
    assert ratio[0] == pytest.approx(expected["coef"], rel=1e-8)
    error = (ratio[2] - ratio[1]) / (2 * 1.959963984540054)
    assert error == pytest.approx(expected["se"], rel=1e-8)
    assert pick(rows, "p") == pytest.approx(expected["p"], rel=1e-6)
    n, events, ever = (int(expected[k]) for k in ("patients", "events", "ever"))
    assert (pick(rows, "n"), pick(rows, "n", "events")) == (n, events)
    method = pick(rows, "hazard_ratio", "method")
    assert f"({ever} of {n:,} patients ever had it)" in method
    assert ("late entry" in method) == ("late" in kind)
    assert ("adjusted for sex, age, hgb" in method) == bool(adjust)


def test_a_covariate_that_never_changes_is_an_ordinary_one():
    frame = mgus(late=True)
    ever = frame["since"].notna()
    fixed = frame.assign(x=pd.Categorical.from_codes(ever.astype(int), ["no", "yes"]))
    plain = regression.cox(fixed, ["x", "age"])
    same = regression.time_dependent(
        frame.assign(since=np.where(ever, 0.0, np.nan)), "x", "since", adjust=["age"]
    )
    at = plain[(plain["covariate"] == "x") & (plain["statistic"] == "hazard_ratio")].iloc[0]
    for field in ("estimate", "conf_low", "conf_high"):
        assert pick(same, "hazard_ratio", field) == pytest.approx(at[field], rel=1e-10)


def test_what_has_no_ordinary_estimate_says_why():
    never = regression.time_dependent(six().assign(since=np.nan), "failure", "since")
    assert np.isnan(pick(never, "hazard_ratio"))
    assert "failure=yes does not vary" in pick(never, "hazard_ratio", "method")
    assert "0 of 6 patients ever had it" in pick(never, "n", "method")
    # Two patients have it from 1 on, and none of them dies: counted as patients, not as rows.
    frame = (
        six()
        .drop(columns="entry")
        .assign(
            event=[True, False, True, False, True, True],
            since=[NEVER, 1.0, NEVER, 1.0, NEVER, NEVER],
        )
    )
    rows = regression.time_dependent(frame, "failure", "since")
    assert "Firth's penalty" in pick(rows, "hazard_ratio", "method")
    assert "none of 2 patients with failure=yes had an event" in pick(rows, "p", "method")
    assert 0 < pick(rows, "hazard_ratio") < 1
    # Two rows of one patient of the unlucky level are one patient.
    frame["sex"] = pd.Categorical(["m", "f", "m", "f", "m", "m"], ["m", "f"])
    frame["since"] = [NEVER, 1.0, NEVER, 1.0, 1.0, NEVER]
    rows = regression.time_dependent(frame, "failure", "since", adjust=["sex"])
    assert "none of 2 patients with sex=f had an event" in pick(rows, "p", "method")
    few = regression.time_dependent(six().assign(event=False), "failure", "since")
    assert "0 events among 6 patients" in pick(few, "hazard_ratio", "method")


def test_what_cannot_be_is_refused_and_the_frame_stays():
    frame = six()
    before = frame.copy()
    regression.time_dependent(frame, "failure", "since")
    pd.testing.assert_frame_equal(frame, before)
    for call, error, words in (
        (lambda: regression.time_dependent(frame, "x", "when"), ParameterError, "no column"),
        (lambda: regression.time_dependent(frame, "x", "endpoint"), CohortError, "hold months"),
        (
            lambda: regression.time_dependent(frame, "since", "since", adjust=["since"]),
            ParameterError,
            "named twice|leave it out",
        ),
        (
            lambda: regression.time_dependent(frame.drop(columns="time"), "x", "since"),
            CohortError,
            "lacks time",
        ),
    ):
        with pytest.raises(error, match=words):
            call()
