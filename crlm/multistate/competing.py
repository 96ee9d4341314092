"""Competing causes: how many had an event of each cause by a month, and what moves its rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crlm import regression
from crlm.endpoints import EARLY_PNAC
from crlm.ledger import rows
from crlm.ledger.chapter import Thresholds
from crlm.multistate.causes import (
    Causes,
    causes_of,
    checked_weights,
    endpoint_of,
    known,
    with_known_cause,
    with_transition,
)
from crlm.multistate.occupation import MODEL, counts, difference_record, only, sure, too_few
from crlm.multistate.process import Path, Process, aalen_johansen, errors, log, log_log
from crlm.multistate.variance import gray_errors
from crlm.refusals import choice
from crlm.survival.samples import By, check_times, names_of

#: The number of this analysis in the seeds of resamples.
ANALYSIS = 4
#: The share of resamples that must hold both groups.
_ENOUGH = 0.9
#: How limits are made, by the word for it.
_LIMITS = {
    "jackknife": "infinitesimal-jackknife error, log-log CI",
    "cmprsk": "Gray's variance, log-log CI",
    "survfit": "infinitesimal-jackknife error, log CI",
}
_USUAL = Thresholds()
#: From how many percentage points on 1 - Kaplan-Meier misleads.
MISLEADS = _USUAL.competing_points


def incidence(
    frame: pd.DataFrame,
    by: By,
    causes: Sequence[str],
    times: Iterable[float],
    *,
    weights: np.ndarray | None = None,
    reweigh: Callable[[np.ndarray], np.ndarray] | None = None,
    samples: int = 200,
    seed: int = 20,
    min_at_risk: int = 10,
    model: str = MODEL,
    misleads: float = MISLEADS,
    population: str = "all",
    limits: str = "jackknife",
) -> pd.DataFrame:
    """How many had an event of each cause by a month: Aalen-Johansen, 1 - Kaplan-Meier beside it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame with `cause` (`first_recurrence`, `failure_or_death`).
    by : str or sequence of str or None
        Column, or columns of joint groups.
    causes : sequence of str
        Which causes to tell of; all others compete all the same.
    times : iterable of float
        Months.
    weights : ndarray, shape (patients of the frame,), optional
        Case weights, above 0.
    reweigh : callable, optional
        From how often each patient of the frame is in a resample to the weights estimated in
        that resample, one a patient of the frame, all missing where there are none. Without
        it, weights count as known.
    samples, seed : int
        With `reweigh` alone: `numpy.random.default_rng([seed, 4])` draws `samples` times how
        often each of all n patients is taken.
    min_at_risk : int
        A month at which a group has fewer patients at risk is not estimated.
    model : str
        Written into the rows; with weights, or another rule of when a cause came, the word for
        it ("overlap weighted", "recurrence bound").
    misleads : float
        Points by which 1 - Kaplan-Meier must be too high to raise the flag.
    limits : {"jackknife", "cmprsk", "survfit"}
        Limits of 95 %: log-log with the infinitesimal-jackknife error; log-log with Gray's
        variance, as of R's `cmprsk`, without weights alone; or on the log scale with the
        infinitesimal-jackknife error, as R's `survfit` prints them unasked.

    Returns
    -------
    pandas.DataFrame
        Result rows with level the cause: `cumulative_incidence` (percent; n at risk at t, events
        of the cause up to t); with two groups `cumulative_incidence_difference`, second minus
        first, `group` the bare column. For model "aalen-johansen" without weights also
        `cumulative_incidence` of model "one minus km", and the `flag` "competing", raised where
        that is more than `misleads` points above at the last month that could be estimated. What
        cannot be estimated is missing, with the reason in `method`.

    Raises
    ------
    CohortError
        If the frame is empty, is no analysis frame or has no causes.
    ParameterError
        If a column, a cause or a time does not exist, or weights do not fit.

    Notes
    -----
    Limits of differences are normal with the root of the sum of both squared errors, or with
    `reweigh` the standard deviation of the resamples. 1 - Kaplan-Meier censors the other causes,
    which answers what nobody asked: how many would have had the event if the others could not
    happen and nothing else changed.

    References
    ----------
    Andersen PK, Geskus RB, de Witte T, Putter H. Int J Epidemiol 2012;41:861.
    """
    asked = check_times(times)
    choice("limits", limits, tuple(_LIMITS) if weights is None else ("jackknife", "survfit"))
    groups = causes_of(frame, by, weights)
    known(causes, groups[0].names)
    base = {"endpoint": endpoint_of(frame), "population": population, "model": model}
    naive = weights is None and model == MODEL
    estimated = [
        _estimate(group, group.process(), causes, asked, min_at_risk, limits) for group in groups
    ]
    records = []
    for group, found in zip(groups, estimated, strict=True):
        records += _incidence_rows(group, found, causes, asked, base)
        if naive:
            records += _naive(group, causes, asked, min_at_risk, base)
    whose = {**base, "group": ",".join(names_of(frame, by)) or "all"}
    if by and len(groups) <= 2:
        draws = _Draws(reweigh, samples, seed, len(frame))
        spread = _spread(groups, estimated, causes, draws)
        records += _differences(groups, estimated, causes, asked, spread, whose)
    if naive:
        records.append(_competing(rows(records), whose, misleads))
    return rows(records)


def cause_specific(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    cause: str,
    *,
    ties: str = "efron",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Hazard ratios for the rate of one cause among those still free of all: does it act there.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `incidence`.
    covariates, ties, conf_level
        As `regression.cox`.
    cause : str

    Returns
    -------
    pandas.DataFrame
        Rows as `regression.cox` gives them, without p values, model "cause specific",
        population "resection>liver"; events of the other causes are censored when they happen.

    Raises
    ------
    CohortError, ParameterError
        As `incidence` and `regression.cox`.
    """
    part, note = with_known_cause(frame)
    known([cause], tuple(part["cause"].cat.categories))
    alone = part.assign(event=(part["cause"] == cause).to_numpy(bool))
    found = regression.cox(
        alone,
        covariates,
        ties=ties,
        model="cause specific",
        conf_level=conf_level,
        population=with_transition(population, f"resection>{cause}"),
    )
    told = found[found["statistic"] != "p"].reset_index(drop=True)
    return told.assign(method=told["method"] + ", other causes censored" + note)


def guaranteed_time(
    risks: pd.DataFrame,
    record: pd.DataFrame,
    month: float,
    *,
    share: float = _USUAL.guaranteed_share,
    points: float = _USUAL.guaranteed_points,
) -> pd.DataFrame:
    """The flag "guaranteed time": p-NAC for early recurrences dates failures late.

    Parameters
    ----------
    risks : pandas.DataFrame
        Rows of `incidence` of all patients for the cause "failure", of the models "record" and
        "recurrence bound".
    record : pandas.DataFrame
        The frame "record" of `endpoints.bounds`.
    month : float
        At which the risks are compared.
    share, points : float
        Raised where a larger share of the patients had p-NAC for an early recurrence, or the
        risk moves by more percentage points between the two.
    """
    treated = int((record[EARLY_PNAC] == "yes").sum())
    own = risks[(risks["statistic"] == "cumulative_incidence") & (risks["group"] == "all")]
    own = own[(own["time"] == month) & (own["population"] == "all")]
    risk = own.set_index("model")["estimate"]
    moved = abs(risk.get("recurrence bound", np.nan) - risk.get("record", np.nan))
    text = (
        f"{treated} of {len(record)} patients had p-NAC for an early recurrence (raised above "
        f"{100 * share:.0f} %); dated back, the failure risk at month {month:g} moves by "
        f"{moved:.1f} points (raised above {points:g})"
    )
    raised = treated > share * len(record) or moved > points
    keys = {"endpoint": "SCP", "covariate": "guaranteed time", "model": "diagnostic"}
    return rows([{**keys, "statistic": "flag", "estimate": float(raised), "method": text}])


# ---- incidences -------------------------------------------------------------


@dataclass(frozen=True)
class Estimated:
    """Incidences of one group: shares and errors, shape (times, causes asked), and why not."""

    process: Process
    path: Path
    times: np.ndarray
    share: np.ndarray
    error: np.ndarray
    why: tuple[str, ...]
    limits: str


@dataclass(frozen=True)
class _Draws:
    """How the error of differences is resampled, if weights are estimated anew each time."""

    reweigh: Callable[[np.ndarray], np.ndarray] | None
    samples: int
    seed: int
    n: int


def _estimate(
    group: Causes,
    process: Process,
    causes: Sequence[str],
    asked: Sequence[float],
    least: int,
    limits: str = "jackknife",
) -> Estimated:
    path = aalen_johansen(process, group.weights)
    times = process.snapped(asked)
    columns_asked = [1 + group.place_of(cause) for cause in causes]
    if limits == "cmprsk":
        error = gray_errors(group, causes, times)
    else:
        error = errors(process, path, times, "probability", group.weights)[:, columns_asked]
    at_risk = process.at_risk(asked)[:, 0]
    why = tuple(too_few(int(n), least, group.name, t) for n, t in zip(at_risk, asked, strict=True))
    share = path.at(times)[:, columns_asked, 0]
    return Estimated(process, path, times, share, error, why, limits)


def _naive(
    group: Causes,
    causes: Sequence[str],
    asked: Sequence[float],
    least: int,
    base: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """The same with the other causes censored, one cause after the other."""
    records = []
    for cause in causes:
        alone = group.alone(cause)
        found = _estimate(alone, alone.process(), [cause], asked, least)
        records += _incidence_rows(alone, found, [cause], asked, {**base, "model": "one minus km"})
    return records


def _incidence_rows(
    group: Causes,
    found: Estimated,
    causes: Sequence[str],
    asked: Sequence[float],
    base: Mapping[str, Any],
) -> list[dict[str, Any]]:
    name = "1 - Kaplan-Meier" if base["model"] == "one minus km" else "Aalen-Johansen"
    weighted = "" if group.weights is None else ", weights taken as known"
    method = f"{name}, {_LIMITS[found.limits]}{weighted}{group.note}"
    at_risk = found.process.at_risk(asked)[:, 0]
    same = {**base, "group": group.name, "statistic": "cumulative_incidence", "unit": "%"}
    records = []
    for c, cause in enumerate(causes):
        for i, month in enumerate(asked):
            row = {
                **same,
                "level": cause,
                "time": month,
                "n": at_risk[i],
                "events": _events_by([group], cause, found.times[i]),
                "method": found.why[i] or method + sure(found.share[i, c]),
            }
            records.append(row if found.why[i] else {**row, **_percent(found, i, c)})
    return records


def _percent(found: Estimated, i: int, c: int) -> dict[str, float]:
    scale = log if found.limits == "survfit" else log_log
    low, high = scale(found.share[i, c], found.error[i, c])
    return {"estimate": 100 * found.share[i, c], "conf_low": 100 * low, "conf_high": 100 * high}


def _differences(
    groups: Sequence[Causes],
    estimated: Sequence[Estimated],
    causes: Sequence[str],
    asked: Sequence[float],
    spread: tuple[np.ndarray, str],
    base: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Incidence of the last group less that of the first, or why there is no such difference."""
    note = next((group.note for group in groups if group.note), "")
    contrast = f"{groups[-1].name} minus {groups[0].name}, Aalen-Johansen, {spread[1]}{note}"
    gap = estimated[-1].share - estimated[0].share
    same = {**base, "unit": "%", "n": sum(len(group.cause) for group in groups)}
    records = []
    for c, cause in enumerate(causes):
        for i, month in enumerate(asked):
            why = estimated[0].why[i] or estimated[-1].why[i]
            why = only(groups[0].name) if len(groups) < 2 else why
            sides = _sided(estimated[0].share[i, c], estimated[-1].share[i, c])
            row = {
                **same,
                "level": cause,
                "statistic": "cumulative_incidence_difference",
                "time": month,
                "events": _events_by(groups, cause, estimated[0].times[i]),
                "method": why or contrast + sides,
            }
            known = {} if why else difference_record(100 * gap[i, c], 100 * spread[0][i, c])
            records.append({**row, **known})
    return records


def _sided(one: float, other: float) -> str:
    """What a method adds where a group at 0 or 100 % brings no error of its own."""
    inside = 0 < min(one, other) and max(one, other) < 1
    return "" if inside else "; a group at 0 or 100 % adds none"


def _events_by(groups: Sequence[Causes], cause: str, month: float) -> int:
    """Events of a cause in all groups up to a month."""
    place = groups[0].place_of(cause)
    return sum(int(((g.cause == place) & (g.sample.time <= month)).sum()) for g in groups)


def _spread(
    groups: Sequence[Causes], estimated: Sequence[Estimated], causes: Sequence[str], draws: _Draws
) -> tuple[np.ndarray, str]:
    """Errors of the differences, shape (times, causes asked), and what they are called."""
    if draws.reweigh is None or draws.samples < 2 or len(groups) < 2:
        fixed = "" if groups[0].weights is None else ", weights taken as known"
        if estimated[0].limits == "cmprsk":
            return np.hypot(estimated[0].error, estimated[-1].error), "Gray's variances, normal CI"
        error = np.hypot(estimated[0].error, estimated[-1].error)
        return error, f"infinitesimal-jackknife errors, normal CI{fixed}"
    rng = np.random.default_rng([draws.seed, ANALYSIS])
    picked = [1 + groups[0].place_of(cause) for cause in causes]
    drawn = []
    for count in counts(draws.n, draws.samples, rng):
        again = draws.reweigh(count)
        if np.isnan(again).all():  # a side that was not drawn
            continue
        w = count * checked_weights(again, draws.n)
        share = [
            aalen_johansen(found.process, w[group.place]).at(found.times)[:, picked, 0]
            for group, found in zip(groups, estimated, strict=True)
        ]
        drawn.append(share[1] - share[0])
    text = f"error of {draws.samples} resamples of patients with the weights estimated anew"
    if len(drawn) < max(2, _ENOUGH * draws.samples):
        return np.full_like(estimated[0].error, np.nan), "no limits: too few resamples have both"
    return np.std(drawn, axis=0, ddof=1), f"normal CI, {text}"


def _competing(found: pd.DataFrame, base: Mapping[str, Any], misleads: float) -> dict[str, Any]:
    """The flag: how far 1 - Kaplan-Meier lies above the incidence at the last month."""
    told = found[found["statistic"] == "cumulative_incidence"]
    told = told.set_index(["group", "level", "time", "model"])["estimate"].unstack("model")
    both = told.dropna().reset_index()
    row = {**base, "covariate": "competing", "model": "diagnostic", "statistic": "flag"}
    if both.empty:
        return {**row, "method": "not asked: no month at which enough patients are left"}
    last = both[both["time"] == both["time"].max()]
    excess = last["one minus km"] - last[base["model"]]
    worst = last.loc[excess.idxmax()]
    whose = "" if worst["group"] == "all" else f" of {worst['group']}"
    text = (
        f"1 - Kaplan-Meier of {worst['level']}{whose} is {excess.max():.1f} points above the "
        f"cumulative incidence at month {worst['time']:g}; raised above {misleads:g}"
    )
    raised = float(excess.max() > misleads)
    return {**row, "time": worst["time"], "estimate": raised, "method": text}
