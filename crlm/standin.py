"""Stand-in cohorts: synthetic patients for papers whose patient tables are private.

Not one row is a real patient. Each column is the list of values that the paper's Table 1
demands (counts, medians, quartiles, ranges), dealt out to patients along a score, so that
the print is met by construction while number, size, markers and treatment still hang
together. Survival is simulated: every endpoint has a cumulative hazard and log hazard
ratios, tuned until printed medians, rates and ratios come near. It says nothing about
medicine. All numbers stand in `data/<study>/standin.toml`.

    python -m crlm.standin [STUDY ...] [--seed N]

writes `cohort.csv` and `history.csv` into the study's folder; one seed, the same bytes.
"""

from __future__ import annotations

import argparse
import operator
import tomllib
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from crlm import ledger
from crlm.files import write_atomically
from crlm.ledger import Design, DesignError

#: A driver of this weight outweighs all noise, whose standard deviation is 1.
ALWAYS = 20.0
_RULES = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "==": operator.eq}

# Days of a plausible course: imaging, multidisciplinary board, chemotherapy, theatre.
_TO_P_NAC, _TO_ASSESSMENT, _TO_RESECTION = 14, 110, 30
#: An assessment that finds progression is at most this long after the recurrence.
_LATEST_ASSESSMENT = 150
#: A surgical failure after a resectable recurrence needs at least this long to show.
_FAILS_AFTER_P_NAC, _FAILS_AFTER_RESECTION = 60, 90
#: A longer time between resection and failure holds another resectable recurrence.
_QUIET = 500


def build(study: str, seed: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A synthetic cohort and its event histories; no row is a patient.

    Parameters
    ----------
    study : str
        A study with a `standin.toml`.
    seed : int, optional
        Of the random numbers (NumPy's PCG64); the file's when left out.

    Returns
    -------
    cohort, history : pandas.DataFrame
        All screened patients in the design's columns, those not included with their
        eligibility alone; and patient_id, date, event, details of those included.

    Raises
    ------
    DesignError
        If the study has no readable `standin.toml`.
    """
    design = ledger.load_design(study)
    plan = _plan(design)
    rng = np.random.Generator(np.random.PCG64(plan["seed"] if seed is None else seed))
    table = _characteristics(plan, rng)
    if "clinical_risk" in plan:
        table = _clinical_risk(table, plan, rng)
    excluded = pd.DataFrame([e["row"] for e in plan["excluded"] for _ in range(e["n"])])
    total = len(table) + len(excluded)
    ids = rng.permutation([f"S{number:04d}" for number in range(1, total + 1)])
    table = table.assign(patient_id=ids[: len(table)], **plan["included"])
    months = _fates(table, design, plan, rng)
    days = (months * design.conventions["days_per_month"]).round()
    history = _histories(table, days, plan, design, rng)
    cohort = pd.concat([table, excluded.assign(patient_id=ids[len(table) :])])
    written = [name for name in design.columns if name in cohort]
    return cohort[written].sort_values("patient_id", ignore_index=True), history


def span(n: int, knots: Sequence[Sequence[float]], decimals: int, log: bool) -> list[float]:
    """`n` rising values with these quantiles (type 7), normal or log-normal between them."""
    z = np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])
    share, pins = np.array(knots, dtype=float).T
    at = np.interp(share * (n - 1), np.arange(n), z)
    values = np.exp(np.interp(z, at, np.log(pins))) if log else np.interp(z, at, pins)
    return [round(float(value), decimals) for value in values]


def _plan(design: Design) -> dict[str, Any]:
    path = design.folder / "standin.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DesignError(f"data/{design.study}/standin.toml cannot be read: {error}") from error


# ---- what a patient is like ---------------------------------------------------------------


def _characteristics(plan: Mapping[str, Any], rng: np.random.Generator) -> pd.DataFrame:
    """The included patients' columns, those of `columns` in standin.toml."""
    parts = []
    for group, (level, n) in enumerate(plan["by"]["groups"].items()):
        part: dict[str, Any] = {plan["by"]["column"]: np.full(n, level, dtype=object)}
        pushes: dict[str, np.ndarray] = {}
        for name, spec in plan["columns"].items():
            values = _values(spec, group, n)
            score = rng.standard_normal(n)
            for driver, weight in spec.get("drivers", {}).items():
                score = score + weight * pushes[driver]
            part[name] = _deal(values, score)
            pushes[name] = _push(part[name], values)
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True).infer_objects()


def _values(spec: Mapping[str, Any], group: int, n: int) -> list[Any]:
    """The list of values of a column in one group, lowest first, missing last."""
    if "high" in spec:
        low, high = spec["levels"]
        return [low] * (n - spec["high"][group]) + [high] * spec["high"][group]
    values = [value for value, k in spec.get("counts", ([], []))[group] for _ in range(k)]
    for k, knots in spec.get("spans", ([], []))[group]:
        values += span(k, knots, spec.get("decimals", 1), spec.get("scale") != "normal")
    return values + [None] * spec.get("missing", (0, 0))[group]


def _deal(values: Sequence[Any], score: np.ndarray) -> np.ndarray:
    """The values in their order to the patients in the order of their score."""
    dealt = np.empty(len(values), dtype=object)
    dealt[np.argsort(score, kind="stable")] = list(values)
    return dealt


def _push(dealt: np.ndarray, values: Sequence[Any]) -> np.ndarray:
    """A column as a driver: standardised ranks of a number, 1 at the last level of a category."""
    if values[0] is None or isinstance(values[0], str):
        return (dealt == [None, *(v for v in values if v is not None)][-1]).astype(float)
    ranks = pd.Series(dealt).astype(float).rank()
    return ((ranks - ranks.mean()) / ranks.std()).fillna(0.0).to_numpy()


def _clinical_risk(
    table: pd.DataFrame, plan: Mapping[str, Any], rng: np.random.Generator
) -> pd.DataFrame:
    """CEA dealt so that the clinical risk score (Fong 1999) is high as often as printed."""
    known = table["nodal_status"].notna() & table["dfi_months"].notna()
    points = (table["nodal_status"] == "positive").astype(int) + (table["dfi_months"] < 12)
    points = (points + (table["n_tumours"] > 1) + (table["size_cm"] > 5)).where(known)
    cea = pd.Series(np.nan, index=table.index)
    for level, wanted in plan["clinical_risk"].items():
        rows = table.index[table[plan["by"]["column"]] == level]
        order = pd.Index(rng.permutation(rows[known[rows]]))
        without, told = order[: wanted["cea_missing"]], order[wanted["cea_missing"] :]
        already = told[points[told] >= 3]
        raised = told[points[told] == 2][: wanted["high"] - len(already)]
        raised = raised.append(already[: wanted["cea_above_200"] - len(raised)])
        score = 0.2 * table["size_cm"][rows] + rng.standard_normal(len(rows))
        score[raised] += ALWAYS
        score[without] += 2 * ALWAYS
        low = span(len(rows) - len(without) - len(raised), wanted["cea_low"], 1, True)
        values = [*low, *span(len(raised), wanted["cea_high"], 1, True), *[None] * len(without)]
        cea[rows] = _deal(values, score.to_numpy()).astype(float)
    return table.assign(cea=cea, crs=(points + (cea > 200)).where(cea.notna()))


# ---- what becomes of a patient -------------------------------------------------------------


def _fates(
    table: pd.DataFrame, design: Design, plan: Mapping[str, Any], rng: np.random.Generator
) -> pd.DataFrame:
    """Months to each latent event (infinite: never) and to the last contact, column `end`.

    Chance correlations of the noise with the covariates are taken out, and its ranks are
    spread evenly within the strata, so that estimates lie near what was put in.
    """
    endpoints = plan["endpoints"]
    keys = sorted({key for endpoint in endpoints.values() for key in endpoint["effects"]})
    x = {key: _covariate(table, design, key) for key in keys}
    strata = table[plan["strata"]].agg(", ".join, axis=1)
    space = np.column_stack([*x.values(), pd.get_dummies(strata).to_numpy(float)])
    noise = rng.standard_normal((len(table), len(endpoints)))
    noise = noise @ np.linalg.cholesky(np.array(plan["bonds"])).T
    noise -= space @ np.linalg.lstsq(space, noise, rcond=None)[0]
    groups = pd.DataFrame(noise, columns=list(endpoints)).groupby(strata.to_numpy())
    uniform = (groups.rank() - 0.5).div(groups[list(endpoints)[0]].transform("size"), axis=0)
    fates = {}
    for name, endpoint in endpoints.items():
        risk = sum(beta * x[key] for key, beta in endpoint["effects"].items())
        used = -np.log1p(-uniform[name].to_numpy()) * np.exp(-risk)
        months, hazard = np.array(endpoint["hazard"], dtype=float).T
        fates[name] = np.interp(used, hazard, months, right=np.inf)
    return pd.DataFrame(fates).assign(end=_last_contact(table, fates["OS"], plan, rng))


def _covariate(table: pd.DataFrame, design: Design, key: str) -> np.ndarray:
    """`column=level`, `factor=level` or a number, centred; a missing value is the mean."""
    name, _, level = key.partition("=")
    if name in table:
        source = table[name]
        values = source == level if level else source
    else:
        spec = design.factors[name]
        source = table[spec["source"]]
        values = _RULES[spec["rule"]](source, spec["cut"]) == (level == spec["levels"][1])
    values = values.astype(float).where(source.notna())
    return (values - values.mean()).fillna(0.0).to_numpy()


def _last_contact(
    table: pd.DataFrame, death: np.ndarray, plan: Mapping[str, Any], rng: np.random.Generator
) -> np.ndarray:
    """Months until last contact if alive; the longest of a group goes to who lives longest."""
    end = np.empty(len(table))
    for level, knots in zip(plan["by"]["groups"], plan["follow_up"], strict=True):
        rows = np.flatnonzero(table[plan["by"]["column"]] == level)
        end[rows] = rng.permutation(span(len(rows), knots, 2, True))
        longest, oldest = rows[end[rows].argmax()], rows[death[rows].argmax()]
        end[[longest, oldest]] = end[[oldest, longest]]
    return end


def _histories(
    table: pd.DataFrame,
    days: pd.DataFrame,
    plan: Mapping[str, Any],
    design: Design,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """One row an event: what is seen of the latent days before death or last contact."""
    days = days.clip(lower=5)
    last = days[["OS", "end"]].min(axis=1)
    relapse, site = _first_recurrences(table, days["RFS"], last, plan, rng)
    surgery = _surgery(last, plan, rng)
    judged = "SCP" in days
    if judged:
        months = design.conventions["early_recurrence_months"]
        early = months * design.conventions["days_per_month"]
        failure = _surgical_failure(relapse, days, early)
    rows = []
    for i, patient in table["patient_id"].items():
        steps = [(0.0, "hepatectomy", "")]
        if relapse[i] < last[i]:
            seen = [(relapse[i], "recurrence", f"site={site[i]}")]
            steps += _course(relapse[i], failure[i], early, site[i]) if judged else seen
        steps = [step for step in steps if step[0] < last[i]]
        steps.append((last[i], "death" if days["OS"][i] <= days["end"][i] else "last_contact", ""))
        for day, event, details in steps:
            date = surgery[i] + np.timedelta64(int(day), "D")
            rows.append((patient, str(date), event, details))
    history = pd.DataFrame(rows, columns=["patient_id", "date", "event", "details"])
    return history.sort_values("patient_id", kind="stable", ignore_index=True)


def _first_recurrences(
    table: pd.DataFrame,
    relapse: pd.Series,
    last: pd.Series,
    plan: Mapping[str, Any],
    rng: np.random.Generator,
) -> tuple[pd.Series, pd.Series]:
    """Day and site of the first recurrence; with exact numbers of sites, of just so many."""
    relapse = relapse.copy()
    site = pd.Series("", index=table.index)
    cells = table[plan["sites"]["by"]].agg(", ".join, axis=1)
    for cell, weights in plan["sites"]["weights"].items():
        rows = table.index[cells == cell]
        seen = rows[relapse[rows] < last[rows]]
        if plan["sites"]["exact"]:
            # Those nearest to a recurrence under observation have one, the others never.
            order = (relapse[rows] / last[rows]).sort_values(kind="stable").index
            seen = order[: sum(weights.values())]
            relapse[order.difference(seen)] = np.inf
            relapse[seen] = np.minimum(relapse[seen], (0.9 * last[seen]).round())
        share = np.cumsum(list(weights.values())) / sum(weights.values())
        at = np.searchsorted(share, (np.arange(len(seen)) + 0.5) / len(seen))
        site[seen] = rng.permutation(np.array(list(weights))[at])
    return relapse, site


def _surgical_failure(relapse: pd.Series, days: pd.DataFrame, early: float) -> pd.Series:
    """Day of surgical failure: not before the recurrence, before a death that follows one."""
    failure = days["SCP"].where(
        days["SCP"] < days["OS"], (relapse + 0.8 * (days["OS"] - relapse)).round()
    )
    gap = np.where(relapse < early, _FAILS_AFTER_P_NAC, _FAILS_AFTER_RESECTION)
    failure = failure.where(failure - relapse >= gap, relapse + gap)
    return failure.where(days["SCP"] - relapse >= gap / 2, relapse)


def _surgery(last: pd.Series, plan: Mapping[str, Any], rng: np.random.Generator) -> np.ndarray:
    """Day of hepatectomy of each patient: most are followed until shortly before the cut-off."""
    first, latest, cut_off = (
        np.datetime64(plan["period"][name], "D") for name in ("first", "last", "cut_off")
    )
    possible = np.minimum(latest, cut_off - last.to_numpy().astype("timedelta64[D]"))
    room = (possible - first).astype(float)
    return possible - (rng.random(len(last)) ** 4 * room).astype("timedelta64[D]")


def _course(
    relapse: float, failure: float, early: float, site: str
) -> list[tuple[float, str, str]]:
    """From the first recurrence to surgical failure, as the NCCH protocol treats it."""
    if failure <= relapse:
        return [(relapse, "recurrence", f"site={site}; resectable=no")]
    steps = [(relapse, "recurrence", f"site={site}; resectable=yes")]
    free = relapse + _TO_RESECTION
    if relapse < early:
        steps.append((relapse + _TO_P_NAC, "p_nac", ""))
        if failure <= relapse + _LATEST_ASSESSMENT:
            return [*steps, (failure, "assessment", "response=progression; resectable=no")]
        good = "response=control; resectable=yes"
        steps.append((relapse + _TO_ASSESSMENT, "assessment", good))
        free += _TO_ASSESSMENT
    steps.append((free, "resection", ""))
    if not np.isfinite(failure):
        return steps
    while failure - free > _QUIET:
        again = free + round((failure - free) / 2)
        steps.append((again, "recurrence", f"site={site}; resectable=yes"))
        free = again + _TO_RESECTION
        steps.append((free, "resection", ""))
    return [*steps, (failure, "recurrence", f"site={site}; resectable=no")]


# ---- writing -------------------------------------------------------------------------------


def as_csv(frame: pd.DataFrame) -> str:
    """A table as it is committed: whole numbers without a point, missing cells empty."""
    shown = frame.map(lambda value: f"{value:g}" if isinstance(value, float) else value)
    shown = shown.where(frame.notna(), "")
    return shown.to_csv(index=False, lineterminator="\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write cohort.csv and history.csv of the named studies, or of all with a standin.toml."""
    parser = argparse.ArgumentParser(prog="python -m crlm.standin", description=main.__doc__)
    parser.add_argument("study", nargs="*")
    parser.add_argument("--seed", type=int, help="default: the one in standin.toml")
    asked = parser.parse_args(arguments)
    folder = ledger.data_folder()
    ready = [name for name in ledger.studies() if (folder / name / "standin.toml").is_file()]
    for study in asked.study or ready:
        for name, frame in zip(("cohort", "history"), build(study, asked.seed), strict=True):
            write_atomically(folder / study / f"{name}.csv", as_csv(frame))


if __name__ == "__main__":
    main()
