"""Labels that name both answers to a question: "(no/yes)", "(never/ever)", "−/+"."""

from __future__ import annotations

import re

_HELD = re.compile(r"[\[(](?P<held>[^()\[\]]+)[\])]\W*$")
_SIGN = r"[-−–+]"
_BEHIND = re.compile(rf"(?:^|[\s,:;])(?P<held>{_SIGN}\s*[/,:]\s*{_SIGN})\W*$")
_PARTED = re.compile(r"\s*[/,:]\s*|\s+or\s+", re.IGNORECASE)
#: A side in words alone, as a unit or a cut is not.
_WORD = re.compile(r"[^\W\d_]{3,}(?:[\s-][^\W\d_]+)*")
_ANSWERS = {
    "no": set("no never absent absence none negative without false 0 - − – n (-)".split()),
    "yes": set("yes ever present presence any positive with true 1 + y".split()),
}


def in_label(label: str) -> tuple[str, str]:
    """What a label has in its last brackets, or behind it in signs, as two sides; "" twice if not.

    Examples
    --------
    >>> in_label("Smoking (never/ever)"), in_label("Lymph nodes, −/+"), in_label("LDH (U/L)")
    (('never', 'ever'), ('−', '+'), ('', ''))
    >>> in_label("Mucinous (no or yes)"), in_label("CEA (<5/≥5)")
    (('no', 'yes'), ('', ''))
    """
    found = _HELD.search(label) or _BEHIND.search(label)
    parts = _PARTED.split(found["held"].strip()) if found else []
    first, second = parts if len(parts) == 2 else ("", "")
    said = answer(first) and answer(second)
    words = _WORD.fullmatch(first) and _WORD.fullmatch(second)
    return (first, second) if (said or words) and first != second else ("", "")


def answer(side: str) -> str:
    """The answer that a side is, "yes" or "no"; "" of another word.

    Examples
    --------
    >>> answer("Never"), answer("+"), answer("light")
    ('no', 'yes', '')
    """
    return next((n for n, words in _ANSWERS.items() if side.strip().casefold() in words), "")
