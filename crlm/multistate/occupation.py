"""How likely each state is over time, and the months spent in it, by group."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import CohortError, ParameterError, rows
from crlm.multistate.process import (
    NOTHING,
    Path,
    Process,
    Z,
    aalen_johansen,
    errors,
    log_log,
    of_stays,
    resamples,
    settled,
)
from crlm.multistate.stays import STATES, check_stays
from crlm.survival.samples import By, check_times, codes_of, names_of, split

#: The number of this analysis in the seeds of resamples.
ANALYSIS = 5
MODEL = "aalen-johansen"


@dataclass(frozen=True)
class Group:
    """One group of patients with its process and probabilities."""

    name: str
    process: Process
    path: Path


def states(
    stays: pd.DataFrame,
    by: By = None,
    times: Iterable[float] = (0, 12, 24, 36, 48, 60),
    tau: float | Sequence[float] = 0.0,
    *,
    samples: int = 200,
    seed: int = 20,
    min_at_risk: int = 10,
    population: str = "all",
) -> pd.DataFrame:
    """Probability of each state, months in it, their difference, and how many are in it.

    Parameters
    ----------
    stays : pandas.DataFrame
        From `stays`.
    by : str or sequence of str, optional
        Column, or columns of joint groups; by default one group of all.
    times : iterable of float
        Months of the probabilities and of the numbers in state.
    tau : float or sequence of float
        Horizons of the months in state; a 0 is the last whole month, no later than the last
        of `times` (60 without any), at which each group has `min_at_risk` patients left.
    samples : int
        Resamples of patients, within each group, for the limits of differences; 0: their
        error is the root of the sum of the groups' squared errors.
    seed : int
        Group after group in their order, `numpy.random.default_rng([seed, 5])` draws
        `samples` times how often each of its n patients is taken (multinomial).
    min_at_risk : int
        Beyond the month at which a group has fewer patients left in observation, its numbers
        are not estimated.

    Returns
    -------
    pandas.DataFrame
        Result rows of endpoint "states", level the state: `state_probability` (percent, n the
        patients left, events those who have come into the state), `n_at_risk` (patients seen
        in the state just before the month; of a state that nobody leaves
        `cumulative_events`), `months_in_state` up to each horizon, whose sum over the states
        is the horizon; with two groups `months_in_state_difference`, second minus first,
        `group` the bare column. What cannot be estimated is missing, with the reason in
        `method`.

    Raises
    ------
    CohortError
        If the frame is not one of stays, or nobody has a value of `by`.
    ParameterError
        If a column does not exist, or a time, horizon or number makes no sense.

    Notes
    -----
    Probabilities from time zero need no Markov property (Datta & Satten, Stat Probab Lett
    2001;55:403). Limits of 95 %: of probabilities log-log, of months normal, both with the
    infinitesimal-jackknife error by patient; of differences normal with the standard deviation
    of the resamples.
    """
    check_stays(stays)
    asked = check_times(times)
    for name, value in (("samples", samples), ("min_at_risk", min_at_risk)):
        if not (isinstance(value, int) and value >= 0):
            raise ParameterError(f"{name} is {value!r}; give a whole number, 0 or more.")
    groups = groups_of(stays, by)
    horizons = _horizons(groups, tau, asked, min_at_risk)
    base = {"endpoint": "states", "population": population, "model": MODEL}
    records = []
    for group in groups:
        records += _probabilities(group, asked, min_at_risk, base)
        records += _months(group, horizons, min_at_risk, base)
    if by and len(groups) <= 2:
        base["group"] = ",".join(names_of(stays, by))
        spread = _spread(groups, horizons, samples, seed)
        records += _differences(groups, horizons, min_at_risk, spread, base)
    return rows(records)


def groups_of(stays: pd.DataFrame, by: By) -> list[Group]:
    """Each group with its process; patients with a missing level are in none."""
    columns = names_of(stays, by)
    process = of_stays(stays, STATES)
    first = stays.drop_duplicates("patient_id")
    code, labels = codes_of(first, columns)
    parts = split(code)
    if not parts:
        raise CohortError(
            f"No patient has a value of {', '.join(columns)}: there is no group to describe. "
            "Choose another column."
        )
    made = [process.take(part) for part in parts]
    return [Group(n, p, aalen_johansen(p)) for n, p in zip(labels, made, strict=True)]


def counts(n: int, samples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each of n patients is in each resample."""
    share = [1 / n] * n
    return (rng.multinomial(n, share) for _ in range(samples))


def difference_record(estimate: float, error: float) -> dict[str, float]:
    """A difference with normal limits; without limits where there is no error."""
    estimate = float(settled(np.asarray(estimate)))
    if not (math.isfinite(estimate) and error > NOTHING):
        return {"estimate": estimate}
    return {
        "estimate": estimate,
        "conf_low": estimate - Z * error,
        "conf_high": estimate + Z * error,
    }


def too_few(left: int, least: int, group: str, month: float) -> str:
    """Why a group gives no estimate at a month; empty where it does."""
    least = max(least, 1)
    if left >= least:
        return ""
    whose = "" if group == "all" else f" of {group}"
    noun = "patient" if left == 1 else "patients"
    return f"not estimated: {left} {noun}{whose} left at month {month:g}, fewer than {least}"


def only(group: str) -> str:
    """Why there is no contrast where one group alone has patients."""
    return f"not estimated: there are patients of {group} only"


def sure(p: float) -> str:
    """What a method adds where a probability has no limits."""
    return "" if 0 < p < 1 else ", no limits at 0 and 100 %"


# ---- parts ------------------------------------------------------------------


def _left(group: Group, times: Sequence[float]) -> np.ndarray:
    """Patients still under observation, in whatever state, just before each time."""
    return group.process.at_risk(times).sum(axis=1)


def _horizons(
    groups: Sequence[Group], tau: float | Sequence[float], asked: Sequence[float], least: int
) -> list[float]:
    given = [float(t) for t in np.atleast_1d(np.asarray(tau, dtype=float))]
    bad = [t for t in given if not (math.isfinite(t) and t >= 0)]
    if bad:
        raise ParameterError(f"tau must be a number of months, 0 or more, but is {bad[0]!r}.")
    most = max(asked, default=0.0) or 60.0
    return list(dict.fromkeys(t or _longest(groups, most, least) for t in given))


def _longest(groups: Sequence[Group], most: float, least: int) -> float:
    """The last whole month at which each group has enough patients left, else the last one."""
    whole = np.arange(1.0, max(math.floor(most), 1) + 1)
    enough = np.all([_left(group, whole) >= least for group in groups], axis=0)
    return float(whole[enough][-1] if enough.any() else whole[-1])


def _late(group: Group) -> str:
    """Whether any patient came under observation late, for methods."""
    from_zero = group.process.patient[group.process.start < 0]
    return ", late entry" if len(np.unique(from_zero)) < group.process.n else ""


def _probabilities(
    group: Group, asked: Sequence[float], least: int, base: Mapping[str, Any]
) -> list[dict[str, Any]]:
    if not asked:
        return []
    process, path = group.process, group.path
    times = process.snapped(asked)
    here, entered = process.at_risk(asked), process.entered(asked)
    left = here.sum(axis=1)
    p = path.at(times)[:, :, 0]
    error = errors(process, path, times, "probability")
    method = f"Aalen-Johansen, infinitesimal-jackknife error, log-log CI{_late(group)}"
    records = []
    for i, month in enumerate(asked):
        why = too_few(int(left[i]), least, group.name, month)
        for k, state in enumerate(process.states):
            at = {**base, "group": group.name, "level": state, "time": month}
            row = {
                **at,
                "statistic": "state_probability",
                "unit": "%",
                "n": left[i],
                "events": entered[i, k],
                "method": why or method,
            }
            records.append(row if why else {**row, **_percent(p[i, k], error[i, k], method)})
            records.append({**at, "n": process.n, **_in_state(k, here[i], entered[i])})
    return records


def _percent(p: float, error: float, method: str) -> dict[str, Any]:
    low, high = log_log(p, error)
    limits = {"conf_low": 100 * low, "conf_high": 100 * high}
    return {"estimate": 100 * p, **limits, "method": method + sure(p)}


def _in_state(k: int, here: np.ndarray, entered: np.ndarray) -> dict[str, Any]:
    """How many are in a state; of one that nobody leaves, how many have come into it."""
    if k == len(here) - 1:
        return {
            "statistic": "cumulative_events",
            "unit": "patients",
            "estimate": entered[k],
            "events": entered[k],
            "method": "events up to t",
        }
    return {
        "statistic": "n_at_risk",
        "unit": "patients",
        "estimate": here[k],
        "events": entered[k],
        "method": "seen in the state just before t",
    }


def _months(
    group: Group, horizons: Sequence[float], least: int, base: Mapping[str, Any]
) -> list[dict[str, Any]]:
    process, path = group.process, group.path
    taus = process.snapped(horizons)
    left, entered = _left(group, horizons), process.entered(horizons)
    months = path.months(taus)[:, :, 0]
    error = errors(process, path, taus, "months")
    records = []
    for i, tau in enumerate(horizons):
        why = too_few(int(left[i]), least, group.name, tau)
        method = (
            f"area under Aalen-Johansen to {tau:g} months, infinitesimal-jackknife error, "
            f"normal CI{_late(group)}"
        )
        for k, state in enumerate(process.states):
            at = {
                **base,
                "group": group.name,
                "level": state,
                "time": tau,
                "unit": "months",
                "statistic": "months_in_state",
                "n": process.n,
                "events": entered[i, k],
                "method": why or method,
            }
            records.append(at if why else {**at, **_within(months[i, k], error[i, k], tau)})
    return records


def _within(estimate: float, error: float, tau: float) -> dict[str, float]:
    """Months with normal limits, which lie between 0 and the horizon."""
    record = difference_record(estimate, error)
    if "conf_low" in record:
        record["conf_low"] = max(record["conf_low"], 0.0)
        record["conf_high"] = min(record["conf_high"], tau)
    return record


def _differences(
    groups: Sequence[Group],
    horizons: Sequence[float],
    least: int,
    spread: tuple[np.ndarray, str],
    base: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Months of the last group less those of the first, or why there is no such difference."""
    months = [g.path.months(g.process.snapped(horizons))[:, :, 0] for g in groups]
    gap = months[-1] - months[0]
    n, records = sum(group.process.n for group in groups), []
    for i, tau in enumerate(horizons):
        why = _lacking(groups, tau, least)
        method = f"{groups[-1].name} minus {groups[0].name}, to {tau:g} months, {spread[1]}"
        events = sum(group.process.entered([tau])[0] for group in groups)
        at = {**base, "time": tau, "unit": "months", "n": n, "method": why or method}
        at["statistic"] = "months_in_state_difference"
        for k, state in enumerate(groups[0].process.states):
            row = {**at, "level": state, "events": events[k]}
            if not why and not months[0][i, k] and not months[-1][i, k]:
                row["method"] = f"not estimable: nobody was in this state by month {tau:g}"
            elif not why:
                row |= difference_record(float(gap[i, k]), spread[0][i, k])
            records.append(row)
    return records


def _lacking(groups: Sequence[Group], month: float, least: int) -> str:
    """Why two groups cannot be compared at a month; empty where they can."""
    if len(groups) < 2:
        return only(groups[0].name)
    reasons = (too_few(int(_left(g, [month])[0]), least, g.name, month) for g in groups)
    return next(filter(None, reasons), "")


def _spread(
    groups: Sequence[Group], horizons: Sequence[float], samples: int, seed: int
) -> tuple[np.ndarray, str]:
    """Standard errors of the differences in months, shape (horizons, states), and their name."""
    taus = [group.process.snapped(horizons) for group in groups]
    pairs = list(zip(groups, taus, strict=True))
    if samples < 2 or len(groups) < 2:
        parts = [errors(group.process, group.path, t, "months") for group, t in pairs]
        return np.hypot(parts[0], parts[-1]), "infinitesimal-jackknife errors, normal CI"
    rng = np.random.default_rng([seed, ANALYSIS])
    drawn = []
    for group, t in pairs:
        blocks = resamples(counts(group.process.n, samples, rng), group.process)
        drawn.append(np.concatenate([path.months(t) for path in blocks], axis=2))
    spread = (drawn[1] - drawn[0]).std(axis=2, ddof=1)
    return spread, f"normal CI, error of {samples} resamples of patients within each group"
