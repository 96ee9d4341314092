"""Competing causes: who gets to which kind of first event by when, and does anything act there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crlm import causal, lent, multistate, survival
from crlm.ledger import rows as result_rows
from crlm.ledger import small
from crlm.paper.base import Section, joined, nothing
from crlm.paper.chapter.asking import ENDS
from crlm.paper.chapter.balance import Balance
from crlm.paper.chapter.sampling import of_sample
from crlm.report import figures, html, states
from crlm.report.readings import states as readings
from crlm.report.readings.flags import diagnosis

_TOLD = {
    "RFS": "it would tell in which organ the disease came back first, while the others compete",
    "SCP": "it would tell apart from each other how many lost surgical control and how many died",
}
_NOT = {
    "RFS": (
        "A percentage of all patients at unequal follow-up is not a risk. What a subdistribution "
        "ratio says of the share does not say that anything acted there: read the cause-specific "
        "one beside it."
    ),
    "SCP": (
        "Censoring deaths answers how many would fail if nobody could die first, which is nobody's "
        "prognosis. Neither ratio says that the marker is the cause."
    ),
}


class Causes(Balance):
    """Competing risks of the first event."""

    @of_sample
    def competing_risks(
        self, endpoint: str, by: str, *, at: Sequence[float] = (), ties: str = ""
    ) -> Section:
        """Cumulative incidence of each kind of event, its test, and both kinds of hazard ratio.

        Parameters
        ----------
        endpoint : {"RFS", "SCP"}
            First recurrence in the liver, elsewhere, or death; failure, or death before it.
        by : str
            A column of two groups.
        at : sequence of float
            Months; by default those of the chapter's rules.
        ties : str
            As the run's where it is left out.
        """
        needed = ["site_liver", by] if endpoint == "RFS" else [by, "os_months"]
        if not self.asked("competing risks", *needed, endpoint=endpoint, told=_TOLD[endpoint]):
            return nothing()
        frame, months = self._caused(endpoint), list(at) or list(self.chapter_rules.horizons)
        if not frame["event"].any() or frame[by].nunique() < 2:
            one = f"one group alone under {small(self.design.label(by))}"
            why = "nobody had an event" if not frame["event"].any() else one
            self.not_asked("competing risks", why, _TOLD[endpoint], endpoint=endpoint)
            return nothing()
        causes = [str(name) for name in frame["cause"].cat.categories]
        self.release.causes(endpoint, frame)
        rows = self.add(*self._incidences(frame, by, causes, months, ties or self.ties))
        title = f"First event by {small(self.design.label(by))}"
        if self.hides(small(title), rows):
            return nothing()
        # Its curves step with single patients.
        picture = None if self.release.on else self._causes_picture(frame, by, title)
        ends = html.aside(ENDS.format(least=self.chapter_rules.min_at_risk)) if picture else None
        kinds = states.kinds_table(rows, self.design, caption="Rates and shares")
        pieces = [
            *map(html.say, diagnosis(rows, self.design)),
            picture,
            ends,
            states.incidence_table(self._absolute(rows), self.design, by, caption=title),
            self.steps(),
            html.fold("Hazard ratios: of the rate, and of the share", kinds),
        ]
        reading = [readings.incidence(rows, self.design), readings.kinds(rows, self.design)]
        found = self.section(rows, pieces, reading, picture)
        alike = self._alike_causes(endpoint, by, months)
        html.show(html.say(_NOT[endpoint], "caution"))
        return Section(joined(found.rows, alike), found.figure)

    def stands_on(self) -> list[object]:
        """As of any section, and what a death without failure was."""
        return [*super().stands_on(), self.death_rule]

    @property
    def death_rule(self) -> str:
        """What a death without failure was in the frames of this report."""
        return getattr(self, "rules", {}).get("death_without_failure", "censor")

    def _caused(self, endpoint: str) -> pd.DataFrame:
        """The frame of an endpoint with what ended each patient's time."""
        return self._caused_of(endpoint, self.frames[endpoint])

    def _caused_of(self, endpoint: str, frame: pd.DataFrame) -> pd.DataFrame:
        if endpoint == "RFS":
            return multistate.first_recurrence(frame)
        return multistate.failure_or_death(frame, death_without_failure=self.death_rule)

    @lent.pure
    def _incidences(
        self,
        frame: pd.DataFrame,
        by: str,
        causes: Sequence[str],
        months: Sequence[float],
        ties: str,
    ) -> list[pd.DataFrame]:
        """Rows of everything that is asked of the causes, absolute first."""
        rules, limits = self.chapter_rules, self.design.chapter["flags"]
        known = frame[frame[by].notna()]
        parts = [
            multistate.incidence(
                known,
                by,
                causes,
                months,
                min_at_risk=rules.min_at_risk,
                misleads=limits["competing_points"],
            ),
            multistate.gray(known, by, causes),
        ]
        for cause in causes:
            parts.append(multistate.cause_specific(known, [by], cause, ties=ties))
            parts.append(multistate.fine_gray(known, [by], cause, ties=ties))
        return parts

    def _alike_causes(self, endpoint: str, by: str, months: Sequence[float]) -> pd.DataFrame:
        """The same shares among patients whom both could have been given; shown, and their rows.

        Nothing for a marker, which nobody chooses, or without a model of the choice.
        """
        marker = self.design.chapter["kind"] == "marker"
        if marker or by != self.design.chapter["exposure"] or self._few_terms(by):
            return result_rows([])

        def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
            model = self.chance(frame, by)
            if model.fit is None:
                return result_rows([])
            caused = self._caused_of(endpoint, frame[model.kept])
            return multistate.incidence(
                caused,
                by,
                [str(name) for name in caused["cause"].cat.categories],
                months,
                weights=causal.weights(model)[model.kept],
                reweigh=causal.reweighing(model),
                samples=samples,
                seed=seed,
                min_at_risk=self.chapter_rules.min_at_risk,
                model="overlap weighted",
            )

        rows = self.add(self.over(endpoint, by, once))
        if rows.empty:
            return rows
        title = f"First event by {small(self.design.label(by))}, comparable patients"
        html.show(
            *map(html.say, diagnosis(self._balanced(by), self.design)),
            states.incidence_table(rows, self.design, by, caption=title),
            html.say(readings.alike(rows, self.design), "reading"),
        )
        return rows

    def _absolute(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows[rows["model"] == "aalen-johansen"]

    def _causes_picture(self, frame: pd.DataFrame, by: str, title: str) -> figures.Picture:
        known = frame[frame[by].notna()]
        rules = self.chapter_rules
        curves = multistate.incidence_curve(known, by, min_at_risk=rules.min_at_risk)
        last = min(rules.horizons[-1], float(np.ceil(curves["time"].max() / 12)) * 12)
        ticks = np.arange(0, max(last, 12) + 1, 12)
        return figures.incidences(
            curves, survival.risk_table(known, by, ticks), self.design, title=title
        )
