"""Figures and tables one by one, as a journal takes them: names that follow the paper.

Hides how a figure's files come by its name, and how a printed number becomes one of a sheet.
"""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path
from typing import Any

from crlm import pieces
from crlm.document.outline import Exhibit, Outline
from crlm.files import csv_bytes
from crlm.ledger import DocumentError

_KINDS = ("svg", "pdf", "tiff", "png", "csv")
_LONGEST = 60
_PLAIN = re.compile(r"[+-]?\d[\d,]*(?:\.(\d+))?")


def stem(exhibit: Exhibit) -> str:
    """The name of an exhibit's files: `figure_1_overall_survival_by_ras_status`."""
    words = re.sub(r"[^a-z0-9]+", "_", f"{exhibit.label} {exhibit.title}".lower()).strip("_")
    return words if len(words) <= _LONGEST else words[: _LONGEST + 1].rpartition("_")[0]


def write(outline: Outline, drawn: Path, folder: Path) -> None:
    """Write every figure and table of a report into a folder of its own.

    Parameters
    ----------
    outline : Outline
    drawn : pathlib.Path
        Where the kernel left the files of each picture, by the picture's name.
    folder : pathlib.Path
        Made. Each figure as SVG, PDF, TIFF and PNG beside the CSV that it draws and its
        caption; each table as CSV beside its caption and notes, and a sheet of `tables.xlsx`.

    Raises
    ------
    DocumentError
        If a picture was not drawn in this run.
    OSError
        If there is no room.
    """
    folder.mkdir()
    for exhibit in outline.exhibits:
        caption = [exhibit.caption]
        if isinstance(exhibit.piece, pieces.Table):
            (folder / f"{stem(exhibit)}.csv").write_bytes(_as_csv(exhibit.piece))
            caption += exhibit.piece.notes
        else:
            caption += [exhibit.piece.alt, *_figure(exhibit, drawn, folder)]
        text = "\n".join(caption) + "\n"
        (folder / f"{stem(exhibit)}.txt").write_bytes(text.encode("utf-8"))
    (folder / "tables.xlsx").write_bytes(_workbook(outline))


def pictures(outline: Outline, folder: Path) -> dict[str, bytes]:
    """The fine pictures that an earlier `write` left, by the picture's name."""
    found = {e.piece.name: folder / f"{stem(e)}.png" for e in outline.exhibits if e.png}
    return {name: path.read_bytes() for name, path in found.items() if path.is_file()}


def _figure(exhibit: Exhibit, drawn: Path, folder: Path) -> list[str]:
    """Copy a figure's files; the line that says how wide it is."""
    name = exhibit.piece.name
    if not (drawn / f"{name}.svg").is_file():
        raise DocumentError(
            f"Nothing was left beside the report: {exhibit.label} was not drawn in this run, as "
            "where the disk has no room. Make room and run the study again."
        )
    for kind in _KINDS:
        made = drawn / f"{name}.{kind}"
        if made.is_file():
            shutil.copyfile(made, folder / f"{stem(exhibit)}.{kind}")
    columns = (drawn / f"{name}.columns").read_text(encoding="ascii")
    width = "one column, 8.9 cm" if columns == "1" else "two columns, 18.3 cm"
    return [f"Width: {width}."]


def _as_csv(table: pieces.Table) -> bytes:
    import pandas as pd

    header = _distinct(table.header)
    lines = [[*line.cells, *[""] * (len(header) - len(line.cells))] for line in table.body]
    return csv_bytes(pd.DataFrame(lines, columns=header, dtype=object))


def _distinct(header: tuple[str, ...]) -> list[str]:
    """Heads without a name, or with the name of another, told apart."""
    seen: dict[str, int] = {}
    told = []
    for text in header:
        seen[text] = seen.get(text, 0) + 1
        told.append(text if seen[text] == 1 and text else f"{text} {seen[text]}".strip())
    return told


def _workbook(outline: Outline) -> bytes:
    """Every table on a sheet of its own, plain numbers as numbers with their decimals."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.active)
    for exhibit in outline.exhibits:
        if isinstance(exhibit.piece, pieces.Table):
            _sheet(book.create_sheet(exhibit.label[:31]), exhibit)
    if not book.worksheets:
        book.create_sheet("No tables")
    book.properties.creator = book.properties.lastModifiedBy = ""
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _sheet(sheet: Any, exhibit: Exhibit) -> None:
    from openpyxl.styles import Font

    table = exhibit.piece
    lines = [[exhibit.caption], list(table.header)]
    lines += [list(line.cells) for line in table.body] + [[note] for note in table.notes]
    for at, line in enumerate(lines, 1):
        for across, text in enumerate(line, 1):
            _put(sheet.cell(at, across), text)
    for cell in [sheet.cell(1, 1), *sheet[2]]:
        cell.font = Font(bold=True)
    for across, head in enumerate(table.header, 1):
        widest = max([len(head), *(len(x.cells[across - 1]) for x in table.body)], default=8)
        sheet.column_dimensions[sheet.cell(2, across).column_letter].width = min(widest + 2, 60)
    sheet.freeze_panes = "B3"


def _put(cell: Any, text: str) -> None:
    match = _PLAIN.fullmatch(text)
    if match:
        cell.value = float(text.replace(",", ""))
        cell.number_format = "0" + ("." + "0" * len(match[1]) if match[1] else "")
    else:
        cell.value = text
        cell.data_type = "s"
