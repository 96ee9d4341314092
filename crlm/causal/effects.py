"""Effects among comparable patients: absolute first, then ratios."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from crlm.causal.arms import (
    KINDS,
    Arms,
    Measure,
    counted,
    effect_records,
    hazard_ratio,
    normal,
    two_arms,
)
from crlm.causal.balance import MODELS
from crlm.causal.engine import column_of, robust_cox
from crlm.causal.propensity import Kind, Propensity, propensity, weights_of
from crlm.causal.weighted import (
    check_months,
    check_samples,
    check_ties,
    drawn,
    endpoint_of,
    observed,
    quantile_of_level,
    spread_of,
)
from crlm.ledger import rows
from crlm.regression.engine import FollowUp

#: Fixed numbers of the analyses, for random numbers of their own.
WEIGHTED, BY_MODIFIER = 2, 6
# The resamples of so many models of so few patients, for the next endpoint.
_KEPT, _SMALL = 64, 500_000
_LAST: dict[tuple[int, ...], tuple[object, list[tuple[np.ndarray, np.ndarray]]]] = {}
_BETWEEN = ("difference_of_risk_differences", "difference_of_rmst_differences")


def weighted_effects(
    frame: pd.DataFrame,
    exposure: str,
    model: Propensity,
    *,
    kind: Kind = "overlap",
    times: Iterable[float] = (36.0, 60.0),
    tau: float | None = None,
    by: str | None = None,
    samples: int = 200,
    seed: int = 0,
    cap: float = 0.99,
    ties: str = "efron",
    min_at_risk: int = 10,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Survival, restricted means and their differences among patients made comparable by weights.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame of one endpoint; late entry is honoured.
    exposure : str
        Of two levels; differences are second minus first.
    model : Propensity
        Learnt on these patients; on the patients of another frame it is fitted again, knots
        and levels kept.
    kind : {"overlap", "att"}
    times : iterable of float
        Horizons in months. Where a side has fewer than `min_at_risk` patients left the
        survival and the restricted mean there are not estimated, and the method says so.
    tau : float, optional
        A further horizon of restricted means; by default the largest whole month up to the
        last of `times` that both sides' follow-up allows, if one of `times` is too late.
    by : str, optional
        A factor: effects within each of its levels (population `kras=mutant`), with one
        propensity model that holds the factor and its products with the first two terms, and
        differences between the effects.
    samples, seed : int
        Resamples of patients (multinomial counts, propensity fitted again in each) for
        standard errors; 0: no limits of differences.
    cap : float
        As `weights`.
    ties : {"efron", "breslow"}
        Of the weighted Cox model.

    Returns
    -------
    pandas.DataFrame
        Rows of model "overlap weighted" or "att weighted". By side (`hai=no`, `hai=yes`)
        `survival_rate` (%, log-log limits) and `rmst` (months, normal limits); of group `hai`
        `risk_difference` (percentage points of survival, positive = the second side lives
        longer) and `rmst_difference`; covariate `hai` the marginal `hazard_ratio` (weighted
        Cox, robust error). With `by` also `difference_of_risk_differences`,
        `difference_of_rmst_differences` and `ratio_of_hazard_ratios` of covariate
        `hai:kras`, each level against the first.

    Raises
    ------
    ParameterError, CohortError
        If an argument makes no sense or the frame is no analysis frame.

    References
    ----------
    Li F, Morgan KL, Zaslavsky AM. J Am Stat Assoc 2018;113:390. Cole SR, Hernan MA. Comput
    Methods Programs Biomed 2004;75:45 (weighted curves).
    """
    z, asked = quantile_of_level(conf_level), check_months(times)
    check_ties(ties)
    if by is not None and model.modifier != by:
        terms = [(scale.name, scale.kind) for scale in model.scales]
        model = propensity(frame, exposure, terms, modifier=by, population=population)
    model = model.on(frame)
    names = ["endpoint", "time", "event", "entry", *([by] if by is not None else [])]
    held = frame[[name for name in names if name in frame]]
    how = (kind, asked, tau, by, samples, seed, cap, ties, min_at_risk, z, population)
    return _effects(held, exposure, replace(model, frame=held), how)


def _effects(
    frame: pd.DataFrame, exposure: str, model: Propensity, how: tuple[Any, ...]
) -> pd.DataFrame:
    """The rows, of nothing but the follow-up, the model on these patients and the choices."""
    kind, asked, tau, by, samples, seed, cap, ties, min_at_risk, z, population = how
    base = {"endpoint": endpoint_of(frame), "model": MODELS[kind], "population": population}
    why = model.why
    if by is not None and model.indicators is None:
        why = why or f"not estimable: {by} has one level, or none, in these patients"
    if why or model.fit is None:
        return rows(_nothing(base, exposure, by, asked, why))
    part = frame[model.kept]
    data = observed(part)
    treated = model.treated[model.kept]
    arms = _all_arms(part, data, treated, model, by, (asked, tau, min_at_risk, population))
    given = weights_of(model.fit.chance, treated, kind, cap, np.ones(len(part)))
    draws = _draws(model, arms, treated, (kind, cap, samples, seed, by))
    at = np.concatenate([group.values(given) for group in arms])
    say = _say(model, kind, cap, len(draws))
    records = _arm_records(arms, at, draws, (base, exposure, model.levels, z, say, data))
    records += _hazard_records(arms, data, treated, given, (base, exposure, model, ties, z))
    if by is not None:
        records += _between(arms, at, draws, (base, f"{exposure}:{by}", model.levels[1], z, say))
        records += _ratio(arms, data, treated, given, (base, f"{exposure}:{by}", model, ties, z))
    return rows(records)


def _all_arms(
    part: pd.DataFrame,
    data: FollowUp,
    treated: np.ndarray,
    model: Propensity,
    by: str | None,
    asked: tuple[list[float], float | None, int, str],
) -> list[Arms]:
    """One comparison of all, or one within each level of a modifier."""
    times, tau, least, population = asked
    sides = [np.flatnonzero(treated == code) for code in (0, 1)]
    if by is None or model.indicators is None:
        return [two_arms(data, (sides[0], sides[1]), times, tau, least, population)]
    found = []
    values = part[by].astype(object).to_numpy()
    for level in model.indicators.levels:
        inside = np.flatnonzero(values == level)
        here = tuple(np.intersect1d(side, inside) for side in sides)
        where = f"{by}={level}" if population == "all" else f"{population},{by}={level}"
        found.append(two_arms(data, here, times, tau, least, where, str(level)))
    return found


def _draws(
    model: Propensity,
    arms: Sequence[Arms],
    treated: np.ndarray,
    how: tuple[str, float, int, int, str | None],
) -> np.ndarray:
    kind, cap, samples, seed, by = how
    if not check_samples(samples):
        return np.zeros((0, sum(2 * (len(g.times) + len(g.taus)) for g in arms)))

    found = []
    for counts, chances in _resamples(
        model, samples, seed, WEIGHTED if by is None else BY_MODIFIER
    ):
        for count, e in zip(counts, chances, strict=True):
            w = count * weights_of(e, treated, kind, cap, count)
            found.append(np.concatenate([group.values(w) for group in arms]))
    return np.array(found)


def _resamples(
    model: Propensity, samples: int, seed: int, k: int
) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """How often patients are drawn, and their chances fitted again, as of the last endpoint."""
    held = (model.x, model.treated, model.kept, model.fit)
    key = (*map(id, held), samples, seed, k)
    if key in _LAST:
        return _LAST[key][1]
    blocks = drawn(int(model.kept.sum()), samples, seed, k)
    made = ((counts, model.refits(counts)) for counts in blocks)
    if samples * len(model.kept) > _SMALL:
        return made
    while len(_LAST) >= _KEPT:
        del _LAST[next(iter(_LAST))]
    # What is held keeps its id.
    _LAST[key] = held, list(made)
    return _LAST[key][1]


def _say(model: Propensity, kind: str, cap: float, samples: int) -> str:
    capped = f", capped at the {100 * cap:g} % quantile" if kind == "att" and cap < 1 else ""
    drawn = f"{samples} resamples of patients, weights fitted again" if samples else "no resamples"
    return f"{MODELS[kind]} Kaplan-Meier{capped}; {drawn}; {model.method}"


def _nothing(
    base: dict[str, Any], exposure: str, by: str | None, asked: Sequence[float], why: str
) -> list[dict[str, Any]]:
    """Rows of a comparison that cannot be made."""
    at, what, ratio = {**base, "group": exposure}, "risk_difference", "hazard_ratio"
    covariate = exposure
    if by is not None:
        covariate = f"{exposure}:{by}"
        at = {**base, "covariate": covariate}
        what, ratio = "difference_of_risk_differences", "ratio_of_hazard_ratios"
    records: list[dict[str, Any]] = [
        {**at, "statistic": what, "time": month, "unit": "%", "method": why} for month in asked
    ]
    records.append({**base, "covariate": covariate, "statistic": ratio, "method": why})
    return records


def _arm_records(
    arms: Sequence[Arms],
    at: np.ndarray,
    draws: np.ndarray,
    told: tuple[dict[str, Any], str, tuple[str, str], float, str, FollowUp],
) -> list[dict[str, Any]]:
    """Rows of each side and of the differences, for each comparison in turn."""
    base, exposure, levels, z, say, data = told
    records, first = [], 0
    for group in arms:
        width = 2 * (len(group.times) + len(group.taus))
        mine = slice(first, first + width)
        here = {**base, "population": group.where}
        records += effect_records(
            group, at[mine], draws[:, mine], (here, exposure, levels, z, say), data
        )
        first += width
    return records


def _hazard_records(
    arms: Sequence[Arms],
    data: FollowUp,
    treated: np.ndarray,
    given: np.ndarray,
    told: tuple[dict[str, Any], str, Propensity, str, float],
) -> list[dict[str, Any]]:
    """The marginal hazard ratio of each comparison."""
    base, exposure, model, ties, z = told
    say = f"{base['model']} Cox, {ties.capitalize()} ties, robust error; {model.method}"
    records = []
    for group in arms:
        part = np.sort(np.concatenate(group.rows))
        x = treated[part][:, None]
        record = hazard_ratio(data.take(part), x, given[part], ties, z, say)
        keys = {"population": group.where, "covariate": exposure, "level": model.levels[1]}
        records.append({**base, **keys, **record})
    return records


def _between(
    arms: Sequence[Arms],
    at: np.ndarray,
    draws: np.ndarray,
    told: tuple[dict[str, Any], str, str, float, str],
) -> list[dict[str, Any]]:
    """Differences between the effects of each level of a modifier and of the first."""
    base, covariate, second, z, say = told
    starts = np.cumsum([0] + [2 * (len(g.times) + len(g.taus)) for g in arms])
    first, records = arms[0], []
    for group, start in zip(arms[1:], starts[1:-1], strict=True):
        n = sum(len(rows_) for g in (group, first) for rows_ in g.rows)
        here = {**base, "covariate": covariate, "level": f"{second}:{group.level}", "n": n}
        how = f"effect in {group.level} minus that in {first.level}, normal limits; {say}"
        for kind, statistic in zip(KINDS, _BETWEEN, strict=True):
            row = {**here, "statistic": statistic, "unit": kind.unit}
            for month, places in _shared(kind, group, first, start).items():
                value, error = _difference(at, draws, places)
                limits = normal(kind.factor * value, kind.factor * error, z)
                records.append({**row, "time": month, **limits, "method": how})
            for month, why in (first.left | group.left).items():
                records.append({**row, "time": month, "method": f"{why}; {how}"})
    return records


def _shared(kind: Measure, group: Arms, first: Arms, start: int) -> dict[float, list[int]]:
    """Where the four values of each horizon stand that both levels have."""
    months, offset = kind.places(group)
    others, other = kind.places(first)
    return {
        month: [
            start + offset + len(months) + months.index(month),
            start + offset + months.index(month),
            other + len(others) + others.index(month),
            other + others.index(month),
        ]
        for month in months
        if month in others
    }


def _difference(at: np.ndarray, draws: np.ndarray, places: list[int]) -> tuple[float, float]:
    """The difference of two differences, and its error over the resamples."""
    sign = np.array([1.0, -1.0, -1.0, 1.0])
    value = float(at[places] @ sign)
    if not len(draws):
        return value, math.nan
    return value, float(spread_of((draws[:, places] @ sign)[:, None])[0])


def _ratio(
    arms: Sequence[Arms],
    data: FollowUp,
    treated: np.ndarray,
    given: np.ndarray,
    told: tuple[dict[str, Any], str, Propensity, str, float],
) -> list[dict[str, Any]]:
    """Ratios of the weighted hazard ratios to that of the first level."""
    base, covariate, model, ties, z = told
    say = f"{base['model']} Cox with the product, {ties.capitalize()} ties, robust error"
    here = {**base, "covariate": covariate, "statistic": "ratio_of_hazard_ratios"}
    records = []
    for group in arms[1:]:
        part = np.sort(np.concatenate([*arms[0].rows, *group.rows]))
        inside = np.isin(part, np.concatenate(group.rows)).astype(float)
        some, a = data.take(part), treated[part]
        x = np.column_stack([a * inside, a, inside])
        row = {**here, "level": f"{model.levels[1]}:{group.level}"}
        row |= counted(some, np.arange(some.n))
        cells = [some.event[(a == i) & (inside == j)].any() for i in (0, 1) for j in (0, 1)]
        if not all(cells):
            why = "not estimable: no event in one of the four cells"
            records.append({**row, "method": why})
            continue
        fit = robust_cox(some, x, given[part], ties, np.arange(some.n))
        coef, error, why = column_of(fit, 0, 1.0)
        ends = np.exp([coef, coef - z * error, coef + z * error])
        limits = dict(zip(("estimate", "conf_low", "conf_high"), ends, strict=True))
        records.append({**row, **limits, "method": why or f"{say}; {model.method}"})
    return records
