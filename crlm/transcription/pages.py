"""The tables of a saved web page, or of an article's XML: which there are, and where they stand.

A table is known by the number in its caption; what stands between the caption and the table is
its title, what stands below it within one element, a figure or a table's own, are its footnotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crlm import files
from crlm.ledger import LedgerError
from crlm.transcription import page_cells
from crlm.transcription.cells import Placed
from crlm.transcription.footnotes import is_mark, is_note, lacking
from crlm.transcription.markup import Edge, Node, Run, line, pieces, runs_of, tree

#: The endings of a page's file, and of an article's.
ENDINGS = (".html", ".htm", ".xhtml", ".xml", ".nxml")
_LONGEST, _LISTED, _BEFORE, _BELOW, _SHORT = 2000, 40, 12, 30, 90
_CAPTION = re.compile(
    r"\s*(?:(?:supplement\w*|supporting|additional|online|extended data|e)\s*[-–]?\s*)*"
    r"table\s+(?P<number>[A-Z]{0,2}[-.]?\d+(?:[.-]\d+)?[a-z]?|[IVX]+[a-z]?)\b(?!\s+(?-i:[a-z]))",
    re.IGNORECASE,
)
#: An element that holds a table, its caption and its notes, and no other text.
_OF_TABLE = re.compile(r"table|\btbl|\btw\b|figure", re.IGNORECASE)


@dataclass
class _Block:
    """A stretch of text between two elements that begin a line, and what holds it."""

    runs: list[Run]
    node: Node

    @property
    def text(self) -> str:
        return line(self.runs)


@dataclass
class _Found:
    """A table of a page, or its picture, with the text around it."""

    node: Node
    title: str = ""
    notes: list[str] = field(default_factory=list)
    number: str = ""
    key: str = ""

    @property
    def is_picture(self) -> bool:
        return self.node.tag != "table"


def rows(path: Path, wanted: str = "") -> list[list[str]]:
    """The cells of a table of a page, its title first and its footnotes last.

    Parameters
    ----------
    path : Path
        HTML, or JATS as PubMed Central and PLOS have it.
    wanted : str
        The number in the table's caption, or what the list of tables calls it; "" for the only
        one.

    Returns
    -------
    list of list of str
        Cells that know their row: the first of the header is 1.

    Raises
    ------
    LedgerError
        If there is no such table, several where `wanted` is "", or one that is a picture or
        holds struck text, or pictures beside digits.
    UnicodeDecodeError
        If the page is in another encoding than it says.
    """
    wanted = wanted.strip().casefold().removeprefix("table").strip(" .:")
    one = _chosen(path.name, _tables(tree(files.read(path))), wanted)
    if one.is_picture:
        told = f"table {one.key} is a picture on this page. Type it into a sheet (.xlsx)."
        raise LedgerError(f"{path.name}: {told}")
    body, faults = page_cells.cells(one.node, one.notes)
    if faults:
        raise LedgerError(f"{path.name}, table {one.key}: {' '.join(faults)}")
    made = [[Placed(text, at) for text in row] for at, row in enumerate(body, 1)]
    title = [[Placed(one.title, 0)]] if one.title else []
    return [*title, *made, *([Placed(t, at)] for at, t in enumerate(one.notes, len(body) + 1))]


def _chosen(name: str, found: Sequence[_Found], wanted: str) -> _Found:
    """The table that is meant; what there is, and what to type, where that cannot be told."""
    if not found:
        raise LedgerError(
            f"{name} holds no table. Where its page shows one, that is a picture or is loaded "
            "later: copy it out of the browser into a sheet (.xlsx)."
        )
    named = [one for one in found if wanted == one.key.casefold()]
    if named or (len(found) == 1 and not wanted):
        return (named or list(found))[0]
    told = f"no table {wanted!r}" if wanted else f"{len(found)} tables"
    lines = [f"  --table {one.key}: {_told(one)}" for one in found[:_LISTED]]
    lines += [f"  and {len(found) - _LISTED} more"] * (len(found) > _LISTED)
    raise LedgerError("\n".join([f"{name} has {told}. Say which with", *lines]))


def _told(one: _Found) -> str:
    """What the list of tables says of one."""
    if not one.title:
        texts = (line(runs_of(cell)) for cell in one.node.of("td", "th"))
        first = " | ".join([text for text in texts if text][:4])
        return f"without a caption, begins {first[:_SHORT]}"
    short = one.title if len(one.title) <= _SHORT else f"{one.title[: _SHORT - 3]}..."
    return f"{short} (a picture)" if one.is_picture else short


def _tables(page: Node) -> list[_Found]:
    """The tables of a page in their order, each with its title, its notes and its name."""
    order = list(_parts(page))
    found = [
        _with_text(part, order, at)
        for at, part in enumerate(order)
        if isinstance(part, Node) and (part.tag != "table" or page_cells.holds_numbers(part))
    ]
    numbers = [one.number.casefold() for one in found]
    for at, one in enumerate(found, 1):
        same = numbers[:at].count(numbers[at - 1])
        if one.number:
            one.key = one.number if numbers.count(numbers[at - 1]) == 1 else f"{one.number}.{same}"
        else:
            one.key = f"x{same}" if any(numbers) else str(at)
    return found


def _parts(page: Node) -> Iterator[_Block | Node]:
    """The text of a page in blocks, and between them its innermost tables and their pictures."""
    runs: list[Run] = []
    owner = page
    inside: Node | None = None
    for one in pieces(page):
        if inside is not None:
            inside = None if one == Edge(inside, False) else inside
        elif isinstance(one, Run):
            runs.append(one)
        else:
            if line(runs):
                yield _Block(runs, owner)
            runs, owner = [], one.node if one.begins else (one.node.parent or page)
            # A table of tables sets out a page; a picture is told behind its title.
            kind = one.node.tag == ("table" if one.begins else "table-wrap")
            own = one.node.tag == "table" and page_cells.is_of_numbers(one.node)
            if kind and (own or not any(True for _ in one.node.of("table"))):
                inside = one.node if one.begins else None
                yield one.node


def _with_text(table: Node, order: Sequence[_Block | Node], at: int) -> _Found:
    """A table with its title and its notes."""
    wrap = _own(table)
    near = _until_table(reversed(order[:at]), wrap)[::-1]
    texts = [line(runs_of(one)) for one in table.of("caption")]
    if wrap is None:
        starts = [n for n, block in enumerate(near) if _CAPTION.match(block.text)]
        near = near[starts[-1] :] if starts else []
        wrap = _both(near[0].node, table) if near else None
    texts = [*(block.text for block in near), *texts]
    number = _CAPTION.match(texts[0]) if texts else None
    title = " ".join(dict.fromkeys(filter(None, texts)))[:_LONGEST]
    own = wrap if wrap is not None and _is_own(wrap) else None
    below = _until_table(order[at + 1 :], own)
    notes = _joined(page_cells.note(block.runs) for block in below)
    if own is None:
        notes = [text for text in notes if is_note(text) or lacking([text])]
    return _Found(table, title, notes, number["number"] if number else "")


def _joined(texts: Iterable[str]) -> list[str]:
    """Notes of which a mark alone stands before its text: a page has them in two blocks."""
    made: list[str] = []
    for text in texts:
        if made and is_mark(made[-1]):
            made[-1] += f" {text}"
        else:
            made.append(text)
    return made


def _until_table(parts: Iterable[_Block | Node], wrap: Node | None) -> list[_Block]:
    """The blocks before the next table; of a table's own element all that it holds."""
    blocks: list[_Block] = []
    for part in parts:
        if isinstance(part, Node) or len(blocks) == (_BELOW if wrap else _BEFORE):
            break
        if wrap is not None and wrap not in (part.node, *part.node.around()):
            break
        blocks.append(part)
    return blocks


def _own(table: Node) -> Node | None:
    """The element of an article's XML that holds a table or its picture, and its text."""
    return next((one for one in (table, *table.around()) if one.tag == "table-wrap"), None)


def _is_own(node: Node) -> bool:
    """Whether an element holds a table and what belongs to it alone."""
    said = " ".join([node.tag, node.attributes.get("class", ""), node.attributes.get("id", "")])
    return bool(_OF_TABLE.search(said))


def _both(one: Node, other: Node) -> Node | None:
    """The innermost element around two."""
    around = {id(node) for node in (one, *one.around())}
    return next((node for node in other.around() if id(node) in around), None)
