"""Where the header of a table ends: a title above it, and heads in several storeys."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence

from crlm.transcription.cells import REFERENCE, cell
from crlm.transcription.wordings import unmarked

#: What the second storey of a header says below the names of groups or models.
_LOWER = re.compile(
    r"^([(\[]?n\s*=\s*[\d,]+[)\]]?([,;]?\s*(n|no\.?)?\s*[(\[]%[)\]])?|"
    r"(n|no\.?)(\s*[(\[]%[)\]])?|[(\[]\s*%\s*[)\]]|%(\s*[(\[].*[)\]])?|"
    r"([^\W\d][\w'’.-]*\s){0,2}p([ -]?values?)?\.?(\W+(for )?(interaction|heterogeneity|trend))?|"
    r"((n|no\.?|numbers?|patients|pts)\s*)?at[ -]risk\b.*|"
    r"(hr|or|hazard ratio|odds ratio|ratio|median|mean|rate|survival|events?|deaths?)\b.*|"
    r"(no\.?|number) of (events|deaths|patients)\b.*|n\s*/\s*n|smd|"
    r"[(\[]?(95\s?% ?)?(ci|cl|c\.i\.|(confidence )?(intervals?|limits))[)\]]?|"
    r"(95\s?% ?)?(ci |cl )?(lower|upper|low|high|[lu]c?l)( 95\s?%)?( ci| cl| limit| bound)?|"
    r"se|z|wald|estimate|coefficient|(at )?\d+[ -]?(years?|yrs?|months?|mos?))$",
    re.IGNORECASE,
)
#: Limits behind an estimate in one head: "HR (95% CI)".
_BESIDE = re.compile(
    r"(?<=\w)\s*[(\[,;]\s*95\s?%\s*(?:CI|confidence (?:interval|limits))\s*[)\]]?\s*$",
    re.IGNORECASE,
)
#: A head over limits alone, of whatever model: "Univariable 95% CI".
_OVER_LIMITS = re.compile(
    r"(?!.*\b(?:hr|or|shr|ratios?|hazards?|odds|median|survival)\b)(?:.*\s)?"
    r"[(\[]?(?:95\s?% ?)?(?:ci|c\.i\.|cl|confidence (?:intervals?|limits))[)\]]?\s*",
    re.IGNORECASE,
)
#: A size alone, with what the cells hold: "(n = 197)", "n = 197, n (%)".
_SIZE = re.compile(
    r"[(\[]?n\s*=\s*[\d,]+[)\]]?([,;]?\s*(n|no\.?)?\s*[(\[]?%[)\]]?)?", re.IGNORECASE
)
#: A share alone, in brackets: "(%)" below a group, beside "N".
_BARE_PERCENT = re.compile(r"^[(\[]\s*%\s*[)\]]$")
#: And one before what the cells hold: "(n = 197) N", "(n = 197) (%)".
_SIZED = re.compile(r"^[(\[]?n\s*=\s*[\d,]+[)\]]?\s+(?=\S)", re.IGNORECASE)
#: What the counts below it are, in a row without a label: "N (%)", "No. of patients", "%".
_FORM = re.compile(
    r"(n|no\.?|numbers?|%)( of (patients|pts|cases))?,?\s*([(\[]?\s*%\s*[)\]]?)?", re.IGNORECASE
)
#: A storey that is the other name of what stands above it: "(XELIRI)" below "Group A".
_IN_BRACKETS = re.compile(r"[(\[][^\W\d][^()\[\]]*[)\]]")
_AT_RISK = re.compile(r"\b(no\.?|numbers?|patients|pts|subjects)\b.*\bat[ -]risk\b", re.IGNORECASE)
_TIME = re.compile(r"\d+(\.\d+)?")


def title(rows: Sequence[Sequence[str]]) -> str:
    """What stands above the header of a table, over its whole width; "" for nothing."""
    return " ".join(next(filter(None, row)) for row in rows[: _titles(rows)] if any(row))


def below_curves(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Numbers at risk as they stand below a curve, with the times of its axis as their header.

    Parameters
    ----------
    rows : sequence of sequence of str
        All equally long; other tables come back as they are.

    Examples
    --------
    >>> below_curves([["", "0"], ["Months", ""], ["No. at risk", ""], ["A", "9"]])
    [['No. at risk', ''], ['Months', '0'], ['A', '9']]
    """
    table = [list(row) for row in rows]
    stated = [[text for text in row if text] for row in table]
    named = [at for at, texts in enumerate(stated[:4]) if len(texts) == 1]
    named = [at for at in named if not _TIME.fullmatch(stated[at][0])]
    risk = next((at for at in named if _AT_RISK.search(stated[at][0])), 0)
    axes = [at for at in range(risk) if at not in named]
    if len(axes) != 1 or not all(map(_TIME.fullmatch, filter(None, table[axes[0]][1:]))):
        return table
    axis = table[axes[0]]
    said = " ".join(filter(None, [axis[0], *(stated[at][0] for at in range(risk) if at in named)]))
    return [table[risk], [said, *axis[1:]], *table[risk + 1 :]]


def untitled(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table without what stands above its header, and labels that are merged to the right once.

    Examples
    --------
    >>> untitled([["", "n", "P"], ["KRAS", "KRAS", "KRAS"], ["Mutant", "256", ""]])[1]
    ['KRAS', '', '']
    """
    first, *body = [list(row) for row in rows[_titles(rows) :]]
    for row in body:
        for at in range(1, len(row)):
            if row[at] != row[0] or not re.search(r"[^\W\d_]", row[0]):
                break
            row[at] = ""
    return [first, *body]


def _titles(rows: Sequence[Sequence[str]]) -> int:
    """How many rows are a title: one text alone, whatever cells it is repeated in."""
    many = 0
    while len(rows) - many > 2 and len({text for text in rows[many] if text}) <= 1:
        if len(rows[many]) == 2 and not rows[many][0] and rows[many + 1][0]:
            break  # The header of one column of numbers.
        many += 1
    return many


def without_forms(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table without rows amid its numbers that have no label and say "N (%)" of those below.

    Examples
    --------
    >>> without_forms([["", "A"], ["Age", "61"], ["", "N (%)"], ["<60", "4 (40)"]])[2]
    ['<60', '4 (40)']
    """
    first = next((n for n, row in enumerate(rows) if n and any(map(_numbered, row[1:]))), len(rows))
    return [list(row) for n, row in enumerate(rows) if n < first or not _is_form(row)]


def _numbered(text: str) -> bool:
    return bool(re.match(r"\W*\d", text))


def _is_form(row: Sequence[str]) -> bool:
    stated = [text for text in row[1:] if text]
    return not row[0] and bool(stated) and all(_FORM.fullmatch(unmarked(text)) for text in stated)


def headed(rows: Sequence[Sequence[str]], groups: bool = False) -> list[list[str]]:
    """A table whose first row is its header.

    Parameters
    ----------
    rows : sequence of sequence of str
        All equally long.
    groups : bool
        Whether the columns are groups: what stands over several of them names none.

    Returns
    -------
    list of list of str
        Without a title above the header; a header in several storeys is one: "Univariable" over
        "OR (95% CI)" and "P" is "Univariable OR (95% CI)" and "Univariable P".

    Examples
    --------
    >>> headed([["Table 3", ""], ["", "HR"], ["Age", "1.1"]])
    [['', 'HR'], ['Age', '1.1']]
    """
    head, *body = untitled(rows)
    storeys = [head]
    while len(body) > 1 and _is_lower(head, body[0]):
        storeys.append([_BARE_PERCENT.sub("%", text) for text in body.pop(0)])
        head = _one(head, storeys[-1], groups)
    # From the lowest up: a head of the middle storey stands over all below it, an upper one over
    # those; none stands over a column that begins with a head further up.
    head = storeys.pop()
    while storeys:
        upper = storeys.pop()
        begins = {at for storey in storeys for at, text in enumerate(storey) if text}
        head = _one(upper, head, groups, begins)
    return [head, *body]


def _one(
    upper: Sequence[str], lower: Sequence[str], groups: bool, begins: Collection[int] = ()
) -> list[str]:
    """Two storeys of a header as one."""
    if groups and _are_groups(lower):
        return _below(upper, lower)
    return _joined(upper, lower, begins)


def over_all(rows: Sequence[Sequence[str]]) -> str:
    """What the first storey of a header says over all columns of a second and a third; else "".

    Parameters
    ----------
    rows : sequence of sequence of str
        Without a title.

    Examples
    --------
    >>> over_all([["", "New vs old", ""], ["", "OS", "RFS"], ["", "HR", "HR"], ["Men", "1", "2"]])
    'New vs old'
    """
    said = {text for text in rows[0][1:] if text}
    below = {text for text in rows[1][1:] if text} if len(rows) > 3 else set()
    stands = len(said) == 1 and rows[0][1] in said and len(below) > 1
    storeys = stands and _is_lower(rows[0], rows[1]) and _is_lower(rows[1], rows[2])
    return said.pop() if storeys else ""


def with_limits(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """A table whose lower and upper limits each have a head, where one stood over both.

    Where the page merged "95% CI" over two columns, the second has no head, the same one again, or
    those behind it stand a column too far left and the last columns have none. "HR (95% CI)" above
    three columns has its limits in the last two. No lower limit is above its upper one.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first is the header, all equally long.

    Examples
    --------
    >>> with_limits([["", "HR", "95% CI", "P", ""], ["Age", "1.5", "1.1", "2.0", ".01"]])[0]
    ['', 'HR', '95% CI lower', '95% CI upper', 'P']
    """
    heads, made = list(rows[0]), list[str]()
    rest = list(heads)
    while rest and len(made) < len(heads):
        head, at = rest.pop(0), len(made)
        if rest[:2] == ["", ""] and _BESIDE.search(head) and _around(rows, at):
            del rest[:2]
            made += [_BESIDE.sub("", head).strip(), "95% CI lower", "95% CI upper"]
            continue
        if not _OVER_LIMITS.fullmatch(head) or not (_single(rows, at) and _single(rows, at + 1)):
            made.append(head)
            continue
        if not _rise(rows, at, at + 1):
            return [heads, *(list(row) for row in rows[1:])]
        # Below another storey the second has the text of that storey alone.
        if rest and head.startswith(rest[0]):
            rest.pop(0)
        made += [f"{head} lower", f"{head} upper"]
    fits = len(made) == len(heads) and not any(rest)
    return [made if fits else heads, *(list(row) for row in rows[1:])]


def _single(rows: Sequence[Sequence[str]], at: int) -> bool:
    """Whether the cells of a column have one number each, or none; some have."""
    texts = [row[at] for row in rows[1:] if at < len(row)]
    kinds = {cell(text).kind for text in texts if not REFERENCE.match(text.strip())}
    return "single" in kinds and kinds <= {"single", "empty"}


def _around(rows: Sequence[Sequence[str]], at: int) -> bool:
    """Whether the numbers of a column lie between those of the two behind it."""
    single = at + 2 < len(rows[0]) and all(_single(rows, at + one) for one in range(3))
    return single and _rise(rows, at + 1, at) and _rise(rows, at, at + 2)


def _rise(rows: Sequence[Sequence[str]], low: int, high: int) -> bool:
    """Whether no number of a column is above that beside it in another."""
    pairs = [(cell(row[low]).parts, cell(row[high]).parts) for row in rows[1:]]
    return all(a[0].value <= b[0].value for a, b in pairs if len(a) == len(b) == 1)


def _is_lower(upper: Sequence[str], row: Sequence[str]) -> bool:
    """A second storey: such words below heads, or heads again beside a corner that has no label."""
    stated = [text for text in row[1:] if text]
    if stated and all(_LOWER.match(unmarked(text)) for text in stated):
        return True
    words = all(re.match(r"[(\[]?[^\W\d]", text) or _SIZE.fullmatch(text) for text in stated)
    above = len([text for at, text in enumerate(upper) if at and text not in ("", upper[at - 1])])
    beside = row[0] in ("", upper[0]) or (not upper[0] and above < len(stated))
    return len(stated) > 1 and words and beside and list(row) != list(upper)


def repeated(rows: Sequence[Sequence[str]]) -> list[tuple[str, range]]:
    """Heads of the upper storey that each stand over the same groups, with their columns.

    Parameters
    ----------
    rows : sequence of sequence of str
        Without a title.

    Examples
    --------
    >>> repeated([["", "Before", "", "After", ""], ["", "A", "B", "A", "B"], ["x"] * 5])
    [('Before', range(1, 3)), ('After', range(3, 5))]
    """
    if len(rows) < 3 or not _is_lower(rows[0], rows[1]):
        return []
    found = _parts(rows[0], rows[1])
    groups = [text for at in (found[0][1] if found else ()) if (text := rows[1][at])]
    alone = [text for text in groups if not _LOWER.match(unmarked(text))]
    return found if len(alone) > 1 else []


def _are_groups(lower: Sequence[str]) -> bool:
    """Whether the second storey names columns that the first does not tell apart."""
    stated = [text for text in lower[1:] if text]
    alone = [text for text in stated if not _LOWER.match(unmarked(_SIZED.sub("", text, count=1)))]
    return bool(alone) and len(set(stated)) == len(stated)


def _below(upper: Sequence[str], lower: Sequence[str]) -> list[str]:
    """Two storeys as the lower one; the upper where that is empty, both where it goes with it."""
    return [
        f"{above} {below}".strip()
        if _SIZE.fullmatch(below) or _IN_BRACKETS.fullmatch(below)
        else below or above
        for above, below in zip(upper, lower, strict=True)
    ]


def _joined(upper: Sequence[str], lower: Sequence[str], begins: Collection[int] = ()) -> list[str]:
    """Two storeys as one; a cell of the upper one stands over those right of it that are empty."""
    joined = [lower[0] or upper[0]]
    for over, below in zip(spread(upper, lower, begins)[1:], lower[1:], strict=True):
        joined.append(" ".join(dict.fromkeys(part for part in (over, below) if part)))
    return joined


def spread(upper: Sequence[str], lower: Sequence[str], begins: Collection[int] = ()) -> list[str]:
    """What of an upper storey stands over each column.

    Where the lower storey begins again as often as the upper one has heads, each stands over its
    own part, in whichever column of it the page or the paste has put the head; else over those
    right of it that are empty, up to one that `begins` below another head further up.

    Examples
    --------
    >>> spread(["", "", "Uni", "", "", "Multi"], ["", "HR", "CI", "P", "HR", "CI"])
    ['', 'Uni', 'Uni', 'Uni', 'Multi', 'Multi']
    """
    if parts := _parts(upper, lower):
        own = [(text, at) for text, part in parts for at in part]
        apart = {at for at in begins if not upper[at] and not lower[at]}
        return [upper[0], *("" if at in apart else text for text, at in own)]
    filled = [upper[0]]
    if any(text and text == before for before, text in itertools.pairwise(upper[1:])):
        return list(upper)  # Merged cells have their text in each: an empty one is empty.
    for at, text in enumerate(upper[1:], 1):
        filled.append(text or (filled[-1] if at > 1 and at not in begins else ""))
    return filled


def _parts(upper: Sequence[str], lower: Sequence[str]) -> list[tuple[str, range]]:
    """Heads of the upper storey with their columns, where the lower one begins again below each."""
    heads = [at for at, text in enumerate(upper) if at and text and text != upper[at - 1]]
    first = _bare(lower[1]) if len(lower) > 1 else ""
    starts = [at for at, text in enumerate(lower) if at and first and _bare(text) == first]
    ends = [*starts[1:], len(lower)]
    parts = [range(start, end) for start, end in zip(starts, ends, strict=False)]
    if len(heads) != len(parts) or len(heads) < 2:
        return []
    within = all(at in part for at, part in zip(heads, parts, strict=True))
    return [(upper[at], part) for at, part in zip(heads, parts, strict=True)] if within else []


def _bare(head: str) -> str:
    """A head without the number of its patients."""
    return re.sub(r"[\[(,;:]?\s*n\s*=\s*[\d,]+\s*[)\]]?", "", head.casefold()).strip()
