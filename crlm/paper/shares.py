"""Shares of the groups within each level of other columns: percentages of rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crlm import baseline
from crlm.ledger import rows as result_rows
from crlm.numbers import counted
from crlm.paper.base import Base, Section, nothing
from crlm.report import html
from crlm.report.shares import shares_table


class Shares(Base):
    """The section of row percentages."""

    def shares(self, by: str, within: Sequence[str]) -> Section:
        """How the patients of each level divide into the groups.

        Parameters
        ----------
        by : str
            The column that makes the groups; patients of unknown group are left out.
        within : sequence of str
            Columns and factors, a level a row.
        """
        title = f"{self.design.label(by)} within each level"
        if not within or not self.can(title, "patients", by):
            return nothing()
        if self.release.on:
            html.show(html.skipped(title, "A safe report tells no shares within levels."))
            return nothing()
        parts = [self._within(by, name) for name in self.usable(self.included, within)]
        rows = self.add(*parts) if parts else result_rows([])
        if rows.empty:
            return nothing()
        table = shares_table(rows, self.design, by, caption=title)
        summary = f"{title}: {counted(len(parts), 'characteristic')}"
        return self.section(rows, [html.fold(summary, table)])

    def _within(self, by: str, name: str) -> pd.DataFrame:
        """Counts and shares of the groups among the patients of each level."""
        made = baseline.table_one(self.included, name, [by])
        return made[
            (made["covariate"] == by) & (made["level"] != "") & made["group"].str.contains("=")
        ]

    def printed_shares(self) -> list[str]:
        """Columns within whose levels print has the shares of Table 1's groups."""
        by, claims = self.design.table_one["by"], self.claims
        told = (claims["covariate"] == by) & (claims["statistic"] == "percent")
        told &= (claims["population"] == "all") & claims["group"].str.contains("=")
        names = [str(group).partition("=")[0] for group in claims.loc[told, "group"]]
        return [name for name in dict.fromkeys(names) if name != by and name in self.included]
