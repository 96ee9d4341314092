"""The search: stages from coarse to fine, one frozen procedure for every study.

Stage "core" fits curves, medians, limits and follow-up of the groups whose sizes are printed,
the models that are printed row by row, and the tests of and medians by their covariates: all
together from the start, for what is left out then finds no room later; of three starts the one
that meets most goes on, since where a search ends is settled here. "alone" deals out the
other columns, times fixed, those together that a model holds; "joint" moves all but the sites
of recurrence, which are dealt out once more. In each stage tolerance falls towards the
half-width of a printed interval. Then the search insists on one unmet claim after the other:
heavier for a while, hot, then cooled, and taken back unless as much is met as before; the
sites are dealt out a last time.
"""

from __future__ import annotations

import io
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crlm.files import write_atomically
from crlm.ledger import Design
from crlm.reconstruction import engine, fits, kernels
from crlm.reconstruction import plan as plans
from crlm.reconstruction import state as states
from crlm.reconstruction.plan import Columns, Plan
from crlm.reconstruction.realism import priors
from crlm.reconstruction.targets import (
    RATIOS,
    Goal,
    Statistic,
    Target,
    goal,
    levels_of,
    model_columns,
    slopes,
    standard_errors,
)

#: A printed number counts this much, a soft range that.
_WEIGHT = {"claim": 1.0, "implied": 1.0, "prior": 0.5, "slope": 1.0, "error": 1.0}
#: A number printed repeatedly counts more: by the root of how often, up to this.
_PRINTED = 4
#: How far inside a printed interval the search aims, as a share of the half-width.
_EDGE = 0.12
_CHUNKS = 60
#: How much more than its own weight a target that stays unmet may weigh.
_HEAVIEST = 1.3
#: Rough cohorts, and their share of the first stage's steps, which tell counts behind a p value
#: and numbers of events.
_ROUGHS, _ROUGH = 4, 0.04
#: How often the first stage is run, each time from the start; the one that meets most goes on.
_STARTS = 3
#: Insisting: how often, steps hot and cooling, heat from and to, and how much heavier.
_KICKS, _HOT, _COOLING = 20, 30_000, 30_000
_KICK_HEAT, _BOOST = (0.12, 0.01), 4.0
#: Printed numbers of a covariate in a multivariable table.
_ROW = 4
#: Range of events around what a rough cohort tells: all rows of a model printed, few of them.
_NEAR, _WIDE = (0.97, 1.03), (0.95, 1.21)
#: Chances of the moves, in the order of `engine`, when times may move, when not, and where
#: levels are given out anew.
_COURSES = np.array([22, 8, 7, 7, 3, 8, 12, 10, 3, 40, 0, 0, 0], dtype=float)
_VALUES = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 10, 6], dtype=float)
_RELABEL = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1], dtype=float)
#: Kinds of blocks that may hold several covariates.
_FITS = [plans.KINDS.index(kind) for kind in ("cox", "logistic")]


@dataclass(frozen=True)
class Stage:
    """One leg of the search.

    Attributes
    ----------
    name : str
    active : ndarray of bool
        Blocks that count.
    units : ndarray of int
        Units of columns that may move.
    moves : ndarray of float
        Chances of the moves.
    steps : int
    heat : tuple of float
        At the start and at the end.
    width : tuple of float
        Tolerance at the start and at the end: 0 is the natural scale, 1 the printed one.
    """

    name: str
    active: np.ndarray
    units: np.ndarray
    moves: np.ndarray
    steps: int
    heat: tuple[float, float]
    width: tuple[float, float]


@dataclass(frozen=True)
class Progress:
    """Where a search stands: what a caller may print."""

    stage: str
    share: float
    matched: int
    total: int
    seconds: float
    cost: float


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes
    ----------
    state : engine.State
        The cohort at the end; insisting never meets less than it began with.
    in_the_way : mapping of str to tuple of str
        Claims not met that were met when the search insisted, with the claims lost for them.
    """

    state: engine.State
    in_the_way: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Search:
    """A search made ready: what it aims at and what it moves."""

    design: Design
    wishes: Mapping[str, Any]
    goal: Goal
    targets: tuple[Target, ...]
    plan: Plan
    columns: Columns
    state: engine.State
    freedom: engine.Freedom
    queue: engine.Queue
    seed: int


def prepare(
    design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame, seed: int, effort: float = 1.0
) -> Search:
    """Targets, plan and a first cohort.

    Rough cohorts tell which of the counts that a printed p allows lie near, and how many events
    the printed intervals stand for.
    """
    aim = goal(design, claims, wishes.get("excluded", {}))
    wanted = [*aim.targets, *priors(wishes)]
    month = design.conventions["days_per_month"]
    wanted += [_anchored(*pin, month) for pin in states.anchors(aim.targets, month)]
    bands = design.conventions["conf_type"] != "spss"
    ways = [*slopes(aim.targets, month, bands), *standard_errors(aim.targets)]
    known = {target.statistic for target in wanted}
    wanted += [target for target in ways if target.statistic not in known]
    told = []
    for k in range(_ROUGHS):
        rough = _compiled(design, wishes, claims, aim, wanted, seed * _ROUGHS + k)
        stage = stages(rough, _ROUGH * effort)[0]
        for chunk in range(_CHUNKS):
            now = ((seed * _ROUGHS + k) * 100_003 + chunk) % 2**32
            _chunk(rough, stage, chunk / (_CHUNKS - 1), now)
        told.append(events_behind(rough))
    pairs = [pair for target in aim.targets for pair in counted(target, rough)]
    return _compiled(design, wishes, claims, aim, wanted + pairs + _events(rough, told), seed)


def _compiled(
    design: Design,
    wishes: Mapping[str, Any],
    claims: pd.DataFrame,
    aim: Goal,
    wanted: Sequence[Target],
    seed: int,
) -> Search:
    size = sum(states.group_sizes(design, wishes, claims).values())
    plan, columns, listed = plans.compile_plan(design, wishes, wanted, size)
    state, freedom = states.start(design, wishes, claims, plan, columns, listed, seed)
    state.weight[:] = [_own_weight(target, design) for target in listed]
    blocks = len(plan.kind)
    queue = engine.Queue(np.arange(blocks), np.zeros(blocks), np.zeros(blocks))
    return Search(design, wishes, aim, tuple(listed), plan, columns, state, freedom, queue, seed)


def counted(target: Target, search: Search) -> list[Target]:
    """The counts behind a printed p of a 2 x 2 table whose groups are printed.

    Few pairs of counts give the p; no small step leads from one pair to another, so the one
    nearest to a cohort roughly fitted is aimed at.
    """
    statistic, design = target.statistic, search.design
    if (
        statistic.kind != "association"
        or statistic.where
        or statistic.columns[0] not in search.wishes["groups"]["columns"]
        or statistic.columns[1] not in search.columns.names[search.columns.n_base :]
    ):
        return []
    group, outcome = statistic.columns
    at, to = (search.columns.at(name) for name in (group, outcome))
    totals = [int((search.state.x[at] == code).sum()) for code in (0, 1)]
    outcomes = search.state.x[to] == 1
    now = [int(outcomes[search.state.x[at] == code].sum()) for code in (0, 1)]
    fits = plans.pairs_of_counts(
        totals, target.low, target.high, target.absolute, search.plan.fisher
    )
    if not fits:
        return []
    best = min(fits, key=lambda pair: abs(pair[0] - now[0]) + abs(pair[1] - now[1]))
    asked = f"{outcome}={levels_of(design, outcome)[1]}"
    return [
        Target(
            (f"{group}={level}: {n} with {asked}",),
            Statistic("count", where=((group, level),), columns=(asked,), part="n"),
            n - 0.5,
            n + 0.5,
            kind="implied",
        )
        for level, n in zip(levels_of(design, group), best, strict=True)
    ]


def events_behind(search: Search) -> dict[str, list[float]]:
    """How many events of an endpoint the printed intervals stand for, one number a covariate.

    Information grows with events: the widths that a rough cohort attains, held against the
    printed ones, tell how many are wanted.
    """
    found = {}
    for endpoint in search.design.models:
        limits: dict[str, dict[str, Target]] = {}
        for t in _limits(search, endpoint):
            limits.setdefault(t.statistic.covariate, {})[t.statistic.limit] = t
        found[endpoint] = [
            _scaled_events(search, pair["conf_low"], pair["conf_high"])
            for pair in limits.values()
            if len(pair) == 2
        ]
    return found


def _limits(search: Search, endpoint: str) -> list[Target]:
    """Printed limits of an endpoint's ratios: of covariates alone, where there are such."""
    ratios = [
        t
        for t in search.goal.targets
        if t.statistic.endpoint == endpoint
        and t.statistic.kind == "cox"
        and not t.statistic.where
        and t.statistic.limit != "estimate"
    ]
    return [t for t in ratios if len(t.statistic.columns) == 1] or ratios


def _events(search: Search, told: Sequence[Mapping[str, list[float]]]) -> list[Target]:
    """A range of events around what rough cohorts tell.

    Where most rows of a model are not printed, its covariates may still be more correlated
    than in the rough cohorts, and the range is wide.
    """
    found, core = [], _printed_models(search)
    for endpoint in search.design.models:
        counts = [count for one in told for count in one[endpoint]]
        if counts:
            alone = len(_limits(search, endpoint)[0].statistic.columns) == 1
            low, high = _NEAR if alone or endpoint in core else _WIDE
            middle = float(np.median(counts))
            found.append(
                Target(
                    (f"{endpoint}: events behind the printed intervals",),
                    Statistic("km", endpoint, part="events"),
                    low * middle,
                    high * middle,
                    kind="implied",
                )
            )
    return found


def _scaled_events(search: Search, low: Target, high: Target) -> float:
    """Events at which a covariate would have an interval of the printed width (log scale)."""
    columns = low.statistic.columns
    e, at = plans.ENDPOINTS.index(low.statistic.endpoint), search.columns.at
    chosen = np.array([at(name) for name in columns])
    state, out = search.state, np.zeros(plans.OUT)
    inside = state.event[e] >= 0
    fits.cox(
        state.time[e],
        state.event[e],
        state.order[e],
        inside,
        state.x,
        chosen,
        len(chosen),
        search.plan.efron,
        search.plan.z,
        np.zeros(10),
        out,
    )
    row = 2 + kernels.ROW * columns.index(low.statistic.covariate)
    width = (high.low + high.high - low.low - low.high) / 2
    events = int((state.event[e] == 1).sum())  # also of patients without a value
    return float(events * ((out[row + 2] - out[row + 1]) / width) ** 2)


def _own_weights(search: Search) -> np.ndarray:
    return np.array([_own_weight(target, search.design) for target in search.targets])


def _own_weight(target: Target, design: Design) -> float:
    """What a target counts.

    More where it is a count behind a p, a day that wants an event, or a screen that a covariate
    passed; where it decides a notebook's model, or is printed repeatedly.
    """
    if target.kind == "implied" and (target.statistic.kind in ("count", "km") or target.low > 0):
        return 3.0
    printed = math.sqrt(min(len(target.claims), _PRINTED)) if target.kind == "claim" else 1.0
    return _WEIGHT[target.kind] * printed * (2.0 if _screens(target, design) else 1.0)


def _screens(target: Target, design: Design) -> bool:
    """Whether a test may decide which covariates enter a notebook's model."""
    asked = target.statistic
    return asked.part == "z" and asked.endpoint in design.models and bool(asked.covariate)


def _anchored(endpoint: str, day: int, month: float) -> Target:
    """A printed median that only one day can give wants an event on that day."""
    statistic = Statistic("anchor", endpoint, part="n", time=day / month)
    return Target((f"{endpoint}: an event on day {day}",), statistic, 1.0, math.inf, kind="implied")


def run(
    search: Search,
    *,
    effort: float = 1.0,
    watch: Callable[[Progress], None] | None = None,
    checkpoint: Path | None = None,
) -> Found:
    """Search through all stages, then insist on what is not met.

    Parameters
    ----------
    search : Search
    effort : float
        Multiplies the steps of every stage.
    watch : callable, optional
        Called now and then with a `Progress`.
    checkpoint : pathlib.Path, optional
        Written as the search goes; if it is there, the search goes on from it and ends
        as it would have without the interruption.
    """
    begun = time.monotonic()
    core, *rest = stages(search, effort)
    legs = [replace(core, name=f"core {k + 1} of {_STARTS}") for k in range(_STARTS)] + rest
    at = [leg.name for leg in legs].index("joint")
    joint, sites = legs[at], legs[at + 1 :]
    last = len(legs) * _CHUNKS
    first = best = copy(search.state)
    done, lost, kept = _restore(search, checkpoint)
    best = kept or best
    for number in range(done, last + _KICKS + len(sites) * _CHUNKS):
        if not last <= number < last + _KICKS:
            along = number if number < last else number - _KICKS
            stage, share = [*legs, *sites][along // _CHUNKS], along % _CHUNKS / (_CHUNKS - 1)
            if number < _STARTS * _CHUNKS and number % _CHUNKS == 0:
                _put(search, first)
            cost = _chunk(search, stage, share, _seed_of(search, number))
            if number < _STARTS * _CHUNKS and number % _CHUNKS == _CHUNKS - 1:
                met = [_met(search, state, stage.active) for state in (search.state, best)]
                best = copy(search.state) if number < _CHUNKS or met[0] > met[1] else best
                _put(search, best)
        else:
            stage, share = replace(joint, name="insisting"), (number - last + 1) / _KICKS
            cost = _insist(search, stage, effort, _seed_of(search, number), lost)
        if number % 10 == 9:
            if checkpoint:
                _save(search, best, lost, number + 1, checkpoint)
            if watch:
                watch(_progress(search, stage, share, cost, time.monotonic() - begun))
    every = np.ones(len(search.plan.kind), dtype=bool)
    engine.refresh(search.state, search.plan, every, search.plan.natural, 0.0, 0.0)
    met = matched(search)
    targets = search.targets
    fights = {
        name: tuple(targets[j].claims[0] for j in others)
        for k, others in lost.items()
        if not met[k]
        for name in targets[k].claims
    }
    return Found(search.state, fights)


def _seed_of(search: Search, number: int) -> int:
    return (search.seed * 100_003 + number) % 2**32


def _insist(
    search: Search, stage: Stage, effort: float, seed: int, lost: dict[int, list[int]]
) -> float:
    """One unmet claim made heavy, everything hot, then cooled; undone if less is met.

    Every other time only the columns that the claim is about move, if there are such: their
    values have few ways to go, and among all moves they would hardly have a turn.
    """
    plan, state = search.plan, search.state
    own = _own_weights(search)
    before, met = copy(state), matched(search)
    worth = _worth(search)
    unmet = np.flatnonzero((worth > 0) & ~met)
    cost = float(state.cost[stage.active].sum())
    if not len(unmet):
        return cost
    random = np.random.default_rng(seed)
    chosen = int(random.choice(unmet, p=worth[unmet] / worth[unmet].sum()))
    block = np.repeat(np.arange(len(plan.kind)), np.diff(plan.first))
    heavy = np.where((block == block[chosen]) & ~met, _BOOST * own, own)
    about = [u for u in stage.units.tolist() if _touches(search, u, block[chosen])]
    if about and random.random() < 0.5:
        stage = replace(stage, units=np.array(about), moves=_VALUES)
    _anneal(search, stage, heavy, _KICK_HEAT[0], int(_HOT * effort), seed)
    now = matched(search)
    if now[chosen]:
        lost[chosen] = [int(k) for k in np.flatnonzero((worth > 0) & met & ~now)]
    hot, cold = _KICK_HEAT
    for part in (0.25, 0.5, 0.75, 1.0):
        heat = hot * (cold / hot) ** part
        _anneal(search, stage, own, heat, int(_COOLING * effort / 4), seed + int(100 * part))
    if (worth * matched(search)).sum() < (worth * met).sum():
        _put(search, before)
    return cost


def _put(search: Search, state: engine.State) -> None:
    """Another cohort in the place of the search's own."""
    for part, other in zip(search.state, state, strict=True):
        part[...] = other


def _met(search: Search, state: engine.State, active: np.ndarray) -> float:
    """How many printings a cohort meets among some blocks."""
    inside = _targets_of(search.plan, active)
    return float((_worth(search) * matched(search, state))[inside].sum())


def _touches(search: Search, unit: int, block: int) -> bool:
    """Whether a block depends on a unit's columns."""
    columns = search.freedom.unit[unit]
    return bool(search.plan.by_column[columns[columns >= 0], block].any())


def _worth(search: Search) -> np.ndarray:
    """How many printings a target stands for; 0 for what only leads.

    What decides whether a covariate enters a model stands for its row there as well.
    """
    return np.array(
        [
            len(t.claims) + _ROW * _screens(t, search.design)
            if t.kind == "claim"
            else float(t.kind == "implied")
            for t in search.targets
        ]
    )


def _progress(search: Search, stage: Stage, share: float, cost: float, seconds: float) -> Progress:
    inside = matched(search)[_targets_of(search.plan, stage.active)]
    return Progress(stage.name, share, int(inside.sum()), len(inside), seconds, cost)


def _save(
    search: Search, best: engine.State, lost: Mapping[int, list[int]], done: int, checkpoint: Path
) -> None:
    parts = {f"now_{k}": part for k, part in enumerate(search.state)}
    parts |= {f"best_{k}": part for k, part in enumerate(best)}
    parts |= {f"queue_{k}": part for k, part in enumerate(search.queue)}
    pairs = [(k, j) for k, others in lost.items() for j in [-1, *others]]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, done=np.array(done), lost=np.array(pairs, dtype=np.int64).reshape(-1, 2), **parts
    )
    write_atomically(checkpoint, buffer.getvalue())


def _restore(
    search: Search, checkpoint: Path | None
) -> tuple[int, dict[int, list[int]], engine.State | None]:
    """Chunks done, what was lost so far, the best start; the state is set to where it stood."""
    lost: dict[int, list[int]] = {}
    if checkpoint is None or not checkpoint.is_file():
        return 0, lost, None
    with np.load(checkpoint) as saved:
        for k, part in enumerate(search.state):
            part[...] = saved[f"now_{k}"]
        for k, part in enumerate(search.queue):
            part[...] = saved[f"queue_{k}"]
        for k, j in saved["lost"].tolist():
            lost.setdefault(k, [])
            if j >= 0:
                lost[k].append(j)
        best = engine.State(*(saved[f"best_{k}"] for k in range(len(search.state))))
        return int(saved["done"]), lost, best


def _chunk(search: Search, stage: Stage, share: float, seed: int) -> float:
    state = search.state
    at = stage.width[0] + share * (stage.width[1] - stage.width[0])
    heat = stage.heat[0] * (stage.heat[1] / stage.heat[0]) ** share
    _reweigh(search, stage, at)
    _anneal(search, stage, state.weight.copy(), heat, stage.steps // _CHUNKS, seed, at)
    return float(state.cost[stage.active].sum())


def _anneal(
    search: Search,
    stage: Stage,
    weight: np.ndarray,
    heat: float,
    steps: int,
    seed: int,
    at: float = 1.0,
) -> None:
    """Steps at one heat and one tolerance (`at` 0: natural, 1: printed)."""
    plan, state = search.plan, search.state
    tolerance = plan.natural * (plan.fine / plan.natural) ** at
    miss = 0.4 * at
    state.weight[:] = weight
    engine.refresh(state, plan, stage.active, tolerance, _EDGE, miss)
    chances = np.cumsum(stage.moves) / stage.moves.sum()
    engine.reorder(search.queue, plan)
    engine.anneal(
        state,
        plan,
        search.freedom,
        search.queue,
        stage.active,
        stage.units,
        chances,
        tolerance,
        _EDGE,
        miss,
        heat,
        steps,
        seed,
    )


def _reweigh(search: Search, stage: Stage, at: float) -> None:
    """What stays unmet weighs more, what is met falls back to its own weight."""
    if at < 0.5:
        return
    own = _own_weights(search)
    met = matched(search)
    weight = np.where(met, np.maximum(search.state.weight * 0.9, own), search.state.weight * 1.05)
    search.state.weight[:] = np.minimum(weight, _HEAVIEST * own)


def stages(search: Search, effort: float) -> list[Stage]:
    """The legs of a search, in order."""
    plan = search.plan
    units = list(range(len(search.freedom.unit)))
    blocks = np.array([plan.by_column[unit[unit >= 0]].any(axis=0) for unit in search.freedom.unit])
    early = [u for u in units if _named(search, u) == "site"]
    core = [u for u in _core_units(search) if u not in early]
    rest = [u for u in units if u not in core and u not in early]
    several = (plan.n_columns > 1) & np.isin(plan.kind, _FITS)
    held = ~blocks[rest].any(axis=0) | several & blocks[core].any(axis=0)
    every, moves = np.ones_like(held), _COURSES + 2 * _VALUES
    sites = [
        _stage(
            f"alone: {_named(search, u)}",
            blocks[u],
            [u],
            _RELABEL,
            200_000,
            (0.2, 0.02),
            (0.5, 1.0),
        )
        for u in early
    ]
    found = [
        _stage("core", held, [*early, *core], moves, 2_000_000, (0.5, 0.03), (0.0, 1.0)),
        *sites,
    ]
    waiting = set(rest)
    for together in _bound(rest, blocks[:, several]):
        waiting -= set(together)
        active = blocks[together].any(axis=0) & ~blocks[sorted(waiting)].any(axis=0)
        name = ", ".join(_named(search, u) for u in together)
        found.append(
            _stage(
                f"alone: {name}",
                active,
                together,
                _VALUES,
                300_000 * len(together),
                (0.3, 0.02),
                (0.2, 1.0),
            )
        )
    found.append(_stage("joint", every, [*core, *rest], moves, 1_500_000, (0.15, 0.02), (0.7, 1.0)))
    return [replace(stage, steps=int(stage.steps * effort)) for stage in [*found, *sites]]


def _bound(units: Sequence[int], models: np.ndarray) -> list[list[int]]:
    """Units in parts that no model holds together (`models`: units by models, as flags)."""
    parts: list[list[int]] = []
    for unit in units:
        joined = [part for part in parts if (models[part] & models[unit]).any()]
        parts = [part for part in parts if part not in joined]
        parts.append([*itertools.chain(*joined), unit])
    return parts


def _stage(
    name: str,
    active: np.ndarray,
    units: Sequence[int],
    moves: np.ndarray,
    steps: float,
    heat: tuple[float, float],
    width: tuple[float, float],
) -> Stage:
    return Stage(name, active, np.array(units, dtype=np.int64), moves, int(steps), heat, width)


def _named(search: Search, unit: int) -> str:
    return search.columns.names[search.freedom.unit[unit, 0]]


def _printed_models(search: Search) -> list[str]:
    """Endpoints whose multivariable model is printed row by row."""
    printed = {
        (t.statistic.endpoint, t.statistic.covariate)
        for t in search.goal.targets
        if t.statistic.part in RATIOS and len(t.statistic.columns) > 1
    }
    return [
        endpoint
        for endpoint in search.design.models
        if {(endpoint, name) for name in model_columns(search.design, endpoint)} <= printed
    ]


def _core_units(search: Search) -> list[int]:
    """Units that hold a covariate of a model that is printed row by row, or a part of a score."""
    plan = search.plan
    wanted = {
        search.columns.at(name)
        for endpoint in _printed_models(search)
        for name in model_columns(search.design, endpoint)
    }
    for k in range(len(plan.rule) - 1, -1, -1):
        # Rules stand in the order they apply: what a column follows from comes before it.
        if plan.rule_to[k] in wanted:
            points = plan.rule[k] == plans.POINTS
            sources = plan.rule_set[k] if points else plan.rule_from[k : k + 1]
            wanted |= {int(at) for at in sources if at >= 0}
    return [u for u, unit in enumerate(search.freedom.unit) if wanted & set(unit[unit >= 0])]


def _targets_of(plan: Plan, active: np.ndarray) -> np.ndarray:
    return np.repeat(active, np.diff(plan.first))


def matched(search: Search, state: engine.State | None = None) -> np.ndarray:
    """Which targets lie within their printed interval, by the numbers last computed."""
    state, plan = state or search.state, search.plan
    block = np.repeat(np.arange(len(plan.kind)), np.diff(plan.first))
    value = state.out[block, plan.slot]
    value = np.where(plan.absolute, np.abs(value), value)
    with np.errstate(invalid="ignore"):
        return (value >= plan.low - 1e-12) & (value < plan.high)


def values(search: Search, state: engine.State) -> np.ndarray:
    """The attained value of every target, on the scale of the search."""
    plan = search.plan
    block = np.repeat(np.arange(len(plan.kind)), np.diff(plan.first))
    value = state.out[block, plan.slot]
    return np.where(plan.absolute, np.abs(value), value)


def copy(state: engine.State) -> engine.State:
    """A cohort of its own."""
    return engine.State(*(part.copy() for part in state))


__all__ = ["Found", "Progress", "Search", "Stage", "prepare", "run"]
