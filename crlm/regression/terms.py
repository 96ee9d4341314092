"""From patients to numbers: follow-up, design columns, and why a column cannot be estimated."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crlm.ledger import CohortError, ParameterError
from crlm.refusals import foreign, listing, present, refusal, refuse_labelled
from crlm.regression.engine import FollowUp, tie_close_times

_COLLINEAR = 1e-6
#: The level of a product that all other patients have.
NO_PRODUCT = "no product"


@dataclass(frozen=True)
class Term:
    """One covariate of a model.

    Attributes
    ----------
    name : str
        The covariate.
    levels : tuple of str
        Those with patients, the reference first; empty for a continuous covariate.
    columns : tuple of int
        Its columns of the design matrix: one a level but the reference, or one.
    note : str
        What had to change (the reference level has no patients); mostly empty.
    """

    name: str
    levels: tuple[str, ...]
    columns: tuple[int, ...]
    note: str = ""

    def level(self, column: int) -> str:
        """The level that a column stands for; "" for a continuous covariate."""
        return self.levels[1 + self.columns.index(column)] if self.levels else ""


@dataclass(frozen=True)
class Design:
    """The design matrix of some patients.

    Attributes
    ----------
    x : ndarray, shape (n, p)
        NaN where the covariate is missing.
    terms : tuple of Term
        In the order asked for.
    """

    x: np.ndarray
    terms: tuple[Term, ...]

    def owner(self, column: int) -> Term:
        """The covariate that a column belongs to."""
        return next(term for term in self.terms if column in term.columns)

    def label(self, column: int) -> str:
        """A column by name: `sex=female`, or `age`."""
        term = self.owner(column)
        return f"{term.name}={term.level(column)}" if term.levels else term.name


def listed(names: str | Sequence[str] | None) -> list[str]:
    """One name, several or none as a list."""
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(names)


def check_names(frame: pd.DataFrame, names: str | Sequence[str]) -> list[str]:
    """The names as a list, after a look whether the frame has them, each once.

    Raises
    ------
    ParameterError
        If one is absent, named twice, or none is given.
    """
    names = listed(names)
    if not names:
        raise ParameterError("A model needs at least one covariate; the list is empty.")
    present(names, frame.columns, of="The analysis frame")
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(f"The covariate {name!r} is named twice; name it once.")
    return names


def check_products(products: Sequence[Sequence[str]], covariates: Sequence[str]) -> None:
    """Refuse a product of what the model does not hold.

    Raises
    ------
    ParameterError
    """
    for pair in products:
        lacking = [name for name in pair if name not in covariates]
        if lacking or len(pair) != 2:
            raise ParameterError(
                f"The product {':'.join(pair)} is of two covariates of the model, which holds "
                f"{listing(covariates, 12)}."
            )


def complete(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The patients without a missing value in any of these columns."""
    return frame[frame[list(names)].notna().to_numpy().all(axis=1)]


def held_against(frame: pd.DataFrame, references: Mapping[str, str]) -> pd.DataFrame:
    """A frame whose categories have these levels first: what a ratio is held against.

    Parameters
    ----------
    frame : pandas.DataFrame
    references : mapping of str to str
        Reference level by column; those that the frame does not hold are passed over.

    Examples
    --------
    >>> frame = pd.DataFrame({"sex": pd.Categorical(["m", "f"], ["m", "f"])})
    >>> list(held_against(frame, {"sex": "f"})["sex"].cat.categories)
    ['f', 'm']
    """
    for column, level in references.items():
        if column in frame and level in frame[column].cat.categories:
            others = [one for one in frame[column].cat.categories if one != level]
            ordered = frame[column].cat.reorder_categories([level, *others])
            frame = frame.assign(**{column: ordered})
    return frame


def encode(
    frame: pd.DataFrame, names: Sequence[str], products: Sequence[Sequence[str]] = ()
) -> Design:
    """Treatment-coded design columns; the first category of a factor is the reference.

    A product of two covariates has a column for each pair of theirs, and is named `arm:score`,
    its levels `chemo:2`.

    Raises
    ------
    CohortError
        If a column is neither a number, a category nor a boolean, or holds infinity.
    """
    blocks: list[np.ndarray] = []
    terms: list[Term] = []
    at = 0
    for name in names:
        block, levels, note = _block(frame[name])
        width = block.shape[1]
        terms.append(Term(name, levels, tuple(range(at, at + width)), note))
        blocks.append(block)
        at += width
    known = {term.name: (term, block) for term, block in zip(terms, blocks, strict=True)}
    for first, second in products:
        block, levels = _product(*known[first], *known[second])
        width = block.shape[1]
        terms.append(Term(f"{first}:{second}", levels, tuple(range(at, at + width))))
        blocks.append(block)
        at += width
    x = np.column_stack(blocks) if blocks else np.zeros((len(frame), 0))
    return Design(x.astype(float), tuple(terms))


def _product(
    first: Term, x: np.ndarray, second: Term, y: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The columns of a product and their levels, that of no product before them."""
    block = (x[:, :, None] * y[:, None, :]).reshape(len(x), -1)
    pairs = itertools.product(first.levels[1:] or ("",), second.levels[1:] or ("",))
    levels = [":".join(filter(None, pair)) for pair in pairs]
    return block, (NO_PRODUCT, *levels) if any(levels) else ()


def follow_up(frame: pd.DataFrame, strata: Sequence[str] = ()) -> FollowUp:
    """Times, events, late entry and strata of patients whose follow-up is known.

    A patient who is under observation from time zero is at risk at time zero too.

    Raises
    ------
    CohortError
        If a time is negative or infinite, or observation begins when it ends.
    """
    time = frame["time"].to_numpy(dtype=float)
    event = _zero_one(frame["event"])
    refuse_labelled(
        frame.index[~(np.isfinite(time) & (time >= 0))],
        "`time` must be a number of months from 0",
        "Check the dates that it was made from.",
    )
    entry = frame["entry"].to_numpy(dtype=float) if "entry" in frame else None
    time, entry = tie_close_times(time, entry)
    if entry is not None:
        entry = np.where(entry <= 0, -1.0, entry)
        refuse_labelled(
            frame.index[~(entry < time)],
            "Observation must begin before it ends, `entry` before `time`",
            "Correct the entry, or leave these patients out.",
        )
        entry = None if (entry < 0).all() else entry
    codes = None
    if strata:
        codes = frame.groupby(list(strata), observed=True).ngroup().to_numpy(dtype=np.int32)
    return FollowUp(time, event, entry, codes)


def check_follow_up(frame: pd.DataFrame) -> list[str]:
    """The columns of the frame that describe follow-up.

    Raises
    ------
    CohortError
        If the frame is not an analysis frame.
    """
    missing = [name for name in ("time", "event") if name not in frame]
    if missing:
        raise CohortError(
            f"The table lacks {' and '.join(missing)}. Make it with endpoints.derive first."
        )
    return ["time", "event", *(["entry"] if "entry" in frame else [])]


def why_collinear(design: Design, data: FollowUp | None, fitted: np.ndarray, column: int) -> str:
    """In words: why a column adds nothing to the columns that were fitted.

    Parameters
    ----------
    design : Design
    data : FollowUp or None
        None for a model without time.
    fitted : ndarray of bool, shape (p,)
        The columns that have an estimate.
    column : int
        The one that has none.
    """
    x = _within_strata(design.x, data)
    size = np.linalg.norm(x, axis=0)
    term = design.owner(column)
    if size[column] <= 1e-9 * (1 + np.abs(design.x[:, column]).max(initial=0.0)):
        where = " within strata" if data is not None and data.strata is not None else ""
        return f"not estimable: {design.label(column)} does not vary{where} among those at risk"
    others = np.flatnonzero(fitted & (size > 0))
    unit = x[:, others] / size[others]
    share, *_ = np.linalg.lstsq(unit, x[:, column] / size[column], rcond=None)
    left = x[:, column] / size[column] - unit @ share
    used = others[np.abs(share) > _COLLINEAR]
    names = [design.owner(int(j)).name for j in used]
    names = [name for name in dict.fromkeys(names) if name != term.name] or names
    if not names or left @ left > _COLLINEAR:
        return f"not estimable: {design.label(column)} adds no information in the sets at risk"
    return f"not estimable: collinear with {', '.join(dict.fromkeys(names))}"


def _zero_one(event: pd.Series) -> np.ndarray:
    if not set(event.unique()) <= {0, 1}:
        seen = listing(map(foreign, event.unique()), 5)
        raise refusal(f"`event` must be True (observed) or False; it holds {seen}.")
    return event.astype(bool).to_numpy().astype(np.int32)


def _block(column: pd.Series) -> tuple[np.ndarray, tuple[str, ...], str]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _dummies(column)
    if pd.api.types.is_bool_dtype(column):
        words = column.map({True: "yes", False: "no"})
        return _dummies(words.astype(pd.CategoricalDtype(["no", "yes"])))
    if not pd.api.types.is_numeric_dtype(column):
        raise CohortError(
            f"The covariate {column.name!r} holds text. Give it levels (the first is the "
            "reference) in columns.toml or design.toml, or make it a pandas Categorical."
        )
    values = column.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        raise CohortError(f"The covariate {column.name!r} holds infinite values; correct them.")
    return values[:, None], (), ""


def _dummies(column: pd.Series) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Indicator columns of the levels that have patients, all but the first."""
    every, codes = list(column.cat.categories), column.cat.codes.to_numpy()
    places = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(every)))
    present = [every[place] for place in places]
    block = (codes[:, None] == places[None, 1:]).astype(float)
    block[codes < 0] = np.nan
    note = ""
    if present and present[0] != every[0]:
        note = f"reference is {present[0]}: no patient has {every[0]}"
    block = block.reshape(len(column), max(len(present) - 1, 0))
    return block, tuple(str(level) for level in present), note


def without_reference(design: Design, data: FollowUp | None) -> dict[int, str]:
    """Columns whose reference level has nobody at risk at any event, and that as a sentence."""
    notes: dict[int, str] = {}
    if data is None:
        return notes
    seen = _ever_at_risk(data)
    for term in design.terms:
        reference = ~(design.x[:, list(term.columns)] == 1).any(axis=1)
        if term.levels and not (reference & seen).any():
            note = f"not estimable: nobody with {term.name}={term.levels[0]} is at risk at an event"
            notes |= dict.fromkeys(term.columns, note)
    return notes


def _ever_at_risk(data: FollowUp) -> np.ndarray:
    """Who is under observation at some event of the own stratum."""
    strata = np.zeros(data.n, dtype=int) if data.strata is None else data.strata
    count = np.zeros(data.n, dtype=int)
    for stratum in np.unique(strata):
        inside = strata == stratum
        events = np.sort(data.time[inside & (data.event == 1)])
        count[inside] = np.searchsorted(events, data.time[inside], side="right")
        if data.entry is not None:
            count[inside] -= np.searchsorted(events, data.entry[inside], side="right")
    return count > 0


def _within_strata(x: np.ndarray, data: FollowUp | None) -> np.ndarray:
    """Columns of those ever at risk at an event, as deviations from the stratum's mean."""
    if data is None:
        return x - x.mean(axis=0)
    strata = np.zeros(data.n, dtype=int) if data.strata is None else data.strata
    seen = _ever_at_risk(data)
    blocks = [x[seen & (strata == stratum)] for stratum in np.unique(strata[seen])]
    return np.concatenate([block - block.mean(axis=0) for block in blocks])
