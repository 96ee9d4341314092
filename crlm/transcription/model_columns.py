"""What a column of a regression table holds: a ratio, its limits, a coefficient, an error, p."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set

from crlm.transcription.cells import ONE, REFERENCE, cell
from crlm.transcription.table import P_HEAD, last_word
from crlm.transcription.trends import heads_trend

#: The p behind a ratio, as finalfit has it: "1.23 (0.9-1.7, p=0.123)".
WITH_P = re.compile(r"[\s,;(]p\s*(?:[-=]|value)?\s*([<>≤≥=]?\s*[\d.].*?)[\])]?\s*$", re.IGNORECASE)
#: Words of a header that say so, the first that is there.
_WORDS = {
    "sub": {"shr", "sdhr", "subhazard", "subdistribution"},
    "odds": {"or", "aor", "odds"},
    "ratio": {"hr", "ahr", "ratio", "hazard", "hazards", "rr"},
    "lower": {"lower", "low", "lcl", "ll"},
    "upper": {"upper", "high", "ucl", "ul"},
    "limits": {"ci", "limits", "interval", "confidence"},
    "se": {"se", "error"},
    "z": {"z", "wald"},
}
#: A coefficient: "β", "B", "Coefficient", "log(HR)"; not "Exp(B)", which is a ratio.
_LOGGED = re.compile(
    r"(?<!\w)(?:β|beta|b|coef\.?|coefficients?|(?:log|ln)[\s(-]*(?:hazard ratio|odds ratio|[ho]r))"
    r"(?!\w)",
    re.IGNORECASE,
)
_EXP = re.compile(r"\bexp\w*\s*[(\[]?\s*(?:β|b|beta|coef\w*\.?)(?!\w)", re.IGNORECASE)
#: Words of a header above counts.
_COUNTED = {"n", "no", "patients", "events", "cases", "deaths", "recurrences", "incidence"}


def held(head: str, texts: Sequence[str]) -> str:
    """What a column of a regression table holds, a word of `models.HELD`; "" if nobody can tell.

    A header that says nothing of it, as "Univariable", stands above ratios where each cell
    has a number and two limits.
    """
    if heads_trend(head):
        return "trend"
    if P_HEAD.match(last_word(head)):
        return "p"
    words = set(re.findall(r"[a-z]+", head.casefold()))
    if _EXP.search(head):
        return "ratio"
    if _LOGGED.search(head) and not words & {"se", "error", "standardized", "standardised"}:
        return "coefficient"
    found = next((held for held, said in _WORDS.items() if words & said), "")
    if found == "odds" and words & {"hr", "hazard"}:
        return "ratio"
    stated = [cell(t) for t in texts if not (REFERENCE.match(t.strip()) or ONE.match(t.strip()))]
    stated = [one for one in stated if one.kind != "empty"]
    ratios = stated and all(len(one.parts) == 3 for one in stated)
    wide = [t for t in texts if len(cell(t).parts) > 1]
    ratios = ratios or (wide and all(WITH_P.search(t) for t in wide))
    return found or ("ratio" if ratios and not _counts(words, texts) else "")


def _counts(words: Set[str], texts: Sequence[str]) -> bool:
    """Whether cells of three numbers count patients: "18/74 (24.3)" below "Events/patients"."""
    return bool(words & _COUNTED) or any("/" in text for text in texts)
