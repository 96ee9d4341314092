"""Event histories in order: read, checked for what cannot have happened, counted in days.

A history has one row an event. Days count from the first hepatectomy. Events of one day
happened in the order of `cohort.EVENTS`: a death on the day of a recurrence came after it.
`endpoints` turns these timelines into times and events.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from crlm.cohort import CAUSES, EVENTS, SITES
from crlm.ledger import CohortError
from crlm.refusals import foreign, listing, nearest, refusal

_ONCE = ("hepatectomy", "death", "last_contact")
_NEEDS = {
    "p_nac": "recurrence",
    "resection": "recurrence",
    "assessment": "p_nac",
    "hai_stop": "hai_start",
}
# Tissue is kept: a gene may be read before the operation, or years after the death.
_ANY_TIME = "genetic_test"
_DETAILS: dict[str, dict[str, tuple[str, ...]]] = {
    "recurrence": {"site": SITES, "resectable": ("yes", "no")},
    "assessment": {"response": ("progression", "control"), "resectable": ("yes", "no")},
    "death": {"cause": CAUSES},
}


def build(ids: pd.Index, history: pd.DataFrame) -> pd.DataFrame:
    """The events of the patients in `ids`, each patient's in the order they happened.

    Parameters
    ----------
    ids : pandas.Index
        Unique patient identifiers; a patient is known below by the position here.
    history : pandas.DataFrame
        One row an event: `patient_id`, `event` (of `EVENTS`; `p-NAC` and `last contact`
        are understood), `date` (datetime64) or `day` (days from hepatectomy), `details`,
        and, if there is one, `row` (its row in the file, for messages). Rows of patients
        who are not in `ids` are passed over.

    Returns
    -------
    pandas.DataFrame
        Sorted by `patient` (position), `day`, `event` (position in `EVENTS`); with `row`
        and the details `site` ("liver+lung"), `resectable`, `response` and `cause`, "" if
        not given.

    Raises
    ------
    CohortError
        Once, naming every contradiction and unreadable row.
    """
    _need(history)
    patient = ids.get_indexer(history["patient_id"])
    if len(history) and len(ids) and not (patient >= 0).any():
        raise CohortError(
            "No patient_id of the event history is in the patient table. "
            "Write the same identifiers in both files."
        )
    nameless = history["patient_id"].isna().to_numpy()
    mine = (patient >= 0) | nameless
    told = history[mine].reset_index(drop=True)
    line = pd.DataFrame({"patient": patient[mine], "row": rows_of(history)[mine]})
    problems: list[str] = []
    note(problems, line, nameless[mine], "no patient_id")
    line["event"] = _event_codes(told, line, problems)
    line["day"] = _days(told, line, len(ids), problems)
    line = line.assign(**_read_details(told, line, problems))
    line = line[line["patient"] >= 0]
    line = line.sort_values(["patient", "day", "event"], kind="stable", ignore_index=True)
    problems += _contradictions(line, len(ids))
    if problems:
        raise refusal(
            f"The event history does not hold together: {'; '.join(problems)}. "
            "Correct these rows of the history file."
        )
    return line


def is_event(line: pd.DataFrame, event: str) -> np.ndarray:
    """Which rows of a timeline are this event."""
    return (line["event"] == EVENTS.index(event)).to_numpy()


def first_day(line: pd.DataFrame, mask: np.ndarray | pd.Series, n: int) -> np.ndarray:
    """Day of each of `n` patients' first event among `mask`; missing when there is none."""
    at = np.flatnonzero(mask)[::-1]
    days = np.full(n, np.nan)
    days[line["patient"].to_numpy()[at]] = line["day"].to_numpy()[at]
    return days


def note(problems: list[str], line: pd.DataFrame, mask: np.ndarray | pd.Series, text: str) -> None:
    """Add "row 3, 7: <text>" to the problems if any row of the timeline is meant."""
    if np.any(mask):
        problems.append(f"row {rows_text(line['row'][np.asarray(mask)])}: {text}")


def rows_text(rows: Iterable[int]) -> str:
    """Rows of a file in order, the first five spelt out: "3, 7, 9, 12, 20 and 4 more"."""
    return listing(sorted({int(row) for row in rows}), 5)


def rows_of(history: pd.DataFrame) -> np.ndarray:
    """Row of each event in the file: the column `row`, else counted from below the header."""
    return history["row"].to_numpy() if "row" in history else np.arange(len(history)) + 2


def _need(history: pd.DataFrame) -> None:
    absent = [name for name in ("patient_id", "event") if name not in history]
    if not {"date", "day"} & set(history):
        absent.append("date (or day)")
    if absent:
        raise CohortError(f"The event history lacks the column {', '.join(absent)}; add it.")


def _event_codes(told: pd.DataFrame, line: pd.DataFrame, problems: list[str]) -> np.ndarray:
    """The position of each event in `EVENTS`; -1, and a problem, for what is not an event."""
    codes, names = pd.factorize(told["event"])
    lookup = np.full(len(names) + 1, -1)
    for at, name in enumerate(names):
        plain = _plain(name)
        if plain in EVENTS:
            lookup[at] = EVENTS.index(plain)
        else:
            note(problems, line, codes == at, f"unknown event {foreign(repr(name))} {_hint(plain)}")
    note(problems, line, codes == -1, "no event named")
    return lookup[codes]


def _days(told: pd.DataFrame, line: pd.DataFrame, n: int, problems: list[str]) -> np.ndarray:
    """Days from hepatectomy, from `day`, from `date`, or from both where they agree."""
    surgery = is_event(line, "hepatectomy")
    counted = np.full(len(told), np.nan)
    if "day" in told:
        counted = pd.to_numeric(told["day"], errors="coerce").to_numpy(float, na_value=np.nan)
        strange = told["day"].notna() & ~np.isfinite(counted)
        note(problems, line, strange, "day is not a number")
        note(problems, line, surgery & (np.abs(counted) > 0), "hepatectomy not on day 0")
    dated = np.full(len(told), np.nan)
    undated = np.ones(len(told), dtype=bool)
    if "date" in told and told["date"].notna().any():
        dates = _dates(told["date"])
        undated = np.isnat(dates)
        patient = line["patient"].to_numpy()
        start = np.full(n + 1, np.datetime64("NaT"), dtype="datetime64[D]")
        at = np.flatnonzero(surgery)[::-1]
        start[patient[at]] = dates[at]
        dated = (dates - start[patient]) / np.timedelta64(1, "D")
    note(problems, line, np.abs(counted - dated) > 0, "day is not that of the date")
    note(problems, line, undated & np.isnan(counted), "no date")
    return np.where(np.isnan(counted), dated, counted)


def _dates(values: pd.Series) -> np.ndarray:
    if not pd.api.types.is_datetime64_any_dtype(values):
        raise CohortError(
            f"The dates of the event history are {values.dtype}, not dates. Read the file with "
            "cohort.load_history, or convert the column with pandas.to_datetime."
        )
    return values.to_numpy(dtype="datetime64[D]")


def _read_details(
    told: pd.DataFrame, line: pd.DataFrame, problems: list[str]
) -> dict[str, np.ndarray]:
    """What `details` says of recurrences, assessments and deaths; the rest is free text."""
    n = len(told)
    fields: dict[str, np.ndarray] = {
        name: np.full(n, "", dtype=object) for name in ("site", "resectable", "response", "cause")
    }
    if "details" not in told:
        return fields
    texts = told["details"].astype(object).where(told["details"].notna(), "").to_numpy()
    for event, vocabulary in _DETAILS.items():
        at = np.flatnonzero(is_event(line, event))
        codes, unique = pd.factorize(texts[at])
        parsed = []
        for code, text in enumerate(unique):
            free = event == "death" and "=" not in str(text)
            values, wrong = ({}, "") if free else _parse(str(text), vocabulary)
            parsed.append(values)
            if wrong:
                note(problems, line, np.isin(np.arange(n), at[codes == code]), wrong)
        for name in vocabulary:
            fields[name][at] = np.array([p.get(name, "") for p in parsed], dtype=object)[codes]
    return fields


def _parse(text: str, vocabulary: dict[str, tuple[str, ...]]) -> tuple[dict[str, str], str]:
    """`site=liver+lung; resectable=yes` as a dict, and what is wrong with it (or "")."""
    values: dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, _, value = part.partition("=")
        name = _plain(name)
        if name not in vocabulary:
            return {}, f"unknown detail {foreign(repr(part))} {_hint(name, vocabulary)}"
        words = [_plain(word) for word in value.split("+")]
        words = [] if words in ([""], ["unknown"]) else words
        strange = [word for word in words if word not in vocabulary[name]]
        if strange or (name != "site" and len(words) > 1):
            return (
                {},
                f"unclear {foreign(repr(part))} {_hint((strange or words)[0], vocabulary[name])}",
            )
        if name in values:
            return {}, f"{name} said twice"
        values[name] = "+".join(sorted(set(words)))
    return values, ""


def _plain(text: object) -> str:
    return str(text).strip().lower().replace("-", "_").replace(" ", "_")


def _hint(word: str, known: Iterable[str] = EVENTS) -> str:
    near = nearest(word, known)
    return f"(did you mean {near!r}?)" if near else f"(known: {', '.join(known)})"


def _contradictions(line: pd.DataFrame, n: int) -> list[str]:
    """Sequences of events that cannot have happened, each with its rows."""
    problems: list[str] = []
    patient, day = line["patient"].to_numpy(), line["day"].to_numpy()
    mask = {name: is_event(line, name) for name in EVENTS}
    first = {name: first_day(line, mask[name], n)[patient] for name in EVENTS}
    for name in _ONCE:
        again = line[mask[name]].duplicated("patient", keep=False)
        note(problems, line, again.reindex(line.index, fill_value=False), f"{name} given twice")
    lead = ~line["patient"].duplicated().to_numpy()
    operated = np.isin(patient, patient[mask["hepatectomy"]])
    note(problems, line, lead & ~operated, "patient without a hepatectomy")
    ended = np.isin(patient, patient[mask["death"] | mask["last_contact"]])
    note(problems, line, lead & ~ended, "patient with neither death nor last_contact")
    bound = ~mask[_ANY_TIME]
    note(problems, line, bound & (day < 0), "before the hepatectomy")
    note(problems, line, bound & (day > first["death"]), "after the death")
    # Last seen alive in March, dead in June: the register knows more than the clinic.
    later = bound & (day > first["last_contact"]) & ~mask["death"] & ~mask["last_contact"]
    note(problems, line, later, "after the last contact")
    for name, needed in _NEEDS.items():
        orphan = mask[name] & ~np.isnan(day) & ~(day >= first[needed])
        note(problems, line, orphan, f"{name} without a {needed} before it")
    return problems
