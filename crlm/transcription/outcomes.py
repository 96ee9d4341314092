"""End points of a trial: a statistic of a curve a row, an arm a column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from crlm.ledger import Design
from crlm.ledger.vocabulary import ALL, POISSON
from crlm.transcription import arm_columns, footnotes
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import REFERENCE, cell, row_of, without_limits
from crlm.transcription.curve_columns import LIMITED, LOG_RANK, Column, columns
from crlm.transcription.curves import CurvesTable
from crlm.transcription.everybody import are_all
from crlm.transcription.model_columns import SUB, of_no_incidence, other_ratio_of
from crlm.transcription.rate_columns import ADJUSTED, COMPARED, RATED, rated
from crlm.transcription.several import ALONE, Several, unnumbered
from crlm.transcription.table import P_HEAD, holding, last_word
from crlm.transcription.wordings import unmarked

_RATIO = re.compile(r"\bhr\b|\bhazards? ratio|" + SUB.pattern, re.IGNORECASE)
_BETWEEN = re.compile(r"\bdifference\b", re.IGNORECASE)
_ADJUSTED = re.compile(r"\badj|\baHR\b", re.IGNORECASE)
_MEAN = re.compile(r"\brestricted mean\b|\brmst\b", re.IGNORECASE)
_TIME = re.compile(r"(\d+)[ -]?(years?|yrs?|months?|mos?)\b", re.IGNORECASE)
_ENDS = {1: ("",), 3: LIMITED}


def _test_of(head: str) -> str:
    """Which p a head beside the arms goes with: of rates, of hazards, or "" for neither."""
    made = rated(head, "")
    if made and made[0] in COMPARED:
        return POISSON
    return "hazard" if _RATIO.search(head) else ""


#: What a difference of two such numbers is.
_DIFFERENCE = {"survival_rate": ("difference", "%"), "rmst": ("rmst_difference", "months")}


class OutcomesTable(CurvesTable):
    """Curves whose groups are the rows, or, as trials print them, the columns.

    Parameters
    ----------
    design, place, endpoint, named
        As of `CurvesTable`.

    Attributes
    ----------
    adjusted : dict of str to str
        Keys of the adjusted ratio that stands before a p.
    notes : list of str
        Rows without numbers, which may say that a ratio is adjusted.
    """

    def __init__(self, design: Design, place: str, endpoint: str, named: Mapping[str, str]) -> None:
        super().__init__(design, place, endpoint, named)
        self.named, self.adjusted, self.notes = named, dict[str, str](), list[str]()

    def read(self, rows: Sequence[Sequence[str]]) -> None:
        """Claims and questions of the table."""
        self.notes = [row[0] for row in rows[1:] if not any(row[1:])]
        rows = arm_columns.below_endpoints(rows, self.endpoints, self._silently)
        said = f"{self.title} {rows[0][0]}"
        unit = str(self.design.conventions.get("unit", ""))
        arms = self._arms(rows, list(columns(rows[0], self.endpoints, said, unit)))
        if not arms:
            super().read(rows)
            return
        self.block = self.by
        for at, group in arms.items():
            self.size(rows[0][at], group)
        self.heads = rows[0]
        beside = {at: head for at, head in enumerate(rows[0]) if at and at not in arms}
        held = list(columns(["", *(row[0] for row in rows[1:])], self.endpoints, said, unit))
        above = Column("", "")
        for number, (row, column) in enumerate(zip(rows[1:], held, strict=True), 2):
            if endpoint := self.endpoints.of(row[0]):
                self.endpoint = self.said = endpoint
            column = replace(self._mean(column, row[0]), endpoint=self._own(row[0]))
            self.adjusted = self.adjusted if column.holds == "p" else {}
            if self._is_between(row[0], above):
                self._across(row, column, above, arms, row_of(row, number))
                continue
            if column.holds == "p":
                column = replace(column, endpoint=column.endpoint or above.endpoint)
            above = column
            self._row(row, column, arms, row_of(row, number))
            for at, head in beside.items():
                if row[at] and column.holds != "p":
                    self._between(head, row[at], column, row[0], row_of(row, number))

    def _is_adjusted(self, head: str) -> bool:
        """Whether a head, or the note of its mark, says that a ratio is adjusted."""
        return bool(_ADJUSTED.search(unmarked(head))) or footnotes.is_adjusted(head, self.notes)

    def _silently(self, text: str) -> str:
        """The group that a text names; nothing is told."""
        taken = dict(self.labels.taken)
        found = self.group(text, self.by)
        self.labels.taken = taken
        return found

    def _arms(self, rows: Sequence[Sequence[str]], heads: Sequence[Column]) -> dict[int, str]:
        """The columns that are groups; none where the rows are, or nothing tells."""
        taken = dict(self.labels.taken)
        found = {
            at: self.group(rows[0][at], self.by)
            for at, head in enumerate(heads, 1)
            if rows[0][at] and not head.holds
        }
        # "Total" counts patients beside groups in rows, and is all of them beside arms.
        every = [at for at, head in enumerate(heads, 1) if head.holds == "n"]
        found |= {at: ALL for at in every if are_all(rows[0][at])}
        arms = {at: group for at, group in found.items() if group not in ("", "p", "smd")}
        of_heads = dict(self.labels.taken)
        named = [row for row in rows[1:] if "=" in self.group(row[0], self.by)]
        arms = {} if named or not any("=" in group for group in arms.values()) else arms
        self.labels.taken = of_heads if arms else taken  # Rows are told in their turn.
        return arms

    def _row(self, row: Sequence[str], column: Column, arms: Mapping[int, str], where: str) -> None:
        """The numbers of the arms; p in a row of its own is that of the curves."""
        stated = [at for at in arms if row[at]]
        if column.holds == "p":
            for text in filter(None, row[1:]):
                self._of_curves(replace(column, head=row[0]), text)
        elif stated and not column.holds:
            told = f"{row[0]!r} is neither events, n, a median, a rate at a time or per "
            told += "patient-years, a restricted mean nor p; name it so, or leave it out with "
            told += to_ask(row[0], "-")
            self.ask(where, told)
        else:
            for at in stated:
                self._of_curve(column, row[at], arms[at])

    @staticmethod
    def _is_between(label: str, above: Column) -> bool:
        """Whether a row has what lies between the arms: "Hazard ratio (95% CI)", "Difference"."""
        apart = _BETWEEN.search(label) is not None and above.holds in _DIFFERENCE
        return apart or _RATIO.search(label) is not None

    def _across(
        self,
        row: Sequence[str],
        column: Column,
        above: Column,
        arms: Mapping[int, str],
        where: str,
    ) -> None:
        """A row with one number for two arms, in a column of either or in the second's."""
        levels = self.design.levels(self.by)
        second = f"{self.by}={levels[1]}"
        texts = {at: row[at] for at in arms if cell(row[at]).kind != "empty"}
        stated = {at: text for at, text in texts.items() if not REFERENCE.match(text)}
        of_first = len(stated) < len(texts) and second not in {arms[at] for at in stated}
        if of_first or len(set(stated.values())) > 1:
            told = f"has {', '.join(map(repr, texts.values()))} below the arms, and one number is "
            told += f"of {self.design.label(self.by, levels[1])} against "
            told += f"{self.design.label(self.by, levels[0])}; leave the row out with "
            self.ask(where, f"{told}{to_ask(row[0], '-')}, and put it in by hand")
        for text in dict.fromkeys(stated.values()) if not of_first else ():
            if len(set(stated.values())) == 1:
                what = replace(above, endpoint=column.endpoint or above.endpoint)
                self._between(row[0], text, what, above.head or row[0], where)

    def _own(self, label: str) -> str:
        """The endpoint that a row names, or that stands above it."""
        return self.endpoints.within(label) or self.endpoint

    def _mean(self, column: Column, label: str) -> Column:
        """A restricted mean, whose horizon its row or the title says."""
        text = f"{label} {self.title}"
        time = _TIME.search(label) or _TIME.search(self.title)
        if not _MEAN.search(text) or self.endpoints.of(label) == label:
            return column
        months = (
            float(time[1]) * (12 if time[2].casefold().startswith("y") else 1) if time else None
        )
        return Column(label, "rmst", time=months, unit="months", fields=_ENDS)

    def _between(self, head: str, text: str, column: Column, label: str, where: str) -> None:
        """What stands beside the arms: a hazard ratio, a difference, p."""
        endpoint = column.endpoint
        if cell(text).kind == "empty":
            return
        if P_HEAD.match(last_word(head)):
            self._p(head, text, column)
            return
        levels = self.design.levels(self.by)
        if not endpoint:
            self.ask(where, self._no_endpoint("stands below no endpoint", label))
        elif told := self._compares_others(head, levels):
            self.ask(
                f"column {head!r}",
                f"{told}; leave it out with {to_ask(head, '-')}, and put it in by hand",
            )
        elif self._rates_compared(head, text, column, endpoint):
            self._told()
        elif _RATIO.search(unmarked(head)) and not (
            _BETWEEN.search(head) and column.holds in _DIFFERENCE
        ):
            several, alone = Several(self.design, endpoint, self.named), not self._is_adjusted(head)
            numbered = unnumbered(head) != " ".join(unmarked(head).split())
            if (numbered or not alone) and (models := several.choice(head, endpoint)):
                told = f"is of one of several models, {models}; say which with "
                told += f"{to_ask(head, 'MODEL')}, or leave it out with {to_ask(head, '-')}"
                self.ask(f"column {head!r}", told)
                return
            model = several.of(head, endpoint) or (ALONE if alone else several.usual(endpoint))
            keys = {"covariate": self.by, "level": levels[1], "model": model}
            if (SUB.search(head) is not None) != (endpoint in self.design.incidences):
                self.ask(f"column {head!r}", self._other_hazard(head, endpoint))
                return
            of = "subdistribution_hazard_ratio" if SUB.search(head) else "hazard_ratio"
            self.adjusted = {} if model == ALONE else {**keys, "endpoint": endpoint}
            self._put_all(head, text, {**keys, "statistic": of, "endpoint": endpoint})
            self._told()
        elif _BETWEEN.search(head) and column.holds in _DIFFERENCE and column.time is not None:
            statistic, unit = _DIFFERENCE[column.holds]
            keys = {"group": self.by, "statistic": statistic, "unit": unit, "endpoint": endpoint}
            self._put_all(f"{label}, {head}", text, {**keys, "time": column.time})
            self._told()
        else:
            told = "is neither a hazard ratio, a difference of rates or of restricted means, nor "
            self.ask(f"column {head!r}", f"{told}p; leave it out with {to_ask(head, '-')}")

    def _compares_others(self, head: str, levels: Sequence[str]) -> str:
        """Why what a head compares is not the second group against the first; "" if it is."""
        if len(levels) != 2:
            return f"is of two groups, and {self.by} has {len(levels)}"
        if self.turned(head, self.by, levels):
            second, first = (self.design.label(self.by, level) for level in reversed(levels))
            return f"is of {first} against {second}, and rows have {second} against {first}"
        return ""

    def _other_hazard(self, head: str, endpoint: str) -> str:
        """What to ask of a ratio that is not that of its endpoint."""
        wrong = of_no_incidence if SUB.search(head) else other_ratio_of
        return f"{wrong(endpoint, self.design)}, or leave it out with {to_ask(head, '-')}"

    def _rates_compared(self, head: str, text: str, column: Column, endpoint: str) -> bool:
        """The ratio or the difference of the rates in a row; False where the head is neither."""
        made = rated(head, "", column.unit if column.holds == RATED[0] else "")
        apart = _BETWEEN.search(head) and column.holds == RATED[0]
        if not apart and (made is None or made[0] not in (*COMPARED, ADJUSTED)):
            return False
        holds = "rate_difference" if apart else made[0] if made else ""
        unit = column.unit if apart else ""
        told = replace(column, head=head, holds=holds, unit=unit, endpoint=endpoint)
        fields = {1: (holds,), 3: (holds, *LIMITED[1:])}
        second = f"{self.by}={self.design.levels(self.by)[1]}"
        self._of_curve(replace(told, fields=fields), text, second)
        return True

    def _p(self, head: str, text: str, column: Column) -> None:
        """p of the curves, or of the difference or the ratio of rates in the row."""
        if column.holds in RATED[:2]:
            second = f"{self.by}={self.design.levels(self.by)[1]}"
            ratio = next((_test_of(one) for one in self.heads if _test_of(one)), "?")
            found = Column(head, "p", column.endpoint, test=ratio if ratio != "hazard" else "")
            self._of_curve(found, text, second if found.test == POISSON else ALL)
        elif column.holds == "survival_rate":
            told = f"is p of the rates in {column.head!r}, which has no row; leave it out with "
            self.ask(f"column {head!r}", f"{told}{to_ask(head, '-')}, or the cell")
        elif column.holds == "rmst":
            where = f"{self.place}, {column.head}, {head}"
            keys = {"group": self.by, "endpoint": column.endpoint, "time": column.time}
            self.p_value(text, where, {**keys})
        else:
            self._of_curves(Column(head, "p", column.endpoint), text)

    def _of_curves(self, column: Column, text: str) -> None:
        """p of the curves; behind an adjusted ratio that of the ratio, which is told."""
        if not self.adjusted or LOG_RANK.search(column.head):
            self._of_curve(column, text, ALL)
            return
        self.p_value(
            text, f"{self.place}, {self.adjusted['endpoint']}, {column.head}", self.adjusted
        )
        self.labels.taken[f"{column.head} behind adjusted ratios"] = "p of these, not of the curves"

    def _told(self) -> None:
        first, second = (self.design.label(self.by, n) for n in self.design.levels(self.by)[:2])
        self.labels.taken["each ratio and difference"] = f"{second} against {first}"

    def _put_all(self, head: str, text: str, keys: Mapping[str, object]) -> None:
        """An estimate with its limits, or alone."""
        where = f"{self.place}, {keys['endpoint']}, {head}"
        found = without_limits(cell(text), _ENDS)
        if len(found.parts) not in _ENDS or found.kind == "lost":
            self.ask(where, f"{text!r} is not {holding(_ENDS)}")
            return
        for number, part in zip(found.parts, _ENDS[len(found.parts)], strict=True):
            self.claim(number, where, **keys, part=part)
