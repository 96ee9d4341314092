"""What an endpoint counts, as its design declares it: from when, to which events."""

from __future__ import annotations

from dataclasses import dataclass

from crlm.ledger import KNOWN_ENDPOINTS, Design


@dataclass(frozen=True)
class Counting:
    """What ends an endpoint.

    Attributes
    ----------
    recurrence, failure : bool
        Whether the first recurrence, or surgical failure, is its event.
    death : tuple of str
        Causes of death that are its event: "cancer", "other"; other deaths censor.
    after : bool
        Whether its clock starts at the first recurrence.
    """

    recurrence: bool = False
    failure: bool = False
    death: tuple[str, ...] = ("cancer", "other")
    after: bool = False


def counting(design: Design, endpoint: str) -> Counting | None:
    """What an endpoint counts; None where neither the design nor its name tells.

    Parameters
    ----------
    design : Design
    endpoint : str
        A name of `design.endpoints`. `death_of` and `first_of` of its table tell; of OS, RFS,
        SCP and OS_after_recurrence the papers' definitions are known.

    Examples
    --------
    >>> from crlm import ledger
    >>> counting(ledger.load_design("mskcc_hai"), "RFS").recurrence
    True
    """
    spec = design.endpoints[endpoint]
    if not {"death_of", "first_of"} & spec.keys():
        if endpoint not in KNOWN_ENDPOINTS:
            return None
        spec = KNOWN_ENDPOINTS[endpoint]
    first = tuple(spec.get("first_of", ("death",)))
    any_death = "death" in first
    if endpoint == "SCP":
        any_death = design.conventions.get("death_without_failure") == "event"
    causes = ("cancer", "other") if any_death else ()
    if "death_of" in spec:
        causes = (spec["death_of"],)
    return Counting("recurrence" in first, "failure" in first, causes, "after" in spec)
