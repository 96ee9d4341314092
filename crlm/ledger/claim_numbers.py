"""How a printed number is held against its value, sign and decimals."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from crlm.ledger.errors import Fault
from crlm.ledger.rounding import printed_decimals
from crlm.ledger.vocabulary import OPERATORS

Claim = Mapping[str, str]

_PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,2})?", re.ASCII)
#: A power of ten as print sets it: "1.2 × 10−5".
_POWER = re.compile(r"\s*[×x·*]\s*10\s*\^?\s*(?=[-+]\d)")
_BETWEEN = re.compile(r"(?<=\d)[\u2009\u202f\u00a0](?=\d{3}(?!\d))")
_MINUS = str.maketrans("−–‐‑‒", "-----")
_NUMBER = re.compile(r"-?\d*\.?\d+", re.ASCII)
#: What Excel makes of "3-5".
DATE = re.compile(
    r"^\d{4}[-/]\d\d?[-/]\d\d?\b|^\d\d?[-/.]\d\d?[-/.](\d\d)?\d\d$"
    r"|^(\d\d?-)?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*(-\d\d?)?$"
    r"|\d月\d+日",
    re.IGNORECASE,
)


def number_faults(claim: Claim) -> Iterator[Fault]:
    """What is no number, and what print has otherwise."""
    yield from _numbers(claim)
    yield from _printed(claim)


def number(text: str) -> float | None:
    """A finite number in plain digits, or None."""
    return float(text) if _PLAIN.fullmatch(text.strip(" ")) else None


def _numbers(claim: Claim) -> Iterator[Fault]:
    for column in ("value", "decimals", "time"):
        if claim[column] and number(claim[column]) is None:
            what = "months as a number, such as 60" if column == "time" else "digits and a point"
            minus = number(claim[column].translate(_MINUS)) is not None
            what = "the minus as -" if minus else what
            yield Fault(column, f"{claim[column]!r} is no number; write {what}.")
    decimals = number(claim["decimals"])
    if decimals is not None and (decimals < 0 or decimals != int(decimals)):
        yield Fault("decimals", f"{claim['decimals']!r} is no count of digits; write 0, 1, 2.")


def _printed(claim: Claim) -> Iterator[Fault]:
    """A number as printed against its value, sign and decimals."""
    if claim["kind"] != "number":
        return
    text = claim["printed"].strip()
    sign = text[:1] if text[:1] in ("<", ">", "=") else ""
    bare = _BETWEEN.sub("", text.lstrip("<>= ").replace(",", "")).translate(_MINUS)
    bare = _POWER.sub("e", bare)
    printed = number(bare)
    if printed is None or printed != number(claim["value"]):
        yield from _unlike(claim)
        return
    if (sign or "=") != claim["operator"] and claim["operator"] in OPERATORS["number"]:
        told = f"{claim['operator']!r}, but printed {claim['printed']!r}; write {sign or '='!r}."
        yield Fault("operator", told)
    digits = printed_decimals(bare)
    if not claim["decimals"]:
        told = f"is empty; {claim['printed']!r} is printed with {digits}."
        yield Fault("decimals", told)
    elif number(claim["decimals"]) not in (None, digits):
        told = f"{claim['decimals']}, but {claim['printed']!r} is printed with {digits}."
        yield Fault("decimals", told)


def _unlike(claim: Claim) -> Iterator[Fault]:
    """A printed text that is not the value: what else it holds, or a date that Excel made."""
    printed, value = claim["printed"], number(claim["value"])
    if value is None and claim["value"]:
        return  # Told with the value.
    plain = [number(part) for part in _NUMBER.findall(_half_width(printed))]
    if value in plain[:1] and value is not None:
        told = f"{printed!r} holds more than the number; write it alone, as {claim['value']}"
        yield Fault("printed", f"{told}, with its sign < or > if it has one.")
    elif value is not None and number(printed.replace(",", ".")) == value:
        yield Fault("printed", f"{printed!r} has a comma; write a point, as {claim['value']}.")
    elif DATE.search(printed):
        told = f"{printed!r} is a date that Excel made of a number or a range; format the column "
        yield Fault("printed", f"{told}as text and write what the paper has.")
    elif not _NUMBER.search(printed) and not claim["value"]:
        told = f"is empty, and {printed!r} holds no number; write the number, or leave the row out."
        yield Fault("value", told)
    else:
        told = f"{claim['value'] or 'empty'}, but printed {printed!r}; "
        yield Fault("value", f"{told}correct the one that is not the paper's.")


def _half_width(text: str) -> str:
    """A text with the point at half height as a point."""
    return text.replace("·", ".").replace("−", "-")
