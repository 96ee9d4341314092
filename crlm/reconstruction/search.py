"""The search from print to a cohort: made ready, then run through its list of legs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import Design
from crlm.reconstruction import (
    annealing,
    checkpoints,
    drawn,
    effects,
    insisting,
    legs,
    plan,
    polishing,
    roughs,
    start,
)
from crlm.reconstruction.annealing import Search, copy, matched, met, put, targets_of
from crlm.reconstruction.arrays import Queue, State
from crlm.reconstruction.bounds import slopes, standard_errors
from crlm.reconstruction.legs import CHUNKS, Leg, Step, Work
from crlm.reconstruction.quantity import Quantity
from crlm.reconstruction.realism import priors
from crlm.reconstruction.targets import Goal, Target, goal
from crlm.reconstruction.weights import own_weights

#: Rough cohorts, and their share of the first leg's steps.
_ROUGHS, _ROUGH = 4, 0.04
#: Numbers of patients, which a first cohort has exactly and a search keeps.
_COUNTED = ("n", "percent", "missing", "events")
#: After so many steps a caller is told, and the checkpoint written.
_TELL = 10


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
    state : State
        The cohort at the end; insisting never meets less than it began with.
    in_the_way : mapping of str to tuple of str
        Claims not met that were met when the search insisted, with the claims lost for them.
    """

    state: State
    in_the_way: Mapping[str, tuple[str, ...]]


def prepare(
    design: Design,
    wishes: Mapping[str, Any],
    claims: pd.DataFrame,
    seed: int,
    effort: float = 1.0,
    *,
    draw: bool = False,
    tell: Callable[[str], None] = lambda told: None,
) -> Search:
    """Targets, plan and a first cohort.

    Rough cohorts tell which of the counts that a printed p allows lie near, how many events
    the printed intervals stand for, around which correlations others are drawn, and how many
    events an effect that is drawn rests on.

    Parameters
    ----------
    design : Design
    wishes : mapping
        From `wishes_of`.
    claims : pandas.DataFrame
        From `ledger.load_claims`.
    seed : int
    effort : float
        Multiplies the steps of the rough cohorts.
    draw : bool
        Whether the seed draws what no claim is about: a correlation that each pair of
        characteristics wants, an effect that each characteristic wants on an endpoint
        (`drawn`), and the hazard of each year between printed points of
        the curves that the cohort begins with (`between`).
    tell : callable, optional
        Called with a line before each rough cohort.

    Raises
    ------
    DesignError, LedgerError
        If a claim, a convention or a wish cannot be searched.
    """
    aim = goal(design, claims, wishes.get("excluded", {}), wishes["groups"]["columns"])
    wanted = _wanted(design, wishes, aim)
    told, together = [], []
    for k in range(_ROUGHS):
        compiled = ", the first while the search is compiled" if not k else ""
        tell(f"made ready: rough cohort {k + 1} of {_ROUGHS}{compiled}")
        rough = _compiled(design, wishes, claims, aim, wanted, seed * _ROUGHS + k, draw)
        _roughly(rough, effort)
        told.append(roughs.events_behind(rough))
        together.append(drawn.correlations(rough) if draw else {})
    pairs = [pair for target in aim.targets for pair in roughs.counted(target, rough)]
    wanted = [*wanted, *pairs, *roughs.event_ranges(rough, told)]
    wanted += drawn.targets(together, len(rough.state.fate), seed)
    if draw:
        aimed = effects.effects(rough, seed)
        wanted = [*effects.on_their_side(wanted, aimed), *aimed]
    return _compiled(design, wishes, claims, aim, wanted, seed, draw)


def begin(design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame, seed: int) -> Search:
    """A first cohort as `prepare` makes it, before anything is searched; errors as there."""
    aim = goal(design, claims, wishes.get("excluded", {}), wishes["groups"]["columns"])
    return _compiled(design, wishes, claims, aim, _wanted(design, wishes, aim), seed)


def _wanted(design: Design, wishes: Mapping[str, Any], aim: Goal) -> list[Target]:
    """What print asks for and implies, what is declared, and the ways that lead there."""
    month = design.conventions["days_per_month"]
    wanted = [*aim.targets, *priors(wishes)]
    wanted += [_anchored(*pin, month) for pin in start.anchors(aim.targets, month)]
    bands = design.conventions["conf_type"] != "spss"
    ways = [*slopes(aim.targets, month, bands), *standard_errors(aim.targets)]
    known = {target.quantity for target in wanted}
    return [*wanted, *(target for target in ways if target.quantity not in known)]


def _anchored(endpoint: str, day: int, month: float) -> Target:
    """A printed median that only one day can give wants an event on that day."""
    quantity = Quantity("anchor", endpoint, part="n", time=day / month)
    name = (f"{endpoint}: an event on day {day}",)
    return Target(name, quantity, 1.0, math.inf, origin="implied")


def _roughly(rough: Search, effort: float) -> None:
    """The first leg with a small part of its steps."""
    core = legs.legs(rough, _ROUGH * effort)[0]
    for k in range(CHUNKS):
        seed = _seed_of(rough, k)
        annealing.chunk(rough, core, k / (CHUNKS - 1), seed, core.steps // CHUNKS)


def _counting(claims: pd.DataFrame, wishes: Mapping[str, Any]) -> pd.DataFrame:
    """The claims that a first cohort is made from: no count of it is one that is excluded.

    The other printed counts tell what it is. Spreads begin with excluded quantiles all the same,
    for the search moves them.
    """
    gone = claims["id"].isin(list(wishes.get("excluded") or {}))
    return claims[~(gone & claims["statistic"].isin(_COUNTED))]


def _compiled(
    design: Design,
    wishes: Mapping[str, Any],
    claims: pd.DataFrame,
    aim: Goal,
    wanted: Sequence[Target],
    seed: int,
    draw: bool = False,
) -> Search:
    claims = _counting(claims, wishes)
    size = sum(start.group_sizes(design, wishes, claims).values())
    joint = start.counted_jointly(design, wishes, claims)
    arrays, columns, listed = plan.compile_plan(design, wishes, wanted, size, joint)
    told = (design, wishes, claims, arrays, columns, listed, seed)
    state, freedom = start.first_cohort(*told, draw)
    state.weight[:] = own_weights(listed, design)
    blocks = len(arrays.kind)
    queue = Queue(np.arange(blocks), np.zeros(blocks), np.zeros(blocks))
    return Search(design, wishes, aim, tuple(listed), arrays, columns, state, freedom, queue, seed)


def run(
    search: Search,
    *,
    effort: float = 1.0,
    watch: Callable[[Progress], None] | None = None,
    checkpoint: Path | None = None,
) -> Found:
    """Search through all legs, then insist on what is not met.

    Parameters
    ----------
    search : Search
    effort : float
        Multiplies the steps of every leg.
    watch : callable, optional
        Called now and then with a `Progress`.
    checkpoint : pathlib.Path, optional
        Written as the search goes; if it is there and of this search, the search goes on
        from it and ends as it would have without the interruption.
    """
    begun = time.monotonic()
    first = copy(search.state)
    done, lost, best = checkpoints.restore(search, checkpoint, effort)
    best = best or first
    for number, step in enumerate(legs.schedule(search, effort)):
        if number < done:
            continue
        if step.first:
            put(search, first)
        cost = _taken(search, step, effort, _seed_of(search, number), lost)
        if step.last:
            best = _better(search, step, best)
            put(search, best)
        if number % _TELL == _TELL - 1:
            if checkpoint:
                checkpoints.save(search, best, lost, number + 1, checkpoint, effort)
            if watch:
                watch(_progress(search, step, cost, time.monotonic() - begun))
    annealing.settle(search)
    return Found(search.state, _in_the_way(search, lost))


def _taken(
    search: Search, step: Step, effort: float, seed: int, lost: dict[int, list[int]]
) -> float:
    """One step of the list; what the cohort costs."""
    if step.work is Work.POLISH:
        return polishing.polish(search, step.leg, effort, seed)
    if step.work is Work.INSIST:
        return insisting.insist(search, step.leg, effort, seed, lost)
    if step.work is Work.COLUMNS:
        return insisting.deal_again(search, step.leg, step.start, seed)
    return annealing.chunk(search, step.leg, step.share, seed, step.leg.steps // CHUNKS)


def _better(search: Search, step: Step, best: State) -> State:
    """The cohort of the start that just ended, or the best before it if that meets as much."""
    active = step.leg.active
    if step.start > 1 and met(search, search.state, active) <= met(search, best, active):
        return best
    return copy(search.state)


def _seed_of(search: Search, number: int) -> int:
    return (search.seed * 100_003 + number) % 2**32


def _in_the_way(search: Search, lost: Mapping[int, list[int]]) -> dict[str, tuple[str, ...]]:
    """Claims that are not met, with those that were lost when they were."""
    held, targets = matched(search), search.targets
    return {
        name: tuple(targets[j].claims[0] for j in others)
        for k, others in lost.items()
        if not held[k]
        for name in targets[k].claims
    }


def _progress(search: Search, step: Step, cost: float, seconds: float) -> Progress:
    leg: Leg = step.leg
    inside = matched(search)[targets_of(search.plan, leg.active)]
    return Progress(leg.name, step.share, int(inside.sum()), len(inside), seconds, cost)


__all__ = ["Found", "Progress", "Search", "prepare", "run"]
