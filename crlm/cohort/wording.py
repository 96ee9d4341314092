"""How names and values are compared, and how a problem is put into words."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from crlm.refusals import NUMBER, discreet, foreign, listing, plain, row_list, tidy

#: One problem of one cell, row or column; `row` is missing for a whole column.
VIOLATION_COLUMNS = ("row", "column", "source", "value", "rule", "remedy", "discreet")

#: Values that take more letters than this are told of one patient.
_LONG = 100


@functools.lru_cache(maxsize=4096)
def token(text: str) -> str:
    """What two cells must share to be the same value: case, width and "1.0" against "1" aside."""
    folded = tidy(text).casefold()
    return f"{float(folded):.15g}" if NUMBER.fullmatch(folded) else folded


def count(number: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def violation(
    row: int | None, column: str, source: str, value: str, rule: str, remedy: str
) -> dict[str, Any]:
    """One record of the violations frame; `rule` and `remedy` mark what is `foreign`."""
    texts = (plain(rule), plain(remedy), discreet(f"{rule}. {remedy}"))
    return dict(zip(VIOLATION_COLUMNS, (row, column, source, value, *texts), strict=True))


def violations_frame(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """All problems, in the order of the rows they stand in; whole columns come first.

    Returns
    -------
    pandas.DataFrame
        Columns of `VIOLATION_COLUMNS`; `row` is a nullable integer, the number
        that Excel shows (the header is row 1); `discreet` is rule and remedy
        without anything that the file holds.
    """
    frame = pd.DataFrame(list(records), columns=list(VIOLATION_COLUMNS))
    frame["row"] = frame["row"].astype("Int64")
    return frame.sort_values("row", kind="stable", na_position="first", ignore_index=True)


def grouped(violations: pd.DataFrame) -> list[dict[str, Any]]:
    """The same problem in many rows as one entry, in order of first appearance.

    Returns
    -------
    list of dict
        `rows`, `column`, `source`, `values` (distinct, in order), `rule`, `remedy`, `discreet`.
    """
    entries = []
    keys = ["column", "source", "rule", "remedy", "discreet"]
    for key, part in violations.groupby(keys, sort=False, dropna=False):
        values = [value for value in dict.fromkeys(part["value"]) if value]
        entry = dict(zip(keys, key, strict=True))
        entries.append({**entry, "rows": list(part["row"].dropna()), "values": values})
    return entries


def sentence(entry: Mapping[str, Any], most: int = 3) -> str:
    """One grouped problem as a line for the terminal: where, what stands there, what to do."""
    column = entry["column"]
    if entry["source"] and entry["source"] != column:
        column = f"{column} (from {entry['source']!r})"
    where, told, seen = _where(entry, most), entry["rule"], listing(entry["values"], 3)
    if len(seen) > _LONG:
        # Many columns of several patients are no sentence: one patient stands for them.
        first = row_list(entry["rows"][:1]) + ": " if len(entry["rows"]) > 1 else ""
        return f"{where}, {column}: {told}. {entry['remedy']} ({first}{entry['values'][0]})"
    seen = f" {seen}:" if seen else ""
    return f"{where}, {column}:{seen} {told}. {entry['remedy']}"


def discreet_sentence(entry: Mapping[str, Any], most: int = 3) -> str:
    """The same line without header and values, for files."""
    return f"{_where(entry, most)}, {entry['column']}: {entry['discreet']}"


def _where(entry: Mapping[str, Any], most: int) -> str:
    return row_list(entry["rows"], most) if entry["rows"] else "whole column"


def quote(text: object) -> str:
    """A text out of the reader's file in quotation marks, marked as foreign."""
    return foreign(repr(str(text)))


def quotes(texts: Iterable[object], most: int = 8) -> str:
    """Several of them: `'a', 'b' and 3 more`."""
    return listing(map(quote, texts), most)
