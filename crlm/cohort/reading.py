"""A file becomes a frame of text: nothing is coerced, every row keeps the number Excel shows."""

from __future__ import annotations

import datetime as dt
import io
import math
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from crlm.cohort.delimited import read_delimited
from crlm.cohort.wording import row_list
from crlm.cohort.workbook import read_workbook
from crlm.ledger import CohortError

_READABLE = "CSV, Excel (.xlsx), Parquet and SPSS (.sav)"


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
        Excel counts (header row 1, blank rows counted).
    labels : mapping of str to mapping
        SPSS value labels: header to raw value to label.
    twice : mapping of str to int
        Headers that stand over more than one column, and over how many.
    notes : tuple of str
        What a reader should know about the reading.
    """

    file: str
    kind: str
    how: str
    frame: pd.DataFrame
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    twice: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read(
    path: str | os.PathLike[str],
    *,
    sheet: str = "",
    encoding: str = "",
    separator: str = "",
    preferred_sheet: str = "patients",
) -> Raw:
    """Read a table of any accepted format as text.

    Parameters
    ----------
    path : path
        CSV (comma, semicolon, tab), .xlsx, Parquet or SPSS .sav; what the file
        is, its content decides, not its name.
    sheet, encoding, separator : str
        As the codebook says; empty means found out, and said in `Raw.how`.
    preferred_sheet : str
        The sheet taken from a workbook of several when `sheet` is empty.

    Raises
    ------
    CohortError
        If the file is missing, empty, damaged, protected, or not a table.
    """
    file = Path(path)
    data = _bytes(file)
    kind = _kind(file, data)
    labels: Mapping[str, Mapping[str, str]] = {}
    notes: list[str] = []
    cells: Sequence[tuple[int, Sequence[Any]]]
    if kind == "Excel":
        cells, how, notes = read_workbook(file.name, data, sheet, preferred_sheet)
    elif kind == "Parquet":
        cells, how = _parquet(file.name, data), "Parquet"
    elif kind == "SPSS":
        cells, labels, how = *_spss(file), "SPSS"
    else:
        cells, how, notes = read_delimited(file.name, data, encoding, separator)
    frame, twice, more = _table(file.name, [(row, _texts(record)) for row, record in cells])
    return Raw(file.name, kind, how, frame, labels, twice, (*notes, *more))


def as_text(value: Any) -> str:
    """A cell as the text a person would type: 5.0 as 5, a date as 2020-01-31, nothing as ""."""
    if isinstance(value, str):
        return value.strip()
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        whole = value.is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else repr(float(value))
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(" ")
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value).strip()


def _texts(record: Iterable[Any]) -> list[str]:
    return [as_text(value) for value in record]


def _bytes(file: Path) -> bytes:
    if file.is_dir():
        raise CohortError(f"{file.name} is a folder. Give the table inside it.")
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise CohortError(
            f"There is no file {str(file)!r}. Check the name and the folder."
        ) from None
    except OSError as error:
        raise CohortError(f"{file.name} cannot be opened: {error.strerror}.") from error
    if not data.strip():
        raise CohortError(f"{file.name} is empty. Export the table again.")
    return data


_MAGIC = (
    (b"PAR1", "Parquet"), (b"$FL2", "SPSS"), (b"$FL3", "SPSS"), (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0", "old Office"), (b"%PDF", "a PDF document"), (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"), (b"{\\rtf", "a text document"),
    (b"\x1f\x8b", "a compressed file"), (b"SQLite format 3", "a database"),
)  # fmt: skip
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


def _parquet(name: str, data: bytes) -> list[tuple[int, Sequence[Any]]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise CohortError(f"{name} is a damaged Parquet file. Export the table again.") from error
    keep = [i for i, header in enumerate(table.column_names) if not header.startswith("__index_")]
    columns = [table.column(i).to_pylist() for i in keep]
    header = [table.column_names[i] for i in keep]
    return [(1, header), *enumerate(zip(*columns, strict=True), 2)]


def _spss(file: Path) -> tuple[list[tuple[int, Sequence[Any]]], dict[str, dict[str, str]]]:
    import pyreadstat

    try:
        columns, meta = pyreadstat.read_sav(str(file), output_format="dict")
    except (pyreadstat.ReadstatError, ValueError, OSError) as error:
        raise CohortError(f"{file.name} is a damaged SPSS file. Save it once more.") from error
    lists = [list(columns[name]) for name in meta.column_names]
    labels = {
        header: {as_text(value): label for value, label in codes.items()}
        for header, codes in meta.variable_value_labels.items()
    }
    return [(1, meta.column_names), *enumerate(zip(*lists, strict=True), 2)], labels


def _table(
    name: str, cells: Sequence[tuple[int, list[str]]]
) -> tuple[pd.DataFrame, dict[str, int], list[str]]:
    """Header and body apart; blank rows and nameless columns left out, never renumbered."""
    filled = [(row, record) for row, record in cells if any(text.strip() for text in record)]
    if len(filled) < 2:
        what = "a header but no patient below it" if filled else "no cell that is filled"
        raise CohortError(f"{name} holds {what}. Fill in one row a patient below the header.")
    header = [" ".join(text.split()) for text in filled[0][1]]
    rows = [row for row, _ in filled[1:]]
    whole = pd.DataFrame([record for _, record in filled[1:]], index=rows, dtype=object)
    named = [i for i, text in enumerate(header) if text]
    twice = {text: header.count(text) for text in header if text and header.count(text) > 1}
    first = [i for i in named if header.index(header[i]) == i]
    frame = whole[first].set_axis([header[i] for i in first], axis=1)
    nameless = [i for i in range(len(header)) if not header[i] and whole[i].str.strip().any()]
    notes = []
    if nameless:
        where = row_list([i + 1 for i in nameless]).replace("row", "column")
        notes.append(f"{where} of the file has values but no header and was left out.")
    return frame, twice, notes
