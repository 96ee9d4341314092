"""An empty workbook for a study: fill in one row a patient and read it as it is."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from crlm.cohort.history import COLUMNS, EVENTS
from crlm.cohort.times import SURGERY_DATE
from crlm.cohort.wording import quote
from crlm.files import write_atomically
from crlm.ledger import CohortError, Design
from crlm.refusals import refusal

_LAST_ROW = 2000
_HEAD = PatternFill("solid", fgColor="E8EEF4")


def template(path: str | os.PathLike[str], design: Design) -> Path:
    """Write an empty workbook whose headers, units and drop-down lists are the study's.

    Parameters
    ----------
    path : path
        A new .xlsx file; an existing one is never touched.
    design : Design
        The study.

    Returns
    -------
    pathlib.Path
        The file: sheets "patients", "history", "data dictionary" and "example codebook".

    Raises
    ------
    CohortError
        If the file exists, its name does not end in .xlsx, or its folder is missing.
    """
    file = Path(path)
    if file.suffix.lower() != ".xlsx":
        raise CohortError(f"The template is an Excel workbook: name it {file.stem}.xlsx.")
    if file.exists():
        raise CohortError(f"{file.name} exists and is left as it is. Choose another name.")
    if not file.parent.is_dir():
        raise refusal(f"There is no folder {quote(file.parent)}. Make it first.")
    book = Workbook()
    patients = book.active
    patients.title = "patients"
    _patients(patients, design)
    _history(book.create_sheet("history"))
    _dictionary(book.create_sheet("data dictionary"), design)
    _codebook(book.create_sheet("example codebook"), design)
    content = io.BytesIO()
    book.save(content)
    write_atomically(file, content.getvalue())
    return file


def _patients(sheet: Worksheet, design: Design) -> None:
    _header(sheet, design.columns)
    for number, (name, spec) in enumerate(design.columns.items(), 1):
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = max(12, len(name) + 2)
        words = [design.label(name), _allowed(spec), str(spec.get("about", ""))]
        note = Comment("\n".join(word for word in words if word), "crlm")
        note.width, note.height = 320, 110
        sheet[f"{letter}1"].comment = note
        if spec["type"] == "text":
            # Excel would turn an identifier like 007 or 1-2 into a number or a date.
            dated = name == SURGERY_DATE
            sheet.column_dimensions[letter].number_format = "yyyy-mm-dd" if dated else "@"
        _restrict(sheet, letter, spec)


def _history(sheet: Worksheet) -> None:
    names = [name for name in COLUMNS if name != "day"]
    _header(sheet, names)
    for number, name in enumerate(names, 1):
        sheet.column_dimensions[get_column_letter(number)].width = 40 if name == "details" else 16
    sheet.column_dimensions["A"].number_format = "@"
    sheet.column_dimensions["B"].number_format = "yyyy-mm-dd"
    _add_list(sheet, "C", EVENTS)
    sheet["D1"].comment = Comment(
        "key=value, separated by semicolons. Recurrence: site=liver+lung; resectable=yes. "
        "Assessment: response=progression (or control); resectable=no. Death: cause=cancer "
        "(or other).",
        "crlm",
    )


def _dictionary(sheet: Worksheet, design: Design) -> None:
    _header(sheet, ("column", "label", "type", "unit", "allowed values", "range", "about"))
    for name, spec in design.columns.items():
        labels = spec.get("labels", {})
        levels = [
            f"{level} ({labels[level]})" if level in labels else str(level)
            for level in spec.get("levels", ())
        ]
        sheet.append(
            [
                name,
                design.label(name),
                "event" if spec.get("role") == "event" else spec["type"],
                str(spec.get("unit", "")),
                "; ".join(levels),
                _range(spec),
                str(spec.get("about", "")),
            ]
        )
    for letter, width in zip("ABCDEFG", (28, 32, 10, 10, 48, 16, 80), strict=True):
        sheet.column_dimensions[letter].width = width
    for row in sheet.iter_rows(min_row=2):
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")


def _codebook(sheet: Worksheet, design: Design) -> None:
    """A codebook to copy into a text file: only needed where headers or codes are one's own."""
    sheet.column_dimensions["A"].width = 100
    for line in _example(design):
        sheet.append([line])
        sheet.cell(sheet.max_row, 1).font = Font(name="Courier New")


def _example(design: Design) -> list[str]:
    lines = [
        "# A table with its own headers and codes needs a codebook: copy this into codebook.yaml,",
        "# keep the lines that apply, and write your headers on the right. `crlm codebook` writes",
        "# one for a table that exists already.",
        "# Times can be given in three ways: as months (or days, weeks, years with `unit:`) in",
        "# os_months and its like; as dates in the patient's row,",
        "#   os_months: {from: date of surgery, to: [date of death, date of last contact]}",
        "#   os_event: {filled: date of death}",
        "#   rfs_months: {from: date of surgery, to: [date of recurrence, date of death, ...]}",
        "#   rfs_event: {filled: date of recurrence, or: os_event}",
        "# or as events in the sheet `history`, which is read without being asked.",
        f"study: {design.study}",
        'missing: ["-999", "?"]          # besides empty, NA, N/A, NaN, unknown, unk, 不明',
        "columns:",
    ]
    for name, spec in design.columns.items():
        lines.append(f"  {name}: {_example_source(name, spec)}")
    return lines


def _example_source(name: str, spec: Mapping[str, Any]) -> str:
    header = f"your header for {name}"
    if name in ("hai_start_months", "hai_stop_months", "genetic_test_months"):
        return f"{{from: date of surgery, to: your date for {name}}}"
    if spec.get("unit") == "cm":
        return f"{{from: {header}, unit: mm}}"
    if name == "os_months":
        return f"{{from: {header}, unit: days}}"
    if spec["type"] == "category":
        codes = ", ".join(f"{code}: {level}" for code, level in enumerate(spec["levels"]))
        return f"{{from: {header}, values: {{{codes}}}}}"
    return header


def _header(sheet: Worksheet, names: Iterable[str]) -> None:
    sheet.append(list(names))
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True), _HEAD
    sheet.freeze_panes = "B2"


def _restrict(sheet: Worksheet, letter: str, spec: Mapping[str, Any]) -> None:
    if spec["type"] == "category":
        _add_list(sheet, letter, [str(level) for level in spec["levels"]])
    elif "min" in spec or "max" in spec:
        kind = "whole" if spec["type"] == "integer" else "decimal"
        bounds = {"formula1": str(spec.get("min", 0)), "formula2": str(spec.get("max", 10**9))}
        rule = DataValidation(type=kind, operator="between", allow_blank=True, **bounds)
        _add(sheet, letter, rule, f"A number, {_range(spec)}.")


def _add_list(sheet: Worksheet, letter: str, levels: Sequence[str]) -> None:
    rule = DataValidation(type="list", formula1=f'"{",".join(levels)}"', allow_blank=True)
    _add(sheet, letter, rule, f"One of: {', '.join(levels)}.")


def _add(sheet: Worksheet, letter: str, rule: DataValidation, message: str) -> None:
    rule.errorTitle, rule.error, rule.showErrorMessage = "Not allowed here", message, True
    sheet.add_data_validation(rule)
    rule.add(f"{letter}2:{letter}{_LAST_ROW}")


def _range(spec: Mapping[str, Any]) -> str:
    low, high = spec.get("min"), spec.get("max")
    if high is None:
        return "" if low is None else f"at least {low:g}"
    return f"up to {high:g}" if low is None else f"{low:g} to {high:g}"


def _allowed(spec: Mapping[str, Any]) -> str:
    if spec["type"] == "category":
        return "One of: " + ", ".join(str(level) for level in spec["levels"])
    return ", ".join(word for word in (str(spec.get("unit", "")), _range(spec)) if word)
