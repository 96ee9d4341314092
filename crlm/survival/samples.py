"""Patients of each group as arrays: the frame checked, groups told apart, ties recognised."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import CohortError
from crlm.refusals import argument, present, refuse_labelled

By = str | Sequence[str] | None
TOLERANCE = math.sqrt(np.finfo(float).eps)


@dataclass(frozen=True)
class Sample:
    """Patients of one group: arrays of one length; `grid` holds the distinct times of all."""

    time: np.ndarray
    event: np.ndarray
    entry: np.ndarray
    grid: np.ndarray

    @property
    def late(self) -> bool:
        """Whether anyone came under observation late."""
        return bool(np.isfinite(self.entry).any())


def check_frame(frame: pd.DataFrame) -> None:
    """Refuse what is not an analysis frame (`CohortError`)."""
    remedy = "Make the frame with endpoints.derive."
    absent = [name for name in ("time", "event") if name not in frame]
    if absent:
        raise CohortError(f"The analysis frame has no column {', '.join(absent)}. {remedy}")
    if frame.empty:
        raise CohortError("The analysis frame has no patients. Check eligibility and the endpoint.")
    if not pd.api.types.is_bool_dtype(frame["event"]) or frame["event"].isna().any():
        raise CohortError(
            f"`event` must be True or False for every patient; it is {frame['event'].dtype} with "
            f"{int(frame['event'].isna().sum())} missing. {remedy}"
        )
    time, rows = months_of(frame, "time"), frame.index
    refuse_labelled(rows[~np.isfinite(time)], "`time` must be a number", remedy)
    refuse_labelled(rows[time < 0], "`time` must not be negative", remedy)
    if "entry" in frame:
        late = ~(months_of(frame, "entry") < time)
        refuse_labelled(rows[late], "`entry` must be before `time`", remedy)


def months_of(frame: pd.DataFrame, column: str) -> np.ndarray:
    """A column of months as floats."""
    if not pd.api.types.is_numeric_dtype(frame[column]):
        raise CohortError(f"`{column}` must hold months but is {frame[column].dtype}.")
    return frame[column].to_numpy(dtype=float, na_value=np.nan)


def check_times(times: Iterable[float]) -> list[float]:
    """Distinct times as floats, none negative."""
    asked = list(dict.fromkeys(float(t) for t in times))
    for time in asked:
        argument("A time", time, math.isfinite(time) and time >= 0, "a number of months, 0 or more")
    return asked


def names_of(frame: pd.DataFrame, by: By) -> list[str]:
    """The columns named, each of which must exist."""
    names = [by] if isinstance(by, str) else list(by or ())
    present(names, frame.columns, of="The analysis frame")
    return names


def codes_of(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Group number of each patient (-1: a level is missing), and the groups that occur."""
    code, missing = np.zeros(len(frame), dtype=np.int64), np.zeros(len(frame), dtype=bool)
    levels = []
    for name in columns:
        column = frame[name].astype("category")
        part = column.cat.codes.to_numpy(np.int64)
        levels.append([f"{name}={_level_text(level)}" for level in column.cat.categories])
        code, missing = code * len(levels[-1]) + part, missing | (part < 0)
    used, dense = np.unique(code[~missing], return_inverse=True)
    code[missing], code[~missing] = -1, dense
    if not columns:
        return code, ["all"]
    places = zip(*np.unravel_index(used, [max(len(names), 1) for names in levels]), strict=True)
    return code, [",".join(n[i] for n, i in zip(levels, place, strict=True)) for place in places]


def _level_text(level: object) -> str:
    return f"{level:g}" if isinstance(level, float) else str(level)


def split(code: np.ndarray) -> list[np.ndarray]:
    """Positions of each code in ascending order of the codes; negative codes are left out."""
    order = np.argsort(code, kind="stable")
    order = order[code[order] >= 0]
    cuts = np.flatnonzero(np.diff(code[order])) + 1
    return [part for part in np.split(order, cuts) if len(part)]


def samples_of(frame: pd.DataFrame, by: By) -> list[tuple[str, Sample]]:
    """Each group's name and patients, in the order of the categories."""
    check_frame(frame)
    columns = names_of(frame, by)
    code, labels = codes_of(frame, columns)
    known = np.flatnonzero(code >= 0)
    if not len(known):
        raise CohortError(
            f"No patient has a value of {', '.join(columns)}: there is no group to describe. "
            "Choose another column."
        )
    sample = make_sample(frame, known)
    parts = split(code[known])
    return [(label, take(sample, part)) for label, part in zip(labels, parts, strict=True)]


def take(sample: Sample, part: np.ndarray) -> Sample:
    """The patients at these positions."""
    return replace(
        sample, time=sample.time[part], event=sample.event[part], entry=sample.entry[part]
    )


def make_sample(frame: pd.DataFrame, known: np.ndarray) -> Sample:
    """The known patients, with times that differ by a rounding error made one."""
    time = months_of(frame, "time")[known]
    event = frame["event"].to_numpy(dtype=bool)[known]
    entry = months_of(frame, "entry")[known] if "entry" in frame else np.zeros(len(time))
    grid = np.unique(np.concatenate([time, entry[entry > 0]]))
    distinct = np.r_[True, np.diff(grid) > tolerance_of(grid)]
    if not distinct.all():
        grid = grid[distinct]
        time = grid[np.searchsorted(grid, time, side="right") - 1]
        entry = np.where(entry > 0, grid[np.searchsorted(grid, entry, side="right") - 1], 0.0)
        refuse_labelled(
            frame.index[known][(entry > 0) & (entry >= time)],
            "`entry` must be before `time`",
            "They differ by a rounding error; such a patient was never observed.",
        )
    return Sample(time, event, np.where(entry > 0, entry, -np.inf), grid)


def tolerance_of(grid: np.ndarray) -> float:
    """How far apart two times may be and still be one."""
    return TOLERANCE * max(1.0, float(grid.mean()))


def snap(times: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Asked times on the observed grid where no more than a rounding error lies between."""
    right = np.clip(np.searchsorted(grid, times), 0, len(grid) - 1)
    left = np.maximum(right - 1, 0)
    nearer = np.where(times - grid[left] <= grid[right] - times, grid[left], grid[right])
    return np.where(np.abs(nearer - times) <= tolerance_of(grid), nearer, times)


def number_at_risk(sample: Sample, times: np.ndarray) -> np.ndarray:
    """Number with entry < t <= time: those who have entered less those who have left."""
    entered = np.searchsorted(np.sort(sample.entry), times)
    return entered - np.searchsorted(np.sort(sample.time), times)


def counts_at(sample: Sample, asked: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers at risk at, and events up to, the asked times."""
    times = snap(np.asarray(asked, dtype=float), sample.grid)
    had_event = np.sort(sample.time[sample.event])
    return number_at_risk(sample, times), np.searchsorted(had_event, times, side="right")


def row_base(frame: pd.DataFrame, group: str, sample: Sample, population: str) -> dict[str, Any]:
    """What all rows of a group share."""
    endpoints = frame["endpoint"].unique() if "endpoint" in frame else [""]
    if len(endpoints) > 1:
        raise CohortError(
            f"The analysis frame mixes the endpoints {', '.join(map(str, endpoints))}. "
            "Analyse one at a time."
        )
    return {
        "endpoint": str(endpoints[0]),
        "population": population,
        "group": group,
        "n": len(sample.time),
        "events": int(sample.event.sum()),
    }
