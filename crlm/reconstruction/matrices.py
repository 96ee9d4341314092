"""Covariates of a cohort's files as the numbers of a model, in the words of a search."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crlm.ledger import Design
from crlm.reconstruction.compared import words
from crlm.reconstruction.models import factors_of, levels_of


def design_matrix(
    frame: pd.DataFrame, design: Design, columns: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Columns as numbers, and which patients have them all."""
    matrix = np.column_stack([_numbers(frame, design, column) for column in columns])
    return matrix, ~np.isnan(matrix).any(axis=1)


def _numbers(frame: pd.DataFrame, design: Design, column: str) -> np.ndarray:
    """A column of a search as numbers: a level as 1, products multiplied; missing as NaN."""
    if factors_of(column):
        return np.prod([_numbers(frame, design, part) for part in factors_of(column)], axis=0)
    name, _, level = column.partition("=")
    levels, known = levels_of(design, name), frame[name].notna().to_numpy()
    if not levels:
        return np.where(known, frame[name].to_numpy(float, na_value=np.nan), np.nan)
    wanted = (level or levels[1]).split("/")
    return np.where(known, words(frame[name]).isin(wanted).to_numpy(float), np.nan)
