"""Labels and heads of groups whose last letter, on the line, is the mark of a footnote."""

from __future__ import annotations

from crlm.transcription.cells import Placed
from crlm.transcription.raised import with_last
from crlm.transcription.table import Table
from crlm.transcription.wordings import plain


def label(table: Table, text: str) -> str:
    """A label whose last letter is a footnote's, as it names a characteristic only without: told.

    No level is read so: "IIIa" is not III.
    """
    bare, mark = with_last(text)
    if not mark or table.labels.answered(text):
        return text
    taken = dict(table.labels.taken)
    whole, found = table.labels.read(text), table.labels.read(bare)
    table.labels.taken = taken
    if whole.column or not found.column or found.level or ":" in found.column:
        return text
    table.labels.taken[text] = f"{found.column} with footnote {mark}"
    return Placed(bare + mark, text.row) if isinstance(text, Placed) else bare + mark


def head(table: Table, text: str, by: str) -> str:
    """The head of a column that is the label of a group and a footnote's letter: told.

    The label is that of the design, word by word.
    """
    bare, mark = with_last(text)
    if not mark or table.labels.answered(text):
        return text
    named = {plain(table.design.label(by, level)): level for level in table.design.levels(by)}
    if plain(text) in named or plain(bare) not in named:
        return text
    table.labels.taken[text] = f"{by}:{named[plain(bare)]} with footnote {mark}"
    return bare + mark
