"""How a model is fitted to many samples of the same patients: what they share is done once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crlm.regression.draws import draws_of
from crlm.regression.engine import FollowUp, cox_fit
from crlm.regression.selection import Problem, columns_of
from crlm.regression.terms import Term

#: Patients times samples that are counted at once: what fits a processor's cache.
_AT_ONCE = 20_000
_MOST_STEPS = 20
#: A step this short leaves an error of its square.
_NEAR = 1e-7
#: With less, the likelihood may rise for ever and its steps be lost in rounding.
_LEAST_INFORMATION = 1e-3


def in_samples(problem: Problem, terms: Sequence[Term], ties: str, draws: np.ndarray) -> np.ndarray:
    """Log hazard ratios of the model of some covariates in the patients and in each sample.

    Parameters
    ----------
    problem : Problem
        Patients without a value of these covariates are passed over, drawn or not.
    terms : sequence of Term
    ties : {"efron", "breslow"}
    draws : ndarray of int, shape (samples, n)
        Who is in each sample, as positions; whoever is drawn twice is two patients.

    Returns
    -------
    ndarray, shape (1 + samples, p)
        Those of the patients themselves first; NaN where there is no finite estimate.

    Notes
    -----
    A column of two values is fitted to all samples at once: whom a death is drawn from is then
    two counts, and the steps of Newton are sums over these. Other models are fitted one sample
    after another, from the estimates in the patients. Both reach the maximum to 9 digits.
    """
    columns = columns_of(terms)
    if not columns:
        return np.full((1 + len(draws), 0), np.nan)
    known = ~np.isnan(problem.design.x[:, columns]).any(axis=1)
    data, x = problem.cases(columns)
    whole = _finite(data, x, ties, None)
    start = np.nan_to_num(whole)
    found = np.full((len(draws), len(columns)), np.nan)
    if len(columns) == 1 and len(values := np.unique(x)) == 2:
        high, width = x[:, 0] == values[1], values[1] - values[0]
        size = max(_AT_ONCE // len(known), 1)
        for first in range(0, len(draws), size):
            counts = _counts(draws[first : first + size])[:, known]
            logs = _two_sides(data, high, counts, ties, start[0] * width)
            found[first : first + size, 0] = logs / width
    place = np.cumsum(known) - 1
    for k in np.flatnonzero(np.isnan(found).all(axis=1)):
        rows = place[draws[k][known[draws[k]]]]
        found[k] = _finite(data.take(rows), x[rows], ties, start)
    return np.vstack([whole, found])


def _finite(data: FollowUp, x: np.ndarray, ties: str, start: np.ndarray | None) -> np.ndarray:
    """Log hazard ratios (p,); NaN where none is finite."""
    if data.n_events < 2:
        return np.full(x.shape[1], np.nan)
    fit = cox_fit(data, x, ties, start=start)
    return np.where(fit.finite, fit.coef, np.nan)


def _counts(draws: np.ndarray) -> np.ndarray:
    """How often each patient is in each sample (samples, n)."""
    samples, n = draws.shape
    place = draws + n * np.arange(samples)[:, None]
    return np.bincount(place.ravel(), minlength=samples * n).reshape(samples, n).astype(float)


def _two_sides(
    data: FollowUp, high: np.ndarray, counts: np.ndarray, ties: str, start: float
) -> np.ndarray:
    """Log hazard ratios (samples,) of those who are `high`; NaN where steps do not get there."""
    at_risk, dying = _by_side(data, high, counts)
    found = np.full(len(counts), np.nan)
    able = (dying.sum(axis=2) > 0).all(axis=0)
    if able.any():
        found[able] = _maximum(at_risk[:, able], dying[:, able], ties, start)
    return found


def _by_side(data: FollowUp, high: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At risk and dying at each moment with a death, each (2 sides, samples, moments)."""
    order = np.argsort(-data.time, kind="stable")
    data, high, counts = data.take(order), high[order], counts[:, order]
    sets = draws_of(data.time, data.event, data.entry, data.strata, "breslow")
    dead = np.flatnonzero(sets.own >= 0)
    dead = dead[np.argsort(sets.own[dead], kind="stable")]
    firsts = np.searchsorted(sets.own[dead], np.arange(len(sets.times)))
    sides = [counts * ~high, counts * high]
    at_risk = np.array([sets.sums(side).T for side in sides])
    return at_risk, np.array([np.add.reduceat(side[:, dead], firsts, axis=1) for side in sides])


def _maximum(at_risk: np.ndarray, dying: np.ndarray, ties: str, start: float) -> np.ndarray:
    """Newton's steps for one column in all samples; each has deaths on both sides."""
    deaths = dying.sum(axis=0).astype(int)
    efron = ties == "efron"
    # A draw from a risk set each death (Efron), or each moment as often as it has deaths.
    times = (deaths if efron else deaths > 0).astype(int)
    which = np.repeat(np.arange(deaths.size), times.ravel())
    left, weight = at_risk.reshape(2, -1)[:, which], deaths.ravel()[which]
    if efron:
        ends = np.cumsum(deaths)
        rank = np.arange(len(which)) - (ends - deaths.ravel())[which]
        left = left - rank / weight * dying.reshape(2, -1)[:, which]
        weight = np.ones(len(which))
    sizes = times.sum(axis=1)
    firsts, sample = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(sizes)), sizes)
    beta, step = np.full(len(sizes), start), np.full(len(sizes), np.inf)
    information = np.zeros(len(sizes))
    with np.errstate(all="ignore"):
        for _ in range(_MOST_STEPS):
            odds = left[1] * np.exp(beta)[sample]
            share = odds / (left[0] + odds)
            score = dying[1].sum(axis=1) - np.add.reduceat(weight * share, firsts)
            information = np.add.reduceat(weight * share * (1 - share), firsts)
            step = score / information
            beta = beta + step
            if not (np.abs(step) > _NEAR).any():
                break
    there = (np.abs(step) <= _NEAR) & (information > _LEAST_INFORMATION)
    return np.where(there, beta, np.nan)
