"""Checks of one quantity in several places, of repeated numbers, and of mended scans."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from crlm.audit.blocks import blocks
from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.copies import alike
from crlm.audit.curves import curve_keys
from crlm.audit.facts import Facts, Key, Printed, cell_of, text_of
from crlm.audit.intervals import deviate, holds, hull, meet, overlap, two_sided
from crlm.audit.misfits import CUT
from crlm.audit.models import share
from crlm.audit.ratios import effect_rows, p_span, region, shown, title_of, wald_p_of
from crlm.audit.steps import step_title

_ENOUGH_EVENTS = 150
#: Of fewer patients two equal counts of two levels are chance.
_FEW = 30


@check(
    asks="Is the same quantity printed with the same value everywhere?",
    assumes="The ledger gives the same keys to the same quantity only.",
    blind="An error that is repeated in every place.",
)
def same_quantity(facts: Facts) -> Iterator[Case]:
    """Abstract, text and tables against each other."""
    for title, subject, places in _repeated(facts):
        roles = {f"{i}": printed for i, printed in enumerate(places)}
        why = _of_others(facts, places)

        def judge(roles: Roles, why: str = why) -> Outcome:
            return _judge_same(roles, why)

        yield Case(("same", *subject), title, roles, judge)


def _of_others(facts: Facts, places: tuple[Printed, ...]) -> str:
    """Of whom two percentages of one count are, if one is of all and one of those known."""
    for (cell, among), printed in facts.percents.items():
        count, n = facts.n(cell), facts.n(among)
        if printed != places or count is None or n is None or len(cell - among) != 1:
            continue
        ((column, _),) = cell - among
        parts = [facts.n(among | {(column, level)}) for level in facts.levels(column)]
        summed = 0 if None in parts else sum(part.count for part in parts if part)
        fitting = {
            p.text: size
            for p in places
            for size in (n.count, summed)
            if 0 < size and holds(p.interval, 100 * count.count / size)
        }
        if {*fitting.values()} == {n.count, summed} and len(fitting) == len(
            {p.text for p in places}
        ):
            ordered = sorted(fitting.items(), key=lambda one: -one[1])
            told = " and ".join(f"{text}% of {size}" for text, size in ordered)
            return f" It is {told}: of all patients, and of those with a value."
    return ""


def _repeated(facts: Facts) -> Iterator[tuple[str, tuple[str, ...], tuple[Printed, ...]]]:
    for cell, places in facts.counts.items():
        if len(places) > 1:
            yield f"Number of patients, {facts.label(cell)}", (str(sorted(cell)), "n"), places
    for (cell, among), places in facts.percents.items():
        if len(places) > 1:
            yield f"Share of {facts.label(cell - among)}", (str(sorted(cell)), "%"), places
    for step, places in facts.flow.items():
        if len(places) > 1:
            more = [text_of(step.cell)] if step.cell else []
            more += [step.statistic] if step.statistic != "n" else []
            yield step_title(facts, step), ("flow", step.name, *more), places
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


def _judge_same(roles: Roles, why: str = "") -> Outcome:
    places = list(roles.values())
    low, high = hull(p.months for p in places)
    different = [(a, b) for a, b in combinations(places, 2) if _differ(a, b)]
    if not different:
        return outcome(True, low, high)
    texts = " and ".join(dict.fromkeys(f"{p.text} ({p.locator})" for p in places))
    said = f"One quantity, two values: {texts}.{why}"
    a, b = different[0]
    if a.unit == b.unit and (a.is_cut(b.value) or b.is_cut(a.value)):
        said = f"{said.removesuffix('.')}: {CUT}."
    if meet(a.months, b.months) is not None:
        said += " Rounding once in one place and twice in the other would explain it."
    return outcome(False, low, high, said)


def _differ(a: Printed, b: Printed) -> bool:
    if {a.operator, b.operator} == {"<", ">"}:
        above, below = (a, b) if a.operator == ">" else (b, a)
        return above.value >= below.value
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
    """Equal triples of rate or ratio and limits; equal pairs of counts in one group."""
    for names, sets in (_rate_sets(facts), _ratio_sets(facts), _count_sets(facts)):
        groups: dict[tuple, list[str]] = defaultdict(list)
        for name, (where, printed) in sets.items():
            groups[(where, *(p.text for p in printed))].append(name)
        for equal in groups.values():
            if len(equal) > 1:
                yield _alike_case(names, equal, sets)


def _alike_case(names: str, equal: list[str], sets: dict) -> Case:
    roles = {f"{name} {i}": p for name in equal for i, p in enumerate(sets[name][1])}
    texts = ", ".join(p.text for p in sets[equal[0]][1])
    said = (
        f"{texts} is printed for {' and for '.join(equal)}: chance, or one copied from the other."
    )

    def judge(roles: Roles) -> Outcome:
        parts = [tuple(p.text for r, p in roles.items() if r.startswith(name)) for name in equal]
        return unclear(said, notable=True) if len(set(parts)) == 1 else outcome(True)

    return Case(("alike", names, *equal), f"{names}: {' and '.join(equal)}", roles, judge)


def _rate_sets(facts: Facts) -> tuple[str, dict[str, tuple[tuple, list[Printed]]]]:
    found = {}
    for key, rate in curve_keys(facts, "survival_rate").items():
        limits = [facts.one(key._replace(field=f)) for f in ("conf_low", "conf_high")]
        if None not in limits:
            found[quantity(facts, key)] = ((key.endpoint, key.time), [rate, *limits])
    return "Survival rates", found


def _ratio_sets(facts: Facts) -> tuple[str, dict[str, tuple[tuple, list[Printed]]]]:
    rows = effect_rows(facts)
    return "Ratios", {
        title_of(facts, key): ((), [rows[key][role] for role in ("estimate", "low", "high")])
        for keys in alike(facts)
        for key in keys
    }


def _count_sets(facts: Facts) -> tuple[str, dict[str, tuple[tuple, list[Printed]]]]:
    found = {}
    for (among, column), block in blocks(facts).items():
        levels = facts.levels(column)
        if len(levels) == len(block) == 2 and all(k is not None for _, k in block.values()):
            printed = sorted(
                (n for pair in block.values() for n in pair if n is not None),
                key=lambda p: (p.unit, p.value),
            )
            whole = sum(p.value for p in printed if p.unit == "patients")
            if not 0 < whole < _FEW:  # Among few patients chance makes equal counts.
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
        levels = _two(facts, key)
        if key.statistic != "p" or key.model != "logrank" or len(levels) != 2:
            continue
        other = facts.one(
            key._replace(group="all", covariate=key.group, level=levels[1], model="univariable")
        )
        if other is not None:
            title = f"{facts.named(key.group)}, {key.endpoint}: two p values"
            yield Case(
                ("tests of curves", key.endpoint, key.population, key.group),
                title,
                {"log-rank": p, "model": other},
                _judge_tests,
            )


def _two(facts: Facts, key: Key) -> tuple[str, ...]:
    """The groups that a test compares, where the first of them is that of the column."""
    among = cell_of(key.population)
    found = () if among is None else facts.compared(key.group, among)
    return found if found[:1] == facts.levels(key.group)[:1] else ()


def _judge_tests(roles: Roles) -> Outcome:
    a, b = roles["log-rank"].interval, roles["model"].interval
    wide = (max(a[0], 1e-12) ** 1.5 / 3, min(1.0, max(a[1], 1e-12) ** 0.6 * 2))
    said = f"p {roles['log-rank'].text} of the curves, p {roles['model'].text} of the model."
    return outcome(overlap(wide, b) or overlap(a, b), *wide, said)


@check(
    asks="Does the interval of the regression table give the p value of the curves?",
    assumes="Groups between a fifth and four fifths of the patients, 150 events or more: there "
    "simulated log-rank and Wald deviates differ by 3 to 5 % up to z = 4.",
    blind="p values printed as an inequality that stays true; unequal groups, few events.",
    soft=True,
    about="reporting",
)
def curve_p(facts: Facts) -> Iterator[Case]:
    """Log-rank p beside the univariable hazard ratio of the same groups."""
    for key, places in facts.numbers.items():
        levels = _two(facts, key)
        if key.statistic != "p" or key.model != "logrank" or len(levels) != 2:
            continue
        ratio = Key(
            key.endpoint,
            key.population,
            "all",
            key.group,
            levels[1],
            "univariable",
            "hazard_ratio",
            None,
        )
        row = effect_rows(facts).get(ratio, {})
        part = share(facts, frozenset({(key.group, levels[1])}))
        if not {"estimate", "low", "high"} <= set(row) or part is None or not 0.2 < part < 0.8:
            continue
        for p in {printed.text: printed for printed in places}.values():
            roles = {"p": p} | {role: row[role] for role in ("estimate", "low", "high")}
            title = f"{facts.named(key.group)}, {facts.endpoint(key.endpoint)}: two p values"
            subject = ("tests of curves", key.endpoint, key.population, key.group)
            yield Case(subject, title, roles, _judge_curve_p)


def _judge_curve_p(roles: Roles) -> Outcome:
    corners = region({role: p for role, p in roles.items() if role != "p"})
    if not corners or 4 / max(s for _, s in corners) ** 2 < _ENOUGH_EVENTS:
        return unclear("Too few events, or the interval contradicts itself.")
    low, high = wald_p_of(corners)
    most = deviate(low) * (1.04 + 0.015 * max(deviate(low) - 3, 0.0)) + 0.05
    least = deviate(high) * 0.96 - 0.05
    span = (two_sided(most), two_sided(max(least, 0.0)))
    printed = f"p {roles['p'].operator} {roles['p'].text.lstrip('<>= ')}"
    said = f"{printed} of the curves, but {shown(roles)} of the same groups implies "
    said += f"p = {p_span(low, high)}."
    return outcome(overlap(span, roles["p"].interval), low, high, said)
