"""What an attack is about: unknown counts, and equations between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Unknown(NamedTuple):
    """One count that nobody outside knows.

    `kind` is n, d, r or x (excluded); `frame` an endpoint, or "" for all patients.
    """

    kind: str
    frame: str
    conditions: frozenset[str]
    month: float = 0.0


Terms = tuple[tuple[Unknown, int], ...]


class Equation(NamedTuple):
    """`low <= sum of coefficient * unknown <= high`."""

    terms: tuple[tuple[Unknown, float], ...]
    low: float
    high: float
    why: str


@dataclass
class Knowledge:
    """All that released rows tell of counts.

    Attributes
    ----------
    equations : list of Equation
    printed : dict of Unknown to str
        How each printed count was told.
    exact : dict
        By endpoint, covariate and population the counts, each a sum of coefficient times unknown,
        that can be had from the limits of a printed ratio.
    pinned : list
        Counts, as in `exact`, that another printed number gives away whatever their size.
    levels, months : dict
        Levels of each column, and the months at which numbers at risk are told.
    late : set
        Frame and conditions of patients of whom some entered late, as their numbers at risk say.
    first : dict
        By count the column of the split that told it first, and how it was told.
    complete : frozenset of str
        Columns that are known of every patient.
    causes : dict
        By a count of events the counts of each cause among them.
    """

    equations: list[Equation] = field(default_factory=list)
    printed: dict[Unknown, str] = field(default_factory=dict)
    exact: dict[tuple[str, str, str], list[Terms]] = field(default_factory=dict)
    pinned: list[Terms] = field(default_factory=list)
    levels: dict[str, dict[str, None]] = field(default_factory=dict)
    months: dict[tuple[str, frozenset[str]], set[float]] = field(default_factory=dict)
    late: set[tuple[str, frozenset[str]]] = field(default_factory=set)
    first: dict[Unknown, tuple[str, str]] = field(default_factory=dict)
    complete: frozenset[str] = frozenset()
    causes: dict[Unknown, dict[Unknown, None]] = field(default_factory=dict)

    def unknowns(self) -> list[Unknown]:
        """Every unknown of an equation, in the order of appearance."""
        return list(dict.fromkeys(u for e in self.equations for u, _ in e.terms))

    def add(
        self, terms: Iterable[tuple[Unknown, float]], low: float, high: float, why: str
    ) -> None:
        """One more equation."""
        self.equations.append(Equation(tuple(terms), low, high, why))


def place(row: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    """The frame of a row and the conditions of its population and group."""
    frame = row["endpoint"] if row["endpoint"] != "first_recurrence" else ""
    conditions: set[str] = set()
    for text in (row["population"], row["group"]):
        for part in text.split(",") if text != "all" else ():
            if part.startswith("from month"):
                frame = f"{frame}, {part}"
            elif "=" in part:
                conditions.add(part)
    return frame, frozenset(conditions)


def sized(frame: str, conditions: Iterable[str]) -> Unknown:
    """How many patients of a frame meet conditions."""
    return Unknown("n", frame, frozenset(conditions))


def places(unknowns: Iterable[Unknown]) -> str:
    """Endpoints and columns of counts, without a level or a number."""
    found: dict[str, None] = {}
    for unknown in unknowns:
        names = sorted({part.partition("=")[0] for part in unknown.conditions})
        found[" by ".join([unknown.frame or "patients", *names])] = None
    return "; ".join(found)
