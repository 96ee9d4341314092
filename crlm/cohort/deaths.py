"""Endpoints of one cause of death, where a table has OS and the cause of each death alone."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from crlm.ledger import Design

_NEEDED = ("os_months", "os_event", "cause_of_death")


def with_causes(patients: pd.DataFrame, design: Design) -> pd.DataFrame:
    """The patients with times to death of one cause, as of `death_of` in the design.

    The time is that of OS, its event the death if it is of the cause; other deaths censor. Of a
    death without a known cause the event is not known, and the patient is left out of that
    analysis. Times that the table or a history has are kept.

    Parameters
    ----------
    patients : pandas.DataFrame
        With `os_months`, `os_event` and `cause_of_death`; else nothing is made.
    design : Design

    Returns
    -------
    pandas.DataFrame
        A new frame, with `<endpoint>_months` and `<endpoint>_event` (nullable boolean).
    """
    made = {}
    for name, cause in made_from_os(patients, design):
        died = patients["os_event"].astype("boolean")
        known = patients["cause_of_death"].astype(object).where(lambda held: held != "unknown")
        of_cause = (known == cause).astype("boolean").mask(known.isna())
        event = died & of_cause
        made[f"{name.lower()}_months"] = patients["os_months"].mask(event.isna().to_numpy())
        made[f"{name.lower()}_event"] = event
    return patients.assign(**made)


def made_from_os(patients: pd.DataFrame, design: Design) -> Iterator[tuple[str, str]]:
    """Endpoints that OS and the cause of death give, each with its cause."""
    held = set(patients) >= set(_NEEDED) and patients["cause_of_death"].notna().any()
    for name, spec in design.endpoints.items() if held else ():
        own = [f"{name.lower()}_months", f"{name.lower()}_event"]
        there = set(own) <= set(patients) and patients[own].notna().all(axis=1).any()
        if spec.get("death_of") and not spec.get("after") and not there:
            yield name, str(spec["death_of"])
