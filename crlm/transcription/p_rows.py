"""Rows "p value" below the levels of a characteristic, as cells beside its heading."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from crlm.ledger import Design
from crlm.transcription import meanings
from crlm.transcription.cells import p_cell
from crlm.transcription.labels import Labels
from crlm.transcription.wordings import plain

_LABEL = re.compile(r"p([ -]?values?)?")
_HEAD = "P"


def lifted(
    rows: Sequence[Sequence[str]], design: Design, named: Mapping[str, str]
) -> list[list[str]]:
    """A table whose rows of one p stand beside the heading, or the one row, that they are below.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header. A table with a row of p that stands below neither, or below
        another characteristic than the heading's, or that has several numbers, comes back as it is.
    design : Design
    named : mapping of str to str
        Answers to questions.

    Examples
    --------
    >>> from crlm import ledger
    >>> design = ledger.load_design("mskcc_hai")
    >>> table = [["", "A", "B"], ["Sex", "", ""], ["Men", "5", "6"], ["p value", "0.3", ""]]
    >>> lifted(table, design, {})
    [['', 'A', 'B', 'P'], ['Sex', '', '', '0.3'], ['Men', '5', '6', '']]
    >>> lifted([["", "A"], ["Men", "5"], ["Women", "6"], ["P", "0.3"]], design, {})[-1]
    ['P', '0.3']
    """
    table = [list(row) for row in rows]
    own = [at for at, row in enumerate(table) if at and _is_of_p(row)]
    if not own or any(plain(table[at][0]) in map(plain, named) for at in own):
        return table
    labels = Labels(design, list(design.columns), named)
    column = next((at for at, head in enumerate(table[0]) if at and _is_p(head)), len(table[0]))
    made = table if column < len(table[0]) else [[*row, ""] for row in table]
    made[0][column] = made[0][column] or _HEAD
    first = 1
    for at in own:
        block = [above for above in range(first, at) if any(table[above][1:])]
        heads = [above for above in range(first, at) if not any(table[above][1:])]
        to = heads[-1] if heads else block[0] if len(block) == 1 else 0
        levels = all(_is_level(table[row][0], table[to][0], labels) for row in block if row > to)
        if not to or not block or block[-1] < to or made[to][column] or not levels:
            return table
        made[to] = [*made[to]]
        made[to][column] = next(filter(None, table[at][1:]))
        first = at + 1
    return [row for at, row in enumerate(made) if at not in own]


def _is_p(label: str) -> bool:
    return bool(_LABEL.fullmatch(plain(label)))


def _is_level(text: str, heading: str, labels: Labels) -> bool:
    found, above = labels.read(text, heading), labels.read(heading)
    same = labels.design.source(found.column) == labels.design.source(above.column)
    return bool(found.level and same) or meanings.is_unknown(text)


def _is_of_p(row: Sequence[str]) -> bool:
    """Whether a row is a p value alone, which merged cells may repeat."""
    texts = {text for text in row[1:] if text}
    return _is_p(row[0]) and len(texts) == 1 and p_cell(next(iter(texts))).kind == "single"
