"""A process through states: Aalen-Johansen probabilities, months in state, their errors.

The arithmetic of the room, on plain arrays. One pass serves a cohort and all its resamples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crlm.survival.samples import Sample, make_sample, snap

#: The normal quantile of limits of 95 %.
Z = 1.959963984540054
#: Resamples times stays that are held at once.
_HELD = 4_000_000
#: Less than this is a rounding error.
NOTHING = 1e-12


@dataclass(frozen=True)
class Process:
    """What was observed of some patients: stays in states, one a row, and how each ended.

    Attributes
    ----------
    states : tuple of str
        All states, that of time zero first.
    start, stop : ndarray of float, shape (rows,)
        Under observation in the state during (start, stop]; `start` is -inf from time zero on.
    source, target : ndarray of int, shape (rows,)
        Positions in `states`: of the stay, and of what it ended with (-1: censored).
    patient : ndarray of int, shape (rows,)
        Whose stay it is, from 0.
    n : int
        Number of patients.
    grid : ndarray of float
        All distinct times, to which asked times are snapped.
    """

    states: tuple[str, ...]
    start: np.ndarray
    stop: np.ndarray
    source: np.ndarray
    target: np.ndarray
    patient: np.ndarray
    n: int
    grid: np.ndarray

    def take(self, chosen: np.ndarray) -> Process:
        """Some patients (positions), numbered anew in that order."""
        place = np.full(self.n, -1)
        place[chosen] = np.arange(len(chosen))
        rows = np.flatnonzero(place[self.patient] >= 0)
        arrays = (self.start, self.stop, self.source, self.target)
        whose = place[self.patient[rows]]
        return Process(self.states, *(a[rows] for a in arrays), whose, len(chosen), self.grid)

    def at_risk(self, times: Sequence[float]) -> np.ndarray:
        """Patients in each state just before each time (start < t <= stop).

        Returns
        -------
        ndarray of int, shape (times, states)
        """
        asked = self.snapped(times)
        return np.column_stack([_counted(self, j, asked) for j in range(len(self.states))])

    def entered(self, times: Sequence[float]) -> np.ndarray:
        """Observed transitions into each state up to and with each time, (times, states)."""
        asked, columns = self.snapped(times), []
        for k in range(len(self.states)):
            moved = np.sort(self.stop[self.target == k])
            columns.append(np.searchsorted(moved, asked, side="right"))
        return np.column_stack(columns)

    def snapped(self, times: Sequence[float]) -> np.ndarray:
        """Asked times on observed times where only a rounding error lies between."""
        return snap(np.asarray(times, dtype=float), self.grid)


@dataclass(frozen=True)
class Path:
    """Probabilities over time of one or many (re)samples.

    Attributes
    ----------
    time : ndarray of float, shape (m,)
        Distinct times of transitions.
    risk : ndarray, shape (m, states, samples)
        Weight at risk in each state just before each time.
    hazard : dict of (source, target) to ndarray, shape (m, samples)
    probability : ndarray, shape (m + 1, states, samples)
        From time zero on; row i + 1 holds from `time[i]` on.
    """

    time: np.ndarray
    risk: np.ndarray
    hazard: dict[tuple[int, int], np.ndarray]
    probability: np.ndarray

    def at(self, times: np.ndarray) -> np.ndarray:
        """Probabilities at these times, shape (times, states, samples)."""
        return settled(self.probability[np.searchsorted(self.time, times, side="right")])

    def months(self, horizons: np.ndarray) -> np.ndarray:
        """Areas under the probabilities up to each horizon, (horizons, states, samples)."""
        before = np.concatenate([[0.0], self.time])
        areas = []
        for tau in horizons:
            ends = np.minimum(np.concatenate([self.time, [math.inf]]), tau)
            width = np.maximum(ends - np.minimum(before, tau), 0.0)
            areas.append(np.tensordot(width, self.probability, axes=1))
        return settled(np.array(areas))


def of_stays(stays: pd.DataFrame, states: Sequence[str]) -> Process:
    """The process of a frame of stays (`patient_id`, `t0`, `t1`, `from`, `to`), near-ties tied."""
    table = pd.DataFrame({"time": stays["t1"], "event": stays["to"].notna(), "entry": stays["t0"]})
    sample = make_sample(table, np.arange(len(table)))
    place = pd.Index(list(states))
    patient, names = pd.factorize(stays["patient_id"])
    return Process(
        tuple(states),
        sample.entry,
        sample.time,
        place.get_indexer(stays["from"].astype(object)),
        place.get_indexer(stays["to"].astype(object)),
        patient,
        len(names),
        sample.grid,
    )


def of_causes(sample: Sample, cause: np.ndarray, names: Sequence[str]) -> Process:
    """Patients who leave time zero's state by one of several causes (-1: censored)."""
    n = len(sample.time)
    target = np.where(cause >= 0, cause + 1, -1)
    return Process(
        ("free", *names),
        sample.entry,
        sample.time,
        np.zeros(n, dtype=int),
        target,
        np.arange(n),
        n,
        sample.grid,
    )


def aalen_johansen(process: Process, weights: np.ndarray | None = None) -> Path:
    """Probabilities in state of the patients, or of resamples of them.

    Parameters
    ----------
    process : Process
    weights : ndarray, shape (patients,) or (samples, patients), optional
        Case weights, or how often each patient is in each resample; 1 each by default.

    Notes
    -----
    At each distinct time the probability p_j moves by the sum over i of p_i dN_ij / Y_i. A
    state in which nobody is at risk keeps its probability. It begins with the states in which
    patients were observed at time zero, the first one where nobody was.

    References
    ----------
    Aalen OO, Johansen S. Scand J Stat 1978;5:141.
    """
    w = np.ones((1, process.n)) if weights is None else np.atleast_2d(weights).astype(float)
    weight = w.T[process.patient]
    time = np.unique(process.stop[process.target >= 0])
    risk = np.stack([_risk(process, weight, j, time) for j in range(len(process.states))], axis=1)
    hazard = {}
    for pair in _moves(process):
        moved = _moved(process, weight, pair, time)
        here = risk[:, pair[0]]
        hazard[pair] = np.divide(moved, here, out=np.zeros_like(moved), where=here > 0)
    return Path(time, risk, hazard, _walk(_begin(process, weight), hazard, len(time)))


def resamples(counts: Iterator[np.ndarray], process: Process) -> Iterator[Path]:
    """Paths of blocks of resamples, no more at once than memory holds well."""
    most = max(1, _HELD // max(len(process.stop), 1))
    block: list[np.ndarray] = []
    for count in counts:
        block.append(count)
        if len(block) == most:
            yield aalen_johansen(process, np.array(block))
            block = []
    if block:
        yield aalen_johansen(process, np.array(block))


def influence(
    process: Process, path: Path, horizon: float, kind: str, weights: np.ndarray | None = None
) -> np.ndarray:
    """What each patient adds to the probabilities at, or the months up to, a horizon.

    Parameters
    ----------
    path : Path
        Of these patients with these weights: one sample.
    kind : {"probability", "months"}
    weights : ndarray, shape (patients,), optional

    Returns
    -------
    ndarray, shape (patients, states)
        The infinitesimal jackknife: weight times the derivative by the weight. The standard
        error is the root of the sum of squares, a pseudo-value n times it plus the estimate.

    Notes
    -----
    A patient adds to dN_jk at its transition and to Y_j while at risk; what happens later is
    carried on by the product of the later transition matrices, or by its area. Running sums
    from the horizon backwards make this linear in patients and times.

    References
    ----------
    Therneau T, Crowson C, Atkinson E. Multi-state models and competing risks, vignette of R's
    survival; the numbers are its `residuals(survfit)` and standard errors.
    """
    used = int(np.searchsorted(path.time, horizon, side="right"))
    later = _carried(path, used, len(process.states), horizon, kind)
    step = np.searchsorted(path.time, np.minimum(process.stop, horizon), side="right")
    first = np.searchsorted(path.time, np.minimum(process.start, horizon), side="right")
    per_row = np.zeros((len(process.stop), len(process.states)))
    for j in range(len(process.states)):
        share = _share(path, j, used)
        pulled = np.zeros((used, len(process.states)))
        for (source, k), hazard in path.hazard.items():
            if source != j:
                continue
            gain = share[:, None] * (later[1:, k] - later[1:, j])
            pulled += hazard[:used, 0, None] * gain
            rows = np.flatnonzero(
                (process.source == j) & (process.target == k) & (process.stop <= horizon)
            )
            per_row[rows] += gain[np.searchsorted(path.time, process.stop[rows])]
        summed = np.concatenate([np.zeros((1, pulled.shape[1])), np.cumsum(pulled, axis=0)])
        rows = np.flatnonzero(process.source == j)
        per_row[rows] -= summed[step[rows]] - summed[first[rows]]
    per_row += _begun(process, path, weights) @ later[0]
    per_row *= 1.0 if weights is None else weights[process.patient, None]
    return _by_patient(per_row, process)


def errors(
    process: Process,
    path: Path,
    horizons: np.ndarray,
    kind: str,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Infinitesimal-jackknife standard errors, shape (horizons, states)."""
    parts = [influence(process, path, tau, kind, weights) for tau in horizons]
    return np.array([np.sqrt((part**2).sum(axis=0)) for part in parts])


def log_log(p: float, error: float) -> tuple[float, float]:
    """Limits p^exp(+-z se / (p ln p)) of a probability; missing at 0 and at 1."""
    if not (0 < p < 1 and error > NOTHING):
        return math.nan, math.nan
    shift = math.exp(Z * error / (p * -math.log(p)))
    return p**shift, p ** (1 / shift)


def log(p: float, error: float) -> tuple[float, float]:
    """Limits p exp(+-z se / p) of a probability, at most 1; missing at 0 and at 1."""
    if not (0 < p < 1 and error > NOTHING):
        return math.nan, math.nan
    shift = math.exp(Z * error / p)
    return p / shift, min(p * shift, 1.0)


# ---- parts ------------------------------------------------------------------


def settled(values: np.ndarray) -> np.ndarray:
    """Values without the rounding errors around whole numbers, such as a probability of 1e-17."""
    nearest = np.rint(values)
    return np.where(np.abs(values - nearest) < NOTHING, nearest, values)


def _moves(process: Process) -> list[tuple[int, int]]:
    moved = process.target >= 0
    pairs = {
        (int(a), int(b)) for a, b in zip(process.source[moved], process.target[moved], strict=True)
    }
    return sorted(pairs)


def _risk(process: Process, weight: np.ndarray, state: int, time: np.ndarray) -> np.ndarray:
    """Weight with start < t <= stop in a state: those who began less those who left."""
    rows = np.flatnonzero(process.source == state)
    begun = _running(process.start[rows], weight[rows], time)
    return np.maximum(begun - _running(process.stop[rows], weight[rows], time), 0.0)


def _running(when: np.ndarray, weight: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Weight of what happened before each time, shape (times, samples)."""
    order = np.argsort(when, kind="stable")
    summed = np.concatenate([np.zeros((1, weight.shape[1])), np.cumsum(weight[order], axis=0)])
    return summed[np.searchsorted(when[order], time)]


def _counted(process: Process, state: int, time: np.ndarray) -> np.ndarray:
    rows = process.source == state
    begun = np.searchsorted(np.sort(process.start[rows]), time)
    return begun - np.searchsorted(np.sort(process.stop[rows]), time)


def _moved(
    process: Process, weight: np.ndarray, pair: tuple[int, int], time: np.ndarray
) -> np.ndarray:
    """Weight of the transitions of one kind at each time, shape (times, samples)."""
    rows = np.flatnonzero((process.source == pair[0]) & (process.target == pair[1]))
    rows = rows[np.argsort(process.stop[rows], kind="stable")]
    at = np.searchsorted(time, process.stop[rows])
    places, first = np.unique(at, return_index=True)
    moved = np.zeros((len(time), weight.shape[1]))
    moved[places] = np.add.reduceat(weight[rows], first, axis=0)
    return moved


def _begin(process: Process, weight: np.ndarray) -> np.ndarray:
    """Shares of the states at time zero, shape (states, samples)."""
    at_zero = np.flatnonzero(process.start < 0)
    shares = np.zeros((len(process.states), weight.shape[1]))
    np.add.at(shares, process.source[at_zero], weight[at_zero])
    total = shares.sum(axis=0)
    shares[0, total == 0] = total[total == 0] = 1.0
    return shares / total


def _begun(process: Process, path: Path, weights: np.ndarray | None) -> np.ndarray:
    """What each row adds to the shares of the states at time zero, a unit of weight each."""
    at_zero = process.start < 0
    change = np.zeros((len(process.stop), len(process.states)))
    w = np.ones(len(process.stop)) if weights is None else weights[process.patient]
    if not w[at_zero].any():
        return change
    change[np.arange(len(change)), process.source] = 1.0
    change -= path.probability[0, :, 0]
    change[~at_zero] = 0.0
    return change / w[at_zero].sum()


def _walk(begin: np.ndarray, hazard: dict[tuple[int, int], np.ndarray], steps: int) -> np.ndarray:
    """Probabilities from time zero on, shape (steps + 1, states, samples)."""
    path = np.empty((steps + 1, *begin.shape))
    path[0] = begin
    if {source for source, _ in hazard} == {0}:
        total = np.minimum(sum(hazard.values()), 1.0)
        path[1:, 0] = begin[0] * np.cumprod(1.0 - total, axis=0)
        for k in range(1, len(begin)):
            flow = path[:-1, 0] * hazard.get((0, k), 0.0)
            path[1:, k] = begin[k] + np.cumsum(flow, axis=0)
        return path
    for i in range(steps):
        now, after = path[i], path[i + 1]
        after[:] = now
        for (j, k), h in hazard.items():
            flow = now[j] * h[i]
            after[j] -= flow
            after[k] += flow
    return path


def _share(path: Path, state: int, used: int) -> np.ndarray:
    """Probability of a state just before each time over the weight at risk in it."""
    risk, p = path.risk[:used, state, 0], path.probability[:used, state, 0]
    return np.divide(p, risk, out=np.zeros(used), where=risk > 0)


def _carried(path: Path, used: int, size: int, horizon: float, kind: str) -> np.ndarray:
    """From after each time to the horizon: transition probabilities, or months in each state."""
    later = np.empty((used + 1, size, size))
    edge = np.concatenate([[0.0], path.time[:used]])
    months = kind == "months"
    later[used] = np.eye(size) * ((horizon - edge[used]) if months else 1.0)
    for i in range(used - 1, -1, -1):
        after = later[i + 1]
        now = later[i]
        now[:] = after
        for (j, k), h in path.hazard.items():
            now[j] += h[i, 0] * (after[k] - after[j])
        if months:
            now += np.eye(size) * (edge[i + 1] - edge[i])
    return later


def _by_patient(per_row: np.ndarray, process: Process) -> np.ndarray:
    columns = [
        np.bincount(process.patient, weights=per_row[:, k], minlength=process.n)
        for k in range(per_row.shape[1])
    ]
    return np.column_stack(columns)
