"""Disclosure control: the rules by hand, the gate, the attack, and whole safe reports."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pandas as pd
import pytest

from crlm import (
    baseline,
    categories,
    causal,
    cohort,
    endpoints,
    files,
    ledger,
    numbers,
    privacy,
    regression,
    survival,
)
from crlm.ledger import vocabulary
from crlm.paper import subgroups
from crlm.paper.chapter import asking
from crlm.privacy import attack, continuous, counts, curves, models, quantities, wording
from crlm.report import figures, manuscript
from tests import cells

STUDIES = ("ncch_scp", "mskcc_hai")
QUICK = {**cells.QUICK, "specifications": 25}


def mask(*places, n=60):
    found = np.zeros(n, dtype=bool)
    found[list(places)] = True
    return found


# ---- a number with a text -------------------------------------------------------


def test_a_shown_number_computes_as_it_is_and_prints_as_it_says():
    few = numbers.Shown(2.0, "<5")
    assert few + 1 == 3 and 1 - few == -1 and few < 2.5 and max(few, 1.0) is few
    assert numbers.number(few, 0) == numbers.short(few) == f"{few:.0f}" == "<5"
    frame = pd.DataFrame({"estimate": pd.Series([few, 7.0], dtype=object)})
    assert numbers.number(frame.to_dict("records")[0]["estimate"]) == "<5"
    assert frame.to_csv(index=False).split() == ["estimate", "2.0", "7.0"]
    assert float(frame["estimate"].astype(float).sum()) == 9


# ---- bands and rests ------------------------------------------------------------


@pytest.mark.parametrize(
    ("true", "shown", "text"),
    [(0, 2, "<5"), (4, 2, "<5"), (5, 7, "7"), (9, 7, "7"), (63, 62, "62")],
)
def test_a_band_by_hand(true, shown, text):
    count = counts.Register(5).band(true, "x")
    assert (count.shown, count.text) == (shown, text)
    assert count.low <= true <= count.high


def test_all_but_the_largest_are_banded_and_the_largest_is_the_rest():
    register = counts.Register(5)
    whole = mask(*range(60))
    parts = [mask(*range(3)), mask(*range(3, 21)), mask(*range(21, 60))]
    found = register.split(whole, register.exact(60), parts, ["a", "b", "c"])
    assert [count.shown for count in found] == [2, 17, 41]
    assert [count.note for count in found] == ["band of 5", "band of 5", "rest"]
    again = register.split(whole, register.exact(60), parts[::-1], ["c", "b", "a"])
    assert [count.text for count in again] == ["41", "17", "<5"]


def test_a_whole_of_fewer_than_two_k_is_not_split():
    register = counts.Register(5)
    found = register.split(
        mask(*range(9)), register.band(9, "w"), [mask(0), mask(*range(1, 9))], "ab"
    )
    assert all(count.hidden and count.text == "–" for count in found)


def test_a_sum_of_small_parts_has_an_upper_end_alone():
    register = counts.Register(5)
    total = register.sum(3, [register.band(1, "a"), register.band(2, "b")])
    assert total.text == "<9" and total.shown == 4


def test_a_finer_split_keeps_the_coarse_number_and_copies_what_is_the_same():
    register = counts.Register(5)
    wild, mutant = mask(*range(36)), mask(*range(36, 60))
    one, two = register.split(wild | mutant, register.exact(60), [wild, mutant], ["r=w", "r=m"])
    codons = [wild, mask(*range(36, 52)), mask(*range(52, 60))]
    found = register.split(wild | mutant, register.exact(60), codons, ["c=w", "c=12", "c=13"])
    assert found[0].shown == one.shown and found[0].again
    assert found[1].shown + found[2].shown == two.shown


def test_nearly_the_same_patients_of_one_name_have_one_number():
    register = counts.Register(5)
    first = register.keep(mask(*range(20)), register.band(20, "x"), "sex=male")
    copied = register.known(mask(*range(18)), "sex=male")
    assert copied.shown == first.shown and copied.note == "of nearly the same patients"
    assert register.known(mask(*range(18)), "sex=female") is None


def test_events_are_banded_on_the_side_that_has_fewer():
    register = counts.Register(5)
    had, without = mask(*range(17)), mask(*range(17, 20))
    count = register.side(had, without, register.exact(20), "x")
    assert count.shown == 18 and count.note == "the others between 0 and 4"


def test_k_below_three_protects_nobody():
    with pytest.raises(ledger.ParameterError, match="3 or more"):
        privacy.Release(2)


# ---- measurements and curves ----------------------------------------------------


def test_a_median_is_the_mean_of_k_patients_and_an_odd_one_out_moves_it_little():
    values = np.arange(1.0, 22.0)
    assert continuous.quantile(values, 0.5, 5) == 11
    assert math.isnan(continuous.quantile(values[:19], 0.5, 5))
    assert continuous.quantile(np.r_[values[:-1], 1e9], 0.5, 5) == 11
    assert math.isnan(continuous.mean(np.r_[np.ones(20), 1e6], 5))


def timed(times, events):
    frame = {"time": np.asarray(times, float), "event": np.asarray(events, bool), "endpoint": "OS"}
    return pd.DataFrame(frame)


def test_a_knot_needs_k_events_and_k_patients_at_risk_after_it():
    frame = timed(np.arange(1.0, 41.0) - 0.5, np.ones(40))
    steps = curves.Steps.of(frame, "plain")
    found = curves.knots(steps, 5)
    assert found == [0, 5, 10, 15, 20, 25, 30, 35]
    drawn = curves.curve(steps, 40, 5)
    assert drawn["survival"].tolist() == [1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    assert curves.knots(curves.Steps.of(frame.head(19), "plain"), 5) == []
    assert curves.curve(steps, 37, 5)["survival"].iloc[0] == 1


def test_a_rate_stands_on_the_grid_and_its_limits_go_outward():
    frame = timed(np.arange(1.0, 51.0), np.arange(50) % 2 == 0)
    steps = curves.Steps.of(frame, "plain")
    exact, low, high = steps.at(24.0)
    shown = curves.rate(steps, 24.0, 47, 5)
    grid = 100 * 5 / 47
    assert abs(float(shown["estimate"]) - 100 * exact) <= grid / 2 + 0.5
    assert float(shown["conf_low"]) <= 100 * low + 0.5
    assert float(shown["conf_high"]) >= 100 * high - 0.5
    assert math.isnan(curves.rate(steps, 60.0, 47, 5)["estimate"])


# ---- words ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("Cox, Efron ties; complete cases: 671 of 674 patients", "Cox, Efron ties; complete cases"),
        ("log-rank test, 1 df", "log-rank test, 1 df"),
        (
            "to 43.2 months, the end of follow-up of ras=mutant",
            "the end of follow-up of ras=mutant",
        ),
        ("Fisher's exact test (3 of 150 patients came late)", ""),
        ("univariable p not below 0.1", "univariable p not below 0.1"),
    ],
)
def test_a_method_loses_numbers_of_patients_and_keeps_conventions(told, kept):
    assert wording.method(told) == kept


# ---- the attack -----------------------------------------------------------------


def rows_of(*records):
    base = {"covariate": "sex", "statistic": "n"}
    return ledger.rows([{**base, **record} for record in records])


def test_the_attack_finds_a_number_that_a_subtraction_gives_away():
    """Total and one group exact, the other suppressed: the oldest hole there is."""
    shown = rows_of(
        {"covariate": "", "group": "all", "estimate": 40, "method": ""},
        {"covariate": "", "group": "g=a", "estimate": 37, "method": ""},
        {"covariate": "", "group": "g=b", "estimate": math.nan, "method": "hidden (<5)"},
    )
    truth = {frozenset(): 40, frozenset({"g=a"}): 37, frozenset({"g=b"}): 3, frozenset({"g=?"}): 0}
    trial = attack.Attack(5, lambda u: float(truth[u.conditions]))
    found = {one.terms[0][0].conditions: one for one in trial.ranges(quantities.of(shown, 5))}
    assert found[frozenset({"g=b"})].values < 5


def narrow_of(shown, truth):
    trial = attack.Attack(5, lambda u: float(truth(u)))
    return {one.terms[0][0] for one in trial.ranges(quantities.of(shown, 5)) if one.values < 5}


def test_the_attack_asks_after_cells_that_no_table_has_named_yet():
    """Of two crossed columns one cell gives away the one across; later no band would mend it."""
    counted = [("", "all", 100), ("", "hai=yes", 50), ("", "kras=wild", 60)]
    shown = rows_of(
        *[{"covariate": c, "group": g, "estimate": n, "method": ""} for c, g, n in counted],
        {"covariate": "hai", "level": "no", "estimate": 50, "method": ""},
        {"covariate": "kras", "level": "mutant", "estimate": 40, "method": ""},
        {"covariate": "kras", "level": "wild", "group": "hai=yes", "estimate": 12, "method": ""},
    )
    sizes = {"hai=yes": 50, "hai=no": 50, "kras=wild": 60, "kras=mutant": 40}
    crossed = {"wild,yes": 12, "mutant,yes": 38, "wild,no": 48, "mutant,no": 2}

    def truth(unknown):
        levels = dict(part.split("=") for part in unknown.conditions)
        if "?" in levels.values():
            return 0
        if len(levels) == 2:
            return crossed[f"{levels['kras']},{levels['hai']}"]
        return sizes[next(iter(unknown.conditions))] if levels else 100

    across = quantities.Unknown("n", "", frozenset({"kras=mutant", "hai=no"}))
    assert across in narrow_of(shown, truth)


def test_the_attack_knows_that_two_endpoints_have_the_same_patients():
    """As many as OS leaves cap those of RFS, whose events a ratio has told."""
    other = {"covariate": "", "group": "codon=other", "events": math.nan}
    shown = rows_of(
        {"covariate": "", "group": "all", "estimate": 400, "method": ""},
        {"covariate": "", "endpoint": "OS", "group": "all", "estimate": 400, "method": ""},
        {**other, "endpoint": "OS", "estimate": 44, "method": "between 42 and 46"},
        {**other, "endpoint": "RFS", "estimate": 47, "method": "band of 5", "events": 44.0},
    )
    sizes = {"other": 46, "?": 354}

    def truth(unknown):
        level = next(iter(unknown.conditions)).partition("=")[2] if unknown.conditions else ""
        events = {"other": 44, "?": 300, "": 344}
        return events[level] if unknown.kind == "d" else sizes.get(level, 400)

    shown["method"] = shown["method"].where(shown["endpoint"] != "RFS", "band of 5; events: ")
    told = quantities.Unknown("n", "RFS", frozenset({"codon=other"}))
    assert told in narrow_of(shown, truth)


def test_the_attack_says_so_where_the_truth_does_not_fit():
    shown = rows_of({"level": "male", "estimate": 7.0, "method": "band of 5"})
    trial = attack.Attack(5, lambda _: 12.0)
    with pytest.raises(attack.TruthOutside):
        trial.ranges(quantities.of(shown, 5))


def test_a_level_that_is_told_before_the_others_is_not_all_of_its_column():
    """The first row of a forest within a column of no table ended the safe report."""
    every = {"covariate": "", "group": "all", "method": ""}
    shown = rows_of({**every, "estimate": 40}, {**every, "population": "g=a", "estimate": 25})
    truth = {frozenset(): 40, frozenset({"g=a"}): 25, frozenset({"g=b"}): 15}
    trial = attack.Attack(5, lambda u: float(truth.get(u.conditions, 0)))
    with pytest.raises(attack.TruthOutside):
        trial.ranges(quantities.of(shown, 5))
    assert not trial.ranges(quantities.of(shown, 5, levels={"g": ["a", "b"]}))


def test_the_attack_knows_that_a_table_without_unknown_has_none():
    """Of three columns crossed by a forest the ninth cell gave away those across a fourth."""
    three = {"covariate": "", "population": "sex=male,stage=high", "group": "ras=mutant"}
    shown = rows_of(
        {"level": "male", "covariate": "sex", "group": "stage=high", "estimate": 7.0},
        {"level": "high", "covariate": "stage", "group": "ras=wild", "estimate": 2.0},
        {**three, "estimate": 2.0},
    ).assign(method="band of 5")
    count = {"sex=male stage=high": 5, "ras=wild stage=high": 4, "ras=mutant stage=high": 3}
    count |= {"ras=mutant sex=male stage=high": 3, "ras=wild sex=male stage=high": 2}
    count |= {"ras=wild sex=female stage=high": 2, "sex=female stage=high": 2, "stage=high": 7}
    count |= {"": 90, "ras=mutant": 40, "ras=wild": 50, "sex=male": 48, "sex=female": 42}

    def truth(unknown):
        if any(part.endswith("=?") for part in unknown.conditions):
            return 0
        return count.get(" ".join(sorted(unknown.conditions)), math.nan)

    levels = {"sex": ["male", "female"], "ras": ["wild", "mutant"], "stage": ["low", "high"]}
    asked = quantities.Unknown("n", "", frozenset({"ras=wild", "stage=high"}))
    for complete, narrow in ((levels, True), ((), False)):
        known = quantities.of(shown, 5, levels=levels, complete=complete)
        found = attack.Attack(5, truth).ranges(known)
        values = {one.terms: one.values for one in found}
        assert (values[((asked, 1),)] < 5) is narrow


def test_a_rest_is_the_largest_of_the_split_that_left_it():
    """A report whose forest lay within other patients was not written ("a fault")."""
    cell = {"covariate": "", "statistic": "n"}
    told = [("sex=male", "wild", "rest"), ("sex=male", "mutant", "band of 5")]
    told += [("sex=female", "wild", "band of 5"), ("sex=female", "mutant", "rest")]
    cells = [{**cell, "population": s, "group": f"ras={r}", "method": m} for s, r, m in told]
    found = quantities.of(rows_of(*[{**one, "estimate": 12.0} for one in cells]), 5)
    pairs = [
        {next(iter(u.conditions - {"sex=male", "sex=female"})) for u, _ in one.terms}
        for one in found.equations
        if one.why == "as a rule"
    ]
    assert pairs == [{"ras=wild", "ras=mutant"}] * 2


def test_the_attack_knows_the_number_included_without_any_table():
    steps = {"start": 63.0, "met_excluded": 2.0, "met": 60.0}
    flow = [{"covariate": "flow", "level": level, "estimate": n} for level, n in steps.items()]
    known = quantities.of(rows_of(*flow).assign(method="band of 5"), 5).equations
    exact = [(one.low, one.high) for one in known if one.why == "exact"]
    assert exact == [(60.0, 60.0)]


def test_the_attack_asks_after_those_of_unknown_group_who_leave():
    at = {"covariate": "", "endpoint": "OS", "statistic": "n_at_risk", "method": "band of 5"}
    shown = rows_of(
        *[{**at, "group": "ras=wild", "time": month, "estimate": 12.0} for month in (0, 12)]
    )
    falls = [one.terms for one in quantities.of(shown, 5).equations if "falls" in one.why]
    lost = frozenset({"ras=?"})
    assert any({unknown.conditions for unknown, _ in terms} == {lost} for terms in falls)


# ---- the gate -------------------------------------------------------------------


def frames_of(study):
    design = ledger.load_design(study)
    patients = cohort.load(design.folder / "cohort.csv", design)
    history = cohort.load_history(design.folder / "history.csv", design)
    return design, endpoints.frames(endpoints.timed(patients, history, design), design)


@pytest.fixture(scope="module")
def ncch():
    return frames_of("ncch_scp")


def entered_late(frames, seed=3):
    """A third of the patients under observation some months after the operation."""
    rng = np.random.default_rng(seed)
    first = pd.concat([one["time"] for one in frames.values() if "time" in one])
    first = first.groupby(level=0).min().reindex(frames["patients"].index)
    entry = (first * rng.uniform(0, 0.9, len(first))).where(rng.random(len(first)) < 1 / 3, 0.0)
    return {
        name: one.assign(entry=entry[one.index]) if "time" in one else one
        for name, one in frames.items()
    }


def test_numbers_at_risk_of_patients_who_entered_late_fit_the_attack(ncch):
    """Numbers at risk rise and fall then; the attack said that the program was at fault."""
    _, frames = ncch
    frames = entered_late({name: frames[name] for name in ("patients", "OS")})
    release = privacy.Release(5)
    release.endpoints(frames)
    months = range(0, 61, 12)
    told = survival.risk_table(frames["OS"], "ras", months)
    shown = release.rows(told)
    here = told["statistic"] == "n_at_risk"
    first = told[here & (told["time"] == 0)]
    assert (first["estimate"] > 0).all() and (first["estimate"] < first["n"]).all()
    assert shown[here]["estimate"].notna().sum() > 8
    release.close()
    for row, plain in zip(shown.to_dict("records"), told.to_dict("records"), strict=True):
        (unknown, _), *_ = quantities._named(plain)
        assert release.truth(unknown) == plain["estimate"], row
    known = quantities.of(release.released, 5).equations
    assert not any(one.why in ("at the beginning", "at risk falls") for one in known)


def test_without_safe_the_gate_gives_back_the_very_frame(ncch):
    design, frames = ncch
    release = privacy.Release(0)
    rows = survival.summary(frames["OS"], "ras", times=[60])
    assert release.rows(rows) is rows
    made = survival.curve(frames["OS"], "ras")
    assert release.curve(made, "OS", "ras") is made


def test_a_row_of_an_unknown_kind_is_not_let_through(ncch):
    _, frames = ncch
    release = privacy.Release(5)
    release.endpoints(frames)
    row = {
        "statistic": "optimism",
        "model": "something new",
        "estimate": 0.123,
        "n": 3,
        "events": 1,
    }
    odd = release.rows(ledger.rows([{**row, "endpoint": "OS", "method": "3 patients"}])).iloc[0]
    assert odd[["estimate", "conf_low", "n", "events"]].isna().all()
    assert odd["method"] == "hidden (<5)"


def test_extremes_of_a_table_are_not_shown(ncch):
    design, frames = ncch
    release = privacy.Release(5)
    release.endpoints(frames)
    made = release.rows(baseline.table_one(frames["patients"], "ras", ["age"], spread="both"))
    assert {"median", "q1", "q3"} <= set(made["statistic"])
    assert not {"min", "max"} & set(made["statistic"])


def test_each_table_of_one_call_counts_its_own_patients(ncch):
    """Sizes of a forest's levels were all those of its first; such a report was not written."""
    _, frames = ncch
    frame = frames["OS"]
    parts = []
    for level in ("male", "female"):
        part = frame[(frame["sex"] == level).to_numpy(dtype=bool, na_value=False)]
        parts.append(subgroups._sizes(part, "ras", f"sex={level}", "OS"))
    part = frames["patients"][(frames["patients"]["t_stage"] == "T3-4").to_numpy(dtype=bool)]
    parts.append(baseline.describe(part, ["sex"], population="t_stage=T3-4"))
    parts.append(baseline.describe(part.iloc[:0], ["sex"], population="t_stage=T4"))
    told = pd.concat(parts, ignore_index=True)
    release = privacy.Release(5)
    release.endpoints(frames)
    shown = release.rows(told)
    here = (told["statistic"] == "n").to_numpy()
    assert here.sum() == 8 and shown[here]["estimate"].notna().all()
    assert (shown[here]["estimate"].astype(float) - told[here]["estimate"]).abs().max() <= 5
    release.close()


@pytest.mark.parametrize(
    ("test", "method"),
    [
        ("trend", "Mantel-Haenszel test for trend"),
        ("cochran-armitage", "Cochran-Armitage test for trend"),
        ("mann-whitney", "Mann-Whitney U test of the levels"),
        ("kruskal", "Kruskal-Wallis test of the levels"),
    ],
)
def test_a_trend_in_a_safe_table_is_that_of_the_counts_it_shows(ncch, test, method):
    _, frames = ncch
    thirds = pd.qcut(frames["patients"]["age"], 3, labels=["low", "mid", "high"])
    patients = frames["patients"].assign(thirds=thirds)
    release = privacy.Release(5)
    release.endpoints({**frames, "patients": patients})
    rows = baseline.table_one(patients, "ras", ["thirds"], tests={"thirds": test})
    made = release.rows(rows).set_index(["statistic", "group", "level"])
    groups = ("ras=wild", "ras=mutant")
    shown = [[made.loc["n", g, t]["estimate"] for t in ("low", "mid", "high")] for g in groups]
    array = np.array([[round(float(count)) for count in line] for line in shown])
    want = next(categories.tests_of_counts(array, ["low", "mid", "high"], test))
    assert made.loc["p", "ras", ""]["estimate"] == pytest.approx(want["estimate"], rel=0.05)
    assert method in made.loc["p", "ras", ""]["method"]


def test_a_ratio_per_level_is_shown_where_each_level_may_be(ncch):
    """Its number has few values: once it stood beside a level of three whose ratio was hidden."""
    _, frames = ncch
    frame = frames["OS"].copy()
    few = frame.index[frame["event"]][:3]
    thirds = pd.qcut(frame["age"], 3, labels=["low", "mid", "high"])
    for top in (few, few[:0]):
        stage = pd.Series(thirds.astype(object).mask(frame.index.isin(top), "top"), frame.index)
        levels = ["low", "mid", "high", "top"] if len(top) else ["low", "mid", "high"]
        category = pd.Categorical(stage, categories=levels)
        inside = frame.assign(stage=category, stage_trend=category.codes.astype(float))
        patients = frames["patients"].assign(stage=category, stage_trend=inside["stage_trend"])
        release = privacy.Release(5)
        release.endpoints({**frames, "patients": patients, "OS": inside})
        made = release.rows(regression.univariable(inside, ["stage_trend"]))
        ratio = made[made["statistic"] == "hazard_ratio"]["estimate"].iloc[0]
        assert math.isnan(ratio) == bool(len(top))


def test_a_ratio_with_few_events_in_a_level_is_not_shown(ncch):
    _, frames = ncch
    frame = frames["OS"].copy()
    few = frame.index[frame["event"]][:3]
    frame["rare"] = pd.Categorical(np.where(frame.index.isin(few), "yes", "no"))
    patients = frames["patients"].assign(rare=frame["rare"])
    release = privacy.Release(5)
    release.endpoints({**frames, "patients": patients, "OS": frame})
    made = release.rows(regression.univariable(frame, ["rare", "ras"]))
    ratios = made[made["statistic"] == "hazard_ratio"].set_index("covariate")
    assert math.isnan(ratios.loc["rare", "estimate"])
    assert ratios.loc["rare", "method"] == "not shown: fewer than 5"
    assert ratios.loc["ras", "estimate"] > 1


def test_levels_drawn_together_are_shown_where_every_level_has_enough(ncch):
    _, frames = ncch
    frame = frames["OS"]
    release = privacy.Release(5)
    release.endpoints(frames)
    alone = release.rows(regression.univariable(frame, ["kras_codon"]))
    made = release.rows(regression.pooled_levels(frame, "kras_codon"))
    assert {"chi_square", "p", "hazard_ratio"} <= set(made["statistic"])
    hidden = made[made["statistic"].isin(["chi_square", "p", "hazard_ratio"])]
    shown = alone.loc[alone["statistic"] == "hazard_ratio", "estimate"].notna().all()
    ratios = hidden[hidden["statistic"] == "hazard_ratio"]
    assert ratios["estimate"].notna().all() == shown
    assert hidden.loc[hidden["statistic"] == "chi_square", "estimate"].isna().all()
    for k, visible in ((3, True), (11, False)):
        other = privacy.Release(k)
        other.endpoints(frames)
        made = other.rows(regression.pooled_levels(frame, "kras_codon"))
        told = made[made["statistic"].isin(["hazard_ratio", "p"])]
        assert told["estimate"].notna().all() == visible
        assert told["estimate"].notna().any() == visible


@pytest.mark.parametrize("k", [3, 5])
def test_levels_drawn_together_are_drawn_where_their_counts_have_texts(ncch, k):
    design, frames = ncch
    frame, patients = frames["OS"].copy(), frames["patients"].copy()
    patients.loc[frame.index[:20], "kras_codon"] = pd.NA
    frame.loc[frame.index[:20], "kras_codon"] = pd.NA
    release = privacy.Release(k)
    release.endpoints({"patients": patients, "OS": frame})
    made = release.rows(regression.pooled_levels(frame, "kras_codon"))
    assert any(isinstance(value, numbers.Shown) for value in made["estimate"])
    ratios = made[made["statistic"] == "hazard_ratio"]
    drawn = ratios["model"] == "partial pooling"
    picture = figures.drawn_together(ratios[~drawn], ratios[drawn], design, title="t")
    shown = ratios["estimate"].notna().all()
    assert (picture is not None) == shown and "– of –" not in (picture.alt if picture else "")


def test_a_joint_model_tells_no_size_of_other_patients(ncch):
    """Its complete cases are fewer than all, and were told as if they were all."""
    _, frames = ncch
    frame = frames["OS"].copy()
    frame.loc[frame.index[:20], "margin"] = pd.NA
    release = privacy.Release(5)
    release.endpoints({**frames, "OS": frame})
    made = release.rows(regression.cox(frame, ["ras", "margin"], model="multivariable"))
    assert made[["n", "events"]].isna().all(axis=None)
    assert made.loc[made["statistic"] == "n", "estimate"].isna().all()


@pytest.mark.parametrize(
    ("cells", "shown"),
    [
        # Patients and events of each cell of the two crossed factors.
        ({"aa": (40, 20), "ab": (40, 15), "ba": (30, 12), "bb": (25, 9)}, True),
        ({"aa": (40, 20), "ab": (40, 15), "ba": (30, 12), "bb": (25, 4)}, False),
        ({"aa": (40, 20), "ab": (40, 15), "ba": (30, 12), "bb": (12, 8)}, False),
        ({"aa": (40, 20), "ab": (40, 15), "ba": (30, 12)}, False),
    ],
)
def test_a_model_with_a_product_is_shown_where_each_cell_has_enough(cells, shown):
    """Once every such model was hidden; a product is of the cells of its crossed levels."""
    assert models._joint(_crossed(cells), "x:y", 5) == shown
    frame = _crossed(cells)
    release = privacy.Release(5)
    release.endpoints({"patients": frame.drop(columns=["time", "event"]), "OS": frame})
    asked = {"model": "multivariable", "products": [("x", "y")]}
    made = release.rows(regression.cox(frame, ["x", "y"], **asked))
    ratios = made[made["statistic"] == "hazard_ratio"]["estimate"]
    assert (ratios.notna().all() if shown else ratios.isna().all()) and len(ratios)
    assert made["n"].isna().all()


def test_a_product_is_counted_among_those_whose_model_it_is():
    """Patients whose other covariates are unknown are not in the model."""
    frame = _crossed({"aa": (40, 20), "ab": (40, 15), "ba": (30, 12), "bb": (25, 9)})
    frame["z"] = np.where((frame["x"] == "b") & (frame["y"] == "b"), np.nan, np.arange(len(frame)))
    release = privacy.Release(5)
    release.endpoints({"patients": frame.drop(columns=["time", "event"]), "OS": frame})
    asked = {"model": "multivariable", "products": [("x", "y")]}
    made = release.rows(regression.cox(frame, ["x", "y", "z"], **asked))
    assert made.loc[made["statistic"] == "hazard_ratio", "estimate"].isna().all()


def test_slopes_of_a_number_need_the_events_of_a_number_in_each_level():
    frame = _crossed({"aa": (40, 20), "ba": (30, 9)}).assign(z=lambda found: found.index * 1.0)
    assert not models._joint(frame, "x:z", 5) and models._joint(frame[frame["x"] == "a"], "x:z", 5)


def test_a_ratio_per_sd_is_hidden_where_one_patient_makes_the_sd():
    plain = pd.Series(np.arange(60.0))
    lonely = plain.mask(plain == 59, 9000.0)
    assert not models._shows_an_outlier(plain / plain.std())
    assert models._shows_an_outlier(lonely / lonely.std())
    assert not models._shows_an_outlier(lonely)


def _crossed(cells):
    """A frame with so many patients and events in each cell of x and y."""
    rows = [(*cell, at < d) for cell, (n, d) in cells.items() for at in range(n)]
    frame = pd.DataFrame(rows, columns=["x", "y", "event"])
    times = np.random.default_rng(3).permutation(len(frame)) + 1.0
    kinds = {name: pd.Categorical(frame[name], categories=["a", "b"]) for name in ("x", "y")}
    return frame.assign(time=times, endpoint="OS", **kinds)


def test_an_e_value_is_made_of_a_released_ratio(ncch):
    _, frames = ncch
    release = privacy.Release(5)
    release.endpoints(frames)
    ratios = release.rows(regression.cox(frames["OS"], ["ras"], model="multivariable"))
    made = release.rows(causal.e_values(ratios, common=True))
    assert made["estimate"].notna().all() and made["n"].isna().all()
    assert release.state.fine["OS", "all", "multivariable", "ras"]


def test_a_quantity_that_two_tables_tell_differently_is_told_once():
    """Hidden where it is a part, a band where it stands alone: no report may end over that."""
    n = {"statistic": "n", "unit": "patients"}
    hidden = {**n, "covariate": "a", "method": "hidden (<5)"}
    band = {**n, "covariate": "a", "estimate": 7.0, "method": "band of 5"}
    total = {**n, "covariate": "b", "estimate": 8.0, "method": "sum of bands (<15)"}
    narrow = {**n, "covariate": "b", "estimate": 4.0, "method": "band of 8"}
    exact = {**n, "covariate": "c", "estimate": 60.0}
    parts = [ledger.rows([hidden, total, exact]), ledger.rows([]), ledger.rows([band, narrow])]
    found = ledger.collect([privacy.plainest(parts)])
    assert found["covariate"].tolist() == ["c", "a", "b"]
    assert found["estimate"].tolist() == [60.0, 7.0, 4.0]
    with pytest.raises(ledger.LedgerError):
        ledger.collect(parts)


# ---- whole reports --------------------------------------------------------------


@pytest.fixture(scope="module", params=STUDIES)
def safe(request, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    drawn = tmp_path_factory.mktemp(request.param)
    order = {"folder": str(drawn), "kinds": ["svg"], "dpi": 72, "columns": 2}
    patch.setenv("CRLM_FIGURES", json.dumps(order))
    # What a PDF costs are its fonts, and these hang on no patient.
    vectors = {kind: told for kind, told in figures.journal._VECTORS.items() if kind == "svg"}
    patch.setattr(figures.journal, "_VECTORS", vectors)
    namespace, shown = cells.execute(request.param, patch, safe=5, **QUICK)
    patch.undo()
    shown.drawn = drawn
    return namespace["paper"], shown


def test_a_safe_report_says_so_first_and_keeps_what_it_promises(safe):
    paper, shown = safe
    first = next(line for line in shown.text.splitlines() if line.strip())
    assert first.startswith("Numbers of fewer than 5 patients are hidden (--safe 5)")
    trial = attack.Attack(5, paper.release.truth)
    found = trial.ranges(quantities.of(paper.release.released, 5, paper.release.nested))
    assert len(found) > 50
    assert min(one.values for one in found) >= 5


def test_a_safe_report_prints_no_small_count(safe):
    paper, _ = safe
    rows = paper.results
    counted = rows[rows["statistic"].isin(["n", "missing", "n_at_risk"])]
    counted = counted[~counted["model"].str.contains("specification|bootstrap")]
    small = counted[counted["estimate"].astype(float).between(1, 4)]
    claims = paper.verdicts[paper.verdicts["statistic"].isin(["n", "missing", "n_at_risk"])]
    claims = claims[claims["computed"].astype(float).between(1, 4)]
    assert set(map(numbers.number, claims["computed"])) <= {"<5", "<9"}
    assert len(claims) or paper.study == "mskcc_hai"
    assert len(small) and set(map(numbers.number, small["estimate"])) <= {"<5", "<9"}
    assert (
        rows.loc[rows["statistic"].isin(["min_follow_up", "max_follow_up"]), "estimate"]
        .isna()
        .all()
    )


def test_every_number_of_a_safe_reports_tables_is_that_of_a_row(safe):
    """What a table prints as a count is a count of the rows, with its text."""
    paper, shown = safe
    texts = {numbers.number(v, 0) for n in ("estimate", "n", "events") for v in paper.results[n]}
    texts |= {
        numbers.number(v, 0) for row in paper.release.released for v in (row["n"], row["events"])
    }
    lines = [
        line for line in shown.text.splitlines() if re.search(r"^[A-Z].* \| .*\d \(\d+ %\)", line)
    ]
    assert len(lines) > 20
    for line in lines:
        for count in re.findall(r"\| (<?[\d,]+) \(<?\d+ %\)", line):
            assert count in texts, line


def test_curves_of_a_safe_report_never_move_for_fewer_than_k_events(safe):
    paper, _ = safe
    exposure = paper.design.exposure
    for name in paper.design.main:
        frame = paper.frames[name]
        exact = survival.curve(frame, exposure)
        drawn = paper.release.curve(exact, name, exposure)
        assert list(drawn["group"].unique()) == list(exact["group"].unique())
        for group, part in drawn.groupby("group"):
            inside = frame[frame[exposure] == group.partition("=")[2]]
            times = inside.loc[inside["event"], "time"].to_numpy()
            for start, end in zip(part["time"], part["time"].iloc[1:], strict=False):
                assert ((times > start) & (times <= end)).sum() >= 5


def test_files_beside_safe_figures_hold_released_numbers_of_patients_alone(safe):
    paper, shown = safe
    sizes = ("estimate", "n", "events")
    known = {numbers.number(row[name], 0) for row in paper.release.released for name in sizes}
    drawn = [pd.read_csv(path, dtype=str) for path in sorted(shown.drawn.glob("*.csv"))]
    assert len(drawn) > 10
    for frame in drawn:
        for name in {"n", "events", "n_at_risk", "n_events", "n_censored"} & set(frame):
            found = set(frame[name].dropna().str.removesuffix(".0"))
            assert found <= known | {"0"}, name
            assert not found & {"1", "2", "3", "4"} or name == "n", name


def test_models_of_a_safe_curve_of_choices_are_drawn_without_sizes_and_extremes(safe):
    paper, shown = safe
    rows = paper.results
    rows = rows[rows["model"].str.startswith("specification curve")].set_index("statistic")
    files = [pd.read_csv(path) for path in sorted(shown.drawn.glob("*.csv"))]
    files = [frame for frame in files if "adjusters" in frame]
    assert len(files) > 0
    for frame in files:
        assert not {"n", "events"} & set(frame)
        # The rows have three digits.
        ends = rows[rows["endpoint"] == frame["endpoint"].iloc[0]]["estimate"].astype(float)
        assert frame["hazard_ratio"].min() >= 0.994 * ends["min"]
        assert frame["hazard_ratio"].max() <= 1.006 * ends["max"]


def test_a_safe_report_tells_no_checksum_of_its_patients(safe):
    paper, shown = safe
    digest = files.checksum(paper.design.folder / "cohort.csv")
    assert digest[:8] not in shown.text and "SHA-256" in shown.text
    cited = manuscript.citations(manuscript.Done(paper.design, paper.results), paper.source)
    assert not any("SHA-256" in text for text in cited)


def test_a_safe_report_gives_no_verdict_on_what_it_hides(safe):
    _, shown = safe
    assert not re.search(r"\bp = –|ratio of the two hazard ratios –|rate –|OS –", shown.text)
    assert "0 flags are raised" not in shown.text and "answered: a safe report" in shown.text


def test_no_sentence_of_a_safe_report_tests_banded_counts(safe):
    _, shown = safe
    assert not re.search(r"characteristics?\b.* differs?\b.* at p < 0\.05", shown.text)


def test_an_entry_that_is_left_out_says_so_in_one_line(safe):
    _, shown = safe
    lines = shown.text.splitlines()
    for entry in ("small samples", "visit grid", "missing values"):
        assert sum(f"{entry}, with --safe" in line for line in lines) == 1
    assert not any("Not asked here: nothing to compare" in line for line in lines)


def test_an_entry_of_the_chapter_that_is_not_known_to_be_safe_is_left_out(safe, capsys):
    paper, _ = safe
    assert not paper.asked("something new", paper.design.exposure)
    assert "Not shown: something new, with --safe." in capsys.readouterr().out


# ---- batches --------------------------------------------------------------------


def test_choices_that_move_a_few_patients_are_refused_before_anything_starts():
    notebook = cells.ROOT / "notebooks" / "ncch_scp.ipynb"
    base = {"safe": 5, "cea_cutoff": 100.0, "short_scp_months": 12.0}
    design = ledger.load_design("ncch_scp")
    patients = cohort.load(design.folder / "cohort.csv", design)
    inside = patients[cohort.eligibility(patients, design).all(axis=1)]
    values = np.sort(inside["cea"].dropna())
    near = float(values[values > 100][1])
    runs = [("ncch_scp", notebook, base), ("ncch_scp", notebook, {**base, "cea_cutoff": near})]
    with pytest.raises(ledger.ParameterError, match="differ by fewer than 5 patients; keep one"):
        privacy.refuse_close(runs)
    far = {**base, "cea_cutoff": float(np.median(values))}
    privacy.refuse_close([runs[0], ("ncch_scp", notebook, far)])
    privacy.refuse_close([(s, n, {**v, "safe": 0}) for s, n, v in runs])


def test_a_hidden_number_of_a_file_is_no_median_that_is_not_reached():
    for method in ("Kaplan-Meier; hidden (<5)", "not shown: fewer than 5"):
        assert numbers.number(numbers.restored(math.nan, method)) == "not shown"
    assert math.isnan(numbers.restored(math.nan, "Kaplan-Meier"))


@pytest.mark.parametrize(
    ("value", "method", "text"),
    [
        (2.0, "count; band of 5", "<5"),
        (12.0, "count; band of 5", "12"),
        (15.0, "between 10 and 19", "10–19"),
        (4.0, "sum of bands (<9)", "<9"),
        (71.1, "Kaplan-Meier; mean of the 5 event times around it", "71.1"),
        (3.37, "Cox, Efron ties, Wald CI", "3.37"),
    ],
)
def test_a_number_of_a_file_is_printed_as_the_report_prints_it(value, method, text):
    shown = numbers.restored(value, method)
    assert numbers.number(shown, 2 if method.startswith("Cox") else 0) == text


@pytest.mark.parametrize(("value", "decimals"), [(7.25, 1), (62.5, 0), (0.45, 1), (-1.5, 0)])
def test_a_number_has_the_same_digits_in_files_and_in_print(value, decimals):
    shown = continuous.written(value, decimals)
    assert numbers.number(float(shown), decimals) == numbers.number(shown, decimals)
    if not decimals:
        assert numbers.number(float(curves.whole(value)), 0) == numbers.number(value, 0)


# ---- the page -------------------------------------------------------------------


def test_the_page_on_privacy_says_of_every_entry_of_the_chapter_what_becomes_of_it():
    page = (cells.ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| ([a-z ]+) \| (shown|left out): ", page, re.MULTILINE))
    code = [p.read_text("utf-8") for p in (cells.ROOT / "crlm/paper/chapter").glob("*.py")]
    asked = set(re.findall(r"\.asked(?:_of)?\(\s*\"([^\"]+)\"", "".join(code)))
    assert asked == set(told) == set(vocabulary.ENTRIES)
    assert {name for name, what in told.items() if what == "shown"} == asking.RELEASED


def test_the_page_on_privacy_states_what_the_code_does():
    text = (cells.ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    register = counts.Register(5)
    band = register.band(10, "x")
    assert f"{band.text} for {band.low} to {band.high}" in text
    assert f"`{register.band(4, 'y').text}` for 0 to 4" in text
    both = register.sum(2, [register.band(1, "a"), register.band(1, "b")])
    assert f"`{both.text}` if both are `<5`" in text
    assert f"not over after {attack.Attack(5, float).seconds:g} seconds" in text
    assert f"a group of fewer than {counts._SPLIT} K" in text
    assert f"in groups of {4} K or more" in text and math.isnan(
        continuous.quantile(np.arange(19.0), 0.5, 5)
    )
    table = text.partition("## Which K meets which rule")[2]
    listed = re.findall(r"^\| [^|]+ \| [^|]+ \| (\d+) \|", table, re.MULTILINE)
    assert sorted(set(map(int, listed))) == [5, 8, 10, 11]
    for k in set(map(int, listed)):
        assert privacy.Release(k).on
