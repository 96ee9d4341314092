"""Headers above p values that were adjusted for several tests: rows have those of Table 1 alone."""

from __future__ import annotations

import re

#: Who adjusts, and how the result is called.
_METHOD = re.compile(
    r"\b(holm|hommel|hochberg|bonferroni|benjamini|yekutieli|sidak|šidák|fdr|false discovery|"
    r"bh|corrected|multiple (tests|testing|comparisons))\b|\bq[\s_-]?values?\b|"
    r"\bp[\s._-]?adj\b|^\W*q\W*$",
    re.IGNORECASE,
)
_ADJUSTED = re.compile(r"\b(?<!not )adj(usted|\.)?\W", re.IGNORECASE)
_OF_P = re.compile(r"\bp\b|\bp[\s_-]?values?\b", re.IGNORECASE)

#: What a header calls each way; other ways have none in a design.
_WAYS = {
    "bonferroni": re.compile(r"\bbonferroni", re.IGNORECASE),
    "holm": re.compile(r"\bholm\b", re.IGNORECASE),
    "benjamini-hochberg": re.compile(
        r"\bbenjamini\W+(and\W+)?hochberg|\bfdr\b|false discovery|\bbh\b|\bq\b", re.IGNORECASE
    ),
    "another": re.compile(r"\bhommel|^(?!.*benjamini).*\bhochberg|yekutieli|[sš]id[aá]k", re.I),
}


def corrects(head: str) -> bool:
    """Whether a header names an adjustment for several tests.

    Examples
    --------
    >>> corrects("P value (Bonferroni)"), corrects("q-value"), corrects("P value")
    (True, True, False)
    """
    named = bool(_METHOD.search(head)) and "uncorrected" not in head.casefold()
    return named and not re.search(r"\b(or|hr|ratio|ci|%)\b", head, re.IGNORECASE)


def is_adjusted(head: str) -> bool:
    """Whether a header is above p values that are adjusted, whatever for.

    Examples
    --------
    >>> is_adjusted("Adjusted P value"), is_adjusted("Unadjusted P"), is_adjusted("Adjusted OR")
    (True, False, False)
    """
    return bool(_OF_P.search(head) and _ADJUSTED.search(f"{head} ")) or corrects(head)


def adjusts_so(head: str, how: str) -> bool:
    """Whether a header that says its p values are adjusted names this way, or none.

    Examples
    --------
    >>> adjusts_so("Adjusted P", "holm"), adjusts_so("q value", "holm"), adjusts_so("FDR P", "holm")
    (True, False, False)
    """
    return not any(said.search(head) for name, said in _WAYS.items() if name != how)
