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
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crlm import files
from crlm.batch.grid import Run
from crlm.files import write_atomically

_PART = ".part-"


def locked(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Hold a batch's folder; the system lets go of it when this process ends, however it ends.

    Raises
    ------
    CrlmError
        If another batch holds it.
    """
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


def outcome(folder: Path, item: Run) -> dict[str, Any]:
    """What is known of a run: its manifest line; status "new" if nothing complete is there."""
    planned = {"key": item.key, "study": item.study, "cohort": item.cohort}
    return line_of(folder, {**planned, "parameters": item.record["parameters"]})


def line_of(folder: Path, planned: Mapping[str, Any]) -> dict[str, Any]:
    """As `outcome`, for a run as `batch.json` has it."""
    place = folder / "runs" / planned["key"]
    line = {name: planned[name] for name in ("key", "study", "cohort", "parameters")}
    try:
        record = json.loads((place / "run.json").read_text(encoding="utf-8"))
        names = [place / f"{planned['study']}.{kind}" for kind in ("html", "ipynb")]
        if all(name.is_file() for name in names):
            return {**line, **{k: record[k] for k in ("status", "cell", "error")}}
    except (OSError, ValueError, KeyError):
        pass
    return {**line, "status": "new", "cell": 0, "error": ""}


def lost(folder: Path, item: Run, result: Mapping[str, Any], made: Path) -> None:
    """Keep a run whose process was lost as a failed one, without a report."""
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    record = {**item.record, "status": "failed", "cell": result["cell"], "error": result["error"]}
    for kind in ("html", "ipynb"):
        write_atomically(made / f"{item.study}.{kind}", "")
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
    """Read `batch.json`; empty if there is none that can be read."""
    try:
        return json.loads((folder / "batch.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


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
    found = []
    with contextlib.suppress(OSError):
        for line in (folder / "times.jsonl").read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError, KeyError):
                entry = json.loads(line)
                if entry["status"] == "finished":
                    found.append(float(entry["seconds"]))
    return sorted(found)[len(found) // 2] if found else None
