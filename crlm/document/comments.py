"""What a coauthor wrote into a document: comments and tracked changes, by place and row.

Hides Word's XML: where a comment begins and ends, whose change a run of text is, which heading
and which result row stand above. Reads what Word, LibreOffice and others write.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from crlm.document import marks
from crlm.ledger import KEYS, DocumentError

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_PICTURE = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}docPr"
_W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
_W15 = "{http://schemas.microsoft.com/office/word/2012/wordml}"
_MOST, _RATIO, _LET_BE = 200_000_000, 200, 1_000_000
_CHANGES = {"ins": "insertion", "del": "deletion", "moveTo": "insertion", "moveFrom": "deletion"}
_FEW = 3
#: How the bookmark around the label of a caption begins.
_CAPTION = "_Ref_"
_FORMAT = ("rPrChange", "pPrChange", "tblPrChange", "tcPrChange", "trPrChange", "sectPrChange")


@dataclass
class Remark:
    """One comment or one tracked change.

    Attributes
    ----------
    kind : str
        "comment", "insertion", "deletion", "replacement" or "formatting".
    author, date : str
        As the program of the coauthor wrote them; the date in ISO form.
    section : tuple of str
        Headings above, from the outermost.
    on : str
        The text that is commented on, deleted or replaced.
    text : str
        The comment, or what was put in.
    rows : tuple of str
        Names (`ledger.row_name`) of the result rows of its line or reading.
    exhibit : str
        The table or figure in whose line or caption it stands: "Table A12".
    note : str
        What a reader should know: that the text is deleted by now, or the place gone.
    reply_to : str
        Author and text of the comment that it answers.
    done : bool
        Whether somebody marked it as resolved.
    """

    kind: str
    author: str = ""
    date: str = ""
    section: tuple[str, ...] = ()
    on: str = ""
    text: str = ""
    rows: tuple[str, ...] = ()
    exhibit: str = ""
    note: str = ""
    reply_to: str = ""
    done: bool = False


@dataclass(frozen=True)
class Review:
    """What was read of a document.

    Attributes
    ----------
    file, study : str
        `study` is empty for a document from elsewhere.
    remarks : list of Remark
        In the order of the document; those whose place is gone come last.
    """

    file: str
    study: str
    remarks: list[Remark]


def review(path: Path) -> Review:
    """The comments and tracked changes of a Word document.

    Raises
    ------
    DocumentError
        If it is no Word document, is protected by a password, or holds parts that explode.
    OSError
        If it cannot be read.
    """
    with _opened(path) as archive:
        _refuse_bomb(path, archive)
        try:
            body = _part(archive, "word/document.xml")
            comments = _comments(archive)
            names = _heading_levels(archive)
            known = marks.read(archive)
        except (KeyError, ElementTree.ParseError, zipfile.BadZipFile, ValueError, OSError):
            raise DocumentError(
                f"{path.name} is damaged or no Word document. Open it in Word, save it as .docx "
                "and try again."
            ) from None
    reader = _Reader(names, known, comments)
    reader.read(body)
    return Review(path.name, known.study, reader.finished())


def _opened(path: Path) -> zipfile.ZipFile:
    with open(path, "rb") as stream:
        start = stream.read(8)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise DocumentError(
            f"{path.name} is protected by a password, or an old .doc. Open it in Word, save it "
            "as .docx without a password and try again."
        )
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise DocumentError(
            f"{path.name} is no Word document (.docx). Ask for the file that `crlm docx` wrote, "
            "with the comments in it."
        ) from None


def _refuse_bomb(path: Path, archive: zipfile.ZipFile) -> None:
    infos = archive.infolist()
    large = [info for info in infos if info.file_size > _LET_BE]
    packed = [info for info in large if info.file_size > _RATIO * max(info.compress_size, 1)]
    if packed or sum(info.file_size for info in infos) > _MOST:
        raise DocumentError(f"{path.name} unpacks to more than any report holds. It is not read.")


def _part(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    data = archive.read(name)
    if b"<!DOCTYPE" in data[:2000] or b"<!ENTITY" in data:
        raise ValueError("a Word document declares no entities")
    return ElementTree.fromstring(data)


def _heading_levels(archive: zipfile.ZipFile) -> dict[str, int]:
    """Heading level by the id of a style, by its name or its outline level."""
    found = {}
    for style in _part(archive, "word/styles.xml").iter(f"{_W}style"):
        name = style.find(f"{_W}name")
        words = (name.get(f"{_W}val", "") if name is not None else "").lower()
        if words.startswith("heading ") and words[8:].isdigit():
            found[style.get(f"{_W}styleId", "")] = int(words[8:])
    return found


@dataclass
class _Comment:
    remark: Remark
    last_paragraph: str
    seen: bool = False
    deleted: list[bool] = field(default_factory=list)


def _comments(archive: zipfile.ZipFile) -> dict[str, _Comment]:
    names = set(archive.namelist())
    if "word/comments.xml" not in names:
        return {}
    found: dict[str, _Comment] = {}
    for one in _part(archive, "word/comments.xml").iter(f"{_W}comment"):
        paragraphs = list(one.iter(f"{_W}p"))
        text = "\n".join(filter(None, map(_text, paragraphs)))
        said = Remark("comment", one.get(f"{_W}author", ""), _date(one), text=text)
        last = paragraphs[-1].get(f"{_W14}paraId", "") if paragraphs else ""
        found[one.get(f"{_W}id", "")] = _Comment(said, last)
    if "word/commentsExtended.xml" in names:
        _threads(_part(archive, "word/commentsExtended.xml"), found)
    return found


def _date(element: ElementTree.Element) -> str:
    """When, in ISO form; empty where a program wrote none that is one."""
    text = element.get(f"{_W}date", "")
    return text if re.match(r"[1-9]\d{3}-\d{2}-\d{2}", text) else ""


def _threads(extended: ElementTree.Element, found: dict[str, _Comment]) -> None:
    """Which comment answers which, and which is done."""
    by_paragraph = {one.last_paragraph: one for one in found.values() if one.last_paragraph}
    for entry in extended.iter(f"{_W15}commentEx"):
        one = by_paragraph.get(entry.get(f"{_W15}paraId", ""))
        above = by_paragraph.get(entry.get(f"{_W15}paraIdParent", ""))
        if one:
            one.remark.done = entry.get(f"{_W15}done") == "1"
            if above:
                one.remark.reply_to = f"{above.remark.author}: {above.remark.text}"


def _text(element: ElementTree.Element) -> str:
    """The words of an element, deleted ones too."""
    told = []
    for inner in element.iter():
        if inner.tag in (f"{_W}t", f"{_W}delText"):
            told.append(inner.text or "")
        elif inner.tag in (f"{_W}tab", f"{_W}br"):
            told.append(" ")
        elif inner.tag == _PICTURE:
            told.append(inner.get("title") or inner.get("name") or "a picture")
    return "".join(told)


class _Reader:
    """Walks a document once; knows the headings above, the line, and whose change it is in."""

    def __init__(
        self, levels: dict[str, int], known: marks.Marks, comments: dict[str, _Comment]
    ) -> None:
        self.levels, self.known, self.comments = levels, known, comments
        self.trail: dict[int, str] = {}
        self.open: set[str] = set()
        self.place: tuple[str, ...] = ()
        self.exhibit = ""
        self.remarks: list[Remark] = []

    def read(self, body: ElementTree.Element) -> None:
        for block in _blocks(body):
            self.block(block)

    def block(self, block: ElementTree.Element) -> None:
        """A paragraph outside tables, or a row of a table: one place, one set of rows."""
        level = self.level(block)
        if level:
            words = _text(block).strip()
            self.trail = {n: t for n, t in self.trail.items() if n < level} | {level: words}
        self.place = self.rows(block)
        named = [n for n in self.bookmarks(block) if n.startswith(_CAPTION)]
        if named or block.tag == f"{_W}p":
            self.exhibit = "".join(named[:1]).removeprefix(_CAPTION).replace("_", " ")
        changes: list[Remark] = []
        self.walk(block, "", changes)
        self.remarks += _merged(changes)

    def level(self, block: ElementTree.Element) -> int:
        style = block.find(f"{_W}pPr/{_W}pStyle")
        return self.levels.get(style.get(f"{_W}val", ""), 0) if style is not None else 0

    def rows(self, block: ElementTree.Element) -> tuple[str, ...]:
        names = self.bookmarks(block)
        rows = [row for name in names for row in self.known.rows.get(name, ())]
        return tuple(dict.fromkeys(rows))

    def bookmarks(self, block: ElementTree.Element) -> list[str]:
        return [mark.get(f"{_W}name", "") for mark in block.iter(f"{_W}bookmarkStart")]

    @property
    def section(self) -> tuple[str, ...]:
        return tuple(text for _, text in sorted(self.trail.items()))

    def walk(self, element: ElementTree.Element, change: str, changes: list[Remark]) -> None:
        for inner in element:
            tag = inner.tag.removeprefix(_W)
            if tag == "commentRangeStart":
                self.open.add(inner.get(f"{_W}id", ""))
                self.begin(inner.get(f"{_W}id", ""))
            elif tag == "commentRangeEnd":
                self.open.discard(inner.get(f"{_W}id", ""))
            elif tag == "commentReference":
                self.begin(inner.get(f"{_W}id", ""))
            elif tag == "r":
                self.run(inner, change)
                self.walk(inner, change, changes)
            elif tag in _CHANGES:
                self.change(inner, tag, element, changes)
                self.walk(inner, _CHANGES[tag], changes)
            elif tag in _FORMAT:
                changes.append(self.remark("formatting", inner))
            else:
                self.walk(inner, change, changes)
            if tag == "tc":
                self.next_cell()

    def begin(self, number: str) -> None:
        one = self.comments.get(number)
        if one and not one.seen:
            one.seen, one.remark.section, one.remark.rows = True, self.section, self.place
            one.remark.exhibit = self.exhibit
            self.remarks.append(one.remark)

    def next_cell(self) -> None:
        """Part the words of a comment that reaches over several cells."""
        for number in self.open:
            if number in self.comments and self.comments[number].remark.on:
                self.comments[number].remark.on += " | "

    def run(self, run: ElementTree.Element, change: str) -> None:
        words = _text(run)
        for number in self.open:
            one = self.comments.get(number)
            if one and words:
                one.remark.on += words
                one.deleted.append(change == "deletion")

    def change(
        self,
        element: ElementTree.Element,
        tag: str,
        parent: ElementTree.Element,
        changes: list[Remark],
    ) -> None:
        remark = self.remark(_CHANGES[tag], element)
        words = _text(element)
        if parent.tag == f"{_W}trPr":
            words, remark.note = "", "a whole line of the table"
        elif parent.tag == f"{_W}rPr":
            words, remark.note = "", "the end of a paragraph"
        if remark.kind == "insertion":
            remark.text = words
        else:
            remark.on = words
        if words or remark.note:
            changes.append(remark)

    def remark(self, kind: str, element: ElementTree.Element) -> Remark:
        who = element.get(f"{_W}author", "")
        place = {"rows": self.place, "exhibit": self.exhibit}
        return Remark(kind, who, _date(element), self.section, **place)

    def finished(self) -> list[Remark]:
        for one in self.comments.values():
            one.remark.on = re.sub(r"(?: \|)+ *$", "", one.remark.on)
            if one.deleted and all(one.deleted):
                one.remark.note = "on text that is deleted by now"
        gone = [one.remark for one in self.comments.values() if not one.seen]
        for remark in gone:
            remark.note = "its place is no longer in the document"
        return [*self.remarks, *gone]


def _blocks(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """Paragraphs, and rows of tables as a whole, in order."""
    for inner in element:
        if inner.tag in (f"{_W}p", f"{_W}tr"):
            yield inner
        else:
            yield from _blocks(inner)


def _merged(changes: Sequence[Remark]) -> list[Remark]:
    """Changes of one person side by side as one: a deletion and an insertion replace."""
    told: list[Remark] = []
    for one in changes:
        last = told[-1] if told else None
        same = last and last.author == one.author and not (last.note or one.note)
        if same and one.kind == last.kind:
            last.on, last.text = last.on + one.on, last.text + one.text
        elif same and {one.kind, last.kind} == {"deletion", "insertion"}:
            last.kind = "replacement"
            last.on, last.text = last.on + one.on, last.text + one.text
        elif same and last.kind == "replacement" and one.kind in ("deletion", "insertion"):
            last.on, last.text = last.on + one.on, last.text + one.text
        else:
            told.append(one)
    return told


# ---- told -------------------------------------------------------------------


def as_text(found: Review) -> str:
    """A review by section, for the terminal."""
    lines: list[str] = []
    section: tuple[str, ...] | None = None
    for number, remark in enumerate(found.remarks, 1):
        if remark.section != section:
            section = remark.section
            lines += ["", " > ".join(section) or "Before the first heading"]
        lines.append(f"  {number}. {_line(remark)}")
        lines += [f"     row: {words}" for words in _places(remark.rows)]
        lines += [f"     in {remark.exhibit}"] if remark.exhibit and not remark.rows else []
    said = sum(remark.kind == "comment" for remark in found.remarks)
    counts = [_counted(said, "comment"), _counted(len(found.remarks) - said, "tracked change")]
    return "\n".join([f"{found.file}: {', '.join(counts)}", *lines])


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _line(remark: Remark) -> str:
    who = ", ".join(filter(None, (remark.author or "unnamed", remark.date[:10])))
    on, text = _short(remark.on), " ".join(remark.text.split())
    told = {
        "comment": f"on “{on}”: {text}" if on else text,
        "insertion": f"put in “{text}”",
        "deletion": f"took out “{on}”",
        "replacement": f"“{on}” became “{text}”",
        "formatting": "changed how it looks",
    }[remark.kind]
    if remark.note and not (on or text):
        told = f"{remark.kind} of {remark.note}"
    elif remark.note:
        told += f" ({remark.note})"
    answers = f" (answers {_short(remark.reply_to)})" if remark.reply_to else ""
    return f"{remark.kind}, {who}{', done' if remark.done else ''}: {told}{answers}"


def _short(text: str, most: int = 80) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _places(rows: Sequence[str]) -> list[str]:
    """The rows of a remark: a few one by one, of many what they share and their number."""
    keys = [[value for value in row.split("|") if value not in ("", "all")] for row in rows]
    if len(rows) <= _FEW:
        return [", ".join(one) for one in keys]
    shared = [value for value in keys[0] if 2 * sum(value in one for one in keys) > len(keys)]
    return [f"{', '.join(shared) or ', '.join(keys[0])}: {len(rows)} numbers"]


def as_json(found: Review) -> str:
    """A review as JSON: every remark with its section and the keys of its rows."""
    remarks: list[dict[str, Any]] = []
    for remark in found.remarks:
        record = {**vars(remark), "section": list(remark.section)}
        record["rows"] = [dict(zip(KEYS, row.split("|"), strict=False)) for row in remark.rows]
        remarks.append(record)
    whole = {"file": found.file, "study": found.study, "remarks": remarks}
    return json.dumps(whole, indent=1, ensure_ascii=False)
