"""What is said of printed percentages that are not those of their counts."""

from __future__ import annotations

import math
from collections.abc import Mapping

from crlm.audit.facts import Cell, Facts, Printed
from crlm.audit.intervals import denominators
from crlm.ledger.rounding import round_half_up

#: A count from which the same count with the same percentage is hardly chance.
_TELLING = 100

#: How the sentence of percentages ends whose last digits were cut, or that were rounded to one
#: digit more before print rounded them.
CUT, TWICE = "cut, not rounded", "rounded twice"
#: What explains every digit without any number being another.
HARMLESS = (CUT, TWICE)


def misfits(
    bad: list[tuple[Printed, Printed | None]],
    n: int,
    facts: Facts,
    others: Mapping[int, Cell],
    who: str = "patients",
) -> str:
    """What each percentage should be; that they were cut, or rounded twice, where each of them was.

    Parameters
    ----------
    bad : list of (percentage, count or None)
    n : int
        What they are of.
    facts : Facts
    others : mapping of int to Cell
        Groups by their size.
    who : str
        What the n are.
    """
    said = "; ".join(_misfit(p, k, n, facts, others, who) for p, k in bad)
    exact = [(p, 100 * k.count / n) for p, k in bad if k is not None]
    if exact and len(exact) == len(bad) and all(p.is_cut(right) for p, right in exact):
        return f"{said}: {CUT}"
    if exact and len(exact) == len(bad) and all(p.is_rounded_twice(right) for p, right in exact):
        return f"{said}: {TWICE}"
    return said


def _misfit(
    percent: Printed,
    count: Printed | None,
    n: int,
    facts: Facts,
    others: Mapping[int, Cell],
    who: str,
) -> str:
    digits = max(1, percent.decimals + 1)
    if count is None:
        k = math.floor(percent.value * n / 100)
        return (
            f"no whole number of {n} {who} is {percent.text}%: {k} are {100 * k / n:.{digits}f}%"
            f" and {k + 1} are {100 * (k + 1) / n:.{digits}f}%"
        )
    right = 100 * count.count / n
    text = f"{count.count} of {n} {who} are {_shown(right, percent)}%, not {percent.text}%"
    if percent.is_cut(right) or percent.is_rounded_twice(right):
        return text
    if twin := _twin(percent, count, facts):
        return f"{text} ({count.count} and {percent.text}% stand at {twin} too)"
    fitting = denominators(count.count, percent.interval)
    known = [size for size in others if size in fitting and size != n]
    if known and abs(right - percent.value) > 2:
        text += f" ({percent.text}% would be of {known[0]}, {facts.label(others[known[0]])})"
    return text


def _shown(right: float, percent: Printed) -> str:
    """A percentage with digits enough that nobody rounds them to what is printed."""
    once = round_half_up(right, percent.decimals)
    first = max(1, percent.decimals + 1)
    texts = [f"{right:.{digits}f}" for digits in range(first, first + 4)]
    told = (text for text in texts if round_half_up(float(text), percent.decimals) == once)
    return next(told, texts[-1])


def _twin(percent: Printed, count: Printed, facts: Facts) -> str:
    """Which other patients have the same count and percentage; "" for none, or small numbers."""
    if count.count < _TELLING:
        return ""
    for (cell, _), places in facts.percents.items():
        other = facts.n(cell)
        same = other is not None and other.count == count.count and other.id != count.id
        key, own = places[0].key, percent.key
        apart = (key.group, key.population) != (own.group, own.population)
        if same and apart and places[0].text == percent.text:
            return facts.label(cell)
    return ""


def run_of(sizes: list[int]) -> list[int]:
    """The largest sizes, as far as they follow on each other."""
    return [d for i, d in enumerate(sizes) if d == sizes[0] - i]


def fit_text(n: int, sizes: list[int]) -> str:
    """Which numbers of patients percentages fit, and how many of n they leave."""
    run = run_of(sizes)
    if len(run) == 1:
        return f"It fits {run[0]} patients: {n - run[0]}"
    return f"It fits {run[-1]} to {run[0]} patients: {n - run[0]} to {n - run[-1]}"
