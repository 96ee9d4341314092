"""Which patients a result row counts, told from its keys; rows that cannot tell are not shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from crlm import survival
from crlm.ledger import Design
from crlm.ledger.factors import Merged, parts_of
from crlm.privacy.quantities import Nest

_LANDMARK = re.compile(r"from month ([\d.]+)$")


@dataclass
class People:
    """The analysis frames of a run, all on one index of patients.

    Attributes
    ----------
    frames : mapping of str to pandas.DataFrame
        From `endpoints.frames`: "patients", and one an endpoint.
    caused : dict of str to pandas.DataFrame
        By endpoint its frame with the `cause` of each event, where competing causes are told of.
    """

    frames: Mapping[str, pd.DataFrame]
    caused: dict[str, pd.DataFrame] = field(default_factory=dict)
    _kept: dict[tuple[str, str], pd.DataFrame | None] = field(default_factory=dict)
    _met: dict[tuple[int, str], np.ndarray | None] = field(default_factory=dict)

    @property
    def index(self) -> pd.Index:
        """All who are analysed."""
        return self.frames["patients"].index

    @cached_property
    def complete(self) -> frozenset[str]:
        """Columns that are known of every patient."""
        patients = self.frames["patients"]
        return frozenset(patients.columns[patients.notna().all()])

    def frame(self, endpoint: str, population: str = "all") -> pd.DataFrame | None:
        """The analysis frame of an endpoint among a population; None where there is none.

        Parameters
        ----------
        endpoint : str
            "" and "first_recurrence" have no times: the patients themselves.
        population : str
            As result rows have it: conditions, and maybe a landmark.
        """
        key = (endpoint, population)
        if key not in self._kept:
            self._kept[key] = self._frame(endpoint, population)
        return self._kept[key]

    def _frame(self, endpoint: str, population: str) -> pd.DataFrame | None:
        name = "patients" if endpoint in ("", "first_recurrence") else endpoint
        frame = self.frames.get("SCP" if name == "short_SCP" else name)
        frame = self.caused.get(name) if frame is None else frame
        for part in population.split(",") if population != "all" else ():
            late = _LANDMARK.fullmatch(part)
            if frame is None:
                return None
            if late and "time" in frame:
                frame = survival.landmark(frame, float(late.group(1)))
            else:
                inside = condition(frame, part)
                frame = None if inside is None else frame[inside]
        return frame

    def among(self, frame: pd.DataFrame, group: str) -> pd.DataFrame | None:
        """The patients of a frame who are in a group; None if not known."""
        part = condition(frame, group)
        return None if part is None else frame[part]

    def inside(self, frame: pd.DataFrame, conditions: Iterable[str]) -> np.ndarray | None:
        """Who of one of these frames meets all conditions; None if not known."""
        found = np.ones(len(frame), dtype=bool)
        for text in conditions:
            key = (id(frame), text)
            if key not in self._met:
                self._met[key] = condition(frame, text)
            part = self._met[key]
            if part is None:
                return None
            found &= part
        return found

    def where(self, frame: pd.DataFrame, *conditions: str) -> np.ndarray | None:
        """The patients of a frame who meet all conditions, over `index`; None if not known."""
        inside = self.inside(frame, conditions)
        return None if inside is None else np.asarray(self.index.isin(frame.index[inside]))

    def events(self, frame: pd.DataFrame, outcome: str = "event") -> np.ndarray:
        """The patients of a frame with its event, over `index`."""
        had = frame[outcome]
        yes = had.eq("yes") if outcome == "short_scp" else had.astype(bool)
        return np.asarray(self.index.isin(frame.index[yes.to_numpy(dtype=bool, na_value=False)]))


def condition(frame: pd.DataFrame, text: str) -> np.ndarray | None:
    """Who of a frame meets `ras=wild,hai=no`, `ras=known`, `ras=?` or `codon=wild/codon13`."""
    inside = np.ones(len(frame), dtype=bool)
    for part in text.split(",") if text not in ("", "all") else ():
        name, sign, value = part.partition("=")
        if not sign or name not in frame:
            return None
        values = frame[name]
        if value in ("known", "?"):
            inside &= (values.notna() == (value == "known")).to_numpy()
        else:
            inside &= _words(values).isin(value.split("/")).to_numpy()
    return inside


def _words(values: pd.Series) -> pd.Series:
    """Levels as result rows write them."""
    if pd.api.types.is_bool_dtype(values):
        return values.map({True: "yes", False: "no"}).astype(object)
    texts = [f"{v:g}" if isinstance(v, float) else str(v) for v in values.astype(object)]
    return pd.Series(texts, index=values.index).where(values.notna())


def levels_of(frame: pd.DataFrame, name: str) -> list[str]:
    """The levels of a column as result rows write them; none for a measurement."""
    values = frame[name]
    if isinstance(values.dtype, pd.CategoricalDtype):
        return [f"{v:g}" if isinstance(v, float) else str(v) for v in values.cat.categories]
    if pd.api.types.is_bool_dtype(values):
        return ["no", "yes"]
    if pd.api.types.is_numeric_dtype(values):
        return []
    return sorted(set(_words(values).dropna()))


def nested(patients: pd.DataFrame, design: Design | None = None) -> list[Nest]:
    """Columns whose levels lie in levels of another: codons in the mutants, parts of a factor."""
    names = [
        name
        for name in patients
        if isinstance(patients[name].dtype, pd.CategoricalDtype)
        and 1 < patients[name].nunique() <= 12
    ]
    found: dict[str, Nest] = {}
    for fine in names:
        for coarse in names:
            if fine != coarse and patients[fine].nunique() > patients[coarse].nunique() > 1:
                both = patients[[fine, coarse]].dropna().astype(str)
                pairs = both.drop_duplicates()
                whole = len(pairs) == patients[fine].nunique() and len(both)
                if whole and fine.startswith(coarse[:3]) or (whole and fine == "kras_codon"):
                    inside = dict(zip(pairs[fine], pairs[coarse], strict=True))
                    held = {level: (coarse, one) for level, one in inside.items()}
                    found[fine] = Nest(fine, held)
    return [*found.values(), *(_of_factors(design) if design else ())]


def _of_factors(design: Design) -> Iterator[Nest]:
    """Levels of factors that are made of their category's, or of those of a finer factor."""
    plain = [name for name, spec in design.factors.items() if "otherwise" not in spec]
    for name in plain:
        made = design.factor(name)
        if isinstance(made, Merged):
            held = {one: (name, level) for level in made.levels for one in made.groups[level]}
            yield Nest(made.source, held, whole=True)
        for other, one in design.factors_from(design.source(name)).items():
            if made and other in plain and other != name:
                parts = {level: parts_of(made, level, one) for level in made.levels}
                held = {part: (name, level) for level in parts for part in parts[level]}
                if held:
                    yield Nest(other, held, whole=True)


def had(frame: pd.DataFrame, endpoint: str) -> np.ndarray:
    """Who of a frame had its event; a short period is a yes-no outcome of the SCP frame."""
    if endpoint == "short_SCP":
        return frame["short_scp"].eq("yes").to_numpy(dtype=bool, na_value=False)
    return frame["event"].to_numpy(dtype=bool)


def staying(frame: pd.DataFrame, month: float) -> np.ndarray:
    """Who of an analysis frame is at risk just before a month: entry < month <= time.

    Who entered at the operation is at risk at month 0.
    """
    here = frame["time"].to_numpy(dtype=float) >= month - 1e-9
    if "entry" not in frame:
        return here
    entry = frame["entry"].fillna(0.0).to_numpy(dtype=float)
    return here & ((entry <= 0) | (entry < month - 1e-9))
