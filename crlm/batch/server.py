"""A process with everything imported, which forks a runner and a kernel for each job.

It has one thread and runs no notebook itself, so each fork starts from the
same state. Jobs come as JSON lines on standard input; outcomes go out as JSON
lines. When standard input ends, it ends its runners and itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import selectors
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crlm import render
from crlm.batch.lifeline import die_with_parent

# What a run needs, whatever its notebook imports.
_ALWAYS = (
    "crlm.run",
    "crlm.batch.kernel",
    "crlm.batch.runner",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "nbconvert",
    "papermill",
    "IPython.core.completerlib",
    "sqlite3",
)
# What a paper's sections import when they are called.
_LATE = {"crlm.paper": ("lifelines", "seaborn", "statsmodels.duration.hazard_regression")}
# Characters and sizes whose shapes matplotlib keeps once it has drawn them.
_LETTERS = "".join(chr(code) for code in range(32, 127)) + "–…"
_SIZES = (7, 8, 8.5, 9, 10)

# A runner stops itself at its limit; this long after, it is stopped from outside.
_GRACE = 30.0


@dataclass(frozen=True)
class _Running:
    """A runner under way: its job's key, its process, what it said, when to end it."""

    key: str
    pid: int
    said: bytearray
    end: float


def main(parent: int, modules: list[str]) -> None:
    """Import, and serve until standard input or the parent ends."""
    die_with_parent(parent)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _import(modules)
    _rehearse()
    gc.collect()
    gc.freeze()
    if Path(sys.path[0] or ".").resolve() == Path.cwd():
        del sys.path[0]
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ, None)
        try:
            _serve(selector, answers)
        finally:
            for entry in list(selector.get_map().values()):
                if entry.data:
                    _end_group(entry.data.pid)


def _import(modules: list[str]) -> None:
    with render.quick_imports():
        late = (name for room in modules for name in _LATE.get(room, ()))
        for name in (*_ALWAYS, *modules, *late):
            # What cannot be imported here fails in the notebook, where it is reported.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        if "matplotlib" in sys.modules:
            importlib.import_module("matplotlib_inline.backend_inline")


def _rehearse() -> None:
    """Have templates, the notebook schema and fonts read once; no state but caches stays."""
    import nbformat

    cells = [nbformat.v4.new_code_cell("1"), nbformat.v4.new_markdown_cell("# text")]
    book = nbformat.v4.new_notebook(cells=cells)
    nbformat.validate(book)
    render.render(book)
    if "matplotlib" in sys.modules:
        _draw_letters()


def _draw_letters() -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    for size in _SIZES:
        for weight in ("normal", "bold"):
            figure.text(0, 0, _LETTERS, fontsize=size, fontweight=weight)
    figure.savefig(io.BytesIO(), format="rgba", dpi=144)


def _serve(selector: selectors.BaseSelector, answers: Any) -> None:
    pending = bytearray()
    while True:
        _end_overdue(selector)
        for entry, _ in selector.select(1.0):
            if entry.data is not None:
                _hear(selector, entry, answers)
                continue
            data = os.read(0, 65536)
            if not data:
                return
            pending += data
            while b"\n" in pending:
                line, _, rest = bytes(pending).partition(b"\n")
                pending[:] = rest
                _start(selector, json.loads(line), answers)


def _start(selector: selectors.BaseSelector, job: dict[str, Any], answers: Any) -> None:
    read, write = os.pipe()
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            # Who listens learns of this server's end by it, whatever a notebook leaves running.
            answers.close()
            _become_runner(job, write, server)
        finally:
            os._exit(1)
    os.close(write)
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    end = time.monotonic() + job["seconds"] + _GRACE if job.get("seconds") else float("inf")
    selector.register(read, selectors.EVENT_READ, _Running(job["key"], pid, bytearray(), end))


def _end_overdue(selector: selectors.BaseSelector) -> None:
    for entry in selector.get_map().values():
        if entry.data and time.monotonic() > entry.data.end:
            _end_group(entry.data.pid)


def _become_runner(job: dict[str, Any], write: int, server: int) -> None:
    from crlm.batch import kernel, runner

    os.setpgid(0, 0)
    die_with_parent(server)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    waiting = kernel.fork_kernel()
    outcome = runner.perform(job, waiting, lambda index: _say(write, {"at": index}))
    _say(write, outcome)
    os._exit(0)


def _say(handle: int, message: dict[str, Any]) -> None:
    os.write(handle, json.dumps(message).encode() + b"\n")


def _hear(selector: selectors.BaseSelector, entry: Any, answers: Any) -> None:
    data = os.read(entry.fd, 65536)
    if data:
        entry.data.said.extend(data)
        return
    selector.unregister(entry.fd)
    os.close(entry.fd)
    _end_group(entry.data.pid)
    _, status = os.waitpid(entry.data.pid, 0)
    answers.write(json.dumps(_last_word(entry.data, status)).encode() + b"\n")


def _last_word(running: _Running, status: int) -> dict[str, Any]:
    said = [json.loads(line) for line in bytes(running.said).splitlines()]
    if said and "status" in said[-1]:
        return said[-1]
    cell = said[-1]["at"] + 1 if said else 0
    code = os.waitstatus_to_exitcode(status)
    why = f"was killed (signal {-code})" if code < 0 else f"ended with exit code {code}"
    error = f"the run's process {why}"
    return {"key": running.key, "status": "lost", "cell": cell, "error": error}


def _end_group(pid: int) -> None:
    """End a runner with its kernel and whatever its notebook started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
