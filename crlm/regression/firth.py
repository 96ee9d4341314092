"""Firth's penalised likelihood: its maximum, its profile and, for the Cox model, itself.

Where no death falls into a level, the ordinary estimate is infinite. Firth's
penalty, half the log determinant of the information, keeps it finite.

References
----------
Firth D. Biometrika 1993;80:27. Heinze G, Schemper M. Biometrics 2001;57:114.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from crlm.regression.draws import Draws, draws_of
from crlm.regression.engine import FollowUp, upper_tail

#: In standard errors; the last step is taken and shrinks the error further.
_STEP_TOLERANCE = 1e-8
_MAX_STEPS = 100
#: Good enough where rounding hides what is higher.
_ROUGH_TOLERANCE = 1e-4
#: Rounding error of a likelihood, about, as a share of it: no limit is finer.
_ROUNDING = 1e-14
#: Moves in search of a profile limit, and the longest (covariates have unit spread).
_MAX_MOVES = 40
_LONGEST_MOVE = 3.0


@dataclass(frozen=True)
class Penalised:
    """A log-likelihood with Firth's penalty, or one whose profile is wanted without it.

    Attributes
    ----------
    at : callable
        Coefficients to (log-likelihood, its gradient, information).
    size : int
        Number of coefficients.
    """

    at: Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
    size: int


@dataclass(frozen=True)
class Maximum:
    """Where a penalised log-likelihood is largest.

    Attributes
    ----------
    coef : ndarray
    value : float
        The penalised log-likelihood there.
    information : ndarray
        Without the penalty, there.
    curvature : ndarray
        With the penalty, of the coefficients that were free, as far as it was learnt.
    settled : bool
        False if the search ended before the steps became small.
    """

    coef: np.ndarray
    value: float
    information: np.ndarray
    curvature: np.ndarray
    settled: bool = True


def cox_penalised(data: FollowUp, x: np.ndarray, ties: str) -> Penalised:
    """Firth's penalised partial likelihood.

    Every death is a draw from the patients at risk, with weights; the score,
    the information and its derivative are the first three central moments of x
    under these draws. Efron's rule takes the k-th of d tied deaths from a risk
    set in which each of the d counts (d - k + 1) / d; Breslow's rule does not.
    """
    latest_first = np.argsort(-data.time, kind="stable")
    data, x = _taken(data, latest_first), x[latest_first] - x.mean(axis=0)
    draws = draws_of(data.time, data.event, data.entry, data.strata, ties)
    n, width = x.shape
    total = x[data.event == 1].sum(axis=0)
    upper = np.triu_indices(width)
    powers = np.vstack([np.ones(n), x.T, (x[:, upper[0]] * x[:, upper[1]]).T])

    def at(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        eta = x @ beta
        top = eta.max()
        weight = np.exp(eta - top)
        sums = draws.sums(weight * powers)
        size, sums = sums[:, 0], sums[:, 1:] / sums[:, :1]
        mean, second = sums[:, :width], np.empty((len(size), width, width))
        second[:, upper[0], upper[1]] = second[:, upper[1], upper[0]] = sums[:, width:]
        information = np.einsum("s,sij->ij", draws.times, second)
        information -= (mean * draws.times[:, None]).T @ mean
        loglik = float(beta @ total - draws.times @ (np.log(size) + top))
        value = loglik + 0.5 * float(np.linalg.slogdet(information)[1])
        score = total - draws.times @ mean
        score += 0.5 * _bend(draws, x, weight, size, mean, second, information)
        return value, score, information

    return Penalised(at, width)


def _taken(data: FollowUp, order: np.ndarray) -> FollowUp:
    """The same patients in another order."""
    parts = (data.time, data.event, data.entry, data.strata)
    return FollowUp(*(None if part is None else part[order] for part in parts))


def _bend(
    draws: Draws,
    x: np.ndarray,
    weight: np.ndarray,
    size: np.ndarray,
    mean: np.ndarray,
    second: np.ndarray,
    information: np.ndarray,
) -> np.ndarray:
    """The derivative of the log determinant of the information.

    Of each draw it is the mean of (x - m)' V (x - m) (x - m), with V the inverse
    information and m the draw's mean.
    """
    inverse = np.linalg.inv(information)
    length = weight * ((x @ inverse) * x).sum(axis=1)
    sums = draws.sums(np.vstack([length, length * x.T])) / size[:, None]
    turned = mean @ inverse
    own = (turned * mean).sum(axis=1)
    cross = np.einsum("si,sij->sj", turned, second)
    third = sums[:, 1:] - 2.0 * cross + (2.0 * own - sums[:, 0])[:, None] * mean
    return draws.times @ third


def maximise(
    model: Penalised,
    start: np.ndarray | None = None,
    fixed: Sequence[int] = (),
    curvature: np.ndarray | None = None,
) -> Maximum:
    """The maximum over all coefficients but the `fixed` ones, which stay where they start.

    Newton's method with the information (or what an earlier search nearby has
    learnt) as the first guess of the curvature, mended by what the gradient
    shows (BFGS), steps halved until they climb.
    """
    beta = np.zeros(model.size) if start is None else np.array(start, dtype=float)
    free = np.setdiff1d(np.arange(model.size), np.asarray(fixed, dtype=int))
    found = _look(model, beta)
    if found is None:
        nothing = np.full((model.size, model.size), np.nan)
        return Maximum(beta, -np.inf, nothing, nothing, settled=False)
    value, gradient, information = found
    if curvature is None:
        curvature = information[np.ix_(free, free)]
    if not len(free):
        return Maximum(beta, value, information, curvature)
    for _ in range(_MAX_STEPS):
        step = np.zeros(model.size)
        step[free] = np.linalg.solve(curvature, gradient[free])
        length = np.sqrt(max(step[free] @ (curvature @ step[free]), 0.0))
        new = _climb(model, beta, step, value)
        if new is None:
            return Maximum(beta, value, information, curvature, bool(length < _ROUGH_TOLERANCE))
        change = gradient[free] - new[1][free]
        curvature = _learn(curvature, (new[3] - beta)[free], change)
        value, gradient, information, beta = new
        if length < _STEP_TOLERANCE:
            return Maximum(beta, value, information, curvature)
    return Maximum(beta, value, information, curvature, settled=False)


def profile_limits(
    model: Penalised, best: Maximum, column: int, conf_level: float
) -> tuple[float, float]:
    """Limits of a coefficient where the profile likelihood has fallen by chi-square / 2.

    Found by Newton's method on the signed root of twice the fall, which is
    nearly a straight line. NaN if it does not settle.
    """
    z = float(np.sqrt(chi2.ppf(conf_level, 1)))
    settled = max(1e-9, _ROUNDING * abs(best.value))
    var = np.linalg.inv(best.information)
    error = float(np.sqrt(var[column, column]))
    along = var[:, column] / var[column, column]
    reach = min(z * error, _LONGEST_MOVE)
    others = np.delete(np.arange(model.size), column)
    ends = []
    for sign in (-1.0, 1.0):
        end, curvature = np.nan, best.curvature[np.ix_(others, others)]
        here = best.coef + sign * reach * along
        for _ in range(_MAX_MOVES):
            top = maximise(model, here, [column], curvature)
            if not top.settled:
                break
            curvature = top.curvature
            root = sign * np.sqrt(max(2.0 * (best.value - top.value), 1e-12))
            with np.errstate(divide="ignore", invalid="ignore"):
                move = (sign * z - root) * root / -model.at(top.coef)[1][column]
            move = float(np.clip(move, -reach, reach))
            here = top.coef + move * along
            if abs(move) < settled * error:
                end = float(here[column])
                break
        ends.append(end)
    return ends[0], ends[1]


def likelihood_ratio(model: Penalised, best: Maximum, columns: Sequence[int]) -> tuple[float, int]:
    """Penalised likelihood ratio chi-square that these coefficients are zero, and its df."""
    start = best.coef.copy()
    start[list(columns)] = 0.0
    constrained = maximise(model, start, columns)
    if not constrained.settled:
        return float("nan"), len(columns)
    return 2.0 * (best.value - constrained.value), len(columns)


def p_value(model: Penalised, best: Maximum, columns: Sequence[int]) -> float:
    """The p value of `likelihood_ratio`."""
    return upper_tail(*likelihood_ratio(model, best, columns))


def _climb(
    model: Penalised, beta: np.ndarray, step: np.ndarray, value: float
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray] | None:
    """A step, halved until the likelihood does not fall beyond rounding error; None if never."""
    allowance = 1e-11 * (1.0 + abs(value))
    for halvings in range(20):
        there = beta + 0.5**halvings * step
        found = _look(model, there)
        if found is not None and found[0] >= value - allowance:
            return *found, there
    return None


def _look(model: Penalised, beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray] | None:
    """The likelihood at a place; None where the information has vanished to the last digit."""
    try:
        with np.errstate(all="ignore"):
            found = model.at(beta)
    except np.linalg.LinAlgError:
        return None
    return found if np.isfinite(found[0]) else None


def _learn(curvature: np.ndarray, step: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The BFGS update of a curvature by one step and the fall of the gradient along it."""
    seen = float(step @ change)
    push = curvature @ step
    if seen <= 1e-8 * float(step @ push) or seen == 0.0:
        return curvature
    return curvature + np.outer(change, change) / seen - np.outer(push, push) / float(step @ push)
