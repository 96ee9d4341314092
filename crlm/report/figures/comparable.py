"""Are the sides alike, do they overlap, and their weighted curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter

from crlm import lent
from crlm.ledger import Design, small
from crlm.numbers import number
from crlm.report.figures.picture import (
    CURVES,
    FOREST,
    PALETTE,
    SOFT,
    STYLE,
    Picture,
    apart,
    colours,
    sheet,
    wrapped,
)

#: A standardised difference beyond this is usually called an imbalance.
_ALIKE = 0.1
#: Inches that the number in brackets reaches beyond the last month.
_BRACKETS = 0.15
_MARKS = {
    "diagnostic": ("before weighting", "o", "none", PALETTE[6]),
    "overlap weighted": ("overlap weights", "o", PALETTE[0], PALETTE[0]),
    "att weighted": ("weights of the treated", "x", PALETTE[1], PALETTE[1]),
}


@lent.pure
def love(rows: pd.DataFrame, design: Design, *, title: str) -> Picture | None:
    """Standardised differences of each characteristic before and under weights.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `causal.balance`: its `smd` rows, without squares and products.
    title : str

    Returns
    -------
    Picture or None
        None without a difference to draw.
    """
    found = rows[(rows["statistic"] == "smd") & rows["estimate"].notna()]
    found = found[~found["covariate"].str.contains(":")]
    raw = found[found["model"] == "diagnostic"]
    order = raw.assign(size=raw["estimate"].abs()).sort_values("size", kind="stable")
    keys = list(zip(order["covariate"], order["level"], strict=True))
    if not keys:
        return None
    widest = max(float(found["estimate"].abs().max()), 2 * _ALIKE) * 1.08
    names = [characteristic(name, level, design) for name, level in keys]
    labels = [wrapped(name) for name in names]
    pitch = 0.28 if any("\n" in label for label in labels) else 0.21
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(1.2 + pitch * len(keys), FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for line in (-_ALIKE, _ALIKE):
            axis.axvline(line, color=SOFT, linestyle=":", linewidth=0.8, zorder=0)
        axis.axvline(0, color=SOFT, linewidth=0.8, zorder=0)
        told = [_draw_marks(axis, found, model, keys) for model in _MARKS]
        axis.set_yticks(range(len(keys)), labels, fontsize=8)
        axis.set(xlim=(-widest, widest), ylim=(-0.7, len(keys) - 0.3))
        axis.set_xlabel("Standardised difference")
        place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 0.99), "borderaxespad": 0.2}
        axis.legend(ncols=3, fontsize=8, columnspacing=1.2, **place)
        axis.set_title(title, pad=21)
        alt = f"Love plot. {title}. {_told(names, keys, told)}"
        return Picture(figure, alt, title, found)


def _draw_marks(
    axis: Any, found: pd.DataFrame, model: str, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], float]:
    label, shape, face, edge = _MARKS[model]
    part = found[found["model"] == model]
    at = {(r.covariate, r.level): float(r.estimate) for r in part.itertuples()}
    y = [k for k, key in enumerate(keys) if key in at]
    x = [at[keys[k]] for k in y]
    if x:
        look = {"marker": shape, "linestyle": "none", "markersize": 5, "markeredgewidth": 1.2}
        axis.plot(x, y, color=edge, markerfacecolor=face, label=label, **look)
    return at


def _told(
    names: Sequence[str],
    keys: Sequence[tuple[str, str]],
    told: Sequence[Mapping[tuple[str, str], float]],
) -> str:
    """Each characteristic with its differences, the largest first."""
    texts = []
    for name, key in reversed(list(zip(names, keys, strict=True))):
        values = [number(found[key]) for found in told if key in found]
        texts.append(f"{name}: {' then '.join(values)}")
    return "; ".join(texts) + "."


def characteristic(name: str, level: str, design: Design) -> str:
    """A covariate, or one of its levels, at the edge of a figure or table."""
    label = design.label(name)
    if not level:
        return label
    text = design.label(name, level)
    plain = level == "yes" or text in ("Yes", "Present")
    if plain or text.startswith(label):
        return label if plain else text
    return f"{label}: {small(text)}"


@lent.pure
def propensity_overlap(shares: pd.DataFrame, design: Design, *, title: str) -> Picture | None:
    """The propensity of the two sides as bars back to back.

    Parameters
    ----------
    shares : pandas.DataFrame
        From `causal.propensity_shares`: `group`, `low`, `high`, `share` (%).
    """
    groups = list(dict.fromkeys(shares["group"]))
    if len(groups) != 2:
        return None
    most = float(shares["share"].max()) * 1.1
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(2.6, CURVES)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for colour, group, sign in zip(colours(2), groups, (-1, 1), strict=True):
            part = shares[shares["group"] == group]
            width = part["high"] - part["low"]
            look = {"align": "edge", "color": colour, "edgecolor": "white", "linewidth": 0.6}
            label = design.group_label(group)
            axis.bar(part["low"], sign * part["share"], width, label=label, **look)
        axis.axhline(0, color=SOFT, linewidth=0.8)
        axis.set(xlim=(0, 1), ylim=(-most, most), xlabel="Propensity", ylabel="% of the side")
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):g}"))
        place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 0.99), "borderaxespad": 0.2}
        axis.legend(ncols=2, fontsize=8.5, **place)
        axis.set_title(title, pad=21)
        texts = "; ".join(_middle(shares[shares["group"] == g], g, design) for g in groups)
        alt = f"Overlap of the propensity. {title}. {texts}."
        return Picture(figure, alt, title, shares)


def _middle(part: pd.DataFrame, group: str, design: Design) -> str:
    """Between which propensities nine of ten patients of a side lie."""
    total = part["share"].cumsum().to_numpy()
    low = part["low"].to_numpy()[int(np.searchsorted(total, 5))]
    high = part["high"].to_numpy()[min(int(np.searchsorted(total, 95)), len(part) - 1)]
    return f"{design.group_label(group)}: nine of ten between {number(low)} and {number(high)}"


@lent.pure
def weighted_curves(
    steps: pd.DataFrame, rows: pd.DataFrame, design: Design, *, title: str, note: str
) -> Picture | None:
    """Weighted survival curves over numbers at risk and what they are worth under the weights.

    Parameters
    ----------
    steps : pandas.DataFrame
        From `causal.weighted_curve`: `group`, `time`, `survival`.
    rows : pandas.DataFrame
        From `causal.weighted_risk_table`: `n_at_risk` and `effective_n` by group and time.
    note : str
        Which weights, below the axis.
    """
    groups = list(dict.fromkeys(steps["group"]))
    if not groups:
        return None
    ticks = np.sort(rows["time"].unique())
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(3.2 + 0.2 * len(groups), (CURVES[0], CURVES[1] - _BRACKETS))
        axis, table = figure.subplots(
            2, 1, sharex=True, height_ratios=[3.0, 0.35 + 0.24 * len(groups)]
        )
        figure.subplots_adjust(hspace=0.42, **frame)
        for colour, group in zip(colours(len(groups)), groups, strict=True):
            # The axis ends the line: a step before its end is not the end of the curve.
            part = steps[steps["group"] == group]
            label = design.group_label(group)
            axis.step(part["time"], part["survival"], where="post", color=colour, label=label)
        _finish(axis, ticks, title, note)
        _numbers(table, rows, groups, ticks, design)
        alt = "; ".join(_reading(steps, group, ticks, design) for group in groups)
        alt = f"Weighted curves, {note}. {title}. Months: {alt}."
        return Picture(figure, alt, title, steps)


def _finish(axis: Any, ticks: np.ndarray, title: str, note: str) -> None:
    axis.set(xlim=(0, float(ticks[-1])), ylim=(0, 1.02), ylabel="Probability", xlabel="Months")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.tick_params(labelbottom=True)
    axis.axhline(0.5, color=SOFT, linestyle=":", linewidth=0.8, zorder=0)
    place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 0.99), "borderaxespad": 0.2}
    axis.legend(ncols=2, fontsize=8.5, **place)
    axis.set_title(title, pad=21)
    where = {"textcoords": "offset points", "xycoords": "axes fraction", "xytext": (0, -21)}
    axis.annotate(note, (1, 0), ha="right", va="top", fontsize=8, **where)


def _numbers(
    table: Any, rows: pd.DataFrame, groups: Sequence[str], ticks: np.ndarray, design: Design
) -> None:
    table.set(ylim=(len(groups) - 0.4, -0.6))
    table.set_yticks(range(len(groups)), [design.group_label(g) for g in groups], fontsize=8)
    for label, colour in zip(table.get_yticklabels(), colours(len(groups)), strict=True):
        label.set_color(colour)
    for spine in table.spines.values():
        spine.set_visible(False)
    table.xaxis.set_visible(False)
    title = "Number at risk (effective number)"
    table.set_title(title, fontsize=8.5, fontweight="normal")
    found = rows.set_index(["group", "time", "statistic"])["estimate"]
    names = ("n_at_risk", "effective_n")
    texts = {
        (y, t): "{} ({})".format(*(number(found.get((group, t, name)), 0) for name in names))
        for y, group in enumerate(groups)
        for t in ticks
    }
    first = [text for (_, t), text in texts.items() if t == ticks[0]]
    table.tick_params(axis="y", length=0, pad=apart(first, 8, 22))
    for (y, t), text in texts.items():
        table.text(t, y, text, ha="center", va="center", fontsize=8, clip_on=False)


def _reading(steps: pd.DataFrame, group: str, ticks: np.ndarray, design: Design) -> str:
    part = steps[steps["group"] == group]
    time, level = part["time"].to_numpy(), part["survival"].to_numpy()
    told = ", ".join(
        f"{number(100 * level[time <= t][-1], 0)} % at {t:g}" for t in ticks if 0 < t <= time.max()
    )
    return f"{design.group_label(group)}: {told or 'followed for less than that'}"
