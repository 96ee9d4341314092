"""What a result is called on the page of a batch: the words of the reports where they are known."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from crlm.ledger import KEYS, STATISTICS, Design, load_design, studies
from crlm.naming import describe
from crlm.refusals import number

_SHORT = {"hazard_ratio": "HR", "odds_ratio": "OR", "median_survival": "median"}
_SHORT |= {"subdistribution_hazard_ratio": "subdistribution HR"}
_ANY_CUT = "x"
#: How a cut-off without its number stands in a name: "> x", "More than x".
_CUT_IN_A_NAME = re.compile(r"(?:[<>≤≥]|\bthan) x\b")


def label_of(keys: Mapping[str, Any]) -> str:
    """A result in words that a table's head has room for.

    Parameters
    ----------
    keys : mapping
        The keys of a result row as text, and `study`. A key may hold several values, or stand
        for any: then its text is shown as it is.

    Examples
    --------
    >>> keys = {"study": "mskcc_hai", "endpoint": "OS", "covariate": "hai", "level": "yes"}
    >>> label_of({**keys, "model": "multivariable", "statistic": "hazard_ratio"})
    'HR: HAI against no HAI, OS, multivariable'
    """
    statistic = str(keys["statistic"])
    known = STATISTICS.get(statistic)
    kind = _SHORT.get(statistic) or (known.label if known else statistic.replace("_", " "))
    return f"{kind}: {_words(keys)}"


def apart(told: Sequence[str], keys: Mapping[str, Any]) -> str:
    """What tells a result from others under one label: these keys of it, in words."""
    kept = {*told, "study", "statistic", *(["covariate"] if "level" in told else [])}
    words = _words({name: value for name, value in keys.items() if name in kept})
    rest = [str(keys[name]) for name in ("statistic", "unit") if name in told]
    usual = [] if set(told) <= {"study", "statistic", "unit"} else [words]
    rest += [str(keys["study"])] if "study" in told else []
    return ", ".join(filter(None, [*usual, *rest]))


def cut_note(labels: Iterable[str]) -> list[str]:
    """What x means, where a name has a cut-off, which each run may set."""
    known = any(map(_CUT_IN_A_NAME.search, labels))
    return ["x in a name is a cut-off, which each run may set."] if known else []


def _words(keys: Mapping[str, Any]) -> str:
    usual = {"group": "all", "population": "all"}
    row = {name: str(keys.get(name) or usual.get(name, "")) for name in KEYS}
    time = number(row["time"])
    plain = {**row, "time": math.nan if time is None else time}
    words = describe(plain, _design(str(keys.get("study") or "")))
    return f"{words}, month {row['time']}" if time is None and row["time"] else words


@functools.cache
def _design(study: str) -> Design:
    """The study's words, none where the ledger does not know it.

    A cut-off, which may be another in each run, has no number.
    """
    if study not in studies():
        return Design(study, "", "", "", {}, {}, {}, (), {}, {}, {}, Path())
    design = load_design(study)
    factors = {
        name: {**spec, **_without_cut(spec)} if "cut" in spec else spec
        for name, spec in design.factors.items()
    }
    return replace(design, factors=factors)


def _without_cut(spec: Mapping[str, Any]) -> dict[str, Any]:
    labels = spec.get("labels", {}).items()
    label = {"label": spec["label"].replace("{cut}", _ANY_CUT)} if "label" in spec else {}
    return {**label, "labels": {level: text.replace("{cut}", _ANY_CUT) for level, text in labels}}
