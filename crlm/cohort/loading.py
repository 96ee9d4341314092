"""From a file to one row a patient: read, match, coerce, validate."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from crlm.cohort.codebook import Column, read_codebook
from crlm.cohort.coercion import coerce
from crlm.cohort.doubts import doubts, relabelled, unit_columns
from crlm.cohort.matching import match
from crlm.cohort.numbers import quote_header
from crlm.cohort.reading import Raw, read
from crlm.cohort.rules import RULES, Rule, rules_of
from crlm.cohort.times import with_year
from crlm.cohort.understanding import CohortReport, both, refuse, understand
from crlm.cohort.units import DAYS_PER_MONTH, foreign_unit_in, unit_in, unit_in_cell
from crlm.cohort.validation import drop_halves, validate
from crlm.cohort.wording import quotes, violation, violations_frame
from crlm.files import forget
from crlm.ledger import Design
from crlm.refusals import did_you_mean, foreign, listing, plain, refusal, tidy

PathLike = str | os.PathLike[str]


def load(
    path: PathLike, design: Design, codebook: PathLike | Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """One row a patient, in the field's names and units, or a message that says what is wrong.

    Parameters
    ----------
    path : path
        CSV, Excel (.xlsx), Parquet or SPSS (.sav).
    design : Design
        The study whose columns are looked for; a table may hold any of them.
    codebook : path or mapping, optional
        YAML that maps the file's headers, units, codes and unknown tokens.

    Returns
    -------
    pandas.DataFrame
        Index 0..n-1. `patient_id` is text, numbers are float64, categories are
        Categorical with the reference level first, events are nullable boolean.
        A column that the file lacks is not in the frame. `attrs["notes"]` is a list of
        sentences on what is doubtful or worth knowing, without anything the file holds:
        a report shows them.

    Raises
    ------
    CohortError
        If the file is no table, or anything in it contradicts the dictionary;
        the message names the Excel rows and the remedies.
    """
    found = _read_through(path, design, codebook)
    refuse(found.raw.file, design.study, found.violations)
    found.frame.attrs["notes"] = found.remarks()["discreet"]
    return found.frame


def check(
    path: PathLike, design: Design, codebook: PathLike | Mapping[str, Any] | None = None
) -> CohortReport:
    """Everything that was understood of a patient table, and everything that is wrong with it.

    Parameters
    ----------
    path, design, codebook
        As for `load`.

    Returns
    -------
    CohortReport
        With all problems, not the first few; `describe` prints it.

    Raises
    ------
    CohortError
        If there is nothing to report on: the file is no table, the codebook is
        not one, or no column is recognised.
    """
    named = codebook if isinstance(codebook, (str, os.PathLike)) else None
    forget(filter(None, (path, named)))
    found = _read_through(path, design, codebook)
    return CohortReport(
        file=found.raw.file,
        study=design.study,
        how=plain(found.raw.how),
        frame=found.frame,
        understood=understand(found.frame, found.matched, design.columns, found.violations),
        violations=found.violations,
        unused=[header for header in found.raw.frame.columns if header not in found.used],
        **found.remarks(),
    )


def contradictions(path: PathLike, design: Design) -> list[tuple[Rule, int]]:
    """The rules of a patient that a table without a codebook breaks, and in how many rows."""
    patients = _read_through(path, design, None).frame
    rules = [rule for rule in (*RULES, *rules_of(design)) if not rule.note]
    asked = [rule for rule in rules if {*rule.columns} <= {*patients.columns}]
    found = ((rule, int(rule.broken(patients).fillna(False).sum())) for rule in asked)
    return [(rule, many) for rule, many in found if many]


@dataclass(frozen=True)
class _Through:
    """A table after reading and validating; what is doubtful in it is told when it is asked."""

    raw: Raw
    matched: Mapping[str, Column]
    used: set[str]
    frame: pd.DataFrame
    violations: pd.DataFrame
    remarks: Callable[[], dict[str, list[str]]]


def _read_through(
    path: PathLike, design: Design, codebook: PathLike | Mapping[str, Any] | None
) -> _Through:
    book = read_codebook(codebook, design.columns, design.study)
    raw = read(path, book.manner)
    matched, notes = match(raw, book, design.columns)
    _refuse_unrecognised(raw, matched, design)
    per_month = book.days_per_month or design.conventions.get("days_per_month", DAYS_PER_MONTH)
    coerced = coerce(raw, matched, design.columns, book, per_month)
    faulty = {(one["row"], one["column"]) for one in coerced.problems}
    used = {header for column in matched.values() for header in column.sources}
    found = _units_beside(raw, matched, design, used)
    matched = with_year(matched)
    more, remarked = validate(coerced.frame, design, matched, book, faulty)
    more += found
    months = _month_notes(matched, design, per_month)

    def remarks() -> dict[str, list[str]]:
        doubtful = doubts(coerced.frame, book.confirm)
        doubtful += relabelled(matched, design, book.confirm)
        return both(doubtful, [*raw.notes, *notes, *months, *coerced.notes, *remarked])

    return _Through(
        raw=raw,
        matched=matched,
        used=used,
        frame=_finished(drop_halves(coerced.frame, book)),
        violations=violations_frame([*coerced.problems, *more]),
        remarks=remarks,
    )


def _refuse_unrecognised(raw: Raw, matched: Mapping[str, Column], design: Design) -> None:
    if set(matched) - {"patient_id"}:
        return
    headers = list(raw.frame.columns)
    clinical = [name for name in design.columns if name != "patient_id"]
    near = [hint for header in headers[:20] if (hint := did_you_mean(header, clinical))]
    guessed = [f" {note}" for note in raw.notes if "`encoding:`" in note or "row" in note]
    raise refusal(
        f"{raw.file} has no column that {design.study} knows. Its headers are: "
        f"{quotes(headers)}.{near[0] if near else ''}{''.join(guessed)} Map them in a codebook, "
        "which `crlm codebook` writes (`columns: {age: your header, ...}`), name their row with "
        "`header_row:`, or start from the table that `crlm template` writes."
    )


def _month_notes(matched: Mapping[str, Column], design: Design, per_month: float) -> list[str]:
    converted = [
        name
        for name, column in matched.items()
        if design.columns[name].get("unit") == "months"
        and (column.to or tidy(column.unit).lower().rstrip("s") in ("day", "d", "week", "wk"))
    ]
    if not converted:
        return []
    return [f"{listing(converted)}: a month is {per_month:g} days here."]


def _units_beside(
    raw: Raw, matched: Mapping[str, Column], design: Design, used: set[str]
) -> list[dict[str, Any]]:
    """Units that the file names, in a header or a column of their own, and nobody obeyed."""
    open_ones = {
        name: str(design.columns[name]["unit"])
        for name, column in matched.items()
        if design.columns[name].get("unit")
        and not (column.unit or column.unit_source)
        and not column.from_dates
    }
    found = []
    for name, target in open_ones.items():
        source = matched[name].source
        unit = unit_in(source, target)
        if unit and unit != target:
            rule = f"is headed in {unit}, and no unit is named"
            remedy = (
                f"Say `{name}: {{from: {quote_header(source)}, unit: {unit}}}` in the codebook."
            )
            found.append(violation(None, name, source, "", rule, remedy))
        if strange := foreign_unit_in(source, target):
            rule = f"is headed in {foreign(strange)}, from which {target} cannot come"
            remedy = f"Is it another column? If not, say `{name}: {{from: ..., unit: {target}}}`."
            found.append(violation(None, name, source, "", rule, remedy))
    known = {name: partial(unit_in_cell, target=target) for name, target in open_ones.items()}
    for name, header, words in unit_columns(raw.frame, used, known):
        source = matched[name].source
        rule = f"may be in the units that another column names ({foreign(words)})"
        line = f"{{from: {quote_header(source)}, unit: {{from: {quote_header(header)}}}}}"
        remedy = f"Say `{name}: {line}` in the codebook, or name one `unit:` for the column."
        found.append(violation(None, name, source, "", rule, remedy))
    return found


def _finished(frame: pd.DataFrame) -> pd.DataFrame:
    """The row numbers go, the identifiers stay."""
    finished = frame.reset_index(drop=True)
    if "patient_id" not in finished:
        finished.insert(0, "patient_id", [str(row) for row in frame.index])
    return finished
