"""One effect under every specification, over a matrix of the choices made."""

from __future__ import annotations

import textwrap
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from crlm import lent
from crlm.ledger import Design
from crlm.naming import model_words
from crlm.numbers import number, ratio
from crlm.report.figures.picture import (
    PALETTE,
    SOFT,
    STYLE,
    Picture,
    sheet,
)

_MAX_BINS = 100
_CHOICES = {
    "rule": "Follow-up",
    "population": "Patients",
    "measure": "Quantities",
    "missing": "Missing values",
    "ties": "Tied times",
}
_FORM = "Form of the effect"
_MARKS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20)


@lent.pure
def specification_curve(
    curve: pd.DataFrame, design: Design, published: str = "", *, title: str
) -> Picture | None:
    """One effect under every specification, in order, over a matrix of the choices made.

    Parameters
    ----------
    curve : pandas.DataFrame
        From `specification.curve`; those without an estimate are left out. Of several forms of
        the effect, one after the other, each has a stretch of its own.
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
    order = shown["form"].map({form: k for k, form in enumerate(shown["form"].unique())})
    shown = shown.assign(_form=order).sort_values(["_form", "hazard_ratio"], kind="stable")
    shown = shown.drop(columns="_form").reset_index(drop=True)
    if shown.empty:
        return None
    groups = _choice_groups(shown, design)
    n_rows = sum(1 + len(options) for options in groups.values())
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(2.9 + 0.165 * n_rows, (2.75, 7.35))
        above, below = figure.subplots(
            2, 1, sharex=True, height_ratios=[2.3, 0.165 * max(n_rows, 1)]
        )
        _draw_specifications(above, shown, published)
        above.set_title(title)
        _draw_choices(below, groups, len(shown))
        figure.subplots_adjust(hspace=0.16, top=0.95, bottom=0.02, **frame)
        alt = _describe_specifications(shown, groups, title, published)
        return Picture(figure, alt, title, shown)


def _word(form: str) -> str:
    word = model_words(form)
    return word[0].upper() + word[1:]


def _choice_groups(shown: pd.DataFrame, design: Design) -> dict[str, dict[str, np.ndarray]]:
    """For each kind of choice its options, and which specifications made them."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    forms = shown["form"].unique()
    if len(forms) > 1:
        groups[_FORM] = {_word(form): (shown["form"] == form).to_numpy() for form in forms}
    for column, heading in _CHOICES.items():
        values = sorted(shown[column].unique())
        if len(values) > 1:
            named = {value: value.capitalize() if column == "ties" else value for value in values}
            groups[heading] = {
                named[value]: (shown[column] == value).to_numpy() for value in values
            }
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
    axis.vlines(
        x, low, high, color=PALETTE[4], alpha=0.35, linewidth=min(4.0, max(0.6, 300 / len(x)))
    )
    clear = shown["p"].to_numpy() < 0.05
    for chosen, colour, label in ((clear, PALETTE[0], "p < 0.05"), (~clear, SOFT, "p ≥ 0.05")):
        axis.plot(x[chosen], ratio[chosen], ".", color=colour, markersize=3.5, label=label)
    own = shown["printed"].to_numpy(dtype=bool)
    axis.plot(x[own], ratio[own], "D", color=PALETTE[6], markersize=5.5, label="the paper's model")
    for edge in np.flatnonzero(np.diff(pd.factorize(shown["form"])[0])):
        axis.axvline(edge + 1, color=SOFT, linewidth=0.6, linestyle=":", zorder=0)
    axis.axhline(1, color=SOFT, linewidth=0.9, linestyle="--", zorder=0)
    printed = float(published or 1)
    if published:
        line = {"color": PALETTE[1], "linewidth": 1.1, "linestyle": "-."}
        # What is printed is adjusted; beside another form it would invite a comparison.
        reach = float((shown["form"] == shown["form"].iloc[0]).mean())
        axis.axhline(printed, xmax=reach, label=f"published, {published}", **line)
    bottom = max(min(np.quantile(low, 0.02), printed, 0.9), 0.05) / 1.08
    top = min(max(np.quantile(high, 0.98), printed, 1.1), 20.0) * 1.08
    axis.set_yscale("log")
    axis.set(ylim=(bottom, top), ylabel="HR (95 % CI), log scale")
    axis.yaxis.set_major_locator(FixedLocator([t for t in _MARKS if bottom <= t <= top]))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.legend(
        loc="lower left",
        bbox_to_anchor=(0, -0.17),
        ncols=4,
        fontsize=8,
        borderpad=0,
        handletextpad=0.3,
        columnspacing=1.2,
    )
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
        axis.imshow(
            1 - shade[:, :, None] * (1 - full),
            aspect="auto",
            interpolation="nearest",
            extent=(0, n, len(lines) - 0.5, -0.5),
        )
    axis.hlines(np.arange(len(lines)) + 0.5, 0, n, color="white", linewidth=1.6)
    # Text instead of tick labels, each of which would bring five objects more.
    beside = axis.get_yaxis_transform()
    for y, label in enumerate(labels):
        axis.text(
            -0.01,
            y,
            label.lstrip(),
            transform=beside,
            ha="right",
            va="center",
            fontsize=8,
            fontweight="normal" if label.startswith(" ") else "bold",
        )
    order = "in the order of their hazard ratio"
    if _FORM in groups:
        order += " within each form"
    axis.text(
        0.5,
        -0.01,
        f"{n:,} specifications {order}",
        transform=axis.transAxes,
        ha="center",
        va="top",
    )
    axis.set(xlim=(0, n), ylim=(max(len(lines), 1) - 0.5, -0.5))
    axis.set_axis_off()


def _describe_specifications(
    shown: pd.DataFrame,
    groups: dict[str, dict[str, np.ndarray]],
    title: str,
    published: str,
) -> str:
    first = (shown["form"] == shown["form"].iloc[0]).to_numpy()
    estimates = shown["hazard_ratio"]
    parts = []
    for heading, options in groups.items():
        if heading != _FORM:
            medians = (f"{k} {ratio(estimates[m & first].median())}" for k, m in options.items())
            parts.append(f"{heading}: {', '.join(medians)}")
    printed = f" Published: {published}." if published else ""
    more = ""
    if _FORM in groups:
        told = (f"{form}: {_spread_told(shown[m])}" for form, m in groups[_FORM].items())
        more = f" {_FORM}: {'; '.join(list(told)[1:])}."
    return (
        f"Specification curve. {title}. {_spread_told(shown[first])}.{printed} "
        f"Median by choice: {'; '.join(parts)}.{more}"
    )


def _spread_told(shown: pd.DataFrame) -> str:
    """In words: how many models, between what their ratios lie, and how many are clear."""
    estimates = shown["hazard_ratio"]
    clear = number(100 * float((shown["p"] < 0.05).mean()), 0)
    low, middle, high = (ratio(estimates.agg(f)) for f in ("min", "median", "max"))
    return (
        f"{len(shown)} specifications, hazard ratio {low} to {high}, median {middle}, "
        f"p < 0.05 in {clear} %"
    )
