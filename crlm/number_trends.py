"""Whether a number rises or falls over groups in their order: p for trend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats


def number_trend(parts: Sequence[np.ndarray], test: str) -> tuple[float, str]:
    """p for trend of a number over groups that have an order, and how it was made.

    Parameters
    ----------
    parts : sequence of ndarray
        The values of each group in their order; an empty group keeps its place.
    test : {"jonckheere", "linear-trend", "spearman"}
        Jonckheere and Terpstra's, two-sided, by the normal approximation with the variance
        corrected for ties and without continuity correction (SPSS, SAS; R's `cor.test` by
        Kendall's tau); the slope of a linear regression on the groups' places 1, 2, 3 ... (R's
        `lm`); or Spearman's rank correlation with these places, by t (R's `cor.test` with
        `exact = FALSE`).

    Returns
    -------
    p : float
        NaN where fewer than two groups hold patients, or all values are the same.
    method : str

    References
    ----------
    Hollander M, Wolfe DA, Chicken E. Nonparametric Statistical Methods, 2014, section 6.2.

    Examples
    --------
    >>> parts = [np.array([1.0, 2, 3]), np.array([2.0, 4]), np.array([5.0])]
    >>> round(number_trend(parts, "jonckheere")[0], 4)
    0.0948
    """
    at = np.repeat(np.arange(1.0, len(parts) + 1), [len(part) for part in parts])
    values = np.concatenate(list(parts))
    told = _METHODS[test]
    if len(values) < 3 or np.ptp(at) == 0 or np.ptp(values) == 0:
        return np.nan, f"{told}: not possible, one group or one value only"
    if test == "jonckheere":
        return _jonckheere([part for part in parts if len(part)]), told
    found = stats.linregress(at, values) if test == "linear-trend" else stats.spearmanr(at, values)
    return float(found.pvalue), told


_METHODS = {
    "jonckheere": "Jonckheere-Terpstra test for trend, asymptotic, tie-corrected",
    "linear-trend": "linear regression on the groups in their order, test for trend",
    "spearman": "Spearman rank correlation with the groups in their order, test for trend",
}


def _jonckheere(parts: Sequence[np.ndarray]) -> float:
    """Two-sided p: pairs of a later and an earlier group of which the later has more."""
    greater = 0.0
    for k, later in enumerate(parts):
        for earlier in parts[:k]:
            gap = later[:, None] - earlier[None, :]
            greater += (gap > 0).sum() + 0.5 * (gap == 0).sum()
    sizes = np.array([len(part) for part in parts], dtype=float)
    ties = np.unique(np.concatenate(list(parts)), return_counts=True)[1].astype(float)
    n = sizes.sum()

    def squares(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) * (2 * counts + 5)).sum())

    def thirds(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) * (counts - 2)).sum())

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1)).sum())

    variance = (n * (n - 1) * (2 * n + 5) - squares(sizes) - squares(ties)) / 72
    variance += thirds(sizes) * thirds(ties) / (36 * n * (n - 1) * (n - 2))
    variance += pairs(sizes) * pairs(ties) / (8 * n * (n - 1))
    z = (greater - (n**2 - (sizes**2).sum()) / 4) / np.sqrt(variance)
    return float(2 * stats.norm.sf(abs(z)))
