"""What entries on comparable patients share: terms, completed tables, and pooling over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd

from crlm import causal, cohort, lent, missing, scores
from crlm.causal.flags import Limits
from crlm.paper.chapter.asking import Asking

Term = tuple[str, str]
#: Rows of completed tables that are scored at once; more take memory, not less time.
_ROWS = 200_000
#: Errors are averaged over the completed tables, so that each needs few resamples: together this
#: many times those of one table.
_IN_ALL = 2


class Comparable(Asking):
    """Entries that adjust for what was known before, missing values completed."""

    @property
    def limits(self) -> Limits:
        """The thresholds of the flags, from `[chapter.flags]`."""
        return self.design.chapter["flags"]

    def terms(self, exposure: str) -> list[Term]:
        """What the chapter adjusts for: column and how it enters, the exposure left out."""
        chapter = self.design.chapter
        asked = dict(chapter.get("propensity") or {})
        asked = asked or {name: self._kind(name) for name in chapter.get("adjust") or ()}
        return [(name, kind) for name, kind in asked.items() if name != exposure]

    def _kind(self, name: str) -> str:
        return "factor" if self.design.levels(name) else "linear"

    def candidates(self) -> list[Term]:
        """The columns behind every model of the study and of the chapter; no scores."""
        found = dict(self.terms(""))
        for spec in self.design.models.values():
            for name in [*spec["published"], *spec["covariates"]]:
                column = self.design.source(name)
                if column in self.design.columns and column not in scores.SCORES:
                    found.setdefault(column, self._kind(column))
        return list(found.items())

    def gaps(self, exposure: str) -> list[str]:
        """Candidate columns that some patients of known exposure lack and others have."""
        known = self.included[self.included[exposure].notna()]
        names = [name for name, _ in self.candidates() if name != exposure and name in known]
        return [name for name in names if 0 < known[name].isna().sum() < len(known)]

    def completed(self, exposure: str) -> list[pd.DataFrame]:
        """The included patients of known exposure with their gaps filled, a table a draw.

        Empty where nothing is missing, or no imputation is asked for.
        """
        if not hasattr(self, "_completed"):
            self._completed: dict[str, list[pd.DataFrame]] = {}
        if exposure not in self._completed:
            self._completed[exposure] = self._impute(exposure, self.chapter_rules.imputations)
        return self._completed[exposure]

    @lent.pure
    def _impute(
        self, exposure: str, m: int, shift: dict[str, float] | None = None
    ) -> list[pd.DataFrame]:
        if m < 2 or not self.gaps(exposure):
            return []
        known = self.included[self.included[exposure].notna()]
        here = [(name, kind) for name, kind in self.candidates() if name in known]
        here = [(exposure, "factor"), *(term for term in here if term[0] != exposure)]
        frames = {name: self.frames[name] for name in ("OS", "RFS") if name in self.frames}
        outcomes = {name: one[one[exposure].notna()] for name, one in frames.items()}
        made = missing.impute(
            known,
            here,
            m,
            self.chapter_rules.seed,
            exposure=exposure,
            outcomes=outcomes,
            shift=shift,
        )
        return self._scored(made, known)

    def _scored(self, tables: list[pd.DataFrame], known: pd.DataFrame) -> list[pd.DataFrame]:
        """What is made of the columns of completed tables, many tables at once."""
        together = max(1, _ROWS // max(len(known), 1))
        found: list[pd.DataFrame] = []
        for at in range(0, len(tables), together):
            part = tables[at : at + together]
            found += self._scored_together(part, known)
        return found

    def _scored_together(
        self, tables: list[pd.DataFrame], known: pd.DataFrame
    ) -> list[pd.DataFrame]:
        whole = pd.concat(tables, keys=range(len(tables)))
        held = [name for name in scores.SCORES if name in whole]
        again = scores.add(whole.drop(columns=held))
        for name in held:
            beside = pd.concat([known[name]] * len(tables)).set_axis(whole.index)
            again[name] = beside.where(beside.notna(), again[name] if name in again else beside)
        # A step of one SD is that of the observed values, in every completed table.
        again = cohort.add_factors(again, cohort.settled(known, self.design))
        made = [name for name in again if name in self.design.made or name in scores.SCORES]
        return [
            missing.replaced(table, {name: again[name].loc[k] for name in made})
            for k, table in enumerate(tables)
        ]

    def filled(
        self, endpoint: str, exposure: str, tables: Sequence[pd.DataFrame] | None = None
    ) -> list[pd.DataFrame]:
        """The frame of an endpoint on each completed table; the frame alone without any.

        `tables` are other completed tables than the chapter's own.
        """
        if tables is not None:
            return self._on_tables(endpoint, exposure, tables)
        if not hasattr(self, "_filled"):
            self._filled: dict[tuple[str, str], list[pd.DataFrame]] = {}
            self._alike: dict[int, int] = {}
        key = (endpoint, exposure)
        if key not in self._filled:
            made = self.completed(exposure)
            self._filled[key] = self._on_tables(endpoint, exposure, made)
            for frame, table in zip(self._filled[key], made, strict=False):
                if frame.index.equals(table.index):
                    self._alike[id(frame)] = id(table)
        return self._filled[key]

    def _on_tables(
        self, endpoint: str, exposure: str, tables: Sequence[pd.DataFrame]
    ) -> list[pd.DataFrame]:
        """An analysis frame with what each completed table has otherwise."""
        frame = self.frames[endpoint]
        if not tables:
            return [frame]
        here = frame[frame.index.isin(tables[0].index)]
        other = {*self.gaps(exposure), *scores.SCORES, *self.design.made}
        names = [name for name in tables[0] if name in other or name not in here]
        found = []
        for table in tables:
            alike = table.index.equals(here.index)
            # A column alone is the table's own memory; several together are copies.
            part = {name: table[name] if alike else table[name][here.index] for name in names}
            found.append(missing.replaced(here, part))
        return found

    def chance(self, frame: pd.DataFrame, exposure: str, modifier: str = "") -> causal.Propensity:
        """The propensity on one of the frames of `filled`, learnt once for the same patients."""
        if not hasattr(self, "_chances"):
            self._chances: dict[tuple[int, str, str], causal.Propensity] = {}
        # The frames of `filled` and their tables are kept: none shares its number with another.
        key = (id(frame), exposure, modifier)
        learnt = (getattr(self, "_alike", {}).get(id(frame), id(frame)), exposure, modifier)
        if learnt not in self._chances:
            terms = self.terms(exposure)
            self._chances[learnt] = causal.propensity(frame, exposure, terms, modifier=modifier)
        if key not in self._chances:
            self._chances[key] = replace(self._chances[learnt], frame=frame)
        return self._chances[key]

    def over(
        self,
        endpoint: str,
        exposure: str,
        once: Callable[[pd.DataFrame, int, int], pd.DataFrame],
        *,
        most: int = 0,
    ) -> pd.DataFrame:
        """Rows of an analysis: of the frame, or pooled over its completed tables.

        Parameters
        ----------
        endpoint : str
            "patients" too.
        once : callable
            The frame, the number of resamples and their seed, to the rows.
        most : int
            No more than so many of the tables; 0: all.
        """
        asked = (self, endpoint, exposure, once, most)
        return lent.shared((Comparable.over, *asked), lambda: Comparable._over(*asked), parted=True)

    def _over(
        self,
        endpoint: str,
        exposure: str,
        once: Callable[[pd.DataFrame, int, int], pd.DataFrame],
        most: int,
    ) -> pd.DataFrame:
        rules, frames = self.chapter_rules, self.filled(endpoint, exposure)
        if len(frames) < 2:
            return once(frames[0], rules.samples, rules.seed)
        frames = frames[: most or None]
        each = math.ceil(_IN_ALL * rules.samples / len(frames))
        found = lent.each(lambda at: once(frames[at], each, 1000 * rules.seed + at), len(frames))
        return missing.pool(found, len(frames[0]), 1 + len(self.terms(exposure)), model=None)
