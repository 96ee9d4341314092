"""Headers and rows that hold p for trend: "P for trend", "Ptrend", "P value (trend)"."""

from __future__ import annotations

import re

from crlm.transcription.wordings import unmarked

_P = frozenset({"p", "pvalue", "value", "values", "for", "the", "of", "test", "linear"})


def heads_trend(head: str) -> bool:
    """Whether a header is above p values for trend, whatever else it names.

    Examples
    --------
    >>> heads_trend("Multivariable P for trend"), heads_trend("P value"), heads_trend("Trend, HR")
    (True, False, False)
    """
    words = set(_words(head))
    return "trend" in words and bool(words & {"p", "pvalue"})


def is_trend(label: str) -> bool:
    """Whether a row holds the p for trend of the heading above it.

    Examples
    --------
    >>> is_trend("P for trend"), is_trend("p-trend†"), is_trend("Trend of CEA")
    (True, True, False)
    """
    return heads_trend(label) and set(_words(label)) <= {*_P, "trend"}


def _words(text: str) -> list[str]:
    text = re.sub(r"\bp[\s_-]*trend", "p trend", unmarked(text).casefold())
    return re.findall(r"[a-z]+", text)
