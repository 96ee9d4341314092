"""Columns that hold what no row has: p of another test of curves, a second count of one group."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from crlm.ledger.vocabulary import ALL
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import cell
from crlm.transcription.curve_columns import LOG_RANK
from crlm.transcription.table import P_HEAD, Table, last_word

#: Tests of curves that weigh early events more, or that compare within strata.
_OTHER_TEST = re.compile(
    r"\b(?:breslow|wilcoxon|gehan|peto|tarone|fleming|harrington|stratified)\b", re.IGNORECASE
)
_NO_ROW = "rows of curves have the log-rank test"
_P = re.compile(r"\bp\b", re.IGNORECASE)


def other_test(text: str) -> str:
    """The test that a text names for curves, where it is not the log-rank test; "" if none.

    Examples
    --------
    >>> other_test("P (Breslow)"), other_test("Stratified log-rank P"), other_test("P (log-rank)")
    ('Breslow', 'Stratified', '')
    """
    found = _OTHER_TEST.search(text)
    plain = LOG_RANK.search(text) and (not found or found.group().casefold() != "stratified")
    return "" if not found or plain else found.group()


def of_other_tests(heads: Sequence[str], lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Where p of a table of ratios or curves is of another test, and what to ask.

    Parameters
    ----------
    heads, lines : sequence of str
        Heads of columns; the title and the notes of a table of curves.
    """
    of_p = [head for head in heads if P_HEAD.match(last_word(head)) or _P.search(head)]
    for head in of_p:
        if named := other_test(head):
            within = named.casefold() == "stratified"
            which = "a stratified" if within else f"{named}'s"
            told = f"holds p of {which} test"
            yield (
                f"column {head!r}",
                f"{told}, and {_NO_ROW}; leave it out with {to_ask(head, '-')}",
            )
    said = [line for line in lines if other_test(line)]
    if said and of_p and not any(LOG_RANK.search(text) for text in (*heads, *lines)):
        told = f"names {other_test(said[0])}, and {_NO_ROW}; leave p out, or, if it is of the "
        yield f"the line {said[0]!r}", f"{told}log-rank test, write that into its head"


def of_one_group(
    table: Table,
    rows: Sequence[Sequence[str]],
    columns: Mapping[int, str],
    shares: Collection[int],
) -> Iterator[list[int]]:
    """Columns of one group that count in the same row, "All grades" and "Grade 3-4": asked.

    Parameters
    ----------
    table : Table
    rows : sequence of sequence of str
        The first is the header.
    columns : mapping of int to str
        What each is of: a group, all patients, p.
    shares : collection of int
        Columns of percentages alone, which stand beside their counts.
    """
    own = defaultdict(list)
    for at, group in columns.items():
        if (group == ALL or "=" in group) and at not in shares:
            own[group].append(at)
    for group, several in own.items():
        if any(sum(_counts(row[at]) for at in several) > 1 for row in rows[1:]):
            heads = [rows[0][at] for at in several]
            told = f"{' and '.join(map(repr, heads))} are both of {group}, and a row has one count "
            told += "of it. Make a table of each, or leave out all but one, with "
            table.ask("the header", f"{told}{' '.join(to_ask(head, '-') for head in heads[1:])}")
            yield several


def _counts(text: str) -> bool:
    return cell(text).kind in ("count", "single", "over", "percent")
