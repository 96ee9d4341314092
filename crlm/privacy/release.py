"""The gate between results and readers: rows, curves and sizes as they may be shown.

`rows` is the one way: what it does not know by kind it does not let through. Every call is
attacked before it returns, together with all that was released before; where a count is
pinned too narrowly the new bands are widened, and `close` attacks the whole once more.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from crlm import survival
from crlm.ledger import ROW_COLUMNS, Design, DisclosureError, as_records, kind_of
from crlm.ledger import rows as result_rows
from crlm.ledger.vocabulary import POISSON
from crlm.numbers import Shown, counted
from crlm.privacy import (
    chapter,
    lifetimes,
    models,
    quantities,
    specifications,
    tables,
    wording,
)
from crlm.privacy.attack import Attack, Protected, TruthOutside
from crlm.privacy.counts import Register, check_k
from crlm.privacy.people import People, had, levels_of, nested, staying
from crlm.privacy.unknowns import Knowledge, Terms, Unknown, places
from crlm.specification import Plan

_INCLUDED = "all who are included"
_ROUNDS, _REACH, _WIDEST = 60, 3, 8
_TABLES = ("n", "percent", "missing", "median", "q1", "q3", "min", "max", "mean", "sd")
_TABLES += ("p", "difference", "smd")
_LIFETIMES = ("n", "median_survival", "survival_rate", "n_at_risk", "cumulative_events")
_LIFETIMES += ("median_follow_up", "min_follow_up", "max_follow_up", "rmst", "rmst_difference")
_LIFETIMES += ("chi_square", "p", "difference", "q1_follow_up", "q3_follow_up")
_LIFETIMES += ("incidence_rate", "rate_ratio", "rate_difference", "reference")
_MODELS = ("univariable", "multivariable", "landmark", "interaction", "time dependent")
_MODELS += ("all factors", models.LEVELS, models.DRAWN)


@dataclass
class State:
    """What has been shown so far."""

    register: Register
    fine: dict[tuple[str, str, str, str], bool] = field(default_factory=dict)

    def copy(self) -> State:
        """Another that holds the same, to be tried and thrown away."""
        return State(self.register.copy(), dict(self.fine))


class Release:
    """Disclosure control of one report.

    Parameters
    ----------
    k : int
        Numbers of fewer patients are hidden; 0: everything is shown as it is.
    conf_type : str
        Scale of Kaplan-Meier limits, as in the run.

    Attributes
    ----------
    on : bool
        Whether anything is hidden at all.
    """

    def __init__(self, k: int = 0, *, conf_type: str = "log-log") -> None:
        self.k = check_k(k) if k else 0
        self.on = self.k > 0
        self.conf_type = conf_type
        self.state = State(Register(self.k))
        self.people: People | None = None
        self.nested: list[quantities.Nest] = []
        self.levels: dict[str, list[str]] = {}
        self.flow: dict[str, int] = {}
        self.vetoed: set[tuple[str, str, str]] = set()
        self.released: list[dict[str, Any]] = []
        self.rounds = 0
        self._masks: dict[Unknown, np.ndarray | None] = {}
        self.attack = Attack(self.k, self.truth)

    # ---- what is put in ---------------------------------------------------------

    def endpoints(self, frames: Mapping[str, pd.DataFrame], design: Design | None = None) -> None:
        """The patients and analysis frames that rows will speak of, with factors of the design."""
        if self.on:
            self.people = People(frames)
            self.nested = nested(frames["patients"], design)
            self.levels = {name: levels_of(frames["patients"], name) for name in frames["patients"]}

    def causes(self, endpoint: str, frame: pd.DataFrame) -> None:
        """The patients of an endpoint with what ended their time, of whom rows will speak."""
        if self.on:
            self._people().caused[endpoint] = frame

    # ---- what comes out ---------------------------------------------------------

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Result rows as they may be shown; the same frame where nothing is hidden.

        Raises
        ------
        DisclosureError
            If the attack finds no way to protect what these rows and all before them tell.
        """
        if not self.on or frame.empty:
            return frame
        for _ in range(_ROUNDS):
            trial, before = self.state.copy(), (self.attack.equations, self.attack.worlds)
            made = self._made(frame, trial)
            narrow = self._narrow([*self.released, *made])
            if not narrow:
                self.state = trial
                return self._let_out(made)
            self.rounds += 1
            fitting = self._widen(narrow, made)
            self.attack.equations, self.attack.worlds = before
            if not fitting:
                break
        return self._let_out([wording.blank(row, self.k) for row in as_records(frame)])

    def _let_out(self, made: Sequence[dict[str, Any]]) -> pd.DataFrame:
        """Rows that have passed, as a frame; from now on they are known."""
        self.released += made
        return _frame(made)

    def curve(
        self, made: pd.DataFrame, endpoint: str, by: str | Sequence[str] = (), among: str = "all"
    ) -> pd.DataFrame:
        """A curve straight between knots; the same frame where nothing is hidden.

        Parameters
        ----------
        made : pandas.DataFrame
            From `survival.curve`, of the endpoint's own frame among a population.
        by : str or sequence of str
            The columns of its groups; none: all patients.
        among : str
            The population, as in result rows.
        """
        if not self.on:
            return made
        names = by if isinstance(by, str) else ",".join(by or ())
        state = self.state.copy()
        groups = lifetimes.groups_of(state.register, self._people(), endpoint, among, names)
        drawn = lifetimes.curve(groups, state.register, self.conf_type)
        places = {group: at for at, group in enumerate(dict.fromkeys(made["group"]))}
        return drawn.sort_values("group", key=lambda g: g.map(places), kind="stable")

    def sizes(self, frames: Mapping[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
        """Patients and events of each endpoint's frame, as numbers that may be shown."""
        if not self.on:
            return {
                name: (float(len(frame)), float(frame["event"].sum()))
                for name, frame in frames.items()
                if "event" in frame
            }
        found = {}
        for name, frame in frames.items():
            if "event" in frame:
                row = {"endpoint": name, "statistic": "n", "unit": "patients", "n": len(frame)}
                row |= {"estimate": len(frame), "events": int(frame["event"].sum())}
                made = self.rows(result_rows([{**row, "method": "count"}])).iloc[0]
                found[name] = (made["n"], made["events"])
        return found

    def horizons(
        self, frame: pd.DataFrame, by: str, tau: float, least: int, most: float
    ) -> list[float | None]:
        """The months to which means go: the one asked for, or where the groups thin out.

        Without one that is asked for: the last whole month with `least` patients of each group
        at risk, and None, as far as all are followed. A safe report ends at the first, with K
        at risk at least.
        """
        if tau:
            return [tau]
        month = survival.whole_horizon(frame, by, max(self.k, least), most=most)
        return [*([month] if month else []), *([] if self.on else [None])]

    # ---- one effect under many choices ------------------------------------------

    def adjusters(self, frame: pd.DataFrame, names: Sequence[str]) -> list[str]:
        """Covariates whose gaps no few patients make."""
        return specifications.adjusters(frame, names, self.k) if self.on else list(names)

    def exclusions(self, frame: pd.DataFrame, groups: Sequence[str]) -> list[str]:
        """Groups that may be left out, none of a few patients."""
        return specifications.exclusions(frame, groups, self.k) if self.on else list(groups)

    def rules(self, frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Follow-up rules that do not differ in a few patients."""
        return specifications.rules(frames, self.k) if self.on else dict(frames)

    def plan(self, plan: Plan) -> Plan | None:
        """A plan without the models that a few patients make; None if too few stay."""
        return specifications.thinned(plan, self.k) if self.on else plan

    def tried(self, found: pd.DataFrame) -> pd.DataFrame:
        """The models of `specification.curve` as they may be drawn and written."""
        return specifications.drawable(found) if self.on else found

    def percentiles(self, found: pd.DataFrame, plan: Plan) -> pd.DataFrame:
        """Percentiles in place of the smallest and largest of many ratios."""
        return specifications.percentiles(found, plan) if self.on else found

    def banner(self, n: int) -> float:
        """How many rows the table has, as it may be said."""
        if not self.on:
            return float(n)
        return next((r["estimate"] for r in self.released if r["level"] == "start"), math.nan)

    def close(self) -> str:
        """Attack all that was released; a name of the attack that holds no date.

        Raises
        ------
        DisclosureError
            If a count keeps fewer than K possible values, or the time is over.
        """
        if not self.on:
            return ""
        self.attack.forget()
        narrow = self._narrow(self.released)
        if narrow:
            where = places(unknown for one in narrow for unknown, _ in one.terms)
            raise DisclosureError(
                f"An attack on this report leaves fewer than {self.k} possible values to "
                f"{counted(len(narrow), 'small count')} ({where}), so nothing was written. Take "
                "a larger --safe, or leave sections on these out of the notebook."
            )
        digest = hashlib.sha256(_frame(self.released).to_csv().encode()).hexdigest()
        return f"rows {digest[:8]}"

    # ---- by kind ----------------------------------------------------------------

    def _made(self, frame: pd.DataFrame, state: State) -> list[dict[str, Any]]:
        """All rows of a call, each kind by its rules, in their order."""
        frame = frame.reset_index(drop=True)
        kinds = [self._kind(row) for row in as_records(frame)]
        shown: dict[int, dict[str, Any]] = {}
        for kind in dict.fromkeys(kinds):
            at = [place for place, one in enumerate(kinds) if one == kind]
            part = frame.iloc[at].assign(_place=at)
            for row in self._of_kind(kind, part, state):
                shown[row.pop("_place")] = row
        return [shown[at] for at in sorted(shown)]

    def _kind(self, row: Mapping[str, Any]) -> str:
        statistic, model = row["statistic"], kind_of(row["model"])
        if row["covariate"] == "flow":
            return "flow"
        if model.startswith("specification curve"):
            return "specifications"
        if model in ("ph_test", "selection") or model.startswith("bootstrap"):
            return "follow on"
        if statistic == "concordance":
            return "follow on"
        diagnosis = model == "diagnostic" and statistic in chapter.DIAGNOSES
        if diagnosis or model in chapter.MODELS or statistic.startswith("e_value"):
            return "chapter"
        if statistic.startswith("cumulative_incidence") and not model:
            return "chapter"
        if model in _MODELS or model.startswith("printed covariates"):
            return "model"
        timed = row["endpoint"] not in ("", "first_recurrence") or "follow_up" in statistic
        of_curves = model in ("", "logrank", "left out") and not row["covariate"]
        if timed and (of_curves or model == POISSON):
            return "lifetimes" if statistic in _LIFETIMES else "other"
        if model in ("", "left out") and not timed and statistic in _TABLES:
            return "table"
        return "other"

    def _of_kind(
        self, kind: str, part: pd.DataFrame, state: State
    ) -> Sequence[dict[str, Any]] | Iterator[dict[str, Any]]:
        register = state.register
        if kind == "flow":
            return self._flow(as_records(part), register)
        if kind == "specifications":
            return [models.of_specifications(row, self.k) for row in as_records(part)]
        people = self._people()
        if kind == "table":
            return self._tables(part, register, people)
        if kind == "lifetimes":
            return lifetimes.release(part, register, people, self.conf_type)
        fits = models.Fits(register, people, state.fine, self.vetoed)
        if kind == "model":
            return models.release(part, fits)
        if kind == "follow on":
            return [models.follow_on(row, fits) for row in as_records(part)]
        if kind == "chapter":
            known = chapter.Chapter(register, people, self.vetoed)
            return chapter.release(as_records(part), known)
        return [wording.blank(row, self.k) for row in as_records(part)]

    def _tables(
        self, part: pd.DataFrame, register: Register, people: People
    ) -> list[dict[str, Any]]:
        """Tables of one call, told apart by their population and the column of their groups."""
        keys = tables.of(part)
        found: list[dict[str, Any]] = []
        for key in dict.fromkeys(keys):
            found += tables.release(part[[one == key for one in keys]], register, people)
        return found

    def _flow(
        self, records: Sequence[dict[str, Any]], register: Register
    ) -> Iterator[dict[str, Any]]:
        """Exclusions in bands; what was left at each step is the included and all after it."""
        kept = [r for r in records if not r["level"].endswith("_excluded")]
        out = [r for r in records if r["level"].endswith("_excluded")]
        counts = {
            row["level"]: register.band(int(row["estimate"]), ("flow", row["level"]))
            for row in out
            if math.isfinite(row["estimate"])
        }
        self.flow = {row["level"]: int(row["estimate"]) for row in [*out, *kept] if _finite(row)}
        self.flow[_INCLUDED] = int(kept[-1]["estimate"])
        left, included = {}, kept[-1]
        running = [register.exact(int(included["estimate"]))]
        for row in reversed(kept):
            left[row["level"]] = register.sum(int(row["estimate"]), running)
            after = counts.get(f"{row['level']}_excluded")
            running += [after] if after is not None else []
        left[included["level"]] = running[0]
        for row in records:
            count = (left | counts).get(row["level"])
            if count is None:
                yield {**row, "method": wording.with_note(row)}
            else:
                told = {"estimate": count.cell, "n": count.cell}
                yield {
                    **row,
                    **told,
                    "method": wording.with_note(row, count.note),
                    "how": count.how,
                }

    def _people(self) -> People:
        if self.people is None:
            raise DisclosureError("Call paper.endpoints() first: it makes the analysis frames.")
        return self.people

    # ---- the attack -------------------------------------------------------------

    def knowledge(self, rows: Sequence[Mapping[str, Any]]) -> Knowledge:
        """What released rows tell whoever knows the columns and levels of the study."""
        complete = self.people.complete if self.people else ()
        return quantities.of(rows, self.k, self.nested, self.levels, complete)

    def _narrow(self, rows: Sequence[Mapping[str, Any]]) -> list[Protected]:
        """Small counts that rows pin to fewer than K values."""
        known = self.knowledge(rows)
        try:
            found = self.attack.ranges(known)
        except TimeoutError:
            raise DisclosureError(
                f"The attack on this report was not over after {self.attack.seconds:g} seconds, "
                "so nothing was written. Leave sections out of the notebook, or take a larger "
                "--safe."
            ) from None
        except TruthOutside as error:
            raise DisclosureError(
                f"The released counts do not fit the patients ({error}), so nothing was written. "
                "This is a fault of the program: please report it."
            ) from None
        return [one for one in found if one.values < self.k]

    def _widen(self, narrow: Sequence[Protected], made: Sequence[Mapping[str, Any]]) -> bool:
        """Hide a new ratio, else double the new band that is least; False if there is none."""
        known, every = self.knowledge(made), self.knowledge([*self.released, *made])
        mine = {(row["endpoint"], row["covariate"], row["population"]) for row in made}
        ratios = {key: told for key, told in every.exact.items() if key in mine}
        near = {unknown for one in narrow for unknown, _ in one.terms}
        columns = {part.partition("=")[0] for unknown in near for part in unknown.conditions}
        within = [near := self._linked(near) for _ in range(_REACH)]
        # What tables compare is what the report is about: its ratios go last.
        compared = {r["group"].partition("=")[0] for r in self.released if r["covariate"]}
        own = [key for key in ratios if key[1] in columns]
        own.sort(key=lambda key: key[1] in compared)
        if self._veto({key: ratios[key] for key in own}, within[-1]):
            return True
        for near in within:
            if self._veto(ratios, near):
                return True
            bands = self._bands(known, near)
            if bands:
                least = min(bands, key=lambda key: bands[key])
                self.state.register.width[least] = 2 * bands[least][0]
                return True
        return False

    def _veto(self, ratios: Mapping[tuple[str, str, str], list[Terms]], near: set[Unknown]) -> bool:
        """Hide the first new ratio that tells of these counts; False if none does."""
        for key, events in ratios.items():
            told = {unknown for terms in events for unknown, _ in terms}
            if key not in self.vetoed and near & told:
                self.vetoed.add(key)
                return True
        return False

    def _bands(self, known: Knowledge, near: set[Unknown]) -> dict[object, tuple[int, int]]:
        """Width and value of each band that is new and may still grow."""
        found: dict[object, tuple[int, int]] = {}
        register = self.state.register
        for unknown, text in known.printed.items():
            if unknown in near and text and "hidden" not in text and "shown before" not in text:
                key, true = self._banded(unknown, text)
                width = register.width.get(key, 1)
                if true and width <= _WIDEST and key not in register.shown:
                    found.setdefault(key, (width, true))
        return found

    def _linked(self, near: set[Unknown]) -> set[Unknown]:
        """Unknowns that share an equation with some, and these."""
        found = set(near)
        for equation in self.attack.equations:
            mine = {unknown for unknown, _ in equation.terms}
            if mine & near:
                found |= mine
        return found

    def _banded(self, unknown: Unknown, text: str) -> tuple[object, int]:
        """The key of the band behind a printed count, and its true value."""
        if unknown.kind == "x":
            level = next(iter(unknown.conditions))
            return ("flow", level), self.flow.get(level, 0)
        mask = self._mask(unknown)
        if "the others" in text:
            whole = self._mask(unknown._replace(kind="n"))
            mask = None if whole is None or mask is None else whole & ~mask
        if mask is None:
            return ("unknown", unknown), 0
        return mask.tobytes(), int(mask.sum())

    # ---- the truth, for the attack alone ----------------------------------------

    def truth(self, unknown: Unknown) -> float:
        """The true value of an unknown; NaN where the frames do not tell."""
        if unknown.kind == "x":
            return float(self.flow.get(next(iter(unknown.conditions)), math.nan))
        if self.people is None:
            everybody = unknown == Unknown("n", "", frozenset())
            return float(self.flow.get(_INCLUDED, math.nan)) if everybody else math.nan
        mask = self._mask(unknown)
        return math.nan if mask is None else float(mask.sum())

    def _mask(self, unknown: Unknown) -> np.ndarray | None:
        if unknown not in self._masks:
            self._masks[unknown] = self._counted(unknown)
        return self._masks[unknown]

    def _counted(self, unknown: Unknown) -> np.ndarray | None:
        """The patients whom an unknown counts."""
        people = self._people()
        name, _, late = unknown.frame.partition(", ")
        caused = any(part.startswith("cause=") for part in unknown.conditions)
        frame = people.caused.get(name) if caused else people.frame(name, late or "all")
        if frame is None:
            return None
        inside = people.inside(frame, sorted(unknown.conditions))
        if inside is None or (unknown.kind != "n" and "event" not in frame):
            return None
        if unknown.kind in ("d", "c"):
            inside = inside & had(frame, name)
        times = frame["time"].to_numpy(dtype=float) if "time" in frame else None
        if unknown.kind == "r":
            inside = inside & staying(frame, unknown.month)
        if unknown.kind == "c":
            inside = inside & (times <= unknown.month + 1e-9)
        return np.asarray(people.index.isin(frame.index[inside]))


def _frame(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Result rows whose numbers may have a text of their own."""
    frame = pd.DataFrame(records, columns=list(ROW_COLUMNS))
    for name in ("time", "estimate", "conf_low", "conf_high", "n", "events"):
        values = [row[name] for row in records]
        told = any(isinstance(value, Shown) for value in values)
        frame[name] = pd.Series(values, index=frame.index, dtype=object if told else float)
    return frame


def _finite(row: Mapping[str, Any]) -> bool:
    return math.isfinite(row["estimate"])
