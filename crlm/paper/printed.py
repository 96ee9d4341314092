"""What print has of a study, as the sections ask for it: its statistics, months and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from crlm import ledger, privacy
from crlm.ledger.claim_rates import OF_RATES
from crlm.ledger.vocabulary import ALL, FIELDS
from crlm.survival.summaries import year_ticks

#: What print gives of curves in a table.
_OF_CURVES = ("median_survival", "survival_rate", "events")
#: What stands beside a median, by the word of a design.
_ENDS = {"range": ("min", "max"), "iqr": ("q1", "q3")}
#: And what a table of curves may have alone.
_ALONG_CURVES = (*_OF_CURVES, "n_at_risk", "cumulative_events")


def _table_named(places: pd.Series) -> str:
    """The table in which most of some claims stand: "Supplementary Table 3"; "" for none."""
    found = places.str.extract(r"^(supplementary_)?table(.+)$").dropna(subset=[1])
    if found.empty:
        return ""
    of_supplement, number = found.value_counts(dropna=False).index[0]
    return f"{'Supplementary ' * isinstance(of_supplement, str)}Table {number}"


def _columns_of(group: str) -> frozenset[str]:
    """The columns whose levels make a group, or are compared; none for all patients."""
    return frozenset(part.partition("=")[0] for part in group.split(",")) - {ALL}


class Printed:
    """Questions to the ledger of a paper on one cohort, which `Base` puts down here."""

    design: ledger.Design
    claims: pd.DataFrame
    included: pd.DataFrame
    frames: dict[str, pd.DataFrame]
    release: privacy.Release

    def prints(self, statistics: Sequence[str], **among: Sequence[str]) -> bool:
        """Whether the paper prints such a statistic of some covariates or endpoints."""
        found = self.claims["statistic"].isin(statistics)
        for column, values in among.items():
            found &= self.claims[column].isin(values)
        return bool(found.any())

    def printed_endpoints(self) -> list[str]:
        """The main endpoints, and others that print has rates, medians, events or counts of."""
        others = [name for name in self.design.endpoints if name not in self.design.main]
        told = {
            name: self.prints(_ALONG_CURVES, endpoint=[name], covariate=[""], model=[""])
            for name in others
        }
        return [*self.design.main, *(name for name in others if told[name])]

    def prints_curve(self, endpoint: str) -> bool:
        """Whether print tells of the survival, or the events, of everybody together."""
        of_all = {"endpoint": [endpoint], "group": [ALL], "covariate": [""], "model": [""]}
        return self.prints(_ALONG_CURVES, population=[ALL], **of_all)

    def printed_means(self, names: Sequence[str]) -> list[str]:
        """Those of some columns of which the paper prints a mean or a standard deviation."""
        return [n for n in names if self.prints(("mean", "sd"), covariate=[n])]

    def printed_widths(self, names: Sequence[str]) -> list[str]:
        """Those of some columns of which the paper prints a spread as one width."""
        return [n for n in names if self.prints(("iqr", "range"), covariate=[n])]

    def printed_limits(self, names: Sequence[str]) -> dict[str, str]:
        """Those of some columns of which print has limits of percentages, and how they are made."""
        own = self.claims[self.claims["field"].isin(FIELDS[1:])]
        told = {*own.loc[own["statistic"] == "percent", "covariate"]}
        return {name: self.design.percent_limits for name in names if name in told}

    def printed_spreads(self, names: Sequence[str], usual: str) -> dict[str, str]:
        """Both spreads of the columns of which print has ends that the usual one lacks."""
        others = [name for kind, of in _ENDS.items() if kind != usual for name in of]
        asked = names if usual in _ENDS else ()
        return {n: "both" for n in asked if self.prints(others, covariate=[n])}

    def months(self, endpoint: str, default: Sequence[float] = (36, 60)) -> list[float]:
        """Months at which the paper prints rates of an endpoint's curves.

        Else those of its other endpoints, else `default`, as far as anybody is followed.
        """
        rated = self.claims["statistic"].eq("survival_rate")
        rated &= ~self.claims["population"].str.contains("from month")  # These count from there.
        own = rated & self.claims["endpoint"].eq(endpoint)
        found, others = (
            sorted(self.claims.loc[asked, "time"].dropna().unique().tolist())
            for asked in (own, rated)
        )
        if found or endpoint not in self.frames:
            return found or list(default)
        last = self.frames[endpoint]["time"].max()
        within = ([month for month in some if month <= last] for some in (others, default))
        return next(filter(None, within), list(default))

    def horizons(self, endpoint: str) -> list[float]:
        """Months to which the paper prints restricted means of an endpoint."""
        asked = (self.claims["endpoint"] == endpoint) & self.claims["statistic"].isin(
            ("rmst", "rmst_difference")
        )
        return sorted(self.claims.loc[asked, "time"].dropna().unique().tolist())

    def table_of(self, model: str) -> str:
        """What the paper calls the table of a model of the design: "Table 2".

        That which has most of its multivariable numbers, else of its numbers at all; "Predictors
        of OS" where none stands in a table.
        """
        spec = self.design.models[model]
        endpoint = spec.get("endpoint") or model
        own = self.claims["endpoint"].isin((endpoint, model))
        own |= self.claims["covariate"].eq(endpoint)
        own &= self.claims["population"] == (spec.get("population") or ALL)
        for key in (self.design.model_key(model), "univariable"):
            if told := _table_named(self.claims.loc[own & (self.claims["model"] == key), "place"]):
                return told
        return f"Predictors of {self.design.endpoint_name(endpoint)}"

    def table_of_curves(self, endpoint: str, names: Sequence[str], population: str = ALL) -> str:
        """What the paper calls the table of some curves' numbers: "Table 2"; "" where it has none.

        A regression table that has medians beside its ratios is that of its model.
        """
        claims, columns = self.claims, frozenset(names)
        own = claims["statistic"].isin(_OF_CURVES) & claims["model"].eq("")
        own |= claims["model"].eq("logrank")
        own &= claims["endpoint"].eq(endpoint) & claims["population"].eq(population)
        own &= claims["group"].map(lambda group: _columns_of(group) == columns)
        modelled = claims["model"].map(ledger.kind_of).isin(("univariable", "multivariable"))
        own &= ~claims["place"].isin(claims.loc[modelled, "place"])
        # Events beside patient-years are those of rates.
        rated = claims.loc[claims["statistic"].isin(OF_RATES), "place"]
        own &= ~(claims["statistic"].eq("events") & claims["place"].isin(rated))
        return _table_named(claims.loc[own, "place"])

    def table_named(self, places: pd.Series) -> str:
        """The table in which most of some claims stand: "Table 3"; "" for none."""
        return _table_named(places)

    def months_at_risk(
        self, endpoint: str, frame: pd.DataFrame, population: str = ALL
    ) -> list[float] | None:
        """Months below curves: those at which the paper prints numbers at risk of these patients.

        Beside them whole years where print has one or two numbers alone, or none as far as its
        rates go: an axis ends with its last month. None: whole years, as in a safe report.
        """
        asked = (self.claims["endpoint"] == endpoint) & (self.claims["population"] == population)
        asked &= self.claims["statistic"] == "n_at_risk"
        months = sorted(self.claims.loc[asked, "time"].dropna().unique().tolist())
        if self.release.on or not months:
            return None
        row = len(months) > 2 and months[-1] >= self.months(endpoint)[-1]
        return months if row else sorted({*months, *year_ticks(frame)})

    def populations(self) -> list[str]:
        """Populations, but all, whose characteristics print gives: matched pairs, a subgroup.

        A group of Table 1 is none; several of its groups are.
        """
        told = (self.claims["endpoint"] == "") & (self.claims["model"] == "")
        told &= self.claims["covariate"].isin([*self.design.columns, *self.design.made])
        by = f"{self.design.table_one['by']}="
        found = self._conditions(self.claims.loc[told, "population"])
        one = [[p.startswith(by) and "/" not in p for p in name.split(",")] for name in found]
        return [name for name, ones in zip(found, one, strict=True) if not any(ones)]

    def _conditions(self, populations: Iterable[str]) -> list[str]:
        """Those that are conditions on columns that the table has."""
        found = []
        for population in dict.fromkeys(populations):
            parts = [part.partition("=") for part in population.split(",")]
            if all(sign and name in self.included for name, sign, _ in parts):
                found.append(population)
        return found

    def printed_curves(self, endpoint: str) -> list[tuple[str, str]]:
        """(column, population) of curves that print tells of besides those by the exposure.

        The column is "" where it tells of all patients of the population together.
        """
        told = self.claims["statistic"].isin(_ALONG_CURVES) & (self.claims["covariate"] == "")
        told &= self.claims["model"] == ""
        told |= (self.claims["statistic"] == "p") & (self.claims["model"] == "logrank")
        asked = self.claims[told & (self.claims["endpoint"] == endpoint)]
        frame = self.frames.get(endpoint, self.frames["patients"])
        found = {}
        for group, population in zip(asked["group"], asked["population"], strict=True):
            by = "" if group == ALL else group.partition("=")[0]
            among = population == ALL or bool(self._conditions([population]))
            usable = not by or (by in frame and bool(self.design.levels(by)))
            if "," not in group and among and usable:
                found[by, population] = None
        drawn = ((self.design.exposure, ALL), ("", ALL))
        forests = self._of_forests(asked)
        return [key for key in found if key not in drawn and key not in forests]

    def _of_forests(self, asked: pd.DataFrame) -> set[tuple[str, str]]:
        """(exposure, population) of subgroups of which print has events alone, as a forest has."""
        exposure = self.design.exposure
        own = asked[asked["group"].str.startswith(f"{exposure}=")]
        levels: dict[str, list[str]] = {}
        for population, of in own[own["population"] != ALL].groupby("population")["statistic"]:
            if {*of} == {"events"}:
                levels.setdefault(population.rpartition("=")[0], []).append(population)
        return {(exposure, one) for some in levels.values() if len(some) > 1 for one in some}

    def printed_besides(self, population: str = ALL) -> list[str]:
        """Characteristics that print compares between the groups of Table 1, and Table 1 lacks.

        Of another population than all: every one that print gives of it.
        """
        first = self.design.table_one
        of_patients = (self.claims["endpoint"] == "") & (self.claims["model"] == "")
        of_patients &= self.claims["population"] == population
        by_group = self.claims["group"].str.partition("=")[0].isin([first["by"], "all"])
        known = [*self.design.columns, *self.design.made]
        printed = dict.fromkeys(self.claims.loc[of_patients & by_group, "covariate"])
        told = (*(first["variables"] if population == ALL else ()), first["by"])
        others = [n for n in printed if n in known and n not in told]
        return self.usable(self.included, others)
