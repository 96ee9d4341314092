"""Quantities: what a cohort can be asked for, and what each claim asks.

A `Quantity` says what to compute in the words of the design: endpoint, patients, columns.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from crlm.endpoints.declared import counting
from crlm.ledger import Design, kind_of
from crlm.ledger.claim_rates import BETWEEN_RATES, OF_RATES
from crlm.ledger.vocabulary import (
    KNOWN,
    MANN_WHITNEY,
    MULTIVARIABLE,
    ORDERED_TESTS,
    POISSON,
    TREND_TEST,
)
from crlm.reconstruction.models import (
    Where,
    indicator,
    indicators,
    levels_of,
    model_of,
    per_level,
    spelled_out,
    terms_of,
    where_of,
    width_of,
    with_product,
)

#: Fields of a statistic that carry a ratio: compared as logarithms.
RATIOS = ("hazard_ratio", "odds_ratio")
_OF_A_NUMBER = ("median", "min", "max", "q1", "q3", "mean", "sd")
#: What a curve tells, and the kind of it.
_OF_CURVES = {
    "median_survival": "km",
    "survival_rate": "km",
    "n_at_risk": "risk",
    "cumulative_events": "risk",
}
_BUILT_IN = "built in"
#: Of the groups that a cohort is made of; what of other patients is asked, `size` tells.
SIZE = f"size of a group: {_BUILT_IN}"
_BY_CERTIFICATE = "the certificate alone computes it"
_NOBODY_KNOWS = "no search and no certificate knows it; a report may"
#: Models whose numbers a search and its certificate compute.
_MODELS = ("", "univariable", "multivariable", "interaction", "logrank")
#: Tests of `table_one.continuous_test`, between two groups.
_OF_TWO = {**dict.fromkeys(MANN_WHITNEY, "ranks"), "t": "t", "kruskal": "kruskal"}


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
        difference), "anova", "smd", "ordered" (a test of a category's levels in their order), and
        the tests "joint", "logistic_joint" (Wald's, of all levels of a covariate), "lr", "score",
        "product_lr".
    endpoint : str
        Of `design.endpoints`; "" where times play no part.
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


# ---- one claim -----------------------------------------------------------------------------


def quantity_of(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """The quantity of a claim, or the reason why the search does not look at it.

    Parameters
    ----------
    claim : mapping
        A row of the ledger.
    design : Design

    Returns
    -------
    Quantity or str
        `Beyond` where the certificate does not look at it either.
    """
    claim, name = among_known(claim, design), claim["statistic"]
    if claim["covariate"] == "flow":
        return f"number of the flow chart: {_BUILT_IN}"
    if claim["endpoint"] in design.incidences:
        return _of_incidence(claim, design)
    if name in (*OF_RATES, *BETWEEN_RATES) or claim["model"] == POISSON:
        return Beyond(f"incidence rate, of events and times that are aimed at: {_NOBODY_KNOWS}")
    if beyond := _beyond(claim):
        return Beyond(beyond)
    if name == "difference" and math.isfinite(claim["time"]):
        return "difference of two rates that are targets themselves"
    found = _asked(name, claim, design)
    if isinstance(found, Quantity) and found.endpoint in design.endpoints:
        if counting(design, found.endpoint) is None:
            return _undeclared(found.endpoint)
    return found


def _asked(name: str, claim: Mapping[str, Any], design: Design) -> Quantity | str:
    if name == "difference":
        return _comparison(claim, design)
    if name == "smd" and not claim["model"] and not claim["level"]:
        return "standardised difference: the certificate alone computes it"
    if name == "p" or (name in RATIOS and claim["kind"] == "direction"):
        return tested(claim, design)
    if name in RATIOS:
        if name == "odds_ratio" and claim["field"] != "estimate" and _is_profile(design):
            return "profile likelihood limit: the certificate alone computes it"
        return ratio(claim, design)
    if name in ("se", "z"):
        return _error(claim, design)
    where = where_of(claim["population"], claim["group"])
    if name in _OF_CURVES:
        kind, time = _OF_CURVES[name], None if name == "median_survival" else float(claim["time"])
        return Quantity(kind, claim["endpoint"], where, part=name, limit=claim["field"], time=time)
    if name.endswith("follow_up"):
        return _follow_up(claim, where, design)
    if name == "events" and not claim["covariate"]:
        return Quantity("km", claim["endpoint"], where, part="events")
    return _characteristic(claim, where, design)


def _follow_up(claim: Mapping[str, Any], where: Where, design: Design) -> Quantity | str:
    """The follow-up of the patients, which is that to death, by the design's one rule for all."""
    name, of = claim["statistic"], claim["endpoint"]
    rule = design.follow_up_of(of)
    if of not in ("", design.followed_to()):
        return Beyond(f"follow-up of {of} alone, which follows from its events: {_NOBODY_KNOWS}")
    if name not in ("median_follow_up", "min_follow_up", "max_follow_up"):
        return Beyond(f"quartile of follow-up: {_NOBODY_KNOWS}")
    if rule not in ("observed", "reverse") or rule != design.conventions["follow_up"]:
        return Beyond(f"follow-up by the rule {rule} of {of or 'the patients'}: {_NOBODY_KNOWS}")
    return Quantity("followup", design.followed_to(), where, part=name, limit=claim["field"])


def among_known(claim: Mapping[str, Any], design: Design) -> dict[str, Any]:
    """A claim with its patients of known value as those of any level."""
    keys = {name: spelled_out(claim[name], design) for name in ("population", "group")}
    return {**claim, **keys}


def _is_profile(design: Design) -> bool:
    return design.odds_limits == "profile"


def ratio(claim: Mapping[str, Any], design: Design) -> Quantity:
    """A ratio or a limit of it, whether the search aims at it or not."""
    return replace(_model(claim, design), part=claim["statistic"], limit=claim["field"])


def _beyond(claim: Mapping[str, Any]) -> str:
    """What of a claim's keys no search and no certificate knows; "" if nothing."""
    unknown = _NOBODY_KNOWS
    name, model = claim["statistic"], claim["model"]
    if kind_of(model) not in _MODELS:
        return f"model {model}: {unknown}"
    if strangers := _unknown_patients(claim):
        return strangers
    timed = name in ("difference", "se") and math.isfinite(claim["time"])
    of_curves = model == "logrank" and name != "se"
    of_covariate = name in (*RATIOS, "p", "se", "z", "difference") and not of_curves
    if of_covariate and not (claim["covariate"] or timed):
        return f"{name} of no covariate: {unknown}"
    return ""


def _unknown_patients(claim: Mapping[str, Any]) -> str:
    """Whom no search and no certificate knows among a claim's patients; "" if nobody."""
    numbers = [n for n, v in where_of(claim["population"], claim["group"]) if v == KNOWN]
    if numbers:
        return f"patients of whom {' and '.join(numbers)} is known: {_NOBODY_KNOWS}"
    if "from month" in claim["population"]:
        return f"patients {claim['population']}: {_NOBODY_KNOWS}"
    return ""


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


def _of_incidence(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """What a claim on a cumulative incidence asks, or why the search does not look at it."""
    name, spec = claim["statistic"], design.incidences[claim["endpoint"]]
    if strangers := _unknown_patients(claim):
        return Beyond(strangers)
    if claim["kind"] == "direction" and name != "p":
        return Beyond(f"a sentence on a cumulative incidence: {_NOBODY_KNOWS}")
    if name == "p":
        return f"Gray's test: {_BY_CERTIFICATE}"
    if name == "cumulative_incidence_difference":
        return "difference of two incidences that are targets themselves"
    if claim["field"] != "estimate" and design.conventions.get("incidence_limits") == "survfit":
        return f"limit with the infinitesimal-jackknife error: {_BY_CERTIFICATE}"
    for one in (spec["endpoint"], spec["competing"]):
        if counting(design, one) is None:
            return _undeclared(one)
    return incidence(claim)


def _undeclared(endpoint: str) -> str:
    return (
        f"the design does not say what ends {endpoint}: first_of or death_of in "
        f"[endpoints.{endpoint}]"
    )


def _error(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """The standard error of a coefficient or of a rate, the z of a coefficient or of curves."""
    name = claim["statistic"]
    if name == "z" and claim["model"] == "logrank":
        return tested(claim, design)
    if not claim["covariate"]:
        return "standard error of a survival rate: the certificate alone computes it"
    if not claim["model"]:
        return Beyond(f"{name} of a characteristic: no search and no certificate knows it")
    part = {"se": "standard_error", "z": "z"}[name]
    return replace(_model(claim, design), part=part)


def _characteristic(claim: Mapping[str, Any], where: Where, design: Design) -> Quantity | str:
    name, covariate = claim["statistic"], claim["covariate"]
    if name in _OF_A_NUMBER:
        linear = design.table_one.get("quantile_rule") == "linear" and name in ("q1", "q3")
        part = f"{name}_linear" if linear else name
        return Quantity("summary", where=where, columns=(covariate,), part=part)
    if name not in ("n", "percent", "missing", "percent_missing", "events"):
        return Beyond(f"{name}: {_NOBODY_KNOWS}")
    if not covariate:
        return SIZE
    if name in ("missing", "percent_missing") or (name == "n" and not claim["level"]):
        part = "known" if name == "n" else name
        return Quantity("count", where=where, columns=(f"{covariate}=",), part=part)
    if name == "events":
        asked = (f"{claim['endpoint'].lower()}_event=1",)
        level = where_of(f"{covariate}={claim['level']}")
        return Quantity("count", where=(*where, *level), columns=asked, part="n")
    asked = (f"{covariate}={claim['level']}",)
    return Quantity("count", where=where, columns=asked, part=name)


# ---- tests ---------------------------------------------------------------------------------


def size(claim: Mapping[str, Any], groups: Collection[str]) -> Quantity | str:
    """The size of some patients as a count, or the reason why the search does not look at it.

    Parameters
    ----------
    claim : mapping
        A row of the ledger, of which `quantity_of` says `SIZE`.
    groups : collection of str
        Columns that make the groups of a cohort: their sizes are built in.
    """
    where, named = where_of(claim["population"], claim["group"]), where_of(claim["group"])
    if {name for name, _ in where} <= {*groups}:
        return SIZE
    one = [pair for pair in where if "/" not in pair[1]]
    asked = (named or where)[-1] if claim["statistic"] == "percent" else (one or where)[-1]
    if "/" in asked[1]:
        return "size of patients of several levels: the certificate alone computes it"
    others = tuple(pair for pair in where if pair != asked)
    return Quantity("count", where=others, columns=("=".join(asked),), part=claim["statistic"])


def _comparison(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """A difference between two groups, judged by its test."""
    if len(_compared(claim, design)) != 2:
        return f"a difference between the groups of {claim['group']} has no single number"
    return _between(claim, design)


def standardised(claim: Mapping[str, Any]) -> Quantity:
    """The standardised difference of a characteristic between two groups, without sign."""
    where = where_of(claim["population"])
    return Quantity("smd", where=where, columns=(claim["covariate"], claim["group"]), part="smd")


def _compared(claim: Mapping[str, Any], design: Design) -> list[str]:
    """The levels of the group that a claim compares, fewer where the population names them."""
    named = dict(where_of(claim["population"])).get(claim["group"], "")
    return named.split("/") if "/" in named else levels_of(design, claim["group"])


def _between(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """The test of a column between the groups of another, if the search knows it."""
    quantity = between(claim, design)
    if quantity.kind == "anova":
        return "one-way analysis of variance: the certificate alone computes it"
    test = design.test_of(claim["covariate"])
    if quantity.kind == "ordered":
        return f"{test} of a category's levels: the certificate alone computes it"
    if quantity.kind == "table" and test == "fisher":
        return "Fisher's test beyond 2 x 2: the certificate alone computes it"
    if quantity.kind == "association" and test != design.table_one["categorical_test"]:
        return f"{test} of one column alone: the certificate alone computes it"
    return quantity


def between(claim: Mapping[str, Any], design: Design) -> Quantity:
    """The test of a column between the groups of another, as Table 1 of a report computes it."""
    where, group = where_of(claim["population"]), claim["group"]
    compared, covariate = _compared(claim, design), claim["covariate"]
    levels = levels_of(design, covariate)
    if not levels:
        test = design.test_of(covariate)
        kind = _OF_TWO[test] if len(compared) == 2 else "anova" if test == "t" else "kruskal"
        return Quantity(
            kind, where=where, columns=(covariate, _two(design, group, compared)), part="z"
        )
    if len(levels) > 2 and claim["kind"] == "direction" and claim["level"]:
        covariate, levels = f"{covariate}={claim['level']}", ["no", "yes"]
    if covariate == claim["covariate"] and design.test_of(covariate) in ORDERED_TESTS:
        columns = (covariate, _two(design, group, compared))
        kind = "trend" if design.test_of(covariate) == TREND_TEST else "ordered"
        return Quantity(kind, where=where, columns=columns, part="z")
    if len(compared) == len(levels) == 2:
        columns = (covariate, _two(design, group, compared))
        return Quantity("association", where=where, columns=columns, part="z")
    return Quantity("table", where=where, columns=(covariate, group), part="z")


def _two(design: Design, group: str, compared: list[str]) -> str:
    """The column that tells two of several groups apart; the group itself where it has two."""
    several = len(levels_of(design, group)) > 2 and len(compared) == 2
    return f"{group}={compared[1]}" if several else group


def tested(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """The test statistic behind a p value or a direction."""
    endpoint, where = claim["endpoint"], where_of(claim["population"])
    covariate, model = claim["covariate"], claim["model"]
    if model == "logrank":
        return _logrank(endpoint, where, claim["group"], _compared(claim, design), design)
    if not model:
        return _between(claim, design)
    if endpoint == "short_SCP" and model == "univariable":
        columns = (covariate, endpoint.lower())
        return Quantity("association", where=where, columns=columns, part="z")
    levels = levels_of(design, covariate)
    if not claim["level"] and width_of(design, covariate) > 1:
        return f"all levels of {covariate} together: {_BY_CERTIFICATE}"
    alone = model == "univariable" and model_of(design, endpoint) is not None
    if alone and len(levels) == 2 and design.conventions["univariable_p"] in ("logrank", "score"):
        return Quantity("logrank", endpoint, where, (covariate,), "z", covariate)
    return replace(_model(claim, design), part="z")


def product_by_ratio(claim: Mapping[str, Any], design: Design) -> bool:
    """Whether a claim is the p of a whole product, and the design tests it by likelihood ratio."""
    name = claim["covariate"]
    whole = not claim["level"] or width_of(design, name) == 1
    of_product = ":" in name and claim["statistic"] == "p" and whole
    return of_product and design.interaction_test == "likelihood_ratio"


def tested_together(claim: Mapping[str, Any], design: Design) -> Quantity:
    """The test of all levels of a covariate or product, as a regression table prints it.

    In a model of several Wald's, alone the one of `univariable_p`; of a logistic model Wald's,
    which the certificate exchanges for the likelihood ratio's where the design names it.
    """
    name, rule = claim["covariate"], design.conventions["univariable_p"]
    asked = replace(_model(claim, design), part="z", covariate=name)
    if asked.kind == "cox" and product_by_ratio(claim, design):
        return replace(asked, kind="product_lr")
    if asked.kind == "logistic":
        return replace(asked, kind="logistic_joint")
    if claim["model"] != "univariable" or rule == "wald":
        return replace(asked, kind="joint")
    if rule == "logrank":
        return replace(asked, kind="logranks", columns=(name,))
    return replace(asked, kind=rule)


def _logrank(
    endpoint: str, where: Where, group: str, compared: list[str], design: Design
) -> Quantity:
    column = _two(design, group, compared)
    kind = "logrank" if len(compared) == 2 else "logranks"
    return Quantity(kind, endpoint, where, (column,), "z", column)


def _model(claim: Mapping[str, Any], design: Design) -> Quantity:
    """The fit that holds a ratio."""
    endpoint, covariate = claim["endpoint"], claim["covariate"]
    where, level = where_of(claim["population"]), claim["level"]
    kind = "cox" if endpoint in design.endpoints else "logistic"
    name = endpoint if kind == "cox" else endpoint.lower()
    reference = claim.get("reference") or ""
    several = kind_of(claim["model"]) == MULTIVARIABLE
    model = model_of(design, endpoint, where, claim["model"]) if several else None
    if claim["model"] == "interaction":
        model = with_product(endpoint, where, covariate.split(":"))
    if model is None:
        columns = indicators(design, covariate, reference)
        asked = indicator(design, covariate, level, reference)
        return Quantity(kind, name, where, columns, covariate=asked)
    model, reference = per_level(design, model, covariate), reference or model.reference(covariate)
    columns = terms_of(design, model, {covariate: reference} if reference else None)
    asked = indicator(design, covariate, level, reference)
    return Quantity(kind, name, where, columns, covariate=asked, strata=model.strata())


def flipped(claim: Mapping[str, Any], design: Design) -> bool:
    """Whether a sentence speaks of the reference level, where the test has the other one."""
    levels = levels_of(design, claim["covariate"])
    of_reference = len(levels) == 2 and claim["level"] == levels[0]
    return claim["statistic"] == "difference" and of_reference
