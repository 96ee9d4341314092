"""A notebook and its text twin: which of the two was edited.

    python -m crlm.twins notebooks

`make notebooks` builds each notebook from its text twin (.md). It asks here first, because an
edit that JupyterLab has not written to the twin would be lost.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path


def edited_alone(folder: Path) -> Iterator[str]:
    """One line for each notebook that holds an edit its text twin lacks.

    That is one whose cells (kind, text or tags) are not those of the twin, and which was
    written after the twin, or at the same moment.
    """
    for notebook in sorted(folder.glob("*.ipynb")):
        twin = notebook.with_suffix(".md")
        if not twin.is_file() or twin.stat().st_mtime > notebook.stat().st_mtime:
            continue
        at = _first_difference(notebook, twin)
        if at:
            yield (
                f"{notebook} was edited after its text twin and differs from it (cell {at}). "
                f"To keep that edit: jupytext --to md:myst {notebook}. "
                f"To drop it: touch {twin}."
            )


def behind(notebook: Path) -> Iterator[str]:
    """A line if the text twin of a notebook was edited, and the notebook does not hold the edit.

    Without jupytext (extra `lab`) nobody can tell.
    """
    twin = notebook.with_suffix(".md")
    if not twin.is_file() or twin.stat().st_mtime <= notebook.stat().st_mtime:
        return
    try:
        at = _first_difference(notebook, twin)
    except ImportError:
        return
    if at:
        yield (
            f"{twin.name} was edited after {notebook.name} and differs from it (cell {at}); the "
            f"run is of {notebook.name} as it was. To bring the edit in: jupytext --sync {twin}"
        )


def _first_difference(notebook: Path, twin: Path) -> int:
    """Number of the first cell in which the two differ, counted from 1; 0 if in none."""
    pairs = zip_longest(_cells(notebook), _cells(twin))
    return next((at for at, (one, other) in enumerate(pairs, 1) if one != other), 0)


def _cells(path: Path) -> list[tuple[str, str, list[str]]]:
    import jupytext

    cells = jupytext.read(path).cells
    return [(c.cell_type, c.source.strip(), sorted(c.metadata.get("tags", []))) for c in cells]


def main(arguments: Sequence[str]) -> int:
    """Exit code 1, and one line a notebook, if an edit would be lost."""
    lines = [line for folder in arguments for line in edited_alone(Path(folder))]
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
