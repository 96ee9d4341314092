"""Incidence rates: events over patient-years by group, and two rates against each other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crlm import survival
from crlm.ledger import small
from crlm.ledger.claim_rates import BETWEEN_RATES, OF_RATES
from crlm.ledger.vocabulary import ALL, POISSON, RATE_UNIT
from crlm.paper.base import Base, Section, joined, nothing
from crlm.report import html, rates, readings


class Rates(Base):
    """The section of incidence rates."""

    def rates(
        self,
        endpoint: str = "",
        by: str = "",
        *,
        population: str = ALL,
        limits: str = "",
        test: str = "",
        unit: str = "",
        folded: bool = False,
    ) -> Section:
        """Events, patient-years and rates of groups with limits; each rate against the first.

        Parameters
        ----------
        endpoint : str
            As in the design; its clock and follow-up make the patient-years. None: every table of
            rates that print has, none where it has none.
        by : str
            Column whose levels are the groups; none: all patients together.
        population : str
            Whose: `column=level`, as of matched pairs.
        limits, test : str
            As `survival.rates`; the design's `rate_limits` and `rate_test` if left out.
        unit : str
            "per 100 patient-years" and its like; that of print if left out.
        folded : bool
            The table behind one line; the sentence stays in sight.
        """
        asked = {"limits": limits, "test": test, "unit": unit, "folded": folded}
        if not endpoint:
            found = [
                (name, *one) for name in self.design.endpoints for one in self.printed_rates(name)
            ]
            parts = [self.rates(name, by, population=of, **asked) for name, by, of in found]
            return Section(joined(*(part.rows for part in parts)))
        label = self.design.endpoints[endpoint]["label"]
        title = f"Incidence rate: {small(str(label))}"
        title += f" by {small(self.design.label(by))}" if by else ", all patients"
        if population != ALL:
            whose = self.design.population_label(population)
            title = f"{title.removesuffix(', all patients')}, {whose}"
        if not self.can(title, endpoint, *([by] if by else [])):
            return nothing()
        frame = self.inside(self.frames[endpoint], population)
        if frame.empty or (by and frame[by].nunique() < 2):
            html.show(html.skipped(title, "These patients are not of several groups."))
            return nothing()
        own = self.design.conventions
        rules = {
            "limits": limits or str(own.get("rate_limits") or "exact"),
            "test": test or str(own.get("rate_test") or "wald"),
            "unit": unit or self._unit_of(endpoint),
        }
        found = survival.rates(frame, by or None, population=population, **rules)
        rows = self.add(found)
        if self.hides(small(title), rows):
            return nothing()
        apart = self.prints(("rate_difference",), endpoint=[endpoint]) and not self.release.on
        number = self._table_of_rates(endpoint, by, population)
        caption = f"{number}: {title}" if number else title
        notes = [*self.ungrouped(frame, [by] if by else []), *self.told("incidence")]
        piece = rates.rates_table(rows, self.design, caption=caption, notes=notes, apart=apart)
        pieces = [html.fold(f"{title}: table", piece) if folded else piece]
        return self.section(rows, pieces, readings.rates(rows, self.design, self.print))

    def printed_rates(self, endpoint: str) -> list[tuple[str, str]]:
        """(column, population) of rates that print has of an endpoint; none where it has none.

        The column is "" where it tells of all patients of the population together.
        """
        claims = self._claims_on_rates(endpoint)
        frame = self.frames.get(endpoint, self.frames["patients"])
        found = {}
        for by, population in zip(_columns(claims), claims["population"], strict=True):
            among = population == ALL or bool(self._conditions([population]))
            if among and (not by or (by in frame and bool(self.design.levels(by)))):
                found[by, population] = None
        return list(found)

    def _claims_on_rates(self, endpoint: str) -> pd.DataFrame:
        told = self.claims["statistic"].isin((*OF_RATES, *BETWEEN_RATES))
        told |= self.claims["model"] == POISSON
        told &= (self.claims["endpoint"] == endpoint) & ~self.claims["group"].str.contains(",")
        return self.claims[told]

    def _unit_of(self, endpoint: str) -> str:
        """The unit in which print has most rates of an endpoint."""
        claims = self._claims_on_rates(endpoint)
        units = claims.loc[claims["unit"].str.startswith("per "), "unit"].mode()
        return str(units.iloc[0]) if len(units) else RATE_UNIT

    def _table_of_rates(self, endpoint: str, by: str, population: str) -> str:
        claims = self._claims_on_rates(endpoint)
        own = claims[np.array([column == by for column in _columns(claims)], dtype=bool)]
        return self.table_named(own.loc[own["population"] == population, "place"])


def _columns(claims: pd.DataFrame) -> list[str]:
    """The column whose levels each claim on rates is about; "" for all patients."""
    pairs = zip(claims["covariate"], claims["group"], strict=True)
    return [name or ("" if group == ALL else group.partition("=")[0]) for name, group in pairs]
