"""The logistic likelihood on plain arrays, ordinary and with Firth's penalty.

References
----------
Heinze G, Schemper M. Stat Med 2002;21:2409 (separation and Firth's penalty).
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, xlogy

from crlm.regression.engine import Fit
from crlm.regression.firth import Penalised

_MAX_ITERATIONS = 50
_FLAT = 1e-14
#: A step of the linear predictor this long at the end means separation.
_RUNNING_AWAY = 1e-3
#: Two columns are collinear when less than this share of the variance is left.
_COLLINEAR = 1e-11


def with_intercept(x: np.ndarray) -> np.ndarray:
    """The columns of `x` behind a column of ones."""
    return np.column_stack([np.ones(len(x)), x])


def logistic_fit(outcome: np.ndarray, x: np.ndarray) -> Fit:
    """The maximum likelihood of a logistic model with an intercept (R: `glm(..., binomial)`).

    Parameters
    ----------
    outcome : ndarray of 0 and 1, shape (n,)
    x : ndarray, shape (n, p)
        Without the intercept and without missing values.

    Returns
    -------
    Fit
        Of the p columns; the score test is not computed.
    """
    spread = x.std(axis=0)
    spread[spread == 0] = 1.0
    full = with_intercept((x - x.mean(axis=0)) / spread)
    kept = _independent(full)
    beta, moving = _iterate(outcome, full[:, kept])
    places = np.flatnonzero(kept)
    coef, var = np.full(full.shape[1], np.nan), np.zeros((full.shape[1],) * 2)
    infinite = np.zeros(full.shape[1], dtype=bool)
    coef[places], infinite[places] = beta, moving
    if not moving.any():
        var[np.ix_(places, places)] = np.linalg.inv(_information(full[:, kept], beta))
    share = outcome.mean()
    null = len(outcome) * float(xlogy(share, share) + xlogy(1 - share, 1 - share))
    loglik = _loglik(outcome, full[:, kept] @ beta)
    coef, var = coef[1:] / spread, var[1:, 1:] / np.outer(spread, spread)
    return Fit(coef, var, null, loglik, np.nan, infinite[1:])


def logistic_likelihood(outcome: np.ndarray, x: np.ndarray) -> Penalised:
    """The logistic likelihood as it is; the first column of `x` is the intercept."""

    def at(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        eta = x @ beta
        return _loglik(outcome, eta), x.T @ (outcome - expit(eta)), _information(x, beta)

    return Penalised(at, x.shape[1])


def logistic_penalised(outcome: np.ndarray, x: np.ndarray) -> Penalised:
    """Firth's penalised logistic likelihood; the first column of `x` is the intercept."""

    def at(beta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        eta = x @ beta
        chance = expit(eta)
        information = _information(x, beta)
        spread = chance * (1 - chance)
        leverage = spread * (x * np.linalg.solve(information, x.T).T).sum(axis=1)
        gradient = x.T @ (outcome - chance + leverage * (0.5 - chance))
        penalty = 0.5 * float(np.linalg.slogdet(information)[1])
        return _loglik(outcome, eta) + penalty, gradient, information

    return Penalised(at, x.shape[1])


def _iterate(outcome: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Newton's method; also which columns run to infinity (separation)."""
    beta, step = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    loglik = _loglik(outcome, x @ beta)
    for _ in range(_MAX_ITERATIONS):
        try:
            step = np.linalg.solve(_information(x, beta), x.T @ (outcome - expit(x @ beta)))
        except np.linalg.LinAlgError:  # all chances are 0 or 1 to the last digit
            break
        beta = beta + step
        before, loglik = loglik, _loglik(outcome, x @ beta)
        if loglik - before < _FLAT * (1 + abs(loglik)):
            break
    return beta, np.abs(step) * np.abs(x).max(axis=0) > _RUNNING_AWAY


def _information(x: np.ndarray, beta: np.ndarray) -> np.ndarray:
    chance = expit(x @ beta)
    return (x * (chance * (1 - chance))[:, None]).T @ x


def _loglik(outcome: np.ndarray, eta: np.ndarray) -> float:
    return float(outcome @ eta - np.logaddexp(0.0, eta).sum())


def _independent(x: np.ndarray) -> np.ndarray:
    """Which columns are not linear combinations of earlier ones (the first is the intercept)."""
    kept: list[int] = []
    flags = np.zeros(x.shape[1], dtype=bool)
    for j in range(x.shape[1]):
        column = x[:, j] - (x[:, j].mean() if j else 0.0)
        left = column
        if kept:
            others = x[:, kept]
            left = column - others @ np.linalg.lstsq(others, column, rcond=None)[0]
        flags[j] = left @ left > _COLLINEAR * (x[:, j] @ x[:, j]) and bool(x[:, j].any())
        if flags[j]:
            kept.append(j)
    return flags
