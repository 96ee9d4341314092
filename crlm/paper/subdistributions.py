"""Subdistribution hazard ratios: models of an event while another one competes."""

from __future__ import annotations

from crlm import multistate, regression
from crlm.paper.base import Section, nothing
from crlm.paper.incidences import Incidences
from crlm.paper.odds import Odds
from crlm.report import html

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
        notes = [_MEANING, *([] if self.release.on else whole.attrs["notes"]), *self.told("models")]
        ratio = "subdistribution_hazard_ratio"
        return self._ratio_table(model, rule, found, frame, f"{table}: {label}", ratio, notes)
