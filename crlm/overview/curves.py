"""The specification curve of a batch: every run's estimate, and the choices that it made.

Ratios stand on a logarithmic scale, everything else on a linear one.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from crlm.numbers import counted
from crlm.overview.choosing import Effect, with_unit

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "overview"
_LEFT, _HEIGHT, _ROW = 190, 260, 16
# Of a letter, the widest bold ones aside; what stands above the chart.
_LETTER, _HEAD = 6.6, 18
_MOST_ROWS = 12
# A ratio beyond stands at the border.
_LEAST, _GREATEST = 0.02, 500.0
_ROUND = [m * 10.0**e for e in range(-3, 4) for m in (1, 1.5, 2, 3, 5, 7)]


def rendered(template: str, **values: Any) -> Markup:
    """A template of the page with these values, which are text unless they were rendered."""
    from jinja2 import Environment, FileSystemLoader

    room = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)
    return Markup(room.get_template(template).render(values))


def draw(
    runs: Sequence[Mapping[str, Any]], choices: Sequence[str], effects: Sequence[Effect]
) -> Markup:
    """One chart for each effect that a finished run has, the first one open, as HTML."""
    drawn = [(effect, points) for effect in effects if (points := _points(runs, effect))]
    finished = sum(run["status"] == "finished" for run in runs)
    charts = [_chart(points, choices, effect, finished) for effect, points in drawn]
    told = {"report_of": report_of, "with_unit": with_unit}
    return rendered("curves.html", charts=charts, row=_ROW, head=_HEAD, **told)


class _Point(NamedTuple):
    """A run's estimate and limits, which may be missing."""

    run: Mapping[str, Any]
    value: float
    low: float
    high: float

    def excludes(self, neutral: float) -> bool | None:
        """Whether the interval excludes a value; None without one."""
        limited = math.isfinite(self.low) and math.isfinite(self.high)
        return not self.low <= neutral <= self.high if limited else None


def _points(runs: Sequence[Mapping[str, Any]], effect: Effect) -> list[_Point]:
    """The runs that have an effect, in the order of their estimates."""
    found = [_Point(r, *effect.values[r["key"]]) for r in runs if r["key"] in effect.values]
    least = 0 if effect.is_ratio else -math.inf
    points = [point for point in found if least < point.value < math.inf]
    return sorted(points, key=lambda point: (point.value, point.run["number"]))


def _spread(points: Sequence[_Point], effect: Effect, finished: int) -> str:
    """How far an effect's estimates lie apart, in one line."""
    values = [point.value for point in points]
    ends = (values[0], statistics.median(values), values[-1])
    low, middle, high = map(effect.text, ends)
    unit, many = effect.unit, counted(len(points), "run")
    if low == high:
        text = f"{many}, {with_unit(low, unit)} in each"
    else:
        text = f"{many}, {low} to {with_unit(high, unit)}"
        text += f", median of the runs {with_unit(middle, unit)}"
    neutral = effect.neutral
    clear = [] if neutral is None else [point.excludes(neutral) for point in points]
    if limited := [one for one in clear if one is not None]:
        text += f"; the interval excludes {neutral:g} in {sum(limited)} of {len(limited)}"
    if lacking := finished - len(points):
        verb = "has" if lacking == 1 else "have"
        text += f"; {counted(lacking, 'finished run')} {verb} no such number"
    return text + (f"; published {effect.printed}" if effect.printed else "")


# ---- the scale --------------------------------------------------------------


class _Scale:
    """Where a value stands between the top and the bottom of a chart, in pixels.

    It holds these values with a little room around; missing ones are passed over. On a
    logarithmic scale 0.02 and 500 are the ends.
    """

    def __init__(self, values: Iterable[float], logarithmic: bool) -> None:
        finite = [value for value in values if math.isfinite(value)]
        low, high = min(finite), max(finite)
        if logarithmic:
            low, high = max(low, _LEAST) * 0.95, max(min(high, _GREATEST), _LEAST) * 1.05
        else:
            room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
            low, high = low - room, high + room
        self._low, self._high, self._logarithmic = low, high, logarithmic

    def at(self, value: float, instead: float = 0) -> float:
        """Pixels from the top, of a value or `instead` of a missing one; borders hold the rest."""
        value = value if math.isfinite(value) else instead
        along = [self._low, min(max(value, self._low), self._high), self._high]
        low, here, high = map(math.log, along) if self._logarithmic else along
        return round(10 + (_HEIGHT - 20) * (1 - (here - low) / (high - low)), 1)

    def ticks(self) -> list[float]:
        """Round values within the scale."""
        if self._logarithmic:
            return [step for step in _ROUND if self._low <= step <= self._high]
        least = (self._high - self._low) / 5
        size = 10.0 ** math.floor(math.log10(least))
        step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= least * (1 - 1e-9))
        first, last = math.ceil(self._low / step), math.floor(self._high / step)
        return [round(i * step, 12) for i in range(first, last + 1)]


# ---- the chart --------------------------------------------------------------


def _chart(
    points: Sequence[_Point], choices: Sequence[str], effect: Effect, finished: int
) -> dict[str, Any]:
    """What the template draws, in pixels."""
    step = min(28.0, max(1.6, 760 / len(points)))
    levels = [x for x in (effect.neutral, effect.published) if x is not None]
    label = "" if effect.published is None else f"published {effect.printed}"
    made = _choices(points, choices)
    left = _room([(label, "0.001"), *((c["name"], text) for c in made for text in c["labels"])])
    end = round(left + step * len(points) + 20)
    at = [round(left + step * (i + 0.5), 1) for i in range(len(points))]
    return {
        "effect": effect,
        "told": _spread(points, effect, finished),
        "scale": _Scale([x for p in points for x in p[1:]] + levels, effect.is_ratio),
        "points": list(zip(at, points, strict=True)),
        "choices": [{**one, "dots": list(zip(at, one["rows"], strict=True))} for one in made],
        "dot": round(min(3.2, step / 2), 1),
        "left": left,
        "end": end,
        "published": label,
        "width": end + 8,
        "height": _HEIGHT + 14 + sum(_ROW * len(one["labels"]) + 10 for one in made),
    }


def _room(pairs: Iterable[tuple[str, str]]) -> int:
    """Where points begin: left of them each name has a value beside it, in pixels."""
    return max([_LEFT, *(round(_LETTER * (len(name) + len(value))) + 26 for name, value in pairs)])


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
    return f"runs/{run['key']}/{quote(run['study'])}.html"


def in_order(values: Iterable[Any]) -> list[Any]:
    """Numbers by size before words by letter."""
    return sorted(
        values, key=lambda v: (isinstance(v, str), str(v) if isinstance(v, str) else float(v or 0))
    )


def _choices(points: Sequence[_Point], choices: Sequence[str]) -> list[dict[str, Any]]:
    """Which choice each run made: its row among those of the choice, under the curve."""
    top, made = _HEIGHT + 14, []
    for name in choices:
        found = [value_of(point.run, name) for point in points]
        values = [json.loads(v) for v in dict.fromkeys(json.dumps(v) for v in in_order(found))]
        if len(values) < 2:
            continue
        # Many values of one choice share a few rows, from low to high.
        rows = min(len(values), _MOST_ROWS)
        row = {json.dumps(v): i * rows // len(values) for i, v in enumerate(values)}
        labels = [_row_label([v for v in values if row[json.dumps(v)] == i]) for i in range(rows)]
        held = [row[json.dumps(value)] for value in found]
        made.append({"name": name, "at": top, "labels": labels, "rows": held})
        top += _ROW * rows + 10
    return made


def _row_label(values: Sequence[Any]) -> str:
    text = text_of(values[0])
    if len(values) > 1:
        text = f"{text} to {text_of(values[-1])}"
    return text if len(text) <= 18 else text[:17] + "…"
