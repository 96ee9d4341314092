"""How names and values are compared, and how a problem is put into words."""

from __future__ import annotations

import difflib
import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

#: One problem of one cell, row or column; `row` is missing for a whole column.
VIOLATION_COLUMNS = ("row", "column", "source", "value", "rule", "remedy")

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))


@functools.lru_cache(maxsize=4096)
def tidy(text: str) -> str:
    """The text in one Unicode form, full-width digits narrowed, spaces and dashes made plain."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_DASHES).split())


@functools.lru_cache(maxsize=4096)
def token(text: str) -> str:
    """What two cells must share to be the same value: case, width and "1.0" against "1" aside."""
    plain = tidy(text).casefold()
    return f"{float(plain):.15g}" if NUMBER.fullmatch(plain) else plain


@functools.lru_cache(maxsize=4096)
def name_key(text: str) -> str:
    """What two column headers must share to be the same name: case, spaces, `_` and `-` aside."""
    return re.sub(r"[\s_-]+", "", tidy(text).casefold())


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'x'?`, or nothing when no known name is near."""
    by_key = {name_key(candidate): candidate for candidate in known}
    near = difflib.get_close_matches(name_key(name), list(by_key), n=1, cutoff=0.6)
    return f" Did you mean {by_key[near[0]]!r}?" if near else ""


def listing(items: Iterable[Any], most: int = 8) -> str:
    """`a, b, c and 4 more`."""
    texts = [str(item) for item in items]
    shown = ", ".join(texts[:most])
    return shown if len(texts) <= most else f"{shown} and {len(texts) - most} more"


def row_list(rows: Sequence[Any], most: int = 3) -> str:
    """`row 5`, or `rows 5, 9, 12 and 40 more`, as Excel numbers them."""
    numbers = [int(row) for row in rows]
    return f"row{'s' if len(numbers) > 1 else ''} {listing(numbers, most)}"


def count(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def violation(
    row: int | None, column: str, source: str, value: str, rule: str, remedy: str
) -> dict[str, Any]:
    """One record of the violations frame."""
    return dict(zip(VIOLATION_COLUMNS, (row, column, source, value, rule, remedy), strict=True))


def violations_frame(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """All problems, in the order of the rows they stand in; whole columns come first.

    Returns
    -------
    pandas.DataFrame
        Columns of `VIOLATION_COLUMNS`; `row` is a nullable integer, the number
        that Excel shows (the header is row 1).
    """
    frame = pd.DataFrame(list(records), columns=list(VIOLATION_COLUMNS))
    frame["row"] = frame["row"].astype("Int64")
    return frame.sort_values("row", kind="stable", na_position="first", ignore_index=True)


def grouped(violations: pd.DataFrame) -> list[dict[str, Any]]:
    """The same problem in many rows as one entry, in order of first appearance.

    Returns
    -------
    list of dict
        `rows`, `column`, `source`, `values` (distinct, in order), `rule`, `remedy`.
    """
    entries = []
    keys = ["column", "source", "rule", "remedy"]
    for key, part in violations.groupby(keys, sort=False, dropna=False):
        values = [value for value in dict.fromkeys(part["value"]) if value]
        entry = dict(zip(keys, key, strict=True))
        entries.append({**entry, "rows": list(part["row"].dropna()), "values": values})
    return entries


def sentence(entry: Mapping[str, Any], most: int = 3) -> str:
    """One grouped problem as a line: where, what stands there, what is wrong, what to do."""
    where = row_list(entry["rows"], most) if entry["rows"] else "whole column"
    column = entry["column"]
    if entry["source"] and entry["source"] != column:
        column = f"{column} (from {entry['source']!r})"
    seen = f" {listing(entry['values'], 3)}:" if entry["values"] else ""
    return f"{where}, {column}:{seen} {entry['rule']}. {entry['remedy']}"
