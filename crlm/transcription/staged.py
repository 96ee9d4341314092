"""Levels by what distinguishes them alone: the 3 of T3, or "pT3" without a heading."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from crlm.ledger import Design

#: The number of a stage or a grade, with what may stand before it: "3", "pT3", "4a", "X".
_NUMBERED = re.compile(r"(?P<letters>(?:yp|[pc])?[tn]|[^\W\d_]*?)(?P<rest>\d[\w/–−+-]*|x|is)")
#: What all levels of a stage or a grade begin with.
_LETTERS = frozenset("t n pt pn ct cn ypt ypn g grade stage".split())
#: A stage of TNM by itself.
_ALONE = re.compile(r"(?:yp|[pc])?([tn])\s?(?:\d\w?|x|is)", re.IGNORECASE)


def level_of(levels: Sequence[str], text: str) -> str:
    """The stage or grade whose number a text is, where all begin alike: T3 of "3", "pT3".

    Parameters
    ----------
    levels : sequence of str
        As they are printed: what is a word of a file alone ("arm1") says nothing of a label.
    text : str

    Examples
    --------
    >>> level_of(["T1", "T2", "T3"], "3"), level_of(["pTa", "pT1"], "T1"), level_of(["I"], "1")
    ('T3', 'pT1', '')
    """
    letters = re.match(r"[^\W\d_]*", os.path.commonprefix(levels))
    shared = letters[0].casefold() if letters and len(levels) > 1 else ""
    staged = shared in _LETTERS
    found = _NUMBERED.fullmatch("".join(text.split()).casefold()) if staged else None
    own = {"", shared, shared.lstrip("ycp")}
    own |= {f"{how}{shared}" for how in ("p", "c", "yp")} if shared in ("t", "n") else set()
    if not found or found["letters"] not in own:
        return ""
    rest = re.sub("[–−]", "-", found["rest"])
    return next((one for one in levels if one[len(shared) :].strip().casefold() == rest), "")


def level_alone(design: Design, text: str) -> tuple[str, str]:
    """Column and level of a stage that stands by itself, "pT3"; "" twice if none or several.

    Its letter is that of all levels of the column: T, or pT.
    """
    letter = _ALONE.fullmatch(text.strip())
    found = []
    for column in design.columns if letter else ():
        labels = {design.label(column, level): level for level in design.levels(column)}
        levels = list(labels)
        shared = re.match(r"[^\W\d_]*", os.path.commonprefix(levels))
        if letter and shared and shared[0].casefold().lstrip("ycp") == letter[1].casefold():
            found += [(column, labels[one])] if (one := level_of(levels, text)) else []
    return found[0] if len(found) == 1 else ("", "")
