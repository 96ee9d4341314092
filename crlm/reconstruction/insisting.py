"""Insisting on one unmet claim: what it takes, and what is lost for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from crlm.reconstruction.annealing import Search, anneal, block_of_targets, copy, matched, put
from crlm.reconstruction.legs import INSISTING, VALUES, Leg, touches

#: Cooling goes by these parts.
_PARTS = (0.25, 0.5, 0.75, 1.0)


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
    about = [bundle for bundle in leg.bundles.tolist() if touches(search, bundle, block)]
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
