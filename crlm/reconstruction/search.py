"""The search: stages from coarse to fine, one frozen procedure for every study.

Stage "groups" fits curves, medians, limits and follow-up of the groups whose sizes are
printed, and places an event on each day that a printed median wants one; "alone" deals out
one column by itself, times fixed, those of the multivariable models first; "models" brings
these into step, times free; "alone" again for the rest; "joint" moves all together. In each
stage tolerance falls towards the half-width of a printed interval.
"""

from __future__ import annotations

import io
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
from crlm.reconstruction import engine
from crlm.reconstruction import plan as plans
from crlm.reconstruction import state as states
from crlm.reconstruction.plan import Columns, Plan
from crlm.reconstruction.realism import priors
from crlm.reconstruction.targets import (
    Goal,
    Statistic,
    Target,
    goal,
    guides,
    levels_of,
    model_columns,
    slopes,
)

#: A printed number counts this much, a soft range that.
_WEIGHT = {"claim": 1.0, "implied": 1.0, "prior": 0.5, "guide": 3.0, "slope": 0.5}
#: How far inside a printed interval the search aims, as a share of the half-width.
_EDGE = 0.12
_CHUNKS = 60
#: How much more than its own weight a target that stays unmet may weigh.
_HEAVIEST = 1.3
#: Share of the first stage's steps after which counts behind a p value are told.
_ROUGH = 0.3
#: Chances of the moves, in the order of `engine`, when times may move and when not.
_COURSES = np.array([22, 8, 7, 7, 3, 8, 12, 10, 3, 0, 0], dtype=float)
_VALUES = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 26, 14], dtype=float)


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
class Search:
    """A search made ready: what it aims at and what it moves."""

    design: Design
    wishes: Mapping[str, Any]
    claims: pd.DataFrame
    goal: Goal
    targets: tuple[Target, ...]
    plan: Plan
    columns: Columns
    state: engine.State
    freedom: engine.Freedom
    seed: int


def prepare(
    design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame, seed: int, effort: float = 1.0
) -> Search:
    """Targets, plan and a first cohort.

    A rough first fit tells which of the counts that a printed p allows lie near.
    """
    aim = goal(design, claims, wishes.get("excluded", {}))
    wanted = [*aim.targets, *priors(wishes)]
    month = design.conventions["days_per_month"]
    wanted += [_anchored(*pin) for pin in states.anchors(aim.targets, month)]
    bands = design.conventions["conf_type"] != "spss"
    ways = slopes(aim.targets, month, bands)
    known = {target.statistic for target in wanted}
    wanted += [target for target in ways if target.statistic not in known]
    led = guides(aim.targets, wishes["groups"]["columns"])
    wanted += [target for target in led if target.statistic not in known]
    rough = _compiled(design, wishes, claims, aim, wanted, seed)
    stage = stages(rough, _ROUGH * effort)[0]
    for chunk in range(_CHUNKS):
        _chunk(rough, stage, chunk / (_CHUNKS - 1), (seed * 100_003 + chunk) % 2**32)
    pairs = [pair for target in aim.targets for pair in counted(target, rough)]
    return _compiled(design, wishes, claims, aim, wanted + pairs, seed)


def _compiled(
    design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame, aim: Goal,
    wanted: Sequence[Target], seed: int,
) -> Search:  # fmt: skip
    size = sum(states.group_sizes(design, wishes, claims).values())
    plan, columns, listed = plans.compile_plan(design, wishes, wanted, size)
    state, freedom = states.start(design, wishes, claims, plan, columns, listed, seed)
    state.weight[:] = [_own_weight(target, design) for target in listed]
    return Search(design, wishes, claims, aim, tuple(listed), plan, columns, state, freedom, seed)


def counted(target: Target, search: Search) -> list[Target]:
    """The counts behind a printed p of a 2 x 2 table whose groups are printed.

    Few pairs of counts give the p; no small step leads from one pair to another, so the one
    nearest to a cohort roughly fitted is aimed at.
    """
    statistic, design = target.statistic, search.design
    if (
        statistic.kind != "association" or statistic.where
        or statistic.columns[0] not in search.wishes["groups"]["columns"]
        or statistic.columns[1] not in search.columns.names[search.columns.n_base :]
    ):  # fmt: skip
        return []
    group, outcome = statistic.columns
    at, to = (search.columns.at(name) for name in (group, outcome))
    totals = [int((search.state.x[at] == code).sum()) for code in (0, 1)]
    outcomes = search.state.x[to] == 1
    now = [int(outcomes[search.state.x[at] == code].sum()) for code in (0, 1)]
    fits = plans.pairs_of_counts(totals, target.low, target.high, target.absolute,
                                 search.plan.fisher)  # fmt: skip
    if not fits:
        return []
    best = min(fits, key=lambda pair: abs(pair[0] - now[0]) + abs(pair[1] - now[1]))
    asked = f"{outcome}={levels_of(design, outcome)[1]}"
    return [
        Target((f"{group}={level}: {n} with {asked}",),
               Statistic("count", where=((group, level),), columns=(asked,), part="n"),
               n - 0.5, n + 0.5, kind="implied")
        for level, n in zip(levels_of(design, group), best, strict=True)
    ]  # fmt: skip


def _own_weight(target: Target, design: Design) -> float:
    """What a target counts: more where it is a count behind a p, or decides a notebook's model."""
    if target.kind == "implied" and target.statistic.kind == "count":
        return 3.0
    screens = target.statistic.part == "z" and target.statistic.endpoint in design.models
    return _WEIGHT[target.kind] * (2.0 if screens and target.statistic.covariate else 1.0)


def _anchored(endpoint: str, day: int) -> Target:
    """A printed median that only one day can give wants an event on that day."""
    statistic = Statistic("anchor", endpoint, columns=(str(day),), part="n")
    return Target((f"{endpoint}: an event on day {day}",), statistic, 1.0, math.inf, kind="implied")


def run(
    search: Search,
    *,
    effort: float = 1.0,
    watch: Callable[[Progress], None] | None = None,
    checkpoint: Path | None = None,
) -> engine.State:
    """Search through all stages; the best cohort met, by targets matched.

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
    legs = stages(search, effort)
    done, best = _restore(search, checkpoint)
    for number in range(done, len(legs) * _CHUNKS):
        stage, chunk = legs[number // _CHUNKS], number % _CHUNKS
        share = chunk / (_CHUNKS - 1)
        cost = _chunk(search, stage, share, (search.seed * 100_003 + number) % 2**32)
        if stage.name == "joint" and share > 0.3:
            best = better(search, best)
        if chunk % 10 == 9:
            if checkpoint:
                _save(search, best, number + 1, checkpoint)
            if watch:
                watch(_progress(search, stage, share, cost, time.monotonic() - begun))
    found = best if best is not None else copy(search.state)
    every = np.ones(len(search.plan.kind), dtype=bool)
    engine.refresh(found, search.plan, every, search.plan.natural, 0.0, 0.0)
    return found


def _progress(search: Search, stage: Stage, share: float, cost: float, seconds: float) -> Progress:
    inside = matched(search)[_targets_of(search.plan, stage.active)]
    return Progress(stage.name, share, int(inside.sum()), len(inside), seconds, cost)


def _save(search: Search, best: engine.State | None, done: int, checkpoint: Path) -> None:
    parts = {f"now_{k}": part for k, part in enumerate(search.state)}
    if best is not None:
        parts |= {f"best_{k}": part for k, part in enumerate(best)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, done=np.array(done), **parts)
    write_atomically(checkpoint, buffer.getvalue())


def _restore(search: Search, checkpoint: Path | None) -> tuple[int, engine.State | None]:
    """Chunks already done, and the best cohort so far; the state is set to where it stood."""
    if checkpoint is None or not checkpoint.is_file():
        return 0, None
    with np.load(checkpoint) as saved:
        for k, part in enumerate(search.state):
            part[...] = saved[f"now_{k}"]
        best = None
        if "best_0" in saved:
            best = engine.State(*(saved[f"best_{k}"] for k in range(len(search.state))))
        return int(saved["done"]), best


def _chunk(search: Search, stage: Stage, share: float, seed: int) -> float:
    plan, state = search.plan, search.state
    at = stage.width[0] + share * (stage.width[1] - stage.width[0])
    tolerance = plan.natural * (plan.fine / plan.natural) ** at
    miss = 0.4 * at
    heat = stage.heat[0] * (stage.heat[1] / stage.heat[0]) ** share
    _reweigh(search, stage, at)
    engine.refresh(state, plan, stage.active, tolerance, _EDGE, miss)
    chances = np.cumsum(stage.moves) / stage.moves.sum()
    engine.anneal(
        state, plan, search.freedom, stage.active, stage.units, chances, tolerance, _EDGE, miss,
        heat, stage.steps // _CHUNKS, seed,
    )  # fmt: skip
    return float(state.cost[stage.active].sum())


def _reweigh(search: Search, stage: Stage, at: float) -> None:
    """What stays unmet weighs more, what is met falls back to its own weight."""
    if at < 0.5:
        return
    own = np.array([_own_weight(target, search.design) for target in search.targets])
    met = matched(search)
    weight = np.where(met, np.maximum(search.state.weight * 0.9, own), search.state.weight * 1.05)
    search.state.weight[:] = np.minimum(weight, _HEAVIEST * own)


def stages(search: Search, effort: float) -> list[Stage]:
    """The legs of a search, in order."""
    plan = search.plan
    units = list(range(len(search.freedom.unit)))
    blocks = np.array([plan.by_column[unit[unit >= 0]].any(axis=0) for unit in search.freedom.unit])
    early = [u for u in units if _named(search, u) == "site"]
    models = [u for u in _model_units(search) if u not in early]
    rest = [u for u in units if u not in models and u not in early]
    groups = ~blocks[[*models, *rest]].any(axis=0)
    values = 0.3 * _VALUES if early else 0 * _VALUES
    shared = blocks.sum(axis=0) > 1
    lead = _guide_blocks(search)
    models_too = ~blocks[rest].any(axis=0) & ~lead
    found = [_stage("groups", groups, early, _COURSES + values, 600_000, (0.2, 0.03), (0.0, 1.0))]
    alone = {
        u: _stage(f"alone: {_named(search, u)}", blocks[u] & ~shared, [u], _VALUES, 60_000,
                  (0.2, 0.02), (0.3, 1.0))
        for u in [*models, *rest]
    }  # fmt: skip
    found += [alone[u] for u in models]
    found.append(_stage("models", models_too, [*early, *models], _COURSES + 2 * _VALUES, 2_500_000,
                        (0.3, 0.03), (0.2, 1.0)))  # fmt: skip
    found += [alone[u] for u in rest]
    found.append(_stage("joint", ~lead, units, _COURSES + 2 * _VALUES, 4_000_000, (0.25, 0.03),
                        (0.5, 1.0)))  # fmt: skip
    return [replace(stage, steps=int(stage.steps * effort)) for stage in found]


def _stage(
    name: str, active: np.ndarray, units: Sequence[int], moves: np.ndarray, steps: float,
    heat: tuple[float, float], width: tuple[float, float],
) -> Stage:  # fmt: skip
    return Stage(name, active, np.array(units, dtype=np.int64), moves, int(steps), heat, width)


def _guide_blocks(search: Search) -> np.ndarray:
    """Blocks that hold nothing but guides."""
    block = np.repeat(np.arange(len(search.plan.kind)), np.diff(search.plan.first))
    guide = np.array([target.kind == "guide" for target in search.targets])
    return ~np.isin(np.arange(len(search.plan.kind)), block[~guide])


def _named(search: Search, unit: int) -> str:
    return search.columns.names[search.freedom.unit[unit, 0]]


def _model_units(search: Search) -> list[int]:
    """Units that hold a covariate of a multivariable model."""
    wanted: set[int] = set()
    for endpoint in search.design.models:
        for name in model_columns(search.design, endpoint, search.claims):
            at = search.columns.at(name)
            rules = dict(zip(search.plan.rule_to, search.plan.rule_from, strict=True))
            while at in rules and rules[at] >= 0:
                at = rules[at]
            wanted.add(int(at))
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


def better(search: Search, best: engine.State | None) -> engine.State:
    """The present cohort if it matches more claims than the best so far."""
    claims = np.array([t.kind in ("claim", "implied") for t in search.targets])
    now = matched(search)[claims].sum()
    if best is None or now >= matched(search, best)[claims].sum():
        return copy(search.state)
    return best


__all__ = ["Progress", "Search", "Stage", "prepare", "run", "replace"]
