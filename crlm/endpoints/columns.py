"""Reading a patient table's times and event codes, and naming its rows in messages."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crlm.ledger import CohortError
from crlm.refusals import foreign, refusal, refuse_rows

_CODES = {
    "true": 1.0,
    "yes": 1.0,
    "1": 1.0,
    "1.0": 1.0,
    "false": 0.0,
    "no": 0.0,
    "0": 0.0,
    "0.0": 0.0,
}


#: From so many rows on a part that is the whole shares its memory.
_LARGE = 20_000


def part(frame: pd.DataFrame, kept: np.ndarray | pd.Series) -> pd.DataFrame:
    """The rows that are kept, as a frame that takes further columns.

    Of a large table that keeps all of its rows the columns are the table's own memory: half a
    dozen frames of a million patients are one table and what each has beside it. Columns may be
    replaced in either, but no cell of theirs written into.
    """
    whole = len(frame) > _LARGE and bool(np.all(kept))
    return (frame if whole else frame.loc[kept]).copy(deep=False)


def names_of(endpoint: str) -> tuple[str, str]:
    """The ready columns of an endpoint: "RFS" has `rfs_months` and `rfs_event`."""
    return f"{endpoint.lower()}_months", f"{endpoint.lower()}_event"


def months(patients: pd.DataFrame, name: str) -> np.ndarray:
    """A column of months as floats, missing as NaN; text is refused (`CohortError`)."""
    try:
        return patients[name].to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise CohortError(
            f"{name} must hold months as numbers. Load it with cohort.load."
        ) from None


def binary(values: pd.Series) -> np.ndarray:
    """1, 0 or missing as floats; anything that is no event code is refused (`CohortError`)."""
    at, unique = pd.factorize(values)
    strange = [value for value in unique if str(value).strip().lower() not in _CODES]
    if strange:
        shown = foreign(repr(strange[0]))
        raise refusal(f"{values.name} holds {shown}; write 1 or 0 (yes or no).")
    return np.array([_CODES[str(value).strip().lower()] for value in unique] + [np.nan])[at]


def refuse(frame: pd.DataFrame, mask: np.ndarray, problem: str, remedy: str) -> None:
    """Raise `CohortError` naming the rows of the patient table that `mask` marks, if any."""
    refuse_rows(row_numbers(frame)[mask].tolist(), problem, remedy)


def row_numbers(frame: pd.DataFrame) -> np.ndarray:
    """Row of each patient in the file: below the header, on the index `cohort.load` gave."""
    whole = pd.api.types.is_integer_dtype(frame.index)
    return (frame.index.to_numpy() if whole else np.arange(len(frame))) + 2
