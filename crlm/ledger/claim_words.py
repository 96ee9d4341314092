"""The words that a study's claims may use: its design's, by claim column."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from crlm.ledger.design import Design
from crlm.ledger.spelling import did_you_mean
from crlm.ledger.vocabulary import (
    ALL,
    FIRST_RECURRENCE,
    FLOW,
    KNOWN,
    START,
    STATISTICS,
)

#: Columns that exist only where the design has this endpoint.
_NEEDS_SCP = ("short_scp", "surgical_failure")
_SCORES = ("game", "m_cs", "tbs")
#: What papers call all their patients.
_EVERYBODY = (
    "all",
    "total",
    "overall",
    "all patients",
    "entire cohort",
    "whole cohort",
    "everyone",
)
_CONDITION = re.compile(r"([^=!<>]+)(!=|>=|<=|=|>|<)(.*)")
_LANDMARK = re.compile(r"from month (\d+(?:\.\d+)?)")
_LIMITS = {"conf_low": ": lower limit", "conf_high": ": upper limit"}


class Words:
    """What the columns of a claim may say for one design.

    Parameters
    ----------
    design : Design
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self._told: dict[tuple[str, str], list[str]] = {}

    @cached_property
    def names(self) -> list[str]:
        """Columns, what is made of them, and columns that are computed from them."""
        scp = _NEEDS_SCP if "SCP" in self.design.endpoints else ()
        return [*self.design.columns, *self.design.made, *scp, *_SCORES]

    @cached_property
    def known(self) -> frozenset[str]:
        """The same, to ask."""
        return frozenset(self.names)

    @cached_property
    def endpoints(self) -> list[str]:
        """Endpoints, outcomes that have a model of their own, and the first recurrence."""
        roles = {spec.get("role") for spec in self.design.columns.values()}
        sites = [FIRST_RECURRENCE] if "outcome" in roles else []
        modelled = [spec.get("endpoint", name) for name, spec in self.design.models.items()]
        return list(dict.fromkeys([*self.design.endpoints, *modelled, *sites]))

    @cached_property
    def steps(self) -> list[str]:
        """Rows of the flow chart; empty where the design names no criterion."""
        names = [criterion["name"] for criterion in self.design.eligibility]
        return [START, *(f"{n}{end}" for n in names for end in ("", "_excluded"))] if names else []

    def levels(self, name: str) -> list[str]:
        """The levels of a column or factor; none for a measurement."""
        return self.design.levels(name)

    def unit(self, name: str) -> str:
        """The unit of a column."""
        return str(self.design.columns.get(name, {}).get("unit", ""))

    def unknown(self, name: str) -> str:
        """Why a name is no column of the design, and what it may have meant; "" if it is one."""
        if name in self.known:
            return ""
        return f"{name!r} is no column or factor of the design; {did_you_mean(name, self.names)}"

    # ---- conditions -------------------------------------------------------------------------

    def group_faults(self, group: str) -> list[str]:
        """What is wrong with a key `group`: all, columns alone, or `column=level`."""
        return self._remembered("group", group)

    def population_faults(self, population: str) -> list[str]:
        """What is wrong with a key `population`: all, conditions, `from month 6`."""
        return self._remembered("population", population)

    def _remembered(self, column: str, text: str) -> list[str]:
        if (column, text) not in self._told:
            self._told[column, text] = list(self._key_faults(column, text))
        return self._told[column, text]

    def _key_faults(self, column: str, text: str) -> Iterator[str]:
        if text == ALL:
            return
        if not text:
            yield f"is empty; write {ALL!r} for all patients."
            return
        if text.strip().casefold() in _EVERYBODY:
            yield f"{text!r} is not known; did you mean {ALL!r}?"
            return
        parts = text.split(",")
        bare = [part for part in parts if not _CONDITION.fullmatch(part)]
        for part in parts:
            if column == "population" and part in bare:
                yield from self._timed_faults(part)
            else:
                yield from self._part_faults(part)
        if column == "group" and bare and len(bare) < len(parts):
            yield (
                f"{text!r} compares by {bare[0]!r} within others; write the conditions with = "
                "as population."
            )
        named = [found[1] for found in map(_CONDITION.fullmatch, parts) if found]
        for name in dict.fromkeys(name for name in named if named.count(name) > 1):
            yield f"{text!r} names {name} twice; join levels as {name}=a/b."

    def _timed_faults(self, part: str) -> Iterator[str]:
        if not _LANDMARK.fullmatch(part):
            yield (f"{part!r} is no condition; write column=level, column={KNOWN} or from month 6.")

    def _part_faults(self, part: str) -> Iterator[str]:
        """A column alone, or a condition on one."""
        found = _CONDITION.fullmatch(part)
        name, sign, value = found.groups() if found else (part, "", "")
        told = self.unknown(name)
        if told:
            yield told
        elif sign in ("=", "!="):
            yield from self._value_faults(name, value)
        elif sign and self.levels(name):
            yield f"{part!r} compares a category; write {name}=level."
        elif sign and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            yield f"{part!r} compares with no number; write {name}{sign}5."
        elif not sign and not self.levels(name):
            yield f"{name!r} has no levels to compare; name a category or a factor."

    def _value_faults(self, name: str, value: str) -> Iterator[str]:
        levels = self.levels(name)
        if value == KNOWN:
            return
        if not levels:
            yield f"{name!r} has no levels; only {name}={KNOWN} can be asked."
            return
        for level in value.split("/"):
            if level not in levels:
                yield f"{level!r} is no level of {name}; {did_you_mean(level, levels)}"


# ---- products -------------------------------------------------------------------------------


def spelled(claim: Mapping[str, str], words: Words) -> dict[str, str]:
    """A claim with a product of two columns in the spelling of result rows: `race:msi`."""
    name, level = claim["covariate"], claim["level"]
    if "_" not in name or name == FLOW or name in words.known:
        return dict(claim)
    pairs = [(a, b) for a, b in _splits(name) if a in words.known and b in words.known]
    if len(pairs) != 1:
        return dict(claim)
    levels = {f"{a}_{b}": f"{a}:{b}" for a, b in itertools.product(*map(words.levels, pairs[0]))}
    return {**claim, "covariate": ":".join(pairs[0]), "level": levels.get(level, level)}


def _splits(name: str) -> Iterator[tuple[str, str]]:
    for found in re.finditer("_", name):
        yield name[: found.start()], name[found.end() :]


# ---- names ----------------------------------------------------------------------------------


def named(claim: Mapping[str, Any], design: Design) -> str:
    """A claim in words, from its keys: for a ledger that names none itself.

    A sentence is named by what is printed.
    """
    if claim["kind"] == "direction":
        return str(claim["printed"])
    name, level = claim["covariate"], claim["level"]
    what = design.label(name) if name else ""
    value = design.label(name, level) if name and level else ""
    group = "" if claim["group"] == ALL else design.group_label(claim["group"])
    among = "" if claim["population"] == ALL else f"among {design.group_label(claim['population'])}"
    time = f"at month {claim['time']}" if claim["time"] else ""
    parts = [STATISTICS[claim["statistic"]].label, what, value]
    parts += [design.endpoint_name(claim["endpoint"]), claim["model"], group, among, time]
    return ", ".join(filter(None, parts)) + _LIMITS.get(claim["field"], "")
