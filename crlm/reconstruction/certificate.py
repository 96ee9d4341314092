"""What a cohort matches, recomputed from its files by other programs than the search."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from crlm import cohort, comparison, endpoints, ledger, regression, scores
from crlm.files import checksum, write_atomically
from crlm.ledger import Design, DesignError
from crlm.ledger.vocabulary import FLOW, NOT_REACHED, months_in
from crlm.reconstruction import programs
from crlm.reconstruction.incidence_claims import asked_by, per_month
from crlm.reconstruction.models import (
    Model,
    indicators,
    levels_of,
    models_of,
    per_level,
    terms_of,
    where_of,
)
from crlm.reconstruction.programs import by_python
from crlm.reconstruction.quantities import (
    WITHOUT,
    Beyond,
    Quantity,
    among_known,
    between,
    by_ratio,
    fitted,
    flipped,
    quantity_of,
    ratio,
    share,
    standardised,
    subdistributed,
    tested_together,
)
from crlm.reconstruction.quantity import JOINT
from crlm.reconstruction.targets import Goal

#: Logarithms above have no number.
_LARGEST = 700.0

Program = Callable[[Quantity, Mapping[str, pd.DataFrame], Design], float]


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
    if frames["patients"].empty:
        steps = ", ".join(f"{step['name']} (by {step['column']})" for step in design.eligibility)
        raise DesignError(
            f"{design.study}: no patient of the cohort passes every step of the flow chart: "
            f"{steps}. Say under [included] of reconstruction.toml what included patients have."
        )
    of_claim = {name: t for t in goal.targets if t.origin == "claim" for name in t.claims}
    found: dict[Quantity, float] = {}
    models = _own_models(frames, design)
    program = attained or by_python
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    unknown: dict[str, str] = {}
    # Numbers first: where a direction shares its keys, the first row counts.
    ordered = claims.sort_values("kind", ascending=False, kind="stable")
    for claim in ordered.to_dict("records"):
        # The search aims at the end of a curve where the claim is on its median.
        target = of_claim.get(claim["id"]) if claim["kind"] != NOT_REACHED else None
        quantity = _for_certificate(claim, design) if target is None else target.quantity
        if isinstance(quantity, str):
            unknown[claim["id"]] = str(quantity)
        else:
            quantity = _in_own_model(claim, _by_own_test(claim, quantity, design), models, design)
            against = claim.get("reference") or ""
            told[against] += _told(claim, quantity, frames, design, found, program)
    counts = [frames["flow"], _sizes(frames["patients"], design)]
    verdicts = _verdicts(told, counts, claims, design)
    # What no row stands for is not for want of a column or of a notebook's section.
    lost = (verdicts["verdict"] == "no result") & verdicts["id"].isin(list(unknown))
    reasons = verdicts["id"].map(unknown).where(lost, verdicts["reason"])
    verdicts = verdicts.assign(reason=reasons)
    return verdicts.assign(excluded=verdicts["id"].map(goal.excluded).fillna(""))


def _verdicts(
    told: Mapping[str, list[dict[str, Any]]],
    counts: Sequence[pd.DataFrame],
    claims: pd.DataFrame,
    design: Design,
) -> pd.DataFrame:
    """Claims against rows, by the reference level they name: rows have no such key."""
    rules = design.conventions
    how = {"rounded_before": rules.get("rounded_before"), "days_per_month": rules["days_per_month"]}
    parts = []
    for against, mine in claims.groupby("reference", sort=False):
        others = [row for name, rows in told.items() if name != against for row in rows]
        rows = pd.concat([ledger.rows([*told.get(against, ()), *others]), *counts])
        rows = rows.groupby(list(ledger.KEYS), dropna=False, as_index=False, sort=False).first()
        parts.append(comparison.compare(rows, mine, **how))
    return pd.concat(parts).loc[claims.index]


def _for_certificate(claim: Mapping[str, Any], design: Design) -> Quantity | str:
    """What a claim asks for that the search does not look at."""
    claim = among_known(claim, design)
    where, statistic = where_of(claim["population"]), claim["statistic"]
    of_some = bool(where) or (statistic == "n" and "/" in claim["group"])
    if statistic == "difference" and math.isfinite(claim["time"]):
        return _difference(claim)
    of_some &= not (claim["covariate"] or claim["model"])
    if of_some and statistic in ("n", "percent"):
        group = claim["group"] if "=" in claim["group"] else claim["population"]
        *others, asked = group.split(",")
        return Quantity(
            "count", where=(*where, *where_of(*others)), columns=(asked,), part=statistic
        )
    found = quantity_of(claim, design)
    if not isinstance(found, str) or isinstance(found, Beyond):
        return found
    if ledger.counts_model(claim):
        return fitted(claim, design)
    if counted := _counted(claim, design):
        return counted
    if statistic == "odds_ratio" and claim["kind"] == "number":
        return ratio(claim, design)
    if statistic == "smd" and not claim["model"] and not claim["level"]:
        return standardised(claim)
    if _is_share_apart(claim, design):
        return share(claim, design)
    if statistic == "se" and claim["endpoint"] in design.endpoints:
        return _error_of_rate(claim)
    of_test = statistic == "p" and bool(claim["covariate"])
    return _whole_test(claim, found, design) if of_test else found


def _is_share_apart(claim: Mapping[str, Any], design: Design) -> bool:
    """Whether a claim is a percentage of all patients, or a limit of a percentage."""
    if claim["statistic"] != "percent" or claim["covariate"] == FLOW:
        return False
    return claim["covariate"] in design.percent_of_all or claim["field"] != "estimate"


def _whole_test(claim: Mapping[str, Any], found: str, design: Design) -> Quantity | str:
    """The test of a characteristic between groups, or of a whole covariate of a model."""
    if not claim["model"]:
        return between(claim, design)
    return tested_together(claim, design) if claim["model"] != "logrank" else found


def _counted(claim: Mapping[str, Any], design: Design) -> Quantity | None:
    """What a claim on an incidence, a model of one or a rate asks; None of another claim."""
    if claim["endpoint"] in design.incidences and claim["covariate"]:
        return subdistributed(claim, design)
    return asked_by(claim, design)


def _by_own_test(claim: Mapping[str, Any], quantity: Quantity, design: Design) -> Quantity:
    """A p of a covariate or of a product by the test that the design names.

    The search takes one like it.
    """
    if by_ratio(claim, design) and quantity.kind in WITHOUT and quantity.part == "z":
        return replace(quantity, kind=WITHOUT[quantity.kind], covariate=claim["covariate"])
    test = design.conventions["univariable_p"]
    of_cox = quantity.kind in ("cox", "logrank") and quantity.part == "z"
    own = claim["model"] == "univariable" and claim["statistic"] == "p"
    own &= quantity.kind == "logistic_joint" or len(quantity.columns) == 1
    if own and test == "lr" and quantity.kind in ("logistic", "logistic_joint"):
        return replace(quantity, kind="logistic_lr", part="z")
    return replace(quantity, kind=test) if own and of_cox and test in ("lr", "score") else quantity


def _in_own_model(
    claim: Mapping[str, Any], quantity: Quantity, models: Mapping[Any, Model], design: Design
) -> Quantity:
    """A multivariable quantity in the model that this cohort's own p values chose, if any did."""
    own = models.get((quantity.endpoint, frozenset(quantity.where), claim["model"]))
    if own is None:
        return quantity
    reference = claim.get("reference") or ""
    given = {claim["covariate"]: reference} if reference else None
    return replace(
        quantity, columns=terms_of(design, per_level(design, own, claim["covariate"]), given)
    )


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

    Of a sentence its z, of a number the difference or a limit of it. The search does not look at
    it, for the rates are targets themselves.
    """
    columns, where = tuple(claim["group"].split(",")), where_of(claim["population"])
    told = {"endpoint": claim["endpoint"], "where": where, "columns": columns}
    told |= {"time": float(claim["time"])}
    if claim["kind"] == "direction":
        return Quantity("rates", part="z", **told)
    return Quantity("rates", part="difference", limit=claim["field"], **told)


def _error_of_rate(claim: Mapping[str, Any]) -> Quantity:
    """Greenwood's standard error of a survival rate, in points."""
    where, time = where_of(claim["population"], claim["group"]), float(claim["time"])
    return Quantity("km", claim["endpoint"], where, part="standard_error", time=time)


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


def _own_models(
    frames: Mapping[str, pd.DataFrame], design: Design
) -> dict[tuple[str, frozenset, str], Model]:
    """Each multivariable model as this cohort's own p values choose its covariates.

    By endpoint, patients and the key `model` of its claims.
    """
    chosen = {}
    for model in models_of(design):
        endpoint, spec = model.endpoint, model.spec
        incidence = design.incidences.get(endpoint)
        own = incidence["endpoint"] if incidence else endpoint
        if not model.screened or own not in frames:
            continue
        frame = programs.among(frames[own], model.where)
        rule = regression.rule(
            [name for name in spec["covariates"] if frame[name].nunique() > 1],
            selection=spec["selection"],
            entry_p=spec["entry_p"],
            p_stay=spec.get("stay_p", design.choices.get("stay_p", 0.05)),
            left_out=spec.get("left_out", ()),
        )

        def alone(name: str, endpoint=endpoint, frame=frame, where=model.where) -> float:
            if endpoint in design.incidences:
                asked = Quantity(JOINT, endpoint, where, indicators(design, name), covariate=name)
                return by_python(asked, frames, design)
            return _alone(endpoint, name, frame, design)

        entry, stay = (float(stats.norm.isf(p / 2)) for p in (rule.entry_p, rule.p_stay))
        columns = rule.candidates([n for n in rule.names if abs(alone(n)) > entry])
        while rule.selection == "backward" and columns:
            z = [programs.joint(columns, n, frame, design, model.strata()) for n in columns]
            worst = int(np.argmin(z))
            if z[worst] > stay:
                break
            columns.pop(worst)
        spec = {**spec, "selection": "fixed", "published": columns}
        key = design.model_key(model.name)
        chosen[endpoint, frozenset(model.where), key] = replace(model, spec=spec)
    return chosen


def _alone(endpoint: str, name: str, frame: pd.DataFrame, design: Design) -> float:
    """The univariable z that decides whether a covariate enters, all its levels together."""
    test, levels = design.conventions["univariable_p"], levels_of(design, name)
    if test == "logrank" and levels:
        known = frame[frame[name].notna()]
        kind = "logranks" if len(levels) > 2 else "logrank"
        return programs.computed(Quantity(kind, endpoint, columns=(name,), part="z"), known, design)
    if test in ("wald", "logrank"):
        return programs.joint([name], name, frame, design)
    return programs.together(indicators(design, name), frame, design, test)


def _told(
    claim: Mapping[str, Any],
    quantity: Quantity,
    frames: Mapping[str, pd.DataFrame],
    design: Design,
    found: dict[Quantity, float],
    program: Program,
) -> list[dict[str, Any]]:
    """The result rows that answer a claim; what cannot be computed is told by its name."""
    try:
        return _rows(claim, quantity, frames, design, found, program)
    except (KeyError, ValueError, TypeError) as error:
        raise DesignError(
            f"{design.study}: claim {claim['id']!r} cannot be computed from a cohort "
            f"({type(error).__name__}: {error}). Correct its keys in published.csv, or name it "
            "under [excluded] in reconstruction.toml, with the reason."
        ) from error


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
    if claim["statistic"] in ("z", "se"):
        return [{**keys, claim["field"]: value}]
    if quantity.part == "z":
        tail = 2 * float(stats.norm.sf(abs(value)))
        if claim["kind"] == "direction" and claim["statistic"] != "p":
            effect = claim["value"] + (-value if flipped(claim, design) else value)
            return [{**keys, "estimate": effect}, {**keys, "statistic": "p", "estimate": tail}]
        return [{**keys, "estimate": tail}]
    if claim["statistic"] in ("hazard_ratio", "odds_ratio", "subdistribution_hazard_ratio"):
        # A group without an event has no upper limit.
        value = math.exp(value) if value < _LARGEST else math.inf
    if quantity.kind in ("km", "followup"):
        value /= months_in(claim["unit"], design.conventions["days_per_month"])
    if quantity.kind == "rate" and claim["statistic"] != "rate_ratio":
        value /= per_month(claim["unit"])
    return [{**keys, claim["field"]: value}]
