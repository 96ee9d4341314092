"""Small files that stand for more than any table: made here, never kept."""

from __future__ import annotations

import io
import zipfile

import pyarrow as pa
from pyarrow import parquet

from tests.hostile.files import workbook

_ROWS = [["patient_id", "age"], ["a", 60], ["b", 61]]


def rewritten(content: bytes, part: str, change) -> bytes:
    """A workbook in which the text of one part is changed."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data) if name == part else data)
    return out.getvalue()


def in_sheet(before: bytes, inserted: bytes) -> bytes:
    """A workbook with something more in front of a tag of its sheet."""
    return rewritten(
        workbook({"patients": _ROWS}),
        "xl/worksheets/sheet1.xml",
        lambda data: data.replace(before, inserted + before),
    )


def stray(reference: str, row: int) -> bytes:
    """A workbook with one cell of a space far away from its table."""
    cell = f'<row r="{row}"><c r="{reference}" t="inlineStr"><is><t> </t></is></c></row>'
    return in_sheet(b"</sheetData>", cell.encode())


def many_strings(number: int) -> bytes:
    """A workbook with a table of texts that unpacks to 30 bytes a text."""
    out = io.BytesIO(workbook({"patients": _ROWS}))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        texts = b"<si><t>aaaaaaaaaaaaaaa</t></si>" * number
        archive.writestr("xl/sharedStrings.xml", b"<sst>" + texts + b"</sst>")
    return out.getvalue()


def many_rows(number: int) -> bytes:
    """A workbook whose sheet unpacks to rows without end."""
    return in_sheet(b"</sheetData>", b"<row><c><v>1</v></c></row>" * number)


def entities(depth: int) -> bytes:
    """A workbook whose sheet defines entities by entities."""
    lines = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x"}">' for n in range(depth))
    head = f"<!DOCTYPE worksheet [{lines}]>".encode()
    return rewritten(
        workbook({"patients": _ROWS}),
        "xl/worksheets/sheet1.xml",
        lambda data: head + data[data.index(b"<worksheet") :],
    )


def repeated_parquet(rows: int, text: str = "x") -> bytes:
    """A Parquet file whose one text stands in every row."""
    column = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))
    table = pa.table({"patient_id": column, "age": column})
    out = io.BytesIO()
    parquet.write_table(table, out, compression="zstd")
    return out.getvalue()


def absurd_sav(cases: int = -1, size: int = -1) -> bytes:
    """The head of an SPSS file that announces more than there is."""
    head = b"$FL2" + b"@(#) SPSS DATA FILE".ljust(60)
    numbers = (2, size, 1, 0, cases)
    head += b"".join(number.to_bytes(4, "little", signed=True) for number in numbers)
    return head + b"\0" * 8 + b" " * 84 + (2).to_bytes(4, "little") + b"\0" * 200
