"""A fitted model as result rows: its size, and reference, ratio and p of each of its terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from crlm.regression.solution import Family, Solution, level_counts
from crlm.regression.terms import NO_PRODUCT, Design, Term

#: By term the p value of all its columns, and how it was made.
Tests = Mapping[str, tuple[float, str]]
#: e to this power is near the largest number of a computer.
_LARGEST_LOG = 700.0


def n_record(n_all: int, family: Family, keys: Mapping[str, str]) -> dict[str, Any]:
    """How many complete cases a model has, as a record."""
    n, events = len(family.outcome), int(family.outcome.sum())
    method = f"{family.method}; complete cases: {n:,} of {n_all:,} patients"
    return {
        **keys,
        "statistic": "n",
        "unit": "patients",
        "estimate": n,
        "n": n,
        "events": events,
        "method": method,
    }


def model_records(
    design: Design,
    solution: Solution,
    family: Family,
    keys: Mapping[str, str],
    overall: Tests | None = None,
) -> list[dict[str, Any]]:
    """Reference, ratios and tests of every term; `overall`: by term p and method of all levels."""
    records: list[dict[str, Any]] = []
    for term in design.terms:
        own = (overall or {}).get(term.name)
        records += _term_records(term, design, solution, family, keys, own)
    return records


def _term_records(
    term: Term,
    design: Design,
    solution: Solution,
    family: Family,
    keys: Mapping[str, str],
    overall: tuple[float, str] | None,
) -> list[dict[str, Any]]:
    n, events = len(family.event), int(family.event.sum())
    here = {**keys, "covariate": term.name}
    if not term.columns:
        return _empty_records(term, family, here, solution)
    counts = level_counts(design, term.name, family.event) or [("", n, events)]
    records = []
    if term.levels:
        level, n_level, events_level = counts.pop(0)
    if term.levels and level != NO_PRODUCT:
        records.append(
            {
                **here,
                "level": level,
                "statistic": "reference",
                "estimate": 1.0,
                "n": n_level,
                "events": events_level,
                "method": term.note or "reference level",
            }
        )
    several = len(term.columns) > 1
    for column, (level, n_level, events_level) in zip(term.columns, counts, strict=True):
        at = {**here, "level": level, "n": n_level, "events": events_level}
        records += ratio_records(solution, family, column, at, None if several else overall)
    if several:
        p, method = overall or (solution.joint(term.columns), joint_method(solution, family))
        if not np.isfinite(solution.coef[list(term.columns)]).any():
            p, method = np.nan, solution.notes[term.columns[0]]
        records.append(
            {**here, "statistic": "p", "estimate": p, "n": n, "events": events, "method": method}
        )
    return records


def ratio_records(
    solution: Solution,
    family: Family,
    column: int,
    at: Mapping[str, Any],
    overall: tuple[float, str] | None = None,
) -> list[dict[str, Any]]:
    """The ratio of one column and its p value, as records with the keys `at`."""
    note = solution.notes.get(column, "")
    p, test = overall or (solution.p[column], f"{family.method}, {solution.test}")
    logs = np.array([getattr(solution, field)[column] for field in ("coef", "low", "high")])
    method = note or f"{family.method}, {solution.interval}"
    if (np.abs(logs) > _LARGEST_LOG).any():
        method += "; the ratio per unit is beyond all numbers: give the covariate another unit"
        logs[:] = np.nan
    elif np.isnan(logs[1:]).any() and not note:
        method += "; a limit was not found"
    estimate, low, high = np.exp(np.full(3, np.nan) if note else logs)
    ratio = {"estimate": estimate, "conf_low": low, "conf_high": high, "method": method}
    ratio["statistic"] = family.ratio
    tested = {"statistic": "p", "estimate": np.nan if note else p, "method": note or test}
    return [{**at, **ratio}, {**at, **tested}]


def joint_method(solution: Solution, family: Family) -> str:
    """How the test of all levels of a factor is called."""
    return f"{family.method}, joint test of all levels: {solution.test}"


def _empty_records(
    term: Term, family: Family, here: Mapping[str, Any], solution: Solution
) -> list[dict[str, Any]]:
    """A covariate that has one level, or no known value at all."""
    n, events = len(family.event), int(family.event.sum())
    counts = {"n": n, "events": events}
    records = []
    method = solution.interval or f"not estimable: {term.name} is not known of any patient"
    if term.levels:
        method = f"not estimable: every patient has {term.name}={term.levels[0]}"
        records.append(
            {
                **here,
                **counts,
                "level": term.levels[0],
                "statistic": "reference",
                "estimate": 1.0,
                "method": term.note or "reference level",
            }
        )
    for statistic in (family.ratio, "p"):
        records.append({**here, **counts, "statistic": statistic, "method": method})
    return records


def detail_records(
    design: Design, solution: Solution, family: Family, keys: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Log ratios, their standard errors and the log-likelihood."""
    method = f"{family.method}, {solution.interval}"
    records: list[dict[str, Any]] = []
    for term in design.terms:
        for column in term.columns:
            at = {**keys, "covariate": term.name, "level": term.level(column), "method": method}
            for statistic, values in (("coefficient", solution.coef), ("se", solution.error)):
                records.append({**at, "statistic": statistic, "estimate": values[column]})
    loglik = {"statistic": "log_likelihood", "estimate": solution.loglik, "method": method}
    return [*records, {**keys, **loglik}]
