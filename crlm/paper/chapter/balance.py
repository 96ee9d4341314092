"""Are the sides comparable, and what comes out among those who are."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crlm import causal, lent
from crlm.ledger import small
from crlm.paper.base import Section, nothing
from crlm.paper.chapter.comparable import Comparable
from crlm.paper.chapter.sampling import of_sample
from crlm.report import comparable as tables
from crlm.report import figures, html
from crlm.report.readings import comparable as words
from crlm.report.readings.flags import diagnosis

_KINDS = ("overlap", "att")
_RISK_TICKS = (0, 12, 24, 36, 48, 60)
#: Fewer terms than this are no model of a choice of treatment.
_FEWEST_TERMS = 3
_NOT_BALANCED = (
    "It must not be read as what {treatment} does to a patient: what nobody wrote down (fitness, "
    "distance, wishes) is balanced by no weight."
)
_MARKER = (
    "No intervention: this is a prognostic contrast among patients who were tested. Differences "
    "between the groups belong to it; they are shown, not weighted away."
)


class Balance(Comparable):
    """Balance of the sides, and effects among patients whom either could have been given."""

    @of_sample
    def balance(self, exposure: str, *, by: str = "") -> Section:
        """How unlike the sides are before and under weights, and how far they overlap.

        Parameters
        ----------
        exposure : str
            A column of two levels. For a marker the differences alone are told: there is
            nothing to weight.
        by : str
            A factor whose products with the characteristics are told of too.
        """
        told = "it would tell whether the compared patients are alike"
        if not self.asked("balance", exposure, told=told):
            return nothing()
        if self._few_terms(exposure):
            self.not_asked("balance", self._few_terms(exposure))
            return nothing()
        rows = self._balanced(exposure, by)
        title = f"Alike or not: {small(self.design.label(exposure))}"
        if self.hides(small(title), rows):
            return nothing()
        table = html.fold(
            f"{title}: every term", tables.balance_table(rows, self.design, caption=title)
        )
        picture = figures.love(rows, self.design, title=title)
        if self.design.chapter["kind"] == "marker":
            caution = html.say(_MARKER, "caution")
            return self.section(rows, [picture, table, caution], words.balance(rows, self.design))
        shares = None if self.release.on else self._propensity_picture(exposure)
        pieces = [picture, html.fold(f"{title}: propensity", shares) if shares else None, table]
        html.show(*map(html.say, diagnosis(rows, self.design)))
        return self.section(rows, pieces, words.balance(rows, self.design), picture)

    def _few_terms(self, exposure: str) -> str:
        """Why there is no model of who is treated; empty where there is."""
        usable = self.usable(self.included, [name for name, _ in self.terms(exposure)])
        if len(usable) >= _FEWEST_TERMS:
            return ""
        return (
            f"this table holds {len(usable)} of the characteristics that drive the choice, too few"
        )

    def _balanced(self, exposure: str, by: str = "") -> pd.DataFrame:
        """The rows of balance, computed and put among the results once."""
        if not hasattr(self, "_balances"):
            self._balances: dict[str, pd.DataFrame] = {}
        if exposure not in self._balances:
            self._balances[exposure] = self.add(self._balance_rows(exposure, by))
        return self._balances[exposure]

    def _balance_rows(self, exposure: str, by: str) -> pd.DataFrame:
        rules, limits = self.chapter_rules, self.limits
        by = by if by in self.usable(self.included, [by]) else ""

        def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
            model = self.chance(frame, exposure)
            given = {kind: causal.weights(model, kind, rules.weight_cap) for kind in _KINDS}
            return causal.balance_of(model, given, by or None, limits)

        rows = self.over("patients", exposure, once)
        flags = rows["statistic"] == "flag"
        if self.design.chapter["kind"] == "marker":
            kept = (rows["statistic"] == "smd") & (rows["model"] == "diagnostic")
            return rows[kept]
        # The flag speaks of the main estimate; the other weights tell their own numbers.
        return rows[~(flags & (rows["model"] == "att weighted"))]

    @lent.pure
    def _propensity_picture(self, exposure: str) -> figures.Picture | None:
        """The propensity of both sides, its spread averaged over the completed tables."""
        shares = [
            causal.propensity_shares(self.chance(frame, exposure))
            for frame in self.filled("patients", exposure)
        ]
        whole = pd.concat(shares, ignore_index=True)
        if whole.empty:
            return None
        mean = whole.groupby(["group", "low", "high"], sort=False, as_index=False)["share"].mean()
        levels = [f"{exposure}={level}" for level in self.design.levels(exposure)]
        mean = mean.sort_values("group", key=lambda g: g.map(levels.index), kind="stable")
        return figures.propensity_overlap(mean, self.design, title="Who was treated, by propensity")

    @of_sample
    def weighted(self, endpoint: str, exposure: str, *, at: Sequence[float] = ()) -> Section:
        """Survival, months and ratios among patients for whom both sides were options.

        Parameters
        ----------
        endpoint, exposure : str
        at : sequence of float
            Horizons in months; those of the chapter otherwise.
        """
        told = "it would compare like with like"
        if not self.asked("weighted effects", exposure, endpoint=endpoint, told=told):
            return nothing()
        if self._few_terms(exposure):
            self.not_asked("weighted effects", self._few_terms(exposure), endpoint=endpoint)
            return nothing()
        diagnosed = self._balanced(exposure)
        times = list(at) or list(self.chapter_rules.horizons)
        rows = self.add(*[self._weighted_rows(endpoint, exposure, kind, times) for kind in _KINDS])
        rows = pd.concat(
            [rows, self.add(self._doubly_robust_rows(endpoint, exposure))], ignore_index=True
        )
        label = self.design.endpoints[endpoint]["label"]
        title = f"{label}, {small(self.design.label(exposure))}, comparable patients"
        if self.hides(title, rows):
            return nothing()
        event = words.without(endpoint)
        table = tables.sides_table(
            rows, self.design, exposure, caption=title, event=event[0].upper() + event[1:]
        )
        picture = None if self.release.on else self._weighted_picture(endpoint, exposure, title)
        folded = html.fold(f"{title}: curves", picture) if picture else None
        side = self.design.label(exposure, self.design.levels(exposure)[1])
        caution = html.say(_NOT_BALANCED.format(treatment=side), "caution")
        reading = words.effect(rows, self.design, exposure, endpoint)
        html.show(*map(html.say, diagnosis(diagnosed, self.design)))
        section = self.section(rows, [table, self.steps(), folded], reading, picture)
        html.show(caution)
        return section

    def _weighted_rows(
        self, endpoint: str, exposure: str, kind: str, times: Sequence[float]
    ) -> pd.DataFrame:
        rules = self.chapter_rules

        def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
            return causal.weighted_effects(
                frame,
                exposure,
                self.chance(frame, exposure),
                kind=kind,
                times=times,
                tau=rules.tau or None,
                samples=samples,
                seed=seed,
                cap=rules.weight_cap,
                ties=self.ties,
                min_at_risk=rules.min_at_risk,
            )

        return self.over(endpoint, exposure, once)

    def _doubly_robust_rows(self, endpoint: str, exposure: str) -> pd.DataFrame:
        terms = self.terms(exposure)

        def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
            given = causal.weights(self.chance(frame, exposure))
            return causal.doubly_robust(frame, exposure, terms, given, self.ties)

        return self.over(endpoint, exposure, once)

    @lent.pure
    def _weighted_picture(self, endpoint: str, exposure: str, title: str) -> figures.Picture | None:
        """Weighted curves, averaged over the completed tables, with numbers at risk."""
        frames = self.filled(endpoint, exposure)
        pairs = [(frame, self.chance(frame, exposure)) for frame in frames]
        steps = [causal.weighted_curve(frame, exposure, model) for frame, model in pairs]
        if any(part.empty for part in steps):
            return None
        # Weights do not move the times of events, so that the tables' steps lie side by side.
        mean = steps[0].assign(survival=sum(part["survival"] for part in steps) / len(steps))
        risk = [
            causal.weighted_risk_table(frame, exposure, model, _RISK_TICKS)
            for frame, model in pairs
        ]
        whole = pd.concat(risk, ignore_index=True)
        keys = ["group", "time", "statistic"]
        at_risk = whole.groupby(keys, sort=False, as_index=False)["estimate"].mean()
        if not (at_risk.groupby("group")["estimate"].max() > 0).all():
            return None
        return figures.weighted_curves(
            mean, at_risk, self.design, title=title, note="overlap weights"
        )
