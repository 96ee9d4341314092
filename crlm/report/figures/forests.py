"""Ratios with their intervals, and how often a factor is chosen."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from crlm import lent
from crlm.ledger import Design, as_records, kind_of
from crlm.ledger.vocabulary import ALL
from crlm.naming import describe
from crlm.numbers import interval, number, p_text
from crlm.report.figures import lines
from crlm.report.figures.picture import FOREST, PALETTE, STYLE, Picture, sheet, wrapped
from crlm.report.figures.ratio_axis import axis_ends, draw_ratio, finish_axis
from crlm.report.subgroups import by_factor, subgroup

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
    return _forest(rows, labels, title, unit)


@lent.pure
def forest_pages(
    rows: pd.DataFrame, design: Design, *, title: str, unit: str = "HR"
) -> list[Picture]:
    """Ratios by factor, reference levels among them, in pictures that a page can hold.

    A factor is a heading, and its levels stand under it with patients and events. Pages part
    between covariates, never within the levels of one unless it fills a page by itself, hold
    about as many lines each, and have the same axis. None where no ratio is known.

    Parameters
    ----------
    rows : pandas.DataFrame
        Rows with a ratio in `estimate` and limits, and `reference` rows; of the ratios
        non-finite ones are left out, and covariates without any.
    """
    groups = [_factor(part, design) for part in lines.by_covariate(as_records(rows))]
    return drawn([group for group in groups if group], title, f"{unit} (95 % CI)")


def _factor(rows: Sequence[Mapping[str, Any]], design: Design) -> list[lines.Line]:
    """The lines of a covariate: one of a number, of a factor a heading and its levels."""
    kept = [row for row in rows if row["statistic"] == "reference" or _is_known(row)]
    ratios = [row for row in kept if row["statistic"] != "reference"]
    name = str(rows[0]["covariate"])
    if not ratios or ":" in name or not (len(kept) > 1 and ratios[0]["level"]):
        return [lines.Line(_row_label(row, design), row) for row in ratios]
    made = [lines.Line(design.label(name))]
    for row in kept:
        told = "reference" if row["statistic"] == "reference" else ""
        label = design.label(name, row["level"])
        made.append(lines.Line(label, row, inside=True, told=told))
    return made


def _is_known(row: Mapping[str, Any]) -> bool:
    return bool(np.isfinite([row["estimate"], row["conf_low"]]).all())


def drawn(
    groups: Sequence[Sequence[lines.Line]], title: str, ratio: str, p: str = "", about: str = ""
) -> list[Picture]:
    """Groups of lines as pictures that a page can hold, all with the same axis."""
    ends = axis_ends(row for group in groups for line in group for row in line.ratios)
    return [
        lines.draw(page, ends, title + ", continued" * bool(at), ratio=ratio, p=p, about=about)
        for at, page in enumerate(lines.pages(groups))
    ]


@lent.pure
def subgroups(rows: pd.DataFrame, design: Design, *, title: str) -> list[Picture]:
    """One effect within subgroups: a heading a factor with the p of its interaction.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `report.subgroups.subgroups_table`. Subgroups without a ratio are left out.
    """
    groups = []
    for name, joint, inside in by_factor(rows):
        p = p_text(joint["estimate"]) if joint else ""
        made = [lines.Line(design.label(name), p=p)] if name else []
        for population, part in inside:
            of = [row for row in as_records(part) if row["statistic"] == "hazard_ratio"]
            size = next(row for row in as_records(part) if row["statistic"] == "n")
            for row in filter(_is_known, of):
                label = subgroup(name, population, design)
                label += f": {design.label(row['covariate'], row['level'])}" * (len(of) > 1)
                whole = {**row, "n": size["n"], "events": size["events"]}
                made.append(lines.Line(label, whole, inside=bool(name)))
        groups.append(made)
    many = sum(bool(line.ratios) for group in groups for line in group)
    if many < 2:
        return []
    return drawn(groups, title, "HR (95 % CI)", "p for\ninteraction", _contrast(rows, design))


def _contrast(rows: pd.DataFrame, design: Design) -> str:
    """What a single ratio of subgroups compares; empty where there are several."""
    ratios = rows[(rows["model"] == "univariable") & (rows["statistic"] == "hazard_ratio")]
    if ratios["level"].nunique() > 1:
        return ""
    everybody = {"endpoint": "", "model": "", "population": ALL}
    return describe({**as_records(ratios)[0], **everybody}, design)


def _known(
    rows: pd.DataFrame, labels: Sequence[str], design: Design
) -> tuple[pd.DataFrame, list[str]]:
    """The rows that have a ratio with its limits, and what each is called."""
    numbers = rows[["estimate", "conf_low"]].astype(float)
    known = np.isfinite(numbers).all(axis=1)
    told = labels or [_row_label(row, design) for row in as_records(rows)]
    return rows[known], [label for label, shown in zip(told, known, strict=True) if shown]


def _pitch(labels: Sequence[str]) -> float:
    tall = ["\n" in wrapped(label) for label in labels]
    return _WIDE_PITCH if any(map(all, itertools.pairwise(tall))) else _PITCH


def _forest(rows: pd.DataFrame, labels: Sequence[str], title: str, unit: str) -> Picture:
    ends, pitch = axis_ends(as_records(rows)), _pitch(labels)
    with matplotlib.rc_context(STYLE):
        figure, frame = sheet(1.1 + pitch * max(len(rows), 1), FOREST)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        for y, row in enumerate(as_records(rows)):
            draw_with_text(axis, y, row, ends)
        finish_plain(axis, labels, ends, title, unit)
        told = zip(labels, as_records(rows), strict=True)
        texts = "; ".join(f"{label}: {interval(row)}" for label, row in told)
        alt = f"Forest plot. {title}; {unit} (95 % CI). {texts}"
        return Picture(figure, alt, title, rows)


def draw_with_text(
    axis: Any, y: float, row: Mapping[str, Any], ends: tuple[float, float], colour: str = PALETTE[0]
) -> None:
    """A ratio, and its numbers at the right."""
    draw_ratio(axis, y, row, ends, colour)
    axis.text(1.03, y, interval(row), transform=axis.get_yaxis_transform(), va="center")


def finish_plain(
    axis: Any, labels: Sequence[str], ends: tuple[float, float], title: str, unit: str
) -> None:
    """The axis of a forest without columns, a label at its left for each ratio."""
    finish_axis(axis, ends, f"{unit} (95 % CI), log scale")
    axis.set(ylim=(len(labels) - 0.4, -0.6), title=title)
    axis.set_yticks(range(len(labels)), [wrapped(label) for label in labels])


#: What stands beside the bars of `stability`.
SIDES = (
    "Same side: of the samples that chose the factor, the share in which its hazard ratio lies on "
    "the same side of 1 as their median."
)


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
    kinds = shares["model"].map(kind_of)
    chosen = shares[kinds == "bootstrap selection"].sort_values("estimate", kind="stable")
    signs = shares[kinds == "bootstrap selection, sign"].groupby("covariate")["estimate"]
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


def _row_label(row: Mapping[str, Any], design: Design) -> str:
    name = design.ratio_label(row["covariate"])
    if row["level"]:
        name = design.group_label(f"{row['covariate']}={row['level']}")
    return (
        name if row["population"] == "all" else f"{name} ({design.group_label(row['population'])})"
    )
