"""Shapes, visits, small samples and pooled levels: against R, by hand, and when they fail.

tests/reference/small_samples.R stands above every number of R read here. Data: colon, veteran,
mgus2 (late entry), pbc (late entry, weights, strata) and lung.
"""

import functools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from survival import datasets

from crlm import regression, survival
from crlm.ledger import CohortError, ParameterError
from crlm.regression import engine, fallback, intervals, pooling, shrinkage
from crlm.survival.turnbull import shares

DIGITS = {"rtol": 1e-8, "atol": 1e-9}
TIES = ("efron", "breslow")
Z = 1.959963984540054


@functools.cache
def reference():
    path = Path(__file__).parent / "reference" / "small_samples.csv"
    kinds = {"term": str, "value": float}
    table = pd.read_csv(path, keep_default_na=False, na_values={"value": "NA"}, dtype=kinds)
    return table.set_index(["data", "part", "quantity", "term"])["value"]


def told(data, part, quantity, *terms):
    return np.array([reference()[data, part, quantity, str(term)] for term in terms or ("",)])


def yes(values):
    return pd.Categorical(np.where(values, "yes", "no"), ["no", "yes"])


def frame(time, event, **columns):
    made = {"time": np.asarray(time, float), "event": np.asarray(event, bool), "endpoint": "OS"}
    return pd.DataFrame(made | {name: np.asarray(c) for name, c in columns.items()})


def factored(table, **columns):
    return table.assign(**{name: yes(values) for name, values in columns.items()})


@functools.cache
def colon():
    d = pd.DataFrame(datasets.load_colon())
    d = d[(d["etype"] == 2) & (d["rx"] != "Lev")]
    made = frame(d["time"], d["status"] == 1, node4=d["node4"], age=d["age"], nodes=d["nodes"])
    return made.assign(fu=yes(d["rx"] == "Lev+5FU"), surg=d["surg"].to_numpy())


@functools.cache
def veteran():
    v = pd.DataFrame(datasets.load_veteran())
    made = frame(v["time"], v["status"] == 1, karno=v["karno"], age=v["age"])
    cells = pd.Categorical(v["celltype"], ["squamous", "smallcell", "adeno", "large"])
    return made.assign(treated=yes(v["trt"] == 2), celltype=cells, diagtime=v["diagtime"])


@functools.cache
def mgus2():
    m = pd.DataFrame(datasets.load_mgus2())
    entry = 12.0 * m["age"]
    made = frame(entry + m["futime"] + 0.5, m["death"] == 1, entry=entry, hgb=m["hgb"])
    return made.assign(male=yes(m["sex"] == "M"), age=m["age"].to_numpy())


def logs(rows, statistic="hazard_ratio", **keys):
    """Log estimates and their errors, from the limits."""
    at = rows[rows["statistic"] == statistic]
    for name, value in keys.items():
        at = at[at[name] == value]
    low, high = np.log(at["conf_low"]), np.log(at["conf_high"])
    return np.log(at["estimate"].to_numpy()), ((high - low) / (2 * Z)).to_numpy()


# ---- a ratio for each period ------------------------------------------------


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize(
    ("name", "made", "covariate", "adjust", "cuts"),
    [
        ("colon", colon, "fu", ["node4"], (365, 1095)),
        ("veteran", veteran, "treated", ["karno"], (60, 180)),
        ("mgus2", mgus2, "male", ["hgb"], (840, 960)),
    ],
)
def test_periods_are_r(name, made, covariate, adjust, cuts, ties):
    rows = regression.piecewise(made(), covariate, adjust=adjust, cuts=cuts, ties=ties)
    coef, error = logs(rows)
    np.testing.assert_allclose(coef, told(name, f"piecewise {ties}", "coef", 1, 2, 3), **DIGITS)
    np.testing.assert_allclose(error, told(name, f"piecewise {ties}", "se", 1, 2, 3), **DIGITS)
    if name == "veteran":
        p = rows[(rows["statistic"] == "p") & (rows["population"] == "all")]["estimate"]
        np.testing.assert_allclose(p, told(name, f"piecewise {ties}", "p", "same"), **DIGITS)


def test_periods_share_no_keys_and_count_their_patients():
    rows = regression.piecewise(veteran(), "celltype", cuts=(60, 180), population="karno=low")
    assert not rows.duplicated(["population", "level", "statistic"]).any()
    late = rows[rows["population"] == "karno=low,from month 180"]
    assert late["n"].iloc[0] == (veteran()["time"] > 180).sum()
    events = rows[(rows["statistic"] == "hazard_ratio") & (rows["level"] == "large")]["events"]
    assert events.sum() == veteran()["event"].sum()


def test_a_period_without_events_says_so():
    data = frame([1, 2, 3, 4, 20, 21], [1, 1, 1, 1, 0, 0], x=[0.0, 1, 0, 1, 1, 0])
    rows = regression.piecewise(data, "x", cuts=(12,))
    late = rows[(rows["population"] == "from month 12") & (rows["statistic"] == "hazard_ratio")]
    assert late["estimate"].isna().all() and late["method"].str.contains("not estimable").all()
    for cuts in ((), (0, 12), (12, 12), (24, 12)):
        with pytest.raises(ParameterError, match="rise from above 0"):
            regression.piecewise(data, "x", cuts=cuts)


# ---- events seen at visits --------------------------------------------------


def at_visits(name):
    data = colon() if name == "colon" else veteran()
    event = data["event"].to_numpy()
    if name == "colon":
        time = data["time"].to_numpy() / 30.4375
        visit = 4 * np.ceil(time / 4)
        return data.assign(
            time=np.where(event, visit, time), left=np.where(event, visit - 4, time)
        ), "fu"
    time, known = data["time"].to_numpy(), np.arange(1, len(data) + 1) % 3 == 0
    visit = 30 * np.ceil(time / 30)
    seen = event & ~known
    return data.assign(
        time=np.where(seen, visit, time), left=np.where(seen, visit - 30, time)
    ), "treated"


@pytest.mark.parametrize("name", ["colon", "veteran"])
def test_intervals_are_r(name):
    data, covariate = at_visits(name)
    x = (data[covariate] == "yes").to_numpy(float)[:, None]
    fit = intervals.fit_weibull(intervals.intervals_of(data, "left"), x)
    np.testing.assert_allclose(fit.coef, told(name, "visits", "coef", "intercept", "x"), **DIGITS)
    np.testing.assert_allclose(math.exp(fit.log_scale), told(name, "visits", "scale"), **DIGITS)
    np.testing.assert_allclose(fit.loglik, told(name, "visits", "loglik"), **DIGITS)
    rows = regression.interval_censored(data, [covariate])
    coef, error = logs(rows)
    np.testing.assert_allclose(coef, told(name, "visits", "log_hr", "x"), **DIGITS)
    np.testing.assert_allclose(error, told(name, "visits", "se", "x"), **DIGITS)
    medians, error = logs(rows, "median_survival")
    np.testing.assert_allclose(medians, told(name, "visits", "log_median", 0, 1), **DIGITS)
    np.testing.assert_allclose(error, told(name, "visits", "se_median", 0, 1), **DIGITS)


@pytest.mark.parametrize("name", ["colon", "veteran"])
def test_turnbull_is_r(name):
    """R ends its steps early: medians agree, its survival to four digits."""
    data, covariate = at_visits(name)
    medians = survival.turnbull(data, covariate)["estimate"].to_numpy()
    np.testing.assert_allclose(medians, told(name, "turnbull", "median", 0, 1), rtol=1e-12)
    month = 365 / 30.4375 if name == "colon" else 365
    for level, wanted in zip(("no", "yes"), told(name, "turnbull", "survival", 0, 1), strict=True):
        part = data[data[covariate] == level]
        low, high = part["left"], np.where(part["event"], part["time"], np.inf)
        begin, end, share = shares(low.where(part["event"], part["time"]).to_numpy(), high)
        left = 1 - share[(begin + end) / 2 <= month].sum()
        assert left == pytest.approx(wanted, abs=2e-4)


def test_turnbull_by_hand():
    """Three patients: (0, 4], (4, 8] and (0, 8]; then a known day, and a tail that is open."""
    begin, end, share = shares(np.array([0.0, 4, 0]), np.array([4.0, 8, 8]))
    assert begin.tolist() == [0, 4] and end.tolist() == [4, 8]
    # The third may lie in either: any split of (1/2, 1/2) maximises x (1 - x).
    np.testing.assert_allclose(share, [1 / 2, 1 / 2], atol=1e-6)
    low, high = np.array([4.0, 4, 0, 8]), np.array([4.0, 8, 4, np.inf])
    begin, end, share = shares(low, high)
    assert begin.tolist() == [4, 4, 8] and end.tolist() == [4, 8, np.inf]
    # (0, 4] holds the known day 4, and (4, 8] does not.
    np.testing.assert_allclose(share, [1 / 2, 1 / 4, 1 / 4], atol=1e-6)


def test_turnbull_maximises_the_likelihood():
    """No interval could take more: the slope is n on each that holds something, less elsewhere."""
    rng = np.random.default_rng(7)
    time, end = rng.exponential(20, 200), rng.uniform(5, 60, 200)
    event = time < end
    seen = np.maximum(4 * np.ceil(time / 4) + rng.normal(0, 0.3, 200), 0.1)
    low = np.where(event, np.maximum(seen - 4, 0), end)
    high = np.where(event, seen, np.inf)
    begin, end, share = shares(low, high)
    inside = (low[:, None] <= begin) & (end <= high[:, None])
    slope = inside.T @ (1 / (inside @ share)) / 200
    assert share.sum() == pytest.approx(1) and slope.max() < 1 + 1e-6
    np.testing.assert_allclose(slope[share > 1e-5], 1, atol=1e-4)


def test_turnbull_where_it_cannot_tell():
    data, covariate = at_visits("colon")
    late = survival.turnbull(data.assign(entry=0.01)).iloc[0]
    none = survival.turnbull(data.assign(event=False, left=data["time"])).iloc[0]
    assert "late entry" in late["method"] and none["method"] == "not reached: no event"
    assert np.isnan([late["estimate"], none["estimate"]]).all()
    above = survival.turnbull(data, covariate).iloc[1]
    assert np.isnan(above["estimate"]) and "above one half" in above["method"]
    with pytest.raises(CohortError, match="lies after the end"):
        survival.turnbull(data.assign(left=data["time"] + 1))
    with pytest.raises(ParameterError, match="no column 'seen'"):
        survival.turnbull(data, left="seen")


def test_late_entry_is_in_the_likelihood_of_intervals():
    """Against a plain search of the same likelihood: exp(H(entry)) times that of the interval."""
    rng = np.random.default_rng(4)
    n = 200
    x = (np.arange(n) % 2).astype(float)
    time = 1 + rng.weibull(1.3, n) * 20 * np.exp(0.4 * x)
    entry = np.where(rng.random(n) < 0.5, rng.random(n) * 0.9 * time, 0.0)
    event = rng.random(n) < 0.8
    visit = np.where(event, 3 * np.ceil(time / 3), time)
    data = frame(visit, event, x=x, entry=entry)
    data["left"] = np.where(event, visit - 3, visit)
    made = intervals.intervals_of(data, "left")

    def minus_loglik(theta):
        rate = np.exp(-(theta[0] + theta[1] * x) / np.exp(theta[2]))

        def hazard(t):
            return np.where(t > 0, rate * np.maximum(t, 1e-300) ** (1 / np.exp(theta[2])), 0.0)

        low = hazard(made.left)
        high = hazard(np.where(np.isfinite(made.right), made.right, 1.0))
        inside = np.where(np.isfinite(made.right), -np.expm1(-(high - low)), 1.0)
        return -(hazard(made.entry) - low + np.log(inside)).sum()

    best = minimize(minus_loglik, [3.0, 0.0, 0.0], method="BFGS", options={"gtol": 1e-7})
    fit = intervals.fit_weibull(made, x[:, None])
    assert fit.loglik == pytest.approx(-best.fun, rel=1e-9)
    np.testing.assert_allclose([*fit.coef, fit.log_scale], best.x, rtol=1e-4)
    assert (made.left >= made.entry).all()


def test_a_median_where_nobody_was_followed_is_none():
    time = np.r_[3.0, 25, np.linspace(20, 30, 58)]
    data = frame(time, np.arange(60) < 2, left=np.r_[1.0, 20, time[2:]])
    found = regression.interval_censored(data).iloc[-1]
    assert found["statistic"] == "median_survival" and math.isnan(found["estimate"])
    assert "beyond 10 times the longest follow-up" in found["method"]


def test_intervals_that_say_nothing():
    data = frame([4, 8, 12, 16], [1, 0, 0, 0], x=yes([1, 0, 1, 0]), left=[0.0, 8, 12, 16])
    data["x"] = yes([True, False, True, False])
    rows = regression.interval_censored(data, ["x"])
    assert rows.loc[rows["statistic"] != "reference", "estimate"].isna().all()
    assert rows["method"].str.contains("not estimable: 1 events").any()
    one_sided = frame([4, 8, 12, 16, 9], [1, 1, 1, 0, 0], left=[0.0, 4, 8, 16, 9])
    one_sided["x"] = yes([False, False, False, True, True])
    rows = regression.interval_censored(one_sided, ["x"])
    assert rows.loc[rows["statistic"] == "hazard_ratio", "estimate"].isna().all()
    with pytest.raises(ParameterError, match="no column 'left'"):
        regression.interval_censored(data.drop(columns="left"), ["x"])
    with pytest.raises(CohortError, match="lies after the end"):
        regression.interval_censored(data.assign(left=99.0), ["x"])


# ---- shrinkage and optimism -------------------------------------------------


def shrinking(name):
    if name == "lung":
        names = ["age", "sex", "ph.ecog", "ph.karno", "wt.loss"]
        lung = pd.DataFrame(datasets.load_lung()).dropna(subset=names)
        return frame(lung["time"], lung["status"] == 2, **{n: lung[n] for n in names}), names
    if name == "veteran":
        return veteran(), ["celltype", "treated", "karno", "diagtime", "age"]
    return colon(), ["fu", "node4", "age"]


@pytest.mark.parametrize("name", ["lung", "veteran", "colon"])
def test_shrinkage_is_r(name):
    data, names = shrinking(name)
    rows = regression.expected_shrinkage(data, names).set_index("statistic")["estimate"]
    np.testing.assert_allclose(rows["expected_shrinkage"], told(name, "shrinkage", "S"), **DIGITS)
    assert rows["n"] == told(name, "shrinkage", "needed")
    ratio = 2 * np.subtract(*_logliks(data, names))
    np.testing.assert_allclose(ratio, told(name, "shrinkage", "LR"), **DIGITS)


def _logliks(data, names):
    sample = regression.models.make_sample(data, names)
    fit = engine.cox_fit(sample.data, sample.design.x, "efron")
    return fit.loglik, fit.loglik_null


def test_optimism_of_lung():
    data, names = shrinking("lung")
    rule = regression.rule(names, selection="none")
    rows = regression.optimism(data, rule, samples=400, seed=1).set_index(["model", "statistic"])
    apparent = rows.loc[("multivariable", "concordance"), "estimate"]
    np.testing.assert_allclose(apparent, told("lung", "shrinkage", "C"), **DIGITS)
    gain = rows.loc[("multivariable", "optimism"), "estimate"]
    assert abs(gain - 0.0165) < 3 * 0.0019
    corrected = rows.loc[("optimism corrected", "concordance"), "estimate"]
    assert corrected == apparent - gain


def test_a_model_that_explains_nothing_needs_no_number_of_patients():
    frame = pd.DataFrame({"time": np.arange(1.0, 41), "event": True, "x": [0.0, 1, 1, 0] * 10})
    found = regression.expected_shrinkage(frame, ["x"]).set_index("level").loc["needed"]
    assert math.isnan(found["estimate"]) or found["estimate"] <= 1e6
    text = shrinkage._needed_words(1e-9, shrinkage._needed(1e-9, 5, 60, 0.9), 0.9, "60 cases")
    assert text.startswith("not estimable: more than 1,000,000 patients")
    assert shrinkage._needed(1e-300, 5, 60, 0.9) != shrinkage._needed(1e-300, 5, 60, 0.9)
    assert shrinkage._needed(20.0, 5, 60, 0.9) < 1000


def test_noise_is_all_optimism():
    """Covariates that mean nothing sort other patients no better than chance."""
    rng = np.random.default_rng(2)
    names = [f"x{i}" for i in range(20)]
    noise = {name: rng.normal(size=80) for name in names}
    data = frame(rng.exponential(size=80), rng.random(80) < 0.7, **noise)
    rows = regression.optimism(data, regression.rule(names, selection="none"), samples=100)
    estimate = rows.set_index(["model", "statistic"])["estimate"]
    assert estimate["multivariable", "optimism"] > 0.05
    assert abs(estimate["optimism corrected", "concordance"] - 0.5) < 0.06
    few = regression.expected_shrinkage(data, names).set_index("statistic")["estimate"]
    assert few["flag"] == 1 and few["events_per_parameter"] < 10


def test_a_rule_that_chooses_nothing_has_no_optimism():
    data, names = shrinking("lung")
    rule = regression.rule(names, selection="enter", entry_p=1e-12)
    rows = regression.optimism(data, rule, samples=5)
    assert rows["estimate"].isna().all() and rows["method"].str.contains("no covariate").all()
    with pytest.raises(ParameterError, match="at least 2"):
        regression.optimism(data, rule, samples=1)


# ---- levels drawn together --------------------------------------------------


def test_three_codons_by_hand():
    found = pooling.pool(np.array([0.6, 1.4, 0.0]), np.array([0.25, 0.40, 0.45]))
    for name, value in (("Q", found.heterogeneity), ("tau2", found.between), ("mean", found.mean)):
        np.testing.assert_allclose(value, told("by hand", "pooled", name), **DIGITS)
    hand = [told("by hand", "pooled", name, 1, 2, 3) for name in ("pooled", "sd")]
    np.testing.assert_allclose([found.estimate, found.error], hand, **DIGITS)


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("name", ["veteran", "colon"])
def test_pooled_levels_are_r(name, ties):
    data, covariate, adjust = veteran(), "celltype", ["karno"]
    if name == "colon":
        d = pd.DataFrame(datasets.load_colon()).query("etype == 2")
        data = frame(d["time"], d["status"] == 1)
        data["differ"] = pd.Categorical(d["differ"].to_numpy(), [1.0, 2.0, 3.0])
        covariate, adjust = "differ", []
    rows = regression.pooled_levels(data, covariate, adjust=adjust, ties=ties)
    part, places = f"pooled {ties}", range(1, 4 if name == "veteran" else 3)
    coef, _ = logs(rows, model="levels of one model")
    np.testing.assert_allclose(coef, told(name, part, "coef", *places), **DIGITS)
    coef, error = logs(rows, model="partial pooling")
    np.testing.assert_allclose(coef, told(name, part, "pooled", *places), **DIGITS)
    np.testing.assert_allclose(error, told(name, part, "sd", *places), **DIGITS)
    wald = rows.loc[rows["statistic"] == "chi_square", "estimate"]
    np.testing.assert_allclose(wald, told(name, part, "wald"), **DIGITS)


def test_equal_levels_all_lie_on_the_mean():
    found = pooling.pool(np.array([0.5, 0.5, 0.5]), np.array([0.3, 0.2, 0.4]))
    assert found.between == 0
    np.testing.assert_allclose(found.estimate, 0.5)


def test_levels_that_cannot_be_compared():
    data = veteran()
    two = data.assign(celltype=data["celltype"].cat.remove_categories(["adeno", "large"]))
    rows = regression.pooled_levels(two.dropna(), "celltype")
    assert rows.loc[rows["statistic"] == "hazard_ratio", "estimate"].isna().all()
    assert rows["method"].str.contains("fewer than two levels").any()


# ---- what stands in for the engine ------------------------------------------


def fallback_data(name):
    """Time, event, columns, and what else the likelihood is given."""
    if name == "mgus2":
        data = mgus2().dropna(subset=["hgb"])
        x = np.column_stack([data["male"] == "yes", data["hgb"]]).astype(float)
        more = {"entry": data["entry"], "weights": 1 + (data["age"] > 70) / 2}
    elif name == "pbc":
        data = pd.DataFrame(datasets.load_pbc()).dropna(subset=["trt"])
        time = np.ceil(data["time"] / 30.4375)
        entry = np.where(data["id"] % 3 == 0, (data["id"] % 7) / 2, 0.0)
        data = data.assign(time=time, event=data["status"] == 2, entry=entry)[entry < time]
        x = np.column_stack([data["age"], np.log(data["bili"])])
        more = {"entry": np.where(data["entry"] > 0, data["entry"], -1.0)}
        more |= {"weights": 1 + (data["age"] > 50) / 3, "strata": pd.factorize(data["sex"])[0]}
    else:
        data = colon().assign(time=np.ceil(colon()["time"] / 30.4375))
        x = np.column_stack([data["fu"] == "yes", data["node4"]]).astype(float)
        more = {"strata": data["surg"]}
    arrays = {key: np.asarray(value, dtype=float) for key, value in more.items()}
    return data["time"].to_numpy(float), data["event"].to_numpy(int), x, arrays


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("name", ["mgus2", "pbc", "colon"])
def test_the_fallback_is_r(name, ties):
    time, event, x, more = fallback_data(name)
    time, entry = engine.tie_close_times(time, more.get("entry"))
    more |= {} if entry is None else {"entry": entry}
    fit = fallback.cox(time, event, x, method=ties, eps=1e-13, **more)
    part = f"fallback {ties}"
    places = range(1, x.shape[1] + 1)
    np.testing.assert_allclose(fit.coefficients, told(name, part, "coef", *places), **DIGITS)
    error = np.sqrt(np.diag(fit.var))
    np.testing.assert_allclose(error, told(name, part, "se", *places), **DIGITS)
    np.testing.assert_allclose(fit.loglik, told(name, part, "loglik", 1, 2), **DIGITS)


def random_patients(seed):
    """Ties, late entry, strata, units far from one, a column told twice, a level without events."""
    rng = np.random.default_rng(seed)
    n, width = int(rng.integers(30, 200)), int(rng.integers(1, 5))
    x = np.round(rng.normal(size=(n, width)), 2) * rng.choice([1, 1e6, 1e-6], size=width)
    x[:, 0] = rng.random(n) < 0.5
    if seed % 4 == 0 and width > 1:
        x[:, 1] = 2 * x[:, 0]
    time = np.ceil(rng.exponential(10, size=n) * rng.choice([1, 5]))
    event = (rng.random(n) < 0.7).astype(np.int32)
    if seed % 5 == 0:
        event[x[:, 0] == 1] = 0
    late = np.floor(rng.random(n) * time) * (rng.random(n) < 0.4) if seed % 2 else None
    entry = None if late is None else np.where((late > 0) & (late < time), late, -1.0)
    strata = rng.integers(0, 3, size=n).astype(np.int32) if seed % 3 == 0 else None
    return engine.FollowUp(time, event, entry, strata), x


@pytest.mark.parametrize("seed", range(24))
def test_the_seam_answers_alike_without_the_engine(seed, monkeypatch):
    data, x = random_patients(seed)
    columns = [[j] for j in range(x.shape[1])]
    groups, score = (x[:, 0] > 0).astype(int), x[:, -1]

    def asked():
        found = [engine.cox_fit(data, x, ties) for ties in TIES]
        tests = []
        if not any(fit.collinear.any() or fit.infinite.any() for fit in found):
            tests = engine.proportional_hazards(data, x, "efron", "km", columns)
        return found, tests, engine.concordance(data, score), engine.logrank(data, groups)

    usual = asked()
    monkeypatch.setenv("CRLM_COX", "own")
    assert engine.unaided_now()
    own = asked()
    for one, other in zip(usual[0], own[0], strict=True):
        np.testing.assert_array_equal(one.collinear, other.collinear)
        np.testing.assert_array_equal(one.infinite, other.infinite)
        kept = one.finite
        np.testing.assert_allclose(other.coef[kept], one.coef[kept], rtol=1e-7, atol=1e-12)
        if not one.infinite.any():
            np.testing.assert_allclose(other.var, one.var, rtol=1e-7, atol=1e-14)
            assert other.loglik == pytest.approx(one.loglik, rel=1e-10)
    # With units of a million and a millionth the engine gives the drift up, the house does not.
    if usual[1]:
        np.testing.assert_allclose(own[1], usual[1], rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(own[2], usual[2], rtol=1e-10)
    np.testing.assert_allclose(own[3], usual[3], rtol=1e-9)


@pytest.mark.parametrize("transform", ["km", "identity", "rank", "log"])
def test_hazards_drift_alike_without_the_engine(transform, monkeypatch):
    data = colon()
    names = ["fu", "node4", "nodes"]
    usual = regression.ph_test(data, names, transform=transform)
    monkeypatch.setenv("CRLM_COX", "own")
    own = regression.ph_test(data, names, transform=transform)
    np.testing.assert_allclose(own["estimate"], usual["estimate"], rtol=1e-7)
    if transform == "km":
        chi_square = own.loc[own["statistic"] == "chi_square", "estimate"]
        names = ("fu", "node4", "nodes", "GLOBAL")
        np.testing.assert_allclose(chi_square, told("colon", "zph", "chi_square", *names), **DIGITS)


def test_the_fallback_is_short():
    path = Path(fallback.__file__)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 150


def test_stratified_is_r():
    data = colon().assign(node4=yes(colon()["node4"] == 1))
    rows = regression.cox(data, ["fu"], strata="node4")
    coef, error = logs(rows)
    np.testing.assert_allclose(coef, told("colon", "stratified", "coef", "fu"), **DIGITS)
    np.testing.assert_allclose(error, told("colon", "stratified", "se", "fu"), **DIGITS)


# ---- what the page of methods says ------------------------------------------


def test_every_number_of_the_methods_is_one_that_r_printed():
    import csv
    import re

    root = Path(__file__).parents[1]
    printed = set()
    for path in (root / "tests" / "reference").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            printed |= {cell for row in csv.reader(file) for cell in row}
    text = (root / "docs" / "methods.md").read_text(encoding="utf-8")
    quoted = re.findall(r"(?<![\w.])-?\d+\.\d{6,}", text)
    assert len(quoted) > 70
    assert not [number for number in quoted if number not in printed]
    for name in re.findall(r"`(\w+\.csv)`", text):
        assert (root / "tests" / "reference" / name).exists(), name


def test_every_function_that_the_methods_name_exists():
    import importlib
    import re

    text = (Path(__file__).parents[1] / "docs" / "methods.md").read_text(encoding="utf-8")
    rooms = ("causal", "multistate", "missing", "regression", "endpoints", "survival")
    named = re.findall(rf"`({'|'.join(rooms)})\.(?!csv`)(\w+)`((?:, `\w+`)*)", text)
    assert len(named) > 20
    for room, first, more in named:
        door = importlib.import_module(f"crlm.{room}")
        for name in [first, *re.findall(r"\w+", more)]:
            known = hasattr(door, name) or any(
                hasattr(importlib.import_module(f"crlm.{other}"), name) for other in rooms
            )
            assert known, f"{room}.{name}"
