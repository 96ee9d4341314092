"""The specification curve of a batch: every run's estimate, and the choices that it made.

Ratios stand on a logarithmic scale, everything else on a linear one.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote

from crlm.batch.choosing import Effect, with_unit
from crlm.numbers import counted

_LEFT, _HEIGHT, _ROW = 190, 260, 16
_LETTER = 6
_MOST_ROWS = 12
# A ratio beyond stands at the border.
_LEAST, _GREATEST = 0.02, 500.0


def draw(
    runs: Sequence[Mapping[str, Any]], choices: Sequence[str], effects: Sequence[Effect]
) -> str:
    """One chart for each effect that a finished run has, the first one open, as HTML.

    Parameters
    ----------
    runs, choices, effects
        As for `index.page`.
    """
    drawn = [(effect, points) for effect in effects if (points := points_of(runs, effect))]
    if not drawn:
        return "<p>No effect to draw: no finished run has a result to compare.</p>"
    finished = sum(run["status"] == "finished" for run in runs)
    pictures = []
    for number, (effect, points) in enumerate(drawn):
        opened = " open" if number == 0 else ""
        told = spread(points, effect, finished)
        pictures.append(
            f"<details{opened}><summary>{escape(effect.label)}: {escape(told)}</summary>"
            f'<div class="scroll">{_svg(points, choices, effect, told)}</div></details>'
        )
    return "".join(pictures)


def points_of(runs: Sequence[Mapping[str, Any]], effect: Effect) -> list[dict[str, Any]]:
    """The runs that have an effect, in the order of their estimates; limits may be missing."""
    points = []
    for run in runs:
        value, low, high = effect.values.get(run["key"], (math.nan,) * 3)
        if math.isfinite(value) and (value > 0 or not effect.is_ratio):
            points.append({"run": run, "value": value, "low": low, "high": high})
    return sorted(points, key=lambda point: (point["value"], point["run"]["number"]))


def spread(points: Sequence[Mapping[str, Any]], effect: Effect, finished: int) -> str:
    """How far an effect's estimates lie apart, in one line.

    Parameters
    ----------
    points : sequence of dict
        From `points_of`.
    finished : int
        How many runs are finished; those without the effect are told.
    """
    values = [point["value"] for point in points]
    low, middle, high = (
        effect.text(value) for value in (values[0], statistics.median(values), values[-1])
    )
    unit, many = effect.unit, counted(len(points), "run")
    if low == high:
        text = f"{many}, {with_unit(low, unit)} in each"
    else:
        text = f"{many}, {low} to {with_unit(high, unit)}"
        text += f", median of the runs {with_unit(middle, unit)}"
    neutral = effect.neutral
    limited = [point for point in points if _has_limits(point)]
    if neutral is not None and limited:
        clear = sum(_excludes(point, neutral) for point in limited)
        text += f"; the interval excludes {neutral:g} in {clear} of {len(limited)}"
    if finished > len(points):
        verb = "has" if finished - len(points) == 1 else "have"
        text += f"; {counted(finished - len(points), 'finished run')} {verb} no such number"
    return text + (f"; published {effect.printed}" if effect.printed else "")


def _has_limits(point: Mapping[str, Any]) -> bool:
    return math.isfinite(point["low"]) and math.isfinite(point["high"])


def _excludes(point: Mapping[str, Any], neutral: float) -> bool:
    return _has_limits(point) and not point["low"] <= neutral <= point["high"]


# ---- the scale --------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """Where a value stands between the top and the bottom of a chart, in pixels."""

    low: float
    high: float
    logarithmic: bool

    def at(self, value: float) -> float:
        """Pixels from the top; a value beyond the scale stands at its border."""
        low, high = self._along(self.low), self._along(self.high)
        share = (self._along(min(max(value, self.low), self.high)) - low) / (high - low)
        return 10 + (_HEIGHT - 20) * (1 - share)

    def ticks(self) -> list[float]:
        """Round values within the scale."""
        if self.logarithmic:
            steps = [m * 10.0**e for e in range(-3, 4) for m in (1, 1.5, 2, 3, 5, 7)]
            return [step for step in steps if self.low <= step <= self.high]
        step = _round_step((self.high - self.low) / 5)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [round(i * step, 12) for i in range(first, last + 1)]

    def _along(self, value: float) -> float:
        return math.log(value) if self.logarithmic else value


def scale_of(values: Iterable[float], logarithmic: bool) -> Scale:
    """A scale that holds these values with a little room around; missing ones are passed over.

    On a logarithmic scale 0.02 and 500 are the ends.
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite), max(finite)
    if logarithmic:
        low, high = max(low, _LEAST) * 0.95, max(min(high, _GREATEST), _LEAST) * 1.05
    else:
        room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        low, high = low - room, high + room
    return Scale(low, high, logarithmic)


def _round_step(least: float) -> float:
    size = 10.0 ** math.floor(math.log10(least))
    return next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= least * (1 - 1e-9))


# ---- the chart --------------------------------------------------------------


def _svg(
    points: Sequence[Mapping[str, Any]], choices: Sequence[str], effect: Effect, told: str
) -> str:
    step = min(28.0, max(1.6, 760 / len(points)))
    end = _LEFT + step * len(points) + 20
    neutral = effect.neutral
    limits = [point[name] for point in points for name in ("value", "low", "high")]
    limits += [x for x in (effect.published, neutral) if x is not None]
    scale = scale_of(limits, effect.is_ratio)
    marks = [_grid(scale, end), _axis_title(effect)]
    marks += [_level(scale.at(neutral), end, "one", "")] if neutral is not None else []
    label = f"published {effect.printed}" if effect.published is not None else ""
    if effect.published is not None:
        marks.append(_level(scale.at(effect.published), end, "published", label))
    width = end + _LETTER * len(label) + 8
    marks += [_point(p, _LEFT + step * (i + 0.5), scale, effect) for i, p in enumerate(points)]
    matrix, height = _matrix(points, choices, step)
    label = escape(f"Specification curve. {effect.label}: {told}")
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return f'<svg {size} role="group" aria-label="{label}">{"".join(marks)}{matrix}</svg>'


def _grid(scale: Scale, width: float) -> str:
    lines = []
    for tick in scale.ticks():
        y = scale.at(tick)
        lines.append(
            f'<line class="grid" x1="{_LEFT}" x2="{width:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}">{tick:g}</text>'
        )
    return "".join(lines)


def _axis_title(effect: Effect) -> str:
    scale = "ratio, logarithmic" if effect.is_ratio else effect.unit
    return f'<text class="title" x="4" y="14">{escape(scale)}</text>'


def _level(at: float, width: float, kind: str, label: str) -> str:
    text = f'<text class="{kind}" x="{width + 4:.0f}" y="{at + 4:.1f}">{escape(label)}</text>'
    line = f'<line class="{kind}" x1="{_LEFT}" x2="{width:.0f}" y1="{at:.1f}" y2="{at:.1f}"/>'
    return line + (text if label else "")


def _point(point: Mapping[str, Any], x: float, scale: Scale, effect: Effect) -> str:
    run = point["run"]
    clear = effect.neutral is None or _excludes(point, effect.neutral)
    three = (point["value"], point["low"], point["high"])
    shown = with_unit(effect.interval(three), effect.unit)
    low, high = (v if math.isfinite(v) else point["value"] for v in three[1:])
    return (
        f'<a href="{report_of(run)}"{" class=clear" * clear}>'
        f"<title>run {run['number']}: {escape(shown)}</title>"
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{scale.at(low):.1f}" y2="{scale.at(high):.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{scale.at(point["value"]):.1f}" r="2.6"/></a>'
    )


# ---- the choices ------------------------------------------------------------


def value_of(run: Mapping[str, Any], choice: str) -> Any:
    """A run's value for one of the choices, its study and cohort among them."""
    return run[choice] if choice in ("study", "cohort") else run["values"].get(choice)


def text_of(value: Any) -> str:
    """A parameter's value as it is shown."""
    if value is None or value == "":
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def report_of(run: Mapping[str, Any]) -> str:
    """Where a run's report is, as seen from the page."""
    return f"runs/{run['key']}/{escape(quote(run['study']))}.html"


def in_order(values: Iterable[Any]) -> list[Any]:
    """Numbers by size before words by letter."""
    return sorted(
        values, key=lambda v: (isinstance(v, str), str(v) if isinstance(v, str) else float(v or 0))
    )


def _matrix(
    points: Sequence[Mapping[str, Any]], choices: Sequence[str], step: float
) -> tuple[str, float]:
    """Which choice each run made, as dots under the curve; and the height of the whole."""
    at, marks = _HEIGHT + 14.0, []
    for name in choices:
        found = [value_of(point["run"], name) for point in points]
        values = [json.loads(v) for v in dict.fromkeys(json.dumps(v) for v in in_order(found))]
        if len(values) < 2:
            continue
        # Many values of one choice share a few rows, from low to high.
        rows = min(len(values), _MOST_ROWS)
        marks.append(f'<text class="choice" x="4" y="{at + 4:.0f}">{escape(name)}</text>')
        row = {json.dumps(v): i * rows // len(values) for i, v in enumerate(values)}
        for number in range(rows):
            label = _row_label([v for v in values if row[json.dumps(v)] == number])
            marks.append(
                f'<text class="tick" x="{_LEFT - 6}" y="{at + _ROW * number + 4:.0f}">'
                f"{escape(label)}</text>"
            )
        for i, value in enumerate(found):
            x, y = _LEFT + step * (i + 0.5), at + _ROW * row[json.dumps(value)]
            marks.append(
                f'<circle class="dot" cx="{x:.1f}" cy="{y:.0f}" r="{min(3.2, step / 2):.1f}"/>'
            )
        at += _ROW * rows + 10
    return "".join(marks), at


def _row_label(values: Sequence[Any]) -> str:
    text = text_of(values[0])
    if len(values) > 1:
        text = f"{text} to {text_of(values[-1])}"
    return text if len(text) <= 18 else text[:17] + "…"
