"""What a cell of a table shows of a row: the estimate, or a dash with the reason below."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from crlm.numbers import NOTHING, interval
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
