"""Which results of a batch the page shows, each known by its keys and beside the printed number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from crlm import numbers
from crlm.ledger import KEYS, as_records, load_claims, load_design, studies
from crlm.ledger.vocabulary import ALL
from crlm.numbers import counted
from crlm.overview.names import apart, label_of
from crlm.refusals import did_you_mean, listing

#: By which a printed number is known; and what tells two results apart, beside the run.
_PRINTED = (*KEYS, "study")
APART = (*_PRINTED, "unit")

#: Printed numbers by their keys, the exposure's first, then in the papers' order.
Claims = Mapping[tuple[str, ...], Mapping[str, Any]]

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
    values : dict of str to tuple of float
        Estimate and limits by the run's key; limits may be missing (nan).
    drawn : bool
        Whether it has a chart; otherwise it is a column of the table alone.
    published : float or None
        The printed value in the rows' unit; None where print has none that can be drawn.
    printed : str
        The printed value as text with its unit, maybe empty.
    texts : dict of str to str
        The estimate as a safe report prints it, by the run's key, where that is a text of its own.
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
        difference = self.statistic.endswith("difference")
        zero = difference or self.statistic in ("coefficient", "smd")
        return 1.0 if self.is_ratio else 0.0 if zero else None

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


def effects(
    rows: pd.DataFrame, claims: Claims, wanted: Sequence[Mapping[str, Any]]
) -> tuple[list[Effect], list[str]]:
    """The effects that a grid names, else the paper's own; and sentences on what is not as named.

    `wanted` are the entries of `effects`: keys of a result row, each a value, a list of values,
    or text in which * stands for anything. A batch whose results match no printed number gets
    its most frequent ratios.
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


def known_claims(names: Iterable[str]) -> Claims:
    """The printed numbers of the studies that the batch has and the ledger knows.

    The effects of the exposure come first, those of all patients and of the multivariable model
    before others.
    """
    found: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for name in sorted(set(names) & set(studies())):
        claims = load_claims(name).assign(study=name)
        claims = claims[(claims["kind"] == "number") & (claims["field"] == "estimate")]
        first = {"covariate": load_design(name).exposure, "population": ALL}
        first["model"] = "multivariable"
        for key, value in reversed(first.items()):
            claims = claims.sort_values(key, key=lambda c, v=value: c != v, kind="stable")
        for claim in as_records(_keyed(claims)):
            found.setdefault(tuple(claim[key] for key in _PRINTED), claim)
    return found


def _keyed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their keys as text."""
    texts = {name: rows[name].fillna("").astype(str) for name in APART if name != "time"}
    time = rows["time"].map(lambda t: "" if pd.isna(t) else f"{float(t):g}")
    return rows.assign(**texts, time=time)


# ---- an entry of `effects` --------------------------------------------------


def _named(
    keyed: pd.DataFrame, claims: Claims, entry: Mapping[str, Any]
) -> tuple[list[Effect], list[str]]:
    keys = {"statistic": "hazard_ratio"} | {k: v for k, v in entry.items() if k in APART}
    fits = pd.Series(True, index=keyed.index)
    for name, value in keys.items():
        fits &= _fitting(keyed[name], value)
    part = keyed[fits]
    if part.empty:
        return [], [f"effects: {_nothing(keyed, keys)}"]
    # The keys in which the results of one run differ, or that no two results may share.
    told = [name for name in APART if part.groupby("run")[name].nunique().max() > 1]
    always = ("study", "statistic", "unit")
    told += [name for name in always if name not in told and part[name].nunique() > 1]
    parts = [one for _, one in part.groupby(told, sort=False)] if told else [part]
    notes = [_told_apart(len(parts), told, keys)] if told else []
    made, repeated = zip(
        *(_effect(one, claims, keys, entry, told) for one in parts[:_MOST_SPLIT]), strict=True
    )
    return list(made), [*notes, *filter(None, repeated)]


def _fitting(column: pd.Series, value: Any) -> pd.Series:
    wanted = (re.escape(one).replace(r"\*", ".*") for one in _texts(value))
    return column.str.fullmatch("|".join(wanted))


def _texts(value: Any) -> list[str]:
    """What an entry asks of a key, one or several, as `_keyed` has it."""
    values = value if isinstance(value, list) else [value]
    return [f"{one:g}" if isinstance(one, float) else str(one) for one in values]


def _nothing(keyed: pd.DataFrame, keys: Mapping[str, Any]) -> str:
    """Why no row fits: the first key whose value no row has, or all of them together."""
    for name, value in keys.items():
        if not _fitting(keyed[name], value).any():
            known = sorted(set(keyed[name]) - {""})
            hint = f"{did_you_mean(str(value), known)} There is: {listing(known, 12) or 'none'}."
            return f"no result row has {name} {value!r}.{hint}"
    return f"no result row has all of these together: {_listed(keys)}."


def _listed(keys: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in keys.items())


def _told_apart(count: int, names: list[str], keys: Mapping[str, Any]) -> str:
    drawn = "each has a chart of its own"
    if count > _MOST_SPLIT:
        drawn = f"the first {_MOST_SPLIT} have a chart each; name more keys to see others"
    differ = f"fits {count} results that differ in {', '.join(names)}"
    return f"effects: {_listed(keys)} {differ}; {drawn}."


def _effect(
    part: pd.DataFrame,
    claims: Claims,
    keys: Mapping[str, Any],
    entry: Mapping[str, Any],
    told: list[str],
) -> tuple[Effect, str]:
    """A result out of its rows; and a word on runs that have two answers, which then have none."""
    same = {name: part[name].iloc[0] for name in APART if part[name].nunique() == 1}
    asked = {name: " / ".join(_texts(keys.get(name, ""))) for name in APART}
    label = str(entry.get("label", "")) or label_of({**asked, **same})
    if entry.get("label") and told:
        label += f": {apart(told, {name: part[name].iloc[0] for name in APART})}"
    values, texts, twice = {}, {}, set()
    columns = ["run", "method", "estimate", "conf_low", "conf_high"]
    for run, method, *three in part[columns].itertuples(index=False, name=None):
        if str(values.setdefault(run, tuple(three))) != str(tuple(three)):
            twice.add(run)
        shown = numbers.restored(three[0], str(method))
        if isinstance(shown, numbers.Shown):
            texts[run] = shown.text
    values = {run: three for run, three in values.items() if run not in twice}
    unit = same.get("unit", "")
    made = Effect(label, same["statistic"], unit, values, True, None, "", same.get("model", ""))
    claim = claims.get(tuple(same.get(name) for name in _PRINTED))
    published, printed = _in_unit(claim, unit) if claim else (None, "")
    if "published" in entry:
        published = float(entry["published"])
        printed = with_unit(made.text(published), unit)
    left = f"{label}: {counted(len(twice), 'run')} left out, with two different numbers under the "
    made = replace(made, published=published, printed=printed, texts=texts)
    return made, f"{left}same keys." if twice else ""


# ---- the paper's own --------------------------------------------------------


def _usual(keyed: pd.DataFrame, claims: Claims, ending: str) -> list[Effect]:
    """The results of one kind that the paper prints, in their order; else the most frequent."""
    fitting = keyed[keyed["statistic"].str.endswith(ending)]
    parts = dict(list(fitting.groupby(list(_PRINTED), sort=False)))
    chosen = [key for key in claims if key in parts]
    chosen = chosen or sorted(parts, key=lambda key: -parts[key]["run"].nunique())
    made = [_effect(parts[key], claims, {}, {}, [])[0] for key in chosen[:_MOST]]
    return [replace(one, drawn=ending == "_ratio") for one in made]


def _in_unit(claim: Mapping[str, Any], unit: str) -> tuple[float | None, str]:
    """A printed number in the rows' unit, None where it cannot be drawn; and its text.

    Days are not converted: papers count 30 or 30.44 of them in a month.
    """
    value, printed_in = float(claim["value"]), claim["unit"]
    text = with_unit(str(claim["printed"]), printed_in)
    in_months = unit in _MONTHS and printed_in in _MONTHS and math.isfinite(value)
    if claim["operator"] != "=" or not (in_months or printed_in == unit):
        return None, text
    if printed_in in ("", unit):
        return value, text
    value *= _MONTHS[printed_in] / _MONTHS[unit]
    return value, f"{round(value, 2):g} {unit} (printed {text})"
