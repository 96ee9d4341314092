"""The codebook: a hospital's own headers, units, codes and unknown tokens, in one YAML file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from crlm.cohort.delimited import decode
from crlm.cohort.reading import Raw
from crlm.cohort.wording import did_you_mean, listing, name_key, tidy, token
from crlm.ledger import CohortError

#: What always means "unknown", compared without regard to case. -999 and its kin
#: are numbers like any other until a codebook says that they are not.
MISSING = ("", "NA", "N/A", "#N/A", "<NA>", "NaN", "null", "unknown", "unk", "不明")

_KEYS = (
    "study", "sheet", "encoding", "separator", "decimal", "missing", "days_per_month",
    "confirm", "columns", "history",
)  # fmt: skip
_COLUMN_KEYS = ("from", "unit", "values", "missing")
_HISTORY_KEYS = ("sheet", "encoding", "separator", "missing", "columns")
_PLAIN_KEYS = ("study", "sheet", "encoding", "separator", "decimal", "from", "unit")
_SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}


@dataclass(frozen=True)
class Column:
    """Where one canonical column comes from and how its cells are to be understood.

    Attributes
    ----------
    source : str
        Header in the file.
    unit : str
        Unit of the file's values; empty is the canonical unit.
    values : mapping of str to str
        Raw token (or SPSS value label) to canonical text.
    missing : frozenset of str
        Tokens that mean "unknown" in this column.
    """

    source: str
    unit: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Codebook:
    """A codebook as read; empty when there is none.

    Attributes
    ----------
    name : str
        Its file name, for messages.
    sheet, encoding, separator, decimal : str
        How to read the table; empty means found out (decimal: ".").
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
    sheet: str = ""
    encoding: str = ""
    separator: str = ""
    decimal: str = "."
    days_per_month: float | None = None
    missing: frozenset[str] = frozenset(token(text) for text in MISSING)
    confirm: frozenset[str] = frozenset()
    columns: Mapping[str, Column] = field(default_factory=dict)


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
        return Codebook()
    if isinstance(codebook, Mapping):
        name, text = "the codebook", _texts(codebook)
    else:
        name, text = Path(codebook).name, _yaml(Path(codebook))
    problems = _unknown_keys(text, _KEYS, "") + _not_plain(text, "")
    _raise(name, problems)
    if text.get("study", study) != study:
        problems.append(f"it is for the study {text['study']!r}, not for {study!r}")
    if history:
        text, more = _history_section(text, known)
        problems += more
    names = list(known)
    columns, more = _columns(text.get("columns") or {}, names)
    problems += more
    confirm = _list(text.get("confirm", []))
    if not history:
        problems += [
            f"`confirm` names {column!r}, which is not a column.{did_you_mean(column, names)}"
            for column in confirm if column not in names
        ]  # fmt: skip
    per_month, more = _days_per_month(text)
    problems += more
    _raise(name, problems)
    return Codebook(
        name=name,
        sheet=text.get("sheet", ""),
        encoding=text.get("encoding", ""),
        separator=_SEPARATORS.get(text.get("separator", ""), text.get("separator", "")),
        decimal=text.get("decimal", "."),
        days_per_month=per_month,
        missing=Codebook().missing | {token(item) for item in _list(text.get("missing", []))},
        confirm=frozenset(confirm),
        columns=columns,
    )


def match(raw: Raw, book: Codebook, names: Iterable[str]) -> tuple[dict[str, Column], list[str]]:
    """Which column of the file feeds which canonical column.

    The codebook decides; a canonical name that it does not mention is looked for
    among the headers it does not use, case and spaces aside.

    Returns
    -------
    matched, notes : dict of str to Column, list of str
        In the order of `names`; notes tell which headers were not taken literally.

    Raises
    ------
    CohortError
        If the codebook names a header the file lacks, or a header stands twice.
    """
    headers = list(raw.frame.columns)
    claimed = {header for spec in book.columns.values() for header in _near(spec.source, headers)}
    free = [header for header in headers if header not in claimed]
    matched: dict[str, Column] = {}
    notes: list[str] = []
    problems: list[str] = []
    for name in names:
        spec = book.columns.get(name)
        wanted = spec.source if spec else name
        near = _near(wanted, headers if spec else free)
        if len(near) == 1:
            matched[name] = replace(spec or Column(""), source=near[0])
            notes += [f"{name} was taken from the header {near[0]!r}."] * (near[0] != wanted)
        elif near:
            problems.append(f"{name} may come from {listing(map(repr, near))}. Name one of them")
        elif wanted and spec:
            problems.append(
                f"{name} is to come from {wanted!r}, a header that {raw.file} does not "
                f"have.{did_you_mean(wanted, headers)}"
            )
    problems += _read_twice(raw, matched)
    _raise(book.name or raw.file, problems)
    return matched, notes


def _near(wanted: str, headers: list[str]) -> list[str]:
    """The header of that name, else all that are equal but for case and spaces."""
    if wanted in headers:
        return [wanted]
    return [header for header in headers if wanted and name_key(header) == name_key(wanted)]


def _read_twice(raw: Raw, matched: Mapping[str, Column]) -> list[str]:
    used = {column.source for column in matched.values()}
    return [
        f"the header {header!r} stands over {times} columns of {raw.file}. Give each its own name"
        for header, times in raw.twice.items() if header in used
    ]  # fmt: skip


def _raise(name: str, problems: list[str]) -> None:
    if problems:
        lines = "".join(f"\n  - {problem.rstrip('.')}." for problem in problems)
        raise CohortError(f"{name} cannot be used:{lines}")


def _yaml(file: Path) -> dict[str, Any]:
    """The YAML file as plain text, lists and mappings: no type, date or yes/no is guessed."""
    try:
        text, _ = decode(file.name, file.read_bytes())
    except OSError as error:
        raise CohortError(f"The codebook {str(file)!r} cannot be read: {error.strerror}.") from None
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        what = getattr(error, "problem", None) or "not YAML"
        raise CohortError(
            f"{file.name} is not a codebook in YAML{line}: {what}. Indent with spaces, write "
            "`name: value` with a space behind the colon, and quote what holds a colon or a #."
        ) from error
    content = {} if root is None else _plain(file.name, root, ())
    if not isinstance(content, dict):
        raise CohortError(f"{file.name} is not a codebook: it must hold `columns:` and its like.")
    return content


def _plain(name: str, node: yaml.Node, above: tuple[int, ...]) -> Any:
    if id(node) in above:
        raise CohortError(f"{name}: an anchor refers to itself. Write the values out.")
    above = (*above, id(node))
    if isinstance(node, yaml.ScalarNode):
        unquoted_null = node.style is None and node.value in ("~", "null")
        return "" if unquoted_null else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(name, item, above) for item in node.value]
    content: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _plain(name, key_node, above)
        if not isinstance(key, str) or key in content:
            line = key_node.start_mark.line + 1
            raise CohortError(f"{name}, line {line}: the key {key!r} stands twice or is no name.")
        content[key] = _plain(name, value_node, above)
    return content


def _texts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_texts(key): _texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(item) for item in value]
    return "" if value is None else str(value)


def _unknown_keys(text: Mapping[str, Any], known: Iterable[str], where: str) -> list[str]:
    return [
        f"{where}{key!r} is not a key of a codebook.{did_you_mean(key, known)} "
        f"Keys: {listing(known, 12)}"
        for key in text if key not in known
    ]  # fmt: skip


def _not_plain(text: Mapping[str, Any], where: str) -> list[str]:
    """Settings that must be one word each, and the two that must be one of a few."""
    problems = [
        f"{where}`{key}` must be a single text"
        for key in _PLAIN_KEYS if not isinstance(text.get(key, ""), str)
    ]  # fmt: skip
    if problems:
        return problems
    if text.get("decimal", ".") not in (".", ","):
        problems.append(f"{where}`decimal` must be '.' or ','")
    separator = text.get("separator", "")
    if len(_SEPARATORS.get(separator, separator)) > 1:
        problems.append(f"{where}`separator` must be one character: ',', ';' or tab")
    return problems


def _history_section(
    text: dict[str, Any], known: Iterable[str]
) -> tuple[dict[str, Any], list[str]]:
    section = text.get("history")
    if isinstance(section, dict):
        problems = _unknown_keys(section, _HISTORY_KEYS, "history: ")
        problems += _not_plain(section, "history: ")
        return {"missing": text.get("missing", []), **section}, problems
    columns = text.get("columns", {})
    own = isinstance(columns, dict) and set(columns) & (set(known) - {"patient_id"})
    return (text if own else {"missing": text.get("missing", [])}), []


def _columns(text: Any, names: list[str]) -> tuple[dict[str, Column], list[str]]:
    if not isinstance(text, dict):
        return {}, ["`columns` must be lines of `canonical_name: header in the file`"]
    columns: dict[str, Column] = {}
    problems: list[str] = []
    for name, spec in text.items():
        if name not in names:
            problems.append(f"{name!r} is not a canonical column.{did_you_mean(name, names)}")
            continue
        spec = {"from": spec} if isinstance(spec, str) else spec
        columns[name], more = _column(name, spec)
        problems += more
    return columns, problems


def _column(name: str, spec: Any) -> tuple[Column, list[str]]:
    if not isinstance(spec, dict):
        return Column(""), [f"{name}: write a header, or `from`, `unit`, `values`, `missing`"]
    problems = _unknown_keys(spec, _COLUMN_KEYS, f"{name}: ") + _not_plain(spec, f"{name}: ")
    if problems:
        return Column(""), problems
    values = spec.get("values") or {}
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        problems.append(f"{name}: `values` must be lines of `value in the file: canonical level`")
        values = {}
    column = Column(
        # Headers are read with their spaces and line breaks made single, so is this.
        source=" ".join(spec.get("from", name).split()),
        unit=tidy(spec.get("unit", "")),
        values={token(raw): tidy(canonical) for raw, canonical in values.items()},
        missing=frozenset(token(item) for item in _list(spec.get("missing", []))),
    )
    return column, problems


def _list(value: Any) -> list[str]:
    if value == "":
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _days_per_month(text: Mapping[str, Any]) -> tuple[float | None, list[str]]:
    given = text.get("days_per_month", "")
    if given == "":
        return None, []
    try:
        days = float(given)
    except (TypeError, ValueError):
        days = 0.0
    if 28 <= days <= 31:
        return days, []
    return None, [f"days_per_month is {given!r}; it must lie between 28 and 31 (30, 30.4375)"]
