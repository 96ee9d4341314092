"""Disclosure control of the reviewer's chapter: each rule, and that the attack misses it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from crlm import baseline, causal, ledger, multistate, privacy, regression, survival
from crlm.privacy import attack, chapter, estimates, quantities
from crlm.privacy.unknowns import Unknown
from crlm.report.readings.flags import diagnosis

K = 5
TERMS = [("age", "linear"), ("sex", "factor"), ("site", "factor")]


def cohort_of(n=160, seed=3):
    """Two arms, a rare level that both have, and a first event of three causes, deaths few."""
    rng = np.random.default_rng(seed)
    arm = np.where(np.arange(n) < 70, "no", "yes")
    frame = pd.DataFrame({"arm": arm, "age": rng.normal(60, 9, n).round()})
    frame["sex"] = rng.choice(["male", "female"], n)
    frame["site"] = np.where(np.isin(np.arange(n), [3, 8, 90, 95, 99]), "rare", "common")
    for name, levels in (("arm", "no yes"), ("sex", "male female"), ("site", "common rare")):
        frame[name] = pd.Categorical(frame[name], categories=levels.split())
    months = np.round(rng.exponential(np.where(arm == "no", 25, 40)) + 1, 1)
    event = rng.random(n) < 0.75
    rfs = frame.assign(time=months, event=event, endpoint="RFS")
    cause = np.where(rng.random(n) < 0.5, "liver", "elsewhere")
    died = np.flatnonzero(event & (arm == "no"))[:3].tolist()
    cause[died + np.flatnonzero(event & (arm == "yes"))[:4].tolist()] = "death"
    codes = pd.Categorical(cause, categories=["liver", "elsewhere", "death"])
    caused = rfs.assign(cause=pd.Series(codes).where(event), endpoint="first_recurrence")
    caused["cause"] = pd.Categorical(caused["cause"], categories=codes.categories)
    return {"patients": frame, "RFS": rfs}, caused


def parts_of(frames, caused):
    """What the chapter computes of these patients, and the tables before it."""
    rfs = frames["RFS"]
    causes = list(caused["cause"].cat.categories)
    model = causal.propensity(frames["patients"], "arm", TERMS)
    weighed = causal.propensity(rfs, "arm", TERMS)
    given = {kind: causal.weights(model, kind) for kind in ("overlap", "att")}
    return {
        "table": baseline.table_one(frames["patients"], "arm", ["age", "sex", "site"]),
        "curves": survival.summary(rfs, "arm", times=[24], ticks=[0, 12, 24, 36]),
        "models": regression.univariable(rfs, ["arm", "sex"]),
        "balance": causal.balance_of(model, given),
        "weighted": causal.weighted_effects(rfs, "arm", weighed, times=[24], samples=20),
        "incidence": multistate.incidence(caused, "arm", causes, [12, 24]),
        "rates": pd.concat(
            [multistate.cause_specific(caused, ["arm"], cause) for cause in causes]
            + [multistate.fine_gray(caused, ["arm"], cause) for cause in causes],
            ignore_index=True,
        ),
        "periods": regression.piecewise(rfs, "arm", cuts=(3, 24)),
    }


@pytest.fixture(scope="module")
def computed():
    frames, caused = cohort_of()
    return frames, caused, parts_of(frames, caused)


def released(computed, *, attacked=False):
    """The gate after all of it; rules alone, or attacked at each table."""
    frames, caused, parts = computed
    release = privacy.Release(K)
    if not attacked:
        release._narrow = lambda rows: []
    release.endpoints(frames)
    release.causes("RFS", caused)
    return release, {name: release.rows(part) for name, part in parts.items()}


def narrow(release):
    """What a fresh attack pins to fewer than K values."""
    trial = attack.Attack(K, release.truth, seconds=600)
    found = trial.ranges(quantities.of(release.released, K, release.nested))
    return [one for one in found if one.values < K]


def shown(rows, statistic, **keys):
    found = rows[rows["statistic"] == statistic]
    for name, value in keys.items():
        found = found[found[name] == value]
    return found


def test_the_rules_of_the_chapter_leave_nothing_narrow(computed):
    release, parts = released(computed)
    assert narrow(release) == []
    assert shown(parts["weighted"], "hazard_ratio")["estimate"].notna().all()
    assert (
        shown(parts["incidence"], "cumulative_incidence", level="liver")["estimate"].notna().any()
    )
    assert (
        shown(parts["balance"], "smd", model="diagnostic", covariate="sex")["estimate"]
        .notna()
        .all()
    )


def test_the_chapter_passes_the_attack_at_each_table_and_the_last_one(computed):
    release, _ = released(computed, attacked=True)
    assert release.close().startswith("rows ")


def test_no_row_of_the_chapter_tells_patients_or_events(computed):
    _, parts = released(computed)
    for name in ("weighted", "incidence", "rates", "periods"):
        assert parts[name]["n"].isna().all() and parts[name]["events"].isna().all()


def test_what_few_patients_had_is_not_told(computed):
    _, parts = released(computed)
    for part, statistic in (
        ("incidence", "cumulative_incidence"),
        ("incidence", "cumulative_incidence_difference"),
        ("incidence", "p"),
    ):
        assert shown(parts[part], statistic, level="death")["estimate"].isna().all()
    deaths = parts["rates"]["population"].str.contains("death")
    assert (
        parts["rates"].loc[deaths & parts["rates"]["level"].ne(""), "estimate"].dropna().eq(1).all()
    )
    assert shown(parts["balance"], "max_weight")["estimate"].isna().all()
    assert shown(parts["balance"], "flag")["estimate"].isna().all()
    att = shown(parts["balance"], "effective_n", model="att weighted")
    assert att["estimate"].isna().all()


def test_a_flag_that_is_left_out_is_not_called_not_raised(computed):
    _, parts = released(computed)
    told = " ".join(diagnosis(parts["balance"], ledger.load_design("mskcc_hai")))
    assert told == "Not told in a safe report: overlap; indication."


def test_a_share_stands_on_the_grid_and_a_difference_is_of_the_shown_ones(computed):
    frames, _, _ = computed
    _, parts = released(computed)
    rates = shown(parts["weighted"], "survival_rate").set_index("group")["estimate"].astype(float)
    gap = shown(parts["weighted"], "risk_difference").iloc[0]
    assert float(gap["estimate"]) == rates["arm=yes"] - rates["arm=no"]
    assert float(gap["conf_low"]) <= float(gap["estimate"]) <= float(gap["conf_high"])


def test_a_difference_of_categories_is_made_of_the_shown_counts(computed):
    _, parts = released(computed)
    table, row = parts["table"], shown(parts["balance"], "smd", model="diagnostic", level="female")
    counts = shown(table, "n", covariate="sex")
    shares = []
    for arm in ("no", "yes"):
        here = counts[counts["group"] == f"arm={arm}"].set_index("level")["estimate"].astype(float)
        shares.append(here["female"] / here.sum())
    first, second = shares
    apart = (second - first) / math.sqrt((first * (1 - first) + second * (1 - second)) / 2)
    assert float(row["estimate"].iloc[0]) == pytest.approx(apart, abs=0.051)
    assert "from rounded counts" in row["method"].iloc[0]


# ---- the attack without a rule --------------------------------------------------


def exact_difference(row, known):
    return {"estimate": row["estimate"]} if row["level"] else {"estimate": math.nan}


def exact_share(row, known):
    return {"estimate": row["estimate"]}


def every_ratio(row, known):
    return {name: row[name] for name in ("estimate", "conf_low", "conf_high")}


def with_handler(statistic, handler):
    def mutant(patch):
        changed = {**chapter._HANDLERS, statistic: handler}
        patch.setattr(chapter, "_HANDLERS", changed)

    mutant.__name__ = f"{statistic}, {handler.__name__}"
    return mutant


MUTANTS = [
    with_handler("smd", exact_difference),
    with_handler("cumulative_incidence", exact_share),
    with_handler("hazard_ratio", every_ratio),
    with_handler("subdistribution_hazard_ratio", every_ratio),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_without_a_rule_the_attack_finds_a_small_count(computed, mutant, monkeypatch):
    mutant(monkeypatch)
    release, _ = released(computed)
    assert narrow(release)


def by_period(cuts):
    """Released ratios of the arm, of all times and by period; hardly anybody without the event."""
    rng = np.random.default_rng(13)
    frame = pd.DataFrame({"arm": pd.Categorical(np.where(np.arange(100) < 50, "no", "yes"))})
    months = np.round(rng.exponential(15, 100) + 0.5, 1)
    frame["time"], frame["event"] = np.minimum(months, 24), months <= 24
    frames = {"patients": frame[["arm"]], "OS": frame.assign(endpoint="OS")}
    release = privacy.Release(K)
    release._narrow = lambda rows: []
    release.endpoints(frames)
    release.rows(baseline.describe(frames["patients"], ["arm"]))
    release.rows(survival.summary(frames["OS"], "arm"))
    release.rows(regression.univariable(frames["OS"], ["arm"]))
    return release, release.rows(regression.piecewise(frames["OS"], "arm", cuts=cuts))


def test_what_all_periods_but_one_leave_is_that_ones(monkeypatch):
    cuts = (1.5, 6, 12)
    release, made = by_period(cuts)
    assert shown(made, "hazard_ratio")["estimate"].isna().all() and narrow(release) == []
    monkeypatch.setattr(chapter, "_all_periods", lambda rows, k: list(rows))
    release, made = by_period(cuts)
    assert shown(made, "hazard_ratio")["estimate"].notna().sum() == 3
    assert narrow(release)
    _, made = by_period((6,))
    assert shown(made, "hazard_ratio")["estimate"].notna().all()


def test_an_effective_number_of_unweighted_patients_is_their_number():
    """Why weights of the treated tell none: theirs are 1."""
    row = {"statistic": "effective_n", "model": "att weighted", "endpoint": "ARM"}
    row |= {"group": "arm=yes", "population": "all", "covariate": "", "level": "", "time": math.nan}
    made = ledger.rows(
        [
            {
                "covariate": "arm",
                "level": "no",
                "statistic": "n",
                "estimate": 8.0,
                "method": "band of 5",
            },
            {
                "covariate": "arm",
                "level": "yes",
                "statistic": "n",
                "estimate": 90.0,
                "method": "rest",
            },
            {**row, "estimate": 88.0, "method": "Kish"},
        ]
    )
    known = quantities.of(made, K)
    size = Unknown("n", "", frozenset({"arm=yes"}))
    ends = [(e.low, e.high) for e in known.equations if e.terms == ((size, 1),)]
    assert (88, math.inf) in ends and (-math.inf, 88) in ends


def test_the_bounds_of_a_share_hold_for_every_curve():
    """Events of a cause lie between what the share of all patients allows, whoever is censored."""
    rng = np.random.default_rng(5)
    for seed in range(30):
        frames, caused = cohort_of(60 + 5 * seed, seed)
        caused = caused[rng.random(len(caused)) < 0.9]
        for row in shown(
            multistate.incidence(caused, "arm", ["liver"], [12, 24]), "cumulative_incidence"
        ).to_dict("records"):
            if row["model"] != "aalen-johansen" or not math.isfinite(row["estimate"]):
                continue
            part = caused[caused["arm"] == row["group"][4:]]
            by = part["time"] <= row["time"]
            had = int((by & part["cause"].eq("liver")).sum())
            censored = int((by & ~part["event"]).sum())
            share = len(part) * row["estimate"] / 100
            assert had <= share + 1e-6 and share - had <= censored + 1e-6


def test_every_statistic_of_the_chapter_has_a_rule_or_is_not_shown(computed):
    _, _, parts = computed
    told = {
        s
        for name in ("balance", "weighted", "incidence", "rates", "periods")
        for s in parts[name]["statistic"]
    }
    assert told - set(chapter._HANDLERS) == {"flag", "max_weight", "n", "reference"}
    assert estimates.MAYBE
