"""Percentages of rows as a table: how the patients of each level divide into the groups."""

from __future__ import annotations

import pandas as pd

from crlm.ledger import Design, as_records
from crlm.numbers import number
from crlm.report.html import Html, table


def shares_table(rows: pd.DataFrame, design: Design, by: str, *, caption: str) -> Html:
    """Counts and shares of the groups, a level of another column a row.

    Parameters
    ----------
    rows : pandas.DataFrame
        Statistics `n` and `percent` of `by`; the group is the level of the row.
    design : Design
    by : str
    """
    levels = [level for level in design.levels(by) if level in set(rows["level"])]
    body = []
    for name in dict.fromkeys(rows["group"].str.partition("=")[0]):
        body.append(("", [design.label(name), *[""] * len(levels)], []))
        for group, part in rows.groupby("group", sort=False):
            if str(group).partition("=")[0] == name:
                value = {(r["level"], r["statistic"]): r["estimate"] for r in as_records(part)}
                cells = [
                    f"{number(value[level, 'n'], 0)} ({number(value[level, 'percent'], 0)} %)"
                    for level in levels
                ]
                label = design.label(name, str(group).partition("=")[2])
                body.append(("level", [label, *cells], as_records(part)))
    header = ["Characteristic", *(design.label(by, level) for level in levels)]
    return table(caption, header, body, ["n (% of the row's patients whose group is known)."])
