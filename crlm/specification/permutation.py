"""How often a claim holds over the specifications, and what chance alone would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from crlm import cores
from crlm.ledger import ParameterError, rows
from crlm.refusals import choice
from crlm.specification.choices import Plan
from crlm.specification.forms import ESTIMATED, FORMS, own_model

_CLAIMS = {"higher": 1, "lower": -1}
_MANY = 50_000


@dataclass(frozen=True)
class Null:
    """Two statistics of a curve, as observed and under permuted exposures.

    Attributes
    ----------
    median : ndarray, shape (1 + permutations,)
        Median log hazard ratio; the observed one is the first.
    share : ndarray, shape (1 + permutations,)
        Share of specifications with p < 0.05 in the direction claimed (the
        observed one) or in the one in which there are more (the others).
    specifications : int
        Those that it rests on.
    """

    median: np.ndarray
    share: np.ndarray
    specifications: int

    def p(self, statistic: np.ndarray) -> float:
        """Share of the permutations, the observed one among them, that are as extreme."""
        if not np.isfinite(statistic[0]):
            return float("nan")
        at_least = np.abs(statistic[1:]) >= abs(statistic[0]) - 1e-12
        return float((1 + at_least.sum()) / len(statistic))


def inference(
    plan: Plan,
    curve: pd.DataFrame,
    *,
    claim: str,
    alpha: float = 0.05,
    permutations: int = 500,
    subset: int = 30,
) -> pd.DataFrame:
    """How often the claim holds, and whether no effect at all could give so much.

    Parameters
    ----------
    curve : pandas.DataFrame
        From `curve`, of the same plan.
    claim : {"higher", "lower"}
        What the paper says of the hazard of the exposed.
    permutations : int
        How often the exposure is dealt out anew among the patients, who keep their
        outcome and covariates. The same deal serves all specifications.
    subset : int
        Specifications, drawn at random, of the permutation test.

    Returns
    -------
    pandas.DataFrame
        Result rows. Model "specification curve": `n` (specifications), `hazard_ratio` (the
        median) with its `p`. Model "specification curve, range": `min`, `max`.
        Model "specification curve, claim": `percent` of the specifications with
        an estimate on the claimed side and p < `alpha`, with its `p`. `method` says in
        words what each rests on; `n` is the number of specifications. Another form of the
        effect stands in the model ("specification curve, fine-gray, range"), and its median has
        the statistic of the form.

    Raises
    ------
    ParameterError
        If an argument makes no sense.

    Notes
    -----
    The permuted exposure has no effect and no relation to the covariates. Both test
    statistics use score tests and one Newton step from zero in place of maximised
    likelihoods, for the observed exposure as for the permuted ones, so the test is exact.
    Weighted forms: the propensity is fitted again to each deal, the tests divide by their
    robust errors. The time-dependent form has no test, for its start is not exchangeable:
    whoever had the event early could not start.
    A share cannot pass 100 %, which similar specifications reach by chance now and then:
    where nearly all are significant the median is the sharper statistic.

    References
    ----------
    Simonsohn U, Simmons JP, Nelson LD. Nat Hum Behav 2020;4:1208.
    """
    choice("claim", claim, list(_CLAIMS))
    if permutations < 1 or subset < 1 or not 0 < alpha < 1:
        asked = f"permutations={permutations}, subset={subset}, alpha={alpha:g}"
        raise ParameterError(f"{asked}: the first two are at least 1, alpha between 0 and 1.")
    form = FORMS[plan.form]
    null = permuted(plan, _CLAIMS[claim], alpha, permutations, subset)
    shown = curve[curve["status"] == ESTIMATED]
    ratio = shown["hazard_ratio"]
    beyond = ratio > 1 if claim == "higher" else ratio < 1
    holds = float((beyond & (shown["p"] < alpha)).mean()) if len(shown) else np.nan
    keys = {
        "endpoint": plan.endpoint,
        "population": plan.population,
        "covariate": plan.exposure,
        "level": plan.level,
        "n": len(shown),
    }
    drawn = _drawn(plan, curve)
    middle, share = _methods(plan, null, permutations, drawn)
    what = f"hazard ratio {'above' if claim == 'higher' else 'below'} 1 and p < {alpha:g}"
    share = f"{what}; {share}"
    own = own_model(plan.form)
    return rows(
        [
            _row(keys, own, "n", len(curve), drawn, unit="specifications", n=len(curve)),
            _row(keys, own, form.statistic, ratio.median(), middle),
            _row(keys, own, "p", null.p(null.median), middle),
            _row(keys, f"{own}, range", "min", ratio.min(), "smallest hazard ratio"),
            _row(keys, f"{own}, range", "max", ratio.max(), "largest hazard ratio"),
            _row(keys, f"{own}, claim", "percent", 100 * holds, share, unit="%"),
            _row(keys, f"{own}, claim", "p", null.p(null.share), share),
        ]
    )


def _methods(plan: Plan, null: Null, permutations: int, drawn: str) -> tuple[str, str]:
    """In words: what the median and the share, and their p values, rest on."""
    if FORMS[plan.form].dealt is None:
        why = FORMS[plan.form].no_test
        return f"median of {drawn}; {why}", why
    tested = (
        f"{permutations} permutations of the exposure (outcome and covariates stay), on "
        f"{null.specifications} of these specifications drawn at random, by score tests"
    )
    return (
        f"median of {drawn}; p: a median as far from 1 in {tested}",
        "p: as many of them on one side in the same permutations",
    )


def permuted(plan: Plan, side: int, alpha: float, permutations: int, subset: int) -> Null:
    """The statistics of a random subset of the specifications, observed and permuted.

    Parameters
    ----------
    side : {1, -1}
        The claimed direction.
    """
    deal = FORMS[plan.form].dealt
    if deal is None:
        return Null(np.full(1 + permutations, np.nan), np.full(1 + permutations, np.nan), 0)
    rng = np.random.default_rng([plan.seed, 1])
    total = len(plan.specifications)
    chosen = np.sort(rng.choice(total, min(subset, total), replace=False))
    exposures = np.empty((len(plan.exposures), 1 + permutations), _kept(plan.exposures))
    exposures[:, 0] = plan.exposures
    for k in range(permutations):
        exposures[:, 1 + k] = rng.permutation(plan.exposures)

    def once(at: int) -> tuple[np.ndarray, np.ndarray] | None:
        return deal(plan, plan.specifications[at], exposures)

    found = [both for both in cores.each(once, chosen) if both is not None]
    steps, tests = [both[0] for both in found], [both[1] for both in found]
    if not found:
        nothing = np.full(1 + permutations, np.nan)
        return Null(nothing, nothing, 0)
    beyond = np.array(tests)[:, :, None] * [1, -1] > norm.isf(alpha / 2)
    shares = beyond.mean(axis=0)
    share = shares.max(axis=1)
    share[0] = shares[0, 0 if side > 0 else 1]
    return Null(_medians(np.array(steps)), share, len(found))


def _kept(exposures: np.ndarray) -> type:
    """How deals are kept: those of two sides of many patients in a byte each."""
    plain = len(exposures) > _MANY and np.isin(exposures, (0, 1)).all()
    return np.int8 if plain else np.float64


def _medians(steps: np.ndarray) -> np.ndarray:
    """Median of each deal over the specifications; NaN for one that informs none of them."""
    known = np.isfinite(steps).any(axis=0)
    found = np.full(steps.shape[1], np.nan)
    found[known] = np.nanmedian(steps[:, known], axis=0)
    return found


def _drawn(plan: Plan, curve: pd.DataFrame) -> str:
    """In words: what the specifications are."""
    text = (
        f"{len(curve):,} different models from {plan.possible:,} combinations of choices, "
        f"seed {plan.seed}"
    )
    text += f", {plan.note}" if plan.note else ""
    lost = curve.loc[curve["status"] != ESTIMATED, "status"].value_counts(sort=False)
    for reason, count in lost.items():
        text += f"; {count} {reason}"
    return text


def _row(
    keys: Mapping[str, Any], model: str, statistic: str, estimate: float, method: str, **more: Any
) -> dict[str, Any]:
    return {
        **keys,
        "model": model,
        "statistic": statistic,
        "estimate": float(estimate),
        "method": method,
        **more,
    }
