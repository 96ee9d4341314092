"""A searched cohort as files: patient table and event histories.

The histories are written so that `endpoints.from_history` derives from them, to the day,
the times and events that the search found; `write` checks it before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from crlm import endpoints
from crlm.files import write_atomically
from crlm.ledger import CohortError, Design
from crlm.reconstruction.arrays import Columns, State
from crlm.reconstruction.clocks import clock_arrays, clocks_of
from crlm.reconstruction.codes import OF_CAUSE, OF_OTHER, Course
from crlm.reconstruction.columns import UNKNOWN, following
from crlm.reconstruction.models import levels_of

# Days of a plausible course: board, chemotherapy of 3 to 6 courses, theatre (Ito et al.,
# Methods, Patient treatment).
_TO_P_NAC, _TO_ASSESSMENT, _TO_RESECTION = 14, 110, 30
#: A failure later than this after an early recurrence came after a resection.
_LATEST_ASSESSMENT = 160
#: Between two recurrences this close together no resection took place.
_NO_RESECTION = 60

#: Causes of death in the words of a history.
_CAUSES = {OF_CAUSE: "cancer", OF_OTHER: "other"}

#: The column of Table 1 that dates of surgery must agree with.
_YEAR = "surgery_year"

Event = tuple[int, str, str]


def frames(
    design: Design, wishes: Mapping[str, Any], columns: Columns, state: State, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The patient table (all screened patients) and the event histories of a cohort.

    Returns
    -------
    cohort, history : pandas.DataFrame
        In the columns of the design; `patient_id`, `date`, `event`, `details`.

    Raises
    ------
    CohortError
        If the histories do not give back the searched times: a fault of this module.
    """
    rng = np.random.default_rng([seed, 2])
    n = len(state.fate)
    screened = [row["row"] for row in wishes.get("screened", ()) for _ in range(row["n"])]
    ids = rng.permutation([f"R{i:04d}" for i in range(1, n + len(screened) + 1)])
    table = pd.DataFrame({"patient_id": ids[:n], **wishes.get("included", {})}, index=range(n))
    for name in [*columns.names[: columns.n_base], *following(design)]:
        if name in design.columns and name in columns.names:
            table[name] = _words(design, name, state.x[columns.at(name)])
    for name, spec in wishes.get("dressing", {}).items():
        table[name] = _dressed(table, spec, rng)
    history = _histories(design, wishes, columns, state, ids[:n], rng)
    _verify(design, table, history, state)
    cohort = pd.concat([table, pd.DataFrame(screened).assign(patient_id=ids[n:])])
    written = [name for name in design.columns if name in cohort]
    return cohort[written].sort_values("patient_id", ignore_index=True), history


def write(
    design: Design,
    wishes: Mapping[str, Any],
    columns: Columns,
    state: State,
    seed: int,
    folder: Path,
) -> tuple[Path, Path]:
    """Write cohort.csv and history.csv; their paths.

    Raises
    ------
    CohortError
        As `frames`.
    """
    paths = []
    folder.mkdir(parents=True, exist_ok=True)
    tables = frames(design, wishes, columns, state, seed)
    for name, frame in zip(("cohort", "history"), tables, strict=True):
        paths.append(folder / f"{name}.csv")
        write_atomically(paths[-1], _as_csv(frame))
    return paths[0], paths[1]


def _words(design: Design, name: str, values: np.ndarray) -> pd.Series:
    """Codes as levels; numbers as they are."""
    levels = levels_of(design, name)
    if not levels:
        return pd.Series(values)
    known = ~np.isnan(values)
    words = np.full(len(values), None, dtype=object)
    words[known] = np.array(levels, dtype=object)[values[known].astype(int)]
    return pd.Series(words)


def _dressed(
    table: pd.DataFrame, spec: Mapping[str, Any], rng: np.random.Generator
) -> list[str | None]:
    """A column that no printed number speaks of, dealt out with declared weights."""
    found: list[str | None] = []
    for row in table.to_dict("records"):
        fixed = [
            v
            for key, v in spec.get("given", {}).items()
            if str(row[key.partition("=")[0]]) == key.partition("=")[2]
        ]
        if fixed:
            found.append(fixed[0])
            continue
        weights = spec["weights"][row[spec["by"]]]
        chance = np.array(list(weights.values()), dtype=float)
        found.append(str(rng.choice(list(weights), p=chance / chance.sum())))
    return found


# ---- histories -----------------------------------------------------------------------------


def _histories(
    design: Design,
    wishes: Mapping[str, Any],
    columns: Columns,
    state: State,
    ids: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    month = design.conventions["days_per_month"]
    early = design.conventions.get("early_recurrence_months", 0.0) * month
    years = state.x[columns.at(_YEAR)] if _YEAR in columns.names else None
    surgery = _surgery(state.fate[:, Course.END], wishes["period"], rng, years)
    combinations = wishes.get("sites", {}).get("combinations", [""])
    rules = clock_arrays(design)
    staged, causes = rules["fails"], _CAUSES if rules["causes"] else {}
    records = []
    for i, fate in enumerate(state.fate):
        site = ""
        if "site" in columns.names:
            site = combinations[int(state.x[columns.at("site"), i])].replace(UNKNOWN, "")
        for day, event, details in course(fate, site, early, staged, causes):
            date = surgery[i] + np.timedelta64(day, "D")
            records.append((ids[i], str(date), event, details))
    frame = pd.DataFrame(records, columns=["patient_id", "date", "event", "details"])
    return frame.sort_values("patient_id", kind="stable", ignore_index=True)


def course(
    fate: np.ndarray,
    site: str,
    early: float,
    staged: bool,
    causes: Mapping[int, str] = MappingProxyType({}),
) -> list[Event]:
    """What happened to one patient, in order: (day, event, details).

    Parameters
    ----------
    fate : ndarray
        First recurrence, failure, end, dead (days; -1 is never).
    site : str
        "liver+lung".
    early : float
        A resectable recurrence before this day gets pseudo-neoadjuvant chemotherapy.
    staged : bool
        Whether the study knows surgical failure.
    causes : mapping of int to str
        Words for the causes of death, where the study tells them apart.
    """
    recurrence, failure, end, dead = (int(value) for value in fate)
    steps: list[Event] = [(0, "hepatectomy", "")]
    if recurrence >= 0:
        where = f"site={site}" if site else ""
        if not staged:
            steps.append((recurrence, "recurrence", where))
        else:
            steps += _after_recurrence(recurrence, failure, end, where, early)
    cause = f"cause={causes[dead]}" if dead in causes else ""
    steps.append((end, "death" if dead else "last_contact", cause))
    return steps


def _after_recurrence(
    recurrence: int, failure: int, end: int, where: str, early: float
) -> list[Event]:
    """From the first recurrence to surgical failure, by the protocol of the NCCH paper."""

    def said(resectable: str) -> str:
        return "; ".join(filter(None, (where, f"resectable={resectable}")))

    if failure == recurrence:
        return [(recurrence, "recurrence", said("no"))]
    steps: list[Event] = [(recurrence, "recurrence", said("yes"))]
    stop = failure if failure >= 0 else end
    free = recurrence + _TO_RESECTION
    if recurrence < early:
        # Who fails or is last seen within days began it before that.
        steps.append((max(recurrence, min(recurrence + _TO_P_NAC, stop - 1)), "p_nac", ""))
        if 0 <= failure <= recurrence + _LATEST_ASSESSMENT:
            return [*steps, (failure, "assessment", "response=progression; resectable=no")]
        good = "response=control; resectable=yes"
        steps.append((recurrence + _TO_ASSESSMENT, "assessment", good))
        free += _TO_ASSESSMENT
    if failure < 0 or failure - recurrence >= _NO_RESECTION:
        steps.append((free, "resection", ""))
    steps = [step for step in steps if step[0] <= stop]
    if failure >= 0:
        steps.append((failure, "recurrence", said("no")))
    return steps


def _surgery(
    last: np.ndarray,
    period: Mapping[str, Any],
    rng: np.random.Generator,
    years: np.ndarray | None = None,
) -> np.ndarray:
    """Day of hepatectomy: within the study years, observation over by the data cut-off.

    Where print has the years and the search has dealt them, within that of each patient, who is
    then seen beyond the cut-off if followed longer.
    """
    first, latest, cut_off = (np.datetime64(period[k], "D") for k in ("first", "last", "cut_off"))
    possible = np.minimum(latest, cut_off - last.astype("timedelta64[D]"))
    room = (possible - first).astype(float)
    if years is None and (room < 0).any():
        raise CohortError(
            f"{int((room < 0).sum())} patients are followed longer than the period allows. "
            "Widen period in reconstruction.toml."
        )
    share = rng.random(len(last)) ** 3
    days = possible - (share * room).astype("timedelta64[D]")
    if years is not None:
        known = ~np.isnan(years)
        begins = (years[known].astype(int) - 1970).astype("datetime64[Y]")
        low, end = begins.astype("datetime64[D]"), (begins + 1).astype("datetime64[D]") - 1
        low = np.minimum(np.maximum(low, first), end)
        high = np.maximum(np.minimum(np.minimum(end, latest), possible[known]), low)
        days[known] = high - (share[known] * (high - low).astype(float)).astype("timedelta64[D]")
    return days


def _verify(design: Design, table: pd.DataFrame, history: pd.DataFrame, state: State) -> None:
    """Derive the endpoints from the files' own content and hold them against the search."""
    dated = history.assign(date=pd.to_datetime(history["date"]))
    timed = endpoints.from_history(table[["patient_id"]], dated, design)
    month = design.conventions["days_per_month"]
    for e, name in enumerate(name.lower() for name in clocks_of(design)):
        inside = state.event[e] >= 0
        days = timed[f"{name}_months"].to_numpy(float) * month
        events = timed[f"{name}_event"].to_numpy(float, na_value=-1.0)
        good = np.abs(days[inside] - state.time[e][inside]) < 1e-6
        if not (good.all() and (events[inside] == state.event[e][inside]).all()):
            raise CohortError(
                f"{int((~good).sum())} histories do not give back {name} as it was searched. "
                "This is a fault of crlm/reconstruction/histories.py."
            )


def _as_csv(frame: pd.DataFrame) -> str:
    """Whole numbers without a point, missing cells empty."""
    shown = frame.map(lambda value: f"{value:g}" if isinstance(value, float) else value)
    return shown.where(frame.notna(), "").to_csv(index=False, lineterminator="\n")
