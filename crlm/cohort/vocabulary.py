"""Words that hospitals use for columns and levels: to suggest a meaning, never to take it."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crlm.cohort.wording import token
from crlm.refusals import name_key

_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
_WORDS = tomllib.loads(Path(__file__).with_name("vocabulary.toml").read_text(encoding="utf-8"))

#: A unit behind a header without brackets: "os_days", "age.years".
_UNIT_BEHIND = re.compile(r"(?<=\w)(?:[_.\s]+|,\s*)(days?|weeks?|months?|years?|mm|cm)$", re.I)

#: Words near enough to a level to be suggested, by the level.
LEVELS: dict[str, list[str]] = _WORDS["levels"]

#: Headers for a canonical column, compared as `key_of` makes them.
HEADERS: dict[str, list[str]] = _WORDS["headers"]

#: What names a column and its level at once, by the column and the level.
ALONE: dict[str, dict[str, list[str]]] = _WORDS["alone"]

#: Headers of dates, by what happened on them.
DATES: dict[str, list[str]] = _WORDS["dates"]

#: Words for the sites of a recurrence, by what follows `site_` in a column's name.
SITES: dict[str, list[str]] = _WORDS["sites"]


def is_site_header(header: str) -> bool:
    """Whether a header stands over the sites of a recurrence."""
    return key_of(header) in map(key_of, _WORDS["site_headers"])


def is_resectable_header(header: str) -> bool:
    """Whether a header stands over whether the first recurrence could be resected."""
    return key_of(header) in map(key_of, _WORDS["resectable_headers"])


@functools.lru_cache(1 << 14)
def key_of(header: str) -> str:
    """A header without its unit, marks, case and spaces."""
    bare = re.sub(r"[(\[（［][^()\[\]（）［］]*[)\]）］]", "", header)
    return name_key(re.sub(r"[?？:：.*]", "", bare))


def column_for(header: str, columns: Iterable[str]) -> str:
    """The canonical column that a header most likely is; "" if none suggests itself."""
    columns = list(columns)
    for key in dict.fromkeys((key_of(header), key_of(_UNIT_BEHIND.sub("", header)))):
        for name in columns:
            if key in {name_key(name), *map(key_of, HEADERS.get(name, ()))}:
                return name
    return ""


def labelled(header: str, columns: Mapping[str, Mapping[str, Any]]) -> str:
    """The only column of a design that is called as a header is; "" if none or several are."""
    keys = {name: key_of(str(spec.get("label", ""))) for name, spec in columns.items()}
    named = [name for name, key in keys.items() if key and key == key_of(header)]
    return named[0] if len(named) == 1 else ""


def level_alone(text: str, columns: Mapping[str, Iterable[str]]) -> tuple[str, str]:
    """The column and the level that a text names at once, as "men" or "R0"; "" twice if none.

    Parameters
    ----------
    text : str
    columns : mapping of str to iterable of str
        The levels of each column that it may be.
    """
    key = key_of(text)
    found = [
        (column, level)
        for column, words in ALONE.items()
        for level, known in words.items()
        if level in columns.get(column, ()) and key in map(key_of, known)
    ]
    return found[0] if len(found) == 1 else ("", "")


def is_common(text: str) -> bool:
    """Whether a text is a level of many columns, as "positive": alone it names none."""
    return key_of(text) in map(key_of, _WORDS["common"])


def date_for(header: str) -> str:
    """What a header says happened on its dates; "" if it is not known."""
    key = key_of(header)
    return next((what for what, names in DATES.items() if key in map(key_of, names)), "")


def numeral(text: str) -> int:
    """The number from 1 to 10 that a text is, Roman or not; 0 of any other text.

    Examples
    --------
    >>> numeral("III"), numeral("3"), numeral("x1")
    (3, 3, 0)
    """
    word = text.strip().casefold()
    roman = {letters: number for number, letters in enumerate(_ROMAN, 1)}
    return roman.get(word, int(word) if word.isascii() and word.isdigit() and len(word) < 3 else 0)


def numerals(levels: Iterable[str]) -> bool:
    """Whether all levels are numbers from 1, as those of a grade are: 2 is II."""
    known = list(levels)
    return bool(known) and all(map(numeral, known))


def suggest(text: str, levels: Iterable[str]) -> str:
    """The level that a cell most likely means; "?" if none or several suggest themselves."""
    known = list(levels)
    # "wild_type" is how programs write "wild type"; a "_" alone stays what it is.
    word = token(text.replace("_", " ") if text.strip("_ ") else text)
    exact = [level for level in known if token(level) == word]
    if exact:
        return exact[0]
    named = [level for level in known if word in map(token, LEVELS.get(level, ()))]
    if len(named) == 1:
        return named[0]
    if numerals(known) and (number := numeral(text)):
        return next((level for level in known if numeral(level) == number), "?")
    begun = [level for level in known if len(word) > 1 and token(level).startswith(word)]
    return begun[0] if len(begun) == 1 and not named else "?"
