"""The arrays that a search runs on: the plan it reads, the cohort it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from crlm.reconstruction import kernels

#: Covariates of one model, and conditions on one block's patients, at most.
MOST_COLUMNS, MOST_PAIRS = 16, 3
#: Numbers that a block gives, at most.
OUT = 2 + kernels.ROW * MOST_COLUMNS


class State(NamedTuple):
    """A cohort being searched; the search changes it in place."""

    fate: np.ndarray  # (n, 4) days
    x: np.ndarray  # (columns, n)
    time: np.ndarray  # (endpoints, n) days
    event: np.ndarray  # (endpoints, n); -1: not in this endpoint
    order: np.ndarray  # (endpoints, n) patients by time
    joint_group: np.ndarray  # of each patient, by all the columns of groups
    table_group: np.ndarray  # group of Table 1, within which values may be exchanged
    out: np.ndarray  # (blocks, OUT) what the kernels gave
    cost: np.ndarray  # (blocks,)
    warm: np.ndarray  # (blocks, MOST_COLUMNS + 1) where Newton begins
    weight: np.ndarray  # (targets,)


class Queue(NamedTuple):
    """In which order blocks are evaluated, and what that order is made from."""

    next: np.ndarray  # (blocks,) first to last
    tried: np.ndarray  # (blocks,) how often evaluated, lately
    refused: np.ndarray  # (blocks,) how often a move failed there, lately


class Freedom(NamedTuple):
    """What the moves may change."""

    bundle: np.ndarray  # (bundles, most) columns that are exchanged together, -1 behind
    joint: np.ndarray  # (bundles,) whether exchanged within joint groups, not those of Table 1
    numeric: np.ndarray  # (columns,)
    free: np.ndarray  # (columns,) number of levels a value may be changed to; 0: none
    missing: np.ndarray  # (columns,) whether a value may be missing
    grid: np.ndarray  # (columns,) step of the values
    lowest: np.ndarray  # (columns, table groups)
    highest: np.ndarray
    anchor: np.ndarray  # (anchors, 2): endpoint, day
    latest: int  # no time lies beyond
    earliest: int  # no end of observation before
    strata: int = -1  # column of strata within which neighbours are found; -1: of everybody


class Plan(NamedTuple):
    """Arrays of blocks (what is computed at once), their targets, and the columns' rules."""

    kind: np.ndarray
    price: np.ndarray  # time that an evaluation takes, about, of one kind to another
    endpoint: np.ndarray
    competing: np.ndarray  # endpoint whose event competes; -1: none
    both: np.ndarray  # whether `endpoint` counts the event of `competing` too
    where: np.ndarray
    n_where: np.ndarray
    columns: np.ndarray
    n_columns: np.ndarray
    strata: np.ndarray  # column of the strata of a model; -1: none
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
    lost: np.ndarray  # how far off a quantity counts that cannot be computed, in natural scales
    by_endpoint: np.ndarray  # blocks that a change touches, as flags
    by_column: np.ndarray
    by_swap: np.ndarray
    rule: np.ndarray
    rule_to: np.ndarray
    rule_from: np.ndarray
    rule_cut: np.ndarray
    rule_set: np.ndarray
    rule_else: np.ndarray  # of who was censored before the cut
    forbidden: np.ndarray  # rows (column, code, column, code) that no patient may have
    median_ranks: np.ndarray  # by number of patients: rank of the lower limit of a median
    month: float
    z: float
    conf: int
    midway: bool  # whether a median lies midway where a curve stays at one half
    efron: bool
    two_by_two: int
    student: bool  # whether t has one variance for both groups
    counts: np.ndarray  # (endpoints, 4) whether recurrence, or failure, is an event
    counts_death: np.ndarray  # (endpoints, 3) whether death of the cause, or of another, is one
    after: np.ndarray  # (endpoints,) whether the clock starts at the recurrence
    lead: np.ndarray  # (endpoints,) what of a course decides the time: recurrence, failure or end
    along: int  # endpoints whose clock starts at surgery; they come first
    recurs: bool  # whether any endpoint counts a recurrence
    fails: bool  # whether any counts a failure
    causes: bool  # whether any tells causes of death apart


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
