"""Which columns a search has, and how one follows from others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from crlm.ledger import Design, DesignError
from crlm.reconstruction.arrays import Columns
from crlm.reconstruction.codes import CUTS, Rule
from crlm.reconstruction.quantities import levels_of

#: Of a first recurrence whose site the paper did not have.
UNKNOWN = "unknown"


def code_of(design: Design, name: str, level: str) -> float:
    """The number that stands for a level."""
    levels = levels_of(design, name)
    if level not in levels:
        raise DesignError(f"{design.study}: {name} has no level {level!r}; it has {levels}.")
    return float(levels.index(level))


def columns_of(
    design: Design, wishes: Mapping[str, Any], blocks: Mapping[tuple[Any, ...], Any]
) -> Columns:
    """Columns that hold values, then those that follow, each behind what it follows from."""
    asked: list[str] = [*wishes["groups"]["columns"], *wishes.get("columns", {})]
    for block in blocks:
        asked += reads(block)
    never = wishes.get("realism", {}).get("never", ())
    asked += [part if cut_of(part) else part.partition("=")[0] for pair in never for part in pair]
    base: list[str] = []
    derived: list[str] = []
    waiting = list(dict.fromkeys(asked))[::-1]
    while waiting:
        name = waiting.pop()
        sources = _sources(design, wishes, name)
        if sources is None:
            base.append(name)
            continue
        missing = [s for s in sources if s not in base and s not in derived]
        if missing:
            waiting += [name, *missing]
        else:
            derived.append(name)
    base = list(dict.fromkeys(base))
    return Columns((*base, *dict.fromkeys(derived)), len(base))


def reads(block: tuple[Any, ...]) -> list[str]:
    """The columns that a block reads."""
    kind, endpoint, where, names = block
    used = [restricted(*pair)[0] for pair in where]
    if kind == "count":
        used += [name.partition("=")[0] for name in names]
    else:
        used += names
    return [*used, endpoint] if kind == "logistic" else used


def restricted(name: str, level: str) -> tuple[str, str]:
    """The column of a `where`, and its level; several levels (`a/b`) are a column of their own."""
    return (f"{name}={level}", "") if "/" in level else (name, level)


def _sources(design: Design, wishes: Mapping[str, Any], name: str) -> list[str] | None:
    """What a column follows from; None for one that holds values of its own."""
    if name == "short_scp":
        return []
    if name in sites_of(wishes):
        return ["site"]
    if name in wishes.get("points", {}):
        return list(wishes["points"][name])
    cut = cut_of(name)
    if cut or "=" in name:
        return [cut[0] if cut else name.partition("=")[0]]
    return [design.factors[name]["source"]] if name in design.factors else None


def cut_of(part: str) -> tuple[str, str, float] | None:
    """`cea>200` as (column, rule, cut); None for `column=level`."""
    found = re.fullmatch(r"(\w+)(>=|<=|==|>|<)([\d.]+)", part)
    return (found[1], found[2], float(found[3])) if found else None


def sites_of(wishes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Columns that say where the first recurrence was, with the combinations of each."""
    return wishes.get("sites", {}).get("flags", {})


def rules_of(design: Design, wishes: Mapping[str, Any], columns: Columns) -> dict[str, np.ndarray]:
    """The rules of all columns that follow from others, in the order they apply."""
    rules = [_rule(design, wishes, columns, name) for name in columns.names[columns.n_base :]]
    widest = max([len(r[3]) for r in rules], default=1) or 1
    lists = np.full((len(rules), widest), -1)
    for row, rule in zip(lists, rules, strict=True):
        row[: len(rule[3])] = rule[3]
    return {
        "rule": np.array([r[0] for r in rules], dtype=np.int64),
        "rule_to": np.arange(columns.n_base, len(columns.names)),
        "rule_from": np.array([r[1] for r in rules], dtype=np.int64),
        "rule_cut": np.array([r[2] for r in rules], dtype=float),
        "rule_set": lists.astype(np.int64),
    }


def _rule(
    design: Design, wishes: Mapping[str, Any], columns: Columns, name: str
) -> tuple[int, int, float, list[int]]:
    """(rule, source, cut, list) of a derived column."""
    if name == "short_scp":
        return Rule.SHORT, -1, 0.0, []
    if name in sites_of(wishes):
        named = wishes["sites"]["combinations"]
        unknown = named.index(UNKNOWN) if UNKNOWN in named else -1
        return Rule.SITE, columns.at("site"), float(unknown), list(sites_of(wishes)[name])
    if name in wishes.get("points", {}):
        return Rule.POINTS, -1, 0.0, [columns.at(part) for part in wishes["points"][name]]
    cut = cut_of(name)
    if cut:
        return CUTS[cut[1]], columns.at(cut[0]), cut[2], []
    if "=" in name:
        source, _, level = name.partition("=")
        codes = [int(code_of(design, source, part)) for part in level.split("/")]
        return Rule.AMONG, columns.at(source), 0.0, codes
    spec = design.factors[name]
    return CUTS[spec["rule"]], columns.at(spec["source"]), float(spec["cut"]), []


def forbidden(design: Design, wishes: Mapping[str, Any], columns: Columns) -> np.ndarray:
    """Pairs of codes that no patient may have: rows (column, code, column, code)."""
    rows = []
    for pair in wishes.get("realism", {}).get("never", ()):
        row: list[float] = []
        for part in pair:
            if cut_of(part):
                row += [columns.at(part), 1.0]
            else:
                name, _, level = part.partition("=")
                row += [columns.at(name), code_of(design, name, level)]
        rows.append(row)
    return np.array(rows, dtype=float).reshape(-1, 4)
