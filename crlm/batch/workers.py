"""Runs on this machine: several at a time, each in processes of its own.

Every executor here and in `cluster` is a generator: it takes jobs, yields an
outcome for each as it ends and None now and then while it waits, and ends its
processes when it is closed.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import queue
import selectors
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crlm.ledger import CrlmError

Outcomes = Iterator[dict[str, Any] | None]

_TICK = 0.25
# A runner stops itself at its limit; this long after, it is stopped from outside.
_GRACE = 30.0
_ATTEMPTS = 2
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


# ---- forked -----------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """A process with a notebook's imports done, that forks a run for each job."""

    process: subprocess.Popen[bytes]
    said: bytearray


def start_server(notebook: str) -> Server:
    """Start one for a notebook; it imports what the notebook's cells import."""
    program = [sys.executable, "-m", "crlm.batch.server", str(os.getpid())]
    command = [*program, *imports_of(notebook)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        start_new_session=True,
    )
    return Server(process, bytearray())


def send(server: Server, job: dict[str, Any]) -> None:
    """Give a server a job; one that has died is noticed when its answer is awaited."""
    with contextlib.suppress(BrokenPipeError):
        server.process.stdin.write(json.dumps(job).encode() + b"\n")
        server.process.stdin.flush()


def hear(server: Server, seconds: float) -> list[dict[str, Any]] | None:
    """What a server has said within these seconds; None if it has died."""
    with selectors.DefaultSelector() as selector:
        selector.register(server.process.stdout, selectors.EVENT_READ)
        if not selector.select(seconds):
            return []
    data = os.read(server.process.stdout.fileno(), 65536)
    if not data:
        return None
    server.said.extend(data)
    whole, _, rest = bytes(server.said).rpartition(b"\n")
    server.said[:] = rest
    return [json.loads(line) for line in whole.splitlines()]


def stop_server(server: Server) -> None:
    """End a server; its runs end with it."""
    with contextlib.suppress(OSError):
        server.process.stdin.close()
    try:
        server.process.wait(0.5)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()
    server.process.stdout.close()


def imports_of(notebook: str) -> list[str]:
    """The modules that a notebook's cells import, as far as they can be read off it."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8")).get("cells", [])
    found: dict[str, None] = {}
    for cell in cells:
        if cell.get("cell_type") != "code":
            continue
        with contextlib.suppress(SyntaxError):
            for node in ast.parse("".join(cell["source"])).body:
                found.update(dict.fromkeys(_modules(node)))
    return list(found)


def _modules(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def forked(jobs: Sequence[dict[str, Any]], workers: int) -> Outcomes:
    """Runs forked from one warm process a notebook."""
    for notebook in dict.fromkeys(job["notebook"] for job in jobs):
        yield from _forked([job for job in jobs if job["notebook"] == notebook], workers)


def _forked(jobs: list[dict[str, Any]], workers: int) -> Outcomes:
    waiting, under_way = list(reversed(jobs)), {}
    deaths = 0
    server = start_server(jobs[0]["notebook"])
    try:
        while waiting or under_way:
            while waiting and len(under_way) < workers:
                job = _again(waiting.pop())
                under_way[job["key"]] = job
                send(server, job)
            heard = hear(server, _TICK)
            if heard is None:
                deaths += 1
                stop_server(server)
                yield from _after_death(under_way, waiting, deaths)
                server = start_server(jobs[0]["notebook"])
            for outcome in heard or []:
                if "key" in outcome:
                    deaths = 0
                    yield from _settled(outcome, under_way, waiting)
            yield None
    finally:
        stop_server(server)


def _again(job: dict[str, Any]) -> dict[str, Any]:
    attempt = job.get("attempt", 0) + 1
    return {**job, "attempt": attempt, "folder": f"{job['part']}-{attempt}"}


def _settled(outcome: dict[str, Any], under_way: dict[str, Any], waiting: list[Any]) -> Outcomes:
    """A run that ended; one of whose processes was killed gets a second chance."""
    job = under_way.pop(outcome["key"])
    if _killed(outcome) and job["attempt"] < _ATTEMPTS:
        waiting.append(job)
    else:
        yield {**outcome, "folder": job["folder"]}


def _killed(outcome: dict[str, Any]) -> bool:
    lost = outcome["status"] == "lost" or outcome.get("killed", False)
    return lost and not outcome.get("full", False)


def _after_death(under_way: dict[str, Any], waiting: list[Any], deaths: int) -> Outcomes:
    if deaths > 3:
        raise CrlmError(
            "The process from which runs are forked died four times in a row. Memory may be "
            "short: try --workers 1. If it is not, try --kernels plain."
        )
    for job in list(under_way.values()):
        outcome = {
            "key": job["key"],
            "status": "lost",
            "cell": 0,
            "error": "the run's process was killed",
        }
        yield from _settled(outcome, under_way, waiting)


# ---- plain ------------------------------------------------------------------


def plain(jobs: Sequence[dict[str, Any]], workers: int) -> Outcomes:
    """Runs with a fresh interpreter and a plain kernel each, for systems that cannot fork."""
    left: queue.Queue[dict[str, Any]] = queue.Queue()
    done: queue.Queue[dict[str, Any]] = queue.Queue()
    alive: dict[str, subprocess.Popen[bytes]] = {}
    for job in jobs:
        left.put(job)
    stop = threading.Event()
    for _ in range(min(workers, len(jobs))):
        threading.Thread(target=_plain_worker, args=(left, done, alive, stop), daemon=True).start()
    try:
        for _ in jobs:
            outcome = None
            while outcome is None:
                try:
                    outcome = done.get(timeout=_TICK)
                except queue.Empty:
                    yield None
            yield outcome
    finally:
        stop.set()
        for process in list(alive.values()):
            _kill_tree(process)


def _plain_worker(left: Any, done: Any, alive: dict[str, Any], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            job = left.get_nowait()
        except queue.Empty:
            return
        outcome = {"status": "lost"}
        while _killed(outcome) and job.get("attempt", 0) < _ATTEMPTS:
            job = _again(job)
            outcome = _plain_run(job, alive)
            if stop.is_set():
                return
        done.put({**outcome, "folder": job["folder"]})


def _plain_run(job: dict[str, Any], alive: dict[str, Any]) -> dict[str, Any]:
    process = subprocess.Popen(
        [sys.executable, "-m", "crlm.batch.runner", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=os.name == "posix",
    )
    alive[job["key"]] = process
    limit = job["seconds"] + _GRACE if job["seconds"] else None
    try:
        said, _ = process.communicate(json.dumps(job).encode(), timeout=limit)
        return json.loads(said.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError, OSError):
        _kill_tree(process)
        code = process.wait()
        error = f"the run's process ended with exit code {code}"
        return {"key": job["key"], "status": "lost", "cell": 0, "error": error}
    finally:
        alive.pop(job["key"], None)


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, 9)
        else:
            subprocess.run(
                ["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False
            )


def local(jobs: Sequence[dict[str, Any]], workers: int, kernels: str) -> Outcomes:
    """Runs on this machine, by `kernels`: "forked" or "plain"."""
    check_handles()
    return (forked if kernels == "forked" else plain)(jobs, workers)
