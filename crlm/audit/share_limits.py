"""Limits of percentages against the patients behind them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from crlm.audit.cases import CONSISTENT, Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.counts import possible_sizes
from crlm.audit.facts import Facts, Key, cell_of, text_of
from crlm.audit.intervals import Interval, holds, integers
from crlm.ledger import Design
from crlm.ledger.vocabulary import PERCENT_LIMITS
from crlm.proportions import percent_limits

#: Pairs of patients and size beyond which the limits are not tried one by one.
_MOST = 2000
_LOGIT = "logit"
_Z = 1.959963984540054


@check(
    asks="Are the limits of a percentage those of its patients, by any method in use?",
    assumes="Binomial limits of 95 %: Clopper and Pearson's, Wilson's with and without correction, "
    "Wald's, Agresti and Coull's, Jeffreys's or logit. Up to a tenth of the group may be of "
    "unknown value. Adjusted, weighted or bootstrapped limits are others.",
    blind="Limits that another method or another number of patients gives.",
    soft=True,
)
def limits_of_a_percentage(facts: Facts) -> Iterator[Case]:
    """Percentages of a level with confidence limits, in a group of known size."""
    for key, (low, *_) in facts.numbers.items():
        if key.statistic != "percent" or key.field != "conf_low" or not key.level:
            continue
        base, whole = cell_of(key.group), cell_of(key.population)
        share = facts.one(key._replace(field="estimate"))
        high = facts.one(key._replace(field="conf_high"))
        if base is None or whole is None or share is None or high is None:
            continue
        n = facts.n(whole | base)
        if n is None or not n.count:
            continue
        roles = {"percent": share, "low": low, "high": high, "n": n}
        count = facts.n(whole | base | {(key.covariate, key.level)})
        roles |= {"count": count} if count is not None else {}
        usual = facts.design.percent_limits

        def judge(roles: Roles, usual: str = usual) -> Outcome:
            return _judge(roles, usual)

        yield Case(*_named(facts, key), roles, judge)


def limits_otherwise(checks: pd.DataFrame, design: Design) -> dict[str, str]:
    """Limits of percentages that fit another method than the design's, and which, by claim.

    Parameters
    ----------
    checks : pandas.DataFrame
        Of an audit.
    """
    usual, found = design.percent_limits, {}
    own = checks[(checks["kind"] == "limits_of_a_percentage") & (checks["verdict"] == CONSISTENT)]
    for claims, detail in zip(own["claims"], own["detail"], strict=True):
        method = str(detail).partition(" ")[0]
        if method != usual:
            found |= {name: method for name in claims[1:3]}
    return found


def _named(facts: Facts, key: Key) -> tuple[tuple[str, ...], str]:
    base, whole = cell_of(key.group) or frozenset(), cell_of(key.population) or frozenset()
    level = facts.design.label(key.covariate, key.level)
    title = f"{facts.named(key.covariate)}, {level}, in {facts.label(whole | base)}: limits"
    return ("limits", text_of(whole | base), key.covariate, key.level), title


def _judge(roles: Roles, usual: str = PERCENT_LIMITS[0]) -> Outcome:
    share, low, high = (roles[role] for role in ("percent", "low", "high"))
    told = f"{share.text}% ({low.text}-{high.text})"
    if not low.value <= share.value <= high.value:
        return unclear(f"{told}: the limits do not hold the percentage.", notable=True)
    pairs = list(_pairs(roles))
    if not pairs:
        return unclear("The percentage is not that of its patients.")
    if len(pairs) > _MOST:
        return unclear("The percentage leaves too many numbers of patients possible.")
    for count, size in pairs:
        for method in dict.fromkeys((usual, *PERCENT_LIMITS, _LOGIT)):
            ends = _logit(count, size) if method == _LOGIT else percent_limits(count, size, method)
            parts: tuple[Interval, Interval] = (low.interval, high.interval)
            if all(holds(part, end) for part, end in zip(parts, ends, strict=True)):
                detail = f"{method} limits of {count} of {size} patients"
                return outcome(True, *ends, detail)
    count, size = pairs[0]
    ends = percent_limits(count, size, "exact")
    said = f"{count} of {size} patients have exact limits of {ends[0]:.1f} to {ends[1]:.1f}%, and "
    return outcome(False, *ends, f"{said}by no method in use {told}.")


def _pairs(roles: Roles) -> Iterator[tuple[int, int]]:
    """Patients of the level, and of known value, that give the printed percentage."""
    count = roles.get("count")
    for size in possible_sizes(roles["n"].count, [(roles["percent"], count)], full=False):
        within = [end * size / 100 for end in roles["percent"].interval]
        for one in integers((within[0], within[1])):
            if 0 <= one <= size and (count is None or one == count.count):
                yield one, size


def _logit(count: int, size: int) -> Interval:
    if not 0 < count < size:
        return math.nan, math.nan
    odds, error = math.log(count / (size - count)), math.sqrt(1 / count + 1 / (size - count))
    low, high = (100 / (1 + math.exp(-odds + way * _Z * error)) for way in (1, -1))
    return low, high
