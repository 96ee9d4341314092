"""Who gets a treatment: the propensity of each patient, weights from it, and balance under them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import expit

from crlm.causal import flags
from crlm.causal.balance import MODELS, balance_of
from crlm.causal.engine import Chance, chance, firth, firth_from, newton, newton_each
from crlm.causal.terms import Scale, design_of, learn, two_levels, words_of
from crlm.ledger import ParameterError

Kind = Literal["overlap", "att"]


@dataclass(frozen=True, eq=False)
class Propensity:
    """The chance of the second level of an exposure, given covariates.

    Attributes
    ----------
    exposure : str
    levels : tuple of str
        The two levels; the second is modelled.
    scales : tuple of Scale
        How the covariates enter.
    frame : pandas.DataFrame
        The patients it was learnt on.
    modifier : str
        A column whose products with the first two terms are in the model; often empty.
    indicators : Scale or None
        The modifier's columns.
    treated : ndarray, shape (n,)
        1 for the second level, 0 for the first, NaN unknown.
    x : ndarray, shape (n, p)
        The design, without the intercept.
    kept : ndarray of bool, shape (n,)
        Complete cases.
    fit : Chance or None
        Of the complete cases; None where there is nothing to fit.
    why : str
        Why there is no estimate.
    notes : tuple of str
        Terms left out or changed.
    population : str
    """

    exposure: str
    levels: tuple[str, str]
    scales: tuple[Scale, ...]
    frame: pd.DataFrame = field(repr=False)
    modifier: str
    indicators: Scale | None
    treated: np.ndarray = field(repr=False)
    x: np.ndarray = field(repr=False)
    kept: np.ndarray = field(repr=False)
    fit: Chance | None = field(repr=False)
    why: str
    notes: tuple[str, ...]
    population: str = "all"

    @property
    def design(self) -> np.ndarray:
        """The design (n, p), without the intercept; rows of `kept` are complete."""
        return self.x

    @cached_property
    def e(self) -> np.ndarray:
        """The propensity of each patient (n,); missing for incomplete cases."""
        e = np.full(len(self.frame), np.nan)
        if self.fit is not None:
            e[self.kept] = self.fit.chance
        return e

    @cached_property
    def diagnostics(self) -> pd.DataFrame:
        """Balance before weighting and under overlap weights, overlap, flags: as `balance`."""
        return balance_of(self, {"overlap": weights(self, "overlap", 1.0)})

    @property
    def method(self) -> str:
        """How the propensity was estimated, for methods."""
        text = f"propensity: logistic on {words_of(self.scales)}"
        if self.modifier:
            text += f", products with {self.modifier}"
        if self.fit is not None and self.fit.penalised:
            text += ", Firth's penalty for separation"
        complete = f"complete cases: {self.kept.sum():,} of {len(self.kept):,} patients"
        return "; ".join([text, complete, *self.notes])

    def refit(self, counts: np.ndarray) -> np.ndarray:
        """The propensity of each complete case where patients are drawn so many times.

        Parameters
        ----------
        counts : ndarray, shape (complete cases,)
            How often each is drawn.

        Returns
        -------
        ndarray, shape (complete cases,)
            Missing for all where one side was not drawn.
        """
        return self.refits(counts[None])[0]

    def refits(self, counts: np.ndarray) -> np.ndarray:
        """As `refit`, of several resamples at once.

        Parameters
        ----------
        counts : ndarray, shape (samples, complete cases)

        Returns
        -------
        ndarray, shape (samples, complete cases)
        """
        treated, full, start = self._resampling
        found, drawn = np.full(counts.shape, np.nan), counts @ treated
        both = (drawn > 0) & (drawn < counts.sum(axis=1))
        if self.fit is None or not both.any():
            return found
        if self.fit.penalised:
            beta = np.array([firth_from(treated, full, one, start) for one in counts[both]])
        else:
            beta = newton_each(treated, full, counts[both], start)
        found[both] = expit(np.einsum("ij,kj->ki", full, beta))
        return found

    @cached_property
    def _resampling(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Treatment, standardised design with intercept, and coefficients to begin from."""
        x, treated = self.x[self.kept], self.treated[self.kept]
        if self.fit is not None:
            x = np.delete(x, self.fit.dropped, axis=1)
        spread = x.std(axis=0) if len(x) else np.ones(x.shape[1])
        full = (x - (x.mean(axis=0) if len(x) else 0)) / np.where(spread > 0, spread, 1.0)
        full = np.column_stack([np.ones(len(x)), full])
        start, ones = np.zeros(full.shape[1]), np.ones(len(x))
        if self.fit is not None:
            fit = firth if self.fit.penalised else lambda *of: newton(*of)[0]
            start = fit(treated, full, ones)
        return treated, full, start

    def on(self, frame: pd.DataFrame) -> Propensity:
        """The same model, knots and levels kept, of the patients of another frame."""
        if frame is self.frame:
            return self
        other = _fitted(
            frame,
            self.exposure,
            self.scales,
            self.modifier,
            self.indicators,
            self.notes,
            self.population,
        )
        return self if _same(self, other) else other


def _same(one: Propensity, other: Propensity) -> bool:
    return np.array_equal(one.treated, other.treated, equal_nan=True) and np.array_equal(
        one.x, other.x, equal_nan=True
    )


def propensity(
    frame: pd.DataFrame,
    exposure: str,
    terms: Sequence[Sequence[str]],
    *,
    modifier: str = "",
    population: str = "all",
) -> Propensity:
    """The chance of being treated, given what was known before.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a patient: the exposure and the covariates.
    exposure : str
        A column of two levels; the chance of the second is modelled.
    terms : sequence of (name, kind)
        `kind` is "linear", "log", "log1p", "spline" (natural, three degrees of freedom,
        boundary knots the 5 and 95 % quantiles of these patients), "log spline" or "factor".
        A term that the table lacks, or that has one level, is left out and named.
    modifier : str
        A factor that is added with its products with the columns of the first two terms, for
        effects within its levels.
    population : str
        Written into the rows of `diagnostics`.

    Returns
    -------
    Propensity
        `.e`, `.design`, `.diagnostics` (rows), `.refit(counts)`. Maximum likelihood (Newton);
        Firth's penalty where covariates separate the treated from the others. Without two
        sides to compare `.e` is missing and the rows say why.

    Raises
    ------
    ParameterError
        If a term is no term, or the exposure is absent.
    CohortError
        If a number's column holds text, or the exposure has more than two levels.

    References
    ----------
    Rosenbaum PR, Rubin DB. Biometrika 1983;70:41.
    """
    scales, notes = learn(frame, [term for term in terms if term[0] not in (exposure, modifier)])
    indicators = None
    if modifier:
        found, of_it = learn(frame, [(modifier, "factor")])
        indicators, notes = found[0] if found else None, (*notes, *of_it)
    return _fitted(frame, exposure, scales, modifier, indicators, notes, population)


def weights(model: Propensity, kind: Kind = "overlap", cap: float = 0.99) -> np.ndarray:
    """Weights that make the two sides alike: one a patient, missing for incomplete cases.

    Parameters
    ----------
    model : Propensity
    kind : {"overlap", "att"}
        "overlap": 1 - e for the treated and e for the others, so that the patients count for
        whom both were real options. "att": 1 and e / (1 - e), the others made like the
        treated.
    cap : float
        Quantile at which the ATT weights of the untreated are capped; 1: none. Overlap weights
        lie between 0 and 1 and are never capped.

    References
    ----------
    Li F, Morgan KL, Zaslavsky AM. J Am Stat Assoc 2018;113:390.
    """
    whole = np.full(len(model.kept), np.nan)
    e = model.e[model.kept]
    whole[model.kept] = weights_of(e, model.treated[model.kept], kind, cap, np.ones(len(e)))
    return whole


def reweighing(
    model: Propensity, kind: Kind = "overlap", cap: float = 0.99
) -> Callable[[np.ndarray], np.ndarray]:
    """The weights of the complete cases in a resample, the propensity fitted again in it.

    Parameters
    ----------
    model, kind, cap
        As `weights`.

    Returns
    -------
    callable
        From how often each complete case is drawn to its weight; all missing where one side
        was not drawn.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> hai = pd.Categorical(["no", "yes"] * 4)
    >>> patients = pd.DataFrame({"hai": hai, "age": [50, 60, 70, 55, 65, 45, 58, 62]})
    >>> model = propensity(patients, "hai", [("age", "linear")])
    >>> bool(np.allclose(reweighing(model)(np.ones(8)), weights(model)))
    True
    """
    treated = model.treated[model.kept]

    def again(counts: np.ndarray) -> np.ndarray:
        return weights_of(model.refit(counts), treated, kind, cap, counts)

    return again


def weights_of(
    e: np.ndarray, treated: np.ndarray, kind: str, cap: float, counts: np.ndarray
) -> np.ndarray:
    """Weights of complete cases; the cap is the quantile among those drawn."""
    if kind not in MODELS:
        raise ParameterError(f"kind must be one of {', '.join(MODELS)} but is {kind!r}.")
    if kind == "overlap":
        return np.where(treated == 1, 1 - e, e)
    odds = e / np.maximum(1 - e, 1e-12)
    others = treated == 0
    return np.where(others, np.minimum(odds, ceiling(odds[others], cap, counts[others])), 1.0)


def ceiling(values: np.ndarray, cap: float, counts: np.ndarray) -> float:
    """The quantile `cap` of values, each counted so many times; infinite without one."""
    if not 0 < cap <= 1:
        raise ParameterError(f"cap must be a quantile above 0 and up to 1 but is {cap!r}.")
    pool = np.repeat(values, counts.astype(int))
    if cap == 1 or not len(pool) or not np.isfinite(pool).all():
        return float("inf")
    return float(np.quantile(pool, cap))


def balance(
    frame: pd.DataFrame,
    exposure: str,
    terms: Sequence[Sequence[str]],
    weights: np.ndarray | None = None,
    *,
    kind: Kind | Sequence[Kind] = "overlap",
    cap: float = 1.0,
    by: str | None = None,
    population: str = "all",
    limits: flags.Limits = flags.THRESHOLDS,
) -> pd.DataFrame:
    """How unlike the two sides are, before weighting and under weights, and how far they overlap.

    Parameters
    ----------
    frame, exposure, terms
        As `propensity`.
    weights : ndarray, shape (n,), optional
        From `weights`; without them those of `kind`, capped as `cap` says.
    kind : {"overlap", "att"}, or both
        Which weights they are: the model of the rows.
    cap : float
        As `weights`, where they are made here.
    by : str, optional
        A factor whose products with the terms are told of too.
    limits : mapping of str to float
        Thresholds of the flags, as `flags.THRESHOLDS`.

    Returns
    -------
    pandas.DataFrame
        Rows of endpoint = the exposure in capitals. `smd` (second minus first side over the
        root of the mean raw variance, the same before and after; model "diagnostic" is the
        raw one) of each term as the model measures it, one row a level of a factor; of squares
        (`age:age`) and of products with `by` (`age:kras`). `effective_n` of each side,
        `max_weight` (the largest share of one patient in its side), `propensity_auc`. Flags
        `indication` (the sides differ by more than chance) and `overlap` (few patients carry
        the comparison).

    Notes
    -----
    Overlap weights make the difference of every term 0 by construction: that of squares and
    products tells something.

    References
    ----------
    Austin PC. Stat Med 2009;28:3083. Li F, Thomas LE, Li F. Am J Epidemiol 2019;188:250.
    """
    model = propensity(frame, exposure, terms, population=population)
    kinds = [kind] if isinstance(kind, str) else list(kind)
    given = {one: _weights(model, one, weights, cap) for one in kinds}
    return balance_of(model, given, by, limits)


def _weights(model: Propensity, kind: Kind, given: np.ndarray | None, cap: float) -> np.ndarray:
    if given is None:
        return weights(model, kind, cap)
    if len(given) != len(model.frame):
        raise ParameterError(
            f"There are {len(given)} weights for {len(model.frame)} patients; give one a patient."
        )
    return np.asarray(given, dtype=float)


def _fitted(
    frame: pd.DataFrame,
    exposure: str,
    scales: tuple[Scale, ...],
    modifier: str,
    indicators: Scale | None,
    notes: tuple[str, ...],
    population: str,
) -> Propensity:
    treated, levels = two_levels(frame, exposure)
    x = design_of(frame, scales)
    if indicators is not None:
        x = np.hstack([x, *_products(frame, scales[:2], indicators)])
    kept = np.isfinite(treated) & np.isfinite(x).all(axis=1)
    why = _why_not(exposure, levels, treated[kept])
    fit = None if why else chance(treated[kept], x[kept])
    return Propensity(
        exposure,
        levels,
        scales,
        frame,
        modifier,
        indicators,
        treated,
        x,
        kept,
        fit,
        why,
        notes,
        population,
    )


def _products(frame: pd.DataFrame, scales: Sequence[Scale], indicators: Scale) -> list[np.ndarray]:
    """The modifier's columns, and their products with those of some terms."""
    levels = indicators.columns(frame)
    blocks = [levels]
    for scale in scales:
        columns = scale.columns(frame)
        blocks += [columns * levels[:, [j]] for j in range(levels.shape[1])]
    return blocks


def _why_not(exposure: str, levels: tuple[str, str], treated: np.ndarray) -> str:
    if not len(treated):
        return "not estimable: no patient has the exposure and all covariates known"
    if treated.all() or not treated.any():
        only = levels[1] if treated.all() else levels[0]
        return f"not estimable: every complete case has {exposure}={only}"
    if min(treated.sum(), (1 - treated).sum()) < 2:
        return f"not estimable: one complete case alone on a side of {exposure}"
    return ""
