"""What became of the patients, in sentences: medians, rates, months, and the answer in short."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from crlm.ledger import Design, as_records, kind_of, small
from crlm.ledger.vocabulary import ALL, COMPETING, GRAY
from crlm.numbers import (
    counted,
    estimate,
    interval,
    limits,
    number,
    p_phrase,
    short,
)
from crlm.report.readings.models import held_at
from crlm.report.readings.printed import Print
from crlm.report.readings.wording import (
    RATIOS,
    Row,
    capital,
    ending,
    keys_of,
    lacking,
    records_of,
    sentence,
    value_text,
)


def curves(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """Median and rates of each group as far as print has them, and the test between them."""
    endpoint = str(rows["endpoint"].iloc[0])
    name = design.endpoint_name(endpoint)
    groups = list(dict.fromkeys(rows.loc[rows["statistic"] == "median_survival", "group"]))
    parts = []
    for number_of, group in enumerate(groups):
        here = records_of(rows, group=group)
        shown = [r for r in here if r["statistic"] in ("median_survival", "survival_rate")]
        told = [r for r in shown if paper.has(r)]
        told = told or [r for r in shown if r["statistic"] == "median_survival"]
        texts = [_curve_text(r, name if not number_of else "") + paper.beside(r) for r in told]
        who = "" if group == "all" and len(groups) == 1 else f"{design.group_label(group)}: "
        parts.append(who + ", ".join(texts))
    for test in records_of(rows, statistic="p", model="logrank"):
        parts.append(f"log-rank {paper.tested(test)}")
    return sentence("; ".join(parts))


def _curve_text(row: Row, endpoint: str) -> str:
    of = f" {endpoint}" if endpoint else ""
    if row["statistic"] == "median_survival":
        return f"median{of} {value_text(row)}"
    return f"{row['time']:g}-month{of or ' rate'} {value_text(row)}"


def cumulative_incidence(rows: pd.DataFrame, design: Design, paper: Print, name: str) -> str:
    """Share of each group with an event at the months of print, else at the last, and its test.

    Parameters
    ----------
    name : str
        Of `design.incidences`; the event that competes stands behind, at the last of the months.
    """
    spec, parts = design.incidences[name], []
    other = spec.get("competing_label") or "the competing event"
    shares = records_of(rows, statistic="cumulative_incidence", level="")
    last = max((r["time"] for r in shares if math.isfinite(r["estimate"])), default=None)
    printed = sorted({r["time"] for r in shares if paper.has(r)} or {last} - {None})
    for level, label in (("", spec["label"]), (COMPETING, other)):
        told = records_of(rows, statistic="cumulative_incidence", level=level)
        for month in printed if not level else printed[-1:]:
            here = [r for r in told if r["time"] == month]
            each = [f"{_whose(r, design)}{value_text(r)}{paper.beside(r)}" for r in here]
            parts.append(f"{small(str(label))} by month {month:g}: {', '.join(each)}")
        for test in records_of(rows, statistic="p", model=GRAY, level=level):
            parts.append(f"Gray's test {paper.tested(test)}")
    return sentence("; ".join(parts))


def _whose(row: Row, design: Design) -> str:
    return "" if row["group"] == ALL else f"{design.group_label(row['group'])} "


def months(rows: pd.DataFrame, design: Design) -> str:
    """Differences of restricted means, in months."""
    told = []
    for row in records_of(rows, statistic="rmst_difference"):
        if math.isfinite(row["estimate"]):
            less = "fewer" if row["estimate"] < 0 else "more"
            who, than = _compared(row, design)
            value = {**row, "estimate": abs(row["estimate"])}
            both = f", {both}" if (both := limits(row)) else ""
            when = f"{design.endpoint_name(row['endpoint'])}: up to month {short(row['time'])}"
            told.append(
                f"{when} {who} has {estimate(value)} months {less} on average{than} "
                f"(difference {estimate(row)}{both})"
            )
    return sentence("; ".join(told))


def _compared(row: Row, design: Design) -> tuple[str, str]:
    """The group that a difference is of, and, where there are several, the one that it is from."""
    if row["level"]:
        other = str(row["method"]).partition(" minus ")[2].partition(",")[0]
        own = design.group_label(f"{row['covariate']}={row['level']}")
        return own, f" than {design.group_label(other)}"
    name, levels = row["group"], design.levels(row["group"])
    return (design.group_label(f"{name}={levels[1]}") if len(levels) > 1 else name), ""


def answer(
    endpoint: str,
    medians: pd.DataFrame,
    effect: pd.DataFrame,
    tried: pd.DataFrame,
    design: Design,
    paper: Print,
    kind: str = "multivariable",
    whom: str = "",
    products: Iterable[tuple[str, str]] = (),
) -> str:
    """One endpoint in one sentence: the groups, the adjusted ratio, and how firmly it stands.

    Parameters
    ----------
    medians : pandas.DataFrame
        Curve rows of the groups of the exposure, with their log-rank test.
    effect : pandas.DataFrame
        Ratio and p of the exposure in the models of several covariates; where they have none, in
        another after them.
    tried : pandas.DataFrame
        Rows of `specification.inference`, or none.
    kind : str
        What the model of several covariates is (`naming.kind_of_model`).
    whom : str
        Of which patients, where not of all: "among men".
    products : iterable of (str, str)
        From `products_in`.
    """
    parts = list(filter(None, [_groups_text(medians, design, paper)]))
    ratios = [r for r in as_records(effect) if r["statistic"] in RATIOS]
    tests = {keys_of(r): r for r in records_of(effect, statistic="p")}
    known = [r for r in ratios if math.isfinite(r["estimate"])]
    known = [r for r in known if kind_of(r["model"]) == kind_of(known[0]["model"])]
    levels = {r["level"] for r in known}
    for row in {r["model"]: r for r in reversed(ratios)}.values():
        if row["model"] not in [r["model"] for r in known]:
            parts.append(f"{_ratio_of(row, kind, design)} {lacking(row)}")
    for row in known:
        test = tests.get(keys_of(row))
        p = f", {p_phrase(test['estimate'])}" if test is not None else ""
        level = f", {design.label(row['covariate'], row['level'])}:" if len(levels) > 1 else ""
        at = held_at(row, products, design)
        what = " ".join(filter(None, [_ratio_of(row, kind, design), at]))
        parts.append(f"{what}{level} {interval(row)}{p}{paper.beside(row)}")
    found = {(r["model"], r["statistic"]): r for r in as_records(tried)}
    share = ending(found, ", claim", "percent")
    if share is not None and math.isfinite(share["estimate"]):
        holds = f"{number(share['estimate'], 0)} % of {counted(share['n'], 'model')}"
        parts.append(f"the paper's claim holds in {holds}")
    if not parts:
        return ""
    label = {**design.incidences, **design.endpoints}[endpoint]["label"]
    return f"{capital(' '.join(filter(None, [label, whom])))}: {'; '.join(parts)}."


def _ratio_of(row: Row, kind: str, design: Design) -> str:
    """A ratio and its model: "multivariable HR", "HR in a model of one covariate", "Model 2 HR"."""
    name = RATIOS[row["statistic"]]
    if label := design.model_label(row):
        return f"{label} {name}"
    alone = row["model"] == "multivariable" != kind
    return f"{name} in a {kind}" if alone else f"{row['model']} {name}"


def _groups_text(rows: pd.DataFrame, design: Design, paper: Print) -> str:
    """What each group reached, in the quantity that the paper prints, and the test."""
    shown = as_records(rows[rows["statistic"].isin(["median_survival", "survival_rate"])])
    told = [r for r in shown if paper.has(r)]
    last = max((r["time"] for r in told if r["statistic"] == "survival_rate"), default=None)
    medians = [r for r in told if r["statistic"] == "median_survival"]
    chosen = medians or [r for r in told if r["time"] == last]
    chosen = chosen or [r for r in shown if r["statistic"] == "median_survival"]
    if not chosen:
        return ""
    first = chosen[0]
    what = "median" if first["statistic"] == "median_survival" else f"{first['time']:g}-month rate"
    whose = ["" if r["group"] == "all" else f"{design.group_label(r['group'])} " for r in chosen]
    if any(": " in who for who in whose):
        what, whose = f"{what},", [small(who) for who in whose]
    groups = ", ".join(
        f"{who}{value_text(r)}{paper.beside(r, limits=False)}"
        for who, r in zip(whose, chosen, strict=True)
    )
    tests = [
        f", {p_phrase(r['estimate'])}" for r in records_of(rows, statistic="p", model="logrank")
    ]
    return f"{what} {groups}{''.join(tests[:1])}"
