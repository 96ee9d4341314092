"""Ratios: exact where every level has K patients with and without the event, else not shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from crlm.ledger import as_records, kind_of
from crlm.ledger.vocabulary import COUNTED
from crlm.privacy.continuous import digits
from crlm.privacy.counts import Count, Register
from crlm.privacy.curves import whole
from crlm.privacy.people import People, levels_of
from crlm.privacy.tables import whole_of
from crlm.privacy.wording import blank, with_note

Row = dict[str, Any]
_RATIOS = ("hazard_ratio", "odds_ratio", "subdistribution_hazard_ratio", "transition_hazard_ratio")
_FIELDS = ("estimate", "conf_low", "conf_high")
_ALONE = ("univariable", "landmark")
#: Levels of one covariate in a model of their own, and the same drawn together.
LEVELS, DRAWN = "levels of one model", "partial pooling"
_FEWEST = 10
_STEP = 5
_SPECIFICATIONS = 20
_MOST_LEVELS = 16


@dataclass
class Fits:
    """Which models may be shown, remembered for what is computed from them later.

    Attributes
    ----------
    fine : dict
        By endpoint, population, model and covariate: whether its ratio is shown.
    vetoed : set of (endpoint, covariate, population)
        Ratios that the attack would use against a small count.
    """

    register: Register
    people: People
    fine: dict[tuple[str, str, str, str], bool] = field(default_factory=dict)
    vetoed: set[tuple[str, str, str]] = field(default_factory=set)
    sizes: dict[tuple[str, str], Any] = field(default_factory=dict)

    def shown(self, endpoint: str, covariate: str, model: str = "univariable") -> bool:
        """Whether a ratio of this covariate was shown for the endpoint."""
        return self.fine.get((endpoint, "all", model, covariate), False)


def release(rows: pd.DataFrame, fits: Fits) -> list[Row]:
    """Rows of Cox and logistic models as they may be shown."""
    records = as_records(rows)
    models: dict[tuple[str, str, str], list[Row]] = {}
    for row in records:
        where = _population(row)
        models.setdefault((row["endpoint"], where, row["model"]), []).append(row)
    verdicts = {key: _verdicts(key, part, fits) for key, part in models.items()}
    for key in verdicts:
        # What is drawn together has no reference row; it is shown where the levels are.
        if key[2] == DRAWN:
            verdicts[key] = verdicts.get((*key[:2], LEVELS), dict.fromkeys(verdicts[key], False))
    for key, found in verdicts.items():
        for name, fine in found.items():
            fits.fine[(*key, name)] = fine
    return [
        _shown(row, verdicts[row["endpoint"], _population(row), row["model"]], fits)
        for row in records
    ]


def _population(row: Row) -> str:
    """The patients of a whole model; an interaction names the stratum of each effect."""
    return "all" if row["model"] == "interaction" else str(row["population"])


# ---- what may be shown ----------------------------------------------------------


def _verdicts(key: tuple[str, str, str], rows: Sequence[Row], fits: Fits) -> dict[str, bool]:
    """Whether each covariate of a model may be shown; in a joint model all or none."""
    endpoint, population, model = key
    frame = fits.people.frame(endpoint, population)
    names = list(dict.fromkeys(row["covariate"] for row in rows if row["covariate"]))
    if frame is None:
        return dict.fromkeys(names, False)
    if model == "interaction":
        fine = all(_joint(frame, name, fits.register.k) for name in names)
        return dict.fromkeys(names, fine)
    if model == "time dependent":
        return {name: _switched(frame, name, fits.register.k) for name in names}
    if any(row["statistic"] == "subdistribution_hazard_ratio" for row in rows):
        # Events of its frame are the competing ones too.
        frame = frame.assign(event=(frame["cause"] == COUNTED).to_numpy(dtype=bool))
    odds = any(row["statistic"] == "odds_ratio" for row in rows)
    alone = [name for name in names if ":" not in name]
    found = {
        name: (endpoint, name, population) not in fits.vetoed
        and _enough(frame, name, rows, odds, fits.register.k)
        for name in alone
    }
    # A product is of the patients of its model: of those with all covariates known.
    known = frame.dropna(subset=[name for name in alone if name in frame])
    found |= {
        name: _joint(known, name, fits.register.k, odds) for name in names if name not in alone
    }
    if model in _ALONE:
        return found
    return dict.fromkeys(names, all(found.values()) and bool(found))


def _enough(frame: pd.DataFrame, name: str, rows: Sequence[Row], odds: bool, k: int) -> bool:
    """K events in every level, K without where it is small, and no few who lack the covariate."""
    if name not in frame or 0 < int(frame[name].isna().sum()) < k:
        return False
    wanted = ("reference", *_RATIOS)
    here = [row for row in rows if row["covariate"] == name and row["statistic"] in wanted]
    levels = [(row["n"], row["events"]) for row in here if row["level"]]
    if not levels and _shows_an_outlier(frame[name]):
        return False
    if not levels and (category := _counted(frame, name)):
        known = frame.dropna(subset=[name])
        cells = known.groupby(category, observed=True)["event"].agg(["size", "sum"]).to_numpy()
        return all(_level(n, events, odds, k) for n, events in cells)
    if not levels:
        events = max((row["events"] for row in here), default=0)
        n = max((row["n"] for row in here), default=0)
        return events >= _FEWEST and n - 2 >= _FEWEST
    if len(levels) < len(levels_of(frame, name)) and frame[name].nunique() > len(levels):
        return False
    return all(_level(n, events, odds, k) for n, events in levels)


def _level(n: float, events: float, odds: bool, k: int) -> bool:
    without = n - events
    return events >= k and (without >= k or (n >= 4 * k and not odds))


def _counted(frame: pd.DataFrame, name: str) -> str:
    """The category whose levels a number counts 0, 1, 2 ..., as for a trend; "" for another one.

    Its ratio says as much of a level of few patients as that level's own.
    """
    values = frame[name].astype(float)
    if not values.dropna().isin(range(_MOST_LEVELS)).all():
        return ""
    for other in frame:
        if other != name and len(levels_of(frame, other)) > 1:
            codes = pd.Series(pd.Categorical(frame[other]).codes, frame.index)
            if codes.where(codes >= 0).astype(float).equals(values):
                return other
    return ""


def _shows_an_outlier(values: pd.Series) -> bool:
    """Whether a number in steps of its own SD has an SD that one patient makes.

    Beside the ratio per unit, the ratio per SD tells the SD; where one value has half of the sum
    of squares, that tells the value.
    """
    known = values.astype(float).dropna()
    if abs(float(known.std()) - 1) > 1e-9:
        return False
    squares = (known - known.mean()) ** 2
    return bool(2 * squares.max() >= squares.sum())


def _joint(frame: pd.DataFrame, name: str, k: int, odds: bool = False) -> bool:
    """As `_enough`, for every cell of the levels of two covariates.

    A cell of nobody tells that nobody has both. The slopes of a number are of the patients of one
    level of the other each, and each needs the events of a number.
    """
    names = name.split(":")
    if any(part not in frame for part in (*names, "event")):
        return False
    lacking = int(frame[names].isna().any(axis=1).sum())
    by = [part for part in names if levels_of(frame, part)]
    known = frame.dropna(subset=names)
    if 0 < lacking < k or not by:
        return not 0 < lacking < k and int(known["event"].sum()) >= _FEWEST
    cells = known.groupby(by, observed=True)["event"].agg(["size", "sum"]).to_numpy()
    if len(cells) < math.prod(known[part].nunique() for part in by):
        return False
    fewest = 0 if len(by) == len(names) else _FEWEST
    return all(_level(n, events, odds, k) and events >= fewest for n, events in cells)


def _switched(frame: pd.DataFrame, name: str, k: int) -> bool:
    """As `_enough`, for what happens during follow-up; only surgical failure is known here."""
    if name != "surgical_failure" or "scp_event" not in frame:
        return False
    failed = frame["scp_event"].astype("boolean").fillna(False).to_numpy(dtype=bool)
    failed &= (frame["scp_months"] < frame["time"]).fillna(False).to_numpy(dtype=bool)
    had = frame["event"].to_numpy(dtype=bool)
    return all(
        _level(int(part.sum()), int((part & had).sum()), False, k) for part in (failed, ~failed)
    )


# ---- what is shown --------------------------------------------------------------


def _shown(row: Row, verdicts: Mapping[str, bool], fits: Fits) -> Row:
    statistic, name, k = row["statistic"], row["covariate"], fits.register.k
    fine = verdicts.get(name, all(verdicts.values()) if verdicts else False)
    n, events = _counts(row, fits)
    how = f"{n.how if n else ''}; events: {events.how if events else ''}"
    sized = {**row, "n": n.cell if n else math.nan, "events": events.cell if events else math.nan}
    sized |= {"how": how}
    if statistic == "n":
        return {**sized, "estimate": sized["n"], "method": with_note(row, n.note if n else "")}
    if statistic == "reference":
        return {**sized, "method": with_note(row)}
    if statistic == "chi_square":
        return blank(row, k)
    if not fine:
        return {**sized, **dict.fromkeys(_FIELDS, math.nan), "method": f"not shown: fewer than {k}"}
    return {**sized, **_ratio(row), "method": with_note(row)}


def _ratio(row: Row) -> dict[str, float]:
    if row["statistic"] == "p":
        return {"estimate": digits(row["estimate"], 2)}
    return {name: digits(row[name], 3) for name in _FIELDS}


def _counts(row: Row, fits: Fits) -> tuple[Count | None, Count | None]:
    """Patients and events of a row as they may be shown; None where no rule names them."""
    name, level, model = row["covariate"], row["level"], row["model"]
    if row["endpoint"] == "short_SCP" or row["population"] != "all" or ":" in name:
        return None, None
    if row["endpoint"] in fits.people.caused:
        return None, None
    if model not in ("univariable", LEVELS):
        # A joint model has complete cases alone; how many lack a covariate is not told twice.
        return None, None
    found = sizes(fits, row["endpoint"], name)
    if found is None:
        return None, None
    return found.get(level, (None, None))


def sizes(
    fits: Fits, endpoint: str, name: str
) -> dict[str, tuple[Count | None, Count | None]] | None:
    """Patients and events of each level of a covariate in an endpoint's frame, and of all ("")."""
    if (endpoint, name) not in fits.sizes:
        fits.sizes[endpoint, name] = _sizes(fits, endpoint, name)
    return fits.sizes[endpoint, name]


def _sizes(
    fits: Fits, endpoint: str, name: str
) -> dict[str, tuple[Count | None, Count | None]] | None:
    people, register = fits.people, fits.register
    frame = people.frame(endpoint)
    if frame is None or "event" not in frame or (name and name not in frame):
        return None
    everyone, events = people.where(frame), people.events(frame)
    base = whole_of(register, everyone, [], "all")
    total = register.side(events, everyone & ~events, base, f"{endpoint},all")
    if not name:
        return {"": (base, total)}
    levels = levels_of(frame, name)
    where = {level: people.where(frame, f"{name}={level}") for level in levels}
    lacking = people.where(frame, f"{name}=?")
    if lacking.any():
        where["?"] = lacking
    where = {level: mask for level, mask in where.items() if mask is not None and mask.any()}
    if not levels:
        return {"": (base, total) if not lacking.any() else (None, None)}
    names = [f"{name}={level}" for level in where]
    found = register.split(everyone, base, list(where.values()), names)
    pairs = [(mask & events, mask & ~events) for mask in where.values()]
    had = register.sides(pairs, found, total, [f"{endpoint},{text}" for text in names])
    sized = dict(zip(where, zip(found, had, strict=True), strict=True))
    told: dict[str, tuple[Count | None, Count | None]] = dict(sized)
    known = [count for level, (count, _) in sized.items() if level != "?"]
    complete = register.sum(int((everyone & ~lacking).sum()), known)
    told[""] = (base, total) if not lacking.any() else (complete, None)
    return told


# ---- what is computed from models -----------------------------------------------


def follow_on(row: Row, fits: Fits) -> Row:
    """Rows about the choice of a model, its assumptions and its resamples."""
    k, model, name = fits.register.k, kind_of(row["model"]), row["covariate"]
    endpoint, statistic = row["endpoint"], row["statistic"]
    if model == "ph_test":
        key = row["model"].replace(model, "multivariable")
        fine = fits.shown(endpoint, "", key) or _any(fits, endpoint, key)
        if statistic != "p" or not fine:
            return blank(row, k)
        return _bare(row, estimate=digits(row["estimate"], 2))
    fine = fits.shown(endpoint, name)
    if model.startswith("bootstrap"):
        return _resampled(row, fine, k)
    if model == "selection":
        value = digits(row["estimate"], 2) if fine else math.nan
        return _bare(row, estimate=value)
    if statistic == "concordance":
        frame = fits.people.frame(endpoint, row["population"])
        if frame is None or int(frame["event"].sum()) < 2 * k:
            return blank(row, k)
        return _bare(row, **{field: digits(row[field], 3) for field in _FIELDS})
    return blank(row, k)


def _any(fits: Fits, endpoint: str, model: str) -> bool:
    found = [v for (e, _, m, _), v in fits.fine.items() if (e, m) == (endpoint, model)]
    return bool(found) and all(found)


def _bare(row: Row, **fields: float) -> Row:
    return {**row, **fields, "n": math.nan, "events": math.nan, "method": with_note(row)}


def _resampled(row: Row, fine: bool, k: int) -> Row:
    if row["statistic"] == "percent":
        share = whole(_STEP * round(row["estimate"] / _STEP))
        n = row["n"] if not row["level"] else math.nan
        return {**_bare(row, estimate=share), "n": n}
    if not fine:
        return blank(row, k)
    return _bare(row, **{field: digits(row[field], 3) for field in _FIELDS})


def of_specifications(row: Row, k: int) -> Row:
    """A row of a specification curve whose models were chosen by `Release.plan`."""
    if not row["n"] >= _SPECIFICATIONS:
        return blank(row, k)
    if row["statistic"] in ("min", "max") and "percentile" not in row["method"]:
        return blank(row, k)
    if row["statistic"] == "percent":
        return {**row, "estimate": whole(_STEP * round(row["estimate"] / _STEP))}
    if row["statistic"] == "n":
        return dict(row)
    size = 2 if row["statistic"] == "p" else 3
    return {**row, **{field: digits(row[field], size) for field in _FIELDS}}
