"""On which patients an entry of the chapter works: on all, or on a random sample of many.

A patient's place in the draw hangs on the identifier and the seed alone, so that neither the
order of a table's rows nor another choice of analysis draws other patients.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from crlm.numbers import number
from crlm.paper.base import Base, Section, nothing
from crlm.report import html

P, S = ParamSpec("P"), TypeVar("S", bound="Sampling")

#: More patients than this are sampled, unless the run says otherwise.
MOST = 20_000
_WITHHELD = (
    "Counts of a sample beside those of all patients could tell of few; with chapter_patients 0 it "
    "is on all."
)


@dataclass(frozen=True)
class Sample:
    """A simple random sample of the patients who are analysed.

    Attributes
    ----------
    table, history, timed : pandas.DataFrame
        The rows of those drawn, and of the same share of those not analysed.
    frames : dict of str to pandas.DataFrame
        Analysis frames of those drawn, by endpoint; "patients" is one.
    of : int
        How many it was drawn from.
    """

    table: pd.DataFrame
    history: pd.DataFrame
    timed: pd.DataFrame
    frames: dict[str, pd.DataFrame]
    of: int

    @property
    def words(self) -> str:
        """`a random 20,000 of the 1,000,000 patients`."""
        n = len(self.frames["patients"])
        return f"a random {number(n, 0)} of the {number(self.of, 0)} patients"

    @property
    def sentence(self) -> str:
        """Why there is a sample, and what it costs, for the top of the chapter."""
        n = len(self.frames["patients"])
        wider = number(math.sqrt(self.of / n), 1)
        return (
            f"This chapter is on {self.words}, drawn once by the run's seed: its entries resample, "
            "complete tables and fit again hundreds of times. Limits are those of "
            f"{number(n, 0)} patients, about {wider} times as wide as all would give; "
            "specification curves take fewer still and say how many. The paper's own sections "
            "above are on all patients; with chapter_patients 0 this chapter is, too."
        )


def places(ids: pd.Series, seed: int) -> np.ndarray:
    """The place of each patient in the draw, smallest first.

    Parameters
    ----------
    ids : pandas.Series of str
        Identifiers.
    seed : int

    Returns
    -------
    ndarray of uint64, shape (patients,)
        SipHash of the identifier under a key made from the seed.

    Examples
    --------
    >>> ids = pd.Series(["P1", "P2", "P3"])
    >>> bool((places(ids, 1)[::-1] == places(ids[::-1], 1)).all())
    True
    """
    key = hashlib.sha256(str(seed).encode()).hexdigest()[:16]
    texts = ids.astype(str).to_numpy(dtype=object)
    return pd.util.hash_array(texts, hash_key=key, categorize=False)


def of_sample(
    entry: Callable[Concatenate[S, P], Section],
) -> Callable[Concatenate[S, P], Section]:
    """Mark an entry of the chapter: of a large cohort it works on the sample.

    A safe report leaves it out then: no attack knows what two counts of the same patients, one of
    them in a sample, tell together.
    """

    @functools.wraps(entry)
    def asked(self: S, *args: P.args, **kwargs: P.kwargs) -> Section:
        sample = self.sample
        if sample is None:
            return entry(self, *args, **kwargs)
        if self.release.on:
            html.show(html.skipped(entry.__name__.replace("_", " "), _WITHHELD))
            return nothing()
        with self.among(sample):
            return entry(self, *args, **kwargs)

    return asked


class Sampling(Base):
    """The patients of the chapter."""

    #: Patients at most (0: all), and the seed; nothing is drawn before the chapter is opened.
    draws: tuple[int, int] = (0, 1)
    #: The sample that the entry at work is on; None: all patients.
    at_work: Sample | None = None

    def stands_on(self) -> list[object]:
        """As of any section, and how many patients a sample was drawn from."""
        return [*super().stands_on(), self.at_work.of if self.at_work else 0]

    @property
    def sample(self) -> Sample | None:
        """The sample of a cohort that has more patients than the chapter takes; else None."""
        most = self.draws[0] if self.frames else 0
        if self.at_work or not most or len(self.included) <= most:
            return self.at_work
        frames, draws, drawn = getattr(self, "_drawn", (None, None, None))
        if frames is not self.frames or draws != self.draws:
            drawn = self._draw(*self.draws)
            self._drawn = self.frames, self.draws, drawn
        return drawn

    def _draw(self, most: int, seed: int) -> Sample:
        ids = self.timed["patient_id"]
        place = places(ids, seed)
        included = self.timed.index.isin(self.included.index)
        # Of those not analysed the same share: who lies before the last of those drawn.
        last = np.partition(place[included], most - 1)[most - 1]
        kept = self.timed.index[place <= last]
        history = self.history
        if not history.empty:
            history = history[history["patient_id"].isin(ids[kept])]
        frames = {name: one[one.index.isin(kept)] for name, one in self.frames.items()}
        table, timed = self.table.loc[kept], self.timed.loc[kept]
        return Sample(table, history, timed, frames, len(self.included))

    @contextlib.contextmanager
    def among(self, sample: Sample) -> Iterator[None]:
        """These patients in the place of all, while this lasts."""
        whole = self.table, self.history, self.timed, self.frames, self.at_work
        self.table, self.history, self.timed = sample.table, sample.history, sample.timed
        self.frames, self.at_work = sample.frames, sample
        try:
            yield
        finally:
            self.table, self.history, self.timed, self.frames, self.at_work = whole
