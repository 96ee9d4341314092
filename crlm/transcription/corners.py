"""A corner that names what the rows are: two readers, or two times, against each other."""

from __future__ import annotations

from collections.abc import Sequence

from crlm.transcription.labels import Labels
from crlm.transcription.wordings import plain


def headed(rows: Sequence[Sequence[str]], labels: Labels, by: str) -> list[list[str]]:
    """A table of groups whose corner, if it names the column of its first rows, is their heading.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.
    labels : Labels
    by : str
        The column that makes the groups, which a corner may name too.

    Examples
    --------
    >>> from crlm import ledger
    >>> labels = Labels(ledger.load_design("mskcc_hai"), [], {})
    >>> headed([["Sex", "HAI"], ["Male", "5"]], labels, "hai")
    [['Sex', 'HAI'], ['Sex', ''], ['Male', '5']]
    """
    made = [list(row) for row in rows]
    column = labels.category(rows[0][0]) if rows[0][0] else ""
    first = made[1] if len(made) > 1 else []
    if column in ("", by) or not any(first[1:]) or plain(first[0]) == plain(rows[0][0]):
        return made
    heading = [rows[0][0], *[""] * (len(first) - 1)]
    return [made[0], heading, *made[1:]] if labels.has_level(column, first[0]) else made
