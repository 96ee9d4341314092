"""Tables that a process has read already, for itself and its forks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crlm import files
from crlm.ledger import Design

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class _Known:
    content: bytes
    design: Design
    frame: pd.DataFrame


_KNOWN: dict[Path, _Known] = {}


def remember(path: PathLike, design: Design, frame: pd.DataFrame) -> None:
    """Keep what a file was read to under a design, without a codebook."""
    file = Path(path).resolve()
    _KNOWN[file] = _Known(files.read(file), design, frame.copy())


def recall(path: PathLike, design: Design) -> pd.DataFrame | None:
    """A copy of what was remembered of a file, None if it or the design differs from then."""
    file = Path(path).resolve()
    known = _KNOWN.get(file)
    if known is None or known.design != design or files.read(file) != known.content:
        return None
    return known.frame.copy()
