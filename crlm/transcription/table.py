"""One table on its way to claims: what a claim is, what is asked, which group a header names."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crlm.ledger import CLAIM_COLUMNS, Design, unreached
from crlm.ledger.vocabulary import ALL, KEYS, NOT_REACHED
from crlm.transcription import everybody, meanings, pairs
from crlm.transcription.asking import quoted, to_ask
from crlm.transcription.cells import Printed, p_cell, printed, row_of
from crlm.transcription.corrected import is_adjusted, several_tests
from crlm.transcription.endpoints import Endpoints
from crlm.transcription.label_words import UNKNOWN
from crlm.transcription.labels import Label, Labels
from crlm.transcription.several import ALONE
from crlm.transcription.trends import is_trend
from crlm.transcription.wordings import plain, unmarked

#: What a row that holds the p for trend of the heading above it says of itself.
TREND = frozenset({"trend"})
P_HEAD = re.compile(
    r"^((raw|nominal|crude|unadjusted|uncorrected) )?(p([ -]?values?)?|sig)[.+]*$", re.IGNORECASE
)
SMD_HEAD = re.compile(
    r"^((absolute )?standard(i[sz]ed)? (mean )?(difference|diff\.?)|std\.? (mean )?diff\.?)s?"
    r"( ?[\[(](smd|asmd)[\])])?$|^a?smd$",
    re.IGNORECASE,
)
SIZE = re.compile(
    r"\bn\s*[=:]\s*([\d,]+)|\bno\.?\s*[=:]?\s*([\d,]+)(?=\s*(?:pts|patients|\)))"
    r"|\(\s*([\d,]+)\s*(?:pts|patients|cases)\.?\s*\)",
    re.IGNORECASE,
)
#: What stands behind a group and says what its cells hold: "n (%)", "n", "%".
_OF_CELLS = re.compile(
    r"(?<=\S)[,;:]?\s+((n|no\.?)\s*([,/]?\s*[(\[]?%[)\]]?)?|[(\[]?%[)\]]?)$", re.IGNORECASE
)
#: What brackets of a head hold, another name of its group: "Group A (XELIRI)".
_HELD = re.compile(r"[(\[]([^()\[\]]*[^\W\d][^()\[\]]*)[)\]]")
#: A band without a word: "< 20", "1–3".
_BARE = re.compile(r"[^\w]*\d(?:\W|\d|\bto\b)*")
#: A number without a word, which is a level of many columns: "2", "IV".
_NUMBER = re.compile(r"\d[a-c]?|[ivx]+[a-c]?", re.IGNORECASE)
#: Words of a median, or of a limit of it, that is not reached; R prints NA for such a limit.
_UNREACHED = re.compile(
    r"n\.?\s?[re]\.?|∞|inf(?:inity)?|"
    r"not (?:yet )?(?:reached|attained|estimable|evaluable|calculable)",
    re.IGNORECASE,
)
#: In the place of a p value: no difference, at the level that is usual.
_INSIGNIFICANT = re.compile(r"n\.?\s?s\.?|not significant", re.IGNORECASE)
_ALPHA = "0.05"
_BY_R = re.compile(r"n/?a", re.IGNORECASE)
#: What a number of a kind cannot be outside of.
_POSSIBLE = {
    "p": (0.0, 1.0),
    "percent": (0.0, 100.0),
    "survival_rate": (0.0, 100.0),
    "cumulative_incidence": (0.0, 100.0),
    "hazard_ratio": (0.0, math.inf),
    "odds_ratio": (0.0, math.inf),
    "subdistribution_hazard_ratio": (0.0, math.inf),
    "rate_ratio": (0.0, math.inf),
    "incidence_rate": (0.0, math.inf),
    "patient_years": (0.0, math.inf),
}


@dataclass
class Transcript:
    """What a table gave.

    Attributes
    ----------
    claims : list of dict
        Rows of `published.csv`.
    questions : list of str
        What the table does not settle, each with its row or column.
    left_out : list of str
        Cells with a word in the place of a number, "NS" or "NR": no claim is made of them.
    taken : list of str
        Labels that the design words otherwise, each with what the field's words make of it.
    """

    claims: list[dict[str, str]] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def add(self, other: Transcript) -> None:
        """Take in what another part of the table gave; what both ask or tell is said once."""
        known = {(claim["id"], claim["printed"]) for claim in self.claims}
        self.claims += [one for one in other.claims if (one["id"], one["printed"]) not in known]
        for name in ("questions", "left_out", "taken"):
            own: list[str] = getattr(self, name)
            own += [text for text in getattr(other, name) if text not in own]


class Table:
    """What the layouts share.

    Parameters
    ----------
    design : Design
    place : str
    asked : sequence of str
        Columns that the table is about: their labels go first.
    named : mapping of str to str
        Answers to questions.

    Attributes
    ----------
    population : str
        Patients that the whole table is among.
    title : str
        What stands above the header.
    over : str
        What stands over all columns of it, in a storey of its own.
    whole : bool
        Whether a row may be of all patients.
    as_printed : bool
        Whether numbers that cannot be are taken, as misprints.
    adjusted_by : dict of str to str
        By head of p values the line below the table that says that they are adjusted.
    """

    #: Why adjusted p values make no rows.
    of_one_test = "a row has that of one test"
    of_no_covariate = "a row has that of a test without covariates"

    def __init__(
        self, design: Design, place: str, asked: Iterable[str], named: Mapping[str, str]
    ) -> None:
        self.design, self.place, self.made = design, place, Transcript()
        self.population, self.title, self.over, self.whole = ALL, "", "", False
        self.as_printed = False
        self.adjusted_by: dict[str, str] = {}
        self.sizes: dict[str, float] = {}
        self.words: list[tuple[str, dict[str, str]]] = []
        self.endpoints = Endpoints(design, named)
        known = {*design.endpoints, *design.incidences, *design.models, ALONE} - {*design.columns}
        columns = {label: name for label, name in named.items() if name not in known}
        self.labels = Labels(design, list(asked), columns)

    # ---- what a claim is ------------------------------------------------------------

    def claim(self, number: Printed, locator: str, **keys: Any) -> None:
        """One printed number with its keys; what it cannot be, or an id that is taken, is asked."""
        if math.isnan(number.value) and _is_not_reached(number.text, keys):
            self._put(number, locator, keys)
            return
        if math.isnan(number.value) and _is_not_significant(number.text, keys):
            self._put(number, locator, keys)
            return
        if math.isnan(number.value):
            told = f"{locator}: {number.text!r} is no number."
            self.made.left_out += [told] * (told not in self.made.left_out[-1:])
            self.words.append((unreached(number.text, keys.get("part", "")), self._whole(keys)))
            return
        low, high = _POSSIBLE.get(keys["statistic"], (-math.inf, math.inf))
        if not low <= number.value <= high:
            what = f"{number.text!r} is no {keys['statistic'].replace('_', ' ')}"
            if not self.as_printed or number.value < low:
                told = "correct the cell, or, if the paper has it so, say --as-printed"
                self.ask(locator, f"{what}; {told}")
                return
            self.made.taken.append(f"{locator}: {what}, as printed")
        self._put(number, locator, keys)

    def _put(self, number: Printed, locator: str, keys: dict[str, Any]) -> None:
        names = ("group", "covariate", "level", "model", "endpoint")
        words = [keys.get(name, "") for name in names if keys.get(name, "") not in ("", "all")]
        among = keys.get("population") or self.population
        words += [among] if among != ALL else []
        words += [f"vs {keys['reference']}"] if keys.get("reference") else []
        time = keys.get("time", "")
        words += [keys["statistic"], f"{time:g}" if time != "" else "", keys.get("part", "")]
        made = "-".join([self.place, *filter(None, words)]).casefold()
        made = re.sub(r"[^a-z0-9]+", "-", made).strip("-")
        whole = self._whole(keys)
        whole |= {"id": made, "place": self.place, "locator": locator, "kind": "number"}
        whole |= {"printed": number.text, "operator": number.operator, "value": f"{number.value:g}"}
        whole |= {"decimals": str(number.decimals)}
        if math.isnan(number.value):
            whole |= {"kind": NOT_REACHED, "operator": "", "value": "", "decimals": ""}
        if math.isnan(number.value) and keys["statistic"] == "p":
            whole |= {"kind": "direction", "operator": "~", "value": _ALPHA}
            told = f"p values {number.text}"
            self.labels.taken[told] = f"sentences that p is {_ALPHA} or more"
        same = [other for other in self.made.claims if other["id"] == whole["id"]]
        if not same:
            self.made.claims.append(whole)
        elif same[0]["printed"] != whole["printed"]:
            told = f"{made} comes twice, as {same[0]['printed']} and as {whole['printed']}"
            self.ask(locator, f"{told}; rename one of the two rows")

    def _whole(self, keys: Mapping[str, Any]) -> dict[str, str]:
        """A row with its keys, and nothing printed in it."""
        row = dict.fromkeys((n for n in CLAIM_COLUMNS if n not in ("name", "reference")), "")
        row |= {"field": str(keys.get("part", "")) or "estimate"}
        row |= {"population": self.population, "group": ALL}
        return row | {
            name: f"{value:g}" if name == "time" and value != "" else str(value)
            for name, value in keys.items()
            if name != "part"
        }

    def note_words(self) -> None:
        """Say in the note of a number or a limit what print has in the place of the others."""
        for claim in self.made.claims:
            about = {name: claim.get(name, "") for name in (*KEYS, "reference")}
            told = [
                word
                for word, row in self.words
                if {name: row.get(name, "") for name in about} == about
            ]
            claim["note"] = "; ".join(dict.fromkeys([*filter(None, [claim["note"]]), *told]))

    def ask(self, where: str, what: str) -> None:
        """Something that the table does not settle; of the rows below one heading the first."""
        if not any(question.endswith(f": {what}.") for question in self.made.questions):
            self.made.questions.append(f"{where}: {what}.")

    def walk(
        self, rows: Sequence[Sequence[str]], filled: Callable[[Sequence[str]], bool]
    ) -> Iterator[tuple[int, Sequence[str], Label]]:
        """The rows that name something, each with its number and what its label names.

        A row below a heading is a level of it. Where the heading names nothing, it is asked
        about once, with the first row below that names nothing by itself.

        Parameters
        ----------
        rows : sequence of sequence of str
            The first is the header.
        filled : callable
            Whether a row has numbers of its own, not a p value alone.
        """
        within, known, asked, apart = "", True, False, ""
        for number, row in enumerate(rows[1:], 2):
            if summary := self.summary(row[0], within):
                yield number, row, summary
                continue
            found = self._below(row[0], within, known)
            if found.notes == UNKNOWN:
                yield number, row, found
                continue
            other = not found.level or found.column != self.labels.read(within).column
            # A level that the design calls so is one: "Not tested".
            special = _special(row[0]) if within and other else frozenset()
            heading = not filled(row) and other and not special
            if self.whole and everybody.are_all(row[0]):
                yield number, row, Label()
                continue
            if heading or (found.column and not found.level):
                below = itertools.takewhile(filled, rows[number:])
                found = replace(found, column=found.column or self.split_below(row[0], below))
                within, known, asked, apart = row[0], bool(found.column), False, ""
                found = self._opened(found, row[0], rows[number:], heading)
            if special and (known or apart):
                column = apart or self.labels.read(within).column
                yield number, row, Label(column, "", notes=special)
            elif found.column:
                # A level that stands by itself, "Node-positive", and is none of the heading's.
                apart = found.column if other else ""
                yield number, row, found
            elif any(row[1:]) and (heading or known):
                self.ask(row_of(row, number), self.labels.unknown(row[0], within))
                asked = True
            elif any(row[1:]) and not asked:
                self.ask(row_of(row, number), self._below_nothing(row[0], within))
                asked = True

    def _below(self, label: str, within: str, known: bool) -> Label:
        """What a row names below a heading; a number or a band alone is none of another column."""
        found = self.labels.read(label, within)
        if not (within and found.level) or self.labels.answered(label):
            return found
        if not known:
            return Label() if _BARE.fullmatch(label) or _NUMBER.fullmatch(label) else found
        above, source = self.labels.read(within).column, self.design.source
        other = source(found.column) != source(above)
        bare = _NUMBER.fullmatch(label) or _BARE.fullmatch(label)
        return Label() if other and bare else found

    def _opened(
        self, found: Label, label: str, below: Sequence[Sequence[str]], heading: bool
    ) -> Label:
        """A row above levels, which are of what they say; a heading is of that itself."""
        self.labels.settle("", "")
        column = self._made_below(found.column, label, below)
        if heading or column != found.column:
            self.labels.settle(label, column)
        return replace(found, column=column, level="") if heading else found

    def split_below(self, label: str, below: Iterable[Sequence[str]]) -> str:
        """The column of which all rows below a strange heading are levels, if one: told."""
        taken = dict(self.labels.taken)
        found = [self.labels.read(row[0]) for row in below]
        self.labels.taken = taken
        columns, levels = {one.column for one in found}, {one.level for one in found}
        if len(columns) != 1 or len(levels) < 2 or "" in levels or self.endpoints.of(label):
            return ""
        column = columns.pop()
        self.labels.taken[label] = column
        return column

    def _made_below(self, column: str, within: str, rows: Sequence[Sequence[str]]) -> str:
        """What a heading names: the factor whose levels stand below it, or its own column."""
        if several := self._namesake(within, rows):
            return several
        made: dict[str, list[str]] = {}
        taken = dict(self.labels.taken)
        for row in rows:
            below = self.labels.read(row[0], within)
            if not below.level or self.design.source(below.column) != column:
                break
            made.setdefault(below.column, []).append(row[0])
        self.labels.taken = taken  # Rows that are only looked at are read, and told, in their turn.
        if len(made) < 2:
            return next(iter(made), column)
        labels = list(itertools.chain(*made.values()))
        named = {
            name: len(self.design.levels(name)) == len(labels)
            for name in self.design.factors_from(column)
            if all(self.labels.has_level(name, label) for label in labels)
        }
        whole = [name for name, exactly in named.items() if exactly] or list(named)
        return whole[0] if len(whole) == 1 else column

    def _namesake(self, heading: str, rows: Sequence[Sequence[str]]) -> str:
        """Of several columns of one label that of whose levels most rows below it are, if one."""
        levels = dict.fromkeys(self.labels.namesakes(heading), 0)
        for row in rows if len(levels) > 1 else ():
            named = [name for name in levels if self.labels.has_level(name, row[0])]
            if not named:
                break
            levels |= {name: levels[name] + 1 for name in named}
        most = [name for name, many in levels.items() if many == max(levels.values()) > 0]
        return most[0] if len(levels) > 1 and len(most) == 1 else ""

    def summary(self, label: str, within: str) -> Label | None:
        """What a label names that is a statistic of the number above it: "Mean (SD)"."""
        return None

    def _below_nothing(self, label: str, within: str) -> str:
        told = self.labels.unknown(within).partition(". Say which")[0]
        return (
            f"{label!r} stands below {within!r}, and {told}. Say which with "
            f"{to_ask(within, 'COLUMN')}, or, if that is no heading, "
            f"{to_ask(label, 'COLUMN:LEVEL')}"
        )

    def group(self, head: str, by: str) -> str:
        """The group that a header names: "hai=yes", "all", "p"; "" for none."""
        bare = _without_size(head)
        if P_HEAD.match(plain(bare)) or self.labels.read(bare).column == "p":
            return "p"
        if SMD_HEAD.match(plain(bare)):
            return "smd"
        if everybody.are_all(bare) or self.labels.read(bare).column == ALL:
            return ALL
        # "N" counts patients; of a yes-no column it would be read as no.
        texts = [] if bare.casefold() in ("n", "no.") else [bare, *_HELD.findall(bare)]
        named = (self.labels.read(text, by) for text in texts)
        level = next((found.level for found in named if found.column == by and found.level), "")
        return f"{by}={level}" if level else ""

    def turned(self, head: str, by: str, levels: Sequence[str]) -> bool:
        """Whether a head sets the first of two groups against the second: "HR (old vs new)"."""
        taken = dict(self.labels.taken)
        found = pairs.are_set(head, levels, lambda text: self.group(text, by).partition("=")[2])
        self.labels.taken = taken  # A head is no label that is told.
        return found

    def strange_group(self, where: str, head: str, by: str) -> None:
        """Ask for a header that names no group."""
        bare = _without_size(head)
        if not bare:
            told = 'has no header; name its group, and quote a number with a comma, as "1,179"'
            self.ask(where.replace("''", "without a name"), told)
            return
        column = self.labels.read(bare).column
        if column == by:
            told = f"{bare!r} names {by} and no group of it; name the group, or leave it out with "
            self.ask(where, f"{told}{to_ask(head, '-')}")
            return
        if column:
            told = f"{bare!r} is no group of {by}, but {self.design.label(column)}"
            told += f". A table split by it takes --by {column}; ratios by covariate are --layout "
            self.ask(where, f"{told}model, counts two-groups")
            return
        answer = f"{self.labels.unknown(bare)}, or {quoted(bare, 'p')} for a column of p values, "
        answer += f"or {quoted(bare, ALL)} for one of all patients, or {quoted(head, '-')} to "
        answer += "leave it out"
        self.ask(where, answer)

    def _no_endpoint(self, told: str, label: str) -> str:
        names = ", ".join(self.endpoints.known)
        return f"{told} ({names}). Say which with {to_ask(label, 'ENDPOINT')}"

    def without_corrected(self, rows: Sequence[Sequence[str]]) -> list[list[str]]:
        """A table less its columns of p values that are adjusted: asked."""
        heads = rows[0]
        kept = [at for at, head in enumerate(heads) if not at or not self.corrected(head, heads)]
        for at, head in enumerate(heads):
            if at not in kept:
                note = self.adjusted_by.get(head, "")
                several = several_tests(f"{head} {note}")
                why = self.of_no_covariate if note and not several else self.of_one_test
                told = "holds p values adjusted for " + " or ".join(
                    ["several tests"] * (several or not note) + ["covariates"] * (not several)
                )
                told += f" ({note!r} stands below)" * bool(note)
                self.ask(
                    f"column {head!r}",
                    f"{told}, and {why}; leave them out with {to_ask(head, '-')}",
                )
        return [[row[at] for at in kept] for row in rows]

    def corrected(self, head: str, heads: Sequence[str]) -> bool:
        """Whether a header is above such p values."""
        return is_adjusted(head) or head in self.adjusted_by

    def p_value(self, text: str, where: str, keys: dict[str, str]) -> None:
        """The p value of a cell."""
        found = p_cell(text)
        if found.kind != "single":
            self.ask(where, f"{text!r} is not one p value{comma(text)}")
            return
        self.claim(found.parts[0], where, **keys, statistic="p")

    def size_in(self, label: str, keys: Mapping[str, str]) -> None:
        """The patients that stand in the label of a row: "Male (n = 414)"."""
        if many := everybody.patients_in(label):
            of = {"statistic": "n", "unit": "patients"}
            self.claim(printed(many), f"{self.place}, {label}", **keys, **of)

    def size(self, head: str, group: str) -> None:
        """The size that stands in a group's header: "HAI (n = 366)"."""
        found = SIZE.search(head)
        for number in map(printed, filter(None, found.groups() if found else ())):
            keys = {"group": group, "statistic": "n", "unit": "patients"}
            self.sizes[group] = number.value
            self.claim(number, f"{self.place}, header, {head}", **keys)


def _is_not_reached(word: str, keys: Mapping[str, Any]) -> bool:
    """Whether a word in the place of a median, or of a limit of it, says that it is not reached."""
    if keys["statistic"] != "median_survival":
        return False
    of_r = keys.get("part") and _BY_R.fullmatch(word)
    return bool(of_r or _UNREACHED.fullmatch(word))


def _is_not_significant(word: str, keys: Mapping[str, Any]) -> bool:
    """Whether a word in the place of a p value says that it is not significant: "NS"."""
    return keys["statistic"] == "p" and bool(_INSIGNIFICANT.fullmatch(word.strip()))


def _special(label: str) -> frozenset[str]:
    """What a row below a heading says of itself, if it is no level."""
    return UNKNOWN if meanings.is_unknown(label) else TREND if is_trend(label) else frozenset()


def holding(forms: Iterable[int]) -> str:
    """What a cell may have, by how many numbers it has."""
    said = {1: "one number", 2: "two limits", 3: "a number with its two limits"}
    return " or ".join(said[many] for many in sorted(set(forms)))


def comma(text: str) -> str:
    """The remedy where a comma stands for the decimal point."""
    found = re.search(r"\d,\d{1,2}(?!\d)|(?<![\d.,])0,\d", text)
    return "; write decimals with a point" if found else ""


def _without_size(head: str) -> str:
    """A header without its number of patients and what its cells hold: "HAI (n = 366), n (%)"."""
    sized = SIZE.search(head)
    bare = head[: sized.start()].rstrip(" ([,;:") if sized else head
    bare = _OF_CELLS.sub("", bare)
    return unmarked(bare.strip(" ,:"))


def last_word(head: str) -> str:
    """The last word of a header, but for "value" and what stands in brackets."""
    words = re.sub(r"[\[(].*?[\])]", " ", unmarked(head)).split()
    if words and words[-1].casefold() in ("value", "values"):
        words = words[:-1]
    return words[-1] if words else ""
