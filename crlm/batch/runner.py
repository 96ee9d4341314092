"""One run: papermill, one HTML page, one record, all in one folder that is complete or absent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from crlm import lent, manifest, render, run, scratch
from crlm.files import as_json, checksum, is_full, settle, write_atomically
from crlm.lifeline import GRACE, die_with_parent

_CHANGED = "was changed while the batch ran; the same command runs this again"


def perform(
    job: Mapping[str, Any], at_cell: Callable[[int], None], withheld: int | None = None
) -> dict[str, Any]:
    """Execute a job's notebook and fill its folder.

    Parameters
    ----------
    job : mapping
        From `driving.job_of`, with the `folder` to make and fill.
    at_cell : callable
        Told the index of each cell that starts.
    withheld : int, optional
        Fork the kernel, which must not keep this handle. Without one a plain kernel is started.

    Returns
    -------
    dict
        `key`, `status` ("finished", "failed", or "lost" when the run could not be brought to an
        end), `cell` (from 1), `error`, `seconds`; `full` when the disk had no room, `killed`
        when the kernel got signal 9, from its notebook or from outside.
    """
    started = time.monotonic()
    try:
        outcome = _perform(job, at_cell, withheld)
    except Exception as error:
        # Nothing that the notebook did: no room, or a process of the run is gone.
        why = run.WITHHELD if job["private"] else error
        why = error.strerror if isinstance(error, OSError) and error.strerror else why
        outcome = {"status": "lost", "cell": 0, "error": f"{type(error).__name__}: {why}"}
        outcome["full"] = is_full(error)
    return {"key": job["key"], **outcome, "seconds": round(time.monotonic() - started, 2)}


def _perform(
    job: Mapping[str, Any], at_cell: Callable[[int], None], withheld: int | None
) -> dict[str, Any]:
    folder = Path(job["folder"])
    folder.mkdir(parents=True)
    notebook, failure, refused = None, None, _changed(job, folder)
    if not refused:
        notebook, failure = _execute(job, folder, at_cell, withheld)
        refused = _changed(job, folder) or _unattacked(job, folder, failure)
    if refused:
        # A run whose result may not stand leaves a record and nothing that was computed.
        shutil.rmtree(folder)
        folder.mkdir()
        outcome = {"status": "failed", "cell": 0, "error": refused}
    else:
        outcome = _outcome(failure, job["private"])
        run.tidy(notebook, own=job["private"], safe=_safe(job))
        write_atomically(folder / f"{job['study']}.ipynb", as_json(notebook))
        write_atomically(folder / f"{job['study']}.html", render.render(notebook))
    # The record holds the checksums of what the batch's page is made from.
    made = {path.name: checksum(path) for path in sorted(folder.glob("*.csv"))}
    record = {**job["record"], **outcome, "files_sha256": made}
    write_atomically(folder / "run.json", as_json(record))
    settle(folder)
    said = failure.evalue if failure else ""
    dead = failure is not None and failure.ename == "DeadKernelError" and "signal 9" in said
    return {**outcome, "full": "[Errno 28]" in said or "[Errno 122]" in said, "killed": dead}


def _execute(
    job: Mapping[str, Any], folder: Path, at_cell: Callable[[int], None], withheld: int | None
) -> tuple[Any, Exception | None]:
    values = dict(job["parameters"])
    if job["output_dir"]:
        values["output_dir"] = str(folder)
    options: dict[str, Any] = {"seconds": job["seconds"], "at_cell": at_cell}
    os.environ.update(lent.told(**job["lent"]))
    with scratch.private(sockets=True) as private:
        if withheld is not None:
            from crlm import engine, kernel

            held = engine.managing(private, kernel.forked(private, withheld))
            options["kernel_manager_class"] = held
        return run.in_memory(Path(job["notebook"]), values, **options)


def _outcome(failure: Any, private: bool) -> dict[str, Any]:
    if failure is None:
        return {"status": "finished", "cell": 0, "error": ""}
    error = f"{failure.ename}: {run.in_files(failure.ename, failure.evalue, private)}"
    return {"status": "failed", "cell": failure.cell_index + 1, "error": error}


def _changed(job: Mapping[str, Any], folder: Path) -> str:
    """Whether the files behind a run are not what its key stands for; empty if they are."""
    planned = {Path(file["path"]): file["sha256"] for file in job["files"]}
    changed = manifest.changed_inputs(planned, folder)
    (folder / f"{job['study']}_inputs.json").unlink(missing_ok=True)
    named = [file["what"] for file in job["files"] if Path(file["path"]).name in changed]
    return f"{(named or ['the table'])[0]} {_CHANGED}" if changed else ""


def _safe(job: Mapping[str, Any]) -> bool:
    return bool(job["parameters"].get("safe"))


def _unattacked(job: Mapping[str, Any], folder: Path, failure: Any) -> str:
    """Why a safe run did not come to the attack at its end; empty if it did, or is not safe."""
    if not _safe(job) or (not failure and (folder / f"{job['study']}_rows.csv").is_file()):
        return ""
    if failure is None:
        return "the notebook has no paper.provenance(output_dir), where the attack runs"
    if failure.ename == "DisclosureError":
        return run.in_files(failure.ename, failure.evalue, True)
    return f"{failure.ename}; {run.WITHHELD}"


def work(heard: TextIO, told: TextIO, withheld: int | None = None) -> None:
    """Take a job from one stream, and tell another of its cells and at last its outcome."""

    def say(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=told, flush=True)

    job = json.loads(heard.readline())
    say({"at": -1})  # It is taken.
    if job["seconds"] and hasattr(signal, "alarm"):
        signal.alarm(round(job["seconds"] + GRACE))
    say(perform(job, lambda index: say({"at": index}), withheld))


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as told:
        os.dup2(2, 1)
        work(sys.stdin, told)
