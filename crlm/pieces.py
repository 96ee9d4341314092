"""What a report's pieces are made of, and how a notebook keeps it beside their HTML.

Hides the JSON under the media type `MEDIA_TYPE`: who displays a piece calls `dump`, who makes
Word or files of an executed notebook calls `load` and walks the pieces.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from crlm.ledger import DocumentError

MEDIA_TYPE = "application/vnd.crlm+json"


@dataclass(frozen=True)
class Sentence:
    """A paragraph; `rows` are the keys (`ledger.row_name`) of the result rows it tells."""

    text: str
    style: str = ""
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listing:
    """Sentences one under the other; `rows` has the keys that each tells."""

    items: tuple[str, ...]
    style: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Line:
    """A line of a table; `kind` is "", "first", "level", "head"; `links` headings in its cells."""

    cells: tuple[str, ...]
    kind: str = ""
    rows: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table; `numeric` are the columns set flush right."""

    caption: str
    header: tuple[str, ...]
    body: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    numeric: tuple[int, ...] = ()


@dataclass(frozen=True)
class Image:
    """A picture; its PNG lies beside, and `name` is the same for the same picture."""

    name: str
    alt: str
    title: str = ""


@dataclass(frozen=True)
class Banner:
    """What kind of cohort the report runs on, and what else a reader must know of it."""

    line: str
    rest: str
    kind: str


@dataclass(frozen=True)
class Fold:
    """Pieces behind one line that a reader may open."""

    summary: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Joined:
    """Pieces as one."""

    pieces: tuple[Piece, ...]


Piece = Sentence | Listing | Table | Image | Banner | Fold | Joined
_KINDS = {
    kind.__name__.lower(): kind
    for kind in (Sentence, Listing, Line, Table, Image, Banner, Fold, Joined)
}


def dump(piece: Piece) -> str:
    """A piece as JSON text.

    Text and no object, so that what compares two notebooks can leave the day of the run out.

    Examples
    --------
    >>> dump(Sentence("Median OS 44.0 months.", "reading"))
    '{"piece":"sentence","text":"Median OS 44.0 months.","style":"reading"}'
    """
    return json.dumps(_plain(piece), ensure_ascii=False, separators=(",", ":"))


def load(text: str) -> Piece:
    """The piece that `dump` made this text of.

    Raises
    ------
    DocumentError
        If it is no such text.
    """
    with contextlib.suppress(ValueError, TypeError, KeyError):
        piece = _typed(json.loads(text))
        if isinstance(piece, Piece):
            return piece
    raise DocumentError(
        "The notebook holds a piece of a report that this version of crlm does not know. "
        "Run the study again."
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if type(value) not in _KINDS.values():
        return value
    held = {one.name: getattr(value, one.name) for one in fields(value)}
    usual = {one.name: one.default for one in fields(value) if one.default is not MISSING}
    told = {name: _plain(item) for name, item in held.items() if usual.get(name, ...) != item}
    return {"piece": type(value).__name__.lower(), **told}


def _typed(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_typed(item) for item in value)
    if not isinstance(value, Mapping):
        return value
    kind = _KINDS[value["piece"]]
    return kind(**{name: _typed(item) for name, item in value.items() if name != "piece"})
