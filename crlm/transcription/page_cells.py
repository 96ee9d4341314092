"""The cells of one table of a page, spans spread, raised marks of footnotes told from numbers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from crlm.transcription.markup import Node, Run, is_shown, line, runs_of, sign_of
from crlm.transcription.raised import raised as as_mark
from crlm.transcription.unseen import is_numbers, lies_between, without_marks

_WIDEST, _MOST = 60, 2000
#: What stands for a number of which nobody can tell whose it is: no table takes it for one.
OVER = "(a number over several columns)"
#: Where a line begins: no page has the sign, and its own line ends are blanks.
_BREAK = "\v"
_TO_DIGITS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_ONE = re.compile(r"1(?:[.·]0+)?")
_PARTS = ("thead", "tbody", "tfoot", "table")
_STRUCK = ("s", "strike", "del")
_PICTURES = ("img", "graphic", "inline-graphic", "svg")


def holds_numbers(table: Node) -> bool:
    """Whether a table has rows, columns and a number: one that only places text has not."""
    rows = [list(row.of("td", "th")) for row in table.of("tr")]
    numbers = any(re.search(r"\d", line(runs_of(cell))) for row in rows for cell in row)
    return numbers and len(rows) > 1 and max(map(len, rows)) > 1


def is_of_numbers(table: Node) -> bool:
    """Whether rows of a table hold numbers side by side in cells that hold no other table."""
    rows = (row for row in table.of("tr") if table is _around(row, ("table",)))
    own = [[one for one in row.of("td", "th") if not _holds_table(one)] for row in rows]
    many = [sum(is_numbers(line(runs_of(one))) for one in row) for row in own]
    return sum(one > 1 for one in many) > 1


def _holds_table(cell: Node) -> bool:
    return any(True for _ in cell.of("table"))


def _around(node: Node, tags: Sequence[str]) -> Node | None:
    """The nearest element around one that has such a tag."""
    return next((one for one in node.around() if one.tag in tags), None)


def note(runs: Sequence[Run]) -> str:
    """A line below a table, the mark that begins it raised."""
    stated = [run for run in runs if run.text.strip()]
    text = line(runs)
    if not stated or not stated[0].raised:
        return text
    mark = stated[0].text.strip()
    return f"{_as_mark(mark)} {text.removeprefix(mark).strip()}".strip()


def cells(table: Node, notes: Iterable[str]) -> tuple[list[list[str]], list[str]]:
    """The texts of a table, and why it is not read as it stands.

    Parameters
    ----------
    table : Node
    notes : iterable of str
        Its footnotes, from `note`: a raised number that begins one is its mark.

    Returns
    -------
    (list of list of str, list of str)
        Rows equally long, cells with their line breaks: words of a cell over several columns or
        rows stand in each of them, a number in the first, or `OVER` where the header has several
        columns there; faults.
    """
    marks = {text.split()[0] for text in notes if text}
    rows, starts = _rows(table)
    labels = _of_labels(starts)
    texts: dict[tuple[int, int], str] = {}
    faults: list[str] = []
    for (at, column), (cell, down, right) in starts.items():
        whole = _text(cell, marks)
        text = _line(whole)
        faults += _faults(cell, text)
        number = is_numbers(text) and at and not any(one.tag == "thead" for one in cell.around())
        if number and column + right > labels and _is_of_several(at, column, right, starts):
            said = _ONE.fullmatch(text) or lies_between(texts.get((at, 0), ""))
            whole = whole if said else OVER
        for row in range(at, at + down):
            for place in range(column, column + right):
                first = row == at and place == column
                texts[row, place] = whole if first or not number else ""
    width = max((place for _, place in texts), default=-1) + 1
    faults += _of_page(table, starts)
    made = {at: "\n".join(map(_line, text.split(_BREAK))) for at, text in texts.items()}
    return [[made.get((at, place), "") for place in range(width)] for at in range(rows)], faults


def _of_labels(starts: Mapping[tuple[int, int], tuple[Node, int, int]]) -> int:
    """How many columns hold the labels: those that a label beside other cells stands over."""
    beside = {at for at, column in starts if column}
    return max(
        (right for (at, c), (_, _, right) in starts.items() if not c and at in beside), default=1
    )


def _is_of_several(
    at: int, column: int, right: int, starts: Mapping[tuple[int, int], tuple[Node, int, int]]
) -> bool:
    """Whether a cell stands over several columns, and none above it over the same ones."""
    above = (starts.get((row, column)) for row in range(at))
    return right > 1 and not any(found and found[2] == right for found in above)


def _rows(table: Node) -> tuple[int, dict[tuple[int, int], tuple[Node, int, int]]]:
    """How many rows a table has, and by row and column the cells that begin there, with spans.

    No cell goes on beyond the head, the body or the foot of its table that it stands in.
    """
    rows = _in_order(table)
    parts = [_around(row, _PARTS) for row in rows]
    of_article = _around(table, ("table-wrap",)) is not None  # There 0 stands for nothing.
    taken: set[tuple[int, int]] = set()
    starts: dict[tuple[int, int], tuple[Node, int, int]] = {}
    for at, row in enumerate(rows):
        column = 0
        own = next(
            (n for n, part in enumerate(parts[at:]) if part is not parts[at]), len(rows) - at
        )
        for cell in row.of("td", "th"):
            while (at, column) in taken:
                column += 1
            if column >= _WIDEST:
                break
            down = min(_span(cell, "rowspan", 1 if of_article else own), own)
            right = min(_span(cell, "colspan", 1), _WIDEST - column)
            starts[at, column] = (cell, down, right)
            taken |= {(at + i, column + j) for i in range(down) for j in range(right)}
    return len(rows), starts


def _in_order(table: Node) -> list[Node]:
    """The rows of a table as a page shows them: those of its foot last."""
    rows = list(table.of("tr"))[:_MOST]
    foot = [row for row in rows if any(one.tag == "tfoot" for one in row.around())]
    return [row for row in rows if row not in foot] + foot


def _span(cell: Node, name: str, nought: int) -> int:
    """Over how many rows or columns a cell stands, where it says 0 `nought`."""
    said = re.match(r"\s*(\d{1,6})", cell.attributes.get(name, ""))
    return int(said[1]) or nought if said else 1


def _text(cell: Node, marks: set[str]) -> str:
    """The text of a cell, its marks of footnotes as letters or digits that are raised."""
    parts = []
    for raised, group in itertools.groupby(runs_of(cell, _BREAK), key=lambda run: run.raised):
        runs = list(group)
        text = "".join(run.text for run in runs)
        linked = any(run.linked for run in runs) or _as_mark(text) in marks
        parts.append((_as_mark(text) if raised and linked else text, raised))
    return without_marks(parts)


def _line(text: str) -> str:
    """The text of a cell in one line."""
    return " ".join(text.replace(_BREAK, " ").split())


def _as_mark(text: str) -> str:
    """The mark of a footnote, its letters and digits as raised ones.

    >>> _as_mark("a"), _as_mark("1, 2"), _as_mark("*")
    ('ᵃ', '¹²', '*')
    """
    made = re.sub(r"[\s,]", "", text).casefold()
    return as_mark(made) or made.translate(_TO_DIGITS)


def _of_page(table: Node, starts: Mapping[tuple[int, int], tuple[Node, int, int]]) -> Iterator[str]:
    """What a page hides of a table, or sets into one of its cells."""
    if any(True for _ in table.of("table")):
        yield "A cell holds a table: write its numbers into the cell, as rows of their own."
    texts: dict[int, str] = {}
    for (_, at), (cell, _, _) in starts.items():
        texts[at] = texts.get(at) or line(runs_of(cell))
    for at in _hidden_columns(table):
        if told := texts.get(at):
            yield f"Column {at + 1} ({told!r}) is hidden: delete it, or show it, and save again."


def _hidden_columns(table: Node) -> list[int]:
    """The columns that a table hides as a whole, not cell by cell."""
    own = [one for one in table.children if isinstance(one, Node)]
    parts = [[one, *(c for c in one.children if isinstance(c, Node))] for one in own]
    columns: list[bool] = []
    for one in itertools.chain(*parts):
        if one.tag == "col":
            columns += [not is_shown(one)] * min(_span(one, "span", 1), _WIDEST)
    cells = (c for row in table.of("tr") for c in row.children if isinstance(c, Node))
    apart = all(is_shown(cell) for cell in cells)
    return [at for at, hidden in enumerate(columns) if hidden and apart]


def _faults(cell: Node, text: str) -> Iterator[str]:
    if any(one for one in cell.of(*_STRUCK) if line(runs_of(one))):
        yield f"{text!r} is struck through."
    pictures = list(cell.of(*_PICTURES))
    if any(not sign_of(one) for one in pictures) and re.search(r"\d", text):
        yield f"{text!r} stands beside a picture, which may be a sign or a number of it."
