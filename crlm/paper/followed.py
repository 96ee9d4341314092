"""How long patients were followed: of all, by group, and by endpoint where print tells of it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from crlm import survival
from crlm.ledger.vocabulary import ALL
from crlm.paper.base import Base, Section, nothing
from crlm.report import readings
from crlm.report.followed import follow_up_table

_QUARTILES = ("q1_follow_up", "q3_follow_up")


class Followed(Base):
    """The section of the follow-up."""

    def follow_up(
        self, *, method: str, by: str = "", beside: str = "", endpoint: str = ""
    ) -> Section:
        """Median follow-up by the paper's method, and by another one that stands beside it.

        Without `endpoint` it is that of the patients, by the times of OS, or of the first main
        endpoint where the paper has no OS; below it that of each endpoint of which print has a
        follow-up of its own, by the design's rule for it.

        Parameters
        ----------
        method, beside : str
            "observed", "survivors" or "reverse"; only the first is among the results.
        by : str
            Also by group, as by each column of whose groups print has that of the patients.
        endpoint : str
            Of one endpoint alone.
        """
        own = endpoint or self.design.followed_to()
        if not self.can("follow-up", own):
            return nothing()
        frame = self.frames[own]
        named = dict.fromkeys([(ALL, by), *([] if endpoint else self._told_by())])
        groups = [of for of in dict.fromkeys([(ALL, ""), *named]) if not self._unknown(own, *of)]
        parts = [
            self._followed(
                self.inside(frame, among), of or None, endpoint, method=method, population=among
            )
            for among, of in groups
        ]
        rows = self.add(*parts)
        other = [self._followed(frame, None, endpoint, method=beside)] if beside else []
        other = [self.release.rows(part) for part in other]
        further = self.add(*([] if endpoint else self._of_endpoints()))
        whole = pd.concat([rows, further], ignore_index=True) if len(further) else rows
        table = follow_up_table([whole, *other], self.design)
        return self.section(whole, [table], readings.follow_up(whole, self.design, self.print))

    def _followed(
        self, frame: pd.DataFrame, by: str | None, endpoint: str, **asked: Any
    ) -> pd.DataFrame:
        """Rows of one follow-up; quartiles where print has those of this one."""
        rule = None
        if self.prints(_QUARTILES, endpoint=[endpoint]):
            rule = self.design.table_one.get("quantile_rule") or "weibull"
        asked |= {"endpoint": endpoint, "quartiles": rule, **self.curve_rules}
        return survival.follow_up(frame, by, **asked)

    def _told_by(self) -> list[tuple[str, str]]:
        """Populations, and the column of whose groups print has the follow-up of these patients."""
        told = self.claims[self.claims["statistic"].str.endswith("follow_up")]
        told = told[(told["endpoint"] == "") & ~told["population"].str.contains("from month")]
        asked = zip(told["population"], told["group"].astype(str), strict=True)
        found = dict.fromkeys((among, of) for among, of in asked if "," not in of)
        return list(
            dict.fromkeys((among, of.partition("=")[0] * ("=" in of)) for among, of in found)
        )

    def _unknown(self, own: str, among: str, by: str) -> bool:
        """Whether a column of these patients, or of their groups, is known of nobody."""
        parts = [] if among == ALL else [part.partition("=")[0] for part in among.split(",")]
        names = [*parts, *([by] if by else [])]
        return bool(names and self.lacking(own, *names))

    def _of_endpoints(self) -> list[pd.DataFrame]:
        """Follow-up of the endpoints that print names, of all and by the columns it names."""
        told = self.claims["statistic"].str.endswith("follow_up") & self.claims["endpoint"].ne("")
        found: dict[tuple[str, str], None] = {}
        for row in self.claims[told].itertuples():
            by = "" if row.group == ALL else row.group.partition("=")[0]
            known = row.population == ALL and "," not in row.group
            if known and not self.lacking(row.endpoint, *([by] if by else [])):
                found[row.endpoint, ""] = found[row.endpoint, by] = None
        return [
            self._followed(
                self.frames[name], by or None, name, method=self.design.follow_up_of(name)
            )
            for name, by in found
        ]
