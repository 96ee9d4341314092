"""Effects adjusted for covariates one by one: the doubly robust ratio, and the year."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm.causal import flags
from crlm.causal.adjusted import contrast, first, fitted, too_many
from crlm.causal.arms import hazard_ratio
from crlm.causal.engine import chance
from crlm.causal.terms import design_of, learn, two_levels, words_of
from crlm.causal.timing import missing_record
from crlm.causal.weighted import check_ties, endpoint_of, observed, quantile_of_level
from crlm.ledger import ParameterError, rows
from crlm.regression.engine import cox_fit, upper_tail

_TEN = 10.0


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
    check_ties(ties)
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
    say = "; ".join([text, f"complete cases: {kept.sum():,} of {len(kept):,} patients", *notes])
    if not kept.any():
        why = "not estimable: no patient has the exposure, all covariates and a weight"
        return rows([{**base, "statistic": "hazard_ratio", "n": 0, "events": 0, "method": why}])
    data = observed(frame[kept])
    if too_many(data, x.shape[1]):
        why = f"{too_many(data, x.shape[1])}; {say}"
        at = {"n": data.n, "events": data.n_events, "method": why}
        return rows([{**base, "statistic": "hazard_ratio", **at}])
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
    limits: flags.Limits = flags.THRESHOLDS,
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
    limits : mapping of str to float
        Thresholds of the flag, as `flags.THRESHOLDS`.

    Returns
    -------
    pandas.DataFrame
        Rows of model "era adjusted": `p` of covariate = the year, by likelihood ratio, in the
        propensity model (endpoint = the exposure in capitals) and in the Cox model of the
        endpoint on exposure and terms; the `hazard_ratio` of the exposure with the year among
        the terms; the `ratio_of_hazard_ratios` of exposure × year, by what factor that ratio
        changes in ten years; and the flag `era`, raised where both p are below 0.01. A table
        without the year gives one row `missing`.
    """
    check_ties(ties)
    z = quantile_of_level(0.95)
    base = {"endpoint": endpoint_of(frame), "population": population, "model": "era adjusted"}
    others = [term for term in terms if term[0] not in (exposure, year)]
    own, _ = learn(frame, [(year, "spline")])
    if not own:
        why = "not asked: over the years drugs, testing and treatment changed together; this "
        why += f"table has no {year} and cannot part them"
        return rows([missing_record(frame, "era", why, population)])
    treated, levels = two_levels(frame, exposure)
    scales, _ = learn(frame, others)
    x, by_year = design_of(frame, scales), design_of(frame, own)
    kept = np.isfinite(np.column_stack([treated, x, by_year])).all(axis=1)
    told = f"likelihood ratio of a {own[0].words} beside {words_of(scales)}"
    ps = _year_tests(frame[kept], treated[kept], x[kept], by_year[kept], ties)
    columns = np.column_stack([x, by_year])[kept]
    record = _year_ratio(frame[kept], treated[kept], columns, ties, z)
    record["method"] += f", adjusted for {words_of([*scales, *own])}"
    product = _year_product(frame[kept], treated[kept], columns, year, ties, z)
    at = {**base, "covariate": year, "statistic": "p", "n": int(kept.sum())}
    models = ("logistic", f"Cox, {ties.capitalize()} ties")
    how = [
        f"{model}, {told}" if math.isfinite(p) else f"not estimable: nothing to compare; {told}"
        for model, p in zip(models, ps, strict=True)
    ]
    tests = [
        {**at, "endpoint": exposure.upper(), "estimate": ps[0], "method": how[0]},
        {**at, "estimate": ps[1], "method": how[1]},
    ]
    ratio = {**base, "covariate": exposure, "level": levels[1], **record}
    both = {**base, "covariate": f"{exposure}:{year}", "level": levels[1], **product}
    return rows([*tests, ratio, both, flags.era(*ps, limits, **base)])


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
    if not len(part) or too_many(observed(part), 1 + both.shape[1]):
        return one, math.nan
    data = observed(part)
    fits = [cox_fit(data, np.column_stack([treated, columns]), ties) for columns in (x, both)]
    df = int(fits[1].finite.sum() - fits[0].finite.sum())
    return one, upper_tail(2 * (fits[1].loglik - fits[0].loglik), df)


def _year_ratio(
    part: pd.DataFrame, treated: np.ndarray, x: np.ndarray, ties: str, z: float
) -> dict[str, Any]:
    """The ratio of the exposure beside the terms and the year."""
    if not len(part):
        return {"statistic": "hazard_ratio", "method": "not estimable: no complete case"}
    data, columns = observed(part), np.column_stack([treated, x])
    say = f"Cox, {ties.capitalize()} ties"
    ratio, _ = contrast(*fitted(data, columns, ties), first(columns.shape[1]), z, say)
    return {"statistic": "hazard_ratio", "n": data.n, "events": data.n_events, **ratio}


def _year_product(
    part: pd.DataFrame, treated: np.ndarray, x: np.ndarray, year: str, ties: str, z: float
) -> dict[str, Any]:
    """By what factor the ratio of the exposure changes in ten years."""
    if not len(part):
        return {"statistic": "ratio_of_hazard_ratios", "method": "not estimable: no complete case"}
    when = part[year].to_numpy(float)
    data = observed(part)
    columns = np.column_stack([treated * (when - np.median(when)) / _TEN, treated, x])
    say = f"Cox, {ties.capitalize()} ties, the exposure and its product with the year; per 10 years"
    ratio, _ = contrast(*fitted(data, columns, ties), first(columns.shape[1]), z, say)
    return {"statistic": "ratio_of_hazard_ratios", "n": data.n, "events": data.n_events, **ratio}
