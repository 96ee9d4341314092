"""What a Cox model rests on, and how well a score sorts patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import CohortError, rows
from crlm.ledger.chapter import Thresholds
from crlm.refusals import choice
from crlm.regression.engine import TIES, FollowUp, concordance, proportional_hazards
from crlm.regression.models import make_sample
from crlm.regression.solution import check_level, cox_family, solve
from crlm.regression.terms import check_follow_up, check_names, complete, follow_up

TRANSFORMS = ("km", "identity", "rank", "log")
#: A p of proportional hazards below this is worth a warning.
DRIFTS = Thresholds().hazards_p


def ph_test(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    *,
    ties: str = "efron",
    transform: str = "km",
    model: str = "ph_test",
    population: str = "all",
    strata: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Do the hazard ratios stay the same over time? One test a covariate and one for all.

    Parameters
    ----------
    transform : {"km", "identity", "rank", "log"}
        The function of time along which a coefficient may drift.
    model : str
        Written into the rows; a name of its own for each of several models of an endpoint.
    frame, covariates, ties, population, strata
        As in `cox`.

    Returns
    -------
    pandas.DataFrame
        Rows `chi_square` and `p` for each covariate (all levels together, level "")
        and for covariate "GLOBAL". NaN with the reason in `method` where the model has
        no ordinary fit, or with "log" where an event at time 0 has no logarithm.

    Raises
    ------
    ParameterError, CohortError
        As `cox`; or if the transform is unknown.

    References
    ----------
    Grambsch PM, Therneau TM. Biometrika 1994;81:515. The exact score test, as in
    R's cox.zph since survival 3.0.
    """
    choice("ties", ties, TIES)
    choice("transform", transform, TRANSFORMS)
    sample = make_sample(frame, covariates, strata)
    family = cox_family(sample.data, ties, sample.strata)
    solution = solve(family, sample.design, interval="wald")
    keys: dict[str, Any] = {
        "endpoint": sample.endpoint,
        "population": population,
        "model": model,
        "n": sample.data.n,
        "events": sample.data.n_events,
    }
    estimable = [j for j in range(sample.design.x.shape[1]) if j not in solution.notes]
    terms = [
        (term.name, [estimable.index(j) for j in term.columns if j in estimable])
        for term in sample.design.terms
    ]
    tested = [(name, columns) for name, columns in terms if columns]
    reason, tests = "not tested: the model has no ordinary estimate", []
    if estimable and solution.interval.startswith("Wald"):
        reason = _no_logarithm(sample.data, transform)
        columns = [c for _, c in tested]
        if not reason:
            reason = "not tested: the events are too few for so many covariates"
            x = sample.design.x[:, estimable]
            tests = proportional_hazards(sample.data, x, ties, transform, columns)
    found = dict(zip([*(name for name, _ in tested), "GLOBAL"], tests, strict=bool(tests)))
    records = []
    for name in [*(name for name, _ in terms), "GLOBAL"]:
        chi_square, df, p = found.get(name, (np.nan, 0, np.nan))
        method = f"{family.method}, proportional hazards score test ({transform} time, df {df:g})"
        if name not in found:
            method = "not tested: no estimate of this covariate" if tests else reason
        records += _records(keys, name, chi_square, p, method)
    return rows(records)


def drifts(
    tests: pd.DataFrame, exposure: str, *, p: float = DRIFTS, name: str = "", endpoint: str = ""
) -> pd.DataFrame:
    """The flag "proportional hazards": the ratio of the exposure, or of any, drifts over time.

    Parameters
    ----------
    tests : pandas.DataFrame
        From `ph_test`, of one model.
    exposure : str
    p : float
        Raised where the test of all covariates or that of the exposure has a smaller p.
    name : str
        The exposure in words.
    endpoint : str
        Written into the row.
    """
    own = tests[tests["statistic"] == "p"].set_index("covariate")["estimate"]
    whole, alone = own.get("GLOBAL", np.nan), own.get(exposure, np.nan)
    text = (
        f"proportional hazards, transform km: p {whole:.2g} for all covariates, {alone:.2g} for "
        f"{name or exposure} (raised below {p:g})"
    )
    if not (np.isfinite(whole) and np.isfinite(alone)):
        text = "not tested: the model has no ordinary estimate"
    raised = float(whole < p or alone < p)
    keys = {"endpoint": endpoint, "covariate": "proportional hazards", "model": "diagnostic"}
    return rows([{**keys, "statistic": "flag", "estimate": raised, "method": text}])


def _no_logarithm(data: FollowUp, transform: str) -> str:
    """Why the logarithm of time is no axis to test along; empty if it is one."""
    at_zero = int((data.event[data.time <= 0] == 1).sum())
    if transform != "log" or not at_zero:
        return ""
    what = "an event" if at_zero == 1 else f"{at_zero} events"
    return f"not tested: {what} at time 0, which has no logarithm; choose another transform"


def cindex(
    frame: pd.DataFrame,
    score: str,
    *,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """How often the patient with the higher score has the event first (Harrell's concordance).

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    score : str
        A number, or an ordered category; higher = worse.

    Returns
    -------
    pandas.DataFrame
        Rows `concordance` (Wald limits) and `se`, covariate = the score. 0.5 is
        no better than chance; ties in the score count one half.

    Raises
    ------
    ParameterError, CohortError
        If the score is absent or text.

    References
    ----------
    Harrell FE et al. JAMA 1982;247:2543. Standard error: infinitesimal
    jackknife, as R's `concordance(..., reverse = TRUE)`.
    """
    z = check_level(conf_level)
    check_names(frame, [score])
    part = complete(frame, [*check_follow_up(frame), score])
    data = follow_up(part)
    keys: dict[str, Any] = {
        "endpoint": str(frame["endpoint"].iloc[0]) if "endpoint" in frame and len(frame) else "",
        "population": population,
        "covariate": score,
        "n": data.n,
        "events": data.n_events,
    }
    value, error = np.nan, np.nan
    method = f"not estimable: {data.n_events} events among {data.n} patients"
    if data.n_events and data.n > 1:
        value, error = concordance(data, _numbers(part[score]))
        method = "Harrell's concordance, infinitesimal jackknife SE, Wald CI"
    low, high = value - z * error, value + z * error
    estimate = {"statistic": "concordance", "estimate": value, "conf_low": low, "conf_high": high}
    return rows(
        {**keys, **what, "method": method}
        for what in (estimate, {"statistic": "se", "estimate": error})
    )


def _records(
    keys: dict[str, Any], name: str, chi_square: float, p: float, method: str
) -> list[dict[str, Any]]:
    at = {**keys, "covariate": name, "method": method}
    return [
        {**at, "statistic": "chi_square", "estimate": chi_square},
        {**at, "statistic": "p", "estimate": p},
    ]


def _numbers(column: pd.Series) -> np.ndarray:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(float)
    if not pd.api.types.is_numeric_dtype(column):
        raise CohortError(f"The score {column.name!r} holds text; it must be a number or ordered.")
    return column.to_numpy(dtype=float)
