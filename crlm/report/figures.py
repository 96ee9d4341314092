"""Figures, drawn from curves and result rows only.

Every figure carries an alternative text that says in words what it shows. The
palette is Okabe and Ito's, which stays apart for colour-blind readers.
"""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import Bbox
from PIL import Image

from crlm.ledger import Design
from crlm.naming import describe
from crlm.numbers import interval, number, p_phrase, short

#: Okabe and Ito 2008, without yellow (too faint on white) and black last.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")

_SOFT = "#5b6673"
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "legend.frameon": False,
    "figure.dpi": 100,
}
#: Every figure has this width, in inches, and one of two frames: (left, right) of its axes.
_WIDTH = 7.6
_CURVES, _FOREST = (1.75, 7.35), (2.75, 6.0)
_DPI, _BORDER = 144, 14
_MAX_CENSOR_MARKS = 2000
_MAX_STEPS = 4000


class Picture:
    """A finished figure: a PNG of few colours with an alternative text, shown as an image."""

    def __init__(self, figure: Figure, alt: str) -> None:
        small = io.BytesIO()
        image = _few_colours(Image.fromarray(_cropped(figure)))
        image.save(small, format="png")
        self.png = small.getvalue()
        self.alt = alt
        self.width = round(image.width * 100 / _DPI)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data = {"image/png": self.png, "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt, "width": self.width}}


def prepare(_: str) -> None:
    """Have the fonts and their glyphs read once, for this process and its forks."""
    letters = "".join(chr(code) for code in range(32, 127)) + "–…"
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(2, 2))
        axis = figure.subplots()
        axis.set(title=letters, xlabel=letters, ylabel=letters)
        for size in (7, 8, 8.5, 9):
            axis.text(0, 0, letters, fontsize=size)
        Picture(figure, "")


def _sheet(height: float, frame: tuple[float, float]) -> tuple[Figure, dict[str, float]]:
    """A figure of the common width, and where its axes begin and end as shares of it."""
    figure = Figure(figsize=(_WIDTH, height))
    return figure, {"left": frame[0] / _WIDTH, "right": frame[1] / _WIDTH}


def _cropped(figure: Figure) -> np.ndarray:
    """The figure's pixels (height, width, red green blue), white above and below cut off.

    Labels may reach an inch beyond the upper and lower edge; the width stays, so that all
    figures of a report are equally wide. One drawing is half the work of matplotlib's
    "tight", which lays everything out twice.
    """
    width, height = figure.get_size_inches()
    height = np.ceil(height + 2.0)
    drawn = io.BytesIO()
    figure.savefig(
        drawn, format="rgba", dpi=_DPI, bbox_inches=Bbox.from_bounds(0, -1.0, width, height)
    )
    shape = (round(height * _DPI), round(width * _DPI), 4)
    pixels = np.frombuffer(drawn.getbuffer(), np.uint8).reshape(shape)
    inked = pixels.view(np.uint32)[..., 0] != np.uint32(0xFFFFFFFF)
    rows = np.flatnonzero(inked.any(1))
    top, bottom = max(rows[0] - _BORDER, 0), rows[-1] + _BORDER + 1
    return pixels[top:bottom, :, :3].copy()


def _few_colours(image: Image.Image) -> Image.Image:
    """An image with a palette, in which the paper stays white."""
    few = image.quantize(96, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette, paper = few.getpalette(), few.getpixel((0, 0))
    palette[3 * paper : 3 * paper + 3] = [255, 255, 255]
    few.putpalette(palette)
    return few


def kaplan_meier(
    curves: pd.DataFrame, rows: pd.DataFrame, design: Design, *, title: str = ""
) -> Picture:
    """Kaplan-Meier curves over a table of numbers at risk that shares their time axis.

    Parameters
    ----------
    curves : pandas.DataFrame
        From `survival.curve`: one step a row.
    rows : pandas.DataFrame
        From `survival.summary`: its `n_at_risk` rows are the table, their
        times the ticks; its log-rank p value stands below the axis.
    design : Design
        For labels.
    title : str
        Printed above.
    """
    groups = list(dict.fromkeys(curves["group"]))
    risk = rows[rows["statistic"] == "n_at_risk"]
    tests = rows.loc[(rows["statistic"] == "p") & (rows["model"] == "logrank"), "estimate"]
    p = float(tests.iloc[0]) if len(tests) else None
    ticks = np.sort(risk["time"].unique())
    with matplotlib.rc_context(_STYLE):
        figure, frame = _sheet(3.1 + 0.2 * len(groups), _CURVES)
        axis, table = figure.subplots(
            2, 1, sharex=True, height_ratios=[3.0, 0.35 + 0.24 * len(groups)]
        )
        figure.subplots_adjust(hspace=0.42, **frame)
        for colour, group in zip(_colours(len(groups)), groups, strict=True):
            _draw_curve(axis, curves[curves["group"] == group], colour, design.group_label(group))
        _finish_survival_axis(axis, ticks, title, p, len(groups))
        _draw_risk_table(table, risk, groups, ticks, design)
        return Picture(figure, _describe_curves(curves, risk, groups, ticks, design, title, p))


def overview(panels: Sequence[tuple[str, pd.DataFrame, float]], design: Design) -> Picture:
    """The curves of the main endpoints side by side, without numbers at risk.

    Parameters
    ----------
    panels : sequence of (title, curves, p)
        Curves from `survival.curve`, p of the log-rank test.
    """
    groups = list(dict.fromkeys(group for _, curves, _ in panels for group in curves["group"]))
    with matplotlib.rc_context({**_STYLE, "font.size": 8, "axes.titlesize": 8.5}):
        figure, _ = _sheet(2.1, _CURVES)
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        figure.subplots_adjust(left=0.065, right=0.985, wspace=0.08, bottom=0.2, top=0.76)
        for axis, (title, curves, p) in zip(axes, panels, strict=True):
            for colour, group in zip(_colours(len(groups)), groups, strict=True):
                label = design.group_label(group)
                _draw_curve(axis, curves[curves["group"] == group], colour, label)
            _finish_panel(axis, title, float(curves["time"].max()), p)
        handles, labels = axes[0].get_legend_handles_labels()
        place = {"loc": "upper left", "bbox_to_anchor": (0.05, 1.0)}
        figure.legend(handles, labels, ncols=4, fontsize=8, borderpad=0, **place)
        texts = "; ".join(f"{title}, log-rank {p_phrase(p)}" for title, _, p in panels)
        name = design.label(groups[0].partition("=")[0])
        return Picture(figure, f"Kaplan-Meier curves by {name}, side by side. {texts}.")


def _finish_panel(axis: Any, title: str, last: float, p: float) -> None:
    step = 12 * math.ceil(max(last, 12.0) / 12 / 6)
    axis.set(xlim=(0, last), ylim=(0, 1.02), xlabel="Months", title=title)
    axis.xaxis.set_major_locator(FixedLocator(np.arange(0, last + 1, step)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    place = {"transform": axis.transAxes, "ha": "right", "va": "top", "fontsize": 7.5}
    axis.text(0.99, 0.99, p_phrase(p), **place)


def forest(rows: pd.DataFrame, design: Design, *, title: str, unit: str = "HR") -> Picture:
    """Ratios with their intervals on a log axis, numbers beside them; arrows where clipped.

    Parameters
    ----------
    rows : pandas.DataFrame
        Rows with a ratio in `estimate` and limits; non-finite ones are left out.
    unit : str
        "HR" or "OR".
    """
    rows = rows[np.isfinite(rows["estimate"]) & np.isfinite(rows["conf_low"])]
    labels = [_row_label(row, design) for row in rows.to_dict("records")]
    low, high = _limits(rows)
    with matplotlib.rc_context(_STYLE):
        figure, frame = _sheet(1.1 + 0.3 * max(len(rows), 1), _FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for y, row in enumerate(rows.to_dict("records")):
            _draw_ratio(axis, y, row, low, high)
        _finish_forest_axis(axis, labels, low, high, title, unit)
        told = zip(labels, rows.to_dict("records"), strict=True)
        texts = "; ".join(f"{label}: {interval(row)}" for label, row in told)
        return Picture(figure, f"Forest plot. {title}. {texts}")


def pairs(effects: pd.DataFrame, design: Design) -> Picture | None:
    """The paper's ratio above the new cohort's for every effect, from `agreement.agree`."""
    if effects.empty:
        return None
    limits = effects[["printed_low", "printed_high", "new_low", "new_high"]].to_numpy()
    low, high = max(limits.min(), 0.05) / 1.08, min(limits.max(), 20.0) * 1.08
    labels, texts = [], []
    with matplotlib.rc_context(_STYLE):
        figure, frame = _sheet(1.2 + 0.5 * len(effects), _FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for y, pair in enumerate(effects.to_dict("records")):
            labels.append(describe(pair, design))
            for shift, name, colour in ((-0.16, "printed", PALETTE[1]), (0.16, "new", PALETTE[0])):
                row = _one_of_pair(pair, name)
                _draw_ratio(axis, y + shift, row, low, high, colour)
                texts.append(f"{labels[-1]}, {name}: {interval(row)}")
        title = "Paper (above) and this cohort (below)"
        _finish_forest_axis(axis, labels, low, high, title, "Ratio")
        return Picture(figure, "Forest plot of pairs. " + "; ".join(texts))


def _one_of_pair(pair: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The paper's or the new cohort's side of a pair, as a result row."""
    values = {"estimate": pair[name], "conf_low": pair[f"{name}_low"]}
    return {"statistic": pair["statistic"], **values, "conf_high": pair[f"{name}_high"]}


def flow(rows: pd.DataFrame, design: Design) -> Picture:
    """The flow of patients into the study, from attrition rows."""
    counts = {row["level"]: row["estimate"] for row in rows.to_dict("records")}
    steps = [("start", "Patients in the table")]
    steps += [(item["name"], item["label"]) for item in design.eligibility]
    with matplotlib.rc_context(_STYLE):
        figure, _ = _sheet(0.72 * len(steps), _CURVES)
        axis = figure.subplots()
        figure.subplots_adjust(left=0.02, right=0.98, top=1, bottom=0)
        axis.set_axis_off()
        axis.set(xlim=(0, 1), ylim=(-len(steps) + 0.45, 0.5))
        for y, (name, label) in enumerate(steps):
            _draw_step(axis, y, name, label, counts)
        told = ", then ".join(f"{label} {counts[name]:.0f}" for name, label in steps)
        return Picture(figure, f"Flow of patients: {told}")


def _draw_step(axis: Any, y: int, name: str, label: str, counts: Mapping[str, float]) -> None:
    box = {"boxstyle": "round,pad=0.5", "facecolor": "#f5f7f9", "edgecolor": _SOFT}
    axis.text(0.02, -y, f"{label}: n = {counts[name]:.0f}", va="center", bbox=box)
    if not y:
        return
    arrow = {"arrowstyle": "->", "color": _SOFT}
    axis.annotate("", (0.08, -y + 0.24), (0.08, -y + 0.74), arrowprops=arrow)
    out = counts[f"{name}_excluded"]
    text = f"excluded: {out:.0f}" if math.isfinite(out) else "cannot be checked here"
    axis.text(0.12, -y + 0.5, text, va="center", color=_SOFT)


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
    with matplotlib.rc_context(_STYLE):
        figure, frame = _sheet(0.9 + 0.26 * len(chosen), _FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        axis.barh(range(len(chosen)), chosen["estimate"], color=PALETTE[0], height=0.65)
        axis.set_yticks(range(len(chosen)), [_wrapped(label) for label in labels])
        axis.set(xlim=(0, 100), xlabel="% of bootstrap samples that choose it", title=title)
        texts = [_share_text(row, same) for row in chosen.to_dict("records")]
        for y, text in enumerate(texts):
            axis.text(1.02, y, text, transform=axis.get_yaxis_transform(), va="center", fontsize=8)
        told = ", ".join(f"{a}: {b}" for a, b in zip(labels[::-1], texts[::-1], strict=True))
        return Picture(figure, f"{title}. Chosen, and same side of 1: {told}")


def _share_text(row: Mapping[str, Any], same: pd.Series) -> str:
    sign = same.get(row["covariate"])
    told = "" if sign is None or not math.isfinite(sign) else f", same side {number(sign, 0)} %"
    return f"{number(row['estimate'], 0)} %{told}"


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
    with matplotlib.rc_context({**_STYLE, "font.size": 8, "axes.titlesize": 8.5}):
        figure, _ = _sheet(0.55 + 0.3 * len(levels) * down + 0.62 * down, _CURVES)
        axes = figure.subplots(down, across, squeeze=False)
        figure.subplots_adjust(left=0.16, right=0.98, wspace=0.12, hspace=1.0, top=0.9)
        for axis, name in zip(axes.flat, known, strict=False):
            seaborn.boxplot(
                data=part, x=name, y=by, order=levels, hue=by, hue_order=levels, ax=axis,
                palette=_colours(len(levels)), whis=(5, 95), showfliers=False, width=0.6,
                linewidth=0.9, legend=False,
            )  # fmt: skip
            _finish_box(axis, part[name], design, name, levels, by)
        for axis in axes.flat[len(known) :]:
            axis.set_axis_off()
        for row in axes:
            for axis in row[1:]:
                axis.set_yticklabels([])
        return Picture(figure, _describe_boxes(part, known, by, levels, design))


def _finish_box(
    axis: Any, values: pd.Series, design: Design, name: str, levels: Sequence[str], by: str
) -> None:
    unit = (design.columns.get(name) or {}).get("unit", "")
    unit = f", {unit}" if unit and unit != "tumours" else ""
    axis.set(title=design.label(name) + unit, xlabel="", ylabel="")
    axis.set_yticks(range(len(levels)), [design.label(by, level) for level in levels])
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
    return f"Box plots by {design.label(by)}. Medians: {'; '.join(told)}."


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
    with matplotlib.rc_context(_STYLE):
        figure, frame_at = _sheet(0.8 + 0.26 * len(gaps), _FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame_at)
        texts = shares.map(lambda share: f"{number(share, 0)} %")
        seaborn.heatmap(
            shares, ax=axis, annot=texts, fmt="", cmap="Blues", vmin=0, vmax=100, cbar=False,
            linewidths=1.0,
        )  # fmt: skip
        axis.set(title="Missing values by group", xlabel="", ylabel="")
        axis.tick_params(axis="y", rotation=0, length=0)
        told = "; ".join(
            f"{name}: {', '.join(f'{k} {v}' for k, v in row.items())}"
            for name, row in texts.iterrows()
        )
        return Picture(figure, f"Missing values by group. {told}.")


def _colours(n: int) -> list[str]:
    return [PALETTE[i % len(PALETTE)] for i in range(n)]


def _draw_curve(axis: Any, curve: pd.DataFrame, colour: str, label: str) -> None:
    thin = _thinned(curve)
    time, low, high = (thin[name].to_numpy() for name in ("time", "conf_low", "conf_high"))
    axis.step(time, thin["survival"], where="post", color=colour, label=label, linewidth=1.6)
    axis.fill_between(time, low, high, step="post", color=colour, alpha=0.13, linewidth=0)
    censored = curve[curve["n_censored"] > 0]
    if len(censored) <= _MAX_CENSOR_MARKS:
        axis.plot(censored["time"], censored["survival"], "|", color=colour, markersize=4,
                  markeredgewidth=0.8)  # fmt: skip


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    """At most a few thousand steps: more cannot be seen and only weigh on the page."""
    shown = ((curve["n_events"] > 0) | (curve["time"] == 0)).to_numpy()
    shown[-1:] = True
    steps = curve[shown]
    if len(steps) <= _MAX_STEPS:
        return steps
    keep = np.unique(np.linspace(0, len(steps) - 1, _MAX_STEPS).astype(int))
    return steps.iloc[keep]


def _finish_survival_axis(
    axis: Any, ticks: np.ndarray, title: str, p: float | None, n_groups: int
) -> None:
    axis.set(xlim=(0, float(ticks[-1])), ylim=(0, 1.02), ylabel="Probability")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.tick_params(labelbottom=True)
    axis.set_xlabel("Months")
    axis.axhline(0.5, color=_SOFT, linestyle=":", linewidth=0.8, zorder=0)
    lines = 0
    if n_groups > 1:
        # Above the axes nothing can lie on a curve.
        across = 2 if n_groups in (2, 4) else 3
        lines = math.ceil(n_groups / across)
        place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 0.99), "borderaxespad": 0.2}
        axis.legend(ncols=across, fontsize=8.5, **place)
    axis.set_title(title, pad=6 + 15 * lines)
    if p is not None and math.isfinite(p):
        place = {"transform": axis.transAxes, "ha": "right", "va": "top"}
        axis.text(1.0, -0.125, f"log-rank {p_phrase(p)}", **place)


def _draw_risk_table(
    table: Any, risk: pd.DataFrame, groups: Sequence[str], ticks: np.ndarray, design: Design
) -> None:
    table.set(ylim=(len(groups) - 0.4, -0.6))
    names = [textwrap.shorten(design.group_label(g), 24, placeholder="…") for g in groups]
    table.set_yticks(range(len(groups)), names, fontsize=8)
    for label, colour in zip(table.get_yticklabels(), _colours(len(groups)), strict=True):
        label.set_color(colour)
    for spine in table.spines.values():
        spine.set_visible(False)
    table.xaxis.set_visible(False)
    table.tick_params(axis="y", length=0, pad=16)
    table.set_title("Number at risk", fontsize=8.5, fontweight="normal")
    at_risk = risk.set_index(["group", "time"])["estimate"]
    size = 9 if len(ticks) <= 10 and at_risk.max() < 10_000 else 7
    for y, group in enumerate(groups):
        for t in ticks:
            text = number(at_risk[group, t], 0)
            table.text(t, y, text, ha="center", va="center", fontsize=size, clip_on=False)


def _describe_curves(
    curves: pd.DataFrame, risk: pd.DataFrame, groups: Sequence[str], ticks: np.ndarray,
    design: Design, title: str, p: float | None,
) -> str:  # fmt: skip
    at_risk = risk.set_index(["group", "time"])["estimate"]
    parts = []
    for group in groups:
        curve = curves[curves["group"] == group]
        time, survival = curve["time"].to_numpy(), curve["survival"].to_numpy()
        reading = ", ".join(
            f"{number(100 * survival[time <= t][-1], 0)} % at {t:g}"
            for t in ticks
            if 0 < t <= time.max()
        )
        parts.append(f"{design.group_label(group)} (n = {at_risk[group, ticks[0]]:.0f}): {reading}")
    test = "" if p is None else f" Log-rank {p_phrase(p)}."
    return f"Kaplan-Meier curves. {title}. Months: {'; '.join(parts)}.{test}"


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
    axis.axvline(1, color=_SOFT, linewidth=0.9, linestyle="--", zorder=0)
    marks = [
        t for t in (0.05, 0.1, 0.2, 0.33, 0.5, 0.67, 1, 1.5, 2, 3, 5, 10, 20) if low <= t <= high
    ]
    axis.xaxis.set_major_locator(FixedLocator(marks))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_yticks(range(len(labels)), [_wrapped(label) for label in labels])


def _row_label(row: Mapping[str, Any], design: Design) -> str:
    key = f"{row['covariate']}={row['level']}" if row["level"] else row["covariate"]
    name = design.group_label(key)
    return (
        name if row["population"] == "all" else f"{name} ({design.group_label(row['population'])})"
    )


def _wrapped(text: str, width: int = 34) -> str:
    """A label in at most two lines."""
    lines = textwrap.wrap(text, width, max_lines=2, placeholder="…")
    return "\n".join(lines)


# ---- specification curve ----------------------------------------------------

_MAX_BINS = 100
_CHOICES = {
    "rule": "Follow-up", "population": "Patients", "measure": "Quantities",
    "missing": "Missing values", "ties": "Tied times",
}  # fmt: skip
_MARKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20)


def specification_curve(
    curve: pd.DataFrame, design: Design, published: str = "", *, title: str
) -> Picture | None:
    """One effect under every specification, in order, over a matrix of the choices made.

    Parameters
    ----------
    curve : pandas.DataFrame
        From `specification.curve`; those without an estimate are left out.
    published : str
        The printed multivariable hazard ratio of the same effect, which becomes a line.

    Returns
    -------
    Picture or None
        None where no specification has an estimate. Beyond 100 specifications each
        column of the matrix holds several: mid-blue where a choice is as common
        as in all, dark where it is more common, white where nobody made it.
    """
    shown = curve[np.isfinite(curve["hazard_ratio"])]
    shown = shown.sort_values("hazard_ratio", kind="stable").reset_index(drop=True)
    if shown.empty:
        return None
    groups = _choice_groups(shown, design)
    n_rows = sum(1 + len(options) for options in groups.values())
    with matplotlib.rc_context(_STYLE):
        figure, frame = _sheet(2.9 + 0.165 * n_rows, (2.75, 7.35))
        above, below = figure.subplots(
            2, 1, sharex=True, height_ratios=[2.3, 0.165 * max(n_rows, 1)]
        )
        _draw_specifications(above, shown, published)
        above.set_title(title)
        _draw_choices(below, groups, len(shown))
        figure.subplots_adjust(hspace=0.16, top=0.95, bottom=0.02, **frame)
        return Picture(figure, _describe_specifications(shown, groups, title, published))


def _choice_groups(shown: pd.DataFrame, design: Design) -> dict[str, dict[str, np.ndarray]]:
    """For each kind of choice its options, and which specifications made them."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for column, heading in _CHOICES.items():
        values = sorted(shown[column].unique())
        if len(values) > 1:
            groups[heading] = {value: (shown[column] == value).to_numpy() for value in values}
    sets = [text.split(" + ") if text else [] for text in shown["adjusters"]]
    names = sorted({name for chosen in sets for name in chosen}, key=design.label)
    if names:
        groups["Adjusted for"] = {
            design.label(name): np.array([name in chosen for chosen in sets]) for name in names
        }
    return groups


def published_ratio(curve: pd.DataFrame, claims: pd.DataFrame) -> str:
    """The printed multivariable hazard ratio of a curve's effect; empty if there is none."""
    first = curve.iloc[0]
    wanted = {
        "kind": "number",
        "field": "estimate",
        "statistic": "hazard_ratio",
        "population": "all",
        "group": "all",
        "model": "multivariable",
        "endpoint": first["endpoint"],
        "covariate": first["covariate"],
        "level": first["level"],
    }
    found = claims[(claims[list(wanted)] == pd.Series(wanted)).all(axis=1)]["printed"]
    return str(found.iloc[0]) if len(found) else ""


def _draw_specifications(axis: Any, shown: pd.DataFrame, published: str) -> None:
    ratio, low, high = (shown[c].to_numpy() for c in ("hazard_ratio", "conf_low", "conf_high"))
    x = np.arange(len(shown)) + 0.5
    axis.vlines(x, low, high, color=PALETTE[4], alpha=0.35,
                linewidth=min(4.0, max(0.6, 300 / len(x))))  # fmt: skip
    clear = shown["p"].to_numpy() < 0.05
    for chosen, colour, label in ((clear, PALETTE[0], "p < 0.05"), (~clear, _SOFT, "p ≥ 0.05")):
        axis.plot(x[chosen], ratio[chosen], ".", color=colour, markersize=3.5, label=label)
    own = shown["printed"].to_numpy(dtype=bool)
    axis.plot(x[own], ratio[own], "D", color=PALETTE[6], markersize=5.5, label="the paper's model")
    axis.axhline(1, color=_SOFT, linewidth=0.9, linestyle="--", zorder=0)
    printed = float(published or 1)
    if published:
        line = {"color": PALETTE[1], "linewidth": 1.1, "linestyle": "-."}
        axis.axhline(printed, label=f"published, {published}", **line)
    bottom = max(min(np.quantile(low, 0.02), printed, 0.9), 0.05) / 1.08
    top = min(max(np.quantile(high, 0.98), printed, 1.1), 20.0) * 1.08
    axis.set_yscale("log")
    axis.set(ylim=(bottom, top), ylabel="HR (95 % CI), log scale")
    axis.yaxis.set_major_locator(FixedLocator([t for t in _MARKS if bottom <= t <= top]))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.legend(loc="lower left", bbox_to_anchor=(0, -0.17), ncols=4, fontsize=8, borderpad=0,
                handletextpad=0.3, columnspacing=1.2)  # fmt: skip
    axis.xaxis.set_visible(False)


def _draw_choices(axis: Any, groups: dict[str, dict[str, np.ndarray]], n: int) -> None:
    edges = np.linspace(0, n, min(n, _MAX_BINS) + 1).astype(int)
    labels, lines = [], []
    for heading, options in groups.items():
        labels.append(heading)
        lines.append(np.zeros(len(edges) - 1))
        for label, made in options.items():
            labels.append("   " + textwrap.shorten(label, 42, placeholder="…"))
            share = np.add.reduceat(made.astype(float), edges[:-1]) / np.diff(edges)
            usual = 2 * made.mean() if n > _MAX_BINS else 1.0
            lines.append(np.clip(share / max(usual, 1e-9), 0, 1))
    shade = np.array(lines).reshape(len(lines), len(edges) - 1)
    full = np.array(matplotlib.colors.to_rgb(PALETTE[0]))
    if len(shade):
        axis.imshow(1 - shade[:, :, None] * (1 - full), aspect="auto", interpolation="nearest",
                    extent=(0, n, len(lines) - 0.5, -0.5))  # fmt: skip
    axis.hlines(np.arange(len(lines)) + 0.5, 0, n, color="white", linewidth=1.6)
    # Text instead of tick labels, each of which would bring five objects more.
    beside = axis.get_yaxis_transform()
    for y, label in enumerate(labels):
        axis.text(-0.01, y, label.lstrip(), transform=beside, ha="right", va="center", fontsize=8,
                  fontweight="normal" if label.startswith(" ") else "bold")  # fmt: skip
    axis.text(0.5, -0.01, f"{n:,} specifications in the order of their hazard ratio",
              transform=axis.transAxes, ha="center", va="top")  # fmt: skip
    axis.set(xlim=(0, n), ylim=(max(len(lines), 1) - 0.5, -0.5))
    axis.set_axis_off()


def _describe_specifications(
    shown: pd.DataFrame, groups: dict[str, dict[str, np.ndarray]], title: str,
    published: str,
) -> str:  # fmt: skip
    ratio = shown["hazard_ratio"]
    parts = []
    for heading, options in groups.items():
        medians = (f"{k} {number(ratio[made].median())}" for k, made in options.items())
        parts.append(f"{heading}: {', '.join(medians)}")
    clear = number(100 * float((shown["p"] < 0.05).mean()), 0)
    low, middle, high = (number(ratio.agg(f)) for f in ("min", "median", "max"))
    printed = f" Published: {published}." if published else ""
    return (
        f"Specification curve. {title}. {len(shown)} specifications, hazard ratio {low} to {high}, "
        f"median {middle}, p < 0.05 in {clear} %.{printed} Median by choice: {'; '.join(parts)}."
    )
