"""Every column that a model may ask for, made once for each group of patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import CohortError, Design, ParameterError
from crlm.refusals import present
from crlm.regression.engine import FollowUp
from crlm.regression.terms import check_follow_up, complete, encode, follow_up

#: How a quantity enters a model; a category enters as it is under each of them.
MEASURES = ("as in the paper", "cut at the median", "continuous", "logarithm")
#: What is done about missing covariates.
MISSING = ("complete cases of the model", "complete cases of all candidates", "missing as a level")

EVERYBODY = "all patients"


@dataclass(frozen=True)
class Offer:
    """The columns of one covariate under one choice.

    Attributes
    ----------
    columns : tuple of int
        Rows of `Cell.columns`; those that do not vary are left out.
    gaps : frozenset of int
        Rows of `Cell.known`: who must be complete for these columns.
    """

    columns: tuple[int, ...]
    gaps: frozenset[int]


@dataclass(frozen=True)
class Cell:
    """The patients of one endpoint rule and one population, by ascending time.

    Attributes
    ----------
    rule, population : str
        Their names.
    data : FollowUp
    columns : ndarray of float, shape (m, n)
        The exposure, then every different column of a covariate.
    known : ndarray of bool, shape (k, n)
        Every different pattern of missing values.
    offers : mapping of (covariate, measure, filled) to Offer
    places : ndarray of int, shape (n,)
        Position of each patient in `Plan.exposures`.
    tied : bool
        Whether any two events share a time.
    ends : ndarray of int, shape (n,), or None
        What ended each patient's follow-up: 0 nothing, 1 the cause that is meant, 2 another,
        -1 an event of unknown cause; None where the frames hold no cause.
    start : ndarray of float, shape (n,), or None
        Month at which treatment began; missing: never, or not known.
    cases : dict
        Complete cases met so far.
    """

    rule: str
    population: str
    data: FollowUp
    columns: np.ndarray
    known: np.ndarray
    offers: Mapping[tuple[str, str, bool], Offer]
    places: np.ndarray
    tied: bool
    ends: np.ndarray | None = None
    start: np.ndarray | None = None
    cases: dict[frozenset[int], tuple[FollowUp, np.ndarray]] = field(default_factory=dict)

    def complete(self, gaps: frozenset[int]) -> tuple[FollowUp, np.ndarray]:
        """Follow-up and positions of those without any of these gaps."""
        if gaps not in self.cases:
            chosen = np.flatnonzero(self.known[sorted(gaps)].all(axis=0))
            data = self.data if len(chosen) == self.data.n else self.data.take(chosen)
            self.cases[gaps] = data, chosen
        return self.cases[gaps]


def followed_to(frame: pd.DataFrame, months: float) -> pd.DataFrame:
    """An analysis frame whose follow-up ends for everybody after so many months.

    Whoever enters later than that is left out.
    """
    if "entry" in frame:
        frame = frame[frame["entry"] < months]
    within = frame["time"] <= months
    cut = {"cause": frame["cause"].where(within)} if "cause" in frame else {}
    return frame.assign(time=frame["time"].clip(upper=months), event=frame["event"] & within, **cut)


def exposed(column: pd.Series) -> tuple[str, np.ndarray]:
    """The level whose effect is estimated, and who has it (a number: "" and its values).

    Raises
    ------
    ParameterError
        If the exposure has more than two levels.
    """
    block = encode(column.to_frame(), [str(column.name)])
    levels = block.terms[0].levels
    if len(levels) > 2:
        raise ParameterError(
            f"The exposure {column.name!r} has {len(levels)} levels ({', '.join(levels)}); "
            "one effect needs two. Make a column that holds the comparison."
        )
    values = block.x[:, 0] if block.x.shape[1] else np.zeros(len(column))
    return levels[1] if len(levels) == 2 else "", values


def build_cells(
    rule: str,
    frame: pd.DataFrame,
    exposure: str,
    adjusters: Sequence[str],
    exclusions: Sequence[str],
    design: Design,
    exposures: pd.Series,
    cause: str = "",
    start: str = "",
) -> list[Cell]:
    """The patients of a frame whose follow-up and exposure are known, in each population.

    Parameters
    ----------
    rule : str
        Name of the frame.
    exclusions : sequence of str
        As in `declare`.
    exposures : pandas.Series
        What the first frame holds of the exposure by patient, in the order of `Plan.exposures`.
    cause, start : str
        As in `declare`.

    Raises
    ------
    ParameterError
        As `regression.cox`.
    CohortError
        If `exposures` lacks a patient or has another value; as `regression.cox`.
    """
    frame = complete(frame, [*check_follow_up(frame), exposure])
    places, values = _places(rule, frame[exposure], exposures), exposed(exposures)[1]
    data = follow_up(frame)
    order = np.argsort(data.time, kind="stable")
    frame, data, places = frame.iloc[order], data.take(order), places[order]
    blocks = {name: _versions(frame, name, design) for name in adjusters}
    ends, begun = _ends(frame, cause), _starts(frame, start)
    return [
        replace(
            _cell((rule, name), data.take(rows), rows, blocks, values, places[rows]),
            ends=None if ends is None else ends[rows],
            start=None if begun is None else begun[rows],
        )
        for name, rows in _populations(frame, exclusions, design)
    ]


def _ends(frame: pd.DataFrame, cause: str) -> np.ndarray | None:
    """What ended each patient's follow-up, as `Cell.ends`; None where causes are not told."""
    if not cause or "cause" not in frame:
        return None
    present([cause], frame["cause"].cat.categories, of="The column cause")
    known = frame["cause"].notna().to_numpy()
    own = (frame["cause"] == cause).to_numpy(dtype=bool)
    unknown = frame["event"].to_numpy(dtype=bool) & ~known
    return np.select([own, known, unknown], [1, 2, -1], 0)


def _starts(frame: pd.DataFrame, start: str) -> np.ndarray | None:
    """When treatment began; None where no patient's start is known."""
    if not start or start not in frame or frame[start].isna().all():
        return None
    return frame[start].to_numpy(dtype=float, na_value=np.nan)


def _places(rule: str, column: pd.Series, exposures: pd.Series) -> np.ndarray:
    """Where each patient of a frame stands in `exposures`, once it is the same patient."""
    places = exposures.index.get_indexer(column.index)
    unknown = int((places < 0).sum())
    if unknown:
        raise CohortError(
            f"The frame {rule!r} holds {unknown} patients whose {column.name} the first frame does "
            "not know. Make all frames from one table, each under the table's own index."
        )
    own = exposures.to_numpy(dtype=object)[places]
    other = int((own != column.to_numpy(dtype=object)).sum())
    if other:
        raise CohortError(
            f"The frame {rule!r} has {other} patients with another {column.name} than the first "
            "frame has under the same index: they are not the same patients. Keep the table's "
            "index in every frame (no reset_index)."
        )
    return places


def _cell(
    names: tuple[str, str],
    data: FollowUp,
    rows: np.ndarray,
    blocks: Mapping[str, Mapping[str, np.ndarray]],
    exposures: np.ndarray,
    places: np.ndarray,
) -> Cell:
    shelf: dict[bytes, tuple[int, np.ndarray]] = {}
    gaps: dict[bytes, tuple[int, np.ndarray]] = {}
    _put(shelf, exposures[places])
    offers = {
        (name, measure, filled): _offer(block[rows], filled, shelf, gaps)
        for name, versions in blocks.items()
        for measure, block in versions.items()
        for filled in (False, True)
    }
    deaths = data.time[data.event == 1]
    return Cell(
        *names,
        data=data,
        columns=np.array([values for _, values in shelf.values()]),
        known=np.array([known for _, known in gaps.values()]).reshape(len(gaps), data.n),
        offers=offers,
        places=places,
        tied=len(np.unique(deaths)) < len(deaths),
    )


def _populations(
    frame: pd.DataFrame, exclusions: Sequence[str], design: Design
) -> list[tuple[str, np.ndarray]]:
    """Everybody, and those who are not known to be in each of the groups, as positions."""
    found = [(EVERYBODY, np.arange(len(frame)))]
    for group in exclusions:
        name, _, level = group.partition("=")
        inside = (frame[name].astype(str) == level).to_numpy() if name in frame else np.zeros(0)
        if inside.any() and not inside.all():
            found.append((f"without {design.group_label(group)}", np.flatnonzero(~inside)))
    return found


def _versions(frame: pd.DataFrame, name: str, design: Design) -> dict[str, np.ndarray]:
    """A covariate as (n, k) columns for each way to measure it; NaN where missing."""
    found = dict.fromkeys(MEASURES, encode(frame, [name]).x)
    source = frame.get(design.source(name), frame[name])
    if not pd.api.types.is_numeric_dtype(source) or pd.api.types.is_bool_dtype(source):
        return found
    values = source.to_numpy(dtype=float, na_value=np.nan)
    if np.isnan(values).all():
        return found
    above = np.where(np.isnan(values), np.nan, values > np.nanmedian(values))
    found["cut at the median"] = above[:, None]
    found["continuous"] = values[:, None]
    found["logarithm"] = np.log1p(values)[:, None] if np.nanmin(values) > -1 else values[:, None]
    return found


def _offer(block: np.ndarray, filled: bool, shelf: dict[Any, Any], gaps: dict[Any, Any]) -> Offer:
    missing = np.isnan(block).any(axis=1)
    if not missing.any():
        return Offer(_kept(block, shelf), frozenset())
    if missing.all():
        return Offer((), frozenset() if filled else frozenset([_put(gaps, ~missing)]))
    if not filled:
        return Offer(_kept(block, shelf), frozenset([_put(gaps, ~missing)]))
    # Beside an indicator of missingness the value that stands in changes nothing else.
    whole = np.where(missing[:, None], block[~missing].mean(axis=0), block)
    return Offer(_kept(np.column_stack([whole, missing.astype(float)]), shelf), frozenset())


def _kept(block: np.ndarray, shelf: dict[Any, Any]) -> tuple[int, ...]:
    """The places of the columns that vary among the patients who have them."""
    varies = np.nanmin(block, axis=0) < np.nanmax(block, axis=0) if len(block) else []
    return tuple(_put(shelf, block[:, k]) for k in np.flatnonzero(varies))


def _put(shelf: dict[bytes, tuple[int, np.ndarray]], values: np.ndarray) -> int:
    """Where a column stands; equal columns stand in one place."""
    values = np.ascontiguousarray(values)
    return shelf.setdefault(values.tobytes(), (len(shelf), values))[0]
