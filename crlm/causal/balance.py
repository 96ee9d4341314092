"""How unlike two sides are, before and under weights, and how far they overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import chi2, rankdata

from crlm.causal import flags
from crlm.causal.terms import learn
from crlm.ledger import rows

if TYPE_CHECKING:
    from crlm.causal.propensity import Propensity

#: Less than this share of a covariate's range is a rounding error.
_ROUNDING = 1e-9
#: Why there is no standardised difference where each side has one value of its own.
SEPARATES = "it parts the sides wholly"
MODELS = {"overlap": "overlap weighted", "att": "att weighted"}


def balance_of(
    model: Propensity,
    weighted: Mapping[str, np.ndarray],
    by: str | None = None,
    limits: flags.Limits = flags.THRESHOLDS,
) -> pd.DataFrame:
    """Rows of `balance` for a model and the weights of one or more kinds.

    A model with a modifier is told of within each level of it, for that is what it is for.
    """
    base = {"endpoint": model.exposure.upper(), "population": model.population}
    base |= {"n": int(model.kept.sum()), "model": "diagnostic"}
    if model.fit is None:
        told = {"method": model.why, "statistic": "propensity_auc"}
        raised = [
            flags.flag("overlap", 1.0, model.why, **{**base, "model": MODELS[kind]})
            for kind in weighted
        ]
        return rows([{**base, **told}, *raised])
    if model.modifier and model.indicators is None:
        why = f"not estimable: {model.modifier} has one level, or none, in these patients"
        told = {"covariate": f"{model.exposure}:{model.modifier}", "statistic": "propensity_auc"}
        return rows([{**base, **told, "method": why}])
    if model.indicators is not None:
        parts = _levels(model)
        found = [
            record
            for where, inside in parts.items()
            for record in _told(
                model, weighted, {**base, "population": where}, inside, None, limits
            )
        ]
        return rows(found)
    everybody = np.ones(int(model.kept.sum()), dtype=bool)
    records = _told(model, weighted, base, everybody, by, limits)
    raw = [r for r in records if r["statistic"] == "smd" and r["model"] == "diagnostic"]
    told = {"statistic": "propensity_auc", "estimate": _area(model, everybody)}
    told["method"] = f"Mann-Whitney; {model.method}"
    return rows([*records, _indication(model, raw, base, limits), {**base, **told}])


def _told(
    model: Propensity,
    weighted: Mapping[str, np.ndarray],
    base: dict[str, Any],
    inside: np.ndarray,
    by: str | None,
    limits: flags.Limits,
) -> list[dict[str, Any]]:
    """Differences, effective numbers and overlap of some of the complete cases."""
    base = {**base, "n": int(inside.sum())}
    auc = _area(model, inside)
    records = _differences(model, np.ones(len(inside)), base, inside, by)
    for kind, given in weighted.items():
        here, w = {**base, "model": MODELS[kind]}, given[model.kept]
        effective = _effective(model, w, here, inside)
        records += [*_differences(model, w, here, inside, by), *effective]
        records.append(_overlap(effective, auc, here, limits))
    return records


def _levels(model: Propensity) -> dict[str, np.ndarray]:
    """Which complete cases are in each level of the modifier."""
    values = model.frame.loc[model.kept, model.modifier].astype(object).to_numpy()
    before = "" if model.population == "all" else f"{model.population},"
    levels = () if model.indicators is None else model.indicators.levels
    return {f"{before}{model.modifier}={level}": values == level for level in levels}


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
        why = {np.inf: SEPARATES, -np.inf: SEPARATES}.get(size, "no variation on either side")
        why = "" if np.isfinite(size) else f"not estimable: {why}; "
        size = size if np.isfinite(size) else np.nan
        told = {"covariate": name, "level": level, "estimate": size, "method": why + method}
        records.append({**at, **told})
    return records


def smd(x: np.ndarray, treated: np.ndarray, w: np.ndarray) -> float:
    """The standardised difference of a covariate under weights; raw variances below."""
    first, second = x[~treated], x[treated]
    if min(len(first), len(second)) < 2:
        return float("nan")
    if not (w[treated].sum() > 0 and w[~treated].sum() > 0):
        return float("nan")
    scale = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    apart = np.average(second, weights=w[treated]) - np.average(first, weights=w[~treated])
    least = _ROUNDING * float(np.ptp(x))
    if not least > 0:
        return float("nan")
    if scale > least:
        return float(apart / scale)
    return float(np.copysign(np.inf, apart)) if abs(apart) > least else float("nan")


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
    model: Propensity, raw: Sequence[dict[str, Any]], base: dict[str, Any], limits: flags.Limits
) -> dict[str, Any]:
    """Whether the sides differ by more than chance."""
    fit = model.fit
    df = 0 if fit is None else model.x.shape[1] - len(fit.dropped)
    p = float(chi2.sf(2 * (fit.loglik - fit.loglik_null), df)) if fit and df else 1.0
    sizes = [
        (np.inf if SEPARATES in r["method"] else abs(r["estimate"]), r)
        for r in raw
        if ":" not in r["covariate"] and (SEPARATES in r["method"] or np.isfinite(r["estimate"]))
    ]
    size, most = max(sizes, key=lambda pair: pair[0], default=(0.0, None))
    name = f"{most['covariate']} {most['level']}".strip() if most else "none"
    return flags.indication(p, size, name, limits, **base)


def _overlap(
    effective: Sequence[dict[str, Any]], auc: float, base: dict[str, Any], limits: flags.Limits
) -> dict[str, Any]:
    """Whether few patients carry the comparison."""
    shares = [r["estimate"] / max(r["n"], 1) for r in effective if "unit" in r]
    share = float(min(shares)) if np.isfinite(shares).all() else 0.0
    return flags.overlap(share, auc, limits, **base)
