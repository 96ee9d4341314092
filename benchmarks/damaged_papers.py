"""Misprints: every kind that an audit may meet, each at a place chosen at random."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from honest_papers import SENTENCES
from printing import read, rounded

from crlm import ledger


@dataclass(frozen=True)
class Damage:
    """One misprint.

    Attributes
    ----------
    kind : str
    new : mapping of int to mapping
        Columns that change, by position of the claim. The first claim is the damaged one.
    """

    kind: str
    new: dict[int, dict[str, Any]]


def damages(claims: pd.DataFrame, rng: random.Random) -> list[Damage]:
    """One misprint of every kind, each at a place chosen at random."""
    records = claims.to_dict("records")
    made = []
    for kind, make in KINDS.items():
        places = list(range(len(records)))
        rng.shuffle(places)
        for place in places:
            new = make(records, place, rng)
            if new and all(_false(records[i], change) for i, change in new.items()):
                made.append(Damage(kind, new))
                break
    return made


def _false(claim: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
    """Whether a new text no longer says what the old one said, as 1.10 for 1.1 still does.

    Of another bound than that of "<0.001" nobody can tell.
    """
    if claim["kind"] == "direction":
        return True
    if change["operator"] != "=":
        return change["operator"] != claim["operator"] and (
            change["operator"] == ">" or claim["operator"] == "="
        )
    low, high = ledger.compatible_interval(change["value"], int(change["decimals"]))
    return not low <= claim["value"] <= high


def _slip(edit: Callable[[str, random.Random], str | None], only: str = "") -> Callable:
    def make(records: list, place: int, rng: random.Random) -> dict | None:
        claim = records[place]
        if claim["kind"] != "number" or (only and claim["statistic"] != only):
            return None
        sign = claim["printed"][: -len(bare)] if (bare := claim["printed"].lstrip("<>-")) else ""
        text = edit(bare, rng)
        return {place: read(sign + text)} if _is_number(text) else None

    return make


def _is_number(text: str | None) -> bool:
    whole, point, part = (text or "").partition(".")
    started = len(whole) == 1 or not whole.startswith("0")
    return started and whole.isdigit() and (part.isdigit() if point else True)


def _digits(text: str) -> list[int]:
    return [i for i, character in enumerate(text) if character.isdigit()]


def _changed(text: str, rng: random.Random) -> str:
    i = rng.choice(_digits(text))
    return text[:i] + rng.choice([d for d in "0123456789" if d != text[i]]) + text[i + 1 :]


def _swapped(text: str, rng: random.Random) -> str | None:
    pairs = [
        (a, b)
        for a, b in zip(_digits(text), _digits(text)[1:], strict=False)
        if text[a] != text[b] and b == a + 1
    ]
    if not pairs:
        return None
    a, b = rng.choice(pairs)
    return text[:a] + text[b] + text[a] + text[b + 1 :]


def _swapped_over(text: str, rng: random.Random) -> str | None:
    """The digits on either side of the point, each in the other's place: 53.8 for 58.3."""
    whole, point, part = text.partition(".")
    if not point or whole[-1:] == part[:1] or not (whole and part):
        return None
    return f"{whole[:-1]}{part[0]}.{whole[-1]}{part[1:]}"


def _dropped(text: str, rng: random.Random) -> str | None:
    i = rng.choice(_digits(text))
    return (text[:i] + text[i + 1 :]).rstrip(".") if len(_digits(text)) > 1 else None


def _doubled(text: str, rng: random.Random) -> str:
    i = rng.choice(_digits(text))
    return text[:i] + text[i] + text[i:]


def _pointless(text: str, rng: random.Random) -> str | None:
    return (text.replace(".", "").lstrip("0") or "0") if "." in text else None


def _zero_slip(text: str, rng: random.Random) -> str | None:
    """A zero lost or gained behind the point: 0.031 for 0.31, 0.31 for 0.031."""
    gained, lost = text.replace(".", ".0", 1), text.replace(".0", ".", 1)
    return rng.choice([t for t in (gained, lost) if t != text and float(t) <= 1] or [None])


def key_of(claim: Mapping[str, Any], *ignore: str) -> tuple:
    names = [name for name in (*ledger.KEYS, "field") if name not in ignore]
    return tuple("" if claim[n] != claim[n] else claim[n] for n in names)


def _exchanged(records: list, place: int, rng: random.Random) -> dict | None:
    """An estimate and one of its limits, each in the other's place."""
    claim = records[place]
    if claim["kind"] != "number" or claim["field"] != "estimate":
        return None
    own = key_of(claim, "field")
    near = [
        i
        for i, c in enumerate(records)
        if c["place"] == claim["place"] and c["field"] != "estimate" and key_of(c, "field") == own
    ]
    return _trade(records, place, rng.choice(near)) if near else None


def _group_swapped(records: list, place: int, rng: random.Random) -> dict | None:
    """A number of one group and its like of another, each in the other's place."""
    claim = records[place]
    column = claim["group"].split(",")[-1].partition("=")[0]
    if claim["kind"] != "number" or "=" not in claim["group"]:
        return None
    near = [
        i
        for i, c in enumerate(records)
        if i != place
        and c["place"] == claim["place"]
        and c["kind"] == "number"
        and c["group"].split(",")[-1].partition("=")[0] == column
        and key_of(c, "group") == key_of(claim, "group")
        and c["printed"] != claim["printed"]
    ]
    return _trade(records, place, rng.choice(near)) if near else None


def _row_copied(records: list, place: int, rng: random.Random) -> dict | None:
    """A ratio with its limits that are those of another row of the table."""
    own = _row(records, place)
    others = [i for i, c in enumerate(records) if own and _may_stand_for(records[place], c)]
    other = _row(records, rng.choice(others)) if others else None
    if not other or any(
        records[a]["printed"] == records[b]["printed"] for a, b in zip(own, other, strict=True)
    ):
        return None
    return {a: read(records[b]["printed"]) for a, b in zip(own, other, strict=True)}


def _may_stand_for(claim: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    same = ("place", "endpoint", "population", "model", "statistic", "field", "kind")
    return claim["covariate"] != other["covariate"] and all(claim[n] == other[n] for n in same)


def _row(records: list, place: int) -> list[int] | None:
    """Estimate and limits of a ratio, where a table prints all three."""
    claim = records[place]
    if claim["statistic"] not in ("hazard_ratio", "odds_ratio") or claim["field"] != "estimate":
        return None
    fields = {
        c["field"]: i
        for i, c in enumerate(records)
        if c["kind"] == "number"
        and c["place"] == claim["place"]
        and key_of(c, "field") == key_of(claim, "field")
    }
    found = [fields.get(name) for name in ("estimate", "conf_low", "conf_high")]
    return None if None in found or found[0] != place else found


def _sign_turned(records: list, place: int, rng: random.Random) -> dict | None:
    """A p value below a bound that is printed above it."""
    claim = records[place]
    if claim["statistic"] != "p" or claim["operator"] != "<":
        return None
    return {place: read(">" + claim["printed"].lstrip("<"))}


def _trade(records: list, a: int, b: int) -> dict[int, dict[str, Any]]:
    return {a: read(records[b]["printed"]), b: read(records[a]["printed"])}


def _denominator(records: list, place: int, rng: random.Random) -> dict | None:
    """A percentage of one patient more or one fewer than there are."""
    claim = records[place]
    if claim["statistic"] != "percent" or claim["kind"] != "number":
        return None
    counts = [
        c["value"]
        for c in records
        if c["kind"] == "number"
        and c["statistic"] == "n"
        and key_of(c, "statistic") == key_of(claim, "statistic")
    ]
    if not counts or claim["value"] <= 0:
        return None
    size = round(100 * counts[0] / claim["value"]) + rng.choice([-1, 1])
    text = rounded(100 * counts[0] / max(size, 1), int(claim["decimals"]), None)
    return {place: read(text)} if float(text) != claim["value"] else None


def _turned(records: list, place: int, rng: random.Random) -> dict | None:
    """A sentence that says the opposite of what is true."""
    claim = records[place]
    if claim["kind"] != "direction":
        return None
    sign = {"<": ">", ">": "<", "~": rng.choice("<>")}[claim["operator"]]
    return {place: {"operator": sign, "printed": SENTENCES[sign]}}


KINDS: dict[str, Callable] = {
    "digit changed": _slip(_changed),
    "digits swapped": _slip(_swapped),
    "digit dropped": _slip(_dropped),
    "digit doubled": _slip(_doubled),
    "point lost": _slip(_pointless),
    "limit and estimate exchanged": _exchanged,
    "group swapped": _group_swapped,
    "denominator off by one": _denominator,
    "count off by one": _slip(lambda text, rng: str(max(int(text) + rng.choice([-1, 1]), 0)), "n"),
    "p misprinted": _slip(_zero_slip, "p"),
    "sentence turned": _turned,
    "row copied": _row_copied,
    "sign turned": _sign_turned,
    "digits swapped over the point": _slip(_swapped_over),
}
