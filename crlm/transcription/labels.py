"""What a printed label names: a column, a level of it, a product; and what it says of its row."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from crlm.ledger import Design
from crlm.ledger.cut_words import in_signs
from crlm.transcription import meanings, signed, staged, stepped, strange, two_sides
from crlm.transcription.label_words import MISSING, NOTES, UNKNOWN, Label, Words, said_of
from crlm.transcription.strange import TIMES
from crlm.transcription.wordings import (
    named_by,
    opened,
    plain,
    scaled_wordings,
    unmarked,
    wordings,
)

#: What may stand before a characteristic: "Median age", "Patient's age".
_BEFORE = re.compile(
    r"^(?:(?:mean|median|average)(?:\s?[\[(][^\])]*[\])])?(?:\s(?:value\s)?of)?"
    r"|patients?(?:['’]s?)?)\s+(?=\S)",
    re.IGNORECASE,
)
#: What counts patients with what its label names: "Number of invasive recurrences".
_COUNTED = re.compile(r"^(?:number|nos?\.?)(?:\s+of)(?:\s+patients\s+with)?\s+", re.IGNORECASE)
#: What sets two levels or groups against each other.
AGAINST = re.compile(r"\s+(?:vs\.?|versus|v\.?|against|compared (?:with|to))\s+", re.IGNORECASE)
#: What stands in brackets behind a characteristic: "Tumour grade (III versus I)".
_BRACKETS = re.compile(r"(?P<stem>[^\[(]*\w[^\[(]*?)\s*[\[(](?P<held>[^\[\]()]+)[\])]\W*")
#: A label that says its reference: "Stage (ref: I)".
SAYS_REFERENCE = re.compile(
    r"(?P<of>\S.*?)\s*[\[(]\s*ref(?:erence|erent)?\b\.?\s*[:=]?\s*(?P<level>[^()\[\]]+?)\s*[\])]\W*",
    re.IGNORECASE,
)
_SIDE = re.compile(r"\s*(?:[<>≤≥]=?\s*\d|\d[\d.,]*\s*(?:[-–—−]|to)\s*<?\s*\d)[^;]*")


class Labels:
    """The labels of a design, those of some columns before all others.

    Parameters
    ----------
    design : Design
    asked : sequence of str
        Columns that the table is about.
    named : mapping of str to str
        Answers: a label of the table to `column` or `column:level`, or to `column:unit` where
        print has the wrong unit.

    Attributes
    ----------
    taken : dict of str to str
        Labels that words of the field settled, not the design's own, with what they name.
    alone : frozenset of str
        Plain labels of which the table has one row: an answer for it is for that row.
    lacking : bool
        Whether a row may count the patients of whom a column is not known.
    """

    def __init__(self, design: Design, asked: Sequence[str], named: Mapping[str, str]) -> None:
        self.design, self.asked = design, list(asked)
        self.taken: dict[str, str] = {}
        self.alone: frozenset[str] = frozenset()
        self.lacking = False
        self._settled = ("", "")
        answers = {plain(label): target.partition(":")[::2] for label, target in named.items()}
        self._corrected = {
            label for label, own in answers.items() if own[1] and own[1] == self._unit_of(own[0])
        }
        self._answers = {
            label: (own[0], "") if label in self._corrected else own
            for label, own in answers.items()
        }
        self._signs: dict[str, dict[str, tuple[str, str]]] = {}
        for label, target in named.items():
            if sign := signed.sign_of(unmarked(label)):
                column, _, level = target.partition(":")
                level = "" if level == self._unit_of(column) else level
                self._signs.setdefault(plain(label), {})[sign] = (column, level)
        first = {**dict(wordings(design, asked)), **self._answers}
        self._scaled = {plain(text): name for name, text in scaled_wordings(design, asked)}
        self._first = Words(design, first)
        self._all = Words(design, {**dict(wordings(design)), **first})

    def read(self, label: str, within: str = "") -> Label:
        """What a label names, alone or below the label `within`."""
        if named := self._scaled.get(opened(label)):
            return Label(named)
        bare, said = stepped.parted(label)
        if stepped.names_itself(said) and (whole := self._all.whole(label, within)):
            if said.casefold() in self.design.label(whole.column, whole.level).casefold():
                return whole
        answered = self._answer(label) if said else None
        said = stepped.without_log(said) if answered else said
        found = Label(*answered) if answered else self._read(bare, within)
        shorter = "" if found.column else _BEFORE.sub("", bare)
        if shorter != bare and plain(shorter) and (later := self._read(shorter, within)).column:
            self.taken[label] = ":".join(filter(None, (later.column, later.level)))
            found = later
        if not found.column and (later := self._counted(bare, within)).column:
            self.taken[label] = ":".join(filter(None, (later.column, later.level)))
            found = later
        if not self.answered(label):
            named = signed.with_sign(self.design, found, unmarked(bare))
            if named != found and not found.level and named.level:
                self.taken[label] = f"{named.column}:{named.level}"
            found = named
        return replace(found, step=said)

    def _counted(self, label: str, within: str) -> Label:
        """ "Number of invasive recurrences": a level, or a column of yes and no, word by word."""
        bare = _COUNTED.sub("", label)
        found = self._all.whole(bare, within) if bare != label else None
        alone = found and (found.level or sorted(self.design.levels(found.column)) == ["no", "yes"])
        return found if found and alone else Label()

    def namesakes(self, label: str) -> list[str]:
        """The columns and factors that share a label: a category, and its levels merged."""
        if self.answered(label):
            return []
        known = named_by(self.design, [*self.design.columns, *self.design.factors])
        texts = meanings.shorter(plain(label), NOTES)
        found = next((known[text] for text in texts if text in known), set())
        return sorted(name for name, level in found if not level)

    def has_level(self, column: str, label: str) -> bool:
        """Whether a label names a level of a column."""
        texts = meanings.shorter(plain(label), NOTES)
        named = any(self._of_column(column, text) for text in texts)
        return named or bool(meanings.level_of(self.design, column, unmarked(label)))

    def category(self, text: str) -> str:
        """The category that a text names, and no level of it; "" for none. Nothing is told."""
        taken = dict(self.taken)
        found = self.read(text)
        self.taken = taken
        return found.column if self.design.levels(found.column) and not found.level else ""

    def settle(self, heading: str, column: str) -> None:
        """Let a heading name a column, as the rows below it say, until the next one."""
        self._settled = (plain(heading), column)

    def answered(self, label: str) -> bool:
        """Whether the reader said what a label names."""
        return self._answer(label) is not None

    def _answer(self, label: str) -> tuple[str, str] | None:
        """The answer for a label; one with a sign is for labels of that sign: "CD34 +"."""
        sign, own = signed.sign_of(unmarked(label)), self._signs.get(plain(label), {})
        return own.get(sign) if sign and own else self._answers.get(plain(label))

    def other_unit(self, label: str, column: str) -> str:
        """The unit of a label that is not its number's; "" if none, or where an answer says so."""
        texts = meanings.shorter(plain(label), NOTES)
        if self._corrected.intersection((plain(label), *texts)):
            return ""
        return meanings.other_unit(label, self._unit_of(column))

    def _unit_of(self, column: str) -> str:
        return "" if self.design.levels(column) else self.design.unit_of(column)

    def _read(self, label: str, within: str) -> Label:
        answered = self._answer(label)
        if not answered and plain(label) in self._signs:
            return Label()
        if answered and (plain(label) in self.alone or not self._is_level(within, label)):
            column, level = answered
            if level == MISSING and level not in self.design.levels(column):
                return Label(column, notes=UNKNOWN)
            return Label(*answered, notes=said_of(label))
        heading, column = self._settled
        if column and plain(label) == heading:
            return Label(column, notes=said_of(label))
        if not within and label in {*self.design.columns, *self.design.factors}:
            return Label(label)  # A column's own name, as of the groups that are compared.
        if below := self._below(within, label):
            return below
        if (inside := self._bracketed(label, within)) is not None:
            return inside
        label = meanings.without_unit(unmarked(label))
        # A wording as it stands goes before one with words behind it: "Receptor status" is no
        # "Receptor" where a column is called so.
        for read in (self._first.whole, self._all.whole, self._first.read, self._all.read):
            found = read(label, within)
            if found and not (found.level and meanings.is_common(label)):
                return found
        return (
            self._compared(label, within)
            or self._equal(label)
            or self._product(label)
            or self._cut(label)
            or self._behind(label)
            or self._worded(label)
        )

    def aside(self, label: str, column: str) -> str:
        """What a label says of a category that leaves open which of its levels a row is of.

        Of yes and no both, the first no: that may be what is compared, or how they were coded.
        Of any other category a level or two that are unknown.
        """
        if self.answered(label):
            return ""
        first, second = two_sides.in_label(label)
        turned = (two_sides.answer(first), two_sides.answer(second)) == ("no", "yes")
        if list(self.design.levels(column)) == ["no", "yes"]:
            return f"{first}/{second}" if turned else ""
        found = _BRACKETS.fullmatch(unmarked(label))
        words = set(re.findall(r"[^\W_]+", found["held"].casefold())) if found else set()
        return found["held"] if found and words - NOTES else f"{first}/{second}" if first else ""

    def tell_sides(self, label: str, found: Label) -> None:
        """Tell what the ratio of a label with two sides is taken for: "(yes/no)"."""
        if found.level and not self.answered(label) and two_sides.in_label(label)[0]:
            self.taken[label] = f"{found.column}:{found.level}"

    def _bracketed(self, label: str, within: str) -> Label | None:
        """ "Tumour grade (III versus I)", "Size (> 30 mm)": a level that stands in brackets.

        None where the brackets hold no level, as a unit or a statistic; a label of nothing where
        they hold one, or two, that the design does not have.
        """
        if said := SAYS_REFERENCE.fullmatch(unmarked(label)):
            return self._compared(f"{said['of']} vs {said['level']}", within) or Label()
        found = _BRACKETS.fullmatch(unmarked(label))
        taken = dict(self.taken)
        column = self._read(found["stem"], within) if found else Label()
        if not found or not column.column or column.level or ":" in column.column:
            self.taken = taken
            return None
        stem, held = found["stem"], found["held"]
        if AGAINST.search(held):
            bare = f"{meanings.without_unit(stem)} {held}"
            return (
                self._compared(f"{stem} {held}", within) or self._compared(bare, within) or Label()
            )
        levels = self.design.levels(column.column)
        if level := self.level_within(column.column, held) if levels else "":
            return replace(column, level=level)
        if _SIDE.fullmatch(in_signs(held)):
            cut = self._cut(f"{stem} {held}") or self._cut(f"{meanings.without_unit(stem)} {held}")
            if cut or not levels or column.column in self.design.factors:
                return cut or Label()
        self.taken = taken
        return None

    def level_within(self, column: str, held: str) -> str:
        """The level that a text in brackets is; "" of a word that says what the row holds."""
        if level := self._of_column(column, held):
            return level
        words = set(plain(held).split())
        short = len(plain(held)) < 3 and not re.search(r"\d", held)
        made = column in self.design.factors
        return (
            ""
            if not made and (short or words & NOTES)
            else meanings.level_of(self.design, column, held)
        )

    def _behind(self, label: str) -> Label | None:
        """ "Tumour grade 3", where the design has III: a level by another word."""
        stem, _, last = label.rpartition(" ")
        column = self._all.whole(stem) if stem else None
        if not column or column.level or not self.design.levels(column.column):
            return None
        if not (level := self.level_within(column.column, last)):
            return None
        self.taken[label] = f"{column.column}:{level}"
        return replace(column, level=level)

    def _is_level(self, within: str, label: str) -> bool:
        """Whether the design itself has a level of this name below the heading: "0" of a stage."""
        column = self.read(within).column if within and within != label else ""
        return bool(column) and bool(self._of_column(column, plain(label)))

    def _equal(self, label: str) -> Label | None:
        """ "sex = Male (%)", as R's tableone has the second level of two."""
        stem, sign, side = label.partition(" = ")
        sized = stem.count("(") > stem.count(")")  # "Men (n = 138)".
        column = self._read(stem, "").column if sign and not sized else ""
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
            elif level := meanings.band_of(self.design, column, side):
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
                return Label(*found.popitem(), notes=said_of(text)) if alone else None
        return None

    def _below(self, within: str, label: str) -> Label | None:
        """A level of the column that stands above."""
        above = self.read(within) if within and within != label else Label()
        column = above.column
        texts = list(meanings.shorter(plain(label), NOTES)) if column else []
        if plain(label) in ("yes", "no") and (level := self._turned(above, within, plain(label))):
            self.taken[f"{within}, {label}"] = f"{column}:{level}"
            return Label(column, level, notes=said_of(label))
        for text in texts:
            if level := self._of_column(column, text):
                return Label(column, level, notes=said_of(label))
        for text in texts:
            level = self._answered(above, within, text)
            if level := level or meanings.level_of(self.design, column, unmarked(label)):
                self.taken[f"{within}, {label}"] = f"{column}:{level}"
                return Label(column, level, notes=said_of(label))
        named = [column] if self.design.cut(column) else self.design.factors_from(column)
        own = (self._made_of(named, text) for text in self._bands(column, label))
        found = next(filter(None, own), None)
        if found:
            self.taken[f"{within}, {label}"] = f"{found.column}:{found.level}"
        return found

    def _bands(self, column: str, label: str) -> Sequence[str]:
        """A label below a number as what it says, of lesions in each way: "Single" is 1 or < 2."""
        whole = self.design.columns.get(self.design.source(column), {}).get("type") == "integer"
        return strange.COUNTED.get(plain(label) if whole else "", [unmarked(label)])

    def _turned(self, above: Label, within: str, text: str) -> str:
        """The level that yes is below a heading that names the level no: "Solitary lesion"."""
        if sorted(self.design.levels(above.column)) != ["no", "yes"]:
            return ""
        named = above.level or self.meant_by_yes(above.column, within)
        return {"yes": "no", "no": "yes"}[text] if named == "no" else ""

    def meant_by_yes(self, column: str, label: str) -> str:
        """The level of those of whom a label is true: no, where it has the words of that level."""
        words = {n: {*plain(self.design.label(column, n)).split()} for n in ("yes", "no")}
        said = [n for n in words if words[n] and words[n] <= {*plain(label).split()} - {n}]
        return "no" if said == ["no"] else "yes"

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
        texts = list(meanings.shorter(plain(label), NOTES | self._units()))
        for text in texts:
            column, level = meanings.level_alone(self.design, text)
            column, level = (column, level) if column else staged.level_alone(self.design, text)
            if column:
                self.taken[label] = f"{column}:{level}"
                return Label(column, level, notes=said_of(label))
        if column := self._asked_for(meanings.column_of(self.design, texts, self.asked)):
            self.taken[label] = column
            words = set(plain(label).split()) & NOTES
            return Label(column, notes=said_of(label, sorted(words)))
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
        first, *rest = AGAINST.split(label)
        if len(rest) != 1:
            return None
        found = self._all.read(first, within) or self._cut(first) or self._behind(first)
        if not found or not found.column:
            return None
        other = self.level_within(found.column, rest[0])
        if not other and (merged := self._merged_in(found, rest[0])):
            found, other = merged
        if not found.level and other and len(levels := self.design.levels(found.column)) == 2:
            found = replace(found, level=next(one for one in levels if one != other))
        if not found.level and other and ":" not in found.column:
            return found  # Of several levels: which one is set against it, nobody says.
        if not found.level or not other or other == found.level:
            return None
        first_of_all = other == self.design.levels(found.column)[0]
        return replace(found, reference="" if first_of_all else other)

    def _merged_in(self, named: Label, other: str) -> tuple[Label, str] | None:
        """Both sides as levels of the one factor that merges a category: "III versus I–II"."""
        found = [
            (replace(named, column=name, level=own), against)
            for name, made in self.design.factors_from(named.column).items()
            for own, held in (getattr(made, "groups", None) or {}).items()
            if list(held) == [named.level]
            and (against := meanings.level_of(self.design, name, other))
        ]
        return found[0] if len(found) == 1 else None

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
        first, *rest = TIMES.split(label)
        if len(rest) != 1:
            return None
        parts = [self.part(text) for text in (first, rest[0])]
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

    def part(self, text: str) -> Label:
        """One side of a product."""
        if answered := self._answer(text):
            return Label(*answered)
        if (inside := self._bracketed(text, "")) is not None:
            return inside
        return self._all.whole(text) or self._cut(text) or self._worded(text)

    def _second(self, part: Label) -> Label:
        """A term with its level: the other than the reference where there are but two."""
        levels = self.design.levels(part.column)
        return replace(part, level=levels[1]) if not part.level and len(levels) == 2 else part

    def unknown(self, label: str, within: str = "") -> str:
        """What to say of a label that names nothing, below `within` if that names a column."""
        return strange.told(self, label, within)


def compares(label: str) -> bool:
    """Whether a label sets two levels against each other: "Male vs female"."""
    return bool(AGAINST.search(label))


def factors_in(label: str) -> list[str]:
    """The two sides of what is worded as a product; none of another label."""
    parts = TIMES.split(unmarked(label))
    return parts if len(parts) == 2 else []


def _products(design: Design) -> list[tuple[str, str]]:
    pairs = [pair for spec in design.models.values() for pair in spec.get("products") or ()]
    return [(str(first), str(second)) for first, second in pairs]
