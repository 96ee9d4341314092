"""A notebook's cells run in this process: quick enough to try many cohorts and parameters."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import tempfile
from pathlib import Path

import jupytext
import numpy as np
from IPython.core import displayhook, formatters  # noqa: F401  IPython's display needs them

from crlm import files, lent, once

ROOT = Path(__file__).parents[1]
#: Few draws, so that a whole report takes some seconds.
QUICK = {
    "bootstrap_samples": 3,
    "specifications": 6,
    "permutations": 5,
    "chapter_samples": 3,
    "imputations": 2,
}


_LENT = tempfile.TemporaryDirectory(prefix="crlm-tests-")


@functools.cache
def _lent(study):
    """A shelf with what is the same in every run, as a batch lends it."""
    shelf = str(Path(_LENT.name) / study)
    os.mkdir(shelf)
    with lent.environment(lent.told([shelf], shelf)):
        once.lend(study)
    return shelf


class Shown(list):
    """What the cells displayed, in order; a display that was updated holds the last piece."""

    @property
    def text(self):
        """All as text."""
        return "\n".join(repr(piece) for piece in self)


def shelved(monkeypatch, shelf):
    """Have what a file's tests ask twice answered from a folder of theirs (`crlm.lent.pure`)."""
    for name, value in lent.told([str(shelf)], str(shelf)).items():
        monkeypatch.setenv(name, value)


def execute(study, monkeypatch, shelf=None, paint=True, **values):
    """Run a study's notebook with these parameters; what `running` yields in the end."""
    *_, (namespace, shown) = running(study, monkeypatch, shelf, paint, **values)
    return namespace, shown


def running(study, monkeypatch, shelf=None, paint=True, **values):
    """Run a study's notebook with these parameters, cell by cell.

    Parameters
    ----------
    shelf : Path, optional
        Folder where runs leave what other runs may take, as in a batch (`crlm.lent.pure`).
    paint : bool
        Whether pictures are painted once they are drawn; not needed where rows are looked at.

    Yields
    ------
    (namespace, shown) : tuple of dict and Shown
        As they are after each cell.
    """
    files.forget()
    shown = Shown()

    class Handle:
        def __init__(self, at):
            self.at = at

        def update(self, piece):
            shown[self.at] = piece

    def display(*pieces, display_id=None, **_):
        for piece in pieces:
            if not hasattr(piece, "_ipython_display_"):
                shown.append(piece)
        return Handle(len(shown) - 1) if display_id else None

    monkeypatch.setattr("IPython.display.display", display)
    if not paint:
        blank = np.full((9, 9, 3), 255, np.uint8)
        monkeypatch.setattr("crlm.report.figures.picture._cropped", lambda _: blank)
    if shelf:
        for name, value in lent.told([_lent(study), str(shelf)], str(shelf)).items():
            monkeypatch.setenv(name, value)
    cells = jupytext.read(ROOT / "notebooks" / f"{study}.md").cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    injected = "# Parameters\n" + "\n".join(f"{k} = {v!r}" for k, v in values.items())
    sources.insert(1, injected)
    namespace = {"__name__": "__main__", "In": [""]}
    for source in sources:
        namespace["In"].append(source)
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(source, f"<{study}>", "exec"), namespace)
        yield namespace, shown
