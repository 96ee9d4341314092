"""Checks of a difference of curves against its two curves, its limits and its p."""

from __future__ import annotations

from collections.abc import Iterator

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.curves import curve_cell, curve_keys
from crlm.audit.facts import Facts, Key, cell_of
from crlm.audit.intervals import Interval, deviate, minus, overlap, two_sided

_KINDS = ("difference", "rmst_difference")
#: Differences in per cent, and the numbers of the groups that they are between.
_BETWEEN = {
    "difference": "survival_rate",
    "cumulative_incidence_difference": "cumulative_incidence",
}
#: The quantile behind limits of 95 %.
_Z = deviate(0.05)


def _limited(facts: Facts) -> Iterator[tuple[Key, Roles]]:
    """Differences at a time of an endpoint, with both limits."""
    for key, (estimate, *_) in facts.numbers.items():
        timed = key.statistic in _KINDS and key.endpoint and key.time
        if not timed or key.field != "estimate" or key.model:
            continue
        ends = {end: facts.one(key._replace(field=end)) for end in ("conf_low", "conf_high")}
        if None not in ends.values():
            yield key, {"estimate": estimate, **ends}


def _title(facts: Facts, key: Key) -> str:
    what = "restricted means" if key.statistic == "rmst_difference" else "rates"
    column = facts.named(key.covariate or key.group)
    return f"{facts.endpoint(key.endpoint)} difference of {what} at {key.time:g} months by {column}"


@check(
    asks="Does a difference of rates or of restricted means lie in the middle of its limits?",
    assumes="Normal limits. Those of rates may be others (log-log), and are remarked only.",
    blind="Limits that are wrong by the same amount on both sides.",
)
def difference_limits(facts: Facts) -> Iterator[Case]:
    """Differences against the middle of their limits."""
    for key, roles in _limited(facts):
        judge = _judge_middle if key.statistic == "rmst_difference" else _remark_middle
        yield Case(("difference", *map(str, key)), _title(facts, key), roles, judge)


def _judge_middle(roles: Roles) -> Outcome:
    low, high = (roles[end].interval for end in ("conf_low", "conf_high"))
    middle = ((low[0] + high[0]) / 2, (low[1] + high[1]) / 2)
    said = (
        f"The middle of {roles['conf_low'].text} and {roles['conf_high'].text} is "
        f"{middle[0]:.3g} to {middle[1]:.3g}, not {roles['estimate'].text}."
    )
    return outcome(overlap(middle, roles["estimate"].interval), *middle, said)


def _remark_middle(roles: Roles) -> Outcome:
    found = _judge_middle(roles)
    if found.verdict == "consistent":
        return found
    return unclear(found.detail, found.low, found.high, notable=True)


@check(
    asks="Is p of a difference of restricted means that of its limits?",
    assumes="Normal limits of 95 % and the normal test.",
    blind="Limits and p that are wrong together; differences within the rounding.",
)
def difference_p(facts: Facts) -> Iterator[Case]:
    """Differences of restricted means against the p beside them."""
    for key, roles in _limited(facts):
        p = facts.one(key._replace(statistic="p"))
        if p is not None and key.statistic == "rmst_difference":
            subject = ("difference p", *map(str, key))
            yield Case(subject, _title(facts, key), {**roles, "p": p}, _judge_p)


def _judge_p(roles: Roles) -> Outcome:
    width = minus(roles["conf_high"].interval, roles["conf_low"].interval)
    size = [abs(end) for end in roles["estimate"].interval]
    spans = roles["estimate"].interval[0] <= 0 <= roles["estimate"].interval[1]
    least = 0.0 if spans else min(size)
    if width[0] <= 0:
        return unclear("The limits are one number at the printed digits.")
    z: Interval = (2 * _Z * least / width[1], 2 * _Z * max(size) / width[0])
    found = (two_sided(z[1]), two_sided(z[0]))
    said = f"Limits and difference give p {found[0]:.2g} to {found[1]:.2g}, not {roles['p'].text}."
    return outcome(overlap(found, roles["p"].interval), *found, said)


@check(
    asks="Is a difference of two rates that of the rates?",
    assumes="Two groups and no adjustment; either minus the other.",
    blind="A wrong sign; differences within the rounding.",
)
def between_rates(facts: Facts) -> Iterator[Case]:
    """Differences of survival, or of cumulative incidences, against those of the groups."""
    for statistic, of in _BETWEEN.items():
        rates = {
            (key.endpoint, curve_cell(key), key.time): printed
            for key, printed in curve_keys(facts, of).items()
        }
        for key, (difference, *_) in facts.numbers.items():
            column, whole = key.covariate or key.group, cell_of(key.population)
            levels = facts.levels(column)
            timed = key.statistic == statistic and key.endpoint and key.time
            other = not timed or key.field != "estimate" or key.model
            if other or whole is None or len(levels) != 2:
                continue
            found = [rates.get((key.endpoint, whole | {(column, one)}, key.time)) for one in levels]
            if None not in found:
                roles = {"difference": difference, "first": found[0], "second": found[1]}
                subject = ("difference", *map(str, key))
                yield Case(subject, _title(facts, key), roles, _judge_between)


def _judge_between(roles: Roles) -> Outcome:
    gap = minus(roles["second"].interval, roles["first"].interval)
    size = (0.0 if gap[0] <= 0 <= gap[1] else min(map(abs, gap)), max(map(abs, gap)))
    printed = roles["difference"].interval
    said = (
        f"{roles['first'].text} and {roles['second'].text} differ by {size[0]:.3g} to "
        f"{size[1]:.3g}, not by {roles['difference'].text}."
    )
    return outcome(overlap(printed, gap) or overlap(printed, (-gap[1], -gap[0])), *size, said)
