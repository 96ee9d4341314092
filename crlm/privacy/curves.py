"""Curves, rates and medians that move for no fewer than K patients."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crlm import survival
from crlm.privacy.continuous import around, written

_HALF = 0.5 + 1e-9


@dataclass(frozen=True)
class Steps:
    """A Kaplan-Meier curve of one group, an array a column of `survival.curve`."""

    time: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray
    survival: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, frame: pd.DataFrame, conf_type: str) -> Steps:
        """The steps of a frame, all of whose patients are one group."""
        made = survival.curve(frame, conf_type=conf_type)
        names = ("time", "n_at_risk", "n_events", "n_censored", "survival")
        return cls(*(made[n].to_numpy(dtype=float) for n in (*names, "conf_low", "conf_high")))

    def at(self, month: float) -> tuple[float, float, float]:
        """Survival and its limits at a month."""
        step = int(np.searchsorted(self.time, month + 1e-9, side="right")) - 1
        return float(self.survival[step]), float(self.low[step]), float(self.high[step])

    def left_at(self, month: float) -> float:
        """How many are at risk just before a month."""
        step = int(np.searchsorted(self.time, month - 1e-9))
        return float(self.at_risk[step]) if step < len(self.time) else 0.0


def knots(steps: Steps, k: int) -> list[float]:
    """The months between which a curve is drawn straight.

    A knot is set at the next whole month when K events have gathered since the last, if K
    patients are still at risk after it. Fewer than 4 K patients, or K events: none.
    """
    if steps.at_risk[0] < 4 * k or steps.events.sum() < k:
        return []
    found, gathered, since = [0.0], 0.0, 0
    while since < len(steps.time):
        gathered += steps.events[since]
        since += 1
        if gathered < k:
            continue
        month = math.ceil(steps.time[since - 1] - 1e-9)
        while since < len(steps.time) and steps.time[since] <= month + 1e-9:
            since += 1
        if steps.left_at(month + 1e-6) < k:
            break
        found.append(float(month))
        gathered = 0.0
    return found if len(found) > 1 else []


def on_grid(share: float, n: float, k: int, way: int = 0) -> float:
    """A share of n shown patients in steps of K of them; down, up, or to the nearest."""
    steps = share * n / k
    whole = {0: round, -1: math.floor, 1: math.ceil}[way](round(steps, 9))
    return min(max(whole * k / n, 0.0), 1.0)


def limits(low: float, high: float, n: float, k: int) -> tuple[float, float]:
    """Both limits outward on the grid; NaN stays."""
    return tuple(  # type: ignore[return-value]
        on_grid(value, n, k, way) if math.isfinite(value) else math.nan
        for value, way in ((low, -1), (high, 1))
    )


def curve(steps: Steps, n: float, k: int) -> pd.DataFrame:
    """A curve's knots as a frame with the columns of `survival.curve`.

    Its attribute `straight` tells whoever draws it that straight lines join the rows, and that
    nothing between them is known.
    """
    rows, height = [], 1.0
    for month in knots(steps, k):
        level, low, high = steps.at(month) if month else (1.0, 1.0, 1.0)
        height = min(height, on_grid(level, n, k)) if month else 1.0
        low, high = limits(low, high, n, k) if month else (1.0, 1.0)
        rows.append({"time": month, "survival": height, "conf_low": low, "conf_high": high})
    names = ["time", "n_at_risk", "n_events", "n_censored", "survival", "std_error"]
    made = pd.DataFrame(rows, columns=[*names, "conf_low", "conf_high"]).astype(float)
    return made.assign(n_events=1.0, n_censored=0.0) if len(made) else made


def rate(steps: Steps, month: float, n: float, k: int) -> dict[str, float]:
    """A survival rate in steps of K patients, whole per cent, limits outward."""
    reached = knots(steps, k)
    nothing = dict.fromkeys(("estimate", "conf_low", "conf_high"), math.nan)
    if not reached or month > reached[-1] or steps.left_at(month) < k:
        return nothing
    level, low, high = steps.at(month)
    low, high = limits(low, high, n, k)
    values = (on_grid(level, n, k), low, high)
    return {name: whole(100 * value) for name, value in zip(nothing, values, strict=True)}


def whole(percent: float) -> float:
    """A whole per cent, in digits and in text."""
    return written(percent, 0)


def crossing(times: np.ndarray, value: float, k: int) -> float:
    """The mean of the K event times around one; one decimal, NaN without so many."""
    if not math.isfinite(value) or not len(times):
        return math.nan
    at = int(np.searchsorted(times, value - 1e-9))
    return written(around(times, min(at, len(times) - 1), k), 1)


def median(
    frame: pd.DataFrame, row: dict[str, float], k: int, *, censored: bool = False
) -> dict[str, float]:
    """A median and its limits, each the mean of K event times around it.

    Parameters
    ----------
    frame : pandas.DataFrame
        The analysis frame of the group.
    row : mapping
        The exact `estimate`, `conf_low`, `conf_high`.
    censored : bool
        Of follow-up: the times of those who left without the event.
    """
    had = frame["event"].to_numpy(dtype=bool)
    times = np.sort(frame["time"].to_numpy(dtype=float)[had != censored])
    return {name: crossing(times, row[name], k) for name in ("estimate", "conf_low", "conf_high")}


def observed(frame: pd.DataFrame, row: dict[str, float], k: int) -> dict[str, float]:
    """A median of plain times and its limits, each the mean of K times around it."""
    times = np.sort(frame["time"].to_numpy(dtype=float))
    if len(times) < 4 * k:
        return dict.fromkeys(("estimate", "conf_low", "conf_high"), math.nan)
    return {name: crossing(times, row[name], k) for name in ("estimate", "conf_low", "conf_high")}
