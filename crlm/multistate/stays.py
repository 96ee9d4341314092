"""The surgically controllable period as a process: one row a stay of a patient in a state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from crlm.endpoints import columns, outcomes, timeline
from crlm.ledger import CohortError, Design, ParameterError
from crlm.refusals import choice
from crlm.survival import from_month

#: In the order in which a patient can pass them.
STATES = ("controllable", "controllable recurrence", "failure", "death")

#: What can happen; anything else is a fault of the data.
TRANSITIONS = (
    ("controllable", "controllable recurrence"),
    ("controllable", "failure"),
    ("controllable", "death"),
    ("controllable recurrence", "failure"),
    ("controllable recurrence", "death"),
    ("failure", "death"),
)

#: Columns of a frame of stays; the patients' own columns follow.
COLUMNS = ("patient_id", "t0", "t1", "from", "to", "since")

_HALF_A_DAY = 0.5
_SAME_DAY = 1e-4


@dataclass(frozen=True)
class Days:
    """First recurrence, failure, death and end of observation, days (missing: did not happen)."""

    recurrence: np.ndarray
    failure: np.ndarray
    death: np.ndarray
    end: np.ndarray


def stays(
    patients: pd.DataFrame,
    history: pd.DataFrame,
    design: Design,
    *,
    controlled_unresectable: Literal["continue", "failure"] = "continue",
) -> pd.DataFrame:
    """Each patient's way through the states of the surgically controllable period.

    `controllable` (no recurrence yet), `controllable recurrence` (recurred, further surgery
    possible: p-NAC, control and repeat resections stay here), `failure` (beyond surgery), `death`.

    Parameters
    ----------
    patients : pandas.DataFrame
        The included patients with times and events (`endpoints.frames(...)["patients"]`).
    history : pandas.DataFrame
        Event history; that of other patients is not read. A patient without one passes by the
        ready columns: an RFS event that is not the death is a recurrence, an SCP event that is
        not the death is the failure.
    design : Design
    controlled_unresectable : {"continue", "failure"}
        As `endpoints.from_history`.

    Returns
    -------
    pandas.DataFrame
        One row a stay, in order: `patient_id`, `t0` and `t1` (months since hepatectomy, under
        observation in (t0, t1]), `from` (categorical), `to` (categorical; missing: censored),
        `since` (month at which the state was entered, before `t0` with late entry), and the
        patients' other columns.

    Raises
    ------
    CohortError
        If the study has no SCP, or the table cannot tell the path.
    ParameterError
        If an argument is none of its choices.

    Notes
    -----
    A recurrence on day 0, and a change on the day of the one before, come half a day later, so
    that no stay is without length; a patient last seen on the day of the last change has no
    further stay. A failure no later than the first recurrence leads from `controllable` to
    `failure` directly. With late entry stays are cut there: the first begins in the state
    then occupied.
    """
    choices = ("continue", "failure")
    choice("controlled_unresectable", controlled_unresectable, choices)
    if "SCP" not in design.endpoints:
        raise CohortError(
            f"{design.study} has no surgically controllable period: its history does not say "
            "which recurrences were resectable. Describe its events with multistate.incidence."
        )
    month = float(design.conventions["days_per_month"])
    days = _days(patients, history, month, controlled_unresectable == "failure")
    table = _table(days, month)
    table = _entered(table, patients, month)
    others = patients.drop(columns=[c for c in COLUMNS if c in patients])
    place = table.pop("at").to_numpy()
    identifier = columns_of_identity(patients)[place]
    table.insert(0, "patient_id", identifier)
    return pd.concat([table, others.iloc[place].reset_index(drop=True)], axis=1)


def from_state(
    frame: pd.DataFrame, month: float, states: Sequence[str] = STATES[:2]
) -> pd.DataFrame:
    """The stays of those who are in some states at a landmark, timed from there on.

    The prognosis of a patient who has come so far; it needs no Markov property.

    Parameters
    ----------
    frame : pandas.DataFrame
        From `stays`.
    month : float
        The landmark, months since hepatectomy.
    states : sequence of str
        By default alive and still controllable.

    Returns
    -------
    pandas.DataFrame
        Stays cut at the landmark; `t0`, `t1` and `since` count from it. Rows made of them need
        a population of their own: `population=survival.from_month(month)`.

    Raises
    ------
    CohortError
        If nobody is in these states under observation at the landmark.
    ParameterError
        If a state does not exist or `month` is negative.
    """
    check_stays(frame)
    strange = [state for state in states if state not in STATES[:3]]
    if strange:
        raise ParameterError(f"There is no stay in {strange[0]!r}. There is: {STATES[:3]}.")
    if not month >= 0:
        raise ParameterError(f"month is {month!r}; a landmark lies at 0 or later.")
    here = (frame["t0"] <= month) & (frame["t1"] > month) & frame["from"].isin(list(states))
    if not here.any():
        raise CohortError(
            f"Nobody is under observation as {' or '.join(states)} {from_month(month)}. "
            "Choose an earlier landmark."
        )
    kept = frame[frame["patient_id"].isin(frame["patient_id"][here]) & (frame["t1"] > month)]
    return kept.assign(
        t0=(kept["t0"] - month).clip(lower=0.0), t1=kept["t1"] - month, since=kept["since"] - month
    ).reset_index(drop=True)


def check_stays(frame: pd.DataFrame) -> None:
    """Refuse what is not a frame of stays, or holds a transition that cannot happen.

    Raises
    ------
    CohortError
    """
    absent = [name for name in COLUMNS if name not in frame]
    if absent:
        raise CohortError(
            f"The frame of stays has no column {', '.join(absent)}. Make it with multistate.stays."
        )
    if frame.empty:
        raise CohortError("There is no stay of any patient. Check eligibility and the history.")
    moved = frame[frame["to"].notna()]
    pairs = set(zip(moved["from"].astype(str), moved["to"].astype(str), strict=True))
    wrong = sorted(pairs - set(TRANSITIONS))
    if wrong:
        raise CohortError(f"A stay cannot lead from {wrong[0][0]} to {wrong[0][1]}.")
    if not (frame["t1"] > frame["t0"]).all():
        raise CohortError("A stay must end after it begins. Make the frame with multistate.stays.")


def columns_of_identity(patients: pd.DataFrame) -> np.ndarray:
    """Identifiers, or row numbers where the table has none."""
    if "patient_id" in patients:
        return patients["patient_id"].to_numpy()
    return np.arange(len(patients))


# ---- when each thing happened -----------------------------------------------


def _days(patients: pd.DataFrame, history: pd.DataFrame, month: float, strict: bool) -> Days:
    ready = _ready_days(patients, month)
    if history.empty:
        return ready
    told, seen = _told_days(patients, history, strict)
    pairs = zip(vars(told).values(), vars(ready).values(), strict=True)
    return Days(*(np.where(seen, one, other) for one, other in pairs))


def _told_days(
    patients: pd.DataFrame, history: pd.DataFrame, strict: bool
) -> tuple[Days, np.ndarray]:
    """Days by the event history, and of which patients there is one."""
    n = len(patients)
    mine = history[history["patient_id"].isin(patients["patient_id"])]
    seen = np.zeros(n, dtype=bool)
    if mine.empty:
        nothing = np.full(n, np.nan)
        return Days(nothing, nothing, nothing, nothing), seen
    line = timeline.build(pd.Index(patients["patient_id"]), mine)
    seen[line["patient"].to_numpy()] = True
    first = {
        name: timeline.first_day(line, timeline.is_event(line, name), n)
        for name in ("recurrence", "death", "last_contact")
    }
    end = np.where(np.isnan(first["death"]), first["last_contact"], first["death"])
    failed = outcomes.failure_days(line, n, strict)
    return Days(first["recurrence"], failed, first["death"], end), seen


def _ready_days(patients: pd.DataFrame, month: float) -> Days:
    """Days by the ready columns; a recurrence or failure at the death is the death."""
    n = len(patients)
    known: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for endpoint in ("OS", "RFS", "SCP"):
        names = columns.names_of(endpoint)
        if any(name not in patients for name in names):
            return Days(*(np.full(n, np.nan) for _ in range(4)))
        known[endpoint] = (
            columns.months(patients, names[0]) * month,
            columns.binary(patients[names[1]]) == 1.0,
        )
    end, died = known["OS"]
    end = np.where(np.isnan(known["RFS"][0] + known["SCP"][0]), np.nan, end)
    death = np.where(died, end, np.nan)

    def before_death(endpoint: str) -> np.ndarray:
        when, happened = known[endpoint]
        with np.errstate(invalid="ignore"):
            at_death = died & (np.abs(when - end) <= outcomes.TOLERANCE * month + _SAME_DAY)
        return np.where(happened & ~at_death, when, np.nan)

    recurred, failed = before_death("RFS"), before_death("SCP")
    with np.errstate(invalid="ignore"):
        at_once = np.abs(failed - recurred) <= outcomes.TOLERANCE * month + _SAME_DAY
    return Days(recurred, np.where(at_once, recurred, failed), death, end)


# ---- paths ------------------------------------------------------------------


def _table(days: Days, month: float) -> pd.DataFrame:
    """Stays of all patients whose end is known: `at` (position), times, states."""
    recurred, failed, died = _apart(days)
    changes = np.column_stack([recurred, failed, died])
    known = ~np.isnan(days.end)
    # A change of the last day may have been moved beyond it.
    end = np.fmax(days.end, np.fmax.reduce(changes, axis=1))
    parts = []
    start, state = np.zeros(len(end)), np.zeros(len(end), dtype=int)
    for _ in range(3):
        later = np.where(changes > start[:, None], changes, np.inf)
        following = later.argmin(axis=1)
        when = later[np.arange(len(end)), following]
        stop, target = np.minimum(when, end), np.where(np.isfinite(when), following + 1, -1)
        rows = np.flatnonzero(known & (state < 3) & (stop > start))
        parts.append(
            pd.DataFrame(
                {
                    "at": rows,
                    "t0": start[rows],
                    "t1": stop[rows],
                    "from": state[rows],
                    "to": target[rows],
                    "since": start[rows],
                }
            )
        )
        start, state = stop, np.where(target >= 0, target, 3)
    table = pd.concat(parts).sort_values(["at", "t0"], kind="stable", ignore_index=True)
    months = {name: table[name] / month for name in ("t0", "t1", "since")}
    named = {name: pd.Categorical.from_codes(table[name], STATES) for name in ("from", "to")}
    return table.assign(**months, **named)


def _apart(days: Days) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days of the changes, each half a day after the one before where they fall together."""
    with np.errstate(invalid="ignore"):
        direct = days.failure <= days.recurrence
        recurred = np.where(direct, np.nan, days.recurrence)
        recurred = np.where(recurred <= 0, _HALF_A_DAY, recurred)
        before = np.fmax(recurred, 0.0)
        failed = np.where(days.failure <= before, before + _HALF_A_DAY, days.failure)
        before = np.where(np.isnan(failed), before, failed)
        died = np.where(days.death <= before, before + _HALF_A_DAY, days.death)
    return recurred, failed, died


def _entered(table: pd.DataFrame, patients: pd.DataFrame, month: float) -> pd.DataFrame:
    """Stays cut at late entry; those that ended before it were not observed."""
    if "entry_months" not in patients:
        return table
    entry = np.nan_to_num(columns.months(patients, "entry_months"), nan=0.0)
    at = entry[table["at"].to_numpy()]
    kept = table.assign(t0=np.maximum(table["t0"], at))
    # Printed to a hundredth of a month, an entry may fall a moment before a stay ends.
    return kept[kept["t1"] - kept["t0"] > _SAME_DAY / month].reset_index(drop=True)
