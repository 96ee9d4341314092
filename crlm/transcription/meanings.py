"""What a printed word most likely is: the field's words for headers and levels, and units.

A header or a level that the design words otherwise is read by the words that hospitals use too
(`crlm/cohort/vocabulary.toml`); what was read so is told, and an answer of the reader goes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from crlm.ledger import Design
from crlm.ledger.cut_words import in_signs
from crlm.ledger.factors import Cut, Merged, span_in
from crlm.transcription import staged
from crlm.transcription.wordings import unmarked

#: Rows that count the patients whose value is not known.
_LACKS = r"not (?:known|available|reported|assessed|stated|tested|recorded|documented|specified)"
_WHAT = r"(?:data|values?|information|records?|observations?|review)"
_UNKNOWN = re.compile(
    rf"(unknown|unavailable|n\.\s?k\.?|nk|unk\.?|missing( {_WHAT})?|{_LACKS}"
    rf"|{_WHAT} (missing|unavailable|{_LACKS})|no (data|information)|n/?a)"
    r"(\s?(/|or)\s?(unknown|missing|indeterminate|unspecified|not \w+))?"
    r"|(indeterminate|unspecified|not \w+)\s?(/|or)\s?(unknown|missing)",
    re.IGNORECASE,
)
#: Words of a unit that are written in several ways.
_ALIKE = {
    **dict.fromkeys(("litre", "liter", "litres", "liters"), "l"),
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("minute", "minutes"), "min"),
    **dict.fromkeys(("mcg", "ug", "µg"), "μg"),
}
_CUT = re.compile(
    r"(?P<stem>.*[^\W\d].*?)\W*?(?P<side>[<>≤≥]=?\s*\d[\d.,]*"
    r"|\d[\d.,]*\s*(?:[-–—−]|to)\s*<?\s*\d[\d.,]*)\s*[^\d<>≤≥]*"
)
#: What joins merged levels: "pTa-pT1", "II/III", "pT3 or pT4".
_JOINED = re.compile(r"\s*(?:[-–—−/,+&]|\bor\b|\band\b|\bto\b)\s*", re.IGNORECASE)
#: All levels on one side of another: "≥ 2", "<3", "2+", "2 or more".
_SIDE = re.compile(
    r"(?P<sign>[<>]=?|[≤≥])\s*(?P<level>\w+)"
    r"|(?P<least>\w+)(?:\s?\+|\s(?:or|and) (?:more|higher|greater|above|worse))",
    re.IGNORECASE,
)
#: What stands in brackets behind a number and is a level of it: "high", "above median", "≥ ULN".
_SPLITS = re.compile(
    r"[<>≤≥]|\b(?:above|below|over|under|exceed(?:s|ing)?|beyond)\b", re.IGNORECASE
)
_LEVELS = frozenset(
    "high higher low lower elevated raised increased decreased reduced normal abnormal positive "
    "negative old older young younger elderly large larger small smaller long longer short shorter "
    "multiple solitary single present absent yes no".split()
)
_OF_LEVELS = frozenset(
    "level levels value values group category than median mean cutoff preoperative baseline "
    "patient patients age size number or and".split()
)
_ALONE = re.compile(r"(?P<number>\d[\d,]*(?:\.\d+)?)\s*(?P<unit>[^\d\s].*)?")
_RANGE = re.compile(r".*\w\s*(?:[-–—−]|\bto\b)\s*\w.*", re.IGNORECASE)


def is_unknown(label: str) -> bool:
    """Whether a row counts the patients whose value is not known: "Unknown", "Missing, n (%)"."""
    bare = re.sub(r"[\[(].*?[\])]", " ", unmarked(label)).partition(",")[0]
    return bool(_UNKNOWN.fullmatch(" ".join(bare.split())))


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
    """A label without the cut-off or band behind it, and that; "" twice where it has none.

    Examples
    --------
    >>> cut_in("CEA ≥ 20 ng/mL"), cut_in("Age 50-59")
    (('CEA', '≥ 20'), ('Age', '50-59'))
    >>> cut_in("Age (years), 65 or older")
    ('Age (years)', '≥ 65')
    """
    found = _CUT.fullmatch(in_signs(label.strip()))
    if not found:
        return "", ""
    stem = found["stem"]
    return stem + ")" * (stem.count("(") - stem.count(")")), found["side"]


def level_said(label: str) -> str:
    """What the brackets of a number's label hold that is a level of it; "" of a unit or a name.

    Examples
    --------
    >>> level_said("CEA (elevated)"), level_said("Age (60)"), level_said("Size (> median)")
    ('elevated', '60', '> median')
    >>> level_said("Age (years)"), level_said("CEA (carcinoembryonic antigen)")
    ('', '')
    """
    from crlm import cohort

    for held in re.findall(r"[\[(]([^\[\]()]+)[\])]", label):
        words = set(re.findall(r"[^\W\d_]+", held.casefold()))
        alone = _ALONE.fullmatch(held.strip())
        number = alone and (not alone["unit"] or cohort.is_unit(alone["unit"]))
        if _SPLITS.search(held) or number or (words & _LEVELS and words <= _LEVELS | _OF_LEVELS):
            return str(held.strip())
    return ""


def words_of_units(words: Iterable[str]) -> set[str]:
    """Words as a unit has them, whichever way they are written.

    Examples
    --------
    >>> sorted(words_of_units(["u", "litre"])), words_of_units(["sec"])
    (['l', 'u'], {'s'})
    """
    return {_ALIKE.get(word, word) for word in words}


def without_unit(label: str) -> str:
    """A label without a unit between its commas: "Size, mm, median (range)"."""
    from crlm import cohort

    parts = label.split(",")
    return ",".join([parts[0], *(part for part in parts[1:] if not cohort.is_unit(part))])


def level_of(design: Design, column: str, text: str) -> str:
    """The level of a column that the field's words for it name; "" if none or several."""
    from crlm import cohort

    made = design.factor(column)
    if isinstance(made, Cut):
        return "" if other_unit(text, design.unit_of(column)) else made.said(text)
    if made and (merged := _merged(design, column, made, text)):
        return merged
    bare = re.sub(r"[\[(].*?[\])]", " ", text)
    for words in (text, bare, bare.partition(",")[0]):
        found = cohort.suggest(words, design.levels(column))
        if found != "?":
            return found
    labels = {design.label(column, level): level for level in design.levels(column)}
    named = staged.level_of(list(labels), bare)
    return labels.get(named, "") or ("" if made else band_of(design, column, text))


def band_of(design: Design, column: str, text: str) -> str:
    """The level of a category whose label is the same band: "≥ 65" of "65 years or older"."""
    named = span_in(text)
    found = [
        level
        for level in design.levels(column)
        if named and named in (span_in(design.label(column, level)), span_in(level))
    ]
    return found[0] if len(found) == 1 else ""


def is_cut_at(design: Design, factor: str, text: str) -> bool:
    """Whether the numbers of a text are cut-offs of a factor as it is declared."""
    made = design.cut(factor)
    return made is not None and made.is_cut_at(text)


def is_joined(text: str) -> bool:
    """Whether a text joins two words, as merged levels are: "pTa-pT1"."""
    return len(joined(text)) > 1


def joined(text: str) -> list[str]:
    """The words that a text joins: pTa and pT1 of "pTa-pT1"."""
    return [part for part in _JOINED.split(text.strip()) if part]


def _merged(design: Design, factor: str, made: Merged, text: str) -> str:
    """The merged level that "pTa-pT1" or "T3/4" names, if it holds these levels and no others."""
    bare = re.sub(r"[\[(].*?[\])]", " ", text).strip()
    parts = [part for part in _JOINED.split(bare) if part and part.casefold() not in ("n", "%")]
    own = {_plain(design.label(factor, level)): level for level in made.levels}
    if named := own.get(_plain(bare)):
        return named
    levels = design.levels(made.source)
    if level := of_side(design, factor, bare):
        return level
    held = [_level_in(design, made.source, part, parts[0]) for part in parts]
    if not all(held):
        return ""
    asked = [{*held}]
    if len(held) == 2 and _RANGE.fullmatch(bare):
        first, last = (levels.index(one) for one in held)
        asked.append({*levels[first : last + 1]})
    named = [level for level in made.levels if {*made.groups[level]} in asked]
    return named[0] if len(named) == 1 else ""


def of_side(design: Design, factor: str, text: str) -> str:
    """The merged level that holds all levels on one side of another: "≥ 2", "2+", "< III"."""
    made, side = design.factor(factor), _SIDE.fullmatch(text)
    if not side or not isinstance(made, Merged):
        return ""
    levels = design.levels(made.source)
    named = side["level"] or side["least"] or ""
    one = _level_in(design, made.source, named, named)
    if not one:
        return ""
    at, sign = levels.index(one), side["sign"] or "≥"
    up = sign[0] in ">≥"
    with_it = sign in ("≥", "≤", ">=", "<=")
    meant = {*levels[at + (not with_it) :]} if up else {*levels[: at + with_it]}
    return next((level for level in made.levels if {*made.groups[level]} == meant), "")


def _level_in(design: Design, column: str, part: str, first: str) -> str:
    """The level of a category that a part of a label names: pT4 in "pT3-pT4", "pT3-T4", "pT3-4"."""
    from crlm import cohort

    levels = {_plain(level): level for level in design.levels(column)}
    levels |= {_plain(design.label(column, level)): level for level in design.levels(column)}
    # What the first part begins with may be left out of the others.
    for text in (part, *(first[:end] + part for end in range(1, len(first)))):
        for words in (_plain(text), _plain(text).removeprefix(_plain(design.label(column)))):
            if words in levels:
                return levels[words]
    found = cohort.suggest(part, design.levels(column))
    return "" if found == "?" else found


def _plain(text: str) -> str:
    """A wording without blanks and marks; "> 20" and "≤ 20" are not one."""
    signs = text.casefold().replace("≤", "<=").replace("≥", ">=")
    return re.sub(r"[^\w<>=]+|_", "", signs)


def level_within(levels: Sequence[str], heading: str) -> str:
    """The one level that a word of a heading names: mutant in "ras mutation"."""
    from crlm import cohort

    found = {cohort.suggest(word, levels) for word in heading.split() if len(word) > 2} - {"?"}
    return found.pop() if len(found) == 1 else ""


def column_of(design: Design, texts: Iterable[str], asked: Sequence[str]) -> str:
    """The column that the field's words for a header name, those that a table is about first."""
    from crlm import cohort

    known = [name for name, spec in design.columns.items() if spec.get("role") != "id"]
    columns = [*dict.fromkeys([*(n for n in asked if n in known), *known])]
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
