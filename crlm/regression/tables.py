"""The regression tables of a paper, and how stable the selection of covariates is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from crlm.ledger import ParameterError, rows
from crlm.regression.engine import TIES
from crlm.regression.models import cox, logistic, univariable
from crlm.regression.selection import (
    Removal,
    Rule,
    backward,
    chosen_once,
    coefficients,
    make_problem,
    make_rule,
    select,
)
from crlm.regression.solution import check_choice, check_level
from crlm.regression.terms import Term, check_names


def regression_table(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    *,
    selection: str = "enter",
    entry_p: float = 0.05,
    p_stay: float = 0.05,
    left_out: Sequence[str] = (),
    fixed: Sequence[str] = (),
    ties: str = "efron",
    univariable_p: str = "wald",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Univariable and multivariable hazard ratios: the rows of a paper's regression table.

    Parameters
    ----------
    covariates : sequence of str
        All are analysed univariably.
    selection : {"enter", "backward", "fixed", "none"}
        The multivariable model holds: those with univariable p < `entry_p`;
        what backward selection (p < `p_stay`) leaves of these; exactly those of
        `fixed`; all.
    left_out : sequence of str
        Never in the multivariable model (but with "fixed").
    fixed : sequence of str
        With "enter" and "backward": in the multivariable model whatever their p.
    univariable_p : {"wald", "logrank", "lr", "score"}
        As `p_value` of `univariable`.

    Returns
    -------
    pandas.DataFrame
        Rows of `univariable`, then of `cox` (model "multivariable"), whose `n`
        row says how the covariates were chosen. Then, of model "selection", a `p`
        for each covariate that is not in the multivariable model, with the reason.

    Raises
    ------
    ParameterError
        If an argument makes no sense, or nothing is fixed with "fixed".
    CohortError
        As `cox`.
    """
    rule = make_rule(
        frame, covariates, selection=selection, entry_p=entry_p, p_stay=p_stay, left_out=left_out,
        fixed=fixed, ties=ties, univariable_p=univariable_p,
    )  # fmt: skip
    common: dict[str, Any] = {"ties": ties, "conf_level": conf_level, "population": population}
    uni = univariable(frame, rule.names, p_value=univariable_p, **common)
    chosen = rule.candidates(select(uni, rule.names, entry_p=entry_p))
    steps: list[Removal] = []
    if selection == "backward" and chosen:
        chosen, steps = backward(frame, chosen, p_stay=p_stay, ties=ties, keep=rule.fixed)
    multi = _multivariable(frame, chosen, rule, uni, common)
    reasons = _reasons(uni, chosen, steps, rule)
    return pd.concat([uni, multi, *([rows(reasons)] if reasons else [])], ignore_index=True)


def logistic_table(
    frame: pd.DataFrame,
    outcome: str,
    covariates: Sequence[str],
    *,
    selection: str = "fixed",
    entry_p: float = 0.05,
    left_out: Sequence[str] = (),
    fixed: Sequence[str] = (),
    univariable_p: str = "fisher",
    endpoint: str | None = None,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Univariable and multivariable odds ratios of a yes-no outcome.

    Parameters
    ----------
    frame, outcome, endpoint
        As in `logistic`.
    covariates, entry_p, left_out, fixed
        As in `regression_table`.
    selection : {"fixed", "enter", "none"}
        As in `regression_table`.
    univariable_p : {"fisher", "wald"}
        "fisher": the two-sided exact test of the cross table, for factors of two
        levels; numbers and factors of more levels keep Wald's test.

    Returns
    -------
    pandas.DataFrame
        Rows of `logistic`, first of model "univariable", then "multivariable",
        whose `n` row says how the covariates were chosen.

    Raises
    ------
    ParameterError, CohortError
        As `regression_table` and `logistic`.
    """
    check_choice("selection", selection, ("fixed", "enter", "none"))
    check_choice("univariable_p", univariable_p, ("fisher", "wald"))
    rule = make_rule(
        frame, covariates, selection=selection, entry_p=entry_p, left_out=left_out, fixed=fixed
    )
    keys = {"endpoint": endpoint or outcome, "population": population}
    uni = logistic(frame, outcome, rule.names, model="univariable", conf_level=conf_level, **keys)
    if univariable_p == "fisher":
        uni = _with_fisher(uni, frame, outcome)
    rule = replace(rule, univariable_p=univariable_p)
    chosen = rule.candidates(select(uni, rule.names, entry_p=entry_p))
    if not chosen:
        return pd.concat([uni, _no_model(rule, keys)], ignore_index=True)
    multi = logistic(frame, outcome, chosen, conf_level=conf_level, **keys)
    multi.loc[0, "method"] = f"{multi.loc[0, 'method']}; {rule.words()}"
    return pd.concat([uni, multi], ignore_index=True)


def bootstrap_selection(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    *,
    selection: str = "backward",
    entry_p: float = 0.05,
    p_stay: float = 0.05,
    left_out: Sequence[str] = (),
    fixed: Sequence[str] = (),
    ties: str = "efron",
    univariable_p: str = "wald",
    n_boot: int = 200,
    seed: int = 0,
    population: str = "all",
) -> pd.DataFrame:
    """How often each covariate is chosen when the patients are drawn again.

    The whole selection, univariable tests included, is repeated in `n_boot`
    samples of patients with replacement. Arguments as in `regression_table`.

    Returns
    -------
    pandas.DataFrame
        Rows of model "selection": `percent` of the resamples in which the
        covariate is in the multivariable model (level ""; n = resamples);
        `hazard_ratio` of each level: its median and 2.5th and 97.5th percentile
        in the resamples that chose it (n = how many with a finite estimate).
        Rows of model "selection_sign": `percent` of these in which the hazard
        ratio lies on the same side of 1 as their median.

    Raises
    ------
    ParameterError, CohortError
        As `regression_table`.

    References
    ----------
    Sauerbrei W, Schumacher M. Stat Med 1992;11:2093.
    """
    rule = make_rule(
        frame, covariates, selection=selection, entry_p=entry_p, p_stay=p_stay, left_out=left_out,
        fixed=fixed, ties=ties, univariable_p=univariable_p,
    )  # fmt: skip
    if n_boot < 1:
        raise ParameterError(f"n_boot is {n_boot}; it must be at least 1.")
    problem = make_problem(frame, list(dict.fromkeys([*rule.names, *rule.fixed])))
    problem = problem.take(np.argsort(problem.data.time, kind="stable"))
    n = problem.data.n
    draws = np.random.default_rng(seed).integers(max(n, 1), size=(n_boot, n))
    found = [chosen_once(problem.take(np.sort(draw)), rule) for draw in draws]
    method = (
        f"{n_boot} bootstrap samples of patients, seed {seed}; {rule.words()}; "
        f"Cox, {ties.capitalize()} ties"
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
    check_choice("ties", ties, TIES)
    check_level(conf_level)
    if n_boot < 1:
        raise ParameterError(f"n_boot is {n_boot}; it must be at least 1.")
    names = check_names(frame, covariates)
    joint = names if multivariable is None else check_names(frame, multivariable)
    problem = make_problem(frame, list(dict.fromkeys([*names, *joint])))
    problem = problem.take(np.argsort(problem.data.time, kind="stable"))
    terms = {term.name: term for term in problem.design.terms}
    models = [("univariable", [terms[name]]) for name in names]
    models.append(("multivariable", [terms[name] for name in joint]))
    n = problem.data.n
    draws = np.random.default_rng(seed).integers(max(n, 1), size=(n_boot, n))
    samples = [problem, *(problem.take(np.sort(draw)) for draw in draws)]
    found = [np.array([coefficients(s, chosen, ties) for s in samples]) for _, chosen in models]
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
    uni: pd.DataFrame,
    common: Mapping[str, Any],
) -> pd.DataFrame:
    """The multivariable rows, the first of which tells the rule."""
    if not chosen:
        keys = {"endpoint": _endpoint(frame), "population": common["population"]}
        return _no_model(rule, keys)
    multi = cox(frame, chosen, model="multivariable", **common)
    multi.loc[0, "method"] = f"{multi.loc[0, 'method']}; {rule.words()}"
    return multi


def _no_model(rule: Rule, keys: Mapping[str, str]) -> pd.DataFrame:
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
    at = {**keys, "covariate": term.name, "unit": "%", "statistic": "percent"}
    percent = {"model": "selection", "n": len(found), "estimate": 100 * float(chosen.mean())}
    records = [{**at, **percent}]
    for column in term.columns:
        values = np.array([coef[column] for _, coef in found])
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
        here = {**at, "level": term.level(column), "n": len(values)}
        ratio = {"model": "selection", "statistic": "hazard_ratio", "unit": ""}
        ratio |= {"estimate": np.exp(middle), "conf_low": np.exp(low), "conf_high": np.exp(high)}
        same = 100 * float((np.sign(values) == np.sign(middle)).mean())
        records += [{**here, **ratio}, {**here, "model": "selection_sign", "estimate": same}]
    return records


def _endpoint(frame: pd.DataFrame) -> str:
    return str(frame["endpoint"].iloc[0]) if "endpoint" in frame and len(frame) else ""


def _with_fisher(found: pd.DataFrame, frame: pd.DataFrame, outcome: str) -> pd.DataFrame:
    """Univariable rows with Fisher's p instead of Wald's where the table is two by two."""
    found = found.copy()
    for name in dict.fromkeys(found["covariate"]):
        tests = (found["covariate"] == name) & (found["statistic"] == "p") & (found["level"] != "")
        cross = pd.crosstab(frame[name], frame[outcome])
        if tests.sum() == 1 and cross.shape == (2, 2):
            found.loc[tests, "estimate"] = float(fisher_exact(cross.to_numpy()).pvalue)
            found.loc[tests, "method"] = "Fisher's exact test, two-sided"
    return found
