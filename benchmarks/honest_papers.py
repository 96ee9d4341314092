"""Honest papers: cohorts of both designs, analysed as the notebooks do, printed as journals do."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from honest_extras import also_printed, unknown_values
from honest_others import others_printed
from printing import p_text, read, rounded

from crlm import (
    baseline,
    cohort,
    comparison,
    endpoints,
    ledger,
    regression,
    scores,
    survival,
)
from crlm.ledger import Design

#: As shipped: Table 1 is the paper's own in every cohort, times differ. Drawn: other patients,
#: 0.6 to 1.4 times as many. No effects: drawn, outcomes dealt out at random. Gaps: drawn, with
#: values missing.
COHORTS = ("as shipped", "drawn", "no effects", "gaps")
RATIOS = ("hazard_ratio", "odds_ratio")
FIELDS = ("estimate", "conf_low", "conf_high")
SENTENCES = {
    ">": "significantly higher",
    "<": "significantly lower",
    "~": "no significant difference",
}

#: One paper in so many also prints what these two do not (`honest_extras`, `honest_others`).
_EXTRAS = 3

_GAPS = (
    "nodal_status",
    "size_cm",
    "cea",
    "ca199",
    "margin",
    "timing",
    "t_stage",
    "sidedness",
    "dfi_months",
    "crs",
)

#: Share of values that a paper may lack without saying so.
_MOST_GAPS = 0.08

Frame = pd.DataFrame


def paper(study: str, number: int, seed: int) -> tuple[Design, Frame, str]:
    """Paper `number` of a study: its design, its claims and the kind of its cohort."""
    kind = COHORTS[number % len(COHORTS)]
    design = ledger.load_design(study)
    known, flags = screened(design, *simulated(study, kind, 1000 * seed + number))
    rows = analysed(design, known, flags)
    own, claims = printed(design, rows, ledger.load_claims(study))
    unknown = unknown_values(design, known[flags.all(axis=1)], _MOST_GAPS)
    claims = pd.concat([claims, unknown], ignore_index=True) if len(unknown) else claims
    if number % _EXTRAS == 1:
        own, claims = also_printed(own, (known, flags), rows, claims)
    if number % _EXTRAS == 2:
        own, claims = others_printed(own, (known, flags), rows, claims)
    return own, claims, kind


# ---- cohorts ------------------------------------------------------------------------------


def simulated(study: str, kind: str, seed: int) -> tuple[Frame, Frame]:
    """A cohort of one of the `COHORTS` with its histories, from the shipped one.

    Sites of recurrence that it does not say are filled: an honest paper says how many, or has all.
    """
    folder = ledger.load_design(study).folder
    patients = pd.read_csv(folder / "cohort.csv", dtype={"patient_id": str})
    history = pd.read_csv(folder / "history.csv", dtype=str, keep_default_na=False)
    rng = np.random.default_rng(seed)
    patients = _filled(patients, history["patient_id"].unique())
    recurred = history["event"] == "recurrence"
    unsaid = recurred & (history["details"] == "")
    history.loc[unsaid, "details"] = history.loc[recurred & ~unsaid, "details"].mode().iloc[0]
    if kind != "as shipped":
        patients, history = _drawn(patients, history, rng)
    names = history["patient_id"].unique()
    if kind == "no effects":
        other = dict(zip(names, rng.permutation(names), strict=True))
        history["patient_id"] = history["patient_id"].map(other)
    history = _stretched(history, dict(zip(names, rng.uniform(0.75, 1.3, len(names)), strict=True)))
    if kind == "gaps":
        for name in [n for n in _GAPS if n in patients and rng.random() < 0.6]:
            lost = rng.random(len(patients)) < rng.uniform(0, _MOST_GAPS)
            patients[name] = patients[name].mask(lost)
    return patients, history


def _filled(patients: Frame, included: np.ndarray) -> Frame:
    """The commonest value where more than a few lack one: an honest paper says so, or has all."""
    patients = patients.copy()
    inside = patients["patient_id"].isin(included)
    for name in [n for n in (*_GAPS, "extrahepatic") if n in patients]:
        lost = inside & patients[name].isna()
        if lost.sum() > _MOST_GAPS * inside.sum():
            patients.loc[lost, name] = patients.loc[inside, name].mode().iloc[0]
    return patients


def _drawn(patients: Frame, history: Frame, rng: np.random.Generator) -> tuple[Frame, Frame]:
    """Patients drawn with replacement, 0.6 to 1.4 times as many; those not included stay."""
    names = history["patient_id"].unique()
    chosen = rng.choice(names, round(rng.uniform(0.6, 1.4) * len(names)))
    copies = Frame({"patient_id": chosen, "copy": [f"D{k:05d}" for k in range(len(chosen))]})
    taken, kept = (
        frame.merge(copies, on="patient_id", sort=False)
        .assign(patient_id=lambda both: both["copy"])
        .drop(columns="copy")
        for frame in (patients, history)
    )
    excluded = patients[~patients["patient_id"].isin(names)]
    return pd.concat([taken, excluded], ignore_index=True), kept


def _stretched(history: Frame, factor: Mapping[str, float]) -> Frame:
    """Every course of disease slower or faster by a factor of its own."""
    dates = pd.to_datetime(history["date"])
    first = dates.groupby(history["patient_id"]).transform("min")
    days = ((dates - first).dt.days * history["patient_id"].map(factor)).round()
    moved = first + pd.to_timedelta(days, unit="D")
    return history.assign(date=moved.dt.strftime("%Y-%m-%d"))


# ---- the analyses of the notebooks ---------------------------------------------------------


def screened(design: Design, patients: Frame, history: Frame) -> tuple[Frame, Frame]:
    """All patients with times, factors and scores, and whether each meets each criterion."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("cohort.csv", "history.csv")]
        for path, frame in zip(paths, (patients, history), strict=True):
            frame.to_csv(path, index=False, lineterminator="\n")
        known = cohort.load(paths[0], design)
        events = cohort.load_history(paths[1], design)
    flags = cohort.eligibility(known, design)
    timed = cohort.add_factors(endpoints.from_history(known, events, design), design)
    timed = cohort.add_factors(scores.add(timed), design)
    if design.study == "ncch_scp":
        timed["short_scp"] = endpoints.short_scp(timed, 12.0, "not short")
    return timed, flags


def analysed(design: Design, timed: Frame, flags: Frame) -> Frame:
    """All result rows of a study's notebook that a printed claim may ask for."""
    included = timed[flags.all(axis=1)]
    frames = endpoints.derive_all(included, design)
    rows = [cohort.attrition(flags, design)]
    rows += {"ncch_scp": _ncch_rows, "mskcc_hai": _mskcc_rows}[design.study](
        design, included, frames
    )
    return pd.concat(rows, ignore_index=True)


def _usable(frame: Frame, names: list[str]) -> list[str]:
    return [name for name in names if name in frame and frame[name].nunique() > 1]


def _ncch_rows(design: Design, included: Frame, frames: Mapping[str, Frame]) -> list[Frame]:
    """The cells of notebooks/ncch_scp.md that append result rows, with its parameters."""
    curves = {"conf_type": "spss", "median_rule": "first"}
    models = {"ties": "breslow", "entry_p": 0.1, "univariable_p": "logrank"}
    os, after = frames["OS"], frames["OS_after_recurrence"]
    names = _usable(included, design.table_one["variables"])
    rows = [baseline.table_one(included, "ras", names, spread="range")]
    rows += [survival.follow_up(os, by, method="observed") for by in (None, "ras")]
    for name in ("OS", "SCP", "RFS"):
        frame, names = frames[name], _usable(frames[name], design.models[name]["covariates"])
        rows += [survival.summary(frame, by, times=[60], **curves) for by in (None, "ras")]
        rule = regression.rule(names, selection="enter", **models)
        rows.append(regression.regression_table(frame, rule))
        rows.append(survival.by_level(frame, names, **curves))
        rows.append(survival.summary(frame, "kras_codon", times=[60], **curves))
        rows.append(regression.univariable(frame, ["kras_codon"], ties="breslow"))
    names = _usable(included, design.models["short_SCP"]["covariates"])
    beppu = [name for name in design.models["short_SCP"]["published"] if name in names]
    rule = regression.rule(names, selection="fixed", fixed=beppu, univariable_p="fisher")
    rows.append(regression.logistic_table(included, "short_scp", rule, endpoint="short_SCP"))
    rows.append(survival.summary(after, "short_scp", times=[60], **curves))
    rows.append(regression.univariable(after, ["short_scp"], ties="breslow"))
    sites = _usable(included, design.table_one["recurrence"])
    rows += [_sites(baseline.table_one(included, by, sites)) for by in ("ras", "kras_codon")]
    two = included[included["kras_codon"].isin(["wild", "codon13"])]
    where = {"population": "kras_codon=wild/codon13"}
    return [*rows, _sites(baseline.table_one(two, "kras_codon", ["site_lung"], **where))]


def _sites(rows: Frame) -> Frame:
    return rows.assign(endpoint="first_recurrence")


def _mskcc_rows(design: Design, included: Frame, frames: Mapping[str, Frame]) -> list[Frame]:
    """The cells of notebooks/mskcc_hai.md that append result rows, with its parameters."""
    curves = {"conf_type": "log-log", "median_rule": "first"}
    models = {"ties": "efron", "entry_p": 0.05, "univariable_p": "wald", "p_stay": 0.05}
    test = {"categorical_test": "chi-square"}
    names = _usable(included, design.table_one["variables"])
    rows = [
        baseline.table_one(included, "hai", names, spread="both", **test),
        baseline.table_one(included, "kras", [], spread="both"),
        baseline.table_one(included, "hai", ["hai_timing", "systemic_chemo"], **test),
        baseline.describe(included[included["hai"] == "yes"], ["hai_timing"], population="hai=yes"),
        survival.follow_up(frames["OS"], method="reverse", conf_type="log-log"),
    ]
    sites = _usable(included, design.table_one["recurrence"])
    rows += [_sites(baseline.table_one(included, by, sites, **test)) for by in ("hai", "kras")]
    lung = included[included["site_lung"] == "yes"]
    rows.append(_sites(baseline.describe(lung, ["hai"], population="site_lung=yes")))
    for name in ("RFS", "OS"):
        frame, spec = frames[name], design.models[name]
        for by in (None, "kras", "hai", *([["kras", "hai"]] if name == "OS" else [])):
            rows.append(survival.summary(frame, by, times=[36, 60], **curves))
        rule = regression.rule(
            _usable(frame, spec["covariates"]),
            selection="backward",
            left_out=spec["left_out"],
            **models,
        )
        rows.append(regression.regression_table(frame, rule))
        for level in ("wild", "mutant"):
            stratum, where = frame[frame["kras"] == level], {"population": f"kras={level}"}
            rows.append(regression.univariable(stratum, ["hai"], ties="efron", **where))
            rows.append(survival.summary(stratum, "hai", times=[60], **where, **curves))
    pair = ("kras=mutant,hai=yes", "kras=wild,hai=no")
    return [*rows, survival.rate_difference(frames["OS"], ["kras", "hai"], *pair, time=60)]


# ---- printing ------------------------------------------------------------------------------


def printed(design: Design, rows: Frame, claims: Frame) -> tuple[Design, Frame]:
    """The paper that a cohort gives: every claim of the ledger that has a result, as printed."""
    early = design.conventions.get("rounded_before")
    asked = claims.assign(operator=claims["operator"].where(claims["kind"] == "number", "~"))
    rest = _rest_of_models(design, rows, claims)
    asked = pd.concat([asked, rest], ignore_index=True) if len(rest) else asked
    compared = comparison.compare(rows, asked).to_dict("records")
    truth = claims.set_index("id")["operator"]
    made = [_print(claim, truth.get(claim["id"], ""), early) for claim in compared]
    shown = [{name: claim[name] for name in ledger.CLAIM_COLUMNS} for claim in made if claim]
    models = {
        name: {**spec, "published": _selected(rows, name)} for name, spec in design.models.items()
    }
    return replace(design, models=models), Frame(shown, columns=list(ledger.CLAIM_COLUMNS))


def _selected(rows: Frame, endpoint: str) -> list[str]:
    chosen = rows[(rows["endpoint"] == endpoint) & (rows["model"] == "multivariable")]
    return list(dict.fromkeys(name for name in chosen["covariate"] if name))


def _print(claim: dict[str, Any], operator: str, early: int | None) -> dict[str, Any] | None:
    if claim["verdict"] == "no result" or not math.isfinite(claim["computed"]):
        return None
    claim |= {"scanned": "", "mended_because": ""}
    if claim["kind"] == "direction":
        return _say(claim, operator)
    decimals = int(claim["decimals"])
    if claim["statistic"] == "p":
        text = p_text(claim["computed"], decimals if claim["operator"] == "=" else 3, early)
    else:
        text = rounded(claim["computed"], decimals, early)
    return claim | read(text)


def _say(claim: dict[str, Any], operator: str) -> dict[str, Any]:
    """A sentence turned to what is true; the ledger's own words where they are."""
    true = "~"
    if claim["verdict"] == "differs":
        true = ">" if claim["computed"] > claim["value"] else "<"
    words = claim["printed"] if true == operator else SENTENCES[true]
    return claim | {"operator": true, "printed": words}


def _rest_of_models(design: Design, rows: Frame, claims: Frame) -> Frame:
    """Claims for selected covariates that the paper's own multivariable table does not hold."""
    tables = claims[(claims["model"] == "multivariable") & claims["place"].str.startswith("table")]
    known = {comparison.row_key(c, field=c["field"]) for c in tables.to_dict("records")}
    found = []
    for endpoint in [name for name in design.models if (tables["endpoint"] == name).any()]:
        model = rows[(rows["endpoint"] == endpoint) & (rows["model"] == "multivariable")]
        for row in model[model["statistic"].isin([*RATIOS, "p"])].to_dict("records"):
            if row["covariate"] and comparison.row_key(row) not in known:
                found += _own_claims(row, claims)
    return Frame(found, columns=list(ledger.CLAIM_COLUMNS))


def _own_claims(row: Mapping[str, Any], claims: Frame) -> Iterator[dict[str, Any]]:
    """The printed cells of one row of a multivariable table, beside its univariable ones."""
    beside = claims[
        (claims["endpoint"] == row["endpoint"])
        & (claims["model"] == "univariable")
        & (claims["covariate"] == row["covariate"])
        & (claims["kind"] == "number")
        & claims["place"].str.startswith("table")
    ]
    if beside.empty:
        return
    where = beside.iloc[0]
    for field in ("estimate",) if row["statistic"] == "p" else FIELDS:
        claim = dict.fromkeys(ledger.CLAIM_COLUMNS, "")
        claim |= {name: row[name] for name in ledger.KEYS}
        name = "-".join(str(row[key]) for key in ("endpoint", "covariate", "level", "statistic"))
        yield claim | {
            "id": f"mv-{name}-{field}",
            "place": where["place"],
            "kind": "number",
            "locator": f"{where['locator'].partition(', uni')[0]}, multivariable",
            "field": field,
            "operator": "=",
            "decimals": 3.0 if row["statistic"] == "p" else 2.0,
            "value": 0.0,
        }
