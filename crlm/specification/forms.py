"""What a specification estimates: the adjusted ratio, or another form of the same effect.

Each form answers a question of its own, so that the ratios of two forms need not be alike even
where both are right. They are estimated on the same specifications, and never pooled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from crlm.causal.engine import chance, column_of, independent, newton_each, robust_cox
from crlm.causal.propensity import weights_of
from crlm.multistate import subdistribution
from crlm.regression.added import added_columns, risk_sets
from crlm.regression.counting import split_at
from crlm.regression.engine import FollowUp, cox_fit, eventless
from crlm.survival.samples import Sample

if TYPE_CHECKING:
    from crlm.specification.choices import Plan, Specification

ESTIMATED = "estimated"
#: Log ratio, its standard error, patients, events and status.
Effect = tuple[float, float, int, int, str]
#: Steps from zero (deals,) and test statistics (deals,).
Dealt = tuple[np.ndarray, np.ndarray]
#: Chances of dealt-out exposures stay this far from 0 and 1.
_LEAST_CHANCE = 1e-6
_COVARIATE_INFINITE = "no estimate: a covariate's effect is infinite (a level has no event)"


@dataclass(frozen=True)
class Form:
    """One form of the effect.

    Attributes
    ----------
    statistic : str
        Of its ratio in result rows.
    estimand : str
        What its ratio compares, as the end of a sentence; `{cause}` stands for the cause.
    effect : callable
        The plan and a specification, to the estimate.
    dealt : callable or None
        The plan, a specification and exposures dealt out anew (all patients, deals), to the
        statistics of a permutation test.
    no_test : str
        Why there is no permutation test.
    """

    statistic: str
    estimand: str
    effect: Callable[[Plan, Specification], Effect]
    dealt: Callable[[Plan, Specification, np.ndarray], Dealt | None] | None
    no_test: str = ""


# ---- Cox models, all causes or one --------------------------------------------


def _cox(plan: Plan, chosen: Specification) -> Effect:
    data, x, _ = plan.arrays(chosen)
    return _of_fit(data, x, chosen.ties, data.n)


def _of_fit(data: FollowUp, x: np.ndarray, ties: str, n: int) -> Effect:
    """The ratio of the last column of a Cox model."""
    events = data.n_events
    nothing = (np.nan, np.nan, n, events)
    if events < 2:
        return *nothing, "no estimate: fewer than two events"
    if not np.ptp(x[:, -1]):
        return *nothing, "no estimate: the exposure does not vary"
    if _runs_away(data, x, ties):
        return *nothing, _COVARIATE_INFINITE
    fit = cox_fit(data, x, ties)
    if fit.infinite[-1]:
        return *nothing, "no estimate: the effect is infinite (a group has no event)"
    if fit.infinite.any():
        return *nothing, _COVARIATE_INFINITE
    if fit.collinear[-1]:
        return *nothing, "no estimate: the covariates determine the exposure"
    return float(fit.coef[-1]), float(np.sqrt(fit.var[-1, -1])), n, events, ESTIMATED


def _runs_away(data: FollowUp, x: np.ndarray, ties: str) -> bool:
    """Whether a covariate's level has no event, while the exposure's ratio is finite.

    The likelihood takes five times as many steps to run away as the same model takes without
    that level's patients, who no longer count where it ends.
    """
    columns, level = eventless(data, x)
    if columns[-1] or not columns.any():
        return False
    left = x[~level][:, ~columns]
    varies = np.ptp(left, axis=0) > 0
    return bool(varies[-1] and cox_fit(data.take(~level), left[:, varies], ties).finite[-1])


def _cox_dealt(plan: Plan, chosen: Specification, exposures: np.ndarray) -> Dealt | None:
    data, x, places = plan.arrays(chosen)
    return _by_information(*added_columns(data, x[:, :-1], exposures[places], chosen.ties))


def _by_information(score: np.ndarray, information: np.ndarray) -> Dealt | None:
    information = np.where(information > 1e-9, information, np.nan)
    if not np.isfinite(information).any():
        return None
    return score / information, score / np.sqrt(information)


# ---- weighted -----------------------------------------------------------------


def _weighted(kind: str) -> Callable[[Plan, Specification], Effect]:
    def effect(plan: Plan, chosen: Specification) -> Effect:
        data, x, _ = plan.arrays(chosen)
        treated, n, events = x[:, -1], data.n, data.n_events
        nothing = (np.nan, np.nan, n, events)
        sides = [int(data.event[treated == side].sum()) for side in (0, 1)]
        if events < 2:
            return *nothing, "no estimate: fewer than two events"
        if not np.ptp(treated):
            return *nothing, "no estimate: the exposure does not vary"
        if not all(sides):
            return *nothing, "no estimate: the effect is infinite (a group has no event)"
        given = weights_of(
            chance(treated, x[:, :-1]).chance, treated, kind, plan.weight_cap, np.ones(n)
        )
        fit = robust_cox(data, treated[:, None], given, chosen.ties, np.arange(n))
        coef, error, why = column_of(fit, 0, 1.0)
        return coef, error, n, events, why.replace("not estimable", "no estimate") or ESTIMATED

    return effect


def _weighted_dealt(
    kind: str,
) -> Callable[[Plan, Specification, np.ndarray], Dealt | None]:
    """Propensity fitted again in each deal; the weighted score at zero over its robust error."""

    def dealt(plan: Plan, chosen: Specification, exposures: np.ndarray) -> Dealt | None:
        data, x, places = plan.arrays(chosen)
        given = exposures[places].astype(float, copy=False)
        e = _chances(x[:, :-1], given)
        ones = np.ones(data.n)
        weights = np.column_stack(
            [weights_of(e[k], given[:, k], kind, plan.weight_cap, ones) for k in range(len(e))]
        )
        return _weighted_score(data, given, weights)

    return dealt


def _chances(z: np.ndarray, given: np.ndarray) -> np.ndarray:
    """The propensity of each patient in each deal (deals, n)."""
    spread = z.std(axis=0)
    full = (z - z.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    full = np.column_stack([np.ones(len(z)), full])
    full = full[:, independent(full)]
    counts = np.ones(given.T.shape)
    beta = newton_each(given.T, full, counts, np.zeros(full.shape[1]))
    chances = expit(np.nan_to_num(np.einsum("ij,kj->ki", full, beta)))
    return np.clip(chances, _LEAST_CHANCE, 1 - _LEAST_CHANCE)


def _weighted_score(data: FollowUp, given: np.ndarray, weights: np.ndarray) -> Dealt | None:
    """One step from zero and the robust score test of single weighted columns (Breslow's ties)."""
    if not data.n_events:
        return None
    sets = risk_sets(data, "breslow")
    total = sets.sums(weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = sets.sums(weights * given) / total
        own, apart = weights[sets.dying], given[sets.dying] - mean
        score = (own * apart).sum(axis=0)
        information = (own * mean * (1 - mean)).sum(axis=0)
        hazard = own / total
        residual = -weights * (given * sets.spread(hazard) - sets.spread(hazard * mean))
        residual[sets.dying] += own * apart
        steps, tests = score / information, score / np.sqrt((residual**2).sum(axis=0))
    known = information > 1e-9
    if not known.any():
        return None
    return np.where(known, steps, np.nan), np.where(known, tests, np.nan)


# ---- Fine and Gray ------------------------------------------------------------


def _fine_gray(plan: Plan, chosen: Specification) -> Effect:
    data, x, _ = plan.arrays(chosen)
    n, events = data.n, data.n_events
    nothing = (np.nan, np.nan, n, events)
    if not np.ptp(x[:, -1]):
        return *nothing, "no estimate: the exposure does not vary"
    if events < 2:
        return *nothing, "no estimate: fewer than two events"
    laid = _laid_out(plan, chosen)
    coef, error, why = subdistribution.column_of(laid, x, x.shape[1] - 1)
    return coef, error, n, events, why.replace("not estimable", "no estimate") or ESTIMATED


def _fine_gray_dealt(plan: Plan, chosen: Specification, exposures: np.ndarray) -> Dealt | None:
    _, x, places = plan.arrays(chosen)
    given = exposures[places].astype(float, copy=False)
    found = subdistribution.added_columns(_laid_out(plan, chosen), x[:, :-1], given)
    return _by_information(*found)


def _laid_out(plan: Plan, chosen: Specification) -> subdistribution.Subdistribution:
    """The weighted risk sets of a specification's patients."""
    data, ends = plan.arrays(chosen)[0], plan.ends(chosen)
    entry = np.zeros(data.n) if data.entry is None else data.entry
    late = np.where(entry > 0, entry, -np.inf)
    grid = np.unique(np.concatenate([data.time, entry[entry > 0]]))
    sample = Sample(data.time, ends > 0, late, grid)
    return subdistribution.risk_sets(sample, ends - 1, 0, chosen.ties)


# ---- from the start of treatment ------------------------------------------------


def _started(plan: Plan, chosen: Specification) -> Effect:
    data, x, _ = plan.arrays(chosen)
    intervals = split_at(data, plan.starts(chosen))
    columns = np.column_stack([x[intervals.patient, :-1], intervals.yes.astype(float)])
    return _of_fit(intervals.data, columns, chosen.ties, data.n)


ADJUSTED = "adjusted"
COMPETING = ("cause specific", "fine-gray")
WEIGHTED = ("overlap weighted", "att weighted")
STARTED = "time dependent"
_NO_DEAL = (
    "no permutation test: whoever had the event early could not start, so that starts cannot be "
    "dealt out among the patients"
)
#: Every form by the word for it in rows.
FORMS: Mapping[str, Form] = {
    ADJUSTED: Form(
        "hazard_ratio",
        "patients alike in the covariates (conditional)",
        _cox,
        _cox_dealt,
    ),
    "overlap weighted": Form(
        "hazard_ratio",
        "the sides as wholes among patients for whom both were options (marginal)",
        _weighted("overlap"),
        _weighted_dealt("overlap"),
    ),
    "att weighted": Form(
        "hazard_ratio",
        "the sides as wholes among patients like the treated (marginal)",
        _weighted("att"),
        _weighted_dealt("att"),
    ),
    "cause specific": Form(
        "hazard_ratio",
        "the rate of {cause} among those still free of every event (conditional)",
        _cox,
        _cox_dealt,
    ),
    "fine-gray": Form(
        "subdistribution_hazard_ratio",
        "how many get to {cause} in the end, which is nobody's rate (subdistribution)",
        _fine_gray,
        _fine_gray_dealt,
    ),
    STARTED: Form(
        "hazard_ratio",
        "time from the start of treatment on with time before it or without it (conditional)",
        _started,
        None,
        _NO_DEAL,
    ),
}
#: What a run may ask for, beside the adjusted ratio.
KINDS: Mapping[str, tuple[str, ...]] = {
    ADJUSTED: (),
    "weighted": WEIGHTED,
    "competing": COMPETING,
    STARTED: (STARTED,),
    "all": (*WEIGHTED, *COMPETING, STARTED),
}


def own_model(form: str) -> str:
    """How the model of a curve's rows is called: "specification curve, fine-gray"."""
    return "specification curve" + ("" if form == ADJUSTED else f", {form}")
