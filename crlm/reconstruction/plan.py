"""Targets and columns as arrays: what the compiled search reads and never changes."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
from scipy.special import bdtr
from scipy.stats import norm

from crlm.ledger import Design
from crlm.reconstruction import kernels
from crlm.reconstruction.arrays import Columns, Plan
from crlm.reconstruction.blocks import block_arrays, dependence, target_arrays
from crlm.reconstruction.clocks import clock_arrays
from crlm.reconstruction.codes import TWO_BY_TWO
from crlm.reconstruction.columns import (
    columns_of,
    forbidden,
    rules_of,
    sites_of,
    timed_columns,
)
from crlm.reconstruction.quantity import Block
from crlm.reconstruction.targets import Target

_CONF = {
    "plain": kernels.PLAIN,
    "log": kernels.LOG,
    "log-log": kernels.LOGLOG,
    "spss": kernels.SPSS,
}


#: Kinds in the order in which they are computed.
_CHEAP_FIRST = (
    "anchor",
    "km",
    "followup",
    "risk",
    "rate",
    "incidence",
    "logrank",
    "share",
    "association",
    "count",
    "correlation",
    "summary",
    "ranks",
    "t",
    "table",
    "trend",
    "kruskal",
    "logranks",
    "cox",
    "logistic",
)


def compile_plan(
    design: Design,
    wishes: Mapping[str, Any],
    targets: Sequence[Target],
    size: int,
    joint: Set[str] = frozenset(),
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
    joint : set of str
        Columns that are exchanged within joint groups.
    """
    blocks: dict[Block, list[Target]] = {}
    for target in targets:
        blocks.setdefault(target.quantity.block, []).append(target)
    blocks = dict(sorted(blocks.items(), key=lambda item: _price(item[0], wishes)))
    columns = columns_of(design, wishes, blocks)
    rules = rules_of(design, wishes, columns)
    listed = [target for group in blocks.values() for target in group]
    free = {n for n, spec in wishes.get("columns", {}).items() if spec.get("free")}
    free |= {*sites_of(wishes), *timed_columns(design)}
    arrays = {**block_arrays(design, columns, blocks), **target_arrays(blocks, free)}
    arrays |= dependence(design, wishes, columns, blocks, rules, joint)
    arrays |= rules | _conventions(design, size) | clock_arrays(design)
    arrays["forbidden"] = forbidden(design, wishes, columns)
    return Plan(**arrays), columns, listed


def _price(block: Block, wishes: Mapping[str, Any]) -> tuple[int, int]:
    """Cheap and delicate blocks first: bad moves are refused before the costly ones."""
    open_ = {name for name, _ in block.where} - set(wishes["groups"]["columns"])
    place = _CHEAP_FIRST.index(block.kind) * 10 + len(block.columns)
    return len(open_) if block.kind == "km" else 1, place


@functools.cache
def _median_ranks(size: int) -> tuple[int, ...]:
    """Values below the sign test's lower limit of a median, by how many values there are."""
    ranks = (int((bdtr(np.arange(n), n, 0.5) <= 0.025).sum()) for n in range(1, size + 1))
    return 0, *ranks


def _conventions(design: Design, size: int) -> dict[str, Any]:
    rules = design.conventions
    return {
        "median_ranks": np.array(_median_ranks(size), dtype=np.int64),
        "month": float(rules["days_per_month"]),
        "z": float(norm.ppf(0.975)),
        "conf": _CONF[rules["conf_type"]],
        "midway": rules["median_rule"] == "midpoint",
        "efron": rules["ties"] == "efron",
        "two_by_two": int(TWO_BY_TWO[design.table_one["categorical_test"]]),
        "student": design.table_one.get("t_test") == "student",
    }
