"""Completed tables by chained equations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import expit

from crlm import lent
from crlm.causal.engine import firth, gram, independent, linear, newton, separated
from crlm.causal.terms import Scale, learn
from crlm.causal.weighted import observed
from crlm.ledger import CohortError, ParameterError

#: Fixed number of the analysis, for random numbers of its own.
IMPUTED = 7
#: Patients whose predictions are nearest; one of them gives its value.
_DONORS = 5
_BACK = {"log": np.exp, "log spline": np.exp, "log1p": np.expm1}


@dataclass
class Variable:
    """One covariate of the chain: its values, which of them are missing, and how it is drawn.

    Attributes
    ----------
    scale : Scale
    value : ndarray, shape (n,)
        A number on its scale, or the code of a level.
    missing : ndarray of bool
    shift : float
        Added to the log odds of the later levels where they are drawn.
    donor : ndarray of int
        Whose value each patient has (numbers matched to donors).
    columns : ndarray of int or None
        Predictors that are no combination of earlier ones, once known.
    """

    scale: Scale
    value: np.ndarray
    missing: np.ndarray
    shift: float
    donor: np.ndarray
    columns: np.ndarray | None = None

    @property
    def block(self) -> np.ndarray:
        """Its columns as a predictor."""
        if not self.scale.levels:
            return self.value[:, None]
        return (self.value[:, None] == np.arange(1, len(self.scale.levels))).astype(float)


@lent.pure
def impute(
    frame: pd.DataFrame,
    terms: Sequence[Sequence[str]],
    m: int = 20,
    seed: int = 0,
    *,
    exposure: str = "",
    outcomes: Mapping[str, pd.DataFrame] | None = None,
    cycles: int = 10,
    how: Literal["match", "normal"] = "match",
    shift: Mapping[str, float] | None = None,
) -> list[pd.DataFrame]:
    """Completed tables by chained equations.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a patient; an analysis frame, or patients with `outcomes`.
    terms : sequence of (name, kind)
        Every covariate of any model that will be fitted, and the exposure; numbers enter on
        their scale ("log"), factors by their levels. A score has to be computed from its
        completed parts afterwards, and stays out.
    m : int
        Tables; 0 gives none.
    seed : int
    exposure : str
        A factor of `terms` whose products with the events are predictors.
    outcomes : mapping of str to pandas.DataFrame, optional
        Analysis frames on the same index: event and Nelson-Aalen cumulative hazard at the
        patient's own time (late entry honoured) of each are predictors. By default the frame
        itself if it is one.
    cycles : int
        Rounds of the chain, from the least to the most missing covariate.
    how : {"match", "normal"}
        A number takes the value of one of the five observed patients with the nearest
        prediction, or is drawn from the normal model.
    shift : mapping of str to float, optional
        Added to the log odds of the later levels of a factor where it is drawn: sensitivity
        to values that are missing because of what they are.

    Returns
    -------
    list of pandas.DataFrame
        `m` copies of the frame without a missing value in the terms. A column with fewer than two
        known values tells nothing and stays as it is.

    Raises
    ------
    ParameterError
        If `m`, `cycles` or `how` makes no sense, or a shift names no factor of the terms.
    CohortError
        As `causal.propensity`.

    Notes
    -----
    Two levels: logistic, coefficients drawn from their normal, with Firth's penalty where the
    levels are separated; more levels: one such model for each level among those not below it.
    Numbers: linear model, variance from its scaled inverse chi-square, coefficients from their
    normal.
    """
    for name, value in (("m", m), ("cycles", cycles)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ParameterError(f"{name} must be a whole number from 0 but is {value!r}.")
    if how not in ("match", "normal"):
        raise ParameterError(f"how must be 'match' or 'normal' but is {how!r}.")
    scales, _ = learn(frame, [(name, _plain(kind)) for name, kind in terms])
    if exposure and exposure not in [name for name, _ in terms]:
        raise ParameterError(f'{exposure} is no term; add ["{exposure}", "factor"] to the terms.')
    wrong = set(shift or {}) - {scale.name for scale in scales if scale.levels}
    if wrong:
        raise ParameterError(f"shift names {', '.join(sorted(wrong))}, no factor of the terms.")
    fixed, events = _outcome_columns(frame, outcomes)
    rng = np.random.default_rng([seed, IMPUTED])
    tables = []
    for _ in range(m):
        chain = [
            _started(frame, scale, (shift or {}).get(scale.name, 0.0), rng) for scale in scales
        ]
        for _ in range(cycles if any(one.missing.any() for one in chain) else 0):
            for one in sorted(chain, key=lambda v: int(v.missing.sum())):
                if one.missing.any():
                    _draw(one, _predictors(chain, one, exposure, fixed, events), how, rng)
        tables.append(_filled(frame, chain, how))
    return tables


def _plain(kind: str) -> str:
    """A spline is imputed on its straight scale."""
    return {"spline": "linear", "log spline": "log"}.get(kind, kind)


def _started(frame: pd.DataFrame, scale: Scale, shift: float, rng: np.random.Generator) -> Variable:
    """A covariate whose missing values are draws from the observed ones."""
    if scale.levels:
        block = scale.value(frame)
        value = np.where(
            np.isnan(block).any(axis=1), np.nan, block @ np.arange(1, len(scale.levels))
        )
    else:
        value = scale.value(frame)[:, 0]
    missing = ~np.isfinite(value)
    donor = np.arange(len(value))
    donor[missing] = rng.choice(np.flatnonzero(~missing), int(missing.sum()))
    return Variable(scale, value[donor], missing, shift, donor)


def _outcome_columns(
    frame: pd.DataFrame, outcomes: Mapping[str, pd.DataFrame] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Events and cumulative hazards (n, 2 a outcome), and the events by themselves."""
    if outcomes is None:
        outcomes = {"": frame} if "time" in frame and "event" in frame else {}
    columns, events = [], []
    for name, one in outcomes.items():
        if not one.index.isin(frame.index).all() or one.index.has_duplicates:
            raise CohortError(
                f"The analysis frame of {name or 'the outcome'} holds patients that the table "
                "does not. Make both from one table."
            )
        event = pd.Series(one["event"].to_numpy(dtype=float), index=one.index)
        hazard = pd.Series(nelson_aalen(one), index=one.index)
        for values, kept in ((event, events), (hazard, None)):
            whole = values.reindex(frame.index)
            whole = whole.fillna(whole.mean()).to_numpy()
            columns.append(whole)
            if kept is not None:
                kept.append(whole)
    empty = np.zeros((len(frame), 0))
    return (
        np.column_stack(columns) if columns else empty,
        np.column_stack(events) if events else empty,
    )


def nelson_aalen(frame: pd.DataFrame) -> np.ndarray:
    """The cumulative hazard at each patient's own time (R: `survfit(..., ctype = 1)$cumhaz`)."""
    data = observed(frame)
    times, code = np.unique(data.time[data.event == 1], return_inverse=True)
    at_risk = len(data.time) - np.searchsorted(np.sort(data.time), times, side="left")
    if data.entry is not None:
        not_yet = data.n - np.searchsorted(np.sort(data.entry), times, side="left")
        at_risk = at_risk - not_yet
    hazard = np.cumsum(np.bincount(code, minlength=len(times)) / np.maximum(at_risk, 1))
    return np.concatenate([[0.0], hazard])[np.searchsorted(times, data.time, side="right")]


def _predictors(
    chain: Sequence[Variable],
    one: Variable,
    exposure: str,
    fixed: np.ndarray,
    events: np.ndarray,
) -> np.ndarray:
    blocks = [fixed, *(other.block for other in chain if other is not one)]
    for other in chain:
        if other.scale.name == exposure and other is not one:
            blocks += [other.block * events[:, [j]] for j in range(events.shape[1])]
    x = np.hstack(blocks)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    full = np.column_stack([np.ones(len(x)), x])
    if one.columns is None:
        one.columns = independent(full[~one.missing])
    return full[:, one.columns]


def _draw(one: Variable, x: np.ndarray, how: str, rng: np.random.Generator) -> None:
    """New values where the covariate is missing, given all others."""
    if one.scale.levels:
        _draw_level(one, x, rng)
        return
    seen = ~one.missing
    y = one.value[seen]
    beta, drawn, sigma = _linear(x[seen], y, rng)
    guess = linear(x[one.missing], drawn)
    if how == "normal":
        one.value[one.missing] = guess + sigma * rng.standard_normal(len(guess))
        return
    donors = _nearest(linear(x[seen], beta), guess, rng)
    one.donor[one.missing] = np.flatnonzero(seen)[donors]
    one.value[one.missing] = y[donors]


def _linear(
    x: np.ndarray, y: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Least squares, and a draw of coefficients and error from what the data say of them."""
    inverse = np.linalg.pinv(gram(x, np.ones(len(y))))
    beta = inverse @ np.einsum("ij,i->j", x, y)
    left = y - linear(x, beta)
    df = max(len(y) - x.shape[1], 1)
    sigma = math.sqrt(float(left @ left) / rng.chisquare(df))
    return beta, beta + sigma * _root(inverse) @ rng.standard_normal(len(beta)), sigma


def _root(matrix: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance.

    The only one that does not hang on the signs and the turn of eigenvectors, which are another
    processor's to choose: with any other, a seed would draw other values there.
    """
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def _nearest(seen: np.ndarray, guess: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each guess one of the observed patients with the nearest predictions."""
    order = np.argsort(seen, kind="stable")
    ranked = seen[order]
    few = min(_DONORS, len(seen))
    places = np.searchsorted(ranked, guess)
    window = np.clip(places[:, None] + np.arange(-few, few), 0, len(seen) - 1)
    away = np.abs(ranked[window] - guess[:, None])
    # A place at the edge stands in the window many times; only once it counts.
    away[:, 1:][window[:, 1:] == window[:, :-1]] = np.inf
    close = np.argsort(away, axis=1, kind="stable")[:, :few]
    pick = close[np.arange(len(guess)), rng.integers(0, few, len(guess))]
    return order[window[np.arange(len(guess)), pick]]


def _draw_level(one: Variable, x: np.ndarray, rng: np.random.Generator) -> None:
    """Levels in turn: this one, or one of the later ones, among those not below it."""
    seen = ~one.missing
    drawn = np.full(int(one.missing.sum()), len(one.scale.levels) - 1, dtype=float)
    undecided = np.ones(len(drawn), dtype=bool)
    for level in range(len(one.scale.levels) - 1):
        among = seen & (one.value >= level)
        answer = (one.value[among] > level).astype(float)
        chances = expit(linear(x[one.missing], _logistic(answer, x[among], rng)) + one.shift)
        stays = undecided & (rng.random(len(drawn)) >= chances)
        drawn[stays] = level
        undecided &= ~stays
    one.value[one.missing] = drawn


def _logistic(answer: np.ndarray, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Coefficients of a logistic model, drawn from what the data say of them."""
    ones = np.ones(len(answer))
    beta, settled = newton(answer, x, ones)
    if not settled or separated(expit(linear(x, beta))):
        beta = firth(answer, x, ones)
    share = expit(linear(x, beta))
    information = gram(x, share * (1 - share))
    root = _root(np.linalg.pinv(information, hermitian=True))
    return beta + root @ rng.standard_normal(len(beta))


def _filled(frame: pd.DataFrame, chain: Sequence[Variable], how: str) -> pd.DataFrame:
    found: dict[str, pd.Series] = {}
    for one in chain:
        if not one.missing.any():
            continue
        column = frame[one.scale.name]
        if one.scale.levels:
            texts = [one.scale.levels[int(code)] for code in one.value[one.missing]]
            filled = column.astype(object)
            filled[one.missing] = texts
            found[one.scale.name] = filled.astype(column.dtype)
        elif how == "match":
            found[one.scale.name] = column.iloc[one.donor].set_axis(column.index)
        else:
            values = column.astype(float)
            back = _BACK.get(one.scale.kind, lambda x: x)
            values[one.missing] = back(one.value[one.missing])
            found[one.scale.name] = values
    return replaced(frame, found)


def replaced(frame: pd.DataFrame, columns: Mapping[str, pd.Series]) -> pd.DataFrame:
    """The frame with some columns anew; the others are the frame's own memory, not copies.

    Twenty completed tables of a million patients differ in few columns. Neither frame may be
    written into.
    """
    kept = {name: columns[name] if name in columns else frame[name] for name in frame}
    more = {name: column for name, column in columns.items() if name not in kept}
    return pd.DataFrame({**kept, **more}, index=frame.index, copy=False)
