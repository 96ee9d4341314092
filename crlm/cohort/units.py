"""Conversion between the units hospitals write and the units the tables are stored in."""

from __future__ import annotations

import re
from collections.abc import Callable

from crlm.cohort.wording import quote
from crlm.ledger.vocabulary import DAYS_PER_MONTH
from crlm.refusals import listing, tidy

# (multiplier, divisor) from the unit of the file: a division keeps 35 mm at 3.5 cm exactly.
_FIXED: dict[str, dict[str, tuple[float, float]]] = {
    "cm": {"cm": (1, 1), "mm": (1, 10), "inches": (2.54, 1)},
    "years": {"years": (1, 1), "months": (1, 12), "days": (1, 365.25)},
    "ng/mL": {
        "ng/ml": (1, 1),
        "ug/l": (1, 1),
        "μg/l": (1, 1),
        "mcg/l": (1, 1),
        "ng/dl": (1, 100),
        "pg/ml": (1, 1000),
        "ng/l": (1, 1000),
        "ug/ml": (1000, 1),
        "μg/ml": (1000, 1),
        "mg/l": (1000, 1),
        "ug/dl": (10, 1),
        "μg/dl": (10, 1),
    },
    "U/mL": {
        "u/ml": (1, 1),
        "iu/ml": (1, 1),
        "ku/l": (1, 1),
        "kiu/l": (1, 1),
        "u/l": (1, 1000),
        "iu/l": (1, 1000),
    },
    "tumours": {"tumours": (1, 1)},
}

_SPELLINGS = {
    "d": "days",
    "day": "days",
    "wk": "weeks",
    "week": "weeks",
    "month": "months",
    "mo": "months",
    "year": "years",
    "y": "years",
    "yr": "years",
    "yrs": "years",
    "mos": "months",
    "wks": "weeks",
    "日": "days",
    "日数": "days",
    "月": "months",
    "ヶ月": "months",
    "か月": "months",
    "週": "weeks",
    "年": "years",
    "歳": "years",
    "才": "years",
    "tage": "days",
    "tag": "days",
    "monate": "months",
    "jahre": "years",
    "wochen": "weeks",
    "jours": "days",
    "mois": "months",
    "ans": "years",
    "années": "years",
    "in": "inches",
    "inch": "inches",
    "个": "tumours",
    "個": "tumours",
    "millimetres": "mm",
    "centimetres": "cm",
    "millimeters": "mm",
    "centimeters": "cm",
}

_MONTHS = frozenset({"months", "days", "weeks", "years"})


def converter(
    source: str, target: str, days_per_month: float
) -> tuple[Callable[[float], float], str]:
    """The function that turns a value of the file into the stored unit, and a word of doubt.

    Parameters
    ----------
    source : str
        Unit as the codebook writes it; empty is the stored unit.
    target : str
        Unit of the data dictionary.
    days_per_month : float
        What a month is when the file counts days or weeks.

    Returns
    -------
    convert, problem : callable, str
        `problem` is empty when the conversion is known; nothing is rounded.
    """
    factors = _factors(target, days_per_month)
    unit = _spelt(source)
    if not unit or unit == tidy(target).casefold():
        return (lambda value: value), ""
    if unit not in factors:
        known = f"Known: {listing(factors, 20)}" if factors else "This column has no unit"
        return (lambda value: value), f"the unit {quote(source)} is not known. {known}"
    multiplier, divisor = factors[unit]
    return (lambda value: value * multiplier / divisor), ""


def is_unit(text: str) -> bool:
    """Whether a text is a unit that some column can be in, and nothing else."""
    unit = _spelt(text)
    return unit in _MONTHS or any(unit in factors for factors in _FIXED.values())


def unit_in_cell(text: str, target: str) -> str:
    """The unit that a cell names behind its number, if the stored unit can come from it."""
    unit = _spelt(text)
    return unit if unit in _factors(target, DAYS_PER_MONTH) else ""


def unit_in(text: str, target: str) -> str:
    """The unit that a header names, as in `OS (days)`, if the stored unit can come from it."""
    known = _factors(target, DAYS_PER_MONTH)
    words = re.findall(r"[(\[（［]([^()\[\]（）［］]+)[)\]）］]", text) + text.rsplit(",", 1)[1:]
    words += re.findall(r"[_.\s](days?|months?|years?|weeks?|mm|cm)$", tidy(text), re.IGNORECASE)
    found = [unit for word in words if (unit := _spelt(word)) in known]
    return found[0] if found else ""


def unit_factor(unit: str, target: str, days_per_month: float = DAYS_PER_MONTH) -> float:
    """How many stored units one unit of a header is: 0.1 for mm where cm are stored.

    Raises
    ------
    KeyError
        If `unit` is not of `unit_in(..., target)`.
    """
    multiplier, divisor = _factors(target, days_per_month)[unit]
    return multiplier / divisor


def foreign_unit_in(text: str, target: str) -> str:
    """A unit in a header from which the stored unit cannot come: U/mL over a CEA."""
    known = {*_factors(target, DAYS_PER_MONTH), _spelt(target)}
    words = re.findall(r"[(\[（［]([^()\[\]（）［］]+)[)\]）］]", text)
    strange = [word for word in words if is_unit(word) and _spelt(word) not in known]
    return strange[0] if strange and not unit_in(text, target) else ""


def _spelt(text: str) -> str:
    unit = tidy(text).casefold().replace(" ", "").strip(".()[]")
    return _SPELLINGS.get(unit, unit)


def _factors(target: str, days_per_month: float) -> dict[str, tuple[float, float]]:
    if target == "months":
        days = {"days": (1, days_per_month), "weeks": (7, days_per_month)}
        return {"months": (1, 1), **days, "years": (12, 1)}
    return _FIXED.get(target, {})
