"""A forest of subgroups: the effect of the exposure within each level of other columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from crlm.ledger import Design
from crlm.ledger.vocabulary import ALL
from crlm.transcription.cells import cell, row_of
from crlm.transcription.labels import Label
from crlm.transcription.models import Head, ModelTable
from crlm.transcription.table import comma

_COUNT = {"n", "no", "number", "of", "patients", "pts", "cases", "total"}


class SubgroupsTable(ModelTable):
    """Ratios of the exposure, a subgroup a row, with the p of each interaction in its heading.

    Parameters
    ----------
    design, place, endpoint, named
        As of `ModelTable`.
    """

    forms = f"n, {ModelTable.forms}, nor p for interaction"
    usual = "univariable"

    def __init__(self, design: Design, place: str, endpoint: str, named: Mapping[str, str]) -> None:
        super().__init__(design, place, endpoint, named)
        self.labels.asked = [*design.columns, *design.factors]
        self.by, self.whole = design.exposure, True
        self.sides = list(design.levels(self.by))

    def read(self, rows: Sequence[Sequence[str]]) -> None:
        """Claims and questions of the table."""
        every, self.sides = self.sides, self._compared()
        if len(every) < 2:
            self.ask(self.by, "has no levels, and a ratio a subgroup is of two")
            return
        if len(self.sides) != 2 or self.sides[0] != every[0]:
            told = f"has {len(every)} levels, and a ratio a subgroup is of two"
            two = f"--population {self.by}={every[0]}/{every[-1]}"
            told += ", the first of the design and another. Say which, where the fits have them "
            self.ask(self.by, f"{told}alone: {two}; else put the rows in by hand, with their level")
            return
        heads = self._heads(rows)
        numbers = [at for at, head in enumerate(heads, 1) if head.holds not in ("", "between")]
        for number, row, found in self.walk(rows, lambda row: any(row[at] for at in numbers)):
            if found.column and not found.level and any(row[at] for at in numbers):
                self.ask(row_of(row, number), f"{row[0]!r} names no level of {found.column}")
            elif found.column == self.by:
                self.ask(
                    row_of(row, number), f"{row[0]!r} is a side of the comparison, no subgroup"
                )
            else:
                self._subgroup(row, heads, found)
        first, second = (self.design.label(self.by, level) for level in self.sides)
        self.labels.taken["each ratio"] = f"{second} against {first}"

    def _compared(self) -> list[str]:
        """The levels of the exposure among the table's patients."""
        for part in self.population.split(","):
            name, _, of = part.partition("=")
            if name == self.by:
                return [level for level in self.sides if level in of.split("/")]
        return self.sides

    def held(self, head: str, texts: Sequence[str]) -> str:
        """As of a regression table; besides "n", and "between" for the p of an interaction."""
        words = re.findall(r"[a-z]+", head.casefold())
        if {"interaction", "heterogeneity"} & set(words):
            return "between"
        counts = all(len(cell(t).parts) == 1 for t in texts if cell(t).kind != "empty")
        if words and set(words) <= _COUNT and counts:
            return "n"
        found = super().held(head, texts)
        # A trend over subgroups has no form.
        return "" if found == "trend" else found

    def _subgroup(self, row: Sequence[str], heads: Sequence[Head], found: Label) -> None:
        own = f"{found.column}={found.level}" if found.column else ""
        among = ",".join(part for part in (self.population, own) if part not in ("", ALL)) or ALL
        for text, head in zip(row[1:], heads, strict=True):
            if head.holds == "between":
                self._between(text, head, found.column, f"{self.place}, {row[0]}, interaction")
            elif head.holds == "n":
                self._count(text, found, f"{self.place}, {row[0]}")
            else:
                keys = {"covariate": self.by, "level": self.sides[1], "population": among}
                self.of_model(row[0], text, head, keys)

    def _count(self, text: str, named: Label, where: str) -> None:
        """How many patients a subgroup has."""
        found = cell(text)
        if found.kind == "single":
            keys = {"covariate": named.column, "level": named.level, "statistic": "n"}
            self.claim(found.parts[0], where, **keys, unit="patients")
        elif found.kind != "empty":
            self.ask(where, f"{text!r} is not one number of patients")

    def _between(self, text: str, head: Head, column: str, where: str) -> None:
        """The p of an interaction: of the ratio of two ratios, or the joint one of several."""
        found, levels = cell(text), self.design.levels(column) if column else []
        if found.kind == "empty":
            return
        if found.kind != "single" or not levels:
            self.ask(where, f"{text!r} is not one p value of a heading{comma(text)}")
            return
        level = f"{self.sides[1]}:{levels[1]}" if len(levels) == 2 else ""
        keys = {"endpoint": head.endpoint, "covariate": f"{self.by}:{column}", "level": level}
        self.claim(found.parts[0], where, **keys, model="interaction", statistic="p")
