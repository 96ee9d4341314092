"""Checks of events by the levels of one covariate against those by the levels of another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from crlm.audit.cases import Case, Outcome, Roles, check, outcome
from crlm.audit.curves import curve_cell, curve_keys
from crlm.audit.facts import Cell, Facts, Printed, text_of

#: By column, (patients, events) of each of its levels.
_Levels = dict[str, list[tuple[Printed, Printed]]]


@check(
    asks="Do the events of one covariate's levels fit those of another's, by their patients?",
    assumes="The covariate whose levels have most patients is known of all of them; each patient "
    "has one event at most.",
    blind="Tables of which the events of all are printed, which are checked by themselves; "
    "covariates of which print lacks a level.",
    soft=True,
)
def events_by_levels(facts: Facts) -> Iterator[Case]:
    """Events of the levels of each covariate against those of the one that is known of most."""
    printed = {
        (key.endpoint, curve_cell(key)): events
        for key, events in curve_keys(facts, "events").items()
    }
    for (endpoint, base), columns in _columns(facts, printed).items():
        sizes = {name: sum(n.count for n, _ in own) for name, own in columns.items()}
        widest = max(sizes, key=lambda name: sizes[name])
        whole = facts.n(base)
        if (endpoint, base) in printed or (whole is not None and sizes[widest] < whole.count):
            continue
        for name in sorted(set(columns) - {widest}):
            roles = {**_roles("first", columns[widest]), **_roles("own", columns[name])}
            title = f"{facts.named(name)}, {facts.endpoint(endpoint)}: events beside "
            title += facts.named(widest)
            own, other = facts.named(name), facts.named(widest)

            def judge(roles: Roles, own: str = own, other: str = other) -> Outcome:
                return _judge(roles, own, other)

            yield Case(("events", endpoint, text_of(base), name), title, roles, judge)


def _columns(
    facts: Facts, printed: dict[tuple[str, Cell], Printed]
) -> dict[tuple[str, Cell], _Levels]:
    """Columns of which all levels have patients and events, by endpoint and whose levels."""
    found: dict[tuple[str, Cell], _Levels] = defaultdict(dict)
    for endpoint, cell in printed:
        for column, _ in cell:
            base = frozenset(part for part in cell if part[0] != column)
            if column in found.get((endpoint, base), {}):
                continue
            cells = [base | {(column, level)} for level in facts.levels(column)]
            pairs = [(facts.n(own), printed.get((endpoint, own))) for own in cells]
            whole = [(n, events) for n, events in pairs if n is not None and events is not None]
            if len(whole) == len(cells) > 1:
                found[endpoint, base][column] = whole
    return {key: columns for key, columns in found.items() if len(columns) > 1}


def _roles(who: str, levels: list[tuple[Printed, Printed]]) -> dict[str, Printed]:
    found = {}
    for at, (n, events) in enumerate(levels):
        found |= {f"{who} n {at}": n, f"{who} events {at}": events}
    return found


def _judge(roles: Roles, own: str, other: str) -> Outcome:
    def summed(start: str) -> int:
        return sum(printed.count for role, printed in roles.items() if role.startswith(start))

    most, all_events = summed("first n "), summed("first events ")
    n, events = summed("own n "), summed("own events ")
    low, high = max(0, all_events - (most - n)), min(all_events, n)
    said = f"By {own} {events} of {n} patients have the event; by {other} {all_events} of {most}, "
    said += f"which leaves {low}"
    said += f" to {high}." if high > low else "."
    return outcome(low <= events <= high, low, high, said)
