"""What is missing, in whom, and who is complete."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm.causal.weighted import endpoint_of
from crlm.ledger import ParameterError, rows

_COMMONEST = 5


def pattern(
    frame: pd.DataFrame, names: Sequence[str], by: str | None = None, *, population: str = "all"
) -> pd.DataFrame:
    """What is missing, in whom, and who is complete.

    Parameters
    ----------
    frame : pandas.DataFrame
        Analysis frame, or patients.
    names : sequence of str
        Covariates of a model; those that the table lacks are wholly missing.
    by : str, optional
        A column: the same within each of its levels.
    population : str
        Written into the rows.

    Returns
    -------
    pandas.DataFrame
        `percent_missing` of each covariate, of all, by level of `by` (group) and, for an
        analysis frame, with and without the event (group `event=yes`); model "diagnostic".
        `n` of covariate "missing together" for the five commonest patterns (level the missing
        covariates, "none missing"). `n` of model "complete case".
    """
    names = list(dict.fromkeys(names))
    gone = pd.DataFrame(
        {name: frame[name].isna() if name in frame else True for name in names}, index=frame.index
    ).astype(bool)
    base = {"endpoint": endpoint_of(frame), "population": population, "model": "diagnostic"}
    records = []
    for group, inside in _groups(frame, by).items():
        here = {**base, "group": group, "statistic": "percent_missing", "unit": "%"}
        for name in names:
            share = 100 * float(gone.loc[inside, name].mean()) if inside.any() else math.nan
            how = "share of the patients" if name in frame else "the table has no such column"
            how = how if inside.any() else "not estimable: no patient in this group"
            told = {"covariate": name, "estimate": share, "n": int(inside.sum()), "method": how}
            records.append({**here, **told})
    complete = ~gone.any(axis=1).to_numpy()
    n = int(complete.sum())
    whole = {**base, "model": "complete case", "statistic": "n", "unit": "patients", "n": n}
    whole |= {"estimate": n, "method": f"complete cases: {n:,} of {len(frame):,} patients"}
    if "event" in frame:
        whole["events"] = int(frame["event"][complete].sum())
    return rows([*records, *_patterns(gone, base), whole])


def _groups(frame: pd.DataFrame, by: str | None) -> dict[str, np.ndarray]:
    groups = {"all": np.ones(len(frame), dtype=bool)}
    if by is not None:
        if by not in frame:
            raise ParameterError(f"The table has no column {by!r}.")
        column = frame[by].astype("category")
        for level in column.cat.categories:
            groups[f"{by}={level}"] = (column == level).to_numpy()
    if "event" in frame:
        event = frame["event"].to_numpy(dtype=bool)
        groups |= {"event=no": ~event, "event=yes": event}
    return groups


def _patterns(gone: pd.DataFrame, base: Mapping[str, Any]) -> list[dict[str, Any]]:
    texts = [
        " and ".join(name for name, here in zip(gone.columns, row, strict=True) if here)
        or "none missing"
        for row in gone.to_numpy()
    ]
    counts = pd.Series(texts, dtype=object).value_counts(sort=False)
    order = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:_COMMONEST]
    return [
        {
            **base,
            "covariate": "missing together",
            "level": text,
            "statistic": "n",
            "unit": "patients",
            "estimate": count,
            "n": len(gone),
            "method": f"one of the {len(order)} commonest of {len(counts)} patterns",
        }
        for text, count in order
    ]
