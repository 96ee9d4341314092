"""Text becomes numbers, categories and events by the codebook's word; what does not, is named."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crlm.cohort.codebook import Codebook, Column
from crlm.cohort.numbers import quote_header, read_number
from crlm.cohort.reading import Raw
from crlm.cohort.times import from_dates, is_dated, with_year
from crlm.cohort.units import converter, unit_in_cell
from crlm.cohort.vocabulary import numerals, suggest
from crlm.cohort.wording import quote, token, violation
from crlm.refusals import NUMBER, did_you_mean, foreign, listing, tidy

#: What a cell turned out to be: its value (None when unknown) and what is wrong with it.
Verdict = tuple[Any, str, str]

_YES_NO = {"1": "yes", "true": "yes", "y": "yes", "0": "no", "false": "no", "n": "no"}
_EVENT = {"1": "1", "true": "1", "0": "0", "false": "0"}


@dataclass(frozen=True)
class Coerced:
    """The canonical table and what is wrong with its cells.

    Attributes
    ----------
    frame : pandas.DataFrame
        Canonical columns and types; a cell that is wrong is missing here. The
        index is the row number in the file.
    problems : tuple of dict
        Violations of single cells.
    notes : tuple of str
        Codes of the codebook that never occur, and the like; foreign text is marked.
    """

    frame: pd.DataFrame
    problems: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]


def coerce(
    raw: Raw,
    matched: Mapping[str, Column],
    specs: Mapping[str, Mapping[str, Any]],
    book: Codebook,
    days_per_month: float,
) -> Coerced:
    """Turn the text of every matched column into the type that the dictionary asks for.

    Parameters
    ----------
    raw : Raw
        The table as text.
    matched : mapping of str to Column
        Canonical name to source, from `codebook.match`.
    specs : mapping of str to mapping
        Canonical name to `type`, `role`, `unit`, `levels`, `min`, `max`.
    book : Codebook
        Unknown tokens and the decimal mark.
    days_per_month : float
        For times in days or weeks, or between dates.

    Returns
    -------
    Coerced
        Never raises: what cannot be understood is a problem.
    """
    columns: dict[str, pd.Series] = {}
    problems: list[dict[str, Any]] = []
    notes: list[str] = []
    for name, column in matched.items():
        if is_dated(name, column):
            continue
        cells = Cells(name, column, specs[name], book, days_per_month, raw)
        columns[name], more, said = cells.read()
        problems += [*more, *_codebook_problems(cells)]
        notes += [*said, *_never_seen(cells)]
    early = {name for name, spec in specs.items() if spec.get("min", 0) < 0}
    dated, more, said = from_dates(raw, matched, columns, book, days_per_month, early)
    sources = with_year(matched)
    for name, values in dated.items():
        columns[name], beyond = _within(name, values, sources[name], specs[name])
        problems += beyond
    for name, column in matched.items():
        if column.other and not column.from_dates and column.other in columns:
            columns[name] = columns[name] | columns[column.other]
    ordered = {name: columns[name] for name in sources if name in columns}
    frame = pd.DataFrame(ordered, index=raw.frame.index)
    return Coerced(frame, (*problems, *more), (*notes, *said))


def _within(
    name: str, values: pd.Series, column: Column, spec: Mapping[str, Any]
) -> tuple[pd.Series, list[dict[str, Any]]]:
    """What comes from dates stays within the bounds that the dictionary sets."""
    found: list[dict[str, Any]] = []
    low, high = spec.get("min", -np.inf), spec.get("max", np.inf)
    for side, limit, beyond in (("below", low, values < low), ("above", high, values > high)):
        rule = f"is {side} {limit:g} {spec.get('unit', '')}".rstrip()
        found += [
            violation(row, name, column.source, f"{values[row]:g}", rule, "Check the dates.")
            for row in values.index[beyond]
        ]
    return values.where(~((values < low) | (values > high))), found


class Cells:
    """One column of the file on its way to one of the dictionary."""

    def __init__(
        self,
        name: str,
        column: Column,
        spec: Mapping[str, Any],
        book: Codebook,
        days_per_month: float,
        raw: Raw,
    ) -> None:
        self.name, self.column, self.spec, self.book = name, column, spec, book
        self.texts = raw.frame[column.source]
        self.labels = raw.labels.get(column.source, {})
        self.unknown = book.missing | column.missing
        self.target = str(spec.get("unit", ""))
        self.month = days_per_month
        self.units = raw.frame[column.unit_source] if column.unit_source else None
        self.levels = [str(level) for level in spec.get("levels", ())]
        self.places, words = pd.factorize(self.texts)
        self.counts = pd.Series(np.bincount(self.places, minlength=len(words)), index=words)
        self.bare = self._are_plain_codes()
        self.own_units = 0

    def read(self) -> tuple[pd.Series, list[dict[str, Any]], list[str]]:
        """The typed column, what is wrong with its cells, and notes."""
        if self.units is not None:
            return self._by_row()
        number = self.spec["type"] in ("number", "integer")
        verdicts = self._numbers() if number else list(map(self._decoded, self.counts.index))
        values = self._typed([value for value, _, _ in verdicts])[self.places]
        return pd.Series(values, self.texts.index), self._problems(verdicts), self._notes()

    # ---- categories, events and text ----

    def _decoded(self, text: str) -> Verdict:
        """A cell as the codebook's value map reads it, else by its SPSS label, else as it is."""
        label = self.labels.get(text, "")
        words = [text, *([label] if label else [])] if self.column.values else []
        for key in map(token, words):
            if key in self.column.values:
                return self._understood(self.column.values[key], "", True)
        return self._understood(text, label, False)

    def _understood(self, text: str, label: str, mapped: bool) -> Verdict:
        category = self.spec["type"] == "category"
        level = self._level(text, label, mapped) if category else None
        if level is not None:
            return level, "", ""
        if token(text) in self.unknown or (label and token(label) in self.unknown):
            return None, "", ""
        if category:
            return None, f"is none of {listing(self.levels)}", ""
        return text, "", ""

    def _level(self, text: str, label: str, mapped: bool) -> str | None:
        """The canonical level that a cell names beyond doubt, or None."""
        names = self.level_names()
        if label and token(label) in names:
            return names[token(label)]
        codes = _YES_NO if set(self.levels) == {"yes", "no"} else {}
        codes = _EVENT if self.spec.get("role") == "event" else codes
        word = token(text)
        meant = names.get(word) or codes.get(word)
        if mapped:
            return meant
        if self.column.values and (word not in names or NUMBER.fullmatch(word)):
            # A column with a value map takes no code from elsewhere.
            return None
        if NUMBER.fullmatch(word) and not self.bare:
            return None
        # A bare code whose label says something unknown is the codebook's to decide.
        silent = not label or not NUMBER.fullmatch(text) or suggest(label, self.levels) == meant
        return meant if silent else None

    def level_names(self) -> dict[str, str]:
        """Words for the levels of the dictionary, by token."""
        names = {token(level): level for level in self.levels}
        for level, words in self.spec.get("labels", {}).items():
            names.setdefault(token(words), str(level))
        return names

    def _are_plain_codes(self) -> bool:
        """Whether the only numbers among the codes are 0 and 1, or levels themselves.

        Beside a 2 that is no level, a 1 may mean no.
        """
        if self.spec["type"] != "category":
            return True
        codes = {token(text) for text in self.counts.index} - self.unknown
        numbers = {code for code in codes if NUMBER.fullmatch(code)}
        return numbers <= {"0", "1"} or numbers <= {token(level) for level in self.levels}

    # ---- numbers ----

    def _numbers(self) -> list[Verdict]:
        convert, _ = converter(self.column.unit, self.target, self.month)
        special = bool(self.column.values or self.labels)
        plain = self.book.decimal == "." and not special
        # A number is unknown only where another one stands for unknown.
        coded = any(NUMBER.fullmatch(word) for word in self.unknown)
        verdicts: list[Verdict] = []
        for text in self.counts.index:
            if plain and NUMBER.fullmatch(text) and not (coded and token(text) in self.unknown):
                verdicts.append(_in_range(convert(float(text)), self.spec))
            else:
                verdicts.append(self._number(text, convert))
        return verdicts

    def _number(self, text: str, convert: Callable[[float], float]) -> Verdict:
        label = self.labels.get(text, "")
        mapped = [
            self.column.values[key]
            for key in (token(text), token(label))
            if key in self.column.values
        ]
        told = mapped[0] if mapped else text
        if token(told) in self.unknown or (label and token(label) in self.unknown):
            return None, "", ""
        decimal = "." if mapped and "," not in told else self.book.decimal
        value, unit, rule, remedy = read_number(
            told, decimal, self.target, self.column.source, self.name
        )
        if rule or value is None:
            return None, rule, remedy
        if label and not mapped and self._is_code(label):
            return (
                None,
                "is a code with a label among measurements",
                (
                    "Say what it means: "
                    f"`{self.name}: {{from: {quote_header(self.column.source)}, missing: "
                    f"[{foreign(json.dumps(text))}]}}`, or map it to its number with `values:`."
                ),
            )
        if unit:
            self.own_units += int(self.counts[text])
            convert, _ = converter(unit, self.target, self.month)
        return _in_range(convert(value), self.spec)

    def _is_code(self, label: str) -> bool:
        """Whether a labelled number stands among others that have no label."""
        labelled = sum(text in self.labels for text in self.counts.index)
        return 2 * labelled < len(self.counts) and not NUMBER.search(tidy(label))

    def _by_row(self) -> tuple[pd.Series, list[dict[str, Any]], list[str]]:
        """Numbers whose unit stands beside them in another column."""
        values: list[float | None] = []
        problems = []
        for row, text, unit in zip(self.texts.index, self.texts, self.units, strict=True):
            known = unit_in_cell(unit, self.target) if unit else self.target
            if text and token(text) not in self.unknown and not known:
                verdict: Verdict = (
                    None,
                    f"has a unit that is not known: {quote(unit)}",
                    "Correct the unit.",
                )
            else:
                convert, _ = converter(known, self.target, self.month)
                verdict = self._number(text, convert)
            values.append(verdict[0])
            if verdict[1]:
                problems.append(violation(row, self.name, self.column.source, text, *verdict[1:]))
        return pd.Series(values, index=self.texts.index, dtype=float), problems, self._notes()

    # ---- together ----

    def _typed(self, values: Sequence[Any]) -> Any:
        """What each distinct text means, as an array of the column's type."""
        if self.spec["type"] == "text":
            made = np.empty(len(values), dtype=object)
            # Copies stand side by side, so that the file's own texts can be given back in whole.
            made[:] = [value and _copied(value) for value in values]
            return made
        if self.spec["type"] in ("number", "integer"):
            return np.array([np.nan if value is None else value for value in values], dtype=float)
        levels = ["0", "1"] if self.spec.get("role") == "event" else self.levels
        at = {level: place for place, level in enumerate(levels)}
        codes = np.array([at.get(value, -1) for value in values], dtype=int)
        if self.spec.get("role") == "event":
            return pd.arrays.BooleanArray(codes == 1, codes < 0)
        return pd.Categorical.from_codes(codes, categories=self.levels)

    def _problems(self, verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
        told = zip(self.counts.index, verdicts, strict=True)
        wrong = {text: verdict for text, verdict in told if verdict[1]}
        if not wrong:
            return []
        suggestion = self._suggestion()
        rows = self.texts[self.texts.isin(wrong)]
        return [
            violation(
                row,
                self.name,
                self.column.source,
                self._shown(text),
                wrong[text][1],
                wrong[text][2] or suggestion,
            )
            for row, text in rows.items()
        ]

    def _shown(self, text: str) -> str:
        return f"{text} ({self.labels[text]})" if text in self.labels else text

    def _suggestion(self) -> str:
        """The line to paste into the codebook: every code seen, with what suggests itself."""
        if self.spec["type"] != "category":
            return ""
        guesses = self.guesses()
        line = _line(self.name, self.column.source, guesses)
        counts = foreign(", ".join(f"{self._shown(t)}: {self.counts[t]}" for t in guesses))
        return (
            f'Say in the codebook what each means, "" for unknown (check this): {line} '
            f"(rows: {counts})"
        )

    def guesses(self) -> dict[str, str]:
        """Every code of the column with the level that suggests itself, "?" where none does."""
        seen = [t for t in self.counts.index if token(t) not in self.unknown][:40]
        told = {}
        for text in seen:
            word = self.labels.get(text) or text
            mapped = self.column.values.get(token(text), self.column.values.get(token(word)))
            bare = bool(NUMBER.fullmatch(token(word))) and not self.bare
            bare &= not numerals(self.levels)  # 2 is grade II.
            told[text] = mapped if mapped is not None else "?" if bare else self.guess(word)
        return told

    def guess(self, word: str) -> str:
        """The level that one code most likely means."""
        level = self._level(word, "", False) or suggest(word, self.levels)
        # Beside yes and no, 1 and 0 are nothing else.
        answers = {token(text) for text in self.counts.index} & {"yes", "no", "y", "n"}
        bare = {"1": "yes", "0": "no"}.get(token(word)) if answers else None
        return suggest(bare, self.levels) if level == "?" and bare else level

    def _notes(self) -> list[str]:
        if not self.own_units:
            return []
        return [f"{self.name}: {self.own_units} cells name their own unit, which was obeyed."]


def _line(name: str, source: str, values: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {v}" for k, v in values.items())
    return f"`{name}: {{from: {quote_header(source)}, values: {{{foreign(pairs)}}}}}`"


def _in_range(value: float, spec: Mapping[str, Any]) -> Verdict:
    if not math.isfinite(value):
        return None, "is not a finite number", "Correct the cell."
    if spec["type"] == "integer" and not value.is_integer():
        return None, "is not a whole number", "Correct the cell."
    low, high = spec.get("min", float("-inf")), spec.get("max", float("inf"))
    if value < low == 0 and spec.get("role") in ("time", "entry", "treatment"):
        return (
            None,
            "is before the hepatectomy",
            (
                "Check the dates it was computed from; if it means unknown, add it to `missing:` "
                "in the codebook."
            ),
        )
    if low <= value <= high:
        return value, "", ""
    unit = f" {spec['unit']}" if spec.get("unit") else ""
    side = f"below {low:g}{unit}" if value < low else f"above {high:g}{unit}"
    millimetres = spec.get("unit") == "cm" and value > high
    remedy = (
        "If the column is in millimetres, say `unit: mm` in the codebook; if only this cell is "
        "wrong, correct it."
        if millimetres
        else "Correct the cell; if it means unknown, add it to `missing:` in the codebook; if it "
        f"is true, change the limit, which is the study's: `{'min' if value < low else 'max'}` of "
        "the column in design.toml."
    )
    return None, f"is {side}", remedy


def _copied(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")


def _codebook_problems(cells: Cells) -> list[dict[str, Any]]:
    """What the codebook says of a column that cannot be meant."""
    _, unit_problem = converter(cells.column.unit, cells.target, cells.month)
    problems = [(cells.column.unit, unit_problem, "Correct `unit:` in the codebook.")] * bool(
        unit_problem
    )
    names = {*cells.level_names(), *cells.unknown}
    names |= set(_YES_NO if set(cells.levels) == {"yes", "no"} else ())
    for meant in dict.fromkeys(cells.column.values.values()):
        if cells.levels and token(meant) not in names:
            rule = f"is no level of {cells.name}: {listing(cells.levels)}"
            remedy = f"Correct `values:`.{did_you_mean(meant, cells.levels)}"
            problems.append((meant, rule, remedy))
    source = cells.column.source
    return [violation(None, cells.name, source, *problem) for problem in problems]


def _never_seen(cells: Cells) -> list[str]:
    column, labels = cells.column, cells.labels
    if not column.values:
        return []
    seen = {token(text) for text in cells.counts.index}
    seen |= {token(label) for label in labels.values()}
    unseen: Sequence[str] = [raw for raw in column.values if raw not in seen]
    if not unseen:
        return []
    return [
        f"{cells.name}: the codebook explains {foreign(listing(unseen))}, which never occurs in "
        "the file."
    ]
