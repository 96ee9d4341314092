"""Files that people write by hand, held against a model of what they may say.

A model refuses every key that it does not name. Its faults are told with their place in the
file, all at once, and the same model lists its keys and allowed values for the documentation.
"""

from __future__ import annotations

import datetime
import io
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from crlm.ledger.errors import DesignError, Fault
from crlm.ledger.spelling import did_you_mean, nearest

#: What to write instead, by the kind of fault.
_REMEDY = {
    "string_type": "write text in quotation marks",
    "float_type": "write a number without quotes",
    "int_type": "write a whole number without quotes",
    "bool_type": "write true or false",
    "int_from_float": "write a whole number",
    "finite_number": "write a finite number",
    "list_type": "write a list in square brackets",
    "dict_type": "write a table",
    "model_type": "write a table",
    "date_type": "write a date as 2015-01-31",
    "date_from_datetime_inexact": "write a date alone, as 2015-01-31",
}
#: The same where the fault has a bound.
_BOUNDED = {
    "too_short": "at least {min_length} entries are needed",
    "too_long": "at most {max_length} entries are allowed",
    "string_too_short": "write text",
    "string_pattern_mismatch": "write text",
    "greater_than": "it must be above {gt:g}",
    "greater_than_equal": "it must be {ge:g} or more",
    "less_than": "it must be below {lt:g}",
    "less_than_equal": "it must be {le:g} or less",
}
_KINDS = {
    str: "text",
    float: "number",
    int: "whole number",
    bool: "true or false",
    datetime.date: "date",
}
_BOUNDS = {"gt": "above", "ge": "from", "lt": "below", "le": "to"}
_LONGEST = 60


class Strict(BaseModel):
    """A table in which every key is known and every value has its type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class SchemaRow(NamedTuple):
    """One key that a file may hold, for a table of the documentation.

    Attributes
    ----------
    file, table, key : str
        "design.toml", "[models.NAME]", "selection".
    kind : str
        "text", "list of text", "number".
    required : bool
    values : str
        Allowed values or range; "" for any.
    about : str
    """

    file: str
    table: str
    key: str
    kind: str
    required: bool
    values: str
    about: str


def read_toml(path: Path, file: str) -> dict[str, Any]:
    """A TOML file as it stands.

    Parameters
    ----------
    path : pathlib.Path
    file : str
        Its name in messages.

    Raises
    ------
    DesignError
        If there is none, or it is not TOML in UTF-8.
    """
    return toml_of(bytes_of(path, file), file)


def bytes_of(path: Path, file: str) -> bytes:
    """The bytes of a file, whose name in messages is `file`.

    Raises
    ------
    DesignError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DesignError(f"{file} cannot be read: {error.strerror}.") from error


def toml_of(written: bytes, file: str) -> dict[str, Any]:
    """The TOML that bytes hold.

    Raises
    ------
    DesignError
        If they are not TOML in UTF-8.
    """
    try:
        text = io.TextIOWrapper(io.BytesIO(written), encoding="utf-8-sig").read()
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        row = written[: error.start].count(b"\n") + 1
        raise DesignError(f"{file}, line {row}: not UTF-8. Save the file as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise DesignError(f"{file}{_toml_told(text, error)}") from error


#: What is usually wrong with a line that is no TOML, and what to write.
_SLIPS = (
    (r"[“”„‟‘’«»]", "write straight quotation marks"),
    (r"=\s*\d+,\d+\s*$", "write a decimal point, not a comma"),
    (r"=\s*\d{1,4}[/.]\d\d?[/.]\d{1,4}|=\s*\d{4}-\d\d?\s*$", "write a date as 2015-01-31"),
    (r"=\s*\{[^}]*$", "write what stands between { and } on one line"),
    (r"=\s*\[[^\]]*;", "put a comma between entries, not a semicolon"),
    (r"=\s*\"[^\"]*\"\s*,", "write a list in square brackets"),
    (r"[＝［］｛｝，＂]", "write half-width signs"),
    (r"^\s*\w[\w.]*\s*:", "write = between a key and its value"),
    (r"=\s*(True|False|yes|no)\b", "write true or false, or text in quotation marks"),
    (r"=\s*[A-Za-z][\w ]*\s*$", "write text in quotation marks"),
    (r"=\s*\[[^\]]*$", "close the bracket, and put a comma behind each entry"),
    (r"=\s*[^\[{\"]*\]\s*$", "open the bracket too"),
)


def _toml_told(text: str, error: tomllib.TOMLDecodeError) -> str:
    """The line that is no TOML, what is wrong with it and what to write."""
    found = re.search(r"\(at (?:line (\d+)|end)", str(error))
    if not found or not found[1]:
        return f" is not TOML: {error}. Close what is open at its end."
    row = int(found[1])
    lines = text.splitlines()
    line = lines[row - 1].strip() if row <= len(lines) else ""
    why = str(error).partition(" (at")[0]
    told = f", line {row}: {_shown(line)} is not TOML ({why}); "
    if re.match(r"\[+\s*[\w.]+\s+\w", line):
        return f"{told}a name has no blank: write _ in its place."
    if re.search("Cannot (overwrite|declare|mutate)|already", why):
        return f"{told}it stands in the file twice: keep one."
    slips = (remedy for slip, remedy in _SLIPS if re.search(slip, line))
    return f"{told}{next(slips, 'correct that line, or the one before it')}."


def place_of(data: Any, path: tuple[str | int, ...]) -> str:
    """Where in a file a path leads: "[models.OS] covariates", "[[eligibility]] 2, keep".

    Parameters
    ----------
    data : mapping
        The file.
    path : tuple
        Keys and positions from its top.
    """
    table: list[str] = []
    number, listed = 0, False
    held, at = data, 0
    for at, step in enumerate(path):  # noqa: B007
        inside = _step(held, step)
        if isinstance(step, int):
            number, listed = step + 1, True
        elif isinstance(inside, Mapping) or (_is_tables(inside) and not listed):
            table.append(step)
        else:
            break
        held = inside
    else:
        at = len(path)
    return _place_text(table, number if listed else 0, path[at:])


def _step(held: Any, step: str | int) -> Any:
    try:
        return held[step]
    except (KeyError, IndexError, TypeError):
        return None


def _is_tables(held: Any) -> bool:
    return isinstance(held, list) and bool(held) and all(isinstance(part, Mapping) for part in held)


def _place_text(table: list[str], number: int, rest: tuple[str | int, ...]) -> str:
    name = ".".join(table)
    head = (f"[[{name}]] {number}," if number else f"[{name}]") if table else ""
    key = ".".join(str(step) for step in rest if isinstance(step, str))
    entry = "".join(f" entry {step + 1}" for step in rest if isinstance(step, int))
    if rest and isinstance(rest[-1], str) and entry:  # A table in a list of one in a list.
        parts = (f" {one + 1}," if isinstance(one, int) else f" {one}" for one in rest)
        return f"{head}{''.join(parts)}".strip()
    return f"{head} {key}{entry}".strip().rstrip(",")


# ---- faults ---------------------------------------------------------------------------------


def faults_of(
    model: type[BaseModel], data: Mapping[str, Any], whole: Any = None, at: tuple[str, ...] = ()
) -> list[Fault]:
    """What of a table the model refuses, each with its place and what to do.

    Parameters
    ----------
    model : type of Strict
    data : mapping
        The table.
    whole, at
        The file that holds it and the path to it, where it is not the file itself.
    """
    try:
        model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False)
    else:
        return []
    meant = {
        (*told["loc"][:-1], nearest(str(told["loc"][-1]), _keys_at(model, told["loc"][:-1])))
        for told in found
        if told["type"] == "extra_forbidden"
    }
    whole = data if whole is None else whole
    return [
        Fault(_place_told(model, told, whole, at), _text(model, told))
        for told in found
        if not (told["type"] == "missing" and told["loc"] in meant)
    ]


def _place_told(
    model: type[BaseModel], told: Mapping[str, Any], whole: Any, at: tuple[str, ...]
) -> str:
    path = (*at, *(step for step in told["loc"] if step != "[key]"))
    annotation = _annotation_at(model, told["loc"])
    if told["type"] == "missing" and _is_table(annotation):
        return f"[{'.'.join(str(step) for step in path)}]"
    return place_of(whole, path)


def _text(model: type[BaseModel], told: Mapping[str, Any]) -> str:
    kind, value, at = told["type"], told["input"], told["loc"]
    if kind == "missing":
        field = _field_at(model, at)
        return f"is missing; add it. {_wanted(field) if field else ''}".strip()
    if kind == "extra_forbidden":
        keys = _keys_at(model, at[:-1])
        return f"is no key of this table; {did_you_mean(str(at[-1]), keys)}"
    if kind == "literal_error":
        words = [str(word) for word in get_args(_annotation_at(model, at))]
        return f"{_shown(value)} is not known; {did_you_mean(str(value), words)}"
    if kind == "list_type" and _table_of(_annotation_at(model, at)):
        return f"{_shown(value)} does not fit; write a list, each of it below [[{at[-1]}]]."
    if kind in _REMEDY:
        return f"{_shown(value)} does not fit; {_REMEDY[kind]}."
    remedy = _BOUNDED.get(kind, told["msg"]).format(**told.get("ctx", {}))
    remedy = remedy.replace("1 entries are", "one entry is")
    return f"{_shown(value)} does not fit; {remedy}."


def _wanted(field: FieldInfo) -> str:
    """What a missing key is for, and what it may be."""
    _, values = _described(field.annotation, field)
    about = (field.description or "").removesuffix(".")
    return f"{about}: {values}." if values else f"{about}."


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a table"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


# ---- walking a model ------------------------------------------------------------------------


def _field_at(model: type[BaseModel], path: tuple[str | int, ...]) -> FieldInfo | None:
    parent = _annotation_at(model, path[:-1])
    if isinstance(parent, type) and issubclass(parent, BaseModel):
        return parent.model_fields.get(str(path[-1]))
    return None


def _keys_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    table = _annotation_at(model, path)
    known = isinstance(table, type) and issubclass(table, BaseModel)
    return list(table.model_fields) if known else []


def _annotation_at(model: Any, path: tuple[str | int, ...]) -> Any:
    """The type that a model wants at a path of keys and positions."""
    held = model
    for step in path:
        held = _bare(held)
        if isinstance(held, type) and issubclass(held, BaseModel):
            field = held.model_fields.get(str(step))
            held = field.annotation if field else None
        elif get_origin(held) is tuple:
            parts = get_args(held)
            held = parts[step] if isinstance(step, int) and step < len(parts) else None
        elif get_args(held):
            held = get_args(held)[-1]
    return _bare(held)


def _bare(annotation: Any) -> Any:
    """A type without the None of an optional key and without its bounds."""
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return _bare(parts[0]) if len(parts) == 1 else annotation
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    return annotation


def _is_table(annotation: Any) -> bool:
    annotation = _bare(annotation)
    if isinstance(annotation, type):
        return issubclass(annotation, BaseModel)
    return get_origin(annotation) is dict


# ---- what a model allows --------------------------------------------------------------------


def schema_rows(
    model: type[BaseModel], file: str, table: str = "", listed: bool = False
) -> Iterator[SchemaRow]:
    """Every key that a model knows, with its kind and allowed values, tables within tables last.

    Parameters
    ----------
    model : type of Strict
    file : str
    table : str
        The name of the table that the model stands for; "" is the file itself.
    listed : bool
        Whether it is one of several, as `[[eligibility]]`.
    """
    inner: list[tuple[type[BaseModel], str, bool]] = []
    heads = {True: f"[[{table}]]", False: f"[{table}]" if table else ""}
    for key, field in model.model_fields.items():
        annotation = _bare(field.annotation)
        below = _table_of(annotation)
        if below is not None:
            name = f"{table}.{key}" if table else key
            named = f"{name}.NAME" if get_origin(annotation) is dict else name
            inner.append((below, named, get_origin(annotation) is list))
            continue
        kind, values = _described(field.annotation, field)
        told = (field.is_required(), values, field.description or "")
        yield SchemaRow(file, heads[listed], key, kind, *told)
    for below, name, several in inner:
        yield from schema_rows(below, file, name, several)


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a table, of a table of tables, or of a list of tables."""
    if get_origin(annotation) in (dict, list):
        annotation = _bare(get_args(annotation)[-1])
    known = isinstance(annotation, type) and issubclass(annotation, BaseModel)
    return annotation if known else None


def _described(annotation: Any, field: FieldInfo | None = None) -> tuple[str, str]:
    """(kind, allowed values) of a type."""
    bounds = [*(field.metadata if field else ()), *_metadata(annotation)]
    annotation = _bare(annotation)
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return "text", " | ".join(str(part) for part in parts)
    if origin is list:
        kind, values = _described(parts[0])
        return f"list of {kind}", values
    if origin is tuple:
        return f"list of {len(parts)}: {', '.join(_described(part)[0] for part in parts)}", ""
    if origin is dict:
        kind, values = _described(parts[1])
        return f"table of {kind}", values
    return _KINDS.get(annotation, "table"), " ".join(filter(None, map(_bound, bounds)))


def _metadata(annotation: Any) -> list[Any]:
    """The bounds that stand within a type, an optional one included."""
    if get_origin(annotation) in (Union, types.UnionType):
        return [bound for part in get_args(annotation) for bound in _metadata(part)]
    if get_origin(annotation) is Annotated:
        first, *bounds = get_args(annotation)
        inner = [b for bound in bounds for b in getattr(bound, "metadata", [bound])]
        return [*_metadata(first), *inner]
    return []


def _bound(part: Any) -> str:
    told = ((word, getattr(part, name, None)) for name, word in _BOUNDS.items())
    return " ".join(f"{word} {value:g}" for word, value in told if value is not None)
