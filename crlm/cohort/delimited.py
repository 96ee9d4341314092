"""CSV files as hospitals export them: which encoding, which separator, no ragged row."""

from __future__ import annotations

import csv
import io
import re

from crlm.cohort.wording import count, row_list
from crlm.ledger import CohortError

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_TRIED = {"utf-8-sig": "UTF-8", "cp932": "cp932 (Japanese Shift-JIS)"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def decode(name: str, data: bytes, encoding: str = "") -> tuple[str, str]:
    """The text of a file and the words for its encoding.

    Parameters
    ----------
    name : str
        The file's name, for messages.
    data : bytes
        Its content.
    encoding : str
        As the codebook says; empty tries UTF-8 (with or without a byte order
        mark), UTF-16 with one, then cp932, in that order.

    Raises
    ------
    CohortError
        If the bytes are not text in that encoding, or in any that is tried.
    """
    if encoding:
        return _decode_as(name, data, encoding), f"{encoding} (as the codebook says)"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode_as(name, data, "utf-16"), "UTF-16"
    for candidate, words in _TRIED.items():
        try:
            text = data.decode(candidate)
        except UnicodeDecodeError:
            continue
        if _CONTROL.search(text):
            break
        return text, words + (" with BOM" if data.startswith(b"\xef\xbb\xbf") else "")
    raise CohortError(
        f"{name} is not a text table: it is neither UTF-8 nor Japanese cp932. "
        "Export it as CSV UTF-8, or name its `encoding:` in the codebook."
    )


def _decode_as(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding).lstrip("\ufeff")
    except LookupError:
        raise CohortError(
            f"The codebook asks for the encoding {encoding!r}, which does not exist. "
            "Try utf-8, cp932 or cp1252."
        ) from None
    except UnicodeError:
        raise CohortError(
            f"{name} is not text in {encoding}. Correct `encoding:` in the codebook, "
            "or leave it out to have it found."
        ) from None


def read_delimited(
    name: str, data: bytes, encoding: str = "", separator: str = ""
) -> tuple[list[tuple[int, list[str]]], str, list[str]]:
    """Records of a CSV file with their row numbers, how it was read, and notes.

    Raises
    ------
    CohortError
        If it is not text, its separator is in doubt, or rows differ in length.
    """
    text, words = decode(name, data, encoding)
    if text.lstrip()[:1] in ("<", "{", "["):
        raise CohortError(
            f"{name} holds a web page or program data, not a table. Export it as CSV."
        )
    hint = re.match(r"sep=(.)\r?\n", text)
    if hint:
        # Excel hides this line from its reader and does not count it.
        text, separator = text[hint.end() :], separator or hint.group(1)
    separator = separator or _sniff(name, text)
    records = _records(name, text, separator)
    _refuse_ragged(name, records)
    how = f"CSV, {words}, separated by {_SEPARATORS.get(separator, repr(separator))}"
    notes = []
    if words == _TRIED["cp932"]:
        notes.append(
            "The file is not UTF-8 and was read as cp932 (Japanese Shift-JIS). If names look "
            "wrong, set `encoding:` in the codebook (Western Windows: cp1252)."
        )
    return records, how, notes


def _records(name: str, text: str, separator: str) -> list[tuple[int, list[str]]]:
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        reader = csv.reader(io.StringIO(plain, newline=""), delimiter=separator, strict=True)
        return [(number, record) for number, record in enumerate(reader, 1) if any(record)]
    except (csv.Error, TypeError) as error:
        raise CohortError(
            f"{name} is not a well-formed CSV file ({error}): a quotation mark is opened and not "
            "closed, or stands inside a cell. Save it from Excel as CSV UTF-8."
        ) from error


def _sniff(name: str, text: str) -> str:
    """The separator that the header line itself shows; no other evidence is trusted."""
    outside_quotes = re.sub(r'"[^"]*"', "x", text)
    header = next((line for line in outside_quotes.splitlines() if line.strip(" ,;\t")), "")
    counts = {mark: header.count(mark) for mark in _SEPARATORS}
    best = max(counts, key=lambda mark: counts[mark])
    rivals = [mark for mark in counts if counts[mark] and counts[mark] * 2 > counts[best]]
    if len(rivals) > 1:
        raise CohortError(
            f"{name}: the header line holds {' and '.join(_SEPARATORS[m] for m in rivals)}, so "
            "what separates the columns is in doubt. Set `separator:` in the codebook."
        )
    return best


def _refuse_ragged(name: str, records: list[tuple[int, list[str]]]) -> None:
    width = len(records[0][1]) if records else 0
    for _, record in records:
        while len(record) > width and not record[-1].strip():
            record.pop()
    ragged = [row for row, record in records if len(record) != width]
    if ragged:
        fields = next(len(record) for row, record in records if row == ragged[0])
        raise CohortError(
            f"{name}: the header has {count(width, 'column')}, but {row_list(ragged)} "
            f"{'have' if len(ragged) > 1 else 'has'} another number (row {ragged[0]}: {fields}). "
            "A separator inside a cell is the usual cause: put that cell in quotation marks, or "
            "save from Excel."
        )
