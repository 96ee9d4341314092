"""What some cohorts say of one more: forecast intervals, and when print pins a quantity down.

Percentiles of a few cohorts are no interval of anything: of ten draws from a normal distribution
the 5th and the 95th reach 1.30 standard deviations from the middle, where one more draw lies
within 1.92 in nine of ten cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

#: Statistics whose spread is that of their logarithm.
RATIOS = ("hazard_ratio", "odds_ratio")
#: Bounds of what cannot lie beyond.
_BOUNDS = {
    "survival_rate": (0.0, 100.0),
    "concordance": (0.0, 1.0),
    "median_survival": (0.0, math.inf),
}
#: A quantity is pinned when the forecast interval is no wider than this: points of a percentage,
#: months, ratios as logarithms; a p value when all cohorts lie on one side of 0.05.
PINNED = {
    "survival_rate": 5.0,
    "rmst_difference": 1.0,
    "median_survival": 3.0,
    "hazard_ratio": 0.10,
    "concordance": 0.02,
}
_SHARE, _ALPHA = 0.9, 0.05


def forecast(values: Sequence[float], statistic: str) -> tuple[float, float]:
    """Where one more cohort would lie in nine of ten cases.

    Mean ± t·s·√(1 + 1/M) of M cohorts, of logarithms for ratios; taken for normal.

    Parameters
    ----------
    values : sequence of float
        One a cohort, none missing.
    statistic : str
        Its kind, as `survival_rate`.

    Returns
    -------
    tuple of float
        Low and high; missing of fewer than two cohorts.

    Examples
    --------
    >>> low, high = forecast([60.0, 62.0, 64.0], "survival_rate")
    >>> round(low, 2), round(high, 2)
    (55.26, 68.74)
    """
    known = _scaled(np.asarray(values, dtype=float), statistic)
    if len(known) < 2:
        return math.nan, math.nan
    half = _reach(len(known)) * known.std(ddof=1)
    return _back(known.mean() - half, known.mean() + half, statistic)


def from_percentiles(low: float, high: float, cohorts: int, statistic: str) -> tuple[float, float]:
    """About the same from the 5th and 95th percentile, where the cohorts are not at hand.

    The percentiles are widened about their middle by what M normal draws would need.
    """
    ends = _scaled(np.array([low, high]), statistic)
    half = (ends[1] - ends[0]) / 2 * widening(cohorts)
    return _back(ends.mean() - half, ends.mean() + half, statistic)


def widening(cohorts: int) -> float:
    """How much wider a forecast interval is than the percentiles of so many normal draws.

    Examples
    --------
    >>> round(widening(10), 2), round(widening(50), 2)
    (1.48, 1.09)
    """
    ranks = (np.arange(1, cohorts + 1) - 0.375) / (cohorts + 0.25)  # Blom's normal scores
    return _reach(cohorts) / float(np.quantile(stats.norm.ppf(ranks), (1 + _SHARE) / 2))


def verdict(statistic: str, values: Sequence[float], low: float | None, high: float | None) -> str:
    """Whether print pins a quantity down: "pinned" or "open".

    Parameters
    ----------
    statistic : str
    values : sequence of float
        Of the cohorts: a p value is judged by them.
    low, high : float, optional
        Of the forecast; without one nothing is pinned.
    """
    if statistic == "p":
        below = np.asarray(values) < _ALPHA
        return "pinned" if below.all() or not below.any() else "open"
    if low is None or high is None:
        return "open"
    width = float(np.diff(_scaled(np.array([low, high]), statistic))[0])
    return "pinned" if width <= PINNED[statistic] else "open"


def _reach(cohorts: int) -> float:
    """Standard deviations from the mean within which one more draw lies in nine of ten cases."""
    return float(stats.t.ppf((1 + _SHARE) / 2, cohorts - 1) * math.sqrt(1 + 1 / cohorts))


def _scaled(values: np.ndarray, statistic: str) -> np.ndarray:
    return np.log(values) if statistic in RATIOS else values


def _back(low: float, high: float, statistic: str) -> tuple[float, float]:
    if statistic in RATIOS:
        return math.exp(low), math.exp(high)
    least, most = _BOUNDS.get(statistic, (-math.inf, math.inf))
    return float(max(low, least)), float(min(high, most))
