"""Reporting checklists item by item: where in the report, or whose it is to say."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources

from crlm.report.manuscript.done import Done, listed
from crlm.report.manuscript.places import Places

HERE, PARTLY, AUTHORS, NEVER = "here", "partly", "authors", "never"
_MOST = 3
# It stands in every report that has a checklist, under whatever heading.
_OWN_CALL = "for_the_manuscript"
#: Sections that are about some kinds of cohort alone.
_ONLY = {"agreement": ("public", "own")}
#: The rows that a section leaves when the cohort can feed it. What is not listed needs none.
_EVIDENCE: Mapping[str, Mapping[str, str]] = {
    "patients": {"covariate": "flow"},
    "table_one": {"statistic": "missing"},
    "follow_up": {"statistic": "median_follow_up"},
    "curves": {"statistic": "median_survival"},
    "regression": {"model": "univariable"},
    "within": {"statistic": "survival_rate"},
    "interaction": {"model": "interaction"},
    "landmark": {"model": "landmark"},
    "from_landmark": {"model": "landmark"},
    "other_models": {"model": "all factors"},
    "proportional_hazards": {"model": "ph_test"},
    "stability": {"model": "bootstrap selection"},
    "specifications": {"model": "specification curve"},
    "restricted_means": {"statistic": "rmst"},
    "weighted": {"model": "overlap weighted"},
    "balance": {"statistic": "effective_n"},
    "missing_values": {"statistic": "percent_missing"},
    "sensitivity": {"statistic": "e_value"},
    "modification": {"statistic": "ratio_of_hazard_ratios"},
}


@dataclass(frozen=True)
class Item:
    """One item, answered.

    Attributes
    ----------
    number, asks : str
        Its number and what it asks, in our words.
    status : str
        `HERE`, `PARTLY` (the rest is the authors'), `AUTHORS`, or `NEVER`.
    answer : str
        Where, or whose, or why not.
    headings : tuple of str
        The headings in the answer.
    """

    number: str
    asks: str
    status: str
    answer: str
    headings: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Checklist:
    """A checklist, answered for one run."""

    name: str
    title: str
    source: str
    items: tuple[Item, ...]

    def count(self, *statuses: str) -> int:
        """How many items have one of these statuses."""
        return sum(item.status in statuses for item in self.items)


def checklists(done: Done, places: Places) -> list[Checklist]:
    """STROBE and REMARK; TARGET too where the chapter imitates a trial of a treatment.

    Parameters
    ----------
    done : Done
    places : Places
        Which section stands under which heading.
    """
    names = ["strobe", "remark"]
    names += ["target"] if done.design.chapter.get("kind") == "treatment" else []
    return [_answered(name, done, places) for name in names]


def _answered(name: str, done: Done, places: Places) -> Checklist:
    path = resources.files("crlm") / "templates" / "checklists" / f"{name}.toml"
    held = tomllib.loads(path.read_text(encoding="utf-8"))
    items = tuple(_item(entry, done, places) for entry in held["item"])
    return Checklist(held["name"], held["title"], held["source"], items)


def _item(entry: Mapping[str, str], done: Done, places: Places) -> Item:
    authors = f"The authors': {entry['authors']}." if "authors" in entry else ""
    if "never" in entry:
        return _made(entry, NEVER, f"Not applicable, because {entry['never']}.")
    headings = _headings(entry.get("at", ()), done, places)
    if headings or _OWN_CALL in entry.get("at", ()):
        told = f"{listed(headings) or 'Methods, above'}: {entry['found']}."
        status = PARTLY if authors else HERE
        return _made(entry, status, " ".join(filter(None, [told, authors])), headings)
    if "at" in entry:
        lacking = "This report does not hold it: the table cannot feed it, or it was not asked for."
        authors = authors or "The authors' to say."
        return _made(entry, AUTHORS, f"{lacking} {authors}")
    return _made(entry, AUTHORS, authors)


def _made(
    entry: Mapping[str, str], status: str, answer: str, headings: tuple[str, ...] = ()
) -> Item:
    return Item(entry["number"], entry["asks"], status, answer, headings)


def _headings(calls: Iterable[str], done: Done, places: Places) -> tuple[str, ...]:
    """Headings under which these calls stand, as far as their rows are there; the first three."""
    found = [heading for call in calls if _fed(call, done) for heading in places.of(call)[:_MOST]]
    return tuple(dict.fromkeys(found))[:_MOST]


def _fed(call: str, done: Done) -> bool:
    if done.kind not in _ONLY.get(call, (done.kind,)):
        return False
    return call not in _EVIDENCE or done.has(**_EVIDENCE[call])
