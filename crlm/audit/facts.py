"""Everything a paper prints, found by what it means.

A count is known by the conditions its patients meet, whatever column of the
ledger names them; a quantity printed in several places is one fact.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd

from crlm.audit.intervals import Interval, printed_interval, times
from crlm.ledger import Design

#: Conditions that patients meet: pairs of column and level.
Cell = frozenset[tuple[str, str]]

WHOLE: Cell = frozenset()
FIELDS = ("estimate", "conf_low", "conf_high")
RATIOS = ("hazard_ratio", "odds_ratio")

_PLACES = ("table", "figure", "results", "discussion", "conclusion", "abstract", "title")
_MONTHS = {"years": 12.0, "months": 1.0}


class Key(NamedTuple):
    """What a number is about."""

    endpoint: str
    population: str
    group: str
    covariate: str
    level: str
    model: str
    statistic: str
    time: float | None
    field: str = "estimate"


@dataclass(frozen=True)
class Printed:
    """One printed number.

    Attributes
    ----------
    id, text, operator, value, decimals, place, locator, unit, scanned : see the ledger
    key : Key
    early : int or None
        Decimals of an earlier rounding that the paper's software is known for.
    """

    id: str
    text: str
    operator: str
    value: float
    decimals: int
    place: str
    locator: str
    unit: str
    scanned: str
    key: Key
    early: int | None = None

    @property
    def interval(self) -> Interval:
        """The values that the digits may stand for, rounded once or twice."""
        return printed_interval(self.value, self.decimals, self.operator, self.early)

    @property
    def months(self) -> Interval:
        """The same in months."""
        return times(self.interval, _MONTHS.get(self.unit, 1.0))

    @property
    def count(self) -> int:
        """A whole number of patients."""
        return int(round(self.value))

    def reads(self, text: str) -> Printed | None:
        """The same place with another text; None if that is no number."""
        bare = text.lstrip("<>= ").replace(",", "")
        try:
            value = float(bare)
        except ValueError:
            return None
        decimals = len(bare.partition(".")[2])
        return replace(self, text=text, value=value, decimals=decimals)


@dataclass(frozen=True, eq=False)
class Facts:
    """A paper's numbers, by meaning.

    Attributes
    ----------
    design : Design
    numbers : mapping of Key to tuple of Printed
        All places of one quantity, the most detailed place (a table) first.
    counts : mapping of Cell to tuple of Printed
        Numbers of patients.
    percents : mapping of (Cell, Cell) to tuple of Printed
        Shares: (conditions of those counted, conditions of those they are counted among).
    flow : mapping of str to tuple of Printed
        Steps of the flow chart that are no cell.
    sentences : tuple of mappings
        Direction claims, as in the ledger.
    """

    design: Design
    numbers: Mapping[Key, tuple[Printed, ...]]
    counts: Mapping[Cell, tuple[Printed, ...]]
    percents: Mapping[tuple[Cell, Cell], tuple[Printed, ...]]
    flow: Mapping[str, tuple[Printed, ...]]
    sentences: tuple[Mapping[str, Any], ...]

    def one(self, key: Key) -> Printed | None:
        """The number at its most detailed place."""
        return self.numbers.get(key, (None,))[0]

    def n(self, cell: Cell = WHOLE) -> Printed | None:
        """How many patients meet the conditions, as printed."""
        return self.counts.get(cell, (None,))[0]

    def size(self, cell: Cell = WHOLE) -> int | None:
        """The same as a whole number."""
        found = self.n(cell)
        return None if found is None else found.count

    def levels(self, column: str) -> tuple[str, ...]:
        """Levels of a column or factor, the reference first; empty if it has none."""
        spec = self.design.factors.get(column) or self.design.columns.get(column) or {}
        return tuple(spec.get("levels", ()))

    def label(self, cell: Cell) -> str:
        """Conditions as a reader would say them."""
        if not cell:
            return "all patients"
        return ", ".join(self.named(column, level) for column, level in sorted(cell))

    def named(self, column: str, level: str = "") -> str:
        """A column, or one of its levels, as a reader would say it."""
        name = self.design.label(column)
        if not level:
            return name
        text = self.design.label(column, level)
        if {w for w in name.lower().split() if len(w) > 2} & set(text.lower().split()):
            return text
        return f"{name} {text}" if text[:1].islower() else f"{name}: {text}"

    def endpoint(self, name: str) -> str:
        """An endpoint as a reader would say it: its abbreviation, or its label if it has none."""
        if "_" not in name:
            return name
        return str(self.design.endpoints.get(name, {}).get("label", name.replace("_", " ")))

    def convention(self, name: str, default: Any = None) -> Any:
        """A convention of the design."""
        return self.design.conventions.get(name, default)

    def exposures(self) -> set[str]:
        """The columns the paper is about."""
        return {c for c, spec in self.design.columns.items() if spec.get("role") == "exposure"}


def cell_of(text: str) -> Cell | None:
    """`kras=wild,hai=yes` as conditions; "all" is none; a bare column is not a cell."""
    if text in ("", "all"):
        return WHOLE
    parts = [part.partition("=") for part in text.split(",")]
    if any(not sign for _, sign, _ in parts):
        return None
    return frozenset((name, level) for name, _, level in parts)


def text_of(cell: Cell) -> str:
    """Conditions as one key, always in the same order; "all" for none."""
    return ",".join(f"{column}={level}" for column, level in sorted(cell)) or "all"


def gather(design: Design, claims: pd.DataFrame) -> Facts:
    """Index a ledger by meaning.

    Parameters
    ----------
    design : Design
    claims : pandas.DataFrame
        As `ledger.load_claims` gives it.
    """
    numbers: dict[Key, list[Printed]] = defaultdict(list)
    for record in claims[claims["kind"] == "number"].to_dict("records"):
        printed = _printed(record, design)
        numbers[_canonical(printed.key, design)].append(printed)
    ordered = {key: tuple(sorted(found, key=_detail)) for key, found in numbers.items()}
    counts, percents, flow = _cells(ordered, design)
    sentences = claims[claims["kind"] == "direction"].to_dict("records")
    return Facts(design, ordered, counts, percents, flow, tuple(sentences))


def _printed(record: Mapping[str, Any], design: Design) -> Printed:
    time = record["time"]
    time = None if time is None or math.isnan(time) else float(time)
    names = ("endpoint", "population", "group", "covariate", "level", "model", "statistic")
    key = Key(*(record[name] for name in names), time, record["field"])
    return Printed(
        record["id"],
        record["printed"],
        record["operator"],
        float(record["value"]),
        0 if math.isnan(record["decimals"]) else int(record["decimals"]),
        record["place"],
        record["locator"],
        record["unit"],
        record["scanned"],
        key,
        design.conventions.get("rounded_before"),
    )


def _detail(printed: Printed) -> tuple[int, str]:
    ranks = [i for i, place in enumerate(_PLACES) if printed.place.startswith(place)]
    return (ranks[0] if ranks else len(_PLACES)), printed.id


def _canonical(key: Key, design: Design) -> Key:
    """One key for what two keys may name: a log-rank p that stands in a univariable column."""
    same_test = design.conventions.get("univariable_p") == "logrank"
    if key.statistic != "p" or key.model != "logrank" or not same_test or key.covariate:
        return key
    spec = design.factors.get(key.group) or design.columns.get(key.group) or {}
    levels = spec.get("levels", ())
    if len(levels) != 2:
        return key
    return key._replace(group="all", covariate=key.group, level=levels[1], model="univariable")


def _cells(
    numbers: Mapping[Key, tuple[Printed, ...]], design: Design
) -> tuple[dict[Cell, Any], dict[tuple[Cell, Cell], Any], dict[str, Any]]:
    counts: dict[Cell, list[Printed]] = defaultdict(list)
    percents: dict[tuple[Cell, Cell], list[Printed]] = defaultdict(list)
    flow: dict[str, list[Printed]] = defaultdict(list)
    last = design.eligibility[-1]["name"] if design.eligibility else ""
    timed = {*design.endpoints, *design.models}
    for key, found in numbers.items():
        if key.field != "estimate" or key.model or key.endpoint in timed:
            continue
        base, whole = cell_of(key.group), cell_of(key.population)
        if base is None or whole is None or (key.covariate and not key.level):
            continue
        if key.covariate == "flow":
            flow[key.level] += found
            if key.level == last and key.statistic == "n":
                counts[WHOLE] += found
            continue
        own = {(key.covariate, key.level)} if key.covariate else set()
        among = whole | base if own else whole
        if key.statistic == "n":
            counts[whole | base | own] += found
        elif key.statistic == "percent" and (own or base):
            percents[whole | base | own, among] += found
    return _sorted(counts), _sorted(percents), _sorted(flow)


def _sorted(found: Mapping[Any, list[Printed]]) -> dict[Any, tuple[Printed, ...]]:
    return {key: tuple(sorted(values, key=_detail)) for key, values in found.items()}
