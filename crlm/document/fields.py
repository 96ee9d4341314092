"""What python-docx leaves out: fields, bookmarks, notes to a table's layout, in Word's own XML."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor

_LONGEST = 40
_LINK = RGBColor(0x00, 0x57, 0x8A)


def bookmark_name(name: str) -> str:
    """A result row's name (`ledger.row_name`) as a bookmark may be called in Word.

    Letters, digits and underscores, 40 characters at most, the beginning as a reader knows
    the row, the end a checksum that keeps two apart.

    Examples
    --------
    >>> bookmark_name("OS|all||ras|mutant|multivariable|hazard_ratio|")
    'OS_ras_mutant_multivariable_haz_8af9da3a'
    """
    end = "_" + hashlib.sha256(name.encode()).hexdigest()[:8]
    words = [part for part in re.split(r"[^A-Za-z0-9]+", name) if part and part != "all"]
    words = words if words and words[0][0].isalpha() else ["row", *words]
    return "_".join(words)[: _LONGEST - len(end)].rstrip("_") + end


class Bookmarks:
    """Bookmarks of one document: no name twice, each with a number of its own."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._number = 0

    def around(self, paragraph: Any, name: str) -> str:
        """Put a bookmark around what a paragraph holds by now; its name, numbered if taken."""
        free, n = name, 1
        while free in self._taken:
            n += 1
            free = f"{name[: _LONGEST - 4]}_{n}"
        self.wrap(paragraph, free, 0)
        return free

    def wrap(self, paragraph: Any, name: str, start: int) -> None:
        """Put a bookmark around a paragraph's runs from the so-manieth on."""
        self._taken.add(name)
        self._number += 1
        begin, end = OxmlElement("w:bookmarkStart"), OxmlElement("w:bookmarkEnd")
        begin.set(qn("w:id"), str(self._number))
        begin.set(qn("w:name"), name)
        end.set(qn("w:id"), str(self._number))
        runs = paragraph._p.findall(qn("w:r"))
        if start < len(runs):
            runs[start].addprevious(begin)
        else:
            paragraph._p.append(begin)
        paragraph._p.append(end)


def heading_name(heading: str) -> str:
    """The bookmark at a heading; Word hides names that begin with a line."""
    return f"_Head_{hashlib.sha256(heading.encode()).hexdigest()[:12]}"


def add_link(paragraph: Any, text: str, anchor: str, size: float | None) -> None:
    """Add words that lead to a bookmark of the same document."""
    run = paragraph.add_run(text)
    run.font.size = Pt(size) if size else None
    run.font.color.rgb = _LINK
    link = OxmlElement("w:hyperlink")
    link.set(qn("w:anchor"), anchor)
    run._r.addprevious(link)
    link.append(run._r)


def add_field(paragraph: Any, code: str, shown: str) -> None:
    """Add a field with what it shows until Word works it out anew.

    Parameters
    ----------
    code : str
        As `SEQ Figure \\\\* ARABIC` or `REF name \\\\h`.
    """
    for kind, text in (("begin", ""), ("", code), ("separate", ""), ("", shown), ("end", "")):
        run = paragraph.add_run()
        if kind:
            char = OxmlElement("w:fldChar")
            char.set(qn("w:fldCharType"), kind)
            run._r.append(char)
        elif text is code:
            told = OxmlElement("w:instrText")
            told.set(qn("xml:space"), "preserve")
            told.text = f" {code} "
            run._r.append(told)
        else:
            run.text = text


def flag(properties: Any, tag: str, **values: str) -> None:
    """Set a property by its tag: `flag(row properties, "w:cantSplit")`."""
    found = properties.find(qn(tag))
    element = OxmlElement(tag) if found is None else found
    for name, value in values.items():
        element.set(qn(f"w:{name}"), value)
    if found is None:
        properties.append(element)


def describe_picture(inline: Any, alt: str, title: str) -> None:
    """Give a picture its alternative text."""
    inline.docPr.set("descr", alt)
    inline.docPr.set("title", title)
