"""Runs on this machine: several at a time, each in processes of its own.

`local` here and `cluster.on_scheduler` are generators: they take jobs, yield an outcome for each
as it ends and None now and then while they wait, and end their processes when they are closed.
`Warm` and `Plain` are the two ways to bring one job to its end.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from crlm import cores, lifeline, loading, run
from crlm.ledger import CrlmError

Outcomes = Iterator[dict[str, Any] | None]

_TICK = 0.25
_ATTEMPTS = 2
#: How often a job that no process took is offered again, a tick later each time.
_OFFERS = 8
_DEATHS = 4
_FEW_HANDLES = (
    "This shell lets a process open fewer files than a run needs. "
    "Set `ulimit -n 128` or more, or ask whoever runs this machine for it."
)
_DIED = (
    "The process from which runs are forked died four times in a row. Memory may "
    "be short: try --workers 1. If it is not, try --kernels plain."
)
#: A worker's environment, unless this machine's says otherwise.
_USUAL = {
    **lifeline.ENVIRONMENT,
    cores.VARIABLE: "1",
    "PYTHONWARNINGS": "ignore",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


def can_fork() -> bool:
    """Whether warm processes can be forked here: on Linux, where libraries are made for it."""
    return sys.platform == "linux"


# ---- one job ----------------------------------------------------------------


class _Maker:
    """What brings jobs to their end; several threads may bring some at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._starts, self._over = 0, False

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Bring a job to its end: what its process says last, or that it is lost.

        Raises
        ------
        CrlmError
            If the process to fork from died four times and no run ended in between.
        """
        for _ in range(_OFFERS):
            said = self._heard(job)
            if said:
                return said
            # What forks was killed, and is not yet gone.
            time.sleep(_TICK)
        return _lost(job, "killed")

    def _heard(self, job: dict[str, Any]) -> dict[str, Any]:
        """What a job's process says last, or that it is lost; nothing where no process took it."""
        cell = -1
        with contextlib.suppress(OSError), self._talk(job) as lines:
            for said in (json.loads(line) for line in lines if line.endswith("\n")):
                if "status" in said:
                    self._starts = 0
                    return said
                cell = said["at"] + 1
        if self._over:
            return _lost(job, "stopped", cell)
        return _lost(job, "killed", cell) if cell >= 0 else {}

    def _talk(self, job: dict[str, Any]) -> contextlib.AbstractContextManager[Iterable[str]]:
        """Start a process for a job, and hear what it says of it."""
        raise NotImplementedError


def _lost(job: dict[str, Any], how: str, cell: int = 0) -> dict[str, Any]:
    why = f"the run's process was {how}"
    return {"key": job["key"], "status": "lost", "cell": max(cell, 0), "error": why}


class Warm(_Maker):
    """A process with a notebook's imports done, which forks a run for each job.

    Made when the first job comes, and anew for the next one where it has died.
    """

    def __init__(self, imports: tuple[str, ...]) -> None:
        super().__init__()
        self._imports = imports
        self._process: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def _talk(self, job: dict[str, Any]) -> Iterator[Iterable[str]]:
        ours, theirs = socket.socketpair()
        with ours, ours.makefile("rw", encoding="utf-8") as talk:
            with theirs, self._lock:
                if not self._over:
                    self._hand_over(theirs)
            print(json.dumps(job), file=talk, flush=True)
            yield talk

    def _hand_over(self, theirs: socket.socket) -> None:
        """Give a job's socket to the process to fork from; where that is dying, nobody takes it."""
        self._desk_open()
        try:
            socket.send_fds(self._desk, [b"."], [theirs.fileno()])
        except OSError:
            # Killed, it closes its socket a moment before it can be waited for.
            self._process.kill()
            self._process.wait()
            raise

    def _desk_open(self) -> None:
        """Have a process at the other end of the socket where it is told of jobs."""
        if self._process is not None and self._process.poll() is None:
            return
        if self._starts >= _DEATHS:
            raise CrlmError(_DIED)
        self._starts += 1
        self._desk, theirs = socket.socketpair()
        with theirs:
            handle = theirs.fileno()
            program = ("crlm.batch.server", str(handle), *self._imports)
            self._process = _child(program, stdin=subprocess.DEVNULL, stdout=2, pass_fds=[handle])

    def stop(self) -> None:
        """End the process; its runs end with it."""
        with self._lock:
            self._over = True
        if self._process is not None:
            self._desk.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
            self._process.kill()
            self._process.wait()


class Plain(_Maker):
    """A fresh interpreter and a plain kernel for each job, for systems that cannot fork."""

    def __init__(self) -> None:
        super().__init__()
        self._alive: set[subprocess.Popen[str]] = set()

    @contextlib.contextmanager
    def _talk(self, job: dict[str, Any]) -> Iterator[Iterable[str]]:
        with self._lock:
            if self._over:
                raise ProcessLookupError
            program = ("crlm.batch.runner",)
            streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            process = _child(program, stderr=subprocess.DEVNULL, encoding="utf-8", **streams)
            self._alive.add(process)
        with process:
            try:
                print(json.dumps(job), file=process.stdin, flush=True)
                yield process.stdout
            finally:
                _kill_tree(process)
                self._alive.discard(process)

    def stop(self) -> None:
        """End every run."""
        with self._lock:
            self._over = True
            for process in list(self._alive):
                _kill_tree(process)


def maker(imports: tuple[str, ...], kernels: str = "") -> Warm | Plain:
    """What runs the jobs of a notebook with these imports, by "forked" or "plain" kernels."""
    plain = kernels == "plain" or not can_fork()
    return Plain() if plain else Warm(imports)


def _child(program: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    # Sets of words have the same order in each run.
    environment = {**_USUAL, **os.environ, "PYTHONHASHSEED": "0"}
    alone = os.name == "posix"
    command = lifeline.command(*program)
    return subprocess.Popen(command, env=environment, start_new_session=alone, **options)


def _kill_tree(process: subprocess.Popen[Any]) -> None:
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, 9)
        else:
            command = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
            subprocess.run(command, capture_output=True, check=False)


# ---- all of them ------------------------------------------------------------


def local(jobs: Sequence[dict[str, Any]], workers: int, kernels: str) -> Outcomes:
    """Runs on this machine, by `kernels`: "forked" or "plain".

    Raises
    ------
    CrlmError
        Where the system lets a process open fewer files than a run needs.
    """
    try:
        run.lend_handles()
    except OSError:
        raise CrlmError(_FEW_HANDLES) from None
    notebooks = {job["notebook"] for job in jobs}
    makers = {name: maker(loading.imports_of(Path(name)), kernels) for name in notebooks}
    pool = ThreadPoolExecutor(min(workers, len(jobs)))
    try:
        yield from ended(jobs, lambda job: pool.submit(brought, job, makers[job["notebook"]]))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for one in makers.values():
            one.stop()


def ended(
    jobs: Sequence[dict[str, Any]],
    submit: Callable[[dict[str, Any]], Any],
    outcome: Callable[[Any, dict[str, Any]], dict[str, Any]] = lambda future, job: future.result(),
    check: Callable[[], None] = lambda: None,
) -> Outcomes:
    """Submit all jobs, and yield the outcome of each as its future ends; `check` may refuse."""
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for job in jobs:
        submit(job).add_done_callback(lambda future, job=job: done.put((future, job)))
    left = len(jobs)
    while left:
        check()
        with contextlib.suppress(queue.Empty):
            future, job = done.get(timeout=_TICK)
            left -= 1
            yield outcome(future, job)
        yield None


def brought(job: dict[str, Any], maker: Warm | Plain) -> dict[str, Any]:
    """A run that ended; one of whose processes was killed gets a second chance."""
    for attempt in range(1, _ATTEMPTS + 1):
        tried = {**job, "folder": f"{job['part']}-{attempt}"}
        outcome = {**maker.run(tried), "folder": tried["folder"]}
        if outcome.get("full") or not (outcome["status"] == "lost" or outcome.get("killed")):
            break
    return outcome
