"""Targets and columns as arrays: what the compiled search reads and never changes."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.special import bdtr
from scipy.stats import norm

from crlm.ledger import Design, DesignError
from crlm.reconstruction import kernels
from crlm.reconstruction.targets import Statistic, Target, levels_of

#: Endpoints that a course of disease (recurrence, failure, end, death) gives, in this order.
ENDPOINTS = ("OS", "RFS", "SCP", "OS_after_recurrence")
KINDS = (
    "km",
    "followup",
    "reverse",
    "logrank",
    "cox",
    "logistic",
    "association",
    "ranks",
    "summary",
    "count",
    "correlation",
    "anchor",
    "share",
)
SHARES = ("failure_at_once", "death_alone", "death_unfailed", "death_at_failure", "recurrences")
#: Microseconds of one evaluation with 150 patients on a core of 2020: only ratios matter.
_PRICE = {
    "km": 6.0,
    "followup": 5.0,
    "logrank": 4.0,
    "cox": 3.0,
    "logistic": 3.0,
    "association": 8.0,
    "ranks": 15.0,
    "summary": 5.0,
    "count": 1.5,
    "correlation": 10.0,
    "anchor": 1.5,
    "share": 2.0,
}
#: Rules by which one column follows from others.
OVER, FROM, UNDER, UPTO, EQUAL, AMONG, POINTS, SHORT, SITE = range(9)
#: Of a first recurrence whose site the paper did not have.
UNKNOWN = "unknown"
_CUTS = {">": OVER, ">=": FROM, "<": UNDER, "<=": UPTO, "==": EQUAL}
_CONF = {
    "plain": kernels.PLAIN,
    "log": kernels.LOG,
    "log-log": kernels.LOGLOG,
    "spss": kernels.SPSS,
}
_LIMITS = ("estimate", "conf_low", "conf_high")
_SUMMARY = ("median", "min", "max", "q1", "q3")
_FOLLOW_UP = ("median_follow_up", "min_follow_up", "max_follow_up")
#: A standard error is held this closely (share of itself) from the start: one patient hardly
#: moves it, so once ratios are met it cannot be mended.
_LOOSE = 0.04
#: Survival on both sides of a printed median, too, is held closely from the start (percent): where
#: many leave early, a median lies on its day only if many are lost early, and late in a search
#: nobody can be lost early any more.
_STEEP, _STEP = 2.0, 0.8
#: So are counts of levels that may change, as of sites: met at the start, else soon lost for good.
_ONE = 1.0
MOST_COLUMNS, MOST_PAIRS = 9, 2
OUT = 2 + kernels.ROW * MOST_COLUMNS
#: Times of rates on one curve, and days with a number of events of one endpoint.
_MOST_TIMES = {"km": (OUT - 5) // 3, "anchor": OUT}


class Plan(NamedTuple):
    """Arrays of blocks (what is computed at once), their targets, and the columns' rules."""

    kind: np.ndarray
    price: np.ndarray  # time that an evaluation takes, about, of one kind to another
    endpoint: np.ndarray
    where: np.ndarray
    n_where: np.ndarray
    columns: np.ndarray
    n_columns: np.ndarray
    code: np.ndarray
    asked: np.ndarray
    n_asked: np.ndarray
    first: np.ndarray  # targets of block b: first[b] to first[b + 1]
    slot: np.ndarray
    absolute: np.ndarray
    low: np.ndarray
    high: np.ndarray
    natural: np.ndarray
    fine: np.ndarray  # half the width of the interval
    by_endpoint: np.ndarray  # blocks that a change touches, as flags
    by_column: np.ndarray
    by_swap: np.ndarray
    rule: np.ndarray
    rule_to: np.ndarray
    rule_from: np.ndarray
    rule_cut: np.ndarray
    rule_set: np.ndarray
    forbidden: np.ndarray  # rows (column, code, column, code) that no patient may have
    ranks: np.ndarray
    month: float
    z: float
    conf: int
    efron: bool
    fisher: bool
    scp: bool
    scp_death: bool
    short_days: float
    short_early: float


@dataclass(frozen=True)
class Columns:
    """Names of the columns of the search: those that hold values, then those that follow.

    Attributes
    ----------
    names : tuple of str
        `kras_codon=codon12` is 1 where the level holds.
    n_base : int
        How many of them hold values of their own.
    """

    names: tuple[str, ...]
    n_base: int

    def at(self, name: str) -> int:
        """Position of a column."""
        return self.names.index(name)


def compile_plan(
    design: Design, wishes: Mapping[str, Any], targets: Sequence[Target], size: int
) -> tuple[Plan, Columns, list[Target]]:
    """The plan of a search, its columns, and the targets in the order of the plan.

    Parameters
    ----------
    design : Design
    wishes : mapping
        `data/<study>/reconstruction.toml`.
    targets : sequence of Target
        Claims, implied inequalities, priors.
    size : int
        Number of patients.

    Raises
    ------
    DesignError
        If the design has a convention that the kernels do not know.
    """
    if design.conventions["median_rule"] != "first":
        raise DesignError("A search knows the median rule 'first' only; see kernels.kaplan_meier.")
    blocks: dict[tuple[Any, ...], list[Target]] = {}
    for target in targets:
        blocks.setdefault(target.statistic.block, []).append(target)
    blocks = dict(sorted(blocks.items(), key=lambda item: _price(item[0], wishes)))
    columns = _columns(design, wishes, blocks)
    rules = _rules(design, wishes, columns)
    listed = [target for group in blocks.values() for target in group]
    free = {n for n, spec in wishes.get("columns", {}).items() if spec.get("free")}
    free |= {*_sites(wishes)}
    arrays = {**_blocks(design, columns, blocks), **_targets(blocks, free)}
    arrays |= _dependence(design, wishes, columns, blocks, rules)
    arrays |= rules | _conventions(design, size)
    arrays["forbidden"] = _forbidden(design, wishes, columns)
    return Plan(**arrays), columns, listed


def _price(block: tuple[Any, ...], wishes: Mapping[str, Any]) -> tuple[int, int]:
    """Cheap and delicate blocks first: a bad move is then refused before the dear ones run."""
    kind, _, where, names = block
    open_ = {name for name, _ in where} - set(wishes["groups"]["columns"])
    order = (
        "anchor",
        "km",
        "followup",
        "logrank",
        "share",
        "association",
        "count",
        "correlation",
        "summary",
        "ranks",
        "cox",
        "logistic",
    )
    return len(open_) if kind == "km" else 1, order.index(kind) * 10 + len(names)


def code_of(design: Design, name: str, level: str) -> float:
    """The number that stands for a level."""
    levels = levels_of(design, name)
    if level not in levels:
        raise DesignError(f"{design.study}: {name} has no level {level!r}; it has {levels}.")
    return float(levels.index(level))


# ---- columns -------------------------------------------------------------------------------


def _columns(
    design: Design, wishes: Mapping[str, Any], blocks: Mapping[tuple[Any, ...], Any]
) -> Columns:
    """Columns that hold values, then those that follow, each behind what it follows from."""
    asked: list[str] = [*wishes["groups"]["columns"], *wishes.get("columns", {})]
    for block in blocks:
        asked += _used(block)
    never = wishes.get("realism", {}).get("never", ())
    asked += [part if _cut_of(part) else part.partition("=")[0] for pair in never for part in pair]
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


def _used(block: tuple[Any, ...]) -> list[str]:
    """The columns that a block reads."""
    kind, endpoint, where, names = block
    used = [_restricted(*pair)[0] for pair in where]
    if kind == "count":
        used += [name.partition("=")[0] for name in names]
    else:
        used += names
    return [*used, endpoint] if kind == "logistic" else used


def _restricted(name: str, level: str) -> tuple[str, str]:
    """The column of a `where`, and its level; several levels (`a/b`) are a column of their own."""
    return (f"{name}={level}", "") if "/" in level else (name, level)


def _sources(design: Design, wishes: Mapping[str, Any], name: str) -> list[str] | None:
    """What a column follows from; None for one that holds values of its own."""
    if name == "short_scp":
        return []
    if name in _sites(wishes):
        return ["site"]
    if name in wishes.get("points", {}):
        return list(wishes["points"][name])
    cut = _cut_of(name)
    if cut or "=" in name:
        return [cut[0] if cut else name.partition("=")[0]]
    return [design.factors[name]["source"]] if name in design.factors else None


def _cut_of(part: str) -> tuple[str, str, float] | None:
    """`cea>200` as (column, rule, cut); None for `column=level`."""
    found = re.fullmatch(r"(\w+)(>=|<=|==|>|<)([\d.]+)", part)
    return (found[1], found[2], float(found[3])) if found else None


def _sites(wishes: Mapping[str, Any]) -> Mapping[str, Any]:
    return wishes.get("sites", {}).get("flags", {})


def _rules(design: Design, wishes: Mapping[str, Any], columns: Columns) -> dict[str, np.ndarray]:
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
        return SHORT, -1, 0.0, []
    if name in _sites(wishes):
        named = wishes["sites"]["combinations"]
        unknown = named.index(UNKNOWN) if UNKNOWN in named else -1
        return SITE, columns.at("site"), float(unknown), list(_sites(wishes)[name])
    if name in wishes.get("points", {}):
        return POINTS, -1, 0.0, [columns.at(part) for part in wishes["points"][name]]
    cut = _cut_of(name)
    if cut:
        return _CUTS[cut[1]], columns.at(cut[0]), cut[2], []
    if "=" in name:
        source, _, level = name.partition("=")
        codes = [int(code_of(design, source, part)) for part in level.split("/")]
        return AMONG, columns.at(source), 0.0, codes
    spec = design.factors[name]
    return _CUTS[spec["rule"]], columns.at(spec["source"]), float(spec["cut"]), []


def _forbidden(design: Design, wishes: Mapping[str, Any], columns: Columns) -> np.ndarray:
    rows = []
    for pair in wishes.get("realism", {}).get("never", ()):
        row: list[float] = []
        for part in pair:
            if _cut_of(part):
                row += [columns.at(part), 1.0]
            else:
                name, _, level = part.partition("=")
                row += [columns.at(name), code_of(design, name, level)]
        rows.append(row)
    return np.array(rows, dtype=float).reshape(-1, 4)


# ---- blocks --------------------------------------------------------------------------------


def _blocks(
    design: Design, columns: Columns, blocks: Mapping[tuple[Any, ...], Sequence[Target]]
) -> dict[str, np.ndarray]:
    size, month = len(blocks), design.conventions["days_per_month"]
    a: dict[str, np.ndarray] = {
        "kind": np.zeros(size, np.int64),
        "price": np.zeros(size),
        "endpoint": np.full(size, -1),
        "where": np.full((size, MOST_PAIRS, 2), -1.0),
        "n_where": np.zeros(size, np.int64),
        "columns": np.full((size, MOST_COLUMNS), -1),
        "n_columns": np.zeros(size, np.int64),
        "code": np.zeros(size),
        "asked": np.zeros((size, OUT)),
        "n_asked": np.zeros(size, np.int64),
    }
    for b, ((kind, endpoint, where, names), group) in enumerate(blocks.items()):
        reverse = kind == "followup" and design.conventions["follow_up"] == "reverse"
        a["kind"][b] = KINDS.index("reverse" if reverse else kind)
        if endpoint in ENDPOINTS:
            a["endpoint"][b] = ENDPOINTS.index(endpoint)
        a["n_where"][b] = len(where)
        for k, pair in enumerate(where):
            name, level = _restricted(*pair)
            a["where"][b, k] = columns.at(name), code_of(design, name, level) if level else 1.0
        if kind == "count":
            name, _, level = names[0].partition("=")
            names, a["code"][b] = (name,), code_of(design, name, level)
        if kind == "logistic":
            names = (*names, endpoint)
        a["n_columns"][b] = len(names)
        a["price"][b] = _PRICE[kind] + (2.0 * len(names) if kind in ("cox", "logistic") else 0.0)
        a["columns"][b, : len(names)] = [columns.at(name) for name in names]
        times = _times(group)
        if len(times) > _MOST_TIMES.get(kind, OUT):
            raise DesignError(
                f"{design.study}: {endpoint} has {len(times)} printed times in one group; a search "
                f"knows {_MOST_TIMES[kind]}. Exclude some in reconstruction.toml."
            )
        a["n_asked"][b] = len(times)
        a["asked"][b, : len(times)] = np.round(np.array(times) * month, 6)
    return a


def _times(group: Sequence[Target]) -> list[float]:
    return sorted({t.statistic.time for t in group if t.statistic.time is not None})


def _targets(
    blocks: Mapping[tuple[Any, ...], Sequence[Target]], free: Collection[str]
) -> dict[str, np.ndarray]:
    counts = [len(group) for group in blocks.values()]
    listed = [(t, group) for group in blocks.values() for t in group]
    low, high = (np.array([getattr(t, side) for t, _ in listed]) for side in ("low", "high"))
    natural = np.array([_natural(t) for t, _ in listed])
    near = [t.statistic.kind == "count" and _counted(t.statistic) in free for t, _ in listed]
    natural = np.where(near, np.minimum(natural, _ONE), natural)
    with np.errstate(invalid="ignore"):
        fine = np.where(np.isfinite(high - low), (high - low) / 2, 0.1 * natural)
    # Outside a range of events each event counts, however wide the range; outside a slope, each
    # patient.
    fine = np.where([t.statistic.part == "events" for t, _ in listed], 0.5, fine)
    fine = np.where([t.kind == "slope" for t, _ in listed], _STEP, fine)
    # A wide range of errors lets a spread drift: many small moves, each hardly dearer than none.
    fine = np.where([t.kind == "error" for t, _ in listed], np.minimum(fine, natural), fine)
    return {
        "first": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "slot": np.array([_slot(t.statistic, group) for t, group in listed], dtype=np.int64),
        "absolute": np.array([t.absolute for t, _ in listed]),
        "low": low,
        "high": high,
        "natural": np.maximum(natural, fine),
        "fine": fine,
    }


def _counted(statistic: Statistic) -> str:
    """The column whose level is counted."""
    return statistic.columns[0].partition("=")[0]


def _slot(statistic: Statistic, group: Sequence[Target]) -> int:
    """Where a kernel writes the number."""
    part, limit = statistic.part, _LIMITS.index(statistic.limit)
    if statistic.kind == "km":
        if part == "events":
            return 1
        if part == "median_survival":
            return 2 + limit
        return 5 + 3 * _times(group).index(statistic.time) + limit
    if statistic.kind == "anchor":
        return _times(group).index(statistic.time)
    if statistic.kind == "followup":
        at = _FOLLOW_UP.index(part)
        return limit if at == 0 else 2 + at
    if statistic.kind in ("cox", "logistic"):
        at = statistic.columns.index(statistic.covariate)
        return 2 + kernels.ROW * at + {"z": 3, "standard_error": 4}.get(part, limit)
    if statistic.kind == "summary":
        return _SUMMARY.index(part)
    if statistic.kind == "share":
        return SHARES.index(part)
    return {"n": 0, "percent": 1}.get(part, 0)


def _natural(target: Target) -> float:
    """How far a statistic is off in an untuned cohort: where the tolerance begins."""
    statistic = target.statistic
    middle = target.low if math.isinf(target.high) else target.high
    if target.kind == "slope":
        return _STEEP
    if statistic.part == "z":
        return 0.7
    if statistic.part == "standard_error":
        return _LOOSE * middle
    if statistic.kind in ("cox", "logistic"):
        return 0.25
    if statistic.part in ("survival_rate", "percent"):
        return 5.0
    if statistic.kind == "correlation":
        return 0.1
    if statistic.part == "recurrences":
        return _ONE
    if statistic.part == "events":
        return 0.5
    if statistic.part == "n":
        return 0.5 if target.kind == "implied" else max(3.0, math.sqrt(abs(middle)))
    return max(0.2 * abs(middle), 1e-3)


# ---- what a change touches -----------------------------------------------------------------


def _dependence(
    design: Design,
    wishes: Mapping[str, Any],
    columns: Columns,
    blocks: Mapping[tuple[Any, ...], Any],
    rules: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    width, size = len(columns.names), len(blocks)
    by_endpoint = np.zeros((len(ENDPOINTS), size), dtype=bool)
    by_column = np.zeros((width, size), dtype=bool)
    static = np.zeros(size, dtype=bool)
    table = design.table_one["by"]
    for b, (kind, endpoint, where, names) in enumerate(blocks):
        used = _used((kind, endpoint, where, names))
        by_column[[columns.at(name) for name in used], b] = True
        if endpoint in ENDPOINTS:
            by_endpoint[ENDPOINTS.index(endpoint), b] = True
        if kind == "share":
            by_endpoint[:3, b] = True
        within = kind in ("summary", "count", "association", "ranks")
        static[b] = within and len({*used} - {table}) == 1
    # What follows from a column is touched with it; rules stand in the order they apply.
    for rule, to, source, parts in zip(
        rules["rule"][::-1],
        rules["rule_to"][::-1],
        rules["rule_from"][::-1],
        rules["rule_set"][::-1],
        strict=True,
    ):
        sources = parts[parts >= 0] if rule == POINTS else [source] if source >= 0 else []
        for at in sources:
            by_column[at] |= by_column[to]
    return {"by_endpoint": by_endpoint, "by_column": by_column, "by_swap": by_column & ~static}


def _conventions(design: Design, size: int) -> dict[str, Any]:
    rules = design.conventions
    ranks = [int((bdtr(np.arange(n), n, 0.5) <= 0.025).sum()) if n else 0 for n in range(size + 1)]
    early = {"not short": 0.0, "short": 1.0}.get(rules.get("short_scp_censored", ""), math.nan)
    return {
        "ranks": np.array(ranks, dtype=np.int64),
        "month": float(rules["days_per_month"]),
        "z": float(norm.ppf(0.975)),
        "conf": _CONF[rules["conf_type"]],
        "efron": rules["ties"] == "efron",
        "fisher": design.table_one["categorical_test"] == "fisher",
        "scp": "SCP" in design.endpoints,
        "scp_death": rules.get("death_without_failure") == "event",
        "short_days": rules.get("short_scp_months", 12.0) * rules["days_per_month"],
        "short_early": early,
    }


# ---- counts --------------------------------------------------------------------------------


def pairs_of_counts(
    totals: Sequence[int], low: float, high: float, absolute: bool, fisher: bool
) -> list[tuple[int, int]]:
    """Counts in two groups of these sizes whose test gives a z from `low` to `high`.

    Above 0: more in the second group, as `kernels.association` has it.
    """
    x = np.concatenate([np.zeros(totals[0]), np.ones(totals[1])])
    inside, out, fits = np.ones(len(x), dtype=bool), np.zeros(OUT), []
    for a in range(totals[0] + 1):
        for b in range(totals[1] + 1):
            y = np.zeros(len(x))
            y[:a] = y[totals[0] : totals[0] + b] = 1.0
            kernels.association(inside, x, y, fisher, out)
            z = abs(out[0]) if absolute else out[0]
            if low <= z < high:
                fits.append((a, b))
    return fits
