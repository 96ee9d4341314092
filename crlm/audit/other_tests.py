"""Checks of a p value against ratios that answer the same question by another test."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from itertools import product

from scipy.special import chdtrc

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import Facts, Key, Printed, cell_of, text_of
from crlm.audit.intervals import Interval, deviate, gap, hull, two_sided
from crlm.audit.ratios import p_span, region, shown, wald_rows
from crlm.ledger.vocabulary import ALL

#: How far z of the log-rank test may lie from Wald's: fixed, and times effect times z. 81,000
#: simulated comparisons of 30 to 800 patients stay within 0.02 and 0.2. Of two of three groups,
#: whose ratio is of a model of all three, 1 in 600 of 5,800 is pointed at, and none contradicted.
_LOGRANK = ((0.35, 0.3), (1.5, 0.5), (1.5, 0.5))
#: How far z of an interaction may lie from that of its subgroups, fixed and times z: pointed at,
#: contradicted if the printed one is smaller, or larger. 5,800 simulated interactions, half of
#: them with curves of another shape in each subgroup, were smaller by 2.04 at most and larger by
#: 4.2; 1 in 40 is pointed at.
_INTERACTION = ((0.75, 0.05), (2.5, 0.25), (5.0, 0.5))
_PARTS = ("estimate", "low", "high")
#: Corners of a ratio's region that are crossed with those of the others.
_MOST_LEVELS = 4


@check(
    asks="Is the log-rank p near the one that the hazard ratio and its limits imply?",
    assumes="Two groups, the same patients, or two of several with the ratio of a model of all; "
    "neither test stratified nor weighted; the two z "
    "differ by less than 0.35 plus 0.3 times log ratio times z, else it points, and beyond 1.5 "
    "plus 0.5 times that it contradicts.",
    blind="Differences below that; ratios of a model that adjusts.",
    soft=True,
)
def logrank_p(facts: Facts) -> Iterator[Case]:
    """p of a log-rank test of two groups beside their univariable hazard ratio."""
    rows = wald_rows(facts)
    for key, places in facts.numbers.items():
        if (key.statistic, key.model) != ("p", "logrank") or key.covariate:
            continue
        levels, among = _pair(facts, key)
        if len(levels) != 2:
            continue
        own = {"group": "all", "covariate": key.group, "model": "univariable"}
        against = levels[0] if levels[0] != facts.levels(key.group)[0] else ""
        own |= {"population": among, "reference": against}
        ratio = key._replace(**own, statistic="hazard_ratio", level=levels[1])
        turned = ratio._replace(level=levels[0], reference=levels[1])
        both = (ratio, turned, *(k._replace(population=key.population) for k in (ratio, turned)))
        found = next((k for k in both if set(_PARTS) <= set(rows.get(k, {}))), None)
        if found is not None:
            roles = {part: rows[found][part] for part in _PARTS}
            title = f"{facts.named(key.group)}, {facts.endpoint(key.endpoint)}: two p values"
            # One finding with `curve_p`, which is stricter where there are many events.
            subject = ("tests of curves", key.endpoint, key.population, key.group)
            for p in {p.text: p for p in places}.values():
                yield Case(subject, title, {**roles, "p": p}, _judge_logrank)


def _pair(facts: Facts, key: Key) -> tuple[tuple[str, ...], str]:
    """The levels that a log-rank test compares, and the patients of their ratio.

    Of two of several groups the ratio is that of a model of all of them.
    """
    levels = facts.levels(key.group)
    parts = key.population.split(",")
    own = [part for part in parts if part.startswith(f"{key.group}=")]
    two = own[0].partition("=")[2].split("/") if len(own) == 1 else []
    if len(levels) < 3 or len(two) != 2:
        return levels, key.population
    pair = tuple(level for level in levels if level in two)
    return pair, ",".join(part for part in parts if part not in own) or ALL


def _judge_logrank(roles: Roles) -> Outcome:
    corners = region({part: roles[part] for part in _PARTS})
    if not corners:
        return unclear("Estimate and limits contradict each other.")
    z = hull((abs(b / s), abs(b / s)) for b, s in corners)
    if min(b for b, _ in corners) <= 0 <= max(b for b, _ in corners):
        z = (0.0, z[1])
    scale = max(abs(b) for b, _ in corners) * z[1]
    told = f"{shown(roles)} implies p = {{}} by Wald's test, far from {_p_of(roles)} by log-rank's."
    return _compared(z, roles["p"], told, scale, _LOGRANK)


def _compared(
    z: Interval,
    p: Printed,
    told: str,
    scale: float,
    rooms: tuple[tuple[float, float], ...],
) -> Outcome:
    """Consistent, remarkable or contradicted, by how far two z lie apart."""
    implied = (two_sided(z[1]), two_sided(z[0]))
    if p.interval[0] >= 1 or p.interval[1] <= 0:
        return unclear("Not a p value.")
    printed = (deviate(p.interval[1]), deviate(max(p.interval[0], 0.0)))
    off = gap(z, printed)
    pointed, smaller, larger = (fixed + share * scale for fixed, share in rooms)
    said = told.format(p_span(*implied))
    if off > (smaller if printed[1] < z[0] else larger):
        return outcome(False, *implied, said)
    return unclear(said, *implied, notable=True) if off > pointed else outcome(True, *implied)


def _p_of(roles: Roles) -> str:
    p = roles["p"]
    return f"p {p.operator} {p.text.lstrip('<>= ')}"


@check(
    asks="Is the p for interaction near the one that the ratios of the subgroups imply?",
    assumes="All subgroups of the interaction, each with limits; z of their difference (Cochran's "
    "Q of more than two) is that of the product in one model by less than 0.75, else it points; a "
    "printed z smaller by 2.5 and a quarter, or larger by 5 and half, contradicts.",
    blind="Differences below that; interactions of adjusted models; numbers per unit.",
    soft=True,
)
def interaction_p(facts: Facts) -> Iterator[Case]:
    """p of a product beside the ratios within the levels of one of its columns."""
    for key, places in facts.numbers.items():
        if (key.statistic, key.model) != ("p", "interaction") or key.covariate.count(":") != 1:
            continue
        for found in _subgroups(facts, key):
            roles = {f"{text_of(cell)} {part}": row[part] for cell, row in found for part in _PARTS}
            names = tuple(text_of(cell) for cell, _ in found)
            judge = partial(_judge_interaction, names=names)
            columns = " and ".join(facts.named(name) for name in key.covariate.split(":"))
            title = f"{columns}, {facts.endpoint(key.endpoint)}: interaction"
            subject = ("interaction", key.endpoint, key.population, key.covariate, key.level)
            for p in {p.text: p for p in places}.values():
                yield Case(subject, title, {**roles, "p": p}, judge)


def _subgroups(facts: Facts, key: Key) -> Iterator[list[tuple[frozenset, Roles]]]:
    """The ratio of one column within each level of the other, where all are printed."""
    rows, whole = wald_rows(facts), cell_of(key.population)
    columns = key.covariate.split(":")
    levels = key.level.split(":") if key.level.count(":") == 1 else ["", ""]
    for at in (0, 1):
        mine, other = columns[at], columns[1 - at]
        own = facts.levels(mine)
        level = levels[at] or (own[1] if len(own) == 2 else "")
        within = facts.levels(other)
        if levels[1 - at] and within and levels[1 - at] != within[0]:
            within = (within[0], levels[1 - at])
        if whole is None or not level or not 2 <= len(within) <= _MOST_LEVELS:
            continue
        cells = [frozenset({(other, one)}) for one in within]
        for model in ("univariable", "multivariable", "interaction"):
            found = [_row(rows, key, whole | cell, (mine, level, model)) for cell in cells]
            if all(found):
                yield list(zip(cells, found, strict=True))


def _row(rows: dict, key: Key, cell: frozenset, own: tuple[str, str, str]) -> Roles | None:
    covariate, level, model = own
    for other, row in rows.items():
        same = (other.endpoint, other.covariate, other.level, other.model, other.reference)
        if same == (key.endpoint, covariate, level, model, "") and set(_PARTS) <= set(row):
            if cell_of(other.population) == cell:
                return row
    return None


def _judge_interaction(roles: Roles, names: tuple[str, ...]) -> Outcome:
    rows = [{part: roles[f"{name} {part}"] for part in _PARTS} for name in names]
    regions = [region(row) for row in rows]
    if not all(regions):
        return unclear("Estimate and limits of a subgroup contradict each other.")
    freedom = len(rows) - 1
    found = [deviate(float(chdtrc(freedom, _q(corners)))) for corners in product(*regions)]
    z = (min(found), max(found))
    effects = [(min(b for b, _ in r), max(b for b, _ in r)) for r in regions]
    if max(low for low, _ in effects) <= min(high for _, high in effects):
        z = (0.0, z[1])
    ratios = " and ".join(shown(row) for row in rows)
    told = f"{ratios} differ with p = {{}}, far from the printed {_p_of(roles)} of the interaction."
    return _compared(z, roles["p"], told, z[1], _INTERACTION)


def _q(corners: tuple[tuple[float, float], ...]) -> float:
    """Cochran's Q: weighted squares about the weighted mean."""
    weights = [1 / s**2 for _, s in corners]
    mean = sum(w * b for w, (b, _) in zip(weights, corners, strict=True)) / math.fsum(weights)
    return sum(w * (b - mean) ** 2 for w, (b, _) in zip(weights, corners, strict=True))
