"""The page of a batch: every run, its choices, its key results, and how far they spread.

One file that asks no other host for anything; its links are relative, so a
folder sent by mail works.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from crlm.batch import curves
from crlm.batch.choosing import Effect
from crlm.batch.curves import in_order, report_of, text_of, value_of
from crlm.batch.names import cut_note
from crlm.ledger import Design
from crlm.naming import KINDS, unsafe_banner

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "batch"
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
_ON_PAPER = (
    f'<p class="paper">On paper these are the first {_MOST_ON_PAPER} columns; the page on the '
    "screen has all, and results.csv every number.</p>"
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
    told = [*notes, *cut_note(effect.label for effect in effects)]
    parts = {
        "TITLE": escape("Batch: " + ", ".join(dict.fromkeys(run["study"] for run in runs))),
        "BANNERS": _banners(runs, tables) + _sending(runs, small),
        "SUMMARY": _summary(runs),
        "FACTS": _facts(runs, tables, titles),
        "PARQUET": ' and <a href="results.parquet">results.parquet</a>' if parquet else "",
        "NOTES": "".join(f'<p class="note">{escape(note)}</p>' for note in told),
        "CURVES": curves.draw(runs, choices, [e for e in effects if e.drawn] or effects),
        "FAILURES": _failures(runs),
        "FILTERS": _filters(runs, choices),
        "TABLE": _table(runs, choices, effects, verdicts),
        "STYLE": (_TEMPLATES / "batch.css").read_text(encoding="utf-8"),
        "SCRIPT": (_TEMPLATES / "batch.js").read_text(encoding="utf-8"),
    }
    text = (_TEMPLATES / "batch.html").read_text(encoding="utf-8")
    # In one pass: what one part holds is never taken for the place of another.
    return re.sub("<!-- ([A-Z]+) -->", lambda found: parts[found.group(1)], text)


def dates(days: Sequence[str]) -> str:
    """A script beside the page that says on it when the runs ended.

    The page itself has the same bytes whenever it is made.
    """
    text = " to ".join(dict.fromkeys(days)) or "not known"
    return f'document.getElementById("when").textContent = {json.dumps(text)};\n'


def _banners(runs: Sequence[Mapping[str, Any]], tables: Mapping[str, Mapping[str, Any]]) -> str:
    """What kinds of patients the runs stand on, each said once."""
    kinds = dict.fromkeys(tables[run["table"]]["kind"] for run in runs)
    told = {kind: " ".join(KINDS[kind]) if kind in KINDS else _UNKNOWN for kind in kinds}
    return "".join(
        f'<div class="banner {kind}" role="note">{escape(text)}</div>'
        for kind, text in told.items()
    )


def _sending(runs: Sequence[Mapping[str, Any]], small: int) -> str:
    """Whether the page may be sent: what was made safe, or what single patients it holds."""
    k = next((int(run["values"]["safe"]) for run in runs if run["values"].get("safe")), 0)
    told = unsafe_banner(small) if small and not k else ""
    if k:
        told = (
            f"Numbers of fewer than {k} patients are hidden (safe: {k}); each report was attacked "
            "by itself. Choices that move fewer patients than that are not run."
        )
    return f'<div class="banner own" role="note">{escape(told)}</div>' if told else ""


def _summary(runs: Sequence[Mapping[str, Any]]) -> str:
    states = [run["status"] for run in runs]
    counts = [f"{states.count(state)} {word}" for state, word in _STATES if state in states]
    return f"<p><strong>{len(runs)} runs</strong>: {', '.join(counts)}.</p>"


def _facts(
    runs: Sequence[Mapping[str, Any]],
    tables: Mapping[str, Mapping[str, Any]],
    titles: Mapping[str, Design],
) -> str:
    """Which studies, which patients, made with what, and when."""
    facts = [("Study", f"{design.title}. {design.citation}") for design in titles.values()]
    cohorts = {(run["cohort"], run["study"], run["table"]): run for run in runs}
    several = len({run["study"] for run in runs}) > 1
    for label, study, table in cohorts:
        name = label or ("as the notebook says" if study not in titles else "shipped")
        # A safe run does not know the file of its patients.
        name = "not named" if name == "shipped" and tables[table]["kind"] == "own" else name
        facts.append(("Cohort", (f"{study}, " if several else "") + _patients(name, tables[table])))
    facts += [("Made with", made) for made in _made_with(runs)]
    shown = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts)
    when = '<dd id="when">as times.jsonl has it</dd>'
    return f'<dl class="facts">{shown}<dt>Runs ended</dt>{when}</dl>'


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


def _failures(runs: Sequence[Mapping[str, Any]]) -> str:
    failed = [run for run in runs if run["status"] in ("failed", "damaged")]
    if not failed:
        return ""
    items = "".join(
        f"<li>{_link(run, 'run ' + str(run['number']))}: {_where(run['line'])}"
        f"{escape(run['line']['error'][:600])}</li>"
        for run in failed
    )
    return f'<section class="failed"><h2>Failed runs</h2><ul>{items}</ul></section>'


def _where(line: Mapping[str, Any]) -> str:
    return f"cell {line['cell']}: " if line["cell"] else ""


def _link(run: Mapping[str, Any], text: str) -> str:
    """A link to a run's report, if it has one."""
    if not run["report"]:
        return escape(text)
    return f'<a href="{report_of(run)}">{escape(text)}</a>'


# ---- the table --------------------------------------------------------------


def _filters(runs: Sequence[Mapping[str, Any]], choices: Sequence[str]) -> str:
    boxes = []
    for name in ("status", *choices):
        found = [r["status"] if name == "status" else value_of(r, name) for r in runs]
        values = dict.fromkeys(text_of(value) for value in in_order(found))
        if 1 < len(values) <= 40:
            options = "".join(f"<option>{escape(value)}</option>" for value in values)
            boxes.append(
                f'<label>{escape(name)} <select data-column="{escape(name)}">'
                f'<option value="">all</option>{options}</select></label>'
            )
    return "".join(boxes)


def _table(
    runs: Sequence[Mapping[str, Any]],
    choices: Sequence[str],
    effects: Sequence[Effect],
    verdicts: Mapping[str, Mapping[str, int]],
) -> str:
    columns = _columns(choices, effects, verdicts)
    head = "".join(
        f'<th scope="col"{" class=long" * (len(name) > _LONG)} data-name="{escape(name)}">'
        f"<button>{escape(name)}</button></th>"
        for name in ("run", *(name for name, _, _ in columns))
    )
    printed = "".join(f"<td>{escape(text)}</td>" for _, text, _ in columns)
    body = "".join(
        f'<tr><th scope="row" data-sort="{run["number"]}">{_link(run, str(run["number"]))}</th>'
        f"{''.join(cell(run) for _, _, cell in columns)}</tr>"
        for run in runs
    )
    paper = f'<tr class="paper"><th scope="row">paper</th>{printed}</tr>'
    table = f"<table><thead><tr>{head}</tr>{paper}</thead><tbody>{body}</tbody></table>"
    return table + (_ON_PAPER if len(columns) >= _MOST_ON_PAPER else "")


def _columns(
    choices: Sequence[str], effects: Sequence[Effect], verdicts: Mapping[str, Mapping[str, int]]
) -> list[tuple[str, str, Callable[[Mapping[str, Any]], str]]]:
    """Each column's head, what the paper prints there, and a run's cell."""
    shown = _VERDICTS if verdicts else ()
    if any(_WITHIN in counts for counts in verdicts.values()):
        shown = (*_VERDICTS[:2], _WITHIN, *_VERDICTS[2:])

    def counted(name: str, run: Mapping[str, Any]) -> str:
        counts = verdicts.get(run["key"])
        number = counts.get(name, 0) if counts else None
        return _cell("" if number is None else str(number), number, "num")

    def chosen(name: str, run: Mapping[str, Any]) -> str:
        return _cell(text_of(value_of(run, name)), value_of(run, name))

    results = {
        drawn: [(_head(e), e.printed, partial(_result, e)) for e in effects if e.drawn == drawn]
        for drawn in (True, False)
    }
    return [
        ("status", "", lambda run: f'<td class="{run["status"]}">{run["status"]}</td>'),
        *((name, "", partial(chosen, name)) for name in choices),
        *results[True],
        *((name, "", partial(counted, name)) for name in shown),
        *results[False],
    ]


def _head(effect: Effect) -> str:
    unit = f" ({effect.unit})" if effect.unit else ""
    return f"{effect.label}{unit}"


def _result(effect: Effect, run: Mapping[str, Any]) -> str:
    three = effect.values.get(run["key"])
    if three is None:
        return _cell("", None, "num")
    text = effect.texts.get(run["key"]) or effect.interval(three)
    return _cell(text, three[0], "num")


def _cell(text: str, value: Any, kind: str = "") -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    sort = value if number and math.isfinite(value) else "" if number or value is None else text
    return f'<td class="{kind}" data-sort="{escape(str(sort))}">{escape(text)}</td>'
