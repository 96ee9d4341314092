"""The results of completed tables as one, by Rubin's rules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

from crlm.causal import flags
from crlm.causal.weighted import quantile_of_level
from crlm.ledger import KEYS, ParameterError, rows

_ON_LOG = (
    "hazard_ratio",
    "odds_ratio",
    "ratio_of_hazard_ratios",
    "transition_hazard_ratio",
    "subdistribution_hazard_ratio",
)
#: A test that has no estimate beside it.
_ALONE = (math.nan, "")
_RATES = ("survival_rate", "cumulative_incidence", "state_probability")


def pool(
    tables: Sequence[pd.DataFrame],
    n: int,
    k: int,
    *,
    model: str | None = "imputed",
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Result rows of completed tables as one, by Rubin's rules.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        The rows of one analysis on each table: normal limits of differences and means, of the
        logarithm of ratios, log-log limits of rates.
    n, k : int
        Patients and parameters, for the degrees of freedom.
    model : str or None
        Of the pooled rows; None keeps that of the analysis.
    conf_level : float
        Of the limits that the rows have and get.

    Returns
    -------
    pandas.DataFrame
        Rows with the mean of the estimates and limits from Student's t with Barnard and
        Rubin's degrees of freedom; a `p` beside a ratio is made anew, a `p` without one (a
        likelihood-ratio test of several terms) is the median (Eekhout I, van de Wiel MA,
        Heymans MW. BMC Med Res Methodol 2017;17:129). Of what has no limits (counts, largest
        weights) the mean, of flags what most tables say. A row that some table lacks, or
        cannot estimate, has no estimate and says so.

    Raises
    ------
    ParameterError
        If there are fewer than two tables.
    """
    if len(tables) < 2:
        raise ParameterError(f"There are {len(tables)} tables; pooling needs two or more.")
    z = quantile_of_level(conf_level)
    sets = [{_key(row): row for row in _records(table)} for table in tables]
    records, tests = [], {}
    for key, row in sets[0].items():
        each = [one.get(key) for one in sets]
        record, p = _pooled(row, each, (n, k, z, conf_level))
        if row["statistic"] == "p":
            record = _tested(row, tests.get(key[:6], _ALONE), each)
        elif p is not None or row["statistic"] in _ON_LOG:
            tests[key[:6]] = p
        records.append(record | ({"model": model} if model is not None else {}))
    return rows(records)


def rubin(q: np.ndarray, u: np.ndarray, n: int, k: int) -> tuple[float, float, float]:
    """Mean, total variance and Barnard and Rubin's degrees of freedom of estimates.

    Parameters
    ----------
    q, u : ndarray, shape (m,)
        Estimates and their variances.
    n, k : int
        Patients and parameters.
    """
    m = len(q)
    between = float(np.var(q, ddof=1))
    total = float(np.mean(u)) + (1 + 1 / m) * between
    whole = max(n - k, 1)
    share = (1 + 1 / m) * between / total if total > 0 else 0.0
    seen = (whole + 1) / (whole + 3) * whole * (1 - share)
    if share <= 0 or not math.isfinite(share):
        return float(np.mean(q)), total, seen
    large = (m - 1) / share**2
    return float(np.mean(q)), total, large * seen / (large + seen)


def moved(
    complete: pd.DataFrame,
    imputed: pd.DataFrame,
    exposure: str,
    *,
    share: float,
    limits: flags.Limits = flags.THRESHOLDS,
) -> pd.DataFrame:
    """The flag `missing`: few complete cases, and another effect with completed tables.

    Parameters
    ----------
    complete, imputed : pandas.DataFrame
        Rows of the same analysis, each with one `hazard_ratio` of the exposure an endpoint and
        population.
    exposure : str
    share : float
        Complete cases as a share of all patients.
    limits : mapping of str to float
        Thresholds of the flag, as `flags.THRESHOLDS`.

    Returns
    -------
    pandas.DataFrame
        One flag for each endpoint and population, model "imputed": raised with fewer than 90 %
        complete cases and log ratios more than 0.10 apart.
    """
    keys = ["endpoint", "population", "level"]
    parts = [
        part[(part["covariate"] == exposure) & (part["statistic"] == "hazard_ratio")][
            [*keys, "estimate"]
        ]
        for part in (complete, imputed)
    ]
    records = []
    for row in parts[0].merge(parts[1], on=keys, suffixes=("_complete", "_imputed")).itertuples():
        one, two = row.estimate_complete, row.estimate_imputed
        known = one > 0 and two > 0
        apart = abs(math.log(two) - math.log(one)) if known else math.nan
        at = {name: getattr(row, name) for name in keys}
        records.append(flags.missing(share, apart, limits, **at, model="imputed"))
    return rows(records)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as mappings; pandas' own way asks of each value what it is."""
    names = list(table)
    lines = zip(*(table[name].tolist() for name in names), strict=True)
    return [dict(zip(names, line, strict=True)) for line in lines]


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """The keys of a row, the statistic last; a missing time is one value."""
    time = None if row["time"] != row["time"] else row["time"]
    plain = [row[name] for name in KEYS if name not in ("statistic", "time")]
    return (*plain, time, row["statistic"])


def _pooled(
    row: Mapping[str, Any],
    each: Sequence[Mapping[str, Any] | None],
    told: tuple[int, int, float, float],
) -> tuple[dict[str, Any], tuple[float, str] | None]:
    """One pooled record and, for what has limits, the p value that it is no effect."""
    n, k, z, conf_level = told
    known = [one for one in each if one is not None and math.isfinite(one["estimate"])]
    m, how = len(each), row["method"]
    record = {**row, "conf_low": math.nan, "conf_high": math.nan}
    if not known:
        return {**record, "estimate": math.nan}, None
    if len(known) < m:
        short = f"not pooled: {m - len(known)} of {m} completed tables give no estimate"
        return {**record, "estimate": math.nan, "method": f"{short}; {how}"}, None
    values = np.array([one["estimate"] for one in known])
    average = float(values.mean())
    if row["statistic"] == "flag":
        said = f"raised in {100 * average:.0f} % of {m} completed tables; {how}"
        return {**record, "estimate": float(average > 0.5), "method": said}, None
    there, back = _scale_of(row["statistic"])
    with np.errstate(invalid="ignore", divide="ignore"):
        q = there(values)
        ends = there(np.array([[one["conf_low"], one["conf_high"]] for one in known]))
    if not (np.isfinite(ends).all() and np.isfinite(q).all()):
        said = f"mean of {m} completed tables; {how}"
        return {**record, "estimate": average, "method": said}, None
    mean, total, df = rubin(q, ((ends[:, 1] - ends[:, 0]) / (2 * z)) ** 2, n, k)
    half = float(student.ppf(0.5 + conf_level / 2, df)) * math.sqrt(total)
    with np.errstate(over="ignore"):
        low, high = sorted((float(back(mean - half)), float(back(mean + half))))
    if not math.isfinite(high):
        why = f"not pooled: the limits lie beyond all numbers; {how}"
        return {**record, "estimate": math.nan, "method": why}, None
    method = f"Rubin's rules, {m} completed tables, df {df:.1f}; {how}"
    p = 2 * float(student.sf(abs(mean) / math.sqrt(total), df)) if total > 0 else math.nan
    limits = {"estimate": float(back(mean)), "conf_low": low, "conf_high": high}
    return {**record, **limits, "method": method}, (p, method)


def _tested(
    row: Mapping[str, Any],
    p: tuple[float, str] | None,
    each: Sequence[Mapping[str, Any] | None],
) -> dict[str, Any]:
    """The p value of the pooled estimate beside it; of a test without one the median p value."""
    m, how = len(each), row["method"]
    if p is None:
        why = f"not pooled: the estimate beside this test is not; {how}"
        return {**row, "estimate": math.nan, "method": why}
    if p is not _ALONE:
        return {**row, "estimate": p[0], "method": f"t test; {p[1]}"}
    values = [one["estimate"] for one in each if one is not None]
    known = [value for value in values if math.isfinite(value)]
    if len(known) < m:
        why = f"not pooled: {m - len(known)} of {m} completed tables give no p value; {how}"
        return {**row, "estimate": math.nan, "method": why}
    method = f"median of the p values of {m} completed tables; {how}"
    return {**row, "estimate": float(np.median(known)), "method": method}


def _scale_of(statistic: str) -> tuple[Any, Any]:
    """Where a statistic is normal, and the way back."""
    if statistic in _ON_LOG:
        return np.log, np.exp
    if statistic in _RATES:
        return (lambda p: np.log(-np.log(p / 100))), (lambda x: 100 * np.exp(-np.exp(x)))
    return (lambda x: x), (lambda x: x)
