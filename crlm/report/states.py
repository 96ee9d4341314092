"""Tables on causes and states, visits, small samples: absolute numbers first, ratios behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records, small
from crlm.naming import method_words
from crlm.numbers import NOTHING, number, p_text
from crlm.report.cells import EVENTS, events_of, references_of, shown
from crlm.report.html import Footnotes, Html, table
from crlm.report.readings.states import LOST, RULES

_Row = Mapping[str, Any]
_Line = tuple[str, list[str], list[_Row]]
#: What is asked of a rate, and of a share of patients.
_KINDS = {
    "hazard_ratio": "Rate among those still free of any event (cause-specific HR)",
    "subdistribution_hazard_ratio": "Share who get there in the end (subdistribution HR)",
}
_TRANSITION = {
    "multistate": "HR",
    "multistate adjusted": "HR, adjusted",
    "clock reset": "HR, clock from entry",
}


def incidence_table(rows: pd.DataFrame, design: Design, by: str, *, caption: str) -> Html:
    """How many had each kind of event by each month, group by group, and the difference.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `multistate.incidence`, of one model, and `multistate.gray`.
    """
    shares = rows[rows["statistic"] == "cumulative_incidence"]
    groups = [group for group in dict.fromkeys(shares["group"]) if "=" in group]
    groups = groups or list(dict.fromkeys(shares["group"]))
    gaps = _by(rows, "cumulative_incidence_difference", "level", "time")
    tests = _by(rows[rows["model"] == "aalen-johansen"], "p", "level")
    found = _by(shares, "cumulative_incidence", "level", "time", "group")
    marks, body, told = Footnotes(method_words(design)), [], set()
    for level, month in dict.fromkeys(zip(shares["level"], shares["time"], strict=True)):
        used = [found[level, month, group] for group in groups]
        gap, test = gaps.get((level, month)), tests.get((level,))
        cells = [f"{level.capitalize()}, by month {month:g}"]
        cells += [shown(row, marks) for row in used]
        cells += [shown(gap, marks)] if len(groups) > 1 else []
        if tests:
            cells.append("" if level in told else p_text(test["estimate"]) if test else NOTHING)
        told.add(level)
        body.append(("", cells, [*used, *filter(None, [gap, test])]))
    header = ["Event", *[f"{design.group_label(group)}, %" for group in groups]]
    if len(groups) > 1:
        header += [f"Difference, points: {_minus(groups, design)}"]
    header += ["p (Gray)"] if tests else []
    return table(caption, header, body, marks.lines())


def kinds_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """The two kinds of hazard ratio of each cause side by side, and what each answers."""
    body: list[_Line] = []
    used = rows[rows["statistic"].isin(_KINDS)]
    marks = Footnotes(method_words(design))
    keys = ["covariate", "level", "population"]
    for (name, level, population), part in used.groupby(keys, sort=False):
        cause = population.split(">")[-1]
        by = {row["statistic"]: row for row in as_records(part)}
        label = design.group_label(f"{name}={level}") if level else design.label(name)
        first, every = next(iter(by.values())), as_records(rows)
        counts = events_of(first, every, design)
        cells = [f"{cause.capitalize()}: {label}", counts]
        cells += [shown(by.get(statistic), marks) for statistic in _KINDS]
        body.append(("", cells, [*by.values(), *references_of(first, every)]))
    return table(caption, ["Event", EVENTS, *_KINDS.values()], body, marks.lines())


def months_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Months in each state up to each horizon by group, and the difference.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `multistate.states`.
    """
    own = rows[rows["statistic"] == "months_in_state"]
    groups = list(dict.fromkeys(own["group"]))
    found = _by(own, "months_in_state", "time", "level", "group")
    gaps = _by(rows, "months_in_state_difference", "time", "level")
    marks, body = Footnotes(method_words(design)), []
    for month in sorted(own["time"].unique()):
        body.append(("head", [f"Up to month {month:g}", *[""] * (len(groups) + bool(gaps))], []))
        for state in dict.fromkeys(own["level"]):
            used = [found[month, state, group] for group in groups]
            cells = [state.capitalize(), *[shown(row, marks) for row in used]]
            gap = gaps.get((month, state))
            cells += [shown(gap, marks)] if gaps else []
            body.append(("level", cells, [*used, *([gap] if gap else [])]))
    header = ["Months in the state", *[design.group_label(group) for group in groups]]
    header += [f"Difference: {_minus(groups, design)}"] if gaps else []
    return table(caption, header, body, marks.lines())


def transitions_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Each transition with its events and hazard ratios, unadjusted, adjusted, clock reset."""
    own = rows[(rows["statistic"] == "transition_hazard_ratio") & rows["model"].isin(_TRANSITION)]
    own = own[own["covariate"] != "years_at_entry"]
    marks, body = Footnotes(method_words(design)), []
    for (population, level), part in own.groupby(["population", "level"], sort=False):
        by = {row["model"]: row for row in as_records(part)}
        first = by.get("multistate") or next(iter(by.values()))
        start, _, end = population.partition(">")
        who = design.group_label(f"{first['covariate']}={level}") if level else ""
        cells = [f"{start.capitalize()} to {end}", who]
        counted = _counted(rows, population)
        told = [f"{number(row['events'], 0)} of {number(row['n'], 0)}" for row in counted]
        cells += ["; ".join(told)]
        cells += [shown(by[model], marks) if model in by else "" for model in _TRANSITION]
        body.append(("", cells, [*by.values(), *counted]))
    header = [
        "Step",
        "Whose rate, against the reference",
        "Events among those in the state, by group",
    ]
    return table(caption, [*header, *_TRANSITION.values()], body, marks.lines())


def rules_table(
    rows: pd.DataFrame,
    design: Design,
    *,
    caption: str,
    columns: Sequence[tuple[str, Mapping[str, Any]]],
    notes: Sequence[str] = (),
) -> Html:
    """The same quantities under several rules of dating, a line a rule.

    Parameters
    ----------
    columns : sequence of (header, keys)
        Which row stands in each column.
    """
    marks, body = Footnotes(method_words(design)), []
    for model in [name for name in RULES if (rows["model"] == name).any()]:
        part, used, cells = rows[rows["model"] == model], [], [RULES[model]]
        part = part[part["population"] == "all"]
        for _, keys in columns:
            found = part
            for name, value in keys.items():
                found = found[found[name] == value]
            row = found.iloc[0].to_dict() if len(found) else None
            cells.append(shown(row, marks))
            used += [row] if row else []
        body.append(("", cells, used))
    return table(caption, ["Dated", *[head for head, _ in columns]], body, [*notes, *marks.lines()])


def short_period_table(
    rows: pd.DataFrame, design: Design, by: str, *, caption: str, month: float
) -> Html:
    """Failure by a month under each way to treat those lost before it, a line each.

    Parameters
    ----------
    rows : pandas.DataFrame
        Risk of all, its difference and the odds ratio of the second level of `by`.
    """
    statistics = ("cumulative_incidence", "risk_difference", "odds_ratio")
    marks, body = Footnotes(method_words(design)), []
    for model in [name for name in LOST if (rows["model"] == name).any()]:
        found = _by(rows[rows["model"] == model], None, "statistic")
        used = [found.get((name,)) for name in statistics]
        # A line of the first model alone has a risk; the others leave it empty.
        cells = [LOST[model], *[_noted(row, marks) for row in used]]
        body.append(("", cells, [row for row in used if row]))
    who = design.group_label(f"{by}={design.levels(by)[1]}")
    other = small(design.group_label(f"{by}={design.levels(by)[0]}"))
    header = [f"Patients gone before month {month:g} without failure", "Failed, % of all"]
    header += [f"Difference, points: {who} minus {other}", "Odds ratio (95 % CI)"]
    return table(caption, header, body, marks.lines())


def _noted(row: _Row | None, marks: Footnotes) -> str:
    """A cell with its method below, whether it has an estimate or not."""
    text = shown(row, marks)
    known = row is not None and not text.startswith(NOTHING)
    return text + marks.mark(str(row["method"])) if row is not None and known else text


def strain_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Events per parameter, shrinkage and optimism of each model, a line an endpoint."""
    columns = (
        ("Events per candidate parameter", "events_per_parameter", "diagnostic", ""),
        ("Expected shrinkage", "expected_shrinkage", "diagnostic", ""),
        ("Patients needed for 0.9", "n", "diagnostic", "needed"),
        ("Concordance, apparent", "concordance", "multivariable", ""),
        ("Optimism", "optimism", "multivariable", ""),
        ("Concordance, corrected", "concordance", "optimism corrected", ""),
    )
    marks, body = Footnotes(method_words(design)), []
    for endpoint, part in rows.groupby("endpoint", sort=False):
        found = _by(part, None, "statistic", "model", "level")
        cells, used = [f"{design.endpoint_name(str(endpoint))}"], []
        for _, *keys in columns:
            row = found.get(tuple(keys))
            cells.append(shown(row, marks))
            used += [row] if row else []
        body.append(("", cells, used))
    return table(caption, ["Model", *[head for head, *_ in columns]], body, marks.lines())


def codons_table(rows: pd.DataFrame, design: Design, *, caption: str) -> Html:
    """Raw and pooled hazard ratio of each level, the joint test first, by endpoint."""
    marks, body = Footnotes(method_words(design)), []
    for endpoint, part in rows.groupby("endpoint", sort=False):
        name = design.endpoint_name(str(endpoint))
        test = _by(part, None, "statistic").get(("p",))
        p = p_text(test["estimate"]) if test else NOTHING
        head = [f"{name}: are the levels equal? Joint test, p {p}", "", "", ""]
        body.append(("head", head, [test] if test else []))
        ratios = _by(part, "hazard_ratio", "level", "model")
        for level in dict.fromkeys(level for level, _ in ratios):
            raw, drawn = ratios[level, "levels of one model"], ratios[level, "partial pooling"]
            label = design.group_label(f"{raw['covariate']}={level}")
            counts = f"{number(raw['events'], 0)} of {number(raw['n'], 0)}"
            cells = [label, counts, shown(raw, marks), _noted(drawn, marks)]
            body.append(("level", cells, [raw, drawn]))
    header = ["Level", "Events", "HR alone (95 % CI)", "HR drawn together (95 % CI)"]
    return table(caption, header, body, marks.lines())


# ---- parts ------------------------------------------------------------------


def _by(rows: pd.DataFrame, statistic: str | None, *keys: str) -> dict[tuple[Any, ...], _Row]:
    """Rows of one statistic by some of their keys; the first where several share them."""
    used = rows if statistic is None else rows[rows["statistic"] == statistic]
    found: dict[tuple[Any, ...], _Row] = {}
    for row in as_records(used):
        found.setdefault(tuple(row[key] for key in keys), row)
    return found


def _minus(groups: Sequence[str], design: Design) -> str:
    return f"{design.group_label(groups[-1])} minus {small(design.group_label(groups[0]))}"


def _counted(rows: pd.DataFrame, population: str) -> list[dict[str, Any]]:
    """The rows that count a transition and those at risk of it, the reference first."""
    own = rows[(rows["population"] == population) & (rows["covariate"] != "years_at_entry")]
    own = own[own["statistic"].isin(["transition_hazard_ratio", "reference"])]
    own = own[own["model"] == own["model"].iloc[0]]
    return as_records(own.sort_values("statistic", kind="stable"))
