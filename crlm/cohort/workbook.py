"""Excel workbooks: which sheet, hidden rows, formulas that were never computed."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from crlm.cohort.wording import count, did_you_mean, listing, name_key, row_list
from crlm.ledger import CohortError


def read_workbook(
    name: str, data: bytes, sheet: str, preferred: str
) -> tuple[list[tuple[int, Sequence[Any]]], str, list[str]]:
    """Records of one sheet with their row numbers, how it was read, and notes.

    Parameters
    ----------
    name : str
        The file's name, for messages.
    data : bytes
        The workbook.
    sheet : str
        The sheet the codebook names, or empty.
    preferred : str
        The sheet to take if it exists and the codebook names none.

    Raises
    ------
    CohortError
        If the workbook is damaged, lacks the sheet, or holds formulas without values.
    """
    book = _open(name, data, values=True)
    chosen, notes = _choose(name, book, sheet, preferred)
    records = list(enumerate(chosen.iter_rows(values_only=True), 1))
    _refuse_uncomputed(name, data, chosen)
    hidden = [
        row for row, record in records[1:]
        if chosen.row_dimensions[row].hidden and any(value is not None for value in record)
    ]  # fmt: skip
    if hidden:
        notes.append(
            f"{row_list(hidden)} {'are' if len(hidden) > 1 else 'is'} hidden in Excel (a filter?) "
            "and read all the same. Delete what must not count."
        )
    return records, f"Excel, sheet {chosen.title!r}", notes


def _open(name: str, data: bytes, values: bool) -> Workbook:
    with warnings.catch_warnings():
        # openpyxl warns of decorations it does not keep; no cell is lost.
        warnings.simplefilter("ignore")
        try:
            return load_workbook(io.BytesIO(data), data_only=values)
        except Exception as error:  # openpyxl fails in as many ways as a file can be damaged
            raise CohortError(
                f"{name} cannot be opened as an Excel workbook: it is damaged. "
                "Open it in Excel, let it repair the file and save it again."
            ) from error


def _choose(name: str, book: Workbook, sheet: str, preferred: str) -> tuple[Worksheet, list[str]]:
    sheets = book.worksheets
    titles = [found.title for found in sheets]
    wanted = [found for found in sheets if name_key(found.title) == name_key(sheet or preferred)]
    if wanted:
        return wanted[0], []
    if sheet:
        raise CohortError(
            f"{name} has no sheet {sheet!r}.{did_you_mean(sheet, titles)} "
            f"It has: {listing(titles)}. Correct `sheet:` in the codebook."
        )
    filled = [found for found in sheets if found.max_row > 1]
    if not filled:
        raise CohortError(f"{name} holds no filled sheet. Fill in one row a patient.")
    if len(filled) == 1:
        return filled[0], []
    note = (
        f"The workbook has {count(len(filled), 'filled sheet')} ({listing(titles)}); the first, "
        f"{filled[0].title!r}, was read. Name another with `sheet:` in the codebook."
    )
    return filled[0], [note]


def _refuse_uncomputed(name: str, data: bytes, chosen: Worksheet) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = [part for part in archive.namelist() if part.startswith("xl/worksheets/")]
        if not any(b"<f>" in archive.read(part) or b"<f " in archive.read(part) for part in parts):
            return
    written = _open(name, data, values=False)[chosen.title]
    empty = [
        cell.coordinate
        for record in written.iter_rows()
        for cell in record
        if cell.data_type == "f" and chosen[cell.coordinate].value is None
    ]
    if empty:
        raise CohortError(
            f"{name}, sheet {chosen.title!r}: the formula in {listing(empty, 3)} has no stored "
            "value. Open the workbook in Excel, save it, and read it again."
        )
