"""Rows of kinds that the paper's own sections do not have: shares, months, ratios by level.

What stands here is let through by what it is; every other row is blank. A share is a rate, a
mean of months a restricted mean, an effective number a count in steps of K.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from crlm.privacy.continuous import digits, written
from crlm.privacy.counts import Register
from crlm.privacy.curves import limits, on_grid, whole
from crlm.privacy.people import People
from crlm.privacy.wording import blank, with_note

Row = dict[str, Any]
_FIELDS = ("estimate", "conf_low", "conf_high")
_ENOUGH = 4


def release(row: Row, register: Register, people: People) -> Row:
    """One row by its statistic; blank where no rule names it."""
    handler = _HANDLERS.get(row["statistic"])
    size = _size(row, register, people)
    if handler is None or size is None or size < _ENOUGH * register.k:
        return blank(row, register.k)
    found = handler(row, size, register.k)
    if not math.isfinite(found["estimate"]):
        return blank(row, register.k)
    note = f"in steps of {register.k} patients" if handler in (_share, _steps) else ""
    fields = {"n": math.nan, "events": math.nan, "method": with_note(row, note)}
    return {**row, **dict.fromkeys(_FIELDS, math.nan), **found, **fields}


def _size(row: Row, register: Register, people: People) -> float | None:
    """The patients of a row as they are shown; of a comparison the smaller group's."""
    frame = people.frame(row["endpoint"], row["population"])
    if frame is None:
        return None
    group = row["group"]
    if group != "all" and "=" not in group:
        if group not in frame:
            return None
        counts = frame[group].value_counts()
        return float(counts[counts > 0].min()) if len(counts) else None
    who = people.where(frame, group)
    if who is None:
        return None
    known = register.known(who, group)
    if known is not None:
        return None if known.hidden else known.shown
    return float(int(who.sum()) // register.k * register.k + register.k // 2)


def _share(row: Row, size: float, k: int) -> dict[str, float]:
    """A share at a time: on the grid of K patients, limits outward; K with and K without."""
    events = row["events"]
    share = row["estimate"] / 100
    if math.isfinite(events) and events < k:
        return {"estimate": math.nan}
    low, high = limits(row["conf_low"] / 100, row["conf_high"] / 100, size, k)
    values = (on_grid(share, size, k) if math.isfinite(share) else math.nan, low, high)
    return {name: whole(100 * value) for name, value in zip(_FIELDS, values, strict=True)}


def _points(row: Row, size: float, k: int) -> dict[str, float]:
    """A difference of shares, in whole points."""
    return {name: whole(row[name]) for name in _FIELDS}


def _months(row: Row, size: float, k: int) -> dict[str, float]:
    """A mean of months, coarse where the group is small."""
    decimals = 0 if size < 100 else 1
    return {name: written(row[name], decimals) for name in _FIELDS}


def _steps(row: Row, size: float, k: int) -> dict[str, float]:
    """A number of patients that no one is: in steps of K."""
    value = row["estimate"]
    return {"estimate": written(k * round(value / k), 0) if math.isfinite(value) else math.nan}


def _ratio(row: Row, size: float, k: int) -> dict[str, float]:
    """A ratio whose level has K patients with and without the event, as the row says."""
    n, events = row["n"], row["events"]
    if not (math.isfinite(n) and events >= 2 * k and n - events >= k):
        return {"estimate": math.nan}
    return {name: digits(row[name], 3) for name in _FIELDS}


def _plain(row: Row, size: float, k: int) -> dict[str, float]:
    """What is computed from shown ratios or from weights of many: three digits."""
    return {name: digits(row[name], 2) for name in _FIELDS}


def _test(row: Row, size: float, k: int) -> dict[str, float]:
    if math.isfinite(row["events"]) and row["events"] < 2 * k:
        return {"estimate": math.nan}
    return {"estimate": digits(row["estimate"], 2)}


_HANDLERS: Mapping[str, Callable[[Row, float, int], dict[str, float]]] = {
    "cumulative_incidence": _share,
    "state_probability": _share,
    "survival_rate": _share,
    "risk_difference": _points,
    "cumulative_incidence_difference": _points,
    "difference_of_risk_differences": _points,
    "months_in_state": _months,
    "months_in_state_difference": _months,
    "difference_of_rmst_differences": _months,
    "effective_n": _steps,
    "subdistribution_hazard_ratio": _ratio,
    "transition_hazard_ratio": _ratio,
    "hazard_ratio": _ratio,
    "odds_ratio": _ratio,
    "e_value": _plain,
    "e_value_limit": _plain,
    "propensity_auc": _plain,
    "p": _test,
}
