"""p for trend over a table of counts whose groups and levels have an order."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

#: The two tests for trend that programs have: n - 1 times r squared, and n times.
TRENDS = {
    "mantel-haenszel": "the Mantel-Haenszel test for trend",
    "cochran-armitage": "the Cochran-Armitage test for trend",
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
