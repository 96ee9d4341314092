"""What the runs of a batch say, together: result rows, key results, and the page."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crlm.batch import choosing, index
from crlm.batch import folder as place
from crlm.files import csv_bytes, write_atomically
from crlm.ledger import ROW_COLUMNS, CrlmError, load_design, studies
from crlm.naming import small_cells

_NUMBERS = ("time", "estimate", "conf_low", "conf_high", "n", "events")


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
        there = (folder / "batch.json").exists()
        raise CrlmError(
            f"{folder / 'batch.json'} is damaged. Start the same `crlm batch` again: it writes "
            "the plan anew and keeps the finished runs."
            if there
            else f"{folder} holds no batch: there is no batch.json. Start `crlm batch` first."
        )
    with place.locked(folder):
        return collect_held(folder)


def collect_held(folder: Path) -> int:
    """As `collect`, for a caller who holds the folder."""
    # Where the page is, everything it stands on has been written before it.
    (folder / "index.html").unlink(missing_ok=True)
    plan = place.read_plan(folder)
    runs = describe_runs(folder)
    place.manifest(folder, [run["line"] for run in runs])
    rows = all_rows(folder, runs)
    write_atomically(folder / "results.csv", csv_bytes(rows))
    stored = _write_parquet(folder / "results.parquet", rows)
    claims = choosing.known_claims(run["study"] for run in runs)
    effects, notes = choosing.effects(rows, claims, plan["effects"])
    _say_damaged(runs)
    ended = place.days(folder, [run["key"] for run in runs])
    write_atomically(folder / "dates.js", index.dates(ended))
    page = index.page(
        runs,
        varying(runs),
        effects,
        verdict_counts(folder, runs),
        plan["tables"],
        titles={name: load_design(name) for name in _studies(runs)},
        notes=notes,
        parquet=stored,
        small=_small(rows, runs, plan["tables"]),
    )
    write_atomically(folder / "index.html", page)
    return len(rows)


def _small(
    rows: pd.DataFrame, runs: Iterable[Mapping[str, Any]], tables: Mapping[str, Mapping[str, Any]]
) -> int:
    """Small counts in the rows of runs on the reader's own patients that were not made safe."""
    own = [
        run["key"]
        for run in runs
        if tables[run["table"]]["kind"] == "own" and not run["values"].get("safe")
    ]
    return small_cells(rows[rows["run"].isin(own)]) if own and "statistic" in rows else 0


def _studies(runs: Iterable[Mapping[str, Any]]) -> list[str]:
    """The studies of a batch that the ledger knows, in the plan's order."""
    known = set(studies())
    return [name for name in dict.fromkeys(run["study"] for run in runs) if name in known]


def _say_damaged(runs: Iterable[Mapping[str, Any]]) -> None:
    for run in runs:
        if run["status"] == "damaged":
            print(
                f"crlm: run {run['number']} ({run['key']}) is left out: {run['line']['error']}",
                file=sys.stderr,
            )


def _write_parquet(path: Path, rows: pd.DataFrame) -> bool:
    """Write the rows as Parquet; false, with a word on it, where pyarrow is not installed."""
    buffer = io.BytesIO()
    try:
        _storable(rows).to_parquet(buffer, index=False)
    except ImportError:
        path.unlink(missing_ok=True)
        print(
            "crlm: results.parquet is left out, as pyarrow is not installed; results.csv "
            "has the same rows",
            file=sys.stderr,
        )
        return False
    write_atomically(path, buffer.getvalue())
    return True


def describe_runs(folder: Path) -> list[dict[str, Any]]:
    """The planned runs in order.

    Returns
    -------
    list of dict
        The entries of `batch.json` with `number`, the values of all parameters, the
        manifest's line and status, the run's record, and whether it has a report.
    """
    stored = place.read_plan(folder)
    found = []
    for number, run in enumerate(stored["runs"], 1):
        defaults = {name: default for name, _, default, _ in stored["cells"][run["cell"]]}
        values = {**defaults, **run["parameters"]}
        values.pop("output_dir", None)
        line = place.outcome(folder, run)
        report = folder / "runs" / run["key"] / f"{run['study']}.html"
        found.append(
            {
                **run,
                "number": number,
                "values": values,
                "line": line,
                "status": line["status"],
                "record": place.record_of(folder, run["key"]),
                "report": report.is_file(),
            }
        )
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
        rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        for name in ROW_COLUMNS:
            if name not in rows:
                rows[name] = ""
            if name in _NUMBERS:
                rows[name] = pd.to_numeric(rows[name].where(rows[name] != "", None)).astype(float)
    except ValueError as error:
        raise _unreadable(path, "result rows", error) from None
    return rows


def _free(name: str, rows: pd.DataFrame) -> str:
    return f"parameter_{name}" if name in {*rows.columns, "run", "study", "cohort"} else name


def _storable(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns of one type each, as Parquet wants them."""
    mixed = [n for n in rows if rows[n].dtype == object and rows[n].map(type).nunique() > 1]
    return rows.assign(**{n: rows[n].map(lambda v: None if pd.isna(v) else str(v)) for n in mixed})


def verdict_counts(folder: Path, runs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How many printed numbers a run matches, and so on; by the run's key."""
    found = {}
    for run in runs:
        for path in sorted((folder / "runs" / run["key"]).glob("*_claims.csv")):
            if run["status"] == "finished":
                verdicts = _read_verdicts(path)
                found[run["key"]] = {str(k): int(n) for k, n in verdicts.value_counts().items()}
    return found


def _read_verdicts(path: Path) -> pd.Series:
    try:
        return pd.read_csv(path, usecols=["verdict"], dtype=str, encoding="utf-8-sig")["verdict"]
    except ValueError as error:
        raise _unreadable(path, "verdicts", error) from None


def _unreadable(path: Path, what: str, error: Exception) -> CrlmError:
    return CrlmError(
        f"{path.parent.name}/{path.name} holds no {what} that can be read "
        f"({type(error).__name__}). Mend the notebook that writes it; its run's folder can be "
        "removed."
    )
