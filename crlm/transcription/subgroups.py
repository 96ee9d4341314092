"""A forest of subgroups: the effect of the exposure within each level of other columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from crlm.ledger import Design
from crlm.ledger.vocabulary import ALL
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import cell, row_of
from crlm.transcription.corrected import OF_INTERACTION, is_adjusted, says_adjusted
from crlm.transcription.curve_columns import EVENTS, both
from crlm.transcription.labels import Label
from crlm.transcription.model_columns import RATIOS
from crlm.transcription.models import Head, ModelTable
from crlm.transcription.several import ALONE, SINGLE
from crlm.transcription.table import comma

#: What a column of counts holds: patients, events, or both in one cell.
_COUNTS = ("n", "events", "both")
#: What of a header says so: "D-penicillamine, events/n", "No. of events/total no. (%)".
_COUNTING = re.compile(
    r"\b(?:no\.|no(?=\s+of\b)|(?:n|number|events?|deaths?|patients?|pts|cases|total|of|with)\b\.?)|[/%()\[\],;:]|"
    r"\bn\s*=\s*[\d,]+",
    re.IGNORECASE,
)


class SubgroupsTable(ModelTable):
    """Ratios of the exposure, a subgroup a row, with the p of each interaction in its heading.

    Parameters
    ----------
    design, place, endpoint, named
        As of `ModelTable`.
    """

    forms = f"n, events, events/n of a group or of all, {ModelTable.forms}, nor p for interaction"
    usual = "univariable"

    def __init__(self, design: Design, place: str, endpoint: str, named: Mapping[str, str]) -> None:
        super().__init__(design, place, endpoint, named)
        self.labels.asked = [*design.columns, *design.factors]
        self.by, self.whole = design.exposure, True
        self.sides: list[str] = []

    def read(self, rows: Sequence[Sequence[str]]) -> None:
        """Claims and questions of the table."""
        every = list(self.design.levels(self.by))
        self.sides = self._compared(every)
        if len(every) < 2:
            self.ask(self.by, "has no levels, and a ratio a subgroup is of two")
            return
        if len(self.sides) != 2 or self.sides[0] != every[0]:
            told = f"has {len(every)} levels, and a ratio a subgroup is of two"
            two = f"--population {self.by}={every[0]}/{every[-1]}"
            told += ", the first of the design and another. Say which, where the fits have them "
            self.ask(self.by, f"{told}alone: {two}; else put the rows in by hand, with their level")
            return
        heads = self._of_headings(rows, self._heads(rows))
        self._ask_for_turned([self.over, *rows[0][1:]])
        self._ask_for_adjusted(rows, heads)
        numbers = [at for at, head in enumerate(heads, 1) if head.holds not in ("", "between")]
        for number, row, found in self.walk(rows, lambda row: any(row[at] for at in numbers)):
            if found.column and not found.level and any(row[at] for at in numbers):
                told = f"{row[0]!r} names no level of {found.column}; where its p is that of an "
                told += "interaction, name the column 'P for interaction'"
                self.ask(row_of(row, number), told)
            elif found.column == self.by:
                self.ask(
                    row_of(row, number), f"{row[0]!r} is a side of the comparison, no subgroup"
                )
            else:
                self._subgroup(row, heads, found)
        first, second = (self.design.label(self.by, level) for level in self.sides)
        told = f"{second} against {first}"
        if self.turned(self.title, self.by, self.sides):
            told += f", though the title has {first} against {second}"
        self.labels.taken["each ratio"] = told

    def _ask_for_turned(self, heads: Sequence[str]) -> None:
        """Ask where a head sets the first level of the exposure against the other."""
        first, second = (self.design.label(self.by, level) for level in self.sides)
        for head in dict.fromkeys(heads):
            if self.turned(head, self.by, self.sides):
                told = f"is of {first} against {second}, and rows have {second} against {first}; "
                told += f"name {second} first among the levels of {self.by} in the design, or "
                self.ask(f"column {head!r}", f"{told}leave it out with {to_ask(head, '-')}")

    def _ask_for_adjusted(self, rows: Sequence[Sequence[str]], heads: Sequence[Head]) -> None:
        """Ask whether ratios that no head calls adjusted are, where the title or a line says so.

        The p of an interaction beside adjusted ratios is taken as unadjusted: told.
        """
        lines = [self.title, *(row[0] for row in rows[1:] if not any(row[1:]))]
        of_p = {*self.adjusted_by.values()}
        said = [line for line in lines if says_adjusted(line) and line not in of_p]
        ratios = {
            text: head.model
            for text, head in zip(rows[0][1:], heads, strict=True)
            if head.holds in RATIOS
        }
        for text in (text for text, model in ratios.items() if said and model == ALONE):
            told = f"does not say whether it is adjusted, and {said[0]!r} does. Name it 'Adjusted "
            told += f"{text}', of the model's covariates, or 'Unadjusted {text}', or leave it out "
            if not SINGLE.search(text):
                self.ask(f"column {text!r}", f"{told}with {to_ask(text, '-')}")
        if any(head.holds == "between" for head in heads) and {*ratios.values()} - {ALONE}:
            self.labels.taken["p for interaction beside adjusted ratios"] = "unadjusted"

    def _of_headings(self, rows: Sequence[Sequence[str]], heads: Sequence[Head]) -> list[Head]:
        """Heads with a column "P" whose numbers all stand in headings as those of interactions."""
        made = list(heads)
        for at, head in enumerate(heads, 1):
            filled = [row for row in rows[1:] if row[at]]
            alone = all(
                not text for row in filled for i, text in enumerate(row) if i not in (0, at)
            )
            if head.holds == "p" and filled and alone:
                made[at - 1] = replace(head, holds="between")
                self.labels.taken[rows[0][at]] = "p for interaction, as it stands beside headings"
        return made

    def _compared(self, every: list[str]) -> list[str]:
        """The levels of the exposure, of those of its column, among the table's patients."""
        for part in self.population.split(","):
            name, _, of = part.partition("=")
            if name == self.by:
                return [level for level in every if level in of.split("/")]
        return every

    def held(self, head: str, texts: Sequence[str]) -> str:
        """As of a regression table; besides "n", and "between" for the p of an interaction."""
        if OF_INTERACTION.search(head):
            return "between"
        if counted := self._counts_of(head, texts):
            return counted
        found = super().held(head, texts)
        # A trend over subgroups has no form.
        return "" if found == "trend" else found

    def _counts_of(self, head: str, texts: Sequence[str]) -> str:
        """What a column of counts holds, a word of `_COUNTS`; "" of other columns."""
        found = [cell(text) for text in texts if cell(text).kind != "empty"]
        own = self._bare(head)
        if not found or (own and not self.group(own, self.by)):
            return ""
        whole = not any(part.decimals for one in found for part in one.parts[:1])
        # "75/158" below a group alone is what "events/n" says.
        rest = head.replace(own, " ") if own else head
        kinds = both(rest) or ("events", "n")
        if all(one.kind == "over" for one in found):
            return "both" if kinds == ("events", "n") else ""
        single = whole and all(len(one.parts) == 1 for one in found)
        words = set(re.findall(r"[a-z]+", rest.casefold()))
        return "" if not single else "events" if words & EVENTS else "n" if words else ""

    def _bare(self, head: str) -> str:
        """A header without what says that it counts: of a group its name, of all nothing."""
        return " ".join(_COUNTING.sub(" ", head).split())

    def of_group(self, text: str, head: Head) -> Head:
        """A head of counts with its group; of all where it names none."""
        own = self._bare(text) if head.holds in _COUNTS else ""
        group = self.group(own, self.by) if own else ALL
        return replace(head, group=group) if head.holds in _COUNTS else head

    def corrected(self, head: str, heads: Sequence[str]) -> bool:
        """An adjusted p for interaction is none of a row, whatever ratios stand beside it."""
        if OF_INTERACTION.search(head):
            return is_adjusted(head) or head in self.adjusted_by
        return super().corrected(head, heads)

    def _subgroup(self, row: Sequence[str], heads: Sequence[Head], found: Label) -> None:
        own = f"{found.column}={found.level}" if found.column else ""
        among = ",".join(part for part in (self.population, own) if part not in ("", ALL)) or ALL
        self.size_in(row[0], {"covariate": found.column, "level": found.level})
        for text, head in zip(row[1:], heads, strict=True):
            if head.holds == "between":
                of = f"{head.endpoint} " * (not self.endpoint)
                self._between(text, head, found.column, f"{self.place}, {row[0]}, {of}interaction")
            elif head.holds in _COUNTS:
                self._count(text, head, found, among, f"{self.place}, {row[0]}, {head.group}")
            else:
                keys = {"covariate": self.by, "level": self.sides[1], "population": among}
                self.of_model(row[0], text, head, keys)

    def _count(self, text: str, head: Head, named: Label, among: str, where: str) -> None:
        """How many patients a subgroup has, and how many events, of all or of a group."""
        found, names = cell(text), {"both": ("events", "n")}.get(head.holds, (head.holds,))
        if found.kind == "empty":
            return
        if found.kind not in ("over", "single") or len(found.parts) < len(names):
            wanted = "events and patients, as 45/87" if len(names) > 1 else "one number"
            self.ask(where, f"{text!r} is not {wanted}{comma(text)}")
            return
        events, patients = found.parts[0], found.parts[len(names) - 1]
        if events.value > patients.value:
            self.ask(where, f"{text!r} has more events than patients; correct the cell")
            return
        for name, number in zip(names, found.parts, strict=False):
            keys = {"group": head.group, "population": among}
            if name == "events":
                keys |= {"endpoint": head.endpoint, "unit": "events"}
            elif head.group == ALL:
                keys = {"covariate": named.column, "level": named.level, "unit": "patients"}
            else:
                keys |= {"unit": "patients"}
            self.claim(number, where, **keys, statistic=name)

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
