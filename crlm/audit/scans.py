"""Checks of numbers that a scan had garbled and a transcriber mended."""

from __future__ import annotations

from collections.abc import Iterator

from crlm.audit.cases import CATALOGUE, INCONSISTENT, Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import Facts, Printed


@check(
    asks="Do the other numbers rule out what the scan showed before it was mended?",
    assumes="The mended reading is in the ledger, the scan's own text beside it.",
    blind="Two readings that both fit.",
    about="scanning",
    points=True,
)
def mends(facts: Facts) -> Iterator[Case]:
    """The scan's text in the place of the mended one, through all other checks."""
    garbled = [p for places in facts.numbers.values() for p in places if p.scanned]
    if not garbled:
        return
    others = [
        case
        for kind in list(CATALOGUE.values())
        if kind.find is not mends
        for case in kind.find(facts)
    ]
    for printed in garbled:
        touching = [case for case in others if printed.id in case.claims]

        def judge(roles: Roles, touching: list[Case] = touching) -> Outcome:
            return _judge(roles["mended"], touching)

        yield Case(("scan", printed.id), f"Scan: {printed.locator}", {"mended": printed}, judge)


def _judge(mended: Printed, touching: list[Case]) -> Outcome:
    raw = mended.reads(mended.scanned)
    said = f"The scan shows {mended.scanned}, taken as {mended.text}"
    if raw is None:
        return outcome(True, detail=f"{said}: the scan's text is no number.")
    for case in touching:
        swapped = {role: raw if p.id == mended.id else p for role, p in case.roles.items()}
        found = case.judge(swapped)
        if found.verdict == INCONSISTENT:
            return outcome(True, detail=f"{said}: {found.detail}")
    return unclear(f"{said}; no other number settles it.", notable=True)
