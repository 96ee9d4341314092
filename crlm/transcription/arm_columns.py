"""End points in rows and, of each arm, what is counted in columns: "HAI, events/patients"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crlm.transcription.cells import Placed
from crlm.transcription.curve_columns import columns
from crlm.transcription.endpoints import Endpoints
from crlm.transcription.table import P_HEAD, last_word

#: What ratios and p beside the arms stand with, before rates.
_FIRST = ("both", "events", "median_survival", "n")


def below_endpoints(
    rows: Sequence[Sequence[str]], endpoints: Endpoints, group_of: Callable[[str], str]
) -> list[list[str]]:
    """The table with an arm a column, and below each end point what was counted, a row each.

    What stands beside the arms comes into the first row of counts.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header. A table of which another row has numbers, or no two columns are
        of different arms, comes back as it is.
    endpoints : Endpoints
    group_of : callable
        The group that a text names; "" for none.

    Examples
    --------
    >>> from crlm import ledger
    >>> known = Endpoints(ledger.load_design("mskcc_hai"), {})
    >>> table = [["", "A Events/n", "B Events/n", "HR"], ["OS", "4/9", "3/8", "0.9"]]
    >>> below_endpoints(table, known, {"A": "arm=a", "B": "arm=b"}.get)
    [['', 'A', 'B', 'HR'], ['OS', '', '', ''], ['Events/n', '4/9', '3/8', '0.9']]
    """
    table = [list(row) for row in rows]
    split = {at: _split(head, endpoints, group_of) for at, head in enumerate(rows[0]) if at}
    parts = {at: found for at, found in split.items() if found}
    arms = list(dict.fromkeys(arm for arm, _ in parts.values()))
    filled = [row for row in table[1:] if any(row[1:])]
    if len(arms) < 2 or not all(endpoints.of(row[0]) for row in filled):
        return table
    counted = list(dict.fromkeys(what for _, what in parts.values()))
    beside = [at for at in range(1, len(rows[0])) if at not in parts]
    order = {min(at for at, part in parts.items() if part[0] == arm): arm for arm in arms}
    heads = {at: rows[0][at] for at in beside} | order
    first = min(counted, key=lambda what: _rank(_holds(what, endpoints)))
    made = [[table[0][0], *(heads[at] for at in sorted(heads))]]
    for row in table[1:]:
        made.append([row[0], *[""] * len(heads)])
        for what in counted if any(row[1:]) else ():
            texts = {at: row[at] if what == first else "" for at in beside}
            own = {arm: row[at] for at, (arm, of) in parts.items() if of == what}
            texts |= {at: own.get(arm, "") for at, arm in order.items()}
            label = Placed(what, row[0].row) if isinstance(row[0], Placed) else what
            made.append([label, *(texts[at] for at in sorted(texts))])
    return made


def _split(
    head: str, endpoints: Endpoints, group_of: Callable[[str], str]
) -> tuple[str, str] | None:
    """The arm of a head and what is counted of it; None of a head without either."""
    words = head.split()
    for many in range(len(words) - 1, 0, -1):
        for arm, what in ((words[:many], words[many:]), (words[-many:], words[:-many])):
            name, counted = (" ".join(part).strip(" ,;:–—-") for part in (arm, what))
            if _holds(counted, endpoints) and "=" in (group_of(name) or ""):
                return name, counted
    return None


def _holds(what: str, endpoints: Endpoints) -> str:
    """What a column of such a head would hold; "" of p and of nothing that is known."""
    if not what or P_HEAD.match(last_word(what)):
        return ""
    return next(columns(["", what], endpoints, "", "")).holds


def _rank(holds: str) -> int:
    return _FIRST.index(holds) if holds in _FIRST else len(_FIRST)
