"""Checks of restricted means against the curve they lie under, and against their difference."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from crlm.audit.cases import Case, Outcome, Roles, check, outcome
from crlm.audit.curves import curve_cell, curve_keys, curve_subject, curve_title
from crlm.audit.facts import Facts, cell_of
from crlm.audit.intervals import Interval, minus, overlap

#: Share of the horizon by which two clocks (days a month) may move a mean.
_CLOCKS = 0.005


@check(
    asks="Can a restricted mean lie under the curve that the survival rates show?",
    assumes="The area under the same patients' Kaplan-Meier curve up to the month named, which "
    "falls from 100 % through the printed rates; half a per cent of the horizon for clocks.",
    blind="Means between the two steps that the printed rates allow, which are wide when few are "
    "printed; means of a model.",
)
def restricted_mean(facts: Facts) -> Iterator[Case]:
    """Restricted means against their horizon and the rates up to it."""
    rates = curve_keys(facts, "survival_rate")
    for key, mean in curve_keys(facts, "rmst").items():
        if not key.time:
            continue
        own = {
            k.time: p
            for k, p in rates.items()
            if (k.endpoint, curve_cell(k)) == (key.endpoint, curve_cell(key))
            and k.time is not None
            and 0 < k.time <= key.time
        }
        roles = {"mean": mean} | {f"rate {time:g}": own[time] for time in sorted(own)}
        judge = partial(_judge_mean, horizon=key.time)
        yield Case(curve_subject(key), curve_title(facts, key), roles, judge)


def _judge_mean(roles: Roles, horizon: float) -> Outcome:
    room = _CLOCKS * horizon
    low, high = _area(roles, horizon)
    mean = roles["mean"]
    fits = overlap(mean.months, (low - room, high + room))
    texts = [f"{p.text}% at {role[5:]}" for role, p in roles.items() if role.startswith("rate")]
    said = f"A mean within {horizon:g} months cannot be {mean.text} {mean.unit}".rstrip()
    if texts:
        said += f": the rates ({', '.join(texts)} months) leave {low:.1f} to {high:.1f}"
    return outcome(fits, low, high, f"{said}.")


def _area(roles: Roles, horizon: float) -> Interval:
    """The least and the most area up to the horizon under a curve through the rates."""
    known = [(float(r[5:]), p.interval) for r, p in roles.items() if r.startswith("rate")]
    least = most = before = 0.0
    above = 1.0
    for time, rate in known:
        share = [min(max(end / 100, 0.0), 1.0) for end in rate]
        least += (time - before) * share[0]
        most += (time - before) * above
        before, above = time, min(above, share[1])
    return least, most + (horizon - before) * above


@check(
    asks="Is a difference in restricted means that of the two means?",
    assumes="Two groups and no adjustment; either minus the other.",
    blind="A wrong sign; differences within the rounding.",
)
def restricted_difference(facts: Facts) -> Iterator[Case]:
    """Differences in restricted means against the groups' means."""
    means = curve_keys(facts, "rmst")
    index = {(k.endpoint, curve_cell(k), k.time): p for k, p in means.items()}
    for key, (difference, *_) in facts.numbers.items():
        column, whole = key.covariate or key.group, cell_of(key.population)
        levels = facts.levels(column)
        other = key.statistic != "rmst_difference" or key.field != "estimate" or key.model
        if other or whole is None or len(levels) != 2:
            continue
        found = [index.get((key.endpoint, whole | {(column, lev)}, key.time)) for lev in levels]
        if None not in found:
            roles = {"difference": difference, "first": found[0], "second": found[1]}
            subject = ("restricted", key.endpoint, key.population, column, str(key.time))
            title = f"{facts.endpoint(key.endpoint)} restricted means by {facts.named(column)}"
            yield Case(subject, title, roles, _judge_difference)


def _judge_difference(roles: Roles) -> Outcome:
    gap = minus(roles["second"].months, roles["first"].months)
    other, printed = (-gap[1], -gap[0]), roles["difference"].months
    size = (0.0 if gap[0] <= 0 <= gap[1] else min(map(abs, gap)), max(map(abs, gap)))
    said = (
        f"{roles['first'].text} and {roles['second'].text} differ by {size[0]:.2f} to "
        f"{size[1]:.2f}, not by {roles['difference'].text}."
    )
    return outcome(overlap(printed, gap) or overlap(printed, other), *size, said)
