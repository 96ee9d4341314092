"""Cox and logistic models as result rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from crlm import lent
from crlm.ledger import rows
from crlm.refusals import choice, foreign, listing, refusal
from crlm.regression.engine import FollowUp, upper_tail
from crlm.regression.model_rows import detail_records, model_records, n_record
from crlm.regression.product_tests import covariate_tests, product_tests
from crlm.regression.solution import (
    Family,
    Solution,
    cox_family,
    logistic_family,
    solve,
)
from crlm.regression.terms import (
    Design,
    check_follow_up,
    check_names,
    check_products,
    complete,
    encode,
    follow_up,
    listed,
)
from crlm.survival import logrank

TESTS = ("wald", "logrank", "lr", "score")
_TEST_NAMES = {"logrank": "log-rank test", "lr": "likelihood ratio test", "score": "score test"}


@dataclass(frozen=True)
class Sample:
    """The complete cases of a model, ready to fit.

    Attributes
    ----------
    frame : pandas.DataFrame
        Their rows.
    data : FollowUp
    design : Design
    n_all : int
        Patients before those with a missing value were left out.
    endpoint : str
    strata : tuple of str
    """

    frame: pd.DataFrame
    data: FollowUp
    design: Design
    n_all: int
    endpoint: str
    strata: tuple[str, ...]


def cox(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    *,
    ties: str = "efron",
    model: str = "multivariable",
    conf_level: float = 0.95,
    population: str = "all",
    strata: str | Sequence[str] | None = None,
    products: Sequence[Sequence[str]] = (),
    product_test: str = "wald",
    p_value: str = "wald",
    details: bool = False,
) -> pd.DataFrame:
    """Hazard ratios of all covariates in one Cox model.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame: `time` (months), `event`, perhaps `entry`; the covariates.
    covariates : sequence of str
        Categories (the first level is the reference), booleans or numbers.
    ties : {"efron", "breslow"}
        R's default; SPSS's and SAS's default.
    strata : str or sequence of str, optional
        Columns with a baseline hazard of their own each.
    products : sequence of (str, str), optional
        Pairs of the covariates whose product is in the model: rows of `arm:score`.
    product_test : {"wald", "likelihood_ratio"}
        Behind the p of a product with one coefficient, and the joint p of one with several.
    p_value : {"wald", "lr"}
        Behind the p of each covariate in no product, of all its levels together: Wald, or the
        likelihood ratio of the models with and without it. Single levels of a factor with more
        than two keep Wald's test.
    details : bool
        Also rows `coefficient`, `se` and `log_likelihood`.

    Returns
    -------
    pandas.DataFrame
        Result rows. First `n` (complete cases). Then, for a factor, `reference`,
        and `hazard_ratio` and `p` for each other level (n and events of that
        level), and a joint `p` with level "" if there are more than two levels;
        for a number, `hazard_ratio` (per unit) and `p` with level "".
        What cannot be estimated is NaN with the reason in `method`; where the
        ordinary estimate is infinite, the whole model is fitted with Firth's
        penalty and `method` says why.

    Raises
    ------
    ParameterError, CohortError
        If a covariate is absent or text, or the follow-up is not what it must be.

    References
    ----------
    Cox DR. J R Stat Soc B 1972;34:187. Efron B. J Am Stat Assoc 1977;72:557.
    Breslow N. Biometrics 1974;30:89.
    """
    sample = make_sample(frame, covariates, strata, products)
    family = cox_family(sample.data, ties, sample.strata)
    keys = {"endpoint": sample.endpoint, "population": population, "model": model}
    solution = solve(family, sample.design, conf_level)
    records = [n_record(sample.n_all, family, keys)]
    names = [":".join(pair) for pair in products]
    tests = product_tests(family, sample.design, solution, product_test, names)
    tests = {**tests, **covariate_tests(family, sample.design, solution, p_value)}
    records += model_records(sample.design, solution, family, keys, tests)
    if details:
        records += detail_records(sample.design, solution, family, keys)
    return rows(records)


@lent.pure
def firth_cox(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    *,
    ties: str = "breslow",
    interval: str = "profile",
    model: str = "firth",
    conf_level: float = 0.95,
    population: str = "all",
    strata: str | Sequence[str] | None = None,
    details: bool = False,
) -> pd.DataFrame:
    """Hazard ratios with Firth's penalty, for when events are few.

    Parameters
    ----------
    ties : {"breslow", "efron"}
        Breslow as in R's `coxphf` and in SAS.
    interval : {"profile", "wald"}
        "profile": limits of the profile penalised likelihood and penalised
        likelihood ratio tests. "wald": from the information at the estimate.
    frame, covariates, strata, details
        As in `cox`.

    Returns
    -------
    pandas.DataFrame
        Rows as `cox` gives them. One event is enough.

    Raises
    ------
    ParameterError, CohortError
        As `cox`.

    References
    ----------
    Heinze G, Schemper M. Biometrics 2001;57:114.
    """
    sample = make_sample(frame, covariates, strata)
    family = cox_family(sample.data, ties, sample.strata)
    keys = {"endpoint": sample.endpoint, "population": population, "model": model}
    solution = solve(family, sample.design, conf_level, penalise=True, interval=interval)
    records = [n_record(sample.n_all, family, keys)]
    records += model_records(sample.design, solution, family, keys)
    if details:
        records += detail_records(sample.design, solution, family, keys)
    return rows(records)


def univariable(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    *,
    ties: str = "efron",
    p_value: str = "wald",
    conf_level: float = 0.95,
    population: str = "all",
    strata: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Hazard ratios of each covariate by itself, on its own complete cases.

    Parameters
    ----------
    p_value : {"wald", "logrank", "lr", "score"}
        The test of the covariate: Wald, log-rank (hypergeometric variance; a
        number has no log-rank test and keeps Wald's), likelihood ratio or the
        Cox model's score test. Levels of a factor with more than two keep
        Wald's test; the row with level "" has the one asked for.
    frame, covariates, ties, conf_level, population, strata
        As in `cox`.

    Returns
    -------
    pandas.DataFrame
        Rows as `cox` gives them, with model "univariable"; each covariate has
        an `n` row of its own.

    Raises
    ------
    ParameterError, CohortError
        As `cox`.
    """
    choice("p_value", p_value, TESTS)
    records: list[dict[str, Any]] = []
    for name in check_names(frame, covariates):
        sample = make_sample(frame, [name], strata)
        family = cox_family(sample.data, ties, sample.strata)
        keys = {"endpoint": sample.endpoint, "population": population, "model": "univariable"}
        solution = solve(family, sample.design, conf_level)
        overall = _overall_test(sample, family, solution, p_value)
        records.append({**n_record(sample.n_all, family, keys), "covariate": name})
        told = {name: overall} if overall else {}
        records += model_records(sample.design, solution, family, keys, told)
    return rows(records)


def logistic(
    frame: pd.DataFrame,
    outcome: str,
    covariates: Sequence[str],
    *,
    model: str = "multivariable",
    endpoint: str | None = None,
    interval: str = "wald",
    p_value: str = "wald",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Odds ratios of a yes-no outcome.

    Late entry cannot be honoured, for a yes-no outcome has no risk set to come late to; where
    the frame has patients who came under observation late (`entry`, or `entry_months` of a
    patient table), `method` says how many.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a patient.
    outcome : str
        A category of two levels (the second is modelled), a boolean, or 0 and 1.
        Patients without it are left out.
    model : str
        "univariable" fits each covariate by itself on its own complete cases;
        anything else fits all in one model.
    endpoint : str, optional
        For the rows; the outcome's name otherwise.
    interval : {"wald", "profile"}
        Limits by the standard error, as SPSS, Stata and SAS have them unasked, or where twice the
        profile log-likelihood has fallen by the chi-square quantile, as R's `confint(glm)`, JMP
        and SAS's CLODDS=PL: the roots themselves, where R has a spline's, up to 0.1 % off.
    p_value : {"wald", "lr"}
        As in `cox`.

    Returns
    -------
    pandas.DataFrame
        Rows as `cox` gives them, with `odds_ratio`; events are the patients with
        the outcome; p hangs on no limits. Under separation Firth's penalty, and
        `method` says so.

    Raises
    ------
    ParameterError, CohortError
        If the outcome is absent or has no two levels; as `cox`.

    References
    ----------
    Venzon DJ, Moolgavkar SH. Appl Stat 1988;37:87 (profile likelihood limits).
    """
    covariates = check_names(frame, covariates)
    check_names(frame, [outcome])
    keys = {"endpoint": endpoint or outcome, "population": population, "model": model}
    alone = model == "univariable"
    records: list[dict[str, Any]] = []
    for names in [[name] for name in covariates] if alone else [covariates]:
        part = complete(frame, [outcome, *names])
        family = logistic_family(yes_no(part[outcome]), interval)
        family = replace(family, method=family.method + late_note(part))
        design = encode(part, names)
        solution = solve(family, design, conf_level)
        counted = n_record(len(frame), family, keys)
        records.append({**counted, "covariate": names[0]} if alone else counted)
        tests = covariate_tests(family, design, solution, p_value)
        records += model_records(design, solution, family, keys, tests)
    return rows(records)


def late_note(frame: pd.DataFrame) -> str:
    """How many patients came under observation late, where a model cannot honour that."""
    column = next((name for name in ("entry", "entry_months") if name in frame), None)
    late = int((frame[column] > 0).sum()) if column else 0
    if not late:
        return ""
    return (
        f" ({late} of {len(frame)} patients came under observation late, which a yes-no outcome "
        "cannot honour)"
    )


def make_sample(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    strata: str | Sequence[str] | None = None,
    products: Sequence[Sequence[str]] = (),
) -> Sample:
    """The patients with all covariates, strata and follow-up known, ready to fit.

    Raises
    ------
    ParameterError, CohortError
        As `cox`.
    """
    covariates = check_names(frame, covariates)
    names = check_names(frame, listed(strata)) if listed(strata) else []
    part = complete(frame, [*check_follow_up(frame), *covariates, *names])
    check_products(products, covariates)
    endpoint = str(frame["endpoint"].iloc[0]) if "endpoint" in frame and len(frame) else ""
    return Sample(
        frame=part,
        data=follow_up(part, names),
        design=encode(part, covariates, products),
        n_all=len(frame),
        endpoint=endpoint,
        strata=tuple(names),
    )


def _overall_test(
    sample: Sample, family: Family, solution: Solution, p_value: str
) -> tuple[float, str] | None:
    """The p value of a one-covariate model by another test than Wald's, and how it is called."""
    term = sample.design.terms[0]
    if p_value == "wald" or not np.isfinite(solution.coef).any():
        return None
    if p_value == "logrank":
        if not term.levels:
            wald = float(solution.joint(term.columns))
            return wald, f"{family.method}, {solution.test} (a number has no log-rank test)"
        codes = pd.Categorical(sample.design.x @ np.arange(1, len(term.levels)))
        tests = logrank(sample.frame.assign(**{term.name: codes}), term.name, strata=sample.strata)
        test = tests[tests["statistic"] == "p"].iloc[0]
        return float(test["estimate"]), str(test["method"])
    fit = family.fit(sample.design.x)
    statistic = fit.score if p_value == "score" else 2 * (fit.loglik - fit.loglik_null)
    df = int(np.isfinite(solution.coef).sum())
    return upper_tail(statistic, df), f"{family.method}, {_TEST_NAMES[p_value]}"


def yes_no(outcome: pd.Series) -> np.ndarray:
    """An outcome as 0 and 1."""
    if isinstance(outcome.dtype, pd.CategoricalDtype):
        if len(outcome.cat.categories) == 2:
            return outcome.cat.codes.to_numpy().astype(float)
    elif set(outcome.unique()) <= {0, 1}:
        return outcome.to_numpy(dtype=float)
    seen = listing(map(foreign, outcome.unique()), 5)
    raise refusal(
        f"The outcome {outcome.name!r} must have two levels; it holds {seen}. "
        "Make it a category of two levels, the second of which is modelled."
    )
