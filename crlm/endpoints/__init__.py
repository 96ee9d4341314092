"""From what happened to each patient, and when, to a time and an event for each endpoint.

`from_history` turns an event history into times and events; `derive` gives the analysis
frame of one endpoint, the only thing the survival modules accept.

Examples
--------
>>> from crlm import cohort, ledger
>>> design = ledger.load_design("ncch_scp")
>>> patients = cohort.load(design.folder / "cohort.csv", design)
>>> history = cohort.load_history(design.folder / "history.csv", design)
>>> made = frames(timed(patients, history, design), design)
>>> len(made["OS"]), int(made["OS"]["event"].sum())
(150, 57)
"""

from crlm.endpoints.analysis import available, derive, derive_all, short_scp, why_not
from crlm.endpoints.bounds import (
    BOUNDS,
    EARLY_PNAC,
    VISIT_BOUNDS,
    bounds,
    died_then,
    last_negative,
    visit_bounds,
)
from crlm.endpoints.frames import frames, timed
from crlm.endpoints.outcomes import from_history, protocol_deviations

__all__ = [
    "BOUNDS",
    "EARLY_PNAC",
    "VISIT_BOUNDS",
    "available",
    "bounds",
    "derive",
    "derive_all",
    "died_then",
    "frames",
    "from_history",
    "last_negative",
    "protocol_deviations",
    "short_scp",
    "timed",
    "visit_bounds",
    "why_not",
]
