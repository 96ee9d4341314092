"""Many cohorts from one print: what they agree on although it was never printed."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crlm import ledger, regression, survival
from crlm.files import write_atomically
from crlm.ledger import KEYS, Design
from crlm.reconstruction import forecasts
from crlm.reconstruction.certificate import analysis_frames
from crlm.reconstruction.clocks import clocks_of
from crlm.reconstruction.models import where_of
from crlm.reconstruction.procedure import reconstruct, rehearse, wishes_of

#: Months at which curves are read, and to which means are restricted.
TIMES = (12, 24, 36, 48, 60)
TAU = 60
_SCORES = ("crs", "game", "m_cs", "tbs")
_MOST_PAIRS = 300
#: What certificates do not say of cohorts for which nothing was drawn.
SEARCHED = "searched"


def ensemble(
    study: str,
    out: Path,
    *,
    size: int,
    seed: int = 1,
    effort: float = 1.0,
    workers: int = 1,
    draw: bool = True,
    watch: Callable[[int, int, int], None] | None = None,
) -> dict[str, Any]:
    """Cohorts from independent seeds, each certified, and what they say together.

    Parameters
    ----------
    study : str
    out : pathlib.Path
        One folder a seed, and ensemble.json. Cohorts already there are not searched again.
    size : int
        How many cohorts.
    seed : int
        The first seed; the others follow it.
    effort : float
        Multiplies the steps of each search.
    workers : int
        Searches at a time.
    draw : bool
        Whether each cohort is to have correlations and hazards of its own where no claim is
        about them, as of `search.prepare`.
    watch : callable, optional
        Called after each cohort with its seed, the claims it matches, and of how many.

    Returns
    -------
    dict
        What ensemble.json holds.
    """
    seeds = range(seed, seed + size)
    missing = [s for s in seeds if not _is_done(out / str(s), s, effort, draw)]
    if missing:
        design = ledger.load_design(study)
        rehearse(design, wishes_of(design), ledger.load_claims(study))
    asked = {"effort": effort, "rehearsed": True, "draw": draw}
    with ProcessPoolExecutor(workers) as pool:
        waiting = {
            pool.submit(reconstruct, study, out / str(s), seed=s, **asked): s for s in missing
        }
        for done in as_completed(waiting):
            found = done.result()
            if watch:
                watch(waiting[done], found.matched, found.counted)
    text = summarize(study, [out / str(s) for s in seeds])
    write_atomically(out / "ensemble.json", json.dumps(text, indent=1, ensure_ascii=False) + "\n")
    return text


def _is_done(folder: Path, seed: int, effort: float, draw: bool) -> bool:
    try:
        held = json.loads((folder / "certificate.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    asked = {"seed": seed, "effort": effort, "unprinted": "drawn" if draw else SEARCHED}
    return {"unprinted": SEARCHED, **held["settings"]}.items() >= asked.items()


def summarize(study: str, folders: Sequence[Path]) -> dict[str, Any]:
    """What certified cohorts say together about quantities that the paper does not print."""
    design, claims = ledger.load_design(study), ledger.load_claims(study)
    groups = wishes_of(design)["groups"]["columns"]
    held, tables, persons = [], [], []
    for folder in folders:
        held.append(json.loads((folder / "certificate.json").read_text(encoding="utf-8")))
        frames = analysis_frames(design, folder / "cohort.csv", folder / "history.csv")
        tables.append(unprinted(design, claims, frames, groups))
        persons.append(_persons(frames, groups, design))
    matched = np.array([one["matched"] for one in held])
    return {
        "study": study,
        "note": "No row of these cohorts is a patient. How far they agree says what the print "
        "pins down and what it leaves open, and nothing about medicine.",
        "cohorts": len(folders),
        "seeds": [one["settings"]["seed"] for one in held],
        "effort": held[0]["settings"]["effort"],
        "unprinted": held[0]["settings"].get("unprinted", SEARCHED),
        "counted": held[0]["claims"] - held[0]["excluded"],
        "matched": _spread(matched),
        "seconds": _spread(np.array([one["settings"]["seconds"] for one in held])),
        "patients_in_common_percent": round(_likeness(persons), 2),
        "quantities": _quantities(tables),
    }


def unprinted(
    design: Design,
    claims: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    groups: Sequence[str],
) -> pd.DataFrame:
    """Result rows of one cohort for what no claim of the ledger prints."""
    rules = design.conventions
    rows = []
    for name in design.endpoints:
        frame = frames[name]
        modelled = regression.held_against(frame, design.references_of(name))
        splits = [*groups, list(groups)] if len(groups) > 1 else list(groups)
        for by in splits:
            rows.append(survival.kaplan_meier(frame, by, times=TIMES, conf_type=rules["conf_type"]))
        for by in groups:
            rows.append(survival.rmst(frame, by, tau=TAU))
            rows.append(regression.univariable(modelled, [by], ties=rules["ties"]))
            rows.append(regression.ph_test(frame, [by], ties=rules["ties"]))
        if len(groups) > 1:
            tested = {"ties": rules["ties"], "test": design.interaction_test}
            rows.append(regression.interaction(modelled, *groups[:2], **tested))
    whole = frames[design.followed_to()]
    known = [s for s in _SCORES if s in whole and whole[s].nunique() > 1]
    rows += [regression.cindex(whole, score) for score in known]
    found = pd.concat(rows, ignore_index=True)
    wanted = found["statistic"].isin(forecasts.PINNED) | (
        (found["statistic"] == "p") & found["model"].isin(["ph_test", "interaction"])
    )
    found = found[wanted & (found["covariate"] != "GLOBAL")]
    printed = {_key(row) for row in claims.to_dict("records")}
    new = [_key(row) not in printed for row in found.to_dict("records")]
    return found[new].drop_duplicates(list(KEYS)).reset_index(drop=True)


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    time = -1.0 if pd.isna(row["time"]) else float(row["time"])
    patients = frozenset(where_of(row["population"], row["group"]))
    group = "" if "=" in row["group"] else row["group"]
    kept = [row[name] for name in ("endpoint", "covariate", "model", "statistic")]
    return (*kept, patients, group, time)


def _persons(frames: Mapping[str, pd.DataFrame], groups: Sequence[str], design: Design) -> Counter:
    """Patients as group, survival and recurrence: two cohorts may share some."""
    timed = [frames[name] for name in clocks_of(design)[:2]]
    columns = [timed[0][name].astype(str) for name in groups]
    for frame in timed:
        same = frame.reindex(timed[0].index)
        columns += [same["time"].round(3), same["event"]]
    return Counter(zip(*columns, strict=True))


def _likeness(persons: Sequence[Counter]) -> float:
    """Share of patients (%) that two cohorts have in common, on average over pairs."""
    pairs = list(itertools.islice(itertools.combinations(persons, 2), _MOST_PAIRS))
    if not pairs:
        return 0.0
    return float(np.mean([100 * (a & b).total() / max(a.total(), 1) for a, b in pairs]))


def _quantities(tables: Sequence[pd.DataFrame]) -> list[dict[str, Any]]:
    every = pd.concat(tables, ignore_index=True)
    records = []
    for key, part in every.groupby(list(KEYS), dropna=False, sort=False):
        values = part["estimate"].dropna().to_numpy(float)
        if len(values) < len(tables) / 2:
            continue
        record = dict(zip(KEYS, key, strict=True))
        record["time"] = None if pd.isna(record["time"]) else record["time"]
        statistic = record["statistic"]
        low, high = _forecast(statistic, values)
        records.append(
            {
                **record,
                "unit": part["unit"].iloc[0],
                "cohorts": len(values),
                **_spread(values, 4),
                "low": None if low is None else round(low, 4),
                "high": None if high is None else round(high, 4),
                "verdict": forecasts.verdict(statistic, values, low, high),
            }
        )
    return records


def _forecast(statistic: str, values: np.ndarray) -> tuple[float | None, float | None]:
    """Where one more cohort would lie; a p value is no number to forecast."""
    if statistic == "p" or len(values) < 2:
        return None, None
    return forecasts.forecast(values, statistic)


def _spread(values: np.ndarray, digits: int = 1) -> dict[str, float]:
    shares = {"min": 0.0, "q05": 0.05, "median": 0.5, "q95": 0.95, "max": 1.0}
    return {name: round(float(np.quantile(values, q)), digits) for name, q in shares.items()}
