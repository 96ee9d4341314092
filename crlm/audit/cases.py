"""One check on some printed numbers, and the catalogue of all kinds of check."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from crlm.audit.facts import Facts, Printed

CONSISTENT, INCONSISTENT, UNCLEAR = "consistent", "inconsistent", "cannot tell"

#: What a finding is about, in the order in which checks of one subject are read.
CLASSES = ("substantive", "misprint", "reporting", "scanning")


class Lacking(NamedTuple):
    """Patients without a value, between two numbers, of a group."""

    least: int
    most: int
    n: int

    @property
    def text(self) -> str:
        """In words."""
        several = f"{self.least} to {self.most}" if self.most > self.least else f"{self.least}"
        return f"{several} of {self.n}"


@dataclass(frozen=True)
class Outcome:
    """What one check says.

    Attributes
    ----------
    verdict : {"consistent", "inconsistent", "cannot tell"}
    low, high : float
        The recomputed interval of the number that was checked; NaN if none.
    detail : str
        One plain sentence.
    notable : bool
        A "cannot tell" that a reader should know of.
    lacking : Lacking or None
        Patients without a value, where that alone is the remark.
    about : tuple of str
        Ids of the claims that the sentence is about, where it is not about all.
    """

    verdict: str
    low: float = math.nan
    high: float = math.nan
    detail: str = ""
    notable: bool = False
    lacking: Lacking | None = None
    about: tuple[str, ...] = ()


Roles = Mapping[str, Printed]


@dataclass(frozen=True)
class Case:
    """One check, ready to be judged on the printed numbers or on others in their place.

    Attributes
    ----------
    subject : tuple of str
        What it is about; failing checks of one subject are one finding.
    title : str
        The subject as a heading.
    roles : mapping of str to Printed
        The numbers involved, by the part they play.
    judge : callable
        Roles to `Outcome`.
    sentence : tuple of str
        Ids of the sentences that are checked, if any.
    explain : callable, optional
        Roles to the sentence about a failure, where that takes time.
    """

    subject: tuple[str, ...]
    title: str
    roles: Roles
    judge: Callable[[Roles], Outcome]
    sentence: tuple[str, ...] = ()
    explain: Callable[[Roles], str] | None = None

    def read(self) -> Outcome:
        """Judge the numbers as printed, and explain."""
        found = self.judge(self.roles)
        if self.explain is None or found.verdict == CONSISTENT or found.detail:
            return found
        return replace(found, detail=self.explain(self.roles))

    @property
    def claims(self) -> tuple[str, ...]:
        """Ids of all claims involved, each once."""
        return tuple(dict.fromkeys([*(p.id for p in self.roles.values()), *self.sentence]))


@dataclass(frozen=True)
class Kind:
    """One kind of check.

    Attributes
    ----------
    name : str
    asks : str
        The question it puts to the numbers.
    assumes : str
        What must hold for a failure to mean an error.
    blind : str
        What it cannot see.
    soft : bool
        True if an honest paper may fail it for rare reasons; never of high confidence.
    about : str
        The class of its findings, if no misprint explains them.
    points : bool
        True if it only points at something and never calls numbers inconsistent.
    digits : bool
        Whether a misprinted digit is a sensible explanation of a failure.
    find : callable
        Facts to cases.
    """

    name: str
    asks: str
    assumes: str
    blind: str
    soft: bool
    about: str
    points: bool
    digits: bool
    find: Callable[[Facts], Iterator[Case]]


#: Every kind of check by name, in the order of registration.
CATALOGUE: dict[str, Kind] = {}

Finder = Callable[[Facts], Iterator[Case]]


def check(
    *,
    asks: str,
    assumes: str,
    blind: str,
    soft: bool = False,
    about: str = "misprint",
    points: bool = False,
    digits: bool = True,
) -> Callable[[Finder], Finder]:
    """Enter a function that finds cases into the catalogue, under its own name."""

    def enter(find: Finder) -> Finder:
        name = find.__name__
        if name in CATALOGUE and CATALOGUE[name].find.__module__ != find.__module__:
            raise ValueError(f"{name} is a check of {CATALOGUE[name].find.__module__} already.")
        kind = Kind(name, asks, assumes, blind, soft or points, about, points, digits, find)
        CATALOGUE[name] = kind
        return find

    return enter


def outcome(fits: bool, low: float = math.nan, high: float = math.nan, detail: str = "") -> Outcome:
    """Consistent if it fits, inconsistent if not."""
    return Outcome(CONSISTENT if fits else INCONSISTENT, low, high, detail)


def unsaid(detail: str, low: float, high: float, lacking: Lacking) -> Outcome:
    """Patients have no value, and the paper does not say so."""
    return Outcome(UNCLEAR, low, high, detail, True, lacking)


def unclear(
    detail: str, low: float = math.nan, high: float = math.nan, *, notable: bool = False
) -> Outcome:
    """The numbers do not settle it."""
    return Outcome(UNCLEAR, low, high, detail, notable)
