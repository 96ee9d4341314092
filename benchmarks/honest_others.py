"""What a third kind of paper prints of the same patients, each right by its own analysis.

Flow charts without the numbers between, standardised differences, log-rank tests beside hazard
ratios, subgroups with their interaction, restricted means, cumulative incidences, events, E-values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from honest_extras import _claim, _measured, _summaries
from printing import p_text, rounded

from crlm import baseline, endpoints, ledger, regression, survival
from crlm.ledger import Design
from crlm.unmeasured import e_value, e_value_of_limits, risk_ratio

Frame = pd.DataFrame

_MONTHS = (12.0, 36.0, 60.0)
_TTR = {"label": "Recurrence", "rule": "To the first recurrence.", "first_of": ["recurrence"]}
_MODIFIERS = 3


def others_printed(
    design: Design, people: tuple[Frame, Frame], rows: Frame, claims: Frame
) -> tuple[Design, Frame]:
    """The same paper with what `honest_extras` does not print.

    Parameters
    ----------
    design : Design
    people : (DataFrame, DataFrame)
        All patients, and whether each meets each criterion.
    rows : DataFrame
        Result rows of the paper's analysis.
    claims : DataFrame
        What the paper prints so far.
    """
    known, flags = people
    included = known[flags.all(axis=1)]
    frames = endpoints.derive_all(included, design)
    by = design.table_one["by"]
    steps = ["start", *(step["name"] for step in design.eligibility)]
    between = (claims["covariate"] == "flow") & claims["level"].isin(steps[1:-1])
    numbers = [c for c in design.table_one["variables"] if _measured(design, included, c)]
    tested = (claims["statistic"] == "p") & claims["covariate"].isin(numbers)
    kept = claims[~between & ~(tested & (claims["model"] == ""))]
    made = [
        *_lost(design, flags),
        *(c for c in _summaries(design, included, by, numbers) if c["statistic"] != "p"),
        *_apart(design, included, by),
        *(c for name in ("OS", "RFS") for c in _curves(design, frames[name], name, by)),
        *_recurred(frames, by),
        *_strengths(rows, len(included), frames),
    ]
    if design.conventions.get("univariable_p") != "logrank":
        made += [c for name in ("OS", "RFS") for c in _ranks(design, frames[name], claims, name)]
    made += [c for name in ("OS", "RFS") for c in _products(design, frames[name], name, by)]
    more = Frame(made, columns=list(ledger.CLAIM_COLUMNS)).drop_duplicates("id")
    own = replace(design, endpoints={**design.endpoints, "TTR": _TTR})
    return own, pd.concat([kept, more], ignore_index=True)


def _number(value: float, statistic: str, digits: int, **keys: Any) -> Iterator[dict[str, Any]]:
    if not math.isfinite(value):
        return
    text = p_text(value, digits, None) if statistic == "p" else rounded(abs(value), digits, None)
    made = _claim(text, statistic, **keys)
    name = "-".join(str(made[key]) for key in (*ledger.KEYS, "field"))
    made |= {"id": f"other-{name}", "locator": f"Table 8, {name}", "place": "table8"}
    sign = "-" if value < 0 and float(made["value"]) else ""
    yield made | {"printed": sign + text, "value": float(f"{sign}{made['value']}")}


def _lost(design: Design, flags: Frame) -> Iterator[dict[str, Any]]:
    """Patients excluded at each step, and at the start."""
    inside = pd.Series(True, index=flags.index)
    where = {"covariate": "flow", "unit": "patients"}
    yield from _number(len(flags), "n", 0, level="start", **where)
    for step, column in zip(design.eligibility, flags.columns, strict=True):
        out = int((inside & ~flags[column]).sum())
        inside &= flags[column]
        yield from _number(out, "n", 0, level=f"{step['name']}_excluded", **where)


def _apart(design: Design, included: Frame, by: str) -> Iterator[dict[str, Any]]:
    names = [n for n in design.table_one["variables"] if n in included and n != by]
    names = [n for n in names if included[n].nunique() > 1]
    found = baseline.table_one(included, by, names, continuous_test="t")
    for at, row in enumerate(found[found["statistic"] == "smd"].to_dict("records")):
        yield from _number(row["estimate"], "smd", 2 + at % 2, group=by, covariate=row["covariate"])


def _curves(design: Design, frame: Frame, name: str, by: str) -> Iterator[dict[str, Any]]:
    """Rates, events and restricted means of all and of each group."""
    conf = "log-log" if design.conventions.get("conf_type") != "spss" else "plain"
    for column in (None, by):
        rates = survival.summary(frame, column, times=list(_MONTHS), conf_type=conf)
        means = survival.rmst(frame, column, most=60.0)
        for row in pd.concat([rates, means]).to_dict("records"):
            if row["statistic"] in ("survival_rate", "rmst", "rmst_difference"):
                unit = "%" if row["statistic"] == "survival_rate" else "months"
                keys = {"endpoint": name, "group": row["group"], "time": row["time"], "unit": unit}
                yield from _number(row["estimate"], row["statistic"], 1, **keys)
    groups = [
        ("all", frame),
        *((f"{by}={lev}", frame[frame[by] == lev]) for lev in _levels(frame, by)),
    ]
    for group, part in groups:
        yield from _events(part, name, group, "all")
    other = next(c for c in design.table_one["variables"] if c != by and len(design.levels(c)) == 2)
    for lev, own in product(_levels(frame, by), design.levels(other)):
        part = frame[(frame[by] == lev) & (frame[other] == own)]
        yield from _events(part, name, f"{by}={lev}", f"{other}={own}")


def _events(part: Frame, name: str, group: str, population: str) -> Iterator[dict[str, Any]]:
    keys = {"endpoint": name, "group": group, "population": population, "unit": "events"}
    yield from _number(int(part["event"].sum()), "events", 0, **keys)
    if len(part):
        share = 100 * part["event"].mean()
        yield from _number(share, "percent", 1, **{**keys, "unit": "%"})


def _levels(frame: Frame, column: str) -> list[str]:
    return [str(level) for level in frame[column].dropna().unique()]


def _recurred(frames: dict[str, Frame], by: str) -> Iterator[dict[str, Any]]:
    """Aalen and Johansen's incidence of recurrence; death without one competes."""
    frame = frames["RFS"]
    dead = frames["OS"].set_index("patient_id").loc[frame["patient_id"]]
    same = np.isclose(dead["time"].to_numpy(), frame["time"].to_numpy()) & dead["event"].astype(
        bool
    )
    cause = np.where(frame["event"].astype(bool), np.where(same.to_numpy(), 2, 1), 0)
    for group in ("all", *_levels(frame, by)):
        mine = np.ones(len(frame), bool) if group == "all" else (frame[by] == group).to_numpy()
        where = {"endpoint": "TTR", "group": "all" if group == "all" else f"{by}={group}"}
        for month in _MONTHS:
            value = 100 * _incidence(frame["time"].to_numpy()[mine], cause[mine], month)
            yield from _number(value, "cumulative_incidence", 1, time=month, unit="%", **where)


def _incidence(time: np.ndarray, cause: np.ndarray, month: float) -> float:
    free, found = 1.0, 0.0
    for at in np.unique(time[(cause > 0) & (time <= month)]):
        at_risk = (time >= at).sum()
        found += free * ((time == at) & (cause == 1)).sum() / at_risk
        free *= 1 - ((time == at) & (cause > 0)).sum() / at_risk
    return found


def _ranks(design: Design, frame: Frame, claims: Frame, name: str) -> Iterator[dict[str, Any]]:
    own = (claims["model"] == "logrank") & (claims["endpoint"] == name)
    taken = set(claims.loc[own, "group"])
    for column in design.models[name]["covariates"]:
        if len(design.levels(column)) != 2 or column in taken or frame[column].nunique() != 2:
            continue
        p = survival.logrank(frame, column).set_index("statistic").loc["p", "estimate"]
        yield from _number(p, "p", 3, endpoint=name, group=column, model="logrank")
        yield from _ratio(regression.univariable(frame, [column]), name, column, "all")


def _ratio(rows: Frame, name: str, column: str, population: str) -> Iterator[dict[str, Any]]:
    ratios = rows[(rows["statistic"] == "hazard_ratio") & (rows["covariate"] == column)]
    for row in ratios.to_dict("records"):
        ends = [row[field] for field in ("estimate", "conf_low", "conf_high")]
        if all(0.01 < end < 100 for end in ends):
            keys = {"endpoint": name, "covariate": column, "level": row["level"]}
            keys |= {"population": population, "model": row["model"] or "univariable"}
            for field, end in zip(("estimate", "conf_low", "conf_high"), ends, strict=True):
                yield from _number(end, "hazard_ratio", 2, field=field, **keys)


def _products(design: Design, frame: Frame, name: str, by: str) -> Iterator[dict[str, Any]]:
    columns = [
        c for c in design.table_one["variables"] if c != by and 2 <= len(design.levels(c)) < 4
    ]
    for column in columns[:_MODIFIERS]:
        parts = {level: frame[frame[column] == level] for level in design.levels(column)}
        if (
            min(
                part["event"].groupby(part[by], observed=False).sum().min()
                for part in parts.values()
            )
            < 3
        ):
            continue
        for level, part in parts.items():
            own = regression.univariable(part, [by], population=f"{column}={level}")
            yield from _ratio(own, name, by, f"{column}={level}")
        found = regression.interaction(frame, by, column)
        found = found[(found["statistic"] == "p") & (found["covariate"] == f"{by}:{column}")]
        for row in found.to_dict("records"):
            keys = {"endpoint": name, "covariate": row["covariate"], "level": row["level"]}
            yield from _number(row["estimate"], "p", 3, model="interaction", **keys)


def _strengths(rows: Frame, n: int, frames: dict[str, Frame]) -> Iterator[dict[str, Any]]:
    ratios = rows[(rows["model"] == "multivariable") & (rows["statistic"] == "hazard_ratio")]
    for row in ratios[ratios["population"] == "all"].to_dict("records"):
        if row["endpoint"] not in frames or not math.isfinite(row["estimate"]):
            continue
        common = frames[row["endpoint"]]["event"].sum() / n > 0.15
        ends = [
            risk_ratio(row[f], "hazard_ratio", common)
            for f in ("estimate", "conf_low", "conf_high")
        ]
        keys = {name: row[name] for name in ("endpoint", "covariate", "level", "model")}
        yield from _number(e_value(ends[0]), "e_value", 2, **keys)
        yield from _number(e_value_of_limits(*ends[1:]), "e_value_limit", 2, **keys)
