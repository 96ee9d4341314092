"""Runs on a Dask scheduler that the reader already has: Slurm, PBS, Kubernetes, or by hand.

A worker needs crlm, in the same version; it needs no folder in common with
the driver. The notebook and the tables travel with the job, the run's files
travel back, and only the driver writes into the batch's folder.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import logging
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from crlm import loading, manifest, refusals, run, scratch
from crlm.batch import workers
from crlm.files import checksum, is_full, write_atomically
from crlm.ledger import CrlmError, data_folder

_PATIENCE = 10
_INSTALL = (
    "Install the same Python, packages (requirements.lock) and checkout of crlm on all machines; "
    "no run was changed, the same command goes on."
)
_GONE = (
    "The Dask scheduler at {address} is gone, or was started anew. Finished runs are kept; "
    "start the same command again when it is back."
)
_SILENT = (
    "No Dask scheduler answers at {given!r} ({why}). Give tls://host:8786, tcp://host:8786, the "
    "file (.json) that `dask scheduler --scheduler-file` writes, or `config` where Dask's "
    "configuration has its scheduler-address. Is it running, can this machine reach it, and are "
    "its certificates those of Dask's configuration here? docs/batch.md, On a cluster, has more."
)
_KILLED = "the workers that tried this run died; memory that ran out does this"
_OTHER = f"A worker has no crlm, or another version of it. {_INSTALL}"


class WorkerError(CrlmError):
    """A machine of a cluster cannot do what this one asks of it."""


def on_scheduler(jobs: Sequence[dict[str, Any]], address: str) -> workers.Outcomes:
    """Runs on the workers of a scheduler.

    Its address is "tcp://host:port", a scheduler file (JSON), or "config" for the address in
    Dask's own configuration.

    Raises
    ------
    WorkerError
        If a machine has another version of crlm, Python or Dask.
    CrlmError
        If dask.distributed is not installed, or the scheduler does not answer or is lost.
    """
    client = _connect(address)
    gone = CrlmError(_GONE.format(address=address))
    waiting: dict[str, Any] = {}

    def submit(job: dict[str, Any]) -> Any:
        key = f"crlm-{job['key']}-{os.getpid()}"
        future = client.submit(perform, packed(job, about), key=key, pure=False, retries=1)
        return waiting.setdefault(job["key"], future)

    def outcome(future: Any, job: dict[str, Any]) -> dict[str, Any]:
        del waiting[job["key"]]
        # Dropped, which is no fault of the run.
        if future.status in ("cancelled", "lost", "pending"):
            raise gone
        return _unpacked(future, job)

    def check() -> None:
        if client.status != "running":
            raise gone

    try:
        about = _about()
        _check_machines(client, about)
        yield from workers.ended(jobs, submit, outcome, check)
    finally:
        # What has not run is taken back; a scheduler that is gone has nothing to take back.
        with contextlib.suppress(Exception):
            check()
            client.cancel(list(waiting.values()), force=True)
        with contextlib.suppress(Exception):
            client.close(timeout=2)


# ---- the scheduler and its machines -----------------------------------------


def _about() -> dict[str, Any]:
    """What must be the same on all machines: helper code and versions."""
    dask = {name: manifest.version_of(name) for name in ("dask", "distributed")}
    return {"code": manifest.code_digest(), **manifest.versions(), **dask}


def _check_machines(client: Any, here: dict[str, Any]) -> None:
    """Refuse workers of other versions before they are given anything."""
    told = client.run(_about, on_error="return")
    problems = [
        f"{place} has {_difference(here, there)}" for place, there in told.items() if there != here
    ]
    if problems:
        raise WorkerError(f"{'; '.join(problems[:5])}. {_INSTALL}")


def _difference(here: dict[str, Any], there: Any) -> str:
    if not isinstance(there, dict):
        return "no crlm, or another version that does not answer"
    names = [name for name in here if name != "code" and there.get(name) != here[name]]
    listed = ", ".join(f"{name} {there.get(name)}, here it is {here[name]}" for name in names)
    return listed or "the same version of crlm with other code"


def _connect(given: str) -> Any:
    refusals.need("distributed", "--scheduler, here and on each worker,")
    from distributed import Client

    # What goes wrong is said once, by an error of this room.
    for name in ("distributed", "distributed.client", "distributed.core", "asyncio", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Client(_address(given), timeout=_PATIENCE, set_as_default=False)
    except Exception as error:
        raise CrlmError(_SILENT.format(given=given, why=_root(error))) from None


def _root(error: BaseException) -> str:
    """What an error goes back to, but for an attempt that was ended when the time was over."""
    while error.__cause__ is not None and str(error.__cause__):
        error = error.__cause__
    return f"{type(error).__name__}: {error}"


def _address(given: str) -> str:
    """The address that was given, that stands in a scheduler file, or in Dask's configuration."""
    import dask

    where = dask.config.get("scheduler-address") if given == "config" else given
    if given.endswith(".json"):
        where = json.loads(Path(given).read_text(encoding="utf-8"))["address"]
    if "://" not in where:
        raise ValueError(f"{where!r} does not begin with tls:// or tcp://")
    return where


# ---- a job and its files ----------------------------------------------------


class Job(dict[str, Any]):
    """A job with the bytes of its files, which no log of a scheduler or worker may print."""

    def __repr__(self) -> str:
        return f"<run {self.get('key', '')}>"


def packed(job: dict[str, Any], about: dict[str, Any]) -> Job:
    """A job with everything it reads, so that it can run where there is no such file."""
    contents = {}
    for file in job["files"]:
        with contextlib.suppress(OSError):
            if not file["what"].startswith("data/"):
                contents[file["path"]] = Path(file["path"]).read_bytes()
    for path in Path(job["lent"]["shelves"][0]).glob("*") if job["lent"]["shelves"] else ():
        contents[str(path)] = path.read_bytes()
    return Job({**job, "contents": contents, "about": about})


def perform(job: dict[str, Any]) -> dict[str, Any]:
    """One run on a worker, from a warm process that stays with the worker.

    The tables are handed on in memory where the system can (see `scratch.put`); what a
    worker that was killed left in temporary folders is removed first. The outcome has the
    run's files as bytes by name.

    Raises
    ------
    WorkerError
        If the worker's crlm is not the driver's.
    """
    scratch.sweep()
    about = _about()
    if about != job["about"]:
        raise WorkerError(f"A worker has {_difference(job['about'], about)}. {_INSTALL}")
    with contextlib.ExitStack() as held:
        folder = held.enter_context(scratch.private())
        there = {**_unpack(job, folder, held), "part": str(folder / "out")}
        outcome = workers.brought(there, _maker(loading.imports_of(Path(there["notebook"]))))
        made = Path(outcome["folder"]).glob("*")
        return {**outcome, "files": {path.name: path.read_bytes() for path in made}}


def _unpack(job: dict[str, Any], folder: Path, held: contextlib.ExitStack) -> dict[str, Any]:
    """Give a job's files paths here, one folder for each of theirs, so that names do not meet."""
    places: dict[str, str] = {}
    folders: dict[PurePosixPath, Path] = {}
    for path, data in job["contents"].items():
        named = _named(path)
        place = folders.setdefault(named.parent, folder / f"in{len(folders)}")
        place.mkdir(mode=0o700, exist_ok=True)
        handle = scratch.put(place / named.name, data)
        if handle is not None:
            held.callback(os.close, handle)
        places[path] = str(place / named.name)
    values = {
        name: places.get(value, value) if name in run.FILES else value
        for name, value in job["parameters"].items()
    }
    files = [{**file, "path": places.get(file["path"]) or _ours(file)} for file in job["files"]]
    # What runs find stays on their machine: the driver's folders are not there.
    shelves = [str(folders[s]) for s in map(_named, job["lent"]["shelves"]) if s in folders]
    there = {"notebook": places[job["notebook"]], "parameters": values, "files": files}
    left = {name: value for name, value in job.items() if name not in ("contents", "about")}
    return {**left, **there, "lent": {"shelves": shelves}}


def _named(path: str) -> PurePosixPath:
    """A path of the driver's machine, which may be another system's."""
    return PurePosixPath(path.replace("\\", "/"))


def _ours(file: dict[str, str]) -> str:
    """This machine's copy of a file of `data/`, which must be the driver's."""
    path = data_folder() / file["what"].removeprefix("data/")
    if checksum(path) != file["sha256"]:
        raise WorkerError(f"A worker has another {file['what']}. {_INSTALL}")
    return str(path)


@functools.cache
def _maker(imports: tuple[str, ...]) -> workers.Warm | workers.Plain:
    """What runs this worker's jobs, kept from one to the next."""
    made = workers.maker(imports)
    atexit.register(made.stop)
    return made


def _unpacked(future: Any, job: dict[str, Any]) -> dict[str, Any]:
    """A task that has ended as an outcome, its files written beside the batch's runs."""
    made = Path(f"{job['part']}-1")
    if future.status == "error":
        error = future.exception()
        told = {"key": job["key"], "status": "lost", "cell": 0, "error": _why_lost(error)}
        return {**told, "folder": str(made)}
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


def _why_lost(error: Exception) -> str:
    """Why a task has no outcome, without a machine's address; raises what is no run's fault."""
    name = type(error).__name__
    if isinstance(error, WorkerError):
        raise error
    if isinstance(error, (ImportError, AttributeError)):
        raise WorkerError(_OTHER)
    if isinstance(error, CrlmError):
        return str(error)
    return _KILLED if name == "KilledWorker" else f"{name} on a worker"
