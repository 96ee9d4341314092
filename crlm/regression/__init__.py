"""Hazard ratios and odds ratios: Cox and logistic regression as result rows.

The door: `cox`, `univariable`, `regression_table` and their kin take an
analysis frame (`time`, `event`, perhaps `entry`, covariates) and return rows
(`ledger.ROW_COLUMNS`). Behind it: `engine` (the PyPI package `survival`), `firth` and
`logit` (penalised and logistic likelihoods), `added` (score tests of many columns
at once), `terms` (patients to design columns), `solution` (estimates, or why
there are none), `models`, `counting` (covariates that change), `piecewise` (ratios
by period), `intervals` (events seen at visits), `interaction`, `checks`, `selection`, `shrinkage`
(noise that a model has learnt), `pooling` (levels drawn together), `tables` and `level_scores`
(p for trend).

Examples
--------
Six patients, four of whom died, and their age in decades:

>>> import pandas as pd
>>> frame = pd.DataFrame({"time": [6.0, 13, 21, 30, 31, 37], "decades": [5.0, 7, 6, 6, 4, 5]})
>>> frame["event"] = [True, True, False, True, False, True]
>>> rows = cox(frame, ["decades"], ties="efron")
>>> rows.set_index("statistic")["estimate"].round(2).to_dict()
{'n': 6.0, 'hazard_ratio': 2.3, 'p': 0.26}
>>> rule(["hai", "age"], selection="backward", entry_p=0.1).words()
'backward selection (p < 0.05) from univariable p < 0.1 (wald)'
"""

from crlm.regression.checks import cindex, drifts, ph_test
from crlm.regression.counting import time_dependent
from crlm.regression.interaction import interaction
from crlm.regression.intervals import interval_censored, visit_grid
from crlm.regression.level_scores import with_scores
from crlm.regression.models import cox, firth_cox, logistic, univariable
from crlm.regression.piecewise import piecewise
from crlm.regression.pooling import pooled_levels
from crlm.regression.selection import Removal, Rule, backward, rule, select
from crlm.regression.shrinkage import expected_shrinkage, optimism
from crlm.regression.tables import (
    bootstrap_selection,
    bootstrap_table,
    logistic_table,
    regression_table,
)
from crlm.regression.terms import held_against

__all__ = [
    "Removal",
    "Rule",
    "backward",
    "bootstrap_selection",
    "bootstrap_table",
    "cindex",
    "cox",
    "drifts",
    "expected_shrinkage",
    "firth_cox",
    "held_against",
    "interaction",
    "interval_censored",
    "logistic",
    "logistic_table",
    "optimism",
    "ph_test",
    "piecewise",
    "pooled_levels",
    "regression_table",
    "rule",
    "select",
    "time_dependent",
    "univariable",
    "visit_grid",
    "with_scores",
]
