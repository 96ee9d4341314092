"""What was understood of a patient table, said so that its owner can contradict."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from crlm.cohort.codebook import Column
from crlm.cohort.wording import (
    count,
    discreet_sentence,
    grouped,
    sentence,
    violations_frame,
)
from crlm.ledger import CohortError, as_records
from crlm.refusals import discreet, listing, plain

#: Columns of the "what I understood" table.
UNDERSTOOD_COLUMNS = (
    "column",
    "source",
    "role",
    "unit",
    "n",
    "missing",
    "holds",
    "problem",
)
_WIDTH = 100


@dataclass(frozen=True)
class CohortReport:
    """A table after reading and checking, problems and all.

    Attributes
    ----------
    file, study : str
        What was read, and as which study's table.
    how : str
        Format, encoding, separator or sheet.
    frame : pandas.DataFrame
        The canonical table; cells with a problem are missing in it.
    understood : pandas.DataFrame
        One row a recognised column: `column`, `source`, `role`, `unit` ("mm to
        cm" if converted), `n`, `missing`, `holds` (range or levels), `problem`
        (the first one, or "").
    violations : pandas.DataFrame
        `row` (as Excel counts; missing for a whole column), `column`, `source`,
        `value`, `rule`, `remedy`.
    notes : list of str
        What is allowed but worth knowing, for the terminal: may quote the file.
    doubts : list of str
        What can be and hardly ever is meant so, for the terminal.
    discreet : list of str
        Doubts and notes for a report: nothing that the file holds.
    unused : list of str
        Headers of the file that feed no column.
    """

    file: str
    study: str
    how: str
    frame: pd.DataFrame
    understood: pd.DataFrame
    violations: pd.DataFrame
    notes: list[str]
    unused: list[str]
    doubts: list[str] = field(default_factory=list)
    discreet: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if nothing stands in the way of an analysis."""
        return self.violations.empty


def understand(
    frame: pd.DataFrame,
    matched: Mapping[str, Column],
    specs: Mapping[str, Mapping[str, Any]],
    violations: pd.DataFrame,
) -> pd.DataFrame:
    """The table `CohortReport.understood`, in the order of the dictionary."""
    records = []
    for name, column in matched.items():
        mine = violations[violations["column"] == name]
        first = grouped(mine)[0] if len(mine) else None
        records.append(
            {
                "column": name,
                "source": " to ".join(column.sources),
                "role": specs[name].get("role", ""),
                "unit": _unit(
                    "days" if column.to else column.unit, str(specs[name].get("unit", ""))
                ),
                "n": int(frame[name].notna().sum()),
                "missing": int(frame[name].isna().sum()),
                "holds": _holds(frame[name], specs[name]),
                "problem": sentence(first) if first else "",
            }
        )
    return pd.DataFrame(records, columns=list(UNDERSTOOD_COLUMNS))


def _unit(source: str, target: str) -> str:
    return f"{source} to {target}" if source and source != target else target


def _holds(values: pd.Series, spec: Mapping[str, Any]) -> str:
    known = values.dropna()
    if known.empty:
        return "nothing"
    if spec.get("role") == "event":
        return f"{int(known.sum())} of {len(known)} (event = 1)"
    if isinstance(values.dtype, pd.CategoricalDtype):
        counts = known.value_counts(sort=False)
        return ", ".join(f"{level} {number}" for level, number in counts.items() if number)
    if pd.api.types.is_numeric_dtype(values):
        low, high, middle = (_brief(v) for v in (known.min(), known.max(), known.median()))
        return f"{low} to {high}, median {middle}"
    if pd.api.types.is_datetime64_any_dtype(values):
        return f"{known.min():%Y-%m-%d} to {known.max():%Y-%m-%d}"
    return f"{known.nunique()} different"


def _brief(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def refuse(file: str, study: str, violations: pd.DataFrame) -> None:
    """Raise what stands in the way of an analysis, if anything does.

    Parameters
    ----------
    file, study, violations
        As in `CohortReport`.

    Raises
    ------
    CohortError
        Naming the first ten kinds of problem with their rows, and counting the rest.
    """
    if violations.empty:
        return
    entries = grouped(violations)
    told, written = (
        _refused(file, study, len(violations), [say(entry) for entry in entries])
        for say in (sentence, discreet_sentence)
    )
    raise CohortError(written, told=told)


def refuse_for(violations: list[dict[str, Any]], what: str) -> None:
    """Raise violations that belong to no single file, if there are any.

    Raises
    ------
    CohortError
        Beginning with `what`, naming the first ten kinds of problem with their rows.
    """
    entries = grouped(violations_frame(violations))[:10]
    if entries:
        told = "".join(f"\n  - {sentence(entry)}" for entry in entries)
        raise CohortError(
            what + ":" + "".join(f"\n  - {discreet_sentence(entry)}" for entry in entries),
            told=f"{what}:{told}",
        )


def _refused(file: str, study: str, number: int, lines: list[str]) -> str:
    shown = "".join(f"\n  - {line}" for line in lines[:10])
    rest = lines[10:]
    more = f"\n  - and {count(len(rest), 'other kind')} of problem." if rest else ""
    return (
        f"{file} cannot be used as a table of {study} yet: "
        f"{count(number, 'problem')}.{shown}{more}\n"
        "`crlm check` shows more rows and what stands in them, `cohort.check(...).violations` "
        "every one. Correct the table or its codebook and read it again."
    )


def both(doubts: Iterable[str], notes: Iterable[str]) -> dict[str, list[str]]:
    """Doubts and notes in which foreign text is marked, for the terminal and for a report."""
    doubtful, noted = list(doubts), list(notes)
    return {
        "doubts": [plain(text) for text in doubtful],
        "notes": [plain(text) for text in noted],
        "discreet": [discreet(text) for text in (*doubtful, *noted)],
    }


def describe(report: CohortReport) -> str:
    """The report as text for a terminal of 100 columns.

    Parameters
    ----------
    report : CohortReport
        From `check` or `check_history`.

    Returns
    -------
    str
        How the file was read, the table of columns, what was left out, notes,
        and every kind of problem with its remedy.
    """
    rows = count(len(report.frame), "row")
    parts = [
        f"{report.file} as a table of {report.study}",
        f"Read as {report.how}: {rows}, {count(len(report.understood), 'column')} recognised.",
        "",
        _table(report.understood),
    ]
    if report.unused:
        unused = listing((_cut(header, 30) for header in report.unused), 40)
        parts += ["", *_wrapped(f"Not used: {unused}.", "")]
    if report.doubts:
        parts += ["", "Doubts"]
        parts += [line for doubt in report.doubts for line in _wrapped(doubt, "? ")]
    if report.notes:
        parts += ["", "Notes"]
        parts += [line for note in report.notes for line in _wrapped(note, "- ")]
    if report.ok:
        end = f" {count(len(report.doubts), 'doubt')} above." if report.doubts else ""
        return "\n".join([*parts, "", f"No problem found.{end}"])
    kinds = grouped(report.violations)
    parts += ["", f"Problems: {len(report.violations)} (of {count(len(kinds), 'kind')})"]
    parts += [line for kind in kinds for line in _wrapped(sentence(kind, 20), "! ")]
    return "\n".join(parts)


# The widest that each column of the table may be; `holds` takes what is left.
_LAYOUT = {"column": 28, "source": 22, "unit": 14, "n": 6, "missing": 7}


def _table(understood: pd.DataFrame) -> str:
    records = [
        {**record, "column": f"{'!' if record['problem'] else ' '}{record['column']}"}
        for record in as_records(understood.astype(str))
    ]
    head = {"column": " column", "source": "from", "holds": "holds"}
    records.insert(0, {name: head.get(name, name) for name in understood.columns})
    renamed = (understood["column"] != understood["source"]).any()
    shown = [name for name in _LAYOUT if name != "source" or renamed]
    widths = {
        name: min(_LAYOUT[name], max(_display_width(record[name]) for record in records))
        for name in shown
    }
    widths["holds"] = _WIDTH - sum(widths.values()) - 2 * len(widths)
    return "\n".join(
        "  ".join(_fitted(record[name], width) for name, width in widths.items()).rstrip()
        for record in records
    )


def _display_width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)


def _cut(text: str, width: int) -> str:
    """Cut to a width on screen, where a Japanese character takes two places."""
    if _display_width(text) <= width:
        return text
    while _display_width(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _fitted(text: str, width: int) -> str:
    text = _cut(text, width)
    return text + " " * (width - _display_width(text))


def _wrapped(text: str, mark: str) -> list[str]:
    wide = _display_width(text) - len(text)
    # textwrap counts characters: leave room for the wide ones of a whole line.
    width = _WIDTH - min(wide, _WIDTH // 3)
    return textwrap.wrap(
        text, width, initial_indent=mark, subsequent_indent=" " * len(mark), break_on_hyphens=False
    )
