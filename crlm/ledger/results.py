"""Result rows: one long frame in which every computed number has its keys."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from crlm.ledger.errors import LedgerError
from crlm.ledger.vocabulary import KEYS, ROW_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

_DEFAULTS: dict[str, Any] = {
    "endpoint": "",
    "population": "all",
    "group": "all",
    "covariate": "",
    "level": "",
    "model": "",
    "statistic": "",
    "time": math.nan,
    "unit": "",
    "estimate": math.nan,
    "conf_low": math.nan,
    "conf_high": math.nan,
    "n": math.nan,
    "events": math.nan,
    "method": "",
}
_NUMBERS = ("time", "estimate", "conf_low", "conf_high", "n", "events")
_ESTIMATED = ("estimate", "conf_low", "conf_high")


def rows(records: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Result rows as one long frame with the columns of `ROW_COLUMNS`.

    Parameters
    ----------
    records : iterable of mappings
        One a result; a key that is left out takes its neutral value
        (`population` and `group` "all", text "", numbers missing).

    Raises
    ------
    KeyError
        If a record names something that is not a column of a result row.
    """
    import numpy as np
    import pandas as pd

    columns: dict[str, list[Any]] = {name: [] for name in ROW_COLUMNS}
    for record in records:
        if not record.keys() <= _DEFAULTS.keys():
            unknown = sorted(record.keys() - _DEFAULTS.keys())
            raise KeyError(f"not a column of a result row: {', '.join(unknown)}")
        for name, values in columns.items():
            values.append(record.get(name, _DEFAULTS[name]))
    # Column by column: a frame of records costs four times as much, and a run makes hundreds.
    numbers = {name: np.array(columns[name], dtype=float) for name in _NUMBERS}
    texts = columns if columns["method"] else dict.fromkeys(ROW_COLUMNS, np.empty(0, object))
    return pd.DataFrame({**texts, **numbers})


def collect(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Result rows of many analyses as one frame in which no two rows share their keys.

    A row that says the same as an earlier one is left out: the same number under the same keys,
    whatever it was counted among. (How many are male is the size of a group of one table and a
    line of another.)

    Raises
    ------
    LedgerError
        If two rows share their keys and differ: nobody could tell them apart.
    """
    import pandas as pd

    names = list(ROW_COLUMNS)
    whole = [part if list(part) == names else part[names] for part in parts if len(part)]
    if not whole:
        return rows([])
    found = pd.concat(whole, ignore_index=True)
    told = found.duplicated([*KEYS, *_ESTIMATED]) & found["estimate"].notna()
    found = found[~told].drop_duplicates(ignore_index=True)
    again = found.duplicated(list(KEYS), keep=False)
    if again.any():
        first = found[again].iloc[0]
        keys = ", ".join(
            f"{name} {first[name]}"
            for name in KEYS
            if first[name] not in ("", "all") and not pd.isna(first[name])
        )
        raise LedgerError(
            f"{int(again.sum())} result rows share their keys and differ, such as: {keys}. Give "
            "each its own population, group or model."
        )
    return found


def as_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as mappings of its columns, in their order.

    What `frame.to_dict("records")` gives, in a tenth of its time; a report asks for it 600 times.

    Parameters
    ----------
    frame : pandas.DataFrame
        Result rows, claims, or any other table whose columns have each another name.

    Examples
    --------
    >>> import pandas as pd
    >>> as_records(pd.DataFrame({"level": ["wild", "mutant"], "n": [87, 63]}))
    [{'level': 'wild', 'n': 87}, {'level': 'mutant', 'n': 63}]
    """
    names = list(frame)
    return [dict(zip(names, row, strict=True)) for row in frame.to_numpy(dtype=object).tolist()]


def row_name(row: Mapping[str, Any]) -> str:
    """The keys of a result row or a claim as one text, in the order of `KEYS`.

    Returns
    -------
    str
        The eight values with a bar between them, empty where there is none: what a bookmark
        in a document stands for, and what finds the row again among the rows of a run.

    Examples
    --------
    >>> row_name({"endpoint": "OS", "population": "all", "group": "ras=mutant", "covariate": "",
    ...           "level": "", "model": "", "statistic": "survival_rate", "time": 60.0})
    'OS|all|ras=mutant||||survival_rate|60'
    """
    import pandas as pd

    return "|".join(
        "" if pd.isna(row[k]) else f"{row[k]:g}" if k == "time" else str(row[k]) for k in KEYS
    )


def row_key(record: Mapping[str, Any], **other: Any) -> tuple[Any, ...]:
    """The shared keys of a claim or a result row, ready for a join; `other` overrides."""
    import pandas as pd

    values = {**record, **other}
    time = values["time"]
    values["time"] = None if pd.isna(time) else round(float(time), 6)
    return tuple(values[name] for name in KEYS)
