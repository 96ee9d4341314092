"""What a printed word most likely is: the field's words for headers and levels, and units.

A header or a level that the design words otherwise is read by the words that hospitals use too
(`crlm/cohort/vocabulary.toml`); what was read so is told, and an answer of the reader goes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from crlm.ledger import Design

#: Rows that count the patients whose value is not known.
_UNKNOWN = re.compile(
    r"^(unknown|missing( data| values?)?|not (known|available|reported|assessed|stated|tested)"
    r"|no data|n/?a|data missing)$",
    re.IGNORECASE,
)
_SIGNED = re.compile(r"^([<>≤≥]=?)\s*([\d.,]+)")
_CUT = re.compile(r"(?P<stem>.*\w.*?)\W*(?P<sign>[<>≤≥]=?)\s*(?P<cut>\d[\d.,]*)\s*[^\d<>≤≥]*")
_SIGNS = {"<": "<", ">": ">", "<=": "<=", ">=": ">=", "≤": "<=", "≥": ">="}
_OTHER_SIDE = {"<": ">=", ">": "<=", "<=": ">", ">=": "<"}


def is_unknown(label: str) -> bool:
    """Whether a row counts the patients whose value is not known: "Unknown", "Missing, n (%)"."""
    bare = re.sub(r"[\[(].*?[\])]", " ", label).partition(",")[0]
    return bool(_UNKNOWN.match(" ".join(bare.split())))


def other_unit(label: str, unit: str) -> str:
    """The unit of a label in which its numbers are others than in the column's; "" if none."""
    from crlm import cohort

    parts = [label, *(f"({part})" for part in label.split(",")[1:])]
    for part in parts if unit else ():
        named = cohort.unit_in(part, unit)
        if named and cohort.unit_factor(named, unit) != 1.0:
            return named
        if strange := cohort.foreign_unit_in(part, unit):
            return strange
    return ""


def names_unit(label: str, unit: str) -> bool:
    """Whether a label names the unit of its column: "Age (years)", "Age, years"."""
    from crlm import cohort

    parts = [label, *(f"({part})" for part in label.split(",")[1:])]
    return bool(unit) and any(cohort.unit_in(part, unit) for part in parts)


def cut_in(label: str) -> tuple[str, str]:
    """A label without the cut-off behind it, and the cut-off; "" twice where it has none.

    Examples
    --------
    >>> cut_in("CEA ≥ 20 ng/mL")
    ('CEA', '≥ 20')
    """
    found = _CUT.fullmatch(label.strip())
    return (found["stem"], f"{found['sign']} {found['cut']}") if found else ("", "")


def without_unit(label: str) -> str:
    """A label without a unit between its commas: "Size, mm, median (range)"."""
    from crlm import cohort

    parts = label.split(",")
    return ",".join([parts[0], *(part for part in parts[1:] if not cohort.is_unit(part))])


def level_of(design: Design, column: str, text: str) -> str:
    """The level of a column that the field's words for it name; "" if none or several."""
    from crlm import cohort

    if column in design.factors:
        return _side(design, column, text)
    bare = re.sub(r"[\[(].*?[\])]", " ", text)
    for words in (text, bare, bare.partition(",")[0]):
        found = cohort.suggest(words, design.levels(column))
        if found != "?":
            return found
    return ""


def _side(design: Design, factor: str, text: str) -> str:
    """The side of a cut-off that "≥ 5 cm" names, if it is the factor's own."""
    spec = design.factors[factor]
    found = _SIGNED.match(text.strip())
    if not found or float(found[2].replace(",", "").strip(".") or "nan") != float(spec["cut"]):
        return ""
    sign, rule = _SIGNS[found[1]], str(spec["rule"])
    low, high = map(str, spec["levels"])
    return high if sign == rule else low if sign == _OTHER_SIDE.get(rule) else ""


def level_within(levels: Sequence[str], heading: str) -> str:
    """The one level that a word of a heading names: mutant in "ras mutation"."""
    from crlm import cohort

    found = {cohort.suggest(word, levels) for word in heading.split() if len(word) > 2} - {"?"}
    return found.pop() if len(found) == 1 else ""


def column_of(design: Design, texts: Iterable[str], asked: Sequence[str]) -> str:
    """The column that the field's words for a header name, those that a table is about first."""
    from crlm import cohort

    columns = [*dict.fromkeys([*(n for n in asked if n in design.columns), *design.columns])]
    for text in texts:
        column = cohort.column_for(text, columns)
        if column and cohort.suggest(text, design.levels(column)) == "?":
            return column
    return ""


def level_alone(design: Design, text: str) -> tuple[str, str]:
    """Column and level of a text that names both, as "Men" or "R0"; "" twice if it does not."""
    from crlm import cohort

    return cohort.level_alone(text, {name: design.levels(name) for name in design.columns})


def is_common(text: str) -> bool:
    """Whether a text is a level of many columns: with no header above it names none."""
    from crlm import cohort

    return cohort.is_common(text)


def shorter(text: str, aside: frozenset[str]) -> Iterator[str]:
    """A label, and what is left of it where only words of no weight stand behind."""
    words = text.split()
    for end in range(len(words), 0, -1):
        if set(words[end:]) <= aside:
            yield " ".join(words[:end])
