"""Levels of one factor, drawn towards each other as far as their differences look like chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import rows
from crlm.regression.engine import upper_tail
from crlm.regression.model_rows import n_record
from crlm.regression.models import make_sample
from crlm.regression.solution import check_level, cox_family, level_counts, solve
from crlm.regression.terms import listed


@dataclass(frozen=True)
class Pooled:
    """Estimates drawn towards their mean.

    Attributes
    ----------
    heterogeneity : float
        Cochran's Q.
    between : float
        Variance between levels beyond chance; 0 puts every level on the mean.
    mean : float
    estimate, error : ndarray, shape (k,)
    """

    heterogeneity: float
    between: float
    mean: float
    estimate: np.ndarray
    error: np.ndarray


def pooled_levels(
    frame: pd.DataFrame,
    covariate: str,
    *,
    adjust: Sequence[str] = (),
    ties: str = "efron",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Hazard ratios of a factor's levels, raw and partially pooled, and whether they differ.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    covariate : str
        A category of three or more levels; the first is the reference of all.
    adjust : sequence of str
        Further covariates of the one Cox model.

    Returns
    -------
    pandas.DataFrame
        Model "levels of one model": `n`, `reference`, `hazard_ratio` of each level. Model
        "partial pooling": the joint test that these are equal, `chi_square` and `p` (Wald with
        the whole covariance of the levels, whose common reference ties them to one another),
        then `hazard_ratio` of each level. What cannot be estimated is missing, with the reason.

    Raises
    ------
    ParameterError, CohortError
        As `cox`.

    References
    ----------
    DerSimonian R, Laird N. Control Clin Trials 1986;7:177. Efron B, Morris C. J Am Stat Assoc
    1975;70:311.
    """
    z = check_level(conf_level)
    sample = make_sample(frame, [covariate, *listed(adjust)])
    family = cox_family(sample.data, ties)
    term = sample.design.terms[0]
    keys = {"endpoint": sample.endpoint, "population": population, "covariate": covariate}
    n = {"n": sample.data.n, "events": sample.data.n_events}
    raw = {**keys, "model": "levels of one model"}
    records = [n_record(sample.n_all, family, raw)]
    fit, why = _usable(family, sample.design, list(term.columns))
    counts = level_counts(sample.design, covariate, family.event)
    if counts:
        level, size, events = counts.pop(0)
        known = {"level": level, "n": size, "events": events, "statistic": "reference"}
        records.append({**raw, **known, "estimate": 1.0, "method": term.note or "reference level"})
    coef = var = None
    if fit is not None:
        coef, var = fit.coef[list(term.columns)], fit.var[np.ix_(term.columns, term.columns)]
    held = f", adjusted for {', '.join(listed(adjust))}" if listed(adjust) else ""
    method = why or f"{family.method}{held}, Wald CI"
    records += _ratios(counts, raw, coef, var, z, method)
    drawn = {**keys, "model": "partial pooling"}
    records += [{**drawn, **n, **test} for test in equal(coef, var, f"{family.method}{held}", why)]
    pooled = None if coef is None else pool(coef, np.sqrt(np.diag(var)))
    told = why or _words(pooled, len(counts)) + held
    estimate = (None, None) if pooled is None else (pooled.estimate, np.diag(pooled.error**2))
    records += _ratios(counts, drawn, *estimate, z, told)
    return rows(records)


def pool(estimate: np.ndarray, error: np.ndarray) -> Pooled:
    """Estimates drawn towards their mean by empirical Bayes.

    Parameters
    ----------
    estimate, error : ndarray, shape (k,)
        Log ratios and standard errors; k at least 2.

    Notes
    -----
    Weights w = 1 / s2, Q = sum of w (b - mean)2, tau2 = max(0, (Q - (k - 1)) / (W - sum of w2 /
    W)). With w* = 1 / (s2 + tau2) and B = s2 / (s2 + tau2) the pooled estimate is B m + (1 - B)
    b, its variance (1 - B) s2 + B2 / W*.

    Examples
    --------
    >>> found = pool(np.array([0.6, 1.4, 0.0]), np.array([0.25, 0.40, 0.45]))
    >>> [round(float(b), 3) for b in found.estimate]
    [0.617, 1.108, 0.315]
    """
    b, own = np.asarray(estimate, dtype=float), np.asarray(error, dtype=float) ** 2
    w = 1 / own
    centre = (w * b).sum() / w.sum()
    q = float((w * (b - centre) ** 2).sum())
    between = max(0.0, (q - (len(b) - 1)) / float(w.sum() - (w**2).sum() / w.sum()))
    w = 1 / (own + between)
    mean = float((w * b).sum() / w.sum())
    share = own / (own + between)
    variance = (1 - share) * own + share**2 / w.sum()
    return Pooled(q, between, mean, share * mean + (1 - share) * b, np.sqrt(variance))


def equal(
    coef: np.ndarray | None, var: np.ndarray | None, method: str, why: str
) -> list[dict[str, Any]]:
    """The Wald test that some coefficients are equal, as `chi_square` and `p`."""
    chi_square = p = np.nan
    if coef is not None:
        against = np.eye(len(coef) - 1, len(coef), 1) - np.eye(len(coef) - 1, len(coef))
        gaps = against @ coef
        chi_square = float(gaps @ np.linalg.solve(against @ var @ against.T, gaps))
        p = upper_tail(chi_square, len(coef) - 1)
        why = f"{method}, all levels but the reference equal: Wald test, df {len(coef) - 1}"
    return [
        {"statistic": "chi_square", "estimate": chi_square, "method": why},
        {"statistic": "p", "estimate": p, "method": why},
    ]


# ---- parts ------------------------------------------------------------------


def _usable(family: Any, design: Any, columns: Sequence[int]) -> tuple[Any, str]:
    """The ordinary fit, or why the levels cannot be compared."""
    if len(columns) < 2:
        return None, "not estimable: fewer than two levels beside the reference have patients"
    solution = solve(family, design)
    notes = [solution.notes[j] for j in columns if j in solution.notes]
    if notes:
        return None, notes[0]
    if not solution.interval.startswith("Wald"):
        return None, "not estimable: a level has no ordinary estimate (none or all had the event)"
    return family.fit(design.x), ""


def _ratios(
    counts: Sequence[tuple[str, int, int]],
    keys: dict[str, Any],
    coef: np.ndarray | None,
    var: np.ndarray | None,
    z: float,
    method: str,
) -> list[dict[str, Any]]:
    records = []
    for k, (level, n, events) in enumerate(counts):
        row = {**keys, "level": level, "n": n, "events": events, "statistic": "hazard_ratio"}
        row["method"] = method
        if coef is not None:
            ends = np.exp(coef[k] + np.array([0, -z, z]) * np.sqrt(var[k, k]))
            row |= dict(zip(("estimate", "conf_low", "conf_high"), ends, strict=True))
        records.append(row)
    return records


def _words(pooled: Pooled, levels: int) -> str:
    text = f"empirical Bayes over {levels} levels, variance between them {pooled.between:.3g}"
    if not pooled.between:
        text += " (their differences are no larger than chance: all lie on the mean)"
    return f"{text}, normal CI"
