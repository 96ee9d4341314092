"""What a sheet or a Word table holds that its page does not show, and the footnotes in its cells.

A number that nobody sees, or that stands in two columns at once, is refused and not guessed;
a raised footnote mark is no digit of the number before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from crlm.transcription.raised import raised as as_mark

_LISTED, _MOST_NOTES = 6, 20
#: A cell of numbers alone: signs and brackets, no word.
_NUMBERS = re.compile(r"(?=.*\d)[\s\d.,·%()\[\]<>≤≥=±/–−;^-]+")
_POWER = re.compile(r"[×x·*]\s*10\s*$", re.IGNORECASE)
#: A ten that a raised minus follows is a power too: "<10" and "−4".
_TEN, _MINUS = re.compile(r"(?<![\d.,])10\s*$"), re.compile(r"\s*[-−–]\s*\d{1,2}\s*")
#: And one of a unit: "10⁹/L".
_UNIT = re.compile(r"(?<![\d.,])10\^\d{1,2}$")
_TO_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

#: What a row has once for several columns: of the two arms that it lies between.
_BETWEEN = re.compile(
    r"\b(?:hr|hazards? ratio|rate ratio|difference)\b|^p(?:[ -]?values?)?\W*$", re.I
)


def lies_between(label: str) -> bool:
    """Whether the numbers of a row are of several columns together: "HR (95% CI)", "P value".

    Examples
    --------
    >>> lies_between("Hazard ratio (95% CI)"), lies_between("Patients, n")
    (True, False)
    """
    return bool(_BETWEEN.search(label.strip()))


def is_numbers(text: str) -> bool:
    """Whether a cell holds numbers alone, with their signs and brackets.

    Examples
    --------
    >>> is_numbers("179 (58%)"), is_numbers("1 (reference)")
    (True, False)
    """
    return bool(_NUMBERS.fullmatch(text))


def sheet_faults(sheet: Any, values: Mapping[str, Any]) -> Iterator[str]:
    """Why a sheet is not read as it stands.

    Parameters
    ----------
    sheet : openpyxl.worksheet.worksheet.Worksheet
        With its formulas, formats and sizes.
    values : mapping of str to object
        The values that Excel computed, by cell.
    """
    filled = [cell for row in sheet.iter_rows() for cell in row if cell.value is not None]
    rows = [row for row in sorted({c.row for c in filled}) if sheet.row_dimensions[row].hidden]
    columns = [
        letter
        for first, letters in _hidden(sheet)
        for letter in letters
        if any(c.column_letter == letter for c in filled)
    ]
    for what, found in (("row", rows), ("column", columns)):
        if found:
            yield f"{_many(what, found)} hidden: show or delete what is not the paper's."
    unsaved = [c for c in filled if c.data_type == "f" and values.get(c.coordinate) is None]
    if unsaved:
        told = "a formula of which no value was saved: write the number, or save it with Excel."
        yield f"{_cells(unsaved)} {_hold(unsaved)} {told}"
    struck = [c for c in filled if c.font is not None and c.font.strike]
    if struck:
        yield f"{_cells(struck)} {_be(struck)} struck through: delete or restore."
    wide = [
        sheet.cell(span.min_row, span.min_col)
        for span in sheet.merged_cells.ranges
        if span.max_col > span.min_col > 1
    ]
    wide = [cell for cell in wide if _NUMBERS.fullmatch(_text(cell.value))]
    wide = [cell for cell in wide if not lies_between(_label_of(sheet, cell))]
    if wide:
        told = "a number over several columns: split the cell, and write of whom it is."
        yield f"{_cells(wide)} {_hold(wide)} {told}"


def _label_of(sheet: Any, cell: Any) -> str:
    """The first text of the row of a cell."""
    before = (sheet.cell(cell.row, at).value for at in range(1, cell.column))
    return next((_text(value) for value in before if value is not None), "")


def _hidden(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Hidden columns; openpyxl keeps a run of them under its first letter."""
    from openpyxl.utils import get_column_letter

    for letter, size in sheet.column_dimensions.items():
        if size.hidden:
            first, last = size.min or 0, size.max or 0
            run = [get_column_letter(at) for at in range(first, min(last, first + 60) + 1) if at]
            yield first, run or [letter]


def without_marks(parts: Sequence[tuple[str, bool]]) -> str:
    """The text of a cell, of which a raised part is a footnote mark where it follows a number.

    Parameters
    ----------
    parts : sequence of tuple
        Text, and whether it is raised.

    Examples
    --------
    >>> without_marks([("179", False), ("2", True), (" (58%)", False)])
    '179 (58%)'
    >>> without_marks([("1.2 × 10", False), ("−5", True)])
    '1.2 × 10^−5'
    >>> without_marks([("<10", False), ("−4", True)])
    '<10^−4'
    >>> without_marks([("Area, cm", False), ("2", True)])
    'Area, cm2'
    >>> without_marks([("HR (95% CI)", False), ("b", True)])
    'HR (95% CI)ᵇ'
    >>> without_marks([("WBC, 10", False), ("9", True), ("/L", False)])
    'WBC, 10⁹/L'
    """
    plain = "".join(text for text, raised in parts if not raised).strip()
    made = ""
    for text, raised in parts:
        power = _POWER.search(made) or (_MINUS.fullmatch(text) and _TEN.search(made))
        if raised and power:
            made += f"^{text.strip()}"
        elif (
            raised and not _NUMBERS.fullmatch(plain) and _UNIT.search(f"{made[-3:]}^{text.strip()}")
        ):
            made += text.strip().translate(_TO_RAISED)
        elif not raised or not _NUMBERS.fullmatch(plain):
            made += (as_mark(text) if raised else "") or text
    return made


def rich_text(value: Any) -> str:
    """The text of an Excel cell whose parts have fonts of their own."""
    return without_marks(
        [
            (str(part), getattr(getattr(part, "font", None), "vertAlign", "") == "superscript")
            for part in value
        ]
    )


def word_faults(table: Any) -> Iterator[str]:
    """Why a Word table is not read as it stands.

    Parameters
    ----------
    table : docx.table.Table
    """
    tree = table._tbl
    for path, told in (
        (".//w:ins | .//w:del", "tracked changes: accept or reject them"),
        (".//w:tc//w:tbl", "a table within a cell: write its numbers into the cell"),
        (".//w:rPr/w:vanish", "hidden text: show or delete it"),
        (".//w:rPr/w:strike | .//w:rPr/w:dstrike", "text that is struck through: delete it"),
    ):
        found = [one for one in tree.xpath(path) if one.get(_VALUE) not in ("0", "false")]
        if found:
            yield f"holds {told}."
    wide = [
        _cell_text(cell)
        for row in tree.xpath("./w:tr")
        for first in row.xpath("./w:tc")[:1]
        for cell in row.xpath("./w:tc[w:tcPr/w:gridSpan]")
        if cell is not first and not lies_between(_cell_text(first))
    ]
    wide = [text for text in wide if _NUMBERS.fullmatch(text)]
    if wide:
        told = "over several columns: split the cell, and write of whom it is."
        yield f"has {', '.join(map(repr, wide[:_LISTED]))} {told}"


_VALUE = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}val"


def word_notes(table: Any) -> list[str]:
    """The lines right below a Word table that say what numbers of it are, or who has none.

    Parameters
    ----------
    table : docx.table.Table
    """
    from docx.text.paragraph import Paragraph

    from crlm.transcription.footnotes import is_note, lacking

    notes, below = [], table._tbl.getnext()
    while below is not None and below.tag.endswith("}p") and len(notes) < _MOST_NOTES:
        runs = Paragraph(below, table._parent).runs
        notes.append(without_marks([(run.text, bool(run.font.superscript)) for run in runs]))
        below = below.getnext()
    return [text for text in notes if is_note(text) or lacking([text])]


def word_rows(table: Any) -> list[list[str]]:
    """The texts of a Word table; of a number over several rows the first has it."""
    rows: list[list[str]] = []
    seen: dict[int, Any] = {}  # Kept, or another might get the id of one that went.
    for row in table.rows:
        texts = []
        for cell in row.cells:
            raised = cell._tc.xpath('.//w:vertAlign[@w:val="superscript"]')
            text = _without_raised(cell) if raised else cell.text
            again = id(cell._tc) in seen and _NUMBERS.fullmatch(text)
            texts.append("" if again else text)
        seen |= {id(cell._tc): cell._tc for cell in row.cells}
        rows.append(texts)
    return rows


def _without_raised(cell: Any) -> str:
    lines = [
        without_marks([(run.text, bool(run.font.superscript)) for run in paragraph.runs])
        for paragraph in cell.paragraphs
    ]
    return "\n".join(lines)


def _cell_text(cell: Any) -> str:
    return "".join(text.text or "" for text in cell.xpath(".//w:t")).strip()


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _cells(cells: Sequence[Any]) -> str:
    more = f" and {len(cells) - _LISTED} more" if len(cells) > _LISTED else ""
    return ", ".join(cell.coordinate for cell in cells[:_LISTED]) + more


def _hold(cells: Sequence[Any]) -> str:
    return "hold" if len(cells) > 1 else "holds"


def _be(cells: Sequence[Any]) -> str:
    return "are" if len(cells) > 1 else "is"


def _many(what: str, found: Iterable[Any]) -> str:
    names = [str(one) for one in found]
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    listed = ", ".join(names[:_LISTED]) + more
    return f"{what}s {listed} are" if len(names) > 1 else f"{what} {listed} is"
