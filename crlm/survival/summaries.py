"""What a paper's figure or table column asks for at once, put together from the parts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from crlm.ledger import rows
from crlm.refusals import present
from crlm.survival.curves import kaplan_meier, risk_table
from crlm.survival.product_limit import ConfType, MedianRule, product_limit
from crlm.survival.ranks import logrank
from crlm.survival.samples import By, Sample, check_frame, samples_of, snap


def summary(
    frame: pd.DataFrame,
    by: By = None,
    times: Iterable[float] = (),
    *,
    ticks: Iterable[float] | None = None,
    conf_type: ConfType = "log-log",
    median_rule: MedianRule = "first",
    population: str = "all",
) -> pd.DataFrame:
    """All rows behind one survival figure: curves in numbers, risk table, test between groups.

    Parameters
    ----------
    frame, by, times, conf_type, median_rule, population
        As `kaplan_meier`.
    ticks : iterable of float, optional
        Months of the risk table; by default whole years, at most nine of them.
    """
    found = kaplan_meier(
        frame, by, times, conf_type=conf_type, median_rule=median_rule, population=population
    )
    at_risk = risk_table(frame, by, ticks or year_ticks(frame), population=population)
    parts = [found, at_risk]
    if by:
        parts.append(logrank(frame, by, population=population))
    return pd.concat(parts, ignore_index=True)


def by_level(
    frame: pd.DataFrame,
    columns: Sequence[str],
    times: Iterable[float] = (),
    *,
    conf_type: ConfType = "log-log",
    median_rule: MedianRule = "first",
    population: str = "all",
) -> pd.DataFrame:
    """Median survival, and rates, of every level of every categorical column, as papers have them.

    Parameters
    ----------
    columns : sequence of str
        Others than categories are passed over.
    frame, times, conf_type, median_rule, population
        As `kaplan_meier`.
    """
    rules = {"conf_type": conf_type, "median_rule": median_rule, "population": population}
    categorical = [name for name in columns if isinstance(frame[name].dtype, pd.CategoricalDtype)]
    parts = [kaplan_meier(frame, name, list(times), **rules) for name in categorical]
    return pd.concat(parts, ignore_index=True) if parts else rows([])


def rate_difference(
    frame: pd.DataFrame,
    by: Sequence[str],
    first: str,
    second: str,
    *,
    time: float,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Difference of the survival rates of two groups at one time, first minus second.

    Parameters
    ----------
    by : sequence of str
        Columns whose joint levels are the groups.
    first, second : str
        Two of the groups, as `kras=mutant,hai=yes`.
    time : float
        Months.

    Returns
    -------
    pandas.DataFrame
        Result rows `difference` (percentage points, normal limits from Greenwood's
        variances) and its `p`; `group` is the bare columns.

    Raises
    ------
    ParameterError
        If a group does not occur.
    """
    check_frame(frame)
    groups = dict(samples_of(frame, list(by)))
    present((first, second), groups, what="group", of="The analysis frame")
    z = float(ndtri(0.5 + conf_level / 2))
    (rate, error), (other, other_error) = (_rate(groups[g], time) for g in (first, second))
    difference, spread = rate - other, math.hypot(error, other_error)
    base = {
        "endpoint": str(frame["endpoint"].iloc[0]),
        "population": population,
        "group": ",".join(by),
        "time": time,
        "n": len(groups[first].time) + len(groups[second].time),
        "events": int(groups[first].event.sum() + groups[second].event.sum()),
        "method": f"{first} minus {second}, Greenwood variance, normal limits and test",
    }
    p = 2 * float(ndtr(-abs(difference) / spread)) if spread > 0 else math.nan
    effect = {
        "conf_low": 100 * (difference - z * spread),
        "conf_high": 100 * (difference + z * spread),
    }
    return rows(
        [
            {
                **base,
                **effect,
                "statistic": "difference",
                "estimate": 100 * difference,
                "unit": "%",
            },
            {**base, "statistic": "p", "estimate": p},
        ]
    )


def year_ticks(frame: pd.DataFrame, most: int = 9) -> list[float]:
    """Whole years that span the observed times, at most `most` of them, 0 included."""
    last = max(float(frame["time"].max()), 12.0)
    step = 12 * math.ceil(last / 12 / (most - 1))
    return [float(t) for t in range(0, step * math.ceil(last / step) + 1, step)]


def _rate(sample: Sample, time: float) -> tuple[float, float]:
    """Survival at a time and its Greenwood error; missing beyond the last observation."""
    curve = product_limit(sample, "plain", 1.0)
    at = float(snap(np.array([time]), sample.grid)[0])
    if at > curve.time[-1] and curve.survival[-1] > 0:
        return math.nan, math.nan
    step = int(np.searchsorted(curve.time, at, side="right"))
    if step == 0:
        return 1.0, 0.0
    survival = float(curve.survival[step - 1])
    return survival, survival * math.sqrt(float(curve.log_variance[step - 1]))
