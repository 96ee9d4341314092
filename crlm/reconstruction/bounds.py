"""What printed limits and medians say of quantities that are not printed themselves."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from scipy.stats import norm

from crlm.reconstruction.quantities import RATIOS
from crlm.reconstruction.targets import Target

#: Survival (%) just before a median and on its day.
_STEEP = (44.0, 56.0)
_TINY = 1e-9


def slopes(found: Iterable[Target], month: float, bands: bool) -> list[Target]:
    """Survival around each printed median: it falls step by step where the median jumps.

    Parameters
    ----------
    found : iterable of Target
    month : float
        Days.
    bands : bool
        Whether limits of a median are where a band crosses one half; SPSS's are not.
    """
    made = []
    for target in found:
        quantity = target.quantity
        if quantity.part != "median_survival" or not (bands or quantity.limit == "estimate"):
            continue
        first, last = math.ceil(target.low * month), math.ceil(target.high * month) - 1
        if last < first or not math.isfinite(last):
            continue
        for day, low, high in ((first - 1, 50.0, _STEEP[1]), (last, _STEEP[0], 50.0)):
            wanted = replace(quantity, part="survival_rate", time=day / month)
            made.append(
                Target(
                    (f"slope: {target.claims[0]}",),
                    wanted,
                    low + _TINY,
                    high + _TINY,
                    origin="slope",
                )
            )
    return made


def standard_errors(found: Iterable[Target]) -> list[Target]:
    """Standard errors of coefficients behind printed limits.

    The limits are 1.96 errors from the estimate on the log scale, and the estimate is z errors
    from 0, so what is printed of a row bounds the error more narrowly than any one number shows.
    """
    rows: dict[Any, dict[str, Target]] = {}
    for target in found:
        part = target.quantity.part
        if target.origin == "claim" and part in (*RATIOS, "z"):
            row = rows.setdefault((target.quantity.block, target.quantity.covariate), {})
            row["z" if part == "z" else target.quantity.limit] = target
    made = []
    for row in rows.values():
        if {"conf_low", "conf_high"} <= set(row):
            bounds = _errors(row) or _errors({k: t for k, t in row.items() if k != "z"})
            if bounds:
                first = row["conf_low"]
                wanted = replace(first.quantity, part="standard_error", limit="estimate")
                made.append(Target((f"error: {first.claims[0]}",), wanted, *bounds, origin="error"))
    return made


def _errors(row: Mapping[str, Target]) -> tuple[float, float] | None:
    """Lowest and highest error with which some estimate agrees with each number of a row.

    Each number bounds the estimate by lines in the error, from below and from above; an error is
    possible where no lower line is above an upper one. None if no error is.
    """
    z = float(norm.ppf(0.975))
    rises = {"estimate": 0.0, "conf_low": z, "conf_high": -z}
    below = [(row[limit].low, rise) for limit, rise in rises.items() if limit in row]
    above = [(row[limit].high, rise) for limit, rise in rises.items() if limit in row]
    if "z" in row and not row["z"].absolute:
        below.append((0.0, row["z"].low))
        above.append((0.0, row["z"].high))
    low, high = 0.0, math.inf
    for (bottom, rise), (top, climb) in itertools.product(below, above):
        if rise > climb:
            high = min(high, (top - bottom) / (rise - climb))
        elif rise < climb:
            low = max(low, (bottom - top) / (climb - rise))
    return (low, high) if low < high < math.inf else None
