"""Two sides of a comparison as curves, and what they differ by, as records."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crlm.causal.engine import column_of, robust_cox
from crlm.causal.weighted import (
    Curve,
    curve_of,
    honest,
    rate_limits,
    spread_of,
    under_observation,
)
from crlm.regression.engine import FollowUp


@dataclass(frozen=True)
class Arms:
    """Two sides of a comparison as curves, and where they are told.

    Attributes
    ----------
    where : str
        The population.
    level : str
        The level of a modifier; "" for all.
    rows : tuple of ndarray
        Positions of the patients of the first and the second side.
    curves : tuple of Curve
    times : list of float
        Horizons at which survival is estimated.
    taus : list of float
        Horizons of restricted means.
    left : dict of float to str
        Horizons at which nothing is estimated, and why.
    """

    where: str
    level: str
    rows: tuple[np.ndarray, np.ndarray]
    curves: tuple[Curve, Curve]
    times: list[float]
    taus: list[float]
    left: dict[float, str]

    def values(self, weights: np.ndarray) -> np.ndarray:
        """Survival of both sides at the times, then areas of both to the taus."""
        asked = np.array(self.times, dtype=float)
        steps = [curve.survival(weights) for curve in self.curves]
        rates = [c.rates(s, asked) for c, s in zip(self.curves, steps, strict=True)]
        areas = [
            [c.area(s, tau) for tau in self.taus] for c, s in zip(self.curves, steps, strict=True)
        ]
        found = np.concatenate([*rates, *areas])
        empty = any(weights[part].sum() <= 0 for part in self.rows)
        return np.full(len(found), np.nan) if empty else found


def two_arms(
    data: FollowUp,
    sides: tuple[np.ndarray, np.ndarray],
    asked: Sequence[float],
    tau: float | None,
    least: int,
    where: str = "all",
    level: str = "",
) -> Arms:
    """Both sides' curves, and the horizons that their follow-up allows."""
    curves = (curve_of(data, sides[0]), curve_of(data, sides[1]))
    left: dict[float, str] = {}
    for month in dict.fromkeys([*asked, *([tau] if tau else [])]):
        counts = [under_observation(data, side, month) for side in sides]
        if min(counts) < least:
            left[month] = (
                f"not estimated: patients of the two sides left at month {month:g}: "
                f"{counts[0]} and {counts[1]}, fewer than {least} on a side"
            )
    times = [month for month in asked if month not in left]
    taus = list(times)
    if tau and tau not in left and tau not in taus:
        taus.append(tau)
    if not tau and asked and len(times) < len(asked):
        own = honest(data, sides, max(asked), least)
        taus += [own] if math.isfinite(own) and own not in taus else []
    return Arms(where, level, sides, curves, times, taus, left)


def effect_records(
    group: Arms,
    at: np.ndarray,
    draws: np.ndarray,
    told: tuple[dict[str, Any], str, tuple[str, str], float, str],
    data: FollowUp,
) -> list[dict[str, Any]]:
    """Survival, restricted means and differences of one comparison as records.

    Parameters
    ----------
    at : ndarray
        `group.values` under the weights.
    draws : ndarray, shape (samples, values)
        The same in each resample.
    told : tuple
        Keys, exposure, its levels, the normal quantile, the method.
    """
    base, exposure, levels, z, say = told
    errors = spread_of(draws) if len(draws) else np.full(len(at), np.nan)
    both = {**base, "group": exposure, **counted(data, np.concatenate(group.rows))}
    records: list[dict[str, Any]] = []
    for kind in KINDS:
        horizons, offset = kind.places(group)
        for side, level in enumerate(levels):
            here = {**base, "group": f"{exposure}={level}", **counted(data, group.rows[side])}
            here |= {"statistic": kind.name, "unit": kind.unit, "method": say}
            for j, month in enumerate(horizons):
                k = offset + side * len(horizons) + j
                limits = _limits(kind.name, at[k], errors[k], z)
                records.append({**here, "time": month, **limits})
        records += _differences(kind, group, at, draws, (both, levels, z, say))
    for month, why in group.left.items():
        here = {**both, "time": month, "method": f"{why}; {say}"}
        records += [{**here, "statistic": kind.difference, "unit": kind.unit} for kind in KINDS]
    return records


@dataclass(frozen=True)
class Measure:
    """Survival, or restricted means: how they and their differences are called."""

    name: str
    difference: str
    unit: str
    factor: float
    words: str

    def places(self, group: Arms) -> tuple[list[float], int]:
        """The horizons, and where their values begin among `values`."""
        if self.name == "rmst":
            return group.taus, 2 * len(group.times)
        return group.times, 0


KINDS = (
    Measure("survival_rate", "risk_difference", "%", 100.0, "survival"),
    Measure("rmst", "rmst_difference", "months", 1.0, "restricted mean"),
)


def hazard_ratio(
    data: FollowUp,
    x: np.ndarray,
    given: np.ndarray,
    ties: str,
    z: float,
    say: str,
    cluster: np.ndarray | None = None,
) -> dict[str, Any]:
    """The ratio of the first column (0 and 1) of a weighted Cox model, as a record."""
    n, events = int((given > 0).sum()), int(data.event[given > 0].sum())
    found = {"statistic": "hazard_ratio", "n": n, "events": events}
    first = x[:, 0]
    for code, name in ((0, "first"), (1, "second")):
        if not data.event[(first == code) & (given > 0)].any():
            why = f"not estimable: no event on the {name} side"
            return {**found, "method": f"{why}; {say}"}
    fit = robust_cox(data, x, given, ties, np.arange(data.n) if cluster is None else cluster)
    coef, error, why = column_of(fit, 0, 1.0)
    if why:
        return {**found, "method": f"{why}; {say}"}
    low, high = math.exp(coef - z * error), math.exp(coef + z * error)
    return {**found, "estimate": math.exp(coef), "conf_low": low, "conf_high": high, "method": say}


def counted(data: FollowUp, part: np.ndarray) -> dict[str, int]:
    """Patients and events of some rows."""
    return {"n": len(part), "events": int(data.event[part].sum())}


def normal(value: float, error: float, z: float) -> dict[str, float]:
    """An estimate with normal limits."""
    return {"estimate": value, "conf_low": value - z * error, "conf_high": value + z * error}


def _limits(name: str, value: float, error: float, z: float) -> dict[str, float]:
    if name == "survival_rate":
        low, high = rate_limits(value, error, z)
        return {"estimate": 100 * value, "conf_low": 100 * low, "conf_high": 100 * high}
    return {"estimate": value, "conf_low": value - z * error, "conf_high": value + z * error}


def _differences(
    kind: Measure,
    group: Arms,
    at: np.ndarray,
    draws: np.ndarray,
    told: tuple[dict[str, Any], tuple[str, str], float, str],
) -> list[dict[str, Any]]:
    """Second side minus first at each horizon, with the error over the resamples."""
    both, levels, z, say = told
    horizons, offset = kind.places(group)
    sign = f"{levels[1]} minus {levels[0]} (positive: {levels[1]} lives longer)"
    here = {**both, "statistic": kind.difference, "unit": kind.unit}
    records = []
    for j, month in enumerate(horizons):
        value, error = _contrast(at, draws, offset + j, offset + len(horizons) + j)
        few = "too few resamples give a number for limits; "
        why = few if len(draws) and not math.isfinite(error) else ""
        limits = normal(kind.factor * value, kind.factor * error, z)
        method = f"{kind.words}, {sign}, normal limits; {why}{say}"
        records.append({**here, "time": month, **limits, "method": method})
    return records


def _contrast(at: np.ndarray, draws: np.ndarray, one: int, two: int) -> tuple[float, float]:
    """Second minus first, and its error over the resamples."""
    difference = float(at[two] - at[one])
    if not len(draws):
        return difference, math.nan
    return difference, float(spread_of((draws[:, two] - draws[:, one])[:, None])[0])
