"""Claims on incidence rates, their comparison, and follow-up: which keys are theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from crlm.ledger.claim_words import Words
from crlm.ledger.errors import Fault
from crlm.ledger.vocabulary import ALL, FIRST_RECURRENCE, FLOW, POISSON

Claim = Mapping[str, str]

#: Of one group, and between two.
OF_RATES, BETWEEN_RATES = ("incidence_rate", "patient_years"), ("rate_ratio", "rate_difference")


def rate_faults(claim: Claim, words: Words) -> Iterator[Fault]:
    """A rate of what has no follow-up, or of a level; a comparison that names no two groups."""
    statistic = claim["statistic"]
    compares = statistic in BETWEEN_RATES or claim["model"] == POISSON
    if statistic not in OF_RATES and not compares:
        return
    yield from _timed(claim, words)
    yield from _of_one(claim) if statistic in OF_RATES else _between(claim, words)


def follow_up_faults(claim: Claim, words: Words) -> Iterator[Fault]:
    """A follow-up of what has no times, or of a level."""
    statistic, endpoint, name = claim["statistic"], claim["endpoint"], claim["covariate"]
    if not statistic.endswith("follow_up"):
        return
    timed = words.design.endpoints
    if endpoint in words.endpoints and endpoint not in timed:
        told = f"{endpoint!r} has no follow-up of its own; name an endpoint with times "
        yield Fault("endpoint", f"{told}({', '.join(timed)}), or leave it out: of the patients.")
    if name and name != FLOW:
        group = f"{name}={claim['level'] or 'LEVEL'}"
        told = f"{name!r}: {_said(statistic)} is of a group of patients; write {group} as group, "
        yield Fault("covariate", f"{told}and no covariate.")


def _timed(claim: Claim, words: Words) -> Iterator[Fault]:
    """The endpoint of a rate has times: it is none of a yes-no outcome or of an incidence."""
    endpoint = claim["endpoint"]
    if not endpoint or endpoint not in words.endpoints or endpoint in words.design.endpoints:
        return
    known = ", ".join(words.design.endpoints)
    told = f"{endpoint!r} is no endpoint with times, which patient-years need; there is: {known}."
    if endpoint in words.design.incidences:
        own = words.design.incidences[endpoint]["endpoint"]
        told = f"{endpoint!r} is a cumulative incidence, a share by a month; a rate is that of its "
        told += f"endpoint, {own}."
    elif endpoint == FIRST_RECURRENCE:
        told = f"{endpoint!r} tells where, not when; there is: {known}."
    yield Fault("endpoint", told)


def _of_one(claim: Claim) -> Iterator[Fault]:
    statistic, name = claim["statistic"], claim["covariate"]
    if name and name != FLOW:
        group = f"{name}={claim['level'] or 'LEVEL'}"
        told = f"{name!r}: {statistic} is of a group of patients; write {group} as group, and "
        yield Fault("covariate", f"{told}no covariate.")
    if claim["model"]:
        told = f"{claim['model']!r} belongs to no {statistic}; leave it out."
        yield Fault("model", told)


def _between(claim: Claim, words: Words) -> Iterator[Fault]:
    """A ratio, a difference or p of two rates is that of a level against another."""
    statistic, model, name = claim["statistic"], claim["model"], claim["covariate"]
    if statistic in BETWEEN_RATES and model in ("multivariable", "all factors"):
        told = f"{model!r}: an adjusted {_said(statistic)} has no form here, which counts events "
        yield Fault("model", f"{told}and patient-years alone; leave the row out.")
    elif statistic in BETWEEN_RATES and model and model != POISSON:
        told = f"{model!r} compares no rates; write {POISSON} for a {_said(statistic)}."
        yield Fault("model", told)
    elif statistic == "rate_difference" and not model:
        yield Fault("model", f"is empty; {statistic} needs {POISSON}.")
    if statistic not in (*BETWEEN_RATES, "p"):
        told = f"{model!r} has the ratio, the difference and p of two rates; "
        yield Fault("statistic", f"{statistic!r}: {told}write one of these, or another model.")
        return
    group = claim["group"]
    bare = group if group in words.known else ""
    if not name:
        shown = bare or words.design.exposure
        told = f"is empty; the {_said(statistic)} of two rates names the column that makes them "
        yield Fault("covariate", f"{told}and the level in the numerator, as {shown}.")
    elif group != ALL:
        told = f"{group!r}: a comparison of rates is among patients; write the condition as "
        yield Fault("group", f"{told}population, and all as group.")
    if name and ":" not in name and not words.levels(name) and not words.unknown(name):
        told = f"{name!r} is a number; rates are compared between two groups: name a factor."
        yield Fault("covariate", told)
    elif name and not claim["level"] and words.levels(name) and statistic != "rate_ratio":
        told = f"is empty; {statistic} compares the rates of two levels, and this is the second: "
        yield Fault("level", f"{told}{', '.join(words.levels(name))}.")


def _said(statistic: str) -> str:
    return statistic.replace("_", " ")
