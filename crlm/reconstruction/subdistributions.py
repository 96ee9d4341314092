"""Fine and Gray's models of a cohort's files: the certificate's hand for them.

No search aims at them. `multistate` is held against R's `cmprsk::crr` and `finegray`, and is the
program here too, on covariates that are laid out as those of all models of a certificate.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import pandas as pd
from scipy import stats

from crlm import multistate
from crlm.ledger import Design
from crlm.ledger.vocabulary import COMPETING, COUNTED
from crlm.multistate.causes import causes_of
from crlm.multistate.ratios import solved
from crlm.multistate.subdistribution import layout
from crlm.reconstruction.incidences import also_counts
from crlm.reconstruction.matrices import design_matrix
from crlm.reconstruction.models import covariate_of
from crlm.reconstruction.quantity import JOINT, SUBDISTRIBUTION, Quantity
from crlm.regression.solution import Solution
from crlm.regression.terms import Design as Columns
from crlm.regression.terms import Term

KINDS = (SUBDISTRIBUTION, JOINT, "fitted")


def computed(quantity: Quantity, own: pd.DataFrame, other: pd.DataFrame, design: Design) -> float:
    """A log ratio, a limit of it, its error, or z of it or of all levels; patients or events.

    Parameters
    ----------
    quantity : Quantity
        Its endpoint is one of `design.incidences`.
    own, other : pandas.DataFrame
        Frames of the endpoint that is counted and of the one that competes, of the patients
        asked for.
    design : Design

    Returns
    -------
    float
        NaN where these patients give none.
    """
    names = [covariate_of(column) for column in quantity.columns]
    if quantity.kind != "fitted" and covariate_of(quantity.covariate) not in names:
        return math.nan  # The rule chose another model in this cohort.
    held = _held(quantity, own, other, design)
    if quantity.kind == "fitted":
        return int((held[:, 2] == 0).sum()) if quantity.part == "events" else len(held)
    if not len(held):
        return math.nan
    rules = design.conventions["ties"], design.subdistribution
    found = _fitted(held.tobytes(), len(held), *rules)
    if quantity.kind == JOINT:
        at = [j for j, name in enumerate(names) if name == quantity.covariate]
        return float(stats.norm.isf(found.joint(at) / 2))
    at = quantity.columns.index(quantity.covariate)
    if quantity.part == "z":
        return float(found.coef[at] / found.error[at])
    if quantity.part == "standard_error":
        return float(found.error[at])
    told = {"estimate": found.coef, "conf_low": found.low, "conf_high": found.high}
    return float(told[quantity.limit][at])


def _held(quantity: Quantity, own: pd.DataFrame, other: pd.DataFrame, design: Design) -> np.ndarray:
    """Time, entry, cause (-1: none) and covariates of the patients of a model, a row each."""
    if not own.index.isin(other.index).any():
        return np.zeros((0, 3 + len(quantity.columns)))
    both = also_counts(quantity.endpoint, design)
    frame = multistate.with_competing(own, other, counts_both=both)
    matrix, known = design_matrix(frame, design, quantity.columns)
    entry = frame["entry"].fillna(0.0) if "entry" in frame else 0.0
    laid = frame.assign(entry=entry, code=frame["cause"].cat.codes)[["time", "entry", "code"]]
    return np.column_stack([laid.to_numpy(float), matrix])[known]


@functools.lru_cache(maxsize=64)
def _fitted(held: bytes, patients: int, ties: str, program: str) -> Solution:
    """One model, of the table of `_held`: its numbers are asked for one by one."""
    table = np.frombuffer(held).reshape(patients, -1)
    frame = pd.DataFrame({"time": table[:, 0], "entry": table[:, 1], "event": table[:, 2] >= 0})
    frame = frame if table[:, 1].any() else frame.drop(columns="entry")
    code = table[:, 2].astype(int)
    frame["cause"] = pd.Categorical.from_codes(code, [COUNTED, COMPETING])
    group = causes_of(frame, None)[0]
    columns = table[:, 3:][group.place]
    terms = tuple(Term(str(at), (), (at,)) for at in range(columns.shape[1]))
    return solved(layout(group, COUNTED, ties, program), Columns(columns, terms), 0.95, "")
