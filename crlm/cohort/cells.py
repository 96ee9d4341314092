"""A cell of any format as the text that a person would type into it."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import re
from typing import Any

import pandas as pd

# Nobody sees these: zero-width spaces and joiners, soft hyphens, marks of direction.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def as_text(value: Any, point: str = ".") -> str:
    """A cell as text: 5.0 as 5, a date as 2020-01-31, a duration in days, nothing as "".

    Parameters
    ----------
    value : object
        As a reader of Excel, Parquet or SPSS gives it.
    point : str
        The decimal mark that typed numbers are written with, so that they look like the
        typed text beside them.
    """
    if isinstance(value, str):
        return clean(value)
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | decimal.Decimal):
        return _number(float(value), point)
    if isinstance(value, dt.timedelta):
        return _number(value / dt.timedelta(days=1), point)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time()
        return value.date().isoformat() if midnight else value.isoformat(" ")
    if isinstance(value, bytes):
        return clean(value.decode("utf-8", errors="replace"))
    return clean(str(value))


def clean(text: str) -> str:
    """Text without the spaces around it and without what nobody sees."""
    stripped = text.strip()
    return stripped if stripped.isascii() else _INVISIBLE.sub("", stripped).strip()


def has_invisible(text: str) -> bool:
    """Whether `clean` takes more from a text than spaces."""
    return not text.isascii() and bool(_INVISIBLE.search(text))


def _number(value: float, point: str) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value).replace(".", point)
