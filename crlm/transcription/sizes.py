"""Sizes of groups that no label calls so: plain numbers below the groups, "(366)" behind one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from crlm.transcription.cells import Placed, cell
from crlm.transcription.everybody import WHO
from crlm.transcription.table import SIZE

_WHO = rf"(?:{WHO}|women|men)"
_SHARE = r"(?:\s*[,;(\[]\s*[\d.]+\s*%?\s*[)\]]?)?"
#: A size by itself: "100", "(n = 100)", "No. = 100", "100 patients (50 %)".
_ALONE = re.compile(
    rf"[\[(]?\s*(?:n|no\.?)?\s*[=:]?\s*[\[(]?\s*(?P<n>\d[\d,]*)\s*[\])]?\s*{_WHO}?\s*[\])]?{_SHARE}",
    re.IGNORECASE,
)
#: And behind a group: "HAI (366)", "HAI [n 366]", "HAI (366 women), n (%)".
_BEHIND = re.compile(
    rf"(?<=\S)\s*[\[(]\s*(?:n\s*)?(?P<n>\d[\d,]*)(?:\s+{_WHO})?\s*[\])](?P<of>[,;]?\s*(?:n\s*)?"
    r"(?:[\[(]?%[\])]?)?)$",
    re.IGNORECASE,
)

#: So many of the percentages below a size are none of more patients.
_MOST = 0.75


def below_heads(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table whose first row of numbers, if it is of sizes and has no label, says so: "n = 100".

    No group is smaller than a count below its name.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header, or its upper storey.

    Examples
    --------
    >>> below_heads([["", "HAI", "P"], ["", "100", ""], ["Male", "40 (40)", ".5"]])[1]
    ['', 'n = 100', '']
    >>> below_heads([["", "HAI"], ["", "30"], ["Male", "40 (40)"]])[1]
    ['', '30']
    """
    table = [list(row) for row in rows]
    at = next((n for n, row in enumerate(table) if n and _has_digits(row)), 0)
    if not 0 < at < min(3, len(table) - 1) or table[at][0] not in ("", table[0][0]):
        return table
    stated = [n for n, text in enumerate(table[at]) if n and re.search(r"\d", text)]
    texts = {n: [row[n] for row in table[at + 1 :]] for n in stated}
    found = {n: _size(_ALONE.fullmatch(table[at][n].strip()), texts[n]) for n in stated}
    if all(found.values()):
        for n, size in found.items():
            if SIZE.search(table[at][n]):
                continue
            made, own = f"n = {size}", table[at][n]
            table[at][n] = Placed(made, own.row) if isinstance(own, Placed) else made
    return table


def _has_digits(row: Sequence[str]) -> bool:
    return any(re.search(r"\d", text) for text in row[1:])


def said(head: str, texts: Iterable[str]) -> str:
    """A head with the size of its group as such: "HAI (n = 366)" of "HAI (366)".

    Parameters
    ----------
    head : str
    texts : iterable of str
        The cells below it.

    Examples
    --------
    >>> said("HAI (366)", ["205 (56)"]), said("HAI (60)", ["205 (56)"])
    ('HAI (n = 366)', 'HAI (60)')
    """
    found = _BEHIND.search(head)
    size = _size(found, texts)
    return f"{head[: found.start()]} (n = {size}){found['of']}" if found and size else head


def fits(size: float, texts: Iterable[str]) -> bool:
    """Whether a number may be that of the patients of a group, by the cells of its column.

    No count is above it, and the percentages are of as many patients or fewer; false of no count.

    Examples
    --------
    >>> fits(366, ["205 (56)"]), fits(60, ["205 (56)"]), fits(366, ["61"])
    (True, False, False)
    """
    counts = [one.parts for one in map(cell, texts) if one.kind == "count"]
    if not counts or size <= 0 or max(n.value for n, _ in counts) > size:
        return False
    close = [share.value + 1 > 100 * n.value / size for n, share in counts]
    return sum(close) > _MOST * len(close)


def _size(found: re.Match[str] | None, texts: Iterable[str]) -> str:
    """The number of a match that may be the size above these cells; "" where it cannot."""
    size = float(found["n"].replace(",", "")) if found else 0.0
    return found["n"] if found and fits(size, texts) else ""
