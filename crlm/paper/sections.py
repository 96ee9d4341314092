"""The paper's own sections: patients, endpoints, tables, curves, models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from crlm import baseline, cohort, endpoints, regression, survival
from crlm.ledger import rows as result_rows
from crlm.ledger import small
from crlm.ledger.vocabulary import ALL
from crlm.numbers import counted
from crlm.paper import as_printed
from crlm.paper.base import Section, joined, nothing
from crlm.paper.models import Models
from crlm.report import characteristics, figures, html, readings, tables


class Sections(Models):
    """What stands in the paper, in its order."""

    def patients(self) -> Section:
        """The kind of cohort, the flow of patients, and every doubt about the table."""
        cohort.refuse_nobody(self.table, self.design)
        flags = cohort.eligibility(self.table, self.design)
        flow = self.add(cohort.attrition(flags, self.design))
        picture = figures.flow(flow, self.design)
        size = self.release.banner(len(self.table))
        pieces = [html.banner(self.source, size), picture, *html.caveats(flow)]
        pieces += [html.say(note) for note in self.told("flow")]
        pieces.append(html.doubts(self.doubts))
        if self.design.unfilled:
            pieces.append(html.say(self.design.unfilled, "caution"))
        return self.section(flow, pieces, readings.flow(flow, self.print), picture)

    def endpoints(
        self,
        *,
        death_without_failure: str = "censor",
        short_scp_months: float = 12.0,
        short_scp_censored: str = "not short",
        controlled_unresectable: str = "continue",
        entered_late: str = "refuse",
    ) -> Section:
        """Times and events of every endpoint, from histories or ready columns.

        Parameters are those of `endpoints.timed` and `endpoints.frames`.
        """
        self.rules: dict[str, Any] = {
            "death_without_failure": death_without_failure,
            "short_scp_months": short_scp_months,
            "short_scp_censored": short_scp_censored,
            "controlled_unresectable": controlled_unresectable,
        }
        self.entered_late = entered_late
        self.timed = endpoints.timed(self.table, self.history, self.design, **self.rules)
        self.frames = endpoints.frames(self.timed, self.design, entered_late=entered_late)
        self.release.endpoints(self.frames, self.design)
        stood_in = "" if self.release.on else cohort.stand_ins(self.included, self.design)
        pieces = [tables.endpoints_table(self.release.sizes(self.frames), self.design)]
        pieces += [html.say(stood_in)] if stood_in else []
        return self.section(result_rows([]), pieces)

    def table_one(
        self,
        by: str,
        *,
        variables: str | Sequence[str] = "variables",
        test: str | None = None,
        spread: str | None = None,
        title: str = "Table 1",
        population: str = ALL,
        smd: bool | None = None,
        folded: bool = False,
    ) -> Section:
        """Characteristics by group.

        Parameters
        ----------
        by : str
            The column that splits the patients.
        variables : str or sequence of str
            Names, or which list of the design's `table_one`.
        test, spread
            As `baseline.table_one` (the test of categories); the design's if left out.
        population : str
            Whose characteristics: `column=level`, as of matched pairs.
        smd : bool, optional
            Show the standardised mean differences too; as the design says if left out.
        folded : bool
            The table behind one line; the sentence stays in sight.
        """
        if not self.can(f"{title} by {small(self.design.label(by))}", "patients", by):
            return nothing()
        names = self.design.table_one[variables] if isinstance(variables, str) else list(variables)
        patients = self.inside(self.described, population)
        kept = self.usable(patients, names)
        if not kept:
            html.show(html.skipped(title, "This cohort holds none of its characteristics."))
            return nothing()
        first = self.design.table_one
        spread = "iqr" if self.release.on else spread or first["spread"]
        made = baseline.table_one(
            patients,
            by,
            kept,
            population=population,
            continuous_test=self.design.table_one["continuous_test"],
            categorical_test=test or first["categorical_test"],
            tests=self.design.table_one.get("tests"),
            spread=spread,
            quantile_rule=self._quantile_rule,
            t_test=first.get("t_test") or "welch",
            untested=(untested := self._untested(kept, by)),
            **self._of_print(kept, spread),
        )
        made = self.add(made)
        rows = made
        if population == ALL:
            rows = joined(made, self.add(self._everybody(by, kept, spread)))
        if population == ALL and self.prints(("n", "percent"), covariate=[by]):
            self.add(as_printed.shares(made, by))
        unknown = population == ALL and self.prints(("missing",), covariate=[by])
        if unknown and not self.release.on:
            self.add(as_printed.left_out(made))
        if not self.release.on and self.prints(("percent_missing",), covariate=kept):
            self.add(as_printed.shares_missing(rows))
        told = [name for name in kept if self.prints(("n",), covariate=[name], level=[""])]
        if not self.release.on and told:
            self.add(as_printed.known(rows, told))
        whole = isinstance(variables, str) and (variables, by) == ("variables", first["by"])
        how = str(first.get("adjust") or "") if whole else ""
        adjusted = baseline.with_adjusted(made, how) if how and not self.release.on else None
        shown_rows = made if adjusted is None else joined(made, self.add(adjusted))
        notes = self.told("table", "continuous")
        if untested:
            of_these = ", ".join(small(self.design.label(name)) for name in untested)
            notes.append(f"Not tested, as the groups are made of it: {of_these}.")
        smd = bool(self.design.table_one.get("smd")) if smd is None else smd
        table = characteristics.baseline_table(
            shown_rows, self.design, caption=title, smd=smd, notes=notes
        )
        summary = f"{title}: {counted(len(kept), 'characteristic')}"
        table = html.fold(summary, table) if folded else table
        shown = [] if population != ALL else self._pictures(by, kept, title, folded)
        pieces = [table, self.lost(patients, names), *shown]
        return self.section(rows, pieces, self._differing(made))

    def _untested(self, names: Sequence[str], by: str) -> list[str]:
        """Characteristics that the groups follow from; tested are those of which print has p."""
        own = [name for name in names if self.design.of_one_column(name, by)]
        return [name for name in own if not self.prints(("p",), covariate=[name], group=[by])]

    def _differing(self, made: pd.DataFrame) -> str:
        """Which characteristics differ; nothing where p values are those of banded counts."""
        return "" if self.release.on else readings.baseline(made, self.design, self.print)

    def _pictures(self, by: str, names: Sequence[str], title: str, folded: bool) -> list[Any]:
        """The measurements of a table as box plots, and what is missing; none for a folded one."""
        if folded or not names or self.release.on:
            return []
        boxes = figures.distributions(self.described, names, by, self.design)
        gaps = figures.missing_values(self.described, names, by, self.design)
        folds = []
        if boxes:
            legend = html.say(figures.BOXES)
            folds.append(html.fold(f"{title}: measurements by group", boxes, legend))
        if gaps:
            folds.append(html.fold(f"{title}: missing values", gaps))
        return folds

    def _everybody(self, by: str, names: Sequence[str], spread: str) -> pd.DataFrame:
        """All patients, where some are of unknown group and the table's total lacks them."""
        if not self.included[by].isna().any():
            return result_rows([])
        rule, own = self._quantile_rule, self._of_print(names, spread)
        return baseline.describe(
            self.described, [*names, by], spread=spread, quantile_rule=rule, **own
        )

    def _of_print(self, names: Sequence[str], spread: str) -> dict[str, Any]:
        """What print has besides medians and shares of the known; safely no more of numbers."""
        told = [] if self.release.on else names
        found: dict[str, Any] = {"means": self.printed_means(told)}
        found["widths"] = self.printed_widths(told)
        found["limits"] = self.printed_limits(told)
        found["of_all"] = self.design.percent_of_all
        return found | {"spreads": self.printed_spreads(told, spread)}

    @property
    def _quantile_rule(self) -> Any:
        """How quartiles are read off, as the design says."""
        return self.design.table_one.get("quantile_rule") or "weibull"

    def sizes(self, by: str) -> Section:
        """How the patients divide into the groups of a column, in one sentence."""
        if not self.can(f"patients by {small(self.design.label(by))}", "patients", by):
            return nothing()
        rows = self.add(baseline.table_one(self.included, by, [], spread="both"))
        told = [readings.sizes(rows, self.design, self.print)]
        return self.section(rows, [], [*told, *self.ungrouped(self.included, [by])])

    def composition(self, group: str, variables: Sequence[str]) -> Section:
        """Characteristics of one group alone, as `hai=yes`, in one sentence."""
        name, _, level = group.partition("=")
        if not self.can(self.design.group_label(group), "patients", name, *variables):
            return nothing()
        inside = (self.included[name] == level).to_numpy(dtype=bool, na_value=False)
        told = {} if self.release.on else self.printed_limits(variables)
        own = {"population": group, "of_all": self.design.percent_of_all, "limits": told}
        rows = self.add(baseline.describe(self.included[inside], variables, **own))
        return self.section(rows, [], readings.composition(rows, self.design, self.print))

    def recurrence(
        self,
        by: str,
        *,
        test: str = "fisher",
        among: str = "",
        pair: tuple[str, str] | None = None,
        site: str = "",
        folded: bool = False,
    ) -> Section:
        """Sites of the first recurrence by group.

        Parameters
        ----------
        among : str
            A site: how the groups are spread among the patients who have it.
        pair, site
            Two levels of `by` that are compared by themselves for one site.
        folded : bool
            The table behind one line; the sentence stays in sight.
        """
        title = f"First recurrence by {small(self.design.label(by))}"
        if not self.can(title, "patients", by, "site_liver"):
            return nothing()
        kept = self.usable(self.included, self.design.table_one["recurrence"])
        own = {"of_all": self.design.percent_of_all}
        made = baseline.table_one(self.included, by, kept, categorical_test=test, **own)
        made = self.add(made.assign(endpoint="first_recurrence"))
        parts = [self._everybody(by, kept, "range")]
        if among in self.included:
            having = self.included[self.included[among] == "yes"]
            parts.append(baseline.describe(having, [by], population=f"{among}=yes", **own))
        if pair and site in kept:
            two = self.included[self.included[by].isin(pair)]
            where = f"{by}={'/'.join(pair)}"
            if two[by].nunique() == 2:
                parts.append(baseline.table_one(two, by, [site], population=where, **own))
        rows = joined(made, self.add(*[p.assign(endpoint="first_recurrence") for p in parts]))
        notes = self.told("table")
        table = characteristics.baseline_table(made, self.design, caption=title, notes=notes)
        table = html.fold(f"{title}: {len(kept)} sites", table) if folded else table
        return self.section(rows, [table], self._differing(made))

    def curves(
        self,
        endpoint: str,
        by: str | Sequence[str] = (),
        *,
        at: Sequence[float] = (60,),
        population: str = ALL,
        ratio: bool = False,
        difference: tuple[str, str] | None = None,
        title: str = "",
        folded: bool = False,
    ) -> Section:
        """Kaplan-Meier curves with numbers at risk, medians and rates, and the log-rank test.

        Parameters
        ----------
        endpoint : str
            As in the design.
        by : str or sequence of str
            Column, or columns whose joint levels are the groups; none, or "": all patients.
        at : sequence of float
            Months at which rates are given.
        population : str
            Whose curves: `column=level`, as of matched pairs.
        ratio : bool
            Also the hazard ratios of the levels, as a forest: against the reference level of
            the endpoint's model (`references` of the design), else the column's first.
        difference : (str, str), optional
            Two groups whose rates at the last of `at` are compared.
        folded : bool
            Figure and table behind one line; the sentence stays in sight.
        """
        names = [by] if by and isinstance(by, str) else list(by)
        label = self.design.endpoints[endpoint]["label"]
        by_text = " and ".join(small(self.design.label(name)) for name in names)
        title = title or (f"{label} by {by_text}" if names else f"{label}, all patients")
        if population != ALL:
            whose = self.design.population_label(population)
            title = f"{title.removesuffix(', all patients')}, {whose}"
        if not self.can(title, endpoint, *names):
            return nothing()
        frame, groups = self.frames[endpoint], names if len(names) > 1 else "".join(names) or None
        frame, among = self.inside(frame, population), {"population": population}
        ticks = self.months_at_risk(endpoint, frame, population)
        rules = {**among, **self.curve_rules, "ticks": ticks}
        parts = [self.add(survival.summary(frame, groups, times=at, **rules))]
        shown = survival.curve(frame, groups, conf_type=self.curve_rules["conf_type"])
        shown = self.release.curve(shown, endpoint, names, population)
        picture = figures.kaplan_meier(shown, parts[0], self.design, title=title)
        notes = [*self.ungrouped(frame, names), *self.told("curve", "rates")]
        number = self.table_of_curves(endpoint, names, population)
        caption = f"{number}: {title}" if number else ""
        table = tables.survival_table(parts[0], self.design, caption=caption, notes=notes)
        pieces = [picture, table]
        sentences = [readings.curves(parts[0], self.design, self.print)]
        if ratio and names:
            held = self.as_modelled(frame, endpoint, population)
            ratios = regression.univariable(held, names, ties=self.ties, **among)
            parts.append(self.add(ratios))
            against = f"{label}, against {self._references(parts[-1])}"
            against += f", {self.design.population_label(population)}" * (population != ALL)
            pieces += self._forest(parts[-1], against, "univariable")
            sentences.append(readings.effects(parts[-1], self.design, self.print))
        if difference and set(difference) <= set(parts[0]["group"]):
            gap = survival.rate_difference(frame, names, *difference, time=at[-1], **among)
            parts.append(self.add(gap))
        elif not difference and not self.release.on:
            parts += self._printed_differences(frame, endpoint, names, population)
        if not self.release.on and self.prints(("events",), endpoint=[endpoint], model=[""]):
            sizes = parts[0][parts[0]["statistic"] == "n"]
            told = {"statistic": "events", "unit": "events", "estimate": sizes["events"]}
            parts.append(self.add(sizes.assign(**told)))
        if folded:
            words = "figure and table" if picture else "table"
            pieces = [html.fold(f"{title}: {words}", *pieces)]
        return self.section(joined(*parts), pieces, sentences, picture)

    def _references(self, ratios: pd.DataFrame) -> str:
        """The levels that ratios are against, each once: "RAS wild type"."""
        held = ratios[ratios["statistic"] == "reference"]
        told = zip(held["covariate"], held["level"], strict=True)
        names = [self.design.group_label(f"{name}={level}") for name, level in told]
        return " and ".join(map(small, dict.fromkeys(names))) or "the reference"

    def _printed_differences(
        self, frame: pd.DataFrame, endpoint: str, names: Sequence[str], population: str
    ) -> list[pd.DataFrame]:
        """The differences of two curves at the months at which print has them."""
        levels = self.design.levels(names[0]) if len(names) == 1 else []
        present = set(frame[names[0]].dropna()) if levels else set()
        if len(levels) != 2 or present != {*levels}:
            return []
        keys = {"endpoint": endpoint, "population": population, "group": names[0]}
        asked = self.claims["statistic"].eq("difference")
        for column, value in keys.items():
            asked &= self.claims[column] == value
        pair = [f"{names[0]}={level}" for level in reversed(levels)]
        months = sorted(self.claims.loc[asked, "time"].dropna().unique())
        rule = {"population": population}
        gaps = [survival.rate_difference(frame, names, *pair, time=m, **rule) for m in months]
        # Their p would have the keys of that of restricted means to the same month.
        return [self.add(gap[gap["statistic"] == "difference"]) for gap in gaps]

    def within(
        self, endpoint_names: Sequence[str], effect: str, strata: str, *, at: float = 60
    ) -> Section:
        """One effect within each level of another column: rates and hazard ratio, a line each."""
        parts = []
        by = f"{small(self.design.label(effect))} within {self.design.label(strata)}"
        for endpoint in endpoint_names:
            title = f"{endpoint} by {by}"
            if self.can(title, endpoint, effect, strata):
                for level in self.design.levels(strata):
                    parts += self._stratum(endpoint, effect, strata, level, at)
        if not parts:
            return nothing()
        rows = self.add(*parts)
        caption = f"{self.design.label(effect)} within {self.design.label(strata)} status"
        table = tables.within_table(rows, self.design, caption=caption, time=at)
        ratios = rows[rows["model"] == "univariable"]
        reading = [
            readings.effects(part, self.design, self.print, lead=f"{name}: ")
            for name, part in ratios.groupby("endpoint", sort=False)
        ]
        return self.section(rows, [table], reading)

    def _stratum(
        self, endpoint: str, effect: str, strata: str, level: str, at: float
    ) -> list[pd.DataFrame]:
        frame = self.frames[endpoint]
        part = frame[(frame[strata] == level).to_numpy(dtype=bool, na_value=False)]
        if part.empty or part[effect].nunique() < 2:
            return []
        where = f"{strata}={level}"
        held = self.as_modelled(part, endpoint, where)
        return [
            regression.univariable(held, [effect], ties=self.ties, population=where),
            survival.summary(part, effect, times=[at], population=where, **self.curve_rules),
        ]

    def time_dependent(self, endpoint: str, name: str, start: str, event: str) -> Section:
        """Hazard ratio after against before something happens to a patient.

        Parameters
        ----------
        name : str
            What it is called in the rows.
        start, event : str
            Columns: the month at which it happens, and whether it did.
        """
        label = self.design.label(name)
        if not self.can(f"{label} as a time-dependent covariate", endpoint, start, event):
            return nothing()
        frame = self.frames[endpoint]
        happened = frame[event].astype("boolean").fillna(False).to_numpy(dtype=bool)
        frame = frame.assign(**{start: frame[start].where(happened)})
        rows = self.add(regression.time_dependent(frame, name, start, ties=self.ties))
        caption = f"{label} as a time-dependent covariate"
        table = tables.effects_table(
            rows, self.design, caption=caption, statistics={"hazard_ratio": "HR"}
        )
        reading = readings.effects(rows, self.design, self.print)
        return self.section(rows, [html.fold(caption, table)], reading)
