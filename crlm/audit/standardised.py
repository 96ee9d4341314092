"""Checks of standardised differences against the counts, means and deviations beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

import numpy as np

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.counts import MISSING_UNSEEN
from crlm.audit.facts import WHOLE, Cell, Facts, Key, Printed, cell_of, narrowed
from crlm.audit.intervals import Interval, hull, overlap, times
from crlm.audit.summaries import moments
from crlm.audit.valued import missing_around, missing_values

#: Before this stand the numbers of all patients, whose spread a matched table may divide by.
_BEFORE = "before: "
#: A difference within this share of what the usual formulas give is no contradiction.
_ROOM = 0.05

Shares = np.ndarray


@check(
    asks="Is a standardised difference that of the counts, or of the means and deviations?",
    assumes="Two groups, without weights; the difference over the root of the mean variance (of a "
    "category's levels Yang and Dalton's distance), or over the spread of one group, of both "
    "pooled, or of all patients before matching. Other formulas between these are pointed at.",
    blind="Signs; medians without means; differences that another of these formulas gives.",
)
def standardised_difference(facts: Facts) -> Iterator[Case]:
    """Standardised differences of a table of two groups."""
    for key, places in facts.numbers.items():
        whole = cell_of(key.population)
        groups = () if whole is None else facts.compared(key.group, whole)
        plain = key.statistic == "smd" and key.field == "estimate" and not key.model
        if not plain or key.endpoint or whole is None or len(groups) != 2:
            continue
        found, judge = _table(facts, key, whole, groups)
        if found:
            title = f"{facts.named(key.covariate)} by {facts.named(key.group)}: SMD"
            subject = ("smd", key.population, key.group, key.covariate, key.level)
            for p in {p.text: p for p in places}.values():
                yield Case(subject, title, {"smd": p, **found}, judge)


def _table(
    facts: Facts, key: Key, whole: Cell, groups: Sequence[str]
) -> tuple[Roles, Callable[[Roles], Outcome]]:
    """What is printed of both groups, and of all patients by group, and what judges it."""
    levels = facts.levels(key.covariate)
    part = partial(_counted, facts, key, levels) if levels else partial(_measured, facts, key)
    found = _of_groups(part, key, whole, groups, "")
    if found and whole:
        found |= _of_groups(part, key, WHOLE, groups, _BEFORE)
    if levels:
        level = key.level or (levels[-1] if len(levels) == 2 else "")
        judge = partial(_judge_levels, groups=groups, levels=levels, level=level)
        return found, judge
    return found, partial(_judge_means, groups=groups)


def _of_groups(
    part: Callable[[Cell], dict[str, Printed]],
    key: Key,
    whole: Cell,
    groups: Sequence[str],
    before: str,
) -> Roles:
    found = [part(narrowed(whole, frozenset({(key.group, group)}))) for group in groups]
    if not all(found):
        return {}
    return {
        f"{before}{group}: {name}": p
        for group, one in zip(groups, found, strict=True)
        for name, p in one.items()
    }


def _counted(facts: Facts, key: Key, levels: Sequence[str], cell: Cell) -> dict[str, Printed]:
    """Counts of all levels, or of two levels one and its percentage."""
    counts = {level: facts.n(cell | {(key.covariate, level)}) for level in levels}
    known = {level: p for level, p in counts.items() if p is not None}
    if len(known) == len(levels):
        return known
    two = len(levels) == 2
    for level in levels if two else ():
        percent = facts.percents.get((cell | {(key.covariate, level)}, cell))
        if percent:
            return {f"{level} %": percent[0]}
    n = facts.n(cell)
    if not two or not known or n is None:
        return {}
    asked = facts, cell, key.covariate
    lacking = missing_values(facts).get(asked[1:]) or missing_around(*asked)
    return {**known, "n": n} | ({"missing": lacking} if lacking else {})


def _measured(facts: Facts, key: Key, cell: Cell) -> dict[str, Printed]:
    own, n = moments(facts).get((cell, key.covariate), {}), facts.n(cell)
    return {"n": n, **own} if len(own) == 2 and n is not None else {}


def _shares(roles: Roles, group: str, levels: Sequence[str]) -> list[Shares]:
    """The shares of the levels in a group, at both ends where they are not known exactly."""
    counts = [roles.get(f"{group}: {level}") for level in levels]
    if None not in counts:
        found = np.array([float(p.count) for p in counts])
        return [found / found.sum()] if found.sum() > 0 else []
    for at, level in enumerate(levels):
        percent, count, n = (roles.get(f"{group}: {name}") for name in (f"{level} %", level, "n"))
        if percent is not None:
            ends = times(percent.interval, 0.01)
        elif count is not None and n is not None and n.count > 0:
            told = roles.get(f"{group}: missing")
            fewest = min(n.count * (1 - MISSING_UNSEEN), n.count - (told.count if told else 0))
            ends = count.count / n.count, count.count / max(fewest, count.count, 1)
        else:
            continue
        held = [min(max(end, 0.0), 1.0) for end in ends]
        return [np.array([end if i == at else 1 - end for i in (0, 1)]) for end in held]
    return []


def _judge_levels(
    roles: Roles, groups: Sequence[str], levels: Sequence[str], level: str
) -> Outcome:
    parts = [_shares(roles, f"{when}{group}", levels) for when in ("", _BEFORE) for group in groups]
    if not all(parts[:2]):
        return unclear("Nothing is known of a group.")
    if level:
        at = levels.index(level)
        parts = [[np.array([1 - p[at], p[at]]) for p in part] for part in parts]
    sizes = [_size(roles, group, levels) for group in groups]
    known = [part for part in parts if part]
    found = [_distances(ends, sizes) for ends in product(*known)]
    gaps = [abs(float(two[-1] - one[-1])) for one, two in product(*parts[:2])]
    plain = (min(gaps), max(gaps)) if len(parts[0][0]) == 2 else None
    return _said(roles, _spans(found), plain)


def _size(roles: Roles, group: str, levels: Sequence[str]) -> int:
    n = roles.get(f"{group}: n")
    counts = [roles[f"{group}: {level}"].count for level in levels if f"{group}: {level}" in roles]
    return n.count if n is not None else sum(counts)


def _distances(shares: Sequence[Shares], sizes: Sequence[int]) -> list[float]:
    """Yang and Dalton's distance by each formula, the usual one first.

    Parameters
    ----------
    shares : sequence of ndarray
        Of the two groups, and perhaps of both before matching.
    sizes : sequence of int
        Patients of the two groups, for those who divide by n - 1.
    """
    one, two = shares[:2]
    middles = [_covariance(one), _covariance(two)]
    scales = [sum(middles) / 2, *middles, _covariance((one + two) / 2)]
    if min(sizes) > 1:
        scales.append(sum(m * n / (n - 1) for m, n in zip(middles, sizes, strict=True)) / 2)
    if len(shares) == 4:
        middles = [_covariance(share) for share in shares[2:]]
        scales += [sum(middles) / 2, *middles, _covariance(sum(shares[2:]) / 2)]
    gap = (two - one)[1:]
    return [_mahalanobis(gap, scale) for scale in scales]


def _covariance(share: Shares) -> np.ndarray:
    share = share[1:]
    return np.diag(share) - np.outer(share, share)


def _mahalanobis(gap: np.ndarray, covariance: np.ndarray) -> float:
    """NaN where the groups differ in what does not vary."""
    scaled = np.linalg.pinv(covariance, hermitian=True) @ gap
    if not np.allclose(covariance @ scaled, gap):
        return float("nan")
    return float(np.sqrt(max(gap @ scaled, 0.0)))


def _judge_means(roles: Roles, groups: Sequence[str]) -> Outcome:
    whens = ["", _BEFORE] if f"{_BEFORE}{groups[0]}: sd" in roles else [""]
    sds = [roles[f"{when}{group}: sd"].interval for when in whens for group in groups]
    means = [roles[f"{group}: mean"].interval for group in groups]
    sizes = [roles[f"{group}: n"].count for group in groups]
    if sum(sizes) <= 2:
        return unclear("The groups are too small.")
    gaps = [two - one for one, two in product(*means)]
    sides = (0.0 if min(gaps) <= 0 <= max(gaps) else min(map(abs, gaps)), max(map(abs, gaps)))
    weights = [(n - 1) / (sum(sizes) - 2) for n in sizes]
    found = []
    for gap, ends in product(sides, product(*sds)):
        scales = []
        for at in range(0, len(ends), 2):
            squares = [max(end, 0.0) ** 2 for end in ends[at : at + 2]]
            pooled = sum(w * square for w, square in zip(weights, squares, strict=True))
            scales += [sum(squares) / 2, *squares, pooled]
        found.append([gap / scale**0.5 if scale > 0 else float("nan") for scale in scales])
    return _said(roles, _spans(found))


def _spans(found: Sequence[Sequence[float]]) -> list[Interval]:
    """The values of each formula, the usual one first; none where its spread is zero."""
    formulas = zip(*found, strict=True)
    known = [[x for x in values if np.isfinite(x)] for values in formulas]
    return [(min(values), max(values)) for values in known if values]


def _said(roles: Roles, spans: list[Interval], plain: Interval | None = None) -> Outcome:
    if not spans:
        return unclear("The groups differ in what does not vary.")
    p = roles["smd"].interval
    size = (0.0 if p[0] <= 0 <= p[1] else min(map(abs, p)), max(map(abs, p)))
    usual, wide = spans[0], hull(spans)
    # In per cent nobody prints more than one decimal.
    hundred = [times(span, 100.0) for span in spans if roles["smd"].decimals <= 1]
    if any(overlap(size, span) for span in (*spans, *hundred)):
        return outcome(True, *usual)
    texts = " to ".join(dict.fromkeys(f"{end:.{roles['smd'].decimals}f}" for end in usual))
    said = f"The groups differ by {texts} standard deviations, not by {roles['smd'].text}"
    if plain is not None and overlap(size, plain):
        said += ", which is the plain difference of the shares"
        return unclear(f"{said}.", *usual, notable=True)
    if overlap(size, (wide[0] * (1 - _ROOM), wide[1] * (1 + _ROOM))):
        return unclear(f"{said}; a formula of its own may give it.", *usual, notable=True)
    return outcome(False, *usual, f"{said}.")
