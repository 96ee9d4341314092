"""A search for an invented third paper: other endpoints, several levels, strata, products."""

import csv
import itertools
import os
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from crlm import baseline, cohort, ledger, regression
from crlm.ledger import DesignError
from crlm.paper import Paper
from crlm.reconstruction import (
    annealing,
    arrays,
    certificate,
    courses,
    derived,
    engine,
    evaluation,
    histories,
    kernels,
    legs,
    models,
    polishing,
    procedure,
    programs,
    search,
    sharing,
    spreads,
    start,
    targets,
    weights,
    wishes_of,
)
from crlm.reconstruction.codes import Course, Move
from crlm.reconstruction.quantities import quantity_of
from crlm.reconstruction.quantity import Beyond

DESIGN = (
    """
title = "An invented paper"
citation = "Nobody, 2020"
question = "Does the arm matter?"
[columns]
use = ["patient_id", "sex", "entry_months"]
[columns.arm]
type = "category"
levels = ["a", "b", "c"]
role = "exposure"
[columns.stage]
type = "category"
levels = ["I", "II", "III", "IV"]
role = "baseline"
[columns.decade]
type = "category"
levels = ["old", "new"]
role = "baseline"
[columns.marker]
type = "number"
unit = "ng/mL"
role = "baseline"
"""
    + "".join(
        f"""[columns.{name}_months]
type = "number"
unit = "months"
role = "time"
[columns.{name}_event]
type = "category"
levels = ["0", "1"]
role = "event"
"""
        for name in ("dfs", "css")
    )
    + """
[conventions]
days_per_month = 30.4375
ties = "efron"
conf_type = "log"
median_rule = "first"
univariable_p = "wald"
follow_up = "observed"
[endpoints.DFS]
label = "Disease-free survival"
rule = "Surgery to recurrence or death."
first_of = ["recurrence", "death"]
[endpoints.CSS]
label = "Cancer-specific survival"
rule = "Surgery to death from cancer; other deaths censor."
death_of = "cancer"
[incidences.relapse]
label = "Recurrence or death of another cause"
endpoint = "DFS"
competing = "CSS"
months = [24]
[incidences.unheralded]
label = "Death of cancer without recurrence"
endpoint = "CSS"
competing = "DFS"
months = [24]
[table_one]
by = "arm"
continuous_test = "t"
categorical_test = "chi-square-yates"
spread = "range"
variables = ["sex", "stage", "marker", "decade"]
[models.DFS]
covariates = ["arm", "sex", "stage"]
selection = "fixed"
published = ["arm", "sex", "stage"]
strata = ["decade", "sex"]
products = [["arm", "stage"]]
[models.CSS_a]
endpoint = "CSS"
population = "arm=a/b"
covariates = ["sex", "stage"]
selection = "fixed"
published = ["sex", "stage"]
references = { stage = "II" }
strata = ["decade"]
""".replace('covariates = ["arm", "sex", "stage"]', 'covariates = ["arm", "stage"]').replace(
        'published = ["arm", "sex", "stage"]', 'published = ["arm", "stage"]'
    )
)
WISHES = """
[groups]
columns = ["arm"]
[period]
first = 2000-01-03
last = 2010-12-31
cut_off = 2014-06-30
[columns.marker]
grid = 0.1
knots = { a = [[0, 1], [0.5, 5], [1, 40]], b = [[0, 1], [1, 40]], c = [[0, 1], [1, 30]] }
"""
SIZES = {"a": 60, "b": 50, "c": 40}


def claims():
    """What the invented paper prints: (statistic, value, decimals, keys)."""
    for arm, n in SIZES.items():
        group = {"group": f"arm={arm}"}
        yield "n", n, 0, {**group, "unit": "patients"}
        for name, counts in {"sex": (n // 2, n - n // 2), "decade": (n // 3, n - n // 3)}.items():
            levels = ("male", "female") if name == "sex" else ("old", "new")
            for level, count in zip(levels, counts, strict=True):
                yield (
                    "n",
                    count,
                    0,
                    {**group, "covariate": name, "level": level, "unit": "patients"},
                )
        for level, count in zip(("I", "II", "III", "IV"), (n // 4, n // 4, n // 5, 0), strict=True):
            count = count or n - 2 * (n // 4) - n // 5
            yield "n", count, 0, {**group, "covariate": "stage", "level": level, "unit": "patients"}
        yield "mean", 6 + len(arm), 0, {**group, "covariate": "marker", "unit": "ng/mL"}
        yield "sd", 4, 0, {**group, "covariate": "marker", "unit": "ng/mL"}
        yield "events", n // 2, 0, {**group, "endpoint": "DFS", "unit": "events"}
        yield "n", n // 4, 0, {**group, "covariate": "css_event", "level": "1", "unit": "patients"}
        yield "mean", 25, 0, {**group, "covariate": "css_months", "unit": "months"}
        yield "median_survival", 30, 0, {**group, "endpoint": "DFS", "unit": "months"}
        yield "se", len(arm) + 4.3, 1, {**group, "endpoint": "DFS", "time": "36", "unit": "%"}
    yield "p", 0.21, 2, {"group": "arm", "covariate": "stage"}
    yield "p", 0.33, 2, {"group": "arm", "covariate": "marker"}
    yield "p", 0.4, 1, {"group": "arm", "covariate": "marker", "population": "arm=a/b"}
    yield "p", 0.6, 1, {"group": "sex", "covariate": "decade"}
    yield "p", 0.05, 2, {"group": "arm", "endpoint": "DFS", "model": "logrank"}
    yield (
        "p",
        0.3,
        1,
        {"group": "arm", "endpoint": "CSS", "model": "logrank", "population": "arm=a/c"},
    )
    of_model = {"endpoint": "DFS", "model": "multivariable"}
    yield "hazard_ratio", 1.4, 1, {**of_model, "covariate": "stage", "level": "III"}
    yield "p", 0.2, 1, {**of_model, "covariate": "stage", "level": "III"}
    yield "hazard_ratio", 0.7, 1, {**of_model, "covariate": "arm_stage", "level": "b_IV"}
    for covariate in ("stage", "arm_stage"):
        yield "p", 0.4, 1, {**of_model, "covariate": covariate}
    yield "p", 0.4, 1, {**of_model, "covariate": "stage", "model": "univariable"}
    of_part = {"endpoint": "CSS", "model": "multivariable", "population": "arm=a/b"}
    for level, ratio in (("I", 0.8), ("III", 1.9), ("IV", 2.2)):
        keys = {**of_part, "covariate": "stage", "level": level, "reference": "II"}
        yield "hazard_ratio", ratio, 1, keys
    for field, ratio in (("estimate", 1.3), ("conf_low", 0.7), ("conf_high", 2.6)):
        keys = {**of_part, "covariate": "sex", "level": "female", "field": field}
        yield "hazard_ratio", ratio, 1, keys
    yield "se", 0.5, 1, {**of_part, "covariate": "sex", "level": "female"}
    yield from counted_along_curves()


def counted_along_curves():
    """Numbers at risk, events so far, and what there is of cumulative incidences."""
    for time, left, fallen in ((12, 30, 7), (36, 9, 18)):
        keys = {"endpoint": "DFS", "group": "arm=c", "time": time}
        yield "n_at_risk", left, 0, {**keys, "unit": "patients"}
        yield "cumulative_events", fallen, 0, {**keys, "unit": "patients"}
    rated = {"endpoint": "DFS", "unit": "per 100 patient-years"}
    yield "patient_years", 65, 0, {**rated, "group": "arm=c", "unit": "patient-years"}
    for field, value in (("estimate", 31), ("conf_low", 19), ("conf_high", 48)):
        yield "incidence_rate", value, 0, {**rated, "group": "arm=c", "field": field}
    pair = {**rated, "covariate": "arm", "level": "c", "model": "poisson"}
    yield "rate_ratio", 1.2, 1, {**pair, "unit": ""}
    yield "rate_difference", 2, 0, pair
    yield "p", 0.5, 1, {**pair, "unit": ""}
    for name, share in (("relapse", 40), ("unheralded", 5)):
        counted = {"endpoint": name, "group": "arm=a", "unit": "%", "time": "24"}
        for field, value in (("estimate", share), ("conf_low", share // 2), ("conf_high", 50)):
            yield "cumulative_incidence", value, 0, {**counted, "field": field}
        yield "events", share, 0, {**counted, "statistic": "events", "time": "", "unit": "events"}
        yield "p", 0.3, 1, {"endpoint": name, "group": "arm", "model": "gray"}
        pair = {**counted, "group": "arm", "population": "arm=a/c"}
        yield "cumulative_incidence_difference", 9, 0, pair


def written(folder):
    shutil.copy(ledger.data_folder() / "columns.toml", folder)
    study = folder / "third"
    study.mkdir()
    (study / "design.toml").write_text(DESIGN)
    (study / "reconstruction.toml").write_text(WISHES)
    rows = []
    for k, (statistic, value, decimals, keys) in enumerate(claims()):
        text = f"{value:.{decimals}f}"
        row = dict.fromkeys(ledger.CLAIM_COLUMNS, "") | {
            "id": f"c{k}",
            "name": f"Claim {k}",
            "place": "table1",
            "locator": "Table 1",
            "kind": "number",
            "printed": text,
            "operator": "=",
            "value": text,
            "decimals": decimals,
            "field": "estimate",
            "population": "all",
            "group": "all",
            "statistic": statistic,
        }
        rows.append(row | keys)
    with (study / "published.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, ledger.CLAIM_COLUMNS)
        table.writeheader()
        table.writerows(rows)
    return study


@pytest.fixture(scope="module")
def third(tmp_path_factory):
    """The study in a data folder of its own; its design, wishes and claims."""
    folder = tmp_path_factory.mktemp("data")
    study = written(folder)
    before = os.environ.get("CRLM_DATA")
    os.environ["CRLM_DATA"] = str(folder)
    design = ledger.load_design(study.name)
    yield design, wishes_of(design), ledger.load_claims(study.name)
    os.environ.pop("CRLM_DATA")
    if before is not None:
        os.environ["CRLM_DATA"] = before


def test_a_start_cohort_is_certified_before_a_search(third):
    verdicts = procedure.rehearse(*third)
    assert len(verdicts) == len(third[2]) and (verdicts["verdict"] != "no result").all()
    sizes = verdicts[(verdicts["statistic"] == "n") & (verdicts["covariate"] == "")]
    assert (sizes["verdict"] == "matches").all() and len(sizes) == 3
    # Follow-up begins with the printed mean, and as many are dead as print counts.
    errors = verdicts[(verdicts["statistic"] == "se") & (verdicts["endpoint"] == "DFS")]
    assert errors["computed"].nunique() == 3 and (errors["excluded"] == "").all()
    together = (verdicts["statistic"] == "p") & (verdicts["level"] == "")
    together &= verdicts["model"] != ""
    assert together.sum() == 7 and verdicts.loc[together, "computed"].between(0, 1).all()
    # Whatever its unit, a rate times its patient-years is a number of events.
    rated = verdicts[verdicts["group"].eq("arm=c") & verdicts["field"].eq("estimate")]
    rated = rated.drop_duplicates("statistic").set_index("statistic")["computed"]
    events = rated["incidence_rate"] * rated["patient_years"] / 100
    assert events == pytest.approx(round(events)) and 10 < events <= SIZES["c"]
    assert rated["patient_years"] < 12 * SIZES["c"]
    timed = verdicts[verdicts["covariate"].isin(["css_months", "css_event"])]
    assert len(timed) == 6 and (timed["computed"] - timed["value"]).abs().max() < 3


def test_the_certificate_finds_what_the_search_says(third, tmp_path):
    """Every kind of quantity by kernels and by other programs, on a cohort moved a little."""
    design, wishes, ledger_rows = third
    found = search.prepare(design, wishes, ledger_rows, seed=2, effort=0.0002)
    state = search.run(found, effort=0.0002).state
    paths = histories.write(design, wishes, found.columns, state, 2, tmp_path)
    from crlm.reconstruction.certificate import analysis_frames

    frames, got = analysis_frames(design, *paths), annealing.attained(found, state)
    kinds, counted = set(), set()
    for k, target in enumerate(found.targets):
        known = target.quantity.kind in {*programs.PROGRAMS, "incidence"}
        if known and np.isfinite(got[k]):
            again = programs.by_python(target.quantity, frames, design)
            again = abs(again) if target.absolute else again
            assert again == pytest.approx(got[k], rel=5e-4, abs=5e-4), target
            kinds.add(target.quantity.kind)
            if target.quantity.kind == "incidence":
                asked = target.quantity
                counted.add((asked.endpoint, asked.part, asked.limit))
    assert kinds >= {
        "cox",
        "table",
        "t",
        "logranks",
        "logrank",
        "summary",
        "count",
        "km",
        "incidence",
        "risk",
        "rate",
    }
    assert len(counted) == 8
    assert 1 < (state.fate[:, 3] == 2).sum() < (state.fate[:, 3] > 0).sum()


@pytest.fixture(scope="module")
def begun(third):
    """A search made ready, and its leg of everything."""
    made = search.prepare(*third, seed=2, effort=0.0002)
    return made, next(leg for leg in legs.legs(made, 0.0002) if leg.name == "joint")


@pytest.mark.parametrize("move", [Move.SWAP_BESIDE, Move.PAST])
def test_a_fine_move_stays_in_its_stratum_and_keeps_what_is_counted(begun, move):
    made, leg = begun
    state, plan = annealing.copy(made.state), made.plan
    column = made.columns.at("decade")
    freedom = made.freedom._replace(strata=column)
    blocks = len(plan.kind)
    who, old_fate = np.zeros(2, dtype=np.int64), np.zeros((2, 4), dtype=np.int64)
    touched, old_x = np.zeros(blocks, dtype=bool), np.zeros((2, len(state.x)))
    given = (who, old_fate, old_x, touched, leg.active)
    moved = 0
    base = made.columns.n_base
    for i in np.tile(np.arange(len(state.fate)), 3):
        before = annealing.copy(state)
        if not engine._propose(int(move), i, state, plan, freedom, leg.bundles, *given):
            continue
        moved += 1
        assert state.x[column, who[0]] == state.x[column, who[1]] and who[0] != who[1]
        np.testing.assert_array_equal(state.fate[:, Course.DEAD], before.fate[:, Course.DEAD])
        np.testing.assert_array_equal(state.x[:base], before.x[:base])
        assert (state.time != before.time).any()
        if move == Move.SWAP_BESIDE:
            np.testing.assert_array_equal(
                np.sort(state.fate[:, :3], axis=None), np.sort(before.fate[:, :3], axis=None)
            )
    assert moved > len(state.fate)


def test_polishing_wins_numbers_of_fixed_models_and_loses_none_elsewhere(third, begun):
    made, leg = begun
    assert [model.name for model in legs.fixed_models(made)] == ["CSS_a"]
    names = [step.leg.name for step in legs.schedule(made, 0.0002)]
    last = ["polishing"] * legs.POLISHING + ["columns"] * legs.TURNS
    assert names[-len(last) :] == last
    found = replace(made, state=annealing.copy(made.state))
    annealing.settle(found)
    first, begin = annealing.matched(found), annealing.copy(found.state)
    inside, counts = polishing._inside(found), found.worth() > 0
    held, won = first, 0
    for seed in range(3):
        polishing.polish(found, leg, 0.004, seed)
        annealing.settle(found)
        now = annealing.matched(found)
        assert now[held & counts & ~inside].all()
        won += (found.worth() * now).sum() - (found.worth() * held).sum()
        assert (found.worth() * now).sum() >= (found.worth() * held).sum()
        held = now
    assert won > 0 and (held & inside).sum() > (first & inside).sum()
    again = replace(made, state=begin)
    for seed in range(3):
        polishing.polish(again, leg, 0.004, seed)
    np.testing.assert_array_equal(again.state.fate, found.state.fate)
    np.testing.assert_array_equal(again.state.x, found.state.x)


def test_single_times_move_where_their_mean_is_printed(third, begun):
    made, _ = begun
    steps = [step for step in legs.schedule(made, 0.05) if step.leg.name == "times"]
    assert len(steps) == legs.CHUNKS
    found = replace(made, state=annealing.copy(made.state))
    means = [k for k, t in enumerate(found.targets) if t.quantity.columns == ("css_months",)]
    assert len(means) == 3

    def off():
        annealing.settle(found)
        value = annealing.attained(found, found.state)[means]
        low, high = found.plan.low[means], found.plan.high[means]
        return np.maximum(np.maximum(low - value, value - high), 0.0).sum()

    longer = found.state.fate[:, Course.END] + 60
    found.state.fate[:, Course.END] = np.minimum(longer, found.freedom.latest)
    derived.derive_all(found.state, found.plan)
    first, before = off(), annealing.copy(found.state)
    for seed, step in enumerate(steps):
        annealing.chunk(found, step.leg, step.share, seed, step.leg.steps // legs.CHUNKS)
    assert first > 1 and off() < 0.8 * first
    dead = [Course.DEAD]
    np.testing.assert_array_equal(found.state.fate[:, dead], before.fate[:, dead])
    base = found.columns.n_base
    np.testing.assert_array_equal(found.state.x[:base], before.x[:base])


def test_a_number_that_is_not_met_has_a_price_of_its_own(begun):
    made, _ = begun
    annealing.settle(made)
    plan, state = made.plan, made.state
    unmet = ~annealing.matched(made)
    for b in range(len(plan.kind)):
        given = (b, plan, state.weight, plan.natural, 0.0)
        free, dear = (evaluation.block_cost(*given, miss, 3.0, state.out[b]) for miss in (0.0, 0.5))
        own = slice(plan.first[b], plan.first[b + 1])
        assert dear - free == pytest.approx(0.5 * state.weight[own][unmet[own]].sum())
    assert unmet.any() and not unmet.all()


def test_a_squared_distance_is_capped():
    assert evaluation._capped(0.5, 1e6) == pytest.approx(0.25)
    assert evaluation._capped(10.0, 10.0) == pytest.approx(50.0)
    assert evaluation._capped(1e6, 10.0) == pytest.approx(100.0)


def test_deaths_of_other_causes_censor(third):
    design, wishes, ledger_rows = third
    made = search.begin(design, wishes, ledger_rows, seed=1)
    table, history = histories.frames(design, wishes, made.columns, made.state, 1)
    causes = history.loc[history["event"] == "death", "details"].value_counts()
    assert set(causes.index) == {"cause=cancer", "cause=other"}
    css = made.state.event[1] if made.plan.lead[0] != 2 else made.state.event[0]
    assert css.sum() == causes["cause=cancer"]
    assert len(table) == sum(SIZES.values())


def test_an_excluded_count_does_not_make_the_cohort(third):
    """34 of 43 with positive nodes were built though excluded, and nine left unknown."""
    design, wishes, ledger_rows = third
    wrong = ledger_rows.copy()
    stage_iv = (wrong["group"] == "arm=a") & (wrong["level"] == "IV") & (wrong["statistic"] == "n")
    wrong.loc[stage_iv, "value"] -= 9
    excluded = {"excluded": dict.fromkeys(wrong.loc[stage_iv, "id"], "nine too few")}
    unknown = []
    for told in (wishes, {**wishes, **excluded}):
        made = search.begin(design, told, wrong, seed=1)
        stage = made.state.x[made.columns.at("stage"), made.state.table_group == 0]
        unknown.append(int(np.isnan(stage).sum()))
    assert unknown == [9, 0]
    assert (stage == 3).sum() == wrong.loc[stage_iv, "value"].iloc[0] + 9


def also(ledger_rows, **keys):
    """The ledger with a claim more."""
    none = dict.fromkeys(("covariate", "level", "model", "endpoint", "reference", "unit"), "")
    row = {**ledger_rows.iloc[0], **none, "population": "all", "group": "all", "decimals": 0}
    row |= {"id": "-".join(map(str, keys.values())), **keys}
    return pd.concat([ledger_rows, pd.DataFrame([row])], ignore_index=True)


def test_a_paper_without_deaths_is_followed_to_its_main_endpoint(third):
    """A printed follow-up stopped the search: it asked for the times of OS."""
    design, _, ledger_rows = third
    assert design.followed_to() == "CSS"
    alone = replace(design, endpoints={"DFS": design.endpoints["DFS"]}, main=("DFS",))
    claim = ledger_rows.iloc[0].to_dict()
    claim |= {"statistic": "median_follow_up", "group": "all", "covariate": ""}
    assert quantity_of(claim, alone).endpoint == "DFS"
    # Its events are no deaths.
    assert start._deaths(alone, ledger_rows, {"arm": "a"}) is None


def test_a_first_cohort_is_followed_to_the_end_of_the_study_where_print_tells_nothing(third):
    """Once a fifth of the patients of such a paper left within a quarter of the longest time."""
    design, wishes, told = third
    timed = told["covariate"].str.endswith("_months") | told["statistic"].str.endswith("follow_up")
    told = told[~timed]
    begun = search.begin(design, wishes, told, seed=1)
    given = (begun.plan, begun.freedom, 400, "css_months", 1.0, [])
    ends = courses._last_contacts(told, *given, 1200, np.random.default_rng(1))
    assert 0.9 < np.mean(ends >= 1200) < 1 and ends.max() > 0.95 * begun.freedom.latest


def test_a_first_cohort_is_followed_as_long_as_numbers_at_risk_say(third):
    """Limits of rates hang on them, and no search mends a hundred who left too early."""
    design, wishes, told = third
    for arm, n in SIZES.items():
        keys = {"endpoint": "CSS", "group": f"arm={arm}"}
        told = also(told, **keys, statistic="survival_rate", time=60.0, value=50.0)
        for time, left in ((0.0, n), (24.0, 0.75 * n), (48.0, 0.3 * n), (60.0, 0.1 * n)):
            told = also(told, **keys, statistic="n_at_risk", time=time, value=round(left))
    found = courses._still_followed(told, ["CSS"], 30.4375)
    want = [(24, 0.75 / 0.5**0.4), (48, 0.3 / 0.5**0.8), (60, 0.2)]
    np.testing.assert_allclose(found, want, rtol=0.02)
    assert courses._still_followed(third[2], ["CSS"], 30.4375) == []
    off = []
    for ledger_of in (told, told[told["statistic"] != "n_at_risk"]):
        ends = search.begin(design, wishes, ledger_of, seed=1).state.fate[:, Course.END]
        at_risk = [(ends >= month * 30.4375).mean() for month in (24, 48, 60)]
        off.append(np.abs(np.subtract(at_risk, [0.75, 0.3, 0.1])).max())
    assert off[0] < 0.1 < 0.2 < off[1]


@pytest.mark.parametrize(
    ("keys", "unknown"),
    [
        ({"group": "arm=a", "statistic": "missing", "value": 7.0}, {"a": 7}),
        ({"group": "arm=b", "statistic": "percent_missing", "value": 12.0}, {"b": 6}),
        ({"group": "arm=c", "statistic": "n", "value": 31.0}, {"c": 9}),
        ({"statistic": "missing", "value": 15.0}, {"a": 6, "b": 5, "c": 4}),
    ],
)
def test_printed_unknown_values_are_in_the_first_cohort(third, keys, unknown):
    """Once they were said to be a target, and no number of a first cohort was ever unknown."""
    design, wishes, ledger_rows = third
    told = also(ledger_rows, covariate="marker", **keys)
    assert spreads.unknown(design, wishes, told, "marker") == unknown
    declared = {**wishes, "columns": {"marker": {"unknown": {"a": 3}}}}
    assert spreads.unknown(design, declared, told, "marker")["a"] == 3
    columns = arrays.Columns(("arm", "marker"), 2)
    table = np.repeat([0, 1, 2], list(SIZES.values()))
    x = np.vstack([table, np.ones(150)])
    rng = np.random.default_rng(1)
    start._forget(design, wishes, told, columns, x, table, rng)
    gone = {arm: int(np.isnan(x[1, table == k]).sum()) for k, arm in enumerate("abc")}
    assert gone == {"a": 0, "b": 0, "c": 0, **unknown}
    aim = targets.goal(design, told, {}, ["arm"])
    last = next(t for t in aim.targets if told["id"].iloc[-1] in t.claims)
    frame = pd.DataFrame({"arm": np.array(list("abc"))[table], "marker": x[1]})
    found = programs.by_python(last.quantity, {"patients": frame}, design)
    assert last.low <= found < last.high
    out = np.zeros(20)
    kernels.count(np.isin(table, [ord(k) - 97 for k in unknown]), x[1], -1.0, out)
    at = {"missing": 2, "percent_missing": 3, "n": 4}[keys["statistic"]]
    assert out[at] == pytest.approx(found)


def test_one_open_level_leaves_room_for_unknown_values(third):
    design, wishes, ledger_rows = third
    told = also(ledger_rows, covariate="sex", group="arm=a", statistic="missing", value=5.0)
    mine = (told["covariate"] == "sex") & (told["group"] == "arm=a") & (told["level"] == "female")
    dealt = start._categories(design, wishes, told[~mine], "sex", "a", 60)
    assert np.isnan(dealt).sum() == 5 and dealt.count(0.0) == 30 and dealt.count(1.0) == 25


def test_sizes_of_subgroups_are_targets_and_those_of_groups_are_built_in(third):
    """Once "built in", of numbers that the search left to chance."""
    design, _, ledger_rows = third
    keys = {"statistic": "n", "value": 11.0}
    told = also(ledger_rows, group="arm=a", population="stage=III", **keys)
    told = also(told, group="stage=IV", **keys)
    told = also(told, group="stage=I/II", **keys)
    told = also(told, group="arm=b", population="sex=male", **{**keys, "statistic": "percent"})
    aim = targets.goal(design, told, {}, ["arm"])
    of = {name: t.quantity for t in aim.targets for name in t.claims}
    *_, by_arm, alone, several, share = told["id"]
    assert of[by_arm].where == (("stage", "III"),) and of[by_arm].columns == ("arm=a",)
    assert of[alone].where == () and of[alone].columns == ("stage=IV",)
    assert of[share].where == (("sex", "male"),) and of[share].part == "percent"
    assert "several levels" in aim.unsearched[several]
    built = [name for name, why in aim.unsearched.items() if "built in" in why]
    assert (
        built
        == ledger_rows.loc[
            ledger_rows["covariate"].eq("") & ledger_rows["statistic"].eq("n"), "id"
        ].tolist()
    )


@pytest.mark.parametrize("keys", [("group", "population"), ("population", "group")])
def test_joint_groups_are_found_wherever_print_has_their_conditions(third, keys):
    """Once "the number of patients with arm=a and decade=old is not printed", which it was."""
    design, wishes, ledger_rows = third
    told = ledger_rows[ledger_rows["covariate"] != "decade"]
    for arm, (level, part) in itertools.product(SIZES, [("old", 1 / 5), ("new", 4 / 5)]):
        where = dict(zip(keys, (f"arm={arm}", f"decade={level}"), strict=True))
        told = also(told, statistic="n", value=SIZES[arm] * part, **where)
    both = {**wishes, "groups": {"columns": ["arm", "decade"]}}
    sizes = spreads.group_sizes(design, both, told)
    assert sizes["a", "old"] == 12 and sizes["c", "new"] == 32 and sum(sizes.values()) == 150
    # The same counts are what a column of the first cohort is dealt from.
    assert spreads.counts_of(told, "arm=b", "decade", ["old", "new"], 50) == [10, 40]


def test_terms_of_a_model_with_levels_products_strata_and_other_references(third):
    design = third[0]
    whole = models.model_of(design, "DFS")
    assert models.terms_of(design, whole) == (
        *("arm=b", "arm=c", "stage=II", "stage=III", "stage=IV"),
        *(f"arm={a}&stage={s}" for a in "bc" for s in ("II", "III", "IV")),
    )
    assert whole.strata() == "decade|sex"
    part = models.model_of(design, "CSS", models.where_of("arm=a/b"))
    assert part.name == "CSS_a"
    assert models.terms_of(design, part) == ("sex", "stage=I", "stage=III", "stage=IV")


def test_a_ratio_against_another_level_is_asked_of_the_model_with_that_reference(third):
    design, _, ledger_rows = third
    against = ledger_rows[(ledger_rows["reference"] == "II") & (ledger_rows["level"] == "III")]
    asked = against.iloc[0].to_dict()
    quantity = quantity_of(asked, design)
    assert quantity.covariate == "stage=III" and "stage=II" not in quantity.columns
    assert quantity.strata == "decade" and quantity.where == (("arm", "a/b"),)


@pytest.mark.parametrize("rule", ["wald", "logrank"])
def test_a_covariate_alone_is_against_the_reference_of_its_model(third, rule):
    """Print has 1.7 of the first of two levels: the second against it would be aimed at 1.7."""
    design, _, ledger_rows = third
    conventions = {**design.conventions, "univariable_p": rule}
    spec = {**design.models["DFS"], "covariates": ["arm", "stage", "sex"]}
    fitted = {**design.models, "DFS": {**spec, "references": {"sex": "female"}}}
    design = replace(design, models=fitted, conventions=conventions)
    of_stage = (ledger_rows["covariate"] == "stage") & (ledger_rows["model"] == "multivariable")
    pair = ledger_rows[of_stage & (ledger_rows["endpoint"] == "DFS")]
    alone = pair.assign(covariate="sex", level="male", model="univariable", operator="=")
    alone.loc[alone["statistic"] == "hazard_ratio", "value"] = 1.7
    alone.loc[alone["statistic"] == "p", ["value", "decimals"]] = [0.01, 2]
    aimed = [t for t in targets.goal(design, alone, {}).targets if t.claims]
    assert len(aimed) == 2
    assert all(t.quantity.columns == ("sex=male",) and 0 < t.low < t.high for t in aimed)


@pytest.mark.parametrize(("level", "asked"), [("b:III", "arm=b&stage=III"), ("", "")])
def test_an_interaction_has_its_own_model_of_two_columns(third, level, asked):
    """Once a printed p for interaction stopped the search by a fault of the program."""
    design = third[0]
    claim = {"statistic": "p", "model": "interaction", "endpoint": "OS", "kind": "number"}
    claim |= {"covariate": "arm:stage", "level": level, "population": "all", "group": "all"}
    quantity = quantity_of({**claim, "time": np.nan, "field": "estimate"}, design)
    if not asked:
        assert "all levels of arm:stage together" in quantity
        return
    assert quantity.covariate == asked and asked in quantity.columns
    assert {"arm=b", "stage=III"} < set(quantity.columns)


def test_each_level_has_a_side_of_its_own(third):
    """A p value of one level was looked for on the side of another level's ratio."""
    design, _, ledger_rows = third
    risen = (ledger_rows["covariate"] == "stage") & (ledger_rows["level"] == "III")
    pair = ledger_rows[risen & (ledger_rows["endpoint"] == "DFS")]
    fallen = pair.assign(level="IV", id=pair["id"] + "-iv")
    fallen.loc[fallen["statistic"] == "hazard_ratio", "value"] = 0.6
    aim = targets.goal(design, pd.concat([ledger_rows, fallen]), {})
    z = {t.quantity.covariate: t for t in aim.targets if t.quantity.part == "z" and t.low != 0}
    assert 0 < z["stage=III"].low < z["stage=III"].high
    assert z["stage=IV"].low < z["stage=IV"].high < 0


@pytest.mark.parametrize(("selection", "worth"), [("fixed", 1.0), ("enter", 5.0)])
def test_a_p_value_stands_for_its_row_only_where_it_chooses_the_model(third, selection, worth):
    """The p values of a fixed model were worth five claims each: the search gave four for one."""
    design, _, ledger_rows = third
    spec = {name: model | {"selection": selection} for name, model in design.models.items()}
    chosen = replace(design, models=spec)
    aim = targets.goal(design, ledger_rows, {}).targets
    of_rows = [t for t in aim if t.quantity.part == "z" and t.quantity.kind == "cox"]
    assert of_rows and set(weights.worth(of_rows, chosen)) == {worth}


def test_what_cannot_be_computed_is_refused_by_the_name_of_its_claim(third):
    design, wishes, ledger_rows = third
    at = ledger_rows.index[ledger_rows["covariate"] == "css_event"][0]
    wrong = ledger_rows.copy()
    wrong.loc[at, ["covariate", "level"]] = "sex", "female"
    wrong.loc[at, "statistic"] = "mean"
    with pytest.raises(DesignError, match=f"claim '{wrong.loc[at, 'id']}'"):
        procedure.rehearse(design, wishes, wrong)


def test_a_search_does_not_begin_where_its_certificate_would_fail(third, tmp_path, monkeypatch):
    def refuse(*arguments):
        raise DesignError("claim 'c9' cannot be computed")

    monkeypatch.setattr(procedure.certificate, "certify", refuse)
    monkeypatch.setattr(procedure.search, "prepare", lambda *a: pytest.fail("the search began"))
    with pytest.raises(DesignError, match="claim 'c9'"):
        procedure.reconstruct("third", tmp_path)
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('strata = ["decade"]', 'strata = ["decad"]', r"\[models.CSS_a\] strata"),
        ('population = "arm=a/b"', 'population = "arm=a/x"', r"\[models.CSS_a\] population"),
        ('[["arm", "stage"]]', '[["arm", "sex"]]', r"\[models.DFS\] products"),
        ('{ stage = "II" }', '{ stage = "V" }', r"\[models.CSS_a\] references"),
        ('endpoint = "CSS"', 'endpoint = "CS"', r"\[models.CSS_a\] endpoint"),
        ('death_of = "cancer"', 'death_of = "tumour"', r"\[endpoints.CSS\] death_of"),
        ('population = "arm=a/b"', 'population = "sex=male"', "'male' in all patients of this"),
        (
            '_test = "t"',
            '_test = "mann-whitney"',
            "compares two groups, and 'arm' has 3; write 'kruskal'",
        ),
    ],
)
def test_misspelt_words_of_models_and_endpoints_are_refused(third, old, new, told):
    path = third[0].folder / "design.toml"
    text = path.read_text()
    assert old in text
    try:
        path.write_text(text.replace(old, new))
        with pytest.raises(DesignError, match=told):
            ledger.load_design("third")
    finally:
        path.write_text(text)


def test_a_number_spreads_as_its_mean_and_deviation_say(third):
    """Nobody need declare knots where print has mean ± SD, of the group or of all."""
    design, _, ledger_rows = third
    values = spreads.numbers(design, {}, ledger_rows, "marker", "a", 400)
    assert values.min() >= 0 and values.mean() == pytest.approx(7, abs=0.4)
    assert values.std() == pytest.approx(4, abs=0.6)
    told = ledger_rows["covariate"] == "marker"
    whole = ledger_rows.assign(group=ledger_rows["group"].where(~told, "all"))
    assert (spreads.numbers(design, {}, whole, "marker", "b", 400) == values).all()
    with pytest.raises(DesignError, match=r"\[columns.marker\] knots = \{ a = "):
        spreads.numbers(design, {}, ledger_rows[~told], "marker", "a", 400)


def test_mean_and_deviation_tell_of_a_number_beside_its_range_too(third):
    """With a range of 1 to 60 the first cohort had a mean of 30, whatever mean print had."""
    design, _, claims = third
    of_a = (claims["covariate"] == "marker") & (claims["group"] == "arm=a")
    mean = claims[of_a & (claims["statistic"] == "mean")]
    ends = [mean.assign(statistic=name, value=at) for name, at in (("min", 1.0), ("max", 60.0))]
    values = spreads.numbers(design, {}, pd.concat([claims, *ends]), "marker", "a", 400)
    assert values.min() == 1 and values.max() == 60
    assert values.mean() == pytest.approx(7, abs=0.5)
    assert np.quantile(values, [0.25, 0.75]) == pytest.approx([4.2, 8.8], abs=0.6)
    # Quartiles tell more than a mean does.
    ends += [mean.assign(statistic="q1", value=5.0), mean.assign(statistic="q3", value=6.0)]
    values = spreads.numbers(design, {}, pd.concat([claims, *ends]), "marker", "a", 400)
    assert np.quantile(values, [0.25, 0.75]) == pytest.approx([5, 6], abs=0.3)


def test_levels_that_are_digits_are_read_as_they_stand(third, tmp_path):
    """A score of 0 to 3 is no code; a 9 among 0 and 1 still asks what each means."""
    design = third[0]
    score = {"type": "category", "levels": ["0", "1", "2", "3"], "role": "baseline"}
    design = replace(design, columns={**design.columns, "score": score})
    for codes, good in (("0123", True), ("12", True), ("0139", False)):
        text = "patient_id,score\n" + "".join(f"p{k},{code}\n" for k, code in enumerate(codes))
        (tmp_path / "t.csv").write_text(text)
        found = cohort.check(str(tmp_path / "t.csv"), design).violations
        assert found.empty == good, (codes, found)


def test_a_report_has_the_models_of_the_design(third, tmp_path):
    """Patients, strata, products and references of a model of another name than its endpoint."""
    design, wishes, ledger_rows = third
    made = search.begin(design, wishes, ledger_rows, seed=1)
    paths = histories.write(design, wishes, made.columns, made.state, 1, tmp_path)
    paper = Paper("third", *map(str, paths))
    paper.patients()
    paper.endpoints()
    rule = {"selection": "fixed", "entry_p": 0.05, "univariable_p": "wald", "table": "Table"}
    rows = pd.concat([paper.regression(name, **rule).rows for name in design.models])
    multi = rows[rows["model"] == "multivariable"]
    of_part = multi[multi["population"] == "arm=a/b"]
    assert of_part["estimate"].iloc[0] <= SIZES["a"] + SIZES["b"]
    assert set(of_part["endpoint"]) == {"CSS"} and "by decade" in of_part["method"].iloc[0]
    against = of_part[of_part["statistic"] == "reference"]
    assert against.set_index("covariate")["level"]["stage"] == "II"
    whole = multi[multi["population"] == "all"]
    assert "by decade and sex" in whole["method"].iloc[0]
    products = whole[(whole["covariate"] == "arm:stage") & (whole["statistic"] == "hazard_ratio")]
    assert list(products["level"]) == [f"{a}:{s}" for a in "bc" for s in ("II", "III", "IV")]
    curves = paper.curves("DFS", by="arm", at=[36]).rows
    events = curves[(curves["statistic"] == "events") & (curves["group"] == "arm=a")]
    assert events["estimate"].tolist() == events["events"].tolist() != []
    table = paper.table_one("arm", test="chi-square", spread="range").rows
    assert {"mean", "sd"} <= set(table["statistic"])
    assert "variance" in table[table["statistic"] == "p"].set_index("covariate")["method"]["marker"]
    paper.proportional_hazards()
    paper.second_opinion()
    paper.other_models(design.main, of=["arm"])
    paper.published()


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({"unknown": {"a": 61}}, r"\[columns.sex\] unknown: 61 patients with arm = a"),
        ({"counts": {"b": {"male": 40, "female": 11}}}, r"\[columns.sex\] counts: 51 patients"),
    ],
)
def test_more_patients_than_print_has_are_refused_before_the_search(third, spec, place):
    design, wishes, ledger_rows = third
    wrong = {**wishes, "columns": {**wishes["columns"], "sex": spec}}
    with pytest.raises(DesignError, match=place):
        search.begin(design, wrong, ledger_rows, seed=1)


def test_a_large_ratio_is_no_missing_one():
    """statsmodels overshoots to NaN here; a whole table of a paper was "no result" by it."""
    rng = np.random.default_rng(17)
    levels = rng.integers(0, 4, 60)
    x = [(levels == k) * 1.0 for k in (1, 2, 3)] + [rng.integers(0, 2, 60) * 1.0 for _ in "ab"]
    strata = rng.integers(0, 3, 60)
    pull = np.column_stack(x) @ [1.0, 3.0, 6.0, 0.5, -0.5]
    time = rng.exponential(40 / np.exp(pull)).round(1) + 0.1
    end = rng.uniform(0, 40, 60).round(1) + 0.1
    held = np.column_stack([np.minimum(time, end), (time <= end) * 1.0, strata, *x])
    coef, errors, _ = programs._proportional_hazards(held.tobytes(), 60, "breslow")
    columns = [f"x{k}" for k in range(5)]
    frame = pd.DataFrame(held, columns=["time", "event", "s", *columns]).astype({"event": bool})
    ours = regression.cox(frame, columns, ties="breslow", strata="s", details=True)
    for statistic, found in (("coefficient", coef), ("se", errors)):
        want = ours.loc[ours["statistic"] == statistic, "estimate"].to_numpy()
        np.testing.assert_allclose(found, want, rtol=1e-4)


def test_counts_of_all_patients_are_shared_among_the_groups(third):
    """A paper of one arm prints its characteristics of all; the search once asked for counts."""
    design, _, ledger_rows = third
    told = ledger_rows["covariate"] == "sex"
    whole = ledger_rows[~told]
    first = ledger_rows[told].iloc[0]
    printed = [("male", 61), ("female", 80)]
    rows = [{**first, "group": "all", "level": s, "value": float(n)} for s, n in printed]
    claims_of_all = pd.concat([whole, pd.DataFrame(rows)], ignore_index=True)
    codes = [sharing.shared(design, claims_of_all, "sex", arm) for arm in SIZES]
    assert list(map(len, codes)) == list(SIZES.values())
    counts = pd.Series(sum(codes, [])).value_counts(dropna=False)
    levels = design.levels("sex")
    assert {levels[int(k)]: v for k, v in counts.items() if k == k} == dict(printed)
    assert counts[np.nan] == 9  # of whom print says nothing
    assert all(abs(part.count(0.0) / len(part) - 61 / 150) < 0.05 for part in codes)
    assert sharing.shared(design, whole, "sex", "a") is None


def test_a_model_that_a_cohort_cannot_tell_has_no_estimate():
    """A first cohort by chance: the claim was said to be impossible and nothing was searched."""
    rng = np.random.default_rng(1)
    nobody = np.zeros(40)  # of those whose covariates are all known, nobody has the level
    held = np.column_stack([rng.random(40), np.ones(40), nobody, nobody, rng.random(40)])
    estimates, errors, spread = programs._proportional_hazards(held.tobytes(), 40, "efron")
    assert np.isnan(estimates).all() and np.isnan(errors).all() and np.isnan(spread).all()
    assert len(estimates) == len(errors) == len(spread) == 2


def _said(statistic, level="", value=0.0, decimals=0):
    return {
        "statistic": statistic,
        "level": level,
        "value": value,
        "decimals": decimals,
        "group": "arm=a",
        "covariate": "stage",
        "population": "all",
        "field": "estimate",
        "model": "",
        "kind": "number",
    }


def test_percentages_alone_tell_the_counts():
    """Once "41.3 %" of 92 patients asked for a count by hand."""
    levels = ["I", "II", "III", "IV"]
    shares = dict(zip(levels, (21.7, 45.7, 25.0, 7.6), strict=True))
    claims = pd.DataFrame([_said("percent", level, share) for level, share in shares.items()])
    assert spreads.counts_of(claims, "arm=a", "stage", levels, 92) == [20, 42, 23, 7]
    thirds = pd.DataFrame([_said("percent", level, 33) for level in levels[:3]])
    assert sum(spreads.counts_of(thirds, "arm=a", "stage", levels[:3], 92)) == 92
    half = claims[claims["level"].isin(["I", "II"])]
    assert spreads.counts_of(half, "arm=a", "stage", levels, 92) == [20, 42, None, None]


@pytest.mark.parametrize(
    ("values", "decimals", "step"),
    [([61, 50, 70], 0, 1.0), ([60.5, 50.25, 70], 2, 1.0), ([55.2, 16.0, 112.2], 1, 0.1)],
)
def test_the_step_of_a_number_is_that_of_its_printed_quantiles(third, values, decimals, step):
    names = ("median", "q1", "q3")
    claims = pd.DataFrame(
        [_said(n, value=v, decimals=decimals) for n, v in zip(names, values, strict=True)]
    )
    assert spreads.step(third[0], claims, "stage", {}) == pytest.approx(step)
    assert spreads.step(third[0], claims, "stage", {"grid": 5}) == 5.0
    # Knots that are declared are quantiles too: PSA from 0.1 on was drawn as 0, 1 and 2.
    knots = {"knots": {"a": [[0, 0.1], [0.5, 0.5], [1, 2.0]]}}
    assert spreads.step(third[0], claims, "stage", knots) == pytest.approx(0.1)
    assert spreads.step(third[0], claims, "stage", {"knots": {"a": [[0, 1], [1, 2.5]]}}) == step
    # 15.8 is a quartile of whole numbers by a rule that weighs; a table takes no 15.8 of them.
    whole = replace(third[0], columns={**third[0].columns, "stage": {"type": "integer"}})
    assert spreads.step(whole, claims, "stage", {}) == 1.0


@pytest.mark.filterwarnings("error")
def test_a_printed_rate_of_nothing_ends_a_curve():
    months = courses._quantile([(0.0, 1.0), (36.0, 0.19), (60.0, 0.0)], np.array([0.5, 0.1, 1e-9]))
    assert np.isfinite(months).all() and months[0] < 36 < months[1] < 60 < months[2]


def test_quartiles_follow_the_rule_of_the_design(third):
    design = third[0]
    rule = {**design.table_one, "quantile_rule": "linear"}
    claim = {"statistic": "q1", "covariate": "marker", "group": "arm=a", "population": "all"}
    claim |= {"model": "", "endpoint": "", "field": "estimate", "time": np.nan, "kind": "number"}
    values = np.array([1.0, 2.0, 4.0, 8.0])
    frame = pd.DataFrame({"marker": values})
    out = np.zeros(20)
    kernels.summary(np.ones(4, bool), values, out)
    for one, method, at in ((design, "weibull", 3), (replace(design, table_one=rule), "linear", 7)):
        quantity = quantity_of(claim, one)
        want = np.quantile(values, 0.25, method=method)
        assert out[at] == want == programs._summary(quantity, frame, one)


@pytest.mark.parametrize("statistic", ["median_survival", "hazard_ratio", "p"])
def test_an_endpoint_that_nothing_ends_is_left_out_whatever_is_asked_of_it(third, statistic):
    """A p value of it once stopped the search as a KeyError, with the name of the endpoint."""
    design = replace(third[0], endpoints={**third[0].endpoints, "PFS": {"label": "PFS"}})
    claim = {"statistic": statistic, "covariate": "arm", "level": "b", "group": "all"}
    claim |= {"population": "all", "model": "multivariable", "endpoint": "PFS", "kind": "number"}
    told = quantity_of(claim | {"field": "estimate", "time": np.nan}, design)
    assert isinstance(told, Beyond)
    assert told.startswith("the design does not say what ends PFS: first_of or death_of")


@pytest.mark.parametrize(
    ("test", "covariate", "kind"),
    [
        ("t", "marker", "anova"),
        ("kruskal", "marker", "kruskal"),
        ("fisher", "stage", "table"),
        ("trend", "stage", "trend"),
    ],
)
def test_a_test_that_the_search_does_not_know_is_in_the_certificate(third, test, covariate, kind):
    """Analysis of variance was once judged as Kruskal and Wallis, Fisher's test not at all."""
    key = "continuous_test" if covariate == "marker" else "categorical_test"
    design = replace(third[0], table_one={**third[0].table_one, key: test})
    claim = {"statistic": "p", "covariate": covariate, "group": "arm", "population": "all"}
    claim |= {"model": "", "endpoint": "", "time": np.nan, "kind": "number", "level": ""}
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "arm": rng.choice(["a", "b", "c"], 60),
            "stage": rng.choice(["I", "II", "III", "IV"], 60),
            "marker": rng.gamma(2, 3, 60),
        }
    )
    asked = quantity_of(claim, design)
    assert isinstance(asked, str) == (test not in ("kruskal", "trend"))
    quantity = certificate._for_certificate(claim, design)
    assert quantity.kind == kind
    made = baseline.table_one(frame, "arm", [covariate], design=design, **{key: test})
    p = made.loc[made["statistic"] == "p", "estimate"].iloc[0]
    z = programs.PROGRAMS[kind](quantity, frame, design)
    assert 2 * norm.sf(abs(z)) == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"dfs_months": 30.0}, "DFS is longer than OS"),
        ({"dfs_event": 0}, "dfs_event does not count the death"),
        ({"css_months": 25.0}, "CSS is longer than OS"),
        ({"css_event": 1, "os_event": 0}, "the patient lives, but css_event counts a death"),
    ],
)
def test_endpoints_of_a_design_cannot_contradict_death(third, tmp_path, cells, told):
    """Once only RFS was held against OS, and DFS of 130 months passed an OS of 20."""
    design = third[0]
    if "os_months" not in design.columns:
        time = {"type": "number", "unit": "months", "role": "time"}
        event = {"type": "category", "levels": ["0", "1"], "role": "event"}
        more = {"os_months": time, "os_event": event}
        ends = {**design.endpoints, "OS": {"label": "Overall survival", "rule": "To death."}}
        design = replace(design, columns={**design.columns, **more}, endpoints=ends)
    sound = {"os_months": 20.0, "os_event": 1, "dfs_months": 9.0, "dfs_event": 1}
    sound |= {"css_months": 20.0, "css_event": 1, "patient_id": "p1"}
    for row, finds in ((sound, False), ({**sound, **cells}, True)):
        path = tmp_path / f"{finds}.csv"
        pd.DataFrame([row]).to_csv(path, index=False)
        rules = cohort.check(str(path), design).violations["rule"]
        assert rules.str.contains(told).any() == finds, list(rules)
