"""A pointer at numbers with other decimals than all their like in one table."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import Facts, Printed

#: So many like numbers of one place show what its digits are.
_ENOUGH = 8


@check(
    asks="Has one number other decimals than all its like, in one table or in the paper?",
    assumes="Eight numbers or more of one statistic, all others with the same decimals; of p "
    "values, none with as many. A final zero may have been left out, so it only points.",
    blind="A p value with fewer digits; places where several numbers are shorter; digits lost or "
    "doubled in front of the point.",
    about="reporting",
    points=True,
)
def odd_decimals(facts: Facts) -> Iterator[Case]:
    """Numbers of one statistic, in one place and in all, by their decimals."""
    alike: dict[tuple[str, ...], dict[str, Printed]] = defaultdict(dict)
    for key, places in facts.numbers.items():
        for p in places:
            like = ("p",) if key.statistic == "p" else (key.statistic, key.model, p.unit)
            scopes = ("",) if key.statistic == "p" else ("", p.place)
            of_power = re.search(r"\de|×|\bx\s?10", p.text, re.IGNORECASE)
            if p.operator == "=" and not of_power:
                for scope in scopes:
                    alike[scope, *like][p.id] = p
    for name, roles in alike.items():
        said = _odd(alike["", *name[1:]]) if name[0] else None
        if len(roles) >= _ENOUGH and not (said and said == _odd(roles)):
            where = re.sub(r"(?<=[a-z])(?=\d)", " ", name[0]).capitalize() or "the whole paper"
            title = f"Decimals of {name[1].replace('_', ' ')}, {where}"
            yield Case(("decimals", *name[1:]), title, roles, _judge)


def _odd(roles: Roles) -> Printed | None:
    """The one number with other decimals than all its like; None if there is none, or several."""
    digits = Counter(p.decimals for p in roles.values())
    usual = digits.most_common(1)[0][0]
    odd = [p for p in roles.values() if p.decimals != usual and not (_is_between(p) and not usual)]
    if any(p.key.statistic == "p" for p in roles.values()):
        most = max(digits)
        odd = [p for p in roles.values() if p.decimals == most > usual + 1]
    return odd[0] if len(odd) == 1 else None


def _is_between(printed: Printed) -> bool:
    """Whether a median or a quartile lies between two whole values, as one of 12 may: 3.5."""
    parts = {"median": 2, "q1": 4, "q3": 4}.get(printed.key.statistic, 0)
    return parts > 0 and (parts * printed.value).is_integer()


def _judge(roles: Roles) -> Outcome:
    odd = _odd(roles)
    if odd is None:
        return outcome(True)
    usual, often = Counter(p.decimals for p in roles.values()).most_common(1)[0]
    lost = "lost, or a final zero left out" if odd.decimals < usual else "doubled or slipped in"
    said = (
        f"{odd.text} ({odd.locator}) has {_decimals(odd.decimals)} where {often} like it "
        f"have {_decimals(usual)}: a digit may be {lost}."
    )
    return replace(unclear(said, notable=True), about=(odd.id,))


def _decimals(number: int) -> str:
    return {0: "no decimals", 1: "one decimal", 2: "two decimals"}.get(number, f"{number} decimals")
