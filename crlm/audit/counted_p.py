"""Checks of p values against the counts that they compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import permutations, product

import numpy as np
from scipy.special import chdtrc, gammaln

from crlm.audit.cases import INCONSISTENT, Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.counts import blocks, possible_sizes
from crlm.audit.facts import Cell, Facts, Key, Printed, cell_of, key_of
from crlm.audit.intervals import Interval, hull, integers, overlap, times
from crlm.audit.misfits import CUT
from crlm.audit.trends import RANKS, TRENDS, ranked_p, trend_p
from crlm.exact import SAMPLED_TABLES, exact_test
from crlm.ledger.vocabulary import ALL, ORDERED_TESTS, RANK_TESTS, TREND_TEST

#: The tests that are tried on a table of two rows, by name.
TESTS = ("fisher", "chi-square", "chi-square-yates", "mid-p", "likelihood ratio")
_NAMES = {
    "fisher": "Fisher's exact test",
    "chi-square": "the chi-square test",
    "chi-square-yates": "chi-square with Yates' correction",
    "mid-p": "Fisher's mid-p",
    "likelihood ratio": "the likelihood ratio test",
    **TRENDS,
    **RANKS,
}
#: How many patients are moved in search of the counts that give a printed p.
_REACH = 15
_GRID = 5
#: Patients expected in each cell of a table whose exact p lies near that of chi-square, and how
#: near: as a power of p, and a factor.
_EXPECTED, _LOOSE, _ROOM = 5, 1.25, 1.3
#: Larger tables are misprints; exact tests of them would take long.
_TOO_MANY = 1_000_000

Table = tuple[tuple[int, ...], ...]


@lru_cache(maxsize=200_000)
def p_values(table: Table) -> dict[str, float]:
    """Two-sided p values of a table of counts by every test in use.

    Parameters
    ----------
    table : tuple of tuples of int
        A row a group, a column a level.

    Returns
    -------
    dict of str to float
        Of the names in `TESTS`; the exact tests for two by two only.
    """
    counts = np.array(table, dtype=float)
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    if counts.min() < 0 or rows.min() <= 0 or columns.min() <= 0 or counts.sum() > _TOO_MANY:
        return {}
    expected = np.outer(rows, columns) / counts.sum()
    df = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    off = np.abs(counts - expected)
    logs = np.log(np.where(counts > 0, counts, 1.0) / expected)
    found = {
        "chi-square": chdtrc(df, (off**2 / expected).sum()),
        "likelihood ratio": chdtrc(df, max(2 * (counts * logs).sum(), 0.0)),
    }
    if counts.shape == (2, 2):
        less = np.maximum(off - np.minimum(0.5, off), 0)
        found["chi-square-yates"] = chdtrc(1, (less**2 / expected).sum())
        found["fisher"], found["mid-p"] = _exact(table)
    return {name: float(p) for name, p in found.items()}


def _exact(table: Table) -> tuple[float, float]:
    """Fisher's two-sided p (all tables as improbable) and the mid-p."""
    (a, b), (c, d) = table
    row, column, n = a + b, a + c, a + b + c + d
    k = np.arange(max(0, row + column - n), min(row, column) + 1)
    logs = -(gammaln(k + 1) + gammaln(row - k + 1) + gammaln(column - k + 1))
    logs -= gammaln(n - row - column + k + 1)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    own = weights[a - k[0]]
    p = min(1.0, weights[weights <= own * (1 + 1e-7)].sum())
    return p, p - own / 2


@check(
    asks="Does any usual test of the printed counts give the printed p value?",
    assumes="Fisher, chi-square, Yates, mid-p or likelihood ratio; where the design declares a "
    "trend, Mantel-Haenszel or Cochran-Armitage over levels in their order, or a test of their "
    "ranks where it declares one; missing values only as far as the printed percentages allow "
    "them, or as a level of their own, which is said.",
    blind="A wrong test that rounds to the same digits; errors on p values printed as an "
    "inequality that stays true.",
    about="reporting",
)
def counted_p(facts: Facts) -> Iterator[Case]:
    """p values of comparisons whose counts or percentages are printed."""
    for key, p in [*((key, p) for key, (p, *_) in facts.numbers.items()), *_told(facts)]:
        case = _case(facts, key, p)
        if case is not None:
            yield case


def _told(facts: Facts) -> Iterator[tuple[Key, Printed]]:
    """Sentences on a p value that no number says, as "NS": p on one side of what is usual."""
    for sentence in facts.sentences:
        key = key_of(sentence, facts.design)
        if key.statistic == "p" and key not in facts.numbers:
            names = ("id", "printed", "place", "locator", "unit", "scanned")
            own = dict(zip(names, (sentence[name] for name in names), strict=True))
            sign = ">" if sentence["operator"] == "~" else "<"
            value, text = float(sentence["value"]), own.pop("printed")
            yield key, Printed(text=text, operator=sign, value=value, decimals=2, key=key, **own)


def _case(facts: Facts, key: Key, p: Printed) -> Case | None:
    if key.statistic != "p" or key.model or not key.covariate or "=" in key.group:
        return None
    whole, levels = cell_of(key.population), facts.levels(key.covariate)
    groups = () if whole is None else facts.compared(key.group, whole)
    if whole is None or len(groups) < 2 or len(levels) < 2:
        return None
    found = _roles_of(facts, key, whole, groups)
    if found is None:
        return None
    roles: dict[str, Printed] = {"p": p, **found}

    def judge(roles: Roles) -> Outcome:
        if facts.design.test_of(key.covariate) in ORDERED_TESTS:
            return _judge_ordered(roles, groups, levels, facts.design.test_of(key.covariate))
        return _judge(facts, roles, groups, levels, key.covariate)

    title = f"{facts.named(key.covariate)} by {facts.named(key.group)}: p"
    subject = ("p", key.endpoint, key.population, key.group, key.covariate)
    test = facts.design.test_of(key.covariate)
    every = facts.levels(key.group)
    others = _roles_of(facts, key, whole, every) if len(groups) < len(every) else None

    def explain(roles: Roles) -> str:
        said = _why(roles, groups, levels, test) + _of_number(facts, key.covariate)
        found = _fitting(_spans([_options(others, g, levels) for g in every]), p) if others else []
        return f"{said} Of all {len(every)} groups {_NAMES[found[0]]} gives it." if found else said

    return Case(subject, title, roles, judge, explain=explain)


def _of_number(facts: Facts, column: str) -> str:
    """What else the p beside bands of a number may be."""
    if facts.design.cut(column) is None:
        return ""
    number = facts.design.source(column)
    return f" If print has it of {facts.named(number)} itself, its covariate is {number}."


def _roles_of(
    facts: Facts, key: Key, whole: Cell, groups: Sequence[str]
) -> dict[str, Printed] | None:
    """What is printed of each group; None where that of one is not enough."""
    roles: dict[str, Printed] = {}
    rest, levels = frozenset(one for one in whole if one[0] != key.group), facts.levels
    for group in groups:
        among = rest | {(key.group, group)}
        found = _group_roles(facts, among, key.covariate, levels(key.covariate), group)
        if found is None:
            return None
        roles |= found
    return roles


def _group_roles(
    facts: Facts, among: Cell, column: str, levels: tuple[str, ...], group: str
) -> dict[str, Printed] | None:
    n = facts.n(among)
    if n is None:
        return None
    block = blocks(facts).get((among, column), {})
    roles = {f"{group}: n": n}
    for level in levels:
        count = facts.n(among | {(column, level)})
        if count is not None:
            roles[f"{group}: count {level}"] = count
        if level in block:
            roles[f"{group}: percent {level}"] = block[level][0]
    missing = sum(f"{group}: count {level}" not in roles for level in levels)
    enough = missing <= 1 or (len(levels) == 2 and len(roles) > 1)
    return roles if enough else None


def _of_order(test: str) -> tuple[str, Mapping[str, str], Callable[[Table], dict[str, float]]]:
    """What a test over levels in their order is called, its names, and its p values."""
    by_ranks = test in RANK_TESTS
    return ("rank test", RANKS, ranked_p) if by_ranks else ("test for trend", TRENDS, trend_p)


def _judge_ordered(
    roles: Roles, groups: tuple[str, ...], levels: tuple[str, ...], test: str
) -> Outcome:
    """A p that the design calls one over levels in their order: no other test stands in for it."""
    what, names, given = _of_order(test)
    options = [_options(roles, group, levels) for group in groups]
    whole = _spans([_largest(rows) for rows in options], given)
    if not whole:
        return unclear("The counts of a group cannot be told from what is printed.")
    p = roles["p"]
    if fitting := _fitting(whole, p, names):
        return _once_or_twice(whole, p, f"Given by {names[fitting[0]]}.", hull(whole.values()))
    spans = _spans(options, given)
    low, high = hull(spans.values())
    if _fitting(spans, p, names):
        return unclear(f"A {what} gives it if some patients had no value.", low, high)
    if other := _fitting(_spans(options), p):
        told = f"The design declares a {what}, and {_NAMES[other[0]]} gives it."
        return unclear(told, low, high, notable=True)
    return Outcome(INCONSISTENT, low, high)


def _judge(
    facts: Facts, roles: Roles, groups: tuple[str, ...], levels: tuple[str, ...], column: str
) -> Outcome:
    options = [_options(roles, group, levels) for group in groups]
    whole = _spans([_largest(rows) for rows in options])
    if not whole:
        return unclear("The counts of a group cannot be told from what is printed.")
    fitting = _fitting(whole, roles["p"])
    if fitting:
        given = ", ".join(_NAMES[name] for name in fitting)
        return _once_or_twice(whole, roles["p"], f"Given by {given}.", hull(whole.values()))
    spans = _spans(options)
    low, high = hull(spans.values())
    if _fitting(spans, roles["p"]):
        return unclear("Some test gives it if some patients had no value.", low, high)
    sizes = [roles[f"{group}: n"].count for group in groups]
    said = _as_a_level(roles["p"], options, sizes)
    if len(levels) == len(groups) == 2 and said:
        return unclear(said, low, high, notable=True)
    if len(levels) > 2 or len(groups) > 2:
        far = _well_filled(options) and not overlap(_loosely(low, high), roles["p"].interval)
        if said:
            return unclear(said, low, high, notable=far)
        if _fitting(_spans(options, trend_p), roles["p"], TRENDS):
            declared = f'tests = {{ {column} = "{TREND_TEST}" }} of [table_one] declares one'
            return unclear(f"A test for trend over the levels gives it; {declared}.", low, high)
        if far:
            return Outcome(INCONSISTENT, low, high)
        return unclear("Exact tests of larger tables are not tried.", low, high)
    return Outcome(INCONSISTENT, low, high)


def _well_filled(options: Sequence[Sequence[tuple[int, ...]]]) -> bool:
    """Whether chi-square stands for the exact test: five patients expected in every cell."""
    for rows in product(*options):
        counts = np.array(rows, dtype=float)
        whole = counts.sum()
        if not whole or (np.outer(counts.sum(1), counts.sum(0)) / whole).min() < _EXPECTED:
            return False
    return True


def _loosely(low: float, high: float) -> Interval:
    """Where an exact p may lie beside those of chi-square and the likelihood ratio."""
    return low**_LOOSE / _ROOM, min(1.0, high ** (1 / _LOOSE) * _ROOM)


def _as_a_level(
    p: Printed, options: Sequence[Sequence[tuple[int, ...]]], sizes: Sequence[int]
) -> str:
    """What is said if the p value fits once the patients without a value count as a level.

    Print must show that there are such patients: where they only may be, much would fit.
    """
    rows = [
        [(*row, size - sum(row)) for row in given if sum(row) <= size]
        for given, size in zip(options, sizes, strict=True)
    ]
    shown = any(given and all(row[-1] for row in given) for given in rows)
    fitting = _fitting(_spans(rows), p) if shown else []
    if not fitting:
        return ""
    lost = [sorted({row[-1] for row in given}) for given in rows]
    told = [str(k[0]) if len(k) == 1 else f"{k[0]} to {k[-1]}" for k in lost]
    missing = " and ".join(f"{k} of {size}" for k, size in zip(told, sizes, strict=True))
    levels = len(options[0][0])
    tried = "No usual test" if levels == len(options) == 2 else "No test that is tried"
    return (
        f"{tried} of the {levels} levels gives {_printed(p)}; "
        f"{_NAMES[fitting[0]]} does if the patients without a value ({missing}) were tested as one "
        "more level."
    )


def _largest(rows: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Those rows that count the most patients."""
    most = max((sum(row) for row in rows), default=0)
    return [row for row in rows if sum(row) == most]


def _once_or_twice(
    spans: Mapping[str, Interval], p: Printed, given: str, whole: Interval
) -> Outcome:
    once = replace(p, early=None)
    if p.early is None or _fitting(spans, once):
        return outcome(True, *whole, given)
    name = _fitting(spans, p, _NAMES)[0]
    said = (
        f"{p.text} is {spans[name][0]:.{p.early + 1}f} of {_NAMES[name]} rounded to {p.early} "
        f"decimals and then again; rounded once it is {spans[name][0]:.{p.decimals}f}."
    )
    return unclear(said, *whole, notable=True)


def _spans(
    options: Sequence[Sequence[tuple[int, ...]]],
    given: Callable[[Table], dict[str, float]] = p_values,
) -> dict[str, Interval]:
    """p by test, over all tables that the printed numbers allow."""
    tried: dict[str, list[float]] = {}
    for rows in product(*options):
        for name, p in given(tuple(rows)).items():
            tried.setdefault(name, []).append(p)
    return {name: hull((p, p) for p in values) for name, values in tried.items()}


def _fitting(spans: Mapping[str, Interval], p: Printed, tests: Iterable[str] = TESTS) -> list[str]:
    return [name for name in tests if name in spans and overlap(spans[name], p.interval)]


def _options(roles: Roles, group: str, levels: tuple[str, ...]) -> list[tuple[int, ...]]:
    """The rows of the table that a group's printed numbers allow, thinned to a few."""
    n = roles[f"{group}: n"].count
    counts = {
        lev: roles[f"{group}: count {lev}"].count
        for lev in levels
        if f"{group}: count {lev}" in roles
    }
    percents = [
        (roles[f"{group}: percent {lev}"], roles.get(f"{group}: count {lev}"))
        for lev in levels
        if f"{group}: percent {lev}" in roles
    ]
    if len(counts) == len(levels):
        return [tuple(counts[lev] for lev in levels)]
    sizes = possible_sizes(n, percents, full=False, known=sum(counts.values())) if percents else [n]
    sizes = _thin(sizes or [n])
    if len(counts) == len(levels) - 1:
        return [row for size in sizes if (row := _filled(counts, levels, size)) is not None]
    level = next(lev for lev in levels if f"{group}: percent {lev}" in roles)
    percent = roles[f"{group}: percent {level}"].interval
    pairs = [(k, size) for size in sizes for k in _thin(integers(times(percent, size / 100)))]
    return [(k, size - k) if level == levels[0] else (size - k, k) for k, size in pairs]


def _thin(values: Sequence[int]) -> list[int]:
    """First, last and some between."""
    known = list(values)
    if len(known) <= _GRID:
        return known
    return [known[round(i * (len(known) - 1) / (_GRID - 1))] for i in range(_GRID)]


def _filled(
    counts: Mapping[str, int], levels: tuple[str, ...], size: int
) -> tuple[int, ...] | None:
    rest = size - sum(counts.values())
    return tuple(counts.get(lev, rest) for lev in levels) if rest >= 0 else None


def _why(roles: Roles, groups: tuple[str, ...], levels: tuple[str, ...], test: str) -> str:
    rows = tuple(_options(roles, group, levels)[0] for group in groups)
    ordered = test in ORDERED_TESTS
    tests = _of_order(test)[2] if ordered else p_values
    given = tests(rows)
    tried = [name for name in (*TESTS[:3], "likelihood ratio", *TRENDS, *RANKS) if name in given][
        :3
    ]
    shown = ", ".join(f"{_say_p(given[name])} by {_NAMES[name]}" for name in tried)
    counts = " against ".join(
        f"{row[-1]} of {sum(row)}" if len(row) == 2 else "/".join(map(str, row)) for row in rows
    )
    printed = _printed(roles["p"])
    equals = "" if shown.startswith("<") else "= "
    none = "neither" if ordered and len(given) > 1 else "no usual test"
    text = f"{counts} gives p {equals}{shown}; {none} gives {printed}."
    if test in given and roles["p"].is_cut(given[test]):
        return f"{text} It has the first digits of p by {_NAMES[test]}: {CUT}."
    away = _patients_away(rows, roles["p"].interval, tests)
    if away:
        text += f" One count would have to differ by {away}."
    return text


def _printed(p: Printed) -> str:
    """A p value with its sign; a word in its place with what it says."""
    text = p.text.lstrip("<>= ")
    if any(sign.isdigit() for sign in text):
        return f"p {p.operator} {text}"
    return f'p {p.operator} {p.value:g}, as "{text}" says'


def _patients_away(
    rows: Table, printed: Interval, tests: Callable[[Table], dict[str, float]]
) -> int:
    """The smallest change of one count that gives the printed p; 0 if none within reach."""
    for step in range(1, _REACH + 1):
        for row, (one, other) in product(range(len(rows)), permutations(range(len(rows[0])), 2)):
            moved = [list(r) for r in rows]
            moved[row][one] -= step
            moved[row][other] += step
            values = tests(tuple(tuple(r) for r in moved)).values()
            if any(overlap((p, p), printed) for p in values):
                return step
    return 0


def _say_p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


@check(
    asks="Which one test gives the whole column of p values?",
    assumes="One test was used for all rows; the design says which if the paper does, and which "
    "rows have another.",
    blind="Rows that several tests round to the same digits; exact tests of counts that print "
    "leaves open.",
    about="reporting",
    digits=False,
)
def column_of_p(facts: Facts) -> Iterator[Case]:
    """The test of Table 1, as its p values imply it; where the paper names it, of every table."""
    stated = facts.design.table_one.get("tests_stated", False)
    tables: dict[tuple[str, str], list[Case]] = {}
    for case in counted_p(facts):
        _, endpoint, population, group, column = case.subject
        if not endpoint and facts.design.test_of(column) not in ORDERED_TESTS:
            tables.setdefault((group, population), []).append(case)
    for (group, population), mine in sorted(tables.items()):
        roles = {f"p {c.subject[4]}": c.roles["p"] for c in mine}

        def judge(roles: Roles, mine: list[Case] = mine) -> Outcome:
            return _judge_column(facts, roles, mine)

        if stated or (population == ALL and len(mine) >= 4):
            title, subject = f"Tests of the comparison by {facts.named(group)}", ("tests", group)
            if population != ALL:
                title += f", {facts.design.population_label(population)}"
                subject += (population,)
            yield Case(subject, title, roles, judge)


def _judge_column(facts: Facts, roles: Roles, cases: Sequence[Case]) -> Outcome:
    given: dict[str, int] = dict.fromkeys(TESTS, 0)
    right, wrong = True, dict[str, list[str]]()
    for case in cases:
        *_, group, column = case.subject
        spans, p = _of_row(facts, case, group, column), roles[f"p {column}"]
        fitting, own = _fitting(spans, p), facts.design.test_of(column)
        given |= {name: given[name] + 1 for name in fitting}
        right &= not fitting or own in fitting
        if fitting and own in spans and own not in fitting:
            wrong.setdefault(own, []).append(facts.named(column))
    counts = ", ".join(f"{_NAMES[name]} {given[name]}" for name in TESTS[:4])
    text = f"Of {len(cases)} p value{'s' * (len(cases) > 1)} of counts: {counts}."
    if any(given.values()) and right:
        return outcome(True, detail=text)
    if facts.design.table_one.get("tests_stated", False) and wrong:
        told = "; ".join(f"{_NAMES[t]} does not give: {', '.join(sorted(wrong[t]))}" for t in wrong)
        return outcome(False, detail=f"{text} {told[0].upper()}{told[1:]}.")
    return unclear(f"{text} Most rows fit {_NAMES[max(TESTS, key=given.__getitem__)]}.")


def _of_row(facts: Facts, case: Case, group: str, column: str) -> dict[str, Interval]:
    """p of a row by test, Fisher's beyond 2 x 2 too where print allows one table alone."""
    groups = [name.removesuffix(": n") for name in case.roles if name.endswith(": n")]
    options = [_options(case.roles, name, facts.levels(column)) for name in groups]
    spans = _spans(options)
    if spans and "fisher" not in spans and all(len(rows) == 1 for rows in options):
        spans["fisher"] = _of_larger(tuple(row for (row,) in options))
    return spans


@lru_cache(maxsize=1000)
def _of_larger(table: Table) -> Interval:
    """Fisher's p of a table beyond 2 x 2; where tables are sampled, what the sample leaves open."""
    p, how = exact_test(np.array(table))
    room = 4 * (p * (1 - p) / SAMPLED_TABLES) ** 0.5 if "Monte Carlo" in how else 0.0
    return max(p - room, 0.0), min(p + room, 1.0)
