"""Where the cohorts of an ensemble begin between the points that print gives of a curve.

A curve that is exponential between its points is the same in every cohort, and the search mends
the printed points only. Here the hazard goes up and down from year to year, otherwise in each
cohort; of a later endpoint a share of the events, another in each cohort, comes behind those of
an earlier one; and the times of the endpoints are dealt out so that each patient's order holds.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from crlm.reconstruction.codes import Course

#: (months, survival), falling, from (0, 1) on.
Curve = list[tuple[float, float]]

#: Years that have a hazard of their own, the standard deviation of its logarithm (measured by
#: `benchmarks/priors.py`), and years in all.
_YEARS, _UNEVEN, _ALL = 10, 0.27, 60
#: Months of a year, and from a recurrence to the death of half at least.
_YEAR, _SOONEST = 12.0, 3.0
#: What the cumulative hazard rises by at least from one point to the next.
_STEP = 1e-9


def rates(rng: np.random.Generator) -> np.ndarray:
    """How the hazard of each year stands to the others': log-normal in ten years, then 1."""
    return np.concatenate([np.exp(rng.normal(0, _UNEVEN, _YEARS)), np.ones(_ALL - _YEARS)])


def bent(curve: Curve, before: Curve, rates: np.ndarray, behind: float = 0.0) -> Curve:
    """A curve with points between its own: the hazard in proportion to `rates` of the years.

    Parameters
    ----------
    curve : list of (float, float)
        As printed; its points stay.
    before : list of (float, float)
        Of an endpoint that comes first: no new point lies under it, as far as it goes.
    rates : numpy.ndarray
        One a year.
    behind : float
        Share of the events that come behind the earlier one, in proportion to how many live
        between the two at the time; the others come at a constant rate (as `_shape`).

    Examples
    --------
    >>> round(bent([(0.0, 1.0), (24.0, 0.25)], [(0.0, 1.0)], np.array([1.0, 3.0]))[1][1], 3)
    0.707

    Deaths behind recurrences are few at first; at a constant rate 6.9 % die in six months:

    >>> early = [(0.0, 1.0), (12.0, 0.5), (24.0, 0.4)]
    >>> found = dict(bent([(0.0, 1.0), (24.0, 0.75)], early, np.ones(2), behind=1.0))
    >>> round(found[6.0], 3), found[24.0]
    (0.974, 0.75)
    """
    times, survival = np.array(curve).T
    risen = -np.log(survival)
    often = _YEAR if len(before) == 1 or not behind else 1.0
    new = np.setdiff1d(np.arange(0.0, times[-1], often), times)
    every = np.union1d(new, times)
    shape = _shape(curve, before, every, behind)
    years = ((every[1:] + every[:-1]) / 2 // _YEAR).astype(int).clip(0, len(rates) - 1)
    mass = np.concatenate([[0.0], np.cumsum(np.diff(shape) * rates[years])])
    at, own = np.searchsorted(times, new), np.searchsorted(every, times)
    start, end = mass[own[at - 1]], mass[own[at]]
    share = (mass[np.searchsorted(every, new)] - start) / np.maximum(end - start, _STEP**2)
    found = risen[at - 1] + share * (risen[at] - risen[at - 1])
    known = new <= before[-1][0]
    most = hazard(before, new[known])
    found[known] = np.minimum(found[known], np.maximum(most, risen[at - 1][known]))
    return sorted([*curve, *zip(new.tolist(), np.exp(-found).tolist(), strict=True)])


def _shape(curve: Curve, before: Curve, every: np.ndarray, behind: float) -> np.ndarray:
    """Cumulative hazard of a curve at some months, its own among them, events behind others.

    In each gap between its points a share `behind` of the events come in proportion to how many
    live between the earlier event and this one: what lies between the two curves, this one
    exponential for that. The share is smaller where so many would have to die sooner than half
    of them in `_SOONEST` months.
    """
    flat = hazard(curve, every)
    if len(before) == 1 or not behind:
        return flat
    lived = np.maximum(np.exp(-flat) - np.exp(-hazard(before, every)), 0.0)
    waited = np.concatenate([[0.0], np.cumsum(np.diff(every) * (lived[1:] + lived[:-1]) / 2)])
    died = -np.expm1(-flat)
    ends = np.searchsorted(every, [t for t, _ in curve])
    for first, last in itertools.pairwise(ends):
        whole, months = died[last] - died[first], waited[last] - waited[first]
        share = min(behind, np.log(2) / _SOONEST * months / whole)
        if months > 0:
            gap = slice(first, last + 1)
            after = died[first] + whole * (waited[gap] - waited[first]) / months
            died[gap] = (1 - share) * died[gap] + share * after
    return -np.log1p(-died)


def within(own: Curve, larger: Curve) -> Curve:
    """The curve of a group: its own points, its hazard otherwise in proportion to a larger group's.

    Parameters
    ----------
    own, larger : list of (float, float)
        As printed; (0, 1) alone where nothing is.

    Examples
    --------
    >>> [(t, round(s, 4)) for t, s in within([(0, 1), (24, 0.25)], [(0, 1), (12, 0.8), (24, 0.5)])]
    [(0, 1.0), (12, 0.64), (24, 0.25)]
    """
    if len(own) == 1 or len(larger) == 1:
        return larger if len(own) == 1 else own
    times = sorted({t for t, _ in (*own, *larger)})
    ours, theirs = (hazard(curve, [t for t, _ in own]) for curve in (own, larger))
    asked = hazard(larger, times)
    ends = np.searchsorted([t for t, _ in own], times).clip(1, len(own) - 1)
    slope = np.diff(ours)[ends - 1] / np.diff(theirs)[ends - 1]
    found = ours[ends] + slope * (asked - theirs[ends])
    beyond = asked > theirs[-1]
    found[beyond] = ours[-1] * asked[beyond] / theirs[-1]
    return list(zip(times, np.exp(-found).tolist(), strict=True))


def together(parts: Sequence[Curve], whole: Curve) -> Curve:
    """Where several conditions hold: each multiplies the hazard of all as it does alone.

    Parameters
    ----------
    parts : sequence of list of (float, float)
        The curve of each condition, as `within` that of all.
    whole : list of (float, float)
        Of all; (0, 1) alone where nothing is printed.

    Examples
    --------
    >>> [s] = [s for t, s in together([[(0, 1), (12, 0.25)]] * 2, [(0, 1), (12, 0.5)]) if t]
    >>> round(s, 4)
    0.0625
    """
    if len(whole) == 1:
        found = whole
        for part in parts:
            found = within(part, found)
        return found
    times = sorted({t for curve in (whole, *parts) for t, _ in curve if t > 0})
    of_all = hazard(whole, times)
    ratios = np.prod([hazard(part, times) / of_all for part in parts], axis=0)
    found = np.maximum.accumulate(of_all * ratios) + _STEP * np.arange(len(times))
    return [(0.0, 1.0), *zip(times, np.exp(-found).tolist(), strict=True)]


def hazard(curve: Curve, times: Sequence[float]) -> np.ndarray:
    """Cumulative hazard, constant in rate between points and at the mean rate after the last.

    Examples
    --------
    >>> hazard([(0.0, 1.0), (12.0, 0.5)], [6, 24]).round(3).tolist()
    [0.347, 1.386]
    """
    known, survival = np.array(curve, dtype=float).T
    risen, asked = -np.log(survival), np.asarray(times, dtype=float)
    found = np.interp(asked, known, risen)
    beyond = asked > known[-1]
    found[beyond] = risen[-1] * asked[beyond] / known[-1]
    return found


def falling(points: Mapping[float, float]) -> Curve:
    """Points as a curve from (0, 1) on, without those that do not fall.

    Examples
    --------
    >>> falling({24: 0.5, 12: 0.8, 36: 0.6})
    [(0.0, 1.0), (12, 0.8), (24, 0.5)]
    """
    curve = [(0.0, 1.0)]
    for t, s in sorted(points.items()):
        if s < curve[-1][1]:
            curve.append((t, s))
    return curve


def put_in_order(
    drawn: Mapping[Course, np.ndarray], apart: float, members: np.ndarray, rng: np.random.Generator
) -> None:
    """Failures and deaths behind recurrences; who dies within `apart` of one dies without it.

    Parameters
    ----------
    drawn : mapping of Course to numpy.ndarray
        Months to recurrence, failure and death of each patient, infinite for never; changed.
    apart : float
        Months from recurrence to death at least.
    members : numpy.ndarray
        The group of each patient: times stay within it.
    rng : numpy.random.Generator
    """
    recurrence, death = drawn[Course.RECURRENCE], drawn[Course.END]
    _deal_in_order(recurrence, death, apart, members, rng)
    recurrence[np.isfinite(recurrence) & (death < recurrence + apart)] = np.inf
    _deal_in_order(recurrence, drawn[Course.FAILURE], 0.0, members, rng)


def _deal_in_order(
    first: np.ndarray,
    second: np.ndarray,
    apart: float,
    members: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Second times dealt out anew within groups, so far behind the first ones, where they can.

    Pushing them behind instead would lift the second curve. Who is last in the first has the
    fewest to choose from and chooses first: his own where he can, the last where none is late
    enough.
    """
    least = np.where(np.isfinite(first), first + apart, -np.inf)
    given, left = second.copy(), np.ones(len(second), dtype=bool)
    for g in np.unique(members):
        inside = np.flatnonzero(members == g)
        for i in inside[np.argsort(-least[inside], kind="stable")]:
            chosen = i
            if not left[i] or second[i] < least[i]:
                free = inside[left[inside]]
                fit = free[second[free] >= least[i]]
                chosen = rng.choice(fit) if len(fit) else free[np.argmax(second[free])]
            left[chosen], given[i] = False, second[chosen]
    second[:] = given
