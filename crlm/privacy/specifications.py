"""Which of many models of one effect may be tried: none that a few patients tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from crlm.privacy.people import condition
from crlm.specification import ADJUSTED, COMPETING, STARTED, Plan, Specification, curve

_FEWEST = 20
#: What stands in for the smallest and the largest ratio of many models.
_ENDS = (("min", 5, "5th"), ("max", 95, "95th"))


def adjusters(frame: pd.DataFrame, names: Sequence[str], k: int) -> list[str]:
    """Covariates that all have, or that K or more lack."""
    return [name for name in names if not 0 < int(frame[name].isna().sum()) < k]


def exclusions(frame: pd.DataFrame, groups: Sequence[str], k: int) -> list[str]:
    """Groups of K or more patients, as `column=level`."""
    found = []
    for group in groups:
        inside = condition(frame, group)
        if inside is not None and int(inside.sum()) >= k:
            found.append(group)
    return found


def rules(frames: Mapping[str, pd.DataFrame], k: int) -> dict[str, pd.DataFrame]:
    """Frames that differ from the first, and from one another, in K patients or more."""
    kept: dict[str, pd.DataFrame] = {}
    for name, frame in frames.items():
        if all(not 0 < _moved(frame, other) < k for other in kept.values()):
            kept[name] = frame
    return kept


def _moved(one: pd.DataFrame, two: pd.DataFrame) -> int:
    """Patients whose follow-up differs between two frames."""
    index = one.index.union(two.index)
    first, second = (f[["time", "event"]].astype(float).reindex(index) for f in (one, two))
    same = (first == second) | (first.isna() & second.isna())
    return int((~same.all(axis=1)).sum())


def thinned(plan: Plan, k: int) -> Plan | None:
    """The plan without models in which a level has too few; None if fewer than 20 stay.

    Every column of a model that is yes or no needs K events on either side, and K patients
    without the event where a side has fewer than 4 K patients. Another form of the effect may
    not differ from the adjusted one in 1 to K - 1 patients: with a competing event, of unknown
    cause, or whose treatment never started or has no date.
    """
    kept = []
    for chosen in plan.specifications:
        data, x, _ = plan.arrays(chosen)
        event = np.asarray(data.event, dtype=bool)
        columns = np.asarray(x).T
        if _told_apart(plan, chosen, k) and all(_fine(column, event, k) for column in columns):
            kept.append(chosen)
    if len(kept) < _FEWEST:
        return None
    printed = plan.printed and kept[0] == plan.specifications[0]
    return replace(plan, specifications=tuple(kept), printed=printed)


def _told_apart(plan: Plan, chosen: Specification, k: int) -> bool:
    """Whether what a form knows beyond the adjusted one is of nobody or of K patients or more."""
    counts = []
    data, x, _ = plan.arrays(chosen)
    if plan.form in COMPETING:
        counts = [int((plan.ends(chosen) == 2).sum())]
    if plan.form == STARTED:
        late = (x[:, -1] == 1) & (plan.starts(chosen) >= data.time)
        counts = [int(late.sum())]
    if plan.form != ADJUSTED:
        counts.append(len(replace(plan, form=ADJUSTED).arrays(chosen)[2]) - data.n)
    return not any(0 < count < k for count in counts)


def _fine(column: np.ndarray, event: np.ndarray, k: int) -> bool:
    values = np.unique(column)
    if len(values) != 2:
        return len(values) < 2 or int(event.sum()) >= 2 * k
    sides = [column == value for value in values]
    return all(
        (event & side).sum() >= k and ((~event & side).sum() >= k or side.sum() >= 4 * k)
        for side in sides
    )


def drawable(tried: pd.DataFrame) -> pd.DataFrame:
    """Rows of `specification.curve` between the two percentiles, without patients and events.

    The sizes of two models that differ in one covariate tell how many lack it.
    """
    ratios = tried["hazard_ratio"]
    low, high = (ratios.quantile(share / 100) for _, share, _ in _ENDS)
    return tried[ratios.between(low, high)].drop(columns=["n", "events"])


def percentiles(found: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Rows of `specification.inference` with percentiles in place of the extremes."""
    ratios = curve(plan)["hazard_ratio"].dropna()
    made = found.copy()
    for statistic, share, word in _ENDS:
        at = made["statistic"] == statistic
        made.loc[at, "estimate"] = float(np.percentile(ratios, share)) if len(ratios) else np.nan
        made.loc[at, "method"] = f"{word} percentile of the hazard ratios"
    return made
