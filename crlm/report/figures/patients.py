"""The patients: their flow into the study, their measurements, what is missing of them."""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.ticker import FuncFormatter, NullLocator

from crlm import lent
from crlm.ledger import Design, as_records, small
from crlm.numbers import number, short
from crlm.report.figures.picture import (
    CURVES,
    FOREST,
    SOFT,
    STYLE,
    Picture,
    colours,
    sheet,
)

#: Per cent that would be darkest: all shares stay pale enough for black figures.
_PALE = 150


@lent.pure
def flow(rows: pd.DataFrame, design: Design) -> Picture:
    """The flow of patients into the study, from attrition rows."""
    counts = {row["level"]: row["estimate"] for row in as_records(rows)}
    steps = [("start", "Patients in the table")]
    steps += [(item["name"], item["label"]) for item in design.eligibility]
    with matplotlib.rc_context(STYLE):
        figure, _ = sheet(0.6 * len(steps), CURVES)
        axis = figure.subplots()
        figure.subplots_adjust(left=0.02, right=0.98, top=1, bottom=0)
        axis.set_axis_off()
        axis.set(xlim=(0, 1), ylim=(-len(steps) + 0.45, 0.5))
        for y, (name, label) in enumerate(steps):
            _draw_step(axis, y, name, label, counts)
        told = ", then ".join(f"{label} {number(counts[name], 0)}" for name, label in steps)
        return Picture(figure, f"Flow of patients: {told}", "Flow of patients", rows)


def _draw_step(axis: Any, y: int, name: str, label: str, counts: Mapping[str, float]) -> None:
    box = {"boxstyle": "round,pad=0.5", "facecolor": "#f5f7f9", "edgecolor": SOFT}
    axis.text(0.02, -y, f"{label}: n = {number(counts[name], 0)}", va="center", bbox=box)
    if not y:
        return
    arrow = {"arrowstyle": "->", "color": SOFT}
    axis.annotate("", (0.08, -y + 0.24), (0.08, -y + 0.74), arrowprops=arrow)
    out = counts[f"{name}_excluded"]
    text = f"excluded: {number(out, 0)}" if math.isfinite(out) else "cannot be checked here"
    axis.text(0.12, -y + 0.5, text, va="center", color=SOFT)


_WHISKERS = (5, 95)
# Letters of a group's name that fit beside its boxes, of all titles in a line, of a
# characteristic beside its shares, and of all groups below these.
_WIDE, _ABOVE, _BESIDE, _BELOW = 16, 78, 38, 38
# Inches of a line of letters, and of a line of boxes or shares with one.
_LINE, _BOX, _SHARE = 0.14, 0.3, 0.26
#: What a box and its whiskers are, for the reader.
BOXES = "Box: median and quartiles; whiskers: the 5th and the 95th percentile."


@lent.pure
def distributions(
    frame: pd.DataFrame, names: Sequence[str], by: str, design: Design
) -> Picture | None:
    """Box plots of measurements by group: median, quartiles, and from the 5 to the 95 % point.

    No single patient is drawn. Markers that span decades stand on a log scale. None where
    no measurement is known.
    """
    known = [name for name in names if pd.api.types.is_numeric_dtype(frame[name])]
    if not known:
        return None
    import seaborn

    part = frame[frame[by].notna()]
    levels = [level for level in design.levels(by) if (part[by] == level).any()]
    across = min(3, len(known))
    down = math.ceil(len(known) / across)
    with matplotlib.rc_context({**STYLE, "font.size": 8, "axes.titlesize": 8.5}):
        groups = [textwrap.fill(design.label(by, level), _WIDE) for level in levels]
        titles = [textwrap.fill(_measured(design, name), _ABOVE // across) for name in known]
        high, apart = _laid_out(down, len(levels), groups, titles)
        figure, _ = sheet(high, CURVES)
        axes = figure.subplots(down, across, squeeze=False)
        figure.subplots_adjust(left=0.16, right=0.98, wspace=0.12, hspace=apart, top=0.9)
        drawn = {"hue": by, "hue_order": levels, "palette": colours(len(levels)), "legend": False}
        drawn |= {"whis": _WHISKERS, "showfliers": False, "width": 0.6, "linewidth": 0.9}
        for axis, name, title in zip(axes.flat, known, titles, strict=False):
            with warnings.catch_warnings():
                # seaborn 0.13.2 draws boxes by an argument that matplotlib deprecates.
                warnings.simplefilter("ignore", PendingDeprecationWarning)
                warnings.simplefilter("ignore", matplotlib.MatplotlibDeprecationWarning)
                seaborn.boxplot(data=part, x=name, y=by, order=levels, ax=axis, **drawn)
            axis.set(title=title, xlabel="", ylabel="")
            axis.set_yticks(range(len(levels)), groups)
            _finish_box(axis, part[name])
        for axis in axes.flat[len(known) :]:
            axis.set_axis_off()
        for row in axes:
            for axis in row[1:]:
                axis.set_yticklabels([])
        alt = _describe_boxes(part, known, by, levels, design)
        return Picture(figure, alt, "Measurements by group", _boxes(part, known, by, levels))


def _boxes(
    frame: pd.DataFrame, names: Sequence[str], by: str, levels: Sequence[str]
) -> pd.DataFrame:
    """Ends of the whiskers, quartiles and median of each box, a line a box."""
    shares = [_WHISKERS[0] / 100, 0.25, 0.5, 0.75, _WHISKERS[1] / 100]
    names_of = ["percentile_5", "q1", "median", "q3", "percentile_95"]
    return pd.DataFrame(
        {"measurement": name, by: level}
        | dict(zip(names_of, frame.loc[frame[by] == level, name].quantile(shares), strict=True))
        for name in names
        for level in levels
    )


def _measured(design: Design, name: str) -> str:
    unit = (design.columns.get(name) or {}).get("unit", "")
    return design.label(name) + (f", {unit}" if unit and unit != "tumours" else "")


def _pitch(labels: Sequence[str], least: float) -> float:
    """Inches from one line of a picture to the next, beside labels of several lines."""
    return max(least, _LINE * (1 + max(label.count("\n") for label in labels)) + 0.06)


def _laid_out(
    down: int, levels: int, groups: Sequence[str], titles: Sequence[str]
) -> tuple[float, float]:
    """How high a sheet of boxes is, in inches, and its gaps as a share of its axes' height."""
    more = _LINE * max(title.count("\n") for title in titles)
    usual = 0.55 + (_BOX * levels + 0.62) * down
    high = usual + (more + (_pitch(groups, _BOX) - _BOX) * levels) * down
    gap = 0.79 * usual / (2 * down - 1) + more
    axes = (0.79 * high - (down - 1) * gap) / down
    return high, round(gap / axes, 6)


def _finish_box(axis: Any, values: pd.Series) -> None:
    low, high = values.quantile([0.05, 0.95])
    if low > 0 and high / low > 50:
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_locator(NullLocator())


def _describe_boxes(
    frame: pd.DataFrame, names: Sequence[str], by: str, levels: Sequence[str], design: Design
) -> str:
    told = []
    for name in names:
        for level in levels:
            middle = short(frame.loc[frame[by] == level, name].median())
            told.append(f"{design.label(name)}, {design.label(by, level)}: {middle}")
    return f"Box plots by {small(design.label(by))}. {BOXES} Medians: {'; '.join(told)}."


@lent.pure
def missing_values(
    frame: pd.DataFrame, names: Sequence[str], by: str, design: Design
) -> Picture | None:
    """Share of missing values of each characteristic by group; None where nothing is missing."""
    part = frame[frame[by].notna()]
    gaps = [name for name in names if part[name].isna().any() and name != by]
    if not gaps:
        return None
    import seaborn

    levels = [level for level in design.levels(by) if (part[by] == level).any()]
    shares = pd.DataFrame(
        {design.label(by, k): 100 * part[part[by] == k][gaps].isna().mean() for k in levels}
    )
    shares = shares.set_axis([design.label(name) for name in gaps])
    with matplotlib.rc_context(STYLE):
        beside = [textwrap.fill(name, _BESIDE) for name in shares.index]
        below = [textwrap.fill(name, max(8, _BELOW // len(levels))) for name in shares]
        figure, frame_at = sheet(0.8 + _pitch(beside, _SHARE) * len(gaps), FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame_at)
        texts = shares.map(lambda share: f"{number(share, 0)} %")
        seaborn.heatmap(
            shares,
            ax=axis,
            annot=texts,
            fmt="",
            annot_kws={"color": "black"},
            cmap="Blues",
            vmin=0,
            vmax=_PALE,
            cbar=False,
            linewidths=1.0,
            xticklabels=below,
            yticklabels=beside,
        )
        axis.set(title="Missing values by group", xlabel="", ylabel="")
        axis.tick_params(axis="y", rotation=0, length=0)
        axis.tick_params(axis="x", rotation=0)
        told = "; ".join(
            f"{name}: {', '.join(f'{k} {v}' for k, v in row.items())}"
            for name, row in texts.iterrows()
        )
        data = shares.rename_axis("characteristic").reset_index()
        title = "Missing values by group"
        return Picture(figure, f"{title}. {told}.", title, data)
