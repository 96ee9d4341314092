"""What a cell is that should be a number and is not one as it stands."""

from __future__ import annotations

import json
import re
import unicodedata

from crlm.cohort.dates import is_date
from crlm.cohort.units import unit_in_cell
from crlm.refusals import NUMBER, foreign, tidy

#: A number with its own unit ("" is that of the column), or what is wrong and what to do.
Read = tuple[float | None, str, str, str]

_LIMIT = re.compile(r"(?:[<>≤≥≦≧~〜]|under |over |less than |more than |bis |ab |約)\s*=?\s*(.*)")
_LIMIT_BEHIND = re.compile(r"([\d.,]+)\s*(?:\+|以上|以下|未満|超|or more|and more|or less)")
_RANGE = re.compile(r"[\d.,]+\s*(?:-|~|〜|to|bis|から|/)\s*[\d.,]+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:([,.'’ ])\d{3})(?:\1\d{3})*(?:[.,]\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+")
_POINTS = re.compile(r"[+-]?\d[\d.,]*")
_WITH_UNIT = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*([^\d\s.,+-][^\d]*)")
_MARK = re.compile(r"([+-]?[\d.,]+)\s*(?:[*†‡§#↑↓]{1,3}|[HhLl])")
#: "03-May", "Mai 3", what Excel shows of 3/5 and of 3-5.
_DAY_AND_MONTH = re.compile(
    r"(?:\d{1,2}[-./ ]*)?(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)"
    r"[a-zä]*\.?[-./ ]*(?:\d{1,4})?",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"[\d.,]+\s*(?:cm|mm)?\s*[x×*]\s*\d.*", re.IGNORECASE)
_MARKS = {
    ",": "a comma",
    ".": "a point",
    "'": "an apostrophe",
    "’": "an apostrophe",
    " ": "a space",
}


def read_number(text: str, decimal: str, target: str, header: str, name: str) -> Read:
    """The number that a cell plainly is.

    Parameters
    ----------
    text : str
        As it stands in the file.
    decimal : str
        "." or ",", as the codebook says.
    target : str
        The unit that the column is stored in; a cell may name one that it comes from.
    header, name : str
        For the lines to paste into a codebook.

    Returns
    -------
    value, unit, rule, remedy : float or None, str, str, str
    """
    plain = tidy(text)
    if NUMBER.fullmatch(plain) and decimal == ".":
        return float(plain), "", "", ""
    if decimal == "," and "." not in plain and NUMBER.fullmatch(plain.replace(",", ".")):
        return float(plain.replace(",", ".")), "", "", ""
    found = _WITH_UNIT.fullmatch(plain.replace(",", ".") if decimal == "," else plain)
    if found and not (decimal == "," and "." in plain) and unit_in_cell(found[2], target):
        return float(found[1]), unit_in_cell(found[2], target), "", ""
    return None, "", *_what(text, plain, decimal, header, name)


def _what(text: str, plain: str, decimal: str, header: str, name: str) -> tuple[str, str]:
    """The kind of the cell by its name, and the remedy for that kind."""
    if any(_is_figure(mark) for mark in text):
        return "holds a raised, circled or fractional figure, as a footnote mark is", (
            "Remove the mark; write a fraction with a decimal point."
        )
    if is_date(plain) or _DAY_AND_MONTH.fullmatch(plain):
        return _date(header, name)
    if name.endswith("_months") and re.fullmatch(r"[\d.,]+\s*\+", plain):
        return "is a time with a + behind it, as of patients without the event", (
            f"Take the + off in the file; {name.removesuffix('_months')}_event says who had the "
            "event."
        )
    if _SEVERAL.fullmatch(plain):
        return "is several numbers", (
            "Write one: that which the column asks for, as the largest diameter."
        )
    limit = _LIMIT.fullmatch(plain) or _LIMIT_BEHIND.fullmatch(plain)
    if limit:
        counts = json.dumps(text, ensure_ascii=False)
        value = foreign(f"{{{counts}: {limit[1] or '...'}}}")
        return "is a limit, not a number", (
            "Say in the codebook what it counts as: "
            f"`{name}: {{from: {quote_header(header)}, values: {value}}}`."
        )
    if _RANGE.fullmatch(plain):
        return "is a range, not a number", (
            "Write one number, or leave the cell empty if none is known."
        )
    return _mark(plain, decimal) or _other(text, plain, header, name)


def bound_of(text: str) -> str:
    """The number in a cell like `<0.5`, `3+` or `75↑`; "" if there is none."""
    plain = tidy(text)
    limit = _LIMIT.fullmatch(plain) or _LIMIT_BEHIND.fullmatch(plain) or _MARK.fullmatch(plain)
    return limit[1] if limit and NUMBER.fullmatch(limit[1]) else ""


def _is_figure(mark: str) -> bool:
    return unicodedata.decomposition(mark).startswith(
        ("<super>", "<sub>", "<circle>", "<fraction>")
    )


def _date(header: str, name: str) -> tuple[str, str]:
    remedy = (
        "Excel makes dates of what looks like one: format the column as text and type the "
        "number again."
    )
    if name.endswith("_months"):
        remedy = (
            "A time between two dates is worked out: "
            f"`{name}: {{from: header of the first date, to: {quote_header(header)}}}`."
        )
    return "is a date where a number is expected", remedy


def _mark(plain: str, decimal: str) -> tuple[str, str] | None:
    thousands = _THOUSANDS.fullmatch(plain)
    if thousands:
        mark = thousands[1]
        says = f"has {_MARKS[mark]} that may separate thousands: its meaning is in doubt"
        remedy = "Remove what separates thousands (in Excel: a number format without it)."
        if mark == "," and decimal == ".":
            remedy += " If a comma is the decimal mark, set `decimal: ','` in the codebook."
        if mark == "." and decimal == ",":
            remedy += " If the point is the decimal mark in these cells, write a comma."
        return says, remedy
    if decimal == "." and _COMMA.fullmatch(plain):
        return "has a comma or point whose meaning is in doubt", (
            "If a comma is the decimal mark, set `decimal: ','` in the codebook."
        )
    if _POINTS.fullmatch(plain):
        return "has a comma or point whose meaning is in doubt", (
            "If a comma is the decimal mark, set `decimal: ','` in the codebook; remove what "
            "separates thousands."
        )
    return None


def _other(text: str, plain: str, header: str, name: str) -> tuple[str, str]:
    if _MARK.fullmatch(plain):
        return "is a number with a mark behind it", (
            "Remove the mark, or say in the codebook what it counts as (`values:`)."
        )
    if re.match(r"[+-]?[\d.,]+\s*[^\d\s.,]+", plain):
        return "is not a plain number", (
            "Leave the unit out of the cell; name it once for the column: "
            f"`{name}: {{from: {quote_header(header)}, unit: ...}}`."
        )
    return "is not a number", (
        "Correct the cell, or, if it means unknown, add to the codebook: "
        f"missing: [{foreign(json.dumps(text, ensure_ascii=False))}]."
    )


def quote_header(header: str) -> str:
    """A header as YAML wants it, marked as foreign."""
    return foreign(json.dumps(header, ensure_ascii=False))
