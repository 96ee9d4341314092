"""Times and events that are worked out from the dates of a patient's row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from crlm.cohort.codebook import Codebook, Column
from crlm.cohort.dates import Order, common_order, order, parse
from crlm.cohort.reading import Raw
from crlm.cohort.wording import quote, token, violation

Violations = list[dict[str, Any]]

#: A date that is read and dropped, and the year that it leaves.
SURGERY_DATE, SURGERY_YEAR = "surgery_date", "surgery_year"


def from_dates(
    raw: Raw,
    matched: Mapping[str, Column],
    plain: Mapping[str, pd.Series],
    book: Codebook,
    days_per_month: float,
    may_precede: Collection[str] = (),
) -> tuple[dict[str, pd.Series], Violations, list[str]]:
    """Every column that is taken from dates, and the year of surgery.

    Parameters
    ----------
    raw : Raw
        The table as text.
    matched : mapping of str to Column
        Canonical name to source.
    plain : mapping of str to Series
        The columns that are not taken from dates, for `or:`.
    book : Codebook
        `date_format` and unknown tokens.
    days_per_month : float
        The paper's days a month.
    may_precede : collection of str
        Times that may end before the operation.

    Returns
    -------
    columns, problems, notes : dict of Series, list of dict, list of str
        Times in months (float), events as nullable booleans, `surgery_year` (float) out of
        `surgery_date`, which itself is not among them.
    """
    dated = {name: column for name, column in matched.items() if is_dated(name, column)}
    dates, problems, notes = read_dates(raw, dated, book)
    columns: dict[str, pd.Series] = {}
    if surgery := dated.pop(SURGERY_DATE, None):
        columns[SURGERY_YEAR], more = _years(dates[surgery.source], plain, surgery)
        problems += more
    events = {name: column for name, column in dated.items() if column.filled or column.other}
    for name, column in events.items():
        columns[name] = _filled(column, dates, {**plain, **columns}, raw.frame.index)
    for name, column in dated.items():
        if name not in events:
            event = {**plain, **columns}.get(name.removesuffix("_months") + "_event")
            columns[name], more = _months(name, column, dates, event, days_per_month)
            if name not in may_precede:
                problems += more
                columns[name] = columns[name].where(~(columns[name] < 0), np.nan)
    for name, column in events.items():
        time = {**plain, **columns}.get(name.removesuffix("_event") + "_months")
        if time is not None:
            # Who has no time of follow-up has not been seen to be without the event.
            unseen = ~columns[name].fillna(False) if column.filled else True
            columns[name] = columns[name].mask(time.isna() & unseen)
    known = {**plain, **columns}
    notes += [told for name, c in events.items() if (told := _on_one_day(name, c, dates, known))]
    return columns, problems, notes


def _on_one_day(
    name: str, column: Column, dates: Mapping[str, pd.Series], known: Mapping[str, pd.Series]
) -> str:
    """What an event of two kinds does not tell where both are on one day; no number of them."""
    own, other = (f"{event.removesuffix('_event')}_months" for event in (name, column.other))
    if not column.filled or not {own, other, column.other} <= set(known):
        return ""
    happened = _filled(replace(column, other=""), dates, known, known[own].index)
    both = happened & known[column.other].fillna(False).astype("boolean")
    if not (both & (known[own] == known[other])).any():
        return ""
    end = name.removesuffix("_event").upper()
    return (
        f"{name}: a date in {' or '.join(map(quote, column.filled))} is also the day of "
        f"{column.other}, in one row or more. {end} cannot tell such a row from one without "
        f"that date: a cumulative incidence of {end} counts it as the competing event, one of a "
        "time to recurrence as a recurrence."
    )


def is_dated(name: str, column: Column) -> bool:
    """Whether a column is read as a date or worked out from dates."""
    return column.from_dates or name == SURGERY_DATE


def with_year(matched: Mapping[str, Column]) -> dict[str, Column]:
    """The columns as they come out: the year of surgery where its date was read."""
    told = {SURGERY_YEAR if name == SURGERY_DATE else name: c for name, c in matched.items()}
    return {**told, **{name: c for name, c in matched.items() if name == SURGERY_YEAR}}


def _years(
    dates: pd.Series, plain: Mapping[str, pd.Series], source: Column
) -> tuple[pd.Series, Violations]:
    """The year of each operation; a year that the table gives as well has to be the same."""
    years = dates.dt.year.astype(float)
    given = plain.get(SURGERY_YEAR, pd.Series(np.nan, index=years.index))
    rule, remedy = "is not the year of surgery_date", "Correct one of the two."
    problems = [
        violation(row, SURGERY_YEAR, source.source, f"{given[row]:g}", rule, remedy)
        for row in years.index[given.notna() & years.notna() & (given != years)]
    ]
    return years.fillna(given), problems


def read_dates(
    raw: Raw, dated: Mapping[str, Column], book: Codebook
) -> tuple[dict[str, pd.Series], Violations, list[str]]:
    """The dates under every header that is needed, each read once.

    Returns
    -------
    dates, problems, notes : dict of str to Series of datetime64, list of dict, list of str
        By header; a cell that cannot be read is missing, and named once.
    """
    uses: dict[str, tuple[str, Column]] = {}
    for name, column in dated.items():
        for header in column.sources:
            first, known = uses.get(header, (name, column))
            # What one line of the codebook says of a header holds for every line that reads it.
            missing = known.missing | column.missing
            fmt = known.date_format or column.date_format
            uses[header] = first, replace(known, missing=missing, date_format=fmt)
    cells = {
        header: _known(raw.frame[header], column, book) for header, (_, column) in uses.items()
    }
    free = [h for h, (_, column) in uses.items() if not (column.date_format or book.date_format)]
    orders = {header: order(cells[header].items()) for header in free}
    problems: Violations = []
    dates: dict[str, pd.Series] = {}
    for header, (name, column) in uses.items():
        fmt = column.date_format or book.date_format
        own = orders.get(header, Order())
        first = "" if fmt else own.first or common_order(orders)
        verdicts = {text: parse(text, first, fmt) for text in cells[header].unique()}
        if own.problem:
            remedy = "Say which is right with `date_format:`, by column if need be."
            problems.append(violation(None, name, header, "", own.problem, remedy))
        problems += [
            violation(row, name, header, text, *verdicts[text][1:])
            for row, text in cells[header].items()
            if verdicts[text][1] and not (own.problem and "day and month" in verdicts[text][1])
        ]
        told = cells[header].map({text: verdict[0] for text, verdict in verdicts.items()})
        dates[header] = pd.to_datetime(told.reindex(raw.frame.index))
    return dates, problems, _order_notes(orders)


def _known(texts: pd.Series, column: Column, book: Codebook) -> pd.Series:
    unknown = book.missing | column.missing
    empty = {text for text in texts.unique() if token(text) in unknown}
    return texts[~texts.isin(empty)]


def _order_notes(orders: Mapping[str, Order]) -> list[str]:
    notes = []
    common = common_order(orders)
    for header, found in orders.items():
        if found.open and not found.problem and (found.first or common):
            settles = (
                next((h, o) for h, o in orders.items() if o.first)
                if not found.first
                else (header, found)
            )
            first, second = ("day", "month") if settles[1].first == "day" else ("month", "day")
            notes.append(
                f"Dates in {quote(header)}: {first} before {second}, as row {settles[1].row} "
                f"{'' if settles[0] == header else f'of {quote(settles[0])} '}shows."
            )
    return notes


def _filled(
    column: Column,
    dates: Mapping[str, pd.Series],
    events: Mapping[str, pd.Series],
    index: pd.Index,
) -> pd.Series:
    happened = pd.Series(False, index=index)
    for header in column.filled:
        happened |= dates[header].notna()
    event = happened.astype("boolean")
    if not column.other:
        return event
    other = events.get(column.other)
    other = pd.Series(pd.NA, index=index, dtype="boolean") if other is None else other
    return event | other


def _months(
    name: str,
    column: Column,
    dates: Mapping[str, pd.Series],
    event: pd.Series | None,
    days_per_month: float,
) -> tuple[pd.Series, Violations]:
    start, end = dates[column.source], _first(column.to, dates, dates[column.source].index)
    if column.censored:
        without = _first(column.censored, dates, start.index)
        has = pd.Series(pd.NA, index=start.index) if event is None else event
        end = end.where(has.fillna(False).astype(bool), without).where(has.notna())
    days = (end - start) / dt.timedelta(days=1)
    months = (days / days_per_month).astype(float)
    problems = [
        violation(
            row,
            name,
            column.source,
            f"{start[row]:%Y-%m-%d} to {end[row]:%Y-%m-%d}",
            "ends before it begins",
            "Check both dates.",
        )
        for row in days.index[days < 0]
    ]
    return months, problems


def _first(headers: tuple[str, ...], dates: Mapping[str, pd.Series], index: pd.Index) -> pd.Series:
    """Of several dates the first that is filled, in the order of the codebook."""
    found = pd.Series(pd.NaT, index=index)
    for header in headers:
        found = found.fillna(dates[header])
    return found
