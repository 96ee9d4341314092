"""Start within the grace period, or do not: two strategies by cloning, censoring and weighting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm.causal.arms import Arms, counted, effect_records, hazard_ratio, two_arms
from crlm.causal.clones import Clones, make_clones
from crlm.causal.terms import design_of, learn, two_levels, words_of
from crlm.causal.timing import missing_record, starts
from crlm.causal.weighted import (
    check_months,
    check_samples,
    check_ties,
    drawn,
    endpoint_of,
    observed,
    quantile_of_level,
)
from crlm.ledger import ParameterError, rows

#: Fixed number of the analysis, for random numbers of its own.
TIMED = 3
_MODEL = "clone censor weight"
#: A weight above this is worth a word.
_LARGE = 20.0


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
    later as the others did: "never" is another question. Where patients times events in the
    grace period exceed 600,000, weights are looked up at fewer moments, evenly spread over
    these events.

    References
    ----------
    Hernan MA. BMJ 2018;360:k182. Maringe C et al. Int J Epidemiol 2020;49:1719.
    """
    z, asked = quantile_of_level(conf_level), check_months(times)
    _check_grace(grace)
    check_ties(ties)
    treated, levels = two_levels(frame, exposure)
    if start_column not in frame:
        why = f"not asked: this table has no {start_column}; it would compare the strategies to "
        why += "start within the grace period and not to"
        return rows([missing_record(frame, "clone censor weight", why, population)])
    start = starts(frame, treated, start_column, None)
    scales, notes = learn(frame, [term for term in terms if term[0] != exposure])
    x = design_of(frame, scales)
    kept = ~np.isnan(treated) & ~((treated == 1) & np.isnan(start)) & np.isfinite(x).all(axis=1)
    base = {"endpoint": endpoint_of(frame), "population": population, "model": _MODEL}
    say = f"start within {grace:.3g} months against not, on {words_of(scales)}"
    say = "; ".join([say, f"complete cases: {kept.sum():,} of {len(frame):,} patients", *notes])
    why, clones = _cloned(frame[kept], start[kept], x[kept], grace)
    if clones is None:
        at = {**base, "group": exposure, "statistic": "risk_difference", "unit": "%"}
        return rows([{**at, "time": month, "method": f"{why}; {say}"} for month in asked])
    own = np.flatnonzero(clones.arm == 0), np.flatnonzero(clones.arm == 1)
    arms = two_arms(clones.data, own, asked, tau, min_at_risk, population)
    given = clones.weights(np.ones(len(x[kept])), cap)
    draws = _draws(clones, arms, cap, check_samples(samples), seed)
    told = f"{len(draws)} resamples of patients, both clones, models fitted again; {say}"
    records = effect_records(
        arms, arms.values(given), draws, (base, exposure, levels, z, told), clones.data
    )
    _count_patients(records, clones, exposure, levels)
    records += _largest(clones, given, (base, exposure, levels, cap))
    record = _ratio(clones, given, ties, z, f"{ties.capitalize()} ties, robust error; {say}")
    records.append({**base, "covariate": exposure, "level": levels[1], **record})
    return rows(records)


def _check_grace(grace: float) -> None:
    if not (grace > 0 and math.isfinite(grace)):
        raise ParameterError(f"grace must be a number of months above 0 but is {grace!r}.")


def _draws(clones: Clones, arms: Arms, cap: float, samples: int, seed: int) -> np.ndarray:
    """Survival and restricted means of both strategies in each resample of patients."""
    if not samples:
        return np.zeros((0, 2 * (len(arms.times) + len(arms.taus))))

    blocks = drawn(len(clones.x), samples, seed, TIMED)
    return np.array([arms.values(w) for block in blocks for w in clones.weights_of(block, cap)])


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
