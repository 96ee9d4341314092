"""One effect within each level of other columns, and whether it differs between them."""

from __future__ import annotations

from collections.abc import Sequence

from crlm import regression
from crlm.ledger import small
from crlm.ledger.vocabulary import ALL
from crlm.paper.base import Base, Section, nothing
from crlm.report import readings
from crlm.report.subgroups import subgroups_table


class Subgroups(Base):
    """The section of a forest of subgroups."""

    def subgroups(self, endpoint: str, of: str, within: Sequence[str]) -> Section:
        """One effect by subgroup, each with its p, and the p of each interaction.

        Parameters
        ----------
        endpoint : str
            As in the design.
        of : str
            The column whose effect it is.
        within : sequence of str
            Columns and factors whose levels are the subgroups.
        """
        title = f"{endpoint} by {small(self.design.label(of))}, within subgroups"
        if not self.can(title, endpoint, of):
            return nothing()
        within = [name for name in within if self.can(title, endpoint, name)]
        if not within:
            return nothing()
        frame, parts = self.frames[endpoint], []
        for name in within:
            for level in self.design.levels(name):
                among = f"{name}={level}"
                part = self.inside(frame, among)
                if not part.empty and part[of].nunique() > 1:
                    fit = regression.univariable(part, [of], ties=self.ties, population=among)
                    parts.append(fit)
            both = regression.interaction(frame, of, name, ties=self.ties)
            parts.append(both[both["covariate"].str.contains(":") & (both["statistic"] != "n")])
        rows = self.add(*parts)
        if self.hides(title, rows):
            return nothing()
        table = subgroups_table(rows, self.design, caption=title)
        told = readings.subgroups(rows, self.design, self.print)
        return self.section(rows, [table], told)

    def printed_subgroups(self, endpoint: str) -> list[str]:
        """Columns within whose levels print tells of the exposure's effect on an endpoint.

        Patients of a model of their own are told with that model.
        """
        exposure, claims = self.design.exposure, self.claims
        asked = claims[(claims["endpoint"] == endpoint) & (claims["kind"] == "number")]
        alone = asked[(asked["model"] == "univariable") & (asked["covariate"] == exposure)]
        own = [spec.get("population") for spec in self.design.models.values()]
        names = [p.partition("=")[0] for p in alone["population"] if p != ALL and p not in own]
        between = [c.split(":") for c in asked.loc[asked["model"] == "interaction", "covariate"]]
        names += [name for first, *rest in between if first == exposure for name in rest]
        return [name for name in dict.fromkeys(names) if self.design.levels(name)]
