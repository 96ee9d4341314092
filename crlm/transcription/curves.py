"""Medians and rates of curves: a group a row; n, events, median, rates and p in columns."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from crlm.ledger import Design
from crlm.ledger.factors import span_in
from crlm.ledger.vocabulary import (
    ALL,
    GRAY,
    KNOWN_ENDPOINTS,
    PERSON_TIME,
    POISSON,
    RATE_UNITS,
)
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import Cell, Printed, cell, row_of, without_limits
from crlm.transcription.curve_columns import CURVES, Column, columns, month_of
from crlm.transcription.endpoints import Endpoints
from crlm.transcription.rate_columns import ADJUSTED, COMPARED, NO_EVENTS, NO_UNIT, RATED, keys_of
from crlm.transcription.table import P_HEAD, Table, comma, holding, last_word
from crlm.transcription.wordings import plain

#: A cell with a count and more of it: "45/87", "45 (52%)".
_COUNTED = ("n", "events")
_REFERENCE = re.compile(r"\bref(?:erence|erent)?\b", re.IGNORECASE)
#: Counts at a time.
_SO_FAR = ("n_at_risk", "cumulative_events")


class CurvesTable(Table):
    """Survival by group, of one endpoint or of several that stand as headings in the table.

    Parameters
    ----------
    design, place, named
        As of `Table`.
    endpoint : str
        The endpoint of the rows above the first heading.

    Attributes
    ----------
    by : str
        What splits the rows below no heading of their own: a column or a factor with levels; the
        exposure unless it is set.
    block : str
        What splits the rows that are being read: that of the heading above them.
    said : str
        The endpoint of the heading above them, for their locators.
    over : str
        That heading, which "Yes" and "No" below it answer.
    """

    def __init__(self, design: Design, place: str, endpoint: str, named: Mapping[str, str]) -> None:
        every = [name for model in design.models.values() for name in model["covariates"]]
        super().__init__(design, place, every, named)
        self.endpoints = Endpoints(design, named, incidences=True)
        self.endpoint, self.by, self.block, self.said = endpoint, design.exposure, "", ""
        self.of_all, self.over = False, ""

    def read(self, rows: Sequence[Sequence[str]]) -> None:
        """Claims and questions of the table."""
        self.block = self.by
        if self._without_times(rows[0]):
            return
        heads, known, apart = self._columns(rows[0]), True, self._apart(rows)
        self.of_all = self._without_groups(rows, apart)
        for number, row in enumerate(rows[1:], 2):
            endpoint = self.endpoints.of(row[0])
            if endpoint or self._is_heading(rows[0], row):
                self.endpoint, known = endpoint or self.endpoint, True
                self.said = endpoint or self.said
                if not endpoint and (any(row[1:]) or any(any(r[1:]) for r in rows[number:])):
                    known = self._heading(row_of(row, number), row[0], rows[number:])
                if known:
                    self._compared(heads, row)
                continue
            if not known:
                continue
            group = self._group_of(row[0], apart)
            if not group:
                self.strange_group(row_of(row, number), row[0], self.block)
            elif group in ("p", "smd"):
                self._compared(heads, row)
            else:
                self.size_in(row[0], {"group": group})
                for column, text in zip(heads, row[1:], strict=True):
                    self._of_curve(column, text, group)

    def _without_times(self, heads: Sequence[str]) -> bool:
        """Ask for the times of numbers at risk whose first row stands where they should."""
        taken = dict(self.labels.taken)
        group = self.group(heads[0], self.by) if heads[0] else ""
        self.labels.taken = taken
        numbers = [month_of(head, False) for head in heads[1:] if head]
        if group in ("", "p", "smd") or not numbers or None in numbers:
            return False
        told = f"{heads[0]!r} is a group, and no row above it says at which times its numbers are; "
        told += "write one, 'Months' or 'Years' in its corner and the times of the axis beside it"
        self.ask(row_of(heads, 1), told)
        return True

    def _columns(self, heads: Sequence[str]) -> list[Column]:
        """What the columns hold; one that names another endpoint than was said is asked."""
        said, usual = f"{self.title} {heads[0]}", str(self.design.conventions.get("unit", ""))
        made = list(columns(heads, self.endpoints, said, usual))
        named = {column.endpoint for column in made} - {""}
        if self.endpoint and len(named) == 1 and named != {self.endpoint}:
            own, head = named.pop(), next(column.head for column in made if column.endpoint)
            told = f"names {own}, and --endpoint says {self.endpoint}; say --endpoint {own}, or "
            self.ask(f"column {head!r}", f"{told}{to_ask(head, self.endpoint)}")
        return made

    def _apart(self, rows: Sequence[Sequence[str]]) -> frozenset[str]:
        """Columns of which several rows name a level by themselves: "R0 resection"."""
        found: dict[str, set[str]] = {}
        taken = dict(self.labels.taken)
        for row in rows[1:]:
            if any(row[1:]) and (label := self.labels.read(row[0])).level:
                found.setdefault(label.column, set()).add(label.level)
        self.labels.taken = taken
        return frozenset(column for column, levels in found.items() if len(levels) > 1)

    def _without_groups(self, rows: Sequence[Sequence[str]], apart: Set[str]) -> bool:
        """Whether rows are end points of everybody: none of them names a group, or patients."""
        taken = dict(self.labels.taken)
        stated = [row for row in rows[1:] if any(row[1:])]
        others = [row for row in stated if not self.endpoints.of(row[0])]
        found = not others and not apart and bool(stated)
        self.labels.taken = taken
        return found

    def _group_of(self, label: str, apart: Set[str]) -> str:
        """The group of a row: of the heading above it, of the whole table, or as it says itself."""
        if plain(label) in ("yes", "no") and self.over:
            own = self.labels.read(label, self.over)
            return f"{own.column}={own.level}" if own.column == self.block and own.level else ""
        for column in dict.fromkeys((self.block, self.by)):
            if found := self.group(label, column):
                self.block = column
                return found
        named = self.labels.read(label)
        if named.column in apart and named.level and ":" not in named.column:
            self.block = named.column
            return f"{named.column}={named.level}"
        return ""

    def _is_heading(self, heads: Sequence[str], row: Sequence[str]) -> bool:
        """Whether a row has no numbers but the p of its groups, and names none of them."""
        stated = [h for h, text in zip(heads[1:], row[1:], strict=True) if text.strip()]
        return not stated or (
            all(P_HEAD.match(last_word(head)) for head in stated)
            and not self.group(row[0], self.block)
            and not self.group(row[0], self.by)
        )

    def _heading(self, where: str, label: str, below: Sequence[Sequence[str]]) -> bool:
        """Whether a heading names what splits the rows below it; one of anything else is asked."""
        named, self.over = self.labels.read(label), label
        sides = {plain(row[0]) for row in itertools.takewhile(lambda row: any(row[1:]), below)}
        if named.level and sides == {"yes", "no"}:
            named = replace(named, level="")
        rows = itertools.takewhile(lambda row: any(row[1:]), below)
        column = self._made_below(named.column, label, below) or self.split_below(label, rows)
        if column and column in (self.by, self.design.source(self.by)):
            self.block = self.by
            return True
        if column and self.design.levels(column) and not named.level:
            self.block = column
            return True
        told = self._no_endpoint(f"{label!r} is a heading that names no endpoint", label)
        usual = not below or self.group(below[0][0], self.by)
        told += ", or, if it names what splits the rows, "
        told += to_ask(label, self.by if usual else "COLUMN")
        numbers = [row[0] for row in below[:1] if span_in(row[0])]
        if column and not self.design.levels(column) and numbers:
            told = self.labels.unknown(numbers[0], label)
        if named.level:
            told = f"{label!r} is a heading that names some patients, {column}={named.level}. Put "
            told += "the rows below it into a table of their own, with --population "
            told += f"{column}={named.level}"
        self.ask(where, told)
        return False

    def _compared(self, heads: Sequence[Column], row: Sequence[str]) -> None:
        """What stands beside a heading: p of its groups; other numbers are of none, and asked."""
        for column, text in zip(heads, row[1:], strict=True):
            if text and (column.holds == "p" or self.of_all):
                self._of_curve(column, text, ALL)
                if column.holds != "p":
                    self.labels.taken["rows that name an endpoint alone"] = "all patients"
            elif text:
                told = f"has {text!r} below {column.head!r} and no group; name it in the row"
                self.ask(row[0], told)

    def _of_curve(self, column: Column, text: str, group: str) -> None:
        among = self.block if group == ALL and column.holds == "p" else group
        where = ", ".join(filter(None, [self.place, self.said, among, column.head]))
        if column.holds not in (*RATED, NO_UNIT, ADJUSTED, NO_EVENTS):
            self.of_cell(column, text, group, where)
        elif cell(text).kind != "empty":
            self._rated(column, text, group, where)

    def _unread(self, column: Column, text: str, group: str) -> str:
        """Why a cell of curves is not read; "" if it is."""
        of_test = self._whose_p(column, group) if column.holds == "p" and column.test else ""
        return (
            of_test
            or _unreadable(column, text)
            or self._other_share(column)
            or self._other_event(column)
        )

    def of_cell(self, column: Column, text: str, group: str, where: str) -> None:
        """The numbers of a cell of a group, or the question that it leaves."""
        found = without_limits(cell(text), column.fields)
        if found.kind == "empty":
            if column.holds in CURVES and text.strip().casefold() in ("na", "n/a"):
                self.made.left_out.append(f"{where}: {text!r} is no number.")
        elif column.holds != "n" and not (column.endpoint or self.endpoint):
            self.ask(where, self._no_endpoint("stands below no endpoint", "HEADING"))
        elif told := self._unread(column, text, group):
            self.ask(f"column {column.head!r}", told)
        elif column.holds == "survival_rate" and _is_share(found, text):
            self.ask(where, f"{text!r} is a share of 1, or less than 1 %; write it in per cent")
        elif column.holds in ("both", *_COUNTED):
            self._counts(column, found, text, group, where)
        elif column.holds in _SO_FAR and not _is_count(found):
            told = f"{text!r} is no {column.holds.replace('_', ' ')}, which is one whole number"
            self.ask(where, f"{told}{comma(text)}")
        elif len(found.parts) not in column.fields or found.kind == "lost":
            self.ask(where, f"{text!r} is not {holding(column.fields)}{comma(text)}")
        else:
            keys = self._keys(column, group)
            fields = column.fields[len(found.parts)]
            for number, part in zip(found.parts, fields, strict=True):
                self.claim(number, where, **keys, part=part)

    def _other_share(self, column: Column) -> str:
        """Why the shares below a header are not the rates of its endpoint; "" if they are."""
        name = column.endpoint or self.endpoint
        said = re.search(r"incidence|mortality|death rate", column.head, re.IGNORECASE)
        if not said or column.holds != "survival_rate" or name in self.design.incidences:
            return ""
        told = f"has the share of patients with an event, and {name} is survival; name its "
        told += "cumulative incidence by --endpoint, after [incidences.NAME] declares it, or leave "
        return f"{told}it out with {to_ask(column.head, '-')}"

    def _other_event(self, column: Column) -> str:
        """Why the deaths or recurrences below a header are not the events of its endpoint."""
        name, words = column.endpoint or self.endpoint, column.head.casefold()
        if column.holds not in ("events", "both") or "event" in words:
            return ""
        spec = self.design.endpoints.get(name, {})
        first = spec.get("first_of") or KNOWN_ENDPOINTS.get(name, {}).get("first_of") or ()
        ends = {"death"} if "death_of" in spec else {*first}
        deaths = bool(re.search(r"\b(?:deaths?|died|dead)\b", words))
        again = bool(re.search(r"\b(?:recur|relaps)", words))
        if not ends or deaths == again or ends == ({"death"} if deaths else {"recurrence"}):
            return ""
        told = f"counts {'deaths' if deaths else 'recurrences'}, and {name} ends with "
        told += f"{' or '.join(sorted(ends))}; name it Events if it counts those, or leave it out "
        return f"{told}with {to_ask(column.head, '-')}"

    def _keys(self, column: Column, group: str) -> dict[str, Any]:
        """What a number of a column is of, but for its field."""
        keys: dict[str, Any] = {"endpoint": column.endpoint or self.endpoint, "group": group}
        counted = keys["endpoint"] in self.design.incidences
        if column.holds == "p":
            if column.test == POISSON:
                return {**keys, **self._against_first(group)}
            test = GRAY if counted else "logrank"
            return {**keys, "group": self.block, "model": test, "statistic": "p"}
        if column.holds == "n":
            return {"group": group, "statistic": "n", "unit": "patients"}
        if counted and column.holds == "n_at_risk":
            # Death ends every follow-up: who is at risk of an event that it competes with is.
            rule = self.design.incidences[keys["endpoint"]]
            keys["endpoint"] = rule["endpoint"] if rule["competing"] == "OS" else keys["endpoint"]
        share = counted and column.holds == "survival_rate"
        holds = "cumulative_incidence" if share else column.holds
        keys |= {"statistic": holds, "unit": column.unit}
        return keys if column.time is None else {**keys, "time": column.time}

    def _whose_p(self, column: Column, group: str) -> str:
        """Why the p of a table of rates cannot be read; "" if it can."""
        if column.test == "?":
            told = "stands beside rates without a ratio, and is of two rates or of curves; name it "
            return f"{told}'P (rates)' or 'P (log-rank)', or leave it out with " + to_ask(
                column.head, "-"
            )
        if len(self.design.levels(self.block)) == 2 or not self._is_first(group):
            return ""
        told = f"is of several rates together, which has no row; each level of {self.block} has "
        return f"{told}its own, or leave it out with {to_ask(column.head, '-')}"

    def _is_first(self, group: str) -> bool:
        """Whether a group is that which others are held against, or none of them."""
        level = group.partition("=")[2]
        return level in ("", *self.design.levels(self.block)[:1])

    def _against_first(self, group: str) -> dict[str, Any]:
        """The keys of a ratio, a difference or p of two rates."""
        level = "" if self._is_first(group) else group.partition("=")[2]
        level = level or self.design.levels(self.block)[1]
        keys = {"group": ALL, "covariate": self.block, "level": level, "model": POISSON}
        return {**keys, "statistic": "p"}

    def _rated(self, column: Column, text: str, group: str, where: str) -> None:
        """Rates with events and patient-years, their comparison, and follow-up."""
        endpoint, found = column.endpoint or self.endpoint, cell(text)
        if told := self._not_rated(column, endpoint):
            self.ask(f"column {column.head!r}", told)
            return
        if column.holds in COMPARED and self._is_reference(found, text, group, where):
            return
        words = without_limits(found, column.fields)
        names = column.fields.get(len(words.parts), ())
        parts = list(zip(words.parts, names, strict=False))
        broken = any(number.decimals for number, name in parts if name == "events")
        if not names or words.kind == "lost" or broken:
            wanted = " or ".join(_listed(names) for names in column.fields.values())
            self.ask(where, f"{text!r} is not {wanted}{comma(text)}")
            return
        keys: dict[str, Any] = {"endpoint": endpoint, "group": group}
        if column.holds in COMPARED:
            keys |= self._against_first(group)
        if column.holds == "median_follow_up":
            keys["endpoint"] = column.endpoint or self.said
            if not keys["endpoint"]:
                self.labels.taken["median follow-up"] = "that of the patients, of no endpoint"
        for number, (statistic, part) in zip(words.parts, keys_of(names), strict=True):
            told = {"statistic": statistic or column.holds, "part": part}
            unit = {"events": "events", "patient_years": PERSON_TIME[0]}.get(statistic, column.unit)
            if column.holds == "patient_years" and statistic == "patient_years":
                unit = column.unit
            self.claim(number, where, **{**keys, **told, "unit": unit})

    def _not_rated(self, column: Column, endpoint: str) -> str:
        """Why a column of rates cannot be read; "" if it can."""
        leave = f"leave it out with {to_ask(column.head, '-')}"
        if column.holds == ADJUSTED:
            return f"has ratios that are adjusted for more, which have no row; {leave}"
        if column.holds == NO_EVENTS:
            told = "has a count beside patient-years and says not whether of events; name it "
            return f"{told}'Events / patient-years', or {leave}"
        if column.holds == NO_UNIT:
            known = ", ".join(RATE_UNITS)
            return f"does not say per how many patient-years; name it so ({known}), or {leave}"
        if column.holds == "median_follow_up":
            return ""
        if not endpoint:
            return self._no_endpoint("stands below no endpoint", "HEADING")
        if endpoint in self.design.incidences:
            own = self.design.incidences[endpoint]["endpoint"]
            told = f"has events over patient-years, and {endpoint} is a share by a month; name the "
            return f"{told}endpoint whose time it is, as --endpoint {own}, or {leave}"
        return ""

    def _is_reference(self, found: Cell, text: str, group: str, where: str) -> bool:
        """Whether a ratio is that of the first group, 1 by itself; another one there is asked."""
        if group == ALL:
            self.ask(where, "is of no group; name it in the row, or leave the cell empty")
            return True
        values = [number.value for number in found.parts]
        if not self._is_first(group) or self.design.levels(self.block) == []:
            return _REFERENCE.search(text) is not None and not values
        one = values in ([], [0.0], [1.0]) or _REFERENCE.search(text) is not None
        if not one:
            first = self.design.label(self.block, group.partition("=")[2])
            told = f"{text!r} stands beside {first}, which the design holds the others against; "
            self.ask(where, f"{told}put it in by hand with the level in reference")
        return True

    def _counts(self, column: Column, found: Cell, text: str, group: str, where: str) -> None:
        """Patients, events, or both; a percentage of them is of no row, and told."""
        names, parts = _counted(column, found, text)
        if not names:
            wanted = "events and patients, as 45/87" if column.holds == "both" else "one number"
            wanted += "; give each its column" if len(found.parts) == 2 != len(names) else ""
            self.ask(where, f"{text!r} is not {wanted}{comma(text)}")
            return
        known = dict(zip(names, parts, strict=False))
        if len(known) == 2 and known["events"].value > known["n"].value:
            told = f"{text!r} has more events than patients; write them as the header has them"
            self.ask(where, told)
            return
        for name, number in known.items():
            unit = {"n": "patients", "events": "events"}[name]
            keys = self._keys(Column(column.head, name, column.endpoint, unit=unit), group)
            self.claim(number, where, **keys)
        for number in parts[len(names) :]:
            self.share(column, number, group, where)

    def share(self, column: Column, number: Printed, group: str, where: str) -> None:
        """A percentage behind a count: told."""
        told = "is a percentage of patients with an event, or of all, which has no row here"
        self.made.left_out.append(f"{where}: {number.text!r} {told}.")


def _listed(names: Sequence[str]) -> str:
    """What a cell of rates should hold: "events, patient years"."""
    words = {"conf_low": "lower limit", "conf_high": "upper limit"}
    return ", ".join(words.get(name, name.replace("_", " ")) for name in names)


def _unreadable(column: Column, text: str) -> str:
    """Why a column holds nothing that can be read; "" if it does."""
    if column.holds == "unit":
        told = "says no unit, and the paper prints years; name it 'Median, years' or "
        return f"{told}'Median, months'"
    if column.holds == "several" or (column.holds in CURVES and "/" in text):
        told = "holds several numbers of curves; put each into a column of its own, as "
        return f"{told}'1-year OS' and '3-year OS'"
    if column.holds in CURVES and set(column.fields) == {1} and len(cell(text).parts) > 1:
        told = "has behind its number what is no limit of 95 % (quartiles, a range, an error); "
        return f"{told}leave that out of the cells"
    if column.holds in _SO_FAR and column.time is None:
        told = "has numbers at risk and says no time; name it as 'No. at risk at 5 years', or "
        return f"{told}put it beside the rate that it belongs to"
    if column.holds:
        return ""
    if column.time is not None:
        told = f"says a time and not what stands below it; name it 'Rate, {column.head}', 'No. at "
        told += f"risk, {column.head}' or 'Events, {column.head}', or leave it out with "
        return told + to_ask(column.head, "-")
    told = "is neither n, events, median, a year or month, a rate per patient-years, limits of one "
    told += "(95% CI, lower, upper) beside it, nor p; name it so, or leave it out with "
    told += to_ask(column.head, "-")
    if month_of(column.head, False) is not None:
        told += "; above a table of numbers at risk write 'Number at risk', and 'Months' "
        told += "or 'Years' in its corner"
    return told


def _counted(column: Column, found: Cell, text: str) -> tuple[Sequence[str], tuple[Printed, ...]]:
    """What the numbers of a cell of counts are, a percentage behind them aside."""
    parts = found.parts
    if found.kind == "lost" or any(number.decimals for number in parts[:1]):
        return (), parts
    percent = "%" in column.head
    if column.holds == "both":
        names = column.fields[2]
        fits = len(parts) == 2 or (len(parts) == 3 and percent)
        return (names if fits and not any(n.decimals for n in parts[:2]) else ()), parts
    if "/" in text and column.holds == "events":
        return (("events", "n") if len(parts) == 2 or percent else ()), parts
    share = len(parts) == 2 and (percent or 0 < parts[1].decimals and parts[1].value <= 100)
    if len(parts) == 1 or (share and "/" not in text):
        return (column.holds,), parts
    return (), parts


def _is_count(found: Cell) -> bool:
    return len(found.parts) == 1 and found.kind == "single" and not found.parts[0].decimals


def _is_share(found: Cell, text: str) -> bool:
    """Whether a rate may be meant as a share of 1: "0.141"."""
    first = found.parts[0] if found.parts else None
    return bool(first and "%" not in text and first.decimals and 0 < first.value <= 1)
