"""Checks of medians, ranges and quartiles, and of what values a number may have at all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.counts import last_level, possible_sizes, region
from crlm.audit.facts import Cell, Facts, Key, Printed, cell_of, text_of
from crlm.audit.intervals import Interval, hull, overlap, two_sided
from crlm.ledger.vocabulary import MANN_WHITNEY

#: Patients of a group from which R's test of ranks is never exact.
_EXACT_BELOW = 50
#: A concordance without any knowledge.
_COIN = 0.5
_ORDER = ("min", "q1", "median", "q3", "max")
#: Widths, and the two values between which they lie.
_WIDTHS = {"iqr": ("q1", "q3"), "range": ("min", "max")}
#: A minimum and maximum this near the median, in many patients, look like quartiles.
_NARROW, _MANY = 0.25, 100
#: A lower end this much nearer to the median than the upper, on the log scale.
_LOPSIDED, _FLOOR = 0.25, 0.3

_DOMAIN: dict[str, Interval] = {
    "percent": (0.0, 100.0),
    "survival_rate": (0.0, 100.0),
    "p": (0.0, 1.0),
    "n": (0.0, math.inf),
    "missing": (0.0, math.inf),
    "n_at_risk": (0.0, math.inf),
    "median_survival": (0.0, math.inf),
    "median_follow_up": (0.0, math.inf),
    "min_follow_up": (0.0, math.inf),
    "max_follow_up": (0.0, math.inf),
    "q1_follow_up": (0.0, math.inf),
    "q3_follow_up": (0.0, math.inf),
    "incidence_rate": (0.0, math.inf),
    "patient_years": (0.0, math.inf),
    "rate_ratio": (0.0, math.inf),
    "hazard_ratio": (0.0, math.inf),
    "odds_ratio": (0.0, math.inf),
    "subdistribution_hazard_ratio": (0.0, math.inf),
    "concordance": (0.0, 1.0),
    "cumulative_incidence": (0.0, 100.0),
    "percent_missing": (0.0, 100.0),
    "rmst": (0.0, math.inf),
    "e_value": (1.0, math.inf),
    "e_value_limit": (1.0, math.inf),
}
_COUNTS = ("n", "missing", "n_at_risk", "cumulative_events")


@check(
    asks="Is a number one that its kind can have?",
    assumes="The ranges of the data dictionary for patients' values.",
    blind="Every wrong number within its range.",
)
def domain(facts: Facts) -> Iterator[Case]:
    """Each printed number for itself."""
    for key, places in facts.numbers.items():
        span = _domain(facts, key)
        if span is None:
            continue
        for printed in places:

            def judge(roles: Roles, span: Interval = span, key: Key = key) -> Outcome:
                value = roles["number"]
                whole = key.statistic not in _COUNTS or value.value == round(value.value)
                said = f"{value.text} is no possible {key.statistic.replace('_', ' ')}."
                return outcome(whole and overlap(value.interval, span), *span, said)

            yield Case(("value", printed.id), printed.locator, {"number": printed}, judge)


@check(
    asks="Does a model tell patients apart no better than a coin, or worse?",
    assumes="Nothing: a model may do so in other patients, so it only points.",
    blind="Every wrong concordance above a half.",
    about="reporting",
    points=True,
)
def below_a_coin(facts: Facts) -> Iterator[Case]:
    """Concordances, or areas under the curve, below a half."""
    for key, places in facts.numbers.items():
        if key.statistic == "concordance" and key.field == "estimate":
            for p in places:
                yield Case(("value", p.id), p.locator, {"number": p}, _judge_coin)


def _judge_coin(roles: Roles) -> Outcome:
    value = roles["number"]
    if value.interval[1] > _COIN:
        return outcome(True, _COIN, 1.0)
    said = f"A concordance of {value.text} is below a half: worse than chance, or a misprint."
    return unclear(said, _COIN, 1.0, notable=True)


def _domain(facts: Facts, key: Key) -> Interval | None:
    if key.statistic in _ORDER and key.covariate in facts.design.columns:
        spec = facts.design.columns[key.covariate]
        return float(spec.get("min", -math.inf)), float(spec.get("max", math.inf))
    if key.field == "conf_low" and key.statistic.startswith("median"):
        return None
    return _DOMAIN.get(key.statistic)


Spread = dict[str, Printed]


@lru_cache(maxsize=4)
def spreads(facts: Facts, names: tuple[str, ...] = _ORDER) -> dict[tuple[Cell, str], Spread]:
    """Printed medians, quartiles and ends, or their widths, by (patients, column)."""
    found: dict[tuple[Cell, str], Spread] = defaultdict(dict)
    for key, places in facts.numbers.items():
        if key.statistic not in names or key.field != "estimate" or key.model:
            continue
        group, whole = cell_of(key.group), cell_of(key.population)
        if group is not None and whole is not None:
            found[whole | group, key.covariate][key.statistic] = places[0]
    return found


def _title(facts: Facts, cell: Cell, column: str) -> str:
    return f"{facts.named(column)}, {facts.label(cell)}"


def _subject(cell: Cell, column: str) -> tuple[str, ...]:
    return ("values", text_of(cell), column)


@check(
    asks="Are minimum, quartiles, median and maximum in order?",
    assumes="Nothing.",
    blind="Values in order.",
)
def order(facts: Facts) -> Iterator[Case]:
    """Order statistics of one variable in one group."""
    for (cell, column), roles in spreads(facts).items():
        if len(roles) > 1:
            yield Case(_subject(cell, column), _title(facts, cell, column), roles, _judge_order)


def _judge_order(roles: Roles) -> Outcome:
    known = [name for name in _ORDER if name in roles]
    for a, b in zip(known, known[1:], strict=False):
        if roles[a].interval[0] > roles[b].interval[1] + 1e-9:
            said = f"The {a} {roles[a].text} is above the {b} {roles[b].text}."
            return outcome(False, roles[a].interval[0], roles[b].interval[1], said)
    return outcome(True)


@check(
    asks="Is a printed width that between the printed quartiles, or ends?",
    assumes="Nothing.",
    blind="A width beside a median alone.",
)
def widths(facts: Facts) -> Iterator[Case]:
    """Interquartile ranges and ranges that are printed as one number."""
    for (cell, column), printed in spreads(facts, tuple(_WIDTHS)).items():
        roles = printed | spreads(facts).get((cell, column), {})
        title = _title(facts, cell, column)
        for width, ends in _WIDTHS.items():
            if {width, *ends} <= set(roles):
                mine = {name: roles[name] for name in (width, *ends)}
                yield Case(_subject(cell, column), title, mine, _judge_width)
        if set(_WIDTHS) <= set(roles):
            mine = {name: roles[name] for name in _WIDTHS}
            yield Case(_subject(cell, column), title, mine, _judge_widths)


def _judge_width(roles: Roles) -> Outcome:
    width = next(name for name in _WIDTHS if name in roles)
    low, high = (roles[name] for name in _WIDTHS[width])
    span = (high.interval[0] - low.interval[1], high.interval[1] - low.interval[0])
    said = f"The {width} {roles[width].text} is not that from {low.text} to {high.text}."
    return outcome(overlap(roles[width].interval, span), *span, said)


def _judge_widths(roles: Roles) -> Outcome:
    whole, middle = roles["range"], roles["iqr"]
    said = f"The iqr {middle.text} is wider than the range {whole.text}."
    return outcome(middle.interval[0] <= whole.interval[1] + 1e-9, *whole.interval, said)


@check(
    asks="Are quartiles printed under the name of a range?",
    assumes="A quarter of many patients do not all share the lowest value of a measured number.",
    blind="Quartiles called a range wherever the same paper does not also name them.",
    about="reporting",
    digits=False,
)
def quartiles_or_range(facts: Facts) -> Iterator[Case]:
    """Ends that equal the quartiles of the same patients."""
    for (_, column), roles in spreads(facts).items():
        kind = facts.design.columns.get(column, {}).get("type")
        if {"min", "q1", "q3", "max"} <= set(roles) and kind == "number":
            title = f"{facts.named(column)}: brackets"
            yield Case(("range", column), title, roles, _judge_quartiles)


def _judge_quartiles(roles: Roles) -> Outcome:
    same = [(a, b) for a, b in (("min", "q1"), ("max", "q3")) if roles[a].value == roles[b].value]
    said = (
        f"{roles['min'].text} to {roles['max'].text} is printed as the range and again as the "
        "interval that holds the middle half."
    )
    return outcome(len(same) < 2, detail=said)


@check(
    asks="Is a printed range believable for so many patients?",
    assumes="Nothing certain: this check only points.",
    blind="It never says more than that a range looks narrow or lopsided.",
    about="reporting",
    points=True,
)
def narrow_range(facts: Facts) -> Iterator[Case]:
    """Minimum and maximum too near to the median for the number of patients."""
    for (cell, column), roles in spreads(facts).items():
        n = facts.n(cell)
        spec = facts.design.columns.get(column, {})
        if (
            {"min", "median", "max"} <= set(roles)
            and n is not None
            and spec.get("type") == "number"
        ):
            mine = {name: roles[name] for name in ("min", "median", "max")} | {"n": n}
            title = f"{facts.named(column)}: brackets"
            yield Case(("range", column), title, mine, _judge_narrow)


def _judge_narrow(roles: Roles) -> Outcome:
    low, mid, high = (roles[name].value for name in ("min", "median", "max"))
    n = roles["n"].count
    if n < _MANY or not 0 < low < mid < high:
        return outcome(True)
    text = f"{roles['min'].text} to {roles['max'].text} around a median of {roles['median'].text}"
    if max(mid - low, high - mid) < _NARROW * mid:
        said = (
            f"{text} is narrow for the lowest and highest of {n} patients; it looks like quartiles."
        )
        return unclear(said, notable=True)
    below, above = math.log(mid / low), math.log(high / mid)
    if below < _LOPSIDED * above and low > _FLOOR * mid:
        said = f"{text}: the lower end looks like a quartile, the upper like the highest of {n}."
        return unclear(said, notable=True)
    return outcome(True)


@check(
    asks="Does the median agree with the share of patients beyond a cut-off?",
    assumes="The design's cut-offs are the paper's; missing values only as percentages allow.",
    blind="Shares on the right side of a half.",
)
def median_and_share(facts: Facts) -> Iterator[Case]:
    """Medians against counts of a dichotomy of the same number."""
    for (cell, column), spread in spreads(facts).items():
        n = facts.n(cell)
        for factor in facts.design.factors_from(column):
            level = last_level(facts, factor)
            count = facts.n(cell | {(factor, level)})
            several = len(facts.levels(factor)) > 2
            if several or "median" not in spread or None in (n, count):
                continue
            roles = {"median": spread["median"], "count": count, "n": n}
            percent = facts.percents.get((cell | {(factor, level)}, cell))
            if percent:
                roles["percent"] = percent[0]

            def judge(roles: Roles, factor: str = factor) -> Outcome:
                return _judge_median(facts, roles, factor)

            title = f"{_title(facts, cell, column)}, and {facts.named(factor)}"
            yield Case(_subject(cell, column), title, roles, judge)


def _judge_median(facts: Facts, roles: Roles, factor: str) -> Outcome:
    n, count = roles["n"].count, roles["count"].count
    rows = [(roles["percent"], roles["count"])] if "percent" in roles else []
    sizes = possible_sizes(n, rows, full=False) or [n]
    most_of = [2 * count > size for size in sizes]
    if any(most_of) != all(most_of) or any(2 * count == size for size in sizes):
        return unclear("About half of the patients are beyond the cut-off.")
    made = facts.design.cut(factor)
    allowed = made.span(made.levels[most_of[0]]) if made else None
    if allowed is None:
        return unclear("The other patients may lie on both sides.")
    side = "more" if most_of[0] else "fewer"
    said = (
        f"{count} of {n} patients ({facts.named(factor).lower()}) are {side} than half, "
        f"so the median cannot be {roles['median'].text}."
    )
    return outcome(overlap(roles["median"].interval, allowed), *allowed, said)


@check(
    asks="Do values of all patients agree with those of the groups?",
    assumes="The groups make up the whole.",
    blind="Anything within the groups' range.",
)
def pooled_values(facts: Facts) -> Iterator[Case]:
    """Median, minimum and maximum of all against those of the groups."""
    found = spreads(facts)
    for (cell, column), roles in found.items():
        for by in sorted({c for other, _ in found for c, _ in other} - {c for c, _ in cell}):
            parts = [found.get((cell | {(by, level)}, column), {}) for level in facts.levels(by)]
            for name in ("min", "median", "max"):
                if len(parts) > 1 and name in roles and all(name in part for part in parts):
                    mine = {f"part {i}": part[name] for i, part in enumerate(parts)}

                    def judge(roles: Roles, name: str = name) -> Outcome:
                        return _judge_pooled(roles, name)

                    yield Case(
                        _subject(cell, column),
                        _title(facts, cell, column),
                        {"whole": roles[name], **mine},
                        judge,
                    )


def _judge_pooled(roles: Roles, name: str) -> Outcome:
    parts = [p.interval for role, p in roles.items() if role != "whole"]
    span = {
        "min": (min(p[0] for p in parts), min(p[1] for p in parts)),
        "max": (max(p[0] for p in parts), max(p[1] for p in parts)),
        "median": hull(parts),
    }[name]
    said = f"The {name} {roles['whole'].text} of all does not follow from the groups."
    return outcome(overlap(roles["whole"].interval, span), *span, said)


@check(
    asks="Can ranks give the printed p value, given medians, quartiles and counts beyond cut-offs?",
    assumes="Mann-Whitney with the normal approximation, as the design declares, corrected for "
    "continuity where that says so; the worst and best order of patients between the known points.",
    blind="Nearly everything when only medians are printed: then it cannot tell.",
)
def rank_p(facts: Facts) -> Iterator[Case]:
    """Bounds of a Mann-Whitney p value."""
    for key, (p, *_) in facts.numbers.items():
        among = cell_of(key.population)
        groups = () if among is None else facts.compared(key.group, among)
        if key.statistic != "p" or key.model or key.level or len(groups) != 2:
            continue
        if facts.design.test_of(key.covariate) not in MANN_WHITNEY:
            continue
        points = [_points(facts, frozenset({(key.group, g)}), key.covariate) for g in groups]
        whole = key.population in ("all", f"{key.group}={'/'.join(groups)}")
        if whole and all(points) and not _may_be_exact(facts, key, points):
            roles = {"p": p}
            for group, found in zip(groups, points, strict=True):
                roles |= {f"{group}: {name}": printed for name, printed in found.items()}

            def judge(roles: Roles, groups: tuple[str, ...] = groups) -> Outcome:
                return _judge_rank(facts, roles, groups)

            title = f"{facts.named(key.covariate)} by {facts.named(key.group)}: p"
            yield Case(("p", "", key.population, key.group, key.covariate), title, roles, judge)


def _may_be_exact(facts: Facts, key: Key, points: list[Spread]) -> bool:
    """Whether R's test of groups so small is exact, if no two values are tied."""
    small = max(found["n"].value for found in points) < _EXACT_BELOW
    return small and facts.design.test_of(key.covariate) == "mann-whitney-r"


def _points(facts: Facts, cell: Cell, column: str) -> Spread:
    """What is known of a distribution: n, counts beyond cut-offs."""
    n = facts.n(cell)
    if n is None or "median" not in spreads(facts).get((cell, column), {}):
        return {}
    found = {"n": n, "median": spreads(facts)[cell, column]["median"]}
    for factor in facts.design.factors_from(column):
        count = facts.n(cell | {(factor, last_level(facts, factor))})
        if count is not None:
            found[f"count {factor}"] = count
    return found


def _judge_rank(facts: Facts, roles: Roles, groups: tuple[str, ...]) -> Outcome:
    factors = sorted({role.partition("count ")[2] for role in roles if "count " in role})
    both = [f for f in factors if all(f"{g}: count {f}" in roles for g in groups)]
    edges = sorted({_edge(facts, f) for f in both})
    if not edges:
        return unclear("Medians alone do not bound the p value.", 0.0, 1.0)
    bins = [_bins(facts, roles, group, both, edges) for group in groups]
    if any(b is None for b in bins):
        return unclear("The counts beyond the cut-offs contradict each other.", 0.0, 1.0)
    test = facts.design.test_of(roles["p"].key.covariate)
    low, high = mann_whitney_bounds(*bins, correction=0.0 if test == MANN_WHITNEY[0] else 0.5)
    said = (
        f"The counts beyond the cut-offs allow p = {low:.2g} to {high:.2g}, not {roles['p'].text}."
    )
    return outcome(overlap(roles["p"].interval, (low, high)), low, high, said)


def _edge(facts: Facts, factor: str) -> float:
    inside = region(facts, factor)
    return inside[1] if inside[1] != math.inf else inside[0] - 1e-6


def _bins(
    facts: Facts, roles: Roles, group: str, factors: list[str], edges: list[float]
) -> np.ndarray | None:
    n = roles[f"{group}: n"].count
    below = {}
    for factor in factors:
        count = roles[f"{group}: count {factor}"].count
        below[_edge(facts, factor)] = n - count if region(facts, factor)[1] == math.inf else count
    counts = np.diff([0, *(below[e] for e in edges), n])
    return counts if (counts >= 0).all() and n > 0 else None


def mann_whitney_bounds(a: np.ndarray, b: np.ndarray, *, correction: float = 0.0) -> Interval:
    """Least and greatest two-sided p that two groups can have, given counts per bin.

    Parameters
    ----------
    a, b : ndarray of int, shape (k,)
        Patients of each group in ordered bins; within a bin any order is possible, and the
        lowest bin may be all ties.
    correction : float
        By which |U - mn / 2| is made smaller: 0.5 for continuity.

    Notes
    -----
    Normal approximation. Ties within bins make the variance smaller: for the least p the
    variance is that with every bin tied, for the greatest that without ties.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    m, n = a.sum(), b.sum()
    if m == 0 or n == 0:
        return 0.0, 1.0
    above = np.concatenate([np.cumsum(b[::-1])[::-1][1:], [0.0]])
    sure, same = float((a * above).sum()), float((a * b).sum())
    shifts = np.array([sure, sure + same]) - m * n / 2
    whole = m + n
    ties = float(((a + b) ** 3 - (a + b)).sum())
    free = math.sqrt(m * n * (whole + 1) / 12)
    tied = math.sqrt(max(m * n / 12 * (whole + 1 - ties / (whole * (whole - 1))), 1e-12))
    away = np.maximum(np.abs(shifts) - correction, 0.0)
    most = float(away.max()) / min(tied, free)
    least = 0.0 if shifts.min() <= 0 <= shifts.max() else float(away.min()) / free
    return two_sided(most), two_sided(least)
