"""Headers over incidence rates, what is behind them, their comparison, and follow-up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from crlm.ledger.vocabulary import PERSON_TIME, RATE_UNITS

Fields = Mapping[int, tuple[str, ...]]

#: What a column of this kind may hold; its limits may stand in a column beside it.
RATED = ("incidence_rate", "patient_years", "rate_ratio", "rate_difference", "median_follow_up")
#: Two rates against each other.
COMPARED = ("rate_ratio", "rate_difference")
#: A rate, or a difference of rates, that says no patient-years; a ratio that is adjusted.
NO_UNIT, ADJUSTED = "rate without a unit", "adjusted rate ratio"
#: A count beside patient-years that does not say of what it is.
NO_EVENTS = "count of rates"
_LIMITS = ("conf_low", "conf_high")
_WHO = r"(?:patients?|persons?|pts?|subjects?|participants?|women|men)"
_SPAN = (
    rf"(?:{_WHO}[-‐‑–\s.]*(?P<{{}}>years?|yrs?|y|months?|mos?)\b(?:\s+at\s+risk)?"
    r"|\bp-?y(?:r|ar)?s?\b)"
)
_TIME = re.compile(_SPAN.format("time"), re.IGNORECASE)
_MANY = r"\d[\d,.\s]*"
#: "per 100 patient-years", "/1,000 PY", "rate/PY"; of "events/PY" the slash parts two numbers.
_PER = re.compile(
    rf"(?:\bper\b\s*(?P<many>{_MANY})?|/\s*(?P<over>{_MANY})|(?<=rate)\s*/)\s*"
    rf"{_SPAN.format('span')}",
    re.IGNORECASE,
)
_PER_CENT = re.compile(
    rf"%\s*(?:per|/|a)\s*(?:{_WHO}[-\s]*)?(?:years?|yr)\b|\bper cent per year\b", re.IGNORECASE
)
_RATIO = re.compile(r"\b(?:incidence[- ])?(?:rate|density)[- ]ratios?\b|\ba?irrs?\b", re.IGNORECASE)
_APART = re.compile(
    r"\b(?:incidence[- ])?rate difference|\bdifference (?:in|of|between) (?:\w+ )?rates?\b"
    r"|\birds?\b",
    re.IGNORECASE,
)
_ADJUSTED = re.compile(r"\badj|\bairr\b|\bmultivaria", re.IGNORECASE)
_BARE = re.compile(r"\bincidence (?:rate|density)\b|\bevent rate\b", re.IGNORECASE)
_FOLLOWED = re.compile(r"\bfollow[- ]?up\b", re.IGNORECASE)
_CI = re.compile(r"\bci\b|confidence|limits?\b", re.IGNORECASE)
_QUARTILES = re.compile(r"\biqr\b|quartiles?\b", re.IGNORECASE)
_RANGE = re.compile(r"\brange\b|\bmin\b.*\bmax\b", re.IGNORECASE)
_EVENTS = re.compile(
    r"\b(?:events?|deaths?|died|recurrences?|failures?)\b(?! rates?\b)", re.IGNORECASE
)
_COUNT = re.compile(r"\b(?:cases?|no|n|number)\b", re.IGNORECASE)


def unit_of(text: str) -> str:
    """The unit of a rate that a header or a title says; "" for none, "?" for one without a form.

    Examples
    --------
    >>> unit_of("Rate per 100 PY (95% CI)"), unit_of("IR/1,000 person-years"), unit_of("Events")
    ('per 100 patient-years', 'per 1000 patient-years', '')
    """
    if _PER_CENT.search(text):
        return "per 100 patient-years"
    found = _PER.search(text)
    if not found:
        return ""
    many = re.sub(r"[,\s]", "", found["many"] or found["over"] or "") or "1"
    span = "month" if (found["span"] or "y")[0].casefold() == "m" else "year"
    told = f"per patient-{span}" if many == "1" else f"per {many} patient-{span}s"
    return told if told in RATE_UNITS else "?"


def rated(
    head: str, said: str, before: str = "", named: bool = False
) -> tuple[str, str, Fields] | None:
    """What a header of rates is over: a statistic, its unit, and what its cells hold.

    Parameters
    ----------
    head : str
    said : str
        Title and corner of the table, which may say the unit.
    before : str
        Unit of the rates in the column before, if it has rates.
    named : bool
        Whether the header names an endpoint, whose events "no." then counts.

    Returns
    -------
    (str, str, mapping of int to tuple of str) or None
        By how many numbers a cell may have: the statistics, or limits of the one before, that
        they are. None for a header of something else.

    Examples
    --------
    >>> rated("No. of events / patient-years", "")
    ('patient_years', 'patient-years', {2: ('events', 'patient_years')})
    """
    if _RATIO.search(head):
        holds = ADJUSTED if _ADJUSTED.search(head) else "rate_ratio"
        return holds, "", _with_limits((holds,))
    if _APART.search(head):
        unit = unit_of(head) or before or unit_of(said)
        known = unit in RATE_UNITS
        return ("rate_difference" if known else NO_UNIT), unit, _with_limits(("rate_difference",))
    if _FOLLOWED.search(head) and "median" in head.casefold():
        return _followed(head)
    return _rates(head, said, named)


def _rates(head: str, said: str, named: bool) -> tuple[str, str, Fields] | None:
    """Events, patient-years and rates, in the order in which a header names them."""
    marked = _PER_CENT.sub(" @rate ", head)
    marked = _TIME.sub(" @time ", _PER.sub(" @rate ", marked))
    unit = unit_of(head)
    parts = [part for part in re.split(r"[/(\[;,]|\band\b", marked) if part.strip(" )].")]
    names = [name for name in map(_named, parts) if name]
    counted = named or "events" in names
    names = ["events" if name == "count" and counted else name for name in names]
    names = [name for at, name in enumerate(names) if not at or name != names[at - 1]]
    bare = not {"incidence_rate", "patient_years"} & {*names}
    if bare and _BARE.search(head) and not re.search(r"\d|%", _CI.sub("", head.partition("(")[0])):
        unit = unit_of(said)
        names = ["incidence_rate"]
    elif bare:
        return None
    if len(set(names)) < len(names):
        return None
    if "count" in names:
        return NO_EVENTS, "", {}
    if "incidence_rate" in names and unit not in RATE_UNITS:
        return NO_UNIT, unit, _with_limits(("incidence_rate",))
    if "incidence_rate" in names:
        return "incidence_rate", unit, _with_limits(tuple(names))
    months = "month" in (_TIME.search(head) or [""])[0].casefold()
    return "patient_years", PERSON_TIME[months], {len(names): tuple(names)}


def _named(part: str) -> str:
    if "@rate" in part:
        return "incidence_rate"
    if "@time" in part:
        return "patient_years"
    if _EVENTS.search(part):
        return "events"
    return "count" if _COUNT.search(part) and not _CI.search(part) else ""


def _followed(head: str) -> tuple[str, str, Fields]:
    """A median follow-up with what stands behind it."""
    own = "median_follow_up"
    unit = "years" if re.search(r"\b(?:years?|yrs?)\b", head, re.IGNORECASE) else "months"
    fields = {1: (own,)}
    for pattern, ends in (
        (_QUARTILES, ("q1_follow_up", "q3_follow_up")),
        (_RANGE, ("min_follow_up", "max_follow_up")),
        (_CI, _LIMITS),
    ):
        if pattern.search(head):
            return own, unit, {**fields, 3: (own, *ends)}
    return own, unit, fields


def _with_limits(names: tuple[str, ...]) -> Fields:
    """Numbers of a cell, with limits behind the last or without."""
    return {len(names): names, len(names) + 2: (*names, *_LIMITS)}


def keys_of(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each name of a cell as a statistic and a field.

    Examples
    --------
    >>> keys_of(("events", "incidence_rate", "conf_low"))
    [('events', ''), ('incidence_rate', ''), ('incidence_rate', 'conf_low')]
    """
    made: list[tuple[str, str]] = []
    for name in names:
        made.append((made[-1][0] if made else "", name) if name in _LIMITS else (name, ""))
    return made
