"""Weighted product-limit curves that are cheap to draw again, and the resampling of patients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from crlm.ledger import CohortError, ParameterError
from crlm.regression.engine import TIES, FollowUp
from crlm.regression.terms import check_follow_up
from crlm.regression.terms import follow_up as follow_up_of

#: The share of resamples that must give a number before their spread is an error.
_ENOUGH = 0.9
#: A rate nearer 0 or 1 has no limits on the log-log scale.
_NEXT_TO_NOTHING = 1e-9
#: Resamples that are drawn and fitted together.
_AT_ONCE = 20
#: Two times closer than this (relative) are one.
_CLOSE = 1e-7


@dataclass(frozen=True)
class Curve:
    """A product-limit curve of some rows under weights that come later.

    Attributes
    ----------
    at : ndarray of int
        The rows, by time.
    times : ndarray
        Distinct event times.
    begins : ndarray of int
        First of these rows that is followed to each event time or longer.
    dying, code : ndarray of int
        Rows with an event, and the place of its time.
    late : ndarray of int
        The same rows by entry; empty without late entry.
    not_yet : ndarray of int
        First of them that has not entered before each event time.
    """

    at: np.ndarray
    times: np.ndarray
    begins: np.ndarray
    dying: np.ndarray
    code: np.ndarray
    late: np.ndarray
    not_yet: np.ndarray

    def survival(self, weights: np.ndarray) -> np.ndarray:
        """Survival after each event time; `weights` are of all rows there are."""
        at_risk = _tails(weights[self.at])[self.begins]
        if len(self.late):
            at_risk = at_risk - _tails(weights[self.late])[self.not_yet]
        events = np.bincount(self.code, weights=weights[self.dying], minlength=len(self.times))
        share = np.divide(events, at_risk, out=np.zeros(len(events)), where=at_risk > 0)
        return np.cumprod(1 - np.minimum(share, 1.0))

    def rates(self, survival: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Survival at each asked time."""
        steps = np.concatenate([[1.0], survival])
        return steps[np.searchsorted(self.times, asked * (1 + _CLOSE), side="right")]

    def area(self, survival: np.ndarray, tau: float) -> float:
        """The area under the curve up to a horizon, in months."""
        inside = self.times < tau
        edges = np.concatenate([[0.0], self.times[inside], [tau]])
        return float(np.diff(edges) @ np.concatenate([[1.0], survival[inside]]))


def curve_of(data: FollowUp, rows: np.ndarray) -> Curve:
    """The curve of some rows (positions)."""
    at = rows[np.argsort(data.time[rows], kind="stable")]
    dying = at[data.event[at] == 1]
    times, code = np.unique(data.time[dying], return_inverse=True)
    begins = np.searchsorted(data.time[at], times, side="left")
    late, not_yet = np.zeros(0, dtype=int), np.zeros(0, dtype=int)
    if data.entry is not None:
        late = rows[np.argsort(data.entry[rows], kind="stable")]
        not_yet = np.searchsorted(data.entry[late], times, side="left")
    return Curve(at, times, begins, dying, code, late, not_yet)


def under_observation(data: FollowUp, rows: np.ndarray, month: float) -> int:
    """How many of these rows are followed beyond, or to, a month and had entered before it."""
    here = data.time[rows] >= month * (1 - _CLOSE)
    if data.entry is not None:
        here &= data.entry[rows] < month
    return int(here.sum())


def honest(data: FollowUp, arms: Sequence[np.ndarray], most: float, least: int) -> float:
    """The largest whole month, at most `most`, with `least` patients of each arm left; or NaN."""
    for month in range(math.floor(most), 0, -1):
        if all(under_observation(data, arm, float(month)) >= least for arm in arms):
            return float(month)
    return math.nan


def resampled(
    n: int, samples: int, seed: int, k: int, once: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """What a computation gives in each resample of patients (samples, values).

    Parameters
    ----------
    n : int
        Patients.
    samples, seed : int
    k : int
        The fixed number of the analysis, so that each has random numbers of its own.
    once : callable
        How often each patient is drawn, to the values.
    """
    blocks = drawn(n, samples, seed, k)
    return np.array([once(counts) for block in blocks for counts in block])


def drawn(n: int, samples: int, seed: int, k: int) -> Iterator[np.ndarray]:
    """How often each patient is drawn in each resample, a few resamples (m, n) at a time.

    Parameters
    ----------
    n, samples, seed, k : int
        As for `resampled`, which draws the same.
    """
    rng, share = np.random.default_rng([seed, k]), np.full(n, 1 / n)
    for first in range(0, samples, _AT_ONCE):
        yield rng.multinomial(n, share, size=min(_AT_ONCE, samples - first)).astype(float)


def spread_of(draws: np.ndarray) -> np.ndarray:
    """Standard errors of the columns of resamples; missing where too few gave a number."""
    if draws.ndim != 2 or len(draws) < 2:
        return np.full(draws.shape[-1] if draws.ndim == 2 else 0, np.nan)
    known = np.isfinite(draws)
    enough = known.sum(axis=0) >= max(2, _ENOUGH * len(draws))
    error = np.full(draws.shape[1], np.nan)
    for j in np.flatnonzero(enough):
        with np.errstate(over="ignore"):
            error[j] = draws[known[:, j], j].std(ddof=1)
    return error


def quantile_of_level(conf_level: float) -> float:
    """The normal quantile of a two-sided level."""
    if not 0 < conf_level < 1:
        raise ParameterError(f"conf_level must lie between 0 and 1 but is {conf_level!r}.")
    return float(ndtri(0.5 + conf_level / 2))


def check_samples(samples: int) -> int:
    """The number of resamples: 0, or enough for an error."""
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 0:
        raise ParameterError(f"samples must be a whole number from 0 but is {samples!r}.")
    return samples


def check_ties(ties: str) -> None:
    """Refuse a rule for ties that is none (`ParameterError`)."""
    if ties not in TIES:
        raise ParameterError(f"ties must be one of {', '.join(TIES)} but is {ties!r}.")


def check_months(times: Iterable[float]) -> list[float]:
    """Horizons as floats, each above 0."""
    asked = list(dict.fromkeys(float(t) for t in times))
    wrong = [t for t in asked if not (math.isfinite(t) and t > 0)]
    if wrong:
        raise ParameterError(f"A horizon must be a number of months above 0 but is {wrong[0]!r}.")
    return asked


def observed(frame: pd.DataFrame) -> FollowUp:
    """The follow-up of an analysis frame, near-ties made ties, late entry kept."""
    check_follow_up(frame)
    unknown = frame[["time", "event"]].isna().any(axis=1)
    if unknown.any():
        raise CohortError(
            f"{int(unknown.sum())} patients of the analysis frame have no time or event. "
            "Make the frame with endpoints.derive."
        )
    return follow_up_of(frame)


def endpoint_of(frame: pd.DataFrame) -> str:
    """The endpoint of an analysis frame."""
    return str(frame["endpoint"].iloc[0]) if "endpoint" in frame and len(frame) else ""


def rate_limits(rate: float, error: float, z: float) -> tuple[float, float]:
    """Log-log limits of a survival probability."""
    if not (_NEXT_TO_NOTHING < rate < 1 - _NEXT_TO_NOTHING and math.isfinite(error)):
        return math.nan, math.nan
    half = z * error / (rate * abs(math.log(rate)))
    half = min(half, 50.0)
    return rate ** math.exp(half), rate ** math.exp(-half)


def _tails(values: np.ndarray) -> np.ndarray:
    """Sums from each place to the end."""
    return np.concatenate([np.cumsum(values[::-1])[::-1], [0.0]])
