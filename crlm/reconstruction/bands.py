"""Bands of a number: quantiles at their cuts, and values moved into them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from crlm.ledger import DesignError
from crlm.ledger.factors import Cut


def by_bands(made: Cut, counts: Sequence[float]) -> dict[float, float]:
    """Quantiles at the cuts; the outermost bands are taken to be as wide as their neighbours."""
    shares = np.cumsum(counts) / sum(counts)
    first, last = made.cuts[1] - made.cuts[0], made.cuts[-1] - made.cuts[-2]
    knots = {0.0: made.cuts[0] - first, 1.0: made.cuts[-1] + last}
    inside = zip(shares[:-1].tolist(), made.cuts, strict=True)
    return knots | {share: cut for share, cut in inside if 0 < share < 1}


def into_bands(values: np.ndarray, made: Cut, counts: Sequence[float], width: float) -> np.ndarray:
    """Rising values moved as little as puts the printed number into each band."""
    ends = np.round(np.cumsum(counts) / sum(counts) * len(values)).astype(int)
    values = values.copy()
    for level, first, last in zip(made.levels, [0, *ends], ends, strict=False):
        low, high = made.span(level) or (-math.inf, math.inf)
        steps = np.ceil(low / width - 1e-9), np.floor(high / width + 1e-9)
        if first < last and steps[0] > steps[1]:
            raise DesignError(
                f"no value of {made.source} in steps of {width:g} is {level!r}, where print has "
                f"{last - first} patients. Write a smaller grid in reconstruction.toml."
            )
        values[first:last] = np.clip(values[first:last], *(np.round(np.array(steps) * width, 4)))
    return values


def between(knots: dict[float, float], others: Mapping[float, float]) -> dict[float, float]:
    """Quantiles with those of others that lie between them: of mean and SD, beside a range."""
    kept = {
        share: value
        for share, value in others.items()
        if all(own != share and (own < share) == (at < value) for own, at in knots.items())
    }
    return knots | kept
