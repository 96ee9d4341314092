"""The surgically controllable period as a process, a short one without hindsight, and p-NAC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from crlm import causal, endpoints, lent, multistate, regression, survival
from crlm.ledger import CohortError, small
from crlm.ledger import rows as result_rows
from crlm.paper.base import Section, nothing
from crlm.paper.chapter.asking import ENDS
from crlm.paper.chapter.causes import Causes
from crlm.paper.chapter.sampling import of_sample
from crlm.report import figures, html, states
from crlm.report.readings import states as readings
from crlm.report.readings.flags import diagnosis

_TOLD = (
    "it would tell at which step of the disease the difference arises, and how many months each "
    "step lasts"
)
_NOT_CAUSE = (
    "Carriers and others were not made alike: this does not say that {who} causes it. A ratio out "
    "of a later state compares those who got there, not those who set out."
)
_NOT_BIOLOGY = (
    "What the biology did lies between the record and the recurrence; the third line is another "
    "policy, not a bound. None of them says that p-NAC helps or harms."
)
_NOT_SHORT = (
    "A short period is an outcome: it can foretell death only from the month at which it is known, "
    "and not before. None of this says what shortened it."
)
#: What becomes of those censored before the month, in the paper's own model.
_RULES = {
    "not short": "censored count as not short",
    "short": "censored count as short",
    "exclude": "censored left out",
}


class Process(Causes):
    """States of the disease and the month at which surgical control is lost."""

    @of_sample
    def controllable_process(
        self,
        by: str,
        *,
        adjust: Sequence[str] = (),
        at: Sequence[float] = (0, 12, 24, 36, 48, 60),
        prognosis_from: float = 12.0,
    ) -> Section:
        """How likely each state is, months in it, and which step differs between the groups.

        Parameters
        ----------
        by : str
            A column of two groups.
        adjust : sequence of str
            Covariates of the transitions, the most important first; by default the design's.
        at : sequence of float
            Months of the probabilities and of the numbers in state.
        prognosis_from : float
            A month from which those still controllable are followed again; 0: none.
        """
        stays = self._stays(by)
        if stays is None:
            return nothing()
        rules, label = self.chapter_rules, small(self.design.label(by))
        names = list(adjust) or list(self.design.chapter.get("adjust", ()))
        names = [name for name in self.usable(stays, names) if name != by]
        known = stays[stays[by].notna()]
        process, steps, memory, later, curves = self._states(known, by, names, at, prognosis_from)
        rows = self.add(process, steps, memory, later, self._few_steps(steps))
        picture = figures.stacked(curves, process, self.design, title=f"States by {label}")
        months = self._months_picture(process)
        pieces = [
            *map(html.say, diagnosis(rows, self.design)),
            picture,
            html.aside(ENDS.format(least=rules.min_at_risk)),
            states.months_table(process, self.design, caption=f"Months in each state by {label}"),
            html.fold("Months in each state as a picture", months) if months else None,
            html.fold("Each step: hazard ratios", self._steps_table(steps, memory)),
        ]
        reading = [
            readings.months_in_states(process, self.design),
            readings.steps(steps, self.design),
        ]
        found = self.section(rows, pieces, reading, picture)
        html.show(html.say(_NOT_CAUSE.format(who=self.design.label(by)), "caution"))
        return found

    @of_sample
    def landmark_risk(self, by: str, *, month: float = 12.0, samples: int | None = None) -> Section:
        """The risk of losing surgical control by a month, those lost before it not left out.

        Pseudo-values of the failure probability, death competing; as a check the logistic model
        weighted for censoring, and the paper's own under each rule for the censored.

        Parameters
        ----------
        by : str
        month : float
        samples : int, optional
            Resamples of the weighted model; by default the chapter's.
        """
        told = "it would tell how many lost surgical control by then, nobody left out"
        if not self.asked("short period", by, "os_months", endpoint="SCP", told=told):
            return nothing()
        frame = multistate.failure_or_death(
            self.frames["SCP"], death_without_failure=self.death_rule
        )
        frame = frame.assign(endpoint="short_SCP")
        if frame[by].nunique() < 2 or not (frame["cause"] == "failure").any():
            self.not_asked("short period", "there is nothing to compare", told, endpoint="SCP")
            return nothing()
        many = self.chapter_rules.samples if samples is None else samples
        rows = self.add(*self._short_by_month(frame, by, month, many))
        early = frame["time"] < month
        lost = int((early & ~frame["event"]).sum())
        died = int((early & (frame["cause"] == "death")).sum())
        caption = f"Failure by month {month:g}"
        table = states.short_period_table(rows, self.design, by, caption=caption, month=month)
        reading = [readings.short_period(rows, self.design), readings.odds(rows, self.design)]
        first = html.say(readings.censored_early(lost, died, month))
        found = self.section(rows, [first, table], reading)
        html.show(html.say(_NOT_SHORT, "caution"))
        return found

    @of_sample
    def failure_bounds(self, by: str, *, at: Sequence[float] = (6, 12)) -> Section:
        """Failure risk, median and ratio, failures behind p-NAC dated back to the recurrence.

        Parameters
        ----------
        by : str
        at : sequence of float
            Months of the failure risk, the first of which the flag looks at.
        """
        told = "it would tell how much later p-NAC makes a failure look"
        if not self.asked("guaranteed time", by, "os_months", endpoint="SCP", told=told):
            return nothing()
        try:
            parts, recorded = self._under_rules(by, at)
        except CohortError:
            why = "this table has no event history, which alone tells who had p-NAC"
            self.not_asked("guaranteed time", why, told, endpoint="SCP")
            return nothing()
        rows = self.add(*parts)
        limits = self.design.chapter["flags"]
        flag = multistate.guaranteed_time(
            rows,
            recorded,
            at[0],
            share=limits["guaranteed_share"],
            points=limits["guaranteed_points"],
        )
        self.add(flag)
        groups = [f"{by}={level}" for level in self.design.levels(by)]
        columns = _columns(groups, at, self.design)
        caption = "Surgical failure under three rules of dating"
        table = states.rules_table(rows, self.design, caption=caption, columns=columns)
        first = [html.say(text) for text in diagnosis(flag, self.design)]
        found = self.section(rows, [*first, table], readings.guaranteed(rows, self.design))
        html.show(html.say(_NOT_BIOLOGY, "caution"))
        return found

    # ---- parts --------------------------------------------------------------

    def _stays(self, by: str) -> pd.DataFrame | None:
        """The stays of all included patients; None, with the line that says why, without any."""
        if not self.asked("states", by, "os_months", endpoint="patients", told=_TOLD):
            return None
        rule = self.chapter_rules.controlled_unresectable
        why = ""
        try:
            stays = multistate.stays(
                self.included, self.history, self.design, controlled_unresectable=rule
            )
        except CohortError:
            stays, why = None, "this table cannot tell when control was lost"
        if stays is not None and (stays.empty or stays[by].nunique() < 2):
            why = f"this table holds nothing to compare under {small(self.design.label(by))}"
        if why:
            self.not_asked("states", why, _TOLD, endpoint="states")
            return None
        return stays

    @lent.pure
    def _states(
        self,
        stays: pd.DataFrame,
        by: str,
        names: Sequence[str],
        at: Sequence[float],
        prognosis_from: float,
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame | None, pd.DataFrame]:
        """States, transitions, their memory, the states from a month on, and the curves."""
        rules = self.chapter_rules
        process = multistate.states(
            stays,
            by,
            at,
            [*rules.horizons, rules.tau or 0.0],
            samples=rules.samples,
            seed=rules.seed,
            min_at_risk=rules.min_at_risk,
        )
        steps = multistate.transitions(stays, by, names, ties=self.ties)
        markov = self.design.chapter["flags"]["markov_p"]
        memory = multistate.markov(stays, by, ties=self.ties, remembers=markov)
        later = self._from(stays, by, prognosis_from)
        curves = multistate.state_curve(stays, by, min_at_risk=rules.min_at_risk)
        return process, steps, memory, later, curves

    def _from(self, stays: pd.DataFrame, by: str, month: float) -> pd.DataFrame | None:
        """State probabilities of those still controllable at a month, timed from there."""
        if not month:
            return None
        try:
            later = multistate.from_state(stays, month)
        except CohortError:
            return None
        if later[by].nunique() < 2:
            return None
        left = self.chapter_rules.horizons[-1] - month
        if left <= 0:
            return None
        return multistate.states(
            later,
            by,
            [left],
            0.0,
            samples=0,
            min_at_risk=self.chapter_rules.min_at_risk,
            population=survival.from_month(month),
        )

    def _few_steps(self, steps: pd.DataFrame) -> pd.DataFrame:
        """The flag on transitions with too few events for their adjusting terms."""
        own = steps[steps["statistic"].isin(["transition_hazard_ratio", "reference"])]
        own = own[own["model"] == "multistate"]
        counts = own.groupby("population", sort=False)["events"].sum()
        least = self.design.chapter["flags"]["events_per_parameter"]
        few = [f"{name.replace('>', ' to ')} ({int(k)})" for name, k in counts.items() if k < least]
        text = f"transitions with fewer than {least:g} events: {', '.join(few) or 'none'}"
        flag = {"endpoint": "states", "covariate": "few events", "model": "diagnostic"}
        values = {"statistic": "flag", "estimate": float(bool(few)), "method": text}
        return result_rows([{**flag, **values}])

    def _months_picture(self, process: pd.DataFrame) -> Any:
        own = process[process["statistic"] == "months_in_state"]
        whole = own.groupby("time")["estimate"].apply(lambda values: values.notna().all())
        months = whole[whole].index
        if not len(months):
            return None
        title = f"Months in each state up to month {months[-1]:g}"
        return figures.months_in_state(own[own["time"] == months[-1]], self.design, title=title)

    def _steps_table(self, steps: pd.DataFrame, memory: pd.DataFrame) -> html.Html:
        every = pd.concat([steps, memory], ignore_index=True)
        return states.transitions_table(every, self.design, caption="Each step of the process")

    @lent.pure
    def _short_by_month(
        self, frame: pd.DataFrame, by: str, month: float, samples: int
    ) -> list[pd.DataFrame]:
        """The risk of failure by a month from pseudo-values, and the models beside it."""
        least = self.chapter_rules.min_at_risk
        parts = [
            multistate.pseudo(frame, [by], month, link=link, cause="failure", min_at_risk=least)
            for link in ("identity", "logit")
        ]
        # Both links tell the risk of all; it is one row.
        parts[1] = parts[1][parts[1]["statistic"] != "cumulative_incidence"]
        parts += self._weighted_odds(frame, by, month, samples)
        return parts + self._odds_by_rule(by, month)

    def _weighted_odds(
        self, frame: pd.DataFrame, by: str, month: float, samples: int
    ) -> list[pd.DataFrame]:
        """The logistic model weighted for those lost before the month; none with late entry."""
        if "entry" in frame and (frame["entry"] > 0).any():
            return []
        died, failed = ((frame["cause"] == cause).to_numpy(bool) for cause in ("death", "failure"))
        known = frame.assign(event=failed, _rival=died)
        rules = {"samples": samples, "seed": self.chapter_rules.seed, "rival": "_rival"}
        found = causal.odds_by_month(known, [(by, "factor")], month, endpoint="short_SCP", **rules)
        return [found]

    def _odds_by_rule(self, by: str, month: float) -> list[pd.DataFrame]:
        """The paper's logistic model under each rule for those censored before the month."""
        parts = []
        for rule, name in _RULES.items():
            frame = self.frames["SCP"]
            frame = frame.assign(short_scp=endpoints.short_scp(frame, month, rule))
            if frame["short_scp"].nunique() < 2:
                continue
            names = {"model": name, "endpoint": "short_SCP", "interval": self.odds_limits}
            found = regression.logistic(frame, "short_scp", [by], **names)
            parts.append(found[found["statistic"] != "p"])
        return parts

    @lent.pure
    def _under_rules(
        self, by: str, at: Sequence[float]
    ) -> tuple[list[pd.DataFrame | None], pd.DataFrame]:
        """Rows under each rule of dating, and the frame of the endpoint as recorded."""
        rule = self.chapter_rules.controlled_unresectable
        bounded = endpoints.bounds(
            self.included, self.history, self.design, controlled_unresectable=rule
        )
        parts: list[pd.DataFrame | None] = []
        for name, frame in bounded.items():
            parts += self._of_rule(frame, by, name, at)
        return [*parts, self._strict(by, at)], bounded["record"]

    def _of_rule(
        self, frame: pd.DataFrame, by: str, model: str, at: Sequence[float]
    ) -> list[pd.DataFrame]:
        """Failure risks by group and of all, medians and the ratio under one rule of dating."""
        known = multistate.failure_or_death(frame, death_without_failure=self.death_rule)
        options = {"min_at_risk": self.chapter_rules.min_at_risk, "model": model}
        parts = []
        for group in (by, None):
            part = known if group is None else known[known[by].notna()]
            parts.append(multistate.incidence(part, group, ["failure"], at, **options))
        curves = survival.kaplan_meier(frame, by, (), **self.curve_rules)
        medians = curves[curves["statistic"] == "median_survival"]
        ratio = regression.univariable(frame, [by], ties=self.ties)
        ratio = ratio[ratio["statistic"].isin(["hazard_ratio", "reference"])]
        return [*parts, medians.assign(model=model), ratio.assign(model=model)]

    def _strict(self, by: str, at: Sequence[float]) -> pd.DataFrame | None:
        """The failure risk were a recurrence that is controlled yet unresectable a failure."""
        if self.chapter_rules.controlled_unresectable == "failure":
            return None
        try:
            known = endpoints.from_history(
                self.included.drop(columns=["scp_months", "scp_event"], errors="ignore"),
                self.history,
                self.design,
                controlled_unresectable="failure",
            )
            frame = endpoints.derive(known, "SCP", self.design, entered_late="drop")
        except CohortError:
            return None
        caused = multistate.failure_or_death(frame)
        options = {"min_at_risk": self.chapter_rules.min_at_risk, "model": "record"}
        where = "controlled_unresectable=failure"
        return multistate.incidence(caused, None, ["failure"], at, population=where, **options)


def _columns(
    groups: Sequence[str], at: Sequence[float], design: Any
) -> list[tuple[str, dict[str, Any]]]:
    """Failure risk of all at each month, the medians by group, and the ratio."""
    whole = {"statistic": "cumulative_incidence", "group": "all", "population": "all"}
    columns = [(f"Failed by month {month:g}, %", {**whole, "time": month}) for month in at]
    for group in groups:
        name = f"Median, {design.group_label(group)}, months"
        columns.append((name, {"statistic": "median_survival", "group": group}))
    return [*columns, ("HR", {"statistic": "hazard_ratio"})]
