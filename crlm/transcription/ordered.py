"""Numbers of one row that cannot stand in their order: a ratio outside its own limits."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping

_FIELDS = ("conf_low", "estimate", "conf_high")
_SPREAD = ("min", "q1", "median", "q3", "max")
_MEAN = ("min", "mean", "max")
_SAME = ("endpoint", "population", "group", "covariate", "level", "model", "time", "reference")


def disordered(claims: Iterable[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """Where numbers are not in their order, and how they stand there.

    Parameters
    ----------
    claims : iterable of mapping
        Rows of `published.csv`.

    Examples
    --------
    >>> rows = [{"statistic": name, "value": value, "printed": value, "locator": "Age"}
    ...         for name, value in (("median", "17"), ("q1", "30"), ("q3", "2"))]
    >>> list(disordered(rows))
    [('Age', 'q1 30, median 17, q3 2')]
    """
    found: dict[tuple[str, ...], dict[str, Mapping[str, str]]] = {}
    for claim in claims:
        if claim.get("value"):
            own = tuple(claim.get(name, "") for name in _SAME)
            field = claim.get("field") or "estimate"
            if claim["statistic"] in {*_SPREAD, *_MEAN}:
                found.setdefault((*own, ""), {})[claim["statistic"]] = claim
            else:
                found.setdefault((*own, claim["statistic"]), {})[field] = claim
    for held in found.values():
        for names in (_FIELDS, _SPREAD, _MEAN):
            rows = [(name, held[name]) for name in names if name in held]
            values = [float(row["value"]) for _, row in rows]
            if any(one > other for one, other in itertools.pairwise(values)):
                said = ", ".join(f"{name} {row['printed']}" for name, row in rows)
                yield rows[0][1]["locator"], said.replace("conf_", "").replace("_", " ")
                break
