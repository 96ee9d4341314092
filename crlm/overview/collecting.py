"""What the runs of a batch say, together: result rows, key results, and the page."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crlm.batch import folder as place
from crlm.files import csv_bytes, write_atomically
from crlm.ledger import ROW_COLUMNS, CrlmError, load_design, studies
from crlm.naming import small_cells
from crlm.overview import choosing, index

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
    place.manifest(folder, runs)
    rows = all_rows(folder, runs)
    write_atomically(folder / "results.csv", csv_bytes(rows))
    _write_parquet(folder / "results.parquet", rows)
    claims = choosing.known_claims(run["study"] for run in runs)
    effects, notes = choosing.effects(rows, claims, plan["effects"])
    _say_damaged(runs)
    ended = place.days(folder, [run["key"] for run in runs])
    write_atomically(folder / "dates.js", index.dates(ended))
    known = [name for name in dict.fromkeys(run["study"] for run in runs) if name in studies()]
    page = index.page(
        runs,
        varying(runs),
        effects,
        verdict_counts(folder, runs),
        plan["tables"],
        titles={name: load_design(name) for name in known},
        notes=notes,
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


def _say_damaged(runs: Iterable[Mapping[str, Any]]) -> None:
    for run in runs:
        if run["status"] == "damaged":
            print(
                f"crlm: run {run['number']} ({run['key']}) is left out: {run['error']}",
                file=sys.stderr,
            )


def _write_parquet(path: Path, rows: pd.DataFrame) -> None:
    """Write the rows as Parquet, which wants columns of one type each."""
    buffer = io.BytesIO()
    mixed = [n for n in rows if rows[n].dtype == object and rows[n].map(type).nunique() > 1]
    texts = {n: rows[n].map(lambda v: None if pd.isna(v) else str(v)) for n in mixed}
    rows.assign(**texts).to_parquet(buffer, index=False)
    write_atomically(path, buffer.getvalue())


def describe_runs(folder: Path) -> list[dict[str, Any]]:
    """The planned runs in order: the `state` of each, and its `number`."""
    planned = place.read_plan(folder)["runs"]
    return [{**place.state(folder, run), "number": n} for n, run in enumerate(planned, 1)]


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
    for run, path in _left(folder, runs, "rows"):
        rows = _read(path, "result rows")
        for name in ROW_COLUMNS:
            if name not in rows:
                rows[name] = ""
        try:
            numbers = {n: pd.to_numeric(rows[n].where(rows[n] != "")) for n in _NUMBERS}
        except ValueError as error:
            raise _unreadable(path, "result rows", error) from None
        rows = rows.assign(**{name: column.astype(float) for name, column in numbers.items()})
        taken = {*rows.columns, "run", "study", "cohort"}
        given = {f"parameter_{n}" if n in taken else n: v for n, v in run["values"].items()}
        known = {"run": run["key"], "study": run["study"], "cohort": run["cohort"], **given}
        frames.append(pd.concat([pd.DataFrame(known, index=rows.index), rows], axis=1))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"run": []})


def verdict_counts(folder: Path, runs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How many printed numbers a run matches, and so on; by the run's key."""
    return {
        run["key"]: _read(path, "verdicts", usecols=["verdict"])["verdict"].value_counts().to_dict()
        for run, path in _left(folder, runs, "claims")
    }


def _left(
    folder: Path, runs: Iterable[Mapping[str, Any]], kind: str
) -> Iterator[tuple[Mapping[str, Any], Path]]:
    """The tables of one kind that finished runs left."""
    for run in runs:
        if run["status"] == "finished":
            for path in sorted((folder / "runs" / run["key"]).glob(f"*_{kind}.csv")):
                yield run, path


def _read(path: Path, what: str, **options: Any) -> pd.DataFrame:
    """A table of text."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", **options)
    except (OSError, ValueError) as error:
        raise _unreadable(path, what, error) from None


def _unreadable(path: Path, what: str, error: Exception) -> CrlmError:
    return CrlmError(
        f"{path.parent.name}/{path.name} holds no {what} that can be read "
        f"({type(error).__name__}). Mend the notebook that writes it; its run's folder can be "
        "removed."
    )
