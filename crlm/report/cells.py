"""What a cell of a table shows of a row: the estimate, or a dash with the reason below."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from crlm.ledger import Design
from crlm.numbers import NOTHING, interval, number
from crlm.report.html import Footnotes

_Row = Mapping[str, Any]


def shown(row: _Row | None, marks: Footnotes, *, signed: bool = False) -> str:
    """The estimate with limits; a dash and a footnote where there is none; no row, no text.

    The first words of a method say why there is none; what follows is how it was asked.

    Parameters
    ----------
    row : mapping or None
        A result row.
    marks : Footnotes
        Of the table that the cell stands in.
    signed : bool
        A difference: its sign stands before it, plus too.
    """
    if row is None:
        return ""
    if not math.isfinite(row["estimate"]):
        reason = str(row["method"]).split("; ")[0]
        return NOTHING + marks.mark(reason[:1].upper() + reason[1:])
    text = interval(row)
    return f"+{text}" if signed and row["estimate"] > 0 else text


#: The head of a column of `events_of`.
EVENTS = "Events of patients"
_SIDES = ("endpoint", "population", "covariate", "model")


def events_of(row: _Row, rows: Sequence[_Row], design: Design) -> str:
    """Events and patients behind a ratio: of both its sides, where the reference has a row.

    Parameters
    ----------
    row : mapping
        A ratio.
    rows : sequence of mapping
        Those that it was computed with.

    Returns
    -------
    str
        "no HAI 92 of 183; HAI 83 of 235", or "15 of 328" of all together.
    """
    reference = references_of(row, rows)
    told = [f"{number(one['events'], 0)} of {number(one['n'], 0)}" for one in (*reference, row)]
    if not reference:
        return told[0]
    names = [design.group_label(f"{one['covariate']}={one['level']}") for one in (*reference, row)]
    return "; ".join(f"{name} {counts}" for name, counts in zip(names, told, strict=True))


def references_of(row: _Row, rows: Sequence[_Row]) -> list[_Row]:
    """The rows of the reference level that a ratio is against; none where it has none."""
    same = [one for one in rows if all(one[key] == row[key] for key in _SIDES)]
    return [one for one in same if one["statistic"] == "reference"]
