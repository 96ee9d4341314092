"""Everything a paper prints, found by what it means.

A count is known by the conditions its patients meet, whatever column of the
ledger names them; a quantity printed in several places is one fact.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, NamedTuple

import pandas as pd

from crlm.audit.intervals import Interval, printed_interval, times
from crlm.ledger import Design, as_records, kind_of, printed_decimals, small
from crlm.ledger.models import about, reference_of
from crlm.ledger.rounding import round_half_up
from crlm.ledger.vocabulary import ALL, DAYS_PER_MONTH, MULTIVARIABLE, NOT_REACHED, months_in

#: Conditions that patients meet: pairs of column and level.
Cell = frozenset[tuple[str, str]]

WHOLE: Cell = frozenset()
FIELDS = ("estimate", "conf_low", "conf_high")
RATIOS = ("hazard_ratio", "odds_ratio", "subdistribution_hazard_ratio")

_PLACES = ("table", "figure", "results", "discussion", "conclusion", "abstract", "title")


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
    reference: str = ""


class Step(NamedTuple):
    """A number of the flow chart: the step, the patients it is told of, count or percentage."""

    name: str
    cell: Cell = WHOLE
    statistic: str = "n"


@dataclass(frozen=True)
class Printed:
    """One printed number.

    Attributes
    ----------
    id, text, operator, value, decimals, place, locator, unit, scanned : see the ledger
    key : Key
    early : int or None
        Decimals of an earlier rounding that the paper's software is known for.
    month : float
        Days in a month, as the design counts them.
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
    month: float = DAYS_PER_MONTH

    @property
    def interval(self) -> Interval:
        """The values that the digits may stand for, rounded once or twice."""
        return printed_interval(self.value, self.decimals, self.operator, self.early)

    @property
    def months(self) -> Interval:
        """The same in months."""
        return times(self.interval, months_in(self.unit, self.month))

    @property
    def count(self) -> int:
        """A whole number of patients."""
        return int(round(self.value))

    def is_cut(self, exact: float) -> bool:
        """Whether the digits are those of a number behind which the rest was cut, not rounded."""
        scale = 10.0**self.decimals
        cut = math.floor(exact * scale + 1e-9) / scale
        return self.operator == "=" and math.isclose(cut, self.value, abs_tol=1e-9)

    def is_rounded_twice(self, exact: float) -> bool:
        """Whether the digits are those of a number that had been rounded to one digit more."""
        once = round_half_up(exact, self.decimals)
        twice = round_half_up(round_half_up(exact, self.decimals + 1), self.decimals)
        return self.operator == "=" and once != twice == self.value

    def reads(self, text: str) -> Printed | None:
        """The same place with another text; None if that is no number."""
        bare = text.lstrip("<>= ").replace(",", "")
        sign = text[: len(text) - len(text.lstrip("<>= "))].strip() or "="
        try:
            value = float(bare)
        except ValueError:
            return None
        digits = printed_decimals(bare)
        return replace(self, text=text, operator=sign, value=value, decimals=digits)


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
    flow : mapping of Step to tuple of Printed
        Numbers of the flow chart.
    sentences : tuple of mappings
        Direction claims, as in the ledger.
    unreached : tuple of mappings
        Medians, and limits of them, that print says are not reached.
    """

    design: Design
    numbers: Mapping[Key, tuple[Printed, ...]]
    counts: Mapping[Cell, tuple[Printed, ...]]
    percents: Mapping[tuple[Cell, Cell], tuple[Printed, ...]]
    flow: Mapping[Step, tuple[Printed, ...]]
    sentences: tuple[Mapping[str, Any], ...]
    unreached: tuple[Mapping[str, Any], ...]

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

    def compared(self, column: str, among: Cell) -> tuple[str, ...]:
        """The levels of a column that a test compares: of `arm=a/b` these two of several."""
        told = [level.split("/") for name, level in among if name == column]
        return tuple(lev for lev in self.levels(column) if all(lev in some for some in told))

    def label(self, cell: Cell) -> str:
        """Conditions as a reader would say them."""
        if not cell:
            return "all patients"
        return ", ".join(self.named(column, level) for column, level in sorted(cell))

    def named(self, column: str, level: str = "") -> str:
        """A column, or one of its levels, as a reader would say it."""
        if ":" in column:
            parts = zip_longest(column.split(":"), level.split(":"), fillvalue="")
            return " x ".join(self.named(name, own) for name, own in parts)
        name = self.design.label(column)
        if not level:
            return name
        text = self.design.label(column, level)
        if {w for w in name.lower().split() if len(w) > 2} & set(text.lower().split()):
            return text
        return f"{name} {text}" if text[:1].islower() else f"{name}: {text}"

    def endpoint(self, name: str) -> str:
        """An endpoint as a reader would say it: its abbreviation, or its label if it has none.

        Of an incidence what it counts.
        """
        if name in self.design.incidences:
            return small(str(self.design.incidences[name]["label"]))
        if "_" not in name:
            return name
        return str(self.design.endpoints.get(name, {}).get("label", name.replace("_", " ")))

    def convention(self, name: str, default: Any = None) -> Any:
        """A convention of the design."""
        return self.design.conventions.get(name, default)

    def exposures(self) -> set[str]:
        """The columns the paper is about."""
        return set(self.design.exposures)


def cell_of(text: str) -> Cell | None:
    """`kras=wild,hai=yes` as conditions; "all" is none; a bare column is not a cell."""
    if text in ("", "all"):
        return WHOLE
    parts = [part.partition("=") for part in text.split(",")]
    if any(not sign for _, sign, _ in parts):
        return None
    return frozenset((name, level) for name, _, level in parts)


def narrowed(whole: Cell, group: Cell) -> Cell:
    """A group of some patients: of several levels of a column among whom it is one, that one.

    Examples
    --------
    >>> narrowed(cell_of("arm=old/new,sex=male"), cell_of("arm=new")) == cell_of("arm=new,sex=male")
    True
    """
    own = dict(group)
    of_one = {(c, told) for c, told in whole if "/" in told and own.get(c) in told.split("/")}
    return (whole - of_one) | group


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
    for record in as_records(claims[claims["kind"] == "number"]):
        printed = _printed(record, design)
        numbers[_canonical(printed.key, design)].append(printed)
    ordered = {key: tuple(sorted(found, key=_detail)) for key, found in numbers.items()}
    counts, percents, flow = _cells(ordered, design)
    sentences = as_records(claims[claims["kind"] == "direction"])
    unreached = as_records(claims[claims["kind"] == NOT_REACHED])
    return Facts(design, ordered, counts, percents, flow, tuple(sentences), tuple(unreached))


def key_of(record: Mapping[str, Any], design: Design) -> Key:
    """What a claim is about; its reference level only where that is not the column's first."""
    time = record["time"]
    time = None if time is None or math.isnan(time) else float(time)
    names = ("endpoint", "population", "group", "covariate", "level", "model", "statistic")
    key = Key(*(record[name] for name in names), time)
    said = record["reference"] or reference_of(design.models, record)
    return key if said == _first_level(design, key.covariate) else key._replace(reference=said)


def models_of(design: Design) -> list[tuple[str, str]]:
    """Endpoint and key of each model of all patients: `("OS", "multivariable OS_2")`."""
    every = [(*about(name, spec), design.model_key(name)) for name, spec in design.models.items()]
    return [(endpoint, key) for endpoint, among, key in every if among == ALL]


def _first_level(design: Design, column: str) -> str:
    spec = design.factors.get(column) or design.columns.get(column) or {}
    return ("", *spec.get("levels", ())[:1])[-1]


def _printed(record: Mapping[str, Any], design: Design) -> Printed:
    key = key_of(record, design)._replace(field=record["field"])
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
        float(design.conventions.get("days_per_month") or DAYS_PER_MONTH),
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
) -> tuple[dict[Cell, Any], dict[tuple[Cell, Cell], Any], dict[Step, Any]]:
    counts: dict[Cell, list[Printed]] = defaultdict(list)
    percents: dict[tuple[Cell, Cell], list[Printed]] = defaultdict(list)
    flow: dict[Step, list[Printed]] = defaultdict(list)
    last = design.eligibility[-1]["name"] if design.eligibility else ""
    timed = {*design.endpoints, *design.models}
    for key, found in numbers.items():
        if key.field != "estimate" or key.model or key.endpoint in timed:
            continue
        base, whole = cell_of(key.group), cell_of(key.population)
        if base is None or whole is None or (key.covariate and not key.level):
            continue
        cell = narrowed(whole, base)
        if key.covariate == "flow":
            flow[Step(key.level, cell, key.statistic)] += found
            if key.level == last and key.statistic == "n":
                counts[cell] += found
            continue
        own = {(key.covariate, key.level)} if key.covariate else set()
        among = cell if own else whole
        if key.statistic == "n":
            counts[cell | own] += found
        elif key.statistic == "percent" and (own or base):
            percents[cell | own, among] += found
    return _sorted(counts), _sorted(percents), _sorted(flow)


def _sorted(found: Mapping[Any, list[Printed]]) -> dict[Any, tuple[Printed, ...]]:
    return {key: tuple(sorted(values, key=_detail)) for key, values in found.items()}


def of_another_test(facts: Facts, key: Key) -> bool:
    """Whether the design tests a product, or a covariate among others, by the likelihood ratio."""
    if ":" in key.covariate:
        return facts.design.interaction_test != "wald"
    return kind_of(key.model) == MULTIVARIABLE and facts.design.multivariable_p != "wald"
