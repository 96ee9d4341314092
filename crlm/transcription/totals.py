"""Rows of sums below the levels of Table 1: "Total", which is no level."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from crlm.transcription import everybody, meanings, sizes
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import cell, printed, row_of
from crlm.transcription.table import Table
from crlm.transcription.wordings import plain

_SUM = re.compile(r"(?:sub-?\s?|grand )?(?:total|sum)s?(?: n| number)?", re.IGNORECASE)


def without(table: Table, rows: Sequence[Sequence[str]], groups: Sequence[int]) -> list[list[str]]:
    """A table less its rows of sums, which it tells; false ones it asks."""
    kept, told, asked = apart(rows, groups, lambda label: bool(table.labels.answered(label)))
    table.made.taken += told
    table.made.questions += asked
    return kept


def without_sizes(
    table: Table, rows: Sequence[Sequence[str]], groups: Mapping[int, str]
) -> Sequence[Sequence[str]]:
    """A table less a last row "Total" of its groups' sizes, where none is known: told."""
    found = {} if table.sizes else at_the_foot(rows, [*groups])
    if not found:
        return rows
    last = max(n for n, row in enumerate(rows) if any(row[1:]))
    for at, text in found.items():
        keys = {"group": groups[at], "statistic": "n", "unit": "patients"}
        table.sizes[groups[at]] = printed(text).value
        table.claim(printed(text), f"{table.place}, {rows[last][0]}, {groups[at]}", **keys)
    table.labels.taken[rows[last][0]] = "the sizes of the groups"
    return [*rows[:last], *rows[last + 1 :]]


def apart(
    rows: Sequence[Sequence[str]], groups: Sequence[int], named: Callable[[str], bool]
) -> tuple[list[list[str]], list[str], list[str]]:
    """A table less its rows of sums; what is told of them, and what is asked of false ones.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.
    groups : sequence of int
        The columns that are groups.
    named : callable
        Whether the reader says what a label is.

    Returns
    -------
    (list of list of str, list of str, list of str)
        A row of sums has in each group the sum of the counts above it, up to the heading or to
        another such row, and no p; patients of unknown value may be among them or not. One whose
        numbers are others is asked, and stays in no table either.

    Examples
    --------
    >>> rows = [["", "A"], ["Sex", ""], ["M", "3"], ["F", "4"], ["Total", "7"]]
    >>> apart(rows, [1], lambda label: False)[1]
    ["'Total' below 'Sex' as the sum of its levels"]
    """
    kept, told, asked = [list(rows[0])], list[str](), list[str]()
    heading, above = "", list[Sequence[str]]()
    for number, row in enumerate(rows[1:], 2):
        counts = [cell(row[at]) for at in groups]
        beside = any(text for at, text in enumerate(row) if at and at not in groups)
        summed = _is_sum(row[0]) and not named(row[0]) and len(above) > 1 and not beside
        if summed and any(one.parts for one in counts):
            wrong = list(_wrong(row, above, groups, rows[0]))
            if wrong:
                remedy = f"correct a cell, or leave it out with {to_ask(row[0], '-')}"
                asked.append(f"{row_of(row, number)}: {row[0]!r} is no sum: {wrong[0]}; {remedy}.")
            else:
                told.append(f"{row[0]!r} below {heading!r} as the sum of its levels")
            above = []
            continue
        if not any(one.parts for one in counts):
            heading, above = row[0], []
        else:
            above.append(row)
        kept.append(list(row))
    return kept, told, asked


def at_the_foot(rows: Sequence[Sequence[str]], groups: Sequence[int]) -> dict[int, str]:
    """The sizes of the groups by column, where the last row of numbers is of sums that may be such.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.
    groups : sequence of int
        The columns that are groups.

    Returns
    -------
    dict of int to str
        Empty where a count above is larger, where the percentages above are of other patients, or
        where no row has any and the sums are not of the whole table.

    Examples
    --------
    >>> rows = [["", "A"], ["Sex", ""], ["M", "3 (43)"], ["F", "4 (57)"], ["Total", "7"]]
    >>> at_the_foot(rows, [1]), at_the_foot([*rows[:-1], ["Total", "6"]], [1])
    ({1: '7'}, {})
    """
    last = max((n for n, row in enumerate(rows) if any(row[1:])), default=0)
    above = list(itertools.takewhile(lambda row: any(row[1:]), reversed(rows[1:last])))
    own = {at: cell(rows[last][at]) for at in groups}
    plainly = all(one.kind == "single" and not one.parts[0].decimals for one in own.values())
    if not last or not _is_sum(rows[last][0]) or len(above) < 2 or not plainly:
        return {}
    if list(_wrong(rows[last], above, groups, rows[0])):
        return {}
    texts = {at: [row[at] for row in rows[1:last]] for at in groups}
    shared = any(cell(text).kind == "count" for column in texts.values() for text in column)
    whole = not shared and sum(not any(row[1:]) for row in rows[1:last]) < 2
    fit = whole or all(sizes.fits(one.parts[0].value, texts[at]) for at, one in own.items())
    return {at: one.parts[0].text for at, one in own.items()} if fit else {}


def _is_sum(label: str) -> bool:
    return bool(_SUM.fullmatch(plain(label))) or everybody.are_all(label)


def _wrong(
    row: Sequence[str],
    above: Sequence[Sequence[str]],
    groups: Sequence[int],
    heads: Sequence[str],
) -> Iterator[str]:
    """Where a row has not the sum of the counts above it, a group each."""
    for at in groups:
        own = cell(row[at]).parts
        every, known = _count(above, at), _count([one for one in above if _is_known(one)], at)
        if own and own[0].value not in (every, known):
            yield f"{row[at]!r} in {heads[at]!r}, and the rows above it add up to {every:g}"


def _is_known(row: Sequence[str]) -> bool:
    return not meanings.is_unknown(row[0])


def _count(rows: Sequence[Sequence[str]], at: int) -> float:
    stated = [cell(row[at]) for row in rows]
    return sum(one.parts[0].value for one in stated if one.kind in ("count", "single", "over"))
