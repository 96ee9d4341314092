"""Where a sheet's headers stand, and which of its rows are patients."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from crlm.cohort.units import is_unit
from crlm.ledger import CohortError
from crlm.refusals import NUMBER, name_key, row_list, tidy

Record = tuple[int, list[str]]
Range = tuple[int, int, int, int]

#: As many as Excel has.
MOST_COLUMNS = 16_384

# How far down a header is looked for, and how many lines may follow it.
_DEEPEST_HEADER, _MOST_LINES = 15, 5
_TOTAL = re.compile(
    r"(?:grand |sub)?(?:totals?|sum|mean|average|avg|median|sd|std\.? ?dev\w*|min|max|range|"
    r"counts?|n|gesamt|summe|mittelwert|durchschnitt|anzahl|moyenne|somme|médiane|"
    r"合計|総計|小計|計|総数|平均値?|中央値|標準偏差|件数|症例数)"
    r"(?:[\s:=()（）±,;/-]*(?:n|no|sd|iqr|range|patients?|cases?|rows?|例|名|件|人|[\d.,%]+))*[\s:.)）]*"
)
_FOOTNOTE = re.compile(r"[*†‡§※#]|(?:notes?|nb|legend|注|備考|凡例)\b", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]{2}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d.*")


@dataclass
class Layout:
    """A sheet taken apart.

    Attributes
    ----------
    header : list of str
        "" over a column without a name.
    body : list of (int, list of str)
        The patients: row number and cells, as many as there are headers.
    units : dict of str to str
        Unit by header, where a line below the headers tells it.
    notes : list of str
        What was set aside, and why.
    header_row : int
        Where the headers stand.
    """

    header: list[str]
    body: list[Record]
    units: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    header_row: int = 1


def lay_out(
    name: str,
    records: Sequence[Record],
    fits: Callable[[list[str]], int],
    *,
    header_row: int | None = None,
    skip_rows: Iterable[int] = (),
    merged: Sequence[Range] = (),
) -> Layout:
    """Headers and patients of a sheet; every row that is neither is named.

    Parameters
    ----------
    name : str
        The file, for messages.
    records : sequence of (int, list of str)
        Filled rows of the sheet with their numbers.
    fits : callable
        How many cells of a row are names that the table may have.
    header_row : int, optional
        As the codebook says; else found.
    skip_rows : iterable of int
        Rows that the codebook leaves out.
    merged : sequence of ranges
        First row, first column, last row, last column.

    Raises
    ------
    CohortError
        If there is no header, or no patient below it.
    """
    skipped = set(skip_rows)
    last = max((row for row, _ in records), default=0)
    if beyond := sorted(row for row in skipped if row > last):
        raise CohortError(
            f"{name} ends at row {last}, and the codebook leaves out {row_list(beyond)}. Correct "
            "`skip_rows:`; rows are counted as Excel counts them."
        )
    filled = [one for one in records if any(one[1]) and one[0] not in skipped]
    at = _header(name, filled, fits, header_row)
    head, body = filled[at], filled[at + 1 :]
    if not body:
        raise CohortError(
            f"{name} holds a header but no patient below it. Fill in one row a patient below "
            "the header."
        )
    width = 1 + max((i for _, cells in filled[at:] for i in _last(cells)), default=0)
    if width > MOST_COLUMNS:
        raise CohortError(f"{name} has {width:,} columns; {MOST_COLUMNS:,} is the most.")
    body = [(row, _wide(cells, width)) for row, cells in body]
    found = Layout(_names(filled[:at], _wide(head[1], width), head[0], merged), body)
    found.header_row = head[0]
    if at and header_row is None:
        found.notes.append(
            f"The headers were found in row {head[0]}; {_rows(filled[:at])} above hold no names of "
            "columns. If they stand elsewhere, say `header_row:` in the codebook."
        )
    _fill_merged(found, merged, head[0])
    _set_lines_aside(found)
    _set_rows_aside(found)
    if not found.body:
        raise CohortError(
            f"{name} holds a header but no patient below it. " + " ".join(found.notes)
        )
    return found


def set_aside(name: str, header: list[str], body: list[Record]) -> Layout:
    """A table whose headers are known, without the rows that are no patients.

    Raises
    ------
    CohortError
        If no patient is left.
    """
    found = Layout(header, list(body))
    if found.body:
        _set_lines_aside(found)
        _set_rows_aside(found)
    if not found.body:
        raise CohortError(f"{name} holds no patient. Fill in one row a patient.")
    return found


def _last(cells: Sequence[str]) -> list[int]:
    """The place of the last filled cell."""
    for place in range(len(cells) - 1, -1, -1):
        if cells[place]:
            return [place]
    return []


def _wide(cells: list[str], width: int) -> list[str]:
    if len(cells) == width:
        return cells
    return [*cells[:width], *[""] * (width - len(cells))]


def _rows(records: Sequence[Record]) -> str:
    return row_list([row for row, _ in records])


# ---- the header -------------------------------------------------------------


def _header(
    name: str, filled: Sequence[Record], fits: Callable[[list[str]], int], declared: int | None
) -> int:
    if not filled:
        raise CohortError(
            f"{name} holds no cell that is filled. Fill in one row a patient below the header."
        )
    if declared is not None:
        rows = [row for row, _ in filled]
        if declared not in rows:
            raise CohortError(
                f"{name} has no filled row {declared}, in which the codebook says that the headers "
                "stand. Correct `header_row:`; rows are counted as Excel counts them."
            )
        return rows.index(declared)
    first = filled[:_DEEPEST_HEADER]
    hits = [fits(cells) for _, cells in first]
    best = max(hits)
    if best > 1 or (best == 1 and hits[0]):
        return 0 if hits[0] * 2 >= best else hits.index(best)
    return _densest(filled)


def _densest(filled: Sequence[Record]) -> int:
    """The first row that is as wide as the table and holds different words."""
    counts = [sum(map(bool, cells)) for _, cells in filled[:60]]
    typical = statistics.median(counts)
    for at, (_, cells) in enumerate(filled[:_DEEPEST_HEADER]):
        texts = [text for text in cells if text]
        words = sum(not _is_value(text) for text in texts)
        if (
            len(texts) >= 0.6 * typical
            and words >= 0.8 * len(texts)
            and len(set(texts)) >= 0.9 * len(texts)
        ):
            return at if all(count < 0.6 * len(texts) for count in counts[:at]) else 0
    return 0


def _is_value(text: str) -> bool:
    plain = tidy(text)
    return bool(NUMBER.fullmatch(plain) or _DATE.fullmatch(plain))


def _names(
    above: Sequence[Record], head: list[str], row: int, merged: Sequence[Range]
) -> list[str]:
    """The headers, with what two header rows say together where one does not suffice."""
    names = [" ".join(text.split()) for text in head]
    if not above or above[-1][0] != row - 1:
        return names
    upper = [" ".join(text.split()) for text in _wide(above[-1][1], len(names))]
    tall = {left - 1 for top, left, bottom, _ in merged if top < row <= bottom}
    groups = _groups(upper, above[-1][0], merged)
    twice = {text for text, number in Counter(names).items() if text and number > 1}
    for place, text in enumerate(names):
        if not text and (place in tall or (upper[place] and groups[place] == upper[place])):
            names[place] = upper[place]
        elif text in twice and groups[place]:
            names[place] = f"{groups[place]} {text}"
    return names


def _groups(upper: list[str], row: int, merged: Sequence[Range]) -> list[str]:
    """The group that each column stands under: as far as it is merged, else to the next one."""
    spans = {left - 1: right for top, left, _, right in merged if top == row}
    groups = list(upper)
    current, until = "", 0
    for place, text in enumerate(upper):
        if text:
            current, until = text, spans.get(place, len(upper) if not spans else place + 1)
        groups[place] = current if place < until else ""
    return groups


# ---- rows that are no patients ----------------------------------------------


def _fill_merged(found: Layout, merged: Sequence[Range], head: int) -> None:
    """A merged cell holds its value in the first row only: it means every row of it."""
    cells = dict(found.body)
    ranges = []
    for top, left, bottom, right in merged:
        first = cells.get(top, [""] * len(found.header))
        if top <= head or bottom == top or left > len(found.header) or not first[left - 1]:
            continue
        ranges.append(f"{_letters(left)}{top}:{_letters(right)}{bottom}")
        for row in range(top + 1, bottom + 1):
            if row in cells:
                cells[row][left - 1] = first[left - 1]
    if ranges:
        shown = ", ".join(ranges[:5]) + (f" and {len(ranges) - 5} more" if ranges[5:] else "")
        found.notes.append(
            f"Merged cells ({shown}): their value was taken for every row of the range. Unmerge "
            "them in Excel and fill them in if that is not meant."
        )


def _letters(column: int) -> str:
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def _set_lines_aside(found: Layout) -> None:
    """Lines below the header that hold words where every patient has a number."""
    numeric = _numeric(found.body[:_MOST_LINES], found.body[_MOST_LINES : _MOST_LINES + 200])
    lines = 0
    for _, cells in found.body[:_MOST_LINES]:
        if not _is_line(cells, numeric):
            break
        lines += 1
    if not lines:
        return
    aside, found.body = found.body[:lines], found.body[lines:]
    for _, cells in aside:
        if _are_units([text for text in cells if text]):
            pairs = zip(found.header, cells, strict=True)
            found.units |= {head: text for head, text in pairs if head and is_unit(text)}
    what = "their units" if found.units else "words where the patients have numbers"
    found.notes.append(
        f"{_rows(aside).capitalize()} below the headers {'hold' if lines > 1 else 'holds'} {what} "
        f"and {'are no patients' if lines > 1 else 'is no patient'}."
    )


def _numeric(first: Sequence[Record], rest: Sequence[Record]) -> list[int]:
    """Columns whose cells are numbers nearly everywhere."""
    if len(rest) < 5 or not first:
        return []
    found = []
    for place in range(len(first[0][1])):
        texts = [cells[place] for _, cells in rest if cells[place]]
        if len(texts) >= 5 and sum(map(_is_value, texts)) >= 0.8 * len(texts):
            found.append(place)
    return found


def _is_line(cells: Sequence[str], numeric: Sequence[int]) -> bool:
    texts = [cells[place] for place in numeric if cells[place]]
    words = [text for text in texts if not _is_value(text)]
    wordy = [text for text in words if _LETTERS.search(text) or is_unit(text)]
    enough = len(texts) >= min(2, len(numeric)) > 0
    return enough and len(words) == len(texts) and 2 * len(wordy) > len(words)


def _are_units(texts: Sequence[str]) -> bool:
    known = sum(is_unit(text) for text in texts)
    return known >= 1 and all(len(text) <= 15 for text in texts)


def _set_rows_aside(found: Layout) -> None:
    """Repeated headers, totals, footnotes and legends, each kind named with its rows."""
    counts = [sum(map(bool, cells)) for _, cells in found.body]
    typical = statistics.median(counts)
    sparse = max(3, 0.3 * typical) if typical > 5 else 1
    look = _Look(
        typical,
        sparse,
        found.header,
        _shapes(found, counts, typical),
        _numeric(found.body[:1], found.body[:200]),
    )
    last = max((at for at, number in enumerate(counts) if number > sparse), default=0)
    aside: dict[str, list[int]] = {}
    body: list[Record] = []
    for at, (row, cells) in enumerate(found.body):
        reason = _reason(cells, counts[at], look, at > last)
        if reason:
            aside.setdefault(reason, []).append(row)
        else:
            body.append((row, cells))
    found.body = body
    for reason, rows in aside.items():
        verb = "is" if len(rows) == 1 else "are"
        found.notes.append(
            f"{row_list(rows).capitalize()} {verb} no {'patient' if verb == 'is' else 'patients'} "
            f"but {reason}."
        )


def _shapes(found: Layout, counts: Sequence[int], typical: float) -> set[str]:
    """How the first cells of full rows look: digits, letters, marks."""
    step = 1 + len(counts) // 5000
    return {
        _shape(next(text for text in cells if text))
        for (_, cells), number in zip(found.body[::step], counts[::step], strict=True)
        if number >= max(0.5 * typical, 2)
    }


def _shape(text: str) -> str:
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text))


@dataclass(frozen=True)
class _Look:
    """What the patients of a sheet look like, and so what does not look like one."""

    typical: float
    sparse: float
    header: list[str]
    shapes: set[str]
    numeric: list[int]


def _reason(cells: Sequence[str], number: int, look: _Look, trailing: bool) -> str:
    """What a row is if it is no patient; "" for a patient."""
    if number >= 0.8 * look.typical:
        return "the headers again" if _is_header(cells, number, look.header) else ""
    texts = [text for text in cells if text]
    first = tidy(texts[0]).casefold()
    if number <= 0.75 * look.typical and _TOTAL.fullmatch(first):
        return "totals or means"
    unlike = _shape(texts[0]) not in look.shapes
    note = len(first) > 12 or bool(_FOOTNOTE.match(first))
    if number == 1 and look.typical > 2 and unlike and note:
        return "headings or footnotes"
    wordy = any(_LETTERS.search(cells[place]) for place in look.numeric)
    if trailing and number <= look.sparse and (unlike or (number > 1 and wordy)):
        return "a legend, a footnote or a stray cell"
    return ""


def _is_header(cells: Sequence[str], number: int, header: Sequence[str]) -> bool:
    first_two = zip(cells[:2], header[:2], strict=True)
    if not any(text and text.casefold() == head.casefold() for text, head in first_two):
        return False
    pairs = zip(cells, header, strict=True)
    same = sum(bool(text) and name_key(text) == name_key(head) for text, head in pairs)
    return same >= max(2, 0.8 * number)
