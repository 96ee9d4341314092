"""What a claim or a result row is about, in the words of a surgeon.

A printed number and the computed row that answers it share their keys; here both
get the same words, so that no table has to call them by their keys.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import COMPUTED, STATISTICS, Design, small

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
#: Effects that count who is free of the event, at any endpoint but a short period.
_OF_SURVIVAL = {
    "risk_difference": "Difference in survival",
    "difference_of_risk_differences": "Difference of differences in survival",
}
#: One line on each kind of cohort, and what else a reader must know of it.
KINDS = {
    "reconstructed": (
        "Synthetic cohort: no row is a patient.",
        "The table was made from the paper's printed numbers. Agreement with the print shows "
        "that the analysis is the paper's and that its numbers can hold together. It shows "
        "nothing about medicine, and the rows must not be pooled as data.",
    ),
    "public": (
        "Public cohort: real patients, published by others.",
        "This report is a replication on their data.",
    ),
    "own": (
        "The reader's own cohort.",
        "On other patients than the paper's this report is a replication; on the paper's own it "
        "is a check of the printed numbers.",
    ),
}
_LIMITS = {"conf_low": ": lower 95 % limit", "conf_high": ": upper 95 % limit"}
_ENDS = {
    "min": "lowest value",
    "max": "highest value",
    "q1": "lower quartile",
    "q3": "upper quartile",
}
_COUNTS = ("n", "percent")
_CURVES = ("median_survival", "survival_rate", "rmst")
_OVER_TIME = (
    *_CURVES,
    "n_at_risk",
    "cumulative_events",
    "median_follow_up",
    "min_follow_up",
    "max_follow_up",
)
#: Statistics of a group of patients; all others set a level against the reference.
_OF_A_GROUP = (
    *_COUNTS,
    *_CURVES,
    "events",
    "missing",
    "median",
    "mean",
    "sd",
    "iqr",
    "range",
    *_ENDS,
    "n_at_risk",
    "cumulative_events",
    "reference",
    "difference",
)
#: Models whose shares and extremes are of an effect, as their ratios are.
_OF_EFFECTS = ("specification curve", "bootstrap selection, sign")
_UP_TO = (
    "cumulative_events",
    "rmst",
    "rmst_difference",
    "months_in_state",
    "months_in_state_difference",
    "difference_of_rmst_differences",
)
_SIGNS = {"=": "", "!=": "not ", ">=": "≥ ", "<=": "≤ ", ">": "> ", "<": "< "}
#: A label that says what was done to a patient: "Matched by propensity score", "Resected".
_IS_DONE = re.compile(r"\w+ed( (by|for|at|in|with|within|before|after|on|to)\b.*)?$", re.IGNORECASE)
_PLAIN = {"Yes", "Present", "No", "Absent", "yes", "no"}


def name_of(record: Mapping[str, Any], design: Design) -> str:
    """The whole name of a quantity: "Hazard ratio of HAI against no HAI for OS, multivariable".

    Parameters
    ----------
    record : mapping
        A claim or a result row. `field`, where there is one, tells a limit from the
        estimate. For a sentence of a paper this names the quantity that answers it; what
        the sentence claims stands in the ledger alone.
    design : Design
        Its labels are the words.

    Returns
    -------
    str
        Records of a study that differ in a key have different names. A contrast reads the
        same whether a covariate or a grouping column makes it.
    """
    return _capital(_quantity(record, design)) + _LIMITS.get(record.get("field", ""), "")


def describe(record: Mapping[str, Any], design: Design) -> str:
    """What a row is about, for a table that names its statistic in another column.

    Parameters
    ----------
    record : mapping
        A claim or a result row.
    design : Design

    Returns
    -------
    str
        "HAI against no HAI, RFS, multivariable, among KRAS mutant": rows of one statistic
        that differ in another key have different words.
    """
    return _said(_parts(record, design), _ORDER)


def told_apart(records: Sequence[Mapping[str, Any]], design: Design) -> tuple[str, list[str]]:
    """What records share, said once, and what is left to say of each.

    For the first column of a table: its head, and its lines. Together they say what `describe`
    says of each; where all records are the same in every part, the lines say it.

    Examples
    --------
    >>> from crlm.ledger import load_design
    >>> keys = dict.fromkeys(["group", "population"], "all") | {"time": None, "model": "landmark"}
    >>> keys |= {"covariate": "hai", "level": "yes", "statistic": "hazard_ratio"}
    >>> told_apart([{**keys, "endpoint": name} for name in ("OS", "RFS")], load_design("mskcc_hai"))
    ('HAI against no HAI, landmark', ['OS', 'RFS'])
    """
    parts = [_parts(record, design) for record in records]
    same = [name for name in _ORDER if len({one[name] for one in parts}) == 1]
    lines = [[name for name in _ORDER if name not in same and one[name]] for one in parts]
    if not all(lines):
        return "", [_said(one, _ORDER) for one in parts]
    shared = _said(parts[0], same) if any(parts[0][name] for name in same) else ""
    return shared, [_said(one, names) for one, names in zip(parts, lines, strict=True)]


def _said(parts: Mapping[str, str], names: Sequence[str]) -> str:
    return _capital(", ".join(filter(None, (parts[name] for name in names)))) or "All patients"


def endpoint_words(endpoint: str) -> str:
    """An endpoint as a reader says it: "OS after the first recurrence"."""
    return _ENDPOINTS.get(endpoint, endpoint.replace("_", " "))


def word_for(name: str, design: Design) -> str:
    """A column, a factor, a product of two, or an endpoint, within a sentence.

    Examples
    --------
    >>> from crlm.ledger import load_design
    >>> [word_for(name, load_design("ncch_scp")) for name in ("cea", "OS_after_recurrence")]
    ['CEA', 'OS after the first recurrence']
    """
    if name in _ENDPOINTS or name in design.endpoints:
        return endpoint_words(name)
    return " × ".join(_label(part, design) for part in name.split(":"))


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
        return _label(found.group(), design)

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


def statistic_words(record: Mapping[str, Any]) -> str:
    """What a row's number is called; differences of survival are no differences of risk.

    Their sign says so too: positive means that more live without the event.

    Examples
    --------
    >>> statistic_words({"statistic": "risk_difference", "endpoint": "OS", "model": ""})
    'Difference in survival'
    """
    of_risk = record["endpoint"] == "short_SCP"
    return _OF_SURVIVAL.get(record["statistic"], "") * (not of_risk) or (
        STATISTICS[record["statistic"]].label
    )


def model_words(model: str) -> str:
    """A model as a reader says it: "log-rank test"."""
    if model in _MODELS or ", " not in model:
        return _MODELS.get(model, model.replace("_", " "))
    return ", ".join(map(model_words, model.split(", ")))


# ---- the parts of a name ----------------------------------------------------

_ORDER = ("what", "endpoint", "group", "model", "among", "time")


def _parts(record: Mapping[str, Any], design: Design) -> dict[str, str]:
    endpoint = record["endpoint"]
    named = (record["covariate"], record["population"].partition("=")[0])
    site = any(_spec(design, name).get("role") == "outcome" for name in named)
    return {
        "what": _what(record, design),
        "endpoint": "" if site and endpoint == "first_recurrence" else endpoint_words(endpoint),
        "group": _group(record, design),
        "model": model_words(record["model"]),
        "among": among(record["population"], design),
        "time": _month(record),
    }


def _what(record: Mapping[str, Any], design: Design) -> str:
    """The characteristic or the contrast that the number is about."""
    name, level, group = record["covariate"], record["level"], record["group"]
    if name == "flow":
        return _flow(level, design)
    if not name:
        groups = _groups(group, design) if _is_bare(group) else ""
        return ", ".join(filter(None, [level, groups]))
    of_effects = record["model"].startswith(_OF_EFFECTS)
    if record["statistic"] in _OF_A_GROUP and not of_effects:
        return _value(name, level, design) if level else _label(name, design)
    if ":" in name:
        return _product(name, level, design)
    if _is_bare(group):
        return _value(name, level, design) if level else _label(name, design)
    return _against(name, level, design)


def _group(record: Mapping[str, Any], design: Design) -> str:
    """The patients that a number is of, where `what` does not say it."""
    group = record["group"]
    if group == "all":
        whole = record["population"] == "all" and record["statistic"] in _OVER_TIME
        return "all patients" if whole else ""
    if _is_bare(group):
        return _groups(group, design) if record["covariate"] else ""
    return " and ".join(_condition(part, design) for part in group.split(","))


def _is_bare(group: str) -> bool:
    return group != "all" and "=" not in group


def _groups(group: str, design: Design) -> str:
    """Which groups a test compares: the two by name, or the columns that make them."""
    names = group.split(",")
    levels = _spec(design, names[0]).get("levels", ())
    if len(names) == 1 and len(levels) == 2:
        return _against(names[0], levels[1], design)
    return "by " + " and ".join(_label(name, design) for name in names)


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
    whom = [*([" and ".join(said["who"] or ["patients"])]), " and ".join(said["how"])]
    told = f"among {' '.join(filter(None, whom))}" if said["who"] or said["how"] else ""
    return ", ".join(filter(None, [told, *said["when"]]))


def _among(part: str, design: Design) -> tuple[str, str]:
    """One condition in words, and whether they name patients, what these have, or a time."""
    name, _, level = part.partition("=")
    if who := design.patients(name, level):
        return "who", who
    if done := _participle(name, level, design):
        return "how", done
    words = _condition(part, design)
    if words.startswith(("from ", "with")):
        return ("when" if words.startswith("from ") else "how"), words
    own = level in design.levels(name) and words.startswith(f"{_label(name, design)}: ")
    return ("how", f"with {words}") if own else ("who", words)


def _participle(name: str, level: str, design: Design) -> str:
    """ "not matched by propensity score" of a column of yes and no that says what was done."""
    label = _label(name, design) if level in ("yes", "no") and _spec(design, name) else ""
    if not _IS_DONE.match(label) or _level_label(name, level, design) not in _PLAIN:
        return ""
    return label if level == "yes" else f"not {label}"


def _condition(text: str, design: Design) -> str:
    """`kras=mutant`, `surgery_year>=2005`, `controllable>failure` or `from month 3` in words."""
    found = re.fullmatch(r"([\w ]+?)(!=|>=|<=|=|>|<)(.+)", text)
    if not found:
        return text
    name, sign, value = found.groups()
    if sign == ">" and not _spec(design, name):
        return f"from {name} to {value}"
    if (sign, value) == ("=", "known"):
        return f"patients of known {small(_label(name, design))}"
    if sign in ("=", "!="):
        levels = value.split("/")
        own = _own(name, value, design) if len(levels) == 1 else ""
        return _SIGNS[sign] + " or ".join(_level(name, one, design) for one in levels) + own
    return f"{_label(name, design)} {_SIGNS[sign]}{value}"


def _month(record: Mapping[str, Any]) -> str:
    time = record["time"]
    if time is None or time == "" or math.isnan(time):
        return ""
    return f"{'to' if record['statistic'] in _UP_TO else 'at'} month {round(float(time), 2):g}"


def _flow(level: str, design: Design) -> str:
    labels = {criterion["name"]: criterion["label"] for criterion in design.eligibility}
    name = level.removesuffix("_excluded")
    if level == "start":
        return "before any criterion"
    said = f"“{labels.get(name, name)}”"
    return f"left after {said}" if name == level else f"excluded by {said}"


def _product(name: str, level: str, design: Design) -> str:
    names, levels = name.split(":"), level.split(":")
    label = " × ".join(_label(part, design) for part in names)
    if not level:
        return label
    # A number has no level: what is told are the last factors.
    told = zip(reversed(names), reversed(levels), strict=False)
    inside = [_level(part, value, design) for part, value in told]
    return f"{label} ({', '.join(reversed(inside))})"


def kind_of_model(rows: pd.DataFrame, model: str) -> str:
    """What the rows of a regression table call a model: none of one covariate is multivariable.

    Examples
    --------
    >>> rows = pd.DataFrame({"model": ["multivariable"] * 2, "covariate": ["hai", ""]})
    >>> kind_of_model(rows, "multivariable")
    'model of one covariate'
    """
    held = set(rows.loc[rows["model"] == model, "covariate"]) - {""}
    return "model of one covariate" if model == "multivariable" and len(held) == 1 else model


# ---- columns and levels -----------------------------------------------------


def _spec(design: Design, name: str) -> Mapping[str, Any]:
    return design.spec(name)


def _label(name: str, design: Design) -> str:
    """A column within a sentence, without its unit: "age", "CEA", "largest liver metastasis"."""
    text = COMPUTED[name]["label"] if name in COMPUTED else design.label(name)
    unit = _unit(name, design)
    return small(text.removesuffix(f", {unit}") if unit else text)


def _unit(name: str, design: Design) -> str:
    """The unit of a number, or of the number that a factor cuts; a scaled one says its own."""
    return "" if name in design.scaled else design.unit_of(name)


def _level_label(name: str, level: str, design: Design) -> str:
    if name in COMPUTED:
        return COMPUTED[name].get("labels", {}).get(level, level)
    return design.label(name, level)


def _level(name: str, level: str, design: Design) -> str:
    """The patients of one level: "RAS mutant", "age > 60 years", "with ablation", "sex: male"."""
    text, label = _level_label(name, level, design), _label(name, design)
    if _spec(design, name).get("role") == "exposure":
        return text
    if _is_cut(name, text, design):
        return f"{label} {text} {_cut_unit(name, design)}".strip()
    if level in ("yes", "no") and text in _PLAIN:
        return f"{'with' if level == 'yes' else 'without'} {label}"
    return f"{label}: {small(text)}"


def _value(name: str, level: str, design: Design) -> str:
    """A level as a value of its column, as tables list it: "KRAS: mutant", "ablation: yes"."""
    text, label = _level_label(name, level, design), _label(name, design)
    if text in _PLAIN:
        return f"{label}: {small(text)}"
    if _spec(design, name).get("role") != "exposure":
        return _level(name, level, design)
    return f"{label}: {level if level in ('yes', 'no') else _unlike(text, label + ' ')}"


def _own(name: str, level: str, design: Design) -> str:
    """The column, where one before it has a level of the same words (RAS wild type)."""
    text = _level_label(name, level, design)
    for other, spec in design.columns.items():
        if other == name:
            break
        if text in spec.get("labels", {}).values() and spec.get("role") == "exposure":
            return f" ({_label(name, design)})"
    return ""


def _is_cut(name: str, text: str, design: Design) -> bool:
    """Whether a label is a comparison, or a band by its numbers: "> 60", "50 to < 60"."""
    signs = ("<", ">", "≤", "≥", "=")
    return text.startswith(signs) or (text[:1].isdigit() and design.cut(name) is not None)


def _cut_unit(name: str, design: Design) -> str:
    """The unit behind a cut-off, where the label of the factor holds it."""
    unit = _unit(name, design)
    return unit if unit and design.label(name).endswith(f", {unit}") else ""


def _against(name: str, level: str, design: Design) -> str:
    """A level against the reference: "RAS mutant against wild type", "age > 60 against ≤ 60"."""
    levels = _spec(design, name).get("levels", ())
    label = _label(name, design)
    if not level:
        unit = _unit(name, design).removesuffix("s")
        each = f" (per {unit})" if unit and not levels else ""
        return f"{label} (all levels)" if len(levels) > 2 else label + each
    if not levels or level == levels[0]:
        return _value(name, level, design)
    text, other = (_level_label(name, one, design) for one in (level, levels[0]))
    if _spec(design, name).get("role") == "exposure":
        return f"{text} against {_unlike(other, text)}"
    if _is_cut(name, text, design):
        return f"{label} {text} against {other} {_cut_unit(name, design)}".strip()
    return f"{label} ({small(text)} against {small(other)})"


def _unlike(text: str, other: str) -> str:
    """A label without the first word that it shares with another: "wild type"."""
    first, _, rest = text.partition(" ")
    return rest if rest and other.startswith(first + " ") else text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if re.match(r"[a-z]{2}", text) else text


# ---- numbers ----------------------------------------------------------------


def _quantity(record: Mapping[str, Any], design: Design) -> str:
    statistic, parts = record["statistic"], _parts(record, design)
    name, level = record["covariate"], record["level"]
    if statistic in (*_COUNTS, "difference") and _level_label(name, level, design) in _PLAIN:
        parts["what"] = _level(name, level, design)
    head, used = _head(statistic, parts, record)
    rest = (
        parts[k] for k in ("what", "endpoint", "group", "model", "among", "time") if k not in used
    )
    text = ", ".join(filter(None, [head, *rest]))
    return f"{text}: {_ENDS[statistic]}" if statistic in _ENDS else text


def _head(
    statistic: str, parts: Mapping[str, str], record: Mapping[str, Any]
) -> tuple[str, tuple[str, ...]]:
    """The first words of a name, and which parts they hold already."""
    what, endpoint = parts["what"], parts["endpoint"]
    label = statistic_words(record)
    if statistic in _CURVES and endpoint:
        return _curve(statistic, parts, record)
    if statistic in _COUNTS:
        label = _counted(statistic, record, label)
    if statistic in _COUNTS and not record["model"]:
        joint = " " if record["covariate"] == "flow" or what.startswith("with") else ", "
        return joint.join(filter(None, [label, what])), ("what",)
    if statistic in _ENDS:
        return what, ("what",)
    if statistic == "median":
        return f"median {what}", ("what",)
    if statistic == "difference":
        return _difference(parts, record)
    if statistic in _OF_A_GROUP or not what:
        return label, ()
    return f"{label} of {what}" + (f" for {endpoint}" if endpoint else ""), ("what", "endpoint")


def _counted(statistic: str, record: Mapping[str, Any], label: str) -> str:
    """Patients in a table; in a model it may be resamples, or specifications."""
    if statistic == "percent":
        return "percentage" if record["model"] else label
    return f"number of {record.get('unit') or 'patients'}"


def _curve(
    statistic: str, parts: Mapping[str, str], record: Mapping[str, Any]
) -> tuple[str, tuple[str, ...]]:
    endpoint = parts["endpoint"]
    if statistic == "survival_rate" and parts["time"]:
        return f"{_years(record['time'])} {endpoint}", ("endpoint", "time")
    first = {"median_survival": "median", "rmst": "restricted mean", "survival_rate": "rate of"}
    return f"{first[statistic]} {endpoint}", ("endpoint",)


def _difference(parts: Mapping[str, str], record: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    if not record["covariate"] and parts["endpoint"] and parts["time"]:
        return f"difference in {_years(record['time'])} {parts['endpoint']}", ("endpoint", "time")
    of = "percentage of patients" if record["level"] else ""
    joint = " " if not of or parts["what"].startswith("with") else ", "
    return f"difference in {of}{joint if of else ''}{parts['what']}", ("what",)


def _years(months: float) -> str:
    """60 as "5-year", 30 as "30-month"."""
    whole = months >= 12 and months % 12 == 0
    return f"{months / 12:g}-year" if whole else f"{months:g}-month"


# ---- what may be sent --------------------------------------------------------------

_CELLS = ("n", "missing", "n_at_risk", "cumulative_events", "events")


def safe_banner(k: int, run: str, own: bool) -> str:
    """The line at the top of a report that was made safe and passed the attack."""
    whose = "Your own cohort. " if own else ""
    return (
        f"{whose}Numbers of fewer than {k} patients are hidden (--safe {k}); checked by attack "
        f"on {run}: each keeps at least {k} possible values. This is not anonymisation; your "
        "institution decides on release."
    )


def small_cells(rows: pd.DataFrame, k: int = 5) -> int:
    """How many counts of 1 to K - 1 patients the rows of a report print."""
    counts = rows[rows["statistic"].isin(_CELLS)]["estimate"].astype(float)
    return int(((counts > 0) & (counts < k)).sum())


def unsafe_banner(cells: int, k: int = 5) -> str:
    """The line at the top of a report on the reader's own patients that was not made safe."""
    noun = "cell" if cells == 1 else "cells"
    return (
        f"Not for sending. This report holds numbers of single patients: {cells} {noun} under "
        f"{k}, extremes, single deaths on the curves. Make one to send with --safe {k}."
    )
