"""What a claim or a result row is about: which of its keys a name needs, in what order.

A printed number and the computed row that answers it share their keys; here both
get the same words, so that no table has to call them by their keys.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm.ledger import STATISTICS, Design, kind_of
from crlm.ledger.models import reference_of
from crlm.ledger.vocabulary import MULTIVARIABLE
from crlm.naming.words import (
    PLAIN,
    among,
    condition,
    contrast_of,
    endpoint_words,
    incidence_words,
    label_of,
    level_label,
    level_of,
    model_words,
    value_of,
)

#: Effects that count who is free of the event, at any endpoint but a short period.
_OF_SURVIVAL = {
    "risk_difference": "Difference in survival",
    "difference_of_risk_differences": "Difference of differences in survival",
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
    "q1_follow_up",
    "q3_follow_up",
    "incidence_rate",
    "patient_years",
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
    "incidence_rate",
    "patient_years",
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


# ---- the parts of a name ----------------------------------------------------

_ORDER = ("what", "endpoint", "group", "model", "among", "time")


def _parts(record: Mapping[str, Any], design: Design) -> dict[str, str]:
    endpoint = record["endpoint"]
    named = (record["covariate"], record["population"].partition("=")[0])
    site = any(design.spec(name).get("role") == "outcome" for name in named)
    words = "" if site and endpoint == "first_recurrence" else endpoint_words(endpoint)
    if endpoint in design.incidences:
        # A level without a covariate is the competing event.
        competing = "" if record["covariate"] else record["level"]
        words = incidence_words(endpoint, design, competing)
        record = {**record, "level": "" if competing else record["level"]}
    return {
        "what": _what(record, design),
        "endpoint": words,
        "group": _group(record, design),
        "model": _model(record, design),
        "among": among(record["population"], design),
        "time": _month(record),
    }


def _model(record: Mapping[str, Any], design: Design) -> str:
    """What the number is of a model, and of which, where its patients have several."""
    kind, label = kind_of(record["model"]), design.model_label(record)
    own = kind if kind != MULTIVARIABLE or not label else ""
    return ", ".join(filter(None, [model_words(own), label]))


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
        return value_of(name, level, design) if level else label_of(name, design)
    if ":" in name:
        return _product(name, level, design)
    if _is_bare(group):
        return value_of(name, level, design) if level else label_of(name, design)
    against = record.get("reference") or reference_of(design.models, record)
    return contrast_of(name, level, design, against)


def _group(record: Mapping[str, Any], design: Design) -> str:
    """The patients that a number is of, where `what` does not say it."""
    group = record["group"]
    if group == "all":
        whole = record["population"] == "all" and record["statistic"] in _OVER_TIME
        return "all patients" if whole else ""
    if _is_bare(group):
        return _groups(group, design) if record["covariate"] else ""
    return " and ".join(condition(part, design) for part in group.split(","))


def _is_bare(group: str) -> bool:
    return group != "all" and "=" not in group


def _groups(group: str, design: Design) -> str:
    """Which groups a test compares: the two by name, or the columns that make them."""
    names = group.split(",")
    levels = design.spec(names[0]).get("levels", ())
    if len(names) == 1 and len(levels) == 2:
        return contrast_of(names[0], levels[1], design)
    return "by " + " and ".join(label_of(name, design) for name in names)


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
    label = " × ".join(label_of(part, design) for part in names)
    if not level:
        return label
    # A number has no level: what is told are the last factors.
    told = zip(reversed(names), reversed(levels), strict=False)
    inside = [level_of(part, value, design) for part, value in told]
    return f"{label} ({', '.join(reversed(inside))})"


def kind_of_model(rows: pd.DataFrame, model: str, design: Design | None = None) -> str:
    """What the rows of a regression table call a model: none of one covariate is multivariable.

    Of several models of the same patients, which the design has, each has its name.

    Examples
    --------
    >>> rows = pd.DataFrame({"model": ["multivariable"] * 2, "covariate": ["hai", ""]})
    >>> kind_of_model(rows, "multivariable")
    'model of one covariate'
    """
    own = rows[rows["model"] == model]
    if design is not None and len(own) and (label := design.model_label(own.iloc[0])):
        return label
    held = set(own["covariate"]) - {""}
    return "model of one covariate" if model == "multivariable" and len(held) == 1 else model


def the_model(rows: pd.DataFrame, model: str, design: Design) -> str:
    """A model of a regression table within a sentence: "the multivariable model", "Model 2".

    Examples
    --------
    >>> from crlm.ledger import load_design
    >>> rows = pd.DataFrame({"model": ["multivariable"] * 2, "covariate": ["hai", ""]})
    >>> rows = rows.assign(endpoint="OS", population="all")
    >>> the_model(rows, "multivariable", load_design("mskcc_hai"))
    'the model of one covariate'
    """
    own, kind = rows[rows["model"] == model], kind_of_model(rows, model, design)
    label = design.model_label(own.iloc[0]) if len(own) else ""
    return label or f"the {kind}{' model' if kind == model else ''}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if re.match(r"[a-z]{2}", text) else text


# ---- numbers ----------------------------------------------------------------


def _quantity(record: Mapping[str, Any], design: Design) -> str:
    statistic, parts = record["statistic"], _parts(record, design)
    name, level = record["covariate"], record["level"]
    if statistic in (*_COUNTS, "difference") and level_label(name, level, design) in PLAIN:
        parts["what"] = level_of(name, level, design)
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
    if statistic == "cumulative_incidence" and endpoint and not what:
        return f"{label} of {endpoint}", ("endpoint",)
    if statistic in ("incidence_rate", "patient_years") and endpoint:
        return f"{label} {'of' if statistic == 'incidence_rate' else 'for'} {endpoint}", (
            "endpoint",
        )
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
