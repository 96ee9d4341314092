"""A column of a regression table that names each row's reference level, as words of the labels."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from crlm.transcription.cells import EMPTY, REFERENCE, Placed
from crlm.transcription.labels import compares

_HEAD = re.compile(
    r"(?:ref(?:erence|erent)?s?|comparators?|baseline)\.?"
    r"(?: (?:cat(?:egory|egories)?|groups?|levels?|class)\.?)?",
    re.IGNORECASE,
)


def written(rows: Sequence[Sequence[str]], answered: Collection[str]) -> list[list[str]]:
    """A table whose column of reference levels stands in its labels and in rows of its own.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.
    answered : collection of str
        Heads that the reader has spoken of: such a column stays.

    Returns
    -------
    list of list of str
        Beside a ratio a label is "Male vs Female"; below a heading the level is a row of its own,
        marked as the reference. A column with other than words stays as it is.

    Examples
    --------
    >>> written([["", "Reference", "HR"], ["Male", "Female", "1.3"]], [])
    [['', 'HR'], ['Male vs Female', '1.3']]
    >>> written([["", "Ref.", "HR"], ["RAS", "Wild", ""], ["Mutant", "", "2"]], [])[1:3]
    [['RAS', ''], ['Wild', 'reference']]
    """
    table = [list(row) for row in rows]
    found = [at for at, head in enumerate(table[0]) if at and _HEAD.fullmatch(head.strip())]
    stated = {row[at] for at in found for row in table[1:]} - {""}
    marks = any(REFERENCE.match(text) or re.fullmatch(r"[\d.,\s]+", text) for text in stated)
    if (
        len(found) != 1
        or len(table[0]) < 3
        or not stated
        or marks
        or table[0][found[0]] in answered
    ):
        return table
    at = found[0]
    made = []
    for row in table:
        label, level, cells = row[0], row[at], row[1:at] + row[at + 1 :]
        bare = row is table[0] or level.casefold().strip(" ()[]") in EMPTY or compares(label)
        if bare or not any(cells):
            made.append([label, *cells])
        if not bare and any(cells):
            told = f"{label} vs {level}"
            made.append([Placed(told, label.row) if isinstance(label, Placed) else told, *cells])
        elif not bare:
            made.append([level, *["reference"] * len(cells)])
    return made
