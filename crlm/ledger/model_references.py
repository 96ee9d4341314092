"""Whether the regression tables of a design name what is there, and what goes together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from crlm.ledger.dictionary import Table, tables, texts, twice_faults
from crlm.ledger.errors import Fault
from crlm.ledger.factor_faults import following_faults
from crlm.ledger.names import (
    NUMBERS,
    Names,
    grouping_faults,
    list_faults,
    no_level_faults,
    texts_by_key,
)
from crlm.ledger.scaled import both_faults, entering_of
from crlm.ledger.second_models import second_faults
from crlm.ledger.spelling import did_you_mean, nearest, tidied_conditions
from crlm.ledger.vocabulary import ALL, FROM_MONTH, LANDMARK


def model_faults(design: Table, names: Names) -> Iterator[Fault]:
    """What is wrong with `[models.NAME]`, each table after the other.

    Parameters
    ----------
    design : mapping
        design.toml.
    names : Names
    """
    endpoints, counted = tables(design, "endpoints"), tables(design, "incidences")
    outcomes = {**endpoints, **counted, **({"short_SCP": {}} if "SCP" in endpoints else {})}
    for name, spec in tables(design, "models").items():
        place = f"[models.{name}]"
        endpoint = spec.get("endpoint", name)
        wanted = isinstance(endpoint, str) and endpoint not in outcomes
        if endpoints and wanted and len(names.levels(endpoint.lower())) != 2:
            at = f"{place} endpoint" if "endpoint" in spec else place
            labels = {str(spec.get("label")): one for one, spec in outcomes.items()}
            near = did_you_mean(endpoint, outcomes, labels)
            yield Fault(at, f"{endpoint!r} is no endpoint; {near}")
        if wanted and spec.get("selection") == "backward":
            told = "'backward' is for times to an event; take enter, fixed or none."
            yield Fault(f"{place} selection", told)
        for key in ("covariates", "published", "left_out"):
            yield from list_faults(f"{place} {key}", spec.get(key), names, ("id", "time", "event"))
        yield from _subset_faults(place, spec, names)
        yield from both_faults(place, spec, names)
        key, entering = entering_of(spec)
        yield from following_faults(f"{place} {key}", entering, names)
        yield from _within_faults(place, spec, names)
        yield from _landmark_faults(place, spec, endpoint, endpoint in endpoints)
        if "cause_of_death" in texts(spec.get("covariates")):
            told = "'cause_of_death' is known of the dead alone, and no covariate; remove it."
            yield Fault(f"{place} covariates", told)
        if isinstance(endpoint, str) and endpoint in counted:
            yield from _of_incidence(place, spec)
        if wanted:
            yield from _of_outcome(place, spec, str(endpoint).lower())
        yield from _alone_faults(place, spec)
        yield from _all_faults(place, spec)
        if "published" not in spec and spec.get("selection") not in ("none", "univariable"):
            told = "is missing; add it. Covariates of the printed multivariable model; where the "
            told += "paper has none, write selection = 'univariable'."
            yield Fault(f"{place} published", told)
        yield from _limits(place, spec, design)
    yield from second_faults(tables(design, "models"))


def _all_faults(place: str, spec: Table) -> Iterator[Fault]:
    """A printed model that lacks covariates, where the selection says that none is left out."""
    if spec.get("selection") != "none" or "published" not in spec:
        return
    kept = {*texts(spec.get("published")), *texts(spec.get("left_out"))}
    lacking = [name for name in texts(spec.get("covariates")) if name not in kept]
    if lacking:
        told = f"lacks {', '.join(lacking)}, and with selection 'none' no covariate is left out; "
        yield Fault(f"{place} published", f"{told}remove the key, or write selection = 'fixed'.")


#: What a model has that is none: of each covariate alone nothing is chosen, and nothing adjusted.
_OF_SEVERAL = ("published", "left_out", "entry_p", "stay_p", "strata", "products")


def _alone_faults(place: str, spec: Table) -> Iterator[Fault]:
    """Keys of a multivariable model where each covariate is analysed alone."""
    if spec.get("selection") != "univariable":
        return
    for key in _OF_SEVERAL:
        if key in spec:
            told = "is of a multivariable model, and with selection 'univariable' there is none; "
            yield Fault(f"{place} {key}", f"{told}remove it, or write another selection.")


def _limits(place: str, spec: Table, design: Table) -> Iterator[Fault]:
    """The p values that a selection needs; what stays may stand under [choices] for all models."""
    chosen = design.get("choices")
    for key in ("entry_p", "stay_p"):
        if key in spec and spec.get("selection") in ("fixed", "none"):
            told = f"has no sense with selection {spec['selection']!r}, by which no p chooses; "
            yield Fault(f"{place} {key}", f"{told}remove one.")
    for key, selections, elsewhere in (
        ("entry_p", ("enter", "backward"), {}),
        ("stay_p", ("backward",), chosen if isinstance(chosen, Mapping) else {}),
    ):
        needed = spec.get("selection") in selections and key not in {**spec, **elsewhere}
        if needed and not any(nearest(name, [key]) for name in spec):
            told = f"is missing; add it, as {key} = 0.05: the selection needs it."
            yield Fault(f"{place} {key}", told)


def _of_outcome(place: str, spec: Table, outcome: str) -> Iterator[Fault]:
    """What a model of a yes-no outcome cannot have."""
    if outcome in texts(spec.get("covariates")):
        yield Fault(f"{place} covariates", f"{outcome!r} is the outcome itself; remove it.")
    if "strata" in spec:
        told = "are of a Cox model; a yes-no outcome has none. Make them covariates."
        yield Fault(f"{place} strata", told)


def _of_incidence(place: str, spec: Table) -> Iterator[Fault]:
    """What a model of an event while another competes cannot have here."""
    of = "a model of an incidence (Fine and Gray)"
    if spec.get("selection") == "backward":
        told = f"'backward' is not built for {of}; write fixed, with the covariates that print "
        yield Fault(f"{place} selection", f"{told}ends with as published, or enter or none.")
    if "strata" in spec:
        told = f"are not built for {of}; make them covariates, or leave its ratios out of the "
        yield Fault(f"{place} strata", f"{told}ledger.")
    if "products" in spec:
        told = f"are not built for {of}; leave them out, and their ratios out of the ledger."
        yield Fault(f"{place} products", told)


def _within_faults(place: str, spec: Table, names: Names) -> Iterator[Fault]:
    """Population, strata, products and reference levels of a model."""
    population = spec.get("population", ALL)
    population = population if isinstance(population, str) else ALL
    if tidied := tidied_conditions(population):
        told = f"{population!r} is not as conditions are written; write {tidied}."
        yield Fault(f"{place} population", told)
        population = ALL
    yield from _population_faults(place, population, spec, names)
    parts = [part.partition("=") for part in population.split(",")]
    among = {name: level.split("/") for name, sign, level in parts if sign}
    yield from _strata_faults(f"{place} strata", spec, among, names)
    yield from _product_faults(place, spec)
    for name, level in texts_by_key(spec.get("references")).items():
        yield from _reference_faults(f"{place} references", name, level, among, names)
        if not names.unknown(name) and name not in texts(spec.get("covariates")):
            told = f"{name!r} is no covariate of this model; remove it, or add it there."
            yield Fault(f"{place} references", told)


def _population_faults(place: str, population: str, spec: Table, names: Names) -> Iterator[Fault]:
    parts = [part.partition("=") for part in population.split(",")]
    yield from _condition_faults(f"{place} population", parts, names)
    for part in population.split(","):
        name, sign, level = part.partition("=")
        if part == ALL or FROM_MONTH in part:
            continue
        if not sign or name[-1:] in ("<", ">", "!"):
            told = f"{part!r} is no column=level; a cut number is a factor, as age_cat=high."
            yield Fault(f"{place} population", told)
            continue
        yield from _known_level(f"{place} population", name, level, names)
        if "/" not in level and name in texts(spec.get("covariates")):
            told = f"{name!r} is {level!r} in all patients of this model; remove it, or widen "
            yield Fault(f"{place} covariates", f"{told}the population.")


def _landmark_faults(place: str, spec: Table, endpoint: object, timed: bool) -> Iterator[Fault]:
    """A model from a month on, of those whom its endpoint leaves then."""
    population = spec.get("population")
    if not isinstance(population, str) or FROM_MONTH not in population:
        return
    part = next(part for part in population.split(",") if FROM_MONTH in part).strip()
    if not LANDMARK.fullmatch(part):
        yield Fault(f"{place} population", f"{part!r} is no month; write it as from month 6.")
    elif part != population:
        told = f"{population!r}: a model from a month on is of all who are left then; write {part}"
        yield Fault(f"{place} population", f"{told}, and the other condition as a covariate.")
    elif not timed:
        told = f"{part!r}: {endpoint} is no time to an event, which alone leaves patients at a "
        yield Fault(f"{place} population", f"{told}month; name an endpoint, or leave it out.")


def _strata_faults(
    place: str, spec: Table, among: Mapping[str, list[str]], names: Names
) -> Iterator[Fault]:
    listed = texts(spec.get("strata"))
    yield from twice_faults(place, listed)
    for name in dict.fromkeys(listed):
        role = names.spec(name).get("role")
        if role in ("id", "time", "event", "entry"):
            told = f"{name!r} is no characteristic of a patient ({role}); remove it."
            yield Fault(place, told)
        if len(among.get(name, ())) == 1:
            told = f"{name!r} is {among[name][0]!r} in all patients of this model; remove it."
            yield Fault(place, told)
        yield from grouping_faults(place, name, names)
        if name in _printed(spec):
            yield Fault(place, f"{name!r} is a covariate too; remove one.")


def _reference_faults(
    place: str, name: str, level: str, among: Mapping[str, list[str]], names: Names
) -> Iterator[Fault]:
    yield from _known_level(place, name, level, names)
    if level in names.levels(name) and level not in among.get(name, [level]):
        told = f"{level!r} is left out by the population of this model; name another."
        yield Fault(place, told)
    if names.kind(name) in NUMBERS:
        yield Fault(place, f"{name!r} is a number and has no reference level.")


def _condition_faults(
    place: str, parts: Sequence[tuple[str, str, str]], names: Names
) -> Iterator[Fault]:
    """A column twice, a level twice, and all levels, which leave nobody out."""
    yield from twice_faults(place, [name for name, sign, _ in parts if sign])
    for name, _, level in parts:
        listed = level.split("/")
        yield from twice_faults(place, listed)
        if len(listed) > 1 and set(names.levels(name)) == set(listed):
            told = f"{'/'.join(listed)!r} is everybody whose {name} is known; write {name}=known."
            yield Fault(place, told)


def _printed(spec: Table) -> list[str]:
    """Covariates of the printed model: all but those left out where it does not name them."""
    every = spec.get("selection") == "none" and "published" not in spec
    return entering_of(spec)[1] if every else texts(spec.get("published"))


def _product_faults(place: str, spec: Table) -> Iterator[Fault]:
    products = spec.get("products")
    seen: list[set[str]] = []
    for pair in products if isinstance(products, list) else ():
        if len(set(texts(pair))) < len(texts(pair)):
            yield Fault(f"{place} products", f"{pair[0]!r} by itself is no product; name two.")
        if set(texts(pair)) and set(texts(pair)) in seen:
            told = f"{' and '.join(texts(pair))} stand there twice; keep one pair."
            yield Fault(f"{place} products", told)
        seen.append(set(texts(pair)))
        for name in texts(pair):
            if name not in _printed(spec):
                told = f"{name!r} is not in the published model; add it there."
                yield Fault(f"{place} products", told)


def _known_level(place: str, name: str, level: str, names: Names) -> Iterator[Fault]:
    told = names.unknown(name)
    if told:
        yield Fault(place, told)
        return
    for one in level.split("/"):
        yield from no_level_faults(place, one, names, name)


def _subset_faults(place: str, spec: Table, names: Names) -> Iterator[Fault]:
    """The printed model and what is left out are parts of the candidates, and apart."""
    covariates = texts(spec.get("covariates"))
    sound = bool(covariates) and not any(map(names.unknown, covariates))
    for key in ("published", "left_out"):
        for name in texts(spec.get(key)):
            if sound and name not in covariates and not names.unknown(name):
                yield Fault(
                    f"{place} {key}", f"{name!r} is not among the covariates; add it there."
                )
    for name in texts(spec.get("left_out")):
        if name in texts(spec.get("published")):
            yield Fault(f"{place} left_out", f"{name!r} is in the published model; remove one.")
