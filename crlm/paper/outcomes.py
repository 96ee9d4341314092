"""Patients with a yes-no outcome in each level, as print has them beside odds ratios."""

from __future__ import annotations

import pandas as pd

from crlm.ledger import Design
from crlm.ledger.vocabulary import ALL
from crlm.proportions import NAMES, percent_limits

#: What is not counted again of the rows of a model.
_BARE = {"conf_low": float("nan"), "conf_high": float("nan"), "endpoint": "", "model": ""}


def printed_outcomes(claims: pd.DataFrame, design: Design, model: str) -> list[str]:
    """Covariates of a yes-no model of which print counts the outcome by level beside its ratios.

    Parameters
    ----------
    claims : pandas.DataFrame
        From `load_claims`.
    design : Design
    model : str
        A model of the design; one of times has none.

    Examples
    --------
    >>> from crlm import ledger
    >>> printed_outcomes(ledger.load_claims("mskcc_hai"), ledger.load_design("mskcc_hai"), "OS")
    []
    """
    spec = design.models[model]
    endpoint, population = str(spec.get("endpoint") or model), spec.get("population") or ALL
    keys = ("univariable", design.model_key(model))
    own = claims[claims["population"] == population]
    places = own.loc[(own["endpoint"] == endpoint) & own["model"].isin(keys), "place"]
    counted = own["statistic"].isin(("n", "percent")) & (own["covariate"] == endpoint.lower())
    counted &= (own["endpoint"] == "") & (own["model"] == "") & own["place"].isin(places)
    groups = own.loc[counted, "group"]
    columns = {group.partition("=")[0] for group in groups if "=" in group and "," not in group}
    return [name for name in spec["covariates"] if name in columns]


def outcome_rows(
    rows: pd.DataFrame, names: list[str], outcome: str, level: str, limits: str = ""
) -> pd.DataFrame:
    """How many patients of each level have the outcome, and per cent of those of known outcome.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of each covariate alone, whose references and ratios know them.
    names : list of str
        The covariates.
    outcome, level : str
        The column, and what happens.
    limits : str
        How limits of the percentages are made (`proportions.percent_limits`), where they have any.
    """
    shown = rows["statistic"].isin(("odds_ratio", "reference")) & (rows["level"] != "")
    own = rows[shown & (rows["model"] == "univariable") & rows["covariate"].isin(names)]
    group = own["covariate"] + "=" + own["level"]
    own = own.assign(group=group, covariate=outcome, level=level, **_BARE)
    own = own.assign(method="patients of known outcome")
    count = own.assign(statistic="n", unit="patients", estimate=own["events"])
    share = own.assign(statistic="percent", unit="%", estimate=100 * own["events"] / own["n"])
    if limits and len(share):
        counts = zip(own["events"], own["n"], strict=True)
        ends = [percent_limits(events, size, limits) for events, size in counts]
        share[["conf_low", "conf_high"]] = ends
        share["method"] += f", {NAMES[limits]}"
    return pd.concat([count, share], ignore_index=True)
