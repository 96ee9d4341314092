"""One effect under every combination of choices that an analysis could have made.

A paper prints one model; its covariates, cut-offs, endpoint rule, rule for tied
times, way with missing values, patients and form of the effect could have been chosen
otherwise.
`declare` lists the choices and draws combinations, `curve` estimates the effect under
each, `Plan.under` asks the same of another form of the effect (weighted, competing risks, from
the start of treatment), `inference` asks how often the claim holds and whether so many results
could come about without any effect (Simonsohn U, Simmons JP, Nelson LD. Nat Hum
Behav 2020;4:1208).

Examples
--------
>>> from crlm import cohort, endpoints, ledger
>>> design = ledger.load_design("ncch_scp")
>>> patients = cohort.load(design.folder / "cohort.csv", design)
>>> history = cohort.load_history(design.folder / "history.csv", design)
>>> frame = endpoints.frames(endpoints.timed(patients, history, design), design)["OS"]
>>> plan = declare({"the whole period": frame}, "ras", ["age", "sex"], design, most=4, seed=1)
>>> tried = curve(plan)
>>> len(tried), bool((tried["hazard_ratio"] > 1).all())
(4, True)
"""

from crlm.specification.choices import MEASURES, MISSING, Plan, Specification, declare
from crlm.specification.curves import curve
from crlm.specification.forms import ADJUSTED, COMPETING, FORMS, KINDS, STARTED, own_model
from crlm.specification.library import followed_to
from crlm.specification.permutation import inference

__all__ = [
    "ADJUSTED",
    "COMPETING",
    "FORMS",
    "KINDS",
    "MEASURES",
    "MISSING",
    "STARTED",
    "Plan",
    "Specification",
    "curve",
    "declare",
    "followed_to",
    "inference",
    "own_model",
]
