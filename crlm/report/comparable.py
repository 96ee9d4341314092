"""Tables on comparable patients: balance, effects by side, contrasts, gaps, E-values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records, small
from crlm.naming import describe, method_words, model_words, statistic_words, told_apart
from crlm.numbers import NOTHING, counted, interval, number, p_text
from crlm.report.cells import shown
from crlm.report.figures.comparable import characteristic
from crlm.report.html import Footnotes, Html, table
from crlm.report.readings.comparable import without

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
    for row in as_records(rows[rows["statistic"] == "smd"]):
        found.setdefault((row["covariate"], row["level"]), {})[row["model"]] = row
    order = sorted((key for key in found if _told(found[key])), key=lambda key: ":" in key[0])
    body = [
        _line(_measure(*key, design), [found[key].get(model) for model in models]) for key in order
    ]
    sizes = rows[rows["statistic"] == "effective_n"]
    for group in dict.fromkeys(sizes["group"]):
        here = {r["model"]: r for r in as_records(sizes[sizes["group"] == group])}
        label = f"Effective number of patients, {design.group_label(group)}"
        body.append(_line(label, [here.get(model) for model in models]))
    notes = ["Differences in standard deviations, the same before and after."]
    area = rows[rows["statistic"] == "propensity_auc"]
    notes += [str(text) for text in dict.fromkeys(area["method"]) if text]
    return table(
        caption, header, body, map(method_words(design), notes), numeric=range(1, len(header))
    )


def _told(by_model: Mapping[str, _Row]) -> bool:
    """Whether a line has a number, or a reason of its own for having none."""
    return not all(row["method"].startswith("not shown") for row in by_model.values())


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
    marks = Footnotes(method_words(design))
    for model in sorted(dict.fromkeys(rows["model"]), key=list(_OF).index):
        part = rows[rows["model"] == model]
        lines = _absolute(part, exposure, levels, event, marks) + _ratios(part, marks)
        if lines:
            body += [("head", [_OF[model], "", "", ""], []), *lines]
            ratios = part.loc[part["statistic"] == "hazard_ratio", "method"]
            told += [f"{_OF[model]}: {text}" for text in ratios]
    below = map(method_words(design), [*notes, *once(told)])
    return table(caption, header, body, [*marks.lines(), *below], numeric=[1, 2])


def once(methods: Sequence[str]) -> list[str]:
    """Methods as notes: what an earlier one, or the table of balance, has said is left out."""
    seen: set[str] = set()
    found = []
    for text in methods:
        first, *rest = [part for part in text.split("; ") if not _of_balance(part)]
        new = [part for part in rest if part not in seen]
        seen.update(rest)
        found.append("; ".join([first, *new]) + ".")
    return list(dict.fromkeys(found))


def _of_balance(part: str) -> bool:
    """Whether a part of a method lists the terms of the propensity, which balance tells."""
    return part.startswith("propensity: ") or part.startswith("left out, not in this table: ")


def _absolute(
    part: pd.DataFrame, exposure: str, levels: Sequence[str], event: str, marks: Footnotes
) -> list[tuple[str, list[str], list[_Row]]]:
    lines = []
    for own, difference, words in _SIDES:
        gaps = part[(part["statistic"] == difference) & (part["group"] == exposure)]
        for gap in as_records(gaps):
            sides = [_side(part, own, f"{exposure}={one}", gap["time"]) for one in levels]
            label = words.format(event=event, event_small=small(event), month=gap["time"])
            cells = [shown(side, marks) if side else NOTHING for side in sides]
            known = [side for side in sides if side]
            lines.append(("", [label, *cells, shown(gap, marks, signed=True)], [*known, gap]))
    return lines


def _side(part: pd.DataFrame, statistic: str, group: str, time: float) -> _Row | None:
    here = part[
        (part["statistic"] == statistic) & (part["group"] == group) & (part["time"] == time)
    ]
    return here.iloc[0].to_dict() if len(here) else None


def _ratios(part: pd.DataFrame, marks: Footnotes) -> list[tuple[str, list[str], list[_Row]]]:
    found = as_records(part[part["statistic"] == "hazard_ratio"])
    return [("", ["Hazard ratio", "", "", shown(row, marks)], [row]) for row in found]


#: A reader divides the two ratios and finds another number.
_NOT_A_QUOTIENT = (
    "Overlap weights: each level's ratio is of a model of that level alone, the one between them "
    "of one model with the product, so that it need not be their quotient."
)


def contrast_table(
    rows: pd.DataFrame, design: Design, exposure: str, modifier: str, *, caption: str
) -> Html:
    """An effect within each level of a modifier and between them, on both scales."""
    levels = design.levels(modifier)
    header = ["Effect"]
    header += [design.group_label(f"{modifier}={level}") for level in levels]
    header += ["Between the two (95 % CI)"]
    marks = Footnotes(method_words(design))
    body: list[tuple[str, list[str], list[_Row]]] = []
    several = rows["endpoint"].nunique() > 1
    for endpoint, part in rows.groupby("endpoint", sort=False):
        if several:
            head = [design.endpoint_name(str(endpoint)), *[""] * (len(levels) + 1)]
            body.append(("head", head, []))
        body += _within(part, exposure, modifier, levels, without(str(endpoint)), marks)
        body += _beyond(part, design, marks)
    between = rows[rows["statistic"].isin([line[1] for line in _WITHIN] + ["reri", "power"])]
    # How a power was computed names the events of its endpoint.
    of_one = between["endpoint"].where((between["statistic"] == "power") & several, "")
    first = between[between["estimate"].notna()].assign(of_one=of_one)
    told = []
    for row in as_records(first.drop_duplicates(["model", "statistic", "of_one"])):
        names = [statistic_words(row), model_words(row["model"]), row["of_one"]]
        told.append(f"{', '.join(filter(None, names))}: {row['method']}")
    below = map(method_words(design), once(told))
    quotient = rows["statistic"] == "ratio_of_hazard_ratios"
    quotient &= (rows["model"] == "overlap weighted") & rows["estimate"].notna()
    notes = [_NOT_A_QUOTIENT] if quotient.any() else []
    return table(caption, header, body, [*marks.lines(), *notes, *below], numeric=[])


_WITHIN = (
    (
        "risk_difference",
        "difference_of_risk_differences",
        "overlap weighted",
        "Points {alive} at month {month:g}",
    ),
    (
        "rmst_difference",
        "difference_of_rmst_differences",
        "overlap weighted",
        "Mean months {alive} up to month {month:g}",
    ),
    ("hazard_ratio", "ratio_of_hazard_ratios", "overlap weighted", "Hazard ratio, overlap weights"),
    ("hazard_ratio", "ratio_of_hazard_ratios", "interaction adjusted", "Hazard ratio, adjusted"),
)


def _within(
    part: pd.DataFrame,
    exposure: str,
    modifier: str,
    levels: Sequence[str],
    alive: str,
    marks: Footnotes,
) -> list[tuple[str, list[str], list[_Row]]]:
    lines = []
    for own, between, model, words in _WITHIN:
        here = part[part["model"] == model]
        for row in as_records(here[here["statistic"] == between]):
            cells, known = [], []
            for level in levels:
                one = _inside(here, own, exposure, f"{modifier}={level}", row["time"])
                cells.append(shown(one, marks) if one else NOTHING)
                known += [one] if one else []
            label = words.format(alive=alive, month=row["time"])
            lines.append(("", [label, *cells, shown(row, marks)], [*known, row]))
    return lines


def _inside(
    part: pd.DataFrame, statistic: str, exposure: str, where: str, time: float
) -> _Row | None:
    own = (part["group"] == exposure) | (part["covariate"] == exposure)
    found = part[own & (part["statistic"] == statistic)]
    inside = [where in parts.split(",") for parts in found["population"]]
    found = found[pd.Series(inside, index=found.index, dtype=bool)]
    if not math.isnan(time):
        found = found[found["time"] == time]
    return found.iloc[0].to_dict() if len(found) else None


def _beyond(
    part: pd.DataFrame, design: Design, marks: Footnotes
) -> list[tuple[str, list[str], list[_Row]]]:
    """Additive excess, shrunken ratio with its probabilities, and power."""
    lines = []
    blank = [""] * 2
    matters = design.chapter["flags"]["power_ratio"]
    for statistic, model, words in (
        ("reri", "interaction adjusted", "Excess of relative hazards by both (RERI)"),
        ("ratio_of_hazard_ratios", "shrunken", "Ratio of hazard ratios, drawn towards 1"),
        ("posterior_probability", "shrunken", "Probability of a ratio"),
        ("power", "diagnostic", f"Power for a true ratio of {matters:g}"),
    ):
        here = part[(part["statistic"] == statistic) & (part["model"] == model)]
        for row in as_records(here):
            level = f" {row['level']}" if statistic == "posterior_probability" else ""
            lines.append(("", [words + level, *blank, shown(row, marks)], [row]))
    return lines


def gaps_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Per cent missing of each covariate, of all and by group, and the commonest patterns."""
    shares = rows[rows["statistic"] == "percent_missing"]
    groups = list(dict.fromkeys(shares["group"]))
    header = ["Missing, %", *[_group(group, design) for group in groups]]
    body: list[tuple[str, list[str], list[_Row]]] = []
    for name in dict.fromkeys(shares["covariate"]):
        here = {r["group"]: r for r in as_records(shares[shares["covariate"] == name])}
        if here["all"]["estimate"] > 0:
            body.append(_line(design.label(name), [here.get(group) for group in groups]))
    told = [
        f"{_pattern(row['level'], design)}: {counted(row['estimate'], 'patient')}"
        for row in as_records(rows[rows["covariate"] == "missing together"])
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
        for r in as_records(sizes)
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
    for row in as_records(rows):
        key = tuple("" if pd.isna(row[name]) else row[name] for name in keys)
        found.setdefault(key, {})[row["statistic"]] = row
    body: list[tuple[str, list[str], list[_Row]]] = []
    pairs = [(_effect_of(here), here) for here in found.values() if "e_value" in here]
    known = [(effect, here) for effect, here in pairs if effect is not None]
    shared, lines = told_apart([effect for effect, _ in known], design)
    for line, (effect, here) in zip(lines, known, strict=True):
        value, limit = here["e_value"], here.get("e_value_limit")
        unit = ", points" if effect["unit"] == "%" else ""
        name = f"{statistic_words(effect)}{unit}, {small(line)}"
        cells = [name, interval(effect), interval(value), interval(limit) if limit else NOTHING]
        body.append(("", cells, list(here.values())))
    notes = [
        "E-value: the smallest risk ratio, with what is compared and with the outcome alike, "
        "beyond what "
        "is adjusted for, with which an unrecorded factor could make the estimate (or the limit "
        "nearer no effect) out of nothing. 1: no such factor is needed."
    ]
    header = [shared or "Effect", "Estimate (95 % CI)", "E-value", "Of the limit"]
    return table(caption, header, body, notes, numeric=[2, 3])


def _effect_of(here: dict[str, _Row]) -> _Row | None:
    """The row that an E-value is of; None where it is not among the rows."""
    return next((row for name, row in here.items() if not name.startswith("e_value")), None)


#: Restrictions by the name of their rows.
_RESTRICTED = {
    "new users": "New users of the treatment",
    "modern systemic": "With modern systemic treatment",
    "era": "In recent years",
}


def restrictions_table(rows: pd.DataFrame, design: Design, exposure: str, *, caption: str) -> Html:
    """The weighted effect among fewer patients, a line each restriction and endpoint.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of `causal.weighted_effects`, the restriction as model and population.
    """
    statistics = ("risk_difference", "rmst_difference", "hazard_ratio")
    marks = Footnotes(method_words(design))
    body: list[tuple[str, list[str], list[_Row]]] = []
    for endpoint, part in rows.groupby("endpoint", sort=False):
        body.append(("head", [design.endpoint_name(str(endpoint)), *[""] * 4], []))
        for (model, where), own in part.groupby(["model", "population"], sort=False):
            found = {row["statistic"]: row for row in as_records(own)}
            used = [found.get(name) for name in statistics]
            sizes = [row["n"] for row in used if row is not None and math.isfinite(row["n"])]
            names = [_RESTRICTED.get(one, one) for one in model.split(" and ")]
            label = ", ".join([names[0], *map(small, names[1:])])
            label = f"{label[0].upper()}{label[1:]}" + marks.mark(_left_out(where, design))
            cells = [label, number(sizes[0], 0) if sizes else NOTHING]
            cells += [shown(row, marks, signed=row is not used[-1]) for row in used]
            body.append(("level", cells, [row for row in used if row is not None]))
    months = rows["time"].dropna()
    at = f"month {months.max():g}" if len(months) else "the horizon"
    header = ["Patients", "n", f"Points without the event at {at}", f"Months up to {at}"]
    side = design.label(exposure, design.levels(exposure)[1])
    notes = [
        *marks.lines(),
        f"{side} against the others, overlap weights learnt anew among these patients.",
    ]
    return table(caption, [*header, "Hazard ratio (95 % CI)"], body, notes, numeric=[1])


def _left_out(population: str, design: Design) -> str:
    """Who is left out of a restriction: "Without patients of: ..."."""
    out, kept = [], []
    for part in population.split(","):
        name, sign, level = part.partition("!=")
        if sign:
            out.append(f"{small(design.label(name))}: {small(design.label(name, level))}")
        else:
            kept.append(describe({**_ANY, "population": part}, design))
    told = f"Left out: {'; '.join(out)}" if out else ""
    return ". ".join(filter(None, [told, *kept]))


_ANY = {
    **dict.fromkeys(("endpoint", "covariate", "level", "model", "statistic"), ""),
    "group": "all",
    "time": math.nan,
}


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
        found = {(r["group"], r["model"]): r for r in as_records(part)}
        label = f"{design.endpoint_name(str(endpoint))} at month {time:g}"
        body.append(_line(label, [found.get(key) for key in names]))
    notes = list(dict.fromkeys(rows["method"]))[:3]
    return table(caption, header, body, map(method_words(design), notes), numeric=[])
