"""What was not measured: how strong it would have to be, other patients, other years."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from crlm import causal, regression
from crlm.ledger import rows as result_rows
from crlm.paper.base import Section, nothing
from crlm.paper.chapter.comparable import Comparable
from crlm.paper.chapter.sampling import of_sample
from crlm.report import comparable as tables
from crlm.report import html
from crlm.report.readings import comparable as words
from crlm.report.readings.flags import diagnosis

#: More patients than this with the event by the horizon make it common.
_COMMON = 0.15
_EFFECTS = (
    ("overlap weighted", "risk_difference"),
    ("overlap weighted", "hazard_ratio"),
    ("doubly robust", "hazard_ratio"),
    ("multivariable", "hazard_ratio"),
)
#: A restriction is a side question: fewer completed tables will do.
_TABLES = 5
_KEPT = ("risk_difference", "rmst_difference", "hazard_ratio")
_NO_PROOF = (
    "An E-value says how strong an unrecorded factor would have to be, not that there is none: "
    "no number here makes the answer robust to what was not recorded."
)
_ERA = (
    "it would tell how much of the effect goes with the years, over which drugs, testing and "
    "treatment changed together"
)
_FEWER = "it would tell whether the effect holds without some of its patients"


class Unrecorded(Comparable):
    """E-values, restrictions, the years, and a negative control."""

    @of_sample
    def sensitivity(
        self,
        endpoint_names: Sequence[str],
        exposure: str,
        *,
        restrictions: Mapping[str, str] | None = None,
    ) -> Section:
        """How far the effect depends on what was not recorded, on whom, and on when.

        Parameters
        ----------
        endpoint_names : sequence of str
        exposure : str
        restrictions : mapping of str to str, optional
            Name of each and who is left out, as `hai_timing=before_and_after`; with more than
            one they are also taken together. `era_from` adds one by the year.
        """
        told = "it would tell how much an unrecorded factor could explain"
        if not self.asked("sensitivity", exposure, told=told):
            return nothing()
        names = [name for name in endpoint_names if name in self.frames]
        parts = [self._e_value_rows(name, exposure) for name in names]
        made = [part["statistic"].str.startswith("e_value") for part in parts]
        values = self.add(*[part[which] for part, which in zip(parts, made, strict=True)])
        effects = [part[~which] for part, which in zip(parts, made, strict=True)]
        pieces = []
        if self.release.on and not values["estimate"].notna().any():
            pieces.append(html.skipped("E-values", "No ratio that they are made of is shown."))
        elif len(values):
            title = "How strong an unrecorded factor would have to be"
            whole = pd.concat([*effects, values], ignore_index=True)
            pieces.append(tables.e_values_table(whole, self.design, caption=title))
        era, text = self._era_rows(names, exposure)
        html.show(*map(html.say, diagnosis(era, self.design)))
        others = self.add(*self._restricted_rows(names, exposure, dict(restrictions or {})))
        control = self.add(*self._control_rows(exposure))
        pieces += self._restricted_pieces(others, exposure)
        reading = [words.e_values(values, self.design), text, words.control(control, self.design)]
        rows = pd.concat([values, era, others, control], ignore_index=True)
        section = self.section(rows, pieces, reading)
        html.show(html.say(_NO_PROOF, "caution"))
        return section

    # ---- E-values --------------------------------------------------------------

    def _e_value_rows(self, endpoint: str, exposure: str) -> pd.DataFrame:
        """The effects that the report holds already, each with its E-values."""
        found = self.results
        here = found[(found["endpoint"] == endpoint) & (found["population"] == "all")]
        own = (here["covariate"] == exposure) | (here["group"] == exposure)
        wanted = pd.Series(False, index=here.index)
        for model, statistic in _EFFECTS:
            wanted |= (here["model"] == model) & (here["statistic"] == statistic)
        effects = here[own & wanted & here["estimate"].notna()]
        last = effects["time"].isna() | (effects["time"] == effects["time"].max())
        effects = effects[last]
        sides = here[(here["statistic"] == "survival_rate") & (here["model"] != "")]
        made = causal.e_values(
            pd.concat([effects, sides], ignore_index=True), common=self._is_common(endpoint)
        )
        return pd.concat([effects, made], ignore_index=True)

    def _is_common(self, endpoint: str) -> bool:
        if self.release.on:
            n, events = self.release.sizes({endpoint: self.frames[endpoint]})[endpoint]
            return bool(float(events) > _COMMON * float(n))
        frame, horizon = self.frames[endpoint], self.chapter_rules.horizons[-1]
        by_then = frame["event"] & (frame["time"] <= horizon)
        return bool(by_then.mean() > _COMMON)

    # ---- years -----------------------------------------------------------------

    def _era_rows(self, names: Sequence[str], exposure: str) -> tuple[pd.DataFrame, str]:
        if not self.asked("era", "surgery_year", told=_ERA):
            return result_rows([]), ""
        terms = self.terms(exposure)
        found: list[pd.DataFrame] = []
        for name in names:

            def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
                return causal.era(frame, exposure, terms, ties=self.ties, limits=self.limits)

            rows = self.over(name, exposure, once)
            # Whether the years drove the treatment is one question, whatever the endpoint.
            found.append(rows[(rows["endpoint"] == name) | (not found)])
        rows = self.add(*found)
        return rows, words.era(rows, self.design, exposure)

    # ---- other patients --------------------------------------------------------

    def _restricted_rows(
        self, names: Sequence[str], exposure: str, restrictions: dict[str, str]
    ) -> list[pd.DataFrame]:
        """The weighted effect without some patients, and without all of them together."""
        known = {
            name: text
            for name, text in restrictions.items()
            if self.asked(name, text.partition("=")[0], told=_FEWER)
        }
        sets = {name: [text] for name, text in known.items()}
        if len(known) > 1:
            sets[" and ".join(known)] = list(known.values())
        found = [
            self._without_rows(name, exposure, model, texts)
            for name in names
            for model, texts in sets.items()
        ]
        year = self.chapter_rules.era_from
        if year and "surgery_year" in self.included:
            found += [self._since_rows(name, exposure, year) for name in names]
        return found

    def _without_rows(
        self, endpoint: str, exposure: str, model: str, texts: Sequence[str]
    ) -> pd.DataFrame:
        pairs = [text.split("=", 1) for text in texts]
        where = ",".join(f"{column}!={level}" for column, level in pairs)

        def kept(frame: pd.DataFrame) -> pd.Series:
            inside = pd.Series(True, index=frame.index)
            for column, level in pairs:
                inside &= (frame[column].astype(object) != level) | frame[column].isna()
            return inside

        return self._part_rows(endpoint, exposure, model, where, kept)

    def _since_rows(self, endpoint: str, exposure: str, year: int) -> pd.DataFrame:
        where = f"surgery_year>={year}"
        return self._part_rows(
            endpoint, exposure, "era", where, lambda f: f["surgery_year"] >= year
        )

    def _part_rows(
        self, endpoint: str, exposure: str, model: str, where: str, kept
    ) -> pd.DataFrame:
        rules, terms = self.chapter_rules, self.terms(exposure)

        def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
            part = frame[kept(frame).to_numpy(dtype=bool, na_value=False)]
            if part.empty:
                why = {"statistic": "risk_difference", "unit": "%"}
                keys = {"endpoint": endpoint, "population": where, "group": exposure}
                why |= {"time": rules.horizons[-1], "method": "not estimable: nobody is left"}
                return result_rows([{**keys, **why}])
            return causal.weighted_effects(
                part,
                exposure,
                causal.propensity(part, exposure, terms, population=where),
                times=rules.horizons[-1:],
                samples=samples,
                seed=seed,
                ties=self.ties,
                min_at_risk=rules.min_at_risk,
                population=where,
            )

        rows = self.over(endpoint, exposure, once, most=_TABLES)
        return rows[rows["statistic"].isin(_KEPT)].assign(model=model)

    # ---- a death that treatment cannot prevent ---------------------------------

    def _control_rows(self, exposure: str) -> list[pd.DataFrame]:
        """The ratio of deaths of another cause before recurrence: away from 1 is confounding."""
        told = "deaths that the treatment cannot prevent would show how else the sides differ"
        if not self.asked("negative control", "cause_of_death", endpoint="RFS", told=told):
            return []
        frame = self.frames["RFS"]
        if "os_event" not in frame:
            return []
        dead = frame["os_event"].astype("boolean").fillna(False).to_numpy(dtype=bool)
        same = (frame["os_months"] - frame["time"]).abs() < 1e-6
        other = (frame["cause_of_death"] == "other").to_numpy(dtype=bool, na_value=False)
        event = frame["event"] & dead & same.to_numpy(dtype=bool, na_value=False) & other
        part = frame.assign(event=event, endpoint="death of another cause before recurrence")
        names = self.usable(part, [exposure, "age", "sex"])
        if exposure not in names:
            return []
        found = regression.cox(part, names, ties=self.ties, model="cause specific")
        return [found[found["covariate"] == exposure]]

    def _restricted_pieces(self, rows: pd.DataFrame, exposure: str) -> list[html.Html]:
        if rows.empty or not rows["estimate"].notna().any():
            return []
        title = f"{self.design.label(exposure)} in fewer patients"
        table = tables.restrictions_table(rows, self.design, exposure, caption=title)
        return [html.fold(title, table)]
