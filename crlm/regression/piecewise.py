"""One hazard ratio for each period of the follow-up, where one for all of it is no fair summary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import ParameterError, rows
from crlm.regression.engine import FollowUp
from crlm.regression.model_rows import n_record, ratio_records
from crlm.regression.models import Sample, make_sample
from crlm.regression.solution import Family, cox_family, solve
from crlm.regression.terms import Design, Term, listed
from crlm.survival.samples import snap

CUTS = (12.0, 36.0)


def piecewise(
    frame: pd.DataFrame,
    covariate: str,
    *,
    adjust: Sequence[str] = (),
    cuts: Sequence[float] = CUTS,
    ties: str = "efron",
    model: str = "piecewise",
    conf_level: float = 0.95,
    population: str = "all",
) -> pd.DataFrame:
    """The hazard ratio of a covariate in each period between cuts, others held over all of it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame, as for `cox`; late entry is honoured.
    covariate : str
    adjust : sequence of str
        Covariates with one ratio for the whole follow-up.
    cuts : sequence of float
        Months at which a period ends; an event at a cut belongs to the period before it.

    Returns
    -------
    pandas.DataFrame
        Rows of the covariate: `n`, then for each period (population "from month 12 to 36") and
        level `hazard_ratio` and `p` with the patients at risk in it and their events, and one
        `p` of population `population`: whether the ratio is the same in all periods (Wald).

    Raises
    ------
    ParameterError, CohortError
        If the cuts do not rise from above 0; as `cox`.

    Examples
    --------
    >>> frame = pd.DataFrame({"time": [4.0, 6, 9, 14, 20, 25, 30, 36]})
    >>> frame["event"] = [True] * 6 + [False] * 2
    >>> frame["hai"] = pd.Categorical(list("nnynyyny"))
    >>> rows = piecewise(frame, "hai", cuts=(12,)).query("statistic == 'hazard_ratio'")
    >>> rows.set_index("population")["estimate"].round(2).to_dict()
    {'from month 0 to 12': 0.36, 'from month 12': 0.97}

    References
    ----------
    Therneau T, Crowson C, Atkinson E. Using time dependent covariates, vignette of R's survival:
    `coxph(Surv(t0, time, event) ~ x:factor(period), survSplit(..., cut = c(12, 36)))`.
    """
    ends = _checked(cuts)
    sample = make_sample(frame, [covariate, *listed(adjust)])
    pieces = split(sample.data, ends)
    family = replace(cox_family(pieces[0], ties), last=pieces[3])
    family = replace(family, method=_method(family, sample, adjust))
    keys = {"endpoint": sample.endpoint, "model": model, "covariate": covariate}
    records = [n_record(sample.n_all, family, {**keys, "population": population})]
    mine = sample.design.terms[0]
    designed = _design(sample.design, pieces, len(ends) + 1)
    solution = solve(family, designed, conf_level)
    for period, name in enumerate(_names(ends, population)):
        inside = pieces[2] == period
        for k, column in enumerate(mine.columns):
            at = {**keys, "population": name, "level": mine.level(column)}
            at |= {"n": int(inside.sum()), "events": int(pieces[0].event[inside].sum())}
            place = period * len(mine.columns) + k
            records += ratio_records(solution, family, place, at)
    same = _same(family, sample.design, pieces, len(ends) + 1, conf_level)
    return rows([*records, {**keys, "population": population, **same}])


def split(
    data: FollowUp, ends: Sequence[float]
) -> tuple[FollowUp, np.ndarray, np.ndarray, np.ndarray]:
    """Follow-up cut at some months, as R's `survSplit`.

    Returns
    -------
    (data, patient, period, last)
        Rows with their patient, the number of their period from 0, and whether the row is the
        patient's last.
    """
    entry = np.full(data.n, -1.0) if data.entry is None else data.entry
    grid = np.unique(np.concatenate([data.time, entry[entry > 0], [0.0]]))
    inner = snap(np.asarray(ends, dtype=float), grid)
    edges = np.concatenate([[-math.inf], inner, [math.inf]])
    parts = []
    for period, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        here = np.flatnonzero((entry < high) & (data.time > low))
        parts.append((here, np.full(len(here), period)))
    patient, period = (np.concatenate(part) for part in zip(*parts, strict=True))
    began = np.maximum(entry[patient], edges[period])
    ended = np.minimum(data.time[patient], edges[period + 1])
    last = data.time[patient] <= edges[period + 1]
    event = np.where(last, data.event[patient], 0).astype(data.event.dtype)
    return FollowUp(ended, event, began), patient, period, last


# ---- parts ------------------------------------------------------------------


def _checked(cuts: Sequence[float]) -> list[float]:
    ends = [float(cut) for cut in cuts]
    if not ends or not all(0 < a < math.inf for a in ends) or sorted(set(ends)) != ends:
        raise ParameterError(f"cuts are {list(cuts)}; give months that rise from above 0.")
    return ends


def _names(ends: Sequence[float], population: str) -> list[str]:
    """The population of each period: "from month 0 to 12"."""
    edges = [0.0, *ends]
    names = [f"from month {a:g} to {b:g}" for a, b in zip(edges[:-1], edges[1:], strict=True)]
    names.append(f"from month {edges[-1]:g}")
    return names if population == "all" else [f"{population},{name}" for name in names]


def _method(family: Family, sample: Sample, adjust: Sequence[str]) -> str:
    late = ", late entry" if sample.data.entry is not None else ""
    text = family.method.replace(", late entry", "") + late + ", a ratio for each period"
    return text + (f", adjusted for {', '.join(adjust)}" if listed(adjust) else "")


def _design(
    design: Design, pieces: tuple[FollowUp, np.ndarray, np.ndarray, np.ndarray], periods: int
) -> Design:
    """The first term's columns once for each period, then the columns of the other terms."""
    mine, others = design.terms[0], design.terms[1:]
    x, period = design.x[pieces[1]], pieces[2]
    own = x[:, list(mine.columns)]
    blocks = [own * (period == k)[:, None] for k in range(periods)]
    rest = x[:, [c for term in others for c in term.columns]]
    width = len(mine.columns)
    terms = [
        Term(mine.name, mine.levels, tuple(range(k * width, (k + 1) * width)))
        for k in range(periods)
    ]
    shift = (periods - 1) * width
    terms += [replace(term, columns=tuple(c + shift for c in term.columns)) for term in others]
    return Design(np.column_stack([*blocks, rest]), tuple(terms))


def _same(
    family: Family,
    design: Design,
    pieces: tuple[FollowUp, np.ndarray, np.ndarray, np.ndarray],
    periods: int,
    conf_level: float,
) -> dict[str, Any]:
    """The test that the ratio is the same in all periods, as a record."""
    width = len(design.terms[0].columns)
    made = _design(design, pieces, periods)
    x = made.x.copy()
    x[:, :width] = design.x[pieces[1]][:, :width]
    solution = solve(family, Design(x, made.terms), conf_level)
    p = solution.joint(range(width, periods * width)) if width else np.nan
    test = f"{family.method}, same ratio in all periods: {solution.test}"
    n, events = int(pieces[3].sum()), int(pieces[0].event.sum())
    return {"statistic": "p", "estimate": p, "n": n, "events": events, "method": test}
