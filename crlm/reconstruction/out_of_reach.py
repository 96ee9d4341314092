"""Printed numbers that no cohort of these groups can have, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from crlm.ledger import Design, as_records
from crlm.ledger.vocabulary import ALL, FROM_MONTH
from crlm.reconstruction import spreads
from crlm.reconstruction.models import Where, levels_of, where_of
from crlm.reconstruction.quantities import among_known

Wishes = Mapping[str, Any]


def out_of_reach(design: Design, wishes: Wishes, claims: pd.DataFrame) -> dict[str, str]:
    """What print has otherwise than any cohort that is made of these groups, and the remedy.

    Parameters
    ----------
    design : Design
    wishes : mapping
        From `wishes_of`; what it excludes is passed over.
    claims : pandas.DataFrame
        From `ledger.load_claims`.

    Returns
    -------
    dict of str to str
        By the id of the claim: sizes that are not the sum of their groups, and medians of whole
        numbers at a half, where the number of patients is odd.

    Raises
    ------
    DesignError
        If print does not give the sizes of the groups.
    """
    kept = ~claims["id"].isin(list(wishes.get("excluded") or {}))
    told = claims[kept & (claims["kind"] == "number") & (claims["operator"] == "=")]
    told = told[(told["field"] == "estimate") & (told["endpoint"] == "") & (told["model"] == "")]
    return dict([*_sizes(design, wishes, told, claims), *_halves(design, wishes, told, claims)])


def _sizes(
    design: Design, wishes: Wishes, told: pd.DataFrame, claims: pd.DataFrame
) -> Iterator[tuple[str, str]]:
    """Sizes of patients whom the groups make, and that are not the sum of these groups."""
    names = " and ".join(wishes["groups"]["columns"])
    for claim in as_records(told[(told["statistic"] == "n") & (told["covariate"] == "")]):
        held = _patients(design, wishes, claims, among_known(claim, design))
        if held is not None and held != claim["value"]:
            yield (
                claim["id"],
                f"the groups of {names} make {held} patients, and print has {claim['value']:g}; a "
                "cohort has those of the groups. Correct the number that is wrong, or, where "
                f"{names} is not known of all, name this size in [excluded].",
            )


def _halves(
    design: Design, wishes: Wishes, told: pd.DataFrame, claims: pd.DataFrame
) -> Iterator[tuple[str, str]]:
    """Medians of whole steps that lie between two of them, of an odd number of patients."""
    by = design.table_one["by"]
    for claim in as_records(told[(told["statistic"] == "median") & (told["decimals"] > 0)]):
        name, spec = claim["covariate"], wishes.get("columns", {}).get(claim["covariate"], {})
        if name not in design.columns or levels_of(design, name) or spec.get("may_be_missing"):
            continue
        steps = claim["value"] / spreads.step(design, claims, name, spec)
        where = where_of(claim["population"], claim["group"])
        size = _patients(design, wishes, claims, claim)
        if size is None or abs(steps % 1 - 0.5) > 1e-6 or "median" in spec.get("misread", ()):
            continue
        gaps = spreads.unknown(design, wishes, claims, name)
        groups = [level for level in design.levels(by) if (by, level) in where or not where]
        known = size - sum(gaps.get(level, 0) for level in groups)
        if known % 2 and groups:
            yield (
                claim["id"],
                f"{claim['value']:g} lies between two values of {name}, as the median of an even "
                f"number of patients can; here {known} have one. Say of how many it is unknown "
                f"([columns.{name}] unknown = {{ {groups[0]} = "
                f"{gaps.get(groups[0], 0) + 1} }}), or declare a smaller grid.",
            )


def _patients(
    design: Design, wishes: Wishes, claims: pd.DataFrame, claim: Mapping[str, Any]
) -> int | None:
    """Patients of a cohort who have a claim's conditions; None where its groups do not tell."""
    if FROM_MONTH in claim["population"]:
        return None
    bare = {part for part in claim["group"].split(",") if "=" not in part} - {"", ALL}
    where: Where = where_of(claim["population"], claim["group"])
    names = wishes["groups"]["columns"]
    if bare or not {name for name, _ in where} <= {*names}:
        return None
    sizes = spreads.group_sizes(design, wishes, claims)
    return sum(
        size
        for levels, size in sizes.items()
        if all(dict(zip(names, levels, strict=True))[name] in at.split("/") for name, at in where)
    )
