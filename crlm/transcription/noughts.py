"""Numbers of a sheet as it shows them, and those whose last noughts Excel may have dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any

_LISTED = 6
#: Digits of a number format: before the point, those that are always shown, those that may be.
_FORM = re.compile(r"[#0?,]*(?:0|(?=\.0))(?:\.(0*)([#?]*))?(E[+-])?(%?)")
#: A format without a nought before the point, as journals of the AMA set p; and such a nought.
_BARE_POINT, _BELOW_ONE = re.compile(r"[#?,]*\.0"), re.compile(r"^(-?)0(?=\.)")
#: The first number of a text, if no sign says that it is a bound.
_TEXT = re.compile(r"\s*[-+]?\d[\d,]*(?:\.(\d+))?")
#: Of the numbers of a column, how many must have decimals for a whole one to be in doubt.
_HALF = 0.5
#: More decimals than any paper prints: a formula's.
_MOST = 6


def shown(value: Any, form: str) -> str:
    """A cell as the sheet shows it.

    Parameters
    ----------
    value : object
        Of the cell.
    form : str
        Its number format; "General" says nothing of decimals.

    Examples
    --------
    >>> shown(0.5, "0.00"), shown(0.5, "0.0%"), shown(1.25, "0.0#"), shown(1.3, "General")
    ('0.50', '50.0%', '1.25', '1.3')
    >>> shown(0.04, ".00"), shown(0.5, "#.000")
    ('.04', '.500')
    """
    if value is None or isinstance(value, str | bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    fixed, more, percent = _digits(form)
    whole = int(value) if float(value).is_integer() else value
    scaled = Decimal(repr(whole)) * (100 if percent else 1)
    if fixed is None:
        return f"{scaled:f}{'%' if percent else ''}"
    text = f"{scaled:.{fixed + more}f}"
    drop = len(text) - len(text.rstrip("0"))
    text = text[: len(text) - min(drop, more)] + ("%" if percent else "")
    return _BELOW_ONE.sub(r"\1", text) if _BARE_POINT.match(form) else text


def _digits(form: str) -> tuple[int | None, int, bool]:
    """Decimals that a format always shows, None where it says none; those that it may; per cent."""
    found = _FORM.search(form)
    if not found or found[3] or found[1] is None:
        whole = bool(found) and not found[3] and found[4] == "%"
        return (0 if whole else None), 0, bool(found) and found[4] == "%"
    return len(found[1]), len(found[2]), found[4] == "%"


def doubts(rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """What of a sheet's numbers cannot be read as print has it, a sentence each.

    Parameters
    ----------
    rows : sequence of sequence of cell
        Of openpyxl; the first is the header.
    """
    short = [cell for column in zip_longest(*rows[1:]) for cell in _short(column)]
    if short:
        one, most = short[0]
        yield (
            f"{_where([cell for cell, _ in short])} {'have' if len(short) > 1 else 'has'} fewer "
            "decimals than others of the column, and no number format that says how many: Excel "
            "drops noughts at the end, and fewer digits match more widely. Where the paper has "
            f"{float(one.value):.{most}f} for {shown(one.value, 'General')}, give the cell the "
            f"number format 0.{'0' * most}."
        )
    long = [cell for row in rows[1:] for cell in row if _decimals(cell) > _MOST]
    if long:
        yield (
            f"{_where(long)} {'have' if len(long) > 1 else 'has'} more decimals than a paper "
            "prints, as a formula gives them. Write what the paper has."
        )


def _where(cells: Sequence[Any]) -> str:
    told = ", ".join(f"{c.coordinate} ({shown(c.value, 'General')})" for c in cells[:_LISTED])
    return told + (f" and {len(cells) - _LISTED} more" if len(cells) > _LISTED else "")


def _short(column: Sequence[Any]) -> Iterator[tuple[Any, int]]:
    """Numbers without a format that have fewer decimals than others of their column, and how many.

    A whole number among others is a count; among decimals it may be 1.00.
    """
    known = [n for n in map(_decimals, column) if n >= 0]
    known += [len(found[1] or "") for cell in column if (found := _of_text(cell))]
    most = max((n for n in known if n <= _MOST), default=0)
    mostly = sum(n > 0 for n in known) > _HALF * len(known)
    for cell in column:
        own = _decimals(cell)
        if _is_number(cell) and _digits(str(cell.number_format))[0] is None and 0 <= own < most:
            if own or mostly:
                yield cell, most


def _is_number(cell: Any) -> bool:
    value = getattr(cell, "value", None)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _decimals(cell: Any) -> int:
    """How many decimals a number is shown with; -1 for what is none, and for powers of ten."""
    if not _is_number(cell) or "E+" in str(cell.number_format):
        return -1
    text = shown(cell.value, str(cell.number_format)).rstrip("%")
    return len(text.partition(".")[2])


def _of_text(cell: Any) -> re.Match[str] | None:
    value = getattr(cell, "value", None)
    return _TEXT.match(value) if isinstance(value, str) else None
