"""Digits of one number that a blank, an apostrophe or a point parts: "n = 10 503"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from crlm.transcription.cells import Placed

#: Blanks that stand nowhere but within a number, or around a sign.
_THIN = re.compile(r"(?<=\d)[\u2006-\u2009\u202f\u205f\u00a0](?=\d{3}(?!\d))")
_QUOTED = re.compile(r"(?<![\d.,'’])[1-9]\d{0,2}(?:['’ʼ´`]\d{3})+(?!\d)")
_PARTED = r"(?<![\d.,·])[1-9]\d{0,2}(?:,? \d{3})+(?![\d.,·%]|\s%)"
_WHO = r"(?:pts|patients|cases|participants|individuals|subjects|observations|events?)\b"
#: What a number of its own stands behind: "Model 1 213 patients".
_NUMBERED = (
    r"(?:models?|tables?|cohorts?|arms?|groups?|grades?|stages?|phases?|class|levels?|scores?"
    r"|types?|steps?|lines?|no\.?|number) $"
)
#: A size: "n = 10 503", "n = 10.503" (no count has decimals), "No. 10 503 patients".
_SIZED = re.compile(
    r"(?P<of>\b(?:n|no\.?|events)\s*[=:]\s*)"
    r"(?P<many>[1-9]\d{0,2}(?:(?: \d{3})+|(?:\.\d{3})+))"
    r"(?![\d,·%]|\.\d|\s*%|\s+events?\b)",
    re.IGNORECASE,
)
_OF_PATIENTS = re.compile(rf"{_PARTED}(?=\s+(?:complete[- ])?{_WHO})", re.IGNORECASE)
#: A size with a blank behind its comma, or two numbers: "n = 10, 503".
_COMMA = re.compile(
    r"(?P<of>\b(?:n|no\.?)\s*[=:]\s*)(?P<many>[1-9]\d{0,2}(?:, \d{3})+)(?![\d.,·%])"
    r"(?P<who>\s+(?:pts|patients|cases|participants|individuals|subjects)\b)?(?!\s*[^\W\d])",
    re.IGNORECASE,
)
_FIRST = re.compile(r"\s*(\d+)\b(?![.·])")
#: A cell that counts: "10 503 (45.2)", "10 503/23 236 (45.2%)".
_COUNT = re.compile(
    rf"(?P<many>{_PARTED})"
    r"(?P<over>\s*(?:/|(?:out )?of)\s*[1-9]\d{0,2}(?:\d+|(?:,? \d{3})+)?)?"
    r"(?P<share>\s*[(\[]\s*[<>]?\s*[\d.,·]+\s*%?\s*[)\]]\s*)?"
)
_UNDER = re.compile(r"\d+\s*(?:/|(?:out )?of)\s*(?:[1-9]\d{0,2}(?: \d{3})+)(?:\s*[(\[].*)?")
#: A number with points between thousands, where the comma stands before decimals.
_POINTED = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:\.\d{3})+(?![\d.])")


def unspaced(text: str) -> str:
    """A text without the thin or unbreakable blanks and the apostrophes within its numbers.

    Examples
    --------
    >>> unspaced("10\\u2009503"), unspaced("10'503 patients")
    ('10503', '10503 patients')
    """
    return _QUOTED.sub(lambda found: re.sub(r"\D", "", found[0]), _THIN.sub("", text))


def joined(text: str) -> str:
    """A cell or a label whose counts have their digits together.

    A blank joins where what stands beside says that one number is counted: "n =", "patients", a
    percentage in brackets. Two numbers alone, "10 503", stay two.

    Examples
    --------
    >>> joined("HAI (n = 10 503)"), joined("10 503 (45.2)"), joined("10 503")
    ('HAI (n = 10503)', '10503 (45.2)', '10 503')
    >>> joined("Model 1 213 patients"), joined("n = 1.234")
    ('Model 1 213 patients', 'n = 1234')
    """
    made = _SIZED.sub(lambda found: found["of"] + re.sub(r"\D", "", found["many"]), unspaced(text))
    made = _OF_PATIENTS.sub(_unless_numbered, made)
    counted = _COUNT.fullmatch(made)
    if (counted and (counted["over"] or counted["share"])) or _UNDER.fullmatch(made):
        made = re.sub(r"(?<=\d),? (?=\d{3}(?!\d))", "", made)
    return Placed(made, text.row) if isinstance(text, Placed) else made


def sized(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table whose sizes have their digits together where a count below says that it is one.

    Parameters
    ----------
    rows : sequence of sequence of str
        From `joined`.

    Examples
    --------
    >>> sized([["", "HAI (n = 10, 503)"], ["Male", "4753 (45.3)"]])[0]
    ['', 'HAI (n = 10503)']
    >>> sized([["", "HAI (n = 10, 503)"], ["Male", "4 (45.3)"]])[0]
    ['', 'HAI (n = 10, 503)']
    """
    made = [list(row) for row in rows]
    for at, row in enumerate(made):
        for column, text in enumerate(row):
            found = _COMMA.search(text)
            below = (_FIRST.match(r[column]) for r in made[at + 1 :] if column < len(r))
            most = max((int(one[1]) for one in below if one), default=0)
            if found and (found["who"] or most > int(found["many"].partition(",")[0])):
                joint = text.replace(found["many"], re.sub(r"\D", "", found["many"]))
                row[column] = Placed(joint, text.row) if isinstance(text, Placed) else joint
    return made


def in_doubt(text: str) -> str:
    """A size that may be one number or two: "10, 503" of "HAI (n = 10, 503)"; "" if none."""
    found = _COMMA.search(text)
    return found["many"] if found else ""


def unpointed(text: str) -> str:
    """A cell of a table with decimal commas without the points between its thousands.

    Examples
    --------
    >>> unpointed("10.503 (45,2)"), unpointed("0.503")
    ('10503 (45,2)', '0.503')
    """
    return _POINTED.sub(lambda found: found[0].replace(".", ""), text)


def _unless_numbered(found: re.Match[str]) -> str:
    """The digits together, but where the first of them number what stands before: "Model 1"."""
    before = found.string[: found.start()]
    alone = re.search(_NUMBERED, before, re.IGNORECASE) or re.search(r"[=:]\s*$", before)
    return found[0] if alone else found[0].replace(" ", "")
