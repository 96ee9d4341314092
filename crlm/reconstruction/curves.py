"""Curves, rates, numbers at risk and follow-up of a cohort's files by lifelines.

The certificate's hand for them; the search has kernels of its own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from crlm.ledger import Design
from crlm.reconstruction.models import levels_of
from crlm.reconstruction.quantity import LAST, Quantity

if TYPE_CHECKING:
    from lifelines import KaplanMeierFitter

_Z = float(stats.norm.ppf(0.975))
#: Where S equals one half, and a time another, but for rounding.
_HALF, _LATE = 1e-8, 1e-9


def kaplan_meier(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Events, a median (months), a rate (percent), their limits, or Greenwood's error of it."""
    from lifelines import KaplanMeierFitter

    if quantity.part == "events":
        return int(frame["event"].sum())
    fitter = KaplanMeierFitter().fit(frame["time"], frame["event"])
    if quantity.part in ("survival_rate", "standard_error"):
        rate = 100 * _rate(fitter, quantity, design.conventions["conf_type"])
        error = math.sqrt(_greenwood(fitter.event_table, quantity.time + _LATE))
        return rate if quantity.part == "survival_rate" else rate * error
    rules = design.conventions
    curve = fitter.survival_function_.iloc[:, 0]
    if quantity.part == LAST:
        told = quantity.limit == "estimate"
        band = curve if told else _band(fitter, quantity.limit, rules["conf_type"])
        return 100 * float(band.iloc[-1])
    middle = _half_of(curve, rules["median_rule"])
    if quantity.limit == "estimate":
        return middle
    if rules["conf_type"] != "spss":
        band = _band(fitter, quantity.limit, rules["conf_type"])
        return _half_of(band, rules["median_rule"])
    half = _Z * _spss_error(fitter.event_table, curve)
    return max(middle - half, 0.0) if quantity.limit == "conf_low" else middle + half


def _rate(fitter: KaplanMeierFitter, quantity: Quantity, conf_type: str) -> float:
    """Survival at a time, or its limit; none beyond the last observation, unless all are dead."""
    curve = fitter.survival_function_.iloc[:, 0]
    if quantity.time > curve.index[-1] + _LATE and curve.iloc[-1] > 0:
        return math.nan
    if quantity.limit != "estimate":
        curve = _band(fitter, quantity.limit, conf_type)
    return float(curve[curve.index <= quantity.time + _LATE].iloc[-1])


def _half_of(curve: pd.Series, rule: str) -> float:
    """Where a curve comes down to one half, or by R's rule midway through its stay there."""
    below = curve[curve <= 0.5 + _HALF]
    if below.empty:
        return math.nan
    later = below.index[below < below.iloc[0] - _HALF]
    if rule == "midpoint" and below.iloc[0] >= 0.5 - _HALF and len(later):
        return float(below.index[0] + later[0]) / 2
    return float(below.index[0])


def _band(fitter: KaplanMeierFitter, limit: str, conf_type: str) -> pd.Series:
    """A limit of survival at each time; lifelines has the log-log one alone.

    The others are from its curve and table of events by Kalbfleisch and Prentice, The
    Statistical Analysis of Failure Time Data, 2002, section 1.4; SPSS's of a rate are plain.
    """
    side = ("conf_low", "conf_high").index(limit)
    curve, table = fitter.survival_function_.iloc[:, 0], fitter.event_table
    if conf_type == "log-log":
        return fitter.confidence_interval_.iloc[:, side].where(curve > 0)
    left = table["at_risk"] - table["observed"]
    error = np.sqrt((table["observed"] / (table["at_risk"] * left)).cumsum())
    away = (-1, 1)[side] * _Z * error
    band = curve * (np.exp(away) if conf_type == "log" else 1 + away)
    return band.where(curve > 0).clip(0.0, 1.0)


def difference(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """The difference of two rates, in points, or its z: columns at their last level and first."""
    from lifelines import KaplanMeierFitter

    rates, variances = [], []
    for side in (-1, 0):
        part = frame
        for name in quantity.columns:
            part = part[part[name].astype(str) == levels_of(design, name)[side]]
        fitter = KaplanMeierFitter().fit(part["time"], part["event"])
        rates.append(float(fitter.predict(quantity.time)))
        variances.append(rates[-1] ** 2 * _greenwood(fitter.event_table, quantity.time))
    gap, error = rates[0] - rates[1], math.sqrt(sum(variances))
    if quantity.part == "z":
        return gap / error
    sides = {"estimate": 0, "conf_low": -1, "conf_high": 1}
    return 100 * (gap + sides[quantity.limit] * stats.norm.isf(0.025) * error)


def _spss_error(table: pd.DataFrame, curve: pd.Series) -> float:
    """SPSS's standard error of a median: Greenwood's over Collett's density."""
    events = table[table["observed"] > 0]
    survival = curve.reindex(events.index)
    upper = survival.index[survival >= 0.55 - _HALF].max()
    lower = survival.index[survival <= 0.45 + _HALF].min()
    middle = survival.index[survival <= 0.5 + _HALF].min()
    if not (np.isfinite(upper) and np.isfinite(lower) and np.isfinite(middle)):
        return math.nan
    density = (survival[upper] - survival[lower]) / (lower - upper)
    return float(survival[middle] * math.sqrt(_greenwood(table, middle)) / density)


def _greenwood(table: pd.DataFrame, until: float) -> float:
    """Greenwood's variance of the logarithm of survival, from lifelines' table of events."""
    past = table[(table["observed"] > 0) & (table.index <= until)]
    return float(
        (past["observed"] / (past["at_risk"] * (past["at_risk"] - past["observed"]))).sum()
    )


def at_risk(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Patients at risk just before a month, or events up to and with it."""
    time = frame["time"]
    if quantity.part == "n_at_risk":
        return int((time > quantity.time - _LATE).sum())
    return int((frame["event"] & (time < quantity.time + _LATE)).sum())


def follow_up(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Median follow-up (months) with its limits, by the rule of the design; shortest, longest."""
    time = np.sort(frame["time"].to_numpy())
    if quantity.part == "min_follow_up":
        return time[0]
    if quantity.part == "max_follow_up":
        return time[-1]
    if design.conventions["follow_up"] == "reverse":
        reverse = frame.assign(event=~frame["event"])
        return kaplan_meier(
            Quantity("km", part="median_survival", limit=quantity.limit), reverse, design
        )
    rank = int(stats.binom.ppf(0.025, len(time), 0.5))
    if stats.binom.cdf(rank, len(time), 0.5) <= 0.025:
        rank += 1
    places = {"conf_low": time[rank - 1], "conf_high": time[len(time) - rank]}
    return places.get(quantity.limit, float(np.median(time)))
