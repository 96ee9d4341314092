"""Curves to be drawn: cumulative incidence by cause, and probability in each state, as steps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crlm.multistate.causes import causes_of
from crlm.multistate.occupation import groups_of
from crlm.multistate.process import Path, Process, aalen_johansen
from crlm.multistate.stays import check_stays
from crlm.survival.samples import By


def incidence_curve(
    frame: pd.DataFrame,
    by: By = None,
    *,
    weights: np.ndarray | None = None,
    min_at_risk: int = 0,
) -> pd.DataFrame:
    """Cumulative incidence of every cause over time, 1 - Kaplan-Meier beside it.

    Parameters
    ----------
    frame, by, weights
        As `incidence`.
    min_at_risk : int
        A group's curves end at the last step before which so many of its patients are left.

    Returns
    -------
    pandas.DataFrame
        Columns `group`, `level` (the cause), `time` (months, from 0 to the last observed time
        of the group, or to where `min_at_risk` ends it), `estimate` and `naive` (0 to 1):
        steps that hold from their time on.

    Raises
    ------
    CohortError, ParameterError
        As `incidence`.
    """
    parts = []
    for group in causes_of(frame, by, weights):
        process = group.process()
        path = aalen_johansen(process, group.weights)
        time = _steps(path, process, min_at_risk)
        for k, cause in enumerate(group.names):
            alone = aalen_johansen(group.alone(cause).process(), group.weights)
            part = pd.DataFrame({"time": time, "estimate": path.at(time)[:, k + 1, 0]})
            part = part.assign(naive=alone.at(time)[:, 1, 0])
            parts.append(_named(part, group.name, cause))
    return pd.concat(parts, ignore_index=True)


def state_curve(stays: pd.DataFrame, by: By = None, *, min_at_risk: int = 0) -> pd.DataFrame:
    """Probability in each state over time.

    Parameters
    ----------
    stays, by
        As `states`.
    min_at_risk : int
        A group's curves end at the last step before which so many of its patients are left, in
        whatever state.

    Returns
    -------
    pandas.DataFrame
        Columns `group`, `level` (the state), `time` (months, from 0 to the last observed time
        of the group, or to where `min_at_risk` ends it) and `estimate` (0 to 1): steps that hold
        from their time on, and sum to 1 over the states.

    Raises
    ------
    CohortError, ParameterError
        As `states`.
    """
    check_stays(stays)
    parts = []
    for group in groups_of(stays, by):
        time = _steps(group.path, group.process, min_at_risk)
        probability = group.path.at(time)[:, :, 0]
        for k, state in enumerate(group.process.states):
            part = pd.DataFrame({"time": time, "estimate": probability[:, k]})
            parts.append(_named(part, group.name, state))
    return pd.concat(parts, ignore_index=True)


def _steps(path: Path, process: Process, least: int) -> np.ndarray:
    """Time zero, the times at which a probability moves, and the end of observation.

    Of these only the ones just before which at least so many patients are under observation.
    """
    time = np.unique(np.concatenate([[0.0], path.time, [process.stop.max()]]))
    return time[(time == 0) | (process.at_risk(time).sum(axis=1) >= least)]


def _named(part: pd.DataFrame, group: str, level: str) -> pd.DataFrame:
    part.insert(0, "group", group)
    part.insert(1, "level", level)
    return part
