"""Which quantity of a cohort each claim asks for."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from crlm.endpoints.declared import counting
from crlm.ledger import Design, counts_model, kind_of
from crlm.ledger.vocabulary import (
    MANN_WHITNEY,
    MULTIVARIABLE,
    NUMBER_TRENDS,
    ORDERED_TESTS,
    TREND_TEST,
)
from crlm.reconstruction.incidence_claims import is_of_rates, of_incidence, of_rate
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
from crlm.reconstruction.quantity import (
    BY_CERTIFICATE,
    JOINT,
    NOBODY_KNOWS,
    SUBDISTRIBUTION,
    Beyond,
    Quantity,
    undeclared,
    unknown_patients,
)

#: Fields of a statistic that carry a ratio: compared as logarithms.
RATIOS = ("hazard_ratio", "odds_ratio")
#: Wald's test of one covariate among others, and the likelihood ratio of leaving it out.
WITHOUT = {"cox": "without", "logistic": "logistic_without"}
_OF_A_NUMBER = ("median", "min", "max", "q1", "q3", "mean", "sd")
#: What a curve tells, and the kind of it.
_OF_CURVES = {
    "median_survival": "km",
    "survival_rate": "km",
    "n_at_risk": "risk",
    "cumulative_events": "risk",
}
_BUILT_IN = "built in"
_COUNTED = f"patients or events of a model: {BY_CERTIFICATE}"
#: Of the groups that a cohort is made of; what of other patients is asked, `size` tells.
SIZE = f"size of a group: {_BUILT_IN}"
#: Models whose numbers a search and its certificate compute.
_MODELS = ("", "univariable", "multivariable", "interaction", "logrank")
#: Tests of `table_one.continuous_test`, between two groups.
_OF_TWO = {**dict.fromkeys(MANN_WHITNEY, "ranks"), "t": "t", "kruskal": "kruskal"}


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
        modelled = counts_model(claim) or claim["covariate"]
        return _of_subdistribution(claim) if modelled else of_incidence(claim, design)
    if is_of_rates(claim):
        return of_rate(claim, design)
    if beyond := _beyond(claim):
        return Beyond(beyond)
    if name == "difference" and math.isfinite(claim["time"]):
        return "difference of two rates that are targets themselves"
    if counts_model(claim):
        return _COUNTED
    if claim["endpoint"] in design.endpoints and counting(design, claim["endpoint"]) is None:
        return Beyond(undeclared(claim["endpoint"]))
    return _asked(name, claim, design)


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
        return Beyond(f"follow-up of {of} alone, which follows from its events: {NOBODY_KNOWS}")
    if name not in ("median_follow_up", "min_follow_up", "max_follow_up"):
        return Beyond(f"quartile of follow-up: {NOBODY_KNOWS}")
    if rule not in ("observed", "reverse") or rule != design.conventions["follow_up"]:
        return Beyond(f"follow-up by the rule {rule} of {of or 'the patients'}: {NOBODY_KNOWS}")
    return Quantity("followup", design.followed_to(), where, part=name, limit=claim["field"])


def _of_subdistribution(claim: Mapping[str, Any]) -> str:
    """Why the search does not look at a number of a model of an incidence."""
    if strangers := unknown_patients(claim):
        return Beyond(strangers)
    if claim["statistic"] == "coefficient":
        return Beyond(f"coefficient: {NOBODY_KNOWS}")
    return _COUNTED if counts_model(claim) else f"Fine and Gray's model: {BY_CERTIFICATE}"


def subdistributed(claim: Mapping[str, Any], design: Design) -> Quantity:
    """A number of a model of an incidence, for the certificate."""
    asked, name = _model(claim, design), claim["statistic"]
    whole = not claim["level"] and width_of(design, claim["covariate"]) > 1
    if name == "p" and whole:
        return replace(asked, kind=JOINT, part="z", covariate=claim["covariate"])
    if name in ("p", "z") or claim["kind"] == "direction":
        return replace(asked, part="z")
    part = "standard_error" if name == "se" else name
    return replace(asked, part=part, limit=claim["field"])


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
    unknown = NOBODY_KNOWS
    name, model = claim["statistic"], claim["model"]
    if kind_of(model) not in _MODELS:
        return f"model {model}: {unknown}"
    if strangers := unknown_patients(claim):
        return strangers
    timed = name in ("difference", "se") and math.isfinite(claim["time"])
    of_curves = model == "logrank" and name != "se"
    of_covariate = name in (*RATIOS, "p", "se", "z", "difference") and not of_curves
    if of_covariate and not (claim["covariate"] or timed):
        return f"{name} of no covariate: {unknown}"
    return ""


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
    if claim["field"] != "estimate":
        known = name == "percent" and claim["level"]
        told = f"limit of a percentage: {BY_CERTIFICATE}"
        return told if known else Beyond(f"limit of {name}: {NOBODY_KNOWS}")
    if name in _OF_A_NUMBER:
        linear = design.table_one.get("quantile_rule") == "linear" and name in ("q1", "q3")
        part = f"{name}_linear" if linear else name
        return Quantity("summary", where=where, columns=(covariate,), part=part)
    if name not in ("n", "percent", "missing", "percent_missing", "events"):
        return Beyond(f"{name}: {NOBODY_KNOWS}")
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
    if name == "percent" and covariate in design.percent_of_all:
        return f"percentage of all, those of unknown value too: {BY_CERTIFICATE}"
    return Quantity("count", where=where, columns=asked, part=name)


def share(claim: Mapping[str, Any], design: Design) -> Quantity:
    """The patients of a level in per cent of those of known value, or of all, or a limit of it."""
    asked = (f"{claim['covariate']}={claim['level']}",)
    where = where_of(claim["population"], claim["group"])
    part = "percent_of_all" if claim["covariate"] in design.percent_of_all else "percent"
    return Quantity("count", where=where, columns=asked, part=part, limit=claim["field"])


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
    if quantity.kind == "number trend":
        return f"{test} of a number over groups: the certificate alone computes it"
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
        if test in NUMBER_TRENDS:
            columns = (covariate, _two(design, group, compared))
            return Quantity("number trend", where=where, columns=columns, part="z")
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
        return f"all levels of {covariate} together: {BY_CERTIFICATE}"
    alone = model == "univariable" and model_of(design, endpoint) is not None
    if alone and len(levels) == 2 and design.conventions["univariable_p"] in ("logrank", "score"):
        (column,) = indicators(design, covariate, against(claim, design))
        return Quantity("logrank", endpoint, where, (column,), "z", column)
    return replace(_model(claim, design), part="z")


def by_ratio(claim: Mapping[str, Any], design: Design) -> bool:
    """Whether a claim is the p of a whole product or covariate among others by likelihood ratio."""
    name = claim["covariate"]
    whole = not claim["level"] or width_of(design, name) == 1
    if claim["statistic"] != "p" or not whole:
        return False
    if ":" in name:
        return design.interaction_test == "likelihood_ratio"
    spec = design.model_of(claim["endpoint"], claim["population"], claim["model"])
    multiplied = {one for pair in spec.get("products") or () for one in pair}
    several = (
        kind_of(claim["model"]) == MULTIVARIABLE and claim["endpoint"] not in design.incidences
    )
    return several and design.multivariable_p == "lr" and name not in multiplied


def tested_together(claim: Mapping[str, Any], design: Design) -> Quantity:
    """The test of all levels of a covariate or product, as a regression table prints it.

    In a model of several the one of `multivariable_p`, alone that of `univariable_p`; of a
    logistic model alone Wald's, which the certificate exchanges for the likelihood ratio's where
    the design names it.
    """
    name, rule = claim["covariate"], design.conventions["univariable_p"]
    asked = replace(_model(claim, design), part="z", covariate=name)
    if asked.kind in WITHOUT and by_ratio(claim, design):
        return replace(asked, kind=WITHOUT[asked.kind])
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


def against(claim: Mapping[str, Any], design: Design) -> str:
    """The level that a ratio, or its test, is against: its own or its model's; "" for the first.

    A covariate alone has the reference of the model of its patients, as in the report.
    """
    return references_of(claim, design).get(claim["covariate"], "")


def references_of(claim: Mapping[str, Any], design: Design) -> dict[str, str]:
    """The levels that a ratio is against where they are not the first, by column.

    Of a product, and of an interaction, those that each of its columns has in the model of these
    patients, as in the report.
    """
    if claim.get("reference"):
        return {claim["covariate"]: claim["reference"]}
    several = kind_of(claim["model"]) == MULTIVARIABLE
    if not several and claim["model"] not in ("univariable", "interaction"):
        return {}
    key = claim["model"] if several else MULTIVARIABLE
    model = model_of(design, claim["endpoint"], where_of(claim["population"]), key)
    names = claim["covariate"].split(":") if model else []
    return {name: model.reference(name) for name in names if model and model.reference(name)}


def _model(claim: Mapping[str, Any], design: Design) -> Quantity:
    """The fit that holds a ratio."""
    endpoint, covariate = claim["endpoint"], claim["covariate"]
    where, level = where_of(claim["population"]), claim["level"]
    kind = "cox" if endpoint in design.endpoints else "logistic"
    kind = SUBDISTRIBUTION if endpoint in design.incidences else kind
    name = endpoint.lower() if kind == "logistic" else endpoint
    references = references_of(claim, design)
    several = kind_of(claim["model"]) == MULTIVARIABLE
    model = model_of(design, endpoint, where, claim["model"]) if several else None
    if claim["model"] == "interaction":
        model = with_product(endpoint, where, covariate.split(":"), references)
    if model is None:
        columns = indicators(design, covariate, references.get(covariate, ""))
        asked = indicator(design, covariate, level, references)
        return Quantity(kind, name, where, columns, covariate=asked)
    model = per_level(design, model, covariate)
    columns = terms_of(design, model, references)
    asked = indicator(design, covariate, level, references)
    return Quantity(kind, name, where, columns, covariate=asked, strata=model.strata())


def fitted(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """The patients or the events that a model is fitted to: those who have all its covariates.

    With a level, those of them who have it.
    """
    endpoint, where = claim["endpoint"], where_of(claim["population"])
    alone = claim["model"] == "univariable"
    model = None if alone else model_of(design, endpoint, where, claim["model"])
    if not alone and model is None:
        return Beyond(f"patients of model {claim['model']}: {NOBODY_KNOWS}")
    columns = indicators(design, claim["covariate"]) if model is None else terms_of(design, model)
    timed = endpoint in {*design.endpoints, *design.incidences}
    name = endpoint if timed else endpoint.lower()
    strata = "" if model is None else model.strata()
    if claim["level"]:
        where = (*where, (claim["covariate"], claim["level"]))
    return Quantity("fitted", name, where, columns, claim["statistic"], strata=strata)


def flipped(claim: Mapping[str, Any], design: Design) -> bool:
    """Whether a sentence speaks of the reference level, where the test has the other one."""
    levels = levels_of(design, claim["covariate"])
    of_reference = len(levels) == 2 and claim["level"] == levels[0]
    return claim["statistic"] == "difference" and of_reference
