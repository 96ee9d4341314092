"""What each target counts while a search goes, and how much of the print it stands for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from crlm.ledger import Design
from crlm.reconstruction.models import model_of
from crlm.reconstruction.targets import Target

#: A printed number counts this much, a soft range that, a correlation that was drawn less.
_OF_ORIGIN = {"claim": 1.0, "implied": 1.0, "prior": 0.5, "slope": 1.0, "error": 1.0, "drawn": 0.3}
#: What all of a row, a median or a p hangs on.
_DECISIVE = 3.0
#: A number printed repeatedly counts more: by the root of how often, up to this.
_PRINTED = 4
#: Printed numbers of a covariate in a multivariable table.
_ROW = 4


def own_weights(targets: Sequence[Target], design: Design) -> np.ndarray:
    """What each target counts to begin with, one number a target."""
    return np.array([own_weight(target, design) for target in targets])


def own_weight(target: Target, design: Design) -> float:
    """What a target counts.

    More where it is a count behind a p, a day that wants an event, or a screen that a covariate
    passed; where it decides a notebook's model, or is printed repeatedly.
    """
    if target.origin == "implied" and (target.quantity.kind in ("count", "km") or target.low > 0):
        return _DECISIVE
    printed = math.sqrt(min(len(target.claims), _PRINTED)) if target.origin == "claim" else 1.0
    return _OF_ORIGIN[target.origin] * printed * (2.0 if _screens(target, design) else 1.0)


def _screens(target: Target, design: Design) -> bool:
    """Whether a test may decide which covariates enter a notebook's model."""
    asked = target.quantity
    model = model_of(design, asked.endpoint) if asked.part == "z" and asked.covariate else None
    return model is not None and model.screened


def worth(targets: Sequence[Target], design: Design) -> np.ndarray:
    """How many printings each target stands for; 0 for what only leads.

    What decides whether a covariate enters a model stands for its row there as well.
    """
    return np.array([_printings(target, design) for target in targets])


def _printings(target: Target, design: Design) -> float:
    if target.origin == "claim":
        return float(len(target.claims) + _ROW * _screens(target, design))
    return float(target.origin == "implied")
