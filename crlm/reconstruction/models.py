"""The paper's models: of which patients, with which terms, as columns of a search.

A covariate of several levels has a column for each level but its reference, a product one for
each pair of such levels.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crlm.ledger import Design
from crlm.ledger.vocabulary import FROM_MONTH, KNOWN, MULTIVARIABLE

#: Patients, as (column, level) pairs that must all hold; () is everybody.
Where = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Model:
    """One multivariable model of a paper.

    Attributes
    ----------
    name : str
        In `design.models`.
    endpoint : str
    where : tuple of (column, level)
        Its patients.
    spec : mapping
        What the design says of it.
    """

    name: str
    endpoint: str
    where: Where
    spec: Mapping[str, Any]

    @property
    def screened(self) -> bool:
        """Whether its covariates were chosen by their univariable p."""
        return self.spec["selection"] in ("enter", "backward")

    def covariates(self) -> tuple[str, ...]:
        """The covariates of the paper's own model, in the order of the notebook's.

        A printed p value that says otherwise contradicts the print and is excluded by name.
        """
        if self.spec["selection"] == "fixed":
            return tuple(self.spec["published"])
        return tuple(name for name in self.spec["covariates"] if name in self.spec["published"])

    def candidates(self) -> set[str]:
        """Covariates inside, and those that the paper left out whatever their univariable p."""
        return {*self.covariates(), *(self.spec.get("left_out") or ())}

    def reference(self, name: str) -> str:
        """The reference level that the model has for a covariate; "" for the column's own."""
        return str((self.spec.get("references") or {}).get(name, ""))

    def strata(self) -> str:
        """The column of its strata, several joined by |; "" where there are none."""
        return "|".join(self.spec.get("strata") or ())


def where_of(*keys: str) -> Where:
    """`kras=wild,hai=yes` as pairs; "all" and bare columns name nobody in particular."""
    parts = [part for key in keys for part in key.split(",") if "=" in part]
    return tuple(dict.fromkeys(tuple(part.split("=", 1)) for part in parts))


def spelled_out(key: str, design: Design) -> str:
    """A population or a group with `column=known` as all levels of the column.

    Of a number, which has none, it stays.
    """
    parts = (part.partition("=") for part in key.split(","))
    told = [
        (name, sign, "/".join(levels_of(design, name)) if value == KNOWN else value, value)
        for name, sign, value in parts
    ]
    return ",".join(f"{name}{sign}{levels or value}" for name, sign, levels, value in told)


def models_of(design: Design) -> list[Model]:
    """The models of a design, in its order, but those from a month on, which no cohort is for."""
    return [
        Model(name, spec.get("endpoint") or name, where_of(spec.get("population") or "all"), spec)
        for name, spec in design.models.items()
        if FROM_MONTH not in (spec.get("population") or "")
    ]


def searched_models(design: Design) -> list[Model]:
    """Those that a search fits: none of an event while another one competes."""
    return [model for model in models_of(design) if model.endpoint not in design.incidences]


def model_of(
    design: Design, endpoint: str, where: Where = (), key: str = MULTIVARIABLE
) -> Model | None:
    """The model of an endpoint among some patients; the first of all where those have none.

    `key` is the model of a claim: "multivariable OS_2" for a second one of the same patients.
    """
    own = [m for m in models_of(design) if m.endpoint == endpoint]
    found = {frozenset(m.where): m for m in own if design.model_key(m.name) == key}
    return found.get(frozenset(where)) or (found.get(frozenset()) if key == MULTIVARIABLE else None)


def per_level(design: Design, model: Model, covariate: str) -> Model:
    """The model that a covariate's ratio is of: for p for trend, with the score for the levels.

    Where the model has the category that the covariate counts, and not the covariate, it stands
    in its place; products of the category are left out. Else the model itself.
    """
    category, held = design.scores.get(covariate, ""), model.covariates()
    if category not in held or covariate in held:
        return model
    names = [covariate if name == category else name for name in held]
    products = [pair for pair in model.spec.get("products") or () if category not in pair]
    spec = {**model.spec, "selection": "fixed", "published": names, "products": products}
    return Model(model.name, model.endpoint, model.where, spec)


def with_product(
    endpoint: str, where: Where, pair: Sequence[str], references: Mapping[str, str]
) -> Model:
    """The model of an interaction: two covariates and their product, nothing else."""
    spec = {"selection": "fixed", "published": list(pair), "products": [list(pair)]}
    spec |= {"references": dict(references)}
    return Model(endpoint, endpoint, where, spec)


def levels_of(design: Design, name: str) -> list[str]:
    """Levels of a category, a factor, `short_scp` or `column=level`, the reference first.

    None for a number.
    """
    if name == "short_scp" or "=" in name or "&" in name:
        return ["no", "yes"]
    if "|" in name:
        parts = [levels_of(design, part) for part in name.split("|")]
        return ["|".join(levels) for levels in itertools.product(*parts)]
    spec = design.factors.get(name) or design.columns.get(name) or {}
    return list(spec.get("levels", ()))


def terms_of(
    design: Design, model: Model, given: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The columns of a model, one a coefficient.

    Parameters
    ----------
    design : Design
    model : Model
    given : mapping of str to str, optional
        Reference levels, by covariate, that stand in for the model's.
    """
    references = {name: model.reference(name) for name in model.covariates()} | dict(given or {})
    terms = {
        name: indicators(design, name, references.get(name, "")) for name in model.covariates()
    }
    products = [
        product_column(first, second)
        for pair in model.spec.get("products") or ()
        for first, second in itertools.product(*(terms[name] for name in pair))
    ]
    return (*itertools.chain(*terms.values()), *products)


def indicators(design: Design, name: str, reference: str = "") -> tuple[str, ...]:
    """The columns of a covariate: one a level but the reference; itself for two or a number."""
    levels = levels_of(design, name)
    reference = reference or (levels[0] if levels else "")
    if not levels or (len(levels) == 2 and reference == levels[0]):
        return (name,)
    return tuple(f"{name}={level}" for level in levels if level != reference)


def indicator(
    design: Design, name: str, level: str, references: Mapping[str, str] | None = None
) -> str:
    """The column of one level of a covariate, or of one product (`race:msi`, `white:msi_l`).

    References are by covariate, those of a product of each of its parts.
    """
    held = references or {}
    if ":" in name:
        # A number has no level: what is told are the others'.
        given = iter(level.split(":") if level else ())
        parts = [
            (one, next(given, "") if levels_of(design, one) else "") for one in name.split(":")
        ]
        return product_column(*(indicator(design, *part, held) for part in parts))
    columns = indicators(design, name, held.get(name, ""))
    return columns[0] if len(columns) == 1 else f"{name}={level}"


def product_column(*parts: str) -> str:
    """The name of a product of columns: `race&msi=msi_l`."""
    return "&".join(parts)


def covariate_of(column: str) -> str:
    """The covariate whose level a column is, or the product of two: `race:msi`."""
    return ":".join(part.partition("=")[0] for part in column.split("&"))


def width_of(design: Design, name: str) -> int:
    """How many columns a covariate has, or a product."""
    return math.prod(len(indicators(design, part)) for part in name.split(":"))


def factors_of(name: str) -> Sequence[str]:
    """The columns that a product is made of; none for what is no product."""
    return name.split("&") if "&" in name else ()
