"""Fine and Gray's model: what moves the share of patients who get to one cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from crlm.ledger import rows
from crlm.multistate.causes import Causes, causes_of, endpoint_of, with_transition
from crlm.refusals import choice, confidence
from crlm.regression.models import n_record, ratio_records
from crlm.regression.solution import Family, Solution, level_counts
from crlm.regression.terms import Design, Term, check_names, complete, encode
from crlm.survival.samples import Sample

_TIES = ("efron", "breslow")
_ITERATIONS = 50
_STEP = 1e-10
#: Columns whose information is this little of their own are told by the columns before them.
_DEPENDENT = 1e-9
#: A log ratio this many standard deviations of its column away has no end.
_ENDLESS = 12.0
#: A last step this long, relative to the log ratio, means the same.
_UNSETTLED = 1e-6


@dataclass(frozen=True)
class Subdistribution:
    """Who is at risk of one cause, and how much, at each distinct time of its events.

    Attributes
    ----------
    start, stop : ndarray of float, shape (n,)
        Under observation in (start, stop].
    event, other : ndarray of bool, shape (n,)
        Had the cause; had another one, and stays at risk ever after with a falling weight.
    time : ndarray of float, shape (m,)
        Distinct times of events of the cause.
    observed : ndarray of float, shape (m,)
        K(t-): the chance to be still under observation just before each of them.
    own : ndarray of float, shape (n,)
        K just before each patient's own time.
    slot : ndarray of int, shape (events,)
        Position in `time` of each event's slot.
    part : ndarray of float, shape (events,)
        Efron's share l / d of the tied events taken out of the slot's risk set; 0 for Breslow.
    """

    start: np.ndarray
    stop: np.ndarray
    event: np.ndarray
    other: np.ndarray
    time: np.ndarray
    observed: np.ndarray
    own: np.ndarray
    slot: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """Log ratios with the sandwich of their residuals; NaN where there is no end or no data."""

    coef: np.ndarray
    var: np.ndarray
    endless: np.ndarray


def fine_gray(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    cause: str,
    *,
    ties: str = "efron",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Subdistribution hazard ratios: whether more or fewer patients get to one cause.

    Patients with another event stay in the risk set with a weight, as those who can no longer
    get there. The ratio has no meaning as a rate: read it beside the cause-specific one.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `incidence`; late entry is honoured.
    covariates : sequence of str
        Categories (the first level is the reference), booleans or numbers.
    cause : str
    ties : {"efron", "breslow"}

    Returns
    -------
    pandas.DataFrame
        Result rows as `cause_specific`, with `subdistribution_hazard_ratio`, model "fine-gray".
        What cannot be estimated is missing, with the reason in `method`.

    Raises
    ------
    CohortError, ParameterError
        As `incidence` and `regression.cox`.

    Notes
    -----
    Weights by the Kaplan-Meier of censoring (events before censorings at one time) and, with
    late entry, of coming under observation, as R's `finegray`; standard errors by the sandwich
    over patients, as `coxph(..., weights = fgwt, cluster = id)` on its rows. The sums over a
    risk set are running sums, so that no patient is written out once for each later censoring
    time. Differs from `cmprsk::crr` in the fourth digit where censorings tie with events.

    References
    ----------
    Fine JP, Gray RJ. J Am Stat Assoc 1999;94:496. Geskus RB. Biometrics 2011;67:39.
    """
    choice("ties", ties, _TIES)
    confidence(conf_level)
    part = complete(frame, check_names(frame, covariates))
    keys = {
        "endpoint": endpoint_of(frame),
        "population": with_transition(population, f"resection>{cause}"),
        "model": "fine-gray",
    }
    if part.empty:
        why = "not estimable: no patient has all covariates known"
        return rows([{**keys, "statistic": "n", "unit": "patients", "estimate": 0, "method": why}])
    group = causes_of(part, None)[0]
    design = encode(part.iloc[group.place], list(covariates))
    data = subdistribution(group, cause, ties)
    family = _family(data, f"Fine-Gray, {ties.capitalize()} ties{group.late}")
    solution = _solution(data, design, conf_level, group.left_out)
    records = [n_record(len(frame), family, keys)]
    for term in design.terms:
        records += _term_records(term, design, solution, family, keys)
    return rows(records)


def subdistribution(group: Causes, cause: str, ties: str) -> Subdistribution:
    """The risk sets of one cause, weights and tied events laid out."""
    return risk_sets(group.sample, group.cause, group.place_of(cause), ties)


def risk_sets(sample: Sample, cause: np.ndarray, place: int, ties: str) -> Subdistribution:
    """As `subdistribution`, of patients whose events have numbered causes (-1: censored)."""
    event = cause == place
    time, slot = np.unique(sample.time[event], return_inverse=True)
    order = np.sort(slot)
    count = np.bincount(slot, minlength=len(time))
    rank = np.arange(len(order)) - np.searchsorted(order, order)
    share = rank / count[order] if ties == "efron" else np.zeros(len(order))
    chance = _Observation(sample, cause < 0)
    return Subdistribution(
        start=sample.entry,
        stop=sample.time,
        event=event,
        other=(cause >= 0) & ~event,
        time=time,
        observed=chance.before(time),
        own=chance.before(sample.time),
        slot=order,
        part=share,
    )


def fit(data: Subdistribution, x: np.ndarray) -> Fitted:
    """The partial likelihood maximised, by Newton's steps, each halved where it overshoots."""
    centred = x - x.mean(axis=0)
    coef = np.zeros(x.shape[1])
    value, score, information = _likelihood(data, centred, coef)
    for _ in range(_ITERATIONS):
        step = np.linalg.lstsq(information, score, rcond=None)[0]
        size, gain = 1.0, -np.inf
        while size > 1e-6:
            ahead = _likelihood(data, centred, coef + size * step)
            gain = ahead[0] - value
            if gain >= -1e-9 * (1 + abs(value)):
                break
            size /= 2
        coef = coef + size * step
        value, score, information = ahead
        spread = np.abs(coef) * centred.std(axis=0)
        if np.abs(size * step).max(initial=0.0) < _STEP or (spread > _ENDLESS).any():
            break
    unsettled = np.abs(size * step) > _UNSETTLED * (1 + np.abs(coef))
    endless = unsettled | (spread > _ENDLESS)
    bread = np.linalg.pinv(information, hermitian=True)
    residual = _residuals(data, centred, coef) @ bread
    return Fitted(coef, residual.T @ residual, endless)


def column_of(data: Subdistribution, x: np.ndarray, column: int) -> tuple[float, float, str]:
    """Log ratio of one column of a model, its robust error, and why there is none ("" if there is).

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Without missing values; a column that earlier ones determine has no ratio.
    """
    nothing, why = (np.nan, np.nan), _hopeless(data)
    if why:
        return *nothing, why
    kept = _independent(data, x)
    if not kept[column]:
        return *nothing, "not estimable: the covariates determine it"
    found, at = fit(data, x[:, kept]), int(kept[:column].sum())
    empty = _one_sided(data, x[:, kept])
    if found.endless[at] or empty[at]:
        return *nothing, "not estimable: the effect is infinite (a group has no event)"
    if found.endless.any() or empty.any():
        return *nothing, "not estimable: a covariate's effect is infinite (a level has no event)"
    return float(found.coef[at]), float(np.sqrt(found.var[at, at])), ""


def added_columns(
    data: Subdistribution, z: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What each of many columns, added alone, would do to the model of `z`.

    As `regression.added.added_columns`: score at zero and information given `z`, shape (k,),
    missing where the model of `z` has no end.
    """
    nothing = np.full(columns.shape[1], np.nan)
    if _hopeless(data):
        return nothing, nothing
    z = z[:, _independent(data, z)] if z.shape[1] else z
    risk = np.ones((len(z), 1))
    if z.shape[1]:
        found = fit(data, z)
        if found.endless.any() or _one_sided(data, z).any():
            return nothing, nothing
        z = z - z.mean(axis=0)
        risk = np.exp(np.clip(z @ found.coef, -500, 500))[:, None]
    total = _slots(data, risk)
    mean = _slots(data, risk * columns) / total
    score = columns[data.event].sum(axis=0) - mean.sum(axis=0)
    own = (_slots(data, risk * columns**2) / total).sum(axis=0) - (mean**2).sum(axis=0)
    return score, own - _shared(data, z, columns, risk)


def _shared(
    data: Subdistribution, z: np.ndarray, columns: np.ndarray, risk: np.ndarray
) -> np.ndarray:
    """What each column shares with the model of `z`, in units of information (k,)."""
    if not z.shape[1]:
        return np.zeros(columns.shape[1])
    total = _slots(data, risk)
    centre, mean = (_slots(data, risk * part) / total for part in (z, columns))
    products = (z[:, :, None] * z[:, None, :]).reshape(len(z), -1)
    inside = (_slots(data, risk * products) / total).sum(axis=0).reshape(z.shape[1], -1)
    cross = np.array(
        [(_slots(data, risk * one[:, None] * columns) / total).sum(axis=0) for one in z.T]
    )
    cross -= centre.T @ mean
    return (cross * np.linalg.solve(inside - centre.T @ centre, cross)).sum(axis=0)


def _one_sided(data: Subdistribution, x: np.ndarray) -> np.ndarray:
    """Columns of two values, all of whose events have one of them."""
    two = np.array([len(np.unique(column)) == 2 for column in x.T], dtype=bool)
    return two & (np.ptp(x[data.event], axis=0) == 0)


# ---- the chance to be under observation -------------------------------------


class _Observation:
    """K(t-) = G(t-) H(t-): not yet censored, and come under observation."""

    def __init__(self, sample: Sample, censored: np.ndarray) -> None:
        stop, start = np.sort(sample.time), np.sort(sample.entry)
        gone = np.sort(sample.time[~censored])
        self._censor, lost = np.unique(sample.time[censored], return_counts=True)
        here = np.searchsorted(start, self._censor) - np.searchsorted(stop, self._censor)
        at_once = np.searchsorted(gone, self._censor, "right") - np.searchsorted(gone, self._censor)
        self._kept = np.concatenate([[1.0], np.cumprod(1 - lost / (here - at_once))])
        self._enter, self._come = np.zeros(0), np.ones(1)
        if start[-1] > stop[0]:
            self._enter, came = np.unique(sample.entry[sample.entry > 0], return_counts=True)
            present = np.searchsorted(start, self._enter, "right")
            present = present - np.searchsorted(stop, self._enter, "right")
            later = np.cumprod((1 - came / present)[::-1])[::-1]
            self._come = np.concatenate([later, [1.0]])

    def before(self, time: np.ndarray) -> np.ndarray:
        kept = self._kept[np.searchsorted(self._censor, time)]
        return kept * self._come[np.searchsorted(self._enter, time)]


# ---- likelihood -------------------------------------------------------------


def _sums(data: Subdistribution, values: np.ndarray) -> np.ndarray:
    """Sums of values (n, k) over the weighted risk set at each time, shape (m, k)."""
    begun = _before(data.start, values, data.time) - _before(data.stop, values, data.time)
    if not data.other.any():
        return begun
    own = data.own[data.other, None]
    share = np.divide(values[data.other], own, out=np.zeros_like(values[data.other]), where=own > 0)
    return begun + data.observed[:, None] * _before(data.stop[data.other], share, data.time)


def _before(when: np.ndarray, values: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Sums of values of what happened before each time."""
    order = np.argsort(when, kind="stable")
    summed = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values[order], axis=0)])
    return summed[np.searchsorted(when[order], time)]


def _tied(data: Subdistribution, values: np.ndarray) -> np.ndarray:
    """Sums of values over the events of each time, shape (m, k)."""
    at = np.searchsorted(data.time, data.stop[data.event])
    columns = [np.bincount(at, weights=v, minlength=len(data.time)) for v in values[data.event].T]
    return np.column_stack(columns)


def _slots(data: Subdistribution, values: np.ndarray) -> np.ndarray:
    """Sums over the risk set of each event's slot, tied events taken out by Efron's share."""
    whole = _sums(data, values)[data.slot]
    return whole - data.part[:, None] * _tied(data, values)[data.slot]


def _likelihood(
    data: Subdistribution, x: np.ndarray, coef: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Log partial likelihood, score and information."""
    p = x.shape[1]
    linear = np.clip(x @ coef, -500, 500)
    risk = np.exp(linear)[:, None]
    products = (x[:, :, None] * x[:, None, :]).reshape(len(x), p * p)
    sums = _slots(data, np.hstack([risk, risk * x, risk * products]))
    total = sums[:, 0]
    mean = sums[:, 1 : 1 + p] / total[:, None]
    second = (sums[:, 1 + p :] / total[:, None]).sum(axis=0).reshape(p, p)
    value = float(linear[data.event].sum() - np.log(total).sum())
    return value, x[data.event].sum(axis=0) - mean.sum(axis=0), second - mean.T @ mean


def _residuals(data: Subdistribution, x: np.ndarray, coef: np.ndarray) -> np.ndarray:
    """Score residuals, shape (n, p): observed less expected, over the whole weighted follow-up."""
    risk = np.exp(np.clip(x @ coef, -500, 500))[:, None]
    sums = _slots(data, np.hstack([risk, risk * x]))
    rate = 1 / sums[:, :1]
    mean = sums[:, 1:] * rate
    m = len(data.time)
    steps = np.hstack([rate, rate * mean])
    whole = _by_slot(data, steps, m)
    tied = _by_slot(data, data.part[:, None] * steps, m)
    inside = _between(data.time, whole, data.start, data.stop)
    at = np.searchsorted(data.time, data.stop[data.event])
    inside[data.event] -= tied[at]
    later = _between(data.time, data.observed[:, None] * whole, data.stop, None)[data.other]
    own = data.own[data.other, None]
    inside[data.other] += np.divide(later, own, out=np.zeros_like(later), where=own > 0)
    residual = -risk * (x * inside[:, :1] - inside[:, 1:])
    mean_at = _by_slot(data, mean, m) / np.bincount(data.slot, minlength=m)[:, None]
    residual[data.event] += x[data.event] - mean_at[at]
    return residual


def _by_slot(data: Subdistribution, values: np.ndarray, m: int) -> np.ndarray:
    return np.column_stack([np.bincount(data.slot, weights=v, minlength=m) for v in values.T])


def _between(
    time: np.ndarray, steps: np.ndarray, start: np.ndarray, stop: np.ndarray | None
) -> np.ndarray:
    """Sums of steps at times in (start, stop], to the end without a stop."""
    summed = np.concatenate([np.zeros((1, steps.shape[1])), np.cumsum(steps, axis=0)])
    upper = summed[-1] if stop is None else summed[np.searchsorted(time, stop, side="right")]
    return upper - summed[np.searchsorted(time, start, side="right")]


# ---- rows -------------------------------------------------------------------


def _family(data: Subdistribution, method: str) -> Family:
    def never(x: np.ndarray) -> Any:
        raise NotImplementedError("Fine and Gray's model has no penalised likelihood here")

    event = data.event.astype(float)
    return Family(method, "subdistribution_hazard_ratio", event, never, never)


def _solution(data: Subdistribution, design: Design, conf_level: float, note: str) -> Solution:
    """Estimates of all columns, or why there are none."""
    width = design.x.shape[1]
    empty = np.full((5, width), np.nan)
    why, notes = _hopeless(data), {}
    kept = np.zeros(width, dtype=bool)
    if not why and width:
        kept = _independent(data, design.x)
        found = fit(data, design.x[:, kept])
        empty[:, kept] = _limits(found, conf_level)
        notes = {int(j): _dependent(design, int(j)) for j in np.flatnonzero(~kept)}
        endless = np.flatnonzero(kept)[found.endless | _eventless(design, data)[kept]]
        empty[:, endless] = np.nan
        notes |= {int(j): _endless(design, data, int(j)) for j in endless}
    elif width:
        notes = dict.fromkeys(range(width), why)

    level = "" if conf_level == 0.95 else f"{100 * conf_level:g} % "
    interval = f"{level}Wald CI, robust error{note}"
    return Solution(*empty, np.nan, interval, interval, lambda columns: np.nan, notes)


def _limits(found: Fitted, conf_level: float) -> np.ndarray:
    """Estimates, errors, limits and p values, shape (5, p); missing where there is no end."""
    error = np.sqrt(np.diag(found.var))
    coef = np.where(found.endless, np.nan, found.coef)
    half = float(ndtri(0.5 + conf_level / 2)) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * ndtr(-np.abs(coef / error))
    return np.array([coef, error, coef - half, coef + half, p])


def _hopeless(data: Subdistribution) -> str:
    events = int(data.event.sum())
    if events < 2:
        noun = "event" if events == 1 else "events"
        return f"not estimable: {events} {noun} of this cause among {len(data.event)} patients"
    if data.other.any() and not (data.own[data.other] > 0).all():
        return "not estimable: late entry left nobody to weight the other causes by"
    return ""


def _independent(data: Subdistribution, x: np.ndarray) -> np.ndarray:
    """Columns that add to those before them, by the information at no effect."""
    spread = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    information = _likelihood(data, scaled, np.zeros(x.shape[1]))[2]
    kept: list[int] = []
    for j in range(x.shape[1]):
        own = information[j, j]
        told = 0.0
        if kept:
            cross = information[kept, j]
            told = cross @ np.linalg.solve(information[np.ix_(kept, kept)], cross)
        if own > _DEPENDENT and own - told > _DEPENDENT * own:
            kept.append(j)
    return np.isin(np.arange(x.shape[1]), kept)


def _dependent(design: Design, column: int) -> str:
    if design.x[:, column].std() == 0:
        return f"not estimable: {design.label(column)} does not vary"
    return f"not estimable: {design.label(column)} adds nothing to the covariates before it"


def _eventless(design: Design, data: Subdistribution) -> np.ndarray:
    """Columns whose level, or whose reference level, has no event of the cause."""
    found = np.zeros(design.x.shape[1], dtype=bool)
    for term in design.terms:
        events = np.array([count for _, _, count in level_counts(design, term.name, data.event)])
        if term.columns and len(events):
            found[list(term.columns)] = (events[1:] == 0) | (events[0] == 0)
    return found


def _endless(design: Design, data: Subdistribution, column: int) -> str:
    term = design.owner(column)
    none = [
        f"nobody among the {n} of {term.name}={level} had an event of this cause"
        for level, n, events in level_counts(design, term.name, data.event)
        if events == 0 and n
    ]
    why = ", ".join(none) or f"{design.label(column)} separates those with an event"
    return f"not estimable: {why}, the estimate is infinite"


def _term_records(
    term: Term, design: Design, solution: Solution, family: Family, keys: dict[str, str]
) -> list[dict[str, Any]]:
    """Reference and ratios of one covariate."""
    n, events = len(family.event), int(family.event.sum())
    here = {**keys, "covariate": term.name, "n": n, "events": events}
    counts = level_counts(design, term.name, family.event) or [("", n, events)]
    records = []
    if term.levels:
        level, n_level, events_level = counts.pop(0)
        method = term.note or "reference level"
        records.append(
            {
                **here,
                "level": level,
                "n": n_level,
                "events": events_level,
                "method": method,
                "statistic": "reference",
                "estimate": 1.0,
            }
        )
    if not term.columns:
        method = f"not estimable: every patient has {term.name}={''.join(term.levels)}"
        return [*records, {**here, "statistic": family.ratio, "method": method}]
    for column, (level, n_level, events_level) in zip(term.columns, counts, strict=True):
        at = {**here, "level": level, "n": n_level, "events": events_level}
        records.append(ratio_records(solution, family, column, at)[0])
    return records
