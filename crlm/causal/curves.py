"""Weighted survival curves as steps, and the numbers at risk below them, raw and effective."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from crlm.causal.balance import MODELS
from crlm.causal.propensity import Kind, Propensity, weights
from crlm.causal.weighted import curve_of, endpoint_of, observed
from crlm.ledger import rows
from crlm.regression.engine import FollowUp
from crlm.survival.samples import check_times


def weighted_curve(
    frame: pd.DataFrame,
    exposure: str,
    model: Propensity,
    *,
    kind: Kind = "overlap",
    cap: float = 0.99,
) -> pd.DataFrame:
    """The weighted Kaplan-Meier curve of each side as steps, to be drawn or read.

    Parameters
    ----------
    frame, exposure, model, kind, cap
        As `weighted_effects`.

    Returns
    -------
    pandas.DataFrame
        Columns `group`, `time` (months), `survival` (0 to 1). Each side begins with time 0 and
        survival 1, has a row for each event time and ends with the last observed time. Empty
        where there is nothing to compare.
    """
    parts = []
    for group, data, at, given in _sides(frame, exposure, model.on(frame), kind, cap):
        curve = curve_of(data, at)
        steps = curve.survival(given)
        end = float(data.time[at].max())
        time = np.concatenate([[0.0], curve.times, [end]])
        level = np.concatenate([[1.0], steps, steps[-1:] if len(steps) else [1.0]])
        parts.append(pd.DataFrame({"group": group, "time": time, "survival": level}))
    empty = pd.DataFrame({"group": [], "time": [], "survival": []})
    return pd.concat(parts, ignore_index=True) if parts else empty


def weighted_risk_table(
    frame: pd.DataFrame,
    exposure: str,
    model: Propensity,
    times: Iterable[float] = (0, 12, 24, 36, 48, 60),
    *,
    kind: Kind = "overlap",
    cap: float = 0.99,
    population: str = "all",
) -> pd.DataFrame:
    """Patients at risk below weighted curves, and how many they are worth under the weights.

    Returns
    -------
    pandas.DataFrame
        For each side and time (months) rows `n_at_risk` (patients with entry < t <= time) and
        `effective_n` (squared sum of their weights over the sum of squares), model
        "overlap weighted" or "att weighted".
    """
    records = []
    base = {"endpoint": endpoint_of(frame), "population": population, "model": MODELS[kind]}
    for group, data, at, given in _sides(frame, exposure, model.on(frame), kind, cap):
        here = {**base, "group": group, "unit": "patients"}
        for month in check_times(times):
            w = given[at[_at_risk(data, at, month)]]
            row = {**here, "time": month, "n": len(w)}
            worth = w.sum() ** 2 / (w @ w) if w.sum() > 0 else 0.0
            told = "squared sum of weights over sum of squares (Kish), of those at risk"
            records += [
                {**row, "statistic": "n_at_risk", "estimate": len(w), "method": "at risk"},
                {**row, "statistic": "effective_n", "estimate": worth, "method": told},
            ]
    return rows(records)


def propensity_shares(model: Propensity, bins: int = 20) -> pd.DataFrame:
    """How the propensity is spread on each side: the share of its patients in each bin.

    Returns
    -------
    pandas.DataFrame
        Columns `group`, `low`, `high` (0 to 1) and `share` (%). Empty without two sides.
    """
    edges = np.linspace(0, 1, bins + 1)
    parts = []
    for code, level in enumerate(model.levels if model.fit is not None else ()):
        e = model.e[model.kept][model.treated[model.kept] == code]
        share = 100 * np.histogram(e, edges)[0] / max(len(e), 1)
        here = {"group": f"{model.exposure}={level}", "low": edges[:-1], "high": edges[1:]}
        parts.append(pd.DataFrame({**here, "share": share}))
    empty = pd.DataFrame({"group": [], "low": [], "high": [], "share": []})
    return pd.concat(parts, ignore_index=True) if parts else empty


def _sides(
    frame: pd.DataFrame, exposure: str, model: Propensity, kind: Kind, cap: float
) -> list[tuple[str, FollowUp, np.ndarray, np.ndarray]]:
    """Each side's name, the follow-up of all complete cases, its positions and all weights."""
    if model.fit is None:
        return []
    data = observed(frame[model.kept])
    given = weights(model, kind, cap)[model.kept]
    treated = model.treated[model.kept]
    return [
        (f"{exposure}={level}", data, np.flatnonzero(treated == code), given)
        for code, level in enumerate(model.levels)
    ]


def _at_risk(data: FollowUp, at: np.ndarray, month: float) -> np.ndarray:
    here = data.time[at] >= month * (1 - 1e-7)
    if data.entry is not None:
        here &= data.entry[at] < month
    return here
