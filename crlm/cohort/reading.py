"""A file becomes a frame of text: nothing is coerced, every row keeps the number Excel shows."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd

from crlm import files
from crlm.cohort.cells import as_text, has_invisible
from crlm.cohort.columnar import read_parquet, read_spss
from crlm.cohort.delimited import read_delimited
from crlm.cohort.layout import MOST_COLUMNS, Layout, lay_out, set_aside
from crlm.cohort.wording import quote
from crlm.cohort.workbook import read_workbook
from crlm.ledger import CohortError
from crlm.refusals import name_key, refusal, row_list

_READABLE = "CSV, Excel (.xlsx), Parquet and SPSS (.sav)"
_MOST_BYTES = 256_000_000


@dataclass(frozen=True)
class Raw:
    """A table as it stands in its file.

    Attributes
    ----------
    file : str
        Its name, for messages.
    kind : str
        "CSV", "Excel", "Parquet" or "SPSS".
    how : str
        How it was read, in words: format, encoding, separator or sheet.
    frame : pandas.DataFrame
        Text only, "" where a cell is empty; the index is the row number as
        Excel counts (blank rows counted).
    labels : mapping of str to mapping
        SPSS value labels: header to raw value to label.
    units : mapping of str to str
        Unit by header, where the file itself tells it.
    twice : mapping of str to int
        Headers that stand over more than one column, and over how many.
    notes : tuple of str
        What a reader should know about the reading; foreign text is marked.
    sheet, sheets, header_row : str, int, int
        Of a workbook: the sheet, how many there are; the row of the headers.
    """

    file: str
    kind: str
    how: str
    frame: pd.DataFrame
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    twice: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sheet: str = ""
    sheets: int = 1
    header_row: int = 1


@dataclass(frozen=True)
class Manner:
    """How a table is to be read, as its codebook says; empty means found out.

    Attributes
    ----------
    sheet, encoding, separator : str
    decimal : str
        The decimal mark of the numbers that are typed as text.
    header_row : int or None
        The row of the headers, as Excel counts.
    skip_rows : frozenset of int
        Rows that are left out.
    known : tuple of str
        Names that a header may have.
    preferred_sheet : str
        The sheet taken from a workbook of several.
    """

    sheet: str = ""
    encoding: str = ""
    separator: str = ""
    decimal: str = "."
    header_row: int | None = None
    skip_rows: frozenset[int] = frozenset()
    known: tuple[str, ...] = ()
    preferred_sheet: str = "patients"

    def fits(self) -> Callable[[Iterable[object]], int]:
        """How many cells of a row are such names."""
        keys = {name_key(name) for name in self.known}
        return lambda cells: sum(isinstance(c, str) and name_key(c) in keys for c in cells)


def read(path: str | os.PathLike[str], manner: Manner | None = None) -> Raw:
    """Read a table of any accepted format as text.

    Parameters
    ----------
    path : path
        CSV (comma, semicolon, tab, vertical bar), .xlsx, Parquet or SPSS .sav; what the
        file is, its content decides, not its name.
    manner : Manner, optional
        How to read it.

    Raises
    ------
    CohortError
        If the file is missing, empty, damaged, protected, more than a table, or none.
    """
    file, manner = Path(path), manner or Manner()
    data = contents(file)
    kind = _kind(file, data)
    if kind in ("Parquet", "SPSS"):
        return _columnar(file.name, kind, data, manner)
    if kind == "Excel":
        sheet = read_workbook(file.name, data, manner.sheet, manner.preferred_sheet, manner.fits())
        records = [
            (row, [as_text(value, manner.decimal) for value in cells])
            for row, cells in sheet.records
        ]
        found = _laid_out(file.name, records, manner, sheet.merged)
        notes = [*sheet.notes, *_invisible(value for _, row in sheet.records for value in row)]
        how = f"Excel, sheet {quote(sheet.title)}"
        place = {"sheet": sheet.title, "sheets": sheet.number}
    else:
        records, how, notes = read_delimited(file.name, data, manner.encoding, manner.separator)
        found = _laid_out(file.name, records, manner, ())
        place = {}
    records.clear()
    raw = _raw(file.name, kind, how, found, notes)
    return replace(raw, header_row=found.header_row, **place)


def _laid_out(
    name: str,
    records: Sequence[tuple[int, list[str]]],
    manner: Manner,
    merged: Sequence[tuple[int, int, int, int]],
) -> Layout:
    return lay_out(
        name,
        records,
        manner.fits(),
        header_row=manner.header_row,
        skip_rows=manner.skip_rows,
        merged=merged,
    )


def _invisible(values: Iterable[object]) -> list[str]:
    hidden = any(isinstance(value, str) and has_invisible(value) for value in values)
    return ["Some cells hold characters that nobody sees; they were left out."] * hidden


def _columnar(name: str, kind: str, data: bytes, manner: Manner) -> Raw:
    columns = (read_parquet if kind == "Parquet" else read_spss)(name, data, manner.decimal)
    header = [" ".join(text.split()) for text in columns.headers]
    length = len(columns.texts[0]) if columns.texts else 0
    if not length:
        raise CohortError(
            f"{name} holds a header but no patient below it. Fill in one row a patient."
        )
    frame = pd.DataFrame(
        {i: texts for i, texts in enumerate(columns.texts)},
        index=range(2, length + 2),
        dtype=object,
    )
    rows = zip(frame.index, map(list, zip(*columns.texts, strict=True)), strict=True)
    body = [one for one in rows if any(one[1]) and one[0] not in manner.skip_rows]
    found = set_aside(name, header, body)
    frame = frame.loc[[row for row, _ in found.body]]
    units = dict(zip(header, [columns.units.get(h, "") for h in columns.headers], strict=True))
    return _framed(
        name, kind, kind, header, frame, found.notes, columns.labels, units | found.units
    )


def _raw(name: str, kind: str, how: str, found: Layout, notes: Iterable[str]) -> Raw:
    rows = [row for row, _ in found.body]
    places = range(len(found.header))
    used = [i for i in places if found.header[i] or any(cells[i] for _, cells in found.body)]
    bodies = [cells for _, cells in found.body]
    found.body.clear()
    columns = {i: _column(list(map(itemgetter(i), bodies))) for i in used}
    # The rows go before the frame is made: a large table has room for one of them.
    bodies.clear()
    frame = pd.DataFrame(columns, index=rows, copy=False)
    return _framed(name, kind, how, found.header, frame, [*notes, *found.notes], {}, found.units)


def _column(texts: list[str]) -> np.ndarray:
    cells = np.empty(len(texts), dtype=object)
    cells[:] = texts
    return cells


def _framed(
    name: str,
    kind: str,
    how: str,
    header: Sequence[str],
    frame: pd.DataFrame,
    notes: Iterable[str],
    labels: Mapping[str, Mapping[str, str]],
    units: Mapping[str, str],
) -> Raw:
    """Columns under their names; those without one are left out, aloud."""
    if len(header) > MOST_COLUMNS:
        raise CohortError(f"{name} has {len(header):,} columns; {MOST_COLUMNS:,} is the most.")
    named: dict[str, int] = {}
    twice: dict[str, int] = {}
    for place in frame.columns:
        text = header[place]
        if text in named:
            twice[text] = twice.get(text, 1) + 1
        elif text:
            named[text] = place
    notes = list(notes)
    nameless = [place + 1 for place in frame.columns if not header[place]]
    if nameless:
        where = row_list(nameless).replace("row", "column")
        notes.append(f"{where} of the file has values but no header and was left out.")
    places = list(named.values())
    shown = frame if places == list(frame.columns) else frame[places].copy()
    shown.columns = list(named)
    return Raw(
        name, kind, how, shown, labels, {k: u for k, u in units.items() if u}, twice, tuple(notes)
    )


def contents(file: Path) -> bytes:
    """The bytes of a file of patients, or of what describes one.

    Raises
    ------
    CohortError
        If it is missing, a folder, empty, or larger than any table.
    """
    try:
        if file.is_dir():
            raise CohortError(
                f"{file.resolve().name or file} is a folder. Give the table inside it."
            )
        size = file.stat().st_size
        if size > _MOST_BYTES:
            raise CohortError(
                f"{file.name} has {size / 1e6:,.0f} MB; {_MOST_BYTES / 1e6:g} MB is the most. "
                "Leave out the columns that the study does not know."
            )
        data = files.read(file)
    except FileNotFoundError:
        raise refusal(f"There is no file {quote(file)}. Check the name and the folder.") from None
    except OSError as error:
        raise CohortError(f"{file.name} cannot be opened: {error.strerror}.") from None
    except ValueError:
        raise CohortError("The name of the file holds what no name may hold.") from None
    if not data.strip():
        raise CohortError(f"{file.name} is empty. Export the table again.")
    return data


_MAGIC = (
    (b"PAR1", "Parquet"),
    (b"$FL2", "SPSS"),
    (b"$FL3", "SPSS"),
    (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0", "old Office"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"{\\rtf", "a text document"),
    (b"\x1f\x8b", "a compressed file"),
    (b"SQLite format 3", "a database"),
)
_BY_NAME = {".xlsx": "Excel", ".xlsm": "Excel", ".parquet": "Parquet", ".sav": "SPSS"}


def _kind(file: Path, data: bytes) -> str:
    found = next((kind for magic, kind in _MAGIC if data.startswith(magic)), "CSV")
    if found == "zip":
        return _zip_kind(file, data)
    if found == "old Office":
        _refuse_old_office(file, data)
    if found not in ("CSV", "Parquet", "SPSS"):
        raise CohortError(f"{file.name} is {found}, not a table. Accepted: {_READABLE}.")
    named = _BY_NAME.get(file.suffix.lower(), found)
    if found == "CSV" and named != "CSV":
        raise CohortError(
            f"{file.name} is named like a file of {named} but does not hold one: it is damaged "
            "or was renamed. Export the table again."
        )
    if found == "CSV" and file.suffix.lower() == ".xls":
        raise CohortError(
            f"{file.name} is named .xls but holds plain text. Open it in Excel and save it as "
            "Excel Workbook (.xlsx), or rename it to .csv if it is a text table."
        )
    return found


def _zip_kind(file: Path, data: bytes) -> str:
    try:
        names = set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    except zipfile.BadZipFile:
        raise CohortError(
            f"{file.name} is a damaged workbook: it ends before it should. "
            "Save it once more from Excel, or copy it again."
        ) from None
    if "xl/workbook.xml" in names:
        return "Excel"
    raise CohortError(
        f"{file.name} is an archive or a document of another program, not an .xlsx workbook. "
        "Open it where it was made and save it as .xlsx or CSV."
    )


def _refuse_old_office(file: Path, data: bytes) -> None:
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise CohortError(
            f"{file.name} is protected by a password. Open it in Excel, remove the password "
            "(File, Info, Protect Workbook) and save it again."
        )
    raise CohortError(
        f"{file.name} is in the old Excel format (.xls), which is not read here. "
        "Open it in Excel and save it as Excel Workbook (.xlsx)."
    )
