"""What visits, small numbers and drifting hazards do to the models; and codons one by one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crlm import endpoints, lent, regression, survival
from crlm.ledger import small
from crlm.paper.base import Section, joined, nothing
from crlm.paper.chapter.asking import Asking
from crlm.paper.chapter.sampling import of_sample
from crlm.report import figures, html, restricted, states, tables
from crlm.report.readings import months as told_months
from crlm.report.readings import states as readings
from crlm.report.readings.flags import diagnosis

_NOT_VISITS = (
    "A difference of medians smaller than the interval between two examinations may be the "
    "calendar of the examinations, not of the disease. The Weibull ratio rests on the shape of its "
    "curve."
)
_NOT_STRAIN = (
    "A corrected concordance tells how the same rule would sort other patients of this kind, not "
    "those of another hospital. Too few events do not make an effect wrong, but its size unsure."
)
_NOT_PERIODS = (
    "One ratio is then an average over this follow-up. A ratio of a later period compares those "
    "who got so far; it is not the effect of later treatment."
)
_NOT_CODONS = (
    "Without a joint test that rejects, the data do not say that one codon alone matters: every "
    "curve drawn is one more chance to find one."
)

_THINNED = (
    "Where a group thins out the mean stands twice: to the last whole month with {least} patients "
    "of each group still at risk, and to the last to which all are followed. Groups thin out by "
    "the event as well as by the end of follow-up; beyond the first month a mean rests on few. A "
    "tau_months of your own is taken as it is."
)


class Strain(Asking):
    """Small samples, shapes, visits and codons."""

    @of_sample
    def visit_grid(self, endpoint_names: Sequence[str], by: str) -> Section:
        """Medians and ratio with events at either end of the interval between examinations.

        Parameters
        ----------
        endpoint_names : sequence of str
            Endpoints whose event is seen at an examination.
        by : str
        """
        months = self.chapter_rules.visit_months
        told = "it would tell how far the medians hang on the dates of the examinations"
        known = [n for n in endpoint_names if self._seen_at_visits(n, months)]
        if not known:
            first = endpoint_names[0]
            if self.asked("visit grid", by, endpoint=first, told=told):
                why = "the interval between examinations is not known (visit_months 0)"
                self.not_asked("visit grid", why, told, endpoint=first)
            return nothing()
        known = self.asked_of("visit grid", known, by, told=told)
        parts = [part for endpoint in known for part in self._bounded(endpoint, by, months)]
        if not parts:
            return nothing()
        rows = self.add(*parts)
        apart = self.design.chapter["flags"]["visit_share"]
        flags = []
        for endpoint in known:
            own = rows[rows["endpoint"] == endpoint]
            flag = regression.visit_grid(own, months, apart=apart, endpoint=endpoint)
            flags.append(self.add(flag))
        flagged = pd.concat(flags, ignore_index=True)
        pieces = [html.say(text) for text in diagnosis(flagged, self.design)]
        for endpoint in known:
            part = rows[rows["endpoint"] == endpoint]
            if len(part):
                pieces.append(self._visits_table(part, endpoint, by))
        found = self.section(rows, pieces, readings.visits(rows, self.design, months))
        html.show(html.say(_NOT_VISITS, "caution"))
        return found

    @of_sample
    def model_strain(self, endpoint_names: Sequence[str], *, samples: int | None = None) -> Section:
        """Events per candidate, expected shrinkage and optimism of each regression table.

        Parameters
        ----------
        endpoint_names : sequence of str
            Those whose table the report has made.
        samples : int, optional
            Resamples behind the optimism; by default the chapter's, 0: none.
        """
        told = "it would tell how much of each model is noise of these patients"
        known = self.asked_of("small samples", endpoint_names, told=told)
        models = self.design.models
        alone = [n for n in known if models.get(n, {}).get("selection") == "univariable"]
        for endpoint in alone:
            why = "the paper has no multivariable model"
            self.not_asked("small samples", why, told, endpoint=endpoint)
        known = [n for n in known if n not in alone]
        limits, rules = self.design.chapter["flags"], self.chapter_rules
        many = rules.samples if samples is None else samples
        parts = []
        for endpoint in known:
            frame, spec = self.frames[endpoint], self.design.models.get(endpoint, {})
            names = self.usable(frame, spec.get("covariates", ()))
            names = self.design.together(names, spec.get("published", ()))
            if not names:
                continue
            parts.append(
                regression.expected_shrinkage(
                    frame,
                    names,
                    ties=self.ties,
                    events_needed=limits["events_per_parameter"],
                    shrinkage_needed=limits["shrinkage"],
                )
            )
            if many > 1 and endpoint in self.selections:
                rule = self.selections[endpoint]
                parts.append(regression.optimism(frame, rule, samples=many, seed=rules.seed))
        if not parts:
            if known:
                self.not_asked("small samples", "no candidate is known", told)
            return nothing()
        rows = self.add(*parts)
        flags = diagnosis(rows, self.design)
        table = states.strain_table(rows, self.design, caption="What the models can carry")
        pieces = [*map(html.say, flags), table]
        found = self.section(rows, pieces, readings.strain(rows, self.design))
        html.show(html.say(_NOT_STRAIN, "caution"))
        return found

    @of_sample
    def changing_hazards(
        self, endpoint_names: Sequence[str], of: str, *, cuts: Sequence[float] = (12, 36)
    ) -> Section:
        """The ratio in each period, and with what drifts as strata, where hazards are no match.

        Parameters
        ----------
        endpoint_names : sequence of str
            Those whose table the report has made.
        of : str
            The exposure.
        cuts : sequence of float
            Months at which a period ends.
        """
        told = "it would tell whether one ratio is a fair summary of the whole follow-up"
        parts, flags = [], []
        known = self.asked_of("changing hazards", endpoint_names, of, told=told)
        for endpoint in known:
            frame = self.frames[endpoint]
            names = self._adjusting(endpoint, of)
            if frame[of].nunique() < 2 or frame["event"].sum() < 2:
                continue
            test = regression.ph_test(frame, [of, *names], ties=self.ties, model="diagnostic")
            flag, drifting = self._drifting(test, endpoint, of)
            flags.append(flag)
            parts.append(regression.piecewise(frame, of, adjust=names, cuts=cuts, ties=self.ties))
            parts += self._stratified(frame, of, names, drifting)
        if not parts:
            if known:
                self.not_asked("changing hazards", "there is nothing to compare", told)
            return nothing()
        rows = self.add(*parts)
        flagged = pd.concat(flags, ignore_index=True)
        pieces = [html.say(text) for text in diagnosis(flagged, self.design)]
        caption = "Ratios by period of the follow-up"
        if self.hides(small(caption), rows):
            return nothing()
        asked = {"caption": caption, "statistics": {"hazard_ratio": "HR"}, "events": True}
        table = tables.effects_table(rows[rows["covariate"] == of], self.design, **asked)
        pieces.append(html.fold(caption, table))
        found = self.section(rows, pieces, readings.periods(rows, self.design))
        html.show(html.say(_NOT_PERIODS, "caution"))
        return found

    @of_sample
    def restricted_means(
        self, endpoint_names: Sequence[str], by: str, *, tau: float = 0
    ) -> Section:
        """Mean months up to a horizon by group, and their difference.

        Parameters
        ----------
        tau : float
            Horizon in months; 0: the last whole month with `min_at_risk` patients of each group
            at risk, and the last to which all are followed, at most the chapter's horizon.
        """
        title = f"restricted means by {small(self.design.label(by))}"
        names = [n for n in endpoint_names if self.can(f"{n}, {title}", n, by)]
        if not names:
            return nothing()
        rows = self.add(*[rows for n in names for rows in self._means(n, by, tau)])
        if rows.empty:
            why = f"Fewer than {self.chapter_rules.min_at_risk} of a group are left at month 1."
            html.show(html.skipped(title, why))
            return nothing()
        caption = "Restricted mean survival time"
        table = restricted.restricted_table(rows, self.design, caption=caption)
        lost = self.ungrouped(self.frames[names[0]], [by])
        section = self.section(rows, [table], [told_months(rows, self.design), *lost])
        if rows.groupby("endpoint")["time"].nunique().gt(1).any():
            html.show(html.aside(_THINNED.format(least=self.chapter_rules.min_at_risk)))
        return self.beside_siblings(section)

    def _means(self, endpoint: str, by: str, tau: float) -> list[pd.DataFrame]:
        """The means to each horizon of an endpoint; equal horizons once."""
        frame, rules = self.frames[endpoint], self.chapter_rules
        most = rules.horizons[-1]
        found: dict[float, pd.DataFrame] = {}
        for month in self.release.horizons(frame, by, tau, rules.min_at_risk, most):
            rows = survival.rmst(frame, by, month, most=most)
            found.setdefault(float(rows["time"].iloc[0]), rows)
        return list(found.values())

    @of_sample
    def pooled_codons(
        self, endpoint_names: Sequence[str], by: str, *, adjust: Sequence[str] = ()
    ) -> Section:
        """Hazard ratios of a factor's levels, drawn together as far as chance explains them.

        Parameters
        ----------
        endpoint_names : sequence of str
        by : str
            A column of three or more levels, the first the reference.
        adjust : sequence of str
            Further covariates of the models.
        """
        told = "it would tell whether the levels differ from each other at all"
        parts, pictures = [], []
        for endpoint in self.asked_of("levels drawn together", endpoint_names, by, told=told):
            names = self.usable(self.frames[endpoint], adjust)
            found = regression.pooled_levels(
                self.frames[endpoint], by, adjust=names, ties=self.ties
            )
            found = self.add(found)
            parts.append(found)
            pictures.append(self._arrows(found, endpoint, by))
        if not parts:
            return nothing()
        rows = joined(*parts)
        caption = f"{self.design.label(by)}: alone, and drawn together"
        if self.hides(small(caption), rows):
            return nothing()
        shown = [picture for picture in pictures if picture is not None]
        pieces = [states.codons_table(rows, self.design, caption=caption)]
        pieces += [html.fold(f"{caption}, as pictures", *shown)] if shown else []
        found = self.section(
            rows, pieces, readings.codons(rows, self.design), shown[0] if shown else None
        )
        html.show(html.say(_NOT_CODONS, "caution"))
        return found

    # ---- visits -------------------------------------------------------------

    def _seen_at_visits(self, endpoint: str, months: float) -> bool:
        frame = self.frames.get(endpoint)
        if frame is None or frame.empty:
            return False
        column = "last_negative_months"
        return months > 0 or (column in frame and frame[column].notna().any())

    @lent.pure
    def _bounded(self, endpoint: str, by: str, months: float) -> list[pd.DataFrame]:
        """Medians and ratio under each rule of dating, and the fit of the intervals."""
        frame = self.frames[endpoint]
        frame = frame[frame[by].notna()]
        days = float(self.design.conventions["days_per_month"])
        bounds = endpoints.visit_bounds(frame, months, days_per_month=days)
        parts = []
        for model, dated in bounds.items():
            curves = survival.kaplan_meier(dated, by, (), **self.curve_rules)
            parts.append(curves[curves["statistic"] == "median_survival"].assign(model=model))
            if dated[by].nunique() > 1:
                ratio = regression.univariable(dated, [by], ties=self.ties)
                ratio = ratio[ratio["statistic"].isin(["hazard_ratio", "reference"])]
                parts.append(ratio.assign(model=model))
        left = endpoints.last_negative(frame, months)
        fitted = regression.interval_censored(frame.assign(left=left), [by])
        return [*parts, fitted, survival.turnbull(frame.assign(left=left), by)]

    def _visits_table(self, rows: pd.DataFrame, endpoint: str, by: str) -> html.Html:
        columns = [
            (
                f"Median, {self.design.group_label(f'{by}={level}')}, months",
                {"statistic": "median_survival", "group": f"{by}={level}"},
            )
            for level in self.design.levels(by)
        ]
        columns.append(("HR", {"statistic": "hazard_ratio"}))
        name = self.design.endpoint_name(endpoint)
        caption = f"{name} by where in the interval the event is put"
        return states.rules_table(rows, self.design, caption=caption, columns=columns)

    # ---- hazards ------------------------------------------------------------

    def _adjusting(self, endpoint: str, of: str) -> list[str]:
        """The covariates of the printed model beside the exposure."""
        spec = self.design.models.get(endpoint, {})
        frame = self.frames[endpoint]
        return [n for n in self.usable(frame, spec.get("published", ())) if n != of]

    def _drifting(
        self, test: pd.DataFrame, endpoint: str, of: str
    ) -> tuple[pd.DataFrame, list[str]]:
        """The flag of proportional hazards, and which other covariates drift."""
        limit = self.design.chapter["flags"]["hazards_p"]
        name = small(self.design.label(of))
        flag = self.add(regression.drifts(test, of, p=limit, name=name, endpoint=endpoint))
        p = test[test["statistic"] == "p"].set_index("covariate")["estimate"]
        others = p.drop(["GLOBAL", of], errors="ignore")
        return flag, list(others[others < limit].index)

    def _stratified(
        self, frame: pd.DataFrame, of: str, names: Sequence[str], drifting: Sequence[str]
    ) -> list[pd.DataFrame]:
        """The exposure's ratio with what drifts as strata; nothing where nothing drifts."""
        if not drifting:
            return []
        held = [name for name in names if name not in drifting]
        strata = [name for name in drifting if self.design.levels(name)]
        if not strata:
            return []
        found = regression.cox(
            frame, [of, *held], strata=strata, ties=self.ties, model="stratified"
        )
        return [found[(found["covariate"] == of) & (found["statistic"] != "p")]]

    # ---- codons -------------------------------------------------------------

    def _arrows(self, rows: pd.DataFrame, endpoint: str, by: str) -> figures.Picture | None:
        ratios = rows[rows["statistic"] == "hazard_ratio"]
        drawn = ratios["model"] == "partial pooling"
        name = self.design.endpoint_name(endpoint)
        title = f"{name} by {small(self.design.label(by))}"
        return figures.drawn_together(ratios[~drawn], ratios[drawn], self.design, title=title)
