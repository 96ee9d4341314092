"""The first courses of disease of a search, drawn around the printed curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from crlm.ledger import Design, without_models
from crlm.ledger.vocabulary import months_in
from crlm.reconstruction import between
from crlm.reconstruction.arrays import Freedom, Plan
from crlm.reconstruction.between import Curve
from crlm.reconstruction.clocks import clocks_of
from crlm.reconstruction.codes import NEVER, OF_CAUSE, OF_OTHER, Course
from crlm.reconstruction.models import where_of

#: Correlation of the normal scores behind a patient's recurrence, failure and death.
_BOND = 0.75
#: Survival that a printed rate of 0 % stands for.
_LEAST = 0.0005
#: Patients who are lost before the study ends, where print tells nothing of follow-up (share).
_LOST = 0.05
#: Days from recurrence to death at least; deaths of cancer and of other causes, to begin with.
_APART, _CAUSES = 30, (0.75, 0.25)


def courses(
    design: Design,
    claims: pd.DataFrame,
    plan: Plan,
    freedom: Freedom,
    groups: Sequence[tuple[str, ...]],
    names: Sequence[str],
    members: np.ndarray,
    deaths: Sequence[int | None],
    period: Mapping[str, Any],
    rng: np.random.Generator,
    free: np.random.Generator | None = None,
) -> np.ndarray:
    """Recurrence, failure, end and death of each patient, drawn around the printed curves.

    `deaths`: how many print counts in each joint group, where it does. `period`: the days of the
    study, on which follow-up hangs where print tells nothing of it. `free`: draws the hazard
    of each year between printed points, and what share of failures and deaths come behind
    recurrences; without, hazards are constant there. It deals times out so that each patient's
    order holds and the curves stay where they are.
    """
    n = len(members)
    common = rng.standard_normal(n)
    curves = _curves(design, claims, plan, groups, names, free)
    drawn = {}
    for lead in (Course.RECURRENCE, Course.FAILURE, Course.END):
        score = _BOND * common + math.sqrt(1 - _BOND**2) * rng.standard_normal(n)
        chance = norm.cdf(score)
        drawn[lead] = np.full(n, np.inf)
        for g, curve in enumerate(curves[lead]):
            inside = members == g
            told = len(curve) > 1 or lead != Course.END or deaths[g] is None
            drawn[lead][inside] = _quantile(curve, chance[inside]) if told else np.inf
    if free is not None:
        between.put_in_order(drawn, _APART / plan.month, members, free)
    recurrence = np.maximum(np.round(drawn[Course.RECURRENCE] * plan.month), 1)
    failure = np.maximum(np.round(drawn[Course.FAILURE] * plan.month), recurrence)
    later = np.where(np.isfinite(recurrence), recurrence + _APART, 1)
    death = np.maximum(np.round(drawn[Course.END] * plan.month), later)
    observed = design.conventions["follow_up"] == "observed"
    followed = f"{design.followed_to().lower()}_months"
    beyond = 1.25 if observed else 1.0
    clocks = [design.followed_to(), *clocks_of(design)[: plan.along]]
    told = _still_followed(claims, clocks, plan.month)
    watched = (period["cut_off"] - period["last"]).days
    last = _last_contacts(claims, plan, freedom, n, followed, beyond, told, watched, rng)
    end = np.clip(np.minimum(death, last), freedom.earliest, freedom.latest)
    for g, levels in enumerate(groups):
        inside = members == g
        mean = _mean_of(claims, followed, names, levels)
        if mean is not None and not np.isfinite(death[inside]).any():
            end[inside] = np.clip(
                end[inside] * (mean * plan.month / end[inside].mean()),
                freedom.earliest,
                freedom.latest,
            )
    fate = np.full((n, 4), NEVER, dtype=np.int64)
    fate[:, Course.END], fate[:, Course.DEAD] = end, (death <= end).astype(np.int64)
    for g, count in enumerate(deaths):
        if count is not None:
            late = np.where(np.isfinite(death), death - last, common * plan.month)
            _let_die(fate, np.flatnonzero(members == g), late, count)
    if plan.causes:
        _tell_causes(fate, [count is not None for count in deaths], members, plan, rng)
    came, failed = recurrence <= end, failure <= end
    fate[came, Course.RECURRENCE] = recurrence[came]
    fate[failed, Course.FAILURE] = failure[failed]
    return fate


def _curves(
    design: Design,
    claims: pd.DataFrame,
    plan: Plan,
    groups: Sequence[tuple[str, ...]],
    names: Sequence[str],
    free: np.random.Generator | None,
) -> dict[Course, list[Curve]]:
    """The curves that recurrence, failure and death are drawn after, one a group."""
    found: dict[Course, list[Curve]] = {}
    before: list[Curve] = [[(0.0, 1.0)] for _ in groups]
    behind = 0.0 if free is None else free.random()
    for lead in (Course.RECURRENCE, Course.FAILURE, Course.END):
        endpoint = _leading(design, plan, lead)
        if free is None:
            told = [
                _curve(claims, endpoint, names, levels, plan.month) for levels in groups if endpoint
            ]
        else:
            points = _points(claims, endpoint, plan.month)
            told = [_nested(points, names, levels) for levels in groups if endpoint]
            rates = between.rates(free)
            told = [between.bent(*pair, rates, behind) for pair in zip(told, before, strict=False)]
            before = told or before
        found[lead] = told
    return found


def _tell_causes(
    fate: np.ndarray,
    counted: Sequence[bool],
    members: np.ndarray,
    plan: Plan,
    rng: np.random.Generator,
) -> None:
    """Causes of death; counted deaths are of the cause that is counted, beside some others."""
    dead = fate[:, Course.DEAD] > 0
    told = np.array(counted)[members]
    drawn = rng.choice([OF_CAUSE, OF_OTHER], len(fate), p=_CAUSES)
    of_cause = plan.counts_death[list(plan.lead).index(Course.END), OF_CAUSE]
    ours, theirs = (OF_CAUSE, OF_OTHER) if of_cause else (OF_OTHER, OF_CAUSE)
    fate[dead, Course.DEAD] = np.where(told, ours, drawn)[dead]
    fate[told & ~dead & (drawn == OF_OTHER), Course.DEAD] = theirs


def _mean_of(
    claims: pd.DataFrame, followed: str, names: Sequence[str], levels: Sequence[str]
) -> float | None:
    """The printed mean of observed times (months) of a group, or of the nearest larger one."""
    parts = [f"{name}={level}" for name, level in zip(names, levels, strict=True)]
    asked = claims[(claims["covariate"] == followed) & (claims["statistic"] == "mean")]
    for key in (",".join(parts), *parts, "all"):
        found = asked[(asked["group"] == key) & (asked["population"] == "all")]
        if len(found):
            return float(found["value"].iloc[0])
    return None


def _let_die(fate: np.ndarray, inside: np.ndarray, late: np.ndarray, count: int) -> None:
    """So many of a group are dead, those whose death came earliest before their last contact."""
    order = inside[np.argsort(late[inside], kind="stable")]
    fate[order[:count], Course.DEAD], fate[order[count:], Course.DEAD] = 1, 0


def _leading(design: Design, plan: Plan, lead: Course) -> str:
    """The endpoint after whose curve recurrence, failure or death is drawn; "" without one."""
    rows = zip(clocks_of(design), plan.lead, plan.after, strict=True)
    return next((name for name, led, after in rows if led == lead and not after), "")


def _curve(
    claims: pd.DataFrame,
    endpoint: str,
    names: Sequence[str],
    levels: Sequence[str],
    month: float,
) -> Curve:
    """(months, survival) printed for a group, or for the nearest larger one, falling."""
    parts = [f"{n}={level}" for n, level in zip(names, levels, strict=True)]
    keys = ["all", *parts, ",".join(parts)]
    points: dict[float, float] = {}
    for key in keys:
        part = claims[
            (claims["endpoint"] == endpoint)
            & (claims["group"] == key)
            & (claims["field"] == "estimate")
            & (claims["kind"] == "number")
        ]
        for row in part.itertuples():
            if row.statistic == "survival_rate":
                points[row.time] = row.value / 100
            if row.statistic == "median_survival":
                points = {t: s for t, s in points.items() if s != 0.5}
                points[row.value * months_in(row.unit, month)] = 0.5
    return between.falling(points)


def _nested(
    points: Mapping[frozenset[tuple[str, str]], Curve], names: Sequence[str], levels: Sequence[str]
) -> Curve:
    """(months, survival) of a group: its own points, its hazard in proportion elsewhere.

    `_curve` takes the points of larger groups at other times as they are, so that groups lie near
    each other there, and does not ask whose points they are where a claim names its patients as
    its population. The searches of single cohorts begin with it still, so that a seed gives the
    cohort that it gave.
    """

    def own(*pairs: tuple[str, str]) -> Curve:
        return points.get(frozenset(pairs), [(0.0, 1.0)])

    pairs = list(zip(names, levels, strict=True))
    parts = [between.within(own(pair), own()) for pair in pairs]
    return between.within(own(*pairs), between.together(parts, own()))


def _points(
    claims: pd.DataFrame, endpoint: str, month: float
) -> dict[frozenset[tuple[str, str]], Curve]:
    """Printed rates and medians of an endpoint, by the patients that they are of."""
    told = claims[(claims["endpoint"] == endpoint) & (claims["field"] == "estimate")]
    told = told[told["statistic"].isin(["survival_rate", "median_survival"])]
    points: dict[frozenset[tuple[str, str]], dict[float, float]] = {}
    for row in told[told["kind"] == "number"].itertuples():
        of_these = points.setdefault(frozenset(where_of(row.population, row.group)), {})
        if row.statistic == "survival_rate":
            of_these[row.time] = max(row.value / 100, _LEAST)
        else:
            of_these[row.value * months_in(row.unit, month)] = 0.5
    return {patients: between.falling(of_these) for patients, of_these in points.items()}


def _quantile(curve: Curve, chance: np.ndarray) -> np.ndarray:
    """Times at which a curve, exponential between its points, falls to `chance`."""
    times, survival = np.array(curve).T
    hazard = -np.log(np.maximum(survival, _LEAST))
    asked = -np.log(chance)
    found = np.interp(asked, hazard, times)
    slope = (hazard[-1] - hazard[0]) / max(times[-1], 1.0) if len(times) > 1 else 1 / 60
    beyond = asked > hazard[-1]
    found[beyond] = times[-1] + (asked[beyond] - hazard[-1]) / slope
    return found


def _last_contacts(
    claims: pd.DataFrame,
    plan: Plan,
    freedom: Freedom,
    n: int,
    followed: str,
    beyond: float,
    told: Curve,
    watched: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Days at which patients who live on were last seen: few early, most around the median.

    Where print has numbers at risk (`told`), as many are under observation as those say; where it
    tells nothing of follow-up, all but a few until the study ends, which is `watched` days behind
    the last of their operations.
    `followed`: the column of observed times, whose mean stands in for a median. `beyond`: their
    median over the printed one, which deaths make shorter where they count.
    """
    row = claims[(claims["statistic"] == "median_follow_up") & (claims["group"] == "all")]
    row = row[row["endpoint"].str.lower().isin(("", followed.removesuffix("_months")))]
    factor = months_in(row["unit"].iloc[0], plan.month) if len(row) else 1.0
    timed = (claims["covariate"] == followed) & (claims["statistic"] == "mean")
    means = claims.loc[timed & (claims["kind"] == "number"), "value"]
    share, least, most = np.sort(rng.random(n)), freedom.earliest, freedom.latest
    shares = [0, 0.2, 0.5, 0.8, 1]
    if told:
        shares = [0.0, *(1 - left for _, left in told), 1.0]
        knots = np.clip([least, *(month * plan.month for month, _ in told), most], least, most)
    elif len(row):
        middle = float(row["value"].iloc[0]) * factor * plan.month * beyond
        knots = [least, 0.45 * middle, middle, 0.6 * middle + 0.4 * most, most]
    elif len(means):
        # As times that end at a constant rate, with the printed mean.
        mean = float(means.mean()) * plan.month
        parts = [mean * part for part in (0.22, 0.69, 1.61)]
        knots = [least, *parts, min(4.5 * mean, most)]
    else:
        shares, knots = [0, _LOST, 1], [least, min(watched, most), most]
    return rng.permutation(np.round(np.interp(share, shares, knots)))


def _still_followed(claims: pd.DataFrame, names: Sequence[str], month: float) -> Curve:
    """(months, share not yet censored), falling, from numbers at risk; nothing without them.

    Of a group that n belong to and a share s of which has no event by a time, n s would be at risk
    there if nobody were censored. Groups are summed up where print has numbers at risk of each
    alone. Of several endpoints (`names`) the first counts that has any.
    """
    told = claims[(claims["population"] == "all") & ~claims["group"].str.contains(",")]
    told = told[told["statistic"] == "n_at_risk"]
    endpoint = next((name for name in names if (told["endpoint"] == name).any()), "")
    told = told[told["endpoint"] == endpoint]
    if told.empty:
        return []
    counts = told.pivot_table(index="time", columns="group", values="value", aggfunc="first")
    columns = counts.columns.str.partition("=").get_level_values(0)
    whole = "all" if "all" in columns else columns[0]
    counts = counts.loc[:, columns == whole].dropna()
    points, sizes = _points(claims, endpoint, month), _sizes(claims)
    there, left = np.zeros(len(counts)), np.zeros(len(counts))
    for group in counts.columns:
        curve = points.get(frozenset(where_of("all", group)), [(0.0, 1.0)])
        times, survival = np.array(curve).T
        living = np.exp(np.interp(counts.index, times, np.log(survival)))
        there += sizes.get(group, math.nan) * living
        left += counts[group].to_numpy(float)
    share = np.minimum.accumulate(np.clip(left / there, 0.0, 1.0))
    known = np.isfinite(share) & (counts.index > 0)
    return list(zip(counts.index[known].tolist(), share[known].tolist(), strict=True))


def _sizes(claims: pd.DataFrame) -> dict[str, float]:
    """Printed sizes of groups; else how many are at risk at the beginning."""
    claims = without_models(claims)
    first = (claims["statistic"] == "n_at_risk") & (claims["time"] == 0)
    sized = (
        (claims["statistic"] == "n") & (claims["covariate"] == "") & (claims["kind"] == "number")
    )
    whole = claims["population"] == "all"
    rows = pd.concat([claims[sized & whole], claims[first & whole]]).drop_duplicates("group")
    return dict(zip(rows["group"], rows["value"].astype(float), strict=True))
