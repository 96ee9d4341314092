"""The kernels of the search against the house's own statistics, on random cohorts."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crlm import baseline, regression, survival
from crlm.reconstruction import fits, kernels, logit

MONTH = 30.0
Z = float(stats.norm.ppf(0.975))
EVERYBODY = np.ones(90, dtype=bool)


@pytest.fixture(params=[1, 2, 3])
def drawn(request):
    """Ninety patients with many tied days, two groups and a number."""
    rng = np.random.default_rng(request.param)
    x = rng.integers(0, 2, (3, 90)).astype(float)
    x[2] = np.round(rng.lognormal(1.0, 0.7, 90), 1)
    days = rng.exponential(400 + 300 * x[0]).astype(np.int64) // 20 * 20 + 20
    event = (rng.random(90) < 0.7).astype(np.int64)
    frame = pd.DataFrame({"time": days / MONTH, "event": event == 1, "size": x[2]})
    for k, name in enumerate("ab"):
        frame[name] = pd.Categorical.from_codes(x[k].astype(int), ["no", "yes"])
    return frame, days, event, np.argsort(days, kind="stable"), x


def value(rows, field="estimate", **keys):
    for name, key in keys.items():
        rows = rows[rows[name] == key]
    return float(rows[field].iloc[0])


@pytest.mark.parametrize(
    ("conf", "code"),
    [
        ("plain", kernels.PLAIN),
        ("log", kernels.LOG),
        ("log-log", kernels.LOGLOG),
        ("spss", kernels.SPSS),
    ],
)
@pytest.mark.parametrize("rule", ["first", "midpoint"])
def test_curves_medians_and_their_limits(drawn, conf, code, rule):
    frame, days, event, order, x = drawn
    rows = survival.kaplan_meier(frame, times=[12, 24], conf_type=conf, median_rule=rule)
    out = np.zeros(20)
    asked = np.array([360.0, 720.0])
    rules = (False, code, rule == "midpoint", Z, MONTH)
    kernels.kaplan_meier(days, event, order, EVERYBODY, *rules, asked, 2, out)
    fields = ("estimate", "conf_low", "conf_high")
    want = [value(rows, f, statistic="median_survival") for f in fields]
    want += [value(rows, f, statistic="survival_rate", time=t) for t in (12, 24) for f in fields]
    np.testing.assert_allclose(out[2:11], want, rtol=1e-9)


@pytest.mark.parametrize("conf", ["plain", "log", "log-log", "spss"])
def test_a_median_midway_where_the_curve_stays_at_one_half(conf):
    """Once a search refused a paper of R, SAS or Stata."""
    code = {"plain": kernels.PLAIN, "log": kernels.LOG, "log-log": kernels.LOGLOG}
    # Four of eight events by day 40, one censored there, the fifth on day 70.
    days = np.array([10, 20, 30, 40, 50, 70, 80, 90])
    event = np.array([1, 1, 1, 1, 0, 1, 1, 1])
    frame = pd.DataFrame({"time": days / MONTH, "event": event == 1})
    rows = survival.kaplan_meier(frame, conf_type=conf, median_rule="midpoint")
    out, everybody = np.zeros(20), np.ones(8, dtype=bool)
    rules = (False, code.get(conf, kernels.SPSS), True, Z, MONTH)
    kernels.kaplan_meier(days, event, np.arange(8), everybody, *rules, np.zeros(1), 0, out)
    fields = ("estimate", "conf_low", "conf_high")
    want = [value(rows, f, statistic="median_survival") for f in fields]
    np.testing.assert_allclose(out[2:5], want, rtol=1e-9)
    assert out[2] == pytest.approx(55 / MONTH)
    # Upside down: follow-up, whose events are the censored.
    kernels.kaplan_meier(
        days, 1 - event, np.arange(8), everybody, True, *rules[1:], np.zeros(1), 0, out
    )
    assert out[2] == pytest.approx(55 / MONTH)


def test_follow_up_observed_and_reverse(drawn):
    frame, days, event, order, x = drawn
    inside = x[0] == 1
    ranks = np.array(
        [int((stats.binom.cdf(np.arange(n), n, 0.5) <= 0.025).sum()) for n in range(91)]
    )
    out = np.zeros(20)
    kernels.observed_follow_up(days, order, inside, MONTH, ranks, out)
    rows = survival.follow_up(frame[inside], method="observed")
    want = [
        value(rows, f, statistic="median_follow_up") for f in ("estimate", "conf_low", "conf_high")
    ]
    np.testing.assert_allclose(out[:3], want)
    kernels.kaplan_meier(
        days, event, order, inside, True, kernels.LOGLOG, False, Z, MONTH, np.zeros(1), 0, out
    )
    assert out[2] == pytest.approx(
        value(survival.follow_up(frame[inside]), statistic="median_follow_up")
    )


def test_log_rank_is_signed(drawn):
    frame, days, event, order, x = drawn
    out = np.zeros(2)
    kernels.logrank(days, event, order, EVERYBODY, x[0], out)
    assert out[0] ** 2 == pytest.approx(value(survival.logrank(frame, "a"), statistic="chi_square"))
    ratio = value(regression.univariable(frame, ["a"]), statistic="hazard_ratio", level="yes")
    assert (out[0] > 0) == (ratio > 1)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_cox(drawn, ties):
    frame, days, event, order, x = drawn
    out = np.zeros(20)
    warm = np.zeros(10)
    for _ in range(2):
        # As in a search, Newton goes on from where it was last.
        fits.cox(
            days, event, order, EVERYBODY, x, np.array([0, 1, 2]), 3, ties == "efron", Z, warm, out
        )
    rows = regression.cox(frame, ["a", "b", "size"], ties=ties)
    for k, (name, level) in enumerate([("a", "yes"), ("b", "yes"), ("size", "")]):
        keys = {"covariate": name, "level": level}
        got = np.exp(out[2 + 5 * k : 5 + 5 * k])
        want = [
            value(rows, f, statistic="hazard_ratio", **keys)
            for f in ("estimate", "conf_low", "conf_high")
        ]
        np.testing.assert_allclose(got, want, rtol=1e-5)
        p = 2 * stats.norm.sf(abs(out[5 + 5 * k]))
        assert p == pytest.approx(value(rows, statistic="p", **keys), rel=1e-4)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize("p", [2, 3, 4, 5, 6, 7, 9])
def test_cox_by_patterns_of_binary_covariates_and_beyond_six_by_patients(ties, p):
    """Tied days, unknown values; each number of covariates is a loop of its own."""
    rng = np.random.default_rng(p)
    x = rng.integers(0, 2, (p, 400)).astype(float)
    x[p - 1, ::11] = np.nan
    days = rng.exponential(400 + 200 * x[0]).astype(np.int64) // 5 * 5 + 5
    event = (rng.random(400) < 0.7).astype(np.int64)
    names = [f"x{k}" for k in range(p)]
    frame = pd.DataFrame({"time": days / MONTH, "event": event == 1})
    for k, name in enumerate(names):
        codes = np.where(np.isnan(x[k]), -1, np.nan_to_num(x[k])).astype(int)
        frame[name] = pd.Categorical.from_codes(codes, ["no", "yes"])
    out, warm, inside = np.zeros(50), np.zeros(10), np.ones(400, dtype=bool)
    order = np.argsort(days, kind="stable")
    for _ in range(2):
        fits.cox(days, event, order, inside, x, np.arange(p), p, ties == "efron", Z, warm, out)
    rows = regression.cox(frame, names, ties=ties)
    ratios = rows[rows["statistic"] == "hazard_ratio"]
    want = ratios[["estimate", "conf_low", "conf_high"]].to_numpy()
    got = np.exp([out[2 + kernels.ROW * k : 5 + kernels.ROW * k] for k in range(p)])
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_weights_of_numbers_are_the_exponential():
    x, weight = np.linspace(-59.0, 59.0, 300), np.zeros(300)
    fits._weigh(x, 300, 1.0, weight)
    np.testing.assert_allclose(weight, np.exp(x), rtol=1e-12)


def test_a_limit_that_is_passed_over_without_a_logarithm_is_above_one_half():
    s, v = np.meshgrid(np.linspace(0.501, 0.999, 250), np.geomspace(1e-5, 0.2, 250))
    above = 0
    for one, spread in zip(s.ravel(), v.ravel(), strict=True):
        if kernels._surely_above(one, spread, kernels.LOGLOG, Z):
            above += 1
            assert kernels._band(one, spread, kernels.LOGLOG, Z)[0] > 0.5 + kernels.HALF
    assert above > 10_000


@pytest.mark.parametrize("ties", ["breslow", "efron"])
@pytest.mark.parametrize(("k", "name", "level"), [(0, "a", "yes"), (2, "size", "")])
def test_cox_of_one_covariate_among_some_patients(drawn, ties, k, name, level):
    """Two groups go by counts, a number by patients; tied days and unknown values in both."""
    frame, days, event, order, x = drawn
    inside = np.arange(90) % 7 != 0
    x[k, [3, 40, 41]] = np.nan
    frame.loc[[3, 40, 41], name] = np.nan
    out, warm = np.zeros(20), np.zeros(10)
    for _ in range(2):
        fits.cox(days, event, order, inside, x, np.array([k]), 1, ties == "efron", Z, warm, out)
    known = frame[inside & frame[name].notna().to_numpy()]
    assert (out[0], out[1]) == (len(known), known["event"].sum())
    rows = regression.cox(known, [name], ties=ties)
    keys = {"statistic": "hazard_ratio", "covariate": name, "level": level}
    want = [value(rows, f, **keys) for f in ("estimate", "conf_low", "conf_high")]
    np.testing.assert_allclose(np.exp(out[2:5]), want, rtol=1e-5)


def test_log_rank_leaves_unknown_groups_out(drawn):
    frame, days, event, order, x = drawn
    x[0, [3, 40, 41]] = np.nan
    inside, out = np.arange(90) % 7 != 0, np.zeros(2)
    kernels.logrank(days, event, order, inside, x[0], out)
    known = frame[inside & ~np.isnan(x[0])]
    assert out[0] ** 2 == pytest.approx(value(survival.logrank(known, "a"), statistic="chi_square"))


def test_logistic(drawn):
    frame, days, event, order, x = drawn
    out = np.zeros(20)
    warm = np.zeros(10)
    for _ in range(2):
        logit.logistic(event.astype(float), EVERYBODY, x, np.array([0, 2]), 2, Z, warm, out)
    patients = frame.assign(died=pd.Categorical.from_codes(event, ["no", "yes"]))
    rows = regression.logistic(patients, "died", ["a", "size"])
    keys = {"statistic": "odds_ratio", "covariate": "a", "level": "yes"}
    want = [value(rows, f, **keys) for f in ("estimate", "conf_low", "conf_high")]
    np.testing.assert_allclose(np.exp(out[2:5]), want, rtol=1e-5)


def test_tests_and_summaries_of_table_one(drawn):
    frame, days, event, order, x = drawn
    out = np.zeros(20)
    for fisher, test in ((True, "fisher"), (False, "chi-square")):
        rows = baseline.table_one(frame, "a", ["b"], categorical_test=test)
        kernels.association(EVERYBODY, x[1], x[0], fisher, out)
        p = 2 * stats.norm.sf(abs(out[0]))
        assert p == pytest.approx(value(rows, statistic="p", covariate="b"), rel=1e-6)
    rows = baseline.table_one(frame, "a", ["size", "b"], spread="both")
    kernels.ranks(EVERYBODY, x[2], x[0], out)
    p = 2 * stats.norm.sf(abs(out[0]))
    assert p == pytest.approx(value(rows, statistic="p", covariate="size"), rel=1e-6)
    kernels.summary(x[0] == 1, x[2], out)
    want = [
        value(rows, statistic=s, group="a=yes", covariate="size")
        for s in ("median", "min", "max", "q1", "q3")
    ]
    np.testing.assert_allclose(out[:5], want)
    kernels.count(x[0] == 1, x[1], 1.0, out)
    keys = {"group": "a=yes", "covariate": "b", "level": "yes"}
    assert out[0] == value(rows, statistic="n", **keys)
    assert out[1] == pytest.approx(value(rows, statistic="percent", **keys))


def test_what_cannot_be_estimated_is_missing():
    days, event = np.array([10, 20, 30]), np.array([0, 0, 0])
    order, inside, out = np.arange(3), np.ones(3, dtype=bool), np.zeros(20)
    kernels.kaplan_meier(
        days, event, order, inside, False, kernels.SPSS, False, Z, MONTH, np.array([60.0]), 1, out
    )
    assert math.isnan(out[2]) and math.isnan(out[5])
    x = np.array([[0.0, 1.0, 1.0]])
    fits.cox(days, event, order, inside, x, np.array([0]), 1, True, Z, np.zeros(10), out)
    assert math.isnan(out[2])


def test_a_level_that_nobody_has_leaves_the_others_as_they_are(drawn):
    """Of four approaches two are matched: their ratio is that of a model of the two alone."""
    frame, days, event, order, x = drawn
    of_two = np.vstack([x[0], np.zeros(len(days)), x[2]])
    one, both = np.zeros(20), np.zeros(20)
    for columns, out in (([0, 2], one), ([0, 1, 2], both)):
        at = np.array(columns)
        fits.cox(days, event, order, EVERYBODY, of_two, at, len(at), True, Z, np.zeros(10), out)
    np.testing.assert_allclose(both[2:7], one[2:7], rtol=1e-9)
    np.testing.assert_allclose(both[12:17], one[7:12], rtol=1e-9)
    assert np.isnan(both[7:12]).all() and both[0] == one[0]
    outcome = event.astype(float)
    for columns, out in (([0, 2], one), ([0, 1, 2], both)):
        at = np.array(columns)
        logit.logistic(outcome, EVERYBODY, of_two, at, len(at), Z, np.zeros(10), out)
    np.testing.assert_allclose(both[2:7], one[2:7], rtol=1e-9)
    assert np.isnan(both[7:12]).all()
