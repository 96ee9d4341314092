"""What a column of a regression table holds: a ratio, its limits, a coefficient, an error, p."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from crlm.ledger import Design
from crlm.transcription.cells import ONE, REFERENCE, cell
from crlm.transcription.several import unnumbered
from crlm.transcription.table import P_HEAD, last_word
from crlm.transcription.trends import heads_trend

#: The p behind a ratio, as finalfit has it: "1.23 (0.9-1.7, p=0.123)".
WITH_P = re.compile(r"[\s,;(]p\s*(?:[-=]|value)?\s*([<>≤≥=]?\s*[\d.].*?)[\])]?\s*$", re.IGNORECASE)
#: Columns of ratios.
RATIOS = ("odds", "ratio", "sub")
#: Words of a header that say so, the first that is there.
_WORDS = {
    "odds": {"or", "aor", "odds"},
    "ratio": {"hr", "ahr", "ratio", "hazard", "hazards", "rr", "irr", "airr"},
    "lower": {"lower", "low", "lcl", "ll"},
    "upper": {"upper", "high", "ucl", "ul"},
    "limits": {"ci", "limits", "interval", "confidence"},
    "se": {"se", "error"},
    "z": {"z", "wald"},
}
#: What stands beside "Low" and "High" of an interval, or above them.
_OF_ENDS = {*_WORDS["limits"], "limit", "bound", "cl"}
_OF_MODELS = {
    *("low", "high", "univariable", "univariate", "multivariable", "multivariate", "analysis"),
    *("model", "cox", "adjusted", "unadjusted", "crude"),
}
#: A subdistribution hazard ratio: "SHR", "sHR", "sub-hazard ratio", "Fine-Gray HR".
SUB = re.compile(
    r"\ba?(?:shr|sdhr)s?\b|\bsub[- ]?(?:distribution|hazard)|\bfine\b\W+(?:and\W+|&\W*)?gray",
    re.IGNORECASE,
)
#: That of its cause, which is of the endpoint itself.
_OF_CAUSE = re.compile(r"\bcause[- ]specific\b|\bcshr\b", re.IGNORECASE)
#: Words of an estimate that is no ratio of hazards, odds, risks or rates.
_NO_RATIO = {
    *("difference", "differences", "diff", "rd", "ard", "arr", "reduction", "mean", "means", "smd"),
    *("median", "change", "smr", "nnt", "nnh", "efficacy", "auc", "auroc", "index", "concordance"),
    *("probability", "proportion", "prevalence", "incidence", "sensitivity", "specificity", "rmst"),
    *("estimate", "effect", "time", "correlation", "slope", "score", "points"),
}
_HAZARDS = {"hr", "ahr", "hazard", "hazards", "or", "aor", "odds"}
_TURNED = re.compile(
    r"1\s*/\s*a?[ho]r\b|\b(?:inverse|reciprocal|inverted)\b|\b[ho]r\s*(?:\^?[-−–]\s*1\b|⁻¹)",
    re.IGNORECASE,
)
#: Ratios of patients as no row has them, or that are not those of the model as it is.
_OTHERWISE = re.compile(
    r"\b(?:iptw|ipw|(?:un)?weight(?:ed|ing)|overlap|propensity|ps[- ]adjusted|bootstrap\w*"
    r"|shrunken|penali[sz]ed|lasso|standardi[sz]ed)\b",
    re.IGNORECASE,
)
#: "HR per SD": of the numbers of a table, whatever their labels say.
_PER = re.compile(
    r"\bper\s+(?:sd\b|standard deviation|\d+\s?\w+|doubling|decade|(?:ten|five)\s\w+|log\w*|iqr\b)",
    re.IGNORECASE,
)
#: A coefficient: "β", "B", "Coefficient", "log(HR)"; not "Exp(B)", which is a ratio.
_LOGGED = re.compile(
    r"(?<!\w)(?:β|beta|b|coef\.?|coefficients?|parameter estimates?|"
    r"(?:log|ln)[\s(-]*(?:hazard ratio|odds ratio|[ho]r))"
    r"(?!\w)",
    re.IGNORECASE,
)
_EXP = re.compile(r"\bexp\w*\s*[(\[]?\s*(?:β|b|beta|coef\w*\.?)(?!\w)", re.IGNORECASE)
#: What says that a p is of all levels of a covariate together: "Overall p", "Type III p".
_JOINT = re.compile(
    r"\b(?:global|omnibus|joint)\b|\boverall\b(?!\s+survival)|\btype[ -](?:iii|3)\b", re.IGNORECASE
)
#: "P value log10 CEC", of what stands in the column before it.
_P_OF = re.compile(
    r"p[ -]values?(?!.*\b(?:inter|hetero|trend|adj|corr|diff|log-?\s?rank))", re.IGNORECASE
)
#: Words of a header above counts.
_COUNTED = {"n", "no", "patients", "events", "cases", "deaths", "recurrences", "incidence"}


@dataclass(frozen=True)
class Head:
    """What a column of a regression table is of.

    Attributes
    ----------
    endpoint, model : str
    holds : str
        A word of `_HELD`; "" for nothing that is known.
    ratio : str
        The column of ratios that it is, or stands beside, as a word of `_HELD`; "" for none.
    group : str
        Of a column of counts in a forest: the group that they are of, "all", or "".
    """

    endpoint: str
    model: str
    holds: str
    ratio: str = ""
    group: str = ""


def held(head: str, texts: Sequence[str]) -> str:
    """What a column of a regression table holds, a word of `models.HELD`; "" if nobody can tell.

    A header that says nothing of it, as "Univariable", stands above ratios where each cell
    has a number and two limits.
    """
    if heads_trend(head):
        return "trend"
    if P_HEAD.match(last_word(head)) or _P_OF.match(head):
        return "joint" if _JOINT.search(head) else "p"
    words = head_words(head)
    if SUB.search(head) and not words & {"se", "error", "lower", "upper"}:
        return "sub"
    if _OF_CAUSE.search(head) and words & {"cshr", "hr", "hazard"}:
        return "ratio"
    if _EXP.search(head):
        return "ratio"
    if _limits(words, texts):
        return "limits"
    if _LOGGED.search(head) and not words & {"se", "error", "standardized", "standardised"}:
        return "coefficient"
    return _by_words(head, words, texts)


def _by_words(head: str, words: set[str], texts: Sequence[str]) -> str:
    """What a head says that its column holds by single words, or its cells by their numbers."""
    found = next((held for held, said in _WORDS.items() if words & said), "")
    found = "" if found in ("lower", "upper") and not _is_end(words) else found
    none = (words & _NO_RATIO and not words & _HAZARDS) or _TURNED.search(head)
    if none:
        return found if found in ("lower", "upper") else ""
    if found == "odds" and words & {"hr", "hazard"}:
        return "ratio"
    ratios = _are_ratios(texts)
    if found == "limits" and ratios and not words & {"beta", "coefficient"}:
        return "ratio"
    return found or ("ratio" if ratios and not _counts(words, texts) else "")


def _are_ratios(texts: Sequence[str]) -> bool:
    """Whether each cell has a number and two limits, or a number and its p."""
    stated = [cell(t) for t in texts if not (REFERENCE.match(t.strip()) or ONE.match(t.strip()))]
    stated = [one for one in stated if one.kind != "empty"]
    wide = [t for t in texts if len(cell(t).parts) > 1]
    limited = bool(stated) and all(len(one.parts) == 3 for one in stated)
    return limited or (bool(wide) and all(WITH_P.search(t) for t in wide))


def head_words(head: str) -> set[str]:
    """The words of a header, in small letters; the word between two others is no odds ratio.

    Examples
    --------
    >>> sorted(head_words("OR (95% CI)")), sorted(head_words("Grade 3 or 4"))
    (['ci', 'or'], ['grade'])
    """
    return set(re.findall(r"[a-z]+", re.sub(r"(?<=\S)\s+or\s+(?=\w)", " ", head).casefold()))


def _limits(words: Set[str], texts: Sequence[str]) -> bool:
    """Whether a column "95% CI for HR" holds limits alone: two numbers in each cell."""
    many = {len(cell(text).parts) for text in texts if cell(text).parts and not ONE.match(text)}
    return many == {2} and bool(words & _WORDS["limits"]) and bool(words & _WORDS["ratio"])


def _is_end(words: Set[str]) -> bool:
    """Whether "High" is the end of an interval, and no group of patients."""
    return not words & {"low", "high"} or bool(words & _OF_ENDS) or words <= _OF_MODELS


def _counts(words: Set[str], texts: Sequence[str]) -> bool:
    """Whether cells of three numbers count patients: "18/74 (24.3)" below "Events/patients"."""
    return bool(words & _COUNTED) or any("/" in text for text in texts)


def whose(text: str, holds: str, endpoint: str, design: Design) -> str:
    """The endpoint of a column of ratios: of a subdistribution ratio the incidence it is of.

    A ratio that says it is cause-specific is of the endpoint of an incidence. The endpoint as it
    is where the design has no one such.
    """
    if holds == "sub" and endpoint in design.endpoints:
        found = counting(endpoint, design)
        return found[0] if len(found) == 1 else endpoint
    if _OF_CAUSE.search(text) and endpoint in design.incidences:
        return str(design.incidences[endpoint]["endpoint"])
    return endpoint


def counting(endpoint: str, design: Design) -> list[str]:
    """The incidences of a design that count the event of an endpoint."""
    return [name for name, spec in design.incidences.items() if spec["endpoint"] == endpoint]


def of_no_incidence(endpoint: str, design: Design) -> str:
    """What to say of subdistribution ratios whose endpoint is no incidence."""
    told = f"is of subdistribution hazard ratios, and {endpoint} is no incidence; "
    found = counting(endpoint, design)
    if found:
        return f"{told}say which one it is with --endpoint: {', '.join(found)}"
    return f"{told}declare [incidences.NAME] with what competes, and say --endpoint NAME"


def other_ratio_of(endpoint: str, design: Design) -> str:
    """What to say of ratios of an incidence that are no subdistribution ratios by their head."""
    own = design.incidences[endpoint]["endpoint"]
    told = f"holds no subdistribution hazard ratios by its head, as models of {endpoint} have; "
    return f"{told}name it SHR if it does, or, of a cause-specific ratio, say --endpoint {own}"


def _otherwise(text: str, head: Head) -> str:
    """Why ratios are not those of a model as it is, for one unit; "" if they may be."""
    if head.holds not in RATIOS:
        return ""
    if found := _OTHERWISE.search(text):
        return f"holds ratios that no row has ({found.group()})"
    if found := _PER.search(text):
        told = f"holds ratios {found.group()}, for another step. Make it a table of its own, with "
        return f'{told}the step behind each label ("Age ({found.group()})"), and name it HR'
    return ""


def of_risks(head: str) -> bool:
    """Whether ratios are called those of risks, as papers call hazard ratios too: "RR".

    Examples
    --------
    >>> of_risks("RR (95% CI)"), of_risks("Relative hazard (95% CI)"), of_risks("Risk difference")
    (True, False, False)
    """
    said = head_words(head)
    return bool(said & {"rr", "risk", "relative"}) and not said & (_HAZARDS | _NO_RATIO)


def other_ratio(text: str, head: Head, design: Design) -> str:
    """Why a ratio is not that of its endpoint: odds of a time, a hazard of a yes-no outcome."""
    said = head_words(text)
    timed = head.endpoint in design.endpoints
    if told := _otherwise(text, head):
        return told
    if "sub" in (head.holds, head.ratio) and head.endpoint not in design.incidences:
        return of_no_incidence(head.endpoint, design)
    if head.endpoint in design.incidences:
        if head.holds not in ("ratio", "odds"):
            return ""
        return other_ratio_of(head.endpoint, design)
    if head.holds == "ratio" and not timed and said & {"rr", "risk", "relative", "rate"}:
        told = f"holds ratios of risks, and a model of {head.endpoint} has odds ratios; "
        return f"{told}name it OR if they are such"
    if head.holds == "ratio" and timed and said & {"rate", "irr", "airr", "density"}:
        told = "holds ratios of rates, and a model of a time to an event has hazard ratios; a "
        told += "table of rates is read by --layout curves, an adjusted ratio has no row; "
        return f"{told}name it HR if they are such"
    if head.holds == "odds" and timed:
        told = f"holds odds ratios, and {head.endpoint} is a time to an event; "
        return f"{told}name it HR, or name a yes-no outcome with --endpoint"
    if head.holds == "ratio" and not timed and said & {"hr", "hazard", "hazards"}:
        told = f"holds hazard ratios, and {head.endpoint} is a yes-no outcome; "
        return f"{told}name it OR, or name a time to an event with --endpoint"
    return ""


def spreads(text: str) -> bool:
    """Whether limits or an error are those of an estimate: not 1.00 to 1.00 of a reference."""
    values = {number.value for number in cell(text).parts}
    return bool(values) and not (len(cell(text).parts) == 2 and values == {1.0})


def is_one(text: str) -> bool:
    """Whether a cell is that of a reference with limits: "1.00 (1.00-1.00)"."""
    parts = cell(text).parts
    return len(parts) == 3 and {number.value for number in parts} == {1.0}


def is_overall(head: str) -> bool:
    """Whether a column of ratios is of "Overall" patients, whose p is none of all levels."""
    return held(head, ()) in RATIOS and bool(re.search(r"\boverall\b", head, re.IGNORECASE))


def adjusted_beside(heads: Sequence[str]) -> bool:
    """Whether the first ratios name no model and others are adjusted: "HR" beside "aHR"."""
    ratios = [unnumbered(text) == text and text for text in heads if held(text, ()) in RATIOS]
    adjusted = [bool(text and re.search(r"\badj|\ba[ho]r\b", text, re.I)) for text in ratios]
    return len(ratios) > 1 and bool(ratios[0]) and adjusted == [False, *[True] * (len(ratios) - 1)]
