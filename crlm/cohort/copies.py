"""One patient under two identifiers: rows that agree in more than chance allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

#: Up to this many patients a copy is looked for in which one cell was corrected.
MOST_COMPARED = 100_000
# Columns in which hardly two patients agree, and how many of them a corrected copy must share.
_TELLING, _TELLING_NEEDED = 0.6, 2


def copies(patients: pd.DataFrame) -> Iterator[str]:
    """Patients who agree in everything but the identifier, or but one cell.

    Parameters
    ----------
    patients : pandas.DataFrame
        Canonical columns; the index is the row number in the file.

    Yields
    ------
    str
        One sentence with the rows, if there are any.
    """
    n = len(patients)
    told = [name for name in patients if name != "patient_id"]
    told = [name for name in told if patients[name].notna().sum() >= 0.5 * n]
    if n < 2 or not told:
        return
    chances, keys, filled = {}, np.zeros(n, dtype=np.uint64), np.zeros(n, dtype=np.int32)
    for place, name in enumerate(told):
        codes = _codes(patients[name])
        chances[name] = _chance(codes)
        keys += _marks(codes, place)
        filled += codes >= 0
    if _joint(chances) * n * (n - 1) / 2 > 0.01:
        return
    full = filled > 0.7 * len(told)
    groups, what = _groups(patients.index[full], keys[full]), "everything but the identifier"
    if not groups and n <= MOST_COMPARED:
        groups, what = _but_one(patients[full], keys[full], chances), "all but one cell"
    if "patient_id" in patients:  # One patient in two rows is told as that.
        groups = [rows for rows in groups if patients.loc[rows, "patient_id"].nunique() != 1]
    if groups:
        shown = "; ".join(" and ".join(str(row) for row in rows[:4]) for rows in groups[:5])
        more = f" and {len(groups) - 5} more" if len(groups) > 5 else ""
        yield (
            f"Rows {shown}{more} agree in {what}: is a patient entered twice? Remove the copy, or "
            "set `confirm: [rows]` in the codebook if they are different people."
        )


def _codes(values: pd.Series) -> np.ndarray:
    """A small number for each distinct value, -1 where one is missing."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy()
    return pd.factorize(values)[0]


def _marks(codes: np.ndarray, place: int) -> np.ndarray:
    """A random number for each value of a column: sums of them are equal only if all are."""
    chance = np.random.default_rng(place)
    return chance.integers(0, 2**64, int(codes.max(initial=0)) + 2, dtype=np.uint64)[codes]


def _groups(rows: pd.Index, keys: np.ndarray) -> list[list[int]]:
    """Rows that share a key, in the order of the first of them."""
    ordered = np.sort(keys)
    if not (ordered[1:] == ordered[:-1]).any():
        return []
    series = pd.Series(keys, index=rows)
    again = series[series.duplicated(keep=False)]
    return sorted(list(found) for found in again.index.groupby(again.to_numpy()).values())


def _but_one(full: pd.DataFrame, keys: np.ndarray, chances: Mapping[str, float]) -> list[list[int]]:
    """Rows that agree once any one column is left out, telling ones among the rest."""
    pairs = len(full) * (len(full) - 1) / 2
    telling = {name for name in chances if full[name].nunique() >= _TELLING * len(full)}
    found: list[list[int]] = []
    for place, name in enumerate(chances):
        rest = {other: chance for other, chance in chances.items() if other != name}
        if len(telling - {name}) < _TELLING_NEEDED or _joint(rest) * pairs > 0.01:
            continue
        marks = _marks(_codes(full[name]), place)
        found += _groups(full.index, keys - marks)
    return sorted(found)


def _chance(codes: np.ndarray) -> float:
    """That two patients agree in a column."""
    counts = np.bincount(codes[codes >= 0])
    return max(float(((counts / max(counts.sum(), 1)) ** 2).sum()), 1e-9)


def _joint(chances: Mapping[str, float]) -> float:
    """That they agree in all of them; columns know of each other, so two thirds count."""
    return float(np.exp(np.log(list(chances.values())).sum() * 2 / 3)) if chances else 1.0
