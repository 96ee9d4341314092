"""Patients and events of a model, of all or of a level, "213 with complete data": their keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from crlm.ledger.claim_words import Words
from crlm.ledger.errors import Fault
from crlm.ledger.models import about, kind_of
from crlm.ledger.vocabulary import ALL, MULTIVARIABLE

if TYPE_CHECKING:
    import pandas as pd

Claim = Mapping[str, str]

#: What a model counts of its complete cases.
OF_MODELS = ("n", "events")
#: Models that have a number of patients: each covariate alone, several together.
_FITTED = ("univariable", MULTIVARIABLE, "all factors")


def counts_model(record: Mapping[str, Any]) -> bool:
    """Whether a claim or a row counts the patients or the events of a model.

    Examples
    --------
    >>> counts_model({"statistic": "n", "model": "multivariable"})
    True
    >>> counts_model({"statistic": "n", "model": ""})
    False
    """
    return record["statistic"] in OF_MODELS and bool(record["model"])


def without_models(claims: pd.DataFrame) -> pd.DataFrame:
    """Claims less those that count the patients or events of a model: no size of a group is theirs.

    Parameters
    ----------
    claims : pandas.DataFrame
        From `load_claims`.
    """
    return claims[~claims["statistic"].isin(OF_MODELS) | (claims["model"] == "")]


def size_faults(claim: Claim, words: Words) -> Iterator[Fault]:
    """What is wrong with the keys of a number of patients, or of events, of a model."""
    model, statistic, covariate = claim["model"], claim["statistic"], claim["covariate"]
    if claim["kind"] != "number" or not counts_model(claim):
        return
    if kind_of(model) not in _FITTED:
        yield Fault("model", f"{model!r} belongs to no {statistic}; leave it out.")
        return
    if not claim["endpoint"] and statistic == "n":
        known = ", ".join(words.endpoints)
        yield Fault("endpoint", f"is empty; a model is one of an endpoint: {known}.")
    if claim["group"] != ALL:
        told = f"{claim['group']!r}: the patients of a model are its population; "
        yield Fault("group", f"{told}write the condition there, and all as group.")
    if claim["time"]:
        yield Fault(
            "time", f"{claim['time']!r} belongs to no {statistic} of a model; leave it out."
        )
    if model == "univariable" and not covariate:
        told = "is empty; alone each covariate has patients of its own. Name it; of all patients "
        yield Fault("covariate", f"{told}leave the model out.")
    elif model != "univariable" and covariate and not claim["level"]:
        told = f"{covariate!r}: the {statistic} of a {kind_of(model)} model is of no covariate, or "
        yield Fault("covariate", f"{told}of one of its levels; leave it out, or write the level.")
    yield from _no_model(claim, words)
    yield from _not_in_it(claim, words)


def _no_model(claim: Claim, words: Words) -> Iterator[Fault]:
    """A multivariable model of an endpoint, or of patients, that has none in the design."""
    endpoint, population = claim["endpoint"], claim["population"]
    if claim["model"] != MULTIVARIABLE or endpoint not in words.endpoints:
        return
    own = [about(name, spec) for name, spec in words.design.models.items()]
    if (endpoint, population) not in own:
        among = "" if population == ALL else f" among {population}"
        told = f"{endpoint!r} has no model{among} in the design; "
        yield Fault("endpoint", f"{told}declare it as [models.NAME], or correct the row.")


def _not_in_it(claim: Claim, words: Words) -> Iterator[Fault]:
    """A level of a covariate that is in none of the models of its endpoint."""
    name, endpoint = claim["covariate"], claim["endpoint"]
    if not (name and claim["level"]) or ":" in name or endpoint not in words.endpoints:
        return
    specs = words.design.models.items()
    own = [spec for at, spec in specs if about(at, spec)[0] == endpoint]
    held = {one for spec in own for one in (*spec["covariates"], *(spec.get("strata") or ()))}
    if own and name not in held:
        counted = claim["statistic"] == "events"
        instead = f"{name}={claim['level']} as group" if counted else "no endpoint"
        told = f"{name!r} is in no model of {endpoint}; name it among its covariates, or, of all "
        yield Fault("covariate", f"{told}patients, write {instead} and no model.")
