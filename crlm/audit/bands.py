"""Checks of bands of a number and of merged levels: against what they are made of, and values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import Cell, Facts, Printed, text_of
from crlm.audit.intervals import Interval, overlap, total
from crlm.audit.values import spreads
from crlm.ledger.factors import Cut, Merged, parts_of

#: How many of n values are at most the lower, and the higher, of those that a statistic may be
#: between, by any rule for quartiles.
_RANKS = {
    "min": (lambda n: 1, lambda n: 1),
    "q1": (lambda n: n // 4, lambda n: math.ceil((n + 3) / 4)),
    "median": (lambda n: (n + 1) // 2, lambda n: n // 2 + 1),
    "q3": (lambda n: 3 * n // 4, lambda n: math.ceil((3 * n + 3) / 4)),
    "max": (lambda n: n, lambda n: n),
}


@check(
    asks="Are merged levels, or wider bands, as many as the levels that they are made of?",
    assumes="The design's groups and cut-offs are the paper's; whoever has a value in one of the "
    "two is counted in the other.",
    blind="A level of which not every part is printed; two errors that cancel.",
)
def parts(facts: Facts) -> Iterator[Case]:
    """Counts, or percentages of the same patients, of a level against those of its parts."""
    for cell in facts.counts:
        for condition in sorted(cell):
            rest = cell - {condition}
            for other, levels in _made_of(facts, *condition):
                found = {one: facts.n(rest | {(other, one)}) for one in levels}
                yield from _part_case(facts, rest, condition, facts.n(cell), found)
    for (cell, among), places in facts.percents.items():
        for condition in sorted(cell - among):
            rest = cell - {condition}
            if facts.n(cell) is not None or _is_left_out(facts, condition[0]):
                continue
            for other, levels in _made_of(facts, *condition):
                told = {one: facts.percents.get((rest | {(other, one)}, among)) for one in levels}
                found = {one: texts[0] if texts else None for one, texts in told.items()}
                yield from _part_case(facts, rest, condition, places[0], found)


def _made_of(facts: Facts, name: str, level: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The columns of which levels make up a level, with those levels; each pair of columns once."""
    design = facts.design
    made = design.factor(name)
    if made is None or "otherwise" in design.factors[name] or level not in made.levels:
        return
    if isinstance(made, Merged):
        yield made.source, made.groups[level]
    for other, one in design.factors_from(made.source).items():
        found = () if other == name else parts_of(made, level, one)
        if found and "otherwise" not in design.factors[other] and (len(found) > 1 or other > name):
            yield other, found


def _is_left_out(facts: Facts, name: str) -> bool:
    return bool(facts.design.factors.get(name, {}).get("left_out"))


def _part_case(
    facts: Facts,
    rest: Cell,
    condition: tuple[str, str],
    whole: Printed | None,
    found: Mapping[str, Printed | None],
) -> Iterator[Case]:
    roles = {f"part {level}": printed for level, printed in found.items() if printed is not None}
    if whole is None or len(roles) < len(found):
        return
    title = f"{facts.named(*condition)}, {facts.label(rest)}"
    yield Case(
        ("cells", text_of(rest), condition[0]), title, {"whole": whole, **roles}, _judge_parts
    )


def _judge_parts(roles: Roles) -> Outcome:
    held = {role: _span(printed) for role, printed in roles.items()}
    span = total(interval for role, interval in held.items() if role != "whole")
    texts = " + ".join(printed.text for role, printed in roles.items() if role != "whole")
    made = f"{span[0]:.4g}" if span[0] == span[1] else f"{span[0]:.4g} to {span[1]:.4g}"
    said = f"{texts} is {made}, not {roles['whole'].text}."
    return outcome(overlap(held["whole"], span), *span, said)


def _span(printed: Printed) -> Interval:
    """A count as it is; a percentage as its digits allow."""
    if printed.key.statistic == "n":
        return float(printed.count), float(printed.count)
    return printed.interval


@check(
    asks="Does a printed median, quartile or end lie in the band that the counts put it in?",
    assumes="The design's cut-offs are the paper's, and the bands count all who have a value.",
    blind="A value anywhere within its band.",
)
def bands(facts: Facts) -> Iterator[Case]:
    """Order statistics of a number against counts of all its bands."""
    for (cell, column), spread in spreads(facts).items():
        for factor, made in facts.design.factors_from(column).items():
            if not isinstance(made, Cut) or len(made.cuts) < 2:
                continue
            counts = {level: facts.n(cell | {(factor, level)}) for level in made.levels}
            known = {f"count {level}": c for level, c in counts.items() if c is not None}
            if len(known) < len(counts) or "otherwise" in facts.design.factors[factor]:
                continue
            for name, printed in spread.items():

                def judge(roles: Roles, name: str = name, made: Cut = made) -> Outcome:
                    return _judge_band(roles, name, made)

                title = f"{facts.named(column)}, {facts.label(cell)}, and {facts.named(factor)}"
                subject = ("values", text_of(cell), column)
                yield Case(subject, title, {name: printed, **known}, judge)


def _judge_band(roles: Roles, name: str, made: Cut) -> Outcome:
    counts = [roles[f"count {level}"].count for level in made.levels]
    n = sum(counts)
    if n <= 0:
        return unclear("No band holds a patient.")
    ranks = [min(max(int(rank(n)), 1), n) for rank in _RANKS[name]]
    low, high = (int(np.searchsorted(np.cumsum(counts), rank)) for rank in ranks)
    spans = [made.span(made.levels[at]) or (-math.inf, math.inf) for at in (low, high)]
    allowed = spans[0][0], spans[1][1]
    said = f"{_list(counts)} patients in the bands put the {name} {_between(allowed)}, and "
    said += f"{roles[name].text} is printed."
    return outcome(overlap(roles[name].interval, allowed), *allowed, said)


def _list(counts: list[int]) -> str:
    return f"{', '.join(map(str, counts[:-1]))} and {counts[-1]}"


def _between(span: Interval) -> str:
    low, high = (f"{end:.6g}" for end in span)
    if math.isinf(span[0]):
        return f"at {high} or less"
    return f"at {low} or more" if math.isinf(span[1]) else f"between {low} and {high}"
