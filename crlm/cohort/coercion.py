"""Text becomes numbers, categories and events by the codebook's word; what does not, is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from crlm.cohort.codebook import Codebook, Column
from crlm.cohort.reading import Raw
from crlm.cohort.units import converter
from crlm.cohort.wording import NUMBER, did_you_mean, listing, tidy, token, violation

#: What a cell turned out to be: its value (None when unknown) and what is wrong with it.
Verdict = tuple[Any, str, str]

_YES_NO = {"1": "yes", "true": "yes", "y": "yes", "0": "no", "false": "no", "n": "no"}
_EVENT = {"1": "1", "true": "1", "0": "0", "false": "0"}

# Words that are near enough to a level to be suggested, never to be taken.
_SUGGESTED = {
    "1": "yes", "0": "no", "有": "yes", "無": "no", "あり": "yes", "なし": "no", "+": "positive",
    "-": "negative", "陽性": "positive", "陰性": "negative", "男": "male", "男性": "male",
    "女": "female", "女性": "female", "右": "right", "左": "left", "同時性": "synchronous",
    "異時性": "metachronous", "wt": "wild", "野生型": "wild", "mt": "mutant", "変異型": "mutant",
    "mutated": "mutant", "dead": "1", "died": "1", "死亡": "1", "alive": "0", "生存": "0",
    "yes": "1", "no": "0", "r0": "negative", "r1": "positive",
}  # fmt: skip


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
        Codes of the codebook that never occur, and the like.
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
        For times in days or weeks.

    Returns
    -------
    Coerced
        Never raises: what cannot be understood is a problem.
    """
    columns: dict[str, pd.Series] = {}
    problems: list[dict[str, Any]] = []
    notes: list[str] = []
    for name, column in matched.items():
        texts = raw.frame[column.source]
        labels = raw.labels.get(column.source, {})
        understand = _reader(name, column, specs[name], book, days_per_month, raw.kind)
        verdicts = {text: understand(*_decoded(text, column, labels)) for text in texts.unique()}
        columns[name] = _typed(texts.map({t: v[0] for t, v in verdicts.items()}), specs[name])
        problems += _problems(name, column, specs[name], texts, labels, verdicts)
        problems += _codebook_problems(name, column, specs[name], book, days_per_month)
        notes += _never_seen(name, column, texts, labels)
    return Coerced(pd.DataFrame(columns, index=raw.frame.index), tuple(problems), tuple(notes))


def _decoded(text: str, column: Column, labels: Mapping[str, str]) -> tuple[str, str]:
    """The cell as the codebook's value map reads it, and its SPSS label if the map is silent."""
    label = labels.get(text, "")
    for key in [token(text), *([token(label)] if label else [])]:
        if key in column.values:
            return column.values[key], ""
    return text, label


def _reader(
    name: str,
    column: Column,
    spec: Mapping[str, Any],
    book: Codebook,
    days_per_month: float,
    kind: str,
) -> Callable[[str, str], Verdict]:
    """The function that understands one cell of this column."""
    unknown = book.missing | column.missing
    convert, _ = converter(column.unit, str(spec.get("unit", "")), days_per_month)

    def understand(text: str, label: str) -> Verdict:
        level = _level(text, label, spec) if spec["type"] == "category" else None
        if level is not None:
            return level, "", ""
        if token(text) in unknown or (label and token(label) in unknown):
            return None, "", ""
        if spec["type"] == "text":
            return text, "", ""
        if spec["type"] == "category":
            return None, f"is none of {listing(spec['levels'])}", ""
        value, rule, remedy = _number(tidy(text), book.decimal, kind, name, column.source)
        return (None, rule, remedy) if rule else _in_range(convert(value), spec)

    return understand


def _level(text: str, label: str, spec: Mapping[str, Any]) -> str | None:
    """The canonical level that a cell names beyond doubt, or None."""
    levels = [str(level) for level in spec["levels"]]
    names = {token(level): level for level in levels}
    for level, words in spec.get("labels", {}).items():
        names.setdefault(token(words), str(level))
    if label and token(label) in names:
        return names[token(label)]
    codes = _YES_NO if set(levels) == {"yes", "no"} else {}
    codes = _EVENT if spec.get("role") == "event" else codes
    meant = names.get(token(text)) or codes.get(token(text))
    # A bare code whose label says something unknown is the codebook's to decide.
    silent = not label or not NUMBER.fullmatch(text) or _SUGGESTED.get(token(label)) == meant
    return meant if silent else None


def _number(text: str, decimal: str, kind: str, name: str, source: str) -> Verdict:
    plain = text.replace(",", ".") if decimal == "," and "." not in text else text
    # In a CSV file with decimal commas a point separates thousands; elsewhere numbers are typed.
    in_doubt = decimal == "," and kind == "CSV" and "." in text
    if NUMBER.fullmatch(plain) and not in_doubt:
        return float(plain), "", ""
    if re.match(r"\d{4}-\d\d-\d\d", text):
        return None, "is a date where a number is expected", (
            "Excel makes dates of what looks like one: format the column as text and type the "
            "number again."
        )  # fmt: skip
    if re.match(r"[<>≤≥]", text):
        limit = text.lstrip("<>≤≥= ") or "..."
        return None, "is a limit, not a number", (
            f"Say in the codebook what it counts as: {_line(name, source, {text: limit})}"
        )  # fmt: skip
    if re.fullmatch(r"[+-]?\d[\d.,]*", text):
        return None, "has a comma or point whose meaning is in doubt", (
            "If a comma is the decimal mark, set `decimal: ','` in the codebook; remove what "
            "separates thousands."
        )  # fmt: skip
    if re.match(r"[+-]?[\d.,]+\s*[^\d\s.,]+", text):
        return None, "is not a plain number", (
            "Leave the unit out of the cell; name it once for the column: "
            f"`{name}: {{from: {json.dumps(source, ensure_ascii=False)}, unit: ...}}`."
        )  # fmt: skip
    return None, "is not a number", (
        "Correct the cell, or, if it means unknown, add to the codebook: "
        f"missing: [{json.dumps(text, ensure_ascii=False)}]."
    )  # fmt: skip


def _in_range(value: float, spec: Mapping[str, Any]) -> Verdict:
    if spec["type"] == "integer" and not value.is_integer():
        return None, "is not a whole number", "Correct the cell."
    low, high = spec.get("min", float("-inf")), spec.get("max", float("inf"))
    if value < low and spec.get("role") in ("time", "entry"):
        return None, "is before the hepatectomy", (
            "Check the dates it was computed from; if it means unknown, add it to `missing:` "
            "in the codebook."
        )  # fmt: skip
    if low <= value <= high:
        return value, "", ""
    unit = f" {spec['unit']}" if spec.get("unit") else ""
    side = f"below {low:g}{unit}" if value < low else f"above {high:g}{unit}"
    millimetres = spec.get("unit") == "cm" and value > high
    remedy = (
        "If the column is in millimetres, say `unit: mm` in the codebook; if only this cell is "
        "wrong, correct it."
        if millimetres
        else "Correct the cell; if it means unknown, add it to `missing:` in the codebook."
    )
    return None, f"is {side}", remedy


def _typed(values: pd.Series, spec: Mapping[str, Any]) -> pd.Series:
    if spec["type"] == "text":
        return values.astype(object)
    if spec["type"] in ("number", "integer"):
        return values.astype(float)
    if spec.get("role") == "event":
        return values.map({"1": True, "0": False}).astype("boolean")
    levels = [str(level) for level in spec["levels"]]
    return pd.Series(pd.Categorical(values, categories=levels), index=values.index)


def _problems(
    name: str,
    column: Column,
    spec: Mapping[str, Any],
    texts: pd.Series,
    labels: Mapping[str, str],
    verdicts: Mapping[str, Verdict],
) -> list[dict[str, Any]]:
    wrong = {text: verdict for text, verdict in verdicts.items() if verdict[1]}
    suggestion = _suggestion(name, column, spec, [labels.get(t) or t for t in wrong])
    return [
        violation(
            row, name, column.source, f"{text} ({labels[text]})" if text in labels else text,
            wrong[text][1], wrong[text][2] or suggestion,
        )
        for row, text in texts.items() if text in wrong
    ]  # fmt: skip


def _suggestion(name: str, column: Column, spec: Mapping[str, Any], seen: list[str]) -> str:
    """The line to paste into the codebook, with the levels that suggest themselves filled in."""
    if spec["type"] != "category":
        return ""
    levels = [str(level) for level in spec["levels"]]
    known = _EVENT if spec.get("role") == "event" else {}
    guesses = {text: known.get(token(text)) or _guess(text, levels) for text in seen}
    line = _line(name, column.source, guesses)
    return f'Say in the codebook what each means, "" for unknown (check this): {line}'


def _guess(text: str, levels: list[str]) -> str:
    suggested = _SUGGESTED.get(token(text), "")
    if suggested in levels:
        return suggested
    begun = [level for level in levels if token(level).startswith(token(text))]
    return begun[0] if len(begun) == 1 else "?"


def _line(name: str, source: str, values: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {v}" for k, v in values.items())
    header = json.dumps(source, ensure_ascii=False)
    return f"`{name}: {{from: {header}, values: {{{pairs}}}}}`"


def _codebook_problems(
    name: str, column: Column, spec: Mapping[str, Any], book: Codebook, days_per_month: float
) -> list[dict[str, Any]]:
    """What the codebook says of a column that cannot be meant."""
    _, unit_problem = converter(column.unit, str(spec.get("unit", "")), days_per_month)
    problems = [(column.unit, unit_problem, "Correct `unit:` in the codebook.")] * bool(
        unit_problem
    )
    levels = [str(level) for level in spec.get("levels", ())]
    for meant in dict.fromkeys(column.values.values()):
        empty = token(meant) in book.missing | column.missing
        if levels and not empty and _level(meant, "", spec) is None:
            rule = f"is no level of {name}: {listing(levels)}"
            problems.append((meant, rule, f"Correct `values:`.{did_you_mean(meant, levels)}"))
    return [violation(None, name, column.source, *problem) for problem in problems]


def _never_seen(
    name: str, column: Column, texts: pd.Series, labels: Mapping[str, str]
) -> list[str]:
    seen = {token(text) for text in texts.unique()} | {token(label) for label in labels.values()}
    unseen = [raw for raw in column.values if raw not in seen]
    if not unseen:
        return []
    return [f"{name}: the codebook explains {listing(unseen)}, which never occurs in the file."]
