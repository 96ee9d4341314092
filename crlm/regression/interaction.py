"""Does one effect depend on another: interactions in the Cox model as result rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import ParameterError, rows
from crlm.ledger.vocabulary import INTERACTION_TESTS
from crlm.refusals import choice
from crlm.regression.model_rows import joint_method, n_record, ratio_records
from crlm.regression.models import Sample, make_sample
from crlm.regression.product_tests import product_tests
from crlm.regression.solution import Family, cox_family, solve
from crlm.regression.terms import Design, Term, listed


def interaction(
    frame: pd.DataFrame,
    a: str,
    b: str,
    *,
    adjust: Sequence[str] = (),
    ties: str = "efron",
    conf_level: float = 0.95,
    population: str = "all",
    strata: str | Sequence[str] | None = None,
    test: str = "wald",
) -> pd.DataFrame:
    """Does the effect of `a` differ between the levels of `b`?

    One Cox model with a, b and their product, adjusted for `adjust`.

    Parameters
    ----------
    test : {"wald", "likelihood_ratio"}
        Behind the p of a single ratio of hazard ratios, and the joint p of several: of its
        coefficients, or of the model with the product against that without.

    Returns
    -------
    pandas.DataFrame
        Rows of model "interaction". For each level of `b` (population
        `b=level`) the hazard ratio of `a` within it, and its p. Then the ratio
        of these hazard ratios to that in the first level of `b` (covariate
        `a:b`, level `level of a:level of b`, or the level of b alone if a is a
        number), and its p; with level "" the joint p of several ratios.

    Raises
    ------
    ParameterError
        If `b` is a number or `test` is none of the two; as `cox`.
    CohortError
        As `cox`.
    """
    choice("test", test, INTERACTION_TESTS)
    sample = make_sample(frame, [a, b, *listed(adjust)], strata)
    family = cox_family(sample.data, ties, sample.strata)
    if len(sample.data.event) and not _term(sample.design, b).levels:
        raise ParameterError(f"{b!r} is a number; an interaction needs a factor as the second.")
    keys = {"endpoint": sample.endpoint, "population": population, "model": "interaction"}
    records = [n_record(sample.n_all, family, {**keys, "covariate": f"{a}:{b}"})]
    lacking = _without_contrast(sample, a, b)
    if lacking:
        at = {**keys, "covariate": f"{a}:{b}", "method": lacking}
        return rows([*records, {**at, "statistic": family.ratio}, {**at, "statistic": "p"}])
    records += _within_records(sample, family, a, b, keys, conf_level)
    records += _between_records(sample, family, a, b, keys, conf_level, test)
    return rows(records)


def _term(design: Design, name: str) -> Term:
    return next(term for term in design.terms if term.name == name)


def _without_contrast(sample: Sample, a: str, b: str) -> str:
    """Why there is nothing to compare; empty if there is."""
    if not sample.data.n:
        return "not estimable: no patient has all covariates known"
    for term in (_term(sample.design, a), _term(sample.design, b)):
        if not term.columns:
            return f"not estimable: every patient has {term.name}={term.levels[0]}"
    return ""


def _within_records(
    sample: Sample, family: Family, a: str, b: str, keys: Mapping[str, str], conf_level: float
) -> list[dict[str, Any]]:
    """Hazard ratios of `a` within each level of `b`: the model with a's columns nested in b."""
    design = sample.design
    term_a, term_b = _term(design, a), _term(design, b)
    masks = _level_masks(design, term_b)
    nested = [design.x[:, list(term_b.columns)]]
    width = len(term_b.columns)
    owners = [Term(b, term_b.levels, tuple(range(width)))]
    for level, mask in zip(term_b.levels, masks, strict=True):
        block = design.x[:, list(term_a.columns)] * mask[:, None]
        columns = tuple(range(width, width + block.shape[1]))
        owners.append(Term(f"{a} within {b}={level}", term_a.levels, columns))
        nested.append(block)
        width += block.shape[1]
    wide = _with_others(design, (a, b), nested, owners)
    solution = solve(family, wide, conf_level)
    records = []
    for level, mask, owner in zip(term_b.levels, masks, owners[1:], strict=False):
        where = f"{b}={level}"
        here = {**keys, "covariate": a}
        if keys["population"] != "all":
            where = f"{keys['population']},{where}"
        for column in owner.columns:
            inside = mask & ((wide.x[:, column] == 1) if term_a.levels else True)
            at = {
                **here,
                "population": where,
                "level": owner.level(column),
                "n": int(inside.sum()),
                "events": int(family.event[inside].sum()),
            }
            records += ratio_records(solution, family, column, at)
    return records


def _between_records(
    sample: Sample,
    family: Family,
    a: str,
    b: str,
    keys: Mapping[str, str],
    conf_level: float,
    test: str,
) -> list[dict[str, Any]]:
    """Ratios of the hazard ratios: the model with products of a's and b's columns."""
    design = sample.design
    term_a, term_b = _term(design, a), _term(design, b)
    pairs = [(i, j) for j in term_b.columns for i in term_a.columns]
    width = len(term_a.columns) + len(term_b.columns)
    names = [
        ":".join(part for part in (term_a.level(i), term_b.level(j)) if part) for i, j in pairs
    ]
    product = Term(f"{a}:{b}", ("", *names), tuple(range(width, width + len(pairs))))
    blocks = [design.x[:, list(term.columns)] for term in (term_a, term_b)]
    blocks.append(np.column_stack([design.x[:, i] * design.x[:, j] for i, j in pairs]))
    owners = [
        Term(a, term_a.levels, tuple(range(len(term_a.columns)))),
        Term(b, term_b.levels, tuple(range(len(term_a.columns), width))),
        product,
    ]
    whole = _with_others(design, (a, b), blocks, owners)
    solution = solve(family, whole, conf_level)
    told = product_tests(family, whole, solution, test, [product.name]).get(product.name)
    n, events = len(family.event), int(family.event.sum())
    here = {**keys, "covariate": product.name, "n": n, "events": events}
    records = []
    for column, name in zip(product.columns, names, strict=True):
        overall = told if len(pairs) == 1 else None
        records += ratio_records(solution, family, column, {**here, "level": name}, overall)
    if len(pairs) > 1:
        p, method = told or (solution.joint(product.columns), joint_method(solution, family))
        records.append({**here, "statistic": "p", "estimate": p, "method": method})
    return records


def _level_masks(design: Design, term: Term) -> list[np.ndarray]:
    inside = design.x[:, list(term.columns)] == 1
    return [~inside.any(axis=1), *inside.T]


def _with_others(
    design: Design, but: Sequence[str], blocks: list[np.ndarray], owners: list[Term]
) -> Design:
    """A design of these blocks and the covariates of another but some."""
    blocks, owners = list(blocks), list(owners)
    width = sum(block.shape[1] for block in blocks)
    for term in design.terms:
        if term.name not in but:
            columns = tuple(range(width, width + len(term.columns)))
            owners.append(Term(term.name, term.levels, columns))
            blocks.append(design.x[:, list(term.columns)])
            width += len(columns)
    return Design(np.column_stack(blocks), tuple(owners))
