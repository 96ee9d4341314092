"""Dates as hospitals write them; day and month are never guessed."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from crlm.refusals import row_list, tidy

#: A date, or what is wrong with the text and what to do.
Found = tuple[dt.date | None, str, str]

_TIME = r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})\s*[-/.年]\s*(\d{{1,2}})\s*[-/.月]\s*(\d{{1,2}})\s*日?{_TIME}")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
_ERA = re.compile(
    r"(令和|平成|昭和|R|H|S)\s*\.?\s*(\d{1,2}|元)\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?",
    re.IGNORECASE,
)
_YEAR_LAST = re.compile(rf"(\d{{1,2}})\s*([-/.])\s*(\d{{1,2}})\s*\2\s*(\d{{4}}){_TIME}")
_SHORT_YEAR = re.compile(r"'?\d{1,2}\s*([-/.])\s*\d{1,2}\s*\1\s*'?\d{2}")
_DAY_NAMED = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th)?[-\s./]*([A-Za-z]{3,9})\.?[-\s./,]*(\d{2}|\d{4})"
)
_NAME_FIRST = re.compile(
    r"([A-Za-z]{3,9})\.?[-\s./]*(\d{1,2})(?:st|nd|rd|th)?[-\s./,]+(\d{2}|\d{4})"
)
_NO_DAY = re.compile(r"\d{4}\s*[-/.年]\s*\d{1,2}\s*月?|\d{4}\s*年?|[RHS]\d{1,2}\s*[-/.]\s*\d{1,2}")
_SERIAL = re.compile(r"[1-5]\d{4}(?:\.\d+)?")

# Year before the first of the era, its first day and its last.
_ERAS = {
    "令和": (2018, dt.date(2019, 5, 1), dt.date.max),
    "平成": (1988, dt.date(1989, 1, 8), dt.date(2019, 4, 30)),
    "昭和": (1925, dt.date(1926, 12, 25), dt.date(1989, 1, 7)),
}
_ERA_LETTERS = {"R": "令和", "H": "平成", "S": "昭和"}
_MONTHS = {
    name.casefold(): number
    for names in (calendar.month_name, calendar.month_abbr)
    for number, name in enumerate(names)
    if name
} | {"sept": 9}

_NAMED = "Write year-month-day (2020-01-31), or name the order with `date_format:` (%d/%m/%Y)."


@dataclass(frozen=True)
class Order:
    """Which of day and month comes first where both are numbers, and why.

    Attributes
    ----------
    first : str
        "day", "month", or "" where no cell tells.
    row : int or None
        The first row that settles it.
    problem : str
        What contradicts itself; empty if nothing does.
    open : bool
        Whether any cell needs to know.
    """

    first: str = ""
    row: int | None = None
    problem: str = ""
    open: bool = False


def parse(text: str, first: str = "", date_format: str = "") -> Found:
    """The date that a cell holds.

    Parameters
    ----------
    text : str
        2018-04-05, 2018/4/5, 2018.04.05, 2018年4月5日, 令和5年4月5日, H30.4.5, 5 Apr 2018,
        20180405; 05/04/2018 only where the order is known.
    first : str
        "day" or "month": what comes first in 05/04/2018.
    date_format : str
        As for `datetime.strptime`; a cell with the year first is read beside it.

    Returns
    -------
    date, rule, remedy : date or None, str, str
        `rule` is empty if there is a date; nothing is guessed.
    """
    plain = tidy(text)
    if date_format:
        formatted = _formatted(plain, date_format)
        if formatted is not None:
            return _plausible(formatted)
    unmistakable = _unmistakable(plain)
    if unmistakable is not None:
        return unmistakable
    if date_format:
        return (
            None,
            "does not fit the codebook's `date_format`",
            ("Correct the cell or `date_format:`."),
        )
    return _numbers(plain, first) or _not_a_date(plain)


def order(cells: Iterable[tuple[int, str]]) -> Order:
    """What the cells of a column themselves tell of the order of day and month.

    Parameters
    ----------
    cells : iterable of (int, str)
        Row number and text.
    """
    day: list[int] = []
    month: list[int] = []
    doubtful = False
    for row, text in cells:
        found = _YEAR_LAST.fullmatch(tidy(text))
        if found and int(found[1]) != int(found[3]):
            one, two = int(found[1]), int(found[3])
            day += [row] * (one > 12)
            month += [row] * (two > 12)
            doubtful |= one <= 12 and two <= 12
    if day and month:
        problem = f"the day comes first in {row_list(day)} and second in {row_list(month)}"
        return Order(problem=problem, open=True)
    if day or month:
        return Order("day" if day else "month", (day or month)[0], open=doubtful)
    return Order(open=doubtful)


def is_date(text: str) -> bool:
    """Whether a cell is a date, in doubtful order or not."""
    plain = tidy(text)
    return bool(
        _YEAR_FIRST.fullmatch(plain)
        or _ERA.fullmatch(plain)
        or _YEAR_LAST.fullmatch(plain)
        or (_DAY_NAMED.fullmatch(plain) or _NAME_FIRST.fullmatch(plain))
        and _unmistakable(plain)
    )


def _formatted(text: str, date_format: str) -> dt.date | None:
    try:
        return dt.datetime.strptime(text, date_format).date()
    except ValueError:
        return None


def _unmistakable(text: str) -> Found | None:
    """Dates whose parts cannot be taken for one another; None if the text is none."""
    for pattern in (_YEAR_FIRST, _COMPACT):
        if found := pattern.fullmatch(text):
            return _dated(*map(int, found.groups()[:3]))
    if found := _ERA.fullmatch(text):
        return _of_era(found)
    if found := _DAY_NAMED.fullmatch(text):
        return _with_month(found[1], found[2], found[3])
    if found := _NAME_FIRST.fullmatch(text):
        return _with_month(found[2], found[1], found[3])
    return None


def _of_era(found: re.Match[str]) -> Found:
    name = _ERA_LETTERS.get(found[1].upper(), found[1])
    before, begins, ends = _ERAS[name]
    year = before + (1 if found[2] == "元" else int(found[2]))
    date, rule, remedy = _dated(year, int(found[3]), int(found[4]))
    if date and not begins <= date <= ends:
        return None, f"is not within the era {name}", "Correct the era or the year."
    return date, rule, remedy


def _with_month(day: str, name: str, year: str) -> Found | None:
    month = _MONTHS.get(name.casefold())
    if month is None:
        return None
    if len(year) == 2:
        return _two_digits()
    return _dated(int(year), month, int(day))


def _numbers(text: str, first: str) -> Found | None:
    found = _YEAR_LAST.fullmatch(text)
    if not found:
        return _two_digits() if _SHORT_YEAR.fullmatch(text) else None
    one, two, year = int(found[1]), int(found[3]), int(found[4])
    if one == two or first == "day" or (not first and one > 12):
        return _dated(year, two, one)
    if first == "month" or two > 12:
        return _dated(year, one, two)
    return (
        None,
        "may be day and month or month and day",
        ('Say which with `date_format:` in the codebook: "%d/%m/%Y" or "%m/%d/%Y".'),
    )


def _two_digits() -> Found:
    return (
        None,
        "has a year of two digits",
        ('Write the year in full, or say what it means: `date_format: "%d/%m/%y"`.'),
    )


def _dated(year: int, month: int, day: int) -> Found:
    try:
        return _plausible(dt.date(year, month, day))
    except ValueError:
        return None, "is a day that does not exist", "Correct the date."


def _plausible(date: dt.date) -> Found:
    if not 1950 <= date.year <= 2100:
        return None, "is outside 1950 to 2100", "Correct the year."
    if date > dt.date.today() + dt.timedelta(days=1):
        return None, "lies in the future", "Correct the date."
    return date, "", ""


def _not_a_date(text: str) -> Found:
    if _SERIAL.fullmatch(text):
        return None, "is a number, not a date", "Format the column as a date in Excel."
    if _NO_DAY.fullmatch(text):
        return (
            None,
            "has no day",
            (
                "Write the day; if it is not known, leave the cell empty or map a day of your "
                "choice."
            ),
        )
    return (
        None,
        "is not a date",
        (f"{_NAMED} If it means that there is none, name it in the column's `missing:`."),
    )


def common_order(orders: Mapping[str, Order]) -> str:
    """The order that all columns which tell agree on; "" if none tells or they differ."""
    told = {one.first for one in orders.values() if one.first}
    return told.pop() if len(told) == 1 else ""
