"""One Cox model on plain columns, and ratios that are sums of its coefficients.

Where the likelihood has no maximum in the direction that is asked, a row says so. No penalty is
put in its place: adjusted for many columns that would take minutes, and tell little.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import ndtr

from crlm.causal.engine import NO_LIMITS, RUNNING_AWAY
from crlm.regression.engine import Fit, FollowUp, cox_fit


def too_many(data: FollowUp, columns: int) -> str:
    """Why a model is not fitted; empty where it can be."""
    if not data.n_events:
        return "not estimable: no event"
    if data.n_events < columns:
        return f"not estimable: {columns} columns for {data.n_events} events"
    return ""


def fitted(data: FollowUp, x: np.ndarray, ties: str) -> tuple[Fit | None, str]:
    """The Cox model of these columns, or why there is none."""
    why = too_many(data, x.shape[1])
    return (None, why) if why else (cox_fit(data, x, ties), "")


def contrast(
    fit: Fit | None, why: str, which: np.ndarray, z: float, say: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ratio of a sum of log ratios with Wald limits, and its p value, as two records.

    Parameters
    ----------
    fit, why
        From `fitted`.
    which : ndarray, shape (p,)
        What each coefficient counts in the sum.
    """
    if fit is not None and not why:
        why = _unknown(fit, which)
    if fit is None or why:
        told = {"method": f"{why}; {say}"}
        return told, dict(told)
    b = float(which @ np.nan_to_num(fit.coef))
    error = math.sqrt(max(float(which @ fit.var @ which), 0.0))
    if abs(b) > RUNNING_AWAY:
        told = {"method": f"not estimable: the ratio is infinite, for one side has no event; {say}"}
        return told, dict(told)
    if not 0 < error < NO_LIMITS:
        told = {"method": f"not estimable: too few events for so many covariates; {say}"}
        return told, dict(told)
    ends = [math.exp(v) for v in (b, b - z * error, b + z * error)]
    ratio = dict(zip(("estimate", "conf_low", "conf_high"), ends, strict=True))
    p = 2 * float(ndtr(-abs(b / error)))
    return {**ratio, "method": f"{say}, Wald CI"}, {"estimate": p, "method": f"Wald; {say}"}


def _unknown(fit: Fit, which: np.ndarray) -> str:
    used = which != 0
    if fit.infinite[used].any():
        return "not estimable: the ratio is infinite, for one side has no event"
    if fit.collinear[used].any():
        return "not estimable: it does not vary apart from the other covariates"
    return ""


def first(width: int) -> np.ndarray:
    """The contrast that is the first coefficient."""
    return np.eye(1, width)[0]
