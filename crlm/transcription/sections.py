"""Rows below a heading that an answer leaves out: they go with it, and are told or asked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from crlm.ledger import Design
from crlm.transcription import meanings
from crlm.transcription.answers import LEFT_OUT, is_left_out
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import row_of
from crlm.transcription.endpoints import Endpoints
from crlm.transcription.labels import Labels
from crlm.transcription.level_columns import holds_sizes
from crlm.transcription.other_endpoints import phrases
from crlm.transcription.table import P_HEAD, last_word
from crlm.transcription.wordings import plain

#: "P for interaction".
_P_FOR = re.compile(r"p[ -]?(?:values? )?for\b", re.IGNORECASE)
#: So many labels are named where rows are told.
_NAMED = 3


@dataclass
class Kept:
    """A table without the rows below headings that are left out.

    Attributes
    ----------
    rows : list of list of str
    gone : dict of str to list of str
        By heading the labels of the rows that go with it.
    questions : list of str
        Rows that name a level by themselves, and may be of the heading or not.
    """

    rows: list[list[str]]
    gone: dict[str, list[str]] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)

    def told(self, label: str) -> str:
        """What to tell of a label that is left out."""
        below = self.gone.get(label, [])
        if not below:
            return f"{label!r} is left out, as was said."
        names = ", ".join(map(repr, below[:_NAMED])) + ", ..." * (len(below) > _NAMED)
        many = "the row" if len(below) == 1 else f"the {len(below)} rows"
        return f"{label!r} is left out, as was said, with {many} below it ({names})."


def without(
    rows: Sequence[Sequence[str]], answers: Mapping[str, str], design: Design, layout: str
) -> Kept:
    """A table less what stands below the headings that are left out; these stay in it.

    Below such a heading a row goes with it until one that names a column, or is a heading, itself.
    In a table of several endpoints the heading may be of one: all goes up to the next of them.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header; footnotes stand last.
    answers : mapping of str to str
        Of labels, as of `answers.checked`.
    design : Design
    layout : str

    Examples
    --------
    >>> from crlm import ledger
    >>> design = ledger.load_design("mskcc_hai")
    >>> rows = [["", "HAI"], ["Sex", ""], ["Male", "5"], ["Necrosis", ""], ["Yes", "2"]]
    >>> kept = without(rows, {"Necrosis": "-"}, design, "two-groups")
    >>> kept.rows[-1], kept.told("Necrosis")
    (['Necrosis', ''], "'Necrosis' is left out, as was said, with the row below it ('Yes').")
    """
    reader = _Reader(rows, answers, design, layout)
    kept, over, whole = Kept([list(rows[0])]), "", False
    for at, row in enumerate(rows[1:], 1):
        if is_left_out(row[0], answers):
            if reader.is_heading(row):
                over, whole = row[0], reader.may_be_endpoint(at)
        elif over and at < reader.last:
            what = reader.ends_all(at) if whole else reader.belongs(row)
            if what == "own":
                over = ""
            else:
                kept.gone.setdefault(over, []).append(row[0])
            if what == "asked":
                kept.questions.append(f"{row_of(row, at + 1)}: {reader.question(row[0], over)}.")
            if over:
                continue
        kept.rows.append(list(row))
    return kept


class _Reader:
    """What the rows of a table are, as far as they say so by themselves."""

    def __init__(
        self,
        rows: Sequence[Sequence[str]],
        answers: Mapping[str, str],
        design: Design,
        layout: str,
    ) -> None:
        self.rows, self.layout, self.design = rows, layout, design
        own = {label: to for label, to in answers.items() if to != LEFT_OUT}
        self.answered = {plain(label) for label in own}
        self.endpoints = Endpoints(design, own, incidences=True)
        self.many = Counter(plain(row[0]) for row in rows[1:])
        self.last = max((at for at, row in enumerate(rows) if any(row[1:])), default=0) + 1
        tests = [at for at, head in enumerate(rows[0]) if P_HEAD.match(last_word(head))]
        tests += [at for at, head in enumerate(rows[0]) if _P_FOR.match(head)]
        numbers = [at for at in range(1, len(rows[0])) if at not in tests]
        sizes = [at for at in numbers if holds_sizes(rows[0][at], [row[at] for row in rows[1:]])]
        self.main = [at for at in numbers if at not in sizes] or numbers

    @cached_property
    def labels(self) -> Labels:
        """Made where something is left out: most tables need none."""
        return Labels(self.design, list(self.design.columns), {})

    def is_heading(self, row: Sequence[str]) -> bool:
        """Whether a row has no numbers but p and how many patients it is of."""
        return not any(row[at] for at in self.main)

    def _is_endpoint(self, row: Sequence[str]) -> bool:
        return self.is_heading(row) and bool(self.endpoints.of(row[0]))

    def _opens(self, label: str) -> bool:
        """Whether a label names a column or its level by itself, as no level of a heading does."""
        found = self.labels.read(label)
        return bool(found.column) and not self._is_bare(label)

    @staticmethod
    def _is_bare(label: str) -> bool:
        return meanings.is_common(label) or meanings.is_unknown(label)

    def may_be_endpoint(self, at: int) -> bool:
        """Whether a heading is one of the endpoints that a table has below each other."""
        if self.layout == "two-groups" or at + 1 >= self.last:
            return False
        several = phrases(self.rows[at][0]) or any(map(self._is_endpoint, self.rows[1:]))
        return bool(several) and self._opens(self.rows[at + 1][0])

    def ends_all(self, at: int) -> str:
        """Whether a row below a left out endpoint is the heading of another."""
        row, below = self.rows[at], self.rows[at + 1 : at + 2]
        other = self.is_heading(row) and not self.labels.read(row[0]).column
        other = other and any(self._opens(one[0]) for one in below)
        return "own" if self._is_endpoint(row) or other else "below"

    def belongs(self, row: Sequence[str]) -> str:
        """Whether a row goes with the heading above: "below", "own", or "asked" of a level."""
        found = self.labels.read(row[0])
        if plain(row[0]) in self.answered or self.is_heading(row):
            return "own"
        if not found.column or self._is_bare(row[0]):
            return "below"
        if not found.level:
            return "own"
        return "below" if self.many[plain(row[0])] > 1 else "asked"

    def question(self, label: str, over: str) -> str:
        """What to ask of a row that names a level by itself."""
        found = self.labels.read(label)
        told = f"{label!r} stands below {over!r}, which is left out, and names "
        told += f"{found.column}:{found.level} by itself; leave it out too with "
        return told + to_ask(label, LEFT_OUT, f"{found.column}:{found.level}")
