"""Cumulative incidences and incidence rates of a cohort's files: the certificate's hand for them.

The search has kernels of its own; `multistate` and `survival.rates` are held against R.
"""

from __future__ import annotations

import math

import pandas as pd
from scipy.stats import norm

from crlm import multistate, survival
from crlm.endpoints.declared import counting
from crlm.ledger import Design
from crlm.ledger.incidences import counts_both
from crlm.ledger.vocabulary import COUNTED, RATE_UNIT
from crlm.reconstruction.incidence_claims import per_month
from crlm.reconstruction.quantity import Quantity


def computed(quantity: Quantity, own: pd.DataFrame, other: pd.DataFrame, design: Design) -> float:
    """A number of an incidence: percent, patients, events, or z of Gray's test.

    Parameters
    ----------
    quantity : Quantity
        Its endpoint is one of `design.incidences`.
    own, other : pandas.DataFrame
        Frames of the endpoint that is counted and of the one that competes, of the patients
        asked for.
    design : Design

    Returns
    -------
    float
        NaN where these patients give none.
    """
    if not own.index.isin(other.index).any():
        return math.nan
    both = also_counts(quantity.endpoint, design)
    frame = multistate.with_competing(own, other, counts_both=both)
    frame = frame.assign(endpoint=quantity.endpoint)
    if quantity.part == "n":
        return len(frame)
    if quantity.part == "events":
        return int((frame["cause"] == COUNTED).sum())
    by = quantity.columns[0] if quantity.columns else None
    frame = frame[frame[by].notna()] if by else frame
    if frame.empty or (by and frame[by].nunique() < 2):
        return math.nan
    if quantity.part == "z":
        return _gray(frame, by)
    limits = str(design.conventions.get("incidence_limits") or "cmprsk")
    rows = multistate.incidence(
        frame, by, [COUNTED], [quantity.time], min_at_risk=1, model="", limits=limits
    )
    name = "cumulative_incidence_difference" if by else "cumulative_incidence"
    return float(rows.loc[rows["statistic"] == name, quantity.limit].iloc[0])


def rate(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    """Patient-months, a rate a month or its limit, ratio and difference of two, z of their p."""
    by = quantity.columns[0] if quantity.columns else None
    frame = frame[frame[by].notna()] if by else frame
    if frame.empty:
        return math.nan
    own = design.conventions
    rules = {"limits": own.get("rate_limits") or "exact", "test": own.get("rate_test") or "wald"}
    rows = survival.rates(frame, by, **rules)
    rows = rows[rows["statistic"] == ("p" if quantity.part == "z" else quantity.part)]
    if by:
        rows = rows[rows["level"] == quantity.covariate.partition("=")[2]]
    if rows.empty:
        return math.nan
    value = float(rows[quantity.limit].iloc[0])
    if quantity.part == "z":
        return float(norm.isf(value / 2))
    if quantity.part == "rate_ratio":
        return value
    return value * per_month("patient-years" if quantity.part == "patient_years" else RATE_UNIT)


def also_counts(name: str, design: Design) -> bool:
    """Whether the counted endpoint of an incidence counts what competes too."""
    spec = design.incidences[name]
    rule = counting(design, spec["endpoint"])
    deaths = spec["endpoint"] == "SCP" and rule is not None and bool(rule.death)
    return counts_both(design.endpoints, spec, deaths=deaths)


def _gray(frame: pd.DataFrame, by: str) -> float:
    """The normal deviate whose two-sided p is that of Gray's test."""
    rows = multistate.gray(frame, by, [COUNTED])
    return float(norm.isf(float(rows.loc[rows["statistic"] == "p", "estimate"].iloc[0]) / 2))
