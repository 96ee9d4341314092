"""What would have come out under other choices: none of it is in the papers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crlm import regression, second_opinion, survival
from crlm.ledger import rows as result_rows
from crlm.ledger import small
from crlm.ledger.models import seconds
from crlm.ledger.vocabulary import ALL
from crlm.numbers import counted
from crlm.paper.adjusted import of_model
from crlm.paper.base import Section, joined, nothing
from crlm.paper.chapter.sampling import Sampling, of_sample
from crlm.report import figures, html, readings, tables

_SCORES = {
    "crs": "Clinical risk score",
    "game": "GAME score",
    "m_cs": "m-CS",
    "tbs": "Tumour burden score",
    "beppu": "Beppu nomogram",
}

_ALONE = "The paper has no multivariable model: each covariate is analysed alone."


class Robustness(Sampling):
    """Analyses that ask how far the answers depend on choices; all of them are result rows."""

    @of_sample
    def interaction(self, endpoint_names: Sequence[str], effect: str, modifier: str) -> Section:
        """Does one effect depend on another: the ratio of the two hazard ratios, with limits."""
        label = small(self.design.label(modifier))
        title = f"{self.design.label(effect)} by {label}, nothing else adjusted for"
        known = [n for n in endpoint_names if not self.lacking(n, effect, modifier)]
        if not known:
            self.can(title, endpoint_names[0], effect, modifier)
            return nothing()
        rules = {"ties": self.ties, "test": self.design.interaction_test}
        frames = [self.as_modelled(self.frames[n], n, ALL) for n in known]
        fits = [regression.interaction(frame, effect, modifier, **rules) for frame in frames]
        rows = self.add(*fits)
        if self.hides(title, rows):
            return nothing()
        names = {"hazard_ratio": "HR"}
        table = tables.effects_table(rows, self.design, caption=title, statistics=names)
        told = readings.interaction(rows, self.design)
        return self.beside_siblings(self.section(rows, [html.fold(title, table)], told))

    @of_sample
    def proportional_hazards(self) -> Section:
        """The test of Grambsch and Therneau for each multivariable Cox model of the paper."""
        parts = []
        for name, model in self.models.items():
            _, population, frame = self.modelled(name)
            names = self.usable(frame, tables.model_covariates(model))
            if names:
                own = {"population": population, "strata": self.selections[name].strata}
                found = regression.ph_test(frame, names, ties=self.ties, **own)
                parts.append(of_model(name, found, self.design))
        if not parts:
            why = "No multivariable model was made."
            if self.selections and all(r.told == "univariable" for r in self.selections.values()):
                why = _ALONE
            html.show(html.skipped("proportional hazards", why))
            return nothing()
        rows = self.add(*parts)
        if self.hides("proportional hazards", rows):
            return nothing()
        names = {"chi_square": "chi-square"}
        caption = "Proportional hazards"
        table = tables.effects_table(rows, self.design, caption=caption, statistics=names)
        folded = html.fold(f"Tests of proportional hazards: {_count(rows)}", table)
        return self.section(rows, [folded], readings.proportional(rows, self.design))

    @of_sample
    def other_models(self, endpoint_names: Sequence[str], of: Sequence[str]) -> Section:
        """The printed model with either tie rule, all factors unscreened, and Firth's penalty.

        Parameters
        ----------
        of : sequence of str
            The covariates whose ratios are shown; rows hold all.
        """
        parts = []
        of_whole = [n for n in endpoint_names if n in self.design.models and not self.lacking(n)]
        for endpoint in of_whole:
            spec, (_, _, frame) = self.design.models[endpoint], self.modelled(endpoint)
            printed = self.usable(frame, spec["published"])
            every = self.design.together(self.usable(frame, spec["covariates"]), printed)
            strata = self.usable(frame, spec.get("strata") or ())
            if printed:
                parts += [
                    regression.cox(
                        frame,
                        printed,
                        ties=ties,
                        strata=strata,
                        model=f"printed covariates, {ties}",
                    )
                    for ties in ("breslow", "efron")
                ]
                own = {"ties": self.ties, "strata": strata, "model": "all factors"}
                parts.append(regression.cox(frame, every, **own))
                name = "printed covariates, Firth"
                parts.append(regression.firth_cox(frame, printed, strata=strata, model=name))
        rows = self.add(*parts)
        shown = rows[rows["covariate"].isin(of)]
        caption = f"{' and '.join(map(self.design.label, of))} under other models"
        firsts = [n for n in of_whole if n in seconds(self.design.models).values()]
        keys = {"population": "all", "model": "multivariable"}
        names = [self.design.model_label({**keys, "endpoint": name}) for name in firsts]
        names = list(dict.fromkeys(filter(None, names)))
        caption += f" than {' and '.join(names)}" if names else ""
        if not (shown["statistic"] == "hazard_ratio").any():
            specs = [self.design.models[name] for name in of_whole]
            alone = bool(specs) and all(s["selection"] == "univariable" for s in specs)
            why = _ALONE if alone else "No model of this cohort holds them."
            html.show(html.skipped(caption, why))
            return nothing()
        if self.hides(caption, shown):
            return nothing()
        names = {"hazard_ratio": "HR"}
        table = tables.effects_table(shown, self.design, caption=caption, statistics=names)
        many = int((shown["statistic"] == "hazard_ratio").sum())
        folded = html.fold(f"{caption}: {counted(many, 'ratio')}", table)
        return self.section(rows, [folded], readings.span_of_models(shown, self.design))

    @of_sample
    def second_opinion(self) -> Section:
        """The main curves and Cox models once more, by lifelines and statsmodels.

        Its numbers are no result rows: they are the same quantities, from other programs.
        """
        if self.release.on:
            why = "It sets every number beside another program's, to the eighth digit."
            html.show(html.skipped("a second opinion", why))
            return nothing()
        exposure = self.design.exposure
        parts = []
        for endpoint in self.design.main:
            if not self.lacking(endpoint, exposure):
                rows = self._curve_rows(endpoint, exposure)
                found_there = second_opinion.curves(self.frames[endpoint], exposure, rows)
                parts += [found_there] if len(found_there) else []
        for name, model in self.models.items():
            key = self.design.model_key(name)
            names, rows = tables.model_covariates(model), model[model["model"] == key]
            # The other programs are asked for the plain model: no strata, no products.
            plain = not (self.selections[name].strata or self.selections[name].products)
            if names and plain and rows["method"].str.contains("Wald").any():
                _, population, frame = self.modelled(name)
                if self.at_work:
                    names = self.usable(frame, names)
                    rows = regression.cox(frame, names, ties=self.ties, population=population)
                found = second_opinion.models(frame, names, rows, ties=self.ties)
                label = self.design.model_label({**rows.iloc[0], "model": key})
                told = found["quantity"] + (f", {label}" if label else "")
                parts.append(found.assign(quantity=told))
        if not parts:
            html.show(html.skipped("a second opinion", "There is no curve and no model."))
            return nothing()
        every = pd.concat(parts, ignore_index=True)
        caption = f"Second opinion: {counted(len(every), 'number')}"
        folded = html.fold(caption, tables.second_opinion_table(every, self.design))
        late = any("entry" in self.frames.get(name, ()) for name in self.design.main)
        rule = self.curve_rules["median_rule"]
        lacks = second_opinion.left_out(ties=self.ties, median_rule=rule, late=late)
        lacks += [f"Both are of {self.at_work.words}."] if self.at_work else []
        reading = readings.second_opinion(every, self.design, lacks)
        return self.section(result_rows([]), [folded], reading)

    def _curve_rows(self, endpoint: str, by: str) -> pd.DataFrame:
        """Rows of the report's curves by a column; those of the sample where one is at work."""
        rows = _curve_rows(self.results, endpoint, by)
        if not self.at_work:
            return rows
        months = sorted(rows.loc[rows["statistic"] == "survival_rate", "time"].unique())
        return survival.summary(self.frames[endpoint], by, times=months, **self.curve_rules)

    @of_sample
    def stability(self, *, samples: int, seed: int, of: str) -> Section:
        """How often the rule of each regression table chooses each factor in other samples.

        Parameters
        ----------
        samples : int
            Bootstrap samples of patients; 0: none.
        of : str
            The exposure that the sentence speaks of.
        """
        parts, pieces, texts = [], [], []
        chosen = {n: r for n, r in self.selections.items() if r.selection != "univariable"}
        for endpoint, rule in chosen.items() if samples else ():
            _, population, frame = self.modelled(endpoint)
            found = regression.bootstrap_selection(
                frame, rule, n_boot=samples, seed=seed, population=population
            )
            found = self.add(of_model(endpoint, found, self.design))
            label = self.design.model_label(found.iloc[0])
            own = f"{found['endpoint'].iloc[0]}, {label}" if label else endpoint
            name = self.design.endpoint_name(own)
            title = f"{name}: factors chosen in {counted(samples, 'sample')}"
            parts.append(found)
            picture = figures.stability(found, self.design, title=title)
            pieces.append(html.fold(title, picture, html.say(figures.SIDES)))
            texts.append(f"{name}: {readings.stability(found, self.design, of)}")
        if not parts:
            none = _ALONE if self.selections else "No regression table was made."
            why = none if samples else "No resamples were asked for."
            html.show(html.skipped("stability of the selection", why))
            return nothing()
        return self.section(joined(*parts), pieces, texts)

    @of_sample
    def landmark(self, endpoint_names: Sequence[str], of: str, *, month: float) -> Section:
        """The hazard ratio among those event-free and followed at a month, from there on."""
        parts = []
        for endpoint in endpoint_names:
            why = self.lacking(endpoint, of) or self.nobody_left(endpoint, of, month)
            if why:
                html.show(html.skipped(f"{endpoint} from month {month:g}", why))
                continue
            where = survival.from_month(month)
            late = survival.landmark(self.frames[endpoint], month)
            late = self.as_modelled(late, endpoint, where)
            fit = regression.univariable(late, [of], ties=self.ties, population=where)
            parts.append(fit.assign(model="landmark"))
        if not parts:
            return nothing()
        rows = self.add(*parts)
        caption = f"{self.design.label(of)} among those event-free at month {month:g}"
        asked = {"caption": caption, "statistics": {"hazard_ratio": "HR"}, "events": True}
        table = tables.effects_table(rows, self.design, **asked)
        texts = [
            readings.effects(part, self.design, self.print, lead=f"{name}, unadjusted: ")
            for name, part in rows.groupby("endpoint", sort=False)
        ]
        return self.section(rows, [html.fold(caption, table)], texts)

    @of_sample
    def scores(self, endpoint: str, names: Sequence[str]) -> Section:
        """How well published scores rank the patients: Harrell's C, one half is chance."""
        if not self.can("clinical scores", endpoint):
            return nothing()
        known = self.usable(self.frames[endpoint], names)
        if not known:
            html.show(
                html.skipped("clinical scores", "This cohort lacks the parts of each of them.")
            )
            return nothing()
        rows = self.add(*[regression.cindex(self.frames[endpoint], name) for name in known])
        table = tables.effects_table(
            rows,
            self.design,
            caption=f"Concordance with {self.design.endpoint_name(endpoint)}",
            statistics={"concordance": "Harrell's C"},
        )
        told = readings.concordance(rows, _SCORES)
        return self.beside_siblings(self.section(rows, [table], told))


def _curve_rows(rows: pd.DataFrame, endpoint: str, by: str) -> pd.DataFrame:
    """Rows of the plain curves of one endpoint by one column, all patients.

    Weighted curves, and those under another rule of dating, are other quantities.
    """
    here = rows[(rows["endpoint"] == endpoint) & (rows["population"] == "all")]
    here = here[here["model"].isin(["", "logrank"])]
    groups = here["group"].str.startswith(f"{by}=") & ~here["group"].str.contains(",")
    return here[(groups | (here["group"] == by)) & (here["covariate"] == "")]


def _count(rows: pd.DataFrame) -> int:
    return int((rows["statistic"] == "chi_square").sum())
