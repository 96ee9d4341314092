"""Rows of a regression table whose ratios are for a step: per 10 years, per doubling, per level."""

from __future__ import annotations

from dataclasses import replace

from crlm.transcription import meanings, stepped
from crlm.transcription.asking import to_ask
from crlm.transcription.everybody import patients_in
from crlm.transcription.labels import Label, compares, factors_in
from crlm.transcription.table import TREND, Table


class Stepping(Table):
    """A table whose rows may be of scaled numbers of the design."""

    endpoint: str

    def size_of(self, label: str, found: Label, heading: bool) -> None:
        """The patients in the label of a row: of its level, or of known value.

        Which they are of two levels of which the label names none, nobody says: told.
        """
        keys = {"covariate": found.column, "level": found.level}
        levels = [] if ":" in found.column else self.design.levels(found.column)
        if found.level or heading or not levels:
            among = self.among_of(self.endpoint)
            aside = ":" in found.column or compares(label)
            self.size_in("" if aside else label, keys | ({"population": among} if among else {}))
        elif patients_in(label):
            told = f"{label!r} says how many patients and not of which level"
            self.made.left_out.append(f"{self.place}: {told}.")

    def among_of(self, endpoint: str) -> str:
        """The patients of the model of an endpoint; "" where they are those of the table."""
        raise NotImplementedError

    def in_its_step(self, label: str, found: Label, where: str) -> Label | None:
        """A number as the covariate whose ratios are for what the row says; None if none is."""
        of_level = not found.step and (
            self._of_a_level(label, found, where) or self._cut_in_model(label, found, where)
        )
        if of_level or self._of_time(label, found.column, where):
            return None
        if ":" in found.column:
            return self._product_in_its_step(label, found, where)
        if self.design.levels(found.column):
            self.labels.tell_sides(label, found)
            return self.per_level(label, found, where)
        column = self.design.source(found.column)
        if not found.step:
            unit = self.labels.other_unit(label, column) if found.column == column else ""
            if unit:
                return self._in_another_unit(label, found, unit, where)
            own = [n for n in self.labels.asked if self.design.source(n) == column]
            scaled = [n for n in own if n in self.design.scaled]
            if found.column == column and scaled and own == scaled[:1]:
                if meanings.names_unit(label, self.design.unit_of(column)):
                    return self._in_its_unit(label, found, scaled[0], where)
                self.labels.taken[label] = f"{scaled[0]}, {self.design.label(scaled[0])}"
                return replace(found, column=scaled[0])
            return found
        step = stepped.step_in(self.design, found.step, column)
        named = stepped.named_so(self.design, column, step)
        if not named or (found.column != column and found.column != named):
            self._ask_for_step(label, column, step, where)
            return None
        return replace(found, column=named)

    def _of_time(self, label: str, column: str, where: str) -> bool:
        """Ask where a label names the time or the event of an endpoint, which no model holds."""
        role = self.design.columns.get(column, {}).get("role")
        if role not in ("time", "event"):
            return False
        told = f"{label!r} names {column}, which is no covariate of a model; where a row is an "
        told += "endpoint, write its covariate into the row and the endpoint into a heading above"
        self.ask(where, told)
        return True

    def _of_a_level(self, label: str, found: Label, where: str) -> bool:
        """Ask where a label says a level of what is a number in the design: "CEA (elevated)"."""
        parts = factors_in(label) if ":" in found.column else [label]
        for part in () if self.labels.answered(label) else parts:
            column = found.column if len(parts) == 1 else self.labels.read(part).column
            said = "" if self.design.levels(column) else meanings.level_said(part)
            if said and said not in self.design.label(column):
                cut = [n for n in self.design.factors_from(column) if self.design.cut(n)]
                told = f"{label!r} says {said!r} of {column}, which is a number in the design, and "
                told += "the ratio of a level is none of one unit. Say which level of which factor "
                told += f"with {to_ask(label, *(f'{n}:LEVEL' for n in cut or ['FACTOR']))}, or, if "
                told += f"it is the ratio of the number, {to_ask(label, found.column)}"
                self.ask(where, told)
                return True
        return False

    def _cut_in_model(self, label: str, found: Label, where: str) -> bool:
        """Ask whose ratio it is where a label names a number that the model holds cut alone."""
        own = [name for name in self.labels.asked if self.design.source(name) == found.column]
        cut = [name for name in own if self.design.cut(name)]
        if not cut or len(cut) < len(own) or self.labels.answered(label):
            return False
        held = ", ".join(f"{name} ({self.design.label(name)})" for name in cut)
        told = f"{label!r} names {found.column}, and the model holds of it {held} alone. Say "
        levels = [f"{name}:{self.design.levels(name)[-1]}" for name in cut]
        told += f"whose the ratio is with {to_ask(label, *levels)}; of the number itself, name "
        told += f"{found.column} among the covariates of the model"
        self.ask(where, told)
        return True

    def per_level(self, label: str, found: Label, where: str) -> Label | None:
        """A category whose ratio is per level as the score of the design; None if it has none."""
        step = stepped.level_step(found.step)
        if found.notes == TREND:
            step = stepped.Step("p for trend", "per_level")
        if step is None or found.level:
            return found
        if name := stepped.named_so(self.design, found.column, step):
            return replace(found, column=name)
        self._ask_for_step(label, found.column, step, where)
        return None

    def _in_another_unit(self, label: str, found: Label, unit: str, where: str) -> Label | None:
        """A label that has another unit than its column: is its ratio per mm, or per cm?"""
        column, own = found.column, self.design.unit_of(found.column)
        step = stepped.step_in(self.design, f"per {unit}", column)
        named = stepped.named_so(self.design, column, step) if step.key else ""
        if named in self.labels.asked:
            self.labels.taken[label] = f"{named}, {self.design.label(named)}"
            return replace(found, column=named)
        remedy = "give the column that unit"
        if step.key:
            name, lines = stepped.to_declare(column, step)
            remedy = f"declare {lines}, and name {name} among the covariates of the model"
        told = f"{label!r} is in {unit}, and the design has {column} in {own}. If the ratio is "
        told += f"per {unit}, {remedy}; where print has the wrong unit, or the ratio is per {own}, "
        self.ask(where, f"{told}{to_ask(label, f'{column}:{own}')}")
        return None

    def _in_its_unit(self, label: str, found: Label, scaled: str, where: str) -> Label | None:
        """A label that names a unit and no step, where the model has the number in another one."""
        if self.labels.answered(label):
            return found
        told = f"{label!r} names a unit and no step, and the model has {scaled} "
        told += f"({self.design.label(scaled)}). Say what the ratio is for with "
        self.ask(where, f"{told}{to_ask(label, scaled, found.column)}")
        return None

    def _product_in_its_step(self, label: str, found: Label, where: str) -> Label | None:
        """A product, if what its row says of a step is true of its one number."""
        numbers = [n for n in found.column.split(":") if not self.design.levels(n)]
        steps = [stepped.step_in(self.design, found.step, name) for name in numbers]
        fitting = [
            name
            for name, step in zip(numbers, steps, strict=True)
            if stepped.named_so(self.design, self.design.source(name), step) == name
        ]
        if not found.step or len(fitting) == len(numbers) == 1:
            return found
        told = f"{label!r} is {found.step}, and the product {found.column} of the design is not"
        self.ask(where, f"{told}. Name a product of that step, or leave the row out of the table")
        return None

    def _ask_for_step(self, label: str, column: str, step: stepped.Step, where: str) -> None:
        """A ratio for a step that the design does not have, or that no design can."""
        others = [n for n, spec in self.design.scaled.items() if spec["source"] == column]
        has = "; ".join(f"{name} ({self.design.label(name)})" for name in others)
        told = f"{label!r} is {step.said}, and the design has {column}"
        usual = "by its levels" if self.design.levels(column) else "for one unit of it"
        told += f" besides as {has}" if others else f" {usual}"
        if stepped.is_log(step.said):
            remedy = "Say which column is the logarithm with "
            remedy += f"{to_ask(label, 'COLUMN')}, or leave the row out of the table"
        elif not step.key:
            unit = self.design.unit_of(column) or "units"
            remedy = f"That is neither so many {unit} nor so many times as much: write it so, or "
            remedy += "leave the row out of the table"
        else:
            name, lines = stepped.to_declare(column, step)
            remedy = f"Declare {lines}, and name {name} among the covariates of the model"
            if step.key == "per_level":
                remedy += ", and in its left_out where the model has the levels"
        self.ask(where, f"{told}. {remedy}")
