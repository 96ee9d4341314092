"""Who is in the cohort: the tested and the others, tests that came late, and print alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from crlm import causal, cohort, endpoints, survival
from crlm.ledger import CohortError, ParameterError, as_records, did_you_mean, small
from crlm.ledger import rows as result_rows
from crlm.numbers import number, ratio
from crlm.paper.base import Section
from crlm.paper.chapter.comparable import Comparable, Term
from crlm.paper.chapter.sampling import of_sample
from crlm.report import comparable as tables
from crlm.report import figures, html
from crlm.report.readings import comparable as words
from crlm.report.readings.flags import diagnosis
from crlm.report.readings.wording import capital

_TEST, _YEAR = "genetic_test_months", "surgery_year"
#: A term joins the model for being tested where so many of the eligible have it.
_KNOWN = 0.95
_LATE = (
    "Delayed entry repairs the guaranteed time before the test. It does not repair testing "
    "because of how the disease went."
)
_LIKE = "Similar characteristics of the tested and the others would not make the tested typical."


class Tested(Comparable):
    """The tested beside the untested, from the day of the test on, and beside the print."""

    @of_sample
    def who_was_tested(self, endpoint_names: Sequence[str], *, criterion: str) -> Section:
        """Whether those in the analysis are like those who were never tested.

        Parameters
        ----------
        endpoint_names : sequence of str
            The first decides on whom the sentence is.
        criterion : str
            The eligibility criterion of the design that is the test: who meets those before
            it is eligible, who meets it is tested.
        """
        if not self.asked("who was tested"):
            return self.section(result_rows([]), [])
        eligible, tested = self._tested_eligible(criterion)
        names = [name for name in endpoint_names if name in self.frames]
        parts, pieces, texts = [], [], []
        known = [name for name in names if self._tested_others(eligible, tested, name)]
        for name in known:
            parts.append(self.add(self._tested_against(eligible, tested, name)))
        if known:
            frame = pd.concat(parts, ignore_index=True)
            pieces += self._tested_compared(frame, known[0])
            texts += [words.tested(frame, self.design, known[0])]
            texts += [words.weighted_tests(frame, self.design)]
        else:
            why = self._tested_unknown(eligible, tested, criterion)
            self.unanswered("who was tested", why)
            if self._tested_column(criterion) in self.timed:
                parts.append(self.add(self._tested_share(eligible, tested)))
            texts.append(f"{capital(why)}.")
            parts.append(self.add(self._tested_selection(names)))
            texts.append(self._tested_factor(parts[-1]))
        late, picture = self._late_tests(names)
        parts.append(late)
        pieces.append(html.fold("Counted from the gene test on", picture) if picture else None)
        parts.append(self._print_coherence())
        texts.append(self._print_parent())
        rows = pd.concat([part for part in parts if len(part)] or [result_rows([])])
        rows = rows.reset_index(drop=True)
        html.show(*map(html.say, diagnosis(rows, self.design)))
        section = self.section(rows, pieces, texts, picture)
        html.show(html.say(_LATE if len(late) else _LIKE, "caution"))
        return section

    # ---- the untested ----------------------------------------------------------

    def _tested_eligible(self, criterion: str) -> tuple[pd.DataFrame, pd.Series]:
        """The patients who meet every criterion before the test, and who was tested."""
        names = [one["name"] for one in self.design.eligibility]
        if criterion not in names:
            told = did_you_mean(criterion, names)
            raise ParameterError(f"There is no criterion {criterion!r}. {told}")
        flags = cohort.eligibility(self.timed, self.design)
        before = flags[names[: names.index(criterion)]].all(axis=1)
        return self.timed[before], flags.loc[before, criterion]

    def _tested_frame(
        self, eligible: pd.DataFrame, tested: pd.Series, endpoint: str
    ) -> pd.DataFrame:
        """The analysis frame of all eligible, with who was tested."""
        if not endpoints.available(eligible, endpoint):
            return eligible.iloc[:0]
        frame = endpoints.derive(eligible, endpoint, self.design, entered_late=self.entered_late)
        side = pd.Categorical(tested[frame.index].map({True: "yes", False: "no"}), ["no", "yes"])
        return frame.assign(tested=side)

    def _tested_others(self, eligible: pd.DataFrame, tested: pd.Series, endpoint: str) -> bool:
        frame = self._tested_frame(eligible, tested, endpoint)
        return bool(len(frame)) and bool((frame["tested"] == "no").any())

    def _tested_drivers(self, frame: pd.DataFrame) -> list[Term]:
        """Terms that nearly all of the eligible have, the year among them."""
        terms = [*self.terms(self.design.chapter["exposure"])]
        terms += [(_YEAR, "linear")] if _YEAR not in dict(terms) else []
        return [
            (name, kind)
            for name, kind in terms
            if name in frame and frame[name].notna().mean() >= _KNOWN
        ]

    def _tested_against(
        self, eligible: pd.DataFrame, tested: pd.Series, endpoint: str
    ) -> pd.DataFrame:
        """Tested against untested, and what would come out if all had been tested."""
        rules, frame = self.chapter_rules, self._tested_frame(eligible, tested, endpoint)
        compared = [term for term in self.terms("") if term[0] in frame]
        first = causal.tested_against_untested(
            frame,
            "tested",
            compared,
            times=rules.horizons,
            test_month=_TEST if _TEST in frame else "",
            year=_YEAR if _YEAR in frame else "",
            ties=self.ties,
            min_at_risk=rules.min_at_risk,
            limits=self.limits,
        )
        # The characteristics are those of the patients, whatever the endpoint.
        seen = (self.results["endpoint"] == "tested").any()
        events = first["covariate"].str.endswith(" event")
        first = first[(first["endpoint"] != "tested") | events | (not seen)]
        exposure = self.design.chapter["exposure"]
        two = exposure in frame and frame[exposure].nunique() == 2
        weighted = causal.tested_effects(
            frame,
            "tested",
            self._tested_drivers(frame),
            exposure=exposure if two else "",
            times=rules.horizons,
            samples=rules.samples,
            seed=rules.seed,
            cap=rules.weight_cap,
            ties=self.ties,
            min_at_risk=rules.min_at_risk,
        )
        return pd.concat([first, weighted], ignore_index=True)

    def _tested_compared(self, rows: pd.DataFrame, endpoint: str) -> list[html.Html]:
        unlike = rows[(rows["statistic"] == "smd") & (rows["endpoint"] == "tested")]
        rates = rows[(rows["statistic"] == "survival_rate") & rows["group"].isin(_GROUPS)]
        title = "Tested and untested"
        pieces = [tables.rates_table(rates, self.design, caption=title)]
        if len(unlike):
            inner = tables.balance_table(unlike, self.design, caption=f"{title}: characteristics")
            pieces.append(html.fold(f"{title}: {len(unlike)} differences", inner))
        return pieces

    def _tested_share(self, eligible: pd.DataFrame, tested: pd.Series) -> pd.DataFrame:
        """Of how many rows of the table the test is known."""
        share = 100 * float(tested.mean()) if len(tested) else float("nan")
        keys = {"endpoint": "tested", "model": "diagnostic", "statistic": "percent_tested"}
        told = {"unit": "%", "estimate": share, "n": len(eligible)}
        return result_rows([{**keys, **told, "method": "share of the eligible with the test"}])

    def _tested_column(self, criterion: str) -> str:
        """The column by which a criterion decides."""
        return next(c["column"] for c in self.design.eligibility if c["name"] == criterion)

    def _tested_unknown(self, eligible: pd.DataFrame, tested: pd.Series, criterion: str) -> str:
        """Why the tested cannot be held against the others, as the middle of a sentence."""
        many, all_ = number(int(tested.sum()), 0), number(len(eligible), 0)
        column = self._tested_column(criterion)
        if column not in self.timed:
            return (
                f"this table does not say who was tested (it has no column {column}), nor what "
                "those who were not were like"
            )
        if tested.all():
            return (
                f"the table holds {'' if self.at_work else f'the {many} '}tested patients alone: "
                "how many others were operated on, and what they were like, is not known here"
            )
        return (
            f"the table holds no untested patient's course: {many} of {all_} were tested, and what "
            "the others were like is not known here"
        )

    # ---- print and ratios alone ------------------------------------------------

    def _tested_selection(self, names: Sequence[str]) -> pd.DataFrame:
        """The factor of testing that would explain the marker's ratios of this report."""
        marker = self.design.chapter.get("modifier") or self.design.chapter["exposure"]
        found = self.results
        own = found[(found["covariate"] == marker) & found["endpoint"].isin(names)]
        own = own[(own["statistic"] == "hazard_ratio") & (own["population"] == "all")]
        own = own[own["estimate"].notna()]
        for model in ("multivariable", "univariable"):
            if (own["model"] == model).any():
                return causal.needed_selection(own[own["model"] == model])
        return result_rows([])

    def _tested_factor(self, rows: pd.DataFrame) -> str:
        if rows.empty:
            return ""
        row = rows.iloc[0].to_dict()
        marker, level = row["covariate"], row["level"]
        name = self.design.endpoint_name(row["endpoint"])
        return (
            f"If {small(self.design.label(marker, level))} told nothing of {name}, testing would "
            f"have had to depend on it and on the event together by a factor of "
            f"{ratio(row['estimate'])}; testing that depends on the event alone, equally in both "
            "groups, has factor 1."
        )

    def _print_coherence(self) -> pd.DataFrame:
        """The flag of print against the cohort the patients come from."""
        found = self._print_apart()
        if found.empty:
            return found
        nearest = found.loc[found["size"].idxmin()]
        z = (nearest["low"] + nearest["high"]) / 2
        at = {"endpoint": nearest["endpoint"], "model": "diagnostic"}
        flag = causal.print_coherence(z, nearest["how"], self.limits, **at)
        keys = {
            "endpoint": nearest["endpoint"],
            "model": "diagnostic",
            "covariate": "parent cohort",
        }
        test = {"statistic": "chi_square", "estimate": z * z, "method": nearest["how"]}
        return self.add(result_rows([{**keys, **test}, flag]))

    def _print_apart(self) -> pd.DataFrame:
        asked = self.audit.asked
        found = asked[asked["quantity"] == "standard errors from the parent cohort"]
        return found.assign(size=(found["low"] + found["high"]).abs())

    def _print_parent(self) -> str:
        found = self._print_apart()
        if found.empty:
            return ""
        told = "; ".join(_apart(row) for row in as_records(found))
        return f"From print alone, the paper beside other patients: {told}."

    # ---- tests that came late --------------------------------------------------

    def _late_tests(self, names: Sequence[str]) -> tuple[pd.DataFrame, figures.Picture | None]:
        """Everything once more with patients under observation from their test on."""
        told = "it would count patients from their test on, for until then they could not die"
        if not names or not self.asked("late entry from test", _TEST, endpoint=names[0], told=told):
            return result_rows([]), None
        exposure = self.design.chapter["exposure"]
        terms = self.terms(exposure)
        found = []
        for name in names:

            def once(frame: pd.DataFrame, samples: int, seed: int) -> pd.DataFrame:
                return causal.from_test(
                    frame,
                    _TEST,
                    exposure=exposure if frame[exposure].nunique() == 2 else "",
                    adjust=terms,
                    times=self.chapter_rules.horizons,
                    ties=self.ties,
                    conf_type=self._late_conf_type(),
                    limits=self.limits,
                )

            found.append(self.over(name, exposure, once))
        return self.add(*found), self._late_picture(names[-1])

    def _late_conf_type(self) -> str:
        """Limits of curves with late entry: the paper's, unless they are SPSS's own."""
        own = self.curve_rules["conf_type"]
        return "log-log" if own == "spss" else own

    def _late_picture(self, endpoint: str) -> figures.Picture | None:
        """The curve of all patients from the operation, and from their test on."""
        frame = self.frames[endpoint]
        conf_type = self._late_conf_type()
        try:
            late = causal.late_entry(frame, _TEST)
        except CohortError:
            return None
        pair = {"from the operation on": frame, "from the gene test on": late}
        curves, rows = [], []
        for name, one in pair.items():
            curves.append(survival.curve(one, conf_type=conf_type).assign(group=name))
            rows.append(
                survival.summary(one, conf_type=conf_type, times=(0, 12, 24, 36, 48, 60)).assign(
                    group=name
                )
            )
        title = f"{self.design.endpoints[endpoint]['label']}, by when counting begins"
        shown = pd.concat(curves, ignore_index=True)
        whole = pd.concat(rows, ignore_index=True)
        return figures.kaplan_meier(shown, whole, self.design, title=title)


def _apart(row: Mapping[str, Any]) -> str:
    """How far a printed number lies from its parent's, in standard errors."""
    z = (row["low"] + row["high"]) / 2
    place, _, parent = str(row["how"]).partition(": ")
    side = "above" if z > 0 else "below"
    return f"{place} of {small(parent)}, {number(abs(z), 1)} standard errors {side}"


_GROUPS = ("tested=yes", "tested=no", "all")
