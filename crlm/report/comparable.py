"""Tables on comparable patients: balance, effects by side, contrasts, gaps, E-values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import STATISTICS, Design
from crlm.naming import describe, method_words, small
from crlm.numbers import NOTHING, counted, interval, p_text
from crlm.report.figures.comparable import characteristic
from crlm.report.html import Html, table

_Row = Mapping[str, Any]
_SIDES = (
    ("survival_rate", "risk_difference", "{event} at month {month:g}, %"),
    ("rmst", "rmst_difference", "Mean months {event_small} up to month {month:g}"),
)
_OF = {
    "overlap weighted": "Overlap weights: patients for whom both were options",
    "att weighted": "Patients like those treated (ATT)",
    "doubly robust": "Overlap weights and adjusted (doubly robust)",
    "diagnostic": "Ever treated, adjusted",
    "time dependent": "Counted from its first day, adjusted",
    "assumed start": "Counted from an assumed day, adjusted",
    "landmark": "From the end of the grace period on, overlap weights",
    "clone censor weight": "Start within the grace period against not (clones)",
    "worst case": "Early events counted as treated",
}
_BALANCE = {
    "diagnostic": "Before weighting",
    "overlap weighted": "Overlap weights",
    "att weighted": "Like the treated (ATT)",
}


def balance_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Standardised differences before and under weights, and what the weights leave of each side.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `causal.balance`. Squares and products follow below the characteristics.
    """
    models = [model for model in _BALANCE if (rows["model"] == model).any()]
    header = ["Characteristic", *[_BALANCE[model] for model in models]]
    found: dict[tuple[str, str], dict[str, _Row]] = {}
    for row in rows[rows["statistic"] == "smd"].to_dict("records"):
        found.setdefault((row["covariate"], row["level"]), {})[row["model"]] = row
    order = sorted(found, key=lambda key: ":" in key[0])
    body = [
        _line(_measure(*key, design), [found[key].get(model) for model in models]) for key in order
    ]
    sizes = rows[rows["statistic"] == "effective_n"]
    for group in dict.fromkeys(sizes["group"]):
        here = {r["model"]: r for r in sizes[sizes["group"] == group].to_dict("records")}
        label = f"Effective number of patients, {design.group_label(group)}"
        body.append(_line(label, [here.get(model) for model in models]))
    notes = ["Differences in standard deviations, the same before and after."]
    area = rows[rows["statistic"] == "propensity_auc"]
    notes += [str(text) for text in dict.fromkeys(area["method"]) if text]
    return table(
        caption, header, body, map(method_words(design), notes), numeric=range(1, len(header))
    )


def _line(label: str, rows: Sequence[_Row | None]) -> tuple[str, list[str], list[_Row]]:
    cells = [interval(row) if row is not None else "" for row in rows]
    return "", [label, *cells], [row for row in rows if row is not None]


def _measure(name: str, level: str, design: Design) -> str:
    """A characteristic, its square, or its product with another."""
    first, _, second = name.partition(":")
    if not second:
        return characteristic(name, level, design)
    if first == second:
        return f"{design.label(first)}, squared"
    levels = level.split(":")
    other = characteristic(second, levels[-1], design)
    own = characteristic(first, levels[0] if len(levels) > 1 else "", design)
    return f"{own} × {small(other)}"


def sides_table(
    rows: pd.DataFrame,
    design: Design,
    exposure: str,
    *,
    caption: str,
    event: str,
    notes: Sequence[str] = (),
) -> Html:
    """Survival and mean months of both sides and their difference, then ratios, by model.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of one endpoint, from `causal.weighted_effects` and its like.
    event : str
        What those without the event are called: "Alive".
    """
    levels = design.levels(exposure)[:2]
    names = [design.label(exposure, level) for level in levels]
    header = ["", *names, f"{names[1]} minus {names[0]} (95 % CI)"]
    body: list[tuple[str, list[str], list[_Row]]] = []
    told: list[str] = []
    for model in sorted(dict.fromkeys(rows["model"]), key=list(_OF).index):
        part = rows[rows["model"] == model]
        lines = _absolute(part, exposure, levels, event) + _ratios(part)
        if lines:
            body += [("head", [_OF[model], "", "", ""], []), *lines]
            ratios = part.loc[part["statistic"] == "hazard_ratio", "method"]
            told += [f"{_OF[model]}: {text}" for text in ratios]
    return table(
        caption, header, body, map(method_words(design), [*notes, *once(told)]), numeric=[1, 2]
    )


def once(methods: Sequence[str]) -> list[str]:
    """Methods as notes: what an earlier one has said is not said again."""
    seen: set[str] = set()
    found = []
    for text in methods:
        first, *rest = text.split("; ")
        new = [part for part in rest if part not in seen]
        seen.update(rest)
        found.append("; ".join([first, *new]) + ".")
    return list(dict.fromkeys(found))


def _absolute(
    part: pd.DataFrame, exposure: str, levels: Sequence[str], event: str
) -> list[tuple[str, list[str], list[_Row]]]:
    lines = []
    for own, difference, words in _SIDES:
        gaps = part[(part["statistic"] == difference) & (part["group"] == exposure)]
        for gap in gaps.to_dict("records"):
            sides = [_side(part, own, f"{exposure}={one}", gap["time"]) for one in levels]
            label = words.format(event=event, event_small=small(event), month=gap["time"])
            cells = [interval(side) if side else NOTHING for side in sides]
            known = [side for side in sides if side]
            lines.append(("", [label, *cells, _signed(gap)], [*known, gap]))
    return lines


def _side(part: pd.DataFrame, statistic: str, group: str, time: float) -> _Row | None:
    here = part[
        (part["statistic"] == statistic) & (part["group"] == group) & (part["time"] == time)
    ]
    return here.iloc[0].to_dict() if len(here) else None


def _signed(row: _Row) -> str:
    """A difference with its sign, or why there is none."""
    if math.isfinite(row["estimate"]):
        text = interval(row)
        return f"+{text}" if row["estimate"] > 0 else text
    return reason(row)


def reason(row: _Row) -> str:
    """Why a row has no estimate: the first words of its method."""
    first = str(row["method"]).split(";")[0]
    return first if first.startswith("not") else NOTHING


def _ratios(part: pd.DataFrame) -> list[tuple[str, list[str], list[_Row]]]:
    found = part[part["statistic"] == "hazard_ratio"].to_dict("records")
    lines = []
    for row in found:
        value = interval(row) if math.isfinite(row["estimate"]) else reason(row)
        lines.append(("", ["Hazard ratio", "", "", value], [row]))
    return lines


def contrast_table(
    rows: pd.DataFrame, design: Design, exposure: str, modifier: str, *, caption: str
) -> Html:
    """An effect within each level of a modifier and between them, on both scales."""
    levels = design.levels(modifier)
    header = ["Effect"]
    header += [design.group_label(f"{modifier}={level}") for level in levels]
    header += [f"{design.label(modifier)}: between (95 % CI)"]
    body: list[tuple[str, list[str], list[_Row]]] = []
    several = rows["endpoint"].nunique() > 1
    for endpoint, part in rows.groupby("endpoint", sort=False):
        if several:
            head = [design.endpoint_name(str(endpoint)), *[""] * (len(levels) + 1)]
            body.append(("head", head, []))
        body += _within(part, exposure, modifier, levels)
        body += _beyond(part)
    between = rows[rows["statistic"].isin([line[1] for line in _WITHIN] + ["reri", "power"])]
    first = between.drop_duplicates(["model", "statistic"])
    told = [
        f"{STATISTICS[row['statistic']].label}, {row['model']}: {row['method']}"
        for row in first.to_dict("records")
    ]
    return table(caption, header, body, map(method_words(design), once(told)), numeric=[])


_WITHIN = (
    ("risk_difference", "difference_of_risk_differences", "overlap weighted", "points of survival"),
    ("rmst_difference", "difference_of_rmst_differences", "overlap weighted", "months"),
    ("hazard_ratio", "ratio_of_hazard_ratios", "overlap weighted", "hazard ratio, overlap weights"),
    ("hazard_ratio", "ratio_of_hazard_ratios", "interaction adjusted", "hazard ratio, adjusted"),
)


def _within(
    part: pd.DataFrame, exposure: str, modifier: str, levels: Sequence[str]
) -> list[tuple[str, list[str], list[_Row]]]:
    lines = []
    for own, between, model, words in _WITHIN:
        here = part[part["model"] == model]
        for row in here[here["statistic"] == between].to_dict("records"):
            cells, known = [], []
            for level in levels:
                one = _inside(here, own, exposure, f"{modifier}={level}", row["time"])
                cells.append(interval(one) if one else NOTHING)
                known += [one] if one else []
            month = "" if math.isnan(row["time"]) else f" at month {row['time']:g}"
            value = interval(row) if math.isfinite(row["estimate"]) else reason(row)
            label = f"{words[0].upper()}{words[1:]}{month}"
            lines.append(("", [label, *cells, value], [*known, row]))
    return lines


def _inside(
    part: pd.DataFrame, statistic: str, exposure: str, where: str, time: float
) -> _Row | None:
    if part.empty:
        return None
    own = (part["group"] == exposure) | (part["covariate"] == exposure)
    found = part[own & (part["statistic"] == statistic)]
    found = found[found["population"].str.split(",").map(lambda parts: where in parts)]
    if not math.isnan(time):
        found = found[found["time"] == time]
    return found.iloc[0].to_dict() if len(found) else None


def _beyond(part: pd.DataFrame) -> list[tuple[str, list[str], list[_Row]]]:
    """Additive excess, shrunken ratio with its probabilities, and power."""
    lines = []
    blank = [""] * 2
    for statistic, model, words in (
        ("reri", "interaction adjusted", "Excess of relative hazards by both together"),
        ("ratio_of_hazard_ratios", "shrunken", "Ratio of hazard ratios, drawn towards 1"),
        ("posterior_probability", "shrunken", "Probability of a ratio"),
        ("power", "diagnostic", "Power for a ratio that would matter"),
    ):
        here = part[(part["statistic"] == statistic) & (part["model"] == model)]
        for row in here.to_dict("records"):
            level = f" {row['level']}" if statistic == "posterior_probability" else ""
            value = interval(row) if math.isfinite(row["estimate"]) else reason(row)
            lines.append(("", [words + level, *blank, value], [row]))
    return lines


def gaps_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Per cent missing of each covariate, of all and by group, and the commonest patterns."""
    shares = rows[rows["statistic"] == "percent_missing"]
    groups = list(dict.fromkeys(shares["group"]))
    header = ["Missing, %", *[_group(group, design) for group in groups]]
    body: list[tuple[str, list[str], list[_Row]]] = []
    for name in dict.fromkeys(shares["covariate"]):
        here = {r["group"]: r for r in shares[shares["covariate"] == name].to_dict("records")}
        if here["all"]["estimate"] > 0:
            body.append(_line(design.label(name), [here.get(group) for group in groups]))
    told = [
        f"{_pattern(row['level'], design)}: {counted(row['estimate'], 'patient')}"
        for row in rows[rows["covariate"] == "missing together"].to_dict("records")
    ]
    notes = [f"Commonest patterns. {'; '.join(told)}."] if told else []
    return table(
        caption, header, body, map(method_words(design), notes), numeric=range(1, len(header))
    )


def _group(group: str, design: Design) -> str:
    return {"event=no": "No event", "event=yes": "Event"}.get(group, design.group_label(group))


def _pattern(level: str, design: Design) -> str:
    if level == "none missing":
        return "None missing"
    return " and ".join(design.label(name) for name in level.split(" and "))


def two_models_table(
    rows: pd.DataFrame, design: Design, models: Mapping[str, str], *, caption: str
) -> Html:
    """Ratios of one model's covariates as two or more analyses give them, side by side.

    Parameters
    ----------
    models : mapping of str to str
        Models of the rows, and the heads of their columns.
    """
    ratios = rows[rows["statistic"] == "hazard_ratio"]
    tests = rows[rows["statistic"] == "p"]
    header = ["Characteristic"]
    for words in models.values():
        header += [f"{words}: HR (95 % CI)", "p"]
    body: list[tuple[str, list[str], list[_Row]]] = []
    for endpoint, part in ratios.groupby("endpoint", sort=False):
        if ratios["endpoint"].nunique() > 1:
            head = [design.endpoint_name(str(endpoint)), *[""] * (len(header) - 1)]
            body.append(("head", head, []))
        for key in dict.fromkeys(zip(part["covariate"], part["level"], strict=True)):
            cells, known = [characteristic(*key, design)], []
            for model in models:
                row, test = (_one(one, endpoint, model, key) for one in (ratios, tests))
                cells += [interval(row) if row else NOTHING]
                cells += [p_text(test["estimate"]) if test else ""]
                known += [one for one in (row, test) if one]
            body.append(("", cells, known))
    sizes = rows[(rows["statistic"] == "n") & (rows["covariate"] == "")]
    notes = [
        f"{design.endpoint_name(r['endpoint'])}, {small(models[r['model']])}: "
        f"{counted(r['estimate'], 'patient')}, {counted(r['events'], 'event')}."
        for r in sizes.to_dict("records")
        if r["model"] in models
    ]
    return table(caption, header, body, map(method_words(design), notes), numeric=[])


def _one(rows: pd.DataFrame, endpoint: object, model: str, key: tuple[str, str]) -> _Row | None:
    here = rows[(rows["endpoint"] == endpoint) & (rows["model"] == model)]
    here = here[(here["covariate"] == key[0]) & (here["level"] == key[1])]
    return here.iloc[0].to_dict() if len(here) else None


def e_values_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Each effect with the E-value of its estimate and of its limit nearer no effect."""
    keys = ["endpoint", "population", "group", "covariate", "level", "model", "time"]
    found: dict[tuple[Any, ...], dict[str, _Row]] = {}
    for row in rows.to_dict("records"):
        key = tuple("" if pd.isna(row[name]) else row[name] for name in keys)
        found.setdefault(key, {})[row["statistic"]] = row
    body: list[tuple[str, list[str], list[_Row]]] = []
    for here in found.values():
        value, limit = here.get("e_value"), here.get("e_value_limit")
        effect = next((r for name, r in here.items() if not name.startswith("e_value")), None)
        if value is None or effect is None:
            continue
        name = f"{STATISTICS[effect['statistic']].label}, {small(describe(effect, design))}"
        cells = [name, interval(effect), interval(value), interval(limit) if limit else NOTHING]
        body.append(("", cells, list(here.values())))
    notes = [
        "E-value: the smallest risk ratio, with treatment and with outcome alike and beyond what "
        "is adjusted for, with which an unrecorded factor could make the estimate (or the limit "
        "nearer no effect) out of nothing. 1: no such factor is needed."
    ]
    header = ["Effect", "Estimate (95 % CI)", "E-value", "Of the limit"]
    return table(caption, header, body, notes, numeric=[2, 3])


def rates_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Survival of the tested, of the others, and as if all had been tested."""
    names = {
        ("tested=yes", "diagnostic"): "Tested",
        ("tested=no", "diagnostic"): "Untested",
        ("all", "testing weighted"): "As if all had been tested",
    }
    header = ["Survival, % (95 % CI)", *names.values()]
    body: list[tuple[str, list[str], list[_Row]]] = []
    for (endpoint, time), part in rows.groupby(["endpoint", "time"], sort=False):
        found = {(r["group"], r["model"]): r for r in part.to_dict("records")}
        label = f"{design.endpoint_name(str(endpoint))} at month {time:g}"
        body.append(_line(label, [found.get(key) for key in names]))
    notes = list(dict.fromkeys(rows["method"]))[:3]
    return table(caption, header, body, map(method_words(design), notes), numeric=[])
