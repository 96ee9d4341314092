"""Rows of times and events: which endpoint is which row, and what of a course ends it."""

from __future__ import annotations

from typing import Any

import numpy as np

from crlm.endpoints.declared import Counting, counting
from crlm.ledger import Design, DesignError
from crlm.reconstruction.codes import OF_CAUSE, OF_OTHER, Course

_ORDER = {Course.END: 0, Course.RECURRENCE: 1, Course.FAILURE: 2}
_DEATHS = {"cancer": OF_CAUSE, "other": OF_OTHER}


def clocks_of(design: Design) -> tuple[str, ...]:
    """The endpoints that a course of disease gives, in the order of their rows.

    Those whose clock starts at surgery come first: to death, to the first recurrence, to surgical
    failure.

    Raises
    ------
    DesignError
        If the design declares none.
    """
    known = {name: rule for name in design.endpoints if (rule := counting(design, name))}
    if not known:
        raise DesignError(
            f"{design.study}: the design does not say what ends any of its endpoints. "
            "Declare first_of or death_of in one of them."
        )
    return tuple(sorted(known, key=lambda name: (known[name].after, _ORDER[lead_of(known[name])])))


def lead_of(rule: Counting) -> Course:
    """What of a course decides the time, where it happens: else the end of observation."""
    if rule.recurrence:
        return Course.RECURRENCE
    return Course.FAILURE if rule.failure else Course.END


def clock_arrays(design: Design) -> dict[str, Any]:
    """What each row counts, as arrays for the compiled search."""
    rules = [counting(design, name) for name in clocks_of(design)]
    counts = np.zeros((len(rules), len(Course)), dtype=bool)
    deaths = np.zeros((len(rules), 1 + len(_DEATHS)), dtype=bool)
    for e, rule in enumerate(rules):
        counts[e, Course.RECURRENCE], counts[e, Course.FAILURE] = rule.recurrence, rule.failure
        deaths[e, [_DEATHS[cause] for cause in rule.death]] = True
    after = np.array([rule.after for rule in rules])
    return {
        "counts": counts,
        "counts_death": deaths,
        "after": after,
        "lead": np.array([int(lead_of(rule)) for rule in rules]),
        "along": int((~after).sum()),
        "recurs": bool(after.any() or counts.any()),
        "fails": bool(counts[:, Course.FAILURE].any()),
        "causes": any(len(rule.death) == 1 for rule in rules),
    }
