"""Cumulative incidences of the design: an event by a month, while another one competes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crlm import ledger, multistate, survival
from crlm.ledger import small
from crlm.ledger.incidences import counts_both
from crlm.ledger.vocabulary import ALL, COMPETING, COUNTED, GRAY
from crlm.paper.base import Base, Section, joined, nothing
from crlm.report import figures, html, incidences, readings

#: Patients of a group under observation below whom its curves are not drawn.
_LEAST = 10
_ENDS = f"Curves end where fewer than {_LEAST} patients of the group are left."


class Incidences(Base):
    """The section of a cumulative incidence."""

    def cumulative_incidence(
        self,
        name: str,
        by: str = "",
        *,
        at: Sequence[float] = (),
        population: str = ALL,
        limits: str = "",
        folded: bool = False,
    ) -> Section:
        """How many had an event by a month, while another competes, and Gray's test.

        Parameters
        ----------
        name : str
            One of the design's `[incidences]`.
        by : str
            Column whose levels are the groups; none: all patients together.
        at : sequence of float
            Months; by default the design's, and those at which print has it.
        population : str
            Whose: `column=level`, as of matched pairs.
        limits : {"", "cmprsk", "survfit"}
            As `multistate.incidence`; the design's if left out.
        folded : bool
            Figure and table behind one line; the sentence stays in sight.

        Raises
        ------
        ParameterError
            If the design has no such incidence.
        """
        spec = self._incidence(name)
        title = f"Cumulative incidence of {small(str(spec['label']))}"
        title += f" by {small(self.design.label(by))}" if by else ", all patients"
        if population != ALL:
            whose = self.design.population_label(population)
            title = f"{title.removesuffix(', all patients')}, {whose}"
        columns = [by] if by else []
        fed = all(self.can(title, spec[key], *columns) for key in ("endpoint", "competing"))
        if not fed:
            return nothing()
        whole = self._with_competing(name)
        self.release.causes(name, whole)
        frame = self.inside(whole, population)
        ungrouped = self.ungrouped(frame, columns)
        frame = frame[frame[by].notna()] if by else frame
        if frame.empty or (by and frame[by].nunique() < 2):
            html.show(html.skipped(title, "These patients are not of several groups."))
            return nothing()
        limits = limits or str(self.design.conventions.get("incidence_limits") or "cmprsk")
        months = self._months_of(name, at)
        rows = self._rows_of(frame, name, by, months, population=population, limits=limits)
        if self.hides(small(title), rows):
            return nothing()
        # Its curves step with single patients.
        picture = None if self.release.on else self._picture_of(frame, name, by, title)
        notes = [] if self.release.on else whole.attrs["notes"]
        notes = [*notes, *ungrouped, *self.told("rates")]
        table = incidences.incidence_table(rows, self.design, name, caption=title, notes=notes)
        pieces = [picture, html.aside(_ENDS) if picture else None, table]
        if folded:
            words = "figure and table" if picture else "table"
            pieces = [html.fold(f"{title}: {words}", *pieces)]
        told = readings.cumulative_incidence(rows, self.design, self.print, name)
        return self.section(rows, pieces, told, picture)

    def printed_incidences(self) -> list[tuple[str, str, str]]:
        """(incidence, column, population) of the design and of print; first by the exposure.

        The column is "" where print tells of all patients of the population together.
        """
        found = {}
        for name in self.design.incidences:
            found[name, self.design.exposure, ALL] = None
            own = self.claims[self.claims["endpoint"] == name]
            own = own[own["covariate"] == ""]  # Others are of its models.
            for group, population in zip(own["group"], own["population"], strict=True):
                by = "" if group == ALL else str(group).partition("=")[0]
                among = population == ALL or bool(self._conditions([population]))
                if "," not in group and among and (not by or by in self.included):
                    found[name, by, population] = None
        return list(found)

    def _incidence(self, name: str) -> dict:
        known = self.design.incidences
        if name not in known:
            told = ledger.did_you_mean(name, known) if known else "declare it as [incidences.NAME]."
            raise ledger.ParameterError(f"{self.study} has no incidence {name!r}; {told}")
        return dict(known[name])

    def _with_competing(self, name: str) -> pd.DataFrame:
        """The patients of an incidence with what ended their time."""
        spec = self.design.incidences[name]
        rules = getattr(self, "rules", {})
        deaths = spec["endpoint"] == "SCP" and rules.get("death_without_failure") == "event"
        both = counts_both(self.design.endpoints, spec, deaths=deaths)
        frames = [self.frames[spec[key]] for key in ("endpoint", "competing")]
        made = multistate.with_competing(*frames, counts_both=both)
        return made.assign(endpoint=name)

    def _rows_of(
        self, frame: pd.DataFrame, name: str, by: str, months: Sequence[float], **rules: str
    ) -> pd.DataFrame:
        """Shares and differences of both events, Gray's tests, patients and events by group."""
        causes, among = [COUNTED, COMPETING], rules["population"]
        shares = multistate.incidence(
            frame, by or None, causes, months, min_at_risk=1, model="", **rules
        )
        parts = [shares]
        if by:
            parts.append(multistate.gray(frame, by, causes, population=among).assign(model=GRAY))
        found = [part.assign(level=part["level"].replace(COUNTED, "")) for part in parts]
        sizes = [] if self.release.on else [_sizes(frame, name, by, among)]
        return joined(*[self.add(part) for part in [*found, *sizes]])

    def _months_of(self, name: str, at: Sequence[float]) -> list[float]:
        if at:
            return list(at)
        own = self.claims["endpoint"] == name
        printed = self.claims.loc[own & self.claims["time"].notna(), "time"]
        return sorted({*map(float, self.design.incidences[name]["months"]), *printed.tolist()})

    def _picture_of(self, frame: pd.DataFrame, name: str, by: str, title: str) -> figures.Picture:
        curves = multistate.incidence_curve(frame, by or None, min_at_risk=_LEAST)
        words = incidences.labels_of(self.design, name)
        curves = curves.assign(level=curves["level"].map(words)).drop(columns="naive")
        last = max(12 * np.ceil(curves["time"].max() / 12), 12.0)
        risk = survival.risk_table(frame, by or None, np.arange(0, last + 1, 12))
        return figures.incidences(curves, risk, self.design, title=title)


def _sizes(frame: pd.DataFrame, name: str, by: str, population: str) -> pd.DataFrame:
    """Patients of each group, and how many had the event, or the competing one."""
    groups = frame.groupby(by, observed=True) if by else [(ALL, frame)]
    found = []
    for level, part in groups:
        keys = {"endpoint": name, "population": population, "n": len(part)}
        keys["group"] = f"{by}={level}" if by else ALL
        found.append({**keys, "statistic": "n", "unit": "patients", "estimate": len(part)})
        for cause, told in ((COUNTED, ""), (COMPETING, COMPETING)):
            count = int((part["cause"] == cause).sum())
            events = {"statistic": "events", "unit": "events", "estimate": count, "level": told}
            found.append({**keys, **events, "events": count})
    return ledger.rows(found)
