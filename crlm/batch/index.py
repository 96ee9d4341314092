"""The page of a batch: every run, its choices, its key results, and how far they spread.

One file that asks no other host for anything; its links are relative, so a
folder sent by mail works.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "batch"
_RATIOS = ("hazard_ratio", "odds_ratio")
_VERDICTS = ("matches", "near", "differs", "no result")
_LEFT, _HEIGHT, _ROW = 190, 260, 16
_MOST_ROWS = 12


def page(
    runs: Sequence[Mapping[str, Any]], choices: Sequence[str],
    columns: Sequence[Mapping[str, Any]], verdicts: Mapping[str, Mapping[str, int]],
    parquet: bool = True,
) -> str:  # fmt: skip
    """The page as HTML.

    Parameters
    ----------
    runs : sequence of dict
        From `collecting.describe_runs`.
    choices : sequence of str
        Parameters in which the runs differ.
    columns : sequence of dict
        Effects: `label`, `statistic`, `values` by run key, maybe `published`
        and `printed`.
    verdicts : mapping
        Counts by run key.
    parquet : bool
        Whether there is a `results.parquet` to point to.
    """
    ratios = [c for c in columns if c["statistic"] in _RATIOS]
    parts = {
        "TITLE": escape("Batch: " + ", ".join(dict.fromkeys(run["study"] for run in runs))),
        "SUMMARY": _summary(runs),
        "PARQUET": ' and <a href="results.parquet">results.parquet</a>' if parquet else "",
        "CURVES": _curves(runs, choices, ratios or columns),
        "FAILURES": _failures(runs),
        "FILTERS": _filters(runs, choices),
        "TABLE": _table(runs, choices, columns, verdicts),
        "STYLE": (_TEMPLATES / "batch.css").read_text(encoding="utf-8"),
        "SCRIPT": (_TEMPLATES / "batch.js").read_text(encoding="utf-8"),
    }
    text = (_TEMPLATES / "batch.html").read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"<!-- {name} -->", part, 1)
    return text


def value_of(run: Mapping[str, Any], choice: str) -> Any:
    """A run's value for one of the choices, its study and cohort among them."""
    return run[choice] if choice in ("study", "cohort") else run["values"].get(choice)


def text_of(value: Any) -> str:
    """A parameter's value as it is shown."""
    if value is None or value == "":
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _summary(runs: Sequence[Mapping[str, Any]]) -> str:
    states = [run["status"] for run in runs]
    counts = [f"{states.count(s)} {w}" for s, w in
              (("finished", "finished"), ("failed", "failed"), ("new", "not run yet"))
              if s in states]  # fmt: skip
    return f"<p><strong>{len(runs)} runs</strong>: {', '.join(counts)}.</p>"


def _failures(runs: Sequence[Mapping[str, Any]]) -> str:
    failed = [run for run in runs if run["status"] == "failed"]
    if not failed:
        return ""
    items = "".join(
        f"<li>{_link(run, 'run ' + str(run['number']))}: cell {run['line']['cell']}: "
        f"{escape(run['line']['error'][:600])}</li>"
        for run in failed
    )
    return f'<section class="failed"><h2>Failed runs</h2><ul>{items}</ul></section>'


def _link(run: Mapping[str, Any], text: str) -> str:
    return f'<a href="runs/{run["key"]}/{escape(run["study"])}.html">{escape(text)}</a>'


# ---- the table --------------------------------------------------------------


def _filters(runs: Sequence[Mapping[str, Any]], choices: Sequence[str]) -> str:
    boxes = []
    for name in ("status", *choices):
        found = [r["status"] if name == "status" else value_of(r, name) for r in runs]
        values = dict.fromkeys(text_of(value) for value in _sorted(found))
        if 1 < len(values) <= 40:
            options = "".join(f"<option>{escape(value)}</option>" for value in values)
            boxes.append(f'<label>{escape(name)} <select data-column="{escape(name)}">'
                         f'<option value="">all</option>{options}</select></label>')  # fmt: skip
    return "".join(boxes)


def _table(
    runs: Sequence[Mapping[str, Any]], choices: Sequence[str],
    columns: Sequence[Mapping[str, Any]], verdicts: Mapping[str, Mapping[str, int]],
) -> str:  # fmt: skip
    shown = _VERDICTS if verdicts else ()
    ratios = [c for c in columns if c["statistic"] in _RATIOS]
    others = [c for c in columns if c not in ratios]
    results = [*(c["label"] for c in ratios), *shown, *(c["label"] for c in others)]
    names = ["run", "status", *choices, *results]
    head = "".join(
        f'<th scope="col" data-name="{escape(name)}"><button>{escape(name)}</button></th>'
        for name in names
    )
    printed = ["", *[""] * len(choices), *(c.get("printed", "") for c in ratios),
               *[""] * len(shown), *(c.get("printed", "") for c in others)]  # fmt: skip
    cells = "".join(f"<td>{escape(text)}</td>" for text in printed)
    paper = f'<tr class="paper"><th scope="row">paper</th>{cells}</tr>'
    body = "".join(
        _table_row(run, choices, (ratios, others), verdicts.get(run["key"]), shown) for run in runs
    )
    return f"<table><thead><tr>{head}</tr>{paper}</thead><tbody>{body}</tbody></table>"


def _table_row(
    run: Mapping[str, Any], choices: Sequence[str],
    columns: tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]],
    counts: Mapping[str, int] | None, shown: Sequence[str],
) -> str:  # fmt: skip
    ratios, others = columns
    cells = [f'<th scope="row" data-sort="{run["number"]}">'
             f'{_link(run, str(run["number"])) if run["status"] != "new" else run["number"]}</th>',
             f'<td class="{run["status"]}">{run["status"]}</td>']  # fmt: skip
    for name in choices:
        value = value_of(run, name)
        cells.append(_cell(text_of(value), value))
    cells += [_result(column, run) for column in ratios]
    for name in shown:
        number = counts.get(name, 0) if counts else None
        cells.append(_cell("" if number is None else str(number), number, "num"))
    cells += [_result(column, run) for column in others]
    return f"<tr>{''.join(cells)}</tr>"


def _result(column: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    numbers = column["values"].get(run["key"])
    return _cell(_estimate(numbers), numbers[0] if numbers else None, "num")


def _cell(text: str, value: Any, kind: str = "") -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    sort = value if number and math.isfinite(value) else "" if number or value is None else text
    return f'<td class="{kind}" data-sort="{escape(str(sort))}">{escape(text)}</td>'


def _estimate(numbers: Sequence[float] | None) -> str:
    if not numbers:
        return ""
    value, low, high = numbers
    if not math.isfinite(value):
        return "not reached"
    limits = [f"{x:.2f}" if math.isfinite(x) else "–" for x in (low, high)]
    return f"{value:.2f} ({limits[0]} to {limits[1]})"


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=lambda v: (isinstance(v, str), str(v) if isinstance(v, str) else
                                         float(v or 0)))  # fmt: skip


# ---- the specification curve ------------------------------------------------


def _curves(
    runs: Sequence[Mapping[str, Any]], choices: Sequence[str], effects: Sequence[Mapping[str, Any]]
) -> str:
    drawn = []
    for effect in effects:
        points = curve_points(runs, effect)
        if points:
            drawn.append((effect, points))
    if not drawn:
        return "<p>No effect to draw: no finished run has a ratio with an interval.</p>"
    pictures = []
    for number, (effect, points) in enumerate(drawn):
        opened = " open" if number == 0 else ""
        pictures.append(
            f"<details{opened}><summary>{escape(effect['label'])}: "
            f"{escape(_spread(points, effect))}</summary>{_svg(points, choices, effect)}</details>"
        )
    return "".join(pictures)


def curve_points(
    runs: Sequence[Mapping[str, Any]], effect: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The runs that have an effect, in the order of their estimates."""
    points = []
    for run in runs:
        numbers = effect["values"].get(run["key"])
        if numbers and all(math.isfinite(x) and x > 0 for x in numbers):
            points.append({"run": run, "value": numbers[0], "low": numbers[1], "high": numbers[2]})
    return sorted(points, key=lambda point: (point["value"], point["run"]["number"]))


def _spread(points: Sequence[Mapping[str, Any]], effect: Mapping[str, Any]) -> str:
    low, middle, high = points[0], points[len(points) // 2], points[-1]
    text = f"{len(points)} runs, {low['value']:.2f} to {high['value']:.2f}"
    text += f", median {middle['value']:.2f}"
    if effect["statistic"] in _RATIOS:
        clear = sum(p["high"] < 1 or p["low"] > 1 for p in points)
        text += f"; the interval excludes 1 in {100 * clear / len(points):.0f} %"
    return text + (f"; published {effect['printed']}" if effect.get("printed") else "")


def _svg(
    points: Sequence[Mapping[str, Any]], choices: Sequence[str], effect: Mapping[str, Any]
) -> str:
    step = min(28.0, max(1.6, 760 / len(points)))
    width = _LEFT + step * len(points) + 20
    limits = [p["low"] for p in points] + [p["high"] for p in points]
    limits += [effect["published"]] if effect.get("published") else []
    ratio = effect["statistic"] in _RATIOS
    low, high = max(min(limits + [1.0] * ratio), 0.02), min(max(limits + [1.0] * ratio), 500.0)
    low, high = math.log(low) - 0.05, math.log(high) + 0.05

    def y(value: float) -> float:
        place = (math.log(min(max(value, math.exp(low)), math.exp(high))) - low) / (high - low)
        return 10 + (_HEIGHT - 20) * (1 - place)

    marks = [_axis(low, high, y, width)]
    marks += [_level(y(1.0), width, "one", "1")] if ratio else []
    if effect.get("published"):
        marks.append(_level(y(effect["published"]), width, "published",
                            f"published {effect.get('printed', effect['published'])}"))  # fmt: skip
    marks += [_point(p, _LEFT + step * (i + 0.5), y, ratio) for i, p in enumerate(points)]
    matrix, height = _matrix(points, choices, step)
    label = escape(f"Specification curve. {effect['label']}: {_spread(points, effect)}")
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    drawn = "".join(marks) + matrix
    return f'<svg {size} role="img" aria-label="{label}">{drawn}</svg>'


def _axis(low: float, high: float, y: Any, width: float) -> str:
    steps = [m * 10.0**e for e in range(-3, 4) for m in (1, 1.5, 2, 3, 5, 7)]
    ticks = [t for t in steps if low <= math.log(t) <= high]
    lines = [f'<line class="grid" x1="{_LEFT}" x2="{width:.0f}" y1="{y(t):.1f}" y2="{y(t):.1f}"/>'
             f'<text class="tick" x="{_LEFT - 6}" y="{y(t) + 4:.1f}">{t:g}</text>'
             for t in ticks]  # fmt: skip
    return "".join(lines)


def _level(at: float, width: float, kind: str, label: str) -> str:
    text = f'<text class="{kind}" x="4" y="{at + 4:.1f}">{escape(label)}</text>' * (label != "1")
    return f'<line class="{kind}" x1="{_LEFT}" x2="{width:.0f}" y1="{at:.1f}" y2="{at:.1f}"/>{text}'


def _point(point: Mapping[str, Any], x: float, y: Any, ratio: bool) -> str:
    run = point["run"]
    clear = not ratio or point["high"] < 1 or point["low"] > 1
    values = f"{point['value']:.2f} ({point['low']:.2f} to {point['high']:.2f})"
    return (
        f'<a href="runs/{run["key"]}/{escape(run["study"])}.html"{" class=clear" * clear}>'
        f"<title>run {run['number']}: {values}</title>"
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y(point["low"]):.1f}" y2="{y(point["high"]):.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{y(point["value"]):.1f}" r="2.6"/></a>'
    )


def _matrix(
    points: Sequence[Mapping[str, Any]], choices: Sequence[str], step: float
) -> tuple[str, float]:
    """Which choice each run made, as dots under the curve; and the height of the whole."""
    at, marks = _HEIGHT + 14.0, []
    for name in choices:
        found = [value_of(point["run"], name) for point in points]
        values = [json.loads(v) for v in dict.fromkeys(json.dumps(v) for v in _sorted(found))]
        if len(values) < 2:
            continue
        # Many values of one choice share a few rows, from low to high.
        rows = min(len(values), _MOST_ROWS)
        marks.append(f'<text class="choice" x="4" y="{at + 4:.0f}">{escape(name)}</text>')
        row = {json.dumps(v): i * rows // len(values) for i, v in enumerate(values)}
        for number in range(rows):
            label = _row_label([v for v in values if row[json.dumps(v)] == number])
            marks.append(f'<text class="tick" x="{_LEFT - 6}" y="{at + _ROW * number + 4:.0f}">'
                         f"{escape(label)}</text>")  # fmt: skip
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
