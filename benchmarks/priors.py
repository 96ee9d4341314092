"""How far effects, adjustment, curves and yearly hazards scatter in patients not judged by.

    python benchmarks/priors.py

The constants by which an ensemble draws what print leaves open (`reconstruction/effects.py`,
`reconstruction/between.py`), measured by the method of moments on data sets of the package
survival, without the patients of `real_cohorts.py`: of each data set the mean over its
characteristics of the squared difference less what chance makes of it, and the root of the mean
over data sets, each counting once. Characteristics are yes or no; a number is cut at its median,
except for the effect of one standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from printed_cohorts import PRINTED_TIMES

from crlm import regression, survival
from crlm.reconstruction import between
from crlm.reconstruction.between import Curve

Frame = pd.DataFrame

_MONTH = 30.4375
#: Most positive nodes of the patients whom `printed_cohorts` does not take, and the first year it
#: does.
_NODES = {"rotterdam": 9, "colon": 3}
_RECENT = 1991
#: Where fewer live at 36 months, curves are read at these months, and no yearly hazards.
_FEW, _EARLY = 0.1, (6, 12)
#: Skewness beyond which a number is taken as log(1 + x).
_SKEWED = 2.0
#: Standard normal quantile of a 95 % interval.
_LIMIT = 1.959963984540054


@dataclass(frozen=True)
class Cohort:
    """Months and events of each endpoint, earlier ones first, and what is known at the start."""

    name: str
    times: Mapping[str, tuple[pd.Series, pd.Series]]
    known: Frame


# ---- data sets ------------------------------------------------------------------------------


def cohorts() -> Iterator[Cohort]:
    """Patients with a disease from its diagnosis, operation or treatment on."""
    for make in (_rotterdam, _gbsg, _colon, _mgus2, _mgus, _lung, _veteran, _pbc):
        yield make()


def _data_set(name: str) -> Frame:
    from survival import datasets

    return pd.DataFrame(getattr(datasets, f"load_{name}")())


def _rotterdam() -> Cohort:
    rows = _data_set("rotterdam")
    rows = rows[rows["nodes"] <= _NODES["rotterdam"]]
    either = (rows["recur"] == 1) | (rows["death"] == 1)
    first = rows["rtime"].where(rows["recur"] == 1, rows["dtime"])
    times = {"RFS": (first / _MONTH, either), "OS": (rows["dtime"] / _MONTH, rows["death"] == 1)}
    known = rows[["age", "meno", "grade", "nodes", "pgr", "er", "hormon", "chemo"]]
    return Cohort("Rotterdam, up to 9 nodes", times, known.assign(size=rows["size"] != "<=20"))


def _gbsg() -> Cohort:
    rows = _data_set("gbsg")
    times = {"RFS": (rows["rfstime"] / _MONTH, rows["status"] == 1)}
    names = ["age", "meno", "size", "grade", "nodes", "pgr", "er", "hormon"]
    return Cohort("gbsg", times, rows[names])


def _colon() -> Cohort:
    rows = _data_set("colon")
    rows = rows[rows["nodes"] <= _NODES["colon"]]
    recurrence, death = (rows[rows["etype"] == k].set_index("id") for k in (1, 2))
    either = (recurrence["status"] == 1) | (death["status"] == 1)
    times = {
        "RFS": (recurrence["time"] / _MONTH, either),
        "OS": (death["time"] / _MONTH, death["status"] == 1),
    }
    known = death[["sex", "age", "obstruct", "perfor", "adhere", "nodes", "differ", "extent"]]
    known = known.assign(surg=death["surg"], lev5fu=death["rx"] == "Lev+5FU")
    return Cohort("levamisole trial, N1", times, known)


def _mgus2() -> Cohort:
    rows = _data_set("mgus2")
    rows = rows[rows["dxyr"] < _RECENT]
    first = rows["ptime"].where(rows["pstat"] == 1, rows["futime"])
    either = (rows["pstat"] == 1) | (rows["death"] == 1)
    times = {"PFS": (first, either), "OS": (rows["futime"], rows["death"] == 1)}
    known = rows[["age", "hgb", "creat", "mspike"]].assign(male=rows["sex"] == "M")
    return Cohort("gammopathies before 1991", times, known)


def _mgus() -> Cohort:
    rows = _data_set("mgus")
    first = rows["pctime"].fillna(rows["futime"])
    either = rows["pctime"].notna() | (rows["death"] == 1)
    times = {
        "PFS": (first / _MONTH, either),
        "OS": (rows["futime"] / _MONTH, rows["death"] == 1),
    }
    known = rows[["age", "alb", "creat", "hgb", "mspike"]].assign(male=rows["sex"] == "male")
    return Cohort("mgus", times, known)


def _lung() -> Cohort:
    rows = _data_set("lung")
    times = {"OS": (rows["time"] / _MONTH, rows["status"] == 2)}
    names = ["age", "sex", "ph.ecog", "ph.karno", "pat.karno", "meal.cal", "wt.loss"]
    return Cohort("lung", times, rows[names])


def _veteran() -> Cohort:
    rows = _data_set("veteran")
    times = {"OS": (rows["time"] / _MONTH, rows["status"] == 1)}
    known = rows[["trt", "karno", "diagtime", "age", "prior"]]
    kinds = {name: rows["celltype"] == name for name in ("smallcell", "adeno", "large")}
    return Cohort("veteran", times, known.assign(**kinds))


def _pbc() -> Cohort:
    rows = _data_set("pbc")
    times = {"OS": (rows["time"] / _MONTH, rows["status"] == 2)}
    left = ["id", "time", "status", "sex"]
    return Cohort("pbc", times, rows.drop(columns=left).assign(male=rows["sex"] == "m"))


# ---- what is measured -----------------------------------------------------------------------


def effects(cohort: Cohort) -> Iterator[float]:
    """Squares of the log hazard ratio for one standard deviation, less chance."""
    for name in cohort.known:
        x = cohort.known[name].astype(float)
        if x.min() >= 0 and x.skew() > _SKEWED:
            x = np.log1p(x)
        for endpoint in cohort.times:
            frame = _frame(cohort, endpoint, {name: x})
            (middle, variance), sd = _fitted(frame, [name])[name], frame[name].std()
            yield (middle**2 - variance) * sd**2


def adjusted(cohort: Cohort) -> Iterator[float]:
    """Squares of the ratio alone less that in a model of all characteristics, less chance."""
    halves = _halves(cohort)
    for endpoint in cohort.times:
        frame = _frame(cohort, endpoint, halves)
        beside = _fitted(frame, list(halves))
        for name in halves:
            alone = _fitted(frame, [name])[name]
            chance = max(beside[name][1] - alone[1], 0.0)
            yield (alone[0] - beside[name][0]) ** 2 - chance


def bent(cohort: Cohort) -> Iterator[float]:
    """Squares of the ratio less that of cumulative hazards at two months, less chance."""
    for endpoint in cohort.times:
        for name, x in _halves(cohort).items():
            frame = _frame(cohort, endpoint, {name: x})
            months = _months(frame)
            parts = [frame[frame[name] == one] for one in (1.0, 0.0)]
            curves = [np.array([s for _, s in _curve(part, months)]) for part in parts]
            if min(len(one) for one in curves) < len(months):
                continue
            risen = -np.log(np.array(curves))
            counts = np.array([[len(part)] for part in parts])
            chance = (np.expm1(risen) / (counts * risen**2)).sum(axis=0)
            told = np.average(np.log(risen[0] / risen[1]), weights=1 / chance)
            middle, variance = _fitted(frame, [name])[name]
            yield (middle - told) ** 2 - max(float(chance.min()) - variance, 0.0)


def uneven(cohort: Cohort) -> Iterator[float]:
    """Variance of the log yearly hazard within a gap, beside what is expected, less chance.

    Expected: a constant hazard, of a later endpoint half of the events behind the earlier one.
    """
    before: Curve = [(0.0, 1.0)]
    for endpoint in cohort.times:
        frame = _frame(cohort, endpoint, {})
        if _months(frame) != PRINTED_TIMES:
            return
        own = [(0.0, 1.0), *_curve(frame, PRINTED_TIMES)]
        known = dict(between.bent(own, before, np.ones(len(frame)), 0.5))
        for first, last in zip((0, *PRINTED_TIMES), PRINTED_TIMES, strict=False):
            scatter, chance = [], []
            for year in range(first, last, 12):
                events = frame["event"] & (frame["time"] > year) & (frame["time"] <= year + 12)
                lived = (frame["time"].clip(year, year + 12) - year).sum()
                due = math.log(known[year] / known[year + 12])
                if events.sum():
                    scatter.append(math.log(events.sum() / lived / due))
                    chance.append(1 / events.sum())
            if len(scatter) > 1:
                yield float(np.var(scatter, ddof=1) - np.mean(chance))
        before = own


MEASURES: dict[str, Callable[[Cohort], Iterator[float]]] = {
    "one standard deviation": effects,
    "alone less adjusted": adjusted,
    "ratio less curves": bent,
    "yearly hazard": uneven,
}


def _halves(cohort: Cohort) -> dict[str, pd.Series]:
    """Characteristics as yes or no, those apart that less than a twentieth has, or lacks."""
    found = {}
    for name in cohort.known:
        x = cohort.known[name].astype(float)
        cut = (x > x.median()) if x.nunique() > 2 and (x > x.median()).any() else x == x.max()
        if 0.05 <= cut[x.notna()].mean() <= 0.95:
            found[name] = cut.astype(float).where(x.notna())
    return found


def _frame(cohort: Cohort, endpoint: str, columns: Mapping[str, pd.Series]) -> Frame:
    """Patients of whom all of these is known."""
    time, event = cohort.times[endpoint]
    held = {"time": time, "event": event, **columns}
    found = pd.DataFrame({name: np.asarray(one, dtype=float) for name, one in held.items()})
    found = found[(found["time"] > 0) & found.notna().all(axis=1)].reset_index(drop=True)
    return found.assign(event=found["event"] == 1)


def _fitted(frame: Frame, names: list[str]) -> dict[str, tuple[float, float]]:
    """Logarithms of the hazard ratios and their variances."""
    rows = regression.cox(frame, names)
    rows = rows[rows["statistic"] == "hazard_ratio"]
    limits = np.log(rows[["conf_low", "conf_high"]].to_numpy(float))
    variances = ((limits[:, 1] - limits[:, 0]) / 2 / _LIMIT) ** 2
    found = zip(np.log(rows["estimate"]), variances, strict=True)
    return dict(zip(rows["covariate"], found, strict=True))


def _months(frame: Frame) -> tuple[int, ...]:
    """Months at which a paper would print the curve."""
    points = _curve(frame, PRINTED_TIMES[:1])
    return PRINTED_TIMES if points and points[0][1] >= _FEW else _EARLY


def _curve(frame: Frame, months: tuple[int, ...]) -> Curve:
    """Kaplan-Meier at these months, where somebody died before and somebody lives on."""
    rows = survival.kaplan_meier(frame, None, months)
    known = rows[(rows["statistic"] == "survival_rate") & rows["estimate"].between(0.5, 99.9)]
    return [(t, s / 100) for t, s in zip(known["time"], known["estimate"], strict=True)]


def table() -> Frame:
    """Data sets down, measures across: standard deviations beyond chance, negative under it."""
    rows = []
    for cohort in cohorts():
        events = [int(event.sum()) for _, event in cohort.times.values()]
        row = {"data set": cohort.name, "patients": len(cohort.known), "events": max(events)}
        for name, measure in MEASURES.items():
            found = list(measure(cohort))
            row[name] = float(np.mean(found)) if found else np.nan
        rows.append(row)
    found = pd.DataFrame(rows)
    pooled = {"data set": "all"} | {name: found[name].mean() for name in MEASURES}
    found = pd.concat([found, pd.DataFrame([pooled])], ignore_index=True)
    for name in MEASURES:
        found[name] = np.sign(found[name]) * found[name].abs() ** 0.5
    return found


if __name__ == "__main__":
    print(table().round(3).to_string(index=False))
