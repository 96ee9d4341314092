"""At which step a characteristic acts: hazard ratios of each transition, and the Markov check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from crlm import regression
from crlm.ledger import rows
from crlm.ledger.chapter import Thresholds
from crlm.multistate.causes import with_transition
from crlm.multistate.stays import STATES, TRANSITIONS, check_stays
from crlm.refusals import choice
from crlm.regression.terms import check_names, listed

#: Events that a hazard ratio needs, and that each adjusting term needs.
EVENTS_NEEDED = 10
#: Below this p value a transition remembers when its state was entered.
REMEMBERS = Thresholds().markov_p
#: Years from hepatectomy to entry into the state: the covariate of the Markov check.
ENTRY = "years_at_entry"

_MODELS = {"forward": "multistate", "reset": "clock reset"}
_CLOCKS = {"forward": "time since hepatectomy", "reset": "time since entry into the state"}
_TO_ENTRY = 12.0


def transitions(
    stays: pd.DataFrame,
    exposure: str,
    adjust: Sequence[str] = (),
    *,
    clock: Literal["forward", "reset"] = "forward",
    ties: str = "efron",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """The hazard ratio of an exposure for each transition, unadjusted and adjusted.

    Parameters
    ----------
    stays : pandas.DataFrame
        From `stays`; late entry is honoured.
    exposure : str
    adjust : sequence of str
        Covariates in the order in which they come in: as many as there are tens of events.
    clock : {"forward", "reset"}
        Time since hepatectomy, or since entry into the state; they differ for the transitions
        out of a later state alone, and so "reset" gives only these.
    ties : {"efron", "breslow"}

    Returns
    -------
    pandas.DataFrame
        Result rows of endpoint "states", population the transition ("controllable>failure"):
        `transition_hazard_ratio` of each level of the exposure; model "multistate" or
        "clock reset", and with "adjusted" behind it the same with covariates. With fewer than
        10 events the ratio is missing and `method` says "too few".

    Raises
    ------
    CohortError
        If the frame is not one of stays.
    ParameterError
        If a column does not exist or an argument is none of its choices.

    Notes
    -----
    One ordinary Cox model a transition, on the stays in its state. A ratio out of a later state
    compares those who got there, not those who set out.

    References
    ----------
    Putter H, Fiocco M, Geskus RB. Stat Med 2007;26:2389.
    """
    check_stays(stays)
    choice("clock", clock, _MODELS)
    names = check_names(stays, [exposure, *listed(adjust)])
    parts = []
    for pair in _of_clock(clock):
        frame = at_risk(stays, pair, clock)
        events = int(frame["event"].sum())
        used = names[1 : 1 + events // EVENTS_NEEDED]
        for model, others in _models(clock, names[1:], used):
            keys = _keys(pair, model, population)
            if events < EVENTS_NEEDED or frame.empty:
                parts.append(_too_few(frame, exposure, events, keys))
                continue
            found = _cox(frame, [exposure, *others], exposure, keys, ties, conf_level)
            found = found[found["statistic"] != "p"]
            parts.append(_said(found, f", {_CLOCKS[clock]}{_adjusted(others, names[1:])}"))
    return pd.concat(parts, ignore_index=True)


def markov(
    stays: pd.DataFrame,
    exposure: str | None = None,
    *,
    ties: str = "efron",
    conf_level: float = 0.95,
    remembers: float = REMEMBERS,
    population: str = "all",
) -> pd.DataFrame:
    """Whether the rate out of a later state depends on when that state was entered.

    Parameters
    ----------
    stays : pandas.DataFrame
        From `stays`.
    exposure : str, optional
        Held constant in the models; its clock-reset ratios come along.
    ties : {"efron", "breslow"}
    remembers : float
        The p value below which the flag is raised.

    Returns
    -------
    pandas.DataFrame
        For the transitions out of a later state `transition_hazard_ratio` per 12 months from
        hepatectomy to entry, and its `p`, covariate "years_at_entry", model "multistate"; with
        an exposure its ratios on the clock that starts at entry, model "clock reset"; and the
        `flag` "markov", raised where a p is below `remembers` (missing where no transition has 10
        events).

    Raises
    ------
    CohortError, ParameterError
        As `transitions`.

    Notes
    -----
    Probabilities of the states from time zero (`states`) do not need the Markov property; the
    forward clock of transition hazard ratios does.
    """
    check_stays(stays)
    names = check_names(stays, [exposure]) if exposure else []
    timed = stays.assign(**{ENTRY: stays["since"] / _TO_ENTRY})
    parts, tested = [], {}
    for pair in _of_clock("reset"):
        frame, keys = at_risk(timed, pair, "forward"), _keys(pair, "multistate", population)
        events = int(frame["event"].sum())
        if events < EVENTS_NEEDED:
            parts.append(_too_few(frame, ENTRY, events, keys))
            continue
        found = _cox(frame, [*names, ENTRY], ENTRY, keys, ties, conf_level)
        held = f", {exposure} held constant" if exposure else ""
        parts.append(_said(found, f", {_CLOCKS['forward']}, per 12 months to entry{held}"))
        tested[">".join(pair)] = float(found.loc[found["statistic"] == "p", "estimate"].iloc[0])
    if exposure:
        arguments = {"ties": ties, "conf_level": conf_level, "population": population}
        parts.append(transitions(stays, exposure, clock="reset", **arguments))
    return pd.concat([*parts, rows([_flag(tested, population, remembers)])], ignore_index=True)


def at_risk(stays: pd.DataFrame, pair: tuple[str, str], clock: str) -> pd.DataFrame:
    """The analysis frame of one transition: who is in its state, from when to when.

    Returns
    -------
    pandas.DataFrame
        The stays in the first state with `time`, `entry` and `event`.
    """
    here = stays[stays["from"] == pair[0]]
    zero = here["since"] if clock == "reset" else 0.0
    entry = (here["t0"] - zero).clip(lower=0.0)
    event = (here["to"] == pair[1]).to_numpy(dtype=bool)
    return here.assign(time=here["t1"] - zero, entry=entry, event=event, endpoint="states")


# ---- parts ------------------------------------------------------------------


def _of_clock(clock: str) -> list[tuple[str, str]]:
    later = [pair for pair in TRANSITIONS if pair[0] != STATES[0]]
    return list(TRANSITIONS) if clock == "forward" else later


def _models(
    clock: str, adjust: Sequence[str], used: Sequence[str]
) -> Iterable[tuple[str, list[str]]]:
    yield _MODELS[clock], []
    if adjust and used:
        yield f"{_MODELS[clock]} adjusted", list(used)


def _keys(pair: tuple[str, str], model: str, population: str) -> dict[str, str]:
    return {"population": with_transition(population, ">".join(pair)), "model": model}


def _cox(
    frame: pd.DataFrame,
    covariates: Sequence[str],
    of: str,
    keys: dict[str, str],
    ties: str,
    conf_level: float,
) -> pd.DataFrame:
    """The rows of one covariate of a transition's Cox model."""
    found = regression.cox(frame, covariates, ties=ties, conf_level=conf_level, **keys)
    named = found["statistic"].replace("hazard_ratio", "transition_hazard_ratio")
    return found[found["covariate"] == of].assign(statistic=named)


def _said(found: pd.DataFrame, text: str) -> pd.DataFrame:
    """The clock, and what was held constant, behind the method of each estimate."""
    kept = found["statistic"] == "reference"
    return found.assign(method=found["method"].where(kept, found["method"] + text))


def _adjusted(used: Sequence[str], adjust: Sequence[str]) -> str:
    if not used:
        return ""
    left = [name for name in adjust if name not in used]
    rest = f" (too few events for {', '.join(left)})" if left else ""
    return f", adjusted for {', '.join(used)}{rest}"


def _too_few(
    frame: pd.DataFrame, covariate: str, events: int, keys: dict[str, str]
) -> pd.DataFrame:
    column = frame[covariate]
    named = isinstance(column.dtype, pd.CategoricalDtype)
    levels = [str(level) for level in column.cat.categories[1:]] if named else [""]
    row = {
        **keys,
        "endpoint": "states",
        "covariate": covariate,
        "statistic": "transition_hazard_ratio",
        "n": len(frame),
        "events": events,
        "method": f"not estimable: too few events ({events})",
    }
    return rows([{**row, "level": level} for level in levels or [""]])


def _flag(tested: dict[str, float], population: str, remembers: float) -> dict[str, Any]:
    row = {
        "endpoint": "states",
        "population": population,
        "covariate": "markov",
        "model": "diagnostic",
        "statistic": "flag",
    }
    known = {pair: p for pair, p in tested.items() if np.isfinite(p)}
    if not known:
        few = f"no transition out of a later state has {EVENTS_NEEDED} events"
        return {**row, "method": f"not asked: {few}"}
    pair = min(known, key=lambda name: known[name])
    text = f"smallest p of time to entry {known[pair]:.2g} ({pair}); raised below {remembers:g}"
    return {**row, "estimate": float(known[pair] < remembers), "method": text}
