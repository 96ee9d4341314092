"""Rows of Table 1 that tell how long the patients of each group were followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crlm.transcription.asking import to_ask
from crlm.transcription.cells import Cell, cell, row_of
from crlm.transcription.rate_columns import rated
from crlm.transcription.table import Table, comma

_OWN = "median_follow_up"


def without(
    table: Table, rows: Sequence[Sequence[str]], groups: Mapping[int, str]
) -> list[list[str]]:
    """A table less its rows "Median follow-up, months (range)", which become claims: told.

    A column of the design that is called so goes first. What stands beside the groups, as p, has
    no row.
    """
    kept = [list(rows[0])]
    for number, row in enumerate(rows[1:], 2):
        if not _is_followed(table, row[0]) or not any(row[at] for at in groups):
            kept.append(list(row))
            continue
        table.labels.taken[row[0]] = "follow-up of the patients, of no endpoint"
        for at, text in enumerate(row):
            if at in groups and cell(text).kind != "empty":
                _claim(table, row_of(row, number), row[0], text, groups[at])
            elif at and text:
                table.made.left_out.append(f"{table.place}, {row[0]}: {text!r} is of no group.")
    return kept


def _is_followed(table: Table, label: str) -> bool:
    taken = dict(table.labels.taken)
    named = table.labels.answered(label) or table.labels.read(label).column
    table.labels.taken = taken
    made = rated(label, "")
    return not named and made is not None and made[0] == _OWN


def _claim(table: Table, where: str, label: str, text: str, group: str) -> None:
    """The numbers of a cell, whose words may say the unit and what stands behind the median."""
    made, found = rated(f"{label} {text}", ""), _spread(cell(text))
    _, unit, fields = made or ("", "", {})
    names = fields.get(len(found.parts), ())
    if not names or found.kind == "lost":
        told = f"{text!r} says not what its numbers are{comma(text)}; write it into the label, as "
        told += "'Median follow-up, months (range)', or leave the row out with "
        table.ask(where, f"{told}{to_ask(label, '-')}")
        return
    for printed, name in zip(found.parts, names, strict=True):
        keys = {"statistic": name, "part": ""} if name.endswith("up") else {"part": name}
        keys = {"statistic": _OWN, **keys, "unit": unit, "group": group}
        table.claim(printed, f"{table.place}, {label}, {group}", **keys)


def _spread(found: Cell) -> Cell:
    """A cell without more numbers than a median with its ends."""
    return found if len(found.parts) in (1, 3) else Cell("lost", found.parts)
