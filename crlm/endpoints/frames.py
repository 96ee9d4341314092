"""The one road from table and history to analysis frames."""

from __future__ import annotations

from typing import Literal

import pandas as pd

from crlm import cohort, scores
from crlm.endpoints import columns
from crlm.endpoints.analysis import derive_all, short_scp
from crlm.endpoints.outcomes import from_history
from crlm.ledger import Design


def timed(
    patients: pd.DataFrame,
    history: pd.DataFrame,
    design: Design,
    *,
    death_without_failure: Literal["censor", "event"] = "censor",
    controlled_unresectable: Literal["continue", "failure"] = "continue",
    short_scp_months: float = 12.0,
    short_scp_censored: Literal["not short", "short", "exclude"] = "not short",
) -> pd.DataFrame:
    """All patients of a table with times, events, scores and factors, in this order.

    Scores come before factors, as a factor may be cut from a score.

    Parameters
    ----------
    patients, history : pandas.DataFrame
        From `cohort.load` and `cohort.events`.
    design : Design
        Whose endpoints, factors and days a month.
    death_without_failure, controlled_unresectable
        As `from_history`.
    short_scp_months, short_scp_censored
        As `short_scp`; a study without SCP has no such column.

    Raises
    ------
    CohortError, ParameterError
        As the steps.
    """
    known = from_history(
        patients,
        history,
        design,
        death_without_failure=death_without_failure,
        controlled_unresectable=controlled_unresectable,
    )
    known = cohort.add_factors(scores.add(known), design)
    if "SCP" in design.endpoints:
        known["short_scp"] = short_scp(known, short_scp_months, short_scp_censored)
    return known


def frames(
    known: pd.DataFrame, design: Design, *, entered_late: Literal["refuse", "drop"] = "refuse"
) -> dict[str, pd.DataFrame]:
    """The included patients ("patients") and the analysis frame of each endpoint they can feed.

    Parameters
    ----------
    known : pandas.DataFrame
        From `timed`.
    entered_late : {"refuse", "drop"}
        As `derive`.

    Returns
    -------
    dict of str to pandas.DataFrame
        All with the index of `known`, so that patients stay known across frames.
    """
    included = columns.part(known, cohort.eligibility(known, design).all(axis=1))
    return {"patients": included, **derive_all(included, design, entered_late=entered_late)}
