"""Words that all readings share: a value with its unit, a sentence, a paragraph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from crlm.ledger import as_records
from crlm.numbers import HIDDEN, NOTHING, decimals_of, estimate, limits, number

Row = Mapping[str, Any]
RATIOS = {
    "hazard_ratio": "HR",
    "odds_ratio": "OR",
    "subdistribution_hazard_ratio": "subdistribution HR",
}
_UNITS = {"months": " months", "%": " %"}


def value_text(row: Row) -> str:
    """An estimate with its unit: `44.0 months`; words where there is no number."""
    text = estimate(row)
    if text in ("not reached", HIDDEN):
        return text
    if text == NOTHING:
        return lacking(row)
    return text + _UNITS.get(str(row["unit"]), "")


def lacking(row: Row) -> str:
    """What a sentence has in place of an estimate: hidden by a safe report, or there is none."""
    method = str(row["method"])
    return HIDDEN if method.startswith(HIDDEN) or "hidden (<" in method else "not estimable"


def records_of(rows: pd.DataFrame, **wanted: str) -> list[dict[str, Any]]:
    """The rows in which each named key has the wanted value."""
    chosen = rows
    for name, value in wanted.items():
        chosen = chosen[chosen[name] == value]
    return as_records(chosen)


def keys_of(row: Row) -> tuple[Any, ...]:
    """What an estimate and its test share."""
    names = ("endpoint", "population", "group", "covariate", "level", "model")
    return tuple(row[name] for name in names)


def is_unjudged(method: str) -> bool:
    """Whether a flag's method says that there was nothing to judge by."""
    return any(words in method for words in ("not judged", "not tested", "not asked"))


def capital(text: str) -> str:
    """The text with a capital in front."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """The text as a sentence; empty text stays empty."""
    return f"{capital(text)}." if text else ""


def paragraph(sentences: Iterable[str]) -> str:
    """Sentences as one paragraph, empty ones left out."""
    return " ".join(text for text in sentences if text)


def ending(found: Mapping[tuple[str, str], Row], end: str, statistic: str) -> Any:
    """The row of a specification curve whose model ends so; None where there is none."""
    for (name, what), row in found.items():
        if what == statistic and name == f"specification curve{end}":
            return row
    return None


def more(row: Row, what: str) -> str:
    """A difference in words: "12.3 points more (95 % CI of the difference 2.1–20.4)"."""
    size = number(abs(row["estimate"]), decimals_of(row))
    way = "more" if row["estimate"] >= 0 else "fewer"
    both = limits(row)
    return f"{size} {what} {way}" + (f" (95 % CI of the difference {both})" if both else "")
