"""Estimates of a regression model, whatever happens: ordinary, penalised, or why there are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from crlm.refusals import choice, confidence
from crlm.regression import firth
from crlm.regression.engine import TIES, Fit, FollowUp, cox_fit, upper_tail, wald
from crlm.regression.logit import (
    logistic_fit,
    logistic_likelihood,
    logistic_penalised,
    with_intercept,
)
from crlm.regression.terms import Design, why_collinear, without_reference

INTERVALS = ("profile", "wald")
#: Condition of the information (unit spread) from which columns count as dependent.
_SINGULAR = 1e10


@dataclass(frozen=True)
class Family:
    """A kind of model: how it is called, fitted and penalised.

    Attributes
    ----------
    method : str
        "Cox, Breslow ties".
    ratio : str
        "hazard_ratio" or "odds_ratio".
    event : ndarray of 0 and 1, shape (n,)
        Whom the outcome befell.
    fit, penalised : callable
        Of a design matrix.
    nuisance : int
        Coefficients of the likelihoods ahead of the columns (the intercept).
    profiled : callable, optional
        Of a design matrix: the likelihood whose profile gives the limits; None for Wald's.
    data : FollowUp or None
        None for a model without time.
    last : ndarray of bool, optional
        Where patients have several rows, the last of each; None where a row is a patient.
    """

    method: str
    ratio: str
    event: np.ndarray
    fit: Callable[[np.ndarray], Fit]
    penalised: Callable[[np.ndarray], firth.Penalised]
    nuisance: int = 0
    profiled: Callable[[np.ndarray], firth.Penalised] | None = None
    data: FollowUp | None = None
    last: np.ndarray | None = None

    @property
    def outcome(self) -> np.ndarray:
        """Whom the outcome befell, a patient each."""
        return self.event if self.last is None else self.event[self.last]


@dataclass(frozen=True)
class Solution:
    """What a model says of each column.

    Attributes
    ----------
    coef, error, low, high, p : ndarray, shape (p,)
        Log ratio, its standard error, confidence limits and p value; NaN if not estimable.
    loglik : float
        Log (partial) likelihood, with the penalty if there is one.
    interval, test : str
        How limits and p values were made.
    joint : callable
        Columns to the p value that all their coefficients are zero.
    notes : mapping of int to str
        Why a column has no estimate.
    """

    coef: np.ndarray
    error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    loglik: float
    interval: str
    test: str
    joint: Callable[[Sequence[int]], float]
    notes: Mapping[int, str] = field(default_factory=dict)


def cox_family(data: FollowUp, ties: str, strata: Sequence[str] = ()) -> Family:
    """Cox's model of this follow-up.

    Raises
    ------
    ParameterError
        If `ties` is neither "efron" nor "breslow".
    """
    choice("ties", ties, TIES)
    method = f"Cox, {ties.capitalize()} ties"
    method += ", late entry" if data.entry is not None else ""
    method += f", stratified by {' and '.join(strata)}" if strata else ""
    return Family(
        method=method,
        ratio="hazard_ratio",
        event=data.event,
        fit=lambda x: cox_fit(data, x, ties),
        penalised=lambda x: firth.cox_penalised(data, x, ties),
        data=data,
    )


def logistic_family(outcome: np.ndarray, interval: str = "wald") -> Family:
    """The logistic model of this outcome (0 and 1), with an intercept.

    Raises
    ------
    ParameterError
        If `interval` is neither "wald" nor "profile".
    """
    choice("interval", interval, INTERVALS)
    profile = interval == "profile"
    return Family(
        method="logistic regression",
        ratio="odds_ratio",
        event=outcome,
        fit=lambda x: logistic_fit(outcome, x),
        penalised=lambda x: logistic_penalised(outcome, with_intercept(x)),
        nuisance=1,
        profiled=(lambda x: logistic_likelihood(outcome, with_intercept(x))) if profile else None,
    )


def check_level(conf_level: float) -> float:
    """The standard normal quantile of a two-sided confidence level.

    Raises
    ------
    ParameterError
        If the level does not lie between 0 and 1.
    """
    confidence(conf_level)
    return float(norm.ppf(0.5 + conf_level / 2))


def solve(
    family: Family,
    design: Design,
    conf_level: float = 0.95,
    *,
    penalise: bool = False,
    interval: str = "profile",
) -> Solution:
    """Estimates of all columns.

    Where the ordinary likelihood has no maximum (no event in a level, complete
    separation) or `penalise` asks for it, Firth's penalty is used.

    Raises
    ------
    ParameterError
        If `conf_level` or `interval` makes no sense.
    """
    check_level(conf_level)
    choice("interval", interval, INTERVALS)
    hopeless = _hopeless(family, 1 if penalise else 2)
    if hopeless or not design.x.shape[1]:
        return _nothing(design, hopeless)
    fit = family.fit(design.x)
    known = ~fit.collinear
    notes = {
        int(j): why_collinear(design, family.data, known, int(j)) for j in np.flatnonzero(~known)
    }
    notes |= without_reference(design, family.data)
    if not known.any():
        return _nothing(design, "", notes)
    if not penalise and not fit.infinite.any():
        return _ordinary(family, design, fit, conf_level, notes)
    why = "" if penalise else _why_infinite(family, design, np.flatnonzero(fit.infinite))
    return _penalised(family, design, known, conf_level, interval, why, notes)


def _ordinary(
    family: Family, design: Design, fit: Fit, conf_level: float, notes: Mapping[int, str]
) -> Solution:
    error = np.sqrt(np.where(fit.finite, np.diag(fit.var), np.nan))
    z, name = check_level(conf_level), "Wald CI"
    low, high = fit.coef - z * error, fit.coef + z * error
    if family.profiled is not None:
        name = "profile likelihood CI"
        low, high = _profile(family.profiled, family.nuisance, design.x, fit, conf_level)
    with np.errstate(invalid="ignore"):
        p = 2 * norm.sf(np.abs(fit.coef / error))
    return Solution(
        coef=fit.coef,
        error=error,
        low=low,
        high=high,
        p=p,
        loglik=fit.loglik,
        interval=_interval_name(name, conf_level),
        test="Wald test",
        joint=lambda columns: upper_tail(*wald(fit, columns)),
        notes=notes,
    )


def _profile(
    profiled: Callable[[np.ndarray], firth.Penalised],
    nuisance: int,
    x: np.ndarray,
    fit: Fit,
    conf_level: float,
) -> np.ndarray:
    """Profile likelihood limits (2 x p) of an ordinary model's columns."""
    limits = np.full((2, len(fit.coef)), np.nan)
    places = np.flatnonzero(fit.finite)
    scale = x[:, places].std(axis=0)
    model = profiled((x[:, places] - x[:, places].mean(axis=0)) / scale)
    best = firth.maximise(model)
    for k, place in enumerate(places):
        ends = firth.profile_limits(model, best, k + nuisance, conf_level)
        limits[:, place] = np.array(ends) / scale[k]
    return limits


def _penalised(
    family: Family,
    design: Design,
    known: np.ndarray,
    conf_level: float,
    interval: str,
    why: str,
    notes: Mapping[int, str],
) -> Solution:
    x = design.x - design.x.mean(axis=0)
    scale = np.where(known, x.std(axis=0), 1.0)
    places = _well_posed(family, x / scale, np.flatnonzero(known))
    if not len(places) and not family.nuisance:
        fitted = np.zeros_like(known)
        told = {j: why_collinear(design, family.data, fitted, j) for j in range(len(known))}
        return _nothing(design, "", {**told, **notes})
    notes = {**notes, **_too_many(design, np.setdiff1d(np.flatnonzero(known), places))}
    model = family.penalised(x[:, places] / scale[places])
    best = firth.maximise(model)
    if not best.settled or np.linalg.eigvalsh(best.information)[0] <= 0:
        return _nothing(design, f"not estimable: Firth's penalised fit does not settle{why}")
    profile = interval == "profile"
    inner = _inner_estimates(family, model, best, conf_level, profile)
    estimates = np.full((5, len(known)), np.nan)
    estimates[:, places] = inner
    estimates[:4] /= scale
    at = {int(column): k + family.nuisance for k, column in enumerate(places)}
    name = "profile penalised likelihood CI" if profile else "Wald CI"
    return Solution(
        *estimates,
        loglik=best.value + float(np.log(scale[places]).sum()),
        interval=f"Firth's penalty, {_interval_name(name, conf_level)}{why}",
        test=f"Firth's penalty, {'penalised likelihood ratio' if profile else 'Wald'} test{why}",
        joint=lambda columns: _joint(model, best, [at[j] for j in columns if j in at], profile),
        notes=notes,
    )


def _inner_estimates(
    family: Family,
    model: firth.Penalised,
    best: firth.Maximum,
    conf_level: float,
    profile: bool,
) -> np.ndarray:
    """Estimates, errors, limits and p values (5 x p) of a penalised model's columns."""
    z = check_level(conf_level)
    coef, error = best.coef, np.sqrt(np.diag(np.linalg.inv(best.information)))
    low, high, p = coef - z * error, coef + z * error, 2 * norm.sf(np.abs(coef / error))
    if profile:
        for k in range(family.nuisance, model.size):
            low[k], high[k] = firth.profile_limits(model, best, k, conf_level)
            p[k] = firth.p_value(model, best, [k])
    return np.array([coef, error, low, high, p])[:, family.nuisance :]


def _joint(model: firth.Penalised, best: firth.Maximum, use: Sequence[int], profile: bool) -> float:
    """The p value that some coefficients of a penalised model are all zero."""
    if profile:
        return firth.p_value(model, best, use)
    var = np.linalg.inv(best.information)[np.ix_(use, use)]
    coef = best.coef[use]
    return upper_tail(float(coef @ np.linalg.solve(var, coef)), len(use))


def _well_posed(family: Family, x: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Of these columns those that the events can tell apart: the later ones give way."""

    def determined(columns: np.ndarray) -> bool:
        model = family.penalised(x[:, columns])
        try:
            information = model.at(np.zeros(model.size))[2]
        except np.linalg.LinAlgError:
            return False
        return bool(np.linalg.cond(information) < _SINGULAR)

    if determined(places):
        return places
    kept: list[int] = []
    for place in places:
        if determined(np.array([*kept, place])):
            kept.append(int(place))
    return np.array(kept, dtype=int)


def _too_many(design: Design, columns: np.ndarray) -> dict[int, str]:
    reason = "not estimable: too few events to tell it from the covariates before it"
    return {int(column): f"{reason} ({design.label(int(column))})" for column in columns}


def _interval_name(name: str, conf_level: float) -> str:
    return name if conf_level == 0.95 else f"{100 * conf_level:g} % {name}"


def _nothing(design: Design, reason: str, notes: Mapping[int, str] | None = None) -> Solution:
    width = design.x.shape[1]
    empty = np.full(width, np.nan)
    notes = notes or dict.fromkeys(range(width), reason)
    return Solution(
        empty, empty, empty, empty, empty, np.nan, reason, reason, lambda columns: np.nan, notes
    )


def _hopeless(family: Family, at_least: int) -> str:
    """Why nothing can be estimated at all; empty if something can."""
    n, events = len(family.outcome), int(family.outcome.sum())
    if n == 0:
        return "not estimable: no patient has all covariates known"
    if events < at_least:
        return f"not estimable: {_count(events, 'event')} among {_count(n, 'patient')}"
    if family.data is None and n - events < at_least:
        return f"not estimable: {events} of {_count(n, 'patient')} have the outcome"
    return ""


def _why_infinite(family: Family, design: Design, columns: np.ndarray) -> str:
    """In words: what makes the ordinary estimate infinite."""
    found = []
    seen = design if family.last is None else Design(design.x[family.last], design.terms)
    for term in dict.fromkeys(design.owner(int(column)) for column in columns):
        for level, n, events in level_counts(seen, term.name, family.outcome):
            if events == 0 and n:
                found.append(
                    f"none of {_count(n, 'patient')} with {term.name}={level} had an event"
                )
            elif events == n and family.data is None:
                who = "the one patient" if n == 1 else f"all {n} patients"
                found.append(f"{who} with {term.name}={level} had the outcome")
    if not found:
        names = list(dict.fromkeys(design.label(int(column)) for column in columns))
        verb = "separates" if len(names) == 1 else "separate"
        found = [f"{' and '.join(names)} {verb} those with an event from the others"]
    return f"; used because {', '.join(found)}: the ordinary estimate is infinite"


def level_counts(design: Design, name: str, event: np.ndarray) -> list[tuple[str, int, int]]:
    """Level, patients and events of each level of a factor, the reference first."""
    term = next(term for term in design.terms if term.name == name)
    if not term.levels:
        return []
    inside = design.x[:, list(term.columns)] != 0
    masks = [~inside.any(axis=1), *inside.T]
    return [
        (level, int(mask.sum()), int(event[mask].sum()))
        for level, mask in zip(term.levels, masks, strict=True)
    ]


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
