"""Which table a run reads when the reader names none, and what kind of cohort it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crlm.cohort.adapters import source
from crlm.cohort.codebook import read_codebook
from crlm.cohort.history import has_history, load_history
from crlm.cohort.pairing import refuse_unpaired
from crlm.ledger import CohortError, Design

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

    Raises
    ------
    CohortError
        If the reader names no table and none is shipped.
    """
    path = Path(cohort_path) if cohort_path else design.folder / "cohort.csv"
    if not cohort_path and not path.is_file():
        raise CohortError(
            f"{design.study} has no cohort yet: there is no data/{design.study}/cohort.csv. "
            f"Name a table of your own (--cohort FILE), or search a synthetic one with "
            f"`crlm reconstruct {design.study} --out data/{design.study}`."
        )
    return {"path": str(path), **_OWN, **(source(path) or {})}


def unnamed(origin: Mapping[str, Any]) -> dict[str, Any]:
    """What a safe report may know of its table: no file, so that no checksum confirms a guess.

    What the publishers of a public cohort ask to be said of it stays.

    Examples
    --------
    >>> unnamed({"kind": "own", "path": "ward_7.csv", "title": "Ward 7", "note": "", "files": {}})
    {'kind': 'own', 'title': '', 'note': '', 'path': '', 'files': {}}
    """
    told = {name: origin[name] if origin["kind"] == "public" else "" for name in ("title", "note")}
    return {"kind": origin["kind"], **told, "path": "", "files": {}}


def events(
    history_path: str,
    cohort_path: str,
    design: Design,
    codebook: str | None = None,
    patients: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The event history that belongs to a table.

    Parameters
    ----------
    history_path : str
        The reader's history; empty looks for a sheet of one beside the patients, and for
        the shipped one where the shipped table is read.
    cohort_path : str
        The reader's table; empty for the shipped one.
    design : Design
        The study.
    codebook : str, optional
        Its section `history`.
    patients : pandas.DataFrame, optional
        The table from `load`: a history that fits it in part only is refused.

    Returns
    -------
    pandas.DataFrame
        As `load_history` gives it; empty if there is none. `attrs["notes"]` holds what is
        worth knowing, for a report.

    Raises
    ------
    CohortError
        As `load_history`, or if the history does not fit the table.
    """
    path = find_history(history_path, cohort_path, design, codebook)
    if not path:
        return pd.DataFrame(columns=["patient_id", "date", "event", "details"])
    history = load_history(path, design, codebook if cohort_path or history_path else None)
    if path == cohort_path:
        note = "The event history was read from a sheet of the patients' own workbook."
        history.attrs["notes"] = [note, *history.attrs.get("notes", [])]
    if patients is not None:
        book = read_codebook(codebook, design.columns, design.study)
        refuse_unpaired(patients, history, design, "history" in book.confirm)
    return history


def find_history(
    history_path: str, cohort_path: str, design: Design, codebook: str | None = None
) -> str:
    """The file in which the history of a table stands; "" if there is none."""
    if history_path:
        return history_path
    if cohort_path:
        return cohort_path if has_history(cohort_path, design, codebook) else ""
    shipped = design.folder / "history.csv"
    return str(shipped) if shipped.is_file() else ""
