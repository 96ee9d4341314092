"""A batch's folder: one driver at a time, complete runs only, one line a run.

`batch.json` is the plan, `runs/<key>/` one complete run, `manifest.jsonl` one
line a run in the plan's order, `results.*` and `index.html` what they say.
Times of day and durations stand in `times.jsonl` alone: everything else is
the same bytes whenever, and after however many interruptions, it was made.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from crlm import files
from crlm.batch.grid import Run
from crlm.files import checksum, write_atomically
from crlm.ledger import CrlmError

_PART = ".part-"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DAMAGED = "its folder was changed after the run; the same crlm batch runs it again"


def locked(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Hold a batch's folder; the system lets go of it when this process ends, however it ends.

    Raises
    ------
    CrlmError
        If another batch holds it, or it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / ".lock", "ab"):
            pass
    except OSError as error:
        raise CrlmError(
            f"{folder} cannot be written to ({error.strerror}). Give the batch another folder "
            "with --out."
        ) from None
    return files.locked(
        folder / ".lock",
        f"Another batch is at work in {folder}. Wait for it, stop it, or give this one a folder "
        "of its own with --out.",
    )


def sweep(folder: Path) -> None:
    """Remove what killed processes left half-written."""
    for path in [*folder.glob(".*.tmp"), *(folder / "runs").glob(f"*{_PART}*")]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def part(folder: Path, key: str) -> Path:
    """Where a run is made before it gets its name; each attempt adds a number."""
    return folder / "runs" / f"{key}{_PART}{os.getpid()}"


def adopt(folder: Path, key: str, made: Path) -> None:
    """Give a complete folder its name, in place of what a failed attempt left."""
    target = folder / "runs" / key
    if target.exists():
        old = target.with_name(f"{key}{_PART}old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(target, old)
        os.replace(made, target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        os.replace(made, target)


def outcome(folder: Path, planned: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a run that `batch.json` has: its manifest line.

    Its status is "new" if nothing complete is there.
    """
    line = {name: planned[name] for name in ("key", "study", "cohort", "parameters")}
    made = folder / "runs" / planned["key"]
    if not made.is_dir():
        return {**line, "status": "new", "cell": 0, "error": ""}
    record = record_of(folder, planned["key"])
    if not record or not _is_whole(made, planned["study"], record):
        return {**line, "status": "damaged", "cell": 0, "error": _DAMAGED}
    return {**line, **{name: record[name] for name in ("status", "cell", "error")}}


def record_of(folder: Path, key: str) -> dict[str, Any]:
    """A run's `run.json`; empty if there is none that says what a record says."""
    record = _read_json(folder / "runs" / key / "run.json")
    known = record.get("status") in ("finished", "failed") and record.get("key") == key
    typed = isinstance(record.get("cell"), int) and isinstance(record.get("error"), str)
    return record if known and typed else {}


def _is_whole(made: Path, study: str, record: Mapping[str, Any]) -> bool:
    """Whether a run's folder still holds what the run left: its report, and its rows unchanged."""
    reports = [made / f"{study}.{kind}" for kind in ("html", "ipynb")]
    if record["status"] == "finished" and not all(path.is_file() for path in reports):
        return False
    files = record.get("files_sha256")
    return isinstance(files, dict) and all(checksum(made / n) == s for n, s in files.items())


def lost(folder: Path, item: Run, result: Mapping[str, Any], made: Path) -> None:
    """Keep a run whose process was lost as a failed one, without a report."""
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    outcome = {"status": "failed", "cell": result["cell"], "error": result["error"]}
    record = {**item.record, **outcome, "files_sha256": {}}
    write_atomically(made / "run.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    adopt(folder, item.key, made)


def append(path: Path, line: Mapping[str, Any]) -> None:
    """Add one line to a file in one write, after mending a line that was cut off."""
    data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
    with open(path, "ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            data = data if stream.read(1) == b"\n" else b"\n" + data
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def manifest(folder: Path, lines: Sequence[Mapping[str, Any]]) -> bool:
    """Write the manifest as a whole, in the plan's order; true if it changed."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return _write(folder / "manifest.jsonl", text)


def write_plan(folder: Path, plan: Mapping[str, Any]) -> bool:
    """Write `batch.json`; true if it changed."""
    return _write(folder / "batch.json", json.dumps(plan, indent=1, ensure_ascii=False) + "\n")


def read_plan(folder: Path) -> dict[str, Any]:
    """Read `batch.json`; empty if there is none that can be read as a plan."""
    stored = _read_json(folder / "batch.json")
    with contextlib.suppress(ValidationError):
        _Plan.model_validate(stored)
        return stored
    return {}


class _Run(BaseModel, strict=True):
    key: str = Field(pattern="^[0-9a-f]{16}$")
    study: str = Field(pattern=r"^[^/\\]+$")
    cohort: str
    cell: str
    table: str
    parameters: dict[str, Any]


class _Table(BaseModel, strict=True):
    kind: str
    title: str
    note: str
    n: int


class _Plan(BaseModel, strict=True):
    """What `batch.json` must hold; names in it become paths."""

    runs: list[_Run]
    effects: list[dict[str, Any]]
    cells: dict[str, list[Annotated[list[Any], Field(min_length=4, max_length=4)]]]
    tables: dict[str, _Table]

    @model_validator(mode="after")
    def _known(self) -> _Plan:
        if not all(run.cell in self.cells and run.table in self.tables for run in self.runs):
            raise ValueError("a run without its cell or its table")
        return self


def _read_json(path: Path) -> dict[str, Any]:
    """The names and values that a file holds; empty if it does not."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _write(path: Path, text: str) -> bool:
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    write_atomically(path, text)
    return True


def note_time(folder: Path, key: str, seconds: float, status: str) -> None:
    """Add how long a run took, and when it ended, to the one file that holds times."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = {"key": key, "status": status, "ended": now, "seconds": round(seconds, 2)}
    append(folder / "times.jsonl", line)


def seconds_a_run(folder: Path) -> float | None:
    """Median duration of this folder's finished runs; None if there is none yet."""
    found = [e["seconds"] for e in _times(folder) if e["status"] == "finished"]
    return sorted(found)[len(found) // 2] if found else None


def days(folder: Path, keys: Iterable[str]) -> list[str]:
    """First and last day (UTC) on which runs of these keys ended; empty if it is not known."""
    last = {entry["key"]: str(entry.get("ended", ""))[:10] for entry in _times(folder)}
    ended = sorted(filter(_DAY.fullmatch, (last[key] for key in keys if key in last)))
    return [ended[0], ended[-1]] if ended else []


def _times(folder: Path) -> list[dict[str, Any]]:
    """The lines of `times.jsonl` that can be read."""
    found = []
    with contextlib.suppress(OSError):
        text = (folder / "times.jsonl").read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                found.append(
                    {
                        **entry,
                        "key": str(entry["key"]),
                        "status": entry["status"],
                        "seconds": float(entry["seconds"]),
                    }
                )
    return found
