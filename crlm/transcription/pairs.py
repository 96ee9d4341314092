"""Which two of several groups a column of p values compares: "P (A vs B)", "P, A versus B"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from crlm.ledger import Design
from crlm.transcription.labels import AGAINST, Labels
from crlm.transcription.wordings import plain, unmarked

_P = re.compile(r"\bp\b(?:[\s-]*values?\b)?", re.IGNORECASE)
_BRACKETED = re.compile(r"[\[(]([^\[\]()]+)[\])]")
_EDGE = " ()[]{},;:*.-–—"


def named_in(head: str) -> tuple[str, str] | None:
    """The two sides of a head of p values that compares two groups; None of another head.

    Examples
    --------
    >>> named_in("P-value (Res versus RFA)*"), named_in("P value")
    (('Res', 'RFA'), None)
    """
    first, *rest = AGAINST.split(_P.sub(" ", unmarked(head)))
    if len(rest) != 1:
        return None
    sides = (first.strip(_EDGE), rest[0].strip(_EDGE))
    return sides if all(sides) else None


def stacked(head: str) -> str:
    """What to ask of a head of several pairs whose p values stand below each other; "" of others.

    Examples
    --------
    >>> stacked("P value (LR vs IR)* (LR vs HR)*")[:25], stacked("P (A vs B)")
    ('compares 2 pairs of group', '')
    """
    held = [text for text in _BRACKETED.findall(head) if len(AGAINST.split(text)) == 2]
    told = f"compares {len(held)} pairs of groups, one below the other, and which row has which "
    return f"{told}is not told; write a column for each pair" if len(held) > 1 else ""


def is_of_two(head: str) -> bool:
    """Whether a head says that its p values compare two groups: "P (A vs B)", "P A vs B"."""
    return bool(_P.search(unmarked(head))) and named_in(head) is not None


def are_set(head: str, levels: Sequence[str], group: Callable[[str], str]) -> bool:
    """Whether a head sets the first of two levels against the second: "HR (control vs new)".

    Parameters
    ----------
    head : str
    levels : sequence of str
    group : callable
        The level that a text names; "" of another text.

    Examples
    --------
    >>> are_set("HR for control vs new, adjusted", ["control", "new"], lambda t: t.strip(","))
    True
    """
    sides = AGAINST.split(re.sub(r"[\[\]()]", " ", head))
    if len(sides) != 2:
        return False
    # Words before and behind the groups are of the ratio: "HR for A vs B, adjusted".
    before, behind = (side.split() for side in sides)
    firsts = (group(" ".join(before[at:])) for at in range(len(before)))
    others = (group(" ".join(behind[:end])) for end in range(len(behind), 0, -1))
    first, other = (next((n for n in found if n in levels), "") for found in (firsts, others))
    return (first, other) == (levels[0], levels[1])


def compared(head: str, by: str, labels: Labels, design: Design) -> str:
    """The two groups of such a head as a condition on `by`, in the design's order; "" if unclear.

    A side is a level by its label, or by the beginning of one: "Res" of "Resection".
    """
    sides = named_in(head)
    found = {_level(side, by, labels, design) for side in sides} if sides else set()
    levels = [level for level in design.levels(by) if level in found]
    return f"{by}={'/'.join(levels)}" if len(levels) == 2 == len(found) else ""


def _level(side: str, by: str, labels: Labels, design: Design) -> str:
    taken = dict(labels.taken)
    named = labels.read(side, by)
    labels.taken = taken  # A head is no label that is told.
    if named.column == by and named.level:
        return named.level
    words = {level: (plain(level), plain(design.label(by, level))) for level in design.levels(by)}
    begun = [n for n, texts in words.items() if any(t.startswith(plain(side)) for t in texts)]
    return begun[0] if len(begun) == 1 and plain(side) else ""
