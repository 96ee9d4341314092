"""Runs on a Dask scheduler that the reader already has: Slurm, PBS, Kubernetes, or by hand.

A worker needs crlm, in the same version; it needs no folder in common with
the driver. The notebook and the tables travel with the job, the run's files
travel back, and only the driver writes into the batch's folder.
"""

from __future__ import annotations

import atexit
import os
import queue
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crlm import manifest, run
from crlm.batch import workers
from crlm.files import is_full, write_atomically
from crlm.ledger import CrlmError

_here = threading.local()
_PATIENCE = 10


def on_scheduler(jobs: Sequence[dict[str, Any]], address: str) -> workers.Outcomes:
    """Runs on the workers of a scheduler.

    Parameters
    ----------
    jobs : sequence of dict
        From `driving.job_of`.
    address : str
        "tcp://host:port", a scheduler file (JSON), or "config" for the
        address in Dask's own configuration.

    Raises
    ------
    CrlmError
        If dask.distributed is not installed or the scheduler does not answer.
    """
    client = _connect(address)
    digest = manifest.code_digest()
    done: queue.Queue[Any] = queue.Queue()
    futures = {}
    try:
        for job in jobs:
            key = f"crlm-{job['key']}-{os.getpid()}"
            future = client.submit(perform, packed(job, digest), key=key, pure=False, retries=1)
            futures[key] = (future, job)
            future.add_done_callback(lambda ended: done.put(ended.key))
        for _ in jobs:
            while done.empty():
                _check_connected(client, address)
                yield None
                time.sleep(0.1)
            future, job = futures.pop(done.get())
            yield _unpacked(future, job)
            future.release()
    finally:
        client.cancel([future for future, _ in futures.values()], force=True)
        client.close(timeout=2)


def _check_connected(client: Any, address: str) -> None:
    if client.status not in ("running", "connecting"):
        raise CrlmError(
            f"The Dask scheduler at {address} is gone. Finished runs are kept; start the "
            "same command again when it is back."
        )


def _connect(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise CrlmError(
            "--scheduler needs dask.distributed: pip install 'crlm[cluster]' here and on "
            "the workers."
        ) from None
    try:
        if address == "config":
            return Client(timeout=_PATIENCE, set_as_default=False)
        if address.endswith(".json"):
            return Client(scheduler_file=address, timeout=_PATIENCE, set_as_default=False)
        return Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise CrlmError(f"No Dask scheduler answers at {address!r} ({error}).") from None


def packed(job: dict[str, Any], digest: str) -> dict[str, Any]:
    """A job with everything it reads, so that it can run where there is no such file."""
    paths = [job["notebook"]] + [job["parameters"].get(name) for name in run.FILES]
    files = {}
    for path in (Path(name) for name in paths if name):
        for item in (path, path.with_suffix(".source.toml")):
            if item.is_file():
                files[str(item)] = item.read_bytes()
    return {**job, "files": files, "code": digest}


def perform(job: dict[str, Any]) -> dict[str, Any]:
    """One run on a worker, from a warm process that stays with the worker's thread.

    Returns
    -------
    dict
        The outcome, with the run's files as bytes by name.

    Raises
    ------
    CrlmError
        If the worker's crlm is not the driver's, or the run's process was
        killed: the scheduler then tries once more.
    """
    if manifest.code_digest() != job["code"]:
        raise CrlmError(
            "The worker's crlm is not the driver's: install the same version on all machines."
        )
    with tempfile.TemporaryDirectory(prefix="crlm") as scratch:
        unpacked = _unpack(job, Path(scratch))
        if workers.can_fork():
            outcome = _warm(unpacked)
        else:
            outcome = next(o for o in workers.plain([unpacked], 1) if o is not None)
        if outcome["status"] == "lost":
            raise CrlmError(outcome["error"])
        made = Path(outcome.pop("folder"))
        files = {p.name: p.read_bytes() for p in sorted(made.glob("*"))} if made.is_dir() else {}
        return {**outcome, "files": files}


def _unpack(job: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Write a job's files, each into a folder of its own so that equal names do not meet."""
    places = {}
    folders: dict[str, Path] = {}
    for path, data in job["files"].items():
        parent = path.rpartition("/")[0] or path.rpartition("\\")[0]
        folder = folders.setdefault(parent, scratch / f"in{len(folders)}")
        folder.mkdir(exist_ok=True)
        places[path] = str(folder / Path(path).name)
        Path(places[path]).write_bytes(data)
    values = {
        name: places.get(value, value) if name in run.FILES else value
        for name, value in job["parameters"].items()
    }
    left = {name: value for name, value in job.items() if name not in ("files", "code")}
    notebook = places[job["notebook"]]
    return {**left, "notebook": notebook, "parameters": values, "part": str(scratch / "out")}


def _warm(job: dict[str, Any]) -> dict[str, Any]:
    """Run on this thread's server; one that died is replaced, and the job then fails the task."""
    imports = tuple(workers.imports_of(job["notebook"]))
    server = getattr(_here, "server", None)
    if server is None or _here.imports != imports or server.process.poll() is not None:
        if server is not None:
            workers.stop_server(server)
        _here.server, _here.imports = workers.start_server(job["notebook"]), imports
        server = _here.server
        atexit.register(workers.stop_server, server)
    job = {**job, "folder": f"{job['part']}-1"}
    workers.send(server, job)
    while True:
        heard = workers.hear(server, 1.0)
        if heard is None:
            error = "the worker's process was killed"
            return {"key": job["key"], "status": "lost", "cell": 0, "error": error}
        for outcome in heard:
            if outcome.get("key") == job["key"]:
                return {**outcome, "folder": job["folder"]}


def _unpacked(future: Any, job: dict[str, Any]) -> dict[str, Any]:
    """A finished task as an outcome, its files written beside the batch's runs."""
    made = Path(f"{job['part']}-1")
    if future.status != "finished":
        error = future.exception() if future.status == "error" else None
        why = f"{type(error).__name__}: {error}" if error else "the task was cancelled"
        return {"key": job["key"], "status": "lost", "cell": 0, "error": why, "folder": str(made)}
    outcome = future.result()
    files = outcome.pop("files")
    try:
        made.mkdir(parents=True)
        # The record comes last: where it is, everything is.
        for name in sorted(files, key=lambda name: name == "run.json"):
            write_atomically(made / name, files[name])
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        return {**outcome, "full": is_full(error), "folder": str(made)}
    return {**outcome, "folder": str(made)}
