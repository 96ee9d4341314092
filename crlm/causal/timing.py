"""Treatment that begins during follow-up: counted from its start, at a landmark, or assumed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm import regression, survival
from crlm.causal import flags
from crlm.causal.adjusted import contrast, first, fitted
from crlm.causal.terms import Scale, design_of, learn, numbers, two_levels, words_of
from crlm.causal.weighted import check_ties, endpoint_of, observed, quantile_of_level
from crlm.ledger import CohortError, ParameterError, rows
from crlm.regression.counting import split_at
from crlm.regression.engine import Fit, FollowUp


def time_dependent(
    frame: pd.DataFrame,
    exposure: str,
    start_column: str,
    adjust: Sequence[Sequence[str]],
    *,
    assumed: float | None = None,
    ties: str = "efron",
    conf_level: float = 0.95,
    population: str = "all",
    limits: flags.Limits = flags.THRESHOLDS,
) -> pd.DataFrame:
    """The hazard ratio of a treatment from its start, beside that of ever having had it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame; late entry is honoured.
    exposure : str
        Of two levels; the second is treatment.
    start_column : str
        Month of the start on the frame's clock. A start on the day of the event or later
        counts as no start; a treated patient without one is left out, and counted.
    adjust : sequence of (name, kind)
        Covariates at baseline, as `propensity`.
    assumed : float, optional
        Start every treatment in this month, whatever the table holds: for tables without
        dates.
    ties : {"efron", "breslow"}
    limits : mapping of str to float
        Thresholds of the flag, as `flags.THRESHOLDS`.

    Returns
    -------
    pandas.DataFrame
        `hazard_ratio` and `p` of model "time dependent" (or "assumed start"), the same of
        model "diagnostic" for treatment counted from the first day, on the same patients with
        the same covariates, and the flag `immortal` where the log ratios differ by more than
        0.10. Without the column and without `assumed` one row `missing` that says so.

    Raises
    ------
    ParameterError, CohortError
        As `propensity`.

    Notes
    -----
    No curve is drawn from it: nobody is treated at time zero in this model.

    References
    ----------
    Suissa S. Am J Epidemiol 2008;167:492.
    """
    covariates = [name for term in adjust for name in term[:1]]
    used = {"endpoint", "time", "event", "entry", exposure, start_column, *covariates}
    held = frame[[name for name in frame if name in used]]
    how = (assumed, ties, conf_level, population)
    return _time_dependent(held, exposure, start_column, adjust, how, limits)


def _time_dependent(
    frame: pd.DataFrame,
    exposure: str,
    start_column: str,
    adjust: Sequence[Sequence[str]],
    how: tuple[float | None, str, float, str],
    limits: flags.Limits,
) -> pd.DataFrame:
    """The rows, of nothing but the columns that are used."""
    assumed, ties, conf_level, population = how
    model = "time dependent" if assumed is None else "assumed start"
    check_ties(ties)
    treated, levels = two_levels(frame, exposure)
    if assumed is None and start_column not in frame:
        told = f"not asked: this table has no {start_column}; it would count treatment from its "
        return _missing(frame, model, f"{told}start on", population)
    if assumed is not None and not (assumed >= 0 and math.isfinite(assumed)):
        raise ParameterError(f"assumed must be a number of months from 0 but is {assumed!r}.")
    start = starts(frame, treated, start_column, assumed)
    known = ~np.isnan(treated) & ~((treated == 1) & np.isnan(start))
    scales, notes = learn(frame, [term for term in adjust if term[0] != exposure])
    part, lost = frame[known], int((treated == 1).sum() - (treated[known] == 1).sum())
    say = [_assumption(assumed)] if assumed is not None else []
    say += [f"{lost} treated without a date of start left out"] if lost else []
    base = {"endpoint": endpoint_of(frame), "population": population, "model": model}
    if not len(part):
        why = "not estimable: no patient has the exposure and its start"
        record = {**_at(frame, model, exposure, levels[1], population), "method": why}
        return rows([{**record, "statistic": "hazard_ratio"}])
    at, told = {**base, "level": levels[1]}, (exposure, scales, ties, quantile_of_level(conf_level))
    moved = _from_start(part, treated[known], start[known], (*told, at), [*say, *notes])
    among = ",".join([*([population] if population != "all" else []), f"{start_column}=known"])
    at = {**at, "model": "diagnostic", "population": among if lost else population}
    ever = _ever(part, treated[known], (*told, at), notes)
    return pd.concat([moved, ever, _immortal(ever, moved, limits, base)], ignore_index=True)


def early_events(
    frame: pd.DataFrame,
    exposure: str,
    grace: float,
    *,
    ties: str = "efron",
    conf_level: float = 0.95,
    population: str = "all",
    limits: flags.Limits = flags.THRESHOLDS,
) -> pd.DataFrame:
    """Untreated patients whose event came before treatment would have begun, and if they move.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    exposure : str
        Of two levels; the second is treatment.
    grace : float
        Months within which treatment begins (weeks times 7 over the days of a month).
    ties : {"efron", "breslow"}
    limits : mapping of str to float
        Thresholds of the flag, as `flags.THRESHOLDS`.

    Returns
    -------
    pandas.DataFrame
        Rows of model "worst case": `cumulative_events` of the untreated before the end of the
        grace period, `percent` of the untreated, `hazard_ratio` and `p` with all of them
        counted as treated (for death before treatment could begin belongs to no side), and
        the flag `immortal`, raised when they are 5 % of the untreated or more.

    Raises
    ------
    ParameterError, CohortError
        If `grace` is not positive; as `propensity`.
    """
    if not (grace > 0 and math.isfinite(grace)):
        raise ParameterError(f"grace must be a number of months above 0 but is {grace!r}.")
    treated, levels = two_levels(frame, exposure)
    known = ~np.isnan(treated)
    base = {"endpoint": endpoint_of(frame), "population": population, "model": "worst case"}
    if not known.any():
        why = f"not estimable: no patient has {exposure} known"
        return rows([{**base, "statistic": "hazard_ratio", "covariate": exposure, "method": why}])
    part, code = frame[known], treated[known]
    data = observed(part)
    early = (code == 0) & (data.event == 1) & (data.time < grace)
    untreated = int((code == 0).sum())
    share = early.sum() / untreated if untreated else math.nan
    text = "" if untreated else "not estimable: nobody untreated; "
    text += f"{early.sum():,} of {untreated:,} untreated had the event before month {grace:.3g}"
    moved = pd.Categorical.from_codes(((code == 1) | early).astype(int), categories=list(levels))
    where = {**base, "group": f"{exposure}={levels[0]}", "time": grace, "method": text}
    where |= {"n": untreated, "events": int(early.sum())}
    count = {"statistic": "cumulative_events", "unit": "patients", "estimate": int(early.sum())}
    percent = {"statistic": "percent", "unit": "%", "estimate": 100 * share}
    told = [{**where, **count}, {**where, **percent}]
    told.append(flags.early(share, text, limits, **base))
    how = (exposure, ties, conf_level, population)
    ratio = _worst_case(part.assign(**{exposure: moved}), how, text)
    return pd.concat([rows(told), ratio], ignore_index=True)


def _worst_case(part: pd.DataFrame, how: tuple[str, str, float, str], text: str) -> pd.DataFrame:
    exposure, ties, conf_level, population = how
    found = regression.cox(
        part,
        [exposure],
        ties=ties,
        model="worst case",
        conf_level=conf_level,
        population=population,
    )
    found = found[found["statistic"].isin(["hazard_ratio", "p"])]
    return found.assign(method=found["method"] + f"; {text}, all counted as treated")


def from_grace(frame: pd.DataFrame, exposure: str, start_column: str, grace: float) -> pd.DataFrame:
    """The patients event-free and followed at the end of the grace period, by who had started.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    exposure, start_column : str
        As `time_dependent`.
    grace : float
        The landmark, in months.

    Returns
    -------
    pandas.DataFrame
        As `survival.landmark`: time counts from the landmark. The exposure is the second
        level where treatment had begun by then, the first where not yet, whatever came
        later; treated patients without a date of start are left out. For `propensity` and
        `weighted_effects` with `population=survival.from_month(grace)`.

    Raises
    ------
    CohortError
        If no patient is left, or the column is absent.
    """
    if start_column not in frame:
        raise CohortError(f"This table has no {start_column}. Add it, or leave the landmark out.")
    treated, levels = two_levels(frame, exposure)
    start = starts(frame, treated, start_column, None)
    known = ~np.isnan(treated) & ~((treated == 1) & np.isnan(start))
    by_then = np.where(treated == 1, start, np.inf) <= grace
    values = pd.Categorical.from_codes(by_then.astype(int), categories=list(levels))
    return survival.landmark(frame.assign(**{exposure: values})[known], grace)


def starts(
    frame: pd.DataFrame, treated: np.ndarray, column: str, assumed: float | None
) -> np.ndarray:
    """Month of the start of each treated patient; missing for the others and where unknown."""
    if assumed is not None:
        return np.where(treated == 1, float(assumed), np.nan)
    start = numbers(frame[column])
    if (start < 0).any():
        raise CohortError(
            f"{int((start < 0).sum())} patients have {column} below 0. "
            "Treatment begins at the operation or later; correct the date."
        )
    return np.where(treated == 1, start, np.nan)


def _from_start(
    part: pd.DataFrame,
    treated: np.ndarray,
    start: np.ndarray,
    how: tuple[str, Sequence[Scale], str, float, dict[str, Any]],
    notes: Sequence[str],
) -> pd.DataFrame:
    """Treatment from its start on: each patient's time in two where it begins in between."""
    exposure, scales, ties, z, at = how
    x = design_of(part, scales)
    kept = np.isfinite(x).all(axis=1) & np.isfinite(treated)
    data = observed(part[kept])
    intervals = split_at(data, start[kept])
    columns = np.column_stack([intervals.yes.astype(float), x[kept][intervals.patient]])
    ever = int(intervals.yes[intervals.last].sum())
    say = f"Cox, {ties.capitalize()} ties, time-dependent covariate ({ever} of {data.n} patients "
    say += f"ever had it), adjusted for {words_of(scales)}"
    fit = fitted(intervals.data, columns, ties)
    return _two_rows(fit, columns.shape[1], z, {**at, "covariate": exposure}, data, say, notes)


def _ever(
    part: pd.DataFrame,
    treated: np.ndarray,
    how: tuple[str, Sequence[Scale], str, float, dict[str, Any]],
    notes: Sequence[str],
) -> pd.DataFrame:
    """The ratio of ever having been treated, counted from the first day."""
    exposure, scales, ties, z, at = how
    columns = np.column_stack([treated, design_of(part, scales)])
    kept = np.isfinite(columns).all(axis=1)
    data = observed(part[kept])
    say = f"Cox, {ties.capitalize()} ties, ever treated, adjusted for {words_of(scales)}"
    fit = fitted(data, columns[kept], ties)
    return _two_rows(fit, columns.shape[1], z, {**at, "covariate": exposure}, data, say, notes)


def _two_rows(
    fit: tuple[Fit | None, str],
    width: int,
    z: float,
    at: dict[str, Any],
    data: FollowUp,
    say: str,
    notes: Sequence[str],
) -> pd.DataFrame:
    """The ratio of the first column and its p value as rows."""
    ratio, test = contrast(*fit, first(width), z, say)
    at = {**at, "n": data.n, "events": data.n_events}
    found = [{**at, "statistic": "hazard_ratio", **ratio}, {**at, "statistic": "p", **test}]
    for record in found:
        record["method"] = "; ".join([record["method"], *notes])
    return rows(found)


def _immortal(
    ever: pd.DataFrame, moved: pd.DataFrame, limits: flags.Limits, base: dict[str, Any]
) -> pd.DataFrame:
    one, two = (
        float(part.loc[part["statistic"] == "hazard_ratio", "estimate"].iloc[0])
        for part in (ever, moved)
    )
    return rows([flags.immortal(one, two, base["model"], limits, **base)])


def _assumption(assumed: float) -> str:
    return f"every treatment taken to begin at month {assumed:g}"


def _at(
    frame: pd.DataFrame, model: str, exposure: str, level: str, population: str
) -> dict[str, Any]:
    return {
        "endpoint": endpoint_of(frame),
        "population": population,
        "model": model,
        "covariate": exposure,
        "level": level,
    }


def _missing(frame: pd.DataFrame, analysis: str, why: str, population: str) -> pd.DataFrame:
    """The row of an analysis that this table cannot feed."""
    return rows([missing_record(frame, analysis, why, population)])


def missing_record(frame: pd.DataFrame, analysis: str, why: str, population: str) -> dict[str, Any]:
    """The record of an analysis that this table cannot feed."""
    return {
        "endpoint": endpoint_of(frame),
        "population": population,
        "model": "diagnostic",
        "covariate": analysis,
        "statistic": "missing",
        "unit": "patients",
        "estimate": len(frame),
        "n": len(frame),
        "method": why,
    }
