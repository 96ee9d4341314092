"""A column of a regression table that names each row's reference level, as words of the labels."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from crlm.transcription.cells import EMPTY, REFERENCE, Placed, cell
from crlm.transcription.labels import SAYS_REFERENCE, compares
from crlm.transcription.model_columns import RATIOS, held

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


def named(rows: Sequence[Sequence[str]], answered: Collection[str]) -> list[list[str]]:
    """A table with the references of its column, and of its headings, in rows of their own."""
    return in_labels(written(rows, answered))


def in_labels(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table whose headings no longer say their reference: "Stage (ref: I)".

    Such a row is that of the reference, whose counts it has, below a heading; a label beside a
    ratio stays as it is.

    Examples
    --------
    >>> in_labels([["", "HR"], ["Sex (ref: male)", "1.3"], ["T (ref: 1)", ""], ["2", "2.1"]])[1:]
    [['Sex (ref: male)', '1.3'], ['T', ''], ['1', 'reference'], ['2', '2.1']]
    """
    texts = [[row[at] for row in rows[1:]] for at in range(len(rows[0]))]
    ratios = [at for at, head in enumerate(rows[0]) if at and held(head, texts[at]) in RATIOS]
    made = [list(rows[0])]
    for row in rows[1:]:
        found = SAYS_REFERENCE.fullmatch(row[0])
        if not found or not ratios or any(cell(row[at]).parts for at in ratios):
            made.append(list(row))
        else:
            own = ["reference" if at in ratios else text for at, text in enumerate(row)]
            made.append([_placed(row[0], found["of"]), *[""] * len(row[1:])])
            made.append([_placed(row[0], found["level"]), *own[1:]])
    return made


def _placed(label: str, text: str) -> str:
    return Placed(text, label.row) if isinstance(label, Placed) else text
