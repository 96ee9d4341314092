"""A regression table: a covariate or a level a row; ratio, limits, standard error and p."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from crlm.ledger import Design
from crlm.ledger.vocabulary import GRAY, LOGRANK, MULTIVARIABLE
from crlm.transcription import level_columns, model_counts
from crlm.transcription.asking import to_ask
from crlm.transcription.cells import ONE, REFERENCE, cell, p_cell, row_of, without_limits
from crlm.transcription.corrected import corrects, is_adjusted, several_tests
from crlm.transcription.curve_columns import GRAYS, LOG_RANK
from crlm.transcription.endpoints import Endpoints
from crlm.transcription.footnotes import begins_with_mark
from crlm.transcription.label_words import UNKNOWN
from crlm.transcription.labels import Label
from crlm.transcription.model_columns import (
    RATIOS,
    SUB,
    WITH_P,
    Head,
    adjusted_beside,
    held,
    is_one,
    is_overall,
    other_ratio,
    spreads,
    whose,
)
from crlm.transcription.model_steps import Stepping
from crlm.transcription.several import (
    ALONE,
    SINGLE,
    TOGETHER,
    Several,
    unnumbered,
    with_model_of_p,
)
from crlm.transcription.table import TREND, comma, holding

#: A ratio, and its limits.
_RATIO = ("", "conf_low", "conf_high")
#: What a column of a regression table holds: statistic, and fields by how many numbers a cell has.
_HELD: dict[str, tuple[str, dict[int, tuple[str, ...]]]] = {
    "ratio": ("hazard_ratio", {1: ("",), 3: _RATIO}),
    "odds": ("odds_ratio", {1: ("",), 3: _RATIO}),
    "sub": ("subdistribution_hazard_ratio", {1: ("",), 3: _RATIO}),
    "limits": ("hazard_ratio", {2: _RATIO[1:]}),
    "lower": ("hazard_ratio", {1: ("conf_low",)}),
    "upper": ("hazard_ratio", {1: ("conf_high",)}),
    "coefficient": ("coefficient", {1: ("",)}),
    "se": ("se", {1: ("",)}),
    "z": ("z", {1: ("",)}),
    "p": ("p", {1: ("",)}),
    "joint": ("p", {1: ("",)}),
    "trend": ("p", {1: ("",)}),
}
#: What stands beside ratios in columns of their own.
_BESIDE = ("limits", "lower", "upper")
#: A header whose numbers are for a step: "HR per SD".
_STEP = re.compile(r"\bper\b", re.IGNORECASE)
#: What a reference has below a coefficient.
_NOUGHT = re.compile(r"^0([.·]0+)?(\s*[\[(]?\s*ref\w*\.?\s*[\])]?)?$", re.IGNORECASE)


class ModelTable(Stepping):
    """A regression table of an endpoint, or of a model with a name.

    Parameters
    ----------
    design, place, named
        As of `Table`.
    endpoint : str
        An endpoint, or the name of a model, which gives endpoint and patients; "" where the
        header names the endpoints of its columns.
    """

    #: What may stand in a column, and the model of one that does not say.
    forms = "a ratio (HR, OR), its limits (95% CI, lower, upper), β, SE, z, p nor P for trend"
    usual = MULTIVARIABLE

    def __init__(self, design: Design, place: str, endpoint: str, named: Mapping[str, str]) -> None:
        self.several = Several(design, endpoint, named)
        super().__init__(design, place, self.several.covariates(), named)
        self.endpoints = Endpoints(design, named, incidences=True, outcomes=True)
        self.spec = design.models.get(endpoint) or {}
        self.endpoint = str(self.spec.get("endpoint") or endpoint)

    def _spec_of(self, endpoint: str) -> Mapping[str, Any]:
        """The model that a column is of: that of the table, or of the endpoint above the column."""
        return self.spec if endpoint == self.endpoint else self.design.model_of(endpoint)

    def read(self, rows: Sequence[Sequence[str]]) -> None:
        """A regression table: a covariate a row; ratio with limits, and p, by model."""
        rows, counted = model_counts.apart(rows)
        whole, (rows, beside) = rows, level_columns.apart(self, rows)
        heads = self._heads(rows)
        self._sizes(whole[0], rows, heads, counted)
        level_columns.put_whole(self, beside, counted.values())
        self._dependent(rows[0][0])
        rows = [rows[0], *(self._without_references(row, heads) for row in rows[1:])]
        told, stated = self._references(rows, heads), level_columns.stated(whole, rows)
        for number, row, found in self.walk(rows, lambda row: id(row) in stated):
            if found.notes == UNKNOWN:
                self._ask_for_unknown(row, found, row_of(row, number))
                continue
            self.size_of(row[0], found, not any(row[1:]))
            for one in beside:
                level_columns.put(self, one, whole[number - 1][one.at], row[0], found)
            if not found.level and self._has_p_alone(row, heads):
                found = replace(found, column=self._made_below(found.column, row[0], rows[number:]))
            found = self._beside_reference(row, heads, found, told)
            if not self.labels.aside(row[0], found.column):
                found = self._second(found, row[0])
            self._trends(row, heads, found)
            if self._of_no_level(row, heads, found, row_of(row, number)):
                continue
            others = [t for t, head in zip(row[1:], heads, strict=True) if head.holds != "trend"]
            if any(cell(text).parts and not REFERENCE.match(text) for text in others):
                if found := self.in_its_step(row[0], found, row_of(row, number)):
                    self._effect(row, heads, self._against(found, told, row_of(row, number)))

    def _sizes(
        self,
        printed: Sequence[str],
        rows: Sequence[Sequence[str]],
        heads: Sequence[Head],
        counted: Mapping[str, Sequence[str]],
    ) -> None:
        """Patients and events of the models, from heads, rows below the table and notes."""
        texts, none = rows[0][1:], Head("", "", "")
        of = dict(zip(texts, heads, strict=True))
        whole = [of.get(text, none) for text in printed[1:]]
        below = {name: (row[0], row[1:]) for name, row in counted.items()}
        notes = [row[0] for row in rows[1:] if not any(row[1:])]
        model_counts.put(self, printed[1:], whole, below, notes)

    def _dependent(self, corner: str) -> None:
        """Ask where finalfit's corner says another outcome: "Dependent: Surv(rfs_months, ...)"."""
        said = corner.partition("Dependent:")[2].strip()
        timed = re.match(r"Surv\(\s*(\w+?)_months\b", said)
        own = {name.casefold(): name for name in self.design.endpoints}
        named = own.get(timed[1].casefold(), "") if timed else self.endpoints.within(said)
        if named and self.endpoint and named != self.endpoint:
            told = f"says {said!r}, and --endpoint {self.endpoint}; say --endpoint {named}"
            self.ask("the corner", told)

    def _has_p_alone(self, row: Sequence[str], heads: Sequence[Head]) -> bool:
        """Whether a row has p values and no ratio, as the heading of levels has."""
        stated = {head.holds for text, head in zip(row[1:], heads, strict=True) if text}
        return stated <= {"p", "joint", "trend", ""}

    def _ask_for_unknown(self, row: Sequence[str], found: Label, where: str) -> None:
        """Ask about a ratio of the patients whose value is unknown, which a model leaves out."""
        if any(cell(text).parts for text in row[1:]):
            told = f"{row[0]!r} is no level of {found.column} in the design; give it one there if "
            told += f"the model has it, or leave the row out with {to_ask(row[0], '-')}"
            self.ask(where, told)

    def _without_references(self, row: Sequence[str], heads: Sequence[Head]) -> list[str]:
        """A row in which a ratio of 1 with no limits beside it, of a level, is the reference."""
        limited = {
            (head.endpoint, head.model)
            for text, head in zip(row[1:], heads, strict=True)
            if head.holds in ("limits", "lower", "upper", "se") and spreads(text)
        }
        number = self.labels.read(row[0])
        alone = not number.column or number.level or self.design.levels(number.column)
        row = self._without_noughts(row, heads) if alone else row
        return [row[0]] + [
            "reference"
            if (ONE.match(text.strip()) or is_one(text))
            and head.holds in RATIOS
            and (head.endpoint, head.model) not in limited
            and alone
            else text.strip()
            for text, head in zip(row[1:], heads, strict=True)
        ]

    def _without_noughts(self, row: Sequence[str], heads: Sequence[Head]) -> list[str]:
        """A row in which a coefficient of 0 with no error or p beside it is the reference."""
        stated = [
            text
            for text, head in zip(row[1:], heads, strict=True)
            if head.holds in ("se", "z", "p", *_BESIDE) and cell(text).parts
        ]
        return [row[0]] + [
            "reference" if head.holds == "coefficient" and _NOUGHT.match(t) and not stated else t
            for t, head in zip(row[1:], heads, strict=True)
        ]

    def _heads(self, rows: Sequence[Sequence[str]]) -> list[Head]:
        """What each column but the first holds."""
        heads: list[Head] = []
        model, endpoint, ratio = self._usual_model(rows[0]), self.endpoint, ""
        said = base = endpoint
        ratios = [held(text, ()) in RATIOS for text in rows[0][1:]]
        lines = [self.title, *(row[0] for row in rows[1:] if not any(row[1:]))]
        for at, text in enumerate(rows[0][1:], 1):
            before, named = endpoint, self.endpoints.leading(text)
            said = named or said
            holds = self.held(unnumbered(model_counts.unsized(text)), [row[at] for row in rows[1:]])
            holds = "sub" if holds == "ratio" and self._all_sub(said) else holds
            if holds == "joint" and any(is_overall(head) for head in rows[0][1:]):
                holds = "p"
            ratio = holds if holds in RATIOS else ratio
            if holds in RATIOS:
                base, endpoint = said, self._whose(text, holds, said)
            elif not ratio or named not in ("", base):
                endpoint = said
            told = with_model_of_p(rows[0][1:], at - 1, ratios)
            model = self.several.along(told, model, endpoint, before, rows[0][1:])
            own = self._tested(text, endpoint, model, lines) if holds == "p" else model
            head = self.of_group(text, Head(endpoint, own, holds, ratio))
            if any(row[at] for row in rows[1:]):
                head = self._asked(text, head, heads, rows[0][1:])
            if model != text and (told := self.several.told(text, endpoint)):
                self.labels.taken[text] = told
            heads.append(head)
        ratios = {(h.endpoint, h.model) for h in heads if h.holds in (*RATIOS, "coefficient")}
        self.labels.taken |= self.several.unsaid(rows[0][1:], ratios, lines)
        return heads

    def _tested(self, text: str, endpoint: str, model: str, lines: Sequence[str]) -> str:
        """The key of a column of p: of curves, where it says log-rank or Gray and models do not.

        So may a line with its footnote's mark, or one on univariable analyses, or the title.
        """
        counted = endpoint in self.design.incidences
        test = GRAYS if counted else LOG_RANK
        if not test.search(text):
            told = [line for line in lines if test.search(line)]
            alone = model == ALONE and any(SINGLE.search(line) for line in told)
            if not alone and not any(begins_with_mark(line, text) for line in told):
                return model
            self.labels.taken[text] = f"{'Gray' if counted else 'log-rank'}, as the table says"
        usual = self.design.conventions.get("univariable_p")
        return ALONE if usual == "logrank" and not counted else GRAY if counted else LOGRANK

    def _all_sub(self, endpoint: str) -> bool:
        """Whether the title says that the ratios of an incidence are subdistribution ratios."""
        return endpoint in self.design.incidences and bool(SUB.search(self.title))

    def _whose(self, text: str, holds: str, said: str) -> str:
        """The endpoint of a column of ratios, and of what stands beside it."""
        found = whose(text, holds, said, self.design)
        if found != said:
            self.labels.taken[text] = f"{found}, {self.design.endpoint_name(found)}"
        return found

    def _usual_model(self, heads: Sequence[str]) -> str:
        """The model of columns that do not say which: that of the header, else of the title."""
        if any(SINGLE.search(text) for text in heads):
            return "univariable"
        if adjusted_beside(heads):
            self.labels.taken["ratios beside adjusted ones"] = "univariable"
            return "univariable"
        said = SINGLE.search(self.title) and not TOGETHER.search(self.title)
        alone = self.spec.get("selection") == "univariable"
        if said or alone or self.usual != MULTIVARIABLE:
            return "univariable"
        return self.several.usual(self.endpoint)

    def corrected(self, head: str, heads: Sequence[str]) -> bool:
        """Beside adjusted ratios an adjusted p is theirs."""
        note = self.adjusted_by.get(head, "")
        if corrects(head) or several_tests(note):
            return True
        ratios = [text for text in heads if TOGETHER.search(text) and held(text, ()) in RATIOS]
        alone = SINGLE.search(head) or (not ratios and self._usual_model(heads) == ALONE)
        return bool(alone) if note else is_adjusted(head) and not ratios

    def _asked(self, text: str, head: Head, before: Sequence[Head], heads: Sequence[str]) -> Head:
        """A head that is known and of its own; of another the column is asked about and skipped."""
        where = f"column {text!r}"
        if not head.endpoint:
            self.ask(where, self._no_endpoint("is of no endpoint that is named", text))
        elif not head.holds:
            told = f"is neither {self.forms}; name it so, or leave it out with "
            self.ask(where, f"{told}{to_ask(text, '-')}")
        elif told := self.several.unnamed(text, head.endpoint, heads):
            self.ask(where, told)
        elif told := other_ratio(text, head, self.design):
            self.ask(where, f"{told}, or leave it out with {to_ask(text, '-')}")
        elif head in before:
            self.ask(where, self._again(text, head))
        else:
            return head
        return replace(head, holds="")

    def _again(self, text: str, head: Head) -> str:
        """What to do about a column that holds what one before it holds."""
        if _STEP.search(text):
            return (
                "holds what a column before it holds, for another step. Make it a table of its "
                'own, with the step behind each label ("Age (per SD)"), and import both'
            )
        told = self._no_endpoint(
            "holds what a column before it holds, and names no other endpoint", text
        )
        lines = f'[models.NAME] with endpoint = "{head.endpoint}" and label as its head'
        told += ", or write Univariable and Multivariable above the columns; another model of the "
        return f"{told}same patients is declared as {lines}; leave it out with {to_ask(text, '-')}"

    def _references(self, rows: Sequence[Sequence[str]], heads: Sequence[Head]) -> dict[str, str]:
        """By covariate: the level whose row says that it is the reference, or alone has no ratio.

        A dash is such where all levels of the design have a row and all but one a ratio.
        """
        found: dict[str, str] = {}
        ratios: dict[str, dict[str, bool]] = {}
        within = ""
        for row in rows[1:]:
            named = self.labels.read(row[0], within)
            if not any(row[1:]) or (named.column and not named.level):
                within = row[0]
            stated = [text for text in row[1:] if text]
            if named.level and stated and REFERENCE.match(stated[0]):
                if found.get(named.column, named.level) != named.level:
                    self.ask(row[0], f"{found[named.column]} is marked as the reference too")
                found[named.column] = named.level
            if named.level:
                ratios.setdefault(named.column, {})[named.level] = _has_ratio(row, heads)
        for column, levels in ratios.items():
            alone = [level for level, has in levels.items() if not has]
            if len(alone) == 1 and {*levels} == {*self.design.levels(column)} != {*alone}:
                found.setdefault(column, alone[0])
        return found

    def _beside_reference(
        self, row: Sequence[str], heads: Sequence[Head], found: Label, told: Mapping[str, str]
    ) -> Label:
        """A row of the reference as that of its whole covariate: a p beside it is of all levels."""
        usual = told.get(found.column, self._usual_reference(found.column))
        ratios = any(head.holds in RATIOS for head in heads)
        if not ratios or not found.level or found.level != usual or _has_ratio(row, heads):
            return found
        stated = [
            t
            for t, head in zip(row[1:], heads, strict=True)
            if head.holds in ("p", "joint") and cell(t).parts
        ]
        if stated:
            self.labels.taken[f"the p beside {row[0]}"] = f"{found.column}, all levels together"
        levels = self.design.levels(found.column)
        other = next(level for level in levels if level != usual) if len(levels) == 2 else ""
        return replace(found, level=other)

    def _usual_reference(self, column: str) -> str:
        """The reference that the model has of a category; "" of anything else."""
        levels = self.design.levels(column)
        return (self.several.reference(column) or levels[0]) if levels else ""

    def of_group(self, text: str, head: Head) -> Head:
        """A head with the group that its column is of, where the table has such columns."""
        return head

    def held(self, head: str, texts: Sequence[str]) -> str:
        """What a column holds; "" if nobody can tell."""
        return held(head, texts)

    def _against(self, named: Label, told: Mapping[str, str], where: str) -> Label:
        """A row with the level it is against, where that is not the one that the model has."""
        levels = self.design.levels(named.column)
        if named.reference or not named.level or not levels:
            return named
        usual = self._usual_reference(named.column)
        against = told.get(named.column, usual)
        if against == named.level:
            others = [level for level in levels if level != named.level]
            if len(others) > 1:
                self.ask(
                    where,
                    f"{named.level!r} is the reference of {named.column}; write the row as "
                    f"'{named.level} vs LEVEL', or keep the row that is marked as the reference",
                )
            against = others[0]
        return replace(named, reference="" if against == usual else against)

    def _second(self, found: Label, label: str) -> Label:
        """A row of a factor without a level as of the other of two than the reference.

        Of a label that names the level no, as "Solitary lesion", as of that.
        """
        levels, usual = self.design.levels(found.column), self._usual_reference(found.column)
        if found.level or len(levels) != 2:
            return found
        own = sorted(levels) == ["no", "yes"] and self.labels.meant_by_yes(found.column, label)
        if own == usual == "no":
            return replace(found, level="no", reference="yes")
        return replace(found, level=next(level for level in levels if level != usual))

    def _effect(self, row: Sequence[str], heads: Sequence[Head], named: Label) -> None:
        keys = {"covariate": named.column, "level": named.level}
        keys |= {"reference": named.reference} if named.reference else {}
        for text, head in zip(row[1:], heads, strict=True):
            if head.model in (LOGRANK, GRAY):
                self._of_curves(row[0], text, head, named.column)
            elif head.holds == "joint" and ":" not in named.column:
                second = self._second(Label(named.column), "").level
                of_all = {"covariate": named.column, "level": second}
                self.of_model(row[0], text, head, {**of_all, **self.among(head)})
            elif head.holds != "trend":
                self.of_model(row[0], text, head, {**keys, **self.among(head)})

    def _of_curves(self, label: str, text: str, head: Head, column: str) -> None:
        """The p of a test of the curves of all levels of a covariate; a number has no such test."""
        where = f"{self.place}, {label}, {head.model}"
        if cell(text).kind == "empty":
            return
        if ":" in column or not self.design.levels(column):
            told = f"{where}: {text!r} is of a number, whose curves no test compares"
            self.made.left_out.append(f"{told}.")
            return
        keys = {"endpoint": head.endpoint, "group": column, "model": head.model}
        self.p_value(text, where, {**keys, **self.among(head)})

    def _of_no_level(
        self, row: Sequence[str], heads: Sequence[Head], found: Label, where: str
    ) -> bool:
        """Ask which level a ratio is of, where a category has several and its row names none."""
        levels = self.design.levels(found.column)
        several = levels and not found.level and found.notes != TREND and not found.step
        if not several or not _has_ratio(row, heads):
            return False
        told = f"{row[0]!r} names no level of {found.column} ({', '.join(levels)}), and a ratio is "
        told += f"of one. Say which with {to_ask(row[0], f'{found.column}:LEVEL')}; of one per "
        told += 'level the label says so ("per level")'
        self.ask(where, told)
        return True

    def _trends(self, row: Sequence[str], heads: Sequence[Head], named: Label) -> None:
        """The p for trend of a category, as of the number that counts its levels."""
        for text, head in zip(row[1:], heads, strict=True):
            where = f"{self.place}, {row[0]}, P for trend"
            if head.holds != "trend" or cell(text).kind == "empty":
                continue
            column = self.design.source(named.column)
            if not self.design.levels(column):
                told = f"{column} is no category, and has no p for trend; leave the cell out"
                self.ask(where, told)
            elif found := self.per_level("P for trend", Label(column, notes=TREND), where):
                self.of_model(row[0], text, head, {"covariate": found.column, **self.among(head)})

    def among(self, head: Head) -> dict[str, str]:
        """The patients of the model that a column is of, where they are not all."""
        among = self.among_of(head.endpoint)
        return {"population": among} if among else {}

    def among_of(self, endpoint: str) -> str:
        """The patients of the model of an endpoint; "" where they are those of the table."""
        return str(self._spec_of(endpoint).get("population") or "") if endpoint else ""

    def of_model(self, label: str, text: str, head: Head, keys: Mapping[str, str]) -> None:
        """The ratio, limits, SE, z or p of a cell."""
        found = p_cell(text) if head.holds in ("p", "joint") else cell(text)
        keys = {
            "population": self.population,
            **keys,
            "endpoint": head.endpoint,
            "model": head.model,
        }
        of = f"{head.endpoint} " * (not self.endpoint)  # A table that names several.
        where = f"{self.place}, {label}, {of}{self.design.model_label(keys) or head.model}"
        if head.holds == "trend":
            where += ", P for trend"
        none = found.kind == "empty" or REFERENCE.match(text) or not head.holds
        if none or (head.holds == "limits" and not spreads(text)):
            return
        statistic, forms = _HELD[head.holds]
        with_p = WITH_P.search(text) if head.holds in (*RATIOS, "coefficient") else None
        if with_p and len(found.parts) in (2, 4):
            beside, found = replace(head, holds="p"), replace(found, parts=found.parts[:-1])
            self.of_model(label, with_p[1], beside, keys)
        found = without_limits(found, forms)
        if len(found.parts) not in forms or found.kind == "lost":
            self.ask(where, f"{text!r} is not {holding(forms)}{comma(text)}")
            return
        timed = head.endpoint in {*self.design.endpoints, *self.design.incidences}
        if statistic == "hazard_ratio" and not timed:
            statistic = "odds_ratio"
            self.labels.taken[f"hazard ratios of {head.endpoint}"] = (
                "odds ratios, for it has no time"
            )
        elif head.holds in _BESIDE and head.ratio:
            statistic = _HELD[head.ratio][0]
        for number, part in zip(found.parts, forms[len(found.parts)], strict=True):
            self.claim(number, where, **keys, statistic=statistic, part=part)


def _has_ratio(row: Sequence[str], heads: Sequence[Head]) -> bool:
    """Whether a row has a ratio of its own, not the word or the sign of a reference."""
    ratios = [t for t, head in zip(row[1:], heads, strict=True) if head.holds in RATIOS]
    return any(cell(text).parts and not REFERENCE.match(text) for text in ratios)
