"""Failed checks with one cause as one finding, ranked by what it changes in the paper's message."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from crlm.audit.cases import CATALOGUE, CLASSES, INCONSISTENT, UNCLEAR, Lacking
from crlm.audit.copies import Copy, copies, places_of, row_of, say_copies
from crlm.audit.facts import RATIOS, Facts, Key, Printed
from crlm.audit.ratios import shown, title_of
from crlm.audit.repair import Judged, Repair, index_by_claim, repairs, say, siblings
from crlm.ledger import kind_of

#: Columns of the frame of findings.
FINDING_COLUMNS = (
    "finding_id",
    "rank",
    "title",
    "claims",
    "printed",
    "recomputed",
    "verdict",
    "repair",
    "class",
    "confidence",
    "sentence",
    "detail",
    "checks",
)

_SHOWN = 3
_MOST_PRINTED = 6
#: How many variables and groups without values a table's remark names.
_MOST_MISSING = 6
_FRONT = ("abstract", "title")
_EFFECTS = (*RATIOS, "survival_rate", "median_survival", "difference", "concordance")
_CONTEXT = ("n ", "of ", "longest", "at risk")


@dataclass(frozen=True)
class Group:
    """Checks that speak of one cause.

    Attributes
    ----------
    failed, notable : list of Judged
        Contradictions, and what cannot be told but should be known.
    mends : list of Repair
        Single misprints that explain all that failed, the most plausible first.
    copied : list of Copy
        Rows of a table that stand in the place of another.
    title, sentence : str
        Of a finding that is put together; else those of the check that leads.
    """

    failed: list[Judged]
    notable: list[Judged]
    mends: list[Repair] = field(default_factory=list)
    copied: list[Copy] = field(default_factory=list)
    title: str = ""
    sentence: str = ""

    @property
    def all(self) -> list[Judged]:
        """The check that leads first: contradictions before hints, hard before soft."""
        names = list(CATALOGUE)
        first = [*self.failed, *self.notable]
        return sorted(
            first, key=lambda j: (not j.failed, CATALOGUE[j.kind].soft, names.index(j.kind))
        )


def find(facts: Facts, judged: Sequence[tuple[str, Judged]]) -> pd.DataFrame:
    """Findings of an audit.

    Parameters
    ----------
    facts : Facts
    judged : sequence of (str, Judged)
        Every check with its id.

    Returns
    -------
    pandas.DataFrame
        Columns of `FINDING_COLUMNS`, the gravest first.
    """
    ids = {id(one): name for name, one in judged}
    groups = _merged(_whole_rows(facts, _grouped(facts, [one for _, one in judged])))
    groups = _tables_of_missing(groups)
    front = _front(facts)
    records = [
        _record(facts, group, ids) | {"score": _score(facts, group, front)} for group in groups
    ]
    records.sort(key=lambda r: (-r["score"], r["title"]))
    for rank, record in enumerate(records, start=1):
        record |= {"rank": rank, "finding_id": f"F{rank:02d}"}
    return pd.DataFrame(records, columns=list(FINDING_COLUMNS))


def _grouped(facts: Facts, judged: Sequence[Judged]) -> list[Group]:
    by_subject: dict[tuple[str, ...], Group] = defaultdict(lambda: Group([], []))
    for one in judged:
        if one.failed:
            by_subject[one.case.subject].failed.append(one)
        elif one.outcome.notable:
            by_subject[one.case.subject].notable.append(one)
    touching = index_by_claim([one for one in judged if not CATALOGUE[one.kind].points])
    same = siblings(facts)
    for group in by_subject.values():
        sensible = [one for one in group.failed if CATALOGUE[one.kind].digits]
        if sensible:
            group.mends.extend(repairs(sensible, touching, same))
    return list(by_subject.values())


def _whole_rows(facts: Facts, groups: Sequence[Group]) -> list[Group]:
    """Findings on one row become one where the row as a whole is printed otherwise elsewhere.

    Several of its numbers differ between places: no digit but the row is the misprint.
    """
    rows = {id(group): _one_row(facts, group) for group in groups}
    of_row: dict[Key, list[Group]] = defaultdict(list)
    for group in groups:
        if rows[id(group)] is not None:
            of_row[rows[id(group)]].append(group)
    done = [group for group in groups if rows[id(group)] is None]
    for key, found in of_row.items():
        twice = {field for group in found for field in _printed_twice(group)}
        several = len(twice) > 1 and len(found) > 1
        joined = [_joined(found, title_of(facts, key))] if several else found
        for group in joined:
            group.copied.extend(copies(facts, [key]) if group.failed else ())
        done += joined
    return done


def _one_row(facts: Facts, group: Group) -> Key | None:
    """The row of a regression table that all of a finding's failed checks are about."""
    found = {row_of(facts, p) for one in group.failed for p in _own(one)}
    return found.pop() if len(found) == 1 else None


def _printed_twice(group: Group) -> set[tuple[str, str]]:
    """Statistic and field of numbers that two places print differently."""
    same = (one for one in group.failed if one.kind == "same_quantity")
    return {(p.key.statistic, p.key.field) for one in same for p in one.case.roles.values()}


def _joined(groups: Sequence[Group], title: str) -> Group:
    failed = [one for group in groups for one in group.failed]
    return Group(failed, [one for group in groups for one in group.notable], title=title)


def _tables_of_missing(groups: Sequence[Group]) -> list[Group]:
    """Remarks that patients have no value become one for each table that prints the numbers."""
    by_place: dict[str, list[Group]] = defaultdict(list)
    done = []
    for group in groups:
        if group.failed or not any(one.outcome.lacking for one in group.notable):
            done.append(group)
        else:
            lacking = next(one for one in group.notable if one.outcome.lacking)
            by_place[_place(lacking)].append(group)
    for place, found in by_place.items():
        group = _joined(found, f"Missing values, {place}")
        done.append(replace(group, sentence=_missing(group)))
    return done


def _place(one: Judged) -> str:
    """The table or section that prints what is counted, as "Table 1"."""
    places = [p.place for role, p in one.case.roles.items() if not _is_context(role)]
    word = max(places, key=lambda place: (places.count(place), place)).replace("_", " ")
    name = word.rstrip("0123456789")
    return f"{name} {word[len(name) :]}".strip().capitalize()


#: How a finding on patients without a value begins.
UNSAID = "Patients without a value, unsaid"


def _missing(group: Group) -> str:
    """Who has no value, the largest share first."""
    found: dict[str, Lacking] = {}
    for one in group.notable:
        if one.outcome.lacking:
            found.setdefault(one.case.title, one.outcome.lacking)
    ranked = sorted(found.items(), key=lambda item: (-item[1].least / item[1].n, item[0]))
    told = [f"{title}: {lacking.text}" for title, lacking in ranked[:_MOST_MISSING]]
    rest = len(ranked) - len(told)
    more = f"; and {rest} more with smaller shares" if rest > 0 else ""
    return f"{UNSAID}: {'; '.join(told)}{more}."


def _merged(groups: Sequence[Group]) -> list[Group]:
    """Groups that one and the same misprint explains become one, the largest set first."""
    left = list(groups)
    done = []
    while True:
        shared: dict[tuple, list[Group]] = defaultdict(list)
        best: dict[tuple, Repair] = {}
        for group in left:
            for repair in group.mends:
                shared[repair.key].append(group)
                best[repair.key] = repair
        several = {key: found for key, found in shared.items() if len(found) > 1}
        if not several:
            return [*done, *left]
        most = max(len(found) for found in several.values())
        key = min(
            (k for k, found in several.items() if len(found) == most), key=lambda k: best[k].size
        )
        chosen = several[key]
        left = [group for group in left if not any(group is other for other in chosen)]
        done.append(_union(chosen, key))


def _union(groups: Sequence[Group], key: tuple) -> Group:
    common = set.intersection(*({r.key for r in group.mends} for group in groups))
    mends = sorted((r for r in groups[0].mends if r.key in common), key=lambda r: r.size)
    failed = [one for group in groups for one in group.failed]
    return Group(failed, [one for group in groups for one in group.notable], mends)


def _record(facts: Facts, group: Group, ids: Mapping[int, str]) -> dict[str, object]:
    ordered = group.all
    lead = ordered[0]
    details = _details(facts, group)
    span = (lead.outcome.low, lead.outcome.high)
    return {
        "title": group.title or lead.case.title,
        "claims": _claims(group),
        "printed": _printed(ordered),
        "recomputed": _span_text(span),
        "verdict": INCONSISTENT if group.failed else UNCLEAR,
        "repair": _repair_text(group),
        "class": _class_of(group),
        "confidence": _confidence(group),
        "sentence": details[0] if details else "",
        "detail": " ".join(details),
        "checks": tuple(ids[id(one)] for one in ordered),
    }


def _details(facts: Facts, group: Group) -> list[str]:
    """The sentences of a finding, the first the one that tells its cause."""
    if group.sentence:
        return [group.sentence]
    copied = say_copies(facts, group.copied)
    told = [one.outcome.detail for one in _telling(group) if one.outcome.detail]
    return list(dict.fromkeys([*copied, *told]))


def _telling(group: Group) -> list[Judged]:
    """Checks whose sentences are told: of a whole row printed twice, the estimate's suffices."""
    if not group.title:
        return group.all
    twice = [one for one in group.all if one.kind == "same_quantity"]
    lead = next((one for one in twice if _is_estimate(one)), twice[0] if twice else None)
    return [one for one in group.all if one.kind != "same_quantity" or one is lead]


def _is_estimate(one: Judged) -> bool:
    return all(
        p.key.field == "estimate" and p.key.statistic in RATIOS for p in one.case.roles.values()
    )


def _is_context(role: str) -> bool:
    return role == "n" or role.startswith(_CONTEXT) or role.endswith(": n")


def _own(one: Judged) -> list[Printed]:
    """The numbers that a check is about, without group sizes."""
    if one.outcome.about:
        return [p for p in one.case.roles.values() if p.id in one.outcome.about]
    roles = one.case.roles.items()
    return [p for role, p in roles if not _is_context(role)] or [p for _, p in roles]


def _claims(group: Group) -> tuple[str, ...]:
    found = [p.id for one in group.all for p in _own(one)]
    found += [claim for one in group.all for claim in one.case.sentence]
    found += [p.id for repair in group.mends[:_SHOWN] for p, _ in repair.changes]
    found += [p.id for copy in group.copied for p in (*copy.at.values(), *copy.row.values())]
    if not group.mends:
        found += [claim for one in group.failed for claim in one.case.claims]
    return tuple(dict.fromkeys(found))


def _printed(ordered: Sequence[Judged]) -> str:
    shown = {p.id: p for one in ordered for p in _own(one)}
    texts = [f"{p.locator}: {p.text}" for p in shown.values()]
    more = len(texts) - _MOST_PRINTED
    return "; ".join(texts[:_MOST_PRINTED]) + (f"; and {more} more" if more > 0 else "")


def _span_text(span: tuple[float, float]) -> str:
    if any(math.isnan(x) for x in span):
        return ""
    low, high = (f"{x:.4g}" for x in span)
    return low if low == high else f"{low} to {high}"


def _repair_text(group: Group) -> str:
    if not group.failed:
        return ""
    if group.copied and not group.mends:
        texts = " and ".join(dict.fromkeys(shown(copy.at) for copy in group.copied))
        return f"read the row's own numbers in place of {texts} ({places_of(group.copied)})"
    if not group.mends:
        words = [one for one in group.failed if one.kind in ("direction", "two_sentences")]
        return "one word of the sentence, for its opposite" if words else ""
    cheapest = min(repair.digits for repair in group.mends)
    places: dict[str, list[Repair]] = defaultdict(list)
    for repair in group.mends:
        if repair.digits == cheapest:
            places[repair.changes[0][0].id].append(repair)
    return "; or ".join(say(found) for found in list(places.values())[:_SHOWN])


def _class_of(group: Group) -> str:
    lead = group.all[0]
    about = CATALOGUE[lead.kind].about
    if not lead.failed and about == "misprint" and not CATALOGUE[lead.kind].points:
        return "reporting"
    if group.mends and any(p.scanned for r in group.mends[:1] for p, _ in r.changes):
        return "scanning"
    if lead.failed and group.mends and about == "reporting" and group.mends[0].digits <= 1:
        return "misprint"
    return about if about in CLASSES else "reporting"


def _confidence(group: Group) -> str:
    if not group.failed:
        return "low"
    return "high" if any(_is_hard(one) for one in group.failed) else "medium"


def _is_hard(one: Judged) -> bool:
    """Whether no honest paper fails it; the test of a univariable p is often left unsaid."""
    models = {p.key.model for p in one.case.roles.values()}
    return not CATALOGUE[one.kind].soft and (one.kind, models) != ("wald_p", {"univariable"})


def _front(facts: Facts) -> set[str]:
    """Ids of every number that is also printed in abstract or title."""
    found: set[str] = set()
    for table in (facts.numbers, facts.counts, facts.percents):
        for places in table.values():
            if any(p.place in _FRONT for p in places):
                found |= {p.id for p in places}
    return found | {s["id"] for s in facts.sentences if s["place"] in _FRONT}


def _score(facts: Facts, group: Group, front: set[str]) -> int:
    """How much of the paper's message is at stake."""
    own = {p.id: p.key for one in group.all for p in _own(one)}
    spoken = {claim for one in group.all for claim in one.case.sentence}
    subjects = {word for key in own.values() for word in (key.covariate, *_columns(key.group))}
    subjects |= {
        w for s in facts.sentences if s["id"] in spoken for w in (s["group"], s["covariate"])
    }
    weights = {
        100: bool(group.failed),
        40: _class_of(group) == "substantive",
        30: bool(front & {*own, *spoken}),
        15: bool(spoken) or any(key.statistic in _EFFECTS for key in own.values()),
        10: bool(subjects & facts.exposures()),
        5: any(kind_of(key.model) == "multivariable" for key in own.values()),
    }
    trust = {"high": 6, "medium": 3, "low": 0}[_confidence(group)]
    return trust + sum(weight for weight, holds in weights.items() if holds)


def _columns(group: str) -> list[str]:
    return [part.partition("=")[0] for part in group.split(",")]
