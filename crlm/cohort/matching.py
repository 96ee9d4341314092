"""Which header of a file feeds which column of the dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from crlm.cohort.codebook import Codebook, Column, refuse_all
from crlm.cohort.reading import Raw
from crlm.cohort.wording import quote, quotes
from crlm.refusals import did_you_mean, name_key


def match(raw: Raw, book: Codebook, names: Iterable[str]) -> tuple[dict[str, Column], list[str]]:
    """Which column of the file feeds which canonical column.

    The codebook decides; a canonical name that it does not mention is looked for
    among the headers it does not use, case and spaces aside.

    Returns
    -------
    matched, notes : dict of str to Column, list of str
        In the order of `names`; notes tell which headers were not taken literally.

    Raises
    ------
    CohortError
        If the codebook names a header the file lacks, or a header stands twice.
    """
    headers = list(raw.frame.columns)
    wanted = {header for spec in book.columns.values() for header in spec.sources}
    claimed = {header for name in wanted for header in _near(name, headers)}
    free = [header for header in headers if header not in claimed]
    matched: dict[str, Column] = {}
    notes: list[str] = []
    problems: list[str] = []
    for name in names:
        spec = book.columns.get(name)
        if spec is None:
            near = _near(name, free)
            if len(near) == 1:
                matched[name] = _united(Column(near[0]), raw)
                notes += _not_literal(name, name, near[0])
            elif near:
                problems.append(f"{name} may come from {quotes(near)}. Name one of them")
        elif spec.sources or spec.other:
            found = {header: _near(header, headers) for header in spec.sources}
            problems += [
                trouble
                for header, near in found.items()
                if (trouble := _not_one(name, header, near, raw))
            ]
            if all(len(near) == 1 for near in found.values()):
                real = {header: near[0] for header, near in found.items()}
                matched[name] = _united(_renamed(spec, real), raw)
                notes += [
                    n for header, near in real.items() for n in _not_literal(name, header, near)
                ]
    problems += _read_twice(raw, matched)
    problems += _fed_twice(book, matched)
    refuse_all(book.name or raw.file, problems)
    return matched, notes


def _not_literal(name: str, wanted: str, header: str) -> list[str]:
    return [f"{name} was taken from the header {quote(header)}."] * (header != wanted)


def _not_one(name: str, wanted: str, near: list[str], raw: Raw) -> str:
    """What is wrong with a header that the codebook names."""
    if len(near) == 1:
        return ""
    if near:
        return f"{name} may come from {quotes(near)}. Name one of them"
    guessed = next((f" {note}" for note in raw.notes if "`encoding:`" in note), "")
    near = "" if guessed else did_you_mean(wanted, raw.frame.columns, private=True)
    return (
        f"{name} is to come from {quote(wanted)}, a header that {raw.file} does not "
        f"have.{near}{guessed}"
    )


def _renamed(spec: Column, real: Mapping[str, str]) -> Column:
    """The column with the headers as they stand in the file."""
    return replace(
        spec,
        source=real.get(spec.source, ""),
        to=tuple(real[name] for name in spec.to),
        censored=tuple(real[name] for name in spec.censored),
        unit_source=real.get(spec.unit_source, ""),
        filled=tuple(real[name] for name in spec.filled),
    )


def _united(column: Column, raw: Raw) -> Column:
    """The column with the unit that the file itself tells, where the codebook tells none."""
    unit = column.unit or (raw.units.get(column.source, "") if not column.from_dates else "")
    return replace(column, unit=unit)


def _near(wanted: str, headers: list[str]) -> list[str]:
    """The header of that name, else all that are equal but for case and spaces."""
    if wanted in headers:
        return [wanted]
    return [header for header in headers if wanted and name_key(header) == name_key(wanted)]


def _read_twice(raw: Raw, matched: Mapping[str, Column]) -> list[str]:
    used = {header for column in matched.values() for header in column.sources}
    return [
        f"the header {quote(header)} stands over {times} columns of {raw.file}. Give each its own "
        "name"
        for header, times in raw.twice.items()
        if header in used
    ]


def _fed_twice(book: Codebook, matched: Mapping[str, Column]) -> list[str]:
    """One header, as it stands, of the times of two endpoints."""
    ends = [name.removesuffix("_event") for name in matched if name.endswith("_event")]
    first: dict[str, str] = {}
    return [
        f"{name} and {first[header]} both come from {quote(header)}, as it stands. Correct one"
        for name in (f"{end}_months" for end in ends)
        if name in book.columns and name in matched and not matched[name].from_dates
        if (header := matched[name].source) and first.setdefault(header, name) != name
    ]
