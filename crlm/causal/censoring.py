"""A yes-no outcome at a month, where some patients were lost before: weights for the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm.causal.engine import chance, tail_sums
from crlm.causal.terms import Scale, design_of, learn, words_of
from crlm.causal.weighted import (
    check_months,
    check_samples,
    endpoint_of,
    observed,
    quantile_of_level,
    resampled,
    spread_of,
)
from crlm.ledger import rows
from crlm.regression.engine import FollowUp

#: Fixed number of the analysis, for random numbers of its own.
CENSORED = 5
_MODEL = "censoring weighted"
#: Two times closer than this (relative) are one.
_CLOSE = 1e-7


def odds_by_month(
    frame: pd.DataFrame,
    terms: Sequence[Sequence[str]],
    month: float,
    *,
    rival: str = "",
    endpoint: str = "",
    samples: int = 200,
    seed: int = 0,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Odds of the event by a month, those censored before it replaced by those who were not.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame, without late entry.
    terms : sequence of (name, kind)
        Covariates, as `propensity`.
    month : float
    rival : str
        A yes-no column of events that end the time instead (death before failure): these
        patients are known not to have the event. Without it such a time is censored.
    endpoint : str
        Of the rows; that of the frame otherwise.
    samples, seed : int
        Resamples of patients, weights and model fitted again in each; 0: no limits.

    Returns
    -------
    pandas.DataFrame
        Rows `odds_ratio` of model "censoring weighted", one a column of the terms; `time` is
        the month, `n` the patients with a weight.

    Notes
    -----
    A patient with the event or the rival at T has weight 1 / G(T-), one followed beyond the
    month 1 / G(month), one censored before it none; G is the Kaplan-Meier curve of being
    censored, events before censorings of the same day (R: `rttright`).

    References
    ----------
    Robins JM, Finkelstein DM. Biometrics 2000;56:779.
    """
    z, (month,) = quantile_of_level(conf_level), check_months([month])
    scales, notes = learn(frame, terms)
    x = design_of(frame, scales)
    kept = np.isfinite(x).all(axis=1)
    base = {"endpoint": endpoint or endpoint_of(frame), "population": population, "time": month}
    base |= {"model": _MODEL, "statistic": "odds_ratio"}
    say = f"logistic on {words_of(scales)}, weights for those censored before month {month:g}"
    say = "; ".join([say, f"complete cases: {kept.sum():,} of {len(kept):,} patients", *notes])
    data = observed(frame)
    ended = _ended(frame, data, rival)
    answer = (data.event == 1) & (data.time <= month * (1 + _CLOSE))
    given = _weights(data, ended, np.ones(data.n), month)
    why = _why_not(data, answer[kept], given[kept])
    columns = _columns(scales)
    if why or not columns:
        why = why or "not estimable: no covariate varies"
        return rows([{**base, "covariate": name, "method": f"{why}; {say}"} for name, _ in terms])

    def once(counts: np.ndarray) -> np.ndarray:
        w = (counts * _weights(data, ended, counts, month))[kept]
        return _coefficients(answer[kept], x[kept], w)

    at = once(np.ones(data.n))
    drawn = resampled(data.n, samples, seed, CENSORED, once) if check_samples(samples) else None
    errors = np.full(len(at), np.nan) if drawn is None else spread_of(drawn)
    many = f"{samples} resamples, weights fitted again; " if samples else ""
    used = kept & (given > 0)
    base |= {"n": int(used.sum()), "events": int(answer[used].sum()), "method": many + say}
    return rows(
        [
            {**base, "covariate": name, "level": level, **_limits(b, error, z)}
            for (name, level), b, error in zip(columns, at, errors, strict=True)
        ]
    )


def _ended(frame: pd.DataFrame, data: FollowUp, rival: str) -> np.ndarray:
    """Whose time ended with the event or with its rival."""
    other = frame[rival].astype("boolean").fillna(False).to_numpy(dtype=bool) if rival else False
    return (data.event == 1) | other


def _weights(data: FollowUp, ended: np.ndarray, counts: np.ndarray, month: float) -> np.ndarray:
    """One over the chance of still being followed; 0 for those lost before the month."""
    lost = ~ended & (counts > 0)
    times = np.unique(data.time[lost])
    gone = _at(times, data.time[lost], counts[lost])
    # Events come before censorings of the same day.
    at_risk = tail_sums(data.time, counts, times) - _at(times, data.time[ended], counts[ended])
    share = np.divide(gone, at_risk, out=np.zeros(len(times)), where=at_risk > 0)
    chances = np.concatenate([[1.0], np.cumprod(1 - share)])
    beyond = data.time > month * (1 - _CLOSE)
    early = ended & (data.time <= month * (1 + _CLOSE))
    until = np.where(early, data.time, month)
    chance_there = chances[np.searchsorted(times, until, side="left")]
    return np.where(early | beyond, 1 / np.maximum(chance_there, 1e-12), 0.0)


def _at(times: np.ndarray, moments: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """How many of these moments fall on each of the times."""
    place = np.searchsorted(times, moments)
    here = place < len(times)
    here[here] = times[place[here]] == moments[here]
    return np.bincount(place[here], counts[here], minlength=len(times))


def _coefficients(answer: np.ndarray, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    used = w > 0
    if not answer[used].any() or answer[used].all():
        return np.full(x.shape[1], np.nan)
    return chance(answer[used].astype(float), x[used], w[used]).coef[1:]


def _columns(scales: Sequence[Scale]) -> list[tuple[str, str]]:
    """The covariate and level of each column."""
    return [(scale.name, label) for scale in scales for label in scale.labels]


def _why_not(data: FollowUp, answer: np.ndarray, given: np.ndarray) -> str:
    if data.entry is not None and (data.entry > 0).any():
        return "not estimable: a yes-no outcome cannot honour late entry"
    known = given > 0
    if not answer[known].any() or answer[known].all():
        return "not estimable: all known patients have the same answer"
    return ""


def _limits(b: float, error: float, z: float) -> dict[str, Any]:
    if not math.isfinite(b) or abs(b) > 12:
        return {"method": "not estimable: the ratio has no maximum"}
    ends = np.exp([b, b - z * error, b + z * error])
    return dict(zip(("estimate", "conf_low", "conf_high"), map(float, ends), strict=True))
