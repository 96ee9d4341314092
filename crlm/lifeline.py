"""A process that ends with the one that started it, imported before anything else is."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
#: Seconds after which a run that did not stop itself at its limit is stopped from outside.
GRACE = 30.0

#: Of a process that runs notebooks: one thread of linear algebra, figures behind their cell.
ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}

# The folder that one works in comes last: a file there may be called json.py.
_START = (
    "import runpy, sys; house = sys.argv.pop(1); house in sys.path or sys.path.insert(0, house); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


def command(module: str, *arguments: str) -> list[str]:
    """The command that starts a module of this house, of this very copy, as a process of its own.

    Whatever Python files lie in the current directory, they are not taken for a library's.

    Parameters
    ----------
    module : str
        It calls `die_with_parent` with its first argument, the process id of this process.
    *arguments : str
        Those behind it.
    """
    house = str(Path(__file__).resolve().parents[1])
    return [sys.executable, "-P", "-c", _START, house, module, str(os.getpid()), *arguments]


def die_with_parent(parent: int) -> None:
    """Let the system kill this process when its parent ends, however it ends (Linux).

    Parameters
    ----------
    parent : int
        Its process id as it was when it started this one: it may be gone by now.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    """Take `die_with_parent` back: from now on this process ends by itself, and in order."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, 0)
