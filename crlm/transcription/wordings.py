"""The wordings of a design's columns and levels, and a printed label without its marks."""

from __future__ import annotations

import functools
import pickle
import re
from collections.abc import Iterator, Mapping, Sequence

from crlm.ledger import Design
from crlm.transcription.cells import POINTS
from crlm.transcription.raised import LETTERS

_CLASSES = frozenset({"score", "status", "stage", "grade", "class", "category"})
#: Marks that send the reader to a footnote.
_MARKS = re.compile(rf"[*†‡§¶‖#⁰¹²³⁴-⁹{LETTERS}]+(?=$|\W)")
#: "No. of nodes" is their number.
_NUMBER_OF = re.compile(r"\bnos?\b\.?\s+of\s+")
#: A sign before a cut-off, however it is typed and spaced.
_SIGN = re.compile(r"\s*(<=|=<|>=|=>|[<>≤≥≦≧⩽⩾])\s*")
#: Every label of a table is asked again and again, and so is every wording of the design.
_KEPT = 1 << 15
_SIGNS = dict.fromkeys(("<=", "=<", "≦", "⩽"), "≤") | dict.fromkeys((">=", "=>", "≧", "⩾"), "≥")


def wordings(design: Design, names: Sequence[str] = ()) -> Iterator[tuple[str, tuple[str, str]]]:
    """Every wording that names one column or level alone, of these columns or of all."""
    yield from _alone(pickle.dumps(design), tuple(names or [*design.columns, *design.factors]))


def named_by(design: Design, names: Sequence[str]) -> Mapping[str, set[tuple[str, str]]]:
    """Every wording of these columns and their levels, with all that it names."""
    return _named_by(pickle.dumps(design), tuple(names))


# A table is read by several readers, each of which asks for the words of the same design.
@functools.lru_cache(16)
def _alone(pickled: bytes, names: tuple[str, ...]) -> list[tuple[str, tuple[str, str]]]:
    design, seen = pickle.loads(pickled), _named_by(pickled, names)
    named = ((text, _numbers_of(design, targets)) for text, targets in seen.items() if text)
    return [(text, next(iter(targets))) for text, targets in named if len(targets) == 1]


@functools.lru_cache(16)
def _named_by(pickled: bytes, names: tuple[str, ...]) -> Mapping[str, set[tuple[str, str]]]:
    design: Design = pickle.loads(pickled)
    seen: dict[str, set[tuple[str, str]]] = {}
    for name in names:
        of_a_patient = (design.columns.get(name) or {}).get("role") == "id"
        if name in design.scaled or of_a_patient:
            continue
        label = design.label(name).partition(",")[0]
        for text in (name, label, design.label(name)):
            seen.setdefault(plain(text), set()).add((name, ""))
        for level in design.levels(name):
            words = design.label(name, level)
            alone = [words] if level not in ("yes", "no") else []
            short = _less(label)
            of_name = (
                f"{label} {words}",
                f"{label} {level}",
                f"{name} {level}",
                f"{short} {words}",
                f"{words} {label}" if alone else "",
            )
            for text in (*alone, *of_name):
                seen.setdefault(plain(text), set()).add((name, level))
    return seen


def _numbers_of(design: Design, targets: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of a number and the factors made of it the number: what a table holds tells the two apart."""
    made = {(name, level) for name, level in targets if name in design.factors}
    sources = {(str(design.factors[name]["source"]), "") for name, level in made if not level}
    return targets - made if targets - made == sources and not any(v for _, v in made) else targets


def scaled_wordings(design: Design, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names of scaled numbers, and their labels where the design gives them one of their own."""
    for name in names:
        if name in design.scaled:
            yield name, name
            if "label" in design.scaled[name]:
                yield name, opened(design.label(name))


def opened(label: str) -> str:
    """A label with what stands in its brackets."""
    return plain(re.sub(r"[\[\]()]", " ", label))


def _less(label: str) -> str:
    """A label without a last word that says nothing: "ASA score"."""
    words = label.split()
    bare = words[:-1] if len(words) > 1 and words[-1].casefold() in _CLASSES else words
    return " ".join(bare)


def closed(words: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The wordings without spaces, where no two of them become one."""
    found: dict[str, set[tuple[str, str]]] = {}
    for text, target in words.items():
        found.setdefault(text.replace(" ", ""), set()).add(target)
    return {text: next(iter(targets)) for text, targets in found.items() if len(targets) == 1}


@functools.lru_cache(_KEPT)
def unmarked(text: str) -> str:
    """A text without its footnote marks: "P value*", "S-1†"; the 2 of m² is none."""
    text = re.sub(r"(?<=m)²", "2", text)
    return _MARKS.sub("", text).strip()


@functools.lru_cache(_KEPT)
def plain(text: str) -> str:
    """A label without case, signs, footnote marks and what stands in brackets."""
    text = unmarked(text)
    text = re.sub(r"[\[(].*?[\])]", " ", text.casefold()).replace("tumor", "tumour")
    text = POINTS.sub(".", text)
    text = _NUMBER_OF.sub("number of ", text)
    text = _SIGN.sub(lambda sign: f" {_SIGNS.get(sign[1], sign[1])}", text)
    return " ".join(re.sub(r"[^\w<>≤≥=.]+|_+", " ", text).split())
