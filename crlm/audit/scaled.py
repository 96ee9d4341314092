"""A ratio per 10 years against the one per year of the same model: the one is the other's power."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import Facts, Key
from crlm.audit.intervals import Interval, log, mapped, overlap, quotient, times
from crlm.audit.ratios import effect_rows, subject_of, title_of


@check(
    asks="Are two ratios of one number, per unit and per step, powers of each other?",
    assumes="Both are of the same model and the same patients: each of two steps of one number "
    "alone, or two printings of one model.",
    blind="Ratios of other models, which are never compared; errors within the rounding.",
)
def two_steps(facts: Facts) -> Iterator[Case]:
    """Estimates, limits and p values of one number that a model prints in two steps."""
    if not facts.design.scaled:
        return
    rows = effect_rows(facts)
    for key, other in combinations(rows, 2):
        power = _power(facts, key, other)
        if power is None:
            continue
        for role in ("estimate", "low", "high", "p"):
            if role in rows[key] and role in rows[other]:
                roles = {"one": rows[key][role], "other": rows[other][role]}

                def judge(
                    roles: Roles, of: Interval = (1.0, 1.0) if role == "p" else power
                ) -> Outcome:
                    return _judge_power(roles, of)

                yield Case(subject_of(other), title_of(facts, other), roles, judge)


def _power(facts: Facts, key: Key, other: Key) -> Interval | None:
    """To which powers the first ratio may be the second; None where they are two quantities."""
    design = facts.design
    same = ("endpoint", "population", "group", "level", "model", "statistic", "time", "reference")
    if any(getattr(key, name) != getattr(other, name) for name in same):
        return None
    if key.covariate == other.covariate:
        return None
    if design.source(key.covariate) != design.source(other.covariate):
        return None
    steps = [_step(facts, name) for name in (key.covariate, other.covariate)]
    if None in steps or steps[0][0] != steps[1][0]:
        return None
    return quotient(steps[1][1], steps[0][1])


def _step(facts: Facts, name: str) -> tuple[str, Interval] | None:
    """What a ratio of a number is for: so many units, or the logarithm of so many times.

    A step of one SD is as long as the printed SD of all patients may be.
    """
    spec = facts.design.scaled.get(name, {})
    if "fold" in spec:
        return "fold", (math.log(spec["fold"]),) * 2
    if spec.get("per_sd"):
        spread = facts.one(Key("", "all", "all", spec["source"], "", "", "sd", None))
        return ("per", spread.interval) if spread is not None else None
    return None if facts.design.levels(name) else ("per", (float(spec.get("per", 1.0)),) * 2)


def _judge_power(roles: Roles, powers: Interval) -> Outcome:
    logs = log(roles["one"].interval), log(roles["other"].interval)
    if None in logs:
        return unclear("A number is not above zero at the printed digits.")
    ends = [times(logs[0], power) for power in powers]
    power = powers[0] if powers[0] == powers[1] else sum(powers) / 2
    low, high = mapped(math.exp, (min(e[0] for e in ends), max(e[1] for e in ends)))
    digits = roles["other"].decimals + 1
    to = f" to the power of {power:g}" if power != 1 else ""
    said = (
        f"{roles['one'].text}{to} is {low:.{digits}f} to {high:.{digits}f}, "
        f"not {roles['other'].text}."
    )
    return outcome(overlap((low, high), roles["other"].interval), low, high, said)
