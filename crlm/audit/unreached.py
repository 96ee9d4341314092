"""Checks of a median that print says is not reached, against rates and medians of the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from crlm.audit.cases import Case, Outcome, Roles, check, outcome
from crlm.audit.curves import curve_cell, curve_keys, curve_subject, curve_title
from crlm.audit.facts import Facts, Key, key_of


@check(
    asks="Is a median that is not reached reached by a rate, or printed elsewhere?",
    assumes="Kaplan-Meier: the median is reached where the rate is one half or less.",
    blind="Rates above a half; a curve that falls below it behind the last printed rate.",
)
def not_reached(facts: Facts) -> Iterator[Case]:
    """Medians that are not reached against survival rates, and against a number for them."""
    rates, medians = curve_keys(facts, "survival_rate"), curve_keys(facts, "median_survival")
    for claim in facts.unreached:
        key = key_of(claim, facts.design)
        if claim["field"] != "estimate" or curve_cell(key) is None:
            continue
        judge = partial(_judge, claim=claim)
        for other, printed in {**rates, **medians}.items():
            if _of(other) == _of(key):
                role = "median" if other.statistic == key.statistic else f"{other.time:g} months"
                roles = {role: printed}
                yield Case(
                    curve_subject(key), curve_title(facts, key), roles, judge, (claim["id"],)
                )


def _of(key: Key) -> tuple[Any, ...]:
    """The curve of a number."""
    return key.endpoint, curve_cell(key)


def _judge(roles: Roles, claim: Mapping[str, Any]) -> Outcome:
    (role, printed), word = next(iter(roles.items())), claim["printed"].strip()
    half = f"the median is said to be {word!r} ({claim['locator']})"
    if role == "median":
        return outcome(False, detail=f"A median of {printed.text} is printed, and {half}.")
    said = f"{printed.text}% are event-free at {role}, and {half}."
    return outcome(printed.interval[1] > 50, 50.0, 100.0, said)
