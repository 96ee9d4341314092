"""Survival up to a horizon, and from a landmark on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from crlm.ledger import CohortError, rows
from crlm.refusals import argument
from crlm.survival.product_limit import (
    Curve,
    check_conventions,
    late_text,
    normal_limits,
    product_limit,
)
from crlm.survival.samples import (
    By,
    check_frame,
    check_times,
    make_sample,
    names_of,
    number_at_risk,
    row_base,
    samples_of,
    snap,
)


def rmst(
    frame: pd.DataFrame,
    by: By = None,
    tau: float | None = None,
    *,
    most: float = 60.0,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Mean survival time up to a horizon, and the differences of groups.

    Parameters
    ----------
    tau : float, optional
        Horizon in months, written into `time`; by default the last whole month to which every
        group is followed (a group whose curve has reached 0 is followed for ever), at most
        `most`; where nobody is followed for a month, the time that there is.
    most : float
        The longest horizon that is taken without being asked for, in months.

    Returns
    -------
    pandas.DataFrame
        Result rows `rmst` (months, normal limits) of each group; with exactly two groups also
        `rmst_difference` (second minus first) and its `p`, `group` the bare column; with more
        groups of one column the difference of each to the first, `covariate` and `level` being
        the column and the group's level. `method` says which horizon and why: "to 43 months, the
        end of follow-up of ras=mutant". A group whose follow-up ends before a `tau` that was
        asked for, above survival 0, has no mean: the estimate is missing and the method says so
        (R would prolong the last step).

    Raises
    ------
    CohortError
        As `kaplan_meier`.
    ParameterError
        If `tau` or `most` is not positive or a column does not exist.

    Notes
    -----
    Variance as R's `print(survfit, rmean = tau)`: the sum over event times of the squared area
    right of it times d / (n (n - d)).
    """
    z = check_conventions("plain", "first", conf_level)
    for name, months in (("tau", tau), ("most", most)):
        good = months is None or (months > 0 and math.isfinite(months))
        argument(name, months, good, "a number of months above 0")
    groups = samples_of(frame, by)
    curves = {group: product_limit(sample, "plain", z) for group, sample in groups}
    tau, horizon = (tau, f"to {tau:g} months") if tau else _horizon(curves, most)
    records, means = [], []
    for group, sample in groups:
        steps = curves[group]
        mean, error = _restricted_mean(steps, tau)
        means.append((mean, error))
        ended = "" if math.isfinite(mean) else f", follow-up ends at {steps.time[-1]:g} months"
        records.append(
            {
                **row_base(frame, group, sample, population),
                "statistic": "rmst",
                "time": tau,
                "unit": "months",
                **normal_limits(mean, error, z),
                "method": f"area under Kaplan-Meier {horizon}, Greenwood variance, normal CI"
                f"{late_text(sample, steps)}{ended}",
            }
        )
    names = [] if by is None else names_of(frame, by)
    if names and len(groups) == 2:
        keys = {"group": ",".join(names)}
        records += _rmst_difference(records, means, keys, z, horizon)
    elif len(names) == 1:
        for at in range(1, len(groups)):
            level = records[at]["group"].partition("=")[2]
            keys = {"group": "all", "covariate": names[0], "level": level}
            pair = [records[0], records[at]], [means[0], means[at]]
            records += _rmst_difference(*pair, keys, z, horizon)
    return rows(records)


def _horizon(curves: Mapping[str, Curve], most: float) -> tuple[float, str]:
    """The last whole month, at most `most`, to which all are followed, and that in words."""
    ends = {
        group: math.inf if steps.survival[-1] == 0 else float(steps.time[-1])
        for group, steps in curves.items()
    }
    first = min(ends, key=lambda group: ends[group])
    if ends[first] >= most:
        return most, f"to {most:g} months"
    whose = "" if first == "all" else f" of {first}"
    last = float(math.floor(ends[first])) or ends[first]
    return last, f"to {last:.4g} months, the end of follow-up{whose}"


def whole_horizon(frame: pd.DataFrame, by: By, least: int, *, most: float = 60.0) -> float:
    """The last whole month, at most `most`, at which each group has so many at risk; 0: none.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame; late entry is honoured: at risk are those with entry < month <= time.
    least : int
        Patients of each group.

    Raises
    ------
    CohortError, ParameterError
        As `kaplan_meier`.

    Examples
    --------
    >>> frame = pd.DataFrame({"time": [6.0, 13, 21, 30], "arm": list("abab"), "event": True})
    >>> whole_horizon(frame, "arm", 1), whole_horizon(frame, "arm", 2)
    (21.0, 6.0)
    """
    months = np.arange(1, math.floor(most) + 1, dtype=float)
    enough = np.ones(len(months), dtype=bool)
    for _, sample in samples_of(frame, by):
        enough &= number_at_risk(sample, snap(months, sample.grid)) >= least
    return float(months[enough].max(initial=0.0))


def from_month(month: float) -> str:
    """The population of rows from a landmark on: "from month 6"."""
    return f"from month {month:g}"


def landmark(frame: pd.DataFrame, month: float) -> pd.DataFrame:
    """Patients still event-free and under observation at a landmark, timed from there on.

    Parameters
    ----------
    month : float
        The landmark, in months since time zero.

    Returns
    -------
    pandas.DataFrame
        The patients with time > month and, with late entry, entry <= month, under their own
        index; `time` counts from the landmark and `entry`, if there, is 0. An event or censoring
        at the landmark itself leaves nothing to observe, so that patient is out. Rows made from
        it need a population of their own: `population=from_month(month)`.

    Raises
    ------
    CohortError
        If the frame is not an analysis frame, or no patient is left.
    ParameterError
        If `month` is negative.
    """
    check_frame(frame)
    month = check_times([month])[0]
    sample = make_sample(frame, np.arange(len(frame)))
    start = snap(np.array([month]), sample.grid)[0]
    stay = (sample.time > start) & (sample.entry <= start)
    if not stay.any():
        raise CohortError(
            f"No patient is event-free and under observation at {month:g} months; the last "
            f"observed time is {sample.time.max():g}. Choose an earlier landmark."
        )
    kept = frame.loc[stay].assign(time=sample.time[stay] - start)
    return kept.assign(entry=0.0) if "entry" in kept else kept


def _restricted_mean(curve: Curve, tau: float) -> tuple[float, float]:
    if not tau or (tau > curve.time[-1] and curve.survival[-1] > 0):
        return math.nan, math.nan
    inside = curve.time <= tau
    at_risk, events = curve.at_risk[inside], curve.events[inside]
    areas = np.diff(np.r_[0.0, curve.time[inside], tau]) * np.r_[1.0, curve.survival[inside]]
    to_the_right = np.cumsum(areas[::-1])[::-1][1:]
    survivors = at_risk - events
    share = np.where(survivors > 0, events / (at_risk * np.maximum(survivors, 1)), 0.0)
    return float(areas.sum()), math.sqrt(float((to_the_right**2 * share).sum()))


def _rmst_difference(
    records: Sequence[dict[str, Any]],
    means: Sequence[tuple[float, float]],
    keys: Mapping[str, str],
    z: float,
    horizon: str,
) -> list[dict[str, Any]]:
    (first, first_error), (second, second_error) = means
    difference, error = second - first, math.hypot(first_error, second_error)
    base = {
        **records[0],
        **keys,
        "n": sum(record["n"] for record in records),
        "events": sum(record["events"] for record in records),
    }
    base |= {"conf_low": math.nan, "conf_high": math.nan}
    text = f"{records[1]['group']} minus {records[0]['group']}, {horizon}, Greenwood variance, "
    p = 2 * ndtr(-abs(difference / error)) if error > 0 else math.nan
    return [
        {
            **base,
            "statistic": "rmst_difference",
            **normal_limits(difference, error, z),
            "method": text + "normal CI",
        },
        {**base, "statistic": "p", "unit": "", "estimate": p, "method": text + "normal test"},
    ]
