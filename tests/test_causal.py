"""Comparable patients: six by hand in fractions, R, and what cannot be compared."""

from dataclasses import replace
from fractions import Fraction as F
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival import datasets

from crlm import causal, ledger, multistate, naming, survival
from crlm.ledger import CohortError, ParameterError

REFERENCE = pd.read_csv(Path(__file__).parent / "reference" / "causal.csv").set_index(
    ["case", "quantity"]
)["value"]
NO_YES = pd.CategoricalDtype(["no", "yes"])
Z = 1.959963984540054


def yes(mask):
    return pd.Categorical(np.where(mask, "yes", "no"), dtype=NO_YES)


def load(name):
    return pd.DataFrame(getattr(datasets, f"load_{name}")())


def rotterdam():
    d = load("rotterdam")
    sizes = pd.Categorical(d["size"], ["<=20", "20-50", ">50"])
    return d.assign(
        time=d["dtime"].astype(float),
        event=d["death"] == 1,
        endpoint="OS",
        hai=yes(d["hormon"] == 1),
        second=d["nodes"],
        size=sizes,
    )


def gbsg():
    d = load("gbsg")
    return d.assign(
        time=d["rfstime"].astype(float),
        event=d["status"] == 1,
        endpoint="RFS",
        hai=yes(d["hormon"] == 1),
        second=d["size"],
    )


LINEAR = [(name, "linear") for name in ("age", "meno")]
ROTTERDAM = [
    *LINEAR,
    ("size", "factor"),
    *[(name, "linear") for name in ("grade", "second", "pgr", "er", "year")],
]
GBSG = [
    ("age", "spline"),
    ("second", "log spline"),
    ("nodes", "log"),
    ("pgr", "log1p"),
    ("er", "log1p"),
    ("meno", "linear"),
    ("grade", "factor"),
]
OUTCOME = {"rotterdam": [("age", "spline"), ("second", "log1p"), ("grade", "linear")], "gbsg": GBSG}
CASES = {"rotterdam": (rotterdam, ROTTERDAM, 1826.25), "gbsg": (gbsg, GBSG, 1461.0)}


def r(case, quantity):
    return REFERENCE[(case, quantity)]


def pick(rows, statistic, field="estimate", **keys):
    at = rows[rows["statistic"] == statistic]
    for name, value in keys.items():
        at = at[at[name] == value]
    assert len(at) == 1, at
    return at[field].iloc[0]


def log_ratio(rows, **keys):
    """The log ratio and its standard error."""
    value, high = (pick(rows, "hazard_ratio", field, **keys) for field in ("estimate", "conf_high"))
    return np.log(value), np.log(high / value) / Z


def unique(rows):
    assert not rows.duplicated(list(ledger.KEYS)).any()
    assert list(rows.columns) == list(ledger.ROW_COLUMNS)
    return ledger.collect([rows])


# ---- by hand -----------------------------------------------------------------


def six():
    """Treated 1, 1, 0, 1, 0, 0 with x = 1, 1, 1, 0, 0, 0; times 1 to 6, all but the fifth die."""
    return pd.DataFrame(
        {
            "hai": yes(np.array([1, 1, 0, 1, 0, 0]) == 1),
            "x": [1.0, 1, 1, 0, 0, 0],
            "time": [1.0, 2, 3, 4, 5, 6],
            "event": [True, True, True, True, False, True],
            "endpoint": "OS",
        }
    )


def test_six_patients_by_hand():
    model = causal.propensity(six(), "hai", [("x", "linear")])
    third = F(1, 3)
    e = [2 * third, 2 * third, 2 * third, third, third, third]
    assert model.e == pytest.approx([float(v) for v in e], abs=1e-12)
    treated = [1, 1, 0, 1, 0, 0]
    w = [1 - p if t else p for p, t in zip(e, treated, strict=True)]
    assert w == [third, third, 2 * third, 2 * third, third, third]
    assert causal.weights(model) == pytest.approx([float(v) for v in w], abs=1e-12)
    att = [1, 1, F(2), 1, F(1, 2), F(1, 2)]
    assert causal.weights(model, "att", 1.0) == pytest.approx([float(v) for v in att], abs=1e-11)
    rows = unique(model.diagnostics)
    for level in ("no", "yes"):
        assert pick(rows, "effective_n", group=f"hai={level}") == pytest.approx(8 / 3)
    # Weighted mean of x is 1/2 on both sides; raw difference 1/3 over s = sqrt(1/3).
    assert pick(rows, "smd", model="overlap weighted", covariate="x") == pytest.approx(0, abs=1e-12)
    assert pick(rows, "smd", model="diagnostic", covariate="x") == pytest.approx(3**-0.5)
    assert pick(rows, "propensity_auc") == pytest.approx(float(F(6, 9) + F(1, 2) * 0))
    # Treated (1, 2, 4; 1/3, 1/3, 2/3): S = 3/4, 1/2, 0. Others (3, 5+, 6; 2/3, 1/3, 1/3):
    # 4/3 at risk at 3: S = 1/2, and 0 at 6.
    effects = unique(
        causal.weighted_effects(six(), "hai", model, times=[2.5, 4], samples=0, min_at_risk=1)
    )
    rates = [F(1, 2), F(0), F(1), F(1, 2)]
    found = [
        pick(effects, "survival_rate", group=f"hai={level}", time=t)
        for level in ("yes", "no")
        for t in (2.5, 4)
    ]
    assert found == pytest.approx([100 * float(v) for v in rates], abs=1e-9)
    # Areas to 4: treated 1 + 3/4 + 2/2 = 11/4; others 3 + 1/2 = 7/2.
    assert pick(effects, "rmst", group="hai=yes", time=4) == pytest.approx(11 / 4)
    assert pick(effects, "rmst", group="hai=no", time=4) == pytest.approx(7 / 2)
    assert pick(effects, "rmst_difference", time=4) == pytest.approx(-3 / 4)
    assert pick(effects, "risk_difference", time=4) == pytest.approx(-50)


def test_late_entry_by_hand():
    # The second untreated patient comes under observation at 3, on the day of the event then.
    late = six().assign(entry=[0.0, 0, 0, 0, 3, 0])
    model = causal.propensity(late, "hai", [("x", "linear")])
    rows = causal.weighted_effects(late, "hai", model, times=[4], samples=0, min_at_risk=1)
    # At risk at 3 among the others: 2/3 and 1/3, not the one entering: S = 1/3.
    assert pick(rows, "survival_rate", group="hai=no") == pytest.approx(100 / 3)


def test_resamples_of_one_endpoint_serve_the_next_of_the_same_patients(monkeypatch):
    """The same propensities to the last bit, and only where model, draw and seed are the same."""
    frame = gbsg()
    again = frame.assign(time=frame["time"] + 1, endpoint="OS")
    asked = []
    fitted = causal.Propensity.refits
    monkeypatch.setattr(
        causal.Propensity, "refits", lambda self, counts: asked.append(1) or fitted(self, counts)
    )

    def effects(data, model, samples=5, seed=1):
        before = len(asked)
        options = {"times": [24.0], "samples": samples, "seed": seed}
        return causal.weighted_effects(data, "hai", model, **options), len(asked) > before

    def learnt():
        return causal.propensity(frame, "hai", GBSG)

    model = learnt()
    of_both = replace(model, frame=again)
    effects(frame, model)
    borrowed, fresh = effects(again, of_both)
    assert not fresh
    made, fresh = effects(again, replace(learnt(), frame=again))
    assert fresh
    pd.testing.assert_frame_equal(borrowed, made, check_exact=True)
    assert effects(again, of_both, seed=2)[1] and effects(again, of_both, samples=4)[1]
    fewer = frame.iloc[:500]
    assert effects(fewer, model)[1], "other patients"
    monkeypatch.setattr(causal.effects, "_SMALL", 5)
    large = learnt()
    assert effects(frame, large)[1] and effects(frame, large)[1], "too many to hold"


# ---- against R -----------------------------------------------------------------


@pytest.fixture(scope="module", params=CASES)
def case(request):
    make, terms, at = CASES[request.param]
    frame = make()
    return request.param, frame, causal.propensity(frame, "hai", terms), terms, at


def test_propensity_equals_r(case):
    name, _, model, *_ = case
    values = [r(name, f"ps_{i + 1}") for i in range(len(model.fit.coef))]
    assert model.fit.coef == pytest.approx(values, rel=1e-8)


@pytest.mark.parametrize("kind", ["overlap", "att"])
def test_balance_equals_r(case, kind):
    name, frame, model, terms, _ = case
    given = causal.weights(model, kind, 1.0)
    rows = unique(causal.balance(frame, "hai", terms, given, kind=kind))
    label = {"overlap": "overlap weighted", "att": "att weighted"}[kind]
    for code, level in enumerate(("no", "yes")):
        group = f"hai={level}"
        assert pick(rows, "effective_n", group=group) == pytest.approx(
            r(name, f"{kind}_effective_{code}"), rel=1e-8
        )
        assert pick(rows, "max_weight", group=group) == pytest.approx(
            r(name, f"{kind}_share_{code}"), rel=1e-8
        )
    assert pick(rows, "propensity_auc") == pytest.approx(r(name, "auc"), rel=1e-12)
    if name == "rotterdam":
        for x in ("age", "second"):
            at = {"covariate": x, "level": ""}
            assert pick(rows, "smd", model="diagnostic", **at) == pytest.approx(
                r(name, f"{kind}_smd_{x}_raw"), rel=1e-9
            )
            assert pick(rows, "smd", model=label, **at) == pytest.approx(
                r(name, f"{kind}_smd_{x}_weighted"), rel=1e-8, abs=1e-9
            )
            assert pick(rows, "smd", model=label, covariate=f"{x}:{x}") == pytest.approx(
                r(name, f"{kind}_smd_{x}_square"), rel=1e-7
            )


@pytest.mark.parametrize("kind", ["overlap", "att"])
def test_weighted_effects_equal_r(case, kind):
    name, frame, model, _, at = case
    for ties in ("efron", "breslow"):
        rows = unique(
            causal.weighted_effects(
                frame, "hai", model, kind=kind, times=[at], samples=0, cap=1.0, ties=ties
            )
        )
        value, error = log_ratio(rows)
        assert value == pytest.approx(r(name, f"{kind}_{ties}_log_hr"), rel=1e-8)
        assert error == pytest.approx(r(name, f"{kind}_{ties}_se"), rel=1e-8)
    for code, level in enumerate(("no", "yes")):
        for statistic, what, scale in (("survival_rate", "survival", 100), ("rmst", "rmst", 1)):
            assert pick(rows, statistic, group=f"hai={level}") == pytest.approx(
                scale * r(name, f"{kind}_{what}_{code}"), rel=1e-8
            )
    s = causal.weighted_effects(frame, "hai", model, kind=kind, times=[at], samples=0, cap=1.0)
    assert log_ratio(s)[0] == pytest.approx(r(name, f"{kind}_svycoxph"), rel=1e-6)


def test_capped_weights_equal_r(case):
    name, frame, model, _, at = case
    rows = causal.weighted_effects(frame, "hai", model, kind="att", times=[at], samples=0)
    value, error = log_ratio(rows)
    assert value == pytest.approx(r(name, "att_capped_log_hr"), rel=1e-8)
    assert error == pytest.approx(r(name, "att_capped_se"), rel=1e-8)
    assert "capped at the 99 % quantile" in pick(rows, "risk_difference", "method")


@pytest.mark.parametrize("kind", ["overlap", "att"])
def test_doubly_robust_equals_r(case, kind):
    name, frame, model, *_ = case
    rows = causal.doubly_robust(frame, "hai", OUTCOME[name], causal.weights(model, kind, 1.0))
    value, error = log_ratio(rows, model="doubly robust", covariate="hai", level="yes")
    assert value == pytest.approx(r(name, f"{kind}_doubly_robust_log_hr"), rel=1e-8)
    assert error == pytest.approx(r(name, f"{kind}_doubly_robust_se"), rel=1e-8)


def test_late_entry_equals_r():
    m = load("mgus2").dropna(subset=["hgb", "creat"])
    frame = m.assign(
        entry=m["age"].astype(float),
        time=m["age"] + (m["futime"] + 0.5) / 12,
        event=m["death"] == 1,
        endpoint="OS",
        hai=yes(m["sex"] == "M"),
    )
    terms = [("hgb", "spline"), ("creat", "log")]
    model = causal.propensity(frame, "hai", terms)
    for ties in ("efron", "breslow"):
        rows = causal.weighted_effects(frame, "hai", model, times=[80, 90], samples=0, ties=ties)
        value, error = log_ratio(rows)
        assert value == pytest.approx(r("mgus2", f"overlap_{ties}_log_hr"), rel=1e-8)
        assert error == pytest.approx(r("mgus2", f"overlap_{ties}_se"), rel=1e-8)
    for code, level in enumerate(("no", "yes")):
        for month in (80, 90):
            assert pick(rows, "survival_rate", group=f"hai={level}", time=month) == pytest.approx(
                100 * r("mgus2", f"overlap_survival_{code}_{month}"), rel=1e-8
            )
    rows = causal.doubly_robust(frame, "hai", terms, causal.weights(model))
    assert log_ratio(rows) == pytest.approx(
        [r("mgus2", "doubly_robust_log_hr"), r("mgus2", "doubly_robust_se")], rel=1e-8
    )


# ---- by a modifier -----------------------------------------------------------------


def colon():
    d = load("colon")
    d = d[(d["etype"] == 2) & (d["rx"] != "Lev")]
    return d.assign(
        time=d["time"].astype(float),
        event=d["status"] == 1,
        endpoint="OS",
        hai=yes(d["rx"] == "Lev+5FU"),
        kras=pd.Categorical(np.where(d["node4"] == 1, "mutant", "wild"), ["wild", "mutant"]),
    )


COLON = [("age", "spline"), ("sex", "factor"), ("obstruct", "factor")]


@pytest.fixture(scope="module")
def by_kras():
    frame = colon()
    model = causal.propensity(frame, "hai", COLON, modifier="kras")
    rows = causal.weighted_effects(
        frame, "hai", model, times=[1826.25], by="kras", samples=40, seed=3
    )
    return frame, model, unique(rows)


def test_effects_by_a_modifier_equal_r(by_kras):
    _, _, rows = by_kras
    rates = {}
    for code, level in enumerate(("wild", "mutant")):
        where = {"population": f"kras={level}"}
        for k, side in enumerate(("no", "yes")):
            rates[code, k] = 100 * r("colon", f"by_{code}_{k}")
            assert pick(rows, "survival_rate", group=f"hai={side}", **where) == pytest.approx(
                rates[code, k], rel=1e-8
            )
        assert log_ratio(rows, **where) == pytest.approx(
            [r("colon", f"by_{code}_log_hr"), r("colon", f"by_{code}_se")], rel=1e-8
        )
    difference = rates[1, 1] - rates[1, 0] - rates[0, 1] + rates[0, 0]
    at = {"covariate": "hai:kras", "level": "yes:mutant"}
    assert pick(rows, "difference_of_risk_differences", **at) == pytest.approx(difference)
    ratio = pick(rows, "ratio_of_hazard_ratios", **at)
    high = pick(rows, "ratio_of_hazard_ratios", "conf_high", **at)
    assert np.log(ratio) == pytest.approx(r("colon", "ratio_weighted_log_hr"), rel=1e-8)
    assert np.log(high / ratio) / Z == pytest.approx(r("colon", "ratio_weighted_se"), rel=1e-8)


def test_a_model_with_a_modifier_is_told_of_within_its_levels(by_kras):
    frame, model, _ = by_kras
    rows = unique(model.diagnostics)
    assert set(rows["population"]) == {"kras=wild", "kras=mutant"}
    for level in ("wild", "mutant"):
        part = rows[(rows["population"] == f"kras={level}") & (rows["model"] == "overlap weighted")]
        # Terms whose products are in the model are alike within each level.
        inside = part[(part["statistic"] == "smd") & part["covariate"].isin(["age", "sex"])]
        assert len(inside) == 2 and inside["estimate"].abs().max() < 1e-7
        assert (
            part.loc[part["statistic"] == "effective_n", "n"].sum()
            == (frame["kras"] == level).sum()
        )
    ledger.collect([rows, causal.propensity(frame, "hai", COLON).diagnostics])


def test_balance_tells_of_products_with_a_factor():
    frame = colon()
    rows = unique(causal.balance(frame, "hai", COLON, by="kras"))
    mutant, treated = frame["kras"] == "mutant", frame["hai"] == "yes"
    x, side = (frame["age"] * mutant).to_numpy(), treated.to_numpy()
    size = (x[side].mean() - x[~side].mean()) / np.sqrt(
        (x[side].var(ddof=1) + x[~side].var(ddof=1)) / 2
    )
    at = {"covariate": "age:kras", "level": "mutant"}
    assert pick(rows, "smd", model="diagnostic", **at) == pytest.approx(size)
    assert np.isfinite(pick(rows, "smd", model="overlap weighted", **at))


def test_adjusted_interaction_equals_r():
    rows = unique(causal.modification(colon(), "hai", "kras", COLON[:2]))
    value = pick(rows, "ratio_of_hazard_ratios")
    high = pick(rows, "ratio_of_hazard_ratios", "conf_high")
    assert np.log(value) == pytest.approx(r("colon", "ratio_adjusted_log_hr"), rel=1e-8)
    assert np.log(high / value) / Z == pytest.approx(r("colon", "ratio_adjusted_se"), rel=1e-8)
    assert set(rows["model"]) == {"interaction adjusted"}
    assert rows["method"].str.contains("adjusted for spline of age, sex").all()


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_excess_of_two_risks_equals_r(ties):
    for name, adjust in (("plain", ()), ("adjusted", COLON[:2])):
        rows = unique(causal.reri(colon(), "hai", "kras", adjust, ties=ties))
        value, high = (pick(rows, "reri", field) for field in ("estimate", "conf_high"))
        assert value == pytest.approx(r("colon", f"{name}_{ties}_reri"), rel=1e-8)
        assert (high - value) / Z == pytest.approx(r("colon", f"{name}_{ties}_se"), rel=1e-8)


# ---- resamples ---------------------------------------------------------------------


def test_a_resample_is_the_same_analysis_of_repeated_patients():
    frame = colon().reset_index(drop=True)
    model = causal.propensity(frame, "hai", COLON)
    rng = np.random.default_rng([5, 2])
    n = len(frame)
    draws = []
    for _ in range(12):
        counts = rng.multinomial(n, np.full(n, 1 / n))
        again = frame.iloc[np.repeat(np.arange(n), counts)].reset_index(drop=True)
        terms = [(scale.name, scale.kind) for scale in model.scales]
        # Knots stay those of the whole cohort.
        copy = model.on(again)
        assert model.refit(counts.astype(float))[counts > 0] == pytest.approx(
            copy.e[np.concatenate([[0], np.cumsum(counts[counts > 0])[:-1]])], abs=1e-8
        )
        assert terms == [(scale.name, scale.kind) for scale in copy.scales]
        rows = causal.weighted_effects(again, "hai", copy, times=[1461], samples=0)
        draws.append(pick(rows, "risk_difference"))
    rows = causal.weighted_effects(frame, "hai", model, times=[1461], samples=12, seed=5)
    half = pick(rows, "risk_difference", "conf_high") - pick(rows, "risk_difference")
    assert half / Z == pytest.approx(np.std(draws, ddof=1), rel=1e-7)


def test_another_seed_or_analysis_has_other_random_numbers():
    frame = colon()
    model = causal.propensity(frame, "hai", COLON)
    one, two, three = (
        causal.weighted_effects(frame, "hai", model, times=[1461], samples=10, seed=seed)
        for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(one, two)
    assert pick(one, "risk_difference", "conf_low") != pick(three, "risk_difference", "conf_low")


def test_the_order_of_the_patients_decides_nothing():
    frame = gbsg()
    again = frame.sample(frac=1, random_state=4)
    rows = [
        causal.weighted_effects(
            f, "hai", causal.propensity(f, "hai", GBSG), times=[1000], samples=0
        )
        for f in (frame, again)
    ]
    assert rows[0]["estimate"].to_numpy() == pytest.approx(rows[1]["estimate"].to_numpy(), rel=1e-9)


def test_patients_of_another_frame_are_fitted_again():
    frame = gbsg()
    part = frame[frame["age"] > 45]
    whole = causal.propensity(frame, "hai", GBSG)
    rows = causal.weighted_effects(part, "hai", whole, times=[1000], samples=0)
    assert rows["n"].max() == len(part)
    assert whole.on(part).scales == whole.scales and len(whole.on(part).e) == len(part)


def test_the_curve_is_what_the_effects_say_and_numbers_at_risk_are_counted():
    frame, at = gbsg(), 1461.0
    model = causal.propensity(frame, "hai", GBSG)
    for kind in ("overlap", "att"):
        rows = causal.weighted_effects(frame, "hai", model, kind=kind, times=[at], samples=0)
        steps = causal.weighted_curve(frame, "hai", model, kind=kind)
        table = unique(causal.weighted_risk_table(frame, "hai", model, [0, at], kind=kind))
        given = causal.weights(model, kind)
        for level in ("no", "yes"):
            group = f"hai={level}"
            part = steps[steps["group"] == group]
            assert (part["survival"].iloc[0], part["time"].iloc[0]) == (1, 0)
            assert 100 * part.loc[part["time"] <= at, "survival"].iloc[-1] == pytest.approx(
                pick(rows, "survival_rate", group=group)
            )
            left = ((frame["hai"] == level) & (frame["time"] >= at)).to_numpy()
            assert pick(table, "n_at_risk", group=group, time=at) == left.sum()
            worth = given[left].sum() ** 2 / (given[left] ** 2).sum()
            assert pick(table, "effective_n", group=group, time=at) == pytest.approx(worth)
    nobody = causal.propensity(all_treated(tiny(60)), "hai", TINY)
    assert causal.weighted_curve(all_treated(tiny(60)), "hai", nobody).empty


# ---- what cannot be compared ---------------------------------------------------------


def tiny(n=20, seed=1):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "hai": yes(rng.random(n) < 0.5),
            "age": rng.normal(60, 9, n),
            "x": rng.normal(size=n),
            "sex": pd.Categorical(rng.choice(["m", "f"], n)),
            "time": rng.exponential(30, n) + 0.1,
            "event": rng.random(n) < 0.6,
            "endpoint": "OS",
            "kras": pd.Categorical(rng.choice(["wild", "mutant"], n), ["wild", "mutant"]),
        }
    )


TINY = [("age", "spline"), ("x", "linear"), ("sex", "factor")]


def everything(frame, terms=None):
    terms = terms or TINY
    model = causal.propensity(frame, "hai", terms)
    parts = [
        model.diagnostics,
        causal.propensity(frame, "hai", terms, modifier="kras").diagnostics,
        causal.balance(frame, "hai", terms, causal.weights(model, "att"), kind="att"),
        causal.weighted_effects(frame, "hai", model, samples=5),
        causal.weighted_effects(frame, "hai", model, kind="att", samples=5),
        causal.weighted_effects(frame, "hai", model, by="kras", samples=5),
        causal.doubly_robust(frame, "hai", terms, causal.weights(model)),
        causal.modification(frame, "hai", "kras", terms),
        causal.reri(frame, "hai", "kras", terms, samples=5),
        causal.era(frame, "hai", terms),
        causal.early_events(frame, "hai", 2.76),
        causal.time_dependent(frame, "hai", "hai_start_months", terms),
        causal.time_dependent(frame, "hai", "hai_start_months", terms, assumed=1.5),
        causal.strategies(frame, "hai", "hai_start_months", terms, grace=2.76, samples=5),
    ]
    return ledger.collect(parts)


def no_events(frame):
    return frame.assign(event=False)


def one_arm_without_event(frame):
    return frame.assign(event=frame["event"] & (frame["hai"] == "no"))


def all_treated(frame):
    return frame.assign(hai=yes(np.ones(len(frame), bool)))


def one_untreated(frame):
    return frame.assign(hai=yes(np.arange(len(frame)) > 0))


def one_level(frame):
    return frame.assign(sex=pd.Categorical(["m"] * len(frame)), age=61.0)


def separated(frame):
    return frame.assign(x=np.where(frame["hai"] == "yes", 1.0, 0.0))


def nothing_known(frame):
    return frame.assign(age=np.nan, x=np.nan)


def started(frame):
    return frame.assign(hai_start_months=np.where(frame["hai"] == "yes", 1.0, np.nan))


def all_at_once(frame):
    return frame.assign(time=12.0, event=True)


def one_modifier(frame):
    return frame.assign(kras=pd.Categorical(["wild"] * len(frame), ["wild", "mutant"]))


DAMAGES = [
    no_events,
    one_arm_without_event,
    all_treated,
    one_untreated,
    one_level,
    separated,
    nothing_known,
    started,
    all_at_once,
    one_modifier,
]


@pytest.mark.parametrize("n", [20, 120])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_estimated_is_a_row_with_a_reason(damage, n):
    rows = everything(damage(tiny(n)))
    lost = rows[rows["estimate"].isna()]
    reasons = lost["method"].str.contains("not estimable|not estimated|not asked")
    assert reasons.all(), lost.loc[~reasons, "method"].tolist()
    known = rows["estimate"].dropna()
    assert np.isfinite(known).all() and (known.abs() < 1e6).all()
    flags = rows[rows["statistic"] == "flag"]
    assert len(flags) and flags["estimate"].isin([0.0, 1.0]).all()


def test_every_row_has_a_name_of_its_own_that_a_reader_understands():
    design = ledger.load_design("mskcc_hai")
    frame = started(tiny(300)).rename(columns={"x": "cea"}).assign(surgery_year=np.arange(300) % 20)
    terms = [("age", "spline"), ("cea", "linear"), ("sex", "factor")]
    rows = everything(frame, terms)
    names = [naming.name_of(row, design) for row in rows.to_dict("records")]
    assert len(set(names)) == len(names)
    words = " ".join(names)
    assert "_" not in words.replace("surgery_year", "")
    assert "3-year OS, HAI, overlap weights, among KRAS mutant" in words
    assert (
        "Difference in survival of HAI against no HAI for OS, clone censor weight, at month 36"
        in words
    )


def test_all_treated_raises_the_flag_and_gives_no_effect():
    frame = all_treated(tiny(60))
    rows = causal.propensity(frame, "hai", TINY).diagnostics
    assert pick(rows, "flag", covariate="overlap") == 1
    assert "every complete case has hai=yes" in pick(rows, "propensity_auc", "method")


def test_separation_is_penalised_and_said():
    model = causal.propensity(separated(tiny(120)), "hai", TINY)
    assert model.fit.penalised and (model.e > 0).all() and (model.e < 1).all()
    assert pick(model.diagnostics, "flag", covariate="overlap") == 1
    assert "Firth's penalty for separation" in model.method


def test_terms_left_out_are_named():
    frame = one_level(tiny(60))
    model = causal.propensity(frame, "hai", [*TINY, ("cea", "log")])
    assert model.notes == (
        "left out, one value alone: age",
        "left out, one level alone: sex",
        "left out, not in this table: cea",
    )
    for note in model.notes:
        assert note in pick(model.diagnostics, "propensity_auc", "method")


def test_a_horizon_without_patients_is_not_estimated():
    frame = tiny(200)
    model = causal.propensity(frame, "hai", TINY)
    rows = causal.weighted_effects(frame, "hai", model, times=[12, 200], samples=0)
    assert np.isnan(pick(rows, "risk_difference", time=200))
    assert "fewer than 10" in pick(rows, "risk_difference", "method", time=200)
    honest = rows[(rows["statistic"] == "rmst_difference") & rows["estimate"].notna()]["time"]
    month = honest.max()
    data = [frame.loc[frame["hai"] == side, "time"] for side in ("no", "yes")]
    assert min((d >= month).sum() for d in data) >= 10 > min((d >= month + 1).sum() for d in data)


def test_incomplete_patients_are_left_out_and_counted():
    frame = tiny(100)
    frame.loc[:9, "age"] = np.nan
    model = causal.propensity(frame, "hai", TINY)
    assert np.isnan(model.e[:10]).all() and np.isfinite(model.e[10:]).all()
    assert np.isnan(causal.weights(model)[:10]).all()
    rows = causal.weighted_effects(frame, "hai", model, times=[12], samples=0)
    assert pick(rows, "risk_difference", "n") == 90
    assert "complete cases: 90 of 100" in pick(rows, "risk_difference", "method")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f, m: causal.propensity(f, "hai", ["age"]), "is no term"),
        (lambda f, m: causal.propensity(f, "hai", [("age", "cubic")]), "is no term"),
        (lambda f, m: causal.propensity(f, "pump", TINY), "no column 'pump'"),
        (lambda f, m: causal.weights(m, "iptw"), "kind must be one of"),
        (lambda f, m: causal.weights(m, "att", 0.0), "cap must be"),
        (lambda f, m: causal.weighted_effects(f, "hai", m, ties="exact"), "ties must be"),
        (lambda f, m: causal.weighted_effects(f, "hai", m, times=[-1]), "horizon must be"),
        (lambda f, m: causal.weighted_effects(f, "hai", m, samples=-1), "samples must be"),
        (lambda f, m: causal.doubly_robust(f, "hai", TINY, np.ones(3)), "3 weights for 60"),
        (lambda f, m: causal.reri(f, "hai", "kras", best=("maybe", "wild")), "best is"),
        (lambda f, m: causal.power(100, 0.5, 0.5, 1.0), "ratio must be"),
        (lambda f, m: causal.shrink(ledger.rows([]), 0.0), "prior_sd must be"),
        (lambda f, m: causal.early_events(f, "hai", 0), "grace must be"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(call, words):
    frame = tiny(60)
    with pytest.raises(ParameterError, match=words):
        call(frame, causal.propensity(frame, "hai", TINY))


def test_text_where_a_number_belongs_is_refused():
    with pytest.raises(CohortError, match="not numbers"):
        causal.propensity(tiny(60).assign(age="old"), "hai", [("age", "linear")])
    three = pd.Categorical(np.resize(["a", "b", "c"], 60))
    with pytest.raises(CohortError, match="3 levels"):
        causal.propensity(tiny(60).assign(hai=three), "hai", TINY)


# ---- what was not measured -------------------------------------------------------------


def effect(value, low=np.nan, high=np.nan, **more):
    keys = {"endpoint": "OS", "covariate": "hai", "level": "yes", "statistic": "hazard_ratio"}
    return ledger.rows([{**keys, "estimate": value, "conf_low": low, "conf_high": high, **more}])


@pytest.mark.parametrize("name", ["common", "rare"])
@pytest.mark.parametrize(
    ("value", "low", "high", "limit"),
    [
        (0.53, 0.39, 0.77, 0.77),
        (0.68, 0.52, 0.89, 0.89),
        (2.2, 1.5, 3.37, None),
        (3.37, 2.2, 5, 2.2),
        (1.0, 0.8, 1.2, 1),
    ],
)
def test_e_values_equal_r(name, value, low, high, limit):
    rows = unique(causal.e_values(effect(value, low, high), common=name == "common"))
    assert pick(rows, "e_value") == pytest.approx(r("e_value", f"{name}_{value:g}"), rel=1e-12)
    if limit is not None:
        assert pick(rows, "e_value_limit") == pytest.approx(
            r("e_value", f"{name}_{limit:g}"), rel=1e-12
        )


def test_e_value_of_a_risk_difference_is_that_of_the_ratio_of_risks():
    frame = gbsg()
    model = causal.propensity(frame, "hai", GBSG)
    rows = causal.weighted_effects(frame, "hai", model, times=[1461], samples=20)
    found = causal.e_values(rows, common=True)
    no, yes_ = (
        1 - pick(rows, "survival_rate", group=f"hai={side}") / 100 for side in NO_YES.categories
    )
    ratio = max(no / yes_, yes_ / no)
    value = pick(found, "e_value", time=1461)
    assert value == pytest.approx(ratio + np.sqrt(ratio * (ratio - 1)))
    assert set(found["statistic"]) == {"e_value", "e_value_limit"}
    assert 1 <= pick(found, "e_value_limit", time=1461) <= value


@pytest.mark.parametrize("value", [np.nan, 0.0, -1.0, np.inf])
def test_no_ratio_has_no_e_value(value):
    rows = causal.e_values(effect(value), common=True)
    assert rows["estimate"].isna().all() and rows["method"].str.startswith("not estimable").all()


def test_shrinking_equals_r():
    b, s = np.log(0.56 / 0.51), 0.23
    ends = np.exp([b, b - Z * s, b + Z * s])
    more = {"statistic": "ratio_of_hazard_ratios", "covariate": "hai:kras", "level": "yes:mutant"}
    rows = unique(causal.shrink(effect(*ends, **more), 0.35))
    value, high = (pick(rows, "ratio_of_hazard_ratios", f) for f in ("estimate", "conf_high"))
    assert np.log(value) == pytest.approx(r("shrink", "mean"), rel=1e-9)
    assert np.log(high / value) / Z == pytest.approx(r("shrink", "sd"), rel=1e-9)
    assert pick(rows, "posterior_probability", level=">1.25") == pytest.approx(r("shrink", "above"))
    assert pick(rows, "posterior_probability", level="<0.8") == pytest.approx(r("shrink", "below"))


def test_power_equals_r():
    rows = unique(causal.power(336, 0.54, 0.38, covariate="hai:kras"))
    assert pick(rows, "power") == pytest.approx(r("power", "1.5"), rel=1e-10)
    assert pick(rows, "flag", covariate="underpowered") == 1
    rows = causal.power(336, 0.54, 0.38, 0.7)
    assert pick(rows, "power") == pytest.approx(r("power", "0.7"), rel=1e-10)
    assert pick(causal.power(3000, 0.54, 0.38), "flag", covariate="underpowered") == 0
    assert np.isnan(pick(causal.power(0, 0.5, 0.5), "power"))


def test_era_equals_r():
    frame = rotterdam()
    terms = [("age", "linear"), ("nodes", "linear")]
    rows = unique(causal.era(frame, "hai", terms, year="year"))
    from scipy.stats import chi2

    for endpoint, name in (("HAI", "treatment"), ("OS", "outcome")):
        p = chi2.sf(r("era", f"{name}_chi_square"), 3)
        assert pick(rows, "p", endpoint=endpoint) == pytest.approx(p, rel=1e-6)
    assert log_ratio(rows) == pytest.approx([r("era", "log_hr"), r("era", "se")], rel=1e-7)
    product = rows[rows["covariate"] == "hai:year"].assign(statistic="hazard_ratio")
    told = [r("era", "product"), r("era", "product_se")]
    assert log_ratio(product) == pytest.approx(told, rel=1e-7)


# ---- flags --------------------------------------------------------------------------


def test_flags_need_both_their_reasons():
    rng = np.random.default_rng(8)
    n = 674
    frame = tiny(n, 8).assign(age=rng.normal(60, 10, n))
    frame["hai"] = yes(rng.random(n) < 1 / (1 + np.exp(0.08 * (frame["age"] - 60))))
    rows = causal.propensity(frame, "hai", TINY).diagnostics
    assert pick(rows, "flag", covariate="indication") == 1
    assert "of age" in pick(rows, "flag", "method", covariate="indication")
    fair = tiny(n, 9)
    rows = causal.propensity(fair, "hai", TINY).diagnostics
    assert pick(rows, "flag", covariate="indication") == 0
    assert pick(rows, "flag", covariate="overlap") == 0


def test_the_landmark_population_is_the_house_s():
    assert survival.from_month(2.76) == "from month 2.76"


# ---- shares of competing events among comparable patients --------------------------------


def mgus2_causes():
    d = load("mgus2")
    d = d[d["mspike"].notna() & (d["futime"] > 0)].reset_index(drop=True)
    first = d["pstat"] == 1
    return d.assign(
        time=np.where(first, d["ptime"], d["futime"]).astype(float),
        cause=np.where(first, "rec", np.where(d["death"] == 1, "death", None)),
        hai=yes(d["mspike"] >= 1.5),
        female=yes(d["sex"] == "F"),
    ), [("age", "linear"), ("female", "factor")]


def colon_causes():
    d = load("colon")
    d = d[d["rx"] != "Lev"]
    one, two = (d[d["etype"] == k].set_index("id") for k in (1, 2))
    two = two.loc[one.index]
    cause = np.where(one["status"] == 1, "rec", np.where(two["status"] == 1, "death", None))
    made = one.assign(time=np.minimum(one["time"], two["time"]).astype(float), cause=cause)
    made = made.assign(hai=yes(one["rx"] == "Lev+5FU")).reset_index(drop=True)
    return made, [("age", "spline"), *[(name, "linear") for name in ("sex", "obstruct", "extent")]]


SHARES = {"mgus2_causes": (mgus2_causes, 120), "colon_causes": (colon_causes, 1826.25)}


def shares_of(case, samples=0):
    made, month = SHARES[case]
    frame, terms = made()
    frame["cause"] = pd.Categorical(frame["cause"], ["rec", "death"])
    frame["event"] = frame["cause"].notna()
    model = causal.propensity(frame, "hai", terms)
    given = {"weights": causal.weights(model), "reweigh": causal.reweighing(model)}
    return multistate.incidence(
        frame, "hai", ["rec", "death"], [month], samples=samples, model="overlap weighted", **given
    )


@pytest.mark.parametrize("case", SHARES)
def test_overlap_weighted_shares_of_causes_are_r(case):
    rows = shares_of(case)
    shares = rows[rows["statistic"] == "cumulative_incidence"].set_index(["level", "group"])
    for k, cause in enumerate(("rec", "death"), start=1):
        for side, level in enumerate(("no", "yes")):
            row = shares.loc[(cause, f"hai={level}")]
            p, error = r(case, f"share_{k}_{side}"), r(case, f"error_{k}_{side}")
            assert row["estimate"] / 100 == pytest.approx(p, rel=1e-8)
            low = 100 * p ** np.exp(Z * error / (p * -np.log(p)))
            assert row["conf_low"] == pytest.approx(low, rel=1e-7)


def test_weights_fitted_again_move_the_limits_alone():
    rows = [shares_of("colon_causes", samples) for samples in (0, 60)]
    gaps = [part[part["statistic"] == "cumulative_incidence_difference"] for part in rows]
    np.testing.assert_allclose(*(part["estimate"] for part in gaps))
    widths = [part["conf_high"] - part["conf_low"] for part in gaps]
    assert (widths[0] != widths[1]).all() and gaps[1]["method"].str.contains("60 resamples").all()
    # A resample of one side alone has no weights, and is passed over.
    frame, _ = colon_causes()
    model = causal.propensity(frame, "hai", [("sex", "linear")])
    alone = (frame["hai"] == "no").to_numpy(float)
    assert np.isnan(causal.reweighing(model)(alone)).all()
