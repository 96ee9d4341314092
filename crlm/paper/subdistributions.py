"""Subdistribution hazard ratios: models of an event while another one competes."""

from __future__ import annotations

from crlm import multistate, regression
from crlm.naming import kind_of_model
from crlm.paper.adjusted import adjustment, of_model
from crlm.paper.base import Section, nothing
from crlm.paper.incidences import Incidences
from crlm.paper.odds import Odds
from crlm.report import html, readings, tables

_MEANING = (
    "A subdistribution hazard ratio says whether more or fewer get to the event in the end, those "
    "who had the competing one staying in the denominator; it is nobody's rate. Events are those "
    "counted, without the competing ones."
)


class Subdistributions(Odds, Incidences):
    """Sections that rest on Fine and Gray's model."""

    def subdistribution(self, model: str, *, table: str, selection: str, entry_p: float) -> Section:
        """Subdistribution hazard ratios: every candidate alone, and the multivariable model.

        Parameters
        ----------
        model : str
            A model of the design whose endpoint is one of its `[incidences]`.
        table : str
            What the paper calls it: "Table 3".
        selection, entry_p
            The rule, as `regression.rule`; p is Wald's.

        Whose program's numbers they are says the paper's convention `subdistribution`.
        """
        spec = self.design.models[model]
        name = str(spec.get("endpoint") or model)
        incidence = self.design.incidences[name]
        label = str(incidence["label"])
        if not all(self.can(f"{table}: {label}", incidence[k]) for k in ("endpoint", "competing")):
            return nothing()
        whole = self._with_competing(name)
        self.release.causes(name, whole)
        endpoint, population, frame = self.modelled(model, whole)
        label += "" if population == "all" else f", {self.design.population_label(population)}"
        names = self.usable(frame, spec["covariates"])
        if not names:
            html.show(html.skipped(f"{table}: {label}", "This cohort has nothing to compare."))
            return nothing()
        rule = regression.rule(
            names,
            selection=selection,
            entry_p=entry_p,
            left_out=[one for one in spec.get("left_out") or () if one in names],
            fixed=self.usable(frame, spec["published"]) if selection == "fixed" else (),
            ties=self.ties,
        )
        program = self.design.subdistribution
        asked = {"program": program, "population": population}
        found = multistate.subdistribution_table(frame, rule, **asked)
        scores = self.stand_ins(model, found)
        found = multistate.with_subdistribution_scores(frame, found, rule, scores, program=program)
        rows, key = of_model(model, found, self.design), self.design.model_key(model, rule.told)
        rows = self.add(rows)
        if self.hides(f"{table}: {label}", rows):
            return nothing()
        self.add_logged(rows)
        self.add_counted(rows)
        own = rows[~rows["covariate"].isin(rule.left_out)]
        of_some = adjustment(model, tables.model_covariates(own), self.design)
        label += f", {of_some}" if of_some else ""
        caption = f"{table}: {label}"
        notes = [_MEANING, *([] if self.release.on else whole.attrs["notes"]), *self.told("models")]
        told = {"caption": caption, "ratio": "subdistribution_hazard_ratio", "notes": notes}
        shown = tables.regression_table(rows, self.design, **told)
        kind = kind_of_model(rows, key, self.design)
        title = f"{label if of_some else f'{label}, {kind}'}: subdistribution hazard ratio (SHR)"
        forest = self._forest(rows, title, key, "SHR")
        plot = self._plot(f"{table}, {kind}" if of_some else table, forest, rows, key)
        reading = readings.model(rows, self.design, self.print, self.design.exposures, key)
        pieces = [shown, plot, self.lost(frame, spec["covariates"])]
        return self.section(rows, pieces, reading, next(iter(forest), None))
