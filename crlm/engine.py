"""How a notebook is executed: papermill's engine, on the interpreter that runs now.

Whatever kernels Jupyter finds on its path, the one that runs belongs to this
very Python. The engine says of a dead kernel and of a run out of time which
cell it was, as if the cell had failed.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import os
import queue
import signal
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from traitlets import CaselessStrEnum, Type

from crlm.kernel import CONNECTION

#: Letters of a heading behind a bar.
_HEADING = 32
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
#: Name under which the engine is known to papermill.
ENGINE = "crlm"
#: What IPython says where it is interrupted while it writes down an error.
_INTERRUPTED = "\nKeyboardInterrupt\n\n"
# Of a kernel: shell, iopub, stdin, control, heartbeat.
_SOCKETS = 5
_TICK = 0.002

# What goes wrong is in the notebook and in the outcome; a log would say it twice.
_SILENT = logging.getLogger("crlm.engine")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class _Kernel(AsyncKernelClient):
    """A client for which a kernel is ready as soon as it has answered.

    Jupyter's own waits for 0.2 s of silence behind the answer.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Ask until an answer has come on both channels.

        Raises
        ------
        RuntimeError
            If the kernel has died, or has not answered in `timeout` seconds.
        """
        end = time.monotonic() + (timeout or math.inf)
        asked: set[str] = set()
        while time.monotonic() < end:
            asked.add(self.kernel_info())
            with contextlib.suppress(queue.Empty):
                self._handle_kernel_info_reply(await self.get_shell_msg(timeout=1))
                while not _answers(await self.get_iopub_msg(timeout=0.2), asked):
                    pass
                return
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
        raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")


def _answers(message: dict[str, Any], asked: set[str]) -> bool:
    """Whether a kernel says that it is done with something that it was asked."""
    idle = message["content"].get("execution_state") == "idle"
    return idle and message["parent_header"].get("msg_id") in asked


class OwnKernel(AsyncKernelManager):
    """Kernel manager that starts the running interpreter, not one that Jupyter finds by name."""

    client_factory = Type(_Kernel, klass=AsyncKernelClient)

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel of `sys.executable`."""
        # Many small models: threads of linear algebra would only wait for each other.
        env = {name: os.environ.get(name, "1") for name in _THREADS}
        told = get_kernel_dict(python_arguments=["-P"])
        return KernelSpec(resource_dir=RESOURCES, env=env, **told)


class _Forked(OwnKernel):
    """A manager of a kernel that somebody else has started."""

    transport = CaselessStrEnum(["tcp", "ipc"], default_value="ipc")
    folder: Path
    child: _Child

    def __init__(self, **options: Any) -> None:
        connection = self.folder / CONNECTION
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


def managing(folder: Path, pid: int) -> type[OwnKernel]:
    """A class of managers that hold a kernel which is there, or will be.

    Parameters
    ----------
    folder : pathlib.Path
    pid : int
        A child of this process, which calls `connect` and `become`.
    """
    return type("Manager", (_Forked,), {"folder": folder, "child": _Child(pid)})


class _Client(PapermillNotebookClient):
    """papermill's client, to which a dead kernel or lost patience is a failed cell."""

    why: Any = None
    at = 0

    def execute(self, **kwargs: Any) -> Any:
        self.reset_execution_trackers()
        # What a kernel writes past its cells tells of its own troubles, which come out anyway.
        with self.setup_kernel(stdout=DEVNULL, stderr=DEVNULL, **kwargs):
            self.papermill_execute_cells()
            if not self.why:
                message = self.wait_for_reply(self.kc.kernel_info())
                self.nb.metadata["language_info"] = message["content"]["language_info"]
                self.set_widgets_metadata()
        for cell in self.nb.cells:
            if "outputs" in cell:
                cell.outputs = list(_whole_streams(cell.outputs))
        if self.why:
            dead = self.nb.cells[self.at]
            dead.outputs = [*_without_the_interrupt(dead.outputs), self.why]
        return self.nb

    def papermill_execute_cells(self) -> None:
        try:
            super().papermill_execute_cells()
        except (DeadKernelError, CellTimeoutError) as error:
            died = isinstance(error, DeadKernelError)
            name = "DeadKernelError" if died else "OutOfTimeError"
            text = _why_dead(self.km) if died else "the time allowed for the run is over"
            cell = self.nb.cells[self.at]
            # That its number came hangs on the moment, too.
            cell.execution_count = 1 + max(_numbers(self.nb.cells[: self.at]), default=0)
            self.why = new_output("error", ename=name, evalue=text, traceback=[])
            cell.outputs.append(self.why)
            self.nb_man.cell_exception(cell, cell_index=self.at, exception=error)


def _numbers(cells: list[Any]) -> list[int]:
    """The numbers of the cells that were executed."""
    return [cell.execution_count for cell in cells if cell.get("execution_count")]


def _without_the_interrupt(outputs: list[Any]) -> Iterator[Any]:
    """What a cell had put out: whether its kernel came to say more hangs on the moment."""
    for output in outputs:
        if output.output_type == "stream":
            output.text = output.text.removesuffix(_INTERRUPTED)
        if output.output_type != "error" and output.get("text", True):
            yield output


def _whole_streams(outputs: list[Any]) -> Iterator[Any]:
    """Outputs with what was printed between two others in one piece, and errors behind it.

    A kernel sends what it has every 0.2 s, so that the pieces tell how fast the machine was.
    """
    for printed, group in itertools.groupby(outputs, lambda o: o.output_type == "stream"):
        if not printed:
            yield from group
            continue
        streams: dict[str, list[Any]] = {}
        for piece in group:
            streams.setdefault(piece.name, []).append(piece)
        for name in sorted(streams, reverse=True):
            whole = streams[name][0]
            whole.text = "".join(piece.text for piece in streams[name])
            yield whole


def _why_dead(manager: Any) -> str:
    process = getattr(manager.provisioner, "process", None)
    code = process.poll() if process else None
    if code == -signal.SIGKILL:
        return "the kernel was killed (signal 9); memory that ran out does this"
    if code is not None and code < 0:
        return f"the kernel died of signal {-code} ({signal.Signals(-code).name})"
    return "the kernel died" + (f" with exit code {code}" if code else "")


def heading(cells: Sequence[Any], at: int) -> str:
    """The last heading above a cell, short enough to stand behind a bar; empty if there is none."""
    for cell in reversed(cells[:at]):
        lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
        found = next((line.lstrip("# ") for line in reversed(lines) if line.startswith("#")), "")
        if found:
            return textwrap.shorten(found, _HEADING, placeholder="…")
    return ""


class Engine(NBClientEngine):
    """papermill's engine with a limit for the whole run and word of the cell under way."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        *,
        seconds: float | None = None,
        at_cell: Callable[[int], None] | None = None,
        log_output: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Execute; `seconds` is the time for all cells together, `at_cell` is told each index."""
        end = time.monotonic() + seconds if seconds else None
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            startup_timeout=60,
            log=_SILENT,
            log_output=log_output,
            timeout_func=lambda _: max(1, round(end - time.monotonic())) if end else None,
            **{"kernel_manager_class": OwnKernel, **kwargs},
        )

        def started(cell: Any, cell_index: int) -> None:
            client.at = cell_index
            if nb_man.pbar:
                nb_man.pbar.set_postfix_str(heading(nb_man.nb.cells, cell_index))
            if at_cell:
                at_cell(cell_index)
            # A limit of one second at least is given to each cell; many short ones must not pass.
            if end and time.monotonic() > end:
                raise CellTimeoutError("the time allowed for the run is over")

        client.on_cell_start = started
        return client.execute()


papermill_engines.register(ENGINE, Engine)
