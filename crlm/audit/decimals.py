"""A pointer at numbers with other decimals than all their like in one table."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from crlm.audit.cases import Case, Outcome, Roles, check, outcome, unclear
from crlm.audit.facts import Facts, Printed

#: So many like numbers of one place show what its digits are.
_ENOUGH = 8


@check(
    asks="Has one number of a table other decimals than all its like?",
    assumes="Eight numbers or more of one statistic, all others with the same decimals; a final "
    "zero may have been left out, so it only points.",
    blind="p values, which are printed with as many digits as they need; places where several "
    "numbers are shorter; digits lost or doubled in front of the point.",
    about="reporting",
    points=True,
)
def odd_decimals(facts: Facts) -> Iterator[Case]:
    """Numbers of one statistic in one place, by their decimals."""
    alike: dict[tuple[str, ...], dict[str, Printed]] = defaultdict(dict)
    for key, places in facts.numbers.items():
        for p in places:
            if key.statistic != "p" and p.operator == "=":
                name = (p.place, key.statistic, key.endpoint, key.model, p.unit)
                alike[name][p.id] = p
    for name, roles in alike.items():
        if len(roles) >= _ENOUGH:
            place, statistic = (word.replace("_", " ") for word in name[:2])
            title = f"Decimals of {statistic}, {place.capitalize()}"
            yield Case(("decimals", *name), title, roles, _judge)


def _judge(roles: Roles) -> Outcome:
    digits = Counter(p.decimals for p in roles.values())
    usual, often = digits.most_common(1)[0]
    if often != len(roles) - 1:
        return outcome(True)
    odd = next(p for p in roles.values() if p.decimals != usual)
    lost = "lost, or a final zero left out" if odd.decimals < usual else "doubled"
    said = (
        f"{odd.text} ({odd.locator}) has {_decimals(odd.decimals)} where the other {often} have "
        f"{_decimals(usual)}: a digit may be {lost}."
    )
    return unclear(said, notable=True)


def _decimals(number: int) -> str:
    return {0: "no decimals", 1: "one decimal", 2: "two decimals"}.get(number, f"{number} decimals")
