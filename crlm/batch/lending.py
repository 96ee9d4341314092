"""What the runs of a batch lend each other, in a private folder that is gone at its end."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from crlm import home, lent, scratch
from crlm.batch.grid import Run
from crlm.files import checksum

NOTHING: dict[str, Any] = {"shelves": []}
#: Works out what is the same in every run of a study: see `once.lend`.
Lend = Callable[[str], None]


class Lending:
    """What each run is offered, and what comes back from it.

    Runs of a notebook that came with crlm on the shipped cohort lend each other what they find
    (`lent.pure`). Whatever else a notebook does, it gets nothing of another run and gives none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def offer(self, item: Run) -> dict[str, Any]:
        """The arguments of `lent.told` for a run."""
        if self._folder is None:
            return NOTHING
        common, shelf = (str(self._folder / name) for name in ("common", "shelf"))
        if not _is_shipped(item):
            return {"shelves": [common]}
        found = self._folder / "found" / item.key
        found.mkdir(parents=True, exist_ok=True)
        return {"shelves": [common, shelf], "found": str(found)}

    def take_back(self, item: Run, status: str) -> None:
        """Put what a finished run found where later runs look; of another it is dropped."""
        if self._folder is None:
            return
        found = self._folder / "found" / item.key
        for path in found.glob("*") if status == "finished" else ():
            with contextlib.suppress(OSError):
                os.replace(path, self._folder / "shelf" / path.name)
        shutil.rmtree(found, ignore_errors=True)


def _is_shipped(item: Run) -> bool:
    named = any(item.parameters.get(name) for name in ("cohort_path", "history_path"))
    at_hand = home.notebooks().get(item.study)
    if named or at_hand is None:
        return False
    return item.record["inputs"]["notebook"]["sha256"] == checksum(at_hand)


@contextlib.contextmanager
def lending(todo: Iterable[Run], lend: Lend | None) -> Iterator[Lending]:
    """Lend to these runs, with what `lend` works out for their studies; None: nothing at all."""
    if lend is None:
        yield Lending(None)
        return
    with scratch.private() as folder:
        common = folder / "common"
        for place in (common, folder / "shelf"):
            place.mkdir()
        with lent.environment(lent.told([str(common)], str(common))):
            for study in dict.fromkeys(item.study for item in todo):
                lend(study)
        yield Lending(folder)
