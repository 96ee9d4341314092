"""Checks of numbers of patients: percentages, sums, flow chart, dichotomies of one number."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from crlm.audit.blocks import blocks
from crlm.audit.cases import Case, Lacking, Outcome, Roles, check, outcome, unclear, unsaid
from crlm.audit.facts import WHOLE, Cell, Facts, Printed, text_of
from crlm.audit.intervals import (
    Interval,
    denominators,
    holds,
    integers,
    overlap,
    times,
    total,
)
from crlm.audit.misfits import fit_text, misfits, run_of
from crlm.audit.valued import (
    beside_source,
    known_values,
    missing_around,
    missing_of_groups,
    missing_values,
    shares_missing,
)
from crlm.ledger.factors import Cut

#: More patients without a value than this share of a group are not taken for granted; fewer
#: still where the percentages fit the whole group.
MOST_MISSING, MISSING_UNSEEN = 0.25, 0.1
#: A count from which another that is the same may be a copy of it.
_TELLING = 100


def possible_sizes(
    n: int, rows: list[tuple[Printed, Printed | None]], full: bool, known: int | None = None
) -> list[int]:
    """Denominators up to n that give every printed percentage, the largest first.

    Parameters
    ----------
    n : int
        Patients in the group, as printed.
    rows : list of (percent, count or None)
        All printed levels of one variable.
    full : bool
        True if every level of the variable is printed with its count: then
        the denominator is n or the sum of the levels.
    known : int, optional
        Patients in all printed levels, also those without a percentage.
    """
    summed = sum(k.count for _, k in rows if k is not None) if known is None else known
    if full:
        tried = dict.fromkeys([n, summed] if summed < n else [n])
        return [d for d in tried if d > 0 and _all_fit(rows, d)]
    allowed = MISSING_UNSEEN if n > 0 and _all_fit(rows, n) else MOST_MISSING
    low, high = max(math.ceil(n * (1 - allowed)), 1, summed), n
    for percent, count in rows:
        if count is not None:
            fitting = denominators(count.count, percent.interval)
            low, high = max(low, fitting.start), min(high, fitting.stop - 1)
    loose = [row for row in rows if row[1] is None]
    return [d for d in range(high, low - 1, -1) if _all_fit(loose, d)]


def _all_fit(rows: list[tuple[Printed, Printed | None]], size: int) -> bool:
    return all(_fits(percent, count, size) for percent, count in rows)


def _fits(percent: Printed, count: Printed | None, size: int) -> bool:
    if count is not None:
        return holds(percent.interval, 100 * count.count / size)
    return len(integers(times(percent.interval, size / 100))) > 0


@check(
    asks="Is a printed percentage the printed count over the printed number of patients?",
    assumes="Missing values are few (up to a quarter) and shared by all levels of a variable; "
    "where all levels are printed the denominator is the group or the sum of the levels, as it is "
    "of a group whose number is not printed. Where the "
    "paper says how many have no value, they may be more.",
    blind="A count and a percentage that are wrong together; a count off by less than the "
    "percentage resolves (1 in 300 at whole per cent).",
    about="reporting",
)
def percentages(facts: Facts) -> Iterator[Case]:
    """Counts over denominators, one check a variable and group."""
    for (among, column), block in blocks(facts).items():
        stated = known_values(facts).get((among, column))
        n = facts.n(among) or stated
        levels = facts.levels(column) or tuple(block)
        counts = {level: facts.n(among | {(column, level)}) for level in levels}
        full = len(levels) > 1 and None not in counts.values()
        if n is None and not full:
            continue
        roles = {"n": n} if n is not None else {}
        roles |= {f"percent {level}": percent for level, (percent, _) in block.items()}
        roles |= {f"count {level}": count for level, count in counts.items() if count is not None}
        unknown = missing_values(facts).get((among, column))
        around = None if unknown else missing_around(facts, among, column)
        roles |= {"missing": unknown} if unknown is not None else {}
        roles |= {"missing of more": around} if around is not None else {}
        roles |= {"known": stated} if stated is not None else {}
        roles |= beside_source(facts, among, column)
        others = {places[0].count: cell for cell, places in facts.counts.items() if places}

        def judge(roles: Roles, full: bool = full, others: Mapping[int, Cell] = others) -> Outcome:
            if "n" not in roles:
                return _judge_of_levels(facts, roles, others)
            return _judge_percentages(facts, roles, full, others)

        where = facts.label(among)
        yield Case(
            ("cells", text_of(among), column), f"{facts.named(column)}, {where}", roles, judge
        )


def _off(rows: list[tuple[Printed, Printed | None]], size: int) -> float:
    """How far printed percentages lie from those of their counts, all together."""
    return sum(abs(p.value - 100 * k.count / size) for p, k in rows if k is not None)


def _rows(roles: Roles) -> list[tuple[Printed, Printed | None]]:
    levels = [role.removeprefix("percent ") for role in roles if role.startswith("percent ")]
    return [(roles[f"percent {level}"], roles.get(f"count {level}")) for level in levels]


def _known(roles: Roles) -> int:
    return sum(p.count for role, p in roles.items() if role.startswith("count "))


def _judge_percentages(
    facts: Facts, roles: Roles, full: bool, others: Mapping[int, Cell]
) -> Outcome:
    n, rows = roles["n"].count, _rows(roles)
    if n <= 0:
        return unclear("The number of patients is not printed.")
    if "known" in roles:
        summed = _known(roles) if full else 0
        return _judge_of_known(roles["known"].count, n, rows, facts, others, summed)
    sizes = possible_sizes(n, rows, full, _known(roles))
    bad = [row for row in rows if not _fits(*row, n)] or rows
    percent, count = bad[0]
    low, high = _recomputed(count, percent, n)
    if n in sizes:
        return outcome(True, low, high)
    known = n - roles["missing"].count if "missing" in roles else n
    beside = sum(p.count for role, p in roles.items() if role.startswith("beside "))
    for valued in (known, beside):
        if 0 < valued < n and _all_fit(rows, valued):
            return outcome(True, low, high, f"Of the {valued} patients with a value.")
    said = misfits(bad, n, facts, others)
    if full and sizes:
        return outcome(True, low, high, f"Of the {sizes[0]} patients with a value.")
    summed = _known(roles)
    few = [row for row in rows if not _fits(*row, summed)] if full and 0 < summed < n else bad
    if not sizes and (len(few), _off(rows, summed)) < (len(bad), _off(rows, n)):
        said = misfits(few, summed, facts, others, "patients with a value")
        return Outcome("inconsistent", *_recomputed(few[0][1], few[0][0], summed), f"{said}.")
    if sizes:
        text = f"{said}. {fit_text(n, sizes)} without a value, unsaid."
        run = run_of(sizes)
        if "missing of more" in roles and n - run[0] <= roles["missing of more"].count:
            return outcome(True, low, high, f"Of the {run[0]} patients with a value.")
        return unsaid(text, low, high, Lacking(n - run[0], n - run[-1], n))
    return Outcome("inconsistent", low, high, f"{said}.")


def _judge_of_levels(facts: Facts, roles: Roles, others: Mapping[int, Cell]) -> Outcome:
    """Percentages of patients whose number is not printed, and is that of all levels."""
    rows, summed = _rows(roles), _known(roles)
    if summed <= 0:
        return unclear("No level has a patient.")
    bad = [row for row in rows if not _fits(*row, summed)]
    percent, count = bad[0] if bad else rows[0]
    low, high = _recomputed(count, percent, summed)
    if not bad:
        return outcome(True, low, high, f"Of the {summed} patients of all levels.")
    most = math.floor(summed / (1 - MOST_MISSING))
    if more := [d for d in range(summed + 1, most + 1) if _all_fit(rows, d)]:
        said = f"They are of {more[0]} patients, and the levels have {summed}"
        return unclear(f"{said}: {more[0] - summed} without a value, unsaid.", low, high)
    said = misfits(bad, summed, facts, others, "patients of all levels")
    return Outcome("inconsistent", low, high, f"{said}.")


def _judge_of_known(
    known: int,
    n: int,
    rows: list[tuple[Printed, Printed | None]],
    facts: Facts,
    others: Mapping[int, Cell],
    summed: int,
) -> Outcome:
    """Percentages whose denominator is printed, as 87/154 (56.5); `summed` in all levels."""
    bad = [row for row in rows if not known or not _fits(*row, known)]
    percent, count = bad[0] if bad else rows[0]
    low, high = _recomputed(count, percent, known or n)
    if known > n or not known:
        said = f"{known} patients of known value cannot be part of {n}."
        return Outcome("inconsistent", low, high, said)
    if not bad:
        return outcome(True, low, high, f"Of the {known} patients with a value.")
    few = [row for row in rows if not _fits(*row, summed)] if summed else bad
    if len(few) < len(bad):
        fit = len(rows) - len(few)
        said = f"{fit} of {len(rows)} percentages are of the {summed} patients of all levels, "
        said += f"{len(rows) - len(bad)} of the printed {known}"
        said += f"; {misfits(few, summed, facts, others)}" if few else ""
        return Outcome("inconsistent", low, high, f"{said}.")
    said = misfits(bad, known, facts, others)
    return Outcome("inconsistent", low, high, f"{said}.")


def _recomputed(count: Printed | None, percent: Printed, n: int) -> Interval:
    if count is not None:
        return 100 * count.count / n, 100 * count.count / n
    nearest = round(percent.value * n / 100)
    return 100 * nearest / n, 100 * nearest / n


@check(
    asks="Do the levels of a variable, or the groups, add up to the whole?",
    assumes="Each patient is in one level; fewer than the whole may be missing values, and are as "
    "many as the paper says where it prints them.",
    blind="Two errors that cancel; a variable of which one level is printed.",
)
def sums(facts: Facts) -> Iterator[Case]:
    """Every printed number against the sum of its parts, in whichever direction it is split."""
    columns = sorted({column for cell in facts.counts for column, _ in cell})
    known = known_values(facts)
    for cell in dict.fromkeys([*facts.counts, *(among for among, _ in known)]):
        for column in columns:
            levels = facts.levels(column)
            if len(levels) < 2 or column in {c for c, _ in cell}:
                continue
            if cell not in facts.counts and (cell, column) not in known:
                continue
            parts = [_part(facts, cell | {(column, level)}, cell) for level in levels]
            if all(parts):
                yield _sum_case(facts, cell, column, parts)


def _part(facts: Facts, cell: Cell, whole: Cell) -> dict[str, Printed] | None:
    """A count, or a percentage with its denominator when that is not the whole itself."""
    count = facts.n(cell)
    if count is not None:
        return {"count": count}
    for (own, among), places in facts.percents.items():
        if own == cell and among != whole and facts.n(among) is not None:
            return {"percent": places[0], "of": facts.counts[among][0]}
    return None


def _sum_case(facts: Facts, cell: Cell, column: str, parts: list[dict[str, Printed]]) -> Case:
    known = known_values(facts).get((cell, column))
    roles = {"whole": known or facts.counts[cell][0]}
    for level, part in zip(facts.levels(column), parts, strict=True):
        roles |= {f"{name} {level}": printed for name, printed in part.items()}
    missing = None if known else missing_values(facts).get((cell, column))
    around = None if known or missing else missing_around(facts, cell, column)
    roles |= {"missing": missing} if missing is not None else {}
    roles |= {"missing of more": around} if around is not None else {}
    sizes = [facts.size(frozenset({(column, level)})) for level in facts.levels(column)]
    every = None not in sizes and sum(sizes) == facts.size(WHOLE) and cell != WHOLE
    complete = every or known is not None
    often = Counter(p.count for p, *_ in facts.counts.values())
    by, twice = str(facts.design.table_one["by"]), dict[int, Cell]()
    for c, (p, *_) in facts.counts.items():  # Of more than two, or of small ones, it is no copy.
        alone = often[p.count] == 2 and (p.count >= _TELLING or {name for name, _ in c} == {by})
        own = c == cell or column in dict(c)
        twice |= {p.count: c} if alone and c and not own else {}
    for level, part in zip(facts.levels(column), parts, strict=True):
        same = "count" in part and part["count"].count == roles["whole"].count
        twice |= {roles["whole"].count: cell | {(column, level)}} if same else {}
    apart = None if missing is not None else missing_of_groups(facts, cell, column)

    def judge(roles: Roles) -> Outcome:
        return _judge_sum(facts, roles, column, complete, twice, apart)

    title = f"{facts.named(column)} in {facts.label(cell)}"
    return Case(("cells", text_of(cell), column), title, roles, judge)


def _judge_sum(
    facts: Facts,
    roles: Roles,
    column: str,
    complete: bool,
    counts: Mapping[int, Cell],
    apart: int | None,
) -> Outcome:
    parts = [_part_interval(roles, level) for level in facts.levels(column)]
    told = [roles["missing"].interval] if "missing" in roles else []
    low, high = total([*parts, *told])
    whole = roles["whole"].count
    some = bool(facts.design.factors.get(column, {}).get("left_out"))
    if overlap((low, high), (whole, whole)) or (some and high < whole):
        return outcome(True, low, high)
    text = " + ".join(f"{p[0]:.4g}" if p[0] == p[1] else f"{p[0]:.4g}-{p[1]:.4g}" for p in parts)
    text += f" and {roles['missing'].text} without a value" if told else ""
    if apart and low <= whole - apart <= high:
        return outcome(True, low, high, f"{apart} without a value, as the groups have them.")
    if high < whole and not complete and not told:
        missing = math.ceil(whole - high - 1e-9)
        if "missing of more" in roles and missing <= roles["missing of more"].count:
            return outcome(True, low, high, f"{missing} without a value, as print has of more.")
        gap = f"{text} leaves {missing} of {whole} patients without a value, unsaid."
        return unsaid(gap, low, high, Lacking(missing, missing, whole))
    said = f"{text} is {low:.4g}, not {whole}." if low == high else f"{text} cannot be {whole}."
    if echoes := [c for k, c in counts.items() if (k, k) in parts]:
        size = next(k for k, c in counts.items() if c == echoes[0])
        said += f" ({size} is also the number for {facts.label(echoes[0])}.)"
    return Outcome("inconsistent", low, high, said)


def _part_interval(roles: Roles, level: str) -> Interval:
    if f"count {level}" in roles:
        count = float(roles[f"count {level}"].count)
        return count, count
    low, high = times(roles[f"percent {level}"].interval, roles[f"of {level}"].count / 100)
    return low * (1 - MOST_MISSING), high


@check(
    asks="Do the percentages of all levels of a variable add up to 100?",
    assumes="All levels are printed over one denominator: the patients with a value, or all, "
    "where print has the share of those without one too.",
    blind="Errors within the rounding of all levels together.",
)
def hundred(facts: Facts) -> Iterator[Case]:
    """Percentages of a complete variable."""
    for (among, column), block in blocks(facts).items():
        if len(facts.levels(column)) < 2 or set(facts.levels(column)) != set(block):
            continue

        def judge(roles: Roles) -> Outcome:
            held = [p for role, p in roles.items() if role != "without a value"]
            low, high = total(p.interval for p in held)
            texts = " + ".join(p.text for p in held)
            whole = total(p.interval for p in roles.values())
            if low > 100 + 1e-9:
                return outcome(False, low, high, f"{texts}% is more than 100%.")
            if len(held) < len(roles) and overlap(whole, (100.0, 100.0)):
                return outcome(True, *whole, f"With {roles['without a value'].text}% without one.")
            if high < 100 - 1e-9:
                return unclear(f"{texts}% is less than 100%.", low, high, notable=True)
            return outcome(True, low, high)

        roles = {level: percent for level, (percent, _) in block.items()}
        if unknown := shares_missing(facts).get((among, column)):
            roles["without a value"] = unknown
        title = f"{facts.named(column)}, {facts.label(among)}"
        yield Case(("cells", text_of(among), column), title, roles, judge)


@check(
    asks="Is a subgroup no larger than what it is part of?",
    assumes="Nothing.",
    blind="Any number below the size of the whole.",
)
def subgroups(facts: Facts) -> Iterator[Case]:
    """Every count against those with one condition less."""
    for cell, (part, *_) in facts.counts.items():
        for condition in sorted(cell):
            larger = facts.n(cell - {condition})
            if larger is None:
                continue

            def judge(roles: Roles) -> Outcome:
                part, whole = roles["part"].count, roles["whole"].count
                said = f"{part} patients cannot be part of {whole}."
                return outcome(part <= whole, 0, whole, said)

            title = facts.label(cell)
            roles = {"part": part, "whole": larger}
            yield Case(("cells", text_of(cell - {condition}), condition[0]), title, roles, judge)


@check(
    asks="Do dichotomies of one number agree with each other (solitary, more than three)?",
    assumes="The design's cut-offs are the paper's.",
    blind="Dichotomies whose regions overlap without one holding the other.",
)
def dichotomies(facts: Facts) -> Iterator[Case]:
    """Counts of disjoint or nested regions of one column."""
    for cell, (first, *_) in facts.counts.items():
        for condition in sorted(cell):
            rest = cell - {condition}
            for other in _beside(facts, condition):
                second = facts.n(rest | {other})
                if second is None:
                    continue
                roles = {"first": first, "second": second}
                whole = facts.n(rest)
                if whole is not None:
                    roles["n"] = whole
                relation = _relation(region(facts, *condition), region(facts, *other))

                def judge(roles: Roles, relation: str = relation) -> Outcome:
                    return _judge_regions(roles, relation)

                names = f"{facts.named(condition[0])} and {facts.named(other[0])}"
                subject = ("cells", text_of(rest), condition[0])
                yield Case(subject, f"{names}, {facts.label(rest)}", roles, judge)


def last_level(facts: Facts, factor: str) -> str:
    """The level that a factor's rule gives; empty for no factor."""
    return ("", *facts.levels(factor))[-1]


def _beside(facts: Facts, condition: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Levels of other factors of the number that a level is of, each pair once.

    Of a number in two the level that its rule gives: the other one is the rest.
    """
    factor, level = condition
    made = facts.design.cut(factor)
    if made is None or level not in _told(made):
        return
    for other, beside in sorted(facts.design.factors_from(made.source).items()):
        if isinstance(beside, Cut) and other > factor:
            yield from ((other, one) for one in _told(beside))


def _told(made: Cut) -> tuple[str, ...]:
    return made.levels if len(made.cuts) > 1 else made.levels[-1:]


def region(facts: Facts, factor: str, level: str = "") -> Interval:
    """The values of the number for which a factor has a level, the last if none is named."""
    made = facts.design.cut(factor)
    span = made.span(level or made.levels[-1]) if made else None
    return span or (-math.inf, math.inf)


def _relation(a: Interval, b: Interval) -> str:
    if a[1] < b[0] or b[1] < a[0]:
        return "apart"
    if b[0] <= a[0] and a[1] <= b[1]:
        return "within"
    return "around" if a[0] <= b[0] and b[1] <= a[1] else "none"


def _judge_regions(roles: Roles, relation: str) -> Outcome:
    first, second = roles["first"].count, roles["second"].count
    if relation == "apart" and "n" in roles:
        n = roles["n"].count
        said = f"{first} and {second} exclude each other but are more than {n} together."
        return outcome(first + second <= n, 0, n - second, said)
    small, large = (first, second) if relation == "within" else (second, first)
    if relation in ("within", "around"):
        said = f"The {small} patients are all among the {large}, who are fewer."
        return outcome(small <= large, 0, large, said)
    return unclear("The two cut-offs do not order the counts.")


@check(
    asks="Which single denominator fits a whole column of percentages?",
    assumes="Only the direction of missing values: a denominator above the printed group is an "
    "error, one below may be honest.",
    blind="Columns of fewer than four rows.",
)
def column(facts: Facts) -> Iterator[Case]:
    """The group's size as its column of percentages implies it."""
    groups: dict[Cell, Roles] = defaultdict(dict)
    for (among, variable), block in blocks(facts).items():
        for level, (percent, count) in block.items():
            if count is not None and among != WHOLE:
                groups[among] |= {
                    f"percent {variable} {level}": percent,
                    f"count {variable} {level}": count,
                }
    for among, roles in groups.items():
        n = facts.n(among)
        if n is not None and len(roles) >= 8:
            title = f"Column of {facts.label(among)}"
            yield Case(("column", text_of(among)), title, {"n": n, **roles}, _judge_column)


def _judge_column(roles: Roles) -> Outcome:
    n = roles["n"].count
    rows = [(p, k) for p, k in _rows(roles) if k is not None]
    sizes = range(max(1, math.ceil(0.75 * n)), math.floor(1.25 * n) + 1)
    fitting = {d: sum(_fits(p, k, d) for p, k in rows) for d in sizes}
    if not fitting:
        return unclear("There is no group.")
    best = max(fitting.values())
    ends = [d for d, rows_fit in fitting.items() if rows_fit == best]
    said = f"{best} of {len(rows)} percentages fit {ends[0]} patients, {fitting[n]} fit {n}."
    if fitting[n] == best:
        return outcome(True, ends[0], ends[-1])
    if best == len(rows) and ends[0] > n:
        return outcome(False, ends[0], ends[-1], said)
    return unclear(said, ends[0], ends[-1])
