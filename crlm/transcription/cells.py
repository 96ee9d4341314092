"""A printed cell becomes printed numbers: "104 (46.2%)", "2.03 (0.99-4.19)", "<0.001"."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass

from crlm.ledger import printed_decimals

_DASHES = "‐‑‒–—−~"
#: Points at half height, as some journals print 0·05.
POINTS = re.compile(r"(?<![^\W\d_])[·⋅∙‧](?=\d)")
_NUMBER = r"[<>≤≥=]?\s*-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[<>≤≥=]?\s*\.\d+"
#: A power of ten: "1.2 × 10−5", "1.2 x 10^(-5)", "1.2E-05".
_POWER = re.compile(
    rf"(\d+(?:\.\d+)?)\s*(?:[×x·*]\s*10\s*\^?\s*[({{]?|e)([-+{_DASHES}]\s*\d{{1,2}})(?!\d)[)}}]?",
    re.IGNORECASE,
)
#: And one that stands without a number before it: "10^-4", "<10−4".
_TEN = re.compile(rf"(?:(?<=[<>≤≥=])\s*10|\b10\^)[({{]?([-+{_DASHES}]\s*\d{{1,2}})(?!\d)[)}}]?")
_RAISED = re.compile(r"(?<=10)[⁺⁻]?[⁰¹²³⁴-⁹]+")
_TO_LINE = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789")
_SMALL = r"[<>≤≥=]?\s*\d+(?:\.\d+)?e-?\d{1,2}"
_TOKEN = re.compile(rf"{_SMALL}|{_NUMBER}|∞")
_SIGNS = {"≤": "<", "≥": ">", "<": "<", ">": ">"}
#: What stands where a number would: not reached, not estimable, not significant, "(80.8–)",
#: "(63.0 to –)".
_WORDS = re.compile(
    r"(?<!\w)(?:n\.?\s?[res]\.?|nd|n/?a|inf(?:inity)?|undefined|not (?:yet )?"
    r"(?:reached|estimable|evaluable|calculable|available|attained|significant))(?![^\Wᵃᵇᶜᵈᵉᶠ])"
    rf"|∞|(?:(?<=\bto )|(?<=\d, )|(?<=\d,))[-{_DASHES}](?=\s*[)\]])"
    rf"|(?<=\d)\s*[-{_DASHES}](?:\s*[-{_DASHES}])*\s*(?=[)\]]|$)",
    re.IGNORECASE,
)
#: "05" has lost its point, and "0,05" has a comma for it; no page prints a number so.
_LOST = re.compile(r"(?<![\d.,])0,?\d")
#: Cells that state nothing.
EMPTY = {"", "-", "–", "—", "na", "n/a", "..", "...", "…"}
REFERENCE = re.compile(
    r"^(1([.·]0+)?\s*)?[\[(]?\s*(ref(erence)?|referent|baseline|base|comparator)\.?"
    r"( (cat(egory)?|group|level)\.?)?\s*[\])]?$"
    rf"|^1([.·]0+)?\s*[\[(]\s*[-{_DASHES}]*\s*[\])]$",
    re.IGNORECASE,
)
#: A count over its denominator: "14/158 (8.9)", "14 of 158".
_OVER = re.compile(
    r"^(\d[\d,]*)\s*(?:/|(?:out )?of)\s*(\d[\d,]*)(?![.\d])\s*(?:[\[(;,]?\s*([\d.]+)\s*%?[\])]?)?$"
)
#: Counts of three levels, "17/30/2", or of three lines: no number with its two ends.
_IN_A_ROW = re.compile(r"[\d.,·]+(?:(?:\s*/\s*|\s+)[\d.,·]+){2}")
#: A ratio of 1, which may stand for the reference as well.
ONE = re.compile(r"^1(\.0+)?$")


class Placed(str):
    """The text of a cell that knows its row in the file, as Excel counts it.

    Attributes
    ----------
    row : int
    """

    row: int

    def __new__(cls, text: str, row: int) -> Placed:
        """The text with its row."""
        made = super().__new__(cls, text)
        made.row = row
        return made


def row_of(row: Sequence[str], number: int) -> str:
    """Where a row stands in its file, for a question; `number` where its cells do not know.

    Examples
    --------
    >>> row_of([Placed("Male", 7), "12"], 3), row_of(["Male", "12"], 3)
    ('row 7', 'row 3')
    """
    known = [cell.row for cell in row if isinstance(cell, Placed)]
    return f"row {known[0] if known else number}"


@dataclass(frozen=True)
class Printed:
    """A number as it is printed.

    Attributes
    ----------
    text, operator : str
    value : float
        Not a number for a word in its place: "NR", "NS".
    decimals : int
    """

    text: str
    operator: str
    value: float
    decimals: int


def printed(text: str) -> Printed:
    """One printed number.

    Raises
    ------
    ValueError
        If the text is none.
    """
    held = text.strip().replace(",", "").rstrip("%").strip()
    sign = held[0] if held and held[0] in "<>≤≥=" else ""
    body = held[len(sign) :].strip()
    operator = _SIGNS.get(sign, "=")
    return Printed(sign.strip("=") + body, operator, float(body), printed_decimals(body))


def numbers(cell: str) -> list[Printed]:
    """The numbers of a cell in their order; a dash between two of them is a range, no minus."""
    words = iter(word.strip() for word in _WORDS.findall(cell))
    text = _powers(POINTS.sub(".", _WORDS.sub("∞", cell)))
    for dash in _DASHES:
        text = text.replace(dash, "-")
    text = re.sub(r"(?<=[\d%∞])\s*(?:-|to)\s*(?=[\d.∞])", " ", text)
    return [
        Printed(next(words, found), "", math.nan, 0) if found == "∞" else printed(found)
        for found in _TOKEN.findall(text)
    ]


def _powers(text: str) -> str:
    """A text whose powers of ten are as ledgers have them."""
    text = _RAISED.sub(lambda found: f"^{found[0].translate(_TO_LINE)}", text)
    return _TEN.sub(lambda found: _in_short(found, "1"), _POWER.sub(_in_short, text))


def _in_short(found: re.Match[str], times: str = "") -> str:
    """A power of ten as ledgers have it: "1.2e-5"; `times` where no number stands before it."""
    power = found[found.re.groups].replace(" ", "")
    for dash in _DASHES:
        power = power.replace(dash, "-")
    return f"{times or found[1]}e{int(power)}"


@dataclass(frozen=True)
class Cell:
    """What a cell states.

    Attributes
    ----------
    kind : str
        "empty", "count" (n, %), "over" (n, its denominator and, if it is there, %), "spread"
        (median and two ends), "mean" (mean, SD),
        "percent" (a share alone), "single", "lost" (a number without its decimal point), "unclear".
    parts : tuple of Printed
    """

    kind: str
    parts: tuple[Printed, ...] = ()


def without_limits(found: Cell, forms: Container[int]) -> Cell:
    """A cell as "100 (NA)", where an estimate may have two limits: one word for both of them."""
    words = [math.isnan(number.value) for number in found.parts]
    if words == [False, True] and 2 not in forms and 3 in forms:
        return Cell("spread", (*found.parts, found.parts[1]))
    return found


def p_cell(text: str) -> Cell:
    """A cell of a p value; "NS (0.31)" and "NS, p = 0.31" have the number beside the word."""
    found = cell(text)
    stated = tuple(number for number in found.parts if not math.isnan(number.value))
    return Cell("single", stated) if len(stated) == 1 < len(found.parts) == 2 else found


def cell(text: str) -> Cell:
    """What a cell states, from its form alone."""
    if text.casefold().strip(" ()[]") in EMPTY:
        return Cell("empty")
    parts = tuple(numbers(text))
    if _LOST.search(re.sub(r"e[-+]?\d+", "", _powers(POINTS.sub(".", text)))):
        return Cell("lost", parts)
    if _OVER.match(POINTS.sub(".", text.strip())):
        return Cell("over", parts)
    if "±" in text or re.search(r"\+/?-", text):
        return Cell("mean", parts) if len(parts) == 2 else Cell("unclear", parts)
    if len(parts) == 3:
        return Cell("unclear" if _IN_A_ROW.fullmatch(text.strip()) else "spread", parts)
    if len(parts) == 2 and ("%" in text or ("(" in text and parts[0].decimals == 0)):
        return Cell("count", parts)
    if len(parts) == 1 and text.strip().endswith("%"):
        return Cell("percent", parts)
    return Cell("single", parts) if len(parts) == 1 else Cell("unclear", parts)


def are_p(texts: Sequence[str]) -> bool:
    """Whether the cells of a column are p values, by their numbers.

    Examples
    --------
    >>> are_p(["<0.001", "0.12", ""]), are_p(["12", "0.3"])
    (True, False)
    """
    found = [p_cell(text) for text in texts if cell(text).kind != "empty"]
    numbers = [one.parts[0].value for one in found if one.kind == "single"]
    return len(numbers) == len(found) > 0 and all(not value > 1 for value in numbers)
