"""A search made ready, and the annealing of a part of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from crlm.ledger import Design
from crlm.reconstruction import engine
from crlm.reconstruction.arrays import Columns, Freedom, Plan, Queue, State
from crlm.reconstruction.targets import Goal, Target
from crlm.reconstruction.weights import own_weights, worth

if TYPE_CHECKING:
    from crlm.reconstruction.legs import Leg

#: How far inside a printed interval the search aims, as a share of the half-width.
_EDGE = 0.12
#: What a target costs that is not met at all, where the tolerance is the printed one.
_MISS = 0.4
#: How much more than its own weight a target that stays unmet may weigh.
_HEAVIEST = 1.3


@dataclass(frozen=True)
class Search:
    """A search made ready: what it aims at and what it moves."""

    design: Design
    wishes: Mapping[str, Any]
    goal: Goal
    targets: tuple[Target, ...]
    plan: Plan
    columns: Columns
    state: State
    freedom: Freedom
    queue: Queue
    seed: int

    def own_weights(self) -> np.ndarray:
        """What each target counts to begin with."""
        return self._own_weights.copy()

    def worth(self) -> np.ndarray:
        """How many printings each target stands for."""
        return self._worth.copy()

    # Asked for at every step, and the same at each.
    @cached_property
    def _own_weights(self) -> np.ndarray:
        return own_weights(self.targets, self.design)

    @cached_property
    def _worth(self) -> np.ndarray:
        return worth(self.targets, self.design)

    @cached_property
    def described(self) -> str:
        """The targets as text, by which a checkpoint knows them."""
        return repr(self.targets)


@dataclass(frozen=True)
class Prices:
    """What it costs to be off.

    Attributes
    ----------
    tolerance : ndarray of float
        Of each target: the distance that costs its weight.
    edge : float
        How far inside an interval the search aims, as a share of its half-width.
    miss : float
        What a target costs that is not met at all.
    cap : float
        Above 0: distances are squared, and worth this many tolerances, squared, at most.
    """

    tolerance: np.ndarray
    edge: float
    miss: float = 0.0
    cap: float = 0.0


def chunk(search: Search, leg: Leg, share: float, seed: int, steps: int) -> float:
    """Some steps of a leg at a share of its way; what its blocks cost then."""
    state, width = search.state, leg.width(share)
    _reweigh(search, width)
    anneal(search, leg, state.weight.copy(), leg.heat(share), steps, seed, width)
    return float(state.cost[leg.active].sum())


def anneal(
    search: Search,
    leg: Leg,
    weight: np.ndarray,
    heat: float,
    steps: int,
    seed: int,
    width: float = 1.0,
) -> None:
    """Steps at one temperature and one tolerance (`width` 0: natural, 1: printed)."""
    plan = search.plan
    tolerance = plan.natural * (plan.fine / plan.natural) ** width
    search.state.weight[:] = weight
    go(search, leg, Prices(tolerance, _EDGE, _MISS * width), heat, steps, seed)


def go(search: Search, leg: Leg, prices: Prices, heat: float, steps: int, seed: int) -> None:
    """Steps at one temperature and at given prices; weights are those of the state."""
    given = (prices.tolerance, prices.edge, prices.miss, prices.cap)
    plan, state = search.plan, search.state
    chances = np.cumsum(leg.moves) / leg.moves.sum()
    engine.reorder(search.queue, plan)
    moved = (leg.active, leg.bundles, chances)
    engine.anneal(state, plan, search.freedom, search.queue, *moved, *given, heat, steps, seed)


def _reweigh(search: Search, width: float) -> None:
    """What stays unmet weighs more, what is met falls back to its own weight."""
    if width < 0.5:
        return
    own = search.own_weights()
    met = matched(search)
    weight = np.where(met, np.maximum(search.state.weight * 0.9, own), search.state.weight * 1.05)
    search.state.weight[:] = np.minimum(weight, _HEAVIEST * own)


def settle(search: Search) -> None:
    """Every quantity of the cohort computed from scratch."""
    plan, state = search.plan, search.state
    moved = (np.ones(len(plan.kind), dtype=bool), np.zeros(0, dtype=np.int64), np.ones(1))
    given = (plan.natural, 0.0, 0.0, 0.0, 0.0, 0, 0)
    engine.anneal(state, plan, search.freedom, search.queue, *moved, *given)


def attained(search: Search, state: State) -> np.ndarray:
    """The value of every target that a cohort has, on the scale of the search."""
    plan = search.plan
    value = state.out[block_of_targets(plan), plan.slot]
    return np.where(plan.absolute, np.abs(value), value)


def matched(search: Search, state: State | None = None) -> np.ndarray:
    """Which targets lie within their printed interval, by the numbers last computed."""
    plan, value = search.plan, attained(search, state or search.state)
    with np.errstate(invalid="ignore"):
        return (value >= plan.low - 1e-12) & (value < plan.high)


def met(search: Search, state: State, active: np.ndarray) -> float:
    """How many printings a cohort meets among some blocks."""
    inside = targets_of(search.plan, active)
    return float((search.worth() * matched(search, state))[inside].sum())


def targets_of(plan: Plan, active: np.ndarray) -> np.ndarray:
    """Targets of some blocks, as flags."""
    return np.repeat(active, np.diff(plan.first))


def block_of_targets(plan: Plan) -> np.ndarray:
    """The block of each target."""
    return np.repeat(np.arange(len(plan.kind)), np.diff(plan.first))


def copy(state: State) -> State:
    """A cohort of its own."""
    return State(*(part.copy() for part in state))


def put(search: Search, state: State) -> None:
    """Another cohort in the place of the search's own."""
    for part, other in zip(search.state, state, strict=True):
        part[...] = other
