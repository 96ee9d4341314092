"""What a design's columns, levels, populations, models and methods are called in a sentence.

Everything here takes a name of the code and gives words; nothing knows what a row is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from crlm.ledger import COMPUTED, Design, small

_ENDPOINTS = {
    "OS_after_recurrence": "OS after the first recurrence",
    "first_recurrence": "first recurrence",
    "hepatic_RFS": "hepatic RFS",
    "short_SCP": "short SCP",
    "states": "",
    "tested": "",
}
_MODELS = {
    "aalen-johansen": "Aalen-Johansen",
    "fine-gray": "Fine-Gray",
    "one minus km": "1 − Kaplan-Meier",
    "logrank": "log-rank test",
    "gray": "Gray's test",
    "bonferroni": "adjusted by Bonferroni",
    "holm": "adjusted by Holm",
    "benjamini-hochberg": "adjusted by Benjamini and Hochberg",
    "poisson": "rates compared",
    "all factors": "all factors in one model",
    "ph_test": "proportional hazards test",
    "interaction": "model with interaction",
    "selection": "selection of covariates",
    "diagnostic": "",
    "multistate": "",
    "selection_sign": "same sign in the selection of covariates",
    "printed covariates, breslow": "printed covariates, Breslow ties",
    "printed covariates, efron": "printed covariates, Efron ties",
    "overlap weighted": "overlap weights",
    "att weighted": "weights of the treated",
    "time dependent": "counted from its first day",
    "assumed start": "counted from an assumed day",
    "pseudo-value": "pseudo-values",
    "record": "as recorded",
    "recurrence bound": "dated back to the recurrence",
    "early bound": "every early recurrence a failure",
    "left bound": "dated to the last examination without it",
    "right bound": "dated to the examination that saw it",
    "piecewise": "by period",
    "turnbull": "Turnbull's curve",
    "imputed": "completed tables",
    "complete case": "complete cases",
}
_SIGNS = {"=": "", "!=": "not ", ">=": "≥ ", "<=": "≤ ", ">": "> ", "<": "< "}
#: A label that says what was done to a patient: "Matched by propensity score", "Resected".
_IS_DONE = re.compile(r"\w+ed( (by|for|at|in|with|within|before|after|on|to)\b.*)?$", re.IGNORECASE)
PLAIN = {"Yes", "Present", "No", "Absent", "yes", "no"}


def endpoint_words(endpoint: str) -> str:
    """An endpoint as a reader says it: "OS after the first recurrence"."""
    return _ENDPOINTS.get(endpoint, endpoint.replace("_", " "))


def incidence_words(name: str, design: Design, level: str = "") -> str:
    """What an incidence of the design counts, or, with a level, what competes with it."""
    told = small(str(design.incidences[name]["label"]))
    return f"event that competes with {told}" if level else told


def word_for(name: str, design: Design) -> str:
    """A column, a factor, a product of two, or an endpoint, within a sentence.

    Examples
    --------
    >>> from crlm.ledger import load_design
    >>> [word_for(name, load_design("ncch_scp")) for name in ("cea", "OS_after_recurrence")]
    ['CEA', 'OS after the first recurrence']
    """
    if name in design.incidences:
        return incidence_words(name, design)
    if name in _ENDPOINTS or name in design.endpoints:
        return endpoint_words(name)
    return " × ".join(label_of(part, design) for part in name.split(":"))


_SAID = (
    (" +- ", " ± "),
    ("<=", "≤"),
    (">=", "≥"),
    ("logrank", "log-rank"),
    ("(wald)", "(Wald)"),
    ("(lr)", "(likelihood ratio)"),
    ("(km time", "(Kaplan-Meier scale"),
    (" conf_low", ", lower limit"),
    (" conf_high", ", upper limit"),
    (", transform km", " on the Kaplan-Meier scale"),
)
#: A p value of many noughts, and a step between two states.
_TINY = re.compile(r"(?<![\w.])\d(?:\.\d+)?e-\d\d+\b")
_UNKNOWN = re.compile(r"\bnan\b")
_STEP = re.compile(r"\b(controllable(?: recurrence)?|failure)>(?=[cfd])")
#: Where a method lists columns, words of English among them are columns too.
_LISTED = re.compile(
    r"(?:logistic on|adjusted for|against not, on|left out(?:, [^:;]+)?:|numbers, of|\d, of) [^;]+"
)
#: A call to add to a notebook: code, in which columns keep their names.
_CALL = re.compile(r"paper\.\w+\([^)]*\)")
#: A column that enters otherwise than the design says.
_CHANGED = re.compile(r"(?<=; )\w+ (?=as (?:log1p|linear|log): )")


def method_words(design: Design) -> Callable[[str], str]:
    """Says a method as a reader would: groups and columns by their names, signs as printed.

    Examples
    --------
    >>> from crlm.ledger import load_design
    >>> method_words(load_design("mskcc_hai"))("hai=yes minus hai=no, first t with S <= 0.5")
    'HAI minus no HAI, first t with S ≤ 0.5'
    """
    every = sorted({*design.columns, *design.made}, key=len, reverse=True)
    names = "|".join(every)
    group = re.compile(rf"\b(?:{names})=[\w-]+(?:,(?:{names})=[\w-]+)*")
    # Without an underscore a column may be a word of English.
    column = re.compile(rf"\b(?:{'|'.join(name for name in every if '_' in name) or '(?!)'})\b")

    any_column = re.compile(rf"\b(?:{names})\b" if every else r"(?!)")

    def label(found: re.Match[str]) -> str:
        return label_of(found.group(), design)

    def words(text: str) -> str:
        if call := _CALL.search(text):
            return f"{words(text[: call.start()])}{call[0]}{words(text[call.end() :])}"
        text = _STEP.sub(r"\1 to ", _TINY.sub("<0.001", _UNKNOWN.sub("not known", text)))
        text = group.sub(lambda found: design.group_label(found.group()), text)
        for listed in (_LISTED, _CHANGED):
            text = listed.sub(lambda part: any_column.sub(label, part.group()), text)
        text = column.sub(label, text)
        for plain, said in _SAID:
            text = text.replace(plain, said)
        return text

    return words


def model_words(model: str) -> str:
    """A model as a reader says it: "log-rank test"."""
    if model in _MODELS or ", " not in model:
        return _MODELS.get(model, model.replace("_", " "))
    return ", ".join(map(model_words, model.split(", ")))


def among(population: str, design: Design) -> str:
    """A part of the patients, or of their time: "among KRAS mutant"; empty of all.

    The patients of a level have the words that the design gives them (`patients`); else a label
    that is a participle, as "Matched by propensity score", is what they are, another is what they
    have.
    """
    if population == "all":
        return ""
    said: dict[str, list[str]] = {"who": [], "how": [], "when": []}
    for part in population.split(","):
        kind, words = _among(part, design)
        said[kind].append(words)
    named = {design.patients(*part.partition("=")[::2]) for part in population.split(",")}
    # "Men and matched pairs" would be either.
    both = " who are also " if named.issuperset(said["who"]) else " and "
    whom = [both.join(said["who"] or ["patients"]), " and ".join(said["how"])]
    told = f"among {' '.join(filter(None, whom))}" if said["who"] or said["how"] else ""
    return ", ".join(filter(None, [told, *said["when"]]))


def _among(part: str, design: Design) -> tuple[str, str]:
    """One condition in words, and whether they name patients, what these have, or a time."""
    name, _, level = part.partition("=")
    if who := design.patients(name, level):
        return "who", who
    if done := _participle(name, level, design):
        return "how", done
    words = condition(part, design)
    if words.startswith(("from ", "with")):
        return ("when" if words.startswith("from ") else "how"), words
    own = level in design.levels(name) and words.startswith(f"{label_of(name, design)}: ")
    return ("how", f"with {words}") if own else ("who", words)


def _participle(name: str, level: str, design: Design) -> str:
    """ "not matched by propensity score" of a column of yes and no that says what was done."""
    label = label_of(name, design) if level in ("yes", "no") and design.spec(name) else ""
    if not _IS_DONE.match(label) or level_label(name, level, design) not in PLAIN:
        return ""
    return label if level == "yes" else f"not {label}"


def condition(text: str, design: Design) -> str:
    """`kras=mutant`, `surgery_year>=2005`, `controllable>failure` or `from month 3` in words."""
    found = re.fullmatch(r"([\w ]+?)(!=|>=|<=|=|>|<)(.+)", text)
    if not found:
        return text
    name, sign, value = found.groups()
    if sign == ">" and not design.spec(name):
        return f"from {name} to {value}"
    if (sign, value) == ("=", "known"):
        return f"patients of known {small(label_of(name, design))}"
    if sign in ("=", "!="):
        levels = value.split("/")
        own = _own(name, value, design) if len(levels) == 1 else ""
        return _SIGNS[sign] + _levels_of(name, levels, design) + own
    return f"{label_of(name, design)} {_SIGNS[sign]}{value}"


def _levels_of(name: str, levels: Sequence[str], design: Design) -> str:
    """The patients of several levels; what each says of its column is said once: "sex: m or f"."""
    first, *others = [level_of(name, level, design) for level in levels]
    before = f"{label_of(name, design)}: "
    return " or ".join([first, *(small(text.removeprefix(before)) for text in others)])


# ---- columns and levels -----------------------------------------------------


def label_of(name: str, design: Design) -> str:
    """A column within a sentence, without its unit: "age", "CEA", "largest liver metastasis"."""
    text = COMPUTED[name]["label"] if name in COMPUTED else design.label(name)
    unit = _unit(name, design)
    return small(text.removesuffix(f", {unit}") if unit else text)


def _unit(name: str, design: Design) -> str:
    """The unit of a number, or of the number that a factor cuts; a scaled one says its own."""
    return "" if name in design.scaled else design.unit_of(name)


def level_label(name: str, level: str, design: Design) -> str:
    """A level as the design labels it, by itself: "Mutant", "> 60"."""
    if name in COMPUTED:
        return COMPUTED[name].get("labels", {}).get(level, level)
    return design.label(name, level)


def level_of(name: str, level: str, design: Design) -> str:
    """The patients of one level: "RAS mutant", "age > 60 years", "with ablation", "sex: male"."""
    text, label = level_label(name, level, design), label_of(name, design)
    if design.says_itself(name, level):
        return text
    if _is_cut(name, text, design):
        return f"{label} {text} {_cut_unit(name, design)}".strip()
    if level in ("yes", "no") and text in PLAIN:
        return f"{'with' if level == 'yes' else 'without'} {label}"
    return f"{label}: {small(text)}"


def value_of(name: str, level: str, design: Design) -> str:
    """A level as a value of its column, as tables list it: "KRAS: mutant", "ablation: yes"."""
    text, label = level_label(name, level, design), label_of(name, design)
    if text in PLAIN:
        return f"{label}: {small(text)}"
    if design.spec(name).get("role") != "exposure":
        return level_of(name, level, design)
    return f"{label}: {level if level in ('yes', 'no') else _unlike(text, label + ' ')}"


def _own(name: str, level: str, design: Design) -> str:
    """The column, where one before it has a level of the same words (RAS wild type)."""
    text = level_label(name, level, design)
    for other, spec in design.columns.items():
        if other == name:
            break
        if text in spec.get("labels", {}).values() and spec.get("role") == "exposure":
            return f" ({label_of(name, design)})"
    return ""


def _is_cut(name: str, text: str, design: Design) -> bool:
    """Whether a label is a comparison, or a band by its numbers: "> 60", "50 to < 60"."""
    signs = ("<", ">", "≤", "≥", "=")
    return text.startswith(signs) or (text[:1].isdigit() and design.cut(name) is not None)


def _cut_unit(name: str, design: Design) -> str:
    """The unit behind a cut-off, where the label of the factor holds it."""
    unit = _unit(name, design)
    return unit if unit and design.label(name).endswith(f", {unit}") else ""


def contrast_of(name: str, level: str, design: Design, reference: str = "") -> str:
    """A level against the reference: "RAS mutant against wild type", "age > 60 against ≤ 60".

    The reference is the column's first level unless another is given.
    """
    levels = design.spec(name).get("levels", ())
    label = label_of(name, design)
    if not level:
        unit = _unit(name, design)
        unit = unit.removesuffix("s") or unit
        each = f" (per {unit})" if unit and not levels else ""
        return f"{label} (all levels)" if len(levels) > 2 else label + each
    reference = reference or (levels[0] if levels else level)
    if level == reference:
        return value_of(name, level, design)
    text, other = (level_label(name, one, design) for one in (level, reference))
    if design.says_itself(name, level):
        return f"{text} against {_unlike(other, text)}"
    if _is_cut(name, text, design):
        return f"{label} {text} against {other} {_cut_unit(name, design)}".strip()
    return f"{label} ({small(text)} against {small(other)})"


def _unlike(text: str, other: str) -> str:
    """A label without the first word that it shares with another: "wild type"."""
    first, _, rest = text.partition(" ")
    return rest if rest and other.startswith(first + " ") else text
