"""What a reviewer asks that print alone can answer, without any patient.

How strong an unrecorded factor would have to be (E-values), how testing would have had to work
to make an effect of a marker, how unlike the groups of Table 1 are, how many events each
candidate has, and how far a printed number lies from that of the cohort the patients come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import pandas as pd

from crlm.audit.facts import Facts, Key, Printed, cell_of, models_of
from crlm.audit.implied import IMPLIED_COLUMNS, Record, record
from crlm.audit.intervals import Interval
from crlm.audit.models import endpoint_events, outcome_cell, printed_events
from crlm.audit.ratios import OF_LIKELIHOOD, effect_rows
from crlm.ledger import kind_of
from crlm.ledger.vocabulary import MULTIVARIABLE, TIME_UNITS, months_in
from crlm.unmeasured import (
    difference_of_shares,
    e_value,
    e_value_of_limits,
    medians_apart,
    risk_ratio,
    shares_apart,
)

#: More patients than this with the event make it common.
_COMMON = 0.15
_FACTOR = (
    "the printed ratio read as an odds ratio: with s the share tested, (s11 s00) / (s10 s01) by "
    "marker and event; testing that depends on the event alone, equally in both groups, has "
    "factor 1"
)


def ask(facts: Facts) -> pd.DataFrame:
    """What print alone answers of a reviewer's questions.

    Returns
    -------
    pandas.DataFrame
        Columns of `implied.IMPLIED_COLUMNS`: the interval is that of the values that the
        printed digits may stand for.
    """
    parts = (_e_values, _testing, _unlike, _per_parameter, _parents)
    frame = pd.DataFrame([r for part in parts for r in part(facts)], columns=list(IMPLIED_COLUMNS))
    frame["time"] = frame["time"].astype(float)
    return frame


def _exposed(facts: Facts) -> Iterator[tuple[Any, dict[str, Printed]]]:
    """Printed ratios of the study's exposure in whole models, all patients."""
    for key, roles in effect_rows(facts).items():
        own = key.covariate == facts.design.exposure and key.population == "all"
        own = own and key.statistic in OF_LIKELIHOOD  # A subdistribution ratio is nobody's risk.
        if own and kind_of(key.model) == MULTIVARIABLE and "estimate" in roles:
            yield key, roles


def _of_model(facts: Facts, key: Key) -> str:
    """Of which model a number is, where its patients have several."""
    label = facts.design.model_label(key._asdict())
    return f", {label}" if label else ""


def _e_values(facts: Facts) -> Iterator[Record]:
    """For the estimate, and for the limit nearer 1."""
    for key, roles in _exposed(facts):
        events, n = endpoint_events(facts, key.endpoint), facts.size()
        common = not n or math.isnan(events) or events / n > _COMMON
        how = "common event, the ratio approximated as a risk ratio" if common else "rare event"
        of = _of_model(facts, key)
        keys = {"endpoint": key.endpoint, "covariate": key.covariate, "level": key.level}

        def risk(ratio: float, statistic: str = key.statistic, common: bool = common) -> float:
            return risk_ratio(ratio, statistic, common)

        values = [e_value(risk(end)) for end in roles["estimate"].interval]
        yield record(f"E-value{of}", _span(values), "", how, [roles["estimate"]], **keys)
        if {"low", "high"} <= set(roles):
            ends = product(roles["low"].interval, roles["high"].interval)
            values = [e_value_of_limits(risk(low), risk(high)) for low, high in ends]
            printed = [roles["low"], roles["high"]]
            what = f"E-value of the limit nearer 1{of}"
            yield record(what, _span(values), "", how, printed, **keys)


def _testing(facts: Facts) -> Iterator[Record]:
    """Of a marker: the factor by which testing would have to depend on marker and event."""
    if facts.design.chapter.get("kind") != "marker":
        return
    for key, roles in _exposed(facts):
        keys = {"endpoint": key.endpoint, "covariate": key.covariate, "level": key.level}
        span, what = roles["estimate"].interval, "testing that would explain it"
        what += _of_model(facts, key)
        yield record(what, span, "", _FACTOR, [roles["estimate"]], **keys)


def _unlike(facts: Facts) -> Iterator[Record]:
    """Standardised differences of the levels of Table 1, second group minus first."""
    by = str(facts.design.table_one.get("by", ""))
    groups = facts.levels(by)
    if len(groups) != 2:
        return
    sizes = [facts.n(frozenset({(by, group)})) for group in groups]
    if None in sizes:
        return
    for name in facts.design.table_one.get("variables", ()):
        levels = facts.levels(name)
        for level in levels[1:]:
            cells = [_share(facts, by, group, name, level) for group in groups]
            if None in cells:
                continue
            (one, first), (two, second) = cells
            counts = [size.count for size in sizes]
            ends = [difference_of_shares(a, counts[0], b, counts[1]) for a, b in product(one, two)]
            how = "shares of the groups over the root of their mean variance"
            keys = {"group": by, "covariate": name, "level": level}
            printed = [*sizes, first, second]
            yield record("standardised difference", _span(ends), "", how, printed, **keys)


def _share(
    facts: Facts, by: str, group: str, name: str, level: str
) -> tuple[Interval, Printed] | None:
    """The share of a level in a group (0 to 1), from the printed per cent, else the count."""
    among = frozenset({(by, group)})
    cell = among | {(name, level)}
    percent = facts.percents.get((cell, among), (None,))[0]
    if percent is not None:
        low, high = percent.interval
        return (max(low, 0.0) / 100, min(high, 100.0) / 100), percent
    count, size = facts.n(cell), facts.size(among)
    if count is None or not size:
        return None
    return (count.count / size, count.count / size), count


def _per_parameter(facts: Facts) -> Iterator[Record]:
    """Events of each endpoint over all candidates that were screened, not the survivors.

    Of a yes-no outcome those without it, where they are fewer.
    """
    for endpoint, key in models_of(facts.design):
        spec, events = facts.design.model_of(endpoint, key=key), endpoint_events(facts, endpoint)
        width = sum(max(len(facts.levels(name)) - 1, 1) for name in spec.get("covariates", ()))
        if math.isnan(events) or not width or spec.get("selection") == "univariable":
            continue
        n = facts.n()
        if outcome_cell(facts, endpoint) and n and n.count > events:
            events = min(events, n.count - events)
        counted = not math.isnan(printed_events(facts, endpoint))
        what = "events as counted" if counted else "events that the univariable intervals imply"
        how = f"{what}, over {width} candidate parameters"
        of = _of_model(facts, Key(endpoint, "all", "all", "", "", key, "n", None))
        room = (1.0, 1.0) if counted else (0.8, 1.2)
        yield record(
            f"events per candidate parameter{of}, about",
            (room[0] * events / width, room[1] * events / width),
            "events",
            how if counted else f"{how} (a fifth of room)",
            [n] if n else [],
            endpoint=endpoint,
        )


def _parents(facts: Facts) -> Iterator[Record]:
    """Standard errors between a printed number and that of a larger cohort of the hospital."""
    for parent in facts.design.chapter.get("parent") or ():
        own = next(
            (p for found in facts.numbers.values() for p in found if p.id == parent["own"]), None
        )
        judged = _median if parent.get("median") else _rate
        ends = judged(facts, own, parent) if own is not None else []
        if own is None or not ends or any(math.isnan(end) for end in ends):
            continue
        theirs = (
            f"{parent['median']:g} months"
            if parent.get("median")
            else f"{parent['rate']:g} % at month {parent['month']:g}"
        )
        yield record(
            "standard errors from the parent cohort",
            _span(ends),
            "",
            f"{_ours(own)} in the paper against {theirs}: {parent['label']}",
            [own],
            endpoint=parent["endpoint"],
            group=parent["group"],
        )


def _ours(own: Printed) -> str:
    """A printed number; a time that is not printed in months in months too."""
    if own.unit == "months" or own.unit not in TIME_UNITS:
        return f"{own.text} {own.unit}"
    return f"{sum(own.months) / 2:.1f} months (printed as {own.text} {own.unit})"


def _median(facts: Facts, own: Printed, parent: dict[str, Any]) -> list[float]:
    ends = [facts.one(own.key._replace(field=name)) for name in ("conf_low", "conf_high")]
    if None in ends:
        return []
    # The error from the limits as printed: their rounding moves it by less than a tenth.
    low, high = (end.value * months_in(end.unit, end.month) for end in ends)
    return [medians_apart(own_end, low, high, parent["median"]) for own_end in own.months]


def _rate(facts: Facts, own: Printed, parent: dict[str, Any]) -> list[float]:
    n = facts.size(cell_of(own.key.group) or frozenset())
    if not n:
        return []
    return [shares_apart(end / 100, n, parent["rate"] / 100) for end in own.interval]


def _span(values: list[float]) -> Interval:
    known = [value for value in values if not math.isnan(value)]
    return (min(known), max(known)) if known else (math.nan, math.nan)
