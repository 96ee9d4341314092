"""How papers round, and which values a printed number may stand for."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal


def compatible_interval(
    value: float, decimals: int, operator: str = "=", rounded_before: int | None = None
) -> tuple[float, float]:
    """The values a printed number may stand for: closed below, open above.

    Parameters
    ----------
    value, decimals, operator
        As printed: `0.45` is `(0.45, 2, "=")`, `<0.001` is `(0.001, 3, "<")`.
    rounded_before : int, optional
        Decimals of an earlier rounding (SPSS shows three): 0.4446 prints as 0.445 and then
        as 0.45, so 0.45 reaches down to 0.4445. Nobody says which numbers were rounded twice,
        so what one rounding allows stays allowed: up to 0.455.

    Returns
    -------
    (low, high) : tuple of float
        `<v` gives (0, v), `>v` gives (v, inf).
    """
    if value < 0 and operator == "=":
        # Halves are rounded away from zero: below it everything is mirrored.
        low, high = compatible_interval(-value, decimals, operator, rounded_before)
        return -high, -low
    if operator == "<":
        return 0.0, value
    if operator == ">":
        return value, math.inf
    half = 0.5 * 10.0**-decimals
    early = 0.5 * 10.0**-rounded_before if rounded_before and rounded_before > decimals else 0.0
    return value - half - early, value + half


def printed_decimals(text: str) -> int:
    """Decimals of a number in plain digits or with a power of ten.

    Examples
    --------
    >>> printed_decimals("0.45"), printed_decimals("7e-04"), printed_decimals("1.2e-4")
    (2, 4, 5)
    """
    digits, _, power = text.lower().partition("e")
    return max(0, len(digits.partition(".")[2]) - int(power or 0))


def round_half_up(value: float, decimals: int) -> float:
    """Round as papers do (0.125 to 0.13), free of binary artefacts in the 12th digit."""
    if not math.isfinite(value):
        return value
    exact = Decimal(repr(float(f"{value:.12g}")))
    return float(exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP))
