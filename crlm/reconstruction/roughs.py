"""What rough cohorts tell before a search: counts behind a p value, numbers of events.

Few cohorts, searched with a small part of the steps, tell which of the counts that a printed p
allows lie near, and how many events the printed intervals stand for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from crlm.reconstruction import evaluation, kernels
from crlm.reconstruction.annealing import Search, block_of_targets
from crlm.reconstruction.arrays import MOST_COLUMNS, OUT
from crlm.reconstruction.clocks import clocks_of
from crlm.reconstruction.legs import printed_models
from crlm.reconstruction.models import levels_of, searched_models
from crlm.reconstruction.quantity import Block, Quantity
from crlm.reconstruction.targets import Target

#: Range of events around what a rough cohort tells: all rows of a model printed, few of them.
_NEAR, _WIDE = (0.97, 1.03), (0.95, 1.21)


def counted(target: Target, search: Search) -> list[Target]:
    """The counts behind a printed p of a 2 x 2 table whose groups are printed.

    Few pairs of counts give the p; no small step leads from one pair to another, so the one
    nearest to a cohort roughly fitted is aimed at.
    """
    quantity, design = target.quantity, search.design
    if (
        quantity.kind != "association"
        or quantity.where
        or quantity.columns[0] not in search.wishes["groups"]["columns"]
        or quantity.columns[1] not in search.columns.names[search.columns.n_base :]
    ):
        return []
    group, outcome = quantity.columns
    at, to = (search.columns.at(name) for name in (group, outcome))
    totals = [int((search.state.x[at] == code).sum()) for code in (0, 1)]
    outcomes = search.state.x[to] == 1
    now = [int(outcomes[search.state.x[at] == code].sum()) for code in (0, 1)]
    pairs = pairs_of_counts(
        totals, target.low, target.high, target.absolute, search.plan.two_by_two
    )
    if not pairs:
        return []
    best = min(pairs, key=lambda pair: abs(pair[0] - now[0]) + abs(pair[1] - now[1]))
    asked = f"{outcome}={levels_of(design, outcome)[1]}"
    return [
        Target(
            (f"{group}={level}: {n} with {asked}",),
            Quantity("count", where=((group, level),), columns=(asked,), part="n"),
            n - 0.5,
            n + 0.5,
            origin="implied",
        )
        for level, n in zip(levels_of(design, group), best, strict=True)
    ]


def pairs_of_counts(
    totals: Sequence[int], low: float, high: float, absolute: bool, test: int
) -> list[tuple[int, int]]:
    """Counts in two groups of these sizes whose test gives a z from `low` to `high`.

    Above 0: more in the second group, as `kernels.association` has it; `test` is a
    `codes.TwoByTwo`.
    """
    x = np.concatenate([np.zeros(totals[0]), np.ones(totals[1])])
    inside, out, found = np.ones(len(x), dtype=bool), np.zeros(OUT), []
    for a in range(totals[0] + 1):
        for b in range(totals[1] + 1):
            y = np.zeros(len(x))
            y[:a] = y[totals[0] : totals[0] + b] = 1.0
            kernels.association(inside, x, y, test, out)
            z = abs(out[0]) if absolute else out[0]
            if low <= z < high:
                found.append((a, b))
    return found


def events_behind(search: Search) -> dict[str, list[float]]:
    """How many events of an endpoint the printed intervals stand for, one number a row.

    Information grows with events: the widths that a rough cohort attains, held against the
    printed ones, tell how many are wanted.
    """
    found = {}
    for endpoint in _modelled(search):
        limits: dict[tuple[Block, str], dict[str, Target]] = {}
        for t in _limits(search, endpoint):
            limits.setdefault((t.quantity.block, t.quantity.covariate), {})[t.quantity.limit] = t
        found[endpoint] = [
            _scaled_events(search, pair["conf_low"], pair["conf_high"])
            for pair in limits.values()
            if len(pair) == 2
        ]
    return found


def _modelled(search: Search) -> list[str]:
    """Endpoints of the paper's models."""
    return list(dict.fromkeys(model.endpoint for model in searched_models(search.design)))


def _limits(search: Search, endpoint: str) -> list[Target]:
    """Printed limits of an endpoint's ratios: of covariates alone, where there are such."""
    ratios = [
        t
        for t in search.goal.targets
        if t.quantity.endpoint == endpoint
        and t.quantity.kind == "cox"
        and not t.quantity.where
        and t.quantity.limit != "estimate"
    ]
    return [t for t in ratios if len(t.quantity.columns) == 1] or ratios


def event_ranges(search: Search, told: Sequence[Mapping[str, list[float]]]) -> list[Target]:
    """A range of events around what rough cohorts tell.

    Where most rows of a model are not printed, its covariates may still be more correlated
    than in the rough cohorts, and the range is wide.
    """
    found, core = [], [model.endpoint for model in printed_models(search)]
    for endpoint in _modelled(search):
        counts = [count for one in told for count in one[endpoint]]
        if counts and not _counted_in_print(search, endpoint):
            alone = len(_limits(search, endpoint)[0].quantity.columns) == 1
            low, high = _NEAR if alone or endpoint in core else _WIDE
            middle = float(np.median(counts))
            found.append(
                Target(
                    (f"{endpoint}: events behind the printed intervals",),
                    Quantity("km", endpoint, part="events"),
                    low * middle,
                    high * middle,
                    origin="implied",
                )
            )
    return found


def _counted_in_print(search: Search, endpoint: str) -> bool:
    """Whether print counts the events of an endpoint, of all or of groups."""
    column = f"{endpoint.lower()}_event=1"
    return any(
        column in t.quantity.columns
        or (t.quantity.part, t.quantity.endpoint) == ("events", endpoint)
        for t in search.goal.targets
    )


def _scaled_events(search: Search, low: Target, high: Target) -> float:
    """Events at which a covariate would have an interval of the printed width (log scale)."""
    state, plan = search.state, search.plan
    e = clocks_of(search.design).index(low.quantity.endpoint)
    out, inside = np.zeros(OUT), np.zeros(len(state.fate), dtype=bool)
    block = block_of_targets(plan)[search.targets.index(low)]
    evaluation.evaluate(block, state, plan, inside, np.zeros(MOST_COLUMNS + 1), out)
    row = 2 + kernels.ROW * low.quantity.columns.index(low.quantity.covariate)
    width = (high.low + high.high - low.low - low.high) / 2
    events = int((state.event[e] == 1).sum())  # also of patients without a value
    return float(events * ((out[row + 2] - out[row + 1]) / width) ** 2)
