"""P values that were adjusted, for several tests or for covariates, as heads and notes say."""

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
#: The p of an interaction, "Pinteraction" with its index on the line too.
OF_INTERACTION = re.compile(r"\bp?[-_]?(?:interaction|heterogeneity)\b", re.IGNORECASE)
_RATIO = re.compile(r"\b(?:or|hr|ratio|ci|%)\b", re.IGNORECASE)
#: "*Adjusted for age and sex", "P values after adjustment for age".
_FOR = re.compile(r"\badjust(?:ed|ing|ments?)\s+(?:for|by|to|on|with)\b", re.IGNORECASE)
#: "No adjustment was made for multiple testing".
_NOT = re.compile(r"\b(?:no|not|nor|without|never)\b[^.;]*\b(?:adjust|correct)", re.IGNORECASE)

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
    return named and not _RATIO.search(head)


def is_adjusted(head: str) -> bool:
    """Whether a header is above p values that are adjusted, whatever for.

    Examples
    --------
    >>> is_adjusted("Adjusted P value"), is_adjusted("Unadjusted P"), is_adjusted("Adjusted OR")
    (True, False, False)
    >>> is_adjusted("Pinteraction (adjusted)")
    True
    """
    return bool(_is_of_p(head) and _ADJUSTED.search(f"{head} ")) or corrects(head)


def _is_of_p(head: str) -> bool:
    interaction = OF_INTERACTION.search(head) and not _RATIO.search(head)
    return bool(_OF_P.search(head) or interaction)


def adjusts_so(head: str, how: str) -> bool:
    """Whether a header that says its p values are adjusted names this way, or none.

    Examples
    --------
    >>> adjusts_so("Adjusted P", "holm"), adjusts_so("q value", "holm"), adjusts_so("FDR P", "holm")
    (True, False, False)
    """
    return not any(said.search(head) for name, said in _WAYS.items() if name != how)


def several_tests(text: str) -> bool:
    """Whether a head or a line that says of an adjustment means one for several tests.

    Examples
    --------
    >>> several_tests("*Bonferroni adjustment"), several_tests("*Adjusted for age and sex")
    (True, False)
    """
    return bool(_METHOD.search(text))


def says_adjusted(line: str) -> bool:
    """Whether a line says that numbers are adjusted for covariates.

    Examples
    --------
    >>> says_adjusted("Ratios adjusted for age."), says_adjusted("Not adjusted for age.")
    (True, False)
    """
    return bool(_FOR.search(line)) and not _NOT.search(line) and not several_tests(line)


def noted(rows: Sequence[Sequence[str]], notes: Iterable[str]) -> dict[str, str]:
    """By head, the line below a table that says that its p values are adjusted.

    A line that begins with a mark is of the columns that have it, in their head or in a cell;
    another is of every head of p values, where it speaks of p or of several tests and no head
    says by itself that its own are adjusted.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.
    notes : iterable of str

    Examples
    --------
    >>> noted([["", "P value*", "P"]], ["*Bonferroni adjustment was applied."])
    {'P value*': '*Bonferroni adjustment was applied.'}
    >>> noted([["", "P"]], ["The level of significance was adjusted (Bonferroni)."])
    {}
    >>> noted([["", "HR", "P"], ["Male", "1.2", "0.3*"]], ["*Adjusted for age and sex."])
    {'P': '*Adjusted for age and sex.'}
    """
    of_p = {
        head: [head, *(row[at] for row in rows[1:])]
        for at, head in enumerate(rows[0])
        if at and _is_of_p(head)
    }
    found: dict[str, str] = {}
    for note in filter(_adjusts, notes):
        marked = (text for text in of_p if _has_mark_of(note, of_p[text]))
        about = several_tests(note) or _OF_P.search(note) or OF_INTERACTION.search(note)
        alone = not about or footnotes.is_mark(note[:1]) or any(map(is_adjusted, of_p))
        found |= dict.fromkeys([*marked] or ([] if alone else of_p), note)
    return found


def _adjusts(note: str) -> bool:
    """Whether a line says that p values are adjusted, for several tests or for covariates."""
    several = several_tests(note) and _APPLIED.search(note)
    return bool((several or says_adjusted(note)) and not (_LEVEL.search(note) or _NOT.search(note)))


def _has_mark_of(note: str, texts: Iterable[str]) -> bool:
    return any(footnotes.begins_with_mark(note, text) for text in texts)
