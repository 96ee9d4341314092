"""Medians and rates of curves: a group a row; n, events, median, rates and p in columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from crlm.ledger import Design
from crlm.ledger.vocabulary import ALL
from crlm.transcription.cells import cell
from crlm.transcription.labels import plain
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
    """

    def __init__(self, design: Design, place: str, endpoint: str, named: Mapping[str, str]) -> None:
        every = [name for model in design.models.values() for name in model["covariates"]]
        super().__init__(design, place, every, named)
        self.endpoint, self.by = endpoint, design.exposure

    def read(self, rows: Sequence[Sequence[str]]) -> None:
        """Claims and questions of the table."""
        for number, row in enumerate(rows[1:], 2):
            endpoint = self._endpoint(row[0])
            if endpoint or not any(row[1:]):
                self.endpoint = endpoint or self.endpoint
                self._compared(rows[0], row)
                if not endpoint and any(any(later[1:]) for later in rows[number:]):
                    self._heading(f"row {number}", row[0])
                continue
            group = self.group(row[0], self.by)
            if not group:
                self.strange_group(f"row {number}", row[0])
            for head, text in zip(rows[0][1:], row[1:], strict=True):
                if group:
                    self._of_curve(head, text, group)

    def _heading(self, where: str, label: str) -> None:
        """A heading that names neither an endpoint nor the exposure: rows below may be others."""
        if self.labels.read(label).column != self.by:
            names = ", ".join(self.design.endpoints)
            self.ask(where, f"{label!r} is a heading that names no endpoint ({names})")

    def _compared(self, heads: Sequence[str], row: Sequence[str]) -> None:
        """What stands beside the name of an endpoint: p of its groups, or a row without a group."""
        for head, text in zip(heads[1:], row[1:], strict=True):
            if text and P_HEAD.match(last_word(head)):
                self._of_curve(head, text, ALL)
            elif text:
                self.ask(row[0], f"has {text!r} below {head!r} and no group; name it in the row")

    def _endpoint(self, label: str) -> str:
        """The endpoint that a heading names, by its name or its label."""
        for name, spec in self.design.endpoints.items():
            if plain(label) in (plain(name), plain(str(spec.get("label", "")))):
                return name
        return ""

    def _of_curve(self, head: str, text: str, group: str) -> None:
        found, where = cell(text), f"{self.place}, {group}, {head}"
        if found.kind == "empty":
            return
        keys: dict[str, Any] = {"endpoint": self.endpoint, "group": group}
        word, time = head.casefold(), _YEARS.search(head)
        if P_HEAD.match(last_word(head)):
            keys = {
                "endpoint": self.endpoint,
                "group": self.by,
                "model": "logrank",
                "statistic": "p",
            }
        elif "median" in word:
            unit = "years" if "year" in word else "months"
            keys |= {"statistic": "median_survival", "unit": unit}
        elif time:
            months = float(time.group(1)) * (12 if time.group(2).startswith(("y", "Y")) else 1)
            keys |= {"statistic": "survival_rate", "time": months, "unit": "%"}
        elif set(re.findall(r"[a-z]+", word)) <= _COUNTS:
            keys = {"group": group, "statistic": "n", "unit": "patients"}
        elif "event" in word or "death" in word:
            keys |= {"statistic": "events", "unit": "events"}
        else:
            self.ask(f"column {head!r}", "is neither n, events, median, a year or month, nor p")
            return
        parts = _LIMITED if keys["statistic"] in ("median_survival", "survival_rate") else ("",)
        if len(found.parts) not in {1, len(parts)}:
            self.ask(where, f"{text!r} is not {holding({1, len(parts)})}{comma(text)}")
            return
        for number, part in zip(found.parts, parts, strict=False):
            self.claim(number, where, **keys, part=part)
