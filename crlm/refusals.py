"""How this house says no: near names, choices, rows, YAML without guesses, what stays private.

A message is written once, with everything that comes out of a reader's file marked by
`foreign`. `refusal` makes two texts of it: one for files, where a mark leaves only an
ellipsis, and one for the reader's own terminal, where all stands.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import yaml

from crlm.ledger import CohortError, CrlmError, ParameterError

#: A number as a person types it; `1_2`, `1:30`, `inf` and full-width digits are none.
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)

# The marks that Unicode has for embedding text of foreign origin; no screen shows them.
_OPEN, _CLOSE = "\u2068", "\u2069"
_MARKED = re.compile(f"{_OPEN}[^{_CLOSE}]*{_CLOSE}")
_RUN = re.compile(r"…(?:(?:, | and )…)+")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))

#: What the plain installation lacks: module, its package, the extra of crlm that brings it.
EXTRAS = {
    "distributed": ("distributed", "cluster"),
    "docx": ("python-docx", "word"),
    "numba": ("numba", "search"),
    "rocrate": ("rocrate", "crate"),
}

_DEEPEST = 50
_MOST_ENTRIES = 1_000_000
_MOST_BYTES = 16_000_000


# ---- what may stand in a file, and what only on a terminal ------------------


def foreign(text: object) -> str:
    """Text out of a reader's file (cell, header, identifier, free text), marked as such."""
    return f"{_OPEN}{str(text).replace(_OPEN, '').replace(_CLOSE, '')}{_CLOSE}"


def discreet(message: str) -> str:
    """A message for files: an ellipsis stands for everything that `foreign` marked."""
    return _RUN.sub("…", _MARKED.sub("…", message))


def plain(message: str) -> str:
    """A message for the reader's own terminal: everything stands, without the marks."""
    return message.replace(_OPEN, "").replace(_CLOSE, "")


def refusal(message: str, kind: type[CrlmError] = CohortError) -> CrlmError:
    """The error to raise: `str` of it is discreet, its `told` is plain."""
    return kind(discreet(message), told=plain(message))


# ---- names ------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def tidy(text: str) -> str:
    """The text in one Unicode form, full-width digits narrowed, spaces and dashes made plain.

    A raised, lowered, circled or fractional digit stays what it is: 12² is not 122.
    """
    if text.isascii():
        return " ".join(text.split())
    marks = (m if _is_figure(m) else unicodedata.normalize("NFKC", m) for m in text)
    joined = unicodedata.normalize("NFC", "".join(marks))
    return " ".join(joined.translate(_DASHES).split())


def _is_figure(mark: str) -> bool:
    """Whether a mark turns into digits that it is not: superscript, circled, a fraction."""
    kind = unicodedata.decomposition(mark).partition(" ")[0]
    return kind in ("<super>", "<sub>", "<circle>", "<fraction>")


@functools.lru_cache(maxsize=4096)
def name_key(text: str) -> str:
    """What two names must share to be the same: case, width, spaces, `_` and `-` aside."""
    return re.sub(r"[\s_-]+", "", tidy(text).casefold())


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is nearest to a misspelt one; empty text when none is near."""
    by_key = {name_key(str(candidate)): str(candidate) for candidate in known}
    near = difflib.get_close_matches(name_key(str(name)), list(by_key), n=1, cutoff=0.6)
    return by_key[near[0]] if near else ""


def did_you_mean(name: str, known: Iterable[str], *, private: bool = False) -> str:
    """` Did you mean 'x'?`, or nothing when no known name is near.

    Parameters
    ----------
    name : str
    known : iterable of str
    private : bool
        The known names are out of a reader's file: the suggestion is marked as foreign.
    """
    near = nearest(name, known)
    quoted = foreign(repr(near)) if private else repr(near)
    return f" Did you mean {quoted}?" if near else ""


def choice(
    name: str, value: object, choices: Iterable[object], kind: type[CrlmError] = ParameterError
) -> None:
    """Refuse a value that is none of its choices.

    Raises
    ------
    ParameterError
        Or `kind`; names the choices and, where one is near, that one.
    """
    known = list(choices)
    if value in known:
        return
    listed = ", ".join(str(one) for one in known)
    hint = did_you_mean(str(value), map(str, known))
    raise kind(f"{name} is {value!r}; it must be one of: {listed}.{hint}")


def argument(name: str, value: object, good: object, wanted: str) -> None:
    """Refuse an argument that is not what it must be.

    Parameters
    ----------
    name, value
        The argument.
    good : bool
        Whether the value will do.
    wanted : str
        What it must be: "a number of months above 0".

    Raises
    ------
    ParameterError

    Examples
    --------
    >>> argument("tau", 60, 60 > 0, "a number of months above 0")
    >>> argument("tau", -1, -1 > 0, "a number of months above 0")
    Traceback (most recent call last):
    crlm.ledger.errors.ParameterError: tau is -1; it must be a number of months above 0.
    """
    if not good:
        raise ParameterError(f"{name} is {value!r}; it must be {wanted}.")


def confidence(conf_level: float) -> None:
    """Refuse a confidence level that does not lie between 0 and 1 (`ParameterError`)."""
    argument("conf_level", conf_level, 0 < conf_level < 1, "between 0 and 1, mostly 0.95")


def present(
    names: Iterable[object], known: Iterable[object], *, what: str = "column", of: str
) -> None:
    """Refuse a name that does not exist: a column of a frame, a group, a state.

    Parameters
    ----------
    names : iterable
        What was asked for.
    known : iterable
        What there is, none of it out of a reader's file.
    what, of : str
        "column", "The analysis frame".

    Raises
    ------
    ParameterError
        With the near name, or else what there is.

    Examples
    --------
    >>> present(["raz"], ["time", "event", "ras"], of="The analysis frame")
    Traceback (most recent call last):
    crlm.ledger.errors.ParameterError: The analysis frame has no column 'raz'. Did you mean 'ras'?
    """
    there = [str(one) for one in known]
    for name in names:
        if str(name) not in there:
            hint = did_you_mean(str(name), there) or f" It has: {listing(there, 40)}."
            raise ParameterError(f"{of} has no {what} {name!r}.{hint}")


# ---- what is not installed --------------------------------------------------


def need(module: str, what: str) -> None:
    """Refuse in one line what an extra of crlm is needed for and not there.

    Parameters
    ----------
    module : str
        One of `EXTRAS`.
    what : str
        What the reader asked for, as "`crlm reconstruct`".

    Raises
    ------
    CrlmError
        With the package to install.
    """
    if importlib.util.find_spec(module) is None:
        package, extra = EXTRAS[module]
        raise CrlmError(
            f"{what} needs {package}, which is not installed: pip install {package}, or install "
            f"crlm with its extra [{extra}]."
        )


# ---- rows -------------------------------------------------------------------


def listing(items: Iterable[Any], most: int = 8) -> str:
    """`a, b, c and 4 more`."""
    texts = [str(item) for item in items]
    shown = ", ".join(texts[:most])
    return shown if len(texts) <= most else f"{shown} and {len(texts) - most} more"


def row_list(rows: Iterable[Any], most: int = 3) -> str:
    """`row 5`, or `rows 5, 9, 12 and 40 more`, as Excel numbers them."""
    numbers = [int(row) for row in rows]
    return f"row{'s' if len(numbers) > 1 else ''} {listing(numbers, most)}"


def refuse_rows(
    rows: Sequence[int], problem: str, remedy: str, *, table: str = "Patient table"
) -> None:
    """Refuse a table for some of its rows; nothing happens when there is none.

    Parameters
    ----------
    rows : sequence of int
        As Excel counts; each is named once, in order.
    problem, remedy : str
        What is wrong, with `foreign` around every value; what to do.
    table : str
        What table it is.

    Raises
    ------
    CohortError
    """
    if len(rows):
        where = listing(sorted({int(row) for row in rows}), 5)
        raise refusal(f"{table} row {where}: {problem}. {remedy}")


def refuse_labelled(labels: Sequence[Any], problem: str, remedy: str) -> None:
    """Refuse a frame for some of its patients; nothing happens when there is none.

    Parameters
    ----------
    labels : sequence
        Their places in the frame's index. A number counts rows; anything else may be an
        identifier, and stays on the terminal.
    problem, remedy : str
        What is wrong ("`time` must not be negative"), what to do.

    Raises
    ------
    CohortError
    """
    if len(labels):
        shown = (foreign(one) if isinstance(one, str) else str(one) for one in labels)
        rows = "row breaks" if len(labels) == 1 else "rows break"
        where = listing(shown, 5)
        raise refusal(f"{problem}; {len(labels)} {rows} this ({where}). {remedy}")


# ---- YAML -------------------------------------------------------------------


def number(text: object) -> float | None:
    """A text as the number it plainly is; None for anything else, `1_2` and `1:30` included."""
    return float(str(text)) if NUMBER.fullmatch(str(text).strip()) else None


def read_yaml(name: str, text: str, kind: type[CrlmError] = CohortError) -> Any:
    """YAML as text, lists and mappings: no number, date or yes and no is guessed.

    Parameters
    ----------
    name : str
        The file's name, for messages.
    text : str
        Its content.
    kind : type of CrlmError
        What to raise.

    Returns
    -------
    dict, list, str or None
        Scalars are text as written; `~` and `null` without quotes are None, an empty
        value is "". A mapping under the key `<<` lends what its mapping does not say.

    Raises
    ------
    CrlmError
        If it is not YAML, a key stands twice or is no text, or it is beyond what people
        write: 50 levels, 1,000,000 entries with every alias written out, 16 MB.
    """
    if len(text) > _MOST_BYTES:
        raise kind(f"{name} has {len(text):,} characters; {_MOST_BYTES:,} is the most.")
    builder = _Builder(name, kind)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        what = getattr(error, "problem", None) or "not YAML"
        raise refusal(
            f"{name} is not YAML that can be read{line}: {what}. Indent with spaces, "
            "write `name: value` with a space behind the colon, and quote what holds a colon "
            "or a #.",
            kind,
        ) from None
    return builder.root


def _events(text: str) -> Iterator[Any]:
    # The parser in C, where there is one, and no recursion in either.
    return yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))


class _Builder:
    """Plain objects out of YAML events, with a count of what they would be written out."""

    def __init__(self, name: str, kind: type[CrlmError]) -> None:
        self.name, self.kind = name, kind
        self.root: Any = None
        self.documents = 0
        self.open: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.entries = 0

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            bare = event.style is None or event.style == ""
            value = None if bare and event.value in ("~", "null") else event.value
            self.put(value, 1, event)
        elif isinstance(event, yaml.AliasEvent):
            self.put(*self.known(event), event)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            if len(self.open) >= _DEEPEST:
                self.refuse(event, f"it is nested deeper than {_DEEPEST} levels. Write it flat")
            self.open.append(_Open(isinstance(event, yaml.MappingStartEvent), event))
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            done = self.open.pop()
            self.put(done.value(self), done.size, done.event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.refuse(event, "it holds several documents (`---`). Keep one")

    def put(self, value: Any, size: int, event: Any) -> None:
        if getattr(event, "anchor", None) and not isinstance(event, yaml.AliasEvent):
            self.anchors[event.anchor] = (value, size)
        self.entries += 1
        if size > _MOST_ENTRIES or self.entries > _MOST_ENTRIES:
            self.refuse(event, f"it stands for more than {_MOST_ENTRIES:,} entries. Write less")
        if not self.open:
            self.root = value
            return
        top = self.open[-1]
        top.size += size
        top.items.append((value, event))

    def known(self, event: Any) -> tuple[Any, int]:
        if event.anchor not in self.anchors:
            self.refuse(event, "an alias refers to itself or to nothing. Write the values out")
        return self.anchors[event.anchor]

    def refuse(self, event: Any, problem: str) -> None:
        line = event.start_mark.line + 1
        raise refusal(f"{self.name}, line {line}: {problem}.", self.kind)


class _Open:
    """A list or a mapping that is being read."""

    def __init__(self, mapping: bool, event: Any) -> None:
        self.mapping, self.event, self.size = mapping, event, 1
        self.items: list[tuple[Any, Any]] = []

    def value(self, builder: _Builder) -> Any:
        if not self.mapping:
            return [value for value, _ in self.items]
        own: dict[str, Any] = {}
        lent: dict[str, Any] = {}
        keys, values = self.items[::2], self.items[1::2]
        for (key, event), (value, _) in zip(keys, values, strict=True):
            if key == "<<":
                lent = {**_lent(value, event, builder), **lent}
            elif not isinstance(key, str):
                builder.refuse(event, "a key is no text; write it in quotes if it is one")
            elif key in own:
                builder.refuse(event, f"the key {foreign(repr(key))} stands twice. Keep one")
            else:
                own[key] = value
        return {**lent, **own}


def _lent(value: Any, event: Any, builder: _Builder) -> dict[str, Any]:
    sources = value if isinstance(value, list) else [value]
    if not all(isinstance(source, dict) for source in sources):
        builder.refuse(event, "`<<` wants a mapping. Write the entries out")
    return {key: item for source in reversed(sources) for key, item in source.items()}
