"""What a reader concludes about counts from printed estimates: ratios, shares, differences.

An exact ratio with its limits tells the events of its levels; a share of patients at a month
bounds those who had the event; a standardised difference of categories tells both their counts
unless it was made from shown ones; an effective number is at most that of the patients.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger.vocabulary import COUNTED
from crlm.privacy.unknowns import Knowledge, Terms, Unknown, place, sized

Row = Mapping[str, Any]
RATIOS = ("hazard_ratio", "odds_ratio")
#: Models that tell the size and events of each level of a covariate by themselves.
OF_LEVELS = ("univariable", "levels of one model")
ALL_RATIOS = (*RATIOS, "subdistribution_hazard_ratio")
_TELLING = (*OF_LEVELS, "landmark", "overlap weighted", "att weighted", "doubly robust")
_TELLING += ("interaction adjusted", "cause specific", "fine-gray")
#: Models of shares beside competing events: of the chapter, and of the design's incidences.
_FIRST_EVENTS = ("aalen-johansen", "")
_SHARE = re.compile(r"share between ([\d.]+) and ([\d.]+)")
_STEPS = re.compile(r"in steps of (\d+) patients")
_PERIOD = re.compile(r"from month ([\d.]+)(?: to ([\d.]+))?$")
#: True in most tables; an attack takes it for true where it is.
MAYBE = "as a rule"


def read(found: Knowledge, records: Sequence[Row]) -> None:
    """Add to what is known of counts all that these rows' estimates tell."""
    for row in records:
        if pd.isna(row["estimate"]):
            continue
        for wanted, reader in _READERS:
            if wanted(row):
                reader(found, row)
    _all_causes(found)


def _endpoint(row: Row) -> str:
    names = {"short_SCP": "SCP", "first_recurrence": "RFS"}
    return names.get(row["endpoint"], str(row["endpoint"]))


# ---- ratios ---------------------------------------------------------------------


def _is_ratio(row: Row) -> bool:
    telling = row["statistic"] in ALL_RATIOS and row["model"] in _TELLING
    return telling and bool(row["level"]) and ":" not in row["covariate"]


def _ratio(found: Knowledge, row: Row) -> None:
    """The events of each level of a covariate; of an odds ratio the sizes."""
    _, conditions = place(row)
    frame, name = _endpoint(row), row["covariate"]
    frame += "".join(f", {p}" for p in row["population"].split(",") if p.startswith("from month"))
    cause = str(row["population"]).partition("resection>")[2]
    if row["statistic"] == "subdistribution_hazard_ratio" and row["model"] in OF_LEVELS:
        cause = COUNTED
    among = conditions | ({f"cause={cause}"} if cause else frozenset())
    kind = "n" if row["statistic"] == "odds_ratio" else "d"
    events: list[Terms] = [
        ((Unknown(kind, frame, among | {f"{name}={level}"}), 1),)
        for level in found.levels.get(name, {})
    ]
    found.exact[row["endpoint"], name, row["population"]] = events
    if cause:
        _causes(found, [unknown for terms in events for unknown, _ in terms])


def _periods(found: Knowledge, row: Row) -> None:
    """The events of each level in a period of the follow-up."""
    period = _PERIOD.match(str(row["population"]).rpartition(",")[2])
    if period is None or not row["level"]:
        return
    low, high = float(period.group(1)), period.group(2)
    frame, name = _endpoint(row), row["covariate"]
    events: list[Terms] = []
    for level in found.levels.get(name, {}):
        among = frozenset([f"{name}={level}"])
        before = Unknown("c", frame, among, low)
        until = Unknown("c", frame, among, float(high)) if high else Unknown("d", frame, among)
        events.append(((until, 1), (before, -1)) if low else ((until, 1),))
    found.exact[row["endpoint"], name, row["population"]] = events


# ---- shares ---------------------------------------------------------------------


def _is_incidence(row: Row) -> bool:
    telling = row["model"] in (*_FIRST_EVENTS, "one minus km")
    return telling and row["statistic"] == "cumulative_incidence"


def _incidence(found: Knowledge, row: Row) -> None:
    """Who had an event of a cause by a month: no more than the share of all patients.

    Each of them weighs as one patient or more, by those who were censored before; who left
    without an event before the month weighs at most one.
    """
    told = _SHARE.search(str(row.get("how") or ""))
    low, high = (float(v) for v in told.groups()) if told else (_exact(row), _exact(row))
    frame, (_, group) = _endpoint(row), place(row)
    size, lost = sized(frame, group), Unknown("d", frame, group | {"cause=?"})
    had = Unknown("c", frame, group | {f"cause={row['level'] or COUNTED}"}, row["time"])
    found.add([(size, high + 1e-9), (lost, -high), (had, -1)], 0, math.inf, "a share")
    if row["model"] in _FIRST_EVENTS:
        staying = Unknown("r", frame, group, row["time"])
        all_events = Unknown("c", frame, group, row["time"])
        left = [(size, 1.0), (staying, -1.0), (all_events, -1.0)]
        share = [(had, 1.0), (lost, low), *left]
        found.add([*share, (size, -low + 1e-9)], 0, math.inf, MAYBE)
    _causes(found, [had, lost])


def _exact(row: Row) -> float:
    return float(row["estimate"]) / 100


def _causes(found: Knowledge, told: Sequence[Unknown]) -> None:
    """Events of a cause are events, and those so far are some of all."""
    for unknown in told:
        cause = next(part for part in unknown.conditions if part.startswith("cause="))
        every = unknown._replace(kind="d", month=0.0)
        whole = unknown._replace(conditions=unknown.conditions - {cause})
        found.causes.setdefault(whole._replace(kind="d", month=0.0), {})[every] = None
        if unknown.kind == "c":
            found.add([(every, 1), (unknown, -1)], 0, math.inf, "events so far are events")
            found.add([(whole, 1), (unknown, -1)], 0, math.inf, MAYBE)
        size = whole._replace(kind="n", month=0.0)
        found.add([(size, 1), (every, -1)], 0, math.inf, "events are patients")
        found.add([(every, 1)], 0, math.inf, "a count")


def _all_causes(found: Knowledge) -> None:
    """The events of all causes together are all events, where the endpoint counts each."""
    for whole, parts in found.causes.items():
        lost = whole._replace(conditions=whole.conditions | {"cause=?"})
        terms = [(part, 1) for part in {**parts, lost: None}]
        found.add([(lost, 1)], 0, math.inf, "a count")
        found.add([*terms, (whole, -1)], 0, 0, MAYBE)


# ---- balance --------------------------------------------------------------------


def _is_difference(row: Row) -> bool:
    ours = row["statistic"] == "smd" and row["model"] == "diagnostic" and bool(row["level"])
    return ours and ":" not in row["covariate"] and "rounded counts" not in str(row["method"])


def _difference(found: Knowledge, row: Row) -> None:
    """Both counts of a category, from their standardised difference."""
    for level in found.levels.get(row["group"], {}):
        among = [f"{row['group']}={level}", f"{row['covariate']}={row['level']}"]
        found.pinned.append(((sized("", among), 1),))


def _worth(found: Knowledge, row: Row) -> None:
    """An effective number is at most that of the patients; of unweighted ones it is theirs."""
    told = _STEPS.search(str(row["method"]))
    half = float(told.group(1)) / 2 if told else 0.0
    _, conditions = place(row)
    value, size = float(row["estimate"]), sized("", conditions)
    treated = list(found.levels.get(row["group"].partition("=")[0], {}))[-1:]
    plain = row["model"] == "att weighted" and row["group"].partition("=")[2] in treated
    found.add([(size, 1)], math.floor(value - half), math.inf, "an effective number")
    if plain:
        found.add([(size, 1)], -math.inf, math.ceil(value + half), MAYBE)


_READERS: Sequence[tuple[Callable[[Row], bool], Callable[[Knowledge, Row], None]]] = (
    (_is_ratio, _ratio),
    (lambda row: row["model"] == "piecewise" and row["statistic"] in RATIOS, _periods),
    (_is_incidence, _incidence),
    (_is_difference, _difference),
    (lambda row: row["statistic"] == "effective_n", _worth),
)
