"""Checks of p values that are adjusted for several tests, against the raw ones beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from crlm.audit.cases import Case, Outcome, Roles, check, outcome
from crlm.audit.facts import Facts, Key
from crlm.audit.intervals import overlap
from crlm.multiplicity import ADJUSTMENTS, adjusted


@check(
    asks="Does an adjusted p value follow from the raw ones of its table?",
    assumes="The family of tests is the p values that print has of these groups and patients, as "
    "many as have an adjusted one.",
    blind="Families of other tests: a case is made where each adjusted p has a raw one, and each "
    "raw one an adjusted.",
    soft=True,
)
def adjusted_p(facts: Facts) -> Iterator[Case]:
    """Each adjusted p of Table 1 against all raw p values of it."""
    families: dict[tuple[str, str, str], list[Key]] = defaultdict(list)
    for key in facts.numbers:
        if key.statistic == "p" and key.model in ADJUSTMENTS and not key.endpoint:
            families[key.model, key.group, key.population].append(key)
    for (how, group, population), keys in families.items():
        raw = {key.covariate: facts.one(key._replace(model="")) for key in keys}
        every = {
            key.covariate
            for key in facts.numbers
            if (key.statistic, key.model, key.endpoint) == ("p", "", "")
            and (key.group, key.population, key.level) == (group, population, "")
        }
        if {*raw} != every or None in raw.values():
            continue
        roles = {f"p {name}": printed for name, printed in raw.items() if printed is not None}
        for key in keys:
            title = f"{facts.named(key.covariate)}: p adjusted by {ADJUSTMENTS[how]}"
            own = {"adjusted": facts.numbers[key][0], **roles}
            yield Case(("adjusted p", group, population, key.covariate), title, own, _judge)


def _judge(roles: Roles) -> Outcome:
    own = roles["adjusted"]
    raw = {role: printed for role, printed in roles.items() if role != "adjusted"}
    at, how = list(raw).index(f"p {own.key.covariate}"), own.key.model
    low, high = (
        float(adjusted([min(max(p.interval[end], 0.0), 1.0) for p in raw.values()], how)[at])
        for end in (0, 1)
    )
    said = f"{ADJUSTMENTS[how]}'s adjustment of {len(raw)} tests gives p = {low:.2g} to {high:.2g} "
    said += f"of {raw[f'p {own.key.covariate}'].text}, not {own.text}."
    return outcome(overlap(own.interval, (low, high)), low, high, said)
