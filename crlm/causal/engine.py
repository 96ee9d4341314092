"""Weighted Cox models, their hazards, natural splines and logistic chances on plain arrays."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import expit

from crlm.regression.engine import FollowUp, robust_fit, weighted_fit
from crlm.regression.firth import maximise
from crlm.regression.logit import logistic_penalised

#: A log ratio beyond this has no maximum: one of the groups has no event.
RUNNING_AWAY = 12.0
#: A log ratio with such an error is known to no power of ten.
NO_LIMITS = 8.0
#: A chance closer to 0 or 1 is separation, not an estimate.
_CERTAIN = 1e-9
#: Newton's steps, in spreads of the columns, end below this.
_STEP = 1e-10
_MOST_STEPS = 25
#: A step this short leaves an error of its square.
_NEAR = 1e-6
#: Resamples of larger tables (patients times products of columns) are fitted one by one.
_TOGETHER = 2_000_000
#: Penalised steps of a resample are no longer, and end when shorter, than these.
_LONGEST, _ROUGH = 2.0, 1e-5
#: The share of a column that must be its own, or the columns before it determine it.
_OWN = 1e-6
#: Products of matrices with fewer multiplications run on one thread.
_ALONE = 200_000


@dataclass(frozen=True)
class Robust:
    """Log hazard ratios with their robust covariance; `why` says why there are none.

    Attributes
    ----------
    coef : ndarray, shape (p,)
    var : ndarray, shape (p, p)
    why : str
    """

    coef: np.ndarray
    var: np.ndarray
    why: str = ""

    @property
    def error(self) -> np.ndarray:
        """Robust standard errors."""
        return np.sqrt(np.diag(self.var))


@dataclass(frozen=True)
class Chance:
    """A logistic model of a yes-no answer.

    Attributes
    ----------
    coef : ndarray, shape (1 + p,)
        The intercept first; NaN for columns that depend on earlier ones.
    chance : ndarray, shape (n,)
        The fitted probability.
    loglik, loglik_null : float
    penalised : bool
        Whether Firth's penalty was needed, because columns separate the answers.
    dropped : tuple of int
        Columns (without the intercept) that depend on earlier ones.
    """

    coef: np.ndarray
    chance: np.ndarray
    loglik: float
    loglik_null: float
    penalised: bool
    dropped: tuple[int, ...]


@functools.lru_cache(maxsize=512)
def _through(knots: tuple[float, ...], ends: tuple[float, float]) -> CubicSpline:
    at = np.array([ends[0], *knots, ends[1]])
    return CubicSpline(at, np.eye(len(at)), bc_type="natural")


def spline(x: np.ndarray, knots: tuple[float, ...], ends: tuple[float, float]) -> np.ndarray:
    """The natural cubic spline basis of R's `nsk` with these inner knots and boundary knots.

    A column a knot but the first: the spline that is 1 there and 0 at every other knot, straight
    beyond the outer two.
    """
    curve = _through(knots, ends)
    inside = np.clip(x, *ends)
    return (curve(inside) + (x - inside)[:, None] * curve(inside, 1))[:, 1:]


def robust_cox(
    data: FollowUp, x: np.ndarray, weights: np.ndarray, ties: str, cluster: np.ndarray
) -> Robust:
    """A weighted Cox model with the sandwich of clusters (R: `coxph(..., weights, cluster)`).

    Parameters
    ----------
    data : FollowUp
    x : ndarray, shape (n, p)
    weights : ndarray, shape (n,)
        Rows without weight are left out.
    ties : {"efron", "breslow"}
    cluster : ndarray of int, shape (n,)
        Whose row it is.

    References
    ----------
    Binder DA. Biometrika 1992;79:139. Lin DY, Wei LJ. J Am Stat Assoc 1989;84:1074.
    """
    used = weights > 0
    width = x.shape[1]
    nothing = Robust(np.full(width, np.nan), np.full((width, width), np.nan))
    if not data.event[used].any():
        return Robust(nothing.coef, nothing.var, "not estimable: no event")
    try:
        fit = robust_fit(data.take(used), x[used], weights[used], ties, cluster[used])
    except (RuntimeError, ValueError):  # the engine's words for an estimate beyond all numbers
        return Robust(nothing.coef, nothing.var, "not estimable: the likelihood has no maximum")
    return Robust(*fit)


def column_of(fit: Robust, column: int, spread: float) -> tuple[float, float, str]:
    """Log ratio, robust error and, where there is no estimate, why."""
    coef, error = float(fit.coef[column]), float(fit.error[column])
    why = fit.why
    if not why and not np.isfinite(coef):
        why = "not estimable: it does not vary apart from the other covariates"
    if not why and abs(coef) * max(spread, 1e-12) > RUNNING_AWAY:
        why = "not estimable: the ratio is infinite, for one side has no event"
    if not why and not error < NO_LIMITS:
        why = "not estimable: too few events for so many covariates"
    return (np.nan, np.nan, why) if why else (coef, error, "")


def cox_coefficients(data: FollowUp, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Log hazard ratios of a weighted Cox model with Efron's ties; zero where there are none."""
    used = weights > 0
    part = data.take(used)
    if not part.event.any() or not x.shape[1]:
        return np.zeros(x.shape[1])
    try:
        return np.nan_to_num(weighted_fit(part, x[used], weights[used], "efron")[0])
    except (RuntimeError, ValueError):
        return np.zeros(x.shape[1])


def baseline_jumps(
    data: FollowUp, lp: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Event times and jumps of the baseline hazard (R: `basehaz(fit, centered = FALSE)`).

    Efron's estimate for a model with these linear predictors and case weights.
    """
    used = weights > 0
    time, event, lp, weights = data.time[used], data.event[used] == 1, lp[used], weights[used]
    risk = weights * np.exp(lp)
    times, code = np.unique(time[event], return_inverse=True)
    at_risk = tail_sums(time, risk, times)
    if data.entry is not None:
        at_risk = at_risk - tail_sums(data.entry[used], risk, times)
    count = np.bincount(code, minlength=len(times))
    dying = np.bincount(code, weights=risk[event], minlength=len(times))
    mean = np.bincount(code, weights=weights[event], minlength=len(times)) / np.maximum(count, 1)
    jumps = np.zeros(len(times))
    for k in range(int(count.max(initial=0))):
        here = count > k
        jumps[here] += mean[here] / (at_risk[here] - k / count[here] * dying[here])
    return times, jumps


def tail_sums(moment: np.ndarray, value: np.ndarray, times: np.ndarray) -> np.ndarray:
    """For each time the sum of the values whose moment is not before it."""
    order = np.argsort(moment, kind="stable")
    tails = np.concatenate([np.cumsum(value[order][::-1])[::-1], [0.0]])
    return tails[np.searchsorted(moment[order], times, side="left")]


def chance(answer: np.ndarray, x: np.ndarray, counts: np.ndarray | None = None) -> Chance:
    """The logistic model of an answer, with Firth's penalty where columns separate it.

    Parameters
    ----------
    answer : ndarray of 0 and 1, shape (n,)
        Both occur.
    x : ndarray, shape (n, p)
        Without the intercept and without missing values.
    counts : ndarray, shape (n,), optional
        How often each patient counts.

    References
    ----------
    Firth D. Biometrika 1993;80:27 (separation).
    """
    counts = np.ones(len(answer)) if counts is None else counts
    centre, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    full = np.column_stack([np.ones(len(x)), (x - centre) / spread])
    kept = independent(full)
    beta, settled = newton(answer, full[:, kept], counts)
    chances = expit(full[:, kept] @ beta)
    penalised = not settled or separated(chances)
    if penalised:
        beta = firth(answer, full[:, kept], counts)
        chances = expit(full[:, kept] @ beta)
    coef = np.full(full.shape[1], np.nan)
    coef[kept] = beta
    coef[1:] /= spread
    coef[0] -= np.nansum(coef[1:] * centre)
    share = float(counts @ answer / counts.sum())
    null = loglik(answer, np.full(len(answer), share), counts)
    dropped = tuple(int(j) - 1 for j in np.setdiff1d(np.arange(full.shape[1]), kept))
    return Chance(coef, chances, loglik(answer, chances, counts), null, penalised, dropped)


def newton(
    answer: np.ndarray, x: np.ndarray, counts: np.ndarray, start: np.ndarray | None = None
) -> tuple[np.ndarray, bool]:
    """Coefficients of the weighted logistic likelihood, and whether the steps became small."""
    beta = np.zeros(x.shape[1]) if start is None else start
    for _ in range(_MOST_STEPS):
        share = expit(linear(x, beta))
        information = gram(x, counts * share * (1 - share))
        slope = np.einsum("ij,i->j", x, counts * (answer - share))
        try:
            step = np.linalg.solve(information, slope)
        except np.linalg.LinAlgError:  # a level that was not drawn
            step = np.linalg.lstsq(information, slope, rcond=None)[0]
        beta = beta + step
        size = float(np.abs(step).max(initial=0.0))
        if not np.isfinite(size) or size < _STEP:
            return beta, bool(np.isfinite(size))
    return beta, False


def newton_each(
    answer: np.ndarray, x: np.ndarray, counts: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Coefficients (samples, p) as of `newton`, of several resamples (samples, n) at once.

    `answer` is that of all (n,), or one of each resample (samples, n).
    """
    upper, answers = np.triu_indices(x.shape[1]), np.broadcast_to(answer, counts.shape)
    if len(x) * len(upper[0]) > _TOGETHER:
        return np.array([newton(answers[k], x, counts[k], start)[0] for k in range(len(counts))])
    products = x[:, upper[0]] * x[:, upper[1]]
    beta, left = np.tile(start, (len(counts), 1)), np.arange(len(counts))
    information = np.zeros((len(counts), x.shape[1], x.shape[1]))
    for _ in range(_MOST_STEPS):
        drawn = counts[left]
        share = expit(np.einsum("ij,kj->ki", x, beta[left]))
        sums = _times(drawn * share * (1 - share), products)
        information[left[:, None], upper[0], upper[1]] = sums
        information[left[:, None], upper[1], upper[0]] = sums
        slope = _times(drawn * (answers[left] - share), x)
        try:
            step = np.linalg.solve(information[left], slope[..., None])[..., 0]
        except np.linalg.LinAlgError:  # a level that was not drawn in one of them
            beta[left] = [newton(answers[k], x, counts[k], start)[0] for k in left]
            break
        beta[left] += step
        left = left[np.abs(step).max(axis=1) >= _NEAR]
        if not len(left):
            break
    return beta


def _times(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The product of (samples, n) and (n, q), in blocks as `gram`."""
    step = max(_ALONE // (len(weights) * values.shape[1]), 1)
    total = np.zeros((len(weights), values.shape[1]))
    for first in range(0, len(values), step):
        total += weights[:, first : first + step] @ values[first : first + step]
    return total


def gram(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """x' diag(weights) x, in blocks so small that linear algebra starts no threads.

    Beside other work threads that wait for each other make it twenty times slower.
    """
    step = max(_ALONE // max(x.shape[1] ** 2, 1), 1)
    total = np.zeros((x.shape[1], x.shape[1]))
    for first in range(0, len(x), step):
        part = x[first : first + step]
        total += (part * weights[first : first + step, None]).T @ part
    return total


def linear(x: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """x beta, without threads."""
    return np.einsum("ij,j->i", x, beta)


def separated(chances: np.ndarray) -> bool:
    """Whether some chance is 0 or 1 to many digits."""
    return bool((np.minimum(chances, 1 - chances) < _CERTAIN).any())


def independent(x: np.ndarray) -> np.ndarray:
    """Positions of the columns that are no linear combination of earlier ones."""
    own = np.linalg.norm(x, axis=0)
    if x.shape[1] and len(x) >= x.shape[1]:
        # What is left of a column beside those before it; exact where all are kept.
        left = np.abs(np.diag(np.linalg.qr(x, mode="r")))
        if (left > 2 * _OWN * own).all() and (own > 0).all():
            return np.arange(x.shape[1])
    kept: list[int] = []
    basis = np.zeros((len(x), 0))
    for j in range(x.shape[1]):
        left = x[:, j] - basis @ (basis.T @ x[:, j])
        left -= basis @ (basis.T @ left)
        size = np.linalg.norm(left)
        if size > _OWN * max(own[j], 1e-300) and len(kept) < len(x):
            kept.append(j)
            basis = np.column_stack([basis, left / size])
    return np.array(kept, dtype=int)


def loglik(answer: np.ndarray, chances: np.ndarray, counts: np.ndarray) -> float:
    """The logistic log-likelihood of chances."""
    tiny = np.finfo(float).tiny
    right = np.where(answer == 1, chances, 1 - chances)
    return float(counts @ np.log(np.maximum(right, tiny)))


def firth_from(
    answer: np.ndarray, x: np.ndarray, counts: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Coefficients with Firth's penalty, from those of nearly the same patients.

    For resamples: the modified score (Heinze G, Schemper M. Stat Med 2002;21:2409) in few steps.
    """
    beta = start
    for _ in range(_MOST_STEPS):
        share = expit(linear(x, beta))
        curve = share * (1 - share)
        inverse = np.linalg.pinv(gram(x, counts * curve), hermitian=True)
        leverage = curve * np.einsum("ij,ij->i", x @ inverse, x)
        slope = np.einsum("ij,i->j", x, counts * (answer - share + leverage * (0.5 - share)))
        step = inverse @ slope
        size = float(np.abs(step).max(initial=0.0))
        if not np.isfinite(size):
            return beta
        beta = beta + step * min(1.0, _LONGEST / max(size, 1e-12))
        if size < _ROUGH:
            break
    return beta


def firth(answer: np.ndarray, x: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Coefficients with Firth's penalty, where the likelihood has no maximum."""
    rows = np.repeat(np.arange(len(answer)), counts.astype(int))
    kept = independent(x[rows])
    found = np.zeros(x.shape[1])
    try:
        found[kept] = maximise(logistic_penalised(answer[rows], x[rows][:, kept])).coef
    except np.linalg.LinAlgError:  # so few patients that the penalty settles nothing
        share = np.clip(answer[rows].mean(), 0.5 / len(rows), 1 - 0.5 / len(rows))
        found[0] = np.log(share / (1 - share))
    return found
