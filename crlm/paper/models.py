"""The regression tables of a paper: each model of the design by its rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crlm import regression
from crlm.ledger.vocabulary import LANDMARK
from crlm.naming import kind_of_model
from crlm.numbers import counted
from crlm.paper.adjusted import adjustment, of_model
from crlm.paper.base import Section, joined, nothing
from crlm.paper.landmarks import Landmarks
from crlm.paper.levels import Levels
from crlm.paper.subdistributions import Subdistributions
from crlm.report import html, readings, tables


class Models(Levels, Subdistributions, Landmarks):
    """Sections that rest on Cox models, and the way to those of other outcomes."""

    def regression(
        self,
        model: str,
        *,
        table: str = "",
        selection: str = "",
        entry_p: float | None = None,
        univariable_p: str = "",
        stay_p: float | None = None,
        medians: bool | None = None,
        folded: bool = False,
    ) -> Section:
        """A regression table: every candidate alone, and the multivariable model of the rule.

        A model of a yes-no outcome has odds ratios; see `odds`. One of an incidence has
        subdistribution hazard ratios; see `subdistribution`.

        Parameters
        ----------
        model : str
            A model of the design, which is mostly named by its endpoint.
        table : str
            What the paper calls it: "Table 2"; as the ledger has it if left out (`table_of`).
        selection, entry_p, univariable_p, stay_p
            The rule, as `regression.rule`; what overlaps is left out as the design says. What is
            left out, or None, is the run's parameter, else what the design has for this model.
        medians : bool, optional
            The median of each level beside the ratios; as print has it if left out, with rates
            and log-rank tests (`printed_beside`).
        folded : bool
            The table behind one line; the sentence stays in sight.
        """
        spec = self.design.models[model]
        table, selection = table or self.table_of(model), selection or str(spec["selection"])
        entry_p = self._p_of("entry_p", spec) if entry_p is None else entry_p
        stay_p = self._p_of("stay_p", spec) if stay_p is None else stay_p
        usual = (
            univariable_p
            or self.chosen.get("univariable_p")
            or self.design.conventions["univariable_p"]
        )
        if (spec.get("endpoint") or model) in self.design.incidences:
            return self.subdistribution(model, table=table, selection=selection, entry_p=entry_p)
        if (spec.get("endpoint") or model) not in self.design.endpoints:
            asked = {"selection": selection, "entry_p": entry_p, "univariable_p": str(usual)}
            return self.odds(model, table=table, **asked)
        label = self.design.endpoints[spec.get("endpoint") or model]["label"]
        if not self.can(f"{table}, {label}", spec.get("endpoint") or model):
            return nothing()
        month = LANDMARK.fullmatch(str(spec.get("population") or ""))
        if month and (why := self.nobody_left(spec.get("endpoint") or model, "", float(month[1]))):
            html.show(html.skipped(f"{table}, {label}", why))
            return nothing()
        endpoint, population, frame = self.modelled(model)
        label += "" if population == "all" else f", {self.design.population_label(population)}"
        names = self.usable(frame, spec["covariates"])
        if not names:
            html.show(html.skipped(table, "This cohort holds none of its covariates."))
            return nothing()
        rule = regression.rule(
            names,
            selection=selection,
            entry_p=entry_p,
            p_stay=stay_p,
            left_out=[name for name in spec.get("left_out", ()) if name in names],
            ties=self.ties,
            univariable_p=str(usual),
            fixed=self.usable(frame, spec["published"]) if selection == "fixed" else (),
            strata=self.usable(frame, spec.get("strata") or ()),
            products=spec.get("products") or (),
            product_test=self.design.interaction_test,
            multivariable_p=self.design.multivariable_p,
        )
        self.selections[model] = rule
        found = regression.regression_table(frame, rule, population=population)
        found = regression.with_scores(frame, found, rule, self.stand_ins(model, found))
        parts = [self.add(of_model(model, found, self.design))]
        self.add_logged(parts[0])
        self.add_counted(parts[0])
        key = self.design.model_key(model, rule.told)
        beside = parts[0]["covariate"].isin(rule.left_out) & (parts[0]["model"] == key)
        self.models[model] = parts[0][~beside]
        of_some = adjustment(model, tables.model_covariates(self.models[model]), self.design)
        label += f", {of_some}" if of_some else ""
        beside = self.usable(frame, self.printed_beside(model)) if medians is None else []
        if medians or beside:
            own = self.level_curves(model, beside or names, frame, population)
            parts.append(self.add(own))
        rows = joined(*parts)
        caption, notes = f"{table}: {label}", self.told("models")
        shown = tables.regression_table(rows, self.design, caption=caption, notes=notes)
        kind = kind_of_model(parts[0], key, self.design)
        title = label if of_some else f"{label}, {kind}"
        forest = self._forest(parts[0], title, key)
        if folded:
            shown = html.fold(f"{table}: {counted(len(names), 'factor')}", shown)
        plot = self._plot(f"{table}, {kind}" if of_some else table, forest, parts[0], key)
        reading = readings.model(rows, self.design, self.print, self.design.exposures, key)
        asked = [*spec["covariates"], *(spec.get("strata") or ())]
        pieces = [shown, plot, self.lost(frame, asked)]
        return self.section(rows, pieces, reading, next(iter(forest), None))

    def _p_of(self, name: str, spec: Mapping[str, Any]) -> float:
        """A limit of p values: the run's, else the model's, else that of all models, else 0.05."""
        chosen = self.chosen.get(name) or spec.get(name) or self.design.choices.get(name)
        return float(chosen or 0.05)
