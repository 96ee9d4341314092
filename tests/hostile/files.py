"""Files that are no patient table: name, content, and words that the message must hold."""

from __future__ import annotations

import io
import zipfile

from openpyxl import Workbook


def _zip(names: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in names.items():
            archive.writestr(name, text)
    return stream.getvalue()


def workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    book = Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


_JUNK = bytes(range(256)) * 8
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512
_WHOLE = workbook({"patients": [["patient_id", "age"], ["a", 60]]})

HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b" \n\n\n", "is empty"),
    "commas.csv": (b",,,\n,,,\n", "no cell that is filled"),
    "header_only.csv": (b"patient_id,age,sex\n", "a header but no patient"),
    "article.csv": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a PDF document"),
    "scan.csv": (b"\x89PNG\r\n\x1a\n" + _JUNK, "a picture"),
    "photo.xlsx": (b"\xff\xd8\xff\xe0" + _JUNK, "a picture"),
    "junk.csv": (_JUNK, "is not a text table"),
    "nul.csv": (b"patient_id,age\nA\0B,60\n", "is not a text table"),
    "page.csv": (b"<html><table><tr><td>age</td></tr></table></html>", "a web page"),
    "export.csv": (b'[{"age": 60}]', "program data"),
    "ragged_long.csv": (b"patient_id,age,sex\na,60,male\nb,61,male,x\n", "row 3"),
    "ragged_short.csv": (b"patient_id,age,sex\na,60\n\nb,61\n", "rows 2, 4"),
    "decimal_comma.csv": (b"patient_id,age,size_cm\na,60,3,5\n", "separator inside a cell"),
    "open_quote.csv": (b'patient_id,age\n"a,60\nb,61\n', "well-formed"),
    "two_marks.csv": (b"patient_id,age;sex,size_cm;cea\na,6;m,3;4\n", "in doubt"),
    "strangers.csv": (b"foo,bar\n1,2\n", "no column that ncch_scp knows"),
    "ids_only.csv": (b"patient_id\na\nb\n", "no column that ncch_scp knows"),
    "text.xlsx": (b"patient_id,age\na,60\n", "named like a file of Excel"),
    "text.sav": (b"patient_id,age\na,60\n", "named like a file of SPSS"),
    "text.parquet": (b"patient_id,age\na,60\n", "named like a file of Parquet"),
    "half.xlsx": (_WHOLE[: len(_WHOLE) // 2], "damaged workbook"),
    "hollow.xlsx": (_zip({"xl/workbook.xml": "<workbook/>"}), "it is damaged"),
    "letter.xlsx": (_zip({"word/document.xml": "<w/>"}), "another program"),
    "sheet.ods": (_zip({"mimetype": "application/vnd.oasis"}), "another program"),
    "no_rows.xlsx": (workbook({"Sheet1": []}), "no filled sheet"),
    "old.xls": (_OLE, "old Excel format"),
    "fake.xls": (b"patient_id\tage\na\t60\n", "holds plain text"),
    "locked.xlsx": (_OLE + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
    "half.parquet": (b"PAR1" + b"\0" * 64, "damaged Parquet"),
    "half.sav": (b"$FL2" + b"\0" * 64, "damaged SPSS"),
    "table.csv.gz": (b"\x1f\x8b\x08" + _JUNK, "a compressed file"),
}
