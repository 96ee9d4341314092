"""Rows that a table has set into the lines of one row: "Male", "Female" beside "34", "21"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crlm.transcription.cells import Placed

#: A line that is a cell of its own: a number, with what stands behind it; or nothing.
_WHOLE = re.compile(
    r"[<>≤≥=~−–-]?\s*(?:\d|[.·]\d)(?![^(\[]*[)\]]).*|[-–—]|n\.?\s?[asr]\.?|ref.*", re.I
)
_PERCENT = re.compile(r"[\d.,·]+\s?%")
#: Limits, or ends, of the number above them.
_RANGE = re.compile(r"[\d.,·]+\s?%?\s*(?:[-–—]|to|,)\s*[\d.,·]+\s?%?")
#: A line that goes on with the one before it: a unit, a statistic, a word in small letters.
_GOES_ON = re.compile(r"[(\[/±,;:]|(?:and|or|of|in|at|with|per|to)\b")


def parted(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table in which each line of such a row is a row.

    Parameters
    ----------
    rows : sequence of sequence of str
        Cells with their line breaks.

    Returns
    -------
    list of list of str
        Of a row whose label has one line more than its numbers the first is a heading; a cell
        of one line, as a p, stands beside the first. Other rows come back as they are.

    Examples
    --------
    >>> parted([["Sex\\nMale\\nFemale", "34\\n21", "0.3"]])
    [['Sex', '', '0.3'], ['Male', '34', ''], ['Female', '21', '']]
    >>> parted([["Size\\n(mm)", "34\\n(10-50)"]])
    [['Size\\n(mm)', '34\\n(10-50)']]
    """
    made: list[list[str]] = []
    for row in rows:
        cells = [_lines(text) for text in row]
        many = _of_rows(cells)
        if not many:
            made.append(list(row))
            continue
        above = [""] * (len(cells[0]) - many)  # Beside a heading.
        columns = [
            _beside(row[0], text) or ([*above, *c] if len(c) == many else c)
            for text, c in zip(row[1:], cells[1:], strict=True)
        ]
        for at, label in enumerate(cells[0]):
            texts = [label, *(c[at] if at < len(c) else "" for c in columns)]
            own = [getattr(text, "row", 0) for text in row]
            made.append([Placed(t, n) if n else t for t, n in zip(texts, own, strict=True)])
    return made


def _beside(label: str, text: str) -> list[str]:
    """The lines of a cell each beside its own of the label, blank ones too; [] if they do not."""
    own, lines = ([" ".join(one.split()) for one in t.splitlines()] for t in (label, text))
    if "" not in lines or len(own) != len(lines):
        return []
    return [line for of, line in zip(own, lines, strict=True) if of]


def _of_rows(cells: Sequence[Sequence[str]]) -> int:
    """How many rows of numbers the lines of a row are; 0 where they are none."""
    if not cells or len(cells[0]) < 2 or any(map(_GOES_ON.match, cells[0][1:])):
        return 0
    several = [lines for lines in cells[1:] if len(lines) > 1]
    many = {len(lines) for lines in several}
    if len(many) != 1 or not many <= {len(cells[0]), len(cells[0]) - 1}:
        return 0
    whole = all(_WHOLE.fullmatch(line) for lines in several for line in lines)
    shares = all(_PERCENT.fullmatch(line) for lines in several for line in lines[1:])
    first = any(_RANGE.fullmatch(lines[0]) for lines in several)
    ends = not first and all(_RANGE.fullmatch(line) for lines in several for line in lines[1:])
    return many.pop() if whole and not shares and not ends else 0


def _lines(text: str) -> list[str]:
    return [line for part in text.splitlines() if (line := " ".join(part.split()))]
