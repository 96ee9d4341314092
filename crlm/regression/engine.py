"""Cox partial likelihood, log-rank, proportional hazards and concordance on plain arrays.

The one file that knows the PyPI package `survival` (a Rust port of R's). Without it, or with
`CRLM_COX=own` in the environment, `fallback`, `sandwich` and `unaided` do its work.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import chdtrc

from crlm.regression import fallback, sandwich, unaided

try:
    from survival import core, regression, validation
except ImportError:  # no wheel for this machine, or the package is no more
    core = regression = validation = None

TIES = ("efron", "breslow")

#: Tighter than R's 1e-9, so that the maximum is reached to 9 digits.
_EPS = 1e-13
#: For resamples, where only the choice matters: p values to three or four digits.
_QUICK_EPS = 1e-7
_MAX_ITERATIONS = 50
#: The same for models with weights, whose errors come from resamples or the sandwich.
_WEIGHTED_EPS, _MAX_WEIGHTED = 1e-12, 40
#: A Newton step this long (relative) at the end means that the likelihood has no maximum.
_RUNNING_AWAY = 1e-4
#: A standard error this long (per standard deviation) has limits beyond all numbers: the
#: gradient has vanished by rounding, and with it the last step.
_BEYOND = 300.0
#: The engine's flag for reaching the last iteration.
_NOT_CONVERGED = 1000
#: The environment's word for doing without the engine.
_SWITCH, _OWN = "CRLM_COX", "own"


def unaided_now() -> bool:
    """Whether the house's own code stands in for the engine."""
    return regression is None or os.environ.get(_SWITCH) == _OWN


@dataclass(frozen=True)
class FollowUp:
    """What was observed of each patient.

    Attributes
    ----------
    time : ndarray of float, shape (n,)
        Months to event or censoring, near-ties made ties.
    event : ndarray of int, shape (n,)
        1 = observed.
    entry : ndarray of float, shape (n,), optional
        Months at which observation began; None when at time zero for all.
    strata : ndarray of int, shape (n,), optional
        Code of the stratum; None when there is one.
    """

    time: np.ndarray
    event: np.ndarray
    entry: np.ndarray | None = None
    strata: np.ndarray | None = None

    def take(self, chosen: np.ndarray) -> FollowUp:
        """The same for some patients (a mask or positions)."""
        entry = None if self.entry is None else self.entry[chosen]
        strata = None if self.strata is None else self.strata[chosen]
        return FollowUp(self.time[chosen], self.event[chosen], entry, strata)

    @property
    def n(self) -> int:
        """Number of patients."""
        return len(self.time)

    @property
    def n_events(self) -> int:
        """Number of observed events."""
        return int(self.event.sum())


@dataclass(frozen=True)
class Fit:
    """A fitted regression model.

    Attributes
    ----------
    coef : ndarray, shape (p,)
        Log hazard (or odds) ratios; NaN where collinear with earlier columns.
    var : ndarray, shape (p, p)
        Inverse observed information; zero rows where `coef` is NaN.
    loglik_null, loglik : float
        Log (partial) likelihood at zero and at `coef`.
    score : float
        Score test statistic at zero.
    infinite : ndarray of bool, shape (p,)
        Columns whose estimate is infinite; `coef` is then what the last step reached, or NaN.
    """

    coef: np.ndarray
    var: np.ndarray
    loglik_null: float
    loglik: float
    score: float
    infinite: np.ndarray

    @property
    def collinear(self) -> np.ndarray:
        """Which columns are linear combinations of earlier ones."""
        return np.isnan(self.coef) & ~self.infinite

    @property
    def finite(self) -> np.ndarray:
        """Which columns have an ordinary estimate."""
        return ~np.isnan(self.coef) & ~self.infinite


def tie_close_times(
    time: np.ndarray, entry: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Make times equal that differ by rounding error alone, as R's `aeqSurv` does.

    0.1 + 0.2 and 0.3 months are one time. Times count as equal when neighbours
    differ by no more than 1.5e-8, absolutely or relative to the mean time.

    References
    ----------
    Therneau T. survival, R package, vignette "Roundoff error and tied times".
    """
    tolerance = np.sqrt(np.finfo(float).eps)
    distinct = np.unique(time if entry is None else np.concatenate([time, entry]))
    if len(distinct) < 2:
        return time, entry
    gaps = np.diff(distinct)
    scale = np.abs(distinct).mean()
    close = (gaps <= tolerance) | (gaps <= tolerance * scale)
    if not close.any():
        return time, entry
    cuts = distinct[np.concatenate([[True], ~close])]
    snapped = cuts[np.searchsorted(cuts, time, side="right") - 1]
    if entry is not None:
        entry = cuts[np.searchsorted(cuts, entry, side="right") - 1]
    return snapped, entry


def cox_fit(
    data: FollowUp,
    x: np.ndarray,
    ties: str,
    *,
    start: np.ndarray | None = None,
    quick: bool = False,
) -> Fit:
    """Cox's partial likelihood, maximised.

    Parameters
    ----------
    data : FollowUp
    x : ndarray, shape (n, p)
        Without missing values.
    ties : {"efron", "breslow"}
    start : ndarray, shape (p,), optional
        Where to begin; zero otherwise.
    quick : bool
        Stop when the log-likelihood changes by less than 1e-7 of itself.
    """
    fit, converged = _attempt(data, x, ties, start, _QUICK_EPS if quick else _EPS)
    if fit is not None and converged and not np.isnan(fit.coef).any():
        return fit
    informative = np.diag(np.array(_call(data, x, ties, None, _EPS, 0).var)) > 0
    if informative.all():
        fit = fit or _lost(data, x, ties)
        return replace(fit, infinite=fit.infinite | np.isnan(fit.coef))
    if not informative.any():
        lost = _lost(data, x, ties)
        return _spread(replace(lost, loglik=lost.loglik_null), informative)
    return _spread(cox_fit(data, x[:, informative], ties, quick=quick), informative)


def eventless(data: FollowUp, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns of two values of which those with an event have but one: their ratio is infinite.

    Parameters
    ----------
    data : FollowUp
        Without late entry and strata, and with an event; of others none is told.
    x : ndarray, shape (n, p)

    Returns
    -------
    (columns, level) : tuple of ndarray of bool, shape (p,) and (n,)
        Such columns whose other value somebody still had at the first event, and who has it in
        any of them. As the ratios run away these patients no longer count.

    Examples
    --------
    >>> data = FollowUp(np.array([1.0, 2.0, 3.0]), np.array([1, 1, 0]))
    >>> [found.tolist() for found in eventless(data, np.array([[0.0, 1], [0, 0], [1, 0]]))]
    [[True, False], [False, False, True]]
    """
    columns, level = np.zeros(x.shape[1], dtype=bool), np.zeros(len(x), dtype=bool)
    if data.entry is not None or data.strata is not None:
        return columns, level
    dead = data.event == 1
    dying, first = x[dead], data.time[dead].min()
    for j in np.flatnonzero((dying == dying[0]).all(axis=0)):
        others = x[:, j] != dying[0, j]
        if len(np.unique(x[others, j])) == 1 and data.time[others].max() >= first:
            columns[j] = True
            level |= others
    return columns, level


def weighted_fit(
    data: FollowUp, x: np.ndarray, weights: np.ndarray, ties: str
) -> tuple[np.ndarray, np.ndarray]:
    """Log hazard ratios (p,) of a weighted Cox model and their model-based covariance (p, p).

    Raises
    ------
    RuntimeError, ValueError
        If the estimates run beyond all numbers.
    """
    raw = _call(data, x, ties, None, _WEIGHTED_EPS, _MAX_WEIGHTED, weights=weights)
    coef = np.asarray(raw.coefficients, dtype=float)
    return coef, np.asarray(raw.var, dtype=float).reshape(len(coef), len(coef))


def robust_fit(
    data: FollowUp, x: np.ndarray, weights: np.ndarray, ties: str, cluster: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As `weighted_fit`, with the sandwich of clusters (R: `coxph(..., weights, cluster)`).

    Parameters
    ----------
    cluster : ndarray of int, shape (n,)
        Whose row it is.

    References
    ----------
    Binder DA. Biometrika 1992;79:139. Lin DY, Wei LJ. J Am Stat Assoc 1989;84:1074.
    """
    told: dict[str, Any] = {"entry": data.entry, "weights": weights, "method": ties}
    told |= {"eps": _WEIGHTED_EPS, "iter_max": _MAX_WEIGHTED, "cluster": cluster.astype(np.int64)}
    x = np.ascontiguousarray(x)
    if unaided_now():
        raw = sandwich.robust(data.time, data.event, x, **told)
    else:
        raw = regression.coxph_fit(data.time, data.event, x, robust=True, **told)
    coef = np.asarray(raw.coefficients, dtype=float)
    return coef, np.asarray(raw.var, dtype=float).reshape(len(coef), len(coef))


def logrank(data: FollowUp, groups: np.ndarray) -> tuple[float, int]:
    """Log-rank chi-square (hypergeometric variance, stratified) and its degrees of freedom.

    For resamples; `survival.logrank` also tells what can be told where groups
    are never at risk together, which is (NaN, 0) here.
    """
    codes = np.unique(groups, return_inverse=True)[1]
    if unaided_now():
        return unaided.logrank(data.time, data.event, codes, data.entry, data.strata)
    try:
        test = validation.logrank_test(
            data.time, data.event, codes, strata=data.strata, entry_times=data.entry, timefix=False
        )
    except RuntimeError:  # the engine's word for a singular variance
        return float("nan"), 0
    return float(test.statistic), int(test.df)


def proportional_hazards(
    data: FollowUp, x: np.ndarray, ties: str, transform: str, terms: Sequence[Sequence[int]]
) -> list[tuple[float, float, float]]:
    """Score tests for coefficients that change with time.

    Returns
    -------
    list of (chi-square, degrees of freedom, p)
        One a term (a set of columns), then the global test; empty if the events
        are too few for the tests.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515; as in R's cox.zph since survival 3.0.
    """
    assign = [list(term) for term in terms]
    if unaided_now():
        return unaided.proportional_hazards(data, x, ties, transform, assign)
    fit = regression.coxph_fit(
        data.time,
        data.event,
        x,
        entry=data.entry,
        strata=data.strata,
        method=ties,
        eps=_EPS,
        iter_max=_MAX_ITERATIONS,
    )
    try:
        test = regression.cox_zph(fit, transform=transform, assign=assign)
    except RuntimeError:  # the engine's word for a singular variance
        return []
    return [(t.chisq, t.df, t.p) for t in (*test.table, test.global_test)]


def concordance(data: FollowUp, score: np.ndarray) -> tuple[float, float]:
    """Harrell's concordance of a score with early events, and its standard error.

    The infinitesimal-jackknife error of R's `concordance(..., reverse = TRUE)`.
    """
    if unaided_now():
        return unaided.concordance(data, score)
    values = core.CovariateMatrix(score.tolist(), len(score), 1)
    time, event = data.time.tolist(), data.event.tolist()
    if data.entry is None:
        result = core.concordancefit(
            core.SurvivalData(time, event),
            values,
            strata=data.strata,
            reverse=True,
            timefix=False,
        )
    else:
        counting = core.CountingProcessData(data.entry.tolist(), time, event)
        result = core.concordancefit_counting(
            counting, values, strata=data.strata, reverse=True, timefix=False
        )
    return float(result.concordance[0]), float(np.sqrt(result.var[0][0]))


def wald(fit: Fit, columns: Sequence[int]) -> tuple[float, int]:
    """Wald chi-square that all these coefficients are zero, and its degrees of freedom."""
    finite = fit.finite
    use = [j for j in columns if finite[j]]
    if not use:
        return float("nan"), 0
    if len(use) == 1:
        return float(fit.coef[use[0]] ** 2 / fit.var[use[0], use[0]]), 1
    coef = fit.coef[use]
    return float(coef @ np.linalg.solve(fit.var[np.ix_(use, use)], coef)), len(use)


def upper_tail(chi_square: float, df: int) -> float:
    """The p value of a chi-square; NaN without a degree of freedom."""
    return float(chdtrc(df, max(chi_square, 0.0))) if df and chi_square == chi_square else np.nan


def _call(
    data: FollowUp,
    x: np.ndarray,
    ties: str,
    start: np.ndarray | None,
    eps: float,
    iterations: int,
    weights: np.ndarray | None = None,
) -> Any:
    fit = fallback.cox if unaided_now() else regression.coxph_fit_raw
    return fit(
        data.time,
        data.event,
        np.ascontiguousarray(x),
        entry=data.entry,
        strata=data.strata,
        weights=weights,
        method=ties,
        init=None if start is None else start.tolist(),
        iter_max=iterations,
        eps=eps,
        resid=False,
    )


def _attempt(
    data: FollowUp, x: np.ndarray, ties: str, start: np.ndarray | None, eps: float
) -> tuple[Fit | None, bool]:
    """A fit, and whether it converged; None where no fit can be computed."""
    try:
        raw = _call(data, x, ties, start, eps, _MAX_ITERATIONS)
    except RuntimeError:  # the engine's word for e to a power beyond all numbers
        return None, False
    return _as_fit(raw, x), raw.flag < _NOT_CONVERGED


def _lost(data: FollowUp, x: np.ndarray, ties: str) -> Fit:
    """What is known of a model whose estimates run beyond all numbers at once."""
    raw = _call(data, x, ties, None, _EPS, 0)
    width = x.shape[1]
    nothing = np.full(width, np.nan), np.zeros((width, width))
    return Fit(*nothing, raw.loglik[0], np.nan, raw.score, np.ones(width, dtype=bool))


def _as_fit(raw: Any, x: np.ndarray) -> Fit:
    coef, var = np.array(raw.coefficients), np.array(raw.var)
    var = var.reshape(len(coef), len(coef))
    known, own = ~np.isnan(coef), var.diagonal()
    # Where the information has vanished to the last digit no step can be computed.
    infinite = known & (own == 0)
    step, error = np.abs(var @ np.array(raw.first)), np.sqrt(np.abs(own))
    running = bool((step > _RUNNING_AWAY * np.abs(coef))[known].any())
    # A spread is no longer than the root of the mean square, which is had for less.
    if running or (np.sqrt(np.einsum("ij,ij->j", x, x) / len(x)) * error > _BEYOND / 2).any():
        infinite |= known & _without_end(coef, error, step, x.std(axis=0), running)
    return Fit(coef, var, raw.loglik[0], raw.loglik[1], raw.score, infinite)


def _without_end(
    coef: np.ndarray, error: np.ndarray, step: np.ndarray, spread: np.ndarray, running: bool
) -> np.ndarray:
    """Which columns' error or last step is too long for an estimate."""
    beyond = spread * error > _BEYOND
    if running:
        beyond |= spread * step > _RUNNING_AWAY * (1 + spread * np.abs(np.nan_to_num(coef)))
    return beyond


def _spread(fit: Fit, kept: np.ndarray) -> Fit:
    """A fit of some columns as a fit of all, NaN for the others."""
    places = np.flatnonzero(kept)
    inner = slice(None) if len(fit.coef) == len(places) else kept
    coef = np.full(len(kept), np.nan)
    coef[places] = fit.coef[inner]
    var = np.zeros((len(kept), len(kept)))
    var[np.ix_(places, places)] = fit.var[inner][:, inner]
    infinite = np.zeros(len(kept), dtype=bool)
    infinite[places] = fit.infinite[inner]
    return replace(fit, coef=coef, var=var, infinite=infinite)
