"""Table 1: a characteristic or a level a row, a group a column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from crlm.ledger import Design
from crlm.ledger.vocabulary import ALL, NUMBER_TRENDS, TREND_TEST
from crlm.transcription import (
    corners,
    everybody,
    followed,
    footnotes,
    meanings,
    other_columns,
    pairs,
    shares,
    sides,
    sizes,
    stepped,
    summaries,
    tested,
    totals,
)
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import Cell, are_p, cell, printed, row_of
from crlm.transcription.corrected import adjusts_so, is_adjusted
from crlm.transcription.label_words import UNKNOWN
from crlm.transcription.labels import Label
from crlm.transcription.strange import no_levels
from crlm.transcription.table import P_HEAD, TREND, Table, comma, last_word
from crlm.transcription.trends import heads_trend
from crlm.transcription.wordings import plain

_OF_NUMBERS = ("spread", "mean")
_BEHIND = ("sd", "iqr", "range")
_NEITHER = "says neither n (%) of a level, nor median with range, nor mean ± SD"
#: What stands behind a time: its unit, no minimum.
_MINUTES = re.compile(r"\W+min\.?\W*", re.IGNORECASE)
#: What a column holds that is no group.
_TESTS = ("p", "trend")
_BETWEEN = (*_TESTS, "smd", "adjusted")

#: What R writes above, or into the corner of, a table: the column of its groups.
_SPLIT = re.compile(r"^(?:Stratified by|Dependent:)\s+(.+?)\s*$")


class FirstTable(Table):
    """Table 1 of a paper, with groups in columns or in rows.

    Parameters
    ----------
    design, place, named
        As of `Table`.
    spread : {"", "range", "iqr"}
        What two numbers behind a median are, where their row does not say; "": as the design.
    by : str
        The column that splits the patients; "": that of the design's Table 1.
    marks : mapping of str to tuple of str
        Answers: what the marks of footnotes say that the numbers of a row are.
    """

    of_one_test = 'the design says none so (adjust = "holm" in [table_one], or another)'

    def __init__(
        self,
        design: Design,
        place: str,
        spread: str,
        named: Mapping[str, str],
        by: str = "",
        marks: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__(design, place, design.table_one["variables"], named)
        self.by = by or str(design.table_one["by"])
        self.known: dict[tuple[str, str], str] = {}
        self.spread, self.mark, self.several, self.percent = spread, "", False, False
        self.shares: set[int] = set()  # Columns of per cent alone.
        self.ends = summaries.ENDS.get(spread or str(design.table_one["spread"]), ())
        self.marks = dict(marks or {})
        self.labels.lacking = True
        self.lacking: dict[str, str] = {}
        self.number = ("", "")  # A factor whose label a number has, and the number.
        self.tests = tested.LevelTests()
        self.two: dict[int, str] = {}  # By column of p: the two of several groups that it compares.

    def read(self, rows: Sequence[Sequence[str]]) -> None:
        """Claims and questions of the table."""
        rows = tested.without_names(self._upright(rows), self.made)
        self._split_otherwise(rows[0][0])
        columns = self._columns(rows)
        for at, group in columns.items():
            if group in (*_TESTS, "adjusted") and len(self.design.levels(self.by)) > 2:
                self._of_two(at, rows[0][at])
            if group and group not in _BETWEEN:
                self.size(sizes.said(rows[0][at], [row[at] for row in rows[1:]]), group)
            elif not group and (rows[0][at] or any(row[at] for row in rows)):
                self.strange_group(f"column {rows[0][at]!r}", rows[0][at], self.by)
        self.shares = shares.columns_of(rows[0], columns, _BETWEEN)
        for several in other_columns.of_one_group(self, rows, columns, self.shares):
            columns = {at: group for at, group in columns.items() if at not in several}
        groups = [at for at, group in columns.items() if group not in _BETWEEN]
        rows = self._without_sizes(rows, {at: columns[at] for at in groups})
        rows = totals.without_sizes(self, rows, {at: columns[at] for at in groups})
        rows = followed.without(self, rows, {at: columns[at] for at in groups})
        rows = corners.headed(rows, self.labels, self.by)
        rows = self._parted(totals.without(self, rows, groups), groups)
        self._footnotes(rows, groups)
        self.made.left_out += summaries.within_labels(rows, self.place)
        above = heading = ""
        for number, row, found in self.walk(rows, lambda row: any(row[at] for at in groups)):
            self.mark = footnotes.marks_of(row[0])
            own = found.level or not self.labels.read(row[0]).column
            below = self.labels.read(heading).column == found.column != "" and own
            below = below and (found.level or found.notes or self.summary(row[0], heading))
            heading = heading if below or found.level else row[0]
            above = above if any(row[at] for at in groups) and found.level else row[0]
            self.percent = any(map(shares.of_row, (row[0], above)))
            said, found = found, self._meant(self._lacked(self._said(row[0], found)), row, groups)
            unit = self.labels.other_unit(row[0], found.column)
            told = [at for at, group in columns.items() if group in _TESTS]
            told = [at for at in told if cell(row[at]).kind != "empty"]
            among = {self.two.get(at, "") for at in told}
            both = [row[at] for at in told] if len(among) < len(told) else []
            if unit:
                self._other_unit(row_of(row, number), row[0], unit, found.column)
            elif self._transformed(row[0], found, row_of(row, number)):
                pass
            elif len(both) > 1:
                heads = [rows[0][at] for at in told]
                self.ask(row_of(row, number), tested.of_two(both, heads, found.column))
            else:
                place = [self.place, *([heading] if below else []), row[0]]
                self._characteristic(row, columns, found, ", ".join(place))
                self._told_of_all(said if said.level else found, row[0])
        self.tests.settle(self.made, self.design)

    def corrected(self, head: str, heads: Sequence[str]) -> bool:
        """Whether a header is above adjusted p values that the design does not make."""
        how = str(self.design.table_one.get("adjust") or "")
        said = f"{head} {self.adjusted_by.get(head, '')}"
        return super().corrected(head, heads) and not (how and adjusts_so(said, how))

    def _of_two(self, at: int, head: str) -> None:
        """Take which two of several groups a column of p compares, or ask for them."""
        if told := pairs.stacked(head):
            self.ask(f"column {head!r}", f"{told}, or leave it out with {to_ask(head, '-')}")
        if not pairs.named_in(head):
            return
        self.two[at] = pairs.compared(head, self.by, self.labels, self.design)
        if not self.two[at]:
            told = f"compares two groups of {self.by}, and they are not told by these words; write "
            labels = (self.design.label(self.by, level) for level in self.design.levels(self.by))
            told += f"their labels into the head ({', '.join(labels)}), or leave it out with "
            self.ask(f"column {head!r}", f"{told}{to_ask(head, '-')}")

    def _columns(self, rows: Sequence[Sequence[str]]) -> dict[int, str]:
        """What each column but the first is of: a group, all patients, p, a trend, an SMD.

        Where none names a group, "N" and "%" are of all. A "P" that stands below a group's name
        is p between the groups where no other column is.
        """
        heads = {at: head for at, head in enumerate(rows[0]) if at}
        found = {at: "trend" if heads_trend(h) else self._group_of(h) for at, h in heads.items()}
        counting = [
            at for at, h in heads.items() if everybody.counts(h) and not self.labels.answered(h)
        ]
        if not any(g not in ("", *_BETWEEN) for at, g in found.items() if at not in counting):
            found |= dict.fromkeys(counting, ALL)
        last = [at for at, head in heads.items() if P_HEAD.match(last_word(head))]
        if len(last) == 1 and not found[last[0]] and are_p([row[last[0]] for row in rows[1:]]):
            found[last[0]] = "p"
        return found

    def _group_of(self, head: str) -> str:
        """The group of a column; of all patients where its head counts them alone."""
        if is_adjusted(head) or head in self.adjusted_by:
            return "adjusted"
        if pairs.is_of_two(head):
            return "p"
        return self.group(head, self.by) or (ALL if everybody.are_patients(head) else "")

    def _footnotes(self, rows: Sequence[Sequence[str]], groups: Sequence[int]) -> None:
        """Take what the table's notes say of its numbers; an answer of the reader goes first."""
        notes = [row[0] for row in rows[1:] if not any(row[1:])]
        self.lacking = footnotes.lacking(notes)
        told = footnotes.of_marks([self.title, *filter(footnotes.is_note, notes)])
        usual = [name for name in told.pop("", ()) if name in summaries.ENDS]
        if len(usual) == 1 and not self.spread:
            self.ends = summaries.ENDS[usual[0]]
        self.marks = told | self.marks
        marked = {
            footnotes.marks_of(row[0])
            for row in rows[1:]
            if any(cell(row[at]).kind == "spread" for at in groups)
        }
        self.several = len(marked) > 1

    def _is_level(self, text: str, above: str) -> bool:
        """Whether a text names a level below a heading, or those of unknown value; nothing told."""
        taken, found = dict(self.labels.taken), self._below(text, above, True)
        self.labels.taken = taken
        return bool(found.level) or meanings.is_unknown(text)

    def _parted(self, rows: Sequence[Sequence[str]], groups: Sequence[int]) -> list[list[str]]:
        """The table with a row for each level; asked where the design lacks one of a row's."""
        found = dict(sides.in_doubt(rows, groups, self._is_level, self.labels.category))
        for at, doubt in found.items():
            self.ask(row_of(rows[at], at + 1), no_levels(*doubt, self.design))
        rows = [row for at, row in enumerate(rows) if at not in found]
        return sides.parted(rows, groups, self._is_level)

    def _split_otherwise(self, corner: str) -> None:
        """Ask where a title or a corner of R's says that another column makes the groups."""
        said = _SPLIT.search(self.title) or _SPLIT.search(corner)
        column = self.labels.read(said[1]).column if said else ""
        if said and column and column != self.by:
            told = f"says {said[0]!r}, and the table is read by {self.by}; say --by {column}"
            self.ask("the title" if _SPLIT.search(self.title) else "the corner", told)

    def _without_sizes(
        self, rows: Sequence[Sequence[str]], groups: Mapping[int, str]
    ) -> Sequence[Sequence[str]]:
        """The table less a first row "n" of the groups' sizes, which becomes claims."""
        if len(rows) < 2 or not everybody.are_sizes(rows[1][0]):
            return rows
        counted = {at: g for at, g in groups.items() if at not in self.shares}
        cells = {group: cell(rows[1][at]) for at, group in counted.items()}
        if not all(found.kind in ("single", "count", "empty") for found in cells.values()):
            return rows
        for group, found in cells.items():
            for number in found.parts[:1] if group else ():
                keys = {"group": group, "statistic": "n", "unit": "patients"}
                self.sizes[group] = number.value
                self.claim(number, f"{self.place}, {rows[1][0]}, {group}", **keys)
            for number in found.parts[1:]:
                told = f"{number.text!r} is a percentage of all patients, which has no row here"
                self.made.left_out.append(f"{self.place}, {rows[1][0]}, {group}: {told}.")
        return [rows[0], *rows[2:]]

    def _upright(self, rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
        """The table with its groups in columns: turned where they are the rows."""
        heads = [head for head in rows[0][1:] if self.group(head, self.by) not in ("", *_BETWEEN)]
        own = any(head and self.labels.read(head).column == self.by for head in rows[0][1:])
        if heads or own:
            return rows
        taken = dict(self.labels.taken)
        names = {self.group(row[0], self.by) for row in rows[1:]} - {"", *_BETWEEN}
        self.labels.taken = taken
        return rows if len(names) < 2 else [list(row) for row in zip(*rows, strict=True)]

    def _other_unit(self, where: str, label: str, unit: str, column: str) -> None:
        own = self._unit(column)
        told = f"{label!r} is in {unit}, and the design has {column} in {own}. Give the column the "
        told += "unit of print, or write the numbers in that of the column; where print has the "
        self.ask(where, f"{told}wrong unit, {to_ask(label, f'{column}:{own}')}")

    def _transformed(self, label: str, found: Label, where: str) -> bool:
        """Ask where a number is printed as its logarithm, its root or in tens of its unit."""
        bare = self.labels.answered(label) or self.design.levels(found.column)
        said = "" if bare else found.step
        step = stepped.step_of(said, self._unit(found.column))
        if not said or not (
            stepped.is_log(said) or (step.key in ("per", "fold") and step.value != 1)
        ):
            return False
        told = f"{label!r} is {said}, and the design has {found.column} itself. Say which column "
        told += f"holds what is printed with {to_ask(label, 'COLUMN')}, or leave the row out with "
        self.ask(where, f"{told}{to_ask(label, '-')}")
        return True

    def summary(self, label: str, within: str) -> Label | None:
        """A statistic of the number that stands above."""
        named = self.labels.read(within).column if within else ""
        column = self.design.source(named)
        if not column or self.design.levels(column) or self.labels.answered(label):
            return None
        level = plain(label) == "no" and self.design.levels(named)  # Below a factor of a number.
        if level or not summaries.is_summary(label, self._unit(column)):
            return None
        if "missing" in summaries.said_in(label):
            return Label(named, notes=UNKNOWN)
        return Label(column)

    def _said(self, label: str, found: Label) -> Label:
        """A label with the statistics that it names behind, or before, the column's own label."""
        own = self.design.label(found.column).casefold()
        rest = label[len(own) :] if label.casefold().startswith(own) else label
        rest = label if _MINUTES.fullmatch(rest) else rest
        said = () if found.level else summaries.said_in(rest)
        if not said and found.column and not self.design.levels(found.column):
            said = next((self.marks[mark] for mark in self.mark if mark in self.marks), ())
        bare = re.sub(r"[\[(].*?[\])]", " ", rest)
        alone = summaries.is_summary(bare, self._unit(found.column))
        return replace(found, said=said, alone=alone)

    def _lacked(self, found: Label) -> Label:
        """Patients of unknown value below a number that has the label of a factor: the number's."""
        factor, number = self.number
        self.number = self.number if found.notes == UNKNOWN else ("", "")
        return replace(found, column=number) if found.column == factor != "" else found

    def _meant(self, found: Label, row: Sequence[str], groups: Sequence[int]) -> Label:
        """A label by what its row holds: the number that a factor is made of, or the level yes."""
        kinds = {cell(row[at]).kind for at in groups} - {"empty"}
        factor, of_number = self.design.cut(found.column), {*found.said} - {"n"}
        # "Node group, n (%)" above its bands says n, and is no statistic of the number.
        holds = of_number or kinds & {*_OF_NUMBERS, "single"}
        if factor and not found.level and found.notes != UNKNOWN and holds:
            self.number = found.column, factor.source
            found = replace(found, column=factor.source)
        levels = self.design.levels(found.column)
        counts = kinds and not kinds & set(_OF_NUMBERS) and found.notes != UNKNOWN
        if sorted(levels) == ["no", "yes"] and not found.level and counts:
            return replace(found, level=self.labels.meant_by_yes(found.column, row[0]))
        return found

    def _unit(self, column: str) -> str:
        return str((self.design.columns.get(column) or {}).get("unit", ""))

    def _characteristic(
        self, row: Sequence[str], columns: Mapping[int, str], named: Label, place: str
    ) -> None:
        self.tests.printed.setdefault(named.column, set()).add(named.level)
        for at, group in columns.items():
            where = f"{place}, {group}"
            found = cell(row[at])
            share = at in self.shares or (self.percent and group not in _BETWEEN)
            if found.kind == "single" and share and (named.level or named.notes == UNKNOWN):
                found = replace(found, kind="percent")
            keys = {"group": group, "covariate": named.column, "level": named.level}
            between = group in (*_TESTS, "adjusted") and found.kind != "empty"
            another = between and self.tests.is_another(named, at, row[at], where, self.design)
            if not group or found.kind == "empty" or another:
                continue
            if group == "adjusted":
                own = {"group": self.by, "covariate": named.column}
                self.p_value(row[at], where, own | {"model": str(self.design.table_one["adjust"])})
            elif group == "smd":
                self._difference(found, row[at], where, named.column)
            elif group in _TESTS:
                keys = {"group": self.by, "covariate": named.column}
                if self.two.get(at):
                    among = [] if self.population == ALL else [self.population]
                    keys |= {"population": ",".join([*among, self.two[at]])}
                if (group == "trend" or named.notes == TREND) and self._no_trend(where, keys):
                    continue
                self.p_value(row[at], where, keys)
            elif named.notes == UNKNOWN:
                self._unknown(found, row[at], where, keys)
            else:
                self._stated(found, where, keys, named, row[at])

    def _difference(self, found: Cell, text: str, where: str, column: str) -> None:
        """The standardised difference of a characteristic between the two groups."""
        if "%" in text:
            told = "is per cent of a standard deviation; write it as a number"
            self.ask(where, f"{text!r} {told}, 0.12 for 12 %")
        elif found.kind != "single":
            self.ask(where, f"{text!r} is not one standardised difference{comma(text)}")
        else:
            keys = {"group": self.by, "covariate": column}
            self.claim(found.parts[0], where, **keys, statistic="smd")

    def _no_trend(self, where: str, keys: Mapping[str, str]) -> bool:
        """Ask for a p for trend that the design has no test for; whether it has none."""
        column = keys["covariate"]
        test, declared = self.design.test_of(column), f'{column} = "{TREND_TEST}"'
        if test in (TREND_TEST, *NUMBER_TRENDS):
            return False
        told = f"is p for trend, and the design tests {column} by {test}"
        if not self.design.levels(column):
            declared = " or ".join(f'{column} = "{name}"' for name in NUMBER_TRENDS)
        self.ask(where, f"{told}. Declare tests = {{ {declared} }} in [table_one]")
        return True

    def _unknown(self, found: Cell, text: str, where: str, keys: dict[str, str]) -> None:
        """Patients whose value is not known, and their share of all."""
        if found.kind not in ("single", "count", "percent"):
            self.ask(where, f"{text!r} is no number of patients{comma(text)}")
            return
        names = (("missing", "patients"), ("percent_missing", "%"))[found.kind == "percent" :]
        for number, (statistic, unit) in zip(found.parts, names, strict=False):
            self.claim(number, where, **keys, statistic=statistic, unit=unit)

    def _told_of_all(self, named: Label, label: str) -> None:
        """How many of all are known, as "Race (n = 8218)" if not all are, or unknown, as a note.

        Of the label of a level, "Male (n = 414)", how many have it.
        """
        if not named.column or named.notes == UNKNOWN:
            return
        keys = {"group": ALL, "covariate": named.column, "level": named.level}
        for mark in [] if named.level else filter(self.lacking.get, self.mark):
            where, of = f"{self.place}, {label}, footnote", {"unit": "patients"}
            self.claim(printed(self.lacking[mark]), where, **keys, **of, statistic="missing")
        if named.level or named.column not in self.design.percent_of_all:
            self.size_in(label, keys)

    def _stated(
        self, found: Cell, where: str, keys: dict[str, str], named: Label, text: str
    ) -> None:
        if odd := self._odd(found, keys, named, text):
            self.ask(where, odd)
            return
        unit = self._unit(named.column)
        if keys["level"] and found.kind == "over":
            found = self._denominator(found, where, keys)
        names = self._of_level(found) if keys["level"] else self._of_number(found, named, text)
        if isinstance(names, str):
            self.ask(where, f"{text!r} {names}" if names == _NEITHER else names)
            return
        for number, statistic in zip(found.parts, names, strict=True):
            its = {"n": "patients", "percent": "%"}.get(statistic, unit)
            self.claim(number, where, **keys, statistic=statistic, unit=its)

    def _denominator(self, found: Cell, where: str, keys: Mapping[str, str]) -> Cell:
        """A count and its percentage; the patients of known value below it are of the column."""
        count, whole, *share = found.parts
        own = {"group": keys["group"], "covariate": keys["covariate"]}
        said = self.known.setdefault((own["group"], own["covariate"]), whole.text)
        if said == whole.text:
            self.claim(whole, where, **own, statistic="n", unit="patients")
        else:
            told = f"is of {whole.text} patients and a level before it of {said}, and a "
            told += "characteristic has one number of patients of known value; correct the cell, or"
            self.ask(where, f"{count.text}/{whole.text} {told} write it without its denominator")
        return Cell("count" if share else "single", (count, *share))

    def _of_level(self, found: Cell) -> Sequence[str] | str:
        """Statistics of the numbers of a level, or why they are none."""
        share = found.kind == "single" and found.parts[0].decimals > 0
        names = {"count": ("n", "percent"), "single": ("n",), "percent": ("percent",)}
        return _NEITHER if share else names.get(found.kind, _NEITHER)

    def _of_number(self, found: Cell, named: Label, text: str) -> Sequence[str] | str:
        """Statistics of the numbers of a measured column, or why they are none."""
        said, many = named.said, len(found.parts)
        inside = summaries.said_in(text)
        beside = tuple(filter(_BEHIND.__contains__, inside))
        if {"range", "iqr"} & {*said} and {"range", "iqr"} & {*beside} - {*said}:
            return f"{text!r} is not what its row says ({', '.join(said)}); correct one of them"
        kind = "mean" if beside == ("sd",) and many == 2 else found.kind  # "65.6 (SD = 9.5)"
        if said and set(said) <= {"mean", "median"}:  # "Age (mean)" beside "58.7 (range: 42–82)".
            said += beside
        ends = summaries.ENDS.get(beside[0] if beside else "", self.ends)
        if self.design.levels(named.column) or found.kind in ("percent", "lost"):
            return _NEITHER
        if "%" in text and self._unit(named.column) != "%":
            return _NEITHER
        if said:
            names = summaries.statistics(said, many, self.ends)
            within = set(said) <= set(summaries.ENDS) and many == 1 and not named.alone
            apart = found.kind == "mean" and names != ("mean", "sd")
            fit = names is not None and not within and not apart
            told = f"{text!r} is not what its row says ({', '.join(said)}); write the statistics "
            return (
                names if fit and names else f"{told}of its numbers into the label, in their order"
            )
        if found.kind == "spread" and self.mark and self.several:
            told = f"has two numbers beside its median and the mark {self.mark}, others have not"
            return f"{told}; {footnotes.to_ask(self.mark)}"
        if found.kind == "spread" and not ends:
            return "says not what stands beside the median; say --spread range or iqr"
        if found.kind == "single":
            return "says not whether it is a mean or a median; write it into the label"
        if many == 2 and "%" not in text and kind != "mean":
            return f"says not what its two numbers are; {footnotes.to_ask(self.mark)}"
        middle = "mean" if "mean" in inside else "median"
        return {"spread": (middle, *ends), "mean": ("mean", "sd")}.get(kind, _NEITHER)

    def _odd(self, found: Cell, keys: Mapping[str, str], named: Label, text: str) -> str:
        """What a cell states that no row of a ledger is, and what to write instead; or nothing."""
        if found.kind == "over" and found.parts[0].value > found.parts[1].value:
            return f"{text!r} has more patients than its denominator; correct the cell"
        both = sum(number.value for number in found.parts)
        if found.kind == "over" and len(found.parts) == 2 and both == self.sizes.get(keys["group"]):
            told = f"{text!r} adds up to the {both:g} patients of the group, as two levels do, and"
            return f"{told} the label names one; give each level its row, or both in the label"
        if "se" in named.said and len(found.parts) > 1:
            return (
                f"{text!r} is a mean with its standard error, and a row has the standard "
                "deviation; leave the error out"
            )
        n, size = found.parts[:1], self.sizes.get(keys["group"], 0)
        if found.kind == "count" and size and n[0].value and "%" not in text:
            share, wanted = found.parts[1], n[0].value / size
            if 0 < share.value <= 1 and abs(share.value - wanted) < abs(share.value / 100 - wanted):
                return f"{text!r} is {n[0].text} of {size:g} as a share of 1; write it in per cent"
        return ""
