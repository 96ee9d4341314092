"""A process with everything imported, which forks a runner and a kernel for each job.

It has one thread and runs no notebook itself, so each fork starts from the same state. For each
job it is handed one end of a socket; the runner talks with whoever holds the other. When nobody
can hand it jobs any more, it ends its runners and itself.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import socket
import sys

from crlm import loading, render
from crlm.lifeline import die_with_parent, outlive_parent

# What a run needs beside its kernel, whatever its notebook imports.
_ALWAYS = (
    "crlm.run",
    "crlm.engine",
    "crlm.batch.runner",
    "ipykernel.debugger",
    "nbconvert",
    "papermill",
    "psutil",
    "tornado.platform.asyncio",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
)
# Characters and sizes whose shapes matplotlib keeps once it has drawn them.
_LETTERS = "".join(chr(code) for code in range(32, 127)) + "–…"
_SIZES = (7, 8, 8.5, 9, 10)


def main(parent: int, desk: int, modules: list[str]) -> None:
    """Import, and serve until the other end of the socket `desk` is closed or the parent ends."""
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loading.load((*loading.KERNEL, *_ALWAYS, *modules, *loading.late(modules)))
    _rehearse()
    # Imports leave nothing worth a search for garbage.
    gc.freeze()
    signal.signal(signal.SIGCHLD, _bury)
    with socket.socket(fileno=desk) as jobs:
        # Killed with its parent it could not end what its runs have started.
        outlive_parent()
        _serve(jobs)


def _rehearse() -> None:
    """Have templates, the notebook schema and fonts read once; no state but caches stays."""
    render.rehearse()
    if "matplotlib" in sys.modules:
        _draw_letters()


def _draw_letters() -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    for size in _SIZES:
        for weight in ("normal", "bold"):
            figure.text(0, 0, _LETTERS, fontsize=size, fontweight=weight)
    figure.savefig(io.BytesIO(), format="rgba", dpi=144)


def _serve(jobs: socket.socket) -> None:
    server, runners = os.getpid(), set()
    while handles := socket.recv_fds(jobs, 1, 1)[1]:
        pid = os.fork()
        if pid == 0:
            try:
                jobs.close()
                _become_runner(handles[0], server)
            finally:
                os._exit(1)
        os.close(handles[0])
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        runners.add(pid)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for pid in runners:
        with contextlib.suppress(ChildProcessError):
            # It is ours still, so no other process has its number.
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            _end_group(pid)


def _become_runner(handle: int, server: int) -> None:
    from crlm.batch import runner

    os.setpgid(0, 0)
    die_with_parent(server)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Who listens learns of this runner's end by it, whatever a notebook leaves running.
    with socket.socket(fileno=handle).makefile("rw", encoding="utf-8") as talk:
        runner.work(talk, talk, handle)
    os._exit(0)


def _bury(*_: object) -> None:
    """See to runners that have ended, and end whatever their notebooks left running."""
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            _end_group(ended.si_pid)
            os.waitpid(ended.si_pid, 0)


def _end_group(pid: int) -> None:
    """End a runner with its kernel and whatever its notebook started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
