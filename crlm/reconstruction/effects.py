"""Effects that each cohort of an ensemble draws: what a characteristic does to an endpoint.

Where no claim speaks of it the effect lies about none. Where print has no ratio of the
characteristic alone but its ratio in a model, or the curves of its levels, it lies about what
these tell: a search that is left to itself stops where a printed p begins to hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm, truncnorm

from crlm.reconstruction import between
from crlm.reconstruction.annealing import Search
from crlm.reconstruction.between import Curve
from crlm.reconstruction.clocks import clocks_of
from crlm.reconstruction.drawn import bundles, column_values, is_drawn, source
from crlm.reconstruction.models import indicators, levels_of, searched_models
from crlm.reconstruction.quantity import Quantity
from crlm.reconstruction.targets import Target

#: Standard deviation of a characteristic's logarithm of the hazard ratio for one standard deviation
#: of it, and half the width of the range of z aimed at. A yes or no of half the patients has ratios
#: of 0.30 to 3.4 in 95 of 100 cases. This and the next two are measured by `benchmarks/priors.py`.
_EFFECT, _HALF_Z = 0.31, 0.1
#: Standard deviation of the logarithm of a ratio about the adjusted one of the same characteristic,
#: a yes or no or two standard deviations of a number, and about the ratio of cumulative hazards at
#: printed points; chance comes to both.
_ADJUSTED, _BENT = 0.31, 0.15
#: Standard normal quantile of a 95 % interval.
_LIMIT = float(norm.isf(0.025))


@dataclass(frozen=True)
class _Told:
    """What print tells of a logarithm of a ratio: a middle and its variance."""

    middle: float
    variance: float


def effects(search: Search, seed: int) -> list[Target]:
    """An effect to aim at for each characteristic whose ratio of its own no claim tells.

    Where no claim speaks of its part in an endpoint: the logarithm of the hazard ratio for one
    standard deviation of the characteristic is N(0, 0.31² + 1/d) with d events, so its Wald z is
    N(0, 1 + 0.096 d). Where print has its adjusted ratio, or rates or medians of its levels: the
    logarithm of its ratio lies about these, with a standard deviation of 0.31 about the adjusted
    one (of a number for two standard deviations of it), 0.15 about the other and what chance
    adds; weighted by precision where print has both. All within what printed p
    values and screened models say of it. Of an endpoint that no claim is about nothing is drawn,
    and columns that change hands together share the effect of the first.

    Parameters
    ----------
    search : Search
        A rough cohort, whose events count.
    seed : int
        Another seed, other effects.

    Returns
    -------
    list of Target
        One an indicator and endpoint; a category of several levels has one a level but its
        reference.
    """
    return [*_about_none(search, seed), *_about_print(search, seed)]


def on_their_side(wanted: Sequence[Target], aimed: Sequence[Target]) -> list[Target]:
    """Targets whose side is open, on the side of an effect that was drawn for the same test.

    A screen that a covariate passed is met on either side: a search that begins on the wrong one
    stops where it is met.
    """
    side = {t.quantity: t.low + t.high > 0 for t in aimed}
    found = []
    for target in wanted:
        if target.absolute and target.low > 0 and target.quantity in side:
            low, high = target.low, target.high
            ends = (low, high) if side[target.quantity] else (-high, -low)
            target = replace(target, low=ends[0], high=ends[1], absolute=False)
        found.append(target)
    return found


def _about_none(search: Search, seed: int) -> Iterator[Target]:
    rng = np.random.default_rng([seed, 1])
    for endpoint, name in _mute(search):
        clock = clocks_of(search.design).index(endpoint)
        spread = float(np.hypot(1.0, _EFFECT * np.sqrt((search.state.event[clock] == 1).sum())))
        most = _outside(search, endpoint, name)
        for column in indicators(search.design, name):
            aim = rng.normal(0.0, spread)
            while abs(aim) >= most:
                aim = rng.normal(0.0, spread)
            yield _aimed(endpoint, column, aim)


def _about_print(search: Search, seed: int) -> Iterator[Target]:
    rng = np.random.default_rng([seed, 2])
    for endpoint, column in _told_otherwise(search):
        own = _variance_of_its_own(search, endpoint, column)
        told = [
            _adjusted(search, endpoint, column, own),
            _from_curves(search, endpoint, column, own),
        ]
        known = [one for one in told if one]
        if known and own > 0:
            weight = np.array([1 / one.variance for one in known])
            middle = float(weight @ [one.middle for one in known] / weight.sum() / np.sqrt(own))
            spread = float(1 / np.sqrt(weight.sum() * own))
            low, high = (_range(search, endpoint, column, middle) - middle) / spread
            if low < high:
                aim = truncnorm.rvs(low, high, middle, spread, random_state=rng)
                yield _aimed(endpoint, column, float(aim))


def _aimed(endpoint: str, column: str, aim: float) -> Target:
    quantity = Quantity("cox", endpoint, (), (column,), "z", column)
    told = (f"drawn: {column} in {endpoint}",)
    return Target(told, quantity, aim - _HALF_Z, aim + _HALF_Z, origin="drawn")


def _mute(search: Search) -> Iterator[tuple[str, str]]:
    """Endpoints that claims are about, with the columns of which none of these claims speaks."""
    said: dict[str, set[str]] = {}
    for quantity in (t.quantity for t in search.targets if t.origin == "claim"):
        if quantity.endpoint in search.design.endpoints:
            named = (*quantity.columns, quantity.covariate, quantity.strata)
            places = [*named, *(name for name, _ in quantity.where)]
            apart = {part for name in places for part in name.replace("&", "|").split("|")}
            held = said.setdefault(quantity.endpoint, set())
            held |= {source(search.design, name) for name in apart}
    for endpoint, told in said.items():
        for bundle in bundles(search):
            names = [name for name in bundle if is_drawn(search, name)]
            if names and not told & set(bundle):
                yield endpoint, names[0]


def _outside(search: Search, endpoint: str, name: str) -> float:
    """How far z may lie from none where a screen kept a column's covariates out of a model."""
    ranges = [
        target.high
        for target in search.targets
        if target.origin == "implied"
        and target.absolute
        and target.low == 0
        and target.quantity.endpoint == endpoint
        and {source(search.design, column) for column in target.quantity.columns} == {name}
    ]
    return min(ranges, default=np.inf)


def _told_otherwise(search: Search) -> Iterator[tuple[str, str]]:
    """Endpoints and indicators of which print has no ratio alone, and no p to the digit."""
    known = {
        (t.quantity.endpoint, t.quantity.columns[0])
        for t in _alone(search)
        if t.origin == "claim" and (t.quantity.part != "z" or np.isfinite([t.low, t.high]).all())
    }
    names = {}
    for model in searched_models(search.design):
        names |= {(model.endpoint, name): None for name in model.covariates() if not model.where}
    for quantity in (t.quantity for t in search.targets if t.quantity.kind == "km"):
        if len(quantity.where) == 1:
            names[quantity.endpoint, quantity.where[0][0]] = None
    for endpoint, name in names:
        if endpoint in clocks_of(search.design):
            for column in indicators(search.design, name):
                if (endpoint, column) not in known:
                    yield endpoint, column


def _alone(search: Search) -> Iterator[Target]:
    """Targets of the Cox model or the log-rank test of one column among all patients."""
    for target in search.targets:
        quantity = target.quantity
        if quantity.kind in ("cox", "logrank") and len(quantity.columns) == 1:
            if not quantity.where and not quantity.strata:
                yield target


def _variance_of_its_own(search: Search, endpoint: str, column: str) -> float:
    """About the variance of the logarithm of a hazard ratio; 0 where nobody differs."""
    event = search.state.event[clocks_of(search.design).index(endpoint)]
    x = column_values(search, column)
    known = (event >= 0) & ~np.isnan(x)
    information = (event[known] == 1).sum() * np.var(x[known]) if known.any() else 0.0
    return float(1 / information) if information > 0 else 0.0


def _adjusted(search: Search, endpoint: str, column: str, own: float) -> _Told | None:
    """From the printed ratio of a model; fewer patients than alone make more of chance."""
    told = [
        t
        for t in search.targets
        if (t.quantity.kind, t.quantity.endpoint) == ("cox", endpoint)
        and (t.quantity.covariate, t.quantity.part) == (column, "hazard_ratio")
        and (len(t.quantity.columns) > 1 and not t.quantity.where)
    ]
    blocks = [t.quantity.block for t in told if t.quantity.limit == "estimate"]
    if not blocks:
        return None
    # Estimate and limits are those of one model.
    of_one = [t for t in told if t.quantity.block == blocks[-1]]
    found = {t.quantity.limit: (t.low + t.high) / 2 for t in of_one}
    ends = [found.get(limit, np.nan) for limit in ("conf_low", "conf_high")]
    theirs = ((ends[1] - ends[0]) / 2 / _LIMIT) ** 2
    chance = max(theirs - own, 0.0) if np.isfinite(theirs) else 0.0
    number = not levels_of(search.design, column.partition("=")[0])
    unit = (2 * float(np.nanstd(column_values(search, column))) if number else 0.0) or 1.0
    return _Told(found["estimate"], (_ADJUSTED / unit) ** 2 + chance)


def _from_curves(search: Search, endpoint: str, column: str, own: float) -> _Told | None:
    """From the ratio of cumulative hazards at printed points of a level and the reference."""
    name, _, level = column.partition("=")
    levels = levels_of(search.design, name)
    pair = [level or levels[-1], levels[0]] if levels else []
    curves = [_printed(search, endpoint, name, one) for one in pair]
    if not curves or min(map(len, curves)) == 1:
        return None
    times = sorted({t for curve in curves for t, _ in curve if t > 0})
    hazard = np.array([between.hazard(curve, times) for curve in curves])
    x = column_values(search, column)
    counts = np.array([[(x == 1).sum()], [(x == 0).sum()]])
    chance = (np.expm1(hazard) / (counts * hazard**2)).sum(axis=0)
    middle = float(np.average(np.log(hazard[0] / hazard[1]), weights=1 / chance))
    return _Told(middle, _BENT**2 + max(float(chance.min()) - own, 0.0))


def _printed(search: Search, endpoint: str, name: str, level: str) -> Curve:
    """Points of the curve of a level: months and survival."""
    points = {}
    for target in search.targets:
        asked = target.quantity
        if (asked.kind, asked.endpoint, asked.where) == ("km", endpoint, ((name, level),)):
            middle = (target.low + target.high) / 2
            if asked.limit == "estimate" and asked.part == "survival_rate" and middle > 0:
                points[asked.time] = middle / 100
            elif asked.limit == "estimate" and asked.part == "median_survival":
                points[middle] = 0.5
    return between.falling(points)


def _range(search: Search, endpoint: str, column: str, middle: float) -> np.ndarray:
    """Least and largest z by the p values and screens that are known, on the side of a middle."""
    low, high = -np.inf, np.inf
    for target in _alone(search):
        if (target.quantity.endpoint, target.quantity.columns) == (endpoint, (column,)):
            if target.quantity.part == "z" and target.origin in ("claim", "implied"):
                ends = (target.low, target.high)
                if target.absolute and target.low > 0:
                    ends = ends if middle > 0 else (-target.high, -target.low)
                elif target.absolute:
                    ends = (-target.high, target.high)
                low, high = max(low, ends[0]), min(high, ends[1])
    return np.array([low, high])
