"""What a label names as the design words it, and what the words behind it say of its row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from crlm.ledger import Design
from crlm.transcription import meanings
from crlm.transcription.wordings import closed, plain

#: Words behind a characteristic that say what its row holds; the column's unit is one besides.
NOTES = frozenset(
    "n no number patients pts per mean median sd se sem standard error deviation range iqr "
    "interquartile geometric average minimum maximum min max lowest highest quartile quartiles "
    "std dev q1 q3 25th 75th percentile percentiles years year yr yrs months month days status "
    "group groups category categories band bands value values at surgery operation hepatectomy "
    "resection".split()
)
#: What a row that counts the patients of unknown value says of itself, and how an answer says it.
UNKNOWN, MISSING = frozenset({"unknown"}), "missing"
#: Two numbers side by side, which are no third: "grade I–II" is not III.
_NUMBERS = re.compile(r"(?:\b[ivx]+|\d) (?:[ivx]+\b|\d)")


@dataclass(frozen=True)
class Label:
    """What a label names.

    Attributes
    ----------
    column, level : str
        As covariate and level of a claim: a product is `a:b` and `x:y`; "" where it names none.
    reference : str
        The level that the label sets it against ("Male vs female"), if it is not the first.
    notes : frozenset of str
        What it says of its row besides: "mean", "sd", "range", "iqr", ...
    step : str
        What it says that a ratio is for: "per 10 years"; "" where it says nothing.
    said : tuple of str
        Statistics that it names, in their order.
    alone : bool
        Whether they are not in brackets behind the characteristic.
    """

    column: str = ""
    level: str = ""
    reference: str = ""
    notes: frozenset[str] = frozenset()
    step: str = ""
    said: tuple[str, ...] = ()
    alone: bool = False


class Words:
    """Wordings, each with the column and the level that it names, however its parts are joined."""

    def __init__(self, design: Design, labels: Mapping[str, tuple[str, str]]) -> None:
        undotted = {_undotted(text): named for text, named in labels.items()}
        self.design, self.labels = design, {**closed(labels), **undotted, **labels}

    def read(self, label: str, within: str = "") -> Label | None:
        """What a label names as it stands, or without the words behind it."""
        return self.whole(label, within) or self._noted(label)

    def _known(self, words: str) -> tuple[str, str] | None:
        """Column and level of plain words, however they are parted: "ca 19 9", "ca19 9"."""
        found = self.labels.get(words) or self.labels.get(words.replace(" ", ""))
        apart = found and found[1] and words not in self.labels and _NUMBERS.search(words)
        return None if apart else found

    def whole(self, label: str, within: str = "") -> Label | None:
        """What a label names as it stands, alone or below another."""
        for text in (f"{self._bare(within)} {label}", label):
            if found := self._known(plain(text)):
                return Label(*found, notes=said_of(label))
        return None

    def _bare(self, label: str) -> str:
        """A heading without the words that say what its rows hold."""
        found = self.whole(label) if label else None
        return label if found or not label else self._trimmed(label)[0]

    def _noted(self, label: str) -> Label | None:
        """A label less the words behind it: "CEA, ng/mL, mean ± SD"."""
        text, notes = self._trimmed(label)
        found = self.whole(text) if text else None
        return replace(found, notes=notes) if found else None

    def _trimmed(self, label: str) -> tuple[str, frozenset[str]]:
        """The longest beginning that is a label, where notes and the unit alone follow."""
        words = _undotted(plain(label)).split()
        for end in range(len(words), 0, -1):
            text = " ".join(words[:end])
            if found := self._known(text):
                unit = meanings.words_of_units(plain(self.design.unit_of(found[0])).split())
                if meanings.words_of_units(words[end:]) <= NOTES | unit:
                    return text, said_of(label, words[end:])
        return "", frozenset()


def _undotted(words: str) -> str:
    """Plain words without the points of what is shortened: "No. lesions"."""
    return " ".join(word.strip(".") for word in words.split())


def said_of(label: str, words: Sequence[str] = ()) -> frozenset[str]:
    """What a label says of its row, in brackets and in the words behind it: "iqr", "mean"."""
    bracketed = " ".join(re.findall(r"[\[(](.*?)[\])]", label)).casefold().split()
    return frozenset(words) | {re.sub(r"\W", "", word) for word in bracketed}
