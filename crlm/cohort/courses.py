"""What the courses of a history tell together, and is hardly ever meant."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crlm.cohort.inverted import ENOUGH, events
from crlm.refusals import foreign, row_list


def odd_courses(history: pd.DataFrame, month: float, confirmed: frozenset[str]) -> list[str]:
    """Doubts about a history as a whole.

    Parameters
    ----------
    history : pandas.DataFrame
        As `load_history` gives it: one row an event, with `row`.
    month : float
        Days of a month.
    confirmed : frozenset of str
        What the codebook confirms: "os_event", "os_months" or "history".

    Returns
    -------
    list of str
        With evidence and rows; foreign text is marked.
    """
    if history.empty:
        return []
    known = history.dropna(subset=["patient_id", "event"])
    days = _days(known)
    found = [*_same_day(known, days), *_fractions(known)]
    times = _times(known, days, month)
    if "os_months" not in confirmed:
        found += _too_short(times["os_months"].dropna())
    return [*found, *(f"The history: {doubt}" for doubt in events(times, confirmed))]


def _days(history: pd.DataFrame) -> pd.Series:
    """Days from each patient's first hepatectomy."""
    dated = "date" in history and ("day" not in history or history["date"].notna().any())
    when = "date" if dated else "day"
    surgery = history[history["event"] == "hepatectomy"].drop_duplicates("patient_id")
    begun = history["patient_id"].map(surgery.set_index("patient_id")[when])
    since = history[when] - begun
    return since.dt.days.astype(float) if when == "date" else since.astype(float)


def _times(history: pd.DataFrame, days: pd.Series, month: float) -> pd.DataFrame:
    """OS and RFS of each patient, as far as a history without checks tells them."""
    first = days.groupby([history["patient_id"], history["event"]]).min().unstack()
    first = first.reindex(columns=["recurrence", "death", "last_contact"])
    end = first["death"].fillna(first["last_contact"])
    recurred = first["recurrence"].fillna(first["death"])
    return pd.DataFrame(
        {
            "os_months": end / month,
            "os_event": first["death"].notna().astype("boolean").mask(end.isna()),
            "rfs_months": recurred.fillna(end) / month,
            "rfs_event": recurred.notna().astype("boolean").mask(end.isna()),
        }
    )


def _same_day(history: pd.DataFrame, days: pd.Series) -> list[str]:
    """A recurrence on the day of the hepatectomy is a date that was typed twice."""
    odd = history[(history["event"] == "recurrence") & (days == 0)]
    if odd.empty:
        return []
    return [
        f"{row_list(odd['row']).capitalize()}: a recurrence on the day of the hepatectomy. Is the "
        "date right?"
    ]


def _fractions(history: pd.DataFrame) -> list[str]:
    if "day" not in history:
        return []
    parts = history[history["day"].notna() & (history["day"] % 1 != 0)]
    if parts.empty:
        return []
    return [
        f"{row_list(parts['row']).capitalize()}: `day` is no whole number. It counts days from the "
        "hepatectomy: is the column in weeks or months?"
    ]


def _too_short(months: pd.Series) -> list[str]:
    """Months or weeks that were taken for days."""
    if len(months) < ENOUGH or months.median() >= 2 or months.max() >= 24:
        return []
    middle, longest = foreign(f"{months.median():.2g}"), foreign(f"{np.max(months):.3g}")
    return [
        f"By the history half of the patients were followed for {middle} months or less, the "
        f"longest for {longest}: are its days in another unit? `confirm: [os_months]` if they are "
        "right."
    ]
