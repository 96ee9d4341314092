"""The layouts of a paper's tables: which key a row and a column give to the numbers in a cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crlm.ledger import CLAIM_COLUMNS, Design, ParameterError, did_you_mean
from crlm.transcription.cells import REFERENCE, Cell, Printed, cell, printed

#: Two groups side by side (Table 1), a regression table, medians and rates of curves.
LAYOUTS = ("two-groups", "model", "curves")

_SPREADS = {"range": ("min", "max"), "iqr": ("q1", "q3")}
_P_HEAD = re.compile(r"^p([ -]?values?)?\.?$", re.IGNORECASE)
_WHOLE = ("all", "total", "overall", "all patients", "entire cohort")
_SIZE = re.compile(r"\bn\s*=\s*([\d,]+)", re.IGNORECASE)
_YEARS = re.compile(r"(\d+)[ -]?(year|yr|month|mo)", re.IGNORECASE)


@dataclass
class Transcript:
    """What a table gave.

    Attributes
    ----------
    claims : list of dict
        Rows of `published.csv`.
    questions : list of str
        What the table does not settle, each with its row or column.
    """

    claims: list[dict[str, str]] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)


def claims_of(
    rows: Sequence[Sequence[str]],
    design: Design,
    layout: str,
    *,
    place: str,
    endpoint: str = "",
    spread: str = "range",
    named: Mapping[str, str] | None = None,
) -> Transcript:
    """The claims of a table.

    Parameters
    ----------
    rows : sequence of sequence of str
        From `grid`; the first is the header.
    design : Design
        Its labels and levels name rows and columns.
    layout : str
        One of `LAYOUTS`.
    place : str
        Where it stands: "table1", "supplementary_table4".
    endpoint : str
        Of a model or of curves.
    spread : {"range", "iqr"}
        What two numbers behind a median are.
    named : mapping of str to str
        Answers to questions: a label of the table to `column` or `column:level`.

    Raises
    ------
    ParameterError
        If the layout is unknown, or it needs an endpoint that is not given or not known.

    Examples
    --------
    >>> from crlm import ledger
    >>> design = ledger.load_design("mskcc_hai")
    >>> table = [["", "No HAI (n = 308)", "HAI (n = 366)", "p"], ["Male", "179 (58%)", "205", ""]]
    >>> made = claims_of(table, design, "two-groups", place="table1")
    >>> [claim["id"] for claim in made.claims][:2]
    ['table1-hai-no-n', 'table1-hai-yes-n']
    """
    if layout not in LAYOUTS:
        raise ParameterError(f"There is no layout {layout!r}. {did_you_mean(layout, LAYOUTS)}")
    if layout != "two-groups" and endpoint not in design.endpoints:
        known = (
            did_you_mean(endpoint, design.endpoints) if endpoint else ", ".join(design.endpoints)
        )
        raise ParameterError(f"A {layout} table needs --endpoint: {known}")
    reader = _Reader(design, place, endpoint, spread, dict(named or {}))
    {"two-groups": reader.two_groups, "model": reader.model, "curves": reader.curves}[layout](rows)
    return reader.made


class _Reader:
    """One table on its way to claims."""

    def __init__(
        self, design: Design, place: str, endpoint: str, spread: str, named: dict[str, str]
    ) -> None:
        self.design, self.place, self.endpoint = design, place, endpoint
        self.ends = _SPREADS[spread]
        self.named = {_plain(label): target for label, target in named.items()}
        self.made = Transcript()
        models = [n for m in design.models.values() for n in m["covariates"]]
        first = design.models.get(endpoint, {}).get("covariates", models)
        asked = list(first) if endpoint else list(design.table_one["variables"])
        self.labels = {**dict(_labels(design)), **dict(_labels(design, asked))}

    # ---- what a claim is ------------------------------------------------------------

    def claim(self, number: Printed, locator: str, **keys: Any) -> None:
        """One printed number with its keys; an id that is taken is told."""
        names = ("group", "covariate", "level", "model", "endpoint")
        words = [keys.get(name, "") for name in names if keys.get(name, "") not in ("", "all")]
        time = keys.get("time", "")
        words += [keys["statistic"], f"{time:g}" if time != "" else "", keys.get("part", "")]
        made = "-".join([self.place, *filter(None, words)]).casefold()
        made = re.sub(r"[^a-z0-9]+", "-", made).strip("-")
        whole = dict.fromkeys(
            (name for name in CLAIM_COLUMNS if name not in ("name", "reference")), ""
        )
        whole |= {"id": made, "place": self.place, "locator": locator, "kind": "number"}
        whole |= {"printed": number.text, "operator": number.operator, "value": f"{number.value:g}"}
        whole |= {"decimals": str(number.decimals), "field": keys.pop("part", "") or "estimate"}
        whole |= {"population": "all", "group": "all"}
        whole |= {
            name: f"{value:g}" if name == "time" and value != "" else str(value)
            for name, value in keys.items()
        }
        if any(whole["id"] == other["id"] for other in self.made.claims):
            self.ask(locator, f"{made} comes twice; rename one of the two rows")
        else:
            self.made.claims.append(whole)

    def ask(self, where: str, what: str) -> None:
        """Something that the table does not settle."""
        self.made.questions.append(f"{where}: {what}.")

    def about(self, label: str, within: str = "") -> tuple[str, str]:
        """(column, level) that a label names; ("", "") where it names none."""
        for text in (f"{within} {label}", label):
            plain = _plain(text)
            if plain in self.named:
                column, _, level = self.named[plain].partition(":")
                return column, level
            if plain in self.labels:
                return self.labels[plain]
        return "", ""

    # ---- layouts --------------------------------------------------------------------

    def two_groups(self, rows: Sequence[Sequence[str]]) -> None:
        """Table 1: a characteristic or a level a row, a group a column."""
        by = str(self.design.table_one["by"])
        columns = {at: self._group(head, by) for at, head in enumerate(rows[0]) if at}
        for at, head in enumerate(rows[0]):
            if at and columns[at] and columns[at] != "p":
                for size in map(printed, _SIZE.findall(head)[:1]):
                    keys = {"group": columns[at], "statistic": "n", "unit": "patients"}
                    self.claim(size, f"{self.place}, header, {head}", **keys)
        within = ""
        for number, row in enumerate(rows[1:], 2):
            column, level = self.about(row[0], within)
            empty = not any(row[1:])
            within = row[0] if empty or (column and not level) else within
            if not column and not empty:
                self.ask(f"row {number}", self._unknown(row[0]))
            if column:
                self._characteristic(row, columns, by, column, level)

    def _characteristic(
        self, row: Sequence[str], columns: Mapping[int, str], by: str, column: str, level: str
    ) -> None:
        unit = (self.design.columns.get(column) or {}).get("unit", "")
        for at, group in columns.items():
            where = f"{self.place}, {row[0]}, {group}"
            found = cell(row[at])
            if group == "p":
                for p in found.parts[:1]:
                    self.claim(p, where, group=by, covariate=column, statistic="p")
            elif group and found.kind != "empty":
                keys = {"group": group, "covariate": column, "level": level}
                self._stated(found, where, keys, unit)

    def _stated(self, found: Cell, where: str, keys: dict[str, str], unit: str) -> None:
        names = {
            "count": (("n", "patients"), ("percent", "%")),
            "spread": (("median", unit), *((end, unit) for end in self.ends)),
            "mean": (("mean", unit), ("sd", unit)),
            "single": (("n", "patients") if keys["level"] else ("median", unit),),
        }.get(found.kind)
        if names is None or (found.kind == "count" and not keys["level"]):
            self.ask(where, "says neither n (%) of a level, nor median with range, nor mean ± SD")
            return
        for number, (statistic, its) in zip(found.parts, names, strict=True):
            self.claim(number, where, **keys, statistic=statistic, unit=its)

    def model(self, rows: Sequence[Sequence[str]]) -> None:
        """A regression table: a covariate a row; ratio with limits, and p, by model."""
        heads, model = [], "univariable" if _says(rows[0], "uni") else "multivariable"
        for head in rows[0][1:]:
            model = "univariable" if "uni" in head.casefold() else model
            model = "multivariable" if "multi" in head.casefold() else model
            heads.append((model, bool(_P_HEAD.match(_last_word(head)))))
        within = ""
        for number, row in enumerate(rows[1:], 2):
            column, level = self.about(row[0], within)
            if not any(row[1:]) or (column and not level and self.design.levels(column)):
                within = row[0]
            if not column and any(row[1:]):
                self.ask(f"row {number}", self._unknown(row[0]))
            elif column:
                self._effect(row, heads, column, level or self._second(column))

    def _second(self, column: str) -> str:
        """The level that a row of a factor without one is about: the other than the reference."""
        levels = self.design.levels(column)
        return levels[1] if len(levels) == 2 else ""

    def _effect(
        self, row: Sequence[str], heads: Sequence[tuple[str, bool]], column: str, level: str
    ) -> None:
        for text, (model, is_p) in zip(row[1:], heads, strict=True):
            found, where = cell(text), f"{self.place}, {row[0]}, {model}"
            keys = {"endpoint": self.endpoint, "covariate": column, "level": level, "model": model}
            if found.kind == "empty" or REFERENCE.match(text.strip()):
                continue
            if is_p and len(found.parts) == 1:
                self.claim(found.parts[0], f"{where}, p", **keys, statistic="p")
            elif not is_p and len(found.parts) in (1, 3):
                parts = ("", "conf_low", "conf_high")
                for number, part in zip(found.parts, parts, strict=False):
                    self.claim(number, where, **keys, statistic="hazard_ratio", part=part)
            else:
                self.ask(where, f"{text!r} is neither a ratio with limits nor one p value")

    def curves(self, rows: Sequence[Sequence[str]]) -> None:
        """Medians and rates: a group a row; n, events, median, rates and p in columns."""
        by = self.design.exposure
        for number, row in enumerate(rows[1:], 2):
            group = self._group(row[0], by)
            if not group:
                self.ask(f"row {number}", self._unknown(row[0]))
                continue
            for head, text in zip(rows[0][1:], row[1:], strict=True):
                self._of_curve(head, text, group, by)

    def _of_curve(self, head: str, text: str, group: str, by: str) -> None:
        found, where = cell(text), f"{self.place}, {group}, {head}"
        if found.kind == "empty":
            return
        keys: dict[str, Any] = {"endpoint": self.endpoint, "group": group}
        word, time = head.casefold(), _YEARS.search(head)
        if _P_HEAD.match(head.strip()):
            keys = {"endpoint": self.endpoint, "group": by, "model": "logrank", "statistic": "p"}
        elif "median" in word:
            unit = "years" if "year" in word else "months"
            keys |= {"statistic": "median_survival", "unit": unit}
        elif time:
            months = float(time.group(1)) * (12 if time.group(2).startswith(("y", "Y")) else 1)
            keys |= {"statistic": "survival_rate", "time": months, "unit": "%"}
        elif word.strip() in ("n", "patients", "no."):
            keys = {"group": group, "statistic": "n", "unit": "patients"}
        elif "event" in word or "death" in word:
            keys |= {"statistic": "events", "unit": "events"}
        else:
            self.ask(f"column {head!r}", "is neither n, events, median, a year or month, nor p")
            return
        for number, part in zip(found.parts, ("", "conf_low", "conf_high"), strict=False):
            self.claim(number, where, **keys, part=part)

    # ---- words ----------------------------------------------------------------------

    def _group(self, head: str, by: str) -> str:
        """The group that a header names: "hai=yes", "all", "p"; "" for none."""
        bare = re.sub(r"[\[(]?\s*n\s*=.*$", "", head, flags=re.IGNORECASE).strip(" ,:")
        if _P_HEAD.match(bare):
            return "p"
        if _plain(bare) in _WHOLE:
            return "all"
        column, level = self.about(bare)
        if column == by and level:
            return f"{by}={level}"
        for level in self.design.levels(by):
            if _plain(bare) in (_plain(level), _plain(self.design.label(by, level))):
                return f"{by}={level}"
        if bare:
            self.ask(f"column {head!r}", self._unknown(bare))
        return ""

    def _unknown(self, label: str) -> str:
        near = did_you_mean(label, [self.design.label(n) for n in self._characteristics()])
        return (
            f"{label!r} is no characteristic or level of the design; {near.rstrip('.?')}? "
            f"Say which with --is '{label}=COLUMN:LEVEL'"
        )

    def _characteristics(self) -> list[str]:
        return [*self.design.factors, *self.design.columns]


def _labels(design: Design, names: Sequence[str] = ()) -> Iterator[tuple[str, tuple[str, str]]]:
    """Every wording that names one column or level alone, of these columns or of all."""
    seen: dict[str, set[tuple[str, str]]] = {}
    for name in names or [*design.columns, *design.factors]:
        label = design.label(name).partition(",")[0]
        for text in (name, label, design.label(name)):
            seen.setdefault(_plain(text), set()).add((name, ""))
        for level in design.levels(name):
            words = design.label(name, level)
            alone = [words] if level not in ("yes", "no") else []
            for text in (*alone, f"{label} {words}", f"{label} {level}"):
                seen.setdefault(_plain(text), set()).add((name, level))
    for text, targets in seen.items():
        if len(targets) == 1 and text:
            yield text, next(iter(targets))


def _plain(text: str) -> str:
    """A label without case, signs and what stands in brackets."""
    text = re.sub(r"[\[(].*?[\])]", " ", text.casefold())
    return " ".join(re.sub(r"[^\w<>≤≥=.]+", " ", text).split())


def _last_word(head: str) -> str:
    words = head.split()
    if words and words[-1].casefold() in ("value", "values"):
        words = words[:-1]
    return words[-1] if words else ""


def _says(heads: Sequence[str], word: str) -> bool:
    return any(word in head.casefold() for head in heads)
