"""Percentages of rows or of columns: which of the two a table prints, by its own counts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from crlm.ledger import Design, compatible_interval
from crlm.ledger.vocabulary import ALL
from crlm.transcription.table import Transcript

#: What a percentage of Table 1 is of: the patients of the group, or those of the level.
PERCENTAGES = ("row", "column")
#: So many of the percentages fit where they are what they are taken for, so few where not.
_MOST, _FEW = 0.75, 0.5

Claim = dict[str, str]


def taken(made: Transcript, by: str, said: str) -> str:
    """Whether the percentages of Table 1 are those of rows, of columns, or of all: "whole".

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
    fits = list(_fitting(made, by))
    whose = {name: sum(name in one for one in fits) for name in ("row", "column", "whole")}
    if not fits or whose["column"] > _FEW * len(fits):
        return "column"
    most = [name for name in ("row", "whole") if whose[name] >= _MOST * len(fits)]
    return most[0] if most else "column"


def _fitting(made: Transcript, by: str) -> Iterator[set[str]]:
    """Of each percentage beside its count: of whose patients it may be.

    Of the level, "row"; of the group, "column"; of all groups together, "whole".
    """
    sizes = {c["group"]: c for c in made.claims if c["statistic"] == "n" and not c["covariate"]}
    own_sizes = {group: c for group, c in sizes.items() if group.startswith(f"{by}=")}
    for claims in _characteristics(made.claims, by).values():
        counts = _by_cell(claims, "n")
        several = len({level for _, level in counts}) > 1
        for (group, level), share in _by_cell(claims, "percent").items():
            row = [k for (_, own), k in counts.items() if own == level]
            if (group, level) not in counts or len(row) < 2:
                continue
            n = float(counts[group, level]["value"])
            column = [k for (own, _), k in counts.items() if own == group] if several else []
            sums = {"row": [row], "column": [column, [*filter(None, [sizes.get(group)])]]}
            sums["whole"] = [[*counts.values()] if several else [], [*own_sizes.values()]]
            yield {name for name, of in sums.items() if any(_fits(share, n, one) for one in of)}


def _characteristics(claims: Iterable[Claim], by: str) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim["level"] and claim["group"].startswith(f"{by}="):
            found[claim["covariate"]].append(claim)
    return found


def _by_cell(claims: Iterable[Claim], statistic: str) -> dict[tuple[str, str], Claim]:
    return {(c["group"], c["level"]): c for c in claims if c["statistic"] == statistic}


def of_all(made: Transcript, design: Design) -> Iterator[str]:
    """What to ask of columns whose percentages are of all patients, or are not as declared.

    Told by the counts: of all patients of the group, or of those of known value.

    Parameters
    ----------
    made : Transcript
        Percentages of columns.
    design : Design
        Whose `percent_of_all` names such columns.
    """
    sizes = {
        (c["population"], c["group"]): float(c["value"])
        for c in made.claims
        if c["statistic"] == "n" and not c["covariate"]
    }
    cells: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    apart: dict[tuple[str, ...], list[Claim]] = defaultdict(list)
    for claim in made.claims:
        apart[claim["population"], claim["group"], claim["covariate"]].append(claim)
    for (population, group, column), claims in apart.items():
        counts = {c["level"]: c for c in claims if c["statistic"] == "n" and c["level"]}
        size = sizes.get((population, group), 0.0)
        lacking = [float(c["value"]) for c in claims if c["statistic"] == "missing"]
        every = {*counts} == {*design.levels(column)}
        known = size - lacking[0] if lacking else sum(float(c["value"]) for c in counts.values())
        if not 0 < known < size or not (lacking or every):
            continue
        for share in claims:
            if share["statistic"] == "percent" and share["level"] in counts:
                n = float(counts[share["level"]]["value"])
                cells[column].append((_is(share, n, size), _is(share, n, known)))
    declared, named = design.percent_of_all, design.table_one.get("percent_of_all") or ()
    for column, found in cells.items():
        whole, own = (sum(one) / len(found) for one in zip(*found, strict=True))
        if whole >= _MOST and own <= _FEW and column not in declared:
            told = "its percentages are of all patients, those of unknown value too. Say so in "
            told += f'design.toml, with percent_of_all = ["{column}"] in [table_one]'
            yield f"{column}: {told}."
        if own >= _MOST and whole <= _FEW and column in declared:
            told = "its percentages are of the patients of known value; take "
            told += "it" if column in named else f"{design.source(column)}, of which it is made,"
            yield f"{column}: {told} out of percent_of_all in [table_one] of design.toml."


def _fits(share: Claim, n: float, counts: Iterable[Claim]) -> bool:
    return _is(share, n, sum(float(claim["value"]) for claim in counts))


def _is(share: Claim, n: float, total: float) -> bool:
    low, high = compatible_interval(float(share["value"]), int(share["decimals"]))
    return bool(total) and low - 1e-9 <= 100 * n / total <= high + 1e-9


def as_rows(made: Transcript, by: str) -> None:
    """Turn percentages into those of each level's patients: shares of `by` among them.

    Those of all patients stay where they add up along the levels, by their counts; others, and
    those of patients of unknown value, are of no group and are left out.
    """
    kept: list[Claim] = []
    whole = _of_levels(made.claims)
    for claim in made.claims:
        share = claim["statistic"] == "percent" and claim["level"]
        if share and claim["group"].startswith(f"{by}="):
            kept.append(_turned(claim, by))
        elif (share and not whole) or claim["statistic"] == "percent_missing":
            told = f"{claim['printed']!r} is a percentage of its row, and of no group"
            made.left_out.append(f"{claim['locator']}: {told}.")
        else:
            kept.append(claim)
    made.claims[:] = kept


def without(made: Transcript) -> None:
    """Leave out percentages that are of the patients of all groups together, and tell it."""
    shares = ("percent", "percent_missing")
    own = [c["id"] for c in made.claims if c["statistic"] in shares and c["group"] != ALL]
    texts = ", ".join(claim["printed"] for claim in made.claims if claim["id"] in own[:3])
    made.claims[:] = [claim for claim in made.claims if claim["id"] not in own]
    told = f"the percentages ({texts}, ...) are of the patients of all groups together, by their "
    told += "counts, and a row has those of one group (--percent column if they are so)"
    made.left_out.append(f"{told}.")


def _of_levels(claims: Iterable[Claim]) -> bool:
    """Whether the percentages of all patients are of all, and none of each row."""
    apart: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim["level"] and claim["group"] == ALL:
            apart[claim["covariate"]].append(claim)
    fit = []
    for found in apart.values():
        counts = [claim for claim in found if claim["statistic"] == "n"]
        n = {claim["level"]: float(claim["value"]) for claim in counts}
        shares = [claim for claim in found if claim["statistic"] == "percent"]
        fit += [c["level"] in n and len(n) > 1 and _fits(c, n[c["level"]], counts) for c in shares]
    return bool(fit) and sum(fit) >= _MOST * len(fit)


def _turned(claim: Claim, by: str) -> Claim:
    own, level = f"{claim['covariate']}={claim['level']}", claim["group"].partition("=")[2]
    among = "" if claim["population"] == "all" else claim["population"]
    words = [claim["place"], own, by, level, among, "percent"]
    made = re.sub(r"[^a-z0-9]+", "-", "-".join(filter(None, words)).casefold()).strip("-")
    return {**claim, "id": made, "group": own, "covariate": by, "level": level}
