"""Patients under observation from their test on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm import survival
from crlm.causal import flags
from crlm.causal.adjusted import contrast, first, fitted
from crlm.causal.terms import design_of, learn, numbers, two_levels, words_of
from crlm.causal.timing import missing_record
from crlm.causal.weighted import check_months, endpoint_of, observed, quantile_of_level
from crlm.ledger import CohortError, rows


def late_entry(frame: pd.DataFrame, month_column: str) -> pd.DataFrame:
    """The patients under observation from their test on.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    month_column : str
        Month of the test on the frame's clock; negative: before time zero; missing: unknown,
        taken as time zero.

    Returns
    -------
    pandas.DataFrame
        With `entry` = the latest of the entry that was there, the test and 0. Patients whose
        follow-up ended before their test, or on its day, are left out.

    Raises
    ------
    CohortError
        If the column is absent, or nobody is left.
    """
    found, dropped = entered(frame, month_column)
    if not len(found):
        raise CohortError(
            f"All {dropped} patients were tested after the end of their follow-up. Check "
            f"{month_column}: it counts months from the operation."
        )
    return found


def from_test(
    frame: pd.DataFrame,
    month_column: str,
    *,
    exposure: str = "",
    adjust: Sequence[Sequence[str]] = (),
    times: Iterable[float] = (36.0, 60.0),
    ties: str = "efron",
    conf_type: str = "log-log",
    conf_level: float = 0.95,
    population: str = "all",
    limits: flags.Limits = flags.THRESHOLDS,
) -> pd.DataFrame:
    """Survival and an effect with every patient under observation from the test on.

    Parameters
    ----------
    frame, month_column
        As `late_entry`.
    exposure : str
        A column for curves by group and the hazard ratio, adjusted for `adjust`.
    adjust : sequence of (name, kind)
        As `propensity`.
    times, ties, conf_type, conf_level, population
        As `survival.kaplan_meier` and `regression.cox`.
    limits : mapping of str to float
        Thresholds of the flag, as `flags.THRESHOLDS`.

    Returns
    -------
    pandas.DataFrame
        Rows of model "late entry from test": `n` (with those left out told), `survival_rate`,
        and of the exposure `hazard_ratio` and `p`; of model "diagnostic" the flag `late tests`
        (more than 10 % tested after month 3). Without the column one row `missing`.

    Notes
    -----
    Delayed entry repairs the guaranteed time before the test. It does not repair testing
    because of how the disease went.

    References
    ----------
    Kehl KL et al. 2022, PMC9992002. Brown S et al. JAMA Oncol 2022;8:287.
    """
    if month_column not in frame:
        why = f"not asked: this table has no {month_column}; it would take patients from the test"
        return rows([missing_record(frame, "late entry from test", why, population)])
    model = "late entry from test"
    found, dropped = entered(frame, month_column)
    base = {"endpoint": endpoint_of(frame), "population": population}
    told = f"{dropped} of {len(frame)} whose follow-up ended before the test left out"
    raised = _late_flag(frame, month_column, base, limits)
    if not len(found):
        nobody = {**base, "model": model, "statistic": "n", "unit": "patients", "method": told}
        return rows([{**nobody, "estimate": 0, "n": 0}, raised])
    asked = check_months(times)
    parts = [
        survival.kaplan_meier(
            found, by, asked, conf_type=conf_type, conf_level=conf_level, population=population
        )
        for by in [None, *([exposure] if exposure else [])]
    ]
    rates = [part[part["statistic"].isin(["n", "survival_rate"])] for part in parts]
    if exposure:
        rates.append(_adjusted(found, exposure, adjust, ties, conf_level, population))
    whole = pd.concat(rates, ignore_index=True).assign(model=model)
    whole["method"] = whole["method"] + f"; from the test on, {told}"
    return pd.concat([whole, rows([raised])], ignore_index=True)


def entered(frame: pd.DataFrame, column: str) -> tuple[pd.DataFrame, int]:
    """The patients under observation from a month on, and how many are left out."""
    if column not in frame:
        raise CohortError(f"This table has no {column}. Add it, or leave the analysis out.")
    month = np.nan_to_num(numbers(frame[column]), nan=0.0)
    before = frame["entry"].to_numpy(dtype=float) if "entry" in frame else np.zeros(len(frame))
    entry = np.maximum(np.maximum(month, before), 0.0)
    # Whoever is under observation from time zero is at risk at time zero too.
    kept = (entry < frame["time"].to_numpy(dtype=float)) | (entry == 0)
    found = frame[kept].assign(entry=entry[kept])
    if not (found["entry"] > 0).any():
        found = found.drop(columns="entry")
    else:
        kept_late = found["entry"] < found["time"]
        found = found[kept_late]
    return found, len(frame) - len(found)


def _adjusted(
    frame: pd.DataFrame,
    exposure: str,
    adjust: Sequence[Sequence[str]],
    ties: str,
    conf_level: float,
    population: str,
) -> pd.DataFrame:
    treated, levels = two_levels(frame, exposure)
    scales, notes = learn(frame, [term for term in adjust if term[0] != exposure])
    x = np.column_stack([treated, design_of(frame, scales)])
    kept = np.isfinite(x).all(axis=1)
    text = f"Cox, {ties.capitalize()} ties, adjusted for {words_of(scales)}"
    at = {"endpoint": endpoint_of(frame), "population": population, "covariate": exposure}
    at |= {"level": levels[1], "n": int(kept.sum())}
    say = "; ".join([text, *notes])
    if not kept.any():
        why = f"not estimable: no complete case; {say}"
        return rows([{**at, "statistic": "hazard_ratio", "method": why}])
    data, z = observed(frame[kept]), quantile_of_level(conf_level)
    ratio, test = contrast(*fitted(data, x[kept], ties), first(x.shape[1]), z, say)
    at["events"] = data.n_events
    return rows([{**at, "statistic": "hazard_ratio", **ratio}, {**at, "statistic": "p", **test}])


def _late_flag(
    frame: pd.DataFrame, column: str, base: dict[str, Any], limits: flags.Limits
) -> dict[str, Any]:
    month = numbers(frame[column])
    month = month[np.isfinite(month)]
    share = float((month > limits["late_month"]).mean()) if len(month) else 0.0
    return flags.late_tests(share, len(month), limits, **base, model="diagnostic", n=len(month))
