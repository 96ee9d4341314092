"""Checks of endpoint against endpoint, where the events of one are among those of the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.curves import (
    SCALES,
    curve_cell,
    curve_keys,
    curve_limits,
    curve_subject,
    curve_title,
    scaled,
)
from crlm.audit.facts import Facts
from crlm.audit.intervals import gap, minus, product, times, total, wald_region
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
    asks="Is nobody followed longer for an endpoint than for one whose events are among its own?",
    assumes="The design's definitions; longest times, and medians of observed times of all, of the "
    "same patients.",
    blind="A month; endpoints that neither names nor `first_of` order.",
)
def follow_up_by_endpoint(facts: Facts) -> Iterator[Case]:
    """Follow-up of a composite endpoint against that of its part."""
    design = facts.design
    for statistic in ("max_follow_up", "median_follow_up"):
        printed = curve_keys(facts, statistic)
        for key, earlier in printed.items():
            for name in design.endpoints:
                other = printed.get(key._replace(endpoint=name))
                rules = {design.follow_up_of(key.endpoint), design.follow_up_of(name)}
                alike = statistic == "max_follow_up" and "survivors" not in rules
                if other is None or not (alike or rules == {"observed"}):
                    continue
                if ends_no_later(design, key.endpoint, name):
                    roles = {"earlier": earlier, "later": other}
                    yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_longer)


def _judge_longer(roles: Roles) -> Outcome:
    earlier, later = roles["earlier"], roles["later"]
    said = f"{earlier.text} of {earlier.key.endpoint} is longer than {later.text} of "
    said += f"{later.key.endpoint}, whose events are among its own."
    fits = earlier.months[0] <= later.months[1] + 1.0
    return outcome(fits, 0.0, later.months[1], said)


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
                judge = partial(_judge_incidence, counted=facts.endpoint(key.endpoint))
                yield Case(curve_subject(key), curve_title(facts, key), roles, judge)


def _contains(design: Design, endpoint: str, incidence: str) -> bool:
    """Whether an endpoint counts all that an incidence does, which may count some of its own."""
    own = design.incidences.get(incidence, {}).get("endpoint", incidence)
    return endpoint == own or ends_no_later(design, endpoint, own)


def _judge_incidence(roles: Roles, counted: str) -> Outcome:
    incidence, rate = roles["incidence"], roles["rate"]
    lost = (100 - rate.interval[1], 100 - rate.interval[0])
    said = (
        f"{incidence.text}% with {counted} cannot exceed the {lost[0]:.1f} to "
        f"{lost[1]:.1f}% who are no longer free of {rate.key.endpoint} ({rate.text}%)."
    )
    return outcome(incidence.interval[0] <= lost[1] + _ROOM, 0.0, lost[1] + _ROOM, said)


@check(
    asks="Do the incidences of two events that compete, and those free of both, make up 100 %?",
    assumes="The design's definitions; the same patients, followed as long for all of them; what "
    "is beyond rounding and less than a point is pointed at, as are incidences that agree as "
    "1 − Kaplan-Meier of each.",
    blind="A sum below 100 % where deaths are told by cause, for some may be of unknown cause.",
)
def incidences_together(facts: Facts) -> Iterator[Case]:
    """Two incidences against survival of an endpoint that counts the events of both."""
    design = facts.design
    incidences = curve_keys(facts, "cumulative_incidence")
    rates = curve_keys(facts, "survival_rate")
    for one, other in itertools.combinations(design.incidences, 2):
        ends = _parted(design, one, other)
        free = [name for name in design.endpoints if ends and _events(design, name) == ends]
        own = str(design.incidences[one]["endpoint"])
        for key, first in incidences.items():
            second = incidences.get(key._replace(endpoint=other))
            if key.endpoint != one or second is None or key.level:
                continue
            for name in free:
                rate = rates.get(key._replace(endpoint=name, statistic="survival_rate"))
                if rate is not None and _clock(design, name) == _clock(design, own):
                    roles = {"one": first, "other": second, "rate": rate}
                    cause = {"cause": first} if _by_cause(design, one) else {}
                    title = f"{curve_title(facts, key)}, with {facts.endpoint(other)}"
                    names = [facts.endpoint(each) for each in (one, other, name)]
                    judge = partial(_judge_together, names=names)
                    yield Case(curve_subject(key), title, roles | cause, judge)


def _parted(design: Design, one: str, other: str) -> frozenset[str]:
    """All events of two incidences that part them between each other; nothing if they do not."""
    (first, ends), (second, too) = _counted(design, one), _counted(design, other)
    parted = bool(first and second) and ends == too == first | second and not first & second
    return ends if parted else frozenset()


def _counted(design: Design, incidence: str) -> tuple[frozenset[str], frozenset[str]]:
    """The events that an incidence counts, and these with what competes."""
    spec = design.incidences[incidence]
    own, other = (_events(design, str(spec[key])) for key in ("endpoint", "competing"))
    return (own - other if other < own else own) if other else other, own | other


def _by_cause(design: Design, incidence: str) -> bool:
    """Whether an incidence counts the deaths of one cause alone."""
    return "death_of" in design.endpoints.get(str(design.incidences[incidence]["endpoint"]), {})


def _judge_together(roles: Roles, names: Sequence[str]) -> Outcome:
    parts = [roles[role] for role in ("one", "other", "rate")]
    low, high = total(part.interval for part in parts)
    told = [f"{part.text}% ({name})" for part, name in zip(parts, names, strict=True)]
    said = f"{told[0]}, {told[1]} and {told[2]} make up {low:.1f} to {high:.1f}%, not 100%."
    if low <= 100 <= high:
        return outcome(True, low, high, said)
    if (high < 100 and "cause" in roles) or (low - _ROOM <= 100 <= high + _ROOM):
        return unclear(said, low, high, notable=True)
    one, other = (minus((100.0, 100.0), part.interval) for part in parts[:2])
    left = times(product(one, other), 0.01)
    if low > 100 and gap(left, parts[2].interval) <= _ROOM:
        said += " They agree as 1 − Kaplan-Meier of each, which ends follow-up at the other event "
        said += f"({left[0]:.1f} to {left[1]:.1f}% free of both), and then are no shares of the "
        return unclear(f"{said}patients, but larger.", low, high, notable=True)
    return outcome(False, low, high, said)


@check(
    asks="Is a cumulative incidence the middle of its limits on any usual scale?",
    assumes="Limits that are plain, log, log-log, logit or arcsine, of the incidence or of what "
    "it leaves.",
    blind="Errors of one point; a limit that another scale would give; bootstrapped limits.",
)
def incidence_limits(facts: Facts) -> Iterator[Case]:
    """Incidences with confidence limits."""
    for key, incidence in curve_keys(facts, "cumulative_incidence").items():
        roles = {"estimate": incidence, **curve_limits(facts, key)}
        if len(roles) == 3:
            yield Case(curve_subject(key), curve_title(facts, key), roles, _judge_limits)


def _judge_limits(roles: Roles) -> Outcome:
    parts = [roles[role] for role in ("estimate", "low", "high")]
    if any(part.value <= 0 or part.value >= 100 for part in parts):
        return unclear("An incidence or limit of 0 or 100 %.")
    own = [part.interval for part in parts]
    fitting = []
    for name, ends in (("", own), (" of the rest", [minus((100.0, 100.0), one) for one in own])):
        ends = [ends[0], *sorted(ends[1:])]
        for scale in SCALES:
            region = [scaled(one, scale) for one in ends]
            if None not in region and wald_region(*region):
                fitting.append(f"{scale}{name}")
    told = [part.text for part in parts]
    said = f"{told[0]} ({told[1]}-{told[2]}) is not centred on any scale in use."
    return outcome(bool(fitting), detail=", ".join(fitting) if fitting else said)
