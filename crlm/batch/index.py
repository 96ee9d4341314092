"""The page of a batch: every run, its choices, its key results, and how far they spread.

One file that asks no other host for anything; its links are relative, so a
folder sent by mail works.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from crlm.batch import curves
from crlm.batch.choosing import Effect
from crlm.batch.curves import in_order, report_of, text_of, value_of
from crlm.batch.names import cut_note
from crlm.ledger import Design
from crlm.naming import KINDS, unsafe_banner

_VERDICTS = ("matches", "near", "differs", "no result")
_WITHIN = "can agree"
_STATES = (
    ("finished", "finished"),
    ("failed", "failed"),
    ("new", "not run yet"),
    ("damaged", "damaged, to be run again"),
)

_UNKNOWN = (
    "Unknown cohort. The notebook belongs to no study of the ledger: what patients it reads is "
    "known to the notebook alone."
)
#: A head of more letters gets room of its own.
_LONG = 24
#: Columns that paper has room for, as batch.css has it.
_MOST_ON_PAPER = 16
#: A filter of more values would be no shorter than the table.
_MOST_TO_CHOOSE = 40
_SAFE = (
    "Numbers of fewer than {k} patients are hidden (safe: {k}); each report was attacked by "
    "itself. Choices that move fewer patients than that are not run."
)
_SHORT = {"reconstructed": "synthetic", "public": "public", "own": "own", "": "unknown"}


def page(
    runs: Sequence[Mapping[str, Any]],
    choices: Sequence[str],
    effects: Sequence[Effect],
    verdicts: Mapping[str, Mapping[str, int]],
    tables: Mapping[str, Mapping[str, Any]],
    *,
    titles: Mapping[str, Design],
    notes: Sequence[str] = (),
    parquet: bool = True,
    small: int = 0,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    runs : sequence of dict
        From `collecting.describe_runs`.
    choices : sequence of str
        Parameters in which the runs differ.
    effects : sequence of Effect
        From `choosing.effects`.
    verdicts : mapping
        Counts by run key.
    tables : mapping
        By `table` of a run: `kind`, `title`, `note` and `n` of its patients.
    titles : mapping of str to Design
        The studies that the ledger knows.
    notes : sequence of str
        Sentences on effects that are not drawn as they were named.
    parquet : bool
        Whether there is a `results.parquet` to point to.
    small : int
        Counts of fewer than five patients among the rows of runs on the reader's own patients.
    """
    return str(
        curves.rendered(
            "batch.html",
            runs=runs,
            studies=dict.fromkeys(run["study"] for run in runs),
            banners=_banners(runs, tables, small),
            states=_states([run["status"] for run in runs]),
            facts=_facts(runs, tables, titles),
            parquet=parquet,
            notes=[*notes, *cut_note(effect.label for effect in effects)],
            curves=curves.draw(runs, choices, [e for e in effects if e.drawn] or effects),
            failed=[run for run in runs if run["status"] in ("failed", "damaged")],
            filters=_filters(runs, choices),
            columns=_columns(choices, effects, verdicts),
            report_of=report_of,
            long=_LONG,
            on_paper=_MOST_ON_PAPER,
            style=curves.as_it_is("batch.css"),
            script=curves.as_it_is("batch.js"),
        )
    )


def dates(days: Sequence[str]) -> str:
    """A script beside the page that says on it when the runs ended.

    The page itself has the same bytes whenever it is made.
    """
    text = " to ".join(dict.fromkeys(days)) or "not known"
    return f'document.getElementById("when").textContent = {json.dumps(text)};\n'


def _banners(
    runs: Sequence[Mapping[str, Any]], tables: Mapping[str, Mapping[str, Any]], small: int
) -> list[tuple[str, str]]:
    """What kinds of patients the runs stand on, each said once; and whether this may be sent."""
    kinds = dict.fromkeys(tables[run["table"]]["kind"] for run in runs)
    told = [(kind, " ".join(KINDS[kind]) if kind in KINDS else _UNKNOWN) for kind in kinds]
    k = next((int(run["values"]["safe"]) for run in runs if run["values"].get("safe")), 0)
    if k:
        told.append(("own", _SAFE.format(k=k)))
    elif small:
        told.append(("own", unsafe_banner(small)))
    return told


def _states(found: Sequence[str]) -> list[str]:
    return [f"{found.count(state)} {word}" for state, word in _STATES if state in found]


def _facts(
    runs: Sequence[Mapping[str, Any]],
    tables: Mapping[str, Mapping[str, Any]],
    titles: Mapping[str, Design],
) -> list[tuple[str, str]]:
    """Which studies, which patients, made with what."""
    facts = [("Study", f"{design.title}. {design.citation}") for design in titles.values()]
    cohorts = {(run["cohort"], run["study"], run["table"]): run for run in runs}
    several = len({run["study"] for run in runs}) > 1
    for label, study, table in cohorts:
        name = label or ("as the notebook says" if study not in titles else "shipped")
        # A safe run does not know the file of its patients.
        name = "not named" if name == "shipped" and tables[table]["kind"] == "own" else name
        facts.append(("Cohort", (f"{study}, " if several else "") + _patients(name, tables[table])))
    return facts + [("Made with", made) for made in _made_with(runs)]


def _patients(name: str, table: Mapping[str, Any]) -> str:
    size = f", {table['n']:,} rows in the table" if table["n"] else ""
    source = " ".join(part for part in (table["title"], table["note"]) if part)
    return f"{name} ({_SHORT.get(table['kind'], 'unknown')}){size}. {source}".strip()


def _made_with(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The versions and revisions of the program that the runs were made with."""
    found = []
    for record in (run["record"] for run in runs):
        versions = record.get("versions")
        if isinstance(versions, dict):
            revision = str(record.get("commit", ""))
            changed = ", with files that were changed since" if revision.endswith("+") else ""
            at = f", revision {revision[:12].rstrip('+')}{changed}" if revision else ""
            found.append(f"crlm {versions.get('crlm')}{at}; Python {versions.get('python')}")
    return list(dict.fromkeys(found))


# ---- the table --------------------------------------------------------------


class Cell(NamedTuple):
    """A cell of the table: what it shows, what it is sorted by, its class."""

    text: str
    sort: Any
    kind: str = ""


class Column(NamedTuple):
    """A column: its head, what the paper prints there, and a run's cell."""

    head: str
    printed: str
    cell: Callable[[Mapping[str, Any]], Cell]


def _filters(
    runs: Sequence[Mapping[str, Any]], choices: Sequence[str]
) -> list[tuple[str, list[str]]]:
    """By which columns the table can be narrowed, and to what."""
    found = {name: [value_of(run, name) for run in runs] for name in choices}
    found = {"status": [run["status"] for run in runs], **found}
    texts = {name: list(dict.fromkeys(map(text_of, in_order(v)))) for name, v in found.items()}
    return [(name, values) for name, values in texts.items() if 1 < len(values) <= _MOST_TO_CHOOSE]


def _columns(
    choices: Sequence[str], effects: Sequence[Effect], verdicts: Mapping[str, Mapping[str, int]]
) -> list[Column]:
    shown = _VERDICTS if verdicts else ()
    if any(_WITHIN in counts for counts in verdicts.values()):
        shown = (*_VERDICTS[:2], _WITHIN, *_VERDICTS[2:])

    def counted(name: str, run: Mapping[str, Any]) -> Cell:
        counts = verdicts.get(run["key"])
        return _number(str(counts.get(name, 0)), counts.get(name, 0)) if counts else _number("", "")

    def chosen(name: str, run: Mapping[str, Any]) -> Cell:
        value = value_of(run, name)
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        return Cell(text_of(value), "" if value is None else value if plain else text_of(value))

    drawn, beside = (
        [Column(_head(e), e.printed, partial(_result, e)) for e in effects if e.drawn == which]
        for which in (True, False)
    )
    return [
        Column("status", "", lambda run: Cell(run["status"], run["status"], run["status"])),
        *(Column(name, "", partial(chosen, name)) for name in choices),
        *drawn,
        *(Column(name, "", partial(counted, name)) for name in shown),
        *beside,
    ]


def _head(effect: Effect) -> str:
    return f"{effect.label} ({effect.unit})" if effect.unit else effect.label


def _result(effect: Effect, run: Mapping[str, Any]) -> Cell:
    three = effect.values.get(run["key"])
    if three is None:
        return _number("", "")
    text = effect.texts.get(run["key"]) or effect.interval(three)
    return _number(text, three[0] if math.isfinite(three[0]) else "")


def _number(text: str, sort: Any) -> Cell:
    return Cell(text, sort, "num")
