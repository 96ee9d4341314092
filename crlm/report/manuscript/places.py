"""Under which heading of a study's notebook each section stands, for links into its report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CALL = re.compile(r"\bpaper\.(\w+)\(")
_HEADING = re.compile(r"^#{2,3} +(.+?) *$", re.MULTILINE)


class Places:
    """The headings of a notebook, by the calls of `paper` that stand under them.

    Parameters
    ----------
    notebook : pathlib.Path, optional
        None, or a file that cannot be read: no heading is known, and nothing is linked.
    """

    def __init__(self, notebook: Path | None = None) -> None:
        self._under: dict[str, dict[str, None]] = {}
        for heading, call in _calls(_cells(notebook)):
            self._under.setdefault(call, {})[heading] = None

    def of(self, call: str) -> list[str]:
        """The headings under which a call stands, in the notebook's order."""
        return list(self._under.get(call, ()))


def _cells(notebook: Path | None) -> list[dict[str, Any]]:
    try:
        text = notebook.read_text(encoding="utf-8") if notebook else "{}"
        return list(json.loads(text).get("cells", ()))
    except (OSError, ValueError):
        return []


def _calls(cells: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    heading = ""
    for cell in cells:
        source = "".join(cell.get("source", ""))
        if cell.get("cell_type") == "markdown":
            heading = (_HEADING.findall(source) or [heading])[-1]
        elif heading:
            yield from ((heading, call) for call in _CALL.findall(source))
