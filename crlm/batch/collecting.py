"""What the runs of a batch say, together: result rows, key results, and the page."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crlm.batch import folder as place
from crlm.batch import index
from crlm.files import write_atomically
from crlm.ledger import KEYS, ROW_COLUMNS, CrlmError, load_claims, studies

_RATIOS = ("hazard_ratio", "odds_ratio")
_NUMBERS = ("time", "estimate", "conf_low", "conf_high", "n", "events")
_MOST = 6


def collect(folder: Path) -> int:
    """Rebuild `results.csv`, `results.parquet` and `index.html` of a batch from its runs.

    Returns
    -------
    int
        How many result rows there are.

    Raises
    ------
    CrlmError
        If the folder holds no batch, or one is at work in it.
    """
    if not place.read_plan(folder):
        raise CrlmError(
            f"{folder} holds no batch: there is no batch.json. Start `crlm batch` first."
        )
    with place.locked(folder):
        return collect_held(folder)


def collect_held(folder: Path) -> int:
    """As `collect`, for a caller who holds the folder."""
    runs = describe_runs(folder)
    place.manifest(folder, [run["line"] for run in runs])
    rows = all_rows(folder, runs)
    write_atomically(folder / "results.csv", rows.to_csv(index=False, lineterminator="\n"))
    stored = _write_parquet(folder / "results.parquet", rows)
    wanted = place.read_plan(folder).get("effects", [])
    claims = known_claims({run["study"] for run in runs})
    effects = choose(rows, claims, wanted, _RATIOS)
    medians = choose(rows, claims, [], ("median_survival",))
    columns = [e | {"values": values_of(rows, e)} for e in (*effects, *medians)]
    page = index.page(runs, varying(runs), columns, verdict_counts(folder, runs), stored)
    write_atomically(folder / "index.html", page)
    return len(rows)


def _write_parquet(path: Path, rows: pd.DataFrame) -> bool:
    """Write the rows as Parquet; false, with a word on it, where pyarrow is not installed."""
    buffer = io.BytesIO()
    try:
        _storable(rows).to_parquet(buffer, index=False)
    except ImportError:
        path.unlink(missing_ok=True)
        print("crlm: results.parquet is left out, as pyarrow is not installed; results.csv "
              "has the same rows", file=sys.stderr)  # fmt: skip
        return False
    write_atomically(path, buffer.getvalue())
    return True


def describe_runs(folder: Path) -> list[dict[str, Any]]:
    """The planned runs in order: key, study, cohort, manifest line, every parameter's value."""
    stored = place.read_plan(folder)
    found = []
    for number, run in enumerate(stored["runs"], 1):
        defaults = {name: default for name, _, default, _ in stored["cells"].get(run["cell"], [])}
        values = {**defaults, **run["parameters"]}
        values.pop("output_dir", None)
        line = place.line_of(folder, run)
        found.append({**run, "number": number, "values": values, "line": line,
                      "status": line["status"]})  # fmt: skip
    return found


def varying(runs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The parameters, with "study" and "cohort", in which the runs differ; files left to cohort."""
    runs = list(runs)
    names = dict.fromkeys(name for run in runs for name in run["values"])
    found = [name for name in ("study", "cohort") if len({run[name] for run in runs}) > 1]
    for name in names:
        if name.endswith("_path") and "cohort" in found:
            continue
        if len({json.dumps(run["values"].get(name)) for run in runs}) > 1:
            found.append(name)
    return found


def all_rows(folder: Path, runs: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """All result rows of all finished runs, each beside the run's key and parameters."""
    frames = []
    for run in runs:
        if run["status"] != "finished":
            continue
        for path in sorted((folder / "runs" / run["key"]).glob("*_rows.csv")):
            rows = _read_rows(path)
            given = {_free(name, rows): value for name, value in run["values"].items()}
            known = {"run": run["key"], "study": run["study"], "cohort": run["cohort"], **given}
            frames.append(pd.concat([pd.DataFrame(known, index=rows.index), rows], axis=1))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"run": []})


def _read_rows(path: Path) -> pd.DataFrame:
    """One run's rows, with all the columns that result rows have."""
    try:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False)
        for name in ROW_COLUMNS:
            if name not in rows:
                rows[name] = ""
            if name in _NUMBERS:
                rows[name] = pd.to_numeric(rows[name].where(rows[name] != "", None)).astype(float)
    except ValueError as error:
        raise CrlmError(
            f"{path.parent.name}/{path.name} holds no result rows that can be read ({error}). "
            "Mend the notebook that writes it; its run's folder can be removed."
        ) from None
    return rows


def _free(name: str, rows: pd.DataFrame) -> str:
    return f"parameter_{name}" if name in {*rows.columns, "run", "study", "cohort"} else name


def _storable(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns of one type each, as Parquet wants them."""
    mixed = [n for n in rows if rows[n].dtype == object and rows[n].map(type).nunique() > 1]
    return rows.assign(**{n: rows[n].map(lambda v: None if pd.isna(v) else str(v)) for n in mixed})


# ---- key results ------------------------------------------------------------


def known_claims(names: Iterable[str]) -> pd.DataFrame:
    """The printed numbers of the studies that the batch has and the ledger knows."""
    frames = [load_claims(name).assign(study=name) for name in sorted(set(names) & set(studies()))]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def choose(
    rows: pd.DataFrame, claims: pd.DataFrame, wanted: list[dict[str, Any]],
    statistics: tuple[str, ...],
) -> list[dict[str, Any]]:  # fmt: skip
    """The effects to show: those that the grid names, else the paper's own in its order.

    A batch whose results match no printed number gets its most frequent ones.
    """
    if "statistic" not in rows:
        return []
    if wanted:
        return [_named(effect, claims) for effect in wanted]
    fitting = rows[rows["statistic"].isin(statistics)]
    counted = fitting.groupby([*KEYS[:7], "study"], sort=False).size()
    found = [_printed(claim) for claim in _printed_numbers(claims, statistics)
             if tuple(claim[k] for k in (*KEYS[:7], "study")) in counted.index]  # fmt: skip
    if not found:
        order = counted.sort_values(ascending=False, kind="stable")
        found = [dict(zip((*KEYS[:7], "study"), key, strict=True)) for key in order.index]
    unique: dict[str, dict[str, Any]] = {}
    for effect in found:
        unique.setdefault(label_of(effect) + effect["study"], effect)
    return [effect | {"label": label_of(effect)} for effect in unique.values()][:_MOST]


def _printed_numbers(claims: pd.DataFrame, statistics: tuple[str, ...]) -> list[dict[str, Any]]:
    if claims.empty:
        return []
    fits = claims["statistic"].isin(statistics) & (claims["field"] == "estimate")
    text = claims[fits & (claims["kind"] == "number")].copy()
    text[list(KEYS[:7])] = text[list(KEYS[:7])].fillna("").astype(str)
    return text.to_dict("records")


def _printed(claim: Mapping[str, Any]) -> dict[str, Any]:
    keys = {name: claim[name] for name in (*KEYS[:7], "study")}
    unit = claim["unit"] if isinstance(claim["unit"], str) else ""
    if unit in ("", "months"):
        return {**keys, "published": float(claim["value"]), "printed": str(claim["printed"])}
    return {**keys, "printed": f"{claim['printed']} {unit}"}


def _named(effect: dict[str, Any], claims: pd.DataFrame) -> dict[str, Any]:
    full = {"statistic": "hazard_ratio", **effect}
    for claim in _printed_numbers(claims, (full["statistic"],)):
        if all(str(claim[k]) == str(full[k]) for k in (*KEYS[:7], "study") if k in full):
            full = {**_printed(claim), **full}
            break
    return {**full, "label": full.get("label") or label_of(full)}


def label_of(effect: Mapping[str, Any]) -> str:
    """An effect in words that a table's head has room for."""
    covariate = effect.get("covariate", "") or effect.get("group", "")
    level = f" {effect['level']}" if effect.get("level") else ""
    where = effect.get("population", "all")
    parts = [effect.get("endpoint", ""), f"{covariate}{level}", effect.get("model", "")]
    parts += [where] if where not in ("", "all") else []
    kind = {"hazard_ratio": "HR", "odds_ratio": "OR", "median_survival": "median"}
    return f"{kind.get(effect['statistic'], effect['statistic'])}: " + ", ".join(
        filter(None, parts)
    )


def values_of(rows: pd.DataFrame, effect: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """An effect's estimate and limits in each run that has it, by the run's key."""
    chosen = rows
    for name in (*KEYS, "study"):
        if name in effect and name in chosen:
            wanted = effect[name]
            same = chosen[name] == (float(wanted) if name == "time" else str(wanted))
            chosen = chosen[same]
    first = chosen.drop_duplicates("run")
    numbers = first[["estimate", "conf_low", "conf_high"]].itertuples(index=False, name=None)
    return dict(zip(first["run"], numbers, strict=True))


def verdict_counts(folder: Path, runs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How many printed numbers a run matches, and so on; by the run's key."""
    found = {}
    for run in runs:
        for path in sorted((folder / "runs" / run["key"]).glob("*_claims.csv")):
            if run["status"] == "finished":
                verdicts = pd.read_csv(path, usecols=["verdict"], dtype=str)["verdict"]
                found[run["key"]] = {str(k): int(n) for k, n in verdicts.value_counts().items()}
    return found
