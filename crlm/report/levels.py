"""What stands beside the ratios of each level in a regression table: median, rates, log-rank p."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from crlm.ledger import as_records
from crlm.ledger.vocabulary import LOGRANK
from crlm.numbers import number, p_text


class Beside:
    """The curves of the levels of a table's covariates, a level a line.

    Parameters
    ----------
    rows : pandas.DataFrame
        Those of the table; `median_survival` and `survival_rate` of groups `column=level`, and `p`
        of model `logrank`, are read.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        curves = rows["statistic"].isin(["median_survival", "survival_rate"])
        curves = rows[curves & (rows["covariate"] == "")]
        tests = rows[(rows["statistic"] == "p") & (rows["model"] == LOGRANK)]
        self.times = sorted(curves.loc[curves["statistic"] == "survival_rate", "time"].unique())
        self.medians = bool((curves["statistic"] == "median_survival").any())
        self._found: dict[str, list[dict[str, Any]]] = {}
        for row in [*as_records(curves), *as_records(tests)]:
            self._found.setdefault(row["group"], []).append(row)
        self.tested = bool(len(tests))

    @property
    def heads(self) -> list[str]:
        """Heads of its columns; none where there is nothing."""
        heads = ["Median, months"] if self.medians else []
        heads += [f"{time:g}-month rate, %" for time in self.times]
        return heads + (["p (log-rank)"] if self.tested else [])

    def cells(self, name: str, level: str, first: bool) -> list[str]:
        """The cells of a line.

        Parameters
        ----------
        name, level : str
            Its covariate and level; without a level the line of all.
        first : bool
            Whether it is the first of its covariate, which has the p of them all.
        """
        own = {(r["statistic"], r["time"]): r for r in self._found.get(f"{name}={level}", ())}
        cells = [_of_level(own, "median_survival", None, 2)] if self.medians else []
        cells += [_of_level(own, "survival_rate", time, 1) for time in self.times]
        cells = cells if level else [""] * len(cells)
        test = self._found.get(name, ()) if first else ()
        return cells + ([p_text(test[0]["estimate"]) if test else ""] if self.tested else [])

    def records(self, name: str, level: str, first: bool) -> list[dict[str, Any]]:
        """The rows that a line shows."""
        own = list(self._found.get(f"{name}={level}", ())) if level else []
        return own + (list(self._found.get(name, ())) if first else [])


def _of_level(
    own: Mapping[tuple[str, float], Mapping[str, Any]], what: str, at: float | None, decimals: int
) -> str:
    """A number of a level in the decimals of the table of curves; a dash if there is none."""
    found = (row for (name, time), row in own.items() if name == what and at in (None, time))
    row = next(found, None)
    return number(row["estimate"] if row else math.nan, decimals)
