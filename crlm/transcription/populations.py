"""Tables of several populations side by side: "Before matching" and "After matching"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from crlm.ledger import Design
from crlm.ledger.vocabulary import ALL
from crlm.transcription import heads
from crlm.transcription.asking import to_ask
from crlm.transcription.labels import Labels
from crlm.transcription.wordings import plain

_BEFORE = re.compile(
    r"\b(before|pre)[\s-]*(propensity|match|psm|ps\b|iptw|weight|adjust)"
    r"|\bun-?(matched|weighted|adjusted)\b|\b(original|crude)\b",
    re.IGNORECASE,
)
_ALL = re.compile(r"\b(overall|entire|whole|full|all|total)\b", re.IGNORECASE)
_AFTER = re.compile(
    r"\b(after|post)[\s-]*(propensity|match|psm|ps\b)|\b(matched|psm|propensity)\b",
    re.IGNORECASE,
)
_WEIGHTED = re.compile(r"\b(iptw|weight(ed|ing)?|overlap|entropy)\b", re.IGNORECASE)
_MATCHED = re.compile(r"(?<!un)(?<!not )\bmatch", re.IGNORECASE)


def parts(rows: Sequence[Sequence[str]]) -> list[tuple[str, list[list[str]]]]:
    """What stands above the groups of each population, and its part of the table; else nothing.

    Parameters
    ----------
    rows : sequence of sequence of str
        Without a title; the first row is the upper storey of the header.
    """
    found = heads.repeated(rows)
    if not found:
        return []
    kept = []
    for over, columns in found:
        own = [[row[0], *(row[at] for at in columns)] for row in rows[1:]]
        own[0][0] = own[0][0] or rows[0][0]
        kept.append((over, [row for row in own if row[0] or any(row[1:])]))
    return kept


def beside(
    rows: Sequence[Sequence[str]], layout: str, design: Design, named: Mapping[str, str]
) -> list[tuple[str, list[list[str]]]]:
    """The parts of a table of groups, or of curves whose heads all name patients; else nothing.

    Parameters
    ----------
    rows : sequence of sequence of str
        As of `parts`.
    layout : str
        Above curves may stand end points as well.
    design : Design
    named : mapping of str to str
        Answers to questions.
    """
    if layout not in ("two-groups", "curves"):
        return []
    found = parts(rows)
    told = [of(over, design, named, ALL) for over, _ in found if layout == "curves"]
    own = {among for among, question in told if not question}
    return found if not told or len(own) == len(found) else []


def of(over: str, design: Design, named: Mapping[str, str], among: str) -> tuple[str, str]:
    """The population that stands below a head, and what to ask where nobody can tell.

    Parameters
    ----------
    over : str
        "" for the head of a table of one population.
    design : Design
    named : mapping of str to str
        Answers to questions.
    among : str
        The population of the whole table.
    """
    answered = {plain(label): target for label, target in named.items()}.get(plain(over), "")
    column, _, level = answered.partition(":")
    if level:
        return _joined(among, f"{column}={level}"), ""
    if answered == ALL:
        return among, ""
    if _WEIGHTED.search(over) and not _BEFORE.search(over):
        told = "are of weighted patients, and rows hold those of patients as they are; leave them "
        return "", f"the columns below {over!r} {told}out with {to_ask(over, '-')}"
    if not over or _BEFORE.search(over) or (_ALL.search(over) and not _AFTER.search(over)):
        return among, ""
    found = Labels(design, list(design.columns), {}).read(over)
    if found.level and not _AFTER.search(over):
        return _joined(among, f"{found.column}={found.level}"), ""
    matched = _matched(design)
    if _AFTER.search(over) and len(matched) == 1:
        return _joined(among, matched[0]), ""
    told = f"the columns below {over!r} are of other patients, and "
    if matched:
        told += f"{' and '.join(matched)} of the design may be these"
    else:
        told += "no column of the design says who they are. Declare one, as [columns.matched] with "
        told += "type = 'category' and levels = ['no', 'yes']"
    remedy = to_ask(over, "COLUMN:LEVEL", ALL, "-")
    return "", f"{told}. Say which with {remedy} (all: all patients; -: leave them out)"


def _matched(design: Design) -> list[str]:
    """The levels that the design calls matched."""
    found = []
    for name in (*design.columns, *design.factors):
        levels = design.levels(name)
        said = {level: design.patients(name, level) for level in levels}
        own = [level for level in levels if _MATCHED.search(f"{level} {said[level]}")]
        if _MATCHED.search(f"{name} {design.label(name)}".replace("_", " ")) and not own:
            own = [level for level in levels if level == "yes"]
        found += [f"{name}={level}" for level in own]
    return found


def _joined(among: str, own: str) -> str:
    return own if among == ALL else f"{among},{own}"
