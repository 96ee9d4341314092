"""What all sections share: design, cohort, frames, conventions, the ledger, and the results."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from crlm import audit, cohort, files, ledger, lent, once, privacy, regression, survival
from crlm.ledger import ParameterError
from crlm.ledger.vocabulary import ALL, KNOWN, LANDMARK
from crlm.numbers import counted
from crlm.paper.printed import Printed
from crlm.report import html, readings, synthetic
from crlm.report.figures import Picture


@dataclass(frozen=True)
class Section:
    """What a call of `Paper` leaves in the reader's hand.

    Attributes
    ----------
    rows : pandas.DataFrame
        Its result rows (`ledger.ROW_COLUMNS`); empty where the cohort cannot feed it.
    figure : Picture or None
    """

    rows: pd.DataFrame
    figure: Picture | None = None

    def _ipython_display_(self) -> None:
        """Nothing: the call has shown what there is."""


class Modelled(NamedTuple):
    """What a model of the design is about.

    Attributes
    ----------
    endpoint, population : str
        As keys of its rows.
    frame : pandas.DataFrame
        Its patients.
    """

    endpoint: str
    population: str
    frame: pd.DataFrame


class Base(Printed):
    """A study, a cohort, and the conventions that hold for all sections.

    Parameters
    ----------
    study : str
        A name of `ledger.studies`.
    cohort_path, history_path, codebook_path : str
        The reader's files; empty for the shipped cohort.
    cuts : mapping of str to float, optional
        Cut-offs by factor name.
    ties, conf_type, median_rule : str
        Tied times in Cox models; scale of Kaplan-Meier limits; median where a curve is flat.
    odds_limits : {"wald", "profile"}, optional
        Limits of odds ratios; the design's if left out.
    chosen : mapping, optional
        All parameters of the run, to tell what differs from the paper's choices.
    safe : int
        Numbers of fewer patients than this are hidden (`privacy.Release`); 0: none.
    """

    def __init__(
        self,
        study: str,
        cohort_path: str = "",
        history_path: str = "",
        codebook_path: str = "",
        *,
        cuts: Mapping[str, float] | None = None,
        ties: str = "efron",
        conf_type: str = "log-log",
        median_rule: str = "first",
        odds_limits: str = "",
        chosen: Mapping[str, Any] | None = None,
        safe: int = 0,
    ) -> None:
        self.study = study
        self.design = ledger.load_design(study).with_cuts(**(cuts or {}))
        self.claims = ledger.load_claims(study)
        self.ties = ties
        self.odds_limits = odds_limits or self.design.odds_limits
        self.curve_rules = {"conf_type": conf_type, "median_rule": median_rule}
        self.chosen = dict(chosen or {})
        self.release = privacy.Release(safe, conf_type=conf_type)
        files.forget(filter(None, (cohort_path, history_path, codebook_path)))
        self.source = cohort.origin(cohort_path, self.design)
        book = codebook_path or None
        if any((cohort_path, history_path, codebook_path)):
            self.table = cohort.load(self.source["path"], self.design, book)
            self.history = cohort.events(history_path, cohort_path, self.design, book, self.table)
        else:
            self.table, self.history = once.patients(study)
        self.source["files"] = {
            "history": cohort.find_history(history_path, cohort_path, self.design, book),
            "codebook": codebook_path,
        }
        if self.release.on:
            self.source = cohort.unnamed(self.source)
        self.frames: dict[str, pd.DataFrame] = {}
        self._parts: list[pd.DataFrame] = []
        self._collected: tuple[int, pd.DataFrame] = (-1, ledger.rows([]))
        self.models: dict[str, pd.DataFrame] = {}
        self.selections: dict[str, regression.Rule] = {}
        html.show(html.style())

    # ---- what a section asks ----------------------------------------------------

    @property
    def synthetic(self) -> bool:
        """Whether the cohort was made from the paper's own print."""
        return self.source["kind"] == "reconstructed"

    @functools.cached_property
    def audit(self) -> audit.Audit:
        """The printed numbers held against each other; the same for every cohort."""
        return once.audit(self.study)

    @functools.cached_property
    def print(self) -> readings.Print:
        """What the paper prints, by the keys of a result row."""
        month = self.design.conventions["days_per_month"]
        return readings.Print(self.claims, self.audit.findings, month)

    @property
    def doubts(self) -> list[str]:
        """What reading the files left in doubt, each once, without anything they hold."""
        told = [*self.table.attrs["notes"], *self.history.attrs.get("notes", ())]
        told = list(dict.fromkeys(told))
        if told and self.release.on:
            many = counted(len(told), "remark")
            return [f"{many} on how the files were read, which `crlm check` shows."]
        return told

    @property
    def included(self) -> pd.DataFrame:
        """The patients who are analysed, one row each."""
        return self._frames()["patients"]

    @property
    def results(self) -> pd.DataFrame:
        """All result rows so far; no two of them share their keys."""
        if self._collected[0] != len(self._parts):
            safe = self.release.on and any(map(len, self._parts))
            parts = [privacy.plainest(self._parts)] if safe else self._parts
            self._collected = (len(self._parts), ledger.collect(parts))
        return self._collected[1].copy()

    @property
    def described(self) -> pd.DataFrame:
        """The patients who are analysed as tables of characteristics tell them.

        Whether an endpoint came is a category there, by the levels that a ledger names.
        """
        frame, found = self.included, {}
        for name in frame.columns.intersection(list(self.design.columns)):
            levels = self.design.levels(name)
            if levels and pd.api.types.is_bool_dtype(frame[name]):
                codes = frame[name].to_numpy(dtype=float, na_value=-1.0).astype(int)
                found[name] = pd.Categorical.from_codes(codes, levels)
        return frame.assign(**found) if found else frame

    def stands_on(self) -> list[object]:
        """Everything but its arguments that an analysis takes from the paper, for `lent.pure`."""
        given = (self.table, self.history, *self.frames.values())
        known = vars(self).setdefault("_told", {})
        key = tuple(map(id, given))
        if key not in known:
            told = lent.digest([given, list(self.frames)])
            # What cannot be told is no ground to lend on. What is kept keeps its id.
            known[key] = told or object(), given
        rules = [self.ties, self.odds_limits, self.curve_rules]
        return [known[key][0], self.design, *rules, self.release.k]

    def _frames(self) -> dict[str, pd.DataFrame]:
        if not self.frames:
            raise ParameterError("Call paper.endpoints() first: it makes the analysis frames.")
        return self.frames

    def lacking(self, endpoint: str, *columns: str) -> str:
        """Why a section cannot be fed; empty where it can.

        Parameters
        ----------
        endpoint : str
            Which frame the section reads; "patients" is one.
        columns : str
            The columns it needs, each with at least two different values there.
        """
        frame = self._frames().get(endpoint)
        if frame is None or frame.empty:
            what = (
                "patients to analyse"
                if endpoint == "patients"
                else f"{self.design.endpoint_name(endpoint)} times"
            )
            return f"This cohort has no {what}."
        absent = [name for name in columns if name not in frame or frame[name].nunique() < 2]
        if absent:
            names = " and ".join(self.design.label(name) for name in absent)
            return f"This cohort holds nothing to compare under {names}."
        return ""

    def told(self, *kinds: str) -> list[str]:
        """The notes of a safe report under what it shows; none where nothing is hidden."""
        return [privacy.told(self.release.k)[kind] for kind in kinds if self.release.on]

    def ungrouped(self, frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
        """The note on patients in none of the groups of columns; none in a safe report."""
        return [] if self.release.on else readings.in_no_group(frame, names, self.design)

    def can(self, what: str, endpoint: str, *columns: str) -> bool:
        """Whether a section can be fed; where it cannot, the line that says why is shown."""
        why = self.lacking(endpoint, *columns)
        if why:
            html.show(html.skipped(what, why))
        return not why

    def hides(self, what: str, rows: pd.DataFrame) -> bool:
        """Whether a safe report shows no estimate of a table; then one line says so in its place.

        Parameters
        ----------
        what : str
            What the table would have been.
        rows : pandas.DataFrame
            As they were released; sizes and reference levels are no estimates.
        """
        told = rows[~rows["statistic"].isin(["n", "reference"])]
        hidden = self.release.on and len(told) > 0 and not told["estimate"].notna().any()
        if hidden:
            why = f"Each of its numbers would tell of fewer than {self.release.k} patients."
            html.show(html.skipped(what, why))
        return hidden

    def usable(self, frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
        """The names with at least two observed values in a frame."""
        return [name for name in names if name in frame and frame[name].nunique() > 1]

    def inside(self, frame: pd.DataFrame, population: str) -> pd.DataFrame:
        """The patients of a population: `column=level`, `column=level/level`, joined by commas.

        Of a frame with times also `from month 6`: those left then, timed from there. Levels that
        nobody of them has are no groups of theirs.
        """
        for part in population.split(",") if population != ALL else ():
            column, _, levels = part.partition("=")
            if (month := LANDMARK.fullmatch(part)) and "time" in frame:
                frame = survival.landmark(frame, float(month[1]))
                continue
            if column not in frame:
                told = "is those of an endpoint: paper.from_landmark(ENDPOINT, by=COLUMN, month=N)"
                told = told if part.startswith("from month") else "is no condition, column=level"
                raise ParameterError(f"population: {part!r} {told}.")
            known = frame[column].notna()
            held = known if levels == KNOWN else frame[column].isin(levels.split("/"))
            frame = frame[held.to_numpy(dtype=bool)]
        if population == ALL:
            return frame
        kinds = frame.select_dtypes("category").columns
        return frame.assign(**{name: frame[name].cat.remove_unused_categories() for name in kinds})

    def modelled(self, name: str, whole: pd.DataFrame | None = None) -> Modelled:
        """A model of the design: its endpoint and its patients, with its own reference levels.

        A model of a yes-no outcome has all patients who are analysed. `whole`: those of its
        endpoint, where they are in no frame.
        """
        spec = self.design.models[name]
        endpoint, population = spec.get("endpoint") or name, spec.get("population") or "all"
        whole = self.frames.get(endpoint, self.frames["patients"]) if whole is None else whole
        frame = regression.held_against(
            self.inside(whole, population), spec.get("references") or {}
        )
        return Modelled(endpoint, population, frame)

    def as_modelled(self, frame: pd.DataFrame, endpoint: str, population: str) -> pd.DataFrame:
        """A frame with the reference levels of the model of its patients, else of all."""
        return regression.held_against(frame, self.design.references_of(endpoint, population))

    def lost(self, frame: pd.DataFrame, names: Sequence[str]) -> html.Html | None:
        """A line on the names that a frame cannot use; None where it can use all."""
        kept = self.usable(frame, names)
        gone = ", ".join(self.design.label(name) for name in names if name not in kept)
        return (
            html.skipped(gone, "This cohort does not hold it, or it does not vary.")
            if gone
            else None
        )

    # ---- what a section leaves --------------------------------------------------

    def add(self, *parts: pd.DataFrame) -> pd.DataFrame:
        """Put rows among the results and give them back as one frame, as they may be shown.

        The gate of a safe report: whatever a section draws or says it takes from here. One
        table a part, so that its counts are released together.
        """
        whole = [self.release.rows(part) for part in parts if part is not None and len(part)]
        self._parts += whole
        return pd.concat(whole, ignore_index=True) if whole else ledger.rows([])

    def section(
        self,
        rows: pd.DataFrame,
        pieces: Iterable[Any],
        reading: str | Sequence[str] = "",
        figure: Picture | None = None,
    ) -> Section:
        """Show pieces and the sentence that reads them, and give back the section."""
        text = reading if isinstance(reading, str) else readings.paragraph(reading)
        told = self.print.taken()
        html.show(*pieces, html.say(text, "reading", told) if text else None)
        return Section(rows, figure)

    def beside_siblings(self, section: Section) -> Section:
        """Show what other cohorts from the same print say of these rows; on a synthetic cohort."""
        beside = synthetic.siblings(section.rows, self.design, self.source)
        html.show(beside if self.synthetic else None)
        return section


def joined(*parts: pd.DataFrame) -> pd.DataFrame:
    """Released rows of several tables as one frame."""
    whole = [part for part in parts if len(part)]
    return pd.concat(whole, ignore_index=True) if whole else ledger.rows([])


def nothing() -> Section:
    """The section of a cohort that cannot feed it."""
    return Section(ledger.rows([]))
