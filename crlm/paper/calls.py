"""The call of a notebook that would compute a claim which none of its sections does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from crlm.ledger import Design, counts_model, kind_of
from crlm.ledger.claim_rates import BETWEEN_RATES, OF_RATES
from crlm.ledger.models import name_of
from crlm.ledger.vocabulary import ALL, LANDMARK, MULTIVARIABLE, POISSON

_OF_CURVES = ("median_survival", "survival_rate", "n_at_risk", "events")
_OF_PATIENTS = ("n", "percent", "missing", "median", "mean", "sd", "min", "max", "q1", "q3", "p")
_OF_MODELS = ("hazard_ratio", "odds_ratio", "subdistribution_hazard_ratio", "p")


def call_for(claim: Mapping[str, Any], design: Design) -> str:
    """The call to add for a claim, with its arguments; "" where no single call computes it.

    Parameters
    ----------
    claim : mapping
        A row of the ledger.
    design : Design

    Examples
    --------
    >>> from crlm import ledger
    >>> keys = {"endpoint": "OS", "group": "sex=male", "population": "all", "covariate": ""}
    >>> claim = {**keys, "statistic": "survival_rate", "model": "", "time": 36.0}
    >>> call_for(claim, ledger.load_design("mskcc_hai"))
    'paper.curves("OS", by="sex", at=[36])'
    """
    endpoint, statistic, model = claim["endpoint"], claim["statistic"], claim["model"]
    timed, covariate = endpoint in design.endpoints, claim["covariate"]
    columns = [part.partition("=")[0] for part in claim["group"].split(",") if part != ALL]
    shared = endpoint in design.incidences and not counts_model(claim)
    if shared and not covariate and len(columns) < 2:
        return _call("cumulative_incidence", [_said(endpoint), *_by(columns), *_among(claim)])
    landmark = LANDMARK.fullmatch(claim["population"])
    if landmark and timed and len(columns) < 2:
        return _from_month(claim, design, columns, landmark[1])
    of_curves = statistic in _OF_CURVES and not counts_model(claim)
    if timed and not covariate and (of_curves or model == "logrank"):
        rate = statistic == "survival_rate" and not math.isnan(claim["time"])
        at = [f"at=[{claim['time']:g}]"] if rate else []
        return _call("curves", [_said(endpoint), *_by(columns), *at, *_among(claim)])
    if statistic in ("rmst", "rmst_difference") and timed and columns:
        tau = [] if math.isnan(claim["time"]) else [f"tau={claim['time']:g}"]
        return _call("restricted_means", [f"[{_said(endpoint)}]", *_by(columns[:1]), *tau])
    rated = statistic in (*OF_RATES, *BETWEEN_RATES) or model == POISSON
    if rated and timed and len(columns) < 2:
        by = [covariate] if covariate else columns
        return _call("rates", [_said(endpoint), *_by(by), *_among(claim)])
    if statistic.endswith("follow_up") and len(columns) < 2 and claim["population"] == ALL:
        rule = design.follow_up_of(endpoint)
        of = [f"endpoint={_said(endpoint)}"] if endpoint else []
        return _call("follow_up", [f"method={_said(rule)}", *_by(columns), *of])
    if statistic in ("n", "percent") and len(columns) == 1 and not (endpoint or model or covariate):
        return _call("table_one", [_said(columns[0]), *_among(claim)])
    if covariate and ":" not in covariate and not (endpoint or model):
        if statistic in _OF_PATIENTS and covariate in {*design.columns, *design.made}:
            by = columns[0] if columns else str(design.table_one["by"])
            return _call(
                "table_one", [_said(by), f"variables=[{_said(covariate)}]", *_among(claim)]
            )
    return _of_model(claim, design)


def remedy_for(claim: Mapping[str, Any], design: Design) -> str:
    """What to add for a claim that no section computes: a call, or a model of the design.

    "" where neither does.
    """
    if call := call_for(claim, design):
        return f"add {call}"
    some, covariate = claim["population"] not in ("", ALL), claim["covariate"]
    alone = claim["model"] == "univariable" and claim["endpoint"] in design.endpoints
    if not (alone and some and covariate and claim["statistic"] in _OF_MODELS):
        return ""
    return (
        "add to design.toml a model of these patients ([models.NAME] with endpoint = "
        f"{_said(claim['endpoint'])}, population = {_said(claim['population'])} and "
        f"covariates = [{_said(covariate)}]) and to the notebook "
        'paper.regression("NAME")'
    )


def _within(claim: Mapping[str, Any], design: Design) -> str:
    """A forest within subgroups, of an interaction or a ratio of one column among some patients.

    Curves with their ratio where the patients are of no single level; nothing of a number, which
    has no groups.
    """
    among, (of, *within) = claim["population"], claim["covariate"].split(":")
    if claim["statistic"] not in _OF_MODELS or not design.levels(of):
        return ""
    if within:
        return _forest(claim["endpoint"], of, within, among) if design.levels(within[0]) else ""
    if among == ALL:
        return ""
    rest, _, last = among.rpartition(",")
    name, _, level = last.partition("=")
    if name != of and level in design.levels(name):
        return _forest(claim["endpoint"], of, [name], rest or ALL)
    by = [_said(claim["endpoint"]), *_by([of]), *_among(claim), "ratio=True"]
    return _call("curves", by)


def _forest(endpoint: str, of: str, within: Sequence[str], among: str) -> str:
    names = f"within=[{', '.join(map(_said, within))}]"
    told = [_said(endpoint), f"of={_said(of)}", names, *_among({"population": among})]
    return _call("subgroups", told)


def _from_month(
    claim: Mapping[str, Any], design: Design, columns: Sequence[str], month: str
) -> str:
    """Curves from a month on with a ratio, or the model that the design has of these patients."""
    endpoint, covariate = claim["endpoint"], claim["covariate"]
    if kind_of(claim["model"]) in ("univariable", MULTIVARIABLE):
        own = name_of(design.models, endpoint, claim["population"], claim["model"])
        return _call("regression", [_said(own)]) if own else ""
    by = _by([covariate] if covariate else columns)
    return _call("from_landmark", [_said(endpoint), *by, f"month={month}"])


def _of_model(claim: Mapping[str, Any], design: Design) -> str:
    """A forest, or the table of a second model of the same patients; "" of any other claim."""
    if claim["model"] in ("univariable", "interaction"):
        known = claim["covariate"] and claim["endpoint"] in design.endpoints
        return _within(claim, design) if known else ""
    if kind_of(claim["model"]) != MULTIVARIABLE or claim["model"] == MULTIVARIABLE:
        return ""
    name = name_of(design.models, claim["endpoint"], claim["population"], claim["model"])
    of_covariate = bool(claim["covariate"]) and claim["statistic"] in _OF_MODELS
    known = bool(name) and (of_covariate or counts_model(claim))
    return _call("regression", [_said(name)]) if known else ""


def _call(name: str, arguments: Sequence[str]) -> str:
    return f"paper.{name}({', '.join(arguments)})"


def _by(columns: Sequence[str]) -> list[str]:
    if not columns:
        return []
    several = f"[{', '.join(map(_said, columns))}]"
    return [f"by={several if len(columns) > 1 else _said(columns[0])}"]


def _among(claim: Mapping[str, Any]) -> list[str]:
    among = claim["population"]
    return [f"population={_said(among)}"] if among != ALL else []


def _said(text: str) -> str:
    return f'"{text}"'
