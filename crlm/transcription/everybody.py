"""Heads and labels of all patients: "Overall", "Total cohort", "N = 115", "No. (%)"."""

from __future__ import annotations

import re

from crlm.transcription.wordings import plain, unmarked

_WHO = (
    r"(?:patients?|pts|cohorts?|populations?|samples?|series|cases|subjects|participants"
    r"|individuals|persons)"
)
#: What a column, or a row, of all patients is called.
_ALL = re.compile(
    r"(?:all|total|overall|entire|whole|full)(?: (?:study|trial|patient))?"
    rf"(?: (?:no\.?|number) of)?(?: (?:{_WHO}|groups?))?"
)
_PATIENTS = frozenset({"number of patients", "patients", "no. patients", "number"})
#: Heads of a table of one cohort that say what its cells hold and name no group: "N", "No. (%)".
_COUNTING = re.compile(
    r"(?:(?:total |absolute )?(?:n|nos?\.?|numbers?|count|frequency)(?:\s+of)?)?"
    rf"[\s,]*(?:(?:study )?{_WHO}|values?)?[\s,]*"
    r"(?:n|no\.?)?\s*[(\[]?\s*(?:n\s*=\s*[\d,]+|%|(?:relative )?per\s?cent(?:age)?s?|n)?\s*[)\]]?"
    r"(?:[\s,]*[(\[]?%[)\]]?)?",
    re.IGNORECASE,
)
_SIZE = re.compile(r"[(\[]?n\s*=\s*[\d,]+[)\]]?[\s,;]*(?=\S)", re.IGNORECASE)


def are_all(text: str) -> bool:
    """Whether a head, or a label, is of all patients of a table.

    Examples
    --------
    >>> are_all("Overall"), are_all("Total trial cohort"), are_all("Overall survival")
    (True, True, False)
    """
    return bool(_ALL.fullmatch(plain(text)))


def are_patients(head: str) -> bool:
    """Whether a head beside groups counts patients, of all: "No. of patients"."""
    return plain(head) in _PATIENTS


def counts(head: str) -> bool:
    """Whether a head says that its column counts patients, and of whom not.

    Examples
    --------
    >>> counts("n = 115 n (%)"), counts("Study population (n = 115)"), counts("HAI (n = 366)")
    (True, True, False)
    """
    bare = unmarked(head)
    return bool(head) and any(_COUNTING.fullmatch(text) for text in (bare, _SIZE.sub("", bare, 1)))
