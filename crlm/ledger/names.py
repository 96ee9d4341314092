"""The names that a design has, and what each of them is, whatever else is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crlm.ledger.dictionary import Table, texts, twice_faults
from crlm.ledger.errors import Fault
from crlm.ledger.spelling import PRODUCT, did_you_mean

#: Types of a column that holds numbers.
NUMBERS = ("number", "integer")


@dataclass(frozen=True)
class Names:
    """Columns, factors and scaled numbers of a design, whatever else is wrong with it.

    Attributes
    ----------
    columns, factors, scaled : mapping of str to mapping
    dictionary : mapping
        columns.toml.
    meant : collection of str
        What misspelt names of `columns.use` probably mean: told there, and not again.
    """

    columns: Mapping[str, Table]
    factors: Mapping[str, Table]
    scaled: Mapping[str, Table]
    dictionary: Table
    meant: Collection[str] = ()

    def spec(self, name: str) -> Table:
        """A factor, a scaled number or a column; nothing for an unknown one."""
        made = self.factors.get(name) or self.scaled.get(name)
        return made or self.columns.get(name) or {}

    def levels(self, name: str) -> list[str]:
        """The levels of a factor or a category."""
        return texts(self.spec(name).get("levels"))

    def kind(self, name: str) -> str:
        """The type of a column, that of a factor or a scaled number; "" where it is not said."""
        if name in self.scaled:
            return NUMBERS[0]
        return "category" if name in self.factors else str(self.spec(name).get("type", ""))

    def source(self, name: str) -> str:
        """The column that a factor or a scaled number is made of; a column is its own."""
        for made in (self.scaled, self.factors):
            of = (made.get(name) or {}).get("source")
            name = of if isinstance(of, str) else name
        return name

    def unknown(self, name: str, among: Collection[str] | None = None) -> str:
        """Why a name is none of the design's, and what it may have meant; "" if it is one."""
        known = [*self.columns, *self.factors, *self.scaled] if among is None else list(among)
        if name in known or name in self.meant:
            return ""
        if name in self.dictionary and among is None:
            return f"{name!r} is in data/columns.toml, but not in columns.use; add it there."
        parts = [part.strip() for part in name.split(",")]
        if len(parts) > 1 and any(part in known for part in parts):
            return f"{name!r} is several names in one text; write {', '.join(map(repr, parts))}."
        pair = PRODUCT.split(name)
        if len(pair) == 2 and set(pair) <= {*known}:
            return f"{name!r} is no column; a product stands in products = [{pair}]."
        what = "column" if among is not None else "column or factor"
        near = did_you_mean(name, known, {self.label(one): one for one in reversed(known)})
        return f"{name!r} is no {what} of this design; {near}"

    def label(self, name: str) -> str:
        """What is printed for a column or factor."""
        return str(self.spec(name).get("label", name))

    def level_labels(self, name: str) -> dict[str, str]:
        """The levels of a column by what is printed for them."""
        labels = self.spec(name).get("labels")
        return {str(text): level for level, text in labels.items()} if _is_table(labels) else {}


def no_level_faults(place: str, level: str, names: Names, column: str) -> Iterator[Fault]:
    """A word that is none of the levels of a column that has some."""
    levels = names.levels(column)
    if levels and level not in levels:
        near = did_you_mean(level, levels, names.level_labels(column))
        yield Fault(place, f"{level!r} is no level of {column}; {near}")


def grouping_faults(place: str, name: Any, names: Names) -> Iterator[Fault]:
    """A column that is to split the patients."""
    if not isinstance(name, str):
        return
    told = names.unknown(name)
    if told:
        yield Fault(place, told)
    elif names.kind(name) in ("text", *NUMBERS):
        kind = names.kind(name)
        yield Fault(place, f"{name!r} is of type {kind!r}; groups are made by a category.")


def list_faults(place: str, value: Any, names: Names, roles: Collection[str]) -> Iterator[Fault]:
    """A list of columns and factors: known, none twice, no text, none of these roles."""
    yield from twice_faults(place, texts(value))
    for name in dict.fromkeys(texts(value)):
        told = names.unknown(name)
        if told:
            yield Fault(place, told)
        elif names.kind(name) == "text" or names.spec(name).get("role") in roles:
            what = names.spec(name).get("role", "text")
            yield Fault(place, f"{name!r} is no characteristic of a patient ({what}); remove it.")


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping)


def texts_by_key(value: Any) -> dict[str, str]:
    """A table of texts; what is none is told by the model of the file."""
    held = value if isinstance(value, Mapping) else {}
    return {key: text for key, text in held.items() if isinstance(text, str)}
