"""The tests of Table 1: a column that names them, and p values that are of one level alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from crlm.ledger import Design
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import cell
from crlm.transcription.label_words import UNKNOWN
from crlm.transcription.labels import Label
from crlm.transcription.table import Transcript
from crlm.transcription.wordings import plain

#: Heads of a column that names the test of each row.
_NAMES = frozenset({"test", "tests", "statistical test"})


def without_names(rows: Sequence[Sequence[str]], made: Transcript) -> list[list[str]]:
    """The table less a column "test" in words, as R's tableone has it: told."""
    kept = [
        at
        for at, head in enumerate(rows[0])
        if not at or plain(head) not in _NAMES or any(cell(row[at]).parts for row in rows)
    ]
    for at, head in enumerate(rows[0]):
        said = dict.fromkeys(row[at] for row in rows[1:] if row[at])
        if at not in kept and said:
            told = f"column {head!r} names tests ({', '.join(said)}), which [table_one] of the "
            made.left_out.append(f"{told}design says.")
    return [[row[at] for at in kept] for row in rows]


def of_two(texts: Sequence[str], heads: Sequence[str], column: str) -> str:
    """What to ask of two p values of a characteristic beside each other, below their heads."""
    told = f"{' and '.join(map(repr, texts))} are two p values of {column}, and a design tests it "
    return f"{told}by one; leave one out with {', or '.join(to_ask(head, '-') for head in heads)}"


@dataclass
class LevelTests:
    """P values beside the levels of a category of three or more.

    One p beside one of its printed levels is that of the category, as where it stands in the
    first row, or in the middle of the rows that a page merged. Several that differ, those beside
    the p of the category, and that of the only level that is printed are each of a level against
    all others, which no row of a report is.

    Attributes
    ----------
    whole : dict
        By category and column of p: the p beside the heading.
    beside : dict
        By category and column of p: level, p and locator of each row.
    printed : dict
        By category: its levels in the table.
    """

    whole: dict[tuple[str, int], str] = field(default_factory=dict)
    beside: dict[tuple[str, int], list[tuple[str, str, str]]] = field(default_factory=dict)
    printed: dict[str, set[str]] = field(default_factory=dict)

    def is_another(self, named: Label, at: int, text: str, where: str, design: Design) -> bool:
        """Take in the p of a row; whether it is one more beside that of its category."""
        key = named.column, at
        unknown = named.notes == UNKNOWN
        if len(design.levels(named.column)) < 3 or not (named.level or unknown):
            self.whole.setdefault(key, text)
            return False
        known = self.beside.setdefault(key, [])
        known.append(("unknown" if unknown else named.level, text, where))
        return key in self.whole or len(known) > 1

    def settle(self, made: Transcript, design: Design) -> None:
        """Take back the p of a category where those beside its levels are theirs, and tell."""
        for key, rows in self.beside.items():
            texts, alone = {text for _, text, _ in rows}, len(self.printed.get(key[0], ())) < 2
            if texts <= {self.whole.get(key, rows[0][1])} and not (alone and key not in self.whole):
                continue
            made.claims[:] = [
                claim
                for claim in made.claims
                if claim["statistic"] != "p" or claim["locator"] != rows[0][2]
            ]
            said = ", ".join(f"{text} of {level}" for level, text, _ in rows)
            told = (
                f"{rows[0][2]}: beside levels of {design.label(key[0])} stands p of each against "
            )
            told += f"all others ({said}), and a row is of {key[0]} as a whole. A level that needs "
            told += f"its own is a factor of two groups ([factors.NAME], source = '{key[0]}')."
            made.left_out.append(told)
