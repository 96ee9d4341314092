"""The variance of a cumulative incidence as R's `cmprsk` has it, by Gray."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crlm.multistate.causes import Causes
from crlm.survival.samples import number_at_risk


def gray_errors(group: Causes, causes: Sequence[str], times: Sequence[float]) -> np.ndarray:
    """Standard errors of the incidence of each cause, shape (times, causes).

    Parameters
    ----------
    group : Causes
        Without weights. Late entry is honoured by the numbers at risk, which `cmprsk` has not.
    causes : sequence of str
    times : sequence of float
        Months. An error holds from one event of the cause to the next.

    References
    ----------
    Gray RJ. Ann Stat 1988;16:1141; `cmprsk::cuminc`, its Fortran `cinc`.
    """
    found = [_of_cause(group, group.place_of(cause), times) for cause in causes]
    return np.sqrt(np.column_stack(found))


def _of_cause(group: Causes, place: int, times: Sequence[float]) -> np.ndarray:
    """Variances of one cause at some months."""
    when = group.sample.time
    steps = np.unique(when[group.cause >= 0])
    risk = number_at_risk(group.sample, steps)
    mine = _at(steps, when[group.cause == place])
    others = _at(steps, when[(group.cause >= 0) & (group.cause != place)])
    survival, share, parts = 1.0, 0.0, np.zeros(3)
    at, variances = [-np.inf], [0.0]
    for time, n, one, other in zip(steps, risk, mine, others, strict=True):
        left = survival * (n - one - other) / n
        share += survival * one / n
        if other and left > 0:
            parts += _part(other, n, survival, 1 / left, share / left)
        if one:
            inverse = 1 / left if left > 0 else 0.0
            parts += _part(one, n, survival, inverse, 1 + share * inverse)
            at.append(time)
            variances.append(parts[0] + share**2 * parts[2] - 2 * share * parts[1])
        survival = left
    places = np.searchsorted(at, np.asarray(times, dtype=float), side="right") - 1
    return np.maximum(np.asarray(variances)[places], 0.0)


def _at(steps: np.ndarray, when: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(steps, when), minlength=len(steps))


def _part(events: int, n: float, survival: float, inverse: float, pull: float) -> np.ndarray:
    """What the events of one kind at one time add to the three running sums."""
    tied = 1 - (events - 1) / (n - 1) if events > 1 else 1.0
    spread = survival**2 * tied * events / n**2
    return spread * np.array([pull**2, inverse * pull, inverse**2])
