"""How long patients were followed, as result rows: of all, of one endpoint, of survivors."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy.special import bdtr

from crlm.ledger import rows
from crlm.refusals import choice
from crlm.survival.product_limit import (
    RULE,
    ConfType,
    MedianRule,
    check_conventions,
    interval_text,
    late_text,
    median_of,
    product_limit,
    quantile_of,
    spss_text,
)
from crlm.survival.samples import By, Sample, row_base, samples_of

Method = Literal["reverse", "observed", "survivors"]
QuantileRule = Literal["weibull", "linear"]
_QUARTILES = {"q1_follow_up": 0.25, "q3_follow_up": 0.75}


def follow_up(
    frame: pd.DataFrame,
    by: By = None,
    *,
    method: Method = "reverse",
    conf_type: ConfType = "log-log",
    median_rule: MedianRule = "first",
    conf_level: float = 0.95,
    population: str = "all",
    model: str = "",
    endpoint: str = "",
    quartiles: QuantileRule | None = None,
) -> pd.DataFrame:
    """How long patients were followed: median, shortest and longest follow-up.

    Parameters
    ----------
    method : {"reverse", "observed", "survivors"}
        "reverse": Kaplan-Meier with event and censoring exchanged (Schemper & Smith, Control
        Clin Trials 1996;17:343), as R's `survfit(Surv(time, event == 0) ~ 1)`: a patient with
        an event at t is still at risk of censoring at t. "observed": median of the observed
        times, limits the order statistics that enclose it with at least the level (Conover,
        Practical Nonparametric Statistics, 1999, section 3.2); missing where too few times do.
        "survivors": the same of the patients without the event alone.
        `conf_type` and `median_rule` are of the first alone.
    model : str
        Written into the rows, to tell one method from the other where both are given.
    endpoint : str
        Written into the rows: of which endpoint this is the follow-up; "" for that of the
        patients.
    quartiles : {"weibull", "linear"}, optional
        Also quartiles, of observed times by this rule (as of Table 1; R's types 6 and 7), of the
        reverse curve where it falls to 75 and 25 %.

    Returns
    -------
    pandas.DataFrame
        Result rows `median_follow_up`, `min_follow_up`, `max_follow_up` (months since time
        zero; the last two of the observed times), with `quartiles` also `q1_follow_up` and
        `q3_follow_up`.

    Raises
    ------
    CohortError, ParameterError
        As `kaplan_meier`.
    """
    choice("method", method, get_args(Method))
    check_conventions(conf_type, median_rule, conf_level)
    records = []
    for group, sample in samples_of(frame, by):
        base = {**row_base(frame, group, sample, population), "endpoint": endpoint}
        base |= {"model": model, "unit": "months"}
        whose, at = "", sample.time
        if method == "survivors":
            whose, at = " of patients without the event", sample.time[~sample.event]
            base |= {"n": len(at), "events": 0}
        middle = _observed_median(at, 1 - conf_level)
        text = f"median of the observed times{whose}, order-statistic CI"
        if method == "reverse":
            middle, text = _reversed(sample, conf_type, median_rule, conf_level)
        ends = {"min_follow_up": at.min(initial=math.inf), "max_follow_up": at.max(initial=-1.0)}
        records.append({**base, **middle, "statistic": "median_follow_up", "method": text})
        records += [
            {
                **base,
                "statistic": name,
                "estimate": value if len(at) else math.nan,
                "method": f"observed times{whose}",
            }
            for name, value in ends.items()
        ]
        if quartiles:
            records += _quartiles(base, sample, at, method, quartiles, whose)
    return rows(records)


def _reversed(
    sample: Sample, conf_type: ConfType, median_rule: MedianRule, conf_level: float
) -> tuple[dict[str, float], str]:
    """The median of the curve of censoring, and how it is called."""
    z = check_conventions(conf_type, median_rule, conf_level)
    steps = product_limit(replace(sample, event=~sample.event), conf_type, z)
    text = f"reverse Kaplan-Meier, {interval_text(conf_type, conf_level)}"
    text += f"{spss_text(conf_type)}, {RULE[median_rule]}{late_text(sample, steps)}"
    return median_of(steps, conf_type, median_rule, z), text


def _quartiles(
    base: dict[str, Any],
    sample: Sample,
    at: np.ndarray,
    method: str,
    rule: QuantileRule,
    whose: str,
) -> list[dict[str, Any]]:
    found = {name: math.nan for name in _QUARTILES}
    text = f"observed times{whose}, {rule} quantiles"
    if method == "reverse":
        steps = product_limit(replace(sample, event=~sample.event), "plain", 1.96)
        found = {name: quantile_of(steps, 1 - share) for name, share in _QUARTILES.items()}
        text = f"reverse Kaplan-Meier{late_text(sample, steps)}"
    elif len(at):
        found = {n: float(np.quantile(at, share, method=rule)) for n, share in _QUARTILES.items()}
    told = {**base, "method": text}
    return [{**told, "statistic": name, "estimate": value} for name, value in found.items()]


def _observed_median(time: np.ndarray, alpha: float) -> dict[str, float]:
    """Median of plain times between the order statistics r and n + 1 - r."""
    ordered, n = np.sort(time), len(time)
    ranks = np.arange(n)
    r = int((bdtr(ranks, n, 0.5) <= alpha / 2).sum()) if n else 0
    limits = (ordered[r - 1], ordered[n - r]) if r else (math.nan, math.nan)
    return {
        "estimate": float(np.median(ordered)) if n else math.nan,
        "conf_low": limits[0],
        "conf_high": limits[1],
    }
