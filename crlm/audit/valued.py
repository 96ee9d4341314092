"""Patients with and without a value, as print has them."""

from __future__ import annotations

from functools import lru_cache

from crlm.audit.facts import Cell, Facts, Printed, cell_of

#: What makes a factor know more or fewer patients than the column that it is made of.
_APART = {"left_out", "otherwise"}


@lru_cache(maxsize=4)
def missing_values(facts: Facts) -> dict[tuple[Cell, str], Printed]:
    """Printed numbers of patients without a value, by (patients, column).

    Whoever lacks a number or a category lacks what is made of it.
    """
    found = {}
    for key, places in facts.numbers.items():
        cell, whole = cell_of(key.group), cell_of(key.population)
        if key.statistic == "missing" and key.covariate and cell is not None and whole is not None:
            found[whole | cell, key.covariate] = places[0]
    for (cell, column), number in list(found.items()):
        for name in facts.design.factors_from(column):
            if not _APART & {*facts.design.factors[name]}:
                found.setdefault((cell, name), number)
    return found


@lru_cache(maxsize=4)
def shares_missing(facts: Facts) -> dict[tuple[Cell, str], Printed]:
    """Printed percentages of patients without a value, by (patients, column)."""
    found = {}
    for key, places in facts.numbers.items():
        cell, whole = cell_of(key.group), cell_of(key.population)
        of_column = key.statistic == "percent_missing" and key.covariate
        if of_column and cell is not None and whole is not None:
            found[whole | cell, key.covariate] = places[0]
    return found


@lru_cache(maxsize=4)
def known_values(facts: Facts) -> dict[tuple[Cell, str], Printed]:
    """Printed numbers of patients of known value, by (patients, column)."""
    found = {}
    for key, places in facts.numbers.items():
        cell, whole = cell_of(key.group), cell_of(key.population)
        of_column = key.statistic == "n" and key.covariate and not key.level and not key.model
        if of_column and key.covariate != "flow" and cell is not None and whole is not None:
            found[whole | cell, key.covariate] = places[0]
    return found


def missing_around(facts: Facts, cell: Cell, column: str) -> Printed | None:
    """Without a value among the fewest patients whom print tells it of and who hold the cell.

    A footnote "Data missing for 14 patients" is of all: so many of a group lack it at most.
    """
    held = [own for own, of in missing_values(facts) if of == column and own < cell]
    most = max(held, key=lambda own: (len(own), sorted(own)), default=None)
    return None if most is None else missing_values(facts)[most, column]


def beside_source(facts: Facts, cell: Cell, column: str) -> dict[str, Printed]:
    """Counts of all levels of what is made of the same column: these patients have a value here.

    By role, "beside LEVEL"; of nothing that knows more or fewer patients.
    """
    design = facts.design
    source = design.source(column)
    names = [source, *design.factors_from(source)]
    alike = [name for name in names if not _APART & {*design.factors.get(name, {})}]
    for name in alike if column in alike else ():
        counts = {level: facts.n(cell | {(name, level)}) for level in facts.levels(name)}
        if name != column and len(counts) > 1 and None not in counts.values():
            return {f"beside {level}": p for level, p in counts.items() if p is not None}
    return {}


def missing_of_groups(facts: Facts, cell: Cell, column: str) -> int | None:
    """Patients of several groups of Table 1 without a value, where print has each group's."""
    by = str(facts.design.table_one["by"])
    told = dict(cell)
    levels = told.pop(by, "/".join(facts.levels(by))).split("/")
    parts = [missing_values(facts).get((frozenset({(by, level)}), column)) for level in levels]
    known = [part.count for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) > 1 and not told else None
