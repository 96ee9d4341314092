"""Checks of numbers that count patients and are no cells of a table: events, unknown values."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.counts import MISSING_UNSEEN
from crlm.audit.curves import curve_cell, curve_keys, curve_subject, curve_title
from crlm.audit.facts import Cell, Facts, Key, Printed, cell_of, text_of
from crlm.audit.intervals import denominators
from crlm.audit.model_sizes import sizes_of_models
from crlm.audit.ratios import shown, standard_error, subject_of, title_of, wald_rows
from crlm.audit.valued import missing_values

#: Fewer events than this share of those that an interval needs are no robust variance.
_SHORTFALL = 0.75


@check(
    asks="Do the events of the groups add up to those of all, and has no group more than patients?",
    assumes="Groups that make up the whole by their printed sizes, each patient with one event at "
    "most.",
    blind="Two errors that cancel; groups that do not make up the whole, beyond their sum.",
)
def event_sums(facts: Facts) -> Iterator[Case]:
    """Printed numbers of events against those of the groups, and against patients."""
    printed = curve_keys(facts, "events")
    for key, events in printed.items():
        n = facts.n(curve_cell(key))
        if n is not None:
            title = f"{curve_title(facts, key)}: patients"
            yield Case(curve_subject(key), title, {"whole": events, "n": n}, _judge_among)
    yield from _sum_cases(facts, printed)


@check(
    asks="Do the numbers at risk, and the events so far, of the groups add up to those of all?",
    assumes="Groups that make up the whole by their printed sizes; one rule of who is at risk on "
    "the day itself.",
    blind="Two errors that cancel; groups that do not make up the whole, beyond their sum.",
)
def sums_over_time(facts: Facts) -> Iterator[Case]:
    """Numbers at risk and events so far of all patients against those of the groups."""
    for statistic in ("n_at_risk", "cumulative_events"):
        yield from _sum_cases(facts, curve_keys(facts, statistic))


def _sum_cases(facts: Facts, printed: Mapping[Key, Printed]) -> Iterator[Case]:
    """Each printed number of some patients against those of the groups of each column."""
    index = {(key.endpoint, key.time, curve_cell(key)): key for key in printed}
    columns: dict[tuple, set[str]] = defaultdict(set)
    for endpoint, time, cell in index:
        columns[endpoint, time] |= {column for column, _ in cell}
    for key in printed:
        own = {column for column, _ in curve_cell(key)}
        for column in sorted(columns[key.endpoint, key.time] - own):
            yield from _sum_case(facts, key, column, index, printed)


def _sum_case(
    facts: Facts, key: Key, column: str, index: Mapping[tuple, Key], printed: Mapping[Key, Printed]
) -> Iterator[Case]:
    levels, cell = facts.levels(column), curve_cell(key)
    cells = [cell | {(column, level)} for level in levels]
    keys = [index.get((key.endpoint, key.time, own)) for own in cells]
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
    asks="Is the printed percentage with an event their number among the patients?",
    assumes="The patients of the group are all that the percentage is of; a tenth of them may have "
    "no time to the event, which is pointed at.",
    blind="A percentage that rounds to the same digits, or that fewer patients give.",
)
def events_share(facts: Facts) -> Iterator[Case]:
    """Percentages of patients with an event of an endpoint."""
    events = {(k.endpoint, curve_cell(k)): p for k, p in curve_keys(facts, "events").items()}
    for key, share in curve_keys(facts, "percent").items():
        cell = curve_cell(key)
        count, n = events.get((key.endpoint, cell)), facts.n(cell)
        if key.endpoint in facts.design.endpoints and count is not None and n is not None:
            roles = {"count": count, "percent": share, "n": n}
            yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_events_share)


def _judge_events_share(roles: Roles) -> Outcome:
    n, count = roles["n"].count, roles["count"].count
    if n <= 0:
        return unclear("There are no patients.")
    found = _judge_share(roles)
    fewer = denominators(count, roles["percent"].interval)
    near = [d for d in fewer if n * (1 - MISSING_UNSEEN) <= d < n] if count else []
    if found.verdict == "consistent" or not near:
        return found
    said = f"{found.detail[:-1]}; {near[0]} patients would give it."
    return unclear(said, found.low, found.high, notable=True)


@check(
    asks="Does the interval of a hazard ratio claim more information than there are events?",
    assumes="A two-level covariate: the variance of its log hazard ratio is at least 4 over the "
    "events. A robust variance may be smaller: a shortfall below a quarter is pointed at.",
    blind="Intervals that are wide enough; events that are not printed; odds ratios.",
    soft=True,
)
def events_needed(facts: Facts) -> Iterator[Case]:
    """The least number of events behind an interval against the printed number."""
    printed = curve_keys(facts, "events")
    events = {(k.endpoint, curve_cell(k)): p for k, p in printed.items()}
    for key, row in wald_rows(facts).items():
        cell, levels = cell_of(key.population), facts.levels(key.covariate)
        whole = {"estimate", "low", "high"} <= set(row) and key.statistic == "hazard_ratio"
        if not whole or cell is None or key.group != "all" or len(levels) != 2:
            continue
        total = _own_events(facts, key) or events.get((key.endpoint, cell))
        parts = [events.get((key.endpoint, cell | {(key.covariate, lev)})) for lev in levels]
        mine = {"events": total} if total is not None else {}
        if not mine and None not in parts:
            mine = {f"events {lev}": p for lev, p in zip(levels, parts, strict=True)}
        if mine:
            roles = {part: row[part] for part in ("estimate", "low", "high")} | mine
            yield Case(subject_of(key), f"{title_of(facts, key)}: events", roles, _judge_needed)


def _own_events(facts: Facts, key: Key) -> Printed | None:
    """The printed events of the model that a ratio is of."""
    alone = key.covariate if key.model == "univariable" else ""
    own = key._replace(covariate=alone, level="", statistic="", field="estimate", reference="")
    return sizes_of_models(facts).get(own, {}).get("events")


def _judge_needed(roles: Roles) -> Outcome:
    own = {role: p for role, p in roles.items() if not role.startswith("events")}
    error = standard_error(own)
    if error is None:
        return unclear("Estimate and limits contradict each other.")
    least = 4 / error[1] ** 2
    total = sum(p.count for role, p in roles.items() if role.startswith("events"))
    said = f"The interval {shown(own)} needs at least {least:.0f} events; printed are {total}."
    if total + 1e-9 >= least:
        return outcome(True, least, math.inf)
    if total < _SHORTFALL * least:
        return outcome(False, least, math.inf, said)
    return unclear(said, least, math.inf, notable=True)


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
