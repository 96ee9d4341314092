"""Tests between survival curves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from crlm.ledger import CohortError, rows
from crlm.survival.samples import (
    By,
    Sample,
    check_frame,
    codes_of,
    make_sample,
    names_of,
    number_at_risk,
    row_base,
    split,
    take,
)


def logrank(
    frame: pd.DataFrame,
    by: str | Sequence[str],
    *,
    strata: By = None,
    population: str = "all",
) -> pd.DataFrame:
    """Log-rank test between the groups, stratified if asked.

    Parameters
    ----------
    by : str or sequence of str
        Column, or columns whose joint levels are the groups.
    strata : str or sequence of str, optional
        Expected events are counted within the joint levels of these columns.

    Returns
    -------
    pandas.DataFrame
        Result rows `chi_square` and `p`, `group` the bare column, model "logrank"; the method
        names the degrees of freedom. Both are missing if no event can tell groups apart.

    Raises
    ------
    CohortError
        As `kaplan_meier`, or if there are fewer than two groups.
    ParameterError
        If a column does not exist.

    Notes
    -----
    Mantel-Haenszel with the hypergeometric variance, as R's `survdiff`; with late entry the
    score test of R's `coxph(ties = "exact")`. Degrees of freedom are the rank of the variance.
    """
    check_frame(frame)
    columns, within = names_of(frame, by), names_of(frame, strata)
    code, labels = codes_of(frame, columns)
    stratum, _ = codes_of(frame, within)
    known = np.flatnonzero((code >= 0) & (stratum >= 0))
    code, stratum = code[known], stratum[known]
    _need_two_groups(columns, [labels[i] for i in np.unique(code)])
    sample = make_sample(frame, known)
    excess, variance = np.zeros(len(labels)), np.zeros((len(labels), len(labels)))
    for part in split(stratum):
        more, spread = _observed_less_expected(take(sample, part), code[part], len(labels))
        excess, variance = excess + more, variance + spread
    chi_square, df = _quadratic_form(excess, variance)
    text = f"log-rank test, {df} df" if df else "log-rank test, no event tells groups apart"
    text += f", stratified by {', '.join(within)}" if within else ""
    base = {
        **row_base(frame, ",".join(columns), sample, population),
        "model": "logrank",
        "method": text + (", late entry" if sample.late else ""),
    }
    p = chdtrc(df, chi_square) if df else math.nan
    return rows(
        [
            {**base, "statistic": "chi_square", "estimate": chi_square},
            {**base, "statistic": "p", "estimate": p},
        ]
    )


def _need_two_groups(columns: Sequence[str], groups: Sequence[str]) -> None:
    if len(groups) < 2:
        raise CohortError(
            f"A log-rank test needs at least two groups of {', '.join(columns) or 'a column'}; "
            f"this frame has {groups[0] if groups else 'no patient with a known level'} only. "
            "Choose another column or a wider cohort."
        )


def _observed_less_expected(
    sample: Sample, code: np.ndarray, n_groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Observed less expected events of each group in one stratum, and their covariance."""
    times, deaths = np.unique(sample.time[sample.event], return_counts=True)
    at_risk = np.zeros((len(times), n_groups))
    for group in range(n_groups):
        at_risk[:, group] = number_at_risk(take(sample, code == group), times)
    total = at_risk.sum(axis=1)
    share = at_risk / total[:, None]
    observed = np.bincount(code[sample.event], minlength=n_groups)
    weight = deaths * (total - deaths) / np.maximum(total - 1, 1)
    weighted = share * weight[:, None]
    variance = -weighted.T @ share
    np.fill_diagonal(variance, (weighted * ((total[:, None] - at_risk) / total[:, None])).sum(0))
    return observed - deaths @ share, variance


def _quadratic_form(excess: np.ndarray, variance: np.ndarray) -> tuple[float, int]:
    """The form u' V^- u and the rank of V, with V as correlations so that small groups count."""
    scale = np.sqrt(np.diag(variance))
    varies = scale > 0
    if not varies.any():
        return math.nan, 0
    scale = scale[varies]
    values, vectors = np.linalg.eigh(variance[np.ix_(varies, varies)] / np.outer(scale, scale))
    kept = values > 1e-10
    along = vectors[:, kept].T @ (excess[varies] / scale)
    return float((along**2 / values[kept]).sum()), int(kept.sum())
