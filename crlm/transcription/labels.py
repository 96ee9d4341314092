"""What a printed label names: a column, a level of it, a product; and what it says of its row."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from crlm.ledger import Design, did_you_mean

#: Words behind a characteristic that say what its row holds; the column's unit is one besides.
_NOTES = frozenset(
    "n no number patients pts per mean median sd se standard deviation range iqr interquartile "
    "years year yr yrs months month days".split()
)
#: Marks that send the reader to a footnote.
_MARKS = re.compile(r"[*†‡§¶‖#⁰¹²³⁴-⁹ᵃ-ᵛ]+(?=$|\W)")
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


class _Words:
    """Wordings, each with the column and the level that it names, however its parts are joined."""

    def __init__(self, design: Design, labels: Mapping[str, tuple[str, str]]) -> None:
        self.design, self.labels = design, {**_closed(labels), **labels}

    def read(self, label: str, within: str = "") -> Label | None:
        """What a label names as it stands, or without the words behind it."""
        return self.whole(label, within) or self._noted(label)

    def _known(self, words: str) -> tuple[str, str] | None:
        """Column and level of plain words, however they are parted: "ca 19 9", "ca19 9"."""
        return self.labels.get(words) or self.labels.get(words.replace(" ", ""))

    def whole(self, label: str, within: str = "") -> Label | None:
        for text in (f"{self._bare(within)} {label}", label):
            if found := self._known(plain(text)):
                return Label(*found, notes=_said(label))
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
        words = [word.strip(".") for word in plain(label).split()]
        for end in range(len(words), 0, -1):
            text = " ".join(words[:end])
            if found := self._known(text):
                unit = plain(str((self.design.columns.get(found[0]) or {}).get("unit", "")))
                if set(words[end:]) <= _NOTES | set(unit.split()):
                    return text, _said(label, words[end:])
        return "", frozenset()


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
        answers = {plain(label): target.partition(":")[::2] for label, target in named.items()}
        first = {**dict(_wordings(design, asked)), **answers}
        self._first = _Words(design, first)
        self._all = _Words(design, {**dict(_wordings(design)), **first})

    def read(self, label: str, within: str = "") -> Label:
        """What a label names, alone or below the label `within`."""
        for words in (self._first, self._all):
            if found := words.read(label, within):
                return found
        return self._compared(label, within) or self._product(label) or Label()

    def _compared(self, label: str, within: str) -> Label | None:
        """ "Male vs female": a level, against another of the same column."""
        first, *rest = _AGAINST.split(label)
        if len(rest) != 1:
            return None
        found = self._all.read(first, within)
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
        parts = [self._all.whole(text) for text in (first, rest[0])]
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

    def unknown(self, label: str, within: str = "") -> str:
        """What to say of a label that names nothing, below `within` if that names a column."""
        column = self.read(within).column if within and within != label else ""
        levels = {self.design.label(column, level): level for level in self.design.levels(column)}
        near = did_you_mean(label, levels)
        if near.startswith("did"):
            return (
                f"{label!r} is no level of {column} ({near}). Say which with "
                f"--is '{label}={column}:LEVEL', a LEVEL of {', '.join(levels.values())}"
            )
        near = did_you_mean(label, list(dict.fromkeys(map(self.design.label, self.asked))))
        return (
            f"{label!r} is no characteristic or level of the design ({near.rstrip('.')}). "
            f"Say which with --is '{label}=COLUMN:LEVEL', or '{label}=COLUMN'"
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


def _closed(words: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The wordings without spaces, where no two of them become one."""
    found: dict[str, set[tuple[str, str]]] = {}
    for text, target in words.items():
        found.setdefault(text.replace(" ", ""), set()).add(target)
    return {text: next(iter(targets)) for text, targets in found.items() if len(targets) == 1}


def _said(label: str, words: Sequence[str] = ()) -> frozenset[str]:
    """What a label says of its row, in brackets and in the words behind it: "iqr", "mean"."""
    bracketed = " ".join(re.findall(r"[\[(](.*?)[\])]", label)).casefold().split()
    return frozenset(words) | {re.sub(r"\W", "", word) for word in bracketed}


def unmarked(text: str) -> str:
    """A text without its footnote marks: "P value*", "S-1†"."""
    return _MARKS.sub("", text).strip()


def plain(text: str) -> str:
    """A label without case, signs, footnote marks and what stands in brackets."""
    text = unmarked(text)
    text = re.sub(r"[\[(].*?[\])]", " ", text.casefold())
    return " ".join(re.sub(r"[^\w<>≤≥=.]+", " ", text).split())
