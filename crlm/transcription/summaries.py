"""What a label says that the numbers of its row are: "Mean (SD)", "Age, median [Q1, Q3]", "Min"."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Words for a statistic, the longer before what they contain; "other" for what no ledger has.
_WORDS = (
    ("other", r"geometric mean|trimmed mean|coefficient of variation|\bcv\b|variance|\bmode\b"),
    (
        "other",
        r"(?:\d\d\s?% )?(?:\bci\b|confidence (?:interval|limits?))|\bsum\b|skewness|kurtosis",
    ),
    (
        "other",
        r"\b(?:2\.5|0?5|10|15|20|80|85|90|95|97\.5|99)(?:th)?\s?(?:per)?centiles?\b"
        r"|\b(?:5|10|15|20|80|85|90|95|99)th\b|\bp(?:0?5|10|20|80|90|95)\b"
        r"|\b(?:tert|quint|dec)iles?\b|\bmad\b|median absolute deviation",
    ),
    (
        "se",
        r"standard errors?(?: of (?:the )?mean)?|\bstd\.? ?err(?:or)?\b|\bsem?\b|\bs\.e\.(?:m\.)?",
    ),
    (
        "sd",
        r"standard deviations?|\bstd\.? ?dev(?:iation)?\b|\bst\.? ?dev\b|\bs\.d\.|\bsd\b|\bstd\b",
    ),
    ("iqr", r"inter-?\s?quartile(?: ranges?)?|\biqr\b|\bi\.q\.r\.|\bquartiles\b"),
    ("q1", r"\b25(?:th)?\s?(?:%|percentile|centile|quantile)|\b25th\b|\bp25\b|\bq1\b"),
    ("q1", r"(?:lower|first|1st) quartile"),
    ("q3", r"\b75(?:th)?\s?(?:%|percentiles?|centiles?|quantile)|\b75th\b|\bp75\b|\bq3\b"),
    ("q3", r"(?:upper|third|3rd) quartile"),
    ("mean", r"\bmean\b|\baverage\b"),
    ("median", r"\bmedian\b|\b50th percentile\b"),
    ("min", r"\bminimum\b|\blowest\b|\bmin\b(?=\W+(?:to\W+)?max)"),
    ("max", r"\bmaximum\b|\bhighest\b|\bmax\b"),
    ("range", r"\branges?\b"),
    ("missing", r"\bmissing\b"),
    ("n", r"\bn\b|\bno\b\.?|\bcount\b|\bnumber\b|\bobs(?:ervations?)?\b"),
)
_ANY = re.compile("|".join(f"(?P<w{at}>{text})" for at, (_, text) in enumerate(_WORDS)), re.I)
_SIZE = re.compile(r"\bn\s*=\s*[\d,]+", re.IGNORECASE)
#: "Min" alone is a statistic, "Duration, min" a unit.
_MIN = re.compile(r"^\W*min\.?\W*$", re.IGNORECASE)
_COUNT = re.compile(r"[,(\[]\s*(?:n|no\.?)\s*[)\]]?\s*$", re.IGNORECASE)
_ASIDE = frozenset("value values of the valid known non and to th percentile percentiles".split())
#: What one word says of two numbers.
ENDS = {"iqr": ("q1", "q3"), "range": ("min", "max")}
#: A statistic with its number and nothing beside it: "Mean 64.15 years", "Range: 35-82".
_IN_LABEL = re.compile(r"(?:mean|median|average|range|iqr|sd)\b\W*\d", re.IGNORECASE)


def said_in(label: str) -> tuple[str, ...]:
    """The statistics that a label names, in their order.

    Examples
    --------
    >>> said_in("Age, mean (SD)"), said_in("Median [Q1, Q3]"), said_in("Min")
    (('mean', 'sd'), ('median', 'q1', 'q3'), ('min',))
    >>> said_in("Operating time, min"), said_in("Nodes, median (IQR, Q1-Q3)")
    ((), ('median', 'q1', 'q3'))
    """
    if _MIN.match(label):
        return ("min",)
    text = _SIZE.sub(" ", label)
    found = [_WORDS[int(str(one.lastgroup)[1:])][0] for one in _ANY.finditer(text)]
    stated = [name for name in found if name != "n"]
    for name, ends in ENDS.items():  # "IQR (Q1-Q3)" says it twice.
        if name in stated and set(ends) <= set(stated):
            stated.remove(name)
    alone = found and not stated and (_COUNT.search(text) or is_summary(label, ""))
    return tuple(stated) if stated else ("n",) if alone else ()


def is_summary(label: str, unit: str) -> bool:
    """Whether a label is the name of a statistic and nothing else but the column's unit.

    Examples
    --------
    >>> is_summary("Mean ± SD, years", "years"), is_summary("Mean age", "years")
    (True, False)
    """
    if _MIN.match(label):
        return True
    text = _SIZE.sub(" ", label)
    rest = set(re.findall(r"[^\W\d_]+", _ANY.sub(" ", text).casefold()))
    return bool(_ANY.search(text)) and rest <= _ASIDE | set(unit.casefold().split())


def statistics(said: Sequence[str], many: int, ends: Sequence[str]) -> tuple[str, ...] | None:
    """The statistics of so many numbers of a cell; None where its label does not fit them.

    Parameters
    ----------
    said : sequence of str
        From `said_in`; not empty.
    many : int
        How many numbers the cell has.
    ends : sequence of str
        What two numbers behind a median are, where no word says it; may be empty.

    Examples
    --------
    >>> statistics(("median", "iqr"), 3, ()), statistics(("median", "iqr"), 2, ())
    (('median', 'q1', 'q3'), ('median', 'iqr'))
    >>> statistics(("mean",), 2, ()), statistics(("mean",), 3, ("min", "max"))
    (('mean', 'sd'), None)
    """
    if {"other", "se"} & set(said) or len(set(said)) < len(said):
        return None
    if many == len(said):
        return tuple(said)
    wide = tuple(part for name in said for part in ENDS.get(name, (name,)))
    if many == len(wide):
        return wide
    if len(wide) > len(said) + 2 and many == len(said) + 1:
        return None
    if tuple(said) == ("mean",) and many == 2:
        return ("mean", "sd")
    if tuple(said) == ("sd",) and many == 2:
        return ("mean", "sd")
    if many == 3 and tuple(said) in (("median",), ("iqr",), ("range",)):
        own = ENDS.get(said[0], tuple(ends))
        return ("median", *own) if own else None
    return None


def within_labels(rows: Sequence[Sequence[str]], place: str) -> list[str]:
    """What to tell of numbers that stand in a label and in no cell: "Mean 64.15 years"."""
    last = max((at for at, row in enumerate(rows) if any(row[1:])), default=0)
    return [
        f"{place}: {row[0]!r} has its number in the label; put it in by hand."
        for row in rows[1:last]
        if not any(row[1:]) and _IN_LABEL.match(row[0])
    ]
