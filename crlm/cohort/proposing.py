"""A codebook that writes itself: every proposal that a table allows, and a ? where it does not."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from crlm.cohort.codebook import Codebook, Column, written_so_far
from crlm.cohort.coercion import Cells
from crlm.cohort.dates import common_order, is_date, order
from crlm.cohort.doubts import unit_columns
from crlm.cohort.numbers import bound_of, read_number
from crlm.cohort.reading import Raw, read
from crlm.cohort.times import SURGERY_DATE
from crlm.cohort.units import DAYS_PER_MONTH, unit_in, unit_in_cell
from crlm.cohort.vocabulary import (
    DATES,
    HEADERS,
    SITES,
    column_for,
    date_for,
    is_resectable_header,
    is_site_header,
    labelled,
)
from crlm.cohort.wording import token
from crlm.ledger import Design
from crlm.refusals import tidy

_ASKED = '"?"'

#: What else may be dated in a patient's row, by the words of `DATES`.
_MOMENTS = {
    "HAI start": "hai_start",
    "HAI stop": "hai_stop",
    "gene test": "genetic_test",
    "last negative": "last_negative",
}
_ANSWER = {"type": "category", "levels": ["yes", "no"]}


def propose(path: str | os.PathLike[str], design: Design, written: str = "") -> str:
    """A codebook for a table, as YAML with comments.

    Parameters
    ----------
    path : path
        The table.
    design : Design
        The study.
    written : str
        A codebook that stands already: its lines are kept as they are, and only columns
        that it does not mention are added.

    Returns
    -------
    str
        `check` and `load` take it as it is; a `?` that is left is refused.

    Raises
    ------
    CohortError
        If the file is no table.
    """
    names = [*design.columns, *(word for words in HEADERS.values() for word in words)]
    known = tuple([*names, *(word for words in DATES.values() for word in words)])
    before = written_so_far(written, design) if written else Codebook()
    manner = replace(before.manner, known=known)
    raw = read(path, manner)
    draft = _Draft(raw, design, before)
    columns = draft.columns()
    blocks = [line for block in columns.values() for line in block]
    unlike = {
        header: [_unlike_line(header, raw, design)]
        for header in raw.frame.columns
        if header and _yaml(header) not in "\n".join(blocks) and not _names(written, header)
    }
    if written:
        return _added(written, {**columns, **unlike})
    head = _head(Path(path).name, raw, design, draft)
    rest = [line for block in unlike.values() for line in block]
    return "\n".join([*head, "columns:", *blocks, *([_UNLIKE_HEAD] if rest else []), *rest]) + "\n"


@dataclass
class _Draft:
    """The blocks of a codebook, one a canonical column."""

    raw: Raw
    design: Design
    book: Codebook
    blocks: dict[str, list[str]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    open_dates: list[str] = field(default_factory=list)

    def columns(self) -> dict[str, list[str]]:
        """Lines by canonical column, in the order of the dictionary."""
        self.sources = self._sources()
        self.dates = self._dates()
        self.beside = self._unit_columns()
        for name, header in self.sources.items():
            self.blocks[name] = self._plain(name, header)
        self._from_dates()
        self._sites()
        return {name: self.blocks[name] for name in self.design.columns if name in self.blocks}

    # ---- which header ----

    def _sources(self) -> dict[str, str]:
        """The header that most likely feeds each column; each header feeds one."""
        found: dict[str, str] = {}
        headers = list(self.raw.frame.columns)
        for header in headers:
            if header in self.design.columns:
                found.setdefault(header, header)
        for header in headers:
            name = column_for(header, self.design.columns) or labelled(header, self.design.columns)
            if name and header not in found.values():
                if name not in found or self._knows_better(name, header, found[name]):
                    found[name] = header
        return {name: h for name, h in found.items() if not self._is_wrong_kind(name, h)}

    def _knows_better(self, name: str, header: str, other: str) -> bool:
        """Whether every code of a header is understood, and not all of another: dead, status."""
        spec = self.design.columns[name]
        if spec["type"] != "category" or other == name:
            return False

        def asks(source: str) -> bool:
            cells = Cells(name, Column(source), spec, self.book, DAYS_PER_MONTH, self.raw)
            return "?" in cells.guesses().values()

        return asks(other) and not asks(header)

    def _is_wrong_kind(self, name: str, header: str) -> bool:
        """A column of dates is no number and no status."""
        texts = [text for text in self.raw.frame[header] if text][:200]
        dated = sum(map(is_date, texts)) > 0.5 * max(len(texts), 1)
        return dated and self.design.columns[name]["type"] != "text"

    def _dates(self) -> dict[str, str]:
        """The header of the date of surgery, of recurrence, of death and of the last contact."""
        found: dict[str, str] = {}
        for header in self.raw.frame.columns:
            what = date_for(header)
            taken = {h for name, h in self.sources.items() if name != SURGERY_DATE}
            if what and header not in taken:
                found.setdefault(what, header)
        orders = {header: order(self.raw.frame[header].items()) for header in found.values()}
        common = common_order(orders)
        self.open_dates = [
            h for h, one in orders.items() if one.open and not one.first and not common
        ]
        return found

    def _unit_columns(self) -> dict[str, str]:
        targets = {name: str(self.design.columns[name].get("unit", "")) for name in self.sources}
        known = {
            name: (lambda text, target=target: unit_in_cell(text, target))
            for name, target in targets.items()
            if target
        }
        found = unit_columns(self.raw.frame, set(self.sources.values()), known)
        return {name: header for name, header, _ in reversed(found)}

    # ---- one block ----

    def _plain(self, name: str, header: str) -> list[str]:
        spec = self.design.columns[name]
        cells = Cells(name, Column(header), spec, self.book, DAYS_PER_MONTH, self.raw)
        if spec["type"] == "category":
            return self._category(name, header, cells)
        if spec["type"] in ("number", "integer"):
            return self._number(name, header, cells)
        return [f"  {name}: {_yaml(header)}"]

    def _category(self, name: str, header: str, cells: Cells) -> list[str]:
        guesses = cells.guesses()
        comment = _counted(cells, guesses)
        plain = all(token(text) in cells.level_names() for text in guesses)
        head = f"  {name}:{comment}"
        lines = [head, f"    from: {_yaml(header)}"]
        if not plain or name.endswith("_event"):
            pairs = ", ".join(f"{_yaml(t)}: {_asked(level)}" for t, level in guesses.items())
            lines += _wrapped(f"    values: {{{pairs}}}")
        if name == "rfs_event" and re.search(r"recur|relaps|再発", header, re.IGNORECASE):
            lines.append("    or: os_event              # RFS counts recurrence or death")
        return lines

    def _number(self, name: str, header: str, cells: Cells) -> list[str]:
        spec = self.design.columns[name]
        target = str(spec.get("unit", ""))
        lines = [f"  {name}:{_range(cells, self.book)}", f"    from: {_yaml(header)}"]
        if name in self.beside:
            lines.append(f"    unit: {{from: {_yaml(self.beside[name])}}}")
        elif unit := self.raw.units.get(header) or unit_in(header, target):
            lines += [f"    unit: {unit}"] * (unit != target)
        elif unit := _likely_unit(name, cells, self.book):
            lines.append(f"    unit: {unit}   # by its numbers; check")
        return lines + self._odd_cells(name, header, cells, target)

    def _odd_cells(self, name: str, header: str, cells: Cells, target: str) -> list[str]:
        """Limits as their bound, words as unknown: proposals, with their counts."""
        limits: dict[str, str] = {}
        words: list[str] = []
        for text in cells.counts.index:
            value, _, rule, _ = read_number(text, self.book.decimal, target, header, name)
            if not text or value is not None or token(text) in self.book.missing:
                continue
            if bound_of(text):
                limits[text] = bound_of(text)
            elif "not a number" in rule:
                words.append(text)
        lines = []
        if limits:
            pairs = ", ".join(f"{_yaml(text)}: {value}" for text, value in limits.items())
            lines += _wrapped(
                f"    values: {{{pairs}}}   # limits and marks count as their number; check"
            )
        if words:
            listed = ", ".join(_yaml(text) for text in words[:30])
            lines += _wrapped(f"    missing: [{listed}]   # not numbers; check")
        return lines

    # ---- times and sites ----

    def _from_dates(self) -> None:
        surgery, last = self.dates.get("surgery"), self.dates.get("last contact")
        death, recurrence = self.dates.get("death"), self.dates.get("recurrence")
        ends = [header for header in (death, last) if header]
        if not surgery:
            return
        self.blocks[SURGERY_DATE] = [f"  {SURGERY_DATE}: {_yaml(surgery)}   # the year is kept"]
        for what, endpoint in _MOMENTS.items():
            if what in self.dates:
                self._time(endpoint, f"{{from: {_yaml(surgery)}, to: {_yaml(self.dates[what])}}}")
        if ends:
            self._endpoints(surgery, recurrence, death, ends)
            self._controllable(surgery, recurrence, ends)

    def _endpoints(
        self, surgery: str, recurrence: str | None, death: str | None, ends: list[str]
    ) -> None:
        self._time("os", f"{{from: {_yaml(surgery)}, to: {_headers(ends)}}}")
        if death:
            self._event("os", f"{{filled: {_yaml(death)}}}")
        if not recurrence:
            return
        for name, first_of in self._recurring().items():
            counted = ", or: os_event" if "death" in first_of else ""
            self._time(name, f"{{from: {_yaml(surgery)}, to: {_headers([recurrence, *ends])}}}")
            self._event(name, f"{{filled: {_yaml(recurrence)}{counted}}}")
        self._time("os_after_recurrence", f"{{from: {_yaml(recurrence)}, to: {_headers(ends)}}}")
        self._event("os_after_recurrence", "{or: os_event}")

    def _recurring(self) -> dict[str, set[str]]:
        """Endpoints that a recurrence ends, by the name of their columns, with what else does."""
        said = {
            name.lower(): {*spec.get("first_of", ())}
            for name, spec in self.design.endpoints.items()
            if not spec.get("after")
        }
        own = {n: of for n, of in said.items() if "recurrence" in of <= {"recurrence", "death"}}
        return {"rfs": {"recurrence", "death"}} | own

    def _controllable(self, surgery: str, recurrence: str | None, ends: list[str]) -> None:
        """The SCP from the date of its failure; from the first recurrence only as an offer."""
        if failure := self.dates.get("failure"):
            self._time("scp", f"{{from: {_yaml(surgery)}, to: {_headers([failure, *ends])}}}")
            self._event("scp", f"{{filled: {_yaml(failure)}}}")
            return
        header = next((h for h in self.raw.frame.columns if is_resectable_header(h)), None)
        if not recurrence or not header or "scp_months" not in self.design.columns:
            return
        cells = Cells("scp_event", Column(header), _ANSWER, self.book, DAYS_PER_MONTH, self.raw)
        codes = {"yes": "0", "no": "1"}
        told = {text: codes.get(level, level) for text, level in cells.guesses().items()}
        pairs = ", ".join(f"{_yaml(t)}: {_asked(code)}" for t, code in {**told, "": "0"}.items())
        self.blocks.setdefault(
            "scp_months",
            [
                "  # The SCP needs every recurrence: of the first alone, a failure after a repeat",
                f"  # resection is not seen. If {_one_line(header)} is of all of them:",
                f"  # scp_months: {{from: {_yaml(surgery)}, to: {{1: {_yaml(recurrence)}, "
                f"0: {_headers(ends)}}}}}",
                f"  # scp_event: {{from: {_yaml(header)}, values: {{{pairs}}}}}",
            ],
        )

    def _time(self, endpoint: str, line: str) -> None:
        name = f"{endpoint}_months"
        if name in self.design.columns and name not in self.blocks:
            self.blocks[name] = [f"  {name}: {line}"]

    def _event(self, endpoint: str, line: str) -> None:
        name = f"{endpoint}_event"
        if name in self.design.columns and name not in self.blocks:
            self.blocks[name] = [f"  {name}: {line}"]

    def _sites(self) -> None:
        """Sites of the first recurrence out of one column of words."""
        header = next((h for h in self.raw.frame.columns if is_site_header(h)), None)
        if header is None:
            return
        counts = self.raw.frame[header].value_counts()
        words = [text for text in counts.index if text]
        recurrence = self.dates.get("recurrence")
        told = (
            recurrence is None
            or not ((self.raw.frame[recurrence] != "") & (self.raw.frame[header] == "")).any()
        )
        for site, names in SITES.items():
            column = f"site_{site}"
            if column not in self.design.columns or column in self.blocks:
                continue
            pairs = {
                text: "yes" if any(name in text.casefold() for name in names) else "no"
                for text in words
            }
            # Who has no site has no recurrence, if every recurrence has a site.
            pairs |= {"": "no"} if told else {}
            listed = ", ".join(f"{_yaml(text)}: {level}" for text, level in pairs.items())
            block = [f"  {column}:", f"    from: {_yaml(header)}"]
            self.blocks[column] = [*block, *_wrapped(f"    values: {{{listed}}}")]


def _head(name: str, raw: Raw, design: Design, draft: _Draft) -> list[str]:
    lines = [
        f"# Codebook of {name} for {design.study}, proposed by `crlm codebook`: check every line.",
        "# A ? is a question: write the answer, or remove its line. `name: ~` leaves a column out.",
        f"study: {design.study}",
    ]
    if raw.sheet and raw.sheets > 1:
        lines.append(f"sheet: {_yaml(raw.sheet)}")
    if raw.header_row > 1:
        lines.append(f"header_row: {raw.header_row}")
    lines += _copies(raw, draft.sources.get("patient_id", ""))
    if draft.open_dates:
        lines.append(
            f'date_format: {_ASKED}   # "%d/%m/%Y" or "%m/%d/%Y": no date settles it '
            f"({', '.join(draft.open_dates[:3])})"
        )
    return [*lines, "missing: []   # besides empty, NA, N/A, NaN, unknown, unk, 不明"]


def _copies(raw: Raw, identifier: str) -> list[str]:
    """Rows that say what another one says, cell by cell, and patients who stand there twice."""
    keys = raw.frame.agg("\x1f".join, axis=1) if len(raw.frame.columns) else pd.Series(dtype=str)
    again = keys.index[keys.duplicated()]
    lines = [f"skip_rows: [{', '.join(map(str, again))}]   # copies of earlier rows"] * bool(
        len(again)
    )
    if identifier:
        names = raw.frame[identifier].drop(again).map(lambda text: tidy(text).casefold())
        names = names[(names != "") & names.duplicated(keep=False)]
        for rows in list(names.index.groupby(names.to_numpy()).values())[:20]:
            where = " and ".join(str(row) for row in rows)
            lines.append(f"# Rows {where} have one identifier and differ: add one to skip_rows.")
    return lines


# ---- words of YAML ----------------------------------------------------------


def _yaml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _asked(level: str) -> str:
    return _ASKED if level == "?" else level if level else '""'


def _headers(headers: Sequence[str]) -> str:
    return _yaml(headers[0]) if len(headers) == 1 else f"[{', '.join(map(_yaml, headers))}]"


def _wrapped(line: str) -> list[str]:
    """A flow mapping over several lines, broken at its commas."""
    if len(line) <= 110:
        return [line]
    parts = re.split(r'(?<=[\w"}\]]), (?=")', line)
    lines, current = [], parts[0]
    for part in parts[1:]:
        if len(current) + len(part) > 100:
            lines.append(current + ",")
            current = "      " + part
        else:
            current += ", " + part
    return [*lines, current]


def _counted(cells: Cells, guesses: Iterable[str]) -> str:
    unknown = [t for t in cells.counts.index if t and token(t) in cells.unknown]
    texts = [*guesses, *unknown]
    shown = ", ".join(f"{_one_line(text)} {cells.counts[text]}" for text in texts[:20])
    empty = int(cells.counts.get("", 0))
    return f"   # {shown}{f', empty {empty}' if empty else ''}" if shown or empty else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())[:30]


def _values(cells: Cells, book: Codebook) -> pd.Series:
    told = {
        text: read_number(text, book.decimal, cells.target, "", cells.name)[0]
        for text in cells.counts.index
    }
    return cells.texts.map(told).astype(float).dropna()


def _range(cells: Cells, book: Codebook) -> str:
    values = _values(cells, book)
    if values.empty:
        return ""
    return f"   # {values.min():g} to {values.max():g}, median {values.median():g}"


def _likely_unit(name: str, cells: Cells, book: Codebook) -> str:
    """A unit that the numbers of a column speak for, where nothing names one."""
    values = _values(cells, book)
    if len(values) < 5:
        return ""
    if name == "size_cm" and values.median() > 12:
        return "mm"
    if name.endswith("_months") and (values.max() > 600 or values.median() > 200):
        return "days"
    return ""


# ---- a codebook that stands already -----------------------------------------

_KEY = re.compile(r"^  (?:# )?([a-z_0-9]+):")


def _added(written: str, proposed: Mapping[str, list[str]]) -> str:
    """What was written, with blocks for the columns that it does not mention."""
    lines = written.rstrip("\n").split("\n")
    start = next((i for i, line in enumerate(lines) if line.startswith("columns:")), None)
    if start is None or lines[start].split("#")[0].strip() != "columns:":
        return written
    end = next(
        (
            i
            for i in range(start + 1, len(lines))
            if lines[i] and not lines[i].startswith((" ", "#"))
        ),
        len(lines),
    )
    there = {found.group(1) for line in lines[start:end] if (found := _KEY.match(line))}
    new = [line for name, block in proposed.items() if name not in there for line in block]
    return "\n".join([*lines[:end], *new, *lines[end:]]) + "\n"


# ---- headers that suggest no column -----------------------------------------

_UNLIKE = "  # ?: "
_UNLIKE_HEAD = (
    "  # Headers that suggest no column: write its name in place of `# ?`, or leave them."
)
#: Codes at the most, patients with each at the least, letters at the most: others may be names,
#: dates or free text of single patients.
_FEW, _OFTEN, _SHORT = 6, 5, 20


def _names(written: str, header: str) -> bool:
    """Whether a codebook that stands names a header, quoted or plain."""
    plain = rf"(?<!\w){re.escape(header)}(?!\w)"
    return _yaml(header) in written or re.search(plain, written) is not None


def _unlike_line(header: str, raw: Raw, design: Design) -> str:
    """A header with its codes where these are few, short, and each stands often; no other cell."""
    counts = raw.frame[header].value_counts()
    codes = counts[[bool(text) for text in counts.index]]
    told = ", ".join(f"{_one_line(text)} {n}" for text, n in codes.items())
    shown = 0 < len(codes) <= _FEW and int(codes.min()) >= _OFTEN
    shown = shown and not any(len(text) > _SHORT or is_date(text) for text in codes.index)
    meant = column_for(header, HEADERS)
    lacks = [f"{meant}, which this study does not have"] * bool(meant not in ("", *design.columns))
    said = "; ".join([*lacks, *[told] * shown])
    return f"{_UNLIKE}{_yaml(header)}" + f"   # {said}" * bool(said)


def unlike(text: str) -> int:
    """How many headers of a codebook suggested no column."""
    return sum(line.startswith(_UNLIKE) for line in text.splitlines())


def questions(text: str) -> int:
    """How many questions a codebook still asks."""
    lines = [line.split("   #")[0] for line in text.splitlines() if line.strip()[:1] != "#"]
    return sum(line.count(_ASKED) for line in lines)
