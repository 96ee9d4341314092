"""Fisher's exact test of a table of any shape, by the network of its columns.

Filling a table column by column, all that matters of the columns behind is what they have left
of each row (a node) and how improbable they were. Columns that leave the same, up to the order
of the rows, are one node; pasts of one node that are equally improbable are one past. A past
whose every completion is as improbable as the observed table, or none, is settled at once.

References
----------
Freeman GH, Halton JH. Biometrika 1951;38:141 (the test). Mehta CR, Patel NR. J Am Stat Assoc
1983;78:427 (the network).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, psi

#: Steps in the network up to which p is exact; of a larger one tables are sampled.
EXACT_LIMIT = 12_000_000
#: How many are sampled then, from a fixed seed.
SAMPLED_TABLES = 200_000

#: Tables are equally probable within this relative difference, as in R.
_EQUAL = 1e-7
#: Pasts are one within this difference of the logarithm.
_GRID = 1e-9
#: Steps that are taken together, so that they fit in memory.
_TOGETHER = 2_000_000
_NODES_TOGETHER = 32
#: Codes of nodes are whole numbers below this.
_LARGEST_CODE = 2**62


@dataclass(frozen=True)
class Step:
    """All ways to fill one column, from the nodes before it to those behind it.

    Attributes
    ----------
    first, count : ndarray of int, shape (nodes before,)
        Where the ways of a node begin, and how many there are.
    nodes : ndarray of int, shape (nodes behind, rows)
    target : ndarray of int, shape (ways,)
        The node behind that a way leads to.
    cost, after : ndarray of float, shape (ways,)
        Sum of the log factorials of its cells, the larger the less probable; and of
        what it leaves of the rows, as if that were one more column.
    chance : ndarray of float, shape (ways,)
        Its probability, given the node.
    """

    first: np.ndarray
    count: np.ndarray
    nodes: np.ndarray
    target: np.ndarray
    cost: np.ndarray
    after: np.ndarray
    chance: np.ndarray


@dataclass(frozen=True)
class Pasts:
    """Columns that are filled: the node they lead to, their cost and their probability."""

    node: np.ndarray
    cost: np.ndarray
    chance: np.ndarray

    def __getitem__(self, chosen: np.ndarray | slice) -> Pasts:
        return Pasts(self.node[chosen], self.cost[chosen], self.chance[chosen])


def exact_test(table: np.ndarray) -> tuple[float, str]:
    """Fisher's exact test for any r x c table (Freeman-Halton beyond 2 x 2), two-sided.

    p is the probability, margins fixed, of every table that is no more probable than the
    one observed (relative tolerance 1e-7, as R). It is exact as long as the network has no
    more than `EXACT_LIMIT` steps; beyond, tables are sampled from a fixed seed, and the
    method says so.

    Parameters
    ----------
    table : numpy.ndarray of int, shape (r, c)

    Returns
    -------
    (p, method) : tuple of float and str
        p is missing when fewer than two rows or columns hold anybody.
    """
    table = np.asarray(table, dtype=np.int64)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return np.nan, "Fisher's exact test: not possible, only one level holds patients"
    name = "Fisher's exact test" if table.shape == (2, 2) else "Fisher-Freeman-Halton exact test"
    table = table if table.shape[0] <= table.shape[1] else table.T
    observed = float(gammaln(table + 1.0).sum()) - _EQUAL
    # The largest columns come last, where they cost least.
    rows, columns = np.sort(table.sum(axis=1)), np.sort(table.sum(axis=0))
    p = _exact_p(rows, columns, observed)
    if p is not None:
        return p, f"{name}, two-sided"
    p = _sampled_p(rows, columns, observed)
    return p, f"{name}, two-sided, Monte Carlo with {SAMPLED_TABLES:,} tables"


def _exact_p(rows: np.ndarray, columns: np.ndarray, observed: float) -> float | None:
    """Probability of all tables that cost as much as the observed one; None if too many."""
    one = np.ones(1)
    nodes, pasts = rows[None, :], Pasts(np.zeros(1, dtype=np.int64), 0 * one, one)
    p, work = 0.0, 0
    for at, column in enumerate(columns[:-1]):
        settled, pasts = _settle(pasts, *_bounds(nodes, columns[at:]), observed)
        p += settled
        used, here = np.unique(pasts.node, return_inverse=True)
        nodes, pasts = nodes[used], Pasts(here, pasts.cost, pasts.chance)
        if at == len(columns) - 2:
            rest = _finished(pasts, nodes, int(column), observed, EXACT_LIMIT - work)
            return None if rest is None else min(1.0, p + rest)
        step = _step(nodes, int(column), EXACT_LIMIT - work)
        if step is None:
            return None
        work += len(step.cost)
        work += int(step.count[pasts.node].sum())
        if work > EXACT_LIMIT:
            return None
        nodes, pasts = step.nodes, _onward(pasts, step)
    return p


def _bounds(nodes: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the cells of these columns cost at least and at most, for each node.

    At least: log x! is convex, so it lies above its tangent at the expected counts, whose
    slopes are all but sums of a row's and a column's part, and those the margins fix. At
    most: all of a row, or all of a column, in one cell.
    """
    left = nodes[:, :, None].astype(float)
    expected = left * columns / columns.sum()
    slope = psi(expected + 1.0)
    rest = slope - slope.mean(axis=1, keepdims=True) - slope.mean(axis=2, keepdims=True)
    rest += slope.mean(axis=(1, 2), keepdims=True)
    by_row = (left[:, :, 0] * rest.min(axis=2)).sum(axis=1)
    by_column = (columns * rest.min(axis=1)).sum(axis=1)
    at_tangent = (gammaln(expected + 1.0) - rest * expected).sum(axis=(1, 2))
    most = np.minimum(gammaln(nodes + 1.0).sum(axis=1), gammaln(columns + 1.0).sum())
    return at_tangent + np.maximum(by_row, by_column), most


def _step(nodes: np.ndarray, column: int, limit: int) -> Step | None:
    """All ways to fill a column; None if there are more than the limit."""
    found = _ways(nodes, column, limit)
    if found is None:
        return None
    source, ways = found
    left = nodes[source] - ways
    cost = gammaln(ways + 1.0).sum(axis=1)
    after = gammaln(left + 1.0).sum(axis=1)
    count = np.bincount(source, minlength=len(nodes))
    first = np.cumsum(count) - count
    # A node's ways are all there is: their sum is exact where its closed form is rounded.
    lightest = np.minimum.reduceat(cost + after, first) if len(first) else np.zeros(0)
    chance = np.exp(lightest[source] - (cost + after))
    chance /= np.bincount(source, chance, len(nodes))[source]
    behind, target = _distinct(np.sort(left, axis=1))
    return Step(
        first=first,
        count=count,
        nodes=behind,
        target=target,
        cost=cost,
        after=after,
        chance=chance,
    )


def _ways(nodes: np.ndarray, total: int, limit: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Every way to share a column among what is left of the rows, node after node."""
    source, need = np.arange(len(nodes)), np.full(len(nodes), total)
    behind = nodes.sum(axis=1)
    ways = np.zeros((len(nodes), 0), dtype=np.int64)
    for row in nodes.T:
        behind = behind - row
        low = np.maximum(need - behind[source], 0)
        count = np.minimum(need, row[source]) - low + 1
        if count.sum() > limit:
            return None
        at, place = _expanded(count)
        share = low[at] + place
        source, need = source[at], need[at] - share
        ways = np.column_stack([ways[at], share])
    return source, ways


def _expanded(count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """0 0 1 1 1 and 0 1 0 1 2 for counts 2 and 3."""
    at = np.repeat(np.arange(len(count)), count)
    return at, np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)


def _distinct(left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of an array, and which of them each row is."""
    base, width = int(left.max(initial=0)) + 1, left.shape[1]
    if base ** (width - 1) >= _LARGEST_CODE:
        return np.unique(left, axis=0, return_inverse=True)
    # The sum is the same in all rows, so one of them needs no digit.
    code = left[:, 1:] @ base ** np.arange(width - 1)
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    return left[first], which


def _settle(
    pasts: Pasts, least: np.ndarray, most: np.ndarray, observed: float
) -> tuple[float, Pasts]:
    """What all completions of some pasts add to p, and the pasts that are still open."""
    every = pasts.cost + least[pasts.node] >= observed
    some = pasts.cost + most[pasts.node] >= observed
    return float(pasts.chance[every].sum()), pasts[some & ~every]


def _onward(pasts: Pasts, step: Step) -> Pasts:
    """The pasts one column on, equal ones merged."""
    parts = [_merged(_grown(part, step)) for part in _parts(pasts, step)]
    if len(parts) < 2:
        return parts[0] if parts else pasts
    fields = ([getattr(part, name) for part in parts] for name in ("node", "cost", "chance"))
    return _merged(Pasts(*map(np.concatenate, fields)))


def _parts(pasts: Pasts, step: Step) -> Iterator[Pasts]:
    """The pasts in parts of not too many ways on."""
    ends = np.cumsum(step.count[pasts.node])
    cuts = np.searchsorted(ends, np.arange(_TOGETHER, ends[-1], _TOGETHER)) if len(ends) else []
    edges = [0, *np.unique(cuts).tolist(), len(ends)]
    for start, stop in zip(edges, edges[1:], strict=False):
        if stop > start:
            yield pasts[start:stop]


def _grown(pasts: Pasts, step: Step) -> Pasts:
    at, place = _expanded(step.count[pasts.node])
    way = step.first[pasts.node][at] + place
    return Pasts(
        step.target[way], pasts.cost[at] + step.cost[way], pasts.chance[at] * step.chance[way]
    )


def _merged(pasts: Pasts) -> Pasts:
    """Pasts of one node and one cost as one."""
    place = np.round(pasts.cost / _GRID).astype(np.int64)
    # One key sorts faster than two; costs are thousands at most, so it has room for both.
    key = pasts.node * (int(place.max(initial=0)) + 1) + place
    order = np.argsort(key)
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    if not len(first):
        return pasts
    kept = order[first]
    return Pasts(pasts.node[kept], pasts.cost[kept], np.add.reduceat(pasts.chance[order], first))


def _finished(
    pasts: Pasts, nodes: np.ndarray, column: int, observed: float, limit: int
) -> float | None:
    """The probability of the completions by the last two columns that cost enough."""
    pasts = pasts[np.argsort(pasts.node, kind="stable")]
    ends = np.cumsum(np.bincount(pasts.node, minlength=len(nodes)))
    p = 0.0
    for start in range(0, len(nodes), _NODES_TOGETHER):
        step = _step(nodes[start : start + _NODES_TOGETHER], column, limit)
        if step is None:
            return None
        limit -= len(step.cost)
        cost = step.cost + step.after
        for at, (first, count) in enumerate(zip(step.first, step.count, strict=True), start):
            here = pasts[ends[at - 1] if at else 0 : ends[at]]
            by_cost = first + np.argsort(cost[first : first + count])
            tail = np.cumsum(step.chance[by_cost[::-1]])
            tail = np.append(tail[::-1] / tail[-1], 0.0)
            enough = np.searchsorted(cost[by_cost], observed - here.cost)
            p += float(here.chance @ tail[enough])
    return p


def _sampled_p(rows: np.ndarray, columns: np.ndarray, observed: float) -> float:
    """The share of random tables, drawn cell by cell, that cost enough."""
    chance = np.random.default_rng(20240822)
    left = np.tile(rows, (SAMPLED_TABLES, 1))
    cost = np.zeros(SAMPLED_TABLES)
    for wanted in columns[:-1]:
        need = np.full(SAMPLED_TABLES, wanted)
        beyond = left.sum(axis=1)
        for at in range(left.shape[1]):
            beyond = beyond - left[:, at]
            drawn = chance.hypergeometric(left[:, at], beyond, need)
            cost += gammaln(drawn + 1.0)
            need, left[:, at] = need - drawn, left[:, at] - drawn
    cost += gammaln(left + 1.0).sum(axis=1)
    return float((1 + np.count_nonzero(cost >= observed)) / (1 + SAMPLED_TABLES))
