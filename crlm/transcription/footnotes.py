"""What the marks of a table's footnotes say that the numbers of a row are: "*median (range)"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from crlm.ledger import ParameterError
from crlm.transcription.asking import quoted
from crlm.transcription.raised import LETTERS, raised
from crlm.transcription.summaries import ENDS, said_in

_SIGNS = "*†‡§¶‖#"
_LINE = "abcdefghijklmnoprstuvwxyz"
#: A raised digit is the mark of a note where it belongs to no unit: "mm²", "10⁹/L".
_MARK = re.compile(rf"[{re.escape(_SIGNS)}]|[{LETTERS}]|(?<![m\d⁰¹²³⁴-⁹])[¹²³⁴-⁹]")
#: The marks that a label ends with, before its unit or behind it: "Age* (years)", "Age (years)*".
_MARKED = re.compile(rf"(?<=[\w).])\s?((?:{_MARK.pattern})+)(?=\s*$|\s*[,;(]|\s+\D)")
_COUNTED = "one two three four five six seven eight nine ten eleven twelve".split()
_TOLD = frozenset({"mean", "sd", "se", "median", "iqr", "range", "q1", "q3", "min", "max"})
#: "ᶜ Data missing for 14 patients (6.1%).", "c Missing in 1 patient", "Data were not available".
_LACKING = re.compile(
    rf"\s*({_MARK.pattern}|[a-z](?=\s?[A-Z]))\s?(?:(?:data|values?|information)\s+)?"
    r"(?:(?:was|were|are|is)\s+)?(?:missing|unknown|(?:not|un)\s?available)(?:\s+data)?\s+"
    rf"(?:for|in|on)\s+(\d[\d,]*|{'|'.join(_COUNTED)})\s+"
    r"(?:patients?|participants?|individuals?|persons?|people|cases?)"
    r"(?:\s+[\[(][\d.]+\s?%[\])])?\.?\s*",
    re.IGNORECASE,
)
#: What no limit of an interval is, as a header says it.
_SPREADS = {"iqr": "IQR", "range": "range", "sd": "SD", "se": "SE"}
#: A ratio, one whose head says the model itself, and what its note says otherwise.
_RATIO = re.compile(r"\b(?:s?hr|or)\b|\b(?:hazards?|odds) ratio", re.IGNORECASE)
_MODEL = re.compile(r"\b(?:un)?adj|\ba[ho]r\b|\bcrude\b|\buni|\bmulti|\bmodel\b", re.IGNORECASE)
_ADJUSTED = re.compile(r"(?<!un)(?<!un-)\badjust(?:ed|ing)\s+for\b|\bmultivaria", re.IGNORECASE)
#: What such a note begins with, or a mark.
_NOTE = re.compile(rf"\s*(?:values?\b|data\b|numbers\b|{_MARK.pattern})", re.IGNORECASE)


def begins_with_mark(line: str, head: str) -> bool:
    """Whether a line below a table is the footnote of a mark that a head has.

    Examples
    --------
    >>> begins_with_mark("* Log-rank test", "P value*"), begins_with_mark("Log-rank", "P value*")
    (True, False)
    """
    raised_letters = str.maketrans(LETTERS, _LINE)
    marks = [(mark, mark.translate(raised_letters)) for mark in _MARK.findall(head)]
    return any(line.startswith((own, f"{plain} ", f"{plain}:")) for own, plain in marks)


def is_mark(text: str) -> bool:
    """Whether a text is the marks of a footnote and nothing else.

    Examples
    --------
    >>> is_mark("*"), is_mark("Age*")
    (True, False)
    """
    return bool(text.strip()) and not _MARK.sub("", text).strip()


def marks_of(label: str) -> str:
    """The marks behind a label; "" where it has none.

    Examples
    --------
    >>> marks_of("Age (years)*†"), marks_of("Size‡ (mm)"), marks_of("2 * 3")
    ('*†', '‡', '')
    """
    return "".join(found[1] for found in _MARKED.finditer(label))


def is_note(text: str) -> bool:
    """Whether a line below a table says what numbers of it are.

    Examples
    --------
    >>> is_note("Values are n (%); *median (range)"), is_note("The median age was 61 years.")
    (True, False)
    """
    return bool(_NOTE.match(text)) and bool({*_TOLD, "other"} & {*said_in(text)})


def of_marks(notes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """By mark, and by "" for values without one, the statistics that the notes of a table name.

    Parameters
    ----------
    notes : iterable of str
        Title and lines below the table.

    Examples
    --------
    >>> of_marks(["Values are n (%); values are *median (range) and ‡mean(s.d.)."])
    {'*': ('median', 'range'), '‡': ('mean', 'sd')}
    >>> of_marks(["Values are median (i.q.r.). *Fisher's exact test"])
    {'': ('median', 'iqr')}
    """
    return {mark: said for text in notes for mark, said in _parts(text)}


def _parts(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The statistics of each part of a note, from one mark to the next."""
    found = list(_MARK.finditer(text))
    ends = [one.start() for one in found] + [len(text)]
    for mark, start, end in zip(["", *(one[0] for one in found)], [0, *ends], ends, strict=False):
        said = tuple(name for name in said_in(text[start:end]) if name != "n")
        if said and set(said) <= _TOLD:
            yield mark, said


def lacking(notes: Iterable[str]) -> dict[str, str]:
    """By mark, how many patients notes say that the data are missing for.

    Parameters
    ----------
    notes : iterable of str
        Lines below the table; a letter that begins one is its mark.

    Examples
    --------
    >>> lacking(["ᶜ Data missing for 14 patients.", "d Missing in one patient"])
    {'ᶜ': '14', 'ᵈ': '1'}
    >>> lacking(["ᵃ Data missing for 14 patients in the placebo group."])
    {}
    """
    found = filter(None, map(_LACKING.fullmatch, notes))
    return {raised(one[1].casefold()) or one[1]: _digits(one[2]) for one in found}


def _digits(number: str) -> str:
    word = number.casefold()
    return str(_COUNTED.index(word) + 1) if word in _COUNTED else number


def with_notes(heads: Sequence[str], notes: Iterable[str]) -> list[str]:
    """Heads of columns with what notes say that stands behind their numbers, if it is no limit.

    Parameters
    ----------
    heads : sequence of str
    notes : iterable of str
        Lines below the table; one without a mark is of the medians.

    Examples
    --------
    >>> with_notes(["", "Median, months*", "P"], ["*Values in parentheses are i.q.r."])
    ['', 'Median, months* (IQR)', 'P']
    """
    told = of_marks(filter(is_note, notes))
    made = list(heads[:1])
    for head in heads[1:]:
        marks = [*_MARK.findall(head), *[""] * ("median" in head.casefold())]
        said = [name for mark in marks for name in told.get(mark, ()) if name in _SPREADS]
        made.append(" ".join([head, *(f"({_SPREADS[name]})" for name in said)]))
    return made


def is_adjusted(head: str, notes: Iterable[str]) -> bool:
    """Whether the note of a ratio's mark says that it is adjusted, alone or behind other notes.

    Examples
    --------
    >>> notes = ["aTimed from biopsy. bHR of A against B, adjusted for age."]
    >>> is_adjusted("HRᵇ (95% CI)", notes), is_adjusted("HRᵃ (95% CI)", notes)
    (True, False)
    """
    bare = _MARK.sub(" ", head)
    if not _RATIO.search(bare) or _MODEL.search(bare):
        return False
    said = list(notes)
    for mark in _MARK.findall(head):
        letter = re.escape(mark.translate(str.maketrans(LETTERS, _LINE)))
        of = re.compile(rf"(?:^|[.;])\s*(?:{re.escape(mark)}|{letter}(?=\s?[A-Z]))(?P<note>[^.;]*)")
        if any(_ADJUSTED.search(found["note"]) for note in said for found in of.finditer(note)):
            return True
    return False


def answered(
    named: Mapping[str, str], rows: Sequence[Sequence[str]]
) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Answers that say what a mark stands for, and the others.

    Parameters
    ----------
    named : mapping of str to str
    rows : sequence of sequence of str

    Raises
    ------
    ParameterError
        If no label has such a mark, or the answer names no statistic.
    """
    marks: dict[str, tuple[str, ...]] = {}
    for mark, target in named.items():
        if not is_mark(mark):
            continue
        said = tuple(name for name in said_in(target) if name in _TOLD)
        if not any(mark in marks_of(row[0]) for row in rows):
            raise ParameterError(f"--is {mark!r}: no label of the table has this mark.")
        if not said:
            told = f"--is {mark}={target}: a mark stands for statistics; write "
            raise ParameterError(f"{told}{quoted(mark, 'median (range)')} or the like.")
        marks[mark] = said
    return marks, {label: target for label, target in named.items() if not is_mark(label)}


def to_ask(mark: str) -> str:
    """How to say what a row's numbers are: in its label, or, if it has one, by its mark."""
    told = "write it into the label, as 'Age, median (range)' or 'Age, mean (SD)'"
    if not mark:
        return told
    ways = " or ".join(f"--is {quoted(mark[-1], f'median ({end})')}" for end in _names())
    return f"{told}, or say what its mark stands for with {ways}, or 'mean (SD)'"


def _names() -> list[str]:
    return [{"iqr": "IQR"}.get(name, name) for name in ENDS]
