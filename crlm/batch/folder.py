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
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from crlm import files
from crlm.batch.grid import Run
from crlm.files import as_json, checksum, write_atomically
from crlm.ledger import CrlmError

_PART = ".part-"
_DAMAGED = "its folder was changed after the run; the same crlm batch runs it again"
_LINE = ("key", "study", "cohort", "parameters", "status", "cell", "error")


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
        with contextlib.suppress(OSError):
            files.remove(path)


# ---- a run ------------------------------------------------------------------


def part(folder: Path, key: str) -> Path:
    """Where a run is made before it gets its name; each attempt adds a number."""
    return folder / "runs" / f"{key}{_PART}{os.getpid()}"


def adopt(folder: Path, item: Run, result: Mapping[str, Any]) -> None:
    """Give what a run left its name, in place of what a failed attempt left, and note it.

    A run whose process was lost is kept as a failed one, without a report.
    """
    made, target = Path(result["folder"]), folder / "runs" / item.key
    if not (made / "run.json").is_file():
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
        told = {"status": "failed", "cell": result["cell"], "error": result["error"]}
        write_atomically(made / "run.json", as_json({**item.record, **told, "files_sha256": {}}))
    old = target.with_name(f"{item.key}{_PART}old")
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        os.replace(target, old)
    os.replace(made, target)
    shutil.rmtree(old, ignore_errors=True)
    left = line(state(folder, item.told()))
    append(folder / "manifest.jsonl", left)
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    seconds = round(result.get("seconds", 0.0), 2)
    told = {"key": item.key, "status": left["status"], "ended": now, "seconds": seconds}
    append(folder / "times.jsonl", told)


def state(folder: Path, planned: Mapping[str, Any]) -> dict[str, Any]:
    """What `batch.json` has of a run, with all that is known of it.

    `status` is "finished", "failed", "new" if nothing complete is there, or "damaged"; then
    `cell`, `error`, the `record` that is its `run.json`, and whether it has a `report`.
    """
    made = folder / "runs" / planned["key"]
    report = (made / f"{planned['study']}.html").is_file()
    known = {**planned, "cell": 0, "error": "", "record": {}, "report": report}
    if not made.is_dir():
        return {**known, "status": "new"}
    record = _read(made / "run.json", _Record)
    whole = record.get("key") == planned["key"] and all(
        checksum(made / name) == digest for name, digest in record["files_sha256"].items()
    )
    if whole and record["status"] == "finished":
        whole = report and (made / f"{planned['study']}.ipynb").is_file()
    if not whole:
        return {**known, "status": "damaged", "error": _DAMAGED, "record": record}
    told = {name: record[name] for name in ("status", "cell", "error")}
    return {**known, **told, "record": record}


# ---- the files of a batch ---------------------------------------------------


def line(run: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says of a run, from its `state`."""
    return {name: run[name] for name in _LINE}


def append(path: Path, told: Mapping[str, Any]) -> None:
    """Add one line to a file in one write, after mending a line that was cut off."""
    data = json.dumps(told, ensure_ascii=False).encode() + b"\n"
    with open(path, "ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            data = data if stream.read(1) == b"\n" else b"\n" + data
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def manifest(folder: Path, runs: Sequence[Mapping[str, Any]]) -> bool:
    """Write the manifest as a whole, in the plan's order; true if it changed."""
    text = "".join(json.dumps(line(run), ensure_ascii=False) + "\n" for run in runs)
    return _write(folder / "manifest.jsonl", text)


def write_plan(folder: Path, plan: Mapping[str, Any]) -> bool:
    """Write `batch.json`; true if it changed."""
    return _write(folder / "batch.json", as_json(plan))


def read_plan(folder: Path) -> dict[str, Any]:
    """Read `batch.json`; empty if there is none that can be read as a plan."""
    return _read(folder / "batch.json", _Plan)


def _write(path: Path, text: str) -> bool:
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    write_atomically(path, text)
    return True


_Value = str | int | float | bool | None


class _Run(BaseModel, strict=True):
    key: str = Field(pattern="^[0-9a-f]{16}$")
    study: str = Field(pattern=r"^[^/\\]+$")
    cohort: str
    table: str
    parameters: dict[str, _Value]
    values: dict[str, _Value]


class _Table(BaseModel, strict=True):
    kind: str
    title: str
    note: str
    n: int


class _Plan(BaseModel, strict=True):
    """What `batch.json` must hold; names in it become paths."""

    runs: list[_Run]
    effects: list[dict[str, Any]]
    tables: dict[str, _Table]

    @model_validator(mode="after")
    def _known(self) -> _Plan:
        if not all(run.table in self.tables for run in self.runs):
            raise ValueError("a run without its table")
        return self


class _Record(BaseModel, strict=True):
    """What a run's `run.json` must hold, beside what it stands on."""

    key: str
    status: Literal["finished", "failed"]
    cell: int
    error: str
    files_sha256: dict[str, str]


class _Time(BaseModel):
    """A line of `times.jsonl`."""

    key: str
    status: str
    seconds: float
    ended: str = ""


def _read(path: Path, model: type[BaseModel]) -> dict[str, Any]:
    """The names and values that a file holds; empty if they are not as the model has them."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        read = json.loads(path.read_text(encoding="utf-8"))
        model.model_validate(read)
        return read
    return {}


# ---- times ------------------------------------------------------------------


def seconds_a_run(folder: Path) -> float | None:
    """Median duration of this folder's finished runs; None if there is none yet."""
    found = sorted(one.seconds for one in _times(folder) if one.status == "finished")
    return found[len(found) // 2] if found else None


def days(folder: Path, keys: Iterable[str]) -> list[str]:
    """First and last day (UTC) on which runs of these keys ended; empty if it is not known."""
    last = {one.key: one.ended[:10] for one in _times(folder)}
    ended = [last[key] for key in keys if re.fullmatch(r"\d{4}-\d{2}-\d{2}", last.get(key, ""))]
    return [min(ended), max(ended)] if ended else []


def _times(folder: Path) -> list[_Time]:
    """The lines of `times.jsonl` that can be read."""
    found = []
    with contextlib.suppress(OSError):
        text = (folder / "times.jsonl").read_text(encoding="utf-8", errors="replace")
        for told in text.splitlines():
            with contextlib.suppress(ValueError):
                found.append(_Time.model_validate_json(told))
    return found
