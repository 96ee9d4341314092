"""The columns of a study: the shared dictionary, and what a design adds or changes."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from crlm.ledger.errors import Fault
from crlm.ledger.schema import Column
from crlm.ledger.spelling import did_you_mean
from crlm.ledger.typed import faults_of, place_of
from crlm.ledger.vocabulary import ALL, FLOW, KNOWN

#: Names that mean something else wherever a column is named.
RESERVED = {
    ALL: "means every patient",
    KNOWN: "means a value that is not missing",
    FLOW: "means the flow chart",
    "site": "is what a search calls the first recurrence",
    "time": "is made for every endpoint",
    "event": "is made for every endpoint",
    "entry": "is made for every endpoint",
    "endpoint": "is made for every endpoint",
    "short_scp": "is computed from the SCP",
    "surgical_failure": "is computed from the history",
    "GLOBAL": "means all covariates together",
}
#: Signs that join columns, levels and conditions in the ledger.
_JOINTS = "=,/:<>"
#: Codes of an event column: censored, happened.
EVENT_CODES = ["0", "1"]
_OF_A_NUMBER = ("min", "max")
#: Dashes of any kind, and the underline for a blank.
_PLAIN = str.maketrans("‐‑‒–—−_", "------ ")
#: Columns that an endpoint needs, by how their names end.
_OF_AN_ENDPOINT = {
    "_months": {"type": "number", "unit": "months", "role": "time"},
    "_event": {"type": "category", "levels": ["0", "1"], "role": "event"},
}
#: What a column keeps of the dictionary when its type changes.
_OF_ANY_TYPE = ("role", "label", "about")

Table = Mapping[str, Any]


def tables(data: Table, name: str) -> dict[str, Table]:
    """The tables within a table, by name; whatever is no table is left out."""
    held = data.get(name)
    held = held if isinstance(held, Mapping) else {}
    return {key: spec for key, spec in held.items() if isinstance(spec, Mapping)}


def texts(value: Any) -> list[str]:
    """A list of texts as it is; nothing for whatever is none, which its type refuses."""
    whole = isinstance(value, list) and all(isinstance(part, str) for part in value)
    return list(value) if whole else []


def columns_of(design: Table, dictionary: Table) -> tuple[dict[str, dict[str, Any]], list[Fault]]:
    """The study's columns, and what is wrong with how the design names them.

    Parameters
    ----------
    design : mapping
        design.toml: `columns.use` names columns of the dictionary, `columns.NAME` adds a
        column or changes one.
    dictionary : mapping
        columns.toml.

    Returns
    -------
    columns : dict
        In the order of the patient table.
    faults : list of Fault
        A column whose type changes takes neither unit nor levels nor range of the dictionary.
    """
    chosen = design.get("columns")
    chosen = chosen if isinstance(chosen, Mapping) else {}
    columns: dict[str, dict[str, Any]] = {}
    faults = list(_use_faults(chosen, dictionary))
    sound = {name: spec for name, spec in dictionary.items() if isinstance(spec, Mapping)}
    if faults and not texts(chosen.get("use")):
        return {}, faults  # Without its columns all else of the design would be refused too.
    for name in texts(chosen.get("use")):
        columns[name] = dict(sound.get(name, {}))
    for name, spec in chosen.items():
        if name == "use":
            continue
        if not isinstance(spec, Mapping):
            known = did_you_mean(name, ["use", *dictionary])
            faults.append(Fault(f"[columns] {name}", f"is no table; {known}"))
            continue
        columns[name] = _changed(columns.get(name, {}), spec)
        faults += _own_faults(name, spec, columns[name], design, dictionary)
    columns |= _of_causes(design, columns)
    if "surgery_date" in columns and "surgery_year" in sound:
        columns.setdefault("surgery_year", dict(sound["surgery_year"]))  # What is kept of it.
    return columns, [*faults, *_whole_faults(columns if chosen else {})]


def _of_causes(design: Table, columns: Table) -> dict[str, dict[str, Any]]:
    """The columns of endpoints of `death_of` that OS and the cause of death make."""
    if not {"os_months", "os_event", "cause_of_death"} <= set(columns):
        return {}
    return {
        f"{name.lower()}{end}": dict(spec)
        for name, endpoint in tables(design, "endpoints").items()
        if endpoint.get("death_of") and not endpoint.get("after")
        for end, spec in _OF_AN_ENDPOINT.items()
        if f"{name.lower()}{end}" not in columns
    }


def _whole_faults(columns: Mapping[str, Table]) -> Iterator[Fault]:
    """What is wrong with the columns together: no identifier or two, two names for one header."""
    named = [name for name, spec in columns.items() if spec.get("role") == "id"]
    if columns and not named:
        yield Fault("[columns] use", "has no patient_id; add it, every table needs it.")
    for name in named[1:]:
        told = f"'id' is the role of {named[0]} too; a patient has one identifier."
        yield Fault(f"[columns.{name}] role", told)
    seen: dict[str, str] = {}
    for name in columns:
        first = seen.setdefault(name.casefold(), name)
        if first != name:
            told = f"{name!r} and {first!r} are one header of a patient table; rename one."
            yield Fault(f"[columns.{name}]", told)


def dictionary_faults(dictionary: Table) -> list[Fault]:
    """What is wrong with columns.toml."""
    faults = []
    for name, spec in dictionary.items():
        if not isinstance(spec, Mapping):
            faults.append(Fault(name, f"is no table; write [{name}] and its keys below."))
            continue
        faults += faults_of(Column, spec, dictionary, (name,))
        faults += column_faults(name, spec, dictionary, (name,))
    return faults


def _use_faults(chosen: Table, dictionary: Table) -> Iterator[Fault]:
    used = chosen.get("use", [])
    if used and not texts(used):
        yield Fault("[columns] use", "is no list of names; write use = ['age', 'sex', ...].")
    yield from twice_faults("[columns] use", texts(used))
    for name in texts(used):
        if name not in dictionary:
            known = did_you_mean(name, dictionary)
            yield Fault(
                "[columns] use",
                f"{name!r} is not in data/columns.toml; {known} A new column is a table "
                f"[columns.{name}].",
            )


def _own_faults(
    name: str, spec: Table, whole: Table, design: Table, dictionary: Table
) -> Iterator[Fault]:
    """A column that the design adds or changes: its keys as written, its sense as merged."""
    path = ("columns", name)
    for fault in faults_of(Column, whole, design, path):
        if fault.place.endswith("] type") and name in dictionary:
            yield Fault(fault.place, f"is missing; {name} is in data/columns.toml: add it to use.")
        else:
            yield fault
    yield from column_faults(name, whole, design, path)


def _changed(before: Table, spec: Table) -> dict[str, Any]:
    """A column of the dictionary with a design's changes."""
    if spec.get("type", before.get("type")) != before.get("type"):
        before = {key: value for key, value in before.items() if key in _OF_ANY_TYPE}
    merged = {**before, **spec}
    inherited = "labels" not in spec and isinstance(merged.get("labels"), Mapping)
    if "levels" in spec and inherited:
        fitting = {k: v for k, v in merged["labels"].items() if k in texts(spec["levels"])}
        merged = {key: value for key, value in merged.items() if key != "labels"}
        merged |= {"labels": fitting} if fitting else {}
    return merged


# ---- one column ------------------------------------------------------------------------------


def column_faults(name: str, spec: Table, data: Table, path: tuple[str, ...]) -> Iterator[Fault]:
    """What is wrong with a column though each of its keys has its type."""
    kind, levels = spec.get("type"), texts(spec.get("levels"))

    def at(key: str) -> str:
        return place_of(data, (*path, key))

    yield from name_faults(place_of(data, path), name)
    if kind == "category" and "levels" not in spec:
        yield Fault(at("levels"), "is missing; a category needs its levels, the reference first.")
    if kind in ("text", "integer", "number") and "levels" in spec:
        yield Fault(at("levels"), f"belongs to a category, but type is {kind!r}; correct one.")
    if kind in ("integer", "number") and "labels" in spec:
        yield Fault(at("labels"), f"belong to a category, but type is {kind!r}; correct one.")
    yield from level_faults(at("levels"), levels)
    yield from label_faults(spec, levels, data, path, ())
    if kind in ("text", "category"):
        for key in _OF_A_NUMBER:
            if key in spec:
                yield Fault(at(key), f"belongs to a number, but type is {kind!r}; leave it out.")
    low, high = spec.get("min"), spec.get("max")
    if _is_number(low) and _is_number(high) and low > high:
        yield Fault(at("min"), f"{low} is above max {high}; exchange the two.")
    yield from _role_faults(spec, at("role"), at("unit"))


def _role_faults(spec: Table, role_at: str, unit_at: str) -> Iterator[Fault]:
    role, kind = spec.get("role"), spec.get("type")
    if role in ("time", "entry"):
        if kind not in ("number", "integer", None):
            yield Fault(role_at, f"{role!r} is a number of months, but type is {kind!r}.")
        elif spec.get("unit") != "months":
            given = f"{spec['unit']!r} does not fit" if "unit" in spec else "is missing"
            yield Fault(unit_at, f"{given}; a column of role {role!r} is in 'months'.")
    if role == "event" and (kind != "category" or texts(spec.get("levels")) != EVENT_CODES):
        told = "'event' needs type = 'category' and levels = ['0', '1']: 1 is the event."
        yield Fault(role_at, told)


def name_faults(place: str, name: str) -> Iterator[Fault]:
    """A name that the ledger could not tell from its other words."""
    if name in RESERVED:
        yield Fault(place, f"the name {name!r} {RESERVED[name]}; take another.")
    elif not re.fullmatch(r"[A-Za-z]\w*", name):
        yield Fault(place, f"the name {name!r} must be letters, digits and _, a letter first.")


def level_faults(place: str, levels: list[str]) -> Iterator[Fault]:
    """Levels that are too few, come twice, or hold a sign that joins levels in the ledger."""
    if len(levels) == 1:
        yield Fault(place, f"{levels[0]!r} is alone; a category has two levels or more.")
    yield from twice_faults(place, levels)
    alike: dict[str, str] = {}
    for level in dict.fromkeys(levels):
        first = alike.setdefault(_alike(level), level)
        if first != level:
            how = "capitals" if first.casefold() == level.casefold() else "width, dashes or blanks"
            yield Fault(place, f"{level!r} and {first!r} differ by {how} alone; rename one.")
    for level in levels:
        found = [sign for sign in _JOINTS if sign in level]
        if found or level in (ALL, KNOWN) or level != level.strip():
            why = f"holds {found[0]!r}" if found else "has a meaning of its own, or spaces around"
            yield Fault(place, f"{level!r} {why}, which the ledger cannot tell apart; rename it.")


def _alike(level: str) -> str:
    """What two levels share that no reader tells apart."""
    plain = unicodedata.normalize("NFKC", level).casefold().translate(_PLAIN)
    return " ".join(plain.split())


def label_faults(
    spec: Table, levels: Collection[str], data: Table, path: tuple[str, ...], allowed: Iterable[str]
) -> Iterator[Fault]:
    """Labels of levels that do not exist, and braces that stand for nothing.

    Parameters
    ----------
    spec : mapping
        A column or a factor.
    levels : collection of str
    data, path
        The file and where in it the column stands.
    allowed : iterable of str
        Words that may stand in braces.
    """
    told = {key: spec.get(key) for key in ("labels", "patients")}
    told = {key: texts if isinstance(texts, Mapping) else {} for key, texts in told.items()}
    for key, level in ((key, level) for key, texts in told.items() for level in texts):
        if level not in levels and (levels or key == "patients"):
            near = did_you_mean(level, levels) if levels else "a number has none."
            yield Fault(place_of(data, (*path, key, level)), f"{level!r} is no level; {near}")
    labels = told["labels"]
    for texts in told.values():
        yield from _same_labels(texts, data, path)
    yield from _exchanged(labels, data, path)
    printed = {("label",): spec.get("label"), **{("labels", k): v for k, v in labels.items()}}
    for keys, text in printed.items():
        if isinstance(text, str):
            yield from _brace_faults(place_of(data, (*path, *keys)), text, list(allowed))


def _same_labels(labels: Table, data: Table, path: tuple[str, ...]) -> Iterator[Fault]:
    """Levels that no reader could tell apart."""
    seen: dict[str, str] = {}
    for level, text in labels.items():
        first = seen.setdefault(str(text), level)
        if first != level:
            told = f"{text!r} is the label of {first!r} too; a reader cannot tell them apart."
            yield Fault(place_of(data, (*path, "labels", level)), told)


def _exchanged(labels: Table, data: Table, path: tuple[str, ...]) -> Iterator[Fault]:
    """The label of yes where it denies that of no: "untreated" beside "treated"."""
    no, yes = (str(labels.get(level, "")).casefold() for level in ("no", "yes"))
    denied = re.fullmatch(r"(?:no |not |non-?|un|without )(.+)", yes)
    if no and denied and denied[1] == no:
        told = f"{labels['yes']!r}, and 'no' is {labels['no']!r}; exchange the two."
        yield Fault(place_of(data, (*path, "labels", "yes")), told)


def _brace_faults(place: str, text: str, allowed: list[str]) -> Iterator[Fault]:
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError:
        yield Fault(place, f"{text!r} has a brace without its partner; remove it.")
        return
    for name in fields:
        if name not in allowed:
            known = did_you_mean(name, allowed) if allowed else "leave the braces out."
            yield Fault(place, f"{text!r} has {{{name}}}, which stands for nothing here; {known}")


def twice_faults(place: str, words: list[str]) -> Iterator[Fault]:
    """Words that stand twice in a list."""
    for word in dict.fromkeys(word for word in words if words.count(word) > 1):
        yield Fault(place, f"{word!r} stands there twice; keep one.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
