"""Events that lie between two visits, without a shape: Turnbull's curve and its median."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import CohortError, ParameterError, rows
from crlm.survival.samples import (
    By,
    Sample,
    check_frame,
    codes_of,
    make_sample,
    names_of,
    row_base,
    snap,
    split,
)

_MOST_STEPS = 5000
#: The curve is settled when no share of patients moves by more.
_SETTLED = 1e-9
#: An interval with less than this is empty.
_NOTHING = 1e-7
_HALF = 0.5 + 1e-7


def turnbull(
    frame: pd.DataFrame, by: By = None, *, left: str = "left", population: str = "all"
) -> pd.DataFrame:
    """The median where an event came after one visit and was seen at the next, by group.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame: `time` is the visit at which the event was seen, or the end of follow-up.
    by : str or sequence of str, optional
    left : str
        Column with the month of the last visit without the event; where it equals `time` the
        day is known (a death).

    Returns
    -------
    pandas.DataFrame
        Rows `median_survival` (months) of model "turnbull" without limits; `method` says between
        which months the median lies, and the estimate is the middle of these, as in R. With late
        entry, or where the curve does not come down to one half, there is none.

    Raises
    ------
    CohortError
        If the frame is no analysis frame, or the last visit lies after the end of follow-up.
    ParameterError
        If a column does not exist.

    Notes
    -----
    The shares of the innermost intervals maximise the likelihood: the product, over patients, of
    the shares inside (left, time]. Steps of expectation and maximisation, lengthened where the
    likelihood rises by it (Varadhan and Roland, Scand J Stat 2008;35:335).

    References
    ----------
    Turnbull BW. J R Stat Soc B 1976;38:290. R: `survfit(Surv(L, R, type = "interval2") ~ 1)`.

    Examples
    --------
    Seen at months 4, 8 and 8, after clear visits at 0, 4 and 4: two of three between 4 and 8.

    >>> three = pd.DataFrame({"time": [4.0, 8, 8], "left": [0.0, 4, 4], "event": True})
    >>> float(turnbull(three)["estimate"].iloc[0])
    6.0
    """
    check_frame(frame)
    if left not in frame:
        raise ParameterError(f"The analysis frame has no column {left!r}.")
    before = frame[left].to_numpy(dtype=float)
    if (before > frame["time"].to_numpy(dtype=float) + 1e-9).any():
        raise CohortError(
            f"The last examination without the event ({left}) lies after the end of follow-up. "
            "Correct whichever of the two is wrong."
        )
    code, labels = codes_of(frame, names_of(frame, by))
    records = []
    for group, part in zip(labels, split(code), strict=True):
        sample = make_sample(frame, part)
        base = row_base(frame, group, sample, population)
        keys = {"model": "turnbull", "statistic": "median_survival", "unit": "months"}
        low = snap(np.nan_to_num(before[part]), sample.grid)
        records.append({**base, **keys, **_median(low, sample)})
    return rows(records)


def shares(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The innermost intervals (low, high] and how much of all events each holds.

    Parameters
    ----------
    low, high : ndarray, shape (n,)
        Of each patient: after `low` and up to `high`, which is infinite where censored; equal
        where the day is known.

    Returns
    -------
    (begin, end, share) : tuple of ndarray, shape (m,)
        By time; shares sum to 1. What lies beyond the last visit of the longest followed ends
        at infinity.
    """
    begin, end = _innermost(low, high)
    exact = low == high
    inside = np.where(
        exact[:, None],
        (begin == end) & (end == low[:, None]),
        (low[:, None] <= begin) & (end <= high[:, None]) & ~(_points(begin, end, low)),
    ).astype(float)
    p = np.full(len(begin), 1 / len(begin))
    for _ in range(_MOST_STEPS):
        one = _step(inside, p)
        two = _step(inside, one)
        moved, bent = one - p, two - 2 * one + p
        size = float(np.sqrt(bent @ bent))
        longer = two
        if size > 0:
            reach = -max(float(np.sqrt(moved @ moved)) / size, 1.0)
            tried = np.maximum(p - 2 * reach * moved + reach**2 * bent, 0.0)
            tried = _step(inside, tried / tried.sum())
            longer = tried if _loglik(inside, tried) >= _loglik(inside, two) else two
        done = float(np.abs(longer - p).max()) < _SETTLED
        p = longer
        if done:
            break
    return begin, end, p


def _points(begin: np.ndarray, end: np.ndarray, low: np.ndarray) -> np.ndarray:
    """A known day is not inside an interval that opens on it."""
    return (begin == end)[None, :] & (begin[None, :] <= low[:, None])


def _innermost(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each stretch from a left end to the next right end without another left end between."""
    exact = low == high
    # Within a moment: known days open first, then intervals end, then intervals open.
    place = np.concatenate([np.where(exact, 0, 2), np.ones(len(high))])
    when, kind = np.concatenate([low, high]), np.repeat([0, 1], len(low))
    order = np.lexsort((place, when))
    when, kind = when[order], kind[order]
    ends = np.flatnonzero((kind[1:] == 1) & (kind[:-1] == 0)) + 1
    return when[ends - 1], when[ends]


def _step(inside: np.ndarray, p: np.ndarray) -> np.ndarray:
    """One step of expectation and maximisation."""
    chance = np.einsum("ij,j->i", inside, p)
    return p * np.einsum("ij,i->j", inside, 1 / np.maximum(chance, 1e-300)) / len(inside)


def _loglik(inside: np.ndarray, p: np.ndarray) -> float:
    return float(np.log(np.maximum(np.einsum("ij,j->i", inside, p), 1e-300)).sum())


def _median(low: np.ndarray, sample: Sample) -> dict[str, Any]:
    """The middle of the interval in which the curve comes down to one half."""
    if sample.late:
        return {"method": "not estimable: the method does not know late entry"}
    if not sample.event.any():
        return {"method": "not reached: no event"}
    event = sample.event.astype(bool)
    high = np.where(event, sample.time, math.inf)
    after = np.where(event, np.minimum(low, sample.time), sample.time)
    begin, end, share = shares(after, high)
    kept = share > _NOTHING
    begin, end, share = begin[kept], end[kept], share[kept]
    at = int(np.searchsorted(np.cumsum(share), 1 - _HALF))
    if at >= len(end) or not math.isfinite(end[at]):
        return {"method": "not reached: Turnbull's curve ends above one half"}
    told = f"Turnbull's curve of intervals, the median lies between months {begin[at]:.4g} and "
    told += f"{end[at]:.4g}, no limits"
    return {"estimate": (begin[at] + end[at]) / 2, "method": told}
