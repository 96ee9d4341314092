"""Checks of one quantity in several places, of repeated numbers, and of mended scans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.counts import blocks
from crlm.audit.curves import curve_keys
from crlm.audit.facts import Facts, Key, Printed, cell_of
from crlm.audit.intervals import hull, meet, overlap
from crlm.audit.ratios import title_of


@check(
    asks="Is the same quantity printed with the same value everywhere?",
    assumes="The ledger gives the same keys to the same quantity only.",
    blind="An error that is repeated in every place.",
)
def same_quantity(facts: Facts) -> Iterator[Case]:
    """Abstract, text and tables against each other."""
    for title, subject, places in _repeated(facts):
        roles = {f"{i}": printed for i, printed in enumerate(places)}
        yield Case(("same", *subject), title, roles, _judge_same)


def _repeated(facts: Facts) -> Iterator[tuple[str, tuple[str, ...], tuple[Printed, ...]]]:
    for cell, places in facts.counts.items():
        if len(places) > 1:
            yield f"Number of patients, {facts.label(cell)}", (str(sorted(cell)), "n"), places
    for (cell, among), places in facts.percents.items():
        if len(places) > 1:
            yield f"Share of {facts.label(cell - among)}", (str(sorted(cell)), "%"), places
    for step, places in facts.flow.items():
        if len(places) > 1:
            yield f"Flow chart, {step.replace('_', ' ')}", ("flow", step), places
    for key, places in facts.numbers.items():
        cells = key.statistic in ("n", "percent") and not key.model
        if len(places) > 1 and not cells:
            yield quantity(facts, key), tuple(map(str, key)), places


def quantity(facts: Facts, key: Key) -> str:
    """What a key is about, as a heading."""
    part = {"conf_low": ", lower limit", "conf_high": ", upper limit"}.get(key.field, "")
    if key.model and key.covariate:
        return f"{title_of(facts, key)}: {key.statistic.replace('_', ' ')}{part}"
    cell = cell_of(key.group)
    who = (
        facts.named(key.group)
        if cell is None
        else facts.label(cell | (cell_of(key.population) or cell))
    )
    what = f"{facts.named(key.covariate, key.level)} " if key.covariate else ""
    at = f" at {key.time:g} months" if key.time is not None else ""
    statistic = key.statistic.replace("_", " ")
    return f"{facts.endpoint(key.endpoint)} {what}{statistic}{at}, {who}{part}".strip()


def _judge_same(roles: Roles) -> Outcome:
    places = list(roles.values())
    low, high = hull(p.months for p in places)
    different = [(a, b) for a, b in combinations(places, 2) if _differ(a, b)]
    if not different:
        return outcome(True, low, high)
    texts = " and ".join(dict.fromkeys(f"{p.text} ({p.locator})" for p in places))
    said = f"One quantity, two values: {texts}."
    a, b = different[0]
    if meet(a.months, b.months) is not None:
        said += " Rounding once in one place and twice in the other would explain it."
    return outcome(False, low, high, said)


def _differ(a: Printed, b: Printed) -> bool:
    if a.operator == b.operator == "=" and a.decimals == b.decimals and a.unit == b.unit:
        return a.value != b.value
    return not overlap(a.months, b.months)


@check(
    asks="Do two different quantities carry the same printed numbers?",
    assumes="Nothing: chance does this too, so it only points.",
    blind="It never says more than that the numbers are alike.",
    about="reporting",
    points=True,
)
def repeated_numbers(facts: Facts) -> Iterator[Case]:
    """Equal triples of rate and limits; equal pairs of counts in one group."""
    for names, sets in ((_rate_sets(facts)), (_count_sets(facts))):
        groups: dict[tuple, list[str]] = defaultdict(list)
        for name, (where, printed) in sets.items():
            groups[(where, *(p.text for p in printed))].append(name)
        for alike in groups.values():
            if len(alike) > 1:
                yield _alike_case(names, alike, sets)


def _alike_case(names: str, alike: list[str], sets: dict) -> Case:
    roles = {f"{name} {i}": p for name in alike for i, p in enumerate(sets[name][1])}
    texts = ", ".join(p.text for p in sets[alike[0]][1])
    said = (
        f"{texts} is printed for {' and for '.join(alike)}: chance, or one copied from the other."
    )

    def judge(roles: Roles) -> Outcome:
        parts = [tuple(p.text for r, p in roles.items() if r.startswith(name)) for name in alike]
        return unclear(said, notable=True) if len(set(parts)) == 1 else outcome(True)

    return Case(("alike", names, *alike), f"{names}: {' and '.join(alike)}", roles, judge)


def _rate_sets(facts: Facts) -> tuple[str, dict[str, tuple[tuple, list[Printed]]]]:
    found = {}
    for key, rate in curve_keys(facts, "survival_rate").items():
        limits = [facts.one(key._replace(field=f)) for f in ("conf_low", "conf_high")]
        if None not in limits:
            found[quantity(facts, key)] = ((key.endpoint, key.time), [rate, *limits])
    return "Survival rates", found


def _count_sets(facts: Facts) -> tuple[str, dict[str, tuple[tuple, list[Printed]]]]:
    found = {}
    for (among, column), block in blocks(facts).items():
        levels = facts.levels(column)
        if len(levels) == len(block) == 2 and all(k is not None for _, k in block.values()):
            printed = sorted((n for pair in block.values() for n in pair if n is not None),
                             key=lambda p: (p.unit, p.value))  # fmt: skip
            found[f"{facts.named(column)}, {facts.label(among)}"] = ((among,), printed)
    return "Counts", found


@check(
    asks="Do a log-rank test and a univariable model of the same groups give like p values?",
    assumes="Both tests measure the same contrast; |z| may differ by 0.35 plus 15 %.",
    blind="p values printed as inequalities that stay true.",
    soft=True,
    about="reporting",
    digits=False,
)
def two_tests(facts: Facts) -> Iterator[Case]:
    """p of curves beside p of the regression table."""
    for key, (p, *_) in facts.numbers.items():
        levels = facts.levels(key.group)
        if key.statistic != "p" or key.model != "logrank" or len(levels) != 2:
            continue
        other = facts.one(key._replace(group="all", covariate=key.group, level=levels[1],
                                       model="univariable"))  # fmt: skip
        if other is not None:
            title = f"{facts.named(key.group)}, {key.endpoint}: two p values"
            yield Case(("tests of curves", key.endpoint, key.population, key.group), title,
                       {"log-rank": p, "model": other}, _judge_tests)  # fmt: skip


def _judge_tests(roles: Roles) -> Outcome:
    a, b = roles["log-rank"].interval, roles["model"].interval
    wide = (max(a[0], 1e-12) ** 1.5 / 3, min(1.0, max(a[1], 1e-12) ** 0.6 * 2))
    said = f"p {roles['log-rank'].text} of the curves, p {roles['model'].text} of the model."
    return outcome(overlap(wide, b) or overlap(a, b), *wide, said)
