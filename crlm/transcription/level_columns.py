"""Columns of a regression table that tell of the patients of each level: counts, medians, rates."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from crlm.ledger import kind_of
from crlm.ledger.vocabulary import MULTIVARIABLE
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import Printed, cell
from crlm.transcription.curve_columns import CURVES, EVENTS, Column, columns
from crlm.transcription.curves import CurvesTable
from crlm.transcription.labels import Label, compares
from crlm.transcription.model_columns import RATIOS, head_words
from crlm.transcription.model_counts import unsized
from crlm.transcription.several import SINGLE, TOGETHER
from crlm.transcription.wordings import plain

if TYPE_CHECKING:
    from crlm.transcription.models import ModelTable

#: Words of a header above the patients of each level, and those that say of which model it is.
_PATIENTS = {
    *("n", "no", "number", "patients", "pts", "cases", "subjects", "participants", "individuals"),
}
_OF_MODELS = {
    *("univariable", "univariate", "multivariable", "multivariate", "analysis", "analyses"),
    *("model", "cox", "logistic", "regression", "crude", "adjusted", "unadjusted"),
}
#: Columns of curves that stand beside ratios, by what they hold.
_OF_CURVES = (*CURVES, "unit", "several", "events", "both", "n_at_risk", "cumulative_events")
_COUNTS = ("n", "events", "both")
#: Words of a header over such columns, besides those of endpoints.
_WORDS = {
    *(*_PATIENTS, *_OF_MODELS, *EVENTS, "of", "with", "total", "observed", "death", "recurrence"),
    *("failure", "relapse", "relapses", "progression", "progressions"),
    *("median", "med", "mst", "mos", "mpfs", "mdfs", "mrfs", "mefs", "mcss", "mttp"),
    *("survival", "time", "overall", "disease", "free", "cancer", "specific", "os", "dfs", "rfs"),
    *("pfs", "efs", "css", "dss", "cumulative", "incidence", "probability", "estimated", "kaplan"),
    *("actuarial", "meier", "km", "rate", "rates", "at", "in", "risk", "s", "the", "and", "to"),
    *("year", "years", "yr", "yrs", "y", "month", "months", "mo", "mos", "mths"),
    *("ci", "confidence", "interval", "intervals", "limits", "limit", "lower", "upper", "range"),
    *("iqr", "se", "sd"),
}
_UNITS = {"n": "patients", "events": "events", "percent": "%"}


@dataclass(frozen=True)
class Beside:
    """A column that tells of the patients of each level.

    Attributes
    ----------
    at : int
        Its position in the table.
    column : Column
        What it holds; "n", "events", "both", or what a curve has.
    model : str
        The model whose patients are counted; "" for all that the table is of.
    """

    at: int
    column: Column
    model: str = ""


def apart(
    table: ModelTable, rows: Sequence[Sequence[str]]
) -> tuple[Sequence[Sequence[str]], list[Beside]]:
    """A table less its columns of patients, events, medians and rates, and what these are.

    Without a column of ratios, or of p, nothing is taken for such a column. One that counts
    others than the first, and does not say of which model, is asked about.

    Parameters
    ----------
    table : ModelTable
    rows : sequence of sequence of str
        The first is the header.
    """
    heads = rows[0]
    texts = {at: [row[at] for row in rows[1:]] for at in range(1, len(heads))}
    held = {at: table.held(heads[at], texts[at]) for at in texts}
    if not set(held.values()) & {*RATIOS, "p"}:
        return rows, []
    endpoints = set().union(*(head_words(words) for words in table.endpoints.words))
    found = []
    for at, column in enumerate(_columns(table, heads), 1):
        if holds_sizes(heads[at], texts[at]):
            found.append(Beside(at, replace(column, holds="n", unit="patients")))
        elif _tells(column, heads[at], held[at], texts[at], endpoints):
            found.append(Beside(at, column))
    found = _of_models(table, heads, texts, found)
    gone = _again(table, heads, texts, found)
    taken = {beside.at for beside in found}
    kept = [[text for at, text in enumerate(row) if at not in taken] for row in rows]
    return kept, [beside for beside in found if beside.at not in gone]


def _columns(table: ModelTable, heads: Sequence[str]) -> list[Column]:
    usual = str(table.design.conventions.get("unit", ""))
    said = f"{table.title} {heads[0]}"
    return list(columns([unsized(head) for head in heads], table.endpoints, said, usual))


def _tells(
    column: Column, head: str, held: str, texts: Sequence[str], endpoints: Collection[str]
) -> bool:
    """Whether a column is one of curves, and none of a ratio, of its limits, of p or of an arm."""
    if column.holds not in _OF_CURVES or not any(texts) or head_words(head) & {*_NO_CURVE}:
        return False
    if head.lstrip(" ([").startswith("%") or head_words(head) - _WORDS - endpoints:
        return False  # A share before its count; other words may name an arm.
    counts = [cell(text).parts[:1] for text in texts if column.holds in ("events", "both")]
    if any(number.decimals for parts in counts for number in parts):
        return False
    return not held or (column.holds in CURVES and held in ("limits", "lower", "upper", "ratio"))


#: Words of a header that is of a ratio, whatever time it names.
_NO_CURVE = ("hr", "or", "hazard", "hazards", "odds", "ratio", "shr", "rr", "ahr", "aor")


def _of_models(
    table: ModelTable, heads: Sequence[str], texts: dict[int, list[str]], found: list[Beside]
) -> list[Beside]:
    """Counts whose header says that they are those of a multivariable model, as of it.

    One column alone, with no univariable ratios beside it, is of all patients; so is one that
    repeats the numbers of a column before it.
    """
    single = any(SINGLE.search(head) for head in heads)
    made: list[Beside] = []
    for beside in found:
        head, holds = heads[beside.at], beside.column.holds
        endpoint = endpoint_of(table, beside)
        named = table.several.of(head, endpoint)
        model = named or (table.several.usual(endpoint) if TOGETHER.search(head) else "")
        before = [one.at for one in made if one.column.holds == holds]
        other = [at for at in before if _differ(texts[beside.at], texts[at])]
        of_it = kind_of(model) == MULTIVARIABLE and not SINGLE.search(head)
        own = of_it and holds in _COUNTS and bool(other or (single and not before))
        made.append(replace(beside, model=model) if own else beside)
    return made


def _differ(texts: Sequence[str], before: Sequence[str]) -> bool:
    """Whether a column has another number than one before it in some row."""
    return any(text not in ("", own) for text, own in zip(texts, before, strict=True))


def _again(
    table: ModelTable, heads: Sequence[str], texts: dict[int, list[str]], found: Sequence[Beside]
) -> set[int]:
    """Positions of columns that count what one before them does; other numbers are asked."""
    first: dict[tuple[Any, ...], int] = {}
    gone = set()
    for beside in found:
        key = (beside.column.holds, beside.column.endpoint, beside.model)
        if beside.column.holds not in _COUNTS:
            continue
        before = first.setdefault(key, beside.at)
        if before == beside.at:
            continue
        gone.add(beside.at)
        if _differ(texts[beside.at], texts[before]):
            what = "patients" if beside.column.holds == "n" else "events"
            told = f"counts other {what} than {heads[before]!r} and names no multivariable model; "
            told += "write Multivariable above it if it is of one, or leave it out with "
            told += to_ask(heads[beside.at], "-")
            table.ask(f"column {heads[beside.at]!r}", told)
    return gone


def put(table: ModelTable, beside: Beside, text: str, label: str, found: Label) -> None:
    """What a column tells of the patients of a level, or of those of whom a number is known.

    Parameters
    ----------
    table : ModelTable
    beside : Beside
    text, label : str
        The cell, and the label of its row.
    found : Label
        What the label names.
    """
    design, parts = table.design, cell(text).parts
    column = found.column if found.level else design.source(found.column)
    holds = beside.column.holds
    where = f"{table.place}, {label}, {'n' if holds == 'n' else beside.column.head}"
    if not parts:
        return
    if compares(label) or ":" in column or (not found.level and design.levels(column)):
        told = f"{where}: {text!r} is of a row that names no level, or two: nobody can tell of whom"
        table.made.left_out.append(f"{told}.")
        return
    named = Label(column, found.level)
    if holds == "n" and beside.model and not found.level:
        told = f"{where}: {text!r} is of a number, of which a model counts no patients apart"
        table.made.left_out.append(f"{told}.")
    elif holds == "n":
        names = ("n",) if beside.model else ("n", "percent")
        _count(table, beside, named, dict(zip(names, parts, strict=False)), where)
        for number in parts[len(names) :]:
            told = f"{where}: {number.text!r} is a percentage of the patients of a model"
            table.made.left_out.append(f"{told}, which has no row.")
    elif not found.level:
        told = f"{where}: {text!r} is of a number, and has no group"
        table.made.left_out.append(f"{told}.")
    else:
        group = f"{column}={found.level}"
        _OfLevel(table, beside, named).of_cell(beside.column, text, group, where)


def stated(whole: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> set[int]:
    """Rows with numbers, by their identity: a reference may have counts alone.

    Counts above "Yes" and "No" are those of a heading.
    """
    sides = [plain(row[0]) in ("yes", "no") for row in rows[1:]] + [False]
    return {
        id(row)
        for row, printed, above in zip(rows, whole, sides, strict=True)
        if any(row[1:]) or (any(printed[1:]) and not above)
    }


def put_whole(table: ModelTable, beside: Sequence[Beside], rows: Iterable[Sequence[str]]) -> None:
    """Patients and events of all, in a row "No. of patients" below such columns."""
    for row, one in itertools.product(rows, beside):
        parts = cell(row[one.at]).parts
        if one.column.holds in ("n", "events") and not one.model and parts:
            endpoint = endpoint_of(table, one)
            keys = {"statistic": one.column.holds, "unit": _UNITS[one.column.holds]}
            keys |= {"endpoint": endpoint} if one.column.holds == "events" else {}
            keys |= {"population": among} if (among := table.among_of(endpoint)) else {}
            where = f"{table.place}, {row[0]}, {one.column.head}"
            table.claim(parts[0], where, **keys)


class _OfLevel(CurvesTable):
    """Events, medians and rates of one level, as rows of the regression table."""

    def __init__(self, table: ModelTable, beside: Beside, named: Label) -> None:
        super().__init__(table.design, table.place, endpoint_of(table, beside), {})
        self.table, self.beside, self.named, self.made = table, beside, named, table.made

    def claim(self, number: Printed, locator: str, **keys: Any) -> None:
        """The number with its keys: counts of a model, or of a yes-no outcome, have their own."""
        statistic, design = keys["statistic"], self.design
        if statistic == "n" or (statistic == "events" and self.beside.model):
            _count(self.table, self.beside, self.named, {statistic: number}, locator)
            return
        if among := self.table.among_of(self.endpoint):
            keys["population"] = among
        if statistic == "events" and self.endpoint in design.columns:
            keys |= {**self._outcome(), "statistic": "n", "unit": "patients"}
        self.table.claim(number, locator, **keys)

    def share(self, column: Column, number: Printed, group: str, where: str) -> None:
        """A percentage behind a count: of those of a level, who of them has a yes-no outcome."""
        if column.holds != "both" or self.beside.model or self.endpoint not in self.design.columns:
            super().share(column, number, group, where)
            return
        keys = {"group": group, **self._outcome(), "statistic": "percent", "unit": "%"}
        keys |= {"population": among} if (among := self.table.among_of(self.endpoint)) else {}
        self.table.claim(number, where, **keys)

    def _outcome(self) -> dict[str, str]:
        levels = self.design.levels(self.endpoint)
        return {"endpoint": "", "covariate": self.endpoint, "level": levels[1]}


def endpoint_of(table: ModelTable, beside: Beside) -> str:
    """The endpoint that a column names, or that of the table."""
    return beside.column.endpoint or table.endpoint


def _count(
    table: ModelTable, beside: Beside, named: Label, found: dict[str, Printed], where: str
) -> None:
    """Patients or events of a level: of a model, or of all patients of the table."""
    endpoint = endpoint_of(table, beside)
    for statistic, number in found.items():
        keys: dict[str, Any] = {"covariate": named.column, "level": named.level}
        if beside.model:
            keys |= {"endpoint": endpoint, "model": beside.model}
        if among := table.among_of(endpoint):
            keys["population"] = among
        table.claim(number, where, **keys, statistic=statistic, unit=_UNITS[statistic])


def holds_sizes(head: str, texts: Sequence[str]) -> bool:
    """Whether a column has the patients of each level: "n", "No. of patients", whichever model.

    Examples
    --------
    >>> holds_sizes("Univariable n", ["440", "", "246"]), holds_sizes("Events", ["94"])
    (True, False)
    """
    words = head_words(head) - _OF_MODELS
    found = [cell(text) for text in texts if cell(text).kind != "empty"]
    whole = all(one.kind in ("single", "count") and not one.parts[0].decimals for one in found)
    known = bool(words & _PATIENTS) and words <= _PATIENTS | {"of", "total"}
    return bool(found) and whole and known
