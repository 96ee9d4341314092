"""What a cohort matches, recomputed from its files by other programs than the search.

Curves and log-rank tests come from lifelines, Cox and logistic models from statsmodels, tables
and rank tests from scipy; nothing here calls a kernel of the search or `crlm.survival`. Fisher's
test beyond 2 x 2 alone is this project's own (`crlm.exact`, equal to R's `fisher.test`), for
scipy samples its tables, another p at each call.
"""

from __future__ import annotations

import functools
import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from crlm import cohort, comparison, endpoints, ledger, regression, scores
from crlm.exact import exact_test
from crlm.files import checksum, write_atomically
from crlm.ledger import Design
from crlm.reconstruction.quantities import Quantity, levels_of, quantity_of, where_of
from crlm.reconstruction.targets import Goal

Program = Callable[[Quantity, Mapping[str, pd.DataFrame], Design], float]
_Z = float(stats.norm.ppf(0.975))
#: Where S equals one half but for rounding.
_HALF = 1e-8


def certify(
    design: Design,
    claims: pd.DataFrame,
    goal: Goal,
    cohort_path: Path,
    history_path: Path,
    *,
    attained: Program | None = None,
) -> pd.DataFrame:
    """Every claim of the ledger with what a cohort's files give, and the verdict.

    `attained`: another program than this module's for a single quantity, with its arguments.

    Returns
    -------
    pandas.DataFrame
        As `comparison.compare`, one row a claim in the order of the ledger. A claim that
        the search excluded keeps its verdict, with the reason in `excluded`.
    """
    frames = analysis_frames(design, cohort_path, history_path)
    of_claim = {name: t for t in goal.targets if t.origin == "claim" for name in t.claims}
    found: dict[Quantity, float] = {}
    models = _own_models(frames, design)
    program = attained or by_python
    records = []
    # Numbers first: where a direction shares its keys, the first row counts.
    ordered = claims.sort_values("kind", ascending=False, kind="stable")
    for claim in ordered.to_dict("records"):
        target = of_claim.get(claim["id"])
        if target is None:
            quantity = quantity_of(claim, design)
        else:
            quantity = target.quantity
        if claim["statistic"] == "difference" and math.isfinite(claim["time"]):
            quantity = _difference(claim)
        if not isinstance(quantity, str):
            if claim["model"] == "multivariable":
                columns = models.get(quantity.endpoint, quantity.columns)
                quantity = replace(quantity, columns=columns)
            records += _rows(claim, quantity, frames, design, found, program)
    counts = [frames["flow"], _sizes(frames["patients"], design)]
    rows = pd.concat([ledger.rows(records), *counts])
    rows = rows.groupby(list(ledger.KEYS), dropna=False, as_index=False, sort=False).first()
    verdicts = comparison.compare(
        rows, claims, rounded_before=design.conventions.get("rounded_before")
    )
    return verdicts.assign(excluded=verdicts["id"].map(goal.excluded).fillna(""))


def write(
    folder: Path,
    design: Design,
    verdicts: pd.DataFrame,
    settings: Mapping[str, Any],
    in_the_way: Mapping[str, Sequence[str]],
) -> Path:
    """Write certificate.json: settings, counts, and each claim with value and verdict.

    `in_the_way`: what was lost when the search insisted on a claim it did not meet in the end.
    """
    counted = verdicts[verdicts["excluded"] == ""]
    missed = counted.loc[counted["verdict"] != "matches", "id"].tolist()
    kept = ["id", "locator", "printed", "computed", "verdict", "reason", "excluded"]
    text = {
        "study": design.study,
        "note": "No row of this cohort is a patient. A match proves the pipeline and the "
        "coherence of the print, and nothing about medicine; the cohort must not be pooled "
        "with data.",
        "settings": dict(settings),
        "checksums": {n: checksum(folder / f"{n}.csv") for n in ("cohort", "history")},
        "claims": len(verdicts),
        "excluded": int((verdicts["excluded"] != "").sum()),
        "matched": int((counted["verdict"] == "matches").sum()),
        "not_matched": missed,
        "in_the_way": {k: list(others) for k, others in in_the_way.items() if k in missed},
        "verdicts": json.loads(verdicts[kept].to_json(orient="records", double_precision=6)),
    }
    path = folder / "certificate.json"
    write_atomically(path, json.dumps(text, indent=1, ensure_ascii=False) + "\n")
    return path


def by_python(quantity: Quantity, frames: Mapping[str, pd.DataFrame], design: Design) -> float:
    """One statistic by an independent program, on the scale of the search.

    Ratios are logarithms, tests signed z, times months, rates and percentages 0 to 100.
    """
    name = quantity.endpoint if quantity.endpoint in design.endpoints else "patients"
    frame = frames[name]
    for column, level in quantity.where:
        frame = frame[frame[column].astype(str).isin(level.split("/"))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(_PROGRAMS[quantity.kind](quantity, frame, design))


def analysis_frames(
    design: Design, cohort_path: Path, history_path: Path
) -> dict[str, pd.DataFrame]:
    """The included patients and the frame of every endpoint, as the notebooks make them."""
    patients = cohort.load(str(cohort_path), design)
    flags = cohort.eligibility(patients, design)
    history = cohort.load_history(str(history_path), design)
    timed = endpoints.from_history(patients, history, design)
    timed = cohort.add_factors(scores.add(cohort.add_factors(timed, design)), design)
    if "SCP" in design.endpoints:
        rules = design.conventions
        timed["short_scp"] = endpoints.short_scp(
            timed, rules["short_scp_months"], rules["short_scp_censored"]
        )
    included = timed[flags.all(axis=1)]
    flow = cohort.attrition(flags, design)
    return {"patients": included, "flow": flow} | endpoints.derive_all(included, design)


def _difference(claim: Mapping[str, Any]) -> Quantity:
    """Of two survival rates: all columns of a group at their last level against all at their first.

    The search does not look at it, for the rates are targets themselves.
    """
    columns, where = tuple(claim["group"].split(",")), where_of(claim["population"])
    return Quantity("rates", claim["endpoint"], where, columns, "z", time=float(claim["time"]))


def _sizes(patients: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Sizes of the groups and of the flow, which no statistic stands for."""
    keys = {"statistic": "n", "unit": "patients"}
    records = [{**keys, "estimate": len(patients)}]
    for name in design.columns:
        if name in patients and levels_of(design, name):
            counts = patients[name].value_counts()
            for level, count in counts.items():
                group = {"group": f"{name}={level}"}
                records.append({**keys, **group, "estimate": float(count)})
                percent = {
                    "statistic": "percent",
                    "unit": "%",
                    "estimate": 100 * count / len(patients),
                }
                records.append({**group, **percent})
    return ledger.rows(records)


def _own_models(frames: Mapping[str, pd.DataFrame], design: Design) -> dict[str, tuple[str, ...]]:
    """The columns of each multivariable model as this cohort's own p values choose them."""
    chosen = {}
    for endpoint, spec in design.models.items():
        if spec["selection"] not in ("enter", "backward") or endpoint not in frames:
            continue
        frame = frames[endpoint]
        rule = regression.rule(
            [name for name in spec["covariates"] if frame[name].nunique() > 1],
            selection=spec["selection"],
            entry_p=spec["entry_p"],
            left_out=spec.get("left_out", ()),
        )
        entry, stay = (float(stats.norm.isf(p / 2)) for p in (rule.entry_p, rule.p_stay))
        columns = rule.candidates(
            [n for n in rule.names if abs(_alone(endpoint, n, frame, design)) > entry]
        )
        while rule.selection == "backward" and columns:
            z = [_wald(endpoint, tuple(columns), at, frame, design) for at in range(len(columns))]
            worst = int(np.argmin(np.abs(z)))
            if abs(z[worst]) > stay:
                break
            columns.pop(worst)
        chosen[endpoint] = tuple(columns)
    return chosen


def _alone(endpoint: str, name: str, frame: pd.DataFrame, design: Design) -> float:
    """The univariable z that decides whether a covariate enters."""
    if design.conventions["univariable_p"] == "logrank" and levels_of(design, name):
        known = frame[frame[name].notna()]
        return _logrank(
            Quantity("logrank", endpoint, columns=(name,), part="z", covariate=name), known, design
        )
    return _wald(endpoint, (name,), 0, frame, design)


def _wald(
    endpoint: str, columns: tuple[str, ...], at: int, frame: pd.DataFrame, design: Design
) -> float:
    asked = Quantity("cox", endpoint, columns=columns, part="z", covariate=columns[at])
    return _cox(asked, frame, design)


def _rows(
    claim: Mapping[str, Any],
    quantity: Quantity,
    frames: Mapping[str, pd.DataFrame],
    design: Design,
    found: dict[Quantity, float],
    program: Program,
) -> list[dict[str, Any]]:
    """The result rows that answer a claim."""
    if quantity not in found:
        found[quantity] = program(quantity, frames, design)
    value = found[quantity]
    keys = {name: claim[name] for name in ledger.KEYS} | {"unit": claim["unit"]}
    if quantity.part == "z":
        tail = 2 * float(stats.norm.sf(abs(value)))
        if claim["kind"] == "direction":
            levels = levels_of(design, claim["covariate"])
            first = claim["statistic"] == "difference" and levels and claim["level"] == levels[0]
            effect = claim["value"] + (-value if first else value)
            return [{**keys, "estimate": effect}, {**keys, "statistic": "p", "estimate": tail}]
        return [{**keys, "estimate": tail}]
    if claim["statistic"] in ("hazard_ratio", "odds_ratio"):
        value = math.exp(value)
    if claim["unit"] == "years" and quantity.kind in ("km", "followup"):
        value /= 12
    return [{**keys, claim["field"]: value}]


# ---- the programs --------------------------------------------------------------------------


def _km(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    from lifelines import KaplanMeierFitter
    from lifelines.utils import median_survival_times

    if quantity.part == "events":
        return int(frame["event"].sum())
    fitter = KaplanMeierFitter().fit(frame["time"], frame["event"])
    spss = design.conventions["conf_type"] == "spss"
    if quantity.part == "survival_rate":
        if quantity.limit == "estimate":
            return 100 * float(fitter.predict(quantity.time))
        band = fitter.confidence_interval_
        column = 0 if quantity.limit == "conf_low" else 1
        return 100 * float(band[band.index <= quantity.time + 1e-9].iloc[-1, column])
    curve = fitter.survival_function_.iloc[:, 0]
    middle = (
        float(curve.index[np.flatnonzero(curve.to_numpy() <= 0.5 + _HALF)[0]])
        if (curve.min() <= 0.5 + _HALF)
        else math.nan
    )
    if quantity.limit == "estimate":
        return middle
    if not spss:
        limits = median_survival_times(fitter.confidence_interval_)
        return float(limits.iloc[0, 0 if quantity.limit == "conf_low" else 1])
    half = _Z * _spss_error(fitter.event_table, curve)
    return max(middle - half, 0.0) if quantity.limit == "conf_low" else middle + half


def _rates(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    from lifelines import KaplanMeierFitter

    rates, variances = [], []
    for side in (-1, 0):
        part = frame
        for name in quantity.columns:
            part = part[part[name].astype(str) == levels_of(design, name)[side]]
        fitter = KaplanMeierFitter().fit(part["time"], part["event"])
        rates.append(float(fitter.predict(quantity.time)))
        variances.append(rates[-1] ** 2 * _greenwood(fitter.event_table, quantity.time))
    return (rates[0] - rates[1]) / math.sqrt(sum(variances))


def _spss_error(table: pd.DataFrame, curve: pd.Series) -> float:
    """SPSS's standard error of a median: Greenwood's over Collett's density."""
    events = table[table["observed"] > 0]
    survival = curve.reindex(events.index)
    upper = survival.index[survival >= 0.55 - _HALF].max()
    lower = survival.index[survival <= 0.45 + _HALF].min()
    middle = survival.index[survival <= 0.5 + _HALF].min()
    if not (np.isfinite(upper) and np.isfinite(lower) and np.isfinite(middle)):
        return math.nan
    density = (survival[upper] - survival[lower]) / (lower - upper)
    return float(survival[middle] * math.sqrt(_greenwood(table, middle)) / density)


def _greenwood(table: pd.DataFrame, until: float) -> float:
    """Greenwood's variance of the logarithm of survival, from lifelines' table of events."""
    past = table[(table["observed"] > 0) & (table.index <= until)]
    return float(
        (past["observed"] / (past["at_risk"] * (past["at_risk"] - past["observed"]))).sum()
    )


def _follow_up(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    time = np.sort(frame["time"].to_numpy())
    if quantity.part == "min_follow_up":
        return time[0]
    if quantity.part == "max_follow_up":
        return time[-1]
    if design.conventions["follow_up"] == "reverse":
        reverse = frame.assign(event=~frame["event"])
        return _km(Quantity("km", part="median_survival", limit=quantity.limit), reverse, design)
    rank = int(stats.binom.ppf(0.025, len(time), 0.5))
    if stats.binom.cdf(rank, len(time), 0.5) <= 0.025:
        rank += 1
    places = {"conf_low": time[rank - 1], "conf_high": time[len(time) - rank]}
    return places.get(quantity.limit, float(np.median(time)))


def _logrank(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    from lifelines.statistics import logrank_test

    levels = levels_of(design, quantity.columns[0])
    first, second = (frame[frame[quantity.columns[0]].astype(str) == level] for level in levels)
    test = logrank_test(first["time"], second["time"], first["event"], second["event"])
    side = _coefficient(quantity, frame, design, (quantity.columns[0],), 0)[0]
    return math.copysign(math.sqrt(test.test_statistic), side)


def _design_matrix(
    frame: pd.DataFrame, design: Design, columns: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Columns as numbers, and which patients have them all."""
    parts = []
    for column in columns:
        name, _, level = column.partition("=")
        levels = levels_of(design, name)
        known = frame[name].notna().to_numpy()
        if levels:
            values = (frame[name].astype(str) == (level or levels[1])).to_numpy(float)
        else:
            values = frame[name].to_numpy(float)
        parts.append(np.where(known, values, np.nan))
    matrix = np.column_stack(parts)
    return matrix, ~np.isnan(matrix).any(axis=1)


def _coefficient(
    quantity: Quantity, frame: pd.DataFrame, design: Design, columns: tuple[str, ...], at: int
) -> tuple[float, float]:
    matrix, known = _design_matrix(frame, design, columns)
    held = np.column_stack([frame["time"], frame["event"], matrix]).astype(float)[known]
    estimates, errors = _proportional_hazards(held.tobytes(), len(held), design.conventions["ties"])
    return estimates[at], errors[at]


@functools.lru_cache(maxsize=128)
def _proportional_hazards(
    held: bytes, patients: int, ties: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Coefficients and errors of one model: its rows are asked for one by one.

    `held` is a table of doubles, a row a patient: time, event, covariates.
    """
    from statsmodels.duration.hazard_regression import PHReg

    table = np.frombuffer(held).reshape(patients, -1)
    fit = PHReg(table[:, 0], table[:, 2:], status=table[:, 1].astype(int), ties=ties).fit(disp=0)
    return tuple(map(float, fit.params)), tuple(map(float, fit.bse))


def _part(quantity: Quantity, estimate: float, error: float) -> float:
    if quantity.part == "z":
        return estimate / error
    if quantity.part == "standard_error":
        return error
    sign = {"estimate": 0, "conf_low": -1, "conf_high": 1}[quantity.limit]
    return estimate + sign * _Z * error


def _cox(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    if quantity.covariate not in quantity.columns:
        return math.nan
    at = quantity.columns.index(quantity.covariate)
    return _part(quantity, *_coefficient(quantity, frame, design, quantity.columns, at))


def _logistic(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    import statsmodels.api as sm

    matrix, known = _design_matrix(frame, design, quantity.columns)
    outcome = (frame[quantity.endpoint].astype(str) == "yes").to_numpy(float)
    fit = sm.Logit(outcome[known], sm.add_constant(matrix[known])).fit(disp=0, tol=1e-12)
    at = 1 + quantity.columns.index(quantity.covariate)
    return _part(quantity, float(fit.params[at]), float(fit.bse[at]))


def _association(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    column, by = quantity.columns
    name, _, level = by.partition("=")
    frame = frame[frame[column].notna() & frame[name].notna()]
    groups = frame[name].astype(str)
    if level:
        groups = (groups == level).map({False: "no", True: "yes"})
    table = pd.crosstab(groups, frame[column].astype(str))
    table = table.reindex(index=levels_of(design, by), columns=levels_of(design, column))
    counts = table.fillna(0).to_numpy(int)
    if design.table_one["categorical_test"] == "fisher":
        two_by_two = counts.shape == (2, 2)
        p = stats.fisher_exact(counts).pvalue if two_by_two else exact_test(counts)[0]
    else:
        p = stats.chi2_contingency(counts, correction=False).pvalue
    gap = counts[0, 0] * counts[1, 1] - counts[0, 1] * counts[1, 0]
    return math.copysign(float(stats.norm.isf(p / 2)), gap)


def _ranks(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    column, by = quantity.columns
    levels = levels_of(design, by)
    first, second = (frame[frame[by].astype(str) == v][column].dropna() for v in levels)
    test = stats.mannwhitneyu(second, first, use_continuity=False, method="asymptotic")
    side = test.statistic - len(first) * len(second) / 2
    return math.copysign(float(stats.norm.isf(test.pvalue / 2)), side)


def _summary(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    values = frame[quantity.columns[0]].dropna().to_numpy(float)
    share = {"min": 0.0, "q1": 0.25, "median": 0.5, "q3": 0.75, "max": 1.0}[quantity.part]
    return float(np.quantile(values, share, method="weibull"))


def _count(quantity: Quantity, frame: pd.DataFrame, design: Design) -> float:
    column, _, level = quantity.columns[0].partition("=")
    known = frame[column].dropna().astype(str)
    n = int((known == level).sum())
    return n if quantity.part == "n" else 100 * n / max(len(known), 1)


_PROGRAMS = {
    "km": _km,
    "followup": _follow_up,
    "logrank": _logrank,
    "cox": _cox,
    "logistic": _logistic,
    "association": _association,
    "ranks": _ranks,
    "summary": _summary,
    "count": _count,
    "rates": _rates,
}
