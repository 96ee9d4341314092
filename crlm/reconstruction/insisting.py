"""One unmet claim after the other: what it takes, and what is lost for it.

Insisting moves what the claim is about at the printed tolerance. Where other numbers hold the same
columns to a last digit, as a p does that is printed to two decimals, hardly a move is taken there,
though the way is free once all of them are held loosely. So at the end the columns of a claim are
dealt out once more, with a tolerance that widens and narrows again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crlm.reconstruction.annealing import Search, anneal, block_of_targets, copy, matched, put
from crlm.reconstruction.legs import INSISTING, VALUES, Leg, touches

#: Cooling goes by these parts.
_PARTS = (0.25, 0.5, 0.75, 1.0)
#: Parts in which the tolerance of columns dealt out again narrows; in the first half of them the
#: claim is heavy.
_NARROWING = 20
#: Turns of one claim at most: what two missed, eight missed too.
_TRIES = 2


def insist(search: Search, leg: Leg, effort: float, seed: int, lost: dict[int, list[int]]) -> float:
    """One unmet claim made heavy, everything hot, then cooled; undone if less is met.

    Every other time only the columns that the claim is about move, if there are such: their
    values have few ways to go, and among all moves they would hardly have a turn.

    Parameters
    ----------
    search : Search
    leg : Leg
        What counts and what moves.
    effort : float
        Multiplies the steps.
    seed : int
    lost : dict
        By target: the targets that were lost for it when it was last met. Written here.

    Returns
    -------
    float
        What the cohort cost before.
    """
    worth, met = search.worth(), matched(search)
    unmet = np.flatnonzero((worth > 0) & ~met)
    cost = float(search.state.cost[leg.active].sum())
    if not len(unmet):
        return cost
    before = copy(search.state)
    random = np.random.default_rng(seed)
    chosen = int(random.choice(unmet, p=worth[unmet] / worth[unmet].sum()))
    block = int(block_of_targets(search.plan)[chosen])
    about = _about(search, leg, block)
    if about and random.random() < 0.5:
        leg = replace(leg, bundles=np.array(about), moves=VALUES)
    hot, _ = INSISTING.heat
    anneal(search, leg, _heavy(search, block, met), hot, int(INSISTING.hot * effort), seed)
    now = matched(search)
    if now[chosen]:
        lost[chosen] = np.flatnonzero((worth > 0) & met & ~now).tolist()
    _cool(search, leg, effort, seed)
    if (worth * matched(search)).sum() < (worth * met).sum():
        put(search, before)
    return cost


def deal_again(search: Search, leg: Leg, turn: int, seed: int) -> float:
    """The columns of one unmet claim dealt out once more; kept if more is met.

    Claims that fewest columns are about come first: what one column alone is about has most room.

    Parameters
    ----------
    search : Search
    leg : Leg
        What counts, what moves, the steps, and how heat and tolerance fall.
    turn : int
        Which of the unmet claims, in their order, which is gone through twice.
    seed : int

    Returns
    -------
    float
        What the cohort cost before.
    """
    worth, met = search.worth(), matched(search)
    cost = float(search.state.cost[leg.active].sum())
    blocks = block_of_targets(search.plan)[(worth > 0) & ~met].tolist()
    asked = [(about, b) for b in dict.fromkeys(blocks) if (about := _about(search, leg, b))]
    if turn > _TRIES * len(asked):
        return cost
    before = copy(search.state)
    about, block = sorted(asked, key=lambda pair: len(pair[0]))[(turn - 1) % len(asked)]
    leg, heavy = replace(leg, bundles=np.array(about)), _heavy(search, block, met)
    for k in range(_NARROWING):
        share, steps = k / (_NARROWING - 1), leg.steps // _NARROWING
        weight = heavy if share < 0.5 else search.own_weights()
        anneal(search, leg, weight, leg.heat(share), steps, seed + k, leg.width(share))
    if (worth * matched(search)).sum() <= (worth * met).sum():
        put(search, before)
    return cost


def _about(search: Search, leg: Leg, block: int) -> list[int]:
    """Bundles of a leg that a block depends on."""
    return [bundle for bundle in leg.bundles.tolist() if touches(search, bundle, block)]


def _heavy(search: Search, block: int, met: np.ndarray) -> np.ndarray:
    """Weights of the targets, those unmet of one block heavier."""
    own = search.own_weights()
    wanted = (block_of_targets(search.plan) == block) & ~met
    return np.where(wanted, INSISTING.heavier * own, own)


def _cool(
    search: Search, leg: Leg, effort: float, seed: int, parts: Sequence[float] = _PARTS
) -> None:
    hot, cold = INSISTING.heat
    for part in parts:
        steps = int(INSISTING.cooling * effort / len(parts))
        heat = hot * (cold / hot) ** part
        anneal(search, leg, search.own_weights(), heat, steps, seed + int(100 * part))
