"""The last digits of models whose covariates are fixed, when everything else stands.

What keeps such a model from its print is not its ratios but their standard errors. To move a
patient past the next event changes a coefficient by about what print leaves open, and its
standard error by a fiftieth of that; to exchange values of two patients changes both, the
coefficient by far too much. So errors come first, by exchanges, while ratios are held loosely;
ratios follow, by small changes of times, slowly, for what cools fast is stuck. What is out of
reach is let go: distances are squared, and capped. At last each number that is not met has a
price of its own, so that one is given for two. Of the numbers outside these models none is lost,
and of those inside never more than are won.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from crlm.reconstruction.annealing import (
    Prices,
    Search,
    block_of_targets,
    copy,
    go,
    matched,
    put,
    settle,
)
from crlm.reconstruction.legs import Leg, chances, fixed_models
from crlm.reconstruction.quantities import RATIOS

#: A number outside the models costs this much more than one inside when it is lost.
_WALL = 1e3
#: A distance that counts as none.
_NOTHING = 1e-9
#: Standard errors and tests are not held closer than this.
_LEAST_ERROR, _LEAST_Z = 1e-4, 5e-4


@dataclass(frozen=True, eq=False)
class Pass:
    """One way through; pairs are of its beginning and its end.

    Attributes
    ----------
    moves : tuple of ndarray of float
        How often each move is tried.
    heat : tuple of float
        Temperature.
    ratio : tuple of float
        Tolerance of ratios and their limits, as logarithms.
    cap : float
        Beyond so many tolerances a distance costs no more.
    miss : float
        What a number costs that is not met at all, however near.
    edge : float
        How far inside an interval it aims, as a share of the half-width.
    errors : bool
        Whether it holds ratios and their errors, or all that is printed.
    steps, chunks : int
        At effort 1, and in how many parts.
    """

    moves: tuple[np.ndarray, np.ndarray]
    heat: tuple[float, float]
    ratio: tuple[float, float]
    cap: float
    miss: float
    edge: float
    errors: bool
    steps: int
    chunks: int


_COARSE = chances(SWAP_BESIDE=1, SWAP_NEAR=1, PAST=1, SWAP_VALUE=4)
_FINE = chances(SWAP_BESIDE=2, SWAP_NEAR=0.3, PAST=2, SWAP_VALUE=1)
PASSES = (
    Pass((_COARSE, _FINE), (0.5, 0.05), (1e-2, 2e-4), 10.0, 0.0, 0.3, True, 1_600_000, 24),
    Pass((_FINE, _FINE), (0.1, 0.01), (1e-4, 1e-4), 3.0, 0.0, 0.1, False, 520_000, 12),
    Pass((_COARSE, _FINE), (0.1, 0.02), (2e-4, 1e-4), 1.0, 0.5, 0.1, False, 400_000, 12),
)


def polish(search: Search, leg: Leg, effort: float, seed: int) -> float:
    """Bring the numbers of fixed models to their last digit; the cohort that meets most stays.

    Parameters
    ----------
    search : Search
    leg : Leg
        What counts and what moves.
    effort : float
        Multiplies the steps.
    seed : int

    Returns
    -------
    float
        What the cohort cost before.
    """
    cost = float(search.state.cost[leg.active].sum())
    settle(search)
    worth, held, printed = search.worth(), matched(search), _printed(search)
    if not (printed & ~held).any():
        return cost
    walls = held & (worth > 0) & ~printed
    best, most = copy(search.state), _met(search)
    for number, (part, share) in enumerate(_parts()):
        steps = int(part.steps * effort / part.chunks)
        _chunk(search, leg, part, share, walls, steps, (seed + number * 7919) % 2**32)
        if _met(search) > most and matched(search)[walls].all():
            best, most = copy(search.state), _met(search)
    put(search, best)
    return cost


def _parts() -> Iterator[tuple[Pass, float]]:
    return ((part, k / (part.chunks - 1)) for part in PASSES for k in range(part.chunks))


def _chunk(
    search: Search, leg: Leg, part: Pass, share: float, walls: np.ndarray, steps: int, seed: int
) -> None:
    """Some steps of a pass at a share of its way."""
    half = (search.plan.high - search.plan.low) / 2
    counted = _counted(search, part)
    weight = np.where(counted, np.sqrt(np.maximum(search.worth(), 1.0)), 0.0)
    search.state.weight[:] = np.where(walls, _WALL, weight)
    least = np.where(_of(search, "error"), _LEAST_ERROR, _between(part.ratio, share))
    least = np.where(_tests(search), _LEAST_Z, least)
    tolerance = np.where(counted, np.maximum(half, least), _NOTHING)
    plan, freedom = search.plan, search.freedom
    search = replace(
        search,
        plan=plan._replace(fine=np.where(counted, half, 0.0)),
        freedom=freedom._replace(strata=int(_strata(search)[seed % len(_strata(search))])),
    )
    leg = replace(leg, moves=part.moves[0] + share * (part.moves[1] - part.moves[0]))
    prices = Prices(tolerance, part.edge, part.miss, part.cap)
    go(search, leg, prices, _between(part.heat, share), steps, seed)


def _between(ends: tuple[float, float], share: float) -> float:
    first, last = ends
    return float(first * (last / first) ** share)


def _counted(search: Search, part: Pass) -> np.ndarray:
    """Targets that a pass brings home."""
    if not part.errors:
        return _printed(search)
    ratios = [t.quantity.limit == "estimate" and t.quantity.part in RATIOS for t in search.targets]
    return _printed(search) & ratios | _of(search, "error") & _inside(search)


def _printed(search: Search) -> np.ndarray:
    """Numbers of fixed models with two ends: what may be won, or lost for another of them."""
    ends = np.isfinite(search.plan.low) & np.isfinite(search.plan.high)
    return _inside(search) & _of(search, "claim") & ends


def _inside(search: Search) -> np.ndarray:
    """Targets of a fixed model, as flags."""
    models = {(m.endpoint, frozenset(m.where)) for m in fixed_models(search)}
    asked = [t.quantity for t in search.targets]
    return np.array(
        [len(q.columns) > 1 and (q.endpoint, frozenset(q.where)) in models for q in asked]
    )


def _strata(search: Search) -> np.ndarray:
    """Columns of the strata of fixed models; -1 of one without."""
    blocks = block_of_targets(search.plan)[_inside(search)]
    return np.unique(search.plan.strata[blocks])


def _of(search: Search, origin: str) -> np.ndarray:
    return np.array([target.origin == origin for target in search.targets])


def _tests(search: Search) -> np.ndarray:
    return np.array([target.quantity.part == "z" for target in search.targets])


def _met(search: Search) -> float:
    return float((search.worth() * matched(search)).sum())
