"""One endpoint's analysis frame: time in months and event, and late entry if there is any."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from crlm.endpoints import columns
from crlm.ledger import CohortError, Design, ParameterError
from crlm.refusals import choice


def derive(
    patients: pd.DataFrame,
    endpoint: str,
    design: Design,
    *,
    entered_late: Literal["refuse", "drop"] = "refuse",
) -> pd.DataFrame:
    """The analysis frame of one endpoint: patients whose time and event are known.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `<endpoint>_months` and `<endpoint>_event`, and `entry_months` if observation
        began after hepatectomy (an empty cell: it began at hepatectomy).
    endpoint : str
        A name of `design.endpoints`, as "OS" or "OS_after_recurrence".
    entered_late : {"refuse", "drop"}
        For endpoints other than OS: a patient whose event came before observation began
        was never at risk under observation. "drop" leaves such patients out.

    Returns
    -------
    pandas.DataFrame
        The patients' columns and index, with `time` (months, >= 0), `event` (True =
        observed), `endpoint`, and `entry` (months, < time) when any patient entered late.

    Raises
    ------
    CohortError
        If columns are absent or empty, a time is negative or has no event code, or entry
        is not before the time.
    ParameterError
        If the design has no such endpoint.

    Notes
    -----
    A time of 0 with an event is allowed (death on the day of surgery), but not beside
    late entry, where an interval of no length holds no risk. For OS after recurrence the
    clock starts at the recurrence, so entry becomes what of it lies after the recurrence:
    max(0, entry_months - (os_months - os_after_recurrence_months)).
    """
    choice("entered_late", entered_late, ("refuse", "drop"))
    if endpoint not in design.endpoints:
        known = ", ".join(design.endpoints)
        raise ParameterError(f"{design.study} has no endpoint {endpoint!r}. It has: {known}.")
    reason = why_not(patients, endpoint)
    if reason:
        raise CohortError(f"{reason} Add them, or derive them from an event history.")
    time, event = _time_and_event(patients, endpoint)
    complete = ~np.isnan(time) & ~np.isnan(event)
    frame = columns.part(patients, complete)
    if "entry" in frame:
        del frame["entry"]
    frame["time"], frame["event"] = time[complete], event[complete] == 1.0
    frame["endpoint"] = endpoint
    entry = _entry(frame, endpoint)
    return frame if entry is None else _entered(frame, entry, entered_late, endpoint)


def derive_all(
    patients: pd.DataFrame,
    design: Design,
    *,
    entered_late: Literal["refuse", "drop"] = "refuse",
) -> dict[str, pd.DataFrame]:
    """The analysis frame of every endpoint that the table can feed, by endpoint name.

    Endpoints without data (`why_not` says why), or without anybody at risk, are left out;
    parameters and errors are those of `derive`.
    """
    frames = {
        name: derive(patients, name, design, entered_late=entered_late)
        for name in design.endpoints
        if available(patients, name)
    }
    return {name: frame for name, frame in frames.items() if len(frame)}


def available(patients: pd.DataFrame, endpoint: str) -> bool:
    """Whether any patient has both time and event of an endpoint."""
    return not why_not(patients, endpoint)


def why_not(patients: pd.DataFrame, endpoint: str) -> str:
    """One sentence on why an endpoint cannot be analysed; empty text when it can."""
    names = columns.names_of(endpoint)
    absent = [name for name in names if name not in patients]
    if absent:
        return f"{endpoint} needs {' and '.join(names)}; the table lacks {' and '.join(absent)}."
    if not patients[list(names)].notna().all(axis=1).any():
        return f"{endpoint} needs {' and '.join(names)}; no patient has both."
    return ""


def short_scp(
    patients: pd.DataFrame,
    months: float = 12.0,
    censored: Literal["not short", "short", "exclude"] = "not short",
) -> pd.Series:
    """Whether surgical failure came within a year: the paper's short SCP.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `scp_months` and `scp_event`.
    months : float
        "less than one year": a failure at exactly `months` is not short.
    censored : {"not short", "short", "exclude"}
        What becomes of patients censored before `months`; the paper does not say.
        "exclude" leaves them empty.

    Returns
    -------
    pandas.Series
        Categorical no / yes, named `short_scp`, on the patients' index; empty where a
        patient, or the whole table, has no SCP (`why_not(patients, "SCP")` tells).

    Raises
    ------
    CohortError
        If a time is negative or has no event code.
    ParameterError
        If `censored` is none of the three, or `months` is not positive.
    """
    choice("censored", censored, ("not short", "short", "exclude"))
    if not months > 0:
        raise ParameterError(f"months is {months!r}; a short SCP needs a positive limit.")
    code = np.full(len(patients), -1)
    if available(patients, "SCP"):
        time, event = _time_and_event(patients, "SCP")
        early = {"not short": 0, "short": 1, "exclude": -1}[censored]
        code = np.where(time >= months, 0, np.where(event == 1.0, 1, early))
        code[np.isnan(time) | np.isnan(event)] = -1
    values = pd.Categorical.from_codes(code, categories=["no", "yes"])
    return pd.Series(values, index=patients.index, name="short_scp")


def _time_and_event(patients: pd.DataFrame, endpoint: str) -> tuple[np.ndarray, np.ndarray]:
    """Months and event codes (1, 0) as floats, refused where they are not possible."""
    months, code = columns.names_of(endpoint)
    time, event = columns.months(patients, months), columns.binary(patients[code])
    no_time = (time < 0) | np.isinf(time)
    columns.refuse(patients, no_time, f"{months} is no time", "It must be 0 or more.")
    blank = ~np.isnan(time) & np.isnan(event)
    columns.refuse(patients, blank, f"{months} is filled but {code} is empty", "Write 1 or 0.")
    return time, event


def _entry(frame: pd.DataFrame, endpoint: str) -> np.ndarray | None:
    """Months from the endpoint's time zero at which observation began; None if at once."""
    if "entry_months" not in frame:
        return None
    entry = np.nan_to_num(columns.months(frame, "entry_months"), nan=0.0)
    columns.refuse(frame, entry < 0, "entry_months is negative", "It counts from hepatectomy.")
    if not (entry > 0).any():
        return None
    if endpoint != "OS_after_recurrence":
        return entry
    if "os_months" not in frame:
        raise CohortError("Late entry after recurrence needs os_months; add that column.")
    onset = columns.months(frame, "os_months") - frame["time"].to_numpy()
    lost = (entry > 0) & np.isnan(onset)
    columns.refuse(frame, lost, "os_months is empty", "Late entry after recurrence needs it.")
    return np.nan_to_num(np.maximum(entry - onset, 0.0))


def _entered(
    frame: pd.DataFrame, entry: np.ndarray, entered_late: str, endpoint: str
) -> pd.DataFrame:
    late = entry >= frame["time"].to_numpy()
    frame["entry"] = entry
    if entered_late == "drop" and endpoint != "OS":
        return frame.loc[~late]
    columns.refuse(
        frame,
        late,
        f"observation began (entry_months) no earlier than {columns.names_of(endpoint)[0]}",
        "Correct one of the two; for an endpoint other than OS, entered_late='drop' leaves "
        "the patient out. Beside late entry, a time of 0 has to be half a day or more.",
    )
    return frame
