"""Heads and labels of all patients: "Overall", "Total cohort", "N = 115", "No. (%)"."""

from __future__ import annotations

import re

from crlm.transcription.wordings import plain, unmarked

#: Who is counted.
WHO = (
    r"(?:patients?|pts|cohorts?|populations?|samples?|series|cases|subjects|participants"
    r"|individuals|persons)"
)
#: What a column, or a row, of all patients is called.
_ALL = re.compile(
    r"(?:all|total|overall|entire|whole|full)(?: (?:study|trial|patient))?"
    rf"(?: (?:no\.?|number) of)?(?: (?:{WHO}|groups?))?"
)
_PATIENTS = frozenset({"number of patients", "patients", "no. patients", "number"})
#: Heads of a table of one cohort that say what its cells hold and name no group: "N", "No. (%)".
_COUNTING = re.compile(
    r"(?:(?:total |absolute )?(?:n|nos?\.?|numbers?|count|frequency)(?:\s+of)?)?"
    rf"[\s,]*(?:(?:study )?{WHO}|values?)?[\s,]*"
    r"(?:n|no\.?)?\s*[(\[]?\s*(?:n\s*=\s*[\d,]+|%|(?:relative )?per\s?cent(?:age)?s?|n)?\s*[)\]]?"
    r"(?:[\s,]*[(\[]?%[)\]]?)?",
    re.IGNORECASE,
)
_SIZE = re.compile(r"[(\[]?n\s*=\s*[\d,]+[)\]]?[\s,;]*(?=\S)", re.IGNORECASE)

_IN_LABEL = re.compile(r"[\[(]\s*n\s*[=:]\s*([\d,]+)\s*[\])]", re.IGNORECASE)
_N = re.compile(r",\s*(?:n|no\.?)\s*$", re.IGNORECASE)
#: Labels of a row that holds the sizes of the groups.
_SIZES = frozenset(
    "n|no|no.|number|patients|no patients|no. of patients|number of patients|patients n|n patients"
    "|total n|total|all patients|subjects|participants|randomized|randomised|enrolled|eligible"
    "|evaluable|evaluable patients|eligible patients|total eligible|enrolled patients"
    "|randomised patients|randomized patients|number of subjects|number of participants"
    "|patients enrolled|patients randomised|patients randomized|total patients|total study|overall"
    "|total number|sample size|study population|total cohort|cases|number of cases|no. of cases"
    "|total cases|whole cohort|entire cohort|total number of patients|all cases".split("|")
)


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


def patients_in(label: str) -> str:
    """How many patients the label of a row says that it is of; "" where it does not.

    Examples
    --------
    >>> patients_in("Male (n = 414)"), patients_in("Male, n (%)")
    ('414', '')
    """
    found = _IN_LABEL.search(label)
    return found[1] if found else ""


def are_sizes(label: str) -> bool:
    """Whether the label of a first row says that it holds the sizes of the groups.

    Examples
    --------
    >>> are_sizes("Evaluable patients"), are_sizes("No. of patients, n"), are_sizes("Age")
    (True, True, False)
    >>> are_sizes("All")
    True
    """
    return are_all(label) or bool({plain(label), plain(_N.sub("", label))} & _SIZES)
