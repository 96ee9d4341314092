"""A quantity of a cohort, in the words of the design, and why a claim asks for none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from crlm.ledger.vocabulary import KNOWN
from crlm.reconstruction.models import Where, where_of

BY_CERTIFICATE = "the certificate alone computes it"
#: Kinds of the models of an incidence, which a certificate computes: a coefficient, and the test
#: of all levels of a covariate.
SUBDISTRIBUTION, JOINT = "subdistribution", "subdistribution_joint"
#: The part of a curve that says whether its median is reached: survival (%) at its end.
LAST = "last_survival"
NOBODY_KNOWS = "no search and no certificate knows it; a report may"


class Block(NamedTuple):
    """What is computed in one go.

    Attributes
    ----------
    kind, endpoint, where, columns, strata
        As of `Quantity`.
    """

    kind: str
    endpoint: str
    where: Where
    columns: tuple[str, ...]
    strata: str = ""


@dataclass(frozen=True)
class Quantity:
    """What to compute.

    Attributes
    ----------
    kind : str
        A word of `codes.KINDS`; or of what the certificate alone computes: "rates" (a
        difference), "anova", "smd", "ordered" (a test of a category's levels in their order),
        "number trend" (a number over groups in their order),
        "fitted" (the complete cases of a model), and the tests "joint", "logistic_joint" (Wald's,
        of all levels of a covariate), "lr", "score", "without" and
        "logistic_without" (the likelihood ratio of leaving one out); of an incidence
        "subdistribution" and "subdistribution_joint".
    endpoint : str
        Of `design.endpoints` or its incidences; "" where times play no part.
    where : tuple of (column, level)
        The patients.
    columns : tuple of str
        Covariates of a model, the columns of a test; `kras_codon=codon12` is one level,
        `race&msi=msi_l` a product.
    part : str
        Which number of it, as "median_survival", "hazard_ratio", "z", "q1", "n".
    covariate : str
        The column of a model that the number is about.
    limit : str
        "estimate", "conf_low" or "conf_high".
    time : float
        Months: of a survival rate, of an anchor.
    strata : str
        Column of the strata of a Cox model.
    """

    kind: str
    endpoint: str = ""
    where: Where = ()
    columns: tuple[str, ...] = ()
    part: str = ""
    covariate: str = ""
    limit: str = "estimate"
    time: float | None = None
    strata: str = ""

    @property
    def block(self) -> Block:
        """What is computed in one go: everything but the part of it."""
        return Block(self.kind, self.endpoint, self.where, self.columns, self.strata)


class Beyond(str):
    """Why neither the search nor its certificate looks at a claim."""


def unknown_patients(claim: Mapping[str, Any]) -> str:
    """Whom no search and no certificate knows among a claim's patients; "" if nobody."""
    numbers = [n for n, v in where_of(claim["population"], claim["group"]) if v == KNOWN]
    if numbers:
        return f"patients of whom {' and '.join(numbers)} is known: {NOBODY_KNOWS}"
    if "from month" in claim["population"]:
        return f"patients {claim['population']}: {NOBODY_KNOWS}"
    return ""


def undeclared(endpoint: str) -> str:
    """What is said of an endpoint of which the design does not tell what ends it."""
    return (
        f"the design does not say what ends {endpoint}: first_of or death_of in "
        f"[endpoints.{endpoint}]"
    )
