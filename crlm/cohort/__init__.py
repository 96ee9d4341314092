"""Patient tables: reading, codebook, checks, eligibility, adapters. This is the only door.

`load` and `check` read a table, `contradictions` tells which rules one breaks,
`load_history` and `check_history` an event history, `template` writes an empty workbook
to fill in, `eligibility` and `attrition` say who is analysed, `add_factors` makes the
study's dichotomies, `import_tcia_crlm` converts the one public cohort, `source` tells
where a converted table came from; `origin` and `events` find the table and history of a
run, `unnamed` leaves out which files they are. `column_for`, `suggest`, `level_alone`,
`is_common` and `unit_in` tell what a word or a unit in a header most likely is.

Examples
--------
>>> from crlm import ledger
>>> design = ledger.load_design("ncch_scp")
>>> patients = load(design.folder / "cohort.csv", design)
>>> flow = attrition(eligibility(patients, design), design)
>>> flow[["level", "estimate"]].iloc[[0, 1, -2]].to_dict("split")["data"]
[['start', 315.0], ['curative', 297.0], ['included', 150.0]]
"""

from typing import Any

from crlm.cohort.adapters import import_tcia_crlm, source, write_source
from crlm.cohort.feeding import feeds
from crlm.cohort.flow import (
    add_factors,
    attrition,
    eligibility,
    refuse_nobody,
    settled,
    stand_ins,
)
from crlm.cohort.history import CAUSES, EVENTS, SITES, check_history, load_history
from crlm.cohort.loading import check, contradictions, load
from crlm.cohort.origin import events, find_history, origin, unnamed
from crlm.cohort.pairing import pair
from crlm.cohort.proposing import propose, questions, unlike
from crlm.cohort.understanding import CohortReport, describe
from crlm.cohort.units import foreign_unit_in, is_unit, unit_factor, unit_in
from crlm.cohort.vocabulary import column_for, is_common, level_alone, suggest

__all__ = [
    "CAUSES",
    "EVENTS",
    "SITES",
    "CohortReport",
    "add_factors",
    "attrition",
    "check",
    "check_history",
    "column_for",
    "contradictions",
    "describe",
    "eligibility",
    "events",
    "feeds",
    "find_history",
    "foreign_unit_in",
    "import_tcia_crlm",
    "is_common",
    "is_unit",
    "level_alone",
    "load",
    "load_history",
    "origin",
    "pair",
    "propose",
    "questions",
    "unlike",
    "source",
    "refuse_nobody",
    "settled",
    "stand_ins",
    "suggest",
    "template",
    "unit_factor",
    "unit_in",
    "unnamed",
    "write_source",
]


def __getattr__(name: str) -> Any:
    """`template`: no run needs the library that writes workbooks."""
    if name != "template":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from crlm.cohort.form import template

    return template
