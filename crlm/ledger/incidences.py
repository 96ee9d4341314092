"""Cumulative incidences of a design: which event is counted, and which other one competes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crlm.ledger.dictionary import Table, name_faults, tables, texts
from crlm.ledger.errors import Fault
from crlm.ledger.names import Names
from crlm.ledger.spelling import did_you_mean
from crlm.ledger.typed import place_of
from crlm.ledger.vocabulary import FIRST_RECURRENCE, KNOWN_ENDPOINTS

_DEATHS = frozenset({"death of cancer", "death of other"})


def events_of(endpoints: Mapping[str, Mapping[str, Any]], name: str) -> frozenset[str]:
    """What ends an endpoint, deaths by cause; nothing where neither design nor name tells.

    Parameters
    ----------
    endpoints : mapping of str to mapping
        `[endpoints]` of a design.
    name : str

    Examples
    --------
    >>> sorted(events_of({"CSS": {"death_of": "cancer"}}, "CSS"))
    ['death of cancer']
    """
    spec = _rule(endpoints, name)
    if "death_of" in spec:
        return frozenset({f"death of {spec['death_of']}"})
    first = set(texts(spec.get("first_of")))
    return frozenset(first - {"death"} | (_DEATHS if "death" in first else set()))


def clock_of(endpoints: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """What starts the clock of an endpoint; "" for the operation."""
    own = endpoints.get(name, {})
    return str(own.get("after") or _rule(endpoints, name).get("after", ""))


def counts_both(
    endpoints: Mapping[str, Mapping[str, Any]], spec: Mapping[str, Any], *, deaths: bool = False
) -> bool:
    """Whether the endpoint of an incidence counts all that competes too, as DFS counts deaths.

    Parameters
    ----------
    endpoints : mapping of str to mapping
    spec : mapping
        A table of `[incidences]`.
    deaths : bool
        Whether the endpoint's events are deaths too, whatever its name says.
    """
    own = events_of(endpoints, spec["endpoint"]) | (_DEATHS if deaths else frozenset())
    other = events_of(endpoints, spec["competing"])
    return bool(other) and other < own


def incidence_faults(design: Table, names: Names) -> Iterator[Fault]:
    """Incidences of what is no endpoint, or of events that cannot compete."""
    endpoints = tables(design, "endpoints")
    labels = {str(spec.get("label")): f"endpoint {name}" for name, spec in endpoints.items()}
    taken = {name.lower(): f"the endpoint {name}" for name in endpoints}
    taken |= {name.lower(): "a column or a factor" for name in [*names.columns, *names.factors]}
    for name, spec in tables(design, "incidences").items():
        place = place_of(design, ("incidences", name))
        yield from name_faults(place, name)
        if name.lower() in taken or name == FIRST_RECURRENCE:
            what = taken.get(name.lower(), "what claims on recurrence sites name")
            yield Fault(place, f"{name!r} is {what} already; take another name.")
        taken[name.lower()] = f"the incidence {name}"
        told = str(spec.get("label", name))
        if told in labels:
            yield Fault(place, f"has the label of {labels[told]}; no reader tells them apart.")
        labels[told] = f"incidence {name}"
        yield from _pair_faults(place, spec, endpoints)
        yield from _month_faults(f"{place} months", spec.get("months"))


def _pair_faults(place: str, spec: Table, endpoints: Table) -> Iterator[Fault]:
    """An unknown endpoint, two clocks, or one event that would compete with itself."""
    named = {key: spec.get(key) for key in ("endpoint", "competing")}
    for key, name in named.items():
        if isinstance(name, str) and name not in endpoints:
            near = did_you_mean(name, endpoints)
            yield Fault(f"{place} {key}", f"{name!r} is no endpoint; {near}")
    own, other = map(str, named.values())
    if not {own, other} <= set(endpoints):
        return
    events = events_of(endpoints, own)
    if own == other or (events and events == events_of(endpoints, other)):
        told = f"{other!r} has the events of {own!r}, and none competes with itself; name the "
        told += "endpoint of the other event, as OS where deaths compete."
        yield Fault(f"{place} competing", told)
    elif clock_of(endpoints, own) != clock_of(endpoints, other):
        told = f"{other!r} and {own!r} count from different days; name two of one clock."
        yield Fault(f"{place} competing", told)


def _month_faults(place: str, months: Any) -> Iterator[Fault]:
    told = [one for one in months if isinstance(one, int | float)] if _is_list(months) else []
    if told != sorted(set(told)):
        yield Fault(place, f"{told} do not rise; write each month once, the first one first.")


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _rule(endpoints: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    spec = endpoints.get(name, {})
    declared = {"first_of", "death_of"} & spec.keys()
    return spec if declared else KNOWN_ENDPOINTS.get(name, {})
