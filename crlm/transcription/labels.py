"""What a printed label names: a column, a level of it, a product; and what it says of its row."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from crlm.ledger import Design, did_you_mean

#: Words behind a characteristic that say what its row holds; the column's unit is one besides.
_NOTES = frozenset(
    "n no number patients pts mean median sd se standard deviation range iqr interquartile "
    "years year yr yrs months month days".split()
)
_TIMES = re.compile(r"\s+[x×*:]\s+|\s*[×*]\s*|:", re.IGNORECASE)
_AGAINST = re.compile(r"\s+(?:vs\.?|versus|v\.?|against|compared (?:with|to))\s+", re.IGNORECASE)


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
    """

    column: str = ""
    level: str = ""
    reference: str = ""
    notes: frozenset[str] = frozenset()


class Labels:
    """The labels of a design, those of some columns before all others.

    Parameters
    ----------
    design : Design
    asked : sequence of str
        Columns that the table is about.
    named : mapping of str to str
        Answers: a label of the table to `column` or `column:level`.
    """

    def __init__(self, design: Design, asked: Sequence[str], named: Mapping[str, str]) -> None:
        self.design, self.asked = design, list(asked)
        self._named = {plain(label): target for label, target in named.items()}
        self._labels = {**dict(_wordings(design)), **dict(_wordings(design, asked))}

    def read(self, label: str, within: str = "") -> Label:
        """What a label names, alone or below the label `within`."""
        found = self._whole(label, within) or self._noted(label)
        if not found:
            found = self._compared(label, within) or self._product(label)
        return found or Label()

    def _whole(self, label: str, within: str = "") -> Label | None:
        for text in (f"{self._bare(within)} {label}", label):
            words = plain(text)
            if words in self._named:
                column, _, level = self._named[words].partition(":")
                return Label(column, level)
            if words in self._labels:
                return Label(*self._labels[words])
        return None

    def _bare(self, label: str) -> str:
        """A heading without the words that say what its rows hold."""
        found = self._whole(label) if label else None
        return label if found or not label else self._trimmed(label)[0]

    def _noted(self, label: str) -> Label | None:
        """A label less the words behind it: "CEA, ng/mL, mean ± SD"."""
        text, notes = self._trimmed(label)
        found = self._whole(text) if text else None
        return replace(found, notes=notes) if found else None

    def _trimmed(self, label: str) -> tuple[str, frozenset[str]]:
        """The longest beginning that is a label, where notes and the unit alone follow."""
        words = plain(label).split()
        bracketed = frozenset(" ".join(re.findall(r"[\[(](.*?)[\])]", label)).casefold().split())
        for end in range(len(words), 0, -1):
            text = " ".join(words[:end])
            if text in self._labels:
                column = self._labels[text][0]
                unit = plain(str((self.design.columns.get(column) or {}).get("unit", "")))
                if set(words[end:]) <= _NOTES | set(unit.split()):
                    said = {re.sub(r"\W", "", word) for word in bracketed}
                    return text, frozenset(words[end:]) | said
        return "", frozenset()

    def _compared(self, label: str, within: str) -> Label | None:
        """ "Male vs female": a level, against another of the same column."""
        first, *rest = _AGAINST.split(label)
        if len(rest) != 1:
            return None
        found = self._whole(first, within) or self._noted(first)
        if not found or not found.column:
            return None
        other = self._of_column(found.column, rest[0])
        if not found.level and other and (levels := self.design.levels(found.column)):
            found = replace(found, level=next(one for one in levels if one != other))
        if not found.level or not other or other == found.level:
            return None
        first_of_all = other == self.design.levels(found.column)[0]
        return replace(found, reference="" if first_of_all else other)

    def _of_column(self, column: str, text: str) -> str:
        """The level of a column that a text names, alone or behind the column's label."""
        label = self.design.label(column).partition(",")[0]
        for level in self.design.levels(column):
            words = self.design.label(column, level)
            known = {plain(t) for t in (level, words, f"{label} {words}", f"{label} {level}")}
            if {plain(text), plain(f"{label} {text}")} & known:
                return level
        return ""

    def _product(self, label: str) -> Label | None:
        """ "Chemotherapy × score 1": the product of two terms that a model holds."""
        first, *rest = _TIMES.split(label)
        if len(rest) != 1:
            return None
        parts = [self._whole(text) for text in (first, rest[0])]
        if not all(parts):
            return None
        terms = [self._second(part) for part in parts if part]
        for pair in _products(self.design):
            for one, other in itertools.permutations(terms):
                if (one.column, other.column) == pair:
                    levels = ":".join([one.level, other.level])
                    return Label(":".join(pair), levels.strip(":"))
        return None

    def _second(self, part: Label) -> Label:
        """A term with its level: the other than the reference where there are but two."""
        levels = self.design.levels(part.column)
        return replace(part, level=levels[1]) if not part.level and len(levels) == 2 else part

    def unknown(self, label: str) -> str:
        """What to say of a label that names nothing."""
        near = did_you_mean(label, list(dict.fromkeys(map(self.design.label, self.asked))))
        return (
            f"{label!r} is no characteristic or level of the design ({near.rstrip('.')}). "
            f"Say which with --is '{label}=COLUMN:LEVEL'"
        )


def _products(design: Design) -> list[tuple[str, str]]:
    pairs = [pair for spec in design.models.values() for pair in spec.get("products") or ()]
    return [(str(first), str(second)) for first, second in pairs]


def _wordings(design: Design, names: Sequence[str] = ()) -> Iterator[tuple[str, tuple[str, str]]]:
    """Every wording that names one column or level alone, of these columns or of all."""
    seen: dict[str, set[tuple[str, str]]] = {}
    for name in names or [*design.columns, *design.factors]:
        label = design.label(name).partition(",")[0]
        for text in (name, label, design.label(name)):
            seen.setdefault(plain(text), set()).add((name, ""))
        for level in design.levels(name):
            words = design.label(name, level)
            alone = [words] if level not in ("yes", "no") else []
            of_name = (f"{label} {words}", f"{label} {level}", f"{name} {level}")
            for text in (*alone, *of_name):
                seen.setdefault(plain(text), set()).add((name, level))
    for text, targets in seen.items():
        if len(targets) == 1 and text:
            yield text, next(iter(targets))


def plain(text: str) -> str:
    """A label without case, signs and what stands in brackets."""
    text = re.sub(r"[\[(].*?[\])]", " ", text.casefold())
    return " ".join(re.sub(r"[^\w<>≤≥=.]+", " ", text).split())
