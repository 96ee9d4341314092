"""What rows of a ledger say beside each other: twice the same, halves of a result, stray keys.

`pasted_faults` refuses. The others are told by `crlm ledger`: a paper may print a limit alone,
and a place may hold what is of another row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crlm.ledger.claim_faults import RATIOS
from crlm.ledger.claim_words import is_word
from crlm.ledger.design import Design
from crlm.ledger.errors import Fault
from crlm.ledger.models import kind_of
from crlm.ledger.results import as_records
from crlm.ledger.vocabulary import ALL, FLOW, KEYS, MULTIVARIABLE, months_in

if TYPE_CHECKING:
    import pandas as pd

Claim = Mapping[str, str]

#: Cells of which two rows of one place differ in one at least.
_TELLING = ("place", "locator", "kind", "printed", "operator", "field", *KEYS, "reference")
_OF_A_RATIO = ("endpoint", "population", "covariate", "level", "model", "reference")
_BESIDE = ("p", "se", "z", "coefficient")
#: What is printed as a number, where a p value may be a bound.
_EXACT = ("n", "events", "mean", "sd", *RATIOS)
_LIMITS = ("conf_low", "conf_high")
_WORDS = {"conf_low": "lower", "conf_high": "upper"}
#: What a note says that print does not have.
_NOTED = re.compile(r"\bno (number|lower limit|upper limit)\b")


def pasted_faults(claims: Mapping[int, Claim]) -> Iterator[tuple[int, Fault]]:
    """Rows that say all that an earlier one says, at the same place.

    Parameters
    ----------
    claims : mapping of int to claim
        By their row in Excel.
    """
    seen: dict[tuple[str, ...], int] = {}
    for row, claim in claims.items():
        first = seen.setdefault(tuple(claim.get(name, "").strip() for name in _TELLING), row)
        if first != row:
            told = f"says what row {first} says, at the same place; remove one, or say in the "
            yield row, Fault("", f"{told}locator where the paper has it twice.")


def halves(claims: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Ids of limits without their number or without the other limit, and why.

    A note that says so, as `unreached` words it, answers for what print does not have.
    """
    numbers = claims[claims["kind"] != "direction"]
    held: dict[tuple[Any, ...], dict[str, str]] = {}
    told: dict[tuple[Any, ...], set[str]] = {}
    for row in as_records(numbers):
        about = tuple(str(row[name]) for name in (*KEYS, "reference"))
        held.setdefault(about, {}).setdefault(row["field"], row["id"])
        told.setdefault(about, set()).update(_NOTED.findall(str(row["note"]).casefold()))
    for about, fields in held.items():
        limits = [name for name in _LIMITS if name in fields]
        for name in limits:
            if "estimate" not in fields and "number" not in told[about]:
                yield fields[name], "no row has the number that it is a limit of; add it."
            elif len(limits) == 1:
                other = next(_WORDS[n] for n in _LIMITS if n != name)
                if f"{other} limit" not in told[about]:
                    yield (
                        fields[name],
                        f"no row has the {other} limit; add it, or, where print has none, say "
                        f"'no {other} limit' in the note.",
                    )
            if f"{_WORDS[name]} limit" in told[about]:
                yield (
                    fields[name],
                    f"a note of its result says 'no {_WORDS[name]} limit', and this row has it; "
                    "correct the note.",
                )


def unreached(word: str, part: str) -> str:
    """What the note of a row says of a number beside it in whose place print has a word.

    Parameters
    ----------
    word : str
        As printed: "NR", "not reached", "–".
    part : str
        The field that it stands for; "" for the number itself.

    Examples
    --------
    >>> unreached("NR", "conf_high"), unreached("NE", "")
    ('no upper limit (NR)', 'no number (NE)')
    """
    what = f"{_WORDS[part]} limit" if part in _WORDS else "number"
    return f"no {what} ({word})"


#: A level that a row is against, up to the next part of its locator: "Male vs female, ...".
_AGAINST = re.compile(r"\b(?:vs\b\.?|versus|against|compared (?:with|to)|ref\w*\b)[^,]*", re.I)

#: A condition as the import writes it, and what a locator denies: "no KRAS mutation".
_CONDITION = re.compile(r"(?<![\w.])([\w.]+)=([^\s,]+)")
_DENIED = re.compile(r"\b(?:no(?!\.)|not|without)\b[^,]*", re.I)

#: Where a locator begins, and the time of its rate: "Supplementary Table 2, ...", "5-year OS".
_TABLE = re.compile(r"(supplementary )?(table|figure) (S?\d+[a-z]?)\b", re.I)
_NUMBERED = re.compile(r"((?:supplementary_)?(?:table|figure))(S?\d+[a-z]?)")
_YEAR_RATE = re.compile(r"(?<![\d.–-])(\d{1,2})[-‐‑–]year\b(?![- ]old)", re.I)


def strayed(claims: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Ids of rows of a table that stand beside a ratio and have other keys than it, and why.

    Of a whole covariate, a p value has no level.
    """
    numbers = claims[(claims["kind"] == "number") & claims["place"].str.contains("table")]
    for _, part in numbers.groupby(["place", "locator"], sort=False):
        rows = as_records(part)
        ratios = [r for r in rows if r["statistic"] in RATIOS and r["field"] == "estimate"]
        for row in rows if ratios else ():
            beside = row["statistic"] in _BESIDE and row["covariate"] and row["model"]
            limit = row["statistic"] in RATIOS and row["field"] in _LIMITS
            if (beside or limit) and kind_of(row["model"]) in ("univariable", MULTIVARIABLE):
                yield from _stray(row, ratios)


def _stray(
    row: Mapping[str, Any], ratios: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    differing = [
        [n for n in _OF_A_RATIO if row[n] != ratio[n] and not (n == "level" and not row[n])]
        for ratio in ratios
    ]
    at = min(range(len(ratios)), key=lambda k: len(differing[k]))
    if len(differing[at]) == 1:
        (name,), ratio = differing[at], ratios[at]
        told = f"{name} {row[name] or 'empty'!r}, and the ratio beside it, {ratio['id']}, has "
        yield row["id"], f"{told}{ratio[name] or 'none'!r}; correct one."


def misplaced(claims: pd.DataFrame, design: Design) -> Iterator[tuple[str, str]]:
    """Ids of rows whose locator names another level, table or time than the row, and why."""
    numbers = as_records(claims[claims["kind"] == "number"])
    several: dict[str, set[str]] = {}
    for row in numbers:
        several.setdefault(row["locator"], set()).update(_conditions(row))
    for row in numbers:
        if elsewhere := _elsewhere(row, design, several[row["locator"]]):
            yield row["id"], elsewhere
            continue
        levels = design.levels(row["covariate"]) if row["covariate"] not in ("", FLOW) else []
        if row["level"] not in levels or _is_part(row, design):
            continue
        said = [level for level in levels if _says(row["locator"], design, row["covariate"], level)]
        if len(said) == 1 and said != [row["level"]]:
            told = f"level {row['level']!r}, and its locator says {said[0]!r}; correct one."
            yield row["id"], told


def _is_part(row: Mapping[str, Any], design: Design) -> bool:
    """Whether a part of a locator is the level itself: "Tamoxifen treatment, No" of no."""
    return any(_is_own(part.strip(), row, design) for part in str(row["locator"]).split(","))


def _is_own(text: str, row: Mapping[str, Any], design: Design) -> bool:
    """Whether a text is the level of a row, or its label."""
    own = (row["level"], design.label(row["covariate"], row["level"])) if row["level"] else ()
    return text.casefold() in (one.casefold() for one in own)


def _conditions(row: Mapping[str, Any]) -> list[str]:
    return [part for key in ("group", "population") for part in str(row[key]).split(",")]


def _elsewhere(row: Mapping[str, Any], design: Design, several: set[str]) -> str:
    """What a locator says of table, time and group, where the row has another; "" if it fits.

    A sentence that is the locator of several groups (`several`) says nothing of one of them.
    """
    locator, time = str(row["locator"]), row["time"]
    place, said = _NUMBERED.fullmatch(row["place"]), _TABLE.match(locator)
    if place and said:
        words = "_".join(filter(None, [said[1] and "supplementary", said[2]])).lower()
        if (words, said[3].lower()) != (place[1], place[2].lower()):
            return f"place {row['place']!r}, and its locator says {said[0]!r}; correct one."
    years = {int(years) for years in _YEAR_RATE.findall(locator)}
    if len(years) == 1 and time == time and time != 12 * (year := years.pop()):
        return f"time {time:g}, and its locator says {year}-year; correct one."
    for part in _conditions(row):
        name, _, level = part.partition("=")
        levels = design.levels(name) if level else []
        named = [own for own in levels if _says(locator, design, name, own)]
        others = {f"{name}={own}" for own in levels if own != level}
        if level in levels and len(named) == 1 and named != [level] and not others & several:
            word = design.label(name, named[0])
            if name != row["covariate"] and _is_own(word, row, design):
                continue  # Two readers have the same words: "Negative" is of the other.
            return f"{part}, and its locator says {word!r}; correct one."
    return ""


def _says(locator: str, design: Design, name: str, level: str) -> bool:
    """Whether a locator has a level, or its label, as words of their own.

    What is part of another level's label, as HAI of no HAI, says nothing; nor do high and low,
    which limits are called too, and what stands behind "vs", which the row is against.
    """
    locator = _AGAINST.sub("", locator)
    told = dict(_CONDITION.findall(locator))
    if name in told:
        return level in told[name].split("/")
    locator = _CONDITION.sub("", locator)
    own = [text for one in design.levels(name) for text in (one, design.label(name, one))]
    if not any(_DENIED.match(text) for text in own):
        locator = _DENIED.sub("", locator)
    others = [design.label(name, other) for other in design.levels(name) if other != level]
    return any(
        is_word(word)
        and word.casefold() not in ("low", "high")
        and not any(word.casefold() in other.casefold() for other in others)
        and re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", locator, re.IGNORECASE)
        for word in {level, design.label(name, level)}
    )


def grouped_apart(claims: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Ids of numbers whose patients are a population, where others of their place have a group."""
    numbers = claims[(claims["kind"] == "number") & (claims["model"] == "")]
    for _, part in numbers.groupby("place", sort=False):
        about = part[(part["group"] != ALL) & (part["population"] == ALL)]
        groups = {(r["group"], r["statistic"], r["covariate"]) for r in as_records(about)}
        for row in as_records(part[(part["group"] == ALL) & (part["population"] != ALL)]):
            if (row["population"], row["statistic"], row["covariate"]) in groups:
                told = f"population {row['population']!r}, and rows of its place have it as group; "
                yield row["id"], f"{told}write it as they do."


def fractions(claims: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Ids of survival rates that may be shares of 1, and why."""
    rates = claims[(claims["kind"] == "number") & (claims["statistic"] == "survival_rate")]
    for row in as_records(rates[(rates["value"] > 0) & (rates["value"] < 1)]):
        told = f"{row['printed']!r} is read as per cent; if print has shares of 1, write value "
        yield row["id"], f"{told}and printed times 100, and say so in scanned."


def in_years(claims: pd.DataFrame, design: Design) -> Iterator[tuple[str, str]]:
    """Ids of rates at 12 times the months of the design, which may be years, and why."""
    timed = claims[claims["time"].notna()]
    read = [
        (f"[incidences.{name}]", spec["months"], timed[timed["endpoint"] == name])
        for name, spec in design.incidences.items()
    ]
    if horizons := design.chapter.get("horizons"):
        rates = timed[timed["statistic"] == "survival_rate"]
        near = rates[rates["time"].isin([12.0 * month for month in horizons])]
        read.append(("[chapter] horizons", horizons, near))
    for place, months, own in read:
        printed = set(own["time"]) - {0.0}
        if printed and printed <= {12.0 * month for month in months} and not printed & {*months}:
            told = f"{place} reads months {', '.join(f'{m:g}' for m in months)}; if "
            told += f"these are years, write [{', '.join(f'{12 * m:g}' for m in months)}]."
            yield from ((claim, told) for claim in own["id"])


def parentless(claims: pd.DataFrame, design: Design) -> Iterator[tuple[str, str]]:
    """Ids that a parent cohort names as the paper's own claim, and are of something else; why."""
    held = {row["id"]: row for row in as_records(claims)}
    for parent in design.chapter.get("parent") or ():
        claim, name = held.get(parent["own"]), parent["label"]
        if claim is None:
            yield parent["own"], f"own of {name!r} is no claim of the ledger; correct the id."
        elif claim["endpoint"] != parent["endpoint"]:
            told = f"own of {name!r} is of {claim['endpoint'] or 'no endpoint'}, and the cohort's "
            yield parent["own"], f"{told}number of {parent['endpoint']}; correct the id."
        elif parent.get("median") and claim["statistic"] == "median_survival":
            months = claim["value"] * months_in(claim["unit"], design.conventions["days_per_month"])
            # Two cohorts of one hospital differ, but hardly fourfold: 6.6 is years.
            if abs(12 * parent["median"] / months - 1) < abs(parent["median"] / months - 1) / 2:
                told = f"median of {name!r} is {parent['median']:g} months, and the paper's own "
                told += f"is {months:g}; if it is in years, write {12 * parent['median']:g}."
                yield parent["own"], told


def bounds(claims: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Ids of numbers with a sign of a bound that are printed as numbers, and why."""
    signed = claims[(claims["kind"] == "number") & (claims["operator"] != "=")]
    signed = signed[(signed["field"] == "estimate") & signed["statistic"].isin(_EXACT)]
    for row in as_records(signed):
        told = f"{row['printed']!r} is a bound, and a {row['statistic']} mostly a number; "
        yield row["id"], f"{told}correct the sign, if the paper has none."
