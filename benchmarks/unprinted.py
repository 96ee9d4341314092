"""Statistics that no table of the real cohorts prints, and what a reader would guess instead."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from printed_cohorts import factors_of
from scipy.optimize import brentq
from scipy.stats import spearmanr

from crlm import ledger, regression, survival
from crlm.ledger import Design
from crlm.reconstruction.quantities import levels_of, where_of

#: Months at which curves are read, and to which means are restricted.
TIMES = (12, 24, 48)
TAU = 60.0
#: Statistics that are compared as logarithms.
LOGARITHMS = ("hazard_ratio", "odds_ratio")

#: Which model's ratio a reader takes for that of the one that is not printed.
_OTHER = {"multivariable": "univariable", "univariable": "multivariable"}

Frame = pd.DataFrame
Row = Mapping[str, Any]


def unprinted(design: Design, frames: Mapping[str, Frame]) -> Frame:
    """Result rows of one cohort for what its tables do not print, with their `family`."""
    by, factors = design.table_one["by"], factors_of(design)
    rows = [_associations(design, frames["patients"], factors)]
    for endpoint in design.endpoints:
        frame = frames[endpoint]
        rows += [survival.kaplan_meier(frame, name, TIMES) for name in (None, by, *factors)]
        rows += [survival.rmst(frame, by, TAU), _concordance(design, frame, endpoint)]
        for name in factors:
            rows.append(regression.interaction(frame, by, name))
            for level in levels_of(design, name):
                part = frame[frame[name] == level]
                rows.append(regression.univariable(part, [by], population=f"{name}={level}"))
    found = pd.concat(rows, ignore_index=True)
    found["family"] = [_family(row, by) for row in found.to_dict("records")]
    return found[found["family"] != ""].reset_index(drop=True)


def _family(row: Row, by: str) -> str:
    """What kind of statistic a row holds; empty for rows that are not compared."""
    name, model = row["statistic"], row["model"]
    if name in ("survival_rate", "median_survival"):
        split = "all patients" if row["group"] == "all" else "a covariate's level"
        split = "a group" if row["group"].startswith(f"{by}=") else split
        return f"{'survival' if name == 'survival_rate' else 'median survival'} of {split}"
    if name == "hazard_ratio" and model == "univariable":
        return "group's hazard ratio within a level"
    if name == "hazard_ratio" and model == "interaction":
        return "interaction with the group" if ":" in row["covariate"] else ""
    return {
        "rmst_difference": "difference of restricted means",
        "concordance": "concordance",
        "odds_ratio": "odds ratio of two covariates",
        "rank_correlation": "rank correlation of two covariates",
    }.get(name, "")


def _associations(design: Design, patients: Frame, factors: Sequence[str]) -> Frame:
    """Pairs of covariates that are not cross-tabulated; odds ratios with half a patient more."""
    records = []
    for a, b in itertools.combinations(factors, 2):
        x, y = (patients[n] == levels_of(design, n)[1] for n in (a, b))
        same = ((x & y).sum() + 0.5) * ((~x & ~y).sum() + 0.5)
        value = same / ((x & ~y).sum() + 0.5) / ((~x & y).sum() + 0.5)
        records.append({"covariate": f"{a}:{b}", "statistic": "odds_ratio", "estimate": value})
    numbers = [n for n in design.table_one["variables"] if not levels_of(design, n)]
    made = {(n, design.factors[n]["source"]) for n in factors if n in design.factors}
    pairs = [(f, n) for f in factors for n in numbers if (f, n) not in made]
    for a, b in [*itertools.combinations(numbers, 2), *pairs]:
        x = patients[a].cat.codes if a in factors else patients[a]
        value = float(spearmanr(x, patients[b]).statistic)
        records.append(
            {"covariate": f"{a}:{b}", "statistic": "rank_correlation", "estimate": value}
        )
    return ledger.rows(records)


def _concordance(design: Design, frame: Frame, endpoint: str) -> Frame:
    """Harrell's concordance of the multivariable model in the cohort that it was fitted to."""
    fit = regression.cox(frame, design.models[endpoint]["published"])
    ratios = fit[fit["statistic"] == "hazard_ratio"]
    risk = np.zeros(len(frame))
    for name, level, ratio in zip(
        ratios["covariate"], ratios["level"], ratios["estimate"], strict=True
    ):
        x = (frame[name] == level) if level else frame[name]
        risk += math.log(ratio) * x.to_numpy(float)
    return regression.cindex(frame.assign(risk=risk), "risk")


def _is_within(row: Row) -> bool:
    """Whether a row is the group's own ratio within a level of a covariate."""
    return row["model"] == "univariable" and row["population"] != "all"


# ---- what a reader would guess -------------------------------------------------------------


class Reader:
    """A reader with the print, a pencil, and no patients.

    `nothing_new`: the printed value of the larger group, no effect, chance. `by_hand`: the
    same, but for survival and medians of a covariate's level, where the printed overall curve is
    split by the printed share and the printed unadjusted ratio under proportional hazards.
    """

    def __init__(self, design: Design, claims: Frame) -> None:
        self.design, self.by = design, design.table_one["by"]
        self.claims = claims[claims["kind"] == "number"]
        self._curves: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}

    def nothing_new(self, row: Row, field: str = "estimate") -> float:
        """What print says without any further thought."""
        name, endpoint = row["statistic"], row["endpoint"]
        if name == "survival_rate":
            own = row["group"] if row["group"].startswith(f"{self.by}=") else "all"
            return 100 * float(np.exp(-self._hazard(endpoint, own, row["time"])))
        if name == "median_survival":
            return self._value("median_survival", endpoint, group="all")
        if name == "rmst_difference":
            first, second = (self._mean(endpoint, level) for level in levels_of(*self._groups))
            return second - first
        if _is_within(row):
            return self._ratio(endpoint, self.by)
        if name in LOGARITHMS and row["model"] in _OTHER:
            keys = {"covariate": row["covariate"], "level": row["level"]}
            other = self._value(name, endpoint, field, model=_OTHER[row["model"]], **keys)
            return 1.0 if math.isnan(other) and field == "estimate" else other
        return {"concordance": 0.5, "rank_correlation": 0.0}.get(name, 1.0)

    def by_hand(self, row: Row, field: str = "estimate") -> float:
        """What proportional hazards make of the print."""
        if row["model"] in _OTHER and not _is_within(row) and field == "estimate":
            return self._ratio(row["endpoint"], row["covariate"])
        pairs = where_of(row["group"])
        level_alone = len(pairs) == 1 and pairs[0][0] != self.by
        if row["statistic"] not in ("survival_rate", "median_survival") or not level_alone:
            return self.nothing_new(row, field)
        (name, level), endpoint = pairs[0], row["endpoint"]
        reference, other = levels_of(self.design, name)
        ratio, share = self._ratio(endpoint, name), self._share(name, other)
        if math.isnan(share):
            return self.nothing_new(row, field)
        power = ratio if level == other else 1.0

        def survival_at(months: float) -> float:
            whole = math.exp(-self._hazard(endpoint, "all", months))
            base = brentq(lambda s: (1 - share) * s + share * s**ratio - whole, 0.0, 1.0)
            return base**power

        if row["statistic"] == "survival_rate":
            return 100 * survival_at(row["time"])
        if survival_at(600.0) > 0.5:
            return math.nan
        return brentq(lambda t: survival_at(t) - 0.5, 0.01, 600.0)

    def _ratio(self, endpoint: str, name: str) -> float:
        """A covariate's ratio: printed alone, beside others, or that of its printed medians."""
        for model in ("univariable", "multivariable"):
            printed = self._value("hazard_ratio", endpoint, covariate=name, model=model)
            if math.isfinite(printed):
                return printed
        levels = levels_of(self.design, name)
        middle = [self._value("median_survival", endpoint, group=f"{name}={v}") for v in levels]
        ratio = middle[0] / middle[1] if len(middle) == 2 else math.nan
        return ratio if math.isfinite(ratio) else 1.0

    @property
    def _groups(self) -> tuple[Design, str]:
        return self.design, self.by

    def _value(self, statistic: str, endpoint: str, field: str = "estimate", **keys: Any) -> float:
        found = self.claims[
            (self.claims["statistic"] == statistic)
            & (self.claims["endpoint"] == endpoint)
            & (self.claims["population"] == "all")
            & (self.claims["field"] == field)
        ]
        for name, value in keys.items():
            found = found[found[name] == value]
        return float(found["value"].iloc[0]) if len(found) else math.nan

    def _share(self, name: str, level: str) -> float:
        """Share of patients with a level, from the counts of Table 1."""
        total, held = 0.0, 0.0
        for group in (f"{self.by}={one}" for one in levels_of(*self._groups)):
            total += self._value("n", "", group=group, covariate="")
            held += self._value("n", "", group=group, covariate=name, level=level)
        return held / total

    def _hazard(self, endpoint: str, group: str, months: float) -> float:
        """-log S, straight between the printed points and on beyond the last."""
        if (endpoint, group) not in self._curves:
            self._curves[endpoint, group] = self._curve(endpoint, group)
        times, hazards = self._curves[endpoint, group]
        if months <= times[-1] or len(times) < 2:
            return float(np.interp(months, times, hazards))
        slope = (hazards[-1] - hazards[-2]) / (times[-1] - times[-2])
        return float(hazards[-1] + slope * (months - times[-1]))

    def _curve(self, endpoint: str, group: str) -> tuple[np.ndarray, np.ndarray]:
        """Printed months and -log S there, time zero among them."""
        rates = self.claims[
            (self.claims["statistic"] == "survival_rate")
            & (self.claims["endpoint"] == endpoint)
            & (self.claims["group"] == group)
            & (self.claims["field"] == "estimate")
        ]
        points = {0.0: 0.0}
        points |= {
            t: -math.log(v / 100)
            for t, v in zip(rates["time"], rates["value"], strict=True)
            if v > 0
        }
        middle = self._value("median_survival", endpoint, group=group)
        if math.isfinite(middle):
            points[middle] = math.log(2)
        times, hazards = np.array(sorted(points.items())).T
        return times, np.maximum.accumulate(hazards)

    def _mean(self, endpoint: str, level: str) -> float:
        grid = np.linspace(0, TAU, 241)
        hazard = [self._hazard(endpoint, f"{self.by}={level}", t) for t in grid]
        return float(np.trapezoid(np.exp(-np.array(hazard)), grid))
