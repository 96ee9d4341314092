"""Checks of numbers that count patients and are no cells of a table: events, unknown values."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.counts import missing_values
from crlm.audit.curves import curve_cell, curve_keys, curve_subject, curve_title
from crlm.audit.facts import Cell, Facts, Key, Printed, cell_of, text_of


@check(
    asks="Do the events of the groups add up to those of all, and has no group more than patients?",
    assumes="Groups that make up the whole by their printed sizes, each patient with one event at "
    "most.",
    blind="Two errors that cancel; groups that do not make up the whole, beyond their sum.",
)
def event_sums(facts: Facts) -> Iterator[Case]:
    """Printed numbers of events against those of the groups, and against patients."""
    printed = curve_keys(facts, "events")
    index = {(key.endpoint, curve_cell(key)): key for key in printed}
    for key, events in printed.items():
        cell = curve_cell(key)
        n = facts.n(cell)
        if n is not None:
            title = f"{curve_title(facts, key)}: patients"
            yield Case(curve_subject(key), title, {"whole": events, "n": n}, _judge_among)
        for column in sorted({c for _, other in index for c, _ in other - cell}):
            yield from _sum_case(facts, key, column, index, printed)


def _sum_case(
    facts: Facts, key: Key, column: str, index: Mapping[tuple, Key], printed: Mapping[Key, Printed]
) -> Iterator[Case]:
    levels, cell = facts.levels(column), curve_cell(key)
    cells = [cell | {(column, level)} for level in levels]
    keys = [index.get((key.endpoint, own)) for own in cells]
    if len(levels) < 2 or None in keys:
        return
    roles = {"whole": printed[key]}
    roles |= {f"part {lev}": printed[k] for lev, k in zip(levels, keys, strict=True)}
    sizes = [facts.n(own) for own in [cell, *cells]]
    if None not in sizes:
        roles |= {"n": sizes[0]}
        roles |= {f"n {lev}": n for lev, n in zip(levels, sizes[1:], strict=True)}

    def judge(roles: Roles) -> Outcome:
        return _judge_sum(roles, levels)

    title = f"{curve_title(facts, key)}, and by {facts.named(column)}"
    yield Case((*curve_subject(key), column), title, roles, judge)


def _judge_among(roles: Roles) -> Outcome:
    events, n = roles["whole"].count, roles["n"].count
    return outcome(events <= n, 0.0, float(n), f"{events} events are more than {n} patients.")


def _judge_sum(roles: Roles, levels: tuple[str, ...]) -> Outcome:
    parts = [roles[f"part {lev}"].count for lev in levels]
    whole, total = roles["whole"].count, sum(parts)
    said = f"{' + '.join(map(str, parts))} is {total}, not {whole}."
    if "n" not in roles or sum(roles[f"n {lev}"].count for lev in levels) < roles["n"].count:
        if total > whole:
            return outcome(False, float(total), float(total), said)
        return unclear("The groups need not make up the whole.")
    return outcome(total == whole, float(total), float(total), said)


@check(
    asks="Have some of the patients no more events than all of them?",
    assumes="One endpoint, each patient with one event at most; groups by one column share nobody.",
    blind="Fewer events of all that are still as many as those of the printed parts.",
)
def events_of_some(facts: Facts) -> Iterator[Case]:
    """Events of patients who meet more conditions, themselves or by groups, against all events."""
    printed = curve_keys(facts, "events")
    index = {(key.endpoint, curve_cell(key)): found for key, found in printed.items()}
    for key, whole in printed.items():
        cell = curve_cell(key)
        for parts in _disjoint(facts, key.endpoint, cell, index):
            roles = {"whole": whole}
            roles |= {f"part {facts.label(own - cell)}": p for own, p in parts.items()}
            yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_some)


def _disjoint(
    facts: Facts, endpoint: str, cell: Cell, index: Mapping[tuple, Printed]
) -> Iterator[dict[Cell, Printed]]:
    """Each printed part of some patients, and parts that differ in the level of one column."""
    inside = {own: p for (name, own), p in index.items() if name == endpoint and cell < own}
    families: dict[tuple[Cell, str], dict[Cell, Printed]] = defaultdict(dict)
    for own, printed in inside.items():
        yield {own: printed}
        for column, level in own - cell:
            if level in facts.levels(column):
                families[own - {(column, level)}, column][own] = printed
    # Groups of all themselves are held against their sum by `event_sums`.
    yield from (f for (rest, _), f in families.items() if len(f) > 1 and rest != cell)


def _judge_some(roles: Roles) -> Outcome:
    whole = roles["whole"].count
    parts = {role.removeprefix("part "): p.count for role, p in roles.items() if role != "whole"}
    total = sum(parts.values())
    told = " and ".join(f"{count} ({who})" for who, count in parts.items())
    are = "is" if len(parts) == 1 else "are"
    said = f"{told} {are} more than the {whole} events of all."
    return outcome(total <= whole, float(total), math.inf, said)


@check(
    asks="Is the printed percentage of unknown values their number among the patients?",
    assumes="The patients of the group are all that the percentage is of.",
    blind="A percentage that rounds to the same digits.",
)
def missing_share(facts: Facts) -> Iterator[Case]:
    """Numbers of unknown values beside their percentages."""
    for key, (share, *_) in facts.numbers.items():
        cell, whole = cell_of(key.group), cell_of(key.population)
        if key.statistic != "percent_missing" or cell is None or whole is None:
            continue
        count = missing_values(facts).get((whole | cell, key.covariate))
        n = facts.n(whole | cell)
        if count is not None and n is not None and n.count:
            title = f"{facts.named(key.covariate)} unknown in {facts.label(whole | cell)}"
            subject = ("cells", text_of(whole | cell), key.covariate)
            yield Case(subject, title, {"count": count, "percent": share, "n": n}, _judge_share)


def _judge_share(roles: Roles) -> Outcome:
    n, low, high = roles["n"].count, *roles["percent"].interval
    right = 100 * roles["count"].count / n
    said = (
        f"{roles['count'].text} of {n} patients are {right:.{roles['percent'].decimals + 1}f}%, "
        f"not {roles['percent'].text}%."
    )
    return outcome(low - 1e-9 <= right <= high + 1e-9, right, right, said)
