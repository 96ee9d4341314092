"""Table 1 of a report: characteristics by group, made from result rows only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records, small
from crlm.ledger.vocabulary import ADJUSTMENTS
from crlm.naming import method_words
from crlm.numbers import NOTHING, number, p_text, short, span
from crlm.report.html import Footnotes, Html, table

_Body = list[tuple[str, list[str], list[dict[str, Any]]]]


def baseline_table(
    rows: pd.DataFrame,
    design: Design,
    *,
    caption: str = "Table 1",
    smd: bool = False,
    notes: Sequence[str] = (),
) -> Html:
    """Characteristics by group, from the rows of `baseline.table_one`.

    Parameters
    ----------
    smd : bool
        Also the standardised mean difference; of two groups alone, as more have none.
    notes : sequence of str
        Further lines below.
    """
    smd = smd and bool((rows["statistic"] == "smd").any())
    of_several = (rows["statistic"] == "p") & rows["model"].isin(ADJUSTMENTS)
    rows, adjusted = rows[~of_several], rows[of_several].set_index("covariate")
    sizes = rows[(rows["covariate"] == "") & (rows["statistic"] == "n")]
    groups = [g for g in dict.fromkeys(sizes["group"]) if "=" in g] + ["all"]
    count = sizes.set_index("group")["estimate"]
    header = ["Characteristic"]
    header += [f"{design.group_label(g)} (n = {number(count.get(g), 0)})" for g in groups]
    header += ["p", *(["SMD"] if smd else []), *(["Adjusted p"] if len(adjusted) else [])]
    tests, body = Footnotes(_test_reader(design)), []
    for at, statistic in enumerate(["p", *(["smd"] if smd else [])], len(groups) + 1):
        header[at] += tests.usual(rows.loc[rows["statistic"] == statistic, "method"].tolist())
    for name in dict.fromkeys(rows["covariate"]):
        if name and not _only_left_out(rows[rows["covariate"] == name]):
            part = _baseline_rows(rows[rows["covariate"] == name], groups, design, tests, smd)
            body += _with_adjusted(part, name, adjusted)
    notes = [_what_is_shown(rows, design), *tests.lines(), *_left_out(rows, design), *notes]
    notes += [f"Adjusted p: {how}." for how in adjusted["method"].unique()]
    return table(caption, header, body, notes, numeric=range(len(groups) + 1, len(header)))


def _test_reader(design: Design) -> Callable[[str], str]:
    """As `naming.method_words`, and a standardised difference is called one."""
    words = method_words(design)
    return lambda text: ("SMD: " if text.startswith("absolute, ") else "") + words(text)


def _only_left_out(rows: pd.DataFrame) -> bool:
    return bool((rows["model"] == "left out").all())


def _left_out(rows: pd.DataFrame, design: Design) -> list[str]:
    out = rows[(rows["statistic"] == "missing") & (rows["model"] == "left out")]
    return [
        f"{number(row['estimate'], 0)} of {number(row['n'], 0)} patients are left out of this "
        f"table: {design.label(row['covariate'])} is not known of them."
        for row in as_records(out)
    ]


def _what_is_shown(rows: pd.DataFrame, design: Design) -> str:
    have = set(rows["statistic"])
    spread = _ends_shown(rows, design)
    spread = spread.removesuffix("," * bool(have & {"mean", "iqr"}))
    spread += "; mean ± SD" if "mean" in have else ""
    spread += "; IQR, range: their widths" if "iqr" in have else ""
    if "median" not in have:
        return f"n ({_shares(rows, design)})."
    if "percent" not in have:
        return f"Median{spread.removesuffix(',')}."
    shares = _shares(rows, design)
    return f"Median{spread} for continuous, n ({shares}) for categorical characteristics."


def _shares(rows: pd.DataFrame, design: Design) -> str:
    """Of whom the percentages are: "% of known", and of which characteristics of all."""
    apart = rows["statistic"].eq("percent") & rows["method"].str.startswith("percent of all")
    names = dict.fromkeys(rows.loc[apart & rows["covariate"].ne(""), "covariate"])
    told = ", ".join(small(design.label(name)) for name in names)
    of = f"% of known, of {told} % of all" if told else "% of known"
    limited = rows[rows["statistic"].eq("percent") & rows["conf_low"].notna()]
    if limited.empty:
        return of
    names = dict.fromkeys(limited["covariate"])
    told = ", ".join(small(design.label(name)) for name in names)
    return f"{of}; 95 % {limited['method'].iloc[0].rpartition(', ')[2]} of {told}"


def _ends_shown(rows: pd.DataFrame, design: Design) -> str:
    """What stands beside the medians, and which of the numbers alone have both spreads."""
    usual, more = spreads_of(rows)
    words = {"min": " [minimum–maximum]", "q1": " (quartiles)"}
    told = "".join(words[name] for name in usual)
    labels = ", ".join(design.label(name) for name in more)
    (other,) = {*words} - {*usual} if more else ("min",)
    return f"{told}, of {labels} also{words[other]}," if more else told


def spreads_of(rows: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What of a range ("min") and quartiles ("q1") all numbers have, and which have both.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of `baseline.table_one`.

    Returns
    -------
    usual, more : list of str
        `more` names characteristics; none where all numbers have the same.
    """
    told = {n: {*rows.loc[rows["statistic"] == n, "covariate"]} for n in ("min", "q1")}
    both = told["min"] & told["q1"]
    if told["min"] == told["q1"] or not both:
        return [name for name, whose in told.items() if whose], []
    usual = max(told, key=lambda name: len(told[name]))
    return [usual], [name for name in dict.fromkeys(rows["covariate"]) if name in both]


def _with_adjusted(body: _Body, name: str, adjusted: pd.DataFrame) -> _Body:
    """The lines of a characteristic with its adjusted p in the first, where a table has such."""
    if adjusted.empty:
        return body
    here = name in adjusted.index
    p = p_text(adjusted.loc[name, "estimate"]) if here else NOTHING
    own = as_records(adjusted.loc[[name]].reset_index()) if here else []
    return [
        (kind, [*cells, "" if at else p], rows if at else [*rows, *own])
        for at, (kind, cells, rows) in enumerate(body)
    ]


def _baseline_rows(
    rows: pd.DataFrame, groups: Sequence[str], design: Design, tests: Footnotes, smd: bool
) -> _Body:
    value = {(r["group"], r["level"], r["statistic"]): r["estimate"] for r in as_records(rows)}
    name = str(rows["covariate"].iloc[0])
    test = rows[rows["statistic"] == "p"]
    p = p_text(test["estimate"].iloc[0]) if len(test) else ""
    p += tests.mark(test["method"].iloc[0]) if len(test) else ""
    gap = rows[rows["statistic"] == "smd"] if smd else rows.iloc[:0]
    tail = [p, *[number(g["estimate"]) + tests.mark(g["method"]) for _, g in gap.iterrows()]]
    tail += [NOTHING] * (1 + smd - len(tail))
    label = design.label(name) + _unit(design, name)
    if ("all", "", "median") in value:
        body: _Body = [("", [label, *[_spread(value, g) for g in groups], *tail], _of_level(rows))]
    else:
        body = _levels(value, rows, label, groups, design, tail)
    unknown = [value.get((g, "", "missing"), 0) or 0 for g in groups]
    if any(unknown):
        gaps = rows[rows["statistic"] == "missing"]
        # Of a setting of treatment nothing is unknown among those without the treatment.
        nobody = bool((gaps["estimate"] == gaps["n"]).any())
        called = "Unknown" + " or not applicable" * nobody
        cells = [called, *[number(u, 0) for u in unknown], *[""] * len(tail)]
        body.append(("level unknown", cells, as_records(gaps)))
    return body


def _of_level(rows: pd.DataFrame, level: str = "", *, first: bool = True) -> list[dict[str, Any]]:
    """The rows that a line of Table 1 stands for: its level, and in the first one the test."""
    shown = (rows["level"] == level) & ~rows["statistic"].isin(["p", "smd", "missing"])
    return as_records(rows[shown | (first & rows["statistic"].isin(["p", "smd"]))])


def _levels(
    value: Mapping[tuple[str, str, str], float],
    rows: pd.DataFrame,
    label: str,
    groups: Sequence[str],
    design: Design,
    tail: Sequence[str],
) -> _Body:
    """A line a level; the first carries the name of the characteristic and its test."""
    name = str(rows["covariate"].iloc[0])
    body: _Body = []
    shares = {(r["group"], r["level"]): r for r in as_records(rows[rows["statistic"] == "percent"])}
    here = [level for level in dict.fromkeys(rows["level"]) if value.get(("all", level, "n"))]
    # Of a plain yes or no the yes alone is told, as journals do.
    alone = len(here) == 2 and set(here) == {"no", "yes"}
    for level in ["yes"] if alone else here:
        cells = [_share(value[g, level, "n"], shares[g, level]) for g in groups]
        text = design.label(name, level)
        if body:
            told = _of_level(rows, level, first=False)
            body.append(("level", [text, *cells, *[""] * len(tail)], told))
        else:
            named = f"{label}: {small(text)}"
            named = text if design.stands_alone(name, level) else named
            named = label if alone and named != text else named
            body.append(("first", [named, *cells, *tail], _of_level(rows, level)))
    return body


def _share(count: float, percent: Mapping[str, Any]) -> str:
    """`12 (34 %)`, with limits `12 (34 %; 20–51)`; a dash where nobody's value is known."""
    if not math.isfinite(percent["estimate"]):
        return NOTHING
    low, high = percent["conf_low"], percent["conf_high"]
    limits = f"; {span(number(low, 0), number(high, 0))}" if math.isfinite(low) else ""
    return f"{number(count, 0)} ({number(percent['estimate'], 0)} %{limits})"


def _unit(design: Design, name: str) -> str:
    unit = (design.columns.get(name) or {}).get("unit", "")
    said = design.label(name).endswith((f"({unit})", f", {unit}"))
    return f", {unit}" if unit and unit != "tumours" and not said else ""


def _spread(value: Mapping[tuple[str, str, str], float], group: str) -> str:
    got = {
        key: value.get((group, "", key), math.nan) for key in ("median", "min", "max", "q1", "q3")
    }
    text = short(got["median"])
    if math.isfinite(got["min"]):
        text += f" [{span(short(got['min']), short(got['max']))}]"
    if math.isfinite(got["q1"]):
        text += f" ({span(short(got['q1']), short(got['q3']))})"
    mean, sd = (value.get((group, "", key), math.nan) for key in ("mean", "sd"))
    text += f"; {short(mean)} ± {short(sd)}" if math.isfinite(mean) else ""
    between, whole = (value.get((group, "", key), math.nan) for key in ("iqr", "range"))
    return f"{text}; IQR {short(between)}, range {short(whole)}" if math.isfinite(whole) else text
