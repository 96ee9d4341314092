"""Does the effect differ between groups: on both scales, with what so few patients can say."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crlm import causal
from crlm.ledger import small
from crlm.paper.base import Section, nothing
from crlm.paper.chapter.comparable import Comparable
from crlm.paper.chapter.sampling import of_sample
from crlm.report import comparable as tables
from crlm.report import html
from crlm.report.readings import comparable as words
from crlm.report.readings.flags import diagnosis

_UNPROVEN = (
    "This is no proof that the two effects are equal: “regardless” needs limits that leave no "
    "room for a difference that matters."
)


class Between(Comparable):
    """One effect within the levels of another column, and between them."""

    @of_sample
    def modification(self, endpoint_names: Sequence[str], exposure: str, modifier: str) -> Section:
        """The effect within each level of a modifier, and the contrast of the effects.

        Parameters
        ----------
        endpoint_names : sequence of str
        exposure, modifier : str
            Columns; the contrast is each level of the modifier against its first.
        """
        told = "it would tell whether the effect is the same in both"
        if not self.asked("modification", exposure, modifier, told=told):
            return nothing()
        why = self.lacking("patients", exposure, modifier)
        names = [name for name in endpoint_names if name in self.frames]
        if why or not names:
            self.not_asked("modification", small(why.rstrip(".")) or "no endpoint is known", told)
            return nothing()
        within = self.add(self._between_balance(exposure, modifier))
        parts = [self._between_rows(name, exposure, modifier) for name in names]
        rows = self.add(*parts)
        title = f"{self.design.label(exposure)} by {small(self.design.label(modifier))}"
        if self.hides(small(title), rows):
            return nothing()
        table = tables.contrast_table(rows, self.design, exposure, modifier, caption=title)
        inside = html.fold(
            f"{title}: balance within each group",
            *[
                tables.balance_table(part, self.design, caption=self.design.group_label(str(where)))
                for where, part in within.groupby("population", sort=False)
            ],
        )
        flagged = pd.concat([within, rows], ignore_index=True)
        unlike = words.left_apart(within, self.design)
        html.show(*map(html.say, [*diagnosis(flagged, self.design), *unlike]))
        section = self.section(
            rows, [table, self.steps(), inside], words.modification(rows, self.design)
        )
        html.show(html.say(_UNPROVEN, "caution"))
        return section

    def _between_balance(self, exposure: str, modifier: str) -> pd.DataFrame:
        """Balance within each level, under the weights of one model with products."""

        def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
            model = self.chance(frame, exposure, modifier)
            return causal.balance_of(model, {"overlap": causal.weights(model)}, limits=self.limits)

        return self.over("patients", exposure, once)

    def _between_rows(self, endpoint: str, exposure: str, modifier: str) -> pd.DataFrame:
        rules, terms = self.chapter_rules, self.terms(exposure)

        def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
            model = self.chance(frame, exposure, modifier)
            weighted = causal.weighted_effects(
                frame,
                exposure,
                model,
                times=rules.horizons,
                tau=rules.tau or None,
                by=modifier,
                samples=samples,
                seed=seed,
                ties=self.ties,
                min_at_risk=rules.min_at_risk,
            )
            adjusted = causal.modification(frame, exposure, modifier, terms, ties=self.ties)
            excess = causal.reri(
                frame, exposure, modifier, terms, ties=self.ties, samples=samples, seed=seed
            )
            return pd.concat([weighted, adjusted, excess], ignore_index=True)

        rows = self.over(endpoint, exposure, once)
        one = rows[rows["model"] == "interaction adjusted"]
        drawn = causal.shrink(one, rules.prior_sd)
        return pd.concat(
            [rows, drawn, self._between_power(endpoint, exposure, modifier)], ignore_index=True
        )

    def _between_power(self, endpoint: str, exposure: str, modifier: str) -> pd.DataFrame:
        frame = self.frames[endpoint]
        shares = [
            float((frame[name] == self.design.levels(name)[-1]).mean())
            for name in (exposure, modifier)
        ]
        return causal.power(
            float(frame["event"].sum()),
            *shares,
            self.limits["power_ratio"],
            endpoint=endpoint,
            covariate=f"{exposure}:{modifier}",
            limits=self.limits,
        )
