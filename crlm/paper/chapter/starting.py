"""Treatment that begins weeks after the operation: is having lived so long the benefit?"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crlm import causal, survival
from crlm.ledger import CohortError, small
from crlm.ledger import rows as result_rows
from crlm.numbers import counted
from crlm.paper.base import Section, nothing
from crlm.paper.chapter.comparable import Comparable
from crlm.paper.chapter.sampling import of_sample
from crlm.report import comparable as tables
from crlm.report import figures, html
from crlm.report.readings import comparable as words
from crlm.report.readings.flags import diagnosis

_MODELS = {
    "diagnostic": "ever treated",
    "time dependent": "from its first day",
    "assumed start": "from an assumed day",
    "landmark": "from the end of grace on",
    "clone censor weight": "strategies",
    "worst case": "early events as treated",
}
_LANDMARK = (
    "A landmark alone does not exclude immortal time bias, and none of these ratios is what "
    "treatment does to a patient: who could start was not drawn by lot."
)


class Starting(Comparable):
    """Treatment counted from its start, from a landmark, and as a strategy."""

    @of_sample
    def start_of_treatment(
        self, endpoint_names: Sequence[str], exposure: str, *, start: str = ""
    ) -> Section:
        """Whether having to live until treatment could begin makes its effect.

        Parameters
        ----------
        endpoint_names : sequence of str
        exposure : str
            Of two levels; the second is treatment.
        start : str
            The column of months at which it began; `<exposure>_start_months` otherwise.
            Without it every treatment is taken to begin at `assumed_start_months`.
        """
        told = "it would count treatment from its first day"
        if not self.asked("start of treatment", exposure, told=told):
            return nothing()
        start = start or f"{exposure}_start_months"
        dated = self.asked("dates of start", start, told=f"{told}; a day is assumed instead")
        names = [name for name in endpoint_names if name in self.frames]
        parts = [self._start_rows(name, exposure, start if dated else "") for name in names]
        rows = self.add(*parts)
        if rows.empty:
            return nothing()
        html.show(*self._start_before(rows, exposure, start if dated else ""))
        return self._start_shown(rows, exposure)

    def _start_rows(self, endpoint: str, exposure: str, start: str) -> pd.DataFrame:
        """All rows of one endpoint, with or without dates of the start."""
        found = [self._start_early(endpoint, exposure, bool(start))]
        found.append(self._start_counted(endpoint, exposure, start))
        found.append(self._start_landmark(endpoint, exposure, start))
        if start:
            found.append(self._start_strategies(endpoint, exposure, start))
        return pd.concat(found, ignore_index=True)

    def _start_early(self, endpoint: str, exposure: str, dated: bool) -> pd.DataFrame:
        rows = causal.early_events(
            self.frames[endpoint],
            exposure,
            self.chapter_rules.grace,
            ties=self.ties,
            limits=self.limits,
        )
        # With dates the start itself is used, and its flag stands for the count.
        return rows[rows["statistic"] != "flag"] if dated else rows

    def _start_counted(self, endpoint: str, exposure: str, start: str) -> pd.DataFrame:
        assumed = None if start else self.chapter_rules.assumed_start
        terms = self.terms(exposure)

        def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
            return causal.time_dependent(
                frame, exposure, start, terms, assumed=assumed, ties=self.ties, limits=self.limits
            )

        return self.over(endpoint, exposure, once)

    def _start_landmark(self, endpoint: str, exposure: str, start: str) -> pd.DataFrame:
        """Weighted effects among those event-free at the end of the grace period."""
        grace, rules, terms = self.chapter_rules.grace, self.chapter_rules, self.terms(exposure)
        where = survival.from_month(round(grace, 2))

        def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
            late = (
                causal.from_grace(frame, exposure, start, grace)
                if start
                else survival.landmark(frame, grace)
            )
            return causal.weighted_effects(
                late,
                exposure,
                causal.propensity(late, exposure, terms, population=where),
                times=rules.horizons,
                samples=samples,
                seed=seed,
                ties=self.ties,
                min_at_risk=rules.min_at_risk,
                population=where,
            )

        try:
            return self.over(endpoint, exposure, once).assign(model="landmark")
        except CohortError as error:
            keys = {"endpoint": endpoint, "population": where, "group": exposure}
            why = {"statistic": "risk_difference", "unit": "%", "method": f"not estimable: {error}"}
            why |= {"model": "landmark"}
            return result_rows([{**keys, "time": month, **why} for month in rules.horizons])

    def _start_strategies(self, endpoint: str, exposure: str, start: str) -> pd.DataFrame:
        rules, terms = self.chapter_rules, self.terms(exposure)

        def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
            return causal.strategies(
                frame,
                exposure,
                start,
                terms,
                grace=rules.grace,
                times=rules.horizons,
                tau=rules.tau or None,
                samples=samples,
                seed=seed,
                cap=rules.weight_cap,
                ties=self.ties,
                min_at_risk=rules.min_at_risk,
            )

        return self.over(endpoint, exposure, once)

    def _start_before(self, rows: pd.DataFrame, exposure: str, start: str) -> list[html.Html]:
        """What stands before the effects: early events, missing starts, flags."""
        told = [words.early(rows, self.design, self.chapter_rules.grace)]
        if start:
            treated = self.included[exposure] == self.design.levels(exposure)[1]
            unknown = int((treated & self.included[start].isna()).sum())
            if unknown:
                label = self.design.label(exposure, self.design.levels(exposure)[1])
                told.append(f"{counted(unknown, 'patient')} with {label} have no date of start.")
        told += diagnosis(rows, self.design)
        return [html.say(text) for text in told if text]

    def _start_shown(self, rows: pd.DataFrame, exposure: str) -> Section:
        ratios = rows[(rows["statistic"] == "hazard_ratio") & rows["model"].isin(_MODELS)]
        title = f"{self.design.label(exposure)}: when it counts from"
        known = ratios[ratios["estimate"].notna() & ratios["conf_low"].notna()]
        order = known["model"].map(list(_MODELS).index)
        known = known.assign(order=order).sort_values(["endpoint", "order"], kind="stable")
        labels = [
            f"{self.design.endpoint_name(r.endpoint)}, {_MODELS[r.model]}"
            for r in known.itertuples()
        ]
        picture = None
        if len(known) > 1:
            picture = figures.forest(known, self.design, title=title, labels=labels)
        pieces = [picture]
        for endpoint, part in rows.groupby("endpoint", sort=False):
            event = words.without(str(endpoint))
            name = self.design.endpoint_name(str(endpoint))
            caption = f"{name}: {small(title)}"
            table = tables.sides_table(
                part, self.design, exposure, caption=caption, event=event[0].upper() + event[1:]
            )
            pieces.append(html.fold(caption, table))
        section = self.section(rows, pieces, words.timing(rows, self.design), picture)
        html.show(html.say(_LANDMARK, "caution"))
        return section
