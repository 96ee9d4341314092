"""Poisson rates as arithmetic: events and times in, limits, ratios and p out.

A report asks it of patients, an audit of print, which may have used any method. Two rates given
all events are a binomial: of x + y events x fall to the first, whose share of the time is told.
Limits of a ratio are those of the odds of that share, times the ratio of the times.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.special import bdtr, bdtrc, betaincinv, gammaincinv, gammaln, pdtr, xlogy

Limits = tuple[float, float]

#: The normal quantile of 95 % limits.
Z = 1.959963984540054
_TAIL = 0.025
#: As R's binom.test: outcomes are as probable as the observed one within this.
_EQUAL = 1 + 1e-7


def rate_limits(events: int, limits: str, z: float) -> Limits:
    """Limits of a number of events, as of Poisson; of a rate they are these over its time.

    Examples
    --------
    >>> [round(end, 2) for end in rate_limits(20, "exact", 1.959964)]
    [12.22, 30.89]
    """
    x, tail = float(events), (1 - _level(z)) / 2
    if limits == "exact":
        low = float(gammaincinv(x, tail)) if x else 0.0
        return low, float(gammaincinv(x + 1, 1 - tail))
    if limits == "byar":
        return _cubed(x, -z) if x else 0.0, _cubed(x + 1, z)
    if limits == "byar-epitools":
        return max(_cubed(x + 0.5, -z), 0.0), _cubed(x + 0.5, z)
    if not x:
        return math.nan, math.nan
    if limits == "log":
        return x * math.exp(-z / math.sqrt(x)), x * math.exp(z / math.sqrt(x))
    return max(x - z * math.sqrt(x), 0.0), x + z * math.sqrt(x)


def ratio_test(
    events: tuple[int, int], years: tuple[float, float], test: str, z: float
) -> tuple[float, float, float]:
    """Limits of the ratio of two rates, and its p; the first is in the numerator.

    Examples
    --------
    >>> [round(one, 3) for one in ratio_test((20, 10), (100, 100), "wald", 1.959964)]
    [0.936, 4.273, 0.074]
    """
    (x, y), (own, other) = events, years
    if not x + y:
        return math.nan, math.nan, math.nan
    if test == "wald":
        if not x or not y:
            return math.nan, math.nan, math.nan
        ratio, error = math.log(x / own / (y / other)), math.sqrt(1 / x + 1 / y)
        p = math.erfc(abs(ratio / error) / math.sqrt(2))
        return math.exp(ratio - z * error), math.exp(ratio + z * error), p
    share, tail = own / (own + other), (1 - _level(z)) / 2
    if test == "exact":
        low = float(betaincinv(x, y + 1, tail)) if x else 0.0
        high = float(betaincinv(x + 1, y, 1 - tail)) if y else 1.0
        p = _two_sided(x, x + y, share)
    else:
        low = _crossing(lambda p: 1 - _below(x, x + y, p), tail, 0.0, 1.0) if x else 0.0
        high = 1 - _crossing(lambda p: _below(x, x + y, 1 - p), tail, 0.0, 1.0) if y else 1.0
        below = _below(x, x + y, share)
        p = min(1.0, 2 * min(below, 1 - below))
    odds = other / own
    return low / (1 - low) * odds, high / (1 - high) * odds if high < 1 else math.inf, p


def _level(z: float) -> float:
    return math.erf(z / math.sqrt(2))


def _cubed(x: float, z: float) -> float:
    return x * (1 - 1 / (9 * x) + z / (3 * math.sqrt(x))) ** 3


def _below(x: int, n: int, share: float) -> float:
    """Probability of fewer than x of n, and half of that of x itself."""
    at_most, fewer = float(bdtr(x, n, share)), float(bdtr(x - 1, n, share)) if x else 0.0
    return (at_most + fewer) / 2


def _two_sided(x: int, n: int, share: float) -> float:
    """p of R's binom.test: all outcomes that are no more probable than the observed one."""
    if x == n * share:
        return 1.0
    k = np.arange(n + 1)
    log_p = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    log_p = log_p + k * math.log(share) + (n - k) * math.log1p(-share)
    as_rare = k[log_p <= log_p[x] + math.log(_EQUAL)]
    low = as_rare[as_rare < n * share].max(initial=-1)
    high = as_rare[as_rare > n * share].min(initial=n + 1)
    below = float(bdtr(low, n, share)) if low >= 0 else 0.0
    above = float(bdtrc(high - 1, n, share)) if high <= n else 0.0
    return min(1.0, below + above)


def _two_tails(z: float) -> float:
    return math.erfc(abs(z) / math.sqrt(2))


# ---- every method that print may have -----------------------------------------------------


@lru_cache(maxsize=8192)
def event_limits(events: int, method: str) -> tuple[float, float]:
    """Limits of a number of events; NaN where a method has none.

    Parameters
    ----------
    events : int
    method : str
        One of `LIMITS`.

    Examples
    --------
    >>> [round(end, 2) for end in event_limits(12, "square root")]
    [6.17, 19.75]
    """
    return LIMITS[method](events)


def _usual(method: str) -> Callable[[int], tuple[float, float]]:
    return lambda x: rate_limits(x, method, Z)


def _mid_p(x: int) -> tuple[float, float]:
    def below(mean: float) -> float:
        fewer = float(pdtr(x - 1, mean)) if x else 0.0
        return (float(pdtr(x, mean)) + fewer) / 2

    most = 2 * x + 20.0
    high = _crossing(lambda mean: -below(mean), -_TAIL, 0.0, most)
    return (_crossing(lambda mean: 1 - below(mean), _TAIL, 0.0, most) if x else 0.0), high


def _score(x: int) -> tuple[float, float]:
    middle, half = x + Z**2 / 2, Z * math.sqrt(x + Z**2 / 4)
    return middle - half, middle + half


def _root(x: int) -> tuple[float, float]:
    return max(math.sqrt(x) - Z / 2, 0.0) ** 2, (math.sqrt(x) + Z / 2) ** 2


def _anscombe(x: int) -> tuple[float, float]:
    low = math.sqrt(max(x - 1 / 8, 0.0)) - Z / 2
    return max(low, 0.0) ** 2, (math.sqrt(x + 7 / 8) + Z / 2) ** 2


def _profile(x: int) -> tuple[float, float]:
    def off(mean: float) -> float:
        return float(2 * (xlogy(x, x / mean) - (x - mean))) if mean else math.inf

    high = _crossing(off, Z**2, float(x), 2 * x + 20.0)
    return (_crossing(lambda mean: -off(mean), -(Z**2), 0.0, float(x)) if x else 0.0), high


#: Limits of a number of events, by method.
LIMITS: dict[str, Callable[[int], tuple[float, float]]] = {
    **{name: _usual(name) for name in ("exact", "byar", "byar-epitools", "log", "plain")},
    "mid-P": _mid_p,
    "score": _score,
    "square root": _root,
    "Anscombe": _anscombe,
    "profile": _profile,
}


def _of_ratio(test: str) -> Callable[[int, int], tuple[float, float]]:
    return lambda x, y: ratio_test((x, y), (1.0, 1.0), test, Z)[:2]


def _score_odds(x: int, y: int) -> tuple[float, float]:
    n = x + y
    if not n:
        return math.nan, math.nan
    middle, room = (x + Z**2 / 2) / (n + Z**2), n + Z**2
    half = Z * math.sqrt(x * y / n + Z**2 / 4) / room
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return low / (1 - low), high / (1 - high) if high < 1 else math.inf


def _profile_odds(x: int, y: int) -> tuple[float, float]:
    n = x + y
    if not x or not y:
        return math.nan, math.nan

    def off(share: float) -> float:
        if not 0 < share < 1:
            return math.inf
        ll = xlogy(x, x / n / share) + xlogy(y, y / n / (1 - share))
        return float(2 * ll)

    low = _crossing(lambda share: -off(share), -(Z**2), 0.0, x / n)
    high = _crossing(off, Z**2, x / n, 1.0)
    return low / (1 - low), high / (1 - high)


#: Limits of the ratio of two rates of equal times, by method.
ODDS: dict[str, Callable[[int, int], tuple[float, float]]] = {
    "Poisson model": _of_ratio("wald"),
    "exact": _of_ratio("exact"),
    "mid-P": _of_ratio("mid-p"),
    "score": _score_odds,
    "profile": _profile_odds,
}


def _p_of(test: str) -> Callable[[int, int, float], float]:
    return lambda x, y, share: ratio_test((x, y), (share, 1 - share), test, Z)[2]


def _p_score(x: int, y: int, share: float) -> float:
    n = x + y
    return _two_tails((x - n * share) / math.sqrt(n * share * (1 - share))) if n else math.nan


def _p_likelihood(x: int, y: int, share: float) -> float:
    n = x + y
    if not n:
        return math.nan
    ll = xlogy(x, x / n / share) + xlogy(y, y / n / (1 - share))
    return _two_tails(math.sqrt(max(2 * float(ll), 0.0)))


def _p_doubled(x: int, y: int, share: float) -> float:
    """Twice the smaller exact tail, as of exact limits."""
    n = x + y
    below = float(bdtr(x, n, share))
    above = float(bdtrc(x - 1, n, share)) if x else 1.0
    return min(1.0, 2 * min(below, above))


#: p of two rates by the events and the first one's share of the time.
TESTS: dict[str, Callable[[int, int, float], float]] = {
    "Wald": _p_of("wald"),
    "exact": _p_of("exact"),
    "mid-P": _p_of("mid-p"),
    "score": _p_score,
    "likelihood ratio": _p_likelihood,
    "doubled": _p_doubled,
}


def _crossing(rising: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a rising function reaches a value between two ends."""
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2
