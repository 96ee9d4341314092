"""Targets, histories, restart and certificate of a reconstruction."""

import copy
import functools
import hashlib
import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact, norm

from crlm import endpoints, ledger, regression, survival
from crlm.reconstruction import (
    annealing,
    blocks,
    bounds,
    certificate,
    derived,
    engine,
    evaluation,
    histories,
    insisting,
    legs,
    models,
    moves,
    procedure,
    programs,
    roughs,
    search,
    spreads,
    targets,
)
from crlm.reconstruction.codes import NEVER, Course, Kind, Move
from crlm.reconstruction.quantity import Quantity
from crlm.reconstruction.realism import priors
from crlm.reconstruction.targets import Target


@pytest.fixture(scope="module")
def ncch():
    design = ledger.load_design("ncch_scp")
    return design, procedure.wishes_of(design), ledger.load_claims("ncch_scp")


@pytest.fixture(scope="module")
def hai():
    """The other paper, hardly searched."""
    design, claims = ledger.load_design("mskcc_hai"), ledger.load_claims("mskcc_hai")
    return search.prepare(design, procedure.wishes_of(design), claims, seed=1, effort=0.0002)


@pytest.fixture(scope="module")
def goal(ncch):
    design, wishes, claims = ncch
    return targets.goal(design, claims, wishes["excluded"])


def target_of(goal, name):
    return next(t for t in goal.targets if name in t.claims)


def test_every_claim_is_aimed_at_excluded_or_built_in(ncch, goal):
    aimed = {name for t in goal.targets if t.origin == "claim" for name in t.claims}
    named = aimed | set(goal.excluded) | set(goal.unsearched)
    assert named == set(ncch[2]["id"])
    assert not aimed & set(goal.excluded)


def test_print_becomes_an_interval(goal):
    median = target_of(goal, "t2-os-ras-wild-median")
    assert (median.low, median.high) == pytest.approx((70.0245, 70.035))
    ratio = target_of(goal, "t2-os-ras-mutant-mv-hr")
    assert np.exp([ratio.low, ratio.high]) == pytest.approx([3.3645, 3.375])
    # 0.07 with the level "left" living longer: z on its side, from isf(0.0645/2) on.
    test = target_of(goal, "t2-os-sidedness-left-uv-p")
    assert test.low == pytest.approx(-1.8487, abs=1e-3) and test.high < test.low + 0.1


def test_printings_of_one_number_share_a_target(goal):
    names = target_of(goal, "ab-os-ras-wild-median").claims
    assert {"t2-os-ras-wild-median", "re-os-ras-wild-median"} <= set(names)


def test_a_printed_ratio_says_on_which_side_its_test_lies():
    design, claims = ledger.load_design("mskcc_hai"), ledger.load_claims("mskcc_hai")
    goal = targets.goal(design, claims, procedure.wishes_of(design)["excluded"])
    age = target_of(goal, "t2-rfs-age-uv-p")  # 0.47 beside a ratio of 0.99, which is excluded
    assert "t2-rfs-age-uv-hr" in goal.excluded
    assert not age.absolute and -0.74 < age.low < age.high < -0.71
    left_open = [t for t in goal.targets if t.absolute and t.quantity.kind == "cox"]
    assert all(t.quantity.covariate != "age" or t.origin == "implied" for t in left_open)


@pytest.mark.parametrize(
    ("endpoint", "covariate", "printed"),
    [("OS", "ras", (3.37, 1.76, 6.47)), ("RFS", "preop_chemo", (0.67, 0.45, 1.00))],
)
def test_limits_of_a_ratio_bound_its_standard_error(goal, endpoint, covariate, printed):
    asked = (endpoint, covariate)
    (bound,) = [
        t
        for t in bounds.standard_errors(goal.targets)
        if (t.quantity.endpoint, t.quantity.covariate) == asked
    ]
    half = 0.005
    beta = np.log(np.linspace(printed[0] - half, printed[0] + half, 401))[:, None]
    error = np.linspace(0.9 * bound.low, 1.1 * bound.high, 2000)
    low, high = np.exp(beta - 1.959964 * error), np.exp(beta + 1.959964 * error)
    fits = (abs(low - printed[1]) <= half) & (abs(high - printed[2]) <= half)
    p = target_of(
        goal, {"OS": "t2-os-ras-mutant-mv-p", "RFS": "re-rfs-preop-chemo-yes-mv-p"}[endpoint]
    )
    fits &= (beta / error >= p.low) & (beta / error < p.high)
    fitting = error[fits.any(axis=0)]
    assert fitting.min() == pytest.approx(bound.low, rel=0.003)
    assert fitting.max() == pytest.approx(bound.high, rel=0.003)


def test_a_printed_p_narrows_the_standard_error_unless_it_contradicts_the_limits():
    """1.05 (1.02 to 1.08) alone has an error of 0.012 to 0.017; with p 0.005 of 0.0169 or more."""
    size = Quantity("cox", "RFS", columns=("size_cm",), part="hazard_ratio", covariate="size_cm")
    row = [
        Target((limit,), replace(size, limit=limit), math.log(at - 0.005), math.log(at + 0.005))
        for limit, at in {"estimate": 1.05, "conf_low": 1.02, "conf_high": 1.08}.items()
    ]
    (wide,) = bounds.standard_errors(row)
    assert (wide.low, wide.high) == pytest.approx((0.01215, 0.01701), abs=1e-5)
    printed = Target(("p",), replace(size, part="z"), norm.isf(0.00275), norm.isf(0.00225))
    (narrow,) = bounds.standard_errors([*row, printed])
    assert (narrow.low, narrow.high) == pytest.approx((0.01690, 0.01701), abs=1e-5)
    contradicting = replace(printed, low=1.0, high=1.1)
    assert bounds.standard_errors([*row, contradicting]) == [wide]


def test_counts_of_free_levels_and_wide_errors_are_held_closely():
    count = Target(("n",), Quantity("count", columns=("extrahepatic=yes",), part="n"), 41.5, 42.5)
    age = Quantity("cox", "OS", columns=("age",), part="standard_error", covariate="age")
    error = Target(("error",), age, 0.005, 0.010, origin="error")
    grouped = {t.quantity.block: [t] for t in (count, error)}
    scales = blocks.target_arrays(grouped, {"extrahepatic"})
    assert scales["natural"][0] == 1.0 and scales["fine"][1] == pytest.approx(0.0004)
    assert blocks.target_arrays(grouped, set())["natural"][0] > 6.0


def test_sites_say_how_many_recurrences_a_group_has():
    wishes = procedure.wishes_of(ledger.load_design("mskcc_hai"))
    found = {t.quantity.where: t for t in priors(wishes) if t.quantity.part == "recurrences"}
    with_hai = found[(("hai", "yes"),)]
    assert (with_hai.low, with_hai.high, with_hai.origin) == (246.5, 247.5, "implied")
    assert set(found) == {(("hai", "no"),), (("hai", "yes"),)}


@pytest.mark.parametrize("study", ["ncch_scp", "mskcc_hai"])
def test_a_printed_p_that_passes_the_screen_is_in_the_model_or_excluded(study):
    """A run of the notebook would take it in; the search must aim at the same model."""
    design, claims = ledger.load_design(study), ledger.load_claims(study)
    excluded = procedure.wishes_of(design).get("excluded", {})
    for endpoint, spec in design.models.items():
        inside = {*models.model_of(design, endpoint).covariates(), *spec.get("left_out", ())}
        tests = claims[
            (claims["endpoint"] == endpoint)
            & (claims["model"] == "univariable")
            & (claims["statistic"] == "p")
            & (claims["population"] == "all")
        ]
        if spec["selection"] != "fixed":
            passed = tests[(tests["value"] < spec["entry_p"]) & ~tests["covariate"].isin(inside)]
            assert set(passed["id"]) <= set(excluded)


def test_a_sentence_about_two_of_three_levels_has_its_own_table(goal):
    codon = "di-firstrecurrence-kras-codon-site-lung-yes-difference-direction"
    asked = target_of(goal, codon).quantity
    assert asked.where == (("kras_codon", "wild/codon13"),)
    assert asked.columns == ("site_lung", "kras_codon=codon13")


@pytest.mark.parametrize("study", ["ncch_scp", "mskcc_hai"])
def test_a_certificate_has_the_models_that_a_notebook_has(study):
    design = ledger.load_design(study)
    files = [design.folder / f"{name}.csv" for name in ("cohort", "history")]
    frames = certificate.analysis_frames(design, *files)
    rules = design.conventions
    for (endpoint, *_), own in certificate._own_models(frames, design).items():
        spec, frame = design.models[endpoint], frames[endpoint]
        names = [n for n in spec["covariates"] if frame[n].nunique() > 1]
        rule = regression.rule(
            names,
            selection=spec["selection"],
            entry_p=spec["entry_p"],
            left_out=spec.get("left_out", ()),
            ties=rules["ties"],
            univariable_p=rules["univariable_p"],
        )
        rows = regression.regression_table(frame, rule)
        fitted = rows[(rows["model"] == "multivariable") & (rows["statistic"] == "hazard_ratio")]
        assert tuple(fitted["covariate"]) == own.covariates()


def test_a_certificate_does_not_sample_its_exact_tests():
    """Four codons by three stages: R's fisher.test gives what two calls here give alike."""
    design = ledger.load_design("ncch_scp")
    design = replace(
        design,
        columns={
            "codon": {"levels": list("abcd")},
            "stage": {"levels": list("xyz")},
        },
    )
    counts = np.array([[8, 10, 14], [4, 1, 1], [13, 12, 13], [1, 1, 2]])
    at = np.repeat(np.arange(12), counts.ravel())
    frame = pd.DataFrame(
        {"codon": [list("abcd")[k // 3] for k in at], "stage": [list("xyz")[k % 3] for k in at]}
    )
    asked = Quantity("association", columns=("stage", "codon"), part="z")
    first, second = (certificate.by_python(asked, {"patients": frame}, design) for _ in range(2))
    assert first == second
    # R: fisher.test(matrix(c(8,4,13,1,10,1,12,1,14,1,13,2), 4))$p.value
    assert 2 * norm.sf(abs(first)) == pytest.approx(0.685476891514607, rel=1e-9)


def test_a_certificate_has_the_difference_of_rates_that_a_notebook_has():
    design, claims = ledger.load_design("mskcc_hai"), ledger.load_claims("mskcc_hai")
    files = [design.folder / f"{name}.csv" for name in ("cohort", "history")]
    frame = certificate.analysis_frames(design, *files)["OS"]
    claim = claims[claims["id"] == "di-os-kras-hai-difference-60-direction"].iloc[0].to_dict()
    statistic = certificate._difference(claim)
    z = certificate.by_python(statistic, {"OS": frame}, design)
    groups = "kras=mutant,hai=yes", "kras=wild,hai=no"
    rows = survival.rate_difference(frame, ["kras", "hai"], *groups, time=60)
    difference, p = rows["estimate"]
    assert z == pytest.approx(math.copysign(norm.isf(p / 2), difference), rel=1e-9)
    # A printed number was held against p: EORTC 40983's 7.3 % against 0.16.
    for field, value in rows.iloc[0][["estimate", "conf_low", "conf_high"]].items():
        number = {**claim, "kind": "number", "field": field}
        found = certificate.by_python(certificate._difference(number), {"OS": frame}, design)
        assert found == pytest.approx(value, rel=1e-9)


def test_a_ratio_against_the_other_level_gives_no_side_to_the_test_of_this_one():
    design, claims = ledger.load_design("ncch_scp"), ledger.load_claims("ncch_scp")
    p = claims.set_index("id", drop=False).loc["t2-os-ras-mutant-mv-p"].to_dict()
    ratio = p | {"id": "ratio", "statistic": "hazard_ratio", "model": "univariable"}
    ratio |= {"printed": "0.50", "operator": "=", "value": 0.5, "decimals": 2.0}
    turned = ratio | {"level": "wild", "reference": "mutant"}

    def side(given):
        found = targets.goal(design, pd.DataFrame([p, given]), {}).targets
        return next((t.low, t.high, t.absolute) for t in found if t.claims == (p["id"],))

    assert side(ratio)[1] < 0
    assert side(turned)[2]


def test_one_ratio_against_two_levels_is_judged_twice():
    design, claims = ledger.load_design("ncch_scp"), ledger.load_claims("ncch_scp")
    one = claims.set_index("id", drop=False).loc["t2-os-ras-mutant-mv-p"].to_dict()
    one |= {"statistic": "hazard_ratio", "level": "codon12", "covariate": "kras_codon"}
    one |= {"printed": "0.50", "operator": "=", "value": 0.5, "decimals": 2.0}
    other = one | {"id": "other", "reference": "codon13", "printed": "0.80", "value": 0.8}
    row = {name: one[name] for name in ledger.KEYS}
    told = {"": [row | {"estimate": 0.5}], "codon13": [row | {"estimate": 0.8}]}
    for pair in ([one, other], [other, one]):
        printed = pd.DataFrame(pair)
        found = certificate._verdicts(told, [], printed, design)
        assert found["id"].tolist() == printed["id"].tolist()
        assert found["verdict"].tolist() == ["matches", "matches"]


def test_two_printings_that_exclude_each_other():
    design = ledger.load_design("mskcc_hai")
    found = targets.goal(design, ledger.load_claims("mskcc_hai"), {})
    assert "re-os-kras-mutant-uv-hr" in found.excluded


def test_a_covariate_of_a_printed_model_may_not_fail_its_screen(goal):
    screens = {t.claims[0]: t for t in goal.targets if t.claims[0].endswith("passed the screen")}
    size = screens["SCP: size_cat passed the screen"]
    assert (size.low, size.high, size.absolute) == (pytest.approx(1.6449, abs=1e-4), math.inf, True)
    printed = next(t for t in goal.targets if "t3-scp-size-cat-high-uv-p" in t.claims)
    assert printed.quantity == size.quantity
    assert not any("SCP: preop_chemo" in name for name in screens)


def test_an_unknown_exclusion_is_refused(ncch):
    with pytest.raises(ledger.LedgerError, match="no-such-claim"):
        targets.goal(ncch[0], ncch[2], {"no-such-claim": "?"})


def test_counts_behind_a_printed_fisher_p(goal):
    """0.059 with groups of 87 and 63, more in the second: four pairs, 26 and 29 among them."""
    target = target_of(goal, "re-shortscp-ras-mutant-uv-p")
    pairs = roughs.pairs_of_counts((87, 63), target.low, target.high, target.absolute, True)
    assert pairs == [(12, 17), (26, 29), (50, 46), (59, 52)]
    for a, b in pairs:
        assert round(fisher_exact([[a, 87 - a], [b, 63 - b]]).pvalue, 3) == 0.059


@pytest.mark.parametrize(("unit", "days"), [("days", 1), ("weeks", 7)])
def test_a_median_in_days_or_weeks_is_aimed_at_in_months(ncch, unit, days):
    """609 days were aimed at as 609 months."""
    design, _, claims = ncch
    of_a_month = design.conventions["days_per_month"] / days
    name = "t3-scp-ras-mutant-median"
    row = {"value": 359.0, "printed": "359", "decimals": 0, "unit": unit}
    told = claims[claims["id"] == name].assign(**row)
    found = target_of(targets.goal(design, told, {}), name)
    assert found.low == pytest.approx(358.5 / of_a_month, rel=1e-5)
    assert found.high == pytest.approx(359.5 / of_a_month, rel=1e-5)


def test_a_median_is_led_to_by_the_curve_around_it(goal):
    """Median SCP 11.80 months is day 354: S above one half on day 353, not above on 354."""
    median = target_of(goal, "t3-scp-ras-mutant-median")
    before, on = bounds.slopes([median], 30.0, bands=False)
    assert [round(t.quantity.time * 30, 6) for t in (before, on)] == [353, 354]
    assert before.low == pytest.approx(50) and before.high > 50
    assert on.high == pytest.approx(50) and on.low < 50
    limit = target_of(goal, "re-scp-ras-mutant-median-low")
    assert bounds.slopes([limit], 30.0, bands=False) == []


FATES = {
    "alive, no recurrence": (-1, -1, 500, 0),
    "died without recurrence": (-1, -1, 500, 1),
    "failure at the first recurrence": (200, 200, 500, 1),
    "early, fails under chemotherapy": (100, 190, 500, 1),
    "early, fails at once under chemotherapy": (100, 103, 300, 0),
    "early, resected, fails later": (100, 700, 900, 1),
    "late, resected, fails later": (300, 700, 700, 1),
    "late, fails soon": (300, 310, 900, 0),
    "controlled to the end": (100, -1, 1200, 0),
    "recurrence on the last day": (400, -1, 400, 0),
    "early, last seen within days": (100, -1, 106, 0),
    "early, on the last day": (100, -1, 100, 0),
}


def test_dates_of_surgery_are_of_the_year_that_print_has():
    """The table said one year, the history another, and the certificate refused both."""
    period = {"first": "1998-03-01", "last": "2003-05-31", "cut_off": "2010-06-30"}
    years = np.array([1998.0, 2000.0, 2003.0, 2003.0, np.nan])
    last = np.array([4000.0, 100.0, 2000.0, 4000.0, 100.0])
    days = histories._surgery(last, period, np.random.default_rng(1), years)
    first, latest = (np.datetime64(period[name]) for name in ("first", "last"))
    assert list(days[:4].astype("datetime64[Y]").astype(int) + 1970) == [1998, 2000, 2003, 2003]
    assert (first <= days).all() and (days <= latest).all()


@pytest.mark.parametrize("fate", FATES.values(), ids=FATES)
def test_a_history_gives_back_the_course(ncch, fate):
    steps = histories.course(np.array(fate), "liver+lung", 180.0, True)
    history = pd.DataFrame(steps, columns=["day", "event", "details"]).assign(patient_id="P1")
    timed = endpoints.from_history(pd.DataFrame({"patient_id": ["P1"]}), history, ncch[0]).iloc[0]
    recurrence, failure, end, dead = fate
    assert (timed["os_months"] * 30, timed["os_event"]) == (pytest.approx(end), bool(dead))
    assert timed["rfs_months"] * 30 == pytest.approx(recurrence if recurrence > 0 else end)
    assert timed["scp_months"] * 30 == pytest.approx(failure if failure > 0 else end)
    assert timed["scp_event"] == (failure > 0)
    assert (timed["site_lung"] == "yes") == (recurrence > 0)
    told = endpoints.protocol_deviations(history, ncch[0], timed.to_frame().T)
    assert told.loc[told["deviation"] != "p-NAC never assessed", "n"].sum() == 0


@pytest.fixture(scope="module")
def ready(ncch):
    """Makes copies of a search of very few steps that is ready to run."""
    told = []
    found = search.prepare(*ncch, seed=3, effort=0.001, tell=told.append)
    # A first search is compiled for minutes: it once said nothing meanwhile.
    assert [line.partition(",")[0] for line in told] == [
        f"made ready: rough cohort {k} of 4" for k in (1, 2, 3, 4)
    ]
    return functools.partial(copy.deepcopy, found)


@pytest.fixture(scope="module")
def short(ready):
    """That search, and the cohort that it ends with."""
    found = ready()
    return found, search.run(found, effort=0.001).state


def test_no_number_leaves_what_a_patient_table_takes(ncch):
    """Where print has no least value a search ended with patients of 0 tumours."""
    design, wishes, claims = ncch
    least = (claims["statistic"] == "min") & (claims["covariate"] == "n_tumours")
    assert least.any()
    begun = search.begin(design, wishes, claims[~least], 2)
    at = begun.columns.names.index("n_tumours")
    assert (begun.freedom.lowest[at] == 1).all() and (begun.freedom.highest[at] <= 100).all()
    assert np.nanmin(begun.state.x[at]) >= 1
    assert spreads.allowed(design, "age", 0.4) == (0.0, 110.0)
    assert spreads.allowed(design, "n_tumours", 2.0) == (2.0, 100.0)


#: First digits of the checksums of cohort.csv and history.csv. A change of the search that is to
#: change nothing keeps them; one that is to change something says so in the changelog, for the
#: shipped cohorts then need another search if it is the long one, with three starts.
BYTES = {
    "ncch_scp": ("f319e56c4de5dd98", "af0f2c03dc20ba21"),
    "mskcc_hai": ("e513372a9fad19a2", "574a130fcc15d66e"),
}


def bytes_of(design, wishes, found, state, seed, folder):
    paths = histories.write(design, wishes, found.columns, state, seed, folder)
    return tuple(hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in paths)


def test_a_seed_gives_the_same_cohort_to_the_byte(ncch, short, tmp_path):
    assert bytes_of(*ncch[:2], *short, 3, tmp_path) == BYTES["ncch_scp"]


def test_a_long_search_gives_the_same_cohort_to_the_byte_although_interrupted(
    tmp_path, monkeypatch
):
    """The other study, with three starts, as the shipped cohorts were searched."""
    monkeypatch.setattr(legs, "ENOUGH", 0)
    design, claims = ledger.load_design("mskcc_hai"), ledger.load_claims("mskcc_hai")
    wishes, path = procedure.wishes_of(design), tmp_path / "checkpoint.npz"
    found = search.prepare(design, wishes, claims, seed=1, effort=0.0005)
    queue = type(found.queue)(*(part.copy() for part in found.queue))
    again = replace(found, state=annealing.copy(found.state), queue=queue)

    def stop(progress):
        if progress.stage == "core 2 of 3" and progress.share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.run(found, effort=0.0005, watch=stop, checkpoint=path)
    state = search.run(again, effort=0.0005, checkpoint=path).state
    assert bytes_of(design, wishes, again, state, 1, tmp_path) == BYTES["mskcc_hai"]


def test_a_search_is_a_list_of_declared_legs(short):
    found, _ = short
    steps = legs.schedule(found, 0.5)
    names = [leg for leg, _ in itertools.groupby(step.leg.name for step in steps)]
    assert names[:3] == ["core 1 of 3", "core 2 of 3", "core 3 of 3"]
    assert names[-4:] == ["alone: site", "insisting", "alone: site", "columns"]
    assert "joint" in names
    assert [step.start for step in steps if step.first] == [1, 2, 3]
    assert [k for k, step in enumerate(steps) if step.last] == [59, 119, 179]
    assert sum(step.work is legs.Work.INSIST for step in steps) == legs.INSISTING.times
    core = legs.CORE
    assert (steps[0].leg.heat(0.0), steps[0].leg.heat(1.0)) == pytest.approx(core.heat)
    assert steps[0].leg.steps == core.steps * 0.5


@pytest.mark.parametrize(("effort", "curves"), [(0.001, 6000), (0.02, 15000), (0.0375, None)])
def test_a_search_with_few_steps_a_patient_has_one_start_behind_the_curves(short, effort, curves):
    """150 patients: 500 steps each are 75,000, what three starts have each at effort 0.0375."""
    found, _ = short
    steps = legs.schedule(found, effort)
    if curves is None:
        assert steps[0].leg.name == "core 1 of 3"
        return
    first, core = steps[0].leg, steps[legs.CHUNKS].leg
    assert (first.name, first.steps, core.name) == ("curves", curves, "core")
    assert core.steps == pytest.approx(3 * legs.CORE.steps * effort)
    assert not any(step.first or step.last for step in steps[: 2 * legs.CHUNKS])
    kinds = set(found.plan.kind[first.active])
    assert Kind.KM in kinds and not kinds & {*legs.FITS} and not len(first.bundles)
    chances = dict(zip(Move, first.moves, strict=True))
    assert chances[Move.SWAP_TIME] and not chances[Move.SWAP_VALUE] + chances[Move.VALUE]


def test_the_curves_come_first_and_most_of_their_way_in_the_steps_of_a_glance(hai):
    """What a first cohort's curves are off from print, by what a search pays for it."""
    found = replace(hai, state=annealing.copy(hai.state))
    annealing.settle(found)
    curves = legs.schedule(found, 0.01)[: legs.CHUNKS]
    before = float(found.state.cost[found.plan.kind == Kind.KM].sum())
    for number, step in enumerate(curves):
        search._taken(found, step, 0.01, number, {})
    annealing.settle(found)
    assert float(found.state.cost[found.plan.kind == Kind.KM].sum()) < before / 5


def test_a_searched_cohort_obeys_its_hard_bounds(short):
    found, state = short
    recurrence, failure, end, _ = state.fate.T
    assert (recurrence <= end).all() and (failure <= end).all()
    assert ((failure < 0) | ((recurrence >= 0) & (failure >= recurrence))).all()
    assert not any(derived.violations(state.x[:, i], found.plan) for i in range(len(end)))
    wild = state.x[found.columns.at("ras")] == 0
    assert (wild.sum(), (~wild).sum()) == (87, 63)
    assert state.x[found.columns.at("t_stage")][wild].sum() == 72


def test_increments_equal_a_fresh_evaluation(short):
    found, state = short
    again = annealing.copy(state)
    derived.derive_all(again, found.plan)
    assert (again.time == state.time).all()
    np.testing.assert_array_equal(again.x, state.x)
    annealing.settle(replace(found, state=again))
    np.testing.assert_allclose(
        annealing.attained(found, again), annealing.attained(found, state), rtol=1e-3, atol=1e-4
    )


def test_a_recurrence_on_the_day_of_death_is_a_change_of_the_numbers_of_recurrences(hai):
    """It changes no time and no event of OS or RFS, so it once left a stale count."""
    state, plan, freedom = annealing.copy(hai.state), hai.plan, hai.freedom
    died = np.flatnonzero(state.fate[:, Course.DEAD] > 0)
    state.fate[died, Course.RECURRENCE] = NEVER
    derived.derive_all(state, plan)
    shares = np.flatnonzero(plan.kind == Kind.SHARE)
    blocks = len(plan.kind)
    touched, active = np.zeros(blocks, dtype=bool), np.ones(blocks, dtype=bool)
    who, old_fate = np.zeros(2, dtype=np.int64), np.zeros((2, 4), dtype=np.int64)
    old_x = np.zeros((2, len(state.x)))
    seen = 0
    for i in np.tile(died, 10):
        given = (who, old_fate, old_x, touched, active)
        count = engine._propose(int(Move.RECURRENCE), i, state, plan, freedom, np.arange(1), *given)
        if count == 1 and state.fate[i, Course.RECURRENCE] == state.fate[i, Course.END]:
            seen += 1
            assert touched[shares].any()
        engine._undo(count, who, old_fate, old_x, state, plan)
    assert seen


@pytest.mark.parametrize("stage", ["core", "insisting"])
def test_an_interrupted_search_ends_where_it_would_have(ready, short, tmp_path, stage):
    path = tmp_path / "checkpoint.npz"

    def stop(progress):
        if progress.stage == stage and progress.share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.run(ready(), effort=0.001, watch=stop, checkpoint=path)
    resumed = search.run(ready(), effort=0.001, checkpoint=path)
    np.testing.assert_array_equal(resumed.state.fate, short[1].fate)
    np.testing.assert_array_equal(resumed.state.x, short[1].x)


def test_what_another_search_has_left_is_not_gone_on_from(ncch, ready, short, tmp_path):
    """A checkpoint of another effort, or of a print with drawn correlations, is passed over."""
    path = tmp_path / "checkpoint.npz"
    for effort, draw in ((0.0005, False), (0.001, True)):
        other = search.prepare(*ncch, seed=3, effort=effort, draw=draw)
        search.checkpoints.save(other, other.state, {}, 50, path, effort)
        again = ready()
        assert search.checkpoints.restore(again, path, 0.001) == (0, {}, None)
    search.checkpoints.save(short[0], short[1], {7: [2]}, 50, path, 0.001)
    done, lost, best = search.checkpoints.restore(again, path, 0.001)
    assert (done, lost) == (50, {7: [2]})
    np.testing.assert_array_equal(best.x, short[1].x)


def test_insisting_loses_nothing_and_says_what_stands_in_the_way(ready):
    found = ready()
    every = next(leg for leg in legs.legs(found, 0.001) if leg.name == "joint")
    annealing.settle(found)
    worth, lost = found.worth(), {}
    before = (worth * annealing.matched(found)).sum()
    for seed in range(4):
        insisting.insist(found, every, 0.02, seed, lost)
        now = (worth * annealing.matched(found)).sum()
        assert now >= before
        before = now
    met = annealing.matched(found)
    assert all(worth[k] > 0 for others in lost.values() for k in others)
    assert met.any() and not met.all()


def test_columns_dealt_out_again_stay_only_where_more_is_met(short):
    found = replace(short[0], state=annealing.copy(short[1]))
    annealing.settle(found)
    worth, kept = found.worth(), []
    leg = next(step.leg for step in legs.schedule(found, 0.1) if step.work is legs.Work.COLUMNS)
    for turn in range(1, legs.TURNS + 1):
        before, held = annealing.copy(found.state), annealing.matched(found)
        insisting.deal_again(found, leg, turn, turn)
        won = (worth * annealing.matched(found)).sum() - (worth * held).sum()
        same = [
            np.array_equal(*pair, equal_nan=True) for pair in zip(before, found.state, strict=True)
        ]
        assert won > 0 if not all(same) else won == 0
        kept.append(won > 0)
        np.testing.assert_array_equal(found.state.fate, before.fate)
    assert any(kept) and not all(kept)


def test_a_claim_about_one_column_comes_before_one_about_many(short, monkeypatch):
    found = replace(short[0], state=annealing.copy(short[1]))
    annealing.settle(found)
    leg, moved = next(s.leg for s in legs.schedule(found, 1.0) if s.work is legs.Work.COLUMNS), []
    monkeypatch.setattr(insisting, "anneal", lambda _, leg, *rest: moved.append(leg.bundles))
    for turn in range(1, legs.TURNS + 1):
        insisting.deal_again(found, leg, turn, turn)
    sizes = [len(bundles) for bundles in moved[:: insisting._NARROWING]]
    assert len(sizes) == legs.TURNS and sizes[0] == 1 and sizes == sorted(sizes)


def test_the_columns_of_one_claim_have_two_turns(short, monkeypatch):
    found = replace(short[0], state=annealing.copy(short[1]))
    annealing.settle(found)
    worth, met = found.worth(), annealing.matched(found)
    unmet = annealing.block_of_targets(found.plan)[(worth > 0) & ~met]
    leg = next(s.leg for s in legs.schedule(found, 1.0) if s.work is legs.Work.COLUMNS)
    about = insisting._about
    only = next(b for b in unmet.tolist() if about(found, leg, b))
    monkeypatch.setattr(insisting, "_about", lambda of, leg, b: about(of, leg, b)[: b == only])
    turns = []
    monkeypatch.setattr(insisting, "anneal", lambda *given: turns.append(turn))
    for turn in range(1, legs.TURNS + 1):
        insisting.deal_again(found, leg, turn, turn)
    assert sorted(set(turns)) == [1, 2] and len(turns) == 2 * insisting._NARROWING
    assert "times" not in {step.leg.name for step in legs.schedule(found, 1.0)}


def test_of_the_starts_the_one_that_meets_most_goes_on(ncch, monkeypatch):
    monkeypatch.setattr(legs, "ENOUGH", 0)
    found, met = search.prepare(*ncch, seed=4, effort=0.001), []
    active = legs.legs(found, 0.001)[0].active
    chunk = annealing.chunk

    def note(of, leg, share, seed, steps):
        if leg.name == "alone: site":
            raise KeyboardInterrupt
        cost = chunk(of, leg, share, seed, steps)
        met.append(annealing.met(of, of.state, active))
        return cost

    monkeypatch.setattr(annealing, "chunk", note)
    with pytest.raises(KeyboardInterrupt):
        search.run(found, effort=0.001)
    ends = met[legs.CHUNKS - 1 :: legs.CHUNKS]
    assert len(ends) == 3 and max(ends) > ends[-1]
    assert annealing.met(found, found.state, active) == max(ends)


def test_a_claim_knows_the_columns_it_is_about(short):
    found, _ = short
    block = np.repeat(np.arange(len(found.plan.kind)), np.diff(found.plan.first))
    median = next(k for k, t in enumerate(found.targets) if "t2-os-sex-female-median" in t.claims)
    about = [u for u in range(len(found.freedom.bundle)) if legs.touches(found, u, block[median])]
    assert [legs.named(found, u) for u in about] == ["sex"]


def test_files_give_what_the_search_says(ncch, short, tmp_path):
    from crlm.reconstruction import certificate

    design, wishes, claims = ncch
    found, state = short
    paths = histories.write(design, wishes, found.columns, state, 3, tmp_path)
    frames = certificate.analysis_frames(design, *paths)
    got = annealing.attained(found, state)
    for k, target in enumerate(found.targets):
        if target.quantity.kind in programs.PROGRAMS and np.isfinite(got[k]):
            again = certificate.by_python(target.quantity, frames, design)
            again = abs(again) if target.absolute else again
            assert again == pytest.approx(got[k], rel=2e-4, abs=2e-4), target
    assert len(pd.read_csv(paths[0])) == 315


def test_a_recurrence_of_unknown_site_is_somewhere_unsaid(tmp_path):
    design, claims = ledger.load_design("mskcc_hai"), ledger.load_claims("mskcc_hai")
    wishes = procedure.wishes_of(design)
    found = search.prepare(design, wishes, claims, seed=1, effort=0.0002)
    state, at = found.state, found.columns.at
    recurred = np.flatnonzero(state.fate[:, Course.RECURRENCE] >= 0)
    state.x[at("site"), recurred[:3]] = wishes["sites"]["combinations"].index("unknown")
    derived.derive_all(state, found.plan)
    paths = histories.write(design, wishes, found.columns, state, 1, tmp_path)
    frame = certificate.analysis_frames(design, *paths)["OS"]
    for flag in ("site_liver", "site_liver_only", "site_lung", "site_extrahepatic"):
        searched = state.x[at(flag)]
        assert frame[flag].isna().sum() == np.isnan(searched).sum() >= 3
        assert (frame[flag] == "yes").sum() == (searched == 1).sum()


def test_a_distance_costs_more_the_farther_but_less_than_in_proportion():
    assert [evaluation._graded(d) for d in (0.25, 1.0, 16.0)] == [0.25, 1.0, (4 * 8 - 1) / 3]


def test_what_rough_cohorts_tell_becomes_a_range_of_events(short):
    found, _ = short
    k, target = next(
        (k, t)
        for k, t in enumerate(found.targets)
        if t.quantity.part == "events" and t.quantity.endpoint == "OS"
    )
    (told,) = roughs.event_ranges(
        found, [{"OS": [50.0, 60.0], "SCP": [], "RFS": [], "short_SCP": []}]
    )
    assert (told.low, told.high) == (pytest.approx(0.97 * 55), pytest.approx(1.03 * 55))
    assert 1.0 < target.high / target.low < 1.1 and found.plan.fine[k] == 0.5


def test_values_that_are_missing_ask_for_more_events(short):
    found, state = short
    half = annealing.copy(state)
    known = roughs.events_behind(replace(found, state=half))["OS"]
    half.x[found.columns.at("ca199_cat"), ::2] = np.nan
    asked = roughs.events_behind(replace(found, state=half))["OS"]
    assert 1.5 < np.median(asked) / np.median(known) < 3.0


def test_stages_hold_models_together(short, hai):
    found, other = short[0], hai
    # A score of that paper's models is the sum of these.
    score = [legs.named(other, unit) for unit in legs.legs(other, 1.0)[0].bundles]
    named = {leg.name: leg for leg in legs.legs(found, 1.0)}
    names = {legs.named(found, unit) for unit in named["core"].bundles}
    assert names == {"site", "sidedness", "size_cm", "ca199"}
    assert {"timing", "n_tumours", "size_cm", "cea", "nodal_status"} <= set(score)
    assert "alone: sex, t_stage, n_tumours, nodal_status, timing, preop_chemo" in named
    fits = (found.plan.n_columns > 1) & np.isin(found.plan.kind, legs.FITS)
    last = [leg.active for leg in named.values() if leg.name != "joint"]
    assert np.any(last, axis=0)[fits].all() and named["joint"].active.all()
    assert legs.bound([0, 1, 2, 3], np.array([[1, 0], [0, 1], [0, 0], [1, 0]], dtype=bool)) == [
        [1],
        [2],
        [0, 3],
    ]


@pytest.mark.parametrize("end", [1, 30, 2000])
def test_a_new_recurrence_lies_before_the_end_and_often_shortly_before(end):
    days = []
    for _ in range(400):
        fate = np.array([NEVER, NEVER, end, 1])
        moves._toggle_recurrence(fate)
        days.append(fate[Course.RECURRENCE])
        moves._toggle_recurrence(fate)
        assert fate.tolist() == [NEVER, NEVER, end, 1]
    assert 1 <= min(days) <= max(days) <= end
    assert np.mean(np.array(days) > end - 60) > 0.4


@pytest.mark.parametrize("endpoint", [0, 1, 2])
def test_exchanged_times_stay_the_times_of_the_endpoint(short, endpoint):
    found, state = short
    again = annealing.copy(state)
    n = len(again.fate)
    swapped = 0
    for i in range(n):
        j = moves._neighbour(i, endpoint, again)
        order = again.order[endpoint].tolist()
        assert abs(order.index(i) - order.index(j)) <= 2
        before, times = again.fate[[i, j]].copy(), again.time[endpoint, [i, j]]
        moves._swap_times(again.fate[i], again.fate[j], endpoint, found.plan)
        if i == j or not all(moves.sound(again.fate[k], found.freedom) for k in (i, j)):
            again.fate[[i, j]] = before
            continue
        swapped += 1
        derived.derive_all(again, found.plan)
        np.testing.assert_array_equal(again.time[endpoint, [j, i]], times)
    assert swapped > n / 2
    np.testing.assert_array_equal(np.sort(again.time[endpoint]), np.sort(state.time[endpoint]))
