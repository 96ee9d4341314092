"""A column of patients beside the ratios of a regression table: how many each level has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crlm.transcription.asking import to_ask
from crlm.transcription.cells import cell
from crlm.transcription.labels import Label, compares

if TYPE_CHECKING:
    from crlm.transcription.models import ModelTable

#: Words of a header above the patients of each level, and those that say of which model it is.
_PATIENTS = {"n", "patients", "pts", "number", "no"}
_OF_MODELS = {
    *("univariable", "univariate", "multivariable", "multivariate", "analysis", "analyses"),
    *("model", "cox", "logistic", "regression", "crude", "adjusted", "unadjusted"),
}
_RATIOS = ("odds", "ratio", "sub")


def apart(
    table: ModelTable, rows: Sequence[Sequence[str]]
) -> tuple[Sequence[Sequence[str]], list[int]]:
    """A table less its columns of patients, and the position of the first of them.

    Without a column of ratios nothing is taken for patients; a column that counts others than the
    first is asked about.

    Parameters
    ----------
    table : ModelTable
    rows : sequence of sequence of str
        The first is the header.
    """
    columns = {at: [row[at] for row in rows[1:]] for at in range(1, len(rows[0]))}
    if not any(table.held(rows[0][at], texts) in _RATIOS for at, texts in columns.items()):
        return rows, []
    held = [at for at, texts in columns.items() if holds_sizes(rows[0][at], texts)]
    for at in held[1:]:
        both = zip(columns[at], columns[held[0]], strict=True)
        if any(text not in ("", first) for text, first in both):
            told = f"counts other patients than {rows[0][held[0]]!r}, those of a model, and they "
            told += f"have no row; leave it out with {to_ask(rows[0][at], '-')}"
            table.ask(f"column {rows[0][at]!r}", told)
    kept = [[text for at, text in enumerate(row) if at not in held] for row in rows]
    return kept, held[:1]


def put(table: ModelTable, text: str, label: str, found: Label) -> None:
    """How many patients a level has, or how many a number is known of.

    Parameters
    ----------
    table : ModelTable
    text, label : str
        The cell, and the label of its row.
    found : Label
        What the label names.
    """
    parts, where = cell(text).parts, f"{table.place}, {label}, n"
    design = table.design
    column = found.column if found.level else design.source(found.column)
    if not parts:
        return
    if compares(label) or ":" in column or (not found.level and design.levels(column)):
        told = f"{where}: {text!r} is of a row that names no level, or two: nobody can tell of whom"
        table.made.left_out.append(f"{told}.")
        return
    among = {"population": str(table.spec["population"])} if table.spec.get("population") else {}
    keys = {"covariate": column, "level": found.level, **among}
    for number, name in zip(parts, ("n", "percent"), strict=False):
        unit = {"n": "patients", "percent": "%"}[name]
        table.claim(number, where, **keys, statistic=name, unit=unit)


def holds_sizes(head: str, texts: Sequence[str]) -> bool:
    """Whether a column has the patients of each level: "n", "No. of patients", whichever model.

    Examples
    --------
    >>> holds_sizes("Univariable n", ["440", "", "246"]), holds_sizes("Events", ["94"])
    (True, False)
    """
    words = set(re.findall(r"[a-z]+", head.casefold())) - _OF_MODELS
    found = [cell(text) for text in texts if cell(text).kind != "empty"]
    whole = all(one.kind in ("single", "count") and not one.parts[0].decimals for one in found)
    return bool(found) and whole and bool(words & _PATIENTS) and words <= _PATIENTS | {"of", "no"}
