"""Incidence rates as a table: events, patient-years, rate, and its ratio to the first group's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from crlm.ledger import Design, as_records, small
from crlm.ledger.vocabulary import ALL
from crlm.naming import method_words
from crlm.numbers import number, p_text
from crlm.report.cells import shown
from crlm.report.html import Footnotes, Html, table


def rates_table(
    rows: pd.DataFrame,
    design: Design,
    *,
    caption: str,
    notes: Sequence[str] = (),
    apart: bool = False,
) -> Html:
    """Rates of the groups of one column, a line a group.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `survival.rates`; counts may be left out of them.
    apart : bool
        Whether differences of rates have a column too.
    """
    records = as_records(rows)
    of = {(r["statistic"], r["group"]): r for r in records if not r["covariate"]}
    between = {(r["statistic"], r["level"]): r for r in records if r["covariate"]}
    groups = [r["group"] for r in records if r["statistic"] == "incidence_rate"]
    told = {r["statistic"] for r in records if math.isfinite(r["estimate"])}
    counts = [name for name in ("events", "patient_years") if name in told]
    compared = ["rate_ratio", *(["rate_difference"] if apart else []), "p"] if between else []
    marks, body = Footnotes(method_words(design)), []
    for group in groups:
        level = group.partition("=")[2]
        told = [of[name, group] for name in counts]
        cells = [design.group_label(group)]
        cells += [number(r["estimate"], 0 if r["statistic"] == "events" else 1) for r in told]
        rate = of["incidence_rate", group]
        cells.append(shown(rate, marks))
        if ("reference", level) in between:
            cells += ["1 (reference)", *[""] * (len(compared) - 1)]
        elif compared:
            found = [between[name, level] for name in compared]
            cells += [_compared(row, marks) for row in found]
            told = [*told, *found]
        body.append(("", cells, [*told, rate]))
    unit = str(rows.loc[rows["statistic"] == "incidence_rate", "unit"].iloc[0])
    heads = {"events": "Events", "patient_years": "Patient-years"}
    heads |= {"rate_ratio": "Rate ratio (95 % CI)", "p": "p"}
    heads["rate_difference"] = "Difference (95 % CI)"
    header = ["Patients", *[heads[name] for name in counts], f"Rate {per(unit)} (95 % CI)"]
    header += [heads[name] for name in compared]
    methods = rows.loc[rows["statistic"] == "incidence_rate", "method"].head(1)
    tested = rows.loc[(rows["statistic"] == "p") & rows["estimate"].notna(), "method"].head(1)
    lines = [f"Rates: {method_words(design)(methods.iloc[0])}."]
    lines += [f"Ratios and p: {method_words(design)(text)}." for text in tested]
    numeric = [*range(1, 1 + len(counts))]
    return table(caption, header, body, [*lines, *marks.lines(), *notes], numeric=numeric)


def per(unit: str) -> str:
    """A unit of rates as a reader would say it: "per 1,000 patient-years".

    Examples
    --------
    >>> per("per 1000 patient-years")
    'per 1,000 patient-years'
    """
    words = [number(float(word), 0) if word.isdigit() else word for word in unit.split()]
    return " ".join(words)


def whose(group: str, design: Design) -> str:
    """The group of a rate within a sentence."""
    return "all patients" if group == ALL else small(design.group_label(group))


def _compared(row: dict, marks: Footnotes) -> str:
    if row["statistic"] == "p" and pd.notna(float(row["estimate"])):
        return p_text(row["estimate"])
    return shown(row, marks, signed=row["statistic"] == "rate_difference")
