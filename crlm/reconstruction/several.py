# A compiled loop is one function: calls inside it would cost more than they explain.
# ruff: noqa: C901
"""Tests of more than two groups, and of means, compiled; p becomes the z that has it two-sided.

Chi-square (Pearson), trend (linear by linear), Kruskal and Wallis with ties, Welch's t, log-rank of
several groups. Who has no value of either column does not count.
"""

from __future__ import annotations

import math

import numpy as np

from crlm.reconstruction.compiling import compiled
from crlm.reconstruction.fits import invert
from crlm.reconstruction.kernels import normal_isf

#: Levels of a column, at most.
MOST_LEVELS = 16


@compiled
def chi_square_tail(value: float, df: int) -> float:
    """Upper tail of the chi-square distribution with whole degrees of freedom."""
    half = 0.5 * max(value, 0.0)
    if df % 2 == 0:
        term, total = math.exp(-half), math.exp(-half)
        for k in range(1, df // 2):
            term *= half / k
            total += term
        return total
    total = math.erfc(math.sqrt(half))
    term = math.exp(-half) * math.sqrt(half) / (0.5 * math.sqrt(math.pi))
    for k in range(1, (df - 1) // 2 + 1):
        total += term
        term *= half / (k + 0.5)
    return total


@compiled
def table(inside, x, y, out):
    """z of Pearson's chi-square of a table of any size: out[0]."""
    counts = np.zeros((MOST_LEVELS, MOST_LEVELS))
    for i in range(len(inside)):
        if inside[i] and not math.isnan(x[i]) and not math.isnan(y[i]):
            counts[int(x[i]), int(y[i])] += 1.0
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    n, value = rows.sum(), 0.0
    for a in range(MOST_LEVELS):
        for b in range(MOST_LEVELS):
            wanted = rows[a] * columns[b] / n if n > 0.0 else 0.0
            if wanted > 0.0:
                value += (counts[a, b] - wanted) ** 2 / wanted
    df = (np.sum(rows > 0.0) - 1) * (np.sum(columns > 0.0) - 1)
    out[0] = normal_isf(0.5 * chi_square_tail(value, df)) if df > 0 else math.nan


@compiled
def kruskal(inside, x, y, out):
    """z of Kruskal and Wallis, tie-corrected: out[0]."""
    out[0] = math.nan
    n = 0
    values, groups = np.empty(len(x)), np.empty(len(x), np.int64)
    for i in range(len(x)):
        if inside[i] and not math.isnan(x[i]) and not math.isnan(y[i]):
            values[n], groups[n] = x[i], int(y[i])
            n += 1
    order = np.argsort(values[:n])
    sums, sizes = np.zeros(MOST_LEVELS), np.zeros(MOST_LEVELS)
    ties, at = 0.0, 0
    while at < n:
        end = at
        while end + 1 < n and values[order[end + 1]] == values[order[at]]:
            end += 1
        size = end - at + 1
        ties += size**3 - size
        for k in range(at, end + 1):
            sums[groups[order[k]]] += 0.5 * (at + end) + 1.0
            sizes[groups[order[k]]] += 1.0
        at = end + 1
    df = np.sum(sizes > 0.0) - 1
    if df < 1 or ties >= n**3 - n:
        return
    value = 0.0
    for g in range(MOST_LEVELS):
        if sizes[g] > 0.0:
            value += sums[g] ** 2 / sizes[g]
    value = (12.0 / (n * (n + 1.0)) * value - 3.0 * (n + 1.0)) / (1.0 - ties / (n**3 - n))
    out[0] = normal_isf(0.5 * chi_square_tail(value, df))


@compiled
def trend(inside, x, y, out):
    """Signed z of a trend over two columns' codes, r times the root of n - 1: out[0]."""
    n, sx, sy, sxx, syy, sxy = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(x)):
        if inside[i] and not math.isnan(x[i]) and not math.isnan(y[i]):
            n += 1
            sx += x[i]
            sy += y[i]
            sxx += x[i] * x[i]
            syy += y[i] * y[i]
            sxy += x[i] * y[i]
    spread = (n * sxx - sx * sx) * (n * syy - sy * sy)
    out[0] = (n * sxy - sx * sy) * math.sqrt((n - 1.0) / spread) if spread > 0.0 else math.nan


@compiled
def t_test(inside, x, y, student, out):
    """Signed z of Welch's t or Student's, as in Table 1; above 0: x larger with y = 1."""
    n, total, square = np.zeros(2), np.zeros(2), np.zeros(2)
    for i in range(len(x)):
        if inside[i] and not math.isnan(x[i]) and not math.isnan(y[i]):
            g = int(y[i])
            n[g] += 1.0
            total[g] += x[i]
            square[g] += x[i] * x[i]
    out[0] = math.nan
    if n[0] < 2.0 or n[1] < 2.0:
        return
    mean = total / n
    spread = (square - n * mean * mean) / (n - 1.0) / n
    whole = spread.sum()
    if student:
        df = n[0] + n[1] - 2.0
        pooled = (spread * n * (n - 1.0)).sum() / df
        whole = pooled * (1.0 / n[0] + 1.0 / n[1])
    if student and whole > 0.0:
        out[0] = _z_of_t((mean[1] - mean[0]) / math.sqrt(whole), df)
    elif whole > 0.0:
        df = whole * whole / (spread * spread / (n - 1.0)).sum()
        out[0] = _z_of_t((mean[1] - mean[0]) / math.sqrt(whole), df)


@compiled
def _z_of_t(t, df):
    """The normal deviate with the tail of t (Hill 1970, Communications of the ACM 13:617)."""
    shifted = df - 0.5
    large = 48.0 * shifted * shifted
    y = shifted * math.log1p(t * t / df)
    rest = (((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + large)
    return math.copysign(((rest + y + 3.0) / large + 1.0) * math.sqrt(y), t)


@compiled
def logranks(time, event, order, inside, x, out):
    """z of the log-rank test of several groups: out[0]."""
    at_risk, excess = np.zeros(MOST_LEVELS), np.zeros(MOST_LEVELS)
    died, spread = np.zeros(MOST_LEVELS), np.zeros((MOST_LEVELS, MOST_LEVELS))
    d, most = 0.0, 0
    for at in range(len(order) - 1, -1, -1):
        i = order[at]
        if inside[i] and not math.isnan(x[i]):
            g = int(x[i])
            most = max(most, g + 1)
            at_risk[g] += 1.0
            if event[i] == 1:
                died[g] += 1.0
                d += 1.0
        if d > 0.0 and (at == 0 or time[order[at - 1]] != time[i]):
            n = at_risk.sum()
            factor = d * (n - d) / max(n - 1.0, 1.0)
            for g in range(most):
                share = at_risk[g] / n
                excess[g] += died[g] - d * share
                for h in range(most):
                    spread[g, h] += factor * share * ((g == h) - at_risk[h] / n)
            died[:] = 0.0
            d = 0.0
    out[0] = _quadratic(excess, spread, at_risk, most)


@compiled
def _quadratic(excess, spread, sizes, most):
    """z of excess' spread^-1 excess over the groups that hold anybody, less the last of them."""
    kept, p = np.zeros(MOST_LEVELS, np.int64), 0
    for g in range(most):
        if sizes[g] > 0.0:
            kept[p] = g
            p += 1
    p -= 1
    if p < 1:
        return math.nan
    part, inverse = np.zeros((p, p)), np.zeros((p, p))
    for a in range(p):
        for b in range(p):
            part[a, b] = spread[kept[a], kept[b]]
    if not invert(part, p, inverse):
        return math.nan
    value = 0.0
    for a in range(p):
        for b in range(p):
            value += excess[kept[a]] * inverse[a, b] * excess[kept[b]]
    return normal_isf(0.5 * chi_square_tail(value, p))
