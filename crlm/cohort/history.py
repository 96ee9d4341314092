"""Event histories: what happened to each patient, and when. Parsed here, never interpreted."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from crlm.cohort.codebook import Codebook, Column, read_codebook
from crlm.cohort.coercion import coerce
from crlm.cohort.courses import odd_courses
from crlm.cohort.matching import match
from crlm.cohort.reading import Raw, contents, read
from crlm.cohort.times import read_dates
from crlm.cohort.understanding import CohortReport, both, refuse, understand
from crlm.cohort.wording import quote, quotes, token, violation, violations_frame
from crlm.cohort.workbook import sheet_heads
from crlm.ledger import Design
from crlm.refusals import did_you_mean, listing, name_key, plain, refusal, tidy

#: Everything that may happen in a history, in the order in which it happens within a day.
EVENTS = (
    "hepatectomy",
    "genetic_test",
    "visit",
    "hai_start",
    "recurrence",
    "p_nac",
    "assessment",
    "resection",
    "hai_stop",
    "death",
    "last_contact",
)

#: Where a recurrence may be; `site=liver+lung` names two.
SITES = ("liver", "lung", "peritoneum", "lymph_node", "bone", "brain", "local", "other")

_YES_NO = {
    "yes": "yes",
    "1": "yes",
    "true": "yes",
    "y": "yes",
    "no": "no",
    "0": "no",
    "false": "no",
    "n": "no",
}
# RECIST: complete response, partial response and stable disease are disease control.
_RESPONSE = {
    "progression": "progression",
    "progressive": "progression",
    "pd": "progression",
    "control": "control",
    "complete": "control",
    "cr": "control",
    "partial": "control",
    "pr": "control",
    "stable": "control",
    "sd": "control",
}

#: Why a patient died, as the details of a death may say.
CAUSES = ("cancer", "other")

#: What the details of an event may say; the details of other events are free text, and so
#: are those of a death that name no key.
DETAILS: dict[str, dict[str, dict[str, str]]] = {
    "recurrence": {"site": {site: site for site in SITES}, "resectable": _YES_NO},
    "assessment": {"response": _RESPONSE, "resectable": _YES_NO},
    "death": {"cause": {cause: cause for cause in CAUSES}},
}

#: The dictionary of a history table.
COLUMNS: dict[str, dict[str, Any]] = {
    "patient_id": {"type": "text", "role": "id"},
    "date": {"type": "text", "role": "date"},
    "day": {"type": "number", "role": "day", "unit": "days"},
    "event": {"type": "text", "role": "event name"},
    "details": {"type": "text", "role": "details"},
}

PathLike = str | os.PathLike[str]


def load_history(
    path: PathLike, design: Design, codebook: PathLike | Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """The event history of every patient, one event a row.

    Parameters
    ----------
    path : path
        CSV, Excel (sheet "history" if there is one), Parquet or SPSS.
    design : Design
        The study.
    codebook : path or mapping, optional
        Its section `history`, or a codebook that maps nothing but history columns.

    Returns
    -------
    pandas.DataFrame
        `patient_id` (text), `date` (datetime64) or `day` (float, days from
        hepatectomy) or both, `event` (one of `EVENTS`), `details` (`key=value;
        ...` as `DETAILS` knows them; "" if none) and `row` (as Excel counts),
        in file order.

    Raises
    ------
    CohortError
        If the file is no table, a date, event or detail cannot be read, or the
        table has neither `date` nor `day`.
    """
    report = check_history(path, design, codebook)
    refuse(report.file, report.study, report.violations)
    report.frame.attrs["notes"] = report.discreet
    return report.frame


def check_history(
    path: PathLike, design: Design, codebook: PathLike | Mapping[str, Any] | None = None
) -> CohortReport:
    """Everything that was understood of a history table, and everything that is wrong with it.

    Parameters
    ----------
    path, design, codebook
        As for `load_history`.

    Returns
    -------
    CohortReport
        With all problems; `describe` prints it.

    Raises
    ------
    CohortError
        If the file is no table or lacks a column that a history must have.
    """
    book = read_codebook(codebook, COLUMNS, design.study, history=True)
    raw = read(path, replace(book.manner, preferred_sheet="history"))
    matched, notes = match(raw, book, COLUMNS)
    _refuse_incomplete(raw, matched)
    frame, problems, said = _parsed(raw, matched, book)
    violations = violations_frame(problems)
    finished = frame.reset_index(drop=True)
    month = book.days_per_month or design.conventions["days_per_month"]
    used = {header for column in matched.values() for header in column.sources}
    return CohortReport(
        file=raw.file,
        study=design.study,
        how=plain(raw.how),
        frame=finished,
        understood=understand(finished, matched, COLUMNS, violations),
        violations=violations,
        unused=[header for header in raw.frame.columns if header not in used],
        **both(odd_courses(finished, month, book.confirm), [*raw.notes, *notes, *said]),
    )


def has_history(
    path: PathLike, design: Design, codebook: PathLike | Mapping[str, Any] | None = None
) -> bool:
    """Whether a workbook of patients has a filled sheet of the shape of a history beside them.

    A sheet that the codebook's section `history` names counts whatever its shape.
    """
    file = Path(path)
    if not file.is_file() or not contents(file).startswith(b"PK"):
        return False
    book = read_codebook(codebook, COLUMNS, design.study, history=True)
    if book.manner.sheet:
        return True
    named = {"patient_id": "patient_id", "event": "event"}
    named |= {name: column.source for name, column in book.columns.items() if column.source}
    times = {name_key(named.get(name, name)) for name in ("date", "day")}
    needed = {name_key(named[name]) for name in ("patient_id", "event")}
    heads = sheet_heads(file.name, contents(file)).values()
    keys = [{name_key(str(cell)) for cell in head[0]} for head in heads if len(head) > 1]
    return any(needed <= one and times & one for one in keys)


def _refuse_incomplete(raw: Raw, matched: Mapping[str, Column]) -> None:
    headers = quotes(raw.frame.columns)
    for name in ("patient_id", "event"):
        if name not in matched:
            raise refusal(
                f"{raw.file} has no column {name!r}, which a history must have. It has: {headers}. "
                f"Rename one, or map it in the codebook (`history: {{columns: {{{name}: ...}}}}`)."
            )
    if not {"date", "day"} & set(matched):
        raise refusal(
            f"{raw.file} has neither `date` nor `day` (days from the hepatectomy); a history needs "
            f"one of them. It has: {headers}. Rename a column, or map it in the codebook."
        )


def _parsed(
    raw: Raw, matched: Mapping[str, Column], book: Codebook
) -> tuple[pd.DataFrame, list[dict[str, Any]], list[str]]:
    coerced = coerce(raw, matched, COLUMNS, book, 1.0)
    frame = coerced.frame
    problems = [*coerced.problems, *_empty(frame, matched, coerced.problems)]
    notes = list(coerced.notes)
    if "date" in frame:
        dates, more, said = read_dates(raw, {"date": matched["date"]}, book)
        frame["date"] = dates[matched["date"].source]
        problems += more
        notes += said
    frame["event"], more = _events(frame["event"], matched["event"].source)
    problems += more
    frame["details"] = frame["details"].fillna("") if "details" in frame else ""
    for row, event, text in frame[["event", "details"]].itertuples():
        if event in DETAILS and text and (event != "death" or "=" in text):
            normal, rule, remedy = _details(text, DETAILS[event])
            frame.at[row, "details"] = normal
            if rule:
                source = matched["details"].source
                problems.append(violation(row, "details", source, text, rule, remedy))
    return frame.assign(row=frame.index), problems, notes


def _events(told: pd.Series, source: str) -> tuple[pd.Series, list[dict[str, Any]]]:
    verdicts = {text: _event(text) for text in told.dropna().unique()}
    problems = [
        violation(row, "event", source, text, *verdicts[text][1:])
        for row, text in told.dropna().items()
        if verdicts[text][1]
    ]
    return told.map({text: verdict[0] for text, verdict in verdicts.items()}), problems


def _empty(
    frame: pd.DataFrame, matched: Mapping[str, Column], known: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Cells that must be filled: who, what, and at least one of date and day."""
    times = [name for name in ("date", "day") if name in frame]
    lacking = {name: frame[name].isna() for name in ("patient_id", "event")}
    lacking[times[0]] = frame[times].isna().all(axis=1)
    faulty = {(problem["row"], problem["column"]) for problem in known}
    return [
        violation(row, name, matched[name].source, "", "is empty", "Fill in the cell.")
        for name, empty in lacking.items()
        for row in frame.index[empty]
        if (row, name) not in faulty
    ]


def _event(text: str) -> tuple[str | None, str, str]:
    name = re.sub(r"[\s-]+", "_", token(text))
    if name in EVENTS:
        return name, "", ""
    hint = did_you_mean(text, EVENTS)
    return (
        None,
        f"is no event; known are {listing(EVENTS)}",
        (f"{hint.strip() or 'Correct it,'} Map your own words with `values:` in the codebook."),
    )


def _details(text: str, vocabulary: Mapping[str, Mapping[str, str]]) -> tuple[str, str, str]:
    """The details in one spelling, what is wrong with them, and the remedy."""
    told: dict[str, str] = {}
    for part in [part.strip() for part in tidy(text).split(";") if part.strip()]:
        key, equals, value = (piece.strip().casefold() for piece in part.partition("="))
        if not equals or not value:
            return (
                "",
                f"{quote(part)} is not `key=value`",
                ("Write for example: site=liver+lung; resectable=yes."),
            )
        if key not in vocabulary:
            return (
                "",
                f"{quote(key)} is no key here; known are {listing(vocabulary)}",
                (did_you_mean(key, vocabulary).strip() or "Correct or remove it."),
            )
        if key in told:
            return "", f"{key!r} stands twice", "Join sites with +: site=liver+lung."
        told[key], problem, remedy = _value(key, value, vocabulary[key])
        if problem:
            return "", problem, remedy
    return "; ".join(f"{key}={value}" for key, value in told.items() if value), "", ""


def _value(key: str, value: str, known: Mapping[str, str]) -> tuple[str, str, str]:
    """One value, or several sites joined by +; unknown counts as not said."""
    if token(value) in Codebook().missing:
        return "", "", ""
    by_key = {name_key(word): meant for word, meant in known.items()}
    words = re.split(r"[+,/&]", value) if key == "site" else [value]
    for word in words:
        if name_key(word) not in by_key:
            hint = did_you_mean(word, known).strip() or "Correct the value."
            rule = (
                f"{key}={quote(word.strip())} is none of {listing(dict.fromkeys(known.values()))}"
            )
            return "", rule, hint
    return "+".join(dict.fromkeys(by_key[name_key(word)] for word in words)), "", ""
