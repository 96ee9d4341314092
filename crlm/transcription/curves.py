"""Medians and rates of curves: a group a row; n, events, median, rates and p in columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from crlm.ledger import Design
from crlm.ledger.vocabulary import ALL
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import Cell, cell
from crlm.transcription.table import P_HEAD, Table, comma, holding, last_word

#: Words of a header over counts of patients.
_COUNTS = {"n", "no", "number", "patients", "pts", "of", "cases"}
#: An estimate, and its limits.
_LIMITED = ("", "conf_low", "conf_high")
_YEARS = re.compile(r"(\d+)[ -]?(year|yr|month|mo)", re.IGNORECASE)


class CurvesTable(Table):
    """Survival by group, of one endpoint or of several that stand as headings in the table.

    Parameters
    ----------
    design, place, named
        As of `Table`.
    endpoint : str
        The endpoint of the rows above the first heading.

    Attributes
    ----------
    by : str
        What splits the rows: a column or a factor with levels; the exposure unless it is set.
    """

    def __init__(self, design: Design, place: str, endpoint: str, named: Mapping[str, str]) -> None:
        every = [name for model in design.models.values() for name in model["covariates"]]
        super().__init__(design, place, every, named)
        self.endpoint, self.by = endpoint, design.exposure
        self.at_risk = self.years = False
        self.corner = ""

    def read(self, rows: Sequence[Sequence[str]]) -> None:
        """Claims and questions of the table."""
        self.corner = rows[0][0]
        said = f"{self.title} {self.corner}".casefold()
        self.at_risk, self.years = "risk" in said, bool(re.search(r"\b(years?|yrs?)\b", said))
        known = True
        for number, row in enumerate(rows[1:], 2):
            endpoint = self.endpoints.of(row[0])
            if endpoint or self._is_heading(rows[0], row):
                self.endpoint, known = endpoint or self.endpoint, True
                if not endpoint and (any(row[1:]) or any(any(r[1:]) for r in rows[number:])):
                    known = self._heading(f"row {number}", row[0], rows[number:])
                if known:
                    self._compared(rows[0], row)
                continue
            if not known:
                continue
            group = self.group(row[0], self.by)
            if not group:
                self.strange_group(f"row {number}", row[0], self.by)
            elif group in ("p", "smd"):
                self._compared(rows[0], row)
            else:
                for head, text in zip(rows[0][1:], row[1:], strict=True):
                    self._of_curve(head, text, group)

    def _is_heading(self, heads: Sequence[str], row: Sequence[str]) -> bool:
        """Whether a row has no numbers but the p of its groups, and names none of them."""
        stated = [h for h, text in zip(heads[1:], row[1:], strict=True) if text.strip()]
        return not stated or (
            all(P_HEAD.match(last_word(head)) for head in stated)
            and not self.group(row[0], self.by)
        )

    def _heading(self, where: str, label: str, below: Sequence[Sequence[str]]) -> bool:
        """Whether a heading names what splits the rows; those below another may be of anything."""
        column = self._made_below(self.labels.read(label).column, label, below)
        if column and column in (self.by, self.design.source(self.by)):
            return True
        told = self._no_endpoint(f"{label!r} is a heading that names no endpoint", label)
        told += f", or, if it names what splits the rows, {to_ask(label, self.by)}"
        if column and self.design.levels(column):
            told = f"{label!r} is a heading that names no endpoint, and the table is split by "
            told += f"{self.by}. Put the rows below it into a table of their own, with --by "
            told += column
        self.ask(where, told)
        return False

    def _compared(self, heads: Sequence[str], row: Sequence[str]) -> None:
        """What stands beside a heading: p of its groups; other numbers are of none, and asked."""
        for head, text in zip(heads[1:], row[1:], strict=True):
            if text and P_HEAD.match(last_word(head)):
                self._of_curve(head, text, ALL)
            elif text:
                self.ask(row[0], f"has {text!r} below {head!r} and no group; name it in the row")

    def _of_curve(self, head: str, text: str, group: str) -> None:
        found, where = cell(text), f"{self.place}, {group}, {head}"
        if found.kind == "empty":
            return
        if not self.endpoint:
            self.ask(where, self._no_endpoint("stands below no endpoint", "HEADING"))
            return
        keys = self._held(head, group)
        if not keys and "median" in head.casefold():
            return  # Its unit is asked.
        if not keys:
            told = "is neither n, events, median, a year or month, nor p"
            if _month(head, False) is not None:
                told += "; above a table of numbers at risk write 'Number at risk', and 'Months' "
                told += "or 'Years' in its corner"
            self.ask(f"column {head!r}", told)
            return
        parts = _LIMITED if keys["statistic"] in ("median_survival", "survival_rate") else ("",)
        if keys["statistic"] == "survival_rate" and _is_share(found, text):
            self.ask(where, f"{text!r} is a share of 1, or less than 1 %; write it in per cent")
            return
        if len(found.parts) not in {1, len(parts)} or found.kind == "lost":
            self.ask(where, f"{text!r} is not {holding({1, len(parts)})}{comma(text)}")
            return
        for number, part in zip(found.parts, parts, strict=False):
            self.claim(number, where, **keys, part=part)

    def _held(self, head: str, group: str) -> dict[str, Any]:
        """The keys of what a column holds of a group; none where its header does not tell."""
        word, time = head.casefold(), _YEARS.search(head)
        words, month = set(re.findall(r"[a-z]+", word)), _month(head, self.years)
        keys: dict[str, Any] = {"endpoint": self.endpoint, "group": group}
        if P_HEAD.match(last_word(head)):
            return {**keys, "group": self.by, "model": "logrank", "statistic": "p"}
        if "median" in word:
            said = re.search(
                r"\b(year|yr|month|mo\b)", f"{word} {self.title} {self.corner}".casefold()
            )
            unit = "years" if said and said[1].startswith("y") else "months"
            if not said and self.design.conventions.get("unit") == "years":
                told = "says no unit, and the paper prints years; name it 'Median, years' or "
                self.ask(f"column {head!r}", f"{told}'Median, months'")
                return {}
            return {**keys, "statistic": "median_survival", "unit": unit}
        if time:
            months = float(time.group(1)) * (12 if time.group(2).startswith(("y", "Y")) else 1)
            return {**keys, "statistic": "survival_rate", "time": months, "unit": "%"}
        if self.at_risk and month is not None:
            return {**keys, "statistic": "n_at_risk", "time": month, "unit": "patients"}
        if words and words <= _COUNTS:
            return {"group": group, "statistic": "n", "unit": "patients"}
        if "event" in word or "death" in word:
            return {**keys, "statistic": "events", "unit": "events"}
        return {}


def _is_share(found: Cell, text: str) -> bool:
    """Whether a rate may be meant as a share of 1: "0.141"."""
    first = found.parts[0] if found.parts else None
    return bool(first and "%" not in text and first.decimals and 0 < first.value <= 1)


def _month(head: str, years: bool) -> float | None:
    """The month of a header that is a number alone; None if it is none."""
    found = re.fullmatch(r"\d+(\.\d+)?", head.strip())
    return float(found.group()) * (12 if years else 1) if found else None
