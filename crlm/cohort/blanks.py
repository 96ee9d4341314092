"""What the blanks of a column tell: cells that were merged, blocks of rows that were shifted."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import numpy as np
import pandas as pd

from crlm.cohort.wording import count
from crlm.refusals import row_list

_FEWEST_ROWS, _SHORTEST_RUN = 10, 4
# Below this chance, blanks that stand together do not do so by accident.
_CHANCE = 1e-4


def blanks(patients: pd.DataFrame, confirmed: frozenset[str]) -> list[str]:
    """Doubts about columns by where they are empty.

    Parameters
    ----------
    patients : pandas.DataFrame
        In the order of the file; the index is the row number there.
    confirmed : frozenset of str
        Columns that the codebook confirms.

    Returns
    -------
    list of str
        One sentence a column.
    """
    if len(patients) < _FEWEST_ROWS:
        return []
    return [*_merged(patients, confirmed), *_runs(patients, confirmed)]


def _runs(patients: pd.DataFrame, confirmed: frozenset[str]) -> Iterator[str]:
    """A column that is full but for one run of rows in its middle: something was moved there."""
    for name in patients:
        empty = np.flatnonzero(patients[name].isna().to_numpy())
        if name in confirmed or not _SHORTEST_RUN <= len(empty) <= 0.2 * len(patients):
            continue
        inside = empty[0] > 0 and empty[-1] < len(patients) - 1
        together = empty[-1] - empty[0] == len(empty) - 1
        if inside and together and len(patients) / comb(len(patients), len(empty)) < _CHANCE:
            yield (
                f"{name} is empty in {row_list(patients.index[empty], 5)} and nowhere else: was a "
                "block of cells moved there? Compare these rows with their source; if it is right, "
                f"set `confirm: [{name}]` in the codebook."
            )


def _merged(patients: pd.DataFrame, confirmed: frozenset[str]) -> Iterator[str]:
    """Categories of which only the first row of each block seems to be filled."""
    for name in patients.select_dtypes(["category", "boolean"]):
        if name not in confirmed and _is_in_blocks(patients[name]):
            filled = int(patients[name].notna().sum())
            yield (
                f"{name} is filled in {count(filled, 'row')} of {len(patients)}, and never twice "
                "in a row with the same: were these merged cells, of which only the first keeps "
                "its value? Fill them in, or save the workbook itself (.xlsx); if it is right, "
                f"set `confirm: [{name}]` in the codebook."
            )


def _is_in_blocks(values: pd.Series) -> bool:
    """Whether few cells are filled and neighbours among them always differ.

    Blanks below each value make at least as many blank as filled rows. Values in any order
    differ from the one before about every other time, so six that always do are no chance,
    nor five from the first row on; fewer have to be as few as blocks are.
    """
    codes = values.astype("category").cat.codes.to_numpy()
    places = np.flatnonzero(codes >= 0)
    filled = codes[places]
    if len(filled) < 2 or len(filled) > 0.5 * len(values) or (filled[1:] == filled[:-1]).any():
        return False
    # A table of blocks begins with the first of them.
    enough = 5 if places[0] == 0 else 6
    return len(filled) >= enough or len(filled) <= max(2, 0.1 * len(values))
