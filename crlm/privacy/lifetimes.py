"""Rows about times: sizes and events of groups, medians, rates, numbers at risk, tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from crlm.ledger import as_records
from crlm.ledger.vocabulary import POISSON
from crlm.numbers import HIDDEN, OF_TWO_DIGITS, Shown
from crlm.privacy import curves
from crlm.privacy.continuous import digits, written
from crlm.privacy.counts import Count, Register
from crlm.privacy.people import People, condition, staying
from crlm.privacy.tables import whole_of
from crlm.privacy.wording import blank, with_note

Row = dict[str, Any]
_FIELDS = ("estimate", "conf_low", "conf_high")
_OF_TIMES = ("median_follow_up", "min_follow_up", "max_follow_up")
_OF_TIMES += ("q1_follow_up", "q3_follow_up")


@dataclass
class Groups:
    """The groups of one column (or of none) in one analysis frame.

    Attributes
    ----------
    frames : dict of str to pandas.DataFrame
        The patients of each group.
    masks, events : dict of str to ndarray of bool
        The patients of each group and those with the event, over `people.index`.
    sizes, had : dict of str to Count
    """

    register: Register
    index: pd.Index
    frames: dict[str, pd.DataFrame]
    masks: dict[str, np.ndarray]
    events: dict[str, np.ndarray]
    sizes: dict[str, Count]
    had: dict[str, Count]

    @property
    def real(self) -> list[str]:
        """The groups that rows may name: without the patients of unknown group."""
        return [group for group in self.frames if not group.endswith("=?")]


def release(rows: pd.DataFrame, register: Register, people: People, conf_type: str) -> list[Row]:
    """Rows of `survival.summary` and its like as they may be shown."""
    records = as_records(rows)
    made: dict[tuple[str, ...], Groups | None] = {}
    for row in records:
        key = _comparison(row)
        if key not in made:
            named = [r["group"] for r in records if _comparison(r) == key and "=" in r["group"]]
            made[key] = _groups(register, people, key, list(dict.fromkeys(named)))
    shown = []
    for row in records:
        groups = made[_comparison(row)]
        handler = _HANDLERS.get(row["statistic"])
        if groups is None or handler is None:
            shown.append(blank(row, register.k))
        else:
            shown.append(handler(row, groups, conf_type))
    return shown


def _comparison(row: Row) -> tuple[str, str, str]:
    """Endpoint, population and the columns of the groups."""
    if row["model"] == POISSON:
        return row["endpoint"], row["population"], row["covariate"]
    by = (
        ""
        if row["group"] == "all"
        else ",".join(part.partition("=")[0] for part in row["group"].split(","))
    )
    endpoint = row["endpoint"] or ("OS" if row["statistic"] in _OF_TIMES else "")
    return endpoint, row["population"], by


def _groups(
    register: Register, people: People, key: tuple[str, str, str], named: Sequence[str]
) -> Groups | None:
    """Sizes and events of groups; None where the keys do not tell who they are."""
    endpoint, population, by = key
    frame = people.frame(endpoint, population)
    if frame is None or "event" not in frame or frame.empty:
        return None
    inside = {"all": np.ones(len(frame), dtype=bool)} if not by else {}
    for group in named:
        part = condition(frame, group)
        if part is None:
            return None
        inside[group] = part
    if by and not _all_groups(frame, by, inside):
        return None
    everyone, label = people.where(frame), "all" if population == "all" else population
    masks = {g: np.asarray(people.index.isin(frame.index[part])) for g, part in inside.items()}
    base = whole_of(register, everyone, list(masks.values()) if by else [], label)
    events = people.events(frame)
    total = register.side(events, everyone & ~events, base, f"{endpoint},{label}")
    if not by:
        sizes, had = {"all": base}, {"all": total}
        frames = {"all": frame}
        return Groups(register, people.index, frames, masks, {"all": events}, sizes, had)
    unknown = everyone & ~np.any(list(masks.values()), axis=0)
    if unknown.any():
        masks[f"{by}=?"] = unknown
    sizes = _parts(register, everyone, base, masks, population)
    pairs = [(mask & events, mask & ~events) for mask in masks.values()]
    found = register.sides(pairs, list(sizes.values()), total, [f"{endpoint},{g}" for g in masks])
    had = dict(zip(masks, found, strict=True))
    frames = {g: frame[frame.index.isin(people.index[mask])] for g, mask in masks.items()}
    with_event = {g: mask & events for g, mask in masks.items()}
    return Groups(register, people.index, frames, masks, with_event, sizes, had)


def _all_groups(frame: pd.DataFrame, by: str, inside: dict[str, np.ndarray]) -> bool:
    """Make room for groups that rows do not name but that exist; False if a column is absent."""
    names = by.split(",")
    if any(name not in frame for name in names):
        return False
    known = frame[names].notna().all(axis=1)
    for levels in frame.loc[known, names].drop_duplicates().astype(str).to_numpy():
        group = ",".join(f"{n}={level}" for n, level in zip(names, levels, strict=True))
        part = condition(frame, group)
        if part is not None and part.any():
            inside.setdefault(group, part)
    return bool(inside)


def _parts(
    register: Register,
    everyone: np.ndarray,
    base: Count,
    masks: dict[str, np.ndarray],
    population: str,
) -> dict[str, Count]:
    """Groups of a whole that is shown elsewhere; each in its band where the whole is not."""
    names = [group if population == "all" else f"{population},{group}" for group in masks]
    if base.kind != "band":
        found = register.split(everyone, base, list(masks.values()), names)
        return dict(zip(masks, found, strict=True))
    pairs = zip(masks.values(), names, strict=True)
    found = [register.known(mask, name) or register.own(mask, name) for mask, name in pairs]
    return dict(zip(masks, found, strict=True))


# ---- one row each ---------------------------------------------------------------


def _sized(row: Row, groups: Groups, **fields: Any) -> Row:
    """A row with the size and the events of its group as they are shown."""
    size, had = groups.sizes.get(row["group"]), groups.had.get(row["group"])
    n = size.cell if size else math.nan
    return {**row, "n": n, "events": had.cell if had else math.nan, **fields}


def _n(row: Row, groups: Groups, _: str) -> Row:
    if row["group"] not in groups.sizes or row["model"]:
        return blank(row, groups.register.k)
    size, had = groups.sizes[row["group"]], groups.had[row["group"]]
    told = {"method": with_note(row, size.note), "how": f"{size.how}; events: {had.how}"}
    return _sized(row, groups, estimate=size.cell, **told)


def _median(row: Row, groups: Groups, _: str) -> Row:
    frame, size = groups.frames.get(row["group"]), groups.sizes.get(row["group"])
    if frame is None or size is None:
        return blank(row, groups.register.k)
    found = curves.median(frame, row, groups.register.k)
    if size.hidden or size.shown < 2 * groups.register.k:
        found = dict.fromkeys(_FIELDS, math.nan)
    how = f"mean of the {groups.register.k} event times around it"
    if math.isfinite(row["estimate"]) and not math.isfinite(found["estimate"]):
        found["estimate"], how = Shown(math.nan, HIDDEN), f"hidden (<{groups.register.k})"
    return _sized(row, groups, **found, method=with_note(row, how))


def _follow_up(row: Row, groups: Groups, _: str) -> Row:
    frame, k = groups.frames.get(row["group"]), groups.register.k
    if frame is None or row["statistic"] != "median_follow_up":
        return blank(row, k)
    observed = "observed" in row["method"]
    if "without the event" in row["method"]:
        frame = frame[~frame["event"].to_numpy(dtype=bool)]
    found = curves.observed(frame, row, k)
    if not observed:
        found = curves.median(frame, row, k, censored=True)
    how = f"mean of the {k} patients around it"
    if not math.isfinite(found["estimate"]):
        found, how = dict.fromkeys(_FIELDS, math.nan), f"hidden (<{k})"
    return _sized(row, groups, **found, method=with_note(row, how))


def _rate(row: Row, groups: Groups, conf_type: str) -> Row:
    frame, size = groups.frames.get(row["group"]), groups.sizes.get(row["group"])
    k = groups.register.k
    if frame is None or size is None or size.hidden:
        return blank(row, k)
    steps = curves.Steps.of(frame, conf_type)
    found = curves.rate(steps, row["time"], size.shown, k)
    if not math.isfinite(found["estimate"]):
        return blank(row, k)
    how = f"in steps of {k} patients"
    return {**row, **found, "n": math.nan, "events": math.nan, "method": with_note(row, how)}


def _at_risk(row: Row, groups: Groups, _: str) -> Row:
    group, k = row["group"], groups.register.k
    if group not in groups.sizes or groups.sizes[group].hidden:
        return blank(row, k)
    count = at_risk(groups, group, row["time"])
    told = {"method": with_note(row, count.note), "how": count.how}
    return _sized(row, groups, estimate=count.cell, **told)


def at_risk(groups: Groups, group: str, month: float) -> Count:
    """How many of a group are at risk just before a month, or how many have left, in a band."""
    register, mask, label = groups.register, groups.masks[group], f"{group} at {month:g}"
    here = _staying(groups, group, month)
    left = mask & ~here
    count = register.known(here)
    if count is None and not left.any():
        count = groups.sizes[group]
    elif count is None and "entry" in groups.frames[group]:
        count = register.own(here, label)
    elif count is None:
        count = register.side(here, left, groups.sizes[group], label)
    if group == groups.real[-1] and len(groups.real) == len(groups.frames) > 1:
        _remember_all(groups, month)
    return count


def _staying(groups: Groups, group: str, month: float) -> np.ndarray:
    """Who of a group is at risk just before a month, over all patients."""
    frame = groups.frames[group]
    return np.asarray(groups.index.isin(frame.index[staying(frame, month)]))


def _remember_all(groups: Groups, month: float) -> None:
    """All at risk are the sum of the groups, wherever they are shown."""
    register = groups.register
    staying = {group: _staying(groups, group, month) for group in groups.real}
    everyone = np.any(list(staying.values()), axis=0)
    parts = [
        register.known(here) or register.band(0, f"{group} at {month:g}")
        for group, here in staying.items()
    ]
    if register.known(everyone) is None and not any(part.hidden for part in parts):
        register.keep(everyone, register.sum(int(everyone.sum()), parts))


def _nothing(row: Row, groups: Groups, _: str) -> Row:
    return blank(row, groups.register.k)


def _p(row: Row, groups: Groups, _: str) -> Row:
    """A log-rank p, and that of two rates which are shown; of other comparisons none."""
    k = groups.register.k
    if row["model"] == POISSON and not all(_large(groups, group) for group in groups.real):
        return blank(row, k)
    enough = all(groups.masks[g].sum() >= k and groups.events[g].sum() >= k for g in groups.real)
    if row["model"] not in ("logrank", POISSON) or not enough:
        return blank(row, k)
    fields = {"estimate": digits(row["estimate"], 2), "n": math.nan, "events": math.nan}
    return {**row, **fields, "method": with_note(row)}


def _difference(row: Row, groups: Groups, conf_type: str) -> Row:
    """The difference of two shown rates."""
    first, _, rest = str(row["method"]).partition(" minus ")
    second, k = rest.partition(", Greenwood")[0], groups.register.k
    if first not in groups.frames or second not in groups.frames:
        return blank(row, k)
    rates = [_rate({**row, "group": group}, groups, conf_type) for group in (first, second)]
    value = rates[0]["estimate"] - rates[1]["estimate"]
    if not math.isfinite(value):
        return blank(row, k)
    told = {"estimate": curves.whole(value), "conf_low": math.nan, "conf_high": math.nan}
    method = f"{first} minus {second}; of the shown rates"
    return {**row, **told, "n": math.nan, "events": math.nan, "method": method}


def _mean(row: Row, groups: Groups, _: str) -> Row:
    """A restricted mean in months as coarse as the group is small."""
    k = groups.register.k
    if row["group"] not in groups.frames or not _followed(groups, row["group"], row["time"]):
        return blank(row, k)
    values = {name: written(row[name], _decimals(groups)) for name in _FIELDS}
    return _sized(row, groups, **values, method=with_note(row))


def _mean_difference(row: Row, groups: Groups, _: str) -> Row:
    k = groups.register.k
    if not all(_followed(groups, group, row["time"]) for group in groups.real):
        return blank(row, k)
    decimals = _decimals(groups)
    values = {name: written(row[name], decimals) for name in _FIELDS}
    return {**row, **values, "n": math.nan, "events": math.nan, "method": with_note(row)}


def _incidence_rate(row: Row, groups: Groups, _: str) -> Row:
    """A rate of two digits, of a group that is large and has the event and the rest of it.

    Without limits: how far they lie from the rate tells the number of events.
    """
    k = groups.register.k
    if row["group"] not in groups.frames or not _large(groups, row["group"]):
        return blank(row, k)
    told = {"estimate": _two(row["estimate"]), "conf_low": math.nan, "conf_high": math.nan}
    return _sized(row, groups, **told, method=f"events over patient-years; {OF_TWO_DIGITS}")


def _rates_compared(row: Row, groups: Groups, _: str) -> Row:
    """The ratio of two shown rates, without limits."""
    k, own = groups.register.k, f"{row['covariate']}={row['level']}"
    pair = [own, groups.real[0]]
    if own not in groups.frames or not all(_large(groups, group) for group in pair):
        return blank(row, k)
    rates = [digits(_rate_of(groups.frames[group]), 2) for group in pair]
    told = {"estimate": _two(rates[0] / rates[1]), "conf_low": math.nan}
    told |= {"conf_high": math.nan, "n": math.nan, "events": math.nan}
    return {**row, **told, "method": f"of the shown rates; {OF_TWO_DIGITS}"}


def _two(value: float) -> Shown:
    """A number of two digits, without noughts behind them."""
    told = digits(value, 2)
    return Shown(told, f"{told:,g}")


def _rate_of(frame: pd.DataFrame) -> float:
    time = frame["time"].to_numpy(dtype=float)
    entry = frame["entry"].to_numpy(dtype=float) if "entry" in frame else np.zeros(len(time))
    return float(frame["event"].sum() / (time - np.maximum(entry, 0.0)).sum())


def _large(groups: Groups, group: str) -> bool:
    """Whether a group has 4 K patients, K with the event and K without."""
    frame, k = groups.frames[group], groups.register.k
    had = int(frame["event"].sum())
    return len(frame) >= 4 * k and had >= k and len(frame) - had >= k


def _unchanged(row: Row, groups: Groups, _: str) -> Row:
    return {**row, "n": math.nan, "events": math.nan, "method": with_note(row)}


def _followed(groups: Groups, group: str, month: float) -> bool:
    """Whether a group has 4 K patients, K events, and K at risk at a month."""
    k, frame = groups.register.k, groups.frames[group]
    staying = int((frame["time"].to_numpy(dtype=float) >= month - 1e-9).sum())
    return len(frame) >= 4 * k and int(frame["event"].sum()) >= k and staying >= k


def _decimals(groups: Groups) -> int:
    return 0 if min(len(groups.frames[group]) for group in groups.real) < 100 else 1


_HANDLERS: Mapping[str, Callable[[Row, Groups, str], Row]] = {
    "n": _n,
    "median_survival": _median,
    "survival_rate": _rate,
    "n_at_risk": _at_risk,
    "cumulative_events": _nothing,
    "chi_square": _nothing,
    "p": _p,
    "difference": _difference,
    "rmst": _mean,
    "rmst_difference": _mean_difference,
    "incidence_rate": _incidence_rate,
    "rate_ratio": _rates_compared,
    "rate_difference": _nothing,
    "reference": _unchanged,
    **dict.fromkeys(_OF_TIMES, _follow_up),
}


def curve(groups: Groups | None, register: Register, conf_type: str) -> pd.DataFrame:
    """The curves of groups as `survival.curve` gives them, straight between knots.

    A group that is too small for a curve has its first point alone.
    """
    parts = []
    for group in groups.real if groups else []:
        size = groups.sizes[group]
        made = pd.DataFrame()
        if not size.hidden:
            steps = curves.Steps.of(groups.frames[group], conf_type)
            made = curves.curve(steps, size.shown, register.k)
        if made.empty:
            made = pd.DataFrame([{"time": 0.0, "survival": 1.0, "conf_low": 1.0, "conf_high": 1.0}])
            made = made.assign(n_at_risk=math.nan, n_events=0.0, n_censored=0.0)
        parts.append(made.assign(group=group, straight=True))
    columns = ["group", "time", "n_at_risk", "n_events", "n_censored", "survival"]
    columns += ["conf_low", "conf_high", "straight"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def groups_of(
    register: Register, people: People, endpoint: str, population: str, by: str
) -> Groups | None:
    """The groups of a column, or of columns joined by commas, as rows would tell them."""
    return _groups(register, people, (endpoint, population, by), [])
