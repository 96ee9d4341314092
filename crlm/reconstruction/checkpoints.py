"""A search on the disk while it goes: written now and then, taken up where it stood."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from crlm.files import write_atomically
from crlm.reconstruction.annealing import Search
from crlm.reconstruction.arrays import State


def save(
    search: Search,
    best: State,
    lost: Mapping[int, list[int]],
    done: int,
    checkpoint: Path,
    effort: float,
) -> None:
    """Write the cohort, the best start, the queue, what was lost, and the steps done."""
    parts = {f"now_{k}": part for k, part in enumerate(search.state)}
    parts |= {f"best_{k}": part for k, part in enumerate(best)}
    parts |= {f"queue_{k}": part for k, part in enumerate(search.queue)}
    pairs = [(k, j) for k, others in lost.items() for j in [-1, *others]]
    buffer = io.BytesIO()
    # Not compressed: that took longer than the steps of a short search.
    np.savez(
        buffer,
        of=np.array(_asked(search, effort)),
        done=np.array(done),
        lost=np.array(pairs, dtype=np.int64).reshape(-1, 2),
        **parts,
    )
    write_atomically(checkpoint, buffer.getvalue())


def restore(
    search: Search, checkpoint: Path | None, effort: float
) -> tuple[int, dict[int, list[int]], State | None]:
    """Steps done, what was lost so far, the best start; the state is set to where it stood.

    What another seed, effort or print has left is not gone on from.
    """
    lost: dict[int, list[int]] = {}
    if checkpoint is None or not checkpoint.is_file():
        return 0, lost, None
    with np.load(checkpoint) as saved:
        if "of" not in saved or str(saved["of"]) != _asked(search, effort):
            return 0, lost, None
        for k, part in enumerate(search.state):
            part[...] = saved[f"now_{k}"]
        for k, part in enumerate(search.queue):
            part[...] = saved[f"queue_{k}"]
        for k, j in saved["lost"].tolist():
            lost.setdefault(k, [])
            if j >= 0:
                lost[k].append(j)
        best = State(*(saved[f"best_{k}"] for k in range(len(search.state))))
        return int(saved["done"]), lost, best


def _asked(search: Search, effort: float) -> str:
    """What a search is of, as a checksum: its targets, its seed, its effort."""
    asked = f"({search.described}, {search.seed!r}, {float(effort)!r})"
    return hashlib.sha256(asked.encode()).hexdigest()
