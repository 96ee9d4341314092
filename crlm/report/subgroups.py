"""The forest of subgroups as a table: one effect within each level of other columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records
from crlm.numbers import interval, number, p_text
from crlm.report.html import Html, table

_HEADER = ["Subgroup", "n", "Events", "HR (95 % CI)", "p", "p for interaction"]


def subgroups_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Patients, events, ratio and p of each subgroup, the p of the interaction above its levels.

    Parameters
    ----------
    rows : pandas.DataFrame
        Univariable ratios of one column, each with its subgroup as population, and the rows of
        model "interaction" of that column with the columns that make the subgroups.
    """
    body = []
    for name, joint, inside in by_factor(rows):
        p = p_text(joint["estimate"]) if joint else ""
        if name:
            body.append(("", [design.label(name), "", "", "", "", p], [joint] if joint else []))
        for population, part in inside:
            body += _lines(as_records(part), subgroup(name, population, design), design)
    return table(caption, _HEADER, body, numeric=[1, 2, 4, 5])


def by_factor(
    rows: pd.DataFrame,
) -> Iterator[tuple[str, dict[str, Any] | None, list[tuple[str, pd.DataFrame]]]]:
    """Each factor that makes subgroups, the p of its interaction, and the rows of each subgroup.

    First, without a factor, the effect among all whom the forest is of, where it has it.
    """
    effects = rows[rows["model"] == "univariable"]
    between = rows[(rows["model"] == "interaction") & (rows["statistic"] == "p")]
    columns = between["covariate"].str.partition(":")[2]
    # Of matched men the subgroup is that of men.
    within = effects["population"].str.rpartition(",")[2].str.partition("=")[0]
    told = between[between["covariate"].str.contains(":")]["population"]
    among = {*told} or {*effects["population"]}
    within = within.where(~effects["population"].isin(among), "")
    for name in dict.fromkeys([*within, *columns]):
        # Of several ratios the joint test stands last.
        joint = as_records(between[columns == name])[-1:]
        found = effects[within == name].groupby("population", sort=False)
        yield (
            str(name),
            joint[0] if joint else None,
            [(str(population), part) for population, part in found],
        )


def subgroup(name: str, population: str, design: Design) -> str:
    """What a forest calls a subgroup, below the name of what makes it."""
    level = population.rpartition(",")[2].partition("=")[2]
    return design.label(name, level) if name else design.population_label(population)


def _lines(found: list[dict[str, Any]], called: str, design: Design) -> list[Any]:
    """The lines of a subgroup: one, or one for each level that is set against the first."""
    ratios = [row for row in found if row["statistic"] == "hazard_ratio"]
    whole = next(row for row in found if row["statistic"] == "n")
    counts = [number(whole[count], 0) for count in ("n", "events")]
    lines = []
    for row in ratios:
        tests = [t for t in found if t["statistic"] == "p" and t["level"] == row["level"]]
        label = called
        label += f": {design.label(row['covariate'], row['level'])}" if len(ratios) > 1 else ""
        p = p_text(tests[0]["estimate"]) if tests else ""
        lines.append(("level", [label, *counts, interval(row), p, ""], [row, *tests]))
    return lines
