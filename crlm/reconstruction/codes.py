"""The numbers by which compiled code knows its words: no other module writes one down.

A search runs on arrays of numbers. What a number stands for is said here once, so that the
code reads in words and a new word needs no hunt for the old numbers.
"""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """Kinds of quantities that are computed in one go."""

    KM = 0
    FOLLOW_UP = 1
    REVERSE_FOLLOW_UP = 2
    LOGRANK = 3
    COX = 4
    LOGISTIC = 5
    ASSOCIATION = 6
    RANKS = 7
    SUMMARY = 8
    COUNT = 9
    CORRELATION = 10
    ANCHOR = 11
    SHARE = 12


#: Words of a `Quantity` for the kinds; reverse follow-up is a convention of the design.
KINDS = {
    "km": Kind.KM,
    "followup": Kind.FOLLOW_UP,
    "logrank": Kind.LOGRANK,
    "cox": Kind.COX,
    "logistic": Kind.LOGISTIC,
    "association": Kind.ASSOCIATION,
    "ranks": Kind.RANKS,
    "summary": Kind.SUMMARY,
    "count": Kind.COUNT,
    "correlation": Kind.CORRELATION,
    "anchor": Kind.ANCHOR,
    "share": Kind.SHARE,
}


class Course(IntEnum):
    """What the course of a patient's disease is made of: days, and how it ended."""

    RECURRENCE = 0
    FAILURE = 1
    END = 2
    DEAD = 3


#: An event that did not come; a time beyond all others, of who is not in an endpoint.
NEVER, FAR = -1, 10_000_000


class Move(IntEnum):
    """Small changes of a cohort; those before SWAP_VALUE are of courses, the others of values."""

    SHIFT = 0
    ANCHOR = 1
    DEATH = 2
    FAILURE = 3
    RECURRENCE = 4
    SWAP_COURSE = 5
    SWAP_NEAR = 6
    SWAP_PART = 7
    AT_ONCE = 8
    SWAP_TIME = 9
    SWAP_VALUE = 10
    VALUE = 11
    VALUES = 12


class Rule(IntEnum):
    """Rules by which one column follows from others."""

    OVER = 0
    FROM = 1
    UNDER = 2
    UPTO = 3
    EQUAL = 4
    AMONG = 5
    POINTS = 6
    SHORT = 7
    SITE = 8


#: Signs of a cut-off.
CUTS = {
    ">": Rule.OVER,
    ">=": Rule.FROM,
    "<": Rule.UNDER,
    "<=": Rule.UPTO,
    "==": Rule.EQUAL,
}

#: Endpoints that a course of disease gives, in the order of the rows of times and events.
ENDPOINTS = ("OS", "RFS", "SCP", "OS_after_recurrence")
#: Shares that `kernels.fates` writes, in its order.
SHARES = ("failure_at_once", "death_alone", "death_unfailed", "death_at_failure", "recurrences")
