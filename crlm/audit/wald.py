"""Checks of a ratio against the standard error, the z and the coefficient printed beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import Facts, Printed, of_another_test
from crlm.audit.intervals import Interval, hull, log, overlap, product, quotient, two_sided
from crlm.audit.ratios import (
    beside,
    penalised,
    region,
    shown,
    standard_error,
    subject_of,
    title_of,
    wald_rows,
)


def _cases(facts: Facts, statistic: str, judge: Callable[[Roles], Outcome]) -> Iterator[Case]:
    for key, row in wald_rows(facts).items():
        found = beside(facts, key, statistic)
        others = {name: beside(facts, key, name) for name in ("se",) if name != statistic}
        if found and (key.endpoint, key.population, key.model) not in penalised(facts):
            roles = row | {statistic: found[0]} | {n: p[0] for n, p in others.items() if p}
            yield Case(subject_of(key), title_of(facts, key), roles, judge)


@check(
    asks="Are the limits of a ratio those of its printed standard error?",
    assumes="The error is that of the logarithm, or of the ratio itself (error of the logarithm "
    "times the ratio); limits are Wald's.",
    blind="An error that would be right on the other scale; rows without limits.",
)
def printed_error(facts: Facts) -> Iterator[Case]:
    """Standard errors beside ratios with limits."""
    for case in _cases(facts, "se", _judge_error):
        if {"estimate", "low", "high"} <= set(case.roles):
            yield case


def _judge_error(roles: Roles) -> Outcome:
    implied = standard_error({r: p for r, p in roles.items() if r in ("estimate", "low", "high")})
    if implied is None:
        return unclear("Estimate and limits contradict each other.")
    scaled = product(implied, roles["estimate"].interval)
    printed = roles["se"].interval
    said = (
        f"{shown(roles)} has a standard error of {_span(implied)} (of the ratio itself "
        f"{_span(scaled)}), not {roles['se'].text}."
    )
    return outcome(overlap(implied, printed) or overlap(scaled, printed), *implied, said)


@check(
    asks="Is the printed z the logarithm of the ratio over its standard error, and gives it p?",
    assumes="Wald's test; the error is the printed one or follows from the limits.",
    blind="Errors within the rounding; a p value of another test than Wald's where the design "
    "names one.",
)
def printed_z(facts: Facts) -> Iterator[Case]:
    """z beside a ratio, its error and its p value."""
    other = facts.convention("univariable_p", "wald") != "wald"
    for case in _cases(facts, "z", _judge_z):
        key = case.roles["z"].key
        alone = other and key.model == "univariable"
        drop = {"p"} if alone or of_another_test(facts, key) else set()
        roles = {role: p for role, p in case.roles.items() if role not in drop}
        yield Case(case.subject, case.title, roles, case.judge)


def _judge_z(roles: Roles) -> Outcome:
    z = roles["z"].interval
    for span in _spans_of_z(roles):
        low, high = span
        if not overlap(span, z):
            said = f"The z of {shown(roles)} is {_span(span)}, not {roles['z'].text}."
            return outcome(False, low, high, said)
    if "p" in roles:
        sides = sorted(abs(end) for end in z)
        least = 0.0 if z[0] <= 0 <= z[1] else sides[0]
        p = (two_sided(sides[1]), two_sided(least))
        if not overlap(p, roles["p"].interval):
            printed = f"{roles['p'].operator} {roles['p'].text.lstrip('<>= ')}"
            said = f"z = {roles['z'].text} gives p = {_span(p)}, not p {printed}."
            return outcome(False, *p, said)
    return outcome(True, *z)


def _spans_of_z(roles: Roles) -> Iterator[Interval]:
    """The z that the limits give, and the one that the printed error gives."""
    if {"estimate", "low", "high"} <= set(roles):
        corners = region({r: p for r, p in roles.items() if r in ("estimate", "low", "high")})
        if corners:
            yield hull((b / s, b / s) for b, s in corners)
    effect = log(roles["estimate"].interval) if "estimate" in roles else None
    error = roles["se"].interval if "se" in roles else (0.0, 0.0)
    if effect is not None and error[0] > 0:
        yield hull([_over(effect, error), _over(effect, _relative(error, roles["estimate"]))])


def _over(effect: Interval, error: Interval) -> Interval:
    ends = [b / s for b in effect for s in error]
    return min(ends), max(ends)


def _relative(error: Interval, ratio: Printed) -> Interval:
    """The error of the logarithm, if the printed one is that of the ratio itself."""
    low, high = quotient(error, ratio.interval)
    return max(low, 1e-9), high if math.isfinite(high) else low


@check(
    asks="Is the printed coefficient the logarithm of the ratio?",
    assumes="Natural logarithms.",
    blind="Errors within the rounding of both.",
)
def printed_coefficient(facts: Facts) -> Iterator[Case]:
    """Coefficients beside ratios."""
    for case in _cases(facts, "coefficient", _judge_coefficient):
        if "estimate" in case.roles:
            roles = {role: case.roles[role] for role in ("estimate", "coefficient")}
            yield Case(case.subject, case.title, roles, case.judge)


def _judge_coefficient(roles: Roles) -> Outcome:
    span = log(roles["estimate"].interval)
    if span is None:
        return unclear("The ratio is not above zero at the printed digits.")
    said = (
        f"The logarithm of {roles['estimate'].text} is {_span(span)}, "
        f"not {roles['coefficient'].text}."
    )
    return outcome(overlap(span, roles["coefficient"].interval), *span, said)


def _span(span: Interval) -> str:
    low, high = (f"{x:.3g}" for x in span)
    return low if low == high else f"{low} to {high}"
