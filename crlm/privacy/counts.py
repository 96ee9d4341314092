"""What a count becomes before it is shown: a band, a rest, or nothing; the same set, the same text.

`docs/privacy.md` tells the rules. A count is known by the patients whom it counts, not by the
row that prints it, so that two tables cannot give two bands of one number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from crlm.ledger import ParameterError
from crlm.numbers import NOTHING, Shown, number

#: A band grows by doubling, to so many times K; the next step is not to be shown at all.
_WIDEST = 8
_LEAST = 3
#: A whole of fewer than so many times K is not split.
_SPLIT = 2
AGAIN = "as shown before"


@dataclass(frozen=True)
class Count:
    """One count as it is shown.

    Attributes
    ----------
    true : int
        Never to be shown unless `kind` is "exact".
    shown : float
        What arithmetic uses; NaN where nothing is shown.
    kind : str
        "exact", "band", "rest", "sum", "copy", or "hidden".
    low, high : int
        Ends of a band.
    k : int
    again : bool
        Shown before, and copied here.
    """

    true: int
    shown: float
    kind: str
    low: int = 0
    high: int = 0
    k: int = 0
    again: bool = False

    @property
    def hidden(self) -> bool:
        """Whether nothing is shown."""
        return math.isnan(self.shown)

    @property
    def small(self) -> bool:
        """Whether all that is told is an upper end."""
        return self.kind in ("band", "sum", "copy") and self.low == 0 < self.high

    @property
    def text(self) -> str:
        """As it is printed."""
        if self.hidden:
            return NOTHING
        if self.small:
            return f"<{self.high + 1}"
        if self.kind in ("band", "copy") and self.high - self.low >= self.k:
            return f"{self.low}–{self.high}"
        return number(self.shown, 0)

    @property
    def cell(self) -> float | Shown:
        """As it stands in a result row."""
        plain = self.hidden or self.kind == "exact"
        return self.shown if plain else Shown(self.shown, self.text)

    @property
    def note(self) -> str:
        """What a method adds for a reader."""
        if self.kind == "band" and self.high - self.low >= self.k:
            return f"between {self.low} and {self.high}"
        told = {"band": f"band of {self.k}", "hidden": f"hidden (<{self.k})"}
        told |= {"sum": f"sum of bands ({self.text})" if self.small else "sum of bands"}
        told |= {"copy": "of nearly the same patients", "exact": ""}
        told["others"] = f"the others between {self.low} and {self.high}"
        return told.get(self.kind, self.kind)

    @property
    def how(self) -> str:
        """As `note`, and whether it is a copy: what whoever attacks a report is given."""
        return f"{self.note}, {AGAIN}" if self.again else self.note


def check_k(k: int) -> int:
    """K as a whole number that protects somebody.

    Raises
    ------
    ParameterError
        If it is below 3.
    """
    if k < _LEAST:
        raise ParameterError(
            f"safe is {k}: numbers below it are hidden, so it must be {_LEAST} or more "
            "(5 is usual; 0 shows every number)."
        )
    return k


@dataclass
class Register:
    """What has been shown of which patients, and in bands how wide.

    Attributes
    ----------
    k : int
    shown : dict
        By the patients counted.
    named : dict
        By what is said of the patients (a level), for sets that differ by a few of them.
    width : dict
        Bands that the attack made wider than K: the factor.
    """

    k: int
    shown: dict[bytes, Count] = field(default_factory=dict)
    named: dict[str, list[tuple[np.ndarray, Count]]] = field(default_factory=dict)
    width: dict[object, int] = field(default_factory=dict)

    def copy(self) -> Register:
        """Another register that holds the same, to be tried and thrown away."""
        named = {name: list(held) for name, held in self.named.items()}
        return replace(self, shown=dict(self.shown), named=named)

    # ---- one count ----------------------------------------------------------

    def band(self, true: int, key: object) -> Count:
        """A count in its band."""
        factor = self.width.get(key, 1)
        if factor > _WIDEST:
            return self.hide(true)
        size = factor * self.k
        low = true // size * size
        return Count(true, low + size // 2, "band", low, low + size - 1, self.k)

    def hide(self, true: int) -> Count:
        """A count of which nothing is shown."""
        return Count(true, math.nan, "hidden", k=self.k)

    def exact(self, true: int) -> Count:
        """A count that is no secret."""
        return Count(true, true, "exact", k=self.k)

    def sum(self, true: int, parts: Sequence[Count]) -> Count:
        """A total of shown parts, never a band of its own; hidden where a part is."""
        if any(part.hidden for part in parts):
            return self.hide(true)
        if all(part.small for part in parts):
            high = sum(part.high for part in parts)
            return Count(true, sum(p.shown for p in parts), "sum", 0, high, self.k)
        return Count(true, sum(p.shown for p in parts), "sum", 1, 0, self.k)

    def known(self, who: np.ndarray, name: str = "", *, unnamed: bool = True) -> Count | None:
        """What was shown of these patients, or of nearly the same under the same name.

        Parameters
        ----------
        who : ndarray of bool
        name : str
            What is said of them, as "sex=male".
        unnamed : bool
            Whether the same patients under another name count too.
        """
        found = self.shown.get(who.tobytes()) if who.any() and unnamed else None
        if found is not None:
            return _copied(found)
        for other, count in self.named.get(name, ()) if name else ():
            if (who == other).all():
                return _copied(count)
            nested = not (who & ~other).any() or not (other & ~who).any()
            if nested and int((who ^ other).sum()) < self.k:
                return replace(count, true=int(who.sum()), kind="copy", again=True)
        return None

    def keep(self, who: np.ndarray, count: Count, name: str = "") -> Count:
        """Remember what is shown of patients; the first to come fixes it."""
        if who.any():
            self.shown.setdefault(who.tobytes(), count)
            if name:
                self.named.setdefault(name, []).append((who, count))
        return count

    # ---- parts of a whole ---------------------------------------------------

    def split(
        self, whole: np.ndarray, size: Count, parts: Sequence[np.ndarray], names: Sequence[str]
    ) -> list[Count]:
        """The parts of a whole: all but the largest in their bands, the largest what is left.

        Parts shown before are copied. A whole of fewer than 2 K is not split.
        """
        # A part that is the whole is no copy of it: that would tell that all others are empty.
        found = [
            None if len(parts) > 1 and (part == whole).all() else self.known(part, name)
            for part, name in zip(parts, names, strict=True)
        ]
        new = [at for at, count in enumerate(found) if count is None]
        if not new:
            return [count for count in found if count is not None]
        others = [p for p, c in zip(parts, found, strict=True) if c is not None]
        left = self._left(whole, size, others, [c for c in found if c is not None])
        if math.isnan(left) or left < _SPLIT * self.k:
            return [count or self.hide(int(p.sum())) for p, count in zip(parts, found, strict=True)]
        largest = max(new, key=lambda at: int(parts[at].sum()))
        for at in new:
            if at != largest:
                found[at] = self.own(parts[at], names[at])
                left -= found[at].shown
        found[largest] = self._rest(parts[largest], names[largest], left)
        return [count for count in found if count is not None]

    def _left(
        self,
        whole: np.ndarray,
        size: Count,
        others: Sequence[np.ndarray],
        counts: Sequence[Count],
    ) -> float:
        """What of a whole is shown beside the parts that were shown before."""
        remaining = whole.copy()
        for part in others:
            remaining &= ~part
        known = self.known(remaining) if others else None
        return known.shown if known is not None else size.shown - sum(c.shown for c in counts)

    def own(self, who: np.ndarray, name: str) -> Count:
        """Patients in a band of their own."""
        key = who.tobytes() if who.any() else name
        return self.keep(who, self.band(int(who.sum()), key), name)

    def _rest(self, who: np.ndarray, name: str, left: float) -> Count:
        """What is left over; a band of its own where that would be less than K, or no number."""
        true = int(who.sum())
        key = who.tobytes()
        if math.isnan(left) or left < self.k or self.width.get(key, 1) > 1:
            return self.own(who, name)
        return self.keep(who, Count(true, left, "rest", k=self.k), name)

    # ---- events -------------------------------------------------------------

    def side(self, had: np.ndarray, without: np.ndarray, size: Count, name: str = "") -> Count:
        """Events among patients: the smaller of events and others in its band.

        Parameters
        ----------
        had, without : ndarray of bool
            The patients with and without the event.
        size : Count
            All of them, as shown.
        """
        known = self.known(had)
        if known is not None:
            return known
        if size.hidden or size.shown < _SPLIT * self.k:
            return self.hide(int(had.sum()))
        if had.sum() <= without.sum():
            return self.own(had, f"{name}, events")
        others = self.known(without) or self.own(without, f"{name}, no events")
        shown = size.shown - others.shown
        if others.hidden or others.kind not in ("band", "exact") or shown < self.k:
            return self.own(had, f"{name}, events")
        told = Count(int(had.sum()), shown, "others", others.low, others.high, self.k)
        return self.keep(had, told)

    def sides(
        self,
        parts: Sequence[tuple[np.ndarray, np.ndarray]],
        sizes: Sequence[Count],
        total: Count,
        names: Sequence[str],
    ) -> list[Count]:
        """Events of each part, the part with most of them as what is left of all events."""
        known = [self.known(had) for had, _ in parts]
        last = max(range(len(parts)), key=lambda at: int(parts[at][0].sum()))
        found = [
            self.side(*part, size, name) if at != last else None
            for at, (part, size, name) in enumerate(zip(parts, sizes, names, strict=True))
        ]
        told = [count for count in found if count is not None]
        if known[last] is not None:
            found[last] = known[last]
        elif total.hidden or any(count.hidden for count in told) or sizes[last].hidden:
            found[last] = self.side(*parts[last], sizes[last], names[last])
        else:
            found[last] = self._last(parts[last], sizes[last], total, told, names[last])
        return [count for count in found if count is not None]

    def _last(
        self,
        part: tuple[np.ndarray, np.ndarray],
        size: Count,
        total: Count,
        others: Sequence[Count],
        name: str,
    ) -> Count:
        left = total.shown - sum(count.shown for count in others)
        fits = self.k <= left <= size.shown and size.shown >= _SPLIT * self.k
        if not fits or self.width.get(part[0].tobytes(), 1) > 1:
            return self.side(*part, size, name)
        return self.keep(part[0], Count(int(part[0].sum()), left, "rest", k=self.k))


def _copied(count: Count) -> Count:
    """A count of the same patients once more.

    The others of one set are not those of another: of such a count the number alone is copied.
    """
    if count.kind == "others":
        return replace(count, kind="copy", low=0, high=0, again=True)
    return replace(count, again=True)
