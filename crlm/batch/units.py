"""Units on the batch page: what a number is measured in, and a printed one in the same unit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from crlm import numbers

_MONTHS = {"months": 1.0, "month": 1.0, "years": 12.0, "year": 12.0}


def is_ratio(statistic: str) -> bool:
    """Whether a statistic is a ratio: drawn on a logarithmic scale, neutral at 1."""
    return statistic.endswith("_ratio")


def neutral(statistic: str) -> float | None:
    """The value that says "no difference": 1 for a ratio, 0 for a difference, else None."""
    if is_ratio(statistic):
        return 1.0
    return 0.0 if statistic.endswith("difference") or statistic in ("coefficient", "smd") else None


def text(value: float, statistic: str, unit: str = "", model: str = "") -> str:
    """A value without its unit, as every report prints it."""
    return numbers.estimate(
        {"estimate": value, "statistic": statistic, "unit": unit, "model": model}
    )


def interval(three: Sequence[float], statistic: str, unit: str = "", model: str = "") -> str:
    """`estimate (low–high)` without its unit, as every report prints it."""
    limits = dict(zip(("estimate", "conf_low", "conf_high"), three, strict=True))
    return numbers.interval({**limits, "statistic": statistic, "unit": unit, "model": model})


def with_unit(shown: str, unit: str) -> str:
    """A printed number and its unit, if it has one and is one."""
    return f"{shown} {unit}" if unit and shown not in ("not reached", numbers.HIDDEN) else shown


def converted(value: float, unit: str, wanted: str) -> float | None:
    """A value in another unit; None where the two do not measure the same.

    Days are not converted: papers count 30 or 30.44 of them in a month.
    """
    if unit == wanted:
        return value
    if unit in _MONTHS and wanted in _MONTHS and math.isfinite(value):
        return value * _MONTHS[unit] / _MONTHS[wanted]
    return None
