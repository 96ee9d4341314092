"""Which results of a batch the page shows, each known by its keys and beside the printed number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from crlm import numbers
from crlm.batch.names import apart, label_of
from crlm.ledger import KEYS, load_claims, studies
from crlm.numbers import counted
from crlm.refusals import did_you_mean, listing

#: What tells two results apart, beside the run.
APART = (*KEYS, "study", "unit")

_MOST = 6
_MOST_SPLIT = 12
_MONTHS = {"months": 1.0, "month": 1.0, "years": 12.0, "year": 12.0}


@dataclass(frozen=True)
class Effect:
    """One result that many runs have.

    Attributes
    ----------
    label : str
        For the head of a column and over a chart; without the unit.
    statistic, unit, model : str
        As in the result rows; a model that several share is "".
    texts : dict of str to str
        The estimate as a safe report prints it, by the run's key, where that is a text of its own.
    values : dict of str to tuple of float
        Estimate and limits by the run's key; limits may be missing (nan).
    drawn : bool
        Whether it has a chart; otherwise it is a column of the table alone.
    published : float or None
        The printed value in the rows' unit; None where print has none that can be drawn.
    printed : str
        The printed value as text with its unit, maybe empty.
    """

    label: str
    statistic: str
    unit: str
    values: dict[str, tuple[float, float, float]]
    drawn: bool
    published: float | None = None
    printed: str = ""
    model: str = ""
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def is_ratio(self) -> bool:
        """Whether it is drawn on a logarithmic scale, neutral at 1."""
        return self.statistic.endswith("_ratio")

    @property
    def neutral(self) -> float | None:
        """The value that says "no difference": 1 for a ratio, 0 for a difference, else None."""
        if self.is_ratio:
            return 1.0
        difference = self.statistic.endswith("difference")
        return 0.0 if difference or self.statistic in ("coefficient", "smd") else None

    def text(self, value: float) -> str:
        """A value without its unit, as every report prints it."""
        return numbers.estimate({"estimate": value, **self._looks})

    def interval(self, three: Sequence[float]) -> str:
        """`estimate (low–high)` without its unit, as every report prints it."""
        limits = zip(("estimate", "conf_low", "conf_high"), three, strict=True)
        return numbers.interval({**dict(limits), **self._looks})

    @property
    def _looks(self) -> dict[str, str]:
        return {"statistic": self.statistic, "unit": self.unit, "model": self.model}


def with_unit(shown: str, unit: str) -> str:
    """A printed number and its unit, if it has one and is one."""
    return f"{shown} {unit}" if unit and shown not in ("not reached", numbers.HIDDEN) else shown


def converted(value: float, unit: str, wanted: str) -> float | None:
    """A value in another unit; None where the two do not measure the same.

    Days are not converted: papers count 30 or 30.44 of them in a month.
    """
    if unit == wanted:
        return value
    if unit in _MONTHS and wanted in _MONTHS and math.isfinite(value):
        return value * _MONTHS[unit] / _MONTHS[wanted]
    return None


def effects(
    rows: pd.DataFrame, claims: pd.DataFrame, wanted: Iterable[Mapping[str, Any]]
) -> tuple[list[Effect], list[str]]:
    """The effects that a grid names, else the paper's own; and sentences on what is not as named.

    Parameters
    ----------
    rows : pandas.DataFrame
        From `collecting.all_rows`.
    claims : pandas.DataFrame
        From `known_claims`.
    wanted : iterable of mappings
        Entries of `effects`: keys of a result row, each a value, a list of values, or text in
        which * stands for anything.

    Returns
    -------
    (effects, notes)
        A batch whose results match no printed number gets its most frequent ratios.
    """
    if "statistic" not in rows:
        return [], []
    keyed = _keyed(rows)
    found: list[Effect] = []
    notes: list[str] = []
    for entry in wanted:
        more, said = _named(keyed, claims, entry)
        found += more
        notes += said
    if not wanted:
        found += _usual(keyed, claims, "_ratio")
    found += _usual(keyed, claims, "median_survival")
    return found, notes


def known_claims(names: Iterable[str]) -> pd.DataFrame:
    """The printed numbers of the studies that the batch has and the ledger knows."""
    frames = [load_claims(name).assign(study=name) for name in sorted(set(names) & set(studies()))]
    if not frames:
        return pd.DataFrame()
    claims = pd.concat(frames, ignore_index=True)
    return claims[(claims["kind"] == "number") & (claims["field"] == "estimate")]


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their keys as text."""
    texts = {name: rows[name].fillna("").astype(str) for name in APART if name != "time"}
    time = rows["time"].map(lambda t: "" if pd.isna(t) else f"{float(t):g}")
    return rows.assign(**texts, time=time)


# ---- an entry of `effects` --------------------------------------------------


def _named(
    keyed: pd.DataFrame, claims: pd.DataFrame, entry: Mapping[str, Any]
) -> tuple[list[Effect], list[str]]:
    keys = {"statistic": "hazard_ratio"} | {k: v for k, v in entry.items() if k in APART}
    fits = pd.Series(True, index=keyed.index)
    for name, value in keys.items():
        fits &= _fitting(keyed[name], name, value)
    part = keyed[fits]
    if part.empty:
        return [], [f"effects: {_nothing(keyed, keys)}"]
    parts, told = _split(part)
    made, notes = [], []
    for number, one in enumerate(parts[:_MOST_SPLIT]):
        effect, repeated = _effect(one, claims, keys, entry, told)
        made.append(effect)
        notes += [repeated] if repeated else []
        if number == 0 and told:
            notes.insert(0, _told_apart(len(parts), told, keys))
    return made, notes


def _fitting(column: pd.Series, name: str, value: Any) -> pd.Series:
    wanted = [_as_text(name, one) for one in (value if isinstance(value, list) else [value])]
    pattern = "|".join(re.escape(one).replace(r"\*", ".*") for one in wanted)
    return column.str.fullmatch(pattern)


def _as_text(name: str, value: Any) -> str:
    return f"{float(value):g}" if name == "time" and value != "" else str(value)


def _nothing(keyed: pd.DataFrame, keys: Mapping[str, Any]) -> str:
    """Why no row fits: the first key whose value no row has, or all of them together."""
    for name, value in keys.items():
        if not _fitting(keyed[name], name, value).any():
            known = sorted(set(keyed[name]) - {""})
            hint = f"{did_you_mean(str(value), known)} There is: {listing(known, 12) or 'none'}."
            return f"no result row has {name} {value!r}.{hint}"
    listed = ", ".join(f"{name} {value!r}" for name, value in keys.items())
    return f"no result row has all of these together: {listed}."


def _split(part: pd.DataFrame) -> tuple[list[pd.DataFrame], list[str]]:
    """The rows of one entry as one part a result, and the keys in which the parts differ."""
    names = [name for name in APART if part.groupby("run")[name].nunique().max() > 1]
    always = ("study", "statistic", "unit")
    names += [n for n in always if n not in names and part[n].nunique() > 1]
    if not names:
        return [part], []
    return [one for _, one in part.groupby(names, sort=False)], names


def _told_apart(count: int, names: list[str], keys: Mapping[str, Any]) -> str:
    listed = ", ".join(f"{name} {value!r}" for name, value in keys.items())
    drawn = "each has a chart of its own"
    if count > _MOST_SPLIT:
        drawn = f"the first {_MOST_SPLIT} have a chart each; name more keys to see others"
    return f"effects: {listed} fits {count} results that differ in {', '.join(names)}; {drawn}."


def _effect(
    part: pd.DataFrame,
    claims: pd.DataFrame,
    keys: Mapping[str, Any],
    entry: Mapping[str, Any],
    told: list[str],
) -> tuple[Effect, str]:
    same = {name: part[name].iloc[0] for name in APART if part[name].nunique() == 1}
    shown = {name: same.get(name, _listed(keys.get(name, ""))) for name in APART}
    label = str(entry.get("label", "")) or label_of(shown)
    if entry.get("label") and told:
        label += f": {apart(told, {name: part[name].iloc[0] for name in APART})}"
    values, repeated = _values(part)
    unit, model = same.get("unit", ""), same.get("model", "")
    published, printed = _print(claims, same, unit)
    made = Effect(label, same["statistic"], unit, values, True, published, printed, model)
    if "published" in entry:
        published = float(entry["published"])
        printed = with_unit(made.text(published), unit)
        made = replace(made, published=published, printed=printed)
    left = f"{counted(repeated, 'run')} left out, with two different numbers under the same keys"
    return replace(made, texts=_texts(part)), f"{label}: {left}." if repeated else ""


def _listed(value: Any) -> str:
    return " / ".join(map(str, value)) if isinstance(value, list) else str(value)


def _values(part: pd.DataFrame) -> tuple[dict[str, tuple[float, float, float]], int]:
    """Estimate and limits by run; and how many runs have two answers, which then have none."""
    found: dict[str, tuple[float, float, float]] = {}
    twice = set()
    names = ["run", "estimate", "conf_low", "conf_high"]
    for key, *three in part[names].itertuples(index=False, name=None):
        if str(found.setdefault(key, tuple(three))) != str(tuple(three)):
            twice.add(key)
    return {key: three for key, three in found.items() if key not in twice}, len(twice)


def _texts(part: pd.DataFrame) -> dict[str, str]:
    """What a safe report prints for an estimate, where its digits would say more than it does."""
    told = part[["run", "estimate", "method"]].itertuples(index=False, name=None)
    found = {run: numbers.restored(value, str(method)) for run, value, method in told}
    return {run: shown.text for run, shown in found.items() if isinstance(shown, numbers.Shown)}


# ---- the paper's own --------------------------------------------------------


def _usual(keyed: pd.DataFrame, claims: pd.DataFrame, ending: str) -> list[Effect]:
    """The results of one kind that the paper prints, in its order; else the most frequent."""
    fitting = keyed[keyed["statistic"].str.endswith(ending)]
    parts = {key: part for key, part in fitting.groupby([*KEYS, "study"], sort=False)}
    printed = claims[claims["statistic"].str.endswith(ending)] if len(claims) else claims
    chosen = [
        key for key in dict.fromkeys(map(_claim_key, printed.to_dict("records"))) if key in parts
    ]
    chosen = chosen or sorted(parts, key=lambda key: -parts[key]["run"].nunique())
    made = [_effect(parts[key], claims, {}, {}, [])[0] for key in chosen[:_MOST]]
    return [replace(one, drawn=ending == "_ratio") for one in made]


def _claim_key(claim: Mapping[str, Any]) -> tuple[str, ...]:
    time = "" if pd.isna(claim["time"]) else f"{claim['time']:g}"
    texts = {name: "" if pd.isna(claim[name]) else str(claim[name]) for name in (*KEYS, "study")}
    return tuple({**texts, "time": time}.values())


def _print(claims: pd.DataFrame, same: Mapping[str, str], unit: str) -> tuple[float | None, str]:
    """The printed number of a result: in the rows' unit, and as text with its unit."""
    if not all(name in same for name in (*KEYS, "study")):
        return None, ""
    wanted = tuple(same[name] for name in (*KEYS, "study"))
    for claim in claims.to_dict("records"):
        if _claim_key(claim) == wanted:
            return _in_unit(claim, unit)
    return None, ""


def _in_unit(claim: Mapping[str, Any], unit: str) -> tuple[float | None, str]:
    printed_in = claim["unit"] if isinstance(claim["unit"], str) else ""
    text = with_unit(str(claim["printed"]), printed_in)
    value = converted(float(claim["value"]), printed_in, unit)
    if value is None or claim["operator"] != "=":
        return None, text
    if printed_in in ("", unit):
        return value, text
    return value, f"{round(value, 2):g} {unit} (printed {text})"
