"""The words that a study's claims may use: its design's, by claim column."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from crlm.ledger.design import Design
from crlm.ledger.models import seconds
from crlm.ledger.spelling import PRODUCT, did_you_mean, meant_by, nearest, tidied_conditions
from crlm.ledger.vocabulary import (
    ALL,
    FIRST_RECURRENCE,
    FLOW,
    KNOWN,
    LANDMARK,
    MODELS,
    MULTIVARIABLE,
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
        """Endpoints, incidences, outcomes with a model of their own, and the first recurrence."""
        roles = {spec.get("role") for spec in self.design.columns.values()}
        sites = [FIRST_RECURRENCE] if "outcome" in roles else []
        modelled = [spec.get("endpoint", name) for name, spec in self.design.models.items()]
        counted = [*self.design.endpoints, *self.design.incidences]
        return list(dict.fromkeys([*counted, *modelled, *sites]))

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Models that a claim may name: those of all designs, and second models of this one."""
        others = seconds(self.design.models)
        return (*MODELS, *(self.design.model_key(name) for name in others))

    @cached_property
    def model_labels(self) -> dict[str, str]:
        """The keys of models that are several of the same patients, by name and by label."""
        others = seconds(self.design.models)
        found = {}
        for name in dict.fromkeys([*others, *others.values()]):
            label = str(self.design.models[name].get("label", name))
            said = (name, label, f"{MULTIVARIABLE} {name}", f"{MULTIVARIABLE} {label}")
            found |= dict.fromkeys(said, self.design.model_key(name))
        return found

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
        parts = PRODUCT.split(name)
        if len(parts) == 2 and set(parts) <= self.known:
            return f"{name!r} is no column; a product is {':'.join(parts)}. Write that."
        near = did_you_mean(name, self.names, self.labels)
        return f"{name!r} is no column or factor of the design; {near}"

    @cached_property
    def labels(self) -> dict[str, str]:
        """The columns and factors by what is printed for them."""
        return {self.design.label(name): name for name in reversed(self.names)}

    @cached_property
    def endpoint_labels(self) -> dict[str, str]:
        """The endpoints by what is printed for them."""
        counted = {**self.design.incidences, **self.design.endpoints}
        return {str(spec["label"]): name for name, spec in counted.items()}

    def level_labels(self, name: str) -> dict[str, str]:
        """The levels of a column by what is printed for them."""
        return {self.design.label(name, level): level for level in self.levels(name)}

    @cached_property
    def conditions(self) -> dict[str, str]:
        """`column=level` by a level, or its label, that one column alone has."""
        found: dict[str, list[str]] = {}
        for name in self.names:
            for level in self.levels(name):
                for word in {level, self.design.label(name, level)}:
                    if is_word(word):
                        found.setdefault(word, []).append(f"{name}={level}")
        return {word: own[0] for word, own in found.items() if len(own) == 1}

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
        if tidied := tidied_conditions(text):
            yield f"{text!r} is not as conditions are written; write {tidied}."
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
        meant = self._meant(part)
        if meant:
            yield f"{part!r} is no condition; did you mean {meant!r}?"
        elif not LANDMARK.fullmatch(part):
            yield (f"{part!r} is no condition; write column=level, column={KNOWN} or from month 6.")

    def _meant(self, part: str) -> str:
        """The condition that a level alone stands for: "African-American", "women"."""
        if part in self.known or _CONDITION.fullmatch(part):
            return ""
        near = did_you_mean(part, (), self.conditions)
        if near.startswith("did"):
            return near.removeprefix("did you mean ").strip("'?")
        word = nearest(part, [w for w in self.conditions if meant_by(part) == w])
        return self.conditions.get(word, "")

    def _part_faults(self, part: str) -> Iterator[str]:
        """A column alone, or a condition on one."""
        found = _CONDITION.fullmatch(part)
        name, sign, value = found.groups() if found else (part, "", "")
        told, meant = self.unknown(name), self._meant(part)
        if told:
            yield f"{part!r} is no column; did you mean {meant!r}?" if meant else told
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
                near = did_you_mean(level, levels, self.level_labels(name))
                yield f"{level!r} is no level of {name}; {near}"


def is_word(text: str) -> bool:
    """Whether a level, or its label, says by itself what it is of: not yes, no or a number."""
    return len(text) > 2 and text.casefold() != "yes" and any(mark.isalpha() for mark in text)


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
    model = design.model_label(claim) or claim["model"]
    parts += [design.endpoint_name(claim["endpoint"]), model, group, among, time]
    return ", ".join(filter(None, parts)) + _LIMITS.get(claim["field"], "")
