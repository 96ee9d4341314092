"""A patient table and its event history: who is in the one and not in the other."""

from __future__ import annotations

from typing import Any

import pandas as pd

from crlm.cohort.flow import eligibility
from crlm.cohort.understanding import refuse_for
from crlm.cohort.wording import count, violation
from crlm.ledger import Design
from crlm.refusals import row_list, tidy

Found = tuple[list[dict[str, Any]], list[str]]


def pair(
    patients: pd.DataFrame, history: pd.DataFrame, design: Design, accepted: bool = False
) -> Found:
    """What a history leaves out of a table, and what it holds besides.

    Parameters
    ----------
    patients : pandas.DataFrame
        From `load`: one row a patient.
    history : pandas.DataFrame
        From `load_history`: one row an event.
    design : Design
        Who is eligible, and so needs a time.
    accepted : bool
        The codebook says `confirm: [history]`: patients without a history are left empty.

    Returns
    -------
    violations, notes : list of dict, list of str
        Rows of the patient table count from 2, below its header.
    """
    if history.empty:
        return [], []
    known, told = set(history["patient_id"]), set(patients["patient_id"])
    bare = ~patients["patient_id"].isin(known)
    needed = bare & eligibility(patients, design).all(axis=1) & _timeless(patients)
    stray = history[~history["patient_id"].isin(told)]
    near = bare & _spelt_otherwise(patients, stray)
    found = [*_misspelt(patients, near), *_without(patients, needed & ~near & (not accepted))]
    notes = _notes(patients, needed & ~near & accepted, stray)
    return found, [*notes, *_without_start(patients, history)]


def refuse_unpaired(
    patients: pd.DataFrame, history: pd.DataFrame, design: Design, accepted: bool = False
) -> None:
    """Refuse a history that fits the table in part only, unless the codebook accepts it.

    Raises
    ------
    CohortError
        Naming the rows of the patient table, and how to go on.
    """
    found, notes = pair(patients, history, design, accepted)
    refuse_for(found, "The event history does not fit the patient table")
    history.attrs["notes"] = [*history.attrs.get("notes", []), *notes]


def _timeless(patients: pd.DataFrame) -> pd.Series:
    if "os_months" not in patients:
        return pd.Series(True, index=patients.index)
    return patients["os_months"].isna()


def _without_start(patients: pd.DataFrame, history: pd.DataFrame) -> list[str]:
    """HAI of which a history that tells of others' start does not tell."""
    started = set(history.loc[history["event"] == "hai_start", "patient_id"])
    if not started or "hai" not in patients:
        return []
    open_still = (patients["hai"].astype(object) == "yes") & ~patients["patient_id"].isin(started)
    if "hai_start_months" in patients:
        open_still &= patients["hai_start_months"].isna()
    if not open_still.any():
        return []
    rows = _rows(patients, open_still)
    return [f"HAI without its start in {count(len(rows), 'patient')} ({row_list(rows, 5)})."]


def _rows(patients: pd.DataFrame, mask: pd.Series) -> list[int]:
    return [int(place) + 2 for place in mask.to_numpy().nonzero()[0]]


def _spelt_otherwise(patients: pd.DataFrame, stray: pd.DataFrame) -> pd.Series:
    """Identifiers that are the same but for zeros in front, case, width or marks."""
    keys = {_key(text) for text in stray["patient_id"].dropna().unique()}
    return patients["patient_id"].map(_key, na_action="ignore").isin(keys)


def _misspelt(patients: pd.DataFrame, near: pd.Series) -> list[dict[str, Any]]:
    rule = "is written otherwise in the history (zeros in front, case, width, spaces or marks)"
    remedy = (
        "Write one identifier in both. A spreadsheet takes zeros from the front: format the "
        "column as text and fill it in again."
    )
    return [
        violation(row, "patient_id", "patient_id", name, rule, remedy)
        for row, name in zip(_rows(patients, near), patients.loc[near, "patient_id"], strict=True)
    ]


def _key(text: str) -> str:
    bare = "".join(mark for mark in tidy(text).casefold() if mark.isalnum())
    return bare.lstrip("0") or "0"


def _without(patients: pd.DataFrame, needed: pd.Series) -> list[dict[str, Any]]:
    rule = "has neither a history nor a time of follow-up"
    remedy = (
        "Add the history, or set `confirm: [history]` in the codebook to go on without these "
        "patients."
    )
    return [
        violation(row, "patient_id", "patient_id", name, rule, remedy)
        for row, name in zip(
            _rows(patients, needed), patients.loc[needed, "patient_id"], strict=True
        )
    ]


def _notes(patients: pd.DataFrame, accepted: pd.Series, stray: pd.DataFrame) -> list[str]:
    notes = []
    if accepted.any():
        rows = _rows(patients, accepted)
        notes.append(
            f"{count(len(rows), 'patient')} ({row_list(rows)}) with neither a history nor a time "
            "of follow-up. Accepted by the codebook."
        )
    if len(stray):
        number = stray["patient_id"].nunique()
        rows = stray["row"] if "row" in stray else stray.index + 2
        notes.append(
            f"The history holds {count(number, 'patient')} who {'is' if number == 1 else 'are'} "
            f"not in the table ({row_list(rows)} of the history); they are passed over."
        )
    return notes
