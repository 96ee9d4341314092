"""Competing causes: how many had an event of each cause by a month, and what moves its rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from crlm import regression
from crlm.endpoints import columns
from crlm.endpoints.outcomes import TOLERANCE
from crlm.ledger import CohortError, ParameterError, rows
from crlm.multistate.occupation import counts, difference_record, too_few
from crlm.multistate.process import Path, Process, aalen_johansen, errors, log_log, of_causes
from crlm.survival.samples import (
    By,
    Sample,
    check_frame,
    check_times,
    choose,
    codes_of,
    make_sample,
    names_of,
    split,
    take,
)

#: The number of this analysis in the seeds of resamples.
ANALYSIS = 4
#: From how many percentage points on 1 - Kaplan-Meier misleads.
MISLEADS = 2.0

_OUTSIDE = ("site_extrahepatic", "site_lung", "site_peritoneum")
_NO_CAUSE = "no event of this cause"


@dataclass(frozen=True)
class Causes:
    """One group of patients whose events have causes.

    Attributes
    ----------
    name : str
    sample : Sample
    cause : ndarray of int, shape (n,)
        Position of the cause; -1 where censored.
    names : tuple of str
        Of the causes.
    weights : ndarray, shape (n,), optional
    place : ndarray of int, shape (n,)
        Position in the frame that was given.
    note : str
        Who had to be left out, and late entry.
    """

    name: str
    sample: Sample
    cause: np.ndarray
    names: tuple[str, ...]
    weights: np.ndarray | None
    place: np.ndarray
    note: str

    def place_of(self, cause: str) -> int:
        """The position of a cause, which must exist."""
        known([cause], self.names)
        return self.names.index(cause)

    def process(self, only: int | None = None) -> Process:
        """Patients leaving by any cause, or by one, the others censored."""
        if only is None:
            return of_causes(self.sample, self.cause, self.names)
        alone = np.where(self.cause == only, 0, -1)
        return of_causes(self.sample, alone, self.names[only : only + 1])


def first_recurrence(frame: pd.DataFrame) -> pd.DataFrame:
    """Recurrence-free survival by what ended it: liver, elsewhere or death.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame of RFS with the sites of the first recurrence (`site_liver`, and of
        `site_extrahepatic`, `site_lung`, `site_peritoneum` what there is) and, to tell a
        death from a recurrence outside the liver, `os_months` and `os_event`.

    Returns
    -------
    pandas.DataFrame
        With `endpoint` "first_recurrence" and the category `cause`: "liver" (alone or with
        others), "elsewhere" (without the liver), "death" (before any recurrence). It is
        missing where censored, and for a recurrence whose site is not known: `incidence` and
        its kin leave such a patient out and count it.

    Raises
    ------
    CohortError
        If the frame is no analysis frame or has no `site_liver`.
    """
    check_frame(frame)
    if "site_liver" not in frame:
        raise CohortError(
            "The sites of first recurrence need the column site_liver; add it, or sites to the "
            "recurrences of the event history."
        )
    liver = columns.binary(frame["site_liver"])
    others = [columns.binary(frame[name]) == 1.0 for name in _OUTSIDE if name in frame]
    outside = np.logical_or.reduce([np.zeros(len(frame), dtype=bool), *others])
    event, died = frame["event"].to_numpy(), _died_then(frame)
    told = [~event, liver == 1.0, outside, died, np.isnan(liver)]
    code = np.select(told, [-1, 0, 1, 2, -1], _unexplained(frame, bool(others)))
    return _with_cause(frame, code, ("liver", "elsewhere", "death"), "first_recurrence")


def failure_or_death(
    frame: pd.DataFrame, *, death_without_failure: Literal["censor", "event"] = "censor"
) -> pd.DataFrame:
    """The surgically controllable period by what ended it: surgical failure, or death before it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame of SCP with `os_months` and `os_event`.
    death_without_failure : {"censor", "event"}
        What the frame was made with (`endpoints.from_history`).

    Returns
    -------
    pandas.DataFrame
        With `event` also at a death without failure, and the category `cause`: "failure",
        "death"; missing where censored.

    Raises
    ------
    CohortError
        If the frame is no analysis frame or has no `os_months` and `os_event`.
    """
    check_frame(frame)
    choose("death_without_failure", death_without_failure, ("censor", "event"))
    absent = [name for name in ("os_months", "os_event") if name not in frame]
    if absent:
        raise CohortError(f"Death before failure needs {' and '.join(absent)}; add that.")
    died, event = _died_then(frame), frame["event"].to_numpy()
    failed = event & ~died if death_without_failure == "event" else event
    code = np.where(failed, 0, np.where(died, 1, -1))
    endpoint = str(frame["endpoint"].iloc[0]) if "endpoint" in frame else "SCP"
    return _with_cause(frame.assign(event=code >= 0), code, ("failure", "death"), endpoint)


def incidence(
    frame: pd.DataFrame,
    by: By,
    causes: Sequence[str],
    times: Iterable[float],
    *,
    weights: np.ndarray | None = None,
    reweigh: Callable[[np.ndarray], np.ndarray] | None = None,
    samples: int = 200,
    seed: int = 20,
    min_at_risk: int = 10,
    population: str = "all",
) -> pd.DataFrame:
    """How many had an event of each cause by a month: Aalen-Johansen, 1 - Kaplan-Meier beside it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame with `cause` (`first_recurrence`, `failure_or_death`).
    by : str or sequence of str or None
        Column, or columns of joint groups.
    causes : sequence of str
        Which causes to tell of; all others compete all the same.
    times : iterable of float
        Months.
    weights : ndarray, shape (patients of the frame,), optional
        Case weights, above 0.
    reweigh : callable, optional
        From how often each patient of the frame is in a resample to the weights estimated in
        that resample, one a patient of the frame. Without it, weights count as known.
    samples, seed : int
        With `reweigh` alone: `numpy.random.default_rng([seed, 4])` draws `samples` times how
        often each of all n patients is taken.
    min_at_risk : int
        A month at which a group has fewer patients at risk is not estimated.

    Returns
    -------
    pandas.DataFrame
        Result rows with level the cause: `cumulative_incidence` (percent; n at risk at t, events
        of the cause up to t) of model "aalen-johansen" and of model "one minus km"; with two
        groups `cumulative_incidence_difference`, second minus first, `group` the bare column;
        and the `flag` "competing", raised where 1 - Kaplan-Meier is more than 2 points above at
        the last month that could be estimated. What cannot be estimated is missing, with the
        reason in `method`.

    Raises
    ------
    CohortError
        If the frame is empty, is no analysis frame or has no causes.
    ParameterError
        If a column, a cause or a time does not exist, or weights do not fit.

    Notes
    -----
    Limits of 95 %: log-log with the infinitesimal-jackknife error; of differences normal with
    the root of the sum of both squared errors, or with `reweigh` the standard deviation of the
    resamples. 1 - Kaplan-Meier censors the other causes, which answers what nobody asked: how
    many would have had the event if the others could not happen and nothing else changed.

    References
    ----------
    Andersen PK, Geskus RB, de Witte T, Putter H. Int J Epidemiol 2012;41:861.
    """
    asked = check_times(times)
    groups = causes_of(frame, by, weights)
    known(causes, groups[0].names)
    base = _base(frame, population)
    records, estimated = [], []
    for group in groups:
        ours, found = _incidences(group, causes, asked, min_at_risk, base)
        records, estimated = records + ours, estimated + [found]
    if by and len(groups) == 2:
        spread = _spread(groups, estimated, causes, asked, reweigh, samples, seed, len(frame))
        column = ",".join(names_of(frame, by))
        records += _differences(groups, estimated, causes, asked, spread, column, base)
    column = ",".join(names_of(frame, by)) or "all"
    return rows([*records, _competing(rows(records), column, base)])


def cause_specific(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    cause: str,
    *,
    ties: str = "efron",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Hazard ratios for the rate of one cause among those still free of all: does it act there.

    Parameters
    ----------
    frame : pandas.DataFrame
        As `incidence`.
    covariates, ties, conf_level
        As `regression.cox`.
    cause : str

    Returns
    -------
    pandas.DataFrame
        Rows as `regression.cox` gives them, model "cause specific", population
        "resection>liver"; events of the other causes are censored when they happen.

    Raises
    ------
    CohortError, ParameterError
        As `incidence` and `regression.cox`.
    """
    part, note = with_known_cause(frame)
    known([cause], tuple(part["cause"].cat.categories))
    alone = part.assign(event=(part["cause"] == cause).to_numpy(bool))
    found = regression.cox(
        alone,
        covariates,
        ties=ties,
        model="cause specific",
        conf_level=conf_level,
        population=with_transition(population, f"resection>{cause}"),
    )
    return found.assign(method=found["method"] + ", other causes censored" + note)


def causes_of(frame: pd.DataFrame, by: By, weights: np.ndarray | None = None) -> list[Causes]:
    """Each group's patients with their causes, in the order of the categories."""
    names = names_of(frame, by)
    numbered = frame.assign(_place=np.arange(len(frame)))
    part, note = with_known_cause(numbered)
    w = None if weights is None else _checked(weights, len(frame))[part["_place"].to_numpy()]
    code, labels = codes_of(part, names)
    there = np.flatnonzero(code >= 0)
    if not len(there):
        raise CohortError(
            f"No patient has a value of {', '.join(names)}: there is no group to describe. "
            "Choose another column."
        )
    sample = make_sample(part, there)
    cause = np.where(part["event"], part["cause"].cat.codes, -1)[there]
    place = part["_place"].to_numpy()[there]
    levels = tuple(str(name) for name in part["cause"].cat.categories)
    groups = []
    for label, at in zip(labels, split(code[there]), strict=True):
        mine = take(sample, at)
        told = (", late entry" if mine.late else "") + note
        share = None if w is None else w[there][at]
        groups.append(Causes(label, mine, cause[at], levels, share, place[at], told))
    return groups


def with_known_cause(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The patients whose cause is known if they had an event, and how many are left out."""
    check_frame(frame)
    if "cause" not in frame or not isinstance(frame["cause"].dtype, pd.CategoricalDtype):
        raise CohortError(
            "The analysis frame has no category `cause`. Make it with "
            "multistate.first_recurrence or multistate.failure_or_death."
        )
    unknown = (frame["event"] & frame["cause"].isna()).to_numpy()
    if not unknown.any():
        return frame, ""
    count = int(unknown.sum())
    if unknown.all():
        raise CohortError(f"The cause is not known of any of the {count} patients; add it.")
    return frame[~unknown], f"; {count} with an event of unknown cause left out"


def with_transition(population: str, transition: str) -> str:
    """A population together with the transition that its patients are at risk of."""
    return transition if population == "all" else f"{population},{transition}"


# ---- causes -----------------------------------------------------------------


def _died_then(frame: pd.DataFrame) -> np.ndarray:
    """Who died at the time of the frame, as far as two printed times can tell."""
    if not {"os_months", "os_event"} <= set(frame):
        return np.zeros(len(frame), dtype=bool)
    end = columns.months(frame, "os_months")
    close = np.abs(end - frame["time"].to_numpy()) <= TOLERANCE + 1e-9
    return close & (columns.binary(frame["os_event"]) == 1.0)


def _unexplained(frame: pd.DataFrame, sites: bool) -> int:
    """What an event is that was not in the liver, nowhere else as far as told, and no death.

    Elsewhere where deaths are known; where they are not, a death if other sites could have
    been told, else it is not known.
    """
    if {"os_months", "os_event"} <= set(frame):
        return 1
    return 2 if sites else -1


def _with_cause(
    frame: pd.DataFrame, code: np.ndarray, names: Sequence[str], endpoint: str
) -> pd.DataFrame:
    cause = pd.Categorical.from_codes(code, categories=list(names))
    return frame.assign(cause=cause, endpoint=endpoint)


def known(causes: Sequence[str], names: Sequence[str]) -> None:
    """Refuse causes that do not exist, or none (`ParameterError`)."""
    strange = [cause for cause in causes if cause not in names]
    if strange:
        raise ParameterError(f"There is no cause {strange[0]!r}. There is: {', '.join(names)}.")
    if not causes:
        raise ParameterError(f"Name at least one cause of: {', '.join(names)}.")


def _checked(weights: np.ndarray, n: int) -> np.ndarray:
    w = np.asarray(weights, dtype=float)
    if w.shape != (n,) or not (np.isfinite(w) & (w >= 0)).all():
        raise ParameterError(
            f"weights must be {n} numbers of 0 or more, one a patient of the frame; they have "
            f"the shape {w.shape} and {int((~(w >= 0)).sum())} that are not."
        )
    return w


def _base(frame: pd.DataFrame, population: str) -> dict[str, Any]:
    endpoint = str(frame["endpoint"].iloc[0]) if "endpoint" in frame else ""
    return {"endpoint": endpoint, "population": population}


# ---- incidences -------------------------------------------------------------


@dataclass(frozen=True)
class Estimated:
    """Incidences of one group: shares and errors, shape (times, causes asked), and why not."""

    process: Process
    path: Path
    times: np.ndarray
    share: np.ndarray
    error: np.ndarray
    why: tuple[str, ...]


def _incidences(
    group: Causes,
    causes: Sequence[str],
    asked: Sequence[float],
    least: int,
    base: Mapping[str, Any],
) -> tuple[list[dict[str, Any]], Estimated]:
    found = _estimate(group, group.process(), causes, asked, least)
    records = _incidence_rows(group, found, causes, asked, "aalen-johansen", base)
    for cause in causes:
        alone = group.process(group.place_of(cause))
        naive = _estimate(replace(group, names=alone.states[1:]), alone, [cause], asked, least)
        records += _incidence_rows(group, naive, [cause], asked, "one minus km", base)
    return records, found


def _estimate(
    group: Causes, process: Process, causes: Sequence[str], asked: Sequence[float], least: int
) -> Estimated:
    path = aalen_johansen(process, group.weights)
    times = process.snapped(asked)
    columns_asked = [1 + group.place_of(cause) for cause in causes]
    error = errors(process, path, times, "probability", group.weights)
    at_risk = process.at_risk(asked)[:, 0]
    why = tuple(too_few(int(n), least, group.name, t) for n, t in zip(at_risk, asked, strict=True))
    share = path.at(times)[:, columns_asked, 0]
    return Estimated(process, path, times, share, error[:, columns_asked], why)


def _incidence_rows(
    group: Causes,
    found: Estimated,
    causes: Sequence[str],
    asked: Sequence[float],
    model: str,
    base: Mapping[str, Any],
) -> list[dict[str, Any]]:
    name = {"aalen-johansen": "Aalen-Johansen", "one minus km": "1 - Kaplan-Meier"}[model]
    weighted = "" if group.weights is None else ", weighted"
    method = f"{name}{weighted}, infinitesimal-jackknife error, log-log CI{group.note}"
    at_risk = found.process.at_risk(asked)[:, 0]
    records = []
    for c, cause in enumerate(causes):
        when = np.sort(group.sample.time[group.cause == group.place_of(cause)])
        for i, month in enumerate(asked):
            events = int(np.searchsorted(when, found.times[i], side="right"))
            row = {
                **base,
                "group": group.name,
                "level": cause,
                "model": model,
                "time": month,
                "statistic": "cumulative_incidence",
                "unit": "%",
                "n": at_risk[i],
                "events": events,
                "method": found.why[i] or method,
            }
            if not found.why[i]:
                low, high = log_log(found.share[i, c], found.error[i, c])
                row |= {
                    "estimate": 100 * found.share[i, c],
                    "conf_low": 100 * low,
                    "conf_high": 100 * high,
                }
                row["method"] += "" if events else f", {_NO_CAUSE} yet"
            records.append(row)
    return records


def _differences(
    groups: Sequence[Causes],
    estimated: Sequence[Estimated],
    causes: Sequence[str],
    asked: Sequence[float],
    spread: tuple[np.ndarray, str],
    column: str,
    base: Mapping[str, Any],
) -> list[dict[str, Any]]:
    error, text = spread
    note = groups[0].note if groups[0].note else groups[1].note
    records = []
    for c, cause in enumerate(causes):
        place = groups[0].place_of(cause)
        for i, month in enumerate(asked):
            why = estimated[0].why[i] or estimated[1].why[i]
            row = {
                **base,
                "group": column,
                "level": cause,
                "model": "aalen-johansen",
                "statistic": "cumulative_incidence_difference",
                "time": month,
                "unit": "%",
                "n": sum(len(group.cause) for group in groups),
                "events": _events_by(groups, place, estimated[0].times[i]),
                "method": why
                or f"{groups[1].name} minus {groups[0].name}, Aalen-Johansen, {text}{note}",
            }
            gap = estimated[1].share[i, c] - estimated[0].share[i, c]
            limits = {} if why else difference_record(100 * gap, 100 * error[i, c])
            records.append({**row, **limits})
    return records


def _events_by(groups: Sequence[Causes], cause: int, month: float) -> int:
    return sum(
        int(((group.cause == cause) & (group.sample.time <= month)).sum()) for group in groups
    )


def _spread(
    groups: Sequence[Causes],
    estimated: Sequence[Estimated],
    causes: Sequence[str],
    asked: Sequence[float],
    reweigh: Callable[[np.ndarray], np.ndarray] | None,
    samples: int,
    seed: int,
    n: int,
) -> tuple[np.ndarray, str]:
    """Errors of the differences, shape (times, causes asked), and what they are called."""
    if reweigh is None or samples < 2:
        fixed = "" if groups[0].weights is None else ", weights taken as known"
        error = np.hypot(estimated[0].error, estimated[1].error)
        return error, f"infinitesimal-jackknife errors, normal CI{fixed}"
    rng = np.random.default_rng([seed, ANALYSIS])
    picked = [1 + groups[0].place_of(cause) for cause in causes]
    drawn = []
    for count in counts(n, samples, rng):
        w = count * np.asarray(reweigh(count), dtype=float)
        share = [
            aalen_johansen(found.process, w[group.place]).at(found.times)[:, picked, 0]
            for group, found in zip(groups, estimated, strict=True)
        ]
        drawn.append(share[1] - share[0])
    text = f"normal CI, error of {samples} resamples of patients with the weights estimated anew"
    return np.std(drawn, axis=0, ddof=1), text


def _competing(found: pd.DataFrame, column: str, base: Mapping[str, Any]) -> dict[str, Any]:
    """The flag: how far 1 - Kaplan-Meier lies above the incidence at the last month."""
    keys = ["group", "level", "time"]
    told = found[found["statistic"] == "cumulative_incidence"].set_index([*keys, "model"])
    both = told["estimate"].unstack("model").dropna().reset_index()
    row = {
        **base,
        "group": column,
        "covariate": "competing",
        "model": "diagnostic",
        "statistic": "flag",
    }
    if both.empty:
        return {**row, "method": "not asked: no month at which enough patients are left"}
    last = both[both["time"] == both["time"].max()]
    excess = last["one minus km"] - last["aalen-johansen"]
    worst = last.loc[excess.idxmax()]
    whose = "" if worst["group"] == "all" else f" of {worst['group']}"
    text = (
        f"1 - Kaplan-Meier of {worst['level']}{whose} is {excess.max():.1f} points above the "
        f"cumulative incidence at month {worst['time']:g}; raised above {MISLEADS:g}"
    )
    raised = float(excess.max() > MISLEADS)
    return {**row, "time": worst["time"], "estimate": raised, "method": text}
