"""Whether a product, or a covariate, belongs to a model: Wald's test, or the likelihood ratio.

The second compares the model with the one that lacks it, on the same patients, as R's `anova` of
two `coxph` fits and `drop1` do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from crlm.ledger.vocabulary import INTERACTION_TESTS, MULTIVARIABLE_TESTS
from crlm.refusals import choice
from crlm.regression.engine import upper_tail
from crlm.regression.model_rows import Tests
from crlm.regression.solution import Family, Solution
from crlm.regression.terms import Design

_FIRTH = "Firth's penalty"


def product_tests(
    family: Family, design: Design, solution: Solution, test: str, names: Sequence[str]
) -> Tests:
    """p and method of products, by name; nothing where Wald's test is asked for, which rows have.

    Parameters
    ----------
    family : Family
    design : Design
    solution : Solution
        Of `design`.
    test : {"wald", "likelihood_ratio"}
    names : sequence of str
        Terms of the design: "arm:score".

    Notes
    -----
    A model with Firth's penalty keeps its own test, the penalised likelihood ratio.

    Raises
    ------
    ParameterError
        If `test` is neither.
    """
    choice("test", test, INTERACTION_TESTS)
    if test == "wald":
        return {}
    columns = {term.name: term.columns for term in design.terms if term.name in names}
    found = _ratios(family, design, solution, columns, " of the product")
    many = {name: int(np.isfinite(solution.coef[list(at)]).sum()) for name, at in columns.items()}
    return {name: (p, f"{told}, {many[name]} df") for name, (p, told) in found.items()}


def covariate_tests(family: Family, design: Design, solution: Solution, test: str) -> Tests:
    """p and method of each covariate with all its levels; nothing where Wald's test is asked for.

    Covariates of a product keep Wald's: without them the product would be another one.

    Parameters
    ----------
    family, design, solution
        As of `product_tests`.
    test : {"wald", "lr"}

    Notes
    -----
    As `product_tests`.

    Raises
    ------
    ParameterError
        If `test` is neither.
    """
    choice("multivariable_p", test, MULTIVARIABLE_TESTS)
    if test == "wald":
        return {}
    terms = {term.name: term.columns for term in design.terms}
    multiplied = {one for name in terms if ":" in name for one in name.split(":")}
    alone = {n: at for n, at in terms.items() if ":" not in n and n not in multiplied}
    return _ratios(family, design, solution, alone, "")


def _ratios(
    family: Family,
    design: Design,
    solution: Solution,
    columns: Mapping[str, Sequence[int]],
    what: str,
) -> Tests:
    found = {n: _likelihood_ratio(family, design, solution, at, what) for n, at in columns.items()}
    return {name: told for name, told in found.items() if told}


def _likelihood_ratio(
    family: Family, design: Design, solution: Solution, columns: Sequence[int], what: str
) -> tuple[float, str] | None:
    """p of the fit with against the fit without some columns; None where there is none."""
    known = [column for column in columns if np.isfinite(solution.coef[column])]
    if not known or solution.test.startswith(_FIRTH):
        return None
    others = np.delete(design.x, columns, axis=1)
    fit = family.fit(others if others.shape[1] else design.x)
    without = fit.loglik if others.shape[1] else fit.loglik_null
    p = upper_tail(max(2 * (solution.loglik - without), 0.0), len(known))
    return float(p), f"{family.method}, likelihood ratio test{what}"
