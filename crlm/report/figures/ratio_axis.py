"""An axis of ratios: how far it goes, its marks, and an interval on it.

Hides when a wide interval may leave the axis, which it then does with an arrow, and how the
marks follow from the span.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from crlm.report.figures.picture import PALETTE, SOFT

#: How far an axis may go on either side of 1; limits stretch it to 8, estimates to 32.
_REACHES = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0)
_LIMITS_TO, _NEVER_WITHIN = 8.0, 4.0
#: Marks, and the span (high over low) up to which each set is used.
_MARKS = (
    (6.0, (0.2, 0.25, 0.33, 0.5, 0.67, 1, 1.5, 2, 3, 4, 5)),
    (64.0, (0.03125, 0.0625, 0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32)),
    (math.inf, (0.0625, 0.25, 1, 4, 16)),
)
#: Room beyond the last mark.
_EDGE = 1.06


def axis_ends(rows: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """From where to where the axis of some ratios goes.

    It holds every estimate from 1/32 to 32 and every limit from 1/8 to 8; of four ratios and
    more the widest limit, or one in eight, leaves where it alone would double the reach of the
    axis, and never within 1/4 to 4.

    Parameters
    ----------
    rows : iterable of mapping
        `estimate`, `conf_low` and `conf_high` of each.

    Examples
    --------
    >>> wide = {"estimate": 0.9, "conf_low": 0.01, "conf_high": 5.0}
    >>> usual = {"estimate": 0.9, "conf_low": 0.6, "conf_high": 1.4}
    >>> [round(end, 2) for end in axis_ends([usual, usual, usual, usual, wide])]
    [0.24, 6.36]
    """
    held = list(rows)
    if not held:
        return 0.5, 2.0
    below = _reach([1 / r["estimate"] for r in held], [_inverse(r["conf_low"]) for r in held])
    above = _reach([r["estimate"] for r in held], [r["conf_high"] for r in held])
    return 1 / (below * _EDGE), above * _EDGE


def _inverse(value: float) -> float:
    return 1 / value if value > 0 else math.inf


def _reach(estimates: Sequence[float], limits: Sequence[float]) -> float:
    limits = sorted(math.inf if math.isnan(limit) else limit for limit in limits)
    spare = max(len(limits) // 8, int(len(limits) >= 4))
    whole = _step(limits[-1], _LIMITS_TO)
    most = max(_step(limits[-1 - spare], _LIMITS_TO), _NEVER_WITHIN)
    return max(whole if whole < 2 * most else most, _step(max(estimates), _REACHES[-1]))


def _step(value: float, most: float) -> float:
    return next(step for step in _REACHES if step >= min(value, most))


def draw_ratio(
    axis: Any,
    y: float,
    row: Mapping[str, Any],
    ends: tuple[float, float],
    colour: str = PALETTE[0],
) -> None:
    """An estimate as a square on its interval; an arrow where either leaves the axis."""
    low, high = ends
    left, right = max(row["conf_low"], low), min(row["conf_high"], high)
    if left <= right:
        axis.plot([left, right], [y, y], color=colour, linewidth=1.4)
    if row["conf_low"] < low:
        axis.plot(low, y, "<", color=colour, markersize=5, clip_on=False)
    if not row["conf_high"] <= high:
        axis.plot(high, y, ">", color=colour, markersize=5, clip_on=False)
    if low <= row["estimate"] <= high:
        axis.plot(row["estimate"], y, "s", color=colour, markersize=5)


def finish_axis(axis: Any, ends: tuple[float, float], label: str) -> None:
    """Scale, marks and the line of no effect."""
    low, high = ends
    axis.set_xscale("log")
    axis.set_xlim(low, high)
    axis.set_xlabel(label)
    axis.axvline(1, color=SOFT, linewidth=0.9, linestyle="--", zorder=0)
    marks = next(marks for span, marks in _MARKS if high / low <= span * _EDGE**2)
    axis.xaxis.set_major_locator(FixedLocator([mark for mark in marks if low <= mark <= high]))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
