"""Blocks of quantities that are computed in one go, and the targets that they hold, as arrays."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Any

import numpy as np

from crlm.ledger import Design, DesignError
from crlm.reconstruction import kernels
from crlm.reconstruction.arrays import MOST_COLUMNS, MOST_PAIRS, OUT, Columns
from crlm.reconstruction.clocks import clocks_of
from crlm.reconstruction.codes import KINDS, OF_COLUMNS, OF_ENDPOINT, SHARES, Kind
from crlm.reconstruction.columns import code_of, reads, restricted
from crlm.reconstruction.competing import RATES
from crlm.reconstruction.incidences import also_counts
from crlm.reconstruction.models import levels_of
from crlm.reconstruction.quantity import LAST, Block, Quantity
from crlm.reconstruction.several import MOST_LEVELS
from crlm.reconstruction.targets import Target

#: Microseconds of one evaluation with 150 patients on a core of 2020: only ratios matter.
_PRICE = {
    "km": 6.0,
    "followup": 5.0,
    "incidence": 8.0,
    "risk": 2.0,
    "rate": 1.5,
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
    "t": 2.0,
    "kruskal": 15.0,
    "table": 4.0,
    "trend": 2.0,
    "logranks": 8.0,
}
#: Tests that depend on values alone.
_OF_VALUES = ("t", "kruskal", "table", "trend")
#: Least tolerance of logarithms of ratios, of z, of a standard error (share of itself).
_LEAST = {"hazard_ratio": 7e-4, "odds_ratio": 7e-4, "z": 3.5e-3, "standard_error": 1e-3}
_LOST, _LOST_FOR_GOOD = 5.0, 60.0
_LIMITS = ("estimate", "conf_low", "conf_high")
_OF_COUNT = ("n", "percent", "missing", "percent_missing", "known")
_SUMMARY = ("median", "min", "max", "q1", "q3", "mean", "sd", "q1_linear", "q3_linear")
_PERCENT = ("survival_rate", LAST, "cumulative_incidence", "percent", "percent_missing")
_PARTS = {"summary": _SUMMARY, "share": SHARES, "rate": ("patient_years", "incidence_rate")}
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
#: Times of rates on one curve, and days with a number of events of one endpoint.
#: Where the rates of a curve begin: behind patients, events and, of survival, the median.
_FIRST_RATE = {"km": 5, "incidence": RATES}
#: One rate of a curve is that of its end.
_MOST_TIMES = {kind: (OUT - at) // 3 - (kind == "km") for kind, at in _FIRST_RATE.items()}
_MOST_TIMES |= {"anchor": OUT, "risk": OUT // 2}


def block_arrays(
    design: Design, columns: Columns, blocks: Mapping[Block, Sequence[Target]]
) -> dict[str, np.ndarray]:
    """What is computed at once, one entry a block: of whom, from which columns, when."""
    size, month = len(blocks), design.conventions["days_per_month"]
    a: dict[str, np.ndarray] = {
        "kind": np.zeros(size, np.int64),
        "price": np.zeros(size),
        "endpoint": np.full(size, -1),
        "competing": np.full(size, -1),
        "both": np.zeros(size, dtype=bool),
        "where": np.full((size, MOST_PAIRS, 2), -1.0),
        "n_where": np.zeros(size, np.int64),
        "columns": np.full((size, MOST_COLUMNS), -1),
        "n_columns": np.zeros(size, np.int64),
        "strata": np.full(size, -1),
        "code": np.zeros(size),
        "asked": np.zeros((size, OUT)),
        "n_asked": np.zeros(size, np.int64),
    }
    clocks = clocks_of(design)
    for b, (block, group) in enumerate(blocks.items()):
        kind, endpoint, strata = block.kind, block.endpoint, block.strata
        reverse = kind == "followup" and design.conventions["follow_up"] == "reverse"
        a["kind"][b] = Kind.REVERSE_FOLLOW_UP if reverse else KINDS[kind]
        places = [clocks.index(name) for name in clocks_read(block, design) if name in clocks]
        a["endpoint"][b], a["competing"][b] = [*places, -1, -1][:2]
        a["both"][b] = kind == "incidence" and also_counts(endpoint, design)
        if strata:
            a["strata"][b] = columns.at(strata)
        _refuse(design, block)
        _read_columns(a, b, block, design, columns)
        times = _asked_times(group, kind, endpoint, design)
        a["n_asked"][b] = len(times)
        a["asked"][b, : len(times)] = np.round(np.array(times) * month, 6)
    return a


def clocks_read(block: Block, design: Design) -> tuple[str, ...]:
    """The endpoints whose times a block reads: of an incidence that of the competing event too."""
    spec = design.incidences.get(block.endpoint)
    return (spec["endpoint"], spec["competing"]) if spec else (block.endpoint,)


def _read_columns(
    a: dict[str, np.ndarray], b: int, block: Block, design: Design, columns: Columns
) -> None:
    """Whom a block is about, and which columns it reads."""
    kind, names = block.kind, block.columns
    a["n_where"][b] = len(block.where)
    for k, pair in enumerate(block.where):
        name, level = restricted(*pair)
        a["where"][b, k] = columns.at(name), code_of(design, name, level) if level else 1.0
    if kind == "count":
        name, _, level = names[0].partition("=")
        names, a["code"][b] = (name,), code_of(design, name, level)
    if kind == "logistic":
        names = (*names, block.endpoint)
    a["n_columns"][b] = len(names)
    a["price"][b] = _PRICE[kind] + (2.0 * len(names) if kind in ("cox", "logistic") else 0.0)
    a["columns"][b, : len(names)] = [columns.at(name) for name in names]


def _asked_times(group: Sequence[Target], kind: str, endpoint: str, design: Design) -> list[float]:
    """The months that a block's targets ask for."""
    times = _times(group)
    if len(times) > _MOST_TIMES.get(kind, OUT):
        raise DesignError(
            f"{design.study}: {endpoint} has {len(times)} printed times in one group; a search "
            f"knows {_MOST_TIMES[kind]}. Exclude some in reconstruction.toml."
        )
    return times


def _refuse(design: Design, block: Block) -> None:
    """Say what of a block is more than the arrays of a search hold."""
    names = (block.endpoint, *block.columns) if block.kind == "logistic" else block.columns
    levels = [len(levels_of(design, name)) for name in block.columns]
    few = block.kind in ("table", "kruskal", "logranks")
    told = {
        f"{len(names)} coefficients of {block.endpoint}": (len(names), MOST_COLUMNS),
        f"{len(block.where)} conditions on patients": (len(block.where), MOST_PAIRS),
        f"{max(levels, default=0)} levels": (max(levels, default=0) if few else 0, MOST_LEVELS),
    }
    for what, (has, most) in told.items():
        if has > most:
            raise DesignError(
                f"{design.study}: a claim asks for {what}; a search knows {most}. Name such claims "
                "under [excluded] in reconstruction.toml."
            )


def _times(group: Sequence[Target]) -> list[float]:
    return sorted({t.quantity.time for t in group if t.quantity.time is not None})


def target_arrays(
    blocks: Mapping[Block, Sequence[Target]], free: Collection[str]
) -> dict[str, np.ndarray]:
    """Targets in the order of their blocks: where a kernel writes, what is allowed, how closely.

    `free`: columns whose levels may change.
    """
    counts = [len(group) for group in blocks.values()]
    listed = [(t, group) for group in blocks.values() for t in group]
    low, high = (np.array([getattr(t, side) for t, _ in listed]) for side in ("low", "high"))
    natural = np.array([_natural(t) for t, _ in listed])
    near = [t.quantity.kind == "count" and _counted(t.quantity) in free for t, _ in listed]
    natural = np.where(near, np.minimum(natural, _ONE), natural)
    with np.errstate(invalid="ignore"):
        fine = np.where(np.isfinite(high - low), (high - low) / 2, 0.1 * natural)
    # Outside a range of events each event counts, however wide the range; outside a slope, each
    # patient.
    fine = np.where([t.quantity.part == "events" for t, _ in listed], 0.5, fine)
    fine = np.where([t.origin == "slope" for t, _ in listed], _STEP, fine)
    # A wide range of errors lets a spread drift: many small moves, each of which costs
    # hardly more than none.
    fine = np.where([t.origin == "error" for t, _ in listed], np.minimum(fine, natural), fine)
    fine = np.maximum(fine, [_least(t) for t, _ in listed])
    return {
        "first": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "slot": np.array([_slot(t.quantity, group) for t, group in listed], dtype=np.int64),
        "absolute": np.array([t.absolute for t, _ in listed]),
        "low": low,
        "high": high,
        "natural": np.maximum(natural, fine),
        "fine": fine,
        "lost": np.array([_lost(t.quantity) for t, _ in listed]),
    }


def _least(target: Target) -> float:
    """The tolerance of a number of a model or a test does not fall below this.

    49.350 is printed to the hundred-thousandth part: held as closely as that, such numbers would
    be all that a search looks at.
    """
    part = target.quantity.part
    if part == "standard_error":
        return _LEAST[part] * (target.low + target.high) / 2
    return _LEAST.get(part, 0.0)


def _lost(quantity: Quantity) -> float:
    """How far off a quantity counts that cannot be computed.

    A stratified model has few events in some of its cells: where a level has none left, all of
    it is lost, and no small step brings it back.
    """
    return _LOST_FOR_GOOD if quantity.strata else _LOST


def _counted(quantity: Quantity) -> str:
    """The column whose level is counted."""
    return quantity.columns[0].partition("=")[0]


def _slot(quantity: Quantity, group: Sequence[Target]) -> int:
    """Where a kernel writes the number."""
    part, limit = quantity.part, _LIMITS.index(quantity.limit)
    if quantity.kind in _FIRST_RATE:
        if part in ("n", "events"):
            return ("n", "events").index(part)
        if part == "median_survival":
            return 2 + limit
        if part == LAST:
            return _FIRST_RATE["km"] + 3 * len(_times(group)) + limit
        return _FIRST_RATE[quantity.kind] + 3 * _times(group).index(quantity.time) + limit
    if quantity.kind == "risk":
        return 2 * _times(group).index(quantity.time) + (part == "cumulative_events")
    if quantity.kind == "anchor":
        return _times(group).index(quantity.time)
    if quantity.kind == "followup":
        at = _FOLLOW_UP.index(part)
        return limit if at == 0 else 2 + at
    if quantity.kind in ("cox", "logistic"):
        at = quantity.columns.index(quantity.covariate)
        return 2 + kernels.ROW * at + {"z": 3, "standard_error": 4}.get(part, limit)
    if quantity.kind in _PARTS:
        return _PARTS[quantity.kind].index(part)
    return _OF_COUNT.index(part) if part in _OF_COUNT else 0


def _natural(target: Target) -> float:
    """How far a quantity is off in an untuned cohort: where the tolerance begins."""
    quantity = target.quantity
    middle = target.low if math.isinf(target.high) else target.high
    if target.origin == "slope":
        return _STEEP
    if quantity.part == "z":
        return 0.7
    if quantity.part == "standard_error":
        return _LOOSE * middle
    if quantity.kind in ("cox", "logistic"):
        return 0.25
    if quantity.part in _PERCENT:
        return 5.0
    if quantity.kind == "correlation":
        return 0.1
    if quantity.part == "recurrences":
        return _ONE
    if quantity.part in ("events", "cumulative_events"):
        return 0.5
    if quantity.part in ("n", "n_at_risk"):
        return 0.5 if target.origin == "implied" else max(3.0, math.sqrt(abs(middle)))
    return max(0.2 * abs(middle), 1e-3)


def dependence(
    design: Design,
    wishes: Mapping[str, Any],
    columns: Columns,
    blocks: Mapping[Block, Any],
    rules: Mapping[str, np.ndarray],
    joint: Set[str],
) -> dict[str, np.ndarray]:
    """Which blocks a change of an endpoint, of a value, or an exchange of values touches.

    What is counted within the groups that values are exchanged in, an exchange leaves as it is;
    columns of `joint` are exchanged within joint groups, the others within those of Table 1.
    """
    width, size = len(columns.names), len(blocks)
    clocks = clocks_of(design)
    by_endpoint = np.zeros((len(clocks), size), dtype=bool)
    by_column = np.zeros((width, size), dtype=bool)
    static, settled = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    groups = {*wishes["groups"]["columns"]}
    table = design.table_one["by"]
    for b, block in enumerate(blocks):
        names_read = reads(block)
        by_column[[columns.at(name) for name in names_read], b] = True
        for name in clocks_read(block, design):
            if name in clocks:
                by_endpoint[clocks.index(name), b] = True
        if block.kind == "share":
            by_endpoint[:, b] = True
        within = block.kind in ("summary", "count", "association", "ranks", *_OF_VALUES)
        static[b] = within and len({*names_read} - {table}) == 1
        apart = {name for name in names_read if name.partition("=")[0] not in groups}
        settled[b] = within and len(apart) == 1
    # What follows from a column is touched with it; rules stand in the order they apply.
    for rule, to, source, parts in zip(
        rules["rule"][::-1],
        rules["rule_to"][::-1],
        rules["rule_from"][::-1],
        rules["rule_set"][::-1],
        strict=True,
    ):
        sources = parts[parts >= 0] if rule in OF_COLUMNS else [source]
        if rule in OF_ENDPOINT:
            continue
        for at in sources:
            by_column[at] |= by_column[to]
    by_swap = by_column & ~static
    for name in joint & {*columns.names}:
        by_swap[columns.at(name)] &= ~settled
    return {"by_endpoint": by_endpoint, "by_column": by_column, "by_swap": by_swap}
