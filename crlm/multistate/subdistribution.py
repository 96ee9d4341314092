"""Fine and Gray's model: what moves the share of patients who get to one cause.

As two programs of R have it. `survival::finegray`: at one time events come before censorings,
late entry is honoured, and the sandwich takes the weights as known. `cmprsk::crr`: those who
leave with an event are still among those who may be censored then, and the error knows that the
weights were estimated (psi of Fine and Gray's appendix).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crlm.multistate.causes import Causes
from crlm.survival.samples import Sample

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
    lost : Lost or None
        The censorings, where the error is to know that the weights were estimated from them.
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
    lost: Lost | None = None

    @property
    def program(self) -> str:
        """Whose it is, for methods."""
        return "finegray" if self.lost is None else "cmprsk"


@dataclass(frozen=True)
class Lost:
    """Who was censored when, of how many.

    Attributes
    ----------
    censored : ndarray of bool, shape (n,)
    time : ndarray of float, shape (c,)
        Distinct times of censorings.
    count, present : ndarray of int, shape (c,)
        Censored at each of them, and under observation until then.
    """

    censored: np.ndarray
    time: np.ndarray
    count: np.ndarray
    present: np.ndarray


@dataclass(frozen=True)
class Fitted:
    """Log ratios with the sandwich of their residuals; NaN where there is no end or no data."""

    coef: np.ndarray
    var: np.ndarray
    endless: np.ndarray


def layout(group: Causes, cause: str, ties: str, program: str) -> Subdistribution:
    """As `subdistribution`, by the program that can have these patients.

    `crr` has Breslow's rule for ties, and knows nobody who came under observation late.
    """
    as_crr = program == "cmprsk" and not group.sample.late
    program, ties = ("cmprsk", "breslow") if as_crr else ("finegray", ties)
    return subdistribution(group, cause, ties, program)


def subdistribution(
    group: Causes, cause: str, ties: str, program: str = "finegray"
) -> Subdistribution:
    """The risk sets of one cause, weights and tied events laid out."""
    return risk_sets(group.sample, group.cause, group.place_of(cause), ties, program)


def risk_sets(
    sample: Sample, cause: np.ndarray, place: int, ties: str, program: str = "finegray"
) -> Subdistribution:
    """As `subdistribution`, of patients whose events have numbered causes (-1: censored).

    `program` "cmprsk" is for patients none of whom came under observation late.
    """
    event = cause == place
    time, slot = np.unique(sample.time[event], return_inverse=True)
    order = np.sort(slot)
    count = np.bincount(slot, minlength=len(time))
    rank = np.arange(len(order)) - np.searchsorted(order, order)
    share = rank / count[order] if ties == "efron" else np.zeros(len(order))
    as_crr = program == "cmprsk"
    chance = _Observation(sample, cause < 0, events_first=not as_crr)
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
        lost=_lost(sample, cause < 0) if as_crr else None,
    )


def _lost(sample: Sample, censored: np.ndarray) -> Lost:
    time, count = np.unique(sample.time[censored], return_counts=True)
    present = len(censored) - np.searchsorted(np.sort(sample.time), time)
    return Lost(censored, time, count, present)


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
    residual = (_residuals(data, centred, coef) + _of_weights(data, centred, coef)) @ bread
    return Fitted(coef, residual.T @ residual, endless)


def column_of(data: Subdistribution, x: np.ndarray, column: int) -> tuple[float, float, str]:
    """Log ratio of one column of a model, its robust error, and why there is none ("" if there is).

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Without missing values; a column that earlier ones determine has no ratio.
    """
    nothing, why = (np.nan, np.nan), hopeless(data)
    if why:
        return *nothing, why
    kept = independent(data, x)
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
    if hopeless(data):
        return nothing, nothing
    z = z[:, independent(data, z)] if z.shape[1] else z
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

    def __init__(self, sample: Sample, censored: np.ndarray, events_first: bool = True) -> None:
        stop, start = np.sort(sample.time), np.sort(sample.entry)
        gone = np.sort(sample.time[~censored])
        self._censor, lost = np.unique(sample.time[censored], return_counts=True)
        here = np.searchsorted(start, self._censor) - np.searchsorted(stop, self._censor)
        at_once = np.searchsorted(gone, self._censor, "right") - np.searchsorted(gone, self._censor)
        at_once = at_once if events_first else np.zeros_like(at_once)
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


def _of_weights(data: Subdistribution, x: np.ndarray, coef: np.ndarray) -> np.ndarray:
    """What each patient adds to the score through the weights: psi, shape (n, p).

    References
    ----------
    Fine JP, Gray RJ. J Am Stat Assoc 1999;94:496, appendix; at ties as `cmprsk` 2.2-11.
    """
    lost, other = data.lost, data.other
    if lost is None or not len(lost.time) or not other.any():
        return np.zeros_like(x)
    risk = np.exp(np.clip(x @ coef, -500, 500))[:, None]
    sums = _slots(data, np.hstack([risk, risk * x]))
    rate = 1 / sums[:, :1]
    steps = np.hstack([rate, rate**2 * sums[:, 1:]])
    ahead = data.observed[:, None] * _by_slot(data, steps, len(data.time))
    summed = np.concatenate([np.zeros((1, ahead.shape[1])), np.cumsum(ahead, axis=0)])
    later = summed[-1] - summed[np.searchsorted(data.time, lost.time)]
    own = data.own[other, None]
    values = np.hstack([risk, risk * x])[other]
    share = np.divide(values, own, out=np.zeros_like(values), where=own > 0)
    gone = _before(data.stop[other], share, lost.time)
    moved = gone[:, 1:] * later[:, :1] - gone[:, :1] * later[:, 1:]
    moved /= lost.present[:, None]
    drift = np.cumsum(moved * (lost.count / lost.present)[:, None], axis=0)
    drift = np.concatenate([np.zeros((1, x.shape[1])), drift])
    found = -drift[np.searchsorted(lost.time, data.stop, side="right")]
    found[lost.censored] += moved[np.searchsorted(lost.time, data.stop[lost.censored])]
    return found


def _by_slot(data: Subdistribution, values: np.ndarray, m: int) -> np.ndarray:
    return np.column_stack([np.bincount(data.slot, weights=v, minlength=m) for v in values.T])


def _between(
    time: np.ndarray, steps: np.ndarray, start: np.ndarray, stop: np.ndarray | None
) -> np.ndarray:
    """Sums of steps at times in (start, stop], to the end without a stop."""
    summed = np.concatenate([np.zeros((1, steps.shape[1])), np.cumsum(steps, axis=0)])
    upper = summed[-1] if stop is None else summed[np.searchsorted(time, stop, side="right")]
    return upper - summed[np.searchsorted(time, start, side="right")]


# ---- what can be told ---------------------------------------------------------


def hopeless(data: Subdistribution) -> str:
    """Why a cause has no ratio, whatever the covariates; "" if it may have."""
    events = int(data.event.sum())
    if events < 2:
        noun = "event" if events == 1 else "events"
        return f"not estimable: {events} {noun} of this cause among {len(data.event)} patients"
    if data.other.any() and not (data.own[data.other] > 0).all():
        return "not estimable: late entry left nobody to weight the other causes by"
    return ""


def independent(data: Subdistribution, x: np.ndarray) -> np.ndarray:
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
