"""An executed notebook as a document reads: headings, paragraphs, numbered figures and tables.

Hides where in a notebook a piece stands, and how a figure or table comes by its number: the
paper's where a heading or a caption names it, else one of a series of its own (A1, A2, ...).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crlm import pieces, render
from crlm.ledger import DocumentError

_PAPERS = re.compile(r"((?:Supplementary )?(?:Table|Figure)) (\d+)(?:[:,]\s*|\s*$)(.*)", re.DOTALL)
_INLINE = re.compile(r'src="data:image/png;base64,([^"]+)"')
#: More lines than this behind one line that opens others are the HTML report's alone.
_MOST_LINES = 150
_WHAT_A_FOLD_SAYS = re.compile(r": (figure and table|\d[\d,]* \w+)$")
APPENDIX = "Appendix"


@dataclass(frozen=True)
class Span:
    """Some words of a paragraph, and how they stand: "", "code", "emphasis", "strong"."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is a section."""

    text: str
    level: int


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the notebook's own prose; `bullet` where it is an item of a list."""

    spans: tuple[Span, ...]
    bullet: bool = False


@dataclass(eq=False)
class Exhibit:
    """A figure or a table with its number.

    Attributes
    ----------
    series : str
        "Figure", "Supplementary Table", or "Figure A", "Table A" for what the paper has not.
    number : int
    title : str
        The caption without label and number.
    piece : pieces.Table or pieces.Image
    png : bytes
        The picture as the notebook holds it; empty for a table.
    section : str
        Heading above it.
    """

    series: str
    number: int
    title: str
    piece: pieces.Table | pieces.Image
    png: bytes
    section: str

    @property
    def label(self) -> str:
        """As a reader refers to it: "Figure 1", "Table A3"."""
        gap = "" if self.series.endswith(" A") else " "
        return f"{self.series}{gap}{self.number}"

    @property
    def caption(self) -> str:
        """The label with the title, if it has one."""
        return f"{self.label}. {self.title}" if self.title else self.label


@dataclass(frozen=True)
class Told:
    """A sentence of the results, and the exhibits that it reads."""

    sentence: pieces.Sentence
    exhibits: tuple[Exhibit, ...] = ()


@dataclass(frozen=True)
class Elsewhere:
    """What does not stand here, by the line that opens it in the HTML report, and where it is."""

    summary: str
    place: str = "the HTML report"


Block = Heading | Paragraph | Exhibit | Told | pieces.Listing | Elsewhere


@dataclass
class Outline:
    """A report as a document reads it.

    Attributes
    ----------
    title : str
    banner : pieces.Banner or None
        What kind of cohort it ran on.
    blocks : list
        In order; what the report keeps folded stands under the heading `APPENDIX`.
    """

    title: str = ""
    banner: pieces.Banner | None = None
    blocks: list[Block] = field(default_factory=list)

    @property
    def exhibits(self) -> list[Exhibit]:
        """All figures and tables, in order."""
        return [block for block in self.blocks if isinstance(block, Exhibit)]


def outline(notebook: Any) -> Outline:
    """The document that an executed notebook makes, in the order of its HTML report.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        With its outputs; not changed.

    Raises
    ------
    DocumentError
        If it was not executed to its end, or by a version that kept no structure.
    """
    _refuse_unfinished(notebook)
    walk = _Walk()
    for section in render.sections(render.arranged(notebook).cells):
        if not any("parameters" in cell.metadata.get("tags", []) for cell in section):
            walk.section(section)
    return walk.finished()


def _refuse_unfinished(notebook: Any) -> None:
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    if any(out.output_type == "error" for out in outputs):
        raise DocumentError(
            "The run stopped before its end: its HTML report shows where. Run the study again, "
            "then make the document."
        )
    if not any(pieces.MEDIA_TYPE in out.get("data", ()) for out in outputs):
        raise DocumentError(
            "The notebook holds no results that a document can be made of: it was not run, or by "
            "an earlier version of crlm. Run the study again."
        )


class _Walk:
    """Cells in, blocks out; knows the heading above and the exhibits not yet referred to."""

    def __init__(self) -> None:
        self.made = Outline()
        self.folded: list[Block] = []
        self.taken: set[tuple[str, int]] = set()
        self.heading = ""
        self.waiting: list[Exhibit] = []

    def section(self, cells: Sequence[Any]) -> None:
        for cell in cells:
            if cell.cell_type == "markdown":
                self.prose(cell.source)
            for output in cell.get("outputs", ()):
                text = output.get("data", {}).get(pieces.MEDIA_TYPE)
                if text:
                    self.output(pieces.load(text), output.data)
        self.refer()

    def prose(self, source: str) -> None:
        for block in _markdown(source):
            if isinstance(block, Heading) and block.level == 0:
                self.made.title = self.made.title or block.text
                continue
            if isinstance(block, Heading):
                self.refer()
                self.heading = block.text
            self.made.blocks.append(block)

    def output(self, piece: pieces.Piece, data: Any) -> None:
        drawn = [data["image/png"]] if "image/png" in data else []
        drawn += _INLINE.findall("".join(data.get("text/html", "")))
        pictures = iter(drawn)
        for one in _flat(piece):
            if isinstance(one, pieces.Fold):
                self.fold(one, pictures)
            else:
                self.shown(one, pictures, self.made.blocks, self.heading)

    def shown(
        self, piece: pieces.Piece, pictures: Iterator[str], to: list[Block], title: str
    ) -> None:
        if isinstance(piece, pieces.Banner):
            self.made.banner = self.made.banner or piece
        elif isinstance(piece, pieces.Sentence):
            told = Told(piece, tuple(self.waiting) if piece.style == "reading" else ())
            self.waiting = [] if piece.style == "reading" else self.waiting
            to.append(told)
        elif isinstance(piece, pieces.Listing):
            to.append(piece)
        else:
            png = _decoded(next(pictures, "")) if isinstance(piece, pieces.Image) else b""
            exhibit = self.numbered(piece, png, title, in_sight=to is self.made.blocks)
            self.waiting.append(exhibit)
            to.append(exhibit)

    def fold(self, fold: pieces.Fold, pictures: Iterator[str], *, depth: int = 0) -> None:
        """One fold is an appendix, with the folds in it; a long one stays in the HTML report."""
        inside = list(_flat(pieces.Joined(fold.pieces)))
        deep = [piece for piece in inside if isinstance(piece, pieces.Fold)]
        if deep and _lines(fold) > _MOST_LINES:
            list(zip(_images(fold), pictures, strict=False))
            self.made.blocks.append(Elsewhere(fold.summary))
            return
        if not _under(self.folded, self.heading):
            self.folded.append(Heading(self.heading, 2))
        if deep and not depth:
            self.made.blocks.append(Elsewhere(fold.summary, "the appendix"))
        title = _WHAT_A_FOLD_SAYS.sub("", fold.summary)
        if depth or (inside and isinstance(inside[0], pieces.Sentence | pieces.Listing)):
            title_alone = title.partition(": ")[0] if depth else title
            self.folded.append(Heading(title_alone, 2 + max(depth, 1)))
        for piece in inside:
            if isinstance(piece, pieces.Fold):
                self.fold(piece, pictures, depth=depth + 1)
            else:
                self.shown(piece, pictures, self.folded, title)

    def numbered(
        self, piece: pieces.Table | pieces.Image, png: bytes, title: str, *, in_sight: bool
    ) -> Exhibit:
        """An exhibit with the paper's number; one of ours is numbered where it stands, later."""
        kind = "Figure" if isinstance(piece, pieces.Image) else "Table"
        named = piece.title if isinstance(piece, pieces.Image) else piece.caption
        above = _PAPERS.fullmatch(self.heading)
        for found in (_PAPERS.fullmatch(named), above if in_sight else None):
            if found and found[1].endswith(kind) and self.free(found[1], int(found[2])):
                words = found[3] or (above[3] if above else self.heading)
                series, number = found[1], int(found[2])
                return Exhibit(series, number, _capital(words), piece, png, self.heading)
        if again := _PAPERS.fullmatch(named):
            named = f"{again[3] or self.heading}, of {again[1]} {again[2]}"
        words = named or (title if kind == "Figure" else self.beside(title))
        return Exhibit(f"{kind} A", 0, _capital(words), piece, png, self.heading)

    def free(self, series: str, number: int) -> bool:
        """Whether a number of the paper's is not yet taken; it is from now on."""
        known = (series, number) in self.taken
        self.taken.add((series, number))
        return not known

    def beside(self, title: str) -> str:
        """What a table without a caption is called: after the figure that it stands beside."""
        pictures = [one for one in self.waiting if isinstance(one.piece, pieces.Image)]
        return f"{pictures[-1].title}: the numbers" if pictures else title

    def refer(self) -> None:
        """Say where the exhibits are that no sentence has read."""
        hidden = [one for one in self.waiting if one not in self.made.blocks]
        if hidden:
            self.made.blocks.append(Told(pieces.Sentence("In the appendix:"), tuple(hidden)))
        self.waiting = []

    def finished(self) -> Outline:
        if self.folded:
            self.made.blocks += [Heading(APPENDIX, 1), *self.folded]
        counts: dict[str, int] = {}
        for exhibit in self.made.exhibits:
            if not exhibit.number:
                exhibit.number = counts[exhibit.series] = counts.get(exhibit.series, 0) + 1
        return self.made


def _flat(piece: pieces.Piece) -> Iterator[pieces.Piece]:
    """A piece, or the pieces that are joined in it; a fold is one."""
    if isinstance(piece, pieces.Joined):
        for inside in piece.pieces:
            yield from _flat(inside)
    else:
        yield piece


def _images(piece: pieces.Piece) -> Iterator[pieces.Image]:
    if isinstance(piece, pieces.Image):
        yield piece
    for inside in getattr(piece, "pieces", ()):
        yield from _images(inside)


def _lines(piece: pieces.Piece) -> int:
    """How many lines of tables a piece holds."""
    own = len(piece.body) if isinstance(piece, pieces.Table) else 0
    return own + sum(map(_lines, getattr(piece, "pieces", ())))


def _under(blocks: Sequence[Block], heading: str) -> bool:
    above = [b.text for b in blocks if isinstance(b, Heading) and b.level == 2]
    return bool(above) and above[-1] == heading


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        raise DocumentError("A picture in the notebook is damaged. Run the study again.") from None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# ---- prose ------------------------------------------------------------------


def _markdown(source: str) -> Iterator[Heading | Paragraph]:
    import mistune

    for token in mistune.create_markdown(renderer=None)(source):
        yield from _block(token)


def _block(token: dict[str, Any]) -> Iterator[Heading | Paragraph]:
    if token["type"] == "heading":
        words = "".join(span.text for span in _spans(token["children"]))
        yield Heading(words, token["attrs"]["level"] - 1)
    elif token["type"] == "list":
        for item in token["children"]:
            for inside in item["children"]:
                yield from (replace(block, bullet=True) for block in _block(inside))
    elif token["type"] == "block_quote":
        for inside in token["children"]:
            yield from _block(inside)
    elif "children" in token:
        yield Paragraph(tuple(_spans(token["children"])))
    elif "raw" in token:
        yield Paragraph((Span(token["raw"].rstrip("\n"), "code"),))


def _spans(tokens: Iterable[dict[str, Any]], style: str = "") -> Iterator[Span]:
    for token in tokens:
        kind = token["type"]
        if kind in ("softbreak", "linebreak"):
            yield Span(" ", style)
        elif "children" in token:
            inner = kind if kind in ("emphasis", "strong") else style
            yield from _spans(token["children"], inner)
        else:
            yield Span(token.get("raw", ""), "code" if kind == "codespan" else style)
