"""The page of a batch: every run, its choices, its key results, and how far they spread.

One file that asks no other host for anything; its links are relative, so a
folder sent by mail works.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crlm.ledger import Design
from crlm.naming import KINDS, unsafe_banner
from crlm.overview import curves
from crlm.overview.choosing import Effect
from crlm.overview.curves import in_order, report_of, text_of, value_of
from crlm.overview.names import cut_note

_VERDICTS = ("matches", "near", "can agree", "differs", "no result")
#: Shown where any run has it, while the others are always shown.
_WITHIN = "can agree"
_STATES = {
    "finished": "finished",
    "failed": "failed",
    "new": "not run yet",
    "damaged": "damaged, to be run again",
}
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
_SHORT = {"reconstructed": "synthetic", "public": "public", "own": "own"}


def page(
    runs: Sequence[Mapping[str, Any]],
    choices: Sequence[str],
    effects: Sequence[Effect],
    verdicts: Mapping[str, Mapping[str, int]],
    tables: Mapping[str, Mapping[str, Any]],
    *,
    titles: Mapping[str, Design],
    notes: Sequence[str] = (),
    small: int = 0,
) -> str:
    """The page as HTML, from what `collecting` knows of the runs.

    Parameters
    ----------
    verdicts : mapping
        Counts by run key.
    tables : mapping
        By `table` of a run: `kind`, `title`, `note` and `n` of its patients.
    titles : mapping of str to Design
        The studies that the ledger knows.
    small : int
        Counts of fewer than five patients among the rows of runs on the reader's own patients.
    """
    found = [run["status"] for run in runs]
    return str(
        curves.rendered(
            "batch.html",
            runs=runs,
            studies=dict.fromkeys(run["study"] for run in runs),
            banners=_banners(runs, tables, small),
            states=[f"{found.count(s)} {word}" for s, word in _STATES.items() if s in found],
            facts=_facts(runs, tables, titles),
            notes=[*notes, *cut_note(effect.label for effect in effects)],
            curves=curves.draw(runs, choices, [e for e in effects if e.drawn] or effects),
            failed=[run for run in runs if run["status"] in ("failed", "damaged")],
            filters=_filters(runs, choices),
            columns=_columns(runs, choices, effects, verdicts),
            report_of=report_of,
            long=_LONG,
            on_paper=_MOST_ON_PAPER,
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
    unsafe = [("own", unsafe_banner(small))] if small else []
    return [*told, *([("own", _SAFE.format(k=k))] if k else unsafe)]


def _facts(
    runs: Sequence[Mapping[str, Any]],
    tables: Mapping[str, Mapping[str, Any]],
    titles: Mapping[str, Design],
) -> list[tuple[str, str]]:
    """Which studies, which patients, made with what; each said once."""
    facts = [("Study", f"{design.title}. {design.citation}") for design in titles.values()]
    several = len({run["study"] for run in runs}) > 1
    for label, study, key in dict.fromkeys((r["cohort"], r["study"], r["table"]) for r in runs):
        table = tables[key]
        # A safe run does not know the file of its patients.
        shipped = "not named" if table["kind"] == "own" else "shipped"
        name = label or (shipped if study in titles else "as the notebook says")
        kind = _SHORT.get(table["kind"], "unknown")
        size = f", {table['n']:,} rows in the table" if table["n"] else ""
        source = " ".join(part for part in (table["title"], table["note"]) if part)
        of = f"{study}, " if several else ""
        facts.append(("Cohort", f"{of}{name} ({kind}){size}. {source}".strip()))
    made = dict.fromkeys(_made_with(run["record"]) for run in runs)
    return [*facts, *(("Made with", text) for text in made if text)]


def _made_with(record: Mapping[str, Any]) -> str:
    """Version and revision of the program that a run was made with."""
    versions, revision = record.get("versions"), str(record.get("commit", ""))
    if not isinstance(versions, dict):
        return ""
    changed = ", with files that were changed since" if revision.endswith("+") else ""
    at = f", revision {revision[:12].rstrip('+')}{changed}" if revision else ""
    return f"crlm {versions.get('crlm')}{at}; Python {versions.get('python')}"


# ---- the table --------------------------------------------------------------


class Cell(NamedTuple):
    """A cell of the table: what it shows, what it is sorted by, its class."""

    text: str
    sort: Any
    kind: str = "num"


class Column(NamedTuple):
    """A column: its head, what the paper prints there, and a cell for each run."""

    head: str
    printed: str
    cells: list[Cell]


def _filters(
    runs: Sequence[Mapping[str, Any]], choices: Sequence[str]
) -> list[tuple[str, list[str]]]:
    """By which columns the table can be narrowed, and to what."""
    found = {name: [value_of(run, name) for run in runs] for name in choices}
    found = {"status": [run["status"] for run in runs], **found}
    texts = {name: list(dict.fromkeys(map(text_of, in_order(v)))) for name, v in found.items()}
    return [(name, values) for name, values in texts.items() if 1 < len(values) <= _MOST_TO_CHOOSE]


def _columns(
    runs: Sequence[Mapping[str, Any]],
    choices: Sequence[str],
    effects: Sequence[Effect],
    verdicts: Mapping[str, Mapping[str, int]],
) -> list[Column]:
    said = set().union(*verdicts.values())
    shown = [name for name in _VERDICTS if verdicts and (name != _WITHIN or name in said)]
    counts = [verdicts.get(run["key"], {}) for run in runs]
    drawn, beside = (
        [_results(effect, runs) for effect in effects if effect.drawn == which]
        for which in (True, False)
    )
    states = [run["status"] for run in runs]
    return [
        Column("status", "", [Cell(state, state, state) for state in states]),
        *(Column(n, "", [_choice(value_of(run, n)) for run in runs]) for n in choices),
        *drawn,
        *(Column(name, "", [_count(one, name) for one in counts]) for name in shown),
        *beside,
    ]


def _choice(value: Any) -> Cell:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return Cell(text_of(value), "" if value is None else value if plain else text_of(value), "")


def _count(counts: Mapping[str, int], name: str) -> Cell:
    return Cell(str(counts.get(name, 0)), counts.get(name, 0)) if counts else Cell("", "")


def _results(effect: Effect, runs: Sequence[Mapping[str, Any]]) -> Column:
    cells = []
    for key in (run["key"] for run in runs):
        three = effect.values.get(key, (math.nan,))
        text = effect.texts.get(key) or effect.interval(three) if key in effect.values else ""
        cells.append(Cell(text, three[0] if math.isfinite(three[0]) else ""))
    head = f"{effect.label} ({effect.unit})" if effect.unit else effect.label
    return Column(head, effect.printed, cells)
