"""Ratios of Fine and Gray's model as result rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from crlm.ledger import rows
from crlm.multistate.causes import causes_of, endpoint_of, with_transition
from crlm.multistate.subdistribution import (
    Fitted,
    Subdistribution,
    fit,
    hopeless,
    independent,
    subdistribution,
)
from crlm.refusals import choice, confidence
from crlm.regression.engine import upper_tail
from crlm.regression.model_rows import n_record, ratio_records
from crlm.regression.solution import Family, Solution, level_counts
from crlm.regression.terms import Design, Term, check_names, complete, encode

_TIES = ("efron", "breslow")


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
    time. `cmprsk::crr`, which `subdistribution_table` has too, differs in the fourth digit where
    censorings tie with events.

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
    family = family_of(data, f"Fine-Gray, {ties.capitalize()} ties{group.late}")
    solution = solved(data, design, conf_level, group.left_out)
    records = [n_record(len(frame), family, keys)]
    for term in design.terms:
        records += _term_records(term, design, solution, family, keys)
    return rows(records)


def family_of(data: Subdistribution, method: str) -> Family:
    """Fine and Gray's model of these patients, as rows name it; its fits are `solved`."""

    def never(x: np.ndarray) -> Any:
        raise NotImplementedError("Fine and Gray's model has no penalised likelihood here")

    event = data.event.astype(float)
    return Family(method, "subdistribution_hazard_ratio", event, never, never)


def solved(data: Subdistribution, design: Design, conf_level: float, note: str) -> Solution:
    """Estimates of all columns, or why there are none."""
    width = design.x.shape[1]
    empty, spread = np.full((5, width), np.nan), np.full((width, width), np.nan)
    why, notes = hopeless(data), {}
    kept = np.zeros(width, dtype=bool)
    if not why and width:
        kept = independent(data, design.x)
        found = fit(data, design.x[:, kept])
        empty[:, kept], spread[np.ix_(kept, kept)] = _limits(found, conf_level), found.var
        notes = {int(j): _dependent(design, int(j)) for j in np.flatnonzero(~kept)}
        endless = np.flatnonzero(kept)[found.endless | _eventless(design, data)[kept]]
        empty[:, endless] = np.nan
        notes |= {int(j): _endless(design, data, int(j)) for j in endless}
    elif width:
        notes = dict.fromkeys(range(width), why)

    def joint(columns: Sequence[int]) -> float:
        at = [j for j in columns if np.isfinite(empty[0, j])]
        chosen = empty[0, at]
        value = chosen @ np.linalg.pinv(spread[np.ix_(at, at)], hermitian=True) @ chosen
        return upper_tail(float(value), len(at))

    level = "" if conf_level == 0.95 else f"{100 * conf_level:g} % "
    error = "robust error" if data.lost is None else "robust error of Fine and Gray"
    interval, test = f"{level}Wald CI, {error}{note}", f"Wald test, {error}{note}"
    return Solution(*empty, np.nan, interval, test, joint, notes)


def _limits(found: Fitted, conf_level: float) -> np.ndarray:
    """Estimates, errors, limits and p values, shape (5, p); missing where there is no end."""
    error = np.sqrt(np.diag(found.var))
    coef = np.where(found.endless, np.nan, found.coef)
    half = float(ndtri(0.5 + conf_level / 2)) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * ndtr(-np.abs(coef / error))
    return np.array([coef, error, coef - half, coef + half, p])


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
