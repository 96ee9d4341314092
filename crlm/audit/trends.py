"""p over a table of counts whose levels have an order: for trend, and by ranks."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc, ndtr

#: The two tests for trend that programs have: n - 1 times r squared, and n times.
TRENDS = {
    "mantel-haenszel": "the Mantel-Haenszel test for trend",
    "cochran-armitage": "the Cochran-Armitage test for trend",
}

#: Tests by ranks of the levels; of two groups Kruskal and Wallis's is Mann and Whitney's.
RANKS = {
    "rank": "the rank test of the levels",
    "rank-corrected": "the rank test of the levels with continuity correction",
}


def trend_p(table: tuple[tuple[int, ...], ...]) -> dict[str, float]:
    """p of both tests for trend, over equal steps of groups and levels.

    Parameters
    ----------
    table : tuple of tuples of int
        A row a group, a column a level.

    Returns
    -------
    dict of str to float
        Of the names in `TRENDS`; nothing where only one group or level holds patients.

    Examples
    --------
    >>> found = trend_p(((10, 20), (15, 15), (20, 10)))
    >>> {name: round(p, 4) for name, p in found.items()}
    {'mantel-haenszel': 0.0102, 'cochran-armitage': 0.0098}
    """
    counts = np.array(table, dtype=float)
    n, row, column = counts.sum(), counts.sum(axis=1), counts.sum(axis=0)
    if counts.min() < 0 or not n:
        return {}
    at, to = np.arange(len(row)) - 0.0, np.arange(len(column)) - 0.0
    at, to = at - (at @ row) / n, to - (to @ column) / n
    spread = (row @ at**2) * (column @ to**2)
    if not spread > 0:
        return {}
    square = (at @ counts @ to) ** 2 / spread
    values = ((n - 1) * square, n * square)
    return {name: float(chdtrc(1, value)) for name, value in zip(TRENDS, values, strict=True)}


def ranked_p(table: tuple[tuple[int, ...], ...]) -> dict[str, float]:
    """p of Kruskal and Wallis's test over the levels, tie-corrected; of two groups Mann-Whitney.

    Parameters
    ----------
    table : tuple of tuples of int
        A row a group, a column a level in its order.

    Returns
    -------
    dict of str to float
        Of the names in `RANKS`, the second of two groups alone (R's `wilcox.test`); nothing
        where only one group or level holds patients.

    Examples
    --------
    >>> found = ranked_p(((21, 34, 18, 9), (12, 25, 29, 22)))
    >>> {name: round(p, 6) for name, p in found.items()}
    {'rank': 0.000841, 'rank-corrected': 0.000846}
    """
    counts = np.array(table, dtype=float)
    if counts.min() < 0 or not counts.sum():
        return {}
    counts = counts[counts.sum(axis=1) > 0]
    n, size, level = counts.sum(), counts.sum(axis=1), counts.sum(axis=0)
    spread = n**3 - n - (level**3 - level).sum()
    if len(counts) < 2 or not spread > 0:
        return {}
    ranks = np.cumsum(level) - (level - 1) / 2
    gap = counts @ ranks - size * (n + 1) / 2
    square = 12 * (n - 1) * (gap**2 / size).sum() / spread
    found = {"rank": float(chdtrc(len(counts) - 1, square))}
    if len(counts) == 2:
        error = np.sqrt(size[0] * size[1] * spread / (12 * n * (n - 1)))
        found["rank-corrected"] = float(2 * ndtr(-max(abs(gap[0]) - 0.5, 0.0) / error))
    return found
