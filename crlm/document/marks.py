"""What a document remembers of its report: which bookmark is which result row, and itself.

Hides a part of the file that Word and LibreOffice carry along and show nobody: study, the
rows' names by bookmark, and a checksum of the text, which tells whether anybody edited it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

_SPACE = "urn:crlm:document"
_TEXT = "word/document.xml"
_WHEN = (1980, 1, 1, 0, 0, 0)
_ITEM = "/customXml/crlm.xml"
_KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXml"


@dataclass(frozen=True)
class Marks:
    """What a document of this house remembers; empty for one from elsewhere.

    Attributes
    ----------
    study : str
    rows : dict of str to tuple of str
        Names of result rows (`ledger.row_name`) by bookmark.
    """

    study: str = ""
    rows: Mapping[str, Sequence[str]] = field(default_factory=dict)


def put(document: Any, study: str, rows: Mapping[str, Sequence[str]]) -> None:
    """Let a document remember its study and rows."""
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    root = ElementTree.Element(f"{{{_SPACE}}}report", {"study": study})
    root.text = json.dumps(rows, ensure_ascii=True, separators=(",", ":"))
    blob = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    part = Part(PackURI(_ITEM), "application/xml", blob, document.part.package)
    document.part.relate_to(part, _KIND)


def sealed(data: bytes) -> bytes:
    """A document with the checksum of its text; the same bytes for the same report."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        digest = hashlib.sha256(old.read(_TEXT)).hexdigest()
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, _WHEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.comment = digest.encode() if name == _TEXT else b""
            new.writestr(entry, old.read(name))
    return made.getvalue()


def read(archive: zipfile.ZipFile) -> Marks:
    """What a document remembers."""
    for name in archive.namelist():
        if re.fullmatch(r"customXml/[^/]+\.xml", name):
            try:
                root = ElementTree.fromstring(archive.read(name))
                if root.tag == f"{{{_SPACE}}}report":
                    return Marks(root.get("study", ""), json.loads(root.text or "{}"))
            except (ElementTree.ParseError, ValueError):
                continue
    return Marks()


def untouched(path: Path) -> bool:
    """Whether a document is as this house wrote it; nobody's work is lost with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            digest = hashlib.sha256(archive.read(_TEXT)).hexdigest()
            return archive.getinfo(_TEXT).comment.decode("latin-1") == digest
    except (OSError, KeyError, zipfile.BadZipFile):
        return False
