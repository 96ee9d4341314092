"""Gray's test: whether the cumulative incidence of a cause differs between groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from crlm.ledger import rows
from crlm.multistate.causes import Causes, causes_of, endpoint_of
from crlm.multistate.occupation import only
from crlm.survival.samples import names_of, number_at_risk

_NO_VARIANCE = 1e-10


@dataclass(frozen=True)
class Counts:
    """Numbers of each group at the distinct times of events, shape (times, groups)."""

    at_risk: np.ndarray
    first: np.ndarray
    other: np.ndarray


def gray(
    frame: pd.DataFrame,
    by: str | Sequence[str],
    causes: Sequence[str] | None = None,
    *,
    population: str = "all",
) -> pd.DataFrame:
    """Whether the cumulative incidence of each cause is the same in all groups.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `incidence`.
    by : str or sequence of str
        Column, or columns whose joint levels are the groups.
    causes : sequence of str, optional
        By default all.

    Returns
    -------
    pandas.DataFrame
        For each cause result rows `chi_square` and `p`, level the cause, `group` the bare
        column, model "aalen-johansen"; missing, with the reason in `method`, where no event
        can tell the groups apart.

    Raises
    ------
    CohortError
        As `incidence`.
    ParameterError
        If a column or a cause does not exist.

    Notes
    -----
    Weight function 1 (rho = 0). With late entry the numbers at risk are those under
    observation, which Gray's paper does not treat; without it the numbers are those of R's
    `cmprsk::cuminc`.

    References
    ----------
    Gray RJ. Ann Stat 1988;16:1141.
    """
    column = ",".join(names_of(frame, by))
    groups = causes_of(frame, by)
    endpoint = endpoint_of(frame)
    note = next((group.note for group in groups if group.note), "")
    records = []
    for cause in causes or groups[0].names:
        place = groups[0].place_of(cause)
        chi_square, df = _statistic(_counts(groups, place))
        told = f"{df} df" if df else "no event of this cause tells groups apart"
        told = told if len(groups) > 1 else only(groups[0].name)
        row = {
            "endpoint": endpoint,
            "population": population,
            "group": column,
            "level": cause,
            "model": "aalen-johansen",
            "n": sum(len(group.cause) for group in groups),
            "events": sum(int((group.cause == place).sum()) for group in groups),
            "method": f"Gray's test, {told}{note}",
        }
        p = float(chdtrc(df, chi_square)) if df else math.nan
        records.append({**row, "statistic": "chi_square", "estimate": chi_square})
        records.append({**row, "statistic": "p", "estimate": p})
    return rows(records)


# ---- the statistic ----------------------------------------------------------


def _counts(groups: Sequence[Causes], cause: int) -> Counts:
    """At the distinct times of all groups' events: at risk, of the cause, of the others."""
    times = np.unique(np.concatenate([group.sample.time[group.cause >= 0] for group in groups]))
    columns = []
    for group in groups:
        when, mine = group.sample.time, group.cause == cause
        at = [np.searchsorted(times, when[chosen]) for chosen in (mine, (group.cause >= 0) & ~mine)]
        first, other = (np.bincount(places, minlength=len(times)) for places in at)
        columns.append((number_at_risk(group.sample, times), first, other))
    stacked = (np.column_stack(part).astype(float) for part in zip(*columns, strict=True))
    return Counts(*stacked)


def _statistic(counts: Counts) -> tuple[float, int]:
    """Chi-square and degrees of freedom: one less than the groups that an event tells apart."""
    score, variance = _score_and_variance(counts)
    used = np.flatnonzero(np.diag(variance) > _NO_VARIANCE)[:-1]
    if not (len(used) and counts.first.any()):
        return math.nan, 0
    score, variance = score[used], variance[np.ix_(used, used)]
    return float(score @ np.linalg.pinv(variance, hermitian=True) @ score), len(used)


def _score_and_variance(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Observed less expected events of the cause, and their covariance, all groups."""
    size = counts.at_risk.shape[1]
    sums = _Sums(size)
    survival, share, pooled = np.ones(size), np.zeros(size), 0.0
    for at_risk, first, other in zip(counts.at_risk, counts.first, counts.other, strict=True):
        there = (at_risk > 0) & (survival > 0)
        risk = np.where(there, at_risk, 1.0)
        before = np.where(there, survival, 1.0)
        h = np.where(there, risk / before, 0.0)
        total, free = h.sum(), (h * (1 - share)).sum()
        if total <= 0 or free <= 0:
            continue
        events = first.sum()
        sums.score += first - events * h * (1 - share) / free
        survival = np.where(there, before * (1 - (first + other) / risk), survival)
        share = np.where(there, share + before * first / risk, share)
        a = np.diag(h) - np.outer(h, h) / total
        sums.carried += a * events / (total * (1 - pooled))
        pooled += events / total
        left = np.divide(1 - pooled, survival, out=np.zeros(size), where=survival > 0)
        if events:
            tied = 1 - (events - 1) / np.maximum(total * before - 1, 1) if events > 1 else 1.0
            sums.add(1 - left, a, there * tied * before * events / (total * risk))
        tied = 1 - np.maximum(other - 1, 0) / np.maximum(risk - 1, 1)
        sums.add(-left, 0 * a, there * tied * before**2 * other / risk**2)
    return sums.score, sums.total()


class _Sums:
    """The running sums of Gray's variance, columns a group."""

    def __init__(self, size: int) -> None:
        self.score, self.squared = np.zeros(size), np.zeros(size)
        self.carried, self.mixed, self.variance = np.zeros((3, size, size))

    def add(self, pull: np.ndarray, a: np.ndarray, spread: np.ndarray) -> None:
        """What the events of one kind at one time add."""
        part = a - self.carried * pull
        self.variance += (part * spread) @ part.T
        self.mixed += part * (pull * spread)
        self.squared += pull**2 * spread

    def total(self) -> np.ndarray:
        """The covariance of the scores."""
        cross = self.carried @ self.mixed.T
        return self.variance + (self.carried * self.squared) @ self.carried.T + cross + cross.T
