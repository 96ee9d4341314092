"""The legs of a search: a declared list, from coarse to fine, one frozen procedure.

Leg "core" fits curves, medians, limits and follow-up of the groups whose sizes are printed, the
models that are printed row by row, and the tests of and medians by their covariates: all together
from the start, for what is left out then finds no room later; of three starts the one that meets
most goes on, since where a search ends is settled here. A search that is too short for three has
one start with the steps of all, behind "curves", which moves courses of disease alone, against all
but models: the first cohort's curves are those of the groups, and what costs little to evaluate
leads there soonest. "alone" deals out the other columns,
times fixed, those together that a model holds; "joint" moves all but the sites of recurrence,
which are dealt out once more. In each leg tolerance falls towards the half-width of a printed
interval. "insisting" takes one unmet claim after the other: heavier for a while, hot, then cooled,
and taken back unless as much is met as before; the sites are dealt out a last time. "times" moves
single times where their mean or spread is printed: it takes many small shifts. "polishing" is of
models of fixed covariates. "columns" deals out once more what an unmet claim alone is about, from
wide to narrow, and keeps it if more is met.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from crlm.reconstruction.annealing import Search
from crlm.reconstruction.codes import OF_COLUMNS, OF_ENDPOINT, Kind, Move, Rule
from crlm.reconstruction.models import Model, searched_models, terms_of
from crlm.reconstruction.quantities import RATIOS

#: Temperatures and tolerances of a leg fall in so many parts.
CHUNKS = 60
#: Kinds of blocks that may hold several covariates.
FITS = [Kind.COX, Kind.LOGISTIC]


def chances(**weights: float) -> np.ndarray:
    """How often each move is tried, in the order of `codes.Move`; those not named never."""
    found = np.zeros(len(Move))
    for name, weight in weights.items():
        found[Move[name]] = weight
    return found


#: How often each move is tried: where times may move, where not, and where levels are given anew.
COURSES = chances(
    SHIFT=22,
    ANCHOR=8,
    DEATH=7,
    FAILURE=7,
    RECURRENCE=3,
    SWAP_COURSE=8,
    SWAP_NEAR=12,
    SWAP_PART=10,
    AT_ONCE=3,
    SWAP_TIME=40,
)
VALUES = chances(SWAP_VALUE=26, VALUE=10, VALUES=6)
RELABEL = chances(VALUE=1, VALUES=1)


@dataclass(frozen=True)
class Insisting:
    """How one unmet claim after the other is insisted on.

    Attributes
    ----------
    times : int
        How many claims.
    hot, cooling : int
        Steps while the claim is heavy, and while everything cools.
    heat : tuple of float
        Temperature of both.
    heavier : float
        How much more the claim weighs while it is hot.
    """

    times: int
    hot: int
    cooling: int
    heat: tuple[float, float]
    heavier: float


@dataclass(frozen=True, eq=False)
class Recipe:
    """What is declared of a leg, whatever the study.

    Attributes
    ----------
    name : str
    moves : ndarray of float
        How often each move is tried, in the order of `codes.Move`.
    steps : int
        At effort 1; of "alone", for each bundle of columns; of "curves", for each patient at any
        effort, though no more than "core" has.
    heat : tuple of float
        Temperature at the start and at the end.
    width : tuple of float
        Tolerance at the start and at the end: 0 is the natural scale, 1 the printed one.
    starts : int
        How often it runs from the first cohort; what meets most goes on.
    """

    name: str
    moves: np.ndarray
    steps: int
    heat: tuple[float, float]
    width: tuple[float, float]
    starts: int = 1


CURVES = Recipe("curves", COURSES, 100, (0.3, 0.02), (0.3, 1.0))
CORE = Recipe("core", COURSES + 2 * VALUES, 2_000_000, (0.5, 0.03), (0.0, 1.0), starts=3)
#: Steps for each patient that a start takes at least where there are several.
ENOUGH = 500
SITES = Recipe("alone", RELABEL, 200_000, (0.2, 0.02), (0.5, 1.0))
ALONE = Recipe("alone", VALUES, 300_000, (0.3, 0.02), (0.2, 1.0))
JOINT = Recipe("joint", COURSES + 2 * VALUES, 1_500_000, (0.15, 0.02), (0.7, 1.0))
#: Single times, where print has their mean or spread.
TIMES = Recipe("times", chances(SHIFT=1), 150_000, (0.03, 0.005), (0.8, 1.0))
#: How often the last digits of fixed models are worked on.
POLISHING = 2
INSISTING = Insisting(20, 30_000, 30_000, (0.12, 0.01), 4.0)
#: The columns of one unmet claim, so many turns; each has the steps of the recipe.
COLUMNS, TURNS = Recipe("columns", VALUES, 60_000, (0.12, 0.005), (0.7, 1.0)), 8


class Work(Enum):
    """What a step of the list does."""

    ANNEAL = "a part of a leg"
    INSIST = "one claim insisted on"
    POLISH = "last digits of fixed models"
    COLUMNS = "the columns of one claim"


@dataclass(frozen=True, eq=False)
class Leg:
    """One leg of the search of one study.

    Attributes
    ----------
    name : str
    recipe : Recipe
    active : ndarray of bool
        Blocks that count.
    bundles : ndarray of int
        Bundles of columns that may move.
    moves, steps
        As of the recipe, the steps at the effort asked for.
    """

    name: str
    recipe: Recipe
    active: np.ndarray
    bundles: np.ndarray
    moves: np.ndarray
    steps: int

    def heat(self, share: float) -> float:
        """Temperature at a share of the way."""
        hot, cold = self.recipe.heat
        return hot * (cold / hot) ** share

    def width(self, share: float) -> float:
        """Tolerance at a share of the way: 0 is the natural scale, 1 the printed one."""
        wide, narrow = self.recipe.width
        return wide + share * (narrow - wide)


@dataclass(frozen=True)
class Step:
    """One entry of a search's list.

    Attributes
    ----------
    leg : Leg
    share : float
        How far the leg has come.
    start : int
        Which of its starts or turns this is, from 1; 0 for a leg that has but one.
    first, last : bool
        Whether a start begins or ends with it.
    work : Work
    """

    leg: Leg
    share: float
    start: int = 0
    first: bool = False
    last: bool = False
    work: Work = Work.ANNEAL


def schedule(search: Search, effort: float) -> list[Step]:
    """Everything that a search does, in order; an interrupted one goes on at its place."""
    core, *once = legs(search, effort)
    at = [leg.recipe for leg in once].index(JOINT)
    joint, sites = once[at], once[at + 1 :]
    times = _leg(TIMES, [], joint.active, effort)
    polished = POLISHING if fixed_models(search) else 0
    columns = _leg(COLUMNS, joint.bundles.tolist(), joint.active, effort)
    return [
        *_begun(search, core),
        *itertools.chain(*map(_parts, once)),
        *_turns(replace(joint, name="insisting"), INSISTING.times, Work.INSIST),
        *itertools.chain(*map(_parts, [*sites, *([times] if _times_printed(search) else [])])),
        *_turns(replace(joint, name="polishing"), polished, Work.POLISH),
        *_turns(columns, TURNS, Work.COLUMNS),
    ]


def _begun(search: Search, core: Leg) -> Iterator[Step]:
    """What comes first: the starts, or with few steps one of them behind the curves."""
    patients, plan = len(search.state.fate), search.plan
    drawn = any(target.origin == "drawn" for target in search.targets)
    if drawn or core.steps >= ENOUGH * patients:
        for number in range(1, CORE.starts + 1):
            yield from _start(core, number)
        return
    core = replace(core, steps=CORE.starts * core.steps)
    if (plan.kind == Kind.KM).any():
        told = ~np.isin(plan.kind, FITS)
        steps = min(CURVES.steps * patients, core.steps)
        none = np.zeros(0, dtype=np.int64)
        yield from _parts(Leg(CURVES.name, CURVES, told, none, CURVES.moves, steps))
    yield from _parts(core)


def _turns(leg: Leg, times: int, work: Work) -> Iterator[Step]:
    return (Step(leg, k / times, start=k, work=work) for k in range(1, times + 1))


def _parts(leg: Leg) -> Iterator[Step]:
    return (Step(leg, k / (CHUNKS - 1)) for k in range(CHUNKS))


def _start(core: Leg, number: int) -> Iterator[Step]:
    leg = replace(core, name=f"{core.name} {number} of {CORE.starts}")
    for k in range(CHUNKS):
        yield Step(leg, k / (CHUNKS - 1), number, first=k == 0, last=k == CHUNKS - 1)


def legs(search: Search, effort: float) -> list[Leg]:
    """The legs of a search, each once, in order; `schedule` says how often each runs.

    Parameters
    ----------
    search : Search
    effort : float
        Multiplies the steps.
    """
    plan, every = search.plan, list(range(len(search.freedom.bundle)))
    blocks = np.array([_blocks_of(search, bundle) for bundle in every])
    early = [b for b in every if named(search, b) == "site"]
    core = [b for b in _core_bundles(search) if b not in early]
    rest = [b for b in every if b not in core and b not in early]
    several = (plan.n_columns > 1) & np.isin(plan.kind, FITS)
    held = ~blocks[rest].any(axis=0) | several & blocks[core].any(axis=0)
    sites = [_leg(SITES, [b], blocks[b], effort, [named(search, b)]) for b in early]
    return [
        _leg(CORE, [*early, *core], held, effort),
        *sites,
        *_alone(search, rest, blocks, several, effort),
        _leg(JOINT, [*core, *rest], np.ones_like(held), effort),
        *sites,
    ]


def _alone(
    search: Search, rest: Sequence[int], blocks: np.ndarray, several: np.ndarray, effort: float
) -> Iterator[Leg]:
    """Bundle after bundle, those together that a model holds; what waits does not count yet."""
    waiting = set(rest)
    for together in bound(rest, blocks[:, several]):
        waiting -= set(together)
        active = blocks[together].any(axis=0) & ~blocks[sorted(waiting)].any(axis=0)
        names = [named(search, b) for b in together]
        yield _leg(ALONE, together, active, effort * len(together), names)


def _leg(
    recipe: Recipe,
    bundles: Sequence[int],
    active: np.ndarray,
    effort: float,
    names: Sequence[str] = (),
) -> Leg:
    name = f"{recipe.name}: {', '.join(names)}" if names else recipe.name
    moved = np.array(bundles, dtype=np.int64)
    return Leg(name, recipe, active, moved, recipe.moves, int(recipe.steps * effort))


def _blocks_of(search: Search, bundle: int) -> np.ndarray:
    """Blocks that depend on a bundle's columns, as flags."""
    columns = search.freedom.bundle[bundle]
    return search.plan.by_column[columns[columns >= 0]].any(axis=0)


def touches(search: Search, bundle: int, block: int) -> bool:
    """Whether a block depends on a bundle's columns."""
    return bool(_blocks_of(search, bundle)[block])


def bound(bundles: Sequence[int], models: np.ndarray) -> list[list[int]]:
    """Bundles in parts that no model holds together (`models`: bundles by models, as flags)."""
    parts: list[list[int]] = []
    for bundle in bundles:
        joined = [part for part in parts if (models[part] & models[bundle]).any()]
        parts = [part for part in parts if part not in joined]
        parts.append([*itertools.chain(*joined), bundle])
    return parts


def named(search: Search, bundle: int) -> str:
    """The first column of a bundle, which stands for all of it."""
    return search.columns.names[search.freedom.bundle[bundle, 0]]


def printed_models(search: Search) -> list[Model]:
    """The multivariable models that are printed row by row."""
    asked = [t.quantity for t in search.goal.targets if t.quantity.part in RATIOS]
    asked = [quantity for quantity in asked if len(quantity.columns) > 1]
    models = searched_models(search.design)
    # What is printed of one of several models of the same patients is told by its columns.
    several = Counter((model.endpoint, frozenset(model.where)) for model in models)
    found = []
    for model in models:
        terms, about = {*terms_of(search.design, model)}, (model.endpoint, frozenset(model.where))
        printed = {
            quantity.covariate
            for quantity in asked
            if (quantity.endpoint, frozenset(quantity.where)) == about
            and (several[about] == 1 or {*quantity.columns} == terms)
        }
        if terms <= printed:
            found.append(model)
    return found


def fixed_models(search: Search) -> list[Model]:
    """Of these, those whose covariates do not hang on the cohort's own p values."""
    return [model for model in printed_models(search) if not model.screened]


def _times_printed(search: Search) -> bool:
    """Whether the mean or the spread of times of an endpoint is printed."""
    plan = search.plan
    times = plan.rule_to[plan.rule == Rule.TIME]
    return bool((np.isin(plan.columns[:, 0], times) & (plan.kind == Kind.SUMMARY)).any())


def _core_bundles(search: Search) -> list[int]:
    """Bundles that hold a covariate of a model that is printed row by row, or a part of a score."""
    plan = search.plan
    wanted = {
        search.columns.at(name)
        for model in printed_models(search)
        for name in (*terms_of(search.design, model), *filter(None, [model.strata()]))
    }
    for k in range(len(plan.rule) - 1, -1, -1):
        # Rules stand in the order they apply: what a column follows from comes before it.
        if plan.rule_to[k] in wanted:
            if plan.rule[k] in OF_ENDPOINT:
                continue
            several = plan.rule[k] in OF_COLUMNS
            sources = plan.rule_set[k] if several else plan.rule_from[k : k + 1]
            wanted |= {int(at) for at in sources if at >= 0}
    return [b for b, held in enumerate(search.freedom.bundle) if wanted & set(held[held >= 0])]
