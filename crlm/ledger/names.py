"""The names that a design has, and what each of them is, whatever else is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from crlm.ledger.dictionary import Table, texts
from crlm.ledger.spelling import did_you_mean

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

    def unknown(self, name: str, among: Collection[str] | None = None) -> str:
        """Why a name is none of the design's, and what it may have meant; "" if it is one."""
        known = [*self.columns, *self.factors, *self.scaled] if among is None else list(among)
        if name in known or name in self.meant:
            return ""
        if name in self.dictionary and among is None:
            return f"{name!r} is in data/columns.toml, but not in columns.use; add it there."
        what = "column" if among is not None else "column or factor"
        return f"{name!r} is no {what} of this design; {did_you_mean(name, known)}"
