"""Treatment that begins later, clones and weights, and who was tested: by hand and against R."""

from fractions import Fraction as F

import numpy as np
import pandas as pd
import pytest

from crlm import causal, ledger, regression, survival
from crlm.causal import clones, engine
from crlm.causal.clones import make_clones
from crlm.causal.weighted import observed
from crlm.ledger import CohortError, ParameterError
from crlm.regression.engine import FollowUp
from tests.test_causal import Z, load, log_ratio, pick, r, tiny, unique, yes


def jasa():
    j = load("jasa")
    treated = j["transplant"] == 1
    wait = np.maximum(j["wait.time"].astype(float), 0.25)
    return j.assign(
        time=np.maximum(0.5, j["futime"].astype(float)),
        event=j["fustat"] == 1,
        endpoint="OS",
        hai=yes(treated),
        start=wait.where(treated),
    )


def late_jasa():
    frame = jasa()
    number = np.arange(1, len(frame) + 1)
    entry = np.where((number % 7 == 0) & (frame["time"] > 12), 12.0, 0.0)
    return frame.assign(entry=np.where((number % 5 == 0) & (frame["time"] > 45), 45.0, entry))


def colon():
    d = load("colon").sort_values("id")
    dead, back = d[d["etype"] == 2], d[d["etype"] == 1]
    start = np.where(back["status"] == 1, back["time"].astype(float), np.nan)
    return dead.assign(
        time=dead["time"].astype(float),
        event=dead["status"] == 1,
        endpoint="OS",
        start=start,
        hai=yes(np.isfinite(start)),
    )


TRANSPLANT = [("age", "linear"), ("surgery", "linear")]

# ---- six patients by hand --------------------------------------------------------
#
# Grace ends at 2. A starts at 1, dies at 4. B starts at 2, censored at 6. C never starts, dies at
# 1.5. D never, dies at 3. E never, censored at 5. F starts at 3, dies at 5. No covariates.
#
# "Start": C counts to 1.5, all others to 2; of the five followed beyond 2 two had started, so A
# and B go on with weight 5/2. At 1.5: 6 at risk, S = 5/6. At 4: A of A and B: S = 5/12.
# "Do not start": A leaves at 1, B at 2. Starting: hazard 1/6 at 1 (of six), 1/4 at 2 (of B, D, E
# and F), so weights exp(1/6) from 1 on and exp(5/12) from 2 on. At 1.5 C of B to F: S = 4/5. At 3
# D of D, E, F: S = 8/15; at 5 F of E and F: S = 4/15. All weigh the same at each time.


def six():
    start = [1.0, 2, np.nan, np.nan, np.nan, 3]
    return pd.DataFrame(
        {
            "time": [4.0, 6, 1.5, 3, 5, 5],
            "event": [True, False, True, True, False, True],
            "start": start,
            "hai": yes(np.isfinite(start)),
            "endpoint": "OS",
        }
    )


def test_clones_of_six_patients_by_hand():
    rows = unique(
        causal.strategies(
            six(),
            "hai",
            "start",
            [],
            grace=2.0,
            times=[1.9, 3.5, 4.5],
            samples=0,
            min_at_risk=1,
            cap=1.0,
        )
    )
    to_start = [F(5, 6), F(5, 6), F(5, 12)]
    not_to = [F(4, 5), F(8, 15), F(8, 15)]
    for month, one, other in zip((1.9, 3.5, 4.5), to_start, not_to, strict=True):
        rates = [
            pick(rows, "survival_rate", group=f"hai={level}", time=month) for level in ("yes", "no")
        ]
        assert rates == pytest.approx([100 * float(one), 100 * float(other)])
        assert pick(rows, "risk_difference", time=month) == pytest.approx(100 * float(one - other))
    # Areas to 4.5: 3/2 + 5/6 (5/2) + 5/12 (1/2) and 3/2 + 4/5 (3/2) + 8/15 (3/2).
    assert pick(rows, "rmst", group="hai=yes", time=4.5) == pytest.approx(1.5 + 25 / 12 + 5 / 24)
    assert pick(rows, "rmst", group="hai=no", time=4.5) == pytest.approx(1.5 + 1.2 + 0.8)
    assert pick(rows, "max_weight", group="hai=yes") == pytest.approx(5 / 2)
    assert pick(rows, "max_weight", group="hai=no") == pytest.approx(np.exp(5 / 12))
    assert (rows.loc[rows["statistic"] == "rmst", "n"] == 6).all()


def test_everybody_is_in_both_strategies_until_the_own_course_leaves_one():
    data = observed(six())
    start = six()["start"].fillna(np.inf).to_numpy()
    made = make_clones(data, start, np.zeros((6, 0)), 2.0)
    for arm, left in ((1, [4.0, 6, 1.5, 2, 2, 2]), (0, [1.0, 2, 1.5, 3, 5, 5])):
        part = made.arm == arm
        last = [made.data.time[part & (made.patient == i)].max() for i in range(6)]
        assert last == left
        for i in range(6):
            own = np.flatnonzero(part & (made.patient == i))
            ends = sorted(zip(made.data.entry[own], made.data.time[own], strict=True))
            assert all(a[1] == b[0] for a, b in zip(ends, ends[1:], strict=False))


def test_a_start_on_the_day_of_the_event_is_no_start():
    frame = (
        six()
        .assign(start=[1.0, 2, 1.5, np.nan, np.nan, 3])
        .assign(hai=yes(np.array([1, 1, 1, 0, 0, 1]) == 1))
    )
    one, other = (
        causal.strategies(f, "hai", "start", [], grace=2.0, times=[3.5], samples=0, min_at_risk=1)
        for f in (six(), frame)
    )
    assert one["estimate"].tolist() == pytest.approx(other["estimate"].tolist(), nan_ok=True)


# ---- clones against R ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "make", "terms", "grace", "at", "cap"),
    [
        ("jasa_clones", jasa, TRANSPLANT, 30.0, 180.0, 1.0),
        ("jasa_clones_capped", jasa, TRANSPLANT, 30.0, 180.0, 0.9),
        ("jasa_clones_late", late_jasa, TRANSPLANT, 30.0, 180.0, 1.0),
        ("colon_clones", colon, [("age", "linear"), ("node4", "linear")], 365.0, 1461.0, 1.0),
    ],
)
def test_clones_equal_r(case, make, terms, grace, at, cap):
    for ties in ("efron", "breslow"):
        rows = unique(
            causal.strategies(
                make(),
                "hai",
                "start",
                terms,
                grace=grace,
                times=[at],
                samples=0,
                cap=cap,
                ties=ties,
            )
        )
        value, error = log_ratio(rows)
        assert value == pytest.approx(r(case, f"{ties}_log_hr"), rel=1e-8)
        assert error == pytest.approx(r(case, f"{ties}_se"), rel=1e-8)
    for code, level in enumerate(("no", "yes")):
        group = {"group": f"hai={level}"}
        assert pick(rows, "survival_rate", **group) == pytest.approx(
            100 * r(case, f"survival_{code}"), rel=1e-8
        )
        assert pick(rows, "rmst", **group) == pytest.approx(r(case, f"rmst_{code}"), rel=1e-8)
        assert pick(rows, "max_weight", **group) == pytest.approx(
            r(case, f"largest_{code}"), rel=1e-8
        )


def test_a_resample_of_clones_is_the_analysis_of_repeated_patients():
    frame = jasa().reset_index(drop=True)
    data = observed(frame)
    start = frame["start"].fillna(np.inf).to_numpy()
    x = frame[["age", "surgery"]].to_numpy(dtype=float)
    made = make_clones(data, start, x, 30.0)
    rng = np.random.default_rng(6)
    counts = rng.multinomial(len(frame), np.full(len(frame), 1 / len(frame)))
    picked = np.repeat(np.arange(len(frame)), counts)
    again = make_clones(observed(frame.iloc[picked]), start[picked], x[picked], 30.0)
    given = made.weights(counts.astype(float), 1.0)
    other = again.weights(np.ones(len(picked)), 1.0)
    late = made.late & (counts[made.patient] > 0)
    one = dict(zip(made.patient[late], given[late] / counts[made.patient[late]], strict=True))
    two = dict(zip(picked[again.patient[again.late]], other[again.late], strict=True))
    assert one.keys() == two.keys()
    assert [one[k] for k in one] == pytest.approx([two[k] for k in one], rel=1e-8)


def test_without_starts_the_strategies_say_what_they_need():
    rows = unique(causal.strategies(tiny(60), "hai", "hai_start_months", [], grace=2.76))
    assert pick(rows, "missing", "covariate") == "clone censor weight"
    assert "no hai_start_months" in pick(rows, "missing", "method")


@pytest.mark.parametrize("month", [0.5, 50.0])
def test_when_everybody_or_nobody_starts_there_is_nothing_to_compare(month):
    frame = tiny(60).assign(time=30.0, event=True)
    frame = frame.assign(hai=yes(np.ones(60, bool)), hai_start_months=month)
    rows = unique(causal.strategies(frame, "hai", "hai_start_months", [], grace=2.76, samples=5))
    assert rows["estimate"].isna().all()
    assert rows["method"].str.contains("everybody|nobody").all()


def test_weights_that_explode_are_capped_and_told():
    rng = np.random.default_rng(3)
    n = 400
    x = rng.normal(size=n)
    chance = 1 / (1 + np.exp(-(4 * x - 2)))
    start = np.where(rng.random(n) < chance, rng.uniform(0.5, 2.5, n), np.nan)
    time = rng.exponential(40, n) + 0.1
    frame = pd.DataFrame(
        {
            "x": x,
            "time": time,
            "event": rng.random(n) < 0.7,
            "endpoint": "OS",
            "start": start,
            "hai": yes(np.isfinite(start)),
        }
    )
    free, held = (
        causal.strategies(
            frame, "hai", "start", [("x", "linear")], grace=2.76, times=[36], samples=0, cap=cap
        )
        for cap in (1.0, 0.95)
    )
    large = [pick(rows, "max_weight", group="hai=yes") for rows in (free, held)]
    assert large[0] > 20 > large[1]
    assert "few patients stand for many" in pick(free, "max_weight", "method", group="hai=yes")
    assert "few patients" not in pick(held, "max_weight", "method", group="hai=yes")


def test_a_start_that_a_covariate_foretells_gives_rows_and_no_traceback():
    for sign in (1, -1):
        frame = tiny(200, 4).assign(time=np.linspace(0.5, 90, 200), event=True)
        begins = (sign * frame["x"] > 0) & (frame["time"] > 1)
        frame = frame.assign(hai=yes(begins), start=np.where(begins, 0.9, np.nan))
        rows = unique(
            causal.strategies(frame, "hai", "start", [("x", "linear")], grace=2.76, samples=10)
        )
        assert pick(rows, "max_weight", group="hai=yes") >= 1
        assert np.isfinite(pick(rows, "risk_difference", time=36))


# ---- from the start on --------------------------------------------------------------


def heart():
    """The heart data as one row a patient, with the starts that its own rows hold."""
    h = load("heart")
    last = h.sort_values(["id", "start"]).groupby("id").last()
    begun = h[h["transplant"].astype(str) == "1"].set_index("id")["start"].astype(float)
    start = begun.reindex(last.index)
    return last.assign(
        time=last["stop"].astype(float),
        event=last["event"] == 1,
        endpoint="OS",
        hai_start_months=start,
        hai=yes(start.notna()),
    )


def test_time_dependent_equals_r():
    adjust = [(name, "linear") for name in ("age", "year", "surgery")]
    for name, terms in (("time", []), ("time_adjusted", adjust)):
        rows = unique(causal.time_dependent(heart(), "hai", "hai_start_months", terms))
        found = log_ratio(rows, model="time dependent", covariate="hai", level="yes")
        expected = [r("heart", f"{name}_log_hr"), r("heart", f"{name}_se")]
        assert found == pytest.approx(expected, rel=1e-8)
    assert "adjusted for age, year, surgery" in pick(
        rows, "hazard_ratio", "method", model="time dependent"
    )
    assert pick(rows, "flag", covariate="immortal") == 1


def test_ever_assumed_and_worst_case_equal_r():
    frame = jasa()
    rows = unique(causal.time_dependent(frame, "hai", "start", [], assumed=14.0))
    for model, name in (("diagnostic", "ever"), ("assumed start", "assumed")):
        found = log_ratio(rows, model=model)
        assert found == pytest.approx(
            [r("jasa", f"{name}_log_hr"), r("jasa", f"{name}_se")], rel=1e-8
        )
    rows = unique(causal.early_events(frame, "hai", 30.0))
    assert pick(rows, "cumulative_events") == r("jasa", "early")
    found = log_ratio(rows)
    assert found == pytest.approx([r("jasa", "early_log_hr"), r("jasa", "early_se")], rel=1e-8)
    assert pick(rows, "flag", covariate="immortal") == 1


def test_early_events_below_five_in_a_hundred_raise_no_flag():
    frame = tiny(100).assign(time=np.where(np.arange(100) == 0, 1.0, 50.0), event=True)
    frame = frame.assign(hai=yes(np.arange(100) >= 40))
    rows = causal.early_events(frame, "hai", 2.76)
    assert pick(rows, "percent") == pytest.approx(2.5)
    assert pick(rows, "flag", covariate="immortal") == 0


def test_treated_without_a_start_are_left_out_and_counted():
    frame = heart()
    first = frame.index[frame["hai"] == "yes"][:3]
    frame.loc[first, "hai_start_months"] = np.nan
    rows = unique(causal.time_dependent(frame, "hai", "hai_start_months", []))
    told = pick(rows, "hazard_ratio", "method", model="time dependent")
    assert "3 treated without a date of start left out" in told
    assert pick(rows, "hazard_ratio", "n", model="time dependent") == len(frame) - 3
    assert pick(rows, "hazard_ratio", "population", model="diagnostic") == (
        "hai_start_months=known"
    )
    both = [rows, causal.time_dependent(frame, "hai", "hai_start_months", [], assumed=14.0)]
    ledger.collect(both)


def test_without_a_start_column_time_dependent_says_what_it_needs():
    rows = unique(causal.time_dependent(tiny(60), "hai", "hai_start_months", []))
    assert rows["statistic"].tolist() == ["missing"]
    with pytest.raises(CohortError, match="below 0"):
        causal.time_dependent(jasa().assign(start=-1.0), "hai", "start", [])
    with pytest.raises(ParameterError, match="assumed must be"):
        causal.time_dependent(tiny(60), "hai", "hai_start_months", [], assumed=-1)


def test_landmark_by_who_had_started():
    frame = jasa()
    late = causal.from_grace(frame, "hai", "start", 30.0)
    assert len(late) == r("jasa_clones", "deciding")
    assert (late["hai"] == "yes").sum() == r("jasa_clones", "started")
    assert (late["time"] == frame.loc[late.index, "time"] - 30).all()
    model = causal.propensity(late, "hai", TRANSPLANT)
    rows = unique(
        causal.weighted_effects(
            late, "hai", model, times=[100], samples=0, population=survival.from_month(30)
        )
    )
    assert set(rows["population"]) == {"from month 30"}


# ---- who was tested -------------------------------------------------------------------


def nwtco():
    n = load("nwtco")
    subcohort = n["in.subcohort"].astype(bool)
    relapsed = n["rel"] == 1
    return n.assign(
        time=n["edrel"].astype(float),
        event=relapsed,
        endpoint="RFS",
        tested=yes(subcohort | relapsed),
        some=yes(subcohort | (relapsed & (n["seqno"] % 2 == 0))),
        stage=pd.Categorical(n["stage"]),
        ras=pd.Categorical(np.where(n["histol"] == 2, "mutant", "wild"), ["wild", "mutant"]),
    )


@pytest.mark.parametrize(
    ("tested", "terms", "name", "suffix"),
    [
        ("tested", [], "cells", ""),
        ("tested", [("age", "spline"), ("stage", "factor")], "terms", "_terms"),
        ("some", [("age", "spline"), ("stage", "factor")], "both", "_both"),
    ],
)
def test_weights_for_being_tested_equal_r(tested, terms, name, suffix):
    rows = unique(
        causal.tested_effects(
            nwtco(), tested, terms, exposure="ras", times=[1826.25], samples=0, cap=1.0
        )
    )
    assert pick(rows, "survival_rate", group="all") == pytest.approx(
        100 * r("nwtco", f"survival{suffix}"), rel=1e-8
    )
    expected = [r("nwtco", f"{name}_log_hr"), r("nwtco", f"{name}_se")]
    assert log_ratio(rows) == pytest.approx(expected, rel=1e-8)


def test_weights_for_being_tested_by_hand():
    # 3 of 4 with the event and 1 of 3 without it were tested.
    frame = pd.DataFrame(
        {
            "time": np.arange(1.0, 8),
            "event": [True] * 4 + [False] * 3,
            "endpoint": "RFS",
            "tested": yes(np.array([1, 1, 1, 0, 1, 0, 0]) == 1),
        }
    )
    w = causal.testing_weights(frame, "tested", cap=1.0)
    assert w == pytest.approx([4 / 3, 4 / 3, 4 / 3, 0, 3, 0, 0])
    assert w.sum() == 7
    rows = causal.tested_effects(frame, "tested", times=[2.5], samples=0, cap=1.0, min_at_risk=1)
    # At 1: 4/3 of 7; at 2: 4/3 of 17/3: S = 17/21 13/17 = 13/21.
    assert pick(rows, "survival_rate") == pytest.approx(100 * 13 / 21)


def test_tested_against_untested():
    n = nwtco()
    rows = unique(
        causal.tested_against_untested(
            n, "tested", [("age", "linear"), ("stage", "factor")], times=[1826.25], year="study"
        )
    )
    assert pick(rows, "percent_tested", covariate="") == pytest.approx(100 * 1154 / 4028)
    assert pick(rows, "percent_tested", covariate="RFS event", level="no") == pytest.approx(
        100 * 583 / 3457
    )
    assert {"3", "4"} <= set(rows.loc[rows["covariate"] == "study", "level"])
    assert pick(rows, "survival_rate", group="tested=yes") == pytest.approx(49.2797303716)
    assert pick(rows, "flag", covariate="tested by outcome") == 1
    age = n.groupby("tested", observed=True)["age"]
    size = np.diff(age.mean())[0] / np.sqrt(age.var().mean())
    assert pick(rows, "smd", covariate="age") == pytest.approx(size)


def test_testing_at_random_raises_no_flag():
    rng = np.random.default_rng(2)
    n = nwtco()
    n["tested"] = yes(rng.random(len(n)) < 0.3)
    rows = causal.tested_against_untested(n, "tested", [], times=[1826.25])
    assert pick(rows, "flag", covariate="tested by outcome") == 0


def test_a_table_of_tested_patients_alone_says_so():
    frame = tiny(60).assign(tested=yes(np.ones(60, bool)))
    for rows in (
        causal.tested_against_untested(frame, "tested", []),
        causal.tested_effects(frame, "tested"),
    ):
        assert unique(rows)["statistic"].tolist() == ["missing"]
        assert pick(rows, "missing", "method").startswith("not asked")


def test_late_entry_at_the_test_equals_r():
    m = load("myeloma")
    frame = m.assign(
        time=m["futime"].astype(float),
        event=m["death"] == 1,
        endpoint="OS",
        test=m["entry"].astype(float),
        decade=m["year"] / 10,
    ).drop(columns="entry")
    rows = unique(causal.from_test(frame, "test", times=[730]))
    assert pick(rows, "survival_rate") == pytest.approx(100 * r("myeloma", "survival"), rel=1e-8)
    assert pick(rows, "flag", covariate="late tests") == 1
    found = regression.cox(causal.late_entry(frame, "test"), ["decade"])
    expected = [r("myeloma", "log_hr"), r("myeloma", "se")]
    assert log_ratio(found) == pytest.approx(expected, rel=1e-8)


def test_late_entry_keeps_what_was_there_and_drops_who_died_before():
    frame = tiny(6).assign(
        time=[5.0, 5, 5, 5, 5, 5], entry=[0.0, 2, 0, 0, 0, 0], test=[-3.0, 1, 5, 6, 3, np.nan]
    )
    found = causal.late_entry(frame, "test")
    assert found["entry"].tolist() == [0, 2, 3, 0] and found.index.tolist() == [0, 1, 4, 5]
    rows = causal.from_test(frame, "test", times=[4])
    assert "2 of 6 whose follow-up ended before the test" in pick(rows, "n", "method")
    with pytest.raises(CohortError, match="All 6 patients"):
        causal.late_entry(frame.assign(test=9.0), "test")
    with pytest.raises(CohortError, match="no genetic_test_months"):
        causal.late_entry(frame, "genetic_test_months")
    assert unique(causal.from_test(frame.assign(test=9.0), "test", times=[4]))["n"].iloc[0] == 0


def test_resamples_of_testing_are_of_all_eligible_patients():
    rows = causal.tested_effects(nwtco(), "tested", times=[1826.25], samples=60, seed=4)
    width = pick(rows, "survival_rate", "conf_high") - pick(rows, "survival_rate", "conf_low")
    # All with the event were tested, so the error is near the full cohort's own, 0.57 points
    # (60 resamples tell it to a tenth).
    assert 0.45 < width / (2 * Z) < 0.75


def test_chances_fitted_together_are_those_fitted_one_by_one(monkeypatch):
    """A quarter of the clones' time was one logistic model a resample, from nothing."""
    rng = np.random.default_rng(5)
    n = 90
    x = np.column_stack([rng.normal(size=n), rng.integers(2, size=n), rng.random(n) < 0.2])
    time = rng.exponential(20, n) + 0.5
    data = FollowUp(time, (rng.random(n) < 0.7).astype(np.int32))
    start = np.where(rng.random(n) < 0.5, rng.uniform(0.2, 4, n), np.inf)
    made = clones.make_clones(data, start, x.astype(float), 3.0)
    draws = rng.multinomial(n, np.full(n, 1 / n), size=30).astype(float)
    draws[3] = np.where(start <= 3, draws[3], 0)  # nobody who has not started
    together = list(made.weights_of(draws, 0.99))
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together[7], made.weights(draws[7], 0.99), rtol=1e-9)
    known = np.isfinite(made._start_shares(draws)).all(axis=1)
    assert known.sum() > 15
    nothing = np.full((len(draws), int(made.deciding.sum())), np.nan)
    monkeypatch.setattr(clones.Clones, "_start_shares", lambda self, drawn: nothing)
    np.testing.assert_allclose(together, list(made.weights_of(draws, 0.99)), rtol=1e-8)


def test_columns_that_depend_on_earlier_ones_are_found_in_any_order():
    rng = np.random.default_rng(6)
    x = np.column_stack([np.ones(40), rng.normal(size=(40, 4))])
    assert engine.independent(x).tolist() == [0, 1, 2, 3, 4]
    double = np.column_stack([x[:, :3], x[:, 1] + 2 * x[:, 0], x[:, 3:], np.zeros(40)])
    assert engine.independent(double).tolist() == [0, 1, 2, 4, 5]
    assert engine.independent(x[:3]).tolist() == [0, 1, 2]
