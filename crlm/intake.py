"""Patient tables are read before anything starts, by `crlm run` and `crlm batch` alike.

A room of its own above cohort and endpoints, since a history may contradict itself or the
table: the two rooms that start notebooks import no analysis, so the commands give them this.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crlm import cohort, endpoints, ledger
from crlm.ledger import CohortError, CrlmError


def look(tables: Iterable[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Read every cohort, history and codebook, and tell what kind of patients they hold.

    Parameters
    ----------
    tables : iterable of (study, values)
        `values` as a notebook's parameters: `cohort_path`, `history_path`,
        `codebook_path`, each maybe empty or absent for what is shipped.

    Returns
    -------
    list of dict
        In the same order: `kind`, `title` and `note` as from `cohort.origin`, and `n`, the
        rows of the table. `kind` is empty for a study that the ledger does not know.

    Raises
    ------
    CohortError
        If one cannot be used; the message has every problem of all of them.
    """
    found, problems = [], []
    for study, values in tables:
        try:
            found.append(_look(study, values))
        except CrlmError as error:
            problems.append(error)
    _refuse(problems)
    _give_back()
    return found


def _give_back() -> None:
    """Give the system back what reading has freed: the run's other processes need the room."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _look(study: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if study not in ledger.studies():
        return {"kind": "", "title": "", "note": "", "n": 0}
    design = ledger.load_design(study)
    codebook = values.get("codebook_path") or None
    table, history = (str(values.get(name) or "") for name in ("cohort_path", "history_path"))
    problems, source, patients = [], {}, None
    try:
        source = cohort.origin(table, design)
        patients = cohort.load(source["path"], design, codebook)
        cohort.refuse_nobody(patients, design)
    except CrlmError as error:
        problems.append(error)
    try:
        events = cohort.events(history, table, design, codebook, patients)
        if patients is not None:
            endpoints.from_history(patients, events, design)
    except CrlmError as error:
        problems.append(error)
    _refuse(problems)
    return {**{name: source[name] for name in ("kind", "title", "note")}, "n": len(patients)}


def _refuse(problems: Sequence[CrlmError]) -> None:
    """All problems as one error, each once; nothing if there is none."""
    if problems:
        told = "\n\n".join(dict.fromkeys(error.told for error in problems))
        raise CohortError("\n\n".join(dict.fromkeys(map(str, problems))), told=told)
