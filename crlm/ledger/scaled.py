"""Whether what is declared per 10 years, per doubling or per level can be so, and stands aright."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from crlm.ledger.dictionary import Table, label_faults, name_faults, texts
from crlm.ledger.errors import Fault
from crlm.ledger.names import NUMBERS, Names
from crlm.ledger.typed import place_of

if TYPE_CHECKING:
    from crlm.ledger.design import Design

_PER = re.compile(r"\bper\s+(\d+(?:\.\d+)?)")
_STEPS = ("per", "fold", "per_sd", "per_level")
_FEWEST_LEVELS = 3
#: What no covariate of a model is made of.
_NO_COVARIATES = ("id", "time", "event", "entry")


def scaled_faults(design: Table, names: Names) -> Iterator[Fault]:
    """What is wrong with the tables [scaled.NAME] though each of their keys has its type."""
    seen: dict[tuple[Any, ...], str] = {}
    for name, spec in names.scaled.items():
        path = ("scaled", name)
        place = place_of(design, path)
        yield from name_faults(place, name)
        if name in names.columns or name in names.factors:
            kind = "column" if name in names.columns else "factor"
            yield Fault(place, f"{name!r} is a {kind} too; take another name.")
        yield from label_faults(spec, (), design, path, ())
        same = (spec.get("source"), *(spec.get(key) for key in _STEPS))
        first = seen.setdefault(same, name)
        if first != name:
            yield Fault(place, f"is what [scaled.{first}] is; keep one.")
        yield from _source_faults(place_of(design, (*path, "source")), spec, names)
        yield from _step_faults(design, path, spec, names)


def _source_faults(place: str, spec: Table, names: Names) -> Iterator[Fault]:
    source = spec.get("source")
    if not isinstance(source, str):
        return
    # A category is counted, be it a column or made of one.
    factors = names.factors if spec.get("per_level") else {}
    told, column = names.unknown(source, {**names.columns, **factors}), names.spec(source)
    if told:
        yield Fault(place, told)
    elif spec.get("per_level"):
        yield from _level_faults(place, source, names)
    elif column.get("type") in ("text", "category"):
        kind = column["type"]
        yield Fault(place, f"{source!r} is of type {kind!r}; only a number has a ratio per step.")
    elif column.get("role") in _NO_COVARIATES:
        yield Fault(place, f"{source!r} is no characteristic of a patient ({column['role']}).")


def _level_faults(place: str, source: str, names: Names) -> Iterator[Fault]:
    """A category of three levels in their order, and no number, has a ratio per level."""
    column, levels = names.spec(source), names.levels(source)
    if names.kind(source) != "category":
        told = f"is of type {column.get('type')!r}, and per_level counts levels; write per or fold."
        yield Fault(place, f"{source!r} {told}")
    elif column.get("role") in _NO_COVARIATES:
        yield Fault(place, f"{source!r} is no characteristic of a patient ({column['role']}).")
    elif len(levels) < _FEWEST_LEVELS:
        told = f"has {len(levels)} levels, whose ratio is per level already; name {source} itself."
        yield Fault(place, f"{source!r} {told}")


def _step_faults(
    design: Table, path: tuple[str, ...], spec: Table, names: Names
) -> Iterator[Fault]:
    """One step, neither more than the column spans nor the column's own unit."""
    said = [key for key in _STEPS if key in spec and spec[key] is not False]
    place, column = place_of(design, path), names.columns.get(str(spec.get("source")), {})
    if len(said) != 1:
        told = f"has {' and '.join(said)}" if said else "says no step"
        remedy = "write per = 10 for per 10 units, or fold = 2 for doubling, or per_sd = true; "
        remedy += "of a category per_level = true"
        yield Fault(place, f"{told}; {remedy}.")
        return
    step, place = spec[said[0]], place_of(design, (*path, said[0]))
    if said == ["per"] and isinstance(step, str) and not re.match(r"\s*\d", step):
        told = "for a doubling leave per out and write fold = 2; for per SD per_sd = true."
        yield Fault(place, told)
    if isinstance(step, bool) or not isinstance(step, int | float) or step <= 0:
        return
    low, high = (column.get(key) for key in ("min", "max"))
    told = _PER.search(str(spec.get("label", "")))
    if said == ["per"] and told and float(told[1]) != step:
        said_so = f"{spec['label']!r}, but the step is {step:g}; correct one."
        yield Fault(place_of(design, (*path, "label")), said_so)
    if said == ["per"]:
        yield from _per_faults(place, step, str(spec.get("source")), low, high)
    elif isinstance(low, int | float) and low < 0:
        told = f"{spec.get('source')} may be as low as {low:g}, and nothing doubles from there; "
        yield Fault(place, f"{told}write per, or give the column min = 0.")


def _per_faults(place: str, step: float, source: str, low: Any, high: Any) -> Iterator[Fault]:
    if step == 1:
        told = f"1 is the unit of {source} itself; name {source} among the covariates instead."
        yield Fault(place, told)
    known = isinstance(low, int | float) and isinstance(high, int | float) and low < high
    if known and step > high - low:
        yield Fault(place, f"{step:g} is more than {source} spans ({low:g} to {high:g}).")


def unscaled_faults(place: str, listed: Iterable[str], names: Names) -> Iterator[Fault]:
    """Scaled numbers where patients are described: those are the column's own."""
    for name in listed:
        if name in names.scaled:
            source = names.scaled[name].get("source")
            yield Fault(place, f"{name!r} is for ratios of models; write {source!r} here.")


def entering_of(spec: Table) -> tuple[str, list[str]]:
    """The key of a model that says what may enter its multivariable model, and those names."""
    if spec.get("selection") == "univariable":
        return "covariates", []
    if spec.get("selection") == "fixed":
        return "published", texts(spec.get("published"))
    out = texts(spec.get("left_out"))
    return "covariates", [name for name in texts(spec.get("covariates")) if name not in out]


def both_faults(place: str, spec: Table, names: Names) -> Iterator[Fault]:
    """Two steps of one number, or a category and its score, in the same multivariable model."""
    key, entering = entering_of(spec)
    scored = {str(made.get("source")) for made in names.scaled.values() if made.get("per_level")}
    seen: dict[tuple[str, str], str] = {}
    for name in entering:
        made: Mapping[str, Any] = names.scaled.get(name, {})
        if names.kind(name) not in NUMBERS and name not in scored:
            continue
        about = (str(made.get("source", name)), "fold" if "fold" in made else "per")
        first = seen.setdefault(about, name)
        if first != name:
            what = "category twice" if about[0] in scored else "number in two steps"
            told = f"{first!r} and {name!r} are one {what}, and a model of both has "
            chosen = key == "published"
            remedy = "keep one." if chosen else "give the one that is not in it to left_out."
            yield Fault(f"{place} {key}", f"{told}no estimate; {remedy}")


def stand_ins(design: Design, spec: Mapping[str, Any], held: Collection[str]) -> dict[str, str]:
    """What a model has besides its covariates, each in the place of one of them.

    Parameters
    ----------
    design : Design
    spec : mapping
        A model of the design.
    held : collection of str
        Covariates of the model.

    Returns
    -------
    dict of str to str
        By the score of a category, or by a number for another step, as per SD, that is left out:
        the category, or the covariate of the same number.

    Examples
    --------
    >>> from crlm import ledger
    >>> design = ledger.load_design("mskcc_hai")
    >>> ledger.stand_ins(design, design.models["OS"], ["hai"])
    {}
    """
    found = {n: c for n, c in design.scores.items() if c in held and n in spec["covariates"]}
    numbers = {
        design.source(name): name for name in held if ":" not in name and not design.levels(name)
    }
    for name in spec.get("left_out") or ():
        source = design.source(name)
        if name not in held and source in numbers and not design.levels(name):
            found.setdefault(name, numbers[source])
    return found
