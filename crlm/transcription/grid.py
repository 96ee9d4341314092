"""A table as it was copied: rows of text cells, from whatever file holds them."""

from __future__ import annotations

import csv
import datetime
import html
import io
import itertools
import re
from pathlib import Path
from typing import Any

from crlm import files
from crlm.ledger import LedgerError
from crlm.transcription import fixed_width, noughts, pages, shapes, thousands, unseen
from crlm.transcription.cells import Placed
from crlm.transcription.lines import parted

_MOST_ROWS, _MOST_BYTES, _LISTED = 2000, 20_000_000, 6
_OTHERS = (
    ".ods",
    ".pdf",
    ".xls",
    ".doc",
    ".odt",
    ".rtf",
    ".png",
    ".jpg",
    ".jpeg",
    ".mht",
    ".mhtml",
)
#: Digits, brackets and signs of Japanese type, and the space between thousands.
_FULL_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0x301C: "~"}
#: What a page does not show: soft hyphens, joiners and marks of byte order.
_HYPHENS = dict.fromkeys((0x2010, 0x2011), "-")
_UNSEEN = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))
_GAP = re.compile(r"\s*\|\s*|\s{2,}")
#: A line that rules a table off: "|:----|:--:|", "+-----+", "-----  ----".
_RULE = re.compile(r"(?=.*[-=─━]{3}|.*:?-:?\|)[\s|:+=─━-]+")
#: Bars of a Markdown table, and what it sets in bold; a bar of a cell is written "\\|".
_BAR = re.compile(r"(?<!\\)\|")
_BOLD = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
#: A cell of a line that spaces part: words with one space between them.
_APART = re.compile(r"\S+(?:\s\S+)*")


def grid(path: str | Path, number: int | str = 0) -> list[list[str]]:
    """The cells of a table, row by row, blank rows left out.

    Parameters
    ----------
    path : path
        .csv, .xlsx (a sheet), .docx (a table; needs the extra `word`), .html or .xml (a table of a
        page), else text as it was pasted: columns apart by tabs, bars, or two spaces and more.
    number : int or str
        Which of the sheets that are shown, or of the tables of a Word file, counted from 1;
        of a page the number in the table's caption; 0 or "" for the only one.

    Returns
    -------
    list of list of str
        All rows equally long.

    Raises
    ------
    LedgerError
        If the file cannot be read, holds no table of two rows and two columns, or several and
        `number` does not say which; or if it holds what its page does not show: hidden rows,
        tracked changes, formulas without their values, numbers over several columns whose row
        does not lie between arms.
    """
    path = Path(path)
    readers = {".csv": _from_csv, ".xlsx": _from_excel, ".docx": _from_word}
    if path.suffix.lower() in _OTHERS:
        raise LedgerError(f"{path.name} is no table that can be read. {_remedy(path)}")
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise LedgerError(f"{path.name} is too large for a table of a paper.")
        if path.suffix.lower() in pages.ENDINGS:
            rows = pages.rows(path, str(number or ""))
        else:
            rows = readers.get(path.suffix.lower(), _from_text)(path, _counted(number))
    except OSError as error:
        raise LedgerError(f"{path.name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise LedgerError(f"{path.name} is not UTF-8 text. {_remedy(path)}") from error
    rows = [
        [Placed(cell, getattr(cell, "row", at)) for cell in row]
        for at, row in enumerate(rows[:_MOST_ROWS], 1)
    ]
    rows = [[Placed(_plain(c), getattr(c, "row", 0)) for c in row] for row in parted(rows)]
    rows = [row for row in rows if any(row)]
    width = max((at for row in rows for at, text in enumerate(row, 1) if text), default=0)
    if len(rows) < 2 or width < 2:
        raise LedgerError(
            f"{path.name} holds no table: {len(rows)} rows, {width} columns. It needs a header "
            "and one row at least, columns apart by tabs, bars or two spaces."
        )
    return [(row + [""] * width)[:width] for row in rows]


def _counted(number: int | str) -> int:
    """Which sheet, or which table of a Word file."""
    text = str(number or 0).strip()
    if not text.isdigit():
        told = f"--table {text}: sheets and tables of Word are counted, 1, 2, ..."
        raise LedgerError(f"{told}; tables of a web page have the names of their captions.")
    return int(text)


def _remedy(path: Path) -> str:
    """What to do with a file that is no text."""
    if path.suffix.lower() in (".txt", ".tsv", ".csv", ".md", ""):
        return "Save it as UTF-8."
    return "Copy the table out of it into a text file, a sheet (.xlsx) or a Word file (.docx)."


def _plain(cell: str) -> str:
    """A cell in half-width signs, thousands together, no blank more than one."""
    text = thousands.unspaced(cell.translate(_FULL_WIDTH | _UNSEEN | _HYPHENS))
    return " ".join(text.split())


def _from_csv(path: Path, _: int) -> list[list[str]]:
    text = files.read(path).decode("utf-8-sig")
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def _from_text(path: Path, _: int) -> list[list[str]]:
    text = files.read(path).decode("utf-8-sig")
    whole = text.splitlines()
    held = [at for at, line in enumerate(whole) if line.strip() and not _RULE.fullmatch(line)]
    lines = [whole[at] for at in held]
    apart = [line for line in lines if "\t" not in line and "|" not in line]
    if len(apart) == len(lines):
        rows = fixed_width.cells(lines) if fixed_width.is_printed(lines) else _aligned(lines)
    else:
        rows = [_pasted(line) for line in lines]
    width = max(map(len, rows), default=0)
    if rows and lines[0][0].isspace() and len(rows[0]) == width - 1:
        rows[0] = ["", *rows[0]]  # The corner of the table is blank.
    if len(rows) != len(held):
        return rows  # R's, put together of parts.
    placed: list[list[str]] = [[] for _ in whole]
    for at, row in zip(held, rows, strict=True):
        placed[at] = row
    return placed


def _aligned(lines: list[str]) -> list[list[str]]:
    """The cells of lines that spaces part; of a line with fewer than others each below its head.

    A blank cell leaves no trace but the place of its neighbours.
    """
    found = [list(_APART.finditer(line)) for line in lines]
    width = max(map(len, found), default=0)
    if spans := _apart(found, width):
        return [_below(cells, spans) or [cell.group() for cell in cells] for cells in found]
    whole = [cells for cells in found if len(cells) == width]
    left = [cells[0].end() for cells in whole[1:]]
    if left and whole[0][0].start() >= max(left):
        raise LedgerError(
            f"The header {' | '.join(cell.group() for cell in whole[0])!r} stands right of the "
            "labels and has as many cells as a row: in which columns these are cannot be told. "
            "Put tabs or bars between the columns."
        )
    spans = [
        (min(c[at].start() for c in whole), max(c[at].end() for c in whole)) for at in range(width)
    ]
    below = [_below(cells, spans) for cells in found]
    apart = all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    if apart and None not in below:
        return [row for row in below if row is not None]
    return shapes.placed([[cell.group() for cell in cells] for cells in found])


def _apart(found: list[list[re.Match[str]]], width: int) -> list[tuple[int, int]]:
    """Columns between blanks of all lines, where those are more than any line has cells.

    A header without a corner above rows without a p value has as many cells as they have, in
    other columns. Taken is only what begins, or ends, below each other; else nothing.
    """
    cells = sorted((c.start(), c.end()) for row in found if len(row) > 1 for c in row)
    spans: list[tuple[int, int]] = []
    for start, end in cells:
        if spans and start < spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    for low, high in spans[1:]:
        own = [(start, end) for start, end in cells if low <= start < high]
        if min(len({one for one, _ in own}), len({one for _, one in own})) > 1:
            return []
    held = [[sum(low <= c.start() < high for c in row) for low, high in spans] for row in found]
    alone = all(max(own, default=0) <= 1 for own in held)
    below = all(any(own) for own in zip(*held[_heads(found) + 1 :], strict=True))
    return spans if len(spans) > width and alone and below else []


def _heads(found: list[list[re.Match[str]]]) -> int:
    """Where the header stands: the first line of several cells."""
    return next((at for at, row in enumerate(found) if len(row) > 1), 0)


def _below(cells: list[re.Match[str]], spans: list[tuple[int, int]]) -> list[str] | None:
    """The cells each in the column that it shares most places with; None of numbers in doubt.

    Words in doubt, as the upper storey of a header, stay as they come.
    """
    texts = [cell.group() for cell in cells]
    if len(cells) == len(spans):
        return texts
    shared = [[min(c.end(), end) - max(c.start(), start) for start, end in spans] for c in cells]
    if cells[0].start() < spans[0][1]:
        shared[0] = [1] + [0] * (len(spans) - 1)  # A label, however long it is.
    columns = [max(range(len(spans)), key=own.__getitem__) for own in shared]
    if sorted(set(columns)) != columns or any(max(own) <= 0 for own in shared):
        return None if any(map(shapes.shape_of, texts[1:])) else texts
    return [texts[columns.index(at)] if at in columns else "" for at in range(len(spans))]


def _pasted(line: str) -> list[str]:
    """The cells of a line: tabs keep blank cells, else bars or two spaces and more are gaps.

    Between bars at both ends bars alone are gaps, as in Markdown.
    """
    if "\t" in line:
        return line.split("\t")
    bare = line.strip()
    if len(bare) > 1 and bare[0] == bare[-1] == "|":
        cells = [_BOLD.sub(r"\2", cell.replace("\\|", "|")) for cell in _BAR.split(bare[1:-1])]
        return [html.unescape(re.sub(r"<br\s*/?>", "\n", cell)).strip() for cell in cells]
    return _GAP.split(line.strip().removeprefix("|").removesuffix("|").strip(" "))


def doubts(path: str | Path, number: int | str = 0) -> list[str]:
    """What a sheet's numbers may have lost, a sentence each; nothing of other files.

    Parameters
    ----------
    path, number
        As of `grid`, which has read it.
    """
    path = Path(path)
    if path.suffix.lower() != ".xlsx":
        return []
    return list(noughts.doubts(_sheet(path, _counted(number))[1]))


def _sheet(path: Path, number: int) -> tuple[Any, list[Any]]:
    """The sheet that is meant, with its rich text, and its rows as they are read in passing."""
    import zipfile

    import openpyxl

    data = files.read(path)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        whole = openpyxl.load_workbook(io.BytesIO(data), rich_text=True)
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise LedgerError(f"{path.name} is no Excel workbook. Save it as .xlsx.") from error
    held = [s for s in whole.worksheets if s.sheet_state == "visible" and _holds(s)]
    title = held[_which(path, number, [repr(s.title) for s in held], "sheets")].title
    return whole[title], list(book[title].iter_rows(max_row=_MOST_ROWS, max_col=60))


def _from_excel(path: Path, number: int) -> list[list[str]]:
    from openpyxl.cell.rich_text import CellRichText

    sheet, rows = _sheet(path, number)
    values = {cell.coordinate: cell.value for row in rows for cell in row if _there(cell)}
    told = [*_dates(rows), *unseen.sheet_faults(sheet, values)]
    if told:
        raise LedgerError(f"{path.name}: {' '.join(told)}")
    rich = {
        cell.coordinate: unseen.rich_text(cell.value)
        for row in sheet.iter_rows(max_row=_MOST_ROWS, max_col=60)
        for cell in row
        if isinstance(cell.value, CellRichText)
    }
    return [
        [
            rich.get(getattr(cell, "coordinate", ""))
            or noughts.shown(cell.value, str(cell.number_format))
            for cell in row
        ]
        for row in rows
    ]


def _there(cell: Any) -> bool:
    """Whether a cell of a workbook that is read in passing is more than a gap."""
    return cell.value is not None


def _holds(sheet: Any) -> bool:
    return any(cell is not None for row in sheet.iter_rows(values_only=True) for cell in row)


def _which(path: Path, number: int, named: list[str], what: str) -> int:
    """Position of the table that is meant; several, or one that is not there, are refused."""
    if not named:
        raise LedgerError(f"{path.name} holds no table.")
    if not 0 <= number <= len(named) or (not number and len(named) > 1):
        listed = ", ".join(f"{at} {name}" for at, name in enumerate(named[:_LISTED], 1))
        raise LedgerError(f"{path.name} has {len(named)} {what}: {listed}. Say which with --table.")
    return max(number, 1) - 1


def _dates(rows: list[Any]) -> list[str]:
    dates = [cell for row in rows for cell in row if isinstance(cell.value, datetime.date)]
    where = ", ".join(f"{c.column_letter}{c.row} ({c.value:%Y-%m-%d})" for c in dates[:_LISTED])
    more = f" and {len(dates) - _LISTED} more" if len(dates) > _LISTED else ""
    told = (
        f"{where}{more} {'hold dates' if len(dates) > 1 else 'holds a date'}, which Excel makes "
        "of a text such as 3-5. Format the cells as text and write what the paper has."
    )
    return [told] if dates else []


def _from_word(path: Path, number: int) -> list[list[str]]:
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
    heads = [repr(_plain(table.cell(0, 0).text)[:30]) for table in tables]
    table = tables[_which(path, number, heads, "tables")]
    told = list(unseen.word_faults(table))
    if told:
        raise LedgerError(f"{path.name} {' It '.join(told)}")
    return [*unseen.word_rows(table), *([note] for note in unseen.word_notes(table))]
