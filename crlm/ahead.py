"""A run's kernel, and a second process that works out what it will ask for from the notebook's end.

One process imports, while the one that was started reads its papermill, and splits into both.

The run takes from it what it has found by then (`lent.pure`), waits for what it is at, and does
the rest itself: the two meet in the middle, and the run's bytes are what they are without it.
Answers stay in the memory of that process; it writes no file.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crlm import cores, lent, lifeline, render, scratch

_LARGEST = 20_000_000
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
#: What a kernel imports as it begins.
_KERNEL = ("ipykernel.kernelapp", "ipykernel.ipkernel", "IPython.core.completerlib", "sqlite3")
_KERNEL += ("matplotlib_inline.backend_inline", "crlm.kernel")
#: Methods of `Paper` on which others build or with which a run begins.
_FIRST = ("patients", "endpoints", "reviewer", "regression")
#: Those that write, or speak of what all sections before them have left.
_NEVER = ("provenance", "in_short", "published", "differences", "agreement", "second_opinion")
_NEVER += ("for_the_manuscript",)


@contextlib.contextmanager
def working(notebook: Path, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Have what a run of a notebook asks for worked out ahead, while this lasts.

    Yields what its engine is given: a kernel with everything imported. Kernels that are started
    meanwhile take what is found. Nothing happens where there is but one core to use, or the
    table is so large that two of it might not find room.

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
        ours = {**lent.told([str(folder)]), cores.VARIABLE: rest}
        with lent.environment(ours), _process({**given, "folder": str(folder)}) as pid:
            with render.quick_imports():
                from crlm import kernel
            yield {"kernel_manager_class": kernel.managing(folder, pid)}


def _is_worth_it(values: Mapping[str, Any]) -> bool:
    alone = min(cores.available(), int(os.environ.get(cores.VARIABLE) or 2)) < 2
    if alone or lent.SHELVES in os.environ:
        return False
    paths = [Path(path) for name, path in values.items() if path and name.endswith("_path")]
    return sum(path.stat().st_size for path in paths) <= _LARGEST


@contextlib.contextmanager
def _process(given: Mapping[str, Any]) -> Iterator[int]:
    process = subprocess.Popen(
        lifeline.command("crlm.ahead"),
        env={**_ENVIRONMENT, **os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with contextlib.suppress(OSError), process.stdin as stream:
            stream.write(json.dumps(given).encode())
        yield process.pid
    finally:
        process.kill()
        process.wait()


# ---- the process that splits ------------------------------------------------


def main(parent: int) -> None:
    """Import, leave the notebook that is named on standard input to a child, and be the kernel."""
    lifeline.die_with_parent(parent)
    given = json.load(sys.stdin)
    cells = json.loads(Path(given["notebook"]).read_text(encoding="utf-8"))["cells"]
    _import(cells)
    here = os.getpid()
    helper = os.fork()
    if helper == 0:
        with contextlib.suppress(BaseException):
            lifeline.die_with_parent(here)
            # Systems share their cores out among sessions.
            os.setsid()
            os.environ.update(lent.told([given["folder"]], given["folder"]))
            os.environ[cores.VARIABLE] = "1"
            _work(cells, given["values"])
            # What it has found is there as long as it is.
            signal.pause()
        os._exit(0)
    from crlm import kernel

    kernel.connect(Path(given["folder"]))
    try:
        kernel.become(Path(given["folder"]))
    finally:
        # Waited for, its work counts as the run's.
        os.kill(helper, signal.SIGKILL)
        os.waitpid(helper, 0)
        os._exit(0)


def _import(cells: Sequence[Mapping[str, Any]]) -> None:
    """What the notebook imports of this house, and what a kernel does; once for both."""
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    with render.quick_imports(), contextlib.suppress(SyntaxError):
        nodes = [n for n in ast.parse(source).body if isinstance(n, ast.ImportFrom)]
        for name in (*_KERNEL, *(str(node.module) for node in nodes)):
            if name.startswith(("crlm", *_KERNEL)):
                with contextlib.suppress(ImportError):
                    importlib.import_module(name)
    gc.freeze()


def _work(cells: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> None:
    """Work through the notebook, and keep what is found."""
    lent.keep, lent.marks = scratch.hold, True
    _borrow_handles()
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in order(cells):
        with contextlib.suppress(Exception):
            exec("".join(cell["source"]), names)  # noqa: S102
        if "parameters" in cell["metadata"].get("tags", []):
            names.update(values)


def _borrow_handles() -> None:
    """As many open files as the system allows: each answer is one."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def order(cells: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The cells that only import, choose and call a paper's sections, in the order of working.

    Those up to the endpoints and those on which others build, then the others from the last.
    """
    plain = [cell for cell in cells if cell["cell_type"] == "code" and _is_plain(cell)]
    calls = [_sections(cell) for cell in plain]
    start = next((i for i, found in enumerate(calls) if "endpoints" in found), -1)
    first = [i for i, found in enumerate(calls) if not found and i < start]
    first += [i for i, found in enumerate(calls) if found & set(_FIRST)]
    rest = [i for i in range(len(plain)) if i not in first and not calls[i] & set(_NEVER)]
    return [plain[i] for i in (*first, *reversed(rest))]


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
