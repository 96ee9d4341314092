"""The values that printed digits may stand for, and arithmetic on them.

An interval is a pair (low, high), both ends included: the ends of two ranges
that touch count as shared, because a software may round a tie either way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import combinations

from scipy.special import ndtri

from crlm.ledger import compatible_interval

Interval = tuple[float, float]

#: Relative room for the binary form of decimal numbers.
_EPS = 1e-9
#: Standard normal quantile of a two-sided 95 % interval.
Z95 = 1.959963984540054
#: Stands for the logarithm of zero, so that arithmetic stays finite.
_LOG_ZERO = -60.0
#: Stands for a standard error of zero, so that ratios stay finite.
LEAST_ERROR = 1e-6
#: More patients than any study has.
_MANY = 10_000_000


def printed_interval(
    value: float, decimals: int, operator: str = "=", early: int | None = None
) -> Interval:
    """The values that a printed number may stand for; `early` as in `compatible_interval`."""
    return compatible_interval(value, decimals, operator, early)


def overlap(a: Interval, b: Interval) -> bool:
    """Whether some value lies in both."""
    low, high = max(a[0], b[0]), min(a[1], b[1])
    return low <= high or (math.isfinite(low - high) and low - high <= _EPS * max(1.0, abs(low)))


def holds(a: Interval, value: float) -> bool:
    """Whether the value lies in the interval."""
    return overlap(a, (value, value))


def meet(*parts: Interval) -> Interval | None:
    """What all intervals share, or None."""
    low, high = max(p[0] for p in parts), min(p[1] for p in parts)
    return (low, max(low, high)) if overlap((low, low), (high, high)) or low < high else None


def hull(parts: Iterable[Interval]) -> Interval:
    """The smallest interval that holds all."""
    known = list(parts)
    return min(p[0] for p in known), max(p[1] for p in known)


def total(parts: Iterable[Interval]) -> Interval:
    """Sum of intervals."""
    known = list(parts)
    return sum(p[0] for p in known), sum(p[1] for p in known)


def minus(a: Interval, b: Interval) -> Interval:
    """Difference of two independent values."""
    return a[0] - b[1], a[1] - b[0]


def times(a: Interval, factor: float) -> Interval:
    """Product with a positive number."""
    return a[0] * factor, a[1] * factor


def product(a: Interval, b: Interval) -> Interval:
    """Product of two intervals of non-negative numbers."""
    return a[0] * b[0], a[1] * b[1]


def quotient(a: Interval, b: Interval) -> Interval:
    """Quotient of two intervals of positive numbers."""
    return a[0] / b[1] if b[1] else math.inf, a[1] / b[0] if b[0] > 0 else math.inf


def mapped(function: Callable[[float], float], a: Interval) -> Interval:
    """Image under a monotone function."""
    ends = function(a[0]), function(a[1])
    return min(ends), max(ends)


def log(a: Interval) -> Interval | None:
    """Logarithm; None if no value is positive."""
    if a[1] <= 0:
        return None
    return (math.log(a[0]) if a[0] > 0 else _LOG_ZERO, math.log(a[1]))


def gap(a: Interval, b: Interval) -> float:
    """How far apart two intervals are; 0 if they touch."""
    return max(0.0, a[0] - b[1], b[0] - a[1])


def integers(a: Interval) -> range:
    """The whole numbers in an interval."""
    return range(
        math.ceil(a[0] - _EPS * max(1, abs(a[0]))), math.floor(a[1] * (1 + _EPS) + _EPS) + 1
    )


def denominators(count: int, percent: Interval) -> range:
    """Numbers of patients of whom `count` is the printed percentage.

    Parameters
    ----------
    count : int
    percent : Interval
        Values that the printed percentage may stand for.
    """
    if count == 0:
        return range(1, _MANY) if holds(percent, 0.0) else range(0)
    least = max(100 * count / percent[1], 1.0) if percent[1] > 0 else math.inf
    most = 100 * count / percent[0] if percent[0] > 0 else _MANY
    return integers((least, min(most, _MANY))) if least <= _MANY else range(0)


def wald_region(
    estimate: Interval | None, low: Interval, high: Interval, z: float = Z95, slack: float = 0.0
) -> list[tuple[float, float]]:
    """Estimates and standard errors that a printed effect with its interval may stand for.

    The limits are estimate -+ z standard errors on the scale of the arguments.

    Parameters
    ----------
    estimate, low, high : Interval
        On the scale on which the interval is symmetric (logarithms for ratios).
    slack : float
        How far the limits may be off that form, on the same scale.

    Returns
    -------
    list of (float, float)
        Corners of the region of (estimate, standard error): a polygon, because
        every printed number bounds a linear form. Empty if nothing fits all
        digits; errors of zero stand as `LEAST_ERROR`. A monotone function of
        estimate/SE is extreme at a corner.
    """
    bounds = [(1.0, -z, low[0] - slack, low[1] + slack), (1.0, z, high[0] - slack, high[1] + slack)]
    if estimate is not None:
        bounds.append((1.0, 0.0, *estimate))
    lines = [(a, c, edge) for a, c, start, stop in bounds for edge in (start, stop)]
    corners = []
    for (a1, c1, e1), (a2, c2, e2) in combinations(lines, 2):
        det = a1 * c2 - a2 * c1
        if abs(det) < 1e-12:
            continue
        b, s = (e1 * c2 - e2 * c1) / det, (a1 * e2 - a2 * e1) / det
        fits = all(lo - 1e-9 <= a * b + c * s <= hi + 1e-9 for a, c, lo, hi in bounds)
        if s > -1e-9 and fits:
            corners.append((b, max(s, LEAST_ERROR)))
    return corners


def two_sided(z: float) -> float:
    """p value of a standard normal deviate."""
    return math.erfc(abs(z) / math.sqrt(2))


def deviate(p: float) -> float:
    """The normal deviate of a two-sided p value; 0 for 1, at most 38."""
    return float(-ndtri(min(max(p, 1e-300), 1.0) / 2))
