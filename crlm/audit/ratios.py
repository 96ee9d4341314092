"""Checks of hazard and odds ratios: the estimate, its interval and its p value among themselves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import RATIOS, Facts, Key, Printed, cell_of, of_another_test
from crlm.audit.intervals import (
    Interval,
    deviate,
    hull,
    log,
    mapped,
    overlap,
    two_sided,
    wald_region,
)
from crlm.audit.misfits import CUT

#: How the sentence of a ratio ends whose final zeros explain it.
NO_DIGIT = "is no digit"
#: Profile limits of an odds ratio are not quite symmetric: room as a share of the width.
_PROFILE_ROOM = 0.05
#: Log-rank, score and likelihood p values differ from Wald's: room for z, fixed and relative,
#: where the design names such a test, and where it names Wald's for a univariable column.
_OTHER_TEST, _NEAR_WALD = (0.35, 0.15), (0.02, 0.02)
#: Ratios whose standard error is that of a likelihood, of which the events are the information;
#: that of a subdistribution ratio is a sandwich.
OF_LIKELIHOOD = ("hazard_ratio", "odds_ratio")
#: A printed limit whose true value must lie this near the edge of its rounding lost a digit.
_EDGE = 0.05
#: Upper over lower limit of a level (nearly) without events; of one that says so by itself.
_SEPARATED, _ALONE = 100.0, 1000.0
_PENALISED = "The model seems to be a penalised one, whose limits are not symmetric."
_ALPHA = 0.05


@lru_cache(maxsize=4)
def effect_rows(facts: Facts) -> dict[Key, dict[str, Printed]]:
    """Every printed ratio with whatever is printed of its limits and p value."""
    found: dict[Key, dict[str, Printed]] = {}
    for key in facts.numbers:
        if key.statistic not in RATIOS:
            continue
        base = key._replace(field="estimate")
        if base in found:
            continue
        roles = {
            "estimate": facts.one(base),
            "low": facts.one(base._replace(field="conf_low")),
            "high": facts.one(base._replace(field="conf_high")),
            "p": next(iter(beside(facts, base, "p")), None),
        }
        found[base] = {role: printed for role, printed in roles.items() if printed is not None}
    return found


@lru_cache(maxsize=4)
def wald_rows(facts: Facts) -> dict[Key, dict[str, Printed]]:
    """As `effect_rows`, without limits that tell no standard error: those of a profile likelihood.

    Print says nothing of how far they lie from the estimate on either side.
    """
    if facts.design.odds_limits != "profile":
        return effect_rows(facts)
    return {
        key: {
            role: printed
            for role, printed in roles.items()
            if key.statistic != "odds_ratio" or role not in ("low", "high")
        }
        for key, roles in effect_rows(facts).items()
    }


def beside(facts: Facts, ratio: Key, statistic: str) -> tuple[Printed, ...]:
    """Another number of a ratio's row; one without reference level belongs to the only ratio."""
    found = facts.numbers.get(ratio._replace(statistic=statistic), ())
    bare = ratio._replace(reference="")
    if found or bare in facts.numbers:
        return found
    return facts.numbers.get(bare._replace(statistic=statistic), ())


def subject_of(key: Key) -> tuple[str, ...]:
    """What a finding on a row of a regression table is about."""
    where = (key.endpoint, key.population, key.covariate, key.level, key.model)
    return ("ratio", *where, key.statistic, *filter(None, [key.reference]))


def title_of(facts: Facts, key: Key) -> str:
    """A row of a regression table as a heading."""
    who = "" if key.population == "all" else f" in {facts.design.population_label(key.population)}"
    called = facts.design.model_label(key._asdict()) or key.model
    model = f" ({called})" if called else ""
    what, endpoint = facts.named(key.covariate, key.level), facts.endpoint(key.endpoint)
    if key.reference:
        what += f" against {facts.design.label(key.covariate, key.reference)}"
    return f"{what}, {endpoint}{who}{model}"


def shown(roles: Roles) -> str:
    """An effect as it is printed: 1.35 (1.04-1.76)."""
    limits = (
        f" ({roles['low'].text}-{roles['high'].text})" if "low" in roles and "high" in roles else ""
    )
    return f"{roles['estimate'].text}{limits}" if "estimate" in roles else limits.strip()


def region(roles: Roles, use: tuple[str, ...] = ("estimate", "low", "high")) -> list | None:
    """Log ratio and standard error that the digits allow (see `wald_region`).

    Parameters
    ----------
    roles : mapping
        With the limits and perhaps the estimate.
    use : tuple of str
        Which of the three to believe; at least two.

    Returns
    -------
    list of (float, float), or None
        Corners; empty if the digits contradict each other; None if a number
        that is needed is not printed or not positive.
    """
    logs: dict[str, Interval | None] = {
        role: log(roles[role].interval) for role in use if role in roles
    }
    if len(logs) < 2 or None in logs.values():
        return None
    free = (-100.0, 100.0)
    estimate, low, high = (logs.get(role) for role in ("estimate", "low", "high"))
    room = 0.0
    if low and high and any(p.key.statistic == "odds_ratio" for p in roles.values()):
        room = _PROFILE_ROOM * max(high[1] - low[0], 0.0)
    return wald_region(estimate, low or free, high or free, slack=room)


def standard_error(roles: Roles) -> Interval | None:
    """Standard errors of the log ratio that the digits allow; None if none or not known."""
    if not {"low", "high"} <= set(roles):
        return None
    corners = region(roles)
    return (min(s for _, s in corners), max(s for _, s in corners)) if corners else None


def wald_p_of(corners: list[tuple[float, float]]) -> Interval:
    """p values of estimate/SE over a region."""
    z = [b / s for b, s in corners]
    least = 0.0 if min(z) <= 0 <= max(z) else min(abs(x) for x in z)
    return two_sided(max(abs(x) for x in z)), two_sided(least)


@check(
    asks="Does an estimate lie between its confidence limits?",
    assumes="Nothing.",
    blind="Any estimate between the limits.",
)
def limits(facts: Facts) -> Iterator[Case]:
    """Limits around every estimate of any kind."""
    for key, places in facts.numbers.items():
        found = {r: facts.one(key._replace(field=f"conf_{r}")) for r in ("low", "high")}
        told = {role: printed for role, printed in found.items() if printed is not None}
        if key.field != "estimate" or not told:
            continue
        roles = {"estimate": places[0], **told}
        if key.statistic in RATIOS:
            yield Case(subject_of(key), title_of(facts, key), roles, _judge_limits)
        else:
            where = key.group if key.group != "all" else "all patients"
            where = facts.named(key.covariate, key.level) if key.covariate else where
            title = (
                f"{facts.endpoint(key.endpoint)} {key.statistic.replace('_', ' ')}, {where}".strip()
            )
            yield Case(("limits", *map(str, key)), title, roles, _judge_limits)


def _judge_limits(roles: Roles) -> Outcome:
    if len(roles) == 2:
        return _judge_limit(roles)
    span = (roles["low"].interval[0], roles["high"].interval[1])
    ordered = roles["low"].interval[0] <= roles["high"].interval[1]
    ends = f"{roles['low'].text} and {roles['high'].text}"
    said = f"{roles['estimate'].text} does not lie between {ends}."
    return outcome(ordered and overlap(roles["estimate"].interval, span), *span, said)


def _judge_limit(roles: Roles) -> Outcome:
    """A limit that is printed without the other, as of a median whose upper one is not reached."""
    side, limit = next((role, roles[role]) for role in ("low", "high") if role in roles)
    lower = side == "low"
    span = (limit.interval[0], math.inf) if lower else (-math.inf, limit.interval[1])
    beyond, word = ("below", "lower") if lower else ("above", "upper")
    said = f"{roles['estimate'].text} is {beyond} its {word} limit {limit.text}."
    return outcome(overlap(roles["estimate"].interval, span), *span, said)


@check(
    asks="Is a ratio the geometric middle of its limits?",
    assumes="Wald limits (every usual software for Cox models; for odds ratios some room is left "
    "for profile limits, and nothing is checked where the design says that they are such; a model "
    "with a level without events is left alone).",
    blind="Errors within the rounding of the three numbers; two errors that cancel.",
)
def log_symmetry(facts: Facts) -> Iterator[Case]:
    """Estimate against both limits on the log scale."""
    for key, roles in wald_rows(facts).items():
        if {"estimate", "low", "high"} <= set(roles):
            mine = {role: roles[role] for role in ("estimate", "low", "high")}
            suspect = (key.endpoint, key.population, key.model) in penalised(facts)

            def judge(roles: Roles, suspect: bool = suspect) -> Outcome:
                return _judge_symmetry(roles, suspect)

            yield Case(subject_of(key), title_of(facts, key), mine, judge)


@lru_cache(maxsize=4)
def penalised(facts: Facts) -> frozenset[tuple[str, str, str]]:
    """Models with profile limits, as software prints them when a level has no event.

    One row must be all but without an upper or lower limit and two rows not
    symmetric: one misprint does not do that.
    """
    wide, skewed = set(), defaultdict(int)
    for key, roles in wald_rows(facts).items():
        if {"estimate", "low", "high"} <= set(roles):
            model = (key.endpoint, key.population, key.model)
            skewed[model] += not region(roles)
            if _reach(roles) >= _SEPARATED:
                wide.add(model)
    return frozenset(model for model in wide if skewed[model] > 1)


def _reach(roles: Roles) -> float:
    low, high = roles["low"].value, roles["high"].value
    return high / low if low > 0 else math.inf


def _judge_symmetry(roles: Roles, suspect: bool) -> Outcome:
    if suspect or (not region(roles) and _reach(roles) >= _ALONE):
        return unclear(_PENALISED)
    corners = region(roles)
    if corners is None:
        return unclear("A limit is not above zero at the printed digits.")
    pair = region(roles, ("low", "high"))
    if not pair:
        return outcome(False, detail=f"The limits of {shown(roles)} are in the wrong order.")
    low, high = mapped(math.exp, (min(b for b, _ in pair), max(b for b, _ in pair)))
    if corners:
        return outcome(True, low, high)
    digits = roles["estimate"].decimals + 1
    said = (
        f"The middle of {roles['low'].text} and {roles['high'].text} is "
        f"{low:.{digits}f} to {high:.{digits}f}, not {roles['estimate'].text}."
    )
    return Outcome("inconsistent", low, high, said + _padded(roles))


def _padded(roles: Roles) -> str:
    """Whether the row fits once final zeros are not taken for digits."""
    bare = {
        role: p.reads(p.text.rstrip("0").rstrip(".")) if "." in p.text else p
        for role, p in roles.items()
    }
    if any(p is None for p in bare.values()) or bare == dict(roles):
        return ""
    zeros = [roles[role].text for role in roles if bare[role].text != roles[role].text]
    return f" It fits if the final 0 of {', '.join(zeros)} {NO_DIGIT}." if region(bare) else ""


@check(
    asks="Does the interval imply the printed p value?",
    assumes="p is Wald's; in a univariable column z may differ by 0.02 plus 2 %, and by 0.35 plus "
    "15 % where the design names another test, also of a product or of a covariate among others.",
    blind="p values printed as an inequality that stays true; rows whose three numbers "
    "contradict each other, unless no two of them give the p.",
)
def wald_p(facts: Facts) -> Iterator[Case]:
    """p from estimate and limits against p as printed."""
    other = facts.convention("univariable_p", "wald") != "wald"
    for key, roles in wald_rows(facts).items():
        if not {"estimate", "low", "high", "p"} <= set(roles):
            continue
        room = _OTHER_TEST if of_another_test(facts, key) else (0.0, 0.0)
        if key.model == "univariable":
            # Beside a subdistribution ratio alone print may have the p of Gray's test.
            elsewhere = other or key.statistic not in OF_LIKELIHOOD
            room = _OTHER_TEST if elsewhere else _NEAR_WALD
        suspect = (key.endpoint, key.population, key.model) in penalised(facts)

        def judge(
            roles: Roles, room: tuple[float, float] = room, suspect: bool = suspect
        ) -> Outcome:
            if suspect or (not region(roles) and _reach(roles) >= _ALONE):
                return unclear(_PENALISED)
            return _judge_p(roles, room)

        for p in {p.text: p for p in beside(facts, key, "p")}.values():
            yield Case(subject_of(key), title_of(facts, key), {**roles, "p": p}, judge)


def _judge_p(roles: Roles, room: tuple[float, float]) -> Outcome:
    corners = region(roles)
    if corners is None:
        return unclear("A limit is not above zero at the printed digits.")
    printed = roles["p"].interval
    if not corners:
        return _judge_pairs(roles, printed, room)
    exact = wald_p_of(corners)
    low, high = _widened(exact, room)
    said = f"{shown(roles)} implies p = {p_span(*exact)}, not {_p_text(roles['p'])}."
    if overlap((low, high), printed) and not overlap(exact, printed) and room != _OTHER_TEST:
        return unclear(f"{said} A test other than Wald's may give it.", *exact, notable=True)
    if all(map(roles["p"].is_cut, exact)):
        said = f"{said.removesuffix('.')}: {CUT}."
    return outcome(overlap((low, high), printed), *exact, said)


def _judge_pairs(roles: Roles, printed: Interval, room: tuple[float, float]) -> Outcome:
    regions = [region(roles, pair) for pair in combinations(("estimate", "low", "high"), 2)]
    spans = [_widened(wald_p_of(corners), room) for corners in regions if corners]
    if not spans:
        return unclear("Estimate and limits contradict each other.")
    if any(overlap(span, printed) for span in spans):
        return unclear("Estimate and limits contradict each other; two of them give the p value.")
    said = f"No two of the numbers in {shown(roles)} give p = {roles['p'].text}."
    return Outcome("inconsistent", *hull(spans), said)


def _widened(p: Interval, room: tuple[float, float]) -> Interval:
    if room == (0.0, 0.0):
        return p
    z = deviate(p[1]), deviate(p[0])
    low, high = z[0] * (1 - room[1]) - room[0], z[1] * (1 + room[1]) + room[0]
    return two_sided(high), two_sided(max(low, 0.0))


def _p_text(p: Printed) -> str:
    return f"{p.operator}{p.text.lstrip('<>= ')}" if p.operator != "=" else p.text


def p_span(low: float, high: float) -> str:
    """A range of p values in words."""

    def text(p: float) -> str:
        return f"{p:.2g}" if p >= 1e-4 else "<0.0001"

    return text(low) if text(low) == text(high) else f"{text(low)} to {text(high)}"


@check(
    asks="Can a number with fewer decimals than its neighbours be complete?",
    assumes="A true value at the very edge of its rounding is a lost digit rather than chance.",
    blind="Lost digits that leave a likely value.",
    points=True,
)
def lost_digit(facts: Facts) -> Iterator[Case]:
    """Estimates and limits that are printed shorter than the rest of their row."""
    for key, roles in wald_rows(facts).items():
        mine = {role: p for role, p in roles.items() if role != "p"}
        if len(mine) == 3 and len({p.decimals for p in mine.values()}) > 1:
            yield Case(subject_of(key), title_of(facts, key), mine, _judge_lost)


def _judge_lost(roles: Roles) -> Outcome:
    longest = max(p.decimals for p in roles.values())
    for role, printed in roles.items():
        corners = region(roles)
        if printed.decimals == longest or not corners:
            continue
        sign = {"estimate": 0.0, "low": -1.959964, "high": 1.959964}[role]
        values = [math.exp(b + sign * s) for b, s in corners]
        span, (start, stop) = (min(values), max(values)), printed.interval
        edge = _EDGE * (stop - start)
        if span[0] > stop - edge or span[1] < start + edge:
            fits = f"{span[0]:.{longest + 1}f} to {span[1]:.{longest + 1}f}"
            said = f"{printed.text} in {shown(roles)} has to be {fits}: a digit seems to be lost."
            return unclear(said, *span, notable=True)
    return outcome(True)


@check(
    asks="Is a limit printed as exactly one although p is below 0.05?",
    assumes="Nothing: rounding does this, so it only points.",
    blind="Limits that round to anything but one.",
    about="reporting",
    points=True,
)
def touches_one(facts: Facts) -> Iterator[Case]:
    """Intervals whose digits leave open whether they hold one."""
    for key, roles in effect_rows(facts).items():
        if {"estimate", "low", "high", "p"} <= set(roles):
            yield Case(subject_of(key), title_of(facts, key), roles, _judge_touch)


def _judge_touch(roles: Roles) -> Outcome:
    if roles["p"].interval[1] > _ALPHA or 1.0 not in (roles["low"].value, roles["high"].value):
        return outcome(True)
    said = f"{shown(roles)} with p {_p_text(roles['p'])}: the limit is printed as 1 exactly, so "
    return unclear(said + "the digits do not show that it leaves out 1.", notable=True)


@check(
    asks="Is a p value printed below a bound that nobody uses, or above a small one?",
    assumes="Bounds are powers of ten or five times that; who prints p above a bound means that "
    "it is not significant.",
    blind="An exact p printed as an inequality with a usual bound.",
    about="reporting",
    points=True,
)
def odd_bound(facts: Facts) -> Iterator[Case]:
    """Inequalities like <0.006 and >0.001, which mostly have a wrong sign."""
    rows = wald_rows(facts)
    for key, places in facts.numbers.items():
        bounds = {p.text: p for p in reversed(places) if p.operator != "="}
        if key.statistic != "p" or not bounds:
            continue
        match = next((r for k, r in rows.items() if _same_effect(facts, k, key)), {})
        whole = {"estimate", "low", "high"} <= set(match)
        row = {role: match[role] for role in ("estimate", "low", "high")} if whole else {}
        what = facts.named(key.covariate or key.group)
        for p in bounds.values():
            title = f"{what}, {facts.endpoint(key.endpoint)}: p {_p_text(p)}"
            yield Case(("bound", *map(str, key)), title, {"p": p, **row}, _judge_bound)


def _same_effect(facts: Facts, row: Key, p: Key) -> bool:
    if row.endpoint != p.endpoint or row.population != p.population:
        return False
    if p.covariate:
        return row._replace(statistic="p") == p
    return row.covariate == p.group and row.model == "univariable"


def _judge_bound(roles: Roles) -> Outcome:
    value = roles["p"].value
    if not 0 < value < 1:
        return unclear("Not a p value.")
    if roles["p"].operator == ">":
        said = f"p {_p_text(roles['p'])} is true of nearly every p; the sign may be turned."
        return unclear(said, value, 1.0, notable=True) if value < _ALPHA else outcome(True)
    leading = value / 10 ** math.floor(math.log10(value) + 1e-9)
    if min(abs(leading - 1), abs(leading - 5)) < 1e-6:
        return outcome(True, 0.0, value)
    exact = roles["p"].text.lstrip("<>= ")
    said = f"p {_p_text(roles['p'])} is an unusual bound; it may stand for p = {exact}."
    corners = region(roles) if "low" in roles else None
    if corners:
        span = wald_p_of(corners)
        said += f" {shown(roles)} implies p = {p_span(*span)}."
        return unclear(said, *span, notable=True)
    return unclear(said, 0.0, value, notable=True)


@check(
    asks="Does an interval claim more information than there are patients?",
    assumes="A two-level covariate: the variance of its log hazard ratio is at least 4 over the "
    "number of events, of its log odds ratio 16 over the number of patients.",
    blind="Intervals that are too narrow by less than the share of patients without event.",
)
def information_bound(facts: Facts) -> Iterator[Case]:
    """The least number of events behind an interval against the number of patients."""
    for key, roles in wald_rows(facts).items():
        cell = cell_of(key.population)
        if key.statistic not in OF_LIKELIHOOD:
            continue
        n = None if cell is None else facts.n(cell)
        if n is None or len(facts.levels(key.covariate)) != 2 or not {"low", "high"} <= set(roles):
            continue
        mine = {role: p for role, p in roles.items() if role != "p"} | {"n": n}
        yield Case(subject_of(key), title_of(facts, key), mine, _judge_information)


def _judge_information(roles: Roles) -> Outcome:
    se = standard_error({role: p for role, p in roles.items() if role != "n"})
    if se is None:
        return unclear("Estimate and limits contradict each other.")
    odds = roles["low"].key.statistic == "odds_ratio"
    least = (16 if odds else 4) / se[1] ** 2
    n = roles["n"].count
    what = "patients" if odds else "events"
    said = f"The interval {shown(roles)} needs at least {least:.0f} {what}; there are {n} patients."
    return outcome(least <= n + 1e-9, least, math.inf, said)
