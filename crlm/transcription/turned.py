"""Endpoints below each covariate, or each subgroup, as these below each endpoint."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from crlm.transcription.endpoints import Endpoints


def below_endpoints(
    rows: Sequence[Sequence[str]], endpoints: Endpoints, layout: str
) -> list[list[str]]:
    """A table of ratios whose rows are endpoints below a label each, with labels below endpoints.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header. A table that has numbers in another row comes back as it is.
    endpoints : Endpoints
    layout : str
        Ratios are those of a model and of subgroups.

    Examples
    --------
    >>> from crlm import ledger
    >>> known = Endpoints(ledger.load_design("mskcc_hai"), {})
    >>> table = [["", "HR"], ["Male", ""], ["OS", "1"], ["RFS", "2"], ["Female", ""], ["OS", "3"]]
    >>> below_endpoints(table, known, "model")[1:]
    [['OS', ''], ['Male', '1'], ['Female', '3'], ['RFS', ''], ['Male', '2']]
    """
    filled = [row for row in rows[1:] if any(row[1:])]
    told = {row[0]: endpoints.of(row[0]) for row in filled}
    heads = [at for at, row in enumerate(rows) if at and not any(row[1:])]
    ratios = layout in ("model", "subgroups")
    if not ratios or len({*told.values()}) < 2 or not all(told.values()) or heads[:1] != [1]:
        return [list(row) for row in rows]
    ends = [*heads[1:], len(rows)]
    blocks = [(rows[at][0], rows[at + 1 : end]) for at, end in zip(heads, ends, strict=True)]
    made = [list(rows[0])]
    for name in dict.fromkeys(told.values()):
        text = next(text for text, own in told.items() if own == name)
        of_name = [(of, row) for of, block in blocks for row in block if told.get(row[0]) == name]
        made += [[text, *[""] * (len(rows[0]) - 1)], *([of, *row[1:]] for of, row in of_name)]
    notes = itertools.takewhile(lambda row: not any(row[1:]), reversed(rows))
    return [*made, *map(list, reversed([*notes]))]
