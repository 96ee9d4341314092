"""The 2 x 2 table behind an odds ratio: how its events lie, and how many its error tells.

The variance of a log odds ratio is 1/a + 1/b + 1/c + 1/d, over patients with and without the
outcome in both groups, not those with it alone (Woolf B. Ann Hum Genet 1955;19:251).
"""

from __future__ import annotations

import math

_STEPS = 80


def exposed_events(events: float, sizes: tuple[float, float], ratio: float) -> float:
    """How many of the events are in the second group, by its odds ratio against the first.

    Parameters
    ----------
    events : float
        In both groups; more than 0 and fewer than all patients.
    sizes : (float, float)
        Patients of the first group and of the second.
    ratio : float

    Examples
    --------
    Of 10 + 20 events, 20 of 100 in the second group against 10 of 100 are an odds ratio of 2.25:

    >>> round(exposed_events(30, (100, 100), 2.25), 6)
    20.0
    """
    first, second = sizes
    linear = ratio * (events + second) + first - events
    constant = ratio * events * second
    return 2 * constant / (linear + math.sqrt(linear**2 - 4 * (ratio - 1) * constant))


def variance(events: float, sizes: tuple[float, float], ratio: float) -> float:
    """Of the log odds ratio.

    Examples
    --------
    >>> round(variance(30, (100, 100), 2.25), 4)  # 1/20 + 1/80 + 1/10 + 1/90
    0.1736
    """
    own = exposed_events(events, sizes, ratio)
    cells = (own, sizes[1] - own, events - own, sizes[0] - events + own)
    return sum(1 / cell for cell in cells) if min(cells) > 0 else math.inf


def events_behind(error: float, sizes: tuple[float, float], ratio: float) -> float:
    """Patients with the outcome, or without it if they are fewer, that a standard error tells.

    Examples
    --------
    >>> round(events_behind(0.1736111**0.5, (100, 100), 2.25), 3)
    30.0
    """
    low, high = 0.0, float(sum(sizes))
    for _ in range(_STEPS):
        third = (high - low) / 3
        if variance(low + third, sizes, ratio) < variance(high - third, sizes, ratio):
            high -= third
        else:
            low += third
    least = (low + high) / 2
    low, high = 0.0, least
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if variance(middle, sizes, ratio) > error**2 else (low, middle)
    return high
