"""Methods, citations and checklists as pieces of a report, each behind one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crlm.numbers import counted
from crlm.report.html import Html, Linked, fold, listing, say, table
from crlm.report.manuscript.checklists import AUTHORS, HERE, NEVER, PARTLY, Checklist, checklists
from crlm.report.manuscript.citing import citations
from crlm.report.manuscript.done import Done, listed
from crlm.report.manuscript.methods import Paragraph, further, methods, not_known
from crlm.report.manuscript.places import Places

_OWN_WORDS = (
    "The items are told in our own words; a journal wants its official form, to which the numbers "
    "lead."
)


def pieces(done: Done, source: Mapping[str, Any], places: Places) -> tuple[list[Html], str]:
    """What a manuscript takes from a run, and one sentence on it.

    Parameters
    ----------
    done : Done
    source : mapping
        From `cohort.origin`.
    places : Places
        The notebook's headings, for the links of the checklists.
    """
    written, lists = methods(done), checklists(done, places)
    beyond, authors = further(done), not_known(done)
    paragraphs = [say(f"{one.heading}. {one.text}") for one in written]
    words = sum(len(one.text.split()) for one in written)
    shown = [
        fold(f"Methods to paste: {counted(words, 'word')}", *paragraphs),
        _supplement(beyond) if beyond else None,
        fold(authors.heading, say(authors.text)),
        fold("How to cite the paper, the software and this run", listing(citations(done, source))),
        *map(checklist, lists),
    ]
    told = "; ".join(f"{one.name} {one.count(HERE, PARTLY)} of {len(one.items)}" for one in lists)
    names = listed(one.name for one in lists)
    every = fold(f"Methods to paste, how to cite, and {names} item by item", *shown)
    return [every], f"Items of checklists that this report answers, in whole or in part: {told}."


def _supplement(entries: Sequence[Paragraph]) -> Html:
    """The fuller methods, a heading an entry."""
    parts = [fold(one.heading, say(one.text)) for one in entries]
    return fold(f"Supplement to the methods: {counted(len(entries), 'heading')}", *parts)


def checklist(found: Checklist) -> Html:
    """A checklist as a folded table."""
    counts = {
        "in this report": found.count(HERE),
        "in part": found.count(PARTLY),
        "the authors' to say": found.count(AUTHORS),
        "not applicable": found.count(NEVER),
    }
    told = ", ".join(f"{many} {words}" for words, many in counts.items() if many)
    body = [
        ("", [f"{item.number}: {item.asks}", Linked(item.answer, item.headings)])
        for item in found.items
    ]
    every = table(found.title, ["Item", "Where"], body, [_OWN_WORDS, found.source])
    return fold(f"{found.name}, item by item: {told}", every)
