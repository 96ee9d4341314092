"""Who gets a treatment: the propensity of each patient, weights from it, and balance under them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import chi2, rankdata

from crlm.causal.engine import Chance, chance, newton
from crlm.causal.terms import Scale, design_of, learn, two_levels, words_of
from crlm.ledger import ParameterError, rows

Kind = Literal["overlap", "att"]
MODELS = {"overlap": "overlap weighted", "att": "att weighted"}
#: `indication`: p of the propensity model below, and largest raw difference above.
_INDICATION_P, _INDICATION_SMD = 0.005, 0.2
#: `overlap`: effective share of an arm below, or AUC above.
_EFFECTIVE, _AUC = 0.5, 0.85


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
        complete = f"complete cases: {int(self.kept.sum())} of {len(self.kept)} patients"
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
        treated, full, start = self._resampling
        drawn = counts @ treated
        if self.fit is None or drawn == 0 or drawn == counts.sum():
            return np.full(len(treated), np.nan)
        if self.fit.penalised:
            return chance(treated, full[:, 1:], counts).chance
        return expit(full @ newton(treated, full, counts, start)[0])

    @cached_property
    def _resampling(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Treatment, standardised design with intercept, and coefficients to begin from."""
        x, treated = self.x[self.kept], self.treated[self.kept]
        if self.fit is not None:
            x = np.delete(x, self.fit.dropped, axis=1)
        spread = x.std(axis=0) if len(x) else np.ones(x.shape[1])
        full = (x - (x.mean(axis=0) if len(x) else 0)) / np.where(spread > 0, spread, 1.0)
        full = np.column_stack([np.ones(len(x)), full])
        start = np.zeros(full.shape[1])
        if self.fit is not None and not self.fit.penalised:
            start = newton(treated, full, np.ones(len(x)))[0]
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
    kind: Kind = "overlap",
    by: str | None = None,
    population: str = "all",
) -> pd.DataFrame:
    """How unlike the two sides are, before weighting and under weights, and how far they overlap.

    Parameters
    ----------
    frame, exposure, terms
        As `propensity`.
    weights : ndarray, shape (n,), optional
        From `weights`; without them those of `kind`, uncapped.
    kind : {"overlap", "att"}
        Which weights they are: the model of the rows.
    by : str, optional
        A factor whose products with the terms are told of too.

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
    return balance_of(model, {kind: _weights(model, kind, weights)}, by)


def balance_of(
    model: Propensity, weighted: dict[str, np.ndarray], by: str | None = None
) -> pd.DataFrame:
    """Rows of `balance` for a model and the weights of one or more kinds.

    A model with a modifier is told of within each level of it, for that is what it is for.
    """
    base = {"endpoint": model.exposure.upper(), "population": model.population}
    base |= {"n": int(model.kept.sum()), "model": "diagnostic"}
    if model.fit is None:
        told = {"method": model.why, "statistic": "propensity_auc"}
        flags = [
            flag("overlap", 1.0, model.why, **{**base, "model": MODELS[kind]}) for kind in weighted
        ]
        return rows([{**base, **told}, *flags])
    if model.modifier and model.indicators is None:
        why = f"not estimable: {model.modifier} has one level, or none, in these patients"
        told = {"covariate": f"{model.exposure}:{model.modifier}", "statistic": "propensity_auc"}
        return rows([{**base, **told, "method": why}])
    if model.indicators is not None:
        parts = _levels(model)
        found = [
            record
            for where, inside in parts.items()
            for record in _told(model, weighted, {**base, "population": where}, inside)
        ]
        return rows(found)
    everybody = np.ones(int(model.kept.sum()), dtype=bool)
    records = _told(model, weighted, base, everybody, by)
    raw = [r for r in records if r["statistic"] == "smd" and r["model"] == "diagnostic"]
    told = {"statistic": "propensity_auc", "estimate": _area(model, everybody)}
    told["method"] = f"Mann-Whitney; {model.method}"
    return rows([*records, _indication(model, raw, base), {**base, **told}])


def _told(
    model: Propensity,
    weighted: dict[str, np.ndarray],
    base: dict[str, Any],
    inside: np.ndarray,
    by: str | None = None,
) -> list[dict[str, Any]]:
    """Differences, effective numbers and overlap of some of the complete cases."""
    base = {**base, "n": int(inside.sum())}
    auc = _area(model, inside)
    records = _differences(model, np.ones(len(inside)), base, inside, by)
    for kind, given in weighted.items():
        here, w = {**base, "model": MODELS[kind]}, given[model.kept]
        effective = _effective(model, w, here, inside)
        records += [*_differences(model, w, here, inside, by), *effective]
        records.append(_overlap(effective, auc, here))
    return records


def _levels(model: Propensity) -> dict[str, np.ndarray]:
    """Which complete cases are in each level of the modifier."""
    values = model.frame.loc[model.kept, model.modifier].astype(object).to_numpy()
    before = "" if model.population == "all" else f"{model.population},"
    levels = () if model.indicators is None else model.indicators.levels
    return {f"{before}{model.modifier}={level}": values == level for level in levels}


def _weights(model: Propensity, kind: str, given: np.ndarray | None) -> np.ndarray:
    if given is None:
        return weights(model, kind, 1.0)
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


def _measures(model: Propensity, by: str | None) -> list[tuple[str, str, np.ndarray]]:
    """What balance is told of: covariate, level and its values, of the complete cases."""
    frame = model.frame[model.kept]
    found, squares = [], []
    for scale in model.scales:
        values = scale.value(frame)
        for j, level in enumerate(scale.labels if scale.levels else [""]):
            found.append((scale.name, level, values[:, j]))
            if not scale.levels:
                squares.append((f"{scale.name}:{scale.name}", "", values[:, j] ** 2))
    if by is None:
        return [*found, *squares]
    return [*found, *squares, *_with(frame, found, by)]


def _with(
    frame: pd.DataFrame, found: Sequence[tuple[str, str, np.ndarray]], by: str
) -> list[tuple[str, str, np.ndarray]]:
    """Products of the measures with the levels of a factor."""
    scales, _ = learn(frame, [(by, "factor")])
    products = []
    for scale in scales:
        levels = scale.value(frame)
        for name, level, x in found:
            if name == by:
                continue
            products += [
                (f"{name}:{by}", ":".join(filter(None, [level, text])), x * levels[:, j])
                for j, text in enumerate(scale.labels)
            ]
    return products


def _differences(
    model: Propensity,
    w: np.ndarray,
    base: dict[str, Any],
    inside: np.ndarray,
    by: str | None,
) -> list[dict[str, Any]]:
    """Standardised differences of all measures under weights, of some complete cases."""
    treated = (model.treated[model.kept] == 1)[inside]
    how = "raw" if base["model"] == "diagnostic" else base["model"]
    method = (
        f"{how}: {model.exposure}={model.levels[1]} minus {model.exposure}={model.levels[0]}, "
        "over the root of the mean raw variance"
    )
    at = {**base, "group": model.exposure, "statistic": "smd"}
    records = []
    for name, level, x in _measures(model, by):
        size = smd(x[inside], treated, w[inside])
        why = "" if np.isfinite(size) else "not estimable: no variation on either side; "
        told = {"covariate": name, "level": level, "estimate": size, "method": why + method}
        records.append({**at, **told})
    return records


def smd(x: np.ndarray, treated: np.ndarray, w: np.ndarray) -> float:
    """The standardised difference of a covariate under weights; raw variances below."""
    first, second = x[~treated], x[treated]
    if min(len(first), len(second)) < 2:
        return float("nan")
    scale = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    if not scale > 0 or not (w[treated].sum() > 0 and w[~treated].sum() > 0):
        return float("nan")
    return float(
        np.average(second, weights=w[treated]) - np.average(first, weights=w[~treated])
    ) / float(scale)


def _effective(
    model: Propensity, w: np.ndarray, base: dict[str, Any], inside: np.ndarray
) -> list[dict[str, Any]]:
    """How many patients each side is worth under weights, and the largest share of one."""
    records: list[dict[str, Any]] = []
    treated = model.treated[model.kept]
    for code, level in enumerate(model.levels):
        own = w[inside & (treated == code)]
        total = own.sum()
        empty = "" if total > 0 else "not estimable: nobody on this side; "
        at = {**base, "group": f"{model.exposure}={level}", "n": len(own)}
        kish = {"estimate": total**2 / (own @ own) if total > 0 else np.nan, "unit": "patients"}
        kish["method"] = f"{empty}squared sum of weights over sum of squares (Kish)"
        share = {"estimate": own.max() / total if total > 0 else np.nan}
        share["method"] = f"{empty}largest share of one patient in the weight of its side"
        records.append({**at, "statistic": "effective_n", **kish})
        records.append({**at, "statistic": "max_weight", **share})
    return records


def _area(model: Propensity, inside: np.ndarray) -> float:
    """How often a treated patient has the higher propensity."""
    treated = (model.treated[model.kept] == 1)[inside]
    ranks = rankdata(model.e[model.kept][inside])
    n1, n0 = int(treated.sum()), int((~treated).sum())
    if not n1 or not n0:
        return float("nan")
    return float((ranks[treated].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def _indication(
    model: Propensity, raw: Sequence[dict[str, Any]], base: dict[str, Any]
) -> dict[str, Any]:
    """Whether the sides differ by more than chance."""
    fit = model.fit
    df = 0 if fit is None else model.x.shape[1] - len(fit.dropped)
    p = float(chi2.sf(2 * (fit.loglik - fit.loglik_null), df)) if fit and df else 1.0
    sizes = [
        (abs(r["estimate"]), f"{r['covariate']} {r['level']}".strip())
        for r in raw
        if ":" not in r["covariate"] and np.isfinite(r["estimate"])
    ]
    size, name = max(sizes, default=(0.0, "none"))
    return flag(
        "indication",
        p < _INDICATION_P and size > _INDICATION_SMD,
        f"likelihood-ratio p of the propensity model {p:.2g} (raised below {_INDICATION_P}), and "
        f"largest raw standardised difference {size:.2f}, of {name} (raised above "
        f"{_INDICATION_SMD})",
        **base,
    )


def _overlap(
    effective: Sequence[dict[str, Any]], auc: float, base: dict[str, Any]
) -> dict[str, Any]:
    """Whether few patients carry the comparison."""
    shares = [r["estimate"] / max(r["n"], 1) for r in effective if "unit" in r]
    share = float(min(shares)) if np.isfinite(shares).all() else 0.0
    return flag(
        "overlap",
        share < _EFFECTIVE or auc > _AUC,
        f"smallest effective share of a side {100 * share:.0f} % (raised below "
        f"{100 * _EFFECTIVE:.0f} %), AUC of the propensity {auc:.2f} (raised above {_AUC})",
        **base,
    )


def flag(name: str, raised: float, method: str, **at: Any) -> dict[str, Any]:
    """A flag as a record: estimate 1 where it is raised, its reason as `method`."""
    return {
        **at,
        "statistic": "flag",
        "covariate": name,
        "estimate": float(raised),
        "method": method,
    }
