"""What the record cannot date exactly: failures behind p-NAC, recurrences between two visits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crlm.endpoints import columns, outcomes, timeline
from crlm.endpoints.analysis import derive
from crlm.ledger import CohortError, Design, ParameterError

#: The rules of when a failure came, from the record's own to the strictest.
BOUNDS = ("record", "recurrence bound", "early bound")

#: Days counted from months may be off by their printed digits.
_SAME_DAY = 0.5

#: How much of the interval between two examinations lies before the event.
VISIT_BOUNDS = {"left bound": 0.0, "midpoint": 0.5, "right bound": 1.0}
#: In a month, on average.
DAYS = 365.25 / 12

#: The column that tells whose early recurrence was treated by p-NAC.
EARLY_PNAC = "early_p_nac"


def bounds(
    patients: pd.DataFrame,
    history: pd.DataFrame,
    design: Design,
    *,
    early_months: float | None = None,
    controlled_unresectable: str = "continue",
    days_per_month: float | None = None,
) -> dict[str, pd.DataFrame]:
    """The surgically controllable period under three rules of when a failure came.

    An early resectable recurrence cannot fail for the two or three months of its p-NAC, so the
    record dates the failure later than the biology did.

    Parameters
    ----------
    patients : pandas.DataFrame
        The included patients with times and events (`frames(...)["patients"]`).
    history : pandas.DataFrame
        Event history; patients without one keep the record under all rules.
    design : Design
    early_months : float, optional
        A recurrence before this month is early; by default the design's
        `early_recurrence_months`.
    controlled_unresectable
        As `from_history`.
    days_per_month : float, optional
        By default the design's.

    Returns
    -------
    dict of str to pandas.DataFrame
        Analysis frames of SCP. "record": as they are. "recurrence bound": a failure found at the
        assessment after p-NAC is dated back to the recurrence that the p-NAC answered. "early
        bound": every recurrence before `early_months` is a failure when it is seen. Each with
        the column `early_p_nac` (yes: an early recurrence was treated by p-NAC). A patient whose
        failure comes to lie before late entry is left out of that frame.

    Raises
    ------
    CohortError
        If the study has no SCP, or no patient has a history.
    ParameterError
        If `early_months` is not positive.

    Notes
    -----
    What the biology did lies between the first two; the third is another policy.

    Examples
    --------
    A recurrence in month 2, p-NAC, and progression beyond surgery in month 6: the record has
    the failure in month 6, both bounds in month 2.
    """
    if "SCP" not in design.endpoints:
        raise CohortError(f"{design.study} has no surgically controllable period to be bounded.")
    early = float(early_months or design.conventions.get("early_recurrence_months", 0.0))
    if not early > 0:
        raise ParameterError(f"early_months is {early_months!r}; give a positive number of months.")
    month = float(days_per_month or design.conventions["days_per_month"])
    days = _days(patients, history, controlled_unresectable == "failure")
    soon = days["recurrence"] < early * month
    treated = pd.Categorical.from_codes((soon & days["p_nac"]).astype(int), ["no", "yes"])
    known = patients.assign(**{EARLY_PNAC: treated})
    at_once = np.where(soon, days["recurrence"], days["failure"])
    moved = (days["failure"], days["answered"], np.fmin(at_once, days["failure"]))
    return {
        name: _frame(known, design, failed, month)
        for name, failed in zip(BOUNDS, moved, strict=True)
    }


def last_negative(
    frame: pd.DataFrame, visit_months: float, column: str = "last_negative_months"
) -> np.ndarray:
    """Month of the last examination without the event, for each patient of a frame of RFS.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame; `os_months` and `os_event` tell a death, whose day is known.
    visit_months : float
        Interval between examinations, where a patient's own last negative one is not known.
    column : str
        Where the table may hold it; it is about the first recurrence and read for RFS alone.

    Returns
    -------
    ndarray of float, shape (n,)
        `time` itself for deaths and for those without the event.

    Raises
    ------
    ParameterError
        If `visit_months` is negative.
    """
    if not visit_months >= 0:
        raise ParameterError(f"visit_months is {visit_months!r}; give 0 or more months.")
    time = frame["time"].to_numpy(dtype=float)
    before = np.maximum(time - visit_months, 0.0)
    if column in frame and _endpoint(frame) in ("", "RFS"):
        told = columns.months(frame, column)
        before = np.where(np.isnan(told), before, np.minimum(told, time))
    seen = frame["event"].to_numpy(dtype=bool) & ~died_then(frame)
    return np.where(seen, before, time)


def visit_bounds(
    frame: pd.DataFrame, visit_months: float, *, days_per_month: float = DAYS
) -> dict[str, pd.DataFrame]:
    """An analysis frame with events at either end, and in the middle, of their interval.

    Parameters
    ----------
    frame, visit_months
        As `last_negative`.
    days_per_month : float
        An event at the end 0 of its interval is counted half a day later.

    Returns
    -------
    dict of str to pandas.DataFrame
        "left bound": at the last examination without the event. "midpoint". "right bound": as
        the record has it. A patient whose event comes to lie before late entry is left out of
        that frame.

    Raises
    ------
    ParameterError
        As `last_negative`.

    Examples
    --------
    >>> frame = pd.DataFrame({"time": [10.0], "event": [True]})
    >>> {name: one["time"].item() for name, one in visit_bounds(frame, 4.0).items()}
    {'left bound': 6.0, 'midpoint': 8.0, 'right bound': 10.0}
    """
    left, least = last_negative(frame, visit_months), _SAME_DAY / days_per_month
    found = {}
    for name, share in VISIT_BOUNDS.items():
        at = left + share * (frame["time"] - left)
        at = at.where(at > 0, least).clip(upper=frame["time"].clip(lower=least))
        dated = frame.assign(time=at)
        if "entry" in dated:
            dated = dated[(dated["entry"] <= 0) | (dated["time"] > dated["entry"])]
        found[name] = dated
    return found


def died_then(frame: pd.DataFrame) -> np.ndarray:
    """Who died at the time of an analysis frame, as far as two printed times can tell."""
    if not {"os_months", "os_event"} <= set(frame):
        return np.zeros(len(frame), dtype=bool)
    end = columns.months(frame, "os_months")
    close = np.abs(end - frame["time"].to_numpy()) <= outcomes.TOLERANCE + 1e-9
    return close & (columns.binary(frame["os_event"]) == 1.0)


# ---- parts ------------------------------------------------------------------


def _endpoint(frame: pd.DataFrame) -> str:
    return str(frame["endpoint"].iloc[0]) if "endpoint" in frame and len(frame) else ""


def _days(patients: pd.DataFrame, history: pd.DataFrame, strict: bool) -> dict[str, np.ndarray]:
    """Days of first recurrence, failure, and the recurrence behind it; who had p-NAC for the first.

    Missing where it did not happen, or where the patient has no history.
    """
    mine = history
    if not history.empty and "patient_id" in patients:
        mine = history[history["patient_id"].isin(patients["patient_id"])]
    if mine.empty or "patient_id" not in patients:
        raise CohortError("No patient has an event history, which alone tells who had p-NAC.")
    n = len(patients)
    line = timeline.build(pd.Index(patients["patient_id"]), mine)
    recurred, given = timeline.is_event(line, "recurrence"), timeline.is_event(line, "p_nac")
    failure = outcomes.failure_days(line, n, strict)
    first = timeline.first_day(line, recurred, n)
    patient, day = line["patient"].to_numpy(), line["day"].to_numpy()
    following = timeline.first_day(line, recurred & (day > first[patient]), n)
    treated = np.zeros(n, dtype=bool)
    treated[patient[given & ~(day >= following[patient])]] = True
    answered = np.full(n, -np.inf)
    before = recurred & (day <= failure[patient])
    np.maximum.at(answered, patient[before], day[before])
    answered = np.where(np.isfinite(answered) & ~np.isnan(failure), answered, failure)
    return {"recurrence": first, "failure": failure, "answered": answered, "p_nac": treated}


def _frame(
    patients: pd.DataFrame, design: Design, failed: np.ndarray, month: float
) -> pd.DataFrame:
    """The SCP frame with failures on these days, where the patients' own columns say others."""
    names = columns.names_of("SCP")
    months = columns.months(patients, names[0])
    event = columns.binary(patients[names[1]])
    with np.errstate(invalid="ignore"):
        same = (event == 1.0) & (np.abs(months * month - failed) < _SAME_DAY)
    moved = ~np.isnan(failed) & ~same
    if not moved.any():
        return derive(patients, "SCP", design, entered_late="drop")
    event = np.where(moved, 1.0, event)
    known = patients.assign(
        **{
            names[0]: np.where(moved, failed / month, months),
            names[1]: pd.arrays.BooleanArray(event == 1.0, np.isnan(event)),
        }
    )
    return derive(known, "SCP", design, entered_late="drop")
