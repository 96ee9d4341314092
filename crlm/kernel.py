"""A kernel that is already there: forked from a process with everything imported.

A notebook pays neither the interpreter's start nor its imports. What it does to its process
ends with it: the process that was forked never runs a cell.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import time
from pathlib import Path
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from jupyter_client.connect import write_connection_file
from jupyter_client.provisioning import LocalProvisioner
from traitlets import CaselessStrEnum

from crlm.engine import QUIET, OwnKernel
from crlm.lifeline import die_with_parent

# Of a kernel: shell, iopub, stdin, control, heartbeat.
_SOCKETS = 5
_TICK = 0.002
_CONNECTION = "kernel.json"


def forked(folder: Path, withheld: int) -> type[OwnKernel]:
    """Fork this process into a kernel, and make a class of managers that hold it.

    Call it before the process has threads or an event loop.

    Parameters
    ----------
    folder : pathlib.Path
        Where its sockets are. Private and short: a socket's path has room for about 100
        characters.
    withheld : int
        A handle that this process alone keeps.
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

    return managing(folder, pid)


def connect(folder: Path) -> None:
    """Choose the sockets of a kernel, and leave word of them in its folder, whole or not at all."""
    made = folder / f"{_CONNECTION}.part"
    write_connection_file(str(made), transport="ipc", ip=str(folder / "k"))
    made.replace(folder / _CONNECTION)


def managing(folder: Path, pid: int) -> type[OwnKernel]:
    """A class of managers that hold a kernel which is there, or will be.

    Parameters
    ----------
    folder : pathlib.Path
    pid : int
        A child of this process, which calls `connect` and `become`.
    """
    return type("Manager", (_Forked,), {"folder": folder, "child": _Child(pid)})


class _Forked(OwnKernel):
    """A manager of a kernel that somebody else has started."""

    transport = CaselessStrEnum(["tcp", "ipc"], default_value="ipc")
    folder: Path
    child: _Child

    def __init__(self, **options: Any) -> None:
        connection = self.folder / _CONNECTION
        while not connection.exists():
            if self.child.poll() is not None:
                raise RuntimeError(f"its process ended with code {self.child.returncode}")
            time.sleep(_TICK)
        super().__init__(connection_file=str(connection), **options)
        self.load_connection_file()
        self.kernel_id = "forked"
        about = {"kernel_id": self.kernel_id, "kernel_spec": self.kernel_spec}
        self.provisioner = LocalProvisioner(**about, parent=self)
        self.provisioner.process = self.child

    def client(self, **options: Any) -> Any:
        """A client, once the kernel has its sockets: else it would try again 0.1 s later."""
        while len(list(self.folder.glob("k-*"))) < _SOCKETS and self.child.poll() is None:
            time.sleep(_TICK)
        return super().client(**options)

    async def _async_wait(self, pollinterval: float = 0.01) -> None:
        await super()._async_wait(min(pollinterval, 0.01))


def become(folder: Path) -> None:
    """Be the kernel of these sockets, to the end of this process."""
    _silence()
    arguments = ["-f", str(folder / _CONNECTION), *QUIET]
    sys.argv = [str(Path(sys.executable).with_name("ipykernel_launcher.py")), *arguments]
    if "numpy" in sys.modules:
        # As in a new process; the `random` module does so by itself after a fork.
        sys.modules["numpy"].random.seed()
    gc.enable()
    try:
        IPKernelApp.launch_instance(arguments)
    finally:
        # Its end waits for threads that may wait for each other; the process ends them all.
        atexit.unregister(IPKernelApp.instance().close)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


def _silence() -> None:
    """Let what cells write past their outputs, or a child of theirs, come out in these alone."""
    null = os.open(os.devnull, os.O_WRONLY)
    for handle in (1, 2):
        os.dup2(null, handle)
    os.close(null)


class _Child:
    """What a provisioner needs of `subprocess.Popen`, for a forked child."""

    stdout = stderr = stdin = returncode = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    # Nobody waits before a poll has told that it is over.
    wait = poll

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)
