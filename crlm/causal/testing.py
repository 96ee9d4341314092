"""Who was tested: differences from the untested, and weights for being tested."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from crlm import regression, survival
from crlm.causal import flags
from crlm.causal.arms import counted, hazard_ratio, normal
from crlm.causal.balance import smd
from crlm.causal.engine import chance
from crlm.causal.entry import entered
from crlm.causal.propensity import ceiling
from crlm.causal.terms import design_of, learn, numbers, two_levels, words_of
from crlm.causal.timing import missing_record
from crlm.causal.weighted import (
    check_months,
    check_samples,
    check_ties,
    curve_of,
    endpoint_of,
    observed,
    quantile_of_level,
    rate_limits,
    resampled,
    spread_of,
    under_observation,
)
from crlm.ledger import rows
from crlm.regression.engine import FollowUp

#: Fixed number of the analysis, for random numbers of its own.
TESTED = 1
#: A model for being tested has this many tested patients for each of its columns, or no terms.
_PER_TERM = 10


def tested_against_untested(
    frame: pd.DataFrame,
    tested: str,
    terms: Sequence[Sequence[str]],
    *,
    times: Iterable[float] = (36.0, 60.0),
    test_month: str = "",
    year: str = "",
    ties: str = "efron",
    conf_type: str = "log-log",
    min_at_risk: int = 10,
    population: str = "all",
    limits: flags.Limits = flags.THRESHOLDS,
) -> pd.DataFrame:
    """Are the patients with a test like those without it?

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame of all eligible operations, tested or not.
    tested : str
        Column of two levels; the second is tested.
    terms : sequence of (name, kind)
        What to compare, as `propensity`.
    times : iterable of float
        Horizons in months; the last decides the flag.
    test_month : str
        Column with the month of the test: tested patients come under observation then at the
        earliest, for until then they could not die.
    year : str
        Column of the year of operation, for the share tested in each.
    ties, conf_type
        Of the Cox model and the curves.
    limits : mapping of str to float
        Thresholds of the flag, as `flags.THRESHOLDS`.

    Returns
    -------
    pandas.DataFrame
        Endpoint "tested", model "diagnostic": `smd` (tested minus untested) and
        `percent_tested`, of all, by year, with and without the event. Of the endpoint itself:
        `survival_rate` by group `tested=yes`, the `hazard_ratio` of tested against untested,
        and the flag `tested by outcome`. A table without untested patients gives one row
        `missing`.
    """
    code, levels = two_levels(frame, tested)
    part, code = frame[~np.isnan(code)], code[~np.isnan(code)]
    if not len(part) or code.all() or not code.any():
        why = (
            "not asked: this table holds no patient without the test; it would tell what the "
            "others were like"
        )
        return rows([missing_record(frame, "tested", why, population)])
    asked = check_months(times)
    sides = pd.Categorical.from_codes(code.astype(int), categories=list(levels))
    part = part.assign(**{tested: sides})
    base = {"endpoint": "tested", "population": population, "model": "diagnostic"}
    records = _how_unlike(part, code, tested, terms, base)
    records += _shares(part, code, year, base)
    late, dropped = entered(part, test_month) if test_month else (part, 0)
    rates = survival.kaplan_meier(late, tested, asked, conf_type=conf_type, population=population)
    rates = rates[rates["statistic"] == "survival_rate"].assign(model="diagnostic")
    if dropped:
        rates["method"] = rates["method"] + f"; {dropped} with the event before the test left out"
    ratio = regression.cox(late, [tested], ties=ties, model="diagnostic", population=population)
    ratio = ratio[ratio["statistic"].isin(["hazard_ratio", "p"])]
    at = {"endpoint": endpoint_of(frame), "population": population, "model": "diagnostic"}
    raised = rows([_by_outcome(rates, ratio, asked, min_at_risk, limits, at)])
    return pd.concat([rows(records), rates, ratio, raised], ignore_index=True)


def testing_weights(
    frame: pd.DataFrame,
    tested: str,
    terms: Sequence[Sequence[str]] = (),
    *,
    cap: float = 0.99,
) -> np.ndarray:
    """One over the chance of having been tested, given what happened and what was known before.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame of all eligible operations, tested or not.
    tested : str
        Column of two levels; the second is tested.
    terms : sequence of (name, kind)
        As `propensity`; with fewer than 10 tested patients for each column of the model, or
        without terms, the chance is the share tested among those with, and without, the event.
    cap : float
        Quantile at which the weights are capped; 1: none.

    Returns
    -------
    ndarray, shape (n,)
        0 for the untested; missing where the test or a term is.

    Notes
    -----
    Two-phase sampling: all operations are the first phase, the tested the second. Where every
    patient with (or without) the event was tested, the chance is 1 there and the model is of
    the others alone.

    References
    ----------
    Breslow NE, Lumley T et al. Am J Epidemiol 2009;169:1398.
    """
    code, x, event = _phases(frame, tested, learn(frame, terms)[0])
    kept = np.isfinite(code) & np.isfinite(x).all(axis=1)
    found = np.full(len(frame), np.nan)
    ones = np.ones(int(kept.sum()))
    found[kept] = _weights(code[kept], event[kept], x[kept], cap, ones)
    return found


def tested_effects(
    frame: pd.DataFrame,
    tested: str,
    terms: Sequence[Sequence[str]] = (),
    *,
    exposure: str = "",
    times: Iterable[float] = (36.0, 60.0),
    samples: int = 200,
    seed: int = 0,
    cap: float = 0.99,
    ties: str = "efron",
    min_at_risk: int = 10,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Survival, and an effect, as if all eligible patients had been tested.

    Parameters
    ----------
    frame, tested, terms, cap
        As `testing_weights`.
    exposure : str
        A column of two levels known in the tested (the gene): its weighted hazard ratio.
    times : iterable of float
    samples, seed : int
        Resamples of all eligible patients, the model for testing fitted again in each.

    Returns
    -------
    pandas.DataFrame
        Rows of model "testing weighted": `survival_rate` of all (and by level of the exposure),
        `hazard_ratio` of the exposure with a robust error. Without untested patients one row
        `missing`.
    """
    z, asked = quantile_of_level(conf_level), check_months(times)
    check_ties(ties)
    scales, notes = learn(frame, terms)
    code, x, event = _phases(frame, tested, scales)
    kept = np.isfinite(code) & np.isfinite(x).all(axis=1)
    if not (code[kept] == 1).any() or (code[kept] == 1).all():
        why = "not asked: this table holds no patient without the test, or none with it"
        return rows([missing_record(frame, "testing weighted", why, population)])
    part, code, x, event = frame[kept], code[kept], x[kept], event[kept]
    data = observed(part)
    base = {"endpoint": endpoint_of(frame), "population": population, "model": "testing weighted"}
    groups = _groups(part, code, exposure)
    curves = {name: curve_of(data, at) for name, at in groups.items()}
    given = _weights(code, event, x, cap, np.ones(len(part)))
    months = np.array(asked)

    def values(w: np.ndarray) -> np.ndarray:
        parts = [curve.rates(curve.survival(w), months) for curve in curves.values()]
        return np.concatenate(parts)

    def once(counts: np.ndarray) -> np.ndarray:
        return values(counts * _weights(code, event, x, cap, counts))

    drawn = resampled(len(part), samples, seed, TESTED, once) if check_samples(samples) else None
    how = f"one over the chance of a test given the event and {words_of(scales)}"
    say = "; ".join([how, f"{samples} resamples of all eligible patients", *notes])
    records = _rates(groups, data, asked, values(given), drawn, (base, z, min_at_risk, say))
    if exposure:
        records.append(_weighted_ratio(part, data, exposure, given, (base, ties, z, say)))
    return rows(records)


def _how_unlike(
    part: pd.DataFrame,
    code: np.ndarray,
    tested: str,
    terms: Sequence[Sequence[str]],
    base: dict[str, Any],
) -> list[dict[str, Any]]:
    scales, _ = learn(part, [term for term in terms if term[0] != tested])
    records = []
    for scale in scales:
        values = scale.value(part)
        for j, level in enumerate(scale.labels if scale.levels else [""]):
            known = np.isfinite(values[:, j])
            x, side = values[known, j], code[known] == 1
            enough = side.sum() > 1 and (~side).sum() > 1
            size = smd(x, side, np.ones(len(x))) if enough else math.nan
            records.append(
                {
                    **base,
                    "group": tested,
                    "covariate": scale.name,
                    "level": level,
                    "statistic": "smd",
                    "estimate": size,
                    "n": len(x),
                    "method": "tested minus untested, over the root of the mean variance, known "
                    "values",
                }
            )
    return records


def _shares(
    part: pd.DataFrame, code: np.ndarray, year: str, base: dict[str, Any]
) -> list[dict[str, Any]]:
    event = part["event"].to_numpy(dtype=bool)
    of = [
        ("", "", np.ones(len(part), dtype=bool)),
        ("event", "yes", event),
        ("event", "no", ~event),
    ]
    if year and year in part:
        values = numbers(part[year])
        of += [(year, f"{one:g}", values == one) for one in np.unique(values[np.isfinite(values)])]
    name = endpoint_of(part)
    return [
        {
            **base,
            "covariate": f"{name} event" if what == "event" else what,
            "level": level,
            "statistic": "percent_tested",
            "unit": "%",
            "n": int(here.sum()),
            "estimate": 100 * float(code[here].mean()) if here.any() else math.nan,
            "method": "share of the eligible with the test",
        }
        for what, level, here in of
    ]


def _by_outcome(
    rates: pd.DataFrame,
    ratio: pd.DataFrame,
    asked: Sequence[float],
    least: int,
    limits: flags.Limits,
    at: dict[str, Any],
) -> dict[str, Any]:
    """The flag: tested and untested differ in the hazard and in survival."""
    p = ratio.loc[ratio["statistic"] == "p", "estimate"]
    effect = ratio.loc[ratio["statistic"] == "hazard_ratio"]
    apart, month = math.nan, math.nan
    for time in asked:
        here = rates[rates["time"] == time]
        if len(here) == 2 and here["n"].min() >= least and here["estimate"].notna().all():
            apart, month = abs(float(np.diff(here["estimate"])[0])), time
    known = len(effect) and len(p) and math.isfinite(p.iloc[0])
    z = float(norm.isf(p.iloc[0] / 2)) if known else math.nan
    return flags.tested_by_outcome(z, apart, month, limits, **at)


def _phases(
    frame: pd.DataFrame, tested: str, scales: Sequence[Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tested or not, the design of the terms, and the event."""
    code, _ = two_levels(frame, tested)
    return code, design_of(frame, scales), frame["event"].to_numpy(dtype=float)


def _weights(
    code: np.ndarray, event: np.ndarray, x: np.ndarray, cap: float, counts: np.ndarray
) -> np.ndarray:
    """One over the chance of a test for the tested, 0 for the others."""
    share = np.ones(len(code))
    open_cells = np.zeros(len(code), dtype=bool)
    for status in (0.0, 1.0):
        cell = event == status
        total = float(counts[cell].sum())
        share[cell] = float(counts[cell] @ code[cell]) / total if total else 1.0
        open_cells[cell] = 0 < share[cell].max(initial=0.0) < 1
    columns = x.shape[1] + 1
    if x.shape[1] and counts[open_cells] @ code[open_cells] >= _PER_TERM * columns:
        share[open_cells] = _chances(code, event, x, counts, open_cells)
    raw = np.where(code == 1, 1 / np.maximum(share, 1e-12), 0.0)
    at = code == 1
    return np.minimum(raw, ceiling(raw[at], cap, counts[at]))


def _chances(
    code: np.ndarray, event: np.ndarray, x: np.ndarray, counts: np.ndarray, cells: np.ndarray
) -> np.ndarray:
    full = np.column_stack([event, x])[cells]
    used = counts[cells] > 0
    found = np.ones(int(cells.sum()))
    found[used] = chance(code[cells][used], full[used], counts[cells][used]).chance
    return found


def _groups(part: pd.DataFrame, code: np.ndarray, exposure: str) -> dict[str, np.ndarray]:
    groups = {"all": np.flatnonzero(code == 1)}
    if exposure:
        side, levels = two_levels(part, exposure)
        for k, level in enumerate(levels):
            at = np.flatnonzero((code == 1) & (side == k))
            if len(at):
                groups[f"{exposure}={level}"] = at
    return groups


def _rates(
    groups: dict[str, np.ndarray],
    data: FollowUp,
    asked: Sequence[float],
    at: np.ndarray,
    drawn: np.ndarray | None,
    told: tuple[dict[str, Any], float, int, str],
) -> list[dict[str, Any]]:
    base, z, least, say = told
    errors = np.full(len(at), np.nan) if drawn is None else spread_of(drawn)
    records = []
    for i, (name, part) in enumerate(groups.items()):
        for j, month in enumerate(asked):
            k = i * len(asked) + j
            record = {
                **base,
                "group": name,
                **counted(data, part),
                "statistic": "survival_rate",
                "time": month,
                "unit": "%",
            }
            left = under_observation(data, part, month)
            if left < least:
                record["method"] = f"not estimated: {left} patients left, fewer than {least}; {say}"
            else:
                low, high = rate_limits(float(at[k]), float(errors[k]), z)
                record |= normal(100 * float(at[k]), 0.0, z)
                record |= {"conf_low": 100 * low, "conf_high": 100 * high, "method": say}
            records.append(record)
    return records


def _weighted_ratio(
    part: pd.DataFrame,
    data: FollowUp,
    exposure: str,
    given: np.ndarray,
    told: tuple[dict[str, Any], str, float, str],
) -> dict[str, Any]:
    base, ties, z, say = told
    side, levels = two_levels(part, exposure)
    known = np.isfinite(side) & (given > 0)
    keys = {**base, "covariate": exposure, "level": levels[1]}
    if not known.any():
        return {**keys, "statistic": "hazard_ratio", "method": f"not estimable: {exposure} unknown"}
    text = f"weighted Cox, {ties.capitalize()} ties, robust error; {say}"
    found = hazard_ratio(data.take(known), side[known][:, None], given[known], ties, z, text)
    return {**keys, **found}
