"""The product-limit estimate of one group: survival, its error, limits, rates, the median."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from crlm.refusals import choice, confidence
from crlm.survival.samples import TOLERANCE, Sample, counts_at, number_at_risk, snap

ConfType = Literal["plain", "log", "log-log", "spss"]
MedianRule = Literal["first", "midpoint"]
CONF = {"plain": "plain CI", "log": "log CI", "log-log": "log-log CI", "spss": "plain CI"}
RULE = {"first": "first t with S <= 0.5", "midpoint": "midpoint where S = 0.5"}


@dataclass(frozen=True)
class Curve:
    """A product-limit curve at its distinct times; `log_variance` is that of log S."""

    time: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    censored: np.ndarray
    survival: np.ndarray
    log_variance: np.ndarray
    low: np.ndarray
    high: np.ndarray


def check_conventions(conf_type: str, median_rule: str, conf_level: float) -> float:
    """The normal quantile of the level, once the conventions are known to exist."""
    choice("conf_type", conf_type, CONF)
    choice("median_rule", median_rule, RULE)
    confidence(conf_level)
    return float(ndtri(0.5 + conf_level / 2))


def product_limit(sample: Sample, conf_type: str, z: float) -> Curve:
    """The product-limit curve of one group with limits on the chosen scale (z: normal quantile)."""
    times, where, leaving = np.unique(sample.time, return_inverse=True, return_counts=True)
    events = np.bincount(where, weights=sample.event, minlength=len(times))
    at_risk = number_at_risk(sample, times).astype(float)
    survival = np.cumprod((at_risk - events) / at_risk)
    with np.errstate(divide="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events)))
    low, high = _limits(survival, np.sqrt(variance), conf_type, z)
    return Curve(times, at_risk, events, leaving - events, survival, variance, low, high)


def _limits(
    survival: np.ndarray, log_error: np.ndarray, conf_type: str, z: float
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of S on the chosen scale; missing at S = 0, and at S = 1 for log-log, as in R."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if conf_type == "log":
            middle = np.log(np.where(survival > 0, survival, np.nan))
            low, high = np.exp(middle - z * log_error), np.exp(middle + z * log_error)
        elif conf_type == "log-log":
            hazard = -np.log(np.where((survival > 0) & (survival < 1), survival, np.nan))
            factor = np.exp(z * log_error / hazard)
            low, high = np.exp(-hazard * factor), np.exp(-hazard / factor)
        else:
            half = z * survival * log_error
            low, high = survival - half, survival + half
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


def rates_at(sample: Sample, curve: Curve, asked: Sequence[float]) -> list[dict[str, float]]:
    """Survival in percent at each asked time, with the number at risk and events so far."""
    times = snap(np.asarray(asked, dtype=float), sample.grid)
    at_risk, events = counts_at(sample, asked)
    step = np.searchsorted(curve.time, times, side="right")
    beyond = (times > curve.time[-1]) & (curve.survival[-1] > 0)
    values = {}
    for name, column in (
        ("estimate", curve.survival),
        ("conf_low", curve.low),
        ("conf_high", curve.high),
    ):
        values[name] = np.where(beyond, np.nan, 100 * np.r_[1.0, column][step])
    values |= {"n": at_risk, "events": events}
    return [{name: column[i] for name, column in values.items()} for i in range(len(asked))]


def median_of(curve: Curve, conf_type: str, rule: str, z: float) -> dict[str, float]:
    """The median by the chosen rule, with its limits."""
    estimate = _crossing(curve.time, curve.survival, rule)
    if conf_type == "spss":
        return normal_limits(estimate, _spss_median_error(curve), z, floor=0.0)
    return {
        "estimate": estimate,
        "conf_low": _crossing(curve.time, curve.low, rule),
        "conf_high": _crossing(curve.time, curve.high, rule),
    }


def quantile_of(curve: Curve, survival: float, rule: str = "first") -> float:
    """The first time at which a curve is at most this share; missing if it never is."""
    return _crossing(curve.time, curve.survival, rule, survival)


def _crossing(time: np.ndarray, level: np.ndarray, rule: str, share: float = 0.5) -> float:
    """Where a step function reaches a share; a tolerance takes 0.75 * 2/3 for the half it is."""
    below = np.flatnonzero(level < share + TOLERANCE)
    if not len(below):
        return math.nan
    first = below[0]
    if rule == "midpoint" and abs(level[first] - share) < TOLERANCE:
        later = below[level[below] < level[first]]
        if len(later):
            return float(time[first] + time[later[0]]) / 2
    return float(time[first])


def _spss_median_error(curve: Curve) -> float:
    time, survival = (x[curve.events > 0] for x in (curve.time, curve.survival))
    above = np.flatnonzero(survival >= 0.55 - TOLERANCE)
    below = np.flatnonzero(survival <= 0.45 + TOLERANCE)
    if not (len(above) and len(below)):
        return math.nan
    upper, lower = above[-1], below[0]
    density = (survival[upper] - survival[lower]) / (time[lower] - time[upper])
    middle = np.flatnonzero(curve.survival < 0.5 + TOLERANCE)[0]
    if curve.survival[middle] == 0:
        return math.nan
    return float(curve.survival[middle] * math.sqrt(curve.log_variance[middle]) / density)


def normal_limits(
    estimate: float, error: float, z: float, floor: float = -math.inf
) -> dict[str, float]:
    """Estimate with normal limits; the lower one not below `floor`."""
    low, high = estimate - z * error, estimate + z * error
    return {"estimate": estimate, "conf_low": max(low, floor), "conf_high": high}


def interval_text(conf_type: str, conf_level: float) -> str:
    """How the limits are called in a method."""
    level = "" if conf_level == 0.95 else f"{100 * conf_level:g}% "
    return level + CONF[conf_type]


def spss_text(conf_type: str) -> str:
    """What a method adds where SPSS's conventions hold."""
    return " for rates, median CI as SPSS (median +- z SE)" if conf_type == "spss" else ""


def late_text(sample: Sample, curve: Curve) -> str:
    """Late entry, and the month at which early emptiness of the risk set ended the curve."""
    if not sample.late:
        return ""
    empty = np.flatnonzero(curve.survival == 0)
    if len(empty) and empty[0] < len(curve.time) - 1:
        return f", late entry, all at risk had the event at {curve.time[empty[0]]:g} months"
    return ", late entry"
