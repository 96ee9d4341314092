"""Which model of a design a number is of: an endpoint may have several of the same patients.

The first of them is the multivariable one: that which has the endpoint's name, else the first of
the design. What is of another has its name behind the kind, "multivariable OS_2", as a paper has
"Model 1" and "Model 2". A covariate alone is of the patients, and of none of their models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crlm.ledger.vocabulary import ALL, MULTIVARIABLE

#: Kinds of rows that each of several models of the same patients has of its own.
OF_ONE = (MULTIVARIABLE, "selection", "ph_test", "bootstrap selection, sign")
OF_ONE += ("bootstrap selection",)

#: Models whose ratios are against the reference levels of the design's model of their patients.
_ALIKE = (*OF_ONE, "univariable", "landmark", "interaction", "all factors", "printed covariates")

Models = Mapping[str, Mapping[str, Any]]


def kind_of(key: str) -> str:
    """What kind of model a claim or a row is of, whichever of several it is.

    Examples
    --------
    >>> kind_of("multivariable OS_2"), kind_of("logrank")
    ('multivariable', 'logrank')
    """
    return next((kind for kind in OF_ONE if key.startswith(f"{kind} ")), key)


def about(name: str, spec: Mapping[str, Any]) -> tuple[str, str]:
    """The endpoint and the patients of a model."""
    return str(spec.get("endpoint") or name), str(spec.get("population") or ALL)


def seconds(models: Models) -> dict[str, str]:
    """The models whose endpoint and patients an earlier one has, each with that first one.

    Examples
    --------
    >>> seconds({"OS_2": {"endpoint": "OS"}, "OS": {}, "women": {"endpoint": "OS",
    ...          "population": "sex=female"}})
    {'OS_2': 'OS'}
    """
    first = _firsts(models)
    firsts = {name: first[about(name, spec)] for name, spec in models.items()}
    return {name: one for name, one in firsts.items() if name != one}


def _firsts(models: Models) -> dict[tuple[str, str], str]:
    """The first model of each endpoint and patients, one named as the endpoint before others."""
    first: dict[tuple[str, str], str] = {}
    for name in sorted(models, key=lambda name: about(name, models[name])[0] != name):
        first.setdefault(about(name, models[name]), name)
    return first


def key_of(models: Models, name: str, kind: str = MULTIVARIABLE) -> str:
    """The key `model` of what is of one model of a design.

    Parameters
    ----------
    models : mapping
        Of the design.
    name : str
        One of them.
    kind : str
        What it is of the model.

    Examples
    --------
    >>> models = {"OS": {}, "OS_2": {"endpoint": "OS"}}
    >>> key_of(models, "OS"), key_of(models, "OS_2"), key_of(models, "OS_2", "univariable")
    ('multivariable', 'multivariable OS_2', 'univariable')
    """
    return f"{kind} {name}" if kind in OF_ONE and name in seconds(models) else kind


def name_of(models: Models, endpoint: str, population: str = ALL, key: str = MULTIVARIABLE) -> str:
    """The model of a design that a key is of, among some patients; "" for none.

    Where those have no model, the first of all patients.

    Parameters
    ----------
    models : mapping
        Of the design.
    endpoint, population, key : str
        Of a claim or a row; a key without a name is of the first.
    """
    named = key.removeprefix(kind_of(key)).strip()
    if named:
        own = named in models and about(named, models[named]) == (endpoint, population)
        return named if own else ""
    first = _firsts(models)
    return first.get((endpoint, population)) or first.get((endpoint, ALL)) or ""


def reference_of(models: Models, record: Mapping[str, Any]) -> str:
    """The level that the model of a claim or a row holds its covariate against.

    A covariate alone, from a month on or within a subgroup has the reference of the model of its
    patients. "" for the column's first.

    Examples
    --------
    >>> row = dict(endpoint="OS", population="all", model="univariable", covariate="stage")
    >>> reference_of({"OS": {"references": {"stage": "II"}}}, row)
    'II'
    """
    if kind_of(record["model"]).partition(", ")[0] not in _ALIKE:
        return ""
    name = name_of(models, record["endpoint"], record["population"], record["model"])
    return str((models.get(name, {}).get("references") or {}).get(record["covariate"], ""))
