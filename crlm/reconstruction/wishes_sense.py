"""What reconstruction.toml says that cannot be, though it names nothing unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from crlm.ledger import Design
from crlm.ledger.dictionary import Table, tables, texts
from crlm.ledger.errors import Fault
from crlm.ledger.typed import place_of
from crlm.ledger.vocabulary import KNOWN

#: No liver was resected for metastases in numbers before.
_EARLIEST = date(1950, 1, 1)


def sense_faults(design: Design, wishes: Table) -> Iterator[Fault]:
    """Days, values, conditions and weights that no study has.

    Parameters
    ----------
    design : Design
    wishes : mapping
        The file as it stands; what is not of its type is told by its model, and passed over.
    """
    for check in (_days, _patients, _values, _steps, _starts, _pairs, _weights):
        yield from check(design, wishes)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _days(design: Design, wishes: Table) -> Iterator[Fault]:
    for key, day in _mapping(wishes.get("period")).items():
        if type(day) is date and not _EARLIEST <= day <= date.today():
            when = "before liver surgery began" if day < _EARLIEST else "still to come"
            yield Fault(f"[period] {key}", f"{day} is {when}; correct the year.")


def _patients(design: Design, wishes: Table) -> Iterator[Fault]:
    """Levels of numbers, patients who are left out by no step or before theirs."""
    for name, level in _mapping(wishes.get("included")).items():
        if name in texts(_mapping(wishes.get("groups")).get("columns")):
            told = f"{name!r} makes the groups, and not every patient is {level!r}; remove it."
            yield Fault("[included]", told)
        if name in design.columns and not design.levels(name):
            yield Fault("[included]", f"{name!r} is a number; only levels can be everybody's.")
        for step in design.eligibility:
            if step["column"] == name and not stays({name: level}, step):
                told = f"{level!r}: the step {step['name']} keeps {step['keep']!r} alone, so that "
                yield Fault(f"[included] {name}", f"{told}nobody would be left; correct it.")
    screened = wishes.get("screened")
    for at, spec in enumerate(screened if isinstance(screened, list) else (), start=1):
        yield from _left_out(f"[[screened]] {at}, row", _mapping(_mapping(spec).get("row")), design)


def _left_out(place: str, row: Table, design: Design) -> Iterator[Fault]:
    """A row that no step leaves out, or an earlier one than that whose level it says."""
    out = [step for step in design.eligibility if not stays(row, step)]
    if not out:
        told = "no step of [[eligibility]] leaves such patients out; name what does."
        yield Fault(place, told)
    meant = next((at for at, step in enumerate(out) if step["column"] in row), 0)
    if meant:
        lacking = {step["column"]: step["keep"] for step in out[:meant]}
        said = ", ".join(
            f"{name} = " + (f"a level of {name}" if keep == KNOWN else f'"{keep}"')
            for name, keep in lacking.items()
        )
        first, step = out[0]["name"], out[meant]["name"]
        told = f"does not say {', '.join(lacking)}, so that such patients are out at the step "
        yield Fault(place, f"{told}{first} already, and not at {step}; write {said} too.")


def stays(row: Table, step: Mapping[str, Any]) -> bool:
    """Whether a row of levels passes a step; what it does not say is not known."""
    level = row.get(step["column"])
    return level is not None if step["keep"] == KNOWN else level == step["keep"]


def _values(design: Design, wishes: Table) -> Iterator[Fault]:
    """Values that a column cannot have, and a curve of one knot."""
    for name, spec in tables(wishes, "columns").items():
        for group, knots in _mapping(spec.get("knots")).items():
            place = place_of(wishes, ("columns", name, "knots", group))
            pairs = [k for k in knots if isinstance(k, list)] if isinstance(knots, list) else []
            yield from _ends(name, spec, pairs, place)
            if isinstance(knots, list) and len(knots) < 2:
                yield Fault(place, f"{knots} is no spread; two knots or more are needed.")
            for value in (pair[1] for pair in pairs if len(pair) == 2):
                yield from _outside(design, name, value, place)
        for value in _mapping(spec.get("given")).values():
            yield from _outside(design, name, value, place_of(wishes, ("columns", name, "given")))


def _ends(name: str, spec: Table, pairs: list[Any], place: str) -> Iterator[Fault]:
    """Knots that do not run from the lowest patient to the highest, or have no logarithm."""
    plain = [p for p in pairs if len(p) == 2 and all(isinstance(v, int | float) for v in p)]
    if len(plain) > 1 and 0 <= plain[0][0] and plain[-1][0] <= 1:
        if plain[0][0] > 0 or plain[-1][0] < 1:
            told = f"runs from {plain[0][0]:g} to {plain[-1][0]:g}; the first knot is that of "
            yield Fault(place, f"{told}share 0, the lowest value, and the last that of share 1.")
    if spec.get("scale") == "log" and plain and plain[0][1] <= 0:
        told = f"begins at {plain[0][1]:g}, of which there is no logarithm; write scale = "
        yield Fault(place, f"{told}'linear', or begin above 0.")


def _steps(design: Design, wishes: Table) -> Iterator[Fault]:
    """Steps of whole numbers that are none, and columns that are exchanged with none or twice."""
    for name, spec in tables(wishes, "columns").items():
        grid = spec.get("grid")
        whole = design.columns.get(name, {}).get("type") == "integer"
        if whole and isinstance(grid, int | float) and grid != int(grid):
            told = f"{grid:g} is no step of {name}, which is of type 'integer'; write 1."
            yield Fault(place_of(wishes, ("columns", name, "grid")), told)
    units = wishes.get("units")
    listed = [texts(unit) for unit in units] if isinstance(units, list) else []
    for unit in listed:
        if len(unit) == 1:
            yield Fault("units", f"{unit[0]!r} is alone; it is exchanged anyway. Name two.")
    every = [name for unit in listed for name in dict.fromkeys(unit)]
    for name in dict.fromkeys(n for n in every if every.count(n) > 1):
        yield Fault("units", f"{name!r} is in two units; join them.")


def _starts(design: Design, wishes: Table) -> Iterator[Fault]:
    """Combinations of sites of which none begins."""
    start = _mapping(wishes.get("sites")).get("start")
    numbers = [n for n in start if isinstance(n, int | float)] if isinstance(start, list) else []
    if numbers and not sum(numbers) > 0:
        yield Fault("[sites] start", "begins with nobody; one number at least is above 0.")
    for name, places in _mapping(_mapping(wishes.get("sites")).get("flags")).items():
        listed = places if isinstance(places, list) else []
        for at in sorted({n for n in listed if isinstance(n, int) and listed.count(n) > 1}):
            yield Fault(f"[sites.flags] {name}", f"{at} stands there twice; keep one.")


def _outside(design: Design, name: str, value: Any, place: str) -> Iterator[Fault]:
    column = design.columns.get(name, {})
    low, high = column.get("min"), column.get("max")
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    if (low is not None and value < low) or (high is not None and value > high):
        ends = f"{'' if low is None else low} to {'' if high is None else high}".strip()
        yield Fault(place, f"{value:g} is outside what {name} can be ({ends}); correct it.")


def _pairs(design: Design, wishes: Table) -> Iterator[Fault]:
    """Conditions that exclude each other anyway, or are one, and a column beside itself."""
    realism = _mapping(wishes.get("realism"))
    never = realism.get("never")
    for pair in map(texts, never if isinstance(never, list) else ()):
        if len(pair) != 2:
            continue
        columns = [part.partition("=")[0] for part in pair if part.count("=") == 1]
        if pair[0] == pair[1]:
            yield Fault("[realism] never", f"{pair[0]!r} stands beside itself; name two.")
        elif len(columns) == 2 and columns[0] == columns[1]:
            told = f"{' and '.join(pair)} are never one patient's anyway; leave the pair out."
            yield Fault("[realism] never", told)
    wishes_of_two = realism.get("correlations")
    for at, wish in enumerate(wishes_of_two if isinstance(wishes_of_two, list) else (), start=1):
        names = texts(_mapping(wish).get("columns"))
        if len(names) == 2 and names[0] == names[1]:
            place = f"[[realism.correlations]] {at}, columns"
            yield Fault(place, f"{names[0]!r} stands beside itself; name two.")


def _weights(design: Design, wishes: Table) -> Iterator[Fault]:
    """Levels of which none is dealt."""
    for name, spec in tables(wishes, "dressing").items():
        for group, weights in tables(spec, "weights").items():
            numbers = [w for w in weights.values() if isinstance(w, int | float)]
            if len(numbers) == len(weights) and not sum(numbers) > 0:
                place = f"[dressing.{name}.weights] {group}"
                yield Fault(place, "deals out no level; one weight at least is above 0.")
