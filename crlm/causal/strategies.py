"""Start within the grace period, or do not: two strategies by cloning, censoring and weighting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crlm.causal.effects import counted, effect_records, hazard_ratio, two_arms
from crlm.causal.engine import baseline_jumps, chance, cox_coefficients
from crlm.causal.propensity import ceiling
from crlm.causal.terms import design_of, learn, two_levels, words_of
from crlm.causal.timing import missing_record, starts
from crlm.causal.weighted import (
    check_months,
    check_samples,
    endpoint_of,
    observed,
    quantile_of_level,
    resampled,
)
from crlm.ledger import ParameterError, rows
from crlm.regression.engine import TIES, FollowUp
from crlm.survival.samples import snap

#: Fixed number of the analysis, for random numbers of its own.
TIMED = 3
#: A weight above this is worth a word.
_LARGE = 20.0


@dataclass(frozen=True)
class Clones:
    """Every patient twice, once in each strategy, as rows under observation.

    Attributes
    ----------
    data : FollowUp
        All rows: of "start" up to the end of grace, of "start" from there on, of "do not
        start" cut at the events before the end of grace.
    patient : ndarray of int
        Whose row it is.
    arm : ndarray of int
        1 start, 0 do not start.
    late : ndarray of bool
        Rows of "start" from the end of grace on, which weigh 1 / p.
    piece : ndarray of int
        Of "do not start", which of `cuts` ends before the row: the weight is that of the
        hazard up to there.
    cuts : ndarray
        Times before the end of grace at which weights are looked up.
    deciding : ndarray of bool, shape (n,)
        Patients followed beyond the end of grace.
    started : ndarray of bool, shape (n,)
        By the end of grace, while under observation and event-free.
    starting : FollowUp
        Time to start (or leaving) of those who may start under observation.
    may : ndarray of int
        The patients of `starting`.
    x : ndarray, shape (n, p)
    """

    data: FollowUp
    patient: np.ndarray
    arm: np.ndarray
    late: np.ndarray
    piece: np.ndarray
    cuts: np.ndarray
    deciding: np.ndarray
    started: np.ndarray
    starting: FollowUp
    may: np.ndarray
    x: np.ndarray

    def weights(self, counts: np.ndarray, cap: float) -> np.ndarray:
        """The weight of each row where patients are drawn so many times; models fitted again."""
        w = np.ones(len(self.patient))
        w[self.late] = self._to_start(counts, cap)[self.patient[self.late]]
        untreated = self.arm == 0
        table = self._not_to_start(counts, cap)
        w[untreated] = table[self.piece[untreated], self.patient[untreated]]
        return w * counts[self.patient]

    def _to_start(self, counts: np.ndarray, cap: float) -> np.ndarray:
        """One over the chance of having started by the end of grace, of each patient."""
        at, drawn = self.deciding, counts[self.deciding]
        answer = self.started[at].astype(float)
        whole = np.ones(len(counts))
        reached = float(drawn @ answer)
        if reached == 0 or reached == drawn.sum():
            return whole
        used = drawn > 0
        fit = chance(answer[used], self.x[at][used], drawn[used])
        share = np.ones(int(at.sum()))
        share[used] = fit.chance
        whole[at] = 1 / np.maximum(share, 1e-12)
        pool = at & self.started
        return np.minimum(whole, ceiling(whole[pool], cap, counts[pool]))

    def _not_to_start(self, counts: np.ndarray, cap: float) -> np.ndarray:
        """One over the chance of not having started before each cut (cuts + 1, n)."""
        n, drawn = len(counts), counts[self.may]
        if not (self.starting.event * drawn).any():
            return np.ones((len(self.cuts) + 1, n))
        x = self.x[self.may]
        centre = np.average(x, axis=0, weights=drawn)
        coef = cox_coefficients(self.starting, x - centre, drawn)
        lp = (self.x - centre) @ coef
        times, jumps = baseline_jumps(self.starting, lp[self.may], drawn)
        hazard = np.concatenate([[0.0], np.cumsum(jumps)])
        # The left limit: whoever starts on the day of an event was still unstarted at it.
        upto = np.concatenate([hazard[np.searchsorted(times, self.cuts)], hazard[-1:]])
        table = np.exp(np.outer(upto, np.exp(lp)))
        own = hazard[np.searchsorted(times, self.starting.time)]
        last = np.exp(own * np.exp(lp[self.may]))
        return np.minimum(table, ceiling(last, cap, drawn))


def strategies(
    frame: pd.DataFrame,
    exposure: str,
    start_column: str,
    terms: Sequence[Sequence[str]],
    *,
    grace: float,
    times: Iterable[float] = (36.0, 60.0),
    tau: float | None = None,
    samples: int = 200,
    seed: int = 0,
    cap: float = 0.99,
    ties: str = "efron",
    min_at_risk: int = 10,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Start treatment within the grace period against not starting within it, from time zero.

    Each patient is put into both strategies and censored when the own course leaves a strategy;
    weights stand in for those censored. Events before the end of grace count in both, so that
    nobody owes survival to having lived to be treated.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame; late entry is honoured.
    exposure, start_column : str
        As `time_dependent`. A start on the day of the event or later is no start.
    terms : sequence of (name, kind)
        Covariates that drive starting, as `propensity`.
    grace : float
        Months within which treatment has to begin (weeks times 7 over the days of a month).
    times, tau, samples, seed, ties, min_at_risk, conf_level, population
        As `weighted_effects`; both clones of a patient are drawn together, and all models are
        fitted again in each resample. Patients left count those whose own course is that of
        the strategy.
    cap : float
        Quantile at which the weights of each strategy are capped, among the patients' own last
        weights; 1: none.

    Returns
    -------
    pandas.DataFrame
        Rows of model "clone censor weight": as `weighted_effects`, group `hai=yes` standing for
        the strategy to start and `hai=no` for the strategy not to start by the end of grace;
        `hazard_ratio` with a robust error by patient; `max_weight` (a weight, not a share) by
        strategy. Without the column of starts one row `missing` that says so.

    Raises
    ------
    ParameterError, CohortError
        As `weighted_effects`.

    Notes
    -----
    "Start": all artificial censoring is at the end of grace, so one logistic regression gives
    the weights 1 / p from there on. "Do not start": a Cox model for starting (Efron) gives
    exp(H0(t-) exp(lp)) up to each event. Those kept from starting in the grace period start
    later as the others did: "never" is another question.

    References
    ----------
    Hernan MA. BMJ 2018;360:k182. Maringe C et al. Int J Epidemiol 2020;49:1719.
    """
    z, asked = quantile_of_level(conf_level), check_months(times)
    if not (grace > 0 and math.isfinite(grace)):
        raise ParameterError(f"grace must be a number of months above 0 but is {grace!r}.")
    if ties not in TIES:
        raise ParameterError(f"ties must be one of {', '.join(TIES)} but is {ties!r}.")
    treated, levels = two_levels(frame, exposure)
    if start_column not in frame:
        why = f"not asked: this table has no {start_column}; it would compare the strategies to "
        why += "start within the grace period and not to"
        return rows([missing_record(frame, "clone censor weight", why, population)])
    start = starts(frame, treated, start_column, None)
    scales, notes = learn(frame, [term for term in terms if term[0] != exposure])
    x = design_of(frame, scales)
    kept = ~np.isnan(treated) & ~((treated == 1) & np.isnan(start)) & np.isfinite(x).all(axis=1)
    base = {
        "endpoint": endpoint_of(frame),
        "population": population,
        "model": "clone censor weight",
    }
    say = f"start within {grace:.3g} months against not, on {words_of(scales)}"
    say = "; ".join([say, f"complete cases: {int(kept.sum())} of {len(frame)} patients", *notes])
    why, clones = _cloned(frame[kept], start[kept], x[kept], grace)
    if clones is None:
        return rows(
            [
                {
                    **base,
                    "group": exposure,
                    "statistic": "risk_difference",
                    "time": month,
                    "unit": "%",
                    "method": f"{why}; {say}",
                }
                for month in asked
            ]
        )
    own = _own_arms(clones)
    arms = two_arms(clones.data, own, asked, tau, min_at_risk, population)
    n = int(kept.sum())
    given = clones.weights(np.ones(n), cap)

    def once(counts: np.ndarray) -> np.ndarray:
        return arms.values(clones.weights(counts, cap))

    draws = np.zeros((0, 2 * (len(arms.times) + len(arms.taus))))
    if check_samples(samples):
        draws = resampled(n, samples, seed, TIMED, once)
    drawn = f"{samples} resamples of patients, both clones, models fitted again; {say}"
    told = (base, exposure, levels, z, drawn)
    records = effect_records(arms, arms.values(given), draws, told, clones.data)
    _count_patients(records, clones, exposure, levels)
    records += _largest(clones, given, (base, exposure, levels, cap))
    record = _ratio(clones, given, ties, z, f"{ties.capitalize()} ties, robust error; {say}")
    records.append({**base, "covariate": exposure, "level": levels[1], **record})
    return rows(records)


def _cloned(
    frame: pd.DataFrame, start: np.ndarray, x: np.ndarray, grace: float
) -> tuple[str, Clones | None]:
    """The clones, or why there are none."""
    if not len(frame):
        return "not estimable: no patient has the exposure, its start and all covariates", None
    clones = make_clones(observed(frame), np.where(np.isnan(start), np.inf, start), x, grace)
    at = clones.deciding
    if not (clones.started & at).any() or (clones.started | ~at).all():
        who = "nobody" if not (clones.started & at).any() else "everybody"
        return f"not estimable: {who} followed beyond the grace period had started by its end", None
    return "", clones


def make_clones(data: FollowUp, start: np.ndarray, x: np.ndarray, grace: float) -> Clones:
    """Both clones of each patient, cut where their weights change and an event looks.

    Parameters
    ----------
    data : FollowUp
    start : ndarray
        Month of the start; infinite: never.
    x : ndarray, shape (n, p)
    grace : float
    """
    n = data.n
    entry = np.full(n, -1.0) if data.entry is None else data.entry
    start = snap(start, np.unique(data.time))
    start = np.where(start < data.time, start, np.inf)
    by_grace = start <= grace
    deciding = data.time > grace
    cuts = np.unique(data.time[(data.event == 1) & (data.time <= grace)])
    everybody = np.arange(n)
    parts = [
        _rows(
            everybody,
            entry,
            np.minimum(data.time, grace),
            data.event * (data.time <= grace),
            1,
            False,
            0,
        ),
        _rows(
            np.flatnonzero(deciding & by_grace),
            np.maximum(entry, grace),
            data.time,
            data.event,
            1,
            True,
            0,
        ),
    ]
    left = np.where(by_grace, np.maximum(start, 0.0), data.time)
    event = np.where(by_grace, 0, data.event)
    begins = np.concatenate([[-np.inf], cuts])
    ends = np.concatenate([cuts, [np.inf]])
    for piece, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        here = np.flatnonzero((left > begin) & (entry < end))
        parts.append(
            _rows(
                here,
                np.maximum(entry, begin),
                np.minimum(left, end),
                event * (left <= end),
                0,
                False,
                piece,
            )
        )
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    kept = joined["time"] > joined["entry"]
    joined = {name: values[kept] for name, values in joined.items()}
    rows_ = FollowUp(joined["time"], joined["event"].astype(np.int32), joined["entry"])
    may = np.flatnonzero(left > np.maximum(entry, -0.5))
    starting = FollowUp(
        left[may], by_grace[may].astype(np.int32), None if data.entry is None else entry[may]
    )
    return Clones(
        rows_,
        joined["patient"],
        joined["arm"],
        joined["late"].astype(bool),
        joined["piece"],
        cuts,
        deciding,
        by_grace & deciding,
        starting,
        may,
        x,
    )


def _rows(
    who: np.ndarray,
    entry: np.ndarray,
    time: np.ndarray,
    event: np.ndarray,
    arm: int,
    late: bool,
    piece: int,
) -> dict[str, np.ndarray]:
    size = len(who)
    return {
        "patient": who,
        "entry": entry[who],
        "time": time[who],
        "event": event[who],
        "arm": np.full(size, arm),
        "late": np.full(size, late),
        "piece": np.full(size, piece),
    }


def _own_arms(clones: Clones) -> tuple[np.ndarray, np.ndarray]:
    return np.flatnonzero(clones.arm == 0), np.flatnonzero(clones.arm == 1)


def _count_patients(
    records: list[dict[str, Any]], clones: Clones, exposure: str, levels: tuple[str, str]
) -> None:
    """Patients in place of rows."""
    for record in records:
        side = {f"{exposure}={levels[0]}": 0, f"{exposure}={levels[1]}": 1}.get(record["group"])
        part = np.arange(len(clones.arm)) if side is None else np.flatnonzero(clones.arm == side)
        record["n"] = len(np.unique(clones.patient[part]))
        dead = part[clones.data.event[part] == 1]
        record["events"] = len(np.unique(clones.patient[dead]))


def _largest(
    clones: Clones, given: np.ndarray, told: tuple[dict[str, Any], str, tuple[str, str], float]
) -> list[dict[str, Any]]:
    base, exposure, levels, cap = told
    records = []
    for arm, level in enumerate(levels):
        part = np.flatnonzero(clones.arm == arm)
        largest = float(given[part].max(initial=0.0))
        word = f"; above {_LARGE:g}: few patients stand for many" if largest > _LARGE else ""
        records.append(
            {
                **base,
                "group": f"{exposure}={level}",
                "statistic": "max_weight",
                "estimate": largest,
                "n": len(np.unique(clones.patient[part])),
                "events": counted(clones.data, part)["events"],
                "method": "largest weight of a patient, "
                + (f"capped at the {100 * cap:g} % quantile" if cap < 1 else "not capped")
                + word,
            }
        )
    return records


def _ratio(clones: Clones, given: np.ndarray, ties: str, z: float, say: str) -> dict[str, Any]:
    """The weighted hazard ratio of the two strategies, robust by patient."""
    x = clones.arm[:, None].astype(float)
    # One patient is in both strategies, so the rows are no independent observations.
    found = hazard_ratio(clones.data, x, given, ties, z, f"weighted Cox, {say}", clones.patient)
    return found | {
        "n": len(np.unique(clones.patient)),
        "events": len(np.unique(clones.patient[clones.data.event == 1])),
    }
