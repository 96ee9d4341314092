"""What print is mute about, drawn anew for each cohort of an ensemble.

A search deals characteristics out independently of each other and of what becomes of the
patients, so where print says nothing its cohorts know nothing but chance, and agree with each
other where patients differ. Here each pair of characteristics that no claim is about wants a
correlation of its own: soft, no claim, and another one in each cohort. What a characteristic does
to an endpoint is drawn in `effects`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from crlm.ledger import Design
from crlm.reconstruction.annealing import Search
from crlm.reconstruction.columns import code_of
from crlm.reconstruction.models import indicators
from crlm.reconstruction.quantity import Quantity
from crlm.reconstruction.targets import Target

#: Standard deviation of a correlation between a paper's characteristics beyond chance, half the
#: width of the range aimed at, and how far a correlation may be drawn.
_SPREAD, _HALF, _MOST = 0.12, 0.01, 0.95
#: Kinds of quantities that say how columns go together, or count them in parts of each other.
_TOGETHER = ("association", "ranks", "t", "kruskal", "table", "trend", "correlation", "count")
_TOGETHER += ("summary",)

Pair = tuple[str, str]


def correlations(search: Search) -> dict[Pair, float]:
    """Pearson's correlation of the logarithms (of 1 + x) of each pair that no claim is about.

    A category of several levels is one column a level but its reference.

    Parameters
    ----------
    search : Search
        Whose cohort is read.

    Returns
    -------
    dict
        By the names of the two columns; pairs that have none, as one is the same in all
        patients, are left out.
    """
    found = {
        (a, b): _pearson(column_values(search, a), column_values(search, b))
        for a, b in _pairs(search)
    }
    return {pair: value for pair, value in found.items() if np.isfinite(value)}


def targets(told: Sequence[Mapping[Pair, float]], size: int, seed: int) -> list[Target]:
    """A correlation for each pair to aim at: around what rough cohorts have, and chance besides.

    The median of the rough cohorts + N(0, 0.12² + 1/n). 0.12 is about how far correlations of
    clinical characteristics lie from none; it was set before any cohort was compared.

    Parameters
    ----------
    told : sequence of mapping
        `correlations` of rough cohorts.
    size : int
        Patients.
    seed : int
        Another seed, other correlations.

    Examples
    --------
    >>> one, = targets([{("age", "cea"): 0.1}], 200, seed=1)
    >>> one.origin, round(one.high - one.low, 2)
    ('drawn', 0.02)
    """
    rng = np.random.default_rng([seed, len(told)])
    spread = float(np.hypot(_SPREAD, size**-0.5))
    found = []
    for pair in dict.fromkeys(itertools.chain(*told)):
        middle = float(np.median([one[pair] for one in told if pair in one]))
        aim = float(np.clip(rng.normal(middle, spread), -_MOST, _MOST))
        quantity = Quantity("correlation", columns=pair, part="r")
        name = (f"drawn: {' and '.join(pair)}",)
        found.append(Target(name, quantity, aim - _HALF, aim + _HALF, origin="drawn"))
    return found


def bundles(search: Search) -> list[list[str]]:
    """Columns that change hands together."""
    return [[search.columns.names[k] for k in held if k >= 0] for held in search.freedom.bundle]


def _pairs(search: Search) -> Iterator[Pair]:
    """Columns that change hands apart from each other, unless a claim is about both.

    Values are dealt out as Table 1 has them by its groups, so none is drawn with those.
    """
    design, known = search.design, _said_together(search)
    by = design.table_one["by"]
    groups = [[name] for name in search.wishes["groups"]["columns"] if name != by]
    names = [
        [name for name in held if is_drawn(search, name)] for held in (*bundles(search), *groups)
    ]
    for first, second in itertools.combinations(names, 2):
        if first not in groups:
            for a, b in itertools.product(first, second):
                if frozenset((a, b)) not in known:
                    yield from itertools.product(indicators(design, a), indicators(design, b))


def is_drawn(search: Search, name: str) -> bool:
    """Whether a column is a characteristic that has a logarithm of 1 + x."""
    values = search.state.x[search.columns.at(name)]
    return name in search.design.columns and not np.any(values <= -1)


def _said_together(search: Search) -> set[frozenset[str]]:
    """Pairs of columns that a claim, or a declared range, is about."""
    found: set[frozenset[str]] = set()
    for quantity in (t.quantity for t in search.targets if t.origin != "drawn"):
        if quantity.kind in _TOGETHER:
            named = [*quantity.columns, *(name for name, _ in quantity.where)]
            held = {source(search.design, name) for name in named}
            found |= {frozenset(pair) for pair in itertools.combinations(sorted(held), 2)}
    return found


def source(design: Design, name: str) -> str:
    """The column that a factor, a scaled number or a level is made from."""
    return design.source(name.partition("=")[0])


def column_values(search: Search, name: str) -> np.ndarray:
    """A column of the cohort, or whether a level holds."""
    source, _, level = name.partition("=")
    values = search.state.x[search.columns.at(source)]
    if not level:
        return values
    holds = (values == code_of(search.design, source, level)).astype(float)
    return np.where(np.isnan(values), np.nan, holds)


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    known = ~(np.isnan(x) | np.isnan(y))
    a, b = np.log1p(x[known]), np.log1p(y[known])
    if len(a) < 3 or not (a.std() > 0 and b.std() > 0):
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
