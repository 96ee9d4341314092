"""Limits of proportions by their formulas, beside the programs that a report has them from."""

from __future__ import annotations

import math

from scipy import stats

_Z = float(stats.norm.ppf(0.975))


def limits(count: int, size: int, method: str) -> tuple[float, float]:
    """Limits of 95 % of the share that `count` of `size` patients are, 0 to 1.

    Parameters
    ----------
    method : str
        A word of `vocabulary.PERCENT_LIMITS`; sources as `crlm.proportions`.

    Examples
    --------
    >>> [round(end, 3) for end in limits(9, 30, "wilson")]
    [0.167, 0.479]
    """
    if not size:
        return math.nan, math.nan
    x, n, p, square = count, size, count / size, _Z**2
    if method == "jeffreys":
        low, high = stats.beta.ppf([0.025, 0.975], x + 0.5, n - x + 0.5)
        return float(low), float(high)
    if method == "exact":
        low = stats.beta.ppf(0.025, x, n - x + 1) if x else 0.0
        high = stats.beta.ppf(0.975, x + 1, n - x) if x < n else 1.0
        return float(low), float(high)
    if method == "wald":
        middle, reach = p, _Z * math.sqrt(p * (1 - p) / n)
    else:
        middle = (x + square / 2) / (n + square)
        reach = _Z * math.sqrt(n * p * (1 - p) + square / 4) / (n + square)
    if method == "agresti-coull":
        reach = _Z * math.sqrt(middle * (1 - middle) / (n + square))
    if method == "wilson-corrected":
        below = square - 1 / n + 4 * x * (1 - p) + (4 * p - 2)
        above = square - 1 / n + 4 * x * (1 - p) - (4 * p - 2)
        whole = 2 * (n + square)
        low = (2 * x + square - 1 - _Z * math.sqrt(max(below, 0))) / whole if x else 0.0
        high = (2 * x + square + 1 + _Z * math.sqrt(max(above, 0))) / whole if x < n else 1.0
        return low, high
    return max(middle - reach, 0.0), min(middle + reach, 1.0)
