"""The cells of one table of a page, spans spread, raised marks of footnotes told from numbers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from crlm.transcription.markup import Node, Run, line, runs_of, sign_of
from crlm.transcription.raised import raised as as_mark
from crlm.transcription.unseen import is_numbers, lies_between, without_marks

_WIDEST, _MOST = 60, 2000
#: What stands for a number of which nobody can tell whose it is: no table takes it for one.
OVER = "(a number over several columns)"
_TO_DIGITS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_ONE = re.compile(r"1(?:[.·]0+)?")
_STRUCK = ("s", "strike", "del")
_PICTURES = ("img", "graphic", "inline-graphic", "svg")


def holds_numbers(table: Node) -> bool:
    """Whether a table has rows, columns and a number: one that only places text has not."""
    rows = [list(row.of("td", "th")) for row in table.of("tr")]
    numbers = any(re.search(r"\d", line(runs_of(cell))) for row in rows for cell in row)
    return numbers and len(rows) > 1 and max(map(len, rows)) > 1


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
        Rows equally long: words of a cell over several columns or rows stand in each of them, a
        number in the first, or `OVER` where the header has several columns there; faults.
    """
    marks = {text.split()[0] for text in notes if text}
    rows, starts = _rows(table)
    labels = _of_labels(starts)
    texts: dict[tuple[int, int], str] = {}
    faults: list[str] = []
    for (at, column), (cell, down, right) in starts.items():
        text = _text(cell, marks)
        faults += _faults(cell, text)
        number = is_numbers(text) and at and not any(one.tag == "thead" for one in cell.around())
        if number and column + right > labels and _is_of_several(at, column, right, starts):
            said = _ONE.fullmatch(text) or lies_between(texts.get((at, 0), ""))
            text = text if said else OVER
        for row in range(at, at + down):
            for place in range(column, column + right):
                first = row == at and place == column
                texts[row, place] = text if first or not number else ""
    width = max((place for _, place in texts), default=-1) + 1
    return [[texts.get((at, place), "") for place in range(width)] for at in range(rows)], faults


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
    """How many rows a table has, and by row and column the cells that begin there, with spans."""
    rows = _in_order(table)
    taken: set[tuple[int, int]] = set()
    starts: dict[tuple[int, int], tuple[Node, int, int]] = {}
    for at, row in enumerate(rows):
        column = 0
        for cell in row.of("td", "th"):
            while (at, column) in taken:
                column += 1
            if column >= _WIDEST:
                break
            down = min(_span(cell, "rowspan"), len(rows) - at)
            right = min(_span(cell, "colspan"), _WIDEST - column)
            starts[at, column] = (cell, down, right)
            taken |= {(at + i, column + j) for i in range(down) for j in range(right)}
    return len(rows), starts


def _in_order(table: Node) -> list[Node]:
    """The rows of a table as a page shows them: those of its foot last."""
    rows = list(table.of("tr"))[:_MOST]
    foot = [row for row in rows if any(one.tag == "tfoot" for one in row.around())]
    return [row for row in rows if row not in foot] + foot


def _span(cell: Node, name: str) -> int:
    text = cell.attributes.get(name, "").strip()
    return max(int(text), 1) if re.fullmatch(r"\d{1,6}", text) else 1


def _text(cell: Node, marks: set[str]) -> str:
    """The text of a cell, its marks of footnotes as letters or digits that are raised."""
    parts = []
    for raised, group in itertools.groupby(runs_of(cell), key=lambda run: run.raised):
        runs = list(group)
        text = "".join(run.text for run in runs)
        linked = any(run.linked for run in runs) or _as_mark(text) in marks
        parts.append((_as_mark(text) if raised and linked else text, raised))
    return " ".join(without_marks(parts).split())


def _as_mark(text: str) -> str:
    """The mark of a footnote, its letters and digits as raised ones.

    >>> _as_mark("a"), _as_mark("1, 2"), _as_mark("*")
    ('ᵃ', '¹²', '*')
    """
    made = re.sub(r"[\s,]", "", text).casefold()
    return as_mark(made) or made.translate(_TO_DIGITS)


def _faults(cell: Node, text: str) -> Iterator[str]:
    if any(one for one in cell.of(*_STRUCK) if line(runs_of(one))):
        yield f"{text!r} is struck through."
    pictures = list(cell.of(*_PICTURES))
    if any(not sign_of(one) for one in pictures) and re.search(r"\d", text):
        yield f"{text!r} stands beside a picture, which may be a sign or a number of it."
