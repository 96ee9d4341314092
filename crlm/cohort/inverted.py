"""Events that may be coded the other way round: by how many have them, and by the curves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from crlm.cohort.rules import ROUNDING

#: Below this many patients a distribution says nothing about a column.
ENOUGH = 20


def events(patients: pd.DataFrame, confirmed: frozenset[str]) -> list[str]:
    """What is odd in the columns of events.

    Parameters
    ----------
    patients : pandas.DataFrame
        Events as booleans, times in months; a column may be absent.
    confirmed : frozenset of str
        Columns that the codebook confirms.

    Returns
    -------
    list of str
    """
    found = [] if "os_event" in confirmed else list(_of_death(patients))
    return [*found, *_rates(patients, confirmed)]


def _rates(patients: pd.DataFrame, confirmed: frozenset[str]) -> Iterator[str]:
    """Nearly all or nearly none have the event: the codes may be the other way round."""
    for event in [n for n in patients if n.endswith("_event") and n not in confirmed]:
        known = patients[event].dropna()
        if len(known) < ENOUGH:
            continue
        happened = int(known.sum())
        share = happened / len(known)
        # Nearly everyone recurs in many a cohort; nearly nobody lives on only in a wrong one.
        if share < 0.05 and not _is_young(patients, event) or share > 0.97 and event == "os_event":
            yield (
                f"{event}: {happened} of {len(known)} patients ({100 * share:.0f} %) have the "
                "event, so 0 and 1 may be the other way round. If it is inverted: "
                f"`{event}: {{from: ..., values: {{1: 0, 0: 1}}}}`; if it is right, set "
                f"`confirm: [{event}]` in the codebook."
            )


def _is_young(patients: pd.DataFrame, event: str) -> bool:
    """A cohort that has been followed for so short a time that everyone may be alive."""
    time = event.removesuffix("_event") + "_months"
    return event != "rfs_event" and time in patients and bool(patients[time].median() < 30)


def _of_death(patients: pd.DataFrame) -> Iterator[str]:
    """Who died has been followed for less long, and recurred more often, than who lives."""
    if not {"os_months", "os_event"} <= set(patients):
        return
    known = patients.dropna(subset=["os_months", "os_event"])
    died = known["os_event"].astype(bool)
    longer = _longer(known["os_months"], died)
    if longer is None:
        return
    share, z = longer
    recurred = _recurred(known, died)
    # Who recurs dies of it: in cohorts read early the dead may well have the longer times.
    if recurred > 3 or (min(z, recurred) > 0 and z + recurred > 3.5):
        evidence = "patients with the event had recurred less often than those without"
    elif z > 3.5 and share > 0.72 and recurred > -1.5:
        evidence = (
            f"in {100 * share:.0f} % of pairs the patient with the event was followed for longer "
            "than the one without"
        )
    else:
        return
    yield (
        f"os_event: {evidence}. Are 0 and 1 exchanged (`values: {{1: 0, 0: 1}}`)? If not, set "
        "`confirm: [os_event]`."
    )


def _longer(months: pd.Series, died: pd.Series) -> tuple[float, float] | None:
    """Share of pairs in which the dead was followed for longer, and how far it is from half."""
    n, m = int(died.sum()), int((~died).sum())
    if min(n, m) < 5:
        return None
    ranks = months.rank()
    share = float((ranks[died].sum() - n * (n + 1) / 2) / (n * m))
    return share, (share - 0.5) / float(np.sqrt((n + m + 1) / (12 * n * m)))


def _recurred(known: pd.DataFrame, died: pd.Series) -> float:
    """How much less often the dead had recurred than the living, in standard errors."""
    if not {"rfs_months", "rfs_event"} <= set(known):
        return 0.0
    early = known["rfs_months"] < known["os_months"] - ROUNDING
    recurred = (early & known["rfs_event"].fillna(False).astype(bool)).to_numpy()
    n, m, share = int(died.sum()), int((~died).sum()), recurred.mean()
    if not 0 < share < 1 or min(n, m) == 0:
        return 0.0
    error = np.sqrt(share * (1 - share) * (1 / n + 1 / m))
    return float((recurred[~died].mean() - recurred[died].mean()) / error)
