"""Checks of the flow chart: numbers before, excluded and left, and the percentages of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import Cell, Facts, Printed, Step
from crlm.audit.intervals import holds

_EXCLUDED = "_excluded"


def step_title(facts: Facts, step: Step) -> str:
    """A step of the flow chart as a heading."""
    who = f", {facts.label(step.cell)}" if step.cell else ""
    return f"Flow chart, {step.name.replace('_', ' ')}{who}"


def _subject(name: str) -> tuple[str, ...]:
    """What a finding on a step is about, whoever is told of."""
    return ("flow", name.removesuffix(_EXCLUDED))


@check(
    asks="Is what is left at each step what came to it less all who were excluded since?",
    assumes="The steps are in the order of the design's criteria; who is excluded counts once.",
    blind="Exclusions that are not printed, as long as the numbers fall; two errors that cancel.",
)
def flow(facts: Facts) -> Iterator[Case]:
    """Numbers before, excluded and left, of all patients and of each group.

    Between two numbers left several steps may lie of which only the excluded are printed.
    """
    names = ["start", *(criterion["name"] for criterion in facts.design.eligibility)]
    for cell in dict.fromkeys(step.cell for step in facts.flow if step.statistic == "n"):
        left = _left(facts, cell, names)
        for before, after in zip(left, list(left)[1:], strict=False):
            passed = names[names.index(before) + 1 : names.index(after) + 1]
            steps = {name: facts.flow.get(Step(f"{name}{_EXCLUDED}", cell)) for name in passed}
            roles = {"before": left[before], "after": left[after]}
            roles |= {f"excluded {name}": found[0] for name, found in steps.items() if found}
            judge = partial(_judge_flow, complete=all(steps.values()))
            yield Case(_subject(after), step_title(facts, Step(after, cell)), roles, judge)


def _left(facts: Facts, cell: Cell, names: list[str]) -> dict[str, Printed]:
    """The printed numbers left, by step in order; after the last one, the patients analysed."""
    found = {name: facts.flow.get(Step(name, cell)) for name in names}
    found[names[-1]] = found[names[-1]] or facts.counts.get(cell)
    return {name: printed[0] for name, printed in found.items() if printed}


def _judge_flow(roles: Roles, complete: bool) -> Outcome:
    before, after = roles["before"].count, roles["after"].count
    lost = [p.count for role, p in roles.items() if role.startswith("excluded")]
    if not lost:
        return outcome(after <= before, 0, before, f"{after} cannot be left of {before}.")
    left = before - sum(lost)
    all_of = f" ({sum(lost)} in all)" if len(lost) > 1 else ""
    said = f"{before} less {' + '.join(map(str, lost))}{all_of} is {left}, not {after}"
    if complete:
        return outcome(left == after, left, left, f"{said}.")
    return outcome(after <= left, 0, left, f"{said} or fewer.")


@check(
    asks="Is a percentage of the flow chart its number over those at the step before or the start?",
    assumes="A percentage told of a group is one of that group; those excluded and those left are "
    "all who came to the step.",
    blind="Percentages whose denominators are not printed and do not follow.",
)
def flow_percent(facts: Facts) -> Iterator[Case]:
    """Losses in per cent against the losses in patients."""
    names = ["start", *(criterion["name"] for criterion in facts.design.eligibility)]
    for step, (percent, *_) in facts.flow.items():
        count = facts.flow.get(step._replace(statistic="n"))
        bases = _bases(facts, step, names)
        if step.statistic == "percent" and count and bases:
            roles = {"percent": percent, "count": count[0], **bases}
            yield Case(_subject(step.name), step_title(facts, step), roles, _judge_percent)


def _bases(facts: Facts, step: Step, names: list[str]) -> Roles:
    """Those whom a percentage of a step may be of: at the start, just before, or left after it."""
    own = step.name.removesuffix(_EXCLUDED)
    earlier = names[: names.index(own)] if own in names else names
    found = {
        f"at {name}": facts.flow[Step(name, step.cell)][0]
        for name in (earlier[:1] + earlier[-1:])
        if Step(name, step.cell) in facts.flow
    }
    last = own == names[-1] or own not in names
    left = facts.flow.get(Step(own, step.cell)) or (facts.counts.get(step.cell) if last else None)
    if step.name.endswith(_EXCLUDED) and left:
        found["left"] = left[0]
    return found


def _judge_percent(roles: Roles) -> Outcome:
    count = roles["count"].count
    bases = [p.count for role, p in roles.items() if role.startswith("at ")]
    bases += [count + roles["left"].count] if "left" in roles else []
    bases = [base for base in dict.fromkeys(bases) if base > 0]
    shares = [100 * count / base for base in bases]
    if not shares:
        return unclear("Nobody came to this step.")
    digits = max(1, roles["percent"].decimals + 1)
    texts = [f"{count} of {n} is {x:.{digits}f}%" for n, x in zip(bases, shares, strict=True)]
    fits = any(holds(roles["percent"].interval, share) for share in shares)
    said = f"{' and '.join(texts)}, not {roles['percent'].text}%."
    return outcome(fits, min(shares), max(shares), said)
