"""Covariates of a model for treatment, testing or outcome: scales, splines, levels, columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crlm.causal.engine import spline
from crlm.ledger import TERM_KINDS, CohortError, ParameterError

#: How a covariate may enter; a pair ("age", "spline") in design.toml.
KINDS = TERM_KINDS
#: Where natural splines become straight: quantiles of the whole cohort.
_ENDS = (0.05, 0.95)
#: Why a term has no column here, in the words of a method.
NOT_HERE = "not in this table"
_WORDS = {
    "linear": "",
    "log": "log ",
    "log1p": "log(1 + x) of ",
    "spline": "spline of ",
    "log spline": "spline of log ",
    "factor": "",
}


@dataclass(frozen=True)
class Scale:
    """How one covariate becomes columns, learnt once and the same in every resample.

    Attributes
    ----------
    name, kind : str
        `kind` is one of `KINDS`.
    levels : tuple
        Of a factor, those with patients, the reference first.
    knots : tuple of float
        Inner knots of a spline, on its scale.
    ends : tuple of float
        Its boundary knots.
    """

    name: str
    kind: str
    levels: tuple[object, ...] = ()
    knots: tuple[float, ...] = ()
    ends: tuple[float, float] = (0.0, 1.0)

    @property
    def words(self) -> str:
        """For a method: "spline of age"."""
        return _WORDS[self.kind] + self.name

    @property
    def labels(self) -> list[str]:
        """Level of each column; "" for a number."""
        return [str(level) for level in self.levels[1:]] if self.levels else [""] * self.width

    @property
    def width(self) -> int:
        """Number of columns."""
        if self.levels:
            return len(self.levels) - 1
        return len(self.knots) + 1 if self.knots else 1

    def value(self, frame: pd.DataFrame) -> np.ndarray:
        """The covariate as the model measures it (n, levels - 1 or 1), before any spline."""
        if self.name not in frame:
            raise ParameterError(f"The frame has no column {self.name!r}, which the model needs.")
        column = frame[self.name]
        if self.kind == "factor":
            codes = _codes(column, self.levels)
            block = (codes[:, None] == np.arange(1, len(self.levels))).astype(float)
            block[codes < 0] = np.nan
            return block
        return _on_scale(numbers(column), self.kind)[:, None]

    def columns(self, frame: pd.DataFrame) -> np.ndarray:
        """The columns of the model, missing where the covariate is."""
        x = self.value(frame)
        if not self.knots:
            return x
        block = np.full((len(x), self.width), np.nan)
        known = np.isfinite(x[:, 0])
        if known.any():
            block[known] = spline(x[known, 0], self.knots, self.ends)
        return block


def _codes(column: pd.Series, levels: Sequence[object]) -> np.ndarray:
    """The place of each value among the levels, -1 for what is none."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(pd.Categorical(column, categories=list(levels)).codes)
    place = {level: i for i, level in enumerate(levels)}
    # A missing value has the code -1, which reads the last entry.
    known = np.array([*(place.get(one, -1) for one in column.cat.categories), -1])
    return known[column.cat.codes.to_numpy()]


def numbers(column: pd.Series) -> np.ndarray:
    """A column of numbers as floats, missing as NaN.

    Raises
    ------
    CohortError
        If it holds text.
    """
    if not pd.api.types.is_numeric_dtype(column):
        raise CohortError(
            f"The covariate {column.name!r} holds {column.dtype}, not numbers. "
            'Name it with the kind "factor", or correct the column.'
        )
    return column.to_numpy(dtype=float, na_value=np.nan)


def learn(
    frame: pd.DataFrame, terms: Sequence[Sequence[str]]
) -> tuple[tuple[Scale, ...], tuple[str, ...]]:
    """The scales of terms on a cohort, and in words what had to be left out or changed.

    Parameters
    ----------
    frame : pandas.DataFrame
    terms : sequence of (name, kind)
        As `chapter.propensity` of design.toml.

    Raises
    ------
    ParameterError
        If a term is no pair, or its kind unknown.
    CohortError
        If a number's column holds text.
    """
    scales: list[Scale] = []
    notes: list[str] = []
    out: dict[str, list[str]] = {}
    for name, kind in _pairs(terms):
        scale, note = _scale(frame, name, kind)
        if scale is not None:
            scales.append(scale)
            notes += [note] if note else []
        else:
            out.setdefault(note, []).append(name)
    left = [f"left out, {why}: {', '.join(names)}" for why, names in out.items()]
    return tuple(scales), (*notes, *left)


def design_of(frame: pd.DataFrame, scales: Sequence[Scale]) -> np.ndarray:
    """All columns side by side (n, p)."""
    blocks = [scale.columns(frame) for scale in scales]
    return np.hstack(blocks) if blocks else np.zeros((len(frame), 0))


def words_of(scales: Sequence[Scale]) -> str:
    """The terms for a method."""
    return ", ".join(scale.words for scale in scales) or "nothing"


def two_levels(frame: pd.DataFrame, name: str) -> tuple[np.ndarray, tuple[str, str]]:
    """An exposure as 0, 1 and NaN, and its two levels in the order of the dictionary.

    Raises
    ------
    ParameterError
        If there is no such column.
    CohortError
        If it is no column of two levels.
    """
    if name not in frame:
        raise ParameterError(f"The analysis frame has no column {name!r}.")
    column = frame[name]
    if pd.api.types.is_bool_dtype(column):
        column = column.map({True: "yes", False: "no"}).astype(_YES_NO)
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype("category")
    levels = [str(level) for level in column.cat.categories]
    if len(levels) == 1:
        levels = _other_of(levels[0])
        column = column.cat.rename_categories(str).cat.set_categories(levels)
    if len(levels) != 2:
        remedy = "two are compared here. Give it two levels in columns.toml or design.toml."
        raise CohortError(
            f"{name!r} has {len(levels)} levels; {remedy}",
            told=f"{name!r} has {len(levels)} levels ({', '.join(levels[:6])}); {remedy}",
        )
    codes = column.cat.codes.to_numpy().astype(float)
    return np.where(codes < 0, np.nan, codes), (levels[0], levels[1])


_YES_NO = pd.CategoricalDtype(["no", "yes"])


def _other_of(level: str) -> list[str]:
    """Both levels where the table knows one."""
    return {"no": ["no", "yes"], "yes": ["no", "yes"]}.get(level, [level, f"not {level}"])


def _pairs(terms: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    for term in terms:
        if isinstance(term, str) or len(term) != 2 or term[1] not in KINDS:
            raise ParameterError(
                f'{term!r} is no term: write a column and how it enters, as ["age", '
                f'"spline"]. It may enter as {", ".join(KINDS)}.'
            )
    return [(name, kind) for name, kind in terms]


def _scale(frame: pd.DataFrame, name: str, kind: str) -> tuple[Scale | None, str]:
    if name not in frame:
        return None, NOT_HERE
    if kind == "factor":
        return _factor(frame[name])
    x = numbers(frame[name])
    kind, note = _possible(x, name, kind)
    known = x[np.isfinite(x)]
    if not len(known) or known.min() == known.max():
        return None, "one value alone" if len(known) else "no value known"
    scale = Scale(name, kind)
    if not kind.endswith("spline"):
        return scale, note
    values = _on_scale(known, kind)
    low, high = np.quantile(values, _ENDS)
    inner = values[(values >= low) & (values <= high)]
    knots = tuple(float(k) for k in np.unique(np.quantile(inner, [1 / 3, 2 / 3])) if low < k < high)
    if not knots:
        straight = {"spline": "linear", "log spline": "log"}[kind]
        return Scale(name, straight), f"{name} as {straight}: too few values for a spline"
    return replace(scale, knots=knots, ends=(float(low), float(high))), note


def _factor(column: pd.Series) -> tuple[Scale | None, str]:
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype("category")
    seen = set(np.unique(column.cat.codes))
    levels = tuple(level for i, level in enumerate(column.cat.categories) if i in seen)
    if len(levels) < 2:
        return None, "one level alone" if levels else "no value known"
    return Scale(str(column.name), "factor", levels), ""


def _possible(x: np.ndarray, name: str, kind: str) -> tuple[str, str]:
    """The kind, or the nearest that these values allow, and why."""
    least = np.nanmin(x) if np.isfinite(x).any() else 1.0
    if kind in ("log", "log spline") and least <= 0:
        kind = "log1p" if least > -1 else "linear"
        return kind, f"{name} as {kind}: it holds 0 or less, which has no logarithm"
    if kind == "log1p" and least <= -1:
        return "linear", f"{name} as linear: it holds -1 or less"
    return kind, ""


def _on_scale(x: np.ndarray, kind: str) -> np.ndarray:
    if kind in ("log", "log spline"):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(np.where(x > 0, x, np.nan))
    if kind == "log1p":
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log1p(np.where(x > -1, x, np.nan))
    return x
