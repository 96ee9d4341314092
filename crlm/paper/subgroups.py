"""One effect within each level of other columns, and whether it differs between them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crlm import ledger, regression
from crlm.ledger import models, small
from crlm.ledger.vocabulary import ALL
from crlm.paper.base import Base, Section, nothing
from crlm.report import figures, readings
from crlm.report.subgroups import subgroups_table


def _sizes(part: pd.DataFrame, of: str, among: str, endpoint: str) -> pd.DataFrame:
    """Patients of a subgroup by the levels of the effect's column; their events, and of all."""
    events = {"statistic": "events", "unit": "events", "endpoint": endpoint}
    every = {"population": among, "group": ALL, "n": len(part)}
    found = [{**every, **events, "estimate": int(part["event"].sum())}]
    for level, some in part.groupby(of, observed=True):
        keys = {"population": among, "group": f"{of}={level}", "n": len(some)}
        found.append({**keys, "statistic": "n", "unit": "patients", "estimate": len(some)})
        found.append({**keys, **events, "estimate": int(some["event"].sum())})
    return ledger.rows(found)


class Subgroups(Base):
    """The section of a forest of subgroups."""

    def subgroups(
        self, endpoint: str, of: str, within: Sequence[str], *, population: str = ALL
    ) -> Section:
        """One effect by subgroup, as a forest and a table, and the p of each interaction.

        Parameters
        ----------
        endpoint : str
            As in the design.
        of : str
            The column whose effect it is.
        within : sequence of str
            Columns and factors whose levels are the subgroups.
        population : str
            Among whom: `column=level`, as of matched pairs.
        """
        title = f"{endpoint} by {small(self.design.label(of))}, within subgroups"
        if population != ALL:
            title += f", {self.design.population_label(population)}"
        if not self.can(title, endpoint, of):
            return nothing()
        within = [name for name in within if self.can(title, endpoint, name)]
        everybody, parts = self.inside(self.frames[endpoint], population), []
        frame = self.as_modelled(everybody, endpoint, population)
        held = self._of_models(endpoint)  # Their p is by the test of the model's table.
        if self._alone(endpoint, of, population) and not frame.empty and frame[of].nunique() > 1:
            fit = regression.univariable(frame, [of], ties=self.ties, population=population)
            parts += [fit, _sizes(frame, of, population, endpoint)]
        if not within and not parts:
            return nothing()
        for name in within:
            for level in self.design.levels(name):
                among = ",".join([population, f"{name}={level}"][population == ALL :])
                part = self.inside(everybody, f"{name}={level}")
                part = self.as_modelled(part, endpoint, among)
                if not part.empty and part[of].nunique() > 1:
                    fit = regression.univariable(part, [of], ties=self.ties, population=among)
                    fit = fit[fit["statistic"] != "p"] if among in held else fit
                    parts += [fit, _sizes(part, of, among, endpoint)]
            rules = {"ties": self.ties, "test": self.design.interaction_test}
            both = regression.interaction(frame, of, name, population=population, **rules)
            parts.append(both[both["covariate"].str.contains(":") & (both["statistic"] != "n")])
        rows = self.add(*parts)
        if self.hides(title, rows):
            return nothing()
        drawn = figures.subgroups(rows, self.design, title=title)
        table = subgroups_table(rows, self.design, caption=title)
        told = readings.subgroups(rows, self.design, self.print)
        return self.section(rows, [*drawn, table], told, next(iter(drawn), None))

    def _alone(self, endpoint: str, of: str, population: str) -> bool:
        """Whether the effect among all of a forest's patients is told nowhere else."""
        if population == ALL or population in self._of_models(endpoint):
            return False
        return (of, population) not in self.printed_curves(endpoint)

    def _of_models(self, endpoint: str) -> set[str]:
        """Populations that a model of an endpoint has of its own."""
        of = [models.about(name, spec) for name, spec in self.design.models.items()]
        return {among for name, among in of if name == endpoint}

    def printed_subgroups(self, endpoint: str) -> dict[str, list[str]]:
        """Columns within whose levels print tells of the exposure's effect on an endpoint.

        By population, as a paper has a forest of all patients and one of matched pairs. Patients
        of a model of their own are told with that model.
        """
        exposure, claims = self.design.exposure, self.claims
        asked = claims[(claims["endpoint"] == endpoint) & (claims["kind"] == "number")]
        alone = asked[(asked["model"] == "univariable") & (asked["covariate"] == exposure)]
        of_models = self._of_models(endpoint)
        found: dict[str, dict[str, None]] = {}
        drawn = {among for by, among in self.printed_curves(endpoint) if by == exposure}
        levels: dict[tuple[str, str], list[str]] = {}
        for told in dict.fromkeys(alone.loc[alone["population"] != ALL, "population"]):
            among, _, within = told.rpartition(",")
            levels.setdefault((among or ALL, within.partition("=")[0]), []).append(told)
        for (among, name), of_levels in levels.items():
            # Matched pairs, and nothing of the unmatched, are no subgroup: their curves tell it.
            alone_drawn = len(of_levels) == 1 and of_levels[0] in drawn
            if name == exposure:
                # Two of its arms, say: no subgroup of the effect, but those among whom it is.
                for told in of_levels:
                    if self._alone(endpoint, exposure, told):
                        found.setdefault(told, {})
            elif not alone_drawn and not of_models.issuperset(of_levels):
                found.setdefault(among, {})[name] = None
        both = asked[asked["model"] == "interaction"]
        for told, product in zip(both["population"], both["covariate"], strict=True):
            first, *rest = product.split(":")
            if first == exposure:
                found.setdefault(told, {}).update(dict.fromkeys(rest))
        kept = {
            told: [name for name in names if self.design.levels(name)]
            for told, names in found.items()
        }
        return {told: names for told, names in kept.items() if names or not found[told]}

    def prints_ratio(self, endpoint: str, by: str = "", population: str = ALL) -> bool:
        """Whether print has the ratio of a column, else the exposure, and no model has it."""
        by = by or self.design.exposure
        told = {"endpoint": [endpoint], "covariate": [by], "population": [population]}
        held = any(
            models.about(name, spec) == (endpoint, population) and by in spec["covariates"]
            for name, spec in self.design.models.items()
        )
        return not held and self.prints(("hazard_ratio",), model=["univariable"], **told)
