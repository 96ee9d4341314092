"""Patients that a table's title names, held against those that the reader says it is of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from crlm.ledger import Design
from crlm.ledger.vocabulary import ALL
from crlm.transcription import meanings
from crlm.transcription.asking import to_ask
from crlm.transcription.labels import Labels
from crlm.transcription.wordings import plain

_WHO = r"(?:patients|pts|cases|participants|subjects|individuals)"
_GROUP = rf"(?:{_WHO}|cohort|(?:sub)?group|tumou?rs)\b"
_REST = r"(?P<who>(?:(?!\b(?:in|of|for|by|and|or|with|without|according)\b)[^.,;:()]){1,60}"
#: "in KRAS-mutated patients", "of the 120 node-positive cases", "in women".
_BEFORE = re.compile(rf"\b(?:in|of|among|for|from|within)\s+{_REST}?)\s+{_GROUP}", re.IGNORECASE)
_SEX = re.compile(r"\b(?:in|of|among|for)\s+(?P<who>(?:wo)?men|(?:fe)?males)\b", re.IGNORECASE)
#: "patients with synchronous metastases", "patients who received HAI", "patients without HAI".
_BEHIND = re.compile(
    rf"\b{_WHO}\s+(?P<without>without\b|not (?:receiving|treated with)\b)?(?(without)|(?:with"
    r"|who (?:had|have|received|underwent)|having|receiving|undergoing|treated (?:with|by)))"
    rf"\s+{_REST})",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^(?:the|all|these|our|those)?\s*\d*\s*", re.IGNORECASE)
_NO_GROUP = ("id", "time", "event")
#: So many words may name a level.
_MOST = 4


def phrases(title: str) -> dict[str, str]:
    """The words of a title that may say which patients it is of, with the answer they give.

    Examples
    --------
    >>> phrases("Table 3. Survival in KRAS-mutated patients without HAI")
    {'KRAS-mutated': '', 'HAI': 'no'}
    >>> phrases("Survival of 50 patients with synchronous metastases")
    {'synchronous metastases': 'yes'}
    >>> phrases("Characteristics of 120 patients by HAI")
    {}
    """
    found: dict[str, str] = {}
    for form in (_BEFORE, _SEX, _BEHIND):
        for one in form.finditer(title):
            without = one.groupdict().get("without")
            answer = "no" if without else "yes" if form is _BEHIND else ""
            found.setdefault(_NUMBER.sub("", one["who"]).strip(), answer)
    return {text: answer for text, answer in found.items() if text}


def asked(
    rows: Sequence[Sequence[str]],
    title: str,
    design: Design,
    among: str,
    named: Mapping[str, str],
) -> Iterator[str]:
    """Questions where the title names patients that the table is not said to be of.

    Not where a head or a row names another level too: then the title says what is compared.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.
    title : str
    design : Design
    among : str
        The patients of the table, as the reader or its model says.
    named : mapping of str to str
        Answers: a phrase of the title to "all".
    """
    labels = Labels(design, list(design.columns), {})
    own = dict(part.partition("=")[::2] for part in among.split(",") if part != ALL)
    answered = {plain(label) for label, target in named.items() if target == ALL}
    for phrase, answer in phrases(title).items():
        column, level = _level(phrase, answer, labels, design)
        if not level or plain(phrase) in answered or own.get(column) == level:
            continue
        if column in own or not _compared(column, rows, labels):
            said = f"{column}={level}" if among == ALL else f"{among},{column}={level}"
            told = f"names patients of {column}={level}, and its rows are of {among}. Say "
            told += f"--population {said}" if column not in own else "the --population of the table"
            yield f"the title {title!r}: {told}, or, if it is of {among}, {to_ask(phrase, ALL)}."


def _level(phrase: str, answer: str, labels: Labels, design: Design) -> tuple[str, str]:
    """Column and level that words of a phrase name, the longest that do; "" twice if none.

    A phrase that is a whole yes-no column is its `answer`.
    """
    words = re.split(r"[\s-]+", phrase)
    for many in range(min(_MOST, len(words)), 0, -1):
        for start in range(len(words) - many + 1):
            text = " ".join(words[start : start + many])
            found = labels.read(text)
            whole = many == len(words) and sorted(design.levels(found.column)) == ["no", "yes"]
            level = found.level or (answer if whole else "")
            role = design.columns.get(design.source(found.column), {}).get("role")
            if level and role not in _NO_GROUP and not meanings.is_common(text):
                turned = found.level and answer == "no"
                return ("", "") if turned else (found.column, level)
    return "", ""


def _compared(column: str, rows: Sequence[Sequence[str]], labels: Labels) -> bool:
    """Whether heads or labels of a table name the column, or a level of it."""
    texts = filter(None, [*rows[0], *(row[0] for row in rows[1:])])
    return any(labels.read(text).column == column for text in texts)
