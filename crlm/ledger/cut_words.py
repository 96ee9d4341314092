"""Words of a cut-off as signs: "65 years or older" is "≥ 65"."""

from __future__ import annotations

import re

_SPELT = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8},
    **{"nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20},
}
_MANY = rf"(\d[\d,]*(?:\.\d+)?|\b(?:{'|'.join(_SPELT)})\b)"
_LESS = "less|fewer|lower|smaller|younger|shorter"
_MORE = "more|greater|higher|larger|older|longer"
#: What stands before the number, those first that hold others.
_BEFORE = (
    (rf"(?:no|not)\s+(?:{_LESS})\s+than|at\s+least|(?:a\s+)?minimum\s+of", "≥"),
    (
        rf"(?:no|not)\s+(?:{_MORE})\s+than|not\s+(?:over|above|exceeding)|at\s+most|up\s+to"
        r"|(?:a\s+)?maximum\s+of",
        "≤",
    ),
    (
        rf"equal\s+(?:to\s+)?or\s+(?:(?:{_MORE})(?:\s+than)?|above|over)"
        rf"|(?:(?:{_MORE})(?:\s+than)?|above|over)\s+or\s+equal(?:\s+to)?",
        "≥",
    ),
    (
        rf"equal\s+(?:to\s+)?or\s+(?:(?:{_LESS})(?:\s+than)?|below|under)"
        rf"|(?:(?:{_LESS})(?:\s+than)?|below|under)\s+or\s+equal(?:\s+to)?",
        "≤",
    ),
    (rf"(?:{_LESS})\s+than|under|below", "<"),
    (rf"(?:{_MORE})\s+than|over|above|exceeding|beyond", ">"),
)
#: A unit may stand between the number and what stands behind it.
_OR = r"[\s-]*(?:[^\W\d][^\s,;()]*\s+){0,3}(?:or|and|&)\s+"
_BEHIND = (
    (rf"(?:\s*\+(?!\s*\d)|{_OR}(?:{_MORE}|above|over|up(?:wards?)?|beyond)\b)", "≥"),
    (rf"{_OR}(?:{_LESS}|below|under)\b", "≤"),
)
_WORDS = [
    *((re.compile(rf"\b(?:{words})\s*{_MANY}", re.I), sign) for words, sign in _BEFORE),
    *((re.compile(rf"(?<![\w.<>≤≥]){_MANY}{words}", re.I), sign) for words, sign in _BEHIND),
]
_BETWEEN = re.compile(rf"\b(?:between|from)\s+{_MANY}\s*(?:and|to|[-–—−])\s*(?={_MANY})", re.I)


def in_signs(text: str) -> str:
    """A text with signs for the words of a cut-off, and digits for its number.

    Examples
    --------
    >>> in_signs("Age (65 years or older)"), in_signs("CEA above 200 ng/mL")
    ('Age (≥ 65)', 'CEA > 200 ng/mL')
    >>> in_signs("no more than three nodes"), in_signs("between 50 and 59 years")
    ('≤ 3 nodes', '50–59 years')
    """
    text = _BETWEEN.sub(lambda found: f"{_digits(found[1])}–", text)
    for words, sign in _WORDS:
        text = words.sub(lambda found, sign=sign: f"{sign} {_digits(found[1])}", text)
    return text


def _digits(number: str) -> str:
    return str(_SPELT.get(number.casefold(), number))
