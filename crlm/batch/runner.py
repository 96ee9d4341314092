"""One run: papermill, one HTML page, one record, all in one folder that is complete or absent."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from crlm import lent, manifest, render, run, scratch
from crlm.files import checksum, is_full, settle, write_atomically
from crlm.lifeline import die_with_parent

_CHANGED = "was changed while the batch ran; the same command runs this again"


def perform(
    job: Mapping[str, Any], waiting: Any = None, at_cell: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Execute a job's notebook and fill its folder.

    Parameters
    ----------
    job : mapping
        `key`; `name` (stem of the files); `notebook` (path); `parameters` as
        checked; `output_dir` (whether the notebook has that parameter);
        `folder` (made and filled here); `seconds` (limit for the run, or
        None); `record` (what `run.json` says of the run beside its outcome);
        `files` (what the run reads, with checksums: see `grid.Run`); `lent` (what other runs
        have found, maybe nothing: the arguments of `lent.told`);
        `private` (whether the patients are the reader's own).
    waiting : kernel.Waiting, optional
        A forked kernel; without one a plain kernel is started.
    at_cell : callable, optional
        Told the index of each cell that starts.

    Returns
    -------
    dict
        `key`, `status` ("finished", "failed", or "lost" when the run could
        not be brought to an end), `cell` (from 1), `error`,
        `seconds`; `full` is true when the disk had no room, `killed` when
        the kernel got signal 9, from its notebook or from outside.
    """
    started = time.monotonic()
    try:
        outcome = _perform(job, waiting, at_cell)
    except Exception as error:
        # Nothing that the notebook did: no room, or a process of the run is gone.
        outcome = {"status": "lost", "cell": 0, "error": _why_lost(job, error)}
        return {"key": job["key"], **outcome, "full": is_full(error)}
    return {"key": job["key"], **outcome, "seconds": round(time.monotonic() - started, 2)}


def _perform(job: Mapping[str, Any], waiting: Any, at_cell: Any) -> dict[str, Any]:
    folder = Path(job["folder"])
    folder.mkdir(parents=True)
    changed = _changed(job, folder)
    if changed:
        return _refused(job, folder, f"{changed} {_CHANGED}")
    notebook, failure = _execute(job, folder, waiting, at_cell)
    changed = _changed(job, folder)
    if changed:
        return _refused(job, folder, f"{changed} {_CHANGED}")
    outcome = _outcome(failure, job["private"])
    if _safe(job) and (failure or not (folder / f"{job['name']}_rows.csv").is_file()):
        return _unattacked(job, folder, failure)
    _write_notebook(job, folder, notebook)
    _finish(job, folder, outcome)
    said = failure.evalue if failure else ""
    full = "[Errno 28]" in said or "[Errno 122]" in said
    dead = failure is not None and failure.ename == "DeadKernelError" and "signal 9" in said
    return {**outcome, "full": full, "killed": dead}


def _write_notebook(job: Mapping[str, Any], folder: Path, notebook: Any) -> None:
    run.tidy(notebook, own=job["private"], safe=_safe(job))
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / f"{job['name']}.ipynb", text)
    write_atomically(folder / f"{job['name']}.html", render.render(notebook))


def _finish(job: Mapping[str, Any], folder: Path, outcome: Mapping[str, Any]) -> None:
    """Write the record, which holds the checksums of what the run's page is made from."""
    made = {path.name: checksum(path) for path in sorted(folder.glob("*.csv"))}
    record = {**job["record"], **outcome, "files_sha256": made}
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / "run.json", text)
    settle(folder)


def _execute(
    job: Mapping[str, Any], folder: Path, waiting: Any, at_cell: Any
) -> tuple[Any, Exception | None]:
    with render.quick_imports():
        from crlm.batch import kernel

    values = dict(job["parameters"])
    if job["output_dir"]:
        values["output_dir"] = str(folder)
    options: dict[str, Any] = {"seconds": job.get("seconds"), "at_cell": at_cell}
    os.environ.update(lent.told(**job["lent"]))
    with scratch.private() as private:
        if waiting is not None:
            options["kernel_manager_class"] = kernel.forked_manager(waiting, str(private))
        return run.in_memory(Path(job["notebook"]), values, **options)


# ---- what was read ----------------------------------------------------------


def _changed(job: Mapping[str, Any], folder: Path) -> str:
    """What of the files behind a run is not what the run's key stands for; empty if all is."""
    planned = {Path(file["path"]): file["sha256"] for file in job["files"]}
    changed = manifest.changed_inputs(planned, folder)
    (folder / f"{job['name']}_inputs.json").unlink(missing_ok=True)
    named = [file["what"] for file in job["files"] if Path(file["path"]).name in changed]
    return (named or ["the table"])[0] if changed else ""


def _safe(job: Mapping[str, Any]) -> bool:
    return bool(job["parameters"].get("safe"))


def _unattacked(job: Mapping[str, Any], folder: Path, failure: Any) -> dict[str, Any]:
    """A safe run that did not reach the attack at its end leaves a record alone."""
    why = "the notebook has no paper.provenance(output_dir), where the attack runs"
    if failure is not None:
        told = run.in_files(failure.ename, failure.evalue, True)
        why = told if failure.ename == "DisclosureError" else f"{failure.ename}; {run.WITHHELD}"
    return _refused(job, folder, why)


def _refused(job: Mapping[str, Any], folder: Path, error: str) -> dict[str, Any]:
    """A run whose result may not stand leaves a record and nothing that was computed."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    outcome = {"status": "failed", "cell": 0, "error": error}
    _finish(job, folder, outcome)
    return outcome


# ---- what may stand in a file -----------------------------------------------


def _outcome(failure: Any, private: bool) -> dict[str, Any]:
    if failure is None:
        return {"status": "finished", "cell": 0, "error": ""}
    error = f"{failure.ename}: {run.in_files(failure.ename, failure.evalue, private)}"
    return {"status": "failed", "cell": failure.cell_index + 1, "error": error}


def _why_lost(job: Mapping[str, Any], error: Exception) -> str:
    """A fault of the machinery in words without a path or a cell."""
    name = type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    return f"{name}: {run.WITHHELD if job['private'] else error}"


def main() -> None:
    """One job as JSON on standard input, its outcome as the last line of standard output."""
    die_with_parent(int(sys.argv[1]))
    job = json.loads(sys.stdin.read())
    sys.stdout.write("\n" + json.dumps(perform(job)) + "\n")


if __name__ == "__main__":
    main()
