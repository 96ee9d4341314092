"""Whether several models of the same endpoint and patients are such that claims tell them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crlm.ledger.dictionary import Table, texts
from crlm.ledger.errors import Fault
from crlm.ledger.models import about, seconds
from crlm.ledger.names import texts_by_key
from crlm.ledger.scaled import entering_of


def second_faults(models: Mapping[str, Table]) -> Iterator[Fault]:
    """What is wrong with a model beside others of the same patients.

    Parameters
    ----------
    models : mapping
        The tables [models.NAME] of a design.
    """
    others = seconds(models)
    families: dict[str, list[str]] = {}
    for name in models:
        family = families.setdefault(others.get(name, name), [])
        yield from _beside(name, family, models)
        family.append(name)
    for name in others:
        if not re.fullmatch(r"[\w.-]+", name):
            told = f"{name!r} is not one word, as claims name it; write letters, digits and _."
            yield Fault(f"[models.{name}]", told)


def _beside(name: str, family: Sequence[str], models: Mapping[str, Table]) -> Iterator[Fault]:
    """One model against each of its patients that stands above it."""
    spec, place = models[name], f"[models.{name}]"
    for other in family:
        mine = " among ".join(about(name, spec))
        if "univariable" in (spec.get("selection"), models[other].get("selection")):
            told = f"is of {mine}, as [models.{other}] is, and each covariate alone is of no model "
            yield Fault(place, f"{told}of its own; keep one, with the covariates of both.")
        elif _adjustment(spec) == _adjustment(models[other]):
            told = f"is of {mine}, with the adjustment of [models.{other}]; keep one, or correct "
            yield Fault(place, f"{told}what it holds (published, strata, products, selection).")
        if spec.get("label") and spec.get("label") == models[other].get("label"):
            told = f"{spec['label']!r} is the label of [models.{other}] too; no reader tells them "
            yield Fault(f"{place} label", f"{told}apart.")
        yield from _reference_faults(name, other, models)


def _reference_faults(name: str, other: str, models: Mapping[str, Table]) -> Iterator[Fault]:
    """A covariate that two models hold against different levels: alone it has one reference."""
    both = {*texts(models[name].get("covariates"))} & {*texts(models[other].get("covariates"))}
    mine, theirs = (texts_by_key(models[one].get("references")) for one in (name, other))
    for column in sorted(both):
        if mine.get(column) != theirs.get(column):
            told = f"{column} is held against {mine.get(column, 'its first level')} here and "
            told += f"against {theirs.get(column, 'its first level')} in [models.{other}], of the "
            told += "same patients; write one, and in the ledger's column reference the other."
            yield Fault(f"[models.{name}] references", told)


def _adjustment(spec: Table) -> tuple[Any, ...]:
    """What a model adjusts for, and how that is chosen: two that share it are one."""
    chosen = spec.get("selection") in ("enter", "backward")
    rule = (spec.get("selection"), spec.get("entry_p"), spec.get("stay_p")) if chosen else ()
    # A rule may choose otherwise in another cohort, so what it chooses from counts too.
    held = frozenset(texts(spec.get("published")) or entering_of(spec)[1])
    among = frozenset(entering_of(spec)[1]) if chosen else held
    products = spec.get("products")
    pairs = frozenset(frozenset(texts(p)) for p in products) if isinstance(products, list) else ()
    return rule, among, held, frozenset(texts(spec.get("strata"))), frozenset(pairs)
