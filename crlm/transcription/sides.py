"""Rows of Table 1 that hold several levels at once: "Sex ratio (M : F)", "Sex, male/female"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

_PARTS = re.compile(r"(?P<of>.+?)(?:\s+ratio)?\W*[\[(](?P<sides>[^()\[\]]+[:/][^()\[\]]+)[\])]\W*")
#: "Sex male/female", "Males/Females, n": the levels behind the characteristic, or alone.
_BARE = re.compile(r"(?P<of>(?:.*?\S)??)[\s,:]*(?<!\S)(?P<sides>[^\s/,:]+(?:\s*[/:]\s*[^/:]+)+)")
#: "(<4/≥4)": the levels in brackets, below their characteristic.
_HELD = re.compile(r"[\[(](?P<sides>[^()\[\]]+/[^()\[\]]+)[\])]")
_COUNTS = re.compile(r"\d+(?:\s*[:/]\s*\d+)+")
_COLON = re.compile(r"\s*[:/]\s*")
_N = re.compile(r"[\s,]*[\[(]?\b(?:n|no\.?)[\])]?\s*$", re.IGNORECASE)


def parted(
    rows: Sequence[Sequence[str]], groups: Sequence[int], is_level: Callable[[str, str], bool]
) -> list[list[str]]:
    """A table whose rows of several levels are rows of one, below a heading.

    Parameters
    ----------
    rows : sequence of sequence of str
    groups : sequence of int
        The columns that are groups.
    is_level : callable
        Whether a text, below a heading, names a level or those of unknown value.

    Examples
    --------
    >>> parted([["Sex, M/F", "3/4"]], [1], lambda text, above: text in "MF")
    [['Sex', ''], ['M', '3'], ['F', '4']]
    >>> parted([["Systolic/diastolic", "120/80"]], [1], lambda text, above: False)
    [['Systolic/diastolic', '120/80']]
    >>> parted([["Sex", ""], ["M/F", "3/4"]], [1], lambda text, above: above == "Sex")
    [['Sex', ''], ['M', '3'], ['F', '4']]
    """
    made: list[list[str]] = []
    above = ""
    for row in rows:
        counts = {at: _COLON.split(row[at].strip()) for at in groups if row[at]}
        whole = counts and all(_COUNTS.fullmatch(row[at].strip()) for at in counts)
        above = above if counts or not row[0] else row[0]
        found = next(_named(row[0], above, is_level), None) if whole else None
        if not found or {len(parts) for parts in counts.values()} != {len(found[1])}:
            made.append(list(row))
            continue
        of, sides = found
        beside = ["", *("" if at in groups else text for at, text in enumerate(row) if at)]
        made += [[of, *beside[1:]]] if of else []
        for one, side in enumerate(sides):
            texts = {at: parts[one] for at, parts in counts.items()}
            rest = beside if not of and not one else [""] * len(row)
            made.append([side, *(texts.get(at, rest[at]) for at in range(1, len(row)))])
    return made


def in_doubt(
    rows: Sequence[Sequence[str]],
    groups: Sequence[int],
    is_level: Callable[[str, str], bool],
    category: Callable[[str], str],
) -> Iterator[tuple[int, tuple[str, list[str]]]]:
    """Rows of several levels, some of which the design lacks: the category, and those.

    Parameters
    ----------
    rows, groups, is_level
        As of `parted`.
    category : callable
        The category that a text names; "" of another text.

    Examples
    --------
    >>> rows = [["", "A"], ["Risk low/poor risk", "3/4"]]
    >>> list(in_doubt(rows, [1], lambda text, _: text == "low", {"Risk": "risk"}.get))
    [(1, ('risk', ['poor risk']))]
    """
    above = ""
    for number, row in enumerate(rows):
        texts = [row[at].strip() for at in groups if row[at]]
        above = above if texts or not row[0] else row[0]
        found = _BARE.fullmatch(_N.sub("", row[0]).strip())
        if not number or not found or not texts or not all(map(_COUNTS.fullmatch, texts)):
            continue
        of, levels = found["of"] or above, _COLON.split(found["sides"].strip())
        strange = [side for side in levels if not is_level(side, of)]
        same = {len(_COLON.split(text)) for text in texts} == {len(levels)}
        if same and 0 < len(strange) < len(levels) and (column := category(of)):
            yield number, (column, strange)


def _named(
    label: str, above: str, is_level: Callable[[str, str], bool]
) -> Iterator[tuple[str, list[str]]]:
    """A characteristic and the levels that its label has in brackets or behind it.

    "" for the characteristic where the levels stand alone, below a heading that may have it.
    """
    if found := _PARTS.fullmatch(label):
        yield found["of"], _COLON.split(found["sides"].strip())
    texts = dict.fromkeys((label.strip(), _N.sub("", label).strip()))
    forms = (form.fullmatch(text) for text in texts for form in (_HELD, _BARE))
    for found in filter(None, forms):
        of = found.groupdict().get("of", "")
        sides = _COLON.split(found["sides"].strip())
        if all(is_level(side, of or above) for side in sides):
            yield of, sides
