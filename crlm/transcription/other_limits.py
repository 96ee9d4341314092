"""Limits that are not those of 95 %: of 90 or 99 %, credible ones, ranges behind a ratio."""

from __future__ import annotations

import re

from crlm.transcription.asking import to_ask
from crlm.transcription.model_columns import RATIOS, held
from crlm.transcription.wordings import plain

_INTERVAL = r"(?:c\.?i|c\.?l|i\.?c|cr\.?i|confidence|conf|credible|limit|interval)s?(?![^\W\d_])"
_LEVEL = r"(?<![\d.·/–-])(?P<{}>[5-9]\d(?:[.·]\d+)?)"
#: "90% CI", "98.3 % repeated CI", "90 CI".
_BEFORE = re.compile(
    rf"{_LEVEL.format('before')}\s?(?:%\s*-?\s*(?:[^\W\d]+[ -]){{0,2}}?|-?\s?){_INTERVAL}",
    re.IGNORECASE,
)
#: "CI 90%", "(CI, 90%)", "intervals are at the 90% level"; no limits that stand behind "95% CI".
_BEHIND = re.compile(
    rf"\b{_INTERVAL}\s*[,:=(\[]?\s*(?:(?:are|is|of|at|the)\s+){{0,3}}{_LEVEL.format('behind')}"
    r"\s?%(?!\s*(?:[-–—,;]|to\b)\s*\d)",
    re.IGNORECASE,
)
_WITHOUT_SIGN = re.compile(
    rf"\bci\s*[,:=(\[]?\s*{_LEVEL.format('bare')}(?=\s*[)\]]|$)", re.IGNORECASE
)
#: "Lower 90%".
_END = re.compile(rf"\b(?:lower|upper)\s+{_LEVEL.format('end')}\s?%", re.IGNORECASE)
#: "CRi" is a remission.
_CREDIBLE = re.compile(
    r"\bCrI\b|%\s?(?i:cri)\b|\b(?i:credib(?:le|ility)\s+(?:interval|limit|region))"
)
_OTHERS = re.compile(
    r"(?<=[(\[±])\s*(?:iqr|inter-?\s?quartile|range|sd|standard deviations?)\b", re.IGNORECASE
)
_ALONE_IN_CELLS = "leave them out: write the estimate alone into its cells"
_ALONE = re.compile(r"(?:.*\s)?(?:ci|limits?|intervals?|lower|upper)(?:\s.*)?", re.IGNORECASE)


def level(text: str) -> str:
    """The level of limits that a text names, where it is not 95 %; "" of 95 % or nothing.

    Examples
    --------
    >>> level("HR (90% CI)"), level("HR (CI 99)"), level("Lower 97.5%")
    ('90', '99', '97.5')
    >>> level("60.3 (95% CI 55 to 70)"), level("Survival 80% (CI, 70-90%)"), level("Ki 67, IC50")
    ('', '', '')
    """
    for pattern in (_BEFORE, _BEHIND, _WITHOUT_SIGN, _END):
        for found in pattern.finditer(text):
            named = next(iter(found.groupdict().values()))
            if float(named.replace("·", ".")) != 95:
                return named
    return ""


def fault(text: str) -> str:
    """Why the limits that a head, a title or a note speaks of have no row; "" if they may have."""
    if named := level(text):
        return f"has limits of {named} %, and rows hold those of 95 %"
    if _CREDIBLE.search(text):
        return "has credible limits, and rows hold confidence limits"
    return ""


def of_head(head: str) -> str:
    """The same of a head; one of ratios may have no range behind them either."""
    if told := fault(head):
        return told
    spread = _OTHERS.search(head) if held(head, ()) in RATIOS else None
    return (
        f"has {spread.group().strip()} behind the ratio, and rows hold limits of 95 %"
        if spread
        else ""
    )


def remedy(head: str) -> str:
    """What to do with the limits below a head: leave its column out, or write estimates alone.

    "" for a title or a line.
    """
    if not head:
        return f"{_ALONE_IN_CELLS}, and the line without these words"
    words = plain(re.sub(r"\d+(?:[.·]\d+)?\s?%?", " ", head))
    alone = _ALONE.fullmatch(words) and held(head, ()) not in RATIOS
    if alone and not re.search(r"\b(?:median|survival|rate|mean)\b", words):
        return f"leave them out with {to_ask(head, '-')}"
    return f"{_ALONE_IN_CELLS}, and the head without limits"
