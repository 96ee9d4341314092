"""What is drawn anew for each cohort of an ensemble: correlations, effects, and the start."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from crlm import ledger
from crlm.reconstruction import between, courses, drawn, effects, legs, procedure, search
from crlm.reconstruction.annealing import attained
from crlm.reconstruction.clocks import clocks_of
from crlm.reconstruction.codes import Course
from crlm.reconstruction.models import levels_of
from crlm.reconstruction.quantity import Quantity
from crlm.reconstruction.targets import Target, goal


@pytest.fixture(scope="module")
def study():
    design = ledger.load_design("mskcc_hai")
    return design, procedure.wishes_of(design), ledger.load_claims("mskcc_hai")


@pytest.fixture(scope="module")
def made(study):
    return search.prepare(*study, seed=1, effort=0.0005, draw=True)


def of_drawn(made, kind="correlation"):
    known = [(k, t) for k, t in enumerate(made.targets) if t.origin == "drawn"]
    return [(k, t) for k, t in known if t.quantity.kind == kind]


def middles(made):
    return {t.quantity.columns: (t.low + t.high) / 2 for _, t in of_drawn(made)}


def test_a_single_search_draws_nothing_and_has_one_start_where_it_is_short(study, made):
    """With one start forecasts were narrower and no nearer: ensembles have three."""
    one = search.prepare(*study, seed=1, effort=0.0005)
    assert not of_drawn(one) and not of_drawn(one, "cox")
    told = [legs.schedule(found, 0.0005)[0].leg.name for found in (one, made)]
    assert told == ["curves", "core 1 of 3"]


def test_each_pair_that_no_claim_is_about_has_one_and_no_other(study, made):
    """Table 1 tells each characteristic by treatment; of the others among each other it is mute."""
    pairs = [{name.partition("=")[0] for name in pair} for pair in middles(made)]
    assert not any("hai" in pair for pair in pairs)
    assert {"age", "size_cm"} in pairs and {"age", "kras"} in pairs
    # A declared range stands in reconstruction.toml; both of one unit change hands together.
    assert {"cea", "size_cm"} not in pairs and {"timing", "dfi_months"} not in pairs
    assert len(set(middles(made))) == len(of_drawn(made))


def test_a_category_of_several_levels_is_drawn_level_by_level():
    design = ledger.load_design("ncch_scp")
    wishes, claims = procedure.wishes_of(design), ledger.load_claims("ncch_scp")
    told = drawn.correlations(search.begin(design, wishes, claims, seed=1))
    codon = {a.partition("=")[2] for a, b in told if a.startswith("kras_codon") and b == "age"}
    assert codon == set(levels_of(design, "kras_codon")[1:])


def test_drawn_correlations_are_no_claims(made):
    worth = made.worth()
    assert of_drawn(made) and not any(worth[k] for k, _ in of_drawn(made))
    assert {made.own_weights()[k] for k, _ in of_drawn(made)} == {0.3}


def test_another_seed_draws_others_around_the_rough_cohorts():
    """400 pairs: a mean of 0.1, a standard deviation of sqrt(0.12² + 1/100) = 0.156."""
    told = [{(f"a{k}", "b"): rough for k in range(400)} for rough in (0.0, 0.1, 0.1, 0.9)]
    one, other = (drawn.targets(told, 100, seed) for seed in (1, 2))
    values = np.array([(t.low + t.high) / 2 for t in one])
    assert values.mean() == pytest.approx(0.1, abs=0.03)
    assert values.std() == pytest.approx(0.156, abs=0.02)
    assert one == drawn.targets(told, 100, 1) and one != other
    strong = drawn.targets([{(f"a{k}", "b"): 0.94 for k in range(400)}], 100, 1)
    assert max((t.low + t.high) / 2 for t in strong) <= 0.95 + 1e-12


def test_a_correlation_is_that_of_the_search(made):
    """The same number as the compiled kernel's, missing values passed over."""
    search.annealing.settle(made)
    told, values = drawn.correlations(made), attained(made, made.state)
    kernel = {t.quantity.columns: values[k] for k, t in of_drawn(made)}
    assert {"cea", "kras"} & {name for pair in kernel for name in pair} == {"cea", "kras"}
    assert {pair: told[pair] for pair in kernel} == pytest.approx(kernel, abs=1e-12)


def test_a_search_follows_what_was_drawn(study):
    """The cohort's correlations go with the drawn ones (0.45); without drawing they do not."""
    made = [search.prepare(*study, seed=2, effort=0.002, draw=draw) for draw in (True, False)]
    aims, found = middles(made[0]), []
    for one in made:
        search.run(one, effort=0.002)
        told = drawn.correlations(one)
        found.append(np.corrcoef(list(aims.values()), [told[pair] for pair in aims])[0, 1])
    assert found[0] > 0.35 and abs(found[1]) < 0.25


def effects_of(made):
    return {
        (t.quantity.endpoint, t.quantity.covariate): (t.low + t.high) / 2
        for _, t in of_drawn(made, "cox")
    }


def without_univariable(study):
    design, wishes, claims = study
    left = claims[claims["model"] != "univariable"]
    known = set(left["id"])
    excluded = {name: why for name, why in wishes["excluded"].items() if name in known}
    return design, {**wishes, "excluded": excluded}, left


def test_each_characteristic_of_which_no_claim_speaks_has_an_effect_and_no_other(study, made):
    """Tables 2 and 3 have age, margin and HAI; of ablation and chemotherapy print is mute."""
    endpoints, names = zip(*effects_of(made), strict=True)
    assert set(endpoints) == {"OS", "RFS"}
    assert {"ablation", "systemic_chemo", "cea"} <= set(names)
    assert not {"age", "margin", "hai", "kras", "n_tumours", "dfi_months"} & set(names)
    alone = search.prepare(*without_univariable(study), seed=1, effort=0.0005, draw=True)
    more = {name for endpoint, name in effects_of(alone) if endpoint == "RFS"} - set(names)
    # Their adjusted ratios speak of HAI and margin still; of the others nothing does.
    assert {"age", "sex", "size_cm", "hai", "margin"} <= more


def test_effects_are_those_of_another_seed_and_as_far_as_the_events_allow(made):
    """z has a standard deviation of sqrt(1 + 0.31² d) where no screen says anything."""
    assert effects.effects(made, 1) == effects.effects(made, 1) != effects.effects(made, 2)
    events = dict(zip(clocks_of(made.design), (made.state.event == 1).sum(axis=1), strict=True))
    found = [t for seed in range(60) for t in effects.effects(made, seed)]
    z = [(t.low + t.high) / 2 / np.sqrt(1 + 0.31**2 * events[t.quantity.endpoint]) for t in found]
    assert len(z) > 500 and np.std(z) == pytest.approx(1, abs=0.1)
    assert np.mean(z) == pytest.approx(0, abs=0.15)


def test_an_effect_lies_within_what_a_screen_says_of_it():
    """RFS of NCCH prints who entered the model: z of the others is under that of p 0.1."""
    design = ledger.load_design("ncch_scp")
    told = design, procedure.wishes_of(design), ledger.load_claims("ncch_scp")
    first = search.begin(*told, seed=1)
    aims = [
        abs(t.low + t.high) / 2
        for seed in range(20)
        for t in effects.effects(first, seed)
        if t.quantity.endpoint == "RFS" and t.quantity.covariate in ("age", "margin")
    ]
    assert len(aims) == 40 and 1.3 < max(aims) < norm.isf(0.05)


def test_effects_lie_about_adjusted_ratios_and_curves_where_print_has_these_alone(study):
    """OS of HAI: 0.53 adjusted; 70 and 50 % at 60 months are log 0.70 / log 0.50 = 0.515."""
    first = search.begin(*without_univariable(study), seed=1)
    told = list(itertools.chain(*(effects.effects(first, seed) for seed in range(80))))
    z = {
        name: np.array([(t.low + t.high) / 2 for t in told if effects_key(t) == name])
        for name in [("OS", "hai"), ("RFS", "hai"), ("RFS", "crs_high"), ("OS", "n_tumours")]
    }
    of_trial = np.sqrt((first.state.event[0] == 1).sum() * 366 * 308) / 674
    ratios = z["OS", "hai"] / of_trial
    assert np.mean(ratios) == pytest.approx(np.log(0.518), abs=0.04)
    assert np.std(ratios) == pytest.approx(0.138, abs=0.02)
    # A log-rank p under 0.006 and a screen at 0.05 are met before anything is searched.
    assert z["RFS", "hai"].max() < norm.ppf(0.003) and z["RFS", "crs_high"].min() > 1.95
    assert abs(np.mean(z["OS", "n_tumours"])) < 1.2 < 3 < np.std(z["OS", "n_tumours"])


def effects_key(target):
    return target.quantity.endpoint, target.quantity.covariate


def test_a_ratio_of_a_number_lies_about_the_adjusted_one_as_two_standard_deviations_of_it(study):
    """As far from it as a yes or no lies; taken per tumour, 0.31 would be anything."""
    first, found = search.begin(*study, seed=1), {}
    for name in ("n_tumours", "margin"):
        ratio = Quantity("cox", "OS", (), ("hai", name), "hazard_ratio", name)
        told = replace(first, targets=[Target((name,), ratio, 0.10, 0.12)])
        found[name] = effects._adjusted(told, "OS", name, 0.0)
    tumours = np.nanstd(drawn.column_values(first, "n_tumours"))
    assert found["margin"].variance == pytest.approx(0.31**2)
    assert found["n_tumours"].variance == pytest.approx((0.31 / 2 / tumours) ** 2)
    assert found["n_tumours"].middle == pytest.approx(0.11)


def test_printed_ratios_are_not_drawn_once_more(study):
    told = {effects_key(t) for t in effects.effects(search.begin(*study, seed=1), 1)}
    assert told and not told & {(e, n) for e in ("OS", "RFS") for n in ("hai", "kras", "margin")}


def test_a_model_says_that_its_covariates_passed_where_their_p_is_not_printed(study):
    design, wishes, claims = without_univariable(study)
    names = {t.claims[0] for t in goal(design, claims, wishes["excluded"]).targets}
    assert {"OS: margin passed the screen", "RFS: hai passed the screen"} <= names
    # Components of the risk score were left out whatever their p.
    assert "OS: solitary passed the screen" not in names


def test_a_search_follows_the_effects_that_were_drawn(study):
    """z goes with what was drawn; without drawing it does not."""
    told = without_univariable(study)
    made = [search.prepare(*told, seed=2, effort=0.002, draw=draw) for draw in (True, False)]
    aims, blocks = effects_of(made[0]), of_drawn(made[0], "cox")
    search.run(made[0], effort=0.002)
    values = attained(made[0], made[0].state)
    found = [values[k] for k, _ in blocks]
    assert np.corrcoef(list(aims.values()), found)[0, 1] > 0.7


# ---- what a cohort of an ensemble begins with -----------------------------------------------


def test_hazard_between_printed_points_goes_by_year_and_keeps_the_points():
    """Two years of hazard ln 2, one part in the first and three in the second: 0.5 ** (1 / 4)."""
    curve, flat = [(0.0, 1.0), (24.0, 0.5)], [(0.0, 1.0)]
    bent = between.bent(curve, flat, np.array([1.0, 3.0, 1.0]))
    assert [t for t, _ in bent] == [0, 12, 24]
    assert [s for _, s in bent] == pytest.approx([1, 0.5**0.25, 0.5])


def test_a_group_keeps_its_points_and_the_shape_of_a_larger_group_between_them():
    larger = [(0.0, 1.0), (12.0, 0.9), (36.0, 0.6), (60.0, 0.4)]
    found = dict(between.within([(0.0, 1.0), (36.0, 0.36)], larger))
    assert found == pytest.approx({0: 1, 12: 0.81, 36: 0.36, 60: 0.16})
    assert between.within([(0.0, 1.0)], larger) == larger
    # Where all of them multiply the hazard by 1, nothing changes.
    assert dict(between.together([larger, larger], larger)) == pytest.approx(dict(larger))


def test_joint_groups_begin_on_their_own_points_wherever_a_claim_names_them(study):
    """OS at 60 months: 76, 57, 59 and 40 %, with the KRAS level as the population."""
    claims, names = study[2], ("kras", "hai")
    printed = {("wild", "yes"): 76, ("wild", "no"): 57, ("mutant", "yes"): 59, ("mutant", "no"): 40}
    for levels, rate in printed.items():
        curve = courses._nested(courses._points(claims, "OS", 30.4375), names, levels)
        assert 100 * dict(curve)[60.0] == pytest.approx(rate)
        assert all(np.diff([s for _, s in curve]) < 0)


def test_a_later_endpoint_is_not_bent_under_an_earlier_one():
    curve, before = [(0.0, 1.0), (24.0, 0.5)], [(0.0, 1.0), (12.0, 0.8), (24.0, 0.4)]
    bent = dict(between.bent(curve, before, np.array([9.0, 1.0])))
    assert bent[12] == pytest.approx(0.8) and bent[24] == 0.5


def test_deaths_behind_recurrences_are_few_at_first_and_the_printed_points_stay(study):
    """OS where print has recurrence-free survival before it: above the exponential in year one."""
    early, curve = [(0.0, 1.0), (12.0, 0.6), (36.0, 0.4)], [(0.0, 1.0), (36.0, 0.6), (60.0, 0.45)]
    even = np.ones(60)
    halves = {q: dict(between.bent(curve, early, even, q)) for q in (0.0, 0.5, 1.0)}
    flat = halves[0.0]
    assert flat[12.0] == pytest.approx(0.6 ** (1 / 3))
    assert halves[0.0][12.0] + 0.03 < halves[0.5][12.0] < halves[1.0][12.0] - 0.03
    for found in halves.values():
        assert [found[t] for t in (0.0, 36.0, 60.0)] == [1.0, 0.6, 0.45]
        assert all(np.diff(list(found.values())) < 0)
    # Nobody lives between two curves that are one: nothing comes behind the other.
    same = dict(between.bent(curve, curve, even, 1.0))
    assert same[12.0] == pytest.approx(flat[12.0])
    # As many as die in these months, all of them behind the few who recurred, die at once.
    few = [(0.0, 1.0), (36.0, 0.59)]
    assert dict(between.bent(curve, few, even, 1.0))[12.0] < flat[12.0] + 0.02


def test_cohorts_of_an_ensemble_begin_with_survival_above_the_exponential(study):
    """By group of the second paper, 24 months, over draws: above, in order, and on the points."""
    design, wishes, claims = study
    names, plan = wishes["groups"]["columns"], search.begin(*study, seed=1).plan
    groups = list(itertools.product(*(levels_of(design, name) for name in names)))
    lifted = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        drawn_ = courses._curves(design, claims, plan, groups, names, rng)
        for g, levels in enumerate(groups):
            first, last = (dict(drawn_[lead][g]) for lead in (Course.RECURRENCE, Course.END))
            own = courses._nested(courses._points(claims, "OS", 30.4375), names, levels)
            assert all(last[t] == s for t, s in own)
            both = [t for t in last if t in first and t > 0]
            assert all(last[t] >= first[t] - 1e-9 for t in both if t not in dict(own))
            lifted.append(last[24.0] - np.exp(-between.hazard(own, [24.0])[0]))
    assert 0.01 < np.mean(lifted) < 0.1


def test_deaths_are_dealt_out_behind_recurrences_and_stay_the_same_deaths():
    rng = np.random.default_rng(3)
    recurrence = np.where(rng.random(300) < 0.2, np.inf, rng.exponential(20, 300))
    death = recurrence.copy()
    death[np.isinf(recurrence)] = 400.0
    death += rng.exponential(12, 300) + 1
    shuffled, members = rng.permutation(death[:150]), np.repeat([0, 1], 150)
    given = np.concatenate([shuffled, rng.permutation(death[150:])])
    dealt = {Course.RECURRENCE: recurrence.copy(), Course.END: given.copy()}
    dealt[Course.FAILURE] = np.full(300, np.inf)
    between.put_in_order(dealt, 1.0, members, rng)
    now = dealt[Course.END]
    for g in (0, 1):
        assert sorted(now[members == g]) == sorted(given[members == g])
    came = np.isfinite(dealt[Course.RECURRENCE])
    assert (now >= dealt[Course.RECURRENCE] + 1)[came].all()
    assert came.sum() == np.isfinite(recurrence).sum()
    assert (given < recurrence + 1)[np.isfinite(recurrence)].mean() > 0.2


def test_who_would_recur_after_the_last_death_dies_without_recurrence():
    recurrence, death = np.array([50.0, 5.0, np.inf]), np.array([10.0, 40.0, 30.0])
    dealt = {Course.RECURRENCE: recurrence, Course.END: death}
    dealt[Course.FAILURE] = np.full(3, np.inf)
    between.put_in_order(dealt, 1.0, np.zeros(3, dtype=int), np.random.default_rng(1))
    assert recurrence.tolist() == [np.inf, 5.0, np.inf]
    assert death[0] == 40 and sorted(death) == [10, 30, 40]


def test_cohorts_begin_on_the_printed_curves(study):
    """OS printed at 5 years, by treatment: pushed behind recurrences, the curves lay above."""
    design, wishes, claims = study
    aim = search.goal(design, claims, wishes.get("excluded", {}))
    wanted = search._wanted(design, wishes, aim)
    asked = [
        t
        for t in aim.targets
        if t.quantity.part == "survival_rate"
        and t.quantity.endpoint == "OS"
        and t.quantity.limit == "estimate"
    ]
    off = {True: [], False: []}
    for draw, seed in itertools.product(off, range(6)):
        made = search._compiled(design, wishes, claims, aim, wanted, seed, draw)
        search.annealing.settle(made)
        values = attained(made, made.state)
        off[draw] += [values[made.targets.index(t)] - (t.low + t.high) / 2 for t in asked]
    assert abs(np.mean(off[True])) < 1.5 < 3 < np.mean(off[False])
