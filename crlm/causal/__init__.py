"""Questions of cause: who was treated or tested and why, and effects among comparable patients.

Frames in (an analysis frame of `endpoints.derive`, or patients), result rows out. `propensity`,
`weights`, `balance`, `balance_of`, `propensity_shares`: who gets a treatment, and whether the
sides are alike.
`weighted_effects`, `weighted_curve`, `weighted_risk_table`, `doubly_robust`, `modification`,
`reri`: effects, absolute first. `time_dependent`, `early_events`, `from_grace`, `strategies`:
treatment that begins later. `testing_weights`, `tested_effects`, `tested_against_untested`,
`late_entry`, `from_test`: who was tested. `e_values`, `needed_selection`, `shrink`, `power`,
`era`: what was not measured, and what few patients can say. `odds_by_month`: a yes-no outcome
where some were lost before. `THRESHOLDS`, `print_coherence` and the other rules of `flags`: when
a diagnostic is raised.

Terms are pairs of a column and how it enters: ("age", "spline"), ("cea", "log"), ("sex",
"factor"). Differences are second level minus first; differences of survival are positive where
the second level lives longer. Resamples draw patients by multinomial counts and fit everything
again; `default_rng([seed, k])`, with a fixed k for each analysis, so that one analysis more
leaves the digits of the others alone. Models for weights use Efron's ties. What cannot be
estimated is a row with the reason in `method`.

Examples
--------
How strong would an unmeasured factor have to be, to explain a hazard ratio of 0.6 by itself?

>>> from crlm import ledger
>>> effect = {"endpoint": "OS", "covariate": "hai", "level": "yes", "statistic": "hazard_ratio"}
>>> rows = ledger.rows([{**effect, "estimate": 0.6, "conf_low": 0.45, "conf_high": 0.8}])
>>> e_values(rows, common=True).set_index("statistic")["estimate"].round(2).to_dict()
{'e_value': 2.2, 'e_value_limit': 1.61}
"""

from crlm.causal.balance import balance_of
from crlm.causal.censoring import odds_by_month
from crlm.causal.conditional import doubly_robust, era
from crlm.causal.curves import propensity_shares, weighted_curve, weighted_risk_table
from crlm.causal.effects import weighted_effects
from crlm.causal.entry import from_test, late_entry
from crlm.causal.flags import THRESHOLDS, print_coherence
from crlm.causal.propensity import Propensity, balance, propensity, reweighing, weights
from crlm.causal.sensitivity import e_values, modification, needed_selection, power, reri, shrink
from crlm.causal.strategies import strategies
from crlm.causal.testing import (
    tested_against_untested,
    tested_effects,
    testing_weights,
)
from crlm.causal.timing import early_events, from_grace, time_dependent

__all__ = [
    "THRESHOLDS",
    "Propensity",
    "balance",
    "balance_of",
    "doubly_robust",
    "e_values",
    "early_events",
    "era",
    "from_grace",
    "from_test",
    "late_entry",
    "modification",
    "needed_selection",
    "odds_by_month",
    "power",
    "print_coherence",
    "propensity",
    "propensity_shares",
    "reri",
    "reweighing",
    "shrink",
    "strategies",
    "tested_against_untested",
    "tested_effects",
    "testing_weights",
    "time_dependent",
    "weighted_curve",
    "weighted_effects",
    "weighted_risk_table",
    "weights",
]
