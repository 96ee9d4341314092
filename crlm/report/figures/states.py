"""Causes and states over time, months in each state, and levels drawn towards each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter

from crlm import lent
from crlm.ledger import Design, as_records
from crlm.numbers import counted, interval, number, ratio
from crlm.report.figures.picture import (
    FOREST,
    LETTERS,
    PALETTE,
    STYLE,
    Picture,
    apart,
    colours,
    names_of,
    sheet,
)
from crlm.report.figures.ratio_axis import axis_ends, draw_ratio, finish_axis

#: In the order in which a patient can pass them: from calm to grave, apart in grey too.
_STATE_COLOURS = ("#009e73", "#f0c05a", "#d55e00", "#5b6673")
_WIDE = (0.95, 7.45)


@lent.pure
def incidences(curves: pd.DataFrame, risk: pd.DataFrame, design: Design, *, title: str) -> Picture:
    """Cumulative incidence of each cause by group, 1 - Kaplan-Meier beside it as a thin line.

    Parameters
    ----------
    curves : pandas.DataFrame
        From `multistate.incidence_curve`; without `naive` no thin line is drawn.
    risk : pandas.DataFrame
        From `survival.risk_table` of the same patients: its `n_at_risk` rows stand below.
    """
    causes, groups = _ordered(curves["level"]), _ordered(curves["group"])
    risk = risk[risk["statistic"] == "n_at_risk"]
    last = float(risk["time"].max())
    with matplotlib.rc_context({**STYLE, "font.size": 8, "axes.titlesize": 8.5}):
        figure, _ = sheet(3.0 + 0.17 * len(groups), _WIDE)
        across, most = _in_legend(len(groups), "naive" in curves)
        names = names_of(groups, design, most)
        axes = figure.subplots(1, len(causes), sharey=True, squeeze=False)[0]
        bottom = (0.95 + 0.17 * len(groups)) / figure.get_size_inches()[1]
        lines = math.ceil(len(groups) * (2 if "naive" in curves else 1) / across)
        top = 0.78 - 0.06 * max(lines - 2, 0)
        figure.subplots_adjust(left=0.17, right=0.985, wspace=0.13, bottom=bottom, top=top)
        for axis, cause in zip(axes, causes, strict=True):
            for colour, group, label in zip(colours(len(groups)), groups, names, strict=True):
                part = curves[(curves["level"] == cause) & (curves["group"] == group)]
                _draw_incidence(axis, part, colour, label)
            _finish_share_axis(axis, last, cause)
        drawn = curves.columns.intersection(["estimate", "naive"])
        highest = curves.loc[curves["time"] <= last, drawn].max().max()
        axes[0].set(ylabel="Cumulative incidence", ylim=(0, min(1.02, 1.1 * highest + 0.02)))
        _below(axes[0], risk, groups, design)
        handles, labels = axes[0].get_legend_handles_labels()
        place = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.93)}
        figure.legend(handles, labels, ncols=across, fontsize=8, borderpad=0, **place)
        figure.text(0.0, 0.95, title, fontsize=10, fontweight="bold")
        return Picture(figure, _describe_incidences(curves, last, design, title), title, curves)


@lent.pure
def stacked(curves: pd.DataFrame, rows: pd.DataFrame, design: Design, *, title: str) -> Picture:
    """Probability in each state over time, one stack a group, the number in each state below.

    Parameters
    ----------
    curves : pandas.DataFrame
        From `multistate.state_curve`.
    rows : pandas.DataFrame
        From `multistate.states`: `n_at_risk`, and `cumulative_events` of the last state.
    """
    states, groups = _ordered(curves["level"]), _ordered(curves["group"])
    told = rows[rows["statistic"].isin(["n_at_risk", "cumulative_events"])]
    ticks = np.sort(told["time"].unique())
    with matplotlib.rc_context({**STYLE, "font.size": 8, "axes.titlesize": 9}):
        figure, _ = sheet(4.1, _WIDE)
        axes = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.19, right=0.985, wspace=0.16, bottom=0.36, top=0.78)
        for axis, group in zip(axes, groups, strict=True):
            _draw_stack(axis, curves[curves["group"] == group], states, float(ticks[-1]))
            axis.set_title(design.group_label(group), fontweight="normal")
            axis.xaxis.set_major_locator(FixedLocator(ticks))
            _number_in_state(axis, told[told["group"] == group], states, ticks)
        axes[0].set_ylabel("Probability in state")
        _name_states(axes[0], states)
        handles, labels = axes[0].get_legend_handles_labels()
        place = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.93)}
        figure.legend(handles, labels, ncols=4, fontsize=8, borderpad=0, **place)
        figure.text(0.0, 0.96, title, fontsize=10, fontweight="bold")
        return Picture(figure, _describe_states(curves, ticks, design, title), title, curves)


@lent.pure
def months_in_state(rows: pd.DataFrame, design: Design, *, title: str) -> Picture:
    """Months in each state up to a horizon by group, with intervals.

    Parameters
    ----------
    rows : pandas.DataFrame
        `months_in_state` rows of one horizon.
    """
    rows = rows[np.isfinite(rows["estimate"].astype(float))]
    states, groups = _ordered(rows["level"]), _ordered(rows["group"])
    found = {(r["level"], r["group"]): r for r in as_records(rows)}
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(1.25 + 0.42 * len(states), FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for y, state in enumerate(states):
            for k, group in enumerate(groups):
                shift = 0.36 * (k - (len(groups) - 1) / 2)
                _draw_months(axis, y + shift, found[state, group], colours(len(groups))[k])
        for colour, group in zip(colours(len(groups)), groups, strict=True):
            axis.plot([], [], "s", color=colour, label=design.group_label(group))
        axis.set(ylim=(len(states) - 0.4, -0.6), xlabel="Months (95 % CI)")
        axis.set_xlim(left=0)
        axis.set_yticks(range(len(states)), [state.capitalize() for state in states])
        axis.legend(ncols=3, fontsize=8.5, loc="lower left", bbox_to_anchor=(-0.01, 0.99))
        axis.set_title(title, pad=22)
        texts = "; ".join(
            f"{state}, {design.group_label(group)} {interval(found[state, group])}"
            for state in states
            for group in groups
        )
        return Picture(figure, f"Months in each state. {title}. {texts}.", title, rows)


@lent.pure
def drawn_together(raw: pd.DataFrame, pooled: pd.DataFrame, design: Design, *, title: str) -> Any:
    """Arrows from the hazard ratio of each level to the one drawn towards their mean.

    Parameters
    ----------
    raw, pooled : pandas.DataFrame
        `hazard_ratio` rows of the same levels, from `regression.pooled_levels`.

    Returns
    -------
    Picture or None
        None where nothing was estimated.
    """
    pooled = pooled[np.isfinite(pooled["estimate"].astype(float))]
    before = raw.set_index("level")["estimate"].to_dict()
    if pooled.empty:
        return None
    records = as_records(pooled)
    # What it is drawn from is on the axis as well.
    arrows = [{**row, "estimate": before[row["level"]]} for row in records]
    ends = axis_ends([*records, *(row for row in arrows if math.isfinite(row["estimate"]))])
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(1.1 + 0.42 * len(records), FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for y, row in enumerate(records):
            _draw_arrow(axis, y, before[row["level"]], row, ends)
        finish_axis(axis, ends, "HR (95 % CI of the pooled one), log scale")
        axis.set(ylim=(len(records) - 0.4, -0.6), title=title)
        axis.set_yticks(range(len(records)), [_with_counts(row, design) for row in records])
        texts = "; ".join(
            f"{_label(row, design)}: from {ratio(before[row['level']])} to {interval(row)}"
            for row in records
        )
        told = f"Hazard ratios before and after pooling. {title}. {texts}."
        return Picture(figure, told, title, pooled)


# ---- incidences -------------------------------------------------------------


def _in_legend(groups: int, naive: bool) -> tuple[int, int]:
    """Entries in a line of the legend, and letters of a name in it.

    With `naive` each group has two, the second with "1 − Kaplan-Meier" behind its name; below each
    other where there are more than two groups.
    """
    if not naive:
        return 4, LETTERS[min(4, groups)]
    return (4 if groups <= 2 else 3), 13


def _draw_incidence(axis: Any, part: pd.DataFrame, colour: str, label: str) -> None:
    time = part["time"].to_numpy()
    axis.step(time, part["estimate"], where="post", color=colour, linewidth=1.6, label=label)
    if "naive" in part:
        naive = {"color": colour, "linewidth": 0.9, "linestyle": (0, (3, 2))}
        axis.step(time, part["naive"], where="post", label=f"{label}, 1 − Kaplan-Meier", **naive)


def _finish_share_axis(axis: Any, last: float, title: str) -> None:
    step = 12 * max(1, math.ceil(last / 12 / 5))
    axis.set(xlim=(0, last or 1.0), xlabel="Months")
    axis.set_title(title[:1].upper() + title[1:], fontweight="normal")
    axis.xaxis.set_major_locator(FixedLocator(np.arange(0, last + 1, step)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))


def _below(axis: Any, risk: pd.DataFrame, groups: Sequence[str], design: Design) -> None:
    """Numbers free of all causes, below the first axes at its ticks."""
    place = {"xycoords": axis.get_xaxis_transform(), "textcoords": "offset points"}
    place |= {"fontsize": 7.5, "annotation_clip": False, "va": "center"}
    axis.annotate("Free of all", (0, 0), xytext=(0, -40), ha="left", **place)
    found = risk.set_index(["group", "time"])["estimate"]
    left = apart([number(found.get((group, 0.0)), 0) for group in groups], 7.5, 12)
    names = names_of(groups, design, 18)
    for k, (group, colour) in enumerate(zip(groups, colours(len(groups)), strict=True)):
        y, name = -52 - 12 * k, names[k]
        axis.annotate(name, (0, 0), xytext=(-left, y), ha="right", color=colour, **place)
        for tick in axis.get_xticks():
            if (group, tick) in found:
                text = number(found[group, tick], 0)
                axis.annotate(text, (tick, 0), xytext=(0, y), ha="center", **place)


def _describe_incidences(curves: pd.DataFrame, last: float, design: Design, title: str) -> str:
    parts = []
    for (cause, group), part in curves.groupby(["level", "group"], sort=False):
        there = part[part["time"] <= last].iloc[-1]
        parts.append(
            f"{cause}, {design.group_label(group)}: {number(100 * there['estimate'], 0)} % by "
            f"month {_end(part, last)}{_naive(there)}"
        )
    return f"Cumulative incidence by cause. {title}. {'; '.join(parts)}."


def _naive(there: pd.Series) -> str:
    """What the thin line beside a curve ends at, where there is one."""
    return f" (1 − Kaplan-Meier {number(100 * there['naive'], 0)} %)" if "naive" in there else ""


def _end(part: pd.DataFrame, last: float) -> str:
    """The month at which a curve ends: the picture's last one, or where few were left before."""
    return f"{min(float(part['time'].max()), last):.3g}"


# ---- states -----------------------------------------------------------------


def _draw_stack(axis: Any, part: pd.DataFrame, states: Sequence[str], last: float) -> None:
    wide = part.pivot(index="time", columns="level", values="estimate")[list(states)]
    time, shares = wide.index.to_numpy(), wide.to_numpy()
    kept = time <= last
    time = np.append(time[kept], min(last, time[-1]))
    shares = np.vstack([shares[kept], shares[kept][-1]])
    under = np.zeros(len(time))
    for state, colour, share in zip(states, _state_colours(states), shares.T, strict=True):
        over = np.minimum(under + share, 1.0)
        axis.fill_between(time, under, over, step="post", color=colour, label=state, linewidth=0)
        axis.step(time, over, where="post", color="white", linewidth=0.7)
        under = over
    axis.set(xlim=(0, last), ylim=(0, 1), xlabel="Months")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))


def _state_colours(states: Sequence[str]) -> Sequence[str]:
    return _STATE_COLOURS if len(states) == len(_STATE_COLOURS) else PALETTE[: len(states)]


def _number_in_state(
    axis: Any, told: pd.DataFrame, states: Sequence[str], ticks: np.ndarray
) -> None:
    found = told.set_index(["level", "time"])["estimate"]
    place = {"xycoords": axis.get_xaxis_transform(), "textcoords": "offset points"}
    place |= {"fontsize": 7.5, "annotation_clip": False, "ha": "center", "va": "center"}
    for k, state in enumerate(states):
        for tick in ticks:
            if (state, tick) in found:
                text = number(found[state, tick], 0)
                axis.annotate(text, (tick, 0), xytext=(0, -53 - 12 * k), **place)


def _name_states(axis: Any, states: Sequence[str]) -> None:
    place = {"xycoords": axis.get_xaxis_transform(), "textcoords": "offset points"}
    place |= {"fontsize": 7.5, "annotation_clip": False, "ha": "right", "va": "center"}
    axis.annotate("Number in state", (0, 0), xytext=(-12, -41), **place)
    for k, state in enumerate(states):
        text = f"{state} so far" if k == len(states) - 1 else state
        axis.annotate(text.capitalize(), (0, 0), xytext=(-12, -53 - 12 * k), **place)


def _describe_states(curves: pd.DataFrame, ticks: np.ndarray, design: Design, title: str) -> str:
    parts = []
    for group, part in curves.groupby("group", sort=False):
        there = part[part["time"] <= ticks[-1]].groupby("level", sort=False)["estimate"].last()
        shares = ", ".join(f"{state} {number(100 * p, 0)} %" for state, p in there.items())
        parts.append(f"{design.group_label(group)} at month {_end(part, ticks[-1])}: {shares}")
    return f"Probability in each state. {title}. {'; '.join(parts)}."


# ---- months, arrows ---------------------------------------------------------


def _draw_months(axis: Any, y: float, row: Mapping[str, Any], colour: str) -> None:
    if math.isfinite(row["conf_low"]):
        axis.plot([row["conf_low"], row["conf_high"]], [y, y], color=colour, linewidth=1.4)
    axis.plot(row["estimate"], y, "s", color=colour, markersize=5)
    place = {"transform": axis.get_yaxis_transform(), "va": "center", "fontsize": 8}
    axis.text(1.02, y, interval(row, 1), **place)


def _draw_arrow(
    axis: Any, y: float, before: float, row: Mapping[str, Any], ends: tuple[float, float]
) -> None:
    draw_ratio(axis, y, row, ends)
    start = min(max(before, ends[0]), ends[1])
    axis.plot(start, y - 0.22, "o", markerfacecolor="white", color=PALETTE[1], markersize=5)
    arrow = {"arrowstyle": "->", "color": PALETTE[1], "linewidth": 1.1}
    axis.annotate("", (row["estimate"], y - 0.04), (start, y - 0.22), arrowprops=arrow)
    place = {"transform": axis.get_yaxis_transform(), "va": "center"}
    axis.text(1.02, y, interval(row), **place)


def _label(row: Mapping[str, Any], design: Design) -> str:
    return design.group_label(f"{row['covariate']}={row['level']}")


def _with_counts(row: Mapping[str, Any], design: Design) -> str:
    if not math.isfinite(row["events"]):
        return _label(row, design)
    events = counted(row["events"], "event")
    return f"{_label(row, design)}\n{events} of {number(row['n'], 0)}"


def _ordered(values: pd.Series) -> list[str]:
    return list(dict.fromkeys(values))
