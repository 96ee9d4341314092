"""The one place that decides how a number looks: in a table, a figure, a sentence, anywhere."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from crlm.ledger import STATISTICS, round_half_up

NOTHING = "–"
#: Where a median is hidden, so that nobody takes it for one that is not reached.
HIDDEN = "not shown"
#: What the method of a rate, or of a ratio of rates, says in a safe report.
OF_TWO_DIGITS = "two digits, no limits"

#: Ends of the names of statistics that may be millions where events are few.
_RATIOS = ("_ratio", "_ratios", "reri", "e_value", "e_value_limit")
_MAY_LACK_A_LIMIT = ("median_survival", "median_follow_up")


class Shown:
    """A number that is printed by a text of its own: `<5` for a count that is hidden.

    It computes and compares as the number does, and a result of that is a plain number. It is
    no float, for pandas makes plain floats of all that are when it gives records back.

    Parameters
    ----------
    value : float
        What arithmetic and files use.
    text : str
        What every table, figure and sentence prints, whatever decimals they ask for.
    """

    __slots__ = ("_value", "text")

    def __init__(self, value: float, text: str) -> None:
        self._value = float(value)
        self.text = text

    def __float__(self) -> float:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        """As numbers; two that have none are the same where their texts are."""
        if isinstance(other, Shown) and math.isnan(self._value) and math.isnan(other._value):
            return self.text == other.text
        return isinstance(other, Shown | int | float) and self._value == float(other)

    def __hash__(self) -> int:
        return hash(self.text if math.isnan(self._value) else self._value)

    def __repr__(self) -> str:
        return "" if math.isnan(self._value) else repr(self._value)

    def __format__(self, how: str) -> str:
        return self.text

    def __abs__(self) -> Shown:
        return Shown(abs(self._value), self.text.removeprefix("-"))

    def __neg__(self) -> float:
        return -self._value

    def __round__(self, decimals: int | None = None) -> float:
        return round(self._value, decimals)


def _plainly(compute: Callable[[float, float], Any]) -> Callable[[Shown, Any], Any]:
    """An operator of numbers, for a number with a text."""

    def method(self: Shown, other: Any) -> Any:
        if not isinstance(other, Shown | int | float):
            return NotImplemented
        return compute(float(self), float(other))

    return method


for _name in ("lt", "le", "gt", "ge", "add", "sub", "mul", "truediv"):
    setattr(Shown, f"__{_name}__", _plainly(getattr(operator, _name)))
for _name in ("add", "sub", "mul", "truediv"):
    _swapped = getattr(operator, _name)
    setattr(Shown, f"__r{_name}__", _plainly(lambda a, b, f=_swapped: f(b, a)))


_BAND = re.compile(r"\bband of (\d+)")
_BETWEEN = re.compile(r"(?<!the others )\bbetween (\d+) and (\d+)")
_SUM = re.compile(r"sum of bands \((<\d+)\)")
_STEPS = re.compile(
    r"two digits, no limits|in steps of \d+ patients|from rounded counts|"
    r"(?:event times|patients) around it"
)


def restored(value: float, method: str) -> float | Shown:
    """A number of a safe report's file with the text that the report prints for it.

    Parameters
    ----------
    value : float
        The estimate of a row of `*_rows.csv`.
    method : str
        Of the same row: it says how a count was told.
    """
    if not math.isfinite(value):
        hidden = "hidden (<" in method or method.startswith(HIDDEN)
        return Shown(value, HIDDEN) if hidden else value
    band, between, total = _BAND.search(method), _BETWEEN.search(method), _SUM.search(method)
    if between:
        return Shown(value, f"{between.group(1)}–{between.group(2)}")
    if total or (band and value < int(band.group(1))):
        return Shown(value, total.group(1) if total else f"<{band.group(1)}")
    return Shown(value, f"{value:,g}") if _STEPS.search(method) else value


def number(value: float | None, decimals: int = 2) -> str:
    """A number with fixed decimals, half-up; an en dash where there is none."""
    if isinstance(value, Shown):
        return value.text
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{round_half_up(value, decimals):,.{decimals}f}"
    return "0" + text[2:] if text.startswith("-0") and not text.strip("-0.") else text


def counted(count: float, noun: str, nouns: str = "") -> str:
    """A count and what is counted: `1 patient`, `1,204 patients`; `nouns` if not by an s."""
    text = number(count, 0)
    return f"{text} {noun}" if text == "1" else f"{text} {nouns or noun + 's'}"


def short(value: float | None) -> str:
    """A measurement as a clinician writes it: at most two decimals, none that are zero."""
    if isinstance(value, Shown):
        return value.text
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{round_half_up(value, 2):g}" if abs(value) < 1e5 else f"{value:,.0f}"


def ratio(value: float | None, decimals: int = 2) -> str:
    """A hazard or odds ratio; beyond 999, and where it rounds to nothing, only that it is so.

    Where events are few a limit may be millions: digits that no data have.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if abs(value) >= 1000 or abs(round_half_up(value, decimals)) >= 1000:
        return ">999" if value > 0 else "<-999"
    text = number(value, decimals)
    return f"<{10.0**-decimals:.{decimals}f}" if value > 0 and not text.strip("0.") else text


def p_text(p: float | None, decimals: int = 0) -> str:
    """A p value as journals print it: <0.001, three decimals below 0.1, else two.

    Parameters
    ----------
    p : float or None
    decimals : int
        Of a printed p that it stands beside: it has no fewer, unless it was rounded before, as
        in a safe report.

    Examples
    --------
    >>> p_text(0.1148), p_text(0.1148, 3), p_text(0.11, 3), p_text(0.00042), p_text(0.00042, 4)
    ('0.11', '0.115', '0.11', '<0.001', '0.0004')
    """
    if p is None or not math.isfinite(p):
        return NOTHING
    least = 10.0 ** -max(decimals, 3)
    if p < least:
        return f"<{least:.{max(decimals, 3)}f}"
    usual = 3 if p < 0.0995 else 2
    return number(p, usual if p == round(p, usual) else max(usual, decimals))


def p_phrase(p: float | None, decimals: int = 0) -> str:
    """A p value in a sentence or a figure: `p < 0.001`, `p = 0.18`, `p not given`."""
    text = p_text(p, decimals)
    if text == NOTHING:
        return "p not given"
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def decimals_of(row: Mapping[str, Any]) -> int:
    """The decimals with which a result row is shown, by its statistic."""
    known = STATISTICS.get(str(row["statistic"]))
    return 2 if known is None or known.decimals is None else known.decimals


def estimate(row: Mapping[str, Any], decimals: int | None = None) -> str:
    """The estimate of a result row, without unit or limits."""
    if row["statistic"] == "p":
        return p_text(row["estimate"])
    if isinstance(row["estimate"], Shown):
        return row["estimate"].text
    if not math.isfinite(row["estimate"]):
        return "not reached" if row["statistic"] == "median_survival" else NOTHING
    return _shown(row)(row["estimate"], decimals_of(row) if decimals is None else decimals)


def _shown(row: Mapping[str, Any]) -> Callable[[float, int], str]:
    statistic, model = str(row["statistic"]), str(row.get("model", ""))
    range_of_ratios = statistic in ("min", "max") and model.startswith("specification curve")
    return ratio if statistic.endswith(_RATIOS) or range_of_ratios else number


def interval(row: Mapping[str, Any], decimals: int | None = None) -> str:
    """`estimate (low–high)`; "not reached" for a median that is not.

    Where a limit is negative, or has no number, "to" stands for the dash.
    """
    text = estimate(row, decimals)
    if not math.isfinite(row["estimate"]) or row["statistic"] == "p":
        return text
    both = limits(row, decimals)
    return f"{text} ({both})" if both else text


def limits(row: Mapping[str, Any], decimals: int | None = None) -> str:
    """`low–high` of a result row; empty where it has none."""
    low, high = row["conf_low"], row["conf_high"]
    if not (math.isfinite(low) or math.isfinite(high)):
        return ""
    places = decimals_of(row) if decimals is None else decimals
    texts = [_shown(row)(low, places), _shown(row)(high, places)]
    if texts[1] == NOTHING and row["statistic"] in _MAY_LACK_A_LIMIT:
        texts[1] = "not reached"
    return span(*texts)


def bound(value: float) -> str:
    """The power of ten that a small number lies below: 3e-7 gives 1e-6; at least 1e-9."""
    return f"1e{max(math.floor(math.log10(max(value, 1e-300))) + 1, -9):d}"


def allowed(low: float, high: float, unit: str = "") -> str:
    """What printed digits allow: "41 to 150 events", "4.00 to 4.01", "1.72 or more".

    Both ends have the same decimals, none where something is counted (`unit`); two ends that read
    the same are said once: "9 patients".
    """
    decimals = 0 if unit else 2
    if math.isfinite(high) and number(low, decimals) == number(high, decimals):
        return f"{number(low, decimals)} {unit}".strip()
    ends = [f"to {number(high, decimals)}" if math.isfinite(high) else "or more", unit]
    return " ".join([number(low, decimals), *ends]).strip()


def span(low: str, high: str) -> str:
    """Two texts as a range: a dash, or "to" beside a minus, a sign or a missing number."""
    return f"{low} to {high}" if set("-<>–") & set(low + high) else f"{low}–{high}"
