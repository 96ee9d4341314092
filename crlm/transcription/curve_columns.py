"""What the columns of a table of curves hold: n, events, both, a median, a rate, limits, p."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from crlm.transcription.endpoints import Endpoints
from crlm.transcription.rate_columns import COMPARED, RATED, rated
from crlm.transcription.table import P_HEAD, last_word

#: An estimate, and its limits.
LIMITED = ("", "conf_low", "conf_high")
#: What may have limits, in its own cell or beside it.
CURVES = ("median_survival", "survival_rate")
_YEARS = re.compile(r"(\d+)[ -]?(years?|yrs?|y|months?|mos?)\b", re.IGNORECASE)
_MEDIAN = re.compile(r"median|\bmed\b|\bmst\b|\bm(?:os|pfs|dfs|rfs|efs|css|ttp)\b")
#: Medians of something else than a time to an event, where the head names no endpoint.
_OF_OTHERS = re.compile(
    r"\b(?:age|size|dose|diameter|nodes|stay|loss|bmi|weight|interval|delay|score|volume|thickness"
    r"|cycles|duration|lines|response|cea|psa)\b",
    re.IGNORECASE,
)
#: Survival at a time that is not that of the curve, and numbers of those alive.
_NO_RATE = re.compile(
    r"\b(?:conditional|relative|adjusted|weighted|iptw|standardi[sz]ed|net|restricted|rmst)\b"
    r"|\b(?:no\.?|n|number)(?: of)?(?: \w+)? (?:alive|surviving|survivors)\b(?!.*%)",
    re.IGNORECASE,
)
#: What behind a median is no confidence limit.
_SPREAD = re.compile(r"\b(iqr|inter-?\s?quartile|quartiles?|range|min|sd|se)\b", re.IGNORECASE)
#: "1-, 3- and 5-year OS", "1/3/5-year OS".
_SEVERAL = re.compile(
    r"\d+(-?(years?|yrs?|y|months?|mos?))?\s*-?\s*([,/&]|and\b)[\s,/&and]*\d+[ -]?[ym]"
)
#: Words of a header over counts of patients, and over counts of events.
_COUNTS = {"n", "no", "number", "patients", "pts", "of", "cases", "total"}
EVENTS = {"event", "events", "deaths", "died", "dead", "recurrences", "failures"}
LOG_RANK = re.compile(r"\blog[- ]?rank\b", re.IGNORECASE)
GRAYS = re.compile(r"\bgr[ae]y(?:['’]?s)?\b(?!\W+(?:model|regression))", re.IGNORECASE)
_LIMITS = {"ci", "limits", "interval", "confidence"}
#: Words of a header over ratios that are nothing of the column before.
_OTHERS = {"hr", "rr", "or", "ratio", "risk"}
_AT_RISK = re.compile(r"\bat[ -]risk\b", re.IGNORECASE)
#: Words of a header that has shares of patients, whatever else it names.
_SHARES = re.compile(r"%|\b(rates?|incidences?|survival|free(dom)?|probabilit\w+)\b", re.IGNORECASE)
_ENDS = {
    "conf_low": {"lower", "low", "lcl", "ll"},
    "conf_high": {"upper", "high", "ucl", "ul"},
}


@dataclass(frozen=True)
class Column:
    """What a column of a table of curves holds.

    Attributes
    ----------
    head : str
    holds : str
        A statistic, "p", "both" (events and patients in one cell), "unit" (a median without one),
        "several" (rates at several times) or "" for nothing that is known.
    endpoint : str
        The endpoint that its header, or one before it, names; "" for none.
    time : float, optional
        Months.
    unit : str
    fields : mapping of int to tuple of str
        By how many numbers a cell may have: the fields of a claim that they are; of "both", and
        of what is beside patient-years, the statistics.
    test : str
        Of p: "poisson" beside a ratio of rates, "" of curves, "?" where the columns do not tell.
    """

    head: str
    holds: str = ""
    endpoint: str = ""
    time: float | None = None
    unit: str = ""
    fields: Mapping[int, tuple[str, ...]] = field(default_factory=lambda: {1: ("",)})
    test: str = ""


def columns(heads: Sequence[str], endpoints: Endpoints, said: str, usual: str) -> Iterator[Column]:
    """What each column but the first holds.

    Parameters
    ----------
    heads : sequence of str
    endpoints : Endpoints
    said : str
        Title and corner of the table, which may say in what time is.
    usual : str
        Unit in which the paper prints times. Heads that are a number or a time alone are times of
        numbers at risk where the title or the corner says so.
    """
    before, endpoint, held = Column(""), "", set[str]()
    for head in heads[1:]:
        own = endpoints.within(head)
        endpoint = own or endpoint
        found = _column(head, before, said, usual, bool(own))
        if found.holds == "p":
            found = replace(found, test=_test(head, held))
        held.add(found.holds)
        before = replace(found, endpoint=endpoint)
        yield before


def _test(head: str, held: Collection[str]) -> str:
    """Of which test a p is, by what stands before it: of two rates, or of curves."""
    if LOG_RANK.search(head) or not {*RATED[:1], *COMPARED} & {*held}:
        return ""
    ratio = bool({*COMPARED} & {*held}) or "rate" in head.casefold()
    return "poisson" if ratio else "?"


def _column(head: str, before: Column, said: str, usual: str, named: bool) -> Column:
    word = head.casefold()
    if P_HEAD.match(last_word(head)):
        return Column(head, "p")
    if made := rated(head, said, before.unit if before.holds == RATED[0] else "", named):
        holds, unit, fields = made
        return Column(head, holds, unit=unit, fields=fields)
    if _NO_RATE.search(head) or (_MEDIAN.search(word) and _OF_OTHERS.search(head) and not named):
        return Column(head)
    if _MEDIAN.search(word):
        unit = _unit(f"{word} {said.casefold()}", usual)
        made = Column(head, "median_survival" if unit else "unit", unit=unit)
        return replace(made, fields=_fields(head, made, before))
    if timed := _timed(head, before, said):
        return timed
    words = set(re.findall(r"[a-z]+", word))
    limited = before.holds in (*CURVES, *RATED, "unit") and not words & _OTHERS
    if limited and (fields := _limits(words)):
        return replace(before, head=head, fields=fields)
    if names := both(head):
        return Column(head, "both", fields={2: names})
    if words and words <= _COUNTS:
        return Column(head, "n", unit="patients")
    if words & EVENTS or "event" in word or "death" in word:
        return Column(head, "events", unit="events")
    return Column(head)


def _timed(head: str, before: Column, said: str) -> Column | None:
    """What has a time: a rate, numbers at risk, events so far; None for a header without one."""
    time, at_risk = _YEARS.search(head), bool(_AT_RISK.search(said))
    if time and _SEVERAL.search(head):
        return Column(head, "several")
    years = bool(re.search(r"\b(years?|yrs?)\b", said.casefold()))
    if at_risk and (month := month_of(head, years)) is not None:
        return Column(head, "n_at_risk", time=month, unit="patients")
    months = float(time[1]) * (12 if time[2].casefold().startswith("y") else 1) if time else None
    bare = _YEARS.sub(" ", head.casefold()).strip(" ,;:()")
    if _AT_RISK.search(head) or (time and not bare and at_risk and not _SHARES.search(said)):
        return _at_risk(head, before, months)
    if not time or (at_risk and not bare):
        return Column(head, time=months) if time else None
    made = Column(head, "survival_rate", time=months, unit="%")
    return _counts_at(head, bare, months) or replace(made, fields=_fields(head, made, before))


def _at_risk(head: str, before: Column, months: float | None) -> Column:
    """Numbers at risk, at the time in the header or at that of the rate beside them."""
    if months is None and before.time is not None:
        return Column(f"{before.head}, {head}", "n_at_risk", time=before.time, unit="patients")
    return Column(head, "n_at_risk", time=months, unit="patients")


def _counts_at(head: str, bare: str, months: float | None) -> Column | None:
    """Of "5-year deaths, n" events so far; of "Patients at 5 years" nothing that is known."""
    words = set(re.findall(r"[a-z]+", bare)) - {"at", "by", "within"}
    if _SHARES.search(bare):
        return None
    if words & EVENTS:
        return Column(head, "cumulative_events", time=months, unit="events")
    return Column(head, time=months) if words and words <= _COUNTS else None


def _unit(said: str, usual: str) -> str:
    """The unit of a median; "" where nothing says it and the paper prints years elsewhere."""
    found = re.search(r"\b(year|yr|month|mo\b)", said)
    if not found:
        return "" if usual == "years" else "months"
    return "years" if found[1].startswith("y") else "months"


def _fields(head: str, made: Column, before: Column) -> dict[int, tuple[str, ...]]:
    """What the numbers of a median or a rate are.

    "Median (95% CI)" has its limits in the cell; "Median 95% CI" beside "Median" has them alone.
    """
    if _SPREAD.search(head):
        return {1: ("",)}
    bare = set(re.findall(r"[a-z]+", re.sub(r"[\[(].*?[\])]", " ", head.casefold())))
    same = (made.holds, made.time) == (before.holds, before.time)
    if fields := _limits(bare):
        return fields if same or 1 in fields else {1: ("",), **fields, 3: LIMITED}
    return {1: ("",), 3: LIMITED}


def _limits(words: set[str]) -> dict[int, tuple[str, ...]]:
    """What a column of limits holds; empty if it is none."""
    for name, said in _ENDS.items():
        if words & said:
            return {1: (name,)}
    return {2: LIMITED[1:]} if words & _LIMITS else {}


def both(head: str) -> tuple[str, ...]:
    """The statistics of "Events/N", "n/N" and "N (events)", in their order; empty for others."""
    bare = re.sub(r"[\[(]\s*(%|n|no\.?)\s*[\])]|%", " ", head.casefold())
    parts = [part for part in re.split(r"\s*[/(\[]\s*|\s+of\s+total\s*", bare) if part.strip()]
    kinds = [_counted(set(re.findall(r"[a-z]+", part))) for part in parts]
    if kinds == ["n", "n"] and head.count("/") == 1:
        return ("events", "n")
    return tuple(kinds) if sorted(kinds) == ["events", "n"] else ()


def _counted(words: set[str]) -> str:
    if words & EVENTS:
        return "events"
    return "n" if words and words <= _COUNTS else ""


def month_of(head: str, years: bool) -> float | None:
    """The month of a header that is a number alone; None if it is none."""
    found = re.fullmatch(r"\d+(\.\d+)?", head.strip())
    return float(found.group()) * (12 if years else 1) if found else None
