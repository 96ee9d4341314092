"""Checks of the patients and events of a model, against all of them, its covariates and levels."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.curves import curve_cell, curve_keys
from crlm.audit.facts import Cell, Facts, Key, Printed, cell_of
from crlm.audit.valued import known_values, missing_values
from crlm.ledger.claim_sizes import OF_MODELS


@lru_cache(maxsize=4)
def sizes_of_models(facts: Facts) -> dict[Key, dict[str, Printed]]:
    """Printed patients ("n") and events ("events") of each model, by its keys without statistic."""
    found: dict[Key, dict[str, Printed]] = {}
    for key, places in facts.numbers.items():
        if key.statistic in OF_MODELS and key.model and key.endpoint and not key.level:
            if cell_of(key.population) is not None and key.group == "all":
                own = key._replace(statistic="", reference="")
                found.setdefault(own, {})[key.statistic] = places[0]
    return found


@check(
    asks="Has a model no more events than patients, and are both part of all there are?",
    assumes="A model is fitted to some of the patients of its population, each with one event at "
    "most.",
    blind="Numbers that are part of the whole; a model of which print has no number.",
)
def cases_of_models(facts: Facts) -> Iterator[Case]:
    """Patients and events of each model against each other, and against those of all."""
    events = {(k.endpoint, curve_cell(k)): p for k, p in curve_keys(facts, "events").items()}
    for key, own in sizes_of_models(facts).items():
        cell = cell_of(key.population) or frozenset()
        whole = {"whole": facts.n(cell), "events of all": events.get((key.endpoint, cell))}
        roles = own | {role: printed for role, printed in whole.items() if printed is not None}
        if len(roles) > 1:
            yield Case(_subject(key), _title(facts, key), roles, _judge_part)


def _judge_part(roles: Roles) -> Outcome:
    found = {role: printed.count for role, printed in roles.items()}
    n, events = found.get("n"), found.get("events")
    whole, total = found.get("whole"), found.get("events of all")
    if n is not None and events is not None and events > n:
        return outcome(False, 0.0, n, f"{events} events are more than the {n} patients.")
    if n is not None and whole is not None and n > whole:
        return outcome(False, 0.0, whole, f"A model of {n} patients is no part of {whole}.")
    if events is not None and total is not None and events > total:
        said = f"{events} events of the model are more than the {total} of all."
        return outcome(False, 0.0, total, said)
    if n is None or events is None or whole is None or total is None or total > whole:
        return outcome(True)
    low, high = max(0, total - (whole - n)), min(total, n)
    said = f"Of {whole} patients with {total} events {whole - n} are not in the model: it has "
    said += f"{low} to {high} events, not {events}."
    return outcome(low <= events <= high, low, high, said)


@check(
    asks="Has a model no more patients than have a value of each of its covariates?",
    assumes="A patient without a value of a covariate is in no model that holds it; the model "
    "holds what the design says.",
    blind="Covariates of which print has no count of patients with a value.",
)
def complete_cases(facts: Facts) -> Iterator[Case]:
    """The patients of each model against those with a value of one covariate."""
    for key, own in sizes_of_models(facts).items():
        cell = cell_of(key.population) or frozenset()
        for name in _covariates(facts, key) if "n" in own else ():
            if known := _known(facts, cell, name):
                title = f"{_title(facts, key)}: {facts.named(name)}"
                yield Case((*_subject(key), name), title, {"n": own["n"], **known}, _judge_known)


def _judge_known(roles: Roles) -> Outcome:
    n = roles["n"].count
    if "whole" in roles:
        most = roles["whole"].count - roles["missing"].count
        told = f"{roles['whole'].count} less {roles['missing'].count} without a value"
    else:
        parts = [printed.count for role, printed in roles.items() if role != "n"]
        most, told = sum(parts), " + ".join(map(str, parts))
    said = f"A model of {n} patients has more than the {told} of known value"
    said += f", {most} together." if "+" in told else f", {most}." if "whole" in roles else "."
    return outcome(n <= most, 0.0, most, said)


@check(
    asks="Are the patients whom a model leaves out as many as lack a value of its covariates?",
    assumes="Nothing else leaves a patient out, as no follow-up or another rule would: it only "
    "points.",
    blind="Models with a covariate of which print has no count of patients with a value.",
    points=True,
    about="reporting",
)
def left_out_of_models(facts: Facts) -> Iterator[Case]:
    """Patients that are lost to a model against all that lack a value of some covariate."""
    for key, own in sizes_of_models(facts).items():
        cell = cell_of(key.population) or frozenset()
        names, whole = _covariates(facts, key), facts.n(cell)
        known = [_known(facts, cell, name) for name in names]
        if "n" in own and whole is not None and names and all(known):
            roles = {"n": own["n"], "of all": whole}
            for name, of in zip(names, known, strict=True):
                roles |= {f"{name}: {role}": printed for role, printed in of.items()}
            yield Case(_subject(key), _title(facts, key), roles, _judge_left_out)


def _judge_left_out(roles: Roles) -> Outcome:
    n, whole = roles["n"].count, roles["of all"].count
    counted: dict[str, int] = {}
    for role, printed in roles.items():
        name, colon, kind = role.partition(": ")
        if colon:
            sign = -1 if kind == "missing" else 1
            counted[name] = counted.get(name, 0) + sign * printed.count
    lacking = {name: max(0, whole - count) for name, count in counted.items()}
    low, high = max(0, whole - sum(lacking.values())), min([whole - max(lacking.values()), whole])
    if n >= low:
        return outcome(True, low, high)
    said = f"The model leaves {whole - n} of {whole} patients out, of whom at most "
    said += f"{sum(lacking.values())} lack a value of its covariates, as print has them."
    return unclear(said, low, high, notable=True)


@lru_cache(maxsize=4)
def levels_of_models(facts: Facts) -> dict[Key, dict[str, Printed]]:
    """Printed "n" or "events" of each level, by the keys of the model with covariate, no level."""
    found: dict[Key, dict[str, Printed]] = {}
    for key, places in facts.numbers.items():
        if key.statistic in OF_MODELS and key.model and key.endpoint and key.level:
            if cell_of(key.population) is not None and key.group == "all":
                own = key._replace(level="", reference="")
                found.setdefault(own, {})[key.level] = places[0]
    return found


@check(
    asks="Do the patients, and the events, of a covariate's levels add up to those of its model?",
    assumes="Every patient of a model has one level of each of its covariates.",
    blind="A covariate of which print lacks a level, unless those it has are too many already.",
)
def levels_of_a_model(facts: Facts) -> Iterator[Case]:
    """The levels of each covariate together against the model, or against another covariate's."""
    whole = sizes_of_models(facts)
    sums: dict[Key, tuple[str, dict[str, Printed]]] = {}
    for key, levels in levels_of_models(facts).items():
        together = key.model != "univariable"
        model = key._replace(statistic="", covariate="" if together else key.covariate)
        all_levels = {*levels} == {*facts.levels(key.covariate)}
        roles = {f"level {level}": printed for level, printed in levels.items()}
        title = f"{_title(facts, key._replace(statistic=''))}, {key.statistic}"
        if total := whole.get(model, {}).get(key.statistic):
            judge = _judge_levels if all_levels else _judge_some
            yield Case((*_subject(key), "levels"), title, {"of the model": total, **roles}, judge)
        elif together and all_levels:
            first = sums.setdefault(key._replace(covariate=""), (key.covariate, roles))
            if first[0] != key.covariate:
                others = {f"{first[0]}, {role}": printed for role, printed in first[1].items()}
                yield Case((*_subject(key), "levels"), title, {**others, **roles}, _judge_same)


def _judge_levels(roles: Roles) -> Outcome:
    total, most = roles["of the model"].count, _of_levels(roles)
    said = f"The levels have {_sum_of(roles)}, and the model {total}."
    return outcome(most == total, most, most, said)


def _judge_some(roles: Roles) -> Outcome:
    total, most = roles["of the model"].count, _of_levels(roles)
    said = f"Some of the levels have {_sum_of(roles)}, and the model {total}."
    return outcome(most <= total, most, math.inf, said)


def _judge_same(roles: Roles) -> Outcome:
    own = {role: printed for role, printed in roles.items() if role.startswith("level ")}
    others = {role: printed for role, printed in roles.items() if role not in own}
    first, second = (sum(p.count for p in part.values()) for part in (others, own))
    name = next(iter(others)).partition(", level ")[0]
    said = f"The levels of {name} have {first} together, and these {second}, in one model."
    return outcome(first == second, first, first, said)


def _of_levels(roles: Roles) -> int:
    return sum(printed.count for role, printed in roles.items() if role.startswith("level "))


def _sum_of(roles: Roles) -> str:
    parts = [str(printed.count) for role, printed in roles.items() if role.startswith("level ")]
    return f"{' + '.join(parts)} = {_of_levels(roles)}"


@check(
    asks="Has a level no more patients or events in a model than among all, or alone?",
    assumes="The patients of a model are some of those of its population.",
    blind="Levels of which print has no other count.",
)
def level_within_a_model(facts: Facts) -> Iterator[Case]:
    """The count of a level in a model against that of all patients, and events against n."""
    events = {(k.endpoint, curve_cell(k)): p for k, p in curve_keys(facts, "events").items()}
    found = levels_of_models(facts)
    for key, levels in found.items():
        cell, alone = cell_of(key.population) or frozenset(), key._replace(model="univariable")
        for level, printed in levels.items():
            here = cell | {(key.covariate, level)}
            of_all = facts.n(here) if key.statistic == "n" else events.get((key.endpoint, here))
            roles = {"n of all": of_all} if of_all else {}
            if key.model != "univariable" and (other := found.get(alone, {}).get(level)):
                roles["alone"] = other
            if key.statistic == "events":
                own = found.get(key._replace(statistic="n"), {}).get(level)
                roles |= {"patients": own} if own else {}
            if roles:
                title = _title(facts, key._replace(statistic=""))
                title += f", {facts.design.label(key.covariate, level)}, {key.statistic}"
                yield Case((*_subject(key), level), title, {"own": printed, **roles}, _judge_within)


def _judge_within(roles: Roles) -> Outcome:
    own, words = roles["own"].count, {"n of all": "of all", "alone": "that it has alone"}
    words["patients"] = "patients of the level in the model"
    for role, printed in roles.items():
        if role != "own" and own > printed.count:
            said = f"{own} in the model are more than the {printed.count} {words[role]}."
            return outcome(False, 0.0, printed.count, said)
    return outcome(True)


def _covariates(facts: Facts, key: Key) -> list[str]:
    """What a patient must have to be in a model: its covariates and strata."""
    if key.model == "univariable":
        return [key.covariate]
    spec = facts.design.model_of(key.endpoint, key.population, key.model)
    held = spec.get("published") or spec.get("covariates") or ()
    names = [*held, *(spec.get("strata") or ())]
    return list(dict.fromkeys(_described(facts, name) for name in names))


def _described(facts: Facts, name: str) -> str:
    """What Table 1 has of a covariate: of a scaled number the column."""
    made = facts.design.scaled.get(name)
    return str(made["source"]) if made else name


def _known(facts: Facts, cell: Cell, name: str) -> dict[str, Printed]:
    """What print has of the patients with a value: their number, its parts, or those without."""
    if known := known_values(facts).get((cell, name)):
        return {"known": known}
    levels = facts.levels(name)
    parts = [facts.n(cell | {(name, level)}) for level in levels]
    if levels and all(part is not None for part in parts):
        return {f"level {lev}": p for lev, p in zip(levels, parts, strict=True) if p is not None}
    missing, whole = missing_values(facts).get((cell, name)), facts.n(cell)
    return {} if missing is None or whole is None else {"whole": whole, "missing": missing}


def _subject(key: Key) -> tuple[str, ...]:
    return ("model", key.endpoint, key.population, key.model, key.covariate)


def _title(facts: Facts, key: Key) -> str:
    told = [facts.endpoint(key.endpoint), key.model]
    told += [facts.named(key.covariate)] if key.covariate else []
    told += [facts.label(cell)] if (cell := cell_of(key.population)) else []
    return f"{', '.join(told)}: patients"
