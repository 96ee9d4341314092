"""What a report says at its top of its cohort, and of whether it may be sent."""

from __future__ import annotations

import pandas as pd

#: One line on each kind of cohort, and what else a reader must know of it.
KINDS = {
    "reconstructed": (
        "Synthetic cohort: no row is a patient.",
        "The table was made from the paper's printed numbers. Agreement with the print shows "
        "that the analysis is the paper's and that its numbers can hold together. It shows "
        "nothing about medicine, and the rows must not be pooled as data.",
    ),
    "public": (
        "Public cohort: real patients, published by others.",
        "This report is a replication on their data.",
    ),
    "own": (
        "The reader's own cohort.",
        "On other patients than the paper's this report is a replication; on the paper's own it "
        "is a check of the printed numbers.",
    ),
}
_CELLS = ("n", "missing", "n_at_risk", "cumulative_events", "events")


def safe_banner(k: int, run: str, own: bool) -> str:
    """The line at the top of a report that was made safe and passed the attack."""
    whose = "Your own cohort. " if own else ""
    return (
        f"{whose}Numbers of fewer than {k} patients are hidden (--safe {k}); checked by attack "
        f"on {run}: each keeps at least {k} possible values. This is not anonymisation; your "
        "institution decides on release."
    )


def small_cells(rows: pd.DataFrame, k: int = 5) -> int:
    """How many counts of 1 to K - 1 patients the rows of a report print."""
    counts = rows[rows["statistic"].isin(_CELLS)]["estimate"].astype(float)
    return int(((counts > 0) & (counts < k)).sum())


def unsafe_banner(cells: int, k: int = 5) -> str:
    """The line at the top of a report on the reader's own patients that was not made safe."""
    noun = "cell" if cells == 1 else "cells"
    return (
        f"Not for sending. This report holds numbers of single patients: {cells} {noun} under "
        f"{k}, extremes, single deaths on the curves. Make one to send with --safe {k}."
    )
