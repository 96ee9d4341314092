"""P values adjusted for several tests: Bonferroni's, Holm's, Benjamini and Hochberg's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Names of the adjustments, each with its author.
ADJUSTMENTS = {
    "bonferroni": "Bonferroni",
    "holm": "Holm",
    "benjamini-hochberg": "Benjamini and Hochberg",
}


def adjusted(values: Sequence[float], how: str) -> np.ndarray:
    """P values of one family of tests, adjusted; each rises or stays as any of them rises.

    Parameters
    ----------
    values : sequence of float
        From 0 to 1; NaN is no test, and stays.
    how : {"bonferroni", "holm", "benjamini-hochberg"}
        As R's `p.adjust` and statsmodels' `multipletests`.

    Returns
    -------
    ndarray, shape (n,)
        In their order, at most 1.

    References
    ----------
    Holm S. Scand J Stat 1979;6:65. Benjamini Y, Hochberg Y. J R Stat Soc B 1995;57:289.

    Examples
    --------
    >>> [adjusted([0.01, 0.04, 0.03], how).round(3).tolist() for how in ADJUSTMENTS]
    [[0.03, 0.12, 0.09], [0.03, 0.06, 0.06], [0.03, 0.04, 0.04]]
    """
    found = np.array(values, dtype=float)
    known = np.flatnonzero(~np.isnan(found))
    order = known[np.argsort(found[known], kind="stable")]
    p, n = found[order], len(order)
    if how == "bonferroni":
        made = p * n
    elif how == "holm":
        made = np.maximum.accumulate(p * np.arange(n, 0, -1))
    else:
        made = np.minimum.accumulate((p * n / np.arange(1, n + 1))[::-1])[::-1]
    found[order] = np.minimum(made, 1.0)
    return found
