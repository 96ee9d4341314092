"""Whether the parts of a design name each other rightly: columns, factors, endpoints, levels.

Every check passes over what is not of its type; the model of the file has told that already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from crlm.ledger.chapter_faults import chapter_faults
from crlm.ledger.dictionary import (
    Table,
    name_faults,
    tables,
    texts,
    twice_faults,
)
from crlm.ledger.errors import Fault
from crlm.ledger.factor_faults import factor_faults
from crlm.ledger.factors import whole_spec
from crlm.ledger.incidences import incidence_faults
from crlm.ledger.model_references import model_faults
from crlm.ledger.names import (
    NUMBERS,
    Names,
    grouping_faults,
    list_faults,
    texts_by_key,
)
from crlm.ledger.scaled import scaled_faults, unscaled_faults
from crlm.ledger.schema import CUT
from crlm.ledger.spelling import did_you_mean, nearest
from crlm.ledger.typed import place_of
from crlm.ledger.vocabulary import (
    ARMITAGE,
    CATEGORICAL_TESTS,
    CONTINUOUS_TESTS,
    FIRST_RECURRENCE,
    KNOWN,
    MANN_WHITNEY,
    NUMBER_TRENDS,
    ORDERED_TESTS,
    START,
    TREND_TEST,
)

_EXCLUDED = "_excluded"
#: What a study with the SCP has to say.
_OF_SCP = ("early_recurrence_months",)


def reference_faults(
    design: Table, columns: Mapping[str, Table], dictionary: Table, refused: Collection[str] = ()
) -> list[Fault]:
    """What in a design names something that is not there, or that does not fit.

    Parameters
    ----------
    design : mapping
        design.toml.
    columns : mapping
        Its columns, from `dictionary.columns_of`.
    dictionary : mapping
        columns.toml.
    refused : collection of str
        Places with a fault of their own: what disagrees with them is no other fault.
    """
    if not columns:
        return []
    meant = {nearest(name, dictionary) for name in columns if not columns[name]}
    factors = {k: whole_spec(spec, columns) for k, spec in tables(design, "factors").items()}
    names = Names(columns, factors, tables(design, "scaled"), dictionary, meant)
    return [
        *factor_faults(design, names),
        *scaled_faults(design, names),
        *_endpoint_faults(design, names),
        *incidence_faults(design, names),
        *_head_faults(design, names),
        *_eligibility_faults(design, names),
        *_table_one_faults(design, names),
        *model_faults(design, names),
        *_convention_faults(design),
        *_choice_faults(design, names, refused),
        *chapter_faults(design, names),
    ]


# ---- endpoints and heading ------------------------------------------------------------------


#: The lines that declare the columns of an endpoint, by how their names end.
_OF_ENDPOINT = {
    "months": '[columns.{}] with type = "number", unit = "months", role = "time"',
    "_event": '[columns.{}] with type = "category", levels = ["0", "1"], role = "event"',
}


def _endpoint_faults(design: Table, names: Names) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    labels: dict[str, str] = {}
    for name in tables(design, "endpoints"):
        place = place_of(design, ("endpoints", name))
        first = seen.setdefault(name.lower(), name)
        if first != name:
            yield Fault(place, f"has the same columns as {first}; take another name.")
        if name == FIRST_RECURRENCE:
            yield Fault(place, f"{name!r} is what claims on recurrence sites name; take another.")
        else:
            yield from name_faults(place, name)
        wanted = [f"{name.lower()}{end}" for end in ("_months", "_event")]
        lacking = [column for column in wanted if column not in names.columns]
        spec = tables(design, "endpoints")[name]
        yield from twice_faults(f"{place} first_of", texts(spec.get("first_of")))
        if name == "OS" and texts(spec.get("first_of")) not in ([], ["death"]):
            told = f"is {spec['first_of']}, and OS ends with death alone; take another name."
            yield Fault(f"{place} first_of", told)
        if spec.get("first_of") and spec.get("death_of"):
            told = "has first_of and death_of, which are two rules; keep the paper's."
            yield Fault(place, told)
        if lacking:
            roles = {column: spec.get("role") for column, spec in names.columns.items()}
            known = [n.removesuffix("_months") for n in roles if roles[n] == "time"]
            near = nearest(name.lower(), known)
            meant = f", or did you mean {near!r}?" if near else "."
            told = f"needs the columns {' and '.join(wanted)}; columns lacks "
            lines = "; ".join(_OF_ENDPOINT[name[-6:]].format(name) for name in lacking)
            yield Fault(place, f"{told}{' and '.join(lacking)}. Add them{meant} As {lines}.")
        label, before = str(spec.get("label", name)), labels
        labels = {**before, label: name}
        if label in before:
            yield Fault(place, f"has the label of {before[label]}; no reader tells them apart.")


def _head_faults(design: Table, names: Names) -> Iterator[Fault]:
    endpoints = tables(design, "endpoints")
    for name in texts(design.get("main")):
        if name not in endpoints:
            yield Fault("main", f"{name!r} is no endpoint; {did_you_mean(name, endpoints)}")
    yield from twice_faults("main", texts(design.get("main")))
    yield from grouping_faults("exposure", design.get("exposure"), names)
    role = names.spec(str(design.get("exposure"))).get("role")
    if role in ("event", "time"):
        told = f"{design['exposure']!r} is what happened to a patient later ({role}); name a cause."
        yield Fault("exposure", told)
    yield from _nowhere(design, names)
    yield from _label_faults(design, names)


def _nowhere(design: Table, names: Names) -> Iterator[Fault]:
    """An exposure that splits no table and is in no model, where the design has some."""
    name, models = design.get("exposure"), tables(design, "models").values()
    table = design.get("table_one")
    by = table.get("by") if isinstance(table, Mapping) else None
    held = {
        one for spec in models for key in ("covariates", "strata") for one in texts(spec.get(key))
    }
    if not isinstance(name, str) or not names.levels(name) or not held:
        return

    def made_of(one: str) -> set[str]:
        return {one, str(names.spec(one).get("source") or one)}

    shown = {part for one in {str(by), *held} for part in made_of(one)}
    declared = any(names.spec(one).get("role") == "exposure" for one in made_of(name))
    if declared or made_of(name) & shown:  # A paper may show curves alone by its exposure.
        return
    told = f"{name!r} splits no table and is in no model; name the column whose effect the paper "
    yield Fault("exposure", f"{told}is about, or add it to covariates.")


def _label_faults(design: Table, names: Names) -> Iterator[Fault]:
    """Columns that are printed alike, or as an endpoint is."""
    endpoints = tables(design, "endpoints")
    seen = {str(spec.get("label")).casefold(): f"endpoint {n}" for n, spec in endpoints.items()}
    for name, spec in names.columns.items():
        if not spec.get("label") or spec.get("role") in ("time", "event"):
            continue
        first = seen.setdefault(str(spec["label"]).casefold(), name)
        if first != name:
            told = f"{spec['label']!r} is the label of {first} too; no reader tells them apart."
            yield Fault(place_of(design, ("columns", name, "label")), told)


# ---- lists of columns -----------------------------------------------------------------------


def _eligibility_faults(design: Table, names: Names) -> Iterator[Fault]:
    criteria = design.get("eligibility")
    criteria = criteria if isinstance(criteria, list) else []
    seen: list[str] = []
    for at, spec in enumerate(criteria):
        if not isinstance(spec, Mapping):
            continue
        yield from _criterion_faults(design, names, at, spec, seen)


def _by(design: Table) -> Any:
    spec = design.get("table_one")
    return spec.get("by") if isinstance(spec, Mapping) else None


def _criterion_faults(
    design: Table, names: Names, at: int, spec: Table, seen: list[str]
) -> Iterator[Fault]:
    def place(key: str) -> str:
        return place_of(design, ("eligibility", at, key))

    name, column, keep = (spec.get(key) for key in ("name", "column", "keep"))
    if isinstance(name, str):
        if name in seen:
            yield Fault(place("name"), f"{name!r} is the name of an earlier step; take another.")
        if not re.fullmatch(r"\w+", name):
            told = f"{name!r} is not one word, as claims name it; write letters, digits and _."
            yield Fault(place("name"), told)
        if name == START or name.endswith(_EXCLUDED):
            yield Fault(place("name"), f"{name!r} means another row of the flow chart; rename it.")
        seen.append(name)
    if not isinstance(column, str):
        return
    told, role = names.unknown(column, names.columns), names.spec(column).get("role")
    yield from _again_faults(design, at, place)
    if told:
        yield Fault(place("column"), told)
    elif role in ("id", "time", "event") and keep != KNOWN:
        told = f"{column!r} is what happened to a patient later ({role}); name what was known."
        yield Fault(place("column"), told)
    elif isinstance(keep, str) and keep != KNOWN:
        yield from _keep_faults(place("keep"), column, keep, _by(design), names)


def _again_faults(design: Table, at: int, place: Callable[[str], str]) -> Iterator[Fault]:
    """A step that keeps what an earlier one keeps, or what it left out."""
    this, *earlier = reversed(_tables_in(design, "eligibility")[: at + 1])
    for step in earlier:
        kept, keep = step.get("keep"), this.get("keep")
        if step.get("column") != this.get("column") or not {type(kept), type(keep)} <= {str}:
            continue
        if KNOWN in (kept, keep):
            continue
        if kept == keep:
            told = f"{keep!r} is kept by the step {step.get('name')} already; remove one."
        else:
            told = (
                f"{keep!r}, and the step {step.get('name')} keeps {kept!r} alone: nobody is left."
            )
        yield Fault(place("keep"), told)


def _keep_faults(place: str, column: str, keep: str, by: Any, names: Names) -> Iterator[Fault]:
    """What stays in: a level of the column, and not one group of Table 1 alone."""
    levels = names.levels(column)
    if levels and keep not in levels:
        yield Fault(
            place, f"{keep!r} is no level of {column}; {did_you_mean(keep, [*levels, KNOWN])}"
        )
    elif levels and column == by:
        told = f"{keep!r} leaves one group of {column}, by which Table 1 is printed; write "
        yield Fault(place, f"{told}{KNOWN!r}, or take the step out.")
    elif names.kind(column) in (*NUMBERS, "text"):
        yield Fault(place, f"{column} has no levels; only {KNOWN!r} can be asked.")


def _own_test_faults(name: str, test: str, groups: int, names: Names) -> Iterator[Fault]:
    """A test of one column that is for columns of another kind, or for fewer groups."""
    place = f"[table_one] tests.{name}"
    if told := names.unknown(name):
        yield Fault(place, told)
        return
    role = names.spec(name).get("role")
    if role in ("id", "time", "event", "entry"):
        yield Fault(place, f"{name!r} is no characteristic of a patient ({role}); remove it.")
        return
    number = names.kind(name) in NUMBERS
    of_number = (*CONTINUOUS_TESTS, *NUMBER_TRENDS)
    allowed = of_number if number else (*CATEGORICAL_TESTS, *ORDERED_TESTS)
    if test not in allowed:
        kind = "a number" if number else "a category"
        yield Fault(place, f"{name!r} is {kind}; take {' or '.join(allowed)}.")
    elif test in MANN_WHITNEY and groups > 2:
        yield Fault(place, f"{test!r} compares two groups, not {groups}; write 'kruskal'.")
    elif test in NUMBER_TRENDS and groups < 3:
        told = f"{test!r} is over three groups or more, not {groups}; take "
        yield Fault(place, f"{told}{' or '.join(CONTINUOUS_TESTS)}.")
    elif test == ARMITAGE and 2 not in (groups, len(names.levels(name))):
        told = f"{test!r} compares two groups or two levels, not {groups} and "
        told += f"{len(names.levels(name))}; write {TREND_TEST!r} or 'kruskal'."
        yield Fault(place, told)
    elif test in (TREND_TEST, ARMITAGE) and max(groups, len(names.levels(name))) < 3:
        told = f"{test!r} is over three levels or more, and {name!r} has two, as have the groups"
        yield Fault(place, f"{told}; take {' or '.join(CATEGORICAL_TESTS)}.")


def _table_one_faults(design: Table, names: Names) -> Iterator[Fault]:
    spec = design.get("table_one")
    if not isinstance(spec, Mapping):
        return
    yield from grouping_faults("[table_one] by", spec.get("by"), names)
    for key in ("variables", "percent_of_all", "preoperative", "recurrence", "recurrence_parts"):
        place = f"[table_one] {key}"
        yield from list_faults(place, spec.get(key), names, ())
        yield from unscaled_faults(place, texts(spec.get(key)), names)
        if spec.get("by") in texts(spec.get(key)):
            yield Fault(place, f"{spec['by']!r} makes the groups of the table; remove it.")
    for name in texts(spec.get("recurrence_parts")):
        if names.levels(name) and "yes" not in names.levels(name):
            told = f"{name!r} has no level yes ({', '.join(names.levels(name))}), which one column "
            told += "of each patient with a recurrence has; correct the list."
            yield Fault("[table_one] recurrence_parts", told)
    groups, test = names.levels(str(spec.get("by"))), spec.get("continuous_test")
    if test in MANN_WHITNEY and len(groups) > 2:
        told = (
            f"{test!r} compares two groups, and {spec['by']!r} has {len(groups)}; write 'kruskal'."
        )
        yield Fault("[table_one] continuous_test", told)
    yield from unscaled_faults("[table_one] tests", texts_by_key(spec.get("tests")), names)
    for name, own in texts_by_key(spec.get("tests")).items():
        yield from _own_test_faults(name, own, len(groups), names)
    endpoint, known = spec.get("recurrence_endpoint"), tables(design, "endpoints")
    if isinstance(endpoint, str) and endpoint not in known:
        told = f"{endpoint!r} is no endpoint; {did_you_mean(endpoint, known)}"
        yield Fault("[table_one] recurrence_endpoint", told)


# ---- conventions and choices ----------------------------------------------------------------


def _convention_faults(design: Table) -> Iterator[Fault]:
    rules = design.get("conventions")
    if not isinstance(rules, Mapping):
        return
    chosen = design.get("choices")
    known = {*rules, *(chosen if isinstance(chosen, Mapping) else ())} - {"unstated"}
    for name in texts(rules.get("unstated")):
        if name not in known:
            told = f"{name!r} is no convention and no choice here; {did_you_mean(name, known)}"
            yield Fault("[conventions] unstated", told)
    if "SCP" not in tables(design, "endpoints"):
        return
    for key in _OF_SCP:
        if key not in rules:
            yield Fault(f"[conventions] {key}", "is missing; the endpoint SCP needs it, in months.")


def _choice_faults(design: Table, names: Names, refused: Collection[str]) -> Iterator[Fault]:
    chosen, rules = (design.get(name) for name in ("choices", "conventions"))
    chosen = chosen if isinstance(chosen, Mapping) else {}
    rules = rules if isinstance(rules, Mapping) else {}
    cuts = [(name, spec["cut"]) for name, spec in names.factors.items() if "cut" in spec]
    entries = [spec["entry_p"] for spec in tables(design, "models").values() if "entry_p" in spec]
    if "entry_p" in chosen and entries and chosen["entry_p"] not in entries:
        told = f"{chosen['entry_p']!r} is entry_p of no model ({entries[0]}); correct one."
        yield Fault("[choices] entry_p", told)
    sound = not any(place.startswith("[factors.") for place in refused)
    for key, value in chosen.items():
        own = f"[conventions] {key}"
        if key in rules and value != rules[key] and own not in refused:
            told = f"{value!r} is not {rules[key]!r} of [conventions]; correct one."
            yield Fault(f"[choices] {key}", told)
        is_cut = key.endswith(CUT) and isinstance(value, int | float)
        if sound and is_cut and value not in [cut for _, cut in cuts]:
            known = ", ".join(f"{name} {cut:g}" for name, cut in cuts) or "none"
            yield Fault(f"[choices] {key}", f"no factor is cut at {value:g}; cuts: {known}.")


def _tables_in(spec: Table, key: str) -> list[Table]:
    found = spec.get(key)
    return [part for part in found if isinstance(part, Mapping)] if isinstance(found, list) else []
