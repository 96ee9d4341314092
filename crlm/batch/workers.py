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
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from crlm.ledger import CrlmError

Outcomes = Iterator[dict[str, Any] | None]

_TICK = 0.25
# A runner stops itself at its limit; this long after, it is stopped from outside.
_GRACE = 30.0
_ATTEMPTS = 2
_DEATHS = 4
# Jupyter's sockets, pipes and libraries take about 80.
_HANDLES = 128


def can_fork() -> bool:
    """Whether warm processes can be forked here: on Linux, where libraries are made for it."""
    return sys.platform == "linux"


def check_handles() -> None:
    """Let this process and its children open as many files as runs need.

    Raises
    ------
    CrlmError
        If the system allows fewer.
    """
    if os.name != "posix":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else _HANDLES
    if most < _HANDLES:
        raise CrlmError(
            f"This shell lets a process open {most} files, and a run needs up to {_HANDLES}. "
            f"Set `ulimit -n {_HANDLES}` or more, or ask whoever runs this machine for it."
        )
    if soft != resource.RLIM_INFINITY and soft < _HANDLES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_HANDLES, hard))


def environment() -> dict[str, str]:
    """A worker's environment: one thread a run, and sets of words in the same order each time."""
    ours = {
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONWARNINGS": "ignore",
    }
    return {**ours, **{k: v for k, v in os.environ.items() if k not in ("PYTHONHASHSEED",)}}


# ---- one job ----------------------------------------------------------------


def lost(job: dict[str, Any], why: str) -> dict[str, Any]:
    """The outcome of a job whose processes are gone."""
    return {"key": job["key"], "status": "lost", "cell": 0, "error": f"the run's process {why}"}


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
        self._awaited: dict[str, tuple[dict[str, Any], queue.SimpleQueue[Any]]] = {}
        self._deaths, self._over = 0, False

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Bring a job to its end.

        Raises
        ------
        CrlmError
            If the process died four times and no run ended in between.
        """
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self._lock:
            if self._over:
                return lost(job, "was stopped")
            if self._deaths >= _DEATHS:
                raise CrlmError(
                    "The process from which runs are forked died four times in a row. Memory may "
                    "be short: try --workers 1. If it is not, try --kernels plain."
                )
            self._process = self._process or self._started()
            self._awaited[job["key"]] = job, answer
            # One that has died meanwhile is noticed by the thread that listens.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(job).encode() + b"\n")
                self._process.stdin.flush()
        return answer.get()

    def _started(self) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", "crlm.batch.server", str(os.getpid()), *self._imports]
        process = _child(program)
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Hand on each outcome to the thread that waits for it, until the process ends."""
        with process.stdout:
            for line in filter(lambda said: said.endswith(b"\n"), process.stdout):
                outcome = json.loads(line)
                with self._lock:
                    self._deaths = 0
                    self._awaited.pop(outcome["key"])[1].put(outcome)
        with self._lock:
            self._deaths, self._process = self._deaths + 1, None
            for job, answer in self._awaited.values():
                answer.put(lost(job, "was killed"))
            self._awaited.clear()
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.wait()

    def stop(self) -> None:
        """End the process; its runs end with it."""
        with self._lock:
            process, self._over = self._process, True
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()
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
        process = _child([sys.executable, "-m", "crlm.batch.runner", str(os.getpid())])
        self._alive.add(process)
        if self._over:  # stopped while it started
            _kill_tree(process)
        limit = job["seconds"] + _GRACE if job["seconds"] else None
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


def _child(program: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        program,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if "crlm.batch.runner" in program else None,
        env=environment(),
        start_new_session=os.name == "posix",
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
