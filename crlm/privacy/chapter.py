"""The reviewer's chapter: effects under weights, balance, competing causes, periods, E-values.

No count of patients is told by any of them: a share stands in steps of K patients, a ratio needs
K with and without the event on each side, a difference of categories is of the shown counts. What
a reader can nevertheless conclude is in `estimates`, and the attack uses it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger.vocabulary import COUNTED, GRAY
from crlm.privacy.continuous import digits, written
from crlm.privacy.counts import Register
from crlm.privacy.curves import on_grid, whole
from crlm.privacy.people import People, levels_of
from crlm.privacy.wording import with_note

Row = dict[str, Any]
_FIELDS = ("estimate", "conf_low", "conf_high")
_WEIGHTED = ("overlap weighted", "att weighted")
_CAUSES = (GRAY, "aalen-johansen", "one minus km", "cause specific", "fine-gray")
_CONTRASTS = ("interaction adjusted", "shrunken")
#: Models whose rows have their rules here.
MODELS = frozenset([*_WEIGHTED, *_CAUSES, *_CONTRASTS, "doubly robust", "piecewise"])
#: Rows on the weights themselves, which have no model.
DIAGNOSES = ("smd", "propensity_auc")
_PERIOD = re.compile(r"from month ([\d.]+)(?: to ([\d.]+))?$")
_ENOUGH, _SMALL = 4, 100


@dataclass
class Chapter:
    """What the rules need to know of a report.

    Attributes
    ----------
    vetoed : set of (endpoint, covariate, population)
        Ratios that the attack would use against a small count.
    told : dict
        Estimates that these rules have let through.
    """

    register: Register
    people: People
    vetoed: set[tuple[str, str, str]]
    told: dict[tuple[Any, ...], float] = field(default_factory=dict)

    @property
    def k(self) -> int:
        """Numbers of fewer patients are hidden."""
        return self.register.k

    def frame(self, row: Row, among: str = "") -> pd.DataFrame | None:
        """The patients whom a row is about, with the event it counts, of its group or `among`."""
        cause = _cause(row)
        endpoint = row["endpoint"]
        if endpoint.lower() in self.people.frames["patients"]:
            endpoint = ""
        population = _without_period(row["population"])
        found = self.people.caused.get(_endpoint(row)) if cause else None
        if not cause:
            found = self.people.frame(endpoint, population)
        elif found is not None:
            found = self.people.among(found, population)
        found = None if found is None else self.people.among(found, among or row["group"])
        if cause and found is not None:
            found = found[~(found["event"] & found["cause"].isna()).to_numpy()]
            found = found.assign(event=found["cause"].eq(cause).to_numpy(dtype=bool))
        return found

    def size(self, frame: pd.DataFrame) -> float:
        """How many patients a frame has, as it is shown; as the middle of a band if it is not."""
        count = self.register.known(np.asarray(self.people.index.isin(frame.index)))
        if count is not None:
            return math.nan if count.hidden else float(count.shown)
        return float(len(frame) // self.k * self.k + self.k // 2)

    def followed(self, frame: pd.DataFrame | None, month: float) -> bool:
        """Whether there are 4 K patients, K events, K without, and K at risk at a month."""
        if frame is None or len(frame) < _ENOUGH * self.k or "time" not in frame:
            return False
        time, had = frame["time"].to_numpy(dtype=float), frame["event"].to_numpy(dtype=bool)
        until = had & (time <= month + 1e-9) if math.isfinite(month) else had
        staying = (time >= month - 1e-9).sum() if math.isfinite(month) else len(frame)
        return min(until.sum(), (~had).sum(), staying) >= self.k

    def sides(self, row: Row) -> list[pd.DataFrame | None]:
        """The patients of each side that a difference compares."""
        column = row["group"]
        frame = self.frame(row, "all")
        if frame is None or column not in frame:
            return [None]
        return [self.frame(row, f"{column}={level}") for level in levels_of(frame, column)]


def release(rows: Sequence[Row], known: Chapter) -> list[Row]:
    """Rows of the chapter as they may be shown; blank where no rule names them.

    A difference is that of the shares or months as they are shown, so that both agree.
    """
    order = sorted(range(len(rows)), key=lambda at: _DEPTH.get(rows[at]["statistic"], 0))
    made = {at: _released(rows[at], known) for at in order}
    return _all_periods([made[at] for at in range(len(rows))], known.k)


def _hidden(row: Row, k: int) -> Row:
    """A row of which nothing is told but that it is not, as of a ratio of the paper's own."""
    fields = dict.fromkeys((*_FIELDS, "n", "events"), math.nan)
    return {**row, **fields, "method": f"not shown: fewer than {k}"}


def _all_periods(rows: Sequence[Row], k: int) -> list[Row]:
    """Ratios by period all or none: what two periods leave of all events is the third's."""
    short = {
        (row["endpoint"], row["covariate"])
        for row in rows
        if row["model"] == "piecewise"
        and row["statistic"] == "hazard_ratio"
        and row["method"].startswith("not shown")
    }
    periods = [row["model"] == "piecewise" for row in rows]
    return [
        _hidden(row, k) if period and (row["endpoint"], row["covariate"]) in short else row
        for row, period in zip(rows, periods, strict=True)
    ]


def _released(row: Row, known: Chapter) -> Row:
    handler = _HANDLERS.get(row["statistic"])
    found = handler(row, known) if handler else {"estimate": math.nan}
    known.told[_key(row)] = float(found["estimate"])
    if not math.isfinite(found["estimate"]):
        return _hidden(row, known.k)
    note = str(found.pop("note", ""))
    how = with_note(row, note) + (f"; {found.pop('how')}" if "how" in found else "")
    fields = {**dict.fromkeys((*_FIELDS, "n", "events"), math.nan), **found}
    return {**row, **fields, "method": with_note(row, note), "how": how}


def _key(row: Row, **others: str) -> tuple[Any, ...]:
    """What a released estimate is looked up by when a difference is made of it."""
    names = ("statistic", "endpoint", "population", "group", "model", "time", "level")
    values = {**row, **others}
    return tuple(values[name] for name in names)


def _endpoint(row: Row) -> str:
    return "RFS" if row["endpoint"] == "first_recurrence" else str(row["endpoint"])


def _cause(row: Row) -> str:
    """The cause that a row is about; empty if it is about none."""
    of_share = row["statistic"].startswith("cumulative_incidence")
    if of_share or row["model"] in ("aalen-johansen", GRAY):
        return str(row["level"]) or COUNTED
    return str(row["population"]).partition("resection>")[2]


def _without_period(population: str) -> str:
    kept = [p for p in population.split(",") if not _PERIOD.match(p) and ">" not in p]
    return ",".join(kept) or "all"


# ---- shares and months ----------------------------------------------------------


def _share(row: Row, known: Chapter) -> dict[str, Any]:
    """Percent of a side at a month, in steps of K of its patients, limits outward."""
    frame = known.frame(row)
    if not known.followed(frame, row["time"]) or not math.isfinite(row["estimate"]):
        return {"estimate": math.nan}
    n, k = known.size(frame), known.k
    if not n >= _ENOUGH * k:
        return {"estimate": math.nan}
    ends = [row[name] / 100 for name in _FIELDS]
    ways = (0, -1, 1)
    told = [
        on_grid(v, n, k, way) if math.isfinite(v) else math.nan
        for v, way in zip(ends, ways, strict=True)
    ]
    middle, half = told[0], k / n / 2
    found = dict(zip(_FIELDS, (whole(100 * v) for v in told), strict=True))
    how = f"share between {max(middle - half, 0):.6f} and {min(middle + half, 1):.6f}"
    return {**found, "note": f"in steps of {k} patients", "how": how}


def _gap(row: Row, known: Chapter) -> dict[str, Any]:
    """A difference of two shown shares, or months; limits outward in steps of the smaller side."""
    column, own = row["group"], _OWN[row["statistic"]]
    frame = known.frame(row, "all")
    names = levels_of(frame, column) if frame is not None and column in frame else []
    shown = [
        known.told.get(_key(row, statistic=own, group=f"{column}={level}"), math.nan)
        for level in names
    ]
    if len(shown) != 2 or not all(map(math.isfinite, shown)):
        return {"estimate": math.nan}
    return _apart(row, shown, known.sides(row), known)


def _gap_of_gaps(row: Row, known: Chapter) -> dict[str, Any]:
    """The difference of two shown differences, one in each level of a modifier."""
    column, _, modifier = row["covariate"].partition(":")
    frame, own = known.frame(row, "all"), _OWN[row["statistic"]]
    names = levels_of(frame, modifier) if frame is not None and modifier in frame else []
    shown = [
        known.told.get(
            _key(row, statistic=own, group=column, population=f"{modifier}={level}", level=""),
            math.nan,
        )
        for level in names
    ]
    cells = _cells(row, known)
    if len(shown) != 2 or not all(map(math.isfinite, shown)) or not cells:
        return {"estimate": math.nan}
    return _apart(row, shown, cells, known)


def _apart(
    row: Row, shown: Sequence[float], cells: Sequence[pd.DataFrame | None], known: Chapter
) -> dict[str, Any]:
    """Second minus first, with limits outward in steps of K of the smallest cell."""
    value = shown[1] - shown[0]
    if "rmst" in row["statistic"]:
        decimals = 0 if min(len(cell) for cell in cells if cell is not None) < _SMALL else 1
        ends = [written(row[name], decimals) for name in _FIELDS[1:]]
        return dict(zip(_FIELDS, (written(value, decimals), *ends), strict=True))
    step = 100 * known.k / min(known.size(cell) for cell in cells if cell is not None)
    low = min(value, step * math.floor(row["conf_low"] / step)) if _ended(row) else math.nan
    high = max(value, step * math.ceil(row["conf_high"] / step)) if _ended(row) else math.nan
    found = dict(zip(_FIELDS, map(whole, (value, low, high)), strict=True))
    return {**found, "note": "of the shown numbers"}


def _ended(row: Row) -> bool:
    return math.isfinite(row["conf_low"]) and math.isfinite(row["conf_high"])


def _months(row: Row, known: Chapter) -> dict[str, Any]:
    """Mean months of a side, whole ones where it is small."""
    side = known.frame(row)
    if not known.followed(side, math.nan):
        return {"estimate": math.nan}
    if (side["time"].to_numpy(dtype=float) >= row["time"] - 1e-9).sum() < known.k:
        return {"estimate": math.nan}
    decimals = 0 if len(side) < _SMALL else 1
    return {name: written(row[name], decimals) for name in _FIELDS}


# ---- ratios ---------------------------------------------------------------------


def _ratio(row: Row, known: Chapter) -> dict[str, Any]:
    """A ratio or its p: K with and without the event in each level, or cell, or period."""
    endpoint, name, k = row["endpoint"], row["covariate"], known.k
    if (endpoint, name, row["population"]) in known.vetoed:
        return {"estimate": math.nan}
    if ":" in name:
        cells = _cells(row, known)
    elif row["model"] == "piecewise":
        cells = _periods(row, known)
    else:
        cells = _levels(known.frame(row, "all"), name or row["group"], k)
    if not cells or not all(_enough(cell, k) for cell in cells):
        return {"estimate": math.nan}
    if row["statistic"] in ("p", "posterior_probability"):
        return {"estimate": digits(row["estimate"], 2)}
    return {field: digits(row[field], 3) for field in _FIELDS}


def _enough(frame: pd.DataFrame | None, k: int) -> bool:
    if frame is None or "event" not in frame:
        return False
    had = frame["event"].to_numpy(dtype=bool)
    return min(had.sum(), (~had).sum()) >= k


def _levels(frame: pd.DataFrame | None, name: str, k: int) -> list[pd.DataFrame]:
    """The patients of each level of a column; none if 1 to K - 1 patients lack it."""
    if frame is None or name not in frame or 0 < int(frame[name].isna().sum()) < k:
        return []
    return [frame[frame[name] == level] for level in levels_of(frame, name)]


def _cells(row: Row, known: Chapter) -> list[pd.DataFrame]:
    """The patients of each cell of two columns; none if few lack one of them."""
    first, _, second = row["covariate"].partition(":")
    if not second:
        first, second = row["group"], row["covariate"].partition("=")[0]
    frame = known.frame(row, "all")
    outer = _levels(frame, first, known.k)
    return [cell for part in outer for cell in _levels(part, second, known.k) or [part.iloc[:0]]]


def _periods(row: Row, known: Chapter) -> list[pd.DataFrame]:
    """The patients of each level in a period, or in all, with the events that fall in it."""
    frame = known.frame(row, "all")
    found: list[pd.DataFrame] = []
    period = _PERIOD.match(str(row["population"]).rpartition(",")[2])
    if period is None:
        return _levels(frame, row["covariate"], known.k)
    low, high = float(period.group(1)), float(period.group(2) or math.inf)
    for part in _levels(frame, row["covariate"], known.k):
        time = part["time"].to_numpy(dtype=float)
        here = part[time > low + 1e-9]
        inside = here["time"].to_numpy(dtype=float) <= high + 1e-9
        found.append(here.assign(event=here["event"].to_numpy(dtype=bool) & inside))
    return found


# ---- balance --------------------------------------------------------------------


def _smd(row: Row, known: Chapter) -> dict[str, Any]:
    """A standardised difference: of categories from the shown counts, else in tenths."""
    name, level, k = row["covariate"], row["level"], known.k
    frame = known.frame(row, "all")
    sides = _levels(frame, row["group"], k)
    if len(sides) != 2 or ":" in name or any(len(side) < _ENOUGH * k for side in sides):
        return {"estimate": math.nan}
    if level and row["model"] not in _WEIGHTED:
        value = _of_counts([_shown_shares(side, name, known) for side in sides], level)
        return {"estimate": written(value, 1), "note": "from rounded counts"}
    if level and not all(_both(side[name].eq(level), k) for side in sides if name in side):
        return {"estimate": math.nan}
    return {"estimate": written(row["estimate"] + 0.0, 1), "note": "in tenths"}


def _both(inside: pd.Series, k: int) -> bool:
    yes = inside.fillna(False).to_numpy(dtype=bool)
    return min(yes.sum(), (~yes).sum()) >= k


def _shown_shares(side: pd.DataFrame, name: str, known: Chapter) -> dict[str, float]:
    """Shares of each level of a column among some patients, from the counts that were shown."""
    counts = {}
    for level in levels_of(side, name) if name in side else []:
        who = side.index[(side[name].astype(object).astype(str) == level).to_numpy()]
        count = known.register.known(np.asarray(known.people.index.isin(who)))
        counts[level] = float(count.shown) if count is not None else math.nan
    total = sum(counts.values())
    return {level: n / total for level, n in counts.items()} if total else {}


def _of_counts(shares: list[dict[str, float]], level: str) -> float:
    first, second = (found.get(level, math.nan) for found in shares)
    spread = math.sqrt((first * (1 - first) + second * (1 - second)) / 2)
    return (second - first) / spread if spread > 0 else math.nan


def _worth(row: Row, known: Chapter) -> dict[str, Any]:
    """An effective number under overlap weights, in steps of K; under others a group's size."""
    frame, k = known.frame(row), known.k
    if row["model"] != "overlap weighted" or frame is None or len(frame) < _ENOUGH * k:
        return {"estimate": math.nan}
    value = written(k * round(row["estimate"] / k), 0)
    return {"estimate": value, "n": known.size(frame), "note": f"in steps of {k} patients"}


def _area(row: Row, known: Chapter) -> dict[str, Any]:
    """How well the propensity tells the sides apart; two digits say nothing of one patient."""
    return {"estimate": written(row["estimate"], 2)}


def _bound(row: Row, known: Chapter) -> dict[str, Any]:
    """An E-value, which is computed from the digits of a ratio that is shown."""
    return {"estimate": digits(row["estimate"], 2)}


#: What each difference is of, and how many differences deep it is.
_OWN = {
    "risk_difference": "survival_rate",
    "cumulative_incidence_difference": "cumulative_incidence",
    "rmst_difference": "rmst",
    "difference_of_risk_differences": "risk_difference",
    "difference_of_rmst_differences": "rmst_difference",
}
_DEPTH = {name: 2 if "difference_of" in name else 1 for name in _OWN}
_HANDLERS: Mapping[str, Callable[[Row, Chapter], dict[str, Any]]] = {
    "survival_rate": _share,
    "cumulative_incidence": _share,
    "risk_difference": _gap,
    "cumulative_incidence_difference": _gap,
    "difference_of_risk_differences": _gap_of_gaps,
    "rmst": _months,
    "rmst_difference": _gap,
    "difference_of_rmst_differences": _gap_of_gaps,
    "hazard_ratio": _ratio,
    "subdistribution_hazard_ratio": _ratio,
    "ratio_of_hazard_ratios": _ratio,
    "posterior_probability": _ratio,
    "reri": _ratio,
    "p": _ratio,
    "smd": _smd,
    "effective_n": _worth,
    "propensity_auc": _area,
    "e_value": _bound,
    "e_value_limit": _bound,
}
