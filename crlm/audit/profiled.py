"""A check of p values beside odds ratios whose limits are those of a profile likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import Facts
from crlm.audit.intervals import Interval, overlap, two_sided
from crlm.audit.ratios import beside, effect_rows, p_span, shown, subject_of, title_of

#: How far z may lie from the one that the limits imply, fixed and times z. Of 1,613 ratios of 500
#: simulated models of 60 to 600 patients, fitted by R's glm with confint, every Wald z lay within
#: half of it; the likelihood ratio's, of a covariate alone, needs more.
_ROOM, _LIKELIHOOD = (0.15, 0.15), (0.5, 0.3)
#: Upper over lower limit from which a likelihood is too far from a parabola.
_WIDE = 100.0
_QUANTILE = 1.959964


@check(
    asks="Is p near the one that profile limits about an odds ratio imply?",
    assumes="The signed root of the likelihood ratio bends evenly between the limits; z differs "
    "by less than 0.15 plus 15 %, of a covariate alone whose p is no Wald's by 0.5 plus 30 %.",
    blind="Differences below that; ratios whose limits lie further apart than 1 to 100; an "
    "estimate that lies elsewhere between its limits.",
)
def profile_p(facts: Facts) -> Iterator[Case]:
    """p of odds ratios beside limits that the design calls those of the profile likelihood."""
    if facts.design.odds_limits != "profile":
        return
    other = facts.convention("univariable_p", "wald") != "wald"
    for key, roles in effect_rows(facts).items():
        if key.statistic != "odds_ratio" or not {"estimate", "low", "high", "p"} <= set(roles):
            continue
        loose = (key.model == "univariable" and other) or ":" in key.covariate

        def judge(roles: Roles, room: tuple[float, float] = _LIKELIHOOD if loose else _ROOM):
            return _judge(roles, room)

        for p in {p.text: p for p in beside(facts, key, "p")}.values():
            yield Case(subject_of(key), title_of(facts, key), {**roles, "p": p}, judge)


def _judge(roles: Roles, room: tuple[float, float]) -> Outcome:
    spans = [roles[role].interval for role in ("estimate", "low", "high")]
    if min(low for low, _ in spans) <= 0 or spans[2][1] / spans[1][0] >= _WIDE:
        return unclear("The limits are too wide, or at zero, to tell.")
    found = [_implied(*map(math.log, corner)) for corner in product(*spans)]
    z = [one for one in found if one is not None]
    if len(z) < len(found):
        return unclear("The estimate lies at one of its limits.")
    ends = (0.0 if min(z) <= 0 <= max(z) else min(map(abs, z))), max(map(abs, z))
    low, high = ends[0] * (1 - room[1]) - room[0], ends[1] * (1 + room[1]) + room[0]
    allowed: Interval = two_sided(high), two_sided(max(low, 0.0))
    exact = two_sided(ends[1]), two_sided(ends[0])
    printed = roles["p"]
    said = f"{shown(roles)} implies p near {p_span(*exact)}, not {printed.text}."
    return outcome(overlap(allowed, printed.interval), *exact, said)


def _implied(estimate: float, low: float, high: float) -> float | None:
    """Wald's z of a log ratio, from the signed root through its limits; None outside of them.

    The root is (b - beta)/se (1 + bend (beta - b)); at the limits it is 1.96 and -1.96.
    """
    above, below = high - estimate, estimate - low
    if min(above, below) <= 0:
        return None
    bend = (below - above) / (above**2 + below**2)
    return estimate * _QUANTILE / (above + bend * above**2)
