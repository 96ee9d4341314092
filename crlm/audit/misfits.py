"""What is said of printed percentages that are not those of their counts."""

from __future__ import annotations

import math
from collections.abc import Mapping

from crlm.audit.facts import Cell, Facts, Printed
from crlm.audit.intervals import denominators

#: How the sentence of percentages ends whose last digits were cut.
CUT = "cut, not rounded"


def misfits(
    bad: list[tuple[Printed, Printed | None]], n: int, facts: Facts, others: Mapping[int, Cell]
) -> str:
    """What each percentage should be; that they were cut, where each of them was."""
    said = "; ".join(_misfit(p, k, n, facts, others) for p, k in bad)
    cut = all(k is not None and p.is_cut(100 * k.count / n) for p, k in bad)
    return f"{said}: {CUT}" if cut else said


def _misfit(
    percent: Printed, count: Printed | None, n: int, facts: Facts, others: Mapping[int, Cell]
) -> str:
    digits = max(1, percent.decimals + 1)
    if count is None:
        k = math.floor(percent.value * n / 100)
        return (
            f"no whole number of {n} patients is {percent.text}%: {k} are {100 * k / n:.{digits}f}%"
            f" and {k + 1} are {100 * (k + 1) / n:.{digits}f}%"
        )
    right = 100 * count.count / n
    text = f"{count.count} of {n} patients are {right:.{digits}f}%, not {percent.text}%"
    fitting = denominators(count.count, percent.interval)
    known = [size for size in others if size in fitting and size != n]
    if known and not percent.is_cut(right) and abs(right - percent.value) > 2:
        text += f" ({percent.text}% would be of {known[0]}, {facts.label(others[known[0]])})"
    return text
