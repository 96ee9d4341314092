"""Survival from a month on, by what happened before: the landmark analyses of a paper."""

from __future__ import annotations

import pandas as pd

from crlm import regression, survival
from crlm.ledger import kind_of, small
from crlm.ledger.vocabulary import ALL, LANDMARK, MULTIVARIABLE
from crlm.paper.base import Base, Section, joined, nothing
from crlm.report import figures, html, readings, tables


class Landmarks(Base):
    """The sections that begin at a month."""

    def printed_landmarks(self, endpoint: str) -> list[tuple[str, float]]:
        """(column, month) of what print tells from a month on; "" for all patients together."""
        found: dict[tuple[str, float], None] = {}
        modelled = self.claims["model"].map(kind_of).isin(("univariable", MULTIVARIABLE))
        for claim in self.claims[(self.claims["endpoint"] == endpoint) & ~modelled].itertuples():
            month = LANDMARK.fullmatch(str(claim.population))
            by = claim.covariate or ("" if claim.group == ALL else claim.group.partition("=")[0])
            frame = self.frames.get(endpoint, self.frames["patients"])
            usable = not by or (by in frame and bool(self.design.levels(by)))
            if month and "," not in claim.group and usable:
                found[str(by), float(month[1])] = None
        return list(found)

    def landmarks(self) -> Section:
        """What print tells of every endpoint from a month on; nothing where it tells nothing."""
        found = [
            (name, *one) for name in self.design.endpoints for one in self.printed_landmarks(name)
        ]
        parts = [self.from_landmark(name, by, month=month) for name, by, month in found]
        return Section(joined(*(part.rows for part in parts)))

    def from_landmark(self, endpoint: str, by: str = "", *, month: float) -> Section:
        """Survival from a month on, of those alive and followed then, by what happened before.

        Medians and rates count from the landmark; rates are at the months that print has of
        these patients, else at 60. The ratio of each level has model `landmark`.

        Parameters
        ----------
        endpoint : str
            As in the design.
        by : str
            A column that is known at the landmark; none: all patients.
        month : float
            The landmark.
        """
        title = f"{self.design.endpoints[endpoint]['label']} from month {month:g}"
        told = f"{title} by {small(self.design.label(by))}" if by else title
        why = self.lacking(endpoint, *filter(None, [by])) or self.nobody_left(endpoint, by, month)
        if why:
            html.show(html.skipped(told, why))
            return nothing()
        late = survival.landmark(self.frames[endpoint], month)
        where = survival.from_month(month)
        at = self._months_from(endpoint, where)
        parts = [
            self.add(survival.summary(late, by or None, at, population=where, **self.curve_rules))
        ]
        curves = parts[0]
        if by:
            held = self.as_modelled(late, endpoint, where)
            ratio = regression.univariable(held, [by], ties=self.ties, population=where)
            parts.append(self.add(ratio.assign(model="landmark")))
        if not self.release.on and self.prints(("events",), population=[where]):
            sizes = curves[curves["statistic"] == "n"]
            said = {"statistic": "events", "unit": "events", "estimate": sizes["events"]}
            parts.append(self.add(sizes.assign(**said)))
        rows = joined(*parts)
        shown = survival.curve(late, by or None, conf_type=self.curve_rules["conf_type"])
        shown = self.release.curve(shown, endpoint, by, where)
        picture = figures.kaplan_meier(shown, curves, self.design, title=told)
        clock = f"Medians and rates count from month {month:g}, not from the hepatectomy."
        reading = [
            readings.curves(curves, self.design, self.print),
            readings.effects(rows[rows["model"] == "landmark"], self.design, self.print),
            clock,
        ]
        notes = [clock, *self.ungrouped(late, [by] if by else [])]
        table = tables.survival_table(curves, self.design, notes=notes)
        words = "figure and table" if picture else "table"
        folded = html.fold(f"{told}: {words}", picture, table)
        return self.section(rows, [folded], list(filter(None, reading)), picture)

    def _months_from(self, endpoint: str, where: str) -> list[float]:
        """Months from the landmark on at which print has rates; else 60."""
        told = self.claims[
            (self.claims["endpoint"] == endpoint)
            & (self.claims["population"] == where)
            & (self.claims["statistic"] == "survival_rate")
        ]
        return sorted(told["time"].dropna().unique().tolist()) or [60.0]

    def nobody_left(self, endpoint: str, by: str, month: float) -> str:
        """Why nothing can be compared from a month on; "" where it can."""
        frame: pd.DataFrame = self.frames[endpoint]
        left = frame[frame["time"] > month]
        if "entry" in left:
            left = left[left["entry"] <= month]
        if (by and left[by].nunique() < 2) or left["event"].sum() < 2:
            return f"After month {month:g} too few patients are left to compare."
        return ""
