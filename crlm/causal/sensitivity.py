"""What was not measured, and what few patients can say of two effects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from crlm.causal import flags
from crlm.causal.adjusted import contrast, fitted, too_many
from crlm.causal.arms import normal
from crlm.causal.effects import BY_MODIFIER
from crlm.causal.engine import RUNNING_AWAY, cox_coefficients
from crlm.causal.terms import design_of, learn, two_levels, words_of
from crlm.causal.weighted import (
    check_samples,
    check_ties,
    endpoint_of,
    observed,
    quantile_of_level,
    resampled,
    spread_of,
)
from crlm.ledger import KEYS, ParameterError, as_records, rows
from crlm.regression.engine import FollowUp, cox_fit
from crlm.unmeasured import e_value, e_value_of_limits, risk_ratio

_RATIOS = ("hazard_ratio", "odds_ratio")
_ADJUSTED = "interaction adjusted"
#: Clinically worth telling: a ratio of two hazard ratios beyond these.
_BEYOND = (1.25, 0.8)
#: A cell of two exposures with fewer events has its excess resampled.
_FEW = 10
#: An excess with a larger error than this is known to no digit.
_UNTOLD = 100.0


def e_values(effects: pd.DataFrame, *, common: bool) -> pd.DataFrame:
    """How strong an unmeasured confounder would have to be to explain effects away.

    Parameters
    ----------
    effects : pandas.DataFrame
        Result rows. `hazard_ratio`, `odds_ratio` and `risk_difference` are answered; for a
        risk difference the two `survival_rate` rows of the same model, population and time
        have to be among the rows.
    common : bool
        Whether more than 15 % had the event by the horizon: a hazard ratio is then turned
        into a risk ratio as (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)), an odds ratio as its
        square root; otherwise they are taken as they are.

    Returns
    -------
    pandas.DataFrame
        For each effect rows `e_value` and `e_value_limit` under its own keys: the smallest
        risk ratio with both treatment and outcome, beyond what is adjusted for, with which a
        confounder moves the estimate, or the limit nearer 1, to no effect. 1 where the
        interval holds no effect already.

    References
    ----------
    VanderWeele TJ, Ding P. Ann Intern Med 2017;167:268.
    """
    records: list[dict[str, Any]] = []
    for effect in as_records(effects):
        if effect["statistic"] in _RATIOS:
            found = _from_ratio(effect, common)
        elif effect["statistic"] == "risk_difference":
            found = _from_difference(effect, effects)
        else:
            continue
        keys = {name: effect[name] for name in (*KEYS, "n", "events") if name != "statistic"}
        value, limit, method = found
        records += [
            {**keys, "statistic": "e_value", "estimate": value, "method": method},
            {**keys, "statistic": "e_value_limit", "estimate": limit, "method": method},
        ]
    return rows(records)


def needed_selection(effects: pd.DataFrame) -> pd.DataFrame:
    """How testing would have had to depend on marker and event together to make an effect.

    Parameters
    ----------
    effects : pandas.DataFrame
        Result rows; `hazard_ratio` and `odds_ratio` are answered, read as odds ratios.

    Returns
    -------
    pandas.DataFrame
        Rows `odds_ratio` of model "diagnostic" under the keys of each effect: the factor
        (s11 s00) / (s10 s01) with s the share tested by marker and event, for the odds ratio
        among the tested is the true one times this factor. It is the estimate itself.

    Notes
    -----
    Testing that depends on the event alone, equally in both groups, has factor 1.
    """
    records = []
    for effect in as_records(effects[effects["statistic"].isin(_RATIOS)]):
        keys = {name: effect[name] for name in (*KEYS, "n", "events")}
        say = "factor by which testing would depend on marker and event together for a true ratio "
        say += f"of 1; the {effect['statistic'].replace('_', ' ')} read as an odds ratio"
        own = {"model": "diagnostic", "statistic": "odds_ratio", "method": say}
        records.append({**keys, **own, "estimate": effect["estimate"]})
    return rows(records)


def shrink(
    effects: pd.DataFrame, prior_sd: float = 0.35, *, conf_level: float = 0.95
) -> pd.DataFrame:
    """Ratios of hazard ratios drawn towards 1 by how rarely effects differ much between groups.

    Parameters
    ----------
    effects : pandas.DataFrame
        Result rows; those of statistic `ratio_of_hazard_ratios` with limits are used.
    prior_sd : float
        Standard deviation of the log ratio beforehand: with 0.35, 95 of 100 true ratios lie
        between 0.5 and 2.
    conf_level : float
        Of the limits that the rows have and get.

    Returns
    -------
    pandas.DataFrame
        Rows of model "shrunken": `ratio_of_hazard_ratios` with its interval, and
        `posterior_probability` of a ratio above 1.25 (level ">1.25") and below 0.8.

    Notes
    -----
    With estimate b and error s of the log ratio the posterior is normal with variance
    v = 1 / (1/s² + 1/prior_sd²) and mean v b / s². If several models are among the rows, give
    one at a time.
    """
    z = quantile_of_level(conf_level)
    if not (prior_sd > 0 and math.isfinite(prior_sd)):
        raise ParameterError(f"prior_sd must be a number above 0 but is {prior_sd!r}.")
    records = []
    wanted = effects[effects["statistic"] == "ratio_of_hazard_ratios"]
    several = wanted.duplicated(["endpoint", "population", "covariate"], keep=False)
    for effect, many in zip(as_records(wanted), several, strict=True):
        records += _shrunken(effect, prior_sd, z, f"{effect['level']} " if many else "")
    return rows(records)


def power(
    events: float,
    f: float,
    k: float,
    ratio: float = 1.5,
    *,
    endpoint: str = "",
    covariate: str = "",
    population: str = "all",
    limits: flags.Limits = flags.THRESHOLDS,
) -> pd.DataFrame:
    """The chance to find a ratio of two hazard ratios with so many events.

    Parameters
    ----------
    events : float
        Events of all patients.
    f, k : float
        Shares of the patients that are exposed, and in the second group.
    ratio : float
        The true ratio of the two hazard ratios.
    endpoint, covariate, population : str
        Written into the rows; `covariate` as "hai:kras".
    limits : mapping of str to float
        Thresholds of the flag, as `flags.THRESHOLDS`.

    Returns
    -------
    pandas.DataFrame
        Rows of model "diagnostic": `power` of a two-sided test at 0.05 and the flag
        `underpowered` (power below 0.8), a note.

    References
    ----------
    Schmoor C, Sauerbrei W, Schumacher M. Stat Med 2000;19:441.
    """
    if not ratio > 0 or ratio == 1:
        raise ParameterError(f"ratio must be above 0 and not 1 but is {ratio!r}.")
    base = {"endpoint": endpoint, "population": population, "model": "diagnostic", "events": events}
    parts = events * f * (1 - f) * k * (1 - k)
    text = f"true ratio of hazard ratios {ratio:g}, {events:g} events, shares {f:.2f} and {k:.2f}"
    if not parts > 0:
        chance, say = math.nan, f"not estimable: an empty group; {text}"
    else:
        error = 1 / math.sqrt(parts)
        chance = float(ndtr(abs(math.log(ratio)) / error - 1.959963984540054))
        say = f"two-sided 0.05, log error {error:.3f}; {text}"
    told = {**base, "covariate": covariate, "statistic": "power", "estimate": chance}
    return rows([{**told, "method": say}, flags.underpowered(chance, text, limits, **base)])


def modification(
    frame: pd.DataFrame,
    exposure: str,
    modifier: str,
    terms: Sequence[Sequence[str]],
    *,
    ties: str = "efron",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Does the effect of an exposure differ between groups, adjusted for what drove the choice?

    One Cox model with exposure, modifier, their product and the terms.

    Returns
    -------
    pandas.DataFrame
        Rows of model "interaction adjusted": `hazard_ratio` and `p` within each level of the
        modifier (population `kras=mutant`), `ratio_of_hazard_ratios` and `p` of covariate
        `hai:kras`, each level against the first.

    Raises
    ------
    ParameterError, CohortError
        As `propensity`.
    """
    z = quantile_of_level(conf_level)
    check_ties(ties)
    treated, names = two_levels(frame, exposure)
    learnt, _ = learn(frame, [(modifier, "factor")])
    scales, notes = learn(frame, [t for t in terms if t[0] not in (exposure, modifier)])
    base = {"endpoint": endpoint_of(frame), "population": population, "model": _ADJUSTED}
    text = f"Cox, {ties.capitalize()} ties, adjusted for {words_of(scales)}"
    say = "; ".join([text, *notes])
    groups = _groups(learnt[0].value(frame)) if learnt else np.zeros((len(frame), 0))
    others = design_of(frame, scales)
    kept = np.isfinite(np.column_stack([treated, groups, others])).all(axis=1)
    why = "" if kept.any() else "not estimable: no patient has all covariates known"
    if not learnt:
        why = f"not estimable: {modifier} has one level, or none, in these patients"
    if why:
        at = {**base, "covariate": f"{exposure}:{modifier}", "method": f"{why}; {say}"}
        return rows([{**at, "statistic": "ratio_of_hazard_ratios"}])
    data, groups, treated = observed(frame[kept]), groups[kept], treated[kept]
    x = np.column_stack([treated[:, None] * groups, groups[:, 1:], others[kept]])
    levels = [str(level) for level in learnt[0].levels]
    told = (base, exposure, modifier, levels, names[1], z, say)
    return rows(_nested(data, x, treated, groups, ties, told))


def _groups(later: np.ndarray) -> np.ndarray:
    """Membership of each level of a factor, the first among them (n, levels)."""
    return np.column_stack([1 - later.sum(axis=1), later])


def _nested(
    data: FollowUp,
    x: np.ndarray,
    treated: np.ndarray,
    groups: np.ndarray,
    ties: str,
    told: tuple[dict[str, Any], str, str, list[str], str, float, str],
) -> list[dict[str, Any]]:
    """The ratio within each level of the modifier, and each against that in the first."""
    base, exposure, modifier, levels, second, z, say = told
    fit, why = fitted(data, x, ties)
    records, unit = [], np.eye(x.shape[1])
    for k, level in enumerate(levels):
        where = f"{modifier}={level}"
        where = where if base["population"] == "all" else f"{base['population']},{where}"
        inside = (groups[:, k] == 1) & (treated == 1)
        at = {**base, "population": where, "covariate": exposure, "level": second}
        at |= {"n": int(inside.sum()), "events": int(data.event[inside].sum())}
        ratio, test = contrast(fit, why, unit[k], z, say)
        records += [{**at, "statistic": "hazard_ratio", **ratio}, {**at, "statistic": "p", **test}]
    for k, level in enumerate(levels[1:], start=1):
        at = {**base, "covariate": f"{exposure}:{modifier}", "level": f"{second}:{level}"}
        at |= {"n": data.n, "events": data.n_events}
        ratio, test = contrast(fit, why, unit[k] - unit[0], z, say)
        records.append({**at, "statistic": "ratio_of_hazard_ratios", **ratio})
        records.append({**at, "statistic": "p", **test})
    return records


def reri(
    frame: pd.DataFrame,
    a: str,
    b: str,
    adjust: Sequence[Sequence[str]] = (),
    *,
    best: tuple[str, str] | None = None,
    ties: str = "efron",
    samples: int = 200,
    seed: int = 0,
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """Is the joint excess of two risks more than the sum of each: the additive interaction.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame.
    a, b : str
        Two columns of two levels.
    adjust : sequence of (name, kind)
        As `propensity`.
    best : tuple of str, optional
        The reference cell, one level each; the second level of `a` (treated) and the first of
        `b` otherwise. The risks are the other levels.
    ties : {"efron", "breslow"}
    samples, seed : int
        Resamples for the error where a cell has fewer than 10 events; else the delta method.

    Returns
    -------
    pandas.DataFrame
        One row `reri` of covariate `a:b`, model "interaction adjusted":
        HR(both) - HR(first) - HR(second) + 1; above 0 the two together do more than their sum.

    References
    ----------
    VanderWeele TJ, Knol MJ. Epidemiol Methods 2014;3:33. Hosmer DW, Lemeshow S. Epidemiology
    1992;3:452 (delta method).
    """
    z = quantile_of_level(conf_level)
    check_ties(ties)
    (first, one), (second, two) = two_levels(frame, a), two_levels(frame, b)
    chosen = best or (one[1], two[0])
    if chosen[0] not in one or chosen[1] not in two:
        raise ParameterError(f"best is {chosen}; it needs a level of {a} and one of {b}.")
    scales, notes = learn(frame, [term for term in adjust if term[0] not in (a, b)])
    risk = np.where(np.isnan(first), np.nan, first != one.index(chosen[0]))
    other = np.where(np.isnan(second), np.nan, second != two.index(chosen[1]))
    x = np.column_stack([risk, other, risk * other, design_of(frame, scales)])
    kept = np.isfinite(x).all(axis=1)
    base = {
        "endpoint": endpoint_of(frame),
        "population": population,
        "covariate": f"{a}:{b}",
        "model": _ADJUSTED,
        "statistic": "reri",
        "n": int(kept.sum()),
    }
    text = f"reference {a}={chosen[0]}, {b}={chosen[1]}; Cox, {ties.capitalize()} ties, adjusted "
    say = "; ".join([text + f"for {words_of(scales)}", *notes])
    if not kept.any():
        return rows([{**base, "method": f"not estimable: no complete case; {say}"}])
    data = observed(frame[kept])
    base["events"] = data.n_events
    return rows([{**base, **_excess(data, x[kept], ties, z, samples, seed, say)}])


def _excess(
    data: FollowUp, x: np.ndarray, ties: str, z: float, samples: int, seed: int, say: str
) -> dict[str, Any]:
    """The relative excess risk with its limits, or why there is none."""
    cells = [int(data.event[(x[:, 0] == i) & (x[:, 1] == j)].sum()) for i in (0, 1) for j in (0, 1)]
    if min(cells) == 0:
        return {"method": f"not estimable: no event in one of the four cells; {say}"}
    if too_many(data, x.shape[1]):
        return {"method": f"{too_many(data, x.shape[1])}; {say}"}
    fit = cox_fit(data, x, ties)
    if not fit.finite[:3].all():
        return {"method": f"not estimable: the model has no maximum; {say}"}
    b = fit.coef[:3]
    if (np.abs(b) > RUNNING_AWAY).any():
        return {"method": f"not estimable: a cell's ratio has no maximum; {say}"}
    value, slope = _reri(b)
    error = math.sqrt(float(slope @ fit.var[:3, :3] @ slope))
    how = "delta method"
    if min(cells) < _FEW and check_samples(samples):
        draws = resampled(
            data.n,
            samples,
            seed,
            BY_MODIFIER,
            lambda counts: np.array([_reri(cox_coefficients(data, x, counts)[:3])[0]]),
        )
        error = float(spread_of(draws)[0])
        how = f"{samples} resamples: a cell has {min(cells)} events"
    if not error < _UNTOLD:
        few = f"no limits: a cell has {min(cells)} events, too few to tell the excess apart"
        return {"estimate": value, "method": f"{few}; {say}"}
    return {**normal(value, error, z), "method": f"{how}; {say}"}


def _reri(b: np.ndarray) -> tuple[float, np.ndarray]:
    """HR(both) - HR(first) - HR(second) + 1, and its slope."""
    with np.errstate(over="ignore"):
        joint, first, second = np.exp(b.sum()), np.exp(b[0]), np.exp(b[1])
    slope = np.array([joint - first, joint - second, joint])
    value = float(joint - first - second + 1)
    return (value if math.isfinite(value) else math.nan), slope


def _from_ratio(effect: dict[str, Any], common: bool) -> tuple[float, float, str]:
    statistic = effect["statistic"]
    ratio, low, high = (
        risk_ratio(effect[name], statistic, common)
        for name in ("estimate", "conf_low", "conf_high")
    )
    how = "common event, risk ratio approximated" if common else "rare event, ratio as risk ratio"
    value = e_value(ratio)
    if not math.isfinite(value):
        return math.nan, math.nan, "not estimable: the effect has no estimate"
    return value, e_value_of_limits(low, high), f"VanderWeele and Ding, {how}"


def _from_difference(effect: dict[str, Any], effects: pd.DataFrame) -> tuple[float, float, str]:
    """From the two risks behind a difference of survival; for its limits the first is held."""
    same = np.logical_and.reduce(
        [effects[name] == effect[name] for name in ("endpoint", "population", "model", "time")]
    )
    sides = effects[same & (effects["statistic"] == "survival_rate")]
    sides = sides[sides["group"].str.startswith(f"{effect['group']}=")]
    if len(sides) != 2 or not math.isfinite(effect["estimate"]):
        return math.nan, math.nan, "not estimable: the two risks are not among the rows"
    first = 1 - sides["estimate"].iloc[0] / 100
    second = [
        1 - (sides["estimate"].iloc[0] + effect[name]) / 100
        for name in ("estimate", "conf_high", "conf_low")
    ]
    if not first > 0 or not second[0] > 0:
        return math.nan, math.nan, "not estimable: a risk of 0 has no ratio"
    ratio, low, high = (max(risk, 0.0) / first for risk in second)
    value = e_value(ratio)
    say = "VanderWeele and Ding, ratio of the two risks, the first held for limits"
    return value, e_value_of_limits(low, high), say


def _shrunken(effect: dict[str, Any], prior_sd: float, z: float, name: str) -> list[dict[str, Any]]:
    keys = {name: effect[name] for name in KEYS if name not in ("statistic", "model")}
    base = {**keys, "model": "shrunken", "n": effect["n"], "events": effect["events"]}
    ratio = {**base, "statistic": "ratio_of_hazard_ratios"}
    ends = (effect["estimate"], effect["conf_low"], effect["conf_high"])
    if not all(math.isfinite(one) and one > 0 for one in ends):
        return [{**ratio, "method": "not estimable: the ratio has no estimate with limits"}]
    b, low, high = (math.log(one) for one in ends)
    s = (high - low) / (2 * z)
    v = 1 / (1 / s**2 + 1 / prior_sd**2)
    m, sd = v * b / s**2, math.sqrt(v)
    say = f"normal prior of the log ratio, mean 0, standard deviation {prior_sd:g}, on model "
    say += effect["model"]
    above = float(ndtr((m - math.log(_BEYOND[0])) / sd))
    below = float(ndtr((math.log(_BEYOND[1]) - m) / sd))
    chance = {**base, "statistic": "posterior_probability", "method": say}
    return [
        {
            **ratio,
            "estimate": math.exp(m),
            "conf_low": math.exp(m - z * sd),
            "conf_high": math.exp(m + z * sd),
            "method": say,
        },
        {**chance, "level": f"{name}>{_BEYOND[0]:g}", "estimate": above},
        {**chance, "level": f"{name}<{_BEYOND[1]:g}", "estimate": below},
    ]
