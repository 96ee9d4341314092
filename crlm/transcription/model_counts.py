"""How many patients and events a model has: in the head of its column, below it, in a footnote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from crlm.ledger import kind_of
from crlm.ledger.vocabulary import MULTIVARIABLE
from crlm.transcription.cells import cell, printed
from crlm.transcription.model_columns import Head
from crlm.transcription.several import SINGLE, TOGETHER

if TYPE_CHECKING:
    from crlm.transcription.models import ModelTable

_MANY = r"(\d{1,3}(?:,\d{3})+|\d+)"
_WHO = r"(?:complete[- ])?(?:patients|participants|individuals|subjects|cases|observations)\b"
_PATIENTS = re.compile(rf"\bn\s*=\s*{_MANY}|{_MANY}(?:\s+of\s+[\d,]+)?\s+{_WHO}", re.IGNORECASE)
_EVENTS = re.compile(
    rf"\b(?:no\.? of |number of )?events\s*[=:]\s*{_MANY}|{_MANY}\s+events?\b", re.IGNORECASE
)
_MODEL = re.compile(r"\bmodels?\b", re.IGNORECASE)
#: What makes the patients of a line others than those of a model.
_OTHERS = re.compile(
    r"\bexclu|\bmissing|\bunknown|\bwithout|\black|\bleft out|\bremov|\bnot\b|\bomit", re.IGNORECASE
)
_ENDS = re.compile(r"[;.]\s+(?=\D)")
#: Labels of rows below a table that count what each of its models has.
_LABEL = r"(?:total )?(?:(?:no\.?|numbers?) (?:of )?)?"
_ROWS = {
    "n": re.compile(
        rf"{_LABEL}(?:patients|participants|subjects|observations|n)(?:\s*[,(]\s*n\)?)?"
    ),
    "events": re.compile(rf"{_LABEL}events(?:\s*[,(]\s*n\)?)?"),
}
_UNITS = {"n": "patients", "events": "events"}


def unsized(head: str) -> str:
    """A head without the patients and events of its model: "Model 2 (n = 213; 98 events) HR".

    Examples
    --------
    >>> unsized("Multivariable (n = 213, 98 events) HR (95% CI)")
    'Multivariable HR (95% CI)'
    """
    bare = _EVENTS.sub("", _PATIENTS.sub("", head))
    return head if bare == head else " ".join(re.sub(r"[\[(][\s,;:/]*[\])]", " ", bare).split())


def apart(rows: Sequence[Sequence[str]]) -> tuple[list[Sequence[str]], dict[str, Sequence[str]]]:
    """A table less its rows of patients and of events by model, and these rows.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.

    Examples
    --------
    >>> apart([["", "HR"], ["Age", "1.1"], ["No. of events", "98"]])[1]
    {'events': ['No. of events', '98']}
    """
    found: dict[str, Sequence[str]] = {}
    kept = list(rows[:1])
    for row in rows[1:]:
        stated = [cell(text) for text in row[1:] if text]
        whole = all(one.kind == "single" and not one.parts[0].decimals for one in stated)
        said = (name for name, own in _ROWS.items() if own.fullmatch(row[0].casefold().strip(" :")))
        name = next(said, "") if stated and whole else ""
        if name and name not in found:
            found[name] = row
        else:
            kept.append(row)
    return kept, found


def put(
    table: ModelTable,
    texts: Sequence[str],
    heads: Sequence[Head],
    below: dict[str, tuple[str, Sequence[str]]],
    notes: Sequence[str],
) -> None:
    """Rows of what heads, rows below the table and notes say of each multivariable model.

    Parameters
    ----------
    table : ModelTable
    texts : sequence of str
        Heads of the columns, as printed.
    heads : sequence of Head
        What they are of.
    below : dict of str to (label, sequence of str)
        By statistic, a row that counts it, with a cell a column.
    notes : sequence of str
        Lines of the table that have a label alone.
    """
    for text, head in zip(texts, heads, strict=True):
        _of_head(table, text, head)
    for statistic, (label, cells) in below.items():
        for text, head in zip(cells, heads, strict=True):
            if text:
                _claim(table, statistic, text, head, f"{label}, {head.model}")
    for note in notes:
        for part in _ENDS.split(note):
            _of_note(table, part, heads)


def _of_head(table: ModelTable, text: str, head: Head) -> None:
    """What stands behind the name of a model: "Multivariable (n = 213)"."""
    for statistic, pattern in (("n", _PATIENTS), ("events", _EVENTS)):
        if found := pattern.search(text):
            before = text[: found.start()]
            named = TOGETHER.search(before) or table.several.of(before, head.endpoint)
            many = next(filter(None, found.groups()))
            if named:
                _claim(table, statistic, many, head, text)
            elif head.holds:
                said = before.strip(" ([,;") or text
                _leave(table, f"{said!r}: {many} stands behind no multivariable model")


def _of_note(table: ModelTable, note: str, heads: Sequence[Head]) -> None:
    """A line below the table: "213 patients (98 events) were in the multivariable model"."""
    patients, events = _PATIENTS.findall(note), _EVENTS.findall(note)
    if not (patients or events) or not (_MODEL.search(note) or TOGETHER.search(note)):
        return
    models = list(_models(table, note, heads))
    clear = len(patients) < 2 and len(events) < 2 and len(models) == 1
    if not clear or _OTHERS.search(note) or SINGLE.search(note):
        _leave(table, f"{note!r}: nobody can tell which model has how many")
        return
    for statistic, found in (("n", patients), ("events", events)):
        for groups in found:
            many = next(filter(None, groups))
            _claim(table, statistic, many, models[0], note)


def _models(table: ModelTable, note: str, heads: Sequence[Head]) -> Iterator[Head]:
    """The multivariable models of the table that a line may be of, each once."""
    own = [head for head in heads if head.holds and kind_of(head.model) == MULTIVARIABLE]
    named = table.endpoints.within(note)
    found: dict[tuple[str, str], Head] = {}
    for head in own:
        said = table.several.of(note, head.endpoint)
        if said in ("", head.model) and named in ("", head.endpoint):
            found.setdefault((head.endpoint, head.model), head)
    yield from found.values()


def _claim(table: ModelTable, statistic: str, text: str, head: Head, where: str) -> None:
    """The row of one number, of the multivariable model of a column."""
    if kind_of(head.model) != MULTIVARIABLE:
        if head.holds:
            told = "alone each covariate has patients of its own"
            _leave(table, f"{where!r}: {text} is of no model, {told}")
        return
    among = table.among(head)
    keys = {"endpoint": head.endpoint, "model": head.model, "statistic": statistic}
    table.claim(printed(text), f"{table.place}, {where}", **keys, **among, unit=_UNITS[statistic])


def _leave(table: ModelTable, told: str) -> None:
    told = f"{told}."
    table.made.left_out += [told] * (told not in table.made.left_out)
