"""Tables of patients by group: sizes, levels, missing values, measurements and their tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from crlm import categories
from crlm.ledger import as_records
from crlm.privacy import continuous
from crlm.privacy.counts import Count, Register
from crlm.privacy.curves import whole
from crlm.privacy.people import People, condition, levels_of
from crlm.privacy.wording import blank, with_note

_MISSING = "?"
_KNOWN = "known"
_QUANTILES = {"median": 0.5, "q1": 0.25, "q3": 0.75}
_ROUNDED = "from rounded counts"
Row = dict[str, Any]


@dataclass
class Table:
    """One table of patients, while it is made safe.

    Attributes
    ----------
    register : Register
    people : People
    frame : pandas.DataFrame
        The patients whom the table describes.
    by : str
        The column of its groups; "" without groups.
    masks : dict of str to ndarray of bool
        The patients of each group, over `people.index`; "all" among them.
    sizes : dict of str to Count
    levels : dict
        Counts by covariate, group and level ("?" missing, "known" of a measurement).
    """

    register: Register
    people: People
    frame: pd.DataFrame
    by: str
    masks: dict[str, np.ndarray]
    sizes: dict[str, Count]
    levels: dict[str, dict[tuple[str, str], Count]] = field(default_factory=dict)

    @property
    def groups(self) -> list[str]:
        """Without "all"."""
        return [group for group in self.masks if group != "all"]


def release(rows: pd.DataFrame, register: Register, people: People) -> list[Row]:
    """Rows of `baseline.table_one` or `describe` as they may be shown.

    Lowest and highest values are left out; rows that cannot be understood are blank.
    """
    records = as_records(rows)
    table = _table(records, register, people)
    if table is None:
        return [blank(row, register.k) for row in records]
    for name in dict.fromkeys(row["covariate"] for row in records):
        if name and name in table.frame and not _left_out(records, name):
            table.levels[name] = _counts(table, name)
    shown = (_shown(table, row) for row in records if row["statistic"] not in ("min", "max"))
    return [row for row in shown if row is not None]


def _left_out(records: Sequence[Row], name: str) -> bool:
    return all(row["model"] == "left out" for row in records if row["covariate"] == name)


# ---- who is counted -------------------------------------------------------------


def _table(records: Sequence[Row], register: Register, people: People) -> Table | None:
    groups = list(dict.fromkeys(r["group"] for r in records if "=" in r["group"]))
    among = [r["population"] for r in records if (r["group"] in groups) == bool(groups)]
    population = among[0] if among else "all"
    frame = people.frame("", population)
    by = {group.partition("=")[0] for group in groups}
    if frame is None or len(by) > 1 or any("," in group for group in groups):
        return None
    column = by.pop() if by else ""
    everyone = people.where(frame)
    masks = {group: people.where(frame, group) for group in groups}
    if any(mask is None for mask in masks.values()) or (column and column not in frame):
        return None
    sizes, masks = _sizes(register, everyone, masks, column, population)
    return Table(register, people, frame, column, masks, sizes)


def _sizes(
    register: Register,
    everyone: np.ndarray,
    masks: dict[str, np.ndarray],
    by: str,
    population: str,
) -> tuple[dict[str, Count], dict[str, np.ndarray]]:
    """Counts of the groups, of the unknown and of all; and the masks with those of all."""
    base = whole_of(register, everyone, list(masks.values()), population)
    if not masks:
        return {"all": base}, {"all": everyone}
    unknown = everyone & ~np.any(list(masks.values()), axis=0)
    parts, names = list(masks.values()), list(masks)
    if unknown.any():
        parts, names = [*parts, unknown], [*names, f"{by}={_MISSING}"]
    names = names if population == "all" else [f"{population},{name}" for name in names]
    found = register.split(everyone, base, parts, names)
    sizes = dict(zip(masks, found, strict=False))
    if unknown.any():
        sizes[_MISSING] = found[-1]
        known = everyone & ~unknown
        total = register.sum(int(known.sum()), [sizes[group] for group in masks])
        total = register.known(known) or register.keep(known, total)
        return {"base": base, **sizes, "all": total}, {**masks, "all": known}
    return {"base": base, **sizes, "all": base}, {**masks, "all": everyone}


def whole_of(register: Register, who: np.ndarray, parts: Sequence[np.ndarray], name: str) -> Count:
    """The size of a whole: exact for all patients, else as shown before, summed or banded."""
    if who.all():
        return register.keep(who, register.exact(int(who.sum())), "all")
    known = register.known(who, name)
    found = [register.known(part) for part in parts]
    covered = bool(len(parts)) and bool((np.any(parts, axis=0) == who).all())
    if known is None and covered and all(count is not None for count in found):
        known = register.sum(int(who.sum()), [count for count in found if count is not None])
    band = register.band(int(who.sum()), who.tobytes())
    return known or register.keep(who, band, name)


def _counts(table: Table, name: str) -> dict[tuple[str, str], Count]:
    """Every level of a characteristic in every group and in all."""
    known = table.frame[name]
    levels = levels_of(table.frame, name)
    where = {level: table.people.where(table.frame, f"{name}={level}") for level in levels}
    if not levels:
        where = {_KNOWN: table.people.where(table.frame, f"{name}=known")}
    where[_MISSING] = table.people.where(table.frame, f"{name}=?")
    inside = table.masks["all"]
    where = {k: v for k, v in where.items() if v is not None}
    full = [level for level, mask in where.items() if (mask & inside).any()]
    found = {}
    for group in table.groups or ["all"]:
        parts = [where[level] & table.masks[group] for level in full]
        names = [_named(group, name, level) for level in full]
        counts = table.register.split(table.masks[group], table.sizes[group], parts, names)
        found |= {(group, level): c for level, c in zip(full, counts, strict=True)}
    if table.groups:
        for level in full:
            found["all", level] = _total(table, where[level] & inside, name, level, found)
    nobody = table.register.exact(0)
    empty = [level for level in where if level not in full]
    found |= {(group, level): nobody for group in table.masks for level in empty}
    return found if len(known) else {}


def _named(group: str, name: str, level: str) -> str:
    return f"{name}={level}" if group == "all" else f"{group},{name}={level}"


def _total(
    table: Table, who: np.ndarray, name: str, level: str, found: Mapping[tuple[str, str], Count]
) -> Count:
    """A level in all patients of the table: what was shown of them, or the groups' sum."""
    label = f"{name}={level}"
    # A total of one group alone is no copy of it: that would tell that the others are empty.
    alone = any(not (who & ~table.masks[group]).any() for group in table.groups)
    known = table.register.known(who, label, unnamed=not alone)
    if known is not None:
        return table.register.keep(who, known, label)
    total = table.register.sum(int(who.sum()), [found[g, level] for g in table.groups])
    return total if total.hidden else table.register.keep(who, total, label)


# ---- what is shown --------------------------------------------------------------


def _shown(table: Table, row: Row) -> Row | None:
    name, statistic = row["covariate"], row["statistic"]
    if row["model"] == "left out":
        out, base = table.sizes.get(_MISSING), table.sizes["base"]
        return _counted(row, out, base.cell) if out else blank(row, table.register.k)
    if not name:
        return _size(table, row)
    counts = table.levels.get(name)
    if counts is None:
        return blank(row, table.register.k)
    if row["group"] in table.masks:
        return _cell(table, row, counts)
    if row["group"] == table.by and statistic in ("p", "difference", "smd"):
        return _test(table, row, counts)
    return blank(row, table.register.k)


def _counted(row: Row, count: Count, n: float) -> Row:
    told = {"method": with_note(row, count.note), "how": count.how}
    return {**row, "estimate": count.cell, "n": n, **told}


def _size(table: Table, row: Row) -> Row:
    count = table.sizes.get(row["group"])
    if count is None:
        return blank(row, table.register.k)
    if row["statistic"] == "percent":
        value = _percent(count, table.sizes["all"].shown)
        return {**row, "estimate": value, "n": count.cell, "method": with_note(row, _ROUNDED)}
    return _counted(row, count, count.cell)


def _percent(count: Count, of: float) -> float:
    """Whole per cent of shown by shown; an upper end where the count has but one."""
    if count.hidden or not of > 0:
        return math.nan
    if count.small:
        most = min(math.ceil(100 * (count.high + 1) / of), 100)
        return continuous.Shown(most, f"<{most}")
    return whole(min(100 * count.shown / of, 100.0))


def _cell(table: Table, row: Row, counts: Mapping[tuple[str, str], Count]) -> Row:
    group, statistic = row["group"], row["statistic"]
    n = _denominator(counts, group)
    if statistic == "missing" and (group, _MISSING) in counts:
        return _counted(row, counts[group, _MISSING], table.sizes[group].cell)
    if statistic in ("n", "percent"):
        count = counts.get((group, row["level"]))
        if count is None:
            return blank(row, table.register.k)
        if statistic == "n":
            return _counted(row, count, n)
        size = table.sizes[group]
        n, of = (size.cell, size.shown) if row["method"].startswith(categories.OF_ALL) else (n, n)
        method = with_note(row, _ROUNDED)
        return {**row, "estimate": _percent(count, of), "n": n, "method": method}
    return {**_measured(table, row), "n": n}


def _denominator(counts: Mapping[tuple[str, str], Count], group: str) -> float:
    """Shown levels of a group added up, those without a value left out."""
    parts = [c for (g, level), c in counts.items() if g == group and level != _MISSING]
    if any(part.hidden for part in parts):
        return math.nan
    if len(parts) == 1:
        return parts[0].cell
    return float(sum(part.shown for part in parts))


def _values(table: Table, name: str, group: str) -> np.ndarray:
    """Known values of a measurement in a group."""
    inside = condition(table.frame, "" if group == "all" else group)
    if group == "all" and table.by:
        inside = table.frame[table.by].notna().to_numpy()
    values = table.frame[name]
    if inside is None or not pd.api.types.is_numeric_dtype(values):
        return np.array([])
    numbers = values[inside].to_numpy(dtype=float, na_value=np.nan)
    return numbers[~np.isnan(numbers)]


def _measured(table: Table, row: Row) -> Row:
    k, values = table.register.k, _values(table, row["covariate"], row["group"])
    every = table.frame[row["covariate"]]
    if row["statistic"] in _QUANTILES and len(values):
        value = continuous.quantile(values, _QUANTILES[row["statistic"]], k)
        value = continuous.written(value, _places(every))
        how = f"mean of the {k} patients around it" if math.isfinite(value) else f"hidden (<{k})"
        return {**row, "estimate": value, "method": with_note(row, how)}
    if row["statistic"] in ("mean", "sd") and math.isfinite(continuous.mean(values, k)):
        value = continuous.written(float(row["estimate"]), _places(every) + 1)
        return {**row, "estimate": value, "method": with_note(row)}
    return blank(row, k)


def _places(values: pd.Series) -> int:
    if not pd.api.types.is_numeric_dtype(values):
        return 0
    return continuous.places(values.to_numpy(dtype=float, na_value=np.nan))


#: Tests over levels in their order, by what their method begins with.
_ORDERED = {
    "Mantel-Haenszel": "trend",
    "Cochran-Armitage": "cochran-armitage",
    "with continuity correction": "mann-whitney-corrected",
    "in their order, exact": "mann-whitney-r",
    "Mann-Whitney": "mann-whitney",
    "Kruskal": "kruskal",
}


def _test(table: Table, row: Row, counts: Mapping[tuple[str, str], Count]) -> Row:
    """What compares the groups: of categories from shown counts, of numbers if both are large."""
    n = _denominator(counts, "all")
    if (table.groups[0], _KNOWN) in counts:
        return {**_compared(table, row), "n": n}
    levels = [lv for lv in levels_of(table.frame, row["covariate"]) if ("all", lv) in counts]
    cells = [[counts[group, level] for level in levels] for group in table.groups]
    if any(cell.hidden for line in cells for cell in line):
        return blank(row, table.register.k)
    array = np.array([[round(cell.shown) for cell in line] for line in cells])
    test = "chi-square" if "chi-square" in row["method"] else "fisher"
    test = "chi-square-yates" if "Yates'" in row["method"] else test
    test = next((name for words, name in _ORDERED.items() if words in row["method"]), test)
    for found in categories.tests_of_counts(array, levels, test):
        if (found["statistic"], found.get("level", "")) == (row["statistic"], row["level"]):
            return _from_counts(row, found, n)
    return blank(row, table.register.k)


def _from_counts(row: Row, found: Mapping[str, Any], n: float) -> Row:
    names = ("estimate", "conf_low", "conf_high")
    values = {name: found.get(name, math.nan) for name in names}
    if row["statistic"] == "difference":
        values = {name: whole(value) for name, value in values.items()}
    else:
        values = {name: continuous.digits(value, 2) for name, value in values.items()}
    how = {"method": found["method"]} if row["statistic"] == "p" else row
    return {**row, **values, "n": n, "method": with_note(how, _ROUNDED)}


def _compared(table: Table, row: Row) -> Row:
    """A test between groups of a measurement, each of which has 2 K values."""
    k, name = table.register.k, row["covariate"]
    parts = [_values(table, name, group) for group in table.groups]
    if min(map(len, parts)) < 2 * k:
        return blank(row, k)
    if row["statistic"] == "difference" and "medians" in row["method"]:
        first, second = (continuous.quantile(part, 0.5, k) for part in parts[:2])
        decimals = _places(table.frame[name])
        value = continuous.written(second, decimals) - continuous.written(first, decimals)
        value = continuous.written(value, decimals)
        return {**row, "estimate": value, "method": with_note(row, "of the shown medians")}
    if row["statistic"] == "difference":
        if not all(math.isfinite(continuous.mean(part, k)) for part in parts):
            return blank(row, k)
        places = _places(table.frame[name]) + 1
        names = ("estimate", "conf_low", "conf_high")
        return {**row, **{n: continuous.written(row[n], places) for n in names}}
    return {**row, "estimate": continuous.digits(row["estimate"], 2), "method": with_note(row)}


def of(part: pd.DataFrame) -> list[tuple[str, str]]:
    """Which table each row is of: whose patients, and the column of its groups.

    Totals are of the first table of their population, whose groups may be known of some alone.
    """
    rows = list(zip(part["population"], part["group"], strict=True))
    columns = [(str(among), str(group).partition("=")[0]) for among, group in rows]
    wholes: dict[str, tuple[str, str]] = {}
    for among, by in columns:
        if by != "all":
            known = f"{by}=known" if among == "all" else f"{among},{by}=known"
            wholes.setdefault(among, (among, by))
            wholes.setdefault(known, (among, by))
    return [wholes.get(among, (among, "")) if by == "all" else (among, by) for among, by in columns]
