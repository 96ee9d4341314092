"""From a file to one row a patient: read, match, coerce, validate."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pandas as pd

from crlm.cohort.codebook import Column, match, read_codebook
from crlm.cohort.coercion import coerce
from crlm.cohort.reading import Raw, read
from crlm.cohort.remembering import recall, remember
from crlm.cohort.understanding import CohortReport, both, refuse, understand
from crlm.cohort.units import DAYS_PER_MONTH
from crlm.cohort.validation import validate
from crlm.cohort.wording import quotes, violations_frame
from crlm.ledger import Design, load_design
from crlm.refusals import did_you_mean, listing, plain, refusal, tidy

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
        A column that the file lacks is not in the frame. `attrs["doubts"]` is a list of
        sentences on what is allowed but worth knowing, without anything the file holds:
        a report shows them.

    Raises
    ------
    CohortError
        If the file is no table, or anything in it contradicts the dictionary;
        the message names the Excel rows and the remedies.
    """
    known = None if codebook else recall(path, design)
    if known is not None:
        return known
    report = check(path, design, codebook)
    refuse(report)
    report.frame.attrs["doubts"] = report.doubts
    return report.frame


def prepare(study: str) -> None:
    """Read a study's shipped table now, so that `load` need not in this process or its forks."""
    design = load_design(study)
    remember(design.folder / "cohort.csv", design, load(design.folder / "cohort.csv", design))


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
    book = read_codebook(codebook, design.columns, design.study)
    raw = read(path, book.manner)
    matched, notes = match(raw, book, design.columns)
    _refuse_unrecognised(raw, matched, design)
    per_month = book.days_per_month or design.conventions.get("days_per_month", DAYS_PER_MONTH)
    coerced = coerce(raw, matched, design.columns, book, per_month)
    more, remarks = validate(coerced.frame, design, matched, book)
    violations = violations_frame([*coerced.problems, *more])
    frame = _finished(coerced.frame)
    used = {header for column in matched.values() for header in column.sources}
    months = _month_notes(matched, design, per_month)
    return CohortReport(
        file=raw.file,
        study=design.study,
        how=plain(raw.how),
        frame=frame,
        understood=understand(frame, matched, design.columns, violations),
        violations=violations,
        unused=[header for header in raw.frame.columns if header not in used],
        **both([*raw.notes, *notes, *months, *coerced.notes, *remarks]),
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


def _finished(frame: pd.DataFrame) -> pd.DataFrame:
    """The row numbers go, the identifiers stay."""
    finished = frame.reset_index(drop=True)
    if "patient_id" not in finished:
        finished.insert(0, "patient_id", [str(row) for row in frame.index])
    return finished
