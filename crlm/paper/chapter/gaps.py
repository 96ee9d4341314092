"""Missing values: who has them, and what comes out when they are completed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from crlm import lent, missing, regression
from crlm.paper.base import Section, nothing
from crlm.paper.chapter.comparable import Comparable
from crlm.paper.chapter.sampling import of_sample
from crlm.report import comparable as tables
from crlm.report import html
from crlm.report.readings import comparable as words
from crlm.report.readings.flags import diagnosis
from crlm.report.readings.wording import capital

_SHIFTS = {"halved": -math.log(2), "doubled": math.log(2)}
_UNTESTABLE = (
    "That values are missing at random, given what is known, cannot be tested in this table: the "
    "two columns show what it would change, not that the answer is robust."
)
_FEWER = 4


class Gaps(Comparable):
    """What is missing, in whom, and the paper's models with completed tables."""

    @of_sample
    def missing_values(self, endpoint_names: Sequence[str], exposure: str) -> Section:
        """The paper's multivariable models in complete cases and with completed tables.

        Parameters
        ----------
        endpoint_names : sequence of str
            Endpoints with a model in the design.
        exposure : str
            Whose ratio the sentence tells; missing values are shown by its levels.
        """
        told = "it would tell whether the patients with gaps are like the others"
        if not self.asked("missing values", exposure, told=told):
            return nothing()
        names = [name for name in endpoint_names if name in self.frames]
        names = [name for name in names if name in self.design.models]
        patterns = self.add(*[self._gap_pattern(name, exposure) for name in names])
        if patterns.empty:
            return nothing()
        title = "What is missing, and in whom"
        first = patterns[patterns["endpoint"] == names[0]]
        told = words.gaps(first, self.design)
        found = html.fold(title, tables.gaps_table(first, self.design, caption=title))
        tables_ = self.completed(exposure)
        if not tables_:
            asked = "no completed tables were asked for"
            why = asked if self.gaps(exposure) else "no value of these covariates is missing"
            self.unanswered("missing values", why)
            if self.gaps(exposure):
                told += f" {capital(asked)}."
            return self.section(patterns, [found if self.gaps(exposure) else None], told)
        html.show(html.say(told), found)
        rows = self.add(*[self._gap_models(name, exposure) for name in names])
        return self._gap_shown(pd.concat([patterns, rows], ignore_index=True), exposure)

    @lent.pure
    def _gap_pattern(self, endpoint: str, exposure: str) -> pd.DataFrame:
        made = self.design.scaled
        printed = self.design.models[endpoint]["published"]
        printed = [self.design.source(name) if name in made else name for name in printed]
        names = dict.fromkeys([*printed, *(name for name, _ in self.candidates())])
        held = [name for name in names if name in self.frames[endpoint] and name != exposure]
        rows = missing.pattern(self.frames[endpoint], held, exposure)
        # The model of complete cases counts its own patients, of fewer covariates.
        whole = rows["model"] == "complete case"
        return rows.assign(covariate=rows["covariate"].mask(whole, "complete in everything"))

    @lent.pure
    def _gap_models(self, endpoint: str, exposure: str) -> pd.DataFrame:
        """The printed covariates: complete cases, completed tables, and two harder guesses."""
        frame = self.frames[endpoint]
        spec = self.design.models[endpoint]["published"]
        names = list(dict.fromkeys([exposure, *spec]))
        names = self.usable(frame, names)
        if exposure not in names:
            return pd.DataFrame()
        complete = regression.cox(frame, names, ties=self.ties, model="complete case")
        pooled = self._gap_pooled(endpoint, exposure, names, self.completed(exposure), "imputed")
        share = float(frame[names].notna().all(axis=1).mean())
        flag = missing.moved(complete, pooled, exposure, share=share, limits=self.limits)
        return pd.concat(
            [complete, pooled, flag, *self._gap_shifted(endpoint, exposure, names)],
            ignore_index=True,
        )

    def _gap_pooled(
        self,
        endpoint: str,
        exposure: str,
        names: Sequence[str],
        completed: Sequence[pd.DataFrame],
        model: str,
    ) -> pd.DataFrame:
        frames = self.filled(endpoint, exposure, completed)
        fits = [regression.cox(one, names, ties=self.ties) for one in frames]
        return missing.pool(fits, len(frames[0]), len(names), model=model)

    def _gap_shifted(
        self, endpoint: str, exposure: str, names: Sequence[str]
    ) -> list[pd.DataFrame]:
        """The model where the commonest gap hides the later level half or twice as often."""
        column = self._gap_widest(exposure, names)
        if not column:
            return []
        m = max(2, self.chapter_rules.imputations // _FEWER)
        found = []
        for name, shift in _SHIFTS.items():
            made = self._gap_guesses(exposure, m, column, name, shift)
            model = f"imputed, odds of {column} {name}"
            rows = self._gap_pooled(endpoint, exposure, names, made, model)
            found.append(rows[rows["covariate"].isin([exposure, column])])
        return found

    def _gap_guesses(
        self, exposure: str, m: int, column: str, name: str, shift: float
    ) -> list[pd.DataFrame]:
        """Completed tables under a harder guess, made once for all endpoints."""
        if not hasattr(self, "_guesses"):
            self._guesses: dict[tuple[str, str, str], list[pd.DataFrame]] = {}
        key = (exposure, column, name)
        if key not in self._guesses:
            self._guesses[key] = self._impute(exposure, m, {column: shift})
        return self._guesses[key]

    def _gap_widest(self, exposure: str, names: Sequence[str]) -> str:
        """The factor of the model that is missing most often; empty if none is."""
        factors = [name for name in self.gaps(exposure) if self.design.levels(name)]
        factors = [name for name in factors if name in names]
        return max(factors, key=lambda name: self.included[name].isna().mean(), default="")

    def _gap_shown(self, rows: pd.DataFrame, exposure: str) -> Section:
        title = "The printed models, complete cases and completed tables"
        models = {"complete case": "Complete cases", "imputed": "Completed tables"}
        table = tables.two_models_table(rows, self.design, models, caption=title)
        html.show(*map(html.say, diagnosis(rows, self.design)))
        section = self.section(rows, [table], words.imputed(rows, self.design, exposure))
        html.show(html.say(_UNTESTABLE, "caution"))
        return section
