"""What stands around the paper's sections: in short, print against print, verdicts, provenance."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from crlm import agreement, comparison, ledger, naming, survival
from crlm.ledger.vocabulary import ALL
from crlm.numbers import counted
from crlm.paper.base import Base, Section, nothing
from crlm.paper.calls import remedy_for
from crlm.report import figures, html, provenance, readings, synthetic, verdicts
from crlm.unanswered import NOT_COMPUTED

#: What of a design's conventions verdicts hang on.
_RULES = ("rounded_before", "days_per_month")
_OF_OTHERS = (
    "Other patients give other numbers, and there only effects can agree; on the paper's own "
    "patients each difference is one of table, rule or print."
)


class Closing(Base):
    """The answer in front, the evidence about the print, and what the run stands on."""

    def in_short(self) -> None:
        """The answer in a few sentences; the place is filled when the last section has run."""
        from IPython.display import display

        waiting = html.say("The answer stands here when the last cell has run.", "skipped")
        self._short = display(waiting, display_id=True)

    def published(self) -> Section:
        """Every claim beside its computed value, none left out."""
        told = {name: self.design.conventions.get(name) for name in _RULES}
        told["words"] = functools.partial(naming.word_for, design=self.design)
        held = [*self.usable(self.included, list(self.included)), *self.frames]
        held += [
            name
            for name, spec in self.design.incidences.items()
            if {spec["endpoint"], spec["competing"]} <= set(self.frames)
        ]
        found = comparison.compare(self.results, self.claims, held=held, **told)
        found = self._with_calls(found)
        if self.release.on:
            found = comparison.within_bands(found, self.results, self.release.k)
        self.verdicts = comparison.with_findings(found, self.audit.findings)
        text = verdicts.tally_sentence(self.verdicts)
        every = html.fold(
            f"All {len(self.verdicts)} claims", verdicts.verdict_tables(self.verdicts, self.design)
        )
        pieces = [verdicts.tally_table(self.verdicts), every]
        if not self.synthetic:
            text += " Of other patients than the paper's, ask whether the effects agree."
            many = counted(len(self.verdicts), "claim")
            pieces = [html.fold(f"{many} by their place", *pieces)]
        return self.section(ledger.rows([]), pieces, text)

    def _with_calls(self, found: pd.DataFrame) -> pd.DataFrame:
        """Claims that no section computes, with the call to add."""
        lost = found["reason"] == NOT_COMPUTED
        told = [remedy_for(claim, self.design) for claim in ledger.as_records(found[lost])]
        reasons = found["reason"].astype(object).copy()
        reasons[lost] = ["; ".join(filter(None, [NOT_COMPUTED, remedy])) for remedy in told]
        return found.assign(reason=reasons)

    def differences(self) -> None:
        """The claims that differ, with what was computed and why, as far as it is known."""
        shown = verdicts.differences_table(self.verdicts, self.design, apart=not self.synthetic)
        about = [] if self.synthetic else [html.aside(_OF_OTHERS)]
        html.show(*about, shown or html.say("No claim differs."))

    def agreement(self) -> Section:
        """Each printed ratio beside this cohort's, with a test of whether the two agree."""
        if self.synthetic:
            html.show(html.aside("This cohort was made from the print: it cannot agree with it."))
            return nothing()
        limits = self.design.odds_limits
        self.pairs = pairs = agreement.agree(self.results, self.claims, odds_limits=limits)
        if pairs.empty:
            html.show(html.skipped("agreement", "No printed ratio could be estimated here."))
            return nothing()
        pieces = [verdicts.agreement_table(pairs, self.design), *figures.pairs(pairs, self.design)]
        return self.section(ledger.rows([]), pieces, readings.agreement(pairs))

    def print_audit(self) -> None:
        """The printed numbers held against each other."""
        found = self.audit
        frames = (found.checks, found.findings, found.implied, found.asked)
        html.show(*verdicts.audit_pieces(*frames, self.design))

    def certificate(self) -> None:
        """What other programs found in a synthetic cohort, and what its siblings leave open."""
        if not self.synthetic:
            html.show(html.aside("This cohort is not synthetic: it has no certificate."))
            return
        if self.release.on:
            html.show(html.aside("A certificate holds exact counts: it is left out with --safe."))
            return
        made = synthetic.certificate(self.source, self.design, self.verdicts, self.included)
        html.show(*made, *synthetic.ensemble(self.design, self.results, self.source))

    def provenance(self, output_dir: str = "") -> None:
        """What was run on what, what differs from the paper's choices, and the rows as files."""
        html.show(*provenance.choices(self.design, self.chosen))
        day = f"Run on {provenance.today()} with crlm {provenance.__version__}"
        read = provenance.table_of(self.design, self.source)
        html.show(html.fold(f"{day}: what was read", read))
        self.answer_questions()
        answer = html.joined(*self._banner(), *self._answer())
        provenance.write(output_dir, self.study, self.results, self.verdicts, safe=self.release.on)
        if getattr(self, "_short", None) is not None:
            self._short.update(answer)

    def answer_questions(self) -> None:
        """Fill the table that opens the reviewer's chapter; nothing where there is none."""

    # ---- in short ---------------------------------------------------------------

    def _banner(self) -> list[html.Html]:
        """What a reader must know before the report is sent; the attack on a safe one runs here."""
        own = self.source["kind"] == "own"
        if self.release.on:
            run = self.release.close()
            return [html.say(naming.safe_banner(self.release.k, run, own), "safe")]
        if not own:
            return []
        return [html.say(naming.unsafe_banner(naming.small_cells(self.results)), "unsafe")]

    def _answer(self) -> list[html.Html]:
        self.print.taken()
        told = [(text, self.print.taken()) for text in self._sentences() if text]
        differ = provenance.differences(self.design, self.chosen)
        picture = self._overview()
        return [
            *([html.say(differ, "differs")] if differ else []),
            html.listing([text for text, _ in told], "short", [rows for _, rows in told]),
            *([html.image(picture)] if picture else []),
        ]

    def _sentences(self) -> Iterator[str]:
        yield self._size()
        modelled = {spec.get("endpoint") or name for name, spec in self.design.models.items()}
        for endpoint in [*self.design.main, *(n for n in self.design.incidences if n in modelled)]:
            yield self._effect(endpoint)
            for population in self._parts_of(endpoint):
                yield self._effect(endpoint, population)
        yield self._print_sentence()

    def _size(self) -> str:
        if self.synthetic:
            return ""
        sizes = self.release.sizes(self.frames)
        events = [
            counted(sizes[name][1], f"{self.design.endpoint_name(name)} event")
            for name in self.design.main
            if name in sizes
        ]
        verb = "is" if len(self.included) == 1 else "are"
        many = counted(len(self.included), "patient")
        check = counted(len(self.doubts), "remark")
        doubt = f" Check first how the files were read: {check} under Patients."
        told = f"{many} {verb} analysed, with {', '.join(events) or 'no times'}."
        return told + (doubt if self.doubts else "")

    def _parts_of(self, endpoint: str) -> list[str]:
        """The patients of the models of an endpoint, where none is of all patients."""
        own = [
            s for name, s in self.design.models.items() if (s.get("endpoint") or name) == endpoint
        ]
        parts = [str(spec.get("population", ALL)) for spec in own]
        later = any(part.startswith("from month") for part in parts)
        return [] if later or ALL in parts else list(dict.fromkeys(parts))

    def _effect(self, endpoint: str, population: str = "all") -> str:
        """The exposure's effect on one endpoint, and how firmly it stands."""
        found, exposure = self.results, self.design.exposure
        rows = found[(found["endpoint"] == endpoint) & (found["population"] == population)]
        adjusted = rows["model"].map(ledger.kind_of) == "multivariable"
        effect = rows[(rows["covariate"] == exposure) & adjusted]
        if not effect["estimate"].notna().any():
            alone = (rows["covariate"] == exposure) & (rows["model"] == "univariable")
            effect = pd.concat([effect, rows[alone]])
        groups = rows["group"].str.startswith(f"{exposure}=") | (rows["group"] == exposure)
        own = (rows["covariate"] == "") & rows["model"].isin(["", "logrank"])
        curves = rows[groups & ~rows["group"].str.contains(",") & own]
        if curves.empty:
            whole = (rows["group"] == "all") & own
            curves = rows[whole & rows["statistic"].isin(["median_survival", "survival_rate"])]
        tried = rows[rows["model"].str.startswith("specification curve")]
        kind = naming.kind_of_model(rows, "multivariable")
        whom = naming.among(population, self.design)
        products = readings.products_in(rows[adjusted])
        told = (self.design, self.print, kind, whom, products)
        return readings.answer(endpoint, curves, effect, tried, *told)

    def _print_sentence(self) -> str:
        pairs = getattr(self, "pairs", None)
        text = verdicts.tally_sentence(self.verdicts)
        if not self.synthetic:
            agreed = readings.agreement(pairs) if pairs is not None and len(pairs) else ""
            text = f"{agreed} {text}".strip()
        wrong = self.audit.findings[self.audit.findings["verdict"] == "inconsistent"]
        if len(wrong):
            noun = "finding says" if len(wrong) == 1 else "findings say"
            gravest = self.audit.gravest.rstrip(".")
            text += (
                f" Of the print itself {len(wrong)} {noun} that numbers contradict each other; "
                f"the gravest: {gravest}."
            )
        return text.strip()

    def _overview(self) -> Any:
        """The curves of the main endpoints by exposure, small and side by side."""
        panels = []
        for name in [name for name in self.design.main if not self.lacking(name)]:
            frame, by, p = self.frames[name], self.design.exposure, math.nan
            by = None if self.lacking(name, by) else by
            if by:
                found = self.results
                test = (found["endpoint"] == name) & (found["model"] == "logrank")
                test &= (found["group"] == by) & (found["population"] == "all")
                test &= found["statistic"] == "p"
                tested = found.loc[test, "estimate"]
                p = float(tested.iloc[0]) if len(tested) else self._logrank(frame, by)
            shown = self.release.curve(survival.curve(frame, by), name, by or ())
            panels.append((self.design.endpoints[name]["label"], shown, p))
        return figures.overview(panels, self.design) if panels else None

    def _logrank(self, frame: Any, by: str) -> float:
        """The log-rank p of curves that no section shows."""
        test = self.release.rows(survival.logrank(frame, by))
        return float(test.loc[test["statistic"] == "p", "estimate"].iloc[0])
