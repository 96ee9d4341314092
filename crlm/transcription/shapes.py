"""Rows of a paste whose columns do not stand below each other: placed by what their cells hold."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from crlm.ledger import LedgerError

_NUMBER = re.compile(r"\d[\d,]*(?:[.·]\d+)?")
_P = re.compile(r"p([ -]?values?)?\.?", re.IGNORECASE)
#: So many columns at most are tried in all ways.
_MOST = 12


def shape_of(text: str) -> str:
    """What a cell looks like, whatever its numbers: "1.02 (0.69–1.52)" is "#(#-#)".

    A number below 1 by itself is "p", a whole one "n"; words have no shape.

    Examples
    --------
    >>> [shape_of(text) for text in ("63", "39 (61.9)", "<0.001", "27.8 ± 5.5", "Reference")]
    ['n', '#(#)', 'p', '#±#', '']
    """
    bare = re.sub(r"\s+", "", re.sub(r"[–—−~]|\bto\b", "-", text))
    if re.fullmatch(r"[<>≤≥=]*[01]?[.·]\d+", bare):
        return "p"
    if re.fullmatch(r"\d[\d,]*", bare):
        return "n"
    made = _NUMBER.sub("#", bare)
    return re.sub(r"[<>≤≥=%]|NR|NA|NE", "", made) if "#" in made else ""


def placed(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Rows of which some lack cells, each in the columns that hold what its cells do.

    Parameters
    ----------
    rows : sequence of sequence of str
        As they were parted; the header, or another, has a cell in each column.

    Returns
    -------
    list of list of str
        A row whose cells are like those of the first columns keeps them there.

    Raises
    ------
    LedgerError
        If a row's cells could stand in several columns, or in none.

    Examples
    --------
    >>> whole = [["", "n", "HR", "P"], ["A", "12", "1.1 (0.9-1.4)", "0.2"]]
    >>> placed([*whole, ["Sex", "0.03"]])[-1]
    ['Sex', '', '', '0.03']
    """
    width = max(map(len, rows), default=0)
    head = next((at for at, row in enumerate(rows) if len(row) > 1), 0)
    body = [row for row in rows[head + 1 :] if len(row) > 1]
    usual = [row for row in body if len(row) == max(map(len, body))]
    kinds = [{shape_of(row[at]) for row in usual if at < len(row)} - {""} for at in range(width)]
    made = [list(row) for row in rows]
    lower = rows[head + 1] if head + 1 < len(rows) else []
    again = [at for at, text in enumerate(lower) if at and text == lower[1]]
    if len(lower) == width and len(again) == len(rows[head]) > 1:  # A storey above heads.
        made[head] = [""] * width
        for at, text in zip(again, rows[head], strict=True):
            made[head][at] = text
    if len(rows[head]) == width - 1 and _P.fullmatch(rows[head][-1]) and kinds[-1] == {"p"}:
        made[head] = ["", *rows[head]]  # The corner of the table is blank.
    return [_row(row, width, kinds) for row in made]


def _row(row: Sequence[str], width: int, kinds: Sequence[set[str]]) -> list[str]:
    if len(row) in (0, 1, width):
        return [*row, *[""] * (width - len(row))]
    shapes = [shape_of(text) for text in row[1:]]
    if _fits(shapes, range(1, len(row)), kinds):
        return [*row, *[""] * (width - len(row))]
    tried = itertools.combinations(range(1, width), len(shapes)) if width <= _MOST else ()
    found = [columns for columns in tried if _fits(shapes, columns, kinds)]
    if len(found) != 1:
        raise LedgerError(
            f"The columns do not stand below each other, and of the row {' | '.join(row)!r} it "
            "cannot be told which are its columns. Put tabs or bars between the columns."
        )
    made = [row[0], *[""] * (width - 1)]
    for at, text in zip(found[0], row[1:], strict=True):
        made[at] = text
    return made


def _fits(shapes: Sequence[str], columns: Sequence[int], kinds: Sequence[set[str]]) -> bool:
    """Whether cells are like those of these columns; a count goes with counts and per cent."""
    return all(
        not shape or not kinds[at] or shape in kinds[at] or (shape == "n" and "#(#)" in kinds[at])
        for shape, at in zip(shapes, columns, strict=True)
    )
