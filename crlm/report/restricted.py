"""Restricted means as a table: hides whether groups stand beside each other or below."""

from __future__ import annotations

from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records
from crlm.naming import method_words
from crlm.numbers import interval, p_text, short
from crlm.report.html import Html, table

_Line = tuple[str, list[str], list[dict[str, Any]]]


def restricted_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Restricted means and their differences, by endpoint and horizon.

    One line each where there are two groups; of more, one line a group.
    """
    means = rows[rows["statistic"] == "rmst"]
    groups = list(dict.fromkeys(means["group"]))
    # The horizon stands in the first column; why it is no later one is told below.
    reasons = means["method"].str.replace(r" to [\d.]+ months(?!, the end)", "", regex=True)
    notes = list(map(method_words(design), dict.fromkeys(reasons)))
    if len(groups) > 2:
        return _means_by_group(rows, design, caption, notes)
    body: list[_Line] = []
    for (endpoint, time), part in rows.groupby(["endpoint", "time"], sort=False):
        means = {r["group"]: r for r in as_records(part) if r["statistic"] == "rmst"}
        gap = {r["statistic"]: r for r in as_records(part) if r["statistic"] != "rmst"}
        cells = [f"{design.endpoint_name(str(endpoint))}, to month {short(time)}"]
        cells += [interval(means[g]) if g in means else "–" for g in groups]
        difference, p = gap.get("rmst_difference"), gap.get("p")
        cells += [interval(difference) if difference else "–", p_text(p["estimate"]) if p else "–"]
        body.append(("", cells, as_records(part)))
    header = ["Endpoint and horizon", *[f"{design.group_label(g)}, months" for g in groups]]
    header += ["Difference, months (95 % CI)", "p"]
    return table(caption, header, body, notes)


def _means_by_group(rows: pd.DataFrame, design: Design, caption: str, notes: list[str]) -> Html:
    """Three groups and more below each other, each against the first."""
    body: list[_Line] = []
    for (endpoint, time), part in rows.groupby(["endpoint", "time"], sort=False):
        gaps: dict[str, dict[str, Any]] = {}
        for row in as_records(part[part["level"] != ""]):
            gaps.setdefault(f"{row['covariate']}={row['level']}", {})[row["statistic"]] = row
        label = f"{design.endpoint_name(str(endpoint))}, to month {short(time)}"
        body.append(("head", [label, "", "", ""], []))
        for at, row in enumerate(as_records(part[part["statistic"] == "rmst"])):
            gap = gaps.get(row["group"], {})
            difference, p = gap.get("rmst_difference"), gap.get("p")
            cells = [design.group_label(row["group"]), interval(row)]
            cells += [interval(difference) if difference else "–" if at else "reference"]
            cells += [p_text(p["estimate"]) if p else ""]
            body.append(("level", cells, [row, *gap.values()]))
    header = ["Endpoint, horizon and group", "Mean, months (95 % CI)"]
    header += ["Difference to the reference, months (95 % CI)", "p"]
    return table(caption, header, body, notes)
