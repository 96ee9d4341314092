"""Which table a run reads when the reader names none, and what kind of cohort it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from crlm.cohort.adapters import source
from crlm.cohort.history import load_history
from crlm.ledger import Design

_OWN = {"kind": "own", "title": "", "note": ""}


def origin(cohort_path: str, design: Design) -> dict[str, Any]:
    """The table to read and what is known of it.

    Parameters
    ----------
    cohort_path : str
        The reader's table; empty for the cohort shipped with the study.

    Returns
    -------
    dict
        `path`; `kind` ("reconstructed" for the shipped cohort, "public" for
        one that an adapter wrote, else "own"); `title` and `note`, maybe empty.
    """
    path = Path(cohort_path) if cohort_path else design.folder / "cohort.csv"
    return {"path": str(path), **_OWN, **(source(path) or {})}


def events(
    history_path: str, cohort_path: str, design: Design, codebook: str | None = None
) -> pd.DataFrame:
    """The event history that belongs to a table: the one named, the shipped one, or empty."""
    if history_path:
        return load_history(history_path, design, codebook)
    shipped = design.folder / "history.csv"
    if not cohort_path and shipped.is_file():
        return load_history(shipped, design)
    return pd.DataFrame(columns=["patient_id", "date", "event", "details"])
