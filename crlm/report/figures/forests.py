"""Ratios with their intervals, and how often a factor is chosen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from crlm import lent
from crlm.ledger import Design, as_records
from crlm.naming import describe, told_apart
from crlm.numbers import interval, number
from crlm.report.figures.picture import (
    FOREST,
    PALETTE,
    SOFT,
    STYLE,
    Picture,
    sheet,
    wrapped,
)

#: Marks of an axis of ratios, and the decades beyond which the fine ones would touch.
_FINE = (0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 1, 1.5, 2, 3, 5, 10, 20)
_COARSE = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
_DECADE = 1.35
#: So many pairs fit on a page, and so many inches of single ratios.
_PAGE, _TALLEST = 16, 8.4
#: From ratio to ratio, in inches, where labels have one line and where they have two.
_PITCH, _WIDE_PITCH = 0.3, 0.42


@lent.pure
def forest(
    rows: pd.DataFrame,
    design: Design,
    *,
    title: str,
    unit: str = "HR",
    labels: Sequence[str] = (),
) -> Picture:
    """Ratios with their intervals on a log axis, numbers beside them; arrows where clipped.

    Parameters
    ----------
    rows : pandas.DataFrame
        Rows with a ratio in `estimate` and limits; non-finite ones are left out.
    unit : str
        "HR" or "OR".
    labels : sequence of str
        One a row, where rows differ in more than their covariate.
    """
    rows, labels = _known(rows, labels, design)
    return _forest(rows, labels, _limits(rows), title, unit)


@lent.pure
def forest_pages(
    rows: pd.DataFrame, design: Design, *, title: str, unit: str = "HR"
) -> list[Picture]:
    """As `forest`, in pictures that a page can hold: 28 ratios, 20 where labels have two lines.

    They part between covariates, never within the levels of one unless it fills a page by itself,
    hold about as many ratios each, and have the same axis. None where no ratio is known.
    """
    rows, labels = _known(rows, (), design)
    most = int(_TALLEST / _pitch(labels))
    places, made = _parted([len(part) for part in _together(rows)], most), []
    for first, last in places:
        told = title + ", continued" * bool(first)
        made.append(_forest(rows.iloc[first:last], labels[first:last], _limits(rows), told, unit))
    return made


def _known(
    rows: pd.DataFrame, labels: Sequence[str], design: Design
) -> tuple[pd.DataFrame, list[str]]:
    """The rows that have a ratio with its limits, and what each is called."""
    numbers = rows[["estimate", "conf_low"]].astype(float)
    known = np.isfinite(numbers).all(axis=1)
    told = labels or [_row_label(row, design) for row in as_records(rows)]
    return rows[known], [label for label, shown in zip(told, known, strict=True) if shown]


def _together(rows: pd.DataFrame) -> list[list[dict[str, Any]]]:
    """Rows of one covariate that follow each other."""
    found = itertools.groupby(as_records(rows), key=lambda row: row["covariate"])
    return [list(part) for _, part in found]


def _parted(sizes: Sequence[int], most: int) -> list[tuple[int, int]]:
    """From where to where each picture goes, of groups of so many ratios.

    Examples
    --------
    >>> _parted([1, 3, 1, 2, 3], 6)
    [(0, 5), (5, 10)]
    """
    sizes = [part for size in sizes for part in _pieces(size, most)]
    wanted = math.ceil(sum(sizes) / max(1, math.ceil(sum(sizes) / most)))
    ends, held = [0], 0
    for size in sizes:
        if held and (held >= wanted or held + size > most):
            ends.append(ends[-1] + held)
            held = 0
        held += size
    ends += [ends[-1] + held] if held else []
    return list(itertools.pairwise(ends))


def _pieces(size: int, most: int) -> list[int]:
    return [most] * (size // most) + [size % most] * bool(size % most)


def _pitch(labels: Sequence[str]) -> float:
    tall = ["\n" in wrapped(label) for label in labels]
    return _WIDE_PITCH if any(map(all, itertools.pairwise(tall))) else _PITCH


def _forest(
    rows: pd.DataFrame, labels: Sequence[str], ends: tuple[float, float], title: str, unit: str
) -> Picture:
    (low, high), pitch = ends, _pitch(labels)
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(1.1 + pitch * max(len(rows), 1), FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for y, row in enumerate(as_records(rows)):
            _draw_ratio(axis, y, row, low, high)
        _finish_forest_axis(axis, labels, low, high, title, unit)
        told = zip(labels, as_records(rows), strict=True)
        texts = "; ".join(f"{label}: {interval(row)}" for label, row in told)
        return Picture(figure, f"Forest plot. {title}. {texts}", title, rows)


def pairs(effects: pd.DataFrame, design: Design) -> list[Picture]:
    """The paper's ratio above the new cohort's for every effect, from `agreement.agree`.

    One picture where a page has room for them all, else pictures by endpoint, patients and model;
    all have the same axis.
    """
    limits = effects[["printed_low", "printed_high", "new_low", "new_high"]].to_numpy()
    if not limits.size:
        return []
    ends = max(limits.min(), 0.05) / 1.08, min(limits.max(), 20.0) * 1.08
    return [_pairs(*page, *ends) for page in _pages(effects, design)]


def _pages(effects: pd.DataFrame, design: Design) -> Iterator[tuple[str, list[str], pd.DataFrame]]:
    """What the effects of each picture share, what each is, and the effects."""
    if len(effects) <= _PAGE:
        yield "", [describe(pair, design) for pair in as_records(effects)], effects
        return
    for _, part in effects.groupby(["endpoint", "population", "model"], sort=False):
        shared, labels = told_apart(as_records(part), design)
        for first in range(0, len(part), _PAGE):
            here = slice(first, first + _PAGE)
            yield shared + ", continued" * bool(first), labels[here], part.iloc[here]


def _pairs(
    shared: str, labels: Sequence[str], effects: pd.DataFrame, low: float, high: float
) -> Picture:
    texts = []
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(1.2 + 0.5 * len(effects), FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for y, pair in enumerate(as_records(effects)):
            for shift, name, colour in ((-0.16, "printed", PALETTE[1]), (0.16, "new", PALETTE[0])):
                row = _one_of_pair(pair, name)
                _draw_ratio(axis, y + shift, row, low, high, colour)
                texts.append(f"{labels[y]}, {name}: {interval(row)}")
        title = f"{shared}: paper (above) and this cohort (below)".removeprefix(": ")
        title = title[:1].upper() + title[1:]
        _finish_forest_axis(axis, labels, low, high, title, "Ratio")
        return Picture(figure, "Forest plot of pairs. " + "; ".join(texts), title, effects)


def _one_of_pair(pair: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The paper's or the new cohort's side of a pair, as a result row."""
    values = {"estimate": pair[name], "conf_low": pair[f"{name}_low"]}
    return {"statistic": pair["statistic"], **values, "conf_high": pair[f"{name}_high"]}


@lent.pure
def stability(rows: pd.DataFrame, design: Design, *, title: str) -> Picture:
    """How often each factor is chosen in the resamples, the largest share first.

    Beside each bar stands in how many of the resamples that chose the factor its hazard
    ratio lies on the same side of 1: two shares that must not be taken for each other.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `regression.bootstrap_selection`.
    """
    shares = rows[rows["statistic"] == "percent"]
    chosen = shares[shares["model"] == "bootstrap selection"].sort_values("estimate", kind="stable")
    signs = shares[shares["model"] == "bootstrap selection, sign"].groupby("covariate")["estimate"]
    same = signs.min()
    labels = [design.label(name) for name in chosen["covariate"]]
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(0.9 + 0.26 * len(chosen), FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        widths = chosen["estimate"].astype(float)
        axis.barh(range(len(chosen)), widths, color=PALETTE[0], height=0.65)
        axis.set_yticks(range(len(chosen)), [wrapped(label) for label in labels])
        axis.set(xlim=(0, 100), xlabel="% of bootstrap samples that choose it", title=title)
        texts = [_share_text(row, same) for row in as_records(chosen)]
        for y, text in enumerate(texts):
            axis.text(1.02, y, text, transform=axis.get_yaxis_transform(), va="center", fontsize=8)
        told = ", ".join(f"{a}: {b}" for a, b in zip(labels[::-1], texts[::-1], strict=True))
        alt = f"{title}. Chosen, and same side of 1: {told}"
        return Picture(figure, alt, title, shares)


def _share_text(row: Mapping[str, Any], same: pd.Series) -> str:
    sign = same.get(row["covariate"])
    told = "" if sign is None or not math.isfinite(sign) else f", same side {number(sign, 0)} %"
    return f"{number(row['estimate'], 0)} %{told}"


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    if rows.empty:
        return 0.5, 2.0
    low = max(min(rows["conf_low"].min(), rows["estimate"].min(), 0.8), 0.05)
    high = min(max(rows["conf_high"].max(), rows["estimate"].max(), 1.25), 20.0)
    return low / 1.08, high * 1.08


def _draw_ratio(
    axis: Any, y: float, row: dict[str, Any], low: float, high: float, colour: str = PALETTE[0]
) -> None:
    left, right = max(row["conf_low"], low), min(row["conf_high"], high)
    axis.plot([left, right], [y, y], color=colour, linewidth=1.4)
    if row["conf_low"] < low:
        axis.plot(low, y, "<", color=colour, markersize=5)
    if row["conf_high"] > high:
        axis.plot(high, y, ">", color=colour, markersize=5)
    axis.plot(min(max(row["estimate"], low), high), y, "s", color=colour, markersize=5)
    axis.text(1.02, y, interval(row), transform=axis.get_yaxis_transform(), va="center")


def _finish_forest_axis(
    axis: Any, labels: Sequence[str], low: float, high: float, title: str, unit: str
) -> None:
    axis.set_xscale("log")
    axis.set(xlim=(low, high), ylim=(len(labels) - 0.4, -0.6), title=title)
    axis.set_xlabel(f"{unit} (95 % CI), log scale")
    axis.axvline(1, color=SOFT, linewidth=0.9, linestyle="--", zorder=0)
    fine = math.log10(high / low) <= _DECADE
    marks = [t for t in (_FINE if fine else _COARSE) if low <= t <= high]
    axis.xaxis.set_major_locator(FixedLocator(marks))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_yticks(range(len(labels)), [wrapped(label) for label in labels])


def _row_label(row: Mapping[str, Any], design: Design) -> str:
    name = design.ratio_label(row["covariate"])
    if row["level"]:
        name = design.group_label(f"{row['covariate']}={row['level']}")
    return (
        name if row["population"] == "all" else f"{name} ({design.group_label(row['population'])})"
    )
