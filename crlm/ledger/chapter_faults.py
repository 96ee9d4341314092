"""Faults of `[chapter]` of design.toml: what cannot be asked, though each name is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crlm.ledger.dictionary import Table, tables, texts, twice_faults
from crlm.ledger.errors import Fault
from crlm.ledger.names import Names, grouping_faults, list_faults, no_level_faults
from crlm.ledger.scaled import unscaled_faults
from crlm.ledger.spelling import did_you_mean
from crlm.ledger.typed import place_of
from crlm.ledger.vocabulary import COMPUTED, FIRST_RECURRENCE, KNOWN

_NONE_OF_PATIENTS = ("id", "time", "event")
_OF_NUMBERS = ("linear", "log", "log1p", "spline", "log spline")


def chapter_faults(design: Table, names: Names) -> Iterator[Fault]:
    """Everything that is wrong with the chapter's columns, months and parent cohorts.

    Parameters
    ----------
    design : mapping
        design.toml.
    names : Names
        The columns and factors that it has.
    """
    spec = design.get("chapter")
    if not isinstance(spec, Mapping):
        return
    for key in ("exposure", "modifier", "codon"):
        yield from grouping_faults(f"[chapter] {key}", spec.get(key), names)
    for key in ("adjust", "after_exposure"):
        yield from list_faults(f"[chapter] {key}", spec.get(key), names, _NONE_OF_PATIENTS)
        yield from unscaled_faults(f"[chapter] {key}", texts(spec.get(key)), names)
    terms = spec["propensity"] if isinstance(spec.get("propensity"), Mapping) else {}
    yield from list_faults("[chapter.propensity]", [*terms], names, _NONE_OF_PATIENTS)
    yield from unscaled_faults("[chapter.propensity]", [*terms], names)
    yield from _terms(terms, names)
    yield from _exposures(design, spec, [*terms])
    yield from _sources(spec, [*terms], names)
    yield from _months(spec.get("horizons"))
    for key in ("causes", "states"):
        yield from twice_faults(f"[chapter] {key}", texts(spec.get(key)))
    yield from _parents(design, spec, names)
    yield from _answers(design, spec, names)


def _terms(terms: Table, names: Names) -> Iterator[Fault]:
    """A category that enters as a number, and a measurement that enters value by value."""
    for name, kind in terms.items():
        place = f"[chapter.propensity] {name}"
        if names.levels(name) and kind in _OF_NUMBERS:
            yield Fault(
                place, f"{kind!r} is how a number enters, and {name} has levels; write 'factor'."
            )
        elif names.kind(name) == "number" and name in names.columns and kind == "factor":
            told = f"'factor' is how a category enters, and {name} is a number; write 'linear', "
            yield Fault(place, f"{told}'log' or 'spline'.")


def _exposures(design: Table, spec: Table, terms: list[str]) -> Iterator[Fault]:
    """Another exposure than the paper's, or one that stands among what it is compared by."""
    exposure, own = spec.get("exposure"), design.get("exposure")
    if isinstance(own, str) and isinstance(exposure, str) and exposure != own:
        told = f"{exposure!r}, and the paper's exposure is {own!r}; correct one."
        yield Fault("[chapter] exposure", told)
    for key in ("modifier", "codon"):
        if exposure and spec.get(key) == exposure:
            yield Fault(f"[chapter] {key}", f"{exposure!r} is the exposure itself; name another.")
    after = texts(spec.get("after_exposure"))
    for place, held in (
        ("[chapter.propensity]", terms),
        ("[chapter] adjust", texts(spec.get("adjust"))),
    ):
        if exposure in held:
            told = f"{exposure!r} is the exposure, which the others are to explain; remove it."
            yield Fault(place, told)
        for name in after:
            if name in held:
                told = (
                    f"{name!r} is decided after the exposure, says after_exposure; remove it from"
                )
                yield Fault(place, f"{told} one of the two.")
    if exposure in after:
        yield Fault("[chapter] after_exposure", f"{exposure!r} is the exposure; remove it.")


def _sources(spec: Table, terms: list[str], names: Names) -> Iterator[Fault]:
    """What the exposure is made of, or what is made of the same, among what it is compared by."""
    exposure = spec.get("exposure")
    for place, held in (
        ("[chapter.propensity]", terms),
        ("[chapter] adjust", texts(spec.get("adjust"))),
    ):
        for name in held:
            alike = names.source(name) == names.source(str(exposure))
            if exposure and alike and name != exposure:
                told = f"{name!r} and the exposure {exposure!r} are made of one column, and each "
                yield Fault(place, f"{told}explains the other; remove it.")


def _months(horizons: object) -> Iterator[Fault]:
    listed = horizons if isinstance(horizons, list) else []
    told = [month for month in listed if isinstance(month, int | float)]
    if told != sorted(set(told)):
        text = f"{told} do not rise; write each month once, the first one first."
        yield Fault("[chapter] horizons", text)


def _parents(design: Table, spec: Table, names: Names) -> Iterator[Fault]:
    """Parent cohorts of no endpoint or group, and rates without their month."""
    endpoints = tables(design, "endpoints")
    listed = spec.get("parent")
    for at, parent in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(parent, Mapping):
            continue
        path = ("chapter", "parent", at)
        name, group = parent.get("endpoint"), parent.get("group")
        if isinstance(name, str) and name not in endpoints:
            told = f"{name!r} is no endpoint; {did_you_mean(name, endpoints)}"
            yield Fault(place_of(design, (*path, "endpoint")), told)
        if isinstance(group, str) and group != "all":
            place = place_of(design, (*path, "group"))
            column, sign, level = group.partition("=")
            if not sign:
                yield Fault(place, f"{group!r} is no group; write all, or COLUMN=LEVEL.")
            else:
                yield from grouping_faults(place, column, names)
                yield from no_level_faults(place, level, names, column)
        if ("rate" in parent) != ("month" in parent):
            lacking = "month" if "rate" in parent else "rate"
            told = f"is missing; a rate has its month. Add {lacking}, or write median alone."
            yield Fault(place_of(design, (*path, lacking)), told)
        elif not {"rate", "median"} & parent.keys():
            yield Fault(
                place_of(design, path), "has neither median nor rate; write what is printed."
            )


def _answers(design: Table, spec: Table, names: Names) -> Iterator[Fault]:
    """Questions that are answered by a row of an endpoint or of patients that are misspelt.

    Rows of states and of other analyses have endpoints and columns of their own: only what is near
    one of the design's is told.
    """
    known = {**tables(design, "endpoints"), **tables(design, "incidences")}
    others = {FIRST_RECURRENCE, *names.columns, *tables(design, "models")}
    listed = spec.get("asked")
    for at, asked in enumerate(listed if isinstance(listed, list) else ()):
        for path, answer in _rows_of(asked, ("chapter", "asked", at)):
            name = answer.get("endpoint")
            if isinstance(name, str) and name not in known and name not in others:
                near = did_you_mean(name, known)
                if near.startswith("did"):
                    place = place_of(design, (*path, "endpoint"))
                    yield Fault(place, f"{name!r} is no endpoint; {near}")
            for key, column, level in _conditions(answer):
                yield from _of_patients(place_of(design, (*path, key)), column, level, names)


def _rows_of(asked: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple, Table]]:
    """The rows that answer a question, each with its path."""
    held = asked if isinstance(asked, Mapping) else {}
    answers = held.get("answers")
    for own, answer in enumerate(answers if isinstance(answers, list) else ()):
        if isinstance(answer, Mapping):
            yield (*path, "answers", own), answer
    if isinstance(held.get("until"), Mapping):
        yield (*path, "until"), held["until"]


def _conditions(answer: Table) -> Iterator[tuple[str, str, str]]:
    """Columns that an answer names, each with its key and the level that it asks for."""
    name, level = answer.get("covariate"), answer.get("level")
    if isinstance(name, str) and ":" not in name:
        yield ("level" if isinstance(level, str) else "covariate"), name, str(level or "")
    for key in ("group", "population"):
        text = answer.get(key)
        for part in text.split(",") if isinstance(text, str) else ():
            column, sign, wanted = part.partition("=")
            if sign and wanted not in (KNOWN, "?"):
                for one in wanted.split("/"):
                    yield key, column, one


def _of_patients(place: str, column: str, level: str, names: Names) -> Iterator[Fault]:
    """A column that is near one of the design's, or a level that such a column lacks."""
    known = [*names.columns, *names.factors, *names.scaled]
    if column in known:
        yield from no_level_faults(place, level, names, column) if level else ()
    elif column not in COMPUTED and (near := did_you_mean(column, known)).startswith("did"):
        yield Fault(place.replace(" level", " covariate"), f"{column!r} is no column; {near}")
