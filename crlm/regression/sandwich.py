"""The robust covariance of a weighted Cox model, should the engine not be at hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crlm.regression import fallback


def robust(
    time: np.ndarray,
    status: np.ndarray,
    x: np.ndarray,
    *,
    entry: np.ndarray | None = None,
    weights: np.ndarray,
    method: str = "efron",
    cluster: np.ndarray,
    iter_max: int = 50,
    eps: float = 1e-12,
) -> fallback.Raw:
    """As `fallback.cox`, with the sandwich of clusters for the covariance.

    R: `coxph(Surv(entry, time, status) ~ x, weights, cluster)`, 8 digits.

    References
    ----------
    Lin DY, Wei LJ. J Am Stat Assoc 1989;84:1074. Therneau TM, Grambsch PM. Modeling Survival
    Data, 2000, 7.3.
    """
    told = {"entry": entry, "weights": weights, "method": method}
    fit = fallback.cox(time, status, x, iter_max=iter_max, eps=eps, **told)
    moved = _scores(time, status, x, np.nan_to_num(fit.coefficients), **told) @ fit.var
    whose = np.unique(cluster, return_inverse=True)[1]
    together = np.zeros((int(whose.max(initial=-1)) + 1, x.shape[1]))
    np.add.at(together, whose, moved)
    return replace(fit, var=together.T @ together)


def _scores(
    time: np.ndarray,
    status: np.ndarray,
    x: np.ndarray,
    beta: np.ndarray,
    *,
    entry: np.ndarray | None,
    weights: np.ndarray,
    method: str,
) -> np.ndarray:
    """What each row adds to the weighted score (n, p); under Efron a death is partly removed."""
    model = fallback.likelihood(time, status, x, entry, None, weights, method)
    order = np.argsort(-time, kind="stable")
    x, draws = model.x, model.draws
    eta = x @ beta
    risk = model.weights * np.exp(eta - eta.max(initial=0.0))
    sums = draws.sums(risk * np.vstack([np.ones(len(x)), x.T]))
    mean = sums[:, 1:] / sums[:, :1]
    jump = (model.times / sums[:, 0])[:, None] * np.column_stack([np.ones(len(mean)), mean])
    count = np.bincount(draws.tie)
    first = np.cumsum(count) - count
    share = (np.arange(len(draws.tie)) - first[draws.tie]) / count[draws.tie]
    whole, spared = _by_moment(jump, draws.tie), _by_moment(jump * share[:, None], draws.tie)
    gone = np.vstack([np.zeros(whole.shape[1]), np.cumsum(whole, axis=0)])
    moments = np.unique(time[status == 1])
    lived = gone[np.searchsorted(moments, time[order], side="right")]
    if entry is not None:
        lived = lived - gone[np.searchsorted(moments, entry[order], side="right")]
    dead = status[order] == 1
    at = draws.own[dead]
    lived[dead] -= spared[at]
    scores = -risk[:, None] * (x * lived[:, :1] - lived[:, 1:])
    middle = _by_moment(mean, draws.tie) / count[:, None]
    scores[dead] += model.weights[dead, None] * (x[dead] - middle[at])
    back = np.empty_like(scores)
    back[order] = scores
    return back


def _by_moment(values: np.ndarray, tie: np.ndarray) -> np.ndarray:
    """Sums of the draws' values (draws, m) within each moment."""
    total = np.zeros((int(tie.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(total, tie, values)
    return total
