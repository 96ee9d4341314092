"""Which diagnostics are raised beside an effect, each with what was found."""

from __future__ import annotations

import math

import pandas as pd

from crlm.ledger import FLAGS, Design
from crlm.naming import endpoint_words, method_words
from crlm.report.readings.wording import Row, capital, is_unjudged, records_of


def diagnosis(rows: pd.DataFrame, design: Design) -> list[str]:
    """A sentence for each flag that is raised, and one for all that are not, or not judged.

    Parameters
    ----------
    rows : pandas.DataFrame
        Any rows; those of statistic "flag" are read.
    design : Design
        Says a method in a reader's words.
    """
    say, told = method_words(design), []
    others: dict[str, list[str]] = {"Not raised": [], "Not judged": []}
    for row in records_of(rows, statistic="flag"):
        if math.isfinite(row["estimate"]) and row["estimate"] > 0:
            kind = FLAGS.get(row["covariate"], "note")
            reason = capital(say(row["method"]))
            told.append(f"Raised: {row['covariate']} ({kind}){_of(row, design)}. {reason}.")
        else:
            kind = "Not judged" if is_unjudged(row["method"]) else "Not raised"
            others[kind].append(f"{row['covariate']}{_of(row, design)}")
    told += [
        f"{kind}: {'; '.join(dict.fromkeys(names))}." for kind, names in others.items() if names
    ]
    return list(dict.fromkeys(told))


def _of(row: Row, design: Design) -> str:
    """The endpoint that a flag is of, where it is of one."""
    name = row["endpoint"]
    known = name in design.endpoints or name == "first_recurrence"
    return f", {endpoint_words(name)}" if known else ""
