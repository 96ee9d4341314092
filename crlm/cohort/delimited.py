"""CSV files as hospitals export them: which encoding, which separator, no ragged row."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator

from crlm.cohort.cells import clean, has_invisible
from crlm.cohort.layout import MOST_COLUMNS
from crlm.cohort.wording import count, quote
from crlm.ledger import CohortError
from crlm.refusals import refusal, row_list

#: The most characters that a cell can hold in Excel; what is longer is no value.
LONGEST_CELL = 32_767

#: The most lines that a table can have, and the most characters of one of them.
MOST_ROWS = 5_000_000
LONGEST_LINE = 20_000_000
#: Cells from which on a table that is nearly all empty is refused.
MOST_EMPTY = 5_000_000

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_TRIED = {"utf-8-sig": "UTF-8", "cp932": "cp932 (Japanese Shift-JIS)"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_CONTROLS = [chr(code) for code in range(32) if _CONTROL.match(chr(code))]
_QUOTED = re.compile(r'"[^"]*"')
# A Japanese letter by itself inside a Latin word is an accented letter read wrongly.
_ODD = re.compile(
    r"[A-Za-z][\u0370-\uffff](?![\u0370-\uffff])|(?<![\u0370-\uffff])[\u0370-\uffff][a-z]"
)
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uff66-\uff9f]{2}")

Record = tuple[int, list[str]]


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
        If the bytes are not text in that encoding, or in any that is tried, or hold a
        character that no table has.
    """
    # Programs of the days of DOS end a text file with Ctrl-Z.
    data = data.rstrip(b"\x1a")
    if encoding:
        return _decode_as(name, data, encoding), f"{encoding} (as the codebook says)"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode_as(name, data, "utf-16"), "UTF-16"
    for candidate, words in _TRIED.items():
        try:
            text = data.decode(candidate)
        except UnicodeDecodeError:
            continue
        _refuse_control(name, text)
        if candidate == "cp932" and _is_western(text):
            break
        return text, words + (" with BOM" if data.startswith(b"\xef\xbb\xbf") else "")
    raise CohortError(
        f"{name} is not a text table: it is neither UTF-8 nor Japanese cp932. "
        "Export it as CSV UTF-8, or name its `encoding:` in the codebook (Western Windows with "
        "é, ü or ñ: cp1252)."
    )


def _is_western(text: str) -> bool:
    """Whether text read as Japanese looks like Western letters with accents."""
    return len(_ODD.findall(text)) > 2 * len(_JAPANESE.findall(text))


def _refuse_control(name: str, text: str) -> None:
    if not any(mark in text for mark in _CONTROLS):
        return
    found = _CONTROL.search(text)
    if not found:
        return
    line = text.count("\n", 0, found.start()) + 1
    code = ord(found.group())
    if code == 0 or len(_CONTROL.findall(text[:100_000])) > 20:
        raise CohortError(
            f"{name} is not a text table: it is neither UTF-8 nor Japanese cp932 (character "
            f"{code} in line {line}). Export it as CSV UTF-8, or name its `encoding:`."
        )
    raise CohortError(
        f"{name}, line {line}, holds a control character (number {code}), which no table "
        "has. Remove it, or export the table again."
    )


def _decode_as(name: str, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding).lstrip("\ufeff")
    except LookupError:
        raise refusal(
            f"The codebook asks for the encoding {quote(encoding)}, which does not exist. "
            "Try utf-8, cp932 or cp1252."
        ) from None
    except UnicodeError:
        raise refusal(
            f"{name} is not text in {quote(encoding)}. Correct `encoding:` in the codebook, "
            "or leave it out to have it found."
        ) from None


def read_delimited(
    name: str, data: bytes, encoding: str = "", separator: str = ""
) -> tuple[list[Record], str, list[str]]:
    """Records of a CSV file with their row numbers, how it was read, and notes.

    Raises
    ------
    CohortError
        If it is not text, its separator is in doubt, or rows differ in length.
    """
    lines = max(data.count(b"\n"), data.count(b"\r"))
    if lines > MOST_ROWS:
        raise CohortError(f"{name} has {lines:,} lines; {MOST_ROWS:,} is the most.")
    text, words = decode(name, data, encoding)
    if text[:100].lstrip()[:1] in ("<", "{", "["):
        raise CohortError(
            f"{name} holds a web page or program data, not a table. Export it as CSV."
        )
    hint = re.match(r"sep=(.)\r?\n", text)
    if hint:
        # Excel hides this line from its reader and does not count it.
        text, separator = text[hint.end() :], separator or hint.group(1)
    separator = separator or _sniff(name, text)
    records = _records(name, text, separator)
    _even(name, records)
    how = f"CSV, {words}, separated by {_SEPARATORS.get(separator, repr(separator))}"
    notes = []
    if words == _TRIED["cp932"]:
        notes.append(
            "The file is not UTF-8 and was read as cp932 (Japanese Shift-JIS). If names look "
            "wrong, set `encoding:` in the codebook (Western Windows: cp1252)."
        )
    if has_invisible(text):
        notes.append("Some cells hold characters that nobody sees; they were left out.")
    if "\ufffd" in text:
        notes.append(
            "The file holds letters that were lost before it came here (shown as \ufffd). "
            "Export it again as CSV UTF-8."
        )
    return records, how, notes


def _records(name: str, text: str, separator: str) -> list[Record]:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    known = _Clean()
    limit = csv.field_size_limit(LONGEST_CELL)
    records: list[Record] = []
    cells = filled = 0
    try:
        reader = csv.reader(_lines(name, text), delimiter=separator, strict=True)
        for number, record in enumerate(reader, 1):
            if len(record) > MOST_COLUMNS:
                raise CohortError(
                    f"{name}: row {number} has {len(record):,} columns; {MOST_COLUMNS:,} is the "
                    "most. Delete what stands, or is empty, to the right of the table."
                )
            cells += len(record)
            if number <= 100:
                filled = max([filled, *(at for at, cell in enumerate(record, 1) if cell)])
            elif cells > MOST_EMPTY and cells > 20 * number * filled:
                raise CohortError(
                    f"{name}: rows have {cells // number:,} columns, and none of the first 100 "
                    f"fills more than {filled:,}. Delete the empty columns on the right."
                )
            if any(record):
                # Most cells of a table say what another one says: they share one text.
                records.append((number, list(map(known.__getitem__, record))))
            if number % 100_000 == 0:
                known.clear()
    except (csv.Error, TypeError) as error:
        _refuse_malformed(name, str(error), len(records))
    finally:
        csv.field_size_limit(limit)
    return records


def _lines(name: str, text: str) -> Iterator[str]:
    """Lines with their ends; a stream of text would take four times the room."""
    start = number = 0
    while start < len(text):
        end = text.find("\n", start)
        end, number = (end + 1 if end >= 0 else len(text)), number + 1
        if end - start > LONGEST_LINE:
            raise CohortError(
                f"{name}: line {number} has {end - start:,} characters; {LONGEST_LINE:,} is the "
                "most. Delete what stands, or is empty, to the right of the table."
            )
        yield text[start:end]
        start = end


class _Clean(dict[str, str]):
    """Cells without what nobody sees, each distinct text once."""

    def __missing__(self, text: str) -> str:
        self[text] = clean(text)
        return self[text]


def _refuse_malformed(name: str, error: str, row: int) -> None:
    if "field larger" in error:
        raise CohortError(
            f"{name}: a cell below row {row} has more than {LONGEST_CELL:,} characters. If a "
            "quotation mark is opened and not closed there, close it; else shorten the cell."
        ) from None
    raise CohortError(
        f"{name} is not a well-formed CSV file (after row {row}): a quotation mark is opened and "
        "not closed, or stands inside a cell. Save it from Excel as CSV UTF-8."
    ) from None


def _sniff(name: str, text: str) -> str:
    """The separator that the first line with any shows; no other evidence is trusted."""
    outside_quotes = _QUOTED.sub("x", text[:1_000_000])
    marked = (line for line in outside_quotes.splitlines() if line.strip(" ,;\t|"))
    header = next((line for line in marked if any(mark in line for mark in _SEPARATORS)), "")
    counts = {mark: header.count(mark) for mark in _SEPARATORS}
    best = max(counts, key=lambda mark: counts[mark])
    rivals = [mark for mark in counts if counts[mark] and counts[mark] * 2 > counts[best]]
    if len(rivals) > 1:
        raise CohortError(
            f"{name}: the header line holds {' and '.join(_SEPARATORS[m] for m in rivals)}, so "
            "what separates the columns is in doubt. Set `separator:` in the codebook."
        )
    return best


def _even(name: str, records: list[Record]) -> None:
    """Give every record the same number of cells, or refuse the rows that have another."""
    if not records:
        return
    usual = Counter(len(record) for _, record in records).most_common(1)[0][0]
    width = max(usual, len(records[0][1]))
    for _, record in records:
        while len(record) > width and not record[-1].strip():
            record.pop()
    for _, record in records:
        # A title above the header has fewer cells.
        if len(record) >= width:
            break
        record += [""] * (width - len(record))
    ragged = [row for row, record in records if len(record) != width]
    if ragged:
        fields = next(len(record) for row, record in records if row == ragged[0])
        raise CohortError(
            f"{name}: the header has {count(width, 'column')}, but {row_list(ragged)} "
            f"{'have' if len(ragged) > 1 else 'has'} another number (row {ragged[0]}: {fields}). "
            "A separator inside a cell is the usual cause: put that cell in quotation marks, or "
            "save from Excel."
        )
