"""A table of a report as Word's own: heads that repeat, lines that stay whole, decimals in line.

Hides how wide a column is, how small the letters become, and what holds decimals one below the
other in Word and LibreOffice alike.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Emu, Pt

from crlm import pieces
from crlm.document.fields import Bookmarks, add_link, bookmark_name, flag, heading_name
from crlm.document.styles import TABLE

_SIZES = (8.5, 7.5, 6.5, 6.0, 5.5)
#: A letter's mean width as a share of its height, and the white left and right of a cell.
_LETTER, _DIGIT, _POINT, _MARK, _WHITE = 0.57, 0.55, 0.28, 0.34, 6.5
#: A digit of the widest letters that may stand in for the template's.
_FIGURE = 0.64
_WIDEST, _SHORT, _KEPT_WHOLE = 140, 24, 34
#: More columns than these have no room for one of sentences, of letters that are usually more.
_MANY, _SENTENCE, _BELOW = 8, 50, "below"
_RAISED = dict(zip("ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", "abcdefghijklmnoprstuvwxyz", strict=True))
_MARKED = re.compile(f"([{''.join(_RAISED)}]+)")
_NUMBER = re.compile(r"[<>≥≤]?[+−-]?[\d,]*\d(?:\.(\d+))?(?: %)?|–|")


def add_table(
    document: Any,
    piece: pieces.Table,
    width: int,
    bookmarks: Bookmarks,
    headings: Collection[str] = (),
) -> dict[str, tuple[str, ...]]:
    """Add a table and its notes.

    Parameters
    ----------
    document : docx.Document
    piece : pieces.Table
    width : int
        Of the text, in EMU.
    bookmarks : Bookmarks
    headings : collection of str
        Those of the document, to which a cell that names one leads.

    Returns
    -------
    dict of str to tuple of str
        The bookmark of each line that stands for result rows, and the rows' names.
    """
    piece = _sentences_below(piece)
    lines = [line.cells for line in piece.body if line.kind != _BELOW]
    across = max(map(len, [piece.header, *lines]))
    header = [*piece.header, *[""] * (across - len(piece.header))]
    columns = [[line[i] for line in lines if i < len(line)] for i in range(across)]
    aligned = [_decimals(cells) if i else None for i, cells in enumerate(columns)]
    size, widths = _widths(header, columns, aligned, width / 12700)
    table = document.add_table(rows=1 + len(piece.body), cols=across)
    _lay_out(table, piece.caption, widths)
    rows = table.rows
    # A style asked by its name is looked for among all, once for each cell.
    style = document.styles["Table Text"].style_id
    _fill(rows[0], header, aligned, size, style, head=True)
    flag(rows[0]._tr.get_or_add_trPr(), "w:tblHeader")
    found = {}
    for row, line in zip(list(rows)[1:], piece.body, strict=True):
        links = [heading for heading in line.links if heading in headings]
        if line.kind == _BELOW:
            row.cells[0].merge(row.cells[-1])
        _fill(row, line.cells, aligned, size, style, kind=line.kind, links=links)
        if line.rows:
            name = bookmarks.around(row.cells[0].paragraphs[0], bookmark_name(line.rows[0]))
            found[name] = line.rows
    _keep_together(list(rows), with_notes=bool(piece.notes))
    for i, note in enumerate(piece.notes, 1):
        paragraph = document.add_paragraph(style="Table Note")
        paragraph.paragraph_format.keep_with_next = i < len(piece.notes)
        add_marked(paragraph, note)
    _space_after(document)
    return found


def _sentences_below(piece: pieces.Table) -> pieces.Table:
    """A table of many columns with the sentences of its last one below each line."""
    told = [line.cells[-1] for line in piece.body if len(line.cells) == len(piece.header)]
    if len(piece.header) <= _MANY or not told or _usual(told) <= _SENTENCE:
        return piece
    body = []
    for line in piece.body:
        body.append(replace(line, cells=line.cells[:-1]))
        body.append(pieces.Line(line.cells[-1:], _BELOW, line.rows))
    return replace(piece, header=piece.header[:-1], body=tuple(body))


def add_marked(paragraph: Any, text: str, size: float | None = None) -> None:
    """Add text in which the letters of footnotes are raised."""
    for i, part in enumerate(_MARKED.split(text)):
        if part:
            run = paragraph.add_run("".join(_RAISED.get(c, c) for c in part))
            run.font.superscript = True if i % 2 else None
            run.font.size = Pt(size) if size else None


def add_linked(paragraph: Any, text: str, size: float, links: Sequence[str]) -> None:
    """Add text in which the headings that it names lead to them."""
    longest = sorted(links, key=len, reverse=True)
    parts = re.split(f"({'|'.join(map(re.escape, longest))})", text) if links else [text]
    for part in parts:
        if part in links:
            add_link(paragraph, part, heading_name(part), size)
        else:
            add_marked(paragraph, part, size)


def _lay_out(table: Any, caption: str, widths: Sequence[float]) -> None:
    table.style = TABLE
    table.autofit = False
    for column, points in zip(table.columns, widths, strict=True):
        column.width = Pt(points)
    properties = table._tbl.tblPr
    flag(properties, "w:tblW", type="dxa", w=str(round(20 * sum(widths))))
    flag(properties, "w:tblLook", val="0020", firstRow="1", noHBand="1", noVBand="1")
    if caption:
        flag(properties, "w:tblCaption", val=caption)


def _fill(
    row: Any,
    cells: Sequence[str],
    aligned: Sequence[int | None],
    size: float,
    style: str,
    *,
    head: bool = False,
    kind: str = "",
    links: Sequence[str] = (),
) -> None:
    flag(row._tr.get_or_add_trPr(), "w:cantSplit")
    for i, cell in enumerate(dict.fromkeys(row.cells)):
        text = cells[i] if i < len(cells) else ""
        cell.width = cell._tc.getparent().getparent().tblGrid.gridCol_lst[i].w
        paragraph = cell.paragraphs[0]
        paragraph._p.style = style
        add_linked(paragraph, text, size, links if i else ())
        if not text:
            # An empty paragraph is as high as the letters of its mark.
            properties = paragraph._p.get_or_add_pPr()
            flag(properties, "w:rPr")
            flag(properties.find(qn("w:rPr")), "w:sz", val=str(round(2 * size)))
        if head or kind == "head":
            for run in paragraph.runs:
                run.bold = True
        if aligned[i] is not None:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
            if not head:
                paragraph.paragraph_format.right_indent = Pt(_behind(text, aligned[i]) * size)
        elif i == 0 and {"level", _BELOW} & set(kind.split()):
            paragraph.paragraph_format.left_indent = Pt(size)


def _decimals(cells: Sequence[str]) -> int | None:
    """The most decimals in a column of plain numbers; None where it holds words."""
    found = [_NUMBER.fullmatch(_MARKED.sub("", cell)) for cell in cells]
    if not any(cell.strip(" –") for cell in cells) or not all(found):
        return None
    return max(len(match[1] or "") for match in found if match)


def _behind(text: str, decimals: int | None) -> float:
    """How far from the right a number ends, in letter heights, so that its point is in line.

    A decimal tab would do it in Word alone: LibreOffice wants a tabulator before the number,
    which in Word would push the number to the next stop.
    """
    marks = "".join(_MARKED.findall(text))
    match = _NUMBER.fullmatch(_MARKED.sub("", text))
    own = len(match[1] or "") if match else 0
    short = (decimals or 0) - own
    room = short * _DIGIT + (_POINT if decimals and not own else 0.0)
    return room + (0.0 if marks else _MARK)


def _widths(
    header: Sequence[str],
    columns: Sequence[Sequence[str]],
    aligned: Sequence[int | None],
    room: float,
) -> tuple[float, list[float]]:
    """Letters' height and the widths of the columns, in points."""
    ends = [0.0 if n is None else n * _DIGIT + _MARK for n in aligned]
    words = [_longest_word(head) for head in header]
    held = [max(map(_unbroken, cells), default=0) for cells in columns]
    heads = [min(len(head), _SHORT) for head in header]
    figures = [_LETTER if n is None else _FIGURE for n in aligned]
    long = [max(min(_usual(c), _WIDEST), n) for c, n in zip(columns, heads, strict=True)]
    for size in _SIZES:
        unit = size * _LETTER
        white = [_WHITE + size * end for end in ends]
        least = [
            max(1.1 * unit * word, size * figure * cell) + w
            for word, cell, figure, w in zip(words, held, figures, white, strict=True)
        ]
        if sum(least) <= room:
            break
    if sum(least) > room:
        numbers = [max(map(_digits, cells), default=0) for cells in columns]
        firm = [size * _FIGURE * n + w for n, w in zip(numbers, white, strict=True)]
        return size, _narrowed(least, firm, room)
    most = [max(unit * n + w, a) for n, w, a in zip(long, white, least, strict=True)]
    if sum(most) <= room:
        return size, most
    spare, wish = room - sum(least), sum(most) - sum(least)
    return size, [a + spare * (b - a) / wish for a, b in zip(least, most, strict=True)]


def _narrowed(least: Sequence[float], firm: Sequence[float], room: float) -> list[float]:
    """Columns too wide together, narrowed where words may break: a number stays on its line."""
    firm = [min(f, a) for f, a in zip(firm, least, strict=True)]
    gives = sum(least) - sum(firm)
    over = sum(least) - room
    if gives <= over:
        return [f * room / sum(firm) for f in firm]
    return [a - over * (a - f) / gives for f, a in zip(firm, least, strict=True)]


def _digits(cell: str) -> int:
    """Letters of the longest word with a digit."""
    return max((len(word) for word in cell.split() if re.search(r"\d", word)), default=0)


def _usual(cells: Sequence[str]) -> int:
    """How long the cells of a column are; of many the longest tenth may be longer."""
    lengths = sorted(map(len, cells))
    return lengths[math.ceil(0.9 * (len(lengths) - 1))] if lengths else 0


def _unbroken(cell: str) -> int:
    """Letters that must stay on one line: a short cell with a number, else the longest word."""
    if len(cell) <= _SHORT and re.search(r"\d", cell):
        return len(cell)
    return _longest_word(cell)


def _longest_word(text: str) -> int:
    return max(map(len, text.split()), default=0)


def _keep_together(rows: Sequence[Any], *, with_notes: bool) -> None:
    """A short table keeps on one page; of a long one its head and its notes have company."""
    held = list(rows[:-1]) if len(rows) <= _KEPT_WHOLE else [*rows[:3], rows[-2]]
    held += [rows[-1]] if with_notes else []
    for row in held:
        for paragraph in row._tr.iter(qn("w:p")):
            paragraph.get_or_add_pPr().get_or_add_keepNext()


def _space_after(document: Any) -> None:
    """White below a table: two tables without a paragraph between them would be one."""
    paragraph = document.add_paragraph(style="Table Note")
    paragraph.paragraph_format.line_spacing = Emu(63500)
