"""What a factor of a design is: a number cut into bands, or merged levels of a category."""

from __future__ import annotations

import itertools
import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crlm.ledger.cut_words import in_signs

if TYPE_CHECKING:
    import numpy as np

#: Whether a rule holds, for numbers and a cut-off.
HOLDS: Mapping[str, Callable[[np.ndarray, float], np.ndarray]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}
#: Rules of several cuts: a value on a cut is in the band below it, or in the one above.
BAND_RULES = (">", ">=")
#: How near to a cut a number that is not whole may come.
_TINY = 1e-6

Span = tuple[float, float]

#: An end of a printed band, and whether it belongs to it; None where print does not say.
End = tuple[float, bool | None]


@dataclass(frozen=True)
class Named:
    """A printed band.

    Attributes
    ----------
    low, high : (float, bool or None)
        Its ends, and whether they belong to it; None where print does not say.
    step : float
        One of the last printed decimal.
    """

    low: End
    high: End
    step: float


@dataclass(frozen=True)
class Cut:
    """A number cut into bands.

    Attributes
    ----------
    source : str
        The column with the number.
    levels : tuple of str
        Level k holds the values for which the rule holds of k cuts: of one cut where it does
        not hold and where it does, of several the bands from the lowest.
    cuts : tuple of float
        Rising, in the unit of the column.
    rule : str
        One of `HOLDS`; of several cuts one of `BAND_RULES`.
    whole : bool
        Whether the column holds whole numbers.
    lowest : float
        What the column does not fall below.
    """

    source: str
    levels: tuple[str, ...]
    cuts: tuple[float, ...]
    rule: str
    whole: bool = False
    lowest: float = -math.inf

    def codes(self, values: Any) -> np.ndarray:
        """The place of each value's level, shape (n,); NaN for an unknown value.

        Examples
        --------
        >>> Cut("age", ("a", "b", "c"), (50.0, 60.0), ">=").codes([49.9, 50, 60, math.nan])
        array([ 0.,  1.,  2., nan])
        """
        import numpy as np

        numbers = np.asarray(values, dtype=float)
        held = np.sum([HOLDS[self.rule](numbers, cut) for cut in self.cuts], axis=0, dtype=float)
        return np.where(np.isnan(numbers), np.nan, held)

    def span(self, level: str) -> Span | None:
        """The values of a level, both ends within; None for all values but one.

        Examples
        --------
        >>> Cut("age", ("a", "b", "c"), (50.0, 60.0), ">=", whole=True).span("b")
        (50.0, 59.0)
        """
        place = self.levels.index(level)
        if self.rule == "==":
            (cut,) = self.cuts
            above = (cut + self._step(cut), math.inf) if self.lowest >= cut else None
            return (cut, cut) if place else above
        edges = (-math.inf, *self.cuts, math.inf)
        at = place if self.rule in BAND_RULES else 1 - place
        low, high = edges[at], edges[at + 1]
        if self.rule in (">", "<="):
            return low + self._step(low), high
        return low, high - self._step(high)

    def said(self, text: str) -> str:
        """The level that a text names by its numbers alone: "50-59", "≥ 70", "60 to < 70".

        "" for a text that names none: no numbers, other cut-offs, or the other side of one.

        Examples
        --------
        >>> bands = Cut("age", ("low", "middle", "high"), (50.0, 60.0), ">=", whole=True)
        >>> bands.said("50–59"), bands.said("under 50 years"), bands.said("> 60")
        ('middle', 'low', '')
        """
        named = span_in(text)
        if named is None:
            return ""
        found = [level for level in self.levels if self._is(level, named)]
        # A lowest band may be printed with its least value, as its own name has it: "1-3".
        found = found or [level for level in self.levels if span_in(level) == named]
        return found[0] if len(found) == 1 else ""

    def misnames(self, level: str, text: str) -> bool:
        """Whether a text has numbers that are not the cut-offs of the level that it names.

        The outer end of the lowest and the highest band may be any, as the least value is; and a
        name (where `text` is the level itself) may be "under_50" of a band to 50.

        Examples
        --------
        >>> bands = Cut("age", ("low", "middle", "high"), (50.0, 60.0), ">=", whole=True)
        >>> bands.misnames("middle", "55-64"), bands.misnames("high", "60-89")
        (True, False)
        """
        named, span = span_in(text) or span_in(text.replace("_", " ")), self.span(level)
        if named is None or span is None or named.low[0] == named.high[0]:
            return False
        loose = text == level and not math.isfinite(named.high[0] - named.low[0])
        return any(
            math.isfinite(edge)
            and not self._ends_at(edge, (said[0], None) if loose else said, side, named.step)
            for edge, said, side in zip(span, (named.low, named.high), (1, -1), strict=True)
        )

    def is_cut_at(self, text: str) -> bool:
        """Whether a text has the cut-offs themselves: "≥ 4", and not "> 3", of a cut at 4."""
        named = span_in(text)
        ends = (named.low[0], named.high[0]) if named else ()
        known = (*self.cuts, self.lowest)
        return bool(ends) and all(math.isinf(end) or end in known for end in ends)

    def _is(self, level: str, named: Named) -> bool:
        span = self.span(level)
        return span is not None and all(
            self._ends_at(edge, said, side, named.step)
            for edge, said, side in zip(span, (named.low, named.high), (1, -1), strict=True)
        )

    def _ends_at(self, edge: float, said: End, side: int, step: float) -> bool:
        """Whether a printed end is that of a band; a bare number may be the cut on either side."""
        value, closed = said
        if math.isinf(edge) or math.isinf(value):
            least = side > 0 and value == self.lowest and closed is not False
            return edge == value or (edge == -math.inf and least)
        # A low end is at the cut below it, a high one at that above: 1–2 lies as near to 1 as to 3.
        beside = [one for one in self.cuts if side * (edge - one) >= -1e-6 * abs(one)]
        cut = min(beside or self.cuts, key=lambda one: abs(one - edge))
        within = math.isclose(edge, cut)
        if closed is None and value == cut:
            return True
        if value == cut:
            return closed == within
        # "51" is the first whole number above 50, "3.1" the first of one decimal above 3.
        if closed is None:
            return not within and math.isclose(value, cut + side * (1.0 if self.whole else step))
        beyond = side if closed else -side
        return self.whole and within is not closed and math.isclose(value, cut + beyond)

    def _step(self, cut: float) -> float:
        if math.isinf(cut):
            return 0.0
        return 1.0 if self.whole and cut == round(cut) else _TINY * max(1.0, abs(cut))


@dataclass(frozen=True)
class Merged:
    """Levels of a category, merged.

    Attributes
    ----------
    source : str
        The category.
    levels : tuple of str
        The reference first.
    groups : mapping of str to tuple of str
        By level: those of the category that it holds. Patients of the others are unknown.
    """

    source: str
    levels: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]

    def codes(self, values: Iterable[Any]) -> np.ndarray:
        """The place of each value's level, shape (n,); NaN for one that is in none.

        Examples
        --------
        >>> Merged("pt", ("low", "high"), {"low": ("1", "2"), "high": ("3",)}).codes(["3", None])
        array([ 1., nan])
        """
        import numpy as np

        place = {one: self.place(one) for held in self.groups.values() for one in held}
        return np.array([place.get(value, math.nan) for value in values], dtype=float)

    def place(self, level: str) -> float:
        """The place of the level that a level of the category is in; NaN for one in none."""
        found = [k for k, own in enumerate(self.levels) if level in self.groups[own]]
        return float(found[0]) if found else math.nan


def whole_spec(
    spec: Mapping[str, Any], columns: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """A factor of design.toml as all others read it.

    Parameters
    ----------
    spec : mapping
        `[factors.NAME]`; what is not of its type stays as it is.
    columns : mapping, optional
        The columns of the design: bands of whole numbers are printed with both their ends.

    Returns
    -------
    dict
        One of `cuts` is `cut`; merged levels stand in `levels`; bands have labels.

    Examples
    --------
    >>> whole_spec({"rule": ">=", "cuts": [2.0, 5.0], "levels": ["a", "b", "c"]})["labels"]
    {'a': '< 2', 'b': '2 to < 5', 'c': '≥ 5'}
    >>> whole_spec({"rule": ">=", "cuts": [65.0], "levels": ["under_65", "65_up"]})["labels"]
    {'under_65': '< {cut}', '65_up': '≥ {cut}'}
    """
    made, cuts, groups = dict(spec), spec.get("cuts"), spec.get("groups")
    if isinstance(groups, Mapping) and groups:
        made["levels"] = [*groups]
    if not isinstance(cuts, list) or not all(_is_number(cut) for cut in cuts):
        return made
    levels, labels = made.get("levels"), made.get("labels", {})
    sound = isinstance(levels, list) and all(isinstance(level, str) for level in levels)
    named = sound and {*levels} != {"no", "yes"}  # Yes and no answer to the factor's own label.
    if named and isinstance(labels, Mapping) and made.get("rule") in BAND_RULES:
        source = (columns or {}).get(str(made.get("source"))) or {}
        texts = band_labels(cuts, made["rule"], whole=source.get("type") == "integer")
        if len(cuts) == 1:
            texts = [f"{text.split()[0]} {{cut}}" for text in texts]
        made["labels"] = {**dict(zip(levels, texts, strict=False)), **labels}
    if len(cuts) == 1:
        del made["cuts"]
        made["cut"] = cuts[0]
    return made


def band_labels(cuts: Sequence[float], rule: str, *, whole: bool = False) -> list[str]:
    """How bands are printed, from the lowest: "< 50", "50 to < 60", "≥ 60".

    Examples
    --------
    >>> band_labels([45, 55, 65], ">=", whole=True), band_labels([45, 55], ">", whole=True)
    (['< 45', '45–54', '55–64', '≥ 65'], ['≤ 45', '46–55', '> 55'])
    """
    within = [_band(low, high, rule, whole) for low, high in itertools.pairwise(cuts)]
    below, above = ("≤", ">") if rule == ">" else ("<", "≥")
    return [f"{below} {cuts[0]:g}", *within, f"{above} {cuts[-1]:g}"]


def _band(low: float, high: float, rule: str, whole: bool) -> str:
    """A band between two cuts; of one whole number, of none or of one below 0 by its cuts."""
    if whole and float(low).is_integer() and float(high).is_integer():
        first, last = (low + 1, high) if rule == ">" else (low, high - 1)
        if 0 <= first < last:
            return f"{first:g}–{last:g}"
    return f"> {low:g} to {high:g}" if rule == ">" else f"{low:g} to < {high:g}"


def factor_of(spec: Mapping[str, Any], column: Mapping[str, Any]) -> Cut | Merged:
    """The factor that a table `[factors.NAME]` declares, as `whole_spec` gives it.

    Parameters
    ----------
    spec : mapping
    column : mapping
        Its source: `type`, `min`.
    """
    source, levels = str(spec["source"]), tuple(spec["levels"])
    if "groups" in spec:
        return Merged(source, levels, {k: tuple(held) for k, held in spec["groups"].items()})
    cuts = spec["cuts"] if "cuts" in spec else [spec["cut"]]
    low = column.get("min")
    return Cut(
        source,
        levels,
        tuple(float(cut) for cut in cuts),
        str(spec["rule"]),
        column.get("type") == "integer",
        -math.inf if low is None else float(low),
    )


def parts_of(factor: Cut | Merged, level: str, other: Cut | Merged) -> tuple[str, ...]:
    """The levels of another factor of the same source that a level is made of, exactly.

    () where it is not made of whole levels. Merged levels are made of their category's own, too:
    `groups` says of which.

    Examples
    --------
    >>> old = Cut("age", ("no", "yes"), (60.0,), ">=")
    >>> parts_of(old, "yes", Cut("age", ("a", "b", "c"), (60.0, 70.0), ">="))
    ('b', 'c')
    """
    if factor.source != other.source:
        return ()
    if isinstance(factor, Merged) and isinstance(other, Merged):
        own = set(factor.groups[level])
        inside = [one for one in other.levels if set(other.groups[one]) <= own]
        covered = {part for one in inside for part in other.groups[one]}
        return tuple(inside) if covered == own else ()
    if isinstance(factor, Merged) or isinstance(other, Merged):
        return ()
    span, spans = factor.span(level), {one: other.span(one) for one in other.levels}
    if span is None:
        return ()
    inside = [one for one, held in spans.items() if held is not None and _within(held, span)]
    outside = [one for one, held in spans.items() if held is not None and _apart(held, span)]
    return tuple(inside) if len(inside) + len(outside) == len(spans) else ()


def follows(factor: Cut | Merged, other: Cut | Merged) -> bool:
    """Whether the levels of one factor are made of another's: a model of both has no estimate."""
    return all(parts_of(factor, level, other) for level in factor.levels)


def _within(inner: Span, outer: Span) -> bool:
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def _apart(one: Span, other: Span) -> bool:
    return one[1] < other[0] or other[1] < one[0]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# ---- what a printed band says ---------------------------------------------------------------

_NUMBER = r"(\d+(?:\.\d+)?)"
_SIGN = r"(<=|>=|[<>≤≥])"
_SIDES = {"<": False, "<=": True, "≤": True, ">": False, ">=": True, "≥": True}
_BETWEEN = re.compile(
    rf"{_SIGN}?\s*{_NUMBER}\s*(?:[-–—−]|to|and|but|,)+\s*(?:(?:and|but)\s*)?{_SIGN}?\s*{_NUMBER}"
)
_ONE = re.compile(rf"{_SIGN}\s*{_NUMBER}")


def span_in(text: str) -> Named | None:
    """The band that a text names by numbers; None if it holds others, or no band.

    What stands behind the numbers must hold none: "60-69 years".

    Examples
    --------
    >>> span_in("60 to < 70 years")
    Named(low=(60.0, None), high=(70.0, False), step=1.0)
    """
    plain = in_signs(" ".join(text.casefold().split()))
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", plain)
    found = _BETWEEN.match(plain) or _ONE.match(plain)
    if found is None or re.search(r"[\d<>≤≥]", plain[found.end() :]):
        return None
    decimals = max(len(part.partition(".")[2]) for part in re.findall(_NUMBER, found[0]))
    step = 10.0**-decimals
    if found.re is _ONE:
        sign, number = found[1], float(found[2])
        end, none = (number, _SIDES[sign]), (math.inf, True)
        if sign in ("<", "<=", "≤"):
            return Named((-math.inf, True), end, step)
        return Named(end, none, step)
    first, low, second, high = found.groups()
    wrong = first in ("<", "<=", "≤") or second in (">", ">=", "≥") or float(low) > float(high)
    if wrong:
        return None
    return Named((float(low), _SIDES.get(first)), (float(high), _SIDES.get(second)), step)
