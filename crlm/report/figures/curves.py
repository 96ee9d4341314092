"""Survival curves: over their numbers at risk, and side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter

from crlm import lent
from crlm.ledger import Design, small
from crlm.numbers import number, p_phrase
from crlm.report.figures.picture import (
    CURVES,
    LETTERS,
    SOFT,
    STYLE,
    Picture,
    apart,
    colours,
    names_of,
    sheet,
)

_MAX_CENSOR_MARKS = 2000
_MAX_STEPS = 4000


@lent.pure
def kaplan_meier(
    curves: pd.DataFrame, rows: pd.DataFrame, design: Design, *, title: str = ""
) -> Picture | None:
    """Kaplan-Meier curves over a table of numbers at risk; None where no curve may be drawn.

    Parameters
    ----------
    curves : pandas.DataFrame
        From `survival.curve`: one step a row.
    rows : pandas.DataFrame
        From `survival.summary`: its `n_at_risk` rows are the table, their
        times the ticks on both; its log-rank p value stands below the axis.
    design : Design
        For labels.
    title : str
        Printed above.
    """
    groups = list(dict.fromkeys(curves["group"]))
    if "straight" in curves and not (curves["time"] > 0).any():
        return None
    risk = rows[rows["statistic"] == "n_at_risk"]
    tests = rows.loc[(rows["statistic"] == "p") & (rows["model"] == "logrank"), "estimate"]
    p = float(tests.iloc[0]) if len(tests) else None
    ticks = np.sort(risk["time"].unique())
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(2.9 + 0.2 * len(groups), CURVES)
        axis, table = figure.subplots(
            2, 1, sharex=True, height_ratios=[3.0, 0.35 + 0.24 * len(groups)]
        )
        figure.subplots_adjust(hspace=0.42, **frame)
        names = names_of(groups, design, LETTERS[_across(len(groups))])
        for colour, group, label in zip(colours(len(groups)), groups, names, strict=True):
            curve = curves[curves["group"] == group]
            absent = " (not shown)" if "straight" in curve and len(curve) < 2 else ""
            _draw_curve(axis, curve, colour, label + absent)
        _finish_survival_axis(axis, ticks, title, p, len(groups))
        _draw_risk_table(table, risk, groups, ticks, design)
        alt = _describe_curves(curves, risk, groups, ticks, design, title, p)
        return Picture(figure, alt, title, _drawn(curves, risk))


@lent.pure
def overview(panels: Sequence[tuple[str, pd.DataFrame, float]], design: Design) -> Picture:
    """The curves of the main endpoints side by side, without numbers at risk.

    Parameters
    ----------
    panels : sequence of (title, curves, p)
        Curves from `survival.curve`, p of the log-rank test.
    """
    groups = list(dict.fromkeys(group for _, curves, _ in panels for group in curves["group"]))
    names = names_of(groups, design, LETTERS[min(4, len(groups))])
    with matplotlib.rc_context({**STYLE, "font.size": 8, "axes.titlesize": 8.5}):
        figure, _ = sheet(2.1, CURVES)
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.065, right=0.985, wspace=0.08, bottom=0.2, top=0.76)
        for axis, (title, curves, p) in zip(axes, panels, strict=True):
            for colour, group, label in zip(colours(len(groups)), groups, names, strict=True):
                _draw_curve(axis, curves[curves["group"] == group], colour, label)
            _finish_panel(axis, title, float(curves["time"].max()), p)
        handles, labels = axes[0].get_legend_handles_labels()
        place = {"loc": "upper left", "bbox_to_anchor": (0.05, 1.0)}
        figure.legend(handles, labels, ncols=4, fontsize=8, borderpad=0, **place)
        texts = "; ".join(f"{title}{_tested(p)}" for title, _, p in panels)
        by = "" if groups == ["all"] else f" by {small(design.label(groups[0].partition('=')[0]))}"
        alt = f"Kaplan-Meier curves{by}, side by side. {texts}."
        data = pd.concat([_drawn(curves).assign(panel=title) for title, curves, _ in panels])
        return Picture(figure, alt, f"Kaplan-Meier curves{by}", data)


def _drawn(curves: pd.DataFrame, risk: pd.DataFrame | None = None) -> pd.DataFrame:
    """The steps of curves as they are drawn, and the table of numbers at risk below them."""
    steps = pd.concat([_thinned(part) for _, part in curves.groupby("group", sort=False)])
    shown = steps[["group", "time", "survival", "conf_low", "conf_high"]].assign(drawn="curve")
    if risk is None:
        return shown
    below = risk[["group", "time"]].assign(n_at_risk=risk["estimate"], drawn="numbers at risk")
    return pd.concat([shown, below], ignore_index=True)


def _tested(p: float) -> str:
    return f", log-rank {p_phrase(p)}" if math.isfinite(p) else ""


def _finish_panel(axis: Any, title: str, last: float, p: float) -> None:
    step = 12 * math.ceil(max(last, 12.0) / 12 / 6)
    axis.set(xlim=(0, last or 1.0), ylim=(0, 1.02), xlabel="Months", title=title)
    axis.xaxis.set_major_locator(FixedLocator(np.arange(0, last + 1, step)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    place = {"transform": axis.transAxes, "ha": "right", "va": "top", "fontsize": 7.5}
    axis.text(0.99, 0.99, p_phrase(p) if math.isfinite(p) else "", **place)


def _draw_curve(axis: Any, curve: pd.DataFrame, colour: str, label: str) -> None:
    if "straight" in curve:
        _draw_straight(axis, curve, colour, label)
        return
    thin = _thinned(curve)
    time, low, high = (thin[name].to_numpy() for name in ("time", "conf_low", "conf_high"))
    axis.step(time, thin["survival"], where="post", color=colour, label=label, linewidth=1.6)
    axis.fill_between(time, low, high, step="post", color=colour, alpha=0.13, linewidth=0)
    censored = curve[curve["n_censored"] > 0]
    if len(censored) <= _MAX_CENSOR_MARKS:
        axis.plot(
            censored["time"],
            censored["survival"],
            "|",
            color=colour,
            markersize=4,
            markeredgewidth=0.8,
        )


def _draw_straight(axis: Any, curve: pd.DataFrame, colour: str, label: str) -> None:
    """A curve of a safe report: straight between its points, no step and no mark a patient."""
    time, low, high = (curve[name].to_numpy(float) for name in ("time", "conf_low", "conf_high"))
    axis.plot(time, curve["survival"], color=colour, label=label, linewidth=1.6)
    axis.fill_between(time, low, high, color=colour, alpha=0.13, linewidth=0)


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """At most a few thousand steps: more cannot be seen and only weigh on the page."""
    shown = ((curve["n_events"] > 0) | (curve["time"] == 0)).to_numpy(copy=True)
    shown[-1:] = True
    steps = curve[shown]
    if len(steps) <= _MAX_STEPS:
        return steps
    keep = np.unique(np.linspace(0, len(steps) - 1, _MAX_STEPS).astype(int))
    return steps.iloc[keep]


def _across(n_groups: int) -> int:
    """Names of groups in a line of the legend."""
    return 2 if n_groups in (2, 4) else 3


def _finish_survival_axis(
    axis: Any, ticks: np.ndarray, title: str, p: float | None, n_groups: int
) -> None:
    axis.set(xlim=(0, float(ticks[-1])), ylim=(0, 1.02), ylabel="Probability")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.tick_params(labelbottom=True)
    axis.set_xlabel("Months")
    axis.axhline(0.5, color=SOFT, linestyle=":", linewidth=0.8, zorder=0)
    lines = 0
    if n_groups > 1:
        # Above the axes nothing can lie on a curve.
        across = _across(n_groups)
        lines = math.ceil(n_groups / across)
        place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 0.99), "borderaxespad": 0.2}
        axis.legend(ncols=across, fontsize=8.5, **place)
    axis.set_title(title, pad=6 + 15 * lines)
    if p is not None and math.isfinite(p):
        # On the line of the axis' name, whatever the height of the axes.
        place = {"textcoords": "offset points", "ha": "right", "va": "top"}
        place |= {"xycoords": "axes fraction", "xytext": (0, -21)}
        axis.annotate(f"log-rank {p_phrase(p)}", (1, 0), **place)


def _draw_risk_table(
    table: Any, risk: pd.DataFrame, groups: Sequence[str], ticks: np.ndarray, design: Design
) -> None:
    table.set(ylim=(len(groups) - 0.4, -0.6))
    table.set_yticks(range(len(groups)), names_of(groups, design, 24), fontsize=8)
    for label, colour in zip(table.get_yticklabels(), colours(len(groups)), strict=True):
        label.set_color(colour)
    for spine in table.spines.values():
        spine.set_visible(False)
    table.xaxis.set_visible(False)
    table.set_title("Number at risk", fontsize=8.5, fontweight="normal")
    at_risk = risk.set_index(["group", "time"])["estimate"]
    size = 9 if len(ticks) <= 10 and at_risk.max() < 10_000 else 7
    first = [number(at_risk[group, ticks[0]], 0) for group in groups]
    table.tick_params(axis="y", length=0, pad=apart(first, size, 16))
    for y, group in enumerate(groups):
        for t in ticks:
            text = number(at_risk[group, t], 0)
            table.text(t, y, text, ha="center", va="center", fontsize=size, clip_on=False)


def _describe_curves(
    curves: pd.DataFrame,
    risk: pd.DataFrame,
    groups: Sequence[str],
    ticks: np.ndarray,
    design: Design,
    title: str,
    p: float | None,
) -> str:
    sizes = risk.groupby("group")["n"].first()
    parts = []
    for group in groups:
        curve = curves[curves["group"] == group]
        last = curve["time"].max()
        reading = ", ".join(
            f"{number(100 * _height(curve, t), 0)} % at {t:g}" for t in ticks if 0 < t <= last
        )
        told = f": {reading}" if reading else ""
        parts.append(f"{design.group_label(group)} (n = {number(sizes[group], 0)}){told}")
    test = "" if p is None else f" Log-rank {p_phrase(p)}."
    return f"Kaplan-Meier curves. {title}. Months: {'; '.join(parts)}.{test}"


def _height(curve: pd.DataFrame, month: float) -> float:
    """Where a curve stands at a month, as it is drawn."""
    time, survival = curve["time"].to_numpy(float), curve["survival"].to_numpy(float)
    if "straight" in curve:
        return float(np.interp(month, time, survival))
    return float(survival[time <= month][-1])
