"""Soft ranges that keep a cohort clinically plausible where print says nothing.

They are targets like the printed ones, of kind "prior", declared with their sources in
`data/<study>/reconstruction.toml`; so are recurrences that printed sites add up to, of kind
"implied". Hard bounds hold by construction: recurrence before failure before the end of
observation, values within their printed extremes, no forbidden pair of characteristics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crlm.reconstruction.models import where_of
from crlm.reconstruction.quantity import Quantity
from crlm.reconstruction.targets import Target


def priors(wishes: Mapping[str, Any]) -> list[Target]:
    """The soft ranges of a study as targets, and its numbers of recurrences by group."""
    spec = wishes.get("realism", {})
    found = [
        Target(
            (f"recurrences with {group}",),
            Quantity("share", where=where_of(group), part="recurrences"),
            n - 0.5,
            n + 0.5,
            origin="implied",
        )
        for group, n in wishes.get("sites", {}).get("recurrences", {}).items()
    ]
    for wish in spec.get("shares", ()):
        quantity = Quantity("share", part=wish["share"])
        found.append(_prior(f"share: {wish['share']}", quantity, wish))
    for wish in spec.get("correlations", ()):
        quantity = Quantity("correlation", columns=tuple(wish["columns"]), part="r")
        found.append(_prior(f"correlation: {' and '.join(wish['columns'])}", quantity, wish))
    return found


def _prior(name: str, quantity: Quantity, wish: Mapping[str, Any]) -> Target:
    return Target((name,), quantity, float(wish["low"]), float(wish["high"]), origin="prior")
