"""Curves of the levels of a model's covariates, where print has them beside their ratios."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crlm import survival
from crlm.ledger.vocabulary import ALL, LOGRANK
from crlm.paper.base import Base, joined

#: What a regression table has of the curves of each level.
_OF_LEVELS = ("median_survival", "survival_rate", "events")


class Levels(Base):
    """Medians, rates and log-rank tests beside the ratios of a regression table."""

    def printed_beside(self, model: str) -> list[str]:
        """Covariates of a model whose levels have medians, rates or events beside its ratios.

        None where the exposure alone has: the table of its curves tells them.
        """
        own = self._at_its_ratios(model)
        told = own[own["statistic"].isin(_OF_LEVELS) & ~own["group"].str.contains(",")]
        told = told[told["group"].str.contains("=")]
        columns = {group.partition("=")[0] for group in told["group"]}
        names = [name for name in self.design.models[model]["covariates"] if name in columns]
        return names if {*names} - {self.design.exposure} else []

    def printed_curves(self, endpoint: str) -> list[tuple[str, str]]:
        """(column, population) of curves that print tells of besides those by the exposure.

        The column is "" where it tells of all patients of the population together. Those that
        stand beside ratios are of the regression table.
        """
        beside = set[tuple[str, str]]()
        for name, spec in self.design.models.items():
            if (spec.get("endpoint") or name) == endpoint:
                population = str(spec.get("population") or ALL)
                beside |= {(column, population) for column in self.printed_beside(name)}
        return [key for key in super().printed_curves(endpoint) if key not in beside]

    def level_curves(
        self, model: str, names: Sequence[str], frame: pd.DataFrame, population: str
    ) -> pd.DataFrame:
        """Medians, rates, events and log-rank tests of the levels of covariates, as print has them.

        Medians where print has nothing of them.
        """
        own = self._at_its_ratios(model)
        times = sorted(own.loc[own["statistic"] == "survival_rate", "time"].dropna().unique())
        rules = {"population": population, **self.curve_rules}
        parts = [survival.by_level(frame, names, times, **rules)]
        # Of some patients alone they have no curves, which would test what the text does.
        told = self._of_its_patients(model) if population != ALL else own
        tested = {*told.loc[told["model"] == LOGRANK, "group"]}
        some = [name for name in names if name in tested and self.design.levels(name)]
        parts += [survival.logrank(frame, name, population=population) for name in some]
        found = joined(*parts)
        if len(own) and not (own["statistic"] == "median_survival").any():
            found = found[found["statistic"] != "median_survival"]
        if not self.release.on and (own["statistic"] == "events").any():
            sizes = found[found["statistic"] == "n"]
            counted = {"statistic": "events", "unit": "events", "estimate": sizes["events"]}
            found = joined(found, sizes.assign(**counted))
        return found

    def _of_its_patients(self, model: str) -> pd.DataFrame:
        """Claims on curves of a model's endpoint and patients, wherever they are printed."""
        claims = self.claims
        curves = (claims["covariate"] == "") & claims["model"].isin(("", LOGRANK))
        return claims[self._about(model) & curves]

    def _about(self, model: str) -> pd.Series:
        """Which claims are of a model's endpoint and patients."""
        spec, claims = self.design.models[model], self.claims
        endpoint, population = spec.get("endpoint") or model, spec.get("population") or ALL
        return (claims["endpoint"] == endpoint) & (claims["population"] == population)

    def _at_its_ratios(self, model: str) -> pd.DataFrame:
        """Claims on curves of a model's endpoint and patients in the tables of its ratios."""
        claims = self.claims
        keys = ("univariable", self.design.model_key(model))
        places = claims.loc[self._about(model) & claims["model"].isin(keys), "place"]
        of_it = self._of_its_patients(model)
        return of_it[of_it["place"].str.contains("table") & of_it["place"].isin(places)]
