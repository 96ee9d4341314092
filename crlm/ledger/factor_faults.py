"""Whether a factor of a design is one: what it cuts or merges, its levels and their labels."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from crlm.ledger.dictionary import Table, label_faults, level_faults, name_faults, tables, texts
from crlm.ledger.errors import Fault
from crlm.ledger.factors import BAND_RULES, Cut, Merged, band_labels, factor_of, follows
from crlm.ledger.names import Names, no_level_faults
from crlm.ledger.spelling import did_you_mean, nearest
from crlm.ledger.typed import place_of

_SIGNED = re.compile(r"\s*([<>≤≥]=?)\s*\{cut\}")
#: A sign and a number alone: beside a unit the number may be in another one than the column.
_LITERAL = re.compile(r"\s*([<>≤≥]=?)\s*(\d+(?:\.\d+)?)\s*")
_AS_RULE = {"≤": "<=", "≥": ">="}
_OTHER_SIDE = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
#: What makes a factor, one of them.
_KINDS = ("cut", "cuts", "groups")
#: What tells two factors apart.
_ESSENCE = ("source", "rule", "cut", "cuts", "groups")
_MISSING = {
    "rule": "is missing; add it. How a value stands to the cut-off: > | >= | < | <= | ==.",
    "levels": "is missing; add it. Of cut where the rule does not hold, and where it does; of "
    "cuts the bands, the lowest first.",
}
#: What merged levels do not have.
_NEEDLESS = {
    "levels": "are the names of groups; remove it.",
    "rule": "is of a number that is cut; remove it.",
}
_NO_KIND = (
    "says neither where a number is cut nor which levels are merged; write cut = 60.0, "
    "cuts = [50.0, 60.0, 70.0], or, of a category, groups = { low = ['I', 'II'], ... }."
)

Path = tuple[str, ...]


def factor_faults(design: Table, names: Names) -> Iterator[Fault]:
    """What is wrong with the tables [factors.NAME] though each of their keys has its type.

    Parameters
    ----------
    design : mapping
        design.toml.
    names : Names
        Its factors as `factors.whole_spec` gives them.
    """
    seen: dict[str, str] = {}
    for name, spec in names.factors.items():
        path, written = ("factors", name), tables(design, "factors")[name]
        first = seen.setdefault(str([spec.get(key) for key in _ESSENCE]), name)
        if first != name:
            yield Fault(place_of(design, path), f"is what [factors.{first}] is; keep one.")
        yield from name_faults(place_of(design, path), name)
        if name in names.columns:
            yield Fault(place_of(design, path), f"{name!r} is a column too; take another name.")
        yield from _kind_faults(design, path, written)
        levels = "groups" if "groups" in spec else "levels"
        yield from level_faults(place_of(design, (*path, levels)), names.levels(name))
        braces = ["cut"] if "cut" in spec else []
        yield from label_faults(written, names.levels(name), design, path, braces)
        yield from _side_faults(design, names.levels(name), path, spec)
        yield from _band_faults(design, names, path, spec)
        yield from _source_faults(design, names, path, spec)
        yield from _otherwise_faults(design, names, path, spec)


def _kind_faults(design: Table, path: Path, spec: Table) -> Iterator[Fault]:
    """One of cut, cuts and groups, with what belongs to it."""
    known = (*_KINDS, *_MISSING)
    said = [key for key in _KINDS if key in spec]
    slips = {nearest(key, known) for key in spec if key not in known}
    if len(said) > 1:
        told = f"has {' and '.join(said)}, which are two factors; keep one."
        yield Fault(place_of(design, path), told)
    elif not said and not slips & {*_KINDS}:
        yield Fault(place_of(design, path), _NO_KIND)
    for key, told in (_NEEDLESS if said == ["groups"] else {}).items():
        if key in spec:
            yield Fault(place_of(design, (*path, key)), told)
    for key, told in (_MISSING if said != ["groups"] else {}).items():
        if key not in spec and key not in slips:
            yield Fault(place_of(design, (*path, key)), told)
    if "left_out" in spec and said != ["groups"]:
        told = "is of merged levels; a value that is to be unknown is left empty. Remove it."
        yield Fault(place_of(design, (*path, "left_out")), told)
    if said == ["cuts"]:
        yield from _cuts_faults(design, path, spec)
    levels = texts(spec.get("levels"))
    if said == ["cut"] and len(levels) > 2:
        told = f"{len(levels)} of one cut-off, which makes two; write cuts for several bands."
        yield Fault(place_of(design, (*path, "levels")), told)


def _cuts_faults(design: Table, path: Path, spec: Table) -> Iterator[Fault]:
    """Cut-offs that do not rise, another number of levels than bands, a rule of one cut."""
    cuts = [cut for cut in _listed(spec.get("cuts")) if _is_number(cut)]
    place = place_of(design, (*path, "cuts"))
    for low, high in itertools.pairwise(cuts):
        if low >= high:
            yield Fault(place, f"{high:g} stands behind {low:g}; write them rising, each once.")
    rule, levels = spec.get("rule"), texts(spec.get("levels"))
    if rule in ("<", "<=", "=="):
        told = f"{rule!r} is a rule of one cut-off. Bands stand from the lowest: write '>=' if a "
        told += "value on a cut belongs to the band above it, '>' if to the one below."
        yield Fault(place_of(design, (*path, "rule")), told)
    if cuts and levels and len(levels) != len(cuts) + 1:
        told = f"{len(levels)} for {len(cuts)} cut-offs, which make {len(cuts) + 1} bands; name "
        yield Fault(place_of(design, (*path, "levels")), f"{told}each, the lowest first.")


def _side_faults(design: Table, levels: list[str], path: Path, spec: Table) -> Iterator[Fault]:
    """Labels with the sign of the other side: "< {cut}" of the level where ">=" holds."""
    labels, rule = spec.get("labels"), str(spec.get("rule"))
    cut = spec.get("cut")
    if rule not in _OTHER_SIDE or len(levels) != 2 or not isinstance(labels, Mapping):
        return
    for level, sign in zip(levels, (_OTHER_SIDE[rule], rule), strict=True):
        text = str(labels.get(level, ""))
        number = _LITERAL.fullmatch(text)
        if number and isinstance(cut, int | float) and float(number[2]) != cut:
            told = f"{text!r}, but the factor is cut at {cut:g}; write {{cut}} for the number."
            yield Fault(place_of(design, (*path, "labels", level)), told)
        found = number or _SIGNED.match(text)
        said = _AS_RULE.get(found[1], found[1]) if found else sign
        if said != sign:
            told = (
                f"{labels[level]!r}, but {level!r} is where {sign} {{cut}} holds: by rule "
                f"{rule!r} the first level is where it does not. Correct one of the three."
            )
            yield Fault(place_of(design, (*path, "labels", level)), told)


def _band_faults(design: Table, names: Names, path: Path, spec: Table) -> Iterator[Fault]:
    """Names and labels of bands that say another band than the one at their place."""
    made = _made(spec, names)
    if not isinstance(made, Cut) or made.rule == "==":
        return
    if "cuts" not in spec:
        for level in filter(lambda own: made.misnames(own, own), made.levels):
            low, high = made.levels
            told = f"{level!r}, but the factor is cut at {made.cuts[0]:g} by rule {made.rule!r}: "
            told += f"{low!r} is where that does not hold, {high!r} where it does. Correct one."
            yield Fault(place_of(design, (*path, "levels")), told)
        return
    bands = band_labels(made.cuts, made.rule, whole=made.whole)
    for level, band in zip(made.levels, bands, strict=True):
        wordings = {("levels",): level, ("labels", level): str(spec["labels"][level])}
        for key, text in wordings.items():
            if made.said(text) not in ("", level):
                told = f"{text!r} stands where the band {band} is; the lowest band stands first."
                yield Fault(place_of(design, (*path, *key)), f"{told} Correct one.")
            elif made.misnames(level, text):
                told = f"{text!r} is not the band at its place, {band} by rule {made.rule!r}; "
                yield Fault(place_of(design, (*path, *key)), f"{told}correct it, or the cut-offs.")


def _made(spec: Table, names: Names) -> Cut | Merged | None:
    """The factor of a table, where nothing of it is amiss."""
    levels, groups = spec.get("levels"), spec.get("groups")
    if not isinstance(spec.get("source"), str) or len(texts(levels)) < 2:
        return None
    column = names.columns.get(spec["source"], {})
    low = column.get("min")
    column = {**column, "min": low if _is_number(low) else None}
    if "groups" in spec:
        sound = isinstance(groups, Mapping) and all(texts(held) for held in groups.values())
        return factor_of(spec, column) if sound else None
    cuts = [cut for cut in _listed(spec.get("cuts", [spec.get("cut")])) if _is_number(cut)]
    rising = all(low < high for low, high in itertools.pairwise(cuts))
    known = (*BAND_RULES, *(("<", "<=", "==") if "cut" in spec else ()))
    if spec.get("rule") not in known or not rising or len(texts(levels)) != len(cuts) + 1:
        return None
    return factor_of(spec, column)


def _source_faults(design: Table, names: Names, path: Path, spec: Table) -> Iterator[Fault]:
    source = spec.get("source")
    if not isinstance(source, str):
        return
    place = place_of(design, (*path, "source"))
    told, column = names.unknown(source, names.columns), names.columns.get(source, {})
    kind, role = column.get("type"), column.get("role")
    if told:
        yield Fault(place, told)
    elif role in ("id", "time", "event"):
        yield Fault(place, f"{source!r} is no characteristic of a patient ({role}).")
    elif "groups" in spec:
        if kind in ("integer", "number", "text"):
            remedy = "cut a number with cuts" if kind != "text" else "give it levels"
            yield Fault(place, f"{source!r} is of type {kind!r}, which has no levels; {remedy}.")
        else:
            yield from _group_faults(design, names, path, spec)
    elif kind in ("text", "category"):
        remedy = "; merge levels of a category with groups" if kind == "category" else ""
        yield Fault(place, f"{source!r} is of type {kind!r}; a factor cuts a number{remedy}.")
    else:
        yield from _range_faults(design, path, spec, column)


def _range_faults(design: Table, path: Path, spec: Table, column: Table) -> Iterator[Fault]:
    """Cut-offs beyond what the column can hold."""
    low, high = (column.get(key) for key in ("min", "max"))
    if not (isinstance(low, int | float) and isinstance(high, int | float)):
        return
    key = "cuts" if "cuts" in spec else "cut"
    for cut in _listed(spec.get("cuts", [spec.get("cut")])):
        if _is_number(cut) and not low <= cut <= high:
            told = f"{cut} is outside what {spec['source']} can be ({low} to {high}); correct it."
            yield Fault(place_of(design, (*path, key)), told)


def _group_faults(design: Table, names: Names, path: Path, spec: Table) -> Iterator[Fault]:
    """Levels of the category that stand in no group, in two, or that it does not have."""
    groups = spec["groups"] if isinstance(spec["groups"], Mapping) else {}
    source, place = spec["source"], place_of(design, (*path, "groups"))
    seen: dict[str, str] = {}
    for name, held in {**groups, "left_out": spec.get("left_out")}.items():
        own = place_of(design, (*path, *(() if name == "left_out" else ("groups",)), name))
        for level in texts(held):
            yield from no_level_faults(own, level, names, source)
            first = seen.setdefault(level, name)
            if first != name or texts(held).count(level) > 1:
                told = f"{level!r} stands in {first} too; " if first != name else ""
                yield Fault(own, f"{told or f'{level!r} stands there twice; '}keep one.")
    lacking = [level for level in names.levels(source) if level not in seen]
    if lacking and groups:
        told = f"{' and '.join(map(repr, lacking))} of {source} in no group; add "
        told += f"{'it' if len(lacking) == 1 else 'each'} to one, or to left_out (unknown then)."
        yield Fault(place, told)


def _otherwise_faults(design: Table, names: Names, path: Path, spec: Table) -> Iterator[Fault]:
    other = spec.get("otherwise")
    if not isinstance(other, Mapping) or not isinstance(other.get("column"), str):
        return
    column, path = other["column"], (*path, "otherwise")
    told = names.unknown(column, names.columns)
    if told:
        yield Fault(place_of(design, (*path, "column")), told)
        return
    values = other.get("values")
    values = values if isinstance(values, Mapping) else {}
    place = place_of(design, (*path, "values"))
    for level in values:
        yield from no_level_faults(place, level, names, column)
    # A category may answer one side only: synchronous metastases have a short interval.
    if not values:
        yield Fault(place, f"does not say what any level of {column} is; add one.")
    for level in [v for v in values.values() if isinstance(v, str)]:
        own = texts(spec.get("levels"))
        if own and level not in own:
            yield Fault(place, f"{level!r} is no level of the factor; {did_you_mean(level, own)}")


def following_faults(place: str, entering: list[str], names: Names) -> Iterator[Fault]:
    """A factor in one model with what it follows from: its category, or a finer factor.

    Parameters
    ----------
    place : str
    entering : list of str
        Covariates of one multivariable model.
    names : Names
    """
    asked = [name for name in dict.fromkeys(entering) if name in names.factors]
    made = {name: one for name in asked if (one := _made(names.factors[name], names))}
    told: set[frozenset[str]] = set()
    for name, factor in made.items():
        finer = [other for other, one in made.items() if other != name and follows(factor, one)]
        if isinstance(factor, Merged) and factor.source in entering:
            finer.append(factor.source)
        for other in finer:
            if frozenset((name, other)) not in told:
                said = f"{name!r} follows from {other!r}, and a model of both has no estimate; "
                yield Fault(place, f"{said}keep one. One that stands alone goes to left_out.")
            told.add(frozenset((name, other)))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
