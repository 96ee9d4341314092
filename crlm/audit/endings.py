"""Checks of endpoint against endpoint, where the events of one are among those of the other."""

from __future__ import annotations

from collections.abc import Iterator

from crlm.audit.cases import Case, Outcome, Roles, check, outcome
from crlm.audit.curves import curve_cell, curve_keys, curve_subject, curve_title
from crlm.audit.facts import Facts
from crlm.audit.intervals import minus
from crlm.ledger import Design
from crlm.ledger.incidences import clock_of, events_of

#: Points or months by which censoring may exchange two endpoints.
_ROOM = 1.0
#: Whether a death without surgical failure ends this is a convention, not its name.
_UNSETTLED = "SCP"


def ends_no_later(design: Design, earlier: str, later: str) -> bool:
    """Whether every event of one endpoint is also one of another, which counts more.

    Parameters
    ----------
    design : Design
        `first_of`, `death_of` and `after` of its endpoints; of OS and RFS the names say it.
    earlier, later : str
        The endpoint that counts more events, and the one whose events are among them.

    Examples
    --------
    >>> from crlm import ledger
    >>> design = ledger.load_design("mskcc_hai")
    >>> ends_no_later(design, "RFS", "OS"), ends_no_later(design, "OS", "RFS")
    (True, False)
    """
    more, fewer = _events(design, earlier), _events(design, later)
    return bool(fewer) and fewer < more and _clock(design, earlier) == _clock(design, later)


def _events(design: Design, endpoint: str) -> frozenset[str]:
    """What ends an endpoint; nothing where its name settles no convention, as of the SCP."""
    declared = {"first_of", "death_of"} & design.endpoints.get(endpoint, {}).keys()
    unsettled = endpoint == _UNSETTLED and not declared
    return frozenset() if unsettled else events_of(design.endpoints, endpoint)


def _clock(design: Design, endpoint: str) -> str:
    return clock_of(design.endpoints, endpoint)


@check(
    asks="Does the earlier of two endpoints come no later than the later?",
    assumes="The design's definitions: all events of the later are among those of the earlier "
    "(RFS and OS by their names, others by `first_of`); the same patients.",
    blind="Endpoints that neither names nor `first_of` order; a month or a point.",
)
def endpoint_order(facts: Facts) -> Iterator[Case]:
    """Rates and medians of a composite endpoint against those of its part."""
    for statistic in ("survival_rate", "median_survival"):
        printed = curve_keys(facts, statistic)
        for key, earlier in printed.items():
            for name in facts.design.endpoints:
                other = printed.get(key._replace(endpoint=name))
                if other is not None and ends_no_later(facts.design, key.endpoint, name):
                    roles = {"earlier": earlier, "later": other}
                    yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_order)


def _judge_order(roles: Roles) -> Outcome:
    earlier, later = roles["earlier"], roles["later"]
    least = minus(earlier.months, later.months)[0]
    names = f"{earlier.text} of {earlier.key.endpoint}", f"{later.text} of {later.key.endpoint}"
    said = f"{names[0]} cannot exceed {names[1]}."
    return outcome(least <= _ROOM, 0.0, later.months[1], said)


@check(
    asks="Is a cumulative incidence at most the share that its composite endpoint has lost?",
    assumes="The design's definitions, as `endpoint_order`; the same patients; a death that "
    "competes, or is censored, is an event of the composite.",
    blind="Incidences that are too low; a point; composites whose survival is not printed.",
)
def incidence_and_survival(facts: Facts) -> Iterator[Case]:
    """Incidences against 100 % less survival of an endpoint that counts their events too."""
    rates = curve_keys(facts, "survival_rate")
    index = {(k.endpoint, curve_cell(k), k.time): p for k, p in rates.items()}
    for key, incidence in curve_keys(facts, "cumulative_incidence").items():
        for name in facts.design.endpoints:
            rate = index.get((name, curve_cell(key), key.time))
            if rate is not None and _contains(facts.design, name, key.endpoint) and not key.level:
                roles = {"incidence": incidence, "rate": rate}
                yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_incidence)


def _contains(design: Design, endpoint: str, incidence: str) -> bool:
    """Whether an endpoint counts all that an incidence does, which may count some of its own."""
    own = design.incidences.get(incidence, {}).get("endpoint", incidence)
    return endpoint == own or ends_no_later(design, endpoint, own)


def _judge_incidence(roles: Roles) -> Outcome:
    incidence, rate = roles["incidence"], roles["rate"]
    lost = (100 - rate.interval[1], 100 - rate.interval[0])
    said = (
        f"{incidence.text}% with {incidence.key.endpoint} cannot exceed the {lost[0]:.1f} to "
        f"{lost[1]:.1f}% who are no longer free of {rate.key.endpoint} ({rate.text}%)."
    )
    return outcome(incidence.interval[0] <= lost[1] + _ROOM, 0.0, lost[1] + _ROOM, said)
