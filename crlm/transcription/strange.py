"""What to say of a label that names nothing of a design: what it may be, and what answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from crlm.ledger import did_you_mean
from crlm.ledger.factors import span_in
from crlm.transcription import meanings
from crlm.transcription.asking import quoted, to_ask
from crlm.transcription.label_words import MISSING
from crlm.transcription.wordings import named_by, plain, unmarked

if TYPE_CHECKING:
    from crlm.ledger import Design
    from crlm.transcription.labels import Labels

#: Words for a band of a number of lesions.
_SINGLE, _MULTIPLE = ("1-1", "≤ 1", "< 2"), ("≥ 2", "> 1")
COUNTED = {"single": _SINGLE, "solitary": _SINGLE, "multiple": _MULTIPLE}
#: What parts the terms of a product; "× 10⁹" is of a unit.
TIMES = re.compile(r"\s+[x×*:]\s+(?!10\b)|\s*[×*]\s*(?!\s|10(?!\w))|:", re.IGNORECASE)


def told(labels: Labels, label: str, within: str = "") -> str:
    """What to say of a label that names nothing, below `within` if that names a column."""
    if not plain(label):
        return (
            "has numbers and no label. Write what they are into its first cell, or, if it is "
            "a part of the header, into the header's cells"
        )
    first, *rest = TIMES.split(unmarked(label))
    if len(rest) == 1:
        return _of_product(labels, label, [first, rest[0]])
    column = labels.read(within).column if within and within != label else ""
    if labels.design.cut(column) and _is_band(label):
        column = labels.design.source(column)
    levels = {labels.design.label(column, level): level for level in labels.design.levels(column)}
    parts = meanings.joined(label)
    if len(parts) > 1 and all(labels.level_within(column, part) for part in parts):
        return (
            f"{label!r} merges levels of {column}, and no factor of the design does. Declare "
            f"[factors.{column}_group] with source = '{column}' and groups = {{ ... }}, or "
            f"leave the row out with {to_ask(label, '-')}"
        )
    near = did_you_mean(label, levels)
    if near.startswith("did"):
        return (
            f"{label!r} is no level of {column} ({near}). Say which with "
            f"{to_ask(label, f'{column}:LEVEL')}, a LEVEL of {', '.join(levels.values())}"
        )
    near = did_you_mean(label, _names(labels))
    if bands := _of_number(labels, label, within, column) or _band(labels, label):
        return bands
    if several := _several(labels, label):
        return (
            f"{label!r} is a level of {' and of '.join(name for name, _ in several)}. Say "
            f"which with {to_ask(label, *(f'{n}:{level}' for n, level in several))}, or write "
            "it below the label of its column"
        )
    meant = f" ({near.rstrip('.')})" if near.startswith("did") else ""
    lacks = f", or {quoted(label, f'{column}:{MISSING}')} for patients of unknown value"
    return (
        f"{label!r} is no characteristic or level of the design{meant}. "
        f"Say which with --is {quoted(label, 'COLUMN:LEVEL')}, or {quoted(label, 'COLUMN')}"
    ) + lacks * bool(labels.lacking and levels)


def _is_band(label: str) -> bool:
    """Whether a label is a side of a cut or a band, or several in one row: "<63/≥63"."""
    return bool(span_in(label)) or all(map(span_in, label.strip("()[] ").split("/")))


def _of_number(labels: Labels, label: str, within: str, column: str) -> str:
    """What to say of a band, or a value, below the label of a number."""
    number = labels.design.columns.get(column, {}).get("type") in ("integer", "number")
    if number and plain(label) in COUNTED:
        return (
            f"below {within!r} print has {label!r}, and no factor of the design parts one of "
            f"{column} from more. Declare [factors.solitary] with source = '{column}', rule = "
            "'==', cut = 1 and levels = ['no', 'yes']"
        )
    bands = [n for n in labels.design.factors_from(column) if labels.design.cut(n)]
    if number and bands and _is_band(label):
        known = (f"no level of {n} ({', '.join(labels.design.levels(n))})" for n in bands)
        return (
            f"{label!r} is no band of {column} as the design cuts it: {', '.join(known)}. Say "
            f"which with {to_ask(label, *(f'{n}:LEVEL' for n in bands))}, or declare another "
            f"[factors.NAME] with source = '{column}' and these cuts"
        )
    if number and _is_band(label):
        return (
            f"below {within!r} print counts bands of {column} that no factor of the design "
            f"has. Declare them: [factors.{column}_band] with source = '{column}', rule = "
            "'>=', cuts = [...] and levels = [...], the lowest first"
        )
    if number and re.match(r"[<>≤≥=]*\s*\d", label):
        return (
            f"below {within!r} print counts its values, and {column} is a number in the "
            f"design. Give it levels: [columns.{column}] with type = 'category' and "
            f"levels = ['0', '1', ...]"
        )
    return ""


def _several(labels: Labels, label: str) -> list[tuple[str, str]]:
    """The levels of several columns that a label may be, in the order of the design."""
    for names in (labels.asked, [*labels.design.columns, *labels.design.factors]):
        found = named_by(labels.design, names).get(plain(label), set())
        if len(found) > 1 and all(level for _, level in found):
            return sorted(found, key=lambda one: names.index(one[0]))
    return []


def _names(labels: Labels) -> list[str]:
    names = dict.fromkeys([*labels.asked, *labels.design.columns, *labels.design.factors])
    roles = {name: (labels.design.columns.get(name) or {}).get("role") for name in names}
    return list(dict.fromkeys(labels.design.label(n) for n in names if roles[n] != "id"))


def _of_product(labels: Labels, label: str, parts: Sequence[str]) -> str:
    strange = [part for part in parts if not labels.part(part).column]
    if strange:
        return (
            f"{label!r} is a product, and {strange[0]!r} is no characteristic or level of the "
            f"design. Say which with {to_ask(strange[0], 'COLUMN:LEVEL')}"
        )
    return (
        f"{label!r} is a product that no model of the design holds. Give the pair to "
        "`products` of its model"
    )


def _band(labels: Labels, label: str) -> str:
    """What declares the band of a number that a label has, "Age (≥ 65)", and no factor makes."""
    stem, side = meanings.cut_in(label)
    column = labels.read(stem).column if side else ""
    source = labels.design.source(column) if column and ":" not in column else ""
    number = labels.design.columns.get(source, {}).get("type") in ("integer", "number")
    if not number or not span_in(side) or meanings.other_unit(label, labels.design.unit_of(source)):
        return ""
    made = [n for n in labels.design.factors_from(source) if labels.design.cut(n)]
    known = "; ".join(f"{n}: {', '.join(labels.design.levels(n))}" for n in made)
    return (
        f"{label!r} is the band {side} of {source}, and no factor of the design has it"
        + (f" ({known})" if known else "")
        + f". Declare [factors.NAME] with source = {source!r} and the cuts of print, or say which "
        f"level it is with {to_ask(label, *(f'{n}:LEVEL' for n in made or ['NAME']))}"
    )


def no_levels(column: str, texts: Sequence[str], design: Design) -> str:
    """What to ask where one of several levels in a label is none that the design has."""
    levels = ", ".join(design.label(column, level) for level in design.levels(column))
    told = f"{' and '.join(map(repr, texts))} is no level of {column} ({levels}); give the level "
    return f"{told}that it is this label in the design"
