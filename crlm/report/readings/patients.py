"""Who the patients are, in sentences: flow, characteristics, groups, follow-up."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from crlm.ledger import Design, as_records, small
from crlm.ledger.vocabulary import ALL
from crlm.numbers import counted, number
from crlm.report.followed import patients_of
from crlm.report.readings.printed import Print
from crlm.report.readings.wording import records_of, sentence, value_text


def flow(rows: pd.DataFrame, paper: Print) -> str:
    """How many of the table's patients are analysed."""
    records = [r for r in as_records(rows) if not str(r["level"]).endswith("_excluded")]
    first, last = records[0], records[-1]
    verb = "is" if last["estimate"] == 1 else "are"
    about = "about " if "sum of bands" in str(first["method"]) else ""
    return (
        f"Of {about}{counted(first['estimate'], 'patient')} in the table "
        f"{number(last['estimate'], 0)} {verb} analysed{paper.beside(last)}."
    )


def baseline(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """Which characteristics differ between the groups."""
    tests = [r for r in records_of(rows, statistic="p") if math.isfinite(r["estimate"])]
    if not tests:
        return ""
    differ = [r for r in tests if r["estimate"] < 0.05]
    if not differ:
        none = "The one characteristic does not differ"
        none = none if len(tests) == 1 else f"None of {len(tests)} characteristics differs"
        return f"{none} between the groups at p < 0.05."
    told = "; ".join(f"{design.label(r['covariate'])}, {paper.tested(r)}" for r in differ)
    verb = "differs" if len(differ) == 1 else "differ"
    many = counted(len(tests), "characteristic")
    return f"Of {many} {len(differ)} {verb} at p < 0.05: {told}."


def sizes(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """How many patients each group holds."""
    told = []
    for row in records_of(rows, statistic="n", covariate=""):
        if "=" in row["group"]:
            share = next(r for r in records_of(rows, statistic="percent", group=row["group"]))
            told.append(
                f"{design.group_label(row['group'])} {number(row['estimate'], 0)}"
                f"{paper.beside(row)}, {number(share['estimate'], 1)} %{paper.beside(share)}"
            )
    return sentence("; ".join(told))


def in_no_group(frame: pd.DataFrame, names: Sequence[str], design: Design) -> list[str]:
    """How many patients are in none of the groups that columns make; nothing where all are.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a patient.
    names : sequence of str
        Columns of which each patient in a group has a level.
    design : Design

    Returns
    -------
    list of str
        One sentence: the levels that a factor leaves out, and what is not known of the patients.

    Examples
    --------
    >>> from crlm.ledger import load_design
    >>> frame = pd.DataFrame({"margin": ["positive", None]})
    >>> in_no_group(frame, ["margin"], load_design("mskcc_hai"))
    ['1 of 2 patients is in no group: Resection margin is not known of them.']
    """
    lost = frame[list(names)].isna()
    without = int(lost.any(axis=1).sum()) if len(names) else 0
    if not without:
        return []
    outside = {name: _left_out(frame, name, design) for name in names}
    why = []
    for name in names:
        source, found = design.source(name), set(outside[name].dropna())
        levels = [design.label(source, level) for level in design.levels(source) if level in found]
        why += [f"{design.label(name)} leaves out {', '.join(levels)}"] * bool(levels)
    unknown = [name for name in names if (lost[name] & outside[name].isna()).any()]
    if unknown:
        whom = "others" if why else "them"
        why.append(f"{' or '.join(map(design.label, unknown))} is not known of {whom}")
    of = counted(len(frame), "patient")
    verb = "is" if without == 1 else "are"
    return [f"{number(without, 0)} of {of} {verb} in no group: {'; '.join(why)}."]


def _left_out(frame: pd.DataFrame, name: str, design: Design) -> pd.Series:
    """The level of each patient that a factor leaves out; missing of all others."""
    aside, source = list(design.spec(name).get("left_out") or ()), design.source(name)
    held = frame[source] if source in frame else pd.Series(index=frame.index, dtype=object)
    return held.astype(object).where(held.isin(aside))


def composition(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """The levels of each characteristic of one group, with number and per cent."""
    told = []
    for row in as_records(rows):
        if row["statistic"] == "n" and row["level"] and row["estimate"]:
            told.append(
                f"{design.label(row['covariate'], row['level'])} {number(row['estimate'], 0)}"
                f"{paper.beside(row)}"
            )
    who = design.group_label(str(rows["population"].iloc[0]))
    return sentence(f"{who}: {', '.join(told)}") if told else ""


def follow_up(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """Median follow-up, by group where the paper prints it by group."""
    medians = records_of(rows, statistic="median_follow_up")
    printed = [r for r in medians if paper.has(r)] or medians[:1]
    whose = [small(patients_of(r, design)) for r in printed]
    if any(row["endpoint"] for row in printed):
        of = [design.endpoint_name(r["endpoint"]) or "of the patients" for r in printed]
        whose = [
            "" if r["group"] == ALL else f" ({who})" for r, who in zip(printed, whose, strict=True)
        ]
        whose = [f"{name}{who}" for name, who in zip(of, whose, strict=True)]
    told = [
        f"{who} {value_text(r)}{paper.beside(r)}" for who, r in zip(whose, printed, strict=True)
    ]
    return f"Median follow-up: {'; '.join(told)}."
