"""The styles of a Word document by name, from a template where one is given.

Hides how a style comes into a document: a template's own, or ours where it has none by that name.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docx import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Cm, Pt, RGBColor
from docx.styles import BabelFish

from crlm.ledger import DocumentError

_INK, _SOFT = RGBColor(0x1A, 0x24, 0x30), RGBColor(0x5B, 0x66, 0x73)


@dataclass(frozen=True)
class Look:
    """A paragraph style as this house draws it; sizes and distances in points."""

    size: float
    bold: bool = False
    italic: bool = False
    before: float = 0.0
    after: float = 0.0
    keep: bool = False
    soft: bool = False


#: What a document needs, by the name that a template may give it.
LOOKS = {
    "Normal": Look(10.5),
    "Title": Look(20, bold=True, after=6, keep=True),
    "Heading 1": Look(14, bold=True, before=16, after=4, keep=True),
    "Heading 2": Look(11.5, bold=True, before=12, after=3, keep=True),
    "Heading 3": Look(10.5, bold=True, before=10, after=3, keep=True),
    "Heading 4": Look(10, italic=True, before=8, after=2, keep=True),
    "Body Text": Look(10.5, after=6),
    "List Bullet": Look(10.5, after=3),
    "Caption": Look(9.5, bold=True, before=8, after=4),
    "Kind of Cohort": Look(10.5, bold=True, after=8),
    "Table Text": Look(8.5),
    "Table Note": Look(8, soft=True),
}
TABLE = "Three Lines"
_LEVELS = {"Heading 1": "0", "Heading 2": "1", "Heading 3": "2", "Heading 4": "3"}
_THREE_LINES = f"""
<w:style {nsdecls("w")} w:type="table" w:customStyle="1" w:styleId="ThreeLines">
  <w:name w:val="{TABLE}"/><w:uiPriority w:val="99"/>
  <w:tblPr><w:tblBorders>
    <w:top w:val="single" w:sz="8" w:space="0" w:color="1A2430"/>
    <w:bottom w:val="single" w:sz="8" w:space="0" w:color="1A2430"/>
  </w:tblBorders><w:tblCellMar>
    <w:top w:w="25" w:type="dxa"/><w:left w:w="60" w:type="dxa"/>
    <w:bottom w:w="25" w:type="dxa"/><w:right w:w="60" w:type="dxa"/>
  </w:tblCellMar></w:tblPr>
  <w:tblStylePr w:type="firstRow"><w:rPr><w:b/></w:rPr><w:tcPr><w:tcBorders>
    <w:bottom w:val="single" w:sz="6" w:space="0" w:color="1A2430"/>
  </w:tcBorders></w:tcPr></w:tblStylePr>
</w:style>"""


@dataclass(frozen=True)
class Dressed:
    """An empty document in its styles.

    Attributes
    ----------
    document : docx.Document
    missing : list of str
        Styles that the template has not; this house's stand in.
    bullets : bool
        Whether "List Bullet" sets its bullets itself.
    """

    document: Any
    missing: list[str]
    bullets: bool


def dressed(template: Path | None) -> Dressed:
    """An empty document in this house's styles, or in a template's.

    Raises
    ------
    DocumentError
        If the template is no Word document.
    OSError
        If it cannot be read.
    """
    document = _opened(template) if template else Document()
    if template:
        _empty(document)
    else:
        _page(document)
    have = {style.name for style in document.styles if style.type == WD_STYLE_TYPE.PARAGRAPH}
    missing = [name for name in LOOKS if name not in have]
    for name, look in LOOKS.items():
        if not template or name in missing:
            _draw(document, name, look)
            if not template:
                _plain_letters(document.styles[name])
    if TABLE not in {style.name for style in document.styles}:
        document.styles.element.append(parse_xml(_THREE_LINES))
        missing.append(TABLE)
    return Dressed(document, missing if template else [], "List Bullet" in have)


def _opened(template: Path) -> Any:
    data = template.read_bytes()
    try:
        document = Document(io.BytesIO(data))
    except (ValueError, KeyError, zipfile.BadZipFile, SyntaxError):
        raise DocumentError(
            f"{template.name} is no Word document that can be a template. Open it in Word and "
            "save it as .docx (not .dotx, .doc or .docm)."
        ) from None
    for style in document.styles.element.style_lst:
        # LibreOffice writes "Heading 1" where Word, and so python-docx, has "heading 1".
        style.name_val = BabelFish.ui2internal(style.name_val or "")
    return document


def _empty(document: Any) -> None:
    """Take out a template's own text; page, header and footer stay."""
    body = document.element.body
    for element in list(body):
        if element.tag != qn("w:sectPr"):
            body.remove(element)


def _page(document: Any) -> None:
    """A4 with margins that leave 17 cm for text."""
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21.0), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.0)
    section.top_margin = section.bottom_margin = Cm(2.0)


def _draw(document: Any, name: str, look: Look) -> None:
    styles = document.styles
    try:
        style = styles[name]
    except KeyError:
        style = styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = styles["Normal"] if "Normal" in styles else None
        style.quick_style = True
    style.font.size, style.font.bold, style.font.italic = Pt(look.size), look.bold, look.italic
    style.font.color.rgb = _SOFT if look.soft else _INK
    layout = style.paragraph_format
    layout.space_before, layout.space_after = Pt(look.before), Pt(look.after)
    layout.keep_with_next, layout.line_spacing = look.keep, 1.0 if look.size < 9 else 1.1
    if name in _LEVELS:
        _outline_level(style, _LEVELS[name])
    if name == "Title":
        for border in style.element.pPr.findall(qn("w:pBdr")):
            style.element.pPr.remove(border)


def _plain_letters(style: Any) -> None:
    """Arial, which every office program has or replaces by letters of the same width."""
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for name in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{name}"), None)
    style.font.name = "Arial"


def _outline_level(style: Any, level: str) -> None:
    from crlm.document.fields import flag

    flag(style.element.get_or_add_pPr(), "w:outlineLvl", val=level)
