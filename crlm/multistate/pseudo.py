"""Risks at one month regressed on covariates, whoever was censored before it: pseudo-values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from crlm.ledger import rows
from crlm.multistate.causes import Causes, causes_of, endpoint_of, with_transition
from crlm.multistate.occupation import too_few
from crlm.multistate.process import Z, aalen_johansen, influence, log_log, settled
from crlm.refusals import choice
from crlm.regression.solution import level_counts
from crlm.regression.terms import Design, check_names, encode
from crlm.survival.samples import check_frame, check_times

_ITERATIONS = 100
_STEP = 1e-12
#: A log odds this far from nothing has no end.
_ENDLESS = 15.0
_DEPENDENT = 1e-12
_STATISTIC = {"identity": ("risk_difference", "%"), "logit": ("odds_ratio", "")}


def pseudo(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    time: float,
    *,
    link: Literal["identity", "logit"] = "identity",
    cause: str | None = None,
    min_at_risk: int = 10,
    population: str = "all",
) -> pd.DataFrame:
    """How a covariate changes the risk of an event by one month, nobody censored left out.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame; with `cause` (`failure_or_death`), the risk of one cause while the
        others compete.
    covariates : sequence of str
        Categories (the first level is the reference), booleans or numbers, all in one model.
    time : float
        Months.
    link : {"identity", "logit"}
        "identity": differences of the risk, in percentage points; "logit": odds ratios.
    cause : str, optional
        Needed where the frame has causes.
    min_at_risk : int
        With fewer patients at risk at `time` nothing is estimated.

    Returns
    -------
    pandas.DataFrame
        Result rows of model "pseudo-value", population "resection><cause>" where there is a
        cause: `cumulative_incidence` of all, then of each covariate `risk_difference` (risk of
        the event, percentage points: a harm is positive), or `reference` and `odds_ratio`, of
        each level. What cannot be estimated is missing, with the reason in `method`.

    Raises
    ------
    CohortError
        If the frame is no analysis frame, or has no such cause.
    ParameterError
        If a covariate does not exist or an argument makes no sense.

    Notes
    -----
    The pseudo-value of a patient is n times its infinitesimal jackknife plus the estimate of
    all (as R's `survival::pseudo`), worked out on every patient of the frame and regressed on
    those with all covariates known: least squares, or for the logit its generalised estimating
    equation with independence, with the sandwich error HC0 and normal limits.

    References
    ----------
    Andersen PK, Klein JP, Rosthoj S. Biometrika 2003;90:15.
    """
    check_frame(frame)
    choice("link", link, _STATISTIC)
    names = check_names(frame, covariates)
    month = check_times([time])[0]
    group = _group(frame, cause)
    values, told = _values(group, month, cause)
    part = frame.iloc[group.place]
    known = part[names].notna().all(axis=1).to_numpy()
    endpoint = endpoint_of(frame)
    base = {
        "endpoint": endpoint,
        "population": with_transition(population, f"resection>{cause}") if cause else population,
        "model": "pseudo-value",
        "time": month,
    }
    why = too_few(told["n"], min_at_risk, "all", month) or _nothing(told["events"], values[known])
    whole = {**base, **told, "level": cause or "", "statistic": "cumulative_incidence", "unit": "%"}
    if why:
        whole |= {"estimate": math.nan, "conf_low": math.nan, "conf_high": math.nan, "method": why}
    model = Model(
        design=encode(part[known], names),
        values=values[known],
        event=_happened(group, month, cause)[known],
        link=link,
        why=why,
        method=f"pseudo-values, {link} link, robust error (HC0), normal CI{group.note}",
    )
    return rows([whole, *_records(model, base)])


def pseudo_values(frame: pd.DataFrame, time: float, cause: str | None = None) -> pd.Series:
    """The pseudo-values themselves, on the index of the patients they were worked out on.

    Parameters
    ----------
    frame, time, cause
        As `pseudo`.

    Returns
    -------
    pandas.Series
        Of the risk (0 to 1) of an event, or of one cause, by `time`.
    """
    check_frame(frame)
    group = _group(frame, cause)
    values, _ = _values(group, check_times([time])[0], cause)
    return pd.Series(values, index=frame.index[group.place], name="pseudo_value")


# ---- parts ------------------------------------------------------------------


def _group(frame: pd.DataFrame, cause: str | None) -> Causes:
    """All patients; without a cause any event is the one cause."""
    if cause is not None:
        return causes_of(frame, None)[0]
    code = np.where(frame["event"], 0, -1)
    return causes_of(frame.assign(cause=pd.Categorical.from_codes(code, ["event"])), None)[0]


def _happened(group: Causes, month: float, cause: str | None) -> np.ndarray:
    """Who had the event by a month."""
    when = group.process().snapped([month])[0]
    return (group.cause == group.place_of(cause or "event")) & (group.sample.time <= when)


def _values(group: Causes, month: float, cause: str | None) -> tuple[np.ndarray, dict[str, Any]]:
    """Pseudo-values at a month, and the estimate of all as parts of a record."""
    process = group.process()
    path, when = aalen_johansen(process), process.snapped([month])
    state = 1 + group.place_of(cause or "event")
    share = float(path.at(when)[0, state, 0])
    added = influence(process, path, when[0], "probability")[:, state]
    low, high = log_log(share, math.sqrt(float((added**2).sum())))
    told = {
        "estimate": 100 * share,
        "conf_low": 100 * low,
        "conf_high": 100 * high,
        "n": int(process.at_risk([month])[0, 0]),
        "events": int(_happened(group, month, cause).sum()),
        "method": f"Aalen-Johansen, infinitesimal-jackknife error, log-log CI{group.note}",
    }
    return share + process.n * added, told


def _nothing(events: int, values: np.ndarray) -> str:
    """Why no model can be fitted; empty where one can."""
    if not len(values):
        return "not estimable: no patient has all covariates known"
    if events < 2:
        return f"not estimable: {events} {'event' if events == 1 else 'events'} by then"
    return ""


# ---- the model --------------------------------------------------------------


@dataclass(frozen=True)
class Model:
    """Pseudo-values, covariates and events of the complete cases, and how they are to be met.

    Attributes
    ----------
    design : Design
    values : ndarray of float, shape (n,)
    event : ndarray of bool, shape (n,)
        Had it by the month.
    link : {"identity", "logit"}
    why : str
        Why nothing can be estimated; empty where something can.
    method : str
    """

    design: Design
    values: np.ndarray
    event: np.ndarray
    link: str
    why: str
    method: str


def solve(x: np.ndarray, y: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of an intercept and columns, and their covariance HC0, by Gauss-Newton.

    Parameters
    ----------
    x : ndarray, shape (n, p)
    y : ndarray, shape (n,)
    link : {"identity", "logit"}

    Returns
    -------
    tuple of ndarray
        Shapes (p + 1,) and (p + 1, p + 1); NaN where the steps do not settle.
    """
    full = np.column_stack([np.ones(len(x)), x])
    coef = np.zeros(full.shape[1])
    if link == "logit":
        coef[0] = logit(np.clip(y.mean(), 0.01, 0.99))
    for _ in range(_ITERATIONS):
        mean, slope = _mean(full @ coef, link)
        step = np.linalg.lstsq(full * slope[:, None], y - mean, rcond=None)[0]
        coef = coef + step
        if np.abs(step).max() < _STEP * (1 + np.abs(coef).max()):
            break
        if np.abs(coef * np.r_[1.0, x.std(axis=0)]).max() > _ENDLESS and link == "logit":
            return np.full(len(coef), np.nan), np.full((len(coef), len(coef)), np.nan)
    mean, slope = _mean(full @ coef, link)
    lean = full * slope[:, None]
    bread = np.linalg.inv(lean.T @ lean)
    pushed = lean * (y - mean)[:, None]
    return coef, bread @ (pushed.T @ pushed) @ bread


def _mean(linear: np.ndarray, link: str) -> tuple[np.ndarray, np.ndarray]:
    if link == "identity":
        return linear, np.ones(len(linear))
    mean = expit(linear)
    return mean, mean * (1 - mean)


def _estimates(model: Model) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Coefficient and error of each design column, and why some have none."""
    x, width = model.design.x, model.design.x.shape[1]
    coef, error = np.full((2, width), np.nan)
    if model.why:
        return coef, error, dict.fromkeys(range(width), model.why)
    kept = _independent(x)
    found, covariance = solve(x[:, kept], model.values, model.link)
    coef[kept], error[kept] = found[1:], np.sqrt(np.diag(covariance))[1:]
    told = "adds nothing to the covariates before it"
    notes = {
        j: f"not estimable: {model.design.label(j)} {told}" for j in set(range(width)) - {*kept}
    }
    if np.isnan(found).any():
        endless = "not estimable: the odds ratio has no end (a level without events, or with all)"
        notes |= dict.fromkeys(kept, endless)
    return coef, error, notes


def _independent(x: np.ndarray) -> list[int]:
    """Columns that an intercept and the columns before them do not make up."""
    kept: list[int] = []
    for j in range(x.shape[1]):
        basis = np.column_stack([np.ones(len(x)), x[:, kept]])
        left = x[:, j] - basis @ np.linalg.lstsq(basis, x[:, j], rcond=None)[0]
        if (left**2).sum() > _DEPENDENT * max((x[:, j] ** 2).sum(), 1e-300):
            kept.append(j)
    return kept


def _records(model: Model, base: dict[str, Any]) -> list[dict[str, Any]]:
    coef, error, notes = _estimates(model)
    statistic, unit = _STATISTIC[model.link]
    records = []
    for term in model.design.terms:
        here = {**base, "covariate": term.name}
        counts = level_counts(model.design, term.name, model.event)
        counts = counts or [("", len(model.event), int(model.event.sum()))]
        if term.levels:
            first = _reference(here, counts.pop(0), term.note)
            records += [first] if model.link == "logit" else []
        if not term.columns:
            method = f"not estimable: every patient has {term.name}={''.join(term.levels)}"
            records.append({**here, "statistic": statistic, "unit": unit, "method": method})
        for j, (level, n, events) in zip(term.columns, counts, strict=True):
            at = {**here, "level": level, "n": n, "events": events, "statistic": statistic}
            limits = _limits(coef[j], error[j], model.link)
            method = notes.get(j, model.method)
            records.append({**at, "unit": unit, **limits, "method": method})
    return records


def _reference(here: dict[str, Any], counted: tuple[str, int, int], note: str) -> dict[str, Any]:
    level, n, events = counted
    row = {**here, "level": level, "n": n, "events": events, "statistic": "reference"}
    return {**row, "estimate": 1.0, "method": note or "reference level"}


def _limits(coef: float, error: float, link: str) -> dict[str, float]:
    ends = np.array([coef, coef - Z * error, coef + Z * error])
    values = settled(100 * ends) if link == "identity" else np.exp(ends)
    return dict(zip(("estimate", "conf_low", "conf_high"), values, strict=True))
