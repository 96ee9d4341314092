"""What claims on cumulative incidences and on incidence rates ask of a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crlm.endpoints.declared import counting
from crlm.ledger import Design
from crlm.ledger.claim_rates import BETWEEN_RATES, OF_RATES
from crlm.ledger.vocabulary import PERSON_TIME, POISSON, RATE_UNIT, RATE_UNITS
from crlm.reconstruction.models import where_of
from crlm.reconstruction.quantity import (
    BY_CERTIFICATE,
    NOBODY_KNOWS,
    Beyond,
    Quantity,
    undeclared,
    unknown_patients,
)


def incidence(claim: Mapping[str, Any]) -> Quantity:
    """A number of a cumulative incidence, whether the search aims at it or not."""
    name, endpoint = claim["statistic"], claim["endpoint"]
    if name == "p":
        where, column = where_of(claim["population"]), (claim["group"],)
        return Quantity("incidence", endpoint, where, column, part="z")
    time = None if name in ("n", "events") else float(claim["time"])
    if name == "cumulative_incidence_difference":
        where, column, limit = where_of(claim["population"]), (claim["group"],), claim["field"]
        return Quantity("incidence", endpoint, where, column, name, limit=limit, time=time)
    where = where_of(claim["population"], claim["group"])
    return Quantity("incidence", endpoint, where, part=name, limit=claim["field"], time=time)


def of_incidence(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """What a claim on a cumulative incidence asks, or why the search does not look at it."""
    name, spec = claim["statistic"], design.incidences[claim["endpoint"]]
    if strangers := unknown_patients(claim):
        return Beyond(strangers)
    if claim["kind"] == "direction" and name != "p":
        return Beyond(f"a sentence on a cumulative incidence: {NOBODY_KNOWS}")
    if name == "p":
        return f"Gray's test: {BY_CERTIFICATE}"
    if name == "cumulative_incidence_difference":
        return "difference of two incidences that are targets themselves"
    if claim["field"] != "estimate" and design.conventions.get("incidence_limits") == "survfit":
        return f"limit with the infinitesimal-jackknife error: {BY_CERTIFICATE}"
    for one in (spec["endpoint"], spec["competing"]):
        if counting(design, one) is None:
            return undeclared(one)
    return incidence(claim)


def is_of_rates(claim: Mapping[str, Any]) -> bool:
    """Whether a claim is on rates per patient-years, or on two of them."""
    return claim["statistic"] in (*OF_RATES, *BETWEEN_RATES) or claim["model"] == POISSON


def rate(claim: Mapping[str, Any]) -> Quantity:
    """A number of an incidence rate, whether the search aims at it or not."""
    name, endpoint = claim["statistic"], claim["endpoint"]
    if name in OF_RATES:
        where = where_of(claim["population"], claim["group"])
        return Quantity("rate", endpoint, where, part=name, limit=claim["field"])
    part, level = "z" if name == "p" else name, f"{claim['covariate']}={claim['level']}"
    where, column = where_of(claim["population"]), (claim["covariate"],)
    return Quantity("rate", endpoint, where, column, part, level, claim["field"])


def of_rate(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """What a claim on an incidence rate asks, or why the search does not look at it."""
    if strangers := unknown_patients(claim):
        return Beyond(strangers)
    if claim["statistic"] not in OF_RATES:
        return f"of two rates, which are targets themselves: {BY_CERTIFICATE}"
    if claim["field"] != "estimate":
        return f"limit of an incidence rate, which its events tell: {BY_CERTIFICATE}"
    if counting(design, claim["endpoint"]) is None:
        return undeclared(claim["endpoint"])
    return rate(claim)


def asked_by(claim: Mapping[str, Any], design: Design) -> Quantity | None:
    """What a claim on an incidence or a rate asks, searched or not; None of another claim."""
    if claim["endpoint"] in design.incidences:
        return incidence(claim)
    return rate(claim) if is_of_rates(claim) else None


def per_month(unit: str) -> float:
    """What a printed number of patient-years, or a rate, is multiplied by to be one of months.

    Examples
    --------
    >>> per_month("patient-years"), per_month("per 100 patient-years") == 1 / 1200
    (12.0, True)
    """
    if unit in PERSON_TIME:
        return 12.0 if unit == PERSON_TIME[0] else 1.0
    return 1 / (12 * RATE_UNITS.get(unit, RATE_UNITS[RATE_UNIT]))
