"""Log-rank, proportional hazards and concordance, should the engine not be at hand.

What `fallback` is for the Cox model: slower, and equal to 8 digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc
from scipy.stats import rankdata

from crlm.regression import fallback

if TYPE_CHECKING:
    from crlm.regression.engine import FollowUp

_ROWS_AT_ONCE = 512
_NOTHING = 1e-10


def logrank(
    time: np.ndarray,
    event: np.ndarray,
    groups: np.ndarray,
    entry: np.ndarray | None = None,
    strata: np.ndarray | None = None,
) -> tuple[float, int]:
    """Log-rank chi-square with the hypergeometric variance, and its degrees of freedom."""
    k = int(groups.max(initial=-1)) + 1
    began = np.full(len(time), -math.inf) if entry is None else entry
    strata = np.zeros(len(time), dtype=int) if strata is None else strata
    gap, spread = np.zeros(k), np.zeros((k, k))
    for moment, stratum in {(t, s) for t, s, e in zip(time, strata, event, strict=True) if e}:
        here = (began < moment) & (time >= moment) & (strata == stratum)
        n = np.bincount(groups[here], minlength=k).astype(float)
        dying = here & (time == moment) & (event == 1)
        d, total = int(dying.sum()), n.sum()
        gap += np.bincount(groups[dying], minlength=k) - d * n / total
        if total > 1:
            share = d * (total - d) / (total - 1)
            spread += share * (np.diag(n) / total - np.outer(n, n) / total**2)
    used = np.flatnonzero(np.diag(spread) > 0)[1:]
    if not len(used):
        return math.nan, 0
    try:
        chi_square = gap[used] @ np.linalg.solve(spread[np.ix_(used, used)], gap[used])
    except np.linalg.LinAlgError:
        return math.nan, 0
    return float(chi_square), len(used)


def proportional_hazards(
    data: FollowUp, x: np.ndarray, ties: str, transform: str, terms: Sequence[Sequence[int]]
) -> list[tuple[float, float, float]]:
    """Score tests that coefficients drift along a function of time; as the engine's seam.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515.
    """
    told = {"entry": data.entry, "strata": data.strata}
    fit = fallback.cox(data.time, data.event, x, method=ties, eps=1e-13, **told)
    if np.isnan(fit.coefficients).any():
        return []
    model = fallback.likelihood(data.time, data.event, x, **told, weights=None, method=ties)
    risk = np.exp(model.x @ fit.coefficients - (model.x @ fit.coefficients).max())
    order = np.argsort(-data.time, kind="stable")
    clock = _clock(data, transform)[order]
    event = data.event[order] == 1
    # Every draw of a moment shares its time, so one clock reading a moment will do.
    reading = np.zeros(int(model.draws.tie.max()) + 1)
    reading[model.draws.own[event]] = clock[event] - clock[event].mean()
    g, width = reading[model.draws.tie], x.shape[1]
    pairs = np.array([model.x[:, i] * model.x[:, j] for i in range(width) for j in range(width)])
    sums = model.draws.sums(risk * np.vstack([np.ones(len(risk)), model.x.T, pairs]))
    mean = sums[:, 1 : width + 1] / sums[:, :1]
    second = (sums[:, width + 1 :] / sums[:, :1]).reshape(-1, width, width)
    spread = (second - mean[:, :, None] * mean[:, None, :]) * model.times[:, None, None]
    drift = reading[model.draws.own[event]] @ model.x[event] - (g * model.times) @ mean
    blocks = [(spread * (g**k)[:, None, None]).sum(axis=0) for k in range(3)]
    every = [*terms, sorted({j for term in terms for j in term})]
    try:
        return [_drifts(drift, blocks, list(columns)) for columns in every]
    except np.linalg.LinAlgError:
        return []


def concordance(data: FollowUp, score: np.ndarray) -> tuple[float, float]:
    """Harrell's concordance of a score with early events, and its infinitesimal-jackknife error."""
    n = data.n
    entry = np.full(n, -math.inf) if data.entry is None else data.entry
    strata = np.zeros(n, dtype=int) if data.strata is None else data.strata
    good, pairs = np.zeros(n), np.zeros(n)
    dying = np.flatnonzero(data.event == 1)
    for start in range(0, len(dying), _ROWS_AT_ONCE):
        i = dying[start : start + _ROWS_AT_ONCE]
        t = data.time[i, None]
        later = (data.time > t) | ((data.time == t) & (data.event == 0))
        later &= (entry < t) & (strata == strata[i, None])
        right = later * ((score[i, None] > score) + 0.5 * (score[i, None] == score))
        good[i] += right.sum(axis=1)
        pairs[i] += later.sum(axis=1)
        good += right.sum(axis=0)
        pairs += later.sum(axis=0)
    total = pairs.sum() / 2
    if not total:
        return math.nan, math.nan
    share = float(good.sum() / 2 / total)
    return share, float(np.sqrt((((good - share * pairs) / total) ** 2).sum()))


def _drifts(
    drift: np.ndarray, blocks: Sequence[np.ndarray], columns: list[int]
) -> tuple[float, float, float]:
    """The score test that some coefficients drift, the others staying what they are."""
    plain, cross, own = blocks
    mine = own[np.ix_(columns, columns)]
    left = mine - cross[columns] @ np.linalg.solve(plain, cross[:, columns])
    if not (np.diag(left) > _NOTHING * np.diag(mine)).all():
        raise np.linalg.LinAlgError("the drift is told by the coefficients themselves")
    chi_square = float(drift[columns] @ np.linalg.solve(left, drift[columns]))
    return chi_square, float(len(columns)), float(chdtrc(len(columns), max(chi_square, 0.0)))


def _clock(data: FollowUp, transform: str) -> np.ndarray:
    """The function of time along which coefficients may drift, for each patient's own time."""
    if transform == "identity":
        return data.time
    if transform == "log":
        with np.errstate(divide="ignore"):
            return np.log(data.time)
    if transform == "rank":
        return rankdata(data.time)
    entry = np.full(data.n, -math.inf) if data.entry is None else data.entry
    moments, code = np.unique(data.time[data.event == 1], return_inverse=True)
    dying = np.bincount(code)
    at_risk = np.array([((entry < t) & (data.time >= t)).sum() for t in moments])
    survival = np.concatenate([[1.0], np.cumprod(1 - dying / at_risk)])
    return 1 - survival[np.searchsorted(moments, data.time, side="left")]
