"""Which diagnostics are raised beside an effect, each with what was found."""

from __future__ import annotations

import math

import pandas as pd

from crlm.ledger import FLAGS, Design
from crlm.naming import among, endpoint_words, method_words
from crlm.report.readings.wording import Row, capital, is_unjudged, records_of

_HIDDEN = "Not told in a safe report"


def diagnosis(rows: pd.DataFrame, design: Design) -> list[str]:
    """A sentence for each flag that is raised, and one for all that are not, or not judged.

    Parameters
    ----------
    rows : pandas.DataFrame
        Any rows; those of statistic "flag" are read.
    design : Design
        Says a method in a reader's words.
    """
    say, told, raised = method_words(design), [], set()
    others: dict[str, list[str]] = {"Not raised": [], "Not judged": [], _HIDDEN: []}
    for row in records_of(rows, statistic="flag"):
        name = f"{row['covariate']}{_of(row, design)}"
        if math.isfinite(row["estimate"]) and row["estimate"] > 0:
            raised.add(name)
            kind = FLAGS.get(row["covariate"], "note")
            reason = capital(say(row["method"]))
            told.append(f"Raised: {row['covariate']} ({kind}){_of(row, design)}. {reason}.")
        else:
            others[_silent(row)].append(name)
    # A flag with two rules is raised by either.
    for kind, names in others.items():
        rest = [name for name in dict.fromkeys(names) if name not in raised]
        told += [f"{kind}: {'; '.join(rest)}."] if rest else []
    return list(dict.fromkeys(told))


def _silent(row: Row) -> str:
    """Why a flag is not raised."""
    if any(words in row["method"] for words in ("hidden (<", "not shown: fewer")):
        return _HIDDEN
    return "Not judged" if is_unjudged(row["method"]) else "Not raised"


def _of(row: Row, design: Design) -> str:
    """The endpoint that a flag is of, where it is of one, and of which patients."""
    name = row["endpoint"]
    known = name in design.endpoints or name == "first_recurrence"
    whom = among(row["population"], design)
    # A landmark is another rule of the same flag, not another group of patients.
    told = (endpoint_words(name) if known else "", whom if whom.startswith("among") else "")
    return "".join(f", {text}" for text in told if text)
