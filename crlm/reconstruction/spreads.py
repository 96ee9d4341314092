"""How a number spreads in a group to begin with: through what print gives of it."""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from crlm.ledger import Design, DesignError, printed_decimals, without_models
from crlm.ledger.factors import Cut, Merged, Span
from crlm.reconstruction.bands import between, by_bands, into_bands
from crlm.reconstruction.columns import following
from crlm.reconstruction.models import levels_of, where_of

_KNOTS = {"min": 0.0, "q1": 0.25, "median": 0.5, "q3": 0.75, "max": 1.0}
#: Beside these alone a printed mean and SD tell of the patients between.
_WITHOUT_QUARTILES = {0.0, 0.5, 1.0}
#: Shares at which a normal curve stands for a printed mean and SD.
_SHARES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
#: What makes more patients, or fewer, unknown of a factor than of its source.
_WIDER = {"left_out", "otherwise"}
#: So many values tell how a number spreads within a part of them.
_MANY = 1000
#: Below this mean over SD a number that cannot be negative is taken as log-normal.
_SKEWED = 2.0


def printed(
    claims: pd.DataFrame, statistic: str, group: str, covariate: str = "", level: str = ""
) -> float | None:
    """A number that print gives of a group among all patients; None if it gives none.

    A count is found wherever print has its conditions: as group, population or level.
    """
    told = _of(claims)
    found = told.numbers.get((statistic, group, covariate, level))
    if found is not None or statistic != "n" or (covariate and not level):
        return found
    return counted(claims, where_of(group, f"{covariate}={level}" if level else ""))


def counted(claims: pd.DataFrame, where: Iterable[tuple[str, str]]) -> float | None:
    """The printed number of patients of some conditions, wherever they stand in the claim."""
    return _of(claims).counts.get(frozenset(where))


def counts(claims: pd.DataFrame) -> dict[frozenset[tuple[str, str]], float]:
    """All printed numbers of patients, by their conditions."""
    return _of(claims).counts


class _Numbers(NamedTuple):
    """Printed numbers by what they are asked by; of several the first.

    `numbers`: of groups among all patients, by (statistic, group, covariate, level); `counts`: of
    patients, by their conditions.
    """

    numbers: dict[tuple[str, str, str, str], float]
    counts: dict[frozenset[tuple[str, str]], float]


_known: dict[int, tuple[weakref.ref[pd.DataFrame], _Numbers]] = {}


def _of(claims: pd.DataFrame) -> _Numbers:
    """The numbers of a ledger, read once: a first cohort asks for thousands."""
    held, key = _known.get(id(claims)), id(claims)
    if held is None or held[0]() is not claims:
        held = weakref.ref(claims, lambda _: _known.pop(key, None)), _read(claims)
        _known[key] = held
    return held[1]


def _read(claims: pd.DataFrame) -> _Numbers:
    told = _Numbers({}, {})
    given = claims[(claims["kind"] == "number") & (claims["field"] == "estimate")]
    given = without_models(given)
    names = ("statistic", "group", "covariate", "level", "population", "value")
    for *key, population, value in zip(*(given[name] for name in names), strict=True):
        if population == "all":
            told.numbers.setdefault(tuple(key), float(value))
        statistic, group, covariate, level = key
        if statistic != "n" or (covariate and not level) or "from month" in population:
            continue
        where = where_of(group, population, f"{covariate}={level}" if level else "")
        told.counts.setdefault(frozenset(where), float(value))
    return told


def unknown(
    design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame, name: str
) -> dict[str, int]:
    """By group of Table 1: patients of unknown value, as declared, else as print has them.

    What print has of all patients alone is shared out by the sizes of the groups.
    """
    by, told = design.table_one["by"], {}
    declared = wishes.get("columns", {}).get(name, {}).get("unknown", {})
    sizes = {level: printed(claims, "n", f"{by}={level}") for level in design.levels(by)}
    for level, size in sizes.items():
        found = _first_known(design, claims, f"{by}={level}", name, size)
        told |= {level: found} if found is not None else {}
    whole = None if None in sizes.values() else sum(size or 0 for size in sizes.values())
    of_all = _first_known(design, claims, "all", name, whole)
    if not told and of_all and whole:
        ends = np.cumsum([0, *(size or 0 for size in sizes.values())]) * of_all / whole
        told = dict(zip(sizes, np.diff(np.floor(ends + 0.5)).astype(int).tolist(), strict=True))
    return told | declared


def _first_known(
    design: Design, claims: pd.DataFrame, group: str, name: str, size: float | None
) -> int | None:
    """Patients of unknown value as print has them of a column, else of what is made of it."""
    whole = [n for n in design.factors_from(name) if not _WIDER & {*design.factors[n]}]
    found = (_unknown_of(claims, group, one, size) for one in (name, *whole))
    return next((count for count in found if count is not None), None)


def _unknown_of(claims: pd.DataFrame, group: str, name: str, size: float | None) -> int | None:
    missing = printed(claims, "missing", group, name)
    if missing is not None or size is None:
        return None if missing is None else int(missing)
    share, known = (printed(claims, key, group, name) for key in ("percent_missing", "n"))
    if share is not None:
        return round(share * size / 100)
    return None if known is None else max(0, int(size - known))


def group_sizes(design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame) -> dict:
    """Patients in each joint group, keyed by the levels of `groups.columns`.

    Raises
    ------
    DesignError
        If print does not give them.
    """
    names = wishes["groups"]["columns"]
    sizes = {}
    for levels in itertools.product(*(levels_of(design, name) for name in names)):
        found = counted(claims, list(zip(names, levels, strict=True)))
        if found is None:
            who = " and ".join(f"{n}={at}" for n, at in zip(names, levels, strict=True))
            raise DesignError(
                f"{design.study}: the number of patients with {who} is not printed. Name other "
                "groups.columns in reconstruction.toml."
            )
        sizes[levels] = int(found)
    return sizes


def numbers(
    design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame, name: str, group: str, n: int
) -> np.ndarray:
    """Rising values of a column for the patients of a group of Table 1.

    Parameters
    ----------
    design : Design
    wishes : mapping
        From `wishes_of`.
    claims : pandas.DataFrame
    name, group : str
        The column, and the level of `table_one.by`.
    n : int
        Patients.

    Returns
    -------
    ndarray, shape (n,)
        In the unit of the column, through declared and printed quantiles, normal or log-normal
        between them; else as mean and SD, or counts of bands, have it, of the group or else of
        all patients; mean and SD beside a range or a median say what lies between. As many lie
        in each band of a factor, and above the cut of a category that follows from the number,
        as print counts in the group.

    Raises
    ------
    DesignError
        If neither print nor reconstruction.toml tells how the number spreads.
    """
    spec = wishes.get("columns", {}).get(name, {})
    log = spec.get("scale") == "log"
    knots = {float(share): float(v) for share, v in spec.get("knots", {}).get(group, ())}
    own = f"{design.table_one['by']}={group}"
    knots = _quantiles(claims, own, name, spec) | knots
    bands = _banded(design, claims, own, name, n)
    for whose, held in ((own, bands), ("all", _banded(design, claims, "all", name))):
        if len(knots) < 2:
            knots = _by_moments(claims, whose, name) or _quantiles(claims, whose, name, spec)
        if len(knots) < 2 and held:
            knots = by_bands(*held)
    if {*knots} <= _WITHOUT_QUARTILES:
        told = _by_moments(claims, own, name) or _by_moments(claims, "all", name)
        told = {share: value for share, value in told.items() if value > 0 or not log}
        knots = between(knots, told)
    if len(knots) < 2:
        raise DesignError(
            f"{design.study}: print gives neither quantiles nor mean and SD of {name} with "
            f"{design.table_one['by']} = {group}, nor of all patients. Say in reconstruction.toml "
            f"how it spreads there: [columns.{name}] knots = {{ {group} = [[0, LOWEST], "
            f"{_at_cuts(design, claims, name, group, n)}, [1, HIGHEST]] }}."
        )
    z = norm.ppf((np.arange(n) + 0.5) / n)
    shares = np.array(sorted(knots))
    pins = np.array([knots[share] for share in sorted(knots)])
    at = np.interp(shares * (n - 1), np.arange(n), z)
    values = np.exp(np.interp(z, at, np.log(pins))) if log else np.interp(z, at, pins)
    width = step(design, claims, name, spec)
    values = np.clip(np.round(np.round(values / width) * width, 4), *allowed(design, name, width))
    led = {one: made for one, made in following(design).items() if made.source == name}
    bands = bands or _counted(claims, own, led, n)
    return into_bands(values, *bands, width) if bands else values


def _at_cuts(design: Design, claims: pd.DataFrame, name: str, group: str, n: int) -> str:
    """The knots of a number that counts above and below single cuts tell, else its median's."""
    own, told = f"{design.table_one['by']}={group}", {}
    for factor, made in design.factors_from(name).items():
        if isinstance(made, Cut) and len(made.cuts) == 1 and made.rule != "==":
            one = {factor: made}
            held = _counted(claims, own, one, n) or _counted(claims, "all", one, 0)
            below = held[1][made.rule.startswith("<")] / sum(held[1]) if held else 0.0
            if 0 < below < 1:
                told[round(below, 3)] = made.cuts[0]
    rising = sorted(told.items())
    kept = [k for i, k in enumerate(rising) if all(k[1] > before[1] for before in rising[:i])]
    return ", ".join(f"[{share:g}, {cut:g}]" for share, cut in kept) or "[0.5, MEDIAN]"


def step(design: Design, claims: pd.DataFrame, name: str, spec: Mapping[str, Any]) -> float:
    """The step of a number: declared, else the last decimal of its quantiles or of its bands.

    Quantiles of whole numbers, knots too, lie at quarters: where all do it is 1, as of integers.
    """
    if "grid" in spec:
        return float(spec["grid"])
    if design.columns.get(name, {}).get("type") == "integer":
        return 1.0
    found = claims[(claims["covariate"] == name) & claims["statistic"].isin(_KNOTS)]
    found = found[found["kind"] == "number"]
    quarters = np.isclose(found["value"] * 4, np.round(found["value"] * 4))
    finest = 1.0 if quarters.all() else float(10.0 ** -found["decimals"].max())
    cuts = [c for made in _bands_of(design, name).values() for c in made.cuts]
    told = (float(value) for knots in spec.get("knots", {}).values() for _, value in knots)
    cuts += [value for value in told if not (4 * value).is_integer()]
    return min([finest, *(10.0 ** -printed_decimals(f"{cut:g}") for cut in cuts)])


def allowed(design: Design, name: str, width: float) -> tuple[float, float]:
    """What a patient table takes of a column: its least and its largest step of `width`.

    A number that a model has per doubling is above 0.
    """
    spec = design.columns.get(name) or {}
    low, high = float(spec.get("min", 0.0)), float(spec.get("max", math.inf))
    first = round(math.ceil(round(low / width, 6)) * width, 4)
    first = width if first <= 0 and is_folded(design, name) else first
    return first, high if math.isinf(high) else round(math.floor(round(high / width, 6)) * width, 4)


def is_folded(design: Design, name: str) -> bool:
    """Whether a covariate of the design is a column's logarithm."""
    return any(s["source"] == name and "fold" in s for s in design.scaled.values())


def _banded(
    design: Design, claims: pd.DataFrame, group: str, name: str, n: int = 0
) -> tuple[Cut, list[float]] | None:
    """The factor of most bands of a number whose patients print counts, with their numbers."""
    return _counted(claims, group, _bands_of(design, name), n)


def _counted(
    claims: pd.DataFrame, group: str, cuts: Mapping[str, Cut], n: int
) -> tuple[Cut, list[float]] | None:
    found = []
    for factor, made in cuts.items():
        counts = counts_of(claims, group, factor, made.levels, n)
        if counts.count(None) == 1 and n:
            counts[counts.index(None)] = max(0.0, n - sum(count or 0 for count in counts))
        if None not in counts and sum(counts):
            found.append((made, [float(count) for count in counts]))
    return max(found, key=lambda one: len(one[0].cuts), default=None)


def _bands_of(design: Design, name: str) -> dict[str, Cut]:
    """The factors that cut a number into several bands."""
    made = design.factors_from(name).items()
    return {n: one for n, one in made if isinstance(one, Cut) and len(one.cuts) > 1}


def within(
    design: Design, wishes: Mapping[str, Any], claims: pd.DataFrame, name: str, group: str, n: int
) -> np.ndarray:
    """As `numbers`; of a number that makes the groups of Table 1 those that the group has."""
    found = numbers(design, wishes, claims, name, group, n)
    low, high = _span_of_group(design, name, group)
    if (found >= low).all() and (found <= high).all():
        return found
    many = numbers(design, wishes, claims, name, group, _MANY)
    inside = many[(many >= low) & (many <= high)]
    if not len(inside):
        raise DesignError(
            f"{design.study}: no {name} within {low:g} to {high:g}, which makes the group {group} "
            f"of {design.table_one['by']}, is among what print has of it. Say in "
            f"reconstruction.toml how it spreads there: [columns.{name}] knots."
        )
    return inside[np.round(np.linspace(0, len(inside) - 1, n)).astype(int)]


def _span_of_group(design: Design, name: str, group: str) -> Span:
    """The values of a number that a group of Table 1 may have: all, unless it makes the groups."""
    by = design.table_one["by"]
    made = design.cut(by) or following(design).get(by)
    span = made.span(group) if made and made.source == name else None
    return span or (-math.inf, math.inf)


def ends_of_group(
    design: Design, claims: pd.DataFrame, name: str, group: str, width: float
) -> Span:
    """The lowest and the highest step of a number that a search may give a patient of a group.

    Where print has nothing of the number but counts of bands, the outermost are as wide as those
    beside them.
    """
    low, high = _span_of_group(design, name, group)
    own = f"{design.table_one['by']}={group}"
    told = claims[(claims["covariate"] == name) & (claims["kind"] == "number")]
    for whose in (own, "all"):
        if told.empty and (held := _banded(design, claims, whose, name)):
            knots = by_bands(*held)
            low, high = max(low, knots[0.0]), min(high, knots[1.0])
            break
    ends = np.ceil(low / width - 1e-9) * width, np.floor(high / width + 1e-9) * width
    return float(np.round(ends[0], 4)), float(np.round(ends[1], 4))


def of_group(
    design: Design, claims: pd.DataFrame, name: str, group: str, counts: list[float | None], n: int
) -> list[float | None]:
    """Counts of a category's levels, none outside of the group where it makes those of Table 1."""
    made = design.factor(design.table_one["by"])
    if not isinstance(made, Merged) or made.source != name:
        return list(counts)
    levels = design.levels(name)
    held = made.groups[group]
    kept = [count if one in held else 0.0 for one, count in zip(levels, counts, strict=True)]
    _split(kept, range(len(levels)), n, _among_all(claims, name, levels))
    return kept


def category_counts(
    design: Design, claims: pd.DataFrame, group: str, name: str, n: int, gaps: int = 0
) -> list[float | None]:
    """As `counts_of`; where print counts merged levels alone, each is split among its parts.

    `gaps`: patients of the `n` of whom the category is unknown.
    """
    whole = n if name in design.percent_of_all else None
    counts = counts_of(claims, group, name, design.levels(name), n - gaps, whole)
    return merged_counts(design, claims, group, name, counts, n, gaps)


def merged_counts(
    design: Design,
    claims: pd.DataFrame,
    group: str,
    name: str,
    counts: Sequence[float | None],
    n: int,
    gaps: int = 0,
) -> list[float | None]:
    """Counts of a category's levels, those that are not known from levels merged of them."""
    counts, levels = list(counts), design.levels(name)
    for factor, made in design.factors_from(name).items():
        if not isinstance(made, Merged) or counts.count(None) < 2:
            continue
        known = n - max(gaps, _unknown_of(claims, group, factor, n) or 0)
        whole = n if factor in design.percent_of_all else None
        wide = counts_of(claims, group, factor, made.levels, known, whole)
        if wide.count(None) == 1:
            wide[wide.index(None)] = known - sum(count or 0 for count in wide)
        parts = {level: made.groups[level] for level in made.levels}
        told = {level: count for level, count in zip(parts, wide, strict=True) if count is not None}
        every = _among_all(claims, name, levels)
        for level, count in told.items():
            _split(counts, [levels.index(part) for part in parts[level]], count, every)
        if len(told) == len(parts):
            _split(counts, range(len(levels)), n - gaps, every)
    return counts


def _among_all(claims: pd.DataFrame, name: str, levels: Sequence[str]) -> list[float | None]:
    return [printed(claims, "n", "all", name, level) for level in levels]


def _split(
    counts: list[float | None], places: Iterable[int], total: float, every: Sequence[float | None]
) -> None:
    """Share what is left of a total among the places that have no count.

    As all patients are, where print counts `every` of these, else evenly.
    """
    places = list(places)
    open_ = [at for at in places if counts[at] is None]
    left = max(0, int(total - sum(counts[at] or 0 for at in places)))
    known = [every[at] for at in open_]
    parts = [1.0] * len(open_) if None in known or not any(known) else [k or 0.0 for k in known]
    ends = [0, *np.cumsum(parts).astype(int).tolist()]
    for at, (start, end) in zip(open_, itertools.pairwise(ends), strict=True):
        counts[at] = float(left * end // ends[-1] - left * start // ends[-1])


def counts_of(
    claims: pd.DataFrame,
    group: str,
    name: str,
    levels: Sequence[str],
    n: int,
    whole: int | None = None,
) -> list[float | None]:
    """Patients of each level of a group of `n`: printed, or what a printed percentage is of them.

    Where print has percentages alone and all of them, they are shared out so that all are `n`.
    `whole`: those that percentages are of, where they are of more than the `n` of known value.
    """
    whole = n if whole is None else whole
    counts = [printed(claims, "n", group, name, level) for level in levels]
    if counts.count(None) < 2:
        return counts  # The one that is wanting is the rest.
    shares = [printed(claims, "percent", group, name, level) for level in levels]
    known = np.array([math.nan if share is None else share for share in shares])
    if counts.count(None) == len(levels) and abs(known.sum() * whole - 100 * n) < len(levels) * n:
        parts = np.floor(known * n / known.sum())
        rest = known * n / known.sum() - parts
        parts[np.argsort(-rest, kind="stable")[: int(n - parts.sum())]] += 1
        return [float(part) for part in parts]
    return [
        float(round(share * whole / 100)) if count is None and share is not None else count
        for count, share in zip(counts, shares, strict=True)
    ]


def bound_of_all(claims: pd.DataFrame, key: str, group: str, name: str) -> float | None:
    """A printed extreme of all patients, where print says nothing of the number in a group."""
    whole = claims[(claims["group"] == group) & (claims["covariate"] == name)]
    return printed(claims, key, "all", name) if whole.empty else None


def _quantiles(
    claims: pd.DataFrame, group: str, name: str, spec: Mapping[str, Any]
) -> dict[float, float]:
    found = {share: printed(claims, key, group, name) for key, share in _KNOTS.items()}
    misread = {_KNOTS[key] for key in spec.get("misread", ())}
    return {s: value for s, value in found.items() if value is not None and s not in misread}


def _by_moments(claims: pd.DataFrame, group: str, name: str) -> dict[float, float]:
    """Quantiles of a normal or log-normal number with the printed mean and SD; none without."""
    mean, sd = (printed(claims, key, group, name) for key in ("mean", "sd"))
    if mean is None or sd is None:
        return {}
    z = norm.ppf(_SHARES)
    if 0 < mean < _SKEWED * sd:
        spread = math.sqrt(math.log1p((sd / mean) ** 2))
        values = mean * np.exp(spread * z - spread**2 / 2)
    else:
        values = mean + sd * z
    return dict(zip(_SHARES, values.tolist(), strict=True))


__all__ = ["bound_of_all", "numbers", "printed"]
