"""Hazard ratios and odds ratios: Cox and logistic regression as result rows.

The door: `cox`, `univariable`, `regression_table` and their kin take an
analysis frame (`time`, `event`, perhaps `entry`, covariates) and return rows
(`ledger.ROW_COLUMNS`). Behind it: `engine` (the PyPI package `survival`), `firth` and
`logit` (penalised and logistic likelihoods), `added` (score tests of many columns
at once), `terms` (patients to design columns), `solution` (estimates, or why
there are none), `models`, `counting` (covariates that change), `interaction`, `checks`,
`selection` and `tables`.
"""

from crlm.regression.checks import cindex, ph_test
from crlm.regression.counting import time_dependent
from crlm.regression.interaction import interaction
from crlm.regression.models import cox, firth_cox, logistic, univariable
from crlm.regression.selection import Removal, Rule, backward, rule, select
from crlm.regression.tables import (
    bootstrap_selection,
    bootstrap_table,
    logistic_table,
    regression_table,
)

__all__ = [
    "Removal",
    "Rule",
    "backward",
    "bootstrap_selection",
    "bootstrap_table",
    "cindex",
    "cox",
    "firth_cox",
    "interaction",
    "logistic",
    "logistic_table",
    "ph_test",
    "regression_table",
    "rule",
    "select",
    "time_dependent",
    "univariable",
]
