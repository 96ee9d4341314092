"""The layouts of a paper's tables: which key a row and a column give to the numbers in a cell."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crlm.ledger import CLAIM_COLUMNS, Design, ParameterError, did_you_mean
from crlm.transcription.cells import REFERENCE, Cell, Printed, cell, printed
from crlm.transcription.labels import Label, Labels, plain, unmarked

#: Two groups side by side (Table 1), a regression table, medians and rates of curves.
LAYOUTS = ("two-groups", "model", "curves")

_SPREADS = {"range": ("min", "max"), "iqr": ("q1", "q3")}
_P_HEAD = re.compile(r"^p([ -]?values?)?\.?$", re.IGNORECASE)
_WHOLE = ("all", "total", "overall", "all patients", "entire cohort")
_SIZE = re.compile(r"\bn\s*=\s*([\d,]+)", re.IGNORECASE)
#: What a number of a kind cannot be outside of.
_POSSIBLE = {
    "p": (0.0, 1.0),
    "percent": (0.0, 100.0),
    "survival_rate": (0.0, 100.0),
    "hazard_ratio": (0.0, math.inf),
    "odds_ratio": (0.0, math.inf),
}
#: Words of a header over counts of patients.
_COUNTS = {"n", "no", "number", "patients", "pts", "of", "cases"}
#: A ratio, and its limits.
_RATIO = ("", "conf_low", "conf_high")
#: What a column of a regression table holds: statistic, and fields by how many numbers a cell has.
_HELD: dict[str, tuple[str, dict[int, tuple[str, ...]]]] = {
    "ratio": ("hazard_ratio", {1: ("",), 3: _RATIO}),
    "odds": ("odds_ratio", {1: ("",), 3: _RATIO}),
    "limits": ("hazard_ratio", {2: _RATIO[1:]}),
    "lower": ("hazard_ratio", {1: ("conf_low",)}),
    "upper": ("hazard_ratio", {1: ("conf_high",)}),
    "se": ("se", {1: ("",)}),
    "z": ("z", {1: ("",)}),
    "p": ("p", {1: ("",)}),
}
#: Words of a header that say so, the first that is there.
_WORDS = {
    "odds": {"or", "odds"},
    "ratio": {"hr", "ratio", "hazard", "hazards", "rr"},
    "lower": {"lower", "low"},
    "upper": {"upper", "high"},
    "limits": {"ci", "limits", "interval", "confidence"},
    "se": {"se", "error"},
    "z": {"z", "wald"},
}
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
    left_out : list of str
        Cells with a word in the place of a number, "NS" or "NR": no claim is made of them.
    """

    claims: list[dict[str, str]] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def claims_of(
    rows: Sequence[Sequence[str]],
    design: Design,
    layout: str,
    *,
    place: str,
    endpoint: str = "",
    spread: str = "",
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
        Of a model or of curves; of a model also its name in the design, which gives its endpoint
        and its patients.
    spread : {"", "range", "iqr"}
        What two numbers behind a median are, where their row does not say; "": as the design.
    named : mapping of str to str
        Answers to questions: a label of the table to `column` or `column:level`, a header to "p".

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
    known = list(dict.fromkeys([*design.endpoints, *(design.models if layout == "model" else ())]))
    if layout != "two-groups" and endpoint not in known:
        near = did_you_mean(endpoint, known) if endpoint else f"{', '.join(known)}."
        raise ParameterError(f"A {layout} table needs --endpoint: {near}")
    reader = _Reader(design, place, endpoint, spread, _answers(dict(named or {}), rows, design))
    {"two-groups": reader.two_groups, "model": reader.model, "curves": reader.curves}[layout](rows)
    return reader.made


def _answers(
    named: dict[str, str], rows: Sequence[Sequence[str]], design: Design
) -> dict[str, str]:
    """Answers that the table asks for, each with a column and a level of the design."""
    labels = [plain(text) for text in [*rows[0], *(row[0] for row in rows)]]
    for label, target in named.items():
        column, _, level = target.partition(":")
        words = plain(label)
        if not any(words == held or held.startswith(f"{words} ") for held in labels):
            near = did_you_mean(label, [row[0] for row in rows if row[0]])
            raise ParameterError(f"--is {label!r}: the table has no such label; {near}")
        known = [*design.columns, *design.factors, "p"]
        if column not in known:
            raise ParameterError(f"--is {label}={target}: {did_you_mean(column, known)}")
        levels = design.levels(column) if column != "p" else []
        if level and level not in levels:
            near = did_you_mean(level, levels) if levels else "it has no levels."
            raise ParameterError(f"--is {label}={target}: no level of {column}; {near}")
    return named


class _Reader:
    """One table on its way to claims."""

    def __init__(
        self, design: Design, place: str, endpoint: str, spread: str, named: dict[str, str]
    ) -> None:
        self.design, self.place = design, place
        self.spec = design.models.get(endpoint) or {}
        self.endpoint = str(self.spec.get("endpoint") or endpoint)
        self.ends = _SPREADS.get(spread or str(design.table_one["spread"]), ())
        self.made = Transcript()
        models = [n for m in design.models.values() for n in m["covariates"]]
        first = self.spec.get("covariates", models)
        asked = list(first) if endpoint else list(design.table_one["variables"])
        self.labels = Labels(design, asked, named)

    # ---- what a claim is ------------------------------------------------------------

    def claim(self, number: Printed, locator: str, **keys: Any) -> None:
        """One printed number with its keys; what it cannot be, or an id that is taken, is asked."""
        if math.isnan(number.value):
            self.made.left_out.append(f"{locator}: {number.text!r} is no number.")
            return
        low, high = _POSSIBLE.get(keys["statistic"], (-math.inf, math.inf))
        if not low <= number.value <= high:
            what = f"{number.text!r} is no {keys['statistic'].replace('_', ' ')}"
            self.ask(locator, f"{what}; correct the cell, or leave it out and write it by hand")
            return
        self._put(number, locator, keys)

    def _put(self, number: Printed, locator: str, keys: dict[str, Any]) -> None:
        names = ("group", "covariate", "level", "model", "endpoint")
        words = [keys.get(name, "") for name in names if keys.get(name, "") not in ("", "all")]
        words += [keys["population"]] if keys.get("population", "all") != "all" else []
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
            found = self.labels.read(row[0], within)
            empty = not any(row[1:])
            within = row[0] if empty or (found.column and not found.level) else within
            if not found.column and not empty:
                self.ask(f"row {number}", self.labels.unknown(row[0], within))
            if found.column:
                self._characteristic(row, columns, by, found)

    def _characteristic(
        self, row: Sequence[str], columns: Mapping[int, str], by: str, named: Label
    ) -> None:
        column = named.column
        unit = (self.design.columns.get(column) or {}).get("unit", "")
        for at, group in columns.items():
            where = f"{self.place}, {row[0]}, {group}"
            found = cell(row[at])
            if group == "p" and found.kind != "empty":
                self._p_value(found, row[at], where, {"group": by, "covariate": column})
            elif group and found.kind != "empty":
                keys = {"group": group, "covariate": column, "level": named.level}
                self._stated(_as_said(found, named), where, keys, unit, named.notes)

    def _p_value(self, found: Cell, text: str, where: str, keys: dict[str, str]) -> None:
        if found.kind != "single":
            self.ask(where, f"{text!r} is not one p value{_comma(text)}")
            return
        self.claim(found.parts[0], where, **keys, statistic="p")

    def _stated(
        self, found: Cell, where: str, keys: dict[str, str], unit: str, notes: frozenset[str]
    ) -> None:
        ends = _SPREADS["iqr"] if notes & {"iqr", "interquartile"} else self.ends
        ends = _SPREADS["range"] if "range" in notes and "interquartile" not in notes else ends
        if found.kind == "spread" and not ends:
            self.ask(where, "says not what stands beside the median; say --spread range or iqr")
            return
        names = {
            "count": (("n", "patients"), ("percent", "%")),
            "spread": (("median", unit), *((end, unit) for end in ends)),
            "mean": (("mean", unit), ("sd", unit)),
            "single": (("n", "patients") if keys["level"] else ("median", unit),),
            "percent": (("percent", "%"),),
        }.get(found.kind)
        unsaid = found.kind in ("count", "percent") and not keys["level"]
        share = found.kind == "single" and bool(keys["level"]) and found.parts[0].decimals > 0
        if names is None or unsaid or share:
            self.ask(where, "says neither n (%) of a level, nor median with range, nor mean ± SD")
            return
        for number, (statistic, its) in zip(found.parts, names, strict=True):
            self.claim(number, where, **keys, statistic=statistic, unit=its)

    def model(self, rows: Sequence[Sequence[str]]) -> None:
        """A regression table: a covariate a row; ratio with limits, and p, by model."""
        heads, told = self._heads(rows), self._references(rows)
        within = ""
        for number, row in enumerate(rows[1:], 2):
            found = self.labels.read(row[0], within)
            whole = not found.level and self.design.levels(found.column)
            if not any(row[1:]) or (found.column and whole):
                within = row[0]
            if not found.column and any(row[1:]):
                self.ask(f"row {number}", self.labels.unknown(row[0], within))
            elif found.column:
                found = replace(found, level=found.level or self._second(found.column))
                if any(cell(t).parts and not REFERENCE.match(t.strip()) for t in row[1:]):
                    self._effect(row, heads, self._against(found, told, f"row {number}"))

    def _heads(self, rows: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
        """Model and what it holds ("" for nothing that is known) of each column but the first."""
        heads, model = [], "univariable" if _says(rows[0], "uni") else "multivariable"
        for at, head in enumerate(rows[0][1:], 1):
            model = "univariable" if "uni" in head.casefold() else model
            model = "multivariable" if "multi" in head.casefold() else model
            holds = _held(head, [row[at] for row in rows[1:]])
            heads.append((model, holds))
            if not holds and any(row[at] for row in rows[1:]):
                self.ask(
                    f"column {head!r}",
                    "is neither a ratio (HR, OR), its limits (95% CI, lower, upper), SE, z nor p; "
                    "name it so, or leave it out of the table",
                )
        return heads

    def _references(self, rows: Sequence[Sequence[str]]) -> dict[str, str]:
        """By covariate: the level whose row says that it is the reference."""
        found: dict[str, str] = {}
        within = ""
        for row in rows[1:]:
            named = self.labels.read(row[0], within)
            if not any(row[1:]) or (named.column and not named.level):
                within = row[0]
            stated = [text for text in row[1:] if text.strip()]
            if named.level and stated and REFERENCE.match(stated[0].strip()):
                if found.get(named.column, named.level) != named.level:
                    self.ask(row[0], f"{found[named.column]} is marked as the reference too")
                found[named.column] = named.level
        return found

    def _against(self, named: Label, told: Mapping[str, str], where: str) -> Label:
        """A row with the level it is against, where that is not the one that the model has."""
        levels = self.design.levels(named.column)
        if named.reference or not named.level or not levels:
            return named
        spec = self.spec or self.design.model_of(self.endpoint)
        usual = str((spec.get("references") or {}).get(named.column, levels[0]))
        against = told.get(named.column, usual)
        if against == named.level:
            others = [level for level in levels if level != named.level]
            if len(others) > 1:
                self.ask(
                    where,
                    f"{named.level!r} is the reference of {named.column}; write the row as "
                    f"'{named.level} vs LEVEL', or keep the row that is marked as the reference",
                )
            against = others[0]
        return replace(named, reference="" if against == usual else against)

    def _second(self, column: str) -> str:
        """The level that a row of a factor without one is about: the other than the reference."""
        levels = self.design.levels(column)
        return levels[1] if len(levels) == 2 else ""

    def _effect(self, row: Sequence[str], heads: Sequence[tuple[str, str]], named: Label) -> None:
        keys = {"endpoint": self.endpoint, "covariate": named.column, "level": named.level}
        keys |= {"reference": named.reference} if named.reference else {}
        keys |= {"population": str(self.spec["population"])} if self.spec.get("population") else {}
        for text, (model, holds) in zip(row[1:], heads, strict=True):
            found, where = cell(text), f"{self.place}, {row[0]}, {model}"
            if found.kind == "empty" or REFERENCE.match(text.strip()):
                continue
            statistic, forms = _HELD.get(holds, ("", {}))
            if statistic and len(found.parts) not in forms:
                self.ask(where, f"{text!r} is not {_holding(forms)}{_comma(text)}")
                continue
            parts = forms.get(len(found.parts), ())
            for number, part in zip(found.parts, parts, strict=False):
                self.claim(number, where, **keys, model=model, statistic=statistic, part=part)

    def curves(self, rows: Sequence[Sequence[str]]) -> None:
        """Medians and rates: a group a row; n, events, median, rates and p in columns."""
        by = self.design.exposure
        for number, row in enumerate(rows[1:], 2):
            group = self._group(row[0], by)
            if not group:
                self.ask(f"row {number}", self.labels.unknown(row[0]))
                continue
            for head, text in zip(rows[0][1:], row[1:], strict=True):
                self._of_curve(head, text, group, by)

    def _of_curve(self, head: str, text: str, group: str, by: str) -> None:
        found, where = cell(text), f"{self.place}, {group}, {head}"
        if found.kind == "empty":
            return
        keys: dict[str, Any] = {"endpoint": self.endpoint, "group": group}
        word, time = head.casefold(), _YEARS.search(head)
        if _P_HEAD.match(_last_word(head)):
            keys = {"endpoint": self.endpoint, "group": by, "model": "logrank", "statistic": "p"}
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
        parts = _RATIO if keys["statistic"] in ("median_survival", "survival_rate") else ("",)
        if len(found.parts) not in {1, len(parts)}:
            self.ask(where, f"{text!r} is not {_holding({1, len(parts)})}{_comma(text)}")
            return
        for number, part in zip(found.parts, parts, strict=False):
            self.claim(number, where, **keys, part=part)

    # ---- words ----------------------------------------------------------------------

    def _group(self, head: str, by: str) -> str:
        """The group that a header names: "hai=yes", "all", "p"; "" for none."""
        bare = re.sub(r"[\[(]?\s*n\s*=.*$", "", head, flags=re.IGNORECASE).strip(" ,:")
        bare = unmarked(bare)
        if _P_HEAD.match(plain(bare)) or self.labels.read(bare).column == "p":
            return "p"
        if plain(bare) in _WHOLE:
            return "all"
        found = self.labels.read(bare)
        if found.column == by and found.level:
            return f"{by}={found.level}"
        for level in self.design.levels(by):
            if plain(bare) in (plain(level), plain(self.design.label(by, level))):
                return f"{by}={level}"
        if bare:
            answer = f"{self.labels.unknown(bare)}, or '{bare}=p' for a column of p values"
            self.ask(f"column {head!r}", answer)
        return ""


def _as_said(found: Cell, named: Label) -> Cell:
    """Two numbers without a sign between them are mean and SD where the row says so: "61 (9)"."""
    two = found.kind in ("count", "unclear") and len(found.parts) == 2
    said = "mean" in named.notes or "sd" in named.notes
    return replace(found, kind="mean") if two and said and not named.level else found


def _held(head: str, texts: Sequence[str]) -> str:
    """What a column of a regression table holds, a word of `_HELD`; "" if nobody can tell.

    A header that says nothing of it, as "Univariable", stands above ratios where each cell
    has a number and two limits.
    """
    if _P_HEAD.match(_last_word(head)):
        return "p"
    words = set(re.findall(r"[a-z]+", head.casefold()))
    found = next((held for held, said in _WORDS.items() if words & said), "")
    if found == "odds" and words & {"hr", "hazard"}:
        return "ratio"
    stated = [cell(text) for text in texts if not REFERENCE.match(text.strip())]
    stated = [one for one in stated if one.kind != "empty"]
    return found or ("ratio" if stated and all(len(one.parts) == 3 for one in stated) else "")


def _holding(forms: Iterable[int]) -> str:
    """What a cell may have, by how many numbers it has."""
    said = {1: "one number", 2: "two limits", 3: "a number with its two limits"}
    return " or ".join(said[many] for many in sorted(set(forms)))


def _comma(text: str) -> str:
    """The remedy where a comma stands for the decimal point."""
    found = re.search(r"\d,\d{1,2}(?!\d)", text)
    return "; write decimals with a point" if found else ""


def _last_word(head: str) -> str:
    words = re.sub(r"[\[(].*?[\])]", " ", unmarked(head)).split()
    if words and words[-1].casefold() in ("value", "values"):
        words = words[:-1]
    return words[-1] if words else ""


def _says(heads: Sequence[str], word: str) -> bool:
    return any(word in head.casefold() for head in heads)
