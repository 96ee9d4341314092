"""Headers above p values that were adjusted for several tests: rows have those of Table 1 alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from crlm.transcription import footnotes

#: Who adjusts, and how the result is called.
_METHOD = re.compile(
    r"\b(holm|hommel|hochberg|bonferroni|benjamini|yekutieli|sidak|šidák|fdr|false discovery|"
    r"bh|corrected|multiple (tests|testing|comparisons))\b|\bq[\s_-]?values?\b|"
    r"\bp[\s._-]?adj\b|^\W*q\W*$",
    re.IGNORECASE,
)
_ADJUSTED = re.compile(r"\b(?<!not )adj(usted|\.)?\W", re.IGNORECASE)
_OF_P = re.compile(r"\bp\b|\bp[\s_-]?values?\b", re.IGNORECASE)

#: A line below a table that says that its p values are adjusted: "*Bonferroni adjustment was
#: applied"; a level of significance that is makes no p value another.
_APPLIED = re.compile(r"\b(?:adjust|correct)", re.IGNORECASE)
_LEVEL = re.compile(r"\b(?:significance|significant|level|threshold|alpha|α)", re.IGNORECASE)

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


def noted(heads: Sequence[str], notes: Iterable[str]) -> dict[str, str]:
    """By head, the line below a table that says that its p values are adjusted.

    A line that begins with a mark is of the head that has it, another of every head of p values,
    where none says by itself that its own are adjusted.

    Examples
    --------
    >>> noted(["", "P value*", "P"], ["*Bonferroni adjustment was applied."])
    {'P value*': '*Bonferroni adjustment was applied.'}
    >>> noted(["", "P"], ["The level of significance was adjusted (Bonferroni)."])
    {}
    """
    told = [n for n in notes if _METHOD.search(n) and _APPLIED.search(n) and not _LEVEL.search(n)]
    of_p = [head for head in heads[1:] if _OF_P.search(head)]
    found: dict[str, str] = {}
    for note in told:
        own = [head for head in of_p if footnotes.begins_with_mark(note, head)]
        every = [] if footnotes.is_mark(note[:1]) or any(map(is_adjusted, of_p)) else of_p
        found |= dict.fromkeys(own or every, note)
    return found
