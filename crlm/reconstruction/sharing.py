"""Categories that print counts among several groups of Table 1 together: shared out to each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from crlm.ledger import Design, without_models
from crlm.ledger.factors import Merged
from crlm.reconstruction.spreads import counted, counts_of, merged_counts, printed, unknown

_LISTED = 2


def shared(design: Design, claims: pd.DataFrame, name: str, group: str) -> list[float] | None:
    """Codes of a category in a group, where print has it of several groups together.

    These are the groups that a factor merges with it, else all patients, of whom print has counts
    or percentages. They are lined up with each level evenly spread, and the groups of Table 1
    take their parts one after the other: shares are alike in all, and sums are the printed counts.

    Returns
    -------
    list of float or None
        NaN is unknown; None if print does not give sizes of all groups and all counts but one.
    """
    by = design.table_one["by"]
    wholes = [
        (f"{factor}={level}", made.groups[level])
        for factor, made in design.factors_from(by).items()
        if isinstance(made, Merged)
        for level in made.levels
        if group in made.groups[level]
    ]
    wholes = [*sorted(wholes, key=lambda whole: len(whole[1])), ("all", design.levels(by))]
    found = (_part(design, claims, name, group, *whole) for whole in wholes)
    told = next((part for part in found if part is not None), None)
    return _summed(design, claims, name, group) if told is None else told


def _summed(design: Design, claims: pd.DataFrame, name: str, group: str) -> list[float] | None:
    """Codes of a category in a group of which print counts it within another column's levels."""
    by, levels = design.table_one["by"], design.levels(name)
    size = printed(claims, "n", f"{by}={group}")
    for other in (*design.columns, *design.factors):
        parts = [{(by, group), (other, level)} for level in design.levels(other)]
        if other in (by, name) or not parts or size is None:
            continue
        sizes = [counted(claims, part) for part in parts]
        cells = [[counted(claims, {*part, (name, level)}) for part in parts] for level in levels]
        if None in sizes or any(None in row for row in cells) or sum(map(_int, sizes)) != size:
            continue
        codes = [float(k) for k, row in enumerate(cells) for _ in range(sum(map(_int, row)))]
        if len(codes) <= size:
            return codes + [math.nan] * (int(size) - len(codes))
    return None


def _int(count: float | None) -> int:
    return int(count or 0)


def _part(
    design: Design, claims: pd.DataFrame, name: str, group: str, whole: str, parts: Sequence[str]
) -> list[float] | None:
    """What a group takes of the patients of several."""
    by, levels = design.table_one["by"], design.levels(name)
    sizes = [printed(claims, "n", f"{by}={level}") for level in parts]
    total = int(sum(size or 0 for size in sizes))
    apart = unknown(design, {}, claims, name)
    open_ = min(total, sum(apart.get(level, 0) for level in parts))
    of = total if name in design.percent_of_all else None
    counts = counts_of(claims, whole, name, levels, total - open_, of)
    counts = merged_counts(design, claims, whole, name, counts, total)
    if None in sizes or counts.count(None) > 1:
        return None
    rest = total - int(sum(count or 0 for count in counts))
    gaps = rest
    if None in counts:
        gaps = min(rest, open_)
        rest -= gaps
    codes = {**dict(enumerate(counts)), math.nan: gaps}
    line = [
        ((k + 0.5) / count, float(code))
        for code, held in codes.items()
        for count in [int(rest if held is None else held)]
        for k in range(count)
    ]
    line.sort(key=lambda pair: pair[0])
    at = list(parts).index(group)
    first = int(sum(size or 0 for size in sizes[:at]))
    return [code for _, code in line][first : first + int(sizes[at] or 0)]


def elsewhere(design: Design, claims: pd.DataFrame, name: str, group: str) -> str:
    """What print has of a category that does not tell how many of a group have each level."""
    names = [name, *design.factors_from(name)]
    asked = claims["covariate"].isin(names) & (claims["level"] != "")
    asked &= claims["statistic"].isin(["n", "percent"]) & (claims["kind"] == "number")
    found = without_models(claims[asked])
    mine = (found["population"] == "all") & found["group"].isin(["all", group])
    told = ""
    for part, why in (
        (found[mine], "leaves several levels open"),
        (found[~mine], "is of other patients"),
    ):
        ids = part["id"].tolist()
        more = f" and {len(ids) - _LISTED} more" if len(ids) > _LISTED else ""
        told += f" What print has ({', '.join(ids[:_LISTED])}{more}) {why}." if ids else ""
    return told
