"""Percentages of rows or of columns: which of the two a table prints, by its own counts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from crlm.ledger import compatible_interval
from crlm.transcription.table import Transcript

#: What a percentage of Table 1 is of: the patients of the group, or those of the level.
PERCENTAGES = ("row", "column")
#: So many of the percentages fit where they are what they are taken for, so few where not.
_MOST, _FEW = 0.75, 0.5

Claim = dict[str, str]


def taken(made: Transcript, by: str, said: str) -> str:
    """Whether the percentages of Table 1 are those of rows or of columns.

    Parameters
    ----------
    made : Transcript
        Read as percentages of columns.
    by : str
        The column that splits the patients.
    said : {"", "row", "column"}
        What the reader says; "": what the printed counts say, columns where they leave it open.
    """
    if said:
        return said
    of_row, of_column = [], []
    for claims in _characteristics(made.claims, by).values():
        counts = _by_cell(claims, "n")
        for (group, level), share in _by_cell(claims, "percent").items():
            row = [k for (_, own), k in counts.items() if own == level]
            column = [k for (own, _), k in counts.items() if own == group]
            if (group, level) in counts and len(row) > 1:
                n = float(counts[group, level]["value"])
                of_row.append(_fits(share, n, row))
                of_column.append(_fits(share, n, column) if len(column) > 1 else False)
    if not of_row or sum(of_row) < _MOST * len(of_row) or sum(of_column) > _FEW * len(of_column):
        return "column"
    return "row"


def _characteristics(claims: Iterable[Claim], by: str) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim["level"] and claim["group"].startswith(f"{by}="):
            found[claim["covariate"]].append(claim)
    return found


def _by_cell(claims: Iterable[Claim], statistic: str) -> dict[tuple[str, str], Claim]:
    return {(c["group"], c["level"]): c for c in claims if c["statistic"] == statistic}


def _fits(share: Claim, n: float, counts: Iterable[Claim]) -> bool:
    total = sum(float(claim["value"]) for claim in counts)
    low, high = compatible_interval(float(share["value"]), int(share["decimals"]))
    return bool(total) and low - 1e-9 <= 100 * n / total <= high + 1e-9


def as_rows(made: Transcript, by: str) -> None:
    """Turn percentages into those of each level's patients: shares of `by` among them.

    Those of all patients, and of patients of unknown value, are of no group and are left out.
    """
    kept: list[Claim] = []
    for claim in made.claims:
        share = claim["statistic"] == "percent" and claim["level"]
        if share and claim["group"].startswith(f"{by}="):
            kept.append(_turned(claim, by))
        elif share or claim["statistic"] == "percent_missing":
            told = f"{claim['printed']!r} is a percentage of its row, and of no group"
            made.left_out.append(f"{claim['locator']}: {told}.")
        else:
            kept.append(claim)
    made.claims[:] = kept


def _turned(claim: Claim, by: str) -> Claim:
    own, level = f"{claim['covariate']}={claim['level']}", claim["group"].partition("=")[2]
    among = "" if claim["population"] == "all" else claim["population"]
    words = [claim["place"], own, by, level, among, "percent"]
    made = re.sub(r"[^a-z0-9]+", "-", "-".join(filter(None, words)).casefold()).strip("-")
    return {**claim, "id": made, "group": own, "covariate": by, "level": level}
