"""Tests between groups of a cohort, by scipy and statsmodels: the certificate's second hand.

Fisher's test beyond 2 x 2 alone is this project's own (`crlm.exact`, equal to R's `fisher.test`),
for scipy samples its tables, another p at each call.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from crlm.exact import exact_test
from crlm.ledger import Design
from crlm.reconstruction.models import levels_of
from crlm.reconstruction.quantity import Quantity


def words(values: pd.Series) -> pd.Series:
    """Levels as text; an event is 0 or 1."""
    if pd.api.types.is_bool_dtype(values):
        return values.map({True: "1", False: "0"}).astype(object)
    return values.astype(str)


def association(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Signed z of the test of a table that the design names."""
    column, by = quantity.columns
    rows, columns = (_coded(frame, design, name) for name in (by, column))
    table = pd.crosstab(rows, columns)
    table = table.reindex(index=levels_of(design, by), columns=levels_of(design, column))
    counts = table.fillna(0).to_numpy(int)
    if quantity.kind == "trend":
        return _trend(counts)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return math.nan
    test = design.test_of(column.partition("=")[0])
    # One level of several, tested alone, has no order.
    p = _TABLE_TESTS.get(test, _TABLE_TESTS[design.table_one["categorical_test"]])(counts)
    if counts.shape != (2, 2):
        return float(stats.norm.isf(p / 2))
    gap = counts[0, 0] * counts[1, 1] - counts[0, 1] * counts[1, 0]
    return math.copysign(float(stats.norm.isf(p / 2)), gap)


def _coded(frame: pd.DataFrame, design: Design, column: str) -> pd.Series:
    """Levels of a column of a search, `column=level` as no and yes; missing where it is."""
    name, _, level = column.partition("=")
    told = words(frame[name])
    if level:
        told = told.isin(level.split("/")).map({False: "no", True: "yes"})
    return told.where(frame[name].notna())


def _fisher(counts: np.ndarray) -> float:
    two_by_two = counts.shape == (2, 2)
    return stats.fisher_exact(counts).pvalue if two_by_two else exact_test(counts)[0]


def _pearson(counts: np.ndarray) -> float:
    return stats.chi2_contingency(counts, correction=False).pvalue


def _yates(counts: np.ndarray) -> float:
    return stats.chi2_contingency(counts, correction=counts.shape == (2, 2)).pvalue


def _trend(counts: np.ndarray) -> float:
    """z of the trend over a table in the order of its levels; statsmodels counts them 0, 1, 2."""
    from statsmodels.stats.contingency_tables import Table

    if (counts.sum(axis=0) > 0).sum() < 2 or (counts.sum(axis=1) > 0).sum() < 2:
        return math.nan
    return float(Table(counts, shift_zeros=False).test_ordinal_association().zscore)


def _trend_p(counts: np.ndarray) -> float:
    return 2 * float(stats.norm.sf(abs(_trend(counts))))


_TABLE_TESTS = {
    "fisher": _fisher,
    "chi-square": _pearson,
    "chi-square-yates": _yates,
    "trend": _trend_p,
}


def _groups(quantity: Quantity, frame: pd.DataFrame, design: Design) -> list[pd.Series]:
    """Values of a number in each group of another column, those without any left out."""
    column, by = quantity.columns
    groups = _coded(frame, design, by)
    parts = [frame[groups == level][column].dropna() for level in levels_of(design, by)]
    return [part for part in parts if len(part)]


def ranks(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Signed z of Mann and Whitney: above 0, the second group has larger values.

    The search aims at the approximation without correction, whichever the design names.
    """
    first, second = _groups(quantity, frame, design)
    test = _mann_whitney(second, first, design.test_of(quantity.columns[0]))
    side = test.statistic - len(first) * len(second) / 2
    return math.copysign(float(stats.norm.isf(test.pvalue / 2)), side)


def _mann_whitney(one: pd.Series, other: pd.Series, test: str) -> Any:
    """scipy's result: corrected as SAS, or as R's wilcox.test, where the design says so."""
    tied = pd.concat([one, other]).duplicated().any()
    if test == "mann-whitney-r" and not tied and max(len(one), len(other)) < 50:
        return stats.mannwhitneyu(one, other, method="exact")
    rules = {"use_continuity": test != "mann-whitney", "method": "asymptotic"}
    return stats.mannwhitneyu(one, other, **rules)


def t_test(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Signed z of Welch's t, or of Student's: above 0, the second group has the larger mean."""
    first, second = _groups(quantity, frame, design)
    one_variance = design.table_one.get("t_test") == "student"
    test = stats.ttest_ind(second.astype(float), first.astype(float), equal_var=one_variance)
    return math.copysign(float(stats.norm.isf(test.pvalue / 2)), test.statistic)


def anova(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """z of the analysis of variance."""
    test = stats.f_oneway(*(part.astype(float) for part in _groups(quantity, frame, design)))
    return float(stats.norm.isf(test.pvalue / 2))


def kruskal(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """z of Kruskal and Wallis."""
    test = stats.kruskal(*_groups(quantity, frame, design))
    return float(stats.norm.isf(test.pvalue / 2))


def number_trend(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Signed z of a number over groups in their order: above 0, later groups have larger values.

    Jonckheere and Terpstra's is that of Kendall's S, with ties on both sides.
    """
    column, by = quantity.columns
    groups = _coded(frame, design, by)
    at = groups.map({level: float(k) for k, level in enumerate(levels_of(design, by))})
    known = frame[column].notna() & at.notna()
    place, values = at[known].to_numpy(float), frame.loc[known, column].to_numpy(float)
    test = design.test_of(column)
    if len(values) < 3 or not np.ptp(place) or not np.ptp(values):
        return math.nan
    if test == "jonckheere":
        found = stats.kendalltau(place, values, method="asymptotic")
    elif test == "spearman":
        found = stats.pearsonr(stats.rankdata(place), stats.rankdata(values))
    else:
        found = stats.pearsonr(place, values)
    return math.copysign(float(stats.norm.isf(found.pvalue / 2)), found.statistic)


def standardised(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Distance of two groups in standard deviations, of a category over its levels but one."""
    column, by = quantity.columns
    if not levels_of(design, column):
        parts = [part.astype(float) for part in _groups(quantity, frame, design)]
        if len(parts) != 2:
            return math.nan
        spread = math.sqrt(sum(part.var() for part in parts) / 2)
        return abs(parts[0].mean() - parts[1].mean()) / spread if spread else math.nan
    known = frame[frame[column].notna()]
    table = pd.crosstab(known[by], words(known[column]), normalize="index")
    if len(table) != 2:
        return math.nan
    shares = table.to_numpy()[:, 1:]
    gap = shares[0] - shares[1]
    spread = sum(np.diag(share) - np.outer(share, share) for share in shares) / 2
    return float(math.sqrt(max(gap @ np.linalg.pinv(spread) @ gap, 0.0)))


def ordered(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Signed z of a category's levels in their order: above 0, the last group has higher ones."""
    column, by = quantity.columns
    levels = levels_of(design, column)
    place = words(frame[column]).map({level: float(k) for k, level in enumerate(levels)})
    groups = _coded(frame, design, by)
    parts = [place[groups == level].dropna() for level in levels_of(design, by)]
    parts = [part for part in parts if len(part)]
    if len(parts) < 2 or pd.concat(parts).nunique() < 2:
        return math.nan
    side = parts[-1].mean() - parts[0].mean()
    test = design.test_of(column)
    if test == "cochran-armitage":
        at = np.repeat(np.arange(float(len(parts))), [len(part) for part in parts])
        r = stats.pearsonr(at, pd.concat(parts)).statistic
        p = float(stats.chi2.sf(len(at) * r**2, 1))
    elif test == "kruskal" or len(parts) > 2:
        p = float(stats.kruskal(*parts).pvalue)
    else:
        p = float(_mann_whitney(*parts, test).pvalue)
    return math.copysign(float(stats.norm.isf(p / 2)), side)
