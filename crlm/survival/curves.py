"""Survival curves as result rows: medians, rates, numbers at risk, follow-up."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from crlm.ledger import rows
from crlm.survival.product_limit import (
    RULE,
    ConfType,
    MedianRule,
    check_conventions,
    interval_text,
    late_text,
    median_of,
    product_limit,
    rates_at,
    spss_text,
)
from crlm.survival.samples import (
    By,
    check_times,
    counts_at,
    number_at_risk,
    row_base,
    samples_of,
)


def kaplan_meier(
    frame: pd.DataFrame,
    by: By = None,
    times: Iterable[float] = (),
    *,
    conf_type: ConfType = "log-log",
    median_rule: MedianRule = "first",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Patients, events, median survival and survival rates of each group.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    by : str or sequence of str, optional
        Column, or columns of joint groups; by default one group of all.
    times : iterable of float
        Months at which to give the survival rate.
    conf_type : {"plain", "log", "log-log", "spss"}
        Scale of the confidence limits. The limits of the median are where the band crosses 0.5
        (Brookmeyer & Crowley), but for "spss", where rates have plain limits and the median has
        median +- z SE(median), not below 0. SE(median) is Greenwood's SE of S at the median
        over (S(u) - S(l)) / (l - u), with u the last event time whose S >= 0.55 and l the first
        whose S <= 0.45 (Collett); without such a u or l there are no limits.
    median_rule : {"first", "midpoint"}
        Smallest t with S(t) <= 0.5, or as R prints it: midway to the next drop where S is 0.5.
    conf_level : float
    population : str
        Written into the rows.

    Returns
    -------
    pandas.DataFrame
        Result rows `n`, `median_survival` (months; missing if not reached) and, for each of
        `times`, `survival_rate` (percent; `n` at risk at t, `events` up to t). After the last
        observed time of a group whose curve has not reached 0 the rate is missing and `n` 0,
        where R's `summary(fit, times)` has no row. Limits are missing where R's are: at S = 0,
        and with "log-log" at S = 1 from the first observed time on.

    Raises
    ------
    CohortError
        If the frame is empty or is not an analysis frame.
    ParameterError
        If a column, a time or a convention does not exist.
    """
    z = check_conventions(conf_type, median_rule, conf_level)
    asked = check_times(times)
    records = []
    for group, sample in samples_of(frame, by):
        steps = product_limit(sample, conf_type, z)
        base = row_base(frame, group, sample, population)
        method = f"Kaplan-Meier, {interval_text(conf_type, conf_level)}"
        records.append(
            {**base, "statistic": "n", "estimate": base["n"], "unit": "patients", "method": "count"}
        )
        records.append(
            {
                **base,
                "statistic": "median_survival",
                "unit": "months",
                **median_of(steps, conf_type, median_rule, z),
                "method": f"{method}{spss_text(conf_type)}, {RULE[median_rule]}"
                f"{late_text(sample, steps)}",
            }
        )
        for t, rate in zip(asked, rates_at(sample, steps, asked), strict=True):
            records.append(
                {
                    **base,
                    **rate,
                    "statistic": "survival_rate",
                    "time": t,
                    "unit": "%",
                    "method": f"{method}{late_text(sample, steps)}",
                }
            )
    return rows(records)


def curve(
    frame: pd.DataFrame,
    by: By = None,
    *,
    conf_type: ConfType = "log-log",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """The Kaplan-Meier curve of each group as steps, to be drawn or read.

    Returns
    -------
    pandas.DataFrame
        Columns `group`, `time` (months), `n_at_risk`, `n_events`, `n_censored`, `survival`
        (0 to 1), `std_error` (Greenwood, of S itself), `conf_low`, `conf_high`. Each group
        begins with time 0 and survival 1 and has a row for every distinct observed time; events
        at time 0 have a row of their own after the first.

    Raises
    ------
    CohortError, ParameterError
        As `kaplan_meier`.
    """
    z = check_conventions(conf_type, "first", conf_level)
    parts = []
    for group, sample in samples_of(frame, by):
        steps = product_limit(sample, conf_type, z)
        with np.errstate(invalid="ignore"):
            error = steps.survival * np.sqrt(steps.log_variance)
        start = number_at_risk(sample, np.zeros(1))
        columns = {
            "time": (0.0, steps.time),
            "n_at_risk": (start[0], steps.at_risk),
            "n_events": (0, steps.events),
            "n_censored": (0, steps.censored),
            "survival": (1.0, steps.survival),
            "std_error": (0.0, error),
            "conf_low": (1.0, steps.low),
            "conf_high": (1.0, steps.high),
        }
        part = pd.DataFrame({name: np.r_[first, rest] for name, (first, rest) in columns.items()})
        part.insert(0, "group", group)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def risk_table(
    frame: pd.DataFrame,
    by: By = None,
    times: Iterable[float] = (0, 12, 24, 36, 48, 60),
    *,
    population: str = "all",
) -> pd.DataFrame:
    """Numbers at risk, and events so far, below a curve: those with entry < t <= time.

    Returns
    -------
    pandas.DataFrame
        For each group and time (months) result rows `n_at_risk` (just before t, so an event at
        t still counts) and `cumulative_events` (up to and with t).

    Raises
    ------
    CohortError, ParameterError
        As `kaplan_meier`.
    """
    asked = check_times(times)
    records = []
    for group, sample in samples_of(frame, by):
        base = row_base(frame, group, sample, population)
        at_risk, events = counts_at(sample, asked)
        late = ", late entry" if sample.late else ""
        for t, here, so_far in zip(asked, at_risk, events, strict=True):
            row = {**base, "time": t, "unit": "patients"}
            records += [
                {
                    **row,
                    "statistic": "n_at_risk",
                    "estimate": here,
                    "method": f"at risk just before t{late}",
                },
                {
                    **row,
                    "statistic": "cumulative_events",
                    "estimate": so_far,
                    "method": "events up to t",
                },
            ]
    return rows(records)
