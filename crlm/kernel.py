"""A kernel that is already there: forked from a process with everything imported.

A notebook pays neither the interpreter's start nor its imports. What it does to its process
ends with it: the process that was forked never runs a cell.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from pathlib import Path

from crlm.lifeline import die_with_parent

#: A kernel keeps its own messages to itself, and what it ran out of the user's IPython history.
QUIET = ("--log-level=50", "--HistoryManager.hist_file=:memory:")
# As for `python -P`: no file in the current directory is taken for a library's.
_SAFE = "--InteractiveShellApp.ignore_cwd=True"
#: The file in a kernel's folder that names its sockets.
CONNECTION = "kernel.json"


def forked(folder: Path, withheld: int) -> int:
    """Fork this process into a kernel: `engine.managing` holds it.

    Call it before the process has threads or an event loop.

    Parameters
    ----------
    folder : pathlib.Path
        Where its sockets are. Private and short: a socket's path has room for about 100
        characters.
    withheld : int
        A handle that this process alone keeps.

    Returns
    -------
    int
        The kernel's process.
    """
    connect(folder)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(withheld)
            die_with_parent(parent)
            become(folder)
        finally:
            os._exit(0)
    return pid


def connect(folder: Path) -> None:
    """Choose the sockets of a kernel, and leave word of them in its folder, whole or not at all."""
    from jupyter_client.connect import write_connection_file

    made = folder / f"{CONNECTION}.part"
    write_connection_file(str(made), transport="ipc", ip=str(folder / "k"))
    made.replace(folder / CONNECTION)


def become(folder: Path) -> None:
    """Be the kernel of these sockets, to the end of this process."""
    from ipykernel.kernelapp import IPKernelApp

    _silence()
    arguments = ["-f", str(folder / CONNECTION), *QUIET, _SAFE]
    sys.argv = [str(Path(sys.executable).with_name("ipykernel_launcher.py")), *arguments]
    if "numpy" in sys.modules:
        # As in a new process; the `random` module does so by itself after a fork.
        sys.modules["numpy"].random.seed()
    gc.enable()
    try:
        app = IPKernelApp.instance()
        app.initialize(arguments)
        _be_known()
        app.start()
    finally:
        # Its end waits for threads that may wait for each other; the process ends them all.
        atexit.unregister(IPKernelApp.instance().close)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


def _be_known() -> None:
    """Let libraries that were imported before there was a kernel behave as in one."""
    if "pandas" in sys.modules:
        # Columns of a table: its own number for a notebook; on a terminal the width decides.
        sys.modules["pandas"].set_option("display.max_columns", 20)
    # Imported anew with the first figure, it has figures come out behind their cell.
    sys.modules.pop("matplotlib_inline.backend_inline", None)


def _silence() -> None:
    """Let what cells write past their outputs, or a child of theirs, come out in these alone."""
    null = os.open(os.devnull, os.O_WRONLY)
    for handle in (1, 2):
        os.dup2(null, handle)
    os.close(null)
