"""Odds ratios of yes-no outcomes: a column of the table, or a short SCP."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from crlm import regression
from crlm.ledger import stand_ins
from crlm.naming import kind_of_model, the_model
from crlm.numbers import counted
from crlm.paper import as_printed
from crlm.paper.adjusted import adjustment, of_model
from crlm.paper.base import Base, Section, joined, nothing
from crlm.paper.outcomes import outcome_rows, printed_outcomes
from crlm.report import figures, html, readings, tables
from crlm.report.manuscript.patients import short_period

#: R finds profile limits on a spline; the definition is the root.
_ROOTS = (
    "Profile likelihood limits are exact; R's confint interpolates them, is up to 0.1 % off, and "
    "may print other last digits of a large ratio."
)
#: What a forest calls a ratio.
_UNITS = {"hazard_ratio": "HR", "odds_ratio": "OR"}
_UNITS |= {"subdistribution_hazard_ratio": "SHR"}
#: What a forest's title spells out of that.
_SPELT = {"subdistribution_hazard_ratio": ": subdistribution hazard ratio (SHR)"}
#: Whose n and events a forest has: the table beside it counts each factor by itself.
_COMPLETE = re.compile(r"complete cases: ([\d,]+) of ([\d,]+) patients")
_EVENTS = {"statistic": "events", "unit": "events"}
_FEWER = "n and events are those of {} ({})."


class Odds(Base):
    """Sections that rest on logistic regression."""

    def odds(
        self, model: str, *, table: str, selection: str, entry_p: float, univariable_p: str = "wald"
    ) -> Section:
        """Odds ratios of a yes-no outcome: every candidate alone, and the multivariable model.

        Parameters
        ----------
        model : str
            A model of the design whose endpoint is a column of two levels; the second is what
            happens. Patients of unknown outcome are left out.
        table : str
            What the paper calls it: "Table 3".
        selection, entry_p
            The rule, as `regression.rule`.
        univariable_p : str
            "lr": the likelihood ratio's p of each covariate alone; with any other word Wald's.

        Limits are those of the paper's convention `odds_limits`.
        """
        spec = self.design.models[model]
        outcome = str(spec.get("endpoint") or model).lower()
        label = self.design.label(outcome)
        if not self.can(f"{table}: {label}", "patients", outcome):
            return nothing()
        endpoint, population, frame = self.modelled(model)
        label += "" if population == "all" else f", {self.design.population_label(population)}"
        names = self.usable(frame, spec["covariates"])
        if not names or frame[outcome].nunique() < 2:
            html.show(html.skipped(f"{table}: {label}", "This cohort has nothing to compare."))
            return nothing()
        fixed = self.usable(frame, spec["published"]) if selection == "fixed" else ()
        gone = [name for name in spec.get("left_out") or () if name in names]
        test = "lr" if univariable_p == "lr" else "wald"
        own = {"entry_p": entry_p, "fixed": fixed, "left_out": gone, "univariable_p": test}
        own["multivariable_p"] = self.design.multivariable_p
        rule = regression.rule(names, selection=selection, **own)
        asked = {"endpoint": endpoint, "population": population}
        asked |= {"interval": self.odds_limits}
        found = regression.logistic_table(frame, outcome, rule, **asked)
        scores = self.stand_ins(model, found)
        told = printed_outcomes(self.claims, self.design, model)
        if told and not self.release.on:
            last, limits = self.design.levels(outcome)[-1], self.printed_limits([outcome])
            self.add(outcome_rows(found, told, outcome, last, limits.get(outcome, "")))
        of_scores = {"outcome": outcome, "interval": self.odds_limits}
        found = regression.with_scores(frame, found, rule, scores, **of_scores)
        return self._ratio_table(model, rule, found, frame, f"{table}: {label}", "odds_ratio")

    def _ratio_table(
        self,
        model: str,
        rule: regression.Rule,
        found: pd.DataFrame,
        frame: pd.DataFrame,
        caption: str,
        ratio: str,
        notes: Sequence[str] = (),
    ) -> Section:
        """A table of ratios and its forest, of a model of the design that a rule has chosen.

        `caption`: the table and the outcome, "Table 3: Recurrence".
        """
        rows, key = of_model(model, found, self.design), self.design.model_key(model, rule.told)
        rows = self.add(rows)
        if self.hides(caption, rows):
            return nothing()
        self.add_logged(rows)
        self.add_counted(rows)
        own = rows[~rows["covariate"].isin(rule.left_out)]
        of_some = adjustment(model, tables.model_covariates(own), self.design)
        caption += f", {of_some}" if of_some else ""
        told = {"caption": caption, "ratio": ratio, "notes": [*notes, *self._of_limits(rows)]}
        shown = tables.regression_table(rows, self.design, **told)
        kind = kind_of_model(rows, key, self.design)
        table, _, label = caption.partition(": ")
        title = label if of_some else f"{label}, {kind}"
        forest = self._forest(rows, f"{title}{_SPELT.get(ratio, '')}", key, _UNITS[ratio])
        reading = readings.model(rows, self.design, self.print, self.design.exposures, key)
        plot = self._plot(f"{table}, {kind}" if of_some else table, forest, rows, key)
        pieces = [shown, plot, self.lost(frame, self.design.models[model]["covariates"])]
        return self.section(rows, pieces, reading, next(iter(forest), None))

    def short_scp(self, *, table: str, full_table: str) -> Section:
        """Odds of a short SCP: the printed model, then all factors in one.

        The patients are those of the SCP frame; where some came under observation late the
        notes under the table say that a yes-no outcome cannot honour it.
        """
        if not self.can(f"{table}: short SCP", "SCP", "short_scp", "ras"):
            return nothing()
        frame, spec = self.frames["SCP"], self.design.models["short_SCP"]
        names = self.usable(frame, spec["covariates"])
        fixed = [name for name in spec["published"] if name in names]
        rule = regression.rule(names, selection="fixed", fixed=fixed, univariable_p="fisher")
        asked = {"endpoint": "short_SCP", "interval": self.odds_limits}
        printed = regression.logistic_table(frame, "short_scp", rule, **asked)
        every = self.design.together(names, fixed)
        full = regression.logistic(frame, "short_scp", every, model="all factors", **asked)
        printed, full = self.add(printed), self.add(full)
        rows = joined(printed, full)
        self.add_counted(rows)
        if self.hides(f"{table}: short SCP", rows):
            return nothing()
        caption = f"{table}: short SCP, RAS and Beppu factors"
        notes = [f"{short_period(getattr(self, 'rules', {}))}.", *self._of_limits(printed)]
        told = {"caption": caption, "ratio": "odds_ratio", "notes": notes}
        first = tables.regression_table(printed, self.design, **told)
        forest = self._forest(full, f"{full_table}: all factors", "all factors", "OR")
        reading = readings.model(printed, self.design, self.print, self.design.exposures)
        plot = html.fold(f"{full_table}: all factors in one model", *forest) if forest else None
        pieces = [html.fold(f"{table}: {counted(len(names), 'factor')}", first), plot]
        pieces.append(self.lost(frame, spec["covariates"]))
        return self.section(rows, pieces, reading, next(iter(forest), None))

    def stand_ins(self, model: str, table: pd.DataFrame) -> dict[str, str]:
        """Scores, and numbers for another step that print has in the model, by their places."""
        spec, key = self.design.models[model], self.design.model_key(model)
        held = table.loc[table["model"] == "multivariable", "covariate"]
        found = stand_ins(self.design, spec, [name for name in dict.fromkeys(held) if name])
        scores = self.design.scores
        told = {"model": [key], "endpoint": [str(table["endpoint"].iloc[0])]}
        return {
            name: other
            for name, other in found.items()
            if name in scores or self.prints(tuple(_UNITS), covariate=[name], **told)
        }

    def add_logged(self, rows: pd.DataFrame) -> None:
        """Coefficients, their errors and z, where print has them of this endpoint."""
        endpoint = str(rows["endpoint"].iloc[0])
        told = [n for n in ("coefficient", "se", "z") if self.prints((n,), endpoint=[endpoint])]
        if told and not self.release.on:
            self.add(as_printed.logged(rows, told))

    def add_counted(self, rows: pd.DataFrame) -> None:
        """Events of each model, and patients and events of its levels, where print has them."""
        if self.release.on:
            return
        at = {name: list(rows[name].unique()) for name in ("endpoint", "model")}
        sizes = rows[(rows["statistic"] == "n") & rows["events"].notna()]
        if self.prints(("events",), **at):
            self.add(sizes.assign(**_EVENTS, estimate=sizes["events"]))
        levels = list(rows.loc[rows["level"] != "", "level"].unique())
        if not self.prints(("n", "events"), level=levels, **at):
            return
        self.add(level_sizes(rows))

    def _of_limits(self, rows: pd.DataFrame) -> list[str]:
        """What to know of profile likelihood limits, where a table has any."""
        return [_ROOTS] * bool(rows["method"].str.contains(", profile likelihood CI").any())

    def _plot(
        self, table: str, forest: Sequence[figures.Picture], rows: pd.DataFrame, model: str
    ) -> html.Html | None:
        """A forest behind one line, and whose its numbers are where the table beside has more."""
        if not forest:
            return None
        of_model = rows[(rows["model"] == model) & (rows["statistic"] == "n")]
        found = [_COMPLETE.search(method) for method in of_model["method"]]
        whose = the_model(rows, model, self.design)
        told = [html.aside(_FEWER.format(whose, of[0])) for of in found if of and of[1] != of[2]]
        return html.fold(f"{table} as a forest plot", *forest, *told[:1])

    def _forest(
        self, rows: pd.DataFrame, title: str, model: str = "multivariable", unit: str = "HR"
    ) -> list[figures.Picture]:
        statistic = next(one for one, said in _UNITS.items() if said == unit)
        if tables.ratios(rows, statistic, model)["estimate"].notna().sum() < 2:
            return []
        shown = rows["statistic"].isin([statistic, "reference"])
        found = rows[shown & (rows["model"] == model)]
        return figures.forest_pages(found, self.design, title=title, unit=unit)


def level_sizes(rows: pd.DataFrame) -> pd.DataFrame:
    """Patients and events of each level in each model, as rows of their own.

    Parameters
    ----------
    rows : pandas.DataFrame
        Of models, whose references and ratios know them.
    """
    shown = rows["statistic"].isin((*_UNITS, "reference")) & (rows["level"] != "")
    limits = {"conf_low": float("nan"), "conf_high": float("nan")}
    own = rows[shown & ~rows["covariate"].str.contains(":")]
    own = own.assign(method="complete cases of the model", **limits)
    patients = own.assign(statistic="n", unit="patients", estimate=own["n"])
    return joined(patients, own.assign(**_EVENTS, estimate=own["events"]))
