"""Checks of incidence rates: events over patient-years, limits, and two rates compared."""

from __future__ import annotations

import math
from collections.abc import Iterator

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.curves import curve_cell, curve_keys, curve_limits, curve_subject, curve_title
from crlm.audit.facts import Cell, Facts, Key, Printed, cell_of
from crlm.audit.intervals import (
    Interval,
    holds,
    integers,
    log,
    meet,
    minus,
    overlap,
    quotient,
    times,
    two_sided,
    wald_region,
)
from crlm.ledger.vocabulary import POISSON, RATE_UNITS
from crlm.poisson import LIMITS, ODDS, TESTS, event_limits

#: Statistics of one group, by the part they play.
_PARTS = {"rate": "incidence_rate", "events": "events", "years": "patient_years"}
#: Points of an interval at which p is computed, and room for leaps between them.
_STEPS, _LEAPS = 12, 1.01
#: By how much, or by what share, z of p may differ from that of the printed limits where no
#: events are printed: tests of few events differ so far.
_ROOM = (0.35, 0.15)
#: How far limits may be from lying evenly about a ratio, as a share of their half width.
_UNEVEN = 0.5


def yearly(printed: Printed) -> Interval:
    """A rate, or a difference of rates, per patient-year."""
    return times(printed.interval, 1 / RATE_UNITS.get(printed.unit, 100.0))


def years(printed: Printed) -> Interval:
    """Patient-years, of whatever is printed."""
    return times(printed.interval, 1 / 12 if printed.unit == "patient-months" else 1.0)


@check(
    asks="Is an incidence rate its events over its patient-years?",
    assumes="Each patient's first event, and time until then; years of 365.25 days.",
    blind="Events and time that are wrong alike; rates of repeated events.",
)
def rate_quotient(facts: Facts) -> Iterator[Case]:
    """Rates with their events and patient-years."""
    index = _index(facts)
    for key, rate in curve_keys(facts, "incidence_rate").items():
        roles = {"rate": rate, **_of(index, key.endpoint, curve_cell(key))}
        if len(roles) == 3:
            yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_quotient)


def _judge_quotient(roles: Roles) -> Outcome:
    rate, events, time = roles["rate"], roles["events"], roles["years"]
    found = quotient(events.interval, years(time))
    per = RATE_UNITS.get(rate.unit, 100.0)
    low, high = times(found, per)
    said = f"{events.text} events in {time.text} {time.unit} are {low:.4g} to {high:.4g} "
    said += f"{rate.unit}, not {rate.text}."
    return outcome(overlap(yearly(rate), found), low, high, said)


@check(
    asks="Are the limits of a rate those that its events give, by any method in use?",
    assumes="Poisson limits of 95 %: exact, mid-P, Byar's, log, plain, of the square root, score "
    "or profile likelihood. Robust, overdispersed or bootstrapped limits are others.",
    blind="Limits that another method or another number of events gives.",
    soft=True,
)
def limits_of_a_rate(facts: Facts) -> Iterator[Case]:
    """Rates with confidence limits, and their events and patient-years where they are printed."""
    index = _index(facts)
    for key, rate in curve_keys(facts, "incidence_rate").items():
        limits = curve_limits(facts, key)
        if len(limits) == 2:
            roles = {"rate": rate, **limits, **_of(index, key.endpoint, curve_cell(key))}
            yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_limits)


def _judge_limits(roles: Roles) -> Outcome:
    rate, low, high = (roles[role] for role in ("rate", "low", "high"))
    told = f"{rate.text} ({low.text}-{high.text})"
    if not low.value <= rate.value <= high.value:
        return unclear(f"{told}: the limits do not hold the rate.")
    possible = _possible_events(roles)
    if not possible:
        return unclear("The numbers leave too many events possible.")
    time = [years(roles["years"])] if "years" in roles else []
    parts = [yearly(one) for one in (rate, low, high)]
    for method in LIMITS:
        for x in possible:
            bottom, top = event_limits(x, method)
            counts = zip((float(x), bottom, top), parts, strict=True)
            found = [_time_of(count, part) for count, part in counts]
            if None not in found and meet(*found, *time):
                return outcome(True, x, x, f"{method} limits of {x} events")
    whose = f"{roles['events'].text} events" if "events" in roles else "any number of events"
    return outcome(False, detail=f"{told} is no rate with limits of {whose} by a method in use.")


def _time_of(count: float, rate: Interval) -> Interval | None:
    """The time in which so many events are such a rate; None if there is none."""
    if math.isnan(count):
        return None
    if count <= 0:
        return (0.0, math.inf) if rate[0] <= 0 else None
    return (count / rate[1], count / rate[0] if rate[0] > 0 else math.inf) if rate[1] > 0 else None


def _possible_events(roles: Roles) -> range:
    """The numbers of events that may lie behind a rate; none where they are too many."""
    if "events" in roles:
        return range(roles["events"].count, roles["events"].count + 1)
    if "years" in roles:
        rate, time = yearly(roles["rate"]), years(roles["years"])
        found = integers((max(rate[0], 0.0) * time[0], rate[1] * time[1]))
        return found if len(found) <= _MOST else range(0)
    low, high = yearly(roles["low"]), yearly(roles["high"])
    if low[0] <= 0:
        return range(0, 12)
    wide = [math.log(end) for end in (high[1] / low[0], max(high[0] / low[1], 1 + 1e-9))]
    few, many = ((2 * 1.96 / width) ** 2 for width in wide)
    found = range(max(1, int(0.5 * few) - 5), int(min(2 * many, 1e9)) + 8)
    return found if len(found) <= _MOST else range(0)


#: More numbers of events than these are not tried.
_MOST = 400


@check(
    asks="Do the patient-years of the groups add up to those of all?",
    assumes="Patients of unknown group are in none: their time may be lacking, not over.",
    blind="Two errors that cancel; a sum below the whole.",
)
def patient_years_together(facts: Facts) -> Iterator[Case]:
    """Patient-years of all against those of the groups of each column."""
    printed = curve_keys(facts, "patient_years")
    index = {(key.endpoint, curve_cell(key)): found for key, found in printed.items()}
    columns = sorted({column for _, cell in index for column, _ in cell})
    for key, whole in printed.items():
        cell = curve_cell(key)
        for column in columns:
            cells = [cell | {(column, level)} for level in facts.levels(column)]
            parts = {str(i): index.get((key.endpoint, own)) for i, own in enumerate(cells)}
            if column in {name for name, _ in cell} or None in parts.values() or len(parts) < 2:
                continue
            title = f"{curve_title(facts, key)}, by {facts.named(column)}"
            yield Case(curve_subject(key), title, {"whole": whole, **parts}, _judge_sum)


def _judge_sum(roles: Roles) -> Outcome:
    parts = [years(part) for role, part in roles.items() if role != "whole"]
    low, high = sum(part[0] for part in parts), sum(part[1] for part in parts)
    whole = years(roles["whole"])
    told = " + ".join(part.text for role, part in roles.items() if role != "whole")
    said = f"{told} patient-years are {low:.5g} to {high:.5g}, not {roles['whole'].text}."
    if high < whole[0]:
        return unclear(f"{said} Some patients may be of unknown group.", low, high)
    return outcome(low <= whole[1], low, high, said)


# ---- two rates ------------------------------------------------------------------------------


@check(
    asks="Is the ratio, or the difference, of two rates that of the printed rates?",
    assumes="A ratio without adjustment; rates of the same patients and events.",
    blind="A ratio and a rate that are wrong alike.",
)
def rates_compared(facts: Facts) -> Iterator[Case]:
    """Ratios and differences against both rates, or their events and patient-years."""
    for key, roles in _comparisons(facts):
        if all(_known(roles, side) for side in _SIDES):
            judge = _judge_ratio if key.statistic == "rate_ratio" else _judge_difference
            yield Case(_subject(key), _title(facts, key), roles, judge)


def _judge_ratio(roles: Roles) -> Outcome:
    own, other = (_rate_of(roles, side) for side in _SIDES)
    if own is None or other is None:
        return unclear("A rate is not its events over its patient-years.")
    if other[1] <= 0:
        return unclear("Nobody of the reference had the event.")
    low, high = quotient(own, other)
    said = f"The printed rates have a ratio of {low:.3g} to {high:.3g}, not {roles['found'].text}."
    return outcome(overlap(roles["found"].interval, (low, high)), low, high, said)


def _judge_difference(roles: Roles) -> Outcome:
    own, other = (_rate_of(roles, side) for side in _SIDES)
    if own is None or other is None:
        return unclear("A rate is not its events over its patient-years.")
    found = roles["found"]
    low, high = times(minus(own, other), RATE_UNITS.get(found.unit, 100.0))
    said = f"The printed rates differ by {low:.4g} to {high:.4g} {found.unit}, not {found.text}."
    return outcome(overlap(found.interval, (low, high)), low, high, said)


@check(
    asks="Are the limits of a rate ratio those that the events give, by any method in use?",
    assumes="Limits of 95 % of two Poisson rates: of a model (Wald or profile), exact, mid-P or "
    "score. Robust, overdispersed or adjusted ones are others.",
    blind="Limits that another method gives; without printed events, limits that lie evenly.",
    soft=True,
)
def rate_ratio_limits(facts: Facts) -> Iterator[Case]:
    """Rate ratios with limits, and the events of both groups where they are printed."""
    for key, roles in _comparisons(facts):
        limits = _limits_of(facts, key)
        if key.statistic == "rate_ratio" and len(limits) == 2:
            yield Case(_subject(key), _title(facts, key), roles | limits, _judge_ratio_limits)


def _judge_ratio_limits(roles: Roles) -> Outcome:
    ratio, low, high = (roles[role] for role in ("found", "low", "high"))
    told = f"{ratio.text} ({low.text}-{high.text})"
    if not low.value <= ratio.value <= high.value:
        return unclear(f"{told}: the limits do not hold the ratio.")
    pair = _pair(roles)
    if pair is None:
        return _judge_even(roles, told)
    scale = _scale(roles, pair)
    for method, ends in ODDS.items():
        bottom, top = ends(*pair)
        found = [_time_of(bottom, low.interval), _time_of(top, high.interval)]
        if scale and None not in found and meet(*[_turned(one) for one in found], scale):
            return outcome(True, detail=f"{method} limits")
    said = f"{told} is no ratio with limits of {pair[0]} and {pair[1]} events by a method in use."
    return outcome(False, detail=said)


def _turned(one: Interval) -> Interval:
    return (1 / one[1] if one[1] < math.inf else 0.0, 1 / one[0] if one[0] > 0 else math.inf)


def _judge_even(roles: Roles, told: str) -> Outcome:
    """Limits of a ratio without events: evenly about it on the log scale, or nearly."""
    parts = [log(roles[role].interval) for role in ("found", "low", "high")]
    if None in parts or roles["low"].value <= 0:
        return unclear("A ratio or a limit of 0.")
    if wald_region(*parts):
        return outcome(True)
    middle, low, high = (sum(part) / 2 for part in parts)
    uneven = abs(middle - (low + high) / 2) > _UNEVEN * (high - low) / 2
    said = f"{told} does not lie evenly on the log scale, as limits of a Poisson model do."
    return unclear(said, notable=uneven)


@check(
    asks="Does p agree with the limits of its rate ratio, or with the events?",
    assumes="p of two Poisson rates: Wald, likelihood ratio, score, exact or mid-P. Without "
    "printed events with room for tests of few events.",
    blind="p of another test, as a log-rank one; errors that such room hides.",
    soft=True,
)
def rate_ratio_p(facts: Facts) -> Iterator[Case]:
    """P values beside rate ratios."""
    for key, roles in _comparisons(facts):
        p = facts.one(key._replace(statistic="p"))
        if key.statistic == "rate_ratio" and p is not None:
            roles = roles | _limits_of(facts, key) | {"p": p}
            if _pair(roles) or {"low", "high"} <= roles.keys():
                yield Case(_subject(key), _title(facts, key), roles, _judge_p)


def _judge_p(roles: Roles) -> Outcome:
    p, pair = roles["p"], _pair(roles)
    scale = _scale(roles, pair) if pair else None
    if pair and scale is None:
        return unclear("The ratio is not that of the printed rates.")
    if pair and scale:
        # Exact p values leap within an interval.
        low, high = scale
        within = [low + (high - low) * step / _STEPS for step in range(_STEPS + 1)]
        inside = [one for one in within if 0 < one < math.inf]
        found = [test(*pair, 1 / (1 + one)) for test in TESTS.values() for one in inside]
        null = pair[1] / pair[0] if pair[0] else math.inf
        if not inside:
            return unclear("The ratio leaves every p possible.")
        found = [one for one in found if not math.isnan(one)] + [1.0] * holds(scale, null)
        low, high = min(found) / _LEAPS, min(1.0, max(found) * _LEAPS)
        basis = f"{pair[0]} and {pair[1]} events"
    else:
        parts = [log(roles[role].interval) for role in ("found", "low", "high")]
        if None in parts or not (region := wald_region(*parts)):
            return unclear("Limits that do not lie evenly, and no events, give no p.")
        z = [b / se for b, se in region]
        far, near = max(map(abs, z)), 0.0 if min(z) * max(z) <= 0 else min(map(abs, z))
        low = two_sided(far + max(_ROOM[0], _ROOM[1] * far))
        high = two_sided(max(near - max(_ROOM[0], _ROOM[1] * near), 0.0))
        basis = f"{roles['found'].text} ({roles['low'].text}-{roles['high'].text})"
    said = f"{basis} give p between {low:.3g} and {high:.3g}, not {p.text}."
    return outcome(overlap(p.interval, (low, high)), low, high, said)


# ---- what is known of whom ------------------------------------------------------------------

_SIDES = ("own", "other")
_Index = dict[tuple[str, str, Cell | None], Printed]


def _index(facts: Facts) -> _Index:
    """Rates, events and patient-years by part, endpoint and patients."""
    return {
        (part, key.endpoint, curve_cell(key)): printed
        for part, statistic in _PARTS.items()
        for key, printed in curve_keys(facts, statistic).items()
    }


def _of(index: _Index, endpoint: str, cell: Cell | None) -> dict[str, Printed]:
    found = {part: index.get((part, endpoint, cell)) for part in ("events", "years")}
    return {part: printed for part, printed in found.items() if printed is not None}


def _comparisons(facts: Facts) -> Iterator[tuple[Key, dict[str, Printed]]]:
    """Printed ratios and differences, each with what is printed of both groups."""
    index = _index(facts)
    for key, places in facts.numbers.items():
        between = key.statistic in ("rate_ratio", "rate_difference") and key.model == POISSON
        among = cell_of(key.population)
        if not between or key.field != "estimate" or among is None or not key.level:
            continue
        levels = facts.levels(key.covariate)
        pair = (key.level, key.reference or levels[0]) if levels else ()
        roles = {"found": places[0]}
        for side, level in zip(_SIDES, pair, strict=False):
            cell = among | {(key.covariate, level)}
            for part in _PARTS:
                printed = index.get((part, key.endpoint, cell))
                if printed is not None:
                    roles[f"{side} {part}"] = printed
        yield key, roles


def _limits_of(facts: Facts, key: Key) -> dict[str, Printed]:
    fields = {"low": "conf_low", "high": "conf_high"}
    found = {role: facts.one(key._replace(field=field)) for role, field in fields.items()}
    return {role: printed for role, printed in found.items() if printed is not None}


def _known(roles: Roles, side: str) -> bool:
    return f"{side} rate" in roles or {f"{side} events", f"{side} years"} <= roles.keys()


def _rate_of(roles: Roles, side: str) -> Interval | None:
    """A rate per year by its own digits and by its events and time; None where they contradict."""
    parts = [yearly(roles[f"{side} rate"])] if f"{side} rate" in roles else []
    if {f"{side} events", f"{side} years"} <= roles.keys():
        parts.append(quotient(roles[f"{side} events"].interval, years(roles[f"{side} years"])))
    return meet(*parts)


def _pair(roles: Roles) -> tuple[int, int] | None:
    """The events of both groups, where they are printed."""
    if {"own events", "other events"} <= roles.keys():
        return roles["own events"].count, roles["other events"].count
    return None


def _scale(roles: Roles, pair: tuple[int, int]) -> Interval | None:
    """Time of the reference over that of the other, by the ratio and by patient-years."""
    x, y = pair
    parts = []
    if x and y:
        parts.append(times(roles["found"].interval, y / x))
    if {"own years", "other years"} <= roles.keys():
        parts.append(quotient(years(roles["other years"]), years(roles["own years"])))
    else:
        told = []
        for side, count in zip(_SIDES, pair, strict=True):
            rate = roles.get(f"{side} rate")
            told.append(_time_of(count, yearly(rate)) if rate and count else None)
        if None not in told:
            parts.append(quotient(told[1], told[0]))
    return meet(*parts) if parts else None


def _subject(key: Key) -> tuple[str, ...]:
    names = (key.endpoint, key.population, key.covariate, key.level, key.reference)
    return ("rates", *names)


def _title(facts: Facts, key: Key) -> str:
    what = "Rate ratio" if key.statistic == "rate_ratio" else "Difference of rates"
    who = facts.named(key.covariate, key.level)
    among = cell_of(key.population)
    of = f", {facts.label(among)}" if among else ""
    return f"{what} of {facts.endpoint(key.endpoint)}, {who}{of}"
