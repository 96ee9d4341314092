"""How a number of a result row is printed on the batch page: the report's digits, with units."""

from __future__ import annotations

import math
from collections.abc import Sequence

from crlm.ledger import round_half_up

_COUNTS = ("n", "events", "missing", "n_at_risk", "cumulative_events")
_MONTHS = {"months": 1.0, "month": 1.0, "years": 12.0, "year": 12.0}


def is_ratio(statistic: str) -> bool:
    """Whether a statistic is a ratio: drawn on a logarithmic scale, neutral at 1."""
    return statistic.endswith("_ratio")


def neutral(statistic: str) -> float | None:
    """The value that says "no difference": 1 for a ratio, 0 for a difference, else None."""
    if is_ratio(statistic):
        return 1.0
    return 0.0 if statistic.endswith("difference") or statistic in ("coefficient", "smd") else None


def decimals(statistic: str, unit: str = "") -> int:
    """Digits behind the point: none for counts, one for per cent, else two."""
    if statistic in _COUNTS or unit == "patients":
        return 0
    return 1 if unit in ("%", "percentage points") else 2


def text(value: float, statistic: str, unit: str = "") -> str:
    """A value without its unit, rounded half up; a p value as journals print it."""
    if not math.isfinite(value):
        return "not reached" if statistic == "median_survival" else "–"
    if statistic == "p" or statistic.startswith("p_"):
        return _p(value)
    places = decimals(statistic, unit)
    return f"{round_half_up(value, places):,.{places}f}"


def _p(value: float) -> str:
    if value < 0.001:
        return "<0.001"
    places = 3 if value < 0.0995 else 2
    return f"{round_half_up(value, places):.{places}f}"


def interval(numbers: Sequence[float], statistic: str, unit: str = "") -> str:
    """`estimate (low–high)` without its unit; limits are left out where there are none."""
    value, low, high = numbers
    shown = text(value, statistic, unit)
    if not math.isfinite(value) or not (math.isfinite(low) or math.isfinite(high)):
        return shown
    between = " to " if min(x for x in (low, high) if math.isfinite(x)) < 0 else "–"
    return f"{shown} ({text(low, statistic, unit)}{between}{text(high, statistic, unit)})"


def with_unit(shown: str, unit: str) -> str:
    """A printed number and its unit, if it has one and is one."""
    return f"{shown} {unit}" if unit and shown != "not reached" else shown


def converted(value: float, unit: str, wanted: str) -> float | None:
    """A value in another unit; None where the two do not measure the same.

    Days are not converted: papers count 30 or 30.44 of them in a month.
    """
    if unit == wanted:
        return value
    if unit in _MONTHS and wanted in _MONTHS:
        return value * _MONTHS[unit] / _MONTHS[wanted]
    return None
