"""A table as it was copied: rows of text cells, from whatever file holds them."""

from __future__ import annotations

import csv
import datetime
import io
import re
from pathlib import Path
from typing import Any

from crlm import files
from crlm.ledger import LedgerError

_MOST_ROWS, _MOST_BYTES, _LISTED = 2000, 20_000_000, 6
#: Digits, brackets and signs of Japanese type, and the space between thousands.
_FULL_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0x301C: "~"}
_THIN = re.compile(r"(?<=\d)[\u2009\u202f\u00a0](?=\d{3}(?!\d))")
_GAP = re.compile(r"\s*\|\s*|\s{2,}")
#: A cell of a line that spaces part: words with one space between them.
_APART = re.compile(r"\S+(?:\s\S+)*")


def grid(path: str | Path) -> list[list[str]]:
    """The cells of a table, row by row, blank rows left out.

    Parameters
    ----------
    path : path
        .csv, .xlsx (its first sheet), .docx (its first table; needs the extra `word`), else text
        as it was pasted: columns apart by tabs, bars, or two spaces and more.

    Returns
    -------
    list of list of str
        All rows equally long.

    Raises
    ------
    LedgerError
        If the file cannot be read, or holds no table of two rows and two columns.
    """
    path = Path(path)
    readers = {".csv": _from_csv, ".xlsx": _from_excel, ".docx": _from_word}
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise LedgerError(f"{path.name} is too large for a table of a paper.")
        rows = readers.get(path.suffix.lower(), _from_text)(path)
    except OSError as error:
        raise LedgerError(f"{path.name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise LedgerError(f"{path.name} is not UTF-8 text. {_remedy(path)}") from error
    rows = [[_plain(cell) for cell in row] for row in rows[:_MOST_ROWS]]
    rows = [row for row in rows if any(row)]
    width = max((at for row in rows for at, text in enumerate(row, 1) if text), default=0)
    if len(rows) < 2 or width < 2:
        raise LedgerError(
            f"{path.name} holds no table: {len(rows)} rows, {width} columns. It needs a header "
            "and one row at least, columns apart by tabs, bars or two spaces."
        )
    return [(row + [""] * width)[:width] for row in rows]


def _remedy(path: Path) -> str:
    """What to do with a file that is no text."""
    if path.suffix.lower() in (".txt", ".tsv", ".csv", ".md", ""):
        return "Save it as UTF-8."
    return "Copy the table out of it into a text file, a sheet (.xlsx) or a Word file (.docx)."


def _plain(cell: str) -> str:
    """A cell in half-width signs, thousands together, no blank more than one."""
    text = _THIN.sub("", cell.translate(_FULL_WIDTH))
    return " ".join(text.split())


def _from_csv(path: Path) -> list[list[str]]:
    text = files.read(path).decode("utf-8-sig")
    delimiter = (
        ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    )
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def _from_text(path: Path) -> list[list[str]]:
    text = files.read(path).decode("utf-8-sig")
    lines = [line for line in text.splitlines() if line.strip()]
    apart = [line for line in lines if "\t" not in line and "|" not in line]
    rows = _aligned(lines) if len(apart) == len(lines) else [_pasted(line) for line in lines]
    width = max(map(len, rows), default=0)
    if rows and lines[0][0].isspace() and len(rows[0]) == width - 1:
        rows[0] = ["", *rows[0]]  # The corner of the table is blank.
    return rows


def _aligned(lines: list[str]) -> list[list[str]]:
    """The cells of lines that spaces part; of a line with fewer than others each below its head.

    A blank cell leaves no trace but the place of its neighbours.
    """
    found = [list(_APART.finditer(line)) for line in lines]
    width = max(map(len, found), default=0)
    whole = [cells for cells in found if len(cells) == width]
    spans = [
        (min(c[at].start() for c in whole), max(c[at].end() for c in whole)) for at in range(width)
    ]
    return [_below(cells, spans) for cells in found]


def _below(cells: list[re.Match[str]], spans: list[tuple[int, int]]) -> list[str]:
    """The cells each in the column that it shares most places with; as they come if in doubt."""
    texts = [cell.group() for cell in cells]
    if len(cells) == len(spans):
        return texts
    shared = [
        [min(c.end(), end) - max(c.start(), start) for start, end in spans] for c in cells[1:]
    ]
    columns = [0, *(max(range(len(spans)), key=own.__getitem__) for own in shared)]
    if sorted(set(columns)) != columns or any(max(own) <= 0 for own in shared):
        return texts
    return [texts[columns.index(at)] if at in columns else "" for at in range(len(spans))]


def _pasted(line: str) -> list[str]:
    """The cells of a line: tabs keep blank cells, else bars or two spaces and more are gaps."""
    if "\t" in line:
        return line.split("\t")
    return _GAP.split(line.strip().removeprefix("|").removesuffix("|").strip(" "))


def _from_excel(path: Path) -> list[list[str]]:
    import zipfile

    import openpyxl

    try:
        book = openpyxl.load_workbook(io.BytesIO(files.read(path)), read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise LedgerError(f"{path.name} is no Excel workbook. Save it as .xlsx.") from error
    rows = list(book.worksheets[0].iter_rows(max_row=_MOST_ROWS, max_col=60))
    dates = [cell for row in rows for cell in row if isinstance(cell.value, datetime.date)]
    if dates:
        where = ", ".join(f"{c.column_letter}{c.row} ({c.value:%Y-%m-%d})" for c in dates[:_LISTED])
        more = f" and {len(dates) - _LISTED} more" if len(dates) > _LISTED else ""
        raise LedgerError(
            f"{path.name}: {where}{more} hold dates, which Excel makes of a text such as 3-5. "
            "Format the cells as text and write what the paper has."
        )
    return [[_shown(cell.value, str(cell.number_format)) for cell in row] for row in rows]


def _shown(value: Any, form: str) -> str:
    """A cell as the sheet shows it: 0.5 in the format 0.00 is "0.50", in 0.0% it is "50.0%"."""
    if value is None or isinstance(value, str | bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    found = re.search(r"0(?:\.(0+))?(%?)", form)
    if not found or not (found[1] or found[2]):
        return str(value)
    percent = found[2] == "%"
    return f"{value * (100 if percent else 1):.{len(found[1] or '')}f}{found[2]}"


def _from_word(path: Path) -> list[list[str]]:
    try:
        import docx
    except ImportError:
        raise LedgerError(
            "Reading a Word table needs the extra `word`: pip install 'crlm[word]'. "
            "Or paste the table into a text file."
        ) from None
    import zipfile

    try:
        tables = docx.Document(io.BytesIO(files.read(path))).tables
    except (KeyError, ValueError, zipfile.BadZipFile, docx.opc.exceptions.OpcError) as error:
        raise LedgerError(f"{path.name} is no Word document. Save it as .docx.") from error
    if not tables:
        raise LedgerError(f"{path.name} holds no table.")
    return [[cell.text for cell in row.cells] for row in tables[0].rows]
