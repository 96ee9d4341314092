"""Labels that go on in the next row, as a page sets a long one in two lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crlm.transcription.cells import Placed
from crlm.transcription.wordings import unmarked

#: How a label ends that is not at its end.
_OPEN = re.compile(
    r"(?:\b(?:to|of|for|and|or|in|with|at|the|from|by|before|after|between|than|per|on)|,)$",
    re.IGNORECASE,
)
#: What stands in brackets alone and is the end of a label; "(continued)" is none.
_BRACKETS = re.compile(r"[\[(](?!cont)[^()\[\]]+[\])].*", re.IGNORECASE)


def is_end(label: str) -> bool:
    """Whether a cell of labels holds brackets alone, which belong to the label above it.

    Examples
    --------
    >>> is_end("(N = 1244)"), is_end("(continued)"), is_end("Age (years)")
    (True, False, False)
    """
    return bool(_BRACKETS.fullmatch(label))


def joined(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table whose labels stand in one row each, that of their numbers.

    Joined is a row without numbers to the one with numbers above it where that ends as no label
    does, or has an open bracket, and the next begins small; or where it is brackets alone.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.

    Examples
    --------
    >>> joined([["", "A"], ["Time from operation to", "27 (14, 77)"], ["start (days)", ""]])[1:]
    [['Time from operation to start (days)', '27 (14, 77)']]
    """
    made = [list(row) for row in rows[:1]]
    for row in rows[1:]:
        above = made[-1]
        if len(made) > 1 and any(above[1:]) and not any(row[1:]) and _goes_on(above[0], row[0]):
            above[0] = behind(above[0], row[0])
        else:
            made.append(list(row))
    return made


def behind(label: str, end: str) -> str:
    """A label with its end, in the row of its beginning."""
    whole = f"{label} {end}"
    return Placed(whole, label.row) if isinstance(label, Placed) else whole


def _goes_on(label: str, end: str) -> bool:
    bare = unmarked(label)
    cut = bool(_OPEN.search(bare)) or label.count("(") > label.count(")")
    return is_end(end) or (cut and end[:1].islower())
