"""Endpoints that a table names, and that are not the one which the reader says it is of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from crlm.ledger import Design
from crlm.transcription.asking import to_ask
from crlm.transcription.endpoints import Endpoints
from crlm.transcription.wordings import plain

#: What is abbreviated, in each wording that a design may have for it.
_SHORT = {
    "OS": ("overall survival",),
    "DFS": ("disease free survival",),
    "RFS": ("recurrence free survival", "relapse free survival"),
    "PFS": ("progression free survival",),
    "EFS": ("event free survival",),
    "FFS": ("failure free survival",),
    "CSS": ("cancer specific survival", "cause specific survival"),
    "DSS": ("disease specific survival",),
    "MFS": ("metastasis free survival",),
    "DMFS": ("distant metastasis free survival",),
    "LRFS": ("local recurrence free survival", "local relapse free survival"),
    "TTP": ("time to progression",),
    "TTR": ("time to recurrence",),
}
_NAMED = re.compile(
    rf"\b(?:{'|'.join(_SHORT)})\b"
    r"|(?i:\boverall[- ]survival|\boverall(?=\s+(?:and|or)\s)"
    r"|\b(?:distant[- ]|local[- ]|invasive[- ])?[a-z]+[- ](?:free|specific)"
    r"(?:[- ]survival|(?=,|\s*/|\s+(?:and|or)\s))|\btime[- ]to[- ](?:progression|recurrence))\b"
)


def phrases(text: str) -> list[str]:
    """The usual endpoints that a text names, by its own words.

    Examples
    --------
    >>> phrases("Table 3. Overall survival"), phrases("1-year DFS (%)"), phrases("Survival, %")
    (['Overall survival'], ['DFS'], [])
    >>> phrases("Recurrence-free and overall survival")
    ['Recurrence-free', 'overall survival']
    """
    return list(dict.fromkeys(found.group() for found in _NAMED.finditer(text)))


def asked(
    rows: Sequence[Sequence[str]],
    above: str,
    endpoint: str,
    endpoints: Endpoints,
    design: Design,
    headings: bool,
) -> Iterator[str]:
    """Questions where the title, the corner, a head or a heading names another endpoint.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.
    above : str
        The title.
    endpoint : str
        That of the table, or a model of it, as the reader says.
    endpoints : Endpoints
        Those of the design, with the reader's answers.
    design : Design
    headings : bool
        Whether rows without numbers are looked at too.
    """
    own = str((design.models.get(endpoint) or {}).get("endpoint") or endpoint)
    if own not in endpoints.known:
        return
    heads = rows[0][1:]
    for head in dict.fromkeys(heads):
        said = _others(head, own, endpoints)
        if said and not endpoints.within(head):
            yield f"column {head!r}: {_told(said, own)}{to_ask(head, own)}."
    for row in rows[1:] if headings else ():
        said = _others(row[0], own, endpoints)
        alone = said and not any(row[1:]) and plain(row[0]) == plain(said[0])
        if alone and not endpoints.of(row[0]):
            yield f"heading {row[0]!r}: {_told(said, own)}{to_ask(row[0], own)}."
    if any(endpoints.within(head) for head in heads):
        return
    for where, text in (("title", above), ("corner", rows[0][0])):
        said = _others(text, own, endpoints)
        named = {endpoint_of(one, endpoints) for one in said}
        if len(named) == 1:
            yield f"the {where} {text!r}: {_told(said, own, *named)}{to_ask(said[0], own)}."


def endpoint_of(phrase: str, endpoints: Endpoints) -> str:
    """The endpoint of the design that a phrase names, short or at length; "" if none."""
    long = _SHORT.get(phrase, ())
    short = [name for name, texts in _SHORT.items() if plain(phrase) in texts]
    found = (endpoints.of(text) for text in (phrase, f"{phrase} survival", *long, *short))
    return next(filter(None, found), "")


def _others(text: str, own: str, endpoints: Endpoints) -> list[str]:
    """The phrases of a text that name endpoints, where none of them is the table's own."""
    said = phrases(text)
    answered = endpoints.of(text) == own
    named = [endpoint_of(one, endpoints) for one in said]
    return [] if answered or own in named else said


def _told(said: Sequence[str], own: str, named: str = "") -> str:
    names = " and ".join(map(repr, said))
    if named:
        return (
            f"names {names}, and --endpoint says {own}. Say --endpoint {named}, or, if it is "
            f"{own}, "
        )
    return (
        f"names {names}, which is no endpoint of the design, and --endpoint says {own}. Declare "
        f"it as [endpoints.NAME], or, if it is {own}, say "
    )
