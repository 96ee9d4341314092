"""What a history records besides outcomes: the gene test, HAI, clear examinations, why, when."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crlm.cohort import CAUSES
from crlm.endpoints import columns
from crlm.endpoints.timeline import first_day, is_event

#: Days that become months, by column.
TIMES = ("hai_start_months", "hai_stop_months", "genetic_test_months", "last_negative_months")
NAMES = (*TIMES, "cause_of_death", "surgery_year")


def recorded(
    patients: pd.DataFrame, line: pd.DataFrame, history: pd.DataFrame
) -> dict[str, np.ndarray]:
    """The days of `TIMES`, the cause of death as its position in `CAUSES`, and the year.

    Parameters
    ----------
    patients, history : pandas.DataFrame
        As for `from_history`.
    line : pandas.DataFrame
        From `timeline.build`.

    Returns
    -------
    dict of str to ndarray
        By column, one value a patient, missing where the history does not say; columns of
        which it says nothing are left out. HAI lasts from its first start to its last stop;
        the first gene test counts; the last clear examination is the last visit before the
        day of the first recurrence, for whoever has none the last visit. The year of the
        hepatectomy is told to a table that asks for it, with a column `surgery_year`.

    Raises
    ------
    CohortError
        If HAI begins for a patient whose `hai` is no.
    """
    n = len(patients)
    recurred = first_day(line, is_event(line, "recurrence"), n)[line["patient"].to_numpy()]
    clear = is_event(line, "visit") & ~(line["day"].to_numpy() >= recurred)
    found = {
        "hai_start_months": first_day(line, is_event(line, "hai_start"), n),
        "hai_stop_months": _last_day(line, is_event(line, "hai_stop"), n),
        "genetic_test_months": first_day(line, is_event(line, "genetic_test"), n),
        "last_negative_months": _last_day(line, clear, n),
    }
    cause = np.full(n, np.nan)
    for code, word in enumerate(CAUSES):
        told = (line["cause"] == word).to_numpy()
        cause[line["patient"].to_numpy()[told]] = code
    found["cause_of_death"] = cause
    if "hai" in patients:
        without = (patients["hai"].astype(object) == "no").to_numpy()
        told = "hai is no, but the event history has its start"
        wrong = without & ~np.isnan(found["hai_start_months"])
        columns.refuse(patients, wrong, told, "Correct one of the two.")
    if "surgery_year" in patients and "date" in history:
        found["surgery_year"] = _years(patients["patient_id"], history)
    return {name: values for name, values in found.items() if not np.isnan(values).all()}


def _years(ids: pd.Series, history: pd.DataFrame) -> np.ndarray:
    surgery = history[history["event"] == "hepatectomy"].drop_duplicates("patient_id")
    dates = pd.to_datetime(surgery.set_index("patient_id")["date"]).reindex(ids)
    return dates.dt.year.to_numpy(dtype=float, na_value=np.nan)


def _last_day(line: pd.DataFrame, mask: np.ndarray, n: int) -> np.ndarray:
    days = np.full(n, np.nan)
    days[line["patient"].to_numpy()[mask]] = line["day"].to_numpy()[mask]
    return days
