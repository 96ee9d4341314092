"""How long a step of one SD is to a search: as print has the SD.

The cohort's own SD moves while numbers change hands; a report and the certificate take that one.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from crlm.ledger import Design, DesignError
from crlm.ledger.vocabulary import ALL


def with_printed_steps(design: Design, claims: pd.DataFrame) -> Design:
    """The design with each step of one SD as the number of units that print gives.

    Parameters
    ----------
    design : Design
    claims : pandas.DataFrame
        From `ledger.load_claims`: the SD of all patients, or size, mean and SD of each group of
        Table 1, of which that of all follows: sum of (n - 1) s^2 + n (m - M)^2, by N - 1.

    Raises
    ------
    DesignError
        If print has neither.
    """
    made = dict(design.scaled)
    for name, spec in design.scaled.items():
        if spec.get("per_sd"):
            spread = _of_all(spec["source"], design, claims)
            if not spread > 0:
                raise DesignError(
                    f"{design.study}: print has no SD of {spec['source']}, neither of all patients "
                    f"nor with the mean of each group of {design.table_one['by']}, and a search "
                    f"cannot tell how long a step of [scaled.{name}] is. Write per = NUMBER there, "
                    "with an SD that is likely."
                )
            made[name] = {"source": spec["source"], "per": spread}
    return replace(design, scaled=made)


def _of_all(source: str, design: Design, claims: pd.DataFrame) -> float:
    """The SD of a number among all patients; not a number where print does not give it."""
    of_all = claims[(claims["population"] == ALL) & (claims["endpoint"] == "")]
    of_all = of_all[(of_all["kind"] == "number") & (of_all["model"] == "")]

    def stated(statistic: str, group: str, covariate: str = source) -> float:
        asked = of_all[(of_all["statistic"] == statistic) & (of_all["group"] == group)]
        found = asked.loc[asked["covariate"] == covariate, "value"]
        return float(found.iloc[0]) if len(found) else math.nan

    if stated("sd", ALL) > 0:
        return stated("sd", ALL)
    by = design.table_one["by"]
    groups = [f"{by}={level}" for level in design.levels(by)]
    sizes = [stated("n", group, "") for group in groups]
    means, spreads = ([stated(what, group) for group in groups] for what in ("mean", "sd"))
    whole = sum(sizes)
    middle = sum(n * m for n, m in zip(sizes, means, strict=True)) / whole
    inside = sum((n - 1) * s**2 for n, s in zip(sizes, spreads, strict=True))
    between = sum(n * (m - middle) ** 2 for n, m in zip(sizes, means, strict=True))
    return math.sqrt((inside + between) / (whole - 1))
