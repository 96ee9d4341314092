"""Checks of a mean and a standard deviation against median, quartiles and ends beside them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import Facts, text_of
from crlm.audit.intervals import Interval
from crlm.audit.summaries import moments
from crlm.audit.values import spreads

#: Fewer patients are not tried: a quartile of few says little, and some may have no value.
_FEWEST = 20
_PAIRS = (("q1", "q3"), ("min", "max"))
_CALLED = {"q1": "quartiles", "min": "lowest and highest"}
_NAMED = {
    "min": "lowest",
    "q1": "lower quartile",
    "median": "median",
    "q3": "upper quartile",
    "max": "highest",
}


@check(
    asks="Can values with these quartiles and ends have this mean and standard deviation?",
    assumes="All are of the same patients, of whom at least half have a value. A quarter of the "
    "values, less what rounding takes, is at most the lower quartile, and one at least the upper; "
    "half are on either side of the median; none is beyond the ends.",
    blind="Any form between: a spread that is possible need not be likely.",
    digits=False,
)
def mean_among(facts: Facts) -> Iterator[Case]:
    """Means with their standard deviations, and what else is printed of the same values."""
    for (cell, column), roles in moments(facts).items():
        others, n = spreads(facts).get((cell, column), {}), facts.n(cell)
        if n is None or n.count < _FEWEST or set(roles) != {"mean", "sd"} or not others:
            continue
        title = f"{facts.named(column)}, {facts.label(cell)}"
        subject = ("values", text_of(cell), column)
        yield Case(subject, title, {**roles, **others, "n": n}, _judge)


def _judge(roles: Roles) -> Outcome:
    mean, sd, n = roles["mean"].interval, roles["sd"].interval, roles["n"].count
    if n < _FEWEST:
        return unclear("Too few patients.")
    ends = [roles[name].interval if name in roles else (-math.inf, math.inf) for name in _PAIRS[1]]
    if mean[1] < ends[0][0] or mean[0] > ends[1][1]:
        told = " to ".join(roles[name].text for name in _PAIRS[1] if name in roles)
        return outcome(False, *mean, f"The mean {roles['mean'].text} is beyond the ends, {told}.")
    span = _least(roles, n), _most(roles, n)
    fits = span[0] <= sd[1] and sd[0] <= span[1]
    return outcome(fits, *span, "" if fits else _said(roles, n, span))


def _away(roles: Roles, name: str) -> float:
    """How far outside of the mean a value lies at least; 0 where it may be on its other side."""
    mean, value = roles["mean"].interval, roles[name].interval
    return max(0.0, mean[0] - value[1] if name in ("q1", "min") else value[0] - mean[1])


def _least(roles: Roles, n: int) -> float:
    """The least standard deviation that values, so far from their mean, can have."""
    quarter = 0.25 - 0.75 / max(_FEWEST, n / 2)
    found = [0.0]
    for pair, share in zip(_PAIRS, (quarter, 1 / n), strict=True):
        far = [_away(roles, name) for name in pair if name in roles]
        found.append(share * sum(one**2 for one in far))
        # What lies beyond on one side is made up for on the other (Cantelli).
        found += [share / (1 - share) * one**2 for one in far]
    if "median" in roles:
        mean, middle = roles["mean"].interval, roles["median"].interval
        found.append(max(0.0, mean[0] - middle[1], middle[0] - mean[1]) ** 2)
    return math.sqrt(max(found))


def _most(roles: Roles, n: int) -> float:
    """The greatest standard deviation that values between two ends can have."""
    if not {"min", "max"} <= set(roles):
        return math.inf
    mean = roles["mean"].interval
    low, high = roles["min"].interval[0], roles["max"].interval[1]
    middle = min(max((low + high) / 2, mean[0]), mean[1])
    half = max(2, n // 2)
    return math.sqrt(max(0.0, (middle - low) * (high - middle)) * half / (half - 1))


def _said(roles: Roles, n: int, span: Interval) -> str:
    below = roles["sd"].interval[1] < span[0]
    told = ", ".join(f"{word} {roles[one].text}" for one, word in _NAMED.items() if one in roles)
    bound = f"at least {span[0]:.3g}" if below else f"at most {span[1]:.3g}"
    said = f"Values with mean {roles['mean'].text}, {told} have a standard deviation of {bound}, "
    said += f"not {roles['sd'].text}."
    pair, other = (("q1", "q3"), ("min", "max"))[:: 1 if below else -1]
    if not set(pair) <= set(roles) or set(other) & set(roles):
        return said
    swapped = {name: roles[name] for name in ("mean", "sd")}
    swapped |= {new: roles[old] for old, new in zip(pair, other, strict=True)}
    sd = roles["sd"].interval
    fits = _least(swapped, n) <= sd[1] and sd[0] <= _most(swapped, n)
    texts = " and ".join(roles[name].text for name in pair)
    return f"{said} As {_CALLED[other[0]]} {texts} would fit." if fits else said
