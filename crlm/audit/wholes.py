"""Checks of totals against parts, and of rates against hazard ratios."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.curves import curve_cell, curve_keys, curve_subject, curve_title
from crlm.audit.facts import Facts, Key, Printed, cell_of
from crlm.audit.intervals import Interval, gap, hull, log, overlap, quotient
from crlm.audit.ratios import effect_rows, subject_of, title_of

#: Room found by simulating 1,400 cohorts of 150 and 674 patients: how far a pooled
#: Kaplan-Meier rate strays from its groups and from their weighted mean, in points times
#: patients; how far a median strays (ratio); how far rates stray from a hazard ratio.
_RATE_OUTSIDE = 400.0
_RATE_WEIGHTED = 1000.0
_MEDIAN_OUTSIDE = 1.25
_PH_ROOM = (0.7, 5.0)
_STRATA_ROOM = 1.4


@check(
    asks="Does the rate or median of all lie between those of its groups, and near their mean?",
    assumes="Groups that make up the whole, up to missing values; censoring moves a pooled "
    "Kaplan-Meier curve by less than simulation showed.",
    blind="Errors smaller than that room (about 1.5 points in 674 patients, 7 in 150; a quarter "
    "of a median).",
    soft=True,
)
def whole_and_parts(facts: Facts) -> Iterator[Case]:
    """Totals against their parts."""
    for statistic in ("survival_rate", "median_survival", "median_follow_up"):
        printed = curve_keys(facts, statistic)
        index = {(k.endpoint, k.time, curve_cell(k)): k for k in printed}
        for key in printed:
            for column in sorted({c for cell in (c for *_, c in index) for c, _ in cell}):
                if column not in dict(curve_cell(key)):
                    yield from _parts_case(facts, key, column, index, printed)


def _parts_case(
    facts: Facts, key: Key, column: str, index: Mapping[tuple, Key], printed: Mapping[Key, Printed]
) -> Iterator[Case]:
    levels, cell = facts.levels(column), curve_cell(key)
    cells = [cell | {(column, level)} for level in levels]
    keys = [index.get((key.endpoint, key.time, c)) for c in cells]
    if len(levels) < 2 or None in keys:
        return
    sizes = [facts.n(c) for c in [cell, *cells]]
    roles = {"whole": printed[key]}
    roles |= {f"part {lev}": printed[k] for lev, k in zip(levels, keys, strict=True)}
    if None not in sizes:
        roles |= {"n": sizes[0]}
        roles |= {f"n {lev}": n for lev, n in zip(levels, sizes[1:], strict=True)}

    def judge(roles: Roles) -> Outcome:
        return _judge_parts(roles, levels, key.statistic)

    title = f"{curve_title(facts, key)}, and by {facts.named(column)}"
    yield Case(("parts", *curve_subject(key), column), title, roles, judge)


def _judge_parts(roles: Roles, levels: tuple[str, ...], statistic: str) -> Outcome:
    parts = [roles[f"part {lev}"].interval for lev in levels]
    whole, span = roles["whole"].interval, hull(parts)
    texts = " and ".join(roles[f"part {lev}"].text for lev in levels)
    said = f"{roles['whole'].text} of all does not lie between the {texts} of the parts."
    if statistic != "survival_rate":
        wide = (span[0] / _MEDIAN_OUTSIDE, span[1] * _MEDIAN_OUTSIDE)
        return outcome(overlap(whole, wide), *wide, said)
    if "n" not in roles:
        return outcome(overlap(whole, (span[0] - 3, span[1] + 3)), *span, said)
    n, sizes = roles["n"].count, [roles[f"n {lev}"].count for lev in levels]
    if n <= 0 or sum(sizes) <= 0:
        return unclear("A group is empty.")
    missing = 100 * max(n - sum(sizes), 0) / n
    room = _RATE_OUTSIDE / n + missing
    if gap(whole, span) > room:
        return outcome(False, span[0] - room, span[1] + room, said)
    ends = [
        sum(size * p[i] for size, p in zip(sizes, parts, strict=True)) / sum(sizes) for i in (0, 1)
    ]
    room = _RATE_WEIGHTED / n + missing
    said = f"The {texts} of the parts average {sum(ends) / 2:.1f}; all have {roles['whole'].text}."
    return outcome(gap(whole, (ends[0], ends[1])) <= room, ends[0] - room, ends[1] + room, said)


@check(
    asks="Do survival rates differ as the hazard ratio says?",
    assumes="Proportional hazards, roughly: the ratio of log rates may differ from the hazard "
    "ratio by a factor of two and by five standard errors.",
    blind="Anything but gross contradictions, such as exchanged groups.",
    soft=True,
)
def rates_and_ratio(facts: Facts) -> Iterator[Case]:
    """ln S1 / ln S0 beside the univariable hazard ratio."""
    rates = curve_keys(facts, "survival_rate")
    index = {(k.endpoint, k.time, curve_cell(k)): k for k in rates}
    times_of = defaultdict(set)
    for endpoint, time, _ in index:
        times_of[endpoint].add(time)
    for key, roles in effect_rows(facts).items():
        levels, cell = facts.levels(key.covariate), cell_of(key.population)
        if (
            key.model != "univariable"
            or len(levels) != 2
            or "estimate" not in roles
            or cell is None
        ):
            continue
        cells = [cell | {(key.covariate, level)} for level in levels]
        sizes = [facts.n(c) for c in cells]
        for time in sorted(times_of[key.endpoint], key=str):
            keys = [index.get((key.endpoint, time, c)) for c in cells]
            missing = None in keys or None in sizes or "estimate" not in roles
            if missing or key.level != levels[1]:
                continue
            mine = {
                "estimate": roles["estimate"],
                "reference": rates[keys[0]],
                "level": rates[keys[1]],
                "n reference": sizes[0],
                "n level": sizes[1],
            }
            title = f"{title_of(facts, key)} and the rates at {time:g} months"
            yield Case(("ph", *subject_of(key), str(time)), title, mine, _judge_ph)


def _judge_ph(roles: Roles) -> Outcome:
    hazards = {r: _cumulative(roles[r].interval) for r in ("reference", "level")}
    estimate = log(roles["estimate"].interval)
    if estimate is None or None in hazards.values():
        return unclear("A rate of 0 or 100 %.")
    span = log(quotient(hazards["level"], hazards["reference"]))
    variance = sum(_loglog_variance(roles[r], roles[f"n {r}"]) for r in ("reference", "level"))
    off = gap(span, estimate)
    low, high = math.exp(span[0]), math.exp(span[1])
    said = (
        f"{roles['level'].text}% against {roles['reference'].text}% mean a hazard ratio of "
        f"about {low:.2f} to {high:.2f}, not {roles['estimate'].text}."
    )
    fits = off <= _PH_ROOM[0] or off <= _PH_ROOM[1] * math.sqrt(variance)
    return outcome(fits, low, high, said)


def _cumulative(rate: Interval) -> Interval | None:
    if rate[0] >= 100 or rate[1] <= 0:
        return None
    low, high = max(rate[0], 0.1) / 100, min(rate[1], 99.9) / 100
    return -math.log(high), -math.log(low)


def _loglog_variance(rate: Printed, n: Printed) -> float:
    s = min(max(rate.value / 100, 0.01), 0.99)
    return (1 - s) / (max(n.count, 1) * s * math.log(s) ** 2)


@check(
    asks="Does the hazard ratio of all lie near those of its strata?",
    assumes="Strata that make up the whole; confounding by the stratum is moderate.",
    blind="Differences below a factor of 1.4.",
    soft=True,
)
def strata(facts: Facts) -> Iterator[Case]:
    """Hazard ratios within the levels of another column."""
    rows = effect_rows(facts)
    for key, roles in rows.items():
        if key.population != "all" or key.model != "univariable" or "estimate" not in roles:
            continue
        columns = {c for k in rows for c, _ in (cell_of(k.population) or ())}
        for column in sorted(columns):
            keys = [key._replace(population=f"{column}={lev}") for lev in facts.levels(column)]
            if len(keys) < 2 or not all("estimate" in rows.get(k, {}) for k in keys):
                continue
            mine = {f"part {k.population}": rows[k]["estimate"] for k in keys}
            title = f"{title_of(facts, key)}, and by {facts.named(column)}"
            yield Case(
                ("strata", *subject_of(key), column),
                title,
                {"whole": roles["estimate"], **mine},
                _judge_strata,
            )


def _judge_strata(roles: Roles) -> Outcome:
    parts = [p.interval for role, p in roles.items() if role != "whole"]
    span = hull(parts)
    wide = (span[0] / _STRATA_ROOM, span[1] * _STRATA_ROOM)
    texts = " and ".join(p.text for role, p in roles.items() if role != "whole")
    said = f"{roles['whole'].text} in all is far from the {texts} in the parts."
    return outcome(overlap(roles["whole"].interval, wide), *wide, said)
