"""A run's kernel, and a second process that works out what it will ask for from the notebook's end.

One process imports, while the one that was started reads its papermill, and splits into both; on
its way it leaves to a third what is the same in every run of the study (`once`).

The run takes from it what it has found by then (`lent.pure`), waits for what it is at, and does
the rest itself: the two meet in the middle, and the run's bytes are what they are without it.
Answers stay in the memory of that process; it writes no file.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crlm import cores, lent, lifeline, loading, render, scratch

_LARGEST = 20_000_000
# Where the run says which cell it is at.
_PLACE = "cell"
#: Methods of `Paper` on which others build or with which a run begins.
_FIRST = ("patients", "endpoints", "reviewer", "regression")
#: Then one that completes the table, before the run comes to the first that asks for it.
_SECOND = ("sensitivity",)
#: What can be made of it without the sections before it comes last: the run does it at its end.
_LAST = ("second_opinion",)
#: Those that write, or speak of what all sections before them have left.
_NEVER = ("provenance", "in_short", "published", "differences", "agreement", "for_the_manuscript")


@contextlib.contextmanager
def working(notebook: Path, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Have what a run of a notebook asks for worked out ahead, while this lasts.

    Yields what its engine is given: a kernel with everything imported, and whom to tell of each
    cell that begins. Kernels that are started meanwhile take what is found. Nothing happens
    where there is but one core to use, or the table is so large that two of it might not find
    room.

    Parameters
    ----------
    notebook : pathlib.Path
    values : mapping
        Its parameters, as they are injected.
    """
    if not _is_worth_it(values):
        yield {}
        return
    scratch.sweep()
    given = {"notebook": str(notebook), "values": {**values, "output_dir": ""}}
    rest = str(max(1, cores.available() - 1))
    with scratch.private(sockets=True) as folder:
        ours = {**lent.told([str(folder)], passed=str(folder)), cores.VARIABLE: rest}
        with lent.environment(ours), _process({**given, "folder": str(folder)}) as pid:
            with loading.quick_imports(loading.OF_PAPERMILL):
                from crlm import engine
            render.rehearse()
            begun = folder / _PLACE
            yield {
                "kernel_manager_class": engine.managing(folder, pid),
                "at_cell": lambda index: begun.write_text(str(index)),
            }


def _is_worth_it(values: Mapping[str, Any]) -> bool:
    alone = min(cores.available(), int(os.environ.get(cores.VARIABLE) or 2)) < 2
    if alone or lent.SHELVES in os.environ:
        return False
    paths = [Path(path) for name, path in values.items() if path and name.endswith("_path")]
    return sum(path.stat().st_size for path in paths) <= _LARGEST


@contextlib.contextmanager
def _process(given: Mapping[str, Any]) -> Iterator[int]:
    """A process that becomes the notebook's kernel, parted from this one or started anew."""
    pid = _parted(given) if _is_bare() else _started(given)
    try:
        yield pid
    finally:
        # Already waited for, its number may be another's.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _is_bare() -> bool:
    """Whether this process has done nothing yet that a kernel must not have done."""
    return threading.active_count() == 1 and not {"numpy", "zmq", "IPython"} & set(sys.modules)


def _parted(given: Mapping[str, Any]) -> int:
    here = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        lifeline.die_with_parent(here)
        os.setsid()
        _bare()
        os.environ.update({**lifeline.ENVIRONMENT, **os.environ})
        _become(given)
    finally:
        os._exit(1)


def _bare() -> None:
    """Be as a process is that `lifeline.command` starts."""
    atexit._clear()
    # A lock is held by whoever has its file open.
    os.closerange(0, os.sysconf("SC_OPEN_MAX"))
    null = os.open(os.devnull, os.O_RDWR)
    for handle in range(3):
        os.dup2(null, handle)
    os.set_inheritable(null, True)
    if not sys.flags.safe_path:
        del sys.path[0]
    house = str(Path(__file__).resolve().parents[1])
    if house not in sys.path:
        sys.path.insert(0, house)


def _started(given: Mapping[str, Any]) -> int:
    process = subprocess.Popen(
        lifeline.command("crlm.ahead"),
        env={**lifeline.ENVIRONMENT, **os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with contextlib.suppress(OSError), process.stdin as stream:
        stream.write(json.dumps(given).encode())
    # Whoever has its number waits for it.
    process.returncode = 0
    return process.pid


# ---- the process that parts -------------------------------------------------


def main(parent: int) -> None:
    """Be the kernel of the notebook that is named on standard input."""
    lifeline.die_with_parent(parent)
    _become(json.load(sys.stdin))


def _become(given: Mapping[str, Any]) -> None:
    """Import, leave to children what can be worked out ahead, and be the kernel."""
    notebook, values, folder = Path(given["notebook"]), given["values"], Path(given["folder"])
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    loading.load(["crlm.once"])
    children = [_child(folder, lambda: _lend(notebook.stem, values))]
    rooms = [name for name in loading.imports_of(notebook) if name.startswith("crlm")]
    loading.load(rooms)
    children.append(_child(folder, lambda: _work(cells, values, folder / _PLACE)))
    loading.load(loading.KERNEL)
    gc.freeze()
    from crlm import kernel

    kernel.connect(folder)
    try:
        kernel.become(folder)
    finally:
        # Waited for, their work counts as the run's.
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os._exit(0)


def _child(folder: Path, work: Callable[[], object]) -> int:
    """A process that does this work; what it has found is there as long as it is."""
    gc.freeze()
    here = os.getpid()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            lifeline.die_with_parent(here)
            # Systems share their cores out among sessions.
            os.setsid()
            os.environ.update(lent.told([str(folder)], str(folder), str(folder)))
            os.environ[cores.VARIABLE] = "1"
            lent.keep, lent.marks = scratch.hold, True
            _borrow_handles()
            work()
            signal.pause()
        os._exit(0)
    return pid


def _lend(study: str, values: Mapping[str, Any]) -> None:
    """Work out what is the same in every run of a study, as far as this one asks for it."""
    from crlm import once

    once.lend(study, table=not values.get("cohort_path"))


def _work(cells: Sequence[Mapping[str, Any]], values: Mapping[str, Any], place: Path) -> None:
    """Work through the notebook up to where the run is, and keep what is found."""
    names: dict[str, Any] = {"__name__": "__main__"}
    numbers = {id(cell): number for number, cell in enumerate(cells)}
    met = False
    for cell in order(cells):
        # Every section needs what the first leave, whoever has made it by now.
        lent.heeds = not _sections(cell) & set(_FIRST)
        met |= lent.heeds and numbers[id(cell)] < _begun(place)
        if not met or _sections(cell) & set(_LAST):
            met |= not _done(cell, names)
        if "parameters" in cell["metadata"].get("tags", []):
            names.update(values)


def _begun(place: Path) -> int:
    """The number of the cell that the run is at, or of one shortly before it."""
    with contextlib.suppress(OSError, ValueError):
        # It has one more, that of the parameters.
        return int(place.read_text()) - 1
    return -1


def _done(cell: Mapping[str, Any], names: dict[str, Any]) -> bool:
    """Execute a cell; false where the run has come to it itself, as to all that are left."""
    with contextlib.suppress(Exception):
        try:
            exec("".join(cell["source"]), names)  # noqa: S102
        except lent.Needless:
            return False
    return True


def _borrow_handles() -> None:
    """As many open files as the system allows: each answer is one."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def order(cells: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The cells that only import, choose and call a paper's sections, in the order of working.

    Those that only choose and those on which others build, then the others from the last.
    """
    plain = [cell for cell in cells if cell["cell_type"] == "code" and _is_plain(cell)]
    calls = [_sections(cell) for cell in plain]
    first = [i for i, found in enumerate(calls) if not found or found & set(_FIRST)]
    rest = [i for i in range(len(plain)) if i not in first and not calls[i] & set(_NEVER)]
    rest.sort(key=lambda i: (not calls[i] & set(_SECOND), bool(calls[i] & set(_LAST)), -i))
    return [plain[i] for i in (*first, *rest)]


def _is_plain(cell: Mapping[str, Any]) -> bool:
    try:
        found = ast.parse("".join(cell["source"])).body
    except SyntaxError:
        return False
    return all(_is_safe(statement) for statement in found)


def _is_safe(statement: ast.stmt) -> bool:
    """Whether a statement of a paper's notebook can be run twice without anybody noticing."""
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    if not all(_called(call) or ast.unparse(call.func) in _MAKERS for call in calls):
        return False
    if isinstance(statement, ast.ImportFrom):
        return str(statement.module).startswith("crlm")
    made = isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign))
    return made or (isinstance(statement, ast.Expr) and bool(calls))


_MAKERS = ("Paper", "parameters.check", "globals")


def _called(call: ast.Call) -> str:
    """The method of `paper` that is called; empty for anything else."""
    made = call.func
    named = isinstance(made, ast.Attribute) and isinstance(made.value, ast.Name)
    return made.attr if named and made.value.id == "paper" else ""


def _sections(cell: Mapping[str, Any]) -> set[str]:
    calls = (n for n in ast.walk(ast.parse("".join(cell["source"]))) if isinstance(n, ast.Call))
    return set(filter(None, map(_called, calls)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
