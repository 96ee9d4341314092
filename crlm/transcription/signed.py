"""Labels that end with a sign: "HER2+", "p53 (−)", and "2+" of all from 2 on."""

from __future__ import annotations

import re
from dataclasses import replace

from crlm.ledger import Design
from crlm.transcription import meanings
from crlm.transcription.label_words import Label

_SIGN = re.compile(r".*\w(?:\s?[\[(](?P<held>[+＋]|[-−–—])[\])]|\s?(?P<sign>[+＋]|[-−–—]))")


def sign_of(label: str) -> str:
    """The sign behind a marker, "+" or "-"; "" of another label.

    Examples
    --------
    >>> sign_of("HER2+"), sign_of("p53 (−)"), sign_of("Age (years)")
    ('+', '-', '')
    """
    found = _SIGN.fullmatch(label)
    return "" if not found else "+" if (found["sign"] or found["held"]) in "+＋" else "-"


def with_sign(design: Design, found: Label, label: str) -> Label:
    """What a label with a sign behind it names, where `found` is what it names without.

    The design's own words go first. A marker with a sign is a level of it, or of a factor made of
    it; a plus behind one that has neither names nothing.
    """
    sign, column = sign_of(label), found.column
    if sign and len(own := _worded(design, label)) == 1:
        return replace(found, column=own[0][0], level=own[0][1])
    if not sign or ":" in column or not design.levels(column):
        return found
    if found.level:
        return _open(design, found, label) if sign == "+" else found
    for name in (column, *design.factors_from(design.source(column))):
        if level := meanings.level_of(design, name, sign):
            return replace(found, column=name, level=level)
    return Label() if sign == "+" else found


def _worded(design: Design, label: str) -> list[tuple[str, str]]:
    """The levels that a design words as a label, sign and all."""
    names = [name for name in (*design.columns, *design.factors) if design.levels(name)]
    return [(n, one) for n in names for one in design.levels(n) if design.label(n, one) == label]


def _open(design: Design, found: Label, label: str) -> Label:
    """ "2+", where the design has 2 and 3: no level 2, but what a factor makes of both."""
    column, level = found.column, found.level
    band = design.cut(column)
    if "+" in f"{level}{design.label(column, level)}":
        return found
    if band and band.said(label.split()[-1]) == level:
        return found
    source = design.source(column)
    for name in design.factors_from(source):
        if merged := meanings.of_side(design, name, label.split()[-1]):
            return replace(found, column=name, level=merged)
    return found if column == source and level == design.levels(column)[-1] else Label()
