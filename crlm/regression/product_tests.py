"""Whether a product belongs to a model: Wald's test of its coefficients, or the likelihood ratio.

The second compares the model with the one that lacks the product, on the same patients, as R's
`anova` of two `coxph` fits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crlm.ledger.vocabulary import INTERACTION_TESTS
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
    found = {name: _likelihood_ratio(family, design, solution, at) for name, at in columns.items()}
    return {name: told for name, told in found.items() if told}


def _likelihood_ratio(
    family: Family, design: Design, solution: Solution, columns: Sequence[int]
) -> tuple[float, str] | None:
    """p of the fit with against the fit without some columns; None where there is none."""
    known = [column for column in columns if np.isfinite(solution.coef[column])]
    if not known or solution.test.startswith(_FIRTH):
        return None
    others = np.delete(design.x, columns, axis=1)
    fit = family.fit(others if others.shape[1] else design.x)
    without = fit.loglik if others.shape[1] else fit.loglik_null
    p = upper_tail(max(2 * (solution.loglik - without), 0.0), len(known))
    return float(p), f"{family.method}, likelihood ratio test of the product, {len(known)} df"
