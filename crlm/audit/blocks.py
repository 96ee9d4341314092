"""Printed percentages of one variable, with their counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache

from crlm.audit.facts import Cell, Facts, Printed

Block = dict[str, tuple[Printed, Printed | None]]


@lru_cache(maxsize=4)
def blocks(facts: Facts) -> dict[tuple[Cell, str], Block]:
    """Printed percentages by (conditions of the denominator, column): level to (percent, count)."""
    places: dict[tuple[Cell, str], dict[str, Block]] = defaultdict(lambda: defaultdict(dict))
    for (cell, among), printed in facts.percents.items():
        own = cell - among
        if len(own) == 1:
            ((column, level),) = own
            for one in printed:
                places[among, column][one.place].setdefault(level, (one, facts.n(cell)))
    return {key: _whole_block(parts) for key, parts in places.items()}


def _whole_block(parts: Mapping[str, Block]) -> Block:
    """The levels as the place has them that prints most of them, then those of the others.

    Two tables may have the percentages of one variable of other patients: all, and those of known
    value.
    """
    ordered = sorted(parts.values(), key=len)
    return {level: one for block in ordered for level, one in block.items()}
