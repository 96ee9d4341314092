"""Rows of Table 1 that are of the patients of a row above them: "of whom", by their percentages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from crlm.ledger import Design, compatible_interval
from crlm.ledger.vocabulary import ALL
from crlm.transcription.table import Transcript

#: Of so many percentages at least, so large a share must fit the patients of the row above, and
#: none be off by more than its last digit; so small a share may fit those of the group.
_CELLS, _MOST, _FEW = 6, 0.75, 0.5

_EXACT = 2
_LACKING = ("missing", "percent_missing")

Claim = dict[str, str]


def found(made: Transcript, design: Design) -> None:
    """Give rows whose percentages are of the patients of a level above them that population.

    Parameters
    ----------
    made : Transcript
        Of groups in columns; changed in place, and what was read so is told.
    design : Design
        It names the patients.
    """
    if len({claim["group"] for claim in made.claims} - {ALL}) < 2:
        return
    sizes = {c["group"]: float(c["value"]) for c in made.claims if not c["covariate"]}
    blocks = _blocks(made.claims)
    parents = _parents(blocks, sizes)
    for parent, some in groupby(range(len(blocks)), key=lambda at: parents[at]):
        of_one = [blocks[at] for at in some]
        whole = all(_is_whole(block, parent, blocks) for block in of_one) if parent else False
        cells = sum(len(_cells(block)) for block in of_one)
        if not parent or (cells < _CELLS and not whole):
            continue
        among = f"{parent[0]}={parent[1]}"
        for block in of_one:
            made.questions += _moved(block, parent, blocks, sizes)
        names = ", ".join(design.label(block[0]["covariate"]) for block in of_one)
        who = design.population_label(among)
        made.taken.append(f"{names}, by their percentages, as those of {who} (--percent column)")


def _moved(
    block: Sequence[Claim],
    parent: tuple[str, str],
    blocks: Sequence[Sequence[Claim]],
    sizes: Mapping[str, float],
) -> list[str]:
    """Give the rows of a block the patients of a level; what to ask of those of unknown value.

    A row "Unknown" at the end may be that of the level's own characteristic.
    """
    among = f"{parent[0]}={parent[1]}"
    lacking = [claim for claim in block if claim["statistic"] in _LACKING]
    if _are_among(lacking, _counts(parent, blocks)):
        lacking = []
    for claim in block:
        if claim not in lacking:
            _put(claim, among)
    if not lacking:
        return []
    if _make_up(lacking, parent, blocks, sizes):
        for claim in lacking:
            claim["covariate"] = parent[0]
            _put(claim)
        return []
    told = f"stands below rows of {among} and is no share of these; empty its cells, and put them "
    return [f"{lacking[0]['locator']}: {told}in by hand."]


def _blocks(claims: Sequence[Claim]) -> list[list[Claim]]:
    """The rows of each characteristic, one behind the other as the table has them."""
    known = [claim for claim in claims if claim["covariate"]]
    return [list(some) for _, some in groupby(known, key=lambda claim: claim["covariate"])]


def _cells(block: Sequence[Claim]) -> list[tuple[str, float, Claim]]:
    """Group, count and percentage of each cell of a level that has both, and any patient."""
    counts = {(c["group"], c["level"]): float(c["value"]) for c in block if c["statistic"] == "n"}
    return [
        (claim["group"], counts[claim["group"], claim["level"]], claim)
        for claim in block
        if claim["statistic"] == "percent"
        and claim["level"]
        and counts.get((claim["group"], claim["level"]))
    ]


def _parents(
    blocks: Sequence[Sequence[Claim]], sizes: Mapping[str, float]
) -> list[tuple[str, str] | None]:
    """The level above whose patients each block is of; one that nothing tells is as its like."""
    made = [_parent(at, blocks, sizes) for at in range(len(blocks))]
    for at, block in enumerate(blocks):
        before = made[at - 1] if at and not made[at] else None
        counts = _counts(before, blocks)
        fits = [_fits(share, n, counts.get(group, 0.0)) for group, n, share in _cells(block)]
        if before and fits and set(fits) == {_EXACT} and not _of_group(block, sizes):
            made[at] = before
    return made


def _counts(parent: tuple[str, str] | None, blocks: Sequence[Sequence[Claim]]) -> dict[str, float]:
    """The patients of a level by group."""
    of_it = [block for block in blocks if parent and block[0]["covariate"] == parent[0]]
    return next((dict(_levels(b))[parent[1]] for b in of_it if parent[1] in dict(_levels(b))), {})


def _of_group(block: Sequence[Claim], sizes: Mapping[str, float]) -> bool:
    """Whether more than a few percentages of a block are those of its groups."""
    cells = _cells(block)
    fits = [_fits(share, n, sizes.get(group, 0.0)) == _EXACT for group, n, share in cells]
    return sum(fits) > _FEW * len(fits)


def _parent(
    at: int, blocks: Sequence[Sequence[Claim]], sizes: Mapping[str, float]
) -> tuple[str, str] | None:
    """The nearest level above whose patients the percentages of a block are of; None for none."""
    cells = _cells(blocks[at])
    groups = {group for group, *_ in cells}
    if len(groups - {ALL}) < 2 or _of_group(blocks[at], sizes):
        return None
    for own in range(at - 1, -1, -1):
        for level, counts in _levels(blocks[own]):
            if not groups <= {*counts} or blocks[own][0]["covariate"] == cells[0][2]["covariate"]:
                continue
            fits = [_fits(share, n, counts[group]) for group, n, share in cells]
            more = all(n <= counts[group] for group, n, _ in cells)
            if more and 0 not in fits and fits.count(_EXACT) >= _MOST * len(fits):
                return blocks[own][0]["covariate"], level
    return None


def _levels(block: Sequence[Claim]) -> Iterator[tuple[str, dict[str, float]]]:
    """The levels of a block, the last first, with their patients by group."""
    for level in dict.fromkeys(claim["level"] for claim in reversed(block) if claim["level"]):
        yield (
            level,
            {
                claim["group"]: float(claim["value"])
                for claim in block
                if claim["statistic"] == "n" and claim["level"] == level
            },
        )


def _fits(share: Claim, n: float, total: float) -> int:
    """`_EXACT` where a percentage is that of a count, 1 where it is one unit off, else 0."""
    if not total:
        return 0
    decimals = int(share["decimals"])
    low, high = compatible_interval(float(share["value"]), decimals)
    unit, value = 10.0**-decimals, 100 * n / total
    near = low - unit - 1e-9 <= value <= high + unit + 1e-9
    return _EXACT if low - 1e-9 <= value <= high + 1e-9 else int(near)


def _is_whole(
    block: Sequence[Claim], parent: tuple[str, str], blocks: Sequence[Sequence[Claim]]
) -> bool:
    """Whether the levels of a block make up the patients of its parent, with its unknown or so."""
    counts = _counts(parent, blocks)
    for group in {claim["group"] for claim in block}:
        own = [claim for claim in block if claim["group"] == group]
        known = sum(float(claim["value"]) for claim in own if claim["statistic"] == "n")
        lacking = sum(float(claim["value"]) for claim in own if claim["statistic"] == "missing")
        if counts.get(group) not in (known, known + lacking):
            return False
    return len({claim["level"] for claim in block if claim["level"]}) > 1


def _are_among(lacking: Sequence[Claim], counts: Mapping[str, float]) -> bool:
    """Whether the percentages of patients of unknown value are of those of a level."""
    told = {c["group"]: float(c["value"]) for c in lacking if c["statistic"] == _LACKING[0]}
    shares = [c for c in lacking if c["statistic"] == _LACKING[1] and told.get(c["group"])]
    return all(_fits(c, told[c["group"]], counts.get(c["group"], 0.0)) for c in shares)


def _make_up(
    lacking: Sequence[Claim],
    parent: tuple[str, str],
    blocks: Sequence[Sequence[Claim]],
    sizes: Mapping[str, float],
) -> bool:
    """Whether the patients of unknown value are those that the levels of the parent lack."""
    levels = [claim for block in blocks for claim in block if claim["covariate"] == parent[0]]
    for one in (claim for claim in lacking if claim["statistic"] == _LACKING[0]):
        same = (c for c in levels if (c["statistic"], c["group"]) == ("n", one["group"]))
        if sum(float(c["value"]) for c in (*same, one)) != sizes.get(one["group"]):
            return False
    return True


def _put(claim: Claim, among: str = "") -> None:
    """Give a claim its population, and the id that it has with it."""
    told = ",".join(filter(None, [claim["population"].removeprefix(ALL), among])) or ALL
    names = ("group", "covariate", "level", "model", "endpoint")
    words = [*(claim[name] for name in names), told]
    words = [claim["place"], *(word for word in words if word != ALL)]
    made = "-".join(filter(None, [*words, claim["statistic"]])).casefold()
    claim["population"] = told
    claim["id"] = re.sub(r"[^a-z0-9]+", "-", made).strip("-")
