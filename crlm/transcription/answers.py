"""Answers to what a table does not settle, as the reader gives them with `--is`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from crlm.ledger import Design, ParameterError, did_you_mean
from crlm.ledger.vocabulary import ALL
from crlm.transcription.asking import quoted
from crlm.transcription.label_words import MISSING
from crlm.transcription.labels import factors_in
from crlm.transcription.wordings import plain

#: A column of limits, of whatever stands beside it.
_LIMITS = re.compile(
    r"([(\[]?95\s?% ?)?(c\.?i\.?|confidence (interval|limits))[)\]]?"
    r"|(95\s?% ?)?(ci |cl )?(lower|upper|low|high|[lu]c?l)( 95\s?%)?( ci| cl| limit| bound)?"
)
#: What stands behind a group in the heads of its columns: its size, and what their cells hold.
_CELLS = re.compile(
    r"(?:[\s,]*[\[(]?n\s*=\s*[\d,]+[\])]?)?[\s,]*(?:n|nos?\.?|[\[(]?%[\])]?|n\s*[\[(]%[\])])"
)
#: The meaning of a row or a column that is to make no claim.
LEFT_OUT = "-"


def checked(
    named: Mapping[str, str],
    rows: Sequence[Sequence[str]],
    design: Design,
    others: Iterable[str] = (),
    overs: Sequence[str] = (),
    lacking: bool = False,
) -> dict[str, str]:
    """Answers that the table asks for, each with a column and a level, or its unit.

    Parameters
    ----------
    named : mapping of str to str
    rows : sequence of sequence of str
    design : Design
    others : iterable of str
        What a heading may mean besides the design's endpoints: incidences, models.
    overs : sequence of str
        Heads above the header that name patients; they may be all.
    lacking : bool
        Whether a row may count the patients of whom a column is not known: `column:missing`.

    Raises
    ------
    ParameterError
        If the table has no such label, or the design no such meaning.
    """
    texts = [*rows[0], *(row[0] for row in rows), *overs]
    labels = [plain(text) for whole in texts for text in (whole, *factors_in(whole))]
    for label, target in named.items():
        column, _, level = target.partition(":")
        words = plain(label)
        whole = target != LEFT_OUT or _whole(label) in map(_whole, texts)
        if not whole or not any(words == held or held.startswith(f"{words} ") for held in labels):
            raise ParameterError(f"--is {label!r}: {_no_such(label, rows, whole)}")
        known = [*design.columns, *design.made, "p", *design.endpoints, *others]
        heads = [plain(head) for head in rows[0][1:] if words and plain(head).startswith(words)]
        known += [ALL] if overs or heads else []
        if target != LEFT_OUT and column not in known:
            # A head is of a model or an endpoint first: these are the ones to name.
            if any(f" {words} " in f" {plain(text)} " for text in rows[0][1:]):
                known = [*others, "p", *design.endpoints, *known]
            raise ParameterError(f"--is {label}={target}: {did_you_mean(column, known)}")
        levels = design.levels(column) if column in (*design.columns, *design.made) else []
        unknown = level != "" and not levels and level == design.unit_of(column)
        unknown |= lacking and level == MISSING and column in (*design.columns, *design.made)
        if level and level not in levels and not unknown:
            near = did_you_mean(level, levels) if levels else "it has no levels."
            if column in design.columns and not levels and (unit := design.unit_of(column)):
                near += f" Its unit is {unit}."
            raise ParameterError(f"--is {label}={target}: no level of {column}; {near}")
    return dict(named)


def _no_such(label: str, rows: Sequence[Sequence[str]], whole: bool) -> str:
    """What to say of an answer for a label that the table does not have."""
    last = max((at for at, row in enumerate(rows) if any(row[1:])), default=0) + 1
    texts = [text for text in (*rows[0], *(row[0] for row in rows[1:last])) if text]
    longer = [text for text in texts if plain(text).startswith(plain(label))]
    if longer and not whole:
        return f"what is left out is named whole, as {quoted(longer[0], LEFT_OUT)}."
    return f"the table has no such label; {did_you_mean(label, texts)}"


def of_heads(named: Mapping[str, str], heads: Sequence[str]) -> dict[str, str]:
    """Answers of which one that leaves out a head over several columns is of each of them.

    Examples
    --------
    >>> of_heads({"Excluded": "-"}, ["", "HAI n", "HAI %", "Excluded (n = 30) n", "Excluded %"])
    {'Excluded (n = 30) n': '-', 'Excluded %': '-'}
    >>> of_heads({"Male": "-"}, ["", "HAI n", "HAI %"])
    {'Male': '-'}
    """
    made: dict[str, str] = {}
    for label, target in named.items():
        over = re.compile(rf"{re.escape(label.strip())}{_CELLS.pattern}", re.IGNORECASE)
        below = [head for head in heads if target == LEFT_OUT and over.fullmatch(head)]
        made |= dict.fromkeys(below if len(below) > 1 else [label], target)
    return made


def is_left_out(label: str, named: Mapping[str, str]) -> bool:
    """Whether an answer leaves out what a label names."""
    aside = {_whole(text) for text, target in named.items() if target == LEFT_OUT}
    return _whole(label) in aside


def without(
    rows: Sequence[Sequence[str]], answers: Mapping[str, str]
) -> tuple[list[list[str]], list[str]]:
    """A table without the rows and columns that are left out, and these by their labels.

    Limits beside a column that is left out, in a column of their own, are its limits.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header.
    answers : mapping of str to str
        Of them those that say `LEFT_OUT`; each is of a whole label.

    Examples
    --------
    >>> without([["", "P", "q value"], ["Age", "0.1", "0.3"]], {"q value": "-"})
    ([['', 'P'], ['Age', '0.1']], ['q value'])
    """
    aside = {_whole(label) for label, target in answers.items() if target == LEFT_OUT}
    kept: list[int] = []
    for at, head in enumerate(rows[0]):
        beside = at > 1 and at - 1 not in kept and _LIMITS.fullmatch(_whole(head))
        if not at or not (_whole(head) in aside or beside):
            kept.append(at)
    told = [head for at, head in enumerate(rows[0]) if at not in kept]
    told += [row[0] for row in rows[1:] if _whole(row[0]) in aside]
    body = [row for row in rows[1:] if _whole(row[0]) not in aside]
    return [[row[at] for at in kept] for row in [rows[0], *body]], told


def _whole(label: str) -> str:
    return " ".join(label.casefold().split())
