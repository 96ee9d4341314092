"""Survival curves and tests: by hand in exact fractions, against R, against lifelines."""

from __future__ import annotations

import math
from fractions import Fraction as F
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival import datasets

from crlm import survival
from crlm.ledger import ROW_COLUMNS, CohortError, CrlmError, ParameterError

REFERENCE = Path(__file__).parent / "reference"
TRANSFORMS = {"plain": "plain", "log": "log", "loglog": "log-log"}


def frame(time, event, entry=None, **columns) -> pd.DataFrame:
    table = pd.DataFrame({"time": np.asarray(time, float), "event": np.asarray(event, bool)})
    if entry is not None:
        table["entry"] = np.asarray(entry, float)
    return table.assign(endpoint="OS", **columns)


def levels(values, order) -> pd.Categorical:
    return pd.Categorical(values, categories=order)


def value(rows, statistic, group="all", time=None, field="estimate"):
    picked = rows[(rows["statistic"] == statistic) & (rows["group"] == group)]
    if time is not None:
        picked = picked[picked["time"] == time]
    assert len(picked) == 1
    return picked[field].iloc[0]


# By hand ---------------------------------------------------------------------------------------
#
# Six patients:  A 2 event | B 4 event | C 4 event | D 4 censored | E 6 event, entered at 3 |
# F 8 censored.  D, censored when B and C have the event, is still at risk then; E is not yet
# at risk at 2.
#
#   t   at risk        n   d   S                    sum d/(n(n-d))
#   2   A B C D F      5   1   4/5                  1/20
#   4   B C D E F      5   2   4/5 * 3/5 = 12/25    1/20 + 2/15 = 11/60
#   6   E F            2   1   12/25 * 1/2 = 6/25   11/60 + 1/2 = 41/60
#   8   F              1   0   6/25                 41/60


def six() -> pd.DataFrame:
    return frame(
        [2, 4, 4, 4, 6, 8],
        [1, 1, 1, 0, 1, 0],
        [0, 0, 0, 0, 3, 0],
        arm=levels(list("XXYYXY"), ["X", "Y"]),
        centre=levels(list("aabbab"), ["a", "b"]),
    )


def test_curve_of_six_patients_by_hand():
    steps = survival.curve(six(), conf_type="plain")
    assert list(steps.columns) == [
        "group",
        "time",
        "n_at_risk",
        "n_events",
        "n_censored",
        "survival",
        "std_error",
        "conf_low",
        "conf_high",
    ]
    assert steps["time"].tolist() == [0, 2, 4, 6, 8]
    # E is not under observation at 0: five are.
    assert steps["n_at_risk"].tolist() == [5, 5, 5, 2, 1]
    assert steps["n_events"].tolist() == [0, 1, 2, 1, 0]
    assert steps["n_censored"].tolist() == [0, 0, 1, 0, 1]
    s = [F(1), F(4, 5), F(12, 25), F(6, 25), F(6, 25)]
    v = [F(0), F(1, 20), F(11, 60), F(41, 60), F(41, 60)]
    np.testing.assert_allclose(steps["survival"], [float(x) for x in s], rtol=1e-14)
    error = [float(x) * math.sqrt(y) for x, y in zip(s, v, strict=True)]
    np.testing.assert_allclose(steps["std_error"], error, rtol=1e-14)
    assert steps["group"].unique().tolist() == ["all"]


def test_rates_and_median_of_six_patients_by_hand():
    rows = survival.kaplan_meier(six(), times=[1, 4, 5, 8, 9], conf_type="log")
    assert list(rows.columns) == list(ROW_COLUMNS)
    assert value(rows, "n") == 6
    assert value(rows, "n", field="events") == 4
    # S first falls to 1/2 or less at 4, where it is 12/25.
    assert value(rows, "median_survival") == 4
    assert value(rows, "survival_rate", time=4) == pytest.approx(48, rel=1e-14)
    # log scale: S * exp(+- z sqrt(11/60))
    z = 1.959963984540054
    low = 48 * math.exp(-z * math.sqrt(F(11, 60)))
    assert value(rows, "survival_rate", time=4, field="conf_low") == pytest.approx(low, rel=1e-13)
    # 48 * exp(+ z sqrt(11/60)) is 111 percent: no more than 100.
    assert value(rows, "survival_rate", time=4, field="conf_high") == 100
    # Between 4 and 6: at risk at 5 are E and F, three events so far.
    assert value(rows, "survival_rate", time=5) == pytest.approx(48, rel=1e-14)
    assert value(rows, "survival_rate", time=5, field="n") == 2
    assert value(rows, "survival_rate", time=5, field="events") == 3
    # Before the first event: 100 percent, and E is not at risk yet.
    assert value(rows, "survival_rate", time=1) == 100
    assert value(rows, "survival_rate", time=1, field="n") == 5
    # F left at 8 and the curve is above 0: nothing is known of 9.
    assert value(rows, "survival_rate", time=8) == pytest.approx(24, rel=1e-14)
    assert math.isnan(value(rows, "survival_rate", time=9))
    assert value(rows, "survival_rate", time=9, field="n") == 0


def test_logrank_of_six_patients_by_hand():
    # X: A B E, Y: C D F.  Expected in X, and variance d (n1/n)(n2/n)(n-d)/(n-1):
    #   t=2: n 5, X 2 (A B), d 1:  2/5,  6/25
    #   t=4: n 5, X 2 (B E), d 2:  4/5,  2 * 6/25 * 3/4 = 9/25
    #   t=6: n 2, X 1 (E),   d 1:  1/2,  1/4
    # Observed 3, expected 17/10, variance 17/20: (13/10)^2 / (17/20) = 169/85
    rows = survival.logrank(six(), "arm")
    assert value(rows, "chi_square", "arm") == pytest.approx(169 / 85, rel=1e-14)
    # with 1 degree of freedom p is erfc(sqrt(x / 2))
    p = math.erfc(math.sqrt(169 / 85 / 2))
    assert value(rows, "p", "arm") == pytest.approx(p, rel=1e-12)
    assert set(rows["model"]) == {"logrank"}
    assert rows["method"].str.fullmatch("log-rank test, 1 df, late entry").all()
    # Within centre a (A B E, all X) and b (C D F, all Y) nobody is compared.
    assert math.isnan(value(survival.logrank(six(), "arm", strata="centre"), "p", "arm"))


def test_restricted_mean_of_six_patients_by_hand():
    # Area to 8: 2*1 + 2*4/5 + 2*12/25 + 2*6/25 = 126/25.  Right of 2: 76/25, of 4: 36/25,
    # of 6: 12/25.  Variance: (76/25)^2/20 + (36/25)^2 * 2/15 + (12/25)^2/2 = 5336/6250
    variance = F(76, 25) ** 2 / 20 + F(36, 25) ** 2 * F(2, 15) + F(12, 25) ** 2 / 2
    assert variance == F(5336, 6250)
    rows = survival.rmst(six(), tau=8)
    assert value(rows, "rmst") == pytest.approx(126 / 25, rel=1e-14)
    half = value(rows, "rmst", field="conf_high") - 126 / 25
    assert half == pytest.approx(1.959963984540054 * math.sqrt(variance), rel=1e-12)
    # To 5: 2 + 8/5 + 12/25 = 102/25
    assert value(survival.rmst(six(), tau=5), "rmst") == pytest.approx(102 / 25, rel=1e-14)
    # X: at risk 2 (A B) at 2, 2 (B E) at 4, 1 at 6: S 1/2, 1/4, 0; area 2 + 1 + 1/2 = 7/2.
    # Y: at risk 3 at 4, d 1: S 2/3. To 6: area 4 + 4/3 = 16/3.
    by_arm = survival.rmst(six(), "arm", 6)
    assert value(by_arm, "rmst", "arm=X") == pytest.approx(7 / 2, rel=1e-14)
    assert value(by_arm, "rmst", "arm=Y") == pytest.approx(16 / 3, rel=1e-14)
    assert value(by_arm, "rmst_difference", "arm") == pytest.approx(11 / 6, rel=1e-14)
    # Var X: (3/2)^2/2 + (1/2)^2/2 = 5/4; var Y: (4/3)^2/6 = 8/27; z = (11/6)/sqrt(167/108)
    p = math.erfc(11 / 6 / math.sqrt(167 / 108) / math.sqrt(2))
    assert value(by_arm, "p", "arm") == pytest.approx(p, rel=1e-12)


def test_the_horizon_of_restricted_means_is_what_all_groups_are_followed_to():
    # X has reached 0 at 6 and is followed for ever, Y ends at 8 with S 2/3: area 4 + 8/3.
    rows = survival.rmst(six(), "arm")
    assert set(rows["time"]) == {8}
    assert value(rows, "rmst", "arm=X") == pytest.approx(7 / 2, rel=1e-14)
    assert value(rows, "rmst", "arm=Y") == pytest.approx(20 / 3, rel=1e-14)
    assert (
        rows["method"].str.contains("to 8 months, the end of follow-up of arm=Y", regex=False).all()
    )
    # Var Y: (8/3)^2/6 = 32/27; z = (19/6)/sqrt(5/4 + 32/27)
    p = math.erfc(19 / 6 / math.sqrt(263 / 108) / math.sqrt(2))
    assert value(rows, "p", "arm") == pytest.approx(p, rel=1e-12)
    shorter = survival.rmst(six(), "arm", most=6)
    pd.testing.assert_frame_equal(shorter, survival.rmst(six(), "arm", tau=6))
    assert shorter["method"].str.contains(" to 6 months, ", regex=False).all()
    # Everybody has died by 6: there is nothing that is not known of the sixty months.
    dead = survival.rmst(six().query("time < 8 and event"), "arm")
    assert set(dead["time"]) == {60} and dead["estimate"].notna().all()
    alone = survival.rmst(six())
    assert value(alone, "rmst", field="method").startswith(
        "area under Kaplan-Meier to 8 months, the end of follow-up, "
    )
    # A whole month where there is one, and never later than anybody is followed.
    late = survival.rmst(frame([7.9, 9.5], [1, 0]))
    assert set(late["time"]) == {9} and set(survival.rmst(frame([0.4], [0]))["time"]) == {0.4}
    nobody = survival.rmst(frame([0, 0], [0, 0]))
    assert math.isnan(value(nobody, "rmst"))
    assert "follow-up ends at 0 months" in value(nobody, "rmst", field="method")


def test_the_last_whole_month_with_enough_at_risk():
    table = frame([3, 5.5, 9, 12], [1, 1, 0, 1]).assign(arm=list("abab"))
    assert [survival.whole_horizon(table, "arm", k) for k in (1, 2, 3)] == [9, 3, 0]
    assert [survival.whole_horizon(table, None, k) for k in (1, 2, 3)] == [12, 9, 5]
    assert survival.whole_horizon(table, None, 1, most=7.5) == 7
    late = table.assign(entry=[0.0, 0.0, 6.0, 6.0])
    assert survival.whole_horizon(late, None, 2) == 9 and survival.whole_horizon(late, None, 4) == 0
    assert survival.whole_horizon(late[late["entry"] > 0], "arm", 1) == 9


def test_follow_up_follows_its_conventions():
    # Exchanged, by hand: censored at 1 and 2 of four patients, S 3/4, 1/2 (flat to 4), 0.
    table = frame([1, 2, 4, 4], [0, 0, 0, 0])
    first = survival.follow_up(table)
    assert value(first, "median_follow_up") == 2
    midpoint = survival.follow_up(table, median_rule="midpoint", model="reverse")
    assert value(midpoint, "median_follow_up") == 3
    assert set(midpoint["model"]) == {"reverse"}
    limits = {
        conf_type: value(
            survival.follow_up(colon(), conf_type=conf_type), "median_follow_up", field="conf_low"
        )
        for conf_type in ("plain", "log", "log-log", "spss")
    }
    assert len(set(limits.values())) >= 3, limits


def test_follow_up_of_six_patients_by_hand():
    # Exchanged: D and F count. t=4: n 5, d 1: 4/5; t=8: n 1, d 1: 0. Median 8.
    rows = survival.follow_up(six())
    assert value(rows, "median_follow_up") == 8
    assert (value(rows, "min_follow_up"), value(rows, "max_follow_up")) == (2, 8)
    assert set(rows["endpoint"]) == {""}
    assert value(survival.follow_up(six(), method="observed"), "median_follow_up") == 4


def test_landmark_of_six_patients_by_hand():
    # At 3: A had the event; E enters just then. At 4: B C D end there, E and F are left.
    at_3 = survival.landmark(six(), 3)
    assert at_3["time"].tolist() == [1, 1, 1, 3, 5]
    assert at_3["entry"].tolist() == [0, 0, 0, 0, 0]
    assert survival.landmark(six(), 4)["time"].tolist() == [2, 4]
    # The patients keep their names, and rows of them a population of their own.
    named = six().set_axis([31, 7, 5, 12, 3, 90])
    assert survival.landmark(named, 4).index.tolist() == [3, 90]
    assert survival.landmark(named, 4)["arm"].equals(named.loc[[3, 90], "arm"])
    assert survival.from_month(4.0) == "from month 4" and survival.from_month(2.5).endswith("2.5")
    # At 2.5 E is not under observation yet.
    assert survival.landmark(six(), 2.5)["time"].tolist() == [1.5, 1.5, 1.5, 5.5]
    with pytest.raises(CohortError, match="last observed time is 8"):
        survival.landmark(six(), 8)


def test_spss_median_error_by_hand():
    # 6-MP arm of Freireich et al., Blood 1963;21:699. S is 0.6275 at 16 (last >= 0.55),
    # 0.4482 at 23 (median, and first <= 0.45): SE = 0.1346 / ((0.6275 - 0.4482) / 7) = 5.255,
    # which SPSS prints.
    weeks = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    relapse = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    rows = survival.kaplan_meier(frame(weeks, relapse), conf_type="spss")
    z = 1.959963984540054
    low, high = (value(rows, "median_survival", field=f) for f in ("conf_low", "conf_high"))
    assert value(rows, "median_survival") == 23
    assert (high - low) / (2 * z) == pytest.approx(5.255, abs=5e-4)
    assert (high + low) / 2 == pytest.approx(23)
    # S(22) = 0.5378; Greenwood sum to 23, exact
    n_d = [(21, 3), (17, 1), (15, 1), (12, 1), (11, 1), (7, 1), (6, 1)]
    s = {
        t: math.prod(F(n - d, n) for n, d in n_d[: i + 1])
        for i, t in enumerate((6, 7, 10, 13, 16, 22, 23))
    }
    greenwood = sum(F(d, n * (n - d)) for n, d in n_d)
    error = float(s[23]) * math.sqrt(greenwood) / float((s[16] - s[23]) / 7)
    assert (high - low) / (2 * z) == pytest.approx(error, rel=1e-12)
    assert "SPSS" in rows.loc[rows["statistic"] == "median_survival", "method"].iloc[0]


def test_spss_limits_stay_above_zero_and_need_both_sides():
    # S is 3/4, 1/2, 1/4 at the first three times.
    rows = survival.kaplan_meier(frame([1, 2, 3, 4], [1, 1, 1, 0]), conf_type="spss")
    # Median 2; Greenwood sum 1/12 + 1/6 = 1/4, so SE(S) = 1/2 * 1/2 = 1/4; u 1, l 3, density
    # (3/4 - 1/4)/2 = 1/4; SE 1: 2 - 1.96 = 0.04.
    assert value(rows, "median_survival", field="conf_low") == pytest.approx(0.040036015459946)
    rows = survival.kaplan_meier(frame([1, 2, 9, 10], [1, 1, 1, 0]), conf_type="spss")
    # l 9: density (1/2)/8 = 1/16, SE 4, and 2 - 7.8 is below 0.
    assert value(rows, "median_survival", field="conf_low") == 0
    # S never at or below 0.45: no second point, no limits.
    rows = survival.kaplan_meier(frame([1, 2, 3, 4], [1, 1, 0, 0]), conf_type="spss")
    assert value(rows, "median_survival") == 2
    assert math.isnan(value(rows, "median_survival", field="conf_high"))


# The half must be recognised whatever product of fractions it is the rounded value of.
@pytest.mark.parametrize("n", [4, 6, 10, 14, 22, 50, 194])
def test_median_at_exactly_one_half(n):
    table = frame(np.arange(1, n + 1), np.ones(n))
    assert value(survival.kaplan_meier(table), "median_survival") == n / 2
    midway = survival.kaplan_meier(table, median_rule="midpoint")
    assert value(midway, "median_survival") == n / 2 + 0.5
    assert "midpoint" in midway["method"].iloc[1]


def test_at_risk_counts_those_at_or_beyond_t():
    # R: summary(survfit(Surv(T, e) ~ 1), times = ticks)$n.risk, for any pattern of censoring
    time = [1, 2, 2, 3, 6, 6, 6, 9, 12, 12, 12, 15]
    table = frame(time, [1, 0] * 6)
    ticks = [0, 2, 5, 6, 10, 12, 14]
    rows = survival.risk_table(table, times=ticks)
    at_risk = rows[rows["statistic"] == "n_at_risk"]
    assert at_risk["time"].tolist() == ticks
    assert at_risk["estimate"].tolist() == [12, 11, 8, 8, 4, 4, 1]
    # events at 1, 2, 6, 6, 12, 12
    so_far = rows[rows["statistic"] == "cumulative_events"]["estimate"]
    assert so_far.tolist() == [0, 2, 2, 4, 4, 6, 6]
    assert value(survival.risk_table(table, times=[16]), "n_at_risk", time=16) == 0


# Against R -------------------------------------------------------------------------------------
# tests/reference/survival.R stands above every number read here.


def colon() -> pd.DataFrame:
    data = pd.DataFrame(datasets.load_colon())
    data = data[data["etype"] == 2]
    # R: subset(colon, etype == 2); months <- ceiling(time / 30.4375)
    return frame(
        np.ceil(data["time"].to_numpy() / 30.4375),
        data["status"].to_numpy(),
        rx=levels(data["rx"].to_numpy(), ["Obs", "Lev", "Lev+5FU"]),
        sex=data["sex"].to_numpy(),
        differ=data["differ"].to_numpy(dtype=float),
    )


def lung(near: bool = False) -> pd.DataFrame:
    data = pd.DataFrame(datasets.load_lung())
    time = data["time"].to_numpy()
    if near:
        time = time / 30.4375 + 1e-10 * (np.arange(1, len(time) + 1) % 3)
    return frame(
        time,
        data["status"].to_numpy() == 2,
        sex=levels(data["sex"].astype(int).astype(str).to_numpy(), ["1", "2"]),
        **{"ph.ecog": data["ph.ecog"].to_numpy(dtype=float)},
    )


def veteran() -> pd.DataFrame:
    data = pd.DataFrame(datasets.load_veteran())
    order = ["squamous", "smallcell", "adeno", "large"]
    return frame(
        data["time"], data["status"], trt=data["trt"], celltype=levels(data["celltype"], order)
    )


def heart() -> pd.DataFrame:
    data = pd.DataFrame(datasets.load_heart())
    return frame(
        data["stop"],
        data["event"],
        data["start"],
        transplant=levels(data["transplant"].astype(str), ["0", "1"]),
        surgery=data["surgery"],
    )


def mgus2(before: float = math.inf) -> pd.DataFrame:
    """Age as the time scale, in months: everyone enters late."""
    data = pd.DataFrame(datasets.load_mgus2())
    data = data[(data["futime"] > 0) & (data["dxyr"] < before)].reset_index(drop=True)
    entry = 12 * data["age"].to_numpy()
    return frame(
        entry + data["futime"],
        data["death"],
        entry,
        sex=levels(data["sex"], ["F", "M"]),
        dxyr=data["dxyr"],
    )


EDGE = {
    "censored": [(1, 0), (2, 0), (3, 0)],
    "one": [(5, 1)],
    "tied": [(4, 1), (4, 1), (4, 1)],
    "zero": [(0, 1), (0, 1), (3, 0), (4, 1)],
    "plateau": [(1, 1), (2, 1), (3, 0), (4, 0)],
    "half": [(1, 1), (2, 1), (3, 0), (4, 1)],
    "last": [(1, 0), (2, 0), (3, 1)],
}


def edge() -> pd.DataFrame:
    records = [(name, *pair) for name, pairs in EDGE.items() for pair in pairs]
    group, time, event = zip(*records, strict=True)
    return frame(time, event, group=levels(group, list(EDGE)))


SETS = {
    "colon": (colon, "rx"),
    "colon_joint": (colon, ["rx", "sex"]),
    "lung": (lung, "sex"),
    "lung_near": (lambda: lung(near=True), "ph.ecog"),
    "veteran": (veteran, "celltype"),
    "heart": (heart, "transplant"),
    "mgus2": (mgus2, "sex"),
    "mgus2_1974": (lambda: mgus2(before=1975), "sex"),
    "edge": (edge, "group"),
}


def reference(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / f"survival_{name}.csv", keep_default_na=True)


def close(computed, expected) -> None:
    np.testing.assert_allclose(
        np.asarray(computed, float), np.asarray(expected, float), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("name", reference("curves")["dataset"].unique())
@pytest.mark.parametrize("column", TRANSFORMS)
def test_whole_curves_are_those_of_r(name, column):
    make, by = SETS[name]
    steps = survival.curve(make(), by, conf_type=TRANSFORMS[column])
    expected = reference("curves").query("dataset == @name")
    assert list(dict.fromkeys(steps["group"])) == list(dict.fromkeys(expected["group"]))
    first = steps.groupby("group", sort=False).head(1)
    assert first["time"].eq(0).all()
    assert first[["survival", "conf_low", "conf_high"]].eq(1).all(axis=None)
    steps = steps.drop(index=first.index)
    for ours, theirs in [
        ("time", "time"),
        ("n_at_risk", "n_risk"),
        ("n_events", "n_event"),
        ("n_censored", "n_censor"),
        ("survival", "survival"),
        ("std_error", "std_error"),
        ("conf_low", f"{column}_low"),
        ("conf_high", f"{column}_high"),
    ]:
        close(steps[ours], expected[theirs])


@pytest.mark.parametrize("name", reference("rates")["dataset"].unique())
@pytest.mark.parametrize("column", TRANSFORMS)
def test_rates_are_those_of_r(name, column):
    make, by = SETS[name]
    expected = reference("rates").query("dataset == @name")
    asked = sorted(expected["time"].unique())
    rows = survival.kaplan_meier(make(), by, asked, conf_type=TRANSFORMS[column])
    rates = rows[rows["statistic"] == "survival_rate"]
    both = rates.merge(expected, on=["group", "time"], how="left")
    # R has no row after the last time of a group; here nobody is left, and no rate but 0.
    beyond = both["survival"].isna()
    assert len(both) - beyond.sum() == len(expected)
    assert both.loc[beyond, "n"].eq(0).all()
    assert both.loc[beyond, "estimate"].fillna(0).eq(0).all()
    both = both[~beyond]
    close(both["n"], both["n_risk"])
    close(both["estimate"] / 100, both["survival"])
    close(both["conf_low"] / 100, both[f"{column}_low"])
    close(both["conf_high"] / 100, both[f"{column}_high"])
    close(
        survival.risk_table(make(), by, asked).query("statistic == 'n_at_risk'")["estimate"],
        rates["n"],
    )


def test_rates_after_the_last_time():
    rows = survival.kaplan_meier(edge(), "group", [6])
    rates = rows[rows["statistic"] == "survival_rate"].set_index("group")
    reached = [f"group={name}" for name in ("one", "tied", "zero", "half", "last")]
    assert rates.loc[reached, "estimate"].eq(0).all()
    assert rates.loc[["group=censored", "group=plateau"], "estimate"].isna().all()
    assert rates[["conf_low", "conf_high"]].isna().all(axis=None)
    assert rates["n"].eq(0).all()


def median_rows(make, by, theirs, function, statistic):
    for (conf_type, level, rule), expected in theirs.groupby(["conf_type", "conf_level", "rule"]):
        rows = function(make(), by, conf_type=conf_type, median_rule=rule, conf_level=level)
        ours = rows[rows["statistic"] == statistic]
        assert ours["group"].tolist() == expected["group"].tolist()
        for field, column in (("estimate", "median"), ("conf_low", "low"), ("conf_high", "high")):
            close(ours[field], expected[column])


@pytest.mark.parametrize("name", reference("medians")["dataset"].unique())
def test_medians_are_those_of_r(name):
    theirs = reference("medians").query("dataset == @name")
    assert set(theirs["rule"]) == {"first", "midpoint"}
    median_rows(*SETS[name], theirs, survival.kaplan_meier, "median_survival")


@pytest.mark.parametrize("name", reference("follow_up")["dataset"].unique())
def test_reverse_kaplan_meier_is_that_of_r(name):
    theirs = reference("follow_up").query("dataset == @name")
    median_rows(*SETS[name], theirs, survival.follow_up, "median_follow_up")


@pytest.mark.parametrize("test", reference("tests").fillna("").to_dict("records"), ids=str)
def test_logrank_is_that_of_r(test):
    make, _ = SETS[test["dataset"]]
    by, strata = test["by"].split(","), [s for s in test["strata"].split(",") if s]
    rows = survival.logrank(make(), by, strata=strata)
    close(value(rows, "chi_square", test["by"]), test["chisq"])
    close(value(rows, "p", test["by"]), test["p"])
    assert f"{test['df']} df" in rows["method"].iloc[0]
    assert ("stratified" in rows["method"].iloc[0]) == bool(strata)


@pytest.mark.parametrize("name", reference("rmst")["dataset"].unique())
def test_restricted_means_are_those_of_r(name):
    make, by = SETS[name]
    z = 1.959963984540054
    for tau, expected in reference("rmst").query("dataset == @name").groupby("tau"):
        rows = survival.rmst(make(), by, tau).query("statistic == 'rmst'")
        expected = expected.set_index("group").loc[rows["group"]]
        close(rows["estimate"], expected["rmst"])
        close((rows["conf_high"] - rows["conf_low"]) / (2 * z), expected["se"])


def test_of_three_groups_each_is_set_against_the_first():
    # R's means and standard errors of survfit(Surv(time, status) ~ rx), colon, rmean = 36.
    told = reference("rmst").query("dataset == 'colon' and tau == 36").set_index("group")
    rows = survival.rmst(colon(), "rx", 36).query("covariate == 'rx'")
    assert set(rows["group"]) == {"all"} and list(rows["level"]) == ["Lev"] * 2 + ["Lev+5FU"] * 2
    for level, part in rows.groupby("level"):
        first, other = told.loc["rx=Obs"], told.loc[f"rx={level}"]
        gap, p = part.to_dict("records")
        difference, error = other["rmst"] - first["rmst"], math.hypot(first["se"], other["se"])
        assert gap["estimate"] == pytest.approx(difference, rel=1e-9)
        assert gap["conf_low"] == pytest.approx(difference - 1.959963984540054 * error, rel=1e-9)
        assert p["estimate"] == pytest.approx(math.erfc(abs(difference / error) / math.sqrt(2)))


def test_lung_as_printed_by_r():
    # R 4.2.2, survival 3.5-3: print(survfit(Surv(time, status) ~ sex, lung), rmean = 365)
    rows = survival.rmst(lung(), "sex", 365)
    for group, mean, error in (("sex=1", 241.495, 10.358), ("sex=2", 297.465, 10.791)):
        assert value(rows, "rmst", group) == pytest.approx(mean, abs=5e-4)
        half = value(rows, "rmst", group, field="conf_high") - value(rows, "rmst", group)
        assert half / 1.959963984540054 == pytest.approx(error, abs=5e-4)
    for conf_type, limits in (
        ("log", {"sex=1": (270, 212, 310), "sex=2": (426, 348, 550)}),
        ("log-log", {"sex=1": (270, 210, 306), "sex=2": (426, 345, 524)}),
    ):
        rows = survival.kaplan_meier(lung(), "sex", conf_type=conf_type)
        for group, expected in limits.items():
            fields = ("estimate", "conf_low", "conf_high")
            found = tuple(value(rows, "median_survival", group, field=f) for f in fields)
            assert found == expected


# Against lifelines and a naive count -------------------------------------------------------------


def test_lifelines_has_the_same_curve_and_loglog_limits():
    from lifelines import KaplanMeierFitter

    for table in (colon(), lung(), mgus2()):
        entry = table.get("entry")
        fit = KaplanMeierFitter().fit(table["time"], table["event"], entry=entry)
        steps = survival.curve(table).iloc[1:]
        theirs = fit.survival_function_.join(fit.confidence_interval_).loc[steps["time"]]
        close(steps["survival"], theirs.iloc[:, 0])
        informative = ((steps["survival"] > 0) & (steps["survival"] < 1)).to_numpy()
        close(steps["conf_low"][informative], theirs.iloc[informative, 1])
        close(steps["conf_high"][informative], theirs.iloc[informative, 2])


def test_lifelines_has_the_same_logrank():
    from lifelines.statistics import multivariate_logrank_test

    table = veteran()
    theirs = multivariate_logrank_test(table["time"], table["celltype"], table["event"])
    rows = survival.logrank(table, "celltype")
    close(value(rows, "chi_square", "celltype"), theirs.test_statistic)
    close(value(rows, "p", "celltype"), theirs.p_value)


@pytest.mark.parametrize("seed", range(5))
def test_late_entry_agrees_with_a_naive_count(seed):
    rng = np.random.default_rng(seed)
    n = 60
    time = rng.integers(1, 20, n).astype(float)
    entry = np.where(rng.random(n) < 0.5, 0.0, np.floor(time * rng.random(n)))
    table = frame(
        time, rng.random(n) < 0.6, entry, arm=levels(rng.choice(list("XYZ"), n), list("XYZ"))
    )
    steps = survival.curve(table)
    alive = 1.0
    for step in steps.iloc[1:].itertuples():
        under = ((entry == 0) | (entry < step.time)) & (time >= step.time)
        events = int((table["event"] & (time == step.time)).sum())
        alive *= 1 - events / under.sum()
        assert (step.n_at_risk, step.n_events) == (under.sum(), events)
        assert step.survival == pytest.approx(alive, rel=1e-12)


def naive_logrank(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Observed less expected and its covariance, one event time and one risk set after another."""
    groups = table["arm"].cat.categories
    excess, variance = np.zeros(len(groups)), np.zeros((len(groups), len(groups)))
    for t in np.unique(table["time"][table["event"]]):
        under = table[(table["entry"] < t) & (table["time"] >= t)]
        dying = under[under["event"] & (under["time"] == t)]
        n, d = len(under), len(dying)
        share = np.array([(under["arm"] == g).mean() for g in groups])
        excess += [(dying["arm"] == g).sum() for g in groups] - d * share
        variance += d * (n - d) / max(n - 1, 1) * (np.diag(share) - np.outer(share, share))
    return excess, variance


def test_logrank_of_groups_that_hardly_meet():
    # A and B are followed for 10 months, C and D from month 9: one bridge, a small eigenvalue.
    rng = np.random.default_rng(8)
    entry = np.repeat([0.0, 9.0], 80)
    time = np.minimum(entry + rng.exponential(3, 160) + 0.01, entry + 10)
    early = entry == 0
    arm = levels(np.where(early, *[rng.choice(list(x), 160) for x in ("AB", "CD")]), list("ABCD"))
    table = frame(time, rng.random(160) < 0.8, entry, arm=arm)
    excess, variance = naive_logrank(table)
    expected = excess[1:] @ np.linalg.solve(variance[1:, 1:], excess[1:])
    rows = survival.logrank(table, "arm")
    assert value(rows, "chi_square", "arm") == pytest.approx(expected, rel=1e-9)
    assert rows["method"].str.startswith("log-rank test, 3 df").all()
    # Without the bridge only A with B and C with D can be compared: one degree less.
    apart = table.assign(entry=np.where(early, 0.0, 20.0), time=np.where(early, time, time + 11))
    assert survival.logrank(apart, "arm")["method"].str.startswith("log-rank test, 2 df").all()


# Groups ------------------------------------------------------------------------------------------


def test_groups_follow_the_categories_and_leave_out_unused_and_missing():
    table = frame(
        [1, 2, 3, 4, 5, 6],
        [1] * 6,
        kras=levels(["mutant", "wild", None, "wild", "mutant", "wild"], ["wild", "mutant", "x"]),
        hai=levels(["yes", "yes", "no", None, "no", "no"], ["no", "yes"]),
    )
    before = table.copy(deep=True)
    rows = survival.kaplan_meier(table, "kras")
    assert list(dict.fromkeys(rows["group"])) == ["kras=wild", "kras=mutant"]
    assert value(rows, "n", "kras=wild") == 3
    joint = survival.kaplan_meier(table, ["kras", "hai"])
    assert joint.query("statistic == 'n'").set_index("group")["n"].to_dict() == {
        "kras=wild,hai=no": 1,
        "kras=wild,hai=yes": 1,
        "kras=mutant,hai=no": 1,
        "kras=mutant,hai=yes": 1,
    }
    assert value(survival.logrank(table, ["kras", "hai"]), "p", "kras,hai", field="n") == 4
    assert value(survival.logrank(table, "kras", strata="hai"), "p", "kras", field="n") == 4
    assert value(survival.kaplan_meier(table, population="hai=no"), "n") == 6
    assert set(survival.kaplan_meier(table, population="hai=no")["population"]) == {"hai=no"}
    pd.testing.assert_frame_equal(table, before)


def test_entry_zero_is_no_late_entry():
    table = edge().query("time > 0").reset_index(drop=True)
    with_entry = table.assign(entry=0.0)
    pd.testing.assert_frame_equal(survival.curve(table), survival.curve(with_entry))
    pd.testing.assert_frame_equal(
        survival.kaplan_meier(table, "group", [0, 2]),
        survival.kaplan_meier(with_entry, "group", [0, 2]),
    )


def test_events_at_time_zero():
    steps = survival.curve(frame([0, 0, 3, 4], [1, 1, 0, 1]))
    assert steps["time"].tolist() == [0, 0, 3, 4]
    assert steps["n_at_risk"].tolist() == [4, 4, 2, 1]
    assert steps["survival"].tolist() == [1, 0.5, 0.5, 0]


def test_times_are_equal_within_a_rounding_error():
    # 0.1 + 0.2 and 0.3 are one time, as in R: aeqSurv
    table = frame([0.3, 0.1 + 0.2, 1], [1, 1, 0])
    assert survival.curve(table)["n_events"].tolist() == [0, 2, 0]
    # and so is the time asked for
    rows = survival.kaplan_meier(frame([1, 1.1 + 2.2, 5], [0, 1, 0]), times=[3.3])
    assert value(rows, "survival_rate") == 50
    assert value(rows, "survival_rate", field="n") == 2
    assert len(np.unique(lung(near=True)["time"])) > len(np.unique(lung()["time"]))


def test_early_empty_risk_set_is_told():
    rows = survival.kaplan_meier(frame([2, 8, 9], [1, 1, 0], [0, 5, 5]), times=[8])
    assert value(rows, "survival_rate") == 0
    method = value(rows, "survival_rate", field="method")
    assert method.endswith("late entry, all at risk had the event at 2 months")


def test_difference_of_means_needs_two_groups_within_follow_up():
    assert set(survival.rmst(colon(), None, 36)["statistic"]) == {"rmst"}
    short = frame([1, 2, 9, 9], [1, 0, 1, 0], arm=levels(list("XXYY"), ["X", "Y"]))
    rows = survival.rmst(short, "arm", 5)
    assert math.isnan(value(rows, "rmst", "arm=X"))
    assert value(rows, "rmst", "arm=Y") == 5
    assert math.isnan(value(rows, "rmst_difference", "arm"))
    assert math.isnan(value(rows, "p", "arm"))


def test_logrank_where_no_event_tells_groups_apart():
    for event in ([0, 0, 0, 0], [1, 1, 1, 1]):
        table = frame([3, 3, 3, 3], event, arm=levels(list("XXYY"), ["X", "Y"]))
        rows = survival.logrank(table, "arm")
        assert rows["estimate"].isna().all()
        assert "no event tells groups apart" in rows["method"].iloc[0]


def test_logrank_weighs_a_tiny_group_beside_large_ones():
    # One patient among 20,000 with the first event: O - E = 1 - 1/n, V = (n-1)/n^2 for that
    # event, and he is gone afterwards. chi-square = (1 - 1/n)^2 / ((n-1)/n^2) = n - 1.
    n = 20_000
    arm = levels(["Z"] + ["X", "Y"] * (n // 2 - 1) + ["X"], ["X", "Y", "Z"])
    event = np.zeros(n, bool)
    event[0] = True
    rows = survival.logrank(frame(np.arange(1, n + 1), event, arm=arm), "arm")
    assert value(rows, "chi_square", "arm") == pytest.approx(n - 1, rel=1e-9)


# Refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (frame([], []), "no patients"),
        (frame([1, 2], [1, 0]).drop(columns="event"), "no column event"),
        (frame([1, math.nan], [1, 0]), "must be a number; 1 row"),
        (frame([1, -2], [1, 0]), "must not be negative"),
        (frame([1, 2], [1, 0], [0, 2]), "`entry` must be before `time`"),
        (frame([1, 2], [1, 0], [0, math.nan]), "`entry` must be before `time`"),
        (frame([1, 2], [1, 0], [0, 2 - 1e-12]), "rounding error"),
        (frame([1, 2], [1, 0]).assign(event=[1, 0]), "True or False"),
        (frame([1, 2], [1, 0]).assign(event=pd.array([True, None], "boolean")), "1 missing"),
        (frame([1, 2], [1, 0]).assign(time=["1", "2"]), "must hold months"),
        (frame([1, 2], [1, 0]).assign(endpoint=["OS", "RFS"]), "mixes the endpoints OS, RFS"),
    ],
)
def test_what_is_not_an_analysis_frame_is_refused(table, message):
    for call in (
        survival.kaplan_meier,
        survival.follow_up,
        lambda t: survival.logrank(t.assign(arm=["X", "Y"][: len(t)]), "arm"),
    ):
        with pytest.raises(CrlmError, match=message):
            call(table)


def test_what_does_not_exist_is_refused():
    table = six()
    for call, message in (
        (lambda: survival.kaplan_meier(table, "amr"), "Did you mean 'arm'"),
        (
            lambda: survival.kaplan_meier(table, conf_type="loglog"),
            "conf_type is 'loglog'",
        ),
        (
            lambda: survival.kaplan_meier(table, median_rule="last"),
            "median_rule is 'last'",
        ),
        (lambda: survival.kaplan_meier(table, conf_level=95), "between 0 and 1"),
        (lambda: survival.kaplan_meier(table, times=[-1]), "is -1.0; it must be"),
        (lambda: survival.follow_up(table, method="kaplan"), "reverse, observed"),
        (lambda: survival.rmst(table, tau=0), "tau is 0; it must be a number of months above 0"),
        (lambda: survival.rmst(table, most=math.inf), "most is inf; it must"),
        (lambda: survival.landmark(table, math.nan), "must be a number"),
    ):
        with pytest.raises(ParameterError, match=message):
            call()


def test_one_group_or_none_is_no_comparison():
    table = six().assign(arm=levels(["X"] * 6, ["X", "Y"]), none=levels([None] * 6, ["a"]))
    with pytest.raises(CohortError, match="has arm=X only"):
        survival.logrank(table, "arm")
    with pytest.raises(CohortError, match="no patient with a known level"):
        survival.logrank(table, "none")
    with pytest.raises(CohortError, match="No patient has a value of none"):
        survival.kaplan_meier(table, "none")


# ---- put together from the parts ---------------------------------------------


def test_observed_follow_up_lies_between_order_statistics():
    # ten times 1..10: P(B <= 1 | n = 10, 1/2) = 11/1024 <= 0.025 < P(B <= 2) = 56/1024, so r = 2
    frame = pd.DataFrame({"time": np.arange(1.0, 11), "event": False, "endpoint": "OS"})
    row = survival.follow_up(frame, method="observed").iloc[0]
    assert (row.estimate, row.conf_low, row.conf_high) == (5.5, 2.0, 9.0)


def test_too_few_times_have_a_median_without_limits():
    frame = pd.DataFrame({"time": [1.0, 2.0, 3.0], "event": True, "endpoint": "OS"})
    row = survival.follow_up(frame, method="observed").iloc[0]
    assert row.estimate == 2 and np.isnan(row.conf_low) and np.isnan(row.conf_high)


def two_arms():
    return pd.DataFrame(
        {
            "time": [1.0, 2, 3, 4, 1, 2, 3, 4],
            "event": [1, 0, 1, 0, 0, 0, 1, 0],
            "arm": ["a"] * 4 + ["b"] * 4,
            "endpoint": "OS",
        }
    ).astype({"event": bool, "arm": "category"})


def test_the_difference_of_two_rates_by_hand():
    # S_a(3) = 3/4 * 1/2 = 3/8, variance (3/8)^2 (1/12 + 1/2); S_b(3) = 1/2, variance 1/4 * 1/2
    rows = survival.rate_difference(two_arms(), ["arm"], "arm=a", "arm=b", time=3)
    error = np.sqrt((3 / 8) ** 2 * (1 / 12 + 1 / 2) + 1 / 8)
    assert rows.loc[0, "estimate"] == pytest.approx(100 * (3 / 8 - 1 / 2))
    assert rows.loc[0, "conf_high"] == pytest.approx(100 * (-1 / 8 + 1.959963984540054 * error))


def test_a_summary_holds_curves_risk_table_and_test():
    found = survival.summary(two_arms(), "arm", times=[3], ticks=[0, 2])
    statistics = {"n", "median_survival", "survival_rate", "n_at_risk", "p", "chi_square"}
    assert statistics <= set(found["statistic"])
    at_risk = found[found["statistic"] == "n_at_risk"]
    assert at_risk["estimate"].tolist() == [4, 3, 4, 3]


def test_ticks_are_whole_years_and_few():
    frame = pd.DataFrame({"time": [275.0], "event": [True]})
    ticks = survival.summaries.year_ticks(frame)
    assert ticks[-1] >= 275 and len(ticks) <= 9 and all(t % 12 == 0 for t in ticks)
