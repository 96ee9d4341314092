"""What a safe report says of itself, and what is taken out of the methods of its rows."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import KEYS

#: Numbers in a method that are conventions; a part with any other number is left out.
_CONVENTION = re.compile(
    r"S <= 0\.5|\b\d+ df\b|±? ?1\.96|95 ?%|p [<>]=? ?0?\.\d+|below 0?\.\d+|type [67]|"
    r"Conover \d+|Dalton \d+|step \d+|month \d+\b|\d+ bootstrap samples|seed \d+|"
    r"conf_level|>= 0?\.\d+|\d+ permutations|codon\d+"
)
_CASES = re.compile(r"complete cases: \d[\d,]* of \d[\d,]* patients")


def told(k: int) -> dict[str, str]:
    """The notes under what a safe report shows, by what they stand under."""
    return {
        "table": (
            f"Counts are in bands of {k} and shown by the middle of the band (<{k}: nought to "
            f"{k - 1}); the largest number of each column is what is left over; percentages and "
            "p values are from these counts and are not for citation."
        ),
        "continuous": (
            f"Medians and quartiles are means of the {_word(k)} patients around them; extremes "
            "are not shown."
        ),
        "curve": (
            f"The curve joins points at least {_word(k)} events apart; numbers at risk are in "
            f"bands of {k}; it ends where fewer than {_word(k)} are left."
        ),
        "incidence": (
            f"Rates have two digits, of groups with {4 * k} patients and {_word(k)} with and "
            "without the event; counts, patient-years and limits are not shown."
        ),
        "rates": f"Rates are in steps of {_word(k)} patients.",
        "models": (
            f"Ratios are exact; those with fewer than {_word(k)} patients with or without the "
            "event in a level are not shown."
        ),
        "flow": (
            f"Exclusions are in bands of {k}; the number included is exact, those before it "
            "follow from the bands."
        ),
        "batch": f"Choices that move fewer than {_word(k)} patients are not run.",
    }


#: How much a row of a safe report leaves open, by what its method says; the last that fits.
_OPEN = ("band of", "sum of bands", "hidden (<")


def plainest(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Released rows as one frame, each quantity once: as the table says that tells most of it.

    One count may be hidden in a table where it is a part, and a band in another: to a reader of
    the report both are known, and to the attack.
    """
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    left_open = np.zeros(len(rows), dtype=int)
    for rank, words in enumerate(_OPEN, 1):
        left_open[rows["method"].str.contains(words, regex=False).to_numpy()] = rank
    order = np.argsort(left_open, kind="stable")
    return rows.iloc[order].drop_duplicates(list(KEYS)).sort_index(ignore_index=True)


def _word(k: int) -> str:
    words = "three four five six seven eight nine ten eleven twelve".split()
    return words[k - 3] if k - 3 < len(words) else str(k)


def method(text: str) -> str:
    """A method without the numbers of patients or times that it may hold."""
    text = _CASES.sub("complete cases", text)
    kept = [part for part in re.split(r"(?<=[;,]) ", text) if not _numbers(part)]
    return " ".join(kept).rstrip(";, ")


def _numbers(text: str) -> bool:
    return bool(re.search(r"\d", _CONVENTION.sub("", text)))


def with_note(row: Mapping[str, Any], *notes: str) -> str:
    """A row's method, clean, and what was done to its number."""
    parts = [method(str(row["method"])), *notes]
    return "; ".join(part for part in dict.fromkeys(parts) if part)


def blank(row: Mapping[str, Any], k: int) -> dict[str, Any]:
    """A row of which nothing is shown but that it is not."""
    fields = ("estimate", "conf_low", "conf_high", "n", "events")
    return {
        **row,
        **dict.fromkeys(fields, math.nan),
        "method": with_note(row, f"hidden (<{k})"),
    }
