"""The arrays that a search runs on: the plan it reads, the cohort it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crlm.reconstruction import kernels

#: Covariates of one model, and conditions on one block's patients, at most.
MOST_COLUMNS, MOST_PAIRS = 9, 2
#: Numbers that a block gives, at most.
OUT = 2 + kernels.ROW * MOST_COLUMNS


class State(NamedTuple):
    """A cohort being searched; the search changes it in place."""

    fate: np.ndarray  # (n, 4) days
    x: np.ndarray  # (columns, n)
    time: np.ndarray  # (4, n) days, of each endpoint
    event: np.ndarray  # (4, n); -1: not in this endpoint
    order: np.ndarray  # (4, n) patients by time
    joint_group: np.ndarray  # of each patient, by all the columns of groups
    table_group: np.ndarray  # group of Table 1, within which values may be exchanged
    out: np.ndarray  # (blocks, OUT) what the kernels gave
    cost: np.ndarray  # (blocks,)
    warm: np.ndarray  # (blocks, 10) where Newton begins
    weight: np.ndarray  # (targets,)


class Queue(NamedTuple):
    """In which order blocks are evaluated, and what that order is made from."""

    next: np.ndarray  # (blocks,) first to last
    tried: np.ndarray  # (blocks,) how often evaluated, lately
    refused: np.ndarray  # (blocks,) how often a move failed there, lately


class Freedom(NamedTuple):
    """What the moves may change."""

    bundle: np.ndarray  # (bundles, most) columns that are exchanged together, -1 behind
    numeric: np.ndarray  # (columns,)
    free: np.ndarray  # (columns,) number of levels a value may be changed to; 0: none
    missing: np.ndarray  # (columns,) whether a value may be missing
    grid: np.ndarray  # (columns,) step of the values
    lowest: np.ndarray  # (columns, table groups)
    highest: np.ndarray
    anchor: np.ndarray  # (anchors, 2): endpoint, day
    latest: int  # no time lies beyond
    earliest: int  # no end of observation before


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
    median_ranks: np.ndarray  # by number of patients: rank of the lower limit of a median
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
