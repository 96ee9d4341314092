"""Follow-up as a table: of the patients, by group, by endpoint, and by another method beside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records, small
from crlm.ledger.vocabulary import ALL
from crlm.naming import method_words
from crlm.numbers import interval, number, span
from crlm.report.html import Footnotes, Html, table


def follow_up_table(parts: Sequence[pd.DataFrame], design: Design) -> Html:
    """Median follow-up with limits, range and quartiles, a line a group; results come first.

    Parameters
    ----------
    parts : sequence of pandas.DataFrame
        From `survival.follow_up`: the results, and what another method says beside them.
    """
    notes, lines = Footnotes(method_words(design)), []
    for at, part in enumerate(parts):
        found = {(*(r[name] for name in _OF), r["statistic"]): r for r in as_records(part)}
        for (*of, statistic), row in found.items():
            if statistic != "median_follow_up":
                continue
            ends = [found.get((*of, f"{end}_follow_up")) for end in _ENDS]
            told = (*of, row["method"])
            if told not in [line[0] for line in lines]:
                lines.append((told, row, ends, at == 0))
    shown = [_given(line[2][:2] for line in lines), _given(line[2][2:] for line in lines)]
    body = []
    for (endpoint, *_, method), row, ends, is_result in lines:
        who = patients_of(row, design)
        who = f"{design.endpoint_name(endpoint)}, {small(who)}" if endpoint else who
        cells = [who + notes.mark(method), interval(row)]
        pairs = [ends[:2], ends[2:]]
        cells += [_span(pair) for pair, used in zip(pairs, shown, strict=True) if used]
        body.append(("", cells, [row, *filter(None, ends)] if is_result else []))
    header = ["Patients", "Median, months (95 % CI)"]
    heads = ["Range, months", "Quartiles, months"]
    header += [head for head, used in zip(heads, shown, strict=True) if used]
    return table("Follow-up", header, body, notes.lines())


_ENDS = ("min", "max", "q1", "q3")
_OF = ("endpoint", "population", "group")


def patients_of(row: Mapping[str, Any], design: Design) -> str:
    """Whose follow-up a row has: a group, some patients, or a group of these.

    Examples
    --------
    >>> from crlm.ledger import load_design
    >>> row = {"group": "hai=yes", "population": "sex=male"}
    >>> patients_of(row, load_design("mskcc_hai"))
    'HAI, men'
    """
    group, among = design.group_label(row["group"]), row["population"]
    if among == ALL:
        return group
    whom = design.population_label(among)
    return whom if row["group"] == ALL else f"{group}, {whom}"


def _given(pairs: Any) -> bool:
    """Whether some line has such ends; a safe report has none."""
    return any(row and not math.isnan(row["estimate"]) for pair in pairs for row in pair)


def _span(pair: Sequence[dict[str, Any] | None]) -> str:
    known = [number(row["estimate"]) for row in pair if row]
    return span(*known) if known else ""
