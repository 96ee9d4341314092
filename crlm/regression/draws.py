"""Deaths as draws from risk sets: what every Cox likelihood of this house sums over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Draws:
    """The deaths as draws from risk sets: sums over them as differences of running sums.

    `spans` are triples of an order of the patients (None: as they stand) and where in the
    running sum of each draw's stretch ends and begins; `parts` how much each stretch counts;
    `times` how often each draw counts; `tie` which stratum and moment it belongs to, and `own`
    the same of each patient with an event (-1: none).
    """

    spans: tuple[tuple[np.ndarray | None, np.ndarray, np.ndarray], ...]
    parts: tuple[np.ndarray, ...]
    times: np.ndarray
    tie: np.ndarray
    own: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Of (m x patients) values the weighted sums (draws x m) over those at risk."""
        total = np.zeros((len(values), len(self.times)))
        for (order, end, begin), part in zip(self.spans, self.parts, strict=True):
            size = values.shape[1] if order is None else len(order)
            running = np.zeros((len(values), size + 1))
            np.cumsum(values if order is None else values[:, order], axis=1, out=running[:, 1:])
            total += part * (running[:, end] - running[:, begin])
        return total.T


def draws_of(
    time: np.ndarray,
    event: np.ndarray,
    entry: np.ndarray | None,
    strata: np.ndarray | None,
    ties: str,
) -> Draws:
    """Who is at risk at each death, less the tied deaths' share under Efron's rule."""
    stratum = np.zeros(len(time), dtype=int) if strata is None else strata
    dead = np.flatnonzero(event == 1)
    keys = np.column_stack([stratum[dead], time[dead]])
    moments, codes, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    efron = ties == "efron"
    which = np.repeat(np.arange(len(moments)), counts if efron else 1)
    place, moment = moments[which, 0], moments[which, 1]
    spans, parts = [_span(stratum, time, place, moment)], [np.ones(len(which))]
    if entry is not None:
        spans.append(_span(stratum, entry, place, moment))
        parts.append(-np.ones(len(which)))
    if efron and (counts > 1).any():
        ends = np.cumsum(counts)
        rank = np.arange(len(which)) - np.repeat(ends - counts, counts)
        order = dead[np.lexsort((keys[:, 1], keys[:, 0]))]
        spans.append((order, ends[which], (ends - counts)[which]))
        parts.append(-rank / counts[which])
    times = np.ones(len(which)) if efron else counts.astype(float)
    own = np.full(len(time), -1)
    own[dead] = codes.reshape(-1)
    return Draws(tuple(spans), tuple(parts), times, which, own)


def _span(
    stratum: np.ndarray, moment: np.ndarray, place: np.ndarray, time: np.ndarray
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Who of a stratum has a moment at or after a time: a stretch of the latest first."""
    order = np.lexsort((-moment, stratum))
    begin = np.searchsorted(stratum[order], place, side="left")
    end = np.searchsorted(stratum[order], place, side="right")
    later = np.zeros(len(time), dtype=int)
    for first, last in set(zip(begin.tolist(), end.tolist(), strict=True)):
        falling = -moment[order[first:last]]
        asked = begin == first
        later[asked] = np.searchsorted(falling, -time[asked], side="right")
    as_they_stand = (np.diff(order) == 1).all()
    return None if as_they_stand else order, begin + later, begin
