"""Every patient twice, once in each of two strategies, with the weights that this asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from crlm.causal.engine import (
    baseline_jumps,
    chance,
    cox_coefficients,
    independent,
    newton_each,
    separated,
)
from crlm.causal.propensity import ceiling
from crlm.regression.engine import FollowUp
from crlm.survival.samples import snap

#: Rows of clones that are made at most, and how often weights are looked up at least.
_MOST_ROWS, _FEWEST_CUTS = 600_000, 12
#: Logarithms beyond this are a start that covariates foretell; numbers stay finite.
_FARTHEST = 30.0


@dataclass(frozen=True)
class Clones:
    """Every patient twice, once in each strategy, as rows under observation.

    Attributes
    ----------
    data : FollowUp
        All rows: of "start" up to the end of grace, of "start" from there on, of "do not
        start" cut at the events before the end of grace.
    patient : ndarray of int
        Whose row it is.
    arm : ndarray of int
        1 start, 0 do not start.
    late : ndarray of bool
        Rows of "start" from the end of grace on, which weigh 1 / p.
    piece : ndarray of int
        Of "do not start", which of `cuts` ends before the row: the weight is that of the
        hazard up to there.
    cuts : ndarray
        Times before the end of grace at which weights are looked up.
    deciding : ndarray of bool, shape (n,)
        Patients followed beyond the end of grace.
    started : ndarray of bool, shape (n,)
        By the end of grace, while under observation and event-free.
    starting : FollowUp
        Time to start (or leaving) of those who may start under observation.
    may : ndarray of int
        The patients of `starting`.
    x : ndarray, shape (n, p)
    """

    data: FollowUp
    patient: np.ndarray
    arm: np.ndarray
    late: np.ndarray
    piece: np.ndarray
    cuts: np.ndarray
    deciding: np.ndarray
    started: np.ndarray
    starting: FollowUp
    may: np.ndarray
    x: np.ndarray

    def weights(self, counts: np.ndarray, cap: float) -> np.ndarray:
        """The weight of each row where patients are drawn so many times; models fitted again."""
        return next(self.weights_of(counts[None], cap))

    def weights_of(self, draws: np.ndarray, cap: float) -> Iterator[np.ndarray]:
        """As `weights`, of several resamples (samples, n), whose chances are fitted together."""
        untreated = self.arm == 0
        rows, whose = self.patient[self.late], self.patient[untreated]
        for counts, share in zip(draws, self._start_shares(draws), strict=True):
            w = np.ones(len(self.patient))
            w[self.late] = self._start_weight(counts, share, cap)[rows]
            table = self._not_start_weights(counts, cap)
            w[untreated] = table[self.piece[untreated], whose]
            yield w * counts[self.patient]

    def _start_shares(self, draws: np.ndarray) -> np.ndarray:
        """Chances of having started by the end of grace, of those deciding (resamples, m).

        Missing for a resample where they have to be fitted by themselves.
        """
        x, answer = self.x[self.deciding], self.started[self.deciding].astype(float)
        spread = x.std(axis=0)
        full = np.column_stack(
            [np.ones(len(x)), (x - x.mean(axis=0)) / np.where(spread, spread, 1)]
        )
        drawn = draws[:, self.deciding]
        found = np.full(drawn.shape, np.nan)
        if len(independent(full)) < full.shape[1]:
            return found
        reached = drawn @ answer
        both = np.flatnonzero((reached > 0) & (reached < drawn.sum(axis=1)))
        if len(both):
            beta = newton_each(answer, full, drawn[both], np.zeros(full.shape[1]))
            shares = expit(np.einsum("ij,kj->ki", full, beta))
            fine = [not separated(s[d > 0]) for s, d in zip(shares, drawn[both], strict=True)]
            fine &= np.isfinite(shares).all(axis=1)
            found[both[fine]] = shares[fine]
        return found

    def _start_weight(self, counts: np.ndarray, share: np.ndarray, cap: float) -> np.ndarray:
        """One over the chance of having started by the end of grace, of each patient."""
        at, drawn = self.deciding, counts[self.deciding]
        answer = self.started[at].astype(float)
        whole = np.ones(len(counts))
        reached = float(drawn @ answer)
        if reached == 0 or reached == drawn.sum():
            return whole
        used = drawn > 0
        if np.isnan(share).any():
            share = np.ones(int(at.sum()))
            share[used] = chance(answer[used], self.x[at][used], drawn[used]).chance
        whole[at] = np.where(used, 1 / np.maximum(share, 1e-12), 1.0)
        pool = at & self.started
        return np.minimum(whole, ceiling(whole[pool], cap, counts[pool]))

    def _not_start_weights(self, counts: np.ndarray, cap: float) -> np.ndarray:
        """One over the chance of not having started before each cut (cuts + 1, n)."""
        n, drawn = len(counts), counts[self.may]
        if not (self.starting.event * drawn).any():
            return np.ones((len(self.cuts) + 1, n))
        x = self.x[self.may]
        centre = np.average(x, axis=0, weights=drawn)
        coef = cox_coefficients(self.starting, x - centre, drawn)
        lp = np.clip((self.x - centre) @ coef, -_FARTHEST, _FARTHEST)
        times, jumps = baseline_jumps(self.starting, lp[self.may], drawn)
        hazard = np.concatenate([[0.0], np.cumsum(jumps)])
        # The left limit: whoever starts on the day of an event was still unstarted at it.
        upto = np.concatenate([hazard[np.searchsorted(times, self.cuts)], hazard[-1:]])
        table = np.exp(np.minimum(np.outer(upto, np.exp(lp)), _FARTHEST))
        own = hazard[np.searchsorted(times, self.starting.time)]
        last = np.exp(np.minimum(own * np.exp(lp[self.may]), _FARTHEST))
        return np.minimum(table, ceiling(last, cap, drawn))


def make_clones(data: FollowUp, start: np.ndarray, x: np.ndarray, grace: float) -> Clones:
    """Both clones of each patient, cut where their weights change and an event looks.

    Parameters
    ----------
    data : FollowUp
    start : ndarray
        Month of the start; infinite: never. A start at or after the end of follow-up is none.
    x : ndarray, shape (n, p)
    grace : float
    """
    entry = np.full(data.n, -1.0) if data.entry is None else data.entry
    start = snap(start, np.unique(data.time))
    by_grace = np.where(start < data.time, start, np.inf) <= grace
    deciding, cuts = data.time > grace, _cuts(data, grace)
    left = np.where(by_grace, np.maximum(start, 0.0), data.time)
    pieces = [
        *_to_start(data, entry, grace, deciding & by_grace),
        *_not_to_start(entry, left, np.where(by_grace, 0, data.event), cuts),
    ]
    rows = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    kept = rows["time"] > rows["entry"]
    rows = {name: values[kept] for name, values in rows.items()}
    may = np.flatnonzero(left > np.maximum(entry, -0.5))
    late = None if data.entry is None else entry[may]
    return Clones(
        data=FollowUp(rows["time"], rows["event"].astype(np.int32), rows["entry"]),
        patient=rows["patient"],
        arm=rows["arm"],
        late=rows["late"].astype(bool),
        piece=rows["piece"],
        cuts=cuts,
        deciding=deciding,
        started=by_grace & deciding,
        starting=FollowUp(left[may], by_grace[may].astype(np.int32), late),
        may=may,
        x=x,
    )


def _to_start(
    data: FollowUp, entry: np.ndarray, grace: float, goes_on: np.ndarray
) -> list[dict[str, np.ndarray]]:
    """Everybody up to the end of grace; from there on those who had started."""
    everybody, on = np.arange(data.n), np.flatnonzero(goes_on)
    up_to, early = np.minimum(data.time, grace), data.event * (data.time <= grace)
    return [
        _rows(everybody, (entry, up_to, early), arm=1),
        _rows(on, (np.maximum(entry, grace), data.time, data.event), arm=1, late=1),
    ]


def _not_to_start(
    entry: np.ndarray, left: np.ndarray, event: np.ndarray, cuts: np.ndarray
) -> list[dict[str, np.ndarray]]:
    """Everybody up to a start within grace, cut at the events."""
    found = []
    begins, ends = np.concatenate([[-np.inf], cuts]), np.concatenate([cuts, [np.inf]])
    for piece, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        here = np.flatnonzero((left > begin) & (entry < end))
        times = np.maximum(entry, begin), np.minimum(left, end), event * (left <= end)
        found.append(_rows(here, times, arm=0, piece=piece))
    return found


def _rows(
    who: np.ndarray,
    times: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    arm: int,
    late: int = 0,
    piece: int = 0,
) -> dict[str, np.ndarray]:
    """Rows of these patients: entry, time and event are of all, the rest is the rows' own."""
    found = {name: t[who] for name, t in zip(("entry", "time", "event"), times, strict=True)}
    own = {"arm": arm, "late": late, "piece": piece}
    return {"patient": who, **found, **{k: np.full(len(who), v) for k, v in own.items()}}


def _cuts(data: FollowUp, grace: float) -> np.ndarray:
    """Events before the end of grace; of very many in a very large table some evenly spread."""
    cuts = np.unique(data.time[(data.event == 1) & (data.time <= grace)])
    most = max(_FEWEST_CUTS, _MOST_ROWS // max(data.n, 1))
    if len(cuts) <= most:
        return cuts
    return cuts[np.unique(np.linspace(0, len(cuts) - 1, most).round().astype(int))]
