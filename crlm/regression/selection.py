"""Which covariates enter the multivariable model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crlm.ledger import ParameterError
from crlm.ledger.vocabulary import INTERACTION_TESTS, MULTIVARIABLE_TESTS
from crlm.refusals import argument, choice
from crlm.regression.engine import TIES, Fit, FollowUp, cox_fit, logrank, upper_tail, wald
from crlm.regression.models import TESTS
from crlm.regression.solution import cox_family, solve
from crlm.regression.terms import (
    Design,
    Term,
    check_follow_up,
    check_names,
    complete,
    encode,
    follow_up,
    listed,
)

SELECTIONS = ("enter", "backward", "fixed", "none", "univariable")
_CASES = ("current", "start")


@dataclass(frozen=True)
class Removal:
    """One step of backward selection.

    Attributes
    ----------
    covariate : str
        What was removed.
    p : float
        Its p value in the model it was removed from; NaN if it was not estimable there.
    n, events : int
        Complete cases of that model.
    """

    covariate: str
    p: float
    n: int
    events: int


@dataclass(frozen=True)
class Rule:
    """How covariates are chosen, for the table and for its stability alike; made by `rule`.

    Attributes
    ----------
    names : tuple of str
        The candidates, all of which are analysed univariably.
    selection, entry_p, p_stay, left_out, fixed, ties, univariable_p, strata, products
    product_test, multivariable_p
        As in `rule`.
    """

    names: tuple[str, ...]
    selection: str = "enter"
    entry_p: float = 0.05
    p_stay: float = 0.05
    left_out: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    ties: str = "efron"
    univariable_p: str = "wald"
    strata: tuple[str, ...] = ()
    products: tuple[tuple[str, str], ...] = ()
    product_test: str = "wald"
    multivariable_p: str = "wald"

    def products_of(self, chosen: Sequence[str]) -> list[tuple[str, str]]:
        """The products whose two covariates are among those chosen."""
        return [pair for pair in self.products if set(pair) <= set(chosen)]

    def asked_of(self, frame: pd.DataFrame) -> list[str]:
        """All covariates that the rule names, after a look whether the frame has them.

        Raises
        ------
        ParameterError
            If one is absent.
        """
        names = check_names(frame, self.names)
        fixed = check_names(frame, self.fixed) if self.fixed else []
        return list(dict.fromkeys([*names, *fixed]))

    @property
    def told(self) -> str:
        """The model whose ratios a table is about: "univariable" where there is no other."""
        return "univariable" if self.selection == "univariable" else "multivariable"

    def candidates(self, passed: Sequence[str]) -> list[str]:
        """What enters the multivariable model or backward selection, if these passed the screen."""
        if self.selection == "univariable":
            return []
        if self.selection == "fixed":
            return list(self.fixed)
        if self.selection == "none":
            return [name for name in self.names if name not in self.left_out]
        entering = {name for name in passed if name not in self.left_out} | set(self.fixed)
        return [name for name in dict.fromkeys([*self.names, *self.fixed]) if name in entering]

    def words(self) -> str:
        """The rule in words."""
        screened = f"univariable p < {self.entry_p:g} ({self.univariable_p})"
        return {
            "enter": f"covariates with {screened}",
            "backward": f"backward selection (p < {self.p_stay:g}) from {screened}",
            "fixed": "covariates fixed beforehand",
            "none": "all covariates, no screening",
            "univariable": "each covariate alone",
        }[self.selection]


@dataclass(frozen=True)
class Problem:
    """Follow-up and design (NaN where missing) of the same patients."""

    data: FollowUp
    design: Design

    def take(self, chosen: np.ndarray) -> Problem:
        """The same for some patients (a mask or positions)."""
        return Problem(self.data.take(chosen), Design(self.design.x[chosen], self.design.terms))

    def ordered(self) -> Problem:
        """The same patients in the order of their contents, by time first.

        Whoever draws patients draws from this order, so that a table's rows may stand anyhow.
        """
        data = self.data
        parts = (*self.design.x.T[::-1], data.strata, data.entry, data.event, data.time)
        return self.take(np.lexsort([part for part in parts if part is not None]))

    def cases(self, columns: Sequence[int]) -> tuple[FollowUp, np.ndarray]:
        """Follow-up and design of the complete cases of some columns."""
        x = self.design.x[:, columns]
        known = ~np.isnan(x).any(axis=1)
        return (self.data, x) if known.all() else (self.data.take(known), x[known])


def select(uni_rows: pd.DataFrame, covariates: Sequence[str], *, entry_p: float) -> list[str]:
    """The covariates with a univariable p below `entry_p`, in their order.

    Parameters
    ----------
    uni_rows : pandas.DataFrame
        From `univariable`. A factor of more than two levels counts by its joint p.
    """
    tests = uni_rows[(uni_rows["model"] == "univariable") & (uni_rows["statistic"] == "p")]
    chosen = []
    for name in covariates:
        found = tests[tests["covariate"] == name]
        joint = found[found["level"] == ""]
        p = (joint if len(joint) else found)["estimate"]
        if len(p) and p.iloc[0] < entry_p:
            chosen.append(name)
    return chosen


def backward(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    *,
    p_stay: float = 0.05,
    ties: str = "efron",
    keep: Sequence[str] = (),
    complete_cases: str = "current",
    strata: str | Sequence[str] | None = None,
) -> tuple[list[str], list[Removal]]:
    """Remove the covariate with the largest p until every p is below `p_stay`.

    Factors go with all their levels, by their joint Wald test. Where an
    estimate is infinite (no event in a level) the likelihood ratio test takes
    Wald's place; what is not estimable goes first.

    Parameters
    ----------
    keep : sequence of str
        Covariates that stay whatever their p.
    complete_cases : {"current", "start"}
        "current": each model uses the complete cases of the covariates still in
        it. "start": all use those of the covariates at the start (SPSS, SAS).
    frame, covariates, ties, strata
        As in `cox`.

    Returns
    -------
    (kept, steps) : tuple of list of str and list of Removal

    Raises
    ------
    ParameterError, CohortError
        As `cox`.
    """
    choice("ties", ties, TIES)
    choice("complete_cases", complete_cases, _CASES)
    covariates = check_names(frame, covariates)
    problem = make_problem(frame, covariates, strata)
    if complete_cases == "start":
        problem = problem.take(~np.isnan(problem.design.x).any(axis=1))
    kept, steps, _ = eliminate(problem, problem.design.terms, listed(keep), p_stay, ties)
    return [term.name for term in kept], steps


def rule(
    covariates: Sequence[str],
    *,
    selection: str = "enter",
    entry_p: float = 0.05,
    p_stay: float = 0.05,
    left_out: Sequence[str] = (),
    fixed: Sequence[str] = (),
    ties: str = "efron",
    univariable_p: str = "wald",
    strata: Sequence[str] = (),
    products: Sequence[Sequence[str]] = (),
    product_test: str = "wald",
    multivariable_p: str = "wald",
) -> Rule:
    """How covariates are chosen: what a regression table and its bootstrap both follow.

    Parameters
    ----------
    covariates : sequence of str
        All are analysed univariably.
    selection : {"enter", "backward", "fixed", "none", "univariable"}
        The multivariable model holds: those with univariable p < `entry_p`;
        what backward selection (p < `p_stay`) leaves of these; exactly those of
        `fixed`; all. With "univariable" there is none.
    left_out : sequence of str
        Never in the multivariable model (but with "fixed").
    fixed : sequence of str
        With "enter" and "backward": in the multivariable model whatever their p.
    ties : {"efron", "breslow"}
        Of Cox models.
    univariable_p : {"wald", "logrank", "lr", "score", "fisher"}
        As `p_value` of `univariable`; "fisher" and "wald" are those of a logistic table.
    strata, products : sequence, optional
        Of the multivariable model, as in `cox`; a product is in it if both of its covariates are.
    product_test : {"wald", "likelihood_ratio"}
        As in `cox`.
    multivariable_p : {"wald", "lr"}
        As `p_value` of `cox`; steps backward go by Wald's.

    Raises
    ------
    ParameterError
        If an argument makes no sense, or nothing is fixed with "fixed".
    """
    choice("selection", selection, SELECTIONS)
    choice("ties", ties, TIES)
    choice("univariable_p", univariable_p, (*TESTS, "fisher"))
    choice("product_test", product_test, INTERACTION_TESTS)
    choice("multivariable_p", multivariable_p, MULTIVARIABLE_TESTS)
    for name, p in (("entry_p", entry_p), ("p_stay", p_stay)):
        argument(name, p, p >= 0, "a limit of p values: 0 (none) or more")
    if selection == "fixed" and not listed(fixed):
        raise ParameterError(
            "selection='fixed' needs the covariates of the model: fixed=[...]. "
            "The paper's are in design.models[endpoint]['published']."
        )
    return Rule(
        names=tuple(listed(covariates)),
        selection=selection,
        entry_p=entry_p,
        p_stay=p_stay,
        left_out=tuple(listed(left_out)),
        fixed=tuple(listed(fixed)),
        ties=ties,
        univariable_p=univariable_p,
        strata=tuple(strata),
        products=tuple((first, second) for first, second in products),
        product_test=product_test,
        multivariable_p=multivariable_p,
    )


def make_problem(
    frame: pd.DataFrame, covariates: Sequence[str], strata: str | Sequence[str] | None = None
) -> Problem:
    """Follow-up and design of the patients whose follow-up and strata are known.

    Raises
    ------
    ParameterError, CohortError
        As `cox`.
    """
    names = check_names(frame, listed(strata)) if listed(strata) else []
    part = complete(frame, [*check_follow_up(frame), *names])
    return Problem(follow_up(part, names), encode(part, covariates))


def chosen_once(problem: Problem, rule: Rule) -> tuple[list[Term], np.ndarray]:
    """What a rule chooses in these patients, and the coefficients it ends with.

    Returns
    -------
    (chosen, coef)
        `coef` is NaN where not chosen or collinear, infinite where infinite.
    """
    terms = {term.name: term for term in problem.design.terms}
    passed: list[str] = []
    if rule.selection in ("enter", "backward"):
        eligible = [name for name in rule.names if name not in rule.left_out]
        passed = [n for n in eligible if _univariable_p(problem, terms[n], rule) < rule.entry_p]
    names = rule.candidates(passed)
    keep = rule.fixed if rule.selection == "backward" else names
    chosen = [terms[name] for name in names]
    chosen, _, fit = eliminate(problem, chosen, keep, rule.p_stay, rule.ties, quick=True)
    coef = np.full(problem.design.x.shape[1], np.nan)
    if fit is not None:
        coef[columns_of(chosen)] = np.where(fit.infinite, np.inf, fit.coef)
    return chosen, coef


def eliminate(
    problem: Problem,
    terms: Sequence[Term],
    keep: Sequence[str],
    p_stay: float,
    ties: str,
    quick: bool = False,
) -> tuple[list[Term], list[Removal], Fit | None]:
    """Backward selection on arrays; also the last fit, None if there is none.

    `quick` stops the fits early, as a resample needs no more.
    """
    current = list(terms)
    steps: list[Removal] = []
    start = np.zeros(len(columns_of(current)))
    while current:
        p, fit, data = _term_tests(problem, current, ties, start, quick)
        worst = _worst(current, p, keep)
        if worst is None or p[worst] < p_stay:
            return current, steps, fit
        removed = current[worst]
        steps.append(Removal(removed.name, p[worst], data.n, data.n_events))
        start = _start_without(fit, current, worst)
        current.pop(worst)
    return current, steps, None


def columns_of(terms: Sequence[Term]) -> list[int]:
    """The columns of some covariates."""
    return [column for term in terms for column in term.columns]


def _worst(terms: Sequence[Term], p: Sequence[float], keep: Sequence[str]) -> int | None:
    """The removable term with the largest p (NaN above all); among equals the last."""
    removable = [k for k, term in enumerate(terms) if term.name not in keep]
    if not removable:
        return None
    return max(removable, key=lambda k: (2.0 if np.isnan(p[k]) else p[k], k))


def _start_without(fit: Fit | None, terms: Sequence[Term], worst: int) -> np.ndarray:
    """Where to begin the model without a term: the estimates if its own were zero.

    To second order; a start moves the estimates no further than the tolerance.
    """
    before = len(columns_of(terms[:worst]))
    own = np.arange(before, before + len(terms[worst].columns))
    if fit is None or not fit.finite.all():
        return np.zeros(len(columns_of(terms)) - len(own))
    shift = np.linalg.solve(fit.var[np.ix_(own, own)], fit.coef[own])
    return np.delete(fit.coef - fit.var[:, own] @ shift, own)


def _term_tests(
    problem: Problem, terms: Sequence[Term], ties: str, start: np.ndarray, quick: bool
) -> tuple[list[float], Fit | None, FollowUp]:
    """The p value of each term in the model of all of them, its fit and its patients."""
    columns = columns_of(terms)
    data, x = problem.cases(columns)
    if data.n_events < 2 or not columns:
        return [np.nan] * len(terms), None, data
    fit = cox_fit(data, x, ties, start=start, quick=quick)
    tests, at = [], 0
    for term in terms:
        own = range(at, at + len(term.columns))
        at += len(own)
        if fit.infinite[own].any():
            others = [j for j in range(len(columns)) if j not in own]
            tests.append(_likelihood_ratio(data, x, own, others, ties, quick))
        else:
            tests.append(upper_tail(*wald(fit, own)))
    return tests, fit, data


def _likelihood_ratio(
    data: FollowUp,
    x: np.ndarray,
    own: Sequence[int],
    others: Sequence[int],
    ties: str,
    quick: bool,
) -> float:
    """The likelihood ratio test of some columns, which holds where estimates are infinite."""
    full = cox_fit(data, x, ties, quick=quick)
    below = cox_fit(data, x[:, others], ties, quick=quick).loglik if others else full.loglik_null
    return upper_tail(2 * (full.loglik - below), int((~full.collinear[own]).sum()))


def _univariable_p(problem: Problem, term: Term, rule: Rule) -> float:
    """As `univariable` tests a covariate, to the digits that a quick fit has."""
    data, x = problem.cases(term.columns)
    if data.n_events < 2 or not term.columns:
        return np.nan
    if rule.univariable_p == "logrank" and term.levels:
        codes = x @ np.arange(1, len(term.levels))
        return upper_tail(*logrank(data, codes)) if np.ptp(codes) else np.nan
    fit = cox_fit(data, x, rule.ties, quick=True)
    df = int((~fit.collinear).sum())
    if rule.univariable_p == "score":
        return upper_tail(fit.score, df)
    if rule.univariable_p == "lr":
        return upper_tail(2 * (fit.loglik - fit.loglik_null), df)
    if fit.infinite.any():
        return _penalised_p(data, x, term, rule.ties)
    return upper_tail(*wald(fit, range(len(term.columns))))


def _penalised_p(data: FollowUp, x: np.ndarray, term: Term, ties: str) -> float:
    """The p value that `univariable` gives where the ordinary estimate is infinite."""
    columns = tuple(range(len(term.columns)))
    solution = solve(cox_family(data, ties), Design(x, (replace(term, columns=columns),)))
    return solution.joint(columns) if np.isfinite(solution.coef).any() else np.nan
