"""One run: papermill, one HTML page, one record, all in one folder that is complete or absent."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from crlm import render, run
from crlm.files import is_full, settle, write_atomically


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
        None); `record` (what `run.json` says of the run beside its outcome).
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
    folder = Path(job["folder"])
    started = time.monotonic()
    try:
        folder.mkdir(parents=True)
        notebook, failure = _execute(job, folder, waiting, at_cell)
        own = run.is_own(job["parameters"])
        outcome = _outcome(failure, own)
        run.tidy(notebook, own=own)
        notebook.metadata["papermill"] = _metadata(job, failure)
        text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
        write_atomically(folder / f"{job['name']}.ipynb", text)
        write_atomically(folder / f"{job['name']}.html", render.render(notebook))
        record = json.dumps({**job["record"], **outcome}, indent=1, ensure_ascii=False) + "\n"
        write_atomically(folder / "run.json", record)
        settle(folder)
    except Exception as error:
        # Nothing that the notebook did: no room, or a process of the run is gone.
        outcome = {"status": "lost", "cell": 0, "error": f"{type(error).__name__}: {error}"}
        return {"key": job["key"], **outcome, "full": is_full(error)}
    seconds = round(time.monotonic() - started, 2)
    full = "[Errno 28]" in outcome["error"] or "[Errno 122]" in outcome["error"]
    killed = outcome["error"].startswith("DeadKernelError") and "signal 9" in outcome["error"]
    return {"key": job["key"], **outcome, "full": full, "killed": killed, "seconds": seconds}


def _execute(
    job: Mapping[str, Any], folder: Path, waiting: Any, at_cell: Any
) -> tuple[Any, Exception | None]:
    with render.quick_imports():
        from crlm.batch import kernel

    values = dict(job["parameters"])
    if job["output_dir"]:
        values["output_dir"] = str(folder)
    options: dict[str, Any] = {"seconds": job.get("seconds"), "at_cell": at_cell}
    with tempfile.TemporaryDirectory(prefix="crlm") as private:
        if waiting is not None:
            options["kernel_manager_class"] = kernel.forked_manager(waiting, private)
        return run.in_memory(Path(job["notebook"]), values, **options)


def _outcome(failure: Any, own: bool) -> dict[str, Any]:
    if failure is None:
        return {"status": "finished", "cell": 0, "error": ""}
    error = f"{failure.ename}: {run.in_files(failure.ename, failure.evalue, own)}"
    return {"status": "failed", "cell": failure.cell_index + 1, "error": error}


def _metadata(job: Mapping[str, Any], failure: Any) -> dict[str, Any]:
    """papermill's metadata, without times and paths."""
    from papermill import __version__

    return {
        "parameters": job["record"]["parameters"],
        "exception": failure is not None or None,
        "version": __version__,
    }


def main() -> None:
    """One job as JSON on standard input, its outcome as the last line of standard output."""
    with render.quick_imports():
        from crlm.batch.kernel import die_with_parent

    die_with_parent(os.getppid())
    job = json.loads(sys.stdin.read())
    sys.stdout.write("\n" + json.dumps(perform(job)) + "\n")


if __name__ == "__main__":
    main()
