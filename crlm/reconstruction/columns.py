"""Which columns a search has, and how one follows from others."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from crlm.ledger import Design, DesignError
from crlm.ledger.factors import Cut, Merged
from crlm.reconstruction.arrays import Columns
from crlm.reconstruction.clocks import clocks_of
from crlm.reconstruction.codes import CUTS, Rule
from crlm.reconstruction.models import factors_of, levels_of
from crlm.reconstruction.quantity import Block

#: Of a first recurrence whose site the paper did not have.
UNKNOWN = "unknown"
#: Columns that say whether an endpoint's event came before a cut: the endpoint, and the
#: conventions that hold the cut (months) and what becomes of those censored before it.
EARLY = {"short_scp": ("SCP", "short_scp_months", "short_scp_censored")}

#: Categories of the shared dictionary that follow from a number of it: the number, and the cut
#: above which they are yes. A patient table that holds both may not contradict itself.
_FOLLOWING = {"multiple": ("n_tumours", 1.0)}


def following(design: Design) -> dict[str, Cut]:
    """Categories of a design that follow from a number of the same design, with the cut."""
    told = design.columns
    return {
        name: Cut(number, ("no", "yes"), (cut,), ">", whole=True)
        for name, (number, cut) in _FOLLOWING.items()
        if list(told.get(name, {}).get("levels", ())) == ["no", "yes"]
        and told.get(number, {}).get("type") == "integer"
    }


def code_of(design: Design, name: str, level: str) -> float:
    """The number that stands for a level."""
    levels = levels_of(design, name)
    if not level:
        return 0.0
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
    fixed = wishes["groups"]["columns"]
    led = [n for n, made in following(design).items() if {n, made.source} <= {*base} - {*fixed}]
    base = [name for name in base if name not in led]
    return Columns((*base, *dict.fromkeys([*led, *derived])), len(base))


def reads(block: Block) -> list[str]:
    """The columns that a block reads."""
    used = [restricted(*pair)[0] for pair in block.where]
    if block.kind == "count":
        used += [name.partition("=")[0] for name in block.columns]
    else:
        used += block.columns
    used += [block.strata] if block.strata else []
    return [*used, block.endpoint] if block.kind == "logistic" else used


def restricted(name: str, level: str) -> tuple[str, str]:
    """The column of a `where`, and its level; several levels (`a/b`) are a column of their own."""
    return (f"{name}={level}", "") if "/" in level else (name, level)


def _sources(design: Design, wishes: Mapping[str, Any], name: str) -> list[str] | None:
    """What a column follows from; None for one that holds values of its own."""
    if name in EARLY or name in timed_columns(design):
        return []
    if factors_of(name):
        return list(factors_of(name))
    if "|" in name:
        return _crossed(name)
    if name in sites_of(wishes):
        return ["site"]
    if name in wishes.get("points", {}):
        return list(wishes["points"][name])
    cut = cut_of(name)
    if cut or "=" in name:
        return [cut[0] if cut else name.partition("=")[0]]
    if bands := _bands(design, name):
        return bands
    return [str(design.spec(name)["source"])] if name in design.made else None


def _bands(design: Design, name: str) -> list[str]:
    """Of a number in several bands the cuts that they count, `age>=50`; else none."""
    made = design.cut(name)
    if made is None or len(made.cuts) == 1:
        return []
    return [f"{made.source}{made.rule}{cut!r}" for cut in made.cuts]


def cut_of(part: str) -> tuple[str, str, float] | None:
    """`cea>200` as (column, rule, cut); None for `column=level`."""
    found = re.fullmatch(r"(\w+)(>=|<=|==|>|<)(-?[\d.]+(?:e[+-]?\d+)?)", part)
    return (found[1], found[2], float(found[3])) if found else None


def sites_of(wishes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Columns that say where the first recurrence was, with the combinations of each."""
    return wishes.get("sites", {}).get("flags", {})


def rules_of(design: Design, wishes: Mapping[str, Any], columns: Columns) -> dict[str, np.ndarray]:
    """The rules of all columns that follow from others, in the order they apply."""
    derived = columns.names[columns.n_base :]
    rules = [_rule(design, wishes, columns, name) for name in derived]
    early = [_censored_early(design) if name in EARLY else math.nan for name in derived]
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
        "rule_else": np.array(early, dtype=float),
    }


def _rule(
    design: Design, wishes: Mapping[str, Any], columns: Columns, name: str
) -> tuple[int, int, float, list[int]]:
    """(rule, source, cut, list) of a derived column."""
    if name in EARLY or name in timed_columns(design):
        return _timed_rule(design, name)
    if factors_of(name):
        return Rule.PRODUCT, -1, 0.0, [columns.at(part) for part in factors_of(name)]
    if "|" in name:
        parts = _crossed(name)
        wide = float(len(levels_of(design, parts[1])))
        return Rule.CROSS, -1, wide, [columns.at(part) for part in parts]
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
    if name in design.scaled:
        return _scaled_rule(design, columns, name)
    return _factor_rule(design, columns, name)


def _factor_rule(design: Design, columns: Columns, name: str) -> tuple[int, int, float, list[int]]:
    """A number cut in two; the count of its cuts, in bands; the level that one is merged into."""
    if bands := _bands(design, name):
        return Rule.POINTS, -1, 0.0, [columns.at(part) for part in bands]
    made = following(design).get(name) or design.factor(name)
    if isinstance(made, Merged):
        return Rule.MERGED, columns.at(made.source), 0.0, _places(design, made)
    return CUTS[made.rule], columns.at(made.source), made.cuts[0], []


def _places(design: Design, made: Merged) -> list[int]:
    """By code of the category: the code of the level that it is merged into, -1 for none."""
    found = [made.place(level) for level in levels_of(design, made.source)]
    return [-1 if math.isnan(place) else int(place) for place in found]


def _scaled_rule(design: Design, columns: Columns, name: str) -> tuple[int, int, float, list[int]]:
    """A number in steps of so many units, or of so many times as much."""
    spec = design.scaled[name]
    if spec.get("per_level"):
        # A level's code is its place.
        return Rule.PER, columns.at(spec["source"]), 1.0, []
    rule, step = (Rule.PER, spec["per"]) if "per" in spec else (Rule.FOLD, math.log(spec["fold"]))
    return rule, columns.at(spec["source"]), float(step), []


def timed_columns(design: Design) -> dict[str, tuple[Rule, str]]:
    """Columns that say time or event of an endpoint: the rule, and the endpoint."""
    rules = {"event": Rule.EVENT, "months": Rule.TIME}
    return {
        f"{endpoint.lower()}_{end}": (rule, endpoint)
        for endpoint in clocks_of(design)
        for end, rule in rules.items()
    }


def _timed_rule(design: Design, name: str) -> tuple[int, int, float, list[int]]:
    rows = clocks_of(design)
    if name not in EARLY:
        rule, endpoint = timed_columns(design)[name]
        return rule, rows.index(endpoint), 0.0, []
    endpoint, months, _ = EARLY[name]
    days = design.conventions.get(months, 12.0) * design.conventions["days_per_month"]
    return Rule.EARLY, rows.index(endpoint), days, []


def _censored_early(design: Design) -> float:
    """What holds of who was censored before the cut: 0, 1, or not known."""
    (_, _, convention) = EARLY["short_scp"]
    said = design.conventions.get(convention, "")
    return {"not short": 0.0, "short": 1.0}.get(said, math.nan)


def _crossed(name: str) -> list[str]:
    """`a|b|c` as `a|b` and `c`."""
    return list(name.rpartition("|")[::2])


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
