"""A kernel that is already there: forked from a process with everything imported.

Jupyter asks a kernel provisioner to start a kernel. This one hands the
connection to a process that was forked beforehand and has waited since, so a
notebook pays neither the interpreter's start nor its imports. What a notebook
does to its process ends with it: the process it was forked from never runs a
cell.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner
from traitlets import Any as AnyTrait
from traitlets import CaselessStrEnum

from crlm.engine import OwnKernel
from crlm.lifeline import die_with_parent


@dataclass(frozen=True)
class Waiting:
    """A forked process that becomes a kernel when it is told its connection."""

    pid: int
    pipe: int


def fork_kernel(withheld: int) -> Waiting:
    """Fork this process; the child waits to become a kernel and dies with its parent.

    Call it before the process has threads or an event loop. The handle `withheld` stays with
    this process alone.
    """
    read, write = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(write)
            os.close(withheld)
            die_with_parent(parent)
            with os.fdopen(read, encoding="utf-8") as stream:
                told = stream.read()
            if told:
                _become_kernel(json.loads(told))
        finally:
            os._exit(0)
    os.close(read)
    return Waiting(pid, write)


def _become_kernel(told: dict[str, Any]) -> None:
    import atexit
    import gc

    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    sys.argv = [told["program"], *told["arguments"]]
    _fresh_random_state()
    gc.enable()
    from ipykernel.kernelapp import IPKernelApp

    try:
        IPKernelApp.launch_instance(told["arguments"])
    finally:
        # Its end waits for threads that may wait for each other; the process ends them all.
        atexit.unregister(IPKernelApp.instance().close)
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()


def _fresh_random_state() -> None:
    """Reseed numpy's global generator from the system, as a new process would have it.

    The `random` module does so by itself after a fork.
    """
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


class ForkedProvisioner(LocalProvisioner):
    """Jupyter's provisioner for a kernel that waits as a forked process."""

    waiting: Waiting = AnyTrait()

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        """Tell the waiting process its connection, environment and folder."""
        if self.waiting is None:
            raise RuntimeError("A forked kernel starts once; a restart needs another process.")
        told = {
            "program": str(Path(sys.executable).with_name("ipykernel_launcher.py")),
            "arguments": cmd[3:],
            "env": kwargs.get("env") or dict(os.environ),
            "cwd": kwargs.get("cwd") or os.getcwd(),
        }
        with os.fdopen(self.waiting.pipe, "w", encoding="utf-8") as stream:
            json.dump(told, stream)
        self.process = _Child(self.waiting.pid)
        self.pid, self.pgid, self.waiting = self.process.pid, None, None
        return self.connection_info


class _Child:
    """The few methods of `subprocess.Popen` that a provisioner needs, for a forked child."""

    stdout = stderr = stdin = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.005)
        return int(self.returncode or 0)

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def forked_manager(waiting: Waiting, folder: str) -> type[OwnKernel]:
    """A class of kernel managers, as nbclient wants one, for one waiting process.

    Parameters
    ----------
    waiting : Waiting
        From `fork_kernel`.
    folder : str
        Where its sockets are. Private and short: a socket's path has room for about 100
        characters.
    """

    class Manager(OwnKernel):
        transport = CaselessStrEnum(["tcp", "ipc"], default_value="ipc")

        def __init__(self, **options: Any) -> None:
            connection = {"connection_file": f"{folder}/kernel.json", "ip": f"{folder}/k"}
            super().__init__(**connection, **options)

        async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
            if self.provisioner is None:
                about = {"kernel_id": self.kernel_id, "kernel_spec": self.kernel_spec}
                self.provisioner = ForkedProvisioner(**about, parent=self)
                self.provisioner.waiting = waiting
            return await super()._async_pre_start_kernel(**kwargs)

        async def _async_wait(self, pollinterval: float = 0.01) -> None:
            await super()._async_wait(min(pollinterval, 0.01))

    return Manager
