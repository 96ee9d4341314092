"""Shares of the groups within each level of other columns: percentages of rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crlm import baseline
from crlm.ledger import rows as result_rows
from crlm.ledger import small
from crlm.ledger.vocabulary import ALL
from crlm.numbers import counted
from crlm.paper.base import Base, Section, nothing
from crlm.paper.outcomes import printed_outcomes
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
        made = baseline.table_one(self.included, name, [by], limits=self.printed_limits([by]))
        return made[
            (made["covariate"] == by) & (made["level"] != "") & made["group"].str.contains("=")
        ]

    def printed_shares(self) -> list[str]:
        """Columns within whose levels print has the shares of Table 1's groups."""
        by, claims = self.design.table_one["by"], self.claims
        told = (claims["covariate"] == by) & (claims["statistic"] == "percent")
        told &= (claims["population"] == "all") & claims["group"].str.contains("=")
        names = [str(group).partition("=")[0] for group in claims.loc[told, "group"]]
        # A p of them beside makes them a row of the table by that column.
        tested = (claims["covariate"] == by) & (claims["statistic"] == "p")
        apart = {by, *claims.loc[tested & (claims["population"] == "all"), "group"]}
        return [n for n in dict.fromkeys(names) if n not in apart and n in self.included]

    def printed_tables(self) -> list[tuple[str, str, list[str], str]]:
        """Tables of characteristics that print has besides Table 1, each once.

        Returns
        -------
        list of (str, str, list of str, str)
            What splits the patients, who they are, the characteristics, and a title: what Table 1
            lacks, other patients, and what splits the patients otherwise, as those with a
            complication from those without.
        """
        by, label = str(self.design.table_one["by"]), self.design.population_label
        found = [(by, ALL, self.printed_besides(), "Other characteristics")]
        for among in self.populations():
            title = f"Characteristics, {label(among)}"
            found.append((by, among, self.printed_besides(among), title))
        claims, others = self.claims, dict[tuple[str, str], dict[str, None]]()
        # What stands beside odds ratios is of their table.
        beside = {
            (name, str(spec.get("endpoint") or model).lower(), str(spec.get("population") or ALL))
            for model, spec in self.design.models.items()
            for name in printed_outcomes(claims, self.design, model)
        }
        told = claims[(claims["endpoint"] == "") & (claims["model"] == "")]
        known = {*self.design.columns, *self.design.made} - {by}
        tested = (told["covariate"] == by) & (told["statistic"] == "p")
        for at in told[told["covariate"].isin(known) | tested].itertuples():
            split, _, level = str(at.group).partition("=")
            population, alone = str(at.population), "," not in level and level != "known"
            alone &= split not in (ALL, by, at.covariate)
            alone &= (split, str(at.covariate), population) not in beside
            if alone and split in self.included and self.design.levels(split):
                if population == ALL or self._conditions([population]):
                    others.setdefault((split, population), {})[str(at.covariate)] = None
        for (split, among), names in others.items():
            title = f"Characteristics by {small(self.design.label(split))}"
            title += f", {label(among)}" if among != ALL else ""
            found.append((split, among, self.usable(self.included, list(names)), title))
        return [one for one in found if one[2]]
