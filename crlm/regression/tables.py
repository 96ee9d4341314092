"""The regression tables of a paper, and how stable the selection of covariates is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm import cores, lent
from crlm.ledger import rows
from crlm.refusals import argument, choice
from crlm.regression.engine import TIES
from crlm.regression.logistic_tests import with_fisher, with_likelihood_ratio
from crlm.regression.models import TESTS, cox, logistic, univariable
from crlm.regression.resampled import in_samples
from crlm.regression.selection import (
    Problem,
    Removal,
    Rule,
    backward,
    chosen_once,
    make_problem,
    select,
)
from crlm.regression.solution import check_level
from crlm.regression.terms import Term, check_names

#: The model of rows that tell how stable a selection is.
STABILITY = "bootstrap selection"
#: Tests behind the univariable p values of a logistic table.
LOGISTIC_TESTS = ("fisher", "wald", "lr")


@lent.pure
def regression_table(
    frame: pd.DataFrame,
    rule: Rule,
    *,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Univariable and multivariable hazard ratios: the rows of a paper's regression table.

    Parameters
    ----------
    rule : Rule
        Which covariates, and how those of the multivariable model are chosen: from
        `regression.rule`.

    Returns
    -------
    pandas.DataFrame
        Rows of `univariable`, then of `cox` (model "multivariable"), whose `n`
        row says how the covariates were chosen. Then, of model "selection", a `p`
        for each covariate that is not in the multivariable model, with the reason.
        With the selection "univariable" those of `univariable` alone.

    Raises
    ------
    ParameterError
        If the rule's test is not one of Cox models, or a covariate is absent.
    CohortError
        As `cox`.
    """
    choice("univariable_p", rule.univariable_p, TESTS)
    rule.asked_of(frame)
    common: dict[str, Any] = {
        "ties": rule.ties,
        "conf_level": conf_level,
        "population": population,
    }
    uni = univariable(frame, rule.names, p_value=rule.univariable_p, **common)
    if rule.selection == "univariable":
        return uni
    chosen = rule.candidates(select(uni, rule.names, entry_p=rule.entry_p))
    steps: list[Removal] = []
    if rule.selection == "backward" and chosen:
        chosen, steps = backward(
            frame,
            chosen,
            p_stay=rule.p_stay,
            ties=rule.ties,
            keep=rule.fixed,
            strata=rule.strata,
        )
    multi = _multivariable(frame, chosen, rule, common)
    reasons = _reasons(uni, chosen, steps, rule)
    return pd.concat([uni, multi, *([rows(reasons)] if reasons else [])], ignore_index=True)


@lent.pure
def logistic_table(
    frame: pd.DataFrame,
    outcome: str,
    rule: Rule,
    *,
    endpoint: str | None = None,
    interval: str = "wald",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Univariable and multivariable odds ratios of a yes-no outcome.

    Parameters
    ----------
    frame, outcome, endpoint, interval
        As in `logistic`.
    rule : Rule
        From `regression.rule`: any `selection` but "backward"; `univariable_p`
        "fisher" (the two-sided exact test of the cross table, for factors of two levels;
        numbers and factors of more levels keep Wald's test), "wald", or "lr" (likelihood
        ratio; single levels of a factor with more than two keep Wald's).

    Returns
    -------
    pandas.DataFrame
        Rows of `logistic`, first of model "univariable", then "multivariable",
        whose `n` row says how the covariates were chosen.

    Raises
    ------
    ParameterError
        If the rule is not one of a logistic table, or a covariate is absent.
    CohortError
        As `logistic`.
    """
    choice("selection", rule.selection, ("fixed", "enter", "none", "univariable"))
    choice("univariable_p", rule.univariable_p, LOGISTIC_TESTS)
    rule.asked_of(frame)
    keys = {"endpoint": endpoint or outcome, "population": population}
    limits: dict[str, Any] = {"interval": interval, "conf_level": conf_level}
    uni = logistic(frame, outcome, rule.names, model="univariable", **limits, **keys)
    if rule.univariable_p == "fisher":
        uni = with_fisher(uni, frame, outcome)
    if rule.univariable_p == "lr":
        uni = with_likelihood_ratio(uni, frame, outcome)
    if rule.selection == "univariable":
        return uni
    chosen = rule.candidates(select(uni, rule.names, entry_p=rule.entry_p))
    if not chosen:
        return pd.concat([uni, no_model(rule, keys)], ignore_index=True)
    limits["p_value"] = rule.multivariable_p
    multi = logistic(frame, outcome, chosen, **limits, **keys)
    multi.loc[0, "method"] = f"{multi.loc[0, 'method']}; {rule.words()}"
    return pd.concat([uni, multi], ignore_index=True)


@lent.pure
def bootstrap_selection(
    frame: pd.DataFrame,
    rule: Rule,
    *,
    n_boot: int = 200,
    seed: int = 0,
    population: str = "all",
) -> pd.DataFrame:
    """How often each covariate is chosen when the patients are drawn again.

    The whole selection, univariable tests included, is repeated in `n_boot`
    samples of patients with replacement.

    Parameters
    ----------
    rule : Rule
        The one that the regression table followed.

    Returns
    -------
    pandas.DataFrame
        Rows of model "bootstrap selection": `percent` of the resamples in which the
        covariate is in the multivariable model (level ""; n = resamples);
        `hazard_ratio` of each level: its median and 2.5th and 97.5th percentile
        in the resamples that chose it (n = how many with a finite estimate).
        Rows of model "bootstrap selection, sign": `percent` of these in which the
        hazard ratio lies on the same side of 1 as their median.

    Raises
    ------
    ParameterError, CohortError
        As `regression_table`; or if `n_boot` is below 1.

    References
    ----------
    Sauerbrei W, Schumacher M. Stat Med 1992;11:2093.
    """
    choice("univariable_p", rule.univariable_p, TESTS)
    problem = make_problem(frame, rule.asked_of(frame), rule.strata).ordered()
    draws = _draws(problem, n_boot, seed)
    found = cores.each(lambda draw: chosen_once(problem.take(draw), rule), draws)
    method = (
        f"{n_boot} bootstrap samples of patients, seed {seed}; {rule.words()}; "
        f"Cox, {rule.ties.capitalize()} ties"
    )
    keys = {"endpoint": _endpoint(frame), "population": population, "method": method}
    return rows(record for term in problem.design.terms for record in _stability(term, found, keys))


def bootstrap_table(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    *,
    multivariable: Sequence[str] | None = None,
    ties: str = "efron",
    n_boot: int = 1000,
    seed: int = 0,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Bootstrap intervals of every hazard ratio, univariable and multivariable.

    Every model is fitted anew to each of `n_boot` samples of patients with replacement.

    Parameters
    ----------
    multivariable : sequence of str, optional
        Covariates of the multivariable model; all of `covariates` otherwise.
    frame, covariates, ties
        As in `cox`.

    Returns
    -------
    pandas.DataFrame
        Rows `hazard_ratio` of models "univariable" and "multivariable", a level a row: the
        estimate in the patients themselves, percentile limits, and n = resamples with a
        finite estimate. NaN where the patients themselves give no finite estimate.

    Raises
    ------
    ParameterError, CohortError
        As `cox`; or if `n_boot` or `conf_level` makes no sense.

    References
    ----------
    Efron B. The Jackknife, the Bootstrap and Other Resampling Plans, 1982 (percentile limits).
    """
    choice("ties", ties, TIES)
    check_level(conf_level)
    names = check_names(frame, covariates)
    joint = names if multivariable is None else check_names(frame, multivariable)
    problem = make_problem(frame, list(dict.fromkeys([*names, *joint]))).ordered()
    terms = {term.name: term for term in problem.design.terms}
    models = [("univariable", [terms[name]]) for name in names]
    models.append(("multivariable", [terms[name] for name in joint]))
    draws = _draws(problem, n_boot, seed)
    found = [in_samples(problem, chosen, ties, draws) for _, chosen in models]
    method = (
        f"Cox, {ties.capitalize()} ties, {100 * conf_level:g} % percentile limits of "
        f"{n_boot} bootstrap samples of patients, seed {seed}"
    )
    keys = {"endpoint": _endpoint(frame), "population": population, "method": method}
    return rows(
        record
        for (model, chosen), coef in zip(models, found, strict=True)
        for record in _percentiles(chosen, coef, {**keys, "model": model}, conf_level)
    )


def _draws(problem: Problem, n_boot: int, seed: int) -> np.ndarray:
    """Samples with replacement of the patients of an ordered problem, one a row, in its order."""
    argument("n_boot", n_boot, n_boot >= 1, "at least 1")
    n = problem.data.n
    rng = np.random.default_rng(seed)
    draws = rng.integers(max(n, 1), size=(n_boot, n), dtype=np.int32)
    draws.sort(axis=1)
    return draws


def _percentiles(
    terms: Sequence[Term], coef: np.ndarray, keys: Mapping[str, Any], conf_level: float
) -> list[dict[str, Any]]:
    """Rows of one model: estimates (the first line of `coef`) and limits from the others."""
    records = []
    levels = [(term.name, term.level(column)) for term in terms for column in term.columns]
    for (name, level), values in zip(levels, coef.T, strict=True):
        drawn = values[1:][np.isfinite(values[1:])]
        tails = [(1 - conf_level) / 2, (1 + conf_level) / 2]
        low, high = np.quantile(drawn, tails) if len(drawn) else (np.nan, np.nan)
        limits = {"conf_low": np.exp(low), "conf_high": np.exp(high), "n": len(drawn)}
        what = {"covariate": name, "level": level, "statistic": "hazard_ratio"}
        records.append({**keys, **what, "estimate": np.exp(values[0]), **limits})
    return records


def _multivariable(
    frame: pd.DataFrame,
    chosen: Sequence[str],
    rule: Rule,
    common: Mapping[str, Any],
) -> pd.DataFrame:
    """The multivariable rows, the first of which tells the rule."""
    if not chosen:
        keys = {"endpoint": _endpoint(frame), "population": common["population"]}
        return no_model(rule, keys)
    own: dict[str, Any] = {"strata": rule.strata, "products": rule.products_of(chosen)}
    own |= {"product_test": rule.product_test, "p_value": rule.multivariable_p}
    multi = cox(frame, chosen, model="multivariable", **own, **common)
    multi.loc[0, "method"] = f"{multi.loc[0, 'method']}; {rule.words()}"
    return multi


def no_model(rule: Rule, keys: Mapping[str, str]) -> pd.DataFrame:
    """The row of a table whose rule chose no covariate for the multivariable model."""
    method = f"no multivariable model: no covariate was chosen ({rule.words()})"
    what = {"model": "multivariable", "statistic": "n", "unit": "patients", "method": method}
    return rows([{**keys, **what}])


def _reasons(
    uni: pd.DataFrame, chosen: Sequence[str], steps: Sequence[Removal], rule: Rule
) -> list[dict[str, Any]]:
    """Why a covariate is not in the multivariable model."""
    first = uni.iloc[0]
    keys = {"endpoint": first["endpoint"], "population": first["population"], "model": "selection"}
    removed = {step.covariate: (k, step) for k, step in enumerate(steps, start=1)}
    records = []
    for name in [name for name in rule.names if name not in chosen]:
        at = {**keys, "covariate": name, "statistic": "p"}
        if name in removed:
            k, step = removed[name]
            method = f"removed at step {k} of backward selection (p >= {rule.p_stay:g})"
            at |= {"estimate": step.p, "n": step.n, "events": step.events}
        elif rule.selection == "fixed":
            method = "not in the fixed model"
        elif name in rule.left_out:
            method = "left out beforehand"
        else:
            method = f"univariable p not below {rule.entry_p:g}"
        records.append({**at, "method": method})
    return records


def _stability(
    term: Term, found: Sequence[tuple[list[Term], np.ndarray]], keys: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The rows of one covariate: how often chosen, how large, which side of 1."""
    chosen = np.array([term in terms for terms, _ in found])
    at = {**keys, "covariate": term.name, "unit": "%", "statistic": "percent", "model": STABILITY}
    records = [{**at, "n": len(found), "estimate": 100 * float(chosen.mean())}]
    for column in term.columns:
        values = np.array([coef[column] for _, coef in found])
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
        here = {**at, "level": term.level(column), "n": len(values)}
        ratio = {"statistic": "hazard_ratio", "unit": ""}
        ratio |= {"estimate": np.exp(middle), "conf_low": np.exp(low), "conf_high": np.exp(high)}
        same = 100 * float((np.sign(values) == np.sign(middle)).mean())
        records += [{**here, **ratio}, {**here, "model": f"{STABILITY}, sign", "estimate": same}]
    return records


def _endpoint(frame: pd.DataFrame) -> str:
    return str(frame["endpoint"].iloc[0]) if "endpoint" in frame and len(frame) else ""
