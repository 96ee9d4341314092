"""Labels in two columns, a characteristic and its level beside it, as rows below a heading."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from crlm.transcription.cells import Placed
from crlm.transcription.continued import behind, is_end
from crlm.transcription.labels import compares
from crlm.transcription.summaries import is_summary

#: Heads of a column of levels; finalfit leaves it without one.
_LEVELS = {"level", "levels", "category", "categories", "subgroup", "group", "value", "class"}
#: The last words of such a head: "Response subgroup".
_PARTS = {"subgroup", "subgroups", "group", "groups", "level", "levels"}
_OWN = {"level", "levels", "category", "categories"}
#: Heads of the column of characteristics beside it, where a third sorts these.
_NAMES = {
    *("characteristic", "characteristics", "factor", "factors", "variable", "variables"),
    *("parameter", "parameters", "covariate", "covariates", "item", "items"),
}
#: A word, a side of a cut-off, a band.
_LEVEL = re.compile(r"[^\W\d]|[<>≤≥]|\d[\d.]*\s*[-–]\s*\d[\d.]*$")
_DEPENDENT = re.compile(r"^dependent:", re.IGNORECASE)
#: What stands for a number in the column of levels: "[18.0,85.0]".
_ENDS = re.compile(r"^[\[(]\s*-?[\d.]+\s*,\s*-?[\d.]+\s*[\])]$")


def merged(rows: Sequence[Sequence[str]], statistics: bool) -> list[list[str]]:
    """A table whose labels stand in one column.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.
    statistics : bool
        Whether "Mean (SD)" in the column of levels says what the row holds; else it is dropped.

    Returns
    -------
    list of list of str
        A characteristic with levels is a heading above them, its p beside the first; one with a
        statistic is one row. A column that numbers the rows, as R writes it, is gone.

    Examples
    --------
    >>> merged([["label", "levels", "HAI"], ["Sex", "Male", "5"], ["", "Female", "9"]], True)
    [['label', 'HAI'], ['Sex', ''], ['Male', '5'], ['Female', '9']]
    >>> rows = [["Of", "Level", "HR"], ["All", "OS", "1"], ["(N = 9)", "RFS", "2"]]
    >>> merged(rows, False)[1:]
    [['All (N = 9)', ''], ['OS', '1'], ['RFS', '2']]
    >>> merged([["Of", "Factor", "Level", "HR"], ["Tumour", "Grade", "I", "1"]], False)
    [['Factor', 'HR'], ['Grade', ''], ['I', '1']]
    """
    table = _ended(_compared(indented(_unsorted(_unnumbered([list(row) for row in rows])))))
    if not _has_levels(table):
        return table
    made, above = [[table[0][0], *table[0][2:]]], ""
    for label, level, *cells in table[1:]:
        again = not label or label == above
        if level and (_is_statistic(level) or _ENDS.match(level)):
            stated = statistics and not _ENDS.match(level)
            named = f"{label or above}, {level}" if stated else label
            made.append([named or level, *cells])
        elif level:
            if not again:
                made.append([label, *[""] * len(cells)])
            made.append([level, *cells])
        else:
            made.append([label, *cells])
        above = label or above
    return made


def indented(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table whose labels are set in by empty columns, with its labels in one column.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header, which says nothing of these columns; each row has one label.

    Examples
    --------
    >>> indented([["", "", "HAI"], ["WHO status", "", ""], ["", "0", "136 (75%)"]])
    [['', 'HAI'], ['WHO status', ''], ['0', '136 (75%)']]
    >>> indented([["Factor", "Factor", "HAI"], ["Sex", "Sex", ""], ["", "Male", "5"]])[2]
    ['Male', '5']
    """
    blank = ("", rows[0][0])  # Merged cells of a page hold their text in each.
    many = 1 + len(list(itertools.takewhile(lambda head: head in blank, rows[0][1:])))
    while many > 1 and not all(len({*filter(None, row[:many])}) < 2 for row in rows[1:]):
        many -= 1
    deeper = [row for row in rows[1:] if not row[0] and any(row[1:many])]
    above = [row for row in rows[1:] if row[0]]
    if len(rows[0]) <= many or not (deeper and above):
        return [list(row) for row in rows]
    return [[next(filter(None, row[:many]), ""), *row[many:]] for row in rows]


def _ended(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table whose labels beside levels stand in one row each: "(N = 9)" behind "All" above it."""
    made, at = [list(row) for row in rows], 0
    for number, row in enumerate(made[1:], 1):
        if at and is_end(row[0]) and re.match(r"[^\W\d]", row[1]):
            made[at][0], row[0] = behind(made[at][0], row[0]), ""
        at = number if row[0] else at
    return made


def _compared(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table whose second column says what a ratio compares, with that behind the label."""
    stated = [row[1] for row in rows if len(row) > 2 and compares(row[1])]
    others = {row[1] for row in rows if len(row) > 2} - {"", rows[0][1], *stated}
    if len(stated) < 2 or others or any(compares(row[0]) for row in rows):
        return [list(row) for row in rows]
    made, above = [], ""
    for label, against, *cells in rows:
        above = label or above
        held = f"{above} ({against})" if compares(against) else label
        made.append([Placed(held, label.row) if isinstance(label, Placed) else held, *cells])
    return made


def _is_statistic(level: str) -> bool:
    """Whether a cell names a statistic; "No" beside a characteristic is its level."""
    return is_summary(level, "") and level.strip().casefold() != "no"


def _unnumbered(rows: list[list[str]]) -> list[list[str]]:
    """The table without a first column that numbers its rows."""
    head = rows[0]
    labels = len(head) > 2 and (head[1].casefold() == "label" or _DEPENDENT.match(head[1]))
    numbers = [row[0] for row in rows[1:]]
    if labels and not head[0] and all(re.fullmatch(r"\d+", text) for text in numbers):
        return [row[1:] for row in rows]
    return rows


def _unsorted(rows: list[list[str]]) -> list[list[str]]:
    """The table without a first column that sorts characteristics: "Tumour", "Grade", "III"."""
    if len(rows[0]) < 4:
        return rows
    name, level = (head.strip().casefold() for head in rows[0][1:3])
    if name not in _NAMES or level not in _LEVELS or rows[0][0].casefold() == name:
        return rows
    return [row[1:] if row[1] or row[2] else [row[0], *row[2:]] for row in rows]


def _has_levels(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the second column holds levels: its head says so, or all of its cells are words."""
    if len(rows[0]) < 3:
        return False
    corner, head = rows[0][0], rows[0][1].strip().casefold()
    stated = [row[1] for row in rows[1:] if row[1]]
    if not stated or (head and head not in _LEVELS and head.split()[-1] not in _PARTS):
        return False
    if head in _OWN or (not head and _DEPENDENT.match(corner)):
        return True
    below = any(not row[0] and row[1] for row in rows[1:])
    words = any(re.search(r"[^\W\d_]{2}", text) for text in stated)
    return below and words and all(_LEVEL.match(text) for text in stated)
