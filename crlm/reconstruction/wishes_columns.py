"""Columns that a section of reconstruction.toml cannot be about, though the design has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crlm.endpoints.declared import counting
from crlm.ledger import Design
from crlm.ledger.dictionary import Table, tables, texts
from crlm.ledger.errors import Fault

#: What makes no patient's characteristic: times and events come from the curves.
_NO_CHARACTERISTIC = ("id", "time", "event", "entry")
#: Shares that ask for a failure of the liver's control.
_OF_FAILURES = ("failure_at_once", "death_unfailed", "death_at_failure")


def column_faults(design: Design, wishes: Table) -> Iterator[Fault]:
    """Times and identifiers among characteristics, columns that follow from themselves, shares.

    Parameters
    ----------
    design : Design
    wishes : mapping
        The file as it stands; what is not of its type is told by its model, and passed over.
    """
    for check in (_characteristics, _grouping, _points, _flags, _dressed, _bounds, _shares):
        yield from check(design, wishes)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _named(wishes: Table) -> Iterator[tuple[str, Iterable[str]]]:
    """Place and columns of every section that is about characteristics of patients."""
    realism = _mapping(wishes.get("realism"))
    yield "[groups] columns", texts(_mapping(wishes.get("groups")).get("columns"))
    yield "[included]", _mapping(wishes.get("included"))
    for name in tables(wishes, "columns"):
        yield f"[columns.{name}]", [name]
    for unit in _listed(wishes.get("units")):
        yield "units", texts(unit)
    for name, parts in _mapping(wishes.get("points")).items():
        yield f"[points] {name}", [name, *map(_column, texts(parts))]
    for pair in _listed(realism.get("never")):
        yield "[realism] never", map(_column, texts(pair))
    for at, wish in enumerate(_listed(realism.get("correlations")), start=1):
        yield f"[[realism.correlations]] {at}, columns", texts(_mapping(wish).get("columns"))
    for name in tables(wishes, "dressing"):
        yield f"[dressing.{name}]", [name]


def _column(condition: str) -> str:
    return re.split(r"[<>=]", condition, maxsplit=1)[0]


def _characteristics(design: Design, wishes: Table) -> Iterator[Fault]:
    """A time, an event or an identifier, of which no value is dealt or exchanged."""
    for place, names in _named(wishes):
        for name in dict.fromkeys(names):
            role = design.columns.get(name, {}).get("role")
            if role in _NO_CHARACTERISTIC:
                yield Fault(
                    place, f"{name!r} is no characteristic of a patient ({role}); remove it."
                )


def _grouping(design: Design, wishes: Table) -> Iterator[Fault]:
    """The columns of [groups], whose sizes print has: nothing of them is open."""
    groups = texts(_mapping(wishes.get("groups")).get("columns"))
    told = "makes the groups, whose sizes are printed; remove it."
    for name in tables(wishes, "columns"):
        if name in groups:
            yield Fault(f"[columns.{name}]", f"{name!r} {told}")
    for unit in _listed(wishes.get("units")):
        for name in texts(unit):
            if name in groups:
                yield Fault("units", f"{name!r} {told}")


def _points(design: Design, wishes: Table) -> Iterator[Fault]:
    """A sum that is a category, or counts itself."""
    for name, parts in _mapping(wishes.get("points")).items():
        if design.levels(name):
            told = f"{name!r} has levels; points are a number. Name the column of the sum."
            yield Fault(f"[points] {name}", told)
        if name in map(_column, texts(parts)):
            told = f"{name!r} is among its own conditions; name those of other columns."
            yield Fault(f"[points] {name}", told)


def _flags(design: Design, wishes: Table) -> Iterator[Fault]:
    """Sites that are said by a column which cannot say yes."""
    for name in _mapping(_mapping(wishes.get("sites")).get("flags")):
        levels = design.levels(name)
        if name in design.columns and not {"no", "yes"} <= set(levels):
            there = ", ".join(levels) or "numbers"
            yield Fault(
                f"[sites.flags] {name}",
                f"{name!r} has no levels no and yes ({there}), so that it says of no site whether "
                "the recurrence was there; correct the column.",
            )


def _dressed(design: Design, wishes: Table) -> Iterator[Fault]:
    """A column that is dealt out by itself."""
    for name, spec in tables(wishes, "dressing").items():
        if spec.get("by") == name:
            told = f"{name!r} itself; name the column whose levels have weights of their own."
            yield Fault(f"[dressing.{name}] by", told)


def _bounds(design: Design, wishes: Table) -> Iterator[Fault]:
    """A comparison that the column's own limits answer, as age>200."""
    realism = _mapping(wishes.get("realism"))
    asked = [("[realism] never", part) for p in _listed(realism.get("never")) for part in texts(p)]
    for name, parts in _mapping(wishes.get("points")).items():
        asked += [(f"[points] {name}", part) for part in texts(parts)]
    for place, part in asked:
        found = re.fullmatch(r"(\w+)(?:>=|<=|==|>|<)(\d+(?:\.\d+)?)", part)
        column = design.columns.get(found[1], {}) if found else {}
        low, high = column.get("min"), column.get("max")
        if not found or column.get("levels"):
            continue
        cut = float(found[2])
        if (low is not None and cut < low) or (high is not None and cut > high):
            ends = f"{'' if low is None else low} to {'' if high is None else high}".strip()
            told = f"{part!r} is outside what {found[1]} can be ({ends}); correct the number."
            yield Fault(place, told)


def _shares(design: Design, wishes: Table) -> Iterator[Fault]:
    """Ranges that are fractions, stand twice, or are of a failure that no endpoint counts."""
    realism = _mapping(wishes.get("realism"))
    rules = [counting(design, name) for name in design.endpoints]
    fails = any(rule.failure for rule in rules if rule)
    seen: dict[str, int] = {}
    for at, wish in enumerate(_listed(realism.get("shares")), start=1):
        place, share = f"[[realism.shares]] {at}", _mapping(wish).get("share")
        high = _mapping(wish).get("high")
        if isinstance(high, int | float) and not isinstance(high, bool) and 0 < high < 1:
            told = f"{high:g} is less than 1 per cent; low and high are in per cent: {100 * high:g}"
            yield Fault(f"{place}, high", f"{told} for the fraction {high:g}.")
        if share in _OF_FAILURES and not fails:
            told = f"{share!r} asks for failures, and no endpoint of the design counts any; "
            yield Fault(f"{place}, share", f"{told}remove it.")
        if isinstance(share, str) and seen.setdefault(share, at) != at:
            yield Fault(f"{place}, share", f"{share!r} has a range in {seen[share]} too; keep one.")
    pairs: dict[frozenset[str], int] = {}
    for at, wish in enumerate(_listed(realism.get("correlations")), start=1):
        pair = frozenset(texts(_mapping(wish).get("columns")))
        if len(pair) == 2 and pairs.setdefault(pair, at) != at:
            told = f"{' and '.join(sorted(pair))} have a range in {pairs[pair]} too; keep one."
            yield Fault(f"[[realism.correlations]] {at}, columns", told)
