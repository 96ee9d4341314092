"""The choices of an analysis, and combinations of them drawn at random."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crlm.ledger import CohortError, Design, ParameterError
from crlm.refusals import choice
from crlm.regression.engine import TIES, FollowUp
from crlm.regression.terms import check_names
from crlm.specification.forms import ADJUSTED, COMPETING, FORMS, STARTED, WEIGHTED
from crlm.specification.library import MEASURES, MISSING, Cell, build_cells, exposed

#: Up to so many combinations are shuffled; of more, some are drawn.
_SHUFFLED = 2**16
#: Draws for each specification wanted before the search for different ones is given up.
_PATIENCE = 50


@dataclass(frozen=True)
class Specification:
    """One way to analyse: which patients, covariates, measures and rules.

    Attributes
    ----------
    cell : int
        Which of `Plan.cells`.
    adjusters : tuple of str
    measure, missing, ties : str
    """

    cell: int
    adjusters: tuple[str, ...]
    measure: str
    missing: str
    ties: str


@dataclass(frozen=True)
class Plan:
    """The specifications of one effect, and all they need.

    Attributes
    ----------
    endpoint, exposure, level : str
        The effect: of this level of the exposure ("": per unit) on this endpoint.
    adjusters : tuple of str
        The pool of candidate covariates.
    cells : tuple of Cell
    specifications : tuple of Specification
        No two are the same model; the paper's own is the first if `printed`.
    printed : bool
    possible : int
        Combinations that they were drawn from.
    exposures : ndarray of float, shape (patients,)
        Of all patients, ordered by what is known of them.
    seed : int
    note : str
        What else the reader must know; mostly empty.
    form : str
        Of `forms.FORMS`: what is estimated under each specification.
    weight_cap : float
        Quantile at which weights of the treated are capped.
    cause : str
        Which cause the forms of competing events are about; often empty.
    """

    endpoint: str
    exposure: str
    level: str
    adjusters: tuple[str, ...]
    cells: tuple[Cell, ...]
    specifications: tuple[Specification, ...]
    printed: bool
    possible: int
    exposures: np.ndarray
    seed: int
    note: str = ""
    form: str = ADJUSTED
    weight_cap: float = 0.99
    cause: str = ""

    @property
    def population(self) -> str:
        """Whom the ratios speak of, as a key of rows: all, or those at risk of one cause."""
        return f"resection>{self.cause}" if self.form in COMPETING else "all"

    def under(self, form: str) -> Plan:
        """The same specifications under another form of the effect.

        The paper's own model is the adjusted one alone. Rules of follow-up that differ in what
        becomes of a competing event are one where that event competes: each model stays once.

        Raises
        ------
        ParameterError
            If there is no such form, or the frames lack what it needs (`lacks` says so too).
        """
        choice("form", form, FORMS)
        lacking = self.lacks(form)
        if lacking:
            raise ParameterError(f"There is no {form} effect here: {lacking}.")
        kept = self.specifications
        if form in COMPETING:
            kept = tuple({self._once(chosen): chosen for chosen in reversed(kept)}.values())[::-1]
        printed = self.printed and form == ADJUSTED
        return replace(self, form=form, printed=printed, specifications=kept)

    def _once(self, chosen: Specification) -> tuple:
        """Equal for specifications that are one model once events are told by their cause."""
        cell, columns, gaps = self.model(chosen)
        same = next(
            at
            for at, other in enumerate(self.cells)
            if other.population == cell.population
            and np.array_equal(other.data.time, cell.data.time)
            and np.array_equal(other.ends, cell.ends)
        )
        tie = chosen.ties if cell.tied else ""
        return same, columns, cell.complete(gaps)[0].n, tie

    def lacks(self, form: str) -> str:
        """Why the frames cannot give a form of the effect; empty where they can."""
        if form in WEIGHTED and not self.level:
            return f"{self.exposure} is a number, and weights need two sides"
        if form in COMPETING and any(cell.ends is None for cell in self.cells):
            return "the frames hold no competing cause"
        if form == STARTED and any(cell.start is None for cell in self.cells):
            return "the frames hold no start of treatment"
        return ""

    def model(self, chosen: Specification) -> tuple[Cell, tuple[int, ...], frozenset[int]]:
        """The cell, its columns and the gaps that exclude patients."""
        return _model(self.cells, self.adjusters, chosen)

    def arrays(self, chosen: Specification) -> tuple[FollowUp, np.ndarray, np.ndarray]:
        """Follow-up, design (the exposure last) and positions in `exposures` of a model."""
        cell, columns, gaps = self.model(chosen)
        data, rows = self._followed(cell, gaps)
        x = cell.columns[[*columns, 0]]
        return data, (x if len(rows) == x.shape[1] else x[:, rows]).T, cell.places[rows]

    def ends(self, chosen: Specification) -> np.ndarray:
        """What ended each follow-up of a model: 0 nothing, 1 the cause that is meant, 2 another."""
        cell, _, gaps = self.model(chosen)
        return cell.ends[self._followed(cell, gaps)[1]]

    def starts(self, chosen: Specification) -> np.ndarray:
        """When treatment of each patient of a model began, in months; missing: never."""
        cell, _, gaps = self.model(chosen)
        return cell.start[self._followed(cell, gaps)[1]]

    def _followed(self, cell: Cell, gaps: frozenset[int]) -> tuple[FollowUp, np.ndarray]:
        """Follow-up and positions of the patients whom the form can use."""
        data, rows = cell.complete(gaps)
        if self.form in COMPETING:
            known = cell.ends[rows] >= 0
            data, rows = data.take(known), rows[known]
            return replace(data, event=(cell.ends[rows] == 1).astype(data.event.dtype)), rows
        if self.form == STARTED:
            known = (cell.columns[0, rows] == 0) | ~np.isnan(cell.start[rows])
            return data.take(known), rows[known]
        return data, rows


def declare(
    frames: Mapping[str, pd.DataFrame],
    exposure: str,
    adjusters: Sequence[str],
    design: Design,
    *,
    measures: Sequence[str] = MEASURES,
    missing: Sequence[str] = MISSING,
    ties: Sequence[str] = TIES,
    exclusions: Sequence[str] = (),
    printed: Sequence[str] | None = None,
    most: int = 1000,
    most_patients: int = 3000,
    drawn_from: int = 0,
    seed: int = 1,
    cause: str = "",
    start: str = "",
    weight_cap: float = 0.99,
) -> Plan:
    """Draw specifications of one effect from all combinations of the choices.

    Parameters
    ----------
    frames : mapping of str to pandas.DataFrame
        Analysis frames of the same endpoint, by the name of the rule that made
        them; the first is the paper's. The index tells who is who: a later frame may hold
        fewer patients, but no others. A frame equal to an earlier one is passed over.
    exposure : str
        A factor of two levels or a number; patients without it are left out.
    adjusters : sequence of str
        Candidates: every subset is a choice. The exposure among them is passed over.
    design : Design
        Its factors name the quantity behind each dichotomy, its conventions the tie
        rule of the paper's model.
    measures : sequence of str
        Of `MEASURES`: how quantities enter, all alike in one model. "cut at the
        median": above the median of the frame's patients. "logarithm": of 1 + value.
    missing : sequence of str
        Of `MISSING`. "missing as a level": patients with a missing covariate stay and have
        an indicator of their own. That keeps the patients that a complete-case analysis
        loses, but adjusts less; it is common, so it is among the choices.
    ties : sequence of str
        Of "efron", "breslow".
    exclusions : sequence of str
        Groups as `column=level`, each left out in turn; one that the table does not have,
        or that is nobody's or everybody's, is passed over.
    printed : sequence of str, optional
        Covariates of the paper's model: then that model is among the specifications.
    most : int
        Specifications at most; all different ones if there are fewer.
    most_patients : int
        Of a larger table a random sample of this size is analysed, and `note` says so.
    drawn_from : int
        Patients of whom those of the frames are a random sample themselves; 0: they are all.
    seed : int
    cause : str
        For the forms of competing events: which level of the frames' column `cause` is meant.
        The others compete; an event without a cause leaves its patient out of these forms.
    start : str
        For the time-dependent form: the column with the month, on each frame's own clock, at
        which treatment of the exposed began. An exposed patient without it is left out there.
    weight_cap : float
        As `causal.weights`, for weights of the treated.

    Raises
    ------
    ParameterError
        If a column or choice is unknown, or there is nothing to draw.
    CohortError
        If the frames do not agree on the patients (one stands in a frame twice, is not in the
        first frame, or has another exposure there); as `regression.cox`.

    Notes
    -----
    Patients are ordered by what is known of them before anything is drawn, so that the order
    of a table's rows decides nothing.
    """
    _check(frames, exposure, adjusters, most, measures=measures, missing=missing, ties=ties)
    rng = np.random.default_rng(seed)
    pool = tuple(name for name in dict.fromkeys(adjusters) if name != exposure)
    frames = _ordered(frames, [exposure, *pool], exclusions, design)
    frames, note = _sampled(_different(frames), most_patients, drawn_from, rng)
    first = next(iter(frames.values()))
    known = first[exposure].dropna()
    level, exposures = exposed(known)
    cells = tuple(
        cell
        for rule, frame in frames.items()
        for cell in build_cells(
            rule, frame, exposure, pool, exclusions, design, known, cause, start
        )
    )
    own = design.conventions.get("ties")
    ties = sorted(ties, key=lambda rule: rule != own)
    options = (range(len(cells)), tuple(measures), tuple(missing), tuple(ties))
    # A model that lacks one of the paper's covariates is not the paper's.
    printed = printed if printed and set(printed) <= {*pool, exposure} else None
    drawn = _draw(cells, pool, options, printed, most, rng)
    return Plan(
        endpoint=str(first["endpoint"].iloc[0]) if "endpoint" in first and len(first) else "",
        exposure=exposure,
        level=level,
        adjusters=pool,
        cells=cells,
        specifications=drawn,
        printed=printed is not None,
        possible=2 ** len(pool) * math.prod(map(len, options)),
        exposures=exposures,
        seed=seed,
        note=note,
        weight_cap=weight_cap,
        cause=cause,
    )


def _check(
    frames: Mapping[str, pd.DataFrame],
    exposure: str,
    adjusters: Sequence[str],
    most: int,
    **options: Sequence[str],
) -> None:
    known = {"measures": MEASURES, "missing": MISSING, "ties": TIES}
    for name, values in options.items():
        if not values:
            raise ParameterError(f"{name} is empty; name at least one of {known[name]}.")
        for value in values:
            choice(name, value, known[name])
    if not frames or most < 1:
        what = "no analysis frame" if not frames else f"most={most}"
        raise ParameterError(f"There is nothing to draw: {what}. Give a frame, and most >= 1.")
    if len(adjusters) > 40:
        raise ParameterError(f"{len(adjusters)} candidates have too many subsets; at most 40.")
    others = [name for name in dict.fromkeys(adjusters) if name != exposure]
    for frame in frames.values():
        check_names(frame, [exposure, *others])


def _ordered(
    frames: Mapping[str, pd.DataFrame],
    names: Sequence[str],
    exclusions: Sequence[str],
    design: Design,
) -> dict[str, pd.DataFrame]:
    """The frames with their patients in one order, which their contents decide."""
    everybody = next(iter(frames.values())).index
    _check_patients(frames, everybody)
    sources = [design.source(name) for name in names]
    groups = [group.partition("=")[0] for group in exclusions]
    used = dict.fromkeys(["time", "event", "entry", *names, *sources, *groups])
    columns = [
        pd.factorize(frame[name].reindex(everybody), sort=True)[0]
        for frame in frames.values()
        for name in used
        if name in frame
    ]
    rank = pd.Series(np.arange(len(everybody)), index=everybody[np.lexsort(columns)])
    return {
        rule: frame.loc[rank.loc[frame.index].sort_values().index] for rule, frame in frames.items()
    }


def _check_patients(frames: Mapping[str, pd.DataFrame], everybody: pd.Index) -> None:
    """Refuse frames whose indices cannot be those of the same patients."""
    if any(frame.index.has_duplicates for frame in frames.values()):
        raise CohortError("A patient stands in a frame twice; give every row its own index.")
    for rule, frame in frames.items():
        strangers = int((~frame.index.isin(everybody)).sum())
        if strangers:
            raise CohortError(
                f"The frame {rule!r} holds {strangers} patients who are not in the first frame. "
                "Make all frames from one table, each under the table's own index."
            )


def _different(frames: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The frames without those that hold the same follow-up as an earlier one."""
    kept: dict[str, pd.DataFrame] = {}
    seen: list[pd.DataFrame] = []
    for name, frame in frames.items():
        what = frame[[c for c in ("time", "event", "entry") if c in frame]]
        if not any(what.equals(other) for other in seen):
            kept[name] = frame
            seen.append(what)
    return kept


def _sampled(
    frames: Mapping[str, pd.DataFrame], most: int, drawn_from: int, rng: np.random.Generator
) -> tuple[dict[str, pd.DataFrame], str]:
    everybody = next(iter(frames.values())).index
    n = min(len(everybody), most)
    whole = drawn_from or len(everybody)
    # A random part of a random sample is one of the whole.
    note = f"on a random {n:,} of the {whole:,} patients" if n < whole else ""
    if len(everybody) <= most:
        return dict(frames), note
    chosen = everybody[rng.choice(len(everybody), most, replace=False)]
    return {name: frame[frame.index.isin(chosen)] for name, frame in frames.items()}, note


def _draw(
    cells: Sequence[Cell],
    pool: Sequence[str],
    options: tuple[Sequence, ...],
    printed: Sequence[str] | None,
    most: int,
    rng: np.random.Generator,
) -> tuple[Specification, ...]:
    """Different models, each as likely as any other; the printed one is the first."""
    found: dict[tuple, Specification] = {}
    if printed:
        own = tuple(name for name in pool if name in printed)
        paper = Specification(0, own, *(choice[0] for choice in options[1:]))
        found[_key(cells, pool, paper)] = paper
    sizes = (2 ** len(pool), *map(len, options))
    for number in _numbers(math.prod(sizes), most, rng):
        if len(found) >= most:
            break
        subset, *places = (int(i) for i in np.unravel_index(number, sizes))
        adjusters = tuple(name for k, name in enumerate(pool) if subset >> k & 1)
        cell, *rest = (choice[i] for choice, i in zip(options, places, strict=True))
        chosen = Specification(cell, adjusters, *rest)
        if not _redundant(cells, pool, options, chosen):
            found.setdefault(_key(cells, pool, chosen), chosen)
    return tuple(found.values())


def _numbers(total: int, most: int, rng: np.random.Generator) -> Iterator[int]:
    if total <= _SHUFFLED:
        yield from rng.permutation(total)
    else:
        yield from (int(i) for i in rng.integers(total, size=most * _PATIENCE))


def _model(
    cells: Sequence[Cell], pool: Sequence[str], chosen: Specification
) -> tuple[Cell, tuple[int, ...], frozenset[int]]:
    cell = cells[chosen.cell]
    filled = chosen.missing == MISSING[2]
    offers = [cell.offers[name, chosen.measure, filled] for name in chosen.adjusters]
    columns = tuple(sorted({column for offer in offers for column in offer.columns} - {0}))
    if chosen.missing == MISSING[1]:
        offers = [cell.offers[name, chosen.measure, False] for name in pool]
    return cell, columns, frozenset().union(*(offer.gaps for offer in offers))


def _key(cells: Sequence[Cell], pool: Sequence[str], chosen: Specification) -> tuple:
    """Equal for specifications that are one and the same model of the same patients."""
    cell, columns, gaps = _model(cells, pool, chosen)
    # Whoever is complete for all is complete for some: equal numbers are equal patients.
    return chosen.cell, columns, cell.complete(gaps)[0].n, chosen.ties if cell.tied else ""


def _redundant(
    cells: Sequence[Cell], pool: Sequence[str], options: tuple[Sequence, ...], chosen: Specification
) -> bool:
    """Whether a simpler specification, or one with an earlier option, is the same model."""
    cell, columns, _ = _model(cells, pool, chosen)
    filled = chosen.missing == MISSING[2]
    seen: set[int] = {0}
    for name in chosen.adjusters:
        own = set(cell.offers[name, chosen.measure, filled].columns)
        if own <= seen:
            return True
        seen |= own
    key = _key(cells, pool, chosen)
    for field, values in zip(("measure", "missing", "ties"), options[1:], strict=True):
        for earlier in values[: values.index(getattr(chosen, field))]:
            if _key(cells, pool, replace(chosen, **{field: earlier})) == key:
                return True
    return False
