"""Runs on this machine: several at a time, each in processes of its own.

Both executors, `local` here and `cluster.on_scheduler`, are generators: they take jobs, yield an
outcome for each as it ends and None now and then while they wait, and end their processes when
they are closed. `Warm` and `Plain` are the two ways to bring one job to its end.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from crlm import cores, run
from crlm.ledger import CrlmError
from crlm.lifeline import GRACE

Outcomes = Iterator[dict[str, Any] | None]

_TICK = 0.25
_ATTEMPTS = 2
_DEATHS = 4


def can_fork() -> bool:
    """Whether warm processes can be forked here: on Linux, where libraries are made for it."""
    return sys.platform == "linux"


def check_handles() -> None:
    """Refuse to begin where the system lets a process open fewer files than a run needs.

    Raises
    ------
    CrlmError
    """
    try:
        run.lend_handles()
    except OSError:
        raise CrlmError(
            "This shell lets a process open fewer files than a run needs. "
            "Set `ulimit -n 128` or more, or ask whoever runs this machine for it."
        ) from None


def environment() -> dict[str, str]:
    """A worker's environment: one thread a run, and sets of words in the same order each time."""
    ours = {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        cores.VARIABLE: "1",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONWARNINGS": "ignore",
    }
    return {**ours, **{k: v for k, v in os.environ.items() if k not in ("PYTHONHASHSEED",)}}


# ---- one job ----------------------------------------------------------------


def lost(job: dict[str, Any], why: str, cell: int = 0) -> dict[str, Any]:
    """The outcome of a job whose processes are gone."""
    return {"key": job["key"], "status": "lost", "cell": cell, "error": f"the run's process {why}"}


class Warm:
    """A process with a notebook's imports done, which forks a run for each job.

    Made when the first job comes, and anew for the next one where it has died. Several threads
    may bring jobs at once.

    Parameters
    ----------
    imports : tuple of str
        From `imports_of`.
    """

    def __init__(self, imports: tuple[str, ...]) -> None:
        self._imports = imports
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._starts, self._over = 0, False

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Bring a job to its end.

        Raises
        ------
        CrlmError
            If the process died four times and no run ended in between.
        """
        ours, theirs = socket.socketpair()
        cell = 0
        with contextlib.suppress(OSError), ours, ours.makefile("rw", encoding="utf-8") as talk:
            self._hand_over(theirs)
            print(json.dumps(job), file=talk, flush=True)
            for said in map(json.loads, filter(lambda line: line.endswith("\n"), talk)):
                if "status" in said:
                    self._starts = 0
                    return said
                cell = said["at"] + 1
        return lost(job, "was stopped" if self._over else "was killed", cell)

    def _hand_over(self, theirs: socket.socket) -> None:
        """Give the process the end of a socket at which a runner will be told its job."""
        with theirs, self._lock:
            if self._over:
                return
            if self._process is None or self._process.poll() is not None:
                self._start()
            socket.send_fds(self._desk, [b"."], [theirs.fileno()])

    def _start(self) -> None:
        if self._starts >= _DEATHS:
            raise CrlmError(
                "The process from which runs are forked died four times in a row. Memory may "
                "be short: try --workers 1. If it is not, try --kernels plain."
            )
        self._starts += 1
        self._desk, theirs = socket.socketpair()
        with theirs:
            handle = theirs.fileno()
            program = ("crlm.batch.server", str(os.getpid()), str(handle), *self._imports)
            self._process = _child(program, stdin=subprocess.DEVNULL, stdout=2, pass_fds=[handle])

    def stop(self) -> None:
        """End the process; its runs end with it."""
        with self._lock:
            process, self._over = self._process, True
        if process is None:
            return
        self._desk.close()
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Plain:
    """A fresh interpreter and a plain kernel for each job, for systems that cannot fork."""

    def __init__(self) -> None:
        self._alive: set[subprocess.Popen[bytes]] = set()
        self._over = False

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Bring a job to its end."""
        if self._over:
            return lost(job, "was stopped")
        program = ("crlm.batch.runner", str(os.getpid()))
        process = _child(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._alive.add(process)
        if self._over:  # stopped while it started
            _kill_tree(process)
        limit = job["seconds"] + GRACE if job["seconds"] else None
        try:
            said, _ = process.communicate(json.dumps(job).encode(), timeout=limit)
            return json.loads(said.splitlines()[-1])
        except (subprocess.TimeoutExpired, ValueError, IndexError, OSError):
            _kill_tree(process)
            return lost(job, f"ended with exit code {process.wait()}")
        finally:
            self._alive.discard(process)

    def stop(self) -> None:
        """End every run."""
        self._over = True
        for process in list(self._alive):
            _kill_tree(process)


def _child(program: Sequence[str], **streams: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *program],
        env=environment(),
        start_new_session=os.name == "posix",
        **{"stdin": subprocess.PIPE, **streams},
    )


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, 9)
        else:
            subprocess.run(
                ["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False
            )


def imports_of(notebook: str) -> tuple[str, ...]:
    """The modules that a notebook's cells import, as far as they can be read off it."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8")).get("cells", [])
    found: dict[str, None] = {}
    for cell in cells:
        if cell.get("cell_type") != "code":
            continue
        with contextlib.suppress(SyntaxError):
            for node in ast.parse("".join(cell["source"])).body:
                found.update(dict.fromkeys(_modules(node)))
    return tuple(found)


def _modules(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


# ---- all of them ------------------------------------------------------------


def local(jobs: Sequence[dict[str, Any]], workers: int, kernels: str) -> Outcomes:
    """Runs on this machine, by `kernels`: "forked" or "plain"."""
    check_handles()
    makers: dict[str, Warm | Plain] = {
        name: Warm(imports_of(name)) if kernels == "forked" else Plain()
        for name in dict.fromkeys(job["notebook"] for job in jobs)
    }
    pool = ThreadPoolExecutor(min(workers, len(jobs)))
    left = {pool.submit(_brought, job, makers[job["notebook"]]) for job in jobs}
    try:
        while left:
            done, left = wait(left, _TICK, FIRST_COMPLETED)
            yield from (one.result() for one in done)
            yield None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for maker in makers.values():
            maker.stop()


def _brought(job: dict[str, Any], maker: Warm | Plain) -> dict[str, Any]:
    """A run that ended; one of whose processes was killed gets a second chance."""
    for attempt in range(1, _ATTEMPTS + 1):
        tried = {**job, "folder": f"{job['part']}-{attempt}"}
        outcome = {**maker.run(tried), "folder": tried["folder"]}
        if outcome.get("full") or not (outcome["status"] == "lost" or outcome.get("killed")):
            break
    return outcome
