"""What reconstruction.toml may say: all that print leaves open for a search.

The file is held against a model in which every key is known, and against the design: a fault
is told before a search begins, not after it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from crlm.ledger import Design, DesignError, did_you_mean
from crlm.ledger.dictionary import Table, tables, texts, twice_faults
from crlm.ledger.errors import Fault, refusal
from crlm.ledger.typed import SchemaRow, Strict, faults_of, place_of, read_toml, schema_rows
from crlm.reconstruction.codes import SHARES
from crlm.reconstruction.wishes_columns import column_faults
from crlm.reconstruction.wishes_sense import sense_faults

FILE = "reconstruction.toml"
#: Columns that make joint groups.
_MOST_GROUPS = 2

Text = Annotated[str, Field(pattern=r"\S")]
Percent = Annotated[float, Field(ge=0, le=100)]
Names = Annotated[list[Text], Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Pair = Annotated[list[Text], Field(min_length=2, max_length=2)]
Knot = Annotated[list[float], Field(min_length=2, max_length=2)]

_CONDITION = re.compile(r"(\w+)(>=|<=|==|>|<|=)(.+)")
#: Shares that a range may be declared for; recurrences are declared by group.
_SOFT = tuple(name for name in SHARES if name != "recurrences")
_OF_A_NUMBER = ("grid", "scale", "knots", "misread")
_OF_A_CATEGORY = ("counts", "free")


class Groups(Strict):
    """Groups whose sizes are printed."""

    columns: Annotated[list[Text], Field(min_length=1)] = Field(
        description="Columns that make the groups, table_one.by among them"
    )


class Period(Strict):
    """The calendar of the study."""

    first: date = Field(description="First hepatectomy.")
    last: date = Field(description="Last hepatectomy.")
    cut_off: date = Field(description="End of observation.")


class Screened(Strict):
    """Patients who were screened and not included."""

    n: Annotated[int, Field(ge=1)] = Field(description="How many.")
    row: dict[str, Text] = Field(description="Their levels, by column.")


class WishedColumn(Strict):
    """What print leaves open of one column."""

    grid: Annotated[float, Field(gt=0)] | None = Field(None, description="Step of a number.")
    scale: Literal["linear", "log"] | None = Field(None, description="Between printed quantiles.")
    knots: dict[str, list[Knot]] | None = Field(
        None, description="By group of Table 1: [share of patients, value it reaches], rising."
    )
    misread: list[Literal["min", "q1", "median", "q3", "max"]] | None = Field(
        None, description="Printed statistics that are something else."
    )
    counts: dict[str, dict[str, Count]] | None = Field(
        None, description="By group of Table 1: patients of each level."
    )
    unknown: dict[str, Count] | None = Field(
        None, description="By group of Table 1: values that the paper did not have."
    )
    may_be_missing: bool | None = Field(None, description="Whether the search tells how many.")
    free: bool | None = Field(None, description="A level may change, not only change hands.")
    given: dict[str, float] | None = Field(
        None, description="Value that column=level of another column dictates."
    )


class Sites(Strict):
    """Sites of first recurrence."""

    combinations: Names = Field(description="Combinations as liver+lung; unknown: not said.")
    start: list[Annotated[float, Field(ge=0)]] = Field(
        description="How often each combination is to begin with."
    )
    flags: dict[str, list[Count]] = Field(
        description="By column: positions, from 0, of the combinations in which it is yes."
    )
    recurrences: dict[str, Count] | None = Field(
        None, description="Recurrences of a group, by column=level."
    )


class Soft(Strict):
    """A range of a share of patients."""

    share: Literal[_SOFT] = Field(description="Which share.")
    low: Percent = Field(description="Percent.")
    high: Percent = Field(description="Percent.")


class Correlation(Strict):
    """A range of a rank correlation."""

    columns: Pair = Field(description="Two numbers.")
    low: Annotated[float, Field(ge=-1, le=1)] = Field(description="Lowest.")
    high: Annotated[float, Field(ge=-1, le=1)] = Field(description="Highest.")


class Realism(Strict):
    """What keeps a cohort plausible where print says nothing."""

    never: list[Pair] | None = Field(
        None,
        description="Pairs of conditions (column=level, column>number) that exclude each other",
    )
    shares: list[Soft] | None = Field(None, description="Ranges of shares.")
    correlations: list[Correlation] | None = Field(None, description="Ranges of correlations.")


class Dressing(Strict):
    """A column that no printed number speaks of, dealt out by weights."""

    by: Text = Field(description="Column whose levels have weights of their own.")
    given: dict[str, Text] | None = Field(
        None, description="Level that column=level of another column dictates."
    )
    weights: dict[str, dict[str, Annotated[float, Field(ge=0)]]] = Field(
        description="By level of it: how often each level is dealt."
    )


class Wishes(Strict):
    """reconstruction.toml."""

    units: list[Names] | None = Field(
        None, description="Columns that are exchanged between patients together."
    )
    groups: Groups = Field(description="Groups whose sizes are printed: columns")
    period: Period = Field(description="Calendar of the study: first, last, cut_off")
    included: dict[str, Text] | None = Field(
        None, description="Levels that every included patient has, by column."
    )
    screened: list[Screened] | None = Field(None, description="Patients who were not included.")
    columns: dict[str, WishedColumn] | None = Field(
        None, description="What print leaves open of a column."
    )
    points: dict[str, Names] | None = Field(
        None, description="Columns that count which of these conditions hold."
    )
    sites: Sites | None = Field(None, description="Sites of first recurrence.")
    realism: Realism | None = Field(None, description="What keeps a cohort plausible.")
    excluded: dict[str, Text] | None = Field(
        None, description="Claims that contradict others, by id, with the reason."
    )
    dressing: dict[str, Dressing] | None = Field(
        None, description="Columns that no printed number speaks of."
    )


def wishes_schema() -> list[SchemaRow]:
    """Every key that reconstruction.toml may hold, with its kind and allowed values."""
    return list(schema_rows(Wishes, FILE))


def wishes_of(design: Design) -> dict[str, Any]:
    """What `data/<study>/reconstruction.toml` declares.

    Returns
    -------
    dict
        The file's own keys and values; `wishes_schema` lists them.

    Raises
    ------
    DesignError
        If there is none, it cannot be read, or anything in it is misspelt, missing or names
        what the design or the ledger does not have. All faults are told at once.
    """
    path, file = design.folder / FILE, f"data/{design.study}/{FILE}"
    if not path.is_file():
        raise DesignError(
            f"{file} is missing. It names what print leaves open; "
            f"data/ncch_scp/{FILE} explains the words."
        )
    wishes = read_toml(path, file)
    faults = [*faults_of(Wishes, wishes), *_meaning(design, wishes)]
    order = {name: at for at, name in enumerate(wishes)}
    faults = sorted(dict.fromkeys(faults), key=lambda fault: order.get(_section(fault), 99))
    if faults:
        raise DesignError(refusal(file, faults))
    return wishes


def _section(fault: Fault) -> str:
    return re.split(r"[\].\s]", fault.place.lstrip("["), maxsplit=1)[0]


def _meaning(design: Design, wishes: Table) -> Iterator[Fault]:
    """What names something that is not there, section by section."""
    for check in (_groups, _period, _rows, _columns, _points, _sites, _realism, _dressing):
        yield from check(design, wishes)
    for unit in wishes.get("units", ()) if isinstance(wishes.get("units"), list) else ():
        yield from _named("units", texts(unit), design.columns)
        yield from twice_faults("units", texts(unit))
    yield from _excluded(design, wishes)
    yield from column_faults(design, wishes)
    yield from sense_faults(design, wishes)


# ---- names, levels, conditions --------------------------------------------------------------


def _named(place: str, names: Collection[str], known: Collection[str]) -> Iterator[Fault]:
    """Names that are none of the known ones."""
    for name in names:
        if name not in known:
            told = f"{name!r} is no column of the design; {did_you_mean(name, known)}"
            yield Fault(place, told)


def _level(place: str, design: Design, name: str, level: str) -> Iterator[Fault]:
    levels = design.levels(name)
    if level not in levels:
        yield Fault(place, f"{level!r} is no level of {name}; {did_you_mean(level, levels)}")


def _condition(place: str, design: Design, text: str, numbers: bool = True) -> Iterator[Fault]:
    """`column=level`, or `column>number` where numbers may be asked."""
    found = _CONDITION.fullmatch(text)
    signs = "column=level or column>number" if numbers else "column=level"
    if not found or not (numbers or found[2] == "="):
        yield Fault(place, f"{text!r} is no condition; write {signs}.")
        return
    name, sign, value = found.groups()
    lacking = list(_named(place, [name], [*design.columns, *design.factors]))
    yield from lacking
    if lacking:
        return
    if sign == "=":
        yield from _level(place, design, name, value)
    elif not re.fullmatch(r"\d+(\.\d+)?", value):
        yield Fault(place, f"{text!r} compares with no number; write {name}{sign}5.")
    elif design.levels(name):
        yield Fault(place, f"{text!r} compares a category; write {name}=level.")


def _by_group(place: str, design: Design, value: Any) -> Iterator[Fault]:
    """Keys that must be levels of the column that splits Table 1."""
    for level in value if isinstance(value, Mapping) else ():
        yield from _level(place, design, design.table_one["by"], level)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


# ---- sections -------------------------------------------------------------------------------


def _groups(design: Design, wishes: Table) -> Iterator[Fault]:
    names = texts(_mapping(wishes.get("groups")).get("columns"))
    place = "[groups] columns"
    yield from _named(place, names, {**design.columns, **design.factors})
    yield from twice_faults(place, names)
    for name in names:
        if (name in design.columns or name in design.factors) and not design.levels(name):
            yield Fault(place, f"{name!r} has no levels; groups are made by a category.")
    by = design.table_one["by"]
    if names and by not in names:
        yield Fault(place, f"lacks {by!r}, by which Table 1 is printed; add it.")
    if len(names) > _MOST_GROUPS:
        first = [by, *(name for name in names if name != by)][:_MOST_GROUPS]
        told = f"{len(names)} columns, and {_MOST_GROUPS} are the most: print has to count each "
        told += "joint group, and each begins with curves of its own. Keep those whose curves or "
        told += f"counts print has together, as {' and '.join(first)}; what print has of the "
        yield Fault(place, f"{told}others' patients is aimed at all the same.")


def _period(design: Design, wishes: Table) -> Iterator[Fault]:
    spec = _mapping(wishes.get("period"))
    named = [(key, spec[key]) for key in ("first", "last", "cut_off") if _is_day(spec.get(key))]
    for (key, before), (other, after) in zip(named, named[1:], strict=False):
        if before > after:
            yield Fault(f"[period] {other}", f"{after} is before {key} {before}; correct one.")


def _is_day(value: Any) -> bool:
    return type(value) is date


def _rows(design: Design, wishes: Table) -> Iterator[Fault]:
    """Levels of included and of screened patients."""
    rows = {"[included]": _mapping(wishes.get("included"))}
    screened = wishes.get("screened")
    for at, spec in enumerate(screened if isinstance(screened, list) else (), start=1):
        rows[f"[[screened]] {at}, row"] = _mapping(_mapping(spec).get("row"))
    for place, row in rows.items():
        for name, level in row.items():
            lacking = list(_named(place, [name], design.columns))
            yield from lacking
            if not lacking and isinstance(level, str) and design.levels(name):
                yield from _level(place, design, name, level)


def _columns(design: Design, wishes: Table) -> Iterator[Fault]:
    for name, spec in tables(wishes, "columns").items():
        lacking = list(_named(f"[columns.{name}]", [name], design.columns))
        yield from lacking
        if not lacking:
            yield from _column(design, wishes, name, spec)


def _column(design: Design, wishes: Table, name: str, spec: Table) -> Iterator[Fault]:
    def at(*path: str) -> str:
        return place_of(wishes, ("columns", name, *path))

    levels = design.levels(name)
    wrong = _OF_A_NUMBER if levels else _OF_A_CATEGORY
    what = "a number, but this column has levels" if levels else "a category, but this is a number"
    for key in wrong:
        if key in spec:
            yield Fault(at(key), f"belongs to {what}; leave it out.")
    for key in ("counts", "unknown", "knots"):
        yield from _by_group(at(key), design, spec.get(key))
    for group, counts in _mapping(spec.get("counts")).items():
        for level in _mapping(counts) if levels else ():
            yield from _level(at("counts", group), design, name, level)
    for condition in _mapping(spec.get("given")):
        yield from _condition(at("given"), design, condition, numbers=False)
    for group, knots in _mapping(spec.get("knots")).items():
        yield from _knots(at("knots", group), knots)


def _knots(place: str, knots: Any) -> Iterator[Fault]:
    """Shares and values that do not rise."""
    listed = knots if isinstance(knots, list) else []
    pairs = [pair for pair in listed if isinstance(pair, list) and len(pair) == 2]
    plain = [pair for pair in pairs if all(isinstance(value, int | float) for value in pair)]
    for share, _ in plain:
        if not 0 <= share <= 1:
            yield Fault(place, f"{share} is no share of the patients; they lie from 0 to 1.")
    for before, after in zip(plain, plain[1:], strict=False):
        if after[0] <= before[0] or after[1] < before[1]:
            yield Fault(place, f"{after} stands behind {before}; shares and values must rise.")


def _points(design: Design, wishes: Table) -> Iterator[Fault]:
    points = _mapping(wishes.get("points"))
    yield from _named("[points]", points, design.columns)
    for name, parts in points.items():
        for part in texts(parts):
            yield from _condition(f"[points] {name}", design, part)


def _sites(design: Design, wishes: Table) -> Iterator[Fault]:
    spec = _mapping(wishes.get("sites"))
    named = texts(spec.get("combinations"))
    yield from twice_faults("[sites] combinations", named)
    start = spec.get("start")
    if isinstance(start, list) and named and len(start) != len(named):
        told = f"has {len(start)} numbers for {len(named)} combinations; give one each."
        yield Fault("[sites] start", told)
    flags = _mapping(spec.get("flags"))
    yield from _named("[sites.flags]", flags, design.columns)
    for name, places in flags.items():
        for at in places if isinstance(places, list) else ():
            if isinstance(at, int) and named and not 0 <= at < len(named):
                told = f"{at} is no combination; they count from 0 to {len(named) - 1}."
                yield Fault(f"[sites.flags] {name}", told)
    for condition in _mapping(spec.get("recurrences")):
        yield from _condition("[sites.recurrences]", design, condition, numbers=False)


def _realism(design: Design, wishes: Table) -> Iterator[Fault]:
    spec = _mapping(wishes.get("realism"))
    for pair in spec.get("never", ()) if isinstance(spec.get("never"), list) else ():
        for part in texts(pair):
            yield from _condition("[realism] never", design, part)
    for key in ("shares", "correlations"):
        listed = spec.get(key)
        for at, wish in enumerate(listed if isinstance(listed, list) else (), start=1):
            place = f"[[realism.{key}]] {at}"
            yield from _range(place, _mapping(wish))
            yield from _numbers(f"{place}, columns", design, texts(_mapping(wish).get("columns")))


def _numbers(place: str, design: Design, names: list[str]) -> Iterator[Fault]:
    yield from _named(place, names, design.columns)
    for name in names:
        if name in design.columns and design.levels(name):
            yield Fault(place, f"{name!r} has levels; a correlation is one of numbers.")


def _range(place: str, wish: Table) -> Iterator[Fault]:
    low, high = wish.get("low"), wish.get("high")
    if isinstance(low, int | float) and isinstance(high, int | float) and low >= high:
        yield Fault(f"{place}, low", f"{low} is not below high {high}; correct one.")


def _dressing(design: Design, wishes: Table) -> Iterator[Fault]:
    for name, spec in tables(wishes, "dressing").items():
        place = f"[dressing.{name}]"
        yield from _named(place, [name], design.columns)
        by = spec.get("by")
        known = {**design.columns, **design.factors}
        if isinstance(by, str) and by not in known:
            yield from _named(f"{place} by", [by], known)
            continue
        for condition, level in _mapping(spec.get("given")).items():
            yield from _condition(f"{place} given", design, condition, numbers=False)
            if name in design.columns and isinstance(level, str):
                yield from _level(f"{place} given", design, name, level)
        if isinstance(by, str):
            yield from _weights(design, name, by, _mapping(spec.get("weights")))


def _weights(design: Design, name: str, by: str, weights: Table) -> Iterator[Fault]:
    place = f"[dressing.{name}.weights]"
    for level, dealt in weights.items():
        yield from _level(place, design, by, level)
        for own in _mapping(dealt) if name in design.columns else ():
            yield from _level(f"{place} {level}", design, name, own)
    for level in design.levels(by):
        if level not in weights:
            yield Fault(place, f"does not say how {by} {level!r} is dealt; add it.")


def _excluded(design: Design, wishes: Table) -> Iterator[Fault]:
    """Claims that are excluded but not in the ledger, where there is one."""
    path = design.folder / "published.csv"
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    ids = {row.get("id") or "" for row in rows}
    if "id" not in (rows.fieldnames or ()):
        return  # The ledger is told to be none.
    for name in _mapping(wishes.get("excluded")):
        if name not in ids:
            known = did_you_mean(name, ids, most=0)
            told = known if known.startswith("did") else "correct the name."
            yield Fault("[excluded]", f"{name!r} is no claim of published.csv; {told}")
