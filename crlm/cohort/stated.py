"""Codes of a category whose meaning is stated by its header, or by what stands beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from crlm.cohort.lines import quoted
from crlm.cohort.vocabulary import level_alone

#: What stands for "unknown" among the codes of a category.
_UNKNOWN = re.compile(r"-(1|8+|9+|9*8)|9+|8{2,}|9+[78]")
_ASKED = "?"


def coded(
    name: str, header: str, guesses: Mapping[str, str], levels: Sequence[str]
) -> tuple[dict[str, str], list[str]]:
    """Codes with the levels that they state, and the lines of a codebook that say why.

    Parameters
    ----------
    name : str
        The column.
    header : str
        Of the table: "node_positive_primary" states what 1 is, and so what 0 is.
    guesses : mapping of str to str
        Every code with its level, "?" where none suggests itself.
    levels : sequence of str

    Returns
    -------
    dict, list of str
        Codes without those that stand for unknown: these are in a line `missing`.
    """
    told: dict[str, str] = dict(guesses)
    lines: list[str] = []
    plain = {code for code in told if code in ("0", "1")}
    unknown = [c for c, level in told.items() if level == _ASKED and _UNKNOWN.fullmatch(c)]
    if unknown and plain >= {"0", "1"} and set(told) - plain == set(unknown):
        listed = ", ".join(quoted(code) for code in unknown)
        lines.append(f"    missing: [{listed}]   # a code for unknown beside 0 and 1; check")
        told = {code: level for code, level in told.items() if code not in unknown}
        means = {"0": "no", "1": "yes"} if set(levels) == {"no", "yes"} else {"0": "0", "1": "1"}
        if set(means.values()) == set(levels):
            told = {code: means[code] for code in told}
    level = level_alone(header, {name: levels})[1]
    others = [one for one in levels if one != level]
    asked = {code for code, one in told.items() if one == _ASKED}
    if level and len(others) == 1 and asked and set(told) <= {"0", "1"}:
        means = {"1": level, "0": others[0]}
        told = {code: means[code] for code in told}
        lines.append(f"    # The header names {level}, so 1 is read as that; check.")
    return told, lines
