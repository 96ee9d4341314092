"""What compares groups in a category: tests of counts, differences of shares, and the smd."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import stats

from crlm.exact import exact_test

#: The method of a percentage that is not of the patients of known value alone.
OF_ALL = "percent of all, those of unknown value too"
#: Values of a group from which R's test of ranks is no longer exact.
_EXACT_BELOW = 50


def tests_of_counts(
    table: np.ndarray, levels: Sequence[str], test: str, conf_level: float = 0.95
) -> Iterator[dict[str, Any]]:
    """What compares groups in a category: p, and of two groups differences and the smd.

    Parameters
    ----------
    table : ndarray of int, shape (groups, levels)
    levels : sequence of str
    test : {"fisher", "chi-square", "chi-square-yates", "trend", "cochran-armitage", \
"mann-whitney", "mann-whitney-corrected", "mann-whitney-r", "kruskal"}
        Of a trend the scores are 0, 1, 2 ... of groups and of levels, and (n - 1) r^2 is
        chi-square with one degree of freedom: SPSS's linear-by-linear association, SAS's
        Mantel-Haenszel chi-square. Cochran and Armitage have n in place of n - 1 (R's
        `prop.trend.test`). The last four are by the ranks of the levels' places, tie-corrected;
        see `mann_whitney`.
    conf_level : float

    Yields
    ------
    dict
        `statistic`, `estimate`, `method`; `level`, `unit` and limits of a difference.

    References
    ----------
    Mantel N. J Am Stat Assoc 1963;58:690 (trend). Agresti A. Categorical Data Analysis, 2013,
    section 3.4.

    Examples
    --------
    >>> found = next(tests_of_counts(np.array([[10, 20], [15, 15], [20, 10]]), "ab", "trend"))
    >>> round(found["estimate"], 4), found["method"]
    (0.0102, 'Mantel-Haenszel test for trend, linear by linear, equal steps, df 1')
    """
    p, method = _association(table, test)
    yield {"statistic": "p", "estimate": p, "method": method}
    if len(table) == 2 and table.sum(axis=1).all():
        yield from _contrasts(table, levels, conf_level)


def _association(table: np.ndarray, test: str) -> tuple[float, str]:
    if test == "fisher":
        return exact_test(table)
    full = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(full.shape) < 2:
        return np.nan, "chi-square test: not possible, only one level holds patients"
    if test in ("trend", "cochran-armitage"):
        # An empty level keeps its score.
        return _trend(table[table.sum(axis=1) > 0], test)
    if test.startswith("mann-whitney") or test == "kruskal":
        return _by_ranks([np.repeat(np.arange(len(row)), row) for row in full], test)
    yates = test == "chi-square-yates" and full.shape == (2, 2)
    found = stats.chi2_contingency(full, correction=yates)
    correction = "Yates' continuity correction" if yates else "no continuity correction"
    return float(found.pvalue), f"Pearson's chi-square test, {correction}, df {found.dof}"


def _by_ranks(parts: Sequence[np.ndarray], test: str) -> tuple[float, str]:
    """p of the ranks of the levels' places; of more than two groups Kruskal and Wallis's."""
    if test == "kruskal" or len(parts) > 2:
        told = "Kruskal-Wallis test of the levels in their order, tie-corrected"
        return float(stats.kruskal(*parts).pvalue), told
    p, how = mann_whitney(*parts, test)
    return p, f"Mann-Whitney U test of the levels in their order, {how}"


def mann_whitney(first: np.ndarray, second: np.ndarray, test: str) -> tuple[float, str]:
    """p of Mann and Whitney's test of two samples, and how it was made.

    Parameters
    ----------
    first, second : ndarray
        Not all values the same.
    test : {"mann-whitney", "mann-whitney-corrected", "mann-whitney-r"}
        By the normal approximation, tie-corrected, without continuity correction (SPSS); with it
        (SAS); or as R's `wilcox.test` unasked: exact where both samples have fewer than 50
        values and no two are tied, else corrected.

    Examples
    --------
    >>> mann_whitney(np.array([1.0, 2, 3]), np.array([4.0, 5, 6]), "mann-whitney-r")
    (0.1, 'exact')
    """
    whole = np.concatenate([first, second])
    small = max(len(first), len(second)) < _EXACT_BELOW and len(np.unique(whole)) == len(whole)
    if test == "mann-whitney-r" and small:
        return float(stats.mannwhitneyu(first, second, method="exact").pvalue), "exact"
    corrected = test != "mann-whitney"
    found = stats.mannwhitneyu(first, second, use_continuity=corrected, method="asymptotic")
    how = "with" if corrected else "no"
    return float(found.pvalue), f"asymptotic, tie-corrected, {how} continuity correction"


def _trend(table: np.ndarray, test: str) -> tuple[float, str]:
    """p of Mantel and Haenszel's test, linear by linear, or of Cochran and Armitage's."""
    n, scores = table.sum(), [np.arange(size, dtype=float) for size in table.shape]
    at, to = (s - s @ table.sum(axis=1 - k) / n for k, s in enumerate(scores))
    spread = (table.sum(axis=1) @ at**2) * (table.sum(axis=0) @ to**2)
    square = (at @ table @ to) ** 2 / spread
    if test == "cochran-armitage":
        told = "Cochran-Armitage test for trend, equal steps, df 1"
        return float(stats.chi2.sf(n * square, 1)), told
    p = stats.chi2.sf((n - 1) * square, 1)
    return float(p), "Mantel-Haenszel test for trend, linear by linear, equal steps, df 1"


def _contrasts(table: np.ndarray, levels: Sequence[str], conf_level: float) -> Iterator[dict]:
    """Differences in percentage points of each level, and the smd."""
    size = table.sum(axis=1)
    share = table / size[:, None]
    gap = share[1] - share[0]
    half = stats.norm.ppf(0.5 + conf_level / 2) * np.sqrt(
        (share * (1 - share) / size[:, None]).sum(0)
    )
    for at, level in enumerate(levels):
        yield {
            "level": level,
            "statistic": "difference",
            "unit": "percentage points",
            "estimate": 100 * gap[at],
            "conf_low": 100 * (gap[at] - half[at]),
            "conf_high": 100 * (gap[at] + half[at]),
            "method": "difference of percentages, Wald CI",
        }
    method = "absolute, over all levels (Yang and Dalton 2012)"
    yield {"statistic": "smd", "estimate": _smd_levels(share), "method": method}


def _smd_levels(share: np.ndarray) -> float:
    """Standardised difference of a category: a Mahalanobis distance over its levels but one.

    Yang D, Dalton JE. SAS Global Forum 2012, paper 335. A level nobody has is left out.
    """
    share = share[:, share.sum(axis=0) > 0][:, 1:]
    gap = share[1] - share[0]
    one, two = (np.diag(row) - np.outer(row, row) for row in share)
    covariance = (one + two) / 2
    scaled = np.linalg.pinv(covariance) @ gap
    # A difference along which neither group varies has no standard to be measured by.
    if not np.allclose(covariance @ scaled, gap):
        return np.nan
    return float(np.sqrt(max(gap @ scaled, 0.0)))
