"""Competing causes and states: who gets where by when, at which step something acts.

The doors take an analysis frame with a `cause` (`first_recurrence`, `failure_or_death`,
`with_competing` of any two endpoints) or a frame of `stays`, and return result rows
(`ledger.ROW_COLUMNS`). Behind them: `process` (the arithmetic of Aalen and Johansen on plain
arrays, with the errors of the infinitesimal jackknife), `causes`, `competing`, `curves`, `gray`,
`subdistribution` (Fine and Gray), `adjusted` (its tables), `pseudo`, `stays`, `occupation` and
`transitions`.

At risk at t are those with entry < t <= time; times that differ by a rounding error are one, by
the rule of R's `aeqSurv`. Cox models are those of `regression`, which alone knows the engine.
Curves and their errors are the room's own arithmetic, since they are wanted for all resamples
at once; the tests hold them against R's and the engine's. The numbers are those of R's
`survival` 3.5-3 and `cmprsk` 2.2-11.

Examples
--------
A first recurrence in the liver or elsewhere, or death before one, by month 24:

>>> import pandas as pd
>>> frame = pd.DataFrame({"time": [4.0, 9, 15, 22, 30, 36], "endpoint": "first_recurrence"})
>>> frame["event"] = [True, True, True, True, False, False]
>>> frame["cause"] = pd.Categorical(["liver", "elsewhere", "liver", "death", None, None])
>>> rows = incidence(frame, None, ["liver"], [24], samples=0, min_at_risk=1)
>>> rows[rows["model"] == "aalen-johansen"].set_index("level")["estimate"].round(1).to_dict()
{'liver': 33.3}
"""

from crlm.multistate.adjusted import subdistribution_table, with_subdistribution_scores
from crlm.multistate.causes import failure_or_death, first_recurrence, with_competing
from crlm.multistate.competing import cause_specific, guaranteed_time, incidence
from crlm.multistate.curves import incidence_curve, state_curve
from crlm.multistate.gray import gray
from crlm.multistate.occupation import states
from crlm.multistate.pseudo import pseudo, pseudo_values
from crlm.multistate.ratios import fine_gray
from crlm.multistate.stays import STATES, TRANSITIONS, from_state, stays
from crlm.multistate.transitions import markov, transitions

__all__ = [
    "STATES",
    "TRANSITIONS",
    "cause_specific",
    "failure_or_death",
    "fine_gray",
    "first_recurrence",
    "from_state",
    "gray",
    "guaranteed_time",
    "incidence",
    "incidence_curve",
    "markov",
    "pseudo",
    "pseudo_values",
    "state_curve",
    "states",
    "stays",
    "subdistribution_table",
    "transitions",
    "with_competing",
    "with_subdistribution_scores",
]
