"""Single quantities of a cohort by other programs than the search: the certificate's second hand.

Curves (`curves`) and log-rank tests come from lifelines, Cox and logistic models from
statsmodels, tables and tests of numbers from scipy (`compared`), incidences and Fine and Gray's
models (`subdistributions`) from `multistate` and rates from `survival.rates`; nothing else here
calls a kernel of the search or `crlm.survival`.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import optimize, stats

from crlm.ledger import Design
from crlm.reconstruction import compared, curves, incidences, proportions, subdistributions
from crlm.reconstruction.compared import words
from crlm.reconstruction.matrices import design_matrix
from crlm.reconstruction.models import Where, covariate_of, indicators, levels_of
from crlm.reconstruction.quantity import Quantity

_Z = float(stats.norm.ppf(0.975))
#: Standard errors beyond an estimate within which a profile limit is looked for.
_STEPS = 40


def by_python(quantity: Quantity, frames: Mapping[str, pd.DataFrame], design: Design) -> float:
    """One statistic by an independent program, on the scale of the search.

    Ratios are logarithms, tests signed z, times months, rates and percentages 0 to 100.
    """
    if spec := design.incidences.get(quantity.endpoint):
        pair = (among(frames[spec[key]], quantity.where) for key in ("endpoint", "competing"))
        modelled = quantity.kind in subdistributions.KINDS
        program = subdistributions.computed if modelled else incidences.computed
        return float(program(quantity, *pair, design))
    name = quantity.endpoint if quantity.endpoint in design.endpoints else "patients"
    return computed(quantity, among(frames[name], quantity.where), design)


def computed(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """The same of the patients of one frame."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(PROGRAMS[quantity.kind](quantity, frame, design))


def among(frame: pd.DataFrame, where: Where) -> pd.DataFrame:
    """The patients for whom all conditions hold."""
    for column, level in where:
        frame = frame[frame[column].astype(str).isin(level.split("/"))]
    return frame


def _logrank(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    from lifelines.statistics import logrank_test

    matrix, known = design_matrix(frame, design, quantity.columns)
    held = frame[known]
    inside = matrix[known, 0] == 1
    first, second = held[~inside], held[inside]
    test = logrank_test(first["time"], second["time"], first["event"], second["event"])
    side = _coefficient(quantity, frame, design, (quantity.columns[0],), 0)[0]
    return math.copysign(math.sqrt(test.test_statistic), side)


def _logranks(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    from lifelines.statistics import multivariate_logrank_test

    known = frame[frame[quantity.columns[0]].notna()]
    groups = known[quantity.columns[0]].astype(str)
    test = multivariate_logrank_test(known["time"], groups, known["event"])
    return float(stats.norm.isf(test.p_value / 2))


def _coefficient(
    quantity: Quantity, frame: pd.DataFrame, design: Design, columns: tuple[str, ...], at: int
) -> tuple[float, float]:
    estimates, errors, _ = _coefficients(columns, quantity.strata, frame, design)
    return estimates[at], errors[at]


def _coefficients(
    columns: tuple[str, ...], strata: str, frame: pd.DataFrame, design: Design
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """Coefficients of a Cox model, their errors and their covariances."""
    matrix, known = design_matrix(frame, design, columns)
    numbers = _strata(frame, strata)
    known &= ~np.isnan(numbers)
    held = np.column_stack([frame["time"], frame["event"], numbers, matrix]).astype(float)[known]
    there = held[:, 3:].any(axis=0)
    if there.all() or not there.any():
        return _proportional_hazards(held.tobytes(), len(held), design.conventions["ties"])
    # A level that nobody of these patients has is no part of their model.
    kept = np.concatenate([held[:, :3], held[:, 3:][:, there]], axis=1)
    told = _proportional_hazards(kept.tobytes(), len(kept), design.conventions["ties"])
    size, at = len(there), np.flatnonzero(there)
    values, errors, spread = (
        np.full(size, np.nan),
        np.full(size, np.nan),
        np.full((size, size), np.nan),
    )
    values[at], errors[at], spread[np.ix_(at, at)] = told
    return tuple(values.tolist()), tuple(errors.tolist()), tuple(map(tuple, spread.tolist()))


def joint(
    names: Sequence[str], name: str, frame: pd.DataFrame, design: Design, strata: str = ""
) -> float:
    """z of Wald's test of a covariate, all its levels together, in a model of several."""
    columns = tuple(column for one in names for column in indicators(design, one))
    return _joint(Quantity("joint", columns=columns, covariate=name, strata=strata), frame, design)


def _joint(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    estimates, _, spread = _coefficients(quantity.columns, quantity.strata, frame, design)
    return _wald(quantity, np.array(estimates), np.array(spread))


def _wald(quantity: Quantity, estimates: np.ndarray, spread: np.ndarray) -> float:
    """z of Wald's test of the columns of a covariate that these patients have."""
    mine = np.array([covariate_of(column) == quantity.covariate for column in quantity.columns])
    at = np.flatnonzero(mine & np.isfinite(estimates))
    if not len(at):
        return math.nan
    chosen = estimates[at]
    value = float(chosen @ np.linalg.solve(spread[np.ix_(at, at)], chosen))
    return math.sqrt(value) if len(at) == 1 else _as_z(value, len(at))


def _as_z(value: float, df: int) -> float:
    """The normal number whose two-sided p is that of a chi-square."""
    return float(stats.norm.isf(stats.chi2.sf(value, df) / 2))


def together(columns: tuple[str, ...], frame: pd.DataFrame, design: Design, test: str) -> float:
    """z of a test of all coefficients of a model: likelihood ratio ("lr") or "score"."""
    from statsmodels.duration.hazard_regression import PHReg

    matrix, known = design_matrix(frame, design, columns)
    matrix = matrix[known][:, matrix[known].any(axis=0)]
    if not matrix.size:
        return math.nan
    time, event = (frame[name].to_numpy(float)[known] for name in ("time", "event"))
    ties = design.conventions["ties"]
    model = PHReg(time, matrix, status=event.astype(int), ties=ties)
    none = np.zeros(matrix.shape[1])
    if test == "lr":
        value = 2 * (model.loglike(model.fit(disp=0).params) - model.loglike(none))
    else:
        score = model.score(none)
        value = float(score @ np.linalg.solve(-model.hessian(none), score))
    return _as_z(value, len(none))


def _alone(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    return together(quantity.columns, frame, design, quantity.kind)


def _without(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """z of the likelihood ratio of a Cox model with a product or covariate against that without."""
    columns = quantity.columns
    kept = [column for column in columns if covariate_of(column) != quantity.covariate]
    matrix, known = design_matrix(frame, design, columns)
    numbers = _strata(frame, quantity.strata)
    known &= ~np.isnan(numbers)
    found = [(0.0, 0)]
    for held in (kept, columns):
        chosen = matrix[known][:, [columns.index(column) for column in held]]
        chosen = chosen[:, chosen.any(axis=0)]
        if chosen.size:
            told = _log_likelihood(frame[known], numbers[known], chosen, design)
            found.append((told, np.linalg.matrix_rank(chosen - chosen.mean(axis=0))))
    (low, narrow), (high, wide) = found[-2:]
    return _as_z(2 * (high - low), wide - narrow) if wide > narrow else math.nan


def _log_likelihood(
    frame: pd.DataFrame, strata: np.ndarray, matrix: np.ndarray, design: Design
) -> float:
    """The greatest log partial likelihood of a Cox model."""
    from statsmodels.duration.hazard_regression import PHReg

    status, groups = frame["event"].astype(int).to_numpy(), strata if np.ptp(strata) else None
    rules = {"status": status, "strata": groups, "ties": design.conventions["ties"]}
    model = PHReg(frame["time"].to_numpy(float), matrix, **rules)
    return float(model.loglike(model.fit(disp=0).params))


def _strata(frame: pd.DataFrame, column: str) -> np.ndarray:
    """The stratum of each patient as a number; NaN where one of its columns is missing."""
    if not column:
        return np.zeros(len(frame))
    names = column.split("|")
    number = frame.groupby(names, observed=True, dropna=False).ngroup().to_numpy(float)
    return np.where(frame[names].notna().all(axis=1), number, np.nan)


@functools.lru_cache(maxsize=128)
def _proportional_hazards(
    held: bytes, patients: int, ties: str
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """Coefficients, errors and covariances of one model: its rows are asked for one by one.

    `held` is a table of doubles, a row a patient: time, event, stratum, covariates.
    """
    from statsmodels.duration.hazard_regression import PHReg

    table = np.frombuffer(held).reshape(patients, -1)
    strata = table[:, 2] if len(set(table[:, 2])) > 1 else None
    status = table[:, 1].astype(int)
    model = PHReg(table[:, 0], table[:, 3:], status=status, strata=strata, ties=ties)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            fit = model.fit(disp=0)
            if not np.isfinite(fit.params).all():
                # Newton's steps from 0 overshoot where a ratio is large; a line search does not.
                near = model.fit(disp=0, method="bfgs").params
                fit = model.fit(disp=0, start_params=near)
        except np.linalg.LinAlgError:
            # Nobody died in a level of this cohort, or a stratum has one level only.
            none = (math.nan,) * (table.shape[1] - 3)
            return none, none, (none,) * len(none)
        spread = tuple(tuple(map(float, row)) for row in np.atleast_2d(fit.cov_params()))
        return tuple(map(float, fit.params)), tuple(map(float, fit.bse)), spread


def _part(quantity: Quantity, estimate: float, error: float) -> float:
    if quantity.part == "z":
        return estimate / error
    if quantity.part == "standard_error":
        return error
    sign = {"estimate": 0, "conf_low": -1, "conf_high": 1}[quantity.limit]
    return estimate + sign * _Z * error


def _cox(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    if quantity.covariate not in quantity.columns:
        return math.nan
    at = quantity.columns.index(quantity.covariate)
    return _part(quantity, *_coefficient(quantity, frame, design, quantity.columns, at))


def _logistic(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    if quantity.limit != "estimate" and design.odds_limits == "profile":
        return _profile_limit(quantity, frame, design)
    estimates, spread = _log_odds(quantity, frame, design)
    at = quantity.columns.index(quantity.covariate)
    return _part(quantity, float(estimates[at]), math.sqrt(spread[at, at]))


def _logistic_joint(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    return _wald(quantity, *_log_odds(quantity, frame, design))


def _logistic_lr(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    import statsmodels.api as sm

    outcome, matrix = _of_outcome(quantity, frame, design)
    held = sm.add_constant(matrix[:, matrix.any(axis=0)], has_constant="add")
    fit = sm.GLM(outcome, held, family=sm.families.Binomial()).fit(tol=1e-12)
    return _as_z(float(fit.null_deviance - fit.deviance), held.shape[1] - 1)


def _logistic_without(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """z of the likelihood ratio of a logistic model with a covariate against that without it."""
    import statsmodels.api as sm

    outcome, matrix = _of_outcome(quantity, frame, design)
    names = [covariate_of(column) for column in quantity.columns]
    found = []
    for held in ([n != quantity.covariate for n in names], [True] * len(names)):
        chosen = matrix[:, matrix.any(axis=0) & np.array(held, dtype=bool)]
        chosen = np.column_stack([np.ones(len(outcome)), chosen])
        fit = sm.GLM(outcome, chosen, family=sm.families.Binomial()).fit(tol=1e-12)
        found.append((float(fit.deviance), int(np.linalg.matrix_rank(chosen))))
    (high, narrow), (low, wide) = found
    return _as_z(high - low, wide - narrow) if wide > narrow else math.nan


def _log_odds(
    quantity: Quantity, frame: pd.DataFrame, design: Design
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of a logistic model and their covariances; NaN of a level that nobody has."""
    import statsmodels.api as sm

    outcome, matrix = _of_outcome(quantity, frame, design)
    size, at = matrix.shape[1], np.flatnonzero(matrix.any(axis=0))
    estimates, spread = np.full(size, np.nan), np.full((size, size), np.nan)
    try:
        held = sm.add_constant(matrix[:, at], has_constant="add")
        fit = sm.Logit(outcome, held).fit(disp=0, tol=1e-12)
    except np.linalg.LinAlgError:
        return estimates, spread
    estimates[at], spread[np.ix_(at, at)] = fit.params[1:], fit.cov_params()[1:, 1:]
    return estimates, spread


def _of_outcome(
    quantity: Quantity, frame: pd.DataFrame, design: Design
) -> tuple[np.ndarray, np.ndarray]:
    """Whom the outcome befell, and the columns of a logistic model, of its complete cases."""
    matrix, known = design_matrix(frame, design, quantity.columns)
    known &= frame[quantity.endpoint].notna().to_numpy()
    happened = levels_of(design, quantity.endpoint)[-1]
    outcome = (frame[quantity.endpoint].astype(str) == happened).to_numpy(float)
    return outcome[known], matrix[known]


def _profile_limit(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Where the deviance of a model with the coefficient held has risen by 3.84, by bisection."""
    import statsmodels.api as sm

    outcome, matrix = _of_outcome(quantity, frame, design)
    at = quantity.columns.index(quantity.covariate)
    column, others = matrix[:, at], np.delete(matrix, at, axis=1)
    rest = sm.add_constant(others[:, others.any(axis=0)], has_constant="add")
    middle, spread = _log_odds(quantity, frame, design)
    if not np.isfinite(middle[at]):
        return math.nan

    def deviance(held: float) -> float:
        model = sm.GLM(outcome, rest, family=sm.families.Binomial(), offset=held * column)
        return float(model.fit(tol=1e-12).deviance)

    allowed = deviance(middle[at]) + stats.chi2.ppf(0.95, 1)
    step = math.sqrt(spread[at, at]) * (-1 if quantity.limit == "conf_low" else 1)
    far = middle[at] + step
    for _ in range(_STEPS):
        if deviance(far) > allowed:
            return float(optimize.brentq(lambda held: deviance(held) - allowed, far, middle[at]))
        far += step
    return math.nan


def _fitted(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Patients who have all covariates and strata of a model, or the events among them."""
    known = design_matrix(frame, design, quantity.columns)[1]
    known &= ~np.isnan(_strata(frame, quantity.strata))
    if quantity.endpoint in design.endpoints:
        happened = frame["event"].to_numpy(float)
    else:
        outcome = frame[quantity.endpoint]
        known &= outcome.notna().to_numpy()
        happened = outcome.astype(str).eq(levels_of(design, quantity.endpoint)[-1]).to_numpy(float)
    return known.sum() if quantity.part == "n" else happened[known].sum()


def _summary(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    values = frame[quantity.columns[0]].dropna().to_numpy(float)
    if quantity.part in ("mean", "sd"):
        return float(values.mean() if quantity.part == "mean" else values.std(ddof=1))
    part, _, rule = quantity.part.partition("_")
    share = {"min": 0.0, "q1": 0.25, "median": 0.5, "q3": 0.75, "max": 1.0}[part]
    return float(np.quantile(values, share, method="linear" if rule else "weibull"))


def _count(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    column, _, level = quantity.columns[0].partition("=")
    unknown = int(frame[column].isna().sum())
    if quantity.part in ("missing", "known", "percent_missing"):
        shares = {"missing": unknown, "known": len(frame) - unknown}
        return shares.get(quantity.part, 100 * unknown / max(len(frame), 1))
    known = words(frame[column].dropna())
    n = int(known.isin(level.split("/")).sum())
    size = len(frame) if quantity.part == "percent_of_all" else len(known)
    if quantity.part == "n" or quantity.limit == "estimate":
        return n if quantity.part == "n" else 100 * n / max(size, 1)
    ends = proportions.limits(n, size, design.percent_limits)
    return 100 * ends[quantity.limit == "conf_high"]


PROGRAMS = {
    "km": curves.kaplan_meier,
    "followup": curves.follow_up,
    "risk": curves.at_risk,
    "rate": incidences.rate,
    "logrank": _logrank,
    "cox": _cox,
    "logistic": _logistic,
    "association": compared.association,
    "ranks": compared.ranks,
    "summary": _summary,
    "count": _count,
    "fitted": _fitted,
    "rates": curves.difference,
    "t": compared.t_test,
    "anova": compared.anova,
    "smd": compared.standardised,
    "ordered": compared.ordered,
    "number trend": compared.number_trend,
    "kruskal": compared.kruskal,
    "table": compared.association,
    "trend": compared.association,
    "logranks": _logranks,
    "joint": _joint,
    "lr": _alone,
    "score": _alone,
    "without": _without,
    "logistic_joint": _logistic_joint,
    "logistic_lr": _logistic_lr,
    "logistic_without": _logistic_without,
}
