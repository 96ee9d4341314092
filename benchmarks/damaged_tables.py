"""Damaged tables and honest ones: what the reader says of each, against what is right.

Every table is made by a seed. What is right for a damage is decided before the table is
read (`table_damages`, `date_damages`). Answers are counted by kind:

    said      the table was refused, or the damage stands among the doubts
    right     the honest patients came out
    silent    other patients came out and nothing was said
    refused though harmless
    faint     silent, in a table too small to show it (`FAINT`)
    traceback anything but a CohortError

    python benchmarks/damaged_tables.py --results FILE [--tables 10000] [--honest 2000]

Results are written line by line: a second start goes on where the first one ended.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path

import honest_tables
import numpy as np
import pandas as pd
from date_damages import IN_HISTORY, IN_ROWS
from honest_tables import FORMS, STUDIES, Case, alive, dated, honest, told, write, write_history
from table_damages import DAMAGES, applies

from crlm import cohort, endpoints, files, ledger

KINDS = {**DAMAGES, **IN_ROWS, **IN_HISTORY}
#: Below so many patients chance makes the same table: what shows is a shift of shares.
FAINT = {
    "dead and alive exchanged": 200,
    "history: death and last contact exchanged": 200,
    "some sizes in mm": 60,
    "some sizes in mm, anywhere": 60,
}
#: Patients of the largest table that is damaged; the honest ones have up to 2,000.
LARGEST = 500
#: How many damages each table is given, one at a time.
DAMAGES_OF_A_TABLE = 12
#: Seeds of honest tables begin here, so that no table serves twice.
HONEST = 10_000_000

#: The patients as they came out, and what was said: problems, doubts, notes.
Read = tuple[pd.DataFrame | None, str, list[str], list[str]]


def made(study: str, sort: str, seed: int, largest: int) -> tuple[Case, np.random.Generator]:
    """An undamaged table with its times, with dates in their place, or with a history."""
    chance = np.random.default_rng(seed)
    case = Case(study, FORMS[int(chance.integers(0, 4))], honest(study, chance, largest))
    if sort == "history":
        case.table, case.history = told(case.table, study, chance)
    elif sort == "dates":
        case.table, case.book = dated(case.table, chance)
    return case, chance


@cache
def _design(study: str) -> ledger.Design:
    return ledger.load_design(study)


def read(case: Case, folder: str) -> Read:
    """A case as `crlm check` reads it."""
    files.forget()
    design = _design(case.study)
    book = case.book or None
    path = write(case, folder)
    try:
        report = cohort.check(path, design, book)
        if not report.ok:
            return None, _told(report), report.doubts, report.notes
        if case.history is None:
            return report.frame, "", report.doubts, report.notes
        beside = write_history(case, folder)
        history = cohort.check_history(beside, design, book)
        if not history.ok:
            return None, _told(history), [], []
        events = cohort.events(str(beside), str(path), design, book, report.frame)
        times = endpoints.from_history(report.frame, events, design)
    except ledger.CohortError as error:
        return None, error.told, [], []
    notes = [*report.notes, *history.notes, *events.attrs.get("notes", [])]
    known = [*report.doubts, *history.doubts]
    return times, "", known, [note for note in notes if note not in known]


def _told(report: cohort.CohortReport) -> str:
    first = report.violations.iloc[0]
    return f"{first['column']}: {first['rule']}"


@lru_cache(maxsize=8)
def undamaged(study: str, sort: str, table: int) -> Read:
    """How an honest table is read, once for all of its damages."""
    case, _ = made(study, sort, table, LARGEST)
    case.form = "csv"
    with tempfile.TemporaryDirectory() as folder:
        return read(case, folder)


def trial(seed: int) -> tuple[str, str, str]:
    """Kind of damage, answer, and where."""
    kind = list(KINDS)[seed % len(KINDS)]
    table = seed // DAMAGES_OF_A_TABLE
    study = STUDIES[table % 2] if applies(kind, STUDIES[table % 2]) else STUDIES[0]
    sort = "history" if kind in IN_HISTORY else "dates" if kind in IN_ROWS else "times"
    case, _ = made(study, sort, table, LARGEST)
    chance = np.random.default_rng([seed, 1])
    case.form = FORMS[int(chance.integers(0, 4))]
    right = undamaged(study, sort, table)
    where = f"{case.study} {case.form} {seed} n={len(case.table)}"
    if right[0] is None:
        return "undamaged", "refused", f"{where} {right[1][:120]}"
    if right[2]:
        return "undamaged", "doubted", f"{where} {right[2][0][:120]}"
    with tempfile.TemporaryDirectory() as folder:
        KINDS[kind][0](case, chance)
        try:
            found = read(case, folder)
        except Exception as error:
            return kind, "traceback", f"{where} {type(error).__name__}: {error}"
    said = answer(KINDS[kind][1], right, found)
    faint = said == "silent" and len(case.table) < FAINT.get(kind, 0)
    return kind, "faint" if faint else said, where


def answer(wanted: str, right: Read, found: Read) -> str:
    """How what was read stands to what is right."""
    frame, _, doubts, notes = found
    if frame is None:
        return "refused though harmless" if wanted in ("same", "note") else "said"
    if wanted == "same" or (wanted != "note" and alike(frame, right[0])):
        return "right" if alike(frame, right[0]) else "silent"
    said = doubts or (wanted == "note" and set(notes) - set(right[3]))
    return "said" if said else "silent"


def alike(one: pd.DataFrame, two: pd.DataFrame | None) -> bool:
    """Whether the same patients stand in two tables, in whatever order."""
    assert two is not None
    if len(one) != len(two) or set(one) != set(two):
        return False
    # A damage may sort the rows; case, width and zeros of identifiers are no difference here.
    one, two = (t.sort_values("patient_id", ignore_index=True) for t in (one, two))
    for name in two:
        if pd.api.types.is_float_dtype(two[name]):
            if not np.allclose(one[name], two[name], equal_nan=True, rtol=1e-4, atol=0.02):
                return False
        elif name != "patient_id" and list(one[name].astype(str)) != list(two[name].astype(str)):
            return False
    return True


def wolf(seed: int) -> tuple[str, str, str]:
    """What is said of an undamaged table."""
    sort = ("times", "times", "times", "dates", "history")[seed % 5]
    case, chance = made(STUDIES[seed % 2], sort, HONEST + seed, honest_tables.LARGEST)
    if seed % 40 == 0:
        case.table = alive(case.table, chance)
    with tempfile.TemporaryDirectory() as folder:
        found = read(case, folder)
    where = f"{case.study} {case.form} {seed} n={len(case.table)}"
    if found[0] is None:
        return "honest", "refused", f"{where} {found[1][:200]}"
    if found[2]:
        return "honest", "doubted", f"{where} {found[2][0][:200]}"
    return "honest", "clear", ""


# ---- many of them -----------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--honest", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first damaged table")
    parser.add_argument("--results", type=Path, required=True, help="CSV, gone on with")
    arguments = parser.parse_args()
    done = {int(line[0]) for line in _lines(arguments.results)}
    first = arguments.seed
    seeds = [*range(HONEST + first, HONEST + first + arguments.honest)]
    seeds += range(first, first + arguments.tables)
    with arguments.results.open("a", newline="", encoding="utf-8", buffering=1) as out:
        writer = csv.writer(out)
        for seed in _mixed(seeds):
            if seed not in done:
                found = wolf(seed - HONEST) if seed >= HONEST else trial(seed)
                writer.writerow([seed, *found])
    report(_lines(arguments.results))


def _mixed(seeds: Sequence[int]) -> list[int]:
    """All kinds early, so that a part of a run is a sample of the whole; tables stay together."""
    tables = {seed: 7919 * (seed // DAMAGES_OF_A_TABLE) for seed in seeds}
    return sorted(seeds, key=lambda seed: (tables[seed] % 100_003, seed))


def _lines(path: Path) -> Iterator[list[str]]:
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as lines:
            yield from (line for line in csv.reader(lines) if len(line) == 4)


def report(lines: Iterable[list[str]]) -> None:
    """Counts by kind, and the first of each that went wrong."""
    counts: dict[str, Counter[str]] = {}
    wrong: dict[tuple[str, str], str] = {}
    for _, kind, found, words in lines:
        counts.setdefault(kind, Counter())[found] += 1
        if found not in ("said", "right", "clear"):
            wrong.setdefault((kind, found), words)
    shown = ("said", "right", "silent")
    print("| damage | right is | tables | said | right | silent | other |")
    print("|---|---|---|---|---|---|---|")
    for kind in dict.fromkeys(k for k in (*KINDS, *counts) if k in counts):
        found = counts[kind]
        wanted = KINDS[kind][1] if kind in KINDS else ""
        other = ", ".join(f"{a} {n}" for a, n in found.items() if a not in shown)
        numbers = " | ".join(str(found[a]) for a in shown)
        print(f"| {kind} | {wanted} | {found.total()} | {numbers} | {other} |")
    totals: Counter[str] = Counter()
    for kind, found in counts.items():
        if kind in KINDS and KINDS[kind][1] != "blind":
            totals += found
    print(
        f"\n{totals.total()} tables that show their damage: silent {totals['silent']}, "
        f"tracebacks {totals['traceback']}\n"
    )
    for (kind, found), words in wrong.items():
        print(f"{kind}, {found}: {words}", file=sys.stderr)


if __name__ == "__main__":
    main()
