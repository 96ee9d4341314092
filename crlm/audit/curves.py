"""Checks of survival rates, medians and follow-up."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import WHOLE, Cell, Facts, Key, Printed, cell_of, narrowed, text_of
from crlm.audit.intervals import (
    Interval,
    integers,
    overlap,
    times,
    wald_region,
)

#: Scales on which a Kaplan-Meier interval may be symmetric, by the name of the convention.
SCALES: dict[str, Callable[[float], float]] = {
    "plain": lambda s: s,
    "log": lambda s: math.log(s),
    "log-log": lambda s: -math.log(-math.log(s)),
    "logit": lambda s: math.log(s / (1 - s)),
    "arcsine": lambda s: math.asin(math.sqrt(s)),
}
#: Times that a median or follow-up is printed as.
TIMES = ("median_survival", "median_follow_up", "min_follow_up", "max_follow_up")
#: Follow-up from its shortest to its longest.
_FOLLOWED = ("min", "q1", "median", "q3", "max")

_GRID_SHARE, _GRID_COUNT = 0.9, 15
#: What falls or rises along a curve: a statistic, its name, its unit, what it cannot do.
_COURSES = (
    ("survival_rate", "Survival", "%", "rise"),
    ("n_at_risk", "Numbers at risk", "", "rise"),
    ("cumulative_incidence", "Cumulative incidence", "%", "fall"),
    ("cumulative_events", "Events so far", "", "fall"),
)
#: Powers of time with which cumulative hazards grow, and room on their logarithm: no curve of
#: 140 simulated papers strays further.
_POWERS, _STEEP = (0.2, 3.0), 0.4


def curve_keys(facts: Facts, statistic: str) -> dict[Key, Printed]:
    """Printed estimates of one statistic whose population and group are sets of patients."""
    return {
        key: places[0]
        for key, places in facts.numbers.items()
        if key.statistic == statistic
        and key.field == "estimate"
        and not key.model
        and not key.covariate
        and curve_cell(key) is not None
    }


def curve_cell(key: Key) -> Cell | None:
    """The patients of a curve; None if the key compares groups."""
    group, population = cell_of(key.group), cell_of(key.population)
    return None if group is None or population is None else narrowed(population, group)


def curve_limits(facts: Facts, key: Key) -> dict[str, Printed]:
    """The printed limits of a number, by "low" and "high"."""
    found = {
        r: facts.one(key._replace(field=f)) for r, f in (("low", "conf_low"), ("high", "conf_high"))
    }
    return {role: printed for role, printed in found.items() if printed is not None}


def curve_title(facts: Facts, key: Key) -> str:
    """A number of a curve as a heading."""
    at = f" at {key.time:g} months" if key.time is not None else ""
    what = key.statistic.replace("_", " ")
    who = facts.label(curve_cell(key) or WHOLE)
    if key.endpoint in facts.design.incidences:
        return f"{what.capitalize()} of {facts.endpoint(key.endpoint)}{at}, {who}"
    return f"{facts.endpoint(key.endpoint)} {what}{at}, {who}".strip()


def curve_subject(key: Key) -> tuple[str, ...]:
    """What a finding on a number of a curve is about."""
    return ("curve", key.endpoint, text_of(curve_cell(key) or WHOLE), key.statistic, str(key.time))


def scaled(interval: Interval, scale: str) -> Interval | None:
    """A survival rate in per cent on the scale of a confidence interval; None at 0 or 100 %."""
    low, high = max(interval[0] / 100, 1e-6), min(interval[1] / 100, 1 - 1e-6)
    return (SCALES[scale](low), SCALES[scale](high)) if low <= high else None


def rate_region(roles: Roles, scale: str) -> list[tuple[float, float]]:
    """Rate and standard error on a scale that the digits of a rate with limits allow."""
    parts = [scaled(roles[role].interval, scale) for role in ("estimate", "low", "high")]
    if None in parts:
        return []
    return wald_region(*parts)


def rate_variance(roles: Roles, declared: str) -> Interval | None:
    """Variances of a survival rate (as a share) that its printed interval allows."""
    scale = {"spss": "plain"}.get(declared, declared)
    found = []
    for name in [scale] if scale in SCALES else SCALES:
        for x, se in rate_region(roles, name):
            found.append((se * _slope(name, x)) ** 2)
    return (min(found), max(found)) if found else None


def _slope(scale: str, x: float) -> float:
    """Derivative of the rate by its value on the scale."""
    if scale == "plain":
        return 1.0
    if scale == "log":
        return math.exp(x)
    if scale == "log-log":
        return math.exp(-x) * math.exp(-math.exp(-x))
    if scale == "logit":
        return math.exp(x) / (1 + math.exp(x)) ** 2
    return math.sin(2 * x)


@check(
    asks="Is a survival rate the middle of its limits on any usual scale?",
    assumes="Kaplan-Meier limits: plain, log, log-log, logit or arcsine.",
    blind="Errors of one point; a limit that another scale would give.",
)
def rate_limits(facts: Facts) -> Iterator[Case]:
    """Rates with confidence limits."""
    for key, rate in curve_keys(facts, "survival_rate").items():
        roles = {"estimate": rate, **curve_limits(facts, key)}
        if len(roles) == 3:
            yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_rate_limits)


def _judge_rate_limits(roles: Roles) -> Outcome:
    if any(p.value <= 0 or p.value >= 100 for p in roles.values()):
        return unclear("A rate or limit of 0 or 100 %.")
    fitting = [scale for scale in SCALES if rate_region(roles, scale)]
    said = (
        f"{roles['estimate'].text} ({roles['low'].text}-{roles['high'].text}) "
        "is not centred on any scale in use."
    )
    return outcome(bool(fitting), detail=", ".join(fitting) if fitting else said)


@check(
    asks="Is a Kaplan-Meier interval wide enough for the number of patients, and narrow enough "
    "for the number at risk?",
    assumes="Greenwood's variance: at least S(1-S)/n, at most S^2(1-S)/number at risk; no late "
    "entry for the second.",
    blind="Widths between the two.",
)
def rate_width(facts: Facts) -> Iterator[Case]:
    """Widths of intervals against numbers of patients and numbers at risk."""
    declared = str(facts.convention("conf_type", ""))
    for key, rate in curve_keys(facts, "survival_rate").items():
        roles = {"estimate": rate, **curve_limits(facts, key)}
        n = facts.n(curve_cell(key) or WHOLE)
        at_risk = facts.one(key._replace(statistic="n_at_risk"))
        if len(roles) != 3 or n is None:
            continue
        roles |= {"n": n} | ({"at risk": at_risk} if at_risk is not None else {})

        def judge(roles: Roles) -> Outcome:
            return _judge_width(roles, declared)

        yield Case(curve_subject(key), curve_title(facts, key), roles, judge)


def _judge_width(roles: Roles, declared: str) -> Outcome:
    variance = rate_variance(roles, declared)
    if variance is None or variance[0] <= 0:
        return unclear(
            "Rate and limits contradict each other, or the scale is not the declared one."
        )
    s = times(roles["estimate"].interval, 0.01)
    spread = min(x * (1 - x) for x in s)
    most = max(x * (1 - x) for x in (*s, 0.5 if s[0] < 0.5 < s[1] else s[0]))
    patients = (spread / variance[1], most / variance[0])
    n = roles["n"].count
    text = f"{roles['estimate'].text}% ({roles['low'].text}-{roles['high'].text})"
    if patients[0] > n:
        said = f"{text} needs at least {patients[0]:.0f} patients; there are {n}."
        return outcome(False, *patients, said)
    if "at risk" in roles:
        risk = max(roles["at risk"].count - 1, 1)
        widest = s[1] ** 2 * (1 - s[0]) / risk
        if variance[0] > 1.1 * widest:
            said = f"{text} is too wide for {roles['at risk'].text} patients at risk."
            return outcome(False, *patients, said)
    return outcome(True, *patients)


@check(
    asks="Is a median the middle of its limits where the software makes it so?",
    assumes="SPSS: median plus and minus 1.96 standard errors. Other limits of a median are "
    "not symmetric and not checked here.",
    blind="Errors within the rounding; lower limits at zero.",
)
def median_limits(facts: Facts) -> Iterator[Case]:
    """Medians of survival with limits, where the design declares SPSS."""
    if facts.convention("conf_type") != "spss":
        return
    for key, median in curve_keys(facts, "median_survival").items():
        roles = {"estimate": median, **curve_limits(facts, key)}
        if len(roles) == 3:
            yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_median_limits)


def _judge_median_limits(roles: Roles) -> Outcome:
    low, high = roles["low"].interval, roles["high"].interval
    if low[0] <= 0:
        return unclear("The lower limit is cut off at zero.")
    middle = ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2)
    digits = roles["estimate"].decimals
    said = (
        f"The middle of {roles['low'].text} and {roles['high'].text} is "
        f"{sum(middle) / 2:.{digits + 1}f}, not {roles['estimate'].text}."
    )
    return outcome(overlap(middle, roles["estimate"].interval), *middle, said)


@check(
    asks="Does the median lie on the side of a time that the rate at that time says?",
    assumes="Kaplan-Meier: the rate is above a half before the median and not above it from "
    "then on.",
    blind="Medians on the right side of every printed time.",
)
def median_and_rate(facts: Facts) -> Iterator[Case]:
    """Median survival against survival rates of the same patients."""
    medians = {
        (k.endpoint, curve_cell(k)): (k, p) for k, p in curve_keys(facts, "median_survival").items()
    }
    for key, rate in curve_keys(facts, "survival_rate").items():
        if (key.endpoint, curve_cell(key)) in medians and key.time is not None:
            other, median = medians[key.endpoint, curve_cell(key)]

            def judge(roles: Roles, time: float = key.time) -> Outcome:
                return _judge_side(roles, time)

            yield Case(
                curve_subject(other),
                curve_title(facts, other),
                {"median": median, "rate": rate},
                judge,
            )


def _judge_side(roles: Roles, time: float) -> Outcome:
    rate, median = roles["rate"].interval, roles["median"].months
    text = f"{roles['rate'].text}% are event-free at {time:g} months"
    half = f"{roles['median'].text} {roles['median'].unit}".strip()
    if rate[0] > 50 and median[1] < time:
        return outcome(False, time, math.inf, f"{text}, but half have failed by {half}.")
    if rate[1] < 50 and median[0] > time:
        return outcome(False, 0.0, time, f"{text}, but the median is {half}.")
    return outcome(True)


@check(
    asks="Does the curve run from the median to a printed rate as curves do?",
    assumes="The cumulative hazard grows with the 0.2th to 3rd power of time, within a factor of "
    "1.5; a curve may have a step or a long level, so it only points.",
    blind="Rates that such a curve may have: at the median's time a half more or less.",
    about="reporting",
    points=True,
)
def rate_beside_median(facts: Facts) -> Iterator[Case]:
    """Survival rates against the median of the same patients, by how steep the curve must be."""
    medians = {
        (k.endpoint, curve_cell(k)): p for k, p in curve_keys(facts, "median_survival").items()
    }
    for key, rate in curve_keys(facts, "survival_rate").items():
        median = medians.get((key.endpoint, curve_cell(key)))
        if median is not None and key.time:
            judge = partial(_judge_steep, time=key.time)
            roles = {"median": median, "rate": rate}
            yield Case(curve_subject(key), curve_title(facts, key), roles, judge)


def _judge_steep(roles: Roles, time: float) -> Outcome:
    rate, median = roles["rate"].interval, roles["median"].months
    if not 0 < roles["rate"].value < 100 or median[0] <= 0:
        return unclear("A rate of 0 or 100 %, or a median of zero.")
    ends = [math.log(time / m) * power for m in median for power in _POWERS]
    spans = [math.log(2) * math.exp(end) for end in (min(ends) - _STEEP, max(ends) + _STEEP)]
    high, low = (100 * math.exp(-hazard) for hazard in spans)
    if overlap(rate, (low, high)):
        return outcome(True, low, high)
    said = (
        f"With a median of {roles['median'].text} months, {low:.0f} to {high:.0f}% are usually "
        f"event-free at {time:g} months; printed is {roles['rate'].text}%."
    )
    return unclear(said, low, high, notable=True)


@check(
    asks="Do survival and, from all patients on, numbers at risk fall with time, and incidences "
    "and events so far rise?",
    assumes="Numbers of one curve; of numbers at risk no late entry.",
    blind="Rates and numbers in the right order.",
)
def falling(facts: Facts) -> Iterator[Case]:
    """Rates, incidences, events and numbers at risk of one group at several times."""
    for statistic, what, unit, never in _COURSES:
        curves: dict[tuple, list[Key]] = defaultdict(list)
        printed = curve_keys(facts, statistic)
        for key in printed:
            if key.time is not None:
                curves[key.endpoint, curve_cell(key), key.level].append(key)
        for (_, cell, _), keys in curves.items():
            keys.sort(key=lambda k: k.time)
            if statistic == "n_at_risk" and (n := facts.n(cell)) is not None:
                said = f"Of {{}} patients no {{}} can be at risk at {keys[0].time:g} months."
                roles, first = {"early": n, "late": printed[keys[0]]}, keys[0]
                judge = partial(_judge_falling, said=said, rises=False)
                yield Case(curve_subject(first), curve_title(facts, first), roles, judge)
            for early, late in zip(keys, keys[1:], strict=False):
                said = f"{what} cannot {never} from {{}}{unit} at {early.time:g} to {{}}{unit} at "
                said += f"{late.time:g} months."
                judge = partial(_judge_falling, said=said, rises=never == "fall")
                roles = {"early": printed[early], "late": printed[late]}
                yield Case(curve_subject(late), curve_title(facts, late), roles, judge)


def _judge_falling(roles: Roles, said: str, rises: bool) -> Outcome:
    a, b = roles["early"], roles["late"]
    told = said.format(a.text, b.text)
    if rises:
        return outcome(b.interval[1] >= a.interval[0], a.interval[0], math.inf, told)
    return outcome(b.interval[0] <= a.interval[1], 0.0, a.interval[1], told)


@check(
    asks="Are all patients at risk at the beginning of a curve?",
    assumes="A table below the curve that counts the patients whose times are known, and no late "
    "entry.",
    blind="Papers that print no number at risk at month 0.",
    about="reporting",
)
def at_the_beginning(facts: Facts) -> Iterator[Case]:
    """Numbers at risk at month 0 and the patients of the group."""
    for key, printed in curve_keys(facts, "n_at_risk").items():
        size = facts.n(curve_cell(key) or WHOLE)
        if key.time == 0 and size is not None:
            roles = {"size": size, "risk": printed}
            yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_beginning)


def _judge_beginning(roles: Roles) -> Outcome:
    size, risk = roles["size"], roles["risk"]
    low, high = size.interval
    if overlap(risk.interval, (low, math.inf)):
        return outcome(True, low, high, "")
    said = (
        f"{risk.text} are at risk at 0 months, of {size.text} patients: "
        f"{size.value - risk.value:g} have no time, or come under observation later."
    )
    return unclear(said, low, high, notable=True)


@check(
    asks="Is any median or limit longer than the longest follow-up?",
    assumes="An estimate is an observed time. SPSS limits are not observed times and may lie "
    "beyond: said, not blamed.",
    blind="Times within the follow-up.",
    about="reporting",
)
def beyond_follow_up(facts: Facts) -> Iterator[Case]:
    """Medians, their limits and times of rates against the maximum follow-up."""
    longest = facts.one(Key("", "all", "all", "", "", "", "max_follow_up", None))
    if longest is None:
        return
    spss = facts.convention("conf_type") == "spss"
    for key, places in facts.numbers.items():
        if key.statistic != "median_survival" or curve_cell(key) is None or key.field == "conf_low":
            continue
        estimate = key.field == "estimate"

        def judge(roles: Roles, hard: bool = estimate or not spss) -> Outcome:
            return _judge_beyond(roles, hard)

        base = key._replace(field="estimate")
        yield Case(
            ("beyond",) if not estimate else curve_subject(base),
            curve_title(facts, base) if estimate else "Limits beyond the longest follow-up",
            {"time": places[0], "longest": longest},
            judge,
        )


def _judge_beyond(roles: Roles, hard: bool) -> Outcome:
    time, most = roles["time"].months, roles["longest"].months
    if time[0] <= most[1]:
        return outcome(True, 0.0, most[1])
    said = f"{roles['time'].text} lies beyond the longest follow-up of {roles['longest'].text}."
    if hard:
        return outcome(False, 0.0, most[1], said)
    return unclear(f"{said} Nobody was observed that long.", 0.0, most[1], notable=True)


@check(
    asks="Are printed months whole numbers of days, where the paper's others are?",
    assumes="Times are whole days divided by the declared days a month (half days for a median of "
    "an even number of patients); at least nine in ten printed medians obey.",
    blind="Three in ten wrong times at two decimals; everything at one.",
)
def day_grid(facts: Facts) -> Iterator[Case]:
    """Medians and follow-up times on the grid of days."""
    days = facts.convention("days_per_month")
    times_printed = {
        key: p
        for name in TIMES
        for key, p in curve_keys(facts, name).items()
        if p.unit == "months" and p.decimals >= 2
    }
    on = [key for key, p in times_printed.items() if days and _on_grid(key, p, days)]
    if len(on) < _GRID_COUNT or len(on) < _GRID_SHARE * len(times_printed):
        return
    for key, printed in times_printed.items():

        def judge(roles: Roles, key: Key = key) -> Outcome:
            span = times(roles["time"].interval, float(days))
            said = f"{roles['time'].text} months are {span[0]:.1f} to {span[1]:.1f} days."
            return outcome(_on_grid(key, roles["time"], days), *span, said)

        yield Case(curve_subject(key), curve_title(facts, key), {"time": printed}, judge)


def _on_grid(key: Key, printed: Printed, days: float) -> bool:
    parts = 2.0 if key.statistic.endswith("follow_up") else 1.0
    return len(integers(times(printed.interval, days * parts))) > 0


@check(
    asks="Is follow-up in order: shortest, lower quartile, median, upper quartile, longest?",
    assumes="Nothing.",
    blind="Values in order.",
)
def follow_up(facts: Facts) -> Iterator[Case]:
    """Follow-up times of one group, of the patients or of one endpoint."""
    seen: dict[Key, dict[str, Printed]] = {}
    for role in ("median", *_FOLLOWED):
        for key, printed in curve_keys(facts, f"{role}_follow_up").items():
            seen.setdefault(key._replace(statistic="median_follow_up"), {})[role] = printed
    for key, roles in seen.items():
        if len(roles) > 1:
            yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_order)


def _judge_order(roles: Roles) -> Outcome:
    told = [roles[role] for role in _FOLLOWED if role in roles]
    low, high = told[0].months[0], told[-1].months[1]
    for before, after in itertools.pairwise(told):
        if before.months[0] > after.months[1]:
            said = f"Follow-up of {before.text} comes after one of {after.text}."
            return outcome(False, low, high, said)
    return outcome(True, low, high)


@check(
    asks="Does the bracket after a median mean the same everywhere?",
    assumes="The ledger read the unlabelled brackets rightly.",
    blind="Brackets that are all of one kind.",
    about="reporting",
    points=True,
)
def brackets(facts: Facts) -> Iterator[Case]:
    """Follow-up with a range for some patients and confidence limits for others."""
    ranges, limits = {}, {}
    for key, median in curve_keys(facts, "median_follow_up").items():
        name = facts.label(curve_cell(key) or WHOLE)
        if facts.one(key._replace(statistic="max_follow_up")) is not None:
            ranges[name] = median
        if len(curve_limits(facts, key)) == 2:
            limits[name] = median
    if not ranges or not limits:
        return
    said = (
        f"The bracket after the median is a range for {', '.join(ranges)} "
        f"and a confidence interval for {', '.join(limits)}."
    )

    def judge(roles: Roles) -> Outcome:
        return unclear(said, notable=True)

    yield Case(("brackets",), "Median follow-up: meaning of the bracket", ranges | limits, judge)
