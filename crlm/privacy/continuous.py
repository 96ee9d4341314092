"""Measurements: a median is the mean of the K patients around it, an extreme is nobody's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from crlm.ledger import round_half_up
from crlm.numbers import Shown, number


def around(values: np.ndarray, at: int, k: int) -> float:
    """The mean of the K ordered values around a position; NaN where there are not K.

    Parameters
    ----------
    values : ndarray of float, ascending
    at : int
        Position, from 0.
    """
    first = at - k // 2
    if first < 0 or first + k > len(values):
        return math.nan
    return float(values[first : first + k].mean())


def quantile(values: np.ndarray, share: float, k: int) -> float:
    """A median or quartile of at least 4 K values; NaN of fewer.

    The rank is that of SPSS and R's type 6: (n + 1) times the share.
    """
    if len(values) < 4 * k:
        return math.nan
    rank = math.floor((len(values) + 1) * share)
    return around(np.sort(values), rank - 1, k)


def mean(values: np.ndarray, k: int) -> float:
    """The mean of at least 2 K values, none of which is half of the sum."""
    total = np.abs(values).sum()
    if len(values) < 2 * k or np.abs(values).max() * 2 >= total:
        return math.nan
    return float(values.mean())


def places(values: Sequence[float] | np.ndarray) -> int:
    """With how many decimals a column is recorded, at most two."""
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    for decimals in (0, 1):
        if np.allclose(known, np.round(known, decimals), rtol=0, atol=1e-9):
            return decimals
    return 2


def written(value: float, decimals: int) -> float:
    """A number as it is printed, in digits and in text."""
    if not math.isfinite(value):
        return math.nan
    rounded = round_half_up(value, decimals)
    return Shown(rounded, number(rounded, decimals))


def digits(value: float, significant: int) -> float:
    """A number with so many significant digits."""
    if not math.isfinite(value) or value == 0:
        return value
    return float(f"{value:.{significant - 1}e}")
