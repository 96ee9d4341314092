"""How a process that starts runs, or is a notebook's, gets its packages in little time."""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import json
import sys
from collections.abc import Iterable, Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.util import spec_from_loader
from pathlib import Path
from typing import Any

#: What a kernel imports as it begins.
KERNEL = (
    "crlm.kernel",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "IPython.core.completerlib",
    "sqlite3",
    "matplotlib_inline.backend_inline",
)
#: Without it papermill has no files on Hadoop, and no numpy.
OF_PAPERMILL = "pyarrow"
# What a paper's sections import when they are called.
_LATE = {"crlm.paper": ("lifelines", "seaborn", "statsmodels.duration.hazard_regression")}


def load(names: Iterable[str]) -> None:
    """Import these modules; what cannot be imported fails in the notebook, where it is reported."""
    with quick_imports():
        for name in names:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def late(rooms: Iterable[str]) -> list[str]:
    """What these modules of the house import when they are called."""
    return [name for room in rooms for name in _LATE.get(room, ())]


def imports_of(notebook: Path) -> tuple[str, ...]:
    """The modules that a notebook's cells import, as far as they can be read off it."""
    cells = json.loads(notebook.read_text(encoding="utf-8")).get("cells", [])
    found: dict[str, None] = {}
    for cell in cells:
        with contextlib.suppress(SyntaxError):
            if cell.get("cell_type") == "code":
                for node in ast.parse("".join(cell["source"])).body:
                    found.update(dict.fromkeys(_modules(node)))
    return tuple(found)


def _modules(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


class _Spared(MetaPathFinder, Loader):
    """Leaves out modules that packages import for nobody here."""

    def __init__(self, without: Iterable[str]) -> None:
        self._without = {"rfc3987_syntax", *without}

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """An empty module, none at all, or what others find."""
        if name in self._without:
            raise ModuleNotFoundError(f"{name} is left out", name=name)
        return spec_from_loader(name, self) if name == "numpy.f2py" else None

    def exec_module(self, module: object) -> None:
        """Leave it empty."""


@contextlib.contextmanager
def quick_imports(*without: str) -> Iterator[None]:
    """Import packages without what they would load for nobody here.

    `rfc3987_syntax` serves a check of internationalised web addresses, which no notebook has;
    jsonschema goes without where it is not installed, and builds no grammar for 1.5 s. scipy
    takes every name that numpy has, and with them a compiler of Fortran, `f2py`. And modules
    leave no garbage to be looked for.

    Parameters
    ----------
    *without : str
        Further packages that these do without where they are not installed.
    """
    spared, collecting = _Spared(without), gc.isenabled()
    sys.meta_path.insert(0, spared)
    gc.disable()
    try:
        yield
    finally:
        sys.meta_path.remove(spared)
        if collecting:
            gc.enable()
        if isinstance(getattr(sys.modules.get("numpy.f2py"), "__loader__", None), _Spared):
            del sys.modules["numpy.f2py"], sys.modules["numpy"].f2py
