"""One of several models of the same patients: the key of its rows, and what its caption says."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from crlm import naming
from crlm.ledger import Design
from crlm.ledger.models import seconds
from crlm.numbers import counted

#: Covariates that a caption names; of more it tells how many.
_MOST_NAMED = 5


def of_model(name: str, rows: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Rows of a model of the design with its own key, where its patients have several.

    A covariate alone is of the patients: its rows stay as they are.
    """
    keys = {kind: design.model_key(name, kind) for kind in rows["model"].unique()}
    return rows.assign(model=rows["model"].map(keys))


def adjustment(name: str, held: Iterable[str], design: Design) -> str:
    """What tells the table of a model from that of another of its patients, for its caption.

    Parameters
    ----------
    name : str
        A model of the design.
    held : iterable of str
        Covariates of the model as it was fitted.

    Returns
    -------
    str
        "Model 2 (adjusted for age and sex)"; "" where the patients have one model.
    """
    others = seconds(design.models)
    if name not in {*others, *others.values()}:
        return ""
    spec, exposure = design.models[name], design.source(design.exposure)
    words = [naming.label_of(one, design) for one in held if design.source(one) != exposure]
    strata = [naming.label_of(one, design) for one in spec.get("strata") or ()]
    many = counted(len(words), "covariate") if len(words) > _MOST_NAMED else _listed(words)
    told = [f"adjusted for {many}" if words else "not adjusted"]
    told += [f"stratified by {_listed(strata)}"] if strata else []
    return f"{spec.get('label') or f'model {name}'} ({', '.join(told)})"


def _listed(words: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
