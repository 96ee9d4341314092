"""Events that were only seen at a visit: a Weibull model of the interval in which they happened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import CohortError, ParameterError, rows
from crlm.ledger.chapter import Thresholds
from crlm.regression.solution import check_level, level_counts
from crlm.regression.terms import (
    Design,
    check_follow_up,
    check_names,
    complete,
    encode,
    follow_up,
    listed,
)

#: A last negative visit before this month says no more than the operation itself.
AT_ONCE = 0.5
_STEPS, _STEP = 200, 1e-10
#: Ends of a median further apart than this share of it are worth a warning.
APART = Thresholds().visit_share
#: A log hazard ratio this many spreads of its column away has no end.
_ENDLESS = 12.0
#: A median this many times beyond the longest follow-up is no estimate.
_FAR = 10


@dataclass(frozen=True)
class Intervals:
    """When the event of each patient can have happened, in (left, right].

    Attributes
    ----------
    left, right : ndarray of float, shape (n,)
        `right` is infinite where censored and equal to `left` where the day is known; a `left`
        of 0 means any time from the operation on.
    entry : ndarray of float, shape (n,)
        Month at which observation began, 0 for most.
    """

    left: np.ndarray
    right: np.ndarray
    entry: np.ndarray


@dataclass(frozen=True)
class Weibull:
    """Log time = x b + scale times log(-log u): a location for each column, and one scale.

    Attributes
    ----------
    coef : ndarray, shape (1 + p,)
        The intercept first, as R's `survreg`.
    log_scale : float
    var : ndarray, shape (2 + p, 2 + p)
        Of the coefficients and the log of the scale.
    loglik : float
    settled : bool
    """

    coef: np.ndarray
    log_scale: float
    var: np.ndarray
    loglik: float
    settled: bool


def interval_censored(
    frame: pd.DataFrame,
    covariates: Sequence[str] = (),
    *,
    left: str = "left",
    model: str = "interval censored",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Hazard ratios and medians where events lie between two visits, by a Weibull model.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame: `time` is the visit at which the event was seen, or the end of
        follow-up; late entry is honoured.
    covariates : sequence of str
        None: the median of all patients.
    left : str
        Column with the month of the last visit without the event; where it equals `time` the
        day is known (a death).

    Returns
    -------
    pandas.DataFrame
        Rows `reference` and `hazard_ratio` of each covariate, and with no covariate, or one
        factor alone, `median_survival` of each group. What cannot be estimated is missing, with
        the reason in `method`.

    Raises
    ------
    ParameterError, CohortError
        If `left` is absent or lies after `time`; as `cox`.

    Notes
    -----
    The hazard ratio is exp(-b / scale), its error by the delta method with the log of the
    scale: gradient (-1 / scale, b / scale). Of the median exp(xb) (ln 2)^scale likewise, on the
    log. Medians and ratio share one shape.

    References
    ----------
    Panageas KS et al. J Natl Cancer Inst 2007;99:428. The numbers are those of R's
    `survreg(Surv(L, R, type = "interval2") ~ x, dist = "weibull")`.
    """
    names = check_names(frame, covariates) if listed(covariates) else []
    z = check_level(conf_level)
    part = complete(frame, [*check_follow_up(frame), *names, *_left(frame, left)])
    data, design = intervals_of(part, left), encode(part, names)
    event = np.isfinite(data.right)
    endpoint = str(frame["endpoint"].iloc[0]) if "endpoint" in frame and len(frame) else ""
    keys = {"endpoint": endpoint, "population": population, "model": model}
    fit, why = _fitted(data, design)
    method = why or f"Weibull model of intervals{_counted(data)}, Wald CI"
    records = []
    for term in design.terms:
        records += _ratios(term, design, fit, event, {**keys, "method": method}, z)
    if not names or (len(names) == 1 and design.terms[0].levels):
        records += _medians(design, fit, data, {**keys, "method": method}, z)
    return rows(records)


def visit_grid(
    medians: pd.DataFrame, visit_months: float, *, apart: float = APART, endpoint: str = ""
) -> pd.DataFrame:
    """The flag "visit grid": medians that hang on the dates of the examinations.

    Parameters
    ----------
    medians : pandas.DataFrame
        Rows `median_survival` of one endpoint, of the models "left bound", "midpoint" and
        "right bound" (`endpoints.visit_bounds`), of each group.
    visit_months : float
        Interval between examinations; 0 where only patients' own visits are known.
    apart : float
        Raised where the ends of a median lie further apart than this share of its middle, or
        the medians of the record differ by less than `visit_months`.
    endpoint : str
        Written into the row.
    """
    own = medians[medians["statistic"] == "median_survival"]
    by_model = own.pivot_table(index="group", columns="model", values="estimate", sort=False)
    widest, closest = 0.0, math.inf
    if {"left bound", "midpoint", "right bound"} <= set(by_model):
        width = (by_model["right bound"] - by_model["left bound"]) / by_model["midpoint"]
        widest = float(width.max()) if width.notna().any() else 0.0
        recorded = by_model["right bound"].dropna()
        closest = float(recorded.max() - recorded.min()) if len(recorded) > 1 else closest
    between = f"; the medians differ by {closest:.1f} months" if math.isfinite(closest) else ""
    every = f" of examinations every {visit_months:g} months" if visit_months else ""
    text = (
        f"the ends of a median lie up to {100 * widest:.0f} % of it apart (raised above "
        f"{100 * apart:.0f} %){between}{every}"
    )
    raised = widest > apart or (visit_months > 0 and closest < visit_months)
    keys = {"endpoint": endpoint, "covariate": "visit grid", "model": "diagnostic"}
    return rows([{**keys, "statistic": "flag", "estimate": float(raised), "method": text}])


def intervals_of(frame: pd.DataFrame, left: str) -> Intervals:
    """The interval of each patient of an analysis frame, whole rows only.

    Raises
    ------
    CohortError
        If the last visit without the event lies after the visit with it.
    """
    data = follow_up(frame)
    event = data.event == 1
    before = frame[left].to_numpy(dtype=float)
    if (before > data.time + 1e-9).any():
        count = int((before > data.time + 1e-9).sum())
        raise CohortError(
            f"The last examination without the event ({left}) lies after the end of follow-up in "
            f"{count} rows. Correct whichever of the two is wrong."
        )
    exact = before >= data.time
    low = np.where(exact, data.time, np.where(before < AT_ONCE, 0.0, before))
    entry = np.zeros(data.n) if data.entry is None else np.maximum(data.entry, 0.0)
    low = np.where(exact, low, np.minimum(np.maximum(low, entry), data.time))
    return Intervals(np.where(event, low, data.time), np.where(event, data.time, np.inf), entry)


def fit_weibull(data: Intervals, x: np.ndarray) -> Weibull:
    """The Weibull model of these intervals, maximised by Newton's steps.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Without the intercept.
    """
    design = np.column_stack([np.ones(len(x)), x])
    middle = np.where(np.isfinite(data.right), (data.left + data.right) / 2, data.left)
    event = np.isfinite(data.right)
    start = np.zeros(design.shape[1] + 1)
    # The exponential model without covariates is always near enough to begin with.
    start[0] = math.log(max(middle.sum(), 1e-6) / max(event.sum(), 1))
    theta, value = start, _likelihood(start, data, design)
    settled = False
    for _ in range(_STEPS):
        loglik, score, information = value
        step = np.linalg.lstsq(information, score, rcond=None)[0]
        theta, value = _stepped(theta, step, loglik, data, design)
        if np.abs(step).max() < _STEP * (1 + np.abs(theta).max()):
            settled = True
            break
    var = np.linalg.pinv(value[2])
    return Weibull(theta[:-1], float(theta[-1]), var, float(value[0]), settled)


# ---- the likelihood ---------------------------------------------------------


def _stepped(
    theta: np.ndarray, step: np.ndarray, loglik: float, data: Intervals, design: np.ndarray
) -> tuple[np.ndarray, tuple[float, np.ndarray, np.ndarray]]:
    """As much of a step as raises the likelihood."""
    share = 1.0
    for _ in range(40):
        tried = theta + share * step
        value = _likelihood(tried, data, design)
        if value[0] >= loglik - 1e-12 * abs(loglik):
            return tried, value
        share /= 2
    return theta, _likelihood(theta, data, design)


def _likelihood(
    theta: np.ndarray, data: Intervals, design: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Log-likelihood, score and observed information of (coefficients, log scale)."""
    scale, location = math.exp(min(theta[-1], 50.0)), design @ theta[:-1]
    low, high, late = (
        _hazard(t, location, scale, design) for t in (data.left, data.right, data.entry)
    )
    exact, open_ended = data.left == data.right, ~np.isfinite(data.right)
    between = ~exact & ~open_ended
    # Of those whose day is known, the hazard itself; of the others, what happened in between.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gap = np.where(between, high[0] - low[0], 1.0)
        logs = np.where(between, np.log(-np.expm1(-gap)), 0.0)
        pull = np.where(between, 1 / np.expm1(gap), 0.0)
        u = np.where(exact, np.log(np.where(exact, data.left, 1.0)) - location, 0.0) / scale
    logs = np.where(exact, u - math.log(scale) - np.log(np.where(exact, data.left, 1.0)), logs)
    loglik = float((logs - low[0] + late[0]).sum())
    first = late[1] - low[1] + pull[:, None] * np.where(between[:, None], high[1] - low[1], 0.0)
    own = np.column_stack([-design / scale, -(u + 1)])
    first += np.where(exact[:, None], own, 0.0)
    slope = np.where(between[:, None], high[1] - low[1], 0.0)
    curved = _summed(late[2]) - _summed(low[2]) + _summed(high[2], pull) - _summed(low[2], pull)
    curved -= (slope * (pull * (1 + pull))[:, None]).T @ slope
    curved += _exact_curvature(design[exact] / scale, u[exact])
    return loglik, first.sum(axis=0), -curved


def _hazard(
    time: np.ndarray, location: np.ndarray, scale: float, design: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Cumulative hazard at some times, its gradient, and what its curvature is made of."""
    inside = (time > 0) & np.isfinite(time)
    u = np.where(inside, (np.log(np.where(inside, time, 1.0)) - location) / scale, 0.0)
    hazard = np.where(inside, np.exp(np.minimum(u, 300.0)), 0.0)
    columns = design / scale
    gradient = np.column_stack([-columns * hazard[:, None], -u * hazard])
    return hazard, gradient, (columns, hazard, hazard * (1 + u), u * hazard * (1 + u))


def _summed(
    parts: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], weight: np.ndarray | None = None
) -> np.ndarray:
    """The curvature of a weighted sum of cumulative hazards."""
    columns, a, b, c = parts
    w = np.ones(len(a)) if weight is None else weight
    width = columns.shape[1]
    made = np.empty((width + 1, width + 1))
    made[:width, :width] = columns.T @ (columns * (w * a)[:, None])
    made[:width, width] = made[width, :width] = columns.T @ (w * b)
    made[width, width] = (w * c).sum()
    return made


def _exact_curvature(columns: np.ndarray, u: np.ndarray) -> np.ndarray:
    width = columns.shape[1]
    made = np.zeros((width + 1, width + 1))
    made[:width, width] = made[width, :width] = columns.sum(axis=0)
    made[width, width] = u.sum()
    return made


# ---- rows -------------------------------------------------------------------


def _left(frame: pd.DataFrame, left: str) -> list[str]:
    if left not in frame:
        raise ParameterError(
            f"There is no column {left!r}; give the month of the last visit without the event."
        )
    return [left]


def _fitted(data: Intervals, design: Design) -> tuple[Weibull | None, str]:
    """The fit, or why there is none."""
    event = np.isfinite(data.right)
    if event.sum() < 2:
        return None, f"not estimable: {int(event.sum())} events among {len(event)} patients"
    spread = design.x.std(axis=0)
    if design.x.shape[1] and (
        (spread == 0).any()
        or np.linalg.matrix_rank(design.x - design.x.mean(axis=0)) < design.x.shape[1]
    ):
        return None, "not estimable: a covariate does not vary or is told by the others"
    fit = fit_weibull(data, design.x)
    steep = np.abs(fit.coef[1:]) * spread / math.exp(fit.log_scale)
    error = np.sqrt(np.abs(np.diag(fit.var)))
    if not fit.settled or (steep > _ENDLESS).any() or not np.isfinite(error).all():
        return None, "not estimable: the likelihood has no finite maximum"
    return fit, ""


def _counted(data: Intervals) -> str:
    event = np.isfinite(data.right)
    exact = int((event & (data.left == data.right)).sum())
    late = ", late entry" if (data.entry > 0).any() else ""
    return f" ({int(event.sum()) - exact} between visits, {exact} on a known day{late})"


def _ratios(
    term: Any,
    design: Design,
    fit: Weibull | None,
    event: np.ndarray,
    keys: dict[str, Any],
    z: float,
) -> list[dict[str, Any]]:
    """Reference and hazard ratios of one covariate."""
    at = {**keys, "covariate": term.name}
    counts = level_counts(design, term.name, event) or [("", len(event), int(event.sum()))]
    records = []
    if term.levels:
        level, n, events = counts.pop(0)
        known = {"level": level, "n": n, "events": events, "statistic": "reference"}
        records.append({**at, **known, "estimate": 1.0, "method": term.note or "reference level"})
    for column, (level, n, events) in zip(term.columns, counts, strict=True):
        row = {**at, "level": level, "n": n, "events": events, "statistic": "hazard_ratio"}
        records.append({**row, **({} if fit is None else ratio_of(fit, column, z))})
    return records


def ratio_of(fit: Weibull, column: int, z: float) -> dict[str, float]:
    """The hazard ratio of a column with limits, by the delta method."""
    scale, b = math.exp(fit.log_scale), fit.coef[1 + column]
    gradient = np.zeros(len(fit.var))
    gradient[1 + column], gradient[-1] = -1 / scale, b / scale
    return _exponential(-b / scale, gradient, fit, z)


def median_of(fit: Weibull, x: np.ndarray, z: float) -> dict[str, float]:
    """The median of patients with these columns, with limits, by the delta method on the log."""
    scale = math.exp(fit.log_scale)
    row = np.concatenate([[1.0], x])
    log_log_2 = math.log(math.log(2.0))
    gradient = np.append(row, scale * log_log_2)
    return _exponential(float(row @ fit.coef) + scale * log_log_2, gradient, fit, z)


def _exponential(log: float, gradient: np.ndarray, fit: Weibull, z: float) -> dict[str, float]:
    error = math.sqrt(max(float(gradient @ fit.var @ gradient), 0.0))
    ends = np.exp(np.clip([log, log - z * error, log + z * error], -300, 300))
    return dict(zip(("estimate", "conf_low", "conf_high"), map(float, ends), strict=True))


def _foreseen(fit: Weibull | None, x: np.ndarray, z: float, last: float) -> dict[str, Any]:
    """A fitted median, unless it lies where nobody was ever followed."""
    if fit is None:
        return {}
    found = median_of(fit, x, z)
    if found["estimate"] > _FAR * last:
        why = f"not estimable: the fitted median lies beyond {_FAR} times the longest follow-up"
        return {"method": why}
    if found["conf_high"] > _FAR * last:
        found["conf_high"] = math.nan
    return found


def _medians(
    design: Design,
    fit: Weibull | None,
    data: Intervals,
    keys: dict[str, Any],
    z: float,
) -> list[dict[str, Any]]:
    """The fitted median of each group."""
    event = np.isfinite(data.right)
    last = float(np.where(event, data.right, data.left).max(initial=0.0))
    at = {**keys, "statistic": "median_survival", "unit": "months"}
    if not design.terms:
        whole = {"n": len(event), "events": int(event.sum())}
        return [{**at, **whole, **_foreseen(fit, np.zeros(0), z, last)}]
    term = design.terms[0]
    records = []
    for k, (level, n, events) in enumerate(level_counts(design, term.name, event)):
        row = {**at, "group": f"{term.name}={level}", "n": n, "events": events}
        x = np.zeros(len(term.columns))
        x[k - 1 : k] = 1.0 if k else 0.0
        records.append({**row, **_foreseen(fit, x, z, last)})
    return records
