"""Why a claim has no result: what the rows of a cohort speak of, and what a claim wanted of them.

Each reason is said of what it names alone: a column, a model, a level, a statistic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pandas as pd

from crlm.ledger import STATISTICS, as_records, kind_of, row_key

#: Why a claim that a cohort could answer has no result.
NOT_COMPUTED = "no section of the notebook computes it"

#: Models that hold covariates, and what they give of one.
_FITTED = ("univariable", "multivariable")
_RATIOS = ("hazard_ratio", "odds_ratio", "subdistribution_hazard_ratio")
#: What stands in the place of a column and is none: all covariates, patients event-free then.
_TOGETHER, _LANDMARK = "GLOBAL", "from month"


class Here(NamedTuple):
    """What the rows of a cohort speak of."""

    names: set[str]  # columns and endpoints
    modelled: set[tuple[str, str]]  # an endpoint and a covariate that some model of it holds
    fits: dict[tuple[str, str, str], set[tuple[str, str]]]  # what each gives of its covariates
    alike: dict[tuple[Any, ...], dict[str, Any]]  # rows of some patients, whoever names them


def here_of(rows: pd.DataFrame, held: Iterable[str]) -> Here:
    """What result rows speak of; `held`: columns that the cohort has, spoken of or not."""
    of_model = rows["statistic"].isin(_RATIOS) | rows["model"].map(kind_of).isin(_FITTED)
    modelled, fits = set(), {}
    for row in as_records(rows[of_model & (rows["covariate"] != "")]):
        if row["statistic"] in _RATIOS:
            modelled.add((row["endpoint"], row["covariate"]))
        fits.setdefault(_fit(row), set()).add((row["covariate"], row["statistic"]))
    alike: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in as_records(rows[rows["statistic"].isin(OF_PATIENTS)]):
        alike.setdefault(patients_key(row), row)
    return Here(_names(rows) | {*held}, modelled, fits, alike)


def _fit(record: dict[str, Any]) -> tuple[str, str, str]:
    return record["endpoint"], record["population"] or "all", record["model"]


#: Numbers of some patients alone: the same whether they are named as group or as population.
OF_PATIENTS = (
    *("n", "percent", "missing", "percent_missing", "events", "mean", "sd", "median", "q1", "q3"),
    *("min", "max", "iqr", "range", "median_survival", "survival_rate", "n_at_risk", "rmst"),
    *("cumulative_events", "median_follow_up", "min_follow_up", "max_follow_up"),
    *("q1_follow_up", "q3_follow_up", "incidence_rate", "patient_years"),
)


def patients_key(record: dict[str, Any]) -> tuple[Any, ...]:
    """The keys of a number of some patients, by their conditions wherever they stand.

    A count of those of a level is one of patients of one condition more.
    """
    conditions = {*record["group"].split(","), *record["population"].split(",")} - {"all", ""}
    level = f"{record['covariate']}={record['level']}"
    told = {"covariate": record["covariate"], "level": record["level"]}
    if record["statistic"] == "n" and record["level"] and not record["endpoint"]:
        conditions, told = conditions | {level}, {"covariate": "", "level": ""}
    patients = ",".join(sorted(conditions))
    return row_key({**record, **told}, group=patients, population="")


def _names(rows: pd.DataFrame) -> set[str]:
    """Every column that some row speaks of, and every endpoint."""
    names = {"flow", *rows["endpoint"]}
    names |= {part for name in set(rows["covariate"]) for part in name.split(":")}
    for column in ("group", "population"):
        for key in set(rows[column]):
            names |= {part.partition("=")[0] for part in key.split(",")}
    return names


def _said(statistic: str) -> str:
    return STATISTICS[statistic].sentence


def why_absent(claim: dict[str, Any], here: Here, words: Callable[[str], str]) -> str:
    """The reason of a claim that no row answers.

    Parameters
    ----------
    claim : dict
        A row of the ledger.
    here : Here
    words : callable
        Says a column or an endpoint as a reader would.
    """
    wanted = [claim["endpoint"], *claim["covariate"].split(":")]
    for column in ("group", "population"):
        wanted += [part.partition("=")[0] for part in claim[column].split(",")]
    known = {"", "all", _TOGETHER} | here.names
    lacking = [
        name
        for name in dict.fromkeys(wanted)
        if name not in known and not name.startswith(_LANDMARK)
    ]
    if lacking:
        return f"this cohort has no {', '.join(map(words, lacking))}"
    about_a_model = kind_of(claim["model"]) in _FITTED or claim["statistic"] in _RATIOS
    return _why_unmodelled(claim, here, words) if about_a_model else NOT_COMPUTED


def _why_unmodelled(claim: dict[str, Any], here: Here, words: Callable[[str], str]) -> str:
    """Why the models here do not answer a claim on one."""
    endpoint, covariate = claim["endpoint"], claim["covariate"]
    if covariate and (endpoint, covariate) not in here.modelled:
        of = f" of {words(endpoint)}" if endpoint else ""
        return f"no model{of} holds {words(covariate)}"
    held = here.fits.get(_fit(claim), set())
    if held and (not covariate or covariate in {name for name, _ in held}):
        if (covariate, claim["statistic"]) not in held:
            return f"the report gives no {_said(claim['statistic'])} of this model"
        if claim["level"]:
            return f"the model here has no level {claim['level']} of {words(covariate)}"
        return f"the report gives no {_said(claim['statistic'])} of all its levels together"
    second = kind_of(claim["model"]) != claim["model"]
    alike = [fit for fit in here.fits if fit[2] == claim["model"] or not second]
    other = any(fit[:2] == _fit(claim)[:2] for fit in alike)
    if kind_of(claim["model"]) == "multivariable" and covariate and other:
        return "not in the model that the rule selects here"
    return NOT_COMPUTED
