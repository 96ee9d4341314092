"""A covariate that turns from no to yes while patients are followed, in the Cox model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crlm.ledger import CohortError, ParameterError, rows
from crlm.regression.engine import FollowUp
from crlm.regression.model_rows import n_record, ratio_records
from crlm.regression.solution import Family, cox_family, solve
from crlm.regression.terms import (
    Design,
    Term,
    check_follow_up,
    check_names,
    complete,
    encode,
    follow_up,
    listed,
)
from crlm.survival.samples import snap


@dataclass(frozen=True)
class Intervals:
    """Counting-process rows: under observation in (entry, time], with the covariate or without.

    Attributes
    ----------
    data : FollowUp
    patient : ndarray of int, shape (rows,)
        Whose row it is.
    yes : ndarray of bool, shape (rows,)
    last : ndarray of bool, shape (rows,)
        The last row of each patient, which holds the event if there is one.
    """

    data: FollowUp
    patient: np.ndarray
    yes: np.ndarray
    last: np.ndarray


def time_dependent(
    frame: pd.DataFrame,
    name: str,
    start: str,
    *,
    adjust: Sequence[str] = (),
    ties: str = "efron",
    model: str = "time dependent",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """The hazard ratio of something that befalls patients during follow-up, from then on.

    Whoever has it is counted without it until `start` and with it afterwards, so that nobody
    owes survival to having lived long enough to get it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame, as for `cox`; late entry is honoured.
    name : str
        How the covariate is called in the rows.
    start : str
        Column with the month, on the frame's own clock, at which it turns from no to yes;
        missing: never. At time 0 or earlier: yes from the beginning. At or after the end of a
        patient's follow-up: never, for nothing is observed with it (this decides at time 0 too).
    adjust : sequence of str
        Further covariates, which do not change.

    Returns
    -------
    pandas.DataFrame
        Rows of covariate `name`: `n` (patients, not intervals), and for level "yes"
        `hazard_ratio` and `p`, with all patients and events of the model; `method` says how many
        patients ever had it. Firth's penalty where the ordinary estimate is infinite, as `cox`.

    Raises
    ------
    ParameterError, CohortError
        If `start` is absent or no number, or `name` is among `adjust`; as `cox`.

    References
    ----------
    Crowley J, Hu M. J Am Stat Assoc 1977;72:27. The numbers are those of R's
    `coxph(Surv(tstart, tstop, event) ~ x)` on the rows that `tmerge(..., x = tdc(start))` makes.
    """
    check_names(frame, [start, *listed(adjust)])
    if name in listed(adjust):
        raise ParameterError(f"{name!r} is the time-dependent covariate; leave it out of adjust.")
    if not pd.api.types.is_numeric_dtype(frame[start]):
        raise CohortError(f"The column {start!r} must hold months but is {frame[start].dtype}.")
    part = complete(frame, [*check_follow_up(frame), *listed(adjust)])
    data = follow_up(part)
    intervals = split_at(data, part[start].to_numpy(dtype=float, na_value=np.nan))
    family = _family(data, intervals, ties, listed(adjust))
    solution = solve(family, _design(name, intervals, encode(part, listed(adjust))), conf_level)
    endpoint = str(frame["endpoint"].iloc[0]) if "endpoint" in frame and len(frame) else ""
    keys = {"endpoint": endpoint, "population": population, "model": model, "covariate": name}
    at = {**keys, "level": "yes", "n": data.n, "events": data.n_events}
    return rows([n_record(len(frame), family, keys), *ratio_records(solution, family, 0, at)])


def split_at(data: FollowUp, start: np.ndarray) -> Intervals:
    """Each patient's follow-up in two where the covariate turns to yes in between.

    Parameters
    ----------
    data : FollowUp
        Without strata.
    start : ndarray of float, shape (n,)
        Months; missing: never. Within a rounding error of a time it is that time.
    """
    entry = np.full(data.n, -1.0) if data.entry is None else data.entry
    grid = np.unique(np.concatenate([data.time, entry[entry > 0], [0.0]]))
    start = snap(np.where(np.isnan(start), np.inf, start), grid)
    never, whole = start >= data.time, start <= np.maximum(entry, 0.0)
    both = np.flatnonzero(~never & ~whole)
    everybody = np.arange(data.n)
    patient = np.concatenate([both, everybody])
    began = np.concatenate([entry[both], np.where(never | whole, entry, start)])
    ended = np.concatenate([start[both], data.time])
    event = np.concatenate([np.zeros(len(both), data.event.dtype), data.event])
    yes = np.concatenate([np.zeros(len(both), bool), ~never])
    last = np.concatenate([np.zeros(len(both), bool), np.ones(data.n, bool)])
    # The engine wants no entries where there are none.
    entries = None if (began < 0).all() else began
    return Intervals(FollowUp(ended, event, entries), patient, yes, last)


def _family(data: FollowUp, intervals: Intervals, ties: str, adjust: Sequence[str]) -> Family:
    ever = int(intervals.yes[intervals.last].sum())
    method = f"Cox, {ties.capitalize()} ties, time-dependent covariate"
    method += f" ({ever:,} of {data.n:,} patients ever had it)"
    method += ", late entry" if data.entry is not None else ""
    method += f", adjusted for {', '.join(adjust)}" if adjust else ""
    family = cox_family(intervals.data, ties)
    return replace(family, method=method, last=intervals.last)


def _design(name: str, intervals: Intervals, others: Design) -> Design:
    """The changing covariate ahead of those that do not change."""
    x = np.column_stack([intervals.yes.astype(float), others.x[intervals.patient]])
    moved = [
        replace(term, columns=tuple(column + 1 for column in term.columns)) for term in others.terms
    ]
    return Design(x, (Term(name, ("no", "yes"), (0,)), *moved))
