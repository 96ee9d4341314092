"""What a printed label names: a column, a level of it, a product; and what it says of its row."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from crlm.ledger import Design, did_you_mean
from crlm.ledger.factors import span_in
from crlm.transcription import meanings, stepped
from crlm.transcription.asking import quoted, to_ask
from crlm.transcription.wordings import (
    closed,
    named_by,
    opened,
    plain,
    scaled_wordings,
    unmarked,
    wordings,
)

#: Words behind a characteristic that say what its row holds; the column's unit is one besides.
_NOTES = frozenset(
    "n no number patients pts per mean median sd se sem standard error deviation range iqr "
    "interquartile geometric average minimum maximum min max lowest highest quartile quartiles "
    "std dev q1 q3 25th 75th percentile percentiles years year yr yrs months month days status "
    "value values at surgery operation hepatectomy resection".split()
)
#: What may stand before a characteristic: "Median age", "Patient's age".
_BEFORE = re.compile(
    r"^(?:(?:mean|median|average)(?:\s(?:value\s)?of)?|patients?(?:['’]s?)?)\s+(?=\S)",
    re.IGNORECASE,
)
#: What parts the terms of a product; "× 10⁹" is of a unit.
_TIMES = re.compile(r"\s+[x×*:]\s+(?!10\b)|\s*[×*]\s*(?!\s|10(?!\w))|:", re.IGNORECASE)
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


class _Words:
    """Wordings, each with the column and the level that it names, however its parts are joined."""

    def __init__(self, design: Design, labels: Mapping[str, tuple[str, str]]) -> None:
        self.design, self.labels = design, {**closed(labels), **labels}

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
                unit = meanings.words_of_units(plain(self.design.unit_of(found[0])).split())
                if meanings.words_of_units(words[end:]) <= _NOTES | unit:
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

    Attributes
    ----------
    taken : dict of str to str
        Labels that words of the field settled, not the design's own, with what they name.
    """

    def __init__(self, design: Design, asked: Sequence[str], named: Mapping[str, str]) -> None:
        self.design, self.asked = design, list(asked)
        self.taken: dict[str, str] = {}
        self._settled = ("", "")
        self._answers = {
            plain(label): target.partition(":")[::2] for label, target in named.items()
        }
        first = {**dict(wordings(design, asked)), **self._answers}
        self._scaled = {plain(text): name for name, text in scaled_wordings(design, asked)}
        self._first = _Words(design, first)
        self._all = _Words(design, {**dict(wordings(design)), **first})

    def read(self, label: str, within: str = "") -> Label:
        """What a label names, alone or below the label `within`."""
        if named := self._scaled.get(opened(label)):
            return Label(named)
        bare, said = stepped.parted(label)
        answered = self._answers.get(plain(label)) if said else None
        found = Label(*answered) if answered else self._read(bare, within)
        shorter = "" if found.column else _BEFORE.sub("", bare)
        if shorter not in ("", bare) and (later := self._read(shorter, within)).column:
            self.taken[label] = ":".join(filter(None, (later.column, later.level)))
            found = later
        return replace(found, step=said)

    def namesakes(self, label: str) -> list[str]:
        """The columns and factors that share a label: a category, and its levels merged."""
        if self.answered(label):
            return []
        known = named_by(self.design, [*self.design.columns, *self.design.factors])
        texts = meanings.shorter(plain(label), _NOTES)
        found = next((known[text] for text in texts if text in known), set())
        return sorted(name for name, level in found if not level)

    def has_level(self, column: str, label: str) -> bool:
        """Whether a label names a level of a column."""
        texts = meanings.shorter(plain(label), _NOTES)
        named = any(self._of_column(column, text) for text in texts)
        return named or bool(meanings.level_of(self.design, column, unmarked(label)))

    def settle(self, heading: str, column: str) -> None:
        """Let a heading name a column, as the rows below it say, until the next one."""
        self._settled = (plain(heading), column)

    def answered(self, label: str) -> bool:
        """Whether the reader said what a label names."""
        return plain(label) in self._answers

    def _read(self, label: str, within: str) -> Label:
        answered = self._answers.get(plain(label))
        if answered and not self._is_level(within, label):
            return Label(*answered, notes=_said(label))
        heading, column = self._settled
        if column and plain(label) == heading:
            return Label(column, notes=_said(label))
        if not within and label in {*self.design.columns, *self.design.factors}:
            return Label(label)  # A column's own name, as of the groups that are compared.
        if below := self._below(within, label):
            return below
        label = meanings.without_unit(label)
        for words in (self._first, self._all):
            found = words.read(label, within)
            if found and not (found.level and meanings.is_common(label)):
                return found
        return (
            self._compared(label, within)
            or self._equal(label)
            or self._product(label)
            or self._cut(label)
            or self._worded(label)
        )

    def _is_level(self, within: str, label: str) -> bool:
        """Whether the design itself has a level of this name below the heading: "0" of a stage."""
        column = self.read(within).column if within and within != label else ""
        return bool(column) and bool(self._of_column(column, plain(label)))

    def _equal(self, label: str) -> Label | None:
        """ "sex = Male (%)", as R's tableone has the second level of two."""
        stem, sign, side = label.partition(" = ")
        column = self._read(stem, "").column if sign else ""
        bare = re.sub(r"\s*\(%\)\s*$", "", side)
        if column and sorted(self.design.levels(column)) == ["no", "yes"]:
            bare = "yes" if bare.casefold() in ("1", "true") else bare
        found = self._below(stem, bare) if column and self.design.levels(column) else None
        return found if found and found.level else None

    def _cut(self, label: str) -> Label | None:
        """ "CEA ≥ 20 ng/mL", "Age 50-59": the level of a factor, those asked for first."""
        stem, side = meanings.cut_in(label)
        column = self._read(stem, "").column if side else ""
        if column and not meanings.other_unit(label, self.design.unit_of(column)):
            if column in self.design.factors:
                if level := meanings.level_of(self.design, column, side):
                    return Label(column, level)
            return self._made_of(self.design.factors_from(self.design.source(column)), side)
        merged = [name for name, spec in self.design.factors.items() if "groups" in spec]
        return self._made_of(merged, label) if meanings.is_joined(label) and not side else None

    def _made_of(self, names: Collection[str], text: str) -> Label | None:
        """The level of one of these factors that a text is, of one asked for if it is.

        Where several are cut so, of the one that the text's own numbers cut.
        """
        for some in ([name for name in self.asked if name in names], names):
            named = {n: self._of_column(n, text) for n in some}
            found = {n: level for n, level in named.items() if level} or {
                n: level for n in some if (level := meanings.level_of(self.design, n, text))
            }
            cut = {n: at for n, at in found.items() if meanings.is_cut_at(self.design, n, text)}
            found = cut if len(found) > 1 else found
            if found:
                alone = len(found) == 1
                return Label(*found.popitem(), notes=_said(text)) if alone else None
        return None

    def _below(self, within: str, label: str) -> Label | None:
        """A level of the column that stands above."""
        above = self.read(within) if within and within != label else Label()
        column = above.column
        texts = list(meanings.shorter(plain(label), _NOTES)) if column else []
        for text in texts:
            if level := self._of_column(column, text):
                return Label(column, level, notes=_said(label))
        for text in texts:
            level = self._answered(above, within, text)
            if level := level or meanings.level_of(self.design, column, unmarked(label)):
                self.taken[f"{within}, {label}"] = f"{column}:{level}"
                return Label(column, level, notes=_said(label))
        found = self._made_of(self.design.factors_from(column), unmarked(label))
        if found:
            self.taken[f"{within}, {label}"] = f"{found.column}:{found.level}"
        return found

    def _answered(self, above: Label, within: str, text: str) -> str:
        """The level that yes or no is below a heading that names one: "RAS mutation"."""
        levels = self.design.levels(above.column)
        if len(levels) != 2 or {"yes", "no"} & set(levels) or text not in ("yes", "no"):
            return ""
        named = above.level or meanings.level_within(levels, plain(within))
        other = next(level for level in levels if level != named)
        return "" if not named else named if text == "yes" else other

    def _worded(self, label: str) -> Label:
        """What the words of the field name, where the design has another wording."""
        texts = list(meanings.shorter(plain(label), _NOTES | self._units()))
        for text in texts:
            column, level = meanings.level_alone(self.design, text)
            if column:
                self.taken[label] = f"{column}:{level}"
                return Label(column, level, notes=_said(label))
        if column := self._asked_for(meanings.column_of(self.design, texts, self.asked)):
            self.taken[label] = column
            words = set(plain(label).split()) & _NOTES
            return Label(column, notes=_said(label, sorted(words)))
        return Label()

    def _units(self) -> frozenset[str]:
        units = (str(spec.get("unit", "")) for spec in self.design.columns.values())
        return frozenset(word for unit in units for word in plain(unit).split())

    def _asked_for(self, column: str) -> str:
        """A column, or the factor made of it where the table is about that alone."""
        made = [n for n in self.asked if self.design.factors.get(n, {}).get("source") == column]
        return made[0] if column not in self.asked and len(made) == 1 else column

    def _compared(self, label: str, within: str) -> Label | None:
        """ "Male vs female": a level, against another of the same column."""
        first, *rest = _AGAINST.split(label)
        if len(rest) != 1:
            return None
        found = self._all.read(first, within) or self._cut(first)
        if not found or not found.column:
            return None
        other = self._of_column(found.column, rest[0])
        if not other and found.column in self.design.factors:
            other = meanings.level_of(self.design, found.column, rest[0])
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
        parts = [self._part(text) for text in (first, rest[0])]
        if not all(part.column for part in parts):
            return None
        terms = [self._second(part) for part in parts]
        for pair in _products(self.design):
            made_of = tuple(self._numbered(name) for name in pair)
            for one, other in itertools.permutations(terms):
                if (one.column, other.column) in (pair, made_of):
                    levels = ":".join([one.level, other.level])
                    return Label(":".join(pair), levels.strip(":"))
        return None

    def _numbered(self, name: str) -> str:
        """A covariate of a product as its label has it: of a scaled number the column."""
        return self.design.source(name) if name in self.design.scaled else name

    def _part(self, text: str) -> Label:
        """One side of a product."""
        answered = self._answers.get(plain(text))
        return Label(*answered) if answered else self._all.whole(text) or self._worded(text)

    def _second(self, part: Label) -> Label:
        """A term with its level: the other than the reference where there are but two."""
        levels = self.design.levels(part.column)
        return replace(part, level=levels[1]) if not part.level and len(levels) == 2 else part

    def unknown(self, label: str, within: str = "") -> str:
        """What to say of a label that names nothing, below `within` if that names a column."""
        first, *rest = _TIMES.split(unmarked(label))
        if len(rest) == 1:
            return self._unknown_product(label, [first, rest[0]])
        column = self.read(within).column if within and within != label else ""
        levels = {self.design.label(column, level): level for level in self.design.levels(column)}
        near = did_you_mean(label, levels)
        if near.startswith("did"):
            return (
                f"{label!r} is no level of {column} ({near}). Say which with "
                f"{to_ask(label, f'{column}:LEVEL')}, a LEVEL of {', '.join(levels.values())}"
            )
        near = did_you_mean(label, self._labels())
        number = self.design.columns.get(column, {}).get("type") in ("integer", "number")
        bands = [n for n in self.design.factors_from(column) if self.design.cut(n)]
        if number and bands and span_in(label):
            known = (f"{n} ({', '.join(self.design.levels(n))})" for n in bands)
            return (
                f"{label!r} is no band of {column} as the design cuts it: {', '.join(known)}. Say "
                f"which with {to_ask(label, *(f'{n}:LEVEL' for n in bands))}, or correct its cuts"
            )
        if number and span_in(label):
            return (
                f"below {within!r} print counts bands of {column} that no factor of the design "
                f"has. Declare them: [factors.{column}_band] with source = '{column}', rule = "
                "'>=', cuts = [...] and levels = [...], the lowest first"
            )
        if number and re.match(r"[<>≤≥=]*\s*\d", label):
            return (
                f"below {within!r} print counts its values, and {column} is a number in the "
                f"design. Give it levels: [columns.{column}] with type = 'category' and "
                f"levels = ['0', '1', ...]"
            )
        if several := self._several(label):
            return (
                f"{label!r} is a level of {' and of '.join(name for name, _ in several)}. Say "
                f"which with {to_ask(label, *(f'{n}:{level}' for n, level in several))}, or write "
                "it below the label of its column"
            )
        told = f" ({near.rstrip('.')})" if near.startswith("did") else ""
        return (
            f"{label!r} is no characteristic or level of the design{told}. "
            f"Say which with --is {quoted(label, 'COLUMN:LEVEL')}, or {quoted(label, 'COLUMN')}"
        )

    def _several(self, label: str) -> list[tuple[str, str]]:
        """The levels of several columns that a label may be, in the order of the design."""
        for names in (self.asked, [*self.design.columns, *self.design.factors]):
            found = named_by(self.design, names).get(plain(label), set())
            if len(found) > 1 and all(level for _, level in found):
                return sorted(found, key=lambda one: names.index(one[0]))
        return []

    def _labels(self) -> list[str]:
        names = dict.fromkeys([*self.asked, *self.design.columns, *self.design.factors])
        return list(dict.fromkeys(map(self.design.label, names)))

    def _unknown_product(self, label: str, parts: Sequence[str]) -> str:
        strange = [part for part in parts if not self._part(part).column]
        if strange:
            return (
                f"{label!r} is a product, and {strange[0]!r} is no characteristic or level of the "
                f"design. Say which with {to_ask(strange[0], 'COLUMN:LEVEL')}"
            )
        return (
            f"{label!r} is a product that no model of the design holds. Give the pair to "
            "`products` of its model"
        )


def factors_in(label: str) -> list[str]:
    """The two sides of what is worded as a product; none of another label."""
    parts = _TIMES.split(unmarked(label))
    return parts if len(parts) == 2 else []


def _products(design: Design) -> list[tuple[str, str]]:
    pairs = [pair for spec in design.models.values() for pair in spec.get("products") or ()]
    return [(str(first), str(second)) for first, second in pairs]


def _said(label: str, words: Sequence[str] = ()) -> frozenset[str]:
    """What a label says of its row, in brackets and in the words behind it: "iqr", "mean"."""
    bracketed = " ".join(re.findall(r"[\[(](.*?)[\])]", label)).casefold().split()
    return frozenset(words) | {re.sub(r"\W", "", word) for word in bracketed}
