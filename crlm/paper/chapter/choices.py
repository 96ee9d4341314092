"""One effect under other choices of an analysis, the form of the effect among them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from crlm import endpoints, lent, specification, survival
from crlm.ledger import small
from crlm.naming import model_words
from crlm.paper.base import Section, joined, nothing
from crlm.paper.chapter.causes import Causes
from crlm.paper.chapter.sampling import of_sample
from crlm.refusals import choice
from crlm.report import figures, html, readings
from crlm.report.specifications import curves_table, models_told

#: Of endpoints whose events have causes: the one that the paper is about.
_CAUSES = {"RFS": "liver", "SCP": "failure"}
_TOO_FEW = "Fewer than 20 models have enough patients in every level."
#: A form, why it cannot be had, and otherwise its rows and its models.
_Tried = tuple[str, str, tuple[pd.DataFrame, pd.DataFrame] | None]


class Choices(Causes):
    """Specification curves."""

    @of_sample
    def specifications(
        self,
        endpoint_names: Sequence[str],
        of: str,
        *,
        claim: str,
        most: int,
        permutations: int,
        seed: int,
        exclusions: Sequence[str] = (),
        followed_to: float = 60,
        landmark: float = 0,
        forms: str = specification.ADJUSTED,
    ) -> Section:
        """One effect under combinations of choices drawn at random, and a permutation test.

        Parameters
        ----------
        of : str
            The exposure.
        claim : {"higher", "lower"}
            What the paper says of its hazard.
        most : int
            Combinations; 0: none.
        exclusions, permutations, seed
            As `specification.declare` and `specification.inference`.
        followed_to, landmark : float
            Months of the shorter follow-up and of a landmark; 0: no landmark.
        forms : {"adjusted", "weighted", "competing", "time dependent", "all"}
            Forms of the effect that are tried on the same combinations beside the adjusted
            ratio (`specification.KINDS`). Each has rows of its own; where a cohort cannot give
            one, a line says what it would need.
        """
        choice("forms", forms, list(specification.KINDS))
        title = f"{self.design.label(of)} under other choices"
        if not most:
            html.show(html.skipped(title, "No combinations of choices were asked for."))
            return nothing()
        names = [n for n in endpoint_names if self.can(f"{n}, {title}", n, of)]
        parts, pieces, texts, picture = [], [], [], None
        asked = (claim, most, permutations, seed, tuple(exclusions), followed_to, landmark, forms)
        for endpoint in names:
            label = f"{self.design.endpoint_name(endpoint)}: {title}"
            made = self._forms_told(endpoint, self._specified(endpoint, of, *asked))
            if not made:
                continue
            found = joined(*[rows for rows, _ in made])
            piece, picture, told = self._curves_shown(found, [one for _, one in made], label)
            parts.append(found)
            pieces.append(piece)
            texts += told
        if not parts:
            return nothing()
        section = self.section(joined(*parts), pieces, texts, picture)
        html.show(self._not_one(section.rows))
        return section

    def _not_one(self, rows: pd.DataFrame) -> html.Html | None:
        """That ratios of several forms are not one quantity; None where there is one form."""
        known = set(rows["model"])
        causes = rows["population"].str.extract(r"^resection>(.+)$")[0].dropna().unique()
        words = {"liver": "a first recurrence in the liver", "failure": "surgical failure"}
        cause = " or ".join(words.get(one, one) for one in causes)
        compared = {
            form: one.estimand.format(cause=cause)
            for form, one in specification.FORMS.items()
            if specification.own_model(form) in known
        }
        return html.say(readings.estimands(compared), "caution") if len(compared) > 1 else None

    def _curves_shown(
        self, found: pd.DataFrame, tried: Sequence[pd.DataFrame], label: str
    ) -> tuple[html.Html, figures.Picture | None, list[str]]:
        """Picture and table of an endpoint's curves, folded, and the sentences on them."""
        printed = figures.published_ratio(tried[0], self.claims)
        shown = pd.concat([self.release.tried(one) for one in tried], ignore_index=True)
        picture = figures.specification_curve(shown, self.design, printed, title=label)
        table = curves_table(found, self.design, caption=label)
        told = [
            readings.specification(found, self.design, printed),
            readings.other_forms(found, self.design, list(specification.FORMS)),
        ]
        return html.fold(f"{label}: {models_told(tried)}", picture, table), picture, told

    @lent.pure
    def _specified(
        self,
        endpoint: str,
        of: str,
        claim: str,
        most: int,
        permutations: int,
        seed: int,
        exclusions: Sequence[str],
        followed_to: float,
        landmark: float,
        forms: str,
    ) -> list[_Tried]:
        """Each form, why there is none, its rows and the models that were tried."""
        plan = specification.declare(
            self._follow_up_rules(endpoint, of, followed_to, landmark, forms),
            of,
            self._adjusters(endpoint),
            self.design,
            exclusions=self.release.exclusions(self.frames[endpoint], exclusions),
            printed=self._printed(endpoint, of),
            most=most,
            drawn_from=self.at_work.of if self.at_work else 0,
            seed=seed,
            cause=_CAUSES.get(endpoint, ""),
            start=_start_of(of),
            weight_cap=self.chapter_rules.weight_cap,
        )
        found: list[_Tried] = []
        for form in (specification.ADJUSTED, *specification.KINDS[forms]):
            why = self._lacks(plan, form)
            own = None if why else self.release.plan(plan.under(form))
            if own is None:
                found.append((form, why or _TOO_FEW, None))
                continue
            tried = specification.curve(own)
            rows = specification.inference(own, tried, claim=claim, permutations=permutations)
            found.append((form, "", (self.release.percentiles(rows, own), tried)))
        return found

    def _forms_told(
        self, endpoint: str, found: Sequence[_Tried]
    ) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
        """Released rows and models of each form there is; a line on each that there is not.

        Without the adjusted form there is none.
        """
        made = []
        for form, why, both in found:
            if both is not None:
                made.append((self.add(both[0]), both[1]))
                continue
            words = (
                " under other choices"
                if form == specification.ADJUSTED
                else f", {model_words(form)}"
            )
            html.show(html.skipped(f"{self.design.endpoint_name(endpoint)}{words}", why))
            if not made:
                return []
        return made

    def _lacks(self, plan: specification.Plan, form: str) -> str:
        """What this cohort, or this exposure, lacks for a form, as a sentence; empty if nothing."""
        marker = bool(self.design.chapter) and self.design.chapter["kind"] == "marker"
        label = self.design.label(plan.exposure)
        if marker and form in ("overlap weighted", "att weighted"):
            return f"Nobody chose {label}, so that there is no choice to weight for."
        if marker and form == "time dependent":
            return f"{label} has no start: it is there from the first day."
        if form == "time dependent" and plan.lacks(form):
            start = small(self.design.label(_start_of(plan.exposure)))
            return f"This table has no {start}; it would count {label} from there on."
        if form in ("cause specific", "fine-gray") and plan.lacks(form):
            if plan.endpoint not in _CAUSES:
                return "It ends with death from any cause, and nothing competes with that."
            return "This table does not tell what ended it; sites of recurrence and deaths would."
        why = plan.lacks(form)
        return f"{why[0].upper()}{why[1:]}." if why else ""

    def _printed(self, endpoint: str, of: str) -> list[str]:
        """The covariates of the paper's own model: the exposure where each stands alone."""
        spec = self.design.models[endpoint]
        return [of] if spec["selection"] == "univariable" else list(spec["published"])

    def _adjusters(self, endpoint: str) -> list[str]:
        frame = self.frames[endpoint]
        spec = self.design.models[endpoint]
        names = self.design.together(self.usable(frame, spec["covariates"]), spec["published"])
        return self.release.adjusters(frame, names)

    def _follow_up_rules(
        self, endpoint: str, of: str, followed_to: float, landmark: float, forms: str
    ) -> dict[str, pd.DataFrame]:
        frame, start = self.frames[endpoint], _start_of(of)
        if "fine-gray" in specification.KINDS[forms]:
            frame = self._with_causes(endpoint)
        rules = {"the whole period": frame}
        if (frame["entry"] < followed_to).any() if "entry" in frame else True:
            cut = specification.followed_to(frame, followed_to)
            rules[f"up to month {followed_to:g}"] = cut
        if landmark and (frame["time"] > landmark).any():
            late = survival.landmark(frame, landmark)
            moved = {start: (late[start] - landmark).clip(lower=0)} if start in late else {}
            rules[survival.from_month(landmark)] = late.assign(**moved)
        if endpoint == "SCP" and not self.history.empty:
            rules |= self._other_death_rule(frame.get("cause"))
        return self.release.rules(rules)

    def _with_causes(self, endpoint: str) -> pd.DataFrame:
        """The frame of an endpoint with what ended each time, where the table tells that."""
        frame = self.frames[endpoint]
        needed = {"RFS": ["site_liver"], "SCP": ["os_months", "os_event"]}.get(endpoint, [""])
        told = all(name in frame and frame[name].notna().any() for name in needed)
        return frame.assign(cause=self._caused(endpoint)["cause"]) if told else frame

    def _other_death_rule(self, cause: pd.Series | None) -> dict[str, pd.DataFrame]:
        """The SCP frame with the other reading of a death without surgical failure."""
        other = {"censor": "event", "event": "censor"}[self.rules["death_without_failure"]]
        again = endpoints.timed(
            self.table, self.history, self.design, **{**self.rules, "death_without_failure": other}
        )
        made = endpoints.frames(again, self.design, entered_late=self.entered_late)
        if "SCP" not in made:
            return {}
        frame = made["SCP"] if cause is None else made["SCP"].assign(cause=cause)
        return {f"death without failure: {other}": frame}


def _start_of(exposure: str) -> str:
    return f"{exposure}_start_months"
