"""The attack: how narrowly released rows, and whole-number arithmetic, pin each small count.

Every world that fits what is known is a witness for all counts at once. So the sum of the
protected counts is made largest and smallest first, then a few random sums, and only what is
still narrow is asked for singly. A solver that stops early errs towards "narrow".
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

from crlm.privacy.estimates import MAYBE
from crlm.privacy.unknowns import Equation, Knowledge, Terms, Unknown

_SIGNS, _WORLDS = 6, 24
_MOST = 1e6
_RATIO = "a ratio"


class TruthOutside(AssertionError):
    """The true counts do not fit what was released: a rule of the release is wrong."""


@dataclass(frozen=True)
class Protected:
    """One count from 1 to K - 1, printed or not, and what it is made of.

    Attributes
    ----------
    name : tuple
        Terms: the count is the sum of coefficient times unknown.
    true : int
    low, high : int
        Smallest and largest value found possible.
    """

    terms: tuple[tuple[Unknown, int], ...]
    true: int
    low: int
    high: int

    @property
    def values(self) -> int:
        """How many values it keeps."""
        return self.high - self.low + 1


World = dict[Unknown, float]


@dataclass
class Attack:
    """An attack on what is known, with the worlds that fitted what was known before.

    Attributes
    ----------
    k : int
    truth : callable
        The true value of an unknown, NaN where nobody can tell.
    seconds : float
        The time for one attack.
    equations : list of Equation
        What was known in the last attack.
    worlds : list of dict
        Whole-number worlds that fit `equations`, each a witness for every count.
    """

    k: int
    truth: Callable[[Unknown], float]
    seconds: float = 60.0
    equations: list[Equation] = field(default_factory=list)
    worlds: list[World] = field(default_factory=list)

    def ranges(self, known: Knowledge) -> list[Protected]:
        """Every protected count with a smallest and a largest possible value.

        An inner bound: what is found possible is, and the search ends where K values are.

        Raises
        ------
        TruthOutside
            If the truth does not fit.
        TimeoutError
            If the time is over.
        """
        until = time.process_time() + self.seconds
        equations = self._with_ratios(known)
        values = {u: self.truth(u) for u in dict.fromkeys(u for e in equations for u, _ in e.terms)}
        equations = [e for e in equations if all(not math.isnan(values[u]) for u, _ in e.terms)]
        _check(equations, values)
        wanted = self._protected(equations, values)
        worlds = self._carried(equations, values, wanted, until)
        search = _Search(self.k, wanted, values, worlds)
        self.equations, self.worlds = equations, worlds
        if search.narrow.any():
            search.run(Program.of(equations, set(values), values), until)
            self.worlds = search.worlds[-_WORLDS:]
        return search.found()

    def forget(self) -> None:
        """Begin anew: nothing that fitted before is used again."""
        self.equations, self.worlds = [], []

    def _with_ratios(self, known: Knowledge) -> list[Equation]:
        """What is known, and the events of levels whose ratio is printed."""
        equations = [e for e in dict.fromkeys(known.equations) if self._holds(e)]
        given = [terms for several in known.exact.values() for terms in several if self._few(terms)]
        for terms in dict.fromkeys([*given, *known.pinned]):
            true = sum(c * self.truth(u) for u, c in terms)
            equations.append(Equation(terms, true, true, _RATIO))
        return equations

    def _holds(self, equation: Equation) -> bool:
        """Whether an equation that need not hold does so here; all others do."""
        if equation.why != MAYBE:
            return True
        total = sum(c * self.truth(u) for u, c in equation.terms)
        return equation.low - 1e-6 <= total <= equation.high + 1e-6

    def _few(self, terms: Terms) -> bool:
        """Whether a ratio's limits tell a count: where few had the event, or few had not."""
        had = sum(c * self.truth(u) for u, c in terms)
        unknown = terms[0][0]
        among = frozenset(c for c in unknown.conditions if not c.startswith("cause="))
        n = self.truth(unknown._replace(kind="n", conditions=among, month=0.0))
        if unknown.kind == "n":
            # Of an odds ratio the sizes are what it tells; its events are of another outcome.
            had = self.truth(unknown._replace(kind="d", frame="short_SCP"))
        return not min(had, n - had if math.isfinite(n) else had) >= 4 * self.k

    def _protected(
        self, equations: Sequence[Equation], values: Mapping[Unknown, float]
    ) -> dict[Terms, int]:
        """Counts from 1 to K - 1: unknowns, survivors, leavers and events between months.

        One that a ratio tells is no exception: whether it may be told is not the ratio's to say.
        """
        terms: list[Terms] = []
        for unknown in values:
            terms.append(((unknown, 1),))
            if unknown.kind == "d":
                terms.append(((unknown._replace(kind="n"), 1), (unknown, -1)))
        between = ("at risk falls", "events gather")
        terms += [equation.terms for equation in equations if equation.why in between]
        found = {}
        for one in dict.fromkeys(terms):
            if any(u not in values or math.isnan(values[u]) for u, _ in one):
                continue
            true = sum(c * values[u] for u, c in one)
            if 0 < true < self.k:
                found[one] = int(true)
        return found

    def _carried(
        self,
        equations: Sequence[Equation],
        values: Mapping[Unknown, float],
        wanted: Mapping[Terms, int],
        until: float,
    ) -> list[World]:
        """The worlds of the last attack, continued over what is new; those that cannot be end."""
        old = set(self.equations)
        new = [e for e in equations if e not in old]
        if not new:
            return list(self.worlds)
        found = []
        for at, world in enumerate(self.worlds):
            free = {u for e in new for u, _ in e.terms if u not in world}
            fixed = {u: world.get(u, values[u]) for e in new for u, _ in e.terms}
            program = Program.of(new, free, fixed)
            mine = [t for t in wanted if any(u in free for u, _ in t)]
            rows = np.array([program.row(t) for t in mine]).reshape(len(mine), len(free))
            made = program.world((1 if at % 2 else -1) * rows.sum(axis=0), until)
            if made is not None:
                found.append(world | made)
        return found


@dataclass
class _Search:
    """Smallest and largest values seen of each protected count, and the worlds that show them."""

    k: int
    wanted: Mapping[Terms, int]
    values: Mapping[Unknown, float]
    worlds: list[World]

    def __post_init__(self) -> None:
        self.terms = list(self.wanted)
        self.low = self.high = np.array([float(self.wanted[t]) for t in self.terms])
        for world in self.worlds:
            self._see(world)

    @property
    def narrow(self) -> np.ndarray:
        """Which counts have been seen with fewer than K values."""
        return self.high - self.low + 1 < self.k

    def _see(self, world: World) -> None:
        seen = np.array([sum(c * world[u] for u, c in terms) for terms in self.terms])
        self.low, self.high = np.minimum(self.low, seen), np.maximum(self.high, seen)

    def run(self, program: Program, until: float) -> None:
        """Look for worlds that move what is narrow: all at once, by random signs, then singly."""
        rows = np.array([program.row(terms) for terms in self.terms])
        rng = np.random.default_rng(len(self.terms))
        ones = np.ones(len(self.terms))
        signs = [ones, -ones, *(rng.choice([-1.0, 1.0], len(ones)) for _ in range(_SIGNS))]
        for sign in signs:
            self._try(program, (sign * self.narrow) @ rows, until)
        for at in range(len(self.terms)):
            for sign in (-1.0, 1.0):
                if self.narrow[at]:
                    self._try(program, sign * rows[at], until)

    def _try(self, program: Program, objective: np.ndarray, until: float) -> None:
        world = program.world(objective, until) if self.narrow.any() else None
        if world is not None:
            self.worlds = [*self.worlds, world]
            self._see(world)

    def found(self) -> list[Protected]:
        """What was seen."""
        return [
            Protected(t, self.wanted[t], round(a), round(b))
            for t, a, b in zip(self.terms, self.low, self.high, strict=True)
        ]


@dataclass
class Program:
    """Whole-number worlds that fit equations, some unknowns free and the others at their truth."""

    places: dict[Unknown, int]
    matrix: csr_matrix
    low: np.ndarray
    high: np.ndarray
    true: np.ndarray

    @classmethod
    def of(
        cls, equations: Sequence[Equation], free: set[Unknown], values: Mapping[Unknown, float]
    ) -> Program:
        """Equations over the free unknowns."""
        places = {u: at for at, u in enumerate(sorted(free, key=repr))}
        data, rows, columns, low, high = [], [], [], [], []
        for at, equation in enumerate(equations):
            fixed = 0.0
            for unknown, coefficient in equation.terms:
                if unknown in places:
                    data.append(float(coefficient))
                    rows.append(at)
                    columns.append(places[unknown])
                else:
                    fixed += coefficient * values[unknown]
            low.append(equation.low - fixed)
            high.append(equation.high - fixed)
        shape = (len(low), len(places))
        matrix = csr_matrix((data, (rows, columns)), shape=shape)
        true = np.array([values[u] for u in places], dtype=float)
        return cls(places, matrix, np.array(low), np.array(high), true)

    def row(self, terms: Sequence[tuple[Unknown, int]]) -> np.ndarray:
        """The coefficients of a sum over the free unknowns."""
        line = np.zeros(len(self.places))
        for unknown, coefficient in terms:
            if unknown in self.places:
                line[self.places[unknown]] += coefficient
        return line

    def world(self, objective: np.ndarray, until: float) -> World | None:
        """A world in which the objective is largest; None if there is none.

        Raises
        ------
        TimeoutError
            If the time is over.
        """
        left = until - time.process_time()
        if left <= 0:
            raise TimeoutError
        if not len(self.places):
            fits = (self.low <= 1e-6).all() and (self.high >= -1e-6).all()
            return {} if fits else None
        found = milp(
            -objective,
            constraints=LinearConstraint(self.matrix, self.low, self.high),
            integrality=np.ones(len(self.places)),
            bounds=Bounds(0, _MOST),
            options={"time_limit": left},
        )
        if found.x is None:
            return None
        return dict(zip(self.places, np.round(found.x).tolist(), strict=True))


def _check(equations: Sequence[Equation], values: Mapping[Unknown, float]) -> None:
    for equation in equations:
        total = sum(c * values[u] for u, c in equation.terms)
        if not equation.low - 1e-6 <= total <= equation.high + 1e-6:
            raise TruthOutside(f"{equation.why}: {equation.terms[0][0]} and others")
