"""Score tests of many columns, each added by itself to one and the same Cox model.

A permutation test asks for thousands of models that share everything but one
column. The model without that column is fitted once; what each candidate would
add to it is then arithmetic on whole matrices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlm.regression.engine import FollowUp, cox_fit

#: Columns that are worked on together: what fits a processor's cache.
_AT_ONCE = 32


@dataclass(frozen=True)
class RiskSets:
    """Who is at risk at each event, so that sums over risk sets are running sums.

    Attributes
    ----------
    data : FollowUp
        Without strata.
    dying : ndarray of int, shape (d,)
        Positions of the patients with an event, by descending time.
    order : ndarray of int, shape (n,)
        Patients by descending time; the first `last[j]` are followed to event j or longer.
    last : ndarray of int, shape (d,)
    tie : ndarray of int, shape (d,)
        Code of the event's time.
    share : ndarray of float, shape (d,)
        The part of those dying with it that has left before event j: Efron's
        correction.
    tied : ndarray of int
        Events that share their time with another one; none for Breslow.
    """

    data: FollowUp
    dying: np.ndarray
    order: np.ndarray
    last: np.ndarray
    tie: np.ndarray
    share: np.ndarray
    tied: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """For each event the sum of (n, k) `values` over those at risk: (d, k)."""
        total = np.cumsum(values[self.order], axis=0)[self.last - 1]
        if self.data.entry is not None:
            total -= self._not_yet(values)
        late = self.tied
        if len(late):
            together = _by_tie(values[self.dying[late]], self.tie[late])
            total[late] -= self.share[late, None] * together
        return total

    def spread(self, values: np.ndarray) -> np.ndarray:
        """For each patient the sum of (d, k) `values` over events it is at risk for: (n, k)."""
        times = self.data.time[self.dying][::-1]
        zero = np.zeros((1, values.shape[1]))
        running = np.concatenate([zero, np.cumsum(values[::-1], axis=0)])
        total = running[np.searchsorted(times, self.data.time, side="right")]
        if self.data.entry is not None:
            total = total - running[np.searchsorted(times, self.data.entry, side="right")]
        late = self.tied
        if len(late):
            total[self.dying[late]] -= _by_tie(
                self.share[late, None] * values[late], self.tie[late]
            )
        return total

    def _not_yet(self, values: np.ndarray) -> np.ndarray:
        """For each event the sum over those who enter at its time or later."""
        by_entry = np.argsort(-self.data.entry, kind="stable")
        running = np.cumsum(values[by_entry], axis=0)
        zero = np.zeros((1, values.shape[1]))
        count = np.searchsorted(
            -self.data.entry[by_entry], -self.data.time[self.dying], side="right"
        )
        return np.concatenate([zero, running])[count]


def risk_sets(data: FollowUp, ties: str) -> RiskSets:
    """The risk sets of this follow-up under a rule for tied events ("efron" or "breslow")."""
    order = np.argsort(-data.time, kind="stable")
    dying = order[data.event[order] == 1]
    times = data.time[dying]
    last = np.searchsorted(-data.time[order], -times, side="right")
    _, tie, count = np.unique(-times, return_inverse=True, return_counts=True)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    share = (np.arange(len(dying)) - first[tie]) / count[tie]
    tied = np.flatnonzero(count[tie] > 1) if ties == "efron" else np.zeros(0, dtype=int)
    return RiskSets(data, dying, order, last, tie, share, tied)


def added_columns(
    data: FollowUp, z: np.ndarray, columns: np.ndarray, ties: str
) -> tuple[np.ndarray, np.ndarray]:
    """What each of many columns, added alone, would do to the Cox model of `z`.

    Parameters
    ----------
    data : FollowUp
        Without strata; late entry is honoured.
    z : ndarray, shape (n, p)
        Columns of the model that all share; p may be 0.
    columns : ndarray, shape (n, k)
        The candidates.
    ties : {"efron", "breslow"}

    Returns
    -------
    (score, information) : tuple of ndarray, shape (k,)
        The score of each candidate at zero and its variance, given `z`:
        score / sqrt(information) is its score test, score / information the
        first Newton step from zero towards its coefficient. NaN for all where
        the model of `z` has no finite estimate.

    References
    ----------
    Cox DR, Hinkley DV. Theoretical Statistics, 1974, section 9.3 (efficient scores).
    """
    nothing = np.full(columns.shape[1], np.nan)
    if not data.n_events:
        return nothing, nothing
    weight = np.ones(data.n)
    if z.shape[1]:
        fit = cox_fit(data, z, ties)
        if fit.infinite.any():
            return nothing, nothing
        z = z[:, fit.finite] - z[:, fit.finite].mean(axis=0)
        weight = np.exp(z @ fit.coef[fit.finite])
    sets = risk_sets(data, ties)
    total = sets.sums(weight[:, None])
    hazard = sets.spread(1 / total)
    expected = weight * hazard[:, 0]
    centres = sets.sums(weight[:, None] * z) / total
    shared = weight[:, None] * (z * hazard - sets.spread(centres / total))
    products = np.vstack([data.event - expected, shared.T])
    score, information = np.empty(columns.shape[1]), np.empty(columns.shape[1])
    for start in range(0, columns.shape[1], _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        part = columns[:, some].astype(float, copy=False)
        means = sets.sums(weight[:, None] * part) / total
        own = np.einsum("i,ij,ij->j", expected, part, part) - np.einsum("ij,ij->j", means, means)
        score[some], *cross = products @ part
        information[some] = own - _explained(shared.T @ z, np.array(cross))
    return score, information


def _explained(information: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """What (p, k) columns share with a model of p columns, in units of information."""
    if not len(information):
        return np.zeros(1)
    return (cross * np.linalg.solve(information, cross)).sum(axis=0)


def _by_tie(values: np.ndarray, tie: np.ndarray) -> np.ndarray:
    """Sums of (d, k) values within tied events (consecutive rows), for each row again."""
    opens = np.diff(tie, prepend=-1) != 0
    return np.add.reduceat(values, np.flatnonzero(opens), axis=0)[np.cumsum(opens) - 1]
