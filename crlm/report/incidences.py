"""A cumulative incidence as a table: an event and the one that competes, month by month."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records, small
from crlm.ledger.vocabulary import COMPETING, COUNTED, GRAY
from crlm.naming import method_words
from crlm.numbers import number, p_text
from crlm.report.cells import shown
from crlm.report.html import Footnotes, Html, table


def labels_of(design: Design, name: str) -> dict[str, str]:
    """What an incidence counts and what competes, as a reader would say them, by cause.

    Parameters
    ----------
    design : Design
    name : str
        Of `design.incidences`.
    """
    spec = design.incidences[name]
    other = spec.get("competing_label") or f"Competing event ({spec['competing']})"
    return {COUNTED: str(spec["label"]), COMPETING: str(other)}


def incidence_table(
    rows: pd.DataFrame, design: Design, name: str, *, caption: str, notes: Sequence[str] = ()
) -> Html:
    """Share of each group with the event by each month, the difference, and Gray's p.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of one incidence: `cumulative_incidence`, its differences, p of model "gray", and `n` and
        `events` where they may be told; level "competing" is the other event.
    """
    shares = rows[rows["statistic"] == "cumulative_incidence"]
    groups = list(dict.fromkeys(shares["group"]))
    found = {(r["statistic"], r["level"], r["group"], r["time"]): r for r in as_records(shares)}
    gaps = rows[rows["statistic"] == "cumulative_incidence_difference"]
    apart = {(r["level"], r["time"]): r for r in as_records(gaps)}
    tests = rows[(rows["statistic"] == "p") & (rows["model"] == GRAY)]
    tested = {r["level"]: r for r in as_records(tests)}
    sizes = rows[rows["statistic"].isin(["n", "events"])]
    counts = {(r["statistic"], r["level"], r["group"]): r for r in as_records(sizes)}
    marks, body = Footnotes(method_words(design)), []
    for cause, label in labels_of(design, name).items():
        level = "" if cause == COUNTED else cause
        used = [counts.get(("events", level, group)) for group in groups]
        told = [
            f"{number(r['estimate'], 0)} of {number(r['n'], 0)} patients" if r else "" for r in used
        ]
        test = tested.get(level)
        p = _tested(test, marks) if test else ""
        cells = [label, *told, *([""] if apart else []), *([p] if tested else [])]
        body.append(("", cells, [*filter(None, used), *([test] if test else [])]))
        for month in sorted(shares["time"].unique()):
            each = [found["cumulative_incidence", level, group, month] for group in groups]
            gap = apart.get((level, month))
            cells = [f"by month {month:g}", *(shown(row, marks) for row in each)]
            cells += [shown(gap, marks, signed=True)] if apart else []
            cells += [""] if tested else []
            body.append(("level", cells, [*each, *([gap] if gap else [])]))
    header = ["Event", *[f"{design.group_label(group)}, % (95 % CI)" for group in groups]]
    header += [f"Difference, points: {_minus(groups, design)}"] if apart else []
    header += ["p (Gray)"] if tested else []
    methods = shares.loc[shares["estimate"].notna(), "method"].head(1)
    lines = [*map(method_words(design), methods), *marks.lines(), *notes]
    return table(caption, header, body, lines)


def _tested(test: Mapping[str, Any], marks: Footnotes) -> str:
    """A p value with its test below, or a dash with the reason."""
    if not math.isfinite(test["estimate"]):
        return shown(test, marks)
    return p_text(test["estimate"]) + marks.mark(test["method"])


def _minus(groups: Sequence[str], design: Design) -> str:
    return f"{design.group_label(groups[-1])} minus {small(design.group_label(groups[0]))}"
