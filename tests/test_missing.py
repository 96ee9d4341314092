"""Missing values: patterns by hand, Rubin's rules and mice in R, what cannot be completed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival import datasets

from crlm import causal, ledger, missing, regression
from crlm.ledger import CohortError, ParameterError

REFERENCE = pd.read_csv(Path(__file__).parent / "reference" / "missing.csv").set_index(
    ["case", "quantity"]
)["value"]
Z = 1.959963984540054


def pick(rows, statistic, field="estimate", **keys):
    at = rows[rows["statistic"] == statistic]
    for name, value in keys.items():
        at = at[at[name] == value]
    assert len(at) == 1, at
    return at[field].iloc[0]


def pbc():
    d = pd.DataFrame(datasets.load_pbc())
    signs = {name: pd.Categorical(d[name], [0, 1]) for name in ("hepato", "spiders")}
    return d.assign(
        time=d["time"].astype(float),
        event=d["status"] == 2,
        endpoint="OS",
        platelet=d["platelet"].astype(float),
        **signs,
    )


# ---- what is missing -----------------------------------------------------------


def test_patterns_by_hand():
    frame = pd.DataFrame(
        {
            "a": [1, np.nan, np.nan, 4, 5],
            "b": [1, 2, np.nan, np.nan, 5.0],
            "event": [True, True, False, False, True],
            "time": 1.0,
            "endpoint": "OS",
            "hai": pd.Categorical(["no", "no", "yes", "yes", "yes"]),
        }
    )
    rows = missing.pattern(frame, ["a", "b"], by="hai")
    ledger.collect([rows])
    expected = {
        ("all", "a"): 40,
        ("all", "b"): 40,
        ("hai=no", "a"): 50,
        ("hai=no", "b"): 0,
        ("hai=yes", "a"): 100 / 3,
        ("hai=yes", "b"): 200 / 3,
        ("event=yes", "a"): 100 / 3,
        ("event=yes", "b"): 0,
        ("event=no", "a"): 50,
        ("event=no", "b"): 100,
    }
    for (group, name), share in expected.items():
        found = pick(rows, "percent_missing", group=group, covariate=name)
        assert found == pytest.approx(share)
    together = rows[rows["covariate"] == "missing together"].set_index("level")["estimate"]
    assert together.to_dict() == {"none missing": 2, "a": 1, "b": 1, "a and b": 1}
    assert pick(rows, "n", model="complete case") == 2
    assert pick(rows, "n", "events", model="complete case") == 2


def test_a_column_that_the_table_lacks_is_wholly_missing():
    rows = missing.pattern(pbc(), ["age", "cea"])
    assert pick(rows, "percent_missing", group="all", covariate="cea") == 100
    assert "no such column" in pick(rows, "percent_missing", "method", group="all", covariate="cea")
    assert pick(rows, "n", model="complete case") == 0
    with pytest.raises(ParameterError, match="no column 'hai'"):
        missing.pattern(pbc(), ["age"], by="hai")


# ---- Rubin's rules ---------------------------------------------------------------

SETS = {
    "five": ([-0.60, -0.66, -0.58, -0.71, -0.63], [0.0324, 0.0331, 0.0318, 0.0340, 0.0327], 674, 7),
    "two": ([0.1, 0.4], [0.02, 0.03], 30, 3),
    "many": (np.sin(np.arange(1, 21)) / 9, np.full(20, 0.05), 150, 12),
}


@pytest.mark.parametrize("name", SETS)
def test_rubin_equals_r(name):
    q, u, n, k = SETS[name]
    found = missing.rubin(np.array(q), np.array(u), n, k)
    for value, quantity in zip(found, ("mean", "total", "df"), strict=True):
        assert value == pytest.approx(REFERENCE[(name, quantity)], rel=1e-9)


def one_table(estimate, error, statistic="hazard_ratio", **more):
    b = np.log(estimate) if statistic == "hazard_ratio" else estimate
    ends = [b - Z * error, b, b + Z * error]
    low, value, high = np.exp(ends) if statistic == "hazard_ratio" else ends
    keys = {"endpoint": "OS", "covariate": "hai", "level": "yes", "model": "multivariable"}
    ratio = {**keys, "statistic": statistic, "estimate": value, "conf_low": low, "conf_high": high}
    return ledger.rows([ratio | more, {**keys, "statistic": "p", "estimate": 0.5} | more])


def test_pooled_rows_are_rubin_s_with_limits_of_t():
    from scipy.stats import t

    q, u, n, k = SETS["five"]
    tables = [one_table(np.exp(b), np.sqrt(v)) for b, v in zip(q, u, strict=True)]
    rows = missing.pool(tables, n, k)
    assert set(rows["model"]) == {"imputed"}
    total, df = REFERENCE[("five", "total")], REFERENCE[("five", "df")]
    half = t.ppf(0.975, df) * np.sqrt(total)
    assert pick(rows, "hazard_ratio") == pytest.approx(np.exp(-0.636), rel=1e-9)
    assert pick(rows, "hazard_ratio", "conf_low") == pytest.approx(np.exp(-0.636 - half))
    assert pick(rows, "hazard_ratio", "conf_high") == pytest.approx(np.exp(-0.636 + half))
    assert pick(rows, "p") == pytest.approx(2 * t.sf(0.636 / np.sqrt(total), df))
    assert "df 279.8" in pick(rows, "hazard_ratio", "method")


def test_tables_that_agree_give_the_one_estimate():
    rows = missing.pool([one_table(3.0, 0.5, "rmst_difference")] * 5, 1000, 4, model=None)
    assert pick(rows, "rmst_difference") == pytest.approx(3.0)
    assert set(rows["model"]) == {"multivariable"}


def test_rates_are_pooled_on_the_scale_of_their_limits():
    low, high = 40.0, 60.0
    table = ledger.rows(
        [
            {
                "statistic": "survival_rate",
                "estimate": 50.4,
                "conf_low": low,
                "conf_high": high,
                "time": 60,
            }
        ]
    )
    rows = missing.pool([table, table], 10**6, 1)
    assert pick(rows, "survival_rate") == pytest.approx(50.4)
    assert 39.9 < pick(rows, "survival_rate", "conf_low") < 40.8


def test_completed_tables_share_what_they_did_not_complete():
    """Twenty tables of a million patients would not fit into memory otherwise."""
    rng = np.random.default_rng(8)
    age = np.where(rng.random(60) < 0.2, np.nan, rng.normal(60, 9, 60))
    frame = pd.DataFrame({"age": age, "size": rng.normal(4, 1, 60), "text": ["a"] * 60})
    tables = missing.impute(frame, [("age", "linear"), ("size", "linear")], 3, 1)
    for table in tables:
        assert table["age"].notna().all() and list(table) == list(frame)
        assert np.shares_memory(table["size"].to_numpy(), frame["size"].to_numpy())
        assert not np.shares_memory(table["age"].to_numpy(), frame["age"].to_numpy())
    assert frame["age"].isna().any()


def test_a_test_without_an_estimate_beside_it_has_the_median_p_value():
    """Likelihood-ratio tests of several terms; a ratio that is not pooled has no p value."""

    def table(p, ratio=1.5):
        year = {"covariate": "surgery_year", "model": "era adjusted"}
        hai = {"covariate": "hai", "level": "yes", "model": "era adjusted"}
        limits = {"estimate": ratio, "conf_low": ratio / 2, "conf_high": ratio * 2}
        return ledger.rows(
            [
                {**year, "statistic": "p", "estimate": p, "method": "likelihood ratio"},
                {**hai, "statistic": "hazard_ratio", **limits},
                {**hai, "statistic": "p", "estimate": 0.5},
            ]
        )

    def pooled(*tables):
        rows = missing.pool(tables, 100, 3, model=None)
        tests = rows[rows["statistic"] == "p"].set_index("covariate")
        return tests["estimate"].to_dict(), tests["method"].to_dict()

    values, how = pooled(table(0.04), table(0.20), table(0.01), table(0.30))
    assert values["surgery_year"] == pytest.approx(0.12)
    assert how["surgery_year"] == "median of the p values of 4 completed tables; likelihood ratio"
    assert how["hai"].startswith("t test; Rubin")
    values, how = pooled(table(0.04), table(np.nan), table(0.01, np.nan))
    assert np.isnan(values["surgery_year"]) and np.isnan(values["hai"])
    assert how["surgery_year"].startswith("not pooled: 1 of 3 completed tables give no p value")
    assert how["hai"].startswith("not pooled: the estimate beside this test is not")


def test_counts_flags_and_gaps_are_pooled_by_their_kind():
    def table(n, raised, ratio):
        return ledger.rows(
            [
                {"statistic": "n", "estimate": n},
                {"statistic": "flag", "covariate": "overlap", "estimate": raised},
                {
                    "statistic": "hazard_ratio",
                    "covariate": "hai",
                    "estimate": ratio,
                    "conf_low": ratio / 2,
                    "conf_high": ratio * 2,
                },
            ]
        )

    rows = missing.pool([table(10, 1, 1.0), table(20, 1, np.nan), table(30, 0, 1.0)], 60, 2)
    assert pick(rows, "n") == 20 and pick(rows, "flag") == 1
    assert "raised in 67 % of 3" in pick(rows, "flag", "method")
    assert np.isnan(pick(rows, "hazard_ratio"))
    assert "1 of 3 completed tables give no estimate" in pick(rows, "hazard_ratio", "method")
    with pytest.raises(ParameterError, match="two or more"):
        missing.pool([table(1, 1, 1.0)], 60, 2)


def test_the_flag_needs_gaps_and_another_effect():
    complete, other = one_table(0.8, 0.1), one_table(0.6, 0.1)
    for pooled, share, raised in ((other, 0.5, 1), (other, 0.95, 0), (complete, 0.5, 0)):
        rows = missing.moved(complete, pooled, "hai", share=share)
        assert pick(rows, "flag", covariate="missing") == raised


# ---- chains against R ---------------------------------------------------------------


def test_cumulative_hazard_equals_r():
    m = pd.DataFrame(datasets.load_mgus2())
    stop = m["age"] + (m["futime"] + 0.5) / 12
    late = m.assign(entry=m["age"].astype(float), time=stop, event=m["death"] == 1)
    for name, frame in (("pbc", pbc()), ("mgus2", late)):
        total = missing.nelson_aalen(frame).sum()
        assert total == pytest.approx(REFERENCE[("hazard", name)], rel=1e-9)


NORMAL = [("copper", "log"), ("age", "linear"), ("bili", "log"), ("albumin", "linear")]
MIXED = [
    *NORMAL,
    ("chol", "log"),
    ("platelet", "linear"),
    ("hepato", "factor"),
    ("spiders", "factor"),
]


@pytest.mark.parametrize(
    ("case", "terms", "m", "cycles", "how", "signs"),
    [
        ("normal", NORMAL, 200, 1, "normal", []),
        ("mixed", MIXED, 60, 10, "match", ["hepato", "spiders"]),
    ],
)
def test_completed_tables_give_what_mice_gives(case, terms, m, cycles, how, signs):
    frame = pbc()
    tables = missing.impute(frame, terms, m, 11, how=how, cycles=cycles)
    logs = [name for name, kind in terms if kind == "log"]
    names = [name for name, _ in terms]
    fits = []
    for table in tables:
        assert table[names].notna().all().all()
        fits.append(regression.cox(table.assign(**{x: np.log(table[x]) for x in logs}), names))
    rows = missing.pool(fits, len(frame), len(names))
    errors = {}
    for name in names:
        key = f"{name}1" if name in signs else name
        value = np.log(pick(rows, "hazard_ratio", covariate=name))
        # Monte-Carlo error of both.
        mc = REFERENCE[(case, f"{key}_mc")] * np.sqrt(1 + (200 if case == "normal" else 100) / m)
        errors[name] = (value - REFERENCE[(case, f"{key}_log_hr")]) / mc
        wide = np.log(pick(rows, "hazard_ratio", "conf_high", covariate=name)) - value
        assert wide / 2 == pytest.approx(REFERENCE[(case, f"{key}_se")], rel=0.12)
    assert max(abs(e) for e in errors.values()) < 3, errors


def test_without_the_outcome_the_effect_is_diluted():
    """The proof that event and hazard have to be in the model for the missing values."""
    rng = np.random.default_rng(5)
    n = 2000
    x = rng.random(n) < 0.4
    time = rng.exponential(1 / (0.02 * np.exp(1.1 * x)))
    values = pd.Categorical(np.where(x, "yes", "no"), ["no", "yes"])
    frame = pd.DataFrame(
        {"x": values, "z": rng.normal(size=n), "time": np.minimum(time, 80), "event": time < 80}
    )
    frame.loc[rng.random(n) < 0.5, "x"] = None
    ratio = {}
    for name, outcomes in (("with", None), ("without", {})):
        tables = missing.impute(frame, [("x", "factor"), ("z", "linear")], 8, 3, outcomes=outcomes)
        rows = missing.pool([regression.cox(t, ["x", "z"]) for t in tables], n, 2)
        ratio[name] = np.log(pick(rows, "hazard_ratio", covariate="x"))
    assert ratio["with"] == pytest.approx(1.1, abs=0.2) and ratio["without"] < 0.75


# ---- tables --------------------------------------------------------------------------


def holes(n=80, seed=2):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(60, 9, n),
            "cea": rng.lognormal(2, 1, n),
            "number": rng.integers(1, 9, n).astype(float),
            "site": pd.Categorical(
                rng.choice(["left", "right", "rectum"], n), ["left", "right", "rectum"]
            ),
            "extra": pd.Categorical(rng.choice(["no", "yes"], n, p=[0.9, 0.1]), ["no", "yes"]),
            "hai": pd.Categorical(rng.choice(["no", "yes"], n), ["no", "yes"]),
            "time": rng.exponential(30, n) + 0.1,
            "event": rng.random(n) < 0.6,
            "endpoint": "OS",
        }
    )
    for name in ("cea", "number", "site", "extra"):
        frame.loc[rng.random(n) < 0.3, name] = None
    return frame


TERMS = [
    ("age", "spline"),
    ("cea", "log"),
    ("number", "log spline"),
    ("site", "factor"),
    ("extra", "factor"),
    ("hai", "factor"),
]


def test_what_is_known_stays_and_what_is_drawn_is_possible():
    frame = holes()
    tables = missing.impute(frame, TERMS, 4, 9, exposure="hai")
    for table in tables:
        for name, _ in TERMS:
            known = frame[name].notna()
            assert (table.loc[known, name] == frame.loc[known, name]).all()
            assert table[name].notna().all()
            assert set(table[name]) <= set(frame[name].dropna())
            assert table[name].dtype == frame[name].dtype
        assert table.index.equals(frame.index)
        assert list(table.columns) == list(frame.columns)
    assert not tables[0].equals(tables[1])
    again = missing.impute(frame, TERMS, 4, 9, exposure="hai")
    assert all(a.equals(b) for a, b in zip(tables, again, strict=True))
    assert not missing.impute(frame, TERMS, 1, 10, exposure="hai")[0].equals(tables[0])


def test_a_shift_moves_the_drawn_levels_alone():
    frame = holes(400)
    shares = []
    for delta in (-np.log(2), 0.0, np.log(2)):
        tables = missing.impute(frame, TERMS, 5, 1, exposure="hai", shift={"extra": delta})
        drawn = frame["extra"].isna()
        shares.append(np.mean([(t.loc[drawn, "extra"] == "yes").mean() for t in tables]))
    assert shares[0] < shares[1] < shares[2]
    odds = [s / (1 - s) for s in shares]
    assert odds[2] / odds[0] == pytest.approx(4, rel=0.5)
    with pytest.raises(ParameterError, match="no factor of the terms"):
        missing.impute(frame, TERMS, 1, 1, shift={"age": 1.0})


def test_outcomes_of_two_endpoints():
    frame = holes()
    rfs = frame.iloc[5:].assign(time=frame["time"] / 2, endpoint="RFS")
    tables = missing.impute(frame, TERMS, 2, 1, outcomes={"OS": frame, "RFS": rfs}, exposure="hai")
    assert tables[0][[name for name, _ in TERMS]].notna().all().all()
    stranger = rfs.set_axis(rfs.index + 1000)
    with pytest.raises(CohortError, match="does not"):
        missing.impute(frame, TERMS, 1, 1, outcomes={"RFS": stranger})


@pytest.mark.parametrize("damage", ["empty", "one value", "twenty", "no event", "separated"])
def test_hard_tables_are_completed_as_far_as_possible(damage):
    frame = holes(20 if damage == "twenty" else 80)
    if damage == "empty":
        frame["cea"] = np.nan
    if damage == "one value":
        frame["number"] = np.where(frame["number"].notna(), 3.0, np.nan)
    if damage == "no event":
        frame["event"] = False
    if damage == "separated":
        frame["extra"] = frame["hai"].where(frame["extra"].notna())
    for table in missing.impute(frame, TERMS, 2, 1, exposure="hai"):
        left = [name for name, _ in TERMS if table[name].isna().any()]
        single = [name for name, _ in TERMS if frame[name].nunique() < 2]
        assert left == [name for name in single if frame[name].isna().any()]
        assert damage not in ("empty", "one value") or left


def test_weights_and_effects_inside_each_completed_table():
    frame = holes(300)
    tables = missing.impute(frame, TERMS, 4, 2, exposure="hai")
    terms = [term for term in TERMS if term[0] != "hai"]
    each = [
        causal.weighted_effects(
            table, "hai", causal.propensity(table, "hai", terms), times=[24], samples=20, seed=k
        )
        for k, table in enumerate(tables)
    ]
    rows = missing.pool(each, len(frame), 1, model=None)
    ledger.collect([rows])
    values = [pick(one, "risk_difference") for one in each]
    assert pick(rows, "risk_difference") == pytest.approx(np.mean(values))
    highs = [pick(one, "risk_difference", "conf_high") for one in each]
    widths = np.array(highs) - np.array(values)
    wide = pick(rows, "risk_difference", "conf_high") - pick(rows, "risk_difference")
    assert wide > np.sqrt(np.mean(np.square(widths)))
    assert pick(rows, "risk_difference", "n") == len(frame)
    assert set(rows["model"]) == {"overlap weighted"}


def test_no_gaps_no_tables_and_choices_that_make_no_sense():
    frame = holes().dropna()
    assert missing.impute(frame, TERMS, 1, 1)[0].equals(frame)
    assert missing.impute(frame, TERMS, 0, 1) == []
    for words, more in (
        ("m must", {"m": -1}),
        ("cycles must", {"cycles": True}),
        ("how must", {"how": "guess"}),
        ("pump is no term", {"exposure": "pump"}),
    ):
        with pytest.raises(ParameterError, match=words):
            missing.impute(frame, TERMS, **{"m": 1, "seed": 1, **more})
