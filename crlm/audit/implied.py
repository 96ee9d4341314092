"""What the printed numbers imply and the paper does not say."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

import pandas as pd

from crlm.audit.counts import blocks, possible_sizes
from crlm.audit.curves import curve_cell, curve_keys, rate_variance
from crlm.audit.facts import WHOLE, Cell, Facts, Key, Printed, cell_of, text_of
from crlm.audit.intervals import Interval, deviate, log, mapped, minus, two_sided
from crlm.audit.models import (
    USUAL_GROWTH,
    Row,
    endpoint_events,
    growth_of,
    implied_sample,
    outcome_cell,
    printed_events,
    rows_of,
    share,
)
from crlm.audit.odds import exposed_events
from crlm.audit.ratios import effect_rows, standard_error, wald_rows

#: Columns of the frame of implied quantities.
IMPLIED_COLUMNS = (
    "quantity",
    "endpoint",
    "population",
    "group",
    "covariate",
    "level",
    "time",
    "low",
    "high",
    "unit",
    "how",
    "claims",
)

Record = dict[str, Any]

#: Statistic and model under which the ledger has a quantity where the paper prints it.
_AS_PRINTED = {
    "events, at least": ("events", ""),
    "events, about": ("events", ""),
    "events in the group, about": ("events", ""),
    "patients without a value": ("missing", ""),
    "patients in the multivariable model": ("n", "multivariable"),
    "interaction: p": ("p", "interaction"),
}

#: Of these the number of some patients is the sum over the levels of a column.
_SUMMED = ("events", "missing")


def imply(facts: Facts) -> pd.DataFrame:
    """Implied quantities with intervals, those aside that the paper prints itself.

    Returns
    -------
    pandas.DataFrame
        Columns of `IMPLIED_COLUMNS`; `low` and `high` in `unit`, `claims` a tuple of ids.
    """
    parts = (_events, _group_events, _at_risk, _samples, _missing, _interactions, _effects, _sites)
    records = [one for part in parts for one in part(facts) if not _stated(facts, one)]
    frame = pd.DataFrame(records, columns=list(IMPLIED_COLUMNS))
    frame["time"] = frame["time"].astype(float)
    return frame


def _stated(facts: Facts, one: Record) -> bool:
    """Whether print has the number itself, of the same patients."""
    asked = _AS_PRINTED.get(one["quantity"])
    if asked is None:
        return False
    wanted = (one["endpoint"], *asked)
    told = [key for key in facts.numbers if (key.endpoint, key.statistic, key.model) == wanted]
    summed = asked[0] in _SUMMED and _is_sum(facts, told, one)
    return summed or any(_same(key, one) for key in told)


def _is_sum(facts: Facts, told: Sequence[Key], one: Record) -> bool:
    """Whether print has the number of each level of some column, of the same patients."""
    whole = _patients(one["group"], one["population"])
    if whole is None:
        return False
    parts: dict[str, set[str]] = defaultdict(set)
    for key in told:
        cell = _patients(key.group, key.population)
        same = (key.covariate, key.level) == (one["covariate"], one["level"])
        if same and key.field == "estimate" and cell is not None and whole < cell:
            first, *more = cell - whole
            if not more:
                parts[first[0]].add(first[1])
    return any(
        {*facts.levels(name)} == levels and not _leaves_out(facts, whole, name)
        for name, levels in parts.items()
    )


def _leaves_out(facts: Facts, whole: Cell, name: str) -> bool:
    """Whether some of these patients are known to be of no level of a column."""
    sizes = [facts.size(whole | {(name, level)}) for level in facts.levels(name)]
    total, known = facts.size(whole), [size for size in sizes if size is not None]
    apart = total is not None and len(known) == len(sizes) and sum(known) != total
    return apart or bool(facts.design.factors.get(name, {}).get("left_out"))


def _patients(*keys: str) -> Cell | None:
    """The conditions of some patients, wherever they stand; None where one is no cell."""
    cells = [cell_of(key) for key in keys]
    known = [cell for cell in cells if cell is not None]
    return frozenset().union(*known) if len(known) == len(cells) else None


def _same(key: Key, one: Record) -> bool:
    """Whether a printed number is of the patients and the characteristic of an implied one."""
    if one["quantity"].startswith("interaction"):
        return set(key.covariate.split(":")) == {one["covariate"], one["group"]}
    whom = _patients(key.group, key.population)
    if whom is None or (key.covariate, key.level) != (one["covariate"], one["level"]):
        return False
    return whom == _patients(one["group"], one["population"])


def record(
    quantity: str, span: Interval, unit: str, how: str, printed: Sequence[Printed], **keys: Any
) -> Record:
    """One quantity as a line of the frame."""
    blank = {
        "endpoint": "",
        "population": "all",
        "group": "all",
        "covariate": "",
        "level": "",
        "time": math.nan,
    }
    claims = tuple(dict.fromkeys(p.id for p in printed))
    return {
        **blank,
        **keys,
        "quantity": quantity,
        "low": span[0],
        "high": span[1],
        "unit": unit,
        "how": how,
        "claims": claims,
    }


def _events(facts: Facts) -> Iterator[Record]:
    """Events of each endpoint: a floor that holds whatever the data, and the usual reading."""
    for endpoint in facts.design.models:
        rows = [
            row
            for model in ("univariable", "multivariable")
            for row in rows_of(facts, endpoint, model).values()
            if len(facts.levels(row.key.covariate)) == 2 and row.key.statistic == "hazard_ratio"
        ]
        if not rows:
            continue
        best = max(rows, key=lambda row: 1 / row.se[1])
        n = facts.size(WHOLE) or math.inf
        yield record(
            "events, at least",
            (4 / best.se[1] ** 2, n),
            "events",
            "4 over the squared standard error of the most precise two-level row",
            list(best.roles.values()),
            endpoint=endpoint,
        )
        usual = [
            sum(row.events) / 2
            for row in rows_of(facts, endpoint, "univariable").values()
            if not math.isnan(row.spread)
        ]
        if len(usual) >= 5:
            usual.sort()
            quarter = len(usual) // 4
            printed = [p for row in rows for p in row.roles.values()]
            floor = 4 / best.se[1] ** 2
            span = (max(usual[quarter], floor), max(usual[-1 - quarter], floor))
            yield record(
                "events, about",
                span,
                "events",
                "middle half of what the univariable two-level rows imply",
                printed,
                endpoint=endpoint,
            )


def _group_events(facts: Facts) -> Iterator[Record]:
    """Events by group, from the endpoint's events, the group's size and its ratio."""
    for endpoint in facts.design.models:
        total = endpoint_events(facts, endpoint)
        outcome = outcome_cell(facts, endpoint) or WHOLE
        counted = not math.isnan(printed_events(facts, endpoint))
        if math.isnan(total):
            continue
        for covariate, row in rows_of(facts, endpoint, "univariable").items():
            shares = _shares(facts, row, total)
            if shares is None or covariate not in facts.exposures():
                continue
            room = (1.0, 1.0) if counted else (0.9, 1.1)
            how = f"events of the endpoint, {'counted, ' if counted else ''}shared by size and "
            how += "odds ratio" if row.sizes else "hazard ratio"
            how += "" if counted else " (a tenth of room)"
            reference = row.key.reference or facts.levels(covariate)[0]
            sides = ((row.key.level, shares), (reference, [1 - x for x in shares[::-1]]))
            for level, (low, high) in sides:
                if outcome and facts.n(outcome | {(covariate, level)}) is not None:
                    continue
                span = (room[0] * total * low, room[1] * total * high)
                yield record(
                    "events in the group, about",
                    span,
                    "events",
                    how,
                    list(row.roles.values()),
                    endpoint=endpoint,
                    group=f"{covariate}={level}",
                )


def _shares(facts: Facts, row: Row, total: float) -> list[float] | None:
    """The share of all events that a row's level has, at both ends of its ratio; None if unknown.

    Events of a time lie as size times hazard ratio says, those of a yes-no outcome as the odds.
    """
    ratios = [max(end, 1e-9) for end in row.roles["estimate"].interval]
    if row.sizes:
        if not 0 < total < sum(row.sizes):
            return None
        return [exposed_events(total, row.sizes, ratio) / total for ratio in ratios]
    part = share(facts, frozenset({(row.key.covariate, row.key.level)}))
    if math.isnan(row.spread) or part is None:
        return None
    odds = [part / (1 - part) * ratio for ratio in ratios]
    return [o / (1 + o) for o in odds]


def _at_risk(facts: Facts) -> Iterator[Record]:
    """How many completely followed patients an interval of a survival rate is worth."""
    declared = str(facts.convention("conf_type", ""))
    for key, rate in curve_keys(facts, "survival_rate").items():
        limits = {
            role: facts.one(key._replace(field=name))
            for role, name in (("low", "conf_low"), ("high", "conf_high"))
        }
        if None in limits.values():
            continue
        variance = rate_variance({"estimate": rate, **limits}, declared)
        if variance is None or variance[0] <= 0 or not 0 < rate.value < 100:
            continue
        s = rate.value / 100
        span = (s * (1 - s) / variance[1], s * (1 - s) / variance[0])
        cell = text_of(curve_cell(key) or WHOLE)
        yield record(
            "patients the interval is worth",
            span,
            "patients",
            "S(1-S) over the variance of the rate",
            [rate, *limits.values()],
            endpoint=key.endpoint,
            group=cell,
            time=key.time,
        )


def _samples(facts: Facts) -> Iterator[Record]:
    """Patients behind each multivariable model."""
    n = facts.n()
    for endpoint in facts.design.models:
        growth = list(growth_of(facts, endpoint).values())
        if len(growth) < 3 or n is None:
            continue
        middle = (median(g[0] for g in growth), median(g[1] for g in growth))
        span = implied_sample(n.count, (max(middle[0], 1.0), max(middle[1], 1.0)))
        printed = [
            p
            for model in ("univariable", "multivariable")
            for row in rows_of(facts, endpoint, model).values()
            for p in row.roles.values()
        ]
        how = (
            f"all patients over the median growth of the variances, with collinearity of "
            f"{USUAL_GROWTH[0]:g} to {USUAL_GROWTH[1]:g}"
        )
        yield record(
            "patients in the multivariable model",
            span,
            "patients",
            how,
            [n, *printed],
            endpoint=endpoint,
        )


def _missing(facts: Facts) -> Iterator[Record]:
    """Patients without a value, from percentages that do not fit the size of the group."""
    for (among, column), block in blocks(facts).items():
        n = facts.n(among)
        rows = [(percent, count) for percent, count in block.values() if count is not None]
        if n is None or not rows:
            continue
        counted = {level for level, (_, count) in block.items() if count is not None}
        full = counted == set(facts.levels(column))
        sizes = possible_sizes(n.count, rows, full)
        if sizes and n.count not in sizes:
            printed = [n, *(p for row in rows for p in row if p is not None)]
            yield record(
                "patients without a value",
                (n.count - sizes[0], n.count - sizes[-1]),
                "patients",
                "denominators that give the printed percentages",
                printed,
                group=text_of(among),
                covariate=column,
            )


def _interactions(facts: Facts) -> Iterator[Record]:
    """Ratio of the hazard ratios of two strata, with limits and p."""
    rows = wald_rows(facts)
    for key, roles in rows.items():
        population = cell_of(key.population)
        if population is None or len(population) != 1 or "estimate" not in roles:
            continue
        ((column, level),) = population
        levels = facts.levels(column)
        other = key._replace(population=f"{column}={levels[0]}") if levels else key
        if len(levels) != 2 or level != levels[1] or "estimate" not in rows.get(other, {}):
            continue
        yield from _interaction(facts, key, column, rows[other], roles)


def _interaction(
    facts: Facts, key: Key, column: str, reference: dict[str, Printed], stratum: dict[str, Printed]
) -> Iterator[Record]:
    errors = [_stratum_error(facts, roles) for roles in (reference, stratum)]
    logs = [log(roles["estimate"].interval) for roles in (reference, stratum)]
    if None in errors or None in logs:
        return
    difference = minus(logs[1], logs[0])
    least, most = (math.hypot(errors[0][i], errors[1][i]) for i in (0, 1))
    printed = [*reference.values(), *stratum.values()]
    keys = {
        "endpoint": key.endpoint,
        "group": column,
        "covariate": key.covariate,
        "level": key.level,
    }
    how = "stratum hazard ratios; standard errors from their limits, or bounded by p and numbers"
    yield record(
        "interaction: ratio of hazard ratios",
        mapped(math.exp, difference),
        "",
        how,
        printed,
        **keys,
    )
    ends = (difference[0] - 1.96 * most, difference[1] + 1.96 * most)
    yield record(
        "interaction: widest 95 % interval", mapped(math.exp, ends), "", how, printed, **keys
    )
    z = [abs(d) / s for d in difference for s in (least, most)]
    nearest = 0.0 if difference[0] <= 0 <= difference[1] else min(z)
    p = (two_sided(max(z)), two_sided(nearest))
    yield record("interaction: p", p, "", how, printed, **keys)


def _stratum_error(facts: Facts, roles: dict[str, Printed]) -> Interval | None:
    """Standard error from limits; else below by the number of patients, above by p."""
    if {"low", "high"} <= set(roles):
        return standard_error(roles)
    effect = log(roles["estimate"].interval)
    n = facts.n(cell_of(roles["estimate"].key.population) or WHOLE)
    if effect is None or n is None or "p" not in roles:
        return None
    strength = max(abs(effect[0]), abs(effect[1]))
    p = roles["p"].interval
    if not 0 < p[1] < 1:
        return None
    widest = strength / deviate(p[1])
    least = 2 / math.sqrt(n.count)
    if p[0] > 0:
        least = max(least, min(map(abs, effect)) / deviate(p[0]))
    return (least, widest) if least <= widest else None


def _effects(facts: Facts) -> Iterator[Record]:
    """Hazard ratios that p values of two groups imply, where none is printed."""
    rows = effect_rows(facts)
    for key, (p, *_) in facts.numbers.items():
        if key.statistic != "p" or key.model != "univariable" or key.population != "all":
            continue
        ratio = key._replace(statistic="hazard_ratio")
        if key.endpoint not in facts.design.endpoints:
            continue
        part = share(facts, frozenset({(key.covariate, key.level)}))
        if "estimate" in rows.get(ratio, {}) or part is None or not 0 < part < 1:
            continue
        spans = {
            r.key.endpoint: 4 / r.se[1] ** 2
            for r in rows_of(facts, key.endpoint, "multivariable").values()
        }
        n = facts.size(WHOLE)
        events = (max(spans.values(), default=0.0), float(n or 0))
        if not 0 < events[0] <= events[1] or p.interval[1] <= 0:
            continue
        z = [deviate(x) for x in p.interval[::-1]]
        information = [e * part * (1 - part) for e in events]
        low = z[0] / math.sqrt(information[1])
        high = z[1] / math.sqrt(information[0]) if p.operator == "=" else math.inf
        span = (math.exp(low), math.exp(min(high, 20.0)) if math.isfinite(high) else math.inf)
        yield record(
            "hazard ratio or its inverse",
            span,
            "",
            "z of the p value over the square root of events times p(1-p); events between "
            "what the multivariable intervals need and all patients",
            [p],
            endpoint=key.endpoint,
            covariate=key.covariate,
            level=key.level,
        )


def _sites(facts: Facts) -> Iterator[Record]:
    """Failures that no printed site of recurrence accounts for.

    Needs `table_one.recurrence_parts`: columns of which each patient with a recurrence has
    exactly one "yes", and `table_one.recurrence_endpoint`.
    """
    parts = facts.design.table_one.get("recurrence_parts", ())
    endpoint = facts.design.table_one.get("recurrence_endpoint", "")
    counts = [facts.n(frozenset({(part, "yes")})) for part in parts]
    least = next(
        (
            r
            for r in _events(facts)
            if r["endpoint"] == endpoint and r["quantity"] == "events, at least"
        ),
        None,
    )
    if not counts or None in counts or least is None:
        return
    known = sum(c.count for c in counts)
    span = (max(least["low"] - known, 0.0), least["high"] - known)
    yield record(
        "failures without a printed site",
        span,
        "events",
        "events of the endpoint less the printed first recurrences",
        counts,
        endpoint=endpoint,
    )
