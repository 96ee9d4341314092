"""Checks of means and standard deviations: the t test they give, and the whole from its parts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product

from scipy.special import fdtrc, stdtr

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.counts import MISSING_UNSEEN
from crlm.audit.facts import WHOLE, Cell, Facts, Printed, cell_of, narrowed, text_of
from crlm.audit.intervals import Interval, gap, hull, minus, overlap
from crlm.audit.valued import known_values, missing_around, missing_values

_NAMES = ("mean", "sd")
LINEAR = "linear-trend"
#: More groups than this are not tried: every number has two ends.
_MOST_GROUPS = 3
#: Groups whose analysis of variance is computed: both ends of each mean.
_MOST_TESTED = 8
_STEPS = 60


@lru_cache(maxsize=4)
def moments(facts: Facts) -> dict[tuple[Cell, str], dict[str, Printed]]:
    """Printed means and standard deviations by (patients, column)."""
    found: dict[tuple[Cell, str], dict[str, Printed]] = defaultdict(dict)
    for key, places in facts.numbers.items():
        cell, whole = cell_of(key.group), cell_of(key.population)
        plain = key.field == "estimate" and not key.model and not key.endpoint
        if key.statistic in _NAMES and plain and cell is not None and whole is not None:
            found[whole | cell, key.covariate][key.statistic] = places[0]
    return found


def _roles(facts: Facts, column: str, cells: Mapping[str, Cell]) -> Roles | None:
    """Number, mean and standard deviation of each group; None if one is not printed."""
    roles: dict[str, Printed] = {}
    for name, cell in cells.items():
        own = moments(facts).get((cell, column), {})
        n = facts.n(cell)
        if n is None or set(own) != set(_NAMES):
            return None
        roles |= {f"{name}: n": n} | {f"{name}: {part}": p for part, p in own.items()}
        known = known_values(facts).get((cell, column))
        lacking = missing_values(facts).get((cell, column))
        around = missing_around(facts, cell, column)
        roles |= {f"{name}: known": known} if known is not None else {}
        roles |= {f"{name}: missing": lacking} if lacking is not None else {}
        if around is not None and known is None and lacking is None:
            roles["missing"] = around
    return roles


def _fewest(roles: Roles, group: str) -> int:
    """How many of a group have a value at least: as print says, and else all but a tenth."""
    n = roles[f"{group}: n"].count
    found = [math.floor(n * (1 - MISSING_UNSEEN))]
    found += [roles[f"{group}: known"].count] if f"{group}: known" in roles else []
    for name in (f"{group}: missing", "missing"):
        found += [n - roles[name].count] if name in roles else []
    return max(2, min(found))


def _told(roles: Roles) -> str:
    """What a sentence says of those without a value."""
    return f", {roles['missing'].text} of all without a value," if "missing" in roles else ""


@check(
    asks="Do means, standard deviations and numbers give the printed p value?",
    assumes="A t test, pooled or Welch's, one-way analysis of variance of more than two groups, "
    "or a linear trend over these in their order, as the design declares; up to a tenth of a "
    "group may have no value, or as many as the paper says.",
    blind="Errors that move p by less than its rounding; p values printed as an inequality that "
    "stays true.",
    about="reporting",
)
def t_p(facts: Facts) -> Iterator[Case]:
    """t tests of two groups, and analyses of variance of more, from their summaries."""
    for key, (p, *_) in facts.numbers.items():
        whole = cell_of(key.population)
        groups = () if whole is None else facts.compared(key.group, whole)
        plain = key.statistic == "p" and not (key.model or key.level or key.endpoint)
        if not plain or whole is None or not 2 <= len(groups) <= _MOST_TESTED:
            continue
        test = facts.design.test_of(key.covariate)
        slope = test == LINEAR and len(groups) > 2
        if facts.levels(key.covariate) or not (test == "t" or slope):
            continue
        cells = {group: narrowed(whole, frozenset({(key.group, group)})) for group in groups}
        found = _roles(facts, key.covariate, cells)
        if found is not None:
            title = f"{facts.named(key.covariate)} by {facts.named(key.group)}: p"
            subject = ("p", "", key.population, key.group, key.covariate)

            def judge(
                roles: Roles, groups: tuple[str, ...] = groups, slope: bool = slope
            ) -> Outcome:
                if len(groups) == 2:
                    return _judge_t(roles, groups)
                return _judge_slope(roles, groups) if slope else _judge_f(roles, groups)

            yield Case(subject, title, {"p": p, **found}, judge)


def _judge_f(roles: Roles, groups: tuple[str, ...]) -> Outcome:
    """The analysis of variance, at every end of what the printed digits may stand for."""
    sizes = [roles[f"{group}: n"].count for group in groups]
    if min(sizes) < 2 or min(roles[f"{group}: sd"].interval[1] for group in groups) <= 0:
        return unclear("A group is too small, or has no spread.")
    means = [roles[f"{group}: mean"].interval for group in groups]
    spreads = [roles[f"{group}: sd"].interval for group in groups]
    fewer = [_fewest(roles, group) for group in groups]
    ends = [
        _variance_p(middles, [spread[at] for spread in spreads], weights)
        for middles in (*product(*means), _nearest(means, sizes))
        for at in (0, 1)
        for weights in (sizes, fewer)
    ]
    exact = _variance_p(
        *([roles[f"{group}: {part}"].value for group in groups] for part in _NAMES), sizes
    )
    return _held(roles, groups, ends, exact, "by analysis of variance")


def _held(
    roles: Roles, groups: tuple[str, ...], ends: Sequence[float], exact: float, how: str
) -> Outcome:
    """A printed p against those that the printed digits allow."""
    printed = f"p {roles['p'].operator} {roles['p'].text.lstrip('<>= ')}"
    texts = " and ".join(
        f"{roles[f'{g}: mean'].text} (SD {roles[f'{g}: sd'].text}, n {roles[f'{g}: n'].text})"
        for g in groups
    )
    said = f"{texts}{_told(roles)} give p = {exact:.2g} {how}, not {printed}."
    span = hull((p, p) for p in ends)
    return outcome(overlap(span, roles["p"].interval), *span, said)


def _judge_slope(roles: Roles, groups: tuple[str, ...]) -> Outcome:
    """The linear trend over the groups' places, at ends and middles of the printed digits."""
    sizes = [roles[f"{group}: n"].count for group in groups]
    if min(sizes) < 2 or min(roles[f"{group}: sd"].interval[1] for group in groups) <= 0:
        return unclear("A group is too small, or has no spread.")
    means, spreads = ([roles[f"{g}: {part}"].interval for g in groups] for part in _NAMES)
    few = len(groups) < _MOST_TESTED - 2
    tried = [(low, (low + high) / 2, high) if few else (low, high) for low, high in means]
    weights = (sizes, [_fewest(roles, group) for group in groups])
    ends = [
        _slope_p(middles, [spread[at] for spread in spreads], some)
        for middles in product(*tried)
        for at in (0, 1)
        for some in weights
    ]
    slopes = [_slope(middles, some)[0] for middles in product(*means) for some in weights]
    ends += [1.0] if min(slopes) <= 0 <= max(slopes) else []
    exact = _slope_p(*([roles[f"{g}: {part}"].value for g in groups] for part in _NAMES), sizes)
    return _held(roles, groups, ends, exact, "for a linear trend")


def _slope(means: Sequence[float], sizes: Sequence[int]) -> tuple[float, float, float]:
    """Products of places 1, 2, 3 ... and means, squares of the places, and of the means."""
    whole = sum(sizes)
    place = sum(n * at for at, n in enumerate(sizes, 1)) / whole
    middle = sum(n * m for n, m in zip(sizes, means, strict=True)) / whole
    pairs = enumerate(zip(sizes, means, strict=True), 1)
    found = [(n, at - place, m - middle) for at, (n, m) in pairs]
    both = sum(n * x * y for n, x, y in found)
    return both, sum(n * x * x for n, x, _ in found), sum(n * y * y for n, _, y in found)


def _slope_p(means: Sequence[float], spreads: Sequence[float], sizes: Sequence[int]) -> float:
    """p of the slope of a linear regression on the groups' places, from each group's summary.

    Examples
    --------
    >>> round(_slope_p([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [10, 10, 10]), 6)
    9.4e-05
    """
    both, places, between = _slope(means, sizes)
    within = sum((n - 1) * max(s, 1e-9) ** 2 for n, s in zip(sizes, spreads, strict=True))
    explained = both * both / places
    free = sum(sizes) - 2
    t = math.sqrt(explained / ((within + between - explained) / free))
    return float(2 * stdtr(free, -t))


def _nearest(means: Sequence[Interval], sizes: Sequence[int]) -> tuple[float, ...]:
    """The means within their intervals that lie nearest together: the least F is theirs."""
    middles = [sum(interval) / 2 for interval in means]
    for _ in range(_STEPS):
        whole = sum(n * m for n, m in zip(sizes, middles, strict=True)) / sum(sizes)
        middles = [min(max(whole, low), high) for low, high in means]
    return tuple(middles)


def _variance_p(means: Sequence[float], spreads: Sequence[float], sizes: Sequence[int]) -> float:
    """p of a one-way analysis of variance (Fisher 1925) from each group's summary.

    Examples
    --------
    >>> round(_variance_p([1.0, 2.0, 3.0], [1.0, 1.0, 1.0], [10, 10, 10]), 5)
    0.00056
    """
    whole, groups = sum(sizes), len(sizes)
    middle = sum(n * m for n, m in zip(sizes, means, strict=True)) / whole
    between = sum(n * (m - middle) ** 2 for n, m in zip(sizes, means, strict=True))
    within = sum((n - 1) * max(s, 1e-9) ** 2 for n, s in zip(sizes, spreads, strict=True))
    f = (between / (groups - 1)) / (within / (whole - groups))
    return float(fdtrc(groups - 1, whole - groups, f))


def _judge_t(roles: Roles, groups: tuple[str, ...]) -> Outcome:
    sizes = [roles[f"{group}: n"].count for group in groups]
    means = [roles[f"{group}: mean"].interval for group in groups]
    spreads = [roles[f"{group}: sd"].interval for group in groups]
    if min(sizes) < 2 or min(high for _, high in spreads) <= 0:
        return unclear("A group is too small, or has no spread.")
    apart = minus(means[1], means[0])
    far, near = max(map(abs, apart)), gap(apart, (0.0, 0.0))
    fewer = [_fewest(roles, group) for group in groups]
    spans = [
        (
            _least_p(far, [max(low, 1e-9) for low, _ in spreads], sizes, pooled),
            _least_p(near, [high for _, high in spreads], fewer, pooled),
        )
        for pooled in (False, True)
    ]
    exact = [_t_p(roles, groups, pooled) for pooled in (False, True)]
    printed = f"p {roles['p'].operator} {roles['p'].text.lstrip('<>= ')}"
    texts = " and ".join(
        f"{roles[f'{g}: mean'].text} (SD {roles[f'{g}: sd'].text}, n {roles[f'{g}: n'].text})"
        for g in groups
    )
    said = f"{texts}{_told(roles)} give p = {min(exact):.2g} to {max(exact):.2g} by a t test, "
    said += f"not {printed}."
    fits = any(overlap(span, roles["p"].interval) for span in spans)
    return outcome(fits, *hull(spans), said)


def _t_p(roles: Roles, groups: Sequence[str], pooled: bool) -> float:
    first, second = ([roles[f"{g}: {x}"].value for x in _NAMES] for g in groups)
    sizes = [roles[f"{g}: n"].count for g in groups]
    return _least_p(abs(second[0] - first[0]), [first[1], second[1]], sizes, pooled)


def _least_p(apart: float, spreads: Sequence[float], sizes: Sequence[int], pooled: bool) -> float:
    """Two-sided p of a t test.

    Parameters
    ----------
    apart : float
        Difference of the means, not negative.
    spreads : sequence of float
        Standard deviations, positive.
    sizes : sequence of int
        Patients, at least two a group.
    pooled : bool
        One variance for both groups (Student), or one each (Welch).

    Examples
    --------
    >>> round(_least_p(7.0, [59.5, 67.0], [225, 293], False), 3)
    0.21
    """
    (a, b), (m, n) = (s * s for s in spreads), sizes
    if pooled:
        free = m + n - 2
        error = ((m - 1) * a + (n - 1) * b) / free * (1 / m + 1 / n)
    else:
        error = a / m + b / n
        free = error**2 / ((a / m) ** 2 / (m - 1) + (b / n) ** 2 / (n - 1))
    return float(2 * stdtr(free, -apart / math.sqrt(error)))


@check(
    asks="Are mean and standard deviation of all those of the groups together?",
    assumes="Groups that make up the whole; up to a tenth of a group may have no value, or "
    "as many as the paper says.",
    blind="Errors within the rounding of the groups' numbers and those missing values.",
)
def pooled_moments(facts: Facts) -> Iterator[Case]:
    """The whole from its parts: weighted means; spread within groups and between them."""
    for (cell, column), own in moments(facts).items():
        for by in sorted({c for other, _ in moments(facts) for c, _ in other - cell}):
            levels = facts.levels(by)
            cells = {level: cell | {(by, level)} for level in levels}
            found = _roles(facts, column, cells) if 1 < len(levels) <= _MOST_GROUPS else None
            n = facts.n(cell)
            if found is None or n is None:
                continue
            for name in (name for name in _NAMES if name in own):

                def judge(
                    roles: Roles, name: str = name, levels: tuple[str, ...] = levels
                ) -> Outcome:
                    return _judge_pooled(roles, name, levels)

                title = f"{facts.named(column)}, {facts.label(cell)}"
                roles = {"whole": own[name], "n": n, **found}
                yield Case(("values", text_of(cell or WHOLE), column), title, roles, judge)


def _judge_pooled(roles: Roles, name: str, levels: tuple[str, ...]) -> Outcome:
    sizes = [roles[f"{level}: n"].count for level in levels]
    if sum(sizes) != roles["n"].count or min(sizes) < 2:
        return unclear("The groups do not make up the whole.")
    ends = [
        (float(_fewest(roles, level)), float(n)) for level, n in zip(levels, sizes, strict=True)
    ]
    means = [roles[f"{level}: mean"].interval for level in levels]
    spreads = [roles[f"{level}: sd"].interval for level in levels]
    found = [
        _together(weights, middles, widths)
        for weights in product(*ends)
        for middles in product(*means)
        for widths in product(*spreads)
    ]
    at = _NAMES.index(name)
    low, high = hull((x[at], x[at]) for x in found)
    if name == "sd" and all(overlap(a, b) for a in means for b in means):
        low = min(low, *(s[0] for s in spreads)) * (1 - 1 / min(sizes))
    texts = " and ".join(roles[f"{level}: {name}"].text for level in levels)
    what = {"mean": "mean", "sd": "standard deviation"}[name]
    said = (
        f"Of the groups' {texts} the {what} of all is {low:.4g} to {high:.4g}, "
        f"not {roles['whole'].text}."
    )
    return outcome(overlap(roles["whole"].interval, (low, high)), low, high, said)


def _together(sizes: Sequence[float], means: Sequence[float], spreads: Sequence[float]) -> Interval:
    """Mean and standard deviation of several groups as one.

    Examples
    --------
    >>> _together([2, 2], [1.0, 3.0], [0.0, 0.0])[0]
    2.0
    """
    whole = sum(sizes)
    middle = sum(n * m for n, m in zip(sizes, means, strict=True)) / whole
    within = sum((n - 1) * s * s for n, s in zip(sizes, spreads, strict=True))
    between = sum(n * (m - middle) ** 2 for n, m in zip(sizes, means, strict=True))
    return middle, math.sqrt((within + between) / (whole - 1))
