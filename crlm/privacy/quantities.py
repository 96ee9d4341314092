"""What a reader of released rows knows about counts: unknowns, and equations between them.

Made from rows alone, so that it holds for any report with these keys. An unknown is a count
of patients (n), of events among them (d), or of those at risk at a month (r); it is named by
its endpoint and by the conditions that its patients meet.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd

from crlm.ledger import as_records
from crlm.privacy import estimates
from crlm.privacy.unknowns import Knowledge, Unknown, place, sized

_BAND = re.compile(r"band of (\d+)")
_BETWEEN = re.compile(r"(?<!the others )between (\d+) and (\d+)")
_OTHERS = re.compile(r"the others between (\d+) and (\d+)")
_RATIOS = estimates.ALL_RATIOS
#: Models that tell the size and events of each level of a covariate by itself.
_OF_LEVELS = estimates.OF_LEVELS
_AT_TIMES = {"n_at_risk": "r", "cumulative_events": "c"}
_AGAIN = "as shown before"
_LATE = "late entry"
_OPEN = ("rest", "sum of bands", "of nearly the same patients", "hidden")


class Nest(NamedTuple):
    """Levels of one column that lie in levels of another, as codons in the mutants.

    Attributes
    ----------
    column : str
        The finer one.
    within : mapping of str to (str, str)
        By level of it the (column, level) that holds it.
    whole : bool
        Whether a level holds no others than these, as of a factor made of the column.
    """

    column: str
    within: Mapping[str, tuple[str, str]]
    whole: bool = False


def of(
    rows: pd.DataFrame | Sequence[Mapping[str, Any]],
    k: int,
    nested: Sequence[Nest] = (),
    levels: Mapping[str, Sequence[str]] | None = None,
    complete: Collection[str] = (),
) -> Knowledge:
    """What released rows tell.

    Parameters
    ----------
    rows : pandas.DataFrame or sequence of mappings
        Result rows as released: `method`, or `how` where there is such a column, says how each
        count is told.
    k : int
        The K of the release.
    nested : sequence of Nest
        Columns within others.
    levels : mapping, optional
        All levels of each column: the first rows of a forest tell one of them alone.
    complete : collection of str
        Columns that are known of every patient: a table that names no unknown says so.
    """
    found = Knowledge(complete=frozenset(complete))
    records = as_records(rows) if isinstance(rows, pd.DataFrame) else rows
    for row in records:
        _read(found, row, k)
    for name, told in found.levels.items():
        if told:
            told |= dict.fromkeys((levels or {}).get(name, ()))
    _splits(found)
    _over_time(found)
    _events(found)
    _flow(found, records)
    for nest in nested:
        _nest(found, nest)
    estimates.read(found, records)
    return found


def told(rows: pd.DataFrame) -> dict[Unknown, float]:
    """The true value of each count that exact rows print."""
    values: dict[Unknown, float] = {}
    for row in as_records(rows):
        for unknown, value in _named(row):
            if value is not None and not pd.isna(value):
                values.setdefault(unknown, float(value))
    return values


# ---- rows -----------------------------------------------------------------------


def _named(row: Mapping[str, Any]) -> Iterator[tuple[Unknown, Any]]:
    """The counts that a row prints, with their values."""
    statistic, frame, conditions = row["statistic"], *place(row)
    if row["covariate"] == "flow":
        yield Unknown("x", "", frozenset([row["level"]])), row["estimate"]
    elif statistic in _AT_TIMES:
        yield Unknown(_AT_TIMES[statistic], frame, conditions, row["time"]), row["estimate"]
    elif statistic == "missing" and row["model"] in ("", "left out"):
        yield sized(frame, conditions | {f"{row['covariate']}=?"}), row["estimate"]
    elif statistic == "n" and row["model"] == "":
        inside = _level(row, conditions)
        if inside is not None:
            yield sized(frame, inside), row["estimate"]
            if frame and not row["covariate"]:
                yield Unknown("d", frame, inside), row["events"]
    elif _of_a_level(row):
        inside = conditions | {f"{row['covariate']}={row['level']}"}
        yield sized(frame, inside), row["n"]
        yield Unknown("d", frame, inside), row["events"]


def _of_a_level(row: Mapping[str, Any]) -> bool:
    """Whether a row of a model tells the size of a level and its events."""
    wanted = row["statistic"] in ("reference", *_RATIOS) and row["model"] in _OF_LEVELS
    return wanted and bool(row["level"]) and ":" not in row["covariate"]


def _level(row: Mapping[str, Any], conditions: frozenset[str]) -> frozenset[str] | None:
    if not row["covariate"]:
        return conditions
    return conditions | {f"{row['covariate']}={row['level']}"} if row["level"] else None


def _read(found: Knowledge, row: Mapping[str, Any], k: int) -> None:
    main, _, of_events = str(row.get("how") or row["method"]).partition("events: ")
    size: Unknown | None = None
    for unknown, value in _named(row):
        if unknown.kind == "c" or (unknown.kind == "x" and not _excluded(unknown)):
            continue
        _remember(found, unknown)
        if unknown.kind == "r" and _LATE in row["method"]:
            found.late.add((unknown.frame, unknown.conditions))
        text = of_events if unknown.kind == "d" else main
        if _AGAIN not in text:
            found.first.setdefault(unknown, (_column(row), text))
        if value is None or pd.isna(value):
            continue
        whole = size or sized(unknown.frame, unknown.conditions)
        if unknown.kind == "n":
            size = unknown
        _tell(found, unknown, whole, float(value), text, k)


def _column(row: Mapping[str, Any]) -> str:
    """By which column the patients are split of whom a row counts one part."""
    return str(row["covariate"] or row["group"].partition("=")[0])


def _excluded(unknown: Unknown) -> bool:
    return next(iter(unknown.conditions)).endswith("_excluded")


def _remember(found: Knowledge, unknown: Unknown) -> None:
    for condition in unknown.conditions if unknown.kind != "x" else ():
        name, _, level = condition.partition("=")
        if level not in ("?", "known") and "/" not in level:
            found.levels.setdefault(name, {})[level] = None
        else:
            found.levels.setdefault(name, {})
    if unknown.kind == "r":
        key = (unknown.frame, unknown.conditions)
        found.months.setdefault(key, set()).add(unknown.month)
    if unknown not in found.printed:
        found.printed[unknown] = ""
        found.add([(unknown, 1)], 0, math.inf, "a count")


def _tell(
    found: Knowledge, unknown: Unknown, size: Unknown, value: float, text: str, k: int
) -> None:
    """What the text of one count says of it."""
    found.printed[unknown] = text
    band, between, others = _BAND.search(text), _BETWEEN.search(text), _OTHERS.search(text)
    if others:
        low, high = map(int, others.groups())
        found.add([(size, 1), (unknown, -1)], low, high, "others banded")
    elif between:
        low, high = map(int, between.groups())
        found.add([(unknown, 1)], low, high, "band")
    elif band:
        low = int(value) // k * k
        found.add([(unknown, 1)], low, low + k - 1, "band")
    elif not any(word in text for word in _OPEN):
        found.add([(unknown, 1)], value, value, "exact")


# ---- what everybody knows -------------------------------------------------------


def _splits(found: Knowledge) -> None:
    """Levels and missing add up to their whole, those that no row has printed yet among them.

    Of two columns that are crossed once every cell is asked after, and of patients of an
    endpoint the patients of the study: a later table may name them, and a reader knows now.
    """
    done: set[tuple[str, str, frozenset[str], float, str]] = set()
    joint = [u for u in found.printed if any("/" in c for c in u.conditions)]
    study = [u._replace(frame="") for u in found.printed if u.kind == "n" and _of_all(u.frame)]
    waiting = list(dict.fromkeys([*found.printed, *study]))
    met = set(waiting)
    while waiting:
        unknown = waiting.pop()
        for condition in unknown.conditions if unknown.kind != "x" else ():
            name = condition.partition("=")[0]
            rest = unknown.conditions - {condition}
            if any(part.startswith(f"{name}=") for part in rest):
                continue
            key = (unknown.kind, unknown.frame, rest, unknown.month, name)
            if key in done:
                continue
            done.add(key)
            whole = Unknown(unknown.kind, unknown.frame, rest, unknown.month)
            new = [u for u in _split(found, whole, name, joint) if u not in met]
            met.update(new)
            waiting += new
            _unprinted(found, new)


def _unprinted(found: Knowledge, parts: Sequence[Unknown]) -> None:
    """Those at risk whom no row tells, as the ones of unknown group, leave as all others do."""
    late = {frame for frame, _ in found.late}
    for unknown in parts:
        if unknown.kind == "r":
            key = (unknown.frame, unknown.conditions)
            found.months.setdefault(key, set()).add(unknown.month)
            if unknown.frame in late:
                found.late.add(key)


def _split(found: Knowledge, whole: Unknown, name: str, joint: Sequence[Unknown]) -> list[Unknown]:
    """The equations of one whole and its parts by a column; the parts, and the whole."""

    def part(level: str) -> Unknown:
        return Unknown(kind, frame, conditions | {f"{name}={level}"}, month)

    kind, frame, conditions, month = whole

    levels = [part(level) for level in found.levels.get(name, {})]
    known, missing = part("known"), part("?")
    if levels and known in found.printed:
        found.add([*((u, 1) for u in levels), (known, -1)], 0, 0, "levels")
    parts = levels or [known]
    every = parts if name in found.complete else [*parts, missing]
    found.add([*((u, 1) for u in every), (whole, -1)], 0, 0, "whole")
    for unknown in (*every, whole):
        found.add([(unknown, 1)], 0, math.inf, "a count")
    for unknown in joint:
        several = re.fullmatch(rf"{name}=(.+/.+)", _only(unknown, whole))
        if several:
            among = [(part(level), 1) for level in several.group(1).split("/")]
            found.add([*among, (unknown, -1)], 0, 0, "joint levels")
    _largest(found, parts, name)
    return [*every, whole]


def _only(unknown: Unknown, whole: Unknown) -> str:
    """The one condition that an unknown has beyond a whole; empty if it is not such a part."""
    if unknown[:2] != whole[:2] or unknown.month != whole.month:
        return ""
    more = unknown.conditions - whole.conditions
    return next(iter(more)) if len(more) == 1 and whole.conditions <= unknown.conditions else ""


def _largest(found: Knowledge, parts: Sequence[Unknown], name: str) -> None:
    """A rest is the largest of the parts that were banded beside it, of a split by a column."""
    texts = {u: text for u in parts for by, text in [found.first.get(u, ("", ""))] if by == name}
    rests = [unknown for unknown, text in texts.items() if text.rstrip("; ").endswith("rest")]
    for other, text in texts.items() if len(rests) == 1 else ():
        if other != rests[0] and (_BAND.search(text) or _OTHERS.search(text)):
            found.add([(rests[0], 1), (other, -1)], 0, math.inf, estimates.MAYBE)


def _over_time(found: Knowledge) -> None:
    """Events gather, and who had one has left.

    Without late entry all are at risk at the beginning, whoever is at risk later was so before,
    and whoever has the event later is at risk now.
    """
    for (frame, conditions), months in found.months.items():
        ticks = sorted(months)
        at = [Unknown("r", frame, conditions, month) for month in ticks]
        so_far = [Unknown("c", frame, conditions, month) for month in ticks]
        size, had = sized(frame, conditions), Unknown("d", frame, conditions)
        for here in at:
            found.add([(size, 1), (here, -1)], 0, math.inf, "at risk are patients")
        for now, later in zip(so_far, at[1:], strict=False):
            found.add([(size, 1), (later, -1), (now, -1)], 0, math.inf, "events have left")
        for earlier, later in pairwise(so_far):
            found.add([(later, 1), (earlier, -1)], 0, math.inf, "events gather")
        for now in so_far:
            found.add([(now, 1)], 0, math.inf, "a count")
            found.add([(had, 1), (now, -1)], 0, math.inf, "events so far are events")
        if (frame, conditions) not in found.late:
            _from_the_beginning(found, size, at, so_far)


def _from_the_beginning(
    found: Knowledge, size: Unknown, at: Sequence[Unknown], so_far: Sequence[Unknown]
) -> None:
    """Nobody entered late."""
    if at[0].month == 0:
        found.add([(at[0], 1), (size, -1)], 0, 0, "at the beginning")
    for earlier, later in pairwise(at):
        found.add([(earlier, 1), (later, -1)], 0, math.inf, "at risk falls")
    had = size._replace(kind="d")
    for here, now in zip(at, so_far, strict=True):
        found.add([(here, 1), (now, 1), (had, -1)], 0, math.inf, "later events are at risk")


def _of_all(frame: str) -> bool:
    """Whether an endpoint is of all patients, but for the few whose times are lost."""
    return "from month" not in frame and frame != "OS_after_recurrence"


def _events(found: Knowledge) -> None:
    """Events are patients; a frame's patients are patients of the study."""
    every = found.unknowns()
    seen = set(every)
    for unknown in every:
        size = sized(unknown.frame, unknown.conditions)
        if unknown.kind == "d":
            found.add([(size, 1), (unknown, -1)], 0, math.inf, "events are patients")
        if unknown.kind != "n" or not unknown.frame:
            continue
        whole = sized("", unknown.conditions)
        if whole in seen:
            if not _of_all(unknown.frame):
                found.add([(whole, 1), (unknown, -1)], 0, math.inf, "a part of the patients")
                continue
            lost = [(sized("", ()), 1), (sized(unknown.frame, ()), -1)]
            gap = [(whole, 1), (unknown, -1)]
            found.add(gap, 0, math.inf, "a part of the patients")
            if unknown.conditions:
                found.add([*lost, *((u, -c) for u, c in gap)], 0, math.inf, "no more are lost")


def _flow(found: Knowledge, records: Sequence[Mapping[str, Any]]) -> None:
    """The banded exclusions lead from the start to the patients included, an exact number."""
    kept = [r for r in records if r["covariate"] == "flow" and not r["level"].endswith("_excluded")]
    if kept and not pd.isna(kept[-1]["estimate"]):
        number = float(kept[-1]["estimate"])
        found.add([(sized("", ()), 1)], number, number, "exact")
    levels = [r["level"] for r in records if r["covariate"] == "flow"]
    out = [Unknown("x", "", frozenset([name])) for name in levels if name.endswith("_excluded")]
    known = [unknown for unknown in out if unknown in found.printed]
    if known and "start" in levels:
        start = Unknown("x", "", frozenset(["start"]))
        found.add([(start, 1), *((u, -1) for u in known), (sized("", ()), -1)], 0, 0, "flow")


def _nest(found: Knowledge, nest: Nest) -> None:
    """A fine level lies in one coarse level: the codons of the mutants."""
    column, within = nest.column, nest.within
    every = found.unknowns()
    seen = set(every)
    for unknown in every:
        here = [c for c in unknown.conditions if c.partition("=")[0] == column]
        if len(here) != 1 or unknown.kind not in ("n", "d", "r"):
            continue
        rest = unknown.conditions - set(here)
        groups: dict[tuple[str, str], list[Unknown]] = {}
        for level, coarse in within.items():
            fine = Unknown(unknown.kind, unknown.frame, rest | {f"{column}={level}"}, unknown.month)
            if fine in seen:
                groups.setdefault(coarse, []).append(fine)
        for (name, level), parts in groups.items():
            whole = unknown._replace(conditions=rest | {f"{name}={level}"})
            if whole in seen:
                terms = [(whole, 1), *((u, -1) for u in parts)]
                every_part = nest.whole and len(parts) == [*within.values()].count((name, level))
                found.add(terms, 0, 0 if every_part else math.inf, "nested")
