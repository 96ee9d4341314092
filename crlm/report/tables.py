"""Tables of a report, made from result rows only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records, kind_of, small
from crlm.ledger.vocabulary import MULTIVARIABLE
from crlm.naming import among, kind_of_model, method_words, told_apart
from crlm.numbers import NOTHING, bound, interval, number, p_text
from crlm.report.cells import EVENTS, events_of, references_of
from crlm.report.html import Footnotes, Html, table
from crlm.report.levels import Beside

_Body = list[tuple[str, list[str], list[dict[str, Any]]]]
_FITTED = ("univariable", MULTIVARIABLE)
_SHORT = {"hazard_ratio": "HR", "odds_ratio": "OR"}
_SHORT |= {"subdistribution_hazard_ratio": "subdistribution HR"}
#: A note below a table whose model has products.
_OF_PRODUCTS = (
    "A covariate that stands in a product has, in that model, its ratio at the reference of the "
    "other, a number at 0."
)
_Found = dict[tuple[str, str, str], dict[str, Any]]


# ---- survival ---------------------------------------------------------------


def survival_table(
    rows: pd.DataFrame, design: Design, *, caption: str = "", notes: Sequence[str] = ()
) -> Html:
    """Patients, events, median and rates by endpoint and group, in months and per cent."""
    times = sorted(rows.loc[rows["statistic"] == "survival_rate", "time"].unique())
    header = ["Endpoint and group", "n", "Events", "Median, months (95 % CI)"]
    header += [f"{t:g}-month rate, % (95 % CI)" for t in times]
    keys = ["endpoint", "population", "group"]
    main = rows[rows["statistic"].isin(["n", "median_survival", "survival_rate"])]
    main = main[main["covariate"] == ""]
    tests = rows[(rows["statistic"] == "p") & (rows["model"] == "logrank")]
    known = {tuple(r[k] for k in keys): r for r in as_records(tests)}
    tested = bool(known)
    header += ["p (log-rank)"] if tested else []
    body: _Body = []
    for (endpoint, population, group), part in main.groupby(keys, sort=False):
        if not (part["statistic"] == "median_survival").any():
            continue
        where = "" if population == "all" else f"{design.population_label(population)}, "
        cells, told = _survival_cells(part, times), _records(part)
        if tested:
            # One test a comparison: its p stands in the first of the rows that it compares.
            test = known.pop((endpoint, population, _columns_of(group)), None)
            cells.append(p_text(test["estimate"]) if test else "")
            told += [test] if test else []
        label = f"{design.endpoint_name(endpoint)}: {where}{design.group_label(group)}"
        body.append(("", [label, *cells], told))
    methods = sorted(set(rows.loc[rows["statistic"] == "median_survival", "method"]))
    rates = main[main["statistic"] == "survival_rate"]
    ended = (rates["estimate"].isna() & (rates["n"] == 0)).any()
    lines = [*map(method_words(design), methods), *([_ENDED] if ended else []), *notes]
    return table(caption, header, body, lines, numeric=[1, 2])


_ENDED = "–: nobody of the group was followed to that month."


def _survival_cells(part: pd.DataFrame, times: Sequence[float]) -> list[str]:
    records = as_records(part)
    size = next((r for r in records if r["statistic"] == "n"), None)
    median = next(r for r in records if r["statistic"] == "median_survival")
    rates = {r["time"]: r for r in records if r["statistic"] == "survival_rate"}
    cells = [number(size["n"], 0), number(size["events"], 0)] if size else ["", ""]
    return [*cells, interval(median), *[interval(rates[t]) if t in rates else "–" for t in times]]


def _columns_of(group: str) -> str:
    return ",".join(part.partition("=")[0] for part in group.split(","))


def endpoints_table(sizes: Mapping[str, tuple[float, float]], design: Design) -> Html:
    """Each endpoint's rule, patients with a time, events, and what this cohort lacks.

    Parameters
    ----------
    sizes : mapping of str to (patients, events)
        By endpoint, those that the cohort can feed.
    """
    body: _Body = []
    for name, spec in design.endpoints.items():
        size = [number(value, 0) for value in sizes.get(name, (math.nan, math.nan))]
        label = f"{spec['label']} ({design.endpoint_name(name)})"
        body.append(("", [label, *size, spec["rule"]], []))
    lines = [
        "Events: patients who reached the endpoint; all others are censored. "
        "A dash: this cohort has no times for the endpoint."
    ]
    header = ["Endpoint", "Patients", "Events", "Rule"]
    return table("Endpoints", header, body, lines, numeric=[1, 2])


# ---- regression -------------------------------------------------------------


def regression_table(
    rows: pd.DataFrame,
    design: Design,
    *,
    caption: str,
    ratio: str = "hazard_ratio",
    notes: Sequence[str] = (),
) -> Html:
    """Univariable and multivariable ratios side by side, reference rows, n and events."""
    short_name = _SHORT[ratio]
    models = [m for m in dict.fromkeys(rows["model"]) if kind_of(m) in _FITTED]
    models.sort(key=lambda model: _FITTED.index(kind_of(model)))
    beside = Beside(rows)
    header = ["Characteristic", "n", "Events", *beside.heads]
    marks = Footnotes(method_words(design))
    for model in models:
        kind = kind_of_model(rows, model, design)
        head = f"{short_name[:1].upper()}{short_name[1:]}, {kind}"
        what = f"{kind.capitalize()} {short_name}" if kind == model else head
        title = f"{what} (95 % CI)"
        header += [title + marks.usual(_methods_of(rows, model, ratio))]
        header += ["p" + marks.usual(_methods_of(rows, model, "p"))]
    body: _Body = []
    for name in dict.fromkeys(rows.loc[rows["model"].isin(models), "covariate"]):
        if name:
            part = rows[rows["covariate"] == name]
            body += _regression_rows(part, name, models, beside, ratio, design, marks)
    notes = [*marks.lines(), *map(method_words(design), _rules(rows, models, design)), *notes]
    in_products = rows["model"].isin(models) & rows["covariate"].str.contains(":")
    notes += [_OF_PRODUCTS] * bool(in_products.any())
    return table(caption, header, body, notes, numeric=[1, 2])


def _regression_rows(
    rows: pd.DataFrame,
    name: str,
    models: Sequence[str],
    beside: Beside,
    ratio: str,
    design: Design,
    marks: Footnotes,
) -> _Body:
    found: _Found = {}
    for row in as_records(rows):
        found.setdefault((row["model"], row["level"], row["statistic"]), row)
    shown = [row for row in found.values() if row["statistic"] in (ratio, "reference")]
    levels = list(dict.fromkeys(row["level"] for row in shown))
    body: _Body = _joint_line(found, name, models, beside, design, marks)
    for level in levels:
        label = design.label(name, level) if level else design.ratio_label(name)
        if level and not body and not design.stands_alone(name, level):
            label = f"{design.label(name)}: {small(label)}"
        at = next(row for row in shown if row["level"] == level)
        first = not body
        cells = [label, number(at["n"], 0), number(at["events"], 0)]
        cells += beside.cells(name, level, first)
        for model in models:
            cells += _ratio_cells(found, model, level, ratio, marks)
        told = [row for (_, at_level, _), row in found.items() if at_level == level]
        told += beside.records(name, level, first)
        body.append(("level" if body else "first", cells, told))
    return body


def _joint_line(
    found: _Found,
    name: str,
    models: Sequence[str],
    beside: Beside,
    design: Design,
    marks: Footnotes,
) -> _Body:
    """A heading of a covariate of three levels and more, with the p of them all together."""
    tests = {m: found[m, "", "p"] for m in models if (m, "", "p") in found}
    if ":" in name or not tests or not any(level for _, level, _ in found):
        return []
    cells = [design.label(name), "", "", *beside.cells(name, "", True)]
    for model in models:
        test = tests.get(model)
        cells += ["", p_text(test["estimate"]) + marks.mark(test["method"]) if test else ""]
    return [("first", cells, [*tests.values(), *beside.records(name, "", True)])]


def _methods_of(rows: pd.DataFrame, model: str, statistic: str) -> list[str]:
    chosen = (rows["model"] == model) & (rows["statistic"] == statistic)
    return rows.loc[chosen & (rows["covariate"] != ""), "method"].tolist()


def _ratio_cells(
    found: _Found, model: str, level: str, ratio: str, marks: Footnotes
) -> tuple[str, str]:
    if (model, level, "reference") in found:
        return "reference", ""
    effect, p = found.get((model, level, ratio)), found.get((model, level, "p"))
    tested = p_text(p["estimate"]) + marks.mark(p["method"]) if p else ""
    if effect is None:
        return "", tested
    return interval(effect) + marks.mark(effect["method"]), tested if p else "–"


def _rules(rows: pd.DataFrame, models: Sequence[str], design: Design) -> list[str]:
    """How the covariates of the multivariable model were chosen, as its `n` row says."""
    at = rows[
        (rows["model"] == models[-1]) & (rows["statistic"] == "n") & (rows["covariate"] == "")
    ]
    kind = kind_of_model(rows, models[-1], design)
    of = kind[:1].upper() + kind[1:] if kind != models[-1] else f"{kind.capitalize()} model"
    return [f"{of}: {text}." for text in dict.fromkeys(at["method"])]


# ---- any rows ---------------------------------------------------------------


def effects_table(
    rows: pd.DataFrame,
    design: Design,
    *,
    caption: str,
    statistics: Mapping[str, str],
    notes: Sequence[str] = (),
    events: bool = False,
) -> Html:
    """Any result rows as a plain list: what, estimate with interval, p.

    What of endpoint, patients, effect, model and time all lines share heads them; each says the
    rest, so that no two read the same.

    Parameters
    ----------
    statistics : mapping of str to str
        The statistics to list and what to call each; p values stand beside
        the row that shares their keys.
    events : bool
        Whether events and patients stand before each estimate.
    """
    keys = ["endpoint", "population", "group", "covariate", "level", "model", "time"]
    tests = {_plain(r, keys): r for r in as_records(rows[rows["statistic"] == "p"])}
    marks, body = Footnotes(method_words(design)), []
    every = as_records(rows)
    shown = as_records(rows[rows["statistic"].isin(statistics)])
    found = [tests.get(_plain(row, keys)) for row in shown]
    shared, lines = told_apart(shown, design)
    quantities = [_quantity(row, statistics) for row in shown]
    # What all lines are is said in the head of the estimates.
    one = quantities[0] if len(set(quantities)) == 1 else ""
    header = [shared or "Of what", *([] if one else ["Quantity"]), *([EVENTS] if events else [])]
    limits = " (95 % CI)" if any(math.isfinite(row["conf_low"]) for row in shown) else ""
    header += [f"{one or 'Estimate'}{limits}" + marks.usual([row["method"] for row in shown])]
    header += ["p" + marks.usual([test["method"] for test in found if test])]
    for line, what, row, test in zip(lines, quantities, shown, found, strict=True):
        value = interval(row) + marks.mark(row["method"])
        p = p_text(test["estimate"]) + marks.mark(test["method"]) if test else ""
        counts = [events_of(row, every, design)] if events else []
        beside = references_of(row, every) if events else []
        cells = [line, *([] if one else [what]), *counts, value, p]
        body.append(("", cells, [row, *([test] if test else []), *beside]))
    if not any(found):
        header, body = header[:-1], [(kind, cells[:-1], told) for kind, cells, told in body]
    return table(caption, header, body, [*notes, *marks.lines()])


def _quantity(row: Mapping[str, Any], statistics: Mapping[str, str]) -> str:
    """What a line's number is; of a product, by how much one ratio is larger than the other."""
    if ":" in row["covariate"]:
        return f"ratio of {statistics[row['statistic']]}s"
    return statistics[row["statistic"]]


def _plain(row: Mapping[str, Any], keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple("" if pd.isna(row[k]) else row[k] for k in keys)


def within_table(rows: pd.DataFrame, design: Design, *, caption: str, time: float) -> Html | None:
    """Survival and hazard ratio within strata, a line each; None without any."""
    if rows.empty:
        return None
    body: _Body = []
    for (endpoint, population), part in rows.groupby(["endpoint", "population"], sort=False):
        effect = part[part["statistic"] == "hazard_ratio"].iloc[0].to_dict()
        test = part[(part["statistic"] == "p") & (part["model"] == "univariable")]["estimate"]
        rates = part[(part["statistic"] == "survival_rate") & (part["time"] == time)]
        shown = [f"{design.group_label(r['group'])} {interval(r, 0)}" for r in _records(rates)]
        where = f"{design.endpoint_name(endpoint)}, {design.population_label(population)}"
        counts = events_of(effect, _records(part), design)
        cells = [where, counts, "; ".join(shown), interval(effect), p_text(test.iloc[0])]
        body.append(("", cells, _records(part)))
    header = ["Within", EVENTS, f"{time:g}-month rate, % (95 % CI)", "HR (95 % CI)", "p"]
    return table(caption, header, body)


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return as_records(rows)


def second_opinion_table(found: pd.DataFrame, design: Design) -> Html:
    """Numbers of this report beside those of other programs, from `second_opinion`."""
    body = []
    for row in _records(found):
        group = design.group_label(row["group"])
        whose = filter(None, [group, among(row["population"], design)])
        name = f"{design.endpoint_name(row['endpoint'])}, {', '.join(whose)}: {row['quantity']}"
        gap = f"below {bound(row['difference'])}" if math.isfinite(row["difference"]) else "–"
        values = [_eight_digits(row[side], row["quantity"]) for side in ("here", "there")]
        body.append(("", [name, row["program"], *values, gap]))
    header = ["Quantity", "By", "Here", "There", "Relative difference"]
    return table("A second opinion", header, body, numeric=[2, 3, 4])


def _eight_digits(value: float, quantity: str) -> str:
    """A number to compare by eye; lifelines says infinity where a median is not reached."""
    if math.isfinite(value):
        return f"{value:.8g}"
    return "not reached" if quantity == "median" else NOTHING


# ---- selecting rows ---------------------------------------------------------


def ratios(
    rows: pd.DataFrame, statistic: str = "hazard_ratio", model: str = "multivariable"
) -> pd.DataFrame:
    """The ratio rows of one model."""
    return rows[(rows["statistic"] == statistic) & (rows["model"] == model)]


def model_covariates(rows: pd.DataFrame) -> list[str]:
    """Names of the covariates in the multivariable model of a regression table, products aside."""
    of_model = rows["model"].map(kind_of) == MULTIVARIABLE
    chosen = rows[of_model & (rows["covariate"] != "")]
    return [name for name in dict.fromkeys(chosen["covariate"]) if ":" not in name]
