"""When a diagnostic is raised beside an effect: one rule a flag, thresholds as arguments.

A report and the benchmark of simulated worlds raise their flags by these functions alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from crlm.ledger.chapter import with_thresholds

#: The usual thresholds, under the names that `[chapter.flags]` of design.toml gives them.
THRESHOLDS: Mapping[str, float] = with_thresholds({})["flags"]
Limits = Mapping[str, float]


def flag(name: str, raised: float, method: str, **at: Any) -> dict[str, Any]:
    """A flag as a record: estimate 1 where it is raised, its reason as `method`."""
    return {
        **at,
        "statistic": "flag",
        "covariate": name,
        "estimate": float(raised),
        "method": method,
    }


def _judged(
    name: str, raised: bool, method: str, values: tuple[float, ...], **at: Any
) -> dict[str, Any]:
    """A flag that is no verdict where it is not raised and a number it rests on is missing."""
    if not raised and any(map(math.isnan, values)):
        method = "not judged: a number that it rests on has no estimate"
    return flag(name, raised, re.sub(r"\bnan\b", "not estimable", method), **at)


def indication(p: float, size: float, name: str, limits: Limits, **at: Any) -> dict[str, Any]:
    """The sides differ by more than chance, and much: p of the propensity model, largest SMD.

    A large difference alone may be noise: with 366 and 308 patients its error is 0.077.
    """
    largest = f"{size:.2f}" if math.isfinite(size) else "beyond all numbers"
    text = (
        f"likelihood-ratio p of the propensity model {p:.2g} (raised below "
        f"{limits['indication_p']:g}), and largest raw standardised difference {largest}, of "
        f"{name} (raised above {limits['indication_smd']:g})"
    )
    raised = p < limits["indication_p"] and size > limits["indication_smd"]
    return _judged("indication", raised, text, (p, size), **at)


def overlap(share: float, auc: float, limits: Limits, **at: Any) -> dict[str, Any]:
    """Few patients carry the comparison: effective share of a side, AUC of the propensity."""
    text = (
        f"smallest effective share of a side {100 * share:.0f} % (raised below "
        f"{100 * limits['overlap_share']:.0f} %), AUC of the propensity {auc:.2f} (raised above "
        f"{limits['overlap_auc']:g})"
    )
    raised = share < limits["overlap_share"] or auc > limits["overlap_auc"]
    return _judged("overlap", raised, text, (share, auc), **at)


def immortal(ever: float, moved: float, how: str, limits: Limits, **at: Any) -> dict[str, Any]:
    """The hazard ratio moves when treatment counts from its start."""
    if not (ever > 0 and moved > 0):
        return flag("immortal", 0.0, "not judged: a ratio has no estimate", **at)
    shift = math.log(ever) - math.log(moved)
    text = f"log hazard ratio ever treated minus {how}: {shift:.2f} (raised beyond "
    text += f"{limits['immortal_shift']:g})"
    return flag("immortal", abs(shift) > limits["immortal_shift"], text, **at)


def early(share: float, told: str, limits: Limits, **at: Any) -> dict[str, Any]:
    """Many untreated patients had the event before treatment could begin."""
    reason = f"{told} (raised from {100 * limits['immortal_early']:g} %)"
    return flag("immortal", bool(share >= limits["immortal_early"]), reason, **at)


def tested_by_outcome(
    z: float, apart: float, month: float, limits: Limits, **at: Any
) -> dict[str, Any]:
    """The tested and the others differ in the hazard and in survival."""
    if math.isnan(z) or math.isnan(apart):
        why = "not judged: too few patients or events"
        return flag("tested by outcome", 0.0, why, **at)
    size = f"{z:.1f}" if math.isfinite(z) else "beyond 38"
    text = (
        f"tested against untested: |z| {size} (raised above {limits['tested_z']:g}), survival "
        f"{apart:.1f} points apart at month {month:g} (raised above {limits['tested_points']:g})"
    )
    raised = z > limits["tested_z"] and apart > limits["tested_points"]
    return flag("tested by outcome", raised, text, **at)


def late_tests(share: float, known: int, limits: Limits, **at: Any) -> dict[str, Any]:
    """Many patients were tested long after the operation."""
    text = f"{100 * share:.0f} % of {known} tested after month {limits['late_month']:g} (raised "
    text += f"above {100 * limits['late_share']:.0f} %)"
    return _judged("late tests", share > limits["late_share"], text, (share,), **at)


def era(treatment: float, outcome: float, limits: Limits, **at: Any) -> dict[str, Any]:
    """Treatment and prognosis both changed over the years: p of the year in both models."""
    text = f"p of the year {treatment:.2g} for the treatment and {outcome:.2g} for the outcome "
    text += f"(raised where both are below {limits['era_p']:g})"
    raised = treatment < limits["era_p"] and outcome < limits["era_p"]
    return _judged("era", raised, text, (treatment, outcome), **at)


def missing(share: float, apart: float, limits: Limits, **at: Any) -> dict[str, Any]:
    """Few complete cases, and another effect with completed tables."""
    text = (
        f"complete cases {100 * share:.0f} % (raised below {100 * limits['missing_share']:.0f} "
        f"%), log ratios {apart:.2f} apart (raised beyond {limits['missing_shift']:g})"
    )
    raised = share < limits["missing_share"] and apart > limits["missing_shift"]
    return _judged("missing", raised, text, (share, apart), **at)


def underpowered(chance: float, told: str, limits: Limits, **at: Any) -> dict[str, Any]:
    """A ratio of two hazard ratios that matters would probably be missed."""
    reason = f"power {chance:.2f} (raised below {limits['power']:g}); {told}"
    return _judged("underpowered", not chance >= limits["power"], reason, (chance,), **at)


def print_coherence(z: float, told: str, limits: Limits, **at: Any) -> dict[str, Any]:
    """A printed number lies far from that of the cohort the patients come from."""
    reason = f"{told}: z {z:.2f} (raised beyond {limits['coherence_z']:g})"
    return flag("print coherence", abs(z) > limits["coherence_z"], reason, **at)
