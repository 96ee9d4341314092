"""Checks of printed E-values against the ratio and the limits that they are of."""

from __future__ import annotations

from collections.abc import Iterator

from crlm.audit.cases import Case, Outcome, Roles, check, outcome
from crlm.audit.facts import RATIOS, Facts, Key
from crlm.audit.intervals import Interval, hull, overlap
from crlm.audit.ratios import effect_rows, shown, subject_of, title_of
from crlm.unmeasured import e_value, e_value_of_limits, risk_ratio

#: Room for a ratio that was rounded before its E-value was worked out.
_ROOM = 0.01
_OF_LIMIT = "e_value_limit"


@check(
    asks="Is an E-value that of the ratio beside it, and its limit's that of the limit nearer 1?",
    assumes="VanderWeele and Ding's E-value, of the ratio as a risk ratio (rare event) or of what "
    "approximates one (common event).",
    blind="Whether the event is rare or common; E-values of differences.",
)
def e_values(facts: Facts) -> Iterator[Case]:
    """E-values beside ratios with limits, and the limit's beside the estimate's."""
    rows = effect_rows(facts)
    for key, (value, *_) in facts.numbers.items():
        if key.statistic not in ("e_value", _OF_LIMIT) or key.field != "estimate":
            continue
        found = next((k for k in _ratios(key) if "estimate" in rows.get(k, {})), None)
        limit = key.statistic == _OF_LIMIT
        if found is None or (limit and not {"low", "high"} <= set(rows[found])):
            continue
        parts = ("low", "high") if limit else ("estimate",)
        roles = {"value": value} | {part: rows[found][part] for part in parts}
        of_all = facts.one(key._replace(statistic="e_value")) if limit else None
        roles |= {"of the estimate": of_all} if of_all is not None else {}
        yield Case(subject_of(found), f"{title_of(facts, found)}: E-value", roles, _judge)


def _ratios(key: Key) -> list[Key]:
    return [key._replace(statistic=statistic) for statistic in RATIOS]


def _judge(roles: Roles) -> Outcome:
    value, own = roles["value"], roles.get("of the estimate")
    if own is not None and value.interval[0] > own.interval[1]:
        said = f"The limit's E-value {value.text} is above the {own.text} of the estimate."
        return outcome(False, 1.0, own.interval[1], said)
    spans = [_span(roles, common) for common in (False, True)]
    texts = " or ".join(dict.fromkeys(f"{low:.2f} to {high:.2f}" for low, high in spans))
    what = "the limit of " if "low" in roles else ""
    said = f"The E-value of {what}{shown(roles)} is {texts}, not {value.text}."
    wide = (value.interval[0] - _ROOM, value.interval[1] + _ROOM)
    return outcome(any(overlap(wide, span) for span in spans), *hull(spans), said)


def _span(roles: Roles, common: bool) -> Interval:
    """E-values of what the digits may stand for, of an event that is rare or common."""

    def risks(role: str) -> list[float]:
        statistic = roles[role].key.statistic
        ends = (max(end, 1e-9) for end in roles[role].interval)
        return [risk_ratio(end, statistic, common) for end in ends]

    if "estimate" in roles:
        ends = risks("estimate")
        found = [e_value(end) for end in ends]
        return (1.0 if ends[0] <= 1 <= ends[1] else min(found), max(found))
    found = [e_value_of_limits(low, high) for low in risks("low") for high in risks("high")]
    return min(found), max(found)
