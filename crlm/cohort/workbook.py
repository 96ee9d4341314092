"""Excel workbooks, streamed: which sheet, what is merged or hidden, formulas never computed."""

from __future__ import annotations

import io
import posixpath
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.parsers import expat

from crlm.cohort.layout import MOST_COLUMNS, Range
from crlm.cohort.wording import count, quote, quotes
from crlm.ledger import CohortError
from crlm.refusals import did_you_mean, name_key, refusal, row_list

if TYPE_CHECKING:
    from openpyxl import Workbook

#: What a sheet may hold. Excel itself ends at the first.
MOST_ROWS, MOST_CELLS = 1_048_576, 6_000_000

_MOST_UNPACKED = 800_000_000
# Text never packs that well; a part made to explode does. Small parts are let be.
_MOST_RATIO, _LET_BE = 150, 1_000_000
_CELL = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


@dataclass(frozen=True)
class Sheet:
    """The cells of one sheet, blank rows left out.

    Attributes
    ----------
    title : str
    records : list of (int, sequence)
        Row number as Excel counts, values from column A on.
    merged : list of (first row, first column, last row, last column)
    notes : list of str
    number : int
        How many sheets the workbook has.
    """

    title: str
    records: list[tuple[int, Sequence[Any]]]
    merged: list[Range]
    notes: list[str]
    number: int = 1


def read_workbook(
    name: str, data: bytes, sheet: str, preferred: str, fits: Callable[[list[Any]], int]
) -> Sheet:
    """The cells of the sheet that holds the table.

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
    fits : callable
        How many cells of a row are names that the table may have.

    Raises
    ------
    CohortError
        If the workbook is damaged, unpacks to more than a table, lacks the sheet, or
        holds formulas without values.
    """
    parts = _parts(name, data)
    book = _open(name, data)
    try:
        chosen, notes = _choose(name, book, sheet, preferred, fits)
        surveyed = _survey(name, data, parts[chosen.title], _struck_styles(data))
        records = _records(name, chosen)
    finally:
        book.close()
    _refuse_uncomputed(name, chosen.title, surveyed, records)
    filled = {row for row, _ in records[1:]}
    hidden = [row for row in surveyed.hidden if row in filled]
    if hidden:
        notes.append(
            f"{row_list(hidden)} {'are' if len(hidden) > 1 else 'is'} hidden in Excel (a filter?) "
            "and read all the same. Delete what must not count."
        )
    struck = [row for row in sorted(surveyed.struck) if row in filled]
    if struck:
        notes.append(
            f"{row_list(struck)} {'have' if len(struck) > 1 else 'has'} cells that are struck "
            "through in Excel, and read all the same. Delete what must not count."
        )
    return Sheet(chosen.title, records, surveyed.merged, notes, len(parts))


# ---- the archive ------------------------------------------------------------


def _parts(name: str, data: bytes) -> dict[str, str]:
    """Each sheet's part of the archive by its title, after a look at what would unpack."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse_bomb(name, archive)
            book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
            links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    except (KeyError, zipfile.BadZipFile, ElementTree.ParseError, RuntimeError, OSError):
        raise CohortError(_damaged(name)) from None
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    return {
        sheet.get("name", ""): _path(targets.get(_relation(sheet)) or "")
        for sheet in book.iter()
        if sheet.tag.endswith("}sheet")
    }


def _relation(sheet: ElementTree.Element) -> str:
    return next((value for key, value in sheet.attrib.items() if key.endswith("}id")), "")


def _path(target: str) -> str:
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _refuse_bomb(name: str, archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    unpacked = sum(info.file_size for info in infos)
    explosive = [
        info
        for info in infos
        if info.file_size > _LET_BE and info.file_size > _MOST_RATIO * max(info.compress_size, 1)
    ]
    if unpacked > _MOST_UNPACKED or explosive:
        raise CohortError(
            f"{name} would unpack to {unpacked / 1e6:,.0f} MB from {_packed(infos) / 1e6:,.1f} MB, "
            "which no table of patients does. Copy the filled rows and columns into a new "
            "workbook, or save it as CSV UTF-8."
        )
    for info in infos:
        if info.filename.endswith((".xml", ".rels")):
            with archive.open(info) as part:
                if b"<!DOCTYPE" in part.read(4096):
                    raise CohortError(_damaged(name))


def _packed(infos: Sequence[zipfile.ZipInfo]) -> int:
    return sum(info.compress_size for info in infos)


def _damaged(name: str) -> str:
    return (
        f"{name} cannot be opened as an Excel workbook: it is damaged. "
        "Open it in Excel, let it repair the file and save it again."
    )


def _open(name: str, data: bytes) -> Workbook:
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        # openpyxl warns of decorations it does not keep; no cell is lost.
        warnings.simplefilter("ignore")
        try:
            return load_workbook(io.BytesIO(data), data_only=True, read_only=True)
        except Exception:  # openpyxl fails in as many ways as a file can be damaged
            raise CohortError(_damaged(name)) from None


# ---- one sheet, streamed ----------------------------------------------------


@dataclass
class _Survey:
    """What the library does not tell of a sheet that it streams."""

    hidden: list[int] = field(default_factory=list)
    merged: list[Range] = field(default_factory=list)
    formulas: set[tuple[int, int]] = field(default_factory=set)
    struck: set[int] = field(default_factory=set)
    struck_styles: frozenset[str] = frozenset()
    row: int = 0
    column: int = 0
    cells: int = 0
    computed: bool = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        local = tag.rpartition(":")[2]
        if local == "c":
            self.computed = attributes.get("t") == "str"
            self._cell(attributes.get("r", ""))
            if attributes.get("s") in self.struck_styles:
                self.struck.add(self.row)
        elif local == "row":
            self._row(attributes)
        elif local == "f" and not self.computed:
            # A formula whose result is empty text has been computed.
            self.formulas.add((self.row, self.column))
        elif local == "mergeCell":
            self._merge(attributes.get("ref", ""))

    def _row(self, attributes: dict[str, str]) -> None:
        number = int(attributes.get("r") or self.row + 1)
        if not self.row < number <= MOST_ROWS:
            raise _TooMuch(f"row {number:,} behind row {self.row:,}")
        self.row, self.column = number, 0
        if attributes.get("hidden") in ("1", "true"):
            self.hidden.append(number)

    def _cell(self, reference: str) -> None:
        self.cells += 1
        if self.cells > MOST_CELLS:
            raise _TooMuch(f"more than {MOST_CELLS:,} cells")
        found = _CELL.fullmatch(reference)
        self.column = _column(found.group(1)) if found else self.column + 1
        if self.column > MOST_COLUMNS:
            raise _TooMuch(f"column {self.column:,}")

    def _merge(self, reference: str) -> None:
        from openpyxl.utils import range_boundaries

        left, top, right, bottom = range_boundaries(reference)
        if len(self.merged) < 100_000:
            self.merged.append((top, left, bottom, right))


class _TooMuch(Exception):
    """A sheet holds what no sheet of Excel holds."""


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number


def _struck_styles(data: bytes) -> frozenset[str]:
    """The numbers of cell styles whose font is struck through."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
    except (KeyError, zipfile.BadZipFile, ElementTree.ParseError, RuntimeError, OSError):
        return frozenset()
    fonts = styles.findall("{*}fonts/{*}font")
    struck = {
        str(at)
        for at, font in enumerate(fonts)
        if (mark := font.find("{*}strike")) is not None and mark.get("val") not in ("0", "false")
    }
    cells = styles.findall("{*}cellXfs/{*}xf")
    return frozenset(str(at) for at, cell in enumerate(cells) if cell.get("fontId") in struck)


def _survey(name: str, data: bytes, path: str, struck_styles: frozenset[str]) -> _Survey:
    """Rows, cells, merged ranges and formulas of a sheet, in one pass and within bounds."""
    found = _Survey(struck_styles=struck_styles)
    parser = expat.ParserCreate()
    parser.StartElementHandler = found.start
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(path) as part:
            while chunk := part.read(1_000_000):
                parser.Parse(chunk)
            parser.Parse(b"", True)
    except _TooMuch as much:
        raise CohortError(
            f"{name} holds {much}: it is damaged or no table of patients. Copy the filled rows "
            "and columns into a new workbook, or save the sheet as CSV UTF-8."
        ) from None
    except (KeyError, ValueError, TypeError, OSError, zipfile.BadZipFile, expat.ExpatError):
        raise CohortError(_damaged(name)) from None
    return found


def _records(name: str, sheet: Any) -> list[tuple[int, Sequence[Any]]]:
    # What a sheet declares of its own size is not to be trusted.
    sheet.reset_dimensions()
    try:
        return [
            (row, record)
            for row, record in enumerate(sheet.iter_rows(values_only=True), 1)
            if record and any(map(_filled, record))
        ]
    except Exception:  # as above
        raise CohortError(_damaged(name)) from None


def _filled(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None


def _refuse_uncomputed(
    name: str, title: str, surveyed: _Survey, records: Sequence[tuple[int, Sequence[Any]]]
) -> None:
    if not surveyed.formulas:
        return
    from openpyxl.utils import get_column_letter

    values = dict(records)
    empty = [
        f"{get_column_letter(column)}{row}"
        for row, column in sorted(surveyed.formulas)
        if column > len(values.get(row, ())) or values[row][column - 1] is None
    ]
    if empty:
        raise refusal(
            f"{name}, sheet {quote(title)}: the formula in {quotes_of_cells(empty)} has no stored "
            "value. Open the workbook in Excel, save it, and read it again."
        )


def quotes_of_cells(names: Sequence[str]) -> str:
    """Addresses of cells, the first three spelt out."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


# ---- which sheet ------------------------------------------------------------


def _choose(
    name: str, book: Workbook, sheet: str, preferred: str, fits: Callable[[list[Any]], int]
) -> tuple[Any, list[str]]:
    """The sheet that the codebook names, else the preferred one, else the one that fits best."""
    sheets = book.worksheets
    if sheet:
        return _named(name, sheets, sheet)
    visible = [one for one in sheets if one.sheet_state == "visible"]
    notes = _hidden_sheets(name, sheets, visible)
    wanted = [one for one in visible if name_key(one.title) == name_key(preferred)]
    if wanted:
        return wanted[0], notes
    heads = {one.title: _head(one) for one in visible}
    filled = [one for one in visible if len(heads[one.title]) > 1]
    if not filled:
        hint = " A hidden one is read if the codebook names it (`sheet:`)." if notes else ""
        raise CohortError(f"{name} holds no filled sheet. Fill in one row a patient.{hint}")
    score = {one.title: max(fits(row) for row in heads[one.title]) for one in filled}
    best = max(filled, key=lambda one: score[one.title] if score[one.title] > 1 else 0)
    if len(filled) > 1:
        which = "the first" if best is filled[0] else "the one with headers that are known"
        notes.append(
            f"The workbook has {count(len(filled), 'filled sheet')} "
            f"({quotes(one.title for one in filled)}); {which}, {quote(best.title)}, was read. "
            "Name another with `sheet:` in the codebook."
        )
    return best, notes


def _named(name: str, sheets: Sequence[Any], sheet: str) -> tuple[Any, list[str]]:
    titles = [one.title for one in sheets]
    for one in sheets:
        if name_key(one.title) == name_key(sheet):
            hidden = one.sheet_state != "visible"
            note = f"The sheet {quote(one.title)}, which the codebook names, is hidden in Excel."
            return one, [note] * hidden
    raise refusal(
        f"{name} has no sheet {quote(sheet)}.{did_you_mean(sheet, titles, private=True)} "
        f"It has: {quotes(titles)}. Correct `sheet:` in the codebook."
    )


def _hidden_sheets(name: str, sheets: Sequence[Any], visible: Sequence[Any]) -> list[str]:
    hidden = [one for one in sheets if one not in visible and len(_head(one)) > 1]
    if not hidden:
        return []
    verb = "is" if len(hidden) == 1 else "are"
    return [
        f"{count(len(hidden), 'filled sheet')} of the workbook {verb} hidden in Excel and not read "
        f"({quotes(one.title for one in hidden)}). To read one, name it with `sheet:` in the "
        "codebook."
    ]


def sheet_heads(name: str, data: bytes) -> dict[str, list[list[Any]]]:
    """The first filled rows of every visible sheet of a workbook, by its title.

    Raises
    ------
    CohortError
        If the workbook is damaged, or unpacks to more than a table.
    """
    _parts(name, data)
    book = _open(name, data)
    try:
        return {one.title: _head(one) for one in book.worksheets if one.sheet_state == "visible"}
    finally:
        book.close()


def _head(sheet: Any) -> list[list[Any]]:
    """The first filled rows of a sheet."""
    sheet.reset_dimensions()
    try:
        rows = [list(row) for row in sheet.iter_rows(max_row=30, values_only=True)]
    except Exception:  # a sheet that is not the table may be damaged
        return []
    return [row for row in rows if any(_filled(value) for value in row)]
