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
    T_TEST = 13
    SEVERAL_RANKS = 14
    TABLE = 15
    SEVERAL_LOGRANK = 16
    TREND = 17
    INCIDENCE = 18
    RISK = 19
    RATE = 20


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
    "t": Kind.T_TEST,
    "kruskal": Kind.SEVERAL_RANKS,
    "table": Kind.TABLE,
    "logranks": Kind.SEVERAL_LOGRANK,
    "trend": Kind.TREND,
    "incidence": Kind.INCIDENCE,
    "risk": Kind.RISK,
    "rate": Kind.RATE,
}


class TwoByTwo(IntEnum):
    """Tests of a 2 x 2 table."""

    PEARSON = 0
    FISHER = 1
    YATES = 2


#: The same in the words of `table_one.categorical_test`.
TWO_BY_TWO = {
    "chi-square": TwoByTwo.PEARSON,
    "fisher": TwoByTwo.FISHER,
    "chi-square-yates": TwoByTwo.YATES,
}


class Course(IntEnum):
    """What the course of a patient's disease is made of: days, and how it ended."""

    RECURRENCE = 0
    FAILURE = 1
    END = 2
    DEAD = 3


#: Deaths of the cause that an endpoint may name, or of any where none does; of other causes.
OF_CAUSE, OF_OTHER = 1, 2

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
    SWAP_BESIDE = 10
    PAST = 11
    SWAP_VALUE = 12
    VALUE = 13
    VALUES = 14


class Rule(IntEnum):
    """Rules by which one column follows from others."""

    OVER = 0
    FROM = 1
    UNDER = 2
    UPTO = 3
    EQUAL = 4
    AMONG = 5
    POINTS = 6
    EARLY = 7
    SITE = 8
    EVENT = 9
    TIME = 10
    PRODUCT = 11
    CROSS = 12
    PER = 13
    FOLD = 14
    MERGED = 15


#: Rules that read columns from a list, and those that read an endpoint.
OF_COLUMNS = (Rule.POINTS, Rule.PRODUCT, Rule.CROSS)
OF_ENDPOINT = (Rule.EARLY, Rule.EVENT, Rule.TIME)


#: Signs of a cut-off.
CUTS = {
    ">": Rule.OVER,
    ">=": Rule.FROM,
    "<": Rule.UNDER,
    "<=": Rule.UPTO,
    "==": Rule.EQUAL,
}

#: Shares that `kernels.fates` writes, in its order.
SHARES = ("failure_at_once", "death_alone", "death_unfailed", "death_at_failure", "recurrences")
