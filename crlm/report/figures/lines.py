"""A forest with columns: headings of factors, levels under them, sizes, ratios and p values.

Hides how tall lines are, where columns stand, and where a long forest parts into pages.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.transforms import blended_transform_factory

from crlm.numbers import interval, number
from crlm.report.figures.picture import PALETTE, STYLE, Picture, sheet, wrapped
from crlm.report.figures.ratio_axis import draw_ratio, finish_axis

#: Inches from the left edge: labels and ratios begin there, sizes and p values end there.
_LABELS, _SIZES, _EVENTS, _AXIS, _RATIOS, _P = 0.06, 2.64, 3.26, (3.4, 5.72), 5.84, 7.54
_STEP = 0.17
_LETTERS, _OF_HEADING = 29, 40
#: Inches from line to line, and what stands above and below them all.
_ONE, _TWO, _PAIR, _AROUND = 0.24, 0.37, 0.46, 1.1
#: From the middle of a pair to each of its ratios, and their colours.
_APART, _COLOURS = 0.1, (PALETTE[1], PALETTE[0])
#: So many inches of lines, and so many ratios, fit on a page.
_TALLEST, _MOST = 8.4, 28


@dataclass(frozen=True)
class Line:
    """One line of a forest.

    Attributes
    ----------
    label : str
    row : mapping, optional
        What the line is of: `n` and `events`, and the ratio if there is no other. None: a heading.
    pair : sequence of (str, mapping)
        Two ratios, one above the other, each with whose it is.
    inside : bool
        Under a heading.
    told : str
        In the place of the ratio, as of a reference level.
    p : str
        In the last column.
    """

    label: str
    row: Mapping[str, Any] | None = None
    pair: Sequence[tuple[str, Mapping[str, Any]]] = ()
    inside: bool = False
    told: str = ""
    p: str = ""

    @property
    def heading(self) -> bool:
        """Whether it heads the lines that follow."""
        return self.row is None

    @property
    def ratios(self) -> list[Mapping[str, Any]]:
        """What is drawn: nothing of a heading or a reference level."""
        if self.row is None or self.told:
            return []
        return [row for _, row in self.pair] or [self.row]

    @property
    def sizes(self) -> tuple[str, str]:
        """Patients and events."""
        if self.row is None:
            return "", ""
        return number(self.row["n"], 0), number(self.row["events"], 0)

    @property
    def shown(self) -> str:
        """The label in as many lines as its column has room for."""
        return wrapped(self.label, _OF_HEADING if self.heading else _LETTERS)

    @property
    def height(self) -> float:
        """In inches."""
        return _PAIR if self.pair else _TWO if "\n" in self.shown else _ONE

    @property
    def alt(self) -> str:
        """In words."""
        if self.pair:
            return "; ".join(f"{self.label}, {who}: {interval(row)}" for who, row in self.pair)
        told = [
            *map(interval, self.ratios),
            self.told,
            f"p for interaction {self.p}" * bool(self.p),
        ]
        return f"{self.label}: {', '.join(filter(None, told))}".removesuffix(": ")


def pages(groups: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Lines of a factor stay together unless they fill a page by themselves.

    Parameters
    ----------
    groups : sequence of sequence of Line
        By factor, a heading first where it has one.

    Returns
    -------
    list of list of Line
        Pages hold at most 28 ratios and about as many lines each; on a further page of one
        factor its heading stands again, "continued".
    """
    parts = [part for group in groups for part in _pieces(list(group))]
    tall, drawn = sum(map(_height, parts)), sum(map(_ratios, parts))
    many = max(1, math.ceil(tall / _TALLEST), math.ceil(drawn / _MOST))
    made: list[list[Line]] = [[]]
    for part in parts:
        here = made[-1]
        full = _height(here) >= tall / many - 1e-9 or _ratios([*here, *part]) > _MOST
        if here and (full or _height([*here, *part]) > _TALLEST):
            made.append([])
        made[-1].extend(part)
    return [page for page in made if any(line.row for line in page)]


def _pieces(group: list[Line]) -> list[list[Line]]:
    heading = [line for line in group[:1] if line.heading]
    made: list[list[Line]] = [[*heading]]
    for line in group[len(heading) :]:
        here = [*made[-1], line]
        if _ratios(here) > _MOST or _height(here) > _TALLEST:
            made.append([replace(one, label=f"{one.label}, continued", p="") for one in heading])
        made[-1].append(line)
    return made


def _height(lines: Iterable[Line]) -> float:
    return sum(line.height for line in lines)


def _ratios(lines: Iterable[Line]) -> int:
    return sum(bool(line.ratios) for line in lines)


def draw(
    page: Sequence[Line],
    ends: tuple[float, float],
    title: str,
    *,
    ratio: str,
    p: str = "",
    about: str = "",
) -> Picture:
    """One page as a picture.

    Parameters
    ----------
    ratio : str
        What the ratio is: "HR (95 % CI)" heads its column, and names the axis.
    p : str
        The head of the last column, if there is one.
    about : str
        What is compared, for the axis.
    """
    above = _TWO if "\n" in p else _ONE
    with matplotlib.rc_context({**STYLE, "axes.spines.left": False}):
        figure, frame = sheet(_AROUND + above - _ONE + _height(page), _AXIS)
        axis = figure.subplots()
        figure.subplots_adjust(**frame)
        at = blended_transform_factory(figure.transFigure, axis.transData)
        width = figure.get_size_inches()[0]

        def write(
            x: float, y: float, text: str, side: str = "left", weight: str = "normal"
        ) -> None:
            if text:
                axis.text(x / width, y, text, transform=at, ha=side, va="center", fontweight=weight)

        heads = ((_SIZES, "n", "right"), (_EVENTS, "Events", "right"), (_RATIOS, ratio, "left"))
        for x, text, side in (*heads, (_P, p, "right")):
            write(x, -0.5 * above, text, side, "bold")
        y = 0.0
        for line in page:
            middle = y + line.height / 2
            weight = "bold" if line.heading else "normal"
            write(_LABELS + _STEP * line.inside, middle, line.shown, weight=weight)
            # Of a pair the sizes are the new cohort's.
            lower = middle + _APART * bool(line.pair)
            for x, text in zip((_SIZES, _EVENTS), line.sizes, strict=True):
                write(x, lower, text, "right")
            write(_P, middle, line.p, "right")
            write(_RATIOS, middle, line.told)
            for place, colour, row in _placed(line, middle):
                draw_ratio(axis, place, row, ends, colour)
                write(_RATIOS, place, interval(row))
            y += line.height
        finish_axis(axis, ends, f"{about}{': ' * bool(about)}{ratio}, log scale")
        axis.tick_params(axis="x", labelsize=8)
        axis.set_ylim(y, -above)
        axis.set_yticks([])
        axis.set_title(title)
        told = "; ".join(line.alt for line in page)
        held = pd.DataFrame([line.row for line in page if line.row])
        kind = "Forest plot of pairs" if any(line.pair for line in page) else "Forest plot"
        return Picture(figure, f"{kind}. {title}; {ratio}. {told}", title, held)


def _placed(line: Line, middle: float) -> Iterator[tuple[float, str, Mapping[str, Any]]]:
    """Where each ratio of a line stands, and in which colour."""
    if len(line.ratios) == 1:
        yield middle, PALETTE[0], line.ratios[0]
        return
    for side, colour, row in zip((-1, 1), _COLOURS, line.ratios, strict=False):
        yield middle + side * _APART, colour, row


def by_covariate(rows: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Rows of one covariate that follow each other."""
    found = itertools.groupby(rows, key=lambda row: row["covariate"])
    return [list(part) for _, part in found]
