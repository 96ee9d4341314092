"""An outline as a Word document: title, kind of cohort, text, captions that are referred to."""

from __future__ import annotations

import datetime as dt
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docx.oxml.ns import qn
from docx.shared import Emu, Pt
from PIL import Image

from crlm import pieces
from crlm.document import marks
from crlm.document.fields import (
    Bookmarks,
    add_field,
    bookmark_name,
    describe_picture,
    heading_name,
)
from crlm.document.grid import add_marked, add_table
from crlm.document.outline import (
    Elsewhere,
    Exhibit,
    Heading,
    Outline,
    Paragraph,
    Told,
)
from crlm.document.styles import dressed
from crlm.ledger import DocumentError


@dataclass(frozen=True)
class Written:
    """A Word document in memory.

    Attributes
    ----------
    data : bytes
    missing : list of str
        Styles that the template lacks; this house's stand in.
    coarse : int
        Pictures that are no finer than the report's own.
    """

    data: bytes
    missing: list[str]
    coarse: int


def write(
    outline: Outline,
    study: str,
    *,
    fine: Mapping[str, bytes] | None = None,
    template: Path | None = None,
) -> Written:
    """A report as a Word document.

    Parameters
    ----------
    outline : Outline
    study : str
    fine : mapping of str to bytes, optional
        PNG files of 300 dpi by the picture's name; the notebook's own stand in for others.
    template : pathlib.Path, optional
        A .docx whose page, header, footer and styles are taken.

    Raises
    ------
    DocumentError
        If the template is no Word document.
    """
    dress = dressed(template)
    writer = _Writer(dress.document, dress.bullets, fine or {})
    writer.headings = {block.text for block in outline.blocks if isinstance(block, Heading)}
    writer.opening(outline)
    for block, after in zip(outline.blocks, [*outline.blocks[1:], None], strict=True):
        writer.leads = isinstance(after, Exhibit)
        writer.block(block)
    marks.put(dress.document, study, writer.rows)
    _margins(dress.document, outline, study, own=template is None)
    _properties(dress.document, outline)
    made = io.BytesIO()
    dress.document.save(made)
    return Written(marks.sealed(made.getvalue()), dress.missing, writer.coarse)


class _Writer:
    """Blocks in, Word's paragraphs out."""

    def __init__(self, document: Any, bullets: bool, fine: Mapping[str, bytes]) -> None:
        self.document, self.bullets, self.fine = document, bullets, fine
        self.bookmarks = Bookmarks()
        self.rows: dict[str, Any] = {}
        self.headings: set[str] = set()
        self.coarse, self.leads = 0, False
        section = document.sections[0]
        self.width = section.page_width - section.left_margin - section.right_margin
        self.height = section.page_height - section.top_margin - section.bottom_margin
        self.kinds: dict[type, Callable[[Any], None]] = {
            Heading: self.heading,
            Paragraph: self.paragraph,
            Exhibit: self.exhibit,
            Told: self.told,
            pieces.Listing: self.listing,
            Elsewhere: self.elsewhere,
        }

    def opening(self, outline: Outline) -> None:
        self.document.add_paragraph(outline.title, style="Title")
        if outline.banner:
            line = self.document.add_paragraph(outline.banner.line, style="Kind of Cohort")
            line.add_run(f" {outline.banner.rest}").bold = False

    def block(self, block: Any) -> None:
        self.kinds[type(block)](block)

    def heading(self, block: Heading) -> None:
        style = f"Heading {min(max(block.level, 1), 4)}"
        made = self.document.add_paragraph(block.text, style=style)
        self.bookmarks.around(made, heading_name(block.text))

    def paragraph(self, block: Paragraph) -> None:
        made = self.document.add_paragraph(style="List Bullet" if block.bullet else "Body Text")
        made.paragraph_format.keep_with_next = self.leads or None
        self.bullet(made, block.bullet)
        for span in block.spans:
            run = made.add_run(span.text)
            run.italic = True if span.style == "emphasis" else None
            run.bold = True if span.style == "strong" else None
            if span.style == "code":
                run.font.name = "Consolas"

    def bullet(self, paragraph: Any, wanted: bool = True) -> None:
        if wanted and not self.bullets:
            paragraph.add_run("• ")

    def told(self, block: Told) -> None:
        made = self.document.add_paragraph(style="Body Text")
        made.paragraph_format.keep_with_next = self.leads or None
        add_marked(made, block.sentence.text)
        if block.sentence.style == "skipped":
            made.runs[0].italic = True
        self.remember(made, block.sentence.rows)
        gap = " See " if block.sentence.style == "reading" else " "
        for exhibit in block.exhibits:
            made.add_run(gap)
            add_field(made, f"REF {_target(exhibit)} \\h", exhibit.label)
            gap = ", "
        if block.exhibits:
            made.add_run(".")

    def remember(self, paragraph: Any, rows: tuple[str, ...]) -> None:
        """Mark a paragraph with the rows that it tells."""
        if rows:
            name = self.bookmarks.around(paragraph, bookmark_name(rows[0]))
            self.rows[name] = rows

    def listing(self, block: pieces.Listing) -> None:
        rows = [*block.rows, *[()] * (len(block.items) - len(block.rows))]
        for item, told in zip(block.items, rows, strict=True):
            made = self.document.add_paragraph(style="List Bullet")
            self.bullet(made)
            add_marked(made, item.replace("`", ""))
            self.remember(made, told)

    def elsewhere(self, block: Elsewhere) -> None:
        text = f"{block.summary}: in {block.place}."
        self.document.add_paragraph(style="Body Text").add_run(text).italic = True

    def exhibit(self, block: Exhibit) -> None:
        if isinstance(block.piece, pieces.Table):
            self.caption(block).paragraph_format.keep_with_next = True
            self.rows |= add_table(
                self.document, block.piece, self.width, self.bookmarks, self.headings
            )
            return
        self.coarse += block.piece.name not in self.fine
        png = _readable(self.fine.get(block.piece.name, b""), block.png)
        holder = self.document.add_paragraph(style="Body Text")
        holder.paragraph_format.keep_with_next = True
        holder.paragraph_format.line_spacing = 1.0
        shape = holder.add_run().add_picture(io.BytesIO(png))
        scale = min(1.0, self.width / shape.width, 0.85 * self.height / shape.height)
        shape.width, shape.height = (
            Emu(round(scale * shape.width)),
            Emu(round(scale * shape.height)),
        )
        describe_picture(shape._inline, block.piece.alt, block.caption)
        self.caption(block)

    def caption(self, block: Exhibit) -> Any:
        """Label with a number that Word counts, in a bookmark, then the title."""
        made = self.document.add_paragraph(style="Caption")
        first = len(made.runs)
        made.add_run(block.label.removesuffix(str(block.number)))
        again = "" if block.series.endswith(" A") else f" \\r {block.number}"
        code = f"SEQ {block.series.replace(' ', '_')} \\* ARABIC{again}"
        add_field(made, code, str(block.number))
        self.bookmarks.wrap(made, _target(block), first)
        add_marked(made, block.caption.removeprefix(block.label))
        return made


def _target(exhibit: Exhibit) -> str:
    """The bookmark around a label; Word hides names that begin with a line."""
    return f"_Ref_{exhibit.label.replace(' ', '_')}"


def _margins(document: Any, outline: Outline, study: str, *, own: bool) -> None:
    """The kind of cohort above every page and its number below; a template keeps its own."""
    section = document.sections[0]
    head, foot = section.header, section.footer
    if outline.banner and not "".join(p.text for p in head.paragraphs).strip():
        line = head.paragraphs[0] if head.paragraphs else head.add_paragraph()
        line.add_run(outline.banner.line).font.size = Pt(8)
    if own:
        line = foot.paragraphs[0]
        line.add_run(f"{study}, page ")
        add_field(line, "PAGE", "1")
        line.add_run(" of ")
        add_field(line, "NUMPAGES", "1")
        for run in line.runs:
            run.font.size = Pt(8)


def _properties(document: Any, outline: Outline) -> None:
    """Title and kind of cohort; nobody's name, and the day alone."""
    core = document.core_properties
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = dt.datetime.fromtimestamp(int(epoch), dt.UTC) if epoch.isdigit() else dt.datetime.now()
    day = dt.datetime(now.year, now.month, now.day)
    core.author = core.last_modified_by = core.comments = core.keywords = core.category = ""
    core.title = outline.title
    core.subject = outline.banner.line if outline.banner else ""
    core.created = core.modified = day
    core.revision, core.language = 1, "en-GB"
    for properties in document.styles.element.iter(qn("w:rPrDefault")):
        for inner in properties.iter(qn("w:lang")):
            inner.set(qn("w:val"), "en-GB")


def _readable(*drawings: bytes) -> bytes:
    """The first of several drawings of one picture that is whole."""
    for png in drawings:
        try:
            with Image.open(io.BytesIO(png)) as image:
                image.verify()
        except (OSError, SyntaxError, ValueError):
            continue
        return png
    raise DocumentError("A picture in the notebook is damaged. Run the study again.")
