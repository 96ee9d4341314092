"""What a label says that its ratio is for: "per 10 years", "each 5 mm", "per doubling"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from crlm.ledger import Design
from crlm.ledger.vocabulary import DAYS_PER_MONTH

_NUMBER = r"(?:\d[\d,]*(?:\.\d+)?|\.\d+)"
#: "per 10 years", and "10-year increase" without a word before it.
_SAID = re.compile(
    r"[,;\s]*[(\[]?\s*(?:"
    r"\b(?:per|for (?:each|every|an?)|each|every)\b\s*(?P<step>[^)\]]*)"
    # "65 years and older" is a cut.
    rf"|(?P<alone>(?:\+\s*)?{_NUMBER}[-\s](?=\w)(?:(?!\b(?:and|or)\b)[^)\],;])*"
    r"\b(?:increases?|increments?|higher|older)\b)"
    rf"|\bunits?\s*[=:]\s*(?P<unit>{_NUMBER}[^)\],;]*)"
    rf"|\b(?:increments?|increases?|intervals?|steps?)\s+of\s+(?P<by>{_NUMBER}[^)\],;]*)"
    r"|\b(?P<log>log ?\(?(?:2|10)\)?|log[₂₁]₀?)(?:[- ]transformed)?"
    r")[)\]]?",
    re.IGNORECASE,
)
#: In brackets: "(10 years)", "(10-unit)", "(+10 mm)", "(/10 years)", "(×10)".
_HELD = re.compile(
    rf"\s*[(\[]\s*(?P<held>decades?|(?:{_NUMBER}|two|five|ten|twenty)[-\s]?(?:units?|years?|yrs?|points?)"
    rf"(?:\s+(?:intervals?|steps?|change))?|[+/]\s*{_NUMBER}(?:[-\s]\w[^)\]]*)?|[x×]\s*{_NUMBER})"
    r"\s*[)\]]",
    re.IGNORECASE,
)
#: What says that the number is a logarithm or a root, of no step that a design declares.
#: In capitals LN are lymph nodes.
_LN = (
    r"(?:(?:natural |common )?(?:(?-i:ln)|loge?|logarithm(?:ic)?|log[- ]scale)|√|sqrt"
    r"|(?:square|cube)[- ]root)(?:[- ]transformed)?"
)
_OF = r"(?:\s(?!rank|odds|likelihood|2\b|10\b)[^()\[\]]*)?"
_NATURAL = re.compile(rf"\s*[(\[]\s*{_LN}{_OF}\s*[)\]]|\s*,\s{_LN}\s*(?=,|$)", re.IGNORECASE)
_LOGGED = re.compile(rf"{_LN}{_OF}", re.IGNORECASE)
#: "log2 CEA", "Log10(CEA), mean", "ln(CEA)", "√CEA".
_LOG_FIRST = re.compile(
    r"\s*(?P<log>(?:√|sqrt(?=\W))\s*|(?:log ?(?:2|10)|log[₂₁]₀?"
    rf"|{_LN})(?: of)?(?=[\s(-])(?![\s-]*(?:rank|odds|likelihood)))[\s(-]*(?P<bare>\w.*)",
    re.IGNORECASE,
)
_FOLDS = ((re.compile(r"doubling|two-?\s?fold|\blog ?\(?2\b|log₂"), 2.0),) + (
    (re.compile(r"\bten-?\s?fold|\blog ?\(?10\b|log₁₀"), 10.0),
)
_FOLD = re.compile(rf"({_NUMBER})[-\s]?fold")
#: One standard deviation; of 2 or a half nothing is declared.
_SD = re.compile(
    r"^\W*(?:(?:per|for|each|every|an?|the)\s+)*(?:1|one)?[-\s]*(?:sds?|standard deviations?)\b"
)
#: One level of a category that is counted 0, 1, 2 ...
_LEVEL = re.compile(
    r"^\W*(?:(?:per|for|each|every|an?|the)\s+)*(?:1|one|unit)?[-\s]*"
    r"(?:levels?|categor(?:y|ies)|grades?|stages?|class(?:es)?|steps?|tertiles?|quartiles?|quintiles?)\b"
)
_WORDS = {"one": 1, "two": 2, "three": 3, "five": 5, "ten": 10, "twenty": 20}
#: Words of a step that say nothing beside its number and its unit.
_ASIDE = frozenset(
    "a an the in of increase increases increment increments additional unit units point points "
    "higher older more larger age score interval intervals step steps change".split()
)
#: Counted things: the unit of a count.
_COUNTED = frozenset(
    "tumour tumours tumor tumors metastasis metastases lesion lesions nodule nodules node nodes "
    "segment segments".split()
)


class Step(NamedTuple):
    """What a ratio is for.

    Attributes
    ----------
    said : str
        As the label says it; "" where it says nothing, which is one unit.
    key : {"per", "fold", "per_sd", "per_level", ""}
        Units of the column, or how many times as much; "" for what neither is, as "per SD".
    value : float
        How many.
    """

    said: str = ""
    key: str = "per"
    value: float = 1.0


def parted(label: str) -> tuple[str, str]:
    """A label without what it says of its step, and that; "" where it says nothing.

    Of a label that says several things the second stands behind a semicolon.

    Examples
    --------
    >>> parted("Age, per 10 years")
    ('Age', 'per 10 years')
    >>> parted("log2 CEA"), parted("Age"), parted("CEA (ln) (Unit = 1000)")
    (('CEA', 'log2'), ('Age', ''), ('CEA', 'ln; Unit = 1000'))
    """
    bare, said = _parted(label)
    again = _parted(bare) if said else (bare, "")
    return (again[0], f"{said}; {again[1]}") if again[1] else (bare, said)


def _parted(label: str) -> tuple[str, str]:
    """A label without the first thing that it says of its step, and that."""
    if first := _LOG_FIRST.fullmatch(label):
        bare = first["bare"]
        bare = bare if bare.count("(") == bare.count(")") else bare.replace(")", "", 1)
        return bare.strip(), first["log"].strip()
    searched = (pattern.search(label) for pattern in (_NATURAL, _SAID, _HELD))
    found = next((one for one in searched if one and one.start()), None)
    if not found:
        return label, ""
    bare = f"{label[: found.start()]} {label[found.end() :]}".strip(" ,;")
    return bare, found.group().strip(" ,;()[]")


def is_log(said: str) -> bool:
    """Whether a label says that the number is its logarithm or its root, whatever else.

    Examples
    --------
    >>> is_log("ln; Unit = 1000"), is_log("log2")
    (True, False)
    """
    return any(_LOGGED.fullmatch(part) for part in said.split("; "))


def without_log(said: str) -> str:
    """What a label says of a step of the logarithm that its column holds."""
    return "; ".join(part for part in said.split("; ") if not _LOGGED.fullmatch(part))


def names_itself(said: str) -> bool:
    """Whether what a label says may be a part of a column's own name: "Relapse (5 years)"."""
    return bool(_LOGGED.fullmatch(said) or _HELD.fullmatch(f"({said})"))


def step_of(said: str, unit: str, days_per_month: float = DAYS_PER_MONTH) -> Step:
    """What a label says of its step, in units of its column.

    Parameters
    ----------
    said : str
        From `parted`.
    unit : str
        Of the column: a step in another one is converted where that is known.
    days_per_month : float
        Of the design.

    Examples
    --------
    >>> step_of("per 5 mm", "cm"), step_of("per doubling", "ng/mL").value
    (Step(said='per 5 mm', key='per', value=0.5), 2.0)
    >>> step_of("per SD", "years").key
    'per_sd'
    """
    if not said:
        return Step()
    if is_log(said):
        return Step(said, "", 0.0)
    if "; " in said:
        steps = {step_of(part, unit, days_per_month)[1:] for part in said.split("; ")}
        return Step(said, *(steps.pop() if len(steps) == 1 else ("", 0.0)))
    text = said.casefold()
    for pattern, fold in _FOLDS:
        if pattern.search(text):
            return Step(said, "fold", fold)
    if _SD.search(text):
        return Step(said, "per_sd", 1.0)
    if fold_of := _FOLD.search(text):
        value = float(fold_of[1].replace(",", ""))
        return Step(said, "fold" if value > 1 else "", value)
    if "decade" in text and unit == "years":
        text = text.replace("decades", "10 years").replace("decade", "10 years")
    text = re.sub(r"^(?:units?\s*[=:]|(?:increments?|increases?|intervals?|steps?)\s+of)", "", text)
    text = re.sub(
        r"^[^\w.]*(?:x(?=[\s\d]))?(?:(?:per|for|each|every|an?|the)\b\s*)*[^\w.]*", "", text
    )
    number = re.match(_NUMBER, text)
    rest = text[number.end() :] if number else text
    times = _in_units(rest, unit, days_per_month)
    if not times:
        return Step(said, "", 0.0)
    spelt = next((_WORDS[word] for word in rest.split() if word in _WORDS), 1)
    value = float(number.group().replace(",", "")) if number else float(spelt)
    return Step(said, "per", round(value * times, 10))


def step_in(design: Design, said: str, column: str) -> Step:
    """What a label says of its step, in units of a column of a design and by its months."""
    return step_of(said, design.unit_of(column), float(design.conventions["days_per_month"]))


def _in_units(rest: str, unit: str, days_per_month: float) -> float:
    """How many units of the column one of a step's is; 0 where nobody can tell."""
    from crlm import cohort

    words = [word for word in re.split(r"[\s()-]+", rest) if word.strip(".,;+")]
    words = [word for word in words if word not in _ASIDE and word not in _WORDS]
    text = " ".join(words)
    if not text or (set(text.split()) <= _COUNTED and (unit in ("", "tumours"))):
        return 1.0
    if cohort.is_unit(text) and _same(text) != _same(unit):
        named = cohort.unit_in(f"({text})", unit)
        return cohort.unit_factor(named, unit, days_per_month) if named else 0.0
    return float(_same(text) == _same(unit))


def _same(unit: str) -> str:
    """A unit as it is compared: kg/m² is kg/m2, points and point are one."""
    return unit.casefold().replace("²", "2").replace(" ", "").removesuffix("s")


def named_so(design: Design, column: str, step: Step) -> str:
    """The covariate of the design that is this number in this step; "" if none is."""
    if (step.key, step.value) == ("per", 1.0):
        return column
    if step.key == "per_level":
        return next((n for n, category in design.scores.items() if category == column), "")
    for name, spec in design.scaled.items():
        if spec["source"] == column and math.isclose(spec.get(step.key, 0.0), step.value):
            return name if step.key else ""
    return ""


def otherwise_said(
    claims: Iterable[Mapping[str, Any]], design: Design
) -> Iterator[tuple[str, str]]:
    """Ids of claims on a number's ratio whose place says another step than their covariate's.

    Parameters
    ----------
    claims : iterable of mapping
        Rows of the ledger; the locator is "Table 2, Age, per 10 years, multivariable".
    design : Design
    """
    for claim in claims:
        name = str(claim["covariate"])
        if not (name and claim["model"]) or ":" in name or design.levels(name):
            continue
        column = design.source(name)
        for part in re.split(r",\s+", str(claim["locator"])):
            step = step_in(design, parted(f"{column} {part}")[1], name)
            if step.said and step.key and named_so(design, column, step) != name:
                yield str(claim["id"]), f"its place says {step.said}, its covariate is {name}"
                break


def level_step(said: str) -> Step | None:
    """What a label says of a category's step: "per level"; None where that is another.

    Examples
    --------
    >>> level_step("per category increase")
    Step(said='per category increase', key='per_level', value=1.0)
    """
    return Step(said, "per_level", 1.0) if _LEVEL.match(said.casefold()) else None


def to_declare(column: str, step: Step) -> tuple[str, str]:
    """A name for a number in this step, and what a design says to declare it."""
    if step.key == "per_level":
        name = f"{column}_trend"
        return name, f"[scaled.{name}] with source = '{column}' and per_level = true"
    if step.key == "per_sd":
        return f"{column}_sd", f"[scaled.{column}_sd] with source = '{column}' and per_sd = true"
    name = f"{column}_{step.value:g}".replace(".", "_")
    return name, f"[scaled.{name}] with source = '{column}' and {step.key} = {step.value:g}"
