"""Is this table possible? Identifiers, pairs of time and event, rows, and whole columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from crlm.cohort.codebook import Codebook, Column
from crlm.cohort.rules import ROUNDING, RULES, Rule, rules_of
from crlm.cohort.wording import count, violation
from crlm.ledger import Design
from crlm.refusals import foreign, row_list, tidy

#: Below this many patients a rate or a median says nothing about a column's coding.
ENOUGH = 20

Found = tuple[list[dict[str, Any]], list[str]]


def validate(
    patients: pd.DataFrame,
    design: Design,
    matched: Mapping[str, Column],
    book: Codebook,
    faulty: set[tuple[int, str]],
) -> Found:
    """All that cannot be true of these patients, and what is worth knowing.

    Parameters
    ----------
    patients : pandas.DataFrame
        Coerced canonical columns; the index is the row number in the file.
    design : Design
        The study.
    matched : mapping of str to Column
        Where each column came from.
    book : Codebook
        For `confirm`.
    faulty : set of (int, str)
        Rows and columns whose cells are known to be wrong already.

    Returns
    -------
    violations, notes : list of dict, list of str
        Records of the violations frame, and sentences.
    """
    found = [
        _identifiers(patients, matched),
        _pairs(patients, matched, design, book, faulty),
        _event_codes_against_times(patients, matched, book),
        _units(patients, matched, book),
        *(_apply(rule, patients, matched, book) for rule in (*RULES, *rules_of(design))),
    ]
    return [v for violations, _ in found for v in violations], [
        n for _, notes in found for n in notes
    ]


def _identifiers(patients: pd.DataFrame, matched: Mapping[str, Column]) -> Found:
    if "patient_id" not in matched:
        note = "There is no patient_id: patients were numbered by their row in the file."
        return [], [note]
    ids = patients["patient_id"]
    source = matched["patient_id"].source
    missing = [
        violation(row, "patient_id", source, "", "is empty", "Give every patient an identifier.")
        for row in ids.index[ids.isna()]
    ]
    # Case and width do not make another patient.
    keys = ids.map(lambda text: tidy(text).casefold(), na_action="ignore")
    twice = [
        violation(
            row,
            "patient_id",
            source,
            str(ids[row]),
            "stands in more than one row",
            "One row a patient: remove the copy, or give each its own identifier.",
        )
        for row in ids.index[ids.notna() & keys.duplicated(keep=False)]
    ]
    return missing + twice, []


def _pairs(
    patients: pd.DataFrame,
    matched: Mapping[str, Column],
    design: Design,
    book: Codebook,
    faulty: set[tuple[int, str]],
) -> Found:
    """A time needs its event and an event its time."""
    violations, notes = [], []
    for time in [name for name in design.columns if design.columns[name].get("role") == "time"]:
        event = time.removesuffix("_months") + "_event"
        if event not in design.columns:
            continue
        here = [name for name in (time, event) if name in matched]
        if len(here) == 1:
            other = event if here == [time] else time
            notes.append(
                f"{here[0]} is there but {other} is not: {design.label(here[0])} cannot be used."
            )
        if len(here) == 2:
            half = _halves(patients, matched, time, event, faulty)
            if time in book.confirm and half:
                notes.append(_half_note(half, time, event))
            else:
                violations += half
            neither = int((patients[time].isna() & patients[event].isna()).sum())
            if neither and not time.startswith("os_after"):
                notes.append(f"{count(neither, 'patient')} without {time} and {event}.")
    return violations, notes


def _half_note(half: list[dict[str, Any]], time: str, event: str) -> str:
    rows = sorted({one["row"] for one in half})
    return (
        f"{time} and {event}, {row_list(rows)}: only one of the two is given, so neither is used. "
        "Confirmed by the codebook."
    )


def drop_halves(patients: pd.DataFrame, book: Codebook) -> pd.DataFrame:
    """The patients without times and events that stand alone, where the codebook says so."""
    cleared = patients.copy()
    for time in [name for name in patients if name.endswith("_months") and name in book.confirm]:
        event = time.removesuffix("_months") + "_event"
        if event in patients:
            alone = patients[time].isna() ^ patients[event].isna()
            cleared[time] = patients[time].mask(alone)
            cleared[event] = patients[event].mask(alone)
    return cleared


def _halves(
    patients: pd.DataFrame,
    matched: Mapping[str, Column],
    time: str,
    event: str,
    faulty: set[tuple[int, str]],
) -> list[dict[str, Any]]:
    without_event = patients.index[patients[time].notna() & patients[event].isna()]
    without_time = patients.index[patients[time].isna() & patients[event].notna()]
    without_event = [row for row in without_event if (row, event) not in faulty]
    without_time = [row for row in without_time if (row, time) not in faulty]
    return [
        violation(
            row,
            event,
            matched[event].source,
            "",
            f"is empty although {time} is given",
            f"Fill in 1 or 0, or empty both; `confirm: [{time}]` leaves such patients out.",
        )
        for row in without_event
    ] + [
        violation(
            row,
            time,
            matched[time].source,
            "",
            f"is empty although {event} is given",
            f"Fill in the months, or empty both; `confirm: [{time}]` leaves such patients out.",
        )
        for row in without_time
    ]


def _event_codes_against_times(
    patients: pd.DataFrame, matched: Mapping[str, Column], book: Codebook
) -> Found:
    """RFS that ends before OS is nearly always a recurrence; if it never is, codes are inverted."""
    if not {"rfs_months", "rfs_event", "os_months"} <= set(matched):
        return [], []
    known = patients.dropna(subset=["rfs_months", "rfs_event", "os_months"])
    early = known["rfs_months"] < known["os_months"] - ROUNDING
    event = known["rfs_event"].astype(bool)
    if early.sum() < ENOUGH / 2 or event[early].mean() > 0.2 or event[~early].mean() < 0.5:
        return [], []
    violations: list[dict[str, Any]] = []
    notes: list[str] = []
    says = (
        f"of the {int(early.sum())} patients whose RFS ends before OS only "
        f"{int(event[early].sum())} have a recurrence: 0 and 1 are the other way round"
    )
    remedy = (
        "Set `rfs_event: {from: ..., values: {1: 0, 0: 1}}` in the codebook, or "
        "`confirm: [rfs_event]` if it is right."
    )
    _file(violations, notes, book, ("rfs_event", matched["rfs_event"].source), says, remedy)
    return violations, notes


def _units(patients: pd.DataFrame, matched: Mapping[str, Column], book: Codebook) -> Found:
    """Medians that no cohort has: millimetres read as centimetres, days or years as months."""
    violations: list[dict[str, Any]] = []
    notes: list[str] = []
    suspects: tuple[tuple[str, int, Callable[[pd.Series], bool], str], ...] = (
        ("size_cm", 5, lambda sizes: sizes.median() > 12, "unit: mm"),
        ("size_cm", 5, lambda sizes: sizes.median() < 0.5, "unit: cm"),
        ("os_months", 1, lambda months: months.max() > 600, "unit: days"),
        ("rfs_months", 1, lambda months: months.max() > 600, "unit: days"),
        ("os_months", ENOUGH, lambda months: 0 < months.max() < 15, "unit: years"),
    )
    for column, enough, implausible, remedy in suspects:
        values = patients[column].dropna() if column in matched else pd.Series(dtype=float)
        if len(values) < enough or not implausible(values):
            continue
        unit = "cm" if column == "size_cm" else "months"
        largest = foreign(f"{values.max():g}")
        says = f"the median is {values.median():g} and the largest {largest} {unit}"
        advice = (
            f"If the file is in another unit, say so in the codebook (`{remedy}`); if this is "
            f"right, set `confirm: [{column}]`."
        )
        _file(violations, notes, book, (column, matched[column].source), says, advice)
    return violations, notes


def _apply(
    rule: Rule, patients: pd.DataFrame, matched: Mapping[str, Column], book: Codebook
) -> Found:
    if not set(rule.columns) <= set(matched):
        return [], []
    broken = patients.index[rule.broken(patients).astype(bool)]
    if len(broken) == 0:
        return [], []
    confirmed = rule.confirmable and rule.columns[0] in book.confirm
    if rule.note or confirmed:
        remedy = "Confirmed by the codebook." if confirmed else rule.remedy
        return [], [f"{rule.columns[0]}, {row_list(broken)}: {rule.says}. {remedy}"]
    source = matched[rule.columns[0]].source
    violations = [
        violation(
            row, rule.columns[0], source, _values(patients, rule, row), rule.says, rule.remedy
        )
        for row in broken
    ]
    return violations, []


def _values(patients: pd.DataFrame, rule: Rule, row: int) -> str:
    return ", ".join(f"{name} = {_shown(patients.at[row, name])}" for name in rule.columns)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return {"True": "1", "False": "0"}.get(str(value), str(value))


def _file(
    violations: list[dict[str, Any]],
    notes: list[str],
    book: Codebook,
    column: tuple[str, str],
    says: str,
    remedy: str,
) -> None:
    """A doubt about a whole column: a note where the codebook confirms it, else a violation."""
    if column[0] in book.confirm:
        notes.append(f"{column[0]}: {says}. Confirmed by the codebook.")
    else:
        violations.append(violation(None, *column, "", says, remedy))
