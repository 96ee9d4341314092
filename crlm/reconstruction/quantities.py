"""Quantities: what a cohort can be asked for, and what each claim asks.

A `Quantity` says what to compute in the words of the design: endpoint, patients, columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from crlm.ledger import Design, LedgerError

#: Patients, as (column, level) pairs that must all hold; () is everybody.
Where = tuple[tuple[str, str], ...]
#: Fields of a statistic that carry a ratio: compared as logarithms.
RATIOS = ("hazard_ratio", "odds_ratio")


@dataclass(frozen=True)
class Quantity:
    """What to compute.

    Attributes
    ----------
    kind : str
        "km", "followup", "logrank", "cox", "logistic", "association", "ranks", "summary",
        "count", "share", "correlation" or "anchor" (events on one day).
    endpoint : str
        Of `design.endpoints`; "" where times play no part.
    where : tuple of (column, level)
        The patients.
    columns : tuple of str
        Covariates of a model, the columns of a test; `kras_codon=codon12` is one level.
    part : str
        Which number of it, as "median_survival", "hazard_ratio", "z", "q1", "n".
    covariate : str
        The column of a model that the number is about.
    limit : str
        "estimate", "conf_low" or "conf_high".
    time : float
        Months: of a survival rate, of an anchor.
    """

    kind: str
    endpoint: str = ""
    where: Where = ()
    columns: tuple[str, ...] = ()
    part: str = ""
    covariate: str = ""
    limit: str = "estimate"
    time: float | None = None

    @property
    def block(self) -> tuple[Any, ...]:
        """What is computed in one go: everything but the part of it."""
        return self.kind, self.endpoint, self.where, self.columns


def where_of(*keys: str) -> Where:
    """`kras=wild,hai=yes` as pairs; "all" and bare columns name nobody in particular."""
    parts = [part for key in keys for part in key.split(",") if "=" in part]
    return tuple(dict.fromkeys(tuple(part.split("=", 1)) for part in parts))


def levels_of(design: Design, name: str) -> list[str]:
    """Levels of a category, a factor, `short_scp` or `column=level`, the reference first.

    None for a number.
    """
    if name == "short_scp" or "=" in name:
        return ["no", "yes"]
    spec = design.factors.get(name) or design.columns.get(name) or {}
    return list(spec.get("levels", ()))


def model_columns(design: Design, endpoint: str) -> tuple[str, ...]:
    """The covariates of the paper's own model, in the order of the notebook's.

    A printed p value that says otherwise contradicts the print and is excluded by name.
    """
    spec = design.models[endpoint]
    if spec["selection"] == "fixed":
        return tuple(spec["published"])
    return tuple(name for name in spec["covariates"] if name in spec["published"])


def quantity_of(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """The quantity of a claim, or the reason why the search does not look at it.

    Parameters
    ----------
    claim : mapping
        A row of the ledger.
    design : Design

    Raises
    ------
    LedgerError
        If the claim has a statistic that this module does not know.
    """
    name = claim["statistic"]
    if claim["covariate"] == "flow":
        return "number of the flow chart: built in"
    if name == "difference" and math.isfinite(claim["time"]):
        return "difference of two rates that are targets themselves"
    if name == "difference":
        return _comparison(claim, design)
    if name == "p":
        return tested(claim, design)
    if name in RATIOS:
        if claim["kind"] == "direction":
            return tested(claim, design)
        return replace(_model(claim, design), part=name, limit=claim["field"])
    where = where_of(claim["population"], claim["group"])
    if name in ("median_survival", "survival_rate"):
        time = float(claim["time"]) if name == "survival_rate" else None
        return Quantity("km", claim["endpoint"], where, part=name, limit=claim["field"], time=time)
    if name.endswith("follow_up"):
        return Quantity("followup", "OS", where, part=name, limit=claim["field"])
    return _characteristic(claim, where)


def _characteristic(claim: Mapping[str, Any], where: Where) -> Quantity | str:
    name, covariate = claim["statistic"], claim["covariate"]
    if name in ("median", "min", "max", "q1", "q3"):
        return Quantity("summary", where=where, columns=(covariate,), part=name)
    if name not in ("n", "percent"):
        raise LedgerError(
            f"Claim {claim['id']!r} asks for the statistic {name!r}, which no search knows. "
            "Add it to crlm/reconstruction/targets.py."
        )
    if not covariate:
        return "size of a group: built in"
    asked = f"{covariate}={claim['level']}"
    return Quantity("count", where=where, columns=(asked,), part=name)


def _comparison(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """A difference between two groups, judged by its test."""
    if len(_compared(claim, design)) != 2:
        return f"a difference between the groups of {claim['group']} has no single number"
    return _between(claim, design)


def _compared(claim: Mapping[str, Any], design: Design) -> list[str]:
    """The levels of the group that a claim compares, fewer where the population names them."""
    named = dict(where_of(claim["population"])).get(claim["group"], "")
    return named.split("/") if "/" in named else levels_of(design, claim["group"])


def _between(claim: Mapping[str, Any], design: Design) -> Quantity:
    where, group = where_of(claim["population"]), claim["group"]
    if len(levels_of(design, group)) > 2:
        group = f"{group}={_compared(claim, design)[1]}"
    columns = (claim["covariate"], group)
    if levels_of(design, claim["covariate"]):
        return Quantity("association", where=where, columns=columns, part="z")
    return Quantity("ranks", where=where, columns=columns, part="z")


def tested(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """The test statistic behind a p value or a direction."""
    endpoint, where = claim["endpoint"], where_of(claim["population"])
    covariate, model = claim["covariate"], claim["model"]
    if model == "logrank":
        return Quantity("logrank", endpoint, where, (claim["group"],), "z", claim["group"])
    if not model:
        return _between(claim, design)
    if endpoint not in design.endpoints and model == "univariable":
        outcome = endpoint.lower()
        return Quantity("association", where=where, columns=(covariate, outcome), part="z")
    factor = len(levels_of(design, covariate)) == 2
    screened = endpoint in design.models
    if (
        model == "univariable"
        and factor
        and screened
        and design.conventions["univariable_p"] == "logrank"
    ):
        return Quantity("logrank", endpoint, where, (covariate,), "z", covariate)
    return replace(_model(claim, design), part="z")


def _model(claim: Mapping[str, Any], design: Design) -> Quantity:
    """The fit that holds a ratio."""
    endpoint, covariate = claim["endpoint"], claim["covariate"]
    levels = levels_of(design, covariate)
    several = len(levels) > 2
    asked = f"{covariate}={claim['level']}" if several else covariate
    columns = tuple(f"{covariate}={level}" for level in levels[1:]) if several else (covariate,)
    if claim["model"] == "multivariable":
        columns = model_columns(design, endpoint)
    kind = "cox" if endpoint in design.endpoints else "logistic"
    name = endpoint if kind == "cox" else endpoint.lower()
    return Quantity(kind, name, where_of(claim["population"]), columns, covariate=asked)
