"""Categories that print counts among some patients alone: extent, of those who were resected."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import Design
from crlm.ledger.factors import Merged
from crlm.reconstruction import sharing, spreads
from crlm.reconstruction.arrays import Columns
from crlm.reconstruction.models import levels_of

#: Conditions on patients: pairs of a column and its level.
Where = frozenset[tuple[str, str]]
#: By level of Table 1's column and the patients: how many have each level of the category.
Nest = dict[tuple[str, Where], list[int]]


def nested(design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame) -> dict[str, Nest]:
    """The categories of which print has no counts of the groups, and has them of some patients.

    Parameters
    ----------
    design : Design
    wishes : mapping
        `reconstruction.toml`; what it counts itself is none of them.
    claims : DataFrame
        The ledger.

    Returns
    -------
    dict
        By name; others in a group have no value. None of them where the patients overlap, or
        print leaves more than one level open.
    """
    by, fixed = str(design.table_one["by"]), wishes["groups"]["columns"]
    made: dict[str, Nest] = {}
    for name in design.columns:
        told = wishes.get("columns", {}).get(name, {}).get("counts")
        if name in fixed or told or len(levels_of(design, name) or ()) < 2:
            continue
        nests = [_of_group(design, claims, name, (by, level)) for level in design.levels(by)]
        if all(nests):
            made[name] = {
                (level, where): counts
                for level, nest in zip(design.levels(by), nests, strict=True)
                for where, counts in nest.items()
            }
    return made


def _of_group(
    design: Design, claims: pd.DataFrame, name: str, own: tuple[str, str]
) -> dict[Where, list[int]]:
    """How many of a group have each level, by the patients among whom print counts them."""
    levels = levels_of(design, name)
    size = spreads.printed(claims, "n", "=".join(own)) or 0
    known = spreads.category_counts(design, claims, "=".join(own), name, int(size))
    if known.count(None) < 2 or sharing.shared(design, claims, name, own[1]) is not None:
        return {}
    found: dict[Where, dict[str, float]] = {}
    for where, count in spreads.counts(claims).items():
        said = dict(where)
        if own in where and said.get(name) in levels and len(where) == len(said) > 2:
            rest = where - {own, (name, said[name])}
            found.setdefault(rest, {})[said[name]] = count
    found = {w: told for w, told in found.items() if not any(other < w for other in found)}
    apart = all(_apart(one, other) for one, other in itertools.combinations(found, 2))
    made = {where: _whole(claims, where | {own}, told, levels) for where, told in found.items()}
    return (
        {w: counts for w, counts in made.items() if counts} if apart and all(made.values()) else {}
    )


def _apart(one: Where, other: Where) -> bool:
    """Whether nobody is among both patients."""
    return any(dict(other).get(name, level) != level for name, level in one)


def _whole(
    claims: pd.DataFrame, where: Where, told: Mapping[str, float], levels: list[str]
) -> list[int]:
    """The counts of all levels; one that print does not have is the rest of its patients."""
    size = spreads.counted(claims, where)
    open_ = [level for level in levels if level not in told]
    if len(open_) > 1 or (open_ and size is None):
        return []
    rest = max(0.0, (size or 0.0) - sum(told.values()))
    return [int(told.get(level, rest)) for level in levels]


def deal(
    design: Design, nests: Mapping[str, Nest], columns: Columns, x: np.ndarray, seed: Any
) -> None:
    """Give the patients among whom a category is counted their levels, others none.

    Parameters
    ----------
    design : Design
    nests : mapping
        From `nested`.
    columns : Columns
    x : ndarray, changed in place
        Values by column and patient, of all other columns.
    seed : Generator
    """
    table = design.table_one["by"]
    for name in _in_order(design, nests):
        row = np.full(x.shape[1], np.nan)
        for (level, where), counts in nests[name].items():
            among = _hold(design, columns, x, {(table, level), *where})
            codes = np.repeat(np.arange(len(counts)), counts)[: len(among)].astype(float)
            dealt = np.concatenate([codes, np.full(len(among) - len(codes), np.nan)])
            row[among] = seed.permutation(dealt)
        x[columns.at(name)] = row


def _in_order(design: Design, nests: Mapping[str, Nest]) -> Iterator[str]:
    """The nested categories, each behind those that its patients are told by."""
    left = dict.fromkeys(nests)
    while left:
        ready = [name for name in left if not _told_by(design, nests[name]) & {*left} - {name}]
        for name in ready or [next(iter(left))]:
            del left[name]
            yield name


def _told_by(design: Design, nest: Nest) -> set[str]:
    """The columns that tell whom a category is counted among."""
    return {design.source(name) for _, where in nest for name, _ in where}


def _hold(design: Design, columns: Columns, x: np.ndarray, where: set[Any]) -> np.ndarray:
    """The patients of some conditions."""
    kept = np.ones(x.shape[1], bool)
    for name, level in where:
        made = design.factor(name)
        source = design.source(name)
        levels = made.groups[level] if isinstance(made, Merged) else (level,)
        codes = [levels_of(design, source).index(one) for one in levels]
        kept &= np.isin(x[columns.at(source)], codes)
    return np.flatnonzero(kept)


def units(design: Design, nests: Mapping[str, Nest], fixed: list[str]) -> list[list[str]]:
    """Columns that are exchanged between patients together: a category and whom it is told of."""
    made: list[set[str]] = []
    for name, nest in nests.items():
        own = {name, *_told_by(design, nest)} - {*fixed}
        for other in [one for one in made if one & own]:
            own |= other
            made.remove(other)
        made.append(own)
    return [[name for name in design.columns if name in own] for own in made if len(own) > 1]
