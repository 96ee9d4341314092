"""Text as R prints a matrix (tableone) or a data frame (finalfit): columns of fixed width.

R fills a column up to its widest cell and parts it from the next by one space, as it parts words
within a cell. A page that is too narrow goes on below, with the row names once more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: What only these tables say.
_SIGNS = re.compile(
    r"^\s*\"?Stratified by |^\s*(\d+\s+)?Dependent:|^\s*label\s+levels\b"
    r"|\((mean|median) [(\[](SD|IQR|range)[)\]]\)",
    re.MULTILINE,
)
_TITLE = re.compile(r"^\s*\"?Stratified by .*$")
_QUOTED = re.compile(r'"([^"]*)"')
_DEPENDENT = re.compile(r"^\s*Dependent:")
#: The head of what goes on below where rows have no names.
_GOES_ON = re.compile(r"^\s*(HR|OR|Coefficient) \(")

Span = tuple[int, int]


def is_printed(lines: Sequence[str]) -> bool:
    """Whether lines are what R prints of such a table."""
    return bool(_SIGNS.search("\n".join(lines)))


def cells(lines: Sequence[str]) -> list[list[str]]:
    """The cells of lines that R has printed, a title above them first.

    Parameters
    ----------
    lines : sequence of str
        Without blank lines.

    Examples
    --------
    >>> cells(["          no           yes         ", "n            308          366       ",
    ...        "age (SD)  60.12 (11.3) 59.02 (12.1)"])[2]
    ['age (SD)', '60.12 (11.3)', '59.02 (12.1)']
    """
    if len([line for line in lines if not _TITLE.match(line)]) < 2:
        return [[line.strip()] for line in lines]
    if all('"' in line for line in lines):
        return _in_quotes(lines)
    whole = _unwrapped(lines)
    titles = [line for line in whole if _TITLE.match(line)]
    body = [line for line in whole if not _TITLE.match(line)]
    width = max(map(len, body))
    body = [line.ljust(width) for line in body]
    spans = _columns(body)
    made = [[line[start:end].strip() for start, end in spans] for line in body]
    return [[line.strip(), *[""] * (len(spans) - 1)] for line in titles[:1]] + made


def _in_quotes(lines: Sequence[str]) -> list[list[str]]:
    """The cells of lines that R has printed with `quote = TRUE`, parts below put to the right."""
    parts: list[list[list[str]]] = []
    titles = [line for line in lines if _TITLE.match(line)]
    for line in lines:
        if _TITLE.match(line) or not parts:
            parts.append([])
        if not _TITLE.match(line):
            parts[-1].append([cell.strip() for cell in _QUOTED.findall(line)])
    if len({tuple(row[0] for row in part) for part in parts}) > 1:
        parts = [[row for part in parts for row in part]]  # No page that goes on.
    made = [
        [*row, *(c for part in parts[1:] for c in part[at][1:])] for at, row in enumerate(parts[0])
    ]
    width = max(map(len, made))
    return [[*_QUOTED.findall(line), *[""] * (width - 1)] for line in titles[:1]] + made


def _unwrapped(lines: Sequence[str]) -> list[str]:
    """Lines of which those below, with the same names of rows, go on to the right."""
    for many in range(2, 6):
        size, rest = divmod(len(lines), many)
        parts = [lines[at : at + size] for at in range(0, len(lines), size)] if size > 1 else []
        if rest or not parts or len({_TITLE.match(part[0]) is None for part in parts}) > 1:
            continue
        heads = 2 if _TITLE.match(parts[0][0]) else 1
        named = _shared([part[heads:] for part in parts])
        unnamed = all(_GOES_ON.match(part[0]) for part in parts[1:])
        if named and all(not part[heads - 1][:named].strip() for part in parts[1:]):
            return parts[0][: heads - 1] + _beside([part[heads - 1 :] for part in parts], named - 1)
        if unnamed:
            return _beside(parts, 0)
    return list(lines)


def _beside(parts: Sequence[Sequence[str]], named: int) -> list[str]:
    """Parts side by side, those behind the first without so many signs of each line."""
    cut = [parts[0], *([line[named:] for line in part] for part in parts[1:])]
    widths = [max(map(len, part)) for part in cut]
    return [
        "".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        for line in zip(*cut, strict=True)
    ]


def _shared(parts: Sequence[Sequence[str]]) -> int:
    """The width of the names of rows that all parts have alike; 0 if they have none."""
    width = 0
    for at in range(max(len(line) for line in parts[0])):
        rows = zip(*parts, strict=True)
        if any(len({line[: at + 1].ljust(at + 1) for line in same}) > 1 for same in rows):
            break
        width = at + 1
    own = [line[:width].strip() for line in parts[0]]
    return width if all(own) else 0


def _columns(lines: Sequence[str]) -> list[Span]:
    """Where columns begin and end: at blanks of all lines, but for those within a cell."""
    spans = _rivers(lines)
    heads = [lines[0][start:end].strip() for start, end in spans]
    right = sum(_ends_alike(lines, span) for span, head in zip(spans, heads, strict=True) if head)
    to_right = 2 * right > sum(map(bool, heads))
    kept: list[Span] = []
    open_to_right = False
    for at, (span, head) in enumerate(zip(spans, heads, strict=True)):
        alone = not head and at and not (_DEPENDENT.match(heads[at - 1]) and to_right)
        within = bool(kept) and _is_rest(lines, kept[-1], span)
        labels = at == 1 and bool(head) and not open_to_right
        if kept and not labels and (within or open_to_right or (alone and not to_right)):
            kept[-1] = (kept[-1][0], span[1])
            open_to_right = open_to_right and not head
        else:
            kept.append(span)
            named = at > 0 or not all(line[slice(*span)].strip().isdigit() for line in lines[1:])
            open_to_right = to_right and not head and named and (not at or bool(alone))
    return kept


def _rivers(lines: Sequence[str]) -> list[Span]:
    """The stretches of columns of signs between blanks that all lines share."""
    # A head of finalfit's, however many words it has, stands over one column.
    lines = [re.sub(r"Dependent: .*?(?=\s{2}|$)", lambda t: "x" * len(t[0]), lines[0]), *lines[1:]]
    filled = [any(line[at] != " " for line in lines) for at in range(len(lines[0]))]
    spans: list[Span] = []
    for at, full in enumerate(filled):
        if full and at and filled[at - 1]:
            spans[-1] = (spans[-1][0], at + 1)
        elif full:
            spans.append((at, at + 1))
    return spans


def _ends_alike(lines: Sequence[str], span: Span) -> bool:
    """Whether the head of a column ends where its cells end, and begins elsewhere."""
    head, *body = (line[span[0] : span[1]] for line in lines)
    stated = [text for text in body if text.strip()]
    ends = {len(text.rstrip()) for text in stated}
    return bool(stated) and ends == {len(head.rstrip())}


def _is_rest(lines: Sequence[str], left: Span, right: Span) -> bool:
    """Whether a stretch goes on with the cells left of it: "(11.3)" behind "60.1"."""
    pairs = [(line[slice(*left)].strip(), line[slice(*right)].strip()) for line in lines[1:]]
    both = [(one, other) for one, other in pairs if other]
    if not both:
        return False
    opened = any(
        one.count("(") > one.count(")") or one.count("[") > one.count("]") for one, _ in both
    )
    return opened or all(one and re.match(r"[(\[±%]", other) for one, other in both)
