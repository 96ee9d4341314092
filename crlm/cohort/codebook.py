"""The codebook: a hospital's own headers, units, codes and unknown tokens, in one YAML file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crlm import refusals
from crlm.cohort.delimited import decode
from crlm.cohort.reading import Manner, contents
from crlm.cohort.wording import quote, quotes, token
from crlm.ledger import Design
from crlm.refusals import did_you_mean, listing, refusal, tidy

#: What always means "unknown", compared without regard to case. -999 and its kin
#: are numbers like any other until a codebook says that they are not.
MISSING = ("", "NA", "N/A", "#N/A", "<NA>", "NaN", "null", "unknown", "unk", "不明")

_KEYS = (
    "study",
    "sheet",
    "header_row",
    "skip_rows",
    "encoding",
    "separator",
    "decimal",
    "missing",
    "date_format",
    "days_per_month",
    "confirm",
    "columns",
    "history",
)
_COLUMN_KEYS = ("from", "to", "filled", "or", "unit", "values", "missing", "date_format")
_HISTORY_KEYS = (
    "sheet",
    "header_row",
    "skip_rows",
    "encoding",
    "separator",
    "missing",
    "date_format",
    "columns",
    "confirm",
)
_PLAIN_KEYS = (
    "study",
    "sheet",
    "header_row",
    "encoding",
    "separator",
    "decimal",
    "from",
    "unit",
    "or",
    "date_format",
)
_SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True)
class Column:
    """Where one canonical column comes from and how its cells are to be understood.

    Attributes
    ----------
    source : str
        Header in the file; of a time, the date at which it begins.
    to : tuple of str
        Headers of the dates at which a time ends: the first that is filled.
    censored : tuple of str
        The same for patients without the event, where `to` is for those with it.
    filled : tuple of str
        Headers of dates whose being filled is the event.
    other : str
        Another event column that makes this one an event as well.
    unit : str
        Unit of the file's values; empty is the canonical unit.
    unit_source : str
        Header of the column that names the unit of each row.
    values : mapping of str to str
        Raw token (or SPSS value label) to canonical text.
    missing : frozenset of str
        Tokens that mean "unknown" in this column.
    date_format : str
        As in `%d/%m/%Y`; empty is the codebook's.
    """

    source: str
    to: tuple[str, ...] = ()
    censored: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    other: str = ""
    unit: str = ""
    unit_source: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    date_format: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """Every header of the file that it reads."""
        ends = (*self.to, *self.censored, *self.filled)
        return tuple(name for name in (self.source, *ends, self.unit_source) if name)

    @property
    def from_dates(self) -> bool:
        """Whether it is worked out from dates."""
        return bool(self.to or self.censored or self.filled or (self.other and not self.source))


@dataclass(frozen=True)
class Codebook:
    """A codebook as read; empty when there is none.

    Attributes
    ----------
    name : str
        Its file name, for messages.
    manner : Manner
        How to read the table.
    date_format : str
        Of every date of the table; empty means found out.
    days_per_month : float or None
        What days are divided by to give months.
    missing : frozenset of str
        Tokens that mean "unknown" in every column, the defaults among them.
    confirm : frozenset of str
        Columns whose unlikely values the author has looked at and confirms.
    columns : mapping of str to Column
        By canonical name; an empty `source` leaves a column out on purpose.
    """

    name: str = ""
    manner: Manner = Manner()
    date_format: str = ""
    days_per_month: float | None = None
    missing: frozenset[str] = frozenset(token(text) for text in MISSING)
    confirm: frozenset[str] = frozenset()
    columns: Mapping[str, Column] = field(default_factory=dict)

    @property
    def decimal(self) -> str:
        """The decimal mark of typed text."""
        return self.manner.decimal


def read_codebook(
    codebook: str | os.PathLike[str] | Mapping[str, Any] | None,
    known: Iterable[str],
    study: str,
    history: bool = False,
) -> Codebook:
    """Read a codebook and hold every name in it against the canonical ones.

    Parameters
    ----------
    codebook : path, mapping or None
        A YAML file, or its content. None and "" are the empty codebook.
    known : iterable of str
        Canonical column names of the table that is to be read.
    study : str
        What the key `study`, if there is one, must say.
    history : bool
        Read the section `history` (or a codebook that holds nothing else).

    Raises
    ------
    CohortError
        Listing every key, name or unit that does not exist, with the nearest that does.
    """
    if codebook is None or codebook == "":
        return Codebook(manner=Manner(known=tuple(known)))
    if isinstance(codebook, Mapping):
        name, text = "the codebook", _texts(codebook)
    else:
        name, text = Path(codebook).name, _yaml(Path(codebook))
    _refuse_open(name, text)
    problems = _unknown_keys(text, _KEYS, "") + _not_plain(text, "")
    refuse_all(name, problems)
    if text.get("study", study) != study:
        problems.append(f"it is for the study {quote(text['study'])}, not for {study!r}")
    if history:
        text, more = _history_section(text, known)
        problems += more
    names = list(known)
    columns, more = _columns(text.get("columns") or {}, names)
    problems += more
    confirm = _list(text.get("confirm", []))
    allowed = [*CONFIRMABLE, *names]
    problems += [
        f"`confirm` names {quote(column)}, which is not a column.{did_you_mean(column, allowed)}"
        for column in confirm
        if column not in allowed
    ] * (not history)
    per_month, more = _days_per_month(text)
    manner, most = _manner(text, [*names, *(c for spec in columns.values() for c in spec.sources)])
    refuse_all(name, problems + more + most)
    return Codebook(
        name=name,
        manner=manner,
        date_format=text.get("date_format") or "",
        days_per_month=per_month,
        missing=Codebook().missing | {token(item) for item in _list(text.get("missing", []))},
        confirm=frozenset(confirm),
        columns=columns,
    )


#: What `confirm` may name besides a column.
CONFIRMABLE = ("rows", "history")


def written_so_far(text: str, design: Design) -> Codebook:
    """A codebook that is being written: how to read the table, whatever it still asks.

    Raises
    ------
    CohortError
        If it is no YAML, or says something that no codebook can.
    """
    content = refusals.read_yaml("the codebook", text)
    known = {key: value for key, value in (content or {}).items() if not _questions(value, key)}
    return read_codebook({**known, "columns": {}}, design.columns, design.study)


def _manner(text: Mapping[str, Any], known: list[str]) -> tuple[Manner, list[str]]:
    problems = []
    rows = [text["header_row"]] if text.get("header_row") else []
    skipped = _list(text.get("skip_rows", []))
    for row in (*rows, *skipped):
        if not re.fullmatch("[1-9][0-9]{0,6}", row):
            problems.append(f"{quote(row)} is no row; rows are whole numbers from 1 on")
    separator = text.get("separator", "")
    if problems:
        return Manner(), problems
    return Manner(
        sheet=text.get("sheet", ""),
        encoding=text.get("encoding", ""),
        separator=_SEPARATORS.get(separator, separator),
        decimal=text.get("decimal") or ".",
        header_row=int(rows[0]) if rows else None,
        skip_rows=frozenset(int(row) for row in skipped),
        known=tuple(known),
    ), []


def refuse_all(name: str, problems: list[str]) -> None:
    """Raise every problem at once, if there is one.

    Raises
    ------
    CohortError
    """
    if problems:
        lines = "".join(f"\n  - {problem.rstrip('.')}." for problem in problems)
        raise refusal(f"{name} cannot be used:{lines}")


def _yaml(file: Path) -> dict[str, Any]:
    """The YAML file as plain text, lists and mappings: no type, date or yes/no is guessed."""
    if not file.is_file():
        raise refusal(f"The codebook {quote(file)} cannot be read: there is no such file.")
    data = contents(file) if file.stat().st_size else b"\n"
    text, _ = decode(file.name, data)
    content = refusals.read_yaml(file.name, text)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise refusal(f"{file.name} is not a codebook: it must hold `columns:` and its like.")
    return content


def _refuse_open(name: str, text: Any, where: str = "") -> None:
    """A question mark is a question that `crlm codebook` asked and nobody answered yet."""
    open_ones = _questions(text)
    if open_ones:
        raise refusal(
            f"{name} still asks {len(open_ones)} question{'s' * (len(open_ones) > 1)}: "
            f"{quotes(open_ones, 5)}. Write what each `?` stands for, or remove its line."
        )


def _questions(value: Any, place: str = "") -> list[str]:
    if isinstance(value, Mapping):
        pairs = value.items()
        return [q for key, item in pairs for q in _questions(item, f"{place}, {key}".lstrip(", "))]
    return [place] if value == "?" and place.split(",")[0] not in ("missing", "") else []


def _texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_texts(key): _texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(item) for item in value]
    return None if value is None else str(value)


def _unknown_keys(text: Mapping[str, Any], known: Iterable[str], where: str) -> list[str]:
    return [
        f"{where}{quote(key)} is not a key of a codebook.{did_you_mean(key, known)} "
        f"Keys: {listing(known, 20)}"
        for key in text
        if key not in known
    ]


def _not_plain(text: Mapping[str, Any], where: str) -> list[str]:
    """Settings that must be one word each, and the two that must be one of a few."""
    problems = [
        f"{where}`{key}` must be a single text"
        for key in _PLAIN_KEYS
        if not isinstance(text.get(key) or "", str) and not (key == "unit" and _unit_column(text))
    ]
    if problems:
        return problems
    if (text.get("decimal") or ".") not in (".", ","):
        problems.append(f"{where}`decimal` must be '.' or ','")
    separator = text.get("separator") or ""
    if len(_SEPARATORS.get(separator, separator)) > 1:
        problems.append(f"{where}`separator` must be one character: ',', ';', '|' or tab")
    return problems


def _unit_column(spec: Mapping[str, Any]) -> str:
    """The header of the column that says the unit of each row: `unit: {from: Size unit}`."""
    unit = spec.get("unit")
    single = isinstance(unit, dict) and set(unit) == {"from"} and isinstance(unit["from"], str)
    return str(unit["from"]) if single else ""


def _history_section(
    text: dict[str, Any], known: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    section = text.get("history")
    both = ("missing", "date_format", "days_per_month", "confirm")
    shared = {key: text[key] for key in both if text.get(key)}
    if isinstance(section, dict):
        problems = _unknown_keys(section, _HISTORY_KEYS, "history: ")
        problems += _not_plain(section, "history: ")
        return {**shared, **section}, problems
    columns = text.get("columns", {})
    own = isinstance(columns, dict) and set(columns) & (set(known) - {"patient_id"})
    return (text if own else shared), []


def _columns(text: Any, names: list[str]) -> tuple[dict[str, Column], list[str]]:
    if not isinstance(text, dict):
        return {}, ["`columns` must be lines of `canonical_name: header in the file`"]
    columns: dict[str, Column] = {}
    problems: list[str] = []
    for name, spec in text.items():
        if name not in names:
            problems.append(f"{quote(name)} is not a canonical column.{did_you_mean(name, names)}")
            continue
        spec = {"from": spec} if isinstance(spec, str) else spec
        columns[name], more = _column(name, spec)
        problems += more
    return columns, problems


def _column(name: str, spec: Any) -> tuple[Column, list[str]]:
    if spec is None:
        return Column(""), []
    if not isinstance(spec, dict):
        return Column(""), [f"{name}: write a header, or `from`, `unit`, `values`, `missing`"]
    problems = _unknown_keys(spec, _COLUMN_KEYS, f"{name}: ") + _not_plain(spec, f"{name}: ")
    problems += _no_header(name, spec)
    if problems:
        return Column(""), problems
    values = spec.get("values") or {}
    if not isinstance(values, dict) or not all(_is_plain(v) for v in values.values()):
        problems.append(f"{name}: `values` must be lines of `value in the file: canonical level`")
        values = {}
    ends = spec.get("to", [])
    dated = "filled" in spec or ("or" in spec and "from" not in spec)
    split = isinstance(ends, dict)
    column = Column(
        # Headers are read with their spaces and line breaks made single, so is this.
        source=_header("" if dated else spec.get("from", name)),
        to=tuple(map(_header, _list(ends.get("1", []) if split else ends))),
        censored=tuple(map(_header, _list(ends.get("0", []) if split else []))),
        filled=tuple(map(_header, _list(spec.get("filled", [])))),
        other=spec.get("or") or "",
        unit="" if _unit_column(spec) else tidy(spec.get("unit") or ""),
        unit_source=_header(_unit_column(spec)),
        values={token(raw): tidy(canonical or "") for raw, canonical in values.items()},
        missing=frozenset(token(item) for item in _list(spec.get("missing", []))),
        date_format=spec.get("date_format") or "",
    )
    return column, problems + _not_dated(name, column)


def _header(text: str) -> str:
    return " ".join(text.split())


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _no_header(name: str, spec: Mapping[str, Any]) -> list[str]:
    """An empty value is a question: YAML takes what stands behind a # for a comment."""
    empty = [key for key in ("from", "to", "filled") if spec.get(key) in ("", [])]
    if "to" in spec and "from" not in spec:
        return [f"{name}: `to` needs `from`, the date at which the time begins"]
    if {"filled", "from"} <= set(spec):
        return [f"{name}: `filled` and `from` exclude each other. Keep one"]
    return [
        f"{name}: `{key}` is empty. If the header begins with #, write it in quotes; `{name}: ~` "
        "leaves the column out on purpose"
        for key in empty
    ]


def _not_dated(name: str, column: Column) -> list[str]:
    """What of a column that is worked out from dates cannot be meant."""
    time, event = name.endswith("_months"), name.endswith("_event")
    if (column.to or column.censored) and not time:
        return [f"{name}: `to` is for times; {name} is none"]
    if (column.filled or column.other) and not event:
        return [f"{name}: `filled` and `or` are for events; {name} is none"]
    if column.from_dates and (column.unit or column.values):
        return [f"{name}: it comes from dates, so it has no `unit` and no `values`"]
    if column.other and not column.other.endswith("_event"):
        hint = "Write the name of an event column, as `or: os_event`"
        return [f"{name}: `or` is {quote(column.other)}. {hint}"]
    return []


def _list(value: Any) -> list[str]:
    if value in ("", None):
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _days_per_month(text: Mapping[str, Any]) -> tuple[float | None, list[str]]:
    given = text.get("days_per_month") or ""
    if given == "":
        return None, []
    days = refusals.number(given)
    if days is not None and 28 <= days <= 31:
        return days, []
    return None, [f"days_per_month is {quote(given)}; it must lie between 28 and 31 (30, 30.4375)"]
