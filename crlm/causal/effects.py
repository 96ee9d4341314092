"""Effects among comparable patients: absolute first, then ratios."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crlm.causal.engine import chance, column_of, robust_cox
from crlm.causal.propensity import MODELS, Kind, Propensity, flag, propensity, weights_of
from crlm.causal.terms import design_of, learn, two_levels, words_of
from crlm.causal.weighted import (
    Curve,
    check_months,
    check_samples,
    curve_of,
    endpoint_of,
    honest,
    observed,
    quantile_of_level,
    rate_limits,
    resampled,
    spread_of,
    under_observation,
)
from crlm.ledger import ParameterError, rows
from crlm.regression import cox
from crlm.regression.engine import TIES, FollowUp, cox_fit, upper_tail
from crlm.regression.terms import check_follow_up

#: Fixed numbers of the analyses, for random numbers of their own.
WEIGHTED, BY_MODIFIER = 2, 6


@dataclass(frozen=True)
class Arms:
    """Two sides of a comparison as curves, and where they are told.

    Attributes
    ----------
    where : str
        The population.
    level : str
        The level of a modifier; "" for all.
    rows : tuple of ndarray
        Positions of the patients of the first and the second side.
    curves : tuple of Curve
    times : list of float
        Horizons at which survival is estimated.
    taus : list of float
        Horizons of restricted means.
    left : dict of float to str
        Horizons at which nothing is estimated, and why.
    """

    where: str
    level: str
    rows: tuple[np.ndarray, np.ndarray]
    curves: tuple[Curve, Curve]
    times: list[float]
    taus: list[float]
    left: dict[float, str]

    def values(self, weights: np.ndarray) -> np.ndarray:
        """Survival of both sides at the times, then areas of both to the taus."""
        asked = np.array(self.times, dtype=float)
        steps = [curve.survival(weights) for curve in self.curves]
        rates = [c.rates(s, asked) for c, s in zip(self.curves, steps, strict=True)]
        areas = [
            [c.area(s, tau) for tau in self.taus] for c, s in zip(self.curves, steps, strict=True)
        ]
        found = np.concatenate([*rates, *areas])
        empty = any(weights[part].sum() <= 0 for part in self.rows)
        return np.full(len(found), np.nan) if empty else found


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
    if ties not in TIES:
        raise ParameterError(f"ties must be one of {', '.join(TIES)} but is {ties!r}.")
    if by is not None and model.modifier != by:
        terms = [(scale.name, scale.kind) for scale in model.scales]
        model = propensity(frame, exposure, terms, modifier=by, population=population)
    model = model.on(frame)
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


def doubly_robust(
    frame: pd.DataFrame,
    exposure: str,
    terms: Sequence[Sequence[str]],
    weights: np.ndarray,
    ties: str = "efron",
    *,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """The conditional hazard ratio of a weighted Cox model that also adjusts for the terms.

    Right where either the weights or the outcome model are.

    Parameters
    ----------
    frame, exposure, terms
        As `propensity`, on an analysis frame.
    weights : ndarray, shape (n,)
        From `weights`, one a patient of this frame; missing leaves a patient out.
    ties : {"efron", "breslow"}

    Returns
    -------
    pandas.DataFrame
        One row `hazard_ratio` of model "doubly robust", with robust (sandwich) limits.

    Raises
    ------
    ParameterError
        If there is not one weight a patient; as `propensity`.
    CohortError
        As `propensity`.
    """
    z = quantile_of_level(conf_level)
    if ties not in TIES:
        raise ParameterError(f"ties must be one of {', '.join(TIES)} but is {ties!r}.")
    if len(weights) != len(frame):
        raise ParameterError(
            f"There are {len(weights)} weights for {len(frame)} patients; give one a patient."
        )
    treated, levels = two_levels(frame, exposure)
    scales, notes = learn(frame, [term for term in terms if term[0] != exposure])
    x = np.column_stack([treated, design_of(frame, scales)])
    kept = np.isfinite(x).all(axis=1) & np.isfinite(weights)
    base = {
        "endpoint": endpoint_of(frame),
        "population": population,
        "model": "doubly robust",
        "covariate": exposure,
        "level": levels[1],
    }
    text = f"weighted Cox, {ties.capitalize()} ties, adjusted for {words_of(scales)}, robust error"
    say = "; ".join([text, f"complete cases: {int(kept.sum())} of {len(kept)} patients", *notes])
    if not kept.any():
        why = "not estimable: no patient has the exposure, all covariates and a weight"
        return rows([{**base, "statistic": "hazard_ratio", "n": 0, "events": 0, "method": why}])
    data = observed(frame[kept])
    record = hazard_ratio(data, x[kept], weights[kept], ties, z, say)
    return rows([{**base, **record}])


def era(
    frame: pd.DataFrame,
    exposure: str,
    terms: Sequence[Sequence[str]],
    *,
    year: str = "surgery_year",
    ties: str = "efron",
    population: str = "all",
) -> pd.DataFrame:
    """Did treatment and prognosis change together over the years?

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    exposure, terms
        As `propensity`; the year enters as a spline, whatever the terms say of it.
    year : str
        Column of the year of operation.
    ties : {"efron", "breslow"}

    Returns
    -------
    pandas.DataFrame
        Rows of model "era adjusted": `p` of covariate = the year, by likelihood ratio, in the
        propensity model (endpoint = the exposure in capitals) and in the Cox model of the
        endpoint on exposure and terms; the `hazard_ratio` of the exposure with the year among
        the terms; and the flag `era`, raised where both p are below 0.01. A table without the
        year gives one row `missing`.
    """
    if ties not in TIES:
        raise ParameterError(f"ties must be one of {', '.join(TIES)} but is {ties!r}.")
    base = {"endpoint": endpoint_of(frame), "population": population, "model": "era adjusted"}
    others = [term for term in terms if term[0] not in (exposure, year)]
    own, _ = learn(frame, [(year, "spline")])
    if not own:
        why = "not asked: over the years drugs, testing and treatment changed together; this "
        why += f"table has no {year} and cannot part them"
        return rows(
            [
                {
                    **base,
                    "model": "diagnostic",
                    "covariate": "era",
                    "statistic": "missing",
                    "unit": "patients",
                    "estimate": len(frame),
                    "n": len(frame),
                    "method": why,
                }
            ]
        )
    treated, levels = two_levels(frame, exposure)
    scales, _ = learn(frame, others)
    x, by_year = design_of(frame, scales), design_of(frame, own)
    kept = np.isfinite(np.column_stack([treated, x, by_year])).all(axis=1)
    told = f"likelihood ratio of a {own[0].words} beside {words_of(scales)}"
    ps = _year_tests(frame[kept], treated[kept], x[kept], by_year[kept], ties)
    record = _year_ratio(frame[kept], treated[kept], np.column_stack([x, by_year])[kept], ties)
    at = {**base, "covariate": year, "statistic": "p", "n": int(kept.sum())}
    text = f"p of the year {ps[0]:.2g} for the treatment and {ps[1]:.2g} for the outcome (raised "
    text += "where both are below 0.01)"
    return rows(
        [
            {**at, "endpoint": exposure.upper(), "estimate": ps[0], "method": f"logistic, {told}"},
            {**at, "estimate": ps[1], "method": f"Cox, {ties.capitalize()} ties, {told}"},
            {
                **base,
                "covariate": exposure,
                "level": levels[1],
                **record,
                "method": f"{record['method']}, adjusted for {words_of([*scales, *own])}",
            },
            flag("era", max(ps) < 0.01, text, **base),
        ]
    )


def _year_tests(
    part: pd.DataFrame, treated: np.ndarray, x: np.ndarray, by_year: np.ndarray, ties: str
) -> tuple[float, float]:
    """Likelihood-ratio p of the year in the treatment's and in the outcome's model; else NaN."""
    both = np.column_stack([x, by_year])
    one = math.nan
    if len(treated) and 0 < treated.mean() < 1:
        small, large = chance(treated, x), chance(treated, both)
        df = by_year.shape[1] - (len(large.dropped) - len(small.dropped))
        one = upper_tail(2 * (large.loglik - small.loglik), df)
    if not len(part) or not part["event"].any():
        return one, math.nan
    data = observed(part)
    fits = [cox_fit(data, np.column_stack([treated, columns]), ties) for columns in (x, both)]
    df = int(fits[1].finite.sum() - fits[0].finite.sum())
    return one, upper_tail(2 * (fits[1].loglik - fits[0].loglik), df)


def _year_ratio(
    part: pd.DataFrame, treated: np.ndarray, x: np.ndarray, ties: str
) -> dict[str, Any]:
    """The ratio of the exposure beside the terms and the year."""
    if not len(part):
        return {"statistic": "hazard_ratio", "method": "not estimable: no complete case"}
    names = [f"column {j}" for j in range(x.shape[1])]
    wide = pd.DataFrame(np.column_stack([treated, x]), columns=["treated", *names])
    wide = wide.assign(**{name: part[name].to_numpy() for name in check_follow_up(part)})
    found = cox(wide, ["treated", *names], ties=ties)
    row = found[(found["covariate"] == "treated") & (found["statistic"] == "hazard_ratio")]
    wanted = ["statistic", "estimate", "conf_low", "conf_high", "n", "events", "method"]
    return {str(name): value for name, value in row[wanted].iloc[0].items()}


def hazard_ratio(
    data: FollowUp,
    x: np.ndarray,
    given: np.ndarray,
    ties: str,
    z: float,
    say: str,
    cluster: np.ndarray | None = None,
) -> dict[str, Any]:
    """The ratio of the first column (0 and 1) of a weighted Cox model, as a record."""
    n, events = int((given > 0).sum()), int(data.event[given > 0].sum())
    found = {"statistic": "hazard_ratio", "n": n, "events": events}
    first = x[:, 0]
    for code, name in ((0, "first"), (1, "second")):
        if not data.event[(first == code) & (given > 0)].any():
            why = f"not estimable: no event on the {name} side"
            return {**found, "method": f"{why}; {say}"}
    fit = robust_cox(data, x, given, ties, np.arange(data.n) if cluster is None else cluster)
    coef, error, why = column_of(fit, 0, 1.0)
    if why:
        return {**found, "method": f"{why}; {say}"}
    low, high = math.exp(coef - z * error), math.exp(coef + z * error)
    return {**found, "estimate": math.exp(coef), "conf_low": low, "conf_high": high, "method": say}


def two_arms(
    data: FollowUp,
    sides: tuple[np.ndarray, np.ndarray],
    asked: Sequence[float],
    tau: float | None,
    least: int,
    where: str = "all",
    level: str = "",
) -> Arms:
    """Both sides' curves, and the horizons that their follow-up allows."""
    curves = (curve_of(data, sides[0]), curve_of(data, sides[1]))
    left: dict[float, str] = {}
    for month in dict.fromkeys([*asked, *([tau] if tau else [])]):
        counts = [under_observation(data, side, month) for side in sides]
        if min(counts) < least:
            left[month] = (
                f"not estimated: {counts[0]} and {counts[1]} patients of the two sides left at "
                f"month {month:g}, fewer than {least} on one"
            )
    times = [month for month in asked if month not in left]
    taus = list(times)
    if tau and tau not in left and tau not in taus:
        taus.append(tau)
    if not tau and asked and len(times) < len(asked):
        own = honest(data, sides, max(asked), least)
        taus += [own] if math.isfinite(own) and own not in taus else []
    return Arms(where, level, sides, curves, times, taus, left)


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

    def once(counts: np.ndarray) -> np.ndarray:
        e = model.refit(counts)
        w = counts * weights_of(e, treated, kind, cap, counts)
        return np.concatenate([group.values(w) for group in arms])

    k = WEIGHTED if by is None else BY_MODIFIER
    return resampled(len(treated), samples, seed, k, once)


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


def effect_records(
    group: Arms,
    at: np.ndarray,
    draws: np.ndarray,
    told: tuple[dict[str, Any], str, tuple[str, str], float, str],
    data: FollowUp,
) -> list[dict[str, Any]]:
    """Survival, restricted means and differences of one comparison as records.

    Parameters
    ----------
    at : ndarray
        `group.values` under the weights.
    draws : ndarray, shape (samples, values)
        The same in each resample.
    told : tuple
        Keys, exposure, its levels, the normal quantile, the method.
    """
    base, exposure, levels, z, say = told
    errors = spread_of(draws) if len(draws) else np.full(len(at), np.nan)
    records: list[dict[str, Any]] = []
    m = len(group.times)
    for name, horizons, offset, unit in (
        ("survival_rate", group.times, 0, "%"),
        ("rmst", group.taus, 2 * m, "months"),
    ):
        for side, level in enumerate(levels):
            here = {**base, "group": f"{exposure}={level}", **counted(data, group.rows[side])}
            for j, month in enumerate(horizons):
                k = offset + side * len(horizons) + j
                limits = _limits(name, at[k], errors[k], z)
                records.append(
                    {
                        **here,
                        "statistic": name,
                        "time": month,
                        "unit": unit,
                        **limits,
                        "method": say,
                    }
                )
        both = {**base, "group": exposure, **counted(data, np.concatenate(group.rows))}
        records += _differences(name, horizons, offset, unit, at, draws, (both, levels, z, say))
    for month, why in group.left.items():
        both = {**base, "group": exposure, **counted(data, np.concatenate(group.rows))}
        records.append(
            {
                **both,
                "statistic": "risk_difference",
                "time": month,
                "unit": "%",
                "method": f"{why}; {say}",
            }
        )
        records.append(
            {
                **both,
                "statistic": "rmst_difference",
                "time": month,
                "unit": "months",
                "method": f"{why}; {say}",
            }
        )
    return records


def counted(data: FollowUp, part: np.ndarray) -> dict[str, int]:
    """Patients and events of some rows."""
    return {"n": len(part), "events": int(data.event[part].sum())}


def _limits(name: str, value: float, error: float, z: float) -> dict[str, float]:
    if name == "survival_rate":
        low, high = rate_limits(value, error, z)
        return {"estimate": 100 * value, "conf_low": 100 * low, "conf_high": 100 * high}
    return {"estimate": value, "conf_low": value - z * error, "conf_high": value + z * error}


def _differences(
    name: str,
    horizons: Sequence[float],
    offset: int,
    unit: str,
    at: np.ndarray,
    draws: np.ndarray,
    told: tuple[dict[str, Any], tuple[str, str], float, str],
) -> list[dict[str, Any]]:
    both, levels, z, say = told
    statistic = "risk_difference" if name == "survival_rate" else "rmst_difference"
    factor = 100.0 if name == "survival_rate" else 1.0
    what = "survival" if name == "survival_rate" else "restricted mean"
    records = []
    for j, month in enumerate(horizons):
        one, two = offset + j, offset + len(horizons) + j
        value, error = _contrast(at, draws, one, two)
        records.append(
            {
                **both,
                "statistic": statistic,
                "time": month,
                "unit": unit,
                **normal(factor * value, factor * error, z),
                "method": f"{what}, {levels[1]} minus {levels[0]} (positive: {levels[1]} lives "
                f"longer), normal limits; {say}",
            }
        )
    return records


def _contrast(at: np.ndarray, draws: np.ndarray, one: int, two: int) -> tuple[float, float]:
    """Second minus first, and its error over the resamples."""
    difference = float(at[two] - at[one])
    if not len(draws):
        return difference, math.nan
    return difference, float(spread_of((draws[:, two] - draws[:, one])[:, None])[0])


def normal(value: float, error: float, z: float) -> dict[str, float]:
    """An estimate with normal limits."""
    return {"estimate": value, "conf_low": value - z * error, "conf_high": value + z * error}


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
    records = []
    for group, start in zip(arms[1:], starts[1:-1], strict=True):
        for statistic, unit, factor in (
            ("difference_of_risk_differences", "%", 100.0),
            ("difference_of_rmst_differences", "months", 1.0),
        ):
            mine, first = (_places(g, statistic) for g in (group, arms[0]))
            for month in [m for m in mine if m in first]:
                four = [
                    start + mine[month][1],
                    start + mine[month][0],
                    first[month][1],
                    first[month][0],
                ]
                sign = np.array([1.0, -1.0, -1.0, 1.0])
                error = spread_of((draws[:, four] @ sign)[:, None])[0] if len(draws) else math.nan
                value = float(at[four] @ sign)
                records.append(
                    {
                        **base,
                        "covariate": covariate,
                        "level": f"{second}:{group.level}",
                        "statistic": statistic,
                        "time": month,
                        "unit": unit,
                        "n": sum(len(r) for g in (group, arms[0]) for r in g.rows),
                        **normal(factor * value, factor * float(error), z),
                        "method": f"effect in {group.level} minus that in {arms[0].level}, normal "
                        f"limits; {say}",
                    }
                )
    return records


def _places(group: Arms, statistic: str) -> dict[float, tuple[int, int]]:
    """Where both sides' values of each horizon stand among `values`."""
    m, offset = len(group.times), 0
    horizons = group.times
    if statistic == "difference_of_rmst_differences":
        horizons, offset, m = group.taus, 2 * m, len(group.taus)
    return {month: (offset + j, offset + m + j) for j, month in enumerate(horizons)}


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
    records = []
    for group in arms[1:]:
        part = np.sort(np.concatenate([*arms[0].rows, *group.rows]))
        inside = np.isin(part, np.concatenate(group.rows)).astype(float)
        a = treated[part]
        x = np.column_stack([a * inside, a, inside])
        here = {
            **base,
            "covariate": covariate,
            "level": f"{model.levels[1]}:{group.level}",
            "statistic": "ratio_of_hazard_ratios",
        }
        some, w = data.take(part), given[part]
        empty = [not some.event[(a == i) & (inside == j)].any() for i in (0, 1) for j in (0, 1)]
        if any(empty):
            why = "not estimable: no event in one of the four cells"
            records.append({**here, **counted(some, np.arange(some.n)), "method": why})
            continue
        fit = robust_cox(some, x, w, ties, np.arange(some.n))
        coef, error, why = column_of(fit, 0, 1.0)
        limits = np.exp([coef - z * error, coef + z * error])
        records.append(
            {
                **here,
                **counted(some, np.arange(some.n)),
                "estimate": math.exp(coef),
                "conf_low": limits[0],
                "conf_high": limits[1],
                "method": why or f"{say}; {model.method}",
            }
        )
    return records
