"""Pointers at the medians of a covariate's levels, beside the whole's, the ratio's and the p value.

No arithmetic binds them: curves may cross, and hazards need not be proportional. But with the
sizes of the groups and the number of events, few honest rows look as a misprinted one does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from statistics import median

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.counts import region as values_of
from crlm.audit.curves import curve_cell, curve_keys
from crlm.audit.facts import WHOLE, Facts, Key, Printed
from crlm.audit.intervals import Interval, deviate, gap, hull, log, minus, overlap, two_sided
from crlm.audit.models import share
from crlm.audit.ratios import effect_rows, p_span, region, shown, standard_error
from crlm.audit.values import spreads

#: Room found on 100 simulated papers of 90 to 210 patients (3,000 rows), so that few honest rows
#: exceed it (`benchmarks/README.md` says how many of other papers do): how far the median of all
#: lies outside of those of the levels (share); how far from what sizes and medians give (on the
#: logarithm, and as a share of what separates the medians), sizes known and sizes on one side of
#: a half; how far a ratio and the ratio of medians lie apart (standard errors); how far a printed
#: p and the medians' own (deviates: medians too much alike; too different, fixed and relative).
_OUTSIDE = 0.01
_MIXED, _MIXED_PART = 0.08, 0.6
_HALF_MIXED, _HALF_PART = 0.08, 0.4
_RATIO_ROOM = 2.5
_ALIKE = 1.7
_DIFFERENT, _DIFFERENT_PART = 1.25, 0.4
#: Where the sizes are not known the smaller group is taken to be a tenth.
_LEAST_SHARE = 0.1


@dataclass(frozen=True)
class Split:
    """Medians of the levels of one covariate.

    Attributes
    ----------
    endpoint, column : str
    medians : mapping of str to Printed
        By level, in the order of the design.
    whole : Printed or None
        The median of all patients.
    shares : mapping of str to Interval
        Shares of all patients, as far as counts or a median of the cut number tell.
    n : int
        All patients; 0 if not printed.
    """

    endpoint: str
    column: str
    medians: Mapping[str, Printed]
    whole: Printed | None
    shares: Mapping[str, Interval]
    n: int

    @property
    def roles(self) -> dict[str, Printed]:
        """The medians by level, as roles."""
        return {f"median {level}": p for level, p in self.medians.items()}


@lru_cache(maxsize=4)
def splits(facts: Facts) -> tuple[Split, ...]:
    """Every covariate of which the medians of all levels are printed, for each endpoint."""
    printed = {
        (key.endpoint, curve_cell(key)): p
        for key, p in curve_keys(facts, "median_survival").items()
        if key.population == "all"
    }
    columns = {
        (endpoint, column): None
        for endpoint, cell in printed
        if cell is not None and len(cell) == 1
        for column, _ in cell
    }
    found = []
    for endpoint, column in columns:
        levels = facts.levels(column)
        medians = {lev: printed.get((endpoint, frozenset({(column, lev)}))) for lev in levels}
        if len(levels) < 2 or not all(p is not None and p.value > 0 for p in medians.values()):
            continue
        shares = {level: share_span(facts, column, level) for level in levels}
        whole, n = printed.get((endpoint, WHOLE)), facts.size(WHOLE) or 0
        found.append(Split(endpoint, column, medians, whole, shares, n))
    return tuple(found)


def share_span(facts: Facts, column: str, level: str) -> Interval:
    """Share of all patients at a level: from counts, else from medians of the number that is cut.

    A median above a cut-off says that at least half of the patients lie above it.
    """
    levels = facts.levels(column)
    counted = {name: share(facts, frozenset({(column, name)})) for name in levels}
    own = counted[level]
    if own is None and len(levels) == 2:
        rest = next(part for name, part in counted.items() if name != level)
        own = None if rest is None else 1 - rest
    if own is not None and 0 < own < 1:
        return own, own
    if len(levels) != 2 or facts.design.cut(column) is None:
        return 0.0, 1.0
    sides = _sides_of_cut(facts, column)
    if len(sides) != 1:
        return 0.0, 1.0
    most = sides.pop() == (level == levels[1])
    return (0.5, 1.0) if most else (0.0, 0.5)


def _sides_of_cut(facts: Facts, factor: str) -> set[bool]:
    """Whether the cut number's median of all, or those of the parts, lie in the last level."""
    source, inside = facts.design.source(factor), values_of(facts, factor)
    medians = {
        cell: spread["median"]
        for (cell, column), spread in spreads(facts).items()
        if column == source and "median" in spread
    }
    columns = sorted({column for cell in medians for column, _ in cell})
    parted = [[frozenset({(column, lev)}) for lev in facts.levels(column)] for column in columns]
    for parts in ([WHOLE], *parted):
        if parts and all(part in medians for part in parts):
            return {overlap(medians[part].interval, inside) for part in parts}
    return set()


def mixed(medians: Mapping[str, float], shares: Mapping[str, float]) -> float:
    """Median of all where each level's survival is exponential with its own median.

    >>> round(mixed({"a": 10.0, "b": 20.0}, {"a": 0.5, "b": 0.5}), 1)
    13.9
    """
    low, high = min(medians.values()), max(medians.values())
    total = sum(shares.values())
    for _ in range(50):
        middle = (low + high) / 2
        left = sum(part * 2 ** (-middle / medians[level]) for level, part in shares.items())
        low, high = (middle, high) if left > total / 2 else (low, middle)
    return (low + high) / 2


def _case(facts: Facts, split: Split, roles: Roles, judge: partial) -> Case:
    name = facts.named(split.column)
    title = f"{name}, {facts.endpoint(split.endpoint)}: medians of the levels"
    return Case(("levels", split.endpoint, split.column), title, roles, judge)


def _texts(facts: Facts, split: Split, roles: Roles) -> str:
    """The medians with their levels: 15.20 (low) and 4.30 (high) months."""
    told = [
        f"{roles[f'median {level}'].text} ({facts.design.label(split.column, level)})"
        for level in split.medians
    ]
    return f"{', '.join(told[:-1])} and {told[-1]}"


# ---- the whole ---------------------------------------------------------------


@check(
    asks="Is the median of all patients where the medians of the levels and their sizes put it?",
    assumes="Survival roughly exponential within each level, the levels make up the whole; chance "
    "and curves of other forms do this too (one row in 100 to 200), so it only points.",
    blind="Levels of half the patients each; medians that differ by little.",
    about="reporting",
    points=True,
)
def median_of_all(facts: Facts) -> Iterator[Case]:
    """Medians of levels against the median of all."""
    for split in splits(facts):
        if split.whole is not None:
            roles = {"whole": split.whole, **split.roles}
            yield _case(facts, split, roles, partial(_judge_whole, facts, split))


def _judge_whole(facts: Facts, split: Split, roles: Roles) -> Outcome:
    whole = roles["whole"].months
    parts = {level: roles[f"median {level}"].months for level in split.medians}
    span = hull(parts.values())
    if span[0] <= 0 or whole[0] <= 0:
        return unclear("A median is printed as zero.")
    texts = _texts(facts, split, roles)
    if whole[1] < span[0] * (1 - _OUTSIDE) or whole[0] > span[1] * (1 + _OUTSIDE):
        said = f"The median of all, {roles['whole'].text}, is not between those of the groups, "
        return unclear(f"{said}{texts}.", *span, notable=True)
    expected = _expected(split, {level: sum(p) / 2 for level, p in parts.items()})
    if expected is None:
        return outcome(True, *span)
    known = expected[0] == expected[1]
    least, part = (_MIXED, _MIXED_PART) if known else (_HALF_MIXED, _HALF_PART)
    off, apart = gap(log(whole), log(expected)), math.log(span[1] / span[0])
    if off <= max(least, part * apart):
        return outcome(True, *expected)
    said = f"Medians of {texts} months, {_sizes(facts, split)}, make about {_about(expected)} for "
    said += f"all; {roles['whole'].text} is printed. The two may stand in each other's place."
    return unclear(said, *expected, notable=True)


def _expected(split: Split, medians: Mapping[str, float]) -> Interval | None:
    """Medians of all that sizes and medians of the levels give; None if nothing is known."""
    if all(low == high for low, high in split.shares.values()):
        exact = mixed(medians, {level: low for level, (low, _) in split.shares.items()})
        return exact, exact
    first, second = split.medians if len(split.medians) == 2 else ("", "")
    if not first or split.shares[first] == (0.0, 1.0):
        return None
    ends = [mixed(medians, {first: s, second: 1 - s}) for s in split.shares[first]]
    return min(ends), max(ends)


def _sizes(facts: Facts, split: Split) -> str:
    """The larger group in words."""
    level = max(split.shares, key=lambda name: sum(split.shares[name]))
    low, high = split.shares[level]
    name = facts.design.label(split.column, level)
    if low == high:
        return f"with {100 * low:.0f}% of the patients {name}"
    return f"with most patients {name}"


def _about(span: Interval) -> str:
    low, high = (f"{x:.1f}" for x in span)
    return low if low == high else f"{low} to {high}"


# ---- the ratio ---------------------------------------------------------------


@check(
    asks="Does the level with the longer median have the lower hazard?",
    assumes="Curves that do not cross and an adjustment that does not turn the effect: both "
    "happen (one row in 100 to 150), so it only points.",
    blind="Ratios within 2.5 standard errors of the ratio of the medians.",
    about="reporting",
    points=True,
)
def medians_and_ratio(facts: Facts) -> Iterator[Case]:
    """Medians of two levels against every hazard ratio of the same comparison."""
    rows = effect_rows(facts)
    for split in splits(facts):
        if len(split.medians) != 2:
            continue
        for key, row in rows.items():
            if _same_comparison(split, key) and {"estimate", "low", "high"} <= set(row):
                mine = {role: row[role] for role in ("estimate", "low", "high")}
                judge = partial(_judge_ratio, facts, split, key)
                yield _case(facts, split, mine | split.roles, judge)


def _same_comparison(split: Split, key: Key) -> bool:
    where = (key.endpoint, key.population, key.covariate, key.statistic)
    return where == (split.endpoint, "all", split.column, "hazard_ratio") and bool(
        key.level in split.medians
    )


def _judge_ratio(facts: Facts, split: Split, key: Key, roles: Roles) -> Outcome:
    own = {role: roles[role] for role in ("estimate", "low", "high")}
    corners, error = region(own), standard_error(own)
    other = next(level for level in split.medians if level != key.level)
    level, reference = (roles[f"median {name}"] for name in (key.level, other))
    if not corners or error is None or min(level.months[0], reference.months[0]) <= 0:
        return unclear("Estimate and limits contradict each other.")
    told = minus(log(reference.months), log(level.months))
    effect = min(b for b, _ in corners), max(b for b, _ in corners)
    turned = (told[0] > 0 > effect[1]) or (told[1] < 0 < effect[0])
    ratio = math.exp(told[0]), math.exp(told[1])
    if not turned or gap(told, effect) <= _RATIO_ROOM * error[1]:
        return outcome(True, *ratio)
    who = facts.design.label(split.column, key.level)
    longer = "longer" if told[1] < 0 else "shorter"
    said = (
        f"The median of {who} is the {longer} one, {level.text} against {reference.text} months, "
        f"as if the hazard ratio were near {math.exp(sum(told) / 2):.2f}; printed is {shown(own)}."
    )
    return unclear(said, *ratio, notable=True)


# ---- the p value -------------------------------------------------------------


@check(
    asks="Do two medians differ about as much as their p value says?",
    assumes="Hazards roughly proportional; the number of patients, and the number of events that "
    "the endpoint's intervals need at least. Curves that part late or early do this too (one row "
    "in 700), so it only points.",
    blind="p values between those that the medians allow, which is most: exchanged medians, and "
    "a p of 0.2 for 0.5.",
    about="reporting",
    points=True,
)
def medians_and_p(facts: Facts) -> Iterator[Case]:
    """Medians of two levels against the p value of their comparison."""
    for split in splits(facts):
        if len(split.medians) != 2 or not split.n:
            continue
        level = list(split.medians)[1]
        key = Key(split.endpoint, "all", "all", split.column, level, "univariable", "p", None)
        curves = key._replace(group=split.column, covariate="", level="", model="logrank")
        places = [*facts.numbers.get(key, ()), *facts.numbers.get(curves, ())]
        for p in {p.text: p for p in places}.values():
            judge = partial(_judge_p, facts, split, least_events(facts, split.endpoint))
            yield _case(facts, split, {"p": p, **split.roles}, judge)


@lru_cache(maxsize=32)
def least_events(facts: Facts, endpoint: str) -> float:
    """Events that the typical interval of an endpoint's hazard ratios needs; 0 if none is printed.

    A log hazard ratio of two groups has a variance of at least 4 over the number of events.
    """
    errors = [
        standard_error({role: p for role, p in row.items() if role != "p"})
        for key, row in effect_rows(facts).items()
        if (key.endpoint, key.population, key.statistic) == (endpoint, "all", "hazard_ratio")
        and len(facts.levels(key.covariate)) == 2
    ]
    found = [4 / error[1] ** 2 for error in errors if error is not None]
    return median(found) if found else 0.0


def _judge_p(facts: Facts, split: Split, events: float, roles: Roles) -> Outcome:
    first, second = (roles[f"median {level}"].months for level in split.medians)
    if min(first[0], second[0]) <= 0:
        return unclear("A median is printed as zero.")
    told = minus(log(first), log(second))
    most = max(abs(end) for end in told)
    least = gap(told, (0.0, 0.0))
    printed = deviate(roles["p"].interval[1]), deviate(max(roles["p"].interval[0], 0.0))
    widest, narrowest = _information(split)
    alike = most * math.sqrt(split.n * widest)
    different = least * math.sqrt(min(events, split.n) * narrowest)
    span = two_sided(max(alike, different)), two_sided(different)
    texts, p = _texts(facts, split, roles), roles["p"]
    printed_p = f"p {p.operator} {p.text.lstrip('<>= ')}"
    if printed[0] - alike > _ALIKE:
        said = (
            f"Medians of {texts} months in {split.n} patients go with {_at(two_sided(alike))} or "
            f"more; printed is {printed_p}: the curves would have to part elsewhere."
        )
        return unclear(said, *span, notable=True)
    if different - printed[1] > _DIFFERENT * (1 + _DIFFERENT_PART * different):
        said = (
            f"Medians of {texts} months are as a hazard ratio of {math.exp(least):.1f}. With "
            f"{events:.0f} events, as many as the intervals of {facts.endpoint(split.endpoint)} "
            f"need, that goes with {_at(two_sided(different))}; printed is {printed_p}."
        )
        return unclear(said, *span, notable=True)
    return outcome(True, *span)


def _at(p: float) -> str:
    """A single p value in words."""
    text = p_span(p, p)
    return f"p {text[0]} {text[1:]}" if text[0] == "<" else f"p = {text}"


def _information(split: Split) -> Interval:
    """The most and the least that one event can tell, p(1-p) with p the share of one level."""
    low, high = next(iter(split.shares.values()))
    if low == high:
        return (low * (1 - low),) * 2
    return 0.25, _LEAST_SHARE * (1 - _LEAST_SHARE)
