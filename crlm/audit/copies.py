"""A row of a regression table that stands, digit by digit, in the place of another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crlm.audit.facts import RATIOS, Facts, Key, Printed
from crlm.audit.intervals import holds
from crlm.audit.ratios import effect_rows, shown, title_of

_PARTS = {"estimate": "estimate", "conf_low": "low", "conf_high": "high"}
Triple = Mapping[str, Printed]


@dataclass(frozen=True)
class Copy:
    """A ratio with its limits at one place, and the other row that has the same digits.

    Attributes
    ----------
    at : mapping of str to Printed
        Estimate and limits as they stand in the wrong place.
    row : mapping of str to Printed
        The same of the row they belong to.
    source : Key
        Of that row.
    """

    at: Triple
    row: Triple
    source: Key


def say_copies(facts: Facts, found: Sequence[Copy]) -> list[str]:
    """Copies in sentences, one for each row that was copied."""
    by_source: dict[tuple[Key, str], list[Copy]] = defaultdict(list)
    for copy in found:
        by_source[copy.source, shown(copy.at)].append(copy)
    return [
        f"{text} ({places_of(copied)}) are the numbers of {title_of(facts, source)} "
        f"({copied[0].row['estimate'].locator})."
        for (source, text), copied in by_source.items()
    ]


def places_of(found: Sequence[Copy]) -> str:
    """Where the copies stand."""
    return "; ".join(copy.at["estimate"].locator for copy in found)


def row_of(facts: Facts, printed: Printed) -> Key | None:
    """The ratio in whose row a number stands: itself, a limit, or p; None if in no row."""
    key = printed.key._replace(field="estimate")
    if not key.model or not key.covariate:
        return None
    tried = (key._replace(statistic=name) for name in dict.fromkeys([key.statistic, *RATIOS]))
    rows = effect_rows(facts)
    return next((own for own in tried if own.statistic in RATIOS and own in rows), None)


def copies(facts: Facts, keys: Iterable[Key]) -> list[Copy]:
    """Places at which one of these rows is printed with the numbers of another row.

    Parameters
    ----------
    facts : Facts
    keys : iterable of Key
        Ratios, as `effect_rows` has them.
    """
    found = []
    for key in keys:
        for at in _by_place(facts, key):
            sources = [
                Copy(at, row, other)
                for other, row in effect_rows(facts).items()
                if other != key and _same_digits(at, row)
            ]
            own = _same_digits(at, effect_rows(facts)[key]) and len(_by_place(facts, key)) > 1
            found += [] if own else sources[:1]
    return found


def _by_place(facts: Facts, key: Key) -> list[Triple]:
    """Estimate and limits of a ratio, once for each place that prints all three."""
    found: dict[tuple[str, str], dict[str, Printed]] = defaultdict(dict)
    for field, role in _PARTS.items():
        for printed in facts.numbers.get(key._replace(field=field), ()):
            found[printed.place, printed.locator].setdefault(role, printed)
    return [triple for triple in found.values() if len(triple) == len(_PARTS)]


def _same_digits(at: Triple, row: Triple) -> bool:
    """Whether a row rounds to the digits at a place, or the other way round."""
    if not set(_PARTS.values()) <= set(row):
        return False
    return all(_rounds(at[role], row[role]) for role in _PARTS.values())


def _rounds(a: Printed, b: Printed) -> bool:
    fine, rough = (a, b) if a.decimals > b.decimals else (b, a)
    return holds(rough.interval, fine.value)


def alike(facts: Facts) -> list[Sequence[Key]]:
    """Rows of different covariates, endpoints or patients that are printed with equal digits."""
    groups: dict[tuple[str, ...], list[Key]] = defaultdict(list)
    for key, row in effect_rows(facts).items():
        if set(_PARTS.values()) <= set(row):
            groups[tuple(row[role].text for role in _PARTS.values())].append(key)
    return [keys for keys in groups.values() if len(set(map(_about, keys))) > 1]


def _about(key: Key) -> tuple[str, ...]:
    """What a ratio is of; among the two groups that it compares it is that among all of them."""
    name, _, levels = key.population.partition("=")
    two = name == key.covariate and key.level in levels.split("/")
    return key.endpoint, "all" if two else key.population, key.covariate, key.level
