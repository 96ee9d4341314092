"""How much of a model is the sample's own noise: events per parameter, shrinkage, optimism."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm import cores, lent
from crlm.ledger import ParameterError, rows
from crlm.ledger.chapter import Thresholds
from crlm.regression.engine import FollowUp, concordance
from crlm.regression.models import make_sample
from crlm.regression.selection import Problem, Rule, chosen_once, make_problem
from crlm.regression.solution import cox_family

#: The number of this analysis in the seeds of resamples.
ANALYSIS = 9
_USUAL = Thresholds()
#: A model that would need more patients than this explains nothing.
_MOST_NEEDED = 1_000_000
#: Events that a candidate parameter needs, and the shrinkage that a model should reach.
EVENTS_NEEDED, SHRINKAGE_NEEDED = _USUAL.events_per_parameter, _USUAL.shrinkage


def expected_shrinkage(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    *,
    ties: str = "efron",
    events_needed: float = EVENTS_NEEDED,
    shrinkage_needed: float = SHRINKAGE_NEEDED,
    population: str = "all",
) -> pd.DataFrame:
    """How far a model of all candidates would shrink on other patients, and how many it needs.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    covariates : sequence of str
        All candidates that were looked at, not those that survived a screen.

    Returns
    -------
    pandas.DataFrame
        Rows of model "diagnostic", covariate "candidates": `events_per_parameter`,
        `expected_shrinkage` (1: none is needed; missing where the model has no finite
        likelihood), `n` of level "needed" (patients at which the shrinkage would be 0.9, were
        the model as good there), and the `flag` "few events".

    Raises
    ------
    ParameterError, CohortError
        As `cox`.

    Notes
    -----
    S = 1 + p / (n ln(1 - R2)), R2 = 1 - exp(-LR / n) of Cox and Snell, which is 1 - p / LR; the
    patients needed are p / ((0.9 - 1) ln(1 - R2 / 0.9)).

    References
    ----------
    Riley RD et al. BMJ 2020;368:m441. van Houwelingen JC, le Cessie S. Stat Med 1990;9:1303.
    """
    sample = make_sample(frame, covariates)
    parameters = sample.design.x.shape[1]
    n, events = sample.data.n, sample.data.n_events
    keys: dict[str, Any] = {
        "endpoint": sample.endpoint,
        "population": population,
        "model": "diagnostic",
        "n": n,
        "events": events,
    }
    at = {**keys, "covariate": "candidates"}
    each = events / parameters if parameters else math.nan
    told = f"{events} events, {parameters} candidate parameters, {n} complete cases"
    ratio = _likelihood_ratio(sample.data, sample.design.x, ties)
    shrinkage = 1 - parameters / ratio if ratio > 0 else math.nan
    needed = _needed(ratio, parameters, n, shrinkage_needed)
    how = f"1 - p / LR, LR {ratio:.2f} of Cox, {ties.capitalize()} ties; {told}"
    if not math.isfinite(shrinkage):
        how = f"not estimable: the model of all candidates has no finite likelihood; {told}"
    raised = each < events_needed or not shrinkage >= shrinkage_needed
    text = f"{told}: {each:.1f} events a parameter" if parameters else f"{told}: none varies"
    text += f", expected shrinkage {shrinkage:.2f}" if math.isfinite(shrinkage) else ""
    text += f"; raised below {events_needed:g} or below {shrinkage_needed:g}"
    flag = {"covariate": "few events", "statistic": "flag", "estimate": float(raised)}
    return rows(
        [
            {**at, "statistic": "events_per_parameter", "estimate": each, "method": told},
            {**at, "statistic": "expected_shrinkage", "estimate": shrinkage, "method": how},
            {
                **at,
                "level": "needed",
                "statistic": "n",
                "unit": "patients",
                "estimate": needed,
                "method": _needed_words(ratio, needed, shrinkage_needed, told),
            },
            {**keys, **flag, "method": text},
        ]
    )


@lent.pure
def optimism(
    frame: pd.DataFrame,
    rule: Rule,
    *,
    samples: int = 200,
    seed: int = 20,
    model: str = "multivariable",
    population: str = "all",
) -> pd.DataFrame:
    """How much better a model sorts the patients that it was made from than other ones.

    The whole rule (screening, selection, fit) is carried out in each resample, and the model
    found there sorts the resample and the patients themselves.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    rule : Rule
        From `rule`.
    samples, seed : int
        `default_rng([seed, 9])` draws `samples` times n patients, in the order of their
        contents.
    model : str
        Of the apparent concordance, as the table with the ratios calls it.

    Returns
    -------
    pandas.DataFrame
        Rows `concordance` of model `model` (apparent), `optimism` (mean of concordance in the
        resample less concordance of its model in the patients themselves) and `concordance`
        of model "optimism corrected"; missing with the reason where the rule chooses nothing.

    Raises
    ------
    ParameterError, CohortError
        As `regression_table`; or if `samples` is less than 2.

    References
    ----------
    Harrell FE, Lee KL, Mark DB. Stat Med 1996;15:361.
    """
    if samples < 2:
        raise ParameterError(f"samples is {samples}; optimism needs at least 2 resamples.")
    problem = make_problem(frame, rule.asked_of(frame)).ordered()
    apparent = _sorted_by(problem, problem, rule)
    rng = np.random.default_rng([seed, ANALYSIS])
    n = problem.data.n
    many = samples if math.isfinite(apparent) else 0
    draws = rng.integers(max(n, 1), size=(many, n), dtype=np.int32)
    both = cores.each(lambda draw: _both(problem.take(np.sort(draw)), problem, rule), draws)
    gains = [inside - outside for inside, outside in both if math.isfinite(inside - outside)]
    gain = float(np.mean(gains)) if len(gains) > 1 else math.nan
    error = float(np.std(gains, ddof=1) / math.sqrt(len(gains))) if len(gains) > 1 else math.nan
    endpoint = str(frame["endpoint"].iloc[0]) if "endpoint" in frame and len(frame) else ""
    keys = {"endpoint": endpoint, "population": population, "covariate": "candidates"}
    keys |= {"n": n, "events": problem.data.n_events}
    how = f"{rule.words()}, carried out in {len(gains)} of {samples} resamples, seed {seed}"
    if not math.isfinite(apparent):
        how = f"not estimable: the rule chooses no covariate ({rule.words()})"
    elif not gains:
        how = f"not estimable: the rule chooses nothing in any resample ({rule.words()})"
    mean = f"{how}; Monte-Carlo error {error:.4f}" if math.isfinite(error) else how
    keys |= {"statistic": "concordance", "method": how}
    return rows(
        [
            {**keys, "model": model, "estimate": apparent},
            {**keys, "model": model, "statistic": "optimism", "estimate": gain, "method": mean},
            {**keys, "model": "optimism corrected", "estimate": apparent - gain},
        ]
    )


# ---- parts ------------------------------------------------------------------


def _likelihood_ratio(data: FollowUp, x: np.ndarray, ties: str) -> float:
    """Twice the gain of the likelihood; NaN where it has no maximum or nothing is known."""
    if data.n_events < 2 or not x.shape[1]:
        return math.nan
    fit = cox_family(data, ties).fit(x)
    return math.nan if fit.infinite.any() else 2 * (fit.loglik - fit.loglik_null)


def _needed(ratio: float, parameters: int, n: int, shrinkage: float) -> float:
    if not ratio > 0:
        return math.nan
    explained = 1 - math.exp(-ratio / n)
    if explained >= shrinkage:
        return float(n)
    rate = (shrinkage - 1) * math.log(1 - explained / shrinkage)
    return math.ceil(parameters / rate) if parameters <= _MOST_NEEDED * rate else math.nan


def _needed_words(ratio: float, needed: float, shrinkage: float, told: str) -> str:
    text = f"patients for an expected shrinkage of {shrinkage:g}; {told}"
    beyond = ratio > 0 and math.isnan(needed)
    return f"not estimable: more than {_MOST_NEEDED:,} {text}" if beyond else text


def _both(made_from: Problem, patients: Problem, rule: Rule) -> tuple[float, float]:
    """Concordance of the model of a resample in it and in the patients themselves."""
    coef, columns = _model(made_from, rule)
    inside = _concordance(made_from, columns, coef)
    return inside, _concordance(patients, columns, coef)


def _sorted_by(made_from: Problem, patients: Problem, rule: Rule) -> float:
    coef, columns = _model(made_from, rule)
    return _concordance(patients, columns, coef)


def _model(problem: Problem, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Finite coefficients of the model that the rule makes, and their columns."""
    _, coef = chosen_once(problem, rule)
    columns = np.flatnonzero(np.isfinite(coef))
    return coef[columns], columns


def _concordance(problem: Problem, columns: np.ndarray, coef: np.ndarray) -> float:
    if not len(columns):
        return math.nan
    data, x = problem.cases([int(column) for column in columns])
    if data.n < 2 or not data.n_events:
        return math.nan
    # Row by row: a product of matrices may give equal patients scores that differ in the last bit.
    return concordance(data, np.einsum("ij,j->i", x, coef))[0]
