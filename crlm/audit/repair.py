"""The smallest misprint that would explain why numbers do not hold together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from crlm.audit.cases import CONSISTENT, INCONSISTENT, Case, Outcome, Roles
from crlm.audit.facts import Facts, Printed

_DIGITS = "0123456789"
#: Checks of more numbers than this are of a whole table, which no one digit explains.
_MOST_ROLES = 30
#: How many alternative readings of one number are told.
_TEXTS = 3
_ALPHA = 0.05
#: Nobody prints p < 0.201.
_MOST_BOUND = 0.1
#: Statistics that are whole numbers, and those that are per cent.
_COUNTS = ("n", "events", "missing", "n_at_risk", "cumulative_events")
_SHARES = ("percent", "survival_rate", "cumulative_incidence", "percent_missing")


@dataclass(frozen=True)
class Judged:
    """A case with what its check said of it.

    Attributes
    ----------
    kind : str
        Name in the catalogue.
    case : Case
    outcome : Outcome
    """

    kind: str
    case: Case
    outcome: Outcome

    @property
    def failed(self) -> bool:
        """Whether the numbers contradict each other."""
        return self.outcome.verdict == INCONSISTENT


@dataclass(frozen=True)
class Repair:
    """One misprint that would explain one or more failed checks.

    Attributes
    ----------
    changes : tuple of (Printed, str)
        Printed numbers and what each should read; two if they were exchanged.
    digits : int
        Characters of the number that differ; none if its sign alone is turned.
    """

    changes: tuple[tuple[Printed, str], ...]
    digits: int

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """Ids and new texts."""
        return tuple((printed.id, text) for printed, text in self.changes)

    @property
    def size(self) -> tuple[float, ...]:
        """Order of plausibility: few characters, then few places, then a small change."""
        move = 0.0
        for printed, text in self.changes:
            value = printed.reads(text)
            scale = max(abs(printed.value), 1e-12)
            move = max(move, abs((value.value if value else 0.0) - printed.value) / scale)
        return self.digits, len(self.changes), move


def say(options: Sequence[Repair]) -> str:
    """Alternative readings of one printed number, or of two exchanged ones, in words."""
    changes = options[0].changes
    printed = changes[0][0]
    if len(changes) == 2:
        return f"{printed.text} and {changes[1][0].text} exchanged ({printed.locator})"
    texts = list(dict.fromkeys(repair.changes[0][1] for repair in options))
    if options[0].digits == 0:
        return f"read {texts[0]} in place of {printed.text}, the sign is turned ({printed.locator})"
    more = " or the like" if len(texts) > _TEXTS else ""
    said = f"{' or '.join(texts[:_TEXTS])}{more}"
    return f"read {said} in place of {printed.text} ({printed.locator})"


def edits(text: str) -> Iterator[str]:
    """Every text that one slip turns into this one: a digit or the point changed, lost or doubled.

    Two neighbouring digits exchanged count as one slip, those on either side of the point too.
    """
    start = len(text) - len(text.lstrip("<>= "))
    sign, body = text[:start], text[start:]
    seen = {body}
    for new in _edited(body):
        if new not in seen and _is_number(new) and (float(new) > 0 or float(body) == 0):
            seen.add(new)
            yield sign + new


def _edited(body: str) -> Iterator[str]:
    for i, character in enumerate(body):
        if character.isdigit():
            yield from (body[:i] + digit + body[i + 1 :] for digit in _DIGITS)
        yield body[:i] + body[i + 1 :]
        if i + 1 < len(body):
            yield body[:i] + body[i + 1] + character + body[i + 2 :]
        if body[i + 1 : i + 2] == "." and i + 2 < len(body):
            yield body[:i] + body[i + 2] + "." + character + body[i + 3 :]
    for i in range(len(body) + 1):
        yield from (body[:i] + digit + body[i:] for digit in _DIGITS)
        if "." not in body:
            yield body[:i] + "." + body[i:]


def _is_number(text: str) -> bool:
    whole, point, part = text.partition(".")
    if not (whole + part).isdigit() or (point and not part):
        return False
    return len(whole) == 1 or (len(whole) > 1 and not whole.startswith("0"))


def siblings(facts: Facts) -> dict[str, tuple[Printed, ...]]:
    """For each printed number all places that print the same text for the same quantity."""
    found: dict[str, tuple[Printed, ...]] = {}
    tables: Iterable[Mapping] = (facts.numbers, facts.flow, facts.percents, facts.counts)
    for table in tables:
        for places in table.values():
            for printed in places:
                same = tuple(p for p in places if p.text == printed.text)
                if len(same) > len(found.get(printed.id, ())):
                    found[printed.id] = same
    return found


def index_by_claim(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Which cases each claim takes part in."""
    found: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        for claim in one.case.claims:
            found[claim].append(one)
    return found


def repairs(
    failed: Sequence[Judged],
    touching: Mapping[str, Sequence[Judged]],
    same: Mapping[str, tuple[Printed, ...]],
) -> list[Repair]:
    """Single misprints that mend all of some failed checks and break no other.

    Parameters
    ----------
    failed : sequence of Judged
        The failed checks of one finding.
    touching : mapping of str to sequence of Judged
        From `index_by_claim`.
    same : mapping of str to tuple of Printed
        From `siblings`: a quantity is changed wherever it is printed alike.

    Returns
    -------
    list of Repair
        The most plausible first.
    """
    if any(len(one.case.roles) > _MOST_ROLES for one in failed):
        return []
    shared = set.intersection(*(set(one.case.claims) for one in failed))
    printed = {p.id: p for one in failed for p in one.case.roles.values()}
    ordered = [printed[i] for i in sorted(shared) if i in printed]
    found = [r for p in ordered for r in _single(p, failed, touching, same)]
    found += list(_exchanges(ordered, failed, touching))
    return sorted(found, key=lambda r: r.size)


def _single(
    printed: Printed,
    failed: Sequence[Judged],
    touching: Mapping[str, Sequence[Judged]],
    same: Mapping[str, tuple[Printed, ...]],
) -> Iterator[Repair]:
    everywhere = same.get(printed.id, (printed,))
    longest = max(
        p.decimals
        for one in failed
        for p in one.case.roles.values()
        if p.key.statistic == printed.key.statistic
    )
    texts = {text: 1 for text in edits(printed.text) if _as_precise(printed, text, longest)}
    texts |= dict.fromkeys(_turned(printed), 0)
    for ids in ({p.id for p in everywhere}, {printed.id}):
        for text, digits in texts.items():
            new = dict.fromkeys(ids, printed.reads(text))
            if _mends(new, failed, touching):
                yield Repair(((printed, text),), digits)
        if len(everywhere) == 1:
            return


def _turned(printed: Printed) -> Iterator[str]:
    """A p value with the other sign, where nobody prints this one: >0.001 or <0.05 and above."""
    small = printed.value <= _ALPHA
    odd = (printed.operator == ">" and small) or (printed.operator == "<" and not small)
    odd = odd or (printed.operator == "<" and printed.value == _ALPHA)
    if odd and printed.key.statistic == "p":
        yield {"<": ">", ">": "<"}[printed.operator] + printed.text.lstrip("<>= ")


def _as_precise(printed: Printed, text: str, longest: int) -> bool:
    """Whether a reading keeps the decimals, or regains what its neighbours have."""
    new = printed.reads(text)
    if new is None or not _can_be(new):
        return False
    moved = text.replace(".", "") == printed.text.replace(".", "")
    regained = printed.decimals < new.decimals <= longest
    shortened = new.decimals < printed.decimals and printed.decimals > longest
    return moved or regained or shortened or new.decimals == printed.decimals


def _can_be(printed: Printed) -> bool:
    """Whether a number is one of its kind: no p above 1, no share above 100 %, no half patient."""
    statistic, value = printed.key.statistic, printed.value
    if statistic in _COUNTS:
        return printed.decimals == 0
    if statistic == "p" and printed.operator == "<" and value > _MOST_BOUND:
        return False
    most = 1.0 if statistic == "p" else 100.0 if statistic in _SHARES else value
    return value < most or (value == most and printed.operator != "<")


def _exchanges(
    printed: Sequence[Printed],
    failed: Sequence[Judged],
    touching: Mapping[str, Sequence[Judged]],
) -> Iterator[Repair]:
    for a, b in combinations(printed, 2):
        if a.text == b.text or a.key.statistic != b.key.statistic:
            continue
        new = {a.id: a.reads(b.text), b.id: b.reads(a.text)}
        if None not in new.values() and _mends(new, failed, touching):
            yield Repair(((a, b.text), (b, a.text)), 2)


def _mends(
    new: Mapping[str, Printed | None],
    failed: Sequence[Judged],
    touching: Mapping[str, Sequence[Judged]],
) -> bool:
    if any(again(one.case, new).verdict != CONSISTENT for one in failed):
        return False
    others = {id(one): one for claim in new for one in touching.get(claim, ()) if not one.failed}
    return all(_no_worse(one.outcome, again(one.case, new)) for one in others.values())


def _no_worse(before: Outcome, after: Outcome) -> bool:
    if after.verdict == INCONSISTENT:
        return False
    return before.verdict != CONSISTENT or not after.notable


def again(case: Case, new: Mapping[str, Printed | None]) -> Outcome:
    """A case judged with some numbers reading otherwise."""
    return case.judge(replaced(case.roles, new))


def replaced(roles: Roles, new: Mapping[str, Printed | None]) -> Roles:
    """Roles with some numbers reading otherwise."""
    changed = {}
    for role, printed in roles.items():
        other = new.get(printed.id)
        changed[role] = printed if other is None else printed.reads(other.text) or printed
    return changed
